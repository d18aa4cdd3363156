//! What it costs to keep a plan while what is known grows by 1 %: the regret of Thompson sampling beside that with a
//! plan at every outcome, where outcomes arrive one by one and where 10, 100 or 1,000 arrive together.
//!
//! Both sides of a pair draw with the same random words, and the n-th time an arm is sent it pays the same to both; so
//! they go the same way but for what the older plan changes, and a few pairs tell a per cent apart.

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use tactful::simulation::BernoulliArms;
use tactful::{Bandit, Cadence, Refresh, SegmentId, Segments};

const EVERYONE: SegmentId = SegmentId::new(0);

/// Outcomes that arrive together.
const BATCHES: [usize; 4] = [1, 10, 100, 1_000];

/// When there is a new plan.
#[derive(Clone, Copy)]
enum Plans {
    /// The default: a growth of 1 %.
    Geometric,
    /// A plan whenever an outcome has come; of a batch only the last can matter, so there is one at its end.
    AtEveryOutcome,
}

/// Cumulative pseudo-regret Σ (μ* − μ of the arm selected) of one run.
fn regret(world: &BernoulliArms, horizon: usize, batch: usize, plans: Plans, seed: u64) -> f64 {
    let builder = Bandit::builder(world.arms().clone(), Segments::single()).exploration(0.0).incarnation(1);
    let builder = match plans {
        Plans::Geometric => builder.cadence(Cadence::default()),
        Plans::AtEveryOutcome => builder.cadence(Cadence::EVERY_EVENT).refresh(Refresh::Manual),
    };
    let bandit = builder.build().unwrap();
    let all = bandit.arms().all();
    let generator = |number: usize| Xoshiro256PlusPlus::seed_from_u64(seed * 1_000 + number as u64);
    let mut outcomes: Vec<_> = (0..all.len()).map(generator).collect();
    let mut draws = generator(all.len());
    let (mut regret, mut waiting) = (0.0, Vec::new());
    for _ in 0..horizon {
        let decision = bandit.select(EVERYONE, &all, &mut draws).unwrap();
        let arm = decision.arm();
        regret += world.best() - world.mean(arm);
        waiting.push((decision, world.pay(arm, &mut outcomes[arm.index()])));
        if waiting.len() == batch {
            for (decision, reward) in waiting.drain(..) {
                bandit.reward(&decision, reward).unwrap();
            }
            if let Plans::AtEveryOutcome = plans {
                bandit.refresh();
            }
        }
    }
    regret
}

/// Mean and its standard error.
fn mean(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let count = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / count;
    let squares: f64 = values.map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (count - 1.0) / count).sqrt())
}

/// Two one-sided tests for each size of batch (D. J. Schuirmann 1987): with pairs (g, e) of regrets, g − 0.95 e and
/// 1.05 e − g are both above zero by three standard errors. Were the true regret 5 % apart, a fresh set of seeds would
/// pass once in 740; what it is, at most 2 % apart, it would fail less than once in 20.
fn within_five_per_cent(name: &str, means: Vec<f64>, horizon: usize, pairs: [u64; 4]) {
    let world = BernoulliArms::new(means).unwrap();
    for (batch, pairs) in BATCHES.into_iter().zip(pairs) {
        let run = |plans, seed| regret(&world, horizon, batch, plans, seed);
        let pairs: Vec<(f64, f64)> =
            (0..pairs).map(|seed| (run(Plans::Geometric, seed), run(Plans::AtEveryOutcome, seed))).collect();
        let (every, every_error) = mean(pairs.iter().map(|&(_, e)| e));
        let (more, more_error) = mean(pairs.iter().map(|&(g, e)| g - e));
        let [above, below] =
            [mean(pairs.iter().map(|&(g, e)| g - 0.95 * e)), mean(pairs.iter().map(|&(g, e)| 1.05 * e - g))]
                .map(|(mean, error)| mean / error);
        println!(
            "{name}, batches of {batch}: {every:.2} ± {every_error:.2} at every outcome, {more:+.3} ± {more_error:.3} \
             with 1 % ({:+.2} %; {} pairs; z = {above:.1}, {below:.1})",
            100.0 * more / every,
            pairs.len()
        );
        assert!(above > 3.0 && below > 3.0, "{name}, batches of {batch}: {more} ± {more_error} of {every}");
    }
}

#[test]
fn geometric_refresh_costs_little_of_two_close_arms() {
    within_five_per_cent("A", vec![0.9, 0.8], 5_000, [300, 200, 100, 20]);
}

#[test]
fn geometric_refresh_costs_little_of_rare_rewards() {
    let rare = vec![0.1, 0.05, 0.05, 0.05, 0.02, 0.02, 0.02, 0.01, 0.01, 0.01];
    within_five_per_cent("B", rare, 20_000, [12, 20, 20, 20]);
}

#[test]
fn geometric_refresh_costs_little_of_nine_arms_a_tenth_apart() {
    let tenths = (1..=9).map(|tenth| f64::from(tenth) / 10.0).collect();
    within_five_per_cent("C", tenths, 10_000, [24, 40, 40, 20]);
}
