//! What becomes of decisions of which nothing has come: one reward for all, or by a rule what their arm starts from.

use crate::arm::ArmId;
use crate::reward::{Baseline, Quantity, StagedReward};
use crate::sync::Arc;

/// The default rewards.
#[derive(Clone, Debug)]
pub(crate) enum Defaults {
    /// The same for all arms.
    Alike(Quantity),
    /// What each arm starts from, where outcomes come in stages.
    ByArm(Arc<[Baseline]>),
}

impl Defaults {
    /// The default reward of an arm.
    pub(crate) fn of(&self, arm: ArmId) -> Quantity {
        match self {
            Self::Alike(default) => *default,
            Self::ByArm(baselines) => StagedReward::default().total(baselines[arm.index()]).quantity(),
        }
    }

    /// What each arm starts from, where outcomes come in stages.
    pub(crate) fn baselines(&self) -> Option<&Arc<[Baseline]>> {
        match self {
            Self::Alike(_) => None,
            Self::ByArm(baselines) => Some(baselines),
        }
    }
}
