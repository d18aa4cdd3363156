//! Importance-weighted sums: what an arm's rewards add up to when each counts as often as its decision was improbable.

use crate::reward::Quantity;

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

impl ImportanceSums {
    /// Adds the outcome of a decision that has this weight, positive and finite.
    pub(crate) fn add(&mut self, weight: f64, quantity: Quantity) {
        // The cast saturates, as do the sums: no propensity is so small that they would in earnest.
        let weight = (weight * ONE).round() as u64;
        let reward = (u128::from(weight) * u128::from(quantity.get())) >> Quantity::DIGITS;
        self.weight = self.weight.saturating_add(weight);
        self.reward = self.reward.saturating_add(reward as u64);
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
