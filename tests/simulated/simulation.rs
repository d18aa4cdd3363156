//! Simulated worlds: their truth is what they say it is, and what learns in them is what learns in production.

use rand::SeedableRng;
use tactful::belief::{Beta, Tried, WarmStart};
use tactful::policy::{Observes, Policy, Thompson, named};
use tactful::simulation::{
    BernoulliArms, ChangingArms, Collections, CountedTests, Delayed, DriftingArms, Effects, Experiment,
    FactorWorld, Generator, MeansError, RandomBernoulli, World,
};
use tactful::{ArmId, ArmSpace, Bandit, Cadence, Reward, SegmentId, Segments};

/// The regret of a bandit in a life of the world, decision by decision, as the experiment adds it up.
fn of_a_bandit(
    world: &dyn World,
    policy: Box<dyn Policy>,
    cadence: Cadence,
    (horizon, seed): (u64, u64),
    start: Option<WarmStart>,
) -> Vec<f64> {
    let mut rng = Generator::seed_from_u64(seed);
    let mut life = world.begin(&mut rng);
    let builder = Bandit::builder(world.arms().clone(), world.segments().clone())
        .reward(world.reward_kind())
        .boxed_policy(policy)
        .prior(Beta::UNIFORM)
        .exploration(0.01)
        .cadence(cadence)
        .incarnation(1);
    let builder = match start {
        Some(start) => builder.warm_start(start),
        None => builder,
    };
    let bandit = builder.build().unwrap();
    let mut regret = 0.0;
    let path = (0..horizon).map(|_| {
        let request = life.next(&mut rng);
        let decision = bandit.select(request.segment, &world.sets()[request.eligible], &mut rng).unwrap();
        regret += life.best() - life.mean(decision.arm());
        bandit.reward(&decision, life.respond(decision.arm(), &mut rng).reward).unwrap();
        regret
    });
    path.collect()
}

#[test]
fn a_simulated_learner_makes_the_decisions_of_a_bandit() {
    let rare = BernoulliArms::new(vec![0.1, 0.05, 0.02, 0.02]).unwrap();
    let arms = ArmSpace::builder()
        .dimension("template", ["a", "b", "c"])
        .dimension("tone", ["x", "y"])
        .build()
        .unwrap();
    let segments = Segments::builder().attribute("stage", ["early", "late"]).build().unwrap();
    let effects =
        Effects { mean: -2.0, main: 0.4, pair: 0.2, residual: 0.1, customers: 0.0, taste: 0.0, segment: 0.3 };
    let factors = FactorWorld::new(arms, segments, effects);
    let tests: Vec<Vec<(u64, u64)>> = vec![vec![(10, 100), (20, 100)], vec![(5, 100), (9, 100), (40, 200)]];
    let counted = CountedTests::new(&tests).unwrap();
    let worlds: [&dyn World; 3] = [&rare, &factors, &counted];
    let every = Cadence::EVERY_EVENT;
    for (world, seed) in worlds.into_iter().zip(5..) {
        for policy in
            ["thompson", "ucb1", "kl-ucb", "moss", "epsilon-greedy", "softmax", "tsallis-inf", "uniform"]
        {
            for cadence in [every, Cadence::default(), Cadence::every(7)] {
                let horizon = 1_500;
                let policy = || named(policy, horizon).unwrap();
                // A bandit makes a plan that a selection has made due before the outcome, the simulation after it.
                if policy().observes() == Observes::Selections && cadence != every {
                    continue;
                }
                // A bandit numbers decisions through all segments, the simulation in each.
                if policy().importance(1).is_some() && world.segments().len() > 1 {
                    continue;
                }
                let experiment = Experiment::new(world, horizon).cadence(cadence).exploration(0.01);
                let curve = experiment.checkpoints(1..horizon).run(&*policy(), 1, seed);
                let simulated: Vec<f64> = curve.regret.iter().map(|regret| regret.mean).collect();
                let produced = of_a_bandit(world, policy(), cadence, (horizon, seed), None);
                let differs = simulated.iter().zip(&produced).position(|(a, b)| a.to_bits() != b.to_bits());
                assert_eq!(differs, None, "{}, {cadence:?}, seed {seed}", policy().name());
            }
        }
    }
}

