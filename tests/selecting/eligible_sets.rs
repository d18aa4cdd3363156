//! Plans of many eligible sets: a smaller set's plan is taken from a larger one's where that is as good, and computed
//! where it is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use tactful::policy::{Observes, Policy, Probabilities, Thompson, View};
use tactful::{ArmSpace, Bandit, Cadence, Eligibility, Plan, Refresh, Reward, SegmentId, Segments};

const EVERYONE: SegmentId = SegmentId::new(0);

/// Thompson sampling that counts how often it is asked, and admits or denies that it is regular.
#[derive(Debug)]
struct Counted {
    calls: Arc<AtomicU64>,
    regular: bool,
}

impl Policy for Counted {
    fn name(&self) -> String {
        "counted".to_owned()
    }

    fn observes(&self) -> Observes {
        Observes::Outcomes
    }

    fn probabilities(&self, view: &View<'_>) -> Probabilities {
        self.calls.fetch_add(1, Ordering::Relaxed);
        Thompson::default().probabilities(view)
    }

    fn is_regular(&self) -> bool {
        self.regular
    }
}

/// A bandit that knows these successes and failures, given to it as a snapshot, and how often its policy is asked.
fn bandit(counts: &[(u64, u64)], regular: bool, exploration: f64) -> (Bandit, Arc<AtomicU64>) {
    let names = (0..counts.len()).map(|arm| arm.to_string());
    let space = ArmSpace::builder().dimension("arm", names).build().unwrap();
    let calls = Arc::new(AtomicU64::new(0));
    let build = |incarnation| {
        let builder = Bandit::builder(space.clone(), Segments::single()).incarnation(incarnation);
        let builder = builder.policy(Counted { calls: Arc::clone(&calls), regular });
        builder
            .refresh(Refresh::Manual)
            .exploration(exploration)
            .cadence(Cadence::EVERY_EVENT)
            .build()
            .unwrap()
    };
    let mut snapshot = serde_json::to_value(build(1).snapshot()).unwrap();
    let cells =
        counts.iter().enumerate().filter(|(_, (won, lost))| won + lost > 0).map(|(arm, (won, lost))| {
            let (returned, sum) = (won + lost, won << 24);
            let cell =
                serde_json::json!({"issued": returned, "returned": returned, "sum": sum, "squares": sum});
            serde_json::json!([0, arm, cell])
        });
    snapshot["generations"][0]["cells"] = cells.collect();
    let mut bandit = build(2);
    bandit.restore(&serde_json::from_value(snapshot).unwrap()).unwrap();
    (bandit, calls)
}

/// Half of the sum of differences, exploration included.
fn total_variation(first: &Plan, second: &Plan) -> f64 {
    let arms = first.eligible().iter();
    0.5 * arms.map(|arm| (first.propensity(arm) - second.propensity(arm)).abs()).sum::<f64>()
}

/// Five arms that pay in a tenth of cases, and many that hardly ever do.
fn leaders_and_others(arms: usize) -> Vec<(u64, u64)> {
    (0..arms).map(|arm| if arm % 60 == 7 { (100 + arm as u64 % 7, 900) } else { (4, 996) }).collect()
}

#[test]
fn a_set_with_the_leaders_needs_no_computation_and_one_without_does() {
    let counts = leaders_and_others(300);
    let ((bandit, calls), (reference, _)) = (bandit(&counts, true, 0.01), bandit(&counts, false, 0.01));
    let calls = || calls.load(Ordering::Relaxed);
    let plan = |bandit: &Bandit, set: &Eligibility| bandit.plan(EVERYONE, set).unwrap();
    let few = bandit.arms().eligible(|arm| arm.id().index() % 3 == 1);
    assert!(total_variation(&plan(&bandit, &few), &plan(&reference, &few)) < 1e-12);
    assert_eq!(calls(), 1, "no larger set has a plan");

    plan(&bandit, &bandit.arms().all());
    assert_eq!(calls(), 2);
    let without_some = bandit.arms().eligible(|arm| arm.id().index() % 60 == 7 || arm.id().index() % 5 > 1);
    let restricted = plan(&bandit, &without_some);
    assert_eq!(calls(), 2, "taken from the plan of all arms");
    let computed = plan(&reference, &without_some);
    assert!(total_variation(&restricted, &computed) < 2e-7);
    let sum: f64 = restricted.columns().flat_map(|column| column.parts).map(|(_, share)| share).sum();
    assert!(sum.to_bits() == 1.0_f64.to_bits());

    let without_leaders = bandit.arms().eligible(|arm| arm.id().index() % 60 != 7);
    let computed = plan(&reference, &without_leaders);
    assert!(total_variation(&plan(&bandit, &without_leaders), &computed) < 1e-12);
    let without_a_leader = bandit.arms().eligible(|arm| arm.id().index() != 67);
    plan(&bandit, &without_a_leader);
    assert_eq!(calls(), 4, "both computed");
    // What is itself a restriction is nothing to take another from: that comes from the plan of all arms too.
    let fewer = &without_some - &bandit.arms().eligible(|arm| arm.id().index() == 4);
    assert!(total_variation(&plan(&bandit, &fewer), &plan(&reference, &fewer)) < 2e-7);
    assert_eq!(calls(), 4);
}

