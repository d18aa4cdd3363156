//! The per-thread handle: the same decisions as `Bandit::select`, never from an old plan, numbers never twice.

use std::collections::HashSet;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, RngExt, SeedableRng};
use tactful::policy::{EpsilonGreedy, Policy, Thompson, Ucb1};
use tactful::{ArmId, ArmSpace, Bandit, Eligibility, Reward, SegmentId, Segments};

fn bandit(policy: Box<dyn Policy>) -> Bandit {
    let arms = ArmSpace::builder().dimension("arm", (0..40).map(|arm| arm.to_string())).build().unwrap();
    let segments = Segments::builder().attribute("a", ["0", "1", "2"]).build().unwrap();
    Bandit::builder(arms, segments).boxed_policy(policy).incarnation(1).build().unwrap()
}

fn policies() -> [Box<dyn Policy>; 3] {
    [Box::new(Thompson::default()), Box::new(Ucb1::default()), Box::new(EpsilonGreedy::default())]
}

/// More sets than a segment keeps plans for.
fn sets(bandit: &Bandit) -> Vec<Eligibility> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
    let random = (0..40).map(|_| bandit.arms().eligible(|_| rng.random_bool(0.5)));
    random.filter(|set| !set.is_empty()).collect()
}

/// Requests with rewards in between; each decision as (arm, bits of the propensity).
fn play(
    bandit: &Bandit,
    mut select: impl FnMut(SegmentId, &Eligibility) -> tactful::Decision,
) -> Vec<(ArmId, u64)> {
    let sets = sets(bandit);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(4);
    let mut ids = HashSet::new();
    (0..3_000)
        .map(|_| {
            let segment = SegmentId::new(rng.random_range(0..3));
            // Two sets for most customers, many for the rest.
            let set = &sets
                [if rng.random_bool(0.8) { rng.random_range(0..2) } else { rng.random_range(0..sets.len()) }];
            let decision = select(segment, set);
            assert!(set.contains(decision.arm()));
            assert!(ids.insert(decision.id()), "a number twice");
            let rate = 0.02 * (decision.arm().index() % 10) as f64;
            bandit.reward(&decision, Reward::from(rng.random_bool(rate))).unwrap();
            (decision.arm(), decision.propensity().to_bits())
        })
        .collect()
}

#[test]
fn reproducible_by_select_handle_and_batch() {
    for number in 0..3 {
        let policy = || policies().into_iter().nth(number).unwrap();
        let rng = || Xoshiro256PlusPlus::seed_from_u64(5);

        let plain = bandit(policy());
        let mut own = rng();
        let expected = play(&plain, |segment, set| plain.select(segment, set, &mut own).unwrap());

        let handled = bandit(policy());
        let mut selector = handled.selector(rng());
        assert_eq!(play(&handled, |segment, set| selector.select(segment, set).unwrap()), expected);

        let batched = bandit(policy());
        let mut selector = batched.selector(rng());
        let mut decisions = Vec::new();
        let by_batch = play(&batched, |segment, set| {
            selector.select_many([(segment, set)], &mut decisions).unwrap();
            decisions.pop().unwrap()
        });
        assert_eq!(by_batch, expected);
    }
}

#[test]
fn a_batch_stops_at_the_first_request_that_fails() {
    let bandit = bandit(Box::new(Thompson::default()));
    let (all, none) = (bandit.arms().all(), bandit.arms().eligible(|_| false));
    let mut selector = bandit.selector(Xoshiro256PlusPlus::seed_from_u64(6));
    let mut decisions = Vec::new();
    let segment = SegmentId::new(0);
    let requests = [(segment, &all), (segment, &all), (segment, &none), (segment, &all)];
    assert!(selector.select_many(requests, &mut decisions).is_err());
    assert_eq!(decisions.len(), 2);
    assert!(selector.select(SegmentId::new(3), &all).is_err());
}

