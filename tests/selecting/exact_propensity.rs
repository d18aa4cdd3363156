//! Exact propensity: what a decision logs is the law it was drawn by, to the last bit.
//!
//! By arithmetic: the columns of a plan add up to the propensity, compared with `==`. By experiment: 10⁶ draws
//! against the propensities, Pearson's χ² with cells of small expectation pooled, each case at level 10⁻⁶; the seeds
//! are fixed, so a pass stays a pass. At that size a shift of 0.003 between two of four arms is found with a
//! probability of 0.99 (noncentrality 72 against a threshold of 30.7 at 3 degrees of freedom).

use std::time::Duration;

use proptest::prelude::*;
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use statrs::distribution::{ChiSquared, ContinuousCDF};
use tactful::belief::Beta;
use tactful::plan::{Outcome, Shares};
use tactful::policy::{
    EpsilonGreedy, Fixed, Goal, Observes, Policy, PooledSegments, PooledThompson, Priced, Probabilities,
    Thompson, Ucb1, Uniform, View, WorstOff, named, names,
};
use tactful::time::Window;
use tactful::{
    ArmId, ArmSpace, Bandit, Eligibility, Plan, Refresh, Reward, RewardRule, SegmentId, Segments, Stage,
    Timestamp,
};

const DRAWS: u64 = 1_000_000;
const LEVEL: f64 = 1e-6;

/// Expectation below which cells are pooled.
const SMALL: f64 = 10.0;

const SEGMENT: SegmentId = SegmentId::new(0);

/// So many arms, and plans that stay until they are refreshed by hand.
fn bandit(arms: u32, policy: Box<dyn Policy>, exploration: f64) -> Bandit {
    let arms = ArmSpace::builder().dimension("arm", (0..arms).map(|arm| arm.to_string())).build().unwrap();
    let builder = Bandit::builder(arms, Segments::single()).boxed_policy(policy).exploration(exploration);
    builder.refresh(Refresh::Manual).incarnation(1).build().unwrap()
}

/// A random set that is not empty.
fn random_set(bandit: &Bandit, share: f64, rng: &mut Xoshiro256PlusPlus) -> Eligibility {
    let set = bandit.arms().eligible(|_| rng.random_bool(share));
    if set.is_empty() { bandit.arms().subset([ArmId::new(0)]).unwrap() } else { set }
}

/// Adds the columns up and compares them with the propensities, `==`.
fn assert_columns_add_up(plan: &Plan) {
    let mut even = 0.0;
    let mut own = vec![0.0; plan.eligible().len()];
    for (outcome, probability) in plan.columns().flat_map(|column| column.parts) {
        match outcome {
            Outcome::Even => even += probability,
            Outcome::Arm(position) => own[position as usize] += probability,
            _ => unreachable!("an outcome of a later release"),
        }
    }
    let each = even / plan.eligible().len() as f64;
    let mut sum = 0.0;
    for (own, arm) in own.iter().zip(plan.eligible().iter()) {
        let propensity = plan.propensity(arm);
        assert!(own + each == propensity, "arm {arm}: columns {} against {propensity}", own + each);
        sum += propensity;
    }
    assert!(sum == 1.0, "the propensities sum to {sum}");
}

/// The probability of a χ² at least as large, cells of small expectation pooled into one; `None` for a single cell.
fn p_value(cells: impl IntoIterator<Item = (u64, f64)>) -> Option<f64> {
    let (mut statistic, mut count) = (0.0, 0_u32);
    let mut add = |observed: u64, expected: f64| {
        statistic += (observed as f64 - expected).powi(2) / expected;
        count += 1;
    };
    let mut pooled = (0, 0.0);
    for (observed, expected) in cells {
        if expected < SMALL {
            pooled = (pooled.0 + observed, pooled.1 + expected);
        } else {
            add(observed, expected);
        }
    }
    // What is left over in the pool may itself be small; as a cell of its own it would not follow the χ² law. Ten
    // times its expectation plus twenty is beyond the level for any Poisson count below the limit.
    if pooled.1 >= SMALL {
        add(pooled.0, pooled.1);
    } else if pooled.0 as f64 > 10.0 * pooled.1 + 20.0 || (pooled.1 == 0.0 && pooled.0 > 0) {
        return Some(0.0);
    }
    (count > 1).then(|| ChiSquared::new(f64::from(count - 1)).unwrap().sf(statistic))
}

