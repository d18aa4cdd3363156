//! A warm start of policies that go by results: they plan as if they had seen them, at the discount, and count nothing twice.

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use statrs::distribution::{ChiSquared, ContinuousCDF};
use tactful::belief::{Beta, Forgetting, Tried, WarmStart};
use tactful::evaluation::{self, Frozen, FrozenError, Log, Round, self_normalised};
use tactful::policy::named;
use tactful::time::Window;
use tactful::{
    ArmId, ArmSpace, ArmStatistics, Bandit, BanditBuilder, Cadence, Refresh, Reward, RewardKind, SegmentId,
    Segments, Timestamp,
};

const POLICIES: [&str; 3] =
    ["pooled-thompson", "pooled-thompson(trust-structure)", "pooled-segments(thompson)"];
const CHANNELS: [&str; 3] = ["email", "sms", "letter"];

type Results = Vec<(SegmentId, Vec<Tried>)>;

fn arms(templates: &[&str]) -> ArmSpace {
    let arms = ArmSpace::builder().dimension("template", templates.iter().copied());
    arms.dimension("channel", CHANNELS).build().unwrap()
}

fn ages(levels: &[&str]) -> Segments {
    Segments::builder().attribute("age", levels.iter().copied()).build().unwrap()
}

fn builder(policy: &str, arms: &ArmSpace, segments: &Segments) -> BanditBuilder {
    Bandit::builder(arms.clone(), segments.clone())
        .boxed_policy(named(policy, 1_000).unwrap())
        .exploration(0.0)
        .cadence(Cadence::EVERY_EVENT)
        .refresh(Refresh::Manual)
        .incarnation(1)
}

/// Decisions of its first plan, each arm with a rate of its own, and the log of them; its plans then know them all.
fn learns(bandit: &Bandit, rounds: u32) -> Log {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(21);
    let all = bandit.arms().all();
    let rounds: Vec<Round> = (0..rounds)
        .map(|round| {
            let segment = SegmentId::new(round % bandit.segments().len() as u32);
            let decision = bandit.select(segment, &all, &mut rng).unwrap();
            let rate = 0.04 + 0.02 * (decision.arm().index() % 5) as f64;
            let reward = Reward::from(rng.random_bool(rate));
            bandit.reward(&decision, reward).unwrap();
            let (arm, propensity) = (decision.arm(), decision.propensity());
            Round { segment, arm, propensity, reward, eligible: None }
        })
        .collect();
    bandit.refresh();
    Log::new(bandit.arms().clone(), bandit.segments().clone(), RewardKind::Binary, rounds).unwrap()
}

/// Propensities of all arms by segment.
fn plans(bandit: &Bandit) -> Vec<Vec<f64>> {
    let all = bandit.arms().all();
    let of = |segment| {
        let plan = bandit.plan(segment, &all).unwrap();
        all.iter().map(|arm| plan.propensity(arm)).collect()
    };
    bandit.segments().iter().map(|segment| of(segment.id())).collect()
}

/// Bit for bit the plans of who saw the log; who did not draws arms alike. What another has counted is in no counter.
#[test]
fn who_starts_from_a_log_plans_as_who_saw_it() {
    let arms = arms(&["a", "b", "c", "d"]);
    for policy in POLICIES {
        for segments in [Segments::single(), ages(&["young", "old"])] {
            let build = || builder(policy, &arms, &segments);
            let (saw, cold) = (build().build().unwrap(), build().build().unwrap());
            let told = evaluation::tried(&learns(&saw, 1_200));
            let start = WarmStart::new((&arms, &segments), &told, 1.0, (&arms, &segments)).unwrap();
            let warm = build().warm_start(start).build().unwrap();
            assert_eq!(plans(&warm), plans(&saw), "{policy}");
            for plan in plans(&cold) {
                assert!(plan.iter().all(|share| (share - 1.0 / 12.0).abs() < 1e-6), "{policy}: {plan:?}");
            }
            assert_ne!(plans(&warm), plans(&cold), "{policy}");
            for segment in segments.iter() {
                assert_eq!(warm.tried(segment.id()), []);
                let counted = warm.statistics(segment.id(), ArmId::new(3));
                assert_eq!(counted, ArmStatistics::default());
            }
            assert_eq!(
                serde_json::to_string(&warm.snapshot()).unwrap(),
                serde_json::to_string(&cold.snapshot()).unwrap()
            );
        }
    }
}

