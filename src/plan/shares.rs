//! Floors and caps: how small and how large the shares of arms and levels may be, whatever the policy says.

use std::error::Error;
use std::fmt;
use std::ops::RangeInclusive;

use crate::arm::{ArmId, ArmSpace, Eligibility, NameError};
use crate::policy::Probabilities;

use super::UNIT_BITS;
use super::projection::{Bounded, Groups, project};

/// Floors and caps of the shares of arms and levels: letters cost money, call agents are few.
///
/// Of all shares within the bounds the plan gets those nearest to the policy's, Σ p_k ln(p_k / q_k) being least; the
/// propensity that is logged is theirs. The exploration share is given out first, and bounded with the rest. An arm of which
/// the policy asks nothing can still be given a share by floors, its own or its level's, or because caps leave too much over;
/// such arms share it evenly.
///
/// Bounds hold for each decision of any segment, among the eligible arms: floors of arms and levels that are not eligible are
/// not made up for, and caps can be such that a set has no shares at all. That is an error of the
/// [selection](crate::Bandit::select), which the host has to answer, and at build time if it is so for the set of all arms.
/// Nothing is relaxed: to a customer who can be reached by letter only a cap on letters says not to send.
///
/// Bounds of arms and of the levels of one dimension are kept to the unit of 2⁻⁵³, unless they leave no room for whole units,
/// and then to as many units as there are arms. Bounds on the levels of several dimensions are kept to 10⁻¹²; if they leave
/// next to no room, to 10⁻⁹ or not at all, which is told as that error.
///
/// With bounds a plan has a column for each eligible arm (16 to 24 bytes), and each refresh goes over all of them.
///
/// ```
/// use tactful::plan::Shares;
/// use tactful::{ArmSpace, Bandit, SegmentId, Segments};
///
/// let arms = ArmSpace::builder()
///     .dimension("template", ["friendly", "firm"])
///     .dimension("channel", ["email", "sms", "letter"])
///     .build()?;
/// let shares = Shares::new().each_arm(0.02..=1.0).level("channel", "letter", 0.0..=0.1);
/// let bandit = Bandit::builder(arms, Segments::single()).shares(shares).build()?;
///
/// let plan = bandit.plan(SegmentId::new(0), &bandit.arms().all())?;
/// let letters = bandit.arms().with_levels("channel", ["letter"])?;
/// assert!(letters.iter().map(|arm| plan.propensity(arm)).sum::<f64>() <= 0.1);
/// assert!(bandit.plan(SegmentId::new(0), &letters).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shares {
    rules: Vec<(Whose, RangeInclusive<f64>)>,
}

/// Whose share is bounded.
#[derive(Clone, Debug, PartialEq)]
enum Whose {
    EachArm,
    Arm(Vec<(String, String)>),
    Level(String, String),
}

/// Why shares cannot be bounded so.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum SharesError {
    /// There is no such arm or level.
    Name(NameError),
    /// Bounds that are not 0 ≤ floor ≤ cap ≤ 1, perhaps made of two that contradict each other.
    Bounds {
        /// The floor.
        floor: f64,
        /// The cap.
        cap: f64,
    },
    /// No shares of all arms are within the bounds.
    Infeasible(InfeasibleShares),
}

/// Why no shares of the eligible arms are within the bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum InfeasibleShares {
    /// The floors add up to more than 1, or the caps to less.
    Total {
        /// Sum of the floors of all arms, or of their levels where that is more.
        floors: f64,
        /// Sum of the caps of all arms, or of their levels where that is less.
        caps: f64,
    },
    /// The floors of a level and its eligible arms pass their caps.
    Level {
        /// Number of the dimension, from 0 in the order of declaration.
        dimension: usize,
        /// Number of the level in it.
        level: usize,
        /// What the level has to have at least.
        floors: f64,
        /// What it may have at most.
        caps: f64,
    },
    /// The bounds on the levels of several dimensions leave no room together.
    Together,
}

// Sums of numbers in [0, 1] are never NaN.
impl Eq for InfeasibleShares {}

impl fmt::Display for InfeasibleShares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Total { floors, caps } => {
                write!(f, "no shares: the floors add up to {floors}, the caps to {caps}")
            }
            Self::Level { dimension, level, floors, caps } => write!(
                f,
                "no shares: level {level} of dimension {dimension} (from 0) is to have at least {floors} and at most {caps}"
            ),
            Self::Together => {
                f.write_str("no shares: the bounds of several dimensions leave no room together")
            }
        }
    }
}

impl Error for InfeasibleShares {}

impl fmt::Display for SharesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(error) => error.fmt(f),
            Self::Bounds { floor, cap } => {
                write!(f, "a share from {floor} to {cap} is not 0 <= floor <= cap <= 1")
            }
            Self::Infeasible(error) => error.fmt(f),
        }
    }
}

impl Error for SharesError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Name(error) => Some(error),
            Self::Infeasible(error) => Some(error),
            Self::Bounds { .. } => None,
        }
    }
}

