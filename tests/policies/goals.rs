//! Several goals: weights and prices by hand, bounds that are kept at the least cost, and no bandit that would ignore them.

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use tactful::bandit::BuildError;
use tactful::belief::Beta;
use tactful::policy::{BurnIn, EpsilonGreedy, Goal, Policy, Priced, Thompson, View};
use tactful::{ArmId, ArmSpace, ArmStatistics, Bandit, Segments};

/// As good as certain.
fn sure(mean: f64) -> Beta {
    Beta::new(1e7 * mean, 1e7 * (1.0 - mean)).unwrap()
}

/// Arms that were tried, with these means, shown to somebody.
fn with_view<T>(means: &[Beta], goals: &[Vec<Beta>], ask: impl FnOnce(&View<'_>) -> T) -> T {
    let arms: Vec<ArmId> = (0..means.len() as u32).map(ArmId::new).collect();
    let statistics: Vec<ArmStatistics> = means
        .iter()
        .map(|mean| {
            ArmStatistics::binary(
                1_000,
                (1_000.0 * mean.mean()) as u64,
                1_000 - (1_000.0 * mean.mean()) as u64,
            )
            .unwrap()
        })
        .collect();
    ask(&View::new(&arms, means, &statistics).with_goals(goals))
}

fn mix(policy: &Priced, means: &[Beta], goals: &[Vec<Beta>]) -> Vec<f64> {
    with_view(means, goals, |view| policy.probabilities(view).to_dense(view.len()))
}

fn certain(means: &[f64]) -> Vec<Beta> {
    means.iter().map(|&mean| sure(mean)).collect()
}

/// All on the arm that is worth most: what it is worth is what it is believed to be.
fn greedy(goals: impl IntoIterator<Item = Goal>) -> Priced {
    Priced::new(Greedy, goals).unwrap()
}

/// By the posterior mean.
#[derive(Debug)]
struct Greedy;

impl Policy for Greedy {
    fn name(&self) -> String {
        "greedy".to_owned()
    }

    fn observes(&self) -> tactful::policy::Observes {
        tactful::policy::Observes::Outcomes
    }

    fn probabilities(&self, view: &View<'_>) -> tactful::policy::Probabilities {
        let means: Vec<f64> = view.posteriors().iter().map(Beta::mean).collect();
        let best = (0..means.len()).max_by(|&one, &other| means[one].total_cmp(&means[other])).unwrap();
        tactful::policy::Probabilities::shared(&[best as u32], 1.0)
    }
}

#[test]
fn weights_and_prices_by_hand() {
    // Payments of 10, 8 and 5 %; complaints of 4, 1 and 0.2 %.
    let (means, goals) = (certain(&[0.10, 0.08, 0.05]), [certain(&[0.04, 0.01, 0.002])]);
    assert_eq!(mix(&greedy([]), &means, &goals), [1.0, 0.0, 0.0]);
    // Worth 0.1 − 0.04 w, 0.08 − 0.01 w, 0.05 − 0.002 w: the second leads from w = 2/3 to 3.75.
    for (weight, best) in [(-0.6, 0), (-0.7, 1), (-3.7, 1), (-3.8, 2), (1.0, 0)] {
        let expected: Vec<f64> = (0..3).map(|arm| f64::from(u8::from(arm == best))).collect();
        assert_eq!(mix(&greedy([Goal::Weight(weight)]), &means, &goals), expected, "at {weight}");
    }
    // No more than 2 % complaints: a third of the first and two thirds of the second, at a price of 2/3.
    let bounded = greedy([Goal::AtMost(0.02)]);
    let found = mix(&bounded, &means, &goals);
    assert!(
        (found[0] - 1.0 / 3.0).abs() < 1e-6 && (found[1] - 2.0 / 3.0).abs() < 1e-6 && found[2] == 0.0,
        "{found:?}"
    );
    let weight = with_view(&means, &goals, |view| bounded.weights(view))[0];
    assert!((weight + 2.0 / 3.0).abs() < 1e-3, "{weight}");
    // A bound that binds nobody has no price; one that nobody can keep takes who comes nearest.
    let free = greedy([Goal::AtMost(0.05)]);
    assert_eq!(with_view(&means, &goals, |view| free.weights(view)), [0.0]);
    assert_eq!(mix(&free, &means, &goals), [1.0, 0.0, 0.0]);
    assert_eq!(mix(&greedy([Goal::AtMost(0.001)]), &means, &goals), [0.0, 0.0, 1.0]);
    // A goal that the view does not show weighs nothing.
    assert_eq!(mix(&bounded, &means, &[]), [1.0, 0.0, 0.0]);
}

/// With a greedy policy the mix is the solution of the linear programme: no vertex, a pair of arms mixed to the bound, does better.
#[test]
fn a_bound_is_kept_at_the_least_cost() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    for _ in 0..200 {
        let arms = rng.random_range(2..10);
        let mut draw = |most: f64| (0..arms).map(|_| rng.random_range(0.005..most)).collect::<Vec<f64>>();
        let (means, costs) = (draw(0.2), draw(0.05));
        let bound = rng.random_range(0.01..0.04);
        let found = mix(&greedy([Goal::AtMost(bound)]), &certain(&means), &[certain(&costs)]);
        let dot =
            |numbers: &[f64]| found.iter().zip(numbers).map(|(share, number)| share * number).sum::<f64>();
        if costs.iter().all(|&cost| cost > bound) {
            assert!(dot(&costs) <= costs.iter().copied().fold(1.0, f64::min) + 1e-9);
            continue;
        }
        assert!(dot(&costs) <= bound + 1e-9, "{} spent of {bound}", dot(&costs));
        let mut best: f64 = 0.0;
        for one in 0..arms {
            for other in 0..arms {
                let (cheap, dear) = (costs[one], costs[other]);
                if cheap <= bound {
                    let share = if dear > bound { (bound - cheap) / (dear - cheap) } else { 1.0 };
                    best = best.max(means[one] + share * (means[other] - means[one]));
                }
            }
        }
        assert!(dot(&means) > best - 1e-5, "{} of {best}: {means:?} {costs:?} {bound}", dot(&means));
    }
}

