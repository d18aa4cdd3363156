//! Further goals of a cohort: what its decisions have come to by other rules over the stages that arrived for them.
//!
//! Who has joined a stage knows the stages before and after it. By a rule that goes by stages alone these are two totals
//! for each goal, and the difference is added to the goal's cell: the decision's word stays as it is, and how many decisions
//! there were and of how many something has come is the first goal's to count. All this happens within the gate of the
//! first goal's cell, so that a cell which is complete is so for all goals.

use crate::arm::ArmId;
use crate::reward::{Baseline, ByStages, Quantity, Stage, StagedReward};
use crate::segment::SegmentId;
use crate::sync::{Arc, AtomicBool, Ordering};

use super::ArmStatistics;
use super::staged::{GrowOnly, possible};
use super::table::{Blank, Table};

/// How a further goal is counted.
#[derive(Clone, Debug)]
pub(crate) struct GoalTotals {
    pub(crate) by_stages: ByStages,
    /// What each arm starts from.
    pub(crate) baselines: Box<[Baseline]>,
}

/// All of them, in the order in which they were declared.
pub(crate) type Goals = Arc<[GoalTotals]>;

/// The sums of one goal: 40 bytes, in pages that are made once a total differs from 0.
#[derive(Debug)]
struct GoalCell {
    sum: GrowOnly,
    squares: GrowOnly,
    /// Whether there were outcomes of which nobody has told what they meant for this goal.
    unknown: AtomicBool,
}

impl Blank for GoalCell {
    fn blank() -> Self {
        Self { sum: GrowOnly::new(), squares: GrowOnly::new(), unknown: AtomicBool::new(false) }
    }
}

/// The cells of all goals.
#[derive(Debug)]
pub(super) struct GoalCells {
    goals: Goals,
    tables: Box<[Table<GoalCell>]>,
}

impl GoalTotals {
    /// What an arm's decisions have come to of which nothing comes.
    pub(crate) fn start(&self, arm: ArmId) -> Quantity {
        self.total(arm, StagedReward::default())
    }

    fn total(&self, arm: ArmId, state: StagedReward) -> Quantity {
        self.by_stages.total(state, self.baselines[arm.index()])
    }
}

impl ArmStatistics {
    /// The sums nearest to these that are possible beside the counts of the first goal, which were read before.
    pub(crate) fn as_of(self, first: Self) -> Self {
        possible((first.issued, first.returned), self.sum, self.squares)
    }
}

impl GoalCells {
    /// Where there are no further goals.
    pub(super) fn none() -> Self {
        Self { goals: Goals::from([]), tables: Box::new([]) }
    }

    /// Cells that take next to no memory until one is touched.
    pub(super) fn new(goals: Goals, segments: usize, arms: usize) -> Self {
        let tables = goals.iter().map(|_| Table::later(segments, arms)).collect();
        Self { goals, tables }
    }

    /// Counts what a stage has changed, once it has joined its decision: the first, if it was.
    pub(super) fn change(
        &self,
        (segment, arm): (SegmentId, ArmId),
        first: bool,
        stage: Stage,
        joined: StagedReward,
    ) {
        for (goal, table) in self.goals.iter().zip(&self.tables) {
            let parts = |quantity: Quantity| (quantity.get(), quantity.square());
            // Before its first outcome a decision is in no sum.
            let before = if first { (0, 0) } else { parts(goal.total(arm, joined.before(stage))) };
            let after = parts(goal.total(arm, joined));
            if before != after {
                let cell = table.touch(segment, arm);
                cell.squares.change(before.1, after.1);
                cell.sum.change(before.0, after.0);
            }
        }
    }

    /// The goals of which a stage has taken a decision away from what its arm starts from.
    pub(super) fn turned(
        &self,
        arm: ArmId,
        stage: Stage,
        joined: StagedReward,
    ) -> impl Iterator<Item = usize> {
        let turned = move |(goal, totals): (usize, &GoalTotals)| {
            let start = totals.start(arm);
            let turned =
                totals.total(arm, joined.before(stage)) == start && totals.total(arm, joined) != start;
            turned.then_some(goal)
        };
        self.goals.iter().enumerate().filter_map(turned)
    }

    /// What is known of an arm by a goal, where the first goal's cell says how many decisions there are; nothing, if part of
    /// it is not.
    pub(super) fn read(
        &self,
        goal: usize,
        (segment, arm): (SegmentId, ArmId),
        counts: impl FnOnce() -> (u64, u64),
    ) -> ArmStatistics {
        let Some(cell) = self.tables[goal].get(segment, arm) else {
            let (issued, returned) = counts();
            return possible((issued, returned), 0, 0);
        };
        // Relaxed: set before anybody else has the cell.
        if cell.unknown.load(Ordering::Relaxed) {
            return ArmStatistics::default();
        }
        // The counts last: the decisions in the sums are then among those returned.
        let (sum, squares) = (cell.sum.read(), cell.squares.read());
        possible(counts(), sum, squares)
    }

    /// Adds what an earlier life has counted, or that it has told nothing, before anybody else has the cells.
    pub(super) fn restore(
        &self,
        goal: usize,
        (segment, arm): (SegmentId, ArmId),
        statistics: Option<ArmStatistics>,
    ) {
        let cell = self.tables[goal].touch(segment, arm);
        match statistics {
            Some(statistics) => {
                cell.squares.change(0, statistics.squares);
                cell.sum.change(0, statistics.sum);
            }
            None => cell.unknown.store(true, Ordering::Relaxed),
        }
    }
}
