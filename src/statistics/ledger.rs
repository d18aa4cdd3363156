//! The cohorts that are open, and the history of those that are not, as one state that is published whole.
//!
//! Time advances by whole buckets. Whoever moves it on puts up a new state twice: first with a new cohort for the
//! decisions to come, then with the cohorts whose time is over folded into the history, all at once, so that every reader
//! sees each cohort in one place only. A cohort that somebody is still between two steps of stays among the open ones
//! until the next time.
//!
//! With a cohort its claims go, and with them the proof of what has been counted. So where rewards come by way of others,
//! who have accepted them in time, it is held for so many buckets after its time.

use crate::reward::RewardKind;
use crate::sync::{Arc, AtomicBool, Ordering, Published};
use crate::time::Window;

use super::delays::Delays;
use super::goals::Goals;
use super::history::{History, Layer};
use super::pending::PendingCells;
use super::{ArmStatistics, Cohort, CohortId, Defaults, Issuer};

/// What the cohorts of a bandit have in common.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) kind: RewardKind,
    /// What becomes of decisions without a reward.
    pub(crate) defaults: Defaults,
    /// Where outcomes come in stages: what else they come to.
    pub(crate) goals: Goals,
    pub(crate) segments: usize,
    pub(crate) arms: usize,
    /// Groups whose delays are told apart, at least one; as many again for each further goal.
    pub(crate) groups: usize,
    pub(crate) window: Window,
}

/// The decisions of one life in one bucket of time: numbers, claims, counters, delays.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) issuer: Issuer,
    pub(crate) id: CohortId,
    pub(crate) cohort: Cohort,
    pub(crate) cells: PendingCells,
    pub(crate) delays: Delays,
    /// Whether decisions go to a later one by now.
    past: AtomicBool,
}

impl Entry {
    /// The most decisions for an arm in a segment: 2³¹ − 1.
    pub(crate) const MAX_COUNT: u64 = super::pending::MOST;

    /// One to which decisions go.
    fn new(shape: &Shape, issuer: Issuer, id: CohortId) -> Self {
        let cells = PendingCells::new(shape.kind, shape.defaults.clone(), shape.segments, shape.arms);
        let cells = cells.with_goals(Goals::clone(&shape.goals), shape.segments, shape.arms);
        Self { cells, ..Self::earlier(shape, issuer, id, Cohort::new()) }
    }

    /// One of an earlier life, which takes memory as it is filled: a snapshot may tell of thousands.
    pub(crate) fn earlier(shape: &Shape, issuer: Issuer, id: CohortId, cohort: Cohort) -> Self {
        let cells = PendingCells::later(shape.kind, shape.defaults.clone(), shape.segments, shape.arms);
        Self {
            issuer,
            id,
            cohort,
            cells: cells.with_goals(Goals::clone(&shape.goals), shape.segments, shape.arms),
            delays: Delays::new(shape.groups, shape.window.delays()),
            past: AtomicBool::new(false),
        }
    }

    /// Whether decisions go to a later cohort by now.
    #[inline]
    pub(crate) fn is_past(&self) -> bool {
        // Acquire: who sees it finds the later one.
        self.past.load(Ordering::Acquire)
    }

    /// What it leaves when its time is over.
    fn fold(&self, Shape { defaults, goals, .. }: &Shape) -> Layer {
        let bucket = self.id.bucket();
        let mut layer = Layer::new((bucket, bucket), self.delays.read());
        self.cells.each_touched(|segment, arm, statistics| {
            if statistics != ArmStatistics::default() {
                let added = layer.add(segment, arm, statistics.settled(defaults.of(arm)));
                debug_assert!(added, "each cell once");
                for (goal, totals) in goals.iter().enumerate() {
                    let statistics = self.cells.read_goal(goal, segment, arm);
                    if statistics != ArmStatistics::default() {
                        layer.add_goal(goal, segment, arm, statistics.settled(totals.start(arm)));
                    }
                }
            }
        });
        layer
    }
}

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
                // Release: who sees it finds the new state.
                before.current().past.store(true, Ordering::Release);
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
                before.open.iter().cloned().partition(|entry| over(entry) && entry.cells.seal());
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
