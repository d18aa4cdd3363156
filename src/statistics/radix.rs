//! Pages by the number of a decision, below small directories that are made on first touch.
//!
//! Decisions are numbered densely, up to 2⁴⁰, so a page is found by the digits of its number. Memory follows use, and
//! nobody waits: each level is published by a set-once pointer.

use crate::sync::SetOnce;

use super::table::Blank;

/// Decisions of a page, as a power of two: 32,768. (All sizes are small where loom must track each.)
pub(super) const PAGE_BITS: u32 = if cfg!(loom) { 6 } else { 15 };
/// Entries in a directory below the root, as a power of two.
const FAN_BITS: u32 = if cfg!(loom) { 0 } else { 8 };
/// Decisions that can be numbered, as a power of two.
pub(super) const SEQUENCE_BITS: u32 = if cfg!(loom) { 7 } else { 40 };
const ROOT_BITS: u32 = SEQUENCE_BITS - PAGE_BITS - 2 * FAN_BITS;

const FAN: usize = 1 << FAN_BITS;
const ROOT: usize = 1 << ROOT_BITS;

/// Entries that are made on first touch.
#[derive(Debug)]
pub(super) struct Directory<T, const N: usize>([SetOnce<T>; N]);

type Lower<P> = Directory<P, FAN>;
type Upper<P> = Directory<Lower<P>, FAN>;

/// Pages by number.
#[derive(Debug)]
pub(super) struct Radix<P>(SetOnce<Directory<Upper<P>, ROOT>>);

impl<T, const N: usize> Blank for Directory<T, N> {
    fn blank() -> Self {
        Self(std::array::from_fn(|_| SetOnce::new()))
    }
}

impl<T: Blank, const N: usize> Directory<T, N> {
    /// The entry, made if it is not there.
    #[inline]
    pub(super) fn touch(&self, entry: usize) -> &T {
        self.0[entry].get_or_set(T::blank)
    }

    /// The entries that are there, in ascending order.
    pub(super) fn each(&self) -> impl DoubleEndedIterator<Item = (u64, &T)> {
        self.0.iter().enumerate().filter_map(|(entry, slot)| Some((entry as u64, slot.get()?)))
    }
}

impl<P: Blank> Radix<P> {
    pub(super) fn new() -> Self {
        Self(SetOnce::new())
    }

    /// The page of this number, made if it is not there.
    #[inline]
    pub(super) fn touch(&self, page: u64) -> &P {
        let [root, upper, lower] = path(page);
        self.0.get_or_set(Directory::blank).touch(root).touch(upper).touch(lower)
    }

    /// The page of this number, if it is there.
    pub(super) fn get(&self, page: u64) -> Option<&P> {
        let [root, upper, lower] = path(page);
        self.0.get()?.0[root].get()?.0[upper].get()?.0[lower].get()
    }

    /// The pages that are there, with their numbers, in ascending order.
    pub(super) fn pages(&self) -> impl DoubleEndedIterator<Item = (u64, &P)> {
        let blocks = self.0.get().into_iter().flat_map(Directory::each);
        blocks.flat_map(|(root, upper)| {
            upper.each().flat_map(move |(middle, lower)| {
                let first = (root << FAN_BITS | middle) << FAN_BITS;
                lower.each().map(move |(entry, page)| (first | entry, page))
            })
        })
    }
}

/// Where a page lies: root entry, directory entries.
fn path(page: u64) -> [usize; 3] {
    let fan = (1 << FAN_BITS) - 1;
    [page >> (2 * FAN_BITS), page >> FAN_BITS & fan, page & fan].map(|part| part as usize)
}
