//! Any world, in which messages come to more than their reward.

use crate::arm::{ArmId, ArmSpace, Eligibility};
use crate::reward::{Reward, RewardKind};
use crate::segment::Segments;

use super::bernoulli::{MeansError, toss};
use super::{Generator, Life, Request, Response, World};

/// A world with further goals, each yes or no with a rate by arm, independent of the reward and of each other: complaints,
/// opt-outs, calls to the agents. They are known when the reward is.
///
/// ```
/// use tactful::policy::{Goal, Priced, Thompson};
/// use tactful::simulation::{BernoulliArms, Experiment, WithGoals};
///
/// let paid = BernoulliArms::new(vec![0.5, 0.3])?;
/// let complaining = WithGoals::new(&paid, vec![vec![0.4, 0.0]])?;
/// let bounded = Priced::new(Thompson::default(), [Goal::AtMost(0.1)])?;
/// let curve = Experiment::new(&complaining, 2_000).run(&bounded, 4, 1);
/// let complaints = curve.goals[0].last().expect("at the horizon").mean;
/// assert!(complaints < 0.13, "{complaints}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct WithGoals<'a> {
    world: &'a dyn World,
    /// By goal and arm.
    rates: Vec<Vec<f64>>,
}

impl<'a> WithGoals<'a> {
    /// The world with a goal for each of these lists, of a rate for each of its arms.
    ///
    /// # Errors
    ///
    /// [`MeansError`] for a rate outside [0, 1], or not as many as arms.
    pub fn new(world: &'a dyn World, rates: Vec<Vec<f64>>) -> Result<Self, MeansError> {
        let arms = world.arms().len();
        for rates in &rates {
            if rates.len() != arms {
                return Err(MeansError::Count { means: rates.len(), arms });
            }
            let wrong = rates.iter().enumerate().find(|(_, rate)| !(0.0..=1.0).contains(*rate));
            if let Some((arm, &mean)) = wrong {
                return Err(MeansError::Mean { arm, mean });
            }
        }
        Ok(Self { world, rates })
    }
}

impl World for WithGoals<'_> {
    fn arms(&self) -> &ArmSpace {
        self.world.arms()
    }

    fn segments(&self) -> &Segments {
        self.world.segments()
    }

    fn sets(&self) -> &[Eligibility] {
        self.world.sets()
    }

    fn reward_kind(&self) -> RewardKind {
        self.world.reward_kind()
    }

    fn goals(&self) -> usize {
        self.world.goals() + self.rates.len()
    }

    fn begin(&self, rng: &mut Generator) -> Box<dyn Life + '_> {
        let came = vec![false; self.rates.len()];
        Box::new(Minded { life: self.world.begin(rng), inner: self.world.goals(), rates: &self.rates, came })
    }
}

struct Minded<'a> {
    life: Box<dyn Life + 'a>,
    /// Goals of the world within, which come first.
    inner: usize,
    rates: &'a [Vec<f64>],
    /// What the last message came to.
    came: Vec<bool>,
}

impl Life for Minded<'_> {
    fn next(&mut self, rng: &mut Generator) -> Request {
        self.life.next(rng)
    }

    fn mean(&self, arm: ArmId) -> f64 {
        self.life.mean(arm)
    }

    fn best(&self) -> f64 {
        self.life.best()
    }

    fn goal_mean(&self, goal: usize, arm: ArmId) -> f64 {
        match goal.checked_sub(self.inner) {
            None => self.life.goal_mean(goal, arm),
            Some(own) => self.rates[own][arm.index()],
        }
    }

    fn goal(&self, goal: usize) -> f64 {
        match goal.checked_sub(self.inner) {
            None => self.life.goal(goal),
            Some(own) => f64::from(u8::from(self.came[own])),
        }
    }

    fn respond(&mut self, arm: ArmId, rng: &mut Generator) -> Response {
        let response = self.life.respond(arm, rng);
        for (came, rates) in self.came.iter_mut().zip(self.rates) {
            *came = toss(rates[arm.index()], rng) == Reward::SUCCESS;
        }
        response
    }
}
