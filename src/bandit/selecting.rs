//! Selecting an arm: find the plan, draw, count, number.

use std::error::Error;
use std::fmt;

use rand::Rng;

use crate::arm::{ArmId, Eligibility};
use crate::decision::{Decision, DecisionId};
use crate::features::{FeatureError, Quantised};
use crate::plan::{Drawn, InfeasibleShares, Plan, SegmentPlans};
use crate::policy::Observes;
use crate::segment::SegmentId;
use crate::statistics::{CohortId, Entry, Refused};
use crate::sync::Arc;

use super::{Bandit, Refresh};

/// Why no arm can be selected; nothing was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SelectError {
    /// The set of eligible arms is empty: nobody may be contacted in any way, and nothing is sent instead.
    NoEligibleArm,
    /// The bandit has no such segment.
    UnknownSegment {
        /// The segment asked for.
        segment: SegmentId,
        /// How many there are.
        segments: usize,
    },
    /// The set belongs to another arm space.
    ForeignEligibility {
        /// Fingerprint of the set's arm space.
        eligibility: u64,
        /// Fingerprint of the bandit's.
        arms: u64,
    },
    /// No shares of the eligible arms are within the [bounds](crate::plan::Shares): nothing is sent instead.
    Shares(InfeasibleShares),
    /// The arm that was drawn has been selected [`MAX_COUNT`](crate::ArmStatistics::MAX_COUNT) times in this
    /// segment.
    CounterFull {
        /// The segment.
        segment: SegmentId,
        /// The arm.
        arm: ArmId,
    },
    /// The values are no features of the bandit.
    Features(FeatureError),
    /// This life of the bandit has made 2⁴⁰ decisions.
    SequenceExhausted,
    /// The decision could not be recorded.
    #[cfg(feature = "journal")]
    Journal(crate::journal::ReserveError),
}

impl fmt::Display for SelectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEligibleArm => f.write_str("no arm is eligible"),
            Self::UnknownSegment { segment, segments } => {
                write!(f, "no segment {segment}; there are {segments}")
            }
            Self::ForeignEligibility { eligibility, arms } => {
                write!(f, "the set belongs to the arm space {eligibility:016x}, the bandit has {arms:016x}")
            }
            Self::Shares(error) => error.fmt(f),
            Self::Features(error) => error.fmt(f),
            Self::CounterFull { segment, arm } => {
                write!(f, "arm {arm} was selected as often in segment {segment} as can be counted")
            }
            #[cfg(feature = "journal")]
            Self::Journal(error) => error.fmt(f),
            Self::SequenceExhausted => {
                f.write_str("no numbers are left for further decisions; start a new life")
            }
        }
    }
}

impl Error for SelectError {}

impl From<InfeasibleShares> for SelectError {
    fn from(error: InfeasibleShares) -> Self {
        Self::Shares(error)
    }
}

#[cfg(feature = "journal")]
impl From<crate::journal::ReserveError> for SelectError {
    fn from(error: crate::journal::ReserveError) -> Self {
        Self::Journal(error)
    }
}

#[cfg(not(feature = "journal"))]
impl From<super::unrecorded::Never> for SelectError {
    fn from(never: super::unrecorded::Never) -> Self {
        match never {}
    }
}

impl Bandit {
    /// Selects one of the eligible arms for a customer of this segment.
    ///
    /// Takes one word from the generator. The decision is counted as issued at once; its reward comes later, by
    /// [`Bandit::reward`].
    ///
    /// # Errors
    ///
    /// [`SelectError`]: an empty set, one of which no shares are within the bounds, a segment or set that is not this
    /// bandit's, a full counter.
    pub fn select<R: Rng + ?Sized>(
        &self,
        segment: SegmentId,
        eligible: &Eligibility,
        rng: &mut R,
    ) -> Result<Decision, SelectError> {
        self.decide(segment, eligible, |plan| plan.at(rng.next_u64()))
    }

    /// The plan from which decisions for this segment and set are drawn at present.
    ///
    /// # Errors
    ///
    /// [`SelectError`]: an empty set, one of which no shares are within the bounds, a segment or set that is not this
    /// bandit's.
    pub fn plan(&self, segment: SegmentId, eligible: &Eligibility) -> Result<Arc<Plan>, SelectError> {
        let plans = self.plans(segment, eligible)?;
        Ok(plans.with(eligible, || self.first(plans, segment, eligible), Arc::clone)?)
    }

