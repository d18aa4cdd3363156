//! The boundary that a sum of bounded-below surprises crosses, ever, with a stated probability at most.

use statrs::function::gamma::checked_gamma_lr;

use crate::belief::normal_mixture;

/// A mixture of the sub-exponential martingales exp(λ s − ψ(λ) v), ψ(λ) = (−ln(1 − cλ) − cλ) / c², over λ by a gamma law:
/// Proposition 9 of S. R. Howard, A. Ramdas, J. McAuliffe, J. Sekhon (2021), *Time-uniform, Nonparametric, Nonasymptotic
/// Confidence Sequences*. For whatever has such martingales, the mixture exceeds 1/α, ever, with probability at most α.
#[derive(Clone, Copy, Debug)]
pub(super) struct ExponentialMixture {
    rho: f64,
    scale: f64,
    leading: f64,
}

impl ExponentialMixture {
    /// Tightest about the intrinsic time `v` at this one-sided error; `scale` is c, above 0.
    pub(super) fn new(v: f64, error: f64, scale: f64) -> Self {
        let rho = normal_mixture(v, 2.0 * error);
        let shape = rho / (scale * scale);
        let leading = shape * libm::log(shape) - libm::lgamma(shape) - log_lower(shape, shape);
        Self { rho, scale, leading }
    }

    /// The logarithm of the mixture at the sum s and the intrinsic time v.
    pub(super) fn logarithm(&self, s: f64, v: f64) -> f64 {
        let square = self.scale * self.scale;
        let moved = (self.scale * s + v) / square;
        let shape = (v + self.rho) / square;
        let at = moved + self.rho / square;
        if !(at > 0.0 && shape <= MOST) {
            return f64::NEG_INFINITY;
        }
        self.leading + libm::lgamma(shape) + log_lower(shape, at) - shape * libm::log(at) + moved
    }
}

/// The series below takes some square root of the shape terms: weights of 10³⁷ would keep it busy for ever. Beyond, nothing is
/// said, which is never too much.
const MOST: f64 = 1e12;

/// The logarithm of the regularised lower incomplete gamma function.
fn log_lower(shape: f64, x: f64) -> f64 {
    checked_gamma_lr(shape, x).map_or(f64::NEG_INFINITY, libm::log)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values that the authors' package, confseq, has in its tests, for v = 100, α = 0.05, c = 2.
    #[test]
    fn the_values_of_the_authors() {
        let mixture = ExponentialMixture::new(100.0, 0.05, 2.0);
        let found = mixture.logarithm(10.0, 100.0);
        assert!((found + 0.249_016_5).abs() < 1e-6, "{found}");
        let limit = 20.0_f64.ln();
        assert!(mixture.logarithm(33.02016, 100.0) < limit && mixture.logarithm(33.02018, 100.0) > limit);
    }

    #[test]
    fn of_times_beyond_all_bounds_nothing_is_said() {
        let mixture = ExponentialMixture::new(100.0, 0.025, 1.0);
        assert!(mixture.logarithm(1e37, 1e74).is_infinite() && mixture.logarithm(1e5, 1e10).is_finite());
    }

    #[test]
    fn it_rises_with_the_sum_at_every_time() {
        let mixture = ExponentialMixture::new(100.0, 0.025, 1.0);
        for v in [0.0, 1e-3, 1.0, 1e3, 1e6, 1e9] {
            let step = (v + 1.0_f64).sqrt();
            let values: Vec<f64> = (-3..12).map(|i| mixture.logarithm(f64::from(i) * step, v)).collect();
            assert!(values.windows(2).all(|pair| pair[0] <= pair[1]), "{v}: {values:?}");
            assert!(values[14] > 3.0 && values[0] < 0.5, "{v}: {values:?}");
        }
    }
}
