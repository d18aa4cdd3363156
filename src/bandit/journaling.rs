//! A bandit that keeps a journal: a place for the record first, then the change, then the record.
//!
//! Whatever cannot be recorded does not happen. What happened is recorded before the caller learns of it, so that the
//! record of a reward never comes before that of its decision.

use crate::arm::Eligibility;
use crate::decision::Decision;
use crate::delta::ExchangeRecord;
use crate::journal::{Compacted, Durable};
use crate::journal::{DurableJournal, JournalError, Recorded, ReserveError, Reserved};
use crate::reward::{Outcome, Reward};
use crate::snapshot::{RestoreError, Snapshot};
use crate::statistics::Defaults;
use crate::time::Timestamp;

use super::replaying::{Replay, ReplayError};
use super::{Bandit, BanditBuilder};

/// What stands for no amount in the record of an outcome.
pub(super) const NO_AMOUNT: f64 = -1.0;

/// A place in the journal, where there is one.
#[derive(Debug)]
pub(super) struct Place<'a>(Option<Reserved<'a>>);

/// The journal of a bandit, and what it does when the queue is full.
#[derive(Debug)]
pub(super) struct Journaling {
    pub(super) journal: DurableJournal,
    /// Whether a call that finds the queue full flushes it, instead of failing.
    pub(super) back_pressure: bool,
}

/// A place that was taken.
#[derive(Debug)]
pub(super) struct Taken<'a>(Reserved<'a>);

impl<'a> Place<'a> {
    /// The place, where there is a journal.
    #[inline]
    pub(super) fn taken(self) -> Option<Taken<'a>> {
        self.0.map(Taken)
    }
}

impl Taken<'_> {
    pub(super) fn decision(self, bandit: &Bandit, decision: &Decision, eligible: &Eligibility) {
        let recorded = self.0.decision(bandit.now(), decision, eligible);
        debug_assert!(recorded.is_ok(), "decision and set are this bandit's: {recorded:?}");
    }

    pub(super) fn outcome(self, at: Timestamp, decision: &Decision, reward: Reward) {
        let recorded = self.0.outcome(at, decision, reward);
        debug_assert!(recorded.is_ok(), "the reward was admissible: {recorded:?}");
    }

    /// An outcome without an amount is recorded with −1, which no amount is.
    pub(super) fn stage(self, at: Timestamp, decision: &Decision, outcome: &Outcome) {
        let (stage, amount) = (u16::from(outcome.stage().number()), outcome.amount().unwrap_or(NO_AMOUNT));
        let recorded = self.0.stage(at, decision, stage, amount);
        debug_assert!(recorded.is_ok(), "the amount was admissible: {recorded:?}");
    }

    pub(super) fn cancel(self, at: Timestamp, decision: &Decision) {
        self.0.cancel(at, decision);
    }
}

