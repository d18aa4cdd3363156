//! The exact projection of shares onto floors and caps: the nearest shares, in relative entropy, that keep to them.
//!
//! Of all p with ℓ ≤ p ≤ u and Σ p = 1 the one with the least Σ p_k ln(p_k / q_k) is p_k = min(u_k, max(ℓ_k, c q_k)), with the
//! c > 0 at which the sum is 1. The sum is piecewise linear in c and rises, so c lies between two of the sorted borders
//! ℓ_k / q_k and u_k / q_k, and follows from those that are between their bounds there.
//!
//! Groups that do not overlap, with bounds on their sums, need nothing else: let p^L be the projection of a group's shares to
//! the sum of its floor and p^U that to its cap; then the group as a whole follows the same c between p^L and p^U.
//!
//! Where groups overlap, each kind of group (a dimension) in turn is given the factors that its bounds ask for, the factors of
//! the others being held, until nothing moves: the dual's ascent by blocks (L. M. Bregman (1967), *The relaxation method of
//! finding the common point of convex sets*; of iterative proportional fitting, if all bounds are equations).
//!
//! Nothing but sums, products and quotients in a fixed order: the same bits on every platform.

use super::shares::InfeasibleShares;

/// How far the sum of a group may be beyond its bounds where groups overlap.
pub(super) const CLOSE: f64 = 1e-12;

/// How far it may be when the turns are over. Bounds that leave no room to speak of are approached slowly.
const BEARABLE: f64 = 1e-9;

/// Turns through all kinds of groups, at most.
const TURNS: usize = 2_000;

/// A share of less than this is taken for this much: what a floor gives to those who ask for nothing, they share evenly.
const LEAST: f64 = 1e-20;

/// Bounds of the shares of so many members, floors first.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bounded {
    pub(super) floors: Vec<f64>,
    pub(super) caps: Vec<f64>,
}

/// Groups of one kind: each member is in one of them, and their sums have bounds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Groups {
    /// The number of the dimension whose levels they are.
    pub(super) dimension: usize,
    /// The group of each member.
    pub(super) of: Vec<u32>,
    pub(super) sums: Bounded,
}

/// The projection of shares onto the bounds of members and groups.
pub(super) fn project(
    shares: &[f64],
    members: &Bounded,
    kinds: &[Groups],
) -> Result<Vec<f64>, InfeasibleShares> {
    let asked: Vec<f64> = shares.iter().map(|share| share.max(LEAST)).collect();
    match kinds {
        [] => nested(&asked, members, None).map(|fitted| fitted.shares),
        [only] => nested(&asked, members, Some(only)).map(|fitted| fitted.shares),
        _ => overlapping(&asked, members, kinds),
    }
}

/// Shares within the bounds of all members and of one kind of groups, and the factor that each group was given.
struct Fitted {
    shares: Vec<f64>,
    factors: Vec<f64>,
}

