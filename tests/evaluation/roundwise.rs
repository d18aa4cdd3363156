//! All estimators: reference values, agreement with the plain ones, bias and coverage in worlds of known value.

use rand::SeedableRng;
use tactful::evaluation::{
    ArmGroups, EstimateError, Estimator, Evaluation, Evaluator, Interval, Log, PooledModel, Question,
    RoundProbabilities, RoundRewards, TargetTable, WeightedRounds, inverse_propensity, self_normalised,
};
use tactful::policy::{Fixed, Uniform};
use tactful::{ArmId, RewardKind, Segments};

use crate::world::{Generator, WORLD, arms, close, round, summary};

fn value(evaluation: &Evaluation, estimator: Estimator) -> f64 {
    evaluation.estimate(estimator).unwrap().unwrap().value
}

/// The six-row log of the design, with its own probabilities and predictions in every row.
fn six_rows() -> (Log, RoundProbabilities, RoundRewards) {
    let rows = [
        round(0, 0, 0.5, 1.0),
        round(0, 1, 0.3, 0.0),
        round(0, 0, 0.5, 0.0),
        round(0, 2, 0.2, 1.0),
        round(0, 1, 0.3, 1.0),
        round(0, 1, 0.25, 1.0),
    ];
    let log = Log::new(arms(3), Segments::single(), RewardKind::Binary, rows).unwrap();
    // The sixth row's other arms so that the model expects 0.46 there as well.
    let mut target = [0.2, 0.7, 0.1].repeat(5);
    target.extend([0.1, 0.75, 0.15]);
    let model = [0.4, 0.5, 0.3].repeat(6);
    (log, RoundProbabilities::new(target, 3).unwrap(), RoundRewards::new(model, 3).unwrap())
}

#[test]
fn the_six_row_log_has_its_reference_values_by_every_estimator() {
    let (log, target, model) = six_rows();
    let evaluation =
        Evaluator::default().lambda(1.0).evaluate(&Question::new(&log, &target).model(&model)).unwrap();
    for (estimator, expected) in [
        (Estimator::Ips, 1.038_888_889),
        (Estimator::Snips, 0.695_167_286),
        (Estimator::Dm, 0.46),
        (Estimator::Dr, 0.781_666_667),
        (Estimator::SwitchDr, 0.531_666_667),
        (Estimator::Dros, 0.543_160_920),
        // min(w, 1) r = .4, 0, 0, .5, 1, 1.
        (Estimator::ClippedIps, 2.9 / 6.0),
        // m + Σ w (r − q̂) / Σ w: .4·.6 − 7/6 − .4·.4 + .5·.7 + 7/6 + 3·.5 = 1.93 over 8.9666….
        (Estimator::Sndr, 0.46 + 1.93 / (0.4 + 7.0 / 3.0 + 0.4 + 0.5 + 7.0 / 3.0 + 3.0)),
    ] {
        close(value(&evaluation, estimator), expected, 1e-9);
    }
    close(evaluation.effective_sample_size, 3.929_886_493, 1e-8);
    close(evaluation.largest_weight, 3.0, 1e-12);
    assert_eq!((evaluation.rounds, evaluation.used), (6, 6));
    assert_eq!(evaluation.estimate(Estimator::Mips), None, "no dimensions were given");
    let lambdas = evaluation.estimates.iter().filter_map(|answer| answer.lambda).collect::<Vec<_>>();
    assert_eq!(lambdas, [1.0; 3]);

    // The spread of DR by hand.
    let z: Vec<f64> = [0.6 * 0.4, -0.5 * 7.0 / 3.0, -0.4 * 0.4, 0.7 * 0.5, 0.5 * 7.0 / 3.0, 0.5 * 3.0]
        .map(|residual| 0.46 + residual)
        .to_vec();
    let dr = evaluation.estimate(Estimator::Dr).unwrap().unwrap();
    close(dr.standard_error, summary(&z).1, 1e-12);
    close(dr.interval.1 - dr.value, 1.959_963_984_540_054 * dr.standard_error, 1e-12);
}

