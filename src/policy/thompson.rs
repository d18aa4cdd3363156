//! Thompson sampling: each arm as often as it is the best, by what is believed.

use super::{Observes, ParameterError, Policy, Probabilities, RewardLaw, View};

/// Selects each arm with the probability that its mean reward is the largest.
///
/// With independent posteriors of density f_k and distribution F_k, that probability is
/// p_k = ∫ f_k(x) Π_{j≠k} F_j(x) dx. The textbook draws one sample per arm and takes the largest, which has the
/// same law; here p itself is computed, by one quadrature for all arms (see
/// [`belief::best`](crate::belief::best)), so that the propensity of a decision is known and selection is a
/// table look-up.
///
/// W. R. Thompson (1933), *On the likelihood that one unknown probability exceeds another in view of the
/// evidence of two samples*. Regret O(Σ Δ_k ln T / kl(μ_k, μ*)), asymptotically optimal for Bernoulli rewards:
/// Kaufmann, Korda, Munos (2012); Agrawal, Goyal (2013).
///
/// **When**: the default. Nearly indifferent to batches and delays, good at rare rewards.
/// **When not**: with very many arms and rare rewards it explores more than it need.
///
/// The prior is the bandit's (see [`BanditBuilder::prior`](crate::BanditBuilder::prior)). For rewards in a range
/// the posterior is the Beta of the scaled sums, which is wider than the truth: no law on [0, 1] with that mean
/// has more variance than the Bernoulli. Where rewards are counts or amounts, say [of which law](Thompson::of).
///
/// For a request with [features](crate::Bandit::select_with) the posteriors are the Gaussians of the linear model, whatever the law:
/// with [`Linear::disjoint`](crate::belief::Linear) or `hybrid` this is linear Thompson sampling (S. Agrawal, N. Goyal (2013),
/// *Thompson Sampling for Contextual Bandits with Linear Payoffs*), with `logistic` that of O. Chapelle, L. Li (2011), *An
/// Empirical Evaluation of Thompson Sampling*. Arms are taken for independent of each other given the request, the common part of a
/// hybrid model included.
///
/// ```
/// use tactful::policy::{Policy, RewardLaw, Thompson};
///
/// let policy = Thompson::of(RewardLaw::ZeroInflated { variation: 1.0 })?;
/// assert_eq!(policy.name(), "thompson(zero-inflated=1)");
/// # Ok::<(), tactful::policy::ParameterError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Thompson {
    law: RewardLaw,
}

impl Thompson {
    /// Thompson sampling by the posteriors of this law of rewards.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] for a parameter of the law that is out of its range.
    pub fn of(law: RewardLaw) -> Result<Self, ParameterError> {
        Ok(Self { law: law.checked()? })
    }
}

impl Policy for Thompson {
    fn name(&self) -> String {
        match self.law {
            RewardLaw::Binary => "thompson".to_owned(),
            law => format!("thompson({law})"),
        }
    }

    fn observes(&self) -> Observes {
        Observes::Outcomes
    }

    fn probabilities(&self, view: &View<'_>) -> Probabilities {
        match self.law.contenders(view) {
            Some(contenders) => Probabilities { uniform: 0.0, contenders },
            None => Probabilities::uniform(),
        }
    }

    /// The probability of being the best does not fall when rivals go, unless they have a say in the prior.
    fn is_regular(&self) -> bool {
        self.law.is_regular()
    }
}
