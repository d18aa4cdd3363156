//! Importance-weighted sums: what an arm's rewards add up to when each counts as often as its decision was improbable.

use crate::arm::ArmId;
use crate::reward::Quantity;
use crate::segment::SegmentId;
use crate::sync::{AtomicU64, Ordering};

use super::table::{Blank, Table};

/// Σ w and Σ w r of one arm, over decisions that had the weight w and earned r, in whole units of 2⁻¹⁶, so that any order
/// of arrival gives the same sums.
///
/// A weight is rounded to a unit. It is 1 at least, so that is at most 2⁻¹⁷ of it; and the sum of the weights of an arm is
/// about the number of decisions of its segment, which leaves room for 2⁴⁸ of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ImportanceSums {
    weight: u64,
    reward: u64,
}

/// One, in units.
const ONE: f64 = 65_536.0;

/// A weight counts for this at most: sums then have room for 2¹⁷ of the largest. No propensity is so small in earnest.
const MOST: f64 = (1_u64 << 31) as f64;

impl ImportanceSums {
    /// The outcome of one decision that has this weight, positive.
    fn of(weight: f64, quantity: Quantity) -> Self {
        let weight = (weight.min(MOST) * ONE).round() as u64;
        let reward = (u128::from(weight) * u128::from(quantity.get())) >> Quantity::DIGITS;
        Self { weight, reward: reward as u64 }
    }

    /// Adds the outcome of a decision that has this weight, positive.
    pub(crate) fn add(&mut self, weight: f64, quantity: Quantity) {
        let one = Self::of(weight, quantity);
        self.weight += one.weight;
        self.reward += one.reward;
    }

    /// Σ w.
    pub(crate) fn weight(self) -> f64 {
        self.weight as f64 / ONE
    }

    /// Σ w r.
    pub(crate) fn reward(self) -> f64 {
        self.reward as f64 / ONE
    }
}

/// The epoch of the n-th decision, from 1: each is twice as long as the one before. It can be told from the decision's
/// number alone, whenever its outcome comes.
pub(crate) const fn epoch(number: u64) -> u32 {
    u64::BITS - number.leading_zeros()
}

/// Epochs that are told apart; decisions beyond 2³⁹ are of the last.
pub(crate) const EPOCHS: usize = 40;

/// The sums of all arms in all segments, by epoch: 640 bytes for an arm in a segment, made on first touch.
#[derive(Debug)]
pub(crate) struct ImportanceCells(Table<ImportanceCell>);

/// The sums of one arm in one segment: weight and reward of each epoch.
#[derive(Debug)]
struct ImportanceCell([[AtomicU64; 2]; EPOCHS]);

impl Blank for ImportanceCell {
    fn blank() -> Self {
        Self(std::array::from_fn(|_| std::array::from_fn(|_| AtomicU64::new(0))))
    }
}

impl ImportanceCells {
    pub(crate) fn new(segments: usize, arms: usize) -> Self {
        Self(Table::new(segments, arms))
    }

    /// Adds the outcome of the decision of this number, from 1, that has this weight.
    pub(crate) fn add(
        &self,
        (segment, arm): (SegmentId, ArmId),
        number: u64,
        weight: f64,
        quantity: Quantity,
    ) {
        let one = ImportanceSums::of(weight, quantity);
        let [weight, reward] = &self.0.touch(segment, arm).0[(epoch(number) as usize).min(EPOCHS - 1)];
        // Relaxed: a reader between the two sees an outcome without its reward, one of many that are under way.
        weight.fetch_add(one.weight, Ordering::Relaxed);
        reward.fetch_add(one.reward, Ordering::Relaxed);
    }

    /// The sums of these arms in a segment, for each epoch those of each.
    pub(crate) fn read(&self, segment: SegmentId, arms: &[ArmId]) -> Vec<Vec<ImportanceSums>> {
        let cells: Vec<_> = arms.iter().map(|&arm| self.0.get(segment, arm)).collect();
        let sums = |cell: &Option<&ImportanceCell>, epoch: usize| {
            cell.map_or_else(ImportanceSums::default, |cell| {
                let [weight, reward] = cell.0[epoch].each_ref().map(|sum| sum.load(Ordering::Relaxed));
                ImportanceSums { weight, reward }
            })
        };
        let all = (0..EPOCHS).map(|epoch| cells.iter().map(|cell| sums(cell, epoch)).collect::<Vec<_>>());
        let mut epochs: Vec<_> = all.collect();
        // Those to come.
        while epochs.last().is_some_and(|epoch| epoch.iter().all(|sums| *sums == ImportanceSums::default())) {
            epochs.pop();
        }
        epochs
    }
}
