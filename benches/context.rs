//! LinUCB for one request, propensity and counters included, beside what people would write themselves: an inverse matrix
//! for each arm behind a mutex, updated by Sherman and Morrison's formula when the arm is selected.
//!
//! d counts the constant 1: `d = 8` has seven features, `d = 9` eight. The naive side knows no propensity, explores nothing and
//! forgets what it has sent. `cargo bench --bench context`; compare within one run.

use std::hint::black_box;
use std::sync::Mutex;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use tactful::belief::Linear;
use tactful::policy::{LinUcb, Thompson};
use tactful::{ArmSpace, Bandit, BanditBuilder, Features, Reward, SegmentId, Segments};

const EVERYONE: SegmentId = SegmentId::new(0);

/// A bandit with so many arms and features, each arm tried some 50 times.
fn taught(arms: u32, features: usize, settings: impl FnOnce(BanditBuilder) -> BanditBuilder) -> Bandit {
    let space = ArmSpace::builder().dimension("arm", (0..arms).map(|arm| arm.to_string())).build().unwrap();
    let declared = (0..features).fold(Features::builder(), |all, n| all.feature(n.to_string(), 0.0..=1.0));
    let builder = Bandit::builder(space, Segments::single()).features(declared.build().unwrap());
    let bandit = settings(builder).incarnation(1).build().unwrap();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(u64::from(arms));
    for arm in 0..arms {
        let only = bandit.arms().eligible(|one| one.id().index() as u32 == arm);
        for _ in 0..50 {
            let customer: Vec<f64> = (0..features).map(|_| rng.random()).collect();
            let decision = bandit.select_with(EVERYONE, &only, &customer, &mut rng).unwrap();
            let paid = rng.random_bool(0.02 + 0.1 * customer[arm as usize % features]);
            bandit.reward(&decision, Reward::from(paid)).unwrap();
        }
    }
    bandit
}

/// The loop of a weekend.
struct Naive {
    dimensions: usize,
    /// Of each arm the inverse of A, and b.
    arms: Vec<(Vec<f64>, Vec<f64>)>,
}

impl Naive {
    fn new(arms: u32, dimensions: usize) -> Self {
        let identity = |_| {
            let inverse =
                (0..dimensions * dimensions).map(|at| f64::from(u8::from(at % (dimensions + 1) == 0)));
            (inverse.collect(), vec![0.0; dimensions])
        };
        Self { dimensions, arms: (0..arms).map(identity).collect() }
    }

    fn select(&mut self, x: &[f64], alpha: f64) -> usize {
        let d = self.dimensions;
        let (mut best, mut leader) = (f64::NEG_INFINITY, 0);
        for (arm, (inverse, b)) in self.arms.iter().enumerate() {
            let times = |v: &[f64]| -> Vec<f64> {
                (0..d).map(|row| (0..d).map(|column| inverse[row * d + column] * v[column]).sum()).collect()
            };
            let (theta, wide) = (times(b), times(x));
            let dot = |one: &[f64], other: &[f64]| -> f64 { one.iter().zip(other).map(|(a, b)| a * b).sum() };
            let value = dot(&theta, x) + alpha * dot(&wide, x).sqrt();
            if value > best {
                (best, leader) = (value, arm);
            }
        }
        let (inverse, _) = &mut self.arms[leader];
        let wide: Vec<f64> =
            (0..d).map(|row| (0..d).map(|column| inverse[row * d + column] * x[column]).sum()).collect();
        let scale = 1.0 + wide.iter().zip(x).map(|(a, b)| a * b).sum::<f64>();
        for row in 0..d {
            for column in 0..d {
                inverse[row * d + column] -= wide[row] * wide[column] / scale;
            }
        }
        leader
    }
}

fn customers(features: usize) -> Vec<Vec<f64>> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(9);
    (0..256).map(|_| (0..features).map(|_| rng.random()).collect()).collect()
}

fn lin_ucb(c: &mut Criterion) {
    let mut group = c.benchmark_group("lin-ucb, one request");
    for dimensions in [8, 9] {
        let customers = customers(dimensions - 1);
        for arms in [16, 128] {
            let bandit = taught(arms, dimensions - 1, |builder| builder.policy(LinUcb::default()));
            let all = bandit.arms().all();
            let mut selector = bandit.selector(Xoshiro256PlusPlus::seed_from_u64(5));
            let name = |what: &str| format!("{what}, {arms} arms, d = {dimensions}");
            let mut turn = 0;
            group.bench_function(name("tactful"), |b| {
                b.iter(|| {
                    turn = (turn + 1) % customers.len();
                    selector.select_with(EVERYONE, &all, black_box(&customers[turn])).unwrap()
                });
            });
            let naive = Mutex::new(Naive::new(arms, dimensions));
            let with_constant: Vec<Vec<f64>> =
                customers.iter().map(|x| std::iter::once(1.0).chain(x.iter().copied()).collect()).collect();
            group.bench_function(name("naive"), |b| {
                b.iter(|| {
                    turn = (turn + 1) % customers.len();
                    naive.lock().unwrap().select(black_box(&with_constant[turn]), 1.0)
                });
            });
        }
    }
    group.finish();
}

fn others(c: &mut Criterion) {
    let mut group = c.benchmark_group("one request, d = 8");
    let customers = customers(7);
    for (name, linear) in [("linear", Linear::disjoint()), ("logistic", Linear::logistic())] {
        let bandit = taught(16, 7, |builder| builder.policy(Thompson::default()).linear(linear));
        let all = bandit.arms().all();
        let mut selector = bandit.selector(Xoshiro256PlusPlus::seed_from_u64(5));
        let mut turn = 0;
        group.bench_function(format!("{name} thompson, 16 arms"), |b| {
            b.iter(|| {
                turn = (turn + 1) % customers.len();
                selector.select_with(EVERYONE, &all, black_box(&customers[turn])).unwrap()
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = lin_ucb, others
}
criterion_main!(benches);
