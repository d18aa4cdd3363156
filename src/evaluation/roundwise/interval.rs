//! Intervals: how far the truth may be from a value.

use std::f64::consts::SQRT_2;

use statrs::function::erf::erf_inv;

use super::super::estimate::EstimateError;
use super::estimator::Estimator;
use super::facts::Source;
use super::sums::{self, Totals};
use super::{Asked, bootstrap};

/// How the interval of an estimate is made. None of them is cut off at the range of the rewards, and all take rounds
/// (or clusters) as independent: of the log of a policy that learnt meanwhile they are too narrow at times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Interval {
    /// Value ± z standard errors; for ratios by the delta method. Right for many rounds without huge weights.
    Normal,
    /// Between quantiles of values of rounds drawn with replacement, whole rounds or whole clusters. B. Efron (1979),
    /// *Bootstrap Methods: Another Look at the Jackknife*; percentiles. Follows skew that a normal interval ignores;
    /// weights that the log happens not to show it does not know either.
    Bootstrap {
        /// How many times to draw; 1,000 will do.
        resamples: u32,
    },
    /// Covers in every sample size, by an inequality instead of an approximation, and is wide. A. Maurer, M. Pontil
    /// (2009), *Empirical Bernstein Bounds and Sample Variance Penalization*, with one over the log's least propensity
    /// as the limit of a weight. Of a ratio, the quotient of an interval of each part.
    EmpiricalBernstein,
}

/// What all intervals of an evaluation share.
pub(super) struct Reckoning<'a> {
    pub(super) confidence: f64,
    pub(super) seed: u64,
    pub(super) source: &'a dyn Source,
}

impl Interval {
    pub(super) fn around(
        self,
        reckoning: &Reckoning<'_>,
        asked: &Asked,
        totals: &Totals,
        value: f64,
        standard_error: f64,
    ) -> Result<(f64, f64), EstimateError> {
        let unit = reckoning.source.unit();
        let scaled = |(lower, upper): (f64, f64)| (unit * lower, unit * upper);
        match self {
            _ if standard_error == f64::INFINITY => Ok((f64::NEG_INFINITY, f64::INFINITY)),
            Self::Normal => {
                let reach = normal_quantile(reckoning.confidence) * standard_error;
                Ok((value - reach, value + reach))
            }
            Self::Bootstrap { resamples } => {
                let units = bootstrap::Units::of(reckoning.source, *asked)?;
                Ok(scaled(bootstrap::percentiles(&units, resamples, reckoning.confidence, reckoning.seed)))
            }
            Self::EmpiricalBernstein => bernstein(reckoning, asked, totals).map(scaled),
        }
    }
}

/// z with P(|Z| ≤ z) = `confidence`.
pub(super) fn normal_quantile(confidence: f64) -> f64 {
    SQRT_2 * erf_inv(confidence)
}

/// The parts of an estimate, each with the width of its range, and how they are put together.
fn bernstein(reckoning: &Reckoning<'_>, asked: &Asked, totals: &Totals) -> Result<(f64, f64), EstimateError> {
    let source = reckoning.source;
    let unit = source.unit();
    let (minimum, maximum) = source.range();
    let (minimum, maximum) = (minimum / unit, maximum / unit);
    let span = maximum - minimum;
    let largest_reward = minimum.abs().max(maximum.abs());
    let limit = source.weight_limit();
    let estimator = asked.estimator;
    let weight = match estimator {
        Estimator::Replay => 1.0,
        Estimator::ClippedIps | Estimator::SwitchDr => limit.min(asked.level),
        Estimator::Dros => limit.min(asked.level.sqrt() / 2.0),
        _ => limit,
    };
    // A weighted reward lies between 0 and the largest, or to both sides of 0; a residual within the span.
    let weighted = weight * if minimum < 0.0 && maximum > 0.0 { span } else { largest_reward };
    let mut parts = [Part::default(); 3];
    parts[0].range = match estimator {
        _ if totals.mean_added() == 0.0 && estimator.is_ratio() && !estimator.needs_model() => 0.0,
        Estimator::Dm | Estimator::Sndr => span,
        Estimator::Dr | Estimator::SwitchDr | Estimator::Dros => span + 2.0 * weight * span,
        _ => weighted,
    };
    parts[1].range = if estimator.needs_model() { 2.0 * weight * span } else { weighted };
    parts[2].range = weight;
    let units = bootstrap::Units::of(source, *asked)?;
    units.parts(|part, values| parts[part].measure(values, units.largest_share()));
    let shares = parts.iter().filter(|part| part.is_there).count() as f64;
    let error = (1.0 - reckoning.confidence) / shares.max(1.0);
    let [added, numerator, denominator] = parts.map(|part| part.interval(error));
    if !denominator.2 {
        return Ok((added.0, added.1));
    }
    // The denominator's mean, that of weights or of rounds kept, is above 0.
    if !(denominator.0 > 0.0) {
        return Ok((f64::NEG_INFINITY, f64::INFINITY));
    }
    let quotients = [
        numerator.0 / denominator.0,
        numerator.0 / denominator.1,
        numerator.1 / denominator.0,
        numerator.1 / denominator.1,
    ];
    let lower = quotients.into_iter().fold(f64::INFINITY, f64::min);
    let upper = quotients.into_iter().fold(f64::NEG_INFINITY, f64::max);
    let base = if added.2 { (added.0, added.1) } else { (0.0, 0.0) };
    Ok((base.0 + lower, base.1 + upper))
}

/// A mean and what bounds it.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    is_there: bool,
    units: f64,
    mean: f64,
    variance: f64,
    range: f64,
}

impl Part {
    fn measure(&mut self, values: &[f64], largest_share: f64) {
        self.is_there = !values.is_empty();
        self.units = values.len() as f64;
        self.mean = sums::sum(values) / self.units;
        let mean = self.mean;
        let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
        self.variance = squares / (self.units - 1.0);
        // A cluster adds as much as its rounds together.
        self.range *= largest_share;
    }

    /// Both ends with this much error in all, half to either side; and whether there is such a part.
    fn interval(self, error: f64) -> (f64, f64, bool) {
        let logarithm = libm::log(4.0 / error);
        let reach = (2.0 * self.variance * logarithm / self.units).sqrt()
            + 7.0 * self.range * logarithm / (3.0 * (self.units - 1.0));
        (self.mean - reach, self.mean + reach, self.is_there)
    }
}
