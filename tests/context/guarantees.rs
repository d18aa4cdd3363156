//! The crate's guarantees where requests have features.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use tactful::bandit::{BuildError, ParseError, RewardError, SelectError};
use tactful::belief::Linear;
use tactful::plan::Shares;
use tactful::policy::{LinUcb, Policy, SharpenedThompson, Thompson};
use tactful::time::Window;
use tactful::{
    ArmSpace, Bandit, BanditBuilder, Decision, FeatureError, Features, Refresh, Reward, RewardRule,
    SegmentId, Segments,
};

const EVERYONE: SegmentId = SegmentId::new(0);

fn builder(features: usize) -> BanditBuilder {
    let arms =
        ArmSpace::builder().dimension("template", ["a", "b", "c"]).dimension("channel", ["x", "y", "z", "w"]);
    let declared = (0..features).fold(Features::builder(), |all, n| all.feature(n.to_string(), 0.0..=10.0));
    Bandit::builder(arms.build().unwrap(), Segments::single())
        .features(declared.build().unwrap())
        .incarnation(7)
}

fn customer(features: usize, rng: &mut Xoshiro256PlusPlus) -> Vec<f64> {
    (0..features).map(|_| 10.0 * rng.random::<f64>()).collect()
}

/// So many decisions, each with its reward where `rewarded`.
fn run(bandit: &Bandit, rounds: u64, rewarded: bool, seed: u64) -> Vec<(Decision, Reward)> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let all = bandit.arms().all();
    let round = |_| {
        let x = customer(bandit.features().unwrap().len(), &mut rng);
        let decision = bandit.select_with(EVERYONE, &all, &x, &mut rng).unwrap();
        let reward = Reward::from(rng.random_bool(0.05 + 0.04 * x[decision.arm().index() % x.len()]));
        if rewarded {
            bandit.reward(&decision, reward).unwrap();
        }
        (decision, reward)
    };
    (0..rounds).map(round).collect()
}

#[test]
fn exact_propensity_drawn_frequencies_fit_the_logged_numbers() {
    let policies: [(Box<dyn Policy>, Linear); 6] = [
        (Box::new(LinUcb::default()), Linear::disjoint()),
        (Box::new(LinUcb::new(0.3).unwrap()), Linear::hybrid()),
        (Box::new(Thompson::default()), Linear::disjoint()),
        (Box::new(Thompson::default()), Linear::hybrid()),
        (Box::new(Thompson::default()), Linear::logistic()),
        (Box::new(SharpenedThompson::default()), Linear::hybrid()),
    ];
    for (policy, linear) in policies {
        let name = policy.name();
        for bounded in [false, true] {
            let shares = if bounded { Shares::new().level("channel", "x", 0.3..=0.6) } else { Shares::new() };
            let bandit =
                builder(2).boxed_policy(policy_again(&name)).linear(linear).exploration(0.2).shares(shares);
            let bandit = bandit.refresh(Refresh::Manual).build().unwrap();
            run(&bandit, 300, true, 3);
            bandit.refresh();
            // A set with gaps that leaves the shares room.
            let some = bandit.arms().eligible(|arm| arm.id().index() % 5 != 2);
            let x = [3.0, 8.5];
            let plan = bandit.plan_with(EVERYONE, &some, &x).unwrap();
            let total: f64 = some.iter().map(|arm| plan.propensity(arm)).sum();
            assert_eq!(total, 1.0);
            let (mut drawn, draws) = ([0_u32; 12], 4_000);
            let mut selector = bandit.selector(Xoshiro256PlusPlus::seed_from_u64(4));
            for _ in 0..draws {
                let decision = selector.select_with(EVERYONE, &some, &x).unwrap();
                assert_eq!(decision.propensity(), plan.propensity(decision.arm()), "{name}");
                drawn[decision.arm().index()] += 1;
            }
            let mut chi = 0.0;
            for arm in some.iter() {
                let expected = plan.propensity(arm) * f64::from(draws);
                chi += (f64::from(drawn[arm.index()]) - expected).powi(2) / expected;
            }
            // Ten arms: the quantile of 1 − 10⁻⁶ of χ² with 9 degrees of freedom is 44.8.
            assert!(chi < 44.8, "{name} {bounded}: {chi}");
        }
    }
}

fn policy_again(name: &str) -> Box<dyn Policy> {
    tactful::policy::named(name, 1_000).unwrap()
}

