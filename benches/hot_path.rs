//! The hot path beside what people would write themselves: a `Beta` draw per arm behind a mutex.
//!
//! Both sides start from the same varied counts (100 to 300 outcomes an arm, rates 2 to 10 %), draw with
//! Xoshiro256++ and are compiled alike. `cargo bench --bench hot_path`; compare within one run.

use std::hint::black_box;
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rand_distr::{Beta, Distribution};
use tactful::{ArmSpace, Bandit, Reward, SegmentId, Segments};

const ARMS: [u32; 5] = [4, 16, 128, 1_024, 30_000];
const EVERYONE: SegmentId = SegmentId::new(0);

/// Successes and failures of each arm.
fn counts(arms: u32) -> Vec<(u32, u32)> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(u64::from(arms));
    let mut outcomes = || {
        let (trials, rate) = (rng.random_range(100..=300), rng.random_range(0.02..0.1));
        let successes = (0..trials).filter(|_| rng.random_bool(rate)).count() as u32;
        (successes, trials - successes)
    };
    (0..arms).map(|_| outcomes()).collect()
}

/// A bandit that knows these counts, given to it as a snapshot.
fn bandit(arms: u32) -> Bandit {
    let space = ArmSpace::builder().dimension("arm", (0..arms).map(|arm| arm.to_string())).build().unwrap();
    let build = |incarnation| {
        Bandit::builder(space.clone(), Segments::single()).incarnation(incarnation).build().unwrap()
    };
    let mut snapshot = serde_json::to_value(build(1).snapshot()).unwrap();
    let cells = counts(arms).into_iter().enumerate().map(|(arm, (successes, failures))| {
        let sum = u64::from(successes) << 24;
        let returned = successes + failures;
        let cell = serde_json::json!({"issued": returned, "returned": returned, "sum": sum, "squares": sum});
        serde_json::json!([0, arm, cell])
    });
    snapshot["generations"][0]["cells"] = cells.collect();
    let mut bandit = build(2);
    bandit.restore(&serde_json::from_value(snapshot).unwrap()).unwrap();
    bandit
}

/// The loop of a weekend: sample every posterior, send the largest, under a lock.
struct Naive(Mutex<Vec<(f64, f64)>>);

impl Naive {
    fn new(arms: u32) -> Self {
        let posterior = |(successes, failures)| (1.0 + f64::from(successes), 1.0 + f64::from(failures));
        Self(Mutex::new(counts(arms).into_iter().map(posterior).collect()))
    }

    fn select(&self, rng: &mut Xoshiro256PlusPlus) -> usize {
        let arms = self.0.lock().unwrap();
        let mut best = (0, f64::NEG_INFINITY);
        for (arm, &(alpha, beta)) in arms.iter().enumerate() {
            let draw = Beta::new(alpha, beta).unwrap().sample(rng);
            if draw > best.1 {
                best = (arm, draw);
            }
        }
        best.0
    }

    fn reward(&self, arm: usize, success: bool) {
        let posterior = &mut self.0.lock().unwrap()[arm];
        if success { posterior.0 += 1.0 } else { posterior.1 += 1.0 }
    }
}

/// Time for `iterations` calls spread over two threads, each with its own generator, by the wall.
fn on_two_threads(iterations: u64, call: &(impl Fn(&mut Xoshiro256PlusPlus) + Sync)) -> Duration {
    let barrier = Barrier::new(3);
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let barrier = &barrier;
            scope.spawn(move || {
                let mut rng = Xoshiro256PlusPlus::seed_from_u64(thread);
                barrier.wait();
                (0..iterations.div_ceil(2)).for_each(|_| call(&mut rng));
                barrier.wait();
            });
        }
        barrier.wait();
        let start = Instant::now();
        barrier.wait();
        start.elapsed()
    })
}

fn select(c: &mut Criterion) {
    let mut group = c.benchmark_group("select");
    for arms in ARMS {
        let (bandit, naive) = (bandit(arms), Naive::new(arms));
        let all = bandit.arms().all();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        group.bench_function(BenchmarkId::new("tactful", arms), |b| {
            b.iter(|| bandit.select(EVERYONE, &all, &mut rng).unwrap());
        });
        group.bench_function(BenchmarkId::new("tactful, handle", arms), |b| {
            let mut selector = bandit.selector(Xoshiro256PlusPlus::seed_from_u64(1));
            b.iter(|| selector.select(EVERYONE, &all).unwrap());
        });
        group.bench_function(BenchmarkId::new("naive", arms), |b| b.iter(|| naive.select(&mut rng)));
        group.bench_function(BenchmarkId::new("tactful, two threads", arms), |b| {
            let call = |rng: &mut Xoshiro256PlusPlus| {
                black_box(bandit.select(EVERYONE, &all, rng).unwrap());
            };
            b.iter_custom(|iterations| on_two_threads(iterations, &call));
        });
        group.bench_function(BenchmarkId::new("naive, two threads", arms), |b| {
            let call = |rng: &mut Xoshiro256PlusPlus| {
                black_box(naive.select(rng));
            };
            b.iter_custom(|iterations| on_two_threads(iterations, &call));
        });
    }
    group.finish();
}

