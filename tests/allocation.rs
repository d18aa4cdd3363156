//! The hot paths allocate nothing between pages.

use allocation_counter::measure;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use tactful::policy::{LinUcb, Policy, Thompson, Ucb1};
use tactful::{ArmSpace, Bandit, Features, Refresh, Reward, RewardKind, SegmentId, Segments};

#[test]
fn neither_selecting_nor_rewarding_allocates_between_pages() {
    let real = RewardKind::Real { minimum: 0.0, maximum: 9.0 };
    let thompson = || -> Box<dyn Policy> { Box::new(Thompson::default()) };
    let ucb1 = || -> Box<dyn Policy> { Box::new(Ucb1::default()) };
    for (reward, policy) in
        [(RewardKind::Binary, thompson()), (real, thompson()), (RewardKind::Binary, ucb1())]
    {
        let arms = ArmSpace::builder().dimension("arm", (0..300).map(|arm| arm.to_string())).build().unwrap();
        let segments = Segments::builder().attribute("a", ["0", "1", "2"]).build().unwrap();
        // By hand, because a refresh makes a new plan, which takes memory.
        let bandit = Bandit::builder(arms, segments)
            .reward(reward)
            .boxed_policy(policy)
            .refresh(Refresh::Manual)
            .incarnation(1)
            .build()
            .unwrap();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let sets = [bandit.arms().all(), bandit.arms().eligible(|arm| arm.id().index() % 3 > 0)];
        let mut selector = bandit.selector(Xoshiro256PlusPlus::seed_from_u64(2));

        // Touch every page: all cells, the first claims, a plan for each segment and set.
        let mut decisions = Vec::new();
        for request in 0..20_000 {
            let (segment, set) = (SegmentId::new(request % 3), &sets[(request / 3 % 2) as usize]);
            decisions.push(bandit.select(segment, set, &mut rng).unwrap());
            decisions.push(selector.select(segment, set).unwrap());
        }
        for decision in decisions.drain(..) {
            bandit.reward(&decision, Reward::from(rng.random_bool(0.5))).unwrap();
        }

        let counted = measure(|| {
            for request in 0..5_000 {
                let (segment, set) = (SegmentId::new(request % 3), &sets[(request / 3 % 2) as usize]);
                let decision = bandit.select(segment, set, &mut rng).unwrap();
                bandit.reward(&decision, Reward::SUCCESS).unwrap();
                let decision = selector.select(segment, set).unwrap();
                bandit.reward(&decision, Reward::FAILURE).unwrap();
                std::hint::black_box(decision.token());
            }
        });
        // 65,536 claims fit two pages of 32,768; the numbers used lie in the first two.
        assert_eq!(counted.count_total, 0, "{counted:?}");

        // The instrument bites: a plan that is computed takes memory.
        assert!(measure(|| assert!(bandit.refresh() > 0)).count_total > 0);
    }
}

#[test]
fn selecting_with_features_allocates_nothing() {
    let arms = ArmSpace::builder().dimension("arm", (0..30).map(|arm| arm.to_string())).build().unwrap();
    let features = Features::builder().feature("x", 0.0..=1.0).feature("y", 0.0..=1.0).build().unwrap();
    let bandit = Bandit::builder(arms, Segments::single()).features(features).policy(LinUcb::default());
    let bandit = bandit.refresh(Refresh::Manual).incarnation(1).build().unwrap();
    let sets = [bandit.arms().all(), bandit.arms().eligible(|arm| arm.id().index() % 3 > 0)];
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut selector = bandit.selector(Xoshiro256PlusPlus::seed_from_u64(2));
    let mut round = |bandit: &Bandit, request: usize| {
        let (set, x) = (&sets[request % 2], [rng.random(), rng.random()]);
        let decision = selector.select_with(SegmentId::new(0), set, &x).unwrap();
        bandit.reward(&decision, Reward::from(request.is_multiple_of(5))).unwrap();
        std::hint::black_box(decision.token());
    };
    // All arms alike at first, then those that were not drawn; a plan for several leaders takes memory.
    for request in 0..3_000 {
        round(&bandit, request);
        bandit.refresh();
    }
    let counted = measure(|| (0..2_000).for_each(|request| round(&bandit, request)));
    assert_eq!(counted.count_total, 0, "{counted:?}");
    assert!(measure(|| assert!(bandit.refresh() > 0)).count_total > 0);
}

#[test]
fn combining_sets_into_a_buffer_allocates_nothing() {
    let arms = ArmSpace::builder().dimension("arm", (0..300).map(|arm| arm.to_string())).build().unwrap();
    let every = |step: usize| arms.eligible(|arm| arm.id().index() % step == 0);
    let (even, third, fifth) = (every(2), every(3), every(5));
    let mut buffer = arms.eligible(|_| false);
    let counted = measure(|| {
        buffer.clone_from(&even);
        buffer &= &third;
        buffer |= &fifth;
        buffer -= &even;
    });
    assert_eq!(counted.count_total, 0, "{counted:?}");
    assert_eq!(buffer, &fifth - &even);
    // The instrument bites: a set that is shared is copied before it is changed.
    let mut shared = even.clone();
    assert!(measure(|| shared &= &third).count_total > 0);
}
