//! Holdout: the same customers every time, a baseline for them, nothing learnt from them, and the lift that learning has.

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use tactful::bandit::DelaysBy;
use tactful::holdout::Holdout;
use tactful::policy::{HeldOut, Policy, Thompson, Uniform, WorstOff};
use tactful::time::Window;
use tactful::{ArmSpace, Bandit, BanditBuilder, Cadence, Reward, SegmentId, Segments, Timestamp};

fn segments() -> Segments {
    let builder = Segments::builder().attribute("stage", ["early", "late"]);
    builder.attribute(Holdout::ATTRIBUTE, Holdout::LEVELS).build().unwrap()
}

fn builder(policy: Box<dyn Policy>) -> BanditBuilder {
    let arms = ArmSpace::builder().dimension("template", ["a", "b", "c"]).build().unwrap();
    let policy = HeldOut::boxed(policy, Box::new(Uniform), &segments()).unwrap();
    Bandit::builder(arms, segments()).policy(policy).cadence(Cadence::EVERY_EVENT).incarnation(1)
}

#[test]
fn a_share_of_the_keys_is_held_out_whatever_the_platform() {
    let holdout = Holdout::new("dunning 2026", 0.1).unwrap();
    let keys = |salt: &str, share| {
        let holdout = Holdout::new(salt, share).unwrap();
        (0..100_000).filter(|key: &u32| holdout.contains(&key.to_le_bytes())).collect::<Vec<u32>>()
    };
    let held_out = keys("dunning 2026", 0.1);
    // Binomial, ± 5 standard deviations of 95: a false alarm in 2 million.
    assert!((9_525..=10_475).contains(&held_out.len()), "{}", held_out.len());
    assert_eq!(held_out[..5], [7, 12, 17, 20, 22], "value-breaking: other customers are held out");
    // Growing the share keeps those who are out; another salt holds out others.
    let more = keys("dunning 2026", 0.2);
    assert!(held_out.iter().all(|key| more.binary_search(key).is_ok()));
    let others = keys("dunning 2027", 0.1);
    let both = held_out.iter().filter(|key| others.binary_search(key).is_ok()).count();
    assert!((850..1_150).contains(&both), "{both} of both, expected 1000 ± 30");
    assert!(keys("", 0.0).is_empty());
    assert_eq!(keys("", 1.0).len(), 100_000);
    assert_eq!(holdout.level(&7_u32.to_le_bytes()), "held_out");
    assert_eq!(holdout.level(&0_u32.to_le_bytes()), "learning");
    for share in [-0.1, 1.1, f64::NAN] {
        assert!(Holdout::new("", share).is_err());
    }
    assert!(HeldOut::new(Thompson::default(), Uniform, &Segments::single()).is_err());
    let other = Segments::builder().attribute(Holdout::ATTRIBUTE, ["learning", "control"]).build().unwrap();
    assert!(HeldOut::new(Thompson::default(), Uniform, &other).is_err());
}

/// Two bandits with the same decisions for customers that are learnt from, and outcomes of held-out ones that could not differ
/// more: all plans of the former are the same, and those of the latter the baseline's.
#[test]
fn held_out_outcomes_never_change_the_plans_of_others() {
    let policies: [fn() -> Box<dyn Policy>; 2] =
        [|| Box::new(Thompson::default()), || Box::new(WorstOff::default())];
    for policy in policies {
        for windowed in [false, true] {
            let build = || {
                let day = Duration::from_secs(86_400);
                match windowed {
                    false => builder(policy()),
                    true => builder(policy())
                        .window(Window::new(7 * day, day).unwrap())
                        .delays_by(DelaysBy::Attribute(Holdout::ATTRIBUTE.to_owned())),
                }
                .build()
                .unwrap()
            };
            let (one, other) = (build(), build());
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
            for round in 0..600_u64 {
                let segment = SegmentId::new(rng.random_range(0..4));
                let held_out = segment.index() % 2 == 1;
                let seed: u64 = rng.random();
                let paid = rng.random_bool(0.3);
                for (bandit, answer) in [(&one, true), (&other, false)] {
                    bandit.advance_to(Timestamp::from_millis(round * 14_400_000)).unwrap();
                    let mut own = Xoshiro256PlusPlus::seed_from_u64(seed);
                    let decision = bandit.select(segment, &bandit.arms().all(), &mut own).unwrap();
                    let paid = if held_out { answer } else { paid };
                    if paid || !windowed {
                        bandit.reward(&decision, Reward::from(paid)).unwrap();
                    }
                }
                for segment in (0..4).map(SegmentId::new) {
                    let plans =
                        [&one, &other].map(|bandit| bandit.plan(segment, &bandit.arms().all()).unwrap());
                    for arm in one.arms().iter() {
                        let [one, other] = [&plans[0], &plans[1]].map(|plan| plan.propensity(arm.id()));
                        assert!(one == other, "round {round}, segment {segment}: {one} against {other}");
                        assert!(segment.index() % 2 == 0 || (one - 1.0 / 3.0).abs() < 1e-12);
                    }
                }
            }
        }
    }
}

