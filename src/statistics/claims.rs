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
const FAN: usize = 1 << FAN_BITS;
const ROOT: usize = 1 << ROOT_BITS;

/// Aligned, so that 512 decisions from a multiple of 512 share a cache line with no others.
#[derive(Debug)]
#[repr(align(64))]
struct Page([AtomicU64; WORDS]);

#[derive(Debug)]
struct Directory<T, const N: usize>([SetOnce<T>; N]);

type Lower = Directory<Page, FAN>;
type Upper = Directory<Lower, FAN>;

/// One bit per decision.
#[derive(Debug)]
pub(crate) struct Claims {
    root: SetOnce<Directory<Upper, ROOT>>,
}

impl Page {
    fn new() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl<T, const N: usize> Directory<T, N> {
    fn new() -> Self {
        Self(std::array::from_fn(|_| SetOnce::new()))
    }
}

impl Claims {
    pub(crate) fn new() -> Self {
        Self { root: SetOnce::new() }
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
        let [root, upper, lower, place] = path(word);
        let page = || self.root.get()?.0[root].get()?.0[upper].get()?.0[lower].get();
        // Acquire: pairs with `claim`.
        page().map_or(0, |page| page.0[place].load(Ordering::Acquire))
    }

    /// Words up to the end of the last page that was touched: all bits beyond are 0.
    pub(super) fn end(&self) -> u64 {
        // A directory may stand that has no page yet, so the search goes on to the one before.
        fn last<T, const N: usize>(
            directory: &Directory<T, N>,
            end: impl Fn(&T) -> Option<u64>,
        ) -> Option<(u64, u64)> {
            let touched = directory.0.iter().enumerate().rev();
            touched.filter_map(|(entry, slot)| Some((entry as u64, end(slot.get()?)?))).next()
        }
        let page = |lower: &Lower| last(lower, |_| Some(0)).map(|(page, _)| page);
        let block = |upper: &Upper| last(upper, page).map(|(entry, page)| entry << FAN_BITS | page);
        let found = self.root.get().and_then(|root| last(root, block));
        found.map_or(0, |(entry, page)| ((entry << (2 * FAN_BITS) | page) + 1) << (PAGE_BITS - 6))
    }

    /// Sets bits that were claimed in an earlier life.
    pub(super) fn restore(&self, word: u64, bits: u64) {
        self.word(word << 6).fetch_or(bits, Ordering::AcqRel);
    }

    #[inline]
    fn word(&self, sequence: u64) -> &AtomicU64 {
        let [root, upper, lower, place] = path(sequence >> 6);
        let upper_of = self.root.get_or_set(Directory::new).0[root].get_or_set(Directory::new);
        let lower_of = upper_of.0[upper].get_or_set(Directory::new);
        &lower_of.0[lower].get_or_set(Page::new).0[place]
    }
}

/// Where a word lies: root entry, directory entries, word in the page.
fn path(word: u64) -> [usize; 4] {
    let page = word >> (PAGE_BITS - 6);
    let fan = (1 << FAN_BITS) - 1;
    [page >> (2 * FAN_BITS), page >> FAN_BITS & fan, page & fan, word % WORDS as u64]
        .map(|part| part as usize)
}
