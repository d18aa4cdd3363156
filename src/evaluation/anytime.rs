//! Intervals for a policy's value that hold at all times at once, also on the log of a policy that learnt meanwhile.

use super::estimate::EstimateError;
use super::exponential_mixture::ExponentialMixture;
use super::roundwise::facts::{Facts, Wanted};
use super::roundwise::{Estimator, Evaluable};

/// An anytime-valid interval for the value of a target policy.
///
/// The probability that it ever excludes the value, looked at after each round for ever, is at most one less the
/// confidence. It asks for little: that each propensity was the probability of what was sent *given all that had happened
/// before*. So it holds on the log of a learning bandit, where the other [intervals](super::Interval) are too narrow, for
/// a log that is stopped when it looks good, and with weights of any size.
///
/// By I. Waudby-Smith, L. Wu, A. Ramdas, N. Karampatziakis, P. Mineiro (2022), *Anytime-valid off-policy inference for
/// contextual bandits*: with the weight w and the reward r scaled to [0, 1], the pseudo-outcome
///
/// ```text
/// φ = w (r − c) + c ≥ −k,    ξ = φ / (k + 1),
/// ```
///
/// has the value for mean whatever the baseline c, if c was known before the round. Then exp(λ Σ (ξ − v/(k + 1)) − ψ(λ) Σ (ξ
/// − ξ̂)²) is a supermartingale for the value v, ξ̂ being the mean of the rounds before; it is mixed over λ (S. R. Howard et
/// al., 2021), and the interval holds the v at which the mixture is below 2/α, likewise from above with 1 − r.
///
/// * [`plain`](Anytime::plain): c = 0 and k = 0. Nothing need be known of the weights.
/// * [`with_baseline`](Anytime::with_baseline): half the capital on c = 0, half on the self-normalised mean of the rounds
///   before, whose k needs a limit of the weights that was known beforehand. Where rewards are rare or the same for most,
///   this is much narrower from above.
///
/// ```
/// use tactful::evaluation::{Anytime, WeightedRounds};
///
/// // A target that sends what was sent twice as often or never.
/// let weights: Vec<f64> = (0..2000).map(|round| f64::from(round % 2 * 2)).collect();
/// let rewards: Vec<f64> = (0..2000).map(|round| f64::from(u8::from(round % 10 == 1))).collect();
/// let rounds = WeightedRounds::new(weights, rewards)?;
/// let (lower, upper) = Anytime::default().weight_limit(2.0).with_baseline(&rounds)?;
/// assert!(lower < 0.2 && 0.2 < upper && upper - lower < 0.12);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Anytime {
    confidence: f64,
    weight_limit: Option<f64>,
}

impl Default for Anytime {
    /// 95 % confidence, no limit of weights.
    fn default() -> Self {
        Self { confidence: 0.95, weight_limit: None }
    }
}

/// The intrinsic time, Σ (ξ − ξ̂)², at which intervals are tightest; a hundred times as much costs a tenth of the width.
const TIGHT_AT: f64 = 100.0;

impl Anytime {
    /// This confidence, between 0 and 1, instead of 0.95.
    #[must_use]
    pub fn confidence(mut self, confidence: f64) -> Self {
        self.confidence = confidence;
        self
    }

    /// No weight can be above this, as was known before the log: one over the least probability that the logging policy
    /// gave to any eligible arm, such as the number of arms where all were alike. Read off the log itself it would not be
    /// known beforehand.
    #[must_use]
    pub fn weight_limit(mut self, limit: f64) -> Self {
        self.weight_limit = Some(limit);
        self
    }

    /// Whether there is an interval for the value that this estimator estimates: not for those biased by design.
    #[must_use]
    pub fn bounds_value_of(estimator: Estimator) -> bool {
        matches!(estimator, Estimator::Ips | Estimator::Snips | Estimator::Dr | Estimator::Sndr)
    }

    /// The interval to show beside an estimate: of IPS the [plain](Anytime::plain) one, of SNIPS, DR and SNDR that
    /// [with a baseline](Anytime::with_baseline). Both are intervals for the value of the target, not for what an estimator
    /// says; none for estimators biased by design.
    #[must_use]
    pub fn interval(
        &self,
        estimator: Estimator,
        rounds: &impl Evaluable,
    ) -> Option<Result<(f64, f64), EstimateError>> {
        match estimator {
            Estimator::Ips => Some(self.plain(rounds)),
            Estimator::Snips | Estimator::Dr | Estimator::Sndr => Some(self.with_baseline(rounds)),
            _ => None,
        }
    }

    /// The interval without a baseline.
    ///
    /// # Errors
    ///
    /// [`EstimateError`] for a confidence that is none, no rounds, unknown propensities or clusters of rounds, in which one
    /// round foretells the next.
    pub fn plain(&self, rounds: &impl Evaluable) -> Result<(f64, f64), EstimateError> {
        self.bounds(rounds, None)
    }

