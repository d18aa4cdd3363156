//! Top-two Thompson sampling: finds out which arm is the best, and says when it knows.

use crate::belief::{Beta, best};
use crate::statistics::ArmStatistics;

use super::parameter::share;
use super::{Family, Observes, ParameterError, Policy, Probabilities, View};

/// Selects the arm that a draw from the beliefs finds best with probability β, and else the best of the first draw that finds
/// another arm.
///
/// With P_k the probability that arm k is the best, p_k = P_k (β + (1 − β) Σ_{j≠k} P_j / (1 − P_j)), which is computed, not
/// drawn. Where one arm is almost certainly the best, 1 − P_j < 10⁻⁴, who else may be has no digits left in P; there rival k
/// has a share in proportion to e^(−Z), Z the likelihood ratio of [`TopTwoThompson::decided`] with the posteriors' shapes
/// for counts, which is how P_k falls as counts grow.
///
/// D. Russo (2016), *Simple Bayesian Algorithms for Best Arm Identification*: with β = ½ the probability that the best arm is
/// not the one thought so falls exponentially, with at least half of the best exponent. As a policy for rewards its regret is
/// linear: half of the decisions go to rivals for ever.
///
/// **When**: an experiment, to end with a winner: it needs several times fewer decisions than equal shares. **When not**:
/// rewards count while it runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TopTwoThompson {
    beta: f64,
}

/// Below this the complement of a probability of being the best is not looked at: probabilities are good to 10⁻⁶.
const CERTAIN: f64 = 1e-4;

impl TopTwoThompson {
    /// Top-two Thompson sampling with β in [0, 1], the share of the arm found best.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] for any other number.
    pub fn new(beta: f64) -> Result<Self, ParameterError> {
        Ok(Self { beta: share("beta", beta)? })
    }

    /// The position of the arm that is the best with an error rate of at most `delta`, if the outcomes of 0/1 rewards say so.
    ///
    /// It may be asked after each outcome, and whatever chose the arms: the probability that it *ever* names a wrong arm is at
    /// most `delta`. For the arm j of the largest mean and each other arm k, the likelihood ratio
    /// Z = n_j kl(x̄_j, x̄) + n_k kl(x̄_k, x̄) against equal means, x̄ the mean of both, must exceed
    /// 3 ln(1 + ln n_j) + 3 ln(1 + ln n_k) + 2 T(½ ln((K − 1) / δ)).
    ///
    /// A. Garivier, E. Kaufmann (2016), *Optimal Best Arm Identification with Fixed Confidence*; the threshold, with T, is
    /// theorem 7 and section 5 of E. Kaufmann, W. M. Koolen (2021), *Mixture Martingales Revisited with Applications to
    /// Sequential Tests and Confidence Intervals*. The threshold was not held against the paper's text;
    /// a simulation bounds its errors, which would notice gross ones only. n counts returned outcomes. If some kinds of outcome come later than others
    /// the means are biased until all have come, and no threshold helps.
    #[must_use]
    pub fn decided(&self, view: &View<'_>, delta: f64) -> Option<usize> {
        let arms = view.statistics();
        let mean = |arm: &ArmStatistics| arm.mean();
        let mut leader = 0;
        for position in 1..arms.len() {
            if mean(&arms[position]) > mean(&arms[leader]) {
                leader = position;
            }
        }
        let Some(best) = mean(&arms[leader]) else {
            return (arms.len() == 1).then_some(0);
        };
        if !(delta > 0.0) {
            return (arms.len() == 1).then_some(0);
        }
        let rivals = (arms.len() - 1) as f64;
        let calibration = 2.0 * calibrated(0.5 * libm::log(rivals / delta).max(0.0));
        let patience = |arm: &ArmStatistics| 3.0 * libm::log1p(libm::log(arm.returned() as f64));
        let beaten = |arm: &ArmStatistics| {
            mean(arm).is_some_and(|mean| {
                let [first, second] = [arms[leader].returned() as f64, arm.returned() as f64];
                likelihood_ratio([first, best], [second, mean])
                    > patience(&arms[leader]) + patience(arm) + calibration
            })
        };
        let others = arms.iter().enumerate().filter(|&(position, _)| position != leader);
        others.map(|(_, arm)| arm).all(beaten).then_some(leader)
    }
}

impl Default for TopTwoThompson {
    /// β = ½.
    fn default() -> Self {
        Self { beta: 0.5 }
    }
}

impl Policy for TopTwoThompson {
    fn name(&self) -> String {
        match self {
            _ if *self == Self::default() => "top-two-thompson".to_owned(),
            Self { beta } => format!("top-two-thompson({beta})"),
        }
    }

    fn observes(&self) -> Observes {
        Observes::Outcomes
    }

