//! Replay: a learning bandit goes through a log as if it were live.

use std::error::Error;
use std::fmt;

use rand::Rng;

use crate::arm::ArmId;
use crate::bandit::{Bandit, RewardError, SelectError};
use crate::plan::Plan;
use crate::reward::{Reward, RewardKind};

use super::estimate::{Estimate, EstimateError};
use super::log::Log;
use super::rejection::Rejection;
use super::support::Support;
use super::weighted::Weighted;

/// Why a bandit cannot be replayed over a log.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ReplayError {
    /// The bandit has other arms or segments than the log.
    Space {
        /// Fingerprints of the log's arms and segments.
        log: (u64, u64),
        /// Fingerprints of the bandit's.
        bandit: (u64, u64),
    },
    /// The bandit takes other rewards than the log has.
    RewardKind {
        /// The rewards of the log.
        log: RewardKind,
        /// The rewards of the bandit.
        bandit: RewardKind,
    },
    /// The bandit has made decisions already, so it would not learn from this log alone.
    NotFresh,
    /// A decision failed.
    Select {
        /// The round, from 0.
        round: usize,
        /// Why.
        error: SelectError,
    },
    /// A reward failed.
    Reward {
        /// The round, from 0.
        round: usize,
        /// Why.
        error: RewardError,
    },
    /// No round was kept, or none offered.
    Estimate(EstimateError),
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Space { log, bandit } => write!(
                f,
                "the log has arms {:016x} and segments {:016x}, the bandit {:016x} and {:016x}",
                log.0, log.1, bandit.0, bandit.1
            ),
            Self::RewardKind { log, bandit } => {
                write!(f, "the log has rewards {log:?}, the bandit takes {bandit:?}")
            }
            Self::NotFresh => {
                f.write_str("the bandit has made decisions already; build a fresh one to replay")
            }
            Self::Select { round, error } => write!(f, "round {round}: {error}"),
            Self::Reward { round, error } => write!(f, "round {round}: {error}"),
            Self::Estimate(EstimateError::NoOverlap { rounds }) => {
                write!(f, "none of {rounds} rounds was kept")
            }
            Self::Estimate(error) => error.fmt(f),
        }
    }
}

impl Error for ReplayError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Select { error, .. } => Some(error),
            Self::Reward { error, .. } => Some(error),
            Self::Estimate(error) => Some(error),
            _ => None,
        }
    }
}

/// What a learning bandit would have earned: the mean reward of the rounds it keeps.
///
/// Each round in turn is offered to the bandit, which knows the exact probability π of what was sent from its
/// plan. The round is kept by [`Rejection`], that is as often as the bandit would itself have sent it; a kept
/// round becomes a decision and a reward of the bandit, which learns at once, by the code that runs in
/// production. Kept rounds are what a live run of as many rounds would have looked like (Li, Chu, Langford, Wang
/// 2011; Dudík, Erhan, Langford, Li 2012, see [`Rejection`]).
///
/// The value is thus the mean over a run of [`Estimate::used`] rounds from a fresh start, learning included. The
/// standard error takes the kept rounds as independent: it measures the chance in their rewards, not how
/// differently the policy would have learnt from another log. Takes one word from the generator per round.
///
/// # Errors
///
/// [`ReplayError`] for a bandit that does not fit the log or has a past, and where no round is kept.
pub fn replay<R: Rng + ?Sized>(
    bandit: &Bandit,
    log: &Log,
    rejection: Rejection,
    rng: &mut R,
) -> Result<Estimate, ReplayError> {
    replay_watched(bandit, log, rejection, rng, |_| ())
}

/// [`replay`], telling after each round how many were offered so far.
///
/// # Errors
///
/// As for [`replay`].
pub fn replay_watched<R: Rng + ?Sized>(
    bandit: &Bandit,
    log: &Log,
    rejection: Rejection,
    rng: &mut R,
    mut watch: impl FnMut(usize),
) -> Result<Estimate, ReplayError> {
    check(bandit, log)?;
    let mut envelope = rejection.envelope(log);
    let mut kept = Weighted::default();
    let mut support = Support::new(log);
    let mut outside_support = 0;
    for (number, round) in log.plain().enumerate() {
        let eligible = log.set(round.set);
        let failed = |error| ReplayError::Select { round: number, error };
        let plan = bandit.plan(round.segment, eligible).map_err(failed)?;
        let probability = plan.propensity(round.arm);
        let is_shown = log.is_uniform() || support.is_shown(round.segment, round.set);
        if !is_shown && !is_supported(&plan, log.shown(round.segment)) {
            outside_support += 1;
        }
        let scaled = envelope.scaled(probability, round.propensity);
        // A word for every round, kept for certain or not, so that one round's fate does not shift the next's.
        if unit(rng) < scaled {
            let decision = bandit.select_logged(round.segment, eligible, round.arm).map_err(failed)?;
            if kept.used == 0 && decision.id().sequence() != 0 {
                return Err(ReplayError::NotFresh);
            }
            let failed = |error| ReplayError::Reward { round: number, error };
            bandit.reward(&decision, Reward::new(round.reward)).map_err(failed)?;
            kept.add(scaled.max(1.0), round.reward / log.unit());
        }
        envelope.observe(probability, round.propensity);
        watch(number + 1);
    }
    let estimate = Estimate::ratio(&kept, log.unit(), kept.used, outside_support);
    let offered = log.rounds().len();
    match estimate {
        Ok(estimate) => Ok(Estimate { rounds: offered, ..estimate }),
        Err(EstimateError::NoRounds) if offered > 0 => {
            Err(ReplayError::Estimate(EstimateError::NoOverlap { rounds: offered }))
        }
        Err(error) => Err(ReplayError::Estimate(error)),
    }
}

fn check(bandit: &Bandit, log: &Log) -> Result<(), ReplayError> {
    let ours = (log.arms().fingerprint(), log.segments().fingerprint());
    let theirs = (bandit.arms().fingerprint(), bandit.segments().fingerprint());
    if ours != theirs {
        return Err(ReplayError::Space { log: ours, bandit: theirs });
    }
    if bandit.reward_kind() != log.reward_kind() {
        return Err(ReplayError::RewardKind { log: log.reward_kind(), bandit: bandit.reward_kind() });
    }
    // What was restored has counters but no numbers; what was decided on other arms shows by its first number.
    if log.pairs().any(|(segment, arm)| bandit.statistics(segment, arm).issued() > 0) {
        return Err(ReplayError::NotFresh);
    }
    Ok(())
}

/// Whether the log shows every arm (ascending) that the plan may draw.
fn is_supported(plan: &Plan, shown: &[ArmId]) -> bool {
    let unknown = |&arm: &ArmId| shown.binary_search(&arm).is_err() && plan.propensity(arm) > 0.0;
    !plan.eligible().iter().any(|arm| unknown(&arm))
}

/// A number in [0, 1) from the upper 53 bits of a word.
fn unit<R: Rng + ?Sized>(rng: &mut R) -> f64 {
    (rng.next_u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
}
