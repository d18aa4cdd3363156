//! Why a bandit cannot be built.

use std::error::Error;
use std::fmt;

use crate::arm::NameError;
use crate::belief::ForgettingError;
use crate::plan::SharesError;
use crate::reward::{GoalError, Reward, RewardKindError, RewardValueError};
use crate::time::Window;

/// Why a bandit cannot be built.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum BuildError {
    /// The range of rewards is none.
    RewardKind(RewardKindError),
    /// The exploration share is not in [0, 1].
    Exploration {
        /// The share given.
        share: f64,
    },
    /// The warm start was made for other arms or segments.
    WarmStart,
    /// Floors and caps that cannot be kept, or of what does not exist.
    Shares(SharesError),
    /// The policy needs more further goals than are declared.
    Goals {
        /// How many it needs.
        goals: usize,
        /// How many there are.
        declared: usize,
    },
    /// Further goals go by stages, and rewards come whole.
    GoalsWithoutStages,
    /// The rule of a further goal does not go by stages alone, or not by these arms.
    Goal {
        /// The goal.
        goal: String,
        /// What is wrong.
        error: GoalError,
    },
    /// Two goals have the same name.
    GoalTwice {
        /// The name.
        goal: String,
    },
    /// The default reward is not admissible.
    DefaultReward(RewardValueError),
    /// A window that no [`Window::new`] has made: it may come from a configuration file.
    Window {
        /// The window.
        window: Window,
    },
    /// Rewards come in stages, and no window says when they are complete.
    StagesWithoutWindow,
    /// Rewards come in stages, and there is a default reward beside the baseline of the rule.
    StagesWithDefault {
        /// The default reward.
        default: Reward,
    },
    /// The rule has a cost for a level that the arms do not have.
    Cost(NameError),
    /// A rule of forgetting under which nothing would be remembered, or any at all where no window tells ages apart.
    Forgetting(ForgettingError),
    /// The policy learns from importance-weighted sums, which are kept for bandits that run by themselves, without a window,
    /// exchange or journal, only.
    Weighted {
        /// The policy.
        policy: String,
    },
    /// Requests are to have features, together with outcomes in stages or a policy that learns from importance-weighted sums: sums
    /// of features are kept for bandits without these only.
    Features {
        /// What stands against it.
        with: &'static str,
    },
    /// Two token keys have the same number.
    DuplicateKey {
        /// The number.
        key: u8,
    },
    /// The incarnation is 2⁴⁸ or more.
    Incarnation {
        /// The incarnation given.
        incarnation: u64,
    },
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RewardKind(error) => error.fmt(f),
            Self::Exploration { share } => write!(f, "exploration share {share} is not in [0, 1]"),
            Self::WarmStart => f.write_str("the warm start was made for other arms or segments"),
            Self::Goals { goals, declared } => {
                write!(f, "the policy needs {goals} further goals, and {declared} are declared")
            }
            Self::GoalsWithoutStages => f.write_str("further goals need outcomes in stages"),
            Self::Goal { goal, error } => write!(f, "goal {goal}: {error}"),
            Self::GoalTwice { goal } => write!(f, "goal {goal} is declared twice"),
            Self::Shares(error) => write!(f, "shares: {error}"),
            Self::DefaultReward(error) => write!(f, "default reward: {error}"),
            Self::Window { window } => write!(f, "there is no window such as {window:?}"),
            Self::StagesWithoutWindow => {
                f.write_str("rewards in stages need a window, at whose end they are complete")
            }
            Self::StagesWithDefault { default } => {
                write!(f, "default reward {default}: the baseline of the rule for stages is the default")
            }
            Self::Cost(error) => write!(f, "cost: {error}"),
            Self::Forgetting(error) => error.fmt(f),
            Self::Weighted { policy } => {
                write!(
                    f,
                    "policy {policy} needs sums that a bandit with a window, exchange or journal does not keep"
                )
            }
            Self::Features { with } => write!(f, "features are not learnt from with {with}"),
            Self::DuplicateKey { key } => write!(f, "token key number {key} is given twice"),
            Self::Incarnation { incarnation } => write!(f, "incarnation {incarnation} is not below 2^48"),
        }
    }
}

impl Error for BuildError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::RewardKind(error) => Some(error),
            Self::Shares(error) => Some(error),
            Self::Goal { error, .. } => Some(error),
            Self::DefaultReward(error) => Some(error),
            Self::Cost(error) => Some(error),
            Self::Forgetting(error) => Some(error),
            _ => None,
        }
    }
}
