//! Refreshes of pooled Thompson sampling, from the counters to the probabilities, from a cold mode; beside the textbook's way.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use rand::distr::Distribution;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rand_distr::StandardNormal;
use tactful::belief::{Beta, Tried};
use tactful::policy::{Policy, PooledThompson, Portfolio, View};
use tactful::{ArmId, ArmSpace, ArmStatistics, SegmentId, Segments};

/// Counters of one segment, by which a policy has learnt.
#[derive(Debug)]
struct Counters {
    space: ArmSpace,
    segments: Segments,
    arms: Vec<ArmId>,
    statistics: Vec<ArmStatistics>,
    posteriors: Vec<Beta>,
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
        let told = self.arms.iter().zip(&self.statistics).filter(|(_, told)| told.returned() > 0);
        told.map(|(&arm, told)| Tried { arm, trials: told.returned() as f64, earned: told.sum() }).collect()
    }
}

impl Counters {
    fn view(&self) -> View<'_> {
        View::new(&self.arms, &self.posteriors, &self.statistics).with_portfolio(self)
    }
}

/// The counters after each of these numbers of sends by the plans of a policy, with a plan at each growth of 5 % and one send in a
/// hundred to any arm. Rates are about 3 %; four fifths of the variance of logits are of levels, most of the rest of pairs.
fn learnt(sizes: &[usize], policy: &PooledThompson, stops: &[u64]) -> Vec<Counters> {
    let numbers = |count: usize| (0..count).map(|number| number.to_string());
    let space = sizes.iter().enumerate().fold(ArmSpace::builder(), |builder, (factor, &size)| {
        builder.dimension(factor.to_string(), numbers(size))
    });
    let space = space.build().expect("few levels");
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut normals = |count: usize, deviation: f64| -> Vec<f64> {
        (0..count).map(|_| deviation * Distribution::<f64>::sample(&StandardNormal, &mut rng)).collect()
    };
    let mains: Vec<Vec<f64>> = sizes.iter().map(|&size| normals(size, 0.2)).collect();
    let ordered = |f: usize| (0..f).map(move |before| (before, f));
    let pairs: Vec<(usize, usize)> = (0..sizes.len()).flat_map(ordered).collect();
    let tables: Vec<Vec<f64>> = pairs.iter().map(|&(f, g)| normals(sizes[f] * sizes[g], 0.08)).collect();
    let rate = |levels: &[usize]| {
        let main: f64 = levels.iter().zip(&mains).map(|(&level, effects)| effects[level]).sum();
        let pairs = pairs.iter().zip(&tables);
        let pair: f64 = pairs.map(|(&(f, g), table)| table[levels[f] * sizes[g] + levels[g]]).sum();
        1.0 / (1.0 + (3.5 - main - pair).exp())
    };
    let rates: Vec<f64> =
        space.iter().map(|arm| rate(&arm.level_indices().collect::<Vec<usize>>())).collect();
    let arms: Vec<ArmId> = space.iter().map(|arm| arm.id()).collect();
    let of = |counts: &[(u64, u64)]| Counters {
        space: space.clone(),
        segments: Segments::single(),
        arms: arms.clone(),
        posteriors: vec![Beta::UNIFORM; arms.len()],
        statistics: counts
            .iter()
            .map(|&(sent, paid)| {
                ArmStatistics::binary(sent, paid, sent - paid).expect("no more paid than sent")
            })
            .collect(),
    };
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(2);
    let (mut counts, mut after) = (vec![(0, 0); arms.len()], Vec::new());
    let (mut plan, mut refresh) = (Vec::new(), 100);
    for sends in 1..=stops.last().copied().unwrap_or(0) {
        let mut left: f64 = rng.random_range(0.0..1.0);
        let drawn = plan.iter().find(|(_, share): &&(u32, f64)| {
            left -= share;
            left < 0.0
        });
        let arm = match drawn {
            Some(&(arm, _)) if !rng.random_bool(0.01) => arm as usize,
            _ => rng.random_range(0..arms.len()),
        };
        counts[arm] = (counts[arm].0 + 1, counts[arm].1 + u64::from(rng.random_bool(rates[arm])));
        if sends == refresh {
            plan = policy.probabilities(&of(&counts).view()).contenders;
            refresh += (refresh / 20).max(1);
        }
        if stops.contains(&sends) {
            after.push(of(&counts));
        }
    }
    after
}

/// What everyone writes: Newton's method on the effects of all levels (and of pairs and cells), with the precision as a full matrix,
/// and draws by solving with its factor.
#[derive(Debug)]
struct Textbook {
    /// The effects of each arm, by number.
    effects: Vec<Vec<usize>>,
    precisions: Vec<f64>,
    results: Vec<(usize, f64, f64)>,
}

