//! KL-UCB++: the bound of KL-UCB with the exploration of MOSS.

use crate::statistics::ArmStatistics;

use super::index::{by_index, mean, order_until};
use super::{Family, Index, Observes, ParameterError, Policy, Probabilities, View};

/// Selects the arm with the largest index max {q: n_j kl(x̄_j, q) ≤ g(T / (K n_j))} with g(x) = ln₊(x (ln₊² x + 1)); untried
/// arms come first, ties are split evenly.
///
/// ln₊ is the larger of the logarithm and 0, kl the divergence of a [`Family`], by default the Bernoulli, K the number of
/// eligible arms, T the horizon: how many decisions there will be for these arms in a segment. n_j counts selections. Without
/// a horizon, the selections so far take its place, which the paper does not cover.
///
/// P. Ménard, A. Garivier (2017), *A minimax and asymptotically optimal algorithm for stochastic bandits*: regret O(√(KT)) in
/// the worst case and Σ Δ_j ln T / kl(μ_j, μ*) to first order, each the best possible, at once.
///
/// **When**: a deterministic policy for rare rewards whose number of decisions is known; the lowest regret that we measure
/// there. **When not**: outcomes come late or in batches, as for [`KlUcb`](super::KlUcb). Past the horizon it ends exploring.
/// Without an exploration share its log cannot be evaluated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KlUcbPlusPlus {
    horizon: Option<u64>,
    family: Family,
}

impl KlUcbPlusPlus {
    /// KL-UCB++ for so many decisions.
    #[must_use]
    pub fn horizon(decisions: u64) -> Self {
        Self { horizon: Some(decisions), family: Family::Bernoulli }
    }

    /// KL-UCB++ without a horizon.
    #[must_use]
    pub fn anytime() -> Self {
        Self { horizon: None, family: Family::Bernoulli }
    }

    /// The same for rewards of another family.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] for parameters that the family cannot take.
    pub fn family(self, family: Family) -> Result<Self, ParameterError> {
        Ok(Self { family: family.checked()?, ..self })
    }
}

impl Policy for KlUcbPlusPlus {
    fn name(&self) -> String {
        let family = match self.family {
            Family::Bernoulli => None,
            Family::Gaussian { deviation } => Some(format!("gaussian={deviation}")),
            Family::Poisson { most } => Some(format!("poisson={most}")),
        };
        let options = [self.horizon.map(|horizon| horizon.to_string()), family];
        let options = options.into_iter().flatten().collect::<Vec<_>>().join(",");
        let kind = if self.horizon.is_some() { "kl-ucb++" } else { "kl-ucb++-anytime" };
        if options.is_empty() { kind.to_owned() } else { format!("{kind}({options})") }
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

/// ln₊(x (ln₊² x + 1)).
fn exploration(x: f64) -> f64 {
    if !(x > 1.0) {
        return 0.0;
    }
    let logarithm = libm::log(x);
    logarithm + libm::log1p(logarithm * logarithm)
}

impl Index for KlUcbPlusPlus {
    /// T / K, which stands still, or n / K.
    fn clock(&self, selections: u64, arms: usize) -> f64 {
        self.horizon.unwrap_or(selections) as f64 / arms as f64
    }

    fn value(&self, arm: ArmStatistics, clock: f64) -> f64 {
        if arm.issued() == 0 {
            return f64::INFINITY;
        }
        let selected = arm.issued() as f64;
        self.family.upper_bound(mean(arm), exploration(clock / selected) / selected)
    }

    fn holds_until(&self, ahead: ArmStatistics, behind: ArmStatistics, clock: f64) -> f64 {
        if self.horizon.is_some() {
            // The clock stands still.
            return clock;
        }
        order_until(self, [ahead, behind], clock, |height| {
            let selected = behind.issued() as f64;
            let budget = selected * self.family.divergence(mean(behind), height);
            // ln x is at most g(x), so x is at least this where g(x) is the budget.
            selected * libm::exp(budget - libm::log1p(budget * budget))
        })
    }
}
