//! What came of a decision, as a number within a range declared beforehand.
//!
//! Either the host gives the number, a [`Reward`] of a [`RewardKind`]; or it reports [`Outcome`]s, stage by stage as
//! they come, and a declared [`RewardRule`] turns the stages of a decision into one number.

mod by_stages;
mod outcome;
mod rule;
mod staged;

pub use by_stages::GoalError;
pub use outcome::{Outcome, Stage};
pub use rule::{OutcomeError, RewardRule, RewardRuleBuilder, RuleError};
pub use staged::{Baseline, Contribution, DuplicateStage, Joined, StagedReward, Total};

pub(crate) use by_stages::ByStages;

use std::error::Error;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What a decision earned: 0 or 1 for yes-or-no outcomes, else an amount in the unit of the declared range.
///
/// Any `f64` can be wrapped; whether it is admissible is decided by the bandit's [`RewardKind`] when it arrives.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reward(f64);

impl Reward {
    /// The customer did what was hoped for: 1.
    pub const SUCCESS: Self = Self(1.0);

    /// The customer did not: 0.
    pub const FAILURE: Self = Self(0.0);

    /// An amount in the unit of the declared range.
    #[must_use]
    pub const fn new(value: f64) -> Self {
        Self(value)
    }

    /// The number.
    #[must_use]
    pub const fn value(self) -> f64 {
        self.0
    }
}

impl From<bool> for Reward {
    fn from(success: bool) -> Self {
        if success { Self::SUCCESS } else { Self::FAILURE }
    }
}

impl fmt::Display for Reward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which rewards a bandit takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[non_exhaustive]
pub enum RewardKind {
    /// 0 or 1.
    #[default]
    Binary,
    /// Any number from `minimum` to `maximum`, both included.
    ///
    /// Inside, rewards are scaled to [0, 1] and kept as integers in units of 2⁻²⁴ of the range, so that sums do
    /// not depend on the order of arrival.
    Real {
        /// The least reward; finite.
        minimum: f64,
        /// The greatest reward; finite, above the minimum.
        maximum: f64,
    },
}

/// A reward scaled to [0, 1], in units of 2⁻²⁴: an integer from 0 to [`Quantity::ONE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quantity(u32);

impl Quantity {
    /// Binary digits after the point.
    pub(crate) const DIGITS: u32 = 24;
    /// The whole range.
    pub(crate) const ONE: u64 = 1 << Self::DIGITS;

    pub(crate) const fn get(self) -> u64 {
        self.0 as u64
    }

    /// The same as a number in [0, 1].
    pub(crate) fn scaled(self) -> f64 {
        self.get() as f64 / Self::ONE as f64
    }

    /// The square in the same units, rounded up, so that n Σq² ≥ (Σq)² holds in integers as it does in reals.
    pub(crate) const fn square(self) -> u64 {
        (self.get() * self.get()).div_ceil(Self::ONE)
    }
}

impl RewardKind {
    /// The bounds, as (least, greatest).
    #[must_use]
    pub fn range(self) -> (f64, f64) {
        match self {
            Self::Binary => (0.0, 1.0),
            Self::Real { minimum, maximum } => (minimum, maximum),
        }
    }

    /// Checks the bounds themselves.
    ///
    /// # Errors
    ///
    /// [`RewardKindError`] unless both are finite, the minimum below the maximum, and their distance finite.
    pub fn validate(self) -> Result<(), RewardKindError> {
        let (minimum, maximum) = self.range();
        if minimum.is_finite() && maximum > minimum && (maximum - minimum).is_finite() {
            Ok(())
        } else {
            Err(RewardKindError { minimum, maximum })
        }
    }

    /// A scaled mean in [0, 1] back in the unit of the declared range.
    #[must_use]
    pub fn unscale(self, scaled: f64) -> f64 {
        let (minimum, maximum) = self.range();
        minimum + scaled * (maximum - minimum)
    }

