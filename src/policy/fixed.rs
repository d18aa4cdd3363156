//! One arm always: the baseline "what if we had only ever sent this".

use crate::arm::ArmId;

use super::{Observes, Policy, Probabilities, View};

/// Selects one arm whenever it is eligible, and otherwise every eligible arm alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fixed {
    arm: ArmId,
}

impl Fixed {
    /// Holds to this arm.
    #[must_use]
    pub const fn new(arm: ArmId) -> Self {
        Self { arm }
    }

    /// The arm.
    #[must_use]
    pub const fn arm(self) -> ArmId {
        self.arm
    }
}

impl Policy for Fixed {
    fn name(&self) -> String {
        format!("arm:{}", self.arm)
    }

    fn observes(&self) -> Observes {
        Observes::Nothing
    }

    fn probabilities(&self, view: &View<'_>) -> Probabilities {
        match view.arms().binary_search(&self.arm) {
            Ok(position) => Probabilities::shared(&[position as u32], 1.0),
            Err(_) => Probabilities::uniform(),
        }
    }
}
