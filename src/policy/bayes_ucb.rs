//! Bayes-UCB: the arm whose posterior reaches highest.

use super::index::by_belief;
use super::parameter::not_negative;
use super::{Observes, ParameterError, Policy, Probabilities, View};

/// Selects the arm whose posterior has the largest quantile 1 − 1 / (t (ln T)ᶜ); untried arms come first, ties are split
/// evenly.
///
/// t counts the selections so far, T is the horizon, and c is 0, as the authors advise, so that no horizon is needed; their
/// proof has c ≥ 5. The quantile is that of the arm's Beta posterior (the prior is the bandit's), to twelve digits, by our own
/// inverse of the incomplete beta function (see [`Beta::upper_quantile`](crate::belief::Beta::upper_quantile)).
///
/// E. Kaufmann, O. Cappé, A. Garivier (2012), *On Bayesian Upper Confidence Bounds for Bandit Problems*: regret
/// Σ Δ_j ln T / kl(μ_j, μ*) to first order, which no policy can better for Bernoulli rewards.
///
/// **When**: an index policy is wanted that knows the prior, forgetting and the correction for delays: it sees beliefs where
/// the others see counts. **When not**: outcomes come late. It counts selections in t, but an arm's posterior knows of its
/// outcomes only, unless open decisions count as failures ([`Pending`](crate::belief::Pending)), so that until they come it
/// stays on one arm. A microsecond or more per arm. Without an exploration share its log cannot be evaluated.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BayesUcb {
    /// c and T, unless c is 0.
    exponent: Option<(f64, u64)>,
}

impl BayesUcb {
    /// Bayes-UCB with an exponent c ≥ 0 for this many decisions.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] for any other c.
    pub fn new(c: f64, horizon: u64) -> Result<Self, ParameterError> {
        let c = not_negative("c", c)?;
        Ok(Self { exponent: (c > 0.0).then_some((c, horizon)) })
    }

    /// The probability 1 / (t (ln T)ᶜ) above the quantile, after so many selections.
    #[must_use]
    pub fn tail(self, selections: u64) -> f64 {
        let power = match self.exponent {
            // Below e the power would widen the tail.
            Some((c, horizon)) => libm::pow(libm::log(horizon as f64).max(1.0), c),
            None => 1.0,
        };
        1.0 / (selections.max(1) as f64 * power)
    }
}

impl Policy for BayesUcb {
    fn name(&self) -> String {
        match self.exponent {
            None => "bayes-ucb".to_owned(),
            Some((c, horizon)) => format!("bayes-ucb({c},{horizon})"),
        }
    }

    fn observes(&self) -> Observes {
        Observes::Selections
    }

    fn probabilities(&self, view: &View<'_>) -> Probabilities {
        let tail = self.tail(view.selections());
        by_belief(view, |posterior| posterior.upper_quantile(tail))
    }
}
