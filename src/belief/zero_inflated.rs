//! The posterior of an amount that is mostly nothing: does the customer pay, times how much.

use std::error::Error;
use std::fmt;

use crate::statistics::ArmStatistics;

use super::{Beta, Gamma, Marginal};

/// What is believed of rewards that are zero but for a part p, and then follow a Gamma law of mean m and known coefficient of
/// variation c: p ~ Beta(a, b), and the rate θ = k/m of the amounts ~ Gamma, with k = 1/c². What counts is p m.
///
/// Conjugate in both parts: n messages, of which n₊ paid amounts that add up to Σ, give Beta(a + n₊, b + n − n₊) and
/// Gamma(α + k n₊, β + kΣ) for 1/m (k absorbed; D. Fink 1997, *A Compendium of Conjugate Priors*, on the Gamma with known
/// shape). With c = 1, amounts are exponential: C. Stucchio (2015), *Bayesian A/B Testing at VWO*, on revenue.
///
/// # The number of payments
///
/// It is no counter of its own: [`payments`] gets it from sum and sum of squares. A miscount that comes of a wrong c does
/// little harm: fewer payments of more each have the same mean, and the relative variance of p m, (1 + c²)/n₊ for rare
/// payments, is Σr²/(Σr)² whatever c. A counter of the rewards above zero, beside the others in the cells of real rewards
/// and in snapshot and journal, would make it exact; a sum of their logarithms would give c too.
///
/// ```
/// use tactful::belief::{Beta, ZeroInflated};
///
/// // Ten messages, four payments, of 8 in all; before, one payment of 2 is supposed.
/// let prior = ZeroInflated::new(Beta::UNIFORM, 2.0, 1.0)?;
/// let posterior = prior.updated(10.0, 4.0, 8.0);
/// assert_eq!(posterior.pays(), Beta::new(5.0, 7.0)?);
/// assert!((posterior.mean() - 5.0 / 12.0 * 2.0).abs() < 1e-15);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ZeroInflated {
    pays: Beta,
    /// Of 1/m.
    inverse: Gamma,
    /// Payments, before the first, and what they add up to.
    supposed: (f64, f64),
    variation: f64,
}

/// Why there is no such [`ZeroInflated`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum ZeroInflatedError {
    /// The mean amount that is supposed is not a number from 10⁻¹⁰⁰ to 10¹⁰⁰.
    Amount(f64),
    /// The coefficient of variation is not a number from 0.1 to 10.
    Variation(f64),
}

/// The number of payments that lead to counters like these, if amounts follow a Gamma law with this coefficient of variation
/// c: (1 + c²) (Σr)²/Σr² − c², at least one if there is any, at most as many as have returned.
///
/// Of n payments E Σr²/(Σr)² is (1 + c²)/(n + c²) (the amounts' shares follow a Dirichlet law), and equal amounts, c = 0, have
/// n = (Σr)²/Σr² exactly. The rewards must be 0 where nothing is paid, so the declared range must start at 0; and amounts
/// of less than a thousandth of the range are lost in the rounding of their squares.
///
/// ```
/// use tactful::{ArmStatistics, belief::payments};
///
/// let mut statistics = ArmStatistics::default();
/// for amount in [0.0, 0.5, 0.0, 0.25, 0.0] {
///     statistics.observe(amount)?;
/// }
/// assert!((payments(statistics, 1.0) - (2.0 * 0.75 * 0.75 / 0.3125 - 1.0)).abs() < 1e-12); // 2.6
/// # Ok::<(), tactful::StatisticsError>(())
/// ```
#[must_use]
pub fn payments(statistics: ArmStatistics, variation: f64) -> f64 {
    let (sum, squares) = (statistics.sum(), statistics.sum_of_squares());
    if !(sum > 0.0 && squares > 0.0) {
        return 0.0;
    }
    let square = variation * variation;
    let found = (1.0 + square) * (sum * sum / squares) - square;
    // No amount is more than 1, so that the sum is a bound too.
    found.max(1.0).max(sum).min(statistics.returned() as f64)
}

