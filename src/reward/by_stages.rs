//! A total that goes by which stages have come, and by nothing else: no amounts, no times.
//!
//! So it can be told again from the stages that have arrived for a decision, at any time and by anybody, and needs no state
//! of its own: a further goal is a further rule over the same word.

use std::error::Error;
use std::fmt;

use crate::arm::NameError;

use super::{Baseline, Quantity, Stage, StagedReward};

/// What the stages of a decision come to by a rule without amounts and discounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ByStages {
    /// In units of 2⁻²⁴ of the declared range; index: stage.
    pub(super) units: [i64; Stage::ALL.len()],
}

/// Why a rule makes no further goal.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum GoalError {
    /// It counts the amount of payments, which is kept for the first goal only.
    Payment,
    /// It counts when this stage comes, which is kept for the first goal only.
    Discount {
        /// The stage.
        stage: Stage,
    },
    /// It has a cost for a level that the arms do not have.
    Cost(NameError),
}

impl fmt::Display for GoalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Payment => f.write_str("the amount of payments counts for the first goal only"),
            Self::Discount { stage } => {
                write!(f, "when the decision has been {stage} counts for the first goal only")
            }
            Self::Cost(error) => write!(f, "cost: {error}"),
        }
    }
}

impl Error for GoalError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Cost(error) => Some(error),
            _ => None,
        }
    }
}

impl ByStages {
    /// The total of a decision with these stages, clipped to the declared range.
    pub(crate) fn total(&self, state: StagedReward, baseline: Baseline) -> Quantity {
        let sum: i64 = state.stages().map(|stage| self.units[stage.index()]).sum();
        baseline.with(sum)
    }
}
