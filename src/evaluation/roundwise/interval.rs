//! Intervals: how far the truth may be from a value.

use std::f64::consts::SQRT_2;

use statrs::function::erf::erf_inv;

use super::super::estimate::EstimateError;
use super::Asked;
use super::estimator::Estimator;
use super::facts::Source;
use super::moments::Moments;
use super::sums::{Spread, Totals};
use super::units;

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

/// z with P(|Z| ≤ z) = `confidence`.
pub(super) fn normal_quantile(confidence: f64) -> f64 {
    SQRT_2 * erf_inv(confidence)
}

/// Value ± z standard errors, in the unit.
pub(super) fn normal(totals: &[Totals], spreads: &[Spread], confidence: f64) -> Vec<(f64, f64)> {
    let quantile = normal_quantile(confidence);
    let around = |(totals, spread): (&Totals, &Spread)| {
        let (value, reach) = (totals.value(), quantile * spread.standard_error());
        (value - reach, value + reach)
    };
    totals.iter().zip(spreads).map(around).collect()
}

/// Moments of the parts of a value: added, numerator, denominator.
pub(super) type PartMoments = [Moments; 3];

/// For each estimator, from the parts of its value, each with the width of its range.
pub(super) fn bernstein(
    source: &dyn Source,
    asked: &[Asked],
    confidence: f64,
) -> Result<Vec<(f64, f64)>, EstimateError> {
    let mut parts = vec![PartMoments::default(); asked.len()];
    // A cluster adds as much as its rounds together.
    let mut largest_share = 1.0;
    units::each(source, asked, |number, [added, numerator, denominator, sizes]| {
        largest_share = sizes.iter().copied().fold(largest_share, f64::max);
        let values = [added, numerator, denominator];
        let parts = parts[number].iter_mut().zip(values);
        parts.for_each(|(moments, values)| moments.merge(&Moments::of(values)));
    })?;
    let limits = Limits { unit: source.unit(), range: source.range(), weight: source.weight_limit() };
    let around = |(asked, parts)| limits.around(asked, parts, largest_share, confidence);
    Ok(asked.iter().zip(parts).map(around).collect())
}

/// What bounds the terms of a round.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Limits {
    pub(in super::super) unit: f64,
    /// The least and the greatest possible reward.
    pub(in super::super) range: (f64, f64),
    /// A number above any weight that a round could have had.
    pub(in super::super) weight: f64,
}

impl Limits {
    /// The empirical Bernstein interval of an estimator, by the moments of its parts.
    pub(super) fn around(
        &self,
        asked: &Asked,
        parts: PartMoments,
        largest_share: f64,
        confidence: f64,
    ) -> (f64, f64) {
        let [added, numerator, denominator] = parts;
        let ranges = self.ranges(asked);
        let part = |moments, range| Part { range, moments };
        let parts = [part(added, ranges[0]), part(numerator, ranges[1]), part(denominator, ranges[2])];
        around(parts, largest_share, confidence)
    }

    /// How far apart the terms of two rounds can be, part by part.
    fn ranges(&self, asked: &Asked) -> [f64; 3] {
        let (minimum, maximum) = (self.range.0 / self.unit, self.range.1 / self.unit);
        let span = maximum - minimum;
        let largest_reward = minimum.abs().max(maximum.abs());
        let limit = self.weight;
        let estimator = asked.estimator;
        let weight = match estimator {
            Estimator::Replay => 1.0,
            Estimator::ClippedIps | Estimator::SwitchDr => limit.min(asked.level),
            Estimator::Dros => limit.min(asked.level.sqrt() / 2.0),
            _ => limit,
        };
        // A weighted reward lies between 0 and the largest, or to both sides of 0; a residual within the span.
        let weighted = weight * if minimum < 0.0 && maximum > 0.0 { span } else { largest_reward };
        let added = match estimator {
            Estimator::Dm | Estimator::Sndr => span,
            Estimator::Dr | Estimator::SwitchDr | Estimator::Dros => span + 2.0 * weight * span,
            _ => weighted,
        };
        let numerator = if estimator.needs_model() { 2.0 * weight * span } else { weighted };
        [added, numerator, weight]
    }
}

/// The parts put together, with an interval of each such that all hold at once.
fn around(parts: [Part; 3], largest_share: f64, confidence: f64) -> (f64, f64) {
    let there = parts.iter().filter(|part| part.moments.count > 0.0).count() as f64;
    let error = (1.0 - confidence) / there.max(1.0);
    let [added, numerator, denominator] = parts.map(|part| part.interval(error, largest_share));
    let added = added.unwrap_or((0.0, 0.0));
    let Some((numerator, denominator)) = numerator.zip(denominator) else { return added };
    // The denominator's mean, that of weights or of rounds kept, is above 0.
    if !(denominator.0 > 0.0) {
        return (f64::NEG_INFINITY, f64::INFINITY);
    }
    let quotients = [
        numerator.0 / denominator.0,
        numerator.0 / denominator.1,
        numerator.1 / denominator.0,
        numerator.1 / denominator.1,
    ];
    let lower = quotients.into_iter().fold(f64::INFINITY, f64::min);
    let upper = quotients.into_iter().fold(f64::NEG_INFINITY, f64::max);
    (added.0 + lower, added.1 + upper)
}

/// A mean and what bounds it.
#[derive(Clone, Copy, Debug)]
struct Part {
    range: f64,
    moments: Moments,
}

impl Part {
    /// Both ends with this much error in all, half to either side; none where there is no such part.
    fn interval(self, error: f64, largest_share: f64) -> Option<(f64, f64)> {
        let Moments { count, mean, .. } = self.moments;
        let logarithm = libm::log(4.0 / error);
        let reach = (2.0 * self.moments.variance() * logarithm / count).sqrt()
            + 7.0 * self.range * largest_share * logarithm / (3.0 * (count - 1.0));
        (count > 0.0).then_some((mean - reach, mean + reach))
    }
}
