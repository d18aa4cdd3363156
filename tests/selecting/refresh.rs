//! When plans are computed: as often as the cadence says, by whom it says, and again after a policy has failed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use tactful::bandit::CacheUse;
use tactful::policy::{Observes, Policy, Probabilities, Thompson, View};
use tactful::{ArmSpace, Bandit, BanditBuilder, Cadence, Refresh, Reward, SegmentId, Segments};

const EVERYONE: SegmentId = SegmentId::new(0);

/// Thompson sampling that counts how often it is asked, and panics at one of the calls.
#[derive(Debug)]
struct Counted {
    calls: Arc<AtomicU64>,
    panics_at: u64,
    observes: Observes,
}

impl Policy for Counted {
    fn name(&self) -> String {
        "counted".to_owned()
    }

    fn observes(&self) -> Observes {
        self.observes
    }

    fn probabilities(&self, view: &View<'_>) -> Probabilities {
        assert!(self.calls.fetch_add(1, Ordering::Relaxed) != self.panics_at, "as told");
        Thompson::default().probabilities(view)
    }
}

fn counted(panics_at: u64, observes: Observes) -> (BanditBuilder, Arc<AtomicU64>) {
    let arms = ArmSpace::builder().dimension("arm", (0..40).map(|arm| arm.to_string())).build().unwrap();
    let calls = Arc::new(AtomicU64::new(0));
    let policy = Counted { calls: Arc::clone(&calls), panics_at, observes };
    (Bandit::builder(arms, Segments::single()).policy(policy), calls)
}

fn round(bandit: &Bandit, rng: &mut Xoshiro256PlusPlus) {
    let decision = bandit.select(EVERYONE, &bandit.arms().all(), rng).unwrap();
    bandit.reward(&decision, Reward::from(rng.random_bool(0.1))).unwrap();
}

#[test]
fn a_run_of_n_outcomes_makes_a_number_of_plans_that_grows_with_its_logarithm() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    for (observes, growth) in
        [(Observes::Outcomes, 0.01), (Observes::Outcomes, 0.1), (Observes::Selections, 0.05)]
    {
        let (builder, calls) = counted(u64::MAX, observes);
        let bandit = builder.cadence(Cadence::growth(growth).unwrap()).build().unwrap();
        (0..20_000).for_each(|_| round(&bandit, &mut rng));
        // One at each of the first 1/g events, then each time n has grown by the factor 1 + g.
        let events = if observes == Observes::Selections { 40_000.0 } else { 20_000.0 };
        let expected = 1.0 / growth + (events * growth).ln() / growth.ln_1p();
        let calls = calls.load(Ordering::Relaxed) as f64;
        assert!((0.8..1.2).contains(&(calls / expected)), "{calls} plans, about {expected} expected");
    }
}

#[test]
fn every_so_many_events_or_never() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(2);
    for (observes, every, expected) in
        [(Observes::Outcomes, 1, 501), (Observes::Outcomes, 7, 72), (Observes::Nothing, 1, 1)]
    {
        let (builder, calls) = counted(u64::MAX, observes);
        let bandit = builder.cadence(Cadence::every(every)).build().unwrap();
        (0..500).for_each(|_| round(&bandit, &mut rng));
        assert_eq!(calls.load(Ordering::Relaxed), expected);
    }
}

#[test]
fn by_hand_only_when_asked() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
    let (builder, calls) = counted(u64::MAX, Observes::Outcomes);
    let bandit = builder.refresh(Refresh::Manual).build().unwrap();
    (0..500).for_each(|_| round(&bandit, &mut rng));
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    assert_eq!((bandit.refresh(), bandit.refresh()), (1, 0));
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[test]
fn no_panic_of_a_policy_keeps_later_events_from_a_refresh() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(4);
    let (builder, calls) = counted(3, Observes::Outcomes);
    let bandit = builder.cadence(Cadence::EVERY_EVENT).build().unwrap();
    let failed =
        (0..20).filter(|_| catch_unwind(AssertUnwindSafe(|| round(&bandit, &mut rng))).is_err()).count();
    assert_eq!(failed, 1);
    // The reward whose refresh failed counts like the others, and is known to the plan after it.
    let counted: u64 = bandit.arms().iter().map(|arm| bandit.statistics(EVERYONE, arm.id()).returned()).sum();
    assert_eq!((counted, calls.load(Ordering::Relaxed)), (20, 21));
}

#[test]
fn two_dozen_sets_in_turn_are_each_computed_once() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
    let (builder, calls) = counted(u64::MAX, Observes::Outcomes);
    let bandit = builder.refresh(Refresh::Manual).build().unwrap();
    let sets: Vec<_> = (0..24).map(|out| bandit.arms().eligible(|arm| arm.id().index() != out)).collect();
    let mut selector = bandit.selector(Xoshiro256PlusPlus::seed_from_u64(6));
    for _ in 0..100 {
        for set in &sets {
            bandit.select(EVERYONE, set, &mut rng).unwrap();
            selector.select(EVERYONE, set).unwrap();
        }
    }
    assert_eq!(calls.load(Ordering::Relaxed), 24);
    assert_eq!(selector.cache_use(), CacheUse { hits: 2_376, misses: 24 });

    // And each is replaced, wherever it lies.
    let decision = bandit.select(EVERYONE, &sets[0], &mut rng).unwrap();
    bandit.reward(&decision, Reward::SUCCESS).unwrap();
    assert_eq!((bandit.refresh(), calls.load(Ordering::Relaxed)), (24, 48));
}

/// Two threads ask for a set's first plan at once: neither can finish before the other has begun.
#[derive(Debug)]
struct Together(std::sync::Barrier, AtomicU64);

impl Policy for Together {
    fn name(&self) -> String {
        "together".to_owned()
    }

    fn observes(&self) -> Observes {
        Observes::Outcomes
    }

    fn probabilities(&self, _: &View<'_>) -> Probabilities {
        if self.1.fetch_add(1, Ordering::Relaxed) < 2 {
            self.0.wait();
        }
        Probabilities::uniform()
    }
}

#[test]
fn of_two_first_plans_made_at_once_one_is_computed_again() {
    let arms = ArmSpace::builder().dimension("arm", ["0", "1"]).build().unwrap();
    let policy = Together(std::sync::Barrier::new(2), AtomicU64::new(0));
    let builder = Bandit::builder(arms, Segments::single()).policy(policy).incarnation(1);
    let bandit = builder.refresh(Refresh::Manual).cadence(Cadence::EVERY_EVENT).build().unwrap();
    let (segment, all) = (SegmentId::new(0), bandit.arms().all());
    let select = |seed| bandit.select(segment, &all, &mut Xoshiro256PlusPlus::seed_from_u64(seed)).unwrap();
    let decision = std::thread::scope(|scope| {
        scope.spawn(|| select(1));
        select(2)
    });
    assert_eq!(bandit.plan_misses(segment), 2);
    bandit.reward(&decision, Reward::SUCCESS).unwrap();
    assert_eq!(bandit.refresh(), 1);
}