#[test]
fn reproducible_a_handle_decides_as_the_bandit_does() {
    let decisions = |by_handle: bool| {
        let bandit = builder(3).policy(LinUcb::default()).build().unwrap();
        let all = bandit.arms().all();
        let mut customers = Xoshiro256PlusPlus::seed_from_u64(8);
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(9);
        let mut selector = bandit.selector(rng.clone());
        let round = |round| {
            let x = customer(3, &mut customers);
            let decision = match by_handle {
                true => selector.select_with(EVERYONE, &all, &x).unwrap(),
                false => bandit.select_with(EVERYONE, &all, &x, &mut rng).unwrap(),
            };
            bandit.reward(&decision, Reward::from(round % 3 == 0)).unwrap();
            (decision.arm(), decision.propensity().to_bits(), decision.token())
        };
        (0..400).map(round).collect::<Vec<_>>()
    };
    assert_eq!(decisions(false), decisions(false));
    assert_eq!(decisions(false), decisions(true));
}

#[test]
fn order_free_rewards_in_any_order_on_any_number_of_threads() {
    let bandit = || builder(4).policy(LinUcb::default()).refresh(Refresh::Manual).build().unwrap();
    let sums = |bandit: &Bandit| serde_json::to_value(bandit.snapshot()).unwrap();
    let forwards = bandit();
    for (decision, reward) in run(&forwards, 600, false, 5) {
        forwards.reward(&decision, reward).unwrap();
    }
    let backwards = bandit();
    for (decision, reward) in run(&backwards, 600, false, 5).into_iter().rev() {
        backwards.reward(&decision, reward).unwrap();
    }
    assert_eq!(sums(&forwards), sums(&backwards));
    let shared = bandit();
    let made = run(&shared, 600, false, 5);
    std::thread::scope(|scope| {
        for part in 0..4 {
            let (shared, made) = (&shared, &made);
            scope.spawn(move || {
                for (decision, reward) in made.iter().skip(part).step_by(4) {
                    shared.reward(decision, *reward).unwrap();
                }
            });
        }
    });
    assert_eq!(sums(&forwards), sums(&shared));
    assert!(sums(&shared)["context"]["cells"].as_array().is_some_and(|cells| !cells.is_empty()));
}

#[test]
fn exactly_once_by_token_and_by_hand() {
    let bandit = builder(3).policy(LinUcb::default()).build().unwrap();
    let made = run(&bandit, 20, false, 6);
    let (decision, _) = made[7];
    let token = decision.token().to_string();
    std::thread::scope(|scope| {
        let told = || bandit.reward(&bandit.parse(&token).unwrap(), Reward::SUCCESS).is_ok();
        let others = [(); 3].map(|()| scope.spawn(told));
        let counted: u32 = others.map(|other| u32::from(other.join().unwrap())).iter().sum();
        assert_eq!(counted, 1);
    });
    let before = bandit.snapshot();
    assert!(matches!(bandit.reward(&decision, Reward::SUCCESS), Err(RewardError::AlreadyRewarded { .. })));
    assert!(bandit.cancel(&decision).is_err());
    assert_eq!(bandit.snapshot(), before);
    let context = serde_json::to_value(before).unwrap()["context"]["cells"].clone();
    let returned = context.as_array().unwrap().iter().map(|cell| cell[2]["returned"].as_u64().unwrap());
    assert_eq!(returned.sum::<u64>(), 1);
}

#[test]
fn what_is_taken_back_leaves_no_features_behind() {
    let [kept, taken] = [(); 2].map(|()| builder(2).refresh(Refresh::Manual).build().unwrap());
    run(&kept, 50, true, 6);
    run(&taken, 50, true, 6);
    for (decision, _) in run(&taken, 30, false, 7) {
        taken.cancel(&decision).unwrap();
    }
    let sums = |bandit: &Bandit| -> Vec<(u64, serde_json::Value)> {
        let snapshot = serde_json::to_value(bandit.snapshot()).unwrap();
        let cells = snapshot["context"]["cells"].as_array().unwrap().iter();
        let touched = cells.filter(|cell| cell[2]["products"][0] != 0);
        touched.map(|cell| (cell[1].as_u64().unwrap(), cell[2].clone())).collect()
    };
    assert_eq!(sums(&kept), sums(&taken));
}

