//! Pooling over dimensions: plans are functions of the counters, propensities are exact, and levels in common are learnt from.

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use statrs::distribution::{ChiSquared, ContinuousCDF};
use tactful::belief::Tried;
use tactful::belief::effects::{Added, Cells, Factors, LevelEffects, ScalePrior};
use tactful::policy::{Policy, PooledSegments, PooledThompson, SharpenedThompson, Thompson, named};
use tactful::simulation::{BernoulliArms, Experiment};
use tactful::{ArmSpace, Bandit, Cadence, Decision, Refresh, Reward, SegmentId, Segments};

fn numbers(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| number.to_string())
}

/// 4 × 3 × 4 arms less two, two segments, plans that stay until they are refreshed by hand.
fn bandit(policy: impl Policy + 'static) -> Bandit {
    let arms = ArmSpace::builder()
        .dimension("template", numbers(4))
        .dimension("channel", numbers(3))
        .dimension("time", numbers(4))
        .forbid([("template", "1"), ("channel", "2"), ("time", "0")])
        .forbid([("template", "3"), ("channel", "0"), ("time", "3")])
        .build()
        .unwrap();
    let segments = Segments::builder().attribute("stage", ["early", "late"]).build().unwrap();
    Bandit::builder(arms, segments)
        .policy(policy)
        .refresh(Refresh::Manual)
        .exploration(0.0)
        .incarnation(1)
        .build()
        .unwrap()
}

/// So many decisions of a bandit, with what they paid: templates and times matter, and late segments pay less.
fn decided(bandit: &Bandit, decisions: usize) -> Vec<(Decision, Reward)> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
    let all = bandit.arms().all();
    let outcomes = (0..decisions).map(|round| {
        let segment = SegmentId::new(round as u32 % 2);
        let decision = bandit.select(segment, &all, &mut rng).unwrap();
        let levels: Vec<usize> = bandit.arms().arm(decision.arm()).level_indices().collect();
        let rate = 0.05 + 0.04 * levels[0] as f64 + 0.03 * levels[2] as f64 - 0.03 * (round % 2) as f64;
        (decision, Reward::from(rng.random_bool(rate)))
    });
    outcomes.collect()
}

#[test]
fn reproducible_and_order_free_pooled_plans() {
    // So many draws that chance does not make two plans of the same counters differ by much.
    let policy = PooledThompson::default().draws(1_024);
    let [first, second, other] = [policy, policy, policy.seed(1)].map(bandit);
    let mut outcomes = decided(&first, 1_500);
    for (decision, reward) in &outcomes {
        first.reward(decision, *reward).unwrap();
    }
    // The others make the same decisions from the same words, as nothing is learnt meanwhile.
    outcomes = decided(&second, 1_500);
    for (decision, reward) in outcomes.iter().rev() {
        second.reward(decision, *reward).unwrap();
    }
    for (decision, reward) in &decided(&other, 1_500) {
        other.reward(decision, *reward).unwrap();
    }
    for bandit in [&first, &second, &other] {
        bandit.refresh();
    }
    let no_first = first.arms().eligible(|arm| arm.level("template") != "0");
    for set in [first.arms().all(), no_first] {
        for segment in [0, 1].map(SegmentId::new) {
            let plans = [&first, &second, &other].map(|bandit| bandit.plan(segment, &set).unwrap());
            let shares = plans.map(|plan| set.iter().map(|arm| plan.propensity(arm)).collect::<Vec<_>>());
            assert_eq!(shares[0], shares[1], "the same counters, the same plan");
            assert_ne!(shares[0], shares[2], "another seed, other draws");
            let apart: f64 = shares[0].iter().zip(&shares[2]).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0;
            assert!(apart < 0.35, "but about the same plan, from 256 draws: {apart}");
        }
    }
}

/// Insured alone, the plan of a segment is the one it would have by what it borrows from others.
#[test]
fn segments_insure_by_what_others_know() {
    let insured = bandit(PooledThompson::default().insurance(1.0).unwrap());
    let pooled = bandit(PooledSegments::new(SharpenedThompson::default()));
    for bandit in [&insured, &pooled] {
        for (decision, reward) in &decided(bandit, 1_500) {
            bandit.reward(decision, *reward).unwrap();
        }
        bandit.refresh();
    }
    let all = insured.arms().all();
    for segment in [0, 1].map(SegmentId::new) {
        let [own, other] = [&insured, &pooled].map(|bandit| bandit.plan(segment, &all).unwrap());
        for arm in all.iter() {
            let (own, other) = (own.propensity(arm), other.propensity(arm));
            assert!((own - other).abs() < 1e-12, "{own} against {other}");
        }
    }
}

