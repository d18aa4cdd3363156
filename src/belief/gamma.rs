//! The posterior of a mean count: the Gamma distribution.

use std::error::Error;
use std::f64::consts::TAU;
use std::fmt;

use crate::statistics::ArmStatistics;

use super::Marginal;
use super::logarithm::log_shortfall;
use super::tail::{MOST_FOR_FRACTION, RULE, remainder};

/// The posterior of the mean λ of a count, such as payments per message, with density proportional to λᵃ⁻¹ e^(−bλ) on
/// λ > 0, a the shape and b the rate.
///
/// It is conjugate to the Poisson: a prior Gamma(a, b) and counts of sum s in n trials give Gamma(a + s, b + n). So sum and
/// number of trials are all it needs of the counters. (A. Gelman and others (2013), *Bayesian Data Analysis*, 2.6.)
///
/// ```
/// use tactful::belief::Gamma;
///
/// // Seven payments after four messages.
/// let posterior = Gamma::new(1.0, 1.0)?.updated(7.0, 4.0);
/// assert_eq!((posterior.shape(), posterior.rate(), posterior.mean()), (8.0, 5.0, 1.6));
/// # Ok::<(), tactful::belief::GammaError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gamma {
    shape: f64,
    rate: f64,
    /// ln of the density of ln λ at its mode.
    log_peak: f64,
}

/// Why two numbers are not shape and rate of a [`Gamma`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum GammaError {
    /// The shape is not a number within the admissible range.
    Shape(f64),
    /// The rate is not a number within the admissible range.
    Rate(f64),
}

impl Gamma {
    /// The smallest admissible shape, 0.05.
    pub const MIN_SHAPE: f64 = 0.05;

    /// The largest admissible shape, 2⁴⁶: 2³² counts of 2¹⁴.
    pub const MAX_SHAPE: f64 = (1_u64 << 46) as f64;

    /// The Gamma distribution with this shape in [[`Gamma::MIN_SHAPE`], [`Gamma::MAX_SHAPE`]] and this rate in [10⁻¹⁵⁰, 10¹⁵⁰].
    ///
    /// # Errors
    ///
    /// [`GammaError`] for other numbers.
    pub fn new(shape: f64, rate: f64) -> Result<Self, GammaError> {
        if !(Self::MIN_SHAPE..=Self::MAX_SHAPE).contains(&shape) {
            return Err(GammaError::Shape(shape));
        }
        if !(1e-150..=1e150).contains(&rate) {
            return Err(GammaError::Rate(rate));
        }
        Ok(Self::admissible(shape, rate))
    }

    /// The same of numbers that are admissible, or nearly so: at the limits they saturate, where the mean stays.
    pub(super) fn admissible(shape: f64, rate: f64) -> Self {
        let limited = shape.clamp(Self::MIN_SHAPE, Self::MAX_SHAPE);
        let rate = rate * (limited / shape);
        // By Stirling's formula: the large terms of ln Γ cancel on paper.
        let log_peak = 0.5 * libm::log(limited / TAU) - remainder(limited);
        Self { shape: limited, rate, log_peak }
    }

    /// The shape, a: prior counts and counts.
    #[must_use]
    pub fn shape(&self) -> f64 {
        self.shape
    }

    /// The rate, b: prior trials and trials.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// The mean, a / b.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.shape / self.rate
    }

    /// The variance, a / b².
    #[must_use]
    pub fn variance(&self) -> f64 {
        self.shape / self.rate / self.rate
    }

    /// The posterior after counts of this sum in so many trials (finite, not negative, perhaps weighted and so not whole).
    ///
    /// # Panics
    ///
    /// In builds with debug assertions, if an argument is negative, infinite or not a number.
    #[must_use]
    pub fn updated(self, sum: f64, trials: f64) -> Self {
        debug_assert!(sum >= 0.0 && sum.is_finite(), "the sum is {sum}, not finite and >= 0");
        debug_assert!(trials >= 0.0 && trials.is_finite(), "trials are {trials}, not finite and >= 0");
        Self::admissible(self.shape + sum, self.rate + trials)
    }

    /// The posterior after what was counted of an arm whose rewards are counts from 0 to `most`.
    #[must_use]
    pub fn after(self, statistics: ArmStatistics, most: f64) -> Self {
        self.updated(most * statistics.sum(), statistics.returned() as f64)
    }

    /// The density of ln λ, which is log-concave: with u = bλ/a − 1, ln g falls from its peak by a (u − ln(1 + u)).
    pub(super) fn density_of_logarithm(&self, x: f64) -> f64 {
        let scaled = self.rate * x;
        if !(scaled > 0.0 && scaled.is_finite()) {
            return 0.0;
        }
        let u = scaled / self.shape - 1.0;
        // Next to 0 the digits are in λ.
        let shortfall = if u < -0.2 { u - libm::log(scaled / self.shape) } else { log_shortfall(u) };
        libm::exp(self.log_peak - self.shape * shortfall)
    }

    /// Both tails, (upper, lower), at λ > 0. The smaller one is to full relative precision.
    ///
    /// Left of about the mean the series of the lower tail, right of it the continued fraction of the upper (M. Abramowitz,
    /// I. A. Stegun (1964), 6.5.29 and 6.5.31), which take some √a terms; for large shapes one Gauss-Legendre rule.
    fn tails(&self, x: f64) -> (f64, f64) {
        if !(x > 0.0) {
            return (1.0, 0.0);
        }
        let (a, z) = (self.shape, self.rate * x);
        if !z.is_finite() {
            return (0.0, 1.0);
        }
        let g = self.density_of_logarithm(x);
        let left = z < a + 1.0;
        let tail = match (left, a > MOST_FOR_FRACTION) {
            (_, true) => self.by_rule(x),
            (true, false) => g * series(a, z),
            (false, false) => g * fraction(a, z),
        };
        let tail = tail.clamp(0.0, 1.0);
        if left { (1.0 - tail, tail) } else { (tail, 1.0 - tail) }
    }

    /// The tail away from the mode by quadrature: a step s from z, g falls like exp(−|z − a| s − z s²/2).
    fn by_rule(&self, x: f64) -> f64 {
        let (a, z) = (self.shape, self.rate * x);
        let (fall, side) = ((z - a).abs(), if z < a + 1.0 { -1.0 } else { 1.0 });
        // Where it has fallen by some e⁻⁴⁰.
        let length = 80.0 / (fall + (fall * fall + 80.0 * z).sqrt());
        let half = 0.5 * length;
        let value = |place: f64| self.density_of_logarithm(x * libm::exp(side * half * (1.0 + place)));
        half * RULE.iter().map(|&(place, weight)| weight * (value(place) + value(-place))).sum::<f64>()
    }
}

