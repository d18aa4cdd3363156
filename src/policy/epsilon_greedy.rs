//! ε-greedy: the best mean so far, and now and then any arm.

use std::error::Error;
use std::fmt;

use crate::statistics::ArmStatistics;

use super::index::by_index;
use super::{Index, Observes, Policy, Probabilities, View};

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
/// exploration for ever, and the decaying form needs a c that depends on unknown gaps.
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
}

/// A parameter of ε-greedy outside its range.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum EpsilonError {
    /// ε is not in [0, 1].
    Epsilon {
        /// The value.
        epsilon: f64,
    },
    /// c is not a positive number.
    C {
        /// The value.
        c: f64,
    },
}

impl fmt::Display for EpsilonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Epsilon { epsilon } => write!(f, "epsilon {epsilon} is not in [0, 1]"),
            Self::C { c } => write!(f, "c {c} is not a positive number"),
        }
    }
}

impl Error for EpsilonError {}

impl EpsilonGreedy {
    /// A constant ε in [0, 1].
    ///
    /// # Errors
    ///
    /// [`EpsilonError::Epsilon`] for any other number.
    pub fn constant(epsilon: f64) -> Result<Self, EpsilonError> {
        if !(0.0..=1.0).contains(&epsilon) {
            return Err(EpsilonError::Epsilon { epsilon });
        }
        Ok(Self { schedule: Schedule::Constant(epsilon) })
    }

    /// ε_t = min(1, cK/t) at the t-th selection of the eligible arms in a segment, K their number, c > 0.
    ///
    /// # Errors
    ///
    /// [`EpsilonError::C`] for any other number.
    pub fn decaying(c: f64) -> Result<Self, EpsilonError> {
        if !(c > 0.0 && c.is_finite()) {
            return Err(EpsilonError::C { c });
        }
        Ok(Self { schedule: Schedule::Decaying(c) })
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
        }
    }

    fn observes(&self) -> Observes {
        match self.schedule {
            Schedule::Constant(_) => Observes::Outcomes,
            Schedule::Decaying(_) => Observes::Selections,
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
    fn clock(&self, _: u64) -> f64 {
        0.0
    }

    fn value(&self, arm: ArmStatistics, _: f64) -> f64 {
        arm.mean().unwrap_or(0.0)
    }

    fn share(&self, selections: u64, arms: usize) -> f64 {
        1.0 - match self.schedule {
            Schedule::Constant(epsilon) => epsilon,
            Schedule::Decaying(c) => (c * arms as f64 / (selections + 1) as f64).min(1.0),
        }
    }

    fn holds_until(&self, _: ArmStatistics, _: ArmStatistics, _: f64) -> f64 {
        f64::INFINITY
    }
}
