//! How much groups have in common: the strength with which each rate is drawn towards their mean.

/// Rates of groups that learn from each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Pooled {
    /// The rate of all groups together.
    pub mean: f64,
    /// The number of trials that what is common counts for in each group, M > 0; infinite where the groups differ by no
    /// more than chance.
    pub strength: f64,
    /// The rate of each group, drawn towards the common one: (s + M m) / (n + M).
    pub rates: Vec<f64>,
}

/// Draws the rates of groups, given as (successes, trials), towards their common rate by as much as they are alike.
///
/// The strength is estimated by the method of moments under a beta-binomial law, with the trials as weights: with ρ the
/// part of the variance of one outcome that lies between groups,
/// ρ = (S / (m (1 − m)) − (K − 1)) / (Σ n_i (1 − n_i / N) − (K − 1)) for S = Σ n_i (r_i − m)², and M = 1/ρ − 1. J. C. Kleinman
/// (1973), *Proportions with Extraneous Variance: Single and Independent Samples*. Groups without trials get the common
/// rate; without any trials at all that is ½.
///
/// ```
/// use tactful::belief::pool;
///
/// let pooled = pool(&[(12, 400), (9, 150), (30, 500), (2, 100)]);
/// assert!((pooled.strength - 201.470252).abs() < 1e-6);
/// assert!((pooled.rates[0] - 0.035388534).abs() < 1e-9);
/// ```
#[must_use]
pub fn pool(groups: &[(u64, u64)]) -> Pooled {
    let tried = || groups.iter().filter(|(_, trials)| *trials > 0);
    let (successes, trials) = tried().fold((0.0, 0.0), |sum, &(s, n)| (sum.0 + s as f64, sum.1 + n as f64));
    if !(trials > 0.0) {
        return Pooled { mean: 0.5, strength: f64::INFINITY, rates: vec![0.5; groups.len()] };
    }
    let mean = successes / trials;
    let fewer = tried().count() as f64 - 1.0;
    let between: f64 = tried().map(|&(s, n)| n as f64 * (s as f64 / n as f64 - mean).powi(2)).sum();
    let expected: f64 = tried().map(|&(_, n)| n as f64 * (1.0 - n as f64 / trials)).sum();
    let shared = (between / (mean * (1.0 - mean)) - fewer) / (expected - fewer);
    // Not positive, or not a number where all groups are alike: what differs is chance. Above one: each is its own.
    let strength = if shared > 0.0 { (1.0 / shared - 1.0).max(0.0) } else { f64::INFINITY };
    let rate = |&(s, n): &(u64, u64)| match (s as f64, n as f64) {
        _ if strength == f64::INFINITY => mean,
        (_, n) if !(n + strength > 0.0) => mean,
        (s, n) => (s + strength * mean) / (n + strength),
    };
    Pooled { mean, strength, rates: groups.iter().map(rate).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_that_differ_by_chance_only_share_one_rate() {
        let pooled = pool(&[(10, 100), (10, 100), (11, 100), (0, 0)]);
        assert!(pooled.strength.is_infinite());
        assert!(pooled.rates.iter().all(|&rate| (rate - 31.0 / 300.0).abs() < 1e-15));
    }

    #[test]
    fn extremes_give_numbers() {
        for groups in [
            &[][..],
            &[(0, 0)],
            &[(0, 10), (0, 20)],
            &[(10, 10), (20, 20)],
            &[(0, 100), (100, 100)],
            &[(1, 1)],
        ] {
            let pooled = pool(groups);
            assert!(pooled.rates.iter().all(|rate| (0.0..=1.0).contains(rate)), "{groups:?}: {pooled:?}");
            assert!(pooled.strength >= 0.0, "{groups:?}: {pooled:?}");
        }
    }
}
