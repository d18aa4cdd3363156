//! The atomic form of one arm's statistics in one segment: every read is a state that was possible.
//!
//! A binary cell is two words, one for decisions, one for outcomes with successes in the high half and failures
//! in the low: a single addition records an outcome and a single load shows both counts, so that successes can
//! never read as more than trials. Neither half can run over: an outcome needs a decision first, and
//! [`ArmStatistics::MAX_COUNT`] bounds those.

use crate::reward::Quantity;
use crate::sync::{AtomicU64, Ordering};

use super::ArmStatistics;
use super::table::Blank;

/// A cell has counted as many decisions as it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CounterFull;

/// What every kind of cell can do.
pub(crate) trait Cell: Blank + std::fmt::Debug {
    /// The word that counts decisions.
    fn issued(&self) -> &AtomicU64;

    /// Adds the outcome of a decision.
    fn reward(&self, quantity: Quantity);

    /// Reads the outcomes: (returned, sum, sum of squares).
    fn outcomes(&self) -> (u64, u64, u64);

    /// Adds outcomes that were counted elsewhere.
    fn add_outcomes(&self, statistics: ArmStatistics);

    /// Counts a decision, unless the cell is full.
    #[inline]
    fn issue(&self) -> Result<(), CounterFull> {
        // Relaxed: the count publishes nothing; who reads it together with outcomes reads those first.
        if self.issued().fetch_add(1, Ordering::Relaxed) < ArmStatistics::MAX_COUNT {
            return Ok(());
        }
        // Up to 2¹⁶ threads may stand here at once before a half word would be in danger.
        self.issued().fetch_sub(1, Ordering::Relaxed);
        Err(CounterFull)
    }

    /// Takes a decision back.
    fn withdraw(&self) {
        // A loop instead of a subtraction: a token forged under the public key must not take back what never was.
        let mut issued = self.issued().load(Ordering::Relaxed);
        while issued > 0 {
            match self.issued().compare_exchange_weak(
                issued,
                issued - 1,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(found) => issued = found,
            }
        }
    }

    /// What was counted. Additions that are under way may be in one word and not yet in another, but never so that
    /// the counters would be impossible.
    fn read(&self) -> ArmStatistics {
        // Outcomes first: the Acquire in there makes every decision visible whose outcome was seen, so that
        // `returned <= issued` in every read.
        let (returned, sum, squares) = self.outcomes();
        let issued = self.issued().load(Ordering::Relaxed);
        // Three things make these two disagree: a selection about to be refused by a full cell; a decision that was made
        // after its cell was copied into the snapshot we come from; and outcomes of decisions that were never made for
        // this arm, from tokens forged under the public key. What is read stays possible, and can be restored.
        let issued = issued.min(ArmStatistics::MAX_COUNT).max(returned);
        ArmStatistics::from_parts(issued, returned, sum, squares)
    }

    /// Adds what was counted elsewhere; the caller has made sure that it fits.
    fn add(&self, statistics: ArmStatistics) {
        self.issued().fetch_add(statistics.issued, Ordering::Relaxed);
        self.add_outcomes(statistics);
    }
}

/// Yes-or-no outcomes: 16 bytes.
#[derive(Debug)]
pub(crate) struct BinaryCell {
    issued: AtomicU64,
    /// Successes in the high 32 bits, failures in the low.
    outcomes: AtomicU64,
}

const SUCCESS: u64 = 1 << 32;
const FAILURE: u64 = 1;

impl Blank for BinaryCell {
    fn blank() -> Self {
        Self { issued: AtomicU64::new(0), outcomes: AtomicU64::new(0) }
    }
}

impl Cell for BinaryCell {
    #[inline]
    fn issued(&self) -> &AtomicU64 {
        &self.issued
    }

    fn reward(&self, quantity: Quantity) {
        let outcome = if quantity.get() == 0 { FAILURE } else { SUCCESS };
        // Release: who sees this outcome sees the decision it belongs to.
        self.outcomes.fetch_add(outcome, Ordering::Release);
    }

    fn outcomes(&self) -> (u64, u64, u64) {
        let outcomes = self.outcomes.load(Ordering::Acquire);
        let (successes, failures) = (outcomes / SUCCESS, outcomes % SUCCESS);
        let sum = successes << Quantity::DIGITS;
        (successes + failures, sum, sum)
    }

    fn add_outcomes(&self, statistics: ArmStatistics) {
        let successes = statistics.sum >> Quantity::DIGITS;
        let failures = statistics.returned - successes;
        self.outcomes.fetch_add(successes * SUCCESS + failures * FAILURE, Ordering::Release);
    }
}

/// Rewards in a range: 32 bytes.
///
/// Count, then sum of squares, then sum are written in this order with Release and read in the reverse order
/// with Acquire: the rewards in a word read earlier are among those in each word read later. So
/// n Σq² ≥ (Σq)² holds in every read, by Cauchy–Schwarz over nested sets: no read shows a negative variance.
#[derive(Debug)]
pub(crate) struct RealCell {
    issued: AtomicU64,
    returned: AtomicU64,
    squares: AtomicU64,
    sum: AtomicU64,
}

impl Blank for RealCell {
    fn blank() -> Self {
        let zero = || AtomicU64::new(0);
        Self { issued: zero(), returned: zero(), squares: zero(), sum: zero() }
    }
}

impl Cell for RealCell {
    fn issued(&self) -> &AtomicU64 {
        &self.issued
    }

    fn reward(&self, quantity: Quantity) {
        // Release throughout, the count included: who sees it sees the decision.
        self.returned.fetch_add(1, Ordering::Release);
        self.squares.fetch_add(quantity.square(), Ordering::Release);
        self.sum.fetch_add(quantity.get(), Ordering::Release);
    }

    fn outcomes(&self) -> (u64, u64, u64) {
        let sum = self.sum.load(Ordering::Acquire);
        let squares = self.squares.load(Ordering::Acquire);
        let returned = self.returned.load(Ordering::Acquire);
        (returned, sum, squares)
    }

    fn add_outcomes(&self, statistics: ArmStatistics) {
        self.returned.fetch_add(statistics.returned, Ordering::Release);
        self.squares.fetch_add(statistics.squares, Ordering::Release);
        self.sum.fetch_add(statistics.sum, Ordering::Release);
    }
}