impl ZeroInflated {
    /// Before the first message: a posterior of the part that pays, one payment of mean `amount` that is supposed, and the
    /// coefficient of variation of the amounts, in [0.1, 10].
    ///
    /// # Errors
    ///
    /// [`ZeroInflatedError`] for other numbers.
    pub fn new(pays: Beta, amount: f64, variation: f64) -> Result<Self, ZeroInflatedError> {
        if !(1e-100..=1e100).contains(&amount) {
            return Err(ZeroInflatedError::Amount(amount));
        }
        if !(0.1..=10.0).contains(&variation) {
            return Err(ZeroInflatedError::Variation(variation));
        }
        Ok(Self::supposing(pays, (1.0, amount), variation))
    }

    fn supposing(pays: Beta, (payments, sum): (f64, f64), variation: f64) -> Self {
        let form = 1.0 / (variation * variation);
        // One more, so that the mean of m is the sum over the payments.
        let inverse = Gamma::admissible(form * payments + 1.0, form * sum);
        Self { pays, inverse, supposed: (payments, sum), variation }
    }

    /// What is believed of the part that pays.
    #[must_use]
    pub fn pays(&self) -> Beta {
        self.pays
    }

    /// The mean of what a payment is believed to be.
    #[must_use]
    pub fn amount(&self) -> f64 {
        self.supposed.1 / self.supposed.0
    }

    /// The mean of p m: what a message is believed to earn.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.pays.mean() * self.amount()
    }

    /// The posterior after so many messages, of which `payments` earned `sum` in all (finite, not negative, perhaps
    /// weighted).
    ///
    /// # Panics
    ///
    /// In builds with debug assertions, if an argument is not that, or payments are more than messages.
    #[must_use]
    pub fn updated(self, messages: f64, payments: f64, sum: f64) -> Self {
        debug_assert!(sum >= 0.0 && sum.is_finite(), "the sum is {sum}, not finite and >= 0");
        let pays = self.pays.updated(payments, messages - payments);
        Self::supposing(pays, (self.supposed.0 + payments, self.supposed.1 + sum), self.variation)
    }

    /// The posterior after what was counted of an arm, in the scale of [0, 1].
    #[must_use]
    pub fn after(self, statistics: ArmStatistics) -> Self {
        let paid = payments(statistics, self.variation);
        self.updated(statistics.returned() as f64, paid, statistics.sum())
    }

    /// What is believed of p m.
    #[must_use]
    pub fn marginal(&self) -> AmountPerMessage {
        AmountPerMessage::new(self.pays, self.inverse)
    }
}

/// The law of p m, for p ~ Beta and 1/m ~ Gamma, independent: P(p m ≤ x) = E P(1/m ≥ p/x | p), by the trapezoidal rule over
/// the logit of p.
///
/// For integrands that are smooth and fall off on both sides that rule converges faster than any power of its step (L. N.
/// Trefethen, J. A. C. Weideman (2014), *The Exponentially Convergent Trapezoidal Rule*). The step is a part of the narrower
/// of the two laws.
#[derive(Clone, Debug, PartialEq)]
pub struct AmountPerMessage {
    inverse: Gamma,
    /// (p, weight): the weights sum to one.
    nodes: Vec<(f64, f64)>,
    bulk: (f64, f64),
}

/// A step of the rule, in standard deviations.
const STEP: f64 = 0.35;

/// Nodes that weigh less than this beside the heaviest are left out.
const NOTHING: f64 = 1e-11;

/// The most nodes to each side: tens are usual, hundreds where amounts are nearly constant.
const MOST_NODES: u32 = 2_000;

