//! The journal of a running bandit: a queue that threads put events into, and numbered files that it is flushed to.
//!
//! Recording ([`reserve`](DurableJournal::reserve), then one of the methods of [`Reserved`]) costs no system call and
//! never waits. [`flush`](DurableJournal::flush) writes what the queue holds; one thread does at a time, and any other
//! that calls it meanwhile is told at once how far the journal is durable. A record is *acknowledged* once
//! [`Durable::covers`] it: it outlasts a crash of the machine (or of the process only, with [`SyncWhen::Never`](super::SyncWhen::Never)).
//!
//! Records that nobody has flushed when the journal is dropped are lost, like those of a killed process.
//!
//! After a failed write or sync nothing is known of the bytes before it, and trying again would tell lies (a file system
//! may report a failed sync once and succeed after that, with the data gone). So the journal is then broken: every
//! further call says so, and [`Recovery`](super::Recovery) finds out what there is.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io;
use std::sync::{Mutex, TryLockError};

use crate::sync::{AtomicBool, AtomicU64, Ordering};
use crate::time::Timestamp;

use super::attached::Attached;
use super::event::{Event, What};
use super::files::{self, Names};
use super::queue::{self, Consumer, Queue, Taken};
use super::record::{self, Digest, Record, ranges};
use super::reserved::Reserved;
use super::sets::{Known, Sets};
use super::settings::{JournalSettings, SyncWhen};
use super::storage::{Growing, Storage};
use super::{JournalError, frame, text};

/// Bytes of lines that are collected before a file is asked to take them.
const CHUNK: usize = 1 << 18;

/// A journal that a bandit writes while it runs; made by [`Recovery::start`](super::Recovery::start).
#[derive(Debug)]
pub struct DurableJournal {
    queue: Queue<Attached>,
    pub(super) known: Known,
    pub(super) names: Names,
    settings: JournalSettings,
    pub(super) storage: Box<dyn Storage>,
    /// Records below this position are durable.
    durable: AtomicU64,
    broken: AtomicBool,
    /// The number of the file that is being written; those below are closed and synced.
    file: AtomicU64,
    /// Only ever tried, never waited for.
    writing: Mutex<Writing>,
    /// Likewise.
    pub(super) compacting: Mutex<()>,
}

/// A record's number within this life of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Recorded(pub(super) u64);

/// How far a journal is durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Durable(u64);

/// Why nothing can be recorded now; nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReserveError {
    /// As many records wait to be flushed as the queue holds.
    Full {
        /// How many.
        records: u64,
    },
    /// A write failed: the journal must be opened again.
    Broken,
}

impl fmt::Display for ReserveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { records } => {
                write!(f, "{records} records wait to be flushed, and the queue is full")
            }
            Self::Broken => f.write_str("an earlier write to the journal failed; open it again"),
        }
    }
}

impl Error for ReserveError {}

impl Durable {
    /// Whether this record is durable: whether it is acknowledged.
    #[must_use]
    pub const fn covers(self, record: Recorded) -> bool {
        record.0 < self.0
    }
}

impl DurableJournal {
    /// Begins the file of this number.
    pub(super) fn start(
        storage: Box<dyn Storage>,
        names: Names,
        settings: JournalSettings,
        number: u64,
    ) -> Result<Self, JournalError> {
        names.reward_kind().validate().map_err(|_| JournalError::OtherNames)?;
        let (queue, consumer) = Queue::new(settings.queue);
        let (file, bytes) = files::begin(&*storage, &names, number)?;
        let writing = Writing {
            consumer,
            file,
            bytes,
            lines: 1,
            text: Vec::new(),
            sets: Sets::default(),
            unsynced: 0,
            synced_at: None,
        };
        Ok(Self {
            queue,
            known: Known::new(),
            names,
            settings,
            storage,
            durable: AtomicU64::new(0),
            broken: AtomicBool::new(false),
            file: AtomicU64::new(number),
            writing: Mutex::new(writing),
            compacting: Mutex::new(()),
        })
    }

