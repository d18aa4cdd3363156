//! Observing what comes of a decision, stage by stage: check everything, join its word, count the difference.

use crate::arm::ArmId;
use crate::decision::{Decision, DecisionId, Issuer};
use crate::reward::{Outcome, RewardRule};
use crate::segment::SegmentId;
use crate::statistics::{Refused, State, Unjoined, Unobserved};
use crate::sync::{AtomicU64, Ordering};
use crate::time::Timestamp;

use super::Bandit;
use super::rewarding::RewardError;
use super::waiting::Waiting;

/// How outcomes in stages become rewards.
#[derive(Debug)]
pub(super) struct Stages {
    pub(super) rule: RewardRule,
    clipped: AtomicU64,
}

impl Stages {
    pub(super) fn new(rule: RewardRule) -> Self {
        Self { rule, clipped: AtomicU64::new(0) }
    }
}

impl Bandit {
    /// Counts a piece of what came of a decision, in any order of arrival, each stage once, from any thread. The reward
    /// of the decision is what the [rule](crate::BanditBuilder::stages) makes of all pieces until its window closes, and so are
    /// its [further goals](crate::BanditBuilder::goal).
    ///
    /// Where the rule discounts by time, it counts from the middle of the decision's bucket (a decision knows no finer
    /// time) to the time that the host has told [last](Bandit::now), and not below 0. The journal keeps that time.
    ///
    /// Where several processes [exchange](crate::BanditBuilder::replicated), the outcome of another's decision is kept for
    /// that process, which counts it when it is told.
    ///
    /// # Errors
    ///
    /// [`RewardError`], nothing has changed: an inadmissible amount, a stage that has arrived before, an outcome after
    /// the window and the time of grace, a decision that was taken back or of which this bandit knows nothing, a bandit
    /// without a rule.
    pub fn observe(&self, decision: &Decision, outcome: impl Into<Outcome>) -> Result<(), RewardError> {
        self.observe_as_of(decision, &outcome.into(), None)
    }

    /// The same for an outcome that came now, or to another process at an earlier time.
    pub(super) fn observe_as_of(
        &self,
        decision: &Decision,
        outcome: &Outcome,
        at: Option<Timestamp>,
    ) -> Result<(), RewardError> {
        let admitted = self.admit_outcome(decision)?;
        let place = self.reserve()?;
        let at = self.count_outcome(decision, outcome, admitted, at)?;
        if let Some(place) = place.taken() {
            place.stage(at, decision, outcome);
        }
        let (_, _, (segment, arm)) = admitted;
        self.happened(segment, arm);
        Ok(())
    }

    /// The same for an outcome that came at an earlier time. Nothing is recorded.
    pub(super) fn observe_at(
        &self,
        decision: &Decision,
        outcome: &Outcome,
        at: Timestamp,
    ) -> Result<(), RewardError> {
        let admitted = self.admit_outcome(decision)?;
        self.count_outcome(decision, outcome, admitted, Some(at)).map(drop)
    }

    /// Counts an outcome that was admitted and says at what time.
    fn count_outcome(
        &self,
        decision: &Decision,
        outcome: &Outcome,
        (waiting, stages, place_of): (&Waiting, &Stages, (SegmentId, ArmId)),
        at: Option<Timestamp>,
    ) -> Result<Timestamp, RewardError> {
        if let Some(exchange) = self.exchange.as_ref().filter(|_| self.is_foreign(decision.id)) {
            stages.rule.contribution(outcome, 0).map_err(RewardError::Outcome)?;
            return self.forward(exchange, decision, (0.0, Some(*outcome)), at);
        }
        let (now, bucket) = (at.unwrap_or_else(|| self.now()), at.map(|at| waiting.bucket_of(at)));
        waiting.observe(stages, self.issuer, (decision.id, place_of), outcome, (now, bucket))
    }

