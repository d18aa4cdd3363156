//! How a journal is kept: when it waits for the disk, how large its files and its queue are.

/// When the journal waits for the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyncWhen {
    /// In every flush that has written something.
    #[default]
    EveryFlush,
    /// In a flush with which so many records have been written since the last time.
    Records(u64),
    /// In a flush so many milliseconds of the host's time after the last time.
    Millis(u64),
    /// At the end of each file only. A record then counts as durable once the operating system has it.
    Never,
}

/// How a journal is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalSettings {
    pub(super) sync: SyncWhen,
    pub(super) file_bytes: u64,
    pub(super) queue: usize,
    back_pressure: bool,
}

impl Default for JournalSettings {
    fn default() -> Self {
        Self::new()
    }
}

impl JournalSettings {
    /// A sync in every flush, files of 64 MiB, room for 65,536 records.
    #[must_use]
    pub const fn new() -> Self {
        Self { sync: SyncWhen::EveryFlush, file_bytes: 1 << 26, queue: 1 << 16, back_pressure: false }
    }

    /// When to wait for the disk.
    #[must_use]
    pub const fn sync(mut self, when: SyncWhen) -> Self {
        self.sync = when;
        self
    }

    /// The size in bytes at which a file is closed and the next begun. (Also when the sets of arms that it names take as
    /// much memory.)
    #[must_use]
    pub const fn file_bytes(mut self, bytes: u64) -> Self {
        self.file_bytes = bytes;
        self
    }

    /// That a bandit which finds the queue full flushes it, or waits while another thread does, instead of refusing: the
    /// one case in which selecting and rewarding wait. Default: it refuses.
    #[must_use]
    pub const fn back_pressure(mut self) -> Self {
        self.back_pressure = true;
        self
    }

    pub(crate) const fn has_back_pressure(&self) -> bool {
        self.back_pressure
    }

    /// The number of records that can wait to be flushed, rounded up to a power of two. Each takes 72 bytes.
    #[must_use]
    pub const fn queue(mut self, records: usize) -> Self {
        self.queue = records;
        self
    }
}
