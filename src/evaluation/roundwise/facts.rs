//! What an estimator needs to know of rounds: columns of numbers, some hundreds of rounds at a time.

use super::super::estimate::EstimateError;
use super::super::weighted::binade;
use super::estimator::Estimator;
use super::sums::{LANES, folded};

pub(in super::super) use super::super::log::CHUNK;

/// Consecutive rounds. Columns that nobody asked for are empty.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Facts<'a> {
    /// The number of the first round.
    pub(in super::super) first: usize,
    /// π(a) / b(a) of what was sent.
    pub(in super::super) weight: &'a [f64],
    /// In the source's unit.
    pub(in super::super) reward: &'a [f64],
    /// The model's prediction for what was sent, in that unit.
    pub(in super::super) predicted: &'a [f64],
    /// The model's expectation under the target, in that unit.
    pub(in super::super) expected: &'a [f64],
    /// The weight of the chosen dimensions' levels.
    pub(in super::super) marginal: &'a [f64],
}

/// Which columns are wanted.
#[derive(Clone, Copy, Debug, Default)]
pub(in super::super) struct Wanted {
    pub(in super::super) model: bool,
    pub(in super::super) marginal: bool,
}

impl Wanted {
    pub(in super::super) fn by(estimators: &[Estimator]) -> Self {
        Self {
            model: estimators.iter().any(|estimator| estimator.needs_model()),
            marginal: estimators.iter().any(|estimator| estimator.needs_dimensions()),
        }
    }

    /// What either wants.
    pub(in super::super) fn and(self, other: Self) -> Self {
        Self { model: self.model || other.model, marginal: self.marginal || other.marginal }
    }
}

/// Where rounds come from: columns in memory, or a log seen by a target.
pub(in super::super) trait Source {
    /// A look at all the weights; the same each time. On the way it shows the rounds as [`Source::each`] does, so that
    /// what needs no survey need not wait for another pass.
    fn survey(&self, wanted: Wanted, visit: &mut dyn FnMut(Facts<'_>)) -> Result<Survey, EstimateError>;

    /// All rounds in order, at most [`CHUNK`] at a time; the same each time.
    fn each(&self, wanted: Wanted, visit: &mut dyn FnMut(Facts<'_>)) -> Result<(), EstimateError>;

    /// Whether there is what this estimator asks for.
    fn allows(&self, estimator: Estimator) -> bool;

    /// Whether the reward model was fitted to these rounds.
    fn has_fitted_model(&self) -> bool;

    /// A power of two over which rewards and predictions are given, so that squares neither overflow nor vanish.
    fn unit(&self) -> f64;

    /// The least and the greatest possible reward.
    fn range(&self) -> (f64, f64);

    /// A number above any weight that a round could have had.
    fn weight_limit(&self) -> f64;

    /// The cluster of each round and the number of clusters, if rounds come in clusters.
    fn clusters(&self) -> Option<(&[u32], usize)>;
}

/// What all the weights together say.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in super::super) struct Survey {
    pub(in super::super) rounds: usize,
    /// Rounds with a weight above 0.
    pub(in super::super) used: usize,
    pub(in super::super) largest: f64,
    pub(in super::super) effective_sample_size: f64,
    pub(in super::super) outside_support: usize,
}

/// Sums over weights, kept over a power of two near the largest, so that no square overflows.
#[derive(Clone, Copy, Debug, Default)]
pub(in super::super) struct WeightSums {
    rounds: usize,
    used: usize,
    largest: f64,
    scale: f64,
    sum: f64,
    squares: f64,
}

impl WeightSums {
    /// Adds the weights of consecutive rounds, none below 0.
    pub(in super::super) fn add(&mut self, weights: &[f64]) {
        self.rounds += weights.len();
        let largest = largest(weights);
        if !(largest > 0.0) {
            return;
        }
        if largest > self.largest {
            let scale = binade(largest);
            if scale > self.scale {
                let smaller = self.scale / scale;
                self.sum *= smaller;
                self.squares *= smaller * smaller;
                self.scale = scale;
            }
            self.largest = largest;
        }
        // A power of two: the product is what the quotient would be.
        let smaller = 1.0 / self.scale;
        self.used += weights.iter().filter(|&&weight| weight > 0.0).count();
        self.sum += folded(weights, |weight| weight * smaller);
        self.squares += folded(weights, |weight| (weight * smaller) * (weight * smaller));
    }

    pub(in super::super) fn survey(&self, outside_support: usize) -> Survey {
        Survey {
            rounds: self.rounds,
            used: self.used,
            largest: self.largest,
            effective_sample_size: if self.used > 0 { self.sum * self.sum / self.squares } else { 0.0 },
            outside_support,
        }
    }
}

/// The largest of some numbers from 0 up, side by side.
fn largest(numbers: &[f64]) -> f64 {
    let mut lanes = [0.0_f64; LANES];
    let chunks = numbers.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        lanes
            .iter_mut()
            .zip(chunk)
            .for_each(|(lane, &number)| *lane = if number > *lane { number } else { *lane });
    }
    lanes.iter().chain(rest).copied().fold(0.0, f64::max)
}
