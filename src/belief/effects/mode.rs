//! The mode of the cells' logits, by Newton's method on the kernel form.

use crate::belief::best::elementary::exp;

use super::cells::Cells;
use super::cholesky::Cholesky;
use super::dense::{Matrix, add_scaled};

/// The most probable logits for given scales, and the curvature there.
#[derive(Clone, Debug)]
pub(super) struct Mode {
    /// α with logits = base + C α; at the mode the slope of the log-likelihood.
    pub(super) alpha: Vec<f64>,
    pub(super) logits: Vec<f64>,
    /// Roots of the weights w = n p (1 − p).
    pub(super) roots: Vec<f64>,
    /// Of B = I + W^½ C W^½.
    pub(super) factor: Cholesky,
}

/// The largest change of a logit in one step: where a single payment has come from a few sends, the parabola at the start says
/// nothing of the place where it leads.
const LONGEST: f64 = 1.0;

/// More steps than any results need: each takes a logit by up to one, and Newton's own are few.
const STEPS: usize = 200;

/// The probability of a logit.
pub(super) fn logistic(logit: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-logit))
}

/// The probabilities of sums of two logits each, to 10⁻¹⁰ of themselves: a loop that becomes vector code.
pub(super) fn logistics(one: &[f64], other: &[f64]) -> Vec<f64> {
    one.iter().zip(other).map(|(one, other)| 1.0 / (1.0 + exp(-(one + other)))).collect()
}

impl Mode {
    /// Starts at the base.
    pub(super) fn start(cells: &Cells, base: f64) -> Self {
        let count = cells.len();
        Self {
            alpha: vec![0.0; count],
            logits: vec![base; count],
            roots: vec![0.0; count],
            factor: Cholesky::of(Matrix::zeros(0, 0)),
        }
    }

    /// Moves to where no logit changes by more than this in a step, under this covariance.
    ///
    /// With p = sigmoid(η), w = n p (1 − p), b = w (η − m) + s − n p and B = I + W^½ C W^½, a step is α = b − W^½ B⁻¹ W^½ C b,
    /// η = m + C α. Nothing is inverted but B, whose eigenvalues are at least 1. C. E. Rasmussen, C. K. I. Williams (2006),
    /// *Gaussian Processes for Machine Learning*, algorithm 3.1.
    pub(super) fn settle(&mut self, cells: &Cells, base: f64, covariance: &Matrix, within: f64) {
        for _ in 0..STEPS {
            let mut slope = vec![0.0; cells.len()];
            for (cell, &(trials, earned)) in cells.results().iter().enumerate() {
                let rate = logistic(self.logits[cell]);
                let weight = trials * rate * (1.0 - rate);
                self.roots[cell] = weight.sqrt();
                slope[cell] = weight * (self.logits[cell] - base) + earned - trials * rate;
            }
            let roots = &self.roots;
            let mut curved = covariance.clone();
            for (cell, root) in roots.iter().enumerate() {
                let row = curved.row_mut(cell);
                row.iter_mut().zip(roots).for_each(|(own, other)| *own *= root * other);
                row[cell] += 1.0;
            }
            self.factor = Cholesky::of(curved);
            let mut pulled = covariance.combined(&slope);
            pulled.iter_mut().zip(roots).for_each(|(pulled, root)| *pulled *= root);
            self.factor.solve(&mut pulled);
            let target: Vec<f64> = slope
                .iter()
                .zip(&pulled)
                .zip(roots)
                .map(|((slope, pulled), root)| slope - root * pulled)
                .collect();
            let change: Vec<f64> = {
                let logits = covariance.combined(&target);
                logits.iter().zip(&self.logits).map(|(logit, before)| base + logit - before).collect()
            };
            let longest = change.iter().fold(0.0, |longest: f64, change| longest.max(change.abs()));
            let part = if longest > LONGEST { LONGEST / longest } else { 1.0 };
            add_scaled(&mut self.logits, part, &change);
            self.alpha.iter_mut().zip(&target).for_each(|(alpha, target)| *alpha += part * (target - *alpha));
            if !(longest > within) {
                break;
            }
        }
    }

    /// Puts the logits where other covariances have them for the same slopes.
    pub(super) fn moved(&mut self, base: f64, covariance: &Matrix) {
        self.logits = covariance.combined(&self.alpha);
        self.logits.iter_mut().for_each(|logit| *logit += base);
    }
}
