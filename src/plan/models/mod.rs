//! Every interleaving of refreshing and drawing, and broken twins that must fail.
//!
//! Run by `RUSTFLAGS="--cfg loom" cargo test --release --no-default-features --features journal --lib models`. The atomics are loom's,
//! weak orderings included. The pointer swap and the set-once slot are stand-ins behind loom's mutex (see `sync`):
//! these models explore the protocol around them, the stress tests run the real ones. A twin is a small copy of a
//! protocol with one thing wrong; it shows that the model above it would notice.

mod places;

use std::convert::Infallible;
use std::sync::LazyLock;

use loom::thread;

use super::book::{Book, SegmentPlans};
use super::{Outcome, Plan};
use crate::arm::{ArmId, ArmSpace, Eligibility};
use crate::policy::Probabilities;
use crate::segment::SegmentId;
use crate::sync::{Arc, AtomicBool, AtomicU64, Ordering, Published};

/// Explores a model with at most three preemptions, which is where such faults show.
fn explore(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

/// Two sets of arms whose plans fall on the same place under loom (two places).
static SETS: LazyLock<[Eligibility; 2]> = LazyLock::new(|| {
    let arms = ArmSpace::builder().dimension("arm", ["a", "b", "c"]).build().expect("three arms");
    let pairs = (0..3).map(|out| arms.all() - arms.subset([ArmId::new(out)]).expect("an arm"));
    let mut sets: Vec<Eligibility> = pairs.collect();
    sets.sort_by_key(|set| set.digest() % 2);
    // Of three sets two share a place: the outer ones are alike to the middle one on at least one side.
    let alike = usize::from(sets[0].digest() % 2 != sets[1].digest() % 2);
    [sets[alike].clone(), sets[alike + 1].clone()]
});

/// A segment and the counters its plans are made from.
struct Segment {
    plans: SegmentPlans,
    counter: AtomicU64,
}

impl Segment {
    fn new() -> Arc<Self> {
        Arc::new(Self { plans: SegmentPlans::new(None), counter: AtomicU64::new(0) })
    }

    /// A plan that is due at the event after those it knows of.
    fn compute(&self, eligible: &Eligibility) -> Result<Plan, Infallible> {
        let events = self.plans.events();
        let counted = self.counter.load(Ordering::Relaxed);
        assert!(counted >= events, "a plan that says it knows of events whose counters it has not seen");
        let plan =
            Plan::new(eligible.clone(), &Probabilities::dense(&[0.75, 0.25]), 0.5).scheduled(events + 1);
        // As if drawn from at once: an unused plan would be dropped when due instead of replaced.
        plan.touch();
        Ok(plan)
    }

    fn draw(&self, eligible: &Eligibility) {
        let Ok(()) = self.plans.with(eligible, || self.compute(eligible), |plan| whole(plan, eligible));
    }

    /// Takes a plan at hand, as a handle does.
    fn hold(&self, eligible: &Eligibility) -> Arc<Plan> {
        let Ok(plan) = self.plans.with(eligible, || self.compute(eligible), Arc::clone);
        plan
    }

    /// What a reward does.
    fn event(&self) {
        self.counter.fetch_add(1, Ordering::Relaxed);
        if self.plans.event() {
            self.plans.refresh(|eligible| self.compute(eligible));
        }
    }

    /// Asserts, once all is quiet, that no plan in place is due later than the mark says.
    fn assert_marked(&self) {
        let mark = self.plans.mark();
        assert!(self.plans.in_place().all(|plan| mark <= plan.due_at()), "a plan that is never due again");
    }

    /// Events that the plan in place for a set knows of, if there is one.
    fn known(&self, eligible: &Eligibility) -> Option<u64> {
        self.plans.in_place().find(|plan| plan.eligible() == eligible).map(|plan| plan.due_at() - 1)
    }
}

/// Asserts that a plan is finished, and for the set asked for.
fn whole(plan: &Plan, eligible: &Eligibility) {
    assert!(plan.eligible() == eligible, "a plan for another set");
    let parts = plan.columns().flat_map(|column| column.parts);
    let (sum, even) = parts.fold((0.0, 0.0), |(sum, even), (outcome, probability)| match outcome {
        Outcome::Even => (sum + probability, even + probability),
        Outcome::Arm(_) => (sum + probability, even),
    });
    // Whole units of 2⁻⁵³, so the sum is exact.
    assert!(sum == 1.0 && (0.49..0.51).contains(&even), "a plan half made");
}

/// Asserts that a plan at hand is in place still, or says itself that it is old.
fn current(plan: &Arc<Plan>, mut in_place: impl Iterator<Item = Arc<Plan>>) {
    let current = in_place.any(|current| Arc::ptr_eq(&current, plan));
    assert!(current || plan.is_retired(), "an old plan that passes for current");
}

/// Runs two closures on a thread each and waits for both.
fn race(first: impl FnOnce() + 'static, second: impl FnOnce()) {
    let first = thread::spawn(first);
    second();
    first.join().expect("the first thread ends well");
}

#[test]
fn no_event_is_overlooked_and_no_refresh_lost() {
    explore(|| {
        let segment = Segment::new();
        segment.draw(&SETS[0]);
        let theirs = Arc::clone(&segment);
        race(move || theirs.event(), || segment.event());
        segment.assert_marked();
        assert_eq!(segment.known(&SETS[0]), Some(2), "the plan in place does not know of both events");
    });
}

#[test]
fn one_refresher_while_another_draws() {
    explore(|| {
        let segment = Segment::new();
        segment.draw(&SETS[0]);
        let theirs = Arc::clone(&segment);
        race(
            move || theirs.event(),
            || {
                segment.draw(&SETS[0]);
                segment.draw(&SETS[0]);
            },
        );
        assert_eq!(segment.known(&SETS[0]), Some(1));
    });
}

#[test]
fn a_plan_at_hand_is_current_until_it_is_retired() {
    explore(|| {
        let segment = Segment::new();
        segment.draw(&SETS[0]);
        let theirs = Arc::clone(&segment);
        let mut held = None;
        race(move || theirs.event(), || held = Some(segment.hold(&SETS[0])));
        current(&held.expect("held"), segment.plans.in_place());
    });
}

#[test]
fn of_two_plans_made_for_one_place_one_is_retired() {
    explore(|| {
        let segment = Segment::new();
        let (theirs, other) = (Arc::clone(&segment), Arc::new(Published::empty()));
        let (their_hand, mut ours) = (Arc::clone(&other), None);
        race(
            move || drop(their_hand.replace(Some(theirs.hold(&SETS[0])))),
            || ours = Some(segment.hold(&SETS[1])),
        );
        for plan in [ours, other.load().clone()] {
            current(&plan.expect("held"), segment.plans.in_place());
        }
    });
}

#[test]
#[should_panic(expected = "an old plan that passes for current")]
fn twin_a_place_changed_by_load_and_store() {
    explore(|| {
        let place = Arc::new(Published::<Plan>::empty());
        let plans = [0, 1].map(|set| Arc::new(Plan::new(SETS[set].clone(), &Probabilities::uniform(), 0.0)));
        let put = |place: &Published<Plan>, plan: &Arc<Plan>| {
            place.load().as_ref().inspect(|old| old.retire());
            drop(place.replace(Some(Arc::clone(plan))));
        };
        let (theirs, their_plan) = (Arc::clone(&place), Arc::clone(&plans[0]));
        race(move || put(&theirs, &their_plan), || put(&place, &plans[1]));
        plans.iter().for_each(|plan| current(plan, place.load().clone().into_iter()));
    });
}

#[test]
fn two_sets_in_one_place_are_never_taken_for_each_other() {
    explore(|| {
        let segment = Segment::new();
        let theirs = Arc::clone(&segment);
        race(
            move || theirs.draw(&SETS[0]),
            || {
                segment.draw(&SETS[1]);
                segment.event();
                segment.draw(&SETS[1]);
            },
        );
        segment.assert_marked();
        // Whichever plan is in place: it knows of the event, or the next event finds it due.
        let known = SETS.iter().filter_map(|set| segment.known(set)).min();
        assert!(known == Some(1) || segment.plans.event());
    });
}

#[test]
#[should_panic(expected = "a plan for another set")]
fn twin_trusting_the_place_alone() {
    explore(|| {
        let place = Arc::new(Published::<Plan>::empty());
        let draw = |place: &Published<Plan>, eligible: &Eligibility| {
            if let Some(plan) = place.load().as_ref() {
                return whole(plan, eligible);
            }
            let plan = Plan::new(eligible.clone(), &Probabilities::dense(&[0.75, 0.25]), 0.5);
            drop(place.replace(Some(Arc::new(plan))));
        };
        let theirs = Arc::clone(&place);
        race(move || draw(&theirs, &SETS[0]), || draw(&place, &SETS[1]));
    });
}

#[test]
#[should_panic(expected = "a plan half made")]
fn twin_a_plan_in_two_words() {
    explore(|| {
        // Probability and its complement, one store each.
        let words = Arc::new([AtomicU64::new(1), AtomicU64::new(3)]);
        let theirs = Arc::clone(&words);
        race(
            move || {
                theirs[0].store(2, Ordering::Release);
                theirs[1].store(2, Ordering::Release);
            },
            || {
                let sum = words[0].load(Ordering::Acquire) + words[1].load(Ordering::Acquire);
                assert!(sum == 4, "a plan half made");
            },
        );
    });
}

#[test]
fn a_first_plan_made_during_a_refresh_is_found_due_by_the_next_event() {
    explore(|| {
        let segment = Segment::new();
        segment.draw(&SETS[0]);
        let other = SETS[0].clone() | &SETS[1];
        let (theirs, set) = (Arc::clone(&segment), other.clone());
        race(move || theirs.draw(&set), || segment.event());
        segment.assert_marked();
        segment.event();
        for set in [&SETS[0], &other] {
            // The third set may have pushed out the first.
            assert!(segment.known(set).is_none_or(|known| known == 2), "a plan that is never due again");
        }
    });
}

#[test]
#[should_panic(expected = "never due again")]
fn twin_a_mark_set_before_the_plan_is_there() {
    explore(|| {
        let shared = Arc::new((AtomicU64::new(1), AtomicU64::new(0)));
        let theirs = Arc::clone(&shared);
        // A first plan, due at 1: the mark, then the plan.
        let first = move || {
            theirs.0.fetch_min(1, Ordering::AcqRel);
            theirs.1.store(1, Ordering::Release);
        };
        // A refresher: resets the mark, then looks for plans.
        let refresher = || {
            shared.0.swap(u64::MAX, Ordering::AcqRel);
            let found = shared.1.load(Ordering::Acquire);
            shared.0.fetch_min(if found == 0 { u64::MAX } else { found }, Ordering::AcqRel);
        };
        race(first, refresher);
        assert!(shared.0.load(Ordering::Acquire) == 1, "a plan that is never due again");
    });
}

/// The steps of `SegmentPlans::refresh` that the twins get wrong.
#[derive(Clone, Copy)]
struct Steps {
    take: fn(&AtomicBool) -> bool,
    give_back: fn(&AtomicBool),
    /// Reads the events once more, after stepping down.
    look_again: fn(&AtomicU64) -> u64,
}

const RIGHT: Steps = Steps {
    take: |turn| !turn.swap(true, Ordering::AcqRel),
    give_back: |turn| {
        turn.swap(false, Ordering::AcqRel);
    },
    look_again: |events| events.fetch_add(0, Ordering::AcqRel),
};

/// Two threads count an event each and refresh what is due, by these steps; the events that the last refresh knew of.
fn refreshed(Steps { take, give_back, look_again }: Steps) -> u64 {
    struct Shared {
        events: AtomicU64,
        due_at: AtomicU64,
        turn: AtomicBool,
        known: AtomicU64,
        inside: AtomicU64,
    }
    let shared = Arc::new(Shared {
        events: AtomicU64::new(0),
        due_at: AtomicU64::new(1),
        turn: AtomicBool::new(false),
        known: AtomicU64::new(0),
        inside: AtomicU64::new(0),
    });
    let event = move |shared: &Shared| {
        let mut events = shared.events.fetch_add(1, Ordering::AcqRel) + 1;
        while events >= shared.due_at.load(Ordering::Relaxed) && take(&shared.turn) {
            assert!(shared.inside.fetch_add(1, Ordering::Relaxed) == 0, "two refreshers at once");
            let known = shared.events.load(Ordering::Acquire);
            shared.due_at.swap(u64::MAX, Ordering::AcqRel);
            shared.known.store(known, Ordering::Release);
            shared.due_at.fetch_min(known + 1, Ordering::AcqRel);
            shared.inside.fetch_sub(1, Ordering::Relaxed);
            give_back(&shared.turn);
            events = look_again(&shared.events);
        }
    };
    let theirs = Arc::clone(&shared);
    race(move || event(&theirs), || event(&shared));
    shared.known.load(Ordering::Acquire)
}

#[test]
fn the_steps_of_a_refresh_overlook_nothing() {
    explore(|| assert_eq!(refreshed(RIGHT), 2));
}

#[test]
#[should_panic(expected = "an event was overlooked")]
fn twin_not_looking_again() {
    let blind = Steps { look_again: |_| 0, ..RIGHT };
    explore(move || assert!(refreshed(blind) == 2, "an event was overlooked"));
}

#[test]
#[should_panic(expected = "an event was overlooked")]
fn twin_looking_again_by_a_load() {
    // One thread counts, then reads the mark; the other lowers the mark, then reads the count: with loads, both may
    // read the old value.
    let load = Steps { look_again: |events| events.load(Ordering::Acquire), ..RIGHT };
    explore(move || assert!(refreshed(load) == 2, "an event was overlooked"));
}

#[test]
#[should_panic(expected = "an event was overlooked")]
fn twin_never_stepping_down() {
    let greedy = Steps { give_back: |_| (), ..RIGHT };
    explore(move || assert!(refreshed(greedy) == 2, "an event was overlooked"));
}

#[test]
#[should_panic(expected = "two refreshers at once")]
fn twin_taking_the_turn_by_load_and_store() {
    let look = |turn: &AtomicBool| {
        let free = !turn.load(Ordering::Acquire);
        if free {
            turn.store(true, Ordering::Release);
        }
        free
    };
    let careless = Steps { take: look, ..RIGHT };
    explore(move || {
        refreshed(careless);
    });
}

#[test]
fn two_threads_never_hold_the_refreshers_turn_at_once() {
    explore(|| {
        let segment = Segment::new();
        segment.draw(&SETS[0]);
        let inside = Arc::new(AtomicU64::new(0));
        let event = |segment: &Segment, inside: &AtomicU64| {
            segment.counter.fetch_add(1, Ordering::Relaxed);
            segment.plans.event();
            segment.plans.refresh(|eligible| {
                assert!(inside.fetch_add(1, Ordering::Relaxed) == 0, "two refreshers at once");
                let plan = segment.compute(eligible);
                inside.fetch_sub(1, Ordering::Relaxed);
                plan
            });
        };
        let (their_segment, their_inside) = (Arc::clone(&segment), Arc::clone(&inside));
        race(move || event(&their_segment, &their_inside), || event(&segment, &inside));
    });
}

#[test]
fn a_refresher_that_never_comes_back_holds_up_nobody() {
    explore(|| {
        let segment = Segment::new();
        segment.draw(&SETS[0]);
        segment.counter.fetch_add(1, Ordering::Relaxed);
        segment.plans.event();
        // Inside a refresh that has not ended, both threads draw, count events and make plans.
        let theirs = Arc::clone(&segment);
        segment.plans.refresh(|eligible| {
            let theirs = Arc::clone(&theirs);
            let busy = Arc::clone(&theirs);
            race(
                move || {
                    theirs.event();
                    theirs.draw(&SETS[0]);
                },
                || busy.draw(&SETS[1]),
            );
            segment.compute(eligible)
        });
        segment.event();
        let known = SETS.iter().filter_map(|set| segment.known(set)).min();
        assert_eq!(known, Some(3), "what happened during the refresh was overlooked");
    });
}

#[test]
fn two_first_askers_of_a_segment_share_its_plans() {
    explore(|| {
        let book = Arc::new(Book::new(1, None));
        let theirs = Arc::clone(&book);
        race(
            move || {
                theirs.segment(SegmentId::new(0)).event();
            },
            || {
                book.segment(SegmentId::new(0)).event();
            },
        );
        assert_eq!(book.segment(SegmentId::new(0)).events(), 2);
    });
}
