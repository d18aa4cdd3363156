//! Sets of eligible arms on their way into the journal: handed over with a decision, written once a file.
//!
//! A producer attaches the set to its decision unless the [`Known`] table says that the consumer has it. Only the
//! consumer fills that table, after it has taken a set, so a decision without a set is always about one that the
//! consumer holds. At a new file the table is emptied, and sets in use are handed over once more; those of the files
//! before are kept until every position is taken that was reserved with the old table in view. So memory holds the sets
//! of one file and of one round of the queue.
//!
//! A set is named by its 64-bit digest. Should two sets in use share one (a chance of 2⁻⁶⁴ for each pair) the journal
//! would name the first for both.

use std::collections::HashMap;

use crate::arm::Eligibility;
use crate::sync::{AtomicU64, Ordering};

/// Digests of sets that need not be handed over: a place per digest, the last one wins.
#[derive(Debug)]
pub(super) struct Known(Box<[AtomicU64]>);

/// As many sets as plans are commonly kept for; one more than fit are handed over again and again, which costs an
/// allocation a decision and nothing else.
const PLACES: usize = if cfg!(loom) { 2 } else { 4096 };

impl Known {
    pub(super) fn new() -> Self {
        Self((0..PLACES).map(|_| AtomicU64::new(0)).collect())
    }

    /// Whether the consumer holds this set. To be asked between reserving and committing.
    #[inline]
    pub(super) fn has(&self, digest: u64) -> bool {
        // Relaxed: says nothing about memory that we read. That the consumer took the set before it comes to our
        // position follows from the Release with which we commit.
        digest != 0 && self.place(digest).load(Ordering::Relaxed) == digest
    }

    fn add(&self, digest: u64) {
        // Relaxed: see `has`.
        self.place(digest).store(digest, Ordering::Relaxed);
    }

    fn clear(&self) {
        // Relaxed: a producer one round later has acquired the turn of its slot, which the consumer released after
        // this; those in between may see the old table, and for them the old sets are kept.
        self.0.iter().for_each(|place| place.store(0, Ordering::Relaxed));
    }

    fn place(&self, digest: u64) -> &AtomicU64 {
        &self.0[digest as usize % PLACES]
    }
}

/// The sets that the consumer holds.
#[derive(Debug, Default)]
pub(super) struct Sets {
    /// Those that the present file names.
    written: HashMap<u64, Eligibility>,
    /// Bytes of their bits.
    bytes: u64,
    /// Those of earlier files, each with the position from which on they are not needed.
    earlier: Vec<(u64, HashMap<u64, Eligibility>)>,
}

impl Sets {
    /// The set of a decision, if the present file must name it first: `attached` or one of an earlier file. `Err` for a
    /// set that nobody handed over.
    pub(super) fn first_named(
        &mut self,
        known: &Known,
        digest: u64,
        attached: Option<&Eligibility>,
    ) -> Result<Option<Eligibility>, u64> {
        if self.written.contains_key(&digest) {
            // Another set has the place, or the table was filled after the producer looked.
            if attached.is_some() {
                known.add(digest);
            }
            return Ok(None);
        }
        let earlier = || self.earlier.iter().find_map(|(_, sets)| sets.get(&digest));
        let set = attached.or_else(earlier).ok_or(digest)?.clone();
        self.bytes += size_of_val(set.words()) as u64;
        self.written.insert(digest, set.clone());
        known.add(digest);
        Ok(Some(set))
    }

    /// Bytes of the sets that the present file names.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Begins a file; `until` is the first position that will surely be reserved with the table as it is now.
    pub(super) fn next_file(&mut self, known: &Known, until: u64) {
        known.clear();
        self.bytes = 0;
        self.earlier.push((until, std::mem::take(&mut self.written)));
    }

    /// Lets go of what no position from this on can name.
    pub(super) fn passed(&mut self, position: u64) {
        self.earlier.retain(|&(until, _)| position < until);
    }
}
