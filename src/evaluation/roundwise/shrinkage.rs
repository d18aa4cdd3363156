//! λ from the data: where less variance outweighs more bias.

use super::super::estimate::EstimateError;
use super::estimator::{Estimator, Terms};
use super::facts::{Facts, Source, Wanted};
use super::moments::Moments;

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
///
/// For each estimator; one without λ gets the largest weight.
pub(super) fn chosen(
    source: &dyn Source,
    estimators: &[Estimator],
    largest: f64,
) -> Result<Vec<f64>, EstimateError> {
    let mut tried: Vec<Tried> = estimators
        .iter()
        .filter(|estimator| estimator.has_lambda())
        .map(|&estimator| Tried::new(estimator, levels(estimator, largest)))
        .collect();
    if !tried.is_empty() {
        let asked: Vec<Estimator> = tried.iter().map(|tried| tried.estimator).collect();
        source.each(Wanted::by(&asked), &mut |facts| tried.iter_mut().for_each(|tried| tried.add(facts)))?;
    }
    let mut chosen = tried.iter().map(Tried::best);
    let of = |estimator: &Estimator| if estimator.has_lambda() { chosen.next() } else { None };
    Ok(estimators.iter().map(of).map(|level| level.unwrap_or(largest)).collect())
}

/// The levels of an estimator, each with the moments that it gives.
struct Tried {
    estimator: Estimator,
    levels: Vec<f64>,
    moments: Vec<Moments>,
    terms: Terms,
    /// w (r − q̂) of each round of the chunk.
    corrections: Vec<f64>,
}

impl Tried {
    fn new(estimator: Estimator, levels: Vec<f64>) -> Self {
        let moments = vec![Moments::default(); levels.len()];
        Self { estimator, levels, moments, terms: Terms::default(), corrections: Vec::new() }
    }

    fn add(&mut self, facts: Facts<'_>) {
        let Self { estimator, levels, moments, terms, corrections } = self;
        let Facts { weight, reward, predicted, expected, .. } = facts;
        // No lots are drawn here.
        estimator.terms(facts, levels[0], 0, terms);
        moments[0].merge(&Moments::of(&terms.added));
        corrections.clear();
        let residuals = reward.iter().zip(predicted).map(|(r, q)| r - q);
        corrections.extend(weight.iter().zip(residuals).map(|(w, residual)| w * residual));
        // Near the mean of every level, as variances go.
        let near = moments[0].mean;
        for (&level, moments) in levels.iter().zip(moments).skip(1) {
            moments.merge(&match estimator {
                Estimator::ClippedIps => Moments::about(near, [weight, reward, reward], |w, r, _| {
                    (if w < level { w } else { level }) * r
                }),
                Estimator::SwitchDr => Moments::about(near, [weight, corrections, expected], |w, c, m| {
                    m + if w <= level { c } else { 0.0 }
                }),
                _ => Moments::about(near, [weight, corrections, expected], |w, c, m| {
                    m + c * (level / (w * w + level))
                }),
            });
        }
    }

    fn best(&self) -> f64 {
        let unshrunk = self.moments[0].mean;
        let error = |moments: &Moments| moments.variance_of_mean() + (moments.mean - unshrunk).powi(2);
        let mut best = (self.levels[0], error(&self.moments[0]));
        for (&level, moments) in self.levels.iter().zip(&self.moments).skip(1) {
            if error(moments) < best.1 {
                best = (level, error(moments));
            }
        }
        best.0
    }
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
