//! Floors and caps: plans keep to them, are the nearest that do, and say so where none can.

use proptest::prelude::*;
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use tactful::bandit::{BuildError, SelectError};
use tactful::plan::{InfeasibleShares, Shares, SharesError};
use tactful::policy::{Observes, Policy, Probabilities, Thompson, Ucb1, View};
use tactful::{
    ArmId, ArmSpace, Bandit, BanditBuilder, Cadence, Eligibility, Plan, Refresh, Reward, SegmentId, Segments,
};

const SEGMENT: SegmentId = SegmentId::new(0);

/// A policy that asks for the same shares always: one for each arm of the space.
#[derive(Debug)]
struct Given(Vec<f64>);

impl Policy for Given {
    fn name(&self) -> String {
        "given".to_owned()
    }

    fn observes(&self) -> Observes {
        Observes::Nothing
    }

    fn probabilities(&self, view: &View<'_>) -> Probabilities {
        let shares: Vec<f64> = view.arms().iter().map(|arm| self.0[arm.index()]).collect();
        Probabilities::dense(&shares)
    }
}

fn builder(arms: ArmSpace, shares: Shares) -> BanditBuilder {
    Bandit::builder(arms, Segments::single()).shares(shares).incarnation(1)
}

fn propensities(plan: &Plan) -> Vec<f64> {
    plan.eligible().iter().map(|arm| plan.propensity(arm)).collect()
}

fn arms(count: usize) -> ArmSpace {
    ArmSpace::builder().dimension("arm", (0..count).map(|arm| arm.to_string())).build().unwrap()
}

/// Templates × channels.
fn grid(templates: usize, channels: usize) -> ArmSpace {
    let names = |count: usize| (0..count).map(|level| level.to_string());
    ArmSpace::builder()
        .dimension("template", names(templates))
        .dimension("channel", names(channels))
        .build()
        .unwrap()
}

#[test]
fn exact_propensity_of_the_projection_by_hand() {
    let shares = Shares::new().each_arm(0.05..=0.8);
    let policy = Given(vec![0.9, 0.07, 0.03]);
    let bandit = builder(arms(3), shares).policy(policy).exploration(0.0).build().unwrap();
    let found = propensities(&bandit.plan(SEGMENT, &bandit.arms().all()).unwrap());
    for (found, expected) in found.iter().zip([0.8, 0.14, 0.06]) {
        assert!((found - expected).abs() < 1e-15, "{found} for {expected}");
    }
    assert!(found[0] <= 0.8 && found.iter().sum::<f64>() == 1.0);
}

#[test]
fn exploration_comes_before_the_bounds() {
    let shares = Shares::new().arm([("arm", "2")], 0.0..=0.0);
    let policy = Given(vec![1.0, 0.0, 0.0]);
    let bandit = builder(arms(3), shares).policy(policy).exploration(0.3).build().unwrap();
    let found = propensities(&bandit.plan(SEGMENT, &bandit.arms().all()).unwrap());
    // Of 0.8, 0.1 and 0.1 the last may not be: the others in proportion.
    assert!((found[0] - 8.0 / 9.0).abs() < 1e-15 && (found[1] - 1.0 / 9.0).abs() < 1e-15 && found[2] == 0.0);
}

#[test]
fn bounds_that_cannot_be_are_typed_errors() {
    let refused = |space: ArmSpace, shares: Shares| match builder(space, shares).build().unwrap_err() {
        BuildError::Shares(error) => error,
        other => panic!("{other}"),
    };
    let infeasible = |floors, caps| SharesError::Infeasible(InfeasibleShares::Total { floors, caps });
    assert_eq!(refused(arms(4), Shares::new().each_arm(0.375..=1.0)), infeasible(1.5, 4.0));
    assert_eq!(refused(arms(4), Shares::new().each_arm(0.0..=0.125)), infeasible(0.0, 0.5));
    let both = Shares::new().each_arm(0.0..=0.25).arm([("arm", "1")], 0.5..=1.0);
    assert_eq!(refused(arms(4), both), SharesError::Bounds { floor: 0.5, cap: 0.25 });
    for (from, to) in
        [(f64::NAN, 1.0), (0.0, f64::NAN), (-0.1, 1.0), (0.0, 1.5), (0.5, 0.25), (0.0, f64::INFINITY)]
    {
        assert!(matches!(refused(arms(4), Shares::new().each_arm(from..=to)), SharesError::Bounds { .. }));
    }
    let unknown = |shares| assert!(matches!(refused(grid(2, 2), shares), SharesError::Name(_)));
    unknown(Shares::new().level("channel", "7", 0.0..=0.5));
    unknown(Shares::new().level("tone", "0", 0.0..=0.5));
    unknown(Shares::new().arm([("channel", "0")], 0.0..=0.5));
    // A level whose arms together may not have what it is to have.
    let starved = Shares::new().each_arm(0.0..=0.2).level("channel", "1", 0.5..=1.0);
    let expected = InfeasibleShares::Level { dimension: 1, level: 1, floors: 0.5, caps: 0.4 };
    assert_eq!(refused(grid(2, 4), starved), SharesError::Infeasible(expected));
}

