//! Inverse propensity scoring: what was sent rarely counts for the many times it was not.

use crate::arm::ArmId;
use crate::policy::Fixed;

use super::estimate::{Estimate, EstimateError, WeightSums};
use super::log::{Log, Round};
use super::target::{Occasion, TargetPolicy};

/// The mean of w_i r_i over all rounds, w_i = π(a_i) / b_i: the target's probability of the arm that was sent over
/// the one it was sent with.
///
/// Unbiased where the propensities are right and every arm of the target is in the log's support; its variance
/// grows with the largest weights. D. G. Horvitz, D. J. Thompson (1952), *A Generalization of Sampling Without
/// Replacement From a Finite Universe*. The standard error is that of a mean of independent values.
///
/// # Errors
///
/// [`EstimateError`] for a log without rounds, weights beyond all bounds, or a target whose probability is none.
pub fn inverse_propensity(log: &Log, target: &dyn TargetPolicy) -> Result<Estimate, EstimateError> {
    let (weights, outside_support) = weigh(log, target)?;
    if weights.is_empty() {
        return Err(EstimateError::NoRounds);
    }
    let values = || weights.iter().zip(log.rounds()).map(|(weight, round)| weight * round.reward.value());
    let value = values().sum::<f64>() / weights.len() as f64;
    let squared_distances = values().map(|each| (each - value).powi(2)).sum();
    let mut sums = WeightSums::default();
    weights.iter().for_each(|&weight| sums.add(weight));
    Estimate::from_round_values(value, squared_distances, weights.len(), &sums, outside_support)
}

/// Self-normalised inverse propensity scoring: Σ w_i r_i / Σ w_i with the weights of [`inverse_propensity`].
///
/// It stays within the range of the rewards, is not moved by adding a constant to them, and mostly has less
/// variance, for a bias that vanishes like 1/n. A. Swaminathan, T. Joachims (2015), *The Self-Normalized
/// Estimator for Counterfactual Learning*. The standard error is the delta method's:
/// √(Σ w_i² (r_i − v)²) / Σ w_i, times √(n / (n − 1)).
///
/// Of a uniform log without restricted sets, the value of a fixed arm is exactly the arm's mean reward.
///
/// # Errors
///
/// [`EstimateError`], as for [`inverse_propensity`], and where all weights are 0.
pub fn self_normalised(log: &Log, target: &dyn TargetPolicy) -> Result<Estimate, EstimateError> {
    let (weights, outside_support) = weigh(log, target)?;
    let pairs = weights.iter().zip(log.rounds()).map(|(&weight, round)| (weight, round.reward.value()));
    Estimate::ratio(pairs, weights.len(), outside_support)
}

/// [`self_normalised`] for every arm held fixed, in the order of the arms.
///
/// Where no round restricts its arms, all of them together cost one pass over the log.
#[must_use]
pub fn self_normalised_arms(log: &Log) -> Vec<Result<Estimate, EstimateError>> {
    let arms = (0..log.arms().len() as u32).map(ArmId::new);
    if log.rounds().iter().any(|round| round.eligible.is_some()) {
        return arms.map(|arm| self_normalised(log, &Fixed::new(arm))).collect();
    }
    let mut of_arm: Vec<Vec<(f64, f64)>> = vec![Vec::new(); log.arms().len()];
    let mut in_segment = std::collections::HashMap::new();
    for round in log.rounds() {
        of_arm[round.arm.index()].push((1.0 / round.propensity, round.reward.value()));
        *in_segment.entry(round.segment).or_insert(0_usize) += 1;
    }
    let mut supported = vec![0; log.arms().len()];
    for (&segment, rounds) in &in_segment {
        log.shown(segment).iter().for_each(|arm| supported[arm.index()] += rounds);
    }
    let rounds = log.rounds().len();
    arms.map(|arm| {
        let outside_support = if log.is_uniform() { 0 } else { rounds - supported[arm.index()] };
        Estimate::ratio(of_arm[arm.index()].iter().copied(), rounds, outside_support)
    })
    .collect()
}

/// The weight of every round, and how many rounds lie outside the log's support.
fn weigh(log: &Log, target: &dyn TargetPolicy) -> Result<(Vec<f64>, usize), EstimateError> {
    let mut outside_support = 0;
    let weight = |(number, round): (usize, &Round)| {
        let occasion = Occasion { round: number, segment: round.segment, eligible: log.eligible(round) };
        let probability = target.probability(&occasion, round.arm);
        if !(0.0..=1.0).contains(&probability) {
            return Err(EstimateError::Probability { round: number, probability });
        }
        // A uniform log could have shown every eligible arm, whatever it happened to show.
        if !log.is_uniform() && !target.is_supported(&occasion, log.shown(round.segment)) {
            outside_support += 1;
        }
        Ok(probability / round.propensity)
    };
    let weights = log.rounds().iter().enumerate().map(weight).collect::<Result<_, _>>()?;
    Ok((weights, outside_support))
}
