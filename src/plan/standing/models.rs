//! Every interleaving of noting changes and bringing standings up to date, and broken twins that must fail.
//!
//! Run as the models of `plan` are, with the same stand-ins.

use std::sync::LazyLock;

use loom::thread;

use super::changes::Changes;
use super::{Desk, Leaders, Top};
use crate::arm::{ArmId, ArmSpace, Eligibility};
use crate::policy::Ucb1;
use crate::reward::{Reward, RewardKind};
use crate::segment::SegmentId;
use crate::statistics::Cells;
use crate::sync::{Arc, AtomicU64, Ordering, Published};

/// Four arms: two words of bits below one, under loom.
const ARMS: usize = 4;
const SEGMENT: SegmentId = SegmentId::new(0);

fn explore(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

fn race(first: impl FnOnce() + 'static, second: impl FnOnce()) {
    let first = thread::spawn(first);
    second();
    first.join().expect("the first thread ends well");
}

/// Counters, the changes noted, and what was collected of them.
struct Segment {
    counters: [AtomicU64; ARMS],
    changes: Changes,
    collected: Published<[u64; ARMS]>,
}

/// The steps that the twins get wrong.
#[derive(Clone, Copy)]
struct Steps {
    /// Counts and notes an event of an arm.
    event: fn(&Segment, ArmId),
    /// Brings what was collected up to date.
    collect: fn(&Segment, &mut [u64; ARMS]),
}

fn count(segment: &Segment, arm: ArmId) {
    segment.counters[arm.index()].fetch_add(1, Ordering::Relaxed);
}

fn read(segment: &Segment, arm: ArmId) -> u64 {
    segment.counters[arm.index()].load(Ordering::Relaxed)
}

const RIGHT: Steps = Steps {
    event: |segment, arm| {
        count(segment, arm);
        segment.changes.mark(arm);
    },
    collect: |segment, known| {
        segment.changes.take(&mut |arm| known[arm.index()] = read(segment, arm));
    },
};

impl Segment {
    fn new() -> Arc<Self> {
        let collected = Published::empty();
        drop(collected.replace(Some(Arc::new([0; ARMS]))));
        let counters = std::array::from_fn(|_| AtomicU64::new(0));
        Arc::new(Self { counters, changes: Changes::new(ARMS), collected })
    }

    /// Collects, unless somebody else has what was collected in hand; what is then known.
    fn collect(&self, steps: Steps) -> Option<[u64; ARMS]> {
        let mut known = *self.collected.replace(None)?;
        (steps.collect)(self, &mut known);
        drop(self.collected.replace(Some(Arc::new(known))));
        Some(known)
    }
}

/// Two threads count, note and collect events of these arms; whether all is known in the end.
fn nothing_lost(steps: Steps, theirs: ArmId, ours: ArmId) -> bool {
    let segment = Segment::new();
    let play = move |segment: &Segment, arm: ArmId| {
        (steps.event)(segment, arm);
        segment.collect(steps);
    };
    let shared = Arc::clone(&segment);
    race(move || play(&shared, theirs), || play(&segment, ours));
    let known = segment.collect(RIGHT).expect("nobody else is there");
    (0..ARMS).all(|arm| known[arm] == read(&segment, ArmId::new(arm as u32)))
}

const FIRST: ArmId = ArmId::new(0);
const SECOND: ArmId = ArmId::new(1);
const LAST: ArmId = ArmId::new(3);

#[test]
fn no_change_is_lost() {
    for other in [FIRST, SECOND, LAST] {
        explore(move || assert!(nothing_lost(RIGHT, FIRST, other)));
    }
}

#[test]
#[should_panic(expected = "a change was lost")]
fn twin_noting_before_counting() {
    let early = |segment: &Segment, arm| {
        segment.changes.mark(arm);
        count(segment, arm);
    };
    explore(move || assert!(nothing_lost(Steps { event: early, ..RIGHT }, FIRST, LAST), "a change was lost"));
}

#[test]
#[should_panic(expected = "a change was lost")]
fn twin_reading_counters_before_taking_the_changes() {
    let early = |segment: &Segment, known: &mut [u64; ARMS]| {
        let read = std::array::from_fn::<u64, ARMS, _>(|arm| read(segment, ArmId::new(arm as u32)));
        segment.changes.take(&mut |arm| known[arm.index()] = read[arm.index()]);
    };
    explore(move || {
        assert!(nothing_lost(Steps { collect: early, ..RIGHT }, FIRST, FIRST), "a change was lost")
    });
}

/// One word of bits, noted and taken in some way, while the other thread counts twice.
fn one_word(note: fn(&AtomicU64), take: fn(&AtomicU64) -> u64) -> bool {
    let shared = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
    let theirs = Arc::clone(&shared);
    let mut known = 0;
    race(
        move || {
            for _ in 0..2 {
                theirs.0.fetch_add(1, Ordering::Relaxed);
                note(&theirs.1);
            }
        },
        || {
            if take(&shared.1) != 0 {
                known = shared.0.load(Ordering::Relaxed);
            }
        },
    );
    if shared.1.swap(0, Ordering::Acquire) != 0 {
        known = shared.0.load(Ordering::Relaxed);
    }
    known == 2
}

const NOTE: fn(&AtomicU64) = |bits| _ = bits.fetch_or(1, Ordering::Release);
const TAKE: fn(&AtomicU64) -> u64 = |bits| bits.swap(0, Ordering::Acquire);

#[test]
fn one_word_loses_nothing() {
    explore(|| assert!(one_word(NOTE, TAKE)));
}

#[test]
#[should_panic(expected = "a change was lost")]
fn twin_noting_only_where_the_bit_is_not_set() {
    let sparing = |bits: &AtomicU64| {
        if bits.load(Ordering::Acquire) == 0 {
            bits.fetch_or(1, Ordering::Release);
        }
    };
    explore(move || assert!(one_word(sparing, TAKE), "a change was lost"));
}

#[test]
#[should_panic(expected = "a change was lost")]
fn twin_taking_by_load_and_store() {
    let careless = |bits: &AtomicU64| {
        let taken = bits.load(Ordering::Acquire);
        bits.store(0, Ordering::Release);
        taken
    };
    explore(move || assert!(one_word(NOTE, careless), "a change was lost"));
}

#[test]
#[should_panic(expected = "a change was lost")]
fn twin_taking_relaxed() {
    let relaxed = |bits: &AtomicU64| bits.swap(0, Ordering::Relaxed);
    explore(move || assert!(one_word(NOTE, relaxed), "a change was lost"));
}

#[test]
fn who_has_noted_a_change_finds_it_though_another_is_on_its_way_up() {
    explore(|| {
        let segment = Segment::new();
        let theirs = Arc::clone(&segment);
        race(
            move || (RIGHT.event)(&theirs, FIRST),
            || {
                (RIGHT.event)(&segment, SECOND);
                let known = segment.collect(RIGHT).expect("nobody else collects");
                assert!(known[SECOND.index()] == 1, "a change was not found");
            },
        );
    });
}

#[test]
#[should_panic(expected = "a change was not found")]
fn twin_going_up_only_from_an_empty_word() {
    explore(|| {
        let words = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
        let note = |[below, above]: &[AtomicU64; 2], bit: u64| {
            if below.fetch_or(bit, Ordering::Release) == 0 {
                above.fetch_or(1, Ordering::Release);
            }
        };
        let theirs = Arc::clone(&words);
        race(
            move || note(&theirs, 1),
            || {
                note(&words, 2);
                let found =
                    words[1].swap(0, Ordering::Acquire) != 0 && words[0].swap(0, Ordering::Acquire) & 2 != 0;
                assert!(found, "a change was not found");
            },
        );
    });
}

/// Both of two arms.
static BOTH: LazyLock<Eligibility> =
    LazyLock::new(|| ArmSpace::builder().dimension("arm", ["a", "b"]).build().expect("two arms").all());

/// Two threads play an arm each and ask who leads, at a real desk; each gets what it counted itself.
#[test]
fn a_desk_knows_of_every_event_that_was_counted_before_it_was_asked() {
    explore(|| {
        let shared = Arc::new((Cells::new(RewardKind::Binary, 1, 2), Desk::new(2)));
        let top = |(cells, desk): &(Cells, Desk)| desk.top(&Ucb1::default(), &BOTH, cells.of(SEGMENT));
        let play = move |shared: &(Cells, Desk), arm: ArmId| -> Top {
            shared.0.issue(SEGMENT, arm).expect("far from full");
            shared.1.mark(arm);
            top(shared)
        };
        let theirs = Arc::clone(&shared);
        race(
            move || assert!(play(&theirs, FIRST).selections >= 1),
            || assert!(play(&shared, SECOND).selections >= 1),
        );
        let quantity = RewardKind::Binary.quantity(Reward::SUCCESS).expect("a success");
        shared.0.reward(SEGMENT, SECOND, quantity);
        shared.1.mark(SECOND);
        let top = top(&shared);
        assert_eq!((top.selections, top.outcomes), (2, 1));
        assert!(matches!(&top.leaders, Leaders::Few(positions) if positions == &[1]));
    });
}
