//! MOSS: a bonus that ends when an arm has had its share of the horizon.

use crate::statistics::ArmStatistics;

use super::index::{by_index, mean, order_until};
use super::{Index, Observes, ParameterError, Policy, Probabilities, View};

/// Selects the arm with the largest index x̄_j + √(c ln₊(T / (K n_j)) / n_j); untried arms come first, ties are split evenly.
///
/// ln₊ is the larger of the logarithm and 0, K the number of eligible arms, T the horizon: how many decisions there will be
/// for these arms in a segment. n_j counts selections. Without a horizon, the selections so far take its place. c is 1.
///
/// J.-Y. Audibert, S. Bubeck (2009), *Minimax policies for adversarial and stochastic bandits*: regret at most 49 √(KT), which
/// no policy can better by more than a factor. Without a horizon: R. Degenne, V. Perchet (2016), *Anytime optimal algorithms
/// in stochastic multi-armed bandits*, whose c is (1 + α)/2 with α = 1.35 in the proof; α = −½ is known to do well over
/// hundreds of decisions.
///
/// **When**: the worst case counts, with a horizon that is known; anytime with c = ¼ for some hundreds of decisions.
/// **When not**: rewards are rare: like UCB1 it ignores that a rate near zero has little variance
/// ([`KlUcbPlusPlus`](super::KlUcbPlusPlus) has the same guarantee and does not). Past the horizon it ends exploring. It gives
/// a point mass, so without an exploration share its log cannot be evaluated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moss {
    horizon: Option<u64>,
    /// c > 0.
    constant: f64,
}

impl Moss {
    /// MOSS for so many decisions.
    #[must_use]
    pub fn horizon(decisions: u64) -> Self {
        Self { horizon: Some(decisions), constant: 1.0 }
    }

    /// MOSS without a horizon.
    #[must_use]
    pub fn anytime() -> Self {
        Self { horizon: None, constant: 1.0 }
    }

    /// The same with another constant c > 0 below the root.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] for any other number.
    pub fn constant(self, c: f64) -> Result<Self, ParameterError> {
        Ok(Self { constant: super::parameter::positive("c", c)?, ..self })
    }
}

impl Policy for Moss {
    fn name(&self) -> String {
        let plain = self.constant.to_bits() == 1.0_f64.to_bits();
        match (self.horizon, self.constant) {
            (Some(horizon), _) if plain => format!("moss({horizon})"),
            (Some(horizon), c) => format!("moss({horizon},{c})"),
            (None, _) if plain => "moss-anytime".to_owned(),
            (None, c) => format!("moss-anytime({c})"),
        }
    }

    fn observes(&self) -> Observes {
        Observes::Selections
    }

    fn probabilities(&self, view: &View<'_>) -> Probabilities {
        by_index(self, view)
    }

    fn as_index(&self) -> Option<&dyn Index> {
        Some(self)
    }
}

impl Index for Moss {
    /// T / K, which stands still, or n / K.
    fn clock(&self, selections: u64, arms: usize) -> f64 {
        self.horizon.unwrap_or(selections) as f64 / arms as f64
    }

    fn value(&self, arm: ArmStatistics, clock: f64) -> f64 {
        if arm.issued() == 0 {
            return f64::INFINITY;
        }
        let selected = arm.issued() as f64;
        let shares = clock / selected;
        let logarithm = if shares > 1.0 { libm::log(shares) } else { 0.0 };
        mean(arm) + (self.constant * logarithm / selected).sqrt()
    }

    fn holds_until(&self, ahead: ArmStatistics, behind: ArmStatistics, clock: f64) -> f64 {
        if self.horizon.is_some() {
            // The clock stands still.
            return clock;
        }
        order_until(self, [ahead, behind], clock, |height| {
            let (bonus, selected) = (height - mean(behind), behind.issued() as f64);
            selected * libm::exp(selected * bonus * bonus / self.constant)
        })
    }
}