/// Pearson's χ² of 10⁶ draws against the propensities, cells of small expectation pooled, at level 10⁻⁶.
#[test]
fn exact_propensity_of_pooled_plans() {
    let few = || bandit(Thompson::default()).arms().clone();
    // More than are insured: draws are tempered, and go by the effects.
    let many = || {
        let builder =
            ArmSpace::builder().dimension("template", numbers(20)).dimension("channel", numbers(10));
        builder.dimension("time", numbers(10)).build().unwrap()
    };
    let two = || Segments::builder().attribute("stage", ["early", "late"]).build().unwrap();
    let cases = [
        ("pooled-thompson", few(), Segments::single()),
        ("pooled-thompson(trust-structure)", few(), Segments::single()),
        ("pooled-thompson(draws=2,insurance=1)", few(), Segments::single()),
        ("pooled-thompson", few(), two()),
        ("pooled-thompson", many(), Segments::single()),
    ];
    for (name, arms, segments) in cases {
        let policy = named(name, 1_000).unwrap();
        let bandit = Bandit::builder(arms, segments)
            .boxed_policy(policy)
            .refresh(Refresh::Manual)
            .exploration(0.01)
            .incarnation(1)
            .build()
            .unwrap();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(11);
        let all = bandit.arms().all();
        for round in 0..2_000 + bandit.arms().len() as u32 {
            let segment = SegmentId::new(round % bandit.segments().len() as u32);
            let decision = bandit.select(segment, &all, &mut rng).unwrap();
            bandit
                .reward(&decision, Reward::from(rng.random_bool(0.1 + 1e-4 * f64::from(round % 100))))
                .unwrap();
        }
        bandit.refresh();
        let some = bandit.arms().eligible(|arm| arm.level("channel") != "1" && arm.id().index() % 5 != 0);
        let plan = bandit.plan(SegmentId::new(0), &some).unwrap();
        let sum: f64 = some.iter().map(|arm| plan.propensity(arm)).sum();
        assert!(sum == 1.0, "{name}: {sum}");
        const DRAWS: u64 = 1_000_000;
        let mut observed = vec![0_u64; bandit.arms().len()];
        for _ in 0..DRAWS {
            let decision = bandit.select(SegmentId::new(0), &some, &mut rng).unwrap();
            assert!(decision.propensity() == plan.propensity(decision.arm()));
            observed[decision.arm().index()] += 1;
        }
        assert_eq!(some.iter().map(|arm| observed[arm.index()]).sum::<u64>(), DRAWS, "only who is eligible");
        let (mut statistic, mut cells, mut small) = (0.0, 0_u32, (0.0, 0.0));
        for arm in some.iter() {
            let (seen, expected) = (observed[arm.index()] as f64, plan.propensity(arm) * DRAWS as f64);
            if expected < 10.0 {
                small = (small.0 + seen, small.1 + expected);
            } else {
                statistic += (seen - expected).powi(2) / expected;
                cells += 1;
            }
        }
        assert!(small.0 <= 10.0 * small.1 + 20.0);
        let p = ChiSquared::new(f64::from(cells.max(2) - 1)).unwrap().sf(statistic);
        assert!(p > 1e-6, "{name}: χ² has p = {p}");
    }
}

