//! CVaR: the arm whose mean, in the worst part of what is believed of it, is the largest.

use super::index::by_belief;
use super::parameter::share;
use super::{Observes, ParameterError, Policy, Probabilities, View};

/// Selects the arm with the largest mean over the worst part α of its posterior, E[X_k | X_k ≤ q_α(X_k)] for the mean reward
/// X_k; untried arms come first, ties are split evenly.
///
/// This is the risk of *being wrong about an arm*: at α = 1 it is the posterior mean, and the smaller α, the more doubt counts
/// against an arm. It is not the risk of a single reward: the worst part of 0/1 rewards is 0 whatever the arm, and for amounts
/// the counters keep sums and squares, of which no tail can be told.
///
/// R. T. Rockafellar, S. Uryasev (2000), *Optimization of conditional value-at-risk*; for a Beta posterior in closed form by the
/// incomplete beta function (see [`Beta::lower_mean`](crate::belief::Beta::lower_mean)). It does not explore, so its regret is
/// linear in the worst case.
///
/// **When**, **when not**: as for [`Maximin`](super::Maximin), whose quantile looks at one point of the posterior where this
/// looks at all that is worse.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConditionalValueAtRisk {
    alpha: f64,
}

impl ConditionalValueAtRisk {
    /// Over the worst part α in [0, 1].
    ///
    /// # Errors
    ///
    /// [`ParameterError`] for any other number.
    pub fn new(alpha: f64) -> Result<Self, ParameterError> {
        Ok(Self { alpha: share("alpha", alpha)? })
    }
}

impl Default for ConditionalValueAtRisk {
    /// α = 0.1.
    fn default() -> Self {
        Self { alpha: 0.1 }
    }
}

impl Policy for ConditionalValueAtRisk {
    fn name(&self) -> String {
        match self {
            _ if *self == Self::default() => "cvar".to_owned(),
            Self { alpha } => format!("cvar({alpha})"),
        }
    }

    /// Untried arms are told by their selections.
    fn observes(&self) -> Observes {
        Observes::Selections
    }

    fn probabilities(&self, view: &View<'_>) -> Probabilities {
        by_belief(view, |posterior| posterior.lower_mean(self.alpha))
    }
}