    /// The interval with a baseline, or without where no [limit of weights](Anytime::weight_limit) is known or where the
    /// target may send what the log never shows.
    ///
    /// # Errors
    ///
    /// [`EstimateError`], as for [`plain`](Anytime::plain); [`EstimateError::WeightLimit`] if a weight is above the limit.
    pub fn with_baseline(&self, rounds: &impl Evaluable) -> Result<(f64, f64), EstimateError> {
        self.bounds(rounds, self.weight_limit)
    }

    pub(super) fn level(&self) -> f64 {
        self.confidence
    }

    pub(super) fn limit(&self) -> Option<f64> {
        self.weight_limit
    }

    /// Whether the largest weight is within the limit.
    pub(super) fn allows(&self, weight: f64) -> Result<(), EstimateError> {
        match self.weight_limit.filter(|&limit| !(weight <= limit * (1.0 + 1e-9))) {
            Some(limit) => Err(EstimateError::WeightLimit { weight, limit }),
            None => Ok(()),
        }
    }

    fn bounds(&self, rounds: &impl Evaluable, limit: Option<f64>) -> Result<(f64, f64), EstimateError> {
        let source = rounds.source();
        if !(self.confidence > 0.0 && self.confidence < 1.0) {
            return Err(EstimateError::Confidence { confidence: self.confidence });
        }
        if !source.allows(Estimator::Ips) {
            return Err(EstimateError::Missing { estimator: Estimator::Ips });
        }
        if source.clusters().is_some() {
            return Err(EstimateError::Clusters);
        }
        let survey = source.survey(Wanted::default(), &mut |_| ())?;
        if survey.rounds == 0 {
            return Err(EstimateError::NoRounds);
        }
        Self { weight_limit: limit, ..*self }.allows(survey.largest)?;
        let limit = limit.filter(|_| survey.outside_support == 0);
        let mut run = Run::new(self.confidence, limit, source.range(), source.unit())?;
        source.each(Wanted::default(), &mut |facts| run.add(facts))?;
        Ok(run.interval())
    }
}

/// A [`RunningValue`] of rewards in a unit.
#[derive(Debug)]
pub(super) struct Run {
    running: RunningValue,
    range: (f64, f64),
    /// In the unit.
    least: f64,
    span: f64,
}

impl Run {
    pub(super) fn new(
        confidence: f64,
        limit: Option<f64>,
        range: (f64, f64),
        unit: f64,
    ) -> Result<Self, EstimateError> {
        let (minimum, maximum) = range;
        let (least, span) = (minimum / unit, (maximum - minimum) / unit);
        Ok(Self { running: RunningValue::new(confidence, limit)?, range, least, span })
    }

    pub(super) fn add(&mut self, Facts { weight, reward, .. }: Facts<'_>) {
        for (&weight, reward) in weight.iter().zip(reward) {
            self.running.take(weight, ((reward - self.least) / self.span).clamp(0.0, 1.0));
        }
    }

    pub(super) fn interval(&self) -> (f64, f64) {
        let (minimum, maximum) = self.range;
        let (lower, upper) = self.running.interval();
        let unscaled = |scaled: f64| minimum + scaled * (maximum - minimum);
        (unscaled(lower), unscaled(upper))
    }
}

/// The same round by round, as decisions come in: for whoever watches a policy that does not decide, and lets it decide once
/// its value is above another.
///
/// ```
/// use tactful::evaluation::RunningValue;
///
/// let mut value = RunningValue::new(0.95, Some(2.0))?;
/// for round in 0..1000 {
///     value.take(if round % 2 == 0 { 2.0 } else { 0.0 }, 0.7);
/// }
/// let (lower, upper) = value.interval();
/// assert!(lower < 0.7 && 0.7 < upper && value.excludes(0.4));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RunningValue {
    sides: [Side; 2],
    mixture: ExponentialMixture,
    /// −ln of the error on either side.
    surprise: f64,
}

impl RunningValue {
    /// Starts with this confidence and, for a baseline, a limit of the weights that is known beforehand.
    ///
    /// # Errors
    ///
    /// [`EstimateError::Confidence`] if it is none.
    pub fn new(confidence: f64, weight_limit: Option<f64>) -> Result<Self, EstimateError> {
        if !(confidence > 0.0 && confidence < 1.0) {
            return Err(EstimateError::Confidence { confidence });
        }
        let error = (1.0 - confidence) / 2.0;
        Ok(Self {
            sides: [Side::new(weight_limit); 2],
            mixture: ExponentialMixture::new(TIGHT_AT, error, 1.0),
            surprise: -libm::log(error),
        })
    }