#[test]
fn a_set_that_leaves_no_room_is_refused_and_the_others_go_on() {
    let shares = Shares::new().level("channel", "1", 0.0..=0.25);
    let bandit = builder(grid(3, 2), shares).build().unwrap();
    let letters = bandit.arms().with_levels("channel", ["1"]).unwrap();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let expected = SelectError::Shares(InfeasibleShares::Total { floors: 0.0, caps: 0.25 });
    assert_eq!(bandit.select(SEGMENT, &letters, &mut rng).unwrap_err(), expected);
    assert_eq!(bandit.plan(SEGMENT, &letters).unwrap_err(), expected);
    assert_eq!(bandit.selector(rng.clone()).select(SEGMENT, &letters).unwrap_err(), expected);
    let issued = |arm| bandit.statistics(SEGMENT, arm).issued();
    assert!(letters.iter().all(|arm| issued(arm) == 0), "what is refused is not counted");
    // A floor of a level that is not eligible is not made up for.
    let shares = Shares::new().level("channel", "1", 0.25..=1.0);
    let bandit = builder(grid(3, 2), shares).build().unwrap();
    let others = bandit.arms().all() - bandit.arms().with_levels("channel", ["1"]).unwrap();
    assert_eq!(propensities(&bandit.plan(SEGMENT, &others).unwrap()).iter().sum::<f64>(), 1.0);
    assert!(bandit.select(SEGMENT, &bandit.arms().all(), &mut rng).is_ok());
}

/// Policies that have short cuts to their plans: with bounds, plans after learning are those of a bandit that knows as much
/// and was never asked for another set.
#[test]
fn exact_propensity_with_bounds_whatever_sets_were_asked_for_before() {
    let policies: [fn() -> Box<dyn Policy>; 2] =
        [|| Box::new(Thompson::default()), || Box::new(Ucb1::default())];
    for policy in policies {
        let space = grid(6, 3);
        let shares = || {
            let shares =
                Shares::new().each_arm(0.0..=0.5).arm([("template", "0"), ("channel", "0")], 0.0..=0.0);
            shares.level("channel", "2", 0.0..=0.1).level("channel", "0", 0.3..=1.0)
        };
        let build = |incarnation| {
            let builder =
                builder(space.clone(), shares()).boxed_policy(policy()).cadence(Cadence::EVERY_EVENT);
            builder.refresh(Refresh::Manual).incarnation(incarnation).build().unwrap()
        };
        let (asked, mut fresh) = (build(1), build(2));
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
        let small: Eligibility = space.eligible(|arm| arm.id().index() > 4);
        for round in 0..400 {
            let set = if round % 3 == 0 { small.clone() } else { space.all() };
            let decision = asked.select(SEGMENT, &set, &mut rng).unwrap();
            let paid = rng.random_bool(0.02 + 0.04 * decision.arm().index() as f64);
            asked.reward(&decision, Reward::from(paid)).unwrap();
            asked.refresh();
        }
        fresh.restore(&asked.snapshot()).unwrap();
        // Without the arm that may not be sent anyway: the plan of all arms would be its own, but for what bounds do.
        let without_first = space.eligible(|arm| arm.id().index() > 0);
        for set in [space.all(), without_first, small] {
            let (one, other) = (asked.plan(SEGMENT, &set).unwrap(), fresh.plan(SEGMENT, &set).unwrap());
            assert_eq!(propensities(&one), propensities(&other));
            let channel = |level: &str| -> f64 {
                let arms = &set & &space.with_levels("channel", [level]).unwrap();
                arms.iter().map(|arm| one.propensity(arm)).sum()
            };
            assert!(channel("2") <= 0.1 && channel("0") >= 0.3, "{} {}", channel("2"), channel("0"));
        }
    }
}

/// Σ p ln(p / q) for shares of which q has none without p.
fn divergence(p: &[f64], q: &[f64]) -> f64 {
    p.iter().zip(q).filter(|(p, _)| **p > 0.0).map(|(p, q)| p * (p / q).ln()).sum()
}

