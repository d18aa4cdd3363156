//! Further goals and bounded shares in experiments: the world tells of them, policies keep to them.

use tactful::belief::Beta;
use tactful::plan::{Shares, SharesError};
use tactful::policy::{Goal, Policy, PooledSegments, Priced, Thompson, Uniform};
use tactful::simulation::{BernoulliArms, Collections, Delayed, Experiment, MeansError, WithGoals};

/// Rates of payments and of complaints: the better it pays, the more it annoys.
const PAID: [f64; 4] = [0.12, 0.10, 0.08, 0.05];
const COMPLAINTS: [f64; 4] = [0.060, 0.025, 0.006, 0.002];

#[test]
fn a_bound_is_held_in_a_simulated_world_also_where_outcomes_are_late() {
    let paid = BernoulliArms::new(PAID.to_vec()).unwrap();
    let annoyed = WithGoals::new(&paid, vec![COMPLAINTS.to_vec()]).unwrap();
    let late = Delayed::new(&annoyed, 200.0, 1.0);
    let bounded = || Priced::new(Thompson::default(), [Goal::AtMost(0.01)]).unwrap();
    for world in [&annoyed as &dyn tactful::simulation::World, &late] {
        let experiment = Experiment::new(world, 20_000)
            .cadence(tactful::Cadence::growth(0.02).unwrap())
            .prior(Beta::new(1.0, 19.0).unwrap())
            .goal_priors([Beta::new(1.0, 99.0).unwrap()])
            .checkpoints([5_000]);
        let free = experiment.run(&Thompson::default(), 6, 1);
        let held = experiment.run(&bounded(), 6, 1);
        assert!(free.goals[0][1].mean > 0.045, "{:?}", free.goals);
        // After the first quarter: what the beliefs are wrong by is a fifth of the bound.
        let complaints = (held.goals[0][1].mean * 20_000.0 - held.goals[0][0].mean * 5_000.0) / 15_000.0;
        assert!(complaints < 0.012, "{complaints}");
        // The best mix within the bound earns 0.0842; the arm that complains least earns 0.05.
        assert!(held.reward[1].mean > 0.074, "{:?}", held.reward);
    }
}

/// Pooling goes around prices; within, other segments are not shown, for what they earned says nothing of the price.
#[test]
fn a_bound_is_held_whichever_way_pooling_and_prices_are_nested() {
    let paid = BernoulliArms::new(PAID.to_vec()).unwrap();
    let annoyed = WithGoals::new(&paid, vec![COMPLAINTS.to_vec()]).unwrap();
    let bound = || [Goal::AtMost(0.01)];
    let around = PooledSegments::new(Priced::new(Thompson::default(), bound()).unwrap());
    let within = Priced::new(PooledSegments::new(Thompson::default()), bound()).unwrap();
    let experiment = Experiment::new(&annoyed, 20_000)
        .cadence(tactful::Cadence::growth(0.02).unwrap())
        .prior(Beta::new(1.0, 19.0).unwrap())
        .goal_priors([Beta::new(1.0, 99.0).unwrap()])
        .checkpoints([5_000]);
    for policy in [&around as &dyn Policy, &within] {
        let held = experiment.run(policy, 6, 1);
        let complaints = (held.goals[0][1].mean * 20_000.0 - held.goals[0][0].mean * 5_000.0) / 15_000.0;
        assert!(complaints < 0.012, "{}: {complaints}", policy.name());
        assert!(held.reward[1].mean > 0.074, "{}: {:?}", policy.name(), held.reward);
    }
}

#[test]
fn goals_of_a_world_add_up_and_are_reproducible() {
    let paid = BernoulliArms::new(vec![0.5, 0.5]).unwrap();
    let one = WithGoals::new(&paid, vec![vec![0.25, 0.75]]).unwrap();
    let both = WithGoals::new(&one, vec![vec![1.0, 1.0], vec![0.0, 0.5]]).unwrap();
    let run = || Experiment::new(&both, 4_000).run(&Uniform, 3, 5);
    let curve = run();
    assert_eq!(curve, run());
    let last: Vec<f64> = curve.goals.iter().map(|goal| goal.last().unwrap().mean).collect();
    assert!((last[0] - 0.5).abs() < 0.02 && (last[2] - 0.25).abs() < 0.02, "{last:?}");
    assert_eq!(last[1].to_bits(), 1.0_f64.to_bits());
    // What weighs is sought: the arm of the greater second goal.
    let weighed = Priced::new(Thompson::default(), [Goal::Weight(1.0)]).unwrap();
    let sought = Experiment::new(&one, 4_000).run(&weighed, 3, 5);
    assert!(sought.goals[0].last().unwrap().mean > 0.7, "{:?}", sought.goals);
    assert!(matches!(WithGoals::new(&paid, vec![vec![0.1]]), Err(MeansError::Count { means: 1, arms: 2 })));
    assert!(matches!(WithGoals::new(&paid, vec![vec![0.1, f64::NAN]]), Err(MeansError::Mean { arm: 1, .. })));
}

#[test]
#[should_panic(expected = "a policy of 1 further goals, and the world has 0")]
fn no_experiment_ignores_a_goal() {
    let world = BernoulliArms::new(vec![0.5, 0.5]).unwrap();
    let bounded = Priced::new(Thompson::default(), [Goal::AtMost(0.1)]).unwrap();
    let _ = Experiment::new(&world, 10).run(&bounded, 1, 1);
}

#[test]
fn shares_are_bounded_in_experiments() {
    let world = BernoulliArms::new(vec![0.9, 0.1, 0.1]).unwrap();
    let experiment = Experiment::new(&world, 2_000);
    let floors = Shares::new().each_arm(0.1..=1.0).level("arm", "0", 0.0..=0.5);
    let curve = experiment.clone().shares(&floors).unwrap().run(&Thompson::default(), 4, 1);
    assert!((curve.best_arm_share.last().unwrap() - 0.5).abs() < 0.023, "{curve:?}");
    let free = experiment.clone().shares(&Shares::new()).unwrap().run(&Thompson::default(), 2, 1);
    assert_eq!(free, experiment.run(&Thompson::default(), 2, 1));

    let refused = |shares: &Shares| Experiment::new(&world, 10).shares(shares).map(drop).unwrap_err();
    assert!(matches!(refused(&Shares::new().each_arm(0.4..=1.0)), SharesError::Infeasible(_)));
    assert!(matches!(refused(&Shares::new().level("arm", "9", 0.0..=0.5)), SharesError::Name(_)));
    // By letter only some customers can be reached.
    let collections = Collections::new(10);
    let few_letters = Shares::new().level("channel", "letter", 0.0..=0.5);
    let refused = Experiment::new(&collections, 10).shares(&few_letters).map(drop);
    assert!(matches!(refused, Err(SharesError::Infeasible(_))), "{refused:?}");
}