    /// Takes a place in the queue, so that what is decided next can surely be recorded.
    ///
    /// # Errors
    ///
    /// [`ReserveError`]: the queue is full, or the journal is broken.
    #[inline]
    pub fn reserve(&self) -> Result<Reserved<'_>, ReserveError> {
        // Relaxed: whoever learns of the failure later is refused later; nothing is acknowledged meanwhile.
        if self.broken.load(Ordering::Relaxed) {
            return Err(ReserveError::Broken);
        }
        match self.queue.reserve() {
            Ok(place) => Ok(Reserved::new(place, self)),
            Err(queue::Full) => Err(ReserveError::Full { records: self.queue.length() }),
        }
    }

    /// Writes what was recorded before this call, and syncs it when that is due.
    ///
    /// Where another thread is flushing, it returns at once how far the journal is durable by now. A record that it does
    /// not cover needs a further call. Records behind a place that is reserved and not filled yet wait for it.
    ///
    /// # Errors
    ///
    /// [`JournalError`]: the storage failed, now or ([`JournalError::Broken`]) before.
    pub fn flush(&self, now: Timestamp) -> Result<Durable, JournalError> {
        self.write(|writing| self.drain(writing, now, false))
    }

    /// As [`flush`](DurableJournal::flush), and waits for the disk whatever [`SyncWhen`] says.
    ///
    /// # Errors
    ///
    /// As for `flush`.
    pub fn sync(&self, now: Timestamp) -> Result<Durable, JournalError> {
        self.write(|writing| self.drain(writing, now, true))
    }

    /// Flushes, closes the present file and begins the next, so that all recorded before can be folded into a snapshot.
    ///
    /// # Errors
    ///
    /// As for `flush`.
    pub fn rotate(&self, now: Timestamp) -> Result<Durable, JournalError> {
        self.write(|writing| {
            self.drain(writing, now, true)?;
            // A file that holds only its header is as good as a new one.
            if writing.lines > 1 { self.next_file(writing, now) } else { Ok(()) }
        })
    }

    /// How far the journal is durable.
    #[must_use]
    pub fn durable(&self) -> Durable {
        // Acquire, with the Release below: for a host that looks at the files itself.
        Durable(self.durable.load(Ordering::Acquire))
    }

    /// Whether a write has failed, so that nothing more can be recorded.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    /// The last record that a place was taken for; `None` before the first.
    #[must_use]
    pub fn last_recorded(&self) -> Option<Recorded> {
        self.queue.reserved().checked_sub(1).map(Recorded)
    }

    /// The number of records that are not durable yet, places that are reserved included.
    #[must_use]
    pub fn pending(&self) -> u64 {
        // Durable first: the other only grows, so that the difference is none too small.
        let Durable(durable) = self.durable();
        self.queue.reserved() - durable
    }

    /// The number of the file that is being written; files below are closed.
    pub(crate) fn file(&self) -> u64 {
        // Acquire: pairs with the Release in `next_file`, which comes after the file was closed.
        self.file.load(Ordering::Acquire)
    }

    /// Lets one thread at a time write; the first failure is the last write.
    fn write(
        &self,
        work: impl FnOnce(&mut Writing) -> Result<(), JournalError>,
    ) -> Result<Durable, JournalError> {
        let mut writing = match self.writing.try_lock() {
            Ok(writing) => writing,
            Err(TryLockError::WouldBlock) if self.is_broken() => return Err(JournalError::Broken),
            Err(TryLockError::WouldBlock) => return Ok(self.durable()),
            // The storage panicked in the middle of something.
            Err(TryLockError::Poisoned(_)) => {
                self.broken.store(true, Ordering::Relaxed);
                return Err(JournalError::Broken);
            }
        };
        if self.is_broken() {
            return Err(JournalError::Broken);
        }
        match work(&mut writing) {
            Ok(()) => Ok(self.durable()),
            Err(error) => {
                // Relaxed: the next writer learns of it through the lock.
                self.broken.store(true, Ordering::Relaxed);
                Err(error)
            }
        }
    }

    fn drain(&self, writing: &mut Writing, now: Timestamp, force: bool) -> Result<(), JournalError> {
        // Not to the end of the queue, which others may fill as fast as it is emptied.
        let end = self.queue.reserved();
        while writing.consumer.position() < end {
            let Some(taken) = self.queue.take(&mut writing.consumer) else { break };
            writing.line(self, &taken)?;
            if writing.text.len() >= CHUNK {
                writing.write_out()?;
            }
            let size = writing.bytes + writing.text.len() as u64;
            if size.max(writing.sets.bytes()) >= self.settings.file_bytes {
                self.next_file(writing, now)?;
            }
        }
        writing.write_out()?;
        writing.sets.passed(writing.consumer.position());
        let due = match self.settings.sync {
            _ if force => true,
            SyncWhen::EveryFlush => true,
            SyncWhen::Records(records) => writing.unsynced >= records,
            SyncWhen::Millis(millis) => {
                let last = *writing.synced_at.get_or_insert(now);
                now.as_millis().saturating_sub(last.as_millis()) >= millis
            }
            SyncWhen::Never => false,
        };
        if due {
            writing.sync(now)?;
        }
        if writing.unsynced == 0 || self.settings.sync == SyncWhen::Never {
            self.acknowledge(writing);
        }
        Ok(())
    }

    /// Closes the present file, which is then synced whatever the settings: only the last file can be torn.
    fn next_file(&self, writing: &mut Writing, now: Timestamp) -> Result<(), JournalError> {
        let lines = writing.lines;
        frame::write(&mut writing.text, |line| record::write(line, &Record::End { lines }))
            .map_err(io::Error::from)?;
        writing.write_out()?;
        writing.unsynced += 1;
        writing.sync(now)?;
        self.acknowledge(writing);
        let number = self.file() + 1;
        (writing.file, writing.bytes) = files::begin(&*self.storage, &self.names, number)?;
        writing.lines = 1;
        writing.sets.next_file(&self.known, writing.consumer.position() + self.queue.length());
        // Release: see `file`.
        self.file.store(number, Ordering::Release);
        Ok(())
    }

    fn acknowledge(&self, writing: &Writing) {
        // Release: see `durable`.
        self.durable.store(writing.consumer.position(), Ordering::Release);
    }
}

