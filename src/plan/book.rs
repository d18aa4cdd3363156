//! The plans in use, by segment and eligible set, and who replaces them when.
//!
//! A segment counts its events. Each plan knows at how many it is due, the segment the least of these. Whoever
//! finds the segment due tries to become its one refresher; who does not succeed goes on with the old plans and
//! never waits. The refresher looks again after it has stepped down, so that events which came meanwhile are not
//! overlooked.

use crate::arm::Eligibility;
use crate::segment::SegmentId;
use crate::sync::{Arc, AtomicBool, AtomicU64, Ordering, Published, SetOnce};

use super::Plan;

/// Eligible sets whose plans a segment keeps. Sets that fall on the same place push each other out.
const PLACES: u64 = if cfg!(loom) { 2 } else { 16 };

/// Rounds a refresher goes before it leaves what still comes in to the next event: under a storm of events no
/// call may be kept for ever.
const ROUNDS: usize = 4;

/// The plans of all segments, made on first touch.
#[derive(Debug)]
pub(crate) struct Book {
    segments: Box<[SetOnce<SegmentPlans>]>,
}

impl Book {
    pub(crate) fn new(segments: usize) -> Self {
        Self { segments: (0..segments).map(|_| SetOnce::new()).collect() }
    }

    #[inline]
    pub(crate) fn segment(&self, segment: SegmentId) -> &SegmentPlans {
        self.segments[segment.index()].get_or_set(SegmentPlans::new)
    }

    /// The segments that were ever asked for or rewarded.
    pub(crate) fn touched(&self) -> impl Iterator<Item = (SegmentId, &SegmentPlans)> {
        let numbered = self.segments.iter().enumerate();
        numbered.filter_map(|(index, plans)| Some((SegmentId::new(index as u32), plans.get()?)))
    }
}

/// The plans of one segment. Aligned, so that counting events in one segment does not disturb others.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct SegmentPlans {
    /// Events so far.
    events: AtomicU64,
    /// Events at which the first of the plans is due.
    due_at: AtomicU64,
    /// Whether somebody is replacing plans.
    refreshing: AtomicBool,
    /// Moves on after every change of a place, so that whoever holds a plan learns by one load that it is old.
    version: AtomicU64,
    places: Box<[Published<Plan>]>,
}

/// Steps down as refresher, also when the policy panics.
struct Turn<'a>(&'a AtomicBool);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // AcqRel, see `refresh`.
        self.0.swap(false, Ordering::AcqRel);
    }
}

impl SegmentPlans {
    pub(crate) fn new() -> Self {
        Self {
            events: AtomicU64::new(0),
            due_at: AtomicU64::new(u64::MAX),
            refreshing: AtomicBool::new(false),
            version: AtomicU64::new(0),
            places: (0..PLACES).map(|_| Published::empty()).collect(),
        }
    }

    /// Counts an event, after the counters that it changed; true if a plan is now due.
    #[inline]
    pub(crate) fn event(&self) -> bool {
        // Release: who sees the event sees the counters. Acquire: an event that comes after the refresher has looked
        // again sees the mark which that refresher has set. Relaxed on the mark: an older one, which a refresher is
        // about to raise, only costs a look.
        self.events.fetch_add(1, Ordering::AcqRel) + 1 >= self.due_at.load(Ordering::Relaxed)
    }

    /// The version of the plans: while it stays, a plan that was current stays so.
    #[inline]
    pub(crate) fn version(&self) -> u64 {
        // Acquire: whoever sees a version finds the plan that made it.
        self.version.load(Ordering::Acquire)
    }

    /// Changes what is in a place.
    fn put(&self, place: &Published<Plan>, plan: Option<Arc<Plan>>) {
        place.store(plan);
        // Release: after the plan, so that nobody takes the old plan for one of the new version and keeps it.
        self.version.fetch_add(1, Ordering::Release);
    }

    /// Events so far; the counters they changed are visible to the caller.
    pub(crate) fn events(&self) -> u64 {
        self.events.load(Ordering::Acquire)
    }

    /// Uses the plan for a set, computed by `compute` if there is none. The set itself is compared, not only its
    /// digest: a collision must not send to somebody without consent.
    pub(crate) fn with<T>(
        &self,
        eligible: &Eligibility,
        compute: impl FnOnce() -> Plan,
        using: impl FnOnce(&Arc<Plan>) -> T,
    ) -> T {
        let place = &self.places[(eligible.digest() % PLACES) as usize];
        if let Some(plan) = place.load().as_ref().filter(|plan| plan.eligible() == eligible) {
            plan.touch();
            return using(plan);
        }
        let plan = Arc::new(compute());
        plan.touch();
        self.put(place, Some(Arc::clone(&plan)));
        // AcqRel: after the plan, so that a refresher which resets the mark after this sees the plan.
        self.due_at.fetch_min(plan.due_at(), Ordering::AcqRel);
        using(&plan)
    }

    /// Replaces the plans that are due, unless somebody else is at it; returns how many. Plans that nobody used
    /// are dropped instead.
    pub(crate) fn refresh(&self, compute: impl Fn(&Eligibility) -> Plan) -> usize {
        let mut replaced = 0;
        // Relaxed: looked at again, with more care, by the one refresher.
        let mut events = self.events.load(Ordering::Relaxed);
        for _ in 0..ROUNDS {
            // AcqRel on both swaps: a refresher sees all that the one before has done.
            if events < self.due_at.load(Ordering::Relaxed) || self.refreshing.swap(true, Ordering::AcqRel) {
                break;
            }
            let turn = Turn(&self.refreshing);
            replaced += self.replace(&compute);
            drop(turn);
            // No refresh is lost. Whoever counts an event meanwhile sees the mark still up, or is turned away at the
            // flag. This look is a read-modify-write of the same word as the count, so one of the two comes first:
            // either it sees the event and goes round again, or the event, being Acquire, sees the new mark and the
            // flag down. Two plain loads could each miss the other.
            events = self.events.fetch_add(0, Ordering::AcqRel);
        }
        replaced
    }

    /// Events at which the next event will find something due.
    #[cfg(all(test, loom))]
    pub(super) fn mark(&self) -> u64 {
        self.due_at.load(Ordering::Acquire)
    }

    /// The plans in place.
    #[cfg(all(test, loom))]
    pub(super) fn in_place(&self) -> impl Iterator<Item = Arc<Plan>> {
        self.places.iter().filter_map(|place| place.load().clone())
    }

    fn replace(&self, compute: impl Fn(&Eligibility) -> Plan) -> usize {
        let events = self.events();
        // Reset before the places are read: a plan stored later lowers the mark again.
        self.due_at.swap(u64::MAX, Ordering::AcqRel);
        let mut replaced = 0;
        let mut due_at = u64::MAX;
        for place in &self.places {
            let old = place.load();
            let Some(old) = old.as_ref() else { continue };
            if old.due_at() > events {
                due_at = due_at.min(old.due_at());
            } else if old.in_use() {
                let plan = compute(old.eligible());
                due_at = due_at.min(plan.due_at());
                self.put(place, Some(Arc::new(plan)));
                replaced += 1;
            } else {
                self.put(place, None);
            }
        }
        self.due_at.fetch_min(due_at, Ordering::AcqRel);
        replaced
    }
}
