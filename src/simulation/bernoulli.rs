//! Arms that pay 1 with a fixed probability each, and else 0.

use std::error::Error;
use std::fmt;

use rand::distr::Distribution;
use rand::{Rng, RngExt};
use rand_distr::Beta as BetaLaw;

use crate::arm::{ArmId, ArmSpace};
use crate::belief::Beta;
use crate::reward::Reward;
use crate::segment::SegmentId;

use super::scene::{Scene, scenery};
use super::{Generator, Life, Request, Response, World};

/// Independent Bernoulli arms with known means: the world of the textbooks.
///
/// ```
/// use tactful::simulation::BernoulliArms;
///
/// let world = BernoulliArms::new(vec![0.9, 0.8])?;
/// assert_eq!(world.best(), 0.9);
/// # Ok::<(), tactful::simulation::MeansError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct BernoulliArms {
    means: Vec<f64>,
    scene: Scene,
}

/// Bernoulli arms whose means are drawn anew for each run: what a policy regrets on average over worlds (*Bayesian
/// regret*, where the law of the means is the prior).
#[derive(Clone, Debug, PartialEq)]
pub struct RandomBernoulli {
    law: Beta,
    scene: Scene,
}

/// Means that are none.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum MeansError {
    /// A mean outside [0, 1].
    Mean {
        /// Number of the arm, from 0.
        arm: usize,
        /// The value.
        mean: f64,
    },
    /// A mean outside (0, 1), where rates are to drift.
    Edge {
        /// Number of the arm, from 0.
        arm: usize,
        /// The value.
        mean: f64,
    },
    /// No arm, or more than an arm space can hold.
    Arms {
        /// How many.
        arms: usize,
    },
    /// Not as many means as arms.
    Count {
        /// How many means.
        means: usize,
        /// How many arms.
        arms: usize,
    },
}

impl fmt::Display for MeansError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mean { arm, mean } => write!(f, "mean {mean} of arm {arm} is not in [0, 1]"),
            Self::Edge { arm, mean } => {
                write!(f, "mean {mean} of arm {arm} is not in (0, 1), so it cannot drift")
            }
            Self::Arms { arms } => write!(f, "{arms} arms, there can be 1 to {}", ArmSpace::MAX_ARMS),
            Self::Count { means, arms } => write!(f, "{means} means for {arms} arms"),
        }
    }
}

impl Error for MeansError {}

impl BernoulliArms {
    /// One arm per mean, named by its number from 0 in the dimension `arm`.
    ///
    /// # Errors
    ///
    /// [`MeansError`] for a mean outside [0, 1], or no or too many arms.
    pub fn new(means: Vec<f64>) -> Result<Self, MeansError> {
        check(&means)?;
        let scene = Scene::numbered(means.len()).map_err(|_| MeansError::Arms { arms: means.len() })?;
        Ok(Self { means, scene })
    }

    /// One mean for each arm of this space, in the order of the arms: in mixed-radix order, the last dimension running
    /// fastest.
    ///
    /// # Errors
    ///
    /// [`MeansError`] for a mean outside [0, 1], or not as many of them as arms.
    pub fn of(arms: ArmSpace, means: Vec<f64>) -> Result<Self, MeansError> {
        check(&means)?;
        if means.len() != arms.len() {
            return Err(MeansError::Count { means: means.len(), arms: arms.len() });
        }
        Ok(Self { means, scene: Scene::single(arms) })
    }

    /// The arms.
    #[must_use]
    pub fn arms(&self) -> &ArmSpace {
        &self.scene.arms
    }

    /// The true mean of an arm.
    ///
    /// # Panics
    ///
    /// If there is no such arm.
    #[must_use]
    pub fn mean(&self, arm: ArmId) -> f64 {
        self.means[arm.index()]
    }

    /// The largest mean.
    #[must_use]
    pub fn best(&self) -> f64 {
        largest(&self.means)
    }

    /// What an arm pays this time.
    ///
    /// # Panics
    ///
    /// If there is no such arm.
    pub fn pay<R: Rng + ?Sized>(&self, arm: ArmId, rng: &mut R) -> Reward {
        toss(self.mean(arm), rng)
    }
}

impl RandomBernoulli {
    /// So many arms, their means drawn from this law.
    ///
    /// # Errors
    ///
    /// [`MeansError::Arms`] for no or too many arms.
    pub fn new(arms: usize, law: Beta) -> Result<Self, MeansError> {
        let scene = Scene::numbered(arms).map_err(|_| MeansError::Arms { arms })?;
        Ok(Self { law, scene })
    }
}

impl World for BernoulliArms {
    scenery!(scene);

    fn begin(&self, _: &mut Generator) -> Box<dyn Life + '_> {
        Box::new(Constant::new(self.means.clone()))
    }
}

impl World for RandomBernoulli {
    scenery!(scene);

    fn begin(&self, rng: &mut Generator) -> Box<dyn Life + '_> {
        let law = BetaLaw::new(self.law.alpha(), self.law.beta()).expect("shapes of a Beta are positive");
        Box::new(Constant::new((0..self.scene.arms.len()).map(|_| law.sample(rng)).collect()))
    }
}

/// A life in which nothing changes.
pub(super) struct Constant {
    means: Vec<f64>,
    best: f64,
}

impl Constant {
    pub(super) fn new(means: Vec<f64>) -> Self {
        Self { best: largest(&means), means }
    }
}

impl Life for Constant {
    fn next(&mut self, _: &mut Generator) -> Request {
        Request { segment: SegmentId::new(0), eligible: 0 }
    }

    fn mean(&self, arm: ArmId) -> f64 {
        self.means[arm.index()]
    }

    fn best(&self) -> f64 {
        self.best
    }

    fn respond(&mut self, arm: ArmId, rng: &mut Generator) -> Response {
        Response::at_once(toss(self.means[arm.index()], rng))
    }
}

/// A success with this probability.
pub(super) fn toss<R: Rng + ?Sized>(mean: f64, rng: &mut R) -> Reward {
    Reward::from(rng.random::<f64>() < mean)
}

pub(super) fn largest(means: &[f64]) -> f64 {
    means.iter().copied().fold(0.0, f64::max)
}

/// Refuses what is no probability.
pub(super) fn check(means: &[f64]) -> Result<(), MeansError> {
    match means.iter().position(|mean| !(0.0..=1.0).contains(mean)) {
        Some(arm) => Err(MeansError::Mean { arm, mean: means[arm] }),
        None => Ok(()),
    }
}
