//! The cohorts that are open, and the history of those that are not, as one state that is published whole.
//!
//! Time advances by whole buckets. Whoever moves it on puts up a new state twice: first with a new cohort for the
//! decisions to come, then with the cohorts whose time is over folded into the history, all at once, so that every reader
//! sees each cohort in one place only. A cohort that somebody is still between two steps of stays among the open ones
//! until the next time.
//!
//! With a cohort its claims go, and with them the proof of what has been counted. So where rewards come by way of others,
//! who have accepted them in time, it is held for so many buckets after its time.

use crate::sync::{Arc, Published};
use crate::time::Window;

use super::history::{History, Layer};
use super::{CohortId, Entry, Issuer, Shape};

/// One state of the ledger.
#[derive(Debug)]
pub(crate) struct State {
    /// The bucket that it is.
    pub(crate) now: u32,
    /// Cohorts that may still be rewarded, by ascending number; the last is where decisions go.
    pub(crate) open: Vec<Arc<Entry>>,
    /// What the others have left.
    pub(crate) history: Arc<History>,
}

impl State {
    /// Where decisions go.
    #[inline]
    pub(crate) fn current(&self) -> &Arc<Entry> {
        match self.open.last() {
            Some(current) => current,
            None => unreachable!("a state is made with a current cohort"),
        }
    }

    /// The cohort of this number and life, if it may still be rewarded.
    #[inline]
    pub(crate) fn find(&self, issuer: Issuer, id: CohortId) -> Option<&Arc<Entry>> {
        // Where each bucket has one cohort, its number tells its place: a search would guess wrong at every step.
        let place = id.get().wrapping_sub(self.open.first()?.id.get()) as usize;
        let there = self.open.get(place).filter(|entry| entry.id == id && entry.issuer == issuer);
        if there.is_some() { there } else { self.search(issuer, id) }
    }

    #[cold]
    fn search(&self, issuer: Issuer, id: CohortId) -> Option<&Arc<Entry>> {
        let from = self.open.partition_point(|entry| entry.id < id);
        self.open[from..].iter().take_while(|entry| entry.id == id).find(|entry| entry.issuer == issuer)
    }

    /// Whether the window of a cohort is over, so that what has not returned is the default reward.
    pub(crate) fn is_closed(&self, id: CohortId, window: Window) -> bool {
        id.is_closed(self.now, window)
    }
}

/// The cohorts of one life and those it has inherited.
#[derive(Debug)]
pub(crate) struct Ledger {
    shape: Shape,
    issuer: Issuer,
    state: Published<State>,
    /// Buckets that a cohort is held for after its time.
    hold: u64,
}

impl Ledger {
    /// A ledger that begins with nothing.
    pub(crate) fn new(shape: Shape, issuer: Issuer) -> Self {
        let ledger = Self { shape, issuer, state: Published::empty(), hold: 0 };
        let state = State { now: 0, open: vec![ledger.entry(0)], history: Arc::default() };
        drop(ledger.state.replace(Some(Arc::new(state))));
        ledger
    }

    /// Holds cohorts for so many buckets after their time.
    pub(crate) fn hold(&mut self, buckets: u64) {
        self.hold = buckets;
    }

    /// As many buckets as a cohort's time has.
    pub(crate) fn as_long_again(&self) -> u64 {
        self.shape.window.delays() as u64 + self.shape.window.grace()
    }

    /// Takes over cohorts and layers that others have left, whose bucket it is; folds nothing.
    pub(crate) fn absorb(&mut self, now: u32, entries: Vec<Arc<Entry>>, layers: Vec<Layer>) {
        let state = self.state();
        let mut open = state.open.clone();
        open.extend(entries);
        // Our own last, so that decisions go on going there.
        open.sort_by_key(|entry| (entry.id, entry.issuer == self.issuer, entry.issuer));
        let history = Arc::new(state.history.with(layers, state.now.max(now)));
        drop(self.state.replace(Some(Arc::new(State { now: state.now, open, history }))));
        self.move_on(now);
    }

    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The present state.
    #[inline]
    pub(crate) fn state(&self) -> Arc<State> {
        match self.state.load().as_ref() {
            Some(state) => Arc::clone(state),
            None => unreachable!("a ledger is made with a state"),
        }
    }

    /// Uses the present state without a copy.
    #[inline]
    pub(crate) fn with<T>(&self, using: impl FnOnce(&State) -> T) -> T {
        match self.state.load().as_ref() {
            Some(state) => using(state),
            None => unreachable!("a ledger is made with a state"),
        }
    }

    /// Moves on to a bucket, unless it is there or further; whether it did.
    pub(crate) fn advance(&self, now: u32) -> bool {
        let moved = self.move_on(now);
        // Only now, when decisions go elsewhere: to seal the cohort that they go to would keep everybody from deciding.
        if moved {
            self.fold();
        }
        moved
    }

    fn move_on(&self, now: u32) -> bool {
        let mut moved = false;
        while !moved {
            let loaded = self.state.load();
            let Some(before) = loaded.as_ref() else { unreachable!("a ledger is made with a state") };
            if before.now >= now {
                break;
            }
            let mut open = before.open.clone();
            open.push(self.entry(now));
            let after = State { now, open, history: Arc::clone(&before.history) };
            moved = self.state.replace_loaded(&loaded, Some(Arc::new(after)));
            if moved {
                before.current().pass();
            }
        }
        moved
    }

    /// Folds the cohorts whose time is over into the history, all but those that are held or that somebody is busy with.
    pub(crate) fn fold(&self) {
        loop {
            let loaded = self.state.load();
            let Some(before) = loaded.as_ref() else { unreachable!("a ledger is made with a state") };
            let current = before.current();
            let over = |entry: &Arc<Entry>| {
                let held_until = self.end(entry.id) + self.hold;
                !Arc::ptr_eq(entry, current) && u64::from(before.now) >= held_until
            };
            let (folded, open): (Vec<_>, Vec<_>) =
                before.open.iter().cloned().partition(|entry| over(entry) && entry.seal());
            if folded.is_empty() {
                return;
            }
            let layers = folded.iter().map(|entry| entry.fold(&self.shape));
            let history = Arc::new(before.history.with(layers, before.now));
            let after = State { now: before.now, open, history };
            if self.state.replace_loaded(&loaded, Some(Arc::new(after))) {
                return;
            }
        }
    }

    /// Whether a cohort's time is over, the time of grace included.
    pub(crate) fn is_over(&self, id: CohortId, now: u32) -> bool {
        u64::from(now) >= self.end(id)
    }

    /// The first bucket after the time of a cohort.
    fn end(&self, id: CohortId) -> u64 {
        u64::from(id.bucket()) + self.as_long_again()
    }

    fn entry(&self, bucket: u32) -> Arc<Entry> {
        Arc::new(Entry::new(&self.shape, self.issuer, CohortId::of_bucket(bucket)))
    }
}
