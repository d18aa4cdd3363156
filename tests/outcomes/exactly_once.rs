//! Exactly once: however often, wherever and by whoever a reward is delivered, it counts one time.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use tactful::bandit::RewardError;
use tactful::policy::Uniform;
use tactful::{ArmSpace, Bandit, BanditBuilder, Decision, Refresh, Reward, SegmentId, Segments, Snapshot};

const SEGMENT: SegmentId = SegmentId::new(0);

fn builder() -> BanditBuilder {
    let arms = ArmSpace::builder().dimension("template", ["a", "b", "c"]).build().unwrap();
    Bandit::builder(arms, Segments::single()).policy(Uniform)
}

fn life(incarnation: u64) -> Bandit {
    builder().incarnation(incarnation).build().unwrap()
}

fn decide(bandit: &Bandit, number: usize, seed: u64) -> Vec<Decision> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    (0..number).map(|_| bandit.select(SEGMENT, &bandit.arms().all(), &mut rng).unwrap()).collect()
}

/// (decisions, outcomes) over all arms.
fn totals(bandit: &Bandit) -> (u64, u64) {
    let statistics = bandit.arms().iter().map(|arm| bandit.statistics(SEGMENT, arm.id()));
    statistics.fold((0, 0), |(issued, returned), arm| (issued + arm.issued(), returned + arm.returned()))
}

fn next_life(snapshot: &Snapshot, incarnation: u64) -> Bandit {
    let text = serde_json::to_string(snapshot).unwrap();
    let mut bandit = life(incarnation);
    bandit.restore(&serde_json::from_str(&text).unwrap()).unwrap();
    bandit
}

#[test]
fn exactly_once_when_delivered_twice() {
    let bandit = life(1);
    let decisions = decide(&bandit, 1_000, 1);
    for (number, decision) in decisions.iter().enumerate() {
        bandit.reward(decision, Reward::from(number % 3 == 0)).unwrap();
    }
    let before = bandit.snapshot();
    for decision in &decisions {
        let id = decision.id();
        // Not by another value either, nor by way of the token.
        assert_eq!(bandit.reward(decision, Reward::SUCCESS), Err(RewardError::AlreadyRewarded { id }));
        let parsed = bandit.parse(decision.token()).unwrap();
        assert_eq!(bandit.reward(&parsed, Reward::FAILURE), Err(RewardError::AlreadyRewarded { id }));
    }
    assert_eq!(bandit.snapshot(), before);
    assert_eq!(totals(&bandit), (1_000, 1_000));
}

/// Two threads deliver the same rewards, chunk by chunk from a common start; by decision, whether (the first, the
/// second) thread was told that it counted.
fn race(bandit: &Bandit, decisions: &[Decision], chunk: usize) -> Vec<(bool, bool)> {
    let arrived = AtomicUsize::new(0);
    let deliver = || {
        let mut counted = Vec::with_capacity(decisions.len());
        for (number, chunk) in decisions.chunks(chunk).enumerate() {
            arrived.fetch_add(1, Ordering::AcqRel);
            while arrived.load(Ordering::Acquire) < 2 * (number + 1) {
                thread::yield_now();
            }
            counted.extend(chunk.iter().map(|decision| bandit.reward(decision, Reward::SUCCESS).is_ok()));
        }
        counted
    };
    thread::scope(|scope| {
        let first = scope.spawn(deliver);
        let second = deliver();
        first.join().unwrap().into_iter().zip(second).collect()
    })
}