/// Draws, and compares every decision with its plan and the frequencies with the propensities.
fn assert_drawn_as_logged(bandit: &Bandit, eligible: &Eligibility, rng: &mut Xoshiro256PlusPlus, case: &str) {
    let plan = bandit.plan(SEGMENT, eligible).unwrap();
    assert_columns_add_up(&plan);
    let mut observed = vec![0_u64; bandit.arms().len()];
    for _ in 0..DRAWS {
        let decision = bandit.select(SEGMENT, eligible, rng).unwrap();
        assert!(decision.propensity() == plan.propensity(decision.arm()));
        observed[decision.arm().index()] += 1;
    }
    let ids = (0..observed.len() as u32).map(ArmId::new);
    let cells = ids.map(|arm| (observed[arm.index()], plan.propensity(arm) * DRAWS as f64));
    let p = p_value(cells).unwrap_or(1.0);
    assert!(p > LEVEL, "{case}: χ² has p = {p}");
    let strangers = bandit.arms().all() - eligible;
    assert!(strangers.iter().all(|arm| observed[arm.index()] == 0), "{case}: drawn without being eligible");
}

/// Lets a bandit learn over random sets, then compares for a set it has learnt on and one it has not.
fn check(policy: impl Fn() -> Box<dyn Policy>) {
    let cases =
        [(2, 0.0, 1.0), (3, 0.01, 0.9), (7, 0.3, 0.5), (64, 1.0, 0.7), (500, 1e-3, 0.5), (3_000, 0.05, 0.3)];
    for (number, (arms, exploration, share)) in cases.into_iter().enumerate() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(20 + number as u64);
        let bandit = bandit(arms, policy(), exploration);
        let known = random_set(&bandit, share, &mut rng);
        for round in 0..2_000 {
            let eligible = if round % 20 == 0 { random_set(&bandit, share, &mut rng) } else { known.clone() };
            let decision = bandit.select(SEGMENT, &eligible, &mut rng).unwrap();
            let rate = 0.05 + 0.5 * f64::from(decision.arm().index() as u32) / f64::from(arms);
            bandit.reward(&decision, Reward::from(rng.random_bool(rate))).unwrap();
            if round % 100 == 99 {
                bandit.refresh();
            }
        }
        bandit.refresh();
        let case = format!("{} with {arms} arms, exploration {exploration}", policy().name());
        assert_drawn_as_logged(&bandit, &known, &mut rng, &case);
        let fresh = random_set(&bandit, share, &mut rng);
        if arms < 3_000 {
            assert_drawn_as_logged(&bandit, &fresh, &mut rng, &case);
        }
    }
}

#[test]
fn exact_propensity_of_thompson() {
    check(|| Box::new(Thompson::default()));
}

#[test]
fn exact_propensity_of_ucb1() {
    check(|| Box::new(Ucb1::default()));
}

#[test]
fn exact_propensity_of_epsilon_greedy() {
    check(|| Box::new(EpsilonGreedy::constant(0.2).unwrap()));
    check(|| Box::new(EpsilonGreedy::decaying(3.0).unwrap()));
}

#[test]
fn exact_propensity_of_the_baselines() {
    check(|| Box::new(Uniform));
    check(|| Box::new(Fixed::new(ArmId::new(1))));
}

