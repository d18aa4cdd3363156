//! Whether the policy that wrote a log learnt meanwhile: propensities that drift.

use statrs::function::gamma::gamma_ur;

use super::log_sums::LogSums;

/// Fewer rounds of an arm in a segment tell no trend.
const FEW: f64 = 20.0;

/// The chance that the propensities of a policy which does not learn drift as much with time as those of this log;
/// `None` where they never change within segment and arm.
///
/// In each segment, for each arm, the correlation r of propensity and number of the round: of rounds in no order
/// r √(n − 1) has mean 0 and variance 1, whatever the propensities hang on besides (E. J. G. Pitman, 1937, *Significance
/// Tests Which May Be Applied to Samples from Any Populations II*). The sum of their squares is close to χ².
pub(super) fn chance_of_drift(sums: &LogSums) -> Option<f64> {
    let (mut statistic, mut freedom) = (0.0, 0.0);
    for square in sums.cells().iter().filter_map(|(.., sums)| sums.trend.square()) {
        statistic += square;
        freedom += 1.0;
    }
    // The function is not defined at 0.
    (freedom > 0.0).then(|| if statistic > 0.0 { gamma_ur(freedom / 2.0, statistic / 2.0) } else { 1.0 })
}

/// Sums over the rounds of an arm in a segment, numbers of rounds and propensities less the first.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Trend {
    count: f64,
    since: f64,
    first: f64,
    times: f64,
    propensities: f64,
    times_squared: f64,
    propensities_squared: f64,
    products: f64,
}

impl Trend {
    pub(super) fn add(&mut self, number: f64, propensity: f64) {
        if !(self.count > 0.0) {
            self.since = number;
            self.first = propensity;
        }
        let time = number - self.since;
        let propensity = propensity - self.first;
        self.count += 1.0;
        self.times += time;
        self.propensities += propensity;
        self.times_squared += time * time;
        self.propensities_squared += propensity * propensity;
        self.products += time * propensity;
    }

    /// r² (n − 1); none where the propensity hardly ever changed, or hardly anything was sent.
    pub(super) fn square(&self) -> Option<f64> {
        let n = self.count;
        let times = self.times_squared - self.times * self.times / n;
        let propensities = self.propensities_squared - self.propensities * self.propensities / n;
        // Digits of a text or of a sum of shares are no change.
        let changed = propensities > n * (1e-6 * self.first) * (1e-6 * self.first);
        let product = self.products - self.times * self.propensities / n;
        (n >= FEW && changed && times > 0.0).then(|| product * product / (times * propensities) * (n - 1.0))
    }
}
