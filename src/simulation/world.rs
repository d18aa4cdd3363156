//! What a simulated world is: customers who come one after the other, and what each message would earn with them.

use std::fmt;

use rand::rngs::Xoshiro256PlusPlus;

use crate::arm::{ArmId, ArmSpace, Eligibility};
use crate::reward::{Reward, RewardKind};
use crate::segment::{SegmentId, Segments};

/// The generator of all simulations: portable by name, so that a seed means the same everywhere.
pub type Generator = Xoshiro256PlusPlus;

/// A world whose truth is known: a law of [lives](Life), one for each run.
///
/// ```
/// use rand::SeedableRng;
/// use tactful::simulation::{BernoulliArms, Generator, Life, World};
///
/// let world = BernoulliArms::new(vec![0.9, 0.8])?;
/// let mut rng = Generator::seed_from_u64(1);
/// let mut life = world.begin(&mut rng);
/// let request = life.next(&mut rng);
/// assert_eq!(life.best(), 0.9);
/// let arm = world.sets()[request.eligible].iter().next().expect("two arms");
/// let response = life.respond(arm, &mut rng);
/// assert_eq!(response.delay, 0);
/// # Ok::<(), tactful::simulation::MeansError>(())
/// ```
pub trait World: fmt::Debug + Sync {
    /// The arms.
    fn arms(&self) -> &ArmSpace;

    /// The segments its customers fall into.
    fn segments(&self) -> &Segments;

    /// The sets of arms that are ever eligible together; never empty, and none of them is.
    fn sets(&self) -> &[Eligibility];

    /// Which rewards it pays.
    fn reward_kind(&self) -> RewardKind {
        RewardKind::Binary
    }

    /// How many goals a message has beside its reward.
    fn goals(&self) -> usize {
        0
    }

    /// A new life of this world.
    fn begin(&self, rng: &mut Generator) -> Box<dyn Life + '_>;
}

/// One run of a world. Each round is a call of [`next`](Life::next), any number of questions, and a call of
/// [`respond`](Life::respond).
pub trait Life {
    /// The next customer.
    fn next(&mut self, rng: &mut Generator) -> Request;

    /// The expected reward of an eligible arm with that customer, in the unit of the rewards.
    fn mean(&self, arm: ArmId) -> f64;

    /// The largest expected reward of the arms that are eligible for that customer.
    fn best(&self) -> f64;

    /// What an eligible arm is expected to come to with that customer by a further goal, scaled to [0, 1].
    fn goal_mean(&self, goal: usize, arm: ArmId) -> f64 {
        let _ = (goal, arm);
        0.0
    }

    /// What the last message has come to by a further goal, scaled to [0, 1]; known when its reward is.
    fn goal(&self, goal: usize) -> f64 {
        let _ = goal;
        0.0
    }

    /// Sends a message to that customer.
    fn respond(&mut self, arm: ArmId, rng: &mut Generator) -> Response;
}

/// A customer who is to be contacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The customer's segment.
    pub segment: SegmentId,
    /// Which of the world's [sets](World::sets) is eligible.
    pub eligible: usize,
}

/// What comes of a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Response {
    /// The reward.
    pub reward: Reward,
    /// In how many rounds it is known; 0 is at once.
    pub delay: u64,
}

impl Response {
    /// A reward that is known at once.
    #[must_use]
    pub fn at_once(reward: impl Into<Reward>) -> Self {
        Self { reward: reward.into(), delay: 0 }
    }
}
