//! Rewards in stages: one number per decision, the same in any order of arrival (order-free, exactly once), and no
//! panic on whatever amounts and rules come.

use proptest::prelude::*;
use tactful::arm::NameError;
use tactful::reward::{
    Baseline, Contribution, DuplicateStage, Outcome, OutcomeError, RewardRule, RewardRuleBuilder, RuleError,
    Stage, StagedReward, Total,
};
use tactful::{ArmSpace, RewardKind};

const DAY: u64 = 86_400_000;

fn arms() -> ArmSpace {
    ArmSpace::builder()
        .dimension("channel", ["email", "sms", "letter"])
        .dimension("offer", ["none", "waiver"])
        .forbid([("channel", "letter"), ("offer", "none")])
        .build()
        .unwrap()
}

fn dunning() -> RewardRuleBuilder {
    RewardRule::builder(-2.0, 2.0)
        .baseline(0.5)
        .weight(Stage::Opened, 0.125)
        .weight(Stage::Clicked, 0.25)
        .weight(Stage::Promised, 0.5)
        .payment(800.0, 400.0)
        .penalty(Stage::Disputed, 1.5)
        .penalty(Stage::Complained, 0.75)
        .penalty(Stage::OptedOut, 3.0)
        .discount(0.1, [Stage::Paid, Stage::Promised])
        .cost("channel", "sms", 0.25)
        .cost("channel", "letter", 1.0)
        .cost("offer", "waiver", 2.0)
}

/// The outcome of a stage, with an amount where it takes one.
fn outcome(stage: Stage, amount: f64) -> Outcome {
    if stage == Stage::Paid { Outcome::paid(amount) } else { Outcome::new(stage) }
}

fn value(rule: &RewardRule, total: Total) -> f64 {
    rule.kind().unscale(total.scaled())
}

#[test]
fn totals_by_hand() {
    let rule = dunning().build().unwrap();
    assert_eq!(rule.kind(), RewardKind::Real { minimum: -2.0, maximum: 2.0 });
    let arms = arms();
    let baselines = rule.baselines(&arms).unwrap();
    // email none, email waiver, sms none, sms waiver, letter waiver (−2.5, clipped).
    let empty = StagedReward::default();
    let initial: Vec<(f64, bool)> = baselines
        .iter()
        .map(|&base| empty.total(base))
        .map(|total| (value(&rule, total), total.clipped()))
        .collect();
    assert_eq!(initial, [(0.5, false), (-1.5, false), (0.25, false), (-1.75, false), (-2.0, true)]);

    let steps = [
        (Outcome::new(Stage::Delivered), 0, 0.25),
        (Outcome::new(Stage::Opened), DAY, 0.375),
        (Outcome::new(Stage::Promised), 2 * DAY, 0.375 + 0.5 * (-0.2_f64).exp()),
        (Outcome::paid(100.0), 5 * DAY + DAY / 2, 0.375 + 0.5 * (-0.2_f64).exp() + 0.25 * (-0.55_f64).exp()),
        (Outcome::new(Stage::OptedOut), 9 * DAY, -2.0),
    ];
    let mut state = empty;
    for (outcome, elapsed, total) in steps {
        let joined = state.join(baselines[2], rule.contribution(&outcome, elapsed).unwrap()).unwrap();
        assert_eq!(joined.before, state.total(baselines[2]));
        // Four stages, each rounded to 2⁻²⁵ of a range of 4 at most.
        assert!((value(&rule, joined.after) - total).abs() < 4.0 * 4.0 / f64::from(1 << 25), "{outcome}");
        assert_eq!(joined.after.clipped(), outcome.stage() == Stage::OptedOut);
        state = joined.state;
    }
    // More than the cap is worth no more; nothing is worth nothing.
    let capped = rule.contribution(&Outcome::paid(1e300), 0).unwrap();
    assert_eq!(capped.units(), 1 << 23);
    assert_eq!(rule.contribution(&Outcome::paid(0.0), 0).unwrap().units(), 0);
    assert_eq!(
        rule.contribution(&Outcome::paid(800.0), u64::MAX).unwrap().units(),
        0,
        "too late to be worth a unit"
    );
}