#[test]
fn nothing_is_taken_from_a_plan_that_is_due_or_knows_of_no_differences() {
    let (cold, calls) = bandit(&[(0, 0); 40], true, 0.0);
    cold.plan(EVERYONE, &cold.arms().all()).unwrap();
    let odd = cold.arms().eligible(|arm| arm.id().index() % 2 == 1 || arm.id().index() == 0);
    let plan = cold.plan(EVERYONE, &odd).unwrap();
    assert!(odd.iter().all(|arm| (plan.propensity(arm) - 1.0 / 21.0).abs() < 1e-12));
    assert_eq!(calls.load(Ordering::Relaxed), 2);

    let (bandit, calls) = bandit(&leaders_and_others(120), true, 0.0);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let decision = bandit.select(EVERYONE, &bandit.arms().all(), &mut rng).unwrap();
    bandit.reward(&decision, Reward::SUCCESS).unwrap();
    let some = bandit.arms().eligible(|arm| arm.id().index() != 3);
    bandit.plan(EVERYONE, &some).unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), 2, "the plan of all arms is due");
    // A refresh computes the larger set's plan and takes the smaller one's from it.
    assert_eq!(bandit.refresh(), 1);
    bandit.select(EVERYONE, &bandit.arms().all(), &mut rng).unwrap();
    bandit.select(EVERYONE, &some, &mut rng).unwrap();
    let decision = bandit.select(EVERYONE, &some, &mut rng).unwrap();
    bandit.reward(&decision, Reward::SUCCESS).unwrap();
    let before = calls.load(Ordering::Relaxed);
    assert_eq!((bandit.refresh(), calls.load(Ordering::Relaxed)), (2, before + 1));
}

#[test]
fn any_restriction_is_as_good_as_a_computation() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(12);
    let (mut restricted, mut computed, mut close) = (0, 0, 0);
    for _ in 0..400 {
        let arms = rng.random_range(2..60);
        let pulls = rng.random_range(20..400);
        let counts: Vec<(u64, u64)> = (0..arms)
            .map(|_| {
                let won = rng.random_range(0..=pulls / 2);
                (won, pulls - won)
            })
            .collect();
        let (reference, _) = bandit(&counts, false, 0.0);
        for _ in 0..4 {
            // Anew each time, so that the plan of all arms is the only one to take others from.
            let (bandit, calls) = bandit(&counts, true, 0.0);
            let full = bandit.plan(EVERYONE, &bandit.arms().all()).unwrap();
            // Those who had less than some probability stay away, with some luck.
            let least = 10_f64.powf(rng.random_range(-12.0..-3.0));
            let mut stays = |share: f64| share > least || rng.random_bool(0.5);
            let set = bandit.arms().eligible(|arm| stays(full.propensity(arm.id())));
            let gone: f64 = (bandit.arms().all() - &set).iter().map(|arm| full.propensity(arm)).sum();
            if set.is_empty() || set.is_all() {
                continue;
            }
            let before = calls.load(Ordering::Relaxed);
            let error = total_variation(
                &bandit.plan(EVERYONE, &set).unwrap(),
                &reference.plan(EVERYONE, &set).unwrap(),
            );
            assert!(error <= 2e-7, "{error} for {counts:?}, without {gone}");
            let was_computed = calls.load(Ordering::Relaxed) > before;
            assert!(was_computed || gone <= 1e-7);
            restricted += u32::from(!was_computed);
            computed += u32::from(was_computed);
            close += u32::from(!was_computed && gone > 1e-9);
        }
    }
    assert!(restricted > 200 && computed > 200 && close > 20, "{restricted}, {computed}, {close}");
}

#[test]
fn misses_tell_when_sets_outnumber_the_places() {
    let (bandit, _) = bandit(&leaders_and_others(120), true, 0.01);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let sets: Vec<_> = (0..100).map(|out| bandit.arms().eligible(|arm| arm.id().index() != out)).collect();
    let misses = |sets: &[Eligibility], rng: &mut Xoshiro256PlusPlus| {
        let before = bandit.plan_misses(EVERYONE);
        for _ in 0..10 {
            sets.iter().for_each(|set| _ = bandit.select(EVERYONE, set, rng).unwrap());
        }
        bandit.plan_misses(EVERYONE) - before
    };
    assert_eq!(misses(&sets[..12], &mut rng), 12, "a miss for each set, then hits");
    assert_eq!(misses(&sets[..12], &mut rng), 0);
    let many = misses(&sets, &mut rng);
    assert!((300..1_000).contains(&many), "{many} misses of 1,000 selections for 100 sets in turn");
}
