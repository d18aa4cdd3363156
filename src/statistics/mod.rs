//! What is known: integer counters per segment and arm. Additions only, so that any interleaving of any number
//! of threads gives the same state, and no float is ever learning state.
//!
//! [`ArmStatistics`] is the plain, mergeable form; the atomic form lives in cells, in pages that are made on
//! first touch. A cohort numbers the decisions and remembers which of them were rewarded.

mod cell;
mod claims;
mod cohort;
mod defaults;
mod delays;
mod entry;
mod featured;
mod goals;
mod history;
mod importance;
mod ledger;
#[cfg(all(test, loom))]
mod models;
mod outbox;
mod outcomes;
mod owner;
mod pending;
mod products;
mod radix;
mod staged;
mod table;
mod turns;
#[cfg(feature = "journal")]
mod unshared;

pub use cohort::CohortId;

pub(crate) use cohort::{ClaimError, Cohort};
pub(crate) use defaults::Defaults;
pub(crate) use entry::{Entry, Shape};
pub(crate) use featured::Featured;
pub(crate) use goals::{GoalTotals, Goals};
pub(crate) use history::Layer;
pub(crate) use importance::{ImportanceCells, ImportanceSums, epoch};
pub(crate) use ledger::{Ledger, State};
pub(crate) use outbox::Outbox;
pub(crate) use outcomes::Unjoined;
pub(crate) use owner::Issuer;
pub(crate) use pending::Refused;
pub(crate) use products::{ProductCells, Products, UNITS, triangle};
pub(crate) use staged::Unobserved;
pub(crate) use table::{Cells, SegmentCells};

use std::error::Error;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::reward::Quantity;

/// What one arm has been through in one segment: a sufficient statistic that adds up.
///
/// Rewards are scaled to [0, 1] by their declared range and summed as integers in units of 2⁻²⁴, so that
/// `merge` is commutative and associative to the last bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Counters")]
pub struct ArmStatistics {
    issued: u64,
    returned: u64,
    sum: u64,
    squares: u64,
}

/// The same fields before they are checked.
#[derive(Deserialize)]
struct Counters {
    issued: u64,
    returned: u64,
    sum: u64,
    squares: u64,
}

impl TryFrom<Counters> for ArmStatistics {
    type Error = StatisticsError;

    fn try_from(Counters { issued, returned, sum, squares }: Counters) -> Result<Self, StatisticsError> {
        Self { issued, returned, sum, squares }.checked()
    }
}

/// Counters that do not belong together, or that a cell cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StatisticsError {
    /// A count beyond [`ArmStatistics::MAX_COUNT`].
    TooMany {
        /// The count.
        count: u64,
    },
    /// The counters could not have come from rewards in [0, 1]: more outcomes than decisions, a sum above the
    /// count, or a sum of squares that is too small or too large for the sum.
    Inconsistent {
        /// The counters.
        statistics: ArmStatistics,
    },
}

impl fmt::Display for StatisticsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany { count } => {
                write!(f, "{count} is more than the {} a cell can count", ArmStatistics::MAX_COUNT)
            }
            Self::Inconsistent { statistics } => write!(f, "no rewards in [0, 1] lead to {statistics:?}"),
        }
    }
}

impl Error for StatisticsError {}

impl ArmStatistics {
    /// The most decisions a cell (an arm in a segment) can count: 2³² − 2¹⁶. Selection refuses beyond it.
    pub const MAX_COUNT: u64 = (1 << 32) - (1 << 16);

    /// Counts of a binary arm. `issued` decisions, of which `successes + failures` have come back.
    ///
    /// # Errors
    ///
    /// [`StatisticsError`] if a count is beyond [`ArmStatistics::MAX_COUNT`] or fewer decisions were issued than
    /// came back.
    ///
    /// ```
    /// let statistics = tactful::ArmStatistics::binary(1_000, 40, 900)?;
    /// assert_eq!(statistics.mean(), Some(40.0 / 940.0));
    /// # Ok::<(), tactful::StatisticsError>(())
    /// ```
    pub fn binary(issued: u64, successes: u64, failures: u64) -> Result<Self, StatisticsError> {
        if let Some(count) = [issued, successes, failures].into_iter().find(|&c| c > Self::MAX_COUNT) {
            return Err(StatisticsError::TooMany { count });
        }
        let sum = successes << Quantity::DIGITS;
        Self { issued, returned: successes + failures, sum, squares: sum }.checked()
    }

    pub(crate) const fn from_parts(issued: u64, returned: u64, sum: u64, squares: u64) -> Self {
        Self { issued, returned, sum, squares }
    }

