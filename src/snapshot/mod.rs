//! What was learnt, as plain versioned data keyed by names.
//!
//! Configuration is code, learning is the snapshot: it is taken from a bandit and restored into one that today's
//! code has built, whose dimensions and levels may have grown or shrunk meanwhile.

mod words;

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::arm::ArmSpace;
use crate::delta::ExchangeRecord;
use crate::features::{Features, FeaturesError};
use crate::reward::{RewardKind, Stage, StagedReward};
use crate::segment::Segments;
use crate::statistics::{ArmStatistics, Products, StatisticsError};
use crate::time::Window;

/// Everything a bandit has learnt and what it must remember to count each reward once.
///
/// Serialises with any serde format. Restoring checks it, so a snapshot may come from anywhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    pub(crate) version: u32,
    pub(crate) reward: RewardKind,
    /// Where there is a window: what cohorts and layers mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) waiting: Option<WaitingRecord>,
    /// The goals beside the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) goals: Vec<GoalRecord>,
    /// Where requests have features: what was learnt of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) context: Option<Box<ContextRecord>>,
    /// Where several processes serve one portfolio: what the others have told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) exchange: Option<Box<ExchangeRecord>>,
    /// The names in use when the snapshot was taken, then those of earlier builds that tokens may still mean.
    pub(crate) generations: Vec<Generation>,
    pub(crate) lives: Vec<Life>,
}

impl Snapshot {
    /// The version this release writes and reads.
    pub const VERSION: u32 = 1;
}

/// A goal beside the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GoalRecord {
    pub(crate) name: String,
    /// What its rule makes of stages: with another one it is another goal.
    #[serde(with = "words::fingerprint")]
    pub(crate) rule: u64,
    /// What the arms of the latest generation start from, in units of 2⁻²⁴ of its range.
    pub(crate) baselines: Vec<i64>,
}

/// Counters by the numbers of segment and arm.
pub(crate) type Cells = Vec<(u32, u32, ArmStatistics)>;

/// The names of one build, with the counters that belong to them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Generation {
    pub(crate) arms: ArmSpace,
    pub(crate) segments: Segments,
    /// (segment, arm, counters), numbered by the names above. In earlier generations only what has no arm or
    /// segment any more, kept in case the name comes back.
    pub(crate) cells: Cells,
    /// The same where there is a window, by where they were counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) places: Vec<PlaceRecord>,
    /// Of an earlier generation where there is a window: the last bucket in which decisions were made by its names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last: Option<u32>,
}

/// Sums of products of features by the numbers of segment and arm, named as in the latest generation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ContextRecord {
    pub(crate) features: Features,
    pub(crate) cells: FeaturedCells,
    /// The same where there is a window, by where they were counted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) places: Vec<FeaturedPlace>,
}

/// Sums by the numbers of segment and arm.
pub(crate) type FeaturedCells = Vec<(u32, u32, Products)>;

/// Sums by where they were counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct FeaturedPlace {
    #[serde(flatten)]
    pub(crate) place: Place,
    pub(crate) cells: FeaturedCells,
}

impl Generation {
    pub(crate) fn has_cells(&self) -> bool {
        !self.cells.is_empty() || self.places.iter().any(|place| !place.cells.is_empty())
    }
}

/// What the numbers of buckets and the counters of open cohorts mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct WaitingRecord {
    pub(crate) window: Window,
    /// The default reward, scaled, in units of 2⁻²⁴.
    pub(crate) default: u32,
    /// Where rewards come in stages: what the arms of the latest generation start from, in units of 2⁻²⁴ of the range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) baselines: Option<Vec<i64>>,
    /// The bucket that it was.
    pub(crate) now: u32,
    /// Conversions of closed cohorts by their first and last bucket, group and delay.
    pub(crate) delays: Vec<(u32, u32, GroupedDelays)>,
}

/// Conversions by the name of their group and by delay in buckets.
pub(crate) type GroupedDelays = BTreeMap<String, Vec<u64>>;

/// Where counters were counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "place")]
pub(crate) enum Place {
    /// Where there is no window.
    Endless,
    /// In cohorts of these buckets, first and last, which are closed.
    Layer { first: u32, last: u32 },
    /// In a cohort that is open, of this life.
    Cohort { replica: u16, incarnation: u64, cohort: u32 },
}

