//! Every interleaving of the counters' protocols, and broken twins that must fail.
//!
//! Run by `RUSTFLAGS="--cfg loom" cargo test --release --no-default-features --features journal --lib models`. The atomics are loom's,
//! weak orderings included. The set-once slot is a stand-in behind loom's mutex (see `sync`): these models explore
//! what is built around it, not its inside. A twin is a small copy of a protocol with one thing wrong; it shows that
//! the model above it would notice.

mod closing;
mod featuring;
mod forwarding;
mod staging;
mod turning;

use loom::thread;

use super::cell::{BinaryCell, Cell, CounterFull, RealCell};
use super::table::Blank;
use super::{ArmStatistics, Cells, ClaimError, Cohort};
use crate::arm::ArmId;
use crate::reward::{Quantity, Reward, RewardKind};
use crate::segment::SegmentId;
use crate::sync::{Arc, AtomicU64, Ordering};

const SEGMENT: SegmentId = SegmentId::new(0);
const ARM: ArmId = ArmId::new(1);
const REAL: RewardKind = RewardKind::Real { minimum: 0.0, maximum: 1.0 };

/// Explores a model with at most three preemptions, which is where such faults show.
fn explore(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

/// Runs two closures on a thread each and waits for both.
fn race<A: 'static, B>(first: impl FnOnce() -> A + 'static, second: impl FnOnce() -> B) -> (A, B) {
    let first = thread::spawn(first);
    let second = second();
    (first.join().expect("the first thread ends well"), second)
}

fn quantity(value: f64) -> Quantity {
    REAL.quantity(Reward::new(value)).expect("in range")
}

/// Counts a decision and its outcome.
fn play<C: Cell>(cell: &C, value: f64) {
    cell.issue().expect("far from full");
    cell.reward(quantity(value));
}

#[test]
fn two_first_touchers_share_one_cell_and_lose_nothing() {
    for kind in [RewardKind::Binary, REAL] {
        explore(move || {
            let cells = Arc::new(Cells::new(kind, 1, 2));
            let theirs = Arc::clone(&cells);
            race(
                move || {
                    theirs.issue(SEGMENT, ARM).expect("far from full");
                    theirs.reward(SEGMENT, ARM, quantity(1.0));
                },
                || {
                    cells.issue(SEGMENT, ARM).expect("far from full");
                    cells.reward(SEGMENT, ARM, quantity(0.0));
                },
            );
            assert_eq!(
                cells.read(SEGMENT, ARM),
                ArmStatistics::from_parts(2, 2, Quantity::ONE, Quantity::ONE)
            );
        });
    }
}

#[test]
#[should_panic(expected = "a page was lost")]
fn twin_a_page_that_is_set_twice() {
    explore(|| {
        // Whoever finds no page puts its own there, without looking whether another came first.
        let place = Arc::new(crate::sync::Published::<AtomicU64>::empty());
        let touch = |place: &crate::sync::Published<AtomicU64>| {
            let found = place.load().clone();
            let page = found.unwrap_or_else(|| {
                let made = Arc::new(AtomicU64::new(0));
                drop(place.replace(Some(Arc::clone(&made))));
                made
            });
            page.fetch_add(1, Ordering::Relaxed);
        };
        let theirs = Arc::clone(&place);
        race(move || touch(&theirs), || touch(&place));
        let total = place.load().as_ref().map_or(0, |page| page.load(Ordering::Relaxed));
        assert!(total == 2, "a page was lost");
    });
}

/// Two threads reward one cell of some kind; true if both are in the totals.
fn nothing_is_lost<C: Cell + 'static>() -> bool {
    let cell = Arc::new(C::blank());
    let theirs = Arc::clone(&cell);
    race(move || play(&*theirs, 0.5), || play(&*cell, 1.0));
    let (half, one) = (quantity(0.5), quantity(1.0));
    let exact = ArmStatistics::from_parts(2, 2, half.get() + one.get(), half.square() + one.square());
    let binary = ArmStatistics::from_parts(2, 2, 2 * Quantity::ONE, 2 * Quantity::ONE);
    [exact, binary].contains(&cell.read())
}

#[test]
fn concurrent_rewards_to_one_cell_lose_nothing() {
    explore(|| assert!(nothing_is_lost::<BinaryCell>()));
    explore(|| assert!(nothing_is_lost::<RealCell>()));
}