/// Every order of every subset of the eight stages: 109,601 paths, walked as a tree.
#[test]
fn order_free_stages_exhaustively() {
    let rule = dunning().build().unwrap();
    let baseline = rule.baselines(&arms()).unwrap()[3];
    let contributions = Stage::ALL
        .map(|stage| rule.contribution(&outcome(stage, 321.0), DAY * u64::from(stage.number()) / 3).unwrap());
    let mut found: Vec<Option<StagedReward>> = vec![None; 256];
    let mut paths = 0;
    walk(&contributions, baseline, StagedReward::default(), 0, &mut found, &mut paths);
    assert_eq!(paths, 109_601);
}

fn walk(
    contributions: &[Contribution; 8],
    baseline: Baseline,
    state: StagedReward,
    set: usize,
    found: &mut [Option<StagedReward>],
    paths: &mut u32,
) {
    *paths += 1;
    assert_eq!(*found[set].get_or_insert(state), state, "another order of {set:08b}");
    let seen: Vec<usize> = state.stages().map(|stage| usize::from(stage.number())).collect();
    assert_eq!(seen, (0..8).filter(|stage| set >> stage & 1 == 1).collect::<Vec<_>>());
    for (number, &contribution) in contributions.iter().enumerate() {
        match state.join(baseline, contribution) {
            Ok(joined) => {
                assert_eq!(set >> number & 1, 0);
                walk(contributions, baseline, joined.state, set | 1 << number, found, paths);
            }
            Err(DuplicateStage { stage }) => {
                assert_eq!((set >> number & 1, stage), (1, contribution.stage()))
            }
        }
    }
}

#[test]
fn no_panic_on_amounts_that_are_none() {
    let rule = dunning().build().unwrap();
    for amount in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, -1e-300] {
        let error = rule.contribution(&Outcome::paid(amount), 0).unwrap_err();
        assert!(matches!(error, OutcomeError::Amount { stage: Stage::Paid, .. }), "{error}");
        assert!(error.to_string().contains("paid"), "{error}");
    }
    assert_eq!(
        rule.contribution(&Outcome::new(Stage::Paid), 0),
        Err(OutcomeError::Missing { stage: Stage::Paid })
    );
    let odd: Outcome = serde_json::from_str(r#"{"stage":"opened","amount":7}"#).unwrap();
    assert_eq!(
        rule.contribution(&odd, 0),
        Err(OutcomeError::Unexpected { stage: Stage::Opened, amount: 7.0 })
    );
    // Where amounts do not count, a payment may come with or without; only nonsense is refused.
    let plain = RewardRule::builder(0.0, 1.0).weight(Stage::Paid, 1.0).build().unwrap();
    for payment in [Outcome::new(Stage::Paid), Outcome::paid(3.0), Outcome::paid(f64::MAX)] {
        assert_eq!(plain.contribution(&payment, 0).unwrap().units(), 1 << 24);
    }
    assert!(plain.contribution(&Outcome::paid(f64::NAN), 0).is_err());
}

