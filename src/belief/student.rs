//! Student's t: what is believed of a mean whose variance is not known either.

use std::f64::consts::TAU;

use super::Marginal;
use super::logarithm::log_shortfall;
use super::tail::{beta_tails, remainder};

/// A t distribution, moved and stretched: density proportional to (1 + t²/ν)^(−(ν+1)/2) with t = (x − location) / scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StudentT {
    location: f64,
    scale: f64,
    freedom: f64,
    /// ln of the density of t at 0.
    log_height: f64,
}

impl StudentT {
    /// The distribution with this location (finite), scale (positive, finite) and this number ν of degrees of freedom, at
    /// least 0.1.
    pub(super) fn new(location: f64, scale: f64, freedom: f64) -> Self {
        // Γ(z + ½) / (Γ(z) √(2πz)) at z = ν/2, by Stirling's formula: the large terms cancel on paper.
        let z = 0.5 * freedom;
        let log_height =
            -0.5 * libm::log(TAU) - z * log_shortfall(0.5 / z) + remainder(z + 0.5) - remainder(z);
        Self { location, scale, freedom, log_height }
    }

    /// The middle, and from two degrees of freedom on the mean.
    #[must_use]
    pub fn location(&self) -> f64 {
        self.location
    }

    /// The scale; the standard deviation is this times √(ν / (ν − 2)).
    #[must_use]
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// The degrees of freedom, ν.
    #[must_use]
    pub fn freedom(&self) -> f64 {
        self.freedom
    }

    fn deviate(&self, x: f64) -> f64 {
        (x - self.location) / self.scale
    }

    /// The probability beyond t on one side: ½ I_x(ν/2, ½) at x = ν / (ν + t²).
    fn tail(&self, t: f64) -> f64 {
        let ratio = t / self.freedom.sqrt();
        let square = ratio * ratio;
        if !(square > 0.0) {
            return 0.5;
        }
        if !square.is_finite() {
            return 0.0;
        }
        let point = [1.0 / (1.0 + square), square / (1.0 + square)];
        0.5 * beta_tails(0.5 * self.freedom, 0.5, point).1
    }
}

impl Marginal for StudentT {
    const POSITIVE: bool = false;

    fn density(&self, x: f64) -> f64 {
        let t = self.deviate(x);
        let fall = 0.5 * (self.freedom + 1.0) * libm::log1p(t * t / self.freedom);
        libm::exp(self.log_height - fall) / self.scale
    }

    fn cdf(&self, x: f64) -> f64 {
        let t = self.deviate(x);
        if t < 0.0 { self.tail(t) } else { 1.0 - self.tail(t) }
    }

    fn survival(&self, x: f64) -> f64 {
        let t = self.deviate(x);
        if t > 0.0 { self.tail(t) } else { 1.0 - self.tail(t) }
    }

    fn bulk(&self) -> (f64, f64) {
        (self.location - 3.0 * self.scale, self.location + 3.0 * self.scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With two degrees of freedom P(T > t) = ½ − t / (2 √(2 + t²)), and the density is (2 + t²)^(−3/2).
    #[test]
    fn two_degrees_of_freedom_by_hand() {
        let student = StudentT::new(1.0, 2.0, 2.0);
        for t in [-3.0_f64, -0.1, 0.0, 0.5, 4.0] {
            let x = 1.0 + 2.0 * t;
            let upper = 0.5 - t / (2.0 * (2.0 + t * t).sqrt());
            assert!((student.survival(x) - upper).abs() < 1e-15, "{t}: {}", student.survival(x));
            assert!((student.cdf(x) - (1.0 - upper)).abs() < 1e-15, "{t}");
            assert!((student.density(x) - (2.0 + t * t).powf(-1.5) / 2.0).abs() < 1e-15, "{t}");
        }
    }

    /// The table's 97.5 % deviates of 1, 5 and 30 degrees of freedom.
    #[test]
    fn quantiles_of_the_table() {
        for (freedom, deviate) in [(1.0, 12.706_204_736), (5.0, 2.570_581_836), (30.0, 2.042_272_456)] {
            let found = StudentT::new(0.0, 1.0, freedom).quantile(0.975);
            assert!((found - deviate).abs() < 1e-8, "{freedom}: {found}");
        }
    }
}