/// Every policy there is, over random sets, exploration shares, floors and caps: columns that add up, frequencies that are
/// the propensities (χ² of 10⁵ draws), bounds that are kept.
#[test]
fn exact_propensity_of_every_policy_within_bounds() {
    const DRAWS: u64 = 100_000;
    let cases = [
        (5_u32, 0.0, Some((0.05, 0.6))),
        (23, 0.02, Some((0.01, 0.15))),
        (40, 0.3, None),
        (70, 0.0, Some((0.0, 0.05))),
    ];
    let mut number = 0;
    for name in names().map(|usage| usage.split('(').next().unwrap()) {
        let text = match name {
            "burn-in" => "burn-in(thompson,20)",
            "conservative" => "conservative(thompson,0,0.1)",
            name => name,
        };
        for (arms, exploration, bounds) in cases {
            number += 1;
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(1_000 + number);
            let space = ArmSpace::builder()
                .dimension("arm", (0..arms).map(|arm| arm.to_string()))
                .dimension("channel", ["email", "letter"])
                .build()
                .unwrap();
            let shares = bounds.map_or_else(Shares::new, |(floor, cap)| {
                Shares::new().each_arm(floor / 2.0..=cap).level("channel", "letter", floor..=0.25)
            });
            let builder = Bandit::builder(space, Segments::single()).shares(shares).exploration(exploration);
            let bandit = builder
                .boxed_policy(named(text, 10_000).unwrap())
                .refresh(Refresh::Manual)
                .incarnation(1)
                .build()
                .unwrap();
            // Two thirds of the arms, so that caps leave room, and never letters alone.
            let set = |rng: &mut Xoshiro256PlusPlus| {
                let email = bandit.arms().with_levels("channel", ["email"]).unwrap();
                let some = bandit.arms().eligible(|_| rng.random_bool(0.66));
                if (&some & &email).len() < 2 + arms as usize / 2 { bandit.arms().all() } else { some }
            };
            let known = set(&mut rng);
            for round in 0..1_000 {
                let eligible = if round % 20 == 0 { set(&mut rng) } else { known.clone() };
                let decision = bandit.select(SEGMENT, &eligible, &mut rng).unwrap();
                let rate = 0.05 + 0.25 * f64::from(decision.arm().index() as u32) / f64::from(arms);
                bandit.reward(&decision, Reward::from(rng.random_bool(rate))).unwrap();
                if round % 100 == 99 {
                    bandit.refresh();
                }
            }
            bandit.refresh();
            for eligible in [known, set(&mut rng)] {
                let case = format!("{text} with {arms} arms, exploration {exploration}, bounds {bounds:?}");
                let plan = bandit.plan(SEGMENT, &eligible).unwrap();
                assert_columns_add_up(&plan);
                let mut observed = vec![0_u64; bandit.arms().len()];
                for _ in 0..DRAWS {
                    let decision = bandit.select(SEGMENT, &eligible, &mut rng).unwrap();
                    assert!(decision.propensity() == plan.propensity(decision.arm()));
                    observed[decision.arm().index()] += 1;
                }
                let ids = (0..observed.len() as u32).map(ArmId::new);
                let cells = ids.map(|arm| (observed[arm.index()], plan.propensity(arm) * DRAWS as f64));
                let p = p_value(cells).unwrap_or(1.0);
                assert!(p > LEVEL, "{case}: χ² has p = {p}");

                let Some((floor, cap)) = bounds else { continue };
                let slack = eligible.len() as f64 * Plan::UNIT;
                let within =
                    |share: f64, floor: f64, cap: f64| (floor - slack..=cap + slack).contains(&share);
                for arm in eligible.iter() {
                    let share = plan.propensity(arm);
                    assert!(within(share, floor / 2.0, cap), "{case}: arm {arm} has {share}");
                }
                let letters = &eligible & &bandit.arms().with_levels("channel", ["letter"]).unwrap();
                let sum: f64 = letters.iter().map(|arm| plan.propensity(arm)).sum();
                assert!(letters.is_empty() || within(sum, floor, 0.25), "{case}: letters have {sum}");
            }
        }
    }
    assert!(number >= 4 * 23, "{number} cases");
}

