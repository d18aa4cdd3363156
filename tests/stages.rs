//! Rewards in stages through the bandit: exact totals in any order and from any thread, each stage once, nothing after the
//! window, nothing lost or counted twice by a restart.

use std::time::Duration;

use allocation_counter::measure;
use proptest::prelude::*;
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use tactful::bandit::{BuildError, RewardError};
use tactful::policy::Uniform;
use tactful::reward::OutcomeError;
use tactful::snapshot::RestoreError;
use tactful::time::Window;
use tactful::{
    ArmId, ArmSpace, Bandit, BanditBuilder, Decision, Outcome, Reward, RewardKind, RewardRule, SegmentId,
    Segments, Snapshot, Stage, Timestamp,
};

const DAY: u64 = 86_400_000;
const SEGMENT: SegmentId = SegmentId::new(0);
/// 2⁻²⁴ of the range from −1 to 1.
const UNIT: f64 = 2.0 / 16_777_216.0;

fn days(days: u32) -> Window {
    let day = Duration::from_millis(DAY);
    Window::new(days * day, day).unwrap()
}

/// From −1 to 1; a letter costs an eighth.
fn rule() -> RewardRule {
    RewardRule::builder(-1.0, 1.0)
        .weight(Stage::Delivered, 0.0625)
        .weight(Stage::Opened, 0.125)
        .weight(Stage::Promised, 0.25)
        .payment(500.0, 1000.0)
        .discount(0.1, [Stage::Paid])
        .penalty(Stage::Complained, 0.75)
        .penalty(Stage::OptedOut, 1.0)
        .cost("channel", "letter", 0.125)
        .build()
        .unwrap()
}

fn builder(incarnation: u64) -> BanditBuilder {
    let arms = ArmSpace::builder().dimension("channel", ["email", "letter"]).build().unwrap();
    Bandit::builder(arms, Segments::single()).policy(Uniform).incarnation(incarnation)
}

fn bandit(incarnation: u64) -> Bandit {
    builder(incarnation).window(days(2)).stages(rule()).build().unwrap()
}

fn at(bandit: &Bandit, day: u64) {
    bandit.advance_to(Timestamp::from_millis(day * DAY)).unwrap();
}

fn send(bandit: &Bandit, count: usize, seed: u64) -> Vec<Decision> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    (0..count).map(|_| bandit.select(SEGMENT, &bandit.arms().all(), &mut rng).unwrap()).collect()
}

/// A decision for one arm.
fn send_one(bandit: &Bandit, arm: u32) -> Decision {
    let only = bandit.arms().subset([ArmId::new(arm)]).unwrap();
    bandit.select(SEGMENT, &only, &mut Xoshiro256PlusPlus::seed_from_u64(1)).unwrap()
}

/// Issued, returned, sum and squares of the scaled rewards, over both arms.
fn counts(bandit: &Bandit) -> (u64, u64, f64, f64) {
    let arms = bandit.arms().iter().map(|arm| bandit.statistics(SEGMENT, arm.id()));
    let total = arms.reduce(|sum, arm| sum.merge(arm).unwrap()).unwrap();
    (total.issued(), total.returned(), total.sum(), total.sum_of_squares())
}

fn reopened(bandit: &Bandit, life: u64) -> Bandit {
    let text = serde_json::to_string(&bandit.snapshot()).unwrap();
    let mut next = self::bandit(life);
    next.restore(&serde_json::from_str::<Snapshot>(&text).unwrap()).unwrap();
    next.advance_to(bandit.now()).unwrap();
    next
}

fn permutations(items: &[Outcome]) -> Vec<Vec<Outcome>> {
    let [] = items else {
        let rest = |first: usize| {
            let others: Vec<_> = [&items[..first], &items[first + 1..]].concat();
            permutations(&others).into_iter().map(move |tail| [vec![items[first]], tail].concat())
        };
        return (0..items.len()).flat_map(rest).collect();
    };
    vec![Vec::new()]
}

