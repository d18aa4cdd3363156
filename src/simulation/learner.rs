//! The production pipeline on one thread: counters, beliefs, policy, plan and draw, without atomics and tokens.
//!
//! A [`Bandit`](crate::Bandit) without a window that makes its plans inline does the same, decision by decision, bit by
//! bit; tests compare the two. One thing is left out: a plan that is due is made by the next selection, not by the event
//! that made it due. That is another plan only where a *selection* made it due and plans are not made at every event: a
//! bandit's does not know of its outcome then. A simulation of millions of decisions has no use for what guards them against
//! other threads and restarts.

use rand::Rng;

use crate::arm::{ArmId, ArmSpace, Eligibility};
use crate::belief::{Beta, Importance, Losses, Tried, WarmStart};
use crate::plan::{Bounds, Cadence, Plan};
use crate::policy::{Observes, Policy, Portfolio, View};
use crate::reward::{Quantity, RewardKind};
use crate::segment::{SegmentId, Segments};
use crate::statistics::{ArmStatistics, ImportanceSums, epoch};

use super::{Request, World};

/// How a learner learns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    /// What is believed of all arms where nothing else is said.
    pub(super) prior: Beta,
    pub(super) cadence: Cadence,
    pub(super) exploration: f64,
}

/// What one experiment tells a learner that another does not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told<'a> {
    /// Priors by segment and arm; empty if all are alike.
    pub(super) priors: &'a [Vec<Beta>],
    /// Where they are those of a warm start, the start.
    pub(super) start: Option<&'a WarmStart>,
    /// What is believed of every arm by each further goal.
    pub(super) goals: &'a [Beta],
    pub(super) bounds: Option<&'a Bounds>,
}

/// A policy that learns in a world.
#[derive(Debug)]
pub(super) struct Learner<'a> {
    policy: &'a dyn Policy,
    world: &'a dyn World,
    observes: Observes,
    importance: Option<Importance>,
    settings: Settings,
    priors: Priors<'a>,
    kind: RewardKind,
    sets: Vec<Set<'a>>,
    segments: Vec<Segment>,
    /// Of the arms of the set whose plan is made, beliefs and counters; kept for their memory.
    posteriors: Vec<Beta>,
    gathered: Vec<ArmStatistics>,
    losses: Losses,
    /// Priors of the goals that the policy asks for.
    goals: &'a [Beta],
    bounds: Option<&'a Bounds>,
}

/// A set of arms that are eligible together.
#[derive(Debug)]
struct Set<'a> {
    eligible: &'a Eligibility,
    arms: Vec<ArmId>,
}

#[derive(Debug)]
struct Segment {
    statistics: Vec<ArmStatistics>,
    /// The same by goal.
    goals: Vec<Vec<ArmStatistics>>,
    /// Events that the policy observes.
    events: u64,
    /// The plan for each set, and at how many events it is due.
    plans: Vec<Option<(Plan, u64)>>,
    /// Decisions.
    issued: u64,
    /// For each epoch of decisions and each arm, what its rewards add up to where they are weighted.
    importance: Vec<Vec<ImportanceSums>>,
}

/// All segments, for policies that look beyond their own.
#[derive(Debug)]
struct Everyone<'a> {
    world: &'a dyn World,
    segments: &'a [Segment],
    priors: Priors<'a>,
}

/// What is believed before the first outcome.
#[derive(Clone, Copy, Debug)]
struct Priors<'a> {
    alike: Beta,
    /// By segment and arm; empty if all are alike.
    by: &'a [Vec<Beta>],
    start: Option<&'a WarmStart>,
}

impl Priors<'_> {
    fn of(self, segment: SegmentId, arm: ArmId) -> Beta {
        self.by.get(segment.index()).map_or(self.alike, |own| own[arm.index()])
    }
}

impl Portfolio for Everyone<'_> {
    fn segments(&self) -> Vec<SegmentId> {
        (0..self.segments.len() as u32).map(SegmentId::new).collect()
    }

    fn posteriors(&self, segment: SegmentId, arms: &[ArmId]) -> Vec<Beta> {
        let statistics = &self.segments[segment.index()].statistics;
        arms.iter().map(|&arm| self.priors.of(segment, arm).after(statistics[arm.index()])).collect()
    }

    fn space(&self) -> &ArmSpace {
        self.world.arms()
    }

    fn segmentation(&self) -> &Segments {
        self.world.segments()
    }

    fn tried(&self, segment: SegmentId) -> Vec<Tried> {
        let statistics = &self.segments[segment.index()].statistics;
        let counted = Tried::counted(self.world.arms().iter().map(|arm| arm.id()).zip(statistics));
        match self.priors.start {
            Some(start) => Tried::together(counted, start.tried(segment)),
            None => counted,
        }
    }
}

/// A decision, as far as a simulation needs to know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice {
    pub(super) segment: SegmentId,
    pub(super) arm: ArmId,
    propensity: f64,
    /// Number of the decision in its segment, from 1.
    number: u64,
}

