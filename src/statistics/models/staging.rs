//! Every interleaving of outcomes in stages: two of one decision at once, and one while the cohort closes.

use crate::arm::ArmSpace;
use crate::reward::{Baseline, Contribution, Joined, Outcome, RewardKind, RewardRule, Stage, StagedReward};
use crate::statistics::pending::PendingCells;
use crate::statistics::{ArmStatistics, Cohort, Defaults, Refused, Unjoined, Unobserved};
use crate::sync::{Arc, AtomicU64, Ordering};

use super::{ARM, SEGMENT, explore, quantity, race};

/// What a rule says: from −1 to 1, where both arms start from a half of the range; a promise is worth a quarter of it, a
/// complaint takes an eighth. Made outside the models, whose threads have little stack.
#[derive(Clone, Copy, Debug)]
struct Rule {
    kind: RewardKind,
    baselines: [Baseline; 2],
    promised: Contribution,
    complained: Contribution,
}

impl Rule {
    fn new() -> Self {
        let rule =
            RewardRule::builder(-1.0, 1.0).weight(Stage::Promised, 0.5).penalty(Stage::Complained, 0.25);
        let rule = rule.build().expect("a rule");
        let arms = ArmSpace::builder().dimension("arm", ["a", "b"]).build().expect("two arms");
        let baselines = rule.baselines(&arms).expect("no costs");
        let contribution = |stage| rule.contribution(&Outcome::new(stage), 0).expect("an outcome");
        let [promised, complained] = [Stage::Promised, Stage::Complained].map(contribution);
        Self { kind: rule.kind(), baselines: [baselines[0], baselines[1]], promised, complained }
    }
}

/// A cohort with one decision, and its cells.
#[derive(Debug)]
struct Staged {
    rule: Rule,
    cohort: Cohort,
    cells: PendingCells,
    sequence: u64,
}

impl Staged {
    fn new(rule: Rule) -> Arc<Self> {
        let defaults = Defaults::ByArm(rule.baselines.into());
        let cells = PendingCells::new(rule.kind, defaults, 1, 2);
        let cohort = Cohort::new();
        let sequence = cohort.number().expect("far from full");
        cells.issue(SEGMENT, ARM).expect("open");
        Arc::new(Self { rule, cohort, cells, sequence })
    }

    fn promise(&self) -> Result<(bool, Joined), Unobserved> {
        self.observe(self.rule.promised)
    }

    fn complain(&self) -> Result<(bool, Joined), Unobserved> {
        self.observe(self.rule.complained)
    }

    fn observe(&self, contribution: Contribution) -> Result<(bool, Joined), Unobserved> {
        self.cells.observe((SEGMENT, ARM), &self.cohort, self.sequence, contribution)
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
    let rule = Rule::new();
    explore(move || {
        let staged = Staged::new(rule);
        let theirs = Arc::clone(&staged);
        let (promised, complained) = race(move || theirs.promise(), || staged.complain());
        let firsts = [promised, complained].map(|told| told.expect("open").0);
        assert_eq!(firsts.iter().filter(|&&first| first).count(), 1, "one was the first");
        assert_eq!(staged.read(), one(0.625));
        assert!(staged.cells.seal(), "both have finished");
    });
}

#[test]
fn one_stage_told_twice_at_once_counts_once() {
    let rule = Rule::new();
    explore(move || {
        let staged = Staged::new(rule);
        let theirs = Arc::clone(&staged);
        let (first, second) = race(move || theirs.promise(), || staged.promise());
        let duplicate = Unobserved::Unjoined(Unjoined::Duplicate(Stage::Promised));
        let refused = [first, second].into_iter().filter_map(Result::err).collect::<Vec<_>>();
        assert_eq!(refused, [duplicate]);
        assert_eq!(staged.read(), one(0.75));
    });
}

#[test]
fn an_outcome_and_a_withdrawal_at_once_leave_one_of_them() {
    let rule = Rule::new();
    explore(move || {
        let staged = Staged::new(rule);
        let theirs = Arc::clone(&staged);
        let (told, withdrawn) = race(
            move || theirs.promise().is_ok(),
            || staged.cells.withdraw_staged((SEGMENT, ARM), &staged.cohort, staged.sequence),
        );
        assert_eq!(withdrawn, Ok(!told));
        assert_eq!(staged.read(), if told { one(0.75) } else { ArmStatistics::default() });
    });
}

#[test]
fn a_stage_and_the_seal_at_once_count_what_was_accepted() {
    let rule = Rule::new();
    for before in [false, true] {
        explore(move || {
            let staged = Staged::new(rule);
            if before {
                staged.complain().expect("open");
            }
            let theirs = Arc::clone(&staged);
            let (told, seen) = race(move || theirs.promise(), || staged.cells.seal().then(|| staged.read()));
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
    let rule = Rule::new();
    explore(move || {
        let staged = Staged::new(rule);
        staged.promise().expect("open");
        let theirs = Arc::clone(&staged);
        let (_, read) = race(move || theirs.complain(), || staged.read());
        assert!(read.checked().is_ok(), "{read:?}");
        assert_eq!((read.issued(), read.returned()), (1, 1));
    });
}

#[test]
#[should_panic(expected = "a stage was lost")]
fn twin_joining_by_load_and_store() {
    let rule = Rule::new();
    explore(move || {
        let word = Arc::new(AtomicU64::new(0));
        let join = move |word: &AtomicU64, contribution| {
            let before = StagedReward::from_bits(word.load(Ordering::Acquire));
            let joined = before.join(rule.baselines[0], contribution).expect("each once");
            word.store(joined.state.bits(), Ordering::Release);
        };
        let theirs = Arc::clone(&word);
        race(move || join(&theirs, rule.promised), || join(&word, rule.complained));
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
    let rule = Rule::new();
    explore(move || {
        let staged = Staged::new(rule);
        staged.complain().expect("open");
        let theirs = Arc::clone(&staged);
        let (_, seen) = race(
            move || theirs.promise(),
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
