//! Target policies: what is asked about, as probabilities that do not depend on what was learnt.

use std::error::Error;
use std::fmt;

use crate::arm::{ArmId, Eligibility};
use crate::policy::{Fixed, Uniform};
use crate::segment::SegmentId;

use super::alike::Varies;
use super::log::Plain;
use super::outline::Outline;

/// What a policy may know when it chooses in a round.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Occasion<'a> {
    /// The number of the round in its log, from 0.
    pub round: usize,
    /// The customer's segment.
    pub segment: SegmentId,
    /// The arms that could be sent; never empty.
    pub eligible: &'a Eligibility,
    /// Whether the log shows all of them in this segment, so that no target can be outside its support.
    pub(super) is_shown: bool,
}

impl<'a> Occasion<'a> {
    /// A round as a target meets it.
    pub(super) fn of(outline: &'a Outline, number: usize, round: &Plain) -> Self {
        Self::at(outline, number, round.segment, round.set)
    }

    /// The same, by the numbers of the segment and of the set.
    pub(super) fn at(outline: &'a Outline, round: usize, segment: SegmentId, set: u32) -> Self {
        Self { round, segment, eligible: outline.set(set), is_shown: true }
    }

    /// The share of each eligible arm where all are alike.
    fn even_share(&self) -> f64 {
        1.0 / self.eligible.len() as f64
    }
}

/// A policy that does not learn: the target of an estimate.
///
/// [`policy::Uniform`](crate::policy::Uniform) and [`policy::Fixed`](crate::policy::Fixed) are targets too. A
/// fixed arm that is not eligible in a round is replaced there by all eligible arms alike, as in production.
pub trait TargetPolicy: fmt::Debug {
    /// The probability, in [0, 1], of an eligible arm on this occasion. Over the eligible arms they sum to one.
    fn probability(&self, occasion: &Occasion<'_>, arm: ArmId) -> f64;

    /// How the probabilities vary among the rounds of one segment that allow all arms. The default says by round.
    fn varies(&self) -> Varies {
        Varies::ByRound
    }

    /// Whether every arm that the target may send here is among those which the log shows in this segment
    /// (`shown`, ascending). The default asks for the probability of every other arm.
    fn is_supported(&self, occasion: &Occasion<'_>, shown: &[ArmId]) -> bool {
        occasion.is_shown
            || !occasion
                .eligible
                .iter()
                .any(|arm| shown.binary_search(&arm).is_err() && self.probability(occasion, arm) > 0.0)
    }
}

impl TargetPolicy for Uniform {
    fn probability(&self, occasion: &Occasion<'_>, _: ArmId) -> f64 {
        occasion.even_share()
    }

    fn varies(&self) -> Varies {
        Varies::Not
    }

    fn is_supported(&self, occasion: &Occasion<'_>, _: &[ArmId]) -> bool {
        occasion.is_shown
    }
}

impl TargetPolicy for Fixed {
    fn probability(&self, occasion: &Occasion<'_>, arm: ArmId) -> f64 {
        match occasion.eligible.contains(self.arm()) {
            true if arm == self.arm() => 1.0,
            true => 0.0,
            false => occasion.even_share(),
        }
    }

    fn varies(&self) -> Varies {
        Varies::Not
    }

    fn is_supported(&self, occasion: &Occasion<'_>, shown: &[ArmId]) -> bool {
        match occasion.eligible.contains(self.arm()) {
            true => shown.binary_search(&self.arm()).is_ok(),
            false => occasion.is_shown,
        }
    }
}

/// Probabilities by segment and arm.
///
/// Where some arms are not eligible the others share in proportion; where none of a segment's probability is left,
/// all eligible arms are alike.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetTable {
    /// Segments × arms, row by row.
    probabilities: Vec<f64>,
    arms: usize,
}

/// Why numbers are no [`TargetTable`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum TableError {
    /// There is no segment, or no arm.
    Empty,
    /// A row does not have as many entries as the first.
    Ragged {
        /// The segment.
        segment: SegmentId,
        /// Entries in its row.
        entries: usize,
        /// Entries in the first.
        arms: usize,
    },
    /// An entry is not in [0, 1].
    Probability {
        /// The segment.
        segment: SegmentId,
        /// The arm.
        arm: ArmId,
        /// The entry.
        probability: f64,
    },
    /// The entries of a row do not sum to one.
    Sum {
        /// The segment.
        segment: SegmentId,
        /// The sum.
        sum: f64,
    },
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a table needs at least one segment and one arm"),
            Self::Ragged { segment, entries, arms } => {
                write!(f, "segment {segment} has {entries} probabilities, the first has {arms}")
            }
            Self::Probability { segment, arm, probability } => {
                write!(f, "probability {probability} of arm {arm} in segment {segment} is not in [0, 1]")
            }
            Self::Sum { segment, sum } => {
                write!(f, "the probabilities in segment {segment} sum to {sum}, not to 1")
            }
        }
    }
}

impl Error for TableError {}

impl TargetTable {
    /// A table with a row for each segment and, in it, an entry for each arm, both in the order of their ids.
    ///
    /// # Errors
    ///
    /// [`TableError`] unless all rows have one length, all entries are in [0, 1] and each row sums to one within
    /// 10⁻⁶.
    pub fn new<P: AsRef<[f64]>>(rows: impl IntoIterator<Item = P>) -> Result<Self, TableError> {
        let mut table = Self { probabilities: Vec::new(), arms: 0 };
        for (number, row) in rows.into_iter().enumerate() {
            let (segment, row) = (SegmentId::new(number as u32), row.as_ref());
            if number == 0 {
                table.arms = row.len();
            }
            if row.len() != table.arms {
                return Err(TableError::Ragged { segment, entries: row.len(), arms: table.arms });
            }
            if let Some(arm) = row.iter().position(|probability| !(0.0..=1.0).contains(probability)) {
                let arm_id = ArmId::new(arm as u32);
                return Err(TableError::Probability { segment, arm: arm_id, probability: row[arm] });
            }
            let sum: f64 = row.iter().sum();
            if (sum - 1.0).abs() > 1e-6 {
                return Err(TableError::Sum { segment, sum });
            }
            table.probabilities.extend_from_slice(row);
        }
        if table.probabilities.is_empty() {
            return Err(TableError::Empty);
        }
        Ok(table)
    }

    /// The row of a segment, empty for one beyond the table.
    fn row(&self, segment: SegmentId) -> &[f64] {
        let start = segment.index().saturating_mul(self.arms);
        self.probabilities.get(start..start.saturating_add(self.arms)).unwrap_or(&[])
    }
}

impl TargetPolicy for TargetTable {
    /// NaN for a segment or an arm beyond the table, which no estimate accepts.
    fn probability(&self, occasion: &Occasion<'_>, arm: ArmId) -> f64 {
        let row = self.row(occasion.segment);
        let Some(&probability) = row.get(arm.index()) else { return f64::NAN };
        if occasion.eligible.is_all() {
            return probability;
        }
        let left: f64 = occasion.eligible.iter().filter_map(|arm| row.get(arm.index())).sum();
        if left > 0.0 { probability / left } else { occasion.even_share() }
    }
    fn varies(&self) -> Varies {
        Varies::Not
    }
}
