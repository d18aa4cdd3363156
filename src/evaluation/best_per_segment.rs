//! The best arm of each segment as a target that does not flatter itself.

use crate::arm::ArmId;
use crate::segment::SegmentId;

use super::alike::Varies;
use super::cells::Cells;
use super::log::Log;
use super::model::{FOLDS, fold};
use super::target::{Occasion, TargetPolicy};

/// In each segment the arm with the highest mean reward, cross-fitted: for each round it is chosen from the rounds of
/// the other folds.
///
/// The arm that looks best in a segment has mostly been lucky there too, and a value by the same rounds counts that luck
/// as merit. Here no round takes part in the choice for itself, so that the value is that of the *procedure*: of
/// choosing by four fifths of such a log. Means are weighted by one over the propensity. A segment that the other folds
/// do not show gets the arm that is best over all segments; among equals the first wins.
#[derive(Clone, Debug)]
pub struct BestPerSegment {
    cells: Cells,
    /// `[fold][cell]`, NaN where the other folds do not show it.
    means: Vec<Vec<f64>>,
    /// `[fold][segment]`.
    best: Vec<Vec<ArmId>>,
    /// `[fold][arm]`.
    overall: Vec<Vec<f64>>,
}

/// Σ r / b and Σ 1 / b.
type Weighed = (f64, f64);

impl BestPerSegment {
    /// Learns from a log, five times, without one fold each.
    #[must_use]
    pub fn fit(log: &Log) -> Self {
        let cells = Cells::of(log);
        let mut inside = vec![vec![(0.0, 0.0); cells.len()]; FOLDS];
        // Over the least, no weight overflows.
        let (least, unit) = (log.least_propensity(), log.unit());
        for (number, round) in log.plain().enumerate() {
            if let Some(cell) = cells.find(round.segment, round.arm) {
                let weight = least / round.propensity;
                let sums: &mut Weighed = &mut inside[fold(number)][cell];
                sums.0 += weight * round.reward / unit;
                sums.1 += weight;
            }
        }
        let mut fitted = Self { cells, means: Vec::new(), best: Vec::new(), overall: Vec::new() };
        for left_out in 0..FOLDS {
            // Added up anew: differences of sums would leave dust where nothing is.
            let mut sums = vec![(0.0, 0.0); fitted.cells.len()];
            for (_, fold) in inside.iter().enumerate().filter(|(number, _)| *number != left_out) {
                sums.iter_mut().zip(fold).for_each(|(sum, cell)| add(sum, *cell));
            }
            fitted.learn(log, &sums);
        }
        fitted
    }

    fn learn(&mut self, log: &Log, sums: &[Weighed]) {
        let mut arms = vec![(0.0, 0.0); log.arms().len()];
        let pairs = || self.cells.pairs().iter().zip(sums);
        pairs().for_each(|(&(_, arm), &sum)| add(&mut arms[arm.index()], sum));
        let overall: Vec<f64> = arms.into_iter().map(mean).collect();
        let first = highest(overall.iter().copied().zip(0..)).unwrap_or(0);
        let mut best = vec![ArmId::new(first); log.segments().len()];
        let mut highest_of: Vec<f64> = vec![f64::NEG_INFINITY; best.len()];
        for (&(segment, arm), &sum) in pairs() {
            if mean(sum) > highest_of[segment.index()] {
                highest_of[segment.index()] = mean(sum);
                best[segment.index()] = arm;
            }
        }
        self.means.push(sums.iter().copied().map(mean).collect());
        self.best.push(best);
        self.overall.push(overall);
    }

    /// The arm for a round of this segment that may be sent any arm.
    #[must_use]
    pub fn best(&self, round: usize, segment: SegmentId) -> Option<ArmId> {
        self.best[fold(round)].get(segment.index()).copied()
    }

    /// The arm for an occasion that allows only some: the best of those shown there, else the best of all.
    fn best_allowed(&self, occasion: &Occasion<'_>) -> Option<ArmId> {
        let fold = fold(occasion.round);
        let allowed = || occasion.eligible.iter();
        let here = |arm: ArmId| {
            self.cells.find(occasion.segment, arm).map_or(f64::NAN, |cell| self.means[fold][cell])
        };
        let of = |mean: &dyn Fn(ArmId) -> f64| highest(allowed().map(|arm| (mean(arm), arm)));
        of(&here).or_else(|| of(&|arm| self.overall[fold].get(arm.index()).copied().unwrap_or(f64::NAN)))
    }
}

impl TargetPolicy for BestPerSegment {
    /// An even draw where no eligible arm was ever seen.
    fn probability(&self, occasion: &Occasion<'_>, arm: ArmId) -> f64 {
        let best = match occasion.eligible.is_all() {
            true => self.best(occasion.round, occasion.segment),
            false => self.best_allowed(occasion),
        };
        match best {
            Some(best) => f64::from(u8::from(arm == best)),
            None => 1.0 / occasion.eligible.len() as f64,
        }
    }

    fn varies(&self) -> Varies {
        Varies::ByFold
    }
}

fn add(sum: &mut Weighed, more: Weighed) {
    sum.0 += more.0;
    sum.1 += more.1;
}

/// NaN where there is nothing.
fn mean((rewards, weights): Weighed) -> f64 {
    rewards / weights
}

/// The first of the highest, NaN passed over.
fn highest<T>(candidates: impl Iterator<Item = (f64, T)>) -> Option<T> {
    let known = candidates.filter(|(value, _)| !value.is_nan());
    known.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|(_, item)| item)
}
