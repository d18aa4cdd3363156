//! Arms whose rewards are amounts, most of them nothing, or counts.

use std::error::Error;
use std::fmt;

use rand::RngExt;
use rand::distr::Distribution;
use rand_distr::{Gamma as GammaLaw, LogNormal, Poisson};

use crate::arm::{ArmId, ArmSpace};
use crate::belief::{Gamma, Marginal};
use crate::reward::{Reward, RewardKind};
use crate::segment::SegmentId;

use super::scene::{Scene, scenery};
use super::{Generator, Life, Request, Response, World};

/// What the messages of one arm earn.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Earnings {
    /// With probability `part` an amount that follows a Gamma law, else nothing.
    Gamma {
        /// The probability of a payment, in [0, 1].
        part: f64,
        /// The mean of a payment, positive.
        amount: f64,
        /// The standard deviation of a payment by its mean, positive.
        variation: f64,
    },
    /// The same with amounts that follow a log-normal law, of longer tail.
    LogNormal {
        /// The probability of a payment, in [0, 1].
        part: f64,
        /// The mean of a payment, positive.
        amount: f64,
        /// The standard deviation of a payment by its mean, positive.
        variation: f64,
    },
    /// A count that follows a Poisson law.
    Poisson {
        /// Its mean, positive.
        mean: f64,
    },
}

/// Independent arms with known [`Earnings`]; what is above the end of the range is paid as that, and truth knows it.
///
/// ```
/// use tactful::simulation::{Earnings, EarningArms};
///
/// let arm = |part, amount| Earnings::Gamma { part, amount, variation: 1.0 };
/// let world = EarningArms::new(vec![arm(0.1, 50.0), arm(0.05, 200.0)], 1_000.0)?;
/// // An exponential amount of mean 200, no more than 1,000: 200 (1 − e⁻⁵).
/// assert!((world.means()[1] - 0.05 * 200.0 * (1.0 - (-5.0_f64).exp())).abs() < 1e-9);
/// # Ok::<(), tactful::simulation::EarningsError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct EarningArms {
    laws: Vec<Law>,
    means: Vec<f64>,
    most: f64,
    scene: Scene,
}

/// Earnings that are none.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum EarningsError {
    /// A parameter out of its range.
    Arm {
        /// Number of the arm, from 0.
        arm: usize,
        /// What it was to earn.
        earnings: Earnings,
    },
    /// No arm, or more than an arm space can hold.
    Arms {
        /// How many.
        arms: usize,
    },
    /// The end of the range is not a positive number.
    Most(f64),
}

impl fmt::Display for EarningsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arm { arm, earnings } => write!(f, "arm {arm} cannot earn {earnings:?}"),
            Self::Arms { arms } => write!(f, "{arms} arms, there can be 1 to {}", ArmSpace::MAX_ARMS),
            Self::Most(most) => write!(f, "the end of the range is {most}, not a positive number"),
        }
    }
}

impl Error for EarningsError {}

/// Earnings, ready to be drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Law {
    Gamma(f64, GammaLaw<f64>),
    LogNormal(f64, LogNormal<f64>),
    Poisson(Poisson<f64>),
}

impl EarningArms {
    /// One arm for each of these, named by its number from 0 in the dimension `arm`; rewards range from 0 to `most`.
    ///
    /// # Errors
    ///
    /// [`EarningsError`] for parameters out of range, or no or too many arms.
    pub fn new(earnings: Vec<Earnings>, most: f64) -> Result<Self, EarningsError> {
        if !(most > 0.0 && most.is_finite()) {
            return Err(EarningsError::Most(most));
        }
        let arms = earnings.len();
        let scene = Scene::numbered(arms).map_err(|_| EarningsError::Arms { arms })?;
        let known = |(arm, earnings): (usize, Earnings)| {
            earnings.checked(most).ok_or(EarningsError::Arm { arm, earnings })
        };
        let known: Vec<(Law, f64)> = earnings.into_iter().enumerate().map(known).collect::<Result<_, _>>()?;
        let (laws, means) = known.into_iter().unzip();
        Ok(Self { laws, means, most, scene })
    }