    /// Adds the outcome of a decision that was issued at once: a reward already scaled to [0, 1].
    ///
    /// # Errors
    ///
    /// [`StatisticsError::TooMany`] at the limit, the statistics unchanged.
    ///
    /// # Panics
    ///
    /// If `scaled` is not in [0, 1].
    pub fn observe(&mut self, scaled: f64) -> Result<(), StatisticsError> {
        let kind = crate::reward::RewardKind::Real { minimum: 0.0, maximum: 1.0 };
        let quantity = match kind.quantity(crate::reward::Reward::new(scaled)) {
            Ok(quantity) => quantity,
            Err(error) => panic!("{error}"),
        };
        *self =
            self.merge(Self { issued: 1, returned: 1, sum: quantity.get(), squares: quantity.square() })?;
        Ok(())
    }

    /// The two added up: commutative, associative, with the default as neutral element.
    ///
    /// # Errors
    ///
    /// [`StatisticsError::TooMany`] where the sum is beyond [`ArmStatistics::MAX_COUNT`].
    pub fn merge(self, other: Self) -> Result<Self, StatisticsError> {
        self.plus(other).checked()
    }

    /// Whether every reward was 0 or 1. In integers: as an `f64` a large sum may look whole and not be.
    pub(crate) const fn is_binary(self) -> bool {
        self.sum == self.squares && self.sum.is_multiple_of(Quantity::ONE)
    }

    /// The same after the cohort has closed: what has not returned gets the default reward.
    pub(crate) fn settled(self, default: Quantity) -> Self {
        let missing = self.issued - self.returned;
        Self {
            issued: self.issued,
            returned: self.issued,
            sum: self.sum + missing * default.get(),
            squares: self.squares + missing * default.square(),
        }
    }

    /// The same with this many whole rewards for sum.
    pub(crate) fn with_sum(self, rewards: u64) -> Self {
        Self { sum: rewards * Quantity::ONE, squares: rewards * Quantity::ONE, ..self }
    }

    /// The decisions alone, as if nothing had returned.
    pub(crate) fn only_issued(self) -> Self {
        Self { issued: self.issued, ..Self::default() }
    }

    /// The decisions alone of which something has come.
    pub(crate) fn only_returned(self) -> Self {
        Self { issued: self.returned, ..self }
    }

    /// The two added up where the caller has made sure that it fits, or only reads.
    pub(crate) fn plus(self, other: Self) -> Self {
        // Saturating, because a snapshot may come from anywhere.
        Self {
            issued: self.issued.saturating_add(other.issued),
            returned: self.returned.saturating_add(other.returned),
            sum: self.sum.saturating_add(other.sum),
            squares: self.squares.saturating_add(other.squares),
        }
    }

    /// The same counters if they are possible.
    pub(crate) fn checked(self) -> Result<Self, StatisticsError> {
        let Self { issued, returned, sum, squares } = self;
        if let Some(&count) = [issued, returned].iter().find(|&&count| count > Self::MAX_COUNT) {
            return Err(StatisticsError::TooMany { count });
        }
        // A sum of squares above the sum is possible in a read that overtook a reward; a negative variance is not.
        let possible = returned <= issued
            && sum.max(squares) <= returned << Quantity::DIGITS
            && u128::from(returned) * u128::from(squares) << Quantity::DIGITS
                >= u128::from(sum) * u128::from(sum);
        if possible { Ok(self) } else { Err(StatisticsError::Inconsistent { statistics: self }) }
    }

    /// All that is known, as one key: equal statistics have equal keys.
    pub(crate) const fn key(self) -> [u64; 4] {
        [self.issued, self.returned, self.sum, self.squares]
    }

    /// Decisions for this arm, whether or not their outcome is known.
    #[must_use]
    pub fn issued(self) -> u64 {
        self.issued
    }

    /// Decisions whose outcome is known.
    #[must_use]
    pub fn returned(self) -> u64 {
        self.returned
    }

    /// Sum of the scaled rewards, exact; for binary rewards the number of successes.
    #[must_use]
    pub fn sum(self) -> f64 {
        self.sum as f64 / Quantity::ONE as f64
    }

    /// Sum of the squares of the scaled rewards, each rounded up to a multiple of 2⁻²⁴.
    #[must_use]
    pub fn sum_of_squares(self) -> f64 {
        self.squares as f64 / Quantity::ONE as f64
    }

    /// Mean scaled reward, in [0, 1], of the outcomes known; `None` before the first.
    #[must_use]
    pub fn mean(self) -> Option<f64> {
        (self.returned > 0).then(|| self.sum() / self.returned as f64)
    }
}
