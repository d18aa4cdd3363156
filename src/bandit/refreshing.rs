//! Refreshing plans: from counters to beliefs, probabilities and a table.

use crate::arm::{ArmId, Eligibility};
use crate::belief::Beta;
use crate::plan::{Plan, SegmentPlans};
use crate::policy::{Observes, View};
use crate::segment::SegmentId;
use crate::statistics::ArmStatistics;

use super::{Bandit, posterior};

/// Who computes a plan that is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Refresh {
    /// The call that made it due, one thread at a time, while all others draw from the old one.
    #[default]
    Inline,
    /// The host, by calling [`Bandit::refresh`] from a thread or timer of its own. Only the first plan for a
    /// segment and a set is still computed by the selection that asks for it.
    Manual,
}

impl Bandit {
    /// Computes all plans that are due and returns how many they were. Nobody waits for it; a segment that
    /// another thread is refreshing is passed over.
    pub fn refresh(&self) -> usize {
        self.book.touched().map(|(segment, plans)| self.refresh_segment(plans, segment)).sum()
    }

    pub(super) fn refresh_segment(&self, plans: &SegmentPlans, segment: SegmentId) -> usize {
        plans.refresh(|eligible| self.compute(plans, segment, eligible))
    }

    /// The plan for what is known now.
    pub(super) fn compute(&self, plans: &SegmentPlans, segment: SegmentId, eligible: &Eligibility) -> Plan {
        // Events before counters: the counters then hold at least these events, and what comes between is counted
        // towards the next plan.
        let events = plans.events();
        let arms: Vec<ArmId> = eligible.iter().collect();
        let statistics: Vec<ArmStatistics> = arms.iter().map(|&arm| self.cells.read(segment, arm)).collect();
        let posteriors: Vec<Beta> = statistics.iter().map(|&arm| posterior(self.prior, arm)).collect();
        let probabilities = self.policy.probabilities(&View::new(&arms, &posteriors, &statistics));

        let outcomes = || statistics.iter().map(|arm| arm.returned()).sum::<u64>();
        let selections = || statistics.iter().map(|arm| arm.issued()).sum::<u64>();
        let due_at = match self.policy.observes() {
            Observes::Nothing => u64::MAX,
            Observes::Outcomes => events.saturating_add(self.cadence.wait(outcomes(), arms.len())),
            Observes::Selections => {
                events.saturating_add(self.cadence.wait(outcomes() + selections(), arms.len()))
            }
        };
        Plan::new(eligible.clone(), &probabilities, self.exploration).scheduled(due_at)
    }
}
