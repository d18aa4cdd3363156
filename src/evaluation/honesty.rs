//! What a log cannot answer, in plain language.

use std::f64::consts::SQRT_2;
use std::fmt;

use statrs::function::erf::erfc;
use statrs::function::gamma::gamma_ur;

use crate::arm::ArmId;

use super::adaptivity::chance_of_drift;
use super::calibration::{Calibration, calibrated};
use super::log::Log;
use super::log_sums::LogSums;
use super::outline::Outline;
use super::roundwise::Evaluation;

/// Below so many equally weighted rounds a normal interval is not to be trusted.
const FEW_ROUNDS: f64 = 100.0;
/// Nor where less than this share of the rounds says anything.
const SMALL_SHARE: f64 = 0.01;
/// A round that counts for more than so many others.
const LARGE_WEIGHT: f64 = 1000.0;
/// Sample ratios that chance makes less often than this are alarms: A. Fabijan et al. (2019), *Diagnosing Sample Ratio
/// Mismatch in Online Controlled Experiments*, take about as much.
const ALARM: f64 = 0.001;

/// Why a value is not to be trusted as it stands. Displays as a sentence without its end.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Warning {
    /// Nobody knows with what probabilities arms were sent.
    NoPropensities,
    /// The log was declared observational: its propensities are somebody's guess.
    Observational,
    /// Every propensity is 1, and yet several arms were sent.
    ConstantPropensities {
        /// How many arms were sent.
        arms: usize,
    },
    /// Realised counts are not what the propensities make likely.
    SampleRatio {
        /// The arm that is furthest off.
        arm: ArmId,
        /// How often it was sent.
        sent: usize,
        /// How often it would have been by the propensities, about.
        expected: f64,
        /// The chance of counts that are as far off, over all arms.
        chance: f64,
    },
    /// Arms with propensities of some size were sent more or less often than these say.
    Miscalibrated {
        /// The range of propensities that is furthest off, its lower end not included.
        range: (f64, f64),
        /// The share that was to be sent.
        logged: f64,
        /// The share that was sent.
        realised: f64,
        /// The chance of a share as far off, over all ranges.
        chance: f64,
    },
    /// Propensities follow what was learnt meanwhile: so it was declared, or so they drift.
    Adaptive {
        /// The chance of such a drift where nobody learns; none where it was declared.
        chance: Option<f64>,
    },
    /// The effective sample size is below 100, or 1 % of the rounds.
    FewEffectiveRounds {
        /// The effective sample size.
        effective: f64,
        /// Rounds looked at.
        rounds: usize,
    },
    /// A weight is above 1,000.
    LargeWeight {
        /// The largest.
        weight: f64,
    },
    /// The target may send what the log never shows.
    OutsideSupport {
        /// In so many rounds.
        outside: usize,
        /// Of so many.
        rounds: usize,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPropensities => f.write_str(
                "the log has no propensities: nobody knows with what probability each arm was sent, so that \
                 differences between arms may be due to who was sent what; only a reward model can be asked, and its \
                 value is not to be trusted",
            ),
            Self::Observational => f.write_str(
                "the log is observational: its propensities are guesses, and differences between arms may be due to \
                 who was sent what",
            ),
            Self::ConstantPropensities { arms } => write!(
                f,
                "every propensity is 1 although {arms} arms were sent: these are no probabilities of a random choice, \
                 and weights by them mean nothing"
            ),
            Self::SampleRatio { sent, expected, chance, .. } => write!(
                f,
                "arms were not sent as often as their propensities say (the worst {sent} times instead of about \
                 {expected:.0}; chance alone does this with probability {chance:.1e}): propensities are wrong, or rounds \
                 are missing"
            ),
            Self::Miscalibrated { range: (from, to), logged, realised, chance } => write!(
                f,
                "propensities between {from} and {to} are off: {:.3} % were to be sent by them, {:.3} % were (chance alone \
                 does this with probability {chance:.1e})",
                100.0 * logged,
                100.0 * realised
            ),
            Self::Adaptive { chance } => {
                f.write_str("the log is that of a policy that learnt meanwhile")?;
                if let Some(chance) = chance {
                    write!(f, " (its propensities drift; chance alone does this with probability {chance:.1e})")?;
                }
                f.write_str(
                    ": normal, bootstrap and Bernstein intervals are those of a fixed sample and may cover less than \
                     they say there; confidence sequences do hold",
                )
            }
            Self::FewEffectiveRounds { effective, rounds } => write!(
                f,
                "the log says little about this target: {rounds} rounds weigh as much as {effective:.1} of equal weight, \
                 so that intervals are too narrow if anything"
            ),
            Self::LargeWeight { weight } => write!(
                f,
                "the largest weight is {weight:.0}: one round counts for thousands, and another log may give quite \
                 another value"
            ),
            Self::OutsideSupport { outside, rounds } => write!(
                f,
                "in {outside} of {rounds} rounds the target may send an arm that the log never shows in that segment; \
                 what that would earn is not in the log"
            ),
        }
    }
}

