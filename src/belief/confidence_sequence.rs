//! An interval for a mean that holds at all times at once: look as often as you like, stop when you like.

use std::error::Error;
use std::fmt;

use super::logarithm::log_shortfall;

/// A confidence sequence for the mean of outcomes in [0, 1].
///
/// A fixed-sample interval covers the truth at 95 % of the times one *plans* to look at. Who looks every morning and acts
/// when the interval says so is wrong far more often: the chance that it excludes the truth on *some* morning goes to
/// one. A confidence sequence excludes the truth, ever, with probability at most its error, and this holds for an arm
/// that a bandit favours or neglects by what it has seen.
///
/// For a mean p and after n outcomes with the sum S, let
///
/// ```text
/// M(p) = B(κp + S, κ(1 − p) + n − S) / ( B(κp, κ(1 − p)) p^S (1 − p)^(n − S) ),
/// ```
///
/// a mixture of likelihood ratios. If p is the mean, M(p) is a martingale that starts at 1 (for outcomes between 0 and 1
/// it can only be less), and exceeds 1/α, ever, with probability at most α (J. Ville, 1939). The interval is where M(p) <
/// 1/α: the two-sided beta-binomial mixture of S. R. Howard, A. Ramdas, J. McAuliffe, J. Sekhon (2021), *Time-uniform,
/// Nonparametric, Nonasymptotic Confidence Sequences*, with their κ = v / (2 ln 20 + ln(1 + 2 ln 20)) − 1, tightest
/// about v outcomes.
///
/// What must hold: each outcome has the same mean given all that came before. So count decisions whose time is over, not
/// those that happen to have answered early.
///
/// ```
/// use tactful::belief::ConfidenceSequence;
///
/// let sequence = ConfidenceSequence::new(0.05, 100.0)?;
/// let (lower, upper) = sequence.interval(700.0, 1000.0);
/// assert!((lower - 0.651629).abs() < 1e-6 && (upper - 0.745949).abs() < 1e-6);
/// # Ok::<(), tactful::belief::ConfidenceSequenceError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConfidenceSequence {
    error: f64,
    /// What the mixture is worth in outcomes, κ.
    strength: f64,
}

/// A confidence sequence that cannot be.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum ConfidenceSequenceError {
    /// The chance of error is not between 0 and 1.
    Error(f64),
    /// The number of outcomes to be tight at is not a number above 0.
    TightAt(f64),
}

impl fmt::Display for ConfidenceSequenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => write!(f, "the chance of error {error} is not between 0 and 1"),
            Self::TightAt(outcomes) => write!(f, "{outcomes} outcomes to be tight at is not above 0"),
        }
    }
}

impl Error for ConfidenceSequenceError {}

impl ConfidenceSequence {
    /// How many outcomes to be tight at if nobody knows better: a hundredth or a hundred times as many cost a tenth of the
    /// width.
    pub const TIGHT_AT: f64 = 1000.0;

    /// The sequence that ever excludes the mean with probability at most `error`, tightest about so many outcomes.
    ///
    /// # Errors
    ///
    /// [`ConfidenceSequenceError`] unless the error lies between 0 and 1 and the number is above 0 and finite.
    pub fn new(error: f64, tight_at: f64) -> Result<Self, ConfidenceSequenceError> {
        if !(error > 0.0 && error < 1.0) {
            return Err(ConfidenceSequenceError::Error(error));
        }
        if !(tight_at > 0.0 && tight_at.is_finite()) {
            return Err(ConfidenceSequenceError::TightAt(tight_at));
        }
        // Tuned at 5 %, whatever the error, as the authors' package has it; and never quite without a mixture.
        let strength = (normal_mixture(tight_at, 0.05) - 1.0).max(1e-3);
        Ok(Self { error, strength })
    }

    /// The chance of ever excluding the mean.
    #[must_use]
    pub fn error(&self) -> f64 {
        self.error
    }

    /// The interval after so many outcomes with this sum; [0, 1] before the first. Counts may be weighted, not negative.
    #[must_use]
    pub fn interval(&self, sum: f64, outcomes: f64) -> (f64, f64) {
        if !(outcomes > 0.0) || !outcomes.is_finite() {
            return (0.0, 1.0);
        }
        let sum = sum.clamp(0.0, outcomes);
        let mean = sum / outcomes;
        let limit = -libm::log(self.error);
        let excluded = |p: f64| self.log_martingale(p, sum, outcomes) >= limit;
        let lower = if sum > 0.0 { boundary(mean, 0.0, excluded) } else { 0.0 };
        let upper = if sum < outcomes { boundary(mean, 1.0, excluded) } else { 1.0 };
        (lower, upper)
    }

