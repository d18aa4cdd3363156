//! The Gaussian: what is believed of a mean of which many small things are known.

use std::f64::consts::{SQRT_2, TAU};

use super::Marginal;

/// A normal distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gaussian {
    mean: f64,
    deviation: f64,
}

impl Gaussian {
    /// The least standard deviation: below it a law is as good as a point, which is no density.
    pub const LEAST_DEVIATION: f64 = 1e-12;

    /// The distribution with this mean and standard deviation, at least [`LEAST_DEVIATION`](Gaussian::LEAST_DEVIATION).
    pub(super) fn of(mean: f64, deviation: f64) -> Self {
        Self { mean, deviation: deviation.max(Self::LEAST_DEVIATION) }
    }

    /// The mean.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// The standard deviation.
    #[must_use]
    pub fn deviation(&self) -> f64 {
        self.deviation
    }

    fn deviate(&self, x: f64) -> f64 {
        (x - self.mean) / self.deviation
    }
}

impl Marginal for Gaussian {
    const POSITIVE: bool = false;

    fn density(&self, x: f64) -> f64 {
        let z = self.deviate(x);
        libm::exp(-0.5 * z * z) / (self.deviation * TAU.sqrt())
    }

    fn cdf(&self, x: f64) -> f64 {
        0.5 * libm::erfc(-self.deviate(x) / SQRT_2)
    }

    fn survival(&self, x: f64) -> f64 {
        0.5 * libm::erfc(self.deviate(x) / SQRT_2)
    }

    fn bulk(&self) -> (f64, f64) {
        (self.mean - 3.0 * self.deviation, self.mean + 3.0 * self.deviation)
    }
}

#[cfg(test)]
mod tests {
    use super::super::best::probability_best_of;
    use super::*;

    /// Of two the difference is Gaussian: P(X > Y) = Φ((μ − ν) / √(σ² + τ²)).
    #[test]
    fn the_better_of_two_by_the_closed_form() {
        let pair = [Gaussian::of(0.3, 0.3), Gaussian::of(-0.2, 0.4)];
        let wanted = Gaussian::of(0.0, 1.0).cdf(1.0);
        assert!((wanted - 0.841_344_746_068_543).abs() < 1e-14);
        assert!((probability_best_of(&pair)[0] - wanted).abs() < 1e-7);
    }

    #[test]
    fn quantiles_of_the_table() {
        let found = Gaussian::of(10.0, 2.0).quantile(0.975);
        assert!((found - (10.0 + 2.0 * 1.959_963_984_540_054)).abs() < 1e-9, "{found}");
    }
}
