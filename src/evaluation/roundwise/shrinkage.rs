//! λ from the data: where less variance outweighs more bias.

use super::super::estimate::EstimateError;
use super::estimator::{Estimator, Terms};
use super::facts::{Source, Wanted};
use super::sums::sum;

/// Levels tried, from no shrinkage at all.
const LEVELS: usize = 10;

/// The λ of least estimated mean squared error: the squared standard error of the shrunk value, and the square of its
/// distance from the unshrunk one, which has no such bias.
///
/// Y. Su, M. Dimakopoulou, A. Krishnamurthy, M. Dudík (2020), *Doubly Robust Off-policy Evaluation with Shrinkage*,
/// who estimate the bias directly by the mean of what shrinkage takes away. That distance has noise of its own, which
/// makes the choice careful: less shrinkage rather than more. The levels tried are powers of the largest weight, from
/// where nothing is cut off or shrunk down to where every weight is at most about 1. (SLOPE, by Su, Srinath,
/// Krishnamurthy 2020, has better guarantees at the worst, but accepts biases of two half-widths of the unshrunk
/// interval, which made clipped IPS five times worse than IPS where the weights are harmless.)
pub(super) fn chosen(source: &dyn Source, estimator: Estimator, largest: f64) -> Result<f64, EstimateError> {
    let levels = levels(estimator, largest);
    let mut moments = vec![Moments::default(); levels.len()];
    let mut terms = Terms::default();
    source.each(Wanted::by(&[estimator]), &mut |facts| {
        for (&level, moments) in levels.iter().zip(&mut moments) {
            // No lots are drawn here.
            estimator.terms(facts, level, 0, &mut terms);
            moments.merge(&Moments::of(&terms.added));
        }
    })?;
    let unshrunk = moments[0].mean;
    let error = |moments: &Moments| moments.variance_of_mean() + (moments.mean - unshrunk).powi(2);
    let mut best = (levels[0], error(&moments[0]));
    for (&level, moments) in levels.iter().zip(&moments).skip(1) {
        if error(moments) < best.1 {
            best = (level, error(moments));
        }
    }
    Ok(best.0)
}

/// From unshrunk to most shrunk.
fn levels(estimator: Estimator, largest: f64) -> Vec<f64> {
    let last = (LEVELS - 1) as f64;
    let power = |step: usize| libm::pow(largest.max(1.0), 1.0 - step as f64 / last);
    match estimator {
        // λ w / (w² + λ) is at most √λ / 2, so that squares shrink like the levels of a clipped weight.
        Estimator::Dros => {
            let shrunk = (1..LEVELS).map(|step| (2.0 * power(step)) * (2.0 * power(step)));
            std::iter::once(f64::INFINITY).chain(shrunk).collect()
        }
        _ if largest > 1.0 => (0..LEVELS).map(power).collect(),
        _ => vec![largest],
    }
}

/// Mean and squared distances from it; two merge by T. F. Chan, G. H. Golub, R. J. LeVeque (1979), *Updating Formulae
/// and a Pairwise Algorithm for Computing Sample Variances*.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = sum(values) / count;
        Self { count, mean, squares: values.iter().map(|value| (value - mean) * (value - mean)).sum() }
    }

    fn merge(&mut self, other: &Self) {
        let count = self.count + other.count;
        let distance = other.mean - self.mean;
        self.mean += distance * (other.count / count);
        self.squares += other.squares + distance * distance * (self.count * other.count / count);
        self.count = count;
    }

    fn variance_of_mean(&self) -> f64 {
        self.squares / (self.count - 1.0) / self.count
    }
}
