//! Optimistic Thompson sampling: doubt may speak for an arm, never against it.

use crate::belief::best;

use super::{Observes, Policy, Probabilities, View};

/// Selects each arm with the probability that its mean reward is the largest, where no arm counts for less than its
/// posterior mean: the textbook takes the largest of max(X_k, m_k), X_k a sample of the posterior and m_k its mean.
///
/// With densities f_k, distributions F_k and m* the largest of the means, p_k = ∫_{m*}^1 f_k(x) Π_{j≠k} F_j(x) dx; the rest,
/// Π_j F_j(m*), goes to the arm whose mean is m*, or evenly to those that share it. Computed by the quadrature of
/// [`Thompson`](super::Thompson), which stops at m*.
///
/// B. C. May, N. Korda, A. Lee, D. S. Leslie (2012), *Optimistic Bayesian Sampling in Contextual-Bandit Problems*, who show
/// that it selects the best arm ever more often; no regret bound beyond that of Thompson sampling is known to us.
///
/// **When**: some hundreds or thousands of decisions: it regrets somewhat less than Thompson sampling there, by selecting a
/// leader less often for its rivals' bad draws. **When not**: rewards drift, as it explores less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OptimisticThompson {}

impl Policy for OptimisticThompson {
    fn name(&self) -> String {
        "optimistic-thompson".to_owned()
    }

    fn observes(&self) -> Observes {
        Observes::Outcomes
    }

    fn probabilities(&self, view: &View<'_>) -> Probabilities {
        let posteriors = view.posteriors();
        if posteriors.iter().all(|posterior| *posterior == posteriors[0]) {
            return Probabilities::uniform();
        }
        Probabilities { uniform: 0.0, contenders: best::contenders_above_means(posteriors) }
    }

    /// The values max(X_k, m_k) have a joint law in which who else is eligible has no part.
    fn is_regular(&self) -> bool {
        true
    }
}
