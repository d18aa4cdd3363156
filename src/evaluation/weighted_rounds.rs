//! Rounds as columns of numbers in memory, for those who have the weights already.

use super::estimate::EstimateError;
use super::roundwise::Estimator;
use super::roundwise::facts::{CHUNK, Facts, Source, Survey, Wanted, WeightSums};
use super::roundwise::sealed;
use super::weighted::binade;

/// Rounds by their weights and rewards: what an [`Evaluator`](super::Evaluator) asks when there is no log.
///
/// Without propensities the limit of a weight is not known; empirical Bernstein intervals take the largest weight for
/// it, unless it is [given](WeightedRounds::weight_limit).
#[derive(Clone, Debug)]
pub struct WeightedRounds {
    weights: Vec<f64>,
    /// In the unit.
    rewards: Vec<f64>,
    predicted: Vec<f64>,
    expected: Vec<f64>,
    marginal: Vec<f64>,
    clusters: Option<(Vec<u32>, usize)>,
    unit: f64,
    range: (f64, f64),
    limit: f64,
}

impl WeightedRounds {
    /// Rounds with these weights π(a) / b(a) and rewards.
    ///
    /// # Errors
    ///
    /// [`EstimateError`] for columns of unequal length, weights below 0, and what is not finite.
    pub fn new(weights: Vec<f64>, rewards: Vec<f64>) -> Result<Self, EstimateError> {
        same(weights.len(), rewards.len())?;
        check(&weights, |weight| weight >= 0.0 && weight.is_finite())?;
        check(&rewards, f64::is_finite)?;
        let largest = rewards.iter().map(|reward| reward.abs()).fold(0.0, f64::max);
        let unit = if largest > 0.0 { binade(largest) } else { 1.0 };
        let range = rewards.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), &reward| {
            (least.min(reward), most.max(reward))
        });
        let limit = weights.iter().copied().fold(0.0, f64::max);
        Ok(Self {
            weights,
            rewards: scaled(rewards, unit),
            predicted: Vec::new(),
            expected: Vec::new(),
            marginal: Vec::new(),
            clusters: None,
            unit,
            range,
            limit,
        })
    }

    /// A reward model: for each round its prediction for what was sent, and what it expects of the target.
    ///
    /// # Errors
    ///
    /// [`EstimateError`], as for [`WeightedRounds::new`].
    pub fn model(mut self, predicted: Vec<f64>, expected: Vec<f64>) -> Result<Self, EstimateError> {
        for column in [&predicted, &expected] {
            same(self.weights.len(), column.len())?;
            check(column, f64::is_finite)?;
        }
        self.predicted = scaled(predicted, self.unit);
        self.expected = scaled(expected, self.unit);
        Ok(self)
    }

    /// For each round the weight of the levels of chosen dimensions, for [`Estimator::Mips`].
    ///
    /// # Errors
    ///
    /// [`EstimateError`], as for [`WeightedRounds::new`].
    pub fn marginal(mut self, weights: Vec<f64>) -> Result<Self, EstimateError> {
        same(self.weights.len(), weights.len())?;
        check(&weights, |weight| weight >= 0.0 && weight.is_finite())?;
        self.marginal = weights;
        Ok(self)
    }

    /// The cluster of each round, as numbers from 0 without gaps.
    ///
    /// # Errors
    ///
    /// [`EstimateError::OtherRounds`] for an unequal number of rounds.
    pub fn clusters(mut self, clusters: Vec<u32>) -> Result<Self, EstimateError> {
        same(self.weights.len(), clusters.len())?;
        let count = clusters.iter().max().map_or(0, |&last| last as usize + 1);
        self.clusters = Some((clusters, count));
        Ok(self)
    }

    /// A number that no weight could have exceeded, such as one over the least propensity possible.
    #[must_use]
    pub fn weight_limit(mut self, limit: f64) -> Self {
        self.limit = self.limit.max(limit);
        self
    }
}

fn same(rounds: usize, others: usize) -> Result<(), EstimateError> {
    if rounds == others { Ok(()) } else { Err(EstimateError::OtherRounds { rounds, others }) }
}

fn check(column: &[f64], possible: impl Fn(f64) -> bool) -> Result<(), EstimateError> {
    match column.iter().position(|&number| !possible(number)) {
        Some(round) => Err(EstimateError::Number { round, number: column[round] }),
        None => Ok(()),
    }
}

fn scaled(mut column: Vec<f64>, unit: f64) -> Vec<f64> {
    column.iter_mut().for_each(|number| *number /= unit);
    column
}

impl sealed::Evaluable for WeightedRounds {
    #[expect(private_interfaces, reason = "sealed")]
    fn source(&self) -> &dyn Source {
        self
    }
}

impl Source for WeightedRounds {
    fn survey(&self, wanted: Wanted, visit: &mut dyn FnMut(Facts<'_>)) -> Result<Survey, EstimateError> {
        let mut sums = WeightSums::default();
        self.each(wanted, &mut |facts| {
            sums.add(facts.weight);
            visit(facts);
        })?;
        Ok(sums.survey(0))
    }

    fn each(&self, _: Wanted, visit: &mut dyn FnMut(Facts<'_>)) -> Result<(), EstimateError> {
        let rounds = self.weights.len();
        for first in (0..rounds).step_by(CHUNK) {
            let range = first..rounds.min(first + CHUNK);
            visit(Facts {
                first,
                weight: &self.weights[range.clone()],
                reward: &self.rewards[range.clone()],
                predicted: self.predicted.get(range.clone()).unwrap_or(&[]),
                expected: self.expected.get(range.clone()).unwrap_or(&[]),
                marginal: self.marginal.get(range).unwrap_or(&[]),
            });
        }
        Ok(())
    }

    fn allows(&self, estimator: Estimator) -> bool {
        (!estimator.needs_model() || !self.predicted.is_empty())
            && (!estimator.needs_dimensions() || !self.marginal.is_empty())
    }

    /// Nobody knows where the predictions come from.
    fn has_fitted_model(&self) -> bool {
        false
    }

    fn unit(&self) -> f64 {
        self.unit
    }

    fn range(&self) -> (f64, f64) {
        self.range
    }

    fn weight_limit(&self) -> f64 {
        self.limit
    }

    fn clusters(&self) -> Option<(&[u32], usize)> {
        self.clusters.as_ref().map(|(clusters, count)| (&**clusters, *count))
    }
}
