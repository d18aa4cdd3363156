//! What was learnt elsewhere as a prior: by names, at a discount, and inherited by what is new.

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use tactful::bandit::BuildError;
use tactful::belief::{Beta, Tried, WarmStart, WarmStartError};
use tactful::evaluation::{self, Log, Round};
use tactful::{ArmId, ArmSpace, Bandit, Reward, RewardKind, SegmentId, Segments};

const CHANNELS: [&str; 4] = ["email", "sms", "letter", "call"];

fn space(templates: &[&str], channels: &[&str]) -> ArmSpace {
    let arms = ArmSpace::builder().dimension("template", templates.iter().copied());
    arms.dimension("channel", channels.iter().copied()).build().unwrap()
}

fn ages(levels: &[&str]) -> Segments {
    Segments::builder().attribute("age", levels.iter().copied()).build().unwrap()
}

/// The truth: templates "a" to "d" and channels add up on the logit.
fn rate(template: &str, channel: &str) -> f64 {
    let template = ["a", "b", "c", "d"].iter().position(|&name| name == template).unwrap() as f64;
    let channel = CHANNELS.iter().position(|&name| name == channel).unwrap() as f64;
    1.0 / (1.0 + (2.5 - 0.3 * template + 0.5 * channel).exp())
}

/// A bandit that has learnt in the old portfolio, and the log of it.
fn learnt(arms: ArmSpace, segments: Segments, rounds: u32) -> (Bandit, Log) {
    let bandit = Bandit::builder(arms, segments).exploration(0.5).build().unwrap();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(11);
    let (all, mut log) = (bandit.arms().all(), Vec::new());
    for number in 0..rounds {
        let segment = SegmentId::new(number % bandit.segments().len() as u32);
        let decision = bandit.select(segment, &all, &mut rng).unwrap();
        let arm = bandit.arms().arm(decision.arm());
        let paid = rng.random::<f64>() < rate(arm.level("template"), arm.level("channel"));
        let reward = if paid { Reward::SUCCESS } else { Reward::FAILURE };
        bandit.reward(&decision, reward).unwrap();
        let (arm, propensity) = (decision.arm(), decision.propensity());
        log.push(Round { segment, arm, propensity, reward, eligible: None });
    }
    let log = Log::new(bandit.arms().clone(), bandit.segments().clone(), RewardKind::Binary, log).unwrap();
    (bandit, log)
}

/// A bandit and its log tell the same; what was tried keeps its counts at the discount, whatever its new number.
#[test]
fn what_was_tried_is_found_by_name() {
    let (bandit, log) = learnt(space(&["a", "b"], &["email", "sms"]), ages(&["young", "old"]), 4_000);
    let told: Vec<_> =
        [0, 1].map(SegmentId::new).into_iter().map(|segment| (segment, bandit.tried(segment))).collect();
    assert_eq!(told, evaluation::tried(&log));
    let (arms, segments) = (space(&["b", "new", "a"], &["sms", "email"]), ages(&["old", "new", "young"]));
    let start = WarmStart::new((bandit.arms(), bandit.segments()), &told, 0.25, (&arms, &segments)).unwrap();
    for (old, tried) in &told {
        for told in tried {
            let arm = arms.find(bandit.arms().arm(told.arm).levels()).unwrap();
            let segment = segments.find(bandit.segments().segment(*old).levels()).unwrap();
            let prior = start.prior(segments.segment(segment), arms.arm(arm));
            let expected = Beta::UNIFORM.updated(0.25 * told.earned, 0.25 * told.trials - 0.25 * told.earned);
            assert!(
                (prior.alpha() - expected.alpha()).abs() < 1e-9
                    && (prior.beta() - expected.beta()).abs() < 1e-9
            );
        }
    }
}