    fn probabilities(&self, view: &View<'_>) -> Probabilities {
        let posteriors = view.posteriors();
        if posteriors.iter().all(|posterior| *posterior == posteriors[0]) {
            return Probabilities::uniform();
        }
        let mut contenders = best::contenders(posteriors);
        let (mut most, mut leader) = (0.0, 0);
        for &(position, share) in &contenders {
            if share > most {
                (most, leader) = (share, position as usize);
            }
        }
        if 1.0 - most < CERTAIN {
            let mut shares = rivals(posteriors, leader);
            shares.iter_mut().for_each(|share| *share *= 1.0 - self.beta);
            shares[leader] = self.beta;
            return Probabilities::dense(&shares);
        }
        let odds = |share: f64| share / (1.0 - share);
        let sum: f64 = contenders.iter().map(|&(_, share)| odds(share)).sum();
        for (_, share) in &mut contenders {
            // The sum of the others' odds, which rounding must not make negative.
            let others = (sum - odds(*share)).max(0.0);
            *share *= self.beta + (1.0 - self.beta) * others;
        }
        Probabilities { uniform: 0.0, contenders }
    }
}

/// Shares that sum to one of the arms other than the one that is certainly best.
fn rivals(posteriors: &[Beta], leader: usize) -> Vec<f64> {
    let record = |posterior: &Beta| [posterior.alpha() + posterior.beta(), posterior.mean()];
    let first = record(&posteriors[leader]);
    let mut shares: Vec<f64> =
        posteriors.iter().map(|rival| likelihood_ratio(first, record(rival))).collect();
    shares[leader] = f64::INFINITY;
    let least = shares.iter().copied().fold(f64::INFINITY, f64::min);
    shares.iter_mut().for_each(|share| *share = libm::exp(least - *share));
    let sum: f64 = shares.iter().sum();
    shares.iter_mut().for_each(|share| *share /= sum);
    shares
}

/// The logarithm of the likelihood ratio of two (count, mean) against one mean for both; 0 if the first is not ahead.
fn likelihood_ratio([n, p]: [f64; 2], [m, q]: [f64; 2]) -> f64 {
    if !(p > q) {
        return 0.0;
    }
    let both = (n * p + m * q) / (n + m);
    let bernoulli = Family::Bernoulli;
    // Downwards as upwards, with success and failure exchanged.
    n * bernoulli.divergence(1.0 - p, 1.0 - both) + m * bernoulli.divergence(q, both)
}

/// T(x) = 2 h̃((h⁻¹(1 + x) + ln(2 ζ(2))) / 2) for x ≥ 0, where h(u) = u − ln u for u ≥ 1, and h̃(x) is u e^(1/u) with u = h⁻¹(x)
/// for x ≥ h(1 / ln z), z = 3/2, and else z (x − ln ln z).
fn calibrated(x: f64) -> f64 {
    let double_zeta = std::f64::consts::PI * std::f64::consts::PI / 3.0;
    let y = 0.5 * (inverse_h(1.0 + x) + libm::log(double_zeta));
    let z = 1.5;
    let log_z = libm::log(z);
    2.0 * if y >= 1.0 / log_z + libm::log(log_z) {
        let u = inverse_h(y);
        u * libm::exp(1.0 / u)
    } else {
        z * (y - libm::log(log_z))
    }
}

/// The u ≥ 1 with u − ln u = x, for x ≥ 1.
fn inverse_h(x: f64) -> f64 {
    // Right of the root, as ln u ≤ u / 2 there; h is convex, so Newton's method comes down to it.
    let mut u = 2.0 * x;
    for _ in 0..100 {
        let step = (u - libm::log(u) - x) * u / (u - 1.0);
        u -= step;
        if !(step > 1e-12 * u) {
            break;
        }
    }
    u.max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds() {
        for x in [1.0, 1.5, 4.0, 30.0] {
            let u = inverse_h(x);
            assert!((u - libm::log(u) - x).abs() < 1e-9, "{x}: {u}");
        }
        // The authors: T(x) is about x + 4 ln(1 + x + √(2x)) for x ≥ 5; so it is to a tenth, and within three parts in a hundred from 10.
        for x in [5.0_f64, 10.0, 40.0] {
            let about = x + 4.0 * (1.0 + x + (2.0 * x).sqrt()).ln();
            assert!((calibrated(x) / about - 1.0).abs() < 0.1, "{x}: {} and {about}", calibrated(x));
        }
    }

    /// 8 of 10 against 2 of 10: 20 kl(0.8, 0.5) = 20 · 0.1927448.
    #[test]
    fn a_likelihood_ratio_by_hand() {
        let ratio = likelihood_ratio([10.0, 0.8], [10.0, 0.2]);
        assert!((ratio - 3.854_895_1).abs() < 1e-6, "{ratio}");
        assert!(likelihood_ratio([10.0, 0.2], [10.0, 0.8]).abs() < 1e-300);
    }
}
