//! What each arm earned with some customers, and how much arms differ in what sets two kinds of customers apart.

use crate::arm::ArmId;

use super::Worth;

/// How many decisions an arm needs on both sides of a split to be compared, after weighting.
const ENOUGH: f64 = 50.0;

/// Weighted rewards of some customers who were sent one arm.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    pub(super) rounds: u64,
    /// Σ w, Σ w r, Σ w r², Σ w², Σ w² r, Σ w² r² for w = 1 / propensity over the largest.
    moments: [f64; 6],
}

/// Of each arm, in one half of the log.
pub(super) type Half = Vec<Sums>;

impl Sums {
    pub(super) fn add(&mut self, w: f64, r: f64) {
        self.rounds += 1;
        let terms = [w, w * r, w * r * r, w * w, w * w * r, w * w * r * r];
        self.moments.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
    }

    pub(super) fn join(&mut self, other: &Self) {
        self.rounds += other.rounds;
        self.moments.iter_mut().zip(other.moments).for_each(|(sum, term)| *sum += term);
    }

    pub(super) fn less(&self, other: &Self) -> Self {
        let mut rest = *self;
        rest.rounds -= other.rounds;
        rest.moments.iter_mut().zip(other.moments).for_each(|(sum, term)| *sum -= term);
        rest
    }

    pub(super) fn mean(&self) -> f64 {
        self.moments[1] / self.moments[0]
    }

    /// Rounds of equal weight that say as much: (Σ w)² / Σ w².
    pub(super) fn effective(&self) -> f64 {
        match self.rounds {
            0 => 0.0,
            _ => self.moments[0] * self.moments[0] / self.moments[3],
        }
    }

    pub(super) fn variance(&self) -> f64 {
        (self.moments[2] / self.moments[0] - self.mean().powi(2)).max(0.0)
    }

    /// The weighted mean, and its standard error Σ w² (r − mean)² / (Σ w)², to the power of one half; of enough rounds.
    pub(super) fn estimate(&self) -> Option<Worth> {
        if !(self.effective() >= ENOUGH) {
            return None;
        }
        let (mean, [w, .., w2, w2r, w2rr]) = (self.mean(), self.moments);
        let squares = (w2rr - 2.0 * mean * w2r + mean * mean * w2).max(0.0);
        Some(Worth { mean, standard_error: squares.sqrt() / w })
    }
}

/// The arm with the highest mean among those sent often enough.
pub(super) fn best(half: &Half) -> Option<ArmId> {
    let tried = (0..).map(ArmId::new).zip(half).filter(|(_, sums)| sums.effective() >= ENOUGH);
    tried
        .map(|(arm, sums)| (arm, sums.mean()))
        .reduce(|a, b| if b.1 > a.1 { b } else { a })
        .map(|(arm, _)| arm)
}

/// How much more than by chance the arms differ in what sets two kinds of customers apart, as a normal variate (E. B. Wilson,
/// M. M. Hilferty 1931, *The Distribution of Chi-Square*); none if fewer than two arms can be compared.
pub(super) fn interaction(with: &Half, all: &Half) -> Option<f64> {
    let compared = with.iter().zip(all).filter_map(|(with, all)| {
        let without = all.less(with);
        let (n, m) = (with.effective(), without.effective());
        // The variance of both sides together is that of each where nothing differs.
        let variance = all.variance() * (1.0 / n + 1.0 / m);
        (n >= ENOUGH && m >= ENOUGH && variance > 0.0).then(|| (with.mean() - without.mean(), variance))
    });
    let compared: Vec<(f64, f64)> = compared.collect();
    let freedom = compared.len().checked_sub(1).filter(|&freedom| freedom > 0)? as f64;
    let weights: f64 = compared.iter().map(|(_, variance)| 1.0 / variance).sum();
    let centre = compared.iter().map(|(difference, variance)| difference / variance).sum::<f64>() / weights;
    let squares: f64 =
        compared.iter().map(|(difference, variance)| (difference - centre).powi(2) / variance).sum();
    let part = 2.0 / (9.0 * freedom);
    Some(((squares / freedom).cbrt() - (1.0 - part)) / part.sqrt())
}
