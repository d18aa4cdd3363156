//! Lift: what customers that are learnt from earn more than those held out.

use crate::reward::RewardKind;
use crate::statistics::ArmStatistics;

/// The difference between learning and held-out customers in mean reward per decision, like compared with like.
///
/// Within each stratum (customers alike but for the [holdout](super::Holdout)) means are compared; the strata count by the
/// outcomes they have. Strata in which one of the groups has no outcome say nothing and are left out. Chance alone, through the
/// salted hash, decides who is held out, so that the difference is what the policy causes against its baseline: of all that
/// it did in the time counted, its learning included. It is not what the policy would earn from now on, which is more if it has
/// learnt since.
///
/// The interval is the normal one at 95 %. Variances are those of outcomes with one more at either end of the range in each
/// group and stratum (after A. Agresti, B. Caffo (2000), *Simple and Effective Confidence Intervals for Proportions and Differences
/// of Proportions*), so that few outcomes that are all alike are not taken for certainty. It holds for one look: who looks every
/// day and stops at the first interval without zero will find one too often. Several decisions for one customer count as
/// independent; where one customer's outcomes go together, it is too narrow.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Lift {
    /// Mean reward of customers that are learnt from, by the weights of the strata, in the unit of the rewards.
    pub treated: f64,
    /// That of customers held out.
    pub control: f64,
    /// Treated less control.
    pub difference: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// The 95 % interval of the difference (lower, upper).
    pub interval: (f64, f64),
    /// Outcomes of customers that are learnt from and of those held out, of which this was made.
    pub outcomes: (u64, u64),
    /// Outcomes in strata that were left out.
    pub left_out: u64,
}

/// The 0.975 quantile of the normal distribution.
const QUANTILE: f64 = 1.959_963_984_540_054;

impl Lift {
    /// The lift by strata: what was counted of customers that are learnt from and of those held out. None if no stratum has
    /// outcomes of both.
    #[must_use]
    pub fn of(
        kind: RewardKind,
        strata: impl IntoIterator<Item = (ArmStatistics, ArmStatistics)>,
    ) -> Option<Self> {
        let (mut both, mut left_out) = (Vec::new(), 0);
        for (treated, control) in strata {
            match treated.returned() > 0 && control.returned() > 0 {
                true => both.push((treated, control)),
                false => left_out += treated.returned() + control.returned(),
            }
        }
        let outcomes = both
            .iter()
            .fold((0, 0), |sum, (treated, control)| (sum.0 + treated.returned(), sum.1 + control.returned()));
        let total = (outcomes.0 + outcomes.1) as f64;
        if !(total > 0.0) {
            return None;
        }
        let (mut means, mut variance) = ((0.0, 0.0), 0.0);
        for (treated, control) in both {
            let weight = (treated.returned() + control.returned()) as f64 / total;
            means.0 += weight * mean(treated);
            means.1 += weight * mean(control);
            variance += weight * weight * (variance_of_mean(treated) + variance_of_mean(control));
        }
        let (minimum, maximum) = kind.range();
        let scale = maximum - minimum;
        let (difference, standard_error) = (scale * (means.0 - means.1), scale * variance.sqrt());
        let half = QUANTILE * standard_error;
        Some(Self {
            treated: kind.unscale(means.0),
            control: kind.unscale(means.1),
            difference,
            standard_error,
            interval: (difference - half, difference + half),
            outcomes,
            left_out,
        })
    }
}

fn mean(group: ArmStatistics) -> f64 {
    group.sum() / group.returned() as f64
}

/// With one more outcome at either end of the range.
fn variance_of_mean(group: ArmStatistics) -> f64 {
    let n = group.returned() as f64;
    let mean = (group.sum() + 1.0) / (n + 2.0);
    ((group.sum_of_squares() + 1.0) / (n + 2.0) - mean * mean).max(0.0) / n
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(trials: u64, successes: u64) -> ArmStatistics {
        ArmStatistics::binary(trials, successes, trials - successes).expect("counts that fit")
    }

    #[test]
    fn strata_by_hand() {
        // A policy that sends more to where rates are high: means of all would say 0.06, like against like says 0.01.
        let strata =
            [(group(800, 88), group(200, 20)), (group(200, 6), group(800, 16)), (group(7, 7), group(0, 0))];
        let lift = Lift::of(RewardKind::Binary, strata).expect("two strata with both");
        assert!((lift.treated - (0.11 + 0.03) / 2.0).abs() < 1e-15);
        assert!((lift.control - (0.1 + 0.02) / 2.0).abs() < 1e-15);
        assert!((lift.difference - 0.01).abs() < 1e-15);
        assert_eq!((lift.outcomes, lift.left_out), ((1000, 1000), 7));
        let p = |successes: f64, n: f64| (successes + 1.0) / (n + 2.0);
        let variance = |successes, n| p(successes, n) * (1.0 - p(successes, n)) / n;
        let sum =
            variance(88.0, 800.0) + variance(20.0, 200.0) + variance(6.0, 200.0) + variance(16.0, 800.0);
        assert!((lift.standard_error - (sum / 4.0).sqrt()).abs() < 1e-15);
        assert!((lift.interval.1 - lift.interval.0 - 2.0 * 1.96 * lift.standard_error).abs() < 1e-5);
    }

    #[test]
    fn nothing_to_compare_is_none() {
        assert_eq!(Lift::of(RewardKind::Binary, []), None);
        assert_eq!(Lift::of(RewardKind::Binary, [(group(5, 1), group(0, 0))]), None);
    }
}
