//! The Kullback-Leibler divergence of a family of laws, and the largest mean within a divergence.

use crate::belief::log_shortfall;

use super::ParameterError;
use super::parameter::positive;

/// The law that rewards are taken to follow, as a one-parameter exponential family with divergence kl(p, q) between the laws
/// of means p and q. Means are scaled to [0, 1] like the rewards.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Family {
    /// 0 or 1: p ln(p/q) + (1 − p) ln((1 − p)/(1 − q)). The divergence also serves rewards that lie anywhere in [0, 1], whose
    /// deviations are no larger (Garivier and Cappé 2011, lemma 9).
    #[default]
    Bernoulli,
    /// Of known standard deviation σ, at the scale of [0, 1]: (p − q)² / (2σ²). With σ = ½ it serves any rewards in [0, 1]
    /// (W. Hoeffding 1963), with less use of what they say.
    Gaussian {
        /// σ > 0.
        deviation: f64,
    },
    /// Counts, of which `most` is scaled to 1: most · (q − p + p ln(p/q)).
    Poisson {
        /// The count scaled to 1, positive.
        most: f64,
    },
}

/// Steps after which the result is taken as it is.
const MOST_STEPS: usize = 40;

/// A step that, relative to the distance covered, leaves an error below 10⁻¹³ behind: convergence is cubic.
const LAST_STEP: f64 = 1e-4;

impl Family {
    /// The family with its parameters checked.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] for a parameter that is not a positive number.
    pub fn checked(self) -> Result<Self, ParameterError> {
        match self {
            Self::Bernoulli => {}
            Self::Gaussian { deviation } => _ = positive("deviation", deviation)?,
            Self::Poisson { most } => _ = positive("most", most)?,
        }
        Ok(self)
    }

    /// kl(p, q) of the laws with these means: the larger, the easier they are told apart. For p and q in [0, 1], p ≤ q.
    #[must_use]
    pub fn divergence(self, p: f64, q: f64) -> f64 {
        if !(q > p) {
            return 0.0;
        }
        match self {
            Self::Bernoulli if q >= 1.0 => f64::INFINITY,
            Self::Bernoulli => bernoulli(p, q),
            Self::Gaussian { deviation } => ((q - p) / deviation).powi(2) / 2.0,
            Self::Poisson { most } => most * poisson(p, q),
        }
    }

    /// The largest mean q with kl(p, q) ≤ d, for p in [0, 1] and d ≥ 0: an upper confidence bound of the mean. Exact to 10⁻¹²
    /// (relative to the larger of 1 and the result).
    ///
    /// ```
    /// use tactful::policy::Family;
    ///
    /// let bound = Family::Bernoulli.upper_bound(0.05, 1_000_f64.ln() / 100.0);
    /// assert!((bound - 0.172_320_529).abs() < 1e-9);
    /// ```
    #[must_use]
    pub fn upper_bound(self, p: f64, d: f64) -> f64 {
        if !(d > 0.0) {
            return p;
        }
        match self {
            Self::Bernoulli => bernoulli_bound(p, d),
            Self::Gaussian { deviation } => p + deviation * (2.0 * d).sqrt(),
            Self::Poisson { most } => poisson_bound(p, d / most),
        }
    }
}

/// For p < q < 1. As p (q − p)/p and (1 − p) (q − p)/(1 − p) cancel, so they are left out of the logarithms.
fn bernoulli(p: f64, q: f64) -> f64 {
    poisson(p, q) + (1.0 - p) * log_shortfall((p - q) / (1.0 - p))
}

/// For p < q.
fn poisson(p: f64, q: f64) -> f64 {
    if p > 0.0 { p * log_shortfall((q - p) / p) } else { q }
}

fn bernoulli_bound(p: f64, d: f64) -> f64 {
    if p <= 0.0 {
        return -libm::expm1(-d);
    }
    if p >= 1.0 {
        return 1.0;
    }
    // The first three terms of the expansion in √d, where it is one.
    let (v, asymmetry) = (p * (1.0 - p), 1.0 - 2.0 * p);
    let first = (2.0 * v * d).sqrt();
    let third = if d < v { d * (asymmetry * asymmetry / (18.0 * v) - 0.5) } else { 0.0 };
    let start = p + first * (1.0 + third) + (2.0 / 3.0) * asymmetry * d;
    let middle = 0.5 * (1.0 - p);
    if first < middle && start < p + middle {
        return by_root(p, start, 1.0, d, |q| {
            let (by_x, by_q) = (1.0 / q, 1.0 / (1.0 - q));
            let way = q - p;
            (bernoulli(p, q), way * by_x * by_q, 1.0 / way - by_x + by_q)
        });
    }
    // Near one the divergence is all but linear in w = −ln(1 − q), and convex: after the first step, Newton's method comes
    // down from above and cannot miss. The start leaves out ln q, and so is above.
    let entropy = -p * libm::log(p) - (1.0 - p) * libm::log1p(-p);
    let mut w = (d + entropy) / (1.0 - p);
    for _ in 0..MOST_STEPS {
        let rest = libm::exp(-w);
        let q = 1.0 - rest;
        let excess = (1.0 - p) * w - p * libm::log1p(-rest) - entropy - d;
        let step = excess / (1.0 - p / q);
        w -= step;
        if step.abs() * rest <= 1e-7 * (q - p) {
            break;
        }
    }
    -libm::expm1(-w)
}

