//! Tried: what an arm has earned, as beliefs that are shared among arms and segments read it.

use crate::arm::ArmId;
use crate::statistics::ArmStatistics;

/// An arm that has been tried, and what it has earned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tried {
    /// The arm.
    pub arm: ArmId,
    /// Decisions whose outcome counts, weighted for their age and for what is still to come of them; above 0.
    pub trials: f64,
    /// What they earned, in the [0, 1] of scaled rewards each: from 0 to the number of trials.
    pub earned: f64,
}

impl Tried {
    /// Those of the arms that have been tried, given as (trials, earned).
    pub(crate) fn those(arms: impl IntoIterator<Item = (ArmId, (f64, f64))>) -> Vec<Self> {
        let tried = arms.into_iter().filter(|(_, (trials, _))| *trials > 0.0);
        tried.map(|(arm, (trials, earned))| Self { arm, trials, earned }).collect()
    }

    /// The same of what was counted.
    pub(crate) fn counted<'a>(arms: impl IntoIterator<Item = (ArmId, &'a ArmStatistics)>) -> Vec<Self> {
        Self::those(arms.into_iter().map(|(arm, told)| (arm, (told.returned() as f64, told.sum()))))
    }
}
