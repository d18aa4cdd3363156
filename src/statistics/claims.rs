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
pub(crate) struct Claims {
    /// The first words of an earlier life, as many as were claimed: thousands of lives take no page each.
    earlier: Box<[AtomicU64]>,
    /// All words after those.
    pages: Radix<Page>,
}

impl Claims {
    pub(crate) fn new() -> Self {
        Self::restored(&[])
    }

    /// The claims of an earlier life.
    pub(super) fn restored(words: &[u64]) -> Self {
        Self { earlier: words.iter().map(|&bits| AtomicU64::new(bits)).collect(), pages: Radix::new() }
    }

    /// Whether this call was the first for this decision, among all threads.
    #[inline]
    pub(crate) fn claim(&self, sequence: u64) -> bool {
        let bit = 1 << (sequence & 63);
        // AcqRel: the claim comes before the addition it allows (Release for who copies cells before bits), and
        // after whatever an earlier claimer of the same word published.
        self.word(sequence).fetch_or(bit, Ordering::AcqRel) & bit == 0
    }

    /// The bits of 64 decisions, those from 64 × `word`; touches nothing.
    pub(super) fn read(&self, word: u64) -> u64 {
        let (page, place) = path(word);
        let there = self.earlier(word).or_else(|| self.pages.get(page).map(|page| &page.0[place]));
        // Acquire: pairs with `claim`.
        there.map_or(0, |there| there.load(Ordering::Acquire))
    }

    /// Words up to the end of the last page that was touched: all bits beyond are 0.
    pub(super) fn end(&self) -> u64 {
        let paged = self.pages.pages().next_back().map_or(0, |(page, _)| (page + 1) << (PAGE_BITS - 6));
        paged.max(self.earlier.len() as u64)
    }

    #[inline]
    fn earlier(&self, word: u64) -> Option<&AtomicU64> {
        self.earlier.get(usize::try_from(word).ok()?)
    }

    #[inline]
    fn word(&self, sequence: u64) -> &AtomicU64 {
        let word = sequence >> 6;
        if let Some(there) = self.earlier(word) {
            return there;
        }
        let (page, place) = path(word);
        &self.pages.touch(page).0[place]
    }
}

/// Where a word lies: its page, and its place there.
fn path(word: u64) -> (u64, usize) {
    (word >> (PAGE_BITS - 6), (word % WORDS as u64) as usize)
}
