//! The share of conversions that has arrived by an age.

/// A law of the delay within a window of W buckets, as the table of F(k) = P(δ ≤ k), k = 0, 1, …, W − 1.
///
/// F(W − 1) = 1: it is conditional on the conversion coming within the window.
#[derive(Clone, Debug, PartialEq)]
pub struct DelayLaw {
    /// F(k); never falls, lies in [0, 1], ends in 1.
    cumulative: Vec<f64>,
}

impl DelayLaw {
    /// The law that knows nothing, every delay in the window equally likely; `None` for a window of no buckets or of
    /// more than [`DelayCounts::MAX_WINDOW`](super::DelayCounts::MAX_WINDOW).
    ///
    /// Under it a decision becomes a trial evenly over its window. As most conversions come early in truth, it counts
    /// open decisions for less than they are worth: "not yet" is not taken for "no", at the price of rates that read
    /// too high as long as nothing better is known.
    #[must_use]
    pub fn uniform(window: u32) -> Option<Self> {
        (1..=super::DelayCounts::MAX_WINDOW).contains(&window).then(|| Self::flat(window))
    }

    /// The same for a window that has been checked.
    pub(super) fn flat(window: u32) -> Self {
        Self::from_steps((1..=window).map(|k| f64::from(k) / f64::from(window)).collect())
    }

    /// A law from its F(k), which are in [0, 1] and not empty but may fall by rounding; the last is taken as 1.
    pub(super) fn from_steps(mut cumulative: Vec<f64>) -> Self {
        let mut highest: f64 = 0.0;
        for share in &mut cumulative {
            // `max` and `min` of Rust ignore NaN, which does not occur.
            highest = highest.max(*share).min(1.0);
            *share = highest;
        }
        if let Some(last) = cumulative.last_mut() {
            *last = 1.0;
        }
        Self { cumulative }
    }

    /// The number of delays within the window, W.
    #[must_use]
    pub fn window(&self) -> u32 {
        self.cumulative.len() as u32
    }

    /// F(k) = P(δ ≤ k) for k = 0, 1, …, W − 1.
    #[must_use]
    pub fn steps(&self) -> &[f64] {
        &self.cumulative
    }

    /// The share of a cohort's conversions that has arrived when its bucket began `age` buckets ago, in [0, 1].
    ///
    /// In the midst of bucket n, at now = n + v with v in [0, 1), the cohort c has the age n − c + v, and the share is
    ///
    /// ```text
    /// F(n − c − 1) + v (F(n − c) − F(n − c − 1)),    F(−1) = 0.
    /// ```
    ///
    /// So it is linear within each bucket: 0 at 0, F(k) at k + 1, 1 at W and beyond; it never falls. An age below 0
    /// or not a number gives 0.
    ///
    /// The age is the cohort's, counted from the beginning of its bucket, not the decision's: how decisions spread over
    /// their bucket is in the law already, since a delay is the difference of two buckets. Where decisions come evenly
    /// and the density of the delay is nearly flat over a bucket, the line is exact.
    #[must_use]
    #[inline]
    pub fn cdf(&self, age: f64) -> f64 {
        if !(age > 0.0) {
            return 0.0;
        }
        // Saturates: beyond the table, infinity included, everything has arrived.
        let bucket = age as usize;
        let Some(&above) = self.cumulative.get(bucket) else { return 1.0 };
        let below = if bucket == 0 { 0.0 } else { self.cumulative[bucket - 1] };
        // Never above `above`: v falls short of 1 by 2⁻⁵² at least where `below` is not 0, which is more than the two
        // roundings of the product can add.
        below + (age - bucket as f64) * (above - below)
    }

    /// The least age at which a share of the conversions has arrived, in buckets from the beginning of the cohort's;
    /// `None` unless the share is in [0, 1].
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        if !(0.0..=1.0).contains(&share) {
            return None;
        }
        Some(reach(&self.cumulative, share))
    }
}

/// The least age at which a curve, linear between its `steps` at ages 1, 2, … and 0 at age 0, reaches a height; the
/// number of steps where it never does.
pub(super) fn reach(steps: &[f64], height: f64) -> f64 {
    let bucket = steps.partition_point(|&step| step < height);
    let Some(&above) = steps.get(bucket) else { return steps.len() as f64 };
    let below = if bucket == 0 { 0.0 } else { steps[bucket - 1] };
    if height <= below {
        // Only at height 0, or below it.
        return 0.0;
    }
    bucket as f64 + (height - below) / (above - below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_within_a_bucket() {
        let law = DelayLaw::from_steps(vec![0.5, 0.5, 0.75, 1.0]);
        let shares = [
            (0.0, 0.0),
            (0.5, 0.25),
            (1.0, 0.5),
            (1.7, 0.5),
            (2.0, 0.5),
            (2.5, 0.625),
            (3.5, 0.875),
            (4.0, 1.0),
        ];
        for (age, share) in shares {
            assert_eq!(law.cdf(age).to_bits(), f64::to_bits(share), "age {age}");
        }
        for age in [4.5, 1e300, f64::INFINITY] {
            assert_eq!(law.cdf(age).to_bits(), 1.0_f64.to_bits());
        }
        for age in [-0.0, -1.0, f64::NEG_INFINITY, f64::NAN] {
            assert_eq!(law.cdf(age).to_bits(), 0.0_f64.to_bits());
        }
    }

    #[test]
    fn quantiles_are_the_inverse() {
        let law = DelayLaw::from_steps(vec![0.5, 0.5, 0.75, 1.0]);
        for (share, age) in [(0.0, 0.0), (0.25, 0.5), (0.5, 1.0), (0.625, 2.5), (0.9375, 3.75), (1.0, 4.0)] {
            assert_eq!(law.quantile(share), Some(age), "share {share}");
        }
        for share in [-0.1, 1.1, f64::NAN] {
            assert_eq!(law.quantile(share), None);
        }
        let late = DelayLaw::from_steps(vec![0.0, 0.0, 1.0]);
        assert_eq!(late.quantile(0.5), Some(2.5));
        assert_eq!(late.quantile(0.0), Some(0.0));
    }
}
