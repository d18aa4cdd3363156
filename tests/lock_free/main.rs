//! Lock-free: a thread parked before any one of its atomic operations keeps no other from selecting or rewarding.
//!
//! Run by `RUSTFLAGS="--cfg pause" cargo test --release --no-default-features --features journal --test lock_free`. In
//! that build every
//! atomic operation, every read or filling of a set-once slot and every load or store of a published plan is a point
//! where a thread can be parked (inside the latter two the crates arc-swap and once_cell answer for themselves). Each
//! scenario is run once per operation of the parked thread. While it is parked, another thread does a fixed amount of
//! work in its way and must finish; the time it may take is only there to turn a hang into a failure.

#![cfg(pause)]

mod features;
mod late;

use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use tactful::belief::Beta;
use tactful::pausing::Gate;
use tactful::policy::{EpsilonGreedy, Policy, Thompson, Ucb1, View};
use tactful::time::Window;
use tactful::{
    ArmId, ArmSpace, Bandit, Cadence, Decision, Eligibility, Plan, Refresh, Reward, RewardKind, RewardRule,
    SegmentId, Segments, Stage,
};

/// Far more than the work takes on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Two segments, four arms, a plan due at every event.
fn bandit(policy: impl Policy + 'static, kind: RewardKind, refresh: Refresh) -> Bandit {
    let arms = ArmSpace::builder().dimension("template", ["a", "b", "c", "d"]).build().unwrap();
    let segments = Segments::builder().attribute("stage", ["early", "late"]).build().unwrap();
    let builder = Bandit::builder(arms, segments).policy(policy).reward(kind).cadence(Cadence::EVERY_EVENT);
    builder.refresh(refresh).incarnation(1).build().unwrap()
}

fn thompson() -> Bandit {
    bandit(Thompson::default(), RewardKind::Binary, Refresh::Inline)
}

const REAL: RewardKind = RewardKind::Real { minimum: 0.0, maximum: 8.0 };

fn segment(index: u32) -> SegmentId {
    SegmentId::new(index)
}

fn without_first(bandit: &Bandit) -> Eligibility {
    bandit.arms().eligible(|arm| arm.level("template") != "a")
}

fn select(bandit: &Bandit, number: u32, eligible: &Eligibility, rng: &mut Xoshiro256PlusPlus) -> Decision {
    bandit.select(segment(number), eligible, rng).unwrap()
}

/// One selection and its reward.
fn play(bandit: &Bandit, eligible: &Eligibility, rng: &mut Xoshiro256PlusPlus) {
    let decision = select(bandit, 0, eligible, rng);
    succeed(bandit, &decision);
}

/// The reward of a decision, whole or the first of several stages.
fn succeed(bandit: &Bandit, decision: &Decision) {
    match bandit.reward_rule() {
        None => bandit.reward(decision, Reward::SUCCESS).unwrap(),
        Some(_) => bandit.observe(decision, Stage::Promised).unwrap(),
    }
}

/// Selections and rewards that the other thread makes while the first one is parked: in the same segment for all
/// sets, so that it meets every cell, page, place and plan of the parked thread, makes refreshes due, and touches
/// what nobody has touched yet.
fn in_its_way(bandit: &Bandit) {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(2);
    let last = bandit.arms().eligible(|arm| arm.level("template") == "d");
    let sets = [bandit.arms().all(), without_first(bandit), last];
    for _ in 0..6 {
        for set in &sets {
            play(bandit, set, &mut rng);
        }
    }
    let late = select(bandit, 1, &sets[0], &mut rng);
    succeed(bandit, &late);
}

/// How many decisions and rewards that is.
const IN_ITS_WAY: u64 = 3 * 6 + 1;

/// (decisions, rewards) over all cells.
fn totals(bandit: &Bandit) -> (u64, u64) {
    let cells =
        bandit.segments().iter().flat_map(|s| bandit.arms().iter().map(move |arm| (s.id(), arm.id())));
    let statistics = cells.map(|(segment, arm)| bandit.statistics(segment, arm));
    statistics.fold((0, 0), |(issued, returned), cell| (issued + cell.issued(), returned + cell.returned()))
}

/// What became of the other thread.
#[derive(Debug, PartialEq)]
enum Other {
    NeverParked,
    Finished,
    Held,
}