#[test]
#[should_panic(expected = "a reward was lost")]
fn twin_counting_by_load_and_store() {
    #[derive(Debug)]
    struct Careless(BinaryCell, AtomicU64);
    impl Blank for Careless {
        fn blank() -> Self {
            Self(BinaryCell::blank(), AtomicU64::new(0))
        }
    }
    impl Cell for Careless {
        fn issued(&self) -> &AtomicU64 {
            self.0.issued()
        }
        fn reward(&self, _: Quantity) {
            let before = self.1.load(Ordering::Acquire);
            self.1.store(before + 1, Ordering::Release);
        }
        fn outcomes(&self) -> (u64, u64, u64) {
            let successes = self.1.load(Ordering::Acquire);
            (successes, successes * Quantity::ONE, successes * Quantity::ONE)
        }
        fn add_outcomes(&self, _: ArmStatistics) {}
    }
    explore(|| assert!(nothing_is_lost::<Careless>(), "a reward was lost"));
}

/// One thread plays twice, the other reads twice: each read must be possible and none may go back.
fn every_read_is_possible<C: Cell + 'static>() -> bool {
    let cell = Arc::new(C::blank());
    let theirs = Arc::clone(&cell);
    let writer = move || {
        play(&*theirs, 1.0);
        play(&*theirs, 0.5);
    };
    let ((), reads) = race(writer, || [cell.read(), cell.read()]);
    reads.iter().all(|read| read.checked().is_ok()) && reads[0].returned() <= reads[1].returned()
}

#[test]
fn a_reader_never_sees_an_impossible_pair() {
    explore(|| assert!(every_read_is_possible::<BinaryCell>()));
    explore(|| assert!(every_read_is_possible::<RealCell>()));
}

#[test]
fn a_reader_never_sees_an_impossible_pair_of_two_writers() {
    explore(|| {
        let cell = Arc::new(RealCell::blank());
        let theirs = [Arc::clone(&cell), Arc::clone(&cell)];
        let writers = theirs.map(|cell| thread::spawn(move || play(&*cell, 0.75)));
        assert!(cell.read().checked().is_ok());
        for writer in writers {
            writer.join().expect("the writer ends well");
        }
    });
}

/// A cell of four words whose order and orderings the twins choose.
macro_rules! four_words {
    ($name:ident, $write:expr, $read:expr) => {
        #[derive(Debug)]
        struct $name([AtomicU64; 4]);
        impl Blank for $name {
            fn blank() -> Self {
                Self([0; 4].map(AtomicU64::new))
            }
        }
        impl Cell for $name {
            fn issued(&self) -> &AtomicU64 {
                &self.0[0]
            }
            fn reward(&self, quantity: Quantity) {
                $write(&self.0, quantity);
            }
            fn outcomes(&self) -> (u64, u64, u64) {
                $read(&self.0)
            }
            fn add_outcomes(&self, _: ArmStatistics) {}
        }
    };
}

/// Adds the count, the squares and the sum, in this order.
fn write([_, returned, squares, sum]: &[AtomicU64; 4], quantity: Quantity, order: Ordering) {
    returned.fetch_add(1, order);
    squares.fetch_add(quantity.square(), order);
    sum.fetch_add(quantity.get(), order);
}

/// Reads the sum, the squares and the count, in this order.
fn read([_, returned, squares, sum]: &[AtomicU64; 4], order: Ordering) -> (u64, u64, u64) {
    let (sum, squares) = (sum.load(order), squares.load(order));
    (returned.load(order), sum, squares)
}

#[test]
#[should_panic(expected = "an impossible read")]
fn twin_writing_relaxed() {
    four_words!(Relaxed, |words, q| write(words, q, Ordering::Relaxed), |words| read(
        words,
        Ordering::Acquire
    ));
    explore(|| assert!(every_read_is_possible::<Relaxed>(), "an impossible read"));
}

#[test]
#[should_panic(expected = "an impossible read")]
fn twin_reading_relaxed() {
    four_words!(Relaxed, |words, q| write(words, q, Ordering::Release), |words| read(
        words,
        Ordering::Relaxed
    ));
    explore(|| assert!(every_read_is_possible::<Relaxed>(), "an impossible read"));
}

#[test]
#[should_panic(expected = "an impossible read")]
fn twin_reading_in_the_order_of_writing() {
    four_words!(
        Forwards,
        |words, q| write(words, q, Ordering::Release),
        |[_, returned, squares, sum]: &[AtomicU64; 4]| {
            let returned = returned.load(Ordering::Acquire);
            let squares = squares.load(Ordering::Acquire);
            (returned, sum.load(Ordering::Acquire), squares)
        }
    );
    explore(|| assert!(every_read_is_possible::<Forwards>(), "an impossible read"));
}

