//! Why rounds cannot be evaluated as they go by.

use std::error::Error;
use std::fmt;

use super::super::estimate::EstimateError;
use super::super::round::LogError;
use super::super::roundwise::Estimator;

/// What one pass cannot tell. Displays what would have to be known beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cannot {
    /// λ is chosen by what the largest weight is.
    ChooseLambda {
        /// The estimator.
        estimator: Estimator,
    },
    /// A replay keeps rounds by their weight over the largest.
    Replay,
    /// A bootstrap has to know how many rounds there will be.
    Bootstrap,
    /// The probability of a group of arms is read off the whole log, unless the log is uniform.
    Marginalise,
}

impl fmt::Display for Cannot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ChooseLambda { estimator } => {
                write!(f, "{estimator} needs a lambda, or the largest weight, before the first round")
            }
            Self::Replay => f.write_str("replay needs the largest weight before the first round"),
            Self::Bootstrap => {
                f.write_str("a bootstrap needs all rounds at hand; normal and Bernstein intervals do not")
            }
            Self::Marginalise => f.write_str("mips needs all rounds at hand, but for a log that is uniform"),
        }
    }
}

/// Why there is no evaluation of a [`Stream`](super::Stream).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum StreamError {
    /// What was asked cannot be told in one pass.
    Cannot(Cannot),
    /// A round is impossible.
    Round(LogError),
    /// Nothing can be estimated.
    Estimate(EstimateError),
    /// The question has the outline of other rounds.
    OtherOutline,
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cannot(cannot) => cannot.fmt(f),
            Self::Round(error) => error.fmt(f),
            Self::Estimate(error) => error.fmt(f),
            Self::OtherOutline => f.write_str("the question has the outline of other rounds"),
        }
    }
}

impl Error for StreamError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Cannot(_) | Self::OtherOutline => None,
            Self::Round(error) => Some(error),
            Self::Estimate(error) => Some(error),
        }
    }
}

impl From<Cannot> for StreamError {
    fn from(cannot: Cannot) -> Self {
        Self::Cannot(cannot)
    }
}

impl From<EstimateError> for StreamError {
    fn from(error: EstimateError) -> Self {
        Self::Estimate(error)
    }
}
