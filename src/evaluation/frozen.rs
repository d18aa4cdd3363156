//! A policy that learns, as a target: frozen at what it has learnt.

use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::fmt;

use crate::arm::{ArmId, Eligibility};
use crate::bandit::{Bandit, SelectError};
use crate::belief::{Beta, WarmStart};
use crate::policy::{Policy, Portfolio, View};
use crate::reward::Reward;
use crate::segment::SegmentId;
use crate::statistics::{ArmStatistics, StatisticsError};

use super::alike::Varies;
use super::cells::Cells;
use super::learnt::{Before, Learnt};
use super::log::Log;
use super::model::{FOLDS, fold};
use super::target::{Occasion, TargetPolicy};

/// What a policy would send in each segment of a log, given what it knows now and will not add to.
///
/// ```
/// # use tactful::evaluation::{Log, Round};
/// # use tactful::{ArmId, ArmSpace, Reward, RewardKind, SegmentId, Segments};
/// use tactful::belief::Beta;
/// use tactful::evaluation::{Frozen, self_normalised};
/// use tactful::policy::Thompson;
///
/// # let arms = ArmSpace::builder().dimension("template", ["friendly", "firm"]).build()?;
/// # let rounds = (0..1000).map(|number| Round {
/// #     segment: SegmentId::new(0),
/// #     arm: ArmId::new(number % 2),
/// #     propensity: 0.5,
/// #     reward: Reward::from(number % 10 == 1),
/// #     eligible: None,
/// # });
/// # let log = Log::new(arms, Segments::single(), RewardKind::Binary, rounds)?.declare_uniform()?;
/// // Of `firm` 20 % were paid, of `friendly` none: Thompson sampling sends hardly anything else.
/// let target = Frozen::trained(&log, &Thompson::default(), Beta::UNIFORM, 0.01)?;
/// assert!((self_normalised(&log, &target)?.value - 0.2).abs() < 0.01);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Frozen {
    /// By segment and digest of the eligible set; more than one row only where digests collide.
    rows: HashMap<(SegmentId, u64), Vec<Row>>,
    variants: usize,
}

/// The probabilities of all arms for an eligible set, by variant.
#[derive(Clone, Debug)]
struct Row {
    eligible: Eligibility,
    probabilities: Vec<Vec<f64>>,
}

/// Why a policy cannot be frozen over a log.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FrozenError {
    /// The policy learns from more than counts and rewards: from the probabilities with which it selected itself, or
    /// from further goals.
    Policy {
        /// The policy.
        policy: String,
    },
    /// The bandit has other arms or segments than the log.
    Space {
        /// Fingerprints of the log's arms and segments.
        log: (u64, u64),
        /// Fingerprints of the bandit's.
        bandit: (u64, u64),
    },
    /// The warm start was made for other arms or segments than the log's.
    WarmStart,
    /// There are more rounds than counters count.
    Statistics(StatisticsError),
    /// The bandit has no plan for a set of the log.
    Select(SelectError),
}

impl fmt::Display for FrozenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy { policy } => write!(
                f,
                "{policy} learns from more than counts and rewards, such as the probabilities with which it selected \
                 itself, and cannot be trained on what another policy selected"
            ),
            Self::Space { .. } => f.write_str("the bandit has other arms or segments than the log"),
            Self::WarmStart => {
                f.write_str("the warm start was made for other arms or segments than the log's")
            }
            Self::Statistics(error) => error.fmt(f),
            Self::Select(error) => error.fmt(f),
        }
    }
}

impl Error for FrozenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Statistics(error) => Some(error),
            Self::Select(error) => Some(error),
            _ => None,
        }
    }
}

impl Frozen {
    /// A policy that has seen the rounds of a log, and will then be asked about the same log: for each round it has
    /// learnt from the rounds of the other [folds](super::FOLDS) only, so that it does not flatter itself. `exploration`
    /// is the share that it spreads evenly over all eligible arms.
    ///
    /// Its counts are of the log's selections, as if it had inherited the log and not written it.
    ///
    /// # Errors
    ///
    /// [`FrozenError`] for policies that learn from what counts do not tell.
    pub fn trained(
        log: &Log,
        policy: &dyn Policy,
        prior: Beta,
        exploration: f64,
    ) -> Result<Self, FrozenError> {
        Self::learning(log, policy, Before::Alike(prior), exploration)
    }

    /// The same for a policy that has learnt elsewhere before. What it has learnt there must not be of this log.
    ///
    /// # Errors
    ///
    /// [`FrozenError`] as [`trained`](Self::trained), and for a start that was made for other arms or segments than the log's.
    pub fn trained_from(
        log: &Log,
        policy: &dyn Policy,
        start: &WarmStart,
        exploration: f64,
    ) -> Result<Self, FrozenError> {
        if !start.fits(log.arms(), log.segments()) {
            return Err(FrozenError::WarmStart);
        }
        Self::learning(log, policy, Before::Warm(start), exploration)
    }