/// Counters by where they were counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PlaceRecord {
    #[serde(flatten)]
    pub(crate) place: Place,
    /// As in a generation.
    pub(crate) cells: Cells,
    /// The same by the further goals. In a cohort that is open, of cells in which nothing has returned or something of which
    /// that is not known, nothing is said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) goals: Vec<Cells>,
}

/// One life of a process, and where there is a window one of its cohorts: how many decisions it made, and which of them
/// have their reward.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Life {
    pub(crate) replica: u16,
    pub(crate) incarnation: u64,
    pub(crate) cohort: u32,
    pub(crate) issued: u64,
    /// A bit per decision, 64 to a word, lowest first; trailing zeros left out.
    #[serde(with = "words::hexadecimal")]
    pub(crate) claimed: Vec<u64>,
    /// Where rewards come in stages: the words other than 0 of its decisions, by ascending number.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "words::sheets")]
    pub(crate) outcomes: Vec<(u64, u64)>,
    /// Conversions, where there is a window.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) delays: GroupedDelays,
}

impl Life {
    /// Whether a decision has its reward, where rewards come whole.
    pub(crate) fn has_claimed(&self, sequence: u64) -> bool {
        let word = self.claimed.get((sequence / 64) as usize).copied().unwrap_or(0);
        word >> (sequence % 64) & 1 == 1
    }

    /// Whether a decision has had this stage, or was taken back and will have none.
    pub(crate) fn has_joined(&self, sequence: u64, stage: Stage) -> bool {
        let found = self.outcomes.binary_search_by_key(&sequence, |&(sequence, _)| sequence);
        found.is_ok_and(|found| {
            let word = StagedReward::from_bits(self.outcomes[found].1);
            word.has(stage) || word.stages().next().is_none()
        })
    }
}

/// What [`Bandit::restore`](crate::Bandit::restore) found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Restored {
    /// How the arms of the snapshot fit today's.
    pub arms: Matching,
    /// How the segments of the snapshot fit today's.
    pub segments: Matching,
    /// How its [further goals](crate::BanditBuilder::goal) fit today's; those whose rule has changed vanished and appeared. What
    /// was counted by goals that vanished is gone.
    pub goals: Matching,
}

/// Two lists of names side by side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Matching {
    /// Names on both sides: what was learnt of them goes on.
    pub matched: usize,
    /// Names of today that the snapshot does not have: they start from the prior.
    pub appeared: Vec<String>,
    /// Names of the snapshot that today's build does not have. What was learnt of them stays in the snapshots to
    /// come, and is taken up again if the name comes back.
    pub vanished: Vec<String>,
}

impl fmt::Display for Restored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "arms: {}; segments: {}", self.arms, self.segments)?;
        if self.goals == Matching::default() { Ok(()) } else { write!(f, "; goals: {}", self.goals) }
    }
}

impl fmt::Display for Matching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} matched, {} appeared, {} vanished",
            self.matched,
            self.appeared.len(),
            self.vanished.len()
        )
    }
}