/// Parks a thread before the n-th operation of `work` and lets another do `other` meanwhile.
fn park<T: Sync>(
    shared: &T,
    operation: u64,
    work: impl FnOnce(&T) + Send,
    other: impl FnOnce(&T) + Send,
    patience: Duration,
) -> Other {
    let gate = Gate::default();
    let (finished, outcome) = mpsc::channel();
    thread::scope(|scope| {
        let parked = scope.spawn(|| gate.run(operation, || work(shared)));
        if !gate.await_parked() {
            parked.join().expect("the unparked thread ends well");
            return Other::NeverParked;
        }
        let busy = scope.spawn(move || {
            other(shared);
            // Nobody listens any more when patience ran out.
            let _ = finished.send(());
        });
        let outcome = outcome.recv_timeout(patience);
        // First of all let everybody go, so that a failure is reported and does not hang.
        gate.open();
        parked.join().expect("the parked thread ends well");
        let busy = busy.join();
        match outcome {
            Ok(()) => Other::Finished,
            Err(RecvTimeoutError::Timeout) => Other::Held,
            Err(RecvTimeoutError::Disconnected) => panic!("the other thread panicked: {:?}", busy.is_err()),
        }
    })
}

/// Runs a scenario for every operation: `work` gets what `prepare` left and says how many (decisions, rewards) it
/// added to those of before. Returns the number of operations.
fn every_operation<P: Send + Sync>(
    make: impl Fn() -> Bandit,
    prepare: impl Fn(&Bandit) -> P,
    work: impl Fn(&Bandit, &P) + Sync,
    adds: (u64, u64),
) -> u64 {
    for operation in 0.. {
        let bandit = make();
        let prepared = prepare(&bandit);
        let before = totals(&bandit);
        let other = park(&bandit, operation, |bandit| work(bandit, &prepared), in_its_way, PATIENCE);
        if other == Other::NeverParked {
            assert_eq!(totals(&bandit), (before.0 + adds.0, before.1 + adds.1));
            return operation;
        }
        assert_eq!(other, Other::Finished, "held up by a thread parked before its operation {operation}");
        let expected = (before.0 + adds.0 + IN_ITS_WAY, before.1 + adds.1 + IN_ITS_WAY);
        assert_eq!(totals(&bandit), expected, "parked before operation {operation}");
        // The one event more makes every plan due that the parked thread might have left behind.
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
        let all = bandit.arms().all();
        play(&bandit, &all, &mut rng);
        bandit.refresh();
        let plan = bandit.plan(segment(0), &all).unwrap();
        let sum: f64 = plan.columns().flat_map(|column| column.parts).map(|(_, share)| share).sum();
        assert!(sum.to_bits() == 1.0_f64.to_bits());
        if bandit.policy().as_index().is_some() {
            assert_eq!(leaders(&bandit, &plan), expected_leaders(&bandit), "parked before {operation}");
        }
    }
    unreachable!("some operation is the last")
}

/// The arms that a plan prefers.
fn leaders(bandit: &Bandit, plan: &Plan) -> Vec<ArmId> {
    let preferred = |&arm: &ArmId| plan.propensity(arm) > 1.5 * plan.even_share();
    bandit.arms().all().iter().filter(preferred).collect()
}

/// The arms that a loop over all arms of the first segment finds to be best.
fn expected_leaders(bandit: &Bandit) -> Vec<ArmId> {
    let arms: Vec<ArmId> = bandit.arms().all().iter().collect();
    let statistics: Vec<_> = arms.iter().map(|&arm| bandit.statistics(segment(0), arm)).collect();
    let posteriors = vec![Beta::UNIFORM; arms.len()];
    let probabilities = bandit.policy().probabilities(&View::new(&arms, &posteriors, &statistics));
    probabilities.contenders.iter().map(|&(position, _)| arms[position as usize]).collect()
}

fn rng() -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(1)
}

#[test]
fn lock_free_first_selection_of_all() {
    let operations = every_operation(
        thompson,
        |_| (),
        |bandit, ()| _ = select(bandit, 0, &bandit.arms().all(), &mut rng()),
        (1, 0),
    );
    // The plan's place, its publication, the number, the page on three levels, the count.
    assert!(operations >= 12, "only {operations} operations seen");
}