/// 48 arms whose logits are sums of effects of levels, at rates of 2.7 to 11.4 %. After 3,000 sends, flat Thompson has lost
/// about 140 and pooled 80, each run with a deviation of some 20: means over 10 runs that meet at 100 are one in 10⁶.
#[test]
fn levels_in_common_are_learnt_from() {
    let effects: [&[f64]; 3] = [&[-0.35, -0.1, 0.1, 0.35], &[-0.2, 0.0, 0.2], &[-0.2, -0.1, 0.1, 0.2]];
    let arms = effects.iter().enumerate().fold(ArmSpace::builder(), |builder, (number, levels)| {
        builder.dimension(number.to_string(), numbers(levels.len()))
    });
    let arms = arms.build().unwrap();
    let rate = |levels: Vec<usize>| {
        let sum: f64 = effects.iter().zip(levels).map(|(effects, level)| effects[level]).sum();
        1.0 / (1.0 + (2.817_f64 - 1.023 * sum).exp())
    };
    let means = arms.iter().map(|arm| rate(arm.level_indices().collect())).collect();
    let world = BernoulliArms::of(arms, means).unwrap();
    let experiment = Experiment::new(&world, 3_000).cadence(Cadence::growth(0.02).unwrap());
    let lost = |policy: &dyn Policy| experiment.run(policy, 10, 77).regret.last().unwrap().mean;
    let (flat, pooled) = (lost(&Thompson::default()), lost(&PooledThompson::default()));
    assert!(pooled < 100.0 && pooled < 0.75 * flat, "pooled {pooled}, flat {flat}");
}

/// One arm of the worst levels pays more than all others: insurance finds it in all of 8 runs, who trusts the structure alone in about
/// half of them. Means of the share of all sends that went to it: 0.88 and 0.48.
#[test]
fn insurance_finds_an_arm_that_is_better_than_its_levels() {
    let arms =
        ArmSpace::builder().dimension("a", numbers(4)).dimension("b", numbers(3)).dimension("c", numbers(4));
    let arms = arms.build().unwrap();
    let rate = |arm: tactful::Arm<'_>| {
        let sum: f64 =
            arm.level_indices().zip([0.2, 0.1, 0.1]).map(|(level, step)| step * level as f64).sum();
        1.0 / (1.0 + (3.5 - sum).exp())
    };
    let mut means: Vec<f64> = arms.iter().map(rate).collect();
    means[0] = 0.16;
    let world = BernoulliArms::of(arms, means).unwrap();
    let experiment = Experiment::new(&world, 20_000).cadence(Cadence::growth(0.05).unwrap());
    let found = |policy: PooledThompson| *experiment.run(&policy, 8, 5).best_arm_share.last().unwrap();
    let (insured, trusting) = (found(PooledThompson::default()), found(PooledThompson::trust_structure()));
    assert!(insured > 0.75 && trusting < insured - 0.2, "insured {insured}, trusting {trusting}");
}

/// What two levels do together: a row for each of the first.
type Pairs = Vec<Vec<f64>>;

