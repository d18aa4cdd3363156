//! The refresh of a Thompson plan: read counters, form posteriors, integrate, build the table, publish.
//!
//! `whole` is one [`Bandit::refresh`] with one plan due, its selection and reward outside the clock; `quadrature` is the
//! probabilities alone, in a workspace that is kept. Beside them what people would write: 10,000 draws of every posterior,
//! and for few arms an integral per arm on 64 nodes with a library's distribution functions. `cargo bench --bench
//! refresh`; compare within one run.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rand_distr::Distribution;
use statrs::distribution::{Beta as LibraryBeta, Continuous, ContinuousCDF};
use tactful::belief::{Beta, best::Workspace};
use tactful::{ArmSpace, Bandit, Cadence, Decision, Eligibility, Refresh, Reward, SegmentId, Segments};

const ARMS: [u32; 3] = [16, 1_024, 30_000];
const EVERYONE: SegmentId = SegmentId::new(0);

/// Draws of the Monte Carlo estimate: a standard error of half a per cent.
const DRAWS: u32 = 10_000;

/// Decisions made ahead at a time.
const CHUNK: u64 = 10_000;

/// Pulls of each arm, as a law.
#[derive(Clone, Copy, Debug)]
enum Pulls {
    /// 100 to 300, rates 2 to 10 %.
    Varied,
    /// 0 to 4, any rate.
    NearCold,
    /// None.
    Cold,
    /// 20,000 for the first arm, 200 for the others, rates 2 to 10 %.
    OneWith100Times,
    /// 10 to 100,000, evenly on the logarithm, rates 2 to 10 %.
    Unequal,
}

const LAWS: [Pulls; 5] =
    [Pulls::Varied, Pulls::NearCold, Pulls::Cold, Pulls::OneWith100Times, Pulls::Unequal];

impl Pulls {
    /// Successes and failures of each arm.
    fn counts(self, arms: u32) -> Vec<(u32, u32)> {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(u64::from(arms));
        let mut outcomes = |arm| {
            let rate = if matches!(self, Pulls::NearCold) { 0.0..1.0 } else { 0.02..0.1 };
            let rate = rng.random_range(rate);
            let trials = match self {
                Pulls::Varied => rng.random_range(100..=300),
                Pulls::NearCold => rng.random_range(0..=4),
                Pulls::Cold => 0,
                Pulls::OneWith100Times => {
                    if arm == 0 {
                        20_000
                    } else {
                        200
                    }
                }
                Pulls::Unequal => 10_f64.powf(rng.random_range(1.0..5.0)).round() as u32,
            };
            let successes = (0..trials).filter(|_| rng.random_bool(rate)).count() as u32;
            (successes, trials - successes)
        };
        (0..arms).map(&mut outcomes).collect()
    }

    fn posteriors(self, arms: u32) -> Vec<Beta> {
        let posterior = |(won, lost)| Beta::UNIFORM.updated(f64::from(won), f64::from(lost));
        self.counts(arms).into_iter().map(posterior).collect()
    }
}

/// A bandit that knows the counts of a law, and one spare arm whose rewards make the plan of the others due without
/// changing it.
struct Due {
    bandit: Bandit,
    eligible: Eligibility,
    rng: Xoshiro256PlusPlus,
}

impl Due {
    fn new(pulls: Pulls, arms: u32) -> Self {
        let names = (0..=arms).map(|arm| arm.to_string());
        let space = ArmSpace::builder().dimension("arm", names).build().unwrap();
        let build = |incarnation| {
            Bandit::builder(space.clone(), Segments::single())
                .refresh(Refresh::Manual)
                .cadence(Cadence::EVERY_EVENT)
                .incarnation(incarnation)
                .build()
                .unwrap()
        };
        let mut snapshot = serde_json::to_value(build(1).snapshot()).unwrap();
        let known = pulls.counts(arms).into_iter().enumerate().filter(|&(_, (won, lost))| won + lost > 0);
        let cells = known.map(|(arm, (won, lost))| {
            let (returned, sum) = (won + lost, u64::from(won) << 24);
            let cell =
                serde_json::json!({"issued": returned, "returned": returned, "sum": sum, "squares": sum});
            serde_json::json!([0, arm, cell])
        });
        snapshot["generations"][0]["cells"] = cells.collect();
        let mut bandit = build(2);
        bandit.restore(&serde_json::from_value(snapshot).unwrap()).unwrap();
        let eligible = space.eligible(|arm| (arm.id().index() as u32) < arms);
        Self { bandit, eligible, rng: Xoshiro256PlusPlus::seed_from_u64(1) }
    }

