//! The journal: decisions and outcomes as an append-only log of JSON Lines.
//!
//! What production writes is what the data scientist reads: one object a line, the names in the first.
//!
//! ```text
//! {"type":"header","version":1,"arms":{"dimensions":[["channel",["email","sms"]]]},"segments":{"attributes":[]},"reward":{"kind":"binary"}}
//! {"type":"eligible","digest":"c2b1c3d7a9ef0011","arms":"0"}
//! {"type":"decision","id":"0.1f.0.0","at":1700000000000,"segment":0,"arm":0,"propensity":1.0,"eligible":"c2b1c3d7a9ef0011"}
//! {"type":"outcome","id":"0.1f.0.0","at":1700500000000,"reward":1.0}
//! ```
//!
//! Arms and segments are numbered as the header names them, in mixed radix with the last dimension fastest. A set
//! of eligible arms is written once, as ranges of arms, and named by its digest after that; where all arms are
//! eligible a decision names none. Times are milliseconds that the host gave. Every number comes back as the same
//! bits.
//!
//! A line that was torn off at the end of the file (a crash while writing) is skipped and reported; damage before
//! good lines is an error that says where.

mod reader;
mod record;
mod writer;

pub use reader::{Entry, JournalReader, LoggedDecision, LoggedOutcome, Torn};
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
    /// An earlier write failed, so the last line may be torn; open the journal again.
    Broken,
    /// A line that is not the last cannot be read, or says something impossible.
    Damaged {
        /// Its number, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
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
            Self::Broken => f.write_str("an earlier write to the journal failed; open it again"),
            Self::Damaged { line, reason } => write!(f, "line {line}: {reason}"),
            Self::NoHeader => f.write_str("line 1: no journal header"),
            Self::Version { version } => {
                write!(f, "line 1: journal version {version} is unknown, {} is known", record::VERSION)
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
            _ => None,
        }
    }
}

impl From<io::Error> for JournalError {
    fn from(error: io::Error) -> Self {
        Self::Io { error }
    }
}
