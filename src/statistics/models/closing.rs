//! Every interleaving of cohorts that close while others count in them.

use crate::arm::ArmId;
use crate::reward::RewardKind;
use crate::statistics::pending::PendingCells;
use crate::statistics::{ArmStatistics, Cohort, CohortId, Defaults, Issuer, Ledger, Shape, State};
use crate::sync::{Arc, AtomicU64, Ordering};
use crate::time::Window;

use super::{ARM, REAL, SEGMENT, explore, quantity, race};

/// Cells of a cohort for two arms, which share a page, or for four, which do not.
fn pending(kind: RewardKind, arms: usize) -> PendingCells {
    PendingCells::new(kind, Defaults::Alike(quantity(0.0)), 1, arms)
}

#[test]
fn a_reward_and_the_close_of_its_cohort_count_it_once() {
    for kind in [RewardKind::Binary, REAL] {
        explore(move || {
            let cohort = Arc::new((Cohort::new(), pending(kind, 2)));
            let number = cohort.0.number().expect("far from full");
            cohort.1.issue(SEGMENT, ARM).expect("open");
            let theirs = Arc::clone(&cohort);
            let (told, complete) = race(
                move || {
                    theirs.0.claim(number).is_ok() && theirs.1.reward(SEGMENT, ARM, quantity(1.0)).is_ok()
                },
                || cohort.1.seal(),
            );
            let read = cohort.1.read(SEGMENT, ARM);
            assert_eq!(read.returned(), u64::from(told), "accepted is counted, refused is not");
            assert_eq!(read.sum(), f64::from(u8::from(told)), "with its amount");
            assert!(complete || kind == REAL, "one word is complete at once");
            assert!(cohort.1.seal(), "nobody is between two steps any more");
            assert_eq!(cohort.1.read(SEGMENT, ARM), read, "sealed is sealed");
        });
    }
}

#[test]
fn what_a_complete_seal_has_seen_is_all_there_will_ever_be() {
    for (kind, arm) in [(RewardKind::Binary, 1), (RewardKind::Binary, 3), (REAL, 1)] {
        explore(move || {
            let cells = Arc::new(pending(kind, 4));
            cells.issue(SEGMENT, ARM).expect("open");
            let theirs = Arc::clone(&cells);
            let (told, seen) = race(
                move || {
                    // Arm 3 lies in a page that is not there yet.
                    let issued = theirs.issue(SEGMENT, ArmId::new(arm)).is_ok();
                    (issued, theirs.reward(SEGMENT, ARM, quantity(0.5)).is_ok())
                },
                || cells.seal().then(|| [1, 3].map(|arm| cells.read(SEGMENT, ArmId::new(arm)))),
            );
            let after = [1, 3].map(|arm| cells.read(SEGMENT, ArmId::new(arm)));
            assert!(seen.is_none_or(|seen| seen == after), "something came after the seal");
            assert_eq!(after[0].issued() + after[1].issued(), 1 + u64::from(told.0));
            assert!(cells.seal());
        });
    }
}

#[test]
#[should_panic(expected = "something came after the seal")]
fn twin_a_seal_that_does_not_wait_for_amounts_under_way() {
    explore(|| {
        let cells = Arc::new(pending(REAL, 2));
        cells.issue(SEGMENT, ARM).expect("open");
        let theirs = Arc::clone(&cells);
        let (_, seen) = race(
            move || theirs.reward(SEGMENT, ARM, quantity(0.5)).is_ok(),
            || {
                // Whatever the seal says: the sum is taken as it is.
                cells.seal();
                cells.read(SEGMENT, ARM)
            },
        );
        assert!(seen == cells.read(SEGMENT, ARM), "something came after the seal");
    });
}

#[test]
#[should_panic(expected = "counted after the close")]
fn twin_a_reward_that_looks_at_the_seal_first_and_counts_then() {
    const SEALED: u64 = 1 << 63;
    explore(|| {
        let word = Arc::new(AtomicU64::new(1 << 32));
        let theirs = Arc::clone(&word);
        let (_, folded) = race(
            move || {
                if theirs.load(Ordering::Acquire) & SEALED == 0 {
                    theirs.fetch_add(1, Ordering::AcqRel);
                }
            },
            || word.fetch_or(SEALED, Ordering::AcqRel) | SEALED,
        );
        assert!(folded == word.load(Ordering::Acquire), "counted after the close");
    });
}

#[test]
#[should_panic(expected = "a decision was lost")]
fn twin_a_page_that_is_not_announced() {
    explore(|| {
        // The closer seals the pages that are there; a page that comes later is open for ever.
        let page = Arc::new(crate::sync::SetOnce::<AtomicU64>::new());
        let closed = Arc::new(AtomicU64::new(0));
        let (theirs, flag) = (Arc::clone(&page), Arc::clone(&closed));
        let (issued, folded) = race(
            move || {
                // Looks at the flag, then makes the page.
                if flag.load(Ordering::Acquire) != 0 {
                    return 0;
                }
                theirs.get_or_set(|| AtomicU64::new(0)).fetch_add(1, Ordering::AcqRel);
                1
            },
            || {
                closed.store(1, Ordering::Release);
                page.get().map_or(0, |page| page.load(Ordering::Acquire))
            },
        );
        assert!(issued == folded, "a decision was lost");
    });
}

/// Everything counted of the arm.
fn known(state: &State, window: Window) -> ArmStatistics {
    let mut sum = ArmStatistics::default();
    for layer in state.history.layers() {
        layer.visit(SEGMENT, &[ARM], |_, statistics| sum = sum.plus(statistics));
    }
    for entry in &state.open {
        let statistics = entry.cells.read(SEGMENT, ARM);
        let closed = state.is_closed(entry.id, window);
        sum = sum.plus(if closed { statistics.settled(quantity(0.0)) } else { statistics });
    }
    sum
}

#[test]
fn a_fold_and_a_late_reward_leave_the_reward_in_one_place() {
    let day = std::time::Duration::from_secs(86_400);
    let window = Window::new(day, day).expect("a window");
    let shape = Shape {
        kind: RewardKind::Binary,
        defaults: Defaults::Alike(quantity(0.0)),
        goals: crate::statistics::Goals::from([]),
        segments: 1,
        arms: 2,
        groups: 1,
        window,
        dimensions: None,
    };
    explore(move || {
        let issuer = Issuer { replica: 0, incarnation: 1 };
        let ledger = Arc::new(Ledger::new(shape.clone(), issuer));
        let state = ledger.state();
        state.current().cells.issue(SEGMENT, ARM).expect("open");
        let theirs = Arc::clone(&ledger);
        let (told, ()) = race(
            move || {
                let state = theirs.state();
                let told = state.current().cells.reward(SEGMENT, ARM, quantity(1.0)).is_ok();
                let read = known(&theirs.state(), window);
                assert!(read.checked().is_ok() && read.issued() <= 2, "counted twice, or never");
                told && state.current().id == CohortId::of_bucket(0)
            },
            || assert!(ledger.advance(2)),
        );
        assert!(ledger.advance(5));
        let read = known(&ledger.state(), window);
        assert!(read.sum() >= f64::from(u8::from(told)), "a reward that was accepted is lost");
        assert!(read.issued() >= 1, "the decision is lost");
    });
}