/// A share, and now and then an extreme one.
fn share() -> impl Strategy<Value = f64> {
    prop_oneof![4 => 0.0..1.0_f64, 2 => (-12..0_i32).prop_map(|exponent| 10_f64.powi(exponent))]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Of all shares within the bounds the plan's are nearest: r being any others, D(r, q) ≥ D(r, p) + D(p, q), which is so for
    /// the projection p alone (Csiszár 1975, *I-divergence geometry*).
    #[test]
    fn exact_propensity_is_that_of_the_nearest_shares(
        (templates, channels) in (1_usize..7, 1_usize..5),
        asked in prop::collection::vec(share(), 42),
        other in prop::collection::vec(share(), 42),
        arm_bounds in (0.0..0.08_f64, 0.3..=1.0_f64),
        levels in prop::collection::vec((any::<bool>(), 0_usize..6, 0.0..0.3_f64, 0.3..1.0_f64), 0..4),
        exploration in prop_oneof![Just(0.0), 0.0..0.5_f64],
        seed: u64,
    ) {
        let space = grid(templates, channels);
        let mut shares = Shares::new().each_arm(arm_bounds.0..=arm_bounds.1);
        for &(template, level, floor, cap) in &levels {
            let (name, count) = if template { ("template", templates) } else { ("channel", channels) };
            shares = shares.level(name, (level % count).to_string(), floor..=cap);
        }
        let build = |policy: &[f64]| {
            builder(space.clone(), shares.clone()).policy(Given(policy.to_vec())).exploration(exploration).build()
        };
        let Ok(bandit) = build(&asked) else { return Ok(()) };
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let set = space.eligible(|_| rng.random_bool(0.8));
        let Ok(plan) = bandit.plan(SEGMENT, &set) else { return Ok(()) };
        let p = propensities(&plan);
        prop_assert!(p.iter().sum::<f64>() == 1.0);

        let both = [true, false].iter().all(|&kind| levels.iter().any(|level| level.0 == kind));
        // To the unit where one dimension is bounded at most.
        let slack = if both { 2e-9 } else { p.len() as f64 * Plan::UNIT };
        for (&p, arm) in p.iter().zip(set.iter()) {
            prop_assert!(p >= arm_bounds.0 - slack && p <= arm_bounds.1 + slack, "arm {arm}: {p}");
        }
        for &(template, level, floor, cap) in &levels {
            let (name, count) = if template { ("template", templates) } else { ("channel", channels) };
            let members = &set & &space.with_levels(name, [(level % count).to_string()]).unwrap();
            let sum: f64 = members.iter().map(|arm| plan.propensity(arm)).sum();
            prop_assert!(members.is_empty() || (sum >= floor - slack && sum <= cap + slack), "{name}: {sum}");
        }

        let total: f64 = set.iter().map(|arm| asked[arm.index()]).sum();
        let even = 1.0 / p.len() as f64;
        let q: Vec<f64> = set.iter().map(|arm| (1.0 - exploration) * asked[arm.index()] / total + exploration * even).collect();
        let others = build(&other).unwrap();
        // Bounds met by turns may be met by one and missed by the other.
        let Ok(others) = others.plan(SEGMENT, &set) else { return Ok(()) };
        let r = propensities(&others);
        let gap = divergence(&r, &q) - divergence(&r, &p) - divergence(&p, &q);
        prop_assert!(q.contains(&0.0) || gap > -1e-6, "not the nearest: {gap}, {p:?} of {q:?} against {r:?}");
    }
}

#[test]
fn no_panic_on_what_policies_get_wrong_under_bounds() {
    #[derive(Debug)]
    struct Wrong(Probabilities);
    impl Policy for Wrong {
        fn name(&self) -> String {
            "wrong".to_owned()
        }

        fn observes(&self) -> Observes {
            Observes::Nothing
        }

        fn probabilities(&self, _: &View<'_>) -> Probabilities {
            self.0.clone()
        }
    }
    let answers = [
        Probabilities { uniform: f64::NAN, contenders: vec![(2, f64::NAN), (9, 1.0), (1, -1.0)] },
        Probabilities { uniform: 0.0, contenders: vec![(2, f64::MAX), (1, f64::MAX), (4_000_000_000, 1.0)] },
        Probabilities { uniform: 0.0, contenders: vec![(0, 5e-324)] },
        Probabilities::default(),
    ];
    for answer in answers {
        let shares = Shares::new().each_arm(0.1..=0.6).level("arm", "1", 0.0..=0.2);
        let bandit = builder(arms(4), shares).policy(Wrong(answer)).exploration(0.0).build().unwrap();
        let plan = bandit.plan(SEGMENT, &bandit.arms().all()).unwrap();
        assert!(
            propensities(&plan).iter().all(|share| (0.1..=0.6).contains(share)),
            "{:?}",
            propensities(&plan)
        );
        assert!(plan.propensity(ArmId::new(1)) <= 0.2);
    }
}
