//! Any world, with outcomes that take their time.

use rand::distr::Distribution;
use rand_distr::Weibull;

use crate::arm::{ArmId, ArmSpace, Eligibility};
use crate::reward::RewardKind;
use crate::segment::Segments;

use super::{Generator, Life, Request, Response, World};

/// A world in which each outcome is known a random number of customers later than in another.
///
/// The delay is of a Weibull law, the exponential among them, and independent of the outcome: what is delayed is the
/// news, be it good or bad.
#[derive(Clone, Copy, Debug)]
pub struct Delayed<'a> {
    world: &'a dyn World,
    law: Weibull<f64>,
}

impl<'a> Delayed<'a> {
    /// Delays in customers of mean `scale` Γ(1 + 1/`shape`); shape 1 is the exponential law.
    ///
    /// # Panics
    ///
    /// If scale or shape is not a positive number.
    #[must_use]
    pub fn new(world: &'a dyn World, scale: f64, shape: f64) -> Self {
        let law = Weibull::new(scale, shape);
        Self {
            world,
            law: law.unwrap_or_else(|_| panic!("no law of delays has scale {scale} and shape {shape}")),
        }
    }
}

impl World for Delayed<'_> {
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
        self.world.goals()
    }

    fn begin(&self, rng: &mut Generator) -> Box<dyn Life + '_> {
        Box::new(Late { life: self.world.begin(rng), law: self.law })
    }
}

struct Late<'a> {
    life: Box<dyn Life + 'a>,
    law: Weibull<f64>,
}

impl Life for Late<'_> {
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
        self.life.goal_mean(goal, arm)
    }

    fn goal(&self, goal: usize) -> f64 {
        self.life.goal(goal)
    }

    fn respond(&mut self, arm: ArmId, rng: &mut Generator) -> Response {
        let Response { reward, delay } = self.life.respond(arm, rng);
        // The cast saturates: such news never comes.
        Response { reward, delay: delay.saturating_add(self.law.sample(rng) as u64) }
    }
}