impl AmountPerMessage {
    fn new(pays: Beta, inverse: Gamma) -> Self {
        let (a, b) = (pays.alpha(), pays.beta());
        // Of the logit; for shapes below one the steep side is no wider than of one.
        let logit = (1.0 / a.max(1.0) + 1.0 / b.max(1.0)).sqrt();
        let (centre, logarithm) = (libm::log(a / b), 1.0 / inverse.shape().sqrt());
        // A step of the logit is one of ln p times 1 − p.
        let step = STEP * logit.min(logarithm * (a + b) / b);
        let peak = pays.density_of_logit(centre);
        let mut nodes = Vec::new();
        for side in [-1.0, 1.0] {
            let first = if side < 0.0 { 1 } else { 0 };
            for number in first..MOST_NODES {
                let y = centre + side * step * f64::from(number);
                let weight = pays.density_of_logit(y) / peak;
                if !(weight > NOTHING) {
                    break;
                }
                nodes.push((1.0 / (1.0 + libm::exp(-y)), weight));
            }
        }
        let total: f64 = nodes.iter().map(|(_, weight)| weight).sum();
        nodes.iter_mut().for_each(|(_, weight)| *weight /= total);
        let middle = pays.mean() / inverse.mean();
        let deviation = (b / (a * (a + b)) + 1.0 / inverse.shape()).sqrt();
        let width = libm::exp((3.0 * deviation).min(100.0));
        Self { inverse, nodes, bulk: (middle / width, middle * width) }
    }

    fn expected(&self, of: impl Fn(f64) -> f64) -> f64 {
        self.nodes.iter().map(|&(part, weight)| weight * of(part)).sum()
    }
}

impl Marginal for AmountPerMessage {
    const POSITIVE: bool = true;

    fn density(&self, x: f64) -> f64 {
        if !(x > 0.0) {
            return 0.0;
        }
        self.expected(|part| self.inverse.density_of_logarithm(part / x)) / x
    }

    fn cdf(&self, x: f64) -> f64 {
        if !(x > 0.0) {
            return 0.0;
        }
        self.expected(|part| self.inverse.survival(part / x))
    }

    fn survival(&self, x: f64) -> f64 {
        if !(x > 0.0) {
            return 1.0;
        }
        self.expected(|part| self.inverse.cdf(part / x))
    }

    fn bulk(&self) -> (f64, f64) {
        self.bulk
    }
}

impl fmt::Display for ZeroInflatedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Amount(value) => write!(f, "amount is {value}, not a number from 1e-100 to 1e100"),
            Self::Variation(value) => write!(f, "variation is {value}, not a number from 0.1 to 10"),
        }
    }
}

impl Error for ZeroInflatedError {}

#[cfg(test)]
mod tests {
    use super::*;

    /// With p uniform and 1/m ~ Gamma(2, 1), P(p m > x) = ∫₀¹ (1 − (1 + p/x) e^(−p/x)) dp = 1 − 2x + (1 + 2x) e^(−1/x).
    #[test]
    fn a_law_by_hand() {
        let law = AmountPerMessage::new(Beta::UNIFORM, Gamma::new(2.0, 1.0).expect("admissible"));
        for x in [0.05_f64, 0.3, 1.0, 5.0, 40.0] {
            let e = (-1.0 / x).exp();
            let (upper, density) =
                (1.0 - 2.0 * x + (1.0 + 2.0 * x) * e, 2.0 - (2.0 + (1.0 + 2.0 * x) / (x * x)) * e);
            assert!((law.survival(x) - upper).abs() < 1e-8, "{x}: {} {upper}", law.survival(x));
            assert!((law.cdf(x) + upper - 1.0).abs() < 1e-8, "{x}: {}", law.cdf(x));
            assert!((law.density(x) - density).abs() < 1e-7, "{x}: {} {density}", law.density(x));
        }
    }

    #[test]
    fn payments_of_equal_amounts_are_counted_exactly() {
        let mut statistics = ArmStatistics::default();
        for message in 0..100 {
            statistics.observe(if message % 8 == 0 { 0.25 } else { 0.0 }).expect("room");
        }
        assert!((payments(statistics, 0.0) - 13.0).abs() < 1e-9);
        // And one is one, whatever the variation.
        let mut one = ArmStatistics::default();
        one.observe(0.125).expect("room");
        one.observe(0.0).expect("room");
        assert!((payments(one, 2.0) - 1.0).abs() < 1e-12);
        assert!(payments(ArmStatistics::default(), 1.0).abs() < 1e-300);
    }
}
