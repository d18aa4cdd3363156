//! Maximin: the arm that is best if each is as bad as it may well be.

use super::index::by_belief;
use super::parameter::share;
use super::{Observes, ParameterError, Policy, Probabilities, View};

/// Selects the arm whose posterior has the largest quantile δ, a lower confidence bound of its mean reward; untried arms come
/// first, ties are split evenly.
///
/// A. Wald (1945), *Statistical Decision Functions Which Minimize the Maximum Risk*, with the credible interval for what nature
/// may choose. It does not explore, so its regret is linear in the worst case; what it bounds is how bad the arm now selected
/// may turn out.
///
/// **When**: a wrong message costs more than a missed chance, and there is an exploration share or a
/// [`BurnIn`](super::BurnIn) to learn by. **When not**: to earn the most: doubt counts against an arm, so that one with bad
/// first outcomes may never be tried again. It gives a point mass, so without an exploration share its log cannot be
/// evaluated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Maximin {
    delta: f64,
}

impl Maximin {
    /// By the quantile δ in [0, 1].
    ///
    /// # Errors
    ///
    /// [`ParameterError`] for any other number.
    pub fn new(delta: f64) -> Result<Self, ParameterError> {
        Ok(Self { delta: share("delta", delta)? })
    }
}

impl Default for Maximin {
    /// δ = 0.05.
    fn default() -> Self {
        Self { delta: 0.05 }
    }
}

impl Policy for Maximin {
    fn name(&self) -> String {
        match self {
            _ if *self == Self::default() => "maximin".to_owned(),
            Self { delta } => format!("maximin({delta})"),
        }
    }

    /// Untried arms are told by their selections.
    fn observes(&self) -> Observes {
        Observes::Selections
    }

    fn probabilities(&self, view: &View<'_>) -> Probabilities {
        by_belief(view, |posterior| posterior.quantile(self.delta))
    }
}