#[test]
fn order_free_the_total_is_exact_in_every_order_of_arrival() {
    // In some orders the total is clipped at both bounds on the way.
    let outcomes = [
        Outcome::new(Stage::Delivered),
        Outcome::new(Stage::Promised),
        Outcome::new(Stage::Complained),
        Outcome::paid(1e9),
        Outcome::new(Stage::OptedOut),
    ];
    let bandit = bandit(1);
    for (number, order) in permutations(&outcomes).into_iter().enumerate() {
        let decision = send_one(&bandit, 1);
        let before = bandit.statistics(SEGMENT, ArmId::new(1));
        for (arrived, outcome) in order.iter().enumerate() {
            bandit.observe(&decision, *outcome).unwrap();
            let (issued, returned, ..) = counts(&bandit);
            assert_eq!((issued, returned), (number as u64 + 1, number as u64 + 1));
            let again = bandit.observe(&decision, order[arrived / 2]);
            assert!(matches!(again, Err(RewardError::DuplicateStage { .. })), "{again:?}");
        }
        let after = bandit.statistics(SEGMENT, ArmId::new(1));
        // −0.125 + 0.0625 + 0.25 − 0.75 + 0.5 − 1 = −1.0625, clipped to −1, which is 0 of the range.
        assert_eq!(
            (before.sum(), before.sum_of_squares()),
            (after.sum(), after.sum_of_squares()),
            "{order:?}"
        );
    }
    assert!(bandit.clipped() >= 120);
    let decision = send_one(&bandit, 0);
    bandit.observe(&decision, Stage::Opened).unwrap();
    bandit.observe(&decision, Outcome::paid(250.0)).unwrap();
    let email = bandit.statistics(SEGMENT, ArmId::new(0));
    assert_eq!(bandit.reward_kind().unscale(email.sum()), 0.375);
}

#[test]
fn what_nothing_comes_of_earns_what_its_arm_starts_from() {
    let bandit = bandit(1);
    at(&bandit, 3);
    let (email, letter) = (send_one(&bandit, 0), send_one(&bandit, 1));
    send_one(&bandit, 1);
    bandit.observe(&email, Stage::Promised).unwrap();
    assert_eq!(bandit.statistics(SEGMENT, email.arm()).returned(), 1);
    assert_eq!(bandit.statistics(SEGMENT, letter.arm()).returned(), 0);
    at(&bandit, 6);
    let letters = bandit.statistics(SEGMENT, letter.arm());
    assert_eq!((letters.returned(), letters.sum()), (2, 2.0 * (1.0 - 0.125) / 2.0));
    assert_eq!(bandit.statistics(SEGMENT, email.arm()).sum(), 1.25 / 2.0);
    // Uniform beliefs and two letters: 1 + 0.875 and 1 + 1.125.
    let belief = bandit.posterior(SEGMENT, letter.arm());
    assert!((belief.alpha() - 1.875).abs() < 1e-12 && (belief.beta() - 2.125).abs() < 1e-12, "{belief:?}");
}

#[test]
fn late_outcomes_are_refused_and_within_the_time_of_grace_correct_the_default() {
    let window = days(2).grace_for(Duration::from_millis(2 * DAY)).unwrap();
    let bandit = builder(1).window(window).stages(rule()).build().unwrap();
    at(&bandit, 10);
    let sent: Vec<Decision> = (0..3).map(|_| send_one(&bandit, 0)).collect();
    bandit.observe(&sent[0], Stage::Opened).unwrap();
    at(&bandit, 13);
    assert_eq!(counts(&bandit).2, 0.5625 + 0.5 + 0.5);
    bandit.observe(&sent[0], Stage::Promised).unwrap();
    bandit.observe(&sent[1], Stage::Promised).unwrap();
    assert_eq!(counts(&bandit).2, 0.6875 + 0.625 + 0.5);
    at(&bandit, 15);
    for decision in &sent {
        let late = bandit.observe(decision, Stage::Clicked);
        assert!(matches!(late, Err(RewardError::Late { .. })), "{late:?}");
    }
    assert_eq!(counts(&bandit).2, 0.6875 + 0.625 + 0.5);
    assert_eq!((bandit.late().corrected, bandit.late().refused), (2, 3));
}

#[test]
fn a_decision_is_taken_back_or_has_outcomes_and_never_both() {
    let bandit = bandit(1);
    let sent = send(&bandit, 3, 1);
    bandit.cancel(&sent[0]).unwrap();
    bandit.observe(&sent[1], Stage::Delivered).unwrap();
    let refused = |told| assert!(matches!(told, Err(RewardError::AlreadyRewarded { .. })), "{told:?}");
    refused(bandit.observe(&sent[0], Stage::Delivered));
    refused(bandit.cancel(&sent[0]));
    refused(bandit.cancel(&sent[1]));
    assert_eq!((counts(&bandit).0, counts(&bandit).1), (2, 1));
    let bandit = reopened(&bandit, 2);
    refused(bandit.observe(&sent[0], Stage::Delivered));
    refused(bandit.cancel(&sent[1]));
    at(&bandit, 3);
    assert!(matches!(bandit.cancel(&sent[2]), Err(RewardError::Late { .. })));
}

