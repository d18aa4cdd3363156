//! A world whose customers have features: what each arm would earn with each of them is known.

use std::fmt;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, RngExt, SeedableRng};

use crate::arm::{ArmId, ArmSpace};
use crate::bandit::{Bandit, RewardError, SelectError};
use crate::features::{Features, FeaturesError};
use crate::reward::Reward;
use crate::segment::SegmentId;

/// Yes-or-no rewards whose probability is linear in the features, or its logit is. Features are uniform on [0, 1].
///
/// ```
/// use tactful::policy::LinUcb;
/// use tactful::simulation::FeaturedArms;
/// use tactful::{Bandit, Segments};
///
/// // The first template works with low balances, the second with high ones.
/// let world = FeaturedArms::linear(vec![vec![0.5, -0.4], vec![0.1, 0.4]])?;
/// let bandit = Bandit::builder(world.arms().clone(), Segments::single()).features(world.features().clone());
/// let regret = world.regret(&bandit.policy(LinUcb::default()).build()?, 500, 1)?;
/// assert!(regret < 50.0); // of customers drawn evenly, half at 0.2 less
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct FeaturedArms {
    arms: ArmSpace,
    features: Features,
    /// Of each arm: the constant, then one for each feature.
    coefficients: Vec<Vec<f64>>,
    logistic: bool,
}

/// Why there is no such world.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FeaturedError {
    /// No arms, or not the same number of coefficients for each.
    Shape,
    /// A coefficient that is not finite or, where the probability itself is linear, one with which it leaves [0, 1] for some customer.
    Coefficients {
        /// The number of the arm.
        arm: usize,
    },
    /// No features, or too many.
    Features(FeaturesError),
}

impl fmt::Display for FeaturedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape => f.write_str("each arm needs a constant and one coefficient for each feature"),
            Self::Coefficients { arm } => {
                write!(f, "the coefficients of arm {arm} give some customer no probability")
            }
            Self::Features(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for FeaturedError {}

impl FeaturedArms {
    /// With P(reward) = c₀ + Σ c_i x_i, for each arm.
    ///
    /// # Errors
    ///
    /// [`FeaturedError`] says what cannot be.
    pub fn linear(coefficients: Vec<Vec<f64>>) -> Result<Self, FeaturedError> {
        Self::new(coefficients, false)
    }

    /// With that of the logit.
    ///
    /// # Errors
    ///
    /// [`FeaturedError`] says what cannot be.
    pub fn logistic(coefficients: Vec<Vec<f64>>) -> Result<Self, FeaturedError> {
        Self::new(coefficients, true)
    }

    fn new(coefficients: Vec<Vec<f64>>, logistic: bool) -> Result<Self, FeaturedError> {
        let dimensions = coefficients.first().map_or(0, Vec::len);
        if dimensions == 0 || coefficients.iter().any(|own| own.len() != dimensions) {
            return Err(FeaturedError::Shape);
        }
        for (arm, own) in coefficients.iter().enumerate() {
            // The least and the greatest over the cube.
            let end = |sign: f64| own[0] + own[1..].iter().map(|c| sign * (sign * c).max(0.0)).sum::<f64>();
            let inside = logistic || end(-1.0) >= -1e-12 && end(1.0) <= 1.0 + 1e-12;
            if !inside || own.iter().any(|c| !c.is_finite()) {
                return Err(FeaturedError::Coefficients { arm });
            }
        }
        let features =
            (1..dimensions).fold(Features::builder(), |all, n| all.feature(format!("x{n}"), 0.0..=1.0));
        let features = features.build().map_err(FeaturedError::Features)?;
        let names = (0..coefficients.len()).map(|arm| arm.to_string());
        let arms = ArmSpace::builder().dimension("arm", names).build().map_err(|_| FeaturedError::Shape)?;
        Ok(Self { arms, features, coefficients, logistic })
    }

    /// The arms.
    #[must_use]
    pub fn arms(&self) -> &ArmSpace {
        &self.arms
    }

    /// The features.
    #[must_use]
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The expected reward of an arm with a customer.
    ///
    /// # Panics
    ///
    /// If there is no such arm.
    #[must_use]
    pub fn mean(&self, arm: ArmId, customer: &[f64]) -> f64 {
        let own = &self.coefficients[arm.index()];
        let sum = own[0] + own[1..].iter().zip(customer).map(|(c, x)| c * x).sum::<f64>();
        if self.logistic { 1.0 / (1.0 + libm::exp(-sum)) } else { sum.clamp(0.0, 1.0) }
    }

    /// What is lost to not knowing the best arm of each of so many customers: Σ of the differences of expected rewards. A bandit
    /// without features is not shown any. Rewards come at once.
    ///
    /// # Errors
    ///
    /// [`FeaturedRunError`]: a bandit of other arms or features, or one with a window.
    pub fn regret(&self, bandit: &Bandit, customers: u64, seed: u64) -> Result<f64, FeaturedRunError> {
        let (mut world, mut own) =
            (Xoshiro256PlusPlus::seed_from_u64(seed), Xoshiro256PlusPlus::seed_from_u64(!seed));
        let (all, everyone) = (bandit.arms().all(), SegmentId::new(0));
        let ids: Vec<ArmId> = self.arms.iter().map(|arm| arm.id()).collect();
        let mut regret = 0.0;
        for _ in 0..customers {
            let customer: Vec<f64> = (0..self.features.len()).map(|_| world.random()).collect();
            // One number decides what the customer would do with each arm.
            let mood: f64 = world.random();
            let decision = match bandit.features() {
                Some(_) => bandit.select_with(everyone, &all, &customer, &mut own),
                None => bandit.select(everyone, &all, &mut own as &mut dyn Rng),
            };
            let decision = decision.map_err(FeaturedRunError::Select)?;
            let mean = self.mean(decision.arm(), &customer);
            let best = ids.iter().map(|&arm| self.mean(arm, &customer)).fold(0.0, f64::max);
            bandit.reward(&decision, Reward::from(mood < mean)).map_err(FeaturedRunError::Reward)?;
            regret += best - mean;
        }
        Ok(regret)
    }
}

/// Why a bandit cannot learn in a world.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FeaturedRunError {
    /// It selects nothing.
    Select(SelectError),
    /// It takes no reward.
    Reward(RewardError),
}

impl fmt::Display for FeaturedRunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Select(error) => error.fmt(f),
            Self::Reward(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for FeaturedRunError {}