/// IPS and SNIPS here, and where they were first, are one thing.
#[test]
fn plain_estimators_agree_with_those_round_by_round() {
    let log = WORLD.log(3000, &mut Generator::seed_from_u64(41));
    let target = TargetTable::new([[0.1, 0.2, 0.6, 0.1], [0.4, 0.0, 0.2, 0.4]]).unwrap();
    let evaluation = Evaluator::default().evaluate(&Question::new(&log, &target)).unwrap();
    let pairs = [
        (Estimator::Ips, inverse_propensity(&log, &target).unwrap()),
        (Estimator::Snips, self_normalised(&log, &target).unwrap()),
    ];
    for (estimator, plain) in pairs {
        let estimate = evaluation.estimate(estimator).unwrap().unwrap();
        close(estimate.value, plain.value, 1e-12);
        close(estimate.standard_error, plain.standard_error, 1e-12);
        close(estimate.effective_sample_size, plain.effective_sample_size, 1e-6);
        close(estimate.largest_weight, plain.largest_weight, 1e-12);
        assert_eq!((estimate.used, estimate.outside_support), (plain.used, plain.outside_support));
    }
}

const TARGET: [[f64; 4]; 2] = [[0.1, 0.2, 0.6, 0.1], [0.4, 0.1, 0.1, 0.4]];
/// 0.6 (0.01 + 0.04 + 0.21 + 0.015) + 0.4 (0.12 + 0.025 + 0.005 + 0.16).
const TRUTH: f64 = 0.6 * 0.275 + 0.4 * 0.31;

/// Statistic: the mean over 1,200 logs of (estimate − truth) in its own standard errors; within 4: a false alarm in
/// 16,000 for each. Coverage of normal 95 % intervals: 93 to 97 %, three standard errors of a share of 0.95 in 1,200; of
/// empirical Bernstein: at least 95 %. Biased by design are DM, clipped IPS, SWITCH and DRos: told, not tested.
#[test]
fn what_is_unbiased_is_and_intervals_cover() {
    let target = TargetTable::new(TARGET).unwrap();
    let mut rng = Generator::seed_from_u64(50);
    let mut errors = vec![Vec::new(); Estimator::ALL.len()];
    let mut covered = [vec![0; Estimator::ALL.len()], vec![0; Estimator::ALL.len()]];
    const LOGS: usize = 1200;
    for seed in 0..LOGS {
        let log = WORLD.log(1500, &mut rng);
        let model = PooledModel::fit(&log);
        let groups = ArmGroups::by(0..4);
        let question = Question::new(&log, &target).model(&model).dimensions(&groups);
        for (kind, interval) in [Interval::Normal, Interval::EmpiricalBernstein].into_iter().enumerate() {
            let evaluation =
                Evaluator::default().interval(interval).seed(seed as u64).evaluate(&question).unwrap();
            for (number, estimator) in Estimator::ALL.into_iter().enumerate() {
                let estimate = evaluation.estimate(estimator).unwrap().unwrap();
                if kind == 0 {
                    errors[number].push(estimate.value - TRUTH);
                }
                covered[kind][number] +=
                    usize::from((estimate.interval.0..=estimate.interval.1).contains(&TRUTH));
            }
        }
    }
    for (number, estimator) in Estimator::ALL.into_iter().enumerate() {
        let (bias, error) = summary(&errors[number]);
        let rmse = (errors[number].iter().map(|e| e * e).sum::<f64>() / LOGS as f64).sqrt();
        let [normal, bernstein] = [0, 1].map(|kind| covered[kind][number] as f64 / LOGS as f64);
        println!(
            "{estimator:12} bias {bias:+.5} ± {error:.5}  rmse {rmse:.5}  normal {normal:.4}  bernstein {bernstein:.4}"
        );
        let unbiased = [Estimator::Ips, Estimator::Snips, Estimator::Dr, Estimator::Sndr, Estimator::Mips];
        if unbiased.contains(&estimator) {
            assert!(bias.abs() < 4.0 * error, "{estimator}: bias {bias}, standard error {error}");
            assert!((0.93..=0.97).contains(&normal), "{estimator}: {normal} of the normal intervals cover");
        }
        // What a fitted model may be off by is in these intervals, so that a small bias does not spoil them.
        let fitted = [Estimator::Dm, Estimator::SwitchDr, Estimator::Dros];
        if fitted.contains(&estimator) {
            assert!(normal >= 0.9, "{estimator}: {normal} of the normal intervals cover");
        }
        if unbiased.contains(&estimator) || estimator == Estimator::Replay {
            assert!(bernstein >= 0.95, "{estimator}: {bernstein} of the Bernstein intervals cover");
        }
    }
}