impl Textbook {
    fn of(counters: &Counters, sizes: &[usize], pairs: bool, residuals: bool) -> Self {
        let mut precisions = vec![1.0 / 0.25];
        let mut table = |size: usize, deviation: f64| {
            let from = precisions.len();
            precisions.resize(from + size, 1.0 / (deviation * deviation));
            from
        };
        let mains: Vec<usize> = sizes.iter().map(|&size| table(size, 0.3)).collect();
        let mut crossed = Vec::new();
        for f in 0..if pairs { sizes.len() } else { 0 } {
            for g in f + 1..sizes.len() {
                crossed.push((f, g, table(sizes[f] * sizes[g], 0.1)));
            }
        }
        let own = if residuals { Some(table(counters.arms.len(), 0.1)) } else { None };
        let effects = counters.space.iter().map(|arm| {
            let levels: Vec<usize> = arm.level_indices().collect();
            let mut effects = vec![0];
            effects.extend(mains.iter().zip(&levels).map(|(from, level)| from + level));
            effects.extend(crossed.iter().map(|&(f, g, from)| from + levels[f] * sizes[g] + levels[g]));
            effects.extend(own.map(|from| from + arm.id().index()));
            effects
        });
        let told = counters.tried(SegmentId::new(0));
        let results = told.iter().map(|told| (told.arm.index(), told.trials, told.earned)).collect();
        Self { effects: effects.collect(), results, precisions }
    }

    /// A step, and the factor of the precision it was made with.
    fn step(&self, b: &mut [f64]) -> (f64, Vec<Vec<f64>>) {
        let size = b.len();
        let mut precision = vec![vec![0.0; size]; size];
        let mut slope: Vec<f64> =
            b.iter().zip(&self.precisions).map(|(b, precision)| -b * precision).collect();
        (0..size).for_each(|i| precision[i][i] = self.precisions[i]);
        for &(arm, trials, earned) in &self.results {
            let effects = &self.effects[arm];
            let logit: f64 = effects.iter().map(|&i| b[i]).sum::<f64>() - 3.5;
            let rate = 1.0 / (1.0 + (-logit).exp());
            for &i in effects {
                slope[i] += earned - trials * rate;
                effects.iter().for_each(|&j| precision[i][j] += trials * rate * (1.0 - rate));
            }
        }
        let mut lower = precision;
        for i in 0..size {
            for j in 0..=i {
                let sum: f64 = (0..j).map(|k| lower[i][k] * lower[j][k]).sum();
                let rest = lower[i][j] - sum;
                lower[i][j] = if i == j { rest.sqrt() } else { rest / lower[j][j] };
            }
        }
        for i in 0..size {
            let sum: f64 = (0..i).map(|k| lower[i][k] * slope[k]).sum();
            slope[i] = (slope[i] - sum) / lower[i][i];
        }
        back(&lower, &mut slope);
        b.iter_mut().zip(&slope).for_each(|(b, step)| *b += step.clamp(-1.0, 1.0));
        (slope.iter().fold(0.0, |most: f64, step| most.max(step.abs())), lower)
    }

    fn plan(&self, draws: usize, rng: &mut Xoshiro256PlusPlus) -> Vec<u32> {
        let mut b = vec![0.0; self.precisions.len()];
        let mut lower = Vec::new();
        for _ in 0..50 {
            let (longest, factor) = self.step(&mut b);
            lower = factor;
            if longest < 1e-5 {
                break;
            }
        }
        let mut wins = vec![0; self.effects.len()];
        for _ in 0..draws {
            let mut drawn: Vec<f64> = b.iter().map(|_| StandardNormal.sample(rng)).collect();
            back(&lower, &mut drawn);
            drawn.iter_mut().zip(&b).for_each(|(drawn, b)| *drawn += b);
            let logits = self.effects.iter().map(|effects| effects.iter().map(|&i| drawn[i]).sum::<f64>());
            let best = logits.enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).expect("an arm");
            wins[best.0] += 1;
        }
        wins
    }
}

/// Solves Lᵀ x = b.
fn back(lower: &[Vec<f64>], b: &mut [f64]) {
    for i in (0..b.len()).rev() {
        let sum: f64 = (i + 1..b.len()).map(|k| lower[k][i] * b[k]).sum();
        b[i] = (b[i] - sum) / lower[i][i];
    }
}

fn pooling(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pooling");
    group.sample_size(10);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
    let few = [4, 3, 4];
    let many = [25, 6, 5, 40];
    let with_pairs = PooledThompson::default();

    for counters in learnt(&few, &with_pairs, &[1_000, 10_000]) {
        let name = format!("48 arms, {} sends", sends(&counters));
        group.bench_function(format!("with pairs/{name}"), |b| {
            b.iter(|| black_box(with_pairs.probabilities(&counters.view())))
        });
        let textbook = Textbook::of(&counters, &few, true, true);
        group.bench_function(format!("naive/{name}"), |b| b.iter(|| black_box(textbook.plan(256, &mut rng))));
    }
    for (name, policy) in [("with pairs", with_pairs), ("without pairs", with_pairs.without_pairs())] {
        for counters in learnt(&many, &policy, &[10_000, 100_000, 300_000]) {
            let name = format!("{name}/30000 arms, {} sends", sends(&counters));
            group.bench_function(&name, |b| b.iter(|| black_box(policy.probabilities(&counters.view()))));
            // With pairs there are 1,822 effects beside those of single arms: a step of the textbook's takes seconds.
            if policy != with_pairs {
                let textbook = Textbook::of(&counters, &many, false, false);
                group.bench_function(format!("naive {name}"), |b| {
                    b.iter(|| black_box(textbook.plan(64, &mut rng)))
                });
            }
        }
    }
    group.finish();
}

fn sends(counters: &Counters) -> u64 {
    counters.statistics.iter().map(|told| told.returned()).sum()
}

criterion_group!(benches, pooling);
criterion_main!(benches);