#[test]
fn the_lift_of_learning_is_found_within_its_interval() {
    // Rates by stage; held-out customers get the mean of the three arms, learning ones nearly the best.
    let rates = [[0.1, 0.2, 0.5], [0.3, 0.1, 0.1]];
    let mut covered = 0;
    for seed in 0..40 {
        let bandit = builder(Box::new(Thompson::default())).cadence(Cadence::default()).build().unwrap();
        assert_eq!(bandit.lift(), None);
        let holdout = Holdout::new("lift", 0.25).unwrap();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let (mut expected, mut decisions) = ([[0.0; 2]; 2], [[0.0; 2]; 2]);
        for customer in 0..4_000_u32 {
            let stage = usize::from(rng.random_bool(0.4));
            let group = usize::from(holdout.contains(&customer.to_le_bytes()));
            let segment = SegmentId::new((2 * stage + group) as u32);
            let decision = bandit.select(segment, &bandit.arms().all(), &mut rng).unwrap();
            let rate = rates[stage][decision.arm().index()];
            expected[stage][group] += rate;
            decisions[stage][group] += 1.0;
            bandit.reward(&decision, Reward::from(rng.random_bool(rate))).unwrap();
        }
        let lift = bandit.lift().unwrap();
        let total: f64 = decisions.iter().flatten().sum();
        let truth: f64 = (0..2)
            .map(|stage| {
                let mean = |group: usize| expected[stage][group] / decisions[stage][group];
                decisions[stage].iter().sum::<f64>() / total * (mean(0) - mean(1))
            })
            .sum();
        covered += u32::from(lift.interval.0 <= truth && truth <= lift.interval.1);
        assert!(lift.difference > 0.1 && lift.interval.0 > 0.0, "{lift:?}");
        assert_eq!((lift.outcomes.0 + lift.outcomes.1, lift.left_out), (4_000, 0));
    }
    // Of 40 intervals at 95 % fewer than 33 cover with a probability below 0.001.
    assert!(covered >= 33, "{covered} of 40 intervals cover");
}

#[test]
fn with_a_window_only_decisions_that_have_had_their_time_are_compared() {
    let day = Duration::from_secs(86_400);
    let at = |days: u64| Timestamp::from_millis(days * 86_400_000);
    let bandit =
        builder(Box::new(Thompson::default())).window(Window::new(7 * day, day).unwrap()).build().unwrap();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(9);
    bandit.advance_to(at(100)).unwrap();
    for customer in 0..200_u32 {
        let decision = bandit.select(SegmentId::new(customer % 2), &bandit.arms().all(), &mut rng).unwrap();
        if customer % 4 == 0 || customer % 8 == 1 {
            bandit.reward(&decision, Reward::SUCCESS).unwrap();
        }
    }
    assert_eq!(bandit.lift(), None, "the good news come first");
    bandit.advance_to(at(120)).unwrap();
    let lift = bandit.lift().unwrap();
    assert_eq!((lift.treated, lift.control, lift.outcomes), (0.5, 0.25, (100, 100)));
}
