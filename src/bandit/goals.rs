//! Further goals: declared beside the rule of the first, counted from the same stages, read out by name.

use crate::arm::{ArmId, Eligibility};
use crate::belief::Beta;
use crate::policy::View;
use crate::reward::{GoalError, RewardRule};
use crate::segment::SegmentId;
use crate::snapshot::GoalRecord;
use crate::statistics::{ArmStatistics, GoalTotals};

use super::ancestor::Ancestor;
use super::knowing::{Everyone, Known, Measure};
use super::waiting::Waiting;
use super::{Bandit, BanditBuilder, BuildError};

/// A goal beside the first.
#[derive(Clone, Debug)]
pub(super) struct Declared {
    pub(super) name: String,
    pub(super) rule: RewardRule,
    pub(super) prior: Beta,
}

impl Declared {
    /// How it is counted.
    pub(super) fn totals(&self, arms: &crate::ArmSpace) -> Result<GoalTotals, BuildError> {
        let refused = |error| BuildError::Goal { goal: self.name.clone(), error };
        let by_stages = self.rule.by_stages().map_err(refused)?;
        let baselines = self.rule.baselines(arms).map_err(|error| refused(GoalError::Cost(error)))?;
        Ok(GoalTotals { by_stages, baselines: baselines.into() })
    }

    /// By what snapshots know it.
    pub(super) fn record(&self, totals: &GoalTotals) -> GoalRecord {
        let baselines = totals.baselines.iter().map(|arm| arm.units()).collect();
        GoalRecord { name: self.name.clone(), rule: self.rule.meaning(), baselines }
    }

    /// Whether it is a goal of a snapshot: one whose rule has changed is another, or of which an arm of both starts from
    /// something else.
    fn is(&self, totals: &GoalTotals, told: &GoalRecord, latest: &Ancestor) -> bool {
        let same = |(arm, &then): (&Option<ArmId>, &i64)| {
            arm.is_none_or(|arm| totals.baselines[arm.index()].units() == then)
        };
        self.name == told.name
            && self.rule.meaning() == told.rule
            && latest.arm.len() == told.baselines.len()
            && latest.arm.iter().zip(&told.baselines).all(same)
    }

    /// By what they know the law of its delays with this group.
    pub(super) fn delay_key(&self, level: &str) -> String {
        format!("{}{SEPARATOR}{:016x}{SEPARATOR}{level}", self.name, self.rule.meaning())
    }
}

/// Between the parts of a key: the unit separator of ASCII, which is in no level's name but by design.
const SEPARATOR: char = '\u{1f}';

/// Whether a key is of a further goal.
pub(super) fn is_of_goal(key: &str) -> bool {
    key.contains(SEPARATOR)
}

impl Waiting {
    /// By what snapshots know the laws of delay, in the order of their numbers.
    pub(super) fn delay_keys(&self) -> impl Iterator<Item = String> + '_ {
        let of_goal = |goal| self.levels.iter().map(move |level| Declared::delay_key(goal, level));
        self.levels.iter().cloned().chain(self.goals.iter().flat_map(of_goal))
    }
}

impl BanditBuilder {
    /// A further goal beside the reward: another number that each decision comes to, for policies such as
    /// [`Priced`](crate::policy::Priced), which weigh goals or keep bounds. They are counted in the order in which they are
    /// declared here.
    ///
    /// Its rule is one over the same [stages](BanditBuilder::stages), of a range of its own, to which the prior belief of each
    /// arm's mean and all bounds are scaled. A complaint *or* an opt-out, say, is
    /// `RewardRule::builder(0.0, 1.0).weight(Complained, 1.0).weight(OptedOut, 1.0)`: totals are clipped.
    ///
    /// It has to go by which stages have come and by what arms cost, not by amounts or times; what counts those is the first
    /// goal. Then the goals of a decision follow from the stages that have arrived for it. So nothing more is recorded,
    /// exchanged or claimed than for the first goal, of the same outcomes in any order the same is counted, each once, and
    /// journals, snapshots and replicas tell of all goals. Each goal takes up to 40 bytes more for each segment and arm of an
    /// open cohort, and one to two additions for each outcome that changes it.
    ///
    /// It has the first goal's window, forgetting and treatment of [open decisions](BanditBuilder::pending), and a law of delays of
    /// its own, of when its total leaves what the arm starts from: complaints come sooner than payments.
    ///
    /// A later build may declare other goals. What is new, or has another rule or other costs than the goal of that
    /// name had, is counted from then on: of outcomes before and of arms that came back after they were retired it says nothing, neither good nor
    /// bad. [`Restored::goals`](crate::snapshot::Restored::goals) tells which are.
    ///
    /// ```
    /// use std::time::Duration;
    /// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
    /// use tactful::belief::Beta;
    /// use tactful::policy::{Goal, Priced, Thompson};
    /// use tactful::time::Window;
    /// use tactful::{ArmSpace, Bandit, RewardRule, Segments, Stage};
    ///
    /// let paid = RewardRule::builder(0.0, 1.0).weight(Stage::Paid, 1.0).build()?;
    /// let annoyed = RewardRule::builder(0.0, 1.0).weight(Stage::Complained, 1.0).weight(Stage::OptedOut, 1.0).build()?;
    /// let day = Duration::from_secs(86_400);
    /// let arms = ArmSpace::builder().dimension("tone", ["warm", "firm"]).build()?;
    /// let bandit = Bandit::builder(arms, Segments::single())
    ///     .window(Window::new(14 * day, day)?)
    ///     .stages(paid)
    ///     .goal("annoyed", annoyed, Beta::new(1.0, 99.0)?)
    ///     .policy(Priced::new(Thompson::default(), [Goal::AtMost(0.01)])?)
    ///     .build()?;
    ///
    /// let everyone = bandit.segment([("", ""); 0])?;
    /// let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    /// let decision = bandit.select(everyone, &bandit.arms().all(), &mut rng)?;
    /// bandit.observe(&decision, Stage::Paid)?;
    /// bandit.observe(&decision, Stage::Complained)?;
    /// bandit.observe(&decision, Stage::OptedOut)?; // no more annoyed than annoyed
    /// assert_eq!(bandit.statistics(everyone, decision.arm()).sum(), 1.0);
    /// assert_eq!(bandit.goal_statistics(everyone, decision.arm(), "annoyed").sum(), 1.0);
    /// assert!(bandit.goal_weights(everyone, &bandit.arms().all())[0] <= 0.0); // minus the price of annoying
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn goal(self, name: impl Into<String>, rule: RewardRule, prior: Beta) -> Self {
        self.declaring(Declared { name: name.into(), rule, prior })
    }