impl<'a> Learner<'a> {
    /// The goals are those that the policy asks for, of as many as the world has.
    pub(super) fn new(
        policy: &'a dyn Policy,
        world: &'a dyn World,
        settings: Settings,
        told: Told<'a>,
    ) -> Self {
        let goals = &told.goals[..policy.goals()];
        let sets = world.sets().iter().map(|eligible| Set { eligible, arms: eligible.to_vec() });
        let sets: Vec<Set<'_>> = sets.collect();
        let segment = |_| Segment {
            statistics: vec![ArmStatistics::default(); world.arms().len()],
            goals: vec![vec![ArmStatistics::default(); world.arms().len()]; goals.len()],
            events: 0,
            plans: sets.iter().map(|_| None).collect(),
            issued: 0,
            importance: Vec::new(),
        };
        Self {
            policy,
            world,
            observes: policy.observes(),
            importance: policy.importance(world.arms().len()),
            settings,
            priors: Priors { alike: settings.prior, by: told.priors, start: told.start },
            kind: world.reward_kind(),
            segments: (0..world.segments().len()).map(segment).collect(),
            sets,
            posteriors: Vec::new(),
            gathered: Vec::new(),
            losses: Losses::default(),
            goals,
            bounds: told.bounds,
        }
    }

    /// Selects an arm for a customer.
    pub(super) fn select<R: Rng + ?Sized>(&mut self, request: Request, rng: &mut R) -> Choice {
        let segment = &self.segments[request.segment.index()];
        let due = match &segment.plans[request.eligible] {
            Some((_, due_at)) => *due_at <= segment.events,
            None => true,
        };
        if due {
            let plan = self.plan(request);
            self.segments[request.segment.index()].plans[request.eligible] = Some(plan);
        }
        let segment = &mut self.segments[request.segment.index()];
        let Some((plan, _)) = &segment.plans[request.eligible] else { unreachable!("made just now") };
        let (arm, propensity) = plan.draw(rng);
        segment.issued += 1;
        let cell = &mut segment.statistics[arm.index()];
        *cell = cell.plus(ArmStatistics::from_parts(1, 0, 0, 0));
        if self.observes == Observes::Selections {
            segment.events += 1;
        }
        Choice { segment: request.segment, arm, propensity, number: segment.issued }
    }

    /// Learns what came of a decision, by the reward and by each goal.
    pub(super) fn reward(&mut self, choice: Choice, quantity: Quantity, goals: &[Quantity]) {
        let segment = &mut self.segments[choice.segment.index()];
        let cell = &mut segment.statistics[choice.arm.index()];
        *cell = cell.plus(ArmStatistics::from_parts(0, 1, quantity.get(), quantity.square()));
        for (counted, quantity) in segment.goals.iter_mut().zip(goals) {
            let cell = &mut counted[choice.arm.index()];
            *cell = cell.plus(ArmStatistics::from_parts(1, 1, quantity.get(), quantity.square()));
        }
        if self.observes != Observes::Nothing {
            segment.events += 1;
        }
        if let Some(importance) = self.importance {
            let (epoch, arms) = (epoch(choice.number) as usize, segment.statistics.len());
            if epoch >= segment.importance.len() {
                segment.importance.resize_with(epoch + 1, || vec![ImportanceSums::default(); arms]);
            }
            segment.importance[epoch][choice.arm.index()].add(importance.weight(choice.propensity), quantity);
        }
    }

    /// Which rewards are learnt.
    pub(super) fn kind(&self) -> RewardKind {
        self.kind
    }

    /// The plan for what is known now, and at how many events of its segment it is due.
    fn plan(&mut self, request: Request) -> (Plan, u64) {
        let set = &self.sets[request.eligible];
        let segment = &self.segments[request.segment.index()];
        let statistics = match set.eligible.is_all() {
            true => &segment.statistics,
            false => {
                self.gathered.clear();
                self.gathered.extend(set.arms.iter().map(|arm| segment.statistics[arm.index()]));
                &self.gathered
            }
        };
        let priors = self.priors;
        self.posteriors.clear();
        match priors.by.get(request.segment.index()) {
            None => self.posteriors.extend(statistics.iter().map(|arm| priors.alike.after(*arm))),
            Some(own) => {
                let told = statistics.iter().zip(&set.arms);
                self.posteriors.extend(told.map(|(told, arm)| own[arm.index()].after(*told)));
            }
        }
        let everyone = Everyone { world: self.world, segments: &self.segments, priors };
        let mut view = View::new(&set.arms, &self.posteriors, statistics)
            .of_segment(request.segment)
            .with_portfolio(&everyone);
        if let Some(importance) = self.importance {
            let epochs = segment.importance.iter().map(|sums| set.arms.iter().map(|arm| &sums[arm.index()]));
            self.losses = importance.losses(set.arms.len(), epochs);
            view = view.with_losses(&self.losses);
        }
        let goals = self.goals.iter().zip(&segment.goals);
        let goals: Vec<Vec<Beta>> = goals
            .map(|(prior, counted)| set.arms.iter().map(|arm| prior.after(counted[arm.index()])).collect())
            .collect();
        let probabilities = self.policy.probabilities(&view.with_goals(&goals));
        let known = match self.observes {
            Observes::Nothing => None,
            Observes::Outcomes => Some(statistics.iter().map(|arm| arm.returned()).sum()),
            Observes::Selections => {
                Some(statistics.iter().map(|arm| arm.returned() + arm.issued()).sum::<u64>())
            }
        };
        let events = segment.events;
        let due_at = self.settings.cadence.due_at(events, known, set.arms.len());
        let plan =
            Plan::bounded(set.eligible.clone(), &probabilities, self.settings.exploration, self.bounds);
        (
            plan.unwrap_or_else(|error| panic!("bounds of shares that can be kept, but not here: {error}")),
            due_at,
        )
    }
}
