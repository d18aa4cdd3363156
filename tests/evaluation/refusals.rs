//! Logs, targets and bandits that cannot be evaluated: typed errors, no panic.

use rand::SeedableRng;
use tactful::evaluation::{
    EstimateError, Log, LogError, Occasion, Rejection, ReplayError, Round, RoundError, TableError,
    TargetPolicy, TargetTable, inverse_propensity, replay, self_normalised,
};
use tactful::policy::{Fixed, Uniform};
use tactful::{ArmId, Bandit, Eligibility, RewardKind, SegmentId, Segments};

use crate::estimates::six_rows;
use crate::replays::bandit;
use crate::world::{Generator, WORLD, arms, round, segments};

#[test]
fn impossible_rounds_are_refused_with_their_number_and_value() {
    let refuse = |bad: Round| {
        let rows = [round(0, 0, 0.5, 1.0), bad];
        match Log::new(arms(3), segments(2), RewardKind::Binary, rows) {
            Err(LogError::Round { round: 1, error }) => error,
            other => panic!("{other:?}"),
        }
    };
    assert!(matches!(refuse(round(2, 0, 0.5, 1.0)), RoundError::UnknownSegment { segments: 2, .. }));
    assert!(matches!(refuse(round(0, 3, 0.5, 1.0)), RoundError::UnknownArm { arms: 3, .. }));
    assert!(matches!(refuse(round(0, u32::MAX, 0.5, 1.0)), RoundError::UnknownArm { .. }));
    for propensity in [0.0, -0.1, 1.000_001, f64::NAN, f64::INFINITY] {
        assert!(matches!(refuse(round(0, 0, propensity, 1.0)), RoundError::Propensity { .. }));
    }
    for reward in [0.5, 2.0, f64::NAN, f64::NEG_INFINITY] {
        assert!(matches!(refuse(round(0, 0, 0.5, reward)), RoundError::Reward(_)));
    }
    let with = |eligible: Eligibility| Round { eligible: Some(eligible), ..round(0, 0, 0.5, 1.0) };
    assert!(matches!(refuse(with(arms(4).all())), RoundError::ForeignEligibility { .. }));
    let others = arms(3).subset([ArmId::new(1)]).unwrap();
    assert!(matches!(refuse(with(others)), RoundError::NotEligible { .. }));
    assert_eq!(
        Log::new(arms(3), segments(2), RewardKind::Binary, [round(0, 0, 0.0, 1.0)]).unwrap_err().to_string(),
        "round 0: propensity 0 is not above 0 and at most 1"
    );
    let kind = RewardKind::Real { minimum: 1.0, maximum: 1.0 };
    assert!(matches!(Log::new(arms(3), segments(2), kind, []), Err(LogError::RewardKind(_))));
    let skewed = Log::new(arms(3), segments(2), RewardKind::Binary, [round(0, 0, 0.5, 1.0)]).unwrap();
    let error = skewed.declare_uniform().unwrap_err();
    assert!(matches!(error, LogError::Round { round: 0, error: RoundError::NotUniform { eligible: 3, .. } }));
}

#[test]
fn tables_that_are_no_probabilities_are_refused() {
    let refuse = |rows: &[&[f64]]| TargetTable::new(rows).unwrap_err();
    assert_eq!(refuse(&[]), TableError::Empty);
    assert!(matches!(refuse(&[&[1.0], &[0.5, 0.5]]), TableError::Ragged { entries: 2, arms: 1, .. }));
    assert!(matches!(refuse(&[&[0.6, 0.6]]), TableError::Sum { .. }));
    assert!(matches!(refuse(&[&[f64::NAN, 1.0]]), TableError::Probability { .. }));
    assert!(matches!(refuse(&[&[-0.5, 1.5]]), TableError::Probability { .. }));
    // A table smaller than the log gives no probability at all, rather than a quiet zero.
    let (log, _) = six_rows();
    let small = TargetTable::new([[0.5, 0.5]]).unwrap();
    assert!(matches!(inverse_propensity(&log, &small), Err(EstimateError::Probability { round: 3, .. })));
}

#[derive(Debug)]
struct Twice;

