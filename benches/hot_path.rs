//! The hot path beside what people would write themselves: a `Beta` draw per arm behind a mutex.
//!
//! Both sides start from the same varied counts (100 to 300 outcomes an arm, rates 2 to 10 %), draw with
//! Xoshiro256++ and are compiled alike. `cargo bench --bench hot_path`; compare within one run.

use std::hint::black_box;
use std::sync::{Barrier, Mutex};
use std::time::{Duration, Instant};

use criterion::{BatchSize, BenchmarkId, Criterion, SamplingMode, criterion_group, criterion_main};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rand_distr::{Beta, Distribution};
use tactful::{ArmId, ArmSpace, Bandit, Decision, Eligibility, Reward, SegmentId, Segments};

const ARMS: [u32; 5] = [4, 16, 128, 1_024, 30_000];
/// Where the goals are set.
const THREE: [u32; 3] = [16, 1_024, 30_000];
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

fn space(arms: u32) -> ArmSpace {
    ArmSpace::builder().dimension("arm", (0..arms).map(|arm| arm.to_string())).build().unwrap()
}

/// A bandit that knows these counts, given to it as a snapshot.
fn bandit(arms: u32) -> Bandit {
    let space = space(arms);
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

    fn cold(arms: u32) -> Self {
        Self(Mutex::new(vec![(1.0, 1.0); arms as usize]))
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

/// Time for all of these tasks, each on a thread of its own, by the wall. What they own is given back outside the clock.
fn side_by_side(tasks: impl IntoIterator<Item = impl FnMut() + Send>) -> Duration {
    let tasks: Vec<_> = tasks.into_iter().collect();
    let barrier = Barrier::new(tasks.len() + 1);
    std::thread::scope(|scope| {
        for mut task in tasks {
            let barrier = &barrier;
            scope.spawn(move || {
                barrier.wait();
                task();
                barrier.wait();
            });
        }
        barrier.wait();
        let start = Instant::now();
        barrier.wait();
        start.elapsed()
    })
}

/// Time for `iterations` calls spread over two threads, each with its own generator.
fn on_two_threads(iterations: u64, call: impl Fn(&mut Xoshiro256PlusPlus) + Sync) -> Duration {
    let call = &call;
    side_by_side([0, 1].map(|thread| {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(thread);
        move || (0..iterations.div_ceil(2)).for_each(|_| call(&mut rng))
    }))
}

/// Time for two threads to work off a half each.
fn in_two_halves<T: Copy + Send>(halves: [Vec<T>; 2], call: impl Fn(T) + Sync) -> Duration {
    let call = &call;
    side_by_side(halves.map(|half| move || half.iter().for_each(|&item| call(item))))
}

/// The arm and its propensity from a plan at hand, beside a binary search among cumulative probabilities.
fn draw(c: &mut Criterion) {
    let mut group = c.benchmark_group("draw");
    for arms in THREE {
        let bandit = bandit(arms);
        let plan = bandit.plan(EVERYONE, &bandit.arms().all()).unwrap();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(6);
        group.bench_function(BenchmarkId::new("tactful", arms), |b| b.iter(|| plan.draw(&mut rng)));

        let propensity: Vec<f64> = (0..arms).map(|arm| plan.propensity(ArmId::new(arm))).collect();
        let mut sum = 0.0;
        let mut add = |&propensity: &f64| {
            sum += propensity;
            sum
        };
        let cumulative: Vec<f64> = propensity.iter().map(&mut add).collect();
        group.bench_function(BenchmarkId::new("naive", arms), |b| {
            b.iter(|| {
                let point: f64 = rng.random();
                let arm = cumulative.partition_point(|&sum| sum <= point).min(cumulative.len() - 1);
                (arm, propensity[arm])
            });
        });
    }
    group.finish();
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
            b.iter_custom(|iterations| on_two_threads(iterations, call));
        });
        group.bench_function(BenchmarkId::new("naive, two threads", arms), |b| {
            let call = |rng: &mut Xoshiro256PlusPlus| {
                black_box(naive.select(rng));
            };
            b.iter_custom(|iterations| on_two_threads(iterations, call));
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
                let half = |_| (0..iterations.div_ceil(2)).map(|_| decide()).collect();
                in_two_halves([0, 1].map(half), |decision| bandit.reward(&decision, Reward::FAILURE).unwrap())
            });
        });
        group.bench_function(BenchmarkId::new("naive, two threads", arms), |b| {
            b.iter_custom(|iterations| {
                let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
                let half =
                    |_| (0..iterations.div_ceil(2)).map(|_| rng.random_range(0..arms as usize)).collect();
                in_two_halves([0, 1].map(half), |arm| naive.reward(arm, false))
            });
        });
    }
    group.finish();
}

/// Nine selections and the reward of the last.
fn ten(bandit: &Bandit, all: &Eligibility, rng: &mut Xoshiro256PlusPlus) {
    for _ in 0..8 {
        black_box(bandit.select(EVERYONE, all, rng).unwrap());
    }
    let decision = bandit.select(EVERYONE, all, rng).unwrap();
    bandit.reward(&decision, Reward::from(rng.random_bool(0.06))).unwrap();
}

fn naive_ten(naive: &Naive, rng: &mut Xoshiro256PlusPlus) {
    for _ in 0..8 {
        black_box(naive.select(rng));
    }
    let arm = naive.select(rng);
    naive.reward(arm, rng.random_bool(0.06));
}