fn poisson_bound(p: f64, d: f64) -> f64 {
    if p <= 0.0 {
        return d;
    }
    let third = if d < p { d / (18.0 * p) } else { 0.0 };
    let start = p + (2.0 * p * d).sqrt() * (1.0 + third) + (2.0 / 3.0) * d;
    by_root(p, start, f64::INFINITY, d, |q| {
        let (by_x, way) = (1.0 / q, q - p);
        (poisson(p, q), way * by_x, 1.0 / way - by_x)
    })
}

/// The q in (p, most) whose divergence is d: Halley's method on the root of the divergence, which is all but a straight line.
/// `divergence` gives it, its slope, and the slope of the logarithm of its slope.
fn by_root(p: f64, start: f64, most: f64, d: f64, divergence: impl Fn(f64) -> (f64, f64, f64)) -> f64 {
    let root = d.sqrt();
    if !(start > p) {
        // The bound is closer than numbers are spaced.
        return p;
    }
    let (mut low, mut high, mut q) = (p, most, start);
    for _ in 0..MOST_STEPS {
        let (value, slope, bend) = divergence(q);
        let height = value.sqrt();
        if height > root {
            high = q
        } else {
            low = q
        }
        let newton = 2.0 * height * (height - root) / slope;
        let next = q - newton / (1.0 - 0.5 * newton * (bend - 0.5 * slope / value));
        let next = if next >= low && next <= high {
            next
        } else if high.is_finite() {
            0.5 * (low + high)
        } else {
            2.0 * q
        };
        let step = (next - q).abs();
        q = next;
        if !(step > LAST_STEP * (q - p)) {
            break;
        }
    }
    q
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At p = 0 the bound is 1 − e^(−d) and d; everywhere the divergence of the bound is what was given.
    #[test]
    fn bounds_and_divergences_are_inverse() {
        let mut worst: f64 = 0.0;
        for exponent in (-30..=6).chain([-300, -100, -60, -40]) {
            let d = libm::exp2(f64::from(exponent)) * 1.1;
            for p in [0.0, 1e-12, 1e-9, 1e-4, 0.01, 0.05, 0.3, 0.5, 0.7, 0.9, 0.99, 0.999_999, 1.0 - 1e-12] {
                for family in
                    [Family::Bernoulli, Family::Gaussian { deviation: 0.5 }, Family::Poisson { most: 1.0 }]
                {
                    let q = family.upper_bound(p, d);
                    // By bisection, slowly.
                    let (mut low, mut high) =
                        (p, if family == Family::Bernoulli { 1.0 } else { p + 40.0 + 3.0 * d });
                    for _ in 0..200 {
                        let middle = 0.5 * (low + high);
                        if family.divergence(p, middle) > d { high = middle } else { low = middle }
                    }
                    let error = (q - low).abs() / q.max(1.0);
                    worst = worst.max(error);
                    assert!(error < 1e-12, "{family:?} p {p}, d {d}: {q}, not {low}");
                }
            }
        }
        println!("largest error {worst}");
        assert!((Family::Bernoulli.upper_bound(0.0, 0.3) + libm::expm1(-0.3)).abs() < 1e-15);
        assert!((Family::Bernoulli.upper_bound(1.0, 0.3) - 1.0).abs() < 1e-300);
        assert!((Family::Bernoulli.upper_bound(0.3, 0.0) - 0.3).abs() < 1e-300);
    }

    #[test]
    fn parameters_are_checked() {
        assert!(Family::Gaussian { deviation: 0.0 }.checked().is_err());
        assert!(Family::Poisson { most: f64::NAN }.checked().is_err());
        assert_eq!(Family::Bernoulli.checked(), Ok(Family::Bernoulli));
    }
}
