//! What one process tells the others: its own counters, and rewards of theirs that came to it.
//!
//! Each process owns the counters of the decisions it made, and only it counts their rewards. The others know them from
//! its deltas: of two deltas of one process the later one holds all that the earlier one does, so that it makes no
//! difference in what order they arrive, how often, or whether some are lost on the way.

use std::error::Error;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::reward::Outcome;
use crate::snapshot::{RestoreError, Snapshot};
use crate::time::Timestamp;

/// Everything that one process has counted so far, and the rewards it forwards.
///
/// Serialises with any serde format, to travel by file, database or queue. Merging checks it, so a delta may come from
/// anywhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delta {
    pub(crate) version: u32,
    pub(crate) sender: Sender,
    /// Which life of its process this is, from 0, and which delta of that life.
    pub(crate) number: (u64, u64),
    /// The replica that may adopt it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) heir: Option<u16>,
    /// Senders whose counters are among these since they are gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) adopted: Vec<Sender>,
    pub(crate) counted: Snapshot,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) outbox: Vec<Forwarded>,
}

/// A process through all its lives: its replica number, and the incarnation of its first life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Sender {
    pub(crate) replica: u16,
    pub(crate) incarnation: u64,
}

/// A reward of somebody else's decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Forwarded {
    pub(crate) token: String,
    pub(crate) at: Timestamp,
    pub(crate) reward: f64,
    /// In place of a reward, where they come in stages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) outcome: Option<Outcome>,
}

/// What a snapshot remembers of the exchange.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ExchangeRecord {
    pub(crate) sender: Sender,
    pub(crate) life: u64,
    pub(crate) adopted: Vec<Sender>,
    pub(crate) gone: Vec<Sender>,
    pub(crate) outbox: Vec<Forwarded>,
    /// The last delta of each of the others, without what it forwarded.
    pub(crate) peers: Vec<Delta>,
}

impl Delta {
    /// The version this release writes and reads.
    pub const VERSION: u32 = 1;

    /// The replica that sent it.
    #[must_use]
    pub fn replica(&self) -> u16 {
        self.sender.replica
    }

    /// How many rewards of others it forwards.
    #[must_use]
    pub fn forwarded(&self) -> usize {
        self.outbox.len()
    }
}

/// What merging a delta has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Merged {
    /// Whether its counters were newer than those known, and are known now.
    pub newer: bool,
    /// Forwarded rewards of decisions of ours that were counted.
    pub counted: usize,
    /// Forwarded rewards of decisions of ours that were not: a second time, or too late, or impossible.
    pub refused: usize,
}

/// Why a delta is not merged, or a process not adopted; nothing has changed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ExchangeError {
    /// The bandit was not built to exchange with others.
    NotReplicated,
    /// The journal is not durable as far as the delta would tell: what others then know must not be forgotten here.
    /// Flush, and try again.
    NotDurable,
    /// Written by another release.
    Version {
        /// The delta's version.
        version: u32,
    },
    /// The counters are damaged or do not fit.
    Counted(RestoreError),
    /// The bandit keeps a journal, which could not take the adoption up: it would be lost with the next start.
    Journal {
        /// What it said.
        reason: String,
    },
    /// No delta of this replica was ever merged, or it was adopted before.
    UnknownReplica {
        /// The replica.
        replica: u16,
    },
    /// The replica names another heir, or none: two must not adopt the same.
    NotTheHeir {
        /// The replica.
        replica: u16,
        /// The heir it names.
        heir: Option<u16>,
    },
}

impl fmt::Display for ExchangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotDurable => f.write_str("the journal is not durable as far as the delta would tell"),
            Self::NotReplicated => f.write_str("the bandit was not built to exchange with others"),
            Self::Version { version } => {
                write!(f, "delta version {version} is unknown, {} is known", Delta::VERSION)
            }
            Self::Counted(error) => error.fmt(f),
            Self::Journal { reason } => write!(f, "the journal does not take the adoption up: {reason}"),
            Self::UnknownReplica { replica } => {
                write!(f, "no delta of replica {replica} was ever merged, or it was adopted before")
            }
            Self::NotTheHeir { replica, heir: Some(heir) } => {
                write!(f, "replica {replica} names {heir} for its heir")
            }
            Self::NotTheHeir { replica, heir: None } => write!(f, "replica {replica} names no heir"),
        }
    }
}

impl Error for ExchangeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Counted(error) => Some(error),
            _ => None,
        }
    }
}