/// 90 selects : 10 rewards where 200 pulls an arm are known, refreshes included.
///
/// A bandit that went on for a second would know a thousand times as much, and would hardly be refreshed any more: one
/// that knows a tenth more than at the start is replaced by a fresh one, outside the clock.
fn mixed(c: &mut Criterion) {
    let mut group = c.benchmark_group("nine selects and a reward");
    for arms in ARMS {
        let (most, naive) = (u64::from(arms) * 20, Naive::new(arms));
        let all = space(arms).all();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(4);
        let (mut ours, mut played) = (bandit(arms), 0);
        ten(&ours, &all, &mut rng);
        group.bench_function(BenchmarkId::new("tactful", arms), |b| {
            b.iter_custom(|rounds| {
                let (mut left, mut taken) = (rounds, Duration::ZERO);
                while left > 0 {
                    if played == most {
                        (ours, played) = (bandit(arms), 0);
                        // Its first plan and pages.
                        ten(&ours, &all, &mut rng);
                    }
                    let stretch = left.min(most - played);
                    let start = Instant::now();
                    (0..stretch).for_each(|_| ten(&ours, &all, &mut rng));
                    taken += start.elapsed();
                    (left, played) = (left - stretch, played + stretch);
                }
                taken
            });
        });
        group.bench_function(BenchmarkId::new("naive", arms), |b| b.iter(|| naive_ten(&naive, &mut rng)));
    }
    group.finish();
}

/// 90 selects : 10 rewards from nothing known, 100,000 operations in all, refreshes included.
///
/// The naive loop would take minutes at 30,000 arms: of its 10,000 rounds as many are run as take a second or so, and
/// the time is scaled to all of them.
fn cold(c: &mut Criterion) {
    const ROUNDS: u32 = 10_000;
    let mut group = c.benchmark_group("100,000 operations from a cold start");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    for (arms, naive_rounds) in THREE.into_iter().zip([10_000, 1_000, 50]) {
        let space = space(arms);
        let all = space.all();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
        group.bench_function(BenchmarkId::new("tactful", arms), |b| {
            b.iter_batched_ref(
                || Bandit::builder(space.clone(), Segments::single()).build().unwrap(),
                |bandit| (0..ROUNDS).for_each(|_| ten(bandit, &all, &mut rng)),
                BatchSize::PerIteration,
            );
        });
        let name = if naive_rounds < ROUNDS { "naive, scaled" } else { "naive" };
        group.bench_function(BenchmarkId::new(name, arms), |b| {
            b.iter_custom(|starts| {
                let run = |_| {
                    let naive = Naive::cold(arms);
                    let start = Instant::now();
                    (0..naive_rounds).for_each(|_| naive_ten(&naive, &mut rng));
                    start.elapsed() * ROUNDS / naive_rounds
                };
                (0..starts).map(run).sum()
            });
        });
    }
    group.finish();
}

/// What two threads do that have nothing to do with each other.
#[derive(Clone, Copy)]
enum Apart {
    /// Each selects through a handle of its own in a segment of its own.
    Select,
    /// The same, and rewards what it selects.
    SelectAndReward,
    /// Each rewards decisions in hand, of its own half of the arms of one segment.
    Reward,
}

/// One thread beside two that do as much each: wall time per call of each thread, so that perfect scaling shows the same
/// figure twice.
fn apart(c: &mut Criterion) {
    const ARMS: u32 = 1_024;
    let segments = Segments::builder().attribute("segment", ["0", "1"]).build().unwrap();
    let bandit = &Bandit::builder(space(ARMS), segments).build().unwrap();
    let all = bandit.arms().all();
    let halves =
        [0, 1].map(|half| bandit.arms().eligible(|arm| arm.id().index() as u32 / (ARMS / 2) == half));
    let selector = |thread: usize| bandit.selector(Xoshiro256PlusPlus::seed_from_u64(thread as u64));
    let select = |thread: usize, calls: u64, rewarding: bool| {
        let mut selector = selector(thread);
        for _ in 0..calls {
            let decision = selector.select(SegmentId::new(thread as u32), &all).unwrap();
            if rewarding {
                bandit.reward(&decision, Reward::FAILURE).unwrap();
            }
            black_box(&decision);
        }
    };
    // Through a handle each: numbers come in blocks, so the claims of the two lie apart as well.
    let in_hand = |thread: usize, calls: u64| -> Vec<Decision> {
        let mut selector = selector(thread);
        (0..calls).map(|_| selector.select(EVERYONE, &halves[thread]).unwrap()).collect()
    };

    let mut group = c.benchmark_group("apart");
    for (name, work) in
        [("select", Apart::Select), ("select and reward", Apart::SelectAndReward), ("reward", Apart::Reward)]
    {
        for threads in [1, 2] {
            group.bench_function(BenchmarkId::new(name, threads), |b| {
                b.iter_custom(|calls| {
                    let task = |thread| {
                        let decisions =
                            if let Apart::Reward = work { in_hand(thread, calls) } else { Vec::new() };
                        move || match work {
                            Apart::Select => select(thread, calls, false),
                            Apart::SelectAndReward => select(thread, calls, true),
                            Apart::Reward => decisions
                                .iter()
                                .for_each(|decision| bandit.reward(decision, Reward::FAILURE).unwrap()),
                        }
                    };
                    side_by_side((0..threads).map(task))
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
    // As it comes from the host's storage.
    let text = decision.token().to_string();
    c.bench_function("token made", |b| b.iter(|| black_box(&decision).token()));
    c.bench_function("token parsed", |b| b.iter(|| bandit.parse(black_box(text.as_str())).unwrap()));
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = draw, select, reward, mixed, cold, apart, token
}
criterion_main!(benches);
