//! Offline evaluation: rounds a second by IPS and SNIPS, by all estimators, from a file, and what a bootstrap takes.
//!
//! Values, standard errors and intervals, on one thread. Beside them what people would write: one loop over two columns.
//! `cargo bench --bench evaluation`; compare within one run.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use tactful::evaluation::{
    ArmGroups, Estimator, Evaluator, Interval, Log, PooledModel, Question, Rejection, Round, TargetTable,
    WeightedRounds, replay,
};
use tactful::{ArmId, ArmSpace, Bandit, Reward, RewardKind, SegmentId, Segments};

const ARMS: u32 = 16;
const SEGMENTS: u32 = 10;
const ROUNDS: usize = 1_000_000;

/// Rounds of 16 arms in four by four levels and ten segments; all arms alike, or each round with a propensity of its own.
fn log(own_propensities: bool) -> Log {
    let levels = |letter: char| (0..4).map(move |level| format!("{letter}{level}"));
    let arms = ArmSpace::builder().dimension("template", levels('t')).dimension("time", levels('h'));
    let segments = Segments::builder().attribute("stage", (0..SEGMENTS).map(|stage| format!("s{stage}")));
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let rounds: Vec<Round> = (0..ROUNDS)
        .map(|_| {
            let arm = rng.random_range(0..ARMS);
            Round {
                segment: SegmentId::new(rng.random_range(0..SEGMENTS)),
                arm: ArmId::new(arm),
                propensity: match own_propensities {
                    true => (0.75 + 0.5 * rng.random::<f64>()) / f64::from(ARMS),
                    false => 1.0 / f64::from(ARMS),
                },
                reward: Reward::from(rng.random_bool(0.02 + 0.005 * f64::from(arm))),
                eligible: None,
            }
        })
        .collect();
    match (arms.build(), segments.build()) {
        (Ok(arms), Ok(segments)) => Log::new(arms, segments, RewardKind::Binary, rounds).expect("a log"),
        errors => panic!("{errors:?}"),
    }
}

/// A target that prefers later arms, differently by segment.
fn target() -> TargetTable {
    let row = |segment: u32| {
        let weights: Vec<f64> = (0..ARMS).map(|arm| f64::from(1 + (arm + segment) % ARMS)).collect();
        let sum: f64 = weights.iter().sum();
        weights.into_iter().map(|weight| weight / sum).collect::<Vec<_>>()
    };
    TargetTable::new((0..SEGMENTS).map(row)).expect("rows that sum to one")
}

/// Both values and their errors, in one loop after another.
fn naive(weights: &[f64], rewards: &[f64]) -> [f64; 4] {
    let n = weights.len() as f64;
    let (mut sum, mut total) = (0.0, 0.0);
    for (w, r) in weights.iter().zip(rewards) {
        sum += w * r;
        total += w;
    }
    let (ips, snips) = (sum / n, sum / total);
    let (mut spread, mut ratio) = (0.0, 0.0);
    for (w, r) in weights.iter().zip(rewards) {
        spread += (w * r - ips).powi(2);
        ratio += (w * (r - snips)).powi(2);
    }
    [ips, spread.sqrt() / n, snips, ratio.sqrt() / total]
}

