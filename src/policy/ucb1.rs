//! UCB1: the arm with the largest upper confidence bound.

use super::{Observes, Policy, Probabilities, View, leaders};

/// Selects the arm with the largest index x̄_j + √(2 ln n / n_j); untried arms come first, ties are split evenly.
///
/// x̄_j is the mean of the returned rewards, scaled to [0, 1]; n_j counts the *selections* of the arm and n their
/// sum, so that outcomes which come late do not make it pour everything into one arm. An arm that was selected
/// but of which nothing has returned yet has x̄_j = 0.
///
/// P. Auer, N. Cesa-Bianchi, P. Fischer (2002), *Finite-time Analysis of the Multiarmed Bandit Problem*, figure 1
/// and theorem 1: regret at most 8 Σ ln T / Δ_j + (1 + π²/3) Σ Δ_j.
///
/// **When**: as the textbook reference. **When not**: where rewards are rare. Its bonus ignores that a rate near
/// zero has little variance, so at payment rates of 1 to 10 % it regrets about ten times as much as Thompson
/// sampling. It gives a point mass, so without an exploration share its log cannot be evaluated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ucb1 {}

impl Policy for Ucb1 {
    fn name(&self) -> String {
        "ucb1".to_owned()
    }

    fn observes(&self) -> Observes {
        Observes::Selections
    }

    fn probabilities(&self, view: &View<'_>) -> Probabilities {
        let statistics = view.statistics();
        let total = view.selections();
        let numerator = 2.0 * libm::log(total.max(1) as f64);
        let best = leaders(statistics.iter().map(|arm| match arm.issued() {
            0 => f64::INFINITY,
            selected => arm.mean().unwrap_or(0.0) + (numerator / selected as f64).sqrt(),
        }));
        Probabilities::shared(&best, 1.0)
    }
}