    /// Finds where an outcome belongs, and the rule for it.
    fn admit_outcome(
        &self,
        decision: &Decision,
    ) -> Result<(&Waiting, &Stages, (SegmentId, ArmId)), RewardError> {
        let place =
            self.locate(decision.fingerprint, decision.segment, decision.arm).map_err(RewardError::Space)?;
        let staged = self.waiting.as_ref().and_then(|waiting| Some((waiting, waiting.stages.as_ref()?)));
        let (waiting, stages) = staged.ok_or(RewardError::NotInStages { id: decision.id })?;
        Ok((waiting, stages, place))
    }

    /// The rule by which outcomes in stages become rewards.
    #[must_use]
    pub fn reward_rule(&self) -> Option<&RewardRule> {
        Some(&self.waiting.as_ref()?.stages.as_ref()?.rule)
    }

    /// How often an outcome has taken the total of its decision beyond the declared range, in this life: such totals are
    /// clipped, and if they are many the range is too narrow. (A decision that comes back within the range and leaves it
    /// again counts once more.)
    #[must_use]
    pub fn clipped(&self) -> u64 {
        let stages = self.waiting.as_ref().and_then(|waiting| waiting.stages.as_ref());
        stages.map_or(0, |stages| stages.clipped.load(Ordering::Relaxed))
    }
}

impl Waiting {
    fn observe(
        &self,
        stages: &Stages,
        own: Issuer,
        (id, (segment, arm)): (DecisionId, (SegmentId, ArmId)),
        outcome: &Outcome,
        (now, bucket): (Timestamp, Option<u32>),
    ) -> Result<Timestamp, RewardError> {
        let made = self.window().middle_of(id.cohort.bucket());
        self.ledger.with(|state| {
            let at = bucket.unwrap_or(state.now);
            // The time told, unless the cohorts have not come that far: what is recorded must lead to the same again.
            let now = self.window().not_after(now, at);
            let elapsed = now.as_millis().saturating_sub(made.as_millis());
            let contribution = stages.rule.contribution(outcome, elapsed).map_err(RewardError::Outcome)?;
            let entry = self.find(state, own, id, at)?;
            let observed = entry.cells.observe((segment, arm), &entry.cohort, id.sequence, contribution);
            let (first, joined) = observed.map_err(|unobserved| match unobserved {
                Unobserved::Refused(refused) => self.refusal(id, refused),
                Unobserved::Unjoined(Unjoined::Duplicate(stage)) => RewardError::DuplicateStage { id, stage },
                Unobserved::Unjoined(Unjoined::Withdrawn) => RewardError::AlreadyRewarded { id },
            })?;
            if joined.after.clipped() && (first || !joined.before.clipped()) {
                // Relaxed: a figure for people.
                stages.clipped.fetch_add(1, Ordering::Relaxed);
            }
            let conversion = stages.rule.is_conversion(outcome.stage(), first);
            let goals = entry.cells.turned(arm, outcome.stage(), joined.state);
            self.arrived(at, entry, (segment, arm), conversion, goals);
            Ok(now)
        })
    }

    /// Takes a decision back of which nothing has come.
    pub(super) fn withdraw_staged(
        &self,
        state: &State,
        own: Issuer,
        id: DecisionId,
        place: (SegmentId, ArmId),
        now: u32,
    ) -> Result<(), RewardError> {
        let entry = self.find(state, own, id, now)?;
        match entry.cells.withdraw_staged(place, &entry.cohort, id.sequence) {
            Ok(true) => Ok(()),
            Ok(false) => Err(RewardError::AlreadyRewarded { id }),
            Err(refused) => Err(self.refusal(id, refused)),
        }
    }

    /// Why the cells of a cohort have refused a decision's reward.
    pub(super) fn refusal(&self, id: DecisionId, refused: Refused) -> RewardError {
        match refused {
            Refused::Sealed => self.late(id),
            // A cell is full of decisions only: this one is not among them.
            Refused::Full => RewardError::NeverIssued { id },
        }
    }
}
