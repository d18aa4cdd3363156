//! An estimate: a mean over rounds and how far it can be trusted.

use std::error::Error;
use std::f64::consts::SQRT_2;
use std::fmt;

use statrs::function::erf::erf_inv;

use super::roundwise::Estimator;
use super::weighted::Weighted;

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
    /// λ is not above 0.
    Lambda {
        /// What was given.
        lambda: f64,
    },
    /// The confidence of an interval is not between 0 and 1.
    Confidence {
        /// What was given.
        confidence: f64,
    },
    /// A weight is above the limit that was said to be known beforehand.
    WeightLimit {
        /// The weight.
        weight: f64,
        /// The limit.
        limit: f64,
    },
    /// Rounds that belong together foretell each other, which an interval for all times does not allow.
    Clusters,
    /// An estimator asks for what is not there: propensities, a reward model, or dimensions of arms.
    Missing {
        /// The estimator.
        estimator: Estimator,
    },
    /// Columns of numbers, or two logs to be compared, have unequal numbers of rounds.
    OtherRounds {
        /// Rounds of the one.
        rounds: usize,
        /// Rounds of the other.
        others: usize,
    },
    /// A number is not finite, or a weight below 0.
    Number {
        /// The round, from 0.
        round: usize,
        /// The number.
        number: f64,
    },
    /// Propensities are so small, or rewards so large, that the weights, the value or its error are not finite.
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
            Self::Lambda { lambda } => write!(f, "lambda {lambda} is not above 0"),
            Self::Confidence { confidence } => write!(f, "confidence {confidence} is not between 0 and 1"),
            Self::WeightLimit { weight, limit } => {
                write!(f, "a weight of {weight} is above {limit}, which the least propensity given allows")
            }
            Self::Clusters => f.write_str("rounds in clusters foretell each other"),
            Self::Missing { estimator } => {
                let needs = match () {
                    () if estimator.needs_dimensions() => "propensities and dimensions of arms",
                    () if !estimator.needs_propensities() => "a reward model",
                    () if estimator.needs_model() => "propensities and a reward model",
                    () => "propensities",
                };
                write!(f, "{estimator} needs {needs}")
            }
            Self::OtherRounds { rounds, others } => write!(f, "{rounds} rounds here, {others} there"),
            Self::Number { round, number } => write!(f, "round {round}: {number} is not possible there"),
            Self::Overflow => f.write_str("propensities are too small or rewards too large to compute with"),
        }
    }
}

impl Error for EstimateError {}

impl Estimate {
    /// An estimate from its value, the deviation √(Σ (z_i − v)²) / n of its round-wise values z_i, and the sums over
    /// its weights. All estimators end here.
    pub(super) fn from_sums(
        value: f64,
        deviation: f64,
        rounds: usize,
        weights: &Weighted,
        outside_support: usize,
    ) -> Result<Self, EstimateError> {
        let n = rounds as f64;
        let standard_error =
            if weights.used < 2 { f64::INFINITY } else { deviation * (n / (n - 1.0)).sqrt() };
        if !(value.is_finite() && weights.largest.is_finite())
            || (weights.used > 1 && !standard_error.is_finite())
        {
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
            effective_sample_size: weights.effective_sample_size(),
            largest_weight: weights.largest,
            outside_support,
        })
    }

    /// The weighted mean Σ w r / Σ w over rounds with these weights and rewards, the rewards in this unit, with the
    /// delta method's round-wise values z_i = v + n w_i (r_i − v) / Σ w; rounds of weight 0 add nothing.
    pub(super) fn ratio(
        sums: &Weighted,
        unit: f64,
        rounds: usize,
        outside_support: usize,
    ) -> Result<Self, EstimateError> {
        if rounds == 0 {
            return Err(EstimateError::NoRounds);
        }
        if sums.used == 0 {
            return Err(EstimateError::NoOverlap { rounds });
        }
        Self::from_sums(unit * sums.mean(), unit * sums.deviation(), rounds, sums, outside_support)
    }
}
