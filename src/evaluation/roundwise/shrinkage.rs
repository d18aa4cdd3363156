//! λ from the data: where less variance outweighs more bias.

use super::Asked;
use super::estimator::{Estimator, Terms};
use super::facts::{Facts, Survey, Wanted};
use super::moments::Moments;
use super::sums::Tally;

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
/// The moments at each level are those of an estimate with that λ, so that the choice takes one pass and the chosen estimate
/// none.
#[derive(Debug, Default)]
pub(super) struct Trials {
    tried: Vec<Tried>,
}

impl Trials {
    /// Of those estimators that have a λ.
    pub(super) fn new(estimators: &[Estimator], largest: f64) -> Self {
        let leveled = estimators.iter().filter(|estimator| estimator.has_lambda());
        Self { tried: leveled.map(|&estimator| Tried::new(estimator, levels(estimator, largest))).collect() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tried.is_empty()
    }

    pub(super) fn wanted(&self) -> Wanted {
        Wanted::by(&self.tried.iter().map(|tried| tried.estimator).collect::<Vec<_>>())
    }

    pub(super) fn add(&mut self, facts: Facts<'_>) {
        self.tried.iter_mut().for_each(|tried| tried.add(facts));
    }

    /// The λ of an estimator, with the moments of what its rounds add. A round or none choose nothing.
    pub(super) fn best(&self, estimator: Estimator, survey: &Survey) -> Option<(f64, &Moments)> {
        self.tried.iter().find(|tried| tried.estimator == estimator).map(|tried| tried.best(survey))
    }

    /// What the moments at the levels chosen say.
    pub(super) fn totals(&self, seed: u64, survey: &Survey) -> Tally {
        let chosen = self.tried.iter().map(|tried| {
            let (level, moments) = tried.best(survey);
            (Asked { estimator: tried.estimator, level, seed }, moments)
        });
        Tally::of_moments(chosen, survey)
    }
}

/// The levels of an estimator, each with the moments that it gives.
#[derive(Debug)]
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

    fn best(&self, survey: &Survey) -> (f64, &Moments) {
        let mut best = (self.levels[0], &self.moments[0]);
        if survey.used < 2 {
            return best;
        }
        let unshrunk = self.moments[0].mean;
        let error = |moments: &Moments| moments.variance_of_mean() + (moments.mean - unshrunk).powi(2);
        for (&level, moments) in self.levels.iter().zip(&self.moments).skip(1) {
            if error(moments) < error(best.1) {
                best = (level, moments);
            }
        }
        best
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
