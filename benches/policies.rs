//! Index policies with a plan at every event, the textbook's sequential form: one selection and its reward; and the
//! first plan of a set of arms where a larger set has one.
//!
//! `standing` is the bandit as it is, which finds the leaders by a tournament; `loop` the same bandit with the index
//! hidden from it, so that each plan comes from a loop over all arms; `naive` what people would write, a loop over counts
//! and sums without propensities, tokens or threads. `warm` starts from varied counts (100 to 300 outcomes an arm, rates 2
//! to 10 %), `cold` is the first observations of all, in which many arms are tied. `miss` is the plan of Thompson sampling for a set
//! without three tenths of those who are no contenders among all arms: `taken` from the plan of all arms, or `computed`,
//! with that way hidden. `cargo bench --bench policies`; compare
//! within one run.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use tactful::policy::{Observes, Policy, Probabilities, Thompson, Ucb1, View};
use tactful::{ArmSpace, Bandit, Cadence, Eligibility, Reward, SegmentId, Segments};

const ARMS: [u32; 3] = [16, 1_024, 30_000];
const EVERYONE: SegmentId = SegmentId::new(0);

/// Observations of a cold start.
const COLD: u64 = 100_000;

/// UCB1 with its index hidden.
#[derive(Debug)]
struct Hidden(Ucb1);

impl Policy for Hidden {
    fn name(&self) -> String {
        self.0.name()
    }

    fn observes(&self) -> Observes {
        self.0.observes()
    }

    fn probabilities(&self, view: &View<'_>) -> Probabilities {
        self.0.probabilities(view)
    }
}

/// True rate, successes and failures of each arm.
fn world(arms: u32) -> Vec<(f64, u32, u32)> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(u64::from(arms));
    let mut arm = || {
        let (trials, rate) = (rng.random_range(100..=300), rng.random_range(0.02..0.1));
        let successes = (0..trials).filter(|_| rng.random_bool(rate)).count() as u32;
        (rate, successes, trials - successes)
    };
    (0..arms).map(|_| arm()).collect()
}

/// A bandit in that world, with what is known there or nothing, as it goes along.
struct Playing {
    bandit: Bandit,
    all: Eligibility,
    rates: Vec<f64>,
    rng: Xoshiro256PlusPlus,
}

impl Playing {
    fn new<P: Policy + 'static>(arms: u32, policy: impl Fn() -> P, warm: bool) -> Self {
        let names = (0..arms).map(|arm| arm.to_string());
        let space = ArmSpace::builder().dimension("arm", names).build().unwrap();
        let build = |incarnation| {
            let builder = Bandit::builder(space.clone(), Segments::single()).policy(policy());
            builder.cadence(Cadence::EVERY_EVENT).incarnation(incarnation).build().unwrap()
        };
        let mut bandit = build(2);
        let world = world(arms);
        if warm {
            let mut snapshot = serde_json::to_value(build(1).snapshot()).unwrap();
            let cells = world.iter().enumerate().map(|(arm, &(_, won, lost))| {
                let (returned, sum) = (won + lost, u64::from(won) << 24);
                let cell =
                    serde_json::json!({"issued": returned, "returned": returned, "sum": sum, "squares": sum});
                serde_json::json!([0, arm, cell])
            });
            snapshot["generations"][0]["cells"] = cells.collect();
            bandit.restore(&serde_json::from_value(snapshot).unwrap()).unwrap();
        }
        let rates = world.into_iter().map(|(rate, _, _)| rate).collect();
        Self { all: space.all(), bandit, rates, rng: Xoshiro256PlusPlus::seed_from_u64(1) }
    }

    fn observe(&mut self) {
        let decision = self.bandit.select(EVERYONE, &self.all, &mut self.rng).unwrap();
        let paid = self.rng.random_bool(self.rates[decision.arm().index()]);
        self.bandit.reward(&decision, Reward::from(paid)).unwrap();
    }
}

/// The loop of a weekend: largest index of all arms, the first of those that tie.
struct Naive {
    arms: Vec<(f64, f64, f64)>,
    total: f64,
    rng: Xoshiro256PlusPlus,
}