#[test]
fn lock_free_selection_from_a_plan_in_place() {
    let warm = |bandit: &Bandit| play(bandit, &bandit.arms().all(), &mut rng());
    let work = |bandit: &Bandit, (): &()| _ = select(bandit, 0, &bandit.arms().all(), &mut rng());
    let operations = every_operation(thompson, warm, work, (1, 0));
    assert!(operations >= 5, "only {operations} operations seen");
}

#[test]
fn lock_free_selection_for_a_second_set() {
    let warm = |bandit: &Bandit| play(bandit, &bandit.arms().all(), &mut rng());
    let work = |bandit: &Bandit, (): &()| _ = select(bandit, 0, &without_first(bandit), &mut rng());
    let operations = every_operation(thompson, warm, work, (1, 0));
    assert!(operations >= 8, "only {operations} operations seen");
}

#[test]
fn lock_free_reward_that_refreshes() {
    let decide = |bandit: &Bandit| select(bandit, 0, &bandit.arms().all(), &mut rng());
    let work = |bandit: &Bandit, decision: &Decision| bandit.reward(decision, Reward::FAILURE).unwrap();
    let operations = every_operation(thompson, decide, work, (0, 1));
    // The claim's pages, the outcome, the event, the turn, each place, the mark.
    assert!(operations >= 30, "only {operations} operations seen");
}

#[test]
fn lock_free_selection_that_refreshes() {
    let make = || bandit(Ucb1::default(), RewardKind::Binary, Refresh::Inline);
    let warm = |bandit: &Bandit| play(bandit, &bandit.arms().all(), &mut rng());
    let work = |bandit: &Bandit, (): &()| play(bandit, &bandit.arms().all(), &mut rng());
    let operations = every_operation(make, warm, work, (1, 1));
    assert!(operations >= 50, "only {operations} operations seen");
}

#[test]
fn lock_free_first_selection_of_an_index_policy() {
    let make = || bandit(Ucb1::default(), RewardKind::Binary, Refresh::Inline);
    let work = |bandit: &Bandit, (): &()| _ = select(bandit, 0, &bandit.arms().all(), &mut rng());
    let operations = every_operation(make, |_| (), work, (1, 0));
    // The standings taken and put back, twice, besides what every first selection does.
    assert!(operations >= 30, "only {operations} operations seen");
}

#[test]
fn lock_free_standings_of_several_sets() {
    let make = || bandit(EpsilonGreedy::default(), RewardKind::Binary, Refresh::Inline);
    let warm = |bandit: &Bandit| {
        play(bandit, &bandit.arms().all(), &mut rng());
        select(bandit, 0, &without_first(bandit), &mut rng())
    };
    let work = |bandit: &Bandit, decision: &Decision| {
        bandit.reward(decision, Reward::SUCCESS).unwrap();
        play(bandit, &without_first(bandit), &mut rng());
    };
    let operations = every_operation(make, warm, work, (1, 2));
    assert!(operations >= 60, "only {operations} operations seen");
}

#[test]
fn lock_free_selections_by_a_handle() {
    let warm = |bandit: &Bandit| play(bandit, &bandit.arms().all(), &mut rng());
    let work = |bandit: &Bandit, (): &()| {
        let (all, some) = (bandit.arms().all(), without_first(bandit));
        let mut selector = bandit.selector(rng());
        // A plan in place, one to be made, one that is at hand, and one that a refresh has made old.
        for set in [&all, &some, &all] {
            selector.select(segment(0), set).unwrap();
        }
        let decision = selector.select(segment(0), &some).unwrap();
        bandit.reward(&decision, Reward::SUCCESS).unwrap();
        selector.select(segment(0), &all).unwrap();
    };
    let operations = every_operation(thompson, warm, work, (5, 1));
    assert!(operations >= 60, "only {operations} operations seen");
}

#[test]
fn lock_free_real_rewards() {
    let make = || bandit(Thompson::default(), REAL, Refresh::Inline);
    let decide = |bandit: &Bandit| select(bandit, 0, &bandit.arms().all(), &mut rng());
    let work = |bandit: &Bandit, decision: &Decision| bandit.reward(decision, Reward::new(2.5)).unwrap();
    let operations = every_operation(make, decide, work, (0, 1));
    assert!(operations >= 30, "only {operations} operations seen");
}

