//! One round, and what makes it impossible.

use std::error::Error;
use std::fmt;

use crate::arm::{ArmId, Eligibility};
use crate::reward::{Reward, RewardKindError, RewardValueError};
use crate::segment::SegmentId;

/// One decision of the past with its outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct Round {
    /// The customer's segment.
    pub segment: SegmentId,
    /// The arm that was sent.
    pub arm: ArmId,
    /// The probability with which that arm was drawn, in (0, 1].
    pub propensity: f64,
    /// What came of it.
    pub reward: Reward,
    /// The arms that could have been drawn; `None` where that is all of them.
    pub eligible: Option<Eligibility>,
}

/// What makes a round impossible.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum RoundError {
    /// There is no such segment.
    UnknownSegment {
        /// The segment.
        segment: SegmentId,
        /// How many there are.
        segments: usize,
    },
    /// There is no such arm.
    UnknownArm {
        /// The arm.
        arm: ArmId,
        /// How many there are.
        arms: usize,
    },
    /// The propensity is not in (0, 1].
    Propensity {
        /// The propensity.
        propensity: f64,
    },
    /// The reward is not of the declared kind.
    Reward(RewardValueError),
    /// The set of eligible arms belongs to another arm space.
    ForeignEligibility {
        /// Fingerprint of the set's arm space.
        eligibility: u64,
        /// Fingerprint of the log's.
        arms: u64,
    },
    /// The arm that was sent is not among those that could be.
    NotEligible {
        /// The arm.
        arm: ArmId,
    },
    /// The log was declared uniform, but the propensity is not one over the number of eligible arms.
    NotUniform {
        /// The propensity.
        propensity: f64,
        /// How many arms were eligible.
        eligible: usize,
    },
}

impl fmt::Display for RoundError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownSegment { segment, segments } => {
                write!(f, "no segment {segment}; there are {segments}")
            }
            Self::UnknownArm { arm, arms } => write!(f, "no arm {arm}; there are {arms}"),
            Self::Propensity { propensity } => {
                write!(f, "propensity {propensity} is not above 0 and at most 1")
            }
            Self::Reward(error) => error.fmt(f),
            Self::ForeignEligibility { eligibility, arms } => {
                write!(f, "the set belongs to the arm space {eligibility:016x}, the log has {arms:016x}")
            }
            Self::NotEligible { arm } => write!(f, "arm {arm} was sent but was not eligible"),
            Self::NotUniform { propensity, eligible } => {
                write!(f, "propensity {propensity} is not uniform over {eligible} eligible arms")
            }
        }
    }
}

impl Error for RoundError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Reward(error) => Some(error),
            _ => None,
        }
    }
}

/// Why rounds do not make a [`Log`](super::Log).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum LogError {
    /// The range of rewards is none.
    RewardKind(RewardKindError),
    /// A round is impossible.
    Round {
        /// Its number, from 0.
        round: usize,
        /// What is wrong with it.
        error: RoundError,
    },
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RewardKind(error) => error.fmt(f),
            Self::Round { round, error } => write!(f, "round {round}: {error}"),
        }
    }
}

impl Error for LogError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::RewardKind(error) => Some(error),
            Self::Round { error, .. } => Some(error),
        }
    }
}
