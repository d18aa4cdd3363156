//! How likely the levels of chosen dimensions were in the log, as far as it tells.

use std::collections::HashMap;

use crate::arm::ArmId;
use crate::segment::SegmentId;

use super::arm_groups::ArmGroups;
use super::cells::Cells;
use super::log::Log;
use super::outline::Outline;
use super::target::{Occasion, TargetPolicy};

/// The weight w(e) = π(e) / b(e) of a round's group of arms, e.
///
/// Y. Saito, T. Joachims (2022), *Off-Policy Evaluation for Large Action Spaces via Embeddings*. The log has b only for
/// the arm that was sent, so b(e) takes more: a uniform log gives it by counting; a log whose propensities are the same
/// in every round of a segment shows its whole policy; of any other log, w(e) is the mean weight of the segment's rounds
/// with those levels, by their section on estimating the marginal weights: w(x, e) = E[w(x, a) | x, e].
#[derive(Debug)]
pub(super) enum Marginal {
    /// b(e) is the share of eligible arms.
    Counted,
    /// b(e) by segment and group.
    Shown(HashMap<(SegmentId, usize), f64>),
    /// w(e) by segment and group.
    Averaged(HashMap<(SegmentId, usize), f64>),
}

impl Marginal {
    pub(super) fn new(log: &Log, target: &dyn TargetPolicy, groups: &ArmGroups) -> Self {
        if log.is_uniform() {
            return Self::Counted;
        }
        if let Some(shown) = shown(log, groups) {
            return Self::Shown(shown);
        }
        let mut means: HashMap<(SegmentId, usize), (f64, f64)> = HashMap::new();
        for (number, round) in log.plain().enumerate() {
            let weight = target.probability(&Occasion::of(log.outline(), number, &round), round.arm)
                / round.propensity;
            let Some(group) = groups.group(round.arm) else { continue };
            let sums = means.entry((round.segment, group)).or_default();
            sums.0 += weight;
            sums.1 += 1.0;
        }
        Self::Averaged(means.into_iter().map(|(key, (sum, count))| (key, sum / count)).collect())
    }

    /// w(e) of a round of this segment, arm and set, given what the target's probability of its group is, which not every log needs.
    pub(super) fn weight(
        &self,
        outline: &Outline,
        segment: SegmentId,
        arm: ArmId,
        set: u32,
        groups: &ArmGroups,
        probability: impl FnOnce(usize) -> f64,
    ) -> f64 {
        let Some(group) = groups.group(arm) else { return f64::NAN };
        match self {
            Self::Counted => {
                let eligible = outline.set(set);
                let among = groups.members(group).iter().filter(|&&arm| eligible.contains(arm)).count();
                probability(group) * eligible.len() as f64 / among as f64
            }
            Self::Shown(behaviour) => {
                let share = behaviour.get(&(segment, group)).copied().unwrap_or(f64::NAN);
                probability(group) / share
            }
            Self::Averaged(weights) => weights.get(&(segment, group)).copied().unwrap_or(f64::NAN),
        }
    }
}

/// b(e) by segment and group, if in every segment each arm has one propensity, and those of the arms shown make one.
fn shown(log: &Log, groups: &ArmGroups) -> Option<HashMap<(SegmentId, usize), f64>> {
    let propensities = policy(log)?;
    let mut shares = HashMap::new();
    let mut sums: HashMap<SegmentId, f64> = HashMap::new();
    for (&(segment, arm), propensity) in propensities.0.pairs().iter().zip(&propensities.1) {
        *shares.entry((segment, groups.group(arm)?)).or_default() += propensity;
        *sums.entry(segment).or_default() += propensity;
    }
    // As much as decimal fractions of finitely many digits may be off.
    sums.values().all(|sum| (sum - 1.0).abs() <= 1e-6).then_some(shares)
}

/// The propensity of each pair that the log shows, if it is the same in all its rounds, and no round restricts its arms.
pub(super) fn policy(log: &Log) -> Option<(Cells, Vec<f64>)> {
    let cells = Cells::of(log);
    let mut propensities = vec![f64::NAN; cells.len()];
    for round in log.plain() {
        if !log.set(round.set).is_all() {
            return None;
        }
        let propensity = &mut propensities[cells.find(round.segment, round.arm)?];
        if propensity.is_nan() {
            *propensity = round.propensity;
        } else if !((*propensity - round.propensity).abs() <= 1e-9 * round.propensity) {
            return None;
        }
    }
    Some((cells, propensities))
}
