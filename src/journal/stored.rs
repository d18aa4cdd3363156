//! A snapshot as a file: known by its first words, checked as a whole.
//!
//! ```text
//! tactful-snapshot 1 1a2b3c4d 16334 7
//! {"version":1,"reward":{"kind":"binary"}, … }
//! ```
//!
//! The first line says: what it is, the version of this format, the CRC-32 of everything after the checksum and the space
//! behind it, the length of the second line in bytes, and which journal files the snapshot covers (those with numbers below
//! this one). The second line is the [`Snapshot`] as JSON. Nothing follows.

use std::error::Error;
use std::fmt;
use std::io::Read;

use crate::snapshot::Snapshot;

use super::storage::Storage;
use super::{JournalError, files};

/// What a snapshot file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredSnapshot {
    /// The snapshot has folded in all journal files with numbers below this.
    pub covers: u64,
    /// What was learnt.
    pub snapshot: Snapshot,
}

/// What is wrong with a snapshot file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoredSnapshotError {
    /// It does not begin as a snapshot file does.
    NoSnapshot,
    /// Written in another format.
    Version {
        /// The version that the file names.
        version: u32,
    },
    /// Length or checksum do not fit: cut off or damaged.
    Damaged,
    /// Whole, but no snapshot: what the JSON reader says.
    Content(String),
}

impl fmt::Display for StoredSnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSnapshot => f.write_str("no snapshot file"),
            Self::Version { version } => {
                let known = StoredSnapshot::VERSION;
                write!(f, "snapshot file version {version} is unknown, {known} is known")
            }
            Self::Damaged => f.write_str("length or checksum do not fit: cut off or damaged"),
            Self::Content(reason) => f.write_str(reason),
        }
    }
}

impl Error for StoredSnapshotError {}

const MAGIC: &str = "tactful-snapshot ";

impl StoredSnapshot {
    /// The version of the file format that this release writes and reads.
    pub const VERSION: u32 = 1;

    /// The file's contents.
    ///
    /// # Errors
    ///
    /// serde_json's, for a snapshot that is no JSON; none of a bandit is so.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        let json = serde_json::to_vec(&self.snapshot)?;
        let mut hasher = crc32fast::Hasher::new();
        let rest = format!("{} {}\n", json.len(), self.covers);
        hasher.update(rest.as_bytes());
        hasher.update(&json);
        let checksum = hasher.finalize();
        let mut bytes = format!("{MAGIC}{} {checksum:08x} {rest}", Self::VERSION).into_bytes();
        bytes.extend_from_slice(&json);
        Ok(bytes)
    }

    /// Reads a file's contents.
    ///
    /// # Errors
    ///
    /// [`StoredSnapshotError`]: anything but what [`to_bytes`](StoredSnapshot::to_bytes) wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StoredSnapshotError> {
        let damaged = || StoredSnapshotError::Damaged;
        let rest = bytes.strip_prefix(MAGIC.as_bytes()).ok_or(StoredSnapshotError::NoSnapshot)?;
        // The longest first line: a version, a checksum and two numbers of twenty digits.
        let end = rest.iter().take(64).position(|&byte| byte == b'\n').ok_or_else(damaged)?;
        let (line, json) = (std::str::from_utf8(&rest[..end]).map_err(|_| damaged())?, &rest[end + 1..]);
        let (version, after) = line.split_once(' ').ok_or_else(damaged)?;
        match version.parse() {
            Ok(Self::VERSION) if version == Self::VERSION.to_string() => {}
            Ok(version) => return Err(StoredSnapshotError::Version { version }),
            Err(_) => return Err(damaged()),
        }
        let (checksum, after) = after.split_once(' ').ok_or_else(damaged)?;
        let checked = &rest[end - after.len()..];
        if checksum != format!("{:08x}", crc32fast::hash(checked)) {
            return Err(damaged());
        }
        let (length, covers) = after.split_once(' ').ok_or_else(damaged)?;
        if length.parse() != Ok(json.len()) {
            return Err(damaged());
        }
        let covers = covers.parse().map_err(|_| damaged())?;
        let snapshot = serde_json::from_slice(json);
        let snapshot = snapshot.map_err(|error| StoredSnapshotError::Content(error.to_string()))?;
        Ok(Self { covers, snapshot })
    }
}

/// Puts a snapshot into its file, whole or not at all.
pub(super) fn write(storage: &dyn Storage, stored: &StoredSnapshot) -> Result<(), JournalError> {
    let bytes = stored.to_bytes().map_err(std::io::Error::from)?;
    files::install(storage, &files::snapshot(stored.covers), |file| file.append(&bytes))?;
    Ok(())
}

/// Names of snapshot files that are not valid, and what is wrong with them.
pub(super) type Invalid = Vec<(String, StoredSnapshotError)>;

/// The newest valid snapshot of those that cover these files (ascending), and what is wrong with newer ones.
pub(super) fn newest(
    storage: &dyn Storage,
    snapshots: &[u64],
) -> Result<(Option<StoredSnapshot>, Invalid), JournalError> {
    let mut invalid = Vec::new();
    for &covers in snapshots.iter().rev() {
        let name = files::snapshot(covers);
        let mut bytes = Vec::new();
        storage.read(&name)?.read_to_end(&mut bytes)?;
        match StoredSnapshot::from_bytes(&bytes) {
            Ok(stored) if stored.covers == covers => return Ok((Some(stored), invalid)),
            Ok(_) => invalid.push((name, StoredSnapshotError::Damaged)),
            Err(error) => invalid.push((name, error)),
        }
    }
    Ok((None, invalid))
}