#[test]
fn a_bandit_takes_whole_rewards_or_outcomes() {
    let staged = bandit(1);
    let decision = send_one(&staged, 0);
    let refused = staged.reward(&decision, Reward::new(0.5));
    assert!(matches!(refused, Err(RewardError::InStages { id }) if id == decision.id()), "{refused:?}");
    let missing = staged.observe(&decision, Stage::Paid);
    assert_eq!(missing, Err(RewardError::Outcome(OutcomeError::Missing { stage: Stage::Paid })));
    assert!(staged.observe(&decision, Outcome::paid(f64::NAN)).is_err());
    assert_eq!(counts(&staged).1, 0);
    assert_eq!(staged.reward_kind(), rule().kind());
    assert_eq!(staged.reward_rule(), Some(&rule()));

    for builder in [builder(1), builder(1).window(days(2))] {
        let whole = builder.build().unwrap();
        let decision = send_one(&whole, 0);
        let refused = whole.observe(&decision, Stage::Opened);
        assert!(matches!(refused, Err(RewardError::NotInStages { .. })), "{refused:?}");
        assert_eq!((whole.reward_rule(), whole.clipped()), (None, 0));
    }
}

#[test]
fn bad_settings_are_refused() {
    let refused = builder(1).stages(rule()).build();
    assert!(matches!(refused, Err(BuildError::StagesWithoutWindow)));
    let refused = builder(1).window(days(1)).stages(rule()).default_reward(Reward::new(0.5)).build();
    assert!(matches!(refused, Err(BuildError::StagesWithDefault { .. })));
    let rule =
        RewardRule::builder(0.0, 1.0).weight(Stage::Opened, 0.5).cost("channel", "fax", 0.5).build().unwrap();
    let refused = builder(1).window(days(1)).stages(rule).build().unwrap_err();
    assert!(matches!(&refused, BuildError::Cost(_)) && refused.to_string().contains("fax"), "{refused}");
}

#[test]
fn payments_are_discounted_from_the_middle_of_the_bucket_of_their_decision() {
    let bandit = builder(1).window(days(20)).stages(rule()).build().unwrap();
    let paid = |hours: u64, discounted_days: f64| {
        let decision = send_one(&bandit, 0);
        bandit.advance_to(Timestamp::from_millis(100 * DAY + hours * DAY / 24)).unwrap();
        let before = counts(&bandit).2;
        bandit.observe(&decision, Outcome::paid(500.0)).unwrap();
        let exact = 0.5 + 0.25 * (-0.1 * discounted_days).exp();
        assert!((counts(&bandit).2 - before - exact).abs() < UNIT, "{hours} hours");
    };
    at(&bandit, 100);
    paid(6, 0.0);
    paid(18, 0.25);
    let decision = send_one(&bandit, 0);
    at(&bandit, 110);
    let before = counts(&bandit).2;
    bandit.observe(&decision, Outcome::paid(500.0)).unwrap();
    assert!((counts(&bandit).2 - before - 0.5 - 0.25 * (-0.95_f64).exp()).abs() < UNIT);
}

#[test]
fn delays_are_those_of_payments_or_of_the_first_outcome() {
    let opened = RewardRule::builder(0.0, 1.0).weight(Stage::Opened, 0.5).build().unwrap();
    for (rule, delay) in [(rule(), 3.0), (opened, 1.0)] {
        let bandit = builder(1).window(days(5)).stages(rule).build().unwrap();
        for today in (0..160).step_by(4) {
            at(&bandit, today);
            let sent = send(&bandit, 20, today);
            at(&bandit, today + 1);
            sent.iter().for_each(|decision| bandit.observe(decision, Stage::Opened).unwrap());
            at(&bandit, today + 3);
            sent.iter().for_each(|decision| bandit.observe(decision, Outcome::paid(1.0)).unwrap());
        }
        let law = bandit.delays()[0].1.law().clone();
        let (before, after) = (law.cdf(delay - 1.0), law.cdf(delay + 1.5));
        assert!(before < 0.1 && after > 0.9, "F is {before} before {delay} days, {after} after");
    }
}

