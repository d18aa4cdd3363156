//! Rewarding a decision: check everything, claim its bit, count.

use std::error::Error;
use std::fmt;

use crate::arm::ArmId;
use crate::decision::{Decision, DecisionId, Token, TokenError};
use crate::reward::{OutcomeError, Quantity, Reward, RewardValueError, Stage};
use crate::segment::SegmentId;
use crate::statistics::{ClaimError, Cohort, CohortId};
use crate::time::Timestamp;

use super::{Bandit, Refresh};

/// Why the names behind a decision lead to no arm or segment of today.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpaceError {
    /// Arms and segments of this fingerprint were never heard of.
    Unknown {
        /// The fingerprint.
        fingerprint: u64,
    },
    /// The arm or segment existed in an earlier build but does no longer.
    Vanished {
        /// Its names.
        name: String,
    },
}

impl fmt::Display for SpaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { fingerprint } => write!(f, "arms and segments {fingerprint:016x} are unknown"),
            Self::Vanished { name } => write!(f, "{name} does not exist any more"),
        }
    }
}

impl Error for SpaceError {}

/// Why a text does not become a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseError {
    /// It is no token of ours.
    Token(TokenError),
    /// It names an arm or a segment that is not there.
    Space(SpaceError),
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(error) => error.fmt(f),
            Self::Space(error) => error.fmt(f),
        }
    }
}

impl Error for ParseError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Token(error) => Some(error),
            Self::Space(error) => Some(error),
        }
    }
}

/// Why a reward is not counted; nothing has changed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RewardError {
    /// The value is not admissible.
    Value(RewardValueError),
    /// The outcome is not admissible.
    Outcome(OutcomeError),
    /// This stage of the decision has arrived before.
    DuplicateStage {
        /// The decision.
        id: DecisionId,
        /// The stage.
        stage: Stage,
    },
    /// The bandit has a [rule](crate::BanditBuilder::stages) and makes rewards of outcomes, by [`Bandit::observe`].
    InStages {
        /// The decision.
        id: DecisionId,
    },
    /// The bandit has no rule by which outcomes would become rewards; it takes those by [`Bandit::reward`].
    NotInStages {
        /// The decision.
        id: DecisionId,
    },
    /// The decision has its reward already, or was taken back; to be taken back, it has an outcome already.
    AlreadyRewarded {
        /// The decision.
        id: DecisionId,
    },
    /// The process and life named made no decision of this number.
    NeverIssued {
        /// The decision.
        id: DecisionId,
    },
    /// The decision was made by a process or life that this bandit knows nothing of: no snapshot told of it.
    UnknownIssuer {
        /// The decision.
        id: DecisionId,
    },
    /// The window of the decision is over, and the time of grace: it has the default reward for good.
    Late {
        /// The decision.
        id: DecisionId,
    },
    /// The cohort is not known: the decision was made with a window and this bandit has none, or the reverse.
    UnknownCohort {
        /// The decision.
        id: DecisionId,
    },
    /// The decision was made by another process, and as many rewards wait to be forwarded as can: exchange first.
    OutboxFull {
        /// The decision.
        id: DecisionId,
    },
    /// The decision names an arm or a segment that is not there.
    Space(SpaceError),
    /// The reward could not be recorded.
    #[cfg(feature = "journal")]
    Journal(crate::journal::ReserveError),
}

impl fmt::Display for RewardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(error) => error.fmt(f),
            Self::Outcome(error) => error.fmt(f),
            Self::DuplicateStage { id, stage } => write!(f, "decision {id} has been {stage} before"),
            Self::InStages { id } => {
                write!(f, "the reward of decision {id} is made of outcomes in stages; report those")
            }
            Self::NotInStages { id } => {
                write!(f, "no rule makes a reward of outcomes for decision {id}; report the reward")
            }
            Self::AlreadyRewarded { id } => write!(f, "decision {id} has its reward already"),
            Self::Late { id } => write!(f, "the reward of decision {id} comes after its window"),
            Self::NeverIssued { id } => write!(f, "decision {id} was never made"),
            Self::UnknownIssuer { id } => write!(f, "decision {id} was made by an unknown process or life"),
            Self::OutboxFull { id } => {
                write!(f, "no room to keep the reward of decision {id} for the process that made it")
            }
            Self::UnknownCohort { id } => write!(f, "decision {id} belongs to an unknown cohort"),
            Self::Space(error) => error.fmt(f),
            #[cfg(feature = "journal")]
            Self::Journal(error) => error.fmt(f),
        }
    }
}

