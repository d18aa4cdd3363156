//! The journal: decisions and outcomes as an append-only log of JSON Lines.
//!
//! What production writes is what the data scientist reads: one object a line, the names in the first.
//!
//! ```text
//! {"len":"00000136","crc":"75774a6b","type":"header","version":2,"arms":{"dimensions":[["channel",["email","sms"]]]},"segments":{"attributes":[]},"reward":{"kind":"binary"}}
//! {"len":"00000057","crc":"e92cc95e","type":"eligible","digest":"c2b1c3d7a9ef0011","arms":"0"}
//! {"len":"00000120","crc":"66017735","type":"decision","id":"0.1f.0.0","at":1700000000000,"segment":0,"arm":0,"propensity":1.0,"eligible":"c2b1c3d7a9ef0011"}
//! {"len":"00000085","crc":"3b56956e","type":"outcome","id":"0.1f.0.0","at":1700500000000,"segment":0,"arm":0,"reward":1.0}
//! ```
//!
//! Every line begins with its length (bytes after the two fields) and the CRC-32 of that rest, so that no flipped bit
//! passes for a record. An analyst's reader takes them for two more columns.
//!
//! Arms and segments are numbered as the header names them, in mixed radix with the last dimension fastest. A set
//! of eligible arms is written once, as ranges of arms, and named by its digest after that; where all arms are
//! eligible a decision names none. Times are milliseconds that the host gave. Every number comes back as the same
//! bits.
//!
//! Where a request had features, decision, reward and withdrawal have a field more,
//! `"features":"b1c2d302.4000.8000"`: the number of features in the last two digits before the first point, 24 bits of the
//! fingerprint of their declaration before that, and of each feature the place in its range in units of 2⁻¹⁵. The header then
//! names them with their ranges: `"features":[{"name":"debt","least":0.0,"greatest":5000.0}]`.
//!
//! A line that was torn off at the end of the file (a crash while writing) is skipped and reported; damage before
//! good lines is an error that says where.

mod attached;
mod compaction;
mod durable;
mod entry;
mod event;
mod files;
mod frame;
#[cfg(all(test, loom))]
mod models;
mod queue;
mod reader;
mod record;
mod recovery;
mod reserved;
mod sets;
mod settings;
mod storage;
mod stored;
mod text;
mod writer;

pub use compaction::{ClosedFiles, Compacted};
pub use durable::{Durable, DurableJournal, Recorded, ReserveError};
pub use entry::{Chosen, Entry, LoggedCancel, LoggedDecision, LoggedFeatures, LoggedOutcome, LoggedStage};
pub use files::Names;
pub use reader::{JournalReader, Torn};
pub use recovery::Recovery;
pub use reserved::Reserved;
pub use settings::{JournalSettings, SyncWhen};
pub use storage::{Directory, Growing, Storage};
pub use stored::{StoredSnapshot, StoredSnapshotError};
pub use writer::JournalWriter;

use std::error::Error;
use std::fmt;
use std::io;

/// Why a journal cannot be written or read.
#[derive(Debug)]
#[non_exhaustive]
pub enum JournalError {
    /// The file or stream failed.
    Io {
        /// What it said.
        error: io::Error,
    },
    /// The bandit keeps no journal.
    None,
    /// An earlier write failed, so the last line may be torn; open the journal again.
    Broken,
    /// A line that is not the last cannot be read, or says something impossible.
    Damaged {
        /// Its number, from 1.
        line: u64,
        /// Where it begins, in bytes from the start of the file.
        offset: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The file was closed: its last line says that nothing follows.
    Closed,
    /// What is wrong with one of several files.
    File {
        /// Its name.
        name: String,
        /// What is wrong.
        error: Box<JournalError>,
    },
    /// A file of the journal is not there, though its neighbours are.
    Missing {
        /// Its name.
        name: String,
    },
    /// A decision names a set of eligible arms that was never handed over with one.
    UnknownSet {
        /// The digest of the set.
        digest: u64,
    },
    /// The first line is no header, so nothing is known of the names.
    NoHeader,
    /// Written by another release.
    Version {
        /// The version the header names.
        version: u32,
    },
    /// The journal to be continued, or the decision to be written, has other arms or segments or another kind of
    /// rewards.
    OtherNames,
    /// A reward that is no number of this journal's kind.
    Reward {
        /// The value.
        value: f64,
    },
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { error } => error.fmt(f),
            Self::None => f.write_str("the bandit keeps no journal"),
            Self::Broken => f.write_str("an earlier write to the journal failed; open it again"),
            Self::Damaged { line, reason, .. } => write!(f, "line {line}: {reason}"),
            Self::Closed => f.write_str("the journal was closed, so nothing is added to it"),
            Self::File { name, error } => write!(f, "{name}: {error}"),
            Self::Missing { name } => write!(f, "{name} is missing"),
            Self::UnknownSet { digest } => write!(f, "the set of eligible arms {digest:016x} is unknown"),
            Self::NoHeader => f.write_str("line 1: no journal header"),
            Self::Version { version } => {
                write!(f, "line 1: journal version {version} is unknown, up to {} are known", record::VERSION)
            }
            Self::OtherNames => f.write_str("the journal has other arms, segments or rewards"),
            Self::Reward { value } => write!(f, "reward {value} is not admissible in this journal"),
        }
    }
}

impl Error for JournalError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io { error } => Some(error),
            Self::File { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for JournalError {
    fn from(error: io::Error) -> Self {
        Self::Io { error }
    }
}