    /// Whether the interval after so many outcomes with this sum excludes a mean; cheaper than its ends.
    #[must_use]
    pub fn excludes(&self, mean: f64, sum: f64, outcomes: f64) -> bool {
        if !(outcomes > 0.0 && outcomes.is_finite()) {
            return false;
        }
        let sum = sum.clamp(0.0, outcomes);
        match mean {
            // What has probability 0 has happened, or not.
            _ if mean <= 0.0 => mean < 0.0 || sum > 0.0,
            _ if mean >= 1.0 => mean > 1.0 || sum < outcomes,
            mean => self.log_martingale(mean, sum, outcomes) >= -libm::log(self.error),
        }
    }

    /// ln M(p).
    fn log_martingale(&self, p: f64, sum: f64, outcomes: f64) -> f64 {
        let (a, b) = (self.strength * p, self.strength * (1.0 - p));
        let failures = outcomes - sum;
        // ln B(a + S, b + F) − S ln p − F ln(1 − p), each power with the shape it belongs to.
        let after = log_beta_over_powers(a + sum, b + failures, p);
        let before = log_beta_over_powers(a, b, p);
        after - before
    }
}

/// ρ of the two-sided normal mixture whose boundary is lowest at intrinsic time v, (to a close approximation) v / (2 ln(1/α)
/// + ln(1 + 2 ln(1/α))): Howard et al. (2021), section 3.5.
pub(crate) fn normal_mixture(v: f64, error: f64) -> f64 {
    let logarithm = -2.0 * libm::log(error);
    v / (logarithm + libm::log1p(logarithm))
}

/// ln( B(a, b) / (p^a (1 − p)^b) ).
///
/// As differences of large logarithms of gammas this would lose all digits at 10⁹ outcomes. With Stirling's formula what is
/// large cancels on paper: with n = a + b and u = n p / a − 1,
/// a ln(a / (n p)) = −a ln(1 + u) = a (shortfall(u) − u), and a u + b u′ = 0.
fn log_beta_over_powers(a: f64, b: f64, p: f64) -> f64 {
    /// From here on Stirling's series is exact to double precision.
    const LARGE: f64 = 16.0;
    if a.min(b) < LARGE {
        let beta = match a.max(b) < 1e6 {
            true => libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b),
            false => {
                let (small, large) = (a.min(b), a.max(b));
                // ln Γ(L) − ln Γ(L + s) = −s ln(L) − …, from Stirling's formula for both.
                libm::lgamma(small) - log_gamma_step(large, small)
            }
        };
        return beta - a * libm::log(p) - b * libm::log1p(-p);
    }
    let n = a + b;
    let (u, v) = ((n * p - a) / a, (n * (1.0 - p) - b) / b);
    let kullback = a * log_shortfall(u) + b * log_shortfall(v);
    let half = 0.5 * libm::log(std::f64::consts::TAU * (n / a) / b);
    kullback + half + stirling(a) + stirling(b) - stirling(n)
}

/// ln Γ(x + s) − ln Γ(x) for large x.
fn log_gamma_step(x: f64, s: f64) -> f64 {
    let ratio = libm::log1p(s / x);
    (x - 0.5) * ratio + s * (libm::log(x) + ratio) - s + stirling(x + s) - stirling(x)
}

/// What Stirling's formula for ln Γ leaves out: 1/(12 x) − 1/(360 x³) + ….
fn stirling(x: f64) -> f64 {
    let square = 1.0 / (x * x);
    let series = 1.0 / 12.0
        - square
            * (1.0 / 360.0
                - square
                    * (1.0 / 1260.0
                        - square * (1.0 / 1680.0 - square * (1.0 / 1188.0 - square * 691.0 / 360_360.0))));
    series / x
}

