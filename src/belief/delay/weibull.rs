//! The parametric law of the delay: Weibull, with the exponential as its shape 1.

use super::law::DelayLaw;
use super::{DelayCounts, DelayError};

/// The time T from a decision to its conversion, P(T ≤ t) = 1 − exp(−(t/λ)ᵃ), in buckets.
///
/// Shape a = 1 is the exponential with mean λ; below 1 the first answers are quick and the last very slow.
///
/// The delay δ is a difference of buckets, so it also depends on where in its bucket the decision fell. With decisions
/// spread evenly over it, P(δ ≤ k) is the mean of P(T ≤ k + u) over u in [0, 1], here by the five-point Gauss rule:
/// always a law, that of decisions at five moments of the bucket. For scales from half a bucket it is within 10⁻⁶ of
/// the integral where the shape is 1, and within 1.2·10⁻³ for shapes up to 4.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeibullDelay {
    scale: f64,
    shape: f64,
}

impl WeibullDelay {
    /// The smallest scale, ⅛ bucket: below, buckets are too wide to tell.
    pub const MIN_SCALE: f64 = 0.125;
    /// The largest scale, 2²⁰ buckets.
    pub const MAX_SCALE: f64 = (1 << 20) as f64;
    /// The smallest shape, ⅛.
    pub const MIN_SHAPE: f64 = 0.125;
    /// The largest shape, 8.
    pub const MAX_SHAPE: f64 = 8.0;

    /// The law with this scale λ, in buckets, and shape a.
    ///
    /// # Errors
    ///
    /// [`DelayError::Scale`] or [`DelayError::Shape`] for a number out of range.
    pub fn new(scale: f64, shape: f64) -> Result<Self, DelayError> {
        if !(Self::MIN_SCALE..=Self::MAX_SCALE).contains(&scale) {
            return Err(DelayError::Scale { scale });
        }
        if !(Self::MIN_SHAPE..=Self::MAX_SHAPE).contains(&shape) {
            return Err(DelayError::Shape { shape });
        }
        Ok(Self { scale, shape })
    }

    /// The exponential law with this mean, in buckets.
    ///
    /// # Errors
    ///
    /// [`DelayError::Scale`] for a mean out of the range of scales.
    pub fn exponential(mean: f64) -> Result<Self, DelayError> {
        Self::new(mean, 1.0)
    }

    /// The law with the nearest admissible numbers.
    pub(super) fn clamped(scale: f64, shape: f64) -> Self {
        Self {
            scale: scale.clamp(Self::MIN_SCALE, Self::MAX_SCALE),
            shape: shape.clamp(Self::MIN_SHAPE, Self::MAX_SHAPE),
        }
    }

    /// λ, in buckets.
    #[must_use]
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// a; 1 is the exponential.
    #[must_use]
    pub fn shape(&self) -> f64 {
        self.shape
    }

    /// The mean λ Γ(1 + 1/a), in buckets; of all conversions, those after the window included.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.scale * libm::tgamma(1.0 + 1.0 / self.shape)
    }

    /// P(T ≤ age) for a decision of this age in buckets, window or not. An age below 0 or not a number gives 0.
    #[must_use]
    pub fn cdf(&self, age: f64) -> f64 {
        if !(age > 0.0) {
            return 0.0;
        }
        -libm::expm1(-libm::pow(age / self.scale, self.shape))
    }

    /// The time by which a share of the conversions has come, in buckets; `None` unless the share is in [0, 1).
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        (0.0..1.0).contains(&share).then(|| self.scale * libm::pow(-libm::log1p(-share), 1.0 / self.shape))
    }

    /// The law of the delay of cohorts, given that it is within a window of so many buckets.
    ///
    /// # Errors
    ///
    /// [`DelayError::Window`] unless the window is 1 to [`DelayCounts::MAX_WINDOW`].
    pub fn law(&self, window: u32) -> Result<DelayLaw, DelayError> {
        if !(1..=DelayCounts::MAX_WINDOW).contains(&window) {
            return Err(DelayError::Window { window });
        }
        Ok(self.tabulated(window))
    }

    /// The same for a window that has been checked.
    pub(super) fn tabulated(&self, window: u32) -> DelayLaw {
        let arrived = |k: u32| {
            MOMENTS.iter().map(|&(place, weight)| weight * self.cdf(f64::from(k) + place)).sum::<f64>()
        };
        // Above zero: (MOMENTS[0] / MAX_SCALE) ^ MAX_SHAPE is no less than 10⁻⁶⁰.
        let within = arrived(window - 1);
        DelayLaw::from_steps((0..window).map(|k| arrived(k) / within).collect())
    }
}

/// Moments of a bucket that decisions are thought to fall at, as time from there to the end of the bucket, and their
/// weights: the five-point Gauss–Legendre rule on [0, 1].
pub(super) const MOMENTS: [(f64, f64); 5] = [
    (0.046_910_077_030_668_02, 0.118_463_442_528_094_54),
    (0.230_765_344_947_158_46, 0.239_314_335_249_683_23),
    (0.5, 0.284_444_444_444_444_44),
    (0.769_234_655_052_841_6, 0.239_314_335_249_683_23),
    (0.953_089_922_969_332, 0.118_463_442_528_094_54),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_by_hand() {
        let delay = WeibullDelay::exponential(5.0).unwrap();
        for (age, share) in
            [(0.5, 0.095_162_582), (2.0, 0.329_679_954), (10.0, 0.864_664_717), (30.0, 0.997_521_248)]
        {
            assert!((delay.cdf(age) - share).abs() < 1e-9);
        }
        assert!((delay.mean() - 5.0).abs() < 1e-12);
        assert!((delay.quantile(0.5).unwrap() - 5.0 * std::f64::consts::LN_2).abs() < 1e-12);
        assert_eq!(delay.quantile(1.0), None);
    }

    #[test]
    fn decisions_spread_over_their_bucket() {
        // P(δ > k) = ∫ exp(−(k + u)/λ) du = λ (1 − e^(−1/λ)) e^(−k/λ).
        for (scale, precision) in [(5.0_f64, 1e-13), (1.0, 1e-9), (0.5, 1e-6), (0.125, 1e-2)] {
            let steps = WeibullDelay::exponential(scale).unwrap().law(4000).unwrap();
            for k in 0..10 {
                let later = scale * -(-1.0 / scale).exp_m1() * (-f64::from(k) / scale).exp();
                assert!((1.0 - steps.steps()[k as usize] - later).abs() < precision, "{scale} {k}");
            }
        }
    }

    #[test]
    fn out_of_range_is_refused_and_named() {
        for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(WeibullDelay::new(wrong, 1.0), Err(DelayError::Scale { .. })));
            assert!(matches!(WeibullDelay::new(1.0, wrong), Err(DelayError::Shape { .. })));
        }
        assert_eq!(WeibullDelay::new(1.0, 1.0).unwrap().law(0), Err(DelayError::Window { window: 0 }));
    }
}
