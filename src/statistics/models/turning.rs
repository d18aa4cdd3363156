//! Every interleaving of turns: nothing is lost, and a count comes with what it counts.

use crate::statistics::turns::{Adding, Addition, Turns};
use crate::sync::{Arc, AtomicU64, Ordering};

use super::{explore, race};

/// Something, and then that it was.
struct Counted;

impl Addition for Counted {
    fn to<A: Adding>(&self, words: &[AtomicU64]) {
        A::add(&words[1], 1);
        A::add_last(&words[0], 1);
    }
}

#[test]
fn additions_in_turn_and_beside_lose_nothing() {
    explore(|| {
        let turns = Arc::new(Turns::new(2));
        let theirs = Arc::clone(&turns);
        race(
            move || {
                theirs.add(&Counted);
                theirs.add(&Counted);
            },
            || turns.add(&Counted),
        );
        assert_eq!(turns.read_all().collect::<Vec<_>>(), [3, 3]);
    });
}

#[test]
fn who_counts_an_addition_sees_what_it_added_and_what_was_done_before() {
    explore(|| {
        let (turns, before) = (Arc::new(Turns::new(2)), Arc::new(AtomicU64::new(0)));
        let (theirs, done) = (Arc::clone(&turns), Arc::clone(&before));
        race(
            move || {
                theirs.add(&Counted);
                done.store(1, Ordering::Relaxed);
                theirs.add(&Counted);
            },
            || {
                let counted = turns.read(0);
                let added = turns.read_all().last().unwrap_or(0);
                assert!(added >= counted, "counted {counted}, added {added}");
                assert!(counted < 2 || before.load(Ordering::Relaxed) == 1);
            },
        );
    });
}

#[test]
#[should_panic(expected = "an addition was lost")]
fn twin_who_adds_to_the_first_row_out_of_turn() {
    explore(|| {
        let word = Arc::new(AtomicU64::new(0));
        let theirs = Arc::clone(&word);
        let in_turn = |word: &AtomicU64| {
            word.store(word.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        };
        race(
            move || in_turn(&theirs),
            || {
                word.fetch_add(1, Ordering::Relaxed);
            },
        );
        assert!(word.load(Ordering::Relaxed) == 2, "an addition was lost");
    });
}
