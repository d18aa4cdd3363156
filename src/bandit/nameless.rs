//! Replaying what a journal tells of arms and segments that have no name today: counted by the names they had, once, so
//! that nothing is lost if a name comes back.

use crate::arm::ArmId;
use crate::decision::{Decision, DecisionId};
use crate::features::Quantised;
use crate::reward::{Outcome, Reward, RewardKind};
use crate::segment::SegmentId;
use crate::snapshot::Place;
use crate::statistics::{ArmStatistics, Cohort, CohortId, Defaults, Unjoined};
use crate::time::Timestamp;

use super::Bandit;
use super::replaying::Came;
use super::rewarding::RewardError;
use super::waiting::Waiting;

/// How something changes counters.
type Change = Box<dyn FnOnce(ArmStatistics) -> ArmStatistics>;

/// Where a decision is kept: the ancestor by whose numbers it is told, and those numbers.
pub(super) type Nameless = (usize, (SegmentId, ArmId));

impl Bandit {
    /// Counts a decision that was noted; whether it could be.
    pub(super) fn issue_nameless(&mut self, id: DecisionId, (of, at): Nameless) -> bool {
        self.keep(of, place(id), at, ArmStatistics::issue)
    }

    /// Counts what came of a decision.
    pub(super) fn settle_nameless(
        &mut self,
        id: DecisionId,
        told: Timestamp,
        ((of, at), features): (Nameless, Quantised),
        came: Came,
    ) -> Result<(), RewardError> {
        match (came, self.reward_rule().is_some()) {
            (Came::Reward(_), true) => return Err(RewardError::InStages { id }),
            (Came::Outcome(_), false) => return Err(RewardError::NotInStages { id }),
            _ => {}
        }
        if let Some(exchange) = self.exchange.as_ref().filter(|_| self.is_foreign(id)) {
            // The process that it belongs to may have the name.
            let (fingerprint, key) = (self.ancestors[of].fingerprint, self.keys.current);
            let decision = Decision { id, segment: at.0, arm: at.1, units: 1, fingerprint, key, features };
            let told_of = match came {
                Came::Reward(reward) => (reward.value(), None),
                Came::Outcome(outcome) => (0.0, Some(outcome)),
                Came::Withdrawal => return Err(RewardError::UnknownIssuer { id }),
            };
            return self.forward(exchange, &decision, told_of, Some(told)).map(drop);
        }
        let change: Change = match came {
            Came::Withdrawal => {
                self.claim_nameless(id, told)?;
                Box::new(ArmStatistics::withdraw)
            }
            Came::Reward(reward) => self.rewarded(id, told, reward)?,
            Came::Outcome(outcome) => self.joined(id, told, (of, at), &outcome)?,
        };
        match self.keep(of, place(id), at, change) {
            true => Ok(()),
            false => Err(RewardError::NeverIssued { id }),
        }
    }

    /// What a whole reward changes, once it has claimed its decision.
    fn rewarded(&self, id: DecisionId, told: Timestamp, reward: Reward) -> Result<Change, RewardError> {
        let quantity = self.reward.quantity(reward).map_err(RewardError::Value)?;
        self.claim_nameless(id, told)?;
        let default = self.waiting.as_ref().map(Waiting::defaults);
        Ok(match default {
            // Of yes-or-no outcomes that wait only those count that are not the default.
            Some(Defaults::Alike(default)) if self.reward == RewardKind::Binary => {
                let (same, failures) = (quantity == *default, default.get() == 0);
                Box::new(move |before| match same {
                    true => before,
                    false => {
                        let after = before.settle();
                        after.with_sum(if failures { after.returned() } else { 0 })
                    }
                })
            }
            _ => Box::new(move |before| before.settle().amount(None, quantity)),
        })
    }

    /// What a stage changes, once it has joined its decision.
    fn joined(
        &self,
        id: DecisionId,
        told: Timestamp,
        (of, (_, arm)): Nameless,
        outcome: &Outcome,
    ) -> Result<Change, RewardError> {
        let (Some(waiting), Some(rule)) = (&self.waiting, self.reward_rule()) else {
            return Err(RewardError::NotInStages { id });
        };
        let made = waiting.window().middle_of(id.cohort.bucket());
        let elapsed = told.as_millis().saturating_sub(made.as_millis());
        let contribution = rule.contribution(outcome, elapsed).map_err(RewardError::Outcome)?;
        let baseline = rule.baseline_of(self.ancestors[of].arms.arm(arm));
        let joined = self.in_cohort(id, told, |cohort| cohort.join(id.sequence, baseline, contribution))?;
        let (first, joined) = joined.map_err(|unjoined| match unjoined {
            Unjoined::Duplicate(stage) => RewardError::DuplicateStage { id, stage },
            Unjoined::Withdrawn => RewardError::AlreadyRewarded { id },
        })?;
        let (before, after) = (joined.before.quantity(), joined.after.quantity());
        Ok(Box::new(move |counted| match first {
            true => counted.settle().amount(None, after),
            false => counted.amount(Some(before), after),
        }))
    }

    /// Claims a decision, or takes it back where outcomes come in stages.
    fn claim_nameless(&self, id: DecisionId, told: Timestamp) -> Result<(), RewardError> {
        if self.waiting.is_none() {
            return self.claim(id);
        }
        let staged = self.reward_rule().is_some();
        let mine = self.in_cohort(id, told, |cohort| match staged {
            true => cohort.withdraw(id.sequence),
            false => cohort.claim(id.sequence).is_ok(),
        })?;
        if mine { Ok(()) } else { Err(RewardError::AlreadyRewarded { id }) }
    }

    /// Uses the cohort of a decision, where there is a window, unless its time was over when something came.
    fn in_cohort<T>(
        &self,
        id: DecisionId,
        told: Timestamp,
        using: impl FnOnce(&Cohort) -> T,
    ) -> Result<T, RewardError> {
        let waiting = self.waiting.as_ref().ok_or(RewardError::UnknownCohort { id })?;
        let now = waiting.bucket_of(told);
        waiting.ledger.with(|state| Ok(using(&waiting.find(state, self.issuer, id, now)?.cohort)))
    }
}

/// Where the decision is counted.
fn place(id: DecisionId) -> Place {
    match id.cohort {
        CohortId::OPEN_ENDED => Place::Endless,
        cohort => {
            let (replica, incarnation) = (id.issuer.replica, id.issuer.incarnation);
            Place::Cohort { replica, incarnation, cohort: cohort.get() }
        }
    }
}