#[cfg(feature = "journal")]
impl From<crate::journal::ReserveError> for RewardError {
    fn from(error: crate::journal::ReserveError) -> Self {
        Self::Journal(error)
    }
}

#[cfg(not(feature = "journal"))]
impl From<super::unrecorded::Never> for RewardError {
    fn from(never: super::unrecorded::Never) -> Self {
        match never {}
    }
}

impl Error for RewardError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Value(error) => Some(error),
            Self::Outcome(error) => Some(error),
            Self::Space(error) => Some(error),
            _ => None,
        }
    }
}

impl Bandit {
    /// The decision behind a token, perhaps of an earlier life or of a build with other arms.
    ///
    /// # Errors
    ///
    /// [`ParseError`]: a text that is no token, is damaged, is sealed under a key that is not accepted, or names
    /// arms that are not there.
    pub fn parse(&self, token: impl AsRef<str>) -> Result<Decision, ParseError> {
        let claims = Token::open(token.as_ref(), &self.keys).map_err(ParseError::Token)?;
        let (segment, arm) =
            self.locate(claims.fingerprint, claims.segment, claims.arm).map_err(ParseError::Space)?;
        Ok(Decision {
            id: claims.id,
            segment,
            arm,
            units: claims.units,
            fingerprint: self.fingerprint,
            key: claims.key,
            features: claims.features,
        })
    }

    /// Counts the reward of a decision, exactly once, from any thread.
    ///
    /// Where several processes [exchange](crate::BanditBuilder::replicated), the reward of another's decision is kept
    /// for that process, which counts it once however often and wherever it was delivered.
    ///
    /// # Errors
    ///
    /// [`RewardError`]: an inadmissible value, a second delivery, a decision this bandit knows nothing of.
    pub fn reward(&self, decision: &Decision, reward: Reward) -> Result<(), RewardError> {
        self.reward_as_of(decision, reward, None)
    }

    /// The same for a reward that came now, or to another process at an earlier time.
    #[inline]
    pub(super) fn reward_as_of(
        &self,
        decision: &Decision,
        reward: Reward,
        at: Option<Timestamp>,
    ) -> Result<(), RewardError> {
        let (quantity, place_of) = self.admit(decision, reward)?;
        let place = self.reserve()?;
        let at = self.count_reward(decision, reward, quantity, place_of, at)?;
        if let Some(place) = place.taken() {
            place.outcome(at, decision, reward);
        }
        self.happened(place_of.0, place_of.1);
        Ok(())
    }

    /// The same for a reward that came at an earlier time, which decides whether it was late. Nothing is recorded.
    pub(super) fn reward_at(
        &self,
        decision: &Decision,
        reward: Reward,
        at: Timestamp,
    ) -> Result<(), RewardError> {
        let (quantity, place_of) = self.admit(decision, reward)?;
        self.count_reward(decision, reward, quantity, place_of, Some(at)).map(drop)
    }

    /// Checks a reward and finds where it belongs.
    #[inline]
    fn admit(
        &self,
        decision: &Decision,
        reward: Reward,
    ) -> Result<(Quantity, (SegmentId, ArmId)), RewardError> {
        if self.reward_rule().is_some() {
            return Err(RewardError::InStages { id: decision.id });
        }
        let quantity = self.reward.quantity(reward).map_err(RewardError::Value)?;
        let (fingerprint, segment, arm) = (decision.fingerprint, decision.segment, decision.arm);
        Ok((quantity, self.locate(fingerprint, segment, arm).map_err(RewardError::Space)?))
    }