impl Shares {
    /// No bounds.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Bounds for the share of each eligible arm, floor to cap. Where several bounds are given, all of them hold.
    #[must_use]
    pub fn each_arm(self, bounds: RangeInclusive<f64>) -> Self {
        self.rule(Whose::EachArm, bounds)
    }

    /// Bounds for the share of the arm with these (dimension, level) pairs, floor to cap.
    #[must_use]
    pub fn arm<D: Into<String>, L: Into<String>>(
        self,
        levels: impl IntoIterator<Item = (D, L)>,
        bounds: RangeInclusive<f64>,
    ) -> Self {
        let levels = levels.into_iter().map(|(dimension, level)| (dimension.into(), level.into())).collect();
        self.rule(Whose::Arm(levels), bounds)
    }

    /// Bounds for the share of the eligible arms of a level together, floor to cap.
    #[must_use]
    pub fn level(
        self,
        dimension: impl Into<String>,
        level: impl Into<String>,
        bounds: RangeInclusive<f64>,
    ) -> Self {
        self.rule(Whose::Level(dimension.into(), level.into()), bounds)
    }

    fn rule(mut self, whose: Whose, bounds: RangeInclusive<f64>) -> Self {
        self.rules.push((whose, bounds));
        self
    }

    /// The bounds by number; none if nothing is bounded.
    pub(crate) fn of(&self, arms: &ArmSpace) -> Result<Option<Bounds>, SharesError> {
        if self.rules.is_empty() {
            return Ok(None);
        }
        let free = |count| Bounded { floors: vec![0.0; count], caps: vec![1.0; count] };
        let mut bounds = Bounds { arms: free(arms.len()), dimensions: Vec::new() };
        for (whose, range) in &self.rules {
            let (floor, cap) = (*range.start(), *range.end());
            if !(0.0 <= floor && floor <= cap && cap <= 1.0) {
                return Err(SharesError::Bounds { floor, cap });
            }
            match whose {
                Whose::EachArm => {
                    (0..arms.len()).try_for_each(|arm| narrow(&mut bounds.arms, arm, floor, cap))?
                }
                Whose::Arm(levels) => {
                    let pairs = levels.iter().map(|(dimension, level)| (dimension, level));
                    let arm = arms.find(pairs).map_err(SharesError::Name)?;
                    narrow(&mut bounds.arms, arm.index(), floor, cap)?;
                }
                Whose::Level(dimension, level) => {
                    arms.with_levels(dimension, [level]).map_err(SharesError::Name)?;
                    let place = |(_, (name, _)): &(usize, (&str, &[String]))| name == dimension;
                    let Some((number, (_, levels))) = arms.dimensions().enumerate().find(place) else {
                        continue;
                    };
                    let level = levels.iter().position(|name| name == level).unwrap_or_default();
                    let at = bounds.dimensions.iter().position(|groups| groups.dimension == number);
                    let at = at.unwrap_or_else(|| {
                        let of = |arm: crate::arm::Arm<'_>| {
                            arm.level_indices().nth(number).unwrap_or_default() as u32
                        };
                        let of = arms.iter().map(of).collect();
                        bounds.dimensions.push(Groups { dimension: number, of, sums: free(levels.len()) });
                        bounds.dimensions.len() - 1
                    });
                    narrow(&mut bounds.dimensions[at].sums, level, floor, cap)?;
                }
            }
        }
        bounds.bound(&arms.all(), &Probabilities::uniform(), 0.0).map_err(SharesError::Infeasible)?;
        Ok(Some(bounds))
    }
}

/// Adds a bound to those there are.
fn narrow(bounded: &mut Bounded, member: usize, floor: f64, cap: f64) -> Result<(), SharesError> {
    let floor = bounded.floors[member].max(floor);
    let cap = bounded.caps[member].min(cap);
    (bounded.floors[member], bounded.caps[member]) = (floor, cap);
    if floor <= cap { Ok(()) } else { Err(SharesError::Bounds { floor, cap }) }
}

/// [`Shares`] of the arms of a space.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bounds {
    arms: Bounded,
    /// Those dimensions that have a bounded level.
    dimensions: Vec<Groups>,
}

impl Bounds {
    /// What is nearest to these probabilities, exploration added, within the bounds: whole units of 2⁻⁵³, as shares that add
    /// up to 2⁵³.
    ///
    /// Whether there is any depends on the set alone: should the probabilities be too far from the bounds to get there in the
    /// turns there are, those nearest to an even draw are taken.
    pub(super) fn bound(
        &self,
        eligible: &Eligibility,
        probabilities: &Probabilities,
        exploration: f64,
    ) -> Result<Probabilities, InfeasibleShares> {
        let ids = eligible.to_vec();
        let own = self.among(&ids);
        let even = 1.0 / ids.len() as f64;
        let mut asked = probabilities.to_dense(ids.len());
        asked.iter_mut().for_each(|share| *share = (1.0 - exploration) * *share + exploration * even);
        let shares = match project(&asked, &own.arms, &own.dimensions) {
            Err(InfeasibleShares::Together) => project(&vec![even; ids.len()], &own.arms, &own.dimensions)?,
            found => found?,
        };
        let units: Vec<f64> = own.rounded(&shares).into_iter().map(|units| units as f64).collect();
        Ok(Probabilities::dense(&units))
    }

