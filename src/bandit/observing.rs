//! Observing what comes of a decision, stage by stage: check everything, join its word, count the difference.

use crate::arm::ArmId;
use crate::decision::{Decision, DecisionId, Issuer};
use crate::reward::{Outcome, RewardRule};
use crate::segment::SegmentId;
use crate::statistics::{Refused, Unjoined, Unobserved};
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
    /// of the decision is what the [rule](crate::BanditBuilder::stages) makes of all pieces until its window closes.
    ///
    /// Where the rule discounts by time, it counts from the middle of the decision's bucket (a decision knows no finer
    /// time) to the time that the host has told [last](Bandit::now), and not below 0. So a replay comes to the same
    /// reward if it advances the clock to the time that was told when each outcome was counted: a log must keep that
    /// beside the decision and the outcome.
    ///
    /// Only the process that made a decision takes its outcomes: they are not forwarded to others. And a bandit with a
    /// journal takes none, since there are no records for them.
    ///
    /// # Errors
    ///
    /// [`RewardError`], nothing has changed: an inadmissible amount, a stage that has arrived before, an outcome after
    /// the window and the time of grace, a decision that was taken back or of which this bandit knows nothing, a bandit
    /// without a rule or with a journal.
    pub fn observe(&self, decision: &Decision, outcome: impl Into<Outcome>) -> Result<(), RewardError> {
        let id = decision.id;
        let place =
            self.locate(decision.fingerprint, decision.segment, decision.arm).map_err(RewardError::Space)?;
        let staged = self.waiting.as_ref().and_then(|waiting| Some((waiting, waiting.stages.as_ref()?)));
        let Some((waiting, stages)) = staged else { return Err(RewardError::NotInStages { id }) };
        #[cfg(feature = "journal")]
        if self.journaling.is_some() {
            return Err(RewardError::Unrecorded { id });
        }
        waiting.observe(stages, self.issuer, (id, place), &outcome.into(), self.now())?;
        self.happened(place.0, place.1);
        Ok(())
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
        now: Timestamp,
    ) -> Result<(), RewardError> {
        let made = self.window().middle_of(id.cohort.bucket());
        let elapsed = now.as_millis().saturating_sub(made.as_millis());
        let contribution = stages.rule.contribution(outcome, elapsed).map_err(RewardError::Outcome)?;
        self.ledger.with(|state| {
            let entry = self.find(state, own, id)?;
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
            self.arrived(state.now, entry, (segment, arm), conversion);
            Ok(())
        })
    }

    /// Takes a decision back of which nothing has come.
    pub(super) fn withdraw_staged(
        &self,
        own: Issuer,
        id: DecisionId,
        place: (SegmentId, ArmId),
    ) -> Result<(), RewardError> {
        self.ledger.with(|state| {
            let entry = self.find(state, own, id)?;
            match entry.cells.withdraw_staged(place, &entry.cohort, id.sequence) {
                Ok(true) => Ok(()),
                Ok(false) => Err(RewardError::AlreadyRewarded { id }),
                Err(refused) => Err(self.refusal(id, refused)),
            }
        })
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
