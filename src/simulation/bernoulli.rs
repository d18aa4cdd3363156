//! Arms that pay 1 with a fixed probability each, and else 0.

use std::error::Error;
use std::fmt;

use rand::{Rng, RngExt};

use crate::arm::{ArmId, ArmSpace};
use crate::reward::Reward;

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
    arms: ArmSpace,
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
    /// No arm, or more than an arm space can hold.
    Arms {
        /// How many.
        arms: usize,
    },
}

impl fmt::Display for MeansError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mean { arm, mean } => write!(f, "mean {mean} of arm {arm} is not in [0, 1]"),
            Self::Arms { arms } => write!(f, "{arms} arms, there can be 1 to {}", ArmSpace::MAX_ARMS),
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
        if let Some(arm) = means.iter().position(|mean| !(0.0..=1.0).contains(mean)) {
            return Err(MeansError::Mean { arm, mean: means[arm] });
        }
        let names = (0..means.len()).map(|arm| arm.to_string());
        let arms = ArmSpace::builder()
            .dimension("arm", names)
            .build()
            .map_err(|_| MeansError::Arms { arms: means.len() })?;
        Ok(Self { means, arms })
    }

    /// The arms.
    #[must_use]
    pub fn arms(&self) -> &ArmSpace {
        &self.arms
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
        self.means.iter().copied().fold(0.0, f64::max)
    }

    /// What an arm pays this time.
    ///
    /// # Panics
    ///
    /// If there is no such arm.
    pub fn pay<R: Rng + ?Sized>(&self, arm: ArmId, rng: &mut R) -> Reward {
        Reward::from(rng.random::<f64>() < self.mean(arm))
    }
}
