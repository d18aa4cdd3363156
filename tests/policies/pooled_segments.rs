//! Segments that learn from each other: the numbers by another hand, what they borrow, and what that is worth.

use std::sync::Mutex;

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use tactful::belief::{Beta, Borrowed, Tried, borrow};
use tactful::evaluation::{Frozen, Log, Round};
use tactful::policy::{
    Observes, Policy, PooledSegments, Probabilities, SharpenedThompson, Thompson, View, named,
};
use tactful::simulation::{Effects, Experiment, FactorWorld};
use tactful::{ArmId, ArmSpace, Bandit, Cadence, Reward, RewardKind, SegmentId, Segments};

fn numbers(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| number.to_string())
}

/// Results of segments in order, as (trials, earned) of each arm.
fn results(cells: &[Vec<(u32, u32)>]) -> Vec<(SegmentId, Vec<Tried>)> {
    let mut results = Vec::new();
    for (segment, cells) in (0..).zip(cells) {
        let tried = (0..).zip(cells).filter(|(_, (trials, _))| *trials > 0);
        let tried = tried.map(|(arm, &(trials, earned))| Tried {
            arm: ArmId::new(arm),
            trials: f64::from(trials),
            earned: f64::from(earned),
        });
        results.push((SegmentId::new(segment), tried.collect()));
    }
    results
}

fn portfolio() -> (Segments, Vec<(SegmentId, Vec<Tried>)>) {
    let segments =
        Segments::builder().attribute("stage", numbers(2)).attribute("age", numbers(3)).build().unwrap();
    let cells = [
        vec![(120, 6), (80, 2), (60, 1)],
        vec![(300, 40), (10, 0), (0, 0)],
        vec![(50, 1), (40, 3), (70, 2)],
        vec![(200, 4), (150, 9), (90, 3)],
        vec![(0, 0), (0, 0), (0, 0)],
        vec![(1_000, 31), (400, 22), (30, 0)],
    ];
    (segments, results(&cells))
}

/// Computed by a program of its own, in another language, from the formulas on the page of `Borrowed`.
#[test]
fn the_numbers_are_those_of_the_formulas() {
    let (segments, results) = portfolio();
    let expected = [
        (
            1,
            [5_632.370_766_319, 169.130_204_025, 883.137_181_244],
            [
                (29.485_513_473, 212.985_806_321),
                (16.137_375_616, 198.716_734_302),
                (14.216_305_732, 206.116_802_472),
            ],
        ),
        (
            4,
            [5_632.370_766_319, 169.130_204_025, 999_999_999.0],
            [
                (41.248_666_833, 1_323.265_935_117),
                (37.270_533_597, 676.981_046_163),
                (9.064_121_622, 275.187_888_354),
            ],
        ),
    ];
    for (segment, strengths, priors) in expected {
        let Borrowed { priors: found, strengths: strength, posteriors, .. } =
            borrow(&segments, 3, &results, SegmentId::new(segment));
        for (found, expected) in strength.iter().zip(strengths) {
            assert!((found / expected - 1.0).abs() < 1e-8, "{strength:?}");
        }
        for (found, expected) in found.iter().zip(priors) {
            assert!((found.alpha() / expected.0 - 1.0).abs() < 1e-8, "{found:?}");
            assert!((found.beta() / expected.1 - 1.0).abs() < 1e-8, "{found:?}");
        }
        let (told, first) = (&results[segment as usize].1, found[0]);
        let (trials, earned) = told.first().map_or((0.0, 0.0), |told| (told.trials, told.earned));
        assert_eq!(posteriors[0], first.updated(earned, trials - earned));
    }
}

/// A segment without results believes what its parent does, a little less surely; one with many borrows next to nothing.
#[test]
fn who_knows_little_borrows_much() {
    let (segments, results) = portfolio();
    let shares = |segment| borrow(&segments, 3, &results, SegmentId::new(segment)).shares;
    assert!(shares(4).iter().all(|&share| share == 1.0));
    assert!(shares(5)[0] < shares(3)[0] && shares(3)[0] < 1.0, "1,000 trials against 200");
}