/// All that takes from the trust in an evaluation of this log.
#[must_use]
pub fn warnings(log: &Log, evaluation: &Evaluation) -> Vec<Warning> {
    warned(log.outline(), &LogSums::of(log), evaluation)
}

/// The same by the sums of a log.
pub(super) fn warned(outline: &Outline, sums: &LogSums, evaluation: &Evaluation) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let rounds = evaluation.rounds;
    if !outline.has_propensities() {
        warnings.push(Warning::NoPropensities);
    } else {
        if outline.is_observational() {
            warnings.push(Warning::Observational);
        }
        let sent = sent(outline, sums);
        let arms = sent.iter().filter(|&&count| count > 0).count();
        if arms > 1 && outline.least_propensity() >= 1.0 {
            warnings.push(Warning::ConstantPropensities { arms });
        } else {
            // Where counts are off the ranges are too; told once.
            let off = sample_ratio(outline, sums, &sent).filter(|mismatch| mismatch.chance < ALARM);
            let off = off.map(|SampleRatio { arm, sent, expected, chance }| Warning::SampleRatio {
                arm,
                sent,
                expected,
                chance,
            });
            warnings.extend(off.or_else(|| miscalibrated(outline, sums)));
        }
        let drift = chance_of_drift(sums).filter(|&chance| !outline.is_uniform() && chance < ALARM);
        if outline.is_adaptive() || drift.is_some() {
            let chance = drift.filter(|_| !outline.is_adaptive());
            warnings.push(Warning::Adaptive { chance });
        }
        let effective = evaluation.effective_sample_size;
        if effective < FEW_ROUNDS || effective < SMALL_SHARE * rounds as f64 {
            warnings.push(Warning::FewEffectiveRounds { effective, rounds });
        }
        if evaluation.largest_weight > LARGE_WEIGHT {
            warnings.push(Warning::LargeWeight { weight: evaluation.largest_weight });
        }
    }
    if evaluation.outside_support > 0 {
        warnings.push(Warning::OutsideSupport { outside: evaluation.outside_support, rounds });
    }
    warnings
}

/// The range of propensities that is furthest off, if chance hardly ever does that. The chances of all ranges are added
/// (C. E. Bonferroni).
fn miscalibrated(outline: &Outline, sums: &LogSums) -> Option<Warning> {
    let ranges = calibrated(outline, sums);
    let worst = ranges.iter().max_by(|a, b| a.z.abs().total_cmp(&b.z.abs()))?;
    let chance = ranges.len() as f64 * erfc(worst.z.abs() / SQRT_2);
    let Calibration { range, logged, realised, .. } = *worst;
    (chance < ALARM).then_some(Warning::Miscalibrated { range, logged, realised, chance })
}

/// The arm whose count is furthest from what the propensities say.
struct SampleRatio {
    arm: ArmId,
    sent: usize,
    expected: f64,
    chance: f64,
}

/// How often each arm was sent.
fn sent(outline: &Outline, sums: &LogSums) -> Vec<usize> {
    let mut sent = vec![0; outline.arms().len()];
    sums.cells().iter().for_each(|(_, arm, sums)| sent[arm.index()] += sums.sent as usize);
    sent
}

