//! A number for each round and arm, as columns of a file have them: probabilities of a target, predictions of a model.

use std::error::Error;
use std::fmt;

use crate::arm::ArmId;

use super::model::RewardModel;
use super::target::{Occasion, TargetPolicy};

/// Probabilities that differ from round to round: a target that looks at more than the segment.
///
/// Where some arms are not eligible the others share in proportion, as in a [`TargetTable`](super::TargetTable).
#[derive(Clone, Debug, PartialEq)]
pub struct RoundProbabilities {
    table: Table,
}

/// Predictions that differ from round to round: a reward model fitted elsewhere, to other rounds than these.
#[derive(Clone, Debug, PartialEq)]
pub struct RoundRewards {
    table: Table,
}

/// Rounds × arms, row by row.
#[derive(Clone, Debug, PartialEq)]
struct Table {
    numbers: Vec<f64>,
    arms: usize,
}

/// Why numbers make no table by round.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum RoundTableError {
    /// There is no arm, or the numbers do not make whole rows.
    Ragged {
        /// How many numbers there are.
        numbers: usize,
        /// How many arms.
        arms: usize,
    },
    /// A probability is not in [0, 1], or a prediction not finite.
    Number {
        /// The round, from 0.
        round: usize,
        /// The arm.
        arm: ArmId,
        /// The number.
        number: f64,
    },
    /// The probabilities of a round do not sum to one.
    Sum {
        /// The round, from 0.
        round: usize,
        /// Their sum.
        sum: f64,
    },
}

impl fmt::Display for RoundTableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ragged { numbers, arms } => write!(f, "{numbers} numbers make no rows of {arms}"),
            Self::Number { round, arm, number } => {
                write!(f, "round {round}: {number} is not possible for arm {arm}")
            }
            Self::Sum { round, sum } => write!(f, "round {round}: the probabilities sum to {sum}, not to 1"),
        }
    }
}

impl Error for RoundTableError {}

impl Table {
    fn new(numbers: Vec<f64>, arms: usize, possible: impl Fn(f64) -> bool) -> Result<Self, RoundTableError> {
        if arms == 0 || !numbers.len().is_multiple_of(arms) {
            return Err(RoundTableError::Ragged { numbers: numbers.len(), arms });
        }
        match numbers.iter().position(|&number| !possible(number)) {
            Some(at) => Err(RoundTableError::Number {
                round: at / arms,
                arm: ArmId::new((at % arms) as u32),
                number: numbers[at],
            }),
            None => Ok(Self { numbers, arms }),
        }
    }

    /// The row of a round, empty beyond the table.
    fn row(&self, round: usize) -> &[f64] {
        let start = round.saturating_mul(self.arms);
        self.numbers.get(start..start.saturating_add(self.arms)).unwrap_or(&[])
    }
}

/// How far from one the sum of a row may be: columns carry decimal fractions of finitely many digits.
pub(super) const TOLERANCE: f64 = 1e-6;

impl RoundProbabilities {
    /// A table of rounds × arms, row by row.
    ///
    /// # Errors
    ///
    /// [`RoundTableError`] unless rows are whole, all numbers are in [0, 1], and each row sums to one within 10⁻⁶.
    pub fn new(probabilities: Vec<f64>, arms: usize) -> Result<Self, RoundTableError> {
        let table = Table::new(probabilities, arms, |number| (0.0..=1.0).contains(&number))?;
        let sums = table.numbers.chunks_exact(arms).map(|row| row.iter().sum::<f64>());
        match sums.enumerate().find(|(_, sum)| !((sum - 1.0).abs() <= TOLERANCE)) {
            Some((round, sum)) => Err(RoundTableError::Sum { round, sum }),
            None => Ok(Self { table }),
        }
    }
}

#[cfg(feature = "csv")]
impl RoundProbabilities {
    /// Numbers that were checked where line and column are known.
    pub(super) fn read(numbers: Vec<f64>, arms: usize) -> Self {
        Self { table: Table { numbers, arms } }
    }
}

#[cfg(feature = "csv")]
impl RoundRewards {
    /// As above.
    pub(super) fn read(numbers: Vec<f64>, arms: usize) -> Self {
        Self { table: Table { numbers, arms } }
    }
}

impl TargetPolicy for RoundProbabilities {
    /// NaN for a round or an arm beyond the table, which no estimate accepts.
    fn probability(&self, occasion: &Occasion<'_>, arm: ArmId) -> f64 {
        let row = self.table.row(occasion.round);
        let Some(&probability) = row.get(arm.index()) else { return f64::NAN };
        if occasion.eligible.is_all() {
            return probability;
        }
        let left: f64 = occasion.eligible.iter().filter_map(|arm| row.get(arm.index())).sum();
        if left > 0.0 { probability / left } else { 1.0 / occasion.eligible.len() as f64 }
    }
}

impl RoundRewards {
    /// A table of rounds × arms, row by row, in the unit of the log's rewards.
    ///
    /// # Errors
    ///
    /// [`RoundTableError`] unless rows are whole and all numbers finite.
    pub fn new(rewards: Vec<f64>, arms: usize) -> Result<Self, RoundTableError> {
        Table::new(rewards, arms, f64::is_finite).map(|table| Self { table })
    }
}

impl RewardModel for RoundRewards {
    /// NaN for a round or an arm beyond the table, which makes no estimate.
    fn reward(&self, occasion: &Occasion<'_>, arm: ArmId) -> f64 {
        self.table.row(occasion.round).get(arm.index()).copied().unwrap_or(f64::NAN)
    }
}
