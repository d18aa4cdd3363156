//! Index policies: the plan found in a few steps is the plan that a loop over all arms gives.

use std::sync::atomic::{AtomicU64, Ordering};

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use tactful::belief::Beta;
use tactful::policy::{
    EpsilonGreedy, Family, Index, KlUcb, KlUcbPlusPlus, Moss, Observes, Policy, Probabilities, Ucb1,
    Ucb1Tuned, UcbV, View,
};
use tactful::{
    ArmId, ArmSpace, ArmStatistics, Bandit, Cadence, Decision, Eligibility, Refresh, Reward, RewardKind,
    SegmentId, Segments,
};

const EVERYONE: SegmentId = SegmentId::new(0);
const EXPLORATION: f64 = 0.02;

/// An index that is no straight line in anything, and that knows nothing of its crossings: a Gaussian bound with a
/// bonus that is bounded.
#[derive(Clone, Copy, Debug)]
struct Bent;

impl Policy for Bent {
    fn name(&self) -> String {
        "bent".to_owned()
    }

    fn observes(&self) -> Observes {
        Observes::Selections
    }

    fn probabilities(&self, view: &View<'_>) -> Probabilities {
        let clock = self.clock(view.selections(), view.len());
        let value = |arm: &ArmStatistics| self.value(*arm, clock);
        let best = view.statistics().iter().map(value).fold(f64::NEG_INFINITY, f64::max);
        let at_best = |&(_, arm): &(u32, &ArmStatistics)| value(arm) >= best;
        let leaders: Vec<u32> =
            (0..).zip(view.statistics()).filter(at_best).map(|(place, _)| place).collect();
        Probabilities::shared(&leaders, 1.0)
    }

    fn as_index(&self) -> Option<&dyn Index> {
        Some(self)
    }
}

impl Index for Bent {
    fn clock(&self, selections: u64, _: usize) -> f64 {
        selections as f64
    }

    fn value(&self, arm: ArmStatistics, clock: f64) -> f64 {
        let spread = (clock / (1.0 + arm.issued() as f64)).sqrt();
        arm.mean().unwrap_or(0.5) + spread / (4.0 + spread)
    }
}

/// A policy with its index hidden: plans come from the loop.
#[derive(Clone, Debug)]
struct Hidden<P>(P);

impl<P: Policy> Policy for Hidden<P> {
    fn name(&self) -> String {
        self.0.name()
    }

    fn observes(&self) -> Observes {
        self.0.observes()
    }

    fn probabilities(&self, view: &View<'_>) -> Probabilities {
        self.0.probabilities(view)
    }
}

fn bandit(arms: u32, kind: RewardKind, policy: impl Policy + 'static) -> Bandit {
    let arms = ArmSpace::builder().dimension("arm", (0..arms).map(|arm| arm.to_string())).build().unwrap();
    let builder = Bandit::builder(arms, Segments::single()).policy(policy).reward(kind).incarnation(1);
    builder.exploration(EXPLORATION).cadence(Cadence::EVERY_EVENT).build().unwrap()
}

/// Asserts that the plan of a set gives every arm what the loop over all arms gives it.
fn agrees(bandit: &Bandit, eligible: &Eligibility) {
    let arms: Vec<ArmId> = eligible.iter().collect();
    let statistics: Vec<ArmStatistics> = arms.iter().map(|&arm| bandit.statistics(EVERYONE, arm)).collect();
    let posteriors = vec![Beta::UNIFORM; arms.len()];
    let reference = bandit.policy().probabilities(&View::new(&arms, &posteriors, &statistics));
    let even = ((1.0 - EXPLORATION) * reference.uniform + EXPLORATION) / arms.len() as f64;
    let mut expected = vec![even; arms.len()];
    for &(position, share) in &reference.contenders {
        expected[position as usize] += (1.0 - EXPLORATION) * share;
    }
    let plan = bandit.plan(EVERYONE, eligible).unwrap();
    for (&arm, expected) in arms.iter().zip(expected) {
        let propensity = plan.propensity(arm);
        assert!(
            (propensity - expected).abs() < 1e-12,
            "{arm} of {eligible:?}: {propensity}, not {expected}, {:?}",
            bandit.statistics(EVERYONE, arm)
        );
    }
}

