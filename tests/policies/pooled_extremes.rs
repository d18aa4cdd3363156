//! Pooled plans where there is little to pool, or where it comes in unusual ways; and wherever they are made, the same.

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use tactful::belief::{Forgetting, Pending};
use tactful::policy::named;
use tactful::reward::{RewardRule, Stage};
use tactful::time::Window;
use tactful::{
    ArmSpace, Bandit, BanditBuilder, Cadence, Decision, Outcome, Refresh, Reward, RewardKind, SegmentId,
    Segments, Snapshot, Timestamp,
};

const FIRST: SegmentId = SegmentId::new(0);
const POLICIES: [&str; 4] = [
    "pooled-thompson",
    "pooled-thompson(trust-structure)",
    "pooled-thompson(without-pairs,draws=2)",
    "pooled-segments(thompson)",
];

fn numbers(count: u32) -> impl Iterator<Item = String> {
    (0..count).map(|number| number.to_string())
}

fn arms(sizes: &[u32]) -> ArmSpace {
    let builder = sizes.iter().zip(["a", "b", "c", "d"]);
    let builder =
        builder.fold(ArmSpace::builder(), |builder, (&size, name)| builder.dimension(name, numbers(size)));
    builder.build().unwrap()
}

fn ages(count: u32) -> Segments {
    Segments::builder().attribute("age", numbers(count)).build().unwrap()
}

fn builder(policy: &str, arms: ArmSpace, segments: Segments) -> BanditBuilder {
    Bandit::builder(arms, segments).boxed_policy(named(policy, 1_000).unwrap()).exploration(0.0)
}

/// The propensities of all arms, which are probabilities that sum to one.
fn shares(bandit: &Bandit, segment: SegmentId) -> Vec<f64> {
    let all = bandit.arms().all();
    let plan = bandit.plan(segment, &all).unwrap();
    let shares: Vec<f64> = all.iter().map(|arm| plan.propensity(arm)).collect();
    assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)) && shares.iter().sum::<f64>() == 1.0);
    shares
}

/// Decisions in turn by segment, each with the reward that its arm has.
fn decided(bandit: &Bandit, rounds: u32, seed: u64, mut pays: impl FnMut(usize) -> Reward) -> Vec<Decision> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let all = bandit.arms().all();
    let decided = (0..rounds).map(|round| {
        let segment = SegmentId::new(round % bandit.segments().len() as u32);
        let decision = bandit.select(segment, &all, &mut rng).unwrap();
        bandit.reward(&decision, pays(decision.arm().index())).unwrap();
        decision
    });
    decided.collect()
}

#[test]
fn no_panic_where_there_is_little_to_pool() {
    for policy in POLICIES {
        for sizes in [&[1][..], &[3], &[1, 1, 1], &[1, 5, 1], &[2, 2, 2, 1]] {
            for segments in [Segments::single(), ages(1), ages(3)] {
                for reward in [Reward::SUCCESS, Reward::FAILURE] {
                    let bandit = builder(policy, arms(sizes), segments.clone()).build().unwrap();
                    shares(&bandit, FIRST);
                    decided(&bandit, 40, 1, |_| reward);
                    shares(&bandit, FIRST);
                }
            }
        }
        // One arm is left, or none.
        let bandit = builder(policy, arms(&[4, 3, 4]), ages(2)).build().unwrap();
        decided(&bandit, 300, 2, |arm| Reward::from(arm % 7 == 0));
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
        let one = bandit.arms().eligible(|arm| arm.id().index() == 17);
        assert_eq!(bandit.select(FIRST, &one, &mut rng).unwrap().propensity(), 1.0);
        let none = bandit.arms().eligible(|_| false);
        assert!(bandit.select(FIRST, &none, &mut rng).is_err());
    }
}

/// 30,000 arms of which two were tried, and all pay; hundreds of segments that nobody was in.
#[test]
fn no_panic_where_most_was_never_tried() {
    for policy in POLICIES {
        let many = builder(policy, arms(&[25, 6, 5, 40]), Segments::single()).build().unwrap();
        decided(&many, 2, 4, |_| Reward::SUCCESS);
        assert!(shares(&many, FIRST).iter().filter(|share| **share > 0.0).count() > 1, "{policy}");
        let empty = builder(policy, arms(&[4, 3]), ages(400)).build().unwrap();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
        for _ in 0..60 {
            let decision = empty.select(SegmentId::new(399), &empty.arms().all(), &mut rng).unwrap();
            empty.reward(&decision, Reward::from(decision.arm().index() == 5)).unwrap();
        }
        shares(&empty, SegmentId::new(399));
        shares(&empty, FIRST);
    }
}