#[test]
fn no_panic_on_values_that_are_no_features() {
    let bandit = builder(2).policy(LinUcb::default()).build().unwrap();
    let before = bandit.snapshot();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let all = bandit.arms().all();
    for (values, at) in
        [(&[f64::NAN, 1.0][..], 0), (&[1.0, f64::INFINITY], 1), (&[-0.001, 1.0], 0), (&[10.001, f64::NAN], 0)]
    {
        let error = bandit.select_with(EVERYONE, &all, values, &mut rng).unwrap_err();
        let SelectError::Features(FeatureError::Value { feature, value, .. }) = error else {
            panic!("{error:?}")
        };
        assert_eq!((feature, value.to_bits()), (at, values[at].to_bits()));
        assert_eq!(error, bandit.plan_with(EVERYONE, &all, values).unwrap_err());
    }
    for values in [&[][..], &[1.0], &[1.0; 3], &[1.0; 400]] {
        let refused = SelectError::Features(FeatureError::Number { given: values.len(), declared: 2 });
        let found = bandit.select_with(EVERYONE, &all, values, &mut rng);
        assert_eq!(found.unwrap_err(), refused);
    }
    let none = &all - &all;
    assert_eq!(
        bandit.select_with(EVERYONE, &none, &[1.0, 1.0], &mut rng).unwrap_err(),
        SelectError::NoEligibleArm
    );
    assert_eq!(bandit.snapshot(), before);
    // The generator is where it was.
    assert_eq!(rng, Xoshiro256PlusPlus::seed_from_u64(1));

    let plain = Bandit::builder(bandit.arms().clone(), Segments::single()).build().unwrap();
    let refused = plain.select_with(EVERYONE, &all, &[1.0, 1.0], &mut rng).unwrap_err();
    assert_eq!(refused, SelectError::Features(FeatureError::NotDeclared));
}

#[test]
fn tokens_with_features_come_back_and_damaged_ones_do_not() {
    for features in 1..=16 {
        let bandit = builder(features).build().unwrap();
        let (decision, _) = run(&bandit, 3, false, 5)[2];
        let text = decision.token().to_string();
        assert_eq!(text.len(), 64 + (4 + 2 * features).div_ceil(3) * 4);
        assert_eq!(bandit.parse(&text).unwrap(), decision);
        assert_eq!(text.parse::<tactful::Token>().unwrap(), decision.token());
    }
    let bandit = builder(5).build().unwrap();
    let (decision, _) = run(&bandit, 1, false, 5)[0];
    let text = decision.token().to_string();
    for at in 0..text.len() {
        for with in ["A", "-", "é", "=", "9"] {
            let mut damaged = text.clone();
            damaged.replace_range(at..=at, with);
            assert!(
                damaged == text || matches!(bandit.parse(&damaged), Err(ParseError::Token(_))),
                "{damaged}"
            );
        }
        assert!(bandit.parse(&text[..at]).is_err(), "{at}");
    }
    for tail in ["A", "AAAA", "AAAAAAAA", &text] {
        assert!(bandit.parse(format!("{text}{tail}")).is_err());
    }
    // A tail from another token, and a token without one.
    let (other, _) = run(&bandit, 1, false, 6)[0];
    let mixed = format!("{}{}", &text[..64], &other.token().as_str()[64..]);
    assert!(bandit.parse(mixed).is_err());
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(2);
    let plain = bandit.select(EVERYONE, &bandit.arms().all(), &mut rng).unwrap();
    assert_eq!(plain.token().as_str().len(), 64);
    assert!(!plain.has_features() && decision.has_features());
    assert!(bandit.parse(format!("{}{}", plain.token(), &text[64..])).is_err());
}

/// Features of another declaration would be read wrongly: their decisions count, their features do not.
#[test]
fn a_decision_of_other_features_is_rewarded_without_them() {
    let then = builder(2).build().unwrap();
    let (decision, _) = run(&then, 1, false, 5)[0];
    let token = decision.token();
    let mut now = builder(3).incarnation(8).build().unwrap();
    now.restore(&serde_json::from_value(without_context(&then)).unwrap()).unwrap();
    now.reward(&now.parse(token).unwrap(), Reward::SUCCESS).unwrap();
    assert_eq!(now.statistics(EVERYONE, decision.arm()).sum(), 1.0);
    assert_eq!(serde_json::to_value(now.snapshot()).unwrap()["context"]["cells"], serde_json::json!([]));
}

fn without_context(bandit: &Bandit) -> serde_json::Value {
    let mut snapshot = serde_json::to_value(bandit.snapshot()).unwrap();
    snapshot.as_object_mut().unwrap().remove("context");
    snapshot
}

#[test]
fn what_features_are_not_learnt_with_is_refused() {
    let day = std::time::Duration::from_secs(86_400);
    let refused = |builder: BanditBuilder| match builder.build() {
        Err(BuildError::Features { with }) => with,
        other => panic!("{other:?}"),
    };
    let window = || builder(1).window(Window::new(14 * day, day).unwrap());
    assert!(window().build().is_ok());
    let rule = RewardRule::builder(0.0, 1.0).payment(500.0, 1.0).build().unwrap();
    assert_eq!(refused(window().stages(rule)), "outcomes in stages");
    let weighted = builder(1).boxed_policy(policy_again("exp3-ix"));
    assert_eq!(refused(weighted), "a policy that needs importance-weighted sums");
}