#[test]
fn a_snapshot_of_another_rule_is_refused_where_totals_would_change() {
    let bandit = bandit(1);
    at(&bandit, 1);
    let sent = send(&bandit, 10, 1);
    bandit.observe(&sent[3], Stage::Opened).unwrap();
    let snapshot = bandit.snapshot();
    let weights = |rule: tactful::reward::RewardRuleBuilder| rule.weight(Stage::Opened, 0.5);
    let build = |rule| builder(2).window(days(2)).stages(rule).build().unwrap();
    let ours = || weights(RewardRule::builder(-1.0, 1.0));

    let mut other = build(ours().cost("channel", "letter", 0.125).build().unwrap());
    other.restore(&snapshot).unwrap();
    let duplicate = other.observe(&sent[3], Stage::Opened);
    assert!(
        matches!(duplicate, Err(RewardError::DuplicateStage { stage: Stage::Opened, .. })),
        "{duplicate:?}"
    );

    let refused = build(ours().build().unwrap()).restore(&snapshot);
    let expected = RestoreError::Baseline { arm: "channel=letter".into(), snapshot: 0.4375, bandit: 0.5 };
    assert_eq!(refused, Err(expected));
    let refused = build(weights(RewardRule::builder(-1.0, 2.0)).build().unwrap()).restore(&snapshot);
    assert!(matches!(refused, Err(RestoreError::RewardKind { .. })));
    let plain = || builder(3).window(days(2)).reward(RewardKind::Real { minimum: -1.0, maximum: 1.0 });
    let refused = plain().build().unwrap().restore(&snapshot);
    assert_eq!(refused, Err(RestoreError::Stages { snapshot: true }));
    let refused = self::bandit(2).restore(&plain().build().unwrap().snapshot());
    assert_eq!(refused, Err(RestoreError::Stages { snapshot: false }));
}

