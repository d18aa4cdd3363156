//! Contests among many arms: which of them is the best in each draw.

use std::ops::Range;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};

use crate::arm::ArmId;
use crate::segment::SegmentId;

use super::collapsed::{Collapsed, Effects};
use super::normal::standard;
use super::rows::{Rows, Sums, largest};
use super::sweeps::Sweeps;
use super::tables::Kind;

/// Sweeps before the first draw: the chain begins at the mode, from which it must come away.
const BURNT: usize = 8;

/// A residual is drawn only if it would have to be no more than so many standard deviations for the arm to win.
const HOPELESS: f64 = 5.0;

/// Of the draws, one in so many is never tempered; a quarter of all is drawn for these and to see how open the contest is.
const PLAIN: f64 = 1.0 / 8.0;

/// How many deviations, about, the best of all arms may lie above the mode in a tempered draw.
const TEMPER: f64 = 1.2;

/// Trials of each arm after which draws are tempered by no more than half, where levels say all there is to say of arms and where they
/// say nothing: in between, by the share of the variance that is of single arms.
const PATIENCE: [f64; 2] = [1.0, 10.0];

/// An arm that has something of its own: its logit is sum + own (middle − sum) ± deviation, for the sum of its shared effects.
#[derive(Clone, Copy, Debug)]
struct Own {
    position: usize,
    /// How much of what is shared gives way to what it has shown itself, in [0, 1).
    own: f64,
    /// `own` × the logit that it has shown itself.
    middle: f64,
    deviation: f64,
    /// Its entry in the table of arms, if there is one.
    arm: Option<usize>,
}

/// What is drawn again and again.
#[derive(Debug)]
struct Contest<'a> {
    mode: &'a Collapsed,
    rows: &'a Rows,
    /// By position.
    own: Vec<Own>,
    /// Where those of each row begin, and where the last end.
    of_row: Vec<usize>,
    /// The table of arms.
    arms: Option<usize>,
    /// No logit of a row exceeds the larger of two numbers, the first of which is here and the other the most that its sums are, by
    /// more than the second.
    lifts: Vec<(f64, f64)>,
    /// Rows that lie together, and the largest of both numbers among them: most groups are left out as a whole.
    groups: Vec<(Range<usize>, (f64, f64))>,
    /// Logits of one row.
    logits: Vec<f64>,
}

/// How far sums may fall below those at the mode before rows are looked at that could be left out.
const FALL: f64 = 2.0;

/// How often each of the arms, which ascend, is the best in a segment: (position, share), ascending.
///
/// The maximum of m equal Gaussians lies √(2 ln m) deviations above their mean, so that of very many arms each draw finds another
/// one best, and Thompson sampling tries all before it uses what it knows. So where draws are `tempered`, deviations from the
/// mode are multiplied by α = min(1, 1.2 / √(2 H)) in seven draws of eight, for the entropy H of the frequencies in the draws
/// that are not: a contest that is decided is left alone. What that saves early is lost by holding to the second best late; so α is
/// at least n / (n + (1 + 9 ρ) K), for n trials of K arms, where ρ is the share of what single arms have of their own in the variance of
/// logits: the more there is to learn of each arm by itself, the longer it takes to have learnt it.
pub(super) fn best(
    mode: &Collapsed,
    rows: &Rows,
    (segment, arms): (SegmentId, &[ArmId]),
    draws: usize,
    tempered: bool,
    seed: u64,
) -> Vec<(u32, f64)> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut sweeps = Sweeps::from(mode);
    sweeps.burn(BURNT, &mut rng);
    let mut contest = Contest::of(mode, rows, segment, arms);
    let mut wins: Vec<(u32, f64)> = Vec::with_capacity(draws + 2);
    let pairs = draws.div_ceil(2);
    let pilots = if tempered { pairs.div_ceil(4) } else { pairs };
    let each = if pilots < pairs { PLAIN } else { 1.0 } / (2 * pilots) as f64;
    for _ in 0..pilots {
        sweeps.sweep(&mut rng);
        wins.extend([1.0, -1.0].map(|sign| (contest.winner(&sweeps.effects, sign, &mut rng), each)));
    }
    let wins_so_far = gathered(wins.clone());
    let mass: f64 = wins_so_far.iter().map(|win| win.1).sum();
    let entropy: f64 =
        wins_so_far.iter().map(|win| win.1 / mass).map(|share| -share * libm::log(share)).sum();
    let part = part(entropy, mode.cells.trials(), arms.len(), mode.scales.own());
    let each = (1.0 - PLAIN) / (2 * (pairs - pilots)).max(1) as f64;
    for _ in pilots..pairs {
        sweeps.sweep(&mut rng);
        wins.extend([part, -part].map(|part| (contest.winner(&sweeps.effects, part, &mut rng), each)));
    }
    gathered(wins)
}