/// Terms after which series and fraction are taken as they are; some hundreds are the most needed.
const MOST_TERMS: u32 = 10_000;

/// Σ zⁿ / (a (a + 1) … (a + n)).
fn series(a: f64, z: f64) -> f64 {
    let mut term = 1.0 / a;
    let mut sum = term;
    for n in 1..MOST_TERMS {
        term *= z / (a + f64::from(n));
        sum += term;
        if !(term > 1e-17 * sum) {
            break;
        }
    }
    sum
}

/// 1 / (z + 1 − a − (1 (1 − a)) / (z + 3 − a − (2 (2 − a)) / …)), by the method of Lentz (1976).
fn fraction(a: f64, z: f64) -> f64 {
    let mut b = z + 1.0 - a;
    let mut c = f64::INFINITY;
    let mut d = 1.0 / b;
    let mut value = d;
    for n in 1..MOST_TERMS {
        let n = f64::from(n);
        let numerator = -n * (n - a);
        b += 2.0;
        d = 1.0 / (numerator * d + b);
        c = b + numerator / c;
        let factor = c * d;
        value *= factor;
        if !((factor - 1.0).abs() > 1e-15) {
            break;
        }
    }
    value
}

impl Marginal for Gamma {
    const POSITIVE: bool = true;

    fn density(&self, x: f64) -> f64 {
        if x > 0.0 { self.density_of_logarithm(x) / x } else { 0.0 }
    }

    fn cdf(&self, x: f64) -> f64 {
        self.tails(x).1
    }

    fn survival(&self, x: f64) -> f64 {
        self.tails(x).0
    }

    fn bulk(&self) -> (f64, f64) {
        let width = libm::exp(3.0 / self.shape.sqrt());
        (self.mean() / width, self.mean() * width)
    }
}

impl fmt::Display for GammaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape(shape) => {
                write!(f, "shape is {shape}, not a number from {} to {}", Gamma::MIN_SHAPE, Gamma::MAX_SHAPE)
            }
            Self::Rate(rate) => write!(f, "rate is {rate}, not a number from 1e-150 to 1e150"),
        }
    }
}

impl Error for GammaError {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of Gamma(2, 1), P(λ > x) = (1 + x) e⁻ˣ.
    #[test]
    fn tails_by_hand() {
        let gamma = Gamma::new(2.0, 1.0).expect("admissible");
        for x in [0.01_f64, 1.0, 2.9, 3.1, 20.0, 200.0] {
            let upper = (1.0 + x) * (-x).exp();
            assert!((gamma.survival(x) / upper - 1.0).abs() < 1e-13, "{x}: {}", gamma.survival(x));
            assert!((gamma.cdf(x) + upper - 1.0).abs() < 1e-15, "{x}");
        }
        assert!((gamma.density(1.0) - (-1.0_f64).exp()).abs() < 1e-15);
    }

    #[test]
    fn what_is_no_gamma_is_refused_and_named() {
        assert_eq!(Gamma::new(0.0, 1.0), Err(GammaError::Shape(0.0)));
        assert_eq!(Gamma::new(1.0, -2.0), Err(GammaError::Rate(-2.0)));
        assert!(Gamma::new(f64::NAN, 1.0).is_err() && Gamma::new(1.0, f64::NAN).is_err());
    }
}