/// A new combination of known levels is believed near the truth, one of a new level less surely, and a new segment gets what
/// all others taught.
#[test]
fn what_is_new_inherits_from_its_levels() {
    let old = space(&["a", "b", "c"], &CHANNELS);
    let without = old.eligible(|arm| (arm.level("template"), arm.level("channel")) != ("c", "email"));
    let (mut rng, mut results) = (Xoshiro256PlusPlus::seed_from_u64(12), Vec::new());
    for arm in without.iter() {
        let levels = old.arm(arm);
        let rate = rate(levels.level("template"), levels.level("channel"));
        let paid = (0..8_000).filter(|_| rng.random::<f64>() < rate).count();
        results.push(Tried { arm, trials: 8_000.0, earned: paid as f64 });
    }
    let results = vec![(SegmentId::new(0), results)];
    let (arms, segments) = (space(&["a", "b", "c", "d"], &CHANNELS), Segments::single());
    let start = WarmStart::new((&old, &segments), &results, 0.5, (&arms, &segments)).unwrap();
    let prior = |template: &str, channel: &str| {
        let arm = arms.find([("template", template), ("channel", channel)]).unwrap();
        start.prior(segments.segment(SegmentId::new(0)), arms.arm(arm))
    };
    let (left_out, new) = (prior("c", "email"), prior("d", "email"));
    let off = (left_out.mean() - rate("c", "email")).abs();
    assert!(off < 3.0 * left_out.variance().sqrt() && off < 0.03, "{left_out:?} of {}", rate("c", "email"));
    // Alone it would be the mean of all, far below.
    let mean = results[0].1.iter().map(|told| told.earned).sum::<f64>() / (8_000.0 * 11.0);
    assert!(left_out.mean() > mean + 0.02);
    assert!(new.variance() > 2.0 * left_out.variance(), "{new:?} {left_out:?}");
    // An e-mail of a template that nobody knows is an e-mail still.
    assert!(new.mean() > prior("d", "call").mean() + 0.02);
}

/// What cannot be is refused with its value; numbers that are no results count for nothing.
#[test]
fn no_panic_on_results_that_cannot_be() {
    let (arms, one) = (space(&["a"], &["sms"]), Segments::single());
    let told =
        |arm, trials, earned| vec![(SegmentId::new(0), vec![Tried { arm: ArmId::new(arm), trials, earned }])];
    let start = |results: &[_], discount| WarmStart::new((&arms, &one), results, discount, (&arms, &one));
    for discount in [-0.1, 1.1, f64::NAN] {
        let error = start(&told(0, 1.0, 1.0), discount).unwrap_err();
        assert!(
            matches!(error, WarmStartError::Discount { discount: found } if found.to_bits() == discount.to_bits())
        );
    }
    let error = start(&told(7, 1.0, 1.0), 0.5).unwrap_err();
    assert_eq!(error.to_string(), "results of arm 7 in segment 0, of which there is none");
    for (trials, earned) in
        [(f64::NAN, 0.0), (1.0, 2.0), (-1.0, -1.0), (f64::INFINITY, 1.0), (0.0, 0.0), (1.0, f64::NAN)]
    {
        let start = start(&told(0, trials, earned), 1.0).unwrap();
        let segment = one.segment(SegmentId::new(0));
        assert_eq!(start.prior(segment, arms.arm(ArmId::new(0))), Beta::UNIFORM);
    }
    let wide =
        Segments::builder().attribute("a", (0..1 << 20).map(|level: u32| level.to_string())).build().unwrap();
    let arms = space(&["a", "b", "c", "d", "e"], &["sms"]);
    let error = WarmStart::new((&arms, &wide), &[], 0.5, (&arms, &wide)).unwrap_err();
    assert!(matches!(error, WarmStartError::TooMany { pairs: 5_242_880, .. }));
}