/// What deviations are multiplied by, at this entropy of a contest of so many arms after so many trials, where single arms have
/// this share of the variance.
fn part(entropy: f64, trials: f64, arms: usize, own: f64) -> f64 {
    let [shared, alone] = PATIENCE;
    let late = trials / (trials + (shared + (alone - shared) * own) * arms as f64);
    if entropy > 0.0 { (TEMPER / (2.0 * entropy).sqrt()).max(late).min(1.0) } else { 1.0 }
}

/// Shares by position, ascending.
fn gathered(mut wins: Vec<(u32, f64)>) -> Vec<(u32, f64)> {
    wins.sort_by_key(|&(position, _)| position);
    wins.dedup_by(|next, first| {
        let same = next.0 == first.0;
        first.1 += if same { next.1 } else { 0.0 };
        same
    });
    wins
}

impl<'a> Contest<'a> {
    fn of(mode: &'a Collapsed, rows: &'a Rows, segment: SegmentId, arms: &[ArmId]) -> Self {
        let table = mode.tables.others.iter().position(|table| table.kind == Kind::Arm);
        let shared = mode.shared(&mode.effects);
        let mut own: Vec<Own> = Vec::new();
        for (cell, &(of, arm)) in mode.cells.places_of().iter().enumerate() {
            let entry = table.map(|table| mode.tables.others[table].entry[cell] as usize);
            if of != segment && entry.is_none() {
                continue;
            }
            // Where all arms may be sent, an arm's number is its position.
            let here = arm.index();
            let found = if arms.get(here) == Some(&arm) { Ok(here) } else { arms.binary_search(&arm) };
            if let Ok(position) = found {
                own.push(if of == segment {
                    let slot = mode.strips.slots[cell] as usize;
                    let part = mode.own[slot] * mode.weights.slots[slot];
                    let middle = mode.own[slot] * mode.errors.slots[slot] + part * shared[slot];
                    Own { position, own: part, middle, deviation: mode.spread[slot].sqrt(), arm: entry }
                } else {
                    Own { position, own: 0.0, middle: 0.0, deviation: 0.0, arm: entry }
                });
            }
        }
        // The cell in the segment tells all; without it, any of the arm's tells its entry.
        own.sort_by(|a, b| a.position.cmp(&b.position).then(b.deviation.total_cmp(&a.deviation)));
        own.dedup_by_key(|own| own.position);
        let starts =
            (0..rows.len()).map(|row| own.partition_point(|own| own.position < rows.positions(row).start));
        let of_row: Vec<usize> = starts.chain([own.len()]).collect();
        let sums = rows.sums(mode.base, &mode.tables, &mode.effects);
        let (mut lifts, mut groups) = (Vec::with_capacity(rows.len()), Vec::new());
        for (group, of_group) in rows.groups().enumerate() {
            let mut most = (f64::NEG_INFINITY, 0.0_f64);
            for row in of_group.clone() {
                let least = sums.of_group(group, row).1 - FALL;
                let lift = |own: &Own| own.middle + HOPELESS * own.deviation - own.own * least;
                let lift = own[of_row[row]..of_row[row + 1]].iter().map(lift).fold(0.0, f64::max);
                most = (most.0.max(least), most.1.max(lift));
                lifts.push((least, lift));
            }
            groups.push((of_group, most));
        }
        Self { groups, lifts, mode, rows, own, of_row, arms: table, logits: Vec::new() }
    }

    /// The best arm, where effects deviate from the mode by so many times as much as these do.
    fn winner<R: Rng + ?Sized>(&mut self, effects: &Effects, part: f64, rng: &mut R) -> u32 {
        let mode = self.mode;
        let tempered;
        let effects = if part < 1.0 {
            tempered = between(&mode.effects, effects, part);
            &tempered
        } else {
            effects
        };
        let sums = self.rows.sums(mode.base, &mode.tables, effects);
        let of_arms = self.arms.map(|table| &effects.others[table][..]);
        let most_of_arm = of_arms.map_or(0.0, |table| largest(table).max(0.0));
        let may_win = |most: f64, (least, lift): (f64, f64), best: (usize, f64)| {
            let most = most + most_of_arm;
            (if most > least { most } else { least }) + lift > best.1
        };
        let greater = |best: (usize, f64), own: (usize, f64)| if own.1 > best.1 { own } else { best };
        let none = (0, f64::NEG_INFINITY);
        // The row that promises most comes first: it leaves little for the others to win.
        let leading = sums.most.iter().copied().enumerate().fold(none, greater).0;
        let rows = self.groups[leading].0.clone();
        let first = rows.map(|row| (row, sums.of_group(leading, row).1)).fold(none, greater).0;
        let mut best = none;
        self.look(&sums, (leading, first), (of_arms, part), &mut best, rng);
        for group in 0..self.groups.len() {
            let (rows, lifts) = &self.groups[group];
            if may_win(sums.most[group], *lifts, best) {
                for row in rows.clone().filter(|&row| row != first) {
                    if may_win(sums.of_group(group, row).1, self.lifts[row], best) {
                        self.look(&sums, (group, row), (of_arms, part), &mut best, rng);
                    }
                }
            }
        }
        best.0 as u32
    }