    /// The bounds of some arms.
    fn among(&self, ids: &[ArmId]) -> Self {
        let pick = |values: &[f64]| ids.iter().map(|arm| values[arm.index()]).collect();
        let dimensions = self.dimensions.iter().map(|groups| Groups {
            dimension: groups.dimension,
            of: ids.iter().map(|arm| groups.of[arm.index()]).collect(),
            sums: groups.sums.clone(),
        });
        Self {
            arms: Bounded { floors: pick(&self.arms.floors), caps: pick(&self.arms.caps) },
            dimensions: dimensions.collect(),
        }
    }

    /// Whole units, 2⁵³ in all, for shares that are within the bounds: each rounded down but not below its floor, what is then
    /// missing from the largest whose caps have room for it, what is too much from the largest whose floors have.
    fn rounded(&self, shares: &[f64]) -> Vec<u64> {
        const UNITS: f64 = (1_u64 << UNIT_BITS) as f64;
        // Products with a power of two are exact, and so are the casts: all shares are in [0, 1].
        let least = |bounded: &Bounded| -> Vec<u64> {
            bounded.floors.iter().map(|floor| (floor * UNITS).ceil() as u64).collect()
        };
        let most = |bounded: &Bounded| -> Vec<u64> {
            bounded.caps.iter().map(|cap| (cap * UNITS).floor() as u64).collect()
        };
        let (floors, caps) = (least(&self.arms), most(&self.arms));
        let bounds = floors.iter().zip(&caps);
        let within = |(share, (floor, cap)): (&f64, (&u64, &u64))| {
            ((share * UNITS) as u64).max(*floor).min(*cap.max(floor))
        };
        let mut units: Vec<u64> = shares.iter().zip(bounds).map(within).collect();

        let mut dimensions: Vec<Held<'_>> = Vec::with_capacity(self.dimensions.len());
        for Groups { of, sums, .. } in &self.dimensions {
            let mut held = vec![0; sums.floors.len()];
            of.iter().zip(&units).for_each(|(&level, units)| held[level as usize] += units);
            dimensions.push(Held { of, units: held, floors: least(sums), caps: most(sums) });
        }
        let mut order: Vec<usize> = (0..units.len()).collect();
        order.sort_by(|&one, &other| shares[other].total_cmp(&shares[one]));
        let total: u64 = units.iter().sum();
        let (mut missing, mut excess) =
            ((1_u64 << UNIT_BITS).saturating_sub(total), total.saturating_sub(1 << UNIT_BITS));
        // First what levels are short of by rounding, then the rest.
        for short_only in [true, false] {
            for &arm in &order {
                let own = (caps[arm].saturating_sub(units[arm]), units[arm].saturating_sub(floors[arm]));
                let (room, spare) = dimensions.iter().fold(own, |(room, spare), dimension| {
                    (room.min(dimension.room(arm)), spare.min(dimension.spare(arm)))
                });
                let short = dimensions.iter().map(|dimension| dimension.short(arm)).max().unwrap_or(0);
                let room = if short_only { room.min(short) } else { room };
                let (more, less) = (room.min(missing), spare.min(excess));
                (missing, excess) = (missing - more, excess - less);
                units[arm] = units[arm] + more - less;
                for Held { of, units, .. } in &mut dimensions {
                    let level = of[arm] as usize;
                    units[level] = units[level] + more - less;
                }
            }
        }
        // No room for whole units within the bounds: the largest bears it.
        if let Some(&largest) = order.first() {
            units[largest] = (units[largest] + missing).saturating_sub(excess);
        }
        units
    }
}

/// Units that the levels of a dimension hold, and the bounds on them.
struct Held<'a> {
    /// The level of each arm.
    of: &'a [u32],
    units: Vec<u64>,
    floors: Vec<u64>,
    caps: Vec<u64>,
}

impl Held<'_> {
    /// How many more an arm's level may have.
    fn room(&self, arm: usize) -> u64 {
        let level = self.of[arm] as usize;
        self.caps[level].saturating_sub(self.units[level])
    }

    /// How many an arm's level can do without.
    fn spare(&self, arm: usize) -> u64 {
        let level = self.of[arm] as usize;
        self.units[level].saturating_sub(self.floors[level])
    }

    /// How many an arm's level needs.
    fn short(&self, arm: usize) -> u64 {
        let level = self.of[arm] as usize;
        self.floors[level].saturating_sub(self.units[level])
    }
}
