//! Has a rate changed? A likelihood ratio over all the times at which it may have, and an honest threshold.

/// What came of an arm in a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stretch {
    /// When it began, in units of time of the caller's, such as days; ascending.
    pub start: u32,
    /// The sum of its outcomes, each in [0, 1].
    pub sum: f64,
    /// How many they were.
    pub outcomes: f64,
}

/// A change of an arm's rate.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Change {
    /// When, most likely: the start of a stretch.
    pub at: u32,
    /// The mean up to there.
    pub before: f64,
    /// The mean from there on.
    pub after: f64,
    /// The logarithm of the likelihood ratio.
    pub statistic: f64,
    /// What it had to reach.
    pub threshold: f64,
}

/// Whether the mean of outcomes in [0, 1] has changed from one of these stretches of time to the next.
///
/// The generalised likelihood ratio for Bernoulli outcomes, of L. Besson, E. Kaufmann, O.-A. Maillard, J. Seznec (2022),
/// *Efficient Change-Point Detection for Tackling Piecewise-Stationary Bandits*: with means μ of s outcomes before the time
/// j (counted from the first), μ′ of the s′ since, and m of all,
///
/// ```text
/// max over j of  s kl(μ, m) + s′ kl(μ′, m) − β(j),    β(j) = ln( 4 √(s s′) j (j + 1) / δ )    is at least 0.
/// ```
///
/// However often one looks, for ever, it raises a false alarm with probability at most `error`, δ. For whatever the rate p,
/// the statistic is at most s kl(μ, p) + s′ kl(μ′, p); the exponential of each part is at most 2 √s (2 √s′) times a mixture
/// of likelihood ratios (R. E. Krichevsky, V. K. Trofimov, 1981, *The performance of universal encoding*), whose product is a
/// martingale from j on; J. Ville's inequality bounds it by δ / (j (j + 1)), and these add up to δ. The threshold of the
/// paper holds for changes between any two outcomes; where there are days, it needs three times as much evidence.
/// That a bandit favours the arm or neglects it changes how many outcomes there are, not their mean, and does no harm.
///
/// `None` while nothing speaks for a change. Stretches may be merged from one look to the next, and be empty.
///
/// ```
/// use tactful::belief::{Stretch, change};
///
/// let day = |start, sum| Stretch { start, sum, outcomes: 200.0 };
/// let even: Vec<Stretch> = (0..30).map(|start| day(start, 10.0)).collect();
/// assert_eq!(change(&even, 0.05), None);
///
/// let fallen: Vec<Stretch> = (0..40).map(|start| day(start, if start < 30 { 10.0 } else { 2.0 })).collect();
/// let found = change(&fallen, 0.05).unwrap();
/// assert_eq!(found.at, 30);
/// assert!(found.after < found.before);
/// ```
#[must_use]
pub fn change(stretches: &[Stretch], error: f64) -> Option<Change> {
    let first = stretches.first()?.start;
    let (sum, outcomes) =
        stretches.iter().fold((0.0, 0.0), |(s, n), stretch| (s + stretch.sum, n + stretch.outcomes));
    if !(outcomes > 1.0 && error > 0.0 && error < 1.0 && (0.0..=outcomes).contains(&sum)) {
        return None;
    }
    let mean = sum / outcomes;
    let (mut sum_before, mut before) = (0.0, 0.0);
    let mut clearest: Option<Change> = None;
    for stretch in stretches {
        let after = outcomes - before;
        // Below one (weighted) outcome the bound on the mixture does not hold, nor is there much to tell.
        if before >= 1.0 && after >= 1.0 && stretch.outcomes > 0.0 {
            let means = (sum_before / before, ((sum - sum_before) / after).clamp(0.0, 1.0));
            let statistic = before * divergence(means.0, mean) + after * divergence(means.1, mean);
            let place = f64::from(stretch.start.saturating_sub(first).max(1));
            let threshold = libm::log(4.0 * (before * after).sqrt() * place * (place + 1.0) / error);
            let excess = |change: &Change| change.statistic - change.threshold;
            let found = Change { at: stretch.start, before: means.0, after: means.1, statistic, threshold };
            if clearest.is_none_or(|clearest| excess(&found) > excess(&clearest)) {
                clearest = Some(found);
            }
        }
        sum_before += stretch.sum;
        before += stretch.outcomes;
    }
    clearest.filter(|clearest| clearest.statistic >= clearest.threshold)
}

/// kl(p, q) of Bernoulli laws.
fn divergence(p: f64, q: f64) -> f64 {
    let part = |p: f64, q: f64| if p > 0.0 { p * libm::log(p / q) } else { 0.0 };
    (part(p, q) + part(1.0 - p, 1.0 - q)).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretches(told: &[(f64, f64)]) -> Vec<Stretch> {
        (0..).zip(told).map(|(start, &(sum, outcomes))| Stretch { start, sum, outcomes }).collect()
    }

    #[test]
    fn statistic_and_threshold_by_hand() {
        // 0 of 100, then 50 of 100: 100 kl(0, 1/4) + 100 kl(1/2, 1/4) = 100 ln(4/3) + 50 ln(4/3).
        let found = change(&stretches(&[(0.0, 100.0), (50.0, 100.0)]), 0.05).unwrap();
        let expected = 150.0 * (4.0_f64 / 3.0).ln();
        assert!((found.statistic - expected).abs() < 1e-12, "{}", found.statistic);
        assert!((found.threshold - (4.0_f64 * 100.0 * 2.0 / 0.05).ln()).abs() < 1e-12, "{}", found.threshold);
        assert_eq!((found.at, found.before, found.after), (1, 0.0, 0.5));
    }

    /// ln( B(½ + S, ½ + F) / π ) ≥ S ln(S/n) + F ln(F/n) − ln(2 √n), for sums that are not whole too.
    #[test]
    fn the_mixture_is_within_the_bound() {
        for n in [1.0, 1.5, 2.0, 7.3, 100.0, 1e4] {
            for step in 0..=200 {
                let (s, f) = (n * f64::from(step) / 200.0, n - n * f64::from(step) / 200.0);
                let mixture = libm::lgamma(0.5 + s) + libm::lgamma(0.5 + f)
                    - libm::lgamma(1.0 + n)
                    - std::f64::consts::PI.ln();
                let power = |x: f64| if x > 0.0 { x * (x / n).ln() } else { 0.0 };
                let bound = power(s) + power(f) - (2.0 * n.sqrt()).ln();
                assert!(mixture >= bound - 1e-9, "{s} of {n}: {mixture} {bound}");
            }
        }
    }

    #[test]
    fn nothing_is_found_where_nothing_is_known() {
        for told in [&[][..], &[(1.0, 1.0)], &[(0.0, 50.0), (0.0, 50.0)], &[(f64::NAN, 9.0), (1.0, 9.0)]] {
            assert_eq!(change(&stretches(told), 0.05), None);
        }
        assert_eq!(change(&stretches(&[(0.0, 1e6), (1e6, 1e6)]), 0.0), None);
    }
}