#[test]
fn exactly_once_by_two_threads_at_once() {
    const CHUNK: usize = 256;
    // Contention is a chunk of which both threads counted a part: the race went back and forth inside it. How many
    // races that takes depends on the scheduler, not on the clock; thousands are not needed on any machine so far.
    let (mut contended, mut rounds) = (0, 0);
    let manual = || builder().refresh(Refresh::Manual).incarnation(1).build().unwrap();
    while contended < 10 {
        rounds += 1;
        assert!(rounds <= 2_000, "the threads never met: {contended} contended chunks, nothing is shown");
        let bandit = manual();
        let decisions = decide(&bandit, 64 * CHUNK, rounds);
        let counted = race(&bandit, &decisions, CHUNK);
        assert!(counted.iter().all(|&(first, second)| first != second), "counted twice, or not at all");
        assert_eq!(totals(&bandit), (64 * CHUNK as u64, 64 * CHUNK as u64));
        let both = |chunk: &&[(bool, bool)]| chunk.iter().any(|c| c.0) && chunk.iter().any(|c| c.1);
        contended += counted.chunks(CHUNK).filter(both).count();
    }
    println!("{contended} contended chunks in {rounds} rounds");
}

#[test]
fn exactly_once_across_restarts() {
    let first = life(1);
    let decisions = decide(&first, 300, 2);
    let (early, late) = decisions.split_at(100);
    for decision in early {
        first.reward(decision, Reward::SUCCESS).unwrap();
    }
    // A third of the outcomes before, a third in the second life, a third in the third.
    let second = next_life(&first.snapshot(), 2);
    let (second_third, last_third) = late.split_at(100);
    for decision in early {
        assert!(matches!(second.reward(decision, Reward::SUCCESS), Err(RewardError::AlreadyRewarded { .. })));
    }
    for decision in second_third {
        second.reward(&second.parse(decision.token()).unwrap(), Reward::SUCCESS).unwrap();
    }
    let own = decide(&second, 50, 3);
    second.reward(&own[7], Reward::FAILURE).unwrap();

    let third = next_life(&second.snapshot(), 3);
    for decision in early.iter().chain(second_third).chain([&own[7]]) {
        assert!(matches!(third.reward(decision, Reward::SUCCESS), Err(RewardError::AlreadyRewarded { .. })));
    }
    for decision in last_third {
        third.reward(decision, Reward::SUCCESS).unwrap();
        assert!(third.reward(decision, Reward::SUCCESS).is_err());
    }
    assert_eq!(totals(&third), (350, 301));
}

#[test]
fn exactly_once_only_where_it_was_decided() {
    let here = builder().replica(1).incarnation(1).build().unwrap();
    let there = builder().replica(2).incarnation(1).build().unwrap();
    let decision = decide(&here, 1, 4)[0];
    let before = there.snapshot();
    // The same names, so the token can be read; but it is not counted.
    let foreign = there.parse(decision.token()).unwrap();
    let id = decision.id();
    assert_eq!(there.reward(&foreign, Reward::SUCCESS), Err(RewardError::UnknownIssuer { id }));
    assert_eq!(there.snapshot(), before);
    assert_eq!(here.reward(&decision, Reward::SUCCESS), Ok(()));
}

#[test]
fn exactly_once_across_a_snapshot_taken_in_the_rush() {
    let first = life(1);
    let decisions = decide(&first, 40_000, 5);
    let done = AtomicBool::new(false);
    let snapshots = thread::scope(|scope| {
        scope.spawn(|| {
            for decision in &decisions {
                first.reward(decision, Reward::SUCCESS).unwrap();
            }
            done.store(true, Ordering::Release);
        });
        let mut snapshots = Vec::new();
        while !done.load(Ordering::Acquire) && snapshots.len() < 200 {
            snapshots.push(first.snapshot());
        }
        snapshots
    });
    // Every snapshot: what it counted cannot be counted again, so no total exceeds the number of decisions.
    let mut torn = 0;
    for snapshot in snapshots.iter().step_by(snapshots.len().div_ceil(8).max(1)) {
        let mut second = life(2);
        second.restore(snapshot).unwrap();
        let counted = totals(&second).1;
        let accepted =
            decisions.iter().filter(|decision| second.reward(decision, Reward::SUCCESS).is_ok()).count();
        assert!(counted + accepted as u64 <= 40_000, "{counted} counted and {accepted} accepted again");
        assert_eq!(totals(&second).1, counted + accepted as u64);
        torn += usize::from(counted > 0 && accepted > 0);
    }
    println!("{torn} of {} snapshots were taken amid the rewards", snapshots.len());
}
