//! Exp3-IX: exponential weights with implicit exploration.

use crate::belief::{Baseline, Importance};

use super::tsallis_inf::spread;
use super::{Observes, Policy, Probabilities, View};

/// Selects arm a with probability in proportion to e^{−η L_a}, where L_a is the arm's estimated loss, each of its
/// outcomes weighted by 1 / (p + γ), with η = √(2 ln K / (K T)) and γ = η / 2 for K arms and T decisions.
///
/// G. Neu (2015), *Explore no more: Improved high-probability regret bounds for non-stochastic bandits*: regret
/// O(√(K T ln K)) with high probability against any sequence of rewards.
///
/// By default losses are measured against the [base rate](Baseline::BaseRate), without which the policy is not fit for
/// rare rewards; [`Exp3Ix::plain`] is the textbook's. Against a baseline losses may be negative, and the proof of the paper
/// does not cover them.
///
/// The sums it learns from are kept by a bandit that runs by itself, without a window, exchange or journal; others refuse it
/// when they are built.
///
/// **When**: as the reference for adversarial rewards. **When not**: where [Tsallis-INF](super::TsallisInf) will do, which
/// needs no horizon and in the long run regrets less.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exp3Ix {
    /// T, at least 1.
    horizon: u64,
    baseline: Baseline,
}

impl Exp3Ix {
    /// For so many decisions in a segment; 0 counts as 1.
    #[must_use]
    pub const fn horizon(decisions: u64) -> Self {
        Self { horizon: if decisions == 0 { 1 } else { decisions }, baseline: Baseline::BaseRate }
    }

    /// The same with losses 1 − reward, without a baseline, as in the paper.
    #[must_use]
    pub const fn plain(self) -> Self {
        Self { baseline: Baseline::Fixed(1.0), ..self }
    }

    /// η.
    fn rate(self, arms: usize) -> f64 {
        let arms = arms as f64;
        (2.0 * libm::log(arms) / (arms * self.horizon as f64)).sqrt()
    }
}

impl Policy for Exp3Ix {
    fn name(&self) -> String {
        match self.baseline {
            Baseline::BaseRate => "exp3-ix".to_owned(),
            Baseline::Fixed(_) => "exp3-ix(plain)".to_owned(),
        }
    }

    fn observes(&self) -> Observes {
        Observes::Outcomes
    }

    fn importance(&self, arms: usize) -> Option<Importance> {
        Some(Importance { baseline: self.baseline, implicit: self.rate(arms) / 2.0 })
    }

    fn probabilities(&self, view: &View<'_>) -> Probabilities {
        let Some(losses) = view.losses() else { return Probabilities::uniform() };
        let rate = self.rate(view.len());
        let rate = match self.baseline {
            Baseline::Fixed(_) => rate,
            Baseline::BaseRate => rate / spread(losses.base_rate, view.selections() as f64).sqrt(),
        };
        let least = losses.each.iter().copied().fold(f64::INFINITY, f64::min);
        let weights: Vec<f64> = losses.each.iter().map(|loss| libm::exp(rate * (least - loss))).collect();
        Probabilities::dense(&weights)
    }
}
