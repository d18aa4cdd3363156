//! What a simulated decision costs: customer, plan if one is due, draw, outcome, counters, regret; beside the loops that
//! people write for it. Ten arms of which the best pays 10 %, 100,000 decisions a run; one core.

use std::hint::black_box;

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use rand::distr::Distribution;
use rand::{RngExt, SeedableRng};
use rand_distr::Beta;
use tactful::Cadence;
use tactful::policy::{Policy, Thompson, Ucb1, Uniform};
use tactful::simulation::{BernoulliArms, Experiment, Generator};

const MEANS: [f64; 10] = [0.1, 0.05, 0.05, 0.05, 0.02, 0.02, 0.02, 0.01, 0.01, 0.01];
const HORIZON: u64 = 100_000;

/// Counts of a naive loop: successes and trials of each arm.
type Counts = [(f64, f64); MEANS.len()];

/// The textbook's loop: an arm by `choose`, a coin, two additions.
fn naive(mut choose: impl FnMut(&Counts, u64, &mut Generator) -> usize) -> f64 {
    let mut rng = Generator::seed_from_u64(1);
    let mut counts: Counts = [(0.0, 0.0); MEANS.len()];
    let mut regret = 0.0;
    for time in 0..HORIZON {
        let arm = choose(&counts, time, &mut rng);
        regret += MEANS[0] - MEANS[arm];
        counts[arm].0 += f64::from(u8::from(rng.random::<f64>() < MEANS[arm]));
        counts[arm].1 += 1.0;
    }
    regret
}

fn largest(values: impl Iterator<Item = f64>) -> usize {
    values.enumerate().fold((0, f64::NEG_INFINITY), |best, one| if one.1 > best.1 { one } else { best }).0
}

fn simulation(c: &mut Criterion) {
    let world = BernoulliArms::new(MEANS.to_vec()).expect("rates");
    let mut group = c.benchmark_group("simulated decision");
    group.sample_size(10).sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(HORIZON));
    let growth = Cadence::growth(0.01).expect("a growth");
    let policies: [(&str, &dyn Policy, Cadence); 3] = [
        ("Thompson, plans at a growth of 1 %", &Thompson::default(), growth),
        ("UCB1, a plan at every observation", &Ucb1::default(), Cadence::EVERY_EVENT),
        ("uniform", &Uniform, Cadence::EVERY_EVENT),
    ];
    for (name, policy, cadence) in policies {
        let experiment = Experiment::new(&world, HORIZON).checkpoints([]).cadence(cadence);
        group.bench_function(name, |b| b.iter(|| experiment.run(policy, 1, black_box(1)).regret[0].mean));
    }
    group.bench_function("naive Thompson", |b| {
        b.iter(|| {
            naive(|counts, _, rng| {
                largest(
                    counts
                        .map(|(won, tried)| {
                            Beta::new(1.0 + won, 1.0 + tried - won).expect("positive shapes").sample(rng)
                        })
                        .into_iter(),
                )
            })
        });
    });
    group.bench_function("naive UCB1", |b| {
        b.iter(|| {
            naive(|counts, time, _| {
                let clock = 2.0 * f64::ln(time.max(1) as f64);
                largest(counts.iter().map(|&(won, tried)| match tried > 0.0 {
                    true => won / tried + (clock / tried).sqrt(),
                    false => f64::INFINITY,
                }))
            })
        });
    });
    group.finish();
}

criterion_group!(benches, simulation);
criterion_main!(benches);
