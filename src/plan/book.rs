//! The plans in use, by segment and eligible set, and who replaces them when.
//!
//! A segment counts its events. Each plan knows at how many it is due, the segment the least of these. Whoever
//! finds the segment due tries to become its one refresher; who does not succeed goes on with the old plans and
//! never waits. The refresher looks again after it has stepped down, so that events which came meanwhile are not
//! overlooked.

use crate::arm::{ArmId, Eligibility};
use crate::segment::SegmentId;
use crate::sync::{Arc, AtomicBool, AtomicU64, Ordering, Published, SetOnce};

use super::{Desk, Plan};

/// Plans of a segment that may fall on one shelf, by the digests of their sets.
const WAYS: usize = if cfg!(loom) { 1 } else { 8 };

/// Shelves of a segment. With [`WAYS`] places each, a bit of a word for each place, they hold the plans of up to 64 sets; 24 sets in use all find room
/// with a probability of 0.99, 32 with 0.89. Sets for which there is no room push each other out, and each selection
/// for one of them then costs the computation of its plan.
const SHELVES: usize = if cfg!(loom) { 2 } else { 8 };

/// Rounds a refresher goes before it leaves what still comes in to the next event: under a storm of events no
/// call may be kept for ever.
const ROUNDS: usize = 4;

/// The plans of all segments, made on first touch.
#[derive(Debug)]
pub(crate) struct Book {
    segments: Box<[SetOnce<SegmentPlans>]>,
    /// The number of arms if the policy is an index: each segment then has a desk.
    desk: Option<usize>,
}

impl Book {
    /// `desk` is the number of arms if the policy is an index, whose standings are to be kept.
    pub(crate) fn new(segments: usize, desk: Option<usize>) -> Self {
        Self { segments: (0..segments).map(|_| SetOnce::new()).collect(), desk }
    }

    #[inline]
    pub(crate) fn segment(&self, segment: SegmentId) -> &SegmentPlans {
        self.segments[segment.index()].get_or_set(|| SegmentPlans::new(self.desk))
    }

    /// The plans of a segment, if it was ever asked for or rewarded.
    pub(crate) fn get(&self, segment: SegmentId) -> Option<&SegmentPlans> {
        self.segments[segment.index()].get()
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
    /// How often all plans have become due at once.
    epoch: AtomicU64,
    /// How often there was no plan in place for a set that was asked for.
    misses: AtomicU64,
    /// Whether somebody is replacing plans.
    refreshing: AtomicBool,
    /// A bit for each place that may hold a plan, shelf by shelf: whoever goes through the places looks at these only.
    taken: AtomicU64,
    shelves: Box<[[Published<Plan>; WAYS]]>,
    /// The standings of the sets, where the policy is an index.
    desk: Option<Box<Desk>>,
}

/// The turn of the one refresher. It ends also when the policy panics, and the segment is then as due as before.
struct Turn<'a> {
    plans: &'a SegmentPlans,
    /// The mark to leave behind: the least of the plans in place.
    due_at: u64,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // AcqRel: after the plans, and before the look that follows, see `refresh`.
        self.plans.due_at.fetch_min(self.due_at, Ordering::AcqRel);
        self.plans.refreshing.swap(false, Ordering::AcqRel);
    }
}

impl SegmentPlans {
    pub(crate) fn new(desk: Option<usize>) -> Self {
        Self {
            events: AtomicU64::new(0),
            due_at: AtomicU64::new(u64::MAX),
            epoch: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            refreshing: AtomicBool::new(false),
            shelves: (0..SHELVES).map(|_| std::array::from_fn(|_| Published::empty())).collect(),
            desk: desk.map(|arms| Box::new(Desk::new(arms))),
        }
    }

    /// Where the standings are, if the policy is an index.
    pub(crate) fn desk(&self) -> Option<&Desk> {
        self.desk.as_deref()
    }

    /// Counts an event of an arm, after the counters that it changed; true if a plan is now due.
    #[inline]
    pub(crate) fn event_of(&self, arm: ArmId) -> bool {
        if let Some(desk) = &self.desk {
            desk.mark(arm);
        }
        self.event()
    }

    /// Counts an event, after the counters that it changed; true if a plan is now due.
    #[inline]
    pub(super) fn event(&self) -> bool {
        // Release: who sees the event sees the counters. Acquire: an event that comes after the refresher has looked
        // again sees the mark which that refresher has set. Relaxed on the mark: an older one, which a refresher is
        // about to raise, only costs a look.
        self.events.fetch_add(1, Ordering::AcqRel) + 1 >= self.due_at.load(Ordering::Relaxed)
    }

    /// Makes all plans due, those that are being computed included: time has passed, which no event tells.
    pub(crate) fn expire(&self) {
        // AcqRel: who sees the epoch sees the time that began it; the mark comes after it.
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.due_at.fetch_min(0, Ordering::AcqRel);
    }

    fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Events so far; the counters they changed are visible to the caller.
    pub(crate) fn events(&self) -> u64 {
        self.events.load(Ordering::Acquire)
    }