    /// Counts a reward that was admitted and says at what time: the time told, unless the cohorts have not come that far.
    #[inline]
    fn count_reward(
        &self,
        decision: &Decision,
        reward: Reward,
        quantity: Quantity,
        (segment, arm): (SegmentId, ArmId),
        at: Option<Timestamp>,
    ) -> Result<Timestamp, RewardError> {
        if let Some(exchange) = self.exchange.as_ref().filter(|_| self.is_foreign(decision.id)) {
            return self.forward(exchange, decision, (reward.value(), None), at);
        }
        let now = at.unwrap_or_else(|| self.now());
        match &self.waiting {
            Some(waiting) => {
                let bucket = at.map(|at| waiting.bucket_of(at));
                let told = (quantity, self.features_of(decision));
                let bucket = waiting.reward(self.issuer, decision.id, (segment, arm), told, bucket)?;
                Ok(waiting.window().not_after(now, bucket))
            }
            None => {
                self.claim(decision.id)?;
                self.cells.reward(segment, arm, quantity);
                if let (Some(contextual), Some(features)) = (&self.contextual, self.features_of(decision)) {
                    contextual.cells.reward(segment, arm, features, quantity);
                }
                if let Some((importance, sums)) = &self.importance {
                    let weight = importance.weight(decision.propensity());
                    sums.add((segment, arm), decision.id.sequence + 1, weight, quantity);
                }
                Ok(now)
            }
        }
    }

    /// Whether a decision was made here, now or in an earlier life, or by somebody whom we have adopted.
    pub(super) fn knows(&self, id: DecisionId) -> bool {
        let past = match &self.waiting {
            Some(waiting) => waiting.past.contains(&id.issuer),
            None => self.past.contains_key(&id.issuer),
        };
        past || id.issuer == self.issuer
    }

    /// Whether a decision was made by another process. One of an earlier life of ours that no snapshot tells of was
    /// not: nobody could count its reward.
    #[inline]
    pub(super) fn is_foreign(&self, id: DecisionId) -> bool {
        id.issuer.replica != self.issuer.replica && !self.knows(id)
    }

    /// Notes an event in a segment, after the counters that it changed.
    #[inline]
    pub(super) fn happened(&self, segment: SegmentId, arm: ArmId) {
        let plans = self.book.segment(segment);
        if plans.event_of(arm) && self.refresh == Refresh::Inline {
            self.refresh_segment(plans, segment);
        }
        if let Some(contextual) = &self.contextual {
            self.told(contextual, plans, segment);
        }
    }

    /// Claims a decision, where there is no window.
    pub(super) fn claim(&self, id: DecisionId) -> Result<(), RewardError> {
        self.cohort(id)?.claim(id.sequence).map_err(|error| match error {
            ClaimError::NeverIssued => RewardError::NeverIssued { id },
            ClaimError::AlreadyClaimed => RewardError::AlreadyRewarded { id },
        })
    }

    /// Who numbered this decision.
    fn cohort(&self, id: DecisionId) -> Result<&Cohort, RewardError> {
        if id.cohort != CohortId::OPEN_ENDED {
            return Err(RewardError::UnknownCohort { id });
        }
        if id.issuer == self.issuer {
            return Ok(&self.cohort);
        }
        self.past.get(&id.issuer).ok_or(RewardError::UnknownIssuer { id })
    }

    /// Today's numbers of a segment and an arm of the build with this fingerprint.
    pub(super) fn locate(
        &self,
        fingerprint: u64,
        segment: SegmentId,
        arm: ArmId,
    ) -> Result<(SegmentId, ArmId), SpaceError> {
        if fingerprint != self.fingerprint {
            if let Some(ancestor) = self.ancestors.iter().find(|known| known.fingerprint == fingerprint) {
                return ancestor.translate(segment, arm);
            }
            // Others may run another build: earlier or later, they have told by what names they count.
            let (peers, unknown) = (self.peers(), SpaceError::Unknown { fingerprint });
            let mut told = peers.estates().flat_map(|(_, estate)| &estate.ancestors);
            let told = told.find(|told| told.fingerprint == fingerprint);
            return told.ok_or(unknown)?.translate(segment, arm);
        }
        if segment.index() >= self.segments.len() || arm.index() >= self.arms.len() {
            return Err(SpaceError::Unknown { fingerprint });
        }
        Ok((segment, arm))
    }
}