#[test]
fn a_refresh_by_anybody_reaches_every_handle() {
    let bandit = bandit(Box::new(Thompson::default()));
    let all = bandit.arms().all();
    let segment = SegmentId::new(1);
    let mut handles = [7, 8].map(|seed| bandit.selector(Xoshiro256PlusPlus::seed_from_u64(seed)));
    for _ in 0..2_000 {
        let decision = handles[0].select(segment, &all).unwrap();
        bandit.reward(&decision, Reward::from(decision.arm() == ArmId::new(7))).unwrap();
        let decision = handles[1].select(segment, &all).unwrap();
        let plan = bandit.plan(segment, &all).unwrap();
        assert_eq!(decision.propensity().to_bits(), plan.propensity(decision.arm()).to_bits());
    }
    let [used, _] = handles.each_ref().map(tactful::Selector::cache_use);
    assert!(used.hits > used.misses && used.misses > 10, "{used:?}");
}

#[test]
fn exactly_once_for_every_decision_of_two_threads_with_handles() {
    let bandit = bandit(Box::new(Thompson::default()));
    let all = bandit.arms().all();
    let decide = |seed| {
        let mut selector = bandit.selector(Xoshiro256PlusPlus::seed_from_u64(seed));
        (0..20_000).map(|_| selector.select(SegmentId::new(2), &all).unwrap()).collect::<Vec<_>>()
    };
    let decisions = std::thread::scope(|scope| {
        let other = scope.spawn(|| decide(1));
        let mut decisions = decide(2);
        decisions.extend(other.join().unwrap());
        decisions
    });
    let ids: HashSet<_> = decisions.iter().map(tactful::Decision::id).collect();
    assert_eq!(ids.len(), 40_000);
    for decision in &decisions {
        bandit.reward(decision, Reward::FAILURE).unwrap();
        assert!(bandit.reward(decision, Reward::FAILURE).is_err());
    }
    let count = |arm: ArmId| bandit.statistics(SegmentId::new(2), arm);
    assert_eq!(all.iter().map(|arm| count(arm).issued()).sum::<u64>(), 40_000);
    assert_eq!(all.iter().map(|arm| count(arm).returned()).sum::<u64>(), 40_000);
}

#[test]
fn any_generator_will_do() {
    let bandit = bandit(Box::new(Thompson::default()));
    let all = bandit.arms().all();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(9);
    let mut selector = bandit.selector(&mut rng);
    selector.select(SegmentId::new(0), &all).unwrap();
    rng.next_u64();
}

#[test]
fn reproducible_by_a_draw_from_the_plan() {
    for policy in policies() {
        let bandit = bandit(policy);
        let (mut select, mut draw) =
            (Xoshiro256PlusPlus::seed_from_u64(6), Xoshiro256PlusPlus::seed_from_u64(6));
        let drawn = play(&bandit, |segment, set| {
            let (arm, propensity) = bandit.plan(segment, set).unwrap().draw(&mut draw);
            let decision = bandit.select(segment, set, &mut select).unwrap();
            assert_eq!((arm, propensity.to_bits()), (decision.arm(), decision.propensity().to_bits()));
            decision
        });
        // Only what was selected has been counted.
        let issued = |segment| (0..40).map(move |arm| (SegmentId::new(segment), ArmId::new(arm)));
        let issued = (0..3).flat_map(issued).map(|(segment, arm)| bandit.statistics(segment, arm).issued());
        assert_eq!(issued.sum::<u64>(), drawn.len() as u64);
    }
}

#[test]
fn handles_side_by_side_share_no_cache_line() {
    let bandit = bandit(Box::new(Thompson::default()));
    let handles: Vec<_> =
        (0..3).map(|seed| bandit.selector(Xoshiro256PlusPlus::seed_from_u64(seed))).collect();
    for handle in &handles {
        assert_eq!(std::ptr::from_ref(handle).addr() % 128, 0);
        assert_eq!(size_of_val(handle) % 128, 0);
    }
}
