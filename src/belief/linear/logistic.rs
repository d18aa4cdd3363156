//! A logistic model fitted to the moments of its features.

use std::f64::consts::PI;

use super::told::Told;
use super::triangle::{at, factor, gram, inverse, times};

/// Steps of Newton's method after which the result is taken as it is: some six are usual.
const MOST_STEPS: usize = 30;

/// The longest step of a coefficient at once: beyond it the curvature is another.
const LONGEST_STEP: f64 = 2.0;

/// Beyond this a logit is as good as infinite.
const MOST_LOGIT: f64 = 30.0;

/// E σ(η) and E σ'(η) for η ~ N(mean, variance), by the probit approximation.
pub(super) fn expected(mean: f64, variance: f64) -> (f64, f64) {
    let shrink = 1.0 / (1.0 + PI / 8.0 * variance).sqrt();
    let share = 1.0 / (1.0 + libm::exp(-(shrink * mean).clamp(-MOST_LOGIT, MOST_LOGIT)));
    (share, shrink * share * (1.0 - share))
}

/// The coefficients at the mode, and the weight that a decision has there; the prior is N((base, 0, …), 1/ridge). `None` if there is no
/// such point.
pub(super) fn mode(told: &Told, ridge: f64, base: f64) -> Option<(Vec<f64>, f64)> {
    let dimensions = told.rewards.len();
    let trials = told.trials;
    let mut coefficients = vec![0.0; dimensions];
    coefficients[0] = base;
    let mut weight = expected(base, 0.0).1;
    if !(trials > 0.0) {
        return Some((coefficients, weight));
    }
    // Of the decisions whose reward is known, per decision: the moments about 0.
    let moments: Vec<f64> = told.seen.iter().map(|sum| sum / trials).collect();
    let mean: Vec<f64> = (0..dimensions).map(|row| moments[at(row, 0)]).collect();
    for _ in 0..MOST_STEPS {
        let about_zero = times(&moments, &coefficients);
        let middle: f64 = mean.iter().zip(&coefficients).map(|(mean, coefficient)| mean * coefficient).sum();
        let square: f64 = about_zero.iter().zip(&coefficients).map(|(one, other)| one * other).sum();
        let (share, slope) = expected(middle, (square - middle * middle).max(0.0));
        weight = slope;
        let mut precision: Vec<f64> = told.seen.iter().map(|sum| weight * sum).collect();
        (0..dimensions).for_each(|row| precision[at(row, row)] += ridge);
        let score: Vec<f64> = (0..dimensions)
            .map(|row| {
                let covariance = about_zero[row] - middle * mean[row];
                let prior = coefficients[row] - if row == 0 { base } else { 0.0 };
                told.rewards[row] - trials * (mean[row] * share + covariance * weight) - ridge * prior
            })
            .collect();
        let covariance = gram(&inverse(&factor(&precision, dimensions)?, dimensions), dimensions);
        let step = times(&covariance, &score);
        let longest = step.iter().fold(0.0_f64, |longest, step| longest.max(step.abs()));
        let shorten = if longest > LONGEST_STEP { LONGEST_STEP / longest } else { 1.0 };
        for (coefficient, step) in coefficients.iter_mut().zip(&step) {
            *coefficient += shorten * step;
        }
        if !(longest > 1e-9) {
            break;
        }
    }
    coefficients.iter().all(|coefficient| coefficient.is_finite()).then_some((coefficients, weight))
}