    /// The expected reward of each arm.
    #[must_use]
    pub fn means(&self) -> &[f64] {
        &self.means
    }
}

impl Earnings {
    /// The law, and the mean of what is no more than `most`.
    fn checked(self, most: f64) -> Option<(Law, f64)> {
        let proper = |part: f64, amount: f64, variation: f64| {
            let positive = |value: f64| value > 0.0 && value.is_finite();
            ((0.0..=1.0).contains(&part) && positive(amount) && positive(variation)).then_some(())
        };
        match self {
            Self::Gamma { part, amount, variation } => {
                proper(part, amount, variation)?;
                let shape = 1.0 / (variation * variation);
                let law = GammaLaw::new(shape, amount / shape).ok()?;
                // E min(A, M) = m P(A₊ ≤ M) + M P(A > M), with A₊ of one more in shape.
                let gamma = |shape: f64, more: f64| Gamma::new(shape + more, shape / amount).ok();
                let capped = amount * gamma(shape, 1.0)?.cdf(most) + most * gamma(shape, 0.0)?.survival(most);
                Some((Law::Gamma(part, law), part * capped))
            }
            Self::LogNormal { part, amount, variation } => {
                proper(part, amount, variation)?;
                let square = libm::log1p(variation * variation);
                let (middle, deviation) = (libm::log(amount) - 0.5 * square, square.sqrt());
                let law = LogNormal::new(middle, deviation).ok()?;
                // The same, A₊ having its logarithm a variance further right.
                let below = |z: f64| 0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2);
                let z = (libm::log(most) - middle) / deviation;
                let capped = amount * below(z - deviation) + most * below(-z);
                Some((Law::LogNormal(part, law), part * capped))
            }
            Self::Poisson { mean } => {
                let law = Poisson::new(mean).ok()?;
                // E min(N, M) = Σ_{i < M} P(N > i), for whole M; between, a part of the next.
                let (mut mass, mut cdf, mut capped, mut i) = (libm::exp(-mean), 0.0, 0.0, 0.0);
                while i < most && cdf < 1.0 - 1e-15 && i < 1e6 {
                    cdf += mass;
                    capped += (1.0 - cdf).max(0.0) * (most - i).min(1.0);
                    i += 1.0;
                    mass *= mean / i;
                }
                (mean <= 500.0).then_some((Law::Poisson(law), capped))
            }
        }
    }
}

impl World for EarningArms {
    scenery!(scene);

    fn reward_kind(&self) -> RewardKind {
        RewardKind::Real { minimum: 0.0, maximum: self.most }
    }

    fn begin(&self, _: &mut Generator) -> Box<dyn Life + '_> {
        Box::new(Earning { world: self, best: self.means.iter().copied().fold(0.0, f64::max) })
    }
}

/// A life in which nothing changes.
struct Earning<'a> {
    world: &'a EarningArms,
    best: f64,
}

impl Life for Earning<'_> {
    fn next(&mut self, _: &mut Generator) -> Request {
        Request { segment: SegmentId::new(0), eligible: 0 }
    }

    fn mean(&self, arm: ArmId) -> f64 {
        self.world.means[arm.index()]
    }

    fn best(&self) -> f64 {
        self.best
    }

    fn respond(&mut self, arm: ArmId, rng: &mut Generator) -> Response {
        let amount = match self.world.laws[arm.index()] {
            Law::Poisson(law) => law.sample(rng),
            Law::Gamma(part, _) | Law::LogNormal(part, _) if rng.random::<f64>() >= part => 0.0,
            Law::Gamma(_, law) => law.sample(rng),
            Law::LogNormal(_, law) => law.sample(rng),
        };
        Response::at_once(Reward::new(amount.min(self.world.most)))
    }
}
