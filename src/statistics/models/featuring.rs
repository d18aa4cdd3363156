//! Every interleaving of sums of features with the close of the cohort that they belong to.

use crate::arm::ArmId;
use crate::features::{Features, Quantised};
use crate::reward::RewardKind;
use crate::statistics::{Cohort, CohortId, Defaults, Entry, Issuer, Products, Shape, UNITS};
use crate::sync::{Arc, AtomicU64, Ordering};
use crate::time::Window;

use super::{ARM, SEGMENT, explore, quantity, race};

/// A cohort for four arms, two of which share a page, with one feature.
fn entry() -> Entry {
    let day = std::time::Duration::from_secs(86_400);
    let shape = Shape {
        kind: RewardKind::Binary,
        defaults: Defaults::Alike(quantity(0.0)),
        goals: crate::statistics::Goals::from([]),
        segments: 1,
        arms: 4,
        groups: 1,
        window: Window::new(day, day).expect("a window"),
        dimensions: Some(2),
    };
    let issuer = Issuer { replica: 0, incarnation: 1 };
    Entry::earlier(&shape, issuer, CohortId::of_bucket(0), Cohort::new())
}

/// A feature of which only the constant adds something, so that there is little to interleave.
fn nought() -> Quantised {
    let features = Features::builder().feature("x", 0.0..=1.0).build().expect("a range");
    features.quantise(&[0.0]).expect("in range")
}

fn sums(entry: &Entry) -> Vec<(ArmId, Products)> {
    entry.products.as_ref().expect("there are features").of(SEGMENT)
}

#[test]
fn sums_that_a_complete_seal_has_seen_are_all_there_will_ever_be() {
    for arm in [1, 3] {
        explore(move || {
            let entry = Arc::new(entry());
            entry.issue((SEGMENT, ARM), Some(&nought())).expect("open");
            let theirs = Arc::clone(&entry);
            let (told, seen) = race(
                move || match arm {
                    1 => {
                        let (reward, default) = (quantity(1.0), quantity(0.0));
                        theirs.reward((SEGMENT, ARM), Some(&nought()), reward, default).is_ok()
                    }
                    // In a page that is not there yet.
                    _ => theirs.issue((SEGMENT, ArmId::new(arm)), Some(&nought())).is_ok(),
                },
                || entry.seal().then(|| sums(&entry)),
            );
            let after = sums(&entry);
            assert!(seen.is_none_or(|seen| seen == after), "something came after the seal");
            let one = UNITS as i64;
            let counted: i64 = match arm {
                1 => after.iter().map(|(_, sums)| sums.rewards[0]).sum(),
                _ => after.iter().map(|(_, sums)| sums.products[0] as i64).sum::<i64>() - one,
            };
            assert_eq!(counted, if told { one } else { 0 }, "accepted is counted, refused is not");
            assert!(entry.seal(), "nobody is busy any more");
        });
    }
}

#[test]
#[should_panic(expected = "something came after the seal")]
fn twin_a_seal_that_asks_the_counters_only() {
    explore(|| {
        let entry = Arc::new(entry());
        entry.issue((SEGMENT, ARM), Some(&nought())).expect("open");
        let theirs = Arc::clone(&entry);
        let (_, seen) = race(
            move || theirs.reward((SEGMENT, ARM), Some(&nought()), quantity(1.0), quantity(0.0)).is_ok(),
            || entry.cells.seal().then(|| sums(&entry)),
        );
        assert!(seen.is_none_or(|seen| seen == sums(&entry)), "something came after the seal");
    });
}

#[test]
#[should_panic(expected = "something came after the seal")]
fn twin_who_says_that_he_is_busy_after_he_has_counted() {
    const SEALED: u64 = 1 << 63;
    explore(|| {
        let words = Arc::new([0; 3].map(AtomicU64::new));
        let theirs = Arc::clone(&words);
        let (_, seen) = race(
            move || {
                let [word, busy, sum] = &*theirs;
                // Counts unless sealed, as cells do; and only then is busy.
                let counted = word.compare_exchange(0, 1, Ordering::AcqRel, Ordering::Acquire).is_ok();
                busy.fetch_add(1, Ordering::Relaxed);
                if counted {
                    sum.fetch_add(1, Ordering::Relaxed);
                }
                busy.fetch_sub(1, Ordering::Release);
            },
            || {
                let [word, busy, sum] = &*words;
                word.fetch_or(SEALED, Ordering::AcqRel);
                (busy.load(Ordering::Acquire) == 0).then(|| sum.load(Ordering::Relaxed))
            },
        );
        let after = words[2].load(Ordering::Relaxed);
        assert!(seen.is_none_or(|seen| seen == after), "something came after the seal");
    });
}
