//! Outliers: cells that have much more of their own than others, and how their results give them away.

use super::mode::logistic;

/// What is expected of cells that are unlike what their levels say (*spike and slab*).
///
/// The residual of nearly every cell is a small one, and that of an outlier has another variance beside. Whether a cell is one is told
/// by its results and by what those of all others say of it: the probability q that it is, by Bayes' rule, from what is expected on.
/// The two Gaussians are then taken for one of their variance. T. J. Mitchell, J. J. Beauchamp (1988), *Bayesian Variable Selection
/// in Linear Regression*.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outliers {
    /// The share of cells that are outliers, in [0, 1); 0 where none is.
    pub share: f64,
    /// How many cells, of which were known what they are, that share is worth.
    pub weight: f64,
    /// The standard deviation of what they have of their own beside the residual of any cell, on the logit.
    pub deviation: f64,
}

/// What is believed of a cell's logit without its own results: a Gaussian.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Expectation {
    pub(super) mean: f64,
    /// The rate of that logit.
    pub(super) rate: f64,
    pub(super) variance: f64,
}

impl Expectation {
    /// How far results (trials, earned) lie from what is expected of them, in squared standard deviations.
    fn surprised_by(self, (trials, earned): (f64, f64)) -> f64 {
        let chance = self.chance(trials);
        let apart = earned - trials * self.rate;
        apart * apart / (chance * (1.0 + chance * self.variance))
    }

    /// The variance of what so many trials earn at the rate that is expected; also what they tell of the logit.
    fn chance(self, trials: f64) -> f64 {
        trials * self.rate * (1.0 - self.rate)
    }
}

/// Steps to the mode of one logit at most, the longest of them, and the change at which it is near enough.
const STEPS: usize = 30;
const LONGEST: f64 = 1.0;
const NEAR: f64 = 1e-3;

/// A cell within so many squared standard deviations of what is expected is taken for none: two Gaussians of the same mean differ
/// by a factor of no more than e^((t² − 1) / 2) / t there, which is 5.5.
const SURPRISE: f64 = 6.25;

impl Outliers {
    /// No cell is an outlier.
    pub(super) const NONE: Self = Self { share: 0.0, weight: 1.0, deviation: 0.0 };

    /// Whether any cell may be one.
    pub(super) fn are_expected(self) -> bool {
        self.share > 0.0 && self.deviation > 0.0
    }

    /// By how much the residual of each of these cells varies more than those of others, where such a share of cells are outliers; and the
    /// share that they are by what is expected and by the cells whose results can tell.
    pub(super) fn among(
        self,
        share: f64,
        cells: impl Iterator<Item = ((f64, f64), Expectation)>,
    ) -> (Vec<f64>, f64) {
        let variance = self.deviation * self.deviation;
        let (mut found, mut judged) = (0.0, 0.0);
        let excess = cells.map(|(results, expected)| {
            let excess = self.excess(share, results, expected);
            if expected.chance(results.0) * variance > 1.0 {
                found += excess / variance;
                judged += 1.0;
            }
            excess
        });
        let excess = excess.collect();
        (excess, (self.weight * self.share + found) / (self.weight + judged))
    }

    /// By how much the residual of a cell of these results (trials, earned) varies more than those of others: the variance of outliers
    /// times the probability that it is one; 0 where they are near to what is expected.
    fn excess(self, share: f64, results: (f64, f64), expected: Expectation) -> f64 {
        let variance = self.deviation * self.deviation;
        if !(expected.surprised_by(results) > SURPRISE) {
            return 0.0;
        }
        let wider = Expectation { variance: expected.variance + variance, ..expected };
        let odds = share / (1.0 - share) * libm::exp(evidence(results, wider) - evidence(results, expected));
        let probability = if odds.is_finite() { odds / (1.0 + odds) } else { 1.0 };
        variance * probability
    }
}

