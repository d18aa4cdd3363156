//! Refreshing plans: from counters to beliefs, probabilities and a table.

use crate::arm::Eligibility;
use crate::plan::{InfeasibleShares, Plan, SegmentPlans};
use crate::policy::{Observes, View};
use crate::segment::SegmentId;

use super::Bandit;
use super::knowing::{Everyone, Known};

/// Who computes a plan that is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Refresh {
    /// The call that made it due, one thread at a time, while all others draw from the old one.
    #[default]
    Inline,
    /// The host, by calling [`Bandit::refresh`] from a thread or timer of its own. Only a plan that is not there, the
    /// first for a segment and a set or one that others have pushed out, is still computed by the selection that
    /// asks for it.
    Manual,
}

impl Bandit {
    /// Computes all plans that are due, and fits of linear models, and returns how many they were. Nobody waits for it; a segment that
    /// another thread is refreshing is passed over.
    pub fn refresh(&self) -> usize {
        let plans = self.book.touched().map(|(segment, plans)| self.refresh_segment(plans, segment));
        plans.sum::<usize>() + self.refresh_fits()
    }

    /// How many selections in this segment found no plan for their set in place and had to make it: the first of each
    /// set, and those for sets that [outnumber the places](crate::plan#many-eligible-sets). Held against the number of
    /// selections it is the miss rate of the cache.
    ///
    /// # Panics
    ///
    /// If the bandit has no such segment.
    #[must_use]
    #[track_caller]
    pub fn plan_misses(&self, segment: SegmentId) -> u64 {
        assert!(
            segment.index() < self.segments.len(),
            "no segment {segment}; there are {}",
            self.segments.len()
        );
        self.book.get(segment).map_or(0, SegmentPlans::misses)
    }

    pub(super) fn refresh_segment(&self, plans: &SegmentPlans, segment: SegmentId) -> usize {
        plans.refresh(|eligible| {
            // What has been computed in this round for a larger set, and knows all there is to know.
            let events = plans.events();
            let larger = self.restricted(plans, eligible, |plan| plan.known() >= events);
            larger.map_or_else(|| self.compute(plans, segment, eligible), Ok)
        })
    }

    /// The plan for a set that has none.
    pub(super) fn first(
        &self,
        plans: &SegmentPlans,
        segment: SegmentId,
        eligible: &Eligibility,
    ) -> Result<Plan, InfeasibleShares> {
        // One that is in place for a larger set and is not due serves that set's decisions too.
        let events = plans.events();
        let larger = self.restricted(plans, eligible, |plan| plan.due_at() > events);
        larger.map_or_else(|| self.compute(plans, segment, eligible), Ok)
    }

    /// The plan for a set taken from one of a larger set that will do, where the policy is such that it may.
    fn restricted(
        &self,
        plans: &SegmentPlans,
        eligible: &Eligibility,
        will_do: impl Fn(&Plan) -> bool,
    ) -> Option<Plan> {
        match self.regular {
            true => plans.restricted(eligible, self.exploration, will_do),
            false => None,
        }
    }

    /// The plan for what is known now.
    fn compute(
        &self,
        plans: &SegmentPlans,
        segment: SegmentId,
        eligible: &Eligibility,
    ) -> Result<Plan, InfeasibleShares> {
        // Events before counters: the counters then hold at least these events, and what comes between is counted
        // towards the next plan.
        let events = plans.events();
        if let (Some(index), Some(desk)) = (self.policy.as_index(), plans.desk()) {
            let top = desk.top(index, eligible, self.cells.of(segment));
            let due_at = self.due_at(events, eligible.len(), || top.outcomes, || top.selections);
            return Ok(Plan::leading(eligible.clone(), top, self.exploration)
                .scheduled(due_at)
                .knowing(events));
        }
        let arms = eligible.to_vec();
        let Known { statistics, posteriors, told } = self.known(segment, &arms);
        let losses = self.importance.as_ref().map(|(importance, sums)| {
            let epochs = sums.read(segment, &arms);
            importance.losses(arms.len(), epochs.iter().map(|sums| sums.iter()))
        });
        let everyone = Everyone(self);
        let view = View::new(&arms, &posteriors, &statistics).of_segment(segment).with_portfolio(&everyone);
        let view = losses.as_ref().map_or(view, |losses| view.with_losses(losses));
        let goals = self.believed_of_goals(segment, &arms);
        let view = view.with_goals(&goals);
        let probabilities = self.policy.probabilities(&view);

        let selections = || statistics.iter().map(|arm| arm.issued()).sum();
        let due_at = self.due_at(events, arms.len(), || told, selections);
        let plan = Plan::bounded(eligible.clone(), &probabilities, self.exploration, self.shares.as_ref())?;
        let plan = plan.scheduled(due_at).knowing(events);
        Ok(match self.regular && !(probabilities.uniform > 0.0) {
            true => plan.restrictable(),
            false => plan,
        })
    }

    /// Events at which a plan made now is due for replacement.
    fn due_at(
        &self,
        events: u64,
        arms: usize,
        outcomes: impl Fn() -> u64,
        selections: impl Fn() -> u64,
    ) -> u64 {
        let known = match self.observes {
            Observes::Nothing => None,
            Observes::Outcomes => Some(outcomes()),
            Observes::Selections => Some(outcomes() + selections()),
        };
        self.cadence.due_at(events, known, arms)
    }
}
