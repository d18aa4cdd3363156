//! Softmax: the better an arm's mean, the more often, by the law of Boltzmann.

use super::parameter::positive;
use super::{Observes, ParameterError, Policy, Probabilities, View};

/// Selects each arm with a probability in proportion to exp(m_k / τ), m_k the posterior mean of its reward, scaled to [0, 1].
///
/// The temperature τ is a difference of means that counts: an arm worse by τ is selected e times less often. The means are
/// those of the beliefs and not of the counts, so that forgetting, delays and the prior have their say: under the uniform
/// prior an untried arm has mean ½, which among rare rewards brings it forward.
///
/// R. D. Luce (1959), *Individual Choice Behavior*, as a policy: R. S. Sutton (1990), *Integrated architectures for learning,
/// planning, and reacting*; with τ = 0.0025, the default, for messages: K. P. Yancey, B. Settles (2020), *A Sleeping,
/// Recovering Bandit Algorithm for Optimizing Recurring Notifications*. No constant temperature has less than linear regret:
/// N. Cesa-Bianchi, C. Gentile, G. Lugosi, G. Neu (2017), *Boltzmann exploration done right*.
///
/// **When**: a smooth mix over arms of nearly equal worth, and a log with propensities everywhere. **When not**: regret
/// counts: it looks at means only, never at how sure they are, so that the temperature is either too high for the end or too
/// low for the beginning.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Softmax {
    temperature: f64,
}

impl Softmax {
    /// Softmax at a temperature τ > 0.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] for any other number.
    pub fn new(temperature: f64) -> Result<Self, ParameterError> {
        Ok(Self { temperature: positive("temperature", temperature)? })
    }

    /// The probabilities for these finite scores, one each.
    #[must_use]
    pub fn shares(self, scores: &[f64]) -> Vec<f64> {
        let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut shares: Vec<f64> =
            scores.iter().map(|score| libm::exp((score - most) / self.temperature)).collect();
        let sum: f64 = shares.iter().sum();
        shares.iter_mut().for_each(|share| *share /= sum);
        shares
    }
}

impl Default for Softmax {
    /// τ = 0.0025.
    fn default() -> Self {
        Self { temperature: 0.0025 }
    }
}

impl Policy for Softmax {
    fn name(&self) -> String {
        match self {
            _ if *self == Self::default() => "softmax".to_owned(),
            Self { temperature } => format!("softmax({temperature})"),
        }
    }

    fn observes(&self) -> Observes {
        Observes::Outcomes
    }

    fn probabilities(&self, view: &View<'_>) -> Probabilities {
        let scores: Vec<f64> = view.posteriors().iter().map(|posterior| posterior.mean()).collect();
        Probabilities::dense(&self.shares(&scores))
    }

    /// Each probability is a weight of the arm's own over the sum of the weights.
    fn is_regular(&self) -> bool {
        true
    }
}
