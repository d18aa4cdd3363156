//! The log: rounds that are known to be possible before anything is computed from them.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::ops::Range;

use crate::arm::{ArmId, ArmSpace, Eligibility};
use crate::reward::{Reward, RewardKind, RewardKindError, RewardValueError};
use crate::segment::{SegmentId, Segments};

use super::weighted::binade;

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

/// Rounds over named arms and segments, in the order in which they happened, each checked.
#[derive(Clone, Debug)]
pub struct Log {
    arms: ArmSpace,
    segments: Segments,
    reward: RewardKind,
    /// All arms, for the rounds that name no set.
    everything: Eligibility,
    rounds: Vec<Round>,
    /// The arms each segment shows, ascending within their range.
    shown: Vec<ArmId>,
    ranges: HashMap<SegmentId, Range<usize>>,
    least_propensity: f64,
    uniform: bool,
    has_propensities: bool,
    observational: bool,
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

/// Why rounds do not make a [`Log`].
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

impl Log {
    /// Checks every round.
    ///
    /// # Errors
    ///
    /// [`LogError`] with the first round that cannot be, and the value that says so.
    pub fn new(
        arms: ArmSpace,
        segments: Segments,
        reward: RewardKind,
        rounds: impl IntoIterator<Item = Round>,
    ) -> Result<Self, LogError> {
        reward.validate().map_err(LogError::RewardKind)?;
        let mut log = Self {
            everything: arms.all(),
            arms,
            segments,
            reward,
            rounds: rounds.into_iter().collect(),
            shown: Vec::new(),
            ranges: HashMap::new(),
            least_propensity: 1.0,
            uniform: false,
            has_propensities: true,
            observational: false,
        };
        for (number, round) in log.rounds.iter().enumerate() {
            log.check(round).map_err(|error| LogError::Round { round: number, error })?;
        }
        log.least_propensity = log.rounds.iter().map(|round| round.propensity).fold(1.0, f64::min);
        log.index();
        Ok(log)
    }

    /// Declares that in every round each eligible arm was as likely as any other, so that an arm which a segment
    /// happens never to show could have been shown all the same.
    ///
    /// # Errors
    ///
    /// [`LogError`] with the first round whose propensity is not, to one part in a million, one over the number
    /// of its eligible arms.
    pub fn declare_uniform(mut self) -> Result<Self, LogError> {
        for (number, round) in self.rounds.iter().enumerate() {
            let (propensity, eligible) = (round.propensity, self.eligible(round).len());
            // Logs carry decimal fractions of finitely many digits.
            if (propensity * eligible as f64 - 1.0).abs() > 1e-6 {
                return Err(LogError::Round {
                    round: number,
                    error: RoundError::NotUniform { propensity, eligible },
                });
            }
        }
        self.uniform = true;
        Ok(self)
    }

    /// Declares that nobody knows with what probabilities arms were sent: the propensities of the rounds are fillers,
    /// best the share of the arm among the rounds of its segment, which the interval of a fitted reward model goes by. Only
    /// a reward model can be asked about such a log, and what it says may be due to who was sent what.
    #[must_use]
    pub fn declare_no_propensities(mut self) -> Self {
        self.has_propensities = false;
        self.uniform = false;
        self
    }

    /// Whether the propensities are known, as they are unless declared [otherwise](Log::declare_no_propensities).
    #[must_use]
    pub fn has_propensities(&self) -> bool {
        self.has_propensities
    }

    /// Declares that arms were not sent at random: the propensities are somebody's estimate of what habit or rules made of
    /// it. Everything is computed as ever, with a [warning](super::Warning).
    #[must_use]
    pub fn declare_observational(mut self) -> Self {
        self.observational = true;
        self
    }

    /// Whether the log was [declared observational](Log::declare_observational).
    #[must_use]
    pub fn is_observational(&self) -> bool {
        self.observational
    }

    /// The arms.
    #[must_use]
    pub fn arms(&self) -> &ArmSpace {
        &self.arms
    }

    /// The segments.
    #[must_use]
    pub fn segments(&self) -> &Segments {
        &self.segments
    }

    /// The kind and range of the rewards.
    #[must_use]
    pub fn reward_kind(&self) -> RewardKind {
        self.reward
    }

    /// The rounds, in order.
    #[must_use]
    pub fn rounds(&self) -> &[Round] {
        &self.rounds
    }

    /// Whether the log was [declared uniform](Log::declare_uniform).
    #[must_use]
    pub fn is_uniform(&self) -> bool {
        self.uniform
    }

    /// The arms that could have been drawn in a round of this log.
    #[must_use]
    pub fn eligible<'a>(&'a self, round: &'a Round) -> &'a Eligibility {
        round.eligible.as_ref().unwrap_or(&self.everything)
    }

    /// The arms that rounds of this segment show, ascending.
    #[must_use]
    pub fn shown(&self, segment: SegmentId) -> &[ArmId] {
        self.ranges.get(&segment).map_or(&[], |range| &self.shown[range.clone()])
    }

    /// A power of two near the largest reward, to compute with rewards whose squares are finite and not 0.
    pub(super) fn unit(&self) -> f64 {
        let (minimum, maximum) = self.reward.range();
        binade(minimum.abs().max(maximum.abs()))
    }

    /// Each segment with each arm that it shows.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (SegmentId, ArmId)> + '_ {
        let of = |(&segment, range): (&SegmentId, &Range<usize>)| (segment, range.clone());
        let ranges = self.ranges.iter().map(of);
        ranges.flat_map(|(segment, range)| self.shown[range].iter().map(move |&arm| (segment, arm)))
    }

    /// The least propensity of all rounds, in (0, 1]; 1 where there are none.
    #[must_use]
    pub fn least_propensity(&self) -> f64 {
        self.least_propensity
    }

    /// The mean reward of the policy that wrote the log; `None` without rounds.
    #[must_use]
    pub fn mean_reward(&self) -> Option<f64> {
        let sum: f64 = self.rounds.iter().map(|round| round.reward.value()).sum();
        (!self.rounds.is_empty()).then(|| sum / self.rounds.len() as f64)
    }

    fn check(&self, round: &Round) -> Result<(), RoundError> {
        let Round { segment, arm, propensity, reward, ref eligible } = *round;
        if segment.index() >= self.segments.len() {
            return Err(RoundError::UnknownSegment { segment, segments: self.segments.len() });
        }
        if arm.index() >= self.arms.len() {
            return Err(RoundError::UnknownArm { arm, arms: self.arms.len() });
        }
        if !(propensity > 0.0 && propensity <= 1.0) {
            return Err(RoundError::Propensity { propensity });
        }
        self.reward.quantity(reward).map_err(RoundError::Reward)?;
        if let Some(eligible) = eligible {
            let (theirs, ours) = (eligible.space(), self.arms.fingerprint());
            if theirs != ours {
                return Err(RoundError::ForeignEligibility { eligibility: theirs, arms: ours });
            }
            if !eligible.contains(arm) {
                return Err(RoundError::NotEligible { arm });
            }
        }
        Ok(())
    }

    /// Notes which arms each segment shows: pairs, not a table, since both numbers may be in the millions.
    fn index(&mut self) {
        let mut pairs: Vec<(SegmentId, ArmId)> =
            self.rounds.iter().map(|round| (round.segment, round.arm)).collect();
        pairs.sort_unstable();
        pairs.dedup();
        for (position, &(segment, arm)) in pairs.iter().enumerate() {
            self.ranges.entry(segment).or_insert(position..position).end = position + 1;
            self.shown.push(arm);
        }
    }
}
