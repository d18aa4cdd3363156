//! Exactly once, by one bit per decision: whoever turns it from 0 to 1 counts the reward.
//!
//! Decisions are numbered densely, so the bits form a bitmap, in pages of 4 KiB below a small directory, made on
//! first touch.

use crate::sync::{AtomicU64, Ordering, SetOnce};

/// Bits in a page, as a power of two: 32,768 decisions. (All sizes are small where loom must track each.)
const PAGE_BITS: u32 = if cfg!(loom) { 6 } else { 15 };
/// Entries in a directory below the root, as a power of two.
const FAN_BITS: u32 = if cfg!(loom) { 0 } else { 8 };
/// Decisions that can be numbered, as a power of two.
pub(super) const SEQUENCE_BITS: u32 = if cfg!(loom) { 7 } else { 40 };
const ROOT_BITS: u32 = SEQUENCE_BITS - PAGE_BITS - 2 * FAN_BITS;

const WORDS: usize = 1 << (PAGE_BITS - 6);

type Page = Box<[AtomicU64]>;
type Directory<T> = Box<[SetOnce<T>]>;

fn directory<T>(bits: u32) -> Directory<T> {
    (0..1_u32 << bits).map(|_| SetOnce::new()).collect()
}

/// One bit per decision.
#[derive(Debug)]
pub(super) struct Claims {
    root: SetOnce<Directory<Directory<Directory<Page>>>>,
}

impl Claims {
    pub(super) fn new() -> Self {
        Self { root: SetOnce::new() }
    }

    /// Whether this call was the first for this decision, among all threads.
    pub(super) fn claim(&self, sequence: u64) -> bool {
        let bit = 1 << (sequence & 63);
        // AcqRel: the claim comes before the addition it allows (Release for who copies cells before bits), and
        // after whatever an earlier claimer of the same word published.
        self.word(sequence).fetch_or(bit, Ordering::AcqRel) & bit == 0
    }

    /// The bits of 64 decisions, those from 64 × `word`; touches nothing.
    pub(super) fn read(&self, word: u64) -> u64 {
        let [root, upper, lower, place] = path(word);
        let page = || self.root.get()?[root].get()?[upper].get()?[lower].get();
        // Acquire: pairs with `claim`.
        page().map_or(0, |page| page[place].load(Ordering::Acquire))
    }

    /// Words up to the end of the last page that was touched: all bits beyond are 0.
    pub(super) fn end(&self) -> u64 {
        // A directory may stand that has no page yet, so the search goes on to the one before.
        fn last<T>(directory: &Directory<T>, end: impl Fn(&T) -> Option<u64>) -> Option<(u64, u64)> {
            let touched = directory.iter().enumerate().rev();
            touched.filter_map(|(entry, slot)| Some((entry as u64, end(slot.get()?)?))).next()
        }
        let page = |lower: &_| last(lower, |_: &Page| Some(0)).map(|(page, _)| page);
        let block = |upper: &_| last(upper, page).map(|(entry, page)| entry << FAN_BITS | page);
        let found = self.root.get().and_then(|root| last(root, block));
        found.map_or(0, |(entry, page)| ((entry << (2 * FAN_BITS) | page) + 1) << (PAGE_BITS - 6))
    }

    /// Sets bits that were claimed in an earlier life.
    pub(super) fn restore(&self, word: u64, bits: u64) {
        self.word(word << 6).fetch_or(bits, Ordering::AcqRel);
    }

    fn word(&self, sequence: u64) -> &AtomicU64 {
        let [root, upper, lower, place] = path(sequence >> 6);
        let root = &self.root.get_or_set(|| directory(ROOT_BITS))[root];
        let upper = &root.get_or_set(|| directory(FAN_BITS))[upper];
        let lower = &upper.get_or_set(|| directory(FAN_BITS))[lower];
        &lower.get_or_set(|| (0..WORDS).map(|_| AtomicU64::new(0)).collect())[place]
    }
}

/// Where a word lies: root entry, directory entries, word in the page.
fn path(word: u64) -> [usize; 4] {
    let page = word >> (PAGE_BITS - 6);
    let fan = (1 << FAN_BITS) - 1;
    [page >> (2 * FAN_BITS), page >> FAN_BITS & fan, page & fan, word % WORDS as u64]
        .map(|part| part as usize)
}