    /// Takes a round: the target's probability of what was sent over the one it was sent with, and the reward in [0, 1].
    ///
    /// A weight that is no number from 0, or above the limit, and a reward that is not in [0, 1], make every later interval
    /// [0, 1]: nothing is known any more.
    pub fn take(&mut self, weight: f64, reward: f64) {
        self.sides[0].take(weight, reward);
        self.sides[1].take(weight, 1.0 - reward);
    }

    /// The interval for the mean reward of the target.
    #[must_use]
    pub fn interval(&self) -> (f64, f64) {
        let [lower, upper] = self.sides.map(|side| side.lower_bound(&self.mixture, self.surprise));
        let (lower, upper) = (lower, 1.0 - upper);
        // That they cross is rarer than the error, and means that the propensities are wrong.
        (lower.min(upper), upper.max(lower))
    }

    /// Whether the interval excludes a value; cheaper than its ends.
    #[must_use]
    pub fn excludes(&self, value: f64) -> bool {
        self.sides[0].excludes(value, &self.mixture, self.surprise)
            || self.sides[1].excludes(1.0 - value, &self.mixture, self.surprise)
    }
}

/// What speaks for a value at least so large, of rewards in [0, 1].
#[derive(Clone, Copy, Debug)]
struct Side {
    plain: Capital,
    /// With the limit of the weights.
    baseline: Option<(Capital, f64)>,
    /// Σ w r and Σ w, begun as if half a reward had been seen once.
    weighted: (f64, f64),
}

impl Side {
    fn new(limit: Option<f64>) -> Self {
        let baseline = limit.map(|limit| (Capital::default(), limit.max(1.0)));
        Self { plain: Capital::default(), baseline, weighted: (0.5, 1.0) }
    }

    fn take(&mut self, weight: f64, reward: f64) {
        let allowed = self.baseline.map_or(f64::INFINITY, |(_, limit)| limit * (1.0 + 1e-9));
        if !(weight >= 0.0 && weight <= allowed && (0.0..=1.0).contains(&reward)) {
            self.plain.variance = f64::NAN;
            self.baseline = None;
        }
        self.plain.take(weight * reward, 0.0);
        if let Some((capital, limit)) = &mut self.baseline {
            // Of the rounds before: known when this one is drawn.
            let mean = (self.weighted.0 / self.weighted.1).clamp(0.0, 1.0);
            capital.take(weight * (reward - mean) + mean, mean * (*limit - 1.0));
        }
        self.weighted.0 += weight * reward;
        self.weighted.1 += weight;
    }

    /// Whether a value as small as this is excluded.
    fn excludes(&self, value: f64, mixture: &ExponentialMixture, surprise: f64) -> bool {
        let plain = self.plain.logarithm(mixture, value);
        let joint = match self.baseline {
            None => plain,
            Some((capital, _)) => {
                let other = capital.logarithm(mixture, value);
                let larger = plain.max(other);
                if larger == f64::NEG_INFINITY {
                    return false;
                }
                // Half the capital each, so that both together are a martingale.
                larger + libm::log(0.5 * (libm::exp(plain - larger) + libm::exp(other - larger)))
            }
        };
        joint >= surprise
    }

    /// The least value that is not excluded.
    fn lower_bound(self, mixture: &ExponentialMixture, surprise: f64) -> f64 {
        if !self.excludes(0.0, mixture, surprise) {
            return 0.0;
        }
        let (mut below, mut within) = (0.0, 1.0);
        for _ in 0..60 {
            let middle = 0.5 * (below + within);
            if self.excludes(middle, mixture, surprise) {
                below = middle;
            } else {
                within = middle;
            }
        }
        below
    }
}

/// The sums of one supermartingale.
#[derive(Clone, Copy, Debug, Default)]
struct Capital {
    rounds: f64,
    /// Σ φ.
    outcomes: f64,
    /// Σ ξ.
    sum: f64,
    /// Σ 1 / (k + 1).
    units: f64,
    /// Σ (ξ − ξ̂)².
    variance: f64,
}

impl Capital {
    /// A pseudo-outcome that cannot have been below −k.
    #[inline]
    fn take(&mut self, outcome: f64, k: f64) {
        // Between 0 and 1, so that ξ − ξ̂ ≥ −1.
        let expected = if self.rounds > 0.0 { (self.outcomes / self.rounds).clamp(0.0, 1.0) } else { 0.0 };
        let unit = 1.0 / (k + 1.0);
        let surprise = unit * (outcome - expected);
        self.variance += surprise * surprise;
        self.sum += unit * outcome;
        self.units += unit;
        self.outcomes += outcome;
        self.rounds += 1.0;
    }

    /// What it has become if this is the value, as a logarithm.
    fn logarithm(&self, mixture: &ExponentialMixture, value: f64) -> f64 {
        let logarithm = mixture.logarithm(self.sum - value * self.units, self.variance);
        // Weights so large that squares overflow say nothing.
        if logarithm.is_nan() { f64::NEG_INFINITY } else { logarithm }
    }
}