#[test]
fn no_panic_on_rules_that_cannot_be() {
    let rule = || RewardRule::builder(0.0, 1.0).weight(Stage::Paid, 1.0);
    let hostile = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    for wrong in hostile {
        assert!(matches!(RewardRule::builder(wrong, 1.0).build(), Err(RuleError::Range(_))));
        assert!(matches!(RewardRule::builder(0.0, wrong).build(), Err(RuleError::Range(_))));
        assert!(matches!(rule().baseline(wrong).build(), Err(RuleError::Baseline { .. })));
        assert!(matches!(
            rule().weight(Stage::Opened, wrong).build(),
            Err(RuleError::Weight { stage: Stage::Opened, .. })
        ));
    }
    for wrong in hostile.into_iter().chain([-1.0, -1e-300]) {
        assert!(matches!(rule().penalty(Stage::Disputed, wrong).build(), Err(RuleError::Penalty { .. })));
        assert!(matches!(rule().discount(wrong, [Stage::Paid]).build(), Err(RuleError::Discount { .. })));
        assert!(matches!(rule().cost("channel", "sms", wrong).build(), Err(RuleError::Cost { .. })));
    }
    for wrong in hostile.into_iter().chain([-1.0, 0.0]) {
        assert!(matches!(rule().payment(wrong, 1.0).build(), Err(RuleError::Payment { .. })));
        assert!(matches!(rule().payment(1.0, wrong).build(), Err(RuleError::Payment { .. })));
    }
    for outside in [-0.1, 1.1] {
        let error = RuleError::Baseline { baseline: outside, minimum: 0.0, maximum: 1.0 };
        assert_eq!(rule().baseline(outside).build(), Err(error));
    }
    assert_eq!(RewardRule::builder(0.0, 1.0).build(), Err(RuleError::NoStage));
    let twice = Err(RuleError::StageTwice { stage: Stage::Paid });
    assert_eq!(rule().penalty(Stage::Paid, 1.0).build(), twice);
    assert_eq!(rule().payment(1.0, 1.0).payment(1.0, 1.0).build(), twice);
    assert_eq!(rule().discount(0.1, [Stage::Paid]).discount(0.2, [Stage::Paid]).build(), twice);
    assert!(matches!(
        rule().cost("a", "b", 1.0).cost("a", "b", 1.0).build(),
        Err(RuleError::CostTwice { .. })
    ));
    assert!(rule().cost("a", "b", 1.0).cost("a", "c", 1.0).build().is_ok());
}

#[test]
fn what_would_not_fit_is_refused_at_the_border() {
    let limit = f64::from((1 << 19) - 1);
    let most = |weight: f64| RewardRule::builder(0.0, 1.0).weight(Stage::Paid, weight).build();
    for weight in [limit, -limit] {
        let rule = most(weight).unwrap();
        let units = rule.contribution(&Outcome::new(Stage::Paid), 0).unwrap().units();
        assert_eq!(units.abs(), ((1 << 19) - 1) << 24);
    }
    assert_eq!(most(limit + 1.0), Err(RuleError::TooLarge { ranges: limit + 1.0, limit }));
    let shared = RewardRule::builder(0.0, 1.0).weight(Stage::Paid, limit).payment(f64::MAX, 1e-300);
    assert_eq!(shared.build(), Err(RuleError::TooLarge { ranges: f64::INFINITY, limit }));
    let narrow = RewardRule::builder(0.0, f64::MIN_POSITIVE).penalty(Stage::OptedOut, 1.0).build();
    assert!(matches!(narrow, Err(RuleError::TooLarge { .. })));
    let dear = RewardRule::builder(0.0, 1.0).weight(Stage::Paid, 1.0).cost("offer", "waiver", 1e300).build();
    assert!(matches!(dear, Err(RuleError::TooLarge { .. })));
}

#[test]
fn costs_of_unknown_names_are_refused_with_the_known_ones() {
    let rule = dunning().cost("chanel", "sms", 0.1).build().unwrap();
    assert!(matches!(rule.baselines(&arms()), Err(NameError::UnknownAxis { name, .. }) if name == "chanel"));
    let rule = dunning().cost("channel", "fax", 0.1).build().unwrap();
    assert!(matches!(rule.baselines(&arms()), Err(NameError::UnknownLevel { level, .. }) if level == "fax"));
}