/// Segments that are alike lend their word in full, segments that are not keep theirs.
#[test]
fn the_strength_follows_how_much_segments_differ() {
    let segments = Segments::builder().attribute("age", numbers(40)).build().unwrap();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
    let mut strength = |deviation: f64| {
        let mut cell = || {
            let rate = 0.05 * (1.0 + deviation * (2.0 * rng.random::<f64>() - 1.0));
            (400, (0..400).map(|_| u32::from(rng.random::<f64>() < rate)).sum())
        };
        let cells: Vec<Vec<(u32, u32)>> = (0..40).map(|_| (0..20).map(|_| cell()).collect()).collect();
        borrow(&segments, 20, &results(&cells), SegmentId::new(0)).strengths[1]
    };
    // The variance of a rate is (0.05 d)² / 3, so that M + 1 = 0.05 · 0.95 / that: 57 for d = 1 and 228 for d = ½.
    let (much, some, nothing) = (strength(1.0), strength(0.5), strength(0.0));
    assert!((45.0..75.0).contains(&much), "{much}");
    assert!((170.0..320.0).contains(&some), "{some}");
    assert!(nothing > 1_500.0, "{nothing}");
}

/// Extremes give beliefs.
#[test]
fn no_panic_on_extreme_counts() {
    let segments = Segments::builder().attribute("a", numbers(3)).attribute("b", numbers(2)).build().unwrap();
    let counts = [0.0, 1e-300, 0.3, 1.0, 1e3, 1e12];
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(4);
    for _ in 0..2_000 {
        let mut tried = |arm| {
            let trials = counts[rng.random_range(1..counts.len())];
            let earned = trials * [0.0, 0.5, 1.0][rng.random_range(0..3)];
            Tried { arm: ArmId::new(arm), trials, earned }
        };
        let results: Vec<_> =
            (0..5).map(|segment| (SegmentId::new(segment), (0..4).map(&mut tried).collect())).collect();
        for segment in (0..6).map(SegmentId::new) {
            let borrowed = borrow(&segments, 4, &results, segment);
            assert!(borrowed.strengths.iter().all(|strength| *strength > 0.0 && strength.is_finite()));
            for posterior in &borrowed.posteriors {
                assert!(Beta::new(posterior.alpha(), posterior.beta()).is_ok(), "{posterior:?}");
            }
        }
    }
}

/// Regret in worlds of 24 arms and 8 segments, 100 decisions for each of them on average: pooled below flat, and below one that
/// knows no segments by as much as segments differ. Four standard errors of the difference, taken as independent: false alarms
/// below 10⁻⁴ where there is a difference of more.
#[test]
fn pooling_is_worth_its_trouble() {
    let arms = || ArmSpace::builder().dimension("template", numbers(24)).build().unwrap();
    let segments = || Segments::builder().attribute("age", numbers(8)).build().unwrap();
    let effects =
        Effects { mean: -2.5, main: 0.4, pair: 0.0, residual: 0.0, customers: 0.3, taste: 0.0, segment: 0.3 };
    let world = FactorWorld::new(arms(), segments(), effects);
    let experiment = Experiment::new(&world, 20_000).cadence(Cadence::growth(0.05).unwrap());
    let regret = |name: &str| *experiment.run(&*named(name, 20_000).unwrap(), 24, 5).regret.last().unwrap();
    let (flat, pooled) = (regret("thompson"), regret("pooled-segments(thompson)"));
    let error = flat.standard_error.hypot(pooled.standard_error);
    assert!(pooled.mean < flat.mean - 4.0 * error, "{pooled:?} against {flat:?}");
    let sharpened = regret("pooled-segments(sharpened-thompson)");
    assert!(sharpened.mean < pooled.mean, "{sharpened:?} against {pooled:?}");
}

/// A bandit with the policy: what segments have learnt shows in one that has seen nobody, and propensities are exact.
#[test]
fn exact_propensity_of_a_segment_that_borrows() {
    let arms = ArmSpace::builder().dimension("template", numbers(4)).build().unwrap();
    let segments = Segments::builder().attribute("age", numbers(3)).build().unwrap();
    let policy = PooledSegments::new(SharpenedThompson::default());
    let bandit = Bandit::builder(arms, segments).policy(policy).build().unwrap();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(6);
    let all = bandit.arms().all();
    for turn in 0..6_000 {
        let segment = SegmentId::new(turn % 2);
        let decision = bandit.select(segment, &all, &mut rng).unwrap();
        let rate = [0.05, 0.1, 0.2, 0.1][decision.arm().index()];
        let reward = if rng.random::<f64>() < rate { Reward::SUCCESS } else { Reward::FAILURE };
        bandit.reward(&decision, reward).unwrap();
    }
    let new = SegmentId::new(2);
    let some = bandit.arms().eligible(|arm| arm.level("template") != "0");
    let (mut drawn, mut propensities) = ([0.0; 4], [0.0; 4]);
    let draws = 200_000;
    let flat = Bandit::builder(bandit.arms().clone(), bandit.segments().clone())
        .policy(Thompson::default())
        .build()
        .unwrap();
    assert!((flat.select(new, &some, &mut rng).unwrap().propensity() - 1.0 / 3.0).abs() < 1e-6);
    for _ in 0..draws {
        let decision = bandit.select(new, &some, &mut rng).unwrap();
        drawn[decision.arm().index()] += 1.0;
        propensities[decision.arm().index()] = decision.propensity();
    }
    assert!(propensities[2] > 0.8, "what two segments know: {propensities:?}");
    assert!((propensities.iter().sum::<f64>() - 1.0).abs() < 1e-12 && propensities[0] == 0.0);
    let expected = propensities.map(|share| share * f64::from(draws));
    let squares =
        drawn.iter().zip(expected).skip(1).map(|(drawn, expected)| (drawn - expected).powi(2) / expected);
    // χ² with two degrees of freedom: above 18.4 once in 10,000.
    assert!(squares.sum::<f64>() < 18.4, "{drawn:?} of {expected:?}");
}