/// What the one thread that writes has in its hands.
#[derive(Debug)]
struct Writing {
    consumer: Consumer,
    file: Box<dyn Growing>,
    /// Bytes and lines of the file so far.
    bytes: u64,
    lines: u64,
    /// Lines that are not in the file yet.
    text: Vec<u8>,
    sets: Sets,
    /// Records since the last sync.
    unsynced: u64,
    synced_at: Option<Timestamp>,
}

impl Writing {
    /// Adds the line of an event, and before it that of its set where the file does not name it yet.
    fn line(&mut self, journal: &DurableJournal, taken: &Taken<Attached>) -> Result<(), JournalError> {
        // A position that was given back.
        let Some(event) = Event::unpack(taken.words) else { return Ok(()) };
        if let What::Decision { eligible: Some(digest), .. } = event.what {
            let set = taken.attached.as_ref().and_then(|attached| attached.set.as_ref());
            let set = self.sets.first_named(&journal.known, digest, set);
            if let Some(set) = set.map_err(|digest| JournalError::UnknownSet { digest })? {
                let record = Record::Eligible { digest: Digest(digest), arms: Cow::Owned(ranges(&set)) };
                frame::write(&mut self.text, |line| record::write(line, &record)).map_err(io::Error::from)?;
                self.lines += 1;
            }
        }
        let own = journal.names.fingerprint();
        let written = frame::write(&mut self.text, |line| {
            text::write_event(line, &event, own)?;
            if let Some(attached) = &taken.attached {
                text::add_features(line, attached.features);
            }
            Ok::<(), serde_json::Error>(())
        });
        written.map_err(io::Error::from)?;
        self.lines += 1;
        self.unsynced += 1;
        Ok(())
    }

    fn write_out(&mut self) -> Result<(), JournalError> {
        if !self.text.is_empty() {
            self.file.append(&self.text)?;
            self.bytes += self.text.len() as u64;
            self.text.clear();
        }
        Ok(())
    }

    fn sync(&mut self, now: Timestamp) -> Result<(), JournalError> {
        if self.unsynced > 0 {
            self.file.sync()?;
            self.unsynced = 0;
        }
        self.synced_at = Some(now);
        Ok(())
    }
}