/// At a discount of a half, as from half of the results: less sure than from all.
#[test]
fn a_discount_takes_its_part_of_the_trials() {
    let (arms, segments) = (arms(&["a", "b", "c", "d"]), ages(&["young", "old"]));
    let told = evaluation::tried(&learns(&builder("uniform", &arms, &segments).build().unwrap(), 6_000));
    let half = |told: &Tried| Tried { trials: told.trials / 2.0, earned: told.earned / 2.0, ..*told };
    let halved: Results =
        told.iter().map(|(segment, tried)| (*segment, tried.iter().map(half).collect())).collect();
    let start = |told: &Results, discount| {
        WarmStart::new((&arms, &segments), told, discount, (&arms, &segments)).unwrap()
    };
    for (segment, halved) in &halved {
        assert_eq!(start(&told, 0.5).tried(*segment), halved);
    }
    for policy in POLICIES {
        let plans = |start| plans(&builder(policy, &arms, &segments).warm_start(start).build().unwrap());
        assert_eq!(plans(start(&told, 0.5)), plans(start(&halved, 1.0)), "{policy}");
        let most = |start| plans(start).concat().into_iter().fold(0.0, f64::max);
        assert!(most(start(&told, 0.02)) < most(start(&told, 1.0)), "{policy}");
        let none = plans(start(&told, 0.0)).concat();
        assert!(none.iter().all(|share| (share - 1.0 / 12.0).abs() < 1e-6), "{policy}: {none:?}");
    }
}

/// E-mails paid twice as much as letters: of a template that nobody has tried, the e-mail is drawn much more often than the letter.
#[test]
fn a_new_template_inherits_what_channels_add() {
    let (old, one) = (arms(&["a", "b", "c", "d"]), Segments::single());
    let earned = |arm: usize| [60.0, 45.0, 30.0][arm % 3];
    let tried = (0..12).map(|arm| Tried {
        arm: ArmId::new(arm),
        trials: 600.0,
        earned: earned(arm as usize) + f64::from(arm / 3),
    });
    let told = vec![(SegmentId::new(0), tried.collect())];
    let arms = arms(&["new", "d", "c", "b", "a"]);
    let start = WarmStart::new((&old, &one), &told, 0.5, (&arms, &one)).unwrap();
    for policy in &POLICIES[..2] {
        let plan = &plans(&builder(policy, &arms, &one).warm_start(start.clone()).build().unwrap())[0];
        assert!(plan[0] > 10.0 * plan[2] && plan[0] > 0.05, "{policy}: {plan:?}");
        // It is not known to be worse than the others, and an e-mail of theirs is still drawn.
        assert!(plan[3] + plan[6] + plan[9] + plan[12] > 0.3, "{policy}: {plan:?}");
    }
}

/// After a restart the plans are those before it, and those of a bandit that counts are without what it has not counted.
#[test]
fn what_was_started_from_is_not_counted_twice() {
    let (arms, segments) = (arms(&["a", "b", "c", "d"]), ages(&["young", "old"]));
    let told = evaluation::tried(&learns(&builder("uniform", &arms, &segments).build().unwrap(), 3_000));
    let start = WarmStart::new((&arms, &segments), &told, 0.25, (&arms, &segments)).unwrap();
    for policy in POLICIES {
        let warm = |life| {
            let builder = builder(policy, &arms, &segments).warm_start(start.clone());
            builder.incarnation(life).build().unwrap()
        };
        let before = warm(1);
        let log = learns(&before, 400);
        assert_eq!(evaluation::tried(&log), [0, 1].map(SegmentId::new).map(|of| (of, before.tried(of))));
        let mut after = warm(2);
        after.restore(&before.snapshot()).unwrap();
        assert_eq!(plans(&after), plans(&before), "{policy}");
        // The same as from both at once.
        let own = evaluation::tried(&log);
        let quarter = |told: &Tried| Tried { trials: told.trials / 4.0, earned: told.earned / 4.0, ..*told };
        let mut both: Results = own;
        both.extend(told.iter().map(|(of, tried)| (*of, tried.iter().map(quarter).collect())));
        let both = WarmStart::new((&arms, &segments), &both, 1.0, (&arms, &segments)).unwrap();
        let both = builder(policy, &arms, &segments).warm_start(both).build().unwrap();
        assert_eq!(plans(&both), plans(&before), "{policy}");
    }
}

/// Where a window forgets, what was started from stays what it was.
#[test]
fn what_was_started_from_does_not_fade() {
    let (arms, one, day) = (arms(&["a", "b", "c", "d"]), Segments::single(), Duration::from_secs(86_400));
    let told = evaluation::tried(&learns(&builder("uniform", &arms, &one).build().unwrap(), 3_000));
    let start = WarmStart::new((&arms, &one), &told, 1.0, (&arms, &one)).unwrap();
    for policy in POLICIES {
        let build = || builder(policy, &arms, &one).warm_start(start.clone());
        let windowed = build()
            .window(Window::new(7 * day, day).unwrap())
            .forgetting(Forgetting::HalfLife(5 * day))
            .build()
            .unwrap();
        windowed.advance_to(Timestamp::from_millis(90 * 86_400_000)).unwrap();
        assert_eq!(plans(&windowed), plans(&build().build().unwrap()), "{policy}");
    }
}