/// The same of policies that look further than their own segment and goal, in a bandit that has more of both.
#[test]
fn exact_propensity_of_policies_that_look_further_within_bounds() {
    const DRAWS: u64 = 100_000;
    let by = |stage| RewardRule::builder(0.0, 1.0).weight(stage, 1.0).build().unwrap();
    let priced = || Priced::new(Thompson::default(), [Goal::AtMost(0.1), Goal::Weight(-0.2)]).unwrap();
    let policies: [fn(Priced) -> Box<dyn Policy>; 6] = [
        |priced| Box::new(priced),
        |priced| Box::new(PooledSegments::new(priced)),
        |_| Box::new(PooledSegments::new(Thompson::default())),
        |_| Box::new(PooledThompson::default()),
        |_| Box::new(WorstOff::default()),
        |_| Box::new(WorstOff::new(0.1).unwrap()),
    ];
    let cases = [(4_u32, 0.0, Some((0.05, 0.6))), (19, 0.02, Some((0.01, 0.2))), (30, 0.1, None)];
    for (policy, (arms, exploration, bounds)) in
        policies.iter().flat_map(|policy| cases.iter().map(move |&case| (policy, case)))
    {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(3_000 + u64::from(arms));
        let space = ArmSpace::builder()
            .dimension("arm", (0..arms).map(|arm| arm.to_string()))
            .dimension("channel", ["email", "letter"])
            .build()
            .unwrap();
        let segments = Segments::builder()
            .attribute("stage", ["early", "late"])
            .attribute("age", ["18", "35", "50"])
            .build()
            .unwrap();
        let shares = bounds.map_or_else(Shares::new, |(floor, cap)| {
            Shares::new().each_arm(floor / 2.0..=cap).level("channel", "letter", floor..=0.25)
        });
        let day = Duration::from_secs(86_400);
        let bandit = Bandit::builder(space, segments)
            .window(Window::new(day, day).unwrap())
            .stages(by(Stage::Paid))
            .goal("complaints", by(Stage::Complained), Beta::UNIFORM)
            .goal("disputes", by(Stage::Disputed), Beta::UNIFORM)
            .boxed_policy(policy(priced()))
            .shares(shares)
            .exploration(exploration)
            .refresh(Refresh::Manual)
            .incarnation(1)
            .build()
            .unwrap();
        // Two thirds of the arms, so that caps leave room, and never letters alone.
        let set = |rng: &mut Xoshiro256PlusPlus| {
            let email = bandit.arms().with_levels("channel", ["email"]).unwrap();
            let some = bandit.arms().eligible(|_| rng.random_bool(0.66));
            if (&some & &email).len() < 2 + arms as usize / 2 { bandit.arms().all() } else { some }
        };
        let known = set(&mut rng);
        for round in 0..2_000_u32 {
            let eligible = if round % 20 == 0 { set(&mut rng) } else { known.clone() };
            let segment = SegmentId::new(round % 6);
            let decision = bandit.select(segment, &eligible, &mut rng).unwrap();
            let rank = f64::from(decision.arm().index() as u32) / f64::from(2 * arms);
            let rate = 0.05 + 0.25 * (rank - 0.1 * f64::from(round % 6)).abs();
            for (stage, rate) in
                [(Stage::Paid, rate), (Stage::Complained, 0.3 * rank), (Stage::Disputed, 0.1)]
            {
                if rng.random_bool(rate) {
                    bandit.observe(&decision, stage).unwrap();
                }
            }
            if round % 200 == 199 {
                bandit.refresh();
            }
        }
        bandit.advance_to(Timestamp::from_millis(3 * 86_400_000)).unwrap();
        bandit.refresh();
        for (segment, eligible) in [(1, known), (5, set(&mut rng))] {
            let segment = SegmentId::new(segment);
            let case = format!("{} with {arms} arms, bounds {bounds:?}", bandit.policy().name());
            let plan = bandit.plan(segment, &eligible).unwrap();
            assert_columns_add_up(&plan);
            let mut observed = vec![0_u64; bandit.arms().len()];
            for _ in 0..DRAWS {
                let decision = bandit.select(segment, &eligible, &mut rng).unwrap();
                assert!(decision.propensity() == plan.propensity(decision.arm()));
                observed[decision.arm().index()] += 1;
            }
            let ids = (0..observed.len() as u32).map(ArmId::new);
            let cells = ids.map(|arm| (observed[arm.index()], plan.propensity(arm) * DRAWS as f64));
            let p = p_value(cells).unwrap_or(1.0);
            assert!(p > LEVEL, "{case}: χ² has p = {p}");
            let Some((floor, cap)) = bounds else { continue };
            let slack = eligible.len() as f64 * Plan::UNIT;
            for arm in eligible.iter() {
                let share = plan.propensity(arm);
                assert!(
                    (floor / 2.0 - slack..=cap + slack).contains(&share),
                    "{case}: arm {arm} has {share}"
                );
            }
        }
    }
}

