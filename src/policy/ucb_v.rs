//! UCB-V: a confidence bound by the empirical variance, with a guarantee.

use crate::statistics::ArmStatistics;

use super::index::{by_index, mean, order_until, variance};
use super::parameter::positive;
use super::{Index, Observes, ParameterError, Policy, Probabilities, View};

/// Selects the arm with the largest index x̄_j + √(2 v_j ζ ln n / n_j) + 3 c ζ ln n / n_j; untried arms come first, ties are
/// split evenly.
///
/// v_j is the empirical variance of the arm's returned rewards, scaled to [0, 1]; n_j counts selections, n is their sum.
///
/// J.-Y. Audibert, R. Munos, C. Szepesvári (2009), *Exploration–exploitation tradeoff using variance estimates in multi-armed
/// bandits*: with ζ = 1.2 and c = 1, the default, regret at most 10 Σ (σ_j² / Δ_j + 2) ln T, where UCB1 has 8 / Δ_j for the
/// parenthesis whatever the variance. The bound needs ζ > 1.
///
/// **When**: rewards are amounts of small variance, and a guarantee is wanted. **When not**: for 0/1 rewards, where
/// [`KlUcb`](super::KlUcb) uses what is known of their law; or few selections: 3 ζ ln n / n_j keeps every arm interesting for
/// its first hundreds. It gives a point mass, so without an exploration share its log cannot be evaluated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UcbV {
    zeta: f64,
    c: f64,
}

impl UcbV {
    /// UCB-V with other constants, ζ > 0 and c > 0.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] for any other numbers.
    pub fn new(zeta: f64, c: f64) -> Result<Self, ParameterError> {
        Ok(Self { zeta: positive("zeta", zeta)?, c: positive("c", c)? })
    }

    /// The factors of u and u² in the bonus, where u² = ζ ln n / n_j.
    fn bonus(self, arm: ArmStatistics) -> [f64; 2] {
        [(2.0 * variance(arm)).sqrt(), 3.0 * self.c]
    }
}

impl Default for UcbV {
    /// ζ = 1.2 and c = 1.
    fn default() -> Self {
        Self { zeta: 1.2, c: 1.0 }
    }
}

impl Policy for UcbV {
    fn name(&self) -> String {
        match self {
            _ if *self == Self::default() => "ucb-v".to_owned(),
            Self { zeta, c } => format!("ucb-v({zeta},{c})"),
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

impl Index for UcbV {
    /// ζ ln n.
    fn clock(&self, selections: u64, _: usize) -> f64 {
        self.zeta * libm::log(selections.max(1) as f64)
    }

    fn value(&self, arm: ArmStatistics, clock: f64) -> f64 {
        if arm.issued() == 0 {
            return f64::INFINITY;
        }
        let square = clock / arm.issued() as f64;
        let [linear, quadratic] = self.bonus(arm);
        mean(arm) + linear * square.sqrt() + quadratic * square
    }

    fn holds_until(&self, ahead: ArmStatistics, behind: ArmStatistics, clock: f64) -> f64 {
        order_until(self, [ahead, behind], clock, |height| {
            let bonus = height - mean(behind);
            let [linear, quadratic] = self.bonus(behind);
            // The positive root of a quadratic equation, in the form that loses no digits.
            let u = 2.0 * bonus / (linear + (linear * linear + 4.0 * quadratic * bonus).sqrt());
            behind.issued() as f64 * u * u
        })
    }
}