/// What counts for nothing is told: a dimension that was added, a template that was renamed, a segment that is gone.
#[test]
fn trials_without_a_namesake_are_told() {
    let (old, segments) = (space(&["a", "b"], &["email", "sms"]), ages(&["young", "old"]));
    let told = |arm, trials| Tried { arm: ArmId::new(arm), trials, earned: 1.0 };
    let results = vec![
        (SegmentId::new(0), vec![told(0, 100.0), told(2, 10.0), told(3, f64::NAN)]),
        (SegmentId::new(1), vec![told(1, 5_000.0)]),
    ];
    let matched = |arms: &ArmSpace, here: &Segments| {
        let matched = WarmStart::new((&old, &segments), &results, 0.1, (arms, here)).unwrap().matched();
        (matched.given, matched.arms, matched.segments)
    };
    assert_eq!(matched(&old, &segments), (5_110.0, 5_110.0, 5_110.0));
    assert_eq!(matched(&space(&["b", "a"], &["email"]), &segments), (5_110.0, 110.0, 110.0));
    assert_eq!(matched(&space(&["a", "c"], &["email"]), &ages(&["old"])), (5_110.0, 100.0, 0.0));
    let wider = ArmSpace::builder().dimension("template", ["a", "b"]).dimension("channel", ["email", "sms"]);
    let wider = wider.dimension("tone", ["warm", "firm"]).build().unwrap();
    assert_eq!(matched(&wider, &segments), (5_110.0, 0.0, 0.0));
    let start = WarmStart::new((&old, &segments), &results, 0.1, (&space(&["a"], &["email"]), &segments));
    assert_eq!(
        start.unwrap().matched().to_string(),
        "of 5110 trials 100 are of arms that are here, 100 of those in segments that are"
    );
}

/// Segments that an attribute told apart there are together here; those that one tells apart here have equal parts.
#[test]
fn attributes_come_and_go() {
    let (arms, one, two) = (space(&["a", "b"], &["sms"]), Segments::single(), ages(&["young", "old"]));
    let told = |arm, trials, earned| Tried { arm: ArmId::new(arm), trials, earned };
    let apart = vec![
        (SegmentId::new(0), vec![told(0, 100.0, 10.0), told(1, 40.0, 8.0)]),
        (SegmentId::new(1), vec![told(0, 60.0, 2.0)]),
    ];
    let together = WarmStart::new((&arms, &two), &apart, 0.5, (&arms, &one)).unwrap();
    let first = SegmentId::new(0);
    assert_eq!(together.tried(first), [told(0, 80.0, 6.0), told(1, 20.0, 4.0)]);
    let prior = |start: &WarmStart, segments: &Segments, segment| {
        start.prior(segments.segment(SegmentId::new(segment)), arms.arm(ArmId::new(0)))
    };
    assert_eq!(prior(&together, &one, 0), Beta::new(7.0, 75.0).unwrap());

    let here = Segments::builder().attribute("stage", ["1", "2"]).attribute("age", ["old", "young", "new"]);
    let here = here.build().unwrap();
    let start = WarmStart::new((&arms, &two), &apart, 0.5, (&arms, &here)).unwrap();
    let [old, young] = [vec![told(0, 15.0, 0.5)], vec![told(0, 25.0, 2.5), told(1, 10.0, 2.0)]];
    for (segment, expected) in [&old, &young, &vec![], &old, &young, &vec![]].into_iter().enumerate() {
        assert_eq!(start.tried(SegmentId::new(segment as u32)), expected);
    }
    // As priors go, a part of what others earned would say less than what all of it says of levels.
    assert_eq!(prior(&start, &here, 0), prior(&start, &here, 2));
}

#[test]
fn a_start_of_other_arms_is_refused() {
    let (arms, one, two) = (space(&["a", "b"], &["sms"]), Segments::single(), ages(&["young", "old"]));
    let start = WarmStart::new((&arms, &one), &[], 0.5, (&arms, &one)).unwrap();
    for (arms, segments) in [(space(&["a", "c"], &["sms"]), &one), (arms, &two)] {
        let error = Bandit::builder(arms, segments.clone()).warm_start(start.clone()).build().unwrap_err();
        assert_eq!(error, BuildError::WarmStart);
    }
}
