//! How long rewards took: conversions of one cohort by group of arms or segments and by delay in buckets.

use crate::sync::{AtomicU64, Ordering, SetOnce};

/// Counters by group × delay. The delay is the bucket of arrival minus that of issue.
#[derive(Debug)]
pub(crate) struct Delays {
    /// Delays that are told apart: 0 up to the window.
    width: usize,
    groups: usize,
    /// Made by the first conversion: thousands of lives may have none.
    counts: SetOnce<Box<[AtomicU64]>>,
}

impl Delays {
    pub(crate) fn new(groups: usize, width: usize) -> Self {
        Self { width, groups, counts: SetOnce::new() }
    }

    #[inline]
    fn counts(&self) -> &[AtomicU64] {
        self.counts.get_or_set(|| (0..self.groups * self.width).map(|_| AtomicU64::new(0)).collect())
    }

    /// Counts conversions; those beyond the window, which came within the time of grace, are not counted.
    #[inline]
    pub(crate) fn add(&self, group: usize, delay: usize, conversions: u64) {
        if delay < self.width {
            // Relaxed: the law of delays is an estimate, and nothing else hangs on these.
            self.counts()[group * self.width + delay].fetch_add(conversions, Ordering::Relaxed);
        }
    }

    /// Adds what an earlier life has counted, in the order of `read`.
    pub(crate) fn restore(&self, counts: &[u64]) {
        for (mine, &count) in self.counts().iter().zip(counts) {
            mine.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// All counters, group by group; none where nothing was counted.
    pub(crate) fn read(&self) -> Vec<u64> {
        let counts = self.counts.get().map_or(&[][..], |counts| counts);
        counts.iter().map(|count| count.load(Ordering::Relaxed)).collect()
    }
}
