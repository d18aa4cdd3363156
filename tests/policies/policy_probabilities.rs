//! Every policy gives probabilities that are some, whatever the counts.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use tactful::belief::Beta;
use tactful::policy::{
    BayesUcb, BurnIn, ConditionalValueAtRisk, Conservative, EpsilonGreedy, Family, Fixed, InverseGap, KlUcb,
    KlUcbPlusPlus, Maximin, Moss, OptimisticThompson, Policy, PooledThompson, SharpenedThompson, Softmax,
    Thompson, TopTwoThompson, Ucb1, Ucb1Tuned, UcbV, Uniform, View,
};
use tactful::{ArmId, ArmStatistics};

fn policies() -> Vec<Box<dyn Policy>> {
    let baseline = ArmId::new(0);
    vec![
        Box::new(Uniform),
        Box::new(Fixed::new(baseline)),
        Box::new(Thompson::default()),
        Box::new(OptimisticThompson::default()),
        Box::new(SharpenedThompson::default()),
        Box::new(SharpenedThompson::new(30.0).unwrap()),
        Box::new(PooledThompson::default()),
        Box::new(PooledThompson::trust_structure().draws(64)),
        Box::new(TopTwoThompson::default()),
        Box::new(Ucb1::default()),
        Box::new(Ucb1Tuned::default()),
        Box::new(UcbV::default()),
        Box::new(Moss::horizon(10_000)),
        Box::new(Moss::anytime()),
        Box::new(KlUcb::default()),
        Box::new(KlUcb::new(Family::Poisson { most: 3.0 }, 3.0).unwrap()),
        Box::new(KlUcb::new(Family::Gaussian { deviation: 0.5 }, 0.0).unwrap()),
        Box::new(KlUcbPlusPlus::horizon(10_000)),
        Box::new(KlUcbPlusPlus::anytime()),
        Box::new(BayesUcb::default()),
        Box::new(BayesUcb::new(5.0, 10_000).unwrap()),
        Box::new(EpsilonGreedy::default()),
        Box::new(EpsilonGreedy::decaying(5.0).unwrap()),
        Box::new(EpsilonGreedy::first(100)),
        Box::new(Softmax::default()),
        Box::new(Softmax::new(1e-300).unwrap()),
        Box::new(InverseGap::default()),
        Box::new(InverseGap::new(0.0).unwrap().floor(1.0).unwrap()),
        Box::new(BurnIn::new(Thompson::default(), 20)),
        Box::new(Conservative::new(KlUcb::default(), baseline, 0.1).unwrap()),
        Box::new(Maximin::default()),
        Box::new(Maximin::new(0.0).unwrap()),
        Box::new(ConditionalValueAtRisk::default()),
        Box::new(ConditionalValueAtRisk::new(0.0).unwrap()),
    ]
}

/// Asserts that the probabilities are some.
fn are_some(policy: &dyn Policy, statistics: &[ArmStatistics], prior: Beta) {
    let arms: Vec<ArmId> = (0..statistics.len() as u32).map(ArmId::new).collect();
    let posteriors: Vec<Beta> =
        statistics.iter().map(|arm| prior.updated(arm.sum(), arm.returned() as f64 - arm.sum())).collect();
    let view = View::new(&arms, &posteriors, statistics);
    let found = policy.probabilities(&view);
    let context = || format!("{}: {found:?} for {statistics:?}", policy.name());
    let valid = |share: f64| (0.0..=1.0 + 1e-12).contains(&share);
    assert!(valid(found.uniform) && found.contenders.iter().all(|&(_, share)| valid(share)), "{}", context());
    let sum = found.uniform + found.contenders.iter().map(|&(_, share)| share).sum::<f64>();
    assert!((sum - 1.0).abs() < 1e-9, "the sum is {sum}, {}", context());
    let ascending = found.contenders.windows(2).all(|pair| pair[0].0 < pair[1].0);
    assert!(ascending && found.contenders.iter().all(|&(k, _)| (k as usize) < arms.len()), "{}", context());
    assert_eq!(found, policy.probabilities(&view), "the same view, the same probabilities");
    if let Some(index) = policy.as_index() {
        let clock = index.clock(view.selections(), view.len());
        assert!(statistics.iter().all(|&arm| !index.value(arm, clock).is_nan()), "{}", context());
    }
}