#[test]
#[should_panic(expected = "more outcomes than decisions")]
fn twin_reading_decisions_before_outcomes() {
    explore(|| {
        let cell = Arc::new(BinaryCell::blank());
        let theirs = Arc::clone(&cell);
        let backwards = || {
            let issued = cell.issued().load(Ordering::Acquire);
            let (returned, sum, squares) = cell.outcomes();
            ArmStatistics::from_parts(issued, returned, sum, squares)
        };
        let ((), read) = race(move || play(&*theirs, 1.0), backwards);
        assert!(read.checked().is_ok(), "more outcomes than decisions");
    });
}

#[test]
fn the_last_count_of_a_full_cell_goes_to_one_thread() {
    explore(|| {
        let cell = Arc::new(BinaryCell::blank());
        cell.add(ArmStatistics::from_parts(ArmStatistics::MAX_COUNT - 1, 0, 0, 0));
        let theirs = Arc::clone(&cell);
        let (first, second) = race(move || theirs.issue(), || cell.issue());
        assert!(matches!((first, second), (Ok(()), Err(CounterFull)) | (Err(CounterFull), Ok(()))));
        assert_eq!(
            cell.issued().load(Ordering::Relaxed),
            ArmStatistics::MAX_COUNT,
            "room for the next is kept"
        );
    });
}

/// One decision is rewarded by two threads through some way of claiming; how often it counted.
fn rewards_of_one_decision(claim: impl Fn(&Cohort, &AtomicU64, u64) -> bool + Copy + 'static) -> u64 {
    let shared = Arc::new((Cohort::new(), AtomicU64::new(0), BinaryCell::blank()));
    let sequence = shared.0.number().expect("numbers are left");
    shared.2.issue().expect("far from full");
    let theirs = Arc::clone(&shared);
    let reward = move |(cohort, bits, cell): &(Cohort, AtomicU64, BinaryCell)| {
        if claim(cohort, bits, sequence) {
            cell.reward(quantity(1.0));
        }
    };
    race(move || reward(&theirs), || reward(&shared));
    shared.2.read().returned()
}

#[test]
fn one_decision_rewarded_by_two_threads_counts_once() {
    explore(|| assert_eq!(rewards_of_one_decision(|cohort, _, sequence| cohort.claim(sequence).is_ok()), 1));
}

#[test]
#[should_panic(expected = "counted twice")]
fn twin_claiming_by_load_and_store() {
    explore(|| {
        let claim = |_: &Cohort, bits: &AtomicU64, sequence: u64| {
            let before = bits.load(Ordering::Acquire);
            bits.store(before | 1 << sequence, Ordering::Release);
            before >> sequence & 1 == 0
        };
        assert!(rewards_of_one_decision(claim) == 1, "counted twice");
    });
}

#[test]
fn neighbours_in_one_word_are_numbered_and_claimed_apart() {
    explore(|| {
        let cohort = Arc::new(Cohort::new());
        let theirs = Arc::clone(&cohort);
        let live = |cohort: &Cohort| {
            let sequence = cohort.number().expect("numbers are left");
            assert_eq!(cohort.claim(sequence), Ok(()));
            assert_eq!(cohort.claim(sequence), Err(ClaimError::AlreadyClaimed));
            sequence
        };
        let (first, second) = race(move || live(&theirs), || live(&cohort));
        assert_ne!(first, second);
        assert_eq!((cohort.issued(), cohort.claimed()), (2, vec![0b11]));
    });
}

/// Reads a cell and a bitmap while another thread claims and rewards; (counted, claimed).
fn copy_while_rewarded(cells_first: bool) -> (u64, u32) {
    let shared = Arc::new((Cohort::new(), BinaryCell::blank()));
    let theirs = Arc::clone(&shared);
    let writer = move || {
        let sequence = theirs.0.number().expect("numbers are left");
        theirs.1.issue().expect("far from full");
        theirs.0.claim(sequence).expect("the first claim");
        theirs.1.reward(quantity(1.0));
    };
    let bits = |cohort: &Cohort| {
        let claimed: u32 = cohort.claimed().iter().map(|word| word.count_ones()).sum();
        assert!(u64::from(claimed) <= cohort.issued(), "a bit without a number");
        claimed
    };
    let reader = || {
        let (cohort, cell) = &*shared;
        if cells_first {
            let counted = cell.read().returned();
            (counted, bits(cohort))
        } else {
            let claimed = bits(cohort);
            (cell.read().returned(), claimed)
        }
    };
    race(writer, reader).1
}

#[test]
fn what_a_snapshot_counts_it_also_knows_as_claimed() {
    explore(|| {
        let (counted, claimed) = copy_while_rewarded(true);
        assert!(counted <= u64::from(claimed));
    });
}

#[test]
#[should_panic(expected = "could count again")]
fn twin_a_snapshot_that_reads_claims_first() {
    explore(|| {
        let (counted, claimed) = copy_while_rewarded(false);
        assert!(counted <= u64::from(claimed), "could count again");
    });
}
