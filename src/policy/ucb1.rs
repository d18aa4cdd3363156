//! UCB1: the arm with the largest upper confidence bound.

use crate::statistics::ArmStatistics;

use super::index::{by_index, mean};
use super::parameter::positive;
use super::{Index, Observes, ParameterError, Policy, Probabilities, View};

/// Selects the arm with the largest index x̄_j + √(c ln n / n_j); untried arms come first, ties are split evenly.
///
/// x̄_j is the mean of the returned rewards, scaled to [0, 1]; n_j counts the *selections* of the arm and n their
/// sum, so that outcomes which come late do not make it pour everything into one arm. An arm that was selected
/// but of which nothing has returned yet has x̄_j = 0.
///
/// P. Auer, N. Cesa-Bianchi, P. Fischer (2002), *Finite-time Analysis of the Multiarmed Bandit Problem*, figure 1
/// and theorem 1, with c = 2: regret at most 8 Σ ln T / Δ_j + (1 + π²/3) Σ Δ_j. The regret stays O(Σ ln T / Δ_j) for every
/// c > ½: S. Bubeck, N. Cesa-Bianchi (2012), *Regret Analysis of Stochastic and Nonstochastic Multi-armed Bandit Problems*,
/// theorem 2.1, whose α is 2c. Smaller c do better in practice, as long as they do.
///
/// **When**: as the textbook reference. **When not**: where rewards are rare. Its bonus ignores that a rate near
/// zero has little variance, so at payment rates of 1 to 10 % it regrets about ten times as much as Thompson
/// sampling. It gives a point mass, so without an exploration share its log cannot be evaluated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ucb1 {
    c: f64,
}

impl Ucb1 {
    /// UCB1 with another constant c > 0 below the root than 2.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] for any other number.
    pub fn new(c: f64) -> Result<Self, ParameterError> {
        Ok(Self { c: positive("c", c)? })
    }
}

impl Default for Ucb1 {
    /// c = 2.
    fn default() -> Self {
        Self { c: 2.0 }
    }
}

impl Policy for Ucb1 {
    fn name(&self) -> String {
        match self {
            _ if *self == Self::default() => "ucb1".to_owned(),
            Self { c } => format!("ucb1({c})"),
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

/// How far apart two indices must be for their order to be beyond rounding, for c up to one, and √c times as far above:
/// indices are below 1 + 7 √c (ln 2⁶⁴ = 44.4), so that the few operations behind one err by less than a hundredth of that.
const MARGIN: f64 = 1e-12;

/// With s = √(c ln n) the index is a straight line, x̄_j + s / √n_j, so that two arms change order at most once.
impl Index for Ucb1 {
    /// c ln n.
    fn clock(&self, selections: u64, _: usize) -> f64 {
        self.c * libm::log(selections.max(1) as f64)
    }

    fn value(&self, arm: ArmStatistics, clock: f64) -> f64 {
        match arm.issued() {
            0 => f64::INFINITY,
            selected => mean(arm) + (clock / selected as f64).sqrt(),
        }
    }

    fn holds_until(&self, ahead: ArmStatistics, behind: ArmStatistics, clock: f64) -> f64 {
        let [above, below] = [ahead, behind].map(mean);
        let same_line = ahead.issued() == behind.issued() && above.to_bits() == below.to_bits();
        if same_line || ahead.issued() == 0 {
            return f64::INFINITY;
        }
        let margin = MARGIN * self.c.max(1.0).sqrt();
        if !(self.value(ahead, clock) - self.value(behind, clock) > margin) {
            return clock;
        }
        let slope = |arm: ArmStatistics| 1.0 / (arm.issued() as f64).sqrt();
        let closing = slope(behind) - slope(ahead);
        if closing <= 0.0 {
            return f64::INFINITY;
        }
        // Where the lead has shrunk to the margin.
        let crossing = (above - below - margin) / closing;
        (crossing * crossing).max(clock)
    }
}