/// The projection where groups do not overlap.
fn nested(asked: &[f64], members: &Bounded, groups: Option<&Groups>) -> Result<Fitted, InfeasibleShares> {
    let mut narrowed = members.clone();
    let Some(Groups { dimension, of, sums }) = groups else {
        check(narrowed.floors.iter().sum(), narrowed.caps.iter().sum())?;
        let factor = factor(asked, &narrowed, 1.0);
        return Ok(Fitted { shares: scaled(asked, &narrowed, factor), factors: vec![factor] });
    };
    let count = sums.floors.len();
    let mut of_group = vec![Vec::new(); count];
    of.iter().enumerate().for_each(|(member, &group)| of_group[group as usize].push(member));
    let mut reach = vec![(0.0, f64::INFINITY); count];
    let mut room = (0.0, 0.0);
    for (group, own) in of_group.iter().enumerate().filter(|(_, own)| !own.is_empty()) {
        let pick = |values: &[f64]| own.iter().map(|&member| values[member]).collect::<Vec<f64>>();
        let (asked, bounds) =
            (pick(asked), Bounded { floors: pick(&members.floors), caps: pick(&members.caps) });
        let (least, most) = (bounds.floors.iter().sum::<f64>(), bounds.caps.iter().sum::<f64>());
        let (floor, cap) = (sums.floors[group], sums.caps[group]);
        let (floors, caps) = (least.max(floor), most.min(cap));
        if !(floors <= caps + CLOSE) {
            return Err(InfeasibleShares::Level { dimension: *dimension, level: group, floors, caps });
        }
        if least < floor {
            reach[group].0 = factor(&asked, &bounds, floor);
            let floors = scaled(&asked, &bounds, reach[group].0);
            own.iter().zip(floors).for_each(|(&member, floor)| narrowed.floors[member] = floor);
        }
        if most > cap {
            reach[group].1 = factor(&asked, &bounds, cap);
            let caps = scaled(&asked, &bounds, reach[group].1);
            own.iter().zip(caps).for_each(|(&member, cap)| narrowed.caps[member] = cap);
        }
        room = (room.0 + floors, room.1 + caps);
    }
    check(room.0, room.1)?;
    let factor = factor(asked, &narrowed, 1.0);
    let factors = reach.iter().map(|&(least, most)| factor.max(least).min(most)).collect();
    Ok(Fitted { shares: scaled(asked, &narrowed, factor), factors })
}

/// The projection where they do.
fn overlapping(asked: &[f64], members: &Bounded, kinds: &[Groups]) -> Result<Vec<f64>, InfeasibleShares> {
    let mut factors: Vec<Vec<f64>> = kinds.iter().map(|groups| vec![1.0; groups.sums.floors.len()]).collect();
    let mut shares = asked.to_vec();
    let mut astray = f64::INFINITY;
    for _ in 0..TURNS {
        // From kind to kind, not from turn to turn: while members stand at their bounds, each turn may end with the same shares and
        // factors still be on their way.
        let mut moved = 0.0_f64;
        for (kind, groups) in kinds.iter().enumerate() {
            let others = |member: usize| {
                let held = kinds.iter().zip(&factors).enumerate().filter(|&(other, _)| other != kind);
                held.map(|(_, (groups, factors))| factors[groups.of[member] as usize]).product::<f64>()
            };
            let given = asked.iter().enumerate().map(|(member, &share)| share * others(member));
            let mut given: Vec<f64> = given.collect();
            // Only proportions matter: kept near 1, so that no run of turns leaves the range of numbers.
            let total: f64 = given.iter().sum();
            if !(total > 0.0 && total < f64::INFINITY) {
                return Err(InfeasibleShares::Together);
            }
            given.iter_mut().for_each(|share| *share = (*share / total).max(f64::MIN_POSITIVE));
            let fitted = nested(&given, members, Some(groups))?;
            let greatest = fitted.factors.iter().copied().fold(0.0, f64::max);
            factors[kind] = fitted.factors.iter().map(|factor| factor / greatest).collect();
            let steps = fitted.shares.iter().zip(&shares).map(|(now, then)| (now - then).abs());
            moved = steps.fold(moved, f64::max);
            shares = fitted.shares;
        }
        astray = kinds.iter().map(|groups| beyond(&shares, groups)).fold(0.0, f64::max);
        if astray <= CLOSE && moved <= CLOSE {
            return Ok(shares);
        }
    }
    if astray <= BEARABLE { Ok(shares) } else { Err(InfeasibleShares::Together) }
}

/// How far the sum of the worst group is beyond its bounds.
fn beyond(shares: &[f64], groups: &Groups) -> f64 {
    let mut sums = vec![0.0; groups.sums.floors.len()];
    let mut lives = vec![false; sums.len()];
    for (share, &group) in shares.iter().zip(&groups.of) {
        sums[group as usize] += share;
        lives[group as usize] = true;
    }
    let bounds = groups.sums.floors.iter().zip(&groups.sums.caps);
    let beyond = sums.iter().zip(bounds).map(|(sum, (floor, cap))| (floor - sum).max(sum - cap));
    beyond.zip(lives).filter(|&(_, lives)| lives).map(|(beyond, _)| beyond).fold(0.0, f64::max)
}

