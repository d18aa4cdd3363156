//! A reward model that adds up effects: of the segment, and of each level of each dimension.

use crate::arm::ArmId;

use super::super::alike::Varies;
use super::super::cells::Cells;
use super::super::log::Log;
use super::super::target::Occasion;
use super::credibility::{Group, drawn, strength};
use super::{FOLDS, RewardModel, Sums, fold, outside_folds};

/// q̂ = m + the segment's effect + the effect of the arm's level in each dimension: what tells of an arm that was hardly
/// ever sent, where templates, channels and send times act apart. Cross-fitted.
///
/// Effects are fitted in turn to what the others leave (backfitting: A. Buja, T. Hastie, R. Tibshirani, 1989, *Linear
/// Smoothers and Additive Models*), each drawn towards 0 by as much as the effects of its kind are alike (H. Bühlmann,
/// E. Straub, 1970, *Glaubwürdigkeit für Schadensätze*). Predictions may leave the range of the rewards.
#[derive(Clone, Debug)]
pub struct AdditiveModel {
    /// `[kind of effect][arm]`, the level of each arm.
    levels: Vec<Vec<u32>>,
    fits: Vec<Fit>,
}

/// Effects fitted outside one fold, in the unit of the rewards.
#[derive(Clone, Debug)]
struct Fit {
    mean: f64,
    segments: Vec<f64>,
    /// `[kind of effect][level]`.
    dimensions: Vec<Vec<f64>>,
}

impl AdditiveModel {
    /// Fits to a log with the dimensions of its arms.
    #[must_use]
    pub fn fit(log: &Log) -> Self {
        let mut levels = vec![Vec::with_capacity(log.arms().len()); log.arms().dimensions().count()];
        for arm in log.arms().iter() {
            levels.iter_mut().zip(arm.level_indices()).for_each(|(of, level)| of.push(level as u32));
        }
        Self::fit_levels(log, levels)
    }

    /// Fits to a log with these levels of its arms: for each dimension, a number for each arm.
    ///
    /// # Panics
    ///
    /// If a dimension does not have a level for every arm.
    #[must_use]
    pub fn fit_levels(log: &Log, levels: Vec<Vec<u32>>) -> Self {
        assert!(levels.iter().all(|of| of.len() == log.arms().len()), "a level for every arm");
        let cells = Cells::of(log);
        let fits = outside_folds(log, &cells).iter().map(|sums| fit(log, &cells, sums, &levels)).collect();
        Self { levels, fits }
    }
}

impl RewardModel for AdditiveModel {
    fn reward(&self, occasion: &Occasion<'_>, arm: ArmId) -> f64 {
        let fit = &self.fits[fold(occasion.round)];
        let effects = self.levels.iter().zip(&fit.dimensions);
        let effects = effects.map(|(levels, effects)| {
            levels
                .get(arm.index())
                .and_then(|&level| effects.get(level as usize))
                .copied()
                .unwrap_or(f64::NAN)
        });
        fit.mean + fit.segments.get(occasion.segment.index()).copied().unwrap_or(0.0) + effects.sum::<f64>()
    }

    fn is_fitted(&self) -> bool {
        true
    }

    fn varies(&self) -> Varies {
        Varies::ByFold
    }
}

const _: () = assert!(FOLDS > 1, "what is left out must leave something");

/// Sweeps over all kinds of effects. The error falls geometrically; for crossed levels, as of arms and segments, a few
/// suffice.
const SWEEPS: usize = 20;

fn fit(log: &Log, cells: &Cells, sums: &[Sums], levels: &[Vec<u32>]) -> Fit {
    let all = sums.iter().fold(Sums::default(), |mut all, sums| {
        all.add(sums);
        all
    });
    let mean = if all.count > 0.0 { all.mean() } else { 0.0 };
    let filled = sums.iter().filter(|sums| sums.count > 0.0).count() as f64;
    let variance = sums.iter().map(Sums::within).sum::<f64>() / (all.count - filled).max(1.0);
    // The segment is one more kind of effect. For each kind, the level of each cell.
    let of_segments = cells.pairs().iter().map(|(segment, _)| segment.index()).collect();
    let of_arms =
        |levels: &Vec<u32>| cells.pairs().iter().map(|(_, arm)| levels[arm.index()] as usize).collect();
    let kinds: Vec<Vec<usize>> = std::iter::once(of_segments).chain(levels.iter().map(of_arms)).collect();
    let count = |number: usize| match number.checked_sub(1) {
        None => log.segments().len(),
        Some(dimension) => levels[dimension].iter().max().map_or(0, |&last| last as usize + 1),
    };
    let mut effects: Vec<Vec<f64>> = (0..kinds.len()).map(|kind| vec![0.0; count(kind)]).collect();
    let mut left: Vec<f64> =
        sums.iter().map(|sums| if sums.count > 0.0 { sums.mean() - mean } else { 0.0 }).collect();
    for _ in 0..SWEEPS {
        for (levels, effects) in kinds.iter().zip(&mut effects) {
            // What is left with this kind's own effects put back.
            left.iter_mut().zip(levels).for_each(|(left, &level)| *left += effects[level]);
            let mut groups = vec![Group { count: 0.0, mean: 0.0 }; effects.len()];
            for ((&level, sums), left) in levels.iter().zip(sums).zip(&left) {
                groups[level].count += sums.count;
                groups[level].mean += sums.count * left;
            }
            groups.iter_mut().filter(|group| group.count > 0.0).for_each(|group| group.mean /= group.count);
            let strength = strength(std::slice::from_ref(&groups), variance);
            effects.iter_mut().zip(groups).for_each(|(effect, group)| *effect = drawn(group, strength, 0.0));
            left.iter_mut().zip(levels).for_each(|(left, &level)| *left -= effects[level]);
        }
    }
    let unit = log.unit();
    effects.iter_mut().flatten().for_each(|effect| *effect *= unit);
    let segments = effects.remove(0);
    Fit { mean: unit * mean, segments, dimensions: effects }
}
