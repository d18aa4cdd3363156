//! ε-greedy: the best mean so far, and now and then any arm.

use crate::statistics::ArmStatistics;

use super::index::{by_index, mean};
use super::parameter::{positive, share};
use super::{Index, Observes, ParameterError, Policy, Probabilities, View};

/// Selects uniformly with probability ε, else the arm with the best mean of its returned rewards; ties are split
/// evenly.
///
/// An arm of which nothing has returned yet has mean 0, so that it ties with the arms that only failed.
///
/// P. Auer, N. Cesa-Bianchi, P. Fischer (2002), *Finite-time Analysis of the Multiarmed Bandit Problem*, figure 3
/// (ε_n-greedy): with ε_t = min(1, cK/t), c > 5/d² and d at most the gap to the second best arm, the regret is
/// O(K ln T / d²). With constant ε it grows linearly, as ε times the mean gap.
///
/// **When**: simple to explain; constant ε gives a log with a known floor. **When not**: constant ε pays for
/// exploration for ever, the decaying form needs a c that depends on unknown gaps, and the first n selections an n that
/// does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpsilonGreedy {
    schedule: Schedule,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Schedule {
    /// ε in [0, 1].
    Constant(f64),
    /// c > 0 in min(1, cK/t).
    Decaying(f64),
    /// So many selections at random first.
    First(u64),
}

impl EpsilonGreedy {
    /// A constant ε in [0, 1].
    ///
    /// # Errors
    ///
    /// [`ParameterError`] for any other number.
    pub fn constant(epsilon: f64) -> Result<Self, ParameterError> {
        Ok(Self { schedule: Schedule::Constant(share("epsilon", epsilon)?) })
    }

    /// ε_t = min(1, cK/t) at the t-th selection of the eligible arms in a segment, K their number, c > 0.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] for any other number.
    pub fn decaying(c: f64) -> Result<Self, ParameterError> {
        Ok(Self { schedule: Schedule::Decaying(positive("c", c)?) })
    }

    /// ε = 1 for the first n selections of the eligible arms in a segment, then 0: an experiment, and its winner for
    /// ever (also known as explore-then-commit).
    ///
    /// The winner is not fixed: outcomes that come later may still change it.
    #[must_use]
    pub fn first(n: u64) -> Self {
        Self { schedule: Schedule::First(n) }
    }
}

impl Default for EpsilonGreedy {
    /// Constant ε = 0.1.
    fn default() -> Self {
        Self { schedule: Schedule::Constant(0.1) }
    }
}

impl Policy for EpsilonGreedy {
    fn name(&self) -> String {
        match self.schedule {
            _ if *self == Self::default() => "epsilon-greedy".to_owned(),
            Schedule::Constant(epsilon) => format!("epsilon-greedy({epsilon})"),
            Schedule::Decaying(c) => format!("epsilon-greedy(c={c})"),
            Schedule::First(n) => format!("epsilon-greedy(first={n})"),
        }
    }

    fn observes(&self) -> Observes {
        match self.schedule {
            Schedule::Constant(_) => Observes::Outcomes,
            Schedule::Decaying(_) | Schedule::First(_) => Observes::Selections,
        }
    }

    fn probabilities(&self, view: &View<'_>) -> Probabilities {
        by_index(self, view)
    }

    fn as_index(&self) -> Option<&dyn Index> {
        Some(self)
    }
}

impl Index for EpsilonGreedy {
    /// The mean needs no clock.
    fn clock(&self, _: u64, _: usize) -> f64 {
        0.0
    }

    fn value(&self, arm: ArmStatistics, _: f64) -> f64 {
        mean(arm)
    }

    fn share(&self, selections: u64, arms: usize) -> f64 {
        1.0 - match self.schedule {
            Schedule::Constant(epsilon) => epsilon,
            Schedule::Decaying(c) => (c * arms as f64 / (selections + 1) as f64).min(1.0),
            Schedule::First(n) => f64::from(u8::from(selections < n)),
        }
    }

    fn holds_until(&self, _: ArmStatistics, _: ArmStatistics, _: f64) -> f64 {
        f64::INFINITY
    }
}
