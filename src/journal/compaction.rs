//! Folding closed files into a snapshot, and removing what is no longer needed.
//!
//! The fold starts from the snapshot before and reads files that nobody writes any more. It never looks at a bandit that
//! is running: what it makes is a cut of the journal, the same whenever and wherever it is made.

use crate::snapshot::Snapshot;

use super::durable::DurableJournal;
use super::files::{self, Names};
use super::storage::Storage;
use super::stored::{self, StoredSnapshot};
use super::{Entry, JournalError};

/// The closed files that a fold has to take in.
#[derive(Debug)]
pub struct ClosedFiles<'a> {
    storage: &'a dyn Storage,
    numbers: std::ops::Range<u64>,
}

/// What a compaction has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Compacted {
    /// Journal files that were folded into the new snapshot.
    pub folded: u64,
    /// Journal files and snapshots that were removed.
    pub removed: Vec<String>,
}

impl ClosedFiles<'_> {
    /// Shows every entry, in the order of the journal, with the names of its file.
    ///
    /// # Errors
    ///
    /// The visitor's, or [`JournalError`]: damage, with file, line and byte.
    pub fn replay<E: From<JournalError>>(
        &self,
        mut visit: impl FnMut(&Names, Entry) -> Result<(), E>,
    ) -> Result<(), E> {
        for number in self.numbers.clone() {
            files::read_closed(self.storage, number, &mut visit)?;
        }
        Ok(())
    }
}

impl DurableJournal {
    /// Folds the closed files into a snapshot, keeps the last two snapshots, and removes the journal files that even the
    /// older of the two covers. `None` if no file was closed since the last time, or another thread is at it.
    ///
    /// `fold` gets the snapshot before and the files since. Recording and flushing go on meanwhile; a failure here breaks
    /// nothing.
    ///
    /// # Errors
    ///
    /// The fold's, or [`JournalError`]: damage in a closed file, or a failing storage.
    pub fn compact<E: From<JournalError>>(
        &self,
        fold: impl FnOnce(Option<Snapshot>, ClosedFiles<'_>) -> Result<Snapshot, E>,
    ) -> Result<Option<Compacted>, E> {
        // Poisoned by a fold that panicked: nothing of ours was half done that the next one would trip over.
        let _turn = match self.compacting.try_lock() {
            Ok(turn) => turn,
            Err(std::sync::TryLockError::Poisoned(turn)) => turn.into_inner(),
            Err(std::sync::TryLockError::WouldBlock) => return Ok(None),
        };
        let storage = &*self.storage;
        let covers = self.file();
        let listing = files::list(storage).map_err(JournalError::from)?;
        let (before, _) = stored::newest(storage, &listing.snapshots)?;
        let older = before.as_ref().map(|stored| stored.covers);
        let numbers = older.unwrap_or(1)..covers;
        if numbers.is_empty() {
            return Ok(None);
        }
        let folded = numbers.end - numbers.start;
        let snapshot = fold(before.map(|stored| stored.snapshot), ClosedFiles { storage, numbers })?;
        let removed = self.put_up(StoredSnapshot { covers, snapshot }, listing, older)?;
        Ok(Some(Compacted { folded, removed }))
    }

    /// Puts up a snapshot of all that was recorded in files below the present one, made otherwise than by folding them.
    /// Nobody may be at a compaction meanwhile.
    pub(crate) fn store(&self, snapshot: Snapshot) -> Result<(), JournalError> {
        let covers = self.file();
        let listing = files::list(&*self.storage)?;
        let below: Vec<u64> = listing.snapshots.iter().copied().filter(|&other| other < covers).collect();
        let (before, _) = stored::newest(&*self.storage, &below)?;
        let older = before.map(|stored| stored.covers);
        self.put_up(StoredSnapshot { covers, snapshot }, listing, older).map(drop)
    }

    /// Writes a snapshot and removes what it and the older one make superfluous.
    fn put_up(
        &self,
        stored: StoredSnapshot,
        listing: files::Listing,
        older: Option<u64>,
    ) -> Result<Vec<String>, JournalError> {
        let storage = &*self.storage;
        stored::write(storage, &stored)?;
        let snapshots =
            listing.snapshots.into_iter().filter(|&other| other != stored.covers && Some(other) != older);
        let journals =
            listing.journals.into_iter().filter(|&number| older.is_some_and(|older| number < older));
        let removed: Vec<String> =
            snapshots.map(files::snapshot).chain(journals.map(files::journal)).collect();
        for name in &removed {
            storage.remove(name)?;
        }
        if !removed.is_empty() {
            storage.sync_directory()?;
        }
        Ok(removed)
    }
}
