//! Every interleaving of what is put into an outbox while it is cleared out.

use crate::statistics::Outbox;
use crate::sync::{Arc, AtomicU64, Ordering, Published};

use super::{explore, race};

/// What waits, in the order of its numbers.
fn waiting(outbox: &Outbox<u64>) -> Vec<u64> {
    let mut entries = outbox.entries();
    entries.sort_unstable();
    entries
}

#[test]
fn an_entry_put_in_during_a_clearing_waits_once_and_what_was_settled_goes() {
    explore(|| {
        let outbox = Arc::new(Outbox::new(Vec::new()));
        outbox.push(1).expect("empty");
        let theirs = Arc::clone(&outbox);
        race(move || theirs.push(2).expect("room for two"), || outbox.retain(|&entry| entry != 1));
        let left = waiting(&outbox);
        assert!(left == [2] || left == [1, 2], "{left:?}");
        // The settled one lay in the volume that was closed: it goes the next time.
        outbox.retain(|&entry| entry != 1);
        assert_eq!(waiting(&outbox), [2]);
        outbox.push(3).expect("closed volumes take no room");
        assert_eq!(waiting(&outbox), [2, 3]);
    });
}

#[test]
fn a_reader_sees_what_was_put_in_before_once_however_it_is_moved() {
    explore(|| {
        let outbox = Arc::new(Outbox::new(vec![1]));
        outbox.push(2).expect("empty");
        let theirs = Arc::clone(&outbox);
        let ((), seen) = race(
            move || {
                // The first clearing closes the volume, the second takes it apart.
                theirs.retain(|_| true);
                theirs.retain(|_| true);
            },
            || waiting(&outbox),
        );
        assert_eq!(seen, [1, 2]);
        assert_eq!(waiting(&outbox), [1, 2]);
    });
}

#[test]
fn two_clearings_at_once_lose_nothing() {
    explore(|| {
        let outbox = Arc::new(Outbox::new(vec![1, 2]));
        outbox.push(3).expect("empty");
        let theirs = Arc::clone(&outbox);
        race(move || theirs.retain(|&entry| entry != 1), || outbox.retain(|&entry| entry != 2));
        let left = waiting(&outbox);
        assert!(left == [3] || left.len() == 2 && left[1] == 3, "{left:?}");
    });
}

#[test]
fn of_two_for_the_last_place_one_is_refused() {
    explore(|| {
        let outbox = Arc::new(Outbox::new(Vec::new()));
        outbox.push(1).expect("empty");
        let theirs = Arc::clone(&outbox);
        let (first, second) = race(move || theirs.push(2).is_ok(), || outbox.push(3).is_ok());
        assert!(first ^ second);
        assert_eq!(waiting(&outbox), [1, if first { 2 } else { 3 }]);
    });
}

#[test]
#[should_panic(expected = "an entry was lost")]
fn twin_a_clearing_that_does_not_close_what_it_replaces() {
    explore(|| {
        // A bit for each entry. Who loaded the old volume puts its entry there after it was copied.
        let volume = Arc::new(Published::<AtomicU64>::empty());
        drop(volume.replace(Some(Arc::new(AtomicU64::new(1)))));
        let theirs = Arc::clone(&volume);
        let current = |volume: &Published<AtomicU64>| volume.load().clone().expect("there from the start");
        race(
            move || current(&theirs).fetch_or(2, Ordering::AcqRel),
            || {
                let kept = current(&volume).load(Ordering::Acquire) & !1;
                drop(volume.replace(Some(Arc::new(AtomicU64::new(kept)))));
            },
        );
        assert!(current(&volume).load(Ordering::Acquire) == 2, "an entry was lost");
    });
}

#[test]
#[should_panic(expected = "an entry was lost")]
fn twin_a_closed_volume_that_is_taken_for_complete() {
    const CLOSED: u64 = 1 << 63;
    explore(|| {
        // {numbers taken, with the bit that forbids further ones}, the entry of the first number.
        let volume = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
        let theirs = Arc::clone(&volume);
        let (put, kept) = race(
            move || {
                let number = theirs.0.fetch_add(1, Ordering::AcqRel);
                let open = number & CLOSED == 0;
                if open {
                    theirs.1.store(7, Ordering::Release);
                }
                open
            },
            || {
                // However many numbers were taken: what is there by now is all that is kept.
                volume.0.fetch_or(CLOSED, Ordering::AcqRel);
                volume.1.load(Ordering::Acquire)
            },
        );
        assert!(!put || kept == 7, "an entry was lost");
    });
}
