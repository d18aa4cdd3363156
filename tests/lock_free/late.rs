//! The same with windows that close and processes that exchange.

use std::time::Duration;

use tactful::policy::Uniform;
use tactful::time::Window;
use tactful::{
    ArmSpace, Bandit, BanditBuilder, Cadence, Decision, Delta, Refresh, Reward, RewardKind, Segments,
    Timestamp,
};

use super::{REAL, every_operation, in_its_way, play, rng, segment, select};

const DAY: u64 = 86_400_000;

fn builder(kind: RewardKind, replica: u16) -> BanditBuilder {
    let arms = ArmSpace::builder().dimension("template", ["a", "b", "c", "d"]).build().unwrap();
    let segments = Segments::builder().attribute("stage", ["early", "late"]).build().unwrap();
    let builder = Bandit::builder(arms, segments).policy(Uniform).reward(kind).cadence(Cadence::EVERY_EVENT);
    builder.refresh(Refresh::Inline).replica(replica).incarnation(u64::from(replica))
}

/// Decisions wait for a day, in buckets of a day; it is day 1.
fn windowed(kind: RewardKind) -> Bandit {
    let day = Duration::from_millis(DAY);
    let bandit = builder(kind, 1).window(Window::new(day, day).unwrap()).build().unwrap();
    bandit.advance_to(Timestamp::from_millis(DAY)).unwrap();
    bandit
}

#[test]
fn lock_free_windows() {
    for kind in [RewardKind::Binary, REAL] {
        let all = |bandit: &Bandit| bandit.arms().all();
        let first = every_operation(
            || windowed(kind),
            |_| (),
            |bandit, ()| _ = select(bandit, 0, &all(bandit), &mut rng()),
            (1, 0),
        );
        assert!(first >= 12, "only {first} operations seen");
        let decide = |bandit: &Bandit| select(bandit, 0, &all(bandit), &mut rng());
        let reward = |bandit: &Bandit, decision: &Decision| bandit.reward(decision, Reward::SUCCESS).unwrap();
        assert!(every_operation(|| windowed(kind), decide, reward, (0, 1)) >= 5);
        let cancel = |bandit: &Bandit, decision: &Decision| {
            bandit.cancel(decision).unwrap();
            select(bandit, 0, &all(bandit), &mut rng());
        };
        every_operation(|| windowed(kind), decide, cancel, (0, 0));
    }
}

#[test]
fn lock_free_time_that_passes() {
    for kind in [RewardKind::Binary, REAL] {
        // Everything so far is over at once, the cohort that decisions go to included; all of it was rewarded, so that
        // closing changes no sum.
        let warm = |bandit: &Bandit| in_its_way(bandit);
        let advance = |bandit: &Bandit, (): &()| bandit.advance_to(Timestamp::from_millis(9 * DAY)).unwrap();
        let operations = every_operation(|| windowed(kind), warm, advance, (0, 0));
        assert!(operations >= 20, "only {operations} operations seen");
    }
}

#[test]
fn lock_free_handle_across_buckets() {
    let all = |bandit: &Bandit| bandit.arms().all();
    let work = |bandit: &Bandit, (): &()| {
        let mut selector = bandit.selector(rng());
        let first = selector.select(segment(0), &all(bandit)).unwrap();
        bandit.advance_to(Timestamp::from_millis(9 * DAY)).unwrap();
        let second = selector.select(segment(0), &all(bandit)).unwrap();
        assert!(first.id().cohort() < second.id().cohort());
        bandit.reward(&second, Reward::SUCCESS).unwrap();
    };
    // The first is over, without a reward: a failure.
    every_operation(|| windowed(RewardKind::Binary), |_| (), work, (2, 2));
}

#[test]
fn lock_free_exchange() {
    let here = || builder(RewardKind::Binary, 1).replicated().build().unwrap();
    let there = || {
        let bandit = builder(RewardKind::Binary, 2).replicated().build().unwrap();
        let decision = select(&bandit, 0, &bandit.arms().all(), &mut rng());
        (bandit, decision)
    };
    let told = |bandit: &Bandit| -> Delta {
        let (there, decision) = there();
        // A reward of theirs that waits here is known to have arrived.
        bandit.reward(&decision, Reward::SUCCESS).unwrap();
        let own = select(bandit, 0, &bandit.arms().all(), &mut rng());
        there.reward(&own, Reward::SUCCESS).unwrap();
        there.reward(&decision, Reward::SUCCESS).unwrap();
        there.delta().unwrap()
    };
    let merge = |bandit: &Bandit, delta: &Delta| assert_eq!(bandit.merge(delta).unwrap().counted, 1);
    // Theirs with its reward, and the reward of ours.
    assert!(every_operation(here, told, merge, (1, 2)) >= 20);
    let forward = |bandit: &Bandit, decision: &Decision| bandit.reward(decision, Reward::SUCCESS).unwrap();
    assert!(every_operation(here, |_| there().1, forward, (0, 0)) >= 4);
    every_operation(here, |_| (), |bandit, ()| assert_eq!(bandit.delta().unwrap().replica(), 1), (0, 0));
    let warm = |bandit: &Bandit| play(bandit, &bandit.arms().all(), &mut rng());
    every_operation(here, warm, |bandit, ()| _ = bandit.snapshot(), (0, 0));
}
