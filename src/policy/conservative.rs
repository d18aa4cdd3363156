//! Conservative: another policy, as far as a baseline arm's earnings are not put at risk.

use crate::arm::ArmId;
use crate::belief::Importance;
use crate::statistics::ArmStatistics;

use super::index::mean;
use super::parameter::share;
use super::{Family, Observes, ParameterError, Policy, Probabilities, View};

/// Selects by another policy with the largest probability q that leaves what was earned for certain at no less than 1 − α of
/// what the baseline arm would have earned, and else the baseline arm.
///
/// With n_k the selections of arm k, t their sum, Q the probabilities of the other policy and lower and upper confidence
/// bounds λ_k ≤ μ_k ≤ υ_k, the budget after the next decision is
/// Σ_{k≠0} (n_k + q Q_k) λ_k + c μ₀, c = n₀ + 1 − q (1 − Q₀) − (1 − α)(t + 1), with λ₀ for μ₀ if c ≥ 0, else υ₀. It is concave in
/// q, and q is the largest in [0, 1] for which it is not negative; 0 if none is. If the baseline arm is not eligible the other
/// policy decides alone.
///
/// Y. Wu, R. Shariff, T. Lattimore, C. Szepesvári (2016), *Conservative Bandits*: with probability 1 − δ the reward stays above
/// 1 − α of the baseline's at every time, at the price of O(K / (α μ₀)) more regret than UCB's. Theirs is the case q ∈ {0, 1}; a
/// mix keeps the same budget in expectation at each decision. The bounds are those of the Bernoulli divergence,
/// n kl(x̄, ·) ≤ ln(2 K n (n + 1) / δ), n counting returned outcomes, which hold for all arms and times at once, and δ is 0.05.
///
/// **When**: a template in use earns well, and trying others must not cost more than a tenth, say, at any time. **When not**:
/// there is no such baseline, or outcomes take long: nothing is earned for certain until they come, so until then it is the
/// baseline with little else. The budget is that of the eligible arms in a segment.
#[derive(Debug)]
pub struct Conservative {
    inner: Box<dyn Policy>,
    baseline: ArmId,
    alpha: f64,
}

/// The probability that a bound fails, ever.
const DELTA: f64 = 0.05;

impl Conservative {
    /// This policy, with at most a part α in [0, 1] of the baseline arm's earnings at risk.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] for any other α.
    pub fn new(inner: impl Policy + 'static, baseline: ArmId, alpha: f64) -> Result<Self, ParameterError> {
        Self::boxed(Box::new(inner), baseline, alpha)
    }

    /// The same for a policy in a box.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] if α is not in [0, 1].
    pub fn boxed(inner: Box<dyn Policy>, baseline: ArmId, alpha: f64) -> Result<Self, ParameterError> {
        Ok(Self { inner, baseline, alpha: share("alpha", alpha)? })
    }

    /// The probability of following the other policy, whose probabilities are `shares`.
    fn trust(&self, view: &View<'_>, baseline: usize, shares: &[f64]) -> f64 {
        let arms = view.statistics();
        let (mut earned, mut earning) = (0.0, 0.0);
        for (position, (arm, share)) in arms.iter().zip(shares).enumerate() {
            if position != baseline {
                let [lower, _] = bounds(*arm, arms.len());
                earned += arm.issued() as f64 * lower;
                earning += share * lower;
            }
        }
        let [lower, upper] = bounds(arms[baseline], arms.len());
        let next = view.selections() as f64 + 1.0;
        let surplus = arms[baseline].issued() as f64 + 1.0 - (1.0 - self.alpha) * next;
        let away = 1.0 - shares[baseline];
        let budget = |q: f64| {
            let c = surplus - q * away;
            earned + q * earning + c * if c >= 0.0 { lower } else { upper }
        };
        if budget(1.0) >= 0.0 {
            return 1.0;
        }
        // A straight line on either side of where c is zero; the last crossing is where the budget falls.
        let bend = if away > 0.0 { (surplus / away).clamp(0.0, 1.0) } else { 0.0 };
        let (from, to) = if budget(bend) >= 0.0 { (bend, 1.0) } else { (0.0, bend) };
        if !(budget(from) >= 0.0) {
            return 0.0;
        }
        let (above, below) = (budget(from), budget(to));
        (from + (to - from) * above / (above - below)).clamp(0.0, 1.0)
    }
}

/// Bounds between which the mean of this arm lies, as those of all arms do at all times, with probability 1 − δ.
fn bounds(arm: ArmStatistics, arms: usize) -> [f64; 2] {
    let n = arm.returned() as f64;
    if arm.returned() == 0 {
        return [0.0, 1.0];
    }
    let budget = libm::log(2.0 * arms as f64 * n * (n + 1.0) / DELTA) / n;
    let mean = mean(arm);
    let upper = |mean| Family::Bernoulli.upper_bound(mean, budget);
    // Downwards as upwards, with success and failure exchanged.
    [(1.0 - upper(1.0 - mean)).max(0.0), upper(mean)]
}

impl Policy for Conservative {
    fn name(&self) -> String {
        format!("conservative({},{},{})", self.inner.name(), self.baseline, self.alpha)
    }

    fn observes(&self) -> Observes {
        Observes::Selections
    }

    fn importance(&self, arms: usize) -> Option<Importance> {
        self.inner.importance(arms)
    }

    fn goals(&self) -> usize {
        self.inner.goals()
    }

    fn goal_weights(&self, view: &View<'_>) -> Vec<f64> {
        self.inner.goal_weights(view)
    }

    fn probabilities(&self, view: &View<'_>) -> Probabilities {
        let inner = self.inner.probabilities(view);
        let Ok(baseline) = view.arms().binary_search(&self.baseline) else {
            return inner;
        };
        let mut shares = dense(&inner, view.len());
        let trust = self.trust(view, baseline, &shares);
        shares.iter_mut().for_each(|share| *share *= trust);
        shares[baseline] += 1.0 - trust;
        Probabilities::dense(&shares)
    }
}

/// One share for each arm, as the bandit reads these probabilities: what is negative or not finite counts as zero, the rest is
/// scaled.
fn dense(probabilities: &Probabilities, arms: usize) -> Vec<f64> {
    let valid = |share: f64| if share > 0.0 && share.is_finite() { share } else { 0.0 };
    let mut shares = vec![valid(probabilities.uniform) / arms as f64; arms];
    for &(position, share) in &probabilities.contenders {
        shares[position as usize] += valid(share);
    }
    let sum: f64 = shares.iter().sum();
    if sum > 0.0 {
        shares.iter_mut().for_each(|share| *share /= sum);
    } else {
        shares.fill(1.0 / arms as f64);
    }
    shares
}