    /// A decision for an arm that a log has chosen, as if it had been drawn.
    pub(crate) fn select_logged(
        &self,
        segment: SegmentId,
        eligible: &Eligibility,
        arm: ArmId,
    ) -> Result<Decision, SelectError> {
        self.decide(segment, eligible, |plan| Drawn { arm, units: plan.units(arm) })
    }

    fn decide(
        &self,
        segment: SegmentId,
        eligible: &Eligibility,
        draw: impl FnOnce(&Plan) -> Drawn,
    ) -> Result<Decision, SelectError> {
        let plans = self.plans(segment, eligible)?;
        let place = self.reserve()?;
        let drawn = plans.with(eligible, || self.first(plans, segment, eligible), |plan| draw(plan))?;
        let (sequence, cohort) = self.numbered(segment, drawn.arm, None)?;
        if let Some(place) = place.taken() {
            place.decision(self, &self.decision(segment, drawn, cohort, sequence), eligible);
        }
        self.issued(plans, segment, drawn.arm);
        Ok(self.decision(segment, drawn, cohort, sequence))
    }

    /// Numbers a decision for an arm, and counts it with the features of its request.
    #[inline]
    pub(super) fn numbered(
        &self,
        segment: SegmentId,
        arm: ArmId,
        features: Option<&Quantised>,
    ) -> Result<(u64, CohortId), SelectError> {
        loop {
            let numbered = match &self.waiting {
                None => {
                    let sequence = self.cohort.number();
                    sequence.map(|sequence| (sequence, self.count(None, (segment, arm), features)))
                }
                Some(waiting) => waiting.ledger.with(|state| {
                    let entry = state.current();
                    let sequence = entry.cohort.number()?;
                    Some((sequence, self.count(Some(entry), (segment, arm), features)))
                }),
            };
            // A number that is lost to a full counter names a decision nobody has; that is no harm.
            let (sequence, counted) = numbered.ok_or(SelectError::SequenceExhausted)?;
            match counted {
                Ok(cohort) => return Ok((sequence, cohort)),
                Err(Refused::Full) => return Err(SelectError::CounterFull { segment, arm }),
                // This thread was stopped for longer than the window, and decisions go elsewhere by now.
                Err(Refused::Sealed) => {}
            }
        }
    }

    /// Counts a decision for an arm, in this cohort where there is a window.
    #[inline]
    pub(super) fn count(
        &self,
        entry: Option<&Entry>,
        (segment, arm): (SegmentId, ArmId),
        features: Option<&Quantised>,
    ) -> Result<CohortId, Refused> {
        let Some(entry) = entry else {
            // The counter first, since that can be refused: the sums then have room.
            self.cells.issue(segment, arm).map_err(|_| Refused::Full)?;
            if let (Some(contextual), Some(features)) = (&self.contextual, features) {
                contextual.cells.issue(segment, arm, features);
            }
            return Ok(CohortId::OPEN_ENDED);
        };
        entry.issue((segment, arm), features).map(|()| entry.id)
    }

    /// What was drawn, as a decision of this number.
    #[inline]
    pub(super) fn decision(
        &self,
        segment: SegmentId,
        drawn: Drawn,
        cohort: CohortId,
        sequence: u64,
    ) -> Decision {
        Decision {
            id: DecisionId { issuer: self.issuer, cohort, sequence },
            segment,
            arm: drawn.arm,
            units: drawn.units,
            fingerprint: self.fingerprint,
            key: self.keys.current,
            features: Quantised::NONE,
        }
    }

    /// Notes that a decision was counted, where the policy observes that.
    #[inline]
    pub(super) fn issued(&self, plans: &SegmentPlans, segment: SegmentId, arm: ArmId) {
        if self.observes == Observes::Selections && plans.event_of(arm) && self.refresh == Refresh::Inline {
            self.refresh_segment(plans, segment);
        }
    }

    /// The plans of a segment, once segment and set are known to be this bandit's and not empty.
    pub(super) fn plans(
        &self,
        segment: SegmentId,
        eligible: &Eligibility,
    ) -> Result<&SegmentPlans, SelectError> {
        if segment.index() >= self.segments.len() {
            return Err(SelectError::UnknownSegment { segment, segments: self.segments.len() });
        }
        if eligible.space() != self.arms.fingerprint() {
            return Err(SelectError::ForeignEligibility {
                eligibility: eligible.space(),
                arms: self.arms.fingerprint(),
            });
        }
        if eligible.is_empty() {
            return Err(SelectError::NoEligibleArm);
        }
        Ok(self.book.segment(segment))
    }
}
