//! The stages of one decision in one word: which have arrived, and the sum of what they contribute.

use std::error::Error;
use std::fmt;

use super::{Quantity, Stage};

/// What one stage adds to the total of its decision, fixed when it arrives: a whole number of 2⁻²⁴ of the declared range.
///
/// Made by [`RewardRule::contribution`](super::RewardRule::contribution).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contribution {
    pub(super) stage: Stage,
    pub(super) units: i64,
}

/// What a decision of some arm is worth before anything has arrived, costs taken off; not clipped.
///
/// Made by [`RewardRule::baselines`](super::RewardRule::baselines).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// In units of 2⁻²⁴ of the declared range, from its minimum.
    pub(super) units: i64,
}

/// The stages that have arrived for one decision, with the sum of their contributions; nothing has at first.
///
/// 64 bits: the stages seen in the lowest 16, a bit each, and the sum above them, in two's complement. As each stage is
/// added once and integers add up alike in any order, the word depends on the set of stages and what each contributed,
/// not on the order; so it can be joined by compare-and-swap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StagedReward(u64);

/// What came of joining a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Joined {
    /// The state with the stage.
    pub state: StagedReward,
    /// The total without it.
    pub before: Total,
    /// The total with it.
    pub after: Total,
}

/// The total of a decision, within the declared range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Total {
    quantity: Quantity,
    clipped: bool,
}

/// A stage that has arrived before for this decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DuplicateStage {
    /// The stage.
    pub stage: Stage,
}

impl fmt::Display for DuplicateStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the decision has been {} before", self.stage)
    }
}

impl Error for DuplicateStage {}

impl Baseline {
    /// Units of 2⁻²⁴ of the declared range, from its minimum; beyond either bound where costs or merits lead there.
    #[must_use]
    pub const fn units(self) -> i64 {
        self.units
    }

    /// The total with a sum of contributions, clipped to the declared range.
    pub(super) fn with(self, sum: i64) -> Quantity {
        Quantity((self.units + sum).clamp(0, Quantity::ONE as i64) as u32)
    }
}

impl Contribution {
    /// The most that all stages of a rule together may contribute either way, in units: 2¹⁹ times the range. Sixteen
    /// such sums, from sixteen different rules even, fit into the state.
    pub(super) const LIMIT: i64 = 1 << 43;

    /// The stage.
    #[must_use]
    pub const fn stage(self) -> Stage {
        self.stage
    }

    /// Units of 2⁻²⁴ of the declared range.
    #[must_use]
    pub const fn units(self) -> i64 {
        self.units
    }
}

impl StagedReward {
    /// Stages there can ever be.
    const STAGES: u32 = 16;

    /// The state stored as these bits. Any bits are a state; only those that [`StagedReward::bits`] gave mean anything.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The state as it is stored; 0 where nothing has arrived.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Whether this stage has arrived.
    #[must_use]
    pub const fn has(self, stage: Stage) -> bool {
        self.0 >> stage.number() & 1 == 1
    }

    /// The stages that have arrived, in the order of their numbers.
    pub fn stages(self) -> impl Iterator<Item = Stage> {
        Stage::ALL.into_iter().filter(move |&stage| self.has(stage))
    }

    /// The state before this stage has come, as far as stages go: the sum stays.
    pub(crate) const fn before(self, stage: Stage) -> Self {
        Self(self.0 & !(1 << stage.number()))
    }

    /// The state with one more stage, and the totals without and with it.
    ///
    /// # Errors
    ///
    /// [`DuplicateStage`] if the stage has arrived before, whatever it contributed.
    pub fn join(self, baseline: Baseline, contribution: Contribution) -> Result<Joined, DuplicateStage> {
        let stage = contribution.stage;
        if self.has(stage) {
            return Err(DuplicateStage { stage });
        }
        // The bound is out of reach of any contributions a rule makes; it is for bits from elsewhere.
        const MOST: i64 = (1 << (63 - StagedReward::STAGES)) - 1;
        let sum = (self.sum() + contribution.units).clamp(-MOST - 1, MOST);
        let seen = self.0 & ((1 << Self::STAGES) - 1) | 1 << stage.number();
        // Shifting left drops copies of the sign only.
        let state = Self((sum << Self::STAGES) as u64 | seen);
        Ok(Joined { state, before: self.total(baseline), after: state.total(baseline) })
    }