/// Some sets: all arms, random ones, a few, one.
fn sets(bandit: &Bandit, rng: &mut Xoshiro256PlusPlus) -> Vec<Eligibility> {
    let mut random = |part: f64| bandit.arms().eligible(|arm| arm.id().index() == 1 || rng.random_bool(part));
    vec![bandit.arms().all(), random(0.7), random(0.4), random(0.02), random(0.0)]
}

/// Plays with outcomes that come late, out of order or never, and looks at a plan after each event.
fn a_random_history(bandit: &Bandit, events: u32, seed: u64) {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let sets = sets(bandit, &mut rng);
    let mut open: Vec<Decision> = Vec::new();
    // Levels of equal rates, so that ties are frequent.
    let rate = |arm: ArmId| (arm.index() % 4) as f64 * 0.2;
    for _ in 0..events {
        let set = &sets[rng.random_range(0..sets.len())];
        if open.is_empty() || rng.random_bool(0.55) {
            open.push(bandit.select(EVERYONE, set, &mut rng).unwrap());
        } else {
            let decision = open.swap_remove(rng.random_range(0..open.len()));
            let paid = rng.random_bool(rate(decision.arm()));
            let reward = match bandit.reward_kind() {
                RewardKind::Binary => Reward::from(paid),
                _ => Reward::new(f64::from(u8::from(paid)) * rng.random_range(0..8) as f64 / 8.0),
            };
            bandit.reward(&decision, reward).unwrap();
        }
        agrees(bandit, &sets[rng.random_range(0..sets.len())]);
    }
    sets.iter().for_each(|set| agrees(bandit, set));
}

fn any_history_agrees(policy: impl Policy + Clone + 'static) {
    for (arms, events) in [(2, 300), (5, 1_500), (66, 3_000), (200, 3_000), (1_500, 4_000)] {
        a_random_history(&bandit(arms, RewardKind::Binary, policy.clone()), events, u64::from(arms));
    }
    let real = RewardKind::Real { minimum: 0.0, maximum: 1.0 };
    a_random_history(&bandit(40, real, policy), 3_000, 1);
}

#[test]
fn ucb1_agrees_with_the_loop() {
    any_history_agrees(Ucb1::default());
}

#[test]
fn epsilon_greedy_agrees_with_the_loop() {
    any_history_agrees(EpsilonGreedy::default());
    any_history_agrees(EpsilonGreedy::decaying(3.0).unwrap());
    any_history_agrees(EpsilonGreedy::constant(1.0).unwrap());
    any_history_agrees(EpsilonGreedy::first(500));
}

#[test]
fn bounds_by_the_variance_agree_with_the_loop() {
    any_history_agrees(Ucb1::new(0.5).unwrap());
    any_history_agrees(Ucb1Tuned::default());
    any_history_agrees(UcbV::default());
}

#[test]
fn moss_agrees_with_the_loop() {
    any_history_agrees(Moss::horizon(2_000));
    any_history_agrees(Moss::anytime());
}

#[test]
fn kl_ucb_agrees_with_the_loop() {
    any_history_agrees(KlUcb::default());
    any_history_agrees(KlUcb::new(Family::Poisson { most: 1.0 }, 3.0).unwrap());
    any_history_agrees(KlUcbPlusPlus::horizon(2_000));
    any_history_agrees(KlUcbPlusPlus::anytime());
}

#[test]
fn an_index_that_knows_nothing_of_its_crossings_agrees_with_the_loop() {
    any_history_agrees(Bent);
}

/// Decisions and propensities of a run, with plans at every event.
fn run(policy: impl Policy + 'static) -> Vec<(usize, u64)> {
    let bandit = bandit(60, RewardKind::Binary, policy);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
    let sets = sets(&bandit, &mut rng);
    let mut run = Vec::new();
    for round in 0..3_000 {
        let decision = bandit.select(EVERYONE, &sets[round % sets.len()], &mut rng).unwrap();
        bandit.reward(&decision, Reward::from(rng.random_bool(0.2))).unwrap();
        run.push((decision.arm().index(), decision.propensity().to_bits()));
    }
    run
}

