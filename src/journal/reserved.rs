//! A place in the journal of a running bandit, and what can be recorded in it: decisions, outcomes, withdrawals.

use crate::arm::Eligibility;
use crate::decision::Decision;
use crate::reward::Reward;
use crate::time::Timestamp;

use super::attached::Attached;
use super::durable::{DurableJournal, Recorded};
use super::event::{Event, WORDS, What};
use super::{JournalError, queue};

/// A place in the queue, to be filled. Dropped, it is given back.
///
/// While a thread holds one, records behind it are not flushed; others go on until the queue is full.
#[derive(Debug)]
#[must_use = "a place that is dropped is given back"]
pub struct Reserved<'a> {
    place: queue::Reserved<'a, Attached>,
    journal: &'a DurableJournal,
}

impl<'a> Reserved<'a> {
    #[inline]
    pub(super) fn new(place: queue::Reserved<'a, Attached>, journal: &'a DurableJournal) -> Self {
        Self { place, journal }
    }

    /// Records a decision, drawn from this set.
    ///
    /// # Errors
    ///
    /// [`JournalError::OtherNames`] if decision or set belong to other arms or segments; the place is given back.
    #[inline]
    pub fn decision(
        self,
        at: Timestamp,
        decision: &Decision,
        eligible: &Eligibility,
    ) -> Result<Recorded, JournalError> {
        let names = &self.journal.names;
        if decision.fingerprint != names.fingerprint() || eligible.space() != names.arms().fingerprint() {
            return Err(JournalError::OtherNames);
        }
        let digest = eligible.digest();
        let named = (!eligible.is_all()).then_some(digest);
        let words = event(at, decision, What::Decision { units: decision.units, eligible: named }).pack();
        // The table is asked with the place reserved: see `Known`.
        let unknown = named.filter(|&digest| !self.journal.known.has(digest)).map(|_| eligible);
        Ok(self.commit(words, Attached::of(unknown, decision.features)))
    }

    #[inline]
    fn commit(self, words: [u64; WORDS], attached: Option<Attached>) -> Recorded {
        Recorded(match attached {
            None => self.place.commit(words),
            Some(attached) => self.place.commit_with(words, attached),
        })
    }

    /// Records the reward of a decision.
    ///
    /// # Errors
    ///
    /// [`JournalError::Reward`] for a value that the declared rewards do not admit; the place is given back.
    #[inline]
    pub fn outcome(
        self,
        at: Timestamp,
        decision: &Decision,
        reward: Reward,
    ) -> Result<Recorded, JournalError> {
        let value = reward.value();
        self.journal.names.reward_kind().quantity(reward).map_err(|_| JournalError::Reward { value })?;
        let what = What::Outcome { reward: value, space: decision.fingerprint };
        Ok(self.commit(event(at, decision, what).pack(), Attached::of(None, decision.features)))
    }

    /// Records a piece of the outcome of a decision: the stage it has reached, and what came with it.
    ///
    /// # Errors
    ///
    /// [`JournalError::Reward`] for a value that is not finite; the place is given back.
    pub fn stage(
        self,
        at: Timestamp,
        decision: &Decision,
        stage: u16,
        value: f64,
    ) -> Result<Recorded, JournalError> {
        if !value.is_finite() {
            return Err(JournalError::Reward { value });
        }
        let what = What::Stage { stage, value, space: decision.fingerprint };
        Ok(Recorded(self.place.commit(event(at, decision, what).pack())))
    }

    /// Records that a decision was withdrawn.
    pub fn cancel(self, at: Timestamp, decision: &Decision) -> Recorded {
        let what = What::Cancel { space: decision.fingerprint };
        self.commit(event(at, decision, what).pack(), Attached::of(None, decision.features))
    }
}

fn event(at: Timestamp, decision: &Decision, what: What) -> Event {
    Event { id: decision.id, at, segment: decision.segment, arm: decision.arm, what }
}
