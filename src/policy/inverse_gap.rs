//! Inverse-gap weighting: the further behind the best, the less often.

use super::parameter::{not_negative, share};
use super::{Observes, ParameterError, Policy, Probabilities, View};

/// Selects an arm with probability max(1 / (K + γ Δ̂_k), φ / K), where Δ̂_k is how far its posterior mean, scaled to [0, 1], is
/// behind the largest one, and the best arm with what is left; arms that tie for the best share it evenly.
///
/// K is the number of eligible arms, φ a floor, 0 by default. The means are those of the beliefs and not of the counts, so
/// that forgetting, delays and the prior have their say.
///
/// N. Abe, P. M. Long (1999), *Associative Reinforcement Learning using Linear Probabilistic Concepts*; D. Foster, A. Rakhlin
/// (2020), *Beyond UCB: Optimal and Efficient Contextual Bandits with Regression Oracles*: with a γ of about √(KT) / error, regret
/// O(√(KT)) times the error of the means. With any constant γ a share of K / γ is spent for ever.
///
/// **When**: the mean rewards come from a model whose uncertainty nobody knows; every propensity is known and positive, at
/// least about Δ⁻¹/γ. **When not**: posteriors are at hand, as here: Thompson sampling uses them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InverseGap {
    gamma: f64,
    floor: f64,
}

impl InverseGap {
    /// Inverse-gap weighting with γ ≥ 0: at 0 all arms alike, and the greater the greedier.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] for any other number.
    pub fn new(gamma: f64) -> Result<Self, ParameterError> {
        Ok(Self { gamma: not_negative("gamma", gamma)?, floor: 0.0 })
    }

    /// The same with a floor φ in [0, 1]: no arm has less than φ / K.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] for any other number.
    pub fn floor(self, floor: f64) -> Result<Self, ParameterError> {
        Ok(Self { floor: share("floor", floor)?, ..self })
    }

    /// The probabilities for these finite scores, one each.
    #[must_use]
    pub fn shares(self, scores: &[f64]) -> Vec<f64> {
        let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let arms = scores.len() as f64;
        let (mut rest, mut leaders) = (1.0, 0.0);
        let mut shares: Vec<f64> = Vec::with_capacity(scores.len());
        for &score in scores {
            if score >= most {
                leaders += 1.0;
                shares.push(f64::NAN);
            } else {
                let share = (1.0 / (arms + self.gamma * (most - score))).max(self.floor / arms);
                rest -= share;
                shares.push(share);
            }
        }
        let each = rest / leaders;
        shares.iter_mut().filter(|share| share.is_nan()).for_each(|share| *share = each);
        shares
    }
}

impl Default for InverseGap {
    /// γ = 1,000, which gives an arm that is behind by one part in a hundred a probability of 1 / (K + 10); no floor.
    fn default() -> Self {
        Self { gamma: 1_000.0, floor: 0.0 }
    }
}

impl Policy for InverseGap {
    fn name(&self) -> String {
        match *self {
            _ if *self == Self::default() => "inverse-gap".to_owned(),
            Self { gamma, floor } if floor > 0.0 => format!("inverse-gap({gamma},{floor})"),
            Self { gamma, .. } => format!("inverse-gap({gamma})"),
        }
    }

    fn observes(&self) -> Observes {
        Observes::Outcomes
    }

    fn probabilities(&self, view: &View<'_>) -> Probabilities {
        let scores: Vec<f64> = view.posteriors().iter().map(|posterior| posterior.mean()).collect();
        Probabilities::dense(&self.shares(&scores))
    }
}
