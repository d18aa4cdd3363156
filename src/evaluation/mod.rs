//! Offline evaluation: what would another policy have earned, by a log of what was sent?
//!
//! A [`Log`] is a list of rounds, each with its segment, its arm, the probability with which that arm was drawn
//! and its reward. Two kinds of question can be put to it.
//!
//! * **A policy that does not learn** ([`TargetPolicy`]: uniform, one fixed arm, a table): every round counts,
//!   weighted by how much more or less often the target would have sent what was sent.
//!   [`inverse_propensity`] is unbiased, [`self_normalised`] steadier; a [`Question`] put to an [`Evaluator`] asks
//!   these and eight more [estimators](Estimator), with reward models, several kinds of interval, and the
//!   [warnings] that go with the answers.
//!   Rounds that nobody keeps answer most of it as they go by: a [`Stream`] of them, and memory that does not grow.
//! * **A policy that learns** (a [`Bandit`](crate::Bandit)): what it would have sent next depends on what it saw
//!   before, so rounds cannot just be weighted. [`replay`] offers it the rounds one by one and keeps those which
//!   it would itself have drawn; it learns from these through the very code that runs in production.
//!
//! What a log cannot answer is how often an arm pays that it never shows. Every [`Estimate`] therefore counts the
//! rounds outside the log's support and carries its interval, its effective sample size and its largest weight:
//! a value without them says little. Logs without known propensities (observational data) answer neither
//! question.
//!
//! ```
//! use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
//! use tactful::evaluation::{Log, Rejection, Round, replay, self_normalised};
//! use tactful::{ArmId, ArmSpace, Bandit, Reward, RewardKind, SegmentId, Segments, policy};
//!
//! let arms = ArmSpace::builder().dimension("template", ["friendly", "firm"]).build()?;
//! let rounds = (0..1000).map(|number| Round {
//!     segment: SegmentId::new(0),
//!     arm: ArmId::new(number % 2),
//!     propensity: 0.5,
//!     reward: Reward::from(number % 10 == 1),
//!     eligible: None,
//! });
//! let log = Log::new(arms, Segments::single(), RewardKind::Binary, rounds)?.declare_uniform()?;
//!
//! let firm = self_normalised(&log, &policy::Fixed::new(ArmId::new(1)))?;
//! assert!((firm.value - 0.2).abs() < 1e-12);
//!
//! let bandit = Bandit::builder(log.arms().clone(), log.segments().clone()).build()?;
//! let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
//! let learnt = replay(&bandit, &log, Rejection::default(), &mut rng)?;
//! assert!(learnt.value > 0.1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod adaptivity;
mod alike;
mod anytime;
mod arm_groups;
mod best_per_segment;
mod calibration;
mod cells;
mod columns;
#[cfg(feature = "csv")]
pub mod csv;
mod estimate;
mod exponential_mixture;
#[cfg(feature = "journal")]
mod from_journal;
mod frozen;
mod glance;
mod honesty;
mod inverse_propensity;
mod learnt;
mod log;
mod log_sums;
mod marginal;
mod model;
mod outline;
#[cfg(feature = "csv")]
mod passing;
mod question;
mod rejection;
mod replay;
mod results;
mod round;
mod round_table;
mod rounds;
mod roundwise;
mod segment_tree;
mod shared;
mod shown;
mod stream;
mod support;
mod target;
mod weighted;
mod weighted_rounds;

pub use alike::Varies;
pub use anytime::{Anytime, RunningValue};
pub use arm_groups::{ArmGroups, UnknownDimension};
pub use best_per_segment::BestPerSegment;
pub use calibration::{Calibration, calibration};
pub use estimate::{Estimate, EstimateError};
#[cfg(feature = "journal")]
pub use from_journal::{FromJournal, FromJournalError};
pub use frozen::{Frozen, FrozenError};
pub use glance::{Known, weight_counts};
pub use honesty::{Warning, warnings};
pub use inverse_propensity::{
    inverse_propensity, self_normalised, self_normalised_arms, self_normalised_arms_watched,
};
pub use log::Log;
pub use model::{AdditiveModel, FOLDS, PooledModel, RewardModel, fold};
pub use outline::Outline;
pub use question::Question;
pub use rejection::{Rejection, RejectionError};
pub use replay::{ReplayError, replay, replay_watched};
pub use results::tried;
pub use round::{LogError, Round, RoundError};
pub use round_table::{RoundProbabilities, RoundRewards, RoundTableError};
pub use rounds::{Rounds, RoundsIter};
pub use roundwise::{
    Answer, Difference, Estimator, Evaluable, Evaluation, Evaluator, Interval, UnknownEstimator,
};
pub use segment_tree::{Group, SegmentTree, Split, Worth};
pub use stream::{Cannot, Stream, StreamBuilder, StreamError, Streamed};
pub use target::{Occasion, TableError, TargetPolicy, TargetTable};
pub use weighted_rounds::WeightedRounds;