impl Bandit {
    /// A place for a record of what is about to happen.
    #[inline]
    pub(super) fn reserve(&self) -> Result<Place<'_>, ReserveError> {
        match &self.journaling {
            None => Ok(Place(None)),
            Some(journaling) => journaling.reserve(self).map(|place| Place(Some(place))),
        }
    }

    /// How many records were put into the journal so far, as the position of the last: at least that of whatever this
    /// thread has done. It is acknowledged once [`Durable::covers`] it. `None` without a journal, or without a record.
    #[must_use]
    pub fn recorded(&self) -> Option<Recorded> {
        self.journaling.as_ref()?.journal.last_recorded()
    }

    /// Writes what was recorded before this call to the journal's files, syncs them when that is due, and says how far
    /// the journal is durable: what it covers outlasts a crash.
    ///
    /// Called by a thread of the host's, or by whoever finds it due. One thread writes at a time; any other is told at
    /// once how far it is. Nobody who selects or rewards waits for it.
    ///
    /// # Errors
    ///
    /// [`JournalError`]: the storage failed, now or before; [`JournalError::None`] without a journal.
    pub fn flush(&self) -> Result<Durable, JournalError> {
        self.journal()?.flush(self.now())
    }

    /// Folds the closed files of the journal into a snapshot and removes what is no longer needed; `None` if there was
    /// nothing to fold. Never looks at the counters in use, so it holds nobody up; takes as long as recovering would.
    ///
    /// # Errors
    ///
    /// [`ReplayError`]: damage in a file, or a failing storage.
    pub fn compact(&self) -> Result<Option<Compacted>, ReplayError> {
        let journal = self.journal().map_err(ReplayError::Journal)?;
        journal.rotate(self.now()).map_err(ReplayError::Journal)?;
        journal.compact(|before, files| {
            let mut folded = self.blank();
            if let Some(before) = &before {
                folded.restore(before).map_err(ReplayError::Restore)?;
            }
            let mut replay = Replay::new(&mut folded);
            files.replay(|names, entry| replay.take(names, entry))?;
            replay.finish();
            // What the others have told is in no journal, and what they need no longer is settled.
            Ok(folded.to_be_stored(self.exchange_record()))
        })
    }

    /// Puts up a snapshot of another that is what this one is to become: all that was recorded until now is in it.
    pub(super) fn store(&self, other: &Bandit) -> Result<(), JournalError> {
        let Some(journaling) = &self.journaling else { return Ok(()) };
        journaling.journal.rotate(self.now())?;
        journaling.journal.store(other.to_be_stored(other.exchange_record()))
    }

    /// Lets the starts be told apart: of all lives the latest writes the latest file.
    pub(super) fn number_lives_by_files(&mut self) {
        if let (Some(exchange), Some(journaling)) = (&mut self.exchange, &self.journaling) {
            // Snapshots number only the lives that were folded.
            exchange.life = exchange.life.max(journaling.journal.file());
        }
    }

    /// A copy with all that is known, to try out what cannot be taken back.
    pub(super) fn copy(&self) -> Result<Bandit, RestoreError> {
        let mut copy = self.blank();
        copy.restore(&self.snapshot())?;
        Ok(copy)
    }

    /// A snapshot for the journal, without the life that it is made in: nothing was decided in that.
    fn to_be_stored(&self, exchange: Option<ExchangeRecord>) -> Snapshot {
        let mut snapshot = Snapshot { exchange: exchange.map(Box::new), ..self.own_snapshot() };
        let own = (self.issuer.replica, self.issuer.incarnation);
        snapshot.lives.retain(|life| (life.replica, life.incarnation) != own);
        snapshot
    }

    /// Whether all that was recorded until now is durable, if need be by a sync that is not due yet. True without a journal.
    pub(super) fn is_durable_so_far(&self) -> bool {
        let (Some(journaling), Some(last)) = (&self.journaling, self.recorded()) else { return true };
        let journal = &journaling.journal;
        // Where nothing is left to sync, none of the disk's time is taken.
        journal.durable().covers(last) || journal.sync(self.now()).is_ok_and(|durable| durable.covers(last))
    }

    /// A bandit with the same names and settings that knows nothing, to fold a journal in.
    pub(super) fn blank(&self) -> Bandit {
        let mut builder = Bandit::builder(self.arms.clone(), self.segments.clone()).reward(self.reward);
        builder = builder.policy(crate::policy::Uniform).replica(self.issuer.replica);
        let mut keys = self.keys.clone();
        builder = builder.token_key(keys.current);
        for key in keys.accepted.drain(..) {
            builder = builder.accept_key(key);
        }
        if self.exchange.is_some() {
            builder = builder.replicated();
        }
        if let Some(contextual) = &self.contextual {
            builder = builder.features(contextual.features.clone()).linear(contextual.linear);
        }
        if let Some(waiting) = &self.waiting {
            builder = builder.window(waiting.window()).delays_by(waiting.delays_by.clone());
            builder = match waiting.defaults() {
                Defaults::Alike(default) => {
                    let scaled = default.get() as f64 / crate::reward::Quantity::ONE as f64;
                    builder.default_reward(Reward::new(self.reward.unscale(scaled)))
                }
                Defaults::ByArm(_) => match self.reward_rule() {
                    Some(rule) => {
                        let goals = waiting.goals.iter().cloned();
                        goals.fold(builder.stages(rule.clone()), BanditBuilder::declaring)
                    }
                    None => unreachable!("arms start from different totals by a rule only"),
                },
            };
        }
        match builder.build() {
            Ok(mut bandit) => {
                // A record of a cohort that was about to close may stand in the next file.
                bandit.hold(1);
                bandit
            }
            Err(error) => unreachable!("the settings of a bandit that was built: {error}"),
        }
    }

    fn journal(&self) -> Result<&DurableJournal, JournalError> {
        self.journaling.as_ref().map(|journaling| &journaling.journal).ok_or(JournalError::None)
    }
}

impl Journaling {
    #[inline]
    fn reserve(&self, bandit: &Bandit) -> Result<Reserved<'_>, ReserveError> {
        match self.journal.reserve() {
            Err(ReserveError::Full { .. }) if self.back_pressure => self.wait_for_room(bandit),
            reserved => reserved,
        }
    }

    /// Makes room by flushing, or waits while somebody else does.
    #[cold]
    fn wait_for_room(&self, bandit: &Bandit) -> Result<Reserved<'_>, ReserveError> {
        loop {
            if self.journal.flush(bandit.now()).is_err() {
                return Err(ReserveError::Broken);
            }
            match self.journal.reserve() {
                Err(ReserveError::Full { .. }) => std::thread::yield_now(),
                reserved => return reserved,
            }
        }
    }
}
