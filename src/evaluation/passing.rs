//! Numbers for each arm in a round, there for as long as the round is looked at: columns of a file that is not kept.

use std::cell::RefCell;

use crate::arm::ArmId;

use super::log::CHUNK;
use super::model::RewardModel;
use super::round_table::among;
use super::target::{Occasion, TargetPolicy};

/// The rows of the last rounds, as many as are looked at together.
#[derive(Debug)]
struct Passing {
    /// For each arm the place of its column.
    order: Vec<usize>,
    /// `[round % CHUNK][arm]`.
    rows: RefCell<Vec<f64>>,
}

impl Passing {
    fn new(order: Vec<usize>) -> Self {
        let rows = RefCell::new(vec![f64::NAN; CHUNK * order.len()]);
        Self { order, rows }
    }

    /// The numbers of a round, by their columns.
    fn note(&self, round: usize, columns: &[f64]) {
        let arms = self.order.len();
        let mut rows = self.rows.borrow_mut();
        let row = &mut rows[round % CHUNK * arms..][..arms];
        row.iter_mut().zip(&self.order).for_each(|(number, &column)| *number = columns[column]);
    }

    fn with<T>(&self, round: usize, of: impl FnOnce(&[f64]) -> T) -> T {
        let arms = self.order.len();
        of(&self.rows.borrow()[round % CHUNK * arms..][..arms])
    }
}

/// A target by row.
#[derive(Debug)]
pub(super) struct PassingProbabilities(Passing);

impl PassingProbabilities {
    pub(super) fn new(order: Vec<usize>) -> Self {
        Self(Passing::new(order))
    }

    pub(super) fn note(&self, round: usize, columns: &[f64]) {
        self.0.note(round, columns);
    }
}

impl TargetPolicy for PassingProbabilities {
    fn probability(&self, occasion: &Occasion<'_>, arm: ArmId) -> f64 {
        self.0.with(occasion.round, |row| among(row, occasion, arm))
    }
}

/// A reward model by row.
#[derive(Debug)]
pub(super) struct PassingRewards(Passing);

impl PassingRewards {
    pub(super) fn new(order: Vec<usize>) -> Self {
        Self(Passing::new(order))
    }

    pub(super) fn note(&self, round: usize, columns: &[f64]) {
        self.0.note(round, columns);
    }
}

impl RewardModel for PassingRewards {
    fn reward(&self, occasion: &Occasion<'_>, arm: ArmId) -> f64 {
        self.0.with(occasion.round, |row| row.get(arm.index()).copied().unwrap_or(f64::NAN))
    }
}
