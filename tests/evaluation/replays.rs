//! Replays of bandits that learn, against the same bandits live.

use rand::SeedableRng;
use tactful::evaluation::{Log, Rejection, Round, replay, self_normalised};
use tactful::policy::{EpsilonGreedy, Fixed, Policy, Thompson, Ucb1, Uniform};
use tactful::{ArmId, Bandit, RewardKind, SegmentId, Segments};

use crate::world::{
    Generator, UNIFORM_WORLD, WORLD, World, arms, close, draw, round, segments, summary, unit,
};

pub(crate) fn bandit(policy: &str) -> Bandit {
    let policy: Box<dyn Policy> = match policy {
        "thompson" => Box::new(Thompson::default()),
        "ucb1" => Box::new(Ucb1::default()),
        _ => Box::new(EpsilonGreedy::default()),
    };
    Bandit::builder(arms(4), segments(2)).boxed_policy(policy).incarnation(1).build().unwrap()
}

/// Statistic: mean reward by replay over 200 logs against mean reward of 400 live runs of as many rounds as were
/// kept, in combined standard errors; within 4: a false alarm in 16,000 for each of the cases.
fn replay_agrees_with_live(world: &World, declare: bool, rejection: Rejection, slack: f64) {
    for (number, policy) in ["thompson", "ucb1", "epsilon-greedy"].into_iter().enumerate() {
        let mut rng = Generator::seed_from_u64(300 + number as u64);
        let mut replayed = Vec::new();
        let mut live = Vec::new();
        for _ in 0..200 {
            let log = world.log(4000, &mut rng);
            let log = if declare { log.declare_uniform().unwrap() } else { log };
            let estimate = replay(&bandit(policy), &log, rejection, &mut rng).unwrap();
            assert_eq!(estimate.rounds, 4000);
            replayed.push(estimate.value);
            for _ in 0..2 {
                live.push(world.live(&bandit(policy), estimate.used, &mut rng));
            }
        }
        let ((replayed, error), (live, live_error)) = (summary(&replayed), summary(&live));
        let distance = (replayed - live).abs();
        assert!(
            distance < 4.0 * error.hypot(live_error) + slack,
            "{policy}: {replayed} ± {error} by replay, {live} ± {live_error} live"
        );
    }
}

#[test]
fn replay_of_a_uniform_log_agrees_with_a_live_run() {
    replay_agrees_with_live(&UNIFORM_WORLD, true, Rejection::default(), 0.0);
}

#[test]
fn exact_replay_of_known_propensities_agrees_with_a_live_run() {
    replay_agrees_with_live(&WORLD, false, Rejection::exact(), 0.0);
}

/// The history of an adaptive replay is allowed to differ by 5 % in total variation; its effect on the mean reward
/// is bounded here by 5 % of the distance between the best and the uniform policy, about 0.15.
#[test]
fn adaptive_replay_of_known_propensities_agrees_with_a_live_run() {
    replay_agrees_with_live(&WORLD, false, Rejection::default(), 0.0075);
}

#[test]
fn adaptive_replay_keeps_more_where_propensities_are_tiny() {
    // An adaptive log: a leader with 99 %, and exploration of 1 % over 100 arms.
    let mut rng = Generator::seed_from_u64(8);
    let mut shares = vec![0.0001; 100];
    shares[7] = 0.9901;
    let rows: Vec<Round> = (0..20_000)
        .map(|_| {
            let arm = draw(&shares, &mut rng);
            round(0, arm, shares[arm as usize], f64::from(u8::from(unit(&mut rng) < 0.1)))
        })
        .collect();
    let log = Log::new(arms(100), Segments::single(), RewardKind::Binary, rows).unwrap();
    // A policy that agrees with the log loses nothing by rejection: exact keeps two rounds or so.
    let held =
        || Bandit::builder(arms(100), Segments::single()).policy(Fixed::new(ArmId::new(7))).build().unwrap();
    let exact = replay(&held(), &log, Rejection::exact(), &mut rng);
    let exact = exact.map_or(0, |estimate| estimate.used);
    let adaptive = replay(&held(), &log, Rejection::default(), &mut rng).unwrap();
    assert!(exact < 20, "{exact}");
    assert!(adaptive.used > 18_000, "{}", adaptive.used);
}