    /// Checks a reward and scales it.
    #[inline]
    pub(crate) fn quantity(self, reward: Reward) -> Result<Quantity, RewardValueError> {
        match self {
            Self::Binary if reward == Reward::FAILURE => Ok(Quantity(0)),
            Self::Binary if reward == Reward::SUCCESS => Ok(Quantity(Quantity::ONE as u32)),
            _ => self.scaled(reward),
        }
    }

    fn scaled(self, reward: Reward) -> Result<Quantity, RewardValueError> {
        let value = reward.value();
        if !value.is_finite() {
            return Err(RewardValueError::NotFinite { value });
        }
        let (minimum, maximum) = self.range();
        if !(minimum..=maximum).contains(&value) {
            return Err(RewardValueError::OutOfRange { value, minimum, maximum });
        }
        if self == Self::Binary {
            return Err(RewardValueError::NotBinary { value });
        }
        let scaled = (value - minimum) / (maximum - minimum);
        // In [0, 1], so the product is in [0, 2²⁴] and the cast exact after rounding.
        Ok(Quantity((scaled * Quantity::ONE as f64).round() as u32))
    }
}

/// A declared range of rewards that is none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RewardKindError {
    /// The declared minimum.
    pub minimum: f64,
    /// The declared maximum.
    pub maximum: f64,
}

impl fmt::Display for RewardKindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (minimum, maximum) = (self.minimum, self.maximum);
        let reason = match minimum.is_finite() && maximum.is_finite() && minimum < maximum {
            true => "the span between the bounds must be finite",
            false => "bounds must be finite and the first below the second",
        };
        write!(f, "rewards from {} to {}: {reason}", Short(minimum), Short(maximum))
    }
}

impl Error for RewardKindError {}

/// Why a reward's value is not accepted.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum RewardValueError {
    /// NaN or an infinity.
    NotFinite {
        /// The value.
        value: f64,
    },
    /// Outside the declared range.
    OutOfRange {
        /// The value.
        value: f64,
        /// Least admissible.
        minimum: f64,
        /// Greatest admissible.
        maximum: f64,
    },
    /// Neither 0 nor 1 where the rewards are binary.
    NotBinary {
        /// The value.
        value: f64,
    },
}

impl fmt::Display for RewardValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFinite { value } => write!(f, "reward {value} is not finite"),
            Self::OutOfRange { value, minimum, maximum } => {
                let [value, minimum, maximum] = [value, minimum, maximum].map(|&number| Short(number));
                write!(f, "reward {value} is outside the declared range {minimum} to {maximum}")
            }
            Self::NotBinary { value } => write!(f, "reward {} is neither 0 nor 1", Short(*value)),
        }
    }
}

impl Error for RewardValueError {}

/// A number for a message: with an exponent where it would take more than twenty or so digits.
struct Short(f64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.abs() {
            0.0 | 1e-5..1e16 => self.0.fmt(f),
            _ => fmt::LowerExp::fmt(&self.0, f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_are_rounded_up_and_never_above_the_quantity() {
        for q in [0, 1, 2, 4096, 1 << 23, (1 << 24) - 1, 1 << 24] {
            let square = Quantity(q).square();
            assert!(square << 24 >= u64::from(q) * u64::from(q));
            assert!(square <= u64::from(q));
        }
    }

    #[test]
    fn real_rewards_are_scaled_by_the_declared_range() {
        let kind = RewardKind::Real { minimum: -10.0, maximum: 30.0 };
        assert_eq!(kind.quantity(Reward::new(-10.0)), Ok(Quantity(0)));
        assert_eq!(kind.quantity(Reward::new(0.0)), Ok(Quantity(1 << 22)));
        assert_eq!(kind.quantity(Reward::new(30.0)), Ok(Quantity(1 << 24)));
        assert!(kind.quantity(Reward::new(30.1)).is_err());
        assert!((kind.unscale(0.25) - 0.0).abs() < 1e-12);
    }
}
