//! Evidence: what was counted, weighted for delay and forgetting, as the numbers that beliefs are formed from.

use crate::reward::Quantity;
use crate::statistics::ArmStatistics;

/// How decisions count whose attribution window is still open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pending {
    /// Not at all, rewarded or not: unbiased, and as late as the window is long.
    ClosedOnly,
    /// As if what has not returned never would. Biased downwards, most for the arms sent last and those whose customers
    /// answer slowly.
    AsDefault,
    /// Each for the part of a trial by which its reward would have come by now, if it comes: F(age) by the law of delays.
    ///
    /// O. Chapelle (2014), *Modeling Delayed Feedback in Display Advertising*; C. Vernade, O. Cappé, V. Perchet (2017),
    /// *Stochastic Bandit Models for Delayed Conversions*.
    #[default]
    Corrected,
}

/// Weighted counts of one arm: as many trials, earning as much.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Evidence {
    /// Decisions.
    issued: f64,
    /// Decisions whose outcome is known, and of the others the part that counts.
    trials: f64,
    /// Returned rewards: how many, sum, sum of squares.
    returned: f64,
    sum: f64,
    squares: f64,
}

impl Evidence {
    /// Adds counters at a weight for age. Of the decisions that have not returned, `share` of all counts as tried.
    pub(crate) fn add(&mut self, statistics: ArmStatistics, weight: f64, share: f64) {
        let issued = statistics.issued() as f64;
        self.issued += weight * issued;
        self.trials += weight * share * issued;
        self.returned += weight * statistics.returned() as f64;
        self.sum += weight * statistics.sum();
        self.squares += weight * statistics.sum_of_squares();
    }

    /// Trials, and what they earned: those that have not returned earned the default reward.
    pub(crate) fn earned(&self, default: Quantity) -> (f64, f64) {
        let trials = self.trials.max(self.returned);
        let default = default.get() as f64 / Quantity::ONE as f64;
        (trials, self.sum + (trials - self.returned) * default)
    }

    /// The same as whole counters, rounded, for policies that count.
    pub(crate) fn rounded(&self, default: Quantity) -> ArmStatistics {
        let (trials, sum) = self.earned(default);
        let default = default.square() as f64 / Quantity::ONE as f64;
        let squares = self.squares + (trials - self.returned) * default;
        let returned = (trials.round() as u64).min(ArmStatistics::MAX_COUNT);
        let issued = (self.issued.round() as u64).clamp(returned, ArmStatistics::MAX_COUNT.max(returned));
        // Sums in units of the quantity; rounding the count must not leave more than a whole reward for each.
        let most = returned * Quantity::ONE;
        let units = |sum: f64| ((sum * Quantity::ONE as f64).round() as u64).min(most);
        ArmStatistics::from_parts(issued, returned, units(sum), units(squares))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reward::{Reward, RewardKind};

    #[test]
    fn what_has_not_returned_counts_for_its_share_and_earns_the_default() {
        let open = ArmStatistics::from_parts(10, 2, 2 * Quantity::ONE, 2 * Quantity::ONE);
        let quantity = |reward| RewardKind::Binary.quantity(reward).expect("binary");
        let mut evidence = Evidence::default();
        evidence.add(open, 1.0, 0.5);
        assert_eq!(evidence.earned(quantity(Reward::FAILURE)), (5.0, 2.0));
        assert_eq!(evidence.earned(quantity(Reward::SUCCESS)), (5.0, 5.0));
        let mut hasty = Evidence::default();
        hasty.add(open, 0.5, 0.1);
        // More have returned than counted as tried: no negative failures.
        assert_eq!(hasty.earned(quantity(Reward::FAILURE)), (1.0, 1.0));
        let rounded = evidence.rounded(quantity(Reward::FAILURE));
        assert_eq!((rounded.issued(), rounded.returned(), rounded.sum()), (10, 5, 2.0));
    }
}