#[test]
fn no_panic_on_hostile_words_and_no_memory_beyond_a_multiple_of_the_text() {
    let bandit = bandit(1);
    let sent = send(&bandit, 100, 1);
    for which in [0, 1, 15, 16, 40, 99] {
        bandit.observe(&sent[which], Stage::Opened).unwrap();
    }
    let honest = serde_json::to_value(bandit.snapshot()).unwrap();
    let text = honest["lives"][0]["outcomes"].as_str().unwrap().to_owned();
    let restore = |outcomes: &str| {
        let mut value = honest.clone();
        value["lives"][0]["outcomes"] = outcomes.into();
        let snapshot = serde_json::from_value::<Snapshot>(value).map_err(|error| error.to_string())?;
        let mut fresh = self::bandit(2);
        fresh.restore(&snapshot).map_err(|error| error.to_string())?;
        // What is restored is what was there, or something else that can be.
        let back = serde_json::to_value(fresh.snapshot()).unwrap();
        Ok::<_, String>(back["lives"][1]["outcomes"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(restore(&text).unwrap(), text);
    for end in 0..text.len() {
        let _ = restore(&text[..end]);
    }
    for place in 0..text.len() {
        for byte in [b'-', b';', b'0', b'f', b'+', b'z'] {
            let mut text = text.clone().into_bytes();
            text[place] = byte;
            let _ = restore(&String::from_utf8(text).unwrap());
        }
    }
    let word = "0000000000200002";
    // A word of no stage, of a decision that never was, a seventeenth in a sheet, a sign, a letter beyond ASCII.
    for bad in [
        "0000000000020000".to_owned(),
        "0".repeat(16),
        format!("{}{word}", ";".repeat(7)),
        word.repeat(17),
        "+000000000200002".to_owned(),
        "é000000000200002".to_owned(),
        word[1..].to_owned(),
    ] {
        assert!(restore(&bad).is_err(), "{bad}");
    }
    // The most memory for the text: one word in each sheet, and sheets far apart.
    for sparse in [format!("{word};").repeat(2000), format!("{}{word}", ";".repeat(5000)).repeat(20)] {
        let mut value = honest.clone();
        value["lives"][0]["issued"] = (1_u64 << 40).into();
        value["lives"][0]["outcomes"] = sparse.clone().into();
        let value = value.to_string();
        let mut fresh = self::bandit(2);
        let used = measure(|| {
            let snapshot = serde_json::from_str::<Snapshot>(&value).unwrap();
            fresh.restore(&snapshot).unwrap();
        });
        let most = 16 * sparse.len() as u64 + 64 * 1024;
        assert!(used.bytes_max < most, "{} bytes for {} of text", used.bytes_max, sparse.len());
    }
}

#[test]
fn exactly_once_from_two_threads_at_once() {
    let bandit = bandit(1);
    let sent = send(&bandit, 2_000, 1);
    let outcomes = [Stage::Delivered, Stage::Opened, Stage::Promised, Stage::Complained].map(Outcome::new);
    let told: u64 = std::thread::scope(|scope| {
        let worker = |seed: u64| {
            let (bandit, sent) = (&bandit, &sent);
            move || {
                let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
                let mut told = 0;
                for decision in sent {
                    // Each tells everything, from another beginning.
                    let first = rng.random_range(0..4);
                    for place in 0..4 {
                        let told_now = bandit.observe(decision, outcomes[(first + place) % 4]);
                        assert!(matches!(told_now, Ok(()) | Err(RewardError::DuplicateStage { .. })));
                        told += u64::from(told_now.is_ok());
                    }
                }
                told
            }
        };
        let workers = [scope.spawn(worker(1)), scope.spawn(worker(2))];
        workers.map(|worker| worker.join().unwrap()).iter().sum()
    });
    assert_eq!(told, 8_000, "each stage was accepted once");
    let alone = self::bandit(1);
    for decision in send(&alone, 2_000, 1) {
        outcomes.iter().for_each(|&outcome| alone.observe(&decision, outcome).unwrap());
    }
    assert_eq!(counts(&bandit), counts(&alone));
    at(&bandit, 5);
    at(&alone, 5);
    assert_eq!(counts(&bandit), counts(&alone), "and folded the same");
}

#[test]
fn memory_is_bounded_per_decision() {
    const DECISIONS: u64 = 1 << 18;
    let per_decision = |density: f64| {
        let bandit = bandit(1);
        let sent = send(&bandit, DECISIONS as usize, 1);
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(2);
        let mut with = 0;
        let used = measure(|| {
            for decision in &sent {
                if rng.random_bool(density) {
                    with += 1;
                    bandit.observe(decision, Stage::Delivered).unwrap();
                }
            }
        });
        used.bytes_current as f64 / f64::from(with)
    };
    let (all, most) = (per_decision(1.0), per_decision(0.9));
    println!("bytes per decision with outcomes: {all:.2} if all have some, {most:.2} if 90 % have");
    println!("if 50 % have {:.2}, if 5 % have {:.2}", per_decision(0.5), per_decision(0.05));
    assert!(all <= 8.7 && most <= 10.0, "{all} {most}");

    // Yes-or-no rewards: a bit for each decision that is pending, made when the first reward comes.
    let arms = ArmSpace::builder().dimension("channel", ["email", "letter"]).build().unwrap();
    let bandit = Bandit::builder(arms, Segments::single()).policy(Uniform).window(days(2)).build().unwrap();
    send(&bandit, 1, 1).iter().for_each(|first| bandit.reward(first, Reward::SUCCESS).unwrap());
    let used = measure(|| {
        for decision in send(&bandit, DECISIONS as usize, 2).iter().step_by(10) {
            bandit.reward(decision, Reward::SUCCESS).unwrap();
        }
    });
    let bits = used.bytes_current as f64 * 8.0 / DECISIONS as f64;
    println!("bits per pending binary decision: {bits:.2}");
    assert!(bits <= 2.0, "{bits}");
}

/// What became of a decision, kept plainly.
#[derive(Clone, Debug)]
struct Sent {
    made: u64,
    letter: bool,
    /// (stage, units)
    arrived: Vec<(Stage, i64)>,
    cancelled: bool,
}

impl Sent {
    /// The total in units.
    fn total(&self) -> u64 {
        let start = units(1.0 - if self.letter { 0.125 } else { 0.0 });
        let sum: i64 = self.arrived.iter().map(|&(_, units)| units).sum();
        (start + sum).clamp(0, 1 << 24) as u64
    }
}

fn units(value: f64) -> i64 {
    (value / UNIT).round() as i64
}

#[derive(Clone, Debug)]
enum Step {
    Send(u8),
    Observe(u16, u8, u16),
    Cancel(u16),
    Advance(u8),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..5_u8).prop_map(Step::Send),
        12 => any::<(u16, u8, u16)>().prop_map(|(which, stage, amount)| Step::Observe(which, stage % 8, amount % 700)),
        1 => any::<u16>().prop_map(Step::Cancel),
        2 => (0..3_u8).prop_map(Step::Advance),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn totals_are_those_of_a_plain_model_whatever_happens(
        steps in prop::collection::vec(step(), 1..80),
        grace in 0..3_u32,
    ) {
        let window = days(2).grace_for(grace * Duration::from_millis(DAY)).unwrap();
        let start = |life| builder(life).window(window).stages(rule()).build().unwrap();
        let (mut life, mut today) = (1, 0);
        let mut bandit = start(life);
        let mut model: Vec<Sent> = Vec::new();
        let mut sent: Vec<Decision> = Vec::new();
        for step in steps {
            match step {
                Step::Send(count) => {
                    for decision in send(&bandit, usize::from(count), sent.len() as u64) {
                        let letter = decision.arm() == ArmId::new(1);
                        model.push(Sent { made: today, letter, arrived: Vec::new(), cancelled: false });
                        sent.push(decision);
                    }
                }
                Step::Observe(..) | Step::Cancel(_) if sent.is_empty() => {}
                Step::Observe(which, stage, amount) => {
                    let which = usize::from(which) % sent.len();
                    let stage = Stage::from_number(stage).unwrap();
                    let amount = f64::from(amount);
                    let outcome = if stage == Stage::Paid { Outcome::paid(amount) } else { stage.into() };
                    let told = bandit.observe(&sent[which], outcome);
                    let decision = &mut model[which];
                    if today >= decision.made + 3 + u64::from(grace) {
                        let refused = matches!(told, Err(RewardError::Late { .. } | RewardError::UnknownIssuer { .. }));
                        prop_assert!(refused, "{told:?}");
                    } else if decision.cancelled {
                        prop_assert!(matches!(told, Err(RewardError::AlreadyRewarded { .. })), "{told:?}");
                    } else if decision.arrived.iter().any(|&(arrived, _)| arrived == stage) {
                        prop_assert!(matches!(told, Err(RewardError::DuplicateStage { .. })), "{told:?}");
                    } else {
                        prop_assert!(told.is_ok(), "{told:?}");
                        let passed = ((today - decision.made) as f64 - 0.5).max(0.0);
                        let worth = match stage {
                            Stage::Delivered => 0.0625,
                            Stage::Opened => 0.125,
                            Stage::Promised => 0.25,
                            Stage::Paid => amount.min(500.0) / 1000.0 * libm::exp(-0.1 * passed),
                            Stage::Complained => -0.75,
                            Stage::OptedOut => -1.0,
                            _ => 0.0,
                        };
                        decision.arrived.push((stage, units(worth)));
                    }
                }
                Step::Cancel(which) => {
                    let which = usize::from(which) % sent.len();
                    let decision = &mut model[which];
                    let possible = today < decision.made + 3 + u64::from(grace)
                        && decision.arrived.is_empty()
                        && !decision.cancelled;
                    prop_assert_eq!(bandit.cancel(&sent[which]).is_ok(), possible);
                    decision.cancelled |= possible;
                }
                Step::Advance(days) => {
                    today += u64::from(days);
                    at(&bandit, today);
                }
                Step::Restart => {
                    let text = serde_json::to_string(&bandit.snapshot()).unwrap();
                    life += 1;
                    bandit = start(life);
                    bandit.restore(&serde_json::from_str::<Snapshot>(&text).unwrap()).unwrap();
                    at(&bandit, today);
                }
            }
            let alive = model.iter().filter(|decision| !decision.cancelled);
            let known = alive.clone().filter(|one| today >= one.made + 3 || !one.arrived.is_empty());
            let sum: u64 = known.clone().map(Sent::total).sum();
            let squares: u64 = known.clone().map(|one| (one.total() * one.total()).div_ceil(1 << 24)).sum();
            let scaled = |units: u64| units as f64 / f64::from(1 << 24);
            let expected = (alive.count() as u64, known.count() as u64, scaled(sum), scaled(squares));
            prop_assert_eq!(counts(&bandit), expected);
        }
    }
}