/// A policy that answers with whatever it was given.
#[derive(Debug)]
struct Given(Probabilities);

impl Policy for Given {
    fn name(&self) -> String {
        "given".to_owned()
    }

    fn observes(&self) -> Observes {
        Observes::Nothing
    }

    fn probabilities(&self, _: &View<'_>) -> Probabilities {
        self.0.clone()
    }
}

/// The χ² test itself must notice when a logged number is off.
#[test]
fn exact_propensity_test_notices_a_planted_fault() {
    let bandit = bandit(4, Box::new(Given(Probabilities::uniform())), 0.0);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(40);
    let all = bandit.arms().all();
    let mut observed = [0_u64; 4];
    for _ in 0..DRAWS {
        observed[bandit.select(SEGMENT, &all, &mut rng).unwrap().arm().index()] += 1;
    }
    let against =
        |logged: [f64; 4]| p_value(observed.into_iter().zip(logged.map(|p| p * DRAWS as f64))).unwrap();
    assert!(against([0.25; 4]) > LEVEL);
    assert!(against([0.253, 0.247, 0.25, 0.25]) < LEVEL);
    assert!(against([0.25, 0.25, 0.247, 0.253]) < LEVEL);
    assert!(against([0.5, 0.25, 0.25, 0.0]) < LEVEL, "arms that cannot be drawn, drawn");
}

/// Shares of all sizes, and those that are none.
fn share() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => 0.0..1.0_f64,
        2 => (-300..10_i32).prop_map(|exponent| 10_f64.powi(exponent)),
        1 => prop::sample::select(vec![0.0, -1.0, f64::NAN, f64::INFINITY, f64::MAX, f64::MIN_POSITIVE, 5e-324]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn exact_propensity_of_any_probabilities(
        arms in 1_u32..200,
        uniform in share(),
        shares in prop::collection::vec((0_u32..210, share()), 0..60),
        exploration in prop_oneof![0.0..=1.0_f64, Just(0.0), Just(1.0), Just(1e-18)],
        seed: u64,
    ) {
        let given = Given(Probabilities { uniform, contenders: shares });
        let bandit = bandit(arms, Box::new(given), exploration);
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let eligible = random_set(&bandit, 0.6, &mut rng);
        let plan = bandit.plan(SEGMENT, &eligible).unwrap();
        assert_columns_add_up(&plan);
        if exploration > 0.0 {
            prop_assert!(eligible.iter().all(|arm| plan.propensity(arm) > 0.0), "explored, so never impossible");
        }
        for _ in 0..20 {
            let decision = bandit.select(SEGMENT, &eligible, &mut rng).unwrap();
            prop_assert!(decision.propensity() == plan.propensity(decision.arm()));
            prop_assert!(decision.propensity() > 0.0 && eligible.contains(decision.arm()));
        }
    }
}
