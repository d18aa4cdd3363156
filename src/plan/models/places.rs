//! A place that is given up and taken again is not overlooked by those who go through the places that are taken.

use super::{Arc, AtomicU64, Ordering, Plan, Probabilities, Published, SETS, Segment, explore, race};

fn plan() -> Arc<Plan> {
    Arc::new(Plan::new(SETS[0].clone(), &Probabilities::uniform(), 0.0))
}

#[test]
fn a_place_given_up_and_taken_again_is_looked_at() {
    explore(|| {
        let segment = Segment::new();
        segment.draw(&SETS[0]);
        // A plan that nobody has used when it is due.
        segment.plans.event();
        segment.counter.fetch_add(1, Ordering::Relaxed);
        let unused =
            |known: u64| Plan::new(SETS[0].clone(), &Probabilities::uniform(), 0.0).scheduled(known + 1);
        segment.plans.refresh(|_| Ok::<_, std::convert::Infallible>(unused(1)));
        let theirs = Arc::clone(&segment);
        race(move || theirs.event(), || segment.draw(&SETS[1]));
        segment.assert_marked();
        let seen: Vec<_> = segment.plans.seen().collect();
        let overlooked = |plan: &Arc<Plan>| !seen.iter().any(|seen| Arc::ptr_eq(seen, plan));
        assert!(!segment.plans.in_place().any(|plan| overlooked(&plan)), "a plan that is overlooked");
    });
}

/// One thread gives a place up in some way, another puts a plan there; whether one that is there has its bit.
fn seen_if_there(give_up: fn(&Published<Plan>, &AtomicU64)) -> bool {
    let shared = Arc::new((Published::<Plan>::empty(), AtomicU64::new(1)));
    drop(shared.0.replace(Some(plan())));
    let theirs = Arc::clone(&shared);
    race(
        move || give_up(&theirs.0, &theirs.1),
        || {
            drop(shared.0.replace(Some(plan())));
            shared.1.fetch_or(1, Ordering::Release);
        },
    );
    shared.0.load().is_none() || shared.1.load(Ordering::Acquire) == 1
}

#[test]
fn the_bit_is_taken_back_before_the_place_is_given_up() {
    explore(|| {
        assert!(seen_if_there(|place, taken| {
            taken.fetch_and(!1, Ordering::Relaxed);
            drop(place.replace(None));
        }));
    });
}

#[test]
#[should_panic(expected = "a plan that is overlooked")]
fn twin_taking_the_bit_back_afterwards() {
    explore(|| {
        let seen = seen_if_there(|place, taken| {
            drop(place.replace(None));
            taken.fetch_and(!1, Ordering::Relaxed);
        });
        assert!(seen, "a plan that is overlooked");
    });
}