#[test]
fn thompson_keeps_several_bounds_by_its_own_mix() {
    let belief = |successes: f64, failures: f64| Beta::UNIFORM.updated(successes, failures);
    let means = [belief(50.0, 450.0), belief(45.0, 455.0), belief(30.0, 470.0), belief(20.0, 480.0)];
    let complaints = vec![belief(20.0, 480.0), belief(8.0, 492.0), belief(2.0, 498.0), belief(0.0, 500.0)];
    let costs = certain(&[0.2, 0.5, 0.3, 0.01]);
    let goals = [complaints, costs];
    let spent = |found: &[f64], goal: usize| -> f64 {
        found.iter().zip(&goals[goal]).map(|(share, belief)| share * belief.mean()).sum()
    };
    let free = mix(&Priced::new(Thompson::default(), []).unwrap(), &means, &goals);
    assert!(spent(&free, 0) > 0.025 && spent(&free, 1) > 0.25);
    let both = Priced::new(Thompson::default(), [Goal::AtMost(0.02), Goal::AtMost(0.25)]).unwrap();
    let found = mix(&both, &means, &goals);
    assert!(spent(&found, 0) <= 0.02 + 1e-9 && spent(&found, 1) <= 0.25 + 1e-9, "{found:?}");
    let least = mix(&Priced::new(Thompson::default(), [Goal::AtMost(0.02)]).unwrap(), &means, &goals);
    assert!((spent(&least, 0) - 0.02).abs() < 1e-6, "a bound that binds is met");
}

#[test]
fn no_bandit_ignores_a_goal_that_it_does_not_count() {
    let build = |policy: Box<dyn Policy>| {
        let arms = ArmSpace::builder().dimension("arm", ["a", "b"]).build().unwrap();
        Bandit::builder(arms, Segments::single()).boxed_policy(policy).build().map(|_| ())
    };
    let priced = || Priced::new(EpsilonGreedy::default(), [Goal::AtMost(0.1)]).unwrap();
    assert_eq!(build(Box::new(priced())), Err(BuildError::Goals { goals: 1, declared: 0 }));
    assert_eq!(build(Box::new(BurnIn::new(priced(), 10))), Err(BuildError::Goals { goals: 1, declared: 0 }));
    assert_eq!(build(Box::new(Priced::new(EpsilonGreedy::default(), []).unwrap())), Ok(()));
    for wrong in [f64::NAN, f64::INFINITY] {
        assert!(Priced::new(Thompson::default(), [Goal::AtMost(wrong)]).is_err());
        assert!(Priced::new(Thompson::default(), [Goal::Weight(wrong)]).is_err());
    }
}
