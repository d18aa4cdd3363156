//! Learns which message to send: an embeddable multi-armed bandit over message template, channel, tone and send
//! time, by customer segment.
//!
//! A dunning or billing service asks how to contact a customer, gets an [arm](ArmSpace) and the exact probability
//! it was chosen with, sends, and days later reports whether the customer paid. Traffic shifts to what works,
//! inside the host's process, without locks, at the price of a table look-up.
//!
//! ```
//! use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
//! use tactful::{ArmSpace, Bandit, Reward, Segments, policy::Thompson};
//!
//! let arms = ArmSpace::builder()
//!     .dimension("template", ["friendly_reminder", "loss_aversion", "social_proof"])
//!     .dimension("channel", ["email", "sms", "whatsapp"])
//!     .forbid([("template", "loss_aversion"), ("channel", "whatsapp")])
//!     .build()?;
//! let segments = Segments::builder().attribute("stage", ["early", "late"]).build()?;
//! let bandit = Bandit::builder(arms, segments).policy(Thompson::default()).build()?;
//!
//! let no_sms = bandit.arms().eligible(|arm| arm.level("channel") != "sms"); // once; sets combine with & | -
//! let segment = bandit.segment([("stage", "early")])?;
//! let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
//! let decision = bandit.select(segment, &no_sms, &mut rng)?; // &self, any thread
//! println!("send {}", bandit.arms().arm(decision.arm()));
//! let token = decision.token(); // 64 characters, stored with the message
//!
//! let decision = bandit.parse(token)?; // days later, perhaps after a restart
//! bandit.reward(&decision, Reward::SUCCESS)?; // any thread, counted exactly once
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How it flows
//!
//! ```text
//! outcome ─► statistics ─► beliefs ─► policy ─► plan ─► decision ─► (host sends; waits) ─► outcome
//!            integer       posterior  beliefs   sparse   arm, token,                          │
//!            counters,     per arm    to prob-  table,   propensity ─► journal ◄──────────────┘
//!            by cohort        ▲       abilities immutable                 │
//!                └── snapshot · restore · merge                replay · estimators
//! ```
//!
//! Each stage is a module, and the modules below stand in the order of the flow. Between the counters at the start
//! and the draw at the end everything is a pure function; the mathematics runs when knowledge changes, not when a
//! message is sent.
//!
//! # What is guaranteed
//!
//! Each of these has tests with that word in their names.
//!
//! - *Exact propensity*: a decision is drawn from the very table whose columns add up to the number it carries.
//! - *Lock-free*: no thread, wherever it is stopped, keeps another from selecting or rewarding.
//! - *Exactly once*: a reward delivered twice, by two threads at once or after a restart, counts once.
//! - *Order-free*: the same outcomes in any order on any number of threads give the same statistics, bit for bit.
//! - *No panic on data*: NaN, unknown ids, empty sets, damaged tokens and hostile files come back as typed errors,
//!   and leave the state as it was. (Misspelt names *in the program* panic, with the known names.)
//! - *Nothing lost*: what the journal has reported durable is there after a kill or a crash at any byte.
//! - *Reproducible*: same seed, same calls, same decisions, on every platform.
//!
//! # What it is not
//!
//! No service, no storage, no clock, no threads, no network: the host has those. No guard of consent or contact
//! rules: the host says which arms are eligible, and the crate keeps to it. No long-term planner: each message is
//! judged by its own reward.

#![warn(clippy::unwrap_used, clippy::float_cmp)]

mod sync;

pub mod arm;
pub mod features;
pub mod segment;

pub mod reward;
pub mod time;

pub mod statistics;

pub mod holdout;

pub mod belief;

pub mod policy;

pub mod plan;

pub mod decision;

pub mod delta;
pub mod snapshot;

#[cfg(feature = "journal")]
pub mod journal;

pub mod bandit;

pub mod insight;

pub mod evaluation;

pub mod simulation;

#[cfg(feature = "report")]
pub mod report;

pub use arm::{Arm, ArmId, ArmSpace, Eligibility};
pub use bandit::{Bandit, BanditBuilder, Refresh, Selector};
pub use decision::{Decision, DecisionId, Token, TokenKey};
pub use delta::Delta;
pub use features::{FeatureError, Features, FeaturesError};
pub use plan::{Cadence, Plan};
pub use reward::{Outcome, Reward, RewardKind, RewardRule, Stage};
pub use segment::{SegmentId, Segments};
pub use snapshot::Snapshot;
pub use statistics::{ArmStatistics, StatisticsError};
pub use time::Timestamp;

#[cfg(pause)]
pub use sync::pausing;

/// The README's Rust examples, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
