//! Linear context: what is believed of an arm's mean reward given the features of a request.
//!
//! The mean reward of an arm a, scaled to [0, 1], is taken for θ_aᵀx, with x the constant 1 and the
//! [features](crate::Features) in [0, 1]. What is learnt is S_a = Σ x xᵀ, which grows when a decision is made, and
//! c_a = Σ r x, which grows when its reward comes: integers that add up in any order. Everything else is a pure function of
//! these, made when it is due and kept as one vector and one triangle for each arm; a request then costs (d + 1)(d + 2)/2 + d + 1
//! products for an arm, with d features.
//!
//! | [`Linear`] | posterior of θ_a | after |
//! | --- | --- | --- |
//! | `disjoint` | mean A⁻¹c, covariance v²A⁻¹, with A = λI + S | Li, Chu, Langford, Schapire (2010), algorithm 1 |
//! | `hybrid` | θ_a = β + δ_a with β common to all arms, both with the prior N(0, v²/λ) | their algorithm 2, with the shared features z = x |
//! | `logistic` | of the logit of the mean: Laplace's approximation | Chapelle, Li (2011), algorithm 3 |
//!
//! *Rewards that are outstanding.* Where n decisions were made and m rewards have come, c is that of m decisions and S of n. Those
//! that are known are taken for a sample of all: means are formed with (m/n)S. Widths are too, unless the policy counts an
//! arm as tried when it is selected, which then uses S.
//!
//! *With a window* it is known when they should have come. By default a decision that waits counts for the part F(age) of a trial
//! by which its reward would have come by now ([`Pending::Corrected`](super::Pending::Corrected)): means are formed with
//! S = Σ F x xᵀ, one sum for each bucket of time, and c as it is by now, so that the two belong to each other at any age. What
//! has not come by then has earned the [default reward](crate::BanditBuilder::default_reward).
//! [Forgetting](super::Forgetting) weights the sums of each bucket by its age.
//!
//! *How far it can be trusted.* A linear mean is a projection: outside of [0, 1] it means nothing, and where payments are a few
//! per cent it may be negative. For the order of arms that does no harm. The logistic model keeps means where they belong; but
//! its likelihood needs the features of each decision, of which the counters keep the sum and the sum of products only. It is
//! fitted as if features were jointly Gaussian with these moments, by which Σ σ(θᵀx) x = n (m p + C θ w), with m and C the mean
//! and covariance of the features, p = E σ(θᵀx), w = E σ'(θᵀx) and both expectations by σ(κ μ), κ² = 1/(1 + πτ²/8) for
//! θᵀx ~ N(μ, τ²) (Stein's lemma; MacKay 1992). Measured against the exact fit on features that are uniform, not Gaussian:
//! coefficients of ±2 come out within 0.06 (a test).
//!
//! *Thompson sampling* takes arms for independent of each other given the request; in a hybrid model they have the common part
//! together, which moves all alike and is not taken out of their spreads: it explores a little more than it need.

mod fit;
mod logistic;
mod solve;
mod told;
mod triangle;

pub(crate) use fit::{Fit, Lead};
pub(crate) use told::{Gathered, Told};

use std::error::Error;
use std::fmt;

use super::{Beta, Gaussian};

/// How features bear on the mean reward of an arm; see the [table](self).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Linear {
    kind: Kind,
    ridge: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Disjoint,
    Hybrid,
    Logistic,
}

/// A ridge that is no positive number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RidgeError {
    /// The ridge given.
    pub ridge: f64,
}

impl fmt::Display for RidgeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ridge {} is not a number from {} to {}", self.ridge, Linear::LEAST, Linear::MOST)
    }
}

impl Error for RidgeError {}

impl Linear {
    const LEAST: f64 = 1e-3;
    const MOST: f64 = 1e6;

    /// Each arm by itself.
    #[must_use]
    pub const fn disjoint() -> Self {
        Self { kind: Kind::Disjoint, ridge: 1.0 }
    }

    /// What customers have in common with all arms, and what is each arm's own: new and rare arms start from the common part.
    #[must_use]
    pub const fn hybrid() -> Self {
        Self { kind: Kind::Hybrid, ridge: 1.0 }
    }

    /// Each arm by itself, linear on the logit: for yes-or-no rewards.
    #[must_use]
    pub const fn logistic() -> Self {
        Self { kind: Kind::Logistic, ridge: 1.0 }
    }

    /// The same with another ridge λ, the weight of the prior in decisions. Default: 1.
    ///
    /// # Errors
    ///
    /// [`RidgeError`] for a number that is not in [10⁻³, 10⁶].
    pub fn ridge(self, ridge: f64) -> Result<Self, RidgeError> {
        if (Self::LEAST..=Self::MOST).contains(&ridge) {
            Ok(Self { ridge, ..self })
        } else {
            Err(RidgeError { ridge })
        }
    }
}

impl Default for Linear {
    /// [`Linear::disjoint`].
    fn default() -> Self {
        Self::disjoint()
    }
}

/// What is believed of one arm for one request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearBelief {
    mean: f64,
    width: f64,
    noise: f64,
    logistic: bool,
}

impl LinearBelief {
    /// The mean θ̂ᵀx: of the scaled reward or, by a logistic model, of its logit.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// The width √(xᵀA⁻¹x), in units of the noise.
    #[must_use]
    pub fn width(&self) -> f64 {
        self.width
    }

    /// The posterior of what [`mean`](LinearBelief::mean) is the mean of: its standard deviation is the width times the
    /// noise v, that of the rewards of the segment about their mean (1 on the logit).
    #[must_use]
    pub fn gaussian(&self) -> Gaussian {
        Gaussian::of(self.mean, self.noise * self.width)
    }

    /// The Beta of the scaled mean reward with this mean and variance, or as near as there is one: for policies that look at
    /// those.
    #[must_use]
    pub fn beta(&self) -> Beta {
        let deviation = self.noise * self.width;
        let (mean, deviation) = match self.logistic {
            false => (self.mean, deviation),
            true => {
                let mean = logistic::expected(self.mean, deviation * deviation).0;
                (mean, mean * (1.0 - mean) * deviation)
            }
        };
        let mean = mean.clamp(1e-4, 1.0 - 1e-4);
        let spread = mean * (1.0 - mean);
        let trials = (spread / (deviation * deviation) - 1.0).clamp(1.0, 1e9);
        Beta::new(mean * trials, (1.0 - mean) * trials).unwrap_or(Beta::UNIFORM)
    }
}