    /// Takes the best of a row's arms for the best if it is better.
    fn look<R: Rng + ?Sized>(
        &mut self,
        sums: &Sums<'_>,
        (group, row): (usize, usize),
        (of_arms, part): (Option<&[f64]>, f64),
        best: &mut (usize, f64),
        rng: &mut R,
    ) {
        sums.of_row(group, row, &mut self.logits);
        let from = self.rows.positions(row).start;
        for own in &self.own[self.of_row[row]..self.of_row[row + 1]] {
            let logit = &mut self.logits[own.position - from];
            *logit += of_arms.zip(own.arm).map_or(0.0, |(table, entry)| table[entry]);
            *logit += own.middle - own.own * *logit;
            if own.deviation > 0.0 {
                let deviation = part.abs() * own.deviation;
                let hopeful = *logit + HOPELESS * deviation > best.1;
                *logit = if hopeful { *logit + deviation * standard(rng) } else { f64::NEG_INFINITY };
            }
        }
        for (index, &logit) in self.logits.iter().enumerate() {
            if logit > best.1 {
                *best = (from + index, logit);
            }
        }
    }
}

/// Effects on the way from one to the other.
fn between(from: &Effects, to: &Effects, part: f64) -> Effects {
    let mix = |from: &[f64], to: &[f64]| from.iter().zip(to).map(|(a, b)| a + part * (b - a)).collect();
    let others = from.others.iter().zip(&to.others);
    Effects { joint: mix(&from.joint, &to.joint), others: others.map(|(from, to)| mix(from, to)).collect() }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::super::fit::Fit;
    use super::super::{Cells, Factors, ScalePrior, draws};
    use super::*;
    use crate::arm::ArmSpace;
    use crate::belief::Tried;
    use crate::segment::Segments;

    /// Contests are won as often as in independent draws from the kernel form of the same scales: with cells that were tried much
    /// and little, among some of the arms, in one segment and in several.
    ///
    /// Shares of 16,000 draws with the memory that the chain has, against shares of as many without: within 0.03 in total variation,
    /// where draws of half of the deviation are 0.1 away.
    #[test]
    fn contests_are_won_as_draws_are() {
        let names = |count: usize| (0..count).map(|number| number.to_string());
        for segments in [1, 3] {
            let space = ArmSpace::builder()
                .dimension("a", names(4))
                .dimension("b", names(3))
                .dimension("c", names(5));
            let space = space.build().unwrap();
            let segments = Segments::builder().attribute("s", names(segments)).build().unwrap();
            let factors = Factors::of(&space, &segments);
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(4);
            let mut cells = Cells::new(factors.clone());
            for segment in segments.iter() {
                let told = space.iter().map(|arm| {
                    let trials = [1.0, 3.0, 40.0, 400.0][rng.random_range(0..4)];
                    let earned = (trials * rng.random_range(0.0..0.12_f64)).round();
                    Tried { arm: arm.id(), trials, earned }
                });
                cells.add(&space, segment.id(), &told.collect::<Vec<_>>());
            }
            let segment = SegmentId::new(0);
            let arms: Vec<ArmId> =
                space.iter().map(|arm| arm.id()).filter(|arm| arm.index() % 7 != 3).collect();
            let mode = Collapsed::new(cells.clone(), &ScalePrior::default());
            let rows = Rows::of(&factors, &space, 0, &arms);
            let found = best(&mode, &rows, (segment, &arms), 16_000, false, 1);
            let places = Cells::places(&factors, &space, segment, &arms);
            let excess = mode.excess();
            let belief = Fit::with_scales(cells, mode.scales.clone(), excess).belief(places);
            let expected = draws::best(&belief, 16_000, 2);
            let mut apart = vec![0.0; arms.len()];
            found.iter().for_each(|&(position, share)| apart[position as usize] += share);
            expected.iter().for_each(|&(position, share)| apart[position as usize] -= share);
            let apart: f64 = apart.iter().map(|apart| apart.abs()).sum::<f64>() / 2.0;
            assert!(apart < 0.03, "{} segments: {apart}", segments.len());
        }
    }
}