/// The reward of a decision in hand, counted once, with the refreshes that it makes due.
fn reward(c: &mut Criterion) {
    let mut group = c.benchmark_group("reward");
    for arms in ARMS {
        let (bandit, naive) = (bandit(arms), Naive::new(arms));
        let all = bandit.arms().all();
        let rng = Mutex::new(Xoshiro256PlusPlus::seed_from_u64(2));
        let decide = || bandit.select(EVERYONE, &all, &mut *rng.lock().unwrap()).unwrap();
        group.bench_function(BenchmarkId::new("tactful", arms), |b| {
            b.iter_batched(
                decide,
                |decision| bandit.reward(&decision, Reward::FAILURE).unwrap(),
                BatchSize::NumIterations(10_000),
            );
        });
        group.bench_function(BenchmarkId::new("naive", arms), |b| {
            b.iter_batched(
                || rng.lock().unwrap().random_range(0..arms as usize),
                |arm| naive.reward(arm, false),
                BatchSize::NumIterations(10_000),
            );
        });
        group.bench_function(BenchmarkId::new("tactful, two threads", arms), |b| {
            b.iter_custom(|iterations| {
                let decisions: Arc<Mutex<Vec<_>>> = Arc::new(Mutex::new(
                    (0..2).map(|_| (0..iterations.div_ceil(2)).map(|_| decide()).collect()).collect(),
                ));
                in_two_halves(&decisions, |decision| bandit.reward(&decision, Reward::FAILURE).unwrap())
            });
        });
        group.bench_function(BenchmarkId::new("naive, two threads", arms), |b| {
            b.iter_custom(|iterations| {
                let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
                let mut half =
                    || (0..iterations.div_ceil(2)).map(|_| rng.random_range(0..arms as usize)).collect();
                let halves = Arc::new(Mutex::new(vec![half(), half()]));
                in_two_halves(&halves, |arm| naive.reward(arm, false))
            });
        });
    }
    group.finish();
}

/// Time for two threads to work off a half each, by the wall.
fn in_two_halves<T: Send>(halves: &Mutex<Vec<Vec<T>>>, call: impl Fn(T) + Sync) -> Duration {
    let barrier = Barrier::new(3);
    std::thread::scope(|scope| {
        while let Some(half) = { halves.lock().unwrap().pop() } {
            let (barrier, call) = (&barrier, &call);
            scope.spawn(move || {
                barrier.wait();
                half.into_iter().for_each(call);
                barrier.wait();
            });
        }
        barrier.wait();
        let start = Instant::now();
        barrier.wait();
        start.elapsed()
    })
}

/// Nine selections and a reward, refreshes included.
fn mixed(c: &mut Criterion) {
    let mut group = c.benchmark_group("nine selects and a reward");
    for arms in ARMS {
        let (bandit, naive) = (bandit(arms), Naive::new(arms));
        let all = bandit.arms().all();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(4);
        group.bench_function(BenchmarkId::new("tactful", arms), |b| {
            b.iter(|| {
                for _ in 0..8 {
                    black_box(bandit.select(EVERYONE, &all, &mut rng).unwrap());
                }
                let decision = bandit.select(EVERYONE, &all, &mut rng).unwrap();
                bandit.reward(&decision, Reward::from(rng.random_bool(0.06))).unwrap();
            });
        });
        group.bench_function(BenchmarkId::new("naive", arms), |b| {
            b.iter(|| {
                for _ in 0..8 {
                    black_box(naive.select(&mut rng));
                }
                let arm = naive.select(&mut rng);
                naive.reward(arm, rng.random_bool(0.06));
            });
        });
    }
    group.finish();
}

/// Handles of one and of two threads, each with a segment of its own, and the same rewarding what they select: wall time
/// for as many calls on each thread, so that perfect scaling shows the same figure twice.
fn distant_segments(c: &mut Criterion) {
    let mut group = c.benchmark_group("distant segments");
    let space = ArmSpace::builder().dimension("arm", (0..1_024).map(|arm| arm.to_string())).build().unwrap();
    let segments = Segments::builder().attribute("segment", ["0", "1"]).build().unwrap();
    let bandit = Bandit::builder(space, segments).build().unwrap();
    let all = bandit.arms().all();
    for threads in [1_u32, 2] {
        for rewarding in [false, true] {
            let name = if rewarding { "select and reward" } else { "select" };
            group.bench_function(BenchmarkId::new(name, threads), |b| {
                b.iter_custom(|iterations| {
                    let work = |thread: u32| {
                        let mut selector =
                            bandit.selector(Xoshiro256PlusPlus::seed_from_u64(u64::from(thread)));
                        for _ in 0..iterations {
                            let decision = selector.select(SegmentId::new(thread), &all).unwrap();
                            if rewarding {
                                bandit.reward(&decision, Reward::FAILURE).unwrap();
                            }
                            black_box(&decision);
                        }
                    };
                    let start = Instant::now();
                    std::thread::scope(|scope| {
                        (1..threads).for_each(|thread| drop(scope.spawn(move || work(thread))));
                        work(0);
                    });
                    start.elapsed()
                });
            });
        }
    }
    group.finish();
}

/// Sealing a decision and opening it again.
fn token(c: &mut Criterion) {
    let bandit = bandit(16);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
    let decision = bandit.select(EVERYONE, &bandit.arms().all(), &mut rng).unwrap();
    let token = decision.token();
    c.bench_function("token made", |b| b.iter(|| black_box(&decision).token()));
    c.bench_function("token parsed", |b| b.iter(|| bandit.parse(black_box(&token)).unwrap()));
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = select, reward, mixed, distant_segments, token
}
criterion_main!(benches);