/// A bandit with a window of a day, whose rewards come in stages.
fn staged() -> Bandit {
    let day = Duration::from_secs(86_400);
    let rule = RewardRule::builder(0.0, 1.0).weight(Stage::Promised, 0.5).weight(Stage::Opened, 0.25);
    let arms = ArmSpace::builder().dimension("template", ["a", "b", "c", "d"]).build().unwrap();
    let segments = Segments::builder().attribute("stage", ["early", "late"]).build().unwrap();
    let builder = Bandit::builder(arms, segments).window(Window::new(day, day).unwrap());
    builder.stages(rule.build().unwrap()).cadence(Cadence::EVERY_EVENT).incarnation(1).build().unwrap()
}

#[test]
fn lock_free_first_outcome() {
    let decide = |bandit: &Bandit| select(bandit, 0, &bandit.arms().all(), &mut rng());
    let work = |bandit: &Bandit, decision: &Decision| bandit.observe(decision, Stage::Opened).unwrap();
    let operations = every_operation(staged, decide, work, (0, 1));
    // The gate, the word's pages, the word, the return, two sums, the end, and a refresh.
    assert!(operations >= 40, "only {operations} operations seen");
}

#[test]
fn lock_free_further_outcome() {
    let opened = |bandit: &Bandit| {
        let decision = select(bandit, 0, &bandit.arms().all(), &mut rng());
        bandit.observe(&decision, Stage::Opened).unwrap();
        decision
    };
    let operations = every_operation(staged, opened, succeed, (0, 0));
    assert!(operations >= 30, "only {operations} operations seen");
}

#[test]
fn lock_free_refresh_by_the_host() {
    let make = || bandit(Thompson::default(), RewardKind::Binary, Refresh::Manual);
    let warm = |bandit: &Bandit| play(bandit, &bandit.arms().all(), &mut rng());
    let operations = every_operation(make, warm, |bandit, ()| _ = bandit.refresh(), (0, 0));
    assert!(operations >= 20, "only {operations} operations seen");
}

#[test]
fn lock_free_snapshot() {
    let warm = |bandit: &Bandit| play(bandit, &bandit.arms().all(), &mut rng());
    let work = |bandit: &Bandit, (): &()| {
        let mut fresh = thompson_of_life(2);
        fresh.restore(&bandit.snapshot()).unwrap();
    };
    let operations = every_operation(thompson, warm, work, (0, 0));
    assert!(operations >= 15, "only {operations} operations seen");
}

fn thompson_of_life(incarnation: u64) -> Bandit {
    let like = thompson();
    Bandit::builder(like.arms().clone(), like.segments().clone()).incarnation(incarnation).build().unwrap()
}

#[test]
fn lock_free_two_parked_threads_hold_up_no_third() {
    // One parked inside a refresh, one inside a first selection for another set.
    let bandit = thompson();
    let decision = select(&bandit, 0, &bandit.arms().all(), &mut rng());
    let outer = park(
        &bandit,
        14,
        |bandit| bandit.reward(&decision, Reward::SUCCESS).unwrap(),
        |bandit| {
            let select_late = |bandit: &Bandit| _ = select(bandit, 0, &without_first(bandit), &mut rng());
            assert_eq!(park(bandit, 3, select_late, in_its_way, PATIENCE), Other::Finished);
        },
        2 * PATIENCE,
    );
    assert_eq!(outer, Other::Finished);
    assert_eq!(totals(&bandit), (2 + IN_ITS_WAY, 1 + IN_ITS_WAY));
}

#[cfg(feature = "journal")]
mod recording {
    use std::io::{self, Read};

    use tactful::Timestamp;
    use tactful::journal::{DurableJournal, Growing, JournalSettings, Recovery, Storage};

    use super::*;

    /// A disk without memory.
    #[derive(Debug)]
    struct Nowhere;

