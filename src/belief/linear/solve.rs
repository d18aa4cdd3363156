//! From sums to posteriors: the coefficients of each arm, and the triangle that gives its width.

use super::told::Told;
use super::triangle::{at, factor, factor_upwards, gram, inverse, times};
use super::{Kind, Linear, logistic};

/// Of an arm: the coefficients θ̂ and a lower triangle M, such that the mean is θ̂ᵀx and the width |Mx|.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Solved {
    pub(super) coefficients: Vec<f64>,
    pub(super) triangle: Vec<f64>,
}

/// The posteriors of a segment.
#[derive(Debug)]
pub(super) struct Posteriors {
    /// Of those that were asked for; none where sums cannot be.
    pub(super) arms: Vec<Option<Solved>>,
    /// Of every arm that was never selected.
    pub(super) untouched: Solved,
    /// Standard deviation of a reward about its mean.
    pub(super) noise: f64,
}

impl Linear {
    /// The posteriors of arms of which this is known, in so many dimensions.
    pub(super) fn solve(self, told: &[Told], dimensions: usize) -> Posteriors {
        let ridge = self.ridge;
        let plain = |coefficients: Vec<f64>| Solved {
            coefficients,
            triangle: scaled_identity(1.0 / ridge.sqrt(), dimensions),
        };
        match self.kind {
            Kind::Disjoint => {
                let solve = |told: &Told| {
                    let (_, covariance) = covariance(&told.seen, ridge, dimensions)?;
                    let coefficients = times(&covariance, &told.rewards);
                    Some(Solved {
                        coefficients,
                        triangle: covariance_factor(&told.counted, ridge, dimensions)?,
                    })
                };
                let arms = told.iter().map(solve).collect();
                Posteriors { arms, untouched: plain(vec![0.0; dimensions]), noise: noise(told) }
            }
            Kind::Logistic => {
                let trials: f64 = told.iter().map(|told| told.trials).sum();
                let successes: f64 = told.iter().map(|told| told.rewards[0]).sum();
                // One decision's worth of an even chance: finite whatever has come.
                let rate = ((successes + 0.5) / (trials + 1.0)).clamp(1e-9, 1.0 - 1e-9);
                let base = libm::log(rate / (1.0 - rate));
                let solve = |told: &Told| {
                    let (coefficients, weight) = logistic::mode(told, ridge, base)?;
                    let counted: Vec<f64> = told.counted.iter().map(|sum| weight * sum).collect();
                    Some(Solved { coefficients, triangle: covariance_factor(&counted, ridge, dimensions)? })
                };
                let arms = told.iter().map(solve).collect();
                let mut untouched = vec![0.0; dimensions];
                untouched[0] = base;
                Posteriors { arms, untouched: plain(untouched), noise: 1.0 }
            }
            Kind::Hybrid => hybrid(told, ridge, dimensions),
        }
    }
}

/// With the common part β integrated out. A_a = λI + S_a; by S_a A_a⁻¹ = I − λA_a⁻¹ what algorithm 2 adds up is
///
/// A₀ = λI + λ Σ (I − λA_a⁻¹), b₀ = λ Σ A_a⁻¹ c_a, β = A₀⁻¹ b₀, and then
/// θ_a = β + δ_a = A_a⁻¹ (c_a + λβ) with the covariance A_a⁻¹ + λ² A_a⁻¹ A₀⁻¹ A_a⁻¹.
fn hybrid(told: &[Told], ridge: f64, dimensions: usize) -> Posteriors {
    let inverses = |sums: fn(&Told) -> &Vec<f64>| -> Vec<Option<Vec<f64>>> {
        told.iter().map(|told| Some(covariance(sums(told), ridge, dimensions)?.1)).collect()
    };
    let common = |inverses: &[Option<Vec<f64>>]| {
        let mut precision = scaled_identity(ridge, dimensions);
        for own in inverses.iter().flatten() {
            for (place, entry) in own.iter().enumerate() {
                precision[place] -= ridge * ridge * entry;
            }
            (0..dimensions).for_each(|row| precision[at(row, row)] += ridge);
        }
        // Each arm adds what is not negative: positive definite in any case, but for rounding.
        let lower = factor(&precision, dimensions).map_or_else(
            || scaled_identity(1.0 / ridge.sqrt(), dimensions),
            |lower| inverse(&lower, dimensions),
        );
        gram(&lower, dimensions)
    };
    let seen = inverses(|told| &told.seen);
    let mut shared = vec![0.0; dimensions];
    for (own, told) in seen.iter().zip(told) {
        if let Some(own) = own {
            let part = times(own, &told.rewards);
            shared.iter_mut().zip(part).for_each(|(sum, part)| *sum += ridge * part);
        }
    }
    let shared = times(&common(&seen), &shared);
    let counted = inverses(|told| &told.counted);
    let spread = common(&counted);
    let triangle = |own: &[f64]| {
        // A⁻¹ A₀⁻¹ A⁻¹, column by column.
        let mut covariance = own.to_vec();
        for column in 0..dimensions {
            let unit: Vec<f64> = (0..dimensions).map(|row| f64::from(u8::from(row == column))).collect();
            let product = times(own, &times(&spread, &times(own, &unit)));
            (column..dimensions).for_each(|row| covariance[at(row, column)] += ridge * ridge * product[row]);
        }
        factor_upwards(&covariance, dimensions)
    };
    let arms = told.iter().zip(seen.iter().zip(&counted)).map(|(told, (seen, counted))| {
        let sum: Vec<f64> =
            told.rewards.iter().zip(&shared).map(|(own, shared)| own + ridge * shared).collect();
        Some(Solved { coefficients: times(seen.as_ref()?, &sum), triangle: triangle(counted.as_ref()?)? })
    });
    let arms = arms.collect();
    let untouched = scaled_identity(1.0 / ridge, dimensions);
    let triangle = triangle(&untouched).unwrap_or_else(|| scaled_identity(1.0 / ridge.sqrt(), dimensions));
    Posteriors { arms, untouched: Solved { coefficients: shared, triangle }, noise: noise(told) }
}

/// The factor M = L⁻¹ and the inverse MᵀM of λI + S = L Lᵀ.
fn covariance(sums: &[f64], ridge: f64, dimensions: usize) -> Option<(Vec<f64>, Vec<f64>)> {
    let mut precision = sums.to_vec();
    (0..dimensions).for_each(|row| precision[at(row, row)] += ridge);
    let lower = inverse(&factor(&precision, dimensions)?, dimensions);
    let covariance = gram(&lower, dimensions);
    Some((lower, covariance))
}

fn covariance_factor(sums: &[f64], ridge: f64, dimensions: usize) -> Option<Vec<f64>> {
    Some(covariance(sums, ridge, dimensions)?.0)
}

/// The standard deviation of the rewards of a segment about their mean, with two rewards' worth of the largest there can be.
fn noise(told: &[Told]) -> f64 {
    let total = |of: fn(&Told) -> f64| told.iter().map(of).sum::<f64>();
    let (trials, sum, squares) =
        (total(|told| told.trials), total(|told| told.rewards[0]), total(|told| told.squares));
    let about_mean = if trials > 0.0 { (squares - sum * sum / trials).max(0.0) } else { 0.0 };
    ((about_mean + 0.5) / (trials + 2.0)).sqrt()
}

fn scaled_identity(scale: f64, dimensions: usize) -> Vec<f64> {
    let mut matrix = vec![0.0; crate::statistics::triangle(dimensions)];
    (0..dimensions).for_each(|row| matrix[at(row, row)] = scale);
    matrix
}