/// A policy that does not learn has a known value whatever its history: what is cut off must count for more. The log
/// sends arm 1, the only one that pays, in a tenth of its rounds; the policy does so in three quarters. Within 4.5
/// standard errors; without the weights the value would be 0.29.
#[test]
fn what_an_adaptive_replay_cuts_off_counts_for_more() {
    let mut rng = Generator::seed_from_u64(15);
    let shares = [0.9, 0.1];
    let rows: Vec<Round> = (0..20_000)
        .map(|_| {
            let arm = draw(&shares, &mut rng);
            round(0, arm, shares[arm as usize], f64::from(arm))
        })
        .collect();
    let log = Log::new(arms(2), Segments::single(), RewardKind::Binary, rows).unwrap();
    let steady =
        Bandit::builder(arms(2), Segments::single()).policy(Fixed::new(ArmId::new(1))).exploration(0.5);
    let estimate =
        replay(&steady.build().unwrap(), &log, Rejection::adaptive(0.8).unwrap(), &mut rng).unwrap();
    close(estimate.largest_weight, 7.5, 1e-9);
    close(estimate.value, 0.75, 4.5 * estimate.standard_error);
    assert!(estimate.standard_error < 0.02, "{}", estimate.standard_error);
}

#[test]
fn a_uniform_log_keeps_each_round_with_the_policys_probability() {
    // π = 1/4 throughout. Binomial(40,000, 1/4): standard deviation 87; within 4.5 of it, a false alarm in 100,000.
    let mut rng = Generator::seed_from_u64(12);
    let log = UNIFORM_WORLD.log(40_000, &mut rng).declare_uniform().unwrap();
    let even = Bandit::builder(arms(4), segments(2)).policy(Uniform).build().unwrap();
    let estimate = replay(&even, &log, Rejection::default(), &mut rng).unwrap();
    assert!(estimate.used.abs_diff(10_000) < 390, "{}", estimate.used);
    close(estimate.effective_sample_size, estimate.used as f64, 1e-6);
    let issued: u64 =
        log.arms().iter().map(|arm| even.statistics(SegmentId::new(0), arm.id()).issued()).sum();
    let other: u64 = log.arms().iter().map(|arm| even.statistics(SegmentId::new(1), arm.id()).issued()).sum();
    assert_eq!((issued + other) as usize, estimate.used);
}

/// Where the number of eligible arms changes from round to round, every customer must be kept alike: the share of
/// the small sets among the rounds kept is their share in the log. Binomial, within 4.5 standard deviations.
#[test]
fn restricted_rounds_are_kept_as_often_as_others() {
    let space = arms(4);
    let pair = space.subset([ArmId::new(0), ArmId::new(3)]).unwrap();
    let mut rng = Generator::seed_from_u64(13);
    let rows: Vec<Round> = (0..40_000)
        .map(|number| {
            let restricted = number % 2 == 0;
            let arm =
                if restricted { draw(&[0.5, 0.0, 0.0, 0.5], &mut rng) } else { draw(&[0.25; 4], &mut rng) };
            let eligible = restricted.then(|| pair.clone());
            // Restricted customers pay, the others do not: the value is the share of the former.
            Round {
                eligible,
                ..round(0, arm, if restricted { 0.5 } else { 0.25 }, f64::from(u8::from(restricted)))
            }
        })
        .collect();
    let log =
        Log::new(space, Segments::single(), RewardKind::Binary, rows).unwrap().declare_uniform().unwrap();
    let even = Bandit::builder(arms(4), Segments::single()).policy(Uniform).build().unwrap();
    let estimate = replay(&even, &log, Rejection::default(), &mut rng).unwrap();
    close(estimate.value, 0.5, 4.5 * 0.5 / (estimate.used as f64).sqrt());
    // A fixed arm outside the set is replaced by the set, alike.
    let absent = self_normalised(&log, &Fixed::new(ArmId::new(1))).unwrap();
    assert!(absent.used > 20_000);
}

#[test]
fn replays_are_reproducible() {
    let mut rng = Generator::seed_from_u64(14);
    let log = WORLD.log(3000, &mut rng);
    let run =
        |seed| replay(&bandit("thompson"), &log, Rejection::default(), &mut Generator::seed_from_u64(seed));
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}