/// Why a snapshot cannot be restored; the bandit is as it was.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RestoreError {
    /// Written by another release.
    Version {
        /// The snapshot's version.
        version: u32,
    },
    /// The policy learns from importance-weighted sums, which snapshots do not tell.
    Weighted {
        /// The policy.
        policy: String,
    },
    /// The bandit has made decisions already; restoring is for a fresh one.
    InUse {
        /// How many.
        decisions: u64,
    },
    /// The bandit keeps a journal, which could not take the snapshot up: what was restored would be lost with the next start.
    Journal {
        /// What it said.
        reason: String,
    },
    /// The rewards of the snapshot are of another kind or range.
    RewardKind {
        /// The kind in the snapshot.
        snapshot: RewardKind,
        /// The kind of the bandit.
        bandit: RewardKind,
    },
    /// The buckets of time are of another length, or only one side has a window.
    Window {
        /// The window in the snapshot.
        snapshot: Option<Window>,
        /// The window of the bandit.
        bandit: Option<Window>,
    },
    /// Decisions without a reward have earned something else.
    DefaultReward {
        /// The default in the snapshot, scaled to [0, 1].
        snapshot: f64,
        /// The default of the bandit.
        bandit: f64,
    },
    /// One of snapshot and bandit exchanges with other processes and the other does not.
    Exchange,
    /// Rewards come in stages on one side only.
    Stages {
        /// Whether they do in the snapshot.
        snapshot: bool,
    },
    /// The snapshot tells what its arms start from for another number of arms than it names.
    Baselines {
        /// How many it tells.
        baselines: usize,
        /// How many arms it names.
        arms: usize,
    },
    /// A decision of this arm started from another total: the baseline of the rule or the costs of the arm have changed.
    Baseline {
        /// The arm.
        arm: String,
        /// The total in the snapshot, scaled by the declared range, not clipped to [0, 1].
        snapshot: f64,
        /// The total of the bandit.
        bandit: f64,
    },
    /// The snapshot holds decisions of the very replica and incarnation of this bandit, so that new ones could not
    /// be told from old ones. Every start needs a new incarnation.
    IncarnationTaken {
        /// The replica.
        replica: u16,
        /// The incarnation.
        incarnation: u64,
    },
    /// Counters stand where none can be: twice, for a cohort that is not told of, or with a window on one side only.
    Place {
        /// The place.
        place: String,
    },
    /// A counter stands for a segment or an arm that the snapshot does not name, or stands twice.
    Cell {
        /// Number of the segment.
        segment: u32,
        /// Number of the arm.
        arm: u32,
    },
    /// Counters that are impossible or too large.
    Statistics {
        /// Number of the segment.
        segment: u32,
        /// Number of the arm.
        arm: u32,
        /// What is wrong.
        error: StatisticsError,
    },
    /// A life that stands twice, has claims on decisions it never made, or numbers out of range.
    Life {
        /// The replica.
        replica: u16,
        /// The incarnation.
        incarnation: u64,
    },
    /// A feature has the same name on both sides and another range.
    Features(FeaturesError),
    /// Sums of products of features that no decisions can lead to.
    Sums {
        /// Number of the segment.
        segment: u32,
        /// Number of the arm.
        arm: u32,
    },
    /// It names no arms, or holds counters and tells of no life they could come from.
    Empty,
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version { version } => {
                write!(f, "snapshot version {version} is unknown, {} is known", Snapshot::VERSION)
            }
            Self::Weighted { policy } => {
                write!(f, "policy {policy} needs sums that a snapshot does not tell")
            }
            Self::InUse { decisions } => {
                write!(f, "the bandit has made {decisions} decisions; restore before the first")
            }
            Self::Journal { reason } => write!(f, "the journal does not take the snapshot up: {reason}"),
            Self::RewardKind { snapshot, bandit } => {
                write!(f, "the snapshot holds rewards {snapshot:?}, the bandit takes {bandit:?}")
            }
            Self::Window { snapshot, bandit } => {
                write!(f, "the snapshot has the window {snapshot:?}, the bandit {bandit:?}")
            }
            Self::DefaultReward { snapshot, bandit } => {
                write!(f, "the snapshot has the default reward {snapshot} (scaled), the bandit {bandit}")
            }
            Self::Exchange => f.write_str("only one of snapshot and bandit exchanges with other processes"),
            Self::Stages { snapshot: true } => {
                f.write_str("the snapshot holds outcomes in stages, the bandit has no rule for them")
            }
            Self::Stages { snapshot: false } => {
                f.write_str("the snapshot holds whole rewards, the bandit takes outcomes in stages")
            }
            Self::Baselines { baselines, arms } => {
                write!(f, "the snapshot tells what {baselines} arms start from and names {arms}")
            }
            Self::Baseline { arm, snapshot, bandit } => {
                write!(
                    f,
                    "in the snapshot {arm} starts from {snapshot} (scaled), in the bandit from {bandit}"
                )
            }
            Self::IncarnationTaken { replica, incarnation } => {
                write!(
                    f,
                    "replica {replica} incarnation {incarnation:x} has lived before; every start needs a new one"
                )
            }
            Self::Place { place } => write!(f, "there can be no counters at {place}"),
            Self::Cell { segment, arm } => {
                write!(f, "counters for segment {segment} and arm {arm}, which are not named or stand twice")
            }
            Self::Statistics { segment, arm, error } => {
                write!(f, "counters of segment {segment} and arm {arm}: {error}")
            }
            Self::Life { replica, incarnation } => {
                write!(f, "the record of replica {replica} incarnation {incarnation:x} is impossible")
            }
            Self::Features(error) => write!(f, "of the snapshot, which is not that of the bandit: {error}"),
            Self::Sums { segment, arm } => {
                write!(f, "no decisions lead to the sums of segment {segment} and arm {arm}")
            }
            Self::Empty => f.write_str("the snapshot names no arms, or holds counters of no life"),
        }
    }
}

impl Error for RestoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Statistics { error, .. } => Some(error),
            Self::Features(error) => Some(error),
            _ => None,
        }
    }
}
