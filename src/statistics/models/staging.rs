//! Every interleaving of outcomes in stages: two of one decision at once, and one while the cohort closes.

use crate::arm::ArmSpace;
use crate::reward::{Contribution, Joined, Outcome, RewardRule, Stage, StagedReward};
use crate::statistics::pending::PendingCells;
use crate::statistics::{ArmStatistics, Cohort, Defaults, Refused, Unjoined, Unobserved};
use crate::sync::{Arc, AtomicU64, Ordering};

use super::{ARM, SEGMENT, explore, quantity, race};

/// From −1 to 1, where arms start from a half of the range; the one is worth a quarter of it, the other takes an eighth.
fn rule() -> RewardRule {
    let rule = RewardRule::builder(-1.0, 1.0).weight(Stage::Promised, 0.5).penalty(Stage::Complained, 0.25);
    rule.build().expect("a rule")
}

fn contribution(stage: Stage) -> Contribution {
    rule().contribution(&Outcome::new(stage), 0).expect("an outcome")
}

/// A cohort with one decision, and its cells.
#[derive(Debug)]
struct Staged {
    cohort: Cohort,
    cells: PendingCells,
    sequence: u64,
}

impl Staged {
    fn new() -> Arc<Self> {
        let arms = ArmSpace::builder().dimension("arm", ["a", "b"]).build().expect("two arms");
        let baselines = rule().baselines(&arms).expect("no costs");
        let defaults = Defaults::ByArm(baselines.into());
        let cells = PendingCells::new(rule().kind(), defaults, 1, 2);
        let cohort = Cohort::new();
        let sequence = cohort.number().expect("far from full");
        cells.issue(SEGMENT, ARM).expect("open");
        Arc::new(Self { cohort, cells, sequence })
    }

    fn observe(&self, stage: Stage) -> Result<(bool, Joined), Unobserved> {
        self.cells.observe((SEGMENT, ARM), &self.cohort, self.sequence, contribution(stage))
    }

    fn read(&self) -> ArmStatistics {
        self.cells.read(SEGMENT, ARM)
    }
}

/// One decision with this total.
fn one(total: f64) -> ArmStatistics {
    let total = quantity(total);
    ArmStatistics::from_parts(1, 1, total.get(), total.square())
}

#[test]
fn two_stages_of_one_decision_at_once_each_count_once() {
    explore(|| {
        let staged = Staged::new();
        let theirs = Arc::clone(&staged);
        let (promised, complained) =
            race(move || theirs.observe(Stage::Promised), || staged.observe(Stage::Complained));
        let firsts = [promised, complained].map(|told| told.expect("open").0);
        assert_eq!(firsts.iter().filter(|&&first| first).count(), 1, "one was the first");
        assert_eq!(staged.read(), one(0.625));
        assert!(staged.cells.seal(), "both have finished");
    });
}

#[test]
fn one_stage_told_twice_at_once_counts_once() {
    explore(|| {
        let staged = Staged::new();
        let theirs = Arc::clone(&staged);
        let (first, second) =
            race(move || theirs.observe(Stage::Promised), || staged.observe(Stage::Promised));
        let duplicate = Unobserved::Unjoined(Unjoined::Duplicate(Stage::Promised));
        let refused = [first, second].into_iter().filter_map(Result::err).collect::<Vec<_>>();
        assert_eq!(refused, [duplicate]);
        assert_eq!(staged.read(), one(0.75));
    });
}

#[test]
fn an_outcome_and_a_withdrawal_at_once_leave_one_of_them() {
    explore(|| {
        let staged = Staged::new();
        let theirs = Arc::clone(&staged);
        let (told, withdrawn) = race(
            move || theirs.observe(Stage::Promised).is_ok(),
            || staged.cells.withdraw_staged((SEGMENT, ARM), &staged.cohort, staged.sequence),
        );
        assert_eq!(withdrawn, Ok(!told));
        assert_eq!(staged.read(), if told { one(0.75) } else { ArmStatistics::default() });
    });
}