/// Pearson's χ² of 200,000 draws of a first plan against its propensities, cells of small expectation pooled, at level 10⁻⁶.
#[test]
fn exact_propensity_from_a_warm_start() {
    let (arms, segments) = (arms(&["a", "b", "c", "d"]), ages(&["young", "old"]));
    let told = evaluation::tried(&learns(&builder("uniform", &arms, &segments).build().unwrap(), 3_000));
    let start = WarmStart::new((&arms, &segments), &told, 0.3, (&arms, &segments)).unwrap();
    for policy in POLICIES {
        let bandit = builder(policy, &arms, &segments).warm_start(start.clone()).build().unwrap();
        let (second, all) = (SegmentId::new(1), bandit.arms().all());
        let plan = bandit.plan(second, &all).unwrap();
        assert!(all.iter().map(|arm| plan.propensity(arm)).sum::<f64>() == 1.0, "{policy}");
        let (mut rng, mut observed) = (Xoshiro256PlusPlus::seed_from_u64(5), [0.0; 12]);
        const DRAWS: u32 = 200_000;
        for _ in 0..DRAWS {
            let decision = bandit.select(second, &all, &mut rng).unwrap();
            assert!(decision.propensity() == plan.propensity(decision.arm()));
            observed[decision.arm().index()] += 1.0;
        }
        let expected = all.iter().map(|arm| plan.propensity(arm) * f64::from(DRAWS));
        let (mut statistic, mut cells, mut small) = (0.0, 0, (0.0, 0.0));
        for (seen, expected) in observed.into_iter().zip(expected) {
            match expected < 10.0 {
                true => small = (small.0 + seen, small.1 + expected),
                false => (statistic, cells) = (statistic + (seen - expected).powi(2) / expected, cells + 1),
            }
        }
        assert!(cells > 2 && small.0 <= 10.0 * small.1 + 20.0, "{policy}: {cells} cells");
        let p = ChiSquared::new(f64::from(cells - 1)).unwrap().sf(statistic);
        assert!(p > 1e-6, "{policy}: χ² has p = {p}");
    }
}

/// In the log arm 2 always pays, and arm 7 never; elsewhere arm 7 was by far the best of so many that a small log changes nothing.
#[test]
fn a_target_starts_from_what_was_learnt_elsewhere() {
    let (arms, one) = (arms(&["a", "b", "c", "d"]), Segments::single());
    let rounds = (0..72_u32).map(|number| Round {
        segment: SegmentId::new(0),
        arm: ArmId::new(number % 12),
        propensity: 1.0 / 12.0,
        reward: Reward::from(number % 12 == 2),
        eligible: None,
    });
    let log = Log::new(arms.clone(), one.clone(), RewardKind::Binary, rounds).unwrap();
    let earned = |arm| if arm == 7 { 200.0 } else { 45.0 };
    let tried = (0..12).map(|arm| Tried { arm: ArmId::new(arm), trials: 900.0, earned: earned(arm) });
    let told: Results = vec![(SegmentId::new(0), tried.collect())];
    let start = WarmStart::new((&arms, &one), &told, 1.0, (&arms, &one)).unwrap();
    for name in POLICIES.into_iter().chain(["thompson"]) {
        let policy = named(name, 1_000).unwrap();
        let cold = Frozen::trained(&log, &*policy, Beta::UNIFORM, 0.0).unwrap();
        let warm = Frozen::trained_from(&log, &*policy, &start, 0.0).unwrap();
        let [cold, warm] = [cold, warm].map(|target| self_normalised(&log, &target).unwrap().value);
        assert!(cold > 0.3 && warm < 0.1, "{name}: {cold} without, {warm} with");
    }
    let two = ages(&["young", "old"]);
    let other = WarmStart::new((&arms, &one), &told, 1.0, (&arms, &two)).unwrap();
    let refused = Frozen::trained_from(&log, &*named("thompson", 1_000).unwrap(), &other, 0.0);
    assert_eq!(refused.unwrap_err(), FrozenError::WarmStart);
}

/// Next to nothing was tried elsewhere, or next to everything; all of it paid, or none.
#[test]
fn no_panic_on_extreme_starts() {
    let (arms, segments) = (arms(&["a", "b", "c", "d"]), ages(&["young", "old"]));
    let last = Beta::MAX_SHAPE / 2.0;
    for trials in [5e-324, 1e-300, 1e-9, 1.0, 1e6, last] {
        for (first, other) in [(0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.5, 0.1)] {
            let told = |arm, rate: f64| Tried { arm: ArmId::new(arm), trials, earned: trials * rate };
            let mut results =
                vec![(SegmentId::new(0), vec![told(0, first), told(1, other), told(11, other)])];
            results.push(results[0].clone());
            let start = WarmStart::new((&arms, &segments), &results, 1.0, (&arms, &segments)).unwrap();
            for policy in POLICIES {
                let bandit = builder(policy, &arms, &segments).warm_start(start.clone()).build().unwrap();
                for plan in plans(&bandit) {
                    assert!(
                        plan.iter().all(|share| (0.0..=1.0).contains(share)),
                        "{policy}, {trials}: {plan:?}"
                    );
                    assert_eq!(plan.iter().sum::<f64>(), 1.0, "{policy}, {trials}: {plan:?}");
                }
            }
        }
    }
}
