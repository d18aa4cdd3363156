//! What is regretted where customers have features, by fixed seeds.

use tactful::belief::Linear;
use tactful::policy::{LinUcb, Policy, Thompson, Uniform};
use tactful::simulation::FeaturedArms;
use tactful::{Bandit, Segments};

/// Three templates, each the best for some.
fn linear_world() -> FeaturedArms {
    FeaturedArms::linear(vec![vec![0.30, 0.0, -0.20], vec![0.05, 0.35, 0.0], vec![0.10, -0.10, 0.30]])
        .unwrap()
}

fn logistic_world() -> FeaturedArms {
    FeaturedArms::logistic(vec![vec![-2.0, 0.0, -2.0], vec![-4.0, 2.5, 0.0], vec![-3.5, -1.0, 2.5]]).unwrap()
}

/// Mean regret over seeds of a policy with features or without.
fn regret(
    world: &FeaturedArms,
    linear: Option<Linear>,
    policy: fn() -> Box<dyn Policy>,
    customers: u64,
) -> f64 {
    let seeds = 4;
    let one = |seed| {
        let mut builder = Bandit::builder(world.arms().clone(), Segments::single());
        if let Some(linear) = linear {
            builder = builder.features(world.features().clone()).linear(linear);
        }
        let bandit = builder.boxed_policy(policy()).exploration(0.0).build().unwrap();
        world.regret(&bandit, customers, seed).unwrap()
    };
    (0..seeds).map(one).sum::<f64>() / f64::from(seeds as u32)
}

#[test]
fn who_looks_at_features_regrets_less() {
    let world = linear_world();
    let customers = 4_000;
    let uniform = regret(&world, None, || Box::new(Uniform), customers);
    let blind = regret(&world, None, || Box::new(Thompson::default()), customers);
    let disjoint = Some(Linear::disjoint());
    let lin_ucb = regret(&world, disjoint, || Box::new(LinUcb::new(0.5).unwrap()), customers);
    let hybrid = regret(&world, Some(Linear::hybrid()), || Box::new(LinUcb::new(0.5).unwrap()), customers);
    let thompson = regret(&world, disjoint, || Box::new(Thompson::default()), customers);
    println!(
        "linear: uniform {uniform:.0} blind {blind:.0} lin-ucb {lin_ucb:.0} hybrid {hybrid:.0} thompson {thompson:.0}"
    );
    for (name, found) in [("lin-ucb", lin_ucb), ("hybrid", hybrid), ("thompson", thompson)] {
        assert!(found < 0.6 * blind && found < 0.5 * uniform, "{name}: {found} {blind} {uniform}");
    }
}

#[test]
fn logistic_thompson_learns_where_payments_are_rare() {
    let world = logistic_world();
    let customers = 6_000;
    let uniform = regret(&world, None, || Box::new(Uniform), customers);
    let blind = regret(&world, None, || Box::new(Thompson::default()), customers);
    let logistic = regret(&world, Some(Linear::logistic()), || Box::new(Thompson::default()), customers);
    println!("logistic: uniform {uniform:.0} blind {blind:.0} thompson {logistic:.0}");
    assert!(logistic < 0.7 * blind && logistic < 0.5 * uniform, "{logistic} {blind} {uniform}");
}
