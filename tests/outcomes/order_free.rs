//! Order-free: any interleaving of any number of threads leaves the same statistics, bit for bit.

use std::sync::Barrier;
use std::thread;

use proptest::prelude::*;
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use tactful::policy::{Ucb1, Uniform};
use tactful::{
    ArmId, ArmSpace, ArmStatistics, Bandit, Cadence, Refresh, Reward, RewardKind, SegmentId, Segments,
};

const THREADS: u64 = 4;
const PLAYS: u64 = 40_000;

fn bandit(kind: RewardKind) -> Bandit {
    let arms = ArmSpace::builder().dimension("template", ["a", "b", "c", "d", "e"]).build().unwrap();
    let segments = Segments::builder().attribute("stage", ["early", "late"]).build().unwrap();
    let builder = Bandit::builder(arms, segments).reward(kind).policy(Uniform);
    builder.refresh(Refresh::Manual).incarnation(1).build().unwrap()
}

/// The plays of one thread, from its own generator; the numbers its decisions got.
fn play(bandit: &Bandit, thread: u64) -> Vec<u64> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(thread);
    let all = bandit.arms().all();
    let (least, greatest) = bandit.reward_kind().range();
    let play = |number: u64| {
        let segment = SegmentId::new((number % 2) as u32);
        let decision = bandit.select(segment, &all, &mut rng).unwrap();
        let reward = match bandit.reward_kind() {
            RewardKind::Binary => Reward::from(rng.random_bool(0.3)),
            _ => Reward::new(rng.random_range(least..greatest)),
        };
        bandit.reward(&decision, reward).unwrap();
        decision.id().sequence()
    };
    (0..PLAYS).map(play).collect()
}

/// How often the owner changes along the sequence of decisions.
fn changes(numbers: &[Vec<u64>]) -> usize {
    let mut owners: Vec<(u64, usize)> = numbers
        .iter()
        .enumerate()
        .flat_map(|(thread, of)| of.iter().map(move |&number| (number, thread)))
        .collect();
    owners.sort_unstable();
    assert!(owners.windows(2).all(|pair| pair[0].0 != pair[1].0), "a number was given twice");
    owners.windows(2).filter(|pair| pair[0].1 != pair[1].1).count()
}

fn same_as_one_thread(kind: RewardKind) {
    let alone = bandit(kind);
    (0..THREADS).for_each(|thread| _ = play(&alone, thread));

    // Contention is shown by the numbers: with threads one after the other, the owner changes three times only.
    let mut contended = 0;
    for _ in 0..20 {
        let together = bandit(kind);
        let start = Barrier::new(THREADS as usize);
        let run = &|thread| {
            start.wait();
            play(&together, thread)
        };
        let numbers: Vec<Vec<u64>> = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || run(thread))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        // The whole snapshot, claims included: every decision got its reward.
        assert_eq!(together.snapshot(), alone.snapshot());
        contended += changes(&numbers) - (THREADS as usize - 1);
        if contended >= 20 {
            break;
        }
    }
    assert!(contended >= 20, "the threads ran one after the other, nothing is shown");
}

#[test]
fn order_free_binary_rewards() {
    same_as_one_thread(RewardKind::Binary);
}

#[test]
fn order_free_real_rewards() {
    same_as_one_thread(RewardKind::Real { minimum: -3.0, maximum: 11.0 });
}

/// Draws while plans are replaced at every event, for sets that push each other out: what each thread remembers,
/// added up alone, is what the bandit has counted.
#[test]
fn order_free_while_plans_are_replaced() {
    const ROUNDS: u64 = 5_000;
    let mut contended = 0;
    for attempt in 0..20 {
        let arms = ArmSpace::builder().dimension("template", ["a", "b", "c", "d", "e"]).build().unwrap();
        let builder = Bandit::builder(arms, Segments::single()).policy(Ucb1::default());
        let kind = RewardKind::Real { minimum: 0.0, maximum: 1.0 };
        let bandit = builder.reward(kind).cadence(Cadence::EVERY_EVENT).incarnation(1).build().unwrap();
        let start = Barrier::new(THREADS as usize);
        let run = &|thread| {
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(100 * attempt + thread);
            let mut statistics = [ArmStatistics::default(); 5];
            let mut numbers = Vec::new();
            start.wait();
            for round in 0..ROUNDS {
                let out = ArmId::new(((round + thread) % 20) as u32);
                let set = bandit.arms().eligible(|arm| arm.id() != out);
                let decision = bandit.select(SegmentId::new(0), &set, &mut rng).unwrap();
                assert!(set.contains(decision.arm()) && decision.propensity() > 0.0);
                let reward = rng.random();
                bandit.reward(&decision, Reward::new(reward)).unwrap();
                statistics[decision.arm().index()].observe(reward).unwrap();
                numbers.push(decision.id().sequence());
            }
            (statistics, numbers)
        };
        let (statistics, numbers): (Vec<_>, Vec<_>) = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || run(thread))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).unzip()
        });
        for arm in bandit.arms().iter() {
            let of_arm = statistics.iter().map(|thread: &[ArmStatistics; 5]| thread[arm.id().index()]);
            let together = of_arm.fold(ArmStatistics::default(), |sum, part| sum.merge(part).unwrap());
            assert_eq!(bandit.statistics(SegmentId::new(0), arm.id()), together);
        }
        contended += changes(&numbers) - (THREADS as usize - 1);
        if contended >= 20 {
            return;
        }
    }
    panic!("the threads ran one after the other, nothing is shown");
}

fn observed(rewards: &[f64]) -> ArmStatistics {
    let mut statistics = ArmStatistics::default();
    rewards.iter().for_each(|&reward| statistics.observe(reward).unwrap());
    statistics
}

fn rewards() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(prop_oneof![0.0..=1.0_f64, Just(0.0), Just(1.0), Just(1e-9)], 0..60)
}

fn in_two_orders() -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
    rewards().prop_flat_map(|rewards| (Just(rewards.clone()), Just(rewards).prop_shuffle()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn order_free_merge(a in rewards(), b in rewards(), c in rewards()) {
        let [x, y, z] = [&a, &b, &c].map(|rewards| observed(rewards));
        prop_assert_eq!(x.merge(y), y.merge(x));
        prop_assert_eq!(x.merge(y).unwrap().merge(z), x.merge(y.merge(z).unwrap()));
        prop_assert_eq!(x.merge(ArmStatistics::default()), Ok(x));
        // Merging is what observing all of it would have given.
        prop_assert_eq!(x.merge(y).unwrap(), observed(&[a, b].concat()));
    }

    #[test]
    fn order_free_observation((straight, shuffled) in in_two_orders()) {
        prop_assert_eq!(observed(&straight), observed(&shuffled));
    }

    #[test]
    fn order_free_binary_counts(counts in prop::collection::vec(prop::array::uniform3(0_u64..1 << 27), 1..8)) {
        let parts = counts.iter().map(|&[pending, s, f]| ArmStatistics::binary(pending + s + f, s, f).unwrap());
        let forwards = parts.clone().try_fold(ArmStatistics::default(), ArmStatistics::merge);
        let backwards = parts.rev().try_fold(ArmStatistics::default(), ArmStatistics::merge);
        prop_assert_eq!(forwards, backwards);
        let [pending, s, f] = [0, 1, 2].map(|kind| counts.iter().map(|count| count[kind]).sum::<u64>());
        prop_assert_eq!(forwards, ArmStatistics::binary(pending + s + f, s, f));
    }
}
