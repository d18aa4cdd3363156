//! Every interleaving of putting into the queue and taking out, and broken twins that must fail.
//!
//! Run by `RUSTFLAGS="--cfg loom" cargo test --release --no-default-features --features journal --lib models`. The
//! ring is the real one, with two slots; what is attached to an event passes through a stand-in (see `sync`). A twin
//! is a small copy of the protocol with one thing wrong; it shows that the models would notice.

use loom::thread;

use super::event::WORDS;
use super::queue::{Consumer, Full, Queue};
use crate::sync::{Arc, AtomicU64, Ordering};

/// Explores a model with at most three preemptions, which is where such faults show.
fn explore(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

/// An event that is whole if all its words are the same.
fn event(number: u64) -> [u64; WORDS] {
    [number; WORDS]
}

/// The number of a whole event.
fn number(words: [u64; WORDS]) -> u64 {
    assert!(words.iter().all(|&word| word == words[0]), "torn: {words:?}");
    words[0]
}

/// A word that is touched before every call. loom looks for another order only where an access follows one *of another
/// thread* to the same word, and asks the last access alone: a producer's look at a turn would hide the consumer's look
/// before it. Relaxed, so that it orders nothing itself.
struct Baton(AtomicU64);

impl Baton {
    fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    fn pass(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The queue, with the baton.
struct Ring {
    queue: Queue<u64>,
    baton: Baton,
}

/// A ring of two slots.
fn ring() -> (Arc<Ring>, Consumer) {
    let (queue, consumer) = Queue::new(2);
    (Arc::new(Ring { queue, baton: Baton::new() }), consumer)
}

fn put(ring: &Ring, value: u64) -> Result<u64, Full> {
    ring.baton.pass();
    ring.queue.reserve().map(|reserved| reserved.commit(event(value)))
}

/// Takes what is there, as (position, number).
fn drain(ring: &Ring, consumer: &mut Consumer, into: &mut Vec<(u64, u64)>) {
    loop {
        ring.baton.pass();
        let position = consumer.position();
        let Some(taken) = ring.queue.take(consumer) else { return };
        assert_eq!(taken.attached, None);
        into.push((position, number(taken.words)));
    }
}

#[test]
fn two_producers_lose_tear_and_repeat_nothing() {
    explore(|| {
        let (queue, mut consumer) = ring();
        let theirs = Arc::clone(&queue);
        let other = thread::spawn(move || put(&theirs, 1));
        let mut found = Vec::new();
        let ours = put(&queue, 2).expect("two slots for two events");
        drain(&queue, &mut consumer, &mut found);
        let theirs = other.join().expect("ends well").expect("two slots for two events");
        drain(&queue, &mut consumer, &mut found);
        let mut expected = vec![(theirs, 1), (ours, 2)];
        expected.sort_unstable();
        assert_eq!(found, expected);
    });
}

#[test]
fn a_full_queue_and_a_flush_go_round_the_ring() {
    explore(|| {
        let (queue, mut consumer) = ring();
        let theirs = Arc::clone(&queue);
        // Three events for two slots: the third goes in only if the flush has passed the first.
        let producer = thread::spawn(move || (1..=3).map(|value| put(&theirs, value)).collect::<Vec<_>>());
        let mut found = Vec::new();
        drain(&queue, &mut consumer, &mut found);
        let results = producer.join().expect("ends well");
        drain(&queue, &mut consumer, &mut found);
        let accepted = (1..=3).zip(&results).filter_map(|(value, result)| Some((result.ok()?, value)));
        assert_eq!(found, accepted.collect::<Vec<_>>());
        assert!(results[0].is_ok() && results[1].is_ok());
        // Once all is taken there is room, whatever was refused before.
        let before = consumer.position();
        assert_eq!((put(&queue, 4), put(&queue, 5), put(&queue, 6)), (Ok(before), Ok(before + 1), Err(Full)));
    });
}

#[test]
fn two_producers_at_the_last_slot_of_a_full_queue() {
    explore(|| {
        let (queue, mut consumer) = ring();
        put(&queue, 1).expect("empty");
        let theirs = Arc::clone(&queue);
        let other = thread::spawn(move || put(&theirs, 2));
        let ours = put(&queue, 3);
        let theirs = other.join().expect("ends well");
        assert!(ours.is_ok() != theirs.is_ok(), "one slot for two: {ours:?} {theirs:?}");
        let mut found = Vec::new();
        drain(&queue, &mut consumer, &mut found);
        assert_eq!(found, [(0, 1), (1, if ours.is_ok() { 3 } else { 2 })]);
    });
}

#[test]
fn what_is_attached_arrives_with_its_event_and_a_position_given_back_is_void() {
    explore(|| {
        let (queue, mut consumer) = ring();
        let theirs = Arc::clone(&queue);
        let producer = thread::spawn(move || {
            theirs.baton.pass();
            drop(theirs.queue.reserve().expect("room"));
            theirs.queue.reserve().expect("room").commit_with(event(7), 70);
        });
        let mut found = Vec::new();
        let mut take = |consumer: &mut Consumer| {
            queue.baton.pass();
            while let Some(taken) = queue.queue.take(consumer) {
                found.push((number(taken.words), taken.attached.map(|attached| *attached)));
            }
        };
        take(&mut consumer);
        producer.join().expect("ends well");
        take(&mut consumer);
        assert_eq!(found, [(0, None), (7, Some(70))]);
    });
}

/// What is wrong with a twin.
#[derive(Clone, Copy, PartialEq)]
enum Wrong {
    Nothing,
    ToldWithoutRelease,
    ToldBeforeWritten,
    FreedBeforeRead,
}

/// One slot of a ring of one; the producer goes round twice. (A turn freed without Release cannot be shown to fail here:
/// loom does not explore reads that are late.)
fn twin(wrong: Wrong) {
    let told = if wrong == Wrong::ToldWithoutRelease { Ordering::Relaxed } else { Ordering::Release };
    let slot = Arc::new((AtomicU64::new(0), [AtomicU64::new(0), AtomicU64::new(0)], Baton::new()));
    let theirs = Arc::clone(&slot);
    let producer = thread::spawn(move || {
        let (turn, words, baton) = &*theirs;
        for round in 0..2 {
            baton.pass();
            if turn.load(Ordering::Acquire) != 2 * round {
                return;
            }
            if wrong == Wrong::ToldBeforeWritten {
                turn.store(2 * round + 1, told);
            }
            words.iter().for_each(|word| word.store(round + 1, Ordering::Relaxed));
            if wrong != Wrong::ToldBeforeWritten {
                turn.store(2 * round + 1, told);
            }
        }
    });
    let (turn, words, baton) = &*slot;
    baton.pass();
    if turn.load(Ordering::Acquire) == 1 {
        if wrong == Wrong::FreedBeforeRead {
            turn.store(2, Ordering::Release);
        }
        let read = [words[0].load(Ordering::Relaxed), words[1].load(Ordering::Relaxed)];
        if wrong != Wrong::FreedBeforeRead {
            turn.store(2, Ordering::Release);
        }
        assert!(read == [1, 1], "torn or too early");
    }
    producer.join().expect("ends well");
}

#[test]
fn the_protocol_of_the_twins_is_sound_when_nothing_is_wrong_with_it() {
    explore(|| twin(Wrong::Nothing));
}

#[test]
#[should_panic(expected = "torn or too early")]
fn twin_that_tells_of_an_event_without_release() {
    explore(|| twin(Wrong::ToldWithoutRelease));
}

#[test]
#[should_panic(expected = "torn or too early")]
fn twin_that_tells_of_an_event_before_it_is_written() {
    explore(|| twin(Wrong::ToldBeforeWritten));
}

#[test]
#[should_panic(expected = "torn or too early")]
fn twin_that_frees_a_slot_before_it_is_read() {
    explore(|| twin(Wrong::FreedBeforeRead));
}

/// Two producers that look and then move the next position in two steps.
#[test]
#[should_panic(expected = "two events in one slot")]
fn twin_that_takes_a_position_by_load_and_store() {
    explore(|| {
        let next = Arc::new(AtomicU64::new(0));
        let theirs = Arc::clone(&next);
        let reserve = |next: &AtomicU64| {
            let position = next.load(Ordering::Acquire);
            next.store(position + 1, Ordering::Release);
            position
        };
        let other = thread::spawn(move || reserve(&theirs));
        let ours = reserve(&next);
        assert!(ours != other.join().expect("ends well"), "two events in one slot");
    });
}
