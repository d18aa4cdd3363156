//! Counters of a cohort whose outcomes come in stages: the total of a decision changes until the cohort closes.
//!
//! Whoever joins a stage adds the difference it makes, as what is added and what is removed, which both only grow; so
//! the sum is exact in whatever order the differences come. A change that is made in several words could be cut in two by
//! the seal. So there is a gate before them, {sealed: 1 bit, begun: 63}: who has come through it may finish, and the cell
//! is complete once the gate is sealed and as many have finished as had begun.

use crate::reward::{Joined, Quantity};
use crate::sync::{AtomicU64, Ordering};

use super::ArmStatistics;
use super::outcomes::Unjoined;
use super::pending::{Pending, Refused, SEALED, Word};
use super::table::Blank;

/// Rewards in stages: 56 bytes.
#[derive(Debug)]
pub(super) struct PendingStaged {
    word: Word,
    /// {sealed: 1 bit, begun: 63}.
    begun: AtomicU64,
    finished: AtomicU64,
    /// Sums of the totals: what outcomes have added, and what they have removed.
    sum: GrowOnly,
    squares: GrowOnly,
}

/// A sum that goes up and down, as two that go up.
#[derive(Debug)]
pub(super) struct GrowOnly {
    added: AtomicU64,
    removed: AtomicU64,
}

/// Why an outcome does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unobserved {
    /// The cell does not take it.
    Refused(Refused),
    /// The decision does not take it.
    Unjoined(Unjoined),
}

impl GrowOnly {
    pub(super) fn new() -> Self {
        Self { added: AtomicU64::new(0), removed: AtomicU64::new(0) }
    }

    pub(super) fn change(&self, before: u64, after: u64) {
        // Release: who sees a difference sees the stage that made it, and the return before it.
        if after > before {
            self.added.fetch_add(after - before, Ordering::Release);
        } else if after < before {
            self.removed.fetch_add(before - after, Ordering::Release);
        }
    }

    pub(super) fn read(&self) -> u64 {
        let removed = self.removed.load(Ordering::Acquire);
        // A removal may be in before the addition it takes from.
        self.added.load(Ordering::Acquire).saturating_sub(removed)
    }
}

impl Blank for PendingStaged {
    fn blank() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            word: Word::new(),
            begun: zero(),
            finished: zero(),
            sum: GrowOnly::new(),
            squares: GrowOnly::new(),
        }
    }
}

impl PendingStaged {
    /// Counts the difference that an outcome makes, once `join` has made it the decision's, and then whatever else is to be
    /// whole with it.
    pub(super) fn observe(
        &self,
        join: impl FnOnce() -> Result<(bool, Joined), Unjoined>,
        and: impl FnOnce(bool, &Joined),
    ) -> Result<(bool, Joined), Unobserved> {
        self.within_gate(|| {
            let (first, joined) = join().map_err(Unobserved::Unjoined)?;
            if first {
                self.word.settle_begun().map_err(Unobserved::Refused)?;
            }
            // Before its first outcome a decision is in no sum.
            let before = (!first).then(|| joined.before.quantity());
            let parts = |quantity: Quantity| (quantity.get(), quantity.square());
            let (before, after) = (before.map_or((0, 0), parts), parts(joined.after.quantity()));
            self.squares.change(before.1, after.1);
            self.sum.change(before.0, after.0);
            and(first, &joined);
            Ok((first, joined))
        })
    }

    /// Takes a decision back, if `withdraw` could.
    pub(super) fn withdraw(&self, withdraw: impl FnOnce() -> bool) -> Result<bool, Refused> {
        let withdrawn = self.within_gate(|| {
            let withdrawn = withdraw();
            if withdrawn {
                self.word.withdraw_begun();
            }
            Ok(withdrawn)
        });
        withdrawn.map_err(|unobserved| match unobserved {
            Unobserved::Refused(refused) => refused,
            Unobserved::Unjoined(_) => unreachable!("nothing is joined"),
        })
    }

    /// Makes a change that is whole before the cell is complete.
    fn within_gate<T>(&self, change: impl FnOnce() -> Result<T, Unobserved>) -> Result<T, Unobserved> {
        // Acquire and AcqRel: the gate is passed before anything else is touched.
        let mut begun = self.begun.load(Ordering::Acquire);
        loop {
            if begun & SEALED != 0 {
                return Err(Unobserved::Refused(Refused::Sealed));
            }
            match self.begun.compare_exchange_weak(begun, begun + 1, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => break,
                Err(found) => begun = found,
            }
        }
        let changed = change();
        // Release: who counts this as finished sees all of the change.
        self.finished.fetch_add(1, Ordering::Release);
        changed
    }
}

impl Pending for PendingStaged {
    #[inline]
    fn word(&self) -> &Word {
        &self.word
    }

    /// Exact when nobody is between two steps. Beside an outcome that is being counted the sums may hold part of it; they
    /// are then brought to the next that are possible.
    fn read(&self, _default: Quantity) -> ArmStatistics {
        // The word last: the decisions in the sums are then among those returned.
        let (sum, squares) = (self.sum.read(), self.squares.read());
        possible(self.word.read(), sum, squares)
    }

    fn seal(&self) -> bool {
        // AcqRel: who comes later is refused, who came before is counted here.
        let begun = self.begun.fetch_or(SEALED, Ordering::AcqRel) & !SEALED;
        self.word.seal();
        // Acquire: the changes of all that have finished are then in.
        self.finished.load(Ordering::Acquire) == begun
    }

    fn add(&self, statistics: ArmStatistics) {
        self.word.add(statistics);
        self.squares.change(0, statistics.squares);
        self.sum.change(0, statistics.sum);
    }
}

/// Decisions, those returned, and the sums nearest to these that are possible.
pub(super) fn possible((issued, returned): (u64, u64), sum: u64, squares: u64) -> ArmStatistics {
    let most = returned << Quantity::DIGITS;
    let sum = sum.min(most);
    // n Σq² ≥ (Σq)², and what is divided is below most², so that the quotient fits.
    let least = (u128::from(sum) * u128::from(sum)).div_ceil(u128::from(most.max(1))) as u64;
    ArmStatistics::from_parts(issued, returned, sum, squares.clamp(least, most))
}