    pub(super) fn declaring(mut self, goal: Declared) -> Self {
        self.goals.push(goal);
        self
    }

    /// How the goals are counted.
    pub(super) fn goal_totals(&self) -> Result<Vec<GoalTotals>, BuildError> {
        let (goals, declared) = (self.policy.goals(), self.goals.len());
        if goals > declared {
            return Err(BuildError::Goals { goals, declared });
        }
        if declared > 0 && self.stages.is_none() {
            return Err(BuildError::GoalsWithoutStages);
        }
        for (position, Declared { name, .. }) in self.goals.iter().enumerate() {
            if self.goals[..position].iter().any(|other| other.name == *name) {
                return Err(BuildError::GoalTwice { goal: name.clone() });
            }
        }
        self.goals.iter().map(|goal| goal.totals(&self.arms)).collect()
    }
}

impl Bandit {
    /// The names of the goals beside the first, in the order in which they were [declared](BanditBuilder::goal).
    pub fn goals(&self) -> impl Iterator<Item = &str> {
        self.declared().iter().map(|goal| goal.name.as_str())
    }

    pub(super) fn declared(&self) -> &[Declared] {
        self.waiting.as_ref().map_or(&[], |waiting| &waiting.goals)
    }

    /// How they are counted.
    pub(super) fn totals(&self) -> &[GoalTotals] {
        self.waiting.as_ref().map_or(&[], |waiting| &waiting.ledger.shape().goals)
    }

    /// The number in a snapshot of each of today's goals, where it has it.
    pub(super) fn goals_told(&self, told: &[GoalRecord], latest: &Ancestor) -> Vec<Option<usize>> {
        let goals = self.declared().iter().zip(self.totals());
        goals.map(|(goal, totals)| told.iter().position(|told| goal.is(totals, told, latest))).collect()
    }

    /// What has been counted of an arm in a segment by a further goal, as [`Bandit::statistics`] tells it by the first: sums are
    /// scaled to [0, 1] by the range of the goal's rule. Decisions of which it is not known are not among them.
    ///
    /// # Panics
    ///
    /// If the bandit has no such segment, arm or goal.
    #[must_use]
    #[track_caller]
    pub fn goal_statistics(&self, segment: SegmentId, arm: ArmId, goal: &str) -> ArmStatistics {
        self.check(segment, arm);
        self.counted(Measure::Goal(self.goal_named(goal)), segment, arm, true)
    }

    /// What is believed of the mean of a further goal with an arm in a segment, scaled to [0, 1] by the range of its rule.
    ///
    /// # Panics
    ///
    /// If the bandit has no such segment, arm or goal.
    #[must_use]
    #[track_caller]
    pub fn goal_posterior(&self, segment: SegmentId, arm: ArmId, goal: &str) -> Beta {
        self.check(segment, arm);
        self.believed_of_goal(self.goal_named(goal), segment, &[arm])[0]
    }

    /// How much each goal weighs in a segment beside the first, by what is known now: what the policy was given, or where it
    /// keeps bounds minus the price at which it does. Empty if the policy weighs none.
    ///
    /// # Panics
    ///
    /// If the set is empty or of other arms, or the bandit has no such segment.
    #[must_use]
    #[track_caller]
    pub fn goal_weights(&self, segment: SegmentId, eligible: &Eligibility) -> Vec<f64> {
        let arms = eligible.to_vec();
        assert!(!arms.is_empty(), "no arm is eligible");
        arms.iter().for_each(|&arm| self.check(segment, arm));
        let Known { statistics, posteriors, .. } = self.known(segment, &arms);
        let (goals, everyone) = (self.believed_of_goals(segment, &arms), Everyone(self));
        let view = View::new(&arms, &posteriors, &statistics).of_segment(segment).with_portfolio(&everyone);
        self.policy.goal_weights(&view.with_goals(&goals))
    }

    /// What is believed by the goals that the policy asks for.
    pub(super) fn believed_of_goals(&self, segment: SegmentId, arms: &[ArmId]) -> Vec<Vec<Beta>> {
        (0..self.policy.goals()).map(|goal| self.believed_of_goal(goal, segment, arms)).collect()
    }

    #[track_caller]
    fn goal_named(&self, name: &str) -> usize {
        let goal = self.goals().position(|goal| goal == name);
        goal.unwrap_or_else(|| panic!("no goal {name:?}; there are {:?}", self.goals().collect::<Vec<_>>()))
    }
}