fn sample_ratio(outline: &Outline, sums: &LogSums, sent: &[usize]) -> Option<SampleRatio> {
    if outline.is_uniform() { by_counts(outline, sums, sent) } else { by_weights(outline, sums, sent) }
}

/// Rounds that allow each arm, each with its share where all eligible arms are alike: for one arm, the sums of 1 and of
/// 1 over the number of eligible arms.
fn allowed(outline: &Outline, sums: &LogSums) -> Vec<(f64, f64)> {
    let mut whole = 0.0;
    let mut allowed = vec![(0.0, 0.0); outline.arms().len()];
    for (number, &rounds) in sums.of_sets().iter().enumerate().filter(|&(_, &rounds)| rounds > 0.0) {
        let set = outline.set(number as u32);
        if set.is_all() {
            whole += rounds;
            continue;
        }
        set.iter().for_each(|arm| {
            allowed[arm.index()].0 += rounds;
            allowed[arm.index()].1 += rounds / set.len() as f64;
        });
    }
    let arms = allowed.len() as f64;
    allowed.iter().map(|&(rounds, share)| (rounds + whole, share + whole / arms)).collect()
}

/// Pearson's χ² of the counts of a uniform log.
fn by_counts(outline: &Outline, sums: &LogSums, sent: &[usize]) -> Option<SampleRatio> {
    let expected: Vec<f64> = allowed(outline, sums).into_iter().map(|(_, share)| share).collect();
    let terms = || {
        let distance = |(&sent, &expected): (&usize, &f64)| (sent as f64 - expected).powi(2) / expected;
        sent.iter().zip(&expected).map(distance)
    };
    // Below about five, χ² is not the law of the statistic.
    if sent.len() < 2 || expected.iter().any(|&expected| expected < 5.0) {
        return None;
    }
    let freedom = (sent.len() - 1) as f64;
    let statistic = terms().sum::<f64>();
    // The function is not defined at 0, where counts are exactly as expected.
    let chance = if statistic > 0.0 { gamma_ur(freedom / 2.0, statistic / 2.0) } else { 1.0 };
    let worst = terms().enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).map(|(arm, _)| arm)?;
    Some(SampleRatio { arm: ArmId::new(worst as u32), sent: sent[worst], expected: expected[worst], chance })
}

/// Σ 1/b over the rounds that sent an arm has the mean n, the number of rounds that could have, and the variance
/// Σ (1/b − 1) over those. Which rounds could have is not in the log: at least those of segments that show the arm, at
/// most all that allow it, and the sum may lie anywhere between. The chances of all arms are added (C. E. Bonferroni).
fn by_weights(outline: &Outline, of: &LogSums, sent: &[usize]) -> Option<SampleRatio> {
    let arms = sent.len();
    let (mut sums, mut variances): (Vec<f64>, Vec<f64>) = (vec![0.0; arms], vec![0.0; arms]);
    let most = allowed(outline, of);
    let mut least: Vec<f64> = vec![0.0; arms];
    for (segment, arm, cell) in of.cells() {
        let arm = arm.index();
        sums[arm] += cell.weights;
        variances[arm] += cell.squares - cell.weights;
        least[arm] += of.of_segment(segment);
    }
    let mut worst: Option<SampleRatio> = None;
    for arm in (0..arms).filter(|&arm| sent[arm] > 0) {
        let rounds = sums[arm].clamp(least[arm].min(most[arm].0), most[arm].0);
        let weight = sums[arm] / sent[arm] as f64;
        let expected = rounds / weight;
        // The variance by the rounds that could have, where fewer than expected were sent.
        let variance = variances[arm].max(rounds * (weight - 1.0));
        if expected < 5.0 || !(variance > 0.0) {
            continue;
        }
        let chance = arms as f64 * erfc((sums[arm] - rounds).abs() / (2.0 * variance).sqrt());
        if worst.as_ref().is_none_or(|worst| chance < worst.chance) {
            let (arm, sent) = (ArmId::new(arm as u32), sent[arm]);
            worst = Some(SampleRatio { arm, sent, expected, chance: chance.min(1.0) });
        }
    }
    worst
}