#[test]
fn stages_keep_their_numbers_and_names() {
    let names = ["delivered", "opened", "clicked", "promised", "paid", "disputed", "complained", "opted_out"];
    for (number, (stage, name)) in (0_u8..).zip(Stage::ALL.into_iter().zip(names)) {
        assert_eq!((stage.number(), stage.name(), Stage::from_number(number)), (number, name, Some(stage)));
        assert_eq!(serde_json::to_string(&stage).unwrap(), format!("{name:?}"));
    }
    assert_eq!(Stage::from_number(8), None);
    assert_eq!(serde_json::to_string(&Outcome::paid(12.5)).unwrap(), r#"{"stage":"paid","amount":12.5}"#);
    assert_eq!(serde_json::to_string(&Outcome::new(Stage::Paid)).unwrap(), r#"{"stage":"paid"}"#);
}

/// A rule of any numbers that are admissible.
fn any_rule() -> impl Strategy<Value = RewardRule> {
    let stage = 0_usize..8;
    (
        (-5.0..0.0, 0.1..5.0),
        prop::collection::vec((stage.clone(), -10.0..10.0), 1..6),
        prop::option::of((0.1..1e6, 1.0..1e6)),
        prop::collection::vec((stage, 0.0..3.0), 0..4),
    )
        .prop_map(|((minimum, maximum), weights, payment, discounts)| {
            let mut rule = RewardRule::builder(minimum, maximum).cost("channel", "sms", 0.3);
            let once = |list: Vec<(usize, f64)>| std::collections::BTreeMap::from_iter(list);
            for (stage, weight) in once(weights) {
                rule = rule.weight(Stage::ALL[stage], weight);
            }
            for (stage, rate) in once(discounts) {
                rule = rule.discount(rate, [Stage::ALL[stage]]);
            }
            if let Some((cap, scale)) = payment {
                rule = rule.payment(cap, scale);
            }
            rule.build().unwrap()
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any arrivals, with repeats, in any order: the same state as the first of each stage in the order of numbers, and
    /// the differences handed out add up to the total.
    #[test]
    fn order_free_and_exactly_once_for_any_rule(
        rule in any_rule(),
        arm in 0_usize..5,
        amount in prop_oneof![0.0..1e7, Just(0.0), Just(f64::MAX)],
        elapsed in prop::array::uniform8(prop_oneof![0..100 * DAY, any::<u64>()]),
        arrivals in prop::collection::vec(0_usize..8, 0..24),
    ) {
        let baseline = rule.baselines(&arms()).unwrap()[arm];
        let contributions: Vec<Contribution> = Stage::ALL
            .into_iter()
            .map(|stage| rule.contribution(&outcome(stage, amount), elapsed[stage.number() as usize]).unwrap())
            .collect();
        let mut state = StagedReward::default();
        let start = state.total(baseline);
        let (mut added, mut removed) = (0.0, 0.0);
        for &number in &arrivals {
            let before = state;
            match state.join(baseline, contributions[number]) {
                Ok(joined) => {
                    prop_assert_eq!(joined.before, before.total(baseline));
                    let difference = joined.after.scaled() - joined.before.scaled();
                    if difference > 0.0 { added += difference } else { removed -= difference }
                    state = joined.state;
                }
                Err(DuplicateStage { stage }) => prop_assert!(before.has(stage)),
            }
        }
        let mut sorted = arrivals.clone();
        sorted.sort_unstable();
        sorted.dedup();
        let units: i64 = sorted.iter().map(|&number| contributions[number].units()).sum();
        let other = sorted.iter().fold(StagedReward::default(), |state, &number| {
            state.join(baseline, contributions[number]).unwrap().state
        });
        prop_assert_eq!(state, other);
        // Sums of multiples of 2⁻²⁴ below 2²⁰: exact in double precision.
        prop_assert_eq!(start.scaled() + added - removed, state.total(baseline).scaled());
        if !start.clipped() {
            let sum = start.scaled() + units as f64 / f64::from(1 << 24);
            prop_assert_eq!(state.total(baseline).scaled(), sum.clamp(0.0, 1.0));
            prop_assert_eq!(state.total(baseline).clipped(), !(0.0..=1.0).contains(&sum));
        }
        prop_assert_eq!(StagedReward::from_bits(state.bits()), state);
    }
}
