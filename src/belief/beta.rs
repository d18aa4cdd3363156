//! The posterior of a rate: the Beta distribution.

use std::error::Error;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::statistics::ArmStatistics;

/// The posterior of a success rate, with density proportional to xᵅ⁻¹ (1 − x)ᵝ⁻¹ on [0, 1].
///
/// It is conjugate to the Bernoulli: a prior Beta(α, β) and s successes, f failures give Beta(α + s, β + f).
///
/// Both shapes lie in [[`Beta::MIN_SHAPE`], [`Beta::MAX_SHAPE`]] = [0.05, 2⁴⁰]. Below, the posterior piles up so close
/// to 0 and 1 that its tail leaves the range of the logit in double precision; above, the standard deviation nears the
/// spacing of the numbers it is subtracted from. For every shape between them the [probability of being
/// best](crate::belief::best) is as accurate as promised there, in bounded time.
///
/// ```
/// use tactful::belief::Beta;
///
/// let posterior = Beta::UNIFORM.updated(40.0, 960.0);
/// assert_eq!((posterior.alpha(), posterior.beta()), (41.0, 961.0));
/// assert!((posterior.mean() - 41.0 / 1002.0).abs() < 1e-15);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Shapes", into = "Shapes")]
pub struct Beta {
    pub(super) alpha: f64,
    pub(super) beta: f64,
}

/// Why two numbers are not the shapes of a [`Beta`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum BetaError {
    /// The first shape is not a number within the admissible range.
    Alpha(f64),
    /// The second shape is not a number within the admissible range.
    Beta(f64),
}

impl Beta {
    /// The smallest admissible shape, 0.05.
    pub const MIN_SHAPE: f64 = 0.05;

    /// The largest admissible shape, 2⁴⁰ (about 10¹²).
    pub const MAX_SHAPE: f64 = (1_u64 << 40) as f64;

    /// The uniform prior, Beta(1, 1): every rate is as likely as any other.
    pub const UNIFORM: Beta = Beta { alpha: 1.0, beta: 1.0 };

    /// The prior of Jeffreys, Beta(½, ½): invariant under a change of variable (Jeffreys 1946, "An invariant form for the
    /// prior probability in estimation problems").
    pub const JEFFREYS: Beta = Beta { alpha: 0.5, beta: 0.5 };

    /// The Beta distribution with these shapes.
    ///
    /// # Errors
    ///
    /// [`BetaError`] if a shape is not a number in [[`Beta::MIN_SHAPE`], [`Beta::MAX_SHAPE`]].
    ///
    /// ```
    /// use tactful::belief::{Beta, BetaError};
    ///
    /// assert_eq!(Beta::new(1.0, 1.0), Ok(Beta::UNIFORM));
    /// assert_eq!(Beta::new(1.0, -2.0), Err(BetaError::Beta(-2.0)));
    /// assert!(Beta::new(f64::NAN, 1.0).is_err());
    /// ```
    pub fn new(alpha: f64, beta: f64) -> Result<Beta, BetaError> {
        if !admissible(alpha) {
            return Err(BetaError::Alpha(alpha));
        }
        if !admissible(beta) {
            return Err(BetaError::Beta(beta));
        }
        Ok(Beta { alpha, beta })
    }

    /// The first shape, α: prior successes and successes.
    #[must_use]
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// The second shape, β: prior failures and failures.
    #[must_use]
    pub fn beta(&self) -> f64 {
        self.beta
    }

