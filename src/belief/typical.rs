//! The rate of a typical arm, which is not that of a typical send: most sends are of the best arms.

/// Trials and earnings that keep the rate near 1 in 20 while there are few.
const STEADY: (f64, f64) = (20.0, 1.0);

/// What is expected of an arm of which nothing is known but the others' results (trials, earned): their rates, each with the weight that
/// its own has as an estimate of it where rates differ as much as they do by so many trials of chance.
///
/// With rates of variance m (1 − m) / (M + 1) between arms, as those of a Beta prior of strength M are, the rate of an arm in n trials has
/// about the variance m (1 − m) (1 / M + 1 / n), so that its n trials count for n M / (n + M). J. C. Kleinman (1973), *Proportions
/// with Extraneous Variance: Single and Independent Samples*. The mean of all sends, most of which are of the best arms, is too good
/// a rate for the others: they are tried for long before they are known not to reach it.
pub(crate) fn typical_rate(results: impl Iterator<Item = (f64, f64)>, strength: f64) -> f64 {
    let counted = |(trials, earned): (f64, f64)| {
        let weight = strength / (trials + strength);
        (weight * trials, weight * earned)
    };
    let (trials, earned) = results.map(counted).fold(STEADY, |sum, told| (sum.0 + told.0, sum.1 + told.1));
    earned / trials
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arms_count_rather_than_sends() {
        assert_eq!(typical_rate([].into_iter(), 40.0).to_bits(), 0.05_f64.to_bits());
        // Nine arms at 2 %, and the best, sent a hundred times as often, at 10 %.
        let results = || (0..9).map(|_| (1_000.0, 20.0)).chain([(100_000.0, 10_000.0)]);
        let rate = typical_rate(results(), 40.0);
        assert!((rate - 0.028).abs() < 0.002, "{rate}");
        let sends = typical_rate(results(), 1e12);
        assert!((sends - 10_181.0 / 109_020.0).abs() < 1e-6, "{sends}");
        // Few trials say little.
        assert!((typical_rate([(1.0, 1.0)].into_iter(), 40.0) - 0.0944).abs() < 1e-3);
    }
}
