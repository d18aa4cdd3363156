//! Every eligible arm alike: the baseline, and the log that can be evaluated best.

use super::{Observes, Policy, Probabilities, View};

/// Selects every eligible arm with the same probability, whatever is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uniform;

impl Policy for Uniform {
    fn name(&self) -> String {
        "uniform".to_owned()
    }

    fn observes(&self) -> Observes {
        Observes::Nothing
    }

    fn probabilities(&self, _: &View<'_>) -> Probabilities {
        Probabilities::uniform()
    }
}