    impl Storage for Nowhere {
        fn list(&self) -> io::Result<Vec<String>> {
            Ok(Vec::new())
        }
        fn read(&self, _: &str) -> io::Result<Box<dyn Read>> {
            Err(io::ErrorKind::NotFound.into())
        }
        fn create(&self, _: &str) -> io::Result<Box<dyn Growing>> {
            Ok(Box::new(Self))
        }
        fn rename(&self, _: &str, _: &str) -> io::Result<()> {
            Ok(())
        }
        fn remove(&self, _: &str) -> io::Result<()> {
            Ok(())
        }
        fn sync_directory(&self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Growing for Nowhere {
        fn append(&mut self, _: &[u8]) -> io::Result<()> {
            Ok(())
        }
        fn sync(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Records two decisions of two sets and an outcome, one place given back between, and flushes: with so small files
    /// that every flush begins one.
    fn record(journal: &DurableJournal, (sets, decisions): &([Eligibility; 2], [Decision; 2])) {
        let now = Timestamp::default();
        for (set, decision) in sets.iter().zip(decisions) {
            journal.reserve().unwrap().decision(now, decision, set).unwrap();
            drop(journal.reserve().unwrap());
        }
        journal.reserve().unwrap().outcome(now, &decisions[0], Reward::SUCCESS).unwrap();
        journal.flush(now).unwrap();
    }

    #[test]
    fn lock_free_recording_and_flushing() {
        let bandit = thompson();
        let sets = [bandit.arms().all(), without_first(&bandit)];
        let decisions = [0, 1].map(|set| select(&bandit, 0, &sets[set], &mut rng()));
        let drawn = (sets, decisions);
        for operation in 0.. {
            let (arms, segments) = (bandit.arms().clone(), bandit.segments().clone());
            let recovery = Recovery::begin(Nowhere).unwrap();
            // Room for what both threads record, also if nothing can be flushed meanwhile.
            let settings = JournalSettings::new().queue(16).file_bytes(100);
            let journal = recovery.start(arms, segments, bandit.reward_kind(), settings).unwrap();
            let both = |journal: &DurableJournal| record(journal, &drawn);
            let other = park(&journal, operation, both, both, PATIENCE);
            let now = Timestamp::default();
            let last = journal.reserve().unwrap().cancel(now, &drawn.1[0]);
            assert!(journal.flush(now).unwrap().covers(last), "parked before operation {operation}");
            if other == Other::NeverParked {
                // Eight for each of five places, and the flush's own.
                assert!(operation >= 60, "only {operation} operations seen");
                return;
            }
            assert_eq!(other, Other::Finished, "held up by a thread parked before its operation {operation}");
        }
    }
}

#[test]
fn lock_free_instrument_detects_a_lock() {
    // A bandit behind a mutex: parked anywhere inside, a thread holds everybody up. The patience is short, because
    // here running out of it is what must happen, however fast the machine.
    let locked = Mutex::new(thompson());
    let play = |locked: &Mutex<Bandit>| {
        let bandit = locked.lock().unwrap_or_else(PoisonError::into_inner);
        play(&bandit, &bandit.arms().all(), &mut rng());
    };
    for operation in [0, 7, 20] {
        assert_eq!(park(&locked, operation, play, play, Duration::from_millis(200)), Other::Held);
    }
}

#[test]
fn lock_free_instrument_detects_a_wait_for_the_refresher() {
    // A policy that takes a lock makes the refresher wait inside a plan's computation.
    #[derive(Debug)]
    struct Locking(Mutex<Bandit>);
    impl Policy for Locking {
        fn name(&self) -> String {
            "locking".to_owned()
        }
        fn observes(&self) -> tactful::policy::Observes {
            tactful::policy::Observes::Outcomes
        }
        fn probabilities(&self, _: &tactful::policy::View<'_>) -> tactful::policy::Probabilities {
            let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            play(&inner, &inner.arms().all(), &mut rng());
            tactful::policy::Probabilities::uniform()
        }
    }
    let first = |bandit: &Bandit| _ = select(bandit, 0, &bandit.arms().all(), &mut rng());
    let second = |bandit: &Bandit| _ = select(bandit, 0, &without_first(bandit), &mut rng());
    let held = (0..100).any(|operation| {
        let outer = bandit(Locking(Mutex::new(thompson())), RewardKind::Binary, Refresh::Inline);
        park(&outer, operation, first, second, Duration::from_millis(100)) == Other::Held
    });
    assert!(held, "no operation inside the policy's lock was found");
}
