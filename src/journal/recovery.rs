//! What a directory holds after a stop or a crash: the newest valid snapshot, and the journal since.
//!
//! Recovery goes in three steps: [`Recovery::begin`] finds the snapshot, [`Recovery::replay`] shows every entry that it
//! does not cover, [`Recovery::start`] begins a new file. A last file that was torn (its end was not durable when the
//! process or the machine stopped) is cut behind its last good line and reported; anything else that is wrong is an error
//! that says where, and leaves the files as they are.

use std::io::Read;

use crate::arm::ArmSpace;
use crate::features::Features;
use crate::reward::RewardKind;
use crate::segment::Segments;
use crate::snapshot::Snapshot;

use super::durable::DurableJournal;
use super::files::{self, Names, Through};
use super::record::{self, Record};
use super::settings::JournalSettings;
use super::storage::Storage;
use super::stored::{self, StoredSnapshotError};
use super::{Entry, JournalError, Torn, frame};

/// A journal that is being read back, to be continued.
///
/// ```
/// # use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
/// use tactful::journal::{Directory, Entry, JournalError, JournalSettings, Recovery};
/// # use tactful::{ArmSpace, Bandit, Reward, Segments, Timestamp};
/// # let arms = ArmSpace::builder().dimension("channel", ["email", "sms"]).build()?;
/// # let bandit = Bandit::builder(arms, Segments::single()).build()?;
/// # let path = std::env::temp_dir().join(format!("tactful-recovery-{}", std::process::id()));
/// let open = || -> Result<_, JournalError> {
///     let mut recovery = Recovery::begin(Directory::open(&path)?)?;
///     let mut outcomes = 0;
///     recovery.replay(|_, entry| -> Result<(), JournalError> {
///         outcomes += u32::from(matches!(entry, Entry::Outcome(_)));
///         Ok(())
///     })?;
///     let (arms, segments) = (bandit.arms().clone(), bandit.segments().clone());
///     let journal = recovery.start(arms, segments, bandit.reward_kind(), JournalSettings::default())?;
///     Ok((outcomes, journal))
/// };
/// let (outcomes, journal) = open()?;
/// assert_eq!(outcomes, 0);
///
/// let (now, all) = (Timestamp::from_millis(1_700_000_000_000), bandit.arms().all());
/// # let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
/// # let segment = tactful::SegmentId::new(0);
/// let place = journal.reserve()?; // before anything changes
/// let decision = bandit.select(segment, &all, &mut rng)?;
/// place.decision(now, &decision, &all)?;
/// let reward = journal.reserve()?.outcome(now, &decision, Reward::SUCCESS)?;
/// assert!(!journal.durable().covers(reward));
/// assert!(journal.flush(now)?.covers(reward)); // acknowledged
///
/// drop(journal);
/// assert_eq!(open()?.0, 1);
/// # std::fs::remove_dir_all(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Recovery {
    storage: Box<dyn Storage>,
    snapshot: Option<Snapshot>,
    invalid: stored::Invalid,
    /// The files that the snapshot does not cover, ascending and without gaps.
    files: Vec<u64>,
    /// The number of a file to begin if there is none.
    first: u64,
    parts: Vec<String>,
    /// What the last file holds, once it was read.
    last: Option<Through>,
    /// Whether each start has a file of its own, be the last one as empty as it may.
    each_its_own: bool,
    /// Of the requests that will be recorded, if they have any.
    features: Option<Features>,
}

impl Recovery {
    /// Looks into a directory and reads the newest valid snapshot.
    ///
    /// # Errors
    ///
    /// [`JournalError::Missing`] for a file that is not there though a later one is, or a failing storage.
    pub fn begin(storage: impl Storage + 'static) -> Result<Self, JournalError> {
        let storage: Box<dyn Storage> = Box::new(storage);
        let listing = files::list(&*storage)?;
        let (stored, invalid) = stored::newest(&*storage, &listing.snapshots)?;
        let first = stored.as_ref().map_or(1, |stored| stored.covers);
        let files: Vec<u64> = listing.journals.into_iter().filter(|&number| number >= first).collect();
        let gap = (first..).zip(&files).find(|&(expected, &found)| expected != found);
        // A snapshot covers files below one that was there when it was made.
        let none = files.is_empty() && (first > 1 || !invalid.is_empty());
        let lost = gap.map(|(expected, _)| expected).or(none.then_some(first));
        if let Some(number) = lost {
            return Err(JournalError::Missing { name: files::journal(number) });
        }
        let snapshot = stored.map(|stored| stored.snapshot);
        Ok(Self {
            storage,
            snapshot,
            invalid,
            files,
            first,
            parts: listing.parts,
            last: None,
            each_its_own: false,
            features: None,
        })
    }