#[test]
fn decisions_are_those_of_the_loop_bit_for_bit() {
    assert_eq!(run(Ucb1::default()), run(Hidden(Ucb1::default())));
    assert_eq!(run(EpsilonGreedy::default()), run(Hidden(EpsilonGreedy::default())));
    let decaying = EpsilonGreedy::decaying(5.0).unwrap();
    assert_eq!(run(decaying), run(Hidden(decaying)));
}

#[test]
fn many_leaders_have_exact_propensities_and_are_drawn_alike() {
    let bandit = bandit(1_000, RewardKind::Binary, Ucb1::default());
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(9);
    let set = bandit.arms().eligible(|arm| arm.id().index() % 3 > 0);
    for _ in 0..100 {
        bandit.select(EVERYONE, &set, &mut rng).unwrap();
    }
    let plan = bandit.plan(EVERYONE, &set).unwrap();
    let sum: f64 = plan.columns().flat_map(|column| column.parts).map(|(_, share)| share).sum();
    assert!(sum.to_bits() == 1.0_f64.to_bits());
    let total: f64 = bandit.arms().iter().map(|arm| plan.propensity(arm.id())).sum();
    assert!((total - 1.0).abs() < 1e-12);
    let untried = set.iter().filter(|&arm| bandit.statistics(EVERYONE, arm).issued() == 0).count();
    assert_eq!(plan.contenders().count(), untried);
    assert!(plan.contenders().all(|(arm, share)| {
        bandit.statistics(EVERYONE, arm).issued() == 0
            && share.to_bits() == plan.propensity(arm).to_bits()
            && share > plan.even_share()
    }));
    // Drawn from the plan as it is: by hand, nothing is refreshed.
    let still = Bandit::builder(bandit.arms().clone(), Segments::single()).policy(Ucb1::default());
    let still = still.refresh(Refresh::Manual).exploration(0.3).incarnation(1).build().unwrap();
    for arm in set.iter().take(200) {
        let only = still.arms().subset([arm]).unwrap();
        still.select(EVERYONE, &only, &mut rng).unwrap();
    }
    let plan = still.plan(EVERYONE, &set).unwrap();
    let mut drawn = vec![0_u32; 1_000];
    const DRAWS: u32 = 400_000;
    for _ in 0..DRAWS {
        let decision = still.select(EVERYONE, &set, &mut rng).unwrap();
        assert_eq!(decision.propensity().to_bits(), plan.propensity(decision.arm()).to_bits());
        drawn[decision.arm().index()] += 1;
    }
    // χ² with 665 degrees of freedom: mean 665, standard deviation 36.5; above 848 one time in 10⁶.
    let chi_squared: f64 = set
        .iter()
        .map(|arm| {
            let expected = plan.propensity(arm) * f64::from(DRAWS);
            (f64::from(drawn[arm.index()]) - expected).powi(2) / expected
        })
        .sum();
    assert!(chi_squared < 848.0, "{chi_squared}");
}

