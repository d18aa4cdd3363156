//! UCB1-Tuned: UCB1 whose bonus knows the variance.

use crate::statistics::ArmStatistics;

use super::index::{by_index, mean, order_until, variance};
use super::{Index, Observes, Policy, Probabilities, View};

/// Selects the arm with the largest index x̄_j + √(ln n / n_j · min(¼, V_j)); untried arms come first, ties are split evenly.
///
/// V_j = v_j + √(2 ln n / n_j), where v_j is the empirical variance of the arm's returned rewards, scaled to [0, 1], is an
/// upper confidence bound of the variance, and ¼ the most that rewards in [0, 1] can have. n_j counts selections, n is
/// their sum.
///
/// P. Auer, N. Cesa-Bianchi, P. Fischer (2002), *Finite-time Analysis of the Multiarmed Bandit Problem*, section 4. No regret
/// bound is known; in the paper's experiments, as in ours, it does much better than UCB1.
///
/// **When**: UCB1 is asked for by name, and rewards are not rare. **When not**: a guarantee is wanted
/// ([`UcbV`](super::UcbV), [`KlUcb`](super::KlUcb)), or rewards are rare: an arm of which all first outcomes failed has little
/// variance to show for it. It gives a point mass, so without an exploration share its log cannot be evaluated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ucb1Tuned {}

impl Policy for Ucb1Tuned {
    fn name(&self) -> String {
        "ucb1-tuned".to_owned()
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

impl Index for Ucb1Tuned {
    /// ln n.
    fn clock(&self, selections: u64, _: usize) -> f64 {
        libm::log(selections.max(1) as f64)
    }

    fn value(&self, arm: ArmStatistics, clock: f64) -> f64 {
        if arm.issued() == 0 {
            return f64::INFINITY;
        }
        let exploration = clock / arm.issued() as f64;
        let bound = variance(arm) + (2.0 * exploration).sqrt();
        mean(arm) + (exploration * bound.min(0.25)).sqrt()
    }

    fn holds_until(&self, ahead: ArmStatistics, behind: ArmStatistics, clock: f64) -> f64 {
        order_until(self, [ahead, behind], clock, |height| {
            let bonus = height - mean(behind);
            // With u = √(ln n / n_j) the squared bonus is the lesser of ¼ u² and v u² + √2 u³, and both must get there.
            // The root of the second lies between bounds that tighten each other, whichever of the terms dominates.
            let v = variance(behind);
            let other_end = |u: f64| bonus / (v + (2.0_f64).sqrt() * u).sqrt();
            let most = libm::cbrt(bonus * bonus / (2.0_f64).sqrt());
            let least = other_end(other_end(other_end(most)));
            let u = least.max(2.0 * bonus);
            behind.issued() as f64 * u * u
        })
    }
}