#[test]
fn a_stage_and_the_seal_at_once_count_what_was_accepted() {
    for before in [false, true] {
        explore(move || {
            let staged = Staged::new();
            if before {
                staged.observe(Stage::Complained).expect("open");
            }
            let theirs = Arc::clone(&staged);
            let (told, seen) =
                race(move || theirs.observe(Stage::Promised), || staged.cells.seal().then(|| staged.read()));
            let accepted = told.is_ok();
            assert!(accepted || told == Err(Unobserved::Refused(Refused::Sealed)));
            let expected = match (before, accepted) {
                (false, false) => ArmStatistics::from_parts(1, 0, 0, 0),
                (false, true) => one(0.75),
                (true, false) => one(0.375),
                (true, true) => one(0.625),
            };
            assert!(staged.cells.seal(), "nobody is between two steps any more");
            assert_eq!(staged.read(), expected, "accepted is counted, refused is not");
            assert!(seen.is_none_or(|seen| seen == expected), "something came after the seal");
        });
    }
}

#[test]
fn a_reader_never_sees_impossible_counters() {
    explore(|| {
        let staged = Staged::new();
        staged.observe(Stage::Promised).expect("open");
        let theirs = Arc::clone(&staged);
        let (_, read) = race(move || theirs.observe(Stage::Complained), || staged.read());
        assert!(read.checked().is_ok(), "{read:?}");
        assert_eq!((read.issued(), read.returned()), (1, 1));
    });
}

#[test]
#[should_panic(expected = "a stage was lost")]
fn twin_joining_by_load_and_store() {
    explore(|| {
        let word = Arc::new(AtomicU64::new(0));
        let baseline =
            rule().baselines(&ArmSpace::builder().dimension("arm", ["a"]).build().expect("an arm"));
        let baseline = baseline.expect("no costs")[0];
        let join = move |word: &AtomicU64, stage| {
            let before = StagedReward::from_bits(word.load(Ordering::Acquire));
            let joined = before.join(baseline, contribution(stage)).expect("each once");
            word.store(joined.state.bits(), Ordering::Release);
        };
        let theirs = Arc::clone(&word);
        race(move || join(&theirs, Stage::Promised), || join(&word, Stage::Complained));
        let state = StagedReward::from_bits(word.load(Ordering::Acquire));
        assert!(state.stages().count() == 2, "a stage was lost");
    });
}

#[test]
#[should_panic(expected = "a difference was added twice")]
fn twin_adding_the_difference_to_what_was_read_before_joining() {
    const BITS: [u64; 2] = [1, 2];
    explore(|| {
        // {stages seen}; each is worth one, and who joins adds what the total is now less what it was at first sight.
        let shared = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
        let observe = |(word, sum): &(AtomicU64, AtomicU64), bit: u64| {
            let before = word.load(Ordering::Acquire);
            let after = word.fetch_or(bit, Ordering::AcqRel) | bit;
            sum.fetch_add(u64::from(after.count_ones() - before.count_ones()), Ordering::Release);
        };
        let theirs = Arc::clone(&shared);
        race(move || observe(&theirs, BITS[0]), || observe(&shared, BITS[1]));
        assert!(shared.1.load(Ordering::Acquire) == 2, "a difference was added twice");
    });
}

#[test]
#[should_panic(expected = "something came after the seal")]
fn twin_a_fold_that_does_not_wait_for_outcomes_under_way() {
    explore(|| {
        let staged = Staged::new();
        staged.observe(Stage::Complained).expect("open");
        let theirs = Arc::clone(&staged);
        let (_, seen) = race(
            move || theirs.observe(Stage::Promised),
            || {
                // Whatever the seal says: the sums are taken as they are.
                staged.cells.seal();
                staged.read()
            },
        );
        assert!(seen == staged.read(), "something came after the seal");
    });
}

#[test]
#[should_panic(expected = "counted after the close")]
fn twin_an_outcome_that_looks_at_the_seal_and_does_not_pass_the_gate() {
    const SEALED: u64 = 1 << 63;
    explore(|| {
        // {seal}, sum
        let cell = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
        let theirs = Arc::clone(&cell);
        let (_, folded) = race(
            move || {
                if theirs.0.load(Ordering::Acquire) & SEALED == 0 {
                    theirs.1.fetch_add(1, Ordering::Release);
                }
            },
            || {
                cell.0.fetch_or(SEALED, Ordering::AcqRel);
                cell.1.load(Ordering::Acquire)
            },
        );
        assert!(folded == cell.1.load(Ordering::Acquire), "counted after the close");
    });
}
