//! What policies lose in a world by not knowing the best arm from the start: many runs, at many times.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use rand::SeedableRng;

use crate::arm::Arm;
use crate::belief::{Beta, WarmStart};
use crate::plan::{Bounds, Cadence, Plan, Shares, SharesError};
use crate::policy::{Policy, Probabilities};
use crate::reward::{Quantity, Reward, RewardKind};
use crate::segment::Segment;

use super::learner::{self, Choice, Learner, Settings};
use super::{Generator, World};

/// Runs of the production pipeline in a known world: the next customer, select, respond, learn, `horizon` times.
///
/// The cumulative pseudo-regret is Σ_t (μ*_t − μ_t), where μ*_t is the largest expected reward of the arms eligible for
/// the t-th customer and μ_t that of the arm selected. By default the plan is refreshed at every observation and there is
/// no exploration share, which makes the sequential policies of the textbooks.
///
/// ```
/// use tactful::policy::Thompson;
/// use tactful::simulation::{BernoulliArms, Experiment};
///
/// let world = BernoulliArms::new(vec![0.9, 0.8])?;
/// let curve = Experiment::new(&world, 500).run(&Thompson::default(), 20, 1);
/// assert_eq!(curve.checkpoints.last(), Some(&500));
/// let regret = curve.regret.last().expect("at the horizon");
/// assert!(regret.mean < 0.05 * 500.0, "half of what drawing at random loses: {regret:?}");
/// # Ok::<(), tactful::simulation::MeansError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Experiment<'a> {
    world: &'a dyn World,
    horizon: u64,
    checkpoints: Vec<u64>,
    settings: Settings,
    /// Priors by segment and arm; empty if all are alike.
    priors: Vec<Vec<Beta>>,
    /// Where they are those of a warm start, the start.
    start: Option<WarmStart>,
    /// Priors of the further goals.
    goals: Vec<Beta>,
    bounds: Option<Bounds>,
    batch: u64,
    delay: u64,
}

/// What a policy did in an experiment: series with an entry for each checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// After how many decisions; ascending, the last one is the horizon.
    pub checkpoints: Vec<u64>,
    /// Cumulative pseudo-regret.
    pub regret: Vec<Average>,
    /// Share of the decisions so far that went to an arm with the largest expected reward, in [0, 1].
    pub best_arm_share: Vec<f64>,
    /// Mean expected reward of a decision so far, in the unit of the rewards.
    pub reward: Vec<Average>,
    /// For each further goal of the world the same of it, scaled to [0, 1]; index: goal, then checkpoint.
    pub goals: Vec<Vec<Average>>,
}

/// A mean over independent runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Average {
    /// The mean.
    pub mean: f64,
    /// Its standard error; 0 of one run.
    pub standard_error: f64,
}

impl Average {
    /// Of these values, at least one.
    fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let count = values.clone().count() as f64;
        let mean = values.clone().sum::<f64>() / count;
        let squares: f64 = values.map(|value| (value - mean) * (value - mean)).sum();
        Self { mean, standard_error: (squares / (count - 1.0).max(1.0) / count).sqrt() }
    }
}

impl<'a> Experiment<'a> {
    /// An experiment of so many decisions a run, looked at after 1, 2, 5, 10, 20, 50 … of them and at the horizon.
    ///
    /// # Panics
    ///
    /// If the horizon is 0.
    #[must_use]
    pub fn new(world: &'a dyn World, horizon: u64) -> Self {
        assert!(horizon > 0, "a horizon of no decisions");
        let settings = Settings { prior: Beta::UNIFORM, cadence: Cadence::EVERY_EVENT, exploration: 0.0 };
        let decades = (0..20).map(|power| 10_u64.pow(power));
        let checkpoints = decades.flat_map(|decade| [1, 2, 5].map(|digit| decade.saturating_mul(digit)));
        let checkpoints = checkpoints.take_while(|&time| time < horizon).chain([horizon]).collect();
        let goals = vec![Beta::UNIFORM; world.goals()];
        let (priors, start, bounds) = (Vec::new(), None, None);
        Self { world, horizon, checkpoints, settings, priors, start, goals, bounds, batch: 1, delay: 0 }
    }

    /// The same experiment, looked at after these numbers of decisions and at the horizon; those beyond it are left out.
    #[must_use]
    pub fn checkpoints(mut self, times: impl IntoIterator<Item = u64>) -> Self {
        self.checkpoints = times.into_iter().filter(|time| (1..self.horizon).contains(time)).collect();
        self.checkpoints.push(self.horizon);
        self.checkpoints.sort_unstable();
        self.checkpoints.dedup();
        self
    }