/// Whether all shares together may be 1, rounding apart.
fn check(floors: f64, caps: f64) -> Result<(), InfeasibleShares> {
    match floors <= 1.0 + CLOSE && caps >= 1.0 - CLOSE {
        true => Ok(()),
        false => Err(InfeasibleShares::Total { floors, caps }),
    }
}

/// Every share times a factor, within its bounds.
fn scaled(asked: &[f64], bounds: &Bounded, factor: f64) -> Vec<f64> {
    let bounds = bounds.floors.iter().zip(&bounds.caps);
    asked.iter().zip(bounds).map(|(share, (floor, cap))| (factor * share).max(*floor).min(*cap)).collect()
}

/// The factor by which shares, kept within their bounds, come to a sum.
fn factor(asked: &[f64], bounds: &Bounded, sum: f64) -> f64 {
    let members = || asked.iter().zip(bounds.floors.iter().zip(&bounds.caps));
    let mut borders: Vec<f64> = members()
        .flat_map(|(share, (floor, cap))| [floor / share, cap / share])
        .filter(|&at| at > 0.0)
        .collect();
    borders.sort_unstable_by(f64::total_cmp);
    let total = |factor: f64| {
        members().map(|(share, (floor, cap))| (factor * share).max(*floor).min(*cap)).sum::<f64>()
    };
    // The last border at which the sum is not passed; between it and the next those who move, move in proportion.
    let passed = borders.partition_point(|&border| total(border) <= sum);
    let from = if passed == 0 { 0.0 } else { borders[passed - 1] };
    let until = borders.get(passed).copied().unwrap_or(f64::INFINITY);
    let (mut still, mut moving) = (0.0, 0.0);
    for (share, (floor, cap)) in members() {
        match (floor / share <= from, cap / share > from) {
            (true, true) => moving += share,
            (true, false) => still += cap,
            (false, _) => still += floor,
        }
    }
    if moving > 0.0 { ((sum - still) / moving).max(from).min(until) } else { from }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alike(members: usize, floor: f64, cap: f64) -> Bounded {
        Bounded { floors: vec![floor; members], caps: vec![cap; members] }
    }

    fn close(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-15, "{found} for {expected}");
        }
    }

    #[test]
    fn shares_between_floor_and_cap_by_hand() {
        // c = 2: the first is at its cap, the others are twice what they were.
        close(&project(&[0.9, 0.07, 0.03], &alike(3, 0.05, 0.8), &[]).expect("room"), &[0.8, 0.14, 0.06]);
        // Nobody is at a bound, and nothing moves.
        close(&project(&[0.5, 0.3, 0.2], &alike(3, 0.1, 0.6), &[]).expect("room"), &[0.5, 0.3, 0.2]);
        // Who asked for nothing gets the floor, or shares evenly what caps leave over.
        close(&project(&[1.0, 0.0, 0.0], &alike(3, 0.1, 1.0), &[]).expect("room"), &[0.8, 0.1, 0.1]);
        close(&project(&[1.0, 0.0, 0.0], &alike(3, 0.0, 0.5), &[]).expect("room"), &[0.5, 0.25, 0.25]);
    }

    #[test]
    fn groups_are_bounded_as_a_whole_and_keep_their_proportions() {
        // Two groups of two; the first is to have no more than 0.4, and its members are to it as 2 to 1.
        let sums = Bounded { floors: vec![0.0, 0.0], caps: vec![0.4, 1.0] };
        let groups = Groups { dimension: 0, of: vec![0, 1, 0, 1], sums };
        let found = project(&[0.6, 0.07, 0.3, 0.03], &alike(4, 0.0, 1.0), std::slice::from_ref(&groups))
            .expect("room");
        close(&found, &[0.8 / 3.0, 0.42, 0.4 / 3.0, 0.18]);
        // A member's own cap as well: what it may not have its group gets, and after that the other group.
        let mut members = alike(4, 0.0, 1.0);
        members.caps[0] = 0.2;
        close(&project(&[0.6, 0.07, 0.3, 0.03], &members, &[groups]).expect("room"), &[0.2, 0.42, 0.2, 0.18]);
    }

    #[test]
    fn overlapping_groups_of_equations_are_fitted_proportionally() {
        // A table of two by two with given sums of rows and columns keeps its cross ratio of 4.
        let half = |first: f64| Bounded { floors: vec![first, 1.0 - first], caps: vec![first, 1.0 - first] };
        let rows = Groups { dimension: 0, of: vec![0, 0, 1, 1], sums: half(0.3) };
        let columns = Groups { dimension: 0, of: vec![0, 1, 0, 1], sums: half(0.6) };
        let found = project(&[0.4, 0.1, 0.25, 0.25], &alike(4, 0.0, 1.0), &[rows, columns]).expect("room");
        let [a, b, c, d] = found[..] else { unreachable!("four members") };
        assert!((a + b - 0.3).abs() < 1e-12 && (a + c - 0.6).abs() < 1e-12);
        assert!((a * d / (b * c) - 4.0).abs() < 1e-9);
    }

    /// The second is at its column's cap; the first, which asked for a million times as much as the third, has all that its row then
    /// may. Turn after turn begins with the first at its floor.
    #[test]
    fn members_at_their_floors_do_not_end_the_turns() {
        let capped = |first: f64, second: f64| Bounded { floors: vec![0.0; 2], caps: vec![first, second] };
        let rows = Groups { dimension: 0, of: vec![0, 0, 1], sums: capped(0.75, 1.0) };
        let columns = Groups { dimension: 1, of: vec![0, 1, 0], sums: capped(1.0, 0.5) };
        let found = project(&[1e-4, 0.8, 1e-10], &alike(3, 0.05, 0.95), &[rows, columns]).expect("room");
        for (found, expected) in found.iter().zip([0.25, 0.5, 0.25]) {
            assert!((found - expected).abs() < 1e-9, "{found} for {expected}");
        }
    }

    #[test]
    fn no_room_is_told() {
        assert_eq!(
            project(&[0.5, 0.5], &alike(2, 0.0, 0.25), &[]),
            Err(InfeasibleShares::Total { floors: 0.0, caps: 0.5 })
        );
        assert_eq!(
            project(&[0.5, 0.5], &alike(2, 0.75, 1.0), &[]),
            Err(InfeasibleShares::Total { floors: 1.5, caps: 2.0 })
        );
        // Each kind of groups leaves room alone, both together leave none: the first row has to be in the first column.
        let rows = Groups {
            dimension: 0,
            of: vec![0, 0, 1],
            sums: Bounded { floors: vec![0.9, 0.0], caps: vec![1.0, 1.0] },
        };
        let columns = Groups {
            dimension: 0,
            of: vec![0, 0, 1],
            sums: Bounded { floors: vec![0.0, 0.5], caps: vec![1.0, 1.0] },
        };
        let kinds = [rows, columns];
        let together = project(&[0.4, 0.3, 0.3], &alike(3, 0.0, 1.0), &kinds);
        assert_eq!(together, Err(InfeasibleShares::Together));
        // A level whose arms may not have what it is to have.
        let level = InfeasibleShares::Level { dimension: 0, level: 0, floors: 0.9, caps: 0.5 };
        assert_eq!(project(&[0.4, 0.3, 0.3], &alike(3, 0.0, 0.25), &kinds[..1]), Err(level));
    }
}
