//! Exactly once, by one bit per decision: whoever turns it from 0 to 1 counts the reward.
//!
//! Decisions are numbered densely, so the bits form a bitmap, in pages of 4 KiB that are made on first touch.

use crate::sync::{AtomicU64, Ordering};

use super::radix::{PAGE_BITS, Radix};
use super::table::Blank;

const WORDS: usize = 1 << (PAGE_BITS - 6);

/// Aligned, so that 512 decisions from a multiple of 512 share a cache line with no others.
#[derive(Debug)]
#[repr(align(64))]
struct Page([AtomicU64; WORDS]);

impl Blank for Page {
    fn blank() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

/// One bit per decision.
#[derive(Debug)]
pub(crate) struct Claims(Radix<Page>);

impl Claims {
    pub(crate) fn new() -> Self {
        Self(Radix::new())
    }

    /// Whether this call was the first for this decision, among all threads.
    #[inline]
    pub(crate) fn claim(&self, sequence: u64) -> bool {
        let bit = 1 << (sequence & 63);
        // AcqRel: the claim comes before the addition it allows (Release for who copies cells before bits), and
        // after whatever an earlier claimer of the same word published.
        self.word(sequence).fetch_or(bit, Ordering::AcqRel) & bit == 0
    }

    /// Whether a decision was claimed; touches nothing.
    #[cfg(feature = "journal")]
    pub(crate) fn is_claimed(&self, sequence: u64) -> bool {
        self.read(sequence / 64) >> (sequence % 64) & 1 == 1
    }

    /// The bits of 64 decisions, those from 64 × `word`; touches nothing.
    pub(super) fn read(&self, word: u64) -> u64 {
        let (page, place) = path(word);
        // Acquire: pairs with `claim`.
        self.0.get(page).map_or(0, |page| page.0[place].load(Ordering::Acquire))
    }

    /// Words up to the end of the last page that was touched: all bits beyond are 0.
    pub(super) fn end(&self) -> u64 {
        self.0.pages().next_back().map_or(0, |(page, _)| (page + 1) << (PAGE_BITS - 6))
    }

    /// Sets bits that were claimed in an earlier life.
    pub(super) fn restore(&self, word: u64, bits: u64) {
        self.word(word << 6).fetch_or(bits, Ordering::AcqRel);
    }

    #[inline]
    fn word(&self, sequence: u64) -> &AtomicU64 {
        let (page, place) = path(sequence >> 6);
        &self.0.touch(page).0[place]
    }
}

/// Where a word lies: its page, and its place there.
fn path(word: u64) -> (u64, usize) {
    (word >> (PAGE_BITS - 6), (word % WORDS as u64) as usize)
}