    /// The same experiment with plans refreshed less often.
    #[must_use]
    pub fn cadence(mut self, cadence: Cadence) -> Self {
        self.settings.cadence = cadence;
        self
    }

    /// The same experiment with an exploration share, in [0, 1].
    ///
    /// # Panics
    ///
    /// If the share is not in [0, 1].
    #[must_use]
    pub fn exploration(mut self, exploration: f64) -> Self {
        assert!((0.0..=1.0).contains(&exploration), "exploration share {exploration} is not in [0, 1]");
        self.settings.exploration = exploration;
        self
    }

    /// The same experiment with another prior than Beta(1, 1).
    #[must_use]
    pub fn prior(mut self, prior: Beta) -> Self {
        (self.settings.prior, self.priors, self.start) = (prior, Vec::new(), None);
        self
    }

    /// The same experiment with a prior for each arm in each segment.
    #[must_use]
    pub fn prior_by(mut self, prior: impl Fn(Segment<'_>, Arm<'_>) -> Beta) -> Self {
        let arms = self.world.arms();
        let of = |segment| arms.iter().map(|arm| prior(segment, arm)).collect();
        self.priors = self.world.segments().iter().map(of).collect();
        self.start = None;
        self
    }

    /// The same experiment by what was learnt elsewhere, as a bandit takes it [too](crate::BanditBuilder::warm_start).
    ///
    /// # Panics
    ///
    /// If the start was made for other arms or segments than the world's.
    #[must_use]
    pub fn warm_start(mut self, start: WarmStart) -> Self {
        let fits = start.fits(self.world.arms(), self.world.segments());
        assert!(fits, "a warm start of other arms or segments than the world has");
        self = self.prior_by(|segment, arm| start.prior(segment, arm));
        self.start = Some(start);
        self
    }

    /// The same experiment with other priors than Beta(1, 1) of the world's further goals, in their order; of those without one
    /// it stays.
    #[must_use]
    pub fn goal_priors(mut self, priors: impl IntoIterator<Item = Beta>) -> Self {
        self.goals.iter_mut().zip(priors).for_each(|(prior, given)| *prior = given);
        self
    }

    /// The same experiment with floors and caps of the shares of arms and levels. Regret is still that against the best
    /// eligible arm: what the bounds cost is in it.
    ///
    /// # Errors
    ///
    /// [`SharesError`]: arms or levels that the world does not have, or bounds that no shares of one of its
    /// [sets](World::sets) keep.
    pub fn shares(mut self, shares: &Shares) -> Result<Self, SharesError> {
        self.bounds = shares.of(self.world.arms())?;
        for set in self.world.sets() {
            Plan::bounded(set.clone(), &Probabilities::uniform(), 0.0, self.bounds.as_ref())
                .map_err(SharesError::Infeasible)?;
        }
        Ok(self)
    }

    /// The same experiment in which outcomes are told after every so many decisions only; 0 counts as 1.
    #[must_use]
    pub fn batch(mut self, decisions: u64) -> Self {
        self.batch = decisions.max(1);
        self
    }

    /// The same experiment in which each outcome is told so many decisions later than it would be.
    #[must_use]
    pub fn delay(mut self, decisions: u64) -> Self {
        self.delay = decisions;
        self
    }

    /// What the policy does in `runs` lives of the world, the i-th seeded by `seed + i`. With the feature `parallel` the
    /// runs share the threads of the current `rayon` pool; the result is the same whatever their number.
    ///
    /// # Panics
    ///
    /// If there are no runs, the policy needs more [further goals](Policy::goals) than the world has, the world pays what its
    /// [kind](World::reward_kind) does not admit, or [bounds](Self::shares) of several dimensions leave next to no room.
    #[must_use]
    pub fn run(&self, policy: &dyn Policy, runs: u64, seed: u64) -> Curve {
        self.run_watched(policy, runs, seed, &|| {})
    }