/// As above for 1,000 logs of 1,024 rounds and percentile intervals of 400 resamples.
#[test]
fn bootstrap_intervals_cover() {
    const LOGS: usize = 1000;
    let target = TargetTable::new(TARGET).unwrap();
    let mut rng = Generator::seed_from_u64(51);
    let asked = [Estimator::Ips, Estimator::Snips, Estimator::Dr, Estimator::Sndr];
    let mut covered = [0; 4];
    for seed in 0..LOGS {
        // As many as the bootstrap draws from at a time.
        let log = WORLD.log(1024, &mut rng);
        let model = PooledModel::fit(&log);
        let evaluator = Evaluator::default()
            .estimators(asked)
            .interval(Interval::Bootstrap { resamples: 400 })
            .seed(seed as u64);
        let evaluation = evaluator.evaluate(&Question::new(&log, &target).model(&model)).unwrap();
        for (covered, answer) in covered.iter_mut().zip(&evaluation.estimates) {
            let (lower, upper) = answer.estimate.unwrap().interval;
            *covered += usize::from((lower..=upper).contains(&TRUTH));
        }
    }
    println!("covered of {LOGS}: {covered:?}");
    assert!(covered.iter().all(|covered| (930..=970).contains(covered)), "{covered:?}");
}

/// 24 arms of two dimensions, of which the first alone matters; the log and the target depend on both.
#[test]
fn marginal_weights_are_unbiased_without_direct_effects_and_steadier() {
    use crate::world::{draw, unit};
    use tactful::ArmSpace;
    let space = || {
        ArmSpace::builder()
            .dimension("template", (0..4).map(|n| format!("t{n}")))
            .dimension("time", (0..6).map(|n| format!("h{n}")))
            .build()
            .unwrap()
    };
    let raw: Vec<f64> = (0..24).map(|arm| 1.0 + f64::from(arm * 7 % 24)).collect();
    let logging: Vec<f64> = raw.iter().map(|weight| weight / raw.iter().sum::<f64>()).collect();
    let wanted: Vec<f64> = logging.iter().rev().copied().collect();
    let rate = |arm: u32| [0.1, 0.3, 0.2, 0.5][arm as usize / 6];
    let truth: f64 = (0..24).map(|arm| wanted[arm as usize] * rate(arm)).sum();
    let target = TargetTable::new([&wanted]).unwrap();
    let groups = ArmGroups::by_dimensions(&space(), ["template"]).unwrap();
    assert_eq!(groups.len(), 4);
    // A log that shows its whole policy, and one whose propensities have fewer digits than that would take.
    for rounding in [0.0, 1e-4] {
        let mut rng = Generator::seed_from_u64(52);
        let mut errors = [Vec::new(), Vec::new()];
        for _ in 0..1000 {
            let rows: Vec<_> = (0..800)
                .map(|number| {
                    let arm = draw(&logging, &mut rng);
                    let paid = f64::from(u8::from(unit(&mut rng) < rate(arm)));
                    let off = 1.0 + rounding * f64::from(number % 3 - 1);
                    round(0, arm, logging[arm as usize] * off, paid)
                })
                .collect();
            let log = Log::new(space(), Segments::single(), RewardKind::Binary, rows).unwrap();
            let asked = Evaluator::default().estimators([Estimator::Mips, Estimator::Ips]);
            let evaluation = asked.evaluate(&Question::new(&log, &target).dimensions(&groups)).unwrap();
            errors[0].push(value(&evaluation, Estimator::Mips) - truth);
            errors[1].push(value(&evaluation, Estimator::Ips) - truth);
        }
        let [mips, ips] = errors.map(|errors| summary(&errors));
        assert!(mips.0.abs() < 4.0 * mips.1, "bias {}, standard error {}", mips.0, mips.1);
        assert!(mips.1 < 0.7 * ips.1, "errors of {} and {}", mips.1, ips.1);
    }
    // With all dimensions the weights are those of the arms.
    let rows = (0..24).map(|arm| round(0, arm, 1.0 / 24.0, f64::from(u8::from(arm % 5 == 0))));
    let log =
        Log::new(space(), Segments::single(), RewardKind::Binary, rows).unwrap().declare_uniform().unwrap();
    let groups = ArmGroups::by_dimensions(&space(), ["time", "template"]).unwrap();
    let evaluation =
        Evaluator::default().evaluate(&Question::new(&log, &target).dimensions(&groups)).unwrap();
    close(value(&evaluation, Estimator::Mips), value(&evaluation, Estimator::Ips), 1e-12);
    let error = ArmGroups::by_dimensions(&space(), ["tone"]).unwrap_err();
    assert_eq!(error.to_string(), r#"no dimension "tone"; there are ["template", "time"]"#);
}

/// Every round twice, as a cluster: as much is known as by one of each.
#[test]
fn clusters_of_equal_rounds_count_once() {
    let rows = [(0.4, 1.0), (7.0 / 3.0, 0.0), (0.4, 0.0), (0.5, 1.0), (7.0 / 3.0, 1.0), (3.0, 1.0)];
    let rounds = |rows: &[(f64, f64)]| {
        WeightedRounds::new(rows.iter().map(|r| r.0).collect(), rows.iter().map(|r| r.1).collect()).unwrap()
    };
    let twice: Vec<_> = rows.iter().flat_map(|&row| [row, row]).collect();
    let clustered = rounds(&twice).clusters((0..12).map(|number| number / 2).collect()).unwrap();
    for interval in [Interval::Normal, Interval::Bootstrap { resamples: 2000 }, Interval::EmpiricalBernstein]
    {
        let evaluator = Evaluator::default().interval(interval);
        let once = evaluator.evaluate(&rounds(&rows)).unwrap();
        let pairs = evaluator.evaluate(&clustered).unwrap();
        for estimator in [Estimator::Ips, Estimator::Snips] {
            let [once, pairs] = [&once, &pairs].map(|of| of.estimate(estimator).unwrap().unwrap());
            close(once.value, pairs.value, 1e-12);
            close(once.standard_error, pairs.standard_error, 1e-12);
            // Six rounds leave a Bernstein interval of a ratio without ends.
            let same = |a: f64, b: f64| a == b || (a - b).abs() < 1e-12;
            assert!(same(once.interval.0, pairs.interval.0) && same(once.interval.1, pairs.interval.1));
        }
    }
}

/// The difference of two fixed arms of a log is that of their means; the difference of a target and itself is none.
#[test]
fn differences_are_paired() {
    let log = WORLD.log(4000, &mut Generator::seed_from_u64(43));
    let [first, second] = [0, 2].map(|arm| Fixed::new(ArmId::new(arm)));
    let evaluator = Evaluator::default();
    for estimator in [Estimator::Ips, Estimator::Snips] {
        let values = [&first, &second].map(|target| {
            evaluator.evaluate(&Question::new(&log, target)).unwrap().estimate(estimator).unwrap().unwrap()
        });
        let [of, to] = [&first, &second].map(|target| Question::new(&log, target));
        let difference = evaluator.difference(estimator, &of, &to).unwrap();
        close(difference.value, values[0].value - values[1].value, 1e-12);
        // No round counts for both, and of IPS the values are even correlated below 0.
        let apart = values[0].standard_error.hypot(values[1].standard_error);
        assert!((difference.standard_error / apart - 1.0).abs() < 0.2, "{difference:?}, apart {apart}");
        let itself = evaluator.difference(estimator, &of, &of).unwrap();
        assert_eq!((itself.value, itself.standard_error), (0.0, 0.0));
    }
    // What rests on a fitted model is moved by what the model was fitted to.
    let model = PooledModel::fit(&log);
    let [of, to] = [&first, &second].map(|target| Question::new(&log, target).model(&model));
    let [direct, robust] =
        [Estimator::Dm, Estimator::Dr].map(|estimator| evaluator.difference(estimator, &of, &to).unwrap());
    close(direct.standard_error, robust.standard_error, 1e-15);
    assert!((direct.value - robust.value).abs() > 1e-6);
    // Uniform, and uniform but for a little: nearly the same rounds count, so that the difference is far surer.
    let near = TargetTable::new([[0.26, 0.24, 0.25, 0.25], [0.26, 0.24, 0.25, 0.25]]).unwrap();
    let [of, to] = [Question::new(&log, &near), Question::new(&log, &Uniform)];
    let difference = evaluator.difference(Estimator::Snips, &of, &to).unwrap();
    let alone = self_normalised(&log, &Uniform).unwrap().standard_error;
    assert!(difference.standard_error < 0.1 * alone);
    let other = WORLD.log(10, &mut Generator::seed_from_u64(1));
    let error = evaluator.difference(Estimator::Ips, &of, &Question::new(&other, &Uniform)).unwrap_err();
    assert_eq!(error, EstimateError::OtherRounds { rounds: 4000, others: 10 });
}

#[test]
fn settings_and_inputs_that_are_none_are_refused() {
    let log = WORLD.log(100, &mut Generator::seed_from_u64(44));
    let question = Question::new(&log, &Uniform);
    for lambda in [0.0, -1.0, f64::NAN] {
        let error = Evaluator::default().lambda(lambda).evaluate(&question).unwrap_err();
        assert!(matches!(error, EstimateError::Lambda { .. }), "{error}");
    }
    for confidence in [0.0, 1.0, f64::NAN] {
        let error = Evaluator::default().confidence(confidence).evaluate(&question).unwrap_err();
        assert!(matches!(error, EstimateError::Confidence { .. }), "{error}");
    }
    let error = Evaluator::default().estimators([Estimator::Dr]).evaluate(&question).unwrap_err();
    assert_eq!(error.to_string(), "dr needs propensities and a reward model");
    let unknown = log.clone().declare_no_propensities();
    let model = PooledModel::fit(&unknown);
    let evaluation = Evaluator::default().evaluate(&Question::new(&unknown, &Uniform).model(&model)).unwrap();
    assert_eq!(evaluation.estimates.len(), 1, "the direct method alone");
    assert_eq!(evaluation.estimates[0].estimator, Estimator::Dm);
    assert!(WeightedRounds::new(vec![1.0], vec![]).is_err());
    assert!(WeightedRounds::new(vec![-1.0], vec![1.0]).is_err());
    assert!(WeightedRounds::new(vec![1.0], vec![f64::NAN]).is_err());
    assert!(RoundProbabilities::new(vec![0.5, 0.6], 2).is_err());
    assert!(RoundProbabilities::new(vec![0.5, 0.5, 1.0], 2).is_err());
    assert_eq!("SWITCH-DR".parse(), Ok(Estimator::SwitchDr));
    assert!(
        "ope".parse::<Estimator>().unwrap_err().to_string().contains("no estimator \"ope\"; there are ips, ")
    );
}
