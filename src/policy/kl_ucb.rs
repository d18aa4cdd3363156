//! KL-UCB: the largest mean that an arm's record does not yet rule out.

use crate::statistics::ArmStatistics;

use super::index::{by_index, mean, order_until};
use super::parameter::not_negative;
use super::{Family, Index, Observes, ParameterError, Policy, Probabilities, View};

/// Selects the arm with the largest index max {q: n_j kl(x̄_j, q) ≤ ln n + c ln ln n}; untried arms come first, ties are split
/// evenly.
///
/// kl is the divergence of a [`Family`], by default the Bernoulli; n_j counts selections, n is their sum; c is 0, as the
/// authors advise, while their proof has 3.
///
/// A. Garivier, O. Cappé (2011), *The KL-UCB Algorithm for Bounded Stochastic Bandits and Beyond*: regret
/// Σ Δ_j ln T / kl(μ_j, μ*) to first order, which no policy can better for Bernoulli rewards (T. L. Lai, H. Robbins 1985), and
/// uniformly below that of UCB1.
///
/// **When**: the index policy to take: rewards are rare, or a bound is easier to explain than chance. **When not**: outcomes
/// come in large batches or late: it gives a point mass, which stays on one arm until they come, where Thompson sampling goes
/// on mixing. Without an exploration share its log cannot be evaluated.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct KlUcb {
    family: Family,
    c: f64,
}

impl KlUcb {
    /// KL-UCB for rewards of this family, with c ≥ 0.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] for another c, or parameters that the family cannot take.
    pub fn new(family: Family, c: f64) -> Result<Self, ParameterError> {
        Ok(Self { family: family.checked()?, c: not_negative("c", c)? })
    }
}

impl Policy for KlUcb {
    fn name(&self) -> String {
        let family = match self.family {
            Family::Bernoulli if self.c.to_bits() == 0 => return "kl-ucb".to_owned(),
            Family::Bernoulli => "bernoulli".to_owned(),
            Family::Gaussian { deviation } => format!("gaussian={deviation}"),
            Family::Poisson { most } => format!("poisson={most}"),
        };
        if self.c.to_bits() == 0 {
            format!("kl-ucb({family})")
        } else {
            format!("kl-ucb({family},c={})", self.c)
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

impl Index for KlUcb {
    /// ln n + c ln ln n.
    fn clock(&self, selections: u64, _: usize) -> f64 {
        let logarithm = libm::log(selections.max(1) as f64);
        // Below e, ln ln is negative: it would take exploration away.
        if self.c > 0.0 && logarithm > 1.0 { logarithm + self.c * libm::log(logarithm) } else { logarithm }
    }

    fn value(&self, arm: ArmStatistics, clock: f64) -> f64 {
        match arm.issued() {
            0 => f64::INFINITY,
            selected => self.family.upper_bound(mean(arm), clock / selected as f64),
        }
    }

    fn holds_until(&self, ahead: ArmStatistics, behind: ArmStatistics, clock: f64) -> f64 {
        order_until(self, [ahead, behind], clock, |height| {
            behind.issued() as f64 * self.family.divergence(mean(behind), height)
        })
    }
}
