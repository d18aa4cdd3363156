//! Sums of many words that one thread at a time adds to by loads and stores, and whoever comes meanwhile in a second row.
//!
//! An atomic addition costs several times a plain one, and the products of a request's features are dozens of them. So a thread takes the
//! turn, which is one exchange, and then writes the first row alone. A thread that finds the turn taken waits for nobody: it adds atomically
//! to the second row, which is made then. A sum is that of both rows, and a thread that is stopped in its turn leaves all others on the second.

use crate::sync::{AtomicBool, AtomicU64, Ordering, SetOnce};

/// Words that add up modulo 2⁶⁴, so that differences may be added too.
#[derive(Debug)]
pub(super) struct Turns {
    /// Whether somebody has the turn.
    taken: AtomicBool,
    /// Written in turn only.
    first: Box<[AtomicU64]>,
    /// Of those who came out of turn.
    second: SetOnce<Box<[AtomicU64]>>,
}

/// What a thread adds to a word: by turn, or atomically.
pub(super) trait Adding {
    fn add(word: &AtomicU64, addend: u64);
    /// The same, seen together with all that this thread did before.
    fn add_last(word: &AtomicU64, addend: u64);
}

/// Nobody else writes the word.
#[derive(Debug)]
pub(super) struct Alone;

impl Adding for Alone {
    #[inline(always)]
    fn add(word: &AtomicU64, addend: u64) {
        // Relaxed: what was written in earlier turns is seen by having the turn.
        word.store(word.load(Ordering::Relaxed).wrapping_add(addend), Ordering::Relaxed);
    }

    #[inline(always)]
    fn add_last(word: &AtomicU64, addend: u64) {
        // Release, as it is promised; what was done before earlier turns comes along, since those turns came before.
        word.store(word.load(Ordering::Relaxed).wrapping_add(addend), Ordering::Release);
    }
}

/// Others may add at the same time.
#[derive(Debug)]
pub(super) struct Together;

impl Adding for Together {
    #[inline(always)]
    fn add(word: &AtomicU64, addend: u64) {
        // Adding nothing needs no exclusive cache line.
        if addend != 0 {
            word.fetch_add(addend, Ordering::Relaxed);
        }
    }

    #[inline(always)]
    fn add_last(word: &AtomicU64, addend: u64) {
        word.fetch_add(addend, Ordering::Release);
    }
}

/// An addition to words, in one way or the other.
pub(super) trait Addition {
    fn to<A: Adding>(&self, words: &[AtomicU64]);
}

/// The turn, given back also by a panic.
struct Turn<'a>(&'a AtomicBool);

impl Drop for Turn<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        // Release: whoever has the next turn sees what was written in this one.
        self.0.store(false, Ordering::Release);
    }
}

fn nothing(words: usize) -> Box<[AtomicU64]> {
    (0..words).map(|_| AtomicU64::new(0)).collect()
}

impl Turns {
    /// So many words, all 0.
    pub(super) fn new(words: usize) -> Self {
        Self { taken: AtomicBool::new(false), first: nothing(words), second: SetOnce::new() }
    }

    /// Adds, in turn or beside.
    #[inline]
    pub(super) fn add(&self, addition: &impl Addition) {
        // Acquire: sees what was written in the turns before.
        if self.taken.swap(true, Ordering::Acquire) {
            return self.add_beside(addition);
        }
        let _turn = Turn(&self.taken);
        addition.to::<Alone>(&self.first);
    }

    #[cold]
    fn add_beside(&self, addition: &impl Addition) {
        addition.to::<Together>(self.second.get_or_set(|| nothing(self.first.len())));
    }

    /// The sum of a word, read together with what was done before by those who added to it last.
    pub(super) fn read(&self, word: usize) -> u64 {
        // Acquire: pairs with `add_last`.
        let of = |row: &[AtomicU64]| row[word].load(Ordering::Acquire);
        self.second.get().map_or(0, |row| of(row)).wrapping_add(of(&self.first))
    }

    /// The sums of all words.
    pub(super) fn read_all(&self) -> impl Iterator<Item = u64> {
        let second = self.second.get();
        self.first.iter().enumerate().map(move |(word, first)| {
            let beside = second.map_or(0, |row| row[word].load(Ordering::Relaxed));
            first.load(Ordering::Relaxed).wrapping_add(beside)
        })
    }
}