impl TargetPolicy for Twice {
    fn probability(&self, _: &Occasion<'_>, _: ArmId) -> f64 {
        2.0
    }
}

#[test]
fn hostile_targets_and_weights_are_errors() {
    let (log, _) = six_rows();
    let error = self_normalised(&log, &Twice).unwrap_err();
    assert_eq!(error, EstimateError::Probability { round: 0, probability: 2.0 });
    let tiny = [round(0, 0, f64::MIN_POSITIVE, 1.0), round(0, 0, 5e-324, 0.0)];
    let log = Log::new(arms(2), Segments::single(), RewardKind::Binary, tiny).unwrap();
    assert_eq!(inverse_propensity(&log, &Uniform), Err(EstimateError::Overflow));
    assert_eq!(self_normalised(&log, &Uniform), Err(EstimateError::Overflow));
    assert_eq!(
        self_normalised(&log, &Fixed::new(ArmId::new(1))),
        Err(EstimateError::NoOverlap { rounds: 2 })
    );
    let fresh = Bandit::builder(arms(2), Segments::single()).build().unwrap();
    let mut rng = Generator::seed_from_u64(1);
    for rejection in [Rejection::exact(), Rejection::default()] {
        // No panic, and no value out of nothing.
        assert!(
            replay(&fresh, &log, rejection, &mut rng).map_or(true, |estimate| estimate.value.is_finite())
        );
    }
    let empty = Log::new(arms(2), Segments::single(), RewardKind::Binary, []).unwrap();
    assert_eq!(inverse_propensity(&empty, &Uniform), Err(EstimateError::NoRounds));
    assert_eq!(self_normalised(&empty, &Uniform), Err(EstimateError::NoRounds));
    assert_eq!(empty.mean_reward(), None);
    let error = replay(
        &Bandit::builder(arms(2), Segments::single()).build().unwrap(),
        &empty,
        Rejection::exact(),
        &mut rng,
    );
    assert_eq!(error, Err(ReplayError::Estimate(EstimateError::NoRounds)));
    assert!(Rejection::adaptive(1.0).is_err() && Rejection::adaptive(f64::NAN).is_err());
}

#[test]
fn bandits_that_do_not_fit_the_log_are_refused() {
    let mut rng = Generator::seed_from_u64(2);
    let log = WORLD.log(200, &mut rng);
    let mut over = |bandit: &Bandit| replay(bandit, &log, Rejection::exact(), &mut rng).unwrap_err();
    let build = |builder: tactful::BanditBuilder| builder.build().unwrap();
    assert!(matches!(over(&build(Bandit::builder(arms(3), segments(2)))), ReplayError::Space { .. }));
    assert!(matches!(over(&build(Bandit::builder(arms(4), segments(3)))), ReplayError::Space { .. }));
    let amounts = RewardKind::Real { minimum: 0.0, maximum: 1.0 };
    let other = build(Bandit::builder(arms(4), segments(2)).reward(amounts));
    assert!(matches!(over(&other), ReplayError::RewardKind { .. }));

    let used = bandit("thompson");
    let everything = used.arms().all();
    used.select(SegmentId::new(0), &everything, &mut Generator::seed_from_u64(3)).unwrap();
    assert_eq!(over(&used), ReplayError::NotFresh);
    let mut restored = build(Bandit::builder(arms(4), segments(2)).incarnation(2));
    restored.restore(&used.snapshot()).unwrap();
    assert_eq!(over(&restored), ReplayError::NotFresh);

    // A past on arms that the log does not show.
    let elsewhere =
        build(Bandit::builder(arms(4), segments(2)).policy(Fixed::new(ArmId::new(3))).exploration(0.0));
    elsewhere.select(SegmentId::new(0), &everything, &mut Generator::seed_from_u64(3)).unwrap();
    let rows = [round(0, 1, 1.0, 1.0), round(1, 3, 1.0, 1.0)];
    let narrow = Log::new(arms(4), segments(2), RewardKind::Binary, rows).unwrap();
    let error = replay(&elsewhere, &narrow, Rejection::exact(), &mut Generator::seed_from_u64(4));
    assert_eq!(error, Err(ReplayError::NotFresh));
}
