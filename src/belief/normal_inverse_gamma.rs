//! The posterior of mean and variance of amounts: the Normal-inverse-gamma distribution.

use std::error::Error;
use std::fmt;

use crate::statistics::ArmStatistics;

use super::StudentT;

/// What is believed of rewards taken for Gaussian: σ² ~ inverse-Gamma(α, β), and μ ~ N(m, σ²/κ) given σ².
///
/// Conjugate: n rewards of mean r̄ and Σ(r − r̄)² = S give κ' = κ + n, m' = (κm + n r̄)/κ', α' = α + n/2 and
/// β' = β + S/2 + κ n (r̄ − m)² / (2κ'). So number, sum and sum of squares are all it needs, and the counters have those. The
/// mean's marginal is Student's t with 2α degrees of freedom at m, of scale √(β/(ακ)).
///
/// K. P. Murphy (2007), *Conjugate Bayesian analysis of the Gaussian distribution*, section 6 (there with ν for 1/κ).
///
/// ```
/// use tactful::belief::NormalInverseGamma;
///
/// // Rewards 1, 2 and 3 after a prior at 0: mean 6/4, β = 1 + 2/2 + 1·3·4/(2·4).
/// let posterior = NormalInverseGamma::new(0.0, 1.0, 1.0, 1.0)?.updated(3.0, 6.0, 14.0);
/// assert_eq!((posterior.mean(), posterior.strength()), (1.5, 4.0));
/// assert_eq!((posterior.shape(), posterior.scale()), (2.5, 3.5));
/// # Ok::<(), tactful::belief::NormalInverseGammaError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormalInverseGamma {
    mean: f64,
    strength: f64,
    shape: f64,
    scale: f64,
}

/// Why four numbers are not those of a [`NormalInverseGamma`]: the first that is out of its range.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum NormalInverseGammaError {
    /// The mean is not finite.
    Mean(f64),
    /// The strength is not positive and finite.
    Strength(f64),
    /// The shape is not finite and at least 0.05.
    Shape(f64),
    /// The scale is not positive and finite.
    Scale(f64),
}

impl NormalInverseGamma {
    /// The distribution with mean m (finite), strength κ > 0 (how many rewards it is worth), shape α ≥ 0.05 and scale β > 0 of
    /// the variance.
    ///
    /// # Errors
    ///
    /// [`NormalInverseGammaError`] for other numbers.
    pub fn new(mean: f64, strength: f64, shape: f64, scale: f64) -> Result<Self, NormalInverseGammaError> {
        let positive = |value: f64| value > 0.0 && value.is_finite();
        match () {
            () if !mean.is_finite() => Err(NormalInverseGammaError::Mean(mean)),
            () if !positive(strength) => Err(NormalInverseGammaError::Strength(strength)),
            () if !(shape >= 0.05 && shape.is_finite()) => Err(NormalInverseGammaError::Shape(shape)),
            () if !positive(scale) => Err(NormalInverseGammaError::Scale(scale)),
            () => Ok(Self { mean, strength, shape, scale }),
        }
    }

    /// The mean of μ, m.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// κ: how many rewards are behind the mean.
    #[must_use]
    pub fn strength(&self) -> f64 {
        self.strength
    }

    /// The shape of the variance, α.
    #[must_use]
    pub fn shape(&self) -> f64 {
        self.shape
    }

    /// The scale of the variance, β.
    #[must_use]
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// The posterior after so many rewards with this sum and sum of squares (finite, the first and the last not negative,
    /// perhaps weighted).
    ///
    /// # Panics
    ///
    /// In builds with debug assertions, if an argument is not that.
    #[must_use]
    pub fn updated(self, rewards: f64, sum: f64, squares: f64) -> Self {
        debug_assert!(rewards >= 0.0 && rewards.is_finite(), "{rewards} rewards, not finite and >= 0");
        debug_assert!(sum.is_finite(), "the sum is {sum}, not finite");
        debug_assert!(squares >= 0.0 && squares.is_finite(), "squares are {squares}, not finite and >= 0");
        if !(rewards > 0.0) {
            return self;
        }
        let average = sum / rewards;
        // Rounding must not leave a negative variance.
        let spread = (squares - sum * average).max(0.0);
        let strength = self.strength + rewards;
        let off = average - self.mean;
        Self {
            mean: self.mean + off * (rewards / strength),
            strength,
            shape: self.shape + 0.5 * rewards,
            scale: self.scale + 0.5 * (spread + self.strength * (rewards / strength) * off * off),
        }
    }

    /// The posterior after what was counted of an arm, in the scale of [0, 1].
    #[must_use]
    pub fn after(self, statistics: ArmStatistics) -> Self {
        self.updated(statistics.returned() as f64, statistics.sum(), statistics.sum_of_squares())
    }

    /// What is believed of the mean alone.
    #[must_use]
    pub fn marginal(&self) -> StudentT {
        StudentT::new(self.mean, (self.scale / self.shape / self.strength).sqrt(), 2.0 * self.shape)
    }
}

impl fmt::Display for NormalInverseGammaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mean(value) => write!(f, "mean is {value}, not a finite number"),
            Self::Strength(value) => write!(f, "strength is {value}, not a positive number"),
            Self::Shape(value) => write!(f, "shape is {value}, not a number from 0.05"),
            Self::Scale(value) => write!(f, "scale is {value}, not a positive number"),
        }
    }
}

impl Error for NormalInverseGammaError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_parts_or_at_once() {
        let prior = NormalInverseGamma::new(0.3, 0.7, 1.1, 0.2).expect("admissible");
        let parts = prior.updated(2.0, 1.1, 0.65).updated(3.0, 0.4, 0.3);
        let once = prior.updated(5.0, 1.5, 0.95);
        for (part, whole) in [(parts.mean, once.mean), (parts.shape, once.shape), (parts.scale, once.scale)] {
            assert!((part - whole).abs() < 1e-14, "{parts:?} {once:?}");
        }
    }

    #[test]
    fn what_is_none_is_refused_and_named() {
        let refused = |m, k, a, b| NormalInverseGamma::new(m, k, a, b).unwrap_err().to_string();
        assert_eq!(refused(f64::NAN, 1.0, 1.0, 1.0), "mean is NaN, not a finite number");
        assert_eq!(refused(0.0, 0.0, 1.0, 1.0), "strength is 0, not a positive number");
        assert_eq!(refused(0.0, 1.0, 0.01, 1.0), "shape is 0.01, not a number from 0.05");
        assert_eq!(refused(0.0, 1.0, 1.0, f64::NAN), "scale is NaN, not a positive number");
    }
}