/// A file that is in the system's cache, read and evaluated; what people would write beside it.
#[cfg(feature = "csv")]
fn from_disk<M: criterion::measurement::Measurement>(
    group: &mut criterion::BenchmarkGroup<'_, M>,
    log: &Log,
    target: &TargetTable,
) {
    use std::fmt::Write as _;
    use std::fs;
    use tactful::evaluation::{Stream, csv::Columns};

    let path = std::env::temp_dir().join(format!("tactful-bench-{}.csv", std::process::id()));
    let mut text = "stage,arm,propensity,reward\n".to_owned();
    for round in log.rounds() {
        let (segment, arm) = (round.segment.index(), round.arm.index());
        let _ = writeln!(text, "s{segment},a{arm},{},{}", round.propensity, round.reward.value());
    }
    fs::write(&path, text).expect("a place for files");
    let plain = Evaluator::default().estimators([Estimator::Ips, Estimator::Snips]);
    let columns = Columns::new("arm", "reward").segment("stage").propensity("propensity");
    group.bench_function("ips and snips/csv on disk", |bencher| {
        bencher.iter(|| {
            let log = columns.open(black_box(&path)).expect("a log");
            plain.evaluate(&Question::new(&log, target))
        });
    });
    group.bench_function("ips and snips/csv on disk, read twice and not kept", |bencher| {
        bencher.iter(|| {
            let file = columns.survey(black_box(&path)).expect("a log");
            file.evaluate(Stream::builder(file.outline().clone(), target).evaluator(plain.clone()))
        });
    });
    group.bench_function("ips and snips/csv on disk, naive loop", |bencher| {
        bencher.iter(|| {
            let text = fs::read_to_string(black_box(&path)).expect("text");
            let (mut weights, mut rewards) = (Vec::new(), Vec::new());
            for line in text.lines().skip(1) {
                let fields: Vec<&str> = line.split(',').collect();
                let propensity: f64 = fields[2].parse().expect("a number");
                weights.push(1.0 / f64::from(ARMS) / propensity);
                rewards.push(fields[3].parse().expect("a number"));
            }
            naive(&weights, &rewards)
        });
    });
    let _ = fs::remove_file(path);
}

fn evaluation(criterion: &mut Criterion) {
    let (log, varied, target) = (log(false), log(true), target());
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(2);
    let weights: Vec<f64> = (0..ROUNDS).map(|_| 2.0 * rng.random::<f64>()).collect();
    let rewards: Vec<f64> = (0..ROUNDS).map(|_| f64::from(u8::from(rng.random_bool(0.05)))).collect();
    let rounds = WeightedRounds::new(weights.clone(), rewards.clone()).expect("columns");
    let plain = Evaluator::default().estimators([Estimator::Ips, Estimator::Snips]);

    let mut group = criterion.benchmark_group("evaluation");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(3))
        .throughput(Throughput::Elements(ROUNDS as u64));
    group.bench_function("ips and snips/columns", |bencher| {
        bencher.iter(|| plain.evaluate(black_box(&rounds)))
    });
    group.bench_function("ips and snips/naive loop", |bencher| {
        bencher.iter(|| naive(black_box(&weights), black_box(&rewards)));
    });
    let question = Question::new(&log, &target);
    group
        .bench_function("ips and snips/log", |bencher| bencher.iter(|| plain.evaluate(black_box(&question))));

    let question = Question::new(&varied, &target);
    group.bench_function("ips and snips/log, propensities of their own", |bencher| {
        bencher.iter(|| plain.evaluate(black_box(&question)));
    });
    #[cfg(feature = "csv")]
    from_disk(&mut group, &log, &target);

    let model = PooledModel::fit(&log);
    let groups = ArmGroups::by_dimensions(log.arms(), ["template"]).expect("a dimension");
    let question = Question::new(&log, &target).model(&model).dimensions(&groups);
    let all = Evaluator::default();
    group.bench_function("all estimators/lambda chosen", |bencher| {
        bencher.iter(|| all.evaluate(black_box(&question)));
    });
    let given = Evaluator::default().lambda(2.0);
    group.bench_function("all estimators/lambda given", |bencher| {
        bencher.iter(|| given.evaluate(black_box(&question)));
    });
    group
        .bench_function("fit the pooled model", |bencher| bencher.iter(|| PooledModel::fit(black_box(&log))));
    for estimator in [Estimator::Ips, Estimator::Snips] {
        let bootstrap =
            Evaluator::default().estimators([estimator]).interval(Interval::Bootstrap { resamples: 1000 });
        group.bench_function(format!("bootstrap of 1,000/{estimator}"), |bencher| {
            bencher.iter(|| bootstrap.evaluate(black_box(&rounds)));
        });
    }
    let uniform = log.clone().declare_uniform().expect("even propensities");
    group.bench_function("replay/thompson, learning", |bencher| {
        bencher.iter(|| {
            let bandit =
                Bandit::builder(uniform.arms().clone(), uniform.segments().clone()).incarnation(0).build();
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
            replay(&bandit.expect("a bandit"), black_box(&uniform), Rejection::default(), &mut rng)
        });
    });
    group.finish();
}

criterion_group!(benches, evaluation);
criterion_main!(benches);
