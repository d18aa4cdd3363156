//! A number for each round and arm, as columns of a file have them: probabilities of a target, predictions of a model.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;

use crate::arm::ArmId;

use super::columns::Codes;
use super::model::RewardModel;
use super::target::{Occasion, TargetPolicy};

/// Probabilities that differ from round to round: a target that looks at more than the segment.
///
/// Where some arms are not eligible the others share in proportion, as in a [`TargetTable`](super::TargetTable).
#[derive(Clone, Debug)]
pub struct RoundProbabilities {
    table: RoundTable,
}

/// Predictions that differ from round to round: a reward model fitted elsewhere, to other rounds than these.
#[derive(Clone, Debug)]
pub struct RoundRewards {
    table: RoundTable,
}

/// Rounds × arms. Rows that are alike are kept once: most targets look at little more than the segment.
#[derive(Clone, Debug, Default)]
pub(super) struct RoundTable {
    /// Different rows, one behind another.
    numbers: Vec<f64>,
    arms: usize,
    /// The row of each round.
    of_round: Codes,
    /// Rows by a hash of theirs, until they are too many.
    known: HashMap<u64, u32>,
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

impl RoundTable {
    /// Different rows beyond which nobody looks whether one is known: they would hardly ever be.
    const KNOWN: usize = 1 << 16;

    fn new(numbers: &[f64], arms: usize, possible: impl Fn(f64) -> bool) -> Result<Self, RoundTableError> {
        if arms == 0 || !numbers.len().is_multiple_of(arms) {
            return Err(RoundTableError::Ragged { numbers: numbers.len(), arms });
        }
        if let Some(at) = numbers.iter().position(|&number| !possible(number)) {
            let (round, arm) = (at / arms, ArmId::new((at % arms) as u32));
            return Err(RoundTableError::Number { round, arm, number: numbers[at] });
        }
        let mut table = Self::default();
        numbers.chunks_exact(arms).for_each(|row| table.push(row));
        // An empty table has arms as well.
        table.arms = arms;
        Ok(table)
    }

    /// One more round.
    pub(super) fn push(&mut self, row: &[f64]) {
        self.arms = row.len();
        let rows = (self.numbers.len() / self.arms.max(1)) as u32;
        let hash = row.iter().fold(0, |hash: u64, number| {
            (hash.rotate_left(5) ^ number.to_bits()).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        });
        let known = self.known.get(&hash).copied().filter(|&known| {
            let known = &self.numbers[known as usize * self.arms..][..self.arms];
            known.iter().map(|number| number.to_bits()).eq(row.iter().map(|number| number.to_bits()))
        });
        let row = known.unwrap_or_else(|| {
            self.numbers.extend_from_slice(row);
            if self.known.len() < Self::KNOWN {
                self.known.insert(hash, rows);
            }
            rows
        });
        self.of_round.push(row);
    }

    /// The same with the columns in this order.
    #[cfg(feature = "csv")]
    fn arranged(mut self, order: &[usize]) -> Self {
        let rows = self.numbers.chunks_exact(self.arms.max(1));
        self.numbers = rows.flat_map(|row| order.iter().map(|&column| row[column])).collect();
        self.arms = order.len();
        self
    }

    /// The row of a round, empty beyond the table.
    fn row(&self, round: usize) -> &[f64] {
        if round >= self.of_round.len() {
            return &[];
        }
        let start = self.of_round.get(round) as usize * self.arms;
        &self.numbers[start..start + self.arms]
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
        let table = RoundTable::new(&probabilities, arms, |number| (0.0..=1.0).contains(&number))?;
        let sums = probabilities.chunks_exact(arms).map(|row| row.iter().sum::<f64>());
        match sums.enumerate().find(|(_, sum)| !((sum - 1.0).abs() <= TOLERANCE)) {
            Some((round, sum)) => Err(RoundTableError::Sum { round, sum }),
            None => Ok(Self { table }),
        }
    }
}

#[cfg(feature = "csv")]
impl RoundProbabilities {
    /// Numbers that were checked where line and column are known.
    pub(super) fn read(table: RoundTable, order: &[usize]) -> Self {
        Self { table: table.arranged(order) }
    }
}

#[cfg(feature = "csv")]
impl RoundRewards {
    /// As above.
    pub(super) fn read(table: RoundTable, order: &[usize]) -> Self {
        Self { table: table.arranged(order) }
    }
}

impl TargetPolicy for RoundProbabilities {
    /// NaN for a round or an arm beyond the table, which no estimate accepts.
    fn probability(&self, occasion: &Occasion<'_>, arm: ArmId) -> f64 {
        among(self.table.row(occasion.round), occasion, arm)
    }
}

/// The probability of an arm by a row for all of them, of which some may not be eligible.
pub(super) fn among(row: &[f64], occasion: &Occasion<'_>, arm: ArmId) -> f64 {
    let Some(&probability) = row.get(arm.index()) else { return f64::NAN };
    if occasion.eligible.is_all() {
        return probability;
    }
    let left: f64 = occasion.eligible.iter().filter_map(|arm| row.get(arm.index())).sum();
    if left > 0.0 { probability / left } else { 1.0 / occasion.eligible.len() as f64 }
}

impl RoundRewards {
    /// A table of rounds × arms, row by row, in the unit of the log's rewards.
    ///
    /// # Errors
    ///
    /// [`RoundTableError`] unless rows are whole and all numbers finite.
    pub fn new(rewards: Vec<f64>, arms: usize) -> Result<Self, RoundTableError> {
        RoundTable::new(&rewards, arms, f64::is_finite).map(|table| Self { table })
    }
}

impl RewardModel for RoundRewards {
    /// NaN for a round or an arm beyond the table, which makes no estimate.
    fn reward(&self, occasion: &Occasion<'_>, arm: ArmId) -> f64 {
        self.table.row(occasion.round).get(arm.index()).copied().unwrap_or(f64::NAN)
    }
}