impl Naive {
    fn new(arms: u32) -> Self {
        let arms: Vec<_> = world(arms)
            .into_iter()
            .map(|(rate, won, lost)| (rate, f64::from(won), f64::from(won + lost)))
            .collect();
        let total = arms.iter().map(|arm| arm.2).sum();
        Self { arms, total, rng: Xoshiro256PlusPlus::seed_from_u64(1) }
    }

    fn observe(&mut self) {
        let numerator = 2.0 * self.total.ln();
        let mut best = (0, f64::NEG_INFINITY);
        for (arm, &(_, sum, count)) in self.arms.iter().enumerate() {
            let index = sum / count + (numerator / count).sqrt();
            if index > best.1 {
                best = (arm, index);
            }
        }
        let arm = &mut self.arms[best.0];
        arm.1 += f64::from(u8::from(self.rng.random_bool(arm.0)));
        arm.2 += 1.0;
        self.total += 1.0;
        black_box(best);
    }
}

fn warm(c: &mut Criterion) {
    let mut group = c.benchmark_group("ucb1 at every event, warm");
    for arms in ARMS {
        let mut playing = Playing::new(arms, Ucb1::default, true);
        group.bench_function(BenchmarkId::new("standing", arms), |b| b.iter(|| playing.observe()));
        let mut playing = Playing::new(arms, || Hidden(Ucb1::default()), true);
        group.bench_function(BenchmarkId::new("loop", arms), |b| b.iter(|| playing.observe()));
        let mut naive = Naive::new(arms);
        group.bench_function(BenchmarkId::new("naive", arms), |b| b.iter(|| naive.observe()));
    }
    group.finish();
}

/// Per observation, over the first of all.
fn cold(c: &mut Criterion) {
    let mut group = c.benchmark_group("ucb1 at every event, cold");
    for arms in ARMS {
        let mut playing = Playing::new(arms, Ucb1::default, false);
        let mut played = 0;
        group.bench_function(BenchmarkId::new("standing", arms), |b| {
            b.iter_custom(|observations| {
                let mut time = Duration::ZERO;
                for _ in 0..observations {
                    if played == COLD {
                        (playing, played) = (Playing::new(arms, Ucb1::default, false), 0);
                    }
                    let start = Instant::now();
                    playing.observe();
                    time += start.elapsed();
                    played += 1;
                }
                time
            });
        });
    }
    group.finish();
}

/// Thompson sampling that does not tell that it is regular.
#[derive(Debug)]
struct Irregular(Thompson);

impl Policy for Irregular {
    fn name(&self) -> String {
        self.0.name()
    }

    fn observes(&self) -> Observes {
        self.0.observes()
    }

    fn probabilities(&self, view: &View<'_>) -> Probabilities {
        self.0.probabilities(view)
    }
}

/// Time for so many plans of sets that have none yet.
fn misses(playing: &mut Playing, misses: u64) -> Duration {
    let Playing { bandit, all, rng, .. } = playing;
    let mut time = Duration::ZERO;
    for missed in 0..misses {
        let full = bandit.plan(EVERYONE, all).unwrap();
        let leads = |arm| full.propensity(arm) > full.even_share();
        let set = bandit.arms().eligible(|arm| leads(arm.id()) || rng.random_bool(0.7));
        let start = Instant::now();
        black_box(bandit.plan(EVERYONE, &set).unwrap());
        time += start.elapsed();
        // Room for others: what nobody asks for again is dropped at the second refresh.
        if missed % 24 == 23 {
            for _ in 0..2 {
                let decision = bandit.select(EVERYONE, all, rng).unwrap();
                bandit.reward(&decision, Reward::FAILURE).unwrap();
                bandit.refresh();
            }
        }
    }
    time
}

fn miss(c: &mut Criterion) {
    let mut group = c.benchmark_group("thompson, miss");
    for arms in ARMS {
        let mut playing = Playing::new(arms, Thompson::default, true);
        group.bench_function(BenchmarkId::new("taken", arms), |b| {
            b.iter_custom(|iterations| misses(&mut playing, iterations));
        });
        let mut playing = Playing::new(arms, || Irregular(Thompson::default()), true);
        group.bench_function(BenchmarkId::new("computed", arms), |b| {
            b.iter_custom(|iterations| misses(&mut playing, iterations));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = warm, cold, miss
}
criterion_main!(benches);