/// Remembers the means that it was shown, and tells those it is asked about.
#[derive(Debug, Default)]
struct Shown(std::sync::Arc<Mutex<Vec<f64>>>);

fn means(view: &View<'_>) -> Vec<f64> {
    view.posteriors().iter().map(Beta::mean).collect()
}

impl Policy for Shown {
    fn name(&self) -> String {
        "shown".to_owned()
    }

    fn observes(&self) -> Observes {
        Observes::Outcomes
    }

    fn goal_weights(&self, view: &View<'_>) -> Vec<f64> {
        means(view)
    }

    fn probabilities(&self, view: &View<'_>) -> Probabilities {
        *self.0.lock().unwrap() = means(view);
        Probabilities::uniform()
    }
}

#[test]
fn prices_are_told_by_the_beliefs_that_plans_are_made_by() {
    let shown = Shown::default();
    let seen = std::sync::Arc::clone(&shown.0);
    let arms = ArmSpace::builder().dimension("arm", numbers(3)).build().unwrap();
    let segments = Segments::builder().attribute("stage", numbers(4)).build().unwrap();
    let bandit =
        Bandit::builder(arms, segments).policy(PooledSegments::new(shown)).incarnation(1).build().unwrap();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
    let all = bandit.arms().all();
    for round in 0..400 {
        let decision = bandit.select(SegmentId::new(round % 4), &all, &mut rng).unwrap();
        let rate = 0.1 + 0.1 * f64::from(decision.arm().index() as u32);
        bandit.reward(&decision, Reward::from(rng.random_bool(rate))).unwrap();
    }
    bandit.refresh();
    let segment = SegmentId::new(2);
    bandit.reward(&bandit.select(segment, &all, &mut rng).unwrap(), Reward::SUCCESS).unwrap();
    bandit.refresh();
    // The plans of a bandit are made anew by the set; a fresh one sees what is known now.
    let some = bandit.arms().subset([ArmId::new(0), ArmId::new(2)]).unwrap();
    bandit.plan(segment, &some).unwrap();
    let told = bandit.goal_weights(segment, &some);
    assert_eq!(told, *seen.lock().unwrap());
    let alone = bandit.posterior(segment, ArmId::new(0)).mean();
    assert!((told[0] - alone).abs() > 1e-3, "{told:?} {alone}");
}

/// Frozen over a log, a policy sees all its segments: ten rounds of one go by what four thousand of another say.
#[test]
fn a_frozen_target_borrows() {
    let arms = ArmSpace::builder().dimension("template", numbers(2)).build().unwrap();
    let segments = Segments::builder().attribute("age", numbers(2)).build().unwrap();
    // Arm 1 earns 0.4 in the first segment; in the second nobody has paid.
    let rounds = (0..4_010_u32).map(|number| Round {
        segment: SegmentId::new(u32::from(number >= 4_000)),
        arm: ArmId::new(number % 2),
        propensity: 0.5,
        reward: Reward::from(number < 4_000 && number % 2 == 1 && number % 10 < 4),
        eligible: None,
    });
    let log = Log::new(arms, segments, RewardKind::Binary, rounds).unwrap();
    let (flat, pooled) = (Shown::default(), Shown::default());
    let seen = [&flat, &pooled].map(|shown| std::sync::Arc::clone(&shown.0));
    Frozen::trained(&log, &flat, Beta::UNIFORM, 0.0).unwrap();
    Frozen::trained(&log, &PooledSegments::new(pooled), Beta::UNIFORM, 0.0).unwrap();
    // The last to be asked for is the second segment.
    let [flat, pooled] = seen.map(|seen| seen.lock().unwrap().clone());
    assert!(flat[1] < 0.25 && (flat[0] - flat[1]).abs() < 0.2, "{flat:?}");
    assert!(pooled[1] > 0.2 && pooled[0] < 0.1, "{pooled:?}");
}
