//! A cohort: decisions that are numbered together and close together.
//!
//! Where the host reports failures itself there is one cohort that never closes. The number of the cohort is
//! part of every decision and its token, so that cohorts by time bucket need no new format.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::reward::{Baseline, Contribution, Joined};
use crate::sync::{AtomicU64, Ordering};
use crate::time::Window;

use super::claims::Claims;
use super::outcomes::{Outcomes, Unjoined};
use super::radix::SEQUENCE_BITS;

/// The number of a cohort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CohortId(u32);

impl CohortId {
    /// The one cohort that never closes.
    pub const OPEN_ENDED: Self = Self(0);

    pub(crate) const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The cohort of the decisions made in a bucket of time.
    pub(crate) const fn of_bucket(bucket: u32) -> Self {
        Self(bucket + 1)
    }

    /// The bucket of time it belongs to, unless it is the one that never closes.
    pub(crate) const fn bucket(self) -> u32 {
        self.0.saturating_sub(1)
    }

    /// Whether its window is over at a bucket of time.
    pub(crate) fn is_closed(self, now: u32, window: Window) -> bool {
        u64::from(now) >= u64::from(self.bucket()) + window.delays() as u64
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for CohortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a decision cannot be rewarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClaimError {
    /// The cohort never issued a decision of this number.
    NeverIssued,
    /// It has its reward.
    AlreadyClaimed,
}

/// Numbers decisions and lets each be claimed once: by a bit where rewards come whole, by a word where they come in stages.
#[derive(Debug)]
pub(crate) struct Cohort {
    sequence: Sequence,
    claims: Claims,
    outcomes: Outcomes,
}

/// The next decision's number: as many as were issued. Every selection writes it, so it has a cache line (and its
/// neighbour, which processors fetch along) to itself.
#[derive(Debug)]
#[repr(align(128))]
struct Sequence(AtomicU64);

impl Cohort {
    /// Numbers in a block: as many as there are bits in a cache line.
    pub(crate) const BLOCK: u64 = 512;

    /// The most decisions a cohort can number: 2⁴⁰.
    pub(crate) const CAPACITY: u64 = 1 << SEQUENCE_BITS;

    pub(crate) fn new() -> Self {
        Self { sequence: Sequence(AtomicU64::new(0)), claims: Claims::new(), outcomes: Outcomes::new() }
    }

    /// A number for a new decision, or `None` when all are used up.
    #[inline]
    pub(crate) fn number(&self) -> Option<u64> {
        // Relaxed: a number publishes nothing; the decision travels to its rewarder by other means.
        let sequence = self.sequence.0.fetch_add(1, Ordering::Relaxed);
        if sequence < Self::CAPACITY {
            return Some(sequence);
        }
        self.sequence.0.fetch_sub(1, Ordering::Relaxed);
        None
    }

    /// A block of numbers for decisions to come, or `None` when all are used up.
    ///
    /// A block begins at a multiple of [`Cohort::BLOCK`]: the claim bits of a block fill a cache line, so that no two
    /// holders of blocks share one.
    pub(crate) fn reserve(&self) -> Option<Range<u64>> {
        // Relaxed, as above.
        let mut next = self.sequence.0.load(Ordering::Relaxed);
        loop {
            let start = next.next_multiple_of(Self::BLOCK);
            let end = start + Self::BLOCK;
            if end > Self::CAPACITY {
                return None;
            }
            match self.sequence.0.compare_exchange_weak(next, end, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Some(start..end),
                Err(found) => next = found,
            }
        }
    }

    /// How many decisions have been numbered, or may be by the holders of blocks.
    pub(crate) fn issued(&self) -> u64 {
        self.sequence.0.load(Ordering::Relaxed).min(Self::CAPACITY)
    }

    /// Takes note of a number that an earlier life has given to a decision.
    #[cfg(feature = "journal")]
    pub(crate) fn note(&self, sequence: u64) {
        self.sequence.0.fetch_max((sequence + 1).min(Self::CAPACITY), Ordering::Relaxed);
    }

    /// Claims a decision for its one reward.
    #[inline]
    pub(crate) fn claim(&self, sequence: u64) -> Result<(), ClaimError> {
        if sequence >= self.issued() {
            return Err(ClaimError::NeverIssued);
        }
        if self.claims.claim(sequence) { Ok(()) } else { Err(ClaimError::AlreadyClaimed) }
    }

    /// Joins a stage to what has come of a decision, which was issued; see `Outcomes`.
    pub(crate) fn join(
        &self,
        sequence: u64,
        baseline: Baseline,
        contribution: Contribution,
    ) -> Result<(bool, Joined), Unjoined> {
        self.outcomes.join(sequence, baseline, contribution)
    }

    /// Takes a decision back, which was issued, unless something has come of it; whether this call did.
    pub(crate) fn withdraw(&self, sequence: u64) -> bool {
        self.outcomes.withdraw(sequence)
    }

    /// The words of decisions with outcomes in stages, by ascending number.
    pub(crate) fn outcomes(&self) -> Vec<(u64, u64)> {
        self.outcomes.read()
    }

    /// Whether a decision may have this word.
    pub(crate) fn is_outcome(bits: u64) -> bool {
        Outcomes::is_word(bits)
    }

    /// The claimed bits, 64 decisions a word, trailing zeros left out.
    pub(crate) fn claimed(&self) -> Vec<u64> {
        // Not by the number of decisions: a snapshot may claim 2⁴⁰ of them, and memory follows use.
        let words = self.issued().div_ceil(64).min(self.claims.end());
        let mut bits: Vec<u64> = (0..words).map(|word| self.claims.read(word)).collect();
        while bits.last() == Some(&0) {
            bits.pop();
        }
        bits
    }

    /// A cohort of an earlier life: `issued` numbers taken, these bits claimed, these words of outcomes.
    pub(crate) fn restored(issued: u64, claimed: &[u64], outcomes: &[(u64, u64)]) -> Self {
        let (claims, outcomes) = (Claims::restored(claimed), Outcomes::restored(outcomes));
        Self { sequence: Sequence(AtomicU64::new(issued)), claims, outcomes }
    }
}
