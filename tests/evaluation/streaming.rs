//! Rounds evaluated as they go by: the same as by a log of them, in memory that does not grow, or refused beforehand.

use allocation_counter::measure;
use proptest::prelude::*;
use rand::SeedableRng;
use tactful::evaluation::{
    Anytime, ArmGroups, Calibration, EstimateError, Estimator, Evaluator, Interval, Outline, PooledModel,
    Question, RewardModel, Round, RoundProbabilities, RoundRewards, Stream, StreamError, TargetPolicy,
    TargetTable, calibration, warnings,
};
use tactful::policy::{Fixed, Uniform};
use tactful::{ArmId, Reward, RewardKind, SegmentId};

use crate::random_log::{RandomLog, same_evaluation, same_number};
use crate::world::{Generator, arms, segments};

/// Everything that one pass tells, beside what the log tells.
fn compare(random: &RandomLog, target: &dyn TargetPolicy, model: Option<&dyn RewardModel>, settings: u32) {
    let log = &random.log;
    let groups = ArmGroups::by((0..log.arms().len()).map(|arm| arm % 2));
    let mut question = Question::new(log, target);
    let mut builder = Stream::builder(random.outline(), target);
    if let Some(model) = model {
        question = question.model(model);
        builder = builder.model(model);
    }
    if log.is_uniform() {
        question = question.dimensions(&groups);
        builder = builder.dimensions(&groups);
    }
    let mut evaluator = Evaluator::default().seed(u64::from(settings)).confidence(0.9);
    if settings.is_multiple_of(2) {
        evaluator = evaluator.lambda(1.5);
    }
    if settings.is_multiple_of(3) {
        evaluator = evaluator.interval(Interval::EmpiricalBernstein);
    }
    let expected = evaluator.evaluate(&question).unwrap();
    let anytime = Anytime::default().weight_limit(1.0 / log.least_propensity());
    let builder = builder.evaluator(evaluator).anytime(anytime).largest_weight(expected.largest_weight);
    let mut stream = builder.build().unwrap();
    log.rounds().iter().for_each(|round| stream.take(&round).unwrap());
    let streamed = stream.finish().unwrap();

    same_evaluation(&streamed.evaluation, &expected, 1e-12);
    assert_eq!(streamed.warnings, warnings(log, &streamed.evaluation));
    let [ours, theirs]: [Vec<Calibration>; 2] = [streamed.calibration.clone(), calibration(log)];
    assert_eq!(ours, theirs);
    assert_eq!(streamed.mean_reward, log.mean_reward());
    assert_eq!(streamed.outline.rounds(), log.rounds().len());
    for segment in log.segments().iter() {
        assert_eq!(streamed.outline.shown(segment.id()), log.shown(segment.id()));
    }
    for estimator in [Estimator::Ips, Estimator::Snips] {
        let (lower, upper) = anytime.interval(estimator, &question).unwrap().unwrap();
        let ours = streamed.anytime(estimator).unwrap();
        assert!(
            same_number(ours.0, lower, 1e-9) && same_number(ours.1, upper, 1e-9),
            "{ours:?} {lower} {upper}"
        );
    }
    assert_eq!(streamed.anytime(Estimator::Dm), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Fixed seeds of random logs: up to five arms and three segments, sets, amounts, uniform or not.
    #[test]
    fn a_stream_says_what_the_log_says(seed in 0_u64..1 << 32, settings in 0_u32..6, which in 0_u32..4, modelled in 0_u32..3) {
        let random = RandomLog::new(seed);
        let (log, mut rng) = (&random.log, Generator::seed_from_u64(seed));
        let count = log.arms().len();
        let rows = random.rows(log.rounds().len(), &mut rng);
        let table = TargetTable::new(random.rows(log.segments().len(), &mut rng).chunks(count)).unwrap();
        let by_round = RoundProbabilities::new(rows.clone(), count).unwrap();
        let fixed = Fixed::new(ArmId::new((seed % count as u64) as u32));
        let target: &dyn TargetPolicy = match which {
            0 => &Uniform,
            1 => &fixed,
            2 => &table,
            _ => &by_round,
        };
        let (by_row, pooled) = (RoundRewards::new(rows, count).unwrap(), PooledModel::fit(log));
        let model: Option<&dyn RewardModel> = match modelled {
            0 => None,
            1 => Some(&by_row),
            _ => Some(&pooled),
        };
        compare(&random, target, model, settings);
    }
}

/// A round of an endless log, by its number.
fn endless(number: u64) -> Round {
    let word = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ word >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let arm = (word >> 40) as u32 % 16;
    Round {
        segment: SegmentId::new((word >> 20) as u32 % 10),
        arm: ArmId::new(arm),
        // Each has a number of its own, of which a log would keep eight bytes.
        propensity: (0.75 + (word >> 11) as f64 / (1_u64 << 54) as f64) / 16.0,
        reward: Reward::from(word % 100 < u64::from(2 + arm)),
        eligible: None,
    }
}

/// The most bytes at once while so many rounds go by.
fn peak(rounds: u64) -> u64 {
    let target = TargetTable::new(vec![vec![1.0 / 16.0; 16]; 10]).unwrap();
    let outline = || Outline::new(arms(16), segments(10), RewardKind::Binary).unwrap();
    let mut told = 0;
    let counted = measure(|| {
        let mut stream = Stream::builder(outline(), &target)
            .anytime(Anytime::default())
            .largest_weight(4.0 / 3.0)
            .build()
            .unwrap();
        (0..rounds).for_each(|number| stream.take(&endless(number)).unwrap());
        told = stream.finish().unwrap().evaluation.rounds;
    });
    assert_eq!(told, rounds as usize);
    counted.bytes_max
}

#[test]
fn memory_does_not_grow_with_the_log() {
    let (few, many) = (peak(200_000), peak(2_000_000));
    assert!(few == many && many < 1 << 20, "{few} bytes for 200,000 rounds, {many} for 2,000,000");
}

#[test]
fn what_one_pass_cannot_tell_is_refused_before_the_first_round() {
    let outline = || Outline::new(arms(2), segments(1), RewardKind::Binary).unwrap();
    let refused = |evaluator: Evaluator| {
        let built = Stream::builder(outline(), &Uniform).evaluator(evaluator).build();
        built.map(|_| ()).unwrap_err().to_string()
    };
    let only = |estimator| Evaluator::default().estimators([estimator]);
    assert!(
        refused(only(Estimator::ClippedIps)).starts_with("clipped_ips needs a lambda, or the largest weight")
    );
    assert!(refused(only(Estimator::Replay)).starts_with("replay needs the largest weight"));
    let bootstrap = only(Estimator::Ips).interval(Interval::Bootstrap { resamples: 10 });
    assert!(refused(bootstrap).starts_with("a bootstrap needs all rounds at hand"));
    assert_eq!(refused(only(Estimator::Dr)), "dr needs propensities and a reward model");
    assert_eq!(refused(only(Estimator::Ips).confidence(1.0)), "confidence 1 is not between 0 and 1");
    let groups = ArmGroups::by(0..2);
    let mips = |outline| {
        let builder = Stream::builder(outline, &Uniform).dimensions(&groups);
        builder.evaluator(only(Estimator::Mips)).build().map(|_| ())
    };
    assert!(mips(outline()).unwrap_err().to_string().starts_with("mips needs all rounds at hand"));
    assert!(mips(outline().declare_uniform()).is_ok());
}

#[test]
fn rounds_that_cannot_be_are_refused_and_so_is_a_weight_above_the_largest() {
    let outline = || Outline::new(arms(2), segments(1), RewardKind::Binary).unwrap();
    let plain = Evaluator::default().estimators([Estimator::Ips]);
    let begun = |outline| Stream::builder(outline, &Uniform).evaluator(plain.clone());
    let round = |arm: u32, propensity: f64, reward: f64| crate::world::round(0, arm, propensity, reward);
    for (wrong, told) in [
        (round(2, 0.5, 1.0), "round 1: no arm 2; there are 2"),
        (round(0, 0.0, 1.0), "round 1: propensity 0 is not above 0 and at most 1"),
        (round(0, 0.5, 0.5), "round 1: "),
        (round(0, 0.4, 1.0), "round 1: propensity 0.4 is not uniform over 2 eligible arms"),
    ] {
        let mut stream = begun(outline().declare_uniform()).build().unwrap();
        stream.take(&round(0, 0.5, 1.0)).unwrap();
        let error = stream.take(&wrong).unwrap_err();
        assert!(matches!(error, StreamError::Round(_)) && error.to_string().starts_with(told), "{error}");
    }
    let finished = |builder: tactful::evaluation::StreamBuilder<'_>| {
        let mut stream = builder.build().unwrap();
        for propensity in [0.5, 0.1] {
            stream.take(&round(0, propensity, 1.0)).unwrap();
        }
        stream.finish()
    };
    let limit = |error: StreamError| matches!(error, StreamError::Estimate(EstimateError::WeightLimit { weight, .. }) if weight > 4.9);
    assert!(limit(finished(begun(outline()).largest_weight(4.0)).unwrap_err()));
    let anytime = Anytime::default().weight_limit(4.0);
    assert!(limit(finished(begun(outline()).anytime(anytime)).unwrap_err()));
    assert!(finished(begun(outline()).largest_weight(5.0)).is_ok());
    let none = begun(outline()).build().unwrap().finish().unwrap_err();
    assert_eq!(none, StreamError::Estimate(EstimateError::NoRounds));
    let unknown = begun(outline().declare_no_propensities()).build().map(|_| ()).unwrap_err();
    assert_eq!(unknown.to_string(), "ips needs propensities");
}
