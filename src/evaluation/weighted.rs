//! Sums over weighted values, from which a mean, its spread and the measures of trust come; two of them merge.

/// Sums over values with weights ≥ 0, of which neither small propensities nor large amounts make anything overflow
/// that is finite in the end.
///
/// Weights are kept over a power of two near the largest, so that nothing is rounded by that. The squared distances
/// are merged by the formula for two groups of T. F. Chan, G. H. Golub, R. J. LeVeque (1979), *Updating Formulae and
/// a Pairwise Algorithm for Computing Sample Variances*, here with the squares of the weights as the groups' sizes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Weighted {
    /// Values with a weight above 0.
    pub(super) used: usize,
    /// The largest weight.
    pub(super) largest: f64,
    /// The binade of the largest weight; the weights w below are over it.
    scale: f64,
    /// Σ w, Σ w x, Σ w², Σ w² x.
    sum: f64,
    values: f64,
    squares: f64,
    squares_values: f64,
    /// Σ w² (x − c)², c = Σ w² x / Σ w².
    spread: f64,
}

impl Weighted {
    pub(super) fn add(&mut self, weight: f64, value: f64) {
        if weight > 0.0 {
            let scale = binade(weight);
            let relative = weight / scale;
            let square = relative * relative;
            self.merge(&Self {
                used: 1,
                largest: weight,
                scale,
                sum: relative,
                values: relative * value,
                squares: square,
                squares_values: square * value,
                spread: 0.0,
            });
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        if self.used == 0 || other.used == 0 {
            if other.used > 0 {
                *self = *other;
            }
            return;
        }
        let scale = self.scale.max(other.scale);
        let (a, b) = (self.scale / scale, other.scale / scale);
        let (squares, others) = (self.squares * a * a, other.squares * b * b);
        let distance = other.squares_values / other.squares - self.squares_values / self.squares;
        self.spread = self.spread * a * a
            + other.spread * b * b
            + distance * distance * squares * (others / (squares + others));
        self.used += other.used;
        self.largest = self.largest.max(other.largest);
        self.scale = scale;
        self.sum = self.sum * a + other.sum * b;
        self.values = self.values * a + other.values * b;
        self.squares = squares + others;
        self.squares_values = self.squares_values * a * a + other.squares_values * b * b;
    }

    /// Σ w x / Σ w; NaN without values.
    pub(super) fn mean(&self) -> f64 {
        self.values / self.sum
    }

    /// √(Σ w² (x − m)²) / Σ w about the mean m.
    pub(super) fn deviation(&self) -> f64 {
        let distance = self.mean() - self.squares_values / self.squares;
        (self.spread + self.squares * distance * distance).sqrt() / self.sum
    }

    /// (Σ w)² / Σ w²; 0 without values.
    pub(super) fn effective_sample_size(&self) -> f64 {
        if self.used == 0 { 0.0 } else { self.sum * self.sum / self.squares }
    }
}

/// The power of two at or below a number above 0, infinite for an infinite one: dividing by it rounds nothing, and
/// what is divided ends up from 1 to 2 (less for a subnormal number, which has the least of them).
pub(super) fn binade(number: f64) -> f64 {
    /// The bits of the exponent.
    const EXPONENT: u64 = 0x7ff << 52;
    f64::from_bits(number.to_bits() & EXPONENT).max(f64::MIN_POSITIVE)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "powers of two and small integers are exact")]
mod tests {
    use super::*;

    fn of(pairs: &[(f64, f64)]) -> Weighted {
        let mut sums = Weighted::default();
        pairs.iter().for_each(|&(weight, value)| sums.add(weight, value));
        sums
    }

    /// Weights 1, 2, 5 of 3, 0, 1: Σ w = 8, Σ w x = 8, Σ w² = 30, Σ w² (x − 1)² = 4 + 4 + 0 = 8.
    #[test]
    fn mean_deviation_and_trust_by_hand_however_the_pairs_are_grouped() {
        let pairs = [(1.0, 3.0), (2.0, 0.0), (0.0, 99.0), (5.0, 1.0)];
        for split in 0..=pairs.len() {
            for weight_scale in [1.0, 1e-307, 1e307] {
                let scaled = pairs.map(|(weight, value)| (weight * weight_scale, value));
                let mut sums = of(&scaled[..split]);
                sums.merge(&of(&scaled[split..]));
                assert_eq!((sums.used, sums.largest), (3, 5.0 * weight_scale));
                assert!((sums.mean() - 1.0).abs() < 1e-15);
                assert!((sums.deviation() - 8_f64.sqrt() / 8.0).abs() < 1e-15);
                assert!((sums.effective_sample_size() - 64.0 / 30.0).abs() < 1e-14);
            }
        }
        assert!(of(&[]).mean().is_nan() && of(&[]).effective_sample_size() == 0.0);
    }

    #[test]
    fn what_a_huge_weight_leaves_of_a_small_one_is_nothing() {
        for pairs in [[(1e300, 2.0), (1e-300, 7.0)], [(1e-300, 7.0), (1e300, 2.0)]] {
            let sums = of(&pairs);
            assert_eq!((sums.used, sums.mean(), sums.deviation()), (2, 2.0, 0.0));
            assert_eq!(sums.effective_sample_size(), 1.0);
        }
        assert!(of(&[(f64::INFINITY, 1.0), (1.0, 1.0)]).mean().is_nan());
    }

    #[test]
    fn binades_are_powers_of_two() {
        assert_eq!([1.0, 1.9, 2.0, 0.3, 1e-320].map(binade), [1.0, 1.0, 2.0, 0.25, f64::MIN_POSITIVE]);
        assert_eq!([f64::MAX, f64::INFINITY].map(binade), [2_f64.powi(1023), f64::INFINITY]);
    }
}