/// Where `excluded` begins between the mean, which is not, and an end, by bisection.
fn boundary(mean: f64, end: f64, excluded: impl Fn(f64) -> bool) -> f64 {
    let (mut within, mut beyond) = (mean, end);
    // To the last bit of double precision.
    for _ in 0..64 {
        let middle = 0.5 * (within + beyond);
        if excluded(middle) {
            beyond = middle;
        } else {
            within = middle;
        }
    }
    beyond
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values that the authors' package, confseq, has in its tests, to six digits.
    #[test]
    fn bernoulli_intervals_of_the_authors() {
        for (sum, outcomes, tight_at, expected) in [
            (700.0, 1000.0, 100.0, (0.651_629, 0.745_949)),
            (15.0, 50.0, 50.0, (0.129_556, 0.511_896)),
            (5.0, 50.0, 50.0, (0.013_021, 0.269_264)),
            (1.0, 50.0, 50.0, (0.0, 0.134_89)),
            (100.0, 200.0, 1.0, (0.328_923, 0.671_076)),
            (0.0, 1.0, 50.0, (0.0, 1.0)),
            (1.0, 1.0, 50.0, (0.0, 1.0)),
            (1.0, 2.0, 50.0, (0.0, 1.0)),
        ] {
            let (lower, upper) = ConfidenceSequence::new(0.05, tight_at).unwrap().interval(sum, outcomes);
            let close = |found: f64, expected: f64| (found - expected).abs() < 1e-5;
            assert!(
                close(lower, expected.0) && close(upper, expected.1),
                "{sum}/{outcomes}: {lower} {upper}"
            );
        }
    }

    /// Their beta-binomial mixture for g = 0.2, h = 0.8 (a rate of 0.2), tuned at v = 100: at v = 100, that is 625
    /// outcomes, with s = 10, that is 135 successes, the logarithm is −0.6941012.
    #[test]
    fn the_mixture_of_the_authors() {
        assert!((normal_mixture(100.0, 0.05) - 12.60056).abs() < 1e-5);
        let strength = (normal_mixture(100.0, 0.05) - 0.16) / 0.16;
        let sequence = ConfidenceSequence { error: 0.05, strength };
        let found = sequence.log_martingale(0.2, 135.0, 625.0);
        assert!((found + 0.694_101_2).abs() < 1e-6, "{found}");
        // Their bound there is s = 31.4308.
        let limit = 20.0_f64.ln();
        let at = |s: f64| sequence.log_martingale(0.2, 125.0 + s, 625.0) - limit;
        assert!(at(31.4307) < 0.0 && at(31.4309) > 0.0);
    }

    #[test]
    fn both_ways_of_computing_agree() {
        // B(20, 30) = 19! 29! / 49!, by sums of logarithms.
        let factorial = |n: u32| (1..=n).map(|i| f64::from(i).ln()).sum::<f64>();
        let plain = factorial(19) + factorial(29) - factorial(49) - 20.0 * 0.3_f64.ln() - 30.0 * 0.7_f64.ln();
        assert!((log_beta_over_powers(20.0, 30.0, 0.3) - plain).abs() < 1e-12);
        // B(2, b) = 1 / (b (b + 1)).
        for b in [1e3_f64, 1e5, 1e7, 1e9] {
            let plain = -(b.ln() + (b + 1.0).ln()) - 2.0 * (1.0 / b).ln() - b * (-1.0 / b).ln_1p();
            let found = log_beta_over_powers(2.0, b, 1.0 / b);
            assert!((found - plain).abs() < 1e-6, "{b}: {found} {plain}");
        }
    }

    #[test]
    fn every_count_has_an_interval_about_its_mean() {
        let sequence = ConfidenceSequence::new(0.05, ConfidenceSequence::TIGHT_AT).unwrap();
        for outcomes in [1.0, 7.0, 1e3, 1e6, 4e9, 1e15] {
            for share in [0.0, 1e-9, 0.01, 0.5, 1.0] {
                let sum = outcomes * share;
                let (lower, upper) = sequence.interval(sum, outcomes);
                assert!(
                    0.0 <= lower && lower <= share && share <= upper && upper <= 1.0,
                    "{outcomes} {share}"
                );
                if outcomes > 1e5 {
                    let width = 2.0 * (share * (1.0 - share) / outcomes).sqrt() + 1.0 / outcomes;
                    assert!(upper - lower < 20.0 * width, "{outcomes} {share}: {lower} {upper}");
                }
            }
        }
        assert_eq!(sequence.interval(0.0, 0.0), (0.0, 1.0));
        assert_eq!(sequence.interval(f64::NAN, f64::NAN), (0.0, 1.0));
        assert!(
            ConfidenceSequence::new(f64::NAN, 1.0).is_err() && ConfidenceSequence::new(0.1, 0.0).is_err()
        );
    }
}
