//! Inverse propensity scoring: what was sent rarely counts for the many times it was not.

use std::collections::HashMap;

use crate::arm::ArmId;
use crate::segment::SegmentId;

use super::estimate::{Estimate, EstimateError};
use super::log::Log;
use super::roundwise::Estimator;
use super::support::{Support, shown_of};
use super::target::{Occasion, TargetPolicy};
use super::weighted::{Weighted, binade};

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
    let values = || weights.iter().zip(log.plain()).map(|(weight, round)| weight * round.reward);
    let unit = binade(values().map(f64::abs).fold(0.0, f64::max));
    let (mut weighed, mut alike) = (Weighted::default(), Weighted::default());
    for (&weight, value) in weights.iter().zip(values()) {
        weighed.add(weight, 0.0);
        alike.add(1.0, value / unit);
    }
    let (value, deviation) = (unit * alike.mean(), unit * alike.deviation());
    Estimate::from_sums(value, deviation, weights.len(), &weighed, outside_support)
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
    let mut sums = Weighted::default();
    let unit = log.unit();
    for (&weight, round) in weights.iter().zip(log.plain()) {
        sums.add(weight, round.reward / unit);
    }
    Estimate::ratio(&sums, log.unit(), weights.len(), outside_support)
}

/// [`self_normalised`] for every arm held fixed, in the order of the arms.
///
/// All of them together cost one pass over the log, and a step for each arm that a set leaves out, for each
/// different set of the log.
#[must_use]
pub fn self_normalised_arms(log: &Log) -> Vec<Result<Estimate, EstimateError>> {
    self_normalised_arms_watched(log, |_| ())
}

/// [`self_normalised_arms`], telling now and then which share of the work is done, from 0 to 1.
#[must_use]
pub fn self_normalised_arms_watched(
    log: &Log,
    mut watch: impl FnMut(f64),
) -> Vec<Result<Estimate, EstimateError>> {
    /// Rounds, or arms asked of a set, between two reports: often enough to look at, seldom enough to cost nothing.
    const PACE: usize = 1 << 14;
    let rounds = log.rounds().len();
    let mut support = Support::new(log);
    // What counts for an arm because it was sent, and what counts for every arm that a set leaves out.
    let mut of_arm = vec![Weighted::default(); log.arms().len()];
    let mut of_set = vec![Weighted::default(); log.sets()];
    // Rounds by segment and set, where the segment does not show the whole set.
    let mut not_shown: HashMap<(SegmentId, u32), usize> = HashMap::new();
    for (number, round) in log.plain().enumerate() {
        if number % PACE == 0 {
            watch(0.5 * number as f64 / rounds as f64);
        }
        if !log.is_uniform() && !support.is_shown(round.segment, round.set) {
            *not_shown.entry((round.segment, round.set)).or_default() += 1;
        }
        let reward = round.reward / log.unit();
        of_arm[round.arm.index()].add(1.0 / round.propensity, reward);
        if round.set > 0 {
            // As `Fixed` has it: where its arm is not allowed, all that are allowed alike.
            let eligible = log.set(round.set).len() as f64;
            of_set[round.set as usize].add(1.0 / eligible / round.propensity, reward);
        }
    }

    let all = (0..log.arms().len() as u32).map(ArmId::new);
    let mut steps = 0;
    for (number, sums) in of_set.iter().enumerate().skip(1) {
        let set = log.set(number as u32);
        all.clone().filter(|&arm| !set.contains(arm)).for_each(|arm| of_arm[arm.index()].merge(sums));
        steps += log.arms().len();
        if steps >= PACE {
            steps = 0;
            watch(0.5 + 0.5 * number as f64 / of_set.len() as f64);
        }
    }

    // A fixed arm is outside unless it is in the set and shown, or the whole set is shown.
    let mut outside_support = vec![not_shown.values().sum::<usize>(); log.arms().len()];
    for (&(segment, set), rounds) in &not_shown {
        shown_of(log, segment, log.set(set)).for_each(|arm| outside_support[arm.index()] -= rounds);
    }
    let estimate = |(sums, outside)| Estimate::ratio(sums, log.unit(), rounds, outside);
    of_arm.iter().zip(outside_support).map(estimate).collect()
}

/// The weight of every round, and how many rounds lie outside the log's support.
fn weigh(log: &Log, target: &dyn TargetPolicy) -> Result<(Vec<f64>, usize), EstimateError> {
    if !log.has_propensities() {
        return Err(EstimateError::Missing { estimator: Estimator::Ips });
    }
    let mut support = Support::new(log);
    let mut outside_support = 0;
    let mut weights = Vec::with_capacity(log.rounds().len());
    for (number, round) in log.plain().enumerate() {
        // A uniform log could have shown every eligible arm, whatever it happened to show.
        let is_shown = log.is_uniform() || support.is_shown(round.segment, round.set);
        let eligible = log.set(round.set);
        let occasion = Occasion { round: number, segment: round.segment, eligible, is_shown };
        let probability = target.probability(&occasion, round.arm);
        if !(0.0..=1.0).contains(&probability) {
            return Err(EstimateError::Probability { round: number, probability });
        }
        if !is_shown && !target.is_supported(&occasion, log.shown(round.segment)) {
            outside_support += 1;
        }
        weights.push(probability / round.propensity);
    }
    Ok((weights, outside_support))
}