/// The same from what was learnt elsewhere, by policies that go by beliefs and by policies that pool results.
#[test]
fn a_simulated_learner_starts_as_a_bandit_does() {
    let arms = ArmSpace::builder().dimension("template", ["a", "b", "c"]).dimension("tone", ["x", "y"]);
    let arms = arms.build().unwrap();
    // One segment: a bandit makes the plan that an outcome has made due at once, the simulation when the segment is next asked.
    let segments = Segments::single();
    let effects =
        Effects { mean: -2.0, main: 0.4, pair: 0.2, residual: 0.1, customers: 0.0, taste: 0.0, segment: 0.0 };
    let told = |arm| Tried { arm: ArmId::new(arm), trials: 400.0, earned: f64::from(20 + 7 * arm) };
    let results = vec![(SegmentId::new(0), [0, 2, 3, 5].map(told).to_vec())];
    let start = WarmStart::new((&arms, &segments), &results, 0.5, (&arms, &segments)).unwrap();
    let world = FactorWorld::new(arms, segments, effects);
    for policy in ["thompson", "pooled-thompson(draws=16)", "pooled-segments(thompson)"] {
        let (horizon, cadence) = (200, Cadence::default());
        let experiment = Experiment::new(&world, horizon).cadence(cadence).exploration(0.01);
        let experiment = experiment.checkpoints(1..horizon);
        let policy = || named(policy, horizon).unwrap();
        let regret = |experiment: &Experiment<'_>| -> Vec<u64> {
            let curve = experiment.run(&*policy(), 1, 8);
            curve.regret.iter().map(|regret| regret.mean.to_bits()).collect()
        };
        let warm = experiment.clone().warm_start(start.clone());
        let produced = of_a_bandit(&world, policy(), cadence, (horizon, 8), Some(start.clone()));
        let produced: Vec<u64> = produced.iter().map(|regret| regret.to_bits()).collect();
        assert_eq!(regret(&warm), produced, "{}", policy().name());
        assert_ne!(regret(&experiment), produced, "{}", policy().name());
        assert_eq!(regret(&experiment), regret(&warm.prior(Beta::UNIFORM)), "{}", policy().name());
    }
}

/// The share of successes of each arm is its mean: z below 4.5 each, a false alarm in 150,000 were the seeds fresh.
#[test]
fn worlds_pay_what_they_say() {
    let arms =
        ArmSpace::builder().dimension("template", ["a", "b"]).dimension("tone", ["x", "y"]).build().unwrap();
    let effects = Effects::split(-2.0, 0.5, 2, 0.7, 0.2);
    let base = BernoulliArms::new(vec![0.3, 0.7]).unwrap();
    let worlds: [Box<dyn World + '_>; 7] = [
        Box::new(RandomBernoulli::new(3, Beta::new(2.0, 5.0).unwrap()).unwrap()),
        Box::new(ChangingArms::new(vec![(500, vec![0.2, 0.9]), (1, vec![0.6, 0.1])]).unwrap()),
        Box::new(DriftingArms::new(&[0.2, 0.5], 1.0).unwrap()),
        Box::new(Delayed::new(&base, 10.0, 1.0)),
        Box::new(FactorWorld::new(arms, Segments::single(), effects)),
        Box::new(CountedTests::new(&[vec![(10, 100), (30, 100)]]).unwrap()),
        Box::new(Collections::new(300)),
    ];
    for world in worlds {
        let mut rng = Generator::seed_from_u64(11);
        let mut life = world.begin(&mut rng);
        let (mut paid, mut expected, mut variance) = (0.0, 0.0, 0.0);
        for round in 0..20_000 {
            let request = life.next(&mut rng);
            let set = &world.sets()[request.eligible];
            assert!(request.segment.index() < world.segments().len() && !set.is_empty());
            let arm = set.iter().nth(round % set.len()).unwrap();
            let mean = life.mean(arm);
            assert!((0.0..=1.0).contains(&mean) && mean <= life.best());
            expected += mean;
            variance += mean * (1.0 - mean);
            paid += f64::from(u8::from(life.respond(arm, &mut rng).reward == Reward::SUCCESS));
        }
        let z = (paid - expected) / f64::sqrt(variance);
        assert!(z.abs() < 4.5, "{world:?}: {paid} paid, {expected} expected");
    }
}

#[test]
fn worlds_that_cannot_be_say_why() {
    let most = usize::MAX;
    assert_eq!(RandomBernoulli::new(most, Beta::UNIFORM).unwrap_err(), MeansError::Arms { arms: most });
    let uneven = ChangingArms::new(vec![(5, vec![0.1, 0.2]), (1, vec![0.1])]);
    assert_eq!(uneven.unwrap_err(), MeansError::Count { means: 1, arms: 2 });
    let certain = DriftingArms::new(&[0.5, 1.0], 1.0).unwrap_err();
    assert_eq!(certain, MeansError::Edge { arm: 1, mean: 1.0 });
    assert!(certain.to_string().contains("(0, 1)"));
    assert_eq!(CountedTests::new(&[]).unwrap_err(), MeansError::Arms { arms: 0 });
}