fn priors() -> [Beta; 3] {
    [Beta::UNIFORM, Beta::JEFFREYS, Beta::new(Beta::MIN_SHAPE, Beta::MIN_SHAPE).unwrap()]
}

#[test]
fn at_random_counts() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    for policy in policies() {
        for round in 0..400 {
            let size = [0, 1, 3, 100, 100_000, ArmStatistics::MAX_COUNT][rng.random_range(0..6)];
            let arms = rng.random_range(1..20);
            let statistics: Vec<ArmStatistics> = (0..arms)
                .map(|_| {
                    let issued = rng.random_range(0..=size);
                    let returned = rng.random_range(0..=issued);
                    let successes = rng.random_range(0..=returned);
                    ArmStatistics::binary(issued, successes, returned - successes).unwrap()
                })
                .collect();
            are_some(policy.as_ref(), &statistics, priors()[round % 3]);
        }
    }
}

#[test]
fn at_the_limits() {
    let most = ArmStatistics::MAX_COUNT;
    let arm = |issued, successes, failures| ArmStatistics::binary(issued, successes, failures).unwrap();
    let none = ArmStatistics::default();
    let sets: Vec<Vec<ArmStatistics>> = vec![
        vec![none],
        vec![arm(1, 1, 0)],
        vec![arm(most, most, 0)],
        vec![none; 1_000],
        vec![arm(most, 0, most); 3],
        vec![arm(most, most, 0); 3],
        vec![arm(most, most, 0), arm(most, 0, most), none],
        vec![arm(most, most - 1, 1), arm(most, most, 0)],
        vec![arm(most, 0, 0), arm(1, 0, 0)],
        vec![arm(10, 0, 10), arm(20, 0, 20), arm(1, 0, 1)],
        vec![arm(10, 10, 0), arm(20, 20, 0), arm(1, 1, 0)],
        vec![arm(most, most / 2, most / 2), arm(1, 1, 0), arm(1, 0, 1)],
    ];
    for policy in policies() {
        for statistics in &sets {
            priors().into_iter().for_each(|prior| are_some(policy.as_ref(), statistics, prior));
        }
    }
}

#[test]
fn untried_arms_come_first_and_ties_are_even() {
    let arm = |issued, successes| ArmStatistics::binary(issued, successes, issued - successes).unwrap();
    let arms = [0, 1, 2, 3].map(ArmId::new);
    let certain: [Box<dyn Policy>; 10] = [
        Box::new(Ucb1::default()),
        Box::new(Ucb1Tuned::default()),
        Box::new(UcbV::default()),
        Box::new(Moss::horizon(100)),
        Box::new(Moss::anytime()),
        Box::new(KlUcb::default()),
        Box::new(KlUcbPlusPlus::horizon(100)),
        Box::new(BayesUcb::default()),
        Box::new(Maximin::default()),
        Box::new(ConditionalValueAtRisk::default()),
    ];
    for policy in certain {
        for (statistics, expected) in [
            ([arm(9, 9), arm(0, 0), arm(5, 5), arm(0, 0)], vec![(1, 0.5), (3, 0.5)]),
            ([arm(9, 1), arm(9, 8), arm(9, 0), arm(9, 8)], vec![(1, 0.5), (3, 0.5)]),
        ] {
            let posteriors =
                statistics.map(|arm| Beta::UNIFORM.updated(arm.sum(), arm.returned() as f64 - arm.sum()));
            let found = policy.probabilities(&View::new(&arms, &posteriors, &statistics));
            assert_eq!(found.contenders, expected, "{}", policy.name());
        }
    }
}