    /// Uses the plan for a set, computed by `compute` if there is none. The set itself is compared, not only its
    /// digest: a collision must not send to somebody without consent.
    ///
    /// # Errors
    ///
    /// That of `compute`; nothing has changed then.
    pub(crate) fn with<T, E>(
        &self,
        eligible: &Eligibility,
        compute: impl FnOnce() -> Result<Plan, E>,
        using: impl FnOnce(&Arc<Plan>) -> T,
    ) -> Result<T, E> {
        let number = (eligible.digest() % SHELVES as u64) as usize;
        let shelf = &self.shelves[number];
        for place in shelf {
            if let Some(plan) = place.load().as_ref().filter(|plan| plan.eligible() == eligible) {
                plan.touch();
                return Ok(using(plan));
            }
        }
        // Relaxed: only a number to look at.
        self.misses.fetch_add(1, Ordering::Relaxed);
        // Before the computation: a plan that was begun in an earlier epoch is due.
        let epoch = self.epoch();
        let plan = Arc::new(compute()?.of_epoch(epoch));
        plan.touch();
        let way = room(shelf, eligible);
        put(&shelf[way], Some(Arc::clone(&plan)));
        // Release: who sees the bit sees the plan, or one that came after it.
        self.taken.fetch_or(1 << (number * WAYS + way), Ordering::Release);
        // AcqRel: after the plan and its bit, so that a refresher which resets the mark after this sees both.
        let due_at = if self.epoch() == epoch { plan.due_at() } else { 0 };
        self.due_at.fetch_min(due_at, Ordering::AcqRel);
        Ok(using(&plan))
    }

    /// How often there was no plan in place for a set that was asked for.
    pub(crate) fn misses(&self) -> u64 {
        self.misses.load(Ordering::Relaxed)
    }

    /// The places that may hold a plan, each with its bit.
    fn taken(&self) -> impl Iterator<Item = (u64, &Published<Plan>)> {
        // Acquire: the plans whose bits are seen.
        let mut left = self.taken.load(Ordering::Acquire);
        std::iter::from_fn(move || {
            let number = (left != 0).then(|| left.trailing_zeros())?;
            left &= left - 1;
            Some((1 << number, &self.shelves[number as usize / WAYS][number as usize % WAYS]))
        })
    }

    /// A plan of a set taken from that of a larger set, if there is one that will do.
    pub(crate) fn restricted(
        &self,
        eligible: &Eligibility,
        exploration: f64,
        will_do: impl Fn(&Plan) -> bool,
    ) -> Option<Plan> {
        let epoch = self.epoch();
        let will_do = |plan: &&Arc<Plan>| plan.epoch() == epoch && will_do(plan);
        self.taken().find_map(|(_, place)| {
            let larger = place.load();
            larger.as_ref().filter(will_do)?.restricted(eligible, exploration)
        })
    }

    /// Replaces the plans that are due, unless somebody else is at it; returns how many. Plans that nobody used
    /// are dropped instead, as are those that can no longer be computed.
    pub(crate) fn refresh<E>(&self, compute: impl Fn(&Eligibility) -> Result<Plan, E>) -> usize {
        let mut replaced = 0;
        // Relaxed: looked at again, with more care, by the one refresher.
        let mut events = self.events.load(Ordering::Relaxed);
        for _ in 0..ROUNDS {
            // AcqRel on both swaps: a refresher sees all that the one before has done.
            if events < self.due_at.load(Ordering::Relaxed) || self.refreshing.swap(true, Ordering::AcqRel) {
                break;
            }
            replaced += self.replace(&compute);
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
        self.shelves.iter().flatten().filter_map(|place| place.load().clone())
    }

    /// The plans in place that a refresher would see.
    #[cfg(all(test, loom))]
    pub(super) fn seen(&self) -> impl Iterator<Item = Arc<Plan>> {
        self.taken().filter_map(|(_, place)| place.load().clone())
    }

    /// Replaces what is due, as the one refresher.
    fn replace<E>(&self, compute: impl Fn(&Eligibility) -> Result<Plan, E>) -> usize {
        let events = self.events();
        let epoch = self.epoch();
        // Reset before the places are read: a plan put up later lowers the mark again.
        let due_at = self.due_at.swap(u64::MAX, Ordering::AcqRel);
        let mut turn = Turn { plans: self, due_at };
        let mut replaced = 0;
        let mut due_at = u64::MAX;
        let mut due = Vec::new();
        for (bit, place) in self.taken() {
            let old = place.load();
            let Some(old) = old.as_ref() else { continue };
            if old.due_at() > events && old.epoch() == epoch {
                due_at = due_at.min(old.due_at());
            } else if old.in_use() && !due.iter().any(|(_, eligible)| eligible == old.eligible()) {
                due.push((place, old.eligible().clone()));
            } else {
                // Nobody uses it, or it has a twin: two who asked for a set at once have each made its first plan.
                // The bit first: whoever puts a plan here after that sets it again. One who comes between loses the
                // plan, and the bit stands for nothing; both only cost time. Relaxed: it publishes nothing.
                self.taken.fetch_and(!bit, Ordering::Relaxed);
                put(place, None);
            }
        }
        // Larger sets first, so that smaller ones may be taken from them.
        due.sort_by_key(|(_, eligible)| std::cmp::Reverse(eligible.len()));
        for (place, eligible) in due {
            let Ok(plan) = compute(&eligible) else {
                put(place, None);
                continue;
            };
            let plan = plan.of_epoch(epoch);
            due_at = due_at.min(plan.due_at());
            put(place, Some(Arc::new(plan)));
            replaced += 1;
        }
        turn.due_at = if self.epoch() == epoch { due_at } else { 0 };
        replaced
    }
}

/// Changes what is in a place. Whoever has the old plan at hand learns by one load that it is old.
fn put(place: &Published<Plan>, plan: Option<Arc<Plan>>) {
    if let Some(old) = place.replace(plan) {
        old.retire();
    }
}

/// The place on its shelf for a further set's plan: an empty one, else that of a plan nobody has drawn from since it
/// was made, else any.
fn room(shelf: &[Published<Plan>; WAYS], eligible: &Eligibility) -> usize {
    let spare = |place: &Published<Plan>| !place.load().as_ref().is_some_and(|plan| plan.in_use());
    shelf.iter().position(spare).unwrap_or((eligible.digest() >> 32) as usize % WAYS)
}

const _: () = assert!(SHELVES * WAYS <= 64, "a bit for each place");
