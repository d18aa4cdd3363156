//! Reward models: what an arm would have brought where another was sent.
//!
//! A model that has seen a round's own reward predicts it too well, and a doubly robust estimate with it is biased.
//! Fitted models are therefore *cross-fitted*: rounds are dealt into [`FOLDS`] parts by a hash of their number, and the
//! prediction for a round comes from the other parts. V. Chernozhukov et al. (2018), *Double/Debiased Machine Learning
//! for Treatment and Structural Parameters*.

mod additive;
mod credibility;
mod pooled;

pub use additive::AdditiveModel;
pub use pooled::PooledModel;

use std::fmt;

use crate::arm::ArmId;

use super::alike::Varies;
use super::log::Log;
use super::roundwise::lots;
use super::target::Occasion;

/// Parts into which the rounds are dealt for cross-fitting.
pub const FOLDS: usize = lots::FOLDS;

/// The part of a round, from 0 to [`FOLDS`] − 1, by a hash of its number: what is fitted for it is to be fitted to the
/// other parts.
#[must_use]
pub fn fold(round: usize) -> usize {
    lots::fold(round)
}

/// Predicts the mean reward of an arm on an occasion.
pub trait RewardModel: fmt::Debug {
    /// The prediction, in the unit of the log's rewards.
    fn reward(&self, occasion: &Occasion<'_>, arm: ArmId) -> f64;

    /// Whether the model was fitted to the very rounds that are evaluated, so that the chance in them moves it as well:
    /// intervals of what rests on it then allow for that. The default says no.
    fn is_fitted(&self) -> bool {
        false
    }

    /// How the predictions vary among the rounds of one segment. The default says by round.
    fn varies(&self) -> Varies {
        Varies::ByRound
    }
}

/// Rewards of a cell or an arm, summed.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    count: f64,
    /// In the log's unit.
    sum: f64,
    squares: f64,
}

impl Sums {
    fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.squares += other.squares;
    }

    fn without(&self, other: &Self) -> Self {
        Self {
            count: self.count - other.count,
            sum: self.sum - other.sum,
            squares: self.squares - other.squares,
        }
    }

    fn mean(&self) -> f64 {
        self.sum / self.count
    }

    /// Σ (r − r̄)²; rounding must not make it negative.
    fn within(&self) -> f64 {
        if self.count > 0.0 { (self.squares - self.sum * self.mean()).max(0.0) } else { 0.0 }
    }
}

/// The sums of each cell outside each fold: `[fold][cell]`.
fn outside_folds(log: &Log, cells: &super::cells::Cells) -> Vec<Vec<Sums>> {
    let mut inside = vec![vec![Sums::default(); cells.len()]; FOLDS];
    let unit = log.unit();
    for (number, round) in log.plain().enumerate() {
        if let Some(cell) = cells.find(round.segment, round.arm) {
            let reward = round.reward / unit;
            inside[fold(number)][cell].add(&Sums { count: 1.0, sum: reward, squares: reward * reward });
        }
    }
    let mut all = vec![Sums::default(); cells.len()];
    for fold in &inside {
        all.iter_mut().zip(fold).for_each(|(all, cell)| all.add(cell));
    }
    inside.iter().map(|fold| all.iter().zip(fold).map(|(all, cell)| all.without(cell)).collect()).collect()
}
