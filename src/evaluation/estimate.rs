//! An estimate: a mean over rounds and how far it can be trusted.

use std::error::Error;
use std::f64::consts::SQRT_2;
use std::fmt;

use statrs::function::erf::erf_inv;

/// The estimated mean reward per round of a policy, in the unit of the log's rewards.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Its standard error; infinite where fewer than two rounds count, which say nothing of the spread.
    pub standard_error: f64,
    /// The normal 95 % interval (lower, upper). It is not cut off at the range of the rewards.
    pub interval: (f64, f64),
    /// Rounds looked at.
    pub rounds: usize,
    /// Rounds that count: those with a weight above 0, in a replay those kept.
    pub used: usize,
    /// (Σ w)² / Σ w², from 1 to the number of rounds used: as many equally weighted rounds would say as much
    /// (L. Kish, 1965, *Survey Sampling*).
    pub effective_sample_size: f64,
    /// The largest weight of a round.
    pub largest_weight: f64,
    /// Rounds in which the policy may send an arm that the log never shows in that segment. What it would have
    /// earned there is not in the log, so the value leaves it out.
    pub outside_support: usize,
}

/// Why there is no estimate.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum EstimateError {
    /// The log has no rounds.
    NoRounds,
    /// The target would never have sent what was sent: all weights are 0.
    NoOverlap {
        /// Rounds looked at.
        rounds: usize,
    },
    /// The target gave a probability that is none.
    Probability {
        /// The round, from 0.
        round: usize,
        /// The probability.
        probability: f64,
    },
    /// Propensities are so small that the sum of the weights is not finite.
    Overflow,
}

impl fmt::Display for EstimateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRounds => f.write_str("the log has no rounds"),
            Self::NoOverlap { rounds } => {
                write!(f, "in none of {rounds} rounds was anything sent that the policy would send")
            }
            Self::Probability { round, probability } => {
                write!(f, "round {round}: the policy's probability {probability} is not in [0, 1]")
            }
            Self::Overflow => f.write_str("the weights are too large to be added up"),
        }
    }
}

impl Error for EstimateError {}

/// Sums over the weights of the rounds, from which the measures of trust come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct WeightSums {
    /// Rounds with a weight above 0.
    pub(super) used: usize,
    pub(super) sum: f64,
    pub(super) squares: f64,
    pub(super) largest: f64,
}

impl WeightSums {
    pub(super) fn add(&mut self, weight: f64) {
        self.used += usize::from(weight > 0.0);
        self.sum += weight;
        self.squares += weight * weight;
        self.largest = self.largest.max(weight);
    }
}

impl Estimate {
    /// The mean and interval of round-wise values, of which the mean and the sum of squared distances from it are
    /// known. All estimators end here.
    pub(super) fn from_round_values(
        value: f64,
        squared_distances: f64,
        rounds: usize,
        weights: &WeightSums,
        outside_support: usize,
    ) -> Result<Self, EstimateError> {
        let n = rounds as f64;
        let standard_error =
            if weights.used < 2 { f64::INFINITY } else { (squared_distances / (n - 1.0) / n).sqrt() };
        if !(value.is_finite() && weights.squares.is_finite()) || standard_error.is_nan() {
            return Err(EstimateError::Overflow);
        }
        // The 97.5 % point of the standard normal law, about 1.96.
        let reach = SQRT_2 * erf_inv(0.95) * standard_error;
        Ok(Self {
            value,
            standard_error,
            interval: (value - reach, value + reach),
            rounds,
            used: weights.used,
            effective_sample_size: if weights.used == 0 {
                0.0
            } else {
                weights.sum * weights.sum / weights.squares
            },
            largest_weight: weights.largest,
            outside_support,
        })
    }

    /// The weighted mean Σ w r / Σ w over rounds with these weights and rewards, with the delta method's round-wise
    /// values z_i = v + n w_i (r_i − v) / Σ w; pairs of weight 0 may be left out, they add nothing.
    pub(super) fn ratio(
        pairs: impl Iterator<Item = (f64, f64)> + Clone,
        rounds: usize,
        outside_support: usize,
    ) -> Result<Self, EstimateError> {
        let mut weights = WeightSums::default();
        let mut rewards = 0.0;
        for (weight, reward) in pairs.clone() {
            weights.add(weight);
            rewards += weight * reward;
        }
        if rounds == 0 {
            return Err(EstimateError::NoRounds);
        }
        if weights.used == 0 {
            return Err(EstimateError::NoOverlap { rounds });
        }
        let value = rewards / weights.sum;
        let scale = rounds as f64 / weights.sum;
        let squared_distances =
            pairs.map(|(weight, reward)| (scale * weight * (reward - value)).powi(2)).sum();
        Self::from_round_values(value, squared_distances, rounds, &weights, outside_support)
    }
}