/// The logarithm of how probable results are whose logit is only expected, but for a number that depends on the results alone: by
/// Laplace's method.
fn evidence((trials, earned): (f64, f64), expected: Expectation) -> f64 {
    let Expectation { mean, mut rate, variance } = expected;
    let mut logit = mean;
    for _ in 0..STEPS {
        let curved = trials * rate * (1.0 - rate) + 1.0 / variance;
        let step = (earned - trials * rate - (logit - mean) / variance) / curved;
        logit += step.clamp(-LONGEST, LONGEST);
        rate = logistic(logit);
        if !(step.abs() > NEAR) {
            break;
        }
    }
    let likelihood = earned * logit - trials * libm::log1p(libm::exp(logit));
    let far = logit - mean;
    likelihood - far * far / (2.0 * variance) - 0.5 * libm::log1p(variance * trials * rate * (1.0 - rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: Outliers = Outliers { share: 0.02, weight: 50.0, deviation: 0.7 };

    /// The evidence against the integral over the logit, by the midpoints of 40,000 pieces.
    #[test]
    fn evidence_is_the_integral_over_the_logit() {
        for (results, mean, deviation) in [
            ((0.0, 0.0), -2.5, 0.3),
            ((40.0, 7.0), -2.5, 0.2),
            ((40.0, 7.0), -2.5, 0.7),
            ((3_000.0, 400.0), -2.0, 0.7),
            ((500.0, 0.0), -4.0, 0.5),
        ] {
            let expected = Expectation { mean, rate: logistic(mean), variance: deviation * deviation };
            let (low, pieces) = (mean - 8.0 * deviation, 40_000);
            let width = 16.0 * deviation / f64::from(pieces);
            let at = |piece: i32| {
                let logit: f64 = low + (f64::from(piece) + 0.5) * width;
                let far = (logit - mean) / deviation;
                results.1 * logit - results.0 * logit.exp().ln_1p() - far * far / 2.0
            };
            let most = (0..pieces).map(at).fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = (0..pieces).map(|piece| (at(piece) - most).exp()).sum();
            let integral = most + (sum * width / deviation / std::f64::consts::TAU.sqrt()).ln();
            let found = evidence(results, expected);
            assert!((found - integral).abs() < 0.06, "{results:?} {expected:?}: {found} against {integral}");
        }
    }

    #[test]
    fn results_give_outliers_away() {
        let expected = Expectation { mean: -2.75, rate: logistic(-2.75), variance: 0.05 };
        // 6 % are expected and 18 % come. By an integral over the logit in place of Laplace's method; few results are near enough to
        // what is expected.
        for (trials, earned, probable) in [
            (10.0, 2.0, 0.0),
            (60.0, 11.0, 0.1710),
            (100.0, 18.0, 0.4555),
            (150.0, 27.0, 0.7835),
            (200.0, 36.0, 0.9146),
            (2_000.0, 10.0, 1.0),
        ] {
            let found = EXPECTED.excess(0.02, (trials, earned), expected) / 0.49;
            assert!((found - probable).abs() < 0.02, "{trials} {earned}: {found} against {probable}");
        }
        for trials in [1.0, 10.0, 100.0, 10_000.0] {
            assert!(EXPECTED.excess(0.02, (trials, 0.06 * trials), expected) <= 0.0);
            assert!(EXPECTED.excess(0.0, (trials, 0.6 * trials), expected) <= 0.0);
        }
        // Nothing is told by few trials; of a hundred cells that tell, five are outliers.
        let cells = |count, results| std::iter::repeat_n((results, expected), count);
        let (excess, share) = EXPECTED.among(0.02, cells(100, (5.0, 0.0)).chain(cells(5, (2_000.0, 500.0))));
        assert!(
            excess[..100].iter().all(|&excess| excess == 0.0) && excess[100..].iter().all(|&own| own > 0.48)
        );
        assert!((share - 6.0 / 55.0).abs() < 1e-3, "{share}");
        let (_, share) = EXPECTED.among(0.02, cells(100, (2_000.0, 120.0)));
        assert!((share - 1.0 / 150.0).abs() < 1e-9, "{share}");
        assert!((EXPECTED.excess(0.02, (1e12, 9e11), expected) - 0.49).abs() < 1e-9);
    }
}