    fn learning(
        log: &Log,
        policy: &dyn Policy,
        before: Before<'_>,
        exploration: f64,
    ) -> Result<Self, FrozenError> {
        if policy.importance(log.arms().len()).is_some() || policy.goals() > 0 {
            return Err(FrozenError::Policy { policy: policy.name() });
        }
        let cells = Cells::of(log);
        let outside = outside_folds(log, &cells).map_err(FrozenError::Statistics)?;
        let probabilities = |segment: SegmentId, eligible: &Eligibility| {
            let arms: Vec<ArmId> = eligible.iter().collect();
            let of_fold = |counts: &Vec<ArmStatistics>| {
                let learnt = Learnt { log, cells: &cells, counts, before };
                let statistics = learnt.statistics(segment, &arms);
                let posteriors = learnt.posteriors(segment, &arms);
                let view = View::new(&arms, &posteriors, &statistics);
                let view = view.of_segment(segment).with_portfolio(&learnt);
                let shares = normalised(policy.probabilities(&view).to_dense(arms.len()));
                let even = exploration / arms.len() as f64;
                let mut all = vec![0.0; log.arms().len()];
                for (arm, share) in arms.iter().zip(shares) {
                    all[arm.index()] = (1.0 - exploration) * share + even;
                }
                all
            };
            Ok(outside.iter().map(of_fold).collect())
        };
        Self::over(log, FOLDS, probabilities)
    }

    /// A bandit as it is now, such as one restored from a snapshot: the probabilities of its plans, exploration share,
    /// floors and caps included. Where it has learnt from this very log, its value flatters it.
    ///
    /// # Errors
    ///
    /// [`FrozenError`] for a bandit that does not fit the log.
    pub fn of(bandit: &Bandit, log: &Log) -> Result<Self, FrozenError> {
        let ours = (log.arms().fingerprint(), log.segments().fingerprint());
        let theirs = (bandit.arms().fingerprint(), bandit.segments().fingerprint());
        if ours != theirs {
            return Err(FrozenError::Space { log: ours, bandit: theirs });
        }
        let probabilities = |segment: SegmentId, eligible: &Eligibility| {
            let plan = bandit.plan(segment, eligible).map_err(FrozenError::Select)?;
            let arms = (0..log.arms().len() as u32).map(ArmId::new);
            let of = |arm| if eligible.contains(arm) { plan.propensity(arm) } else { 0.0 };
            Ok(vec![arms.map(of).collect()])
        };
        Self::over(log, 1, probabilities)
    }

    /// Asks once for each segment with each of its sets.
    fn over(
        log: &Log,
        variants: usize,
        probabilities: impl Fn(SegmentId, &Eligibility) -> Result<Vec<Vec<f64>>, FrozenError>,
    ) -> Result<Self, FrozenError> {
        let mut asked = HashSet::new();
        let mut rows: HashMap<(SegmentId, u64), Vec<Row>> = HashMap::new();
        for round in log.plain() {
            if !asked.insert((round.segment, round.set)) {
                continue;
            }
            let eligible = log.set(round.set);
            let alike = rows.entry((round.segment, eligible.digest())).or_default();
            if !alike.iter().any(|row| row.eligible == *eligible) {
                let probabilities = probabilities(round.segment, eligible)?;
                alike.push(Row { eligible: eligible.clone(), probabilities });
            }
        }
        Ok(Self { rows, variants })
    }

    /// The part of the log from which the policy of this round did not learn.
    fn of_round(&self, round: usize) -> usize {
        if self.variants == 1 { 0 } else { fold(round) }
    }
}

impl TargetPolicy for Frozen {
    /// NaN for a segment or a set that the log does not have.
    fn probability(&self, occasion: &Occasion<'_>, arm: ArmId) -> f64 {
        let alike = self.rows.get(&(occasion.segment, occasion.eligible.digest()));
        let row = alike.and_then(|alike| alike.iter().find(|row| row.eligible == *occasion.eligible));
        let of = row.and_then(|row| row.probabilities.get(self.of_round(occasion.round)));
        of.and_then(|probabilities| probabilities.get(arm.index())).copied().unwrap_or(f64::NAN)
    }

    fn varies(&self) -> Varies {
        if self.variants == 1 { Varies::Not } else { Varies::ByFold }
    }
}

/// Scaled to sum to one; all alike where nothing is left.
fn normalised(mut shares: Vec<f64>) -> Vec<f64> {
    for share in &mut shares {
        if !(*share > 0.0 && share.is_finite()) {
            *share = 0.0;
        }
    }
    let (sum, even) = (shares.iter().sum::<f64>(), 1.0 / shares.len() as f64);
    let scaled = |share: f64| if sum > 0.0 { share / sum } else { even };
    shares.into_iter().map(scaled).collect()
}

/// The counters of each cell outside each fold: `[fold][cell]`.
fn outside_folds(log: &Log, cells: &Cells) -> Result<Vec<Vec<ArmStatistics>>, StatisticsError> {
    let mut inside = vec![vec![ArmStatistics::default(); cells.len()]; FOLDS];
    let kind = log.reward_kind();
    for (number, round) in log.plain().enumerate() {
        // The rounds of a log have segments, arms and rewards of the log.
        let cell = cells.find(round.segment, round.arm);
        let Some((cell, quantity)) = cell.zip(kind.quantity(Reward::new(round.reward)).ok()) else {
            continue;
        };
        let counters: &mut ArmStatistics = &mut inside[fold(number)][cell];
        *counters = counters.merge(ArmStatistics::from_parts(1, 1, quantity.get(), quantity.square()))?;
    }
    let mut outside = vec![vec![ArmStatistics::default(); cells.len()]; FOLDS];
    for (left_out, counters) in outside.iter_mut().enumerate() {
        for fold in inside.iter().enumerate().filter(|(number, _)| *number != left_out) {
            for (counter, more) in counters.iter_mut().zip(fold.1) {
                *counter = counter.merge(*more)?;
            }
        }
    }
    Ok(outside)
}