    /// The newest valid snapshot, to be restored before the replay.
    #[must_use]
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_ref()
    }

    /// The names of newer snapshots that are not valid, and what is wrong with them. They are passed over.
    #[must_use]
    pub fn invalid_snapshots(&self) -> &[(String, StoredSnapshotError)] {
        &self.invalid
    }

    /// The names of the journal files that the snapshot does not cover, in their order.
    pub fn files(&self) -> impl Iterator<Item = String> {
        self.files.iter().map(|&number| files::journal(number))
    }

    /// Shows every entry that the snapshot does not cover, in the order of the journal, with the names of its file.
    ///
    /// # Errors
    ///
    /// The visitor's, or [`JournalError`]: damage, with file, line and byte.
    pub fn replay<E: From<JournalError>>(
        &mut self,
        mut visit: impl FnMut(&Names, Entry) -> Result<(), E>,
    ) -> Result<(), E> {
        if let Some((&last, closed)) = self.files.split_last() {
            for &number in closed {
                files::read_closed(&*self.storage, number, &mut visit)?;
            }
            self.last = Some(files::read(&*self.storage, last, &mut visit)?);
        }
        Ok(())
    }

    /// The name of the last file and what of it is torn, once replayed. It is cut off by [`start`](Recovery::start).
    #[must_use]
    pub fn torn(&self) -> Option<(String, Torn)> {
        let torn = self.last.as_ref()?.torn?;
        Some((files::journal(*self.files.last()?), torn))
    }

    /// The same with a file for each start, if so, by whose number the starts can be told apart.
    pub(crate) fn starting_files(self, each_its_own: bool) -> Self {
        Self { each_its_own, ..self }
    }

    /// The same with features of requests, which the header is to name.
    pub(crate) fn naming(self, features: Option<Features>) -> Self {
        Self { features, ..self }
    }

    /// Closes the last file and begins a new one with these names.
    ///
    /// Replays the journal to nobody if that was not done.
    ///
    /// # Errors
    ///
    /// [`JournalError`]: damage, or a failing storage.
    pub fn start(
        mut self,
        arms: ArmSpace,
        segments: Segments,
        reward: RewardKind,
        settings: JournalSettings,
    ) -> Result<DurableJournal, JournalError> {
        if self.last.is_none() {
            self.replay(|_, _| Ok::<(), JournalError>(()))?;
        }
        for part in &self.parts {
            self.storage.remove(part)?;
        }
        let number = match (self.files.last(), &self.last) {
            // A file that holds nothing is replaced, so that many starts do not make many files.
            (Some(&last), Some(through)) if through.entries == 0 && !through.closed && !self.each_its_own => {
                last
            }
            (Some(&last), Some(through)) => {
                close(&*self.storage, last, through)?;
                last + 1
            }
            _ => self.first,
        };
        let names = Names::new(arms, segments, reward).with_features(self.features);
        DurableJournal::start(self.storage, names, settings, number)
    }
}

/// Writes the good lines of the last file anew, with the line that ends it, and puts it in the place of the old.
///
/// Anew, since what can be read of the old may never have reached the disk: after a failed sync the operating system may
/// hold it for written.
fn close(storage: &dyn Storage, number: u64, through: &Through) -> Result<(), JournalError> {
    let name = files::journal(number);
    let mut old = storage.read(&name)?.take(through.good);
    files::install(storage, &name, |file| {
        let mut chunk = vec![0; 1 << 16];
        let (mut copied, mut ending) = (0, b'\n');
        loop {
            let bytes = old.read(&mut chunk)?;
            if bytes == 0 {
                break;
            }
            file.append(&chunk[..bytes])?;
            copied += bytes as u64;
            ending = chunk[bytes - 1];
        }
        if copied != through.good {
            return Err(std::io::Error::other(format!("{name} is shorter than it was")));
        }
        if ending != b'\n' {
            file.append(b"\n")?;
        }
        if !through.closed {
            let mut end = Vec::new();
            frame::write(&mut end, |line| record::write(line, &Record::End { lines: through.lines }))?;
            file.append(&end)?;
        }
        Ok(())
    })?;
    Ok(())
}
