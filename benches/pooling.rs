//! Refreshes of pooled Thompson sampling, from the counters to the probabilities, from a cold mode; beside the textbook's way.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use rand::distr::Distribution;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rand_distr::Beta as BetaLaw;
use tactful::belief::{Beta, Tried};
use tactful::policy::{Policy, PooledThompson, Portfolio, View};
use tactful::{ArmId, ArmSpace, ArmStatistics, SegmentId, Segments};

/// Counters of one segment.
#[derive(Debug)]
struct Counters {
    space: ArmSpace,
    segments: Segments,
    statistics: Vec<ArmStatistics>,
}

impl Portfolio for Counters {
    fn segments(&self) -> Vec<SegmentId> {
        vec![SegmentId::new(0)]
    }

    fn posteriors(&self, _: SegmentId, arms: &[ArmId]) -> Vec<Beta> {
        vec![Beta::UNIFORM; arms.len()]
    }

    fn space(&self) -> &ArmSpace {
        &self.space
    }

    fn segmentation(&self) -> &Segments {
        &self.segments
    }

    fn tried(&self, _: SegmentId) -> Vec<Tried> {
        let told = self.space.iter().zip(&self.statistics).filter(|(_, told)| told.returned() > 0);
        told.map(|(arm, told)| Tried { arm: arm.id(), trials: told.returned() as f64, earned: told.sum() })
            .collect()
    }
}

/// Results after so many sends, one in a hundred to any arm and the others to arms that are good, by the levels.
fn counters(sizes: &[usize], sends: u64) -> Counters {
    let numbers = |count: usize| (0..count).map(|number| number.to_string());
    let space = sizes.iter().enumerate().fold(ArmSpace::builder(), |builder, (factor, &size)| {
        builder.dimension(factor.to_string(), numbers(size))
    });
    let space = space.build().expect("few levels");
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let effects: Vec<Vec<f64>> =
        sizes.iter().map(|&size| (0..size).map(|_| rng.random_range(-0.4..0.4)).collect()).collect();
    let logits: Vec<f64> = space
        .iter()
        .map(|arm| {
            -3.0 + arm.level_indices().zip(&effects).map(|(level, effects)| effects[level]).sum::<f64>()
        })
        .collect();
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
    let mut counts = vec![(0_u64, 0_u64); logits.len()];
    for _ in 0..sends {
        let arm = match rng.random_bool(0.01) {
            true => rng.random_range(0..logits.len()),
            // The better, the more often: the k-th of all as often as 1 / k.
            false => {
                order[((logits.len() as f64).powf(rng.random_range(0.0..1.0)) as usize).min(logits.len()) - 1]
            }
        };
        let paid = rng.random_bool(1.0 / (1.0 + (-logits[arm]).exp()));
        counts[arm] = (counts[arm].0 + 1, counts[arm].1 + u64::from(paid));
    }
    let statistics = counts.iter().map(|&(trials, paid)| {
        ArmStatistics::binary(trials, paid, trials - paid).expect("no more paid than were sent")
    });
    Counters { statistics: statistics.collect(), space, segments: Segments::single() }
}

fn pooling(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pooling");
    group.sample_size(10);
    for (name, sizes, sends) in [
        ("48 arms", &[4, 3, 4][..], 10_000),
        ("192 arms", &[4, 4, 3, 4][..], 10_000),
        ("30000 arms, 1e4 sends", &[25, 6, 5, 40][..], 10_000),
        ("30000 arms, 1e5 sends", &[25, 6, 5, 40][..], 100_000),
    ] {
        let counters = counters(sizes, sends);
        let arms: Vec<ArmId> = counters.space.iter().map(|arm| arm.id()).collect();
        let posteriors: Vec<Beta> = counters
            .statistics
            .iter()
            .map(|told| Beta::UNIFORM.updated(told.sum(), told.returned() as f64 - told.sum()))
            .collect();
        let view = View::new(&arms, &posteriors, &counters.statistics).with_portfolio(&counters);
        let pooled = PooledThompson::default();
        group.bench_function(format!("pooled/{name}"), |b| b.iter(|| black_box(pooled.probabilities(&view))));
        let alone = pooled.without_pairs();
        group.bench_function(format!("without pairs/{name}"), |b| {
            b.iter(|| black_box(alone.probabilities(&view)))
        });
        // What everyone writes: a Beta variate for each arm in each draw, which knows nothing of levels.
        let laws: Vec<BetaLaw<f64>> =
            posteriors.iter().map(|beta| BetaLaw::new(beta.alpha(), beta.beta()).expect("a Beta")).collect();
        let draws = if arms.len() > 1_024 { 64 } else { 256 };
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(2);
        group.bench_function(format!("naive/{name}"), |b| {
            b.iter(|| {
                let mut wins = vec![0_u32; laws.len()];
                for _ in 0..draws {
                    let drawn = laws.iter().map(|law| law.sample(&mut rng)).enumerate();
                    let best = drawn.max_by(|a, b| a.1.total_cmp(&b.1)).expect("an arm");
                    wins[best.0] += 1;
                }
                black_box(wins)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, pooling);
criterion_main!(benches);