    /// Time for so many refreshes of the one plan.
    fn time(&mut self, refreshes: u64) -> Duration {
        let mut time = Duration::ZERO;
        let spare = self.bandit.arms().all() - &self.eligible;
        // The first two refreshes find the spare's own plan too: they replace it, and drop it as nobody asks again.
        const FIRST: u64 = 2;
        for chunk in (0..refreshes).step_by(CHUNK as usize) {
            let events = FIRST + CHUNK.min(refreshes - chunk);
            let decide = |rng: &mut _| self.bandit.select(EVERYONE, &spare, rng).unwrap();
            let events: Vec<Decision> = (0..events).map(|_| decide(&mut self.rng)).collect();
            for (number, event) in events.iter().enumerate() {
                // Whoever is not asked for is not refreshed.
                black_box(self.bandit.select(EVERYONE, &self.eligible, &mut self.rng).unwrap());
                self.bandit.reward(event, Reward::FAILURE).unwrap();
                let start = Instant::now();
                let replaced = self.bandit.refresh();
                if number as u64 >= FIRST {
                    time += start.elapsed();
                    assert_eq!(replaced, 1);
                }
            }
        }
        time
    }
}

/// The estimate of a weekend: draw all posteriors, count who wins.
fn by_draws(posteriors: &[rand_distr::Beta<f64>], rng: &mut Xoshiro256PlusPlus) -> Vec<f64> {
    let mut wins = vec![0_u32; posteriors.len()];
    for _ in 0..DRAWS {
        let mut best = (0, f64::NEG_INFINITY);
        for (arm, posterior) in posteriors.iter().enumerate() {
            let draw = posterior.sample(rng);
            if draw > best.1 {
                best = (arm, draw);
            }
        }
        wins[best.0] += 1;
    }
    wins.into_iter().map(|wins| f64::from(wins) / f64::from(DRAWS)).collect()
}

/// The formula written down: for each arm its density times the distribution functions of all others, by the midpoint
/// rule on 64 nodes within six standard deviations.
fn by_formula(posteriors: &[LibraryBeta]) -> Vec<f64> {
    let moments = |arm: &LibraryBeta| {
        let n = arm.shape_a() + arm.shape_b();
        let mean = arm.shape_a() / n;
        (mean, (mean * (1.0 - mean) / (n + 1.0)).sqrt())
    };
    let integral = |k: usize| {
        let (mean, deviation) = moments(&posteriors[k]);
        let (from, to) = ((mean - 6.0 * deviation).max(0.0), (mean + 6.0 * deviation).min(1.0));
        let step = (to - from) / 64.0;
        let nodes = (0..64).map(|node| from + step * (f64::from(node) + 0.5));
        let others = |x| {
            let rivals = posteriors.iter().enumerate().filter(|&(j, _)| j != k);
            rivals.map(|(_, rival)| rival.cdf(x)).product::<f64>()
        };
        nodes.map(|x| step * posteriors[k].pdf(x) * others(x)).sum()
    };
    (0..posteriors.len()).map(integral).collect()
}

fn refresh(c: &mut Criterion) {
    for pulls in LAWS {
        let mut group = c.benchmark_group(format!("refresh, {pulls:?}"));
        for arms in ARMS {
            let mut due = Due::new(pulls, arms);
            group.bench_function(BenchmarkId::new("whole", arms), |b| {
                b.iter_custom(|refreshes| due.time(refreshes));
            });
            let posteriors = pulls.posteriors(arms);
            group.bench_function(BenchmarkId::new("quadrature", arms), |b| {
                let (mut workspace, mut probabilities) = (Workspace::default(), Vec::new());
                b.iter(|| workspace.probability_best(black_box(&posteriors), &mut probabilities));
            });
        }
        group.finish();
    }
}

fn naive(c: &mut Criterion) {
    let mut group = c.benchmark_group("naive, Varied");
    for arms in [16, 1_024] {
        let posteriors = Pulls::Varied.posteriors(arms);
        let of_library = |p: &Beta| rand_distr::Beta::new(p.alpha(), p.beta()).unwrap();
        let drawn: Vec<_> = posteriors.iter().map(of_library).collect();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(2);
        group.bench_function(BenchmarkId::new("10,000 draws", arms), |b| {
            b.iter(|| by_draws(&drawn, &mut rng))
        });
        if arms == 16 {
            let of_library = |p: &Beta| LibraryBeta::new(p.alpha(), p.beta()).unwrap();
            let integrated: Vec<_> = posteriors.iter().map(of_library).collect();
            group.bench_function(BenchmarkId::new("formula", arms), |b| b.iter(|| by_formula(&integrated)));
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = refresh, naive
}
criterion_main!(benches);