#[test]
fn whatever_threads_do_the_plan_agrees_once_they_are_done() {
    for round in 0..20 {
        let bandit = bandit(300, RewardKind::Binary, Ucb1::default());
        let played = AtomicU64::new(0);
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(round);
        let sets = sets(&bandit, &mut rng);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (bandit, sets, played) = (&bandit, &sets, &played);
                scope.spawn(move || {
                    let mut rng = Xoshiro256PlusPlus::seed_from_u64(100 * round + thread);
                    let mut selector = bandit.selector(Xoshiro256PlusPlus::seed_from_u64(thread));
                    for _ in 0..500 {
                        let set = &sets[rng.random_range(0..sets.len())];
                        let decision = match rng.random_bool(0.5) {
                            true => bandit.select(EVERYONE, set, &mut rng).unwrap(),
                            false => selector.select(EVERYONE, set).unwrap(),
                        };
                        bandit.reward(&decision, Reward::from(rng.random_bool(0.1))).unwrap();
                        played.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(played.into_inner(), 2_000);
        // An event that comes after all others makes every plan due that might be behind.
        let decision = bandit.select(EVERYONE, &sets[0], &mut rng).unwrap();
        bandit.reward(&decision, Reward::FAILURE).unwrap();
        bandit.refresh();
        sets.iter().for_each(|set| agrees(&bandit, set));
    }
}

#[test]
fn after_a_panic_of_the_index_the_standings_are_made_anew() {
    /// UCB1 whose index panics once, at the given evaluation.
    #[derive(Debug)]
    struct Stumbling(AtomicU64, u64);

    impl Policy for Stumbling {
        fn name(&self) -> String {
            "stumbling".to_owned()
        }
        fn observes(&self) -> Observes {
            Observes::Selections
        }
        fn probabilities(&self, view: &View<'_>) -> Probabilities {
            Ucb1::default().probabilities(view)
        }
        fn as_index(&self) -> Option<&dyn Index> {
            Some(self)
        }
    }

    impl Index for Stumbling {
        fn clock(&self, selections: u64, arms: usize) -> f64 {
            Ucb1::default().clock(selections, arms)
        }
        fn value(&self, arm: ArmStatistics, clock: f64) -> f64 {
            assert!(self.0.fetch_add(1, Ordering::Relaxed) != self.1, "as told");
            Ucb1::default().value(arm, clock)
        }
    }

    for panics_at in [0, 7, 100, 1_001] {
        let bandit = bandit(30, RewardKind::Binary, Stumbling(AtomicU64::new(0), panics_at));
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
        let sets = sets(&bandit, &mut rng);
        let mut panics = 0;
        for round in 0..2_000 {
            let set = &sets[round % sets.len()];
            let play = || {
                let decision = bandit.select(EVERYONE, set, &mut rng).unwrap();
                bandit.reward(&decision, Reward::FAILURE).unwrap();
                agrees(&bandit, set);
            };
            panics += u32::from(std::panic::catch_unwind(std::panic::AssertUnwindSafe(play)).is_err());
        }
        assert_eq!(panics, 1);
        sets.iter().for_each(|set| agrees(&bandit, set));
    }
}

#[test]
fn an_order_that_holds_until_some_clock_does() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(11);
    let indices: [&dyn Index; 11] = [
        &Ucb1::default(),
        &Ucb1::new(1e4).unwrap(),
        &Bent,
        &Ucb1Tuned::default(),
        &UcbV::default(),
        &Moss::anytime(),
        &Moss::anytime().constant(0.25).unwrap(),
        &KlUcb::default(),
        &KlUcb::new(Family::Poisson { most: 1.0 }, 0.0).unwrap(),
        &KlUcb::new(Family::Gaussian { deviation: 0.5 }, 3.0).unwrap(),
        &KlUcbPlusPlus::anytime(),
    ];
    for index in indices {
        let mut looked_ahead = 0;
        for _ in 0..200_000 {
            let size = 10_u64.pow(rng.random_range(0..7));
            let mut arm = || {
                let issued = rng.random_range(0..=size);
                let returned = rng.random_range(0..=issued);
                let won = rng.random_range(0..=returned) / rng.random_range(1..=4);
                ArmStatistics::binary(issued, won, returned - won).unwrap()
            };
            let (first, second) = (arm(), arm());
            let total = first.issued() + second.issued() + rng.random_range(0..=4 * size);
            let clock = index.clock(total, 2);
            let compare = |clock| {
                index
                    .value(first, clock)
                    .partial_cmp(&index.value(second, clock))
                    .expect("an index is not NaN")
            };
            let now = compare(clock);
            let (ahead, behind) = if now.is_lt() { (second, first) } else { (first, second) };
            let until = index.holds_until(ahead, behind, clock);
            let latest = index.clock(u64::MAX, 2);
            for part in [0.0, 1e-9, 0.1, 0.5, 0.999_999, 1.0] {
                let later = clock + part * (until.min(latest) - clock);
                if later <= until && later > clock {
                    looked_ahead += 1;
                    assert_eq!(compare(later), now, "{first:?} and {second:?} at {clock}, then {later}");
                }
            }
        }
        assert!(looked_ahead > 100_000, "only {looked_ahead}");
    }
}