    /// The same, with a call after each run, from whatever thread it ran on.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    #[must_use]
    pub fn run_watched(&self, policy: &dyn Policy, runs: u64, seed: u64, watch: &(dyn Fn() + Sync)) -> Curve {
        assert!(runs > 0, "no runs, no regret");
        let (asked, goals) = (policy.goals(), self.world.goals());
        assert!(asked <= goals, "a policy of {asked} further goals, and the world has {goals}");
        let run = |run: u64| {
            let path = self.path(policy, seed.wrapping_add(run));
            watch();
            path
        };
        #[cfg(feature = "parallel")]
        let paths: Vec<Vec<Point>> = {
            use rayon::iter::{IntoParallelIterator, ParallelIterator};
            // Collected in the order of the runs, and added up below on one thread.
            (0..runs).into_par_iter().map(run).collect()
        };
        #[cfg(not(feature = "parallel"))]
        let paths: Vec<Vec<Point>> = (0..runs).map(run).collect();

        let times = self.checkpoints.iter().enumerate().map(|(index, &time)| (index, time as f64));
        let average = |value: &dyn Fn(&Point, f64) -> f64| -> Vec<Average> {
            let at =
                |(index, time): (usize, f64)| Average::of(paths.iter().map(|path| value(&path[index], time)));
            times.clone().map(at).collect()
        };
        Curve {
            checkpoints: self.checkpoints.clone(),
            regret: average(&|point, _| point.regret),
            reward: average(&|point, time| point.reward / time),
            goals: (0..goals).map(|goal| average(&|point, time| point.goals[goal] / time)).collect(),
            best_arm_share: {
                let shares = average(&|point, time| point.best as f64 / time);
                shares.into_iter().map(|share| share.mean).collect()
            },
        }
    }

    /// One run, as it stood at the checkpoints.
    fn path(&self, policy: &dyn Policy, seed: u64) -> Vec<Point> {
        let mut rng = Generator::seed_from_u64(seed);
        let mut life = self.world.begin(&mut rng);
        let bounds = self.bounds.as_ref();
        let start = self.start.as_ref();
        let told = learner::Told { priors: &self.priors, start, goals: &self.goals, bounds };
        let mut learner = Learner::new(policy, self.world, self.settings, told);
        let mut pending = BinaryHeap::new();
        let mut path = Vec::with_capacity(self.checkpoints.len());
        let mut point = Point { goals: vec![0.0; self.goals.len()], ..Point::default() };
        for time in 1..=self.horizon {
            let request = life.next(&mut rng);
            let choice = learner.select(request, &mut rng);
            let (best, mean) = (life.best(), life.mean(choice.arm));
            point.regret += best - mean;
            point.reward += mean;
            point.best += u64::from(mean >= best);
            let means = (0..).map(|goal| life.goal_mean(goal, choice.arm));
            point.goals.iter_mut().zip(means).for_each(|(sum, mean)| *sum += mean);

            let response = life.respond(choice.arm, &mut rng);
            let quantity = learner.kind().quantity(response.reward);
            let quantity =
                quantity.unwrap_or_else(|error| panic!("the world pays what it must not: {error}"));
            // Takes no memory where there are none.
            let goals = (0..self.goals.len()).map(|goal| scaled(life.goal(goal))).collect::<Vec<_>>();
            let due = time.saturating_add(response.delay).saturating_add(self.delay);
            let due = due.div_ceil(self.batch).saturating_mul(self.batch);
            if due == time && pending.is_empty() {
                learner.reward(choice, quantity, &goals);
            } else {
                pending.push(Told { due, time, choice, quantity, goals });
                while let Some(told) = pending.peek_mut().filter(|told| told.due <= time) {
                    let Told { choice, quantity, goals, .. } = PeekMut::pop(told);
                    learner.reward(choice, quantity, &goals);
                }
            }
            if path.len() < self.checkpoints.len() && self.checkpoints[path.len()] == time {
                path.push(point.clone());
            }
        }
        path
    }
}

/// What came of a goal, as counters take it.
fn scaled(came: f64) -> Quantity {
    let kind = RewardKind::Real { minimum: 0.0, maximum: 1.0 };
    kind.quantity(Reward::new(came)).unwrap_or_else(|error| panic!("a goal that is not scaled: {error}"))
}

/// A run so far.
#[derive(Clone, Debug, Default)]
struct Point {
    regret: f64,
    reward: f64,
    best: u64,
    /// By further goal.
    goals: Vec<f64>,
}

/// An outcome on its way. The earlier it is to be told, the greater it is.
struct Told {
    due: u64,
    time: u64,
    choice: Choice,
    quantity: Quantity,
    /// By further goal.
    goals: Vec<Quantity>,
}

impl Told {
    /// First what is due first, of that what was decided first.
    fn order(&self) -> (u64, u64) {
        (self.due, self.time)
    }
}

impl PartialEq for Told {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl Eq for Told {}

impl PartialOrd for Told {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Told {
    fn cmp(&self, other: &Self) -> Ordering {
        other.order().cmp(&self.order())
    }
}