/// Effects drawn as the model has it, of arms with so many levels of dimensions: those of levels and those of pairs, each counted from
/// the means of their levels, and the logits of all arms.
struct Drawn {
    mains: Vec<Vec<f64>>,
    /// By dimensions, then by levels.
    pairs: Vec<((usize, usize), Pairs)>,
    logits: Vec<f64>,
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

impl Drawn {
    /// With deviations of 0.3 for levels, 0.2 for pairs, and so much for arms.
    fn of(arms: &ArmSpace, own: f64, rng: &mut Xoshiro256PlusPlus) -> Self {
        let sizes: Vec<usize> = arms.dimensions().map(|(_, levels)| levels.len()).collect();
        let mut normal = |deviation: f64| -> f64 {
            // Twelve uniform numbers less six: near enough, and of variance 1.
            deviation * ((0..12).map(|_| rng.random_range(0.0..1.0)).sum::<f64>() - 6.0)
        };
        let mut mains: Vec<Vec<f64>> =
            sizes.iter().map(|&size| (0..size).map(|_| normal(0.3)).collect()).collect();
        let mut pairs = Vec::new();
        for g in 1..sizes.len() {
            for f in 0..g {
                let row = |_| (0..sizes[g]).map(|_| normal(0.2)).collect();
                pairs.push(((f, g), (0..sizes[f]).map(row).collect::<Pairs>()));
            }
        }
        let logits = arms.iter().map(|arm| {
            let levels: Vec<usize> = arm.level_indices().collect();
            let levels_alone: f64 = levels.iter().enumerate().map(|(f, &level)| mains[f][level]).sum();
            let together: f64 = pairs.iter().map(|((f, g), pair)| pair[levels[*f]][levels[*g]]).sum();
            levels_alone + together + normal(own)
        });
        let logits = logits.collect();
        for ((f, g), pair) in &mut pairs {
            let rows: Vec<f64> = pair.iter().map(|row| mean(row.iter().copied())).collect();
            let columns: Vec<f64> =
                (0..sizes[*g]).map(|column| mean(pair.iter().map(|row| row[column]))).collect();
            let all = mean(rows.iter().copied());
            for (row, mean) in pair.iter_mut().zip(&rows) {
                row.iter_mut().zip(&columns).for_each(|(pair, column)| *pair -= mean + column - all);
            }
            mains[*f].iter_mut().zip(&rows).for_each(|(main, row)| *main += row);
            mains[*g].iter_mut().zip(&columns).for_each(|(main, column)| *main += column);
        }
        for main in &mut mains {
            let mean = mean(main.iter().copied());
            main.iter_mut().for_each(|main| *main -= mean);
        }
        Self { mains, pairs, logits }
    }
}

/// Of effects drawn as the model has it, intervals of 95 % hold nearly so many, those of the ten strongest pairs included: 40 worlds of
/// 4 + 5 + 6 levels and 74 pairs, and 40 of 5 + 6 levels, whose 30 pairs are the arms. Pairs vary twice as much as expected. Intervals
/// of a world hang together, hence down to 91 %; pairs are told for their looks, hence down to 88 %. (Given the most probable scales
/// they held 92 and 95 % of levels, and 88 and 75 % of pairs.)
#[test]
fn intervals_of_level_effects_cover() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(21);
    let mut toss = Xoshiro256PlusPlus::seed_from_u64(22);
    for (sizes, own) in [(&[4, 5, 6][..], 0.1), (&[5, 6], 0.0)] {
        let names = ["0", "1", "2"];
        let builder = names.into_iter().zip(sizes);
        let builder = builder
            .fold(ArmSpace::builder(), |builder, (name, &size)| builder.dimension(name, numbers(size)));
        let arms = builder.build().unwrap();
        let (mut levels, mut pairs) = ((0, 0), (0, 0));
        for _ in 0..40 {
            let drawn = Drawn::of(&arms, own, &mut rng);
            let mut cells = Cells::new(Factors::of(&arms, &Segments::single()));
            let tried = arms.iter().zip(&drawn.logits).map(|(arm, logit)| {
                let rate = 1.0 / (1.0 + (2.0 - logit).exp());
                let earned = (0..400).filter(|_| toss.random_bool(rate)).count() as f64;
                Tried { arm: arm.id(), trials: 400.0, earned }
            });
            cells.add(&arms, SegmentId::new(0), &tried.collect::<Vec<_>>());
            let effects = LevelEffects::of(cells, &arms, &Segments::single(), &ScalePrior::default());
            let note = |told: &mut (u32, u32), added: Added, truth: f64| {
                *told = (told.0 + u32::from((added.low..added.high).contains(&truth)), told.1 + 1);
            };
            for (factor, main) in effects.factors.iter().zip(&drawn.mains) {
                assert!(!factor.is_segment);
                for (level, truth) in factor.levels.iter().zip(main) {
                    note(&mut levels, level.logit, *truth);
                }
                let sum: f64 = factor.levels.iter().map(|level| level.logit.value).sum();
                assert!(sum.abs() < 1e-9, "{}: {sum}", factor.name);
            }
            assert_eq!(effects.pairs.len(), 10);
            for pair in &effects.pairs {
                let [f, g, level, other] = [&pair.first.0, &pair.second.0, &pair.first.1, &pair.second.1]
                    .map(|number| number.parse::<usize>().unwrap());
                let (_, truth) = drawn.pairs.iter().find(|(factors, _)| *factors == (f, g)).unwrap();
                note(&mut pairs, pair.logit, truth[level][other]);
            }
        }
        let share = |(held, told): (u32, u32)| f64::from(held) / f64::from(told);
        println!("{sizes:?}: levels {} of {}, pairs {} of {}", levels.0, levels.1, pairs.0, pairs.1);
        assert!((0.91..=0.98).contains(&share(levels)), "{sizes:?}: {levels:?}");
        assert!((0.88..=0.98).contains(&share(pairs)), "{sizes:?}: {pairs:?}");
    }
}