    /// The mean, α / (α + β).
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.alpha / (self.alpha + self.beta)
    }

    /// The variance, αβ / ((α + β)² (α + β + 1)).
    #[must_use]
    pub fn variance(&self) -> f64 {
        let n = self.alpha + self.beta;
        (self.alpha / n) * (self.beta / n) / (n + 1.0)
    }

    /// The posterior after `successes` and `failures` (finite, not negative, perhaps weighted and so not whole).
    ///
    /// A shape that would pass [`Beta::MAX_SHAPE`] saturates there, and the other shrinks with it (not below
    /// [`Beta::MIN_SHAPE`]): the mean stays, the posterior gets no narrower.
    ///
    /// # Panics
    ///
    /// In builds with debug assertions, if an argument is negative, infinite or not a number.
    #[must_use]
    pub fn updated(self, successes: f64, failures: f64) -> Beta {
        debug_assert!(
            successes >= 0.0 && successes.is_finite(),
            "successes are {successes}, not finite and >= 0"
        );
        debug_assert!(
            failures >= 0.0 && failures.is_finite(),
            "failures are {failures}, not finite and >= 0"
        );
        let (alpha, beta) = (self.alpha + successes, self.beta + failures);
        let largest = if alpha > beta { alpha } else { beta };
        if largest <= Beta::MAX_SHAPE {
            return Beta { alpha, beta };
        }
        let scale = Beta::MAX_SHAPE / largest;
        Beta {
            alpha: (alpha * scale).clamp(Beta::MIN_SHAPE, Beta::MAX_SHAPE),
            beta: (beta * scale).clamp(Beta::MIN_SHAPE, Beta::MAX_SHAPE),
        }
    }

    /// The posterior after what was counted of an arm: one trial per outcome, the scaled rewards as successes.
    #[must_use]
    pub fn after(self, statistics: ArmStatistics) -> Beta {
        let successes = statistics.sum();
        self.updated(successes, statistics.returned() as f64 - successes)
    }
}

/// The comparison is written so that NaN fails it.
fn admissible(shape: f64) -> bool {
    (Beta::MIN_SHAPE..=Beta::MAX_SHAPE).contains(&shape)
}

impl Default for Beta {
    /// [`Beta::UNIFORM`].
    fn default() -> Beta {
        Beta::UNIFORM
    }
}

impl fmt::Display for BetaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, shape) = match self {
            BetaError::Alpha(shape) => ("alpha", shape),
            BetaError::Beta(shape) => ("beta", shape),
        };
        write!(f, "{name} is {shape}, not a number from {} to {}", Beta::MIN_SHAPE, Beta::MAX_SHAPE)
    }
}

impl Error for BetaError {}

/// What a [`Beta`] looks like when stored: read back, it is checked again.
#[derive(Serialize, Deserialize)]
struct Shapes {
    alpha: f64,
    beta: f64,
}

impl From<Beta> for Shapes {
    fn from(beta: Beta) -> Shapes {
        Shapes { alpha: beta.alpha, beta: beta.beta }
    }
}

impl TryFrom<Shapes> for Beta {
    type Error = BetaError;

    fn try_from(shapes: Shapes) -> Result<Beta, BetaError> {
        Beta::new(shapes.alpha, shapes.beta)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_by_hand() {
        let posterior = Beta::UNIFORM.updated(1.0, 2.0);
        assert!((posterior.mean() - 0.4).abs() < 1e-16);
        assert!((posterior.variance() - 0.04).abs() < 1e-16);
        assert!((Beta::UNIFORM.variance() - 1.0 / 12.0).abs() < 1e-16);
        assert!((Beta::JEFFREYS.variance() - 0.125).abs() < 1e-16);
    }

    #[test]
    fn shapes_out_of_range_are_refused_and_named() {
        for shape in [0.0, -1.0, 0.049, f64::NAN, f64::INFINITY, Beta::MAX_SHAPE * 1.01] {
            assert!(Beta::new(shape, 1.0).is_err());
            assert!(Beta::new(1.0, shape).is_err());
        }
        assert!(Beta::new(Beta::MIN_SHAPE, Beta::MAX_SHAPE).is_ok());
        let message = Beta::new(1.0, f64::NAN).map_err(|error| error.to_string());
        assert_eq!(message, Err("beta is NaN, not a number from 0.05 to 1099511627776".to_owned()));
    }

    #[test]
    fn saturation_keeps_the_mean() {
        let posterior = Beta::UNIFORM.updated(1e13, 3e13);
        assert!((posterior.mean() - 0.25).abs() < 1e-12);
        assert!(posterior.beta() <= Beta::MAX_SHAPE);
        let posterior = Beta::UNIFORM.updated(0.0, 1e19);
        assert!(Beta::new(posterior.alpha(), posterior.beta()).is_ok());
    }
}