    /// The total so far, clipped to the declared range.
    #[must_use]
    pub fn total(self, baseline: Baseline) -> Total {
        let units = baseline.units + self.sum();
        let within = units.clamp(0, Quantity::ONE as i64);
        Total { quantity: Quantity(within as u32), clipped: within != units }
    }

    /// The upper 48 bits; the shift keeps the sign.
    const fn sum(self) -> i64 {
        self.0 as i64 >> Self::STAGES
    }
}

impl Total {
    /// The total scaled to [0, 1] by the declared range; [`RewardKind::unscale`](super::RewardKind::unscale) takes it back.
    #[must_use]
    pub fn scaled(self) -> f64 {
        self.quantity().get() as f64 / Quantity::ONE as f64
    }

    /// Whether the sum was outside the declared range, and the total is the bound nearest to it.
    #[must_use]
    pub const fn clipped(self) -> bool {
        self.clipped
    }

    /// The total as counters take it.
    pub(crate) const fn quantity(self) -> Quantity {
        self.quantity
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contribution(stage: Stage, units: i64) -> Contribution {
        Contribution { stage, units }
    }

    #[test]
    fn words_by_hand() {
        let baseline = Baseline { units: 1 << 22 };
        let joined = StagedReward::default().join(baseline, contribution(Stage::Opened, -3)).unwrap();
        assert_eq!(joined.state.bits(), 0xffff_ffff_fffd_0002);
        assert_eq!(joined.before.quantity().get(), 1 << 22);
        assert_eq!(joined.after.quantity().get(), (1 << 22) - 3);
        let joined = joined.state.join(baseline, contribution(Stage::OptedOut, 5)).unwrap();
        assert_eq!(joined.state.bits(), 0x0000_0000_0002_0082);
        assert_eq!(joined.after.quantity().get(), (1 << 22) + 2);
        assert_eq!(
            joined.state.join(baseline, contribution(Stage::Opened, 7)),
            Err(DuplicateStage { stage: Stage::Opened })
        );
    }

    #[test]
    fn clipping_is_of_the_total_only() {
        let baseline = Baseline { units: 0 };
        let one = Quantity::ONE as i64;
        let up = StagedReward::default().join(baseline, contribution(Stage::Paid, 3 * one)).unwrap();
        assert_eq!((up.after.scaled(), up.after.clipped()), (1.0, true));
        // What was beyond the bound is still there to be taken from.
        let down = up.state.join(baseline, contribution(Stage::Disputed, -(5 * one / 2))).unwrap();
        assert_eq!((down.after.scaled(), down.after.clipped()), (0.5, false));
        let below = down.state.join(baseline, contribution(Stage::Complained, -one)).unwrap();
        assert_eq!((below.after.scaled(), below.after.clipped()), (0.0, true));
        assert!(!StagedReward::default().total(baseline).clipped());
        assert!(!StagedReward::default().total(Baseline { units: one }).clipped());
    }

    #[test]
    fn the_greatest_contributions_fit() {
        for units in [Contribution::LIMIT, -Contribution::LIMIT] {
            let baseline = Baseline { units: 0 };
            let mut state = StagedReward::default();
            for stage in Stage::ALL {
                state = state.join(baseline, contribution(stage, units)).unwrap().state;
            }
            assert_eq!(state.sum(), 8 * units);
            assert_eq!(state.stages().count(), 8);
        }
    }

    #[test]
    fn any_bits_are_a_state() {
        for bits in [u64::MAX << 16, i64::MAX as u64 & !0xffff, 1 << 63, 0xff00, u64::MAX] {
            let state = StagedReward::from_bits(bits);
            for units in [Contribution::LIMIT, -Contribution::LIMIT] {
                let baseline = Baseline { units };
                let total = state.total(baseline);
                assert!((0.0..=1.0).contains(&total.scaled()));
                if let Ok(joined) = state.join(baseline, contribution(Stage::Paid, units)) {
                    // Saturated at worst, never turned round.
                    let rises = joined.state.sum() - state.sum();
                    assert!(if units > 0 { rises >= 0 } else { rises <= 0 }, "{bits:x}: {rises}");
                    assert_eq!(joined.state.bits() & 0xffef, bits & 0xffef, "no other stage is touched");
                }
            }
        }
    }
}