/// Amounts, from below nothing on; what comes late and is forgotten; outcomes in stages.
#[test]
fn no_panic_on_amounts_windows_and_stages() {
    let day = Duration::from_secs(86_400);
    for policy in POLICIES {
        let make = || builder(policy, arms(&[4, 3, 2]), ages(2));
        let kind = RewardKind::Real { minimum: -5.0, maximum: 20.0 };
        let amounts = make().reward(kind).build().unwrap();
        decided(&amounts, 300, 6, |arm| Reward::new(if arm == 7 { 20.0 } else { -5.0 + arm as f64 / 8.0 }));
        let found = shares(&amounts, FIRST);
        assert!(found[7] > 0.2, "{policy}: {found:?}");

        let window = Window::new(3 * day, day).unwrap();
        let rule = RewardRule::builder(-1.0, 1.0).weight(Stage::Opened, 0.5).penalty(Stage::OptedOut, 1.0);
        let late =
            make().window(window).pending(Pending::Corrected).forgetting(Forgetting::HalfLife(2 * day));
        for bandit in
            [late.build().unwrap(), make().window(window).stages(rule.build().unwrap()).build().unwrap()]
        {
            let staged = bandit.reward_rule().is_some();
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
            for today in 10..30_u64 {
                bandit.advance_to(Timestamp::from_millis(today * 86_400_000)).unwrap();
                for round in 0..30 {
                    let segment = SegmentId::new(round % 2);
                    let decision = bandit.select(segment, &bandit.arms().all(), &mut rng).unwrap();
                    let stage = if rng.random_bool(0.5) { Stage::Opened } else { Stage::OptedOut };
                    match staged {
                        true => bandit.observe(&decision, Outcome::new(stage)).unwrap(),
                        false if round % 3 > 0 => {
                            bandit.reward(&decision, Reward::from(rng.random_bool(0.2))).unwrap()
                        }
                        false => {}
                    }
                }
            }
            shares(&bandit, FIRST);
        }
    }
}

/// Before and after a restart, and in two processes that have told each other everything.
#[test]
fn reproducible_plans_after_restarts_and_in_all_processes() {
    for policy in POLICIES {
        let make = |replica: u16| {
            let builder = builder(policy, arms(&[4, 3, 2]), ages(2)).refresh(Refresh::Manual);
            builder.replica(replica).incarnation(1).replicated().build().unwrap()
        };
        let [one, other] = [make(1), make(2)];
        for (bandit, seed) in [(&one, 8), (&other, 9)] {
            decided(bandit, 600, seed, |arm| Reward::from(arm % 5 == 0));
        }
        let told = [&one, &other].map(|bandit| bandit.delta().unwrap());
        for delta in &told {
            one.merge(delta).unwrap();
            other.merge(delta).unwrap();
        }
        let stored: Snapshot =
            serde_json::from_str(&serde_json::to_string(&one.snapshot()).unwrap()).unwrap();
        let builder = builder(policy, arms(&[4, 3, 2]), ages(2)).refresh(Refresh::Manual);
        let mut again = builder.replica(1).incarnation(2).replicated().build().unwrap();
        again.restore(&stored).unwrap();
        for bandit in [&one, &other, &again] {
            bandit.refresh();
        }
        for segment in [0, 1].map(SegmentId::new) {
            assert_eq!(shares(&one, segment), shares(&other, segment), "{policy}");
            assert_eq!(shares(&one, segment), shares(&again, segment), "{policy}");
        }
        assert!(shares(&one, FIRST).iter().any(|share| *share > 0.1), "{policy}");
    }
}

/// Two threads that select, reward and so refresh: afterwards the plan is that of the counters, however they came about.
#[test]
fn order_free_plans_of_threads_that_refresh_meanwhile() {
    for policy in POLICIES {
        let make = |incarnation| {
            let builder = builder(policy, arms(&[4, 3, 2]), Segments::single()).cadence(Cadence::EVERY_EVENT);
            builder.incarnation(incarnation).build().unwrap()
        };
        let shared = make(1);
        std::thread::scope(|scope| {
            for seed in [10, 11] {
                let shared = &shared;
                scope.spawn(move || decided(shared, 400, seed, |arm| Reward::from(arm % 5 == 0)));
            }
        });
        let mut again = make(2);
        again.restore(&shared.snapshot()).unwrap();
        // What one thread left undone because the other was at it.
        shared.refresh();
        assert_eq!(shares(&shared, FIRST), shares(&again, FIRST), "{policy}");
    }
}