/// A set for each number of arms that some test has: not one for each number up to the largest.
#[test]
fn counted_tests_hold_the_sets_they_use() {
    let many = vec![(1, 20); 50_000];
    let world = CountedTests::new(&[many, vec![(3, 9), (1, 9)], vec![(2, 9), (4, 9)]]).unwrap();
    assert_eq!(world.sets().iter().map(|set| set.len()).collect::<Vec<_>>(), [2, 50_000]);
    for seed in 0..20 {
        let mut rng = Generator::seed_from_u64(seed);
        let mut life = world.begin(&mut rng);
        let set = &world.sets()[life.next(&mut rng).eligible];
        let best = set.iter().map(|arm| life.mean(arm)).fold(0.0, f64::max);
        assert_eq!(best.to_bits(), life.best().to_bits());
    }
}

#[test]
fn reproducible_runs_do_not_depend_on_each_other() {
    let world = Collections::new(200);
    let experiment = Experiment::new(&world, 2_000).cadence(Cadence::default());
    let curve = |runs, seed| experiment.run(&Thompson::default(), runs, seed);
    assert_eq!(curve(3, 4), curve(3, 4));
    let singly: Vec<f64> = (4..7).map(|seed| curve(1, seed).regret.last().unwrap().mean).collect();
    let together = curve(3, 4).regret.last().unwrap().mean;
    assert!((together - singly.iter().sum::<f64>() / 3.0).abs() < 1e-9);
}

/// Nothing that is not yet known is learnt: with all outcomes told after the horizon a learner draws at random.
#[test]
fn what_is_told_late_is_learnt_late() {
    let world = BernoulliArms::new(vec![0.9, 0.1]).unwrap();
    let regret =
        |experiment: Experiment<'_>| experiment.run(&Thompson::default(), 40, 1).regret.last().unwrap().mean;
    let experiment = || Experiment::new(&world, 1_000);
    let (at_once, never) = (regret(experiment()), regret(experiment().delay(1_000)));
    assert!((never - 400.0).abs() < 20.0, "half of all decisions lose 0.8: {never}");
    let (delayed, batched) = (regret(experiment().delay(100)), regret(experiment().batch(200)));
    assert!(at_once < 10.0 && (35.0..60.0).contains(&delayed), "{at_once}, {delayed}");
    assert!((75.0..100.0).contains(&batched), "{batched}");
    let slow = Delayed::new(&world, 100.0, 1.0);
    let slowly = Experiment::new(&slow, 1_000).run(&Thompson::default(), 40, 1).regret.last().unwrap().mean;
    assert!(at_once < slowly && slowly < delayed, "some outcomes come early: {slowly}");
}

#[test]
fn checkpoints_are_those_asked_for_and_the_horizon() {
    let world = BernoulliArms::new(vec![0.9, 0.1]).unwrap();
    let curve = Experiment::new(&world, 300).checkpoints([7, 1_000, 0, 7, 3]).run(&Thompson::default(), 2, 1);
    assert_eq!(curve.checkpoints, [3, 7, 300]);
    assert_eq!((curve.regret.len(), curve.best_arm_share.len(), curve.reward.len()), (3, 3, 3));
    let default = Experiment::new(&world, 60).run(&Thompson::default(), 2, 1).checkpoints;
    assert_eq!(default, [1, 2, 5, 10, 20, 50, 60]);
}

/// What a policy that weights outcomes has learnt is in no snapshot and no journal: that is said, not lost.
#[test]
fn weighted_sums_are_kept_where_they_can_be() {
    use tactful::bandit::BuildError;
    use tactful::snapshot::RestoreError;
    use tactful::time::Window;

    let world = BernoulliArms::new(vec![0.1, 0.2]).unwrap();
    let builder = || {
        Bandit::builder(world.arms().clone(), Segments::single())
            .boxed_policy(named("tsallis-inf", 1).unwrap())
    };
    let refused = |error| matches!(error, Err(BuildError::Weighted { policy }) if policy == "tsallis-inf");
    assert!(refused(builder().replicated().build().map(drop)));
    let day = std::time::Duration::from_secs(86_400);
    let window = Window::new(day * 3, day).unwrap();
    assert!(refused(builder().window(window).build().map(drop)));
    let snapshot = Bandit::builder(world.arms().clone(), Segments::single()).build().unwrap().snapshot();
    let restored = builder().build().unwrap().restore(&snapshot);
    assert!(matches!(restored, Err(RestoreError::Weighted { .. })));
}
