//! The logarithm of a posterior's density in the logit, without cancellation at any count.
//!
//! With y = ln(x / q), the density of Beta(a, b) in y is g(y) = xᵃ qᵇ / B(a, b): log-concave for all a, b > 0, with its
//! mode at the posterior mean m = a / n. There, by Stirling's series, the large terms cancel on paper:
//! ln g(mode) = ½ ln(ab / 2πn) + J(n) − J(a) − J(b), where J is the remainder of Stirling's formula.

use std::f64::consts::TAU;

use super::elementary::{ln, ln_ratio};
use super::point::Point;

/// ln Γ(z) = (z − ½) ln z − z + ½ ln 2π + J(z): J(z) for z ≥ 1 to 3·10⁻¹², and for less [`below_one`] is to be added.
///
/// z J(z) as a polynomial in 1 / (z² + 0.7), interpolated at Chebyshev nodes; 0.7 is where degree 9 does best.
#[inline(always)]
fn remainder(z: f64) -> f64 {
    let z = if z < 1.0 { z + 1.0 } else { z };
    let square = z * z + 0.7;
    let inverse = 1.0 / (z * square);
    let w = z * inverse;
    let mut p = -5.280_113_030_703_129e-4;
    p = p * w + 9.860_737_507_542_93e-4;
    p = p * w - 1.236_692_246_825_467_4e-3;
    p = p * w + 6.349_114_722_167_501e-4;
    p = p * w - 6.831_848_016_951_278e-4;
    p = p * w - 2.138_742_303_103_117_5e-4;
    p = p * w - 8.440_113_390_061_836e-4;
    p = p * w - 1.150_837_431_576_437e-3;
    p = p * w - 2.777_777_104_023_421_3e-3;
    p = p * w + 8.333_333_333_141_266e-2;
    p * (square * inverse)
}

/// What [`remainder`] lacks below one, where it gives J(z + 1): J(z) − J(z + 1) = (z + ½) ln(1 + 1/z) − 1.
fn below_one(z: f64) -> f64 {
    if z < 1.0 { (z + 0.5) * ln((1.0 + z) / z) - 1.0 } else { 0.0 }
}

/// The log-density of Beta(a, b) at its mode in the logit, for a and b of at least one.
#[inline(always)]
pub(super) fn peak(a: f64, b: f64) -> f64 {
    let n = a + b;
    0.5 * ln(a * (b / n) * (1.0 / TAU)) + (remainder(n) - remainder(a) - remainder(b))
}

/// What [`peak`] lacks if one of its arguments is below one.
pub(super) fn peak_correction(a: f64, b: f64) -> f64 {
    below_one(a + b) - below_one(a) - below_one(b)
}

/// The fall of the log-density of Beta(a, b) from its mode to this point: −n times the Kullback-Leibler divergence of
/// the point from the mean.
#[inline(always)]
pub(super) fn descent(a: f64, b: f64, point: Point) -> f64 {
    let n = a + b;
    let inverse = 1.0 / n;
    let (m, complement) = (a * inverse, b * inverse);
    let difference = if point.q < 0.5 { complement - point.q } else { point.x - m };
    a * ln_ratio(point.x, n / a, difference) + b * ln_ratio(point.q, n / b, -difference)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole_remainder(z: f64) -> f64 {
        remainder(z) + below_one(z)
    }

    #[test]
    fn remainder_against_values_of_forty_digits() {
        for (z, expected) in [
            (0.05, 0.751_861_144_747_762_1),
            (0.5, 0.153_426_409_720_027_36),
            (1.0, 0.081_061_466_795_327_26),
            (2.0, 0.041_340_695_955_409_3),
            (7.5, 0.011_104_559_758_206_917),
            (200.0, 0.000_416_666_319_446_925),
        ] {
            assert!((whole_remainder(z) - expected).abs() < 3e-12, "J({z})");
        }
    }

    /// Beta(1, 1): g = x q, at ½ a quarter. Beta(2, 1): g = 2 x² q, at ⅔ 8/27. Beta(½, ½): g = √(x q) / π.
    #[test]
    fn densities_by_hand() {
        for (a, b, x, expected) in [
            (1.0, 1.0, 0.5, 0.25),
            (2.0, 1.0, 2.0 / 3.0, 8.0 / 27.0),
            (2.0, 1.0, 0.9, 0.162),
            (0.5, 0.5, 0.9, 0.3 / std::f64::consts::PI),
            (1.0, 2.0, 1e-6, 2e-6 * 0.999_999_f64 * 0.999_999),
        ] {
            let point = Point { x, q: 1.0 - x };
            let log = peak(a, b) + peak_correction(a, b) + descent(a, b, point);
            assert!((libm::exp(log) / expected - 1.0).abs() < 1e-11, "Beta({a}, {b}) at {x}");
        }
    }
}
