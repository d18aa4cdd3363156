//! A reward model by segment and arm, each mean drawn towards what it has in common with others.

use crate::arm::ArmId;

use super::super::alike::Varies;
use super::super::cells::Cells;
use super::super::log::Log;
use super::super::target::Occasion;
use super::credibility::{Group, drawn, strength};
use super::{FOLDS, RewardModel, Sums, fold, outside_folds};

/// The mean reward of each arm in each segment, by empirical Bayes: drawn to the arm's mean over all segments by as much
/// as segments are alike, which itself is drawn to the mean of all arms by as much as arms are. Cross-fitted.
///
/// How much they are alike comes from the log, by H. Bühlmann, E. Straub (1970), *Glaubwürdigkeit für Schadensätze*. An
/// arm never seen in a segment has its overall mean there, one never seen at all the mean of all.
#[derive(Clone, Debug)]
pub struct PooledModel {
    cells: Cells,
    /// `[fold][cell]`.
    rewards: Vec<Vec<f64>>,
    /// `[fold][arm]`.
    arms: Vec<Vec<f64>>,
}

impl PooledModel {
    /// Fits to a log, five times, without one fold each.
    #[must_use]
    pub fn fit(log: &Log) -> Self {
        let cells = Cells::of(log);
        let (mut rewards, mut arms) = (Vec::with_capacity(FOLDS), Vec::with_capacity(FOLDS));
        for sums in outside_folds(log, &cells) {
            let fitted = fit(log, &cells, &sums);
            rewards.push(fitted.0);
            arms.push(fitted.1);
        }
        Self { cells, rewards, arms }
    }
}

impl RewardModel for PooledModel {
    fn reward(&self, occasion: &Occasion<'_>, arm: ArmId) -> f64 {
        let fold = fold(occasion.round);
        match self.cells.find(occasion.segment, arm) {
            Some(cell) => self.rewards[fold][cell],
            None => self.arms[fold].get(arm.index()).copied().unwrap_or(f64::NAN),
        }
    }

    fn is_fitted(&self) -> bool {
        true
    }

    fn varies(&self) -> Varies {
        Varies::ByFold
    }
}

/// The means of cells and of arms, drawn.
fn fit(log: &Log, cells: &Cells, sums: &[Sums]) -> (Vec<f64>, Vec<f64>) {
    let mut by_arm = vec![Sums::default(); log.arms().len()];
    let mut families: Vec<Vec<Group>> = vec![Vec::new(); log.arms().len()];
    let mut all = Sums::default();
    let (mut within_cells, mut filled) = (0.0, 0.0);
    for (&(_, arm), sums) in cells.pairs().iter().zip(sums) {
        by_arm[arm.index()].add(sums);
        all.add(sums);
        families[arm.index()].push(group(sums));
        within_cells += sums.within();
        filled += f64::from(u8::from(sums.count > 0.0));
    }
    let unit = log.unit();
    let everything = if all.count > 0.0 { all.mean() } else { 0.0 };

    let seen = by_arm.iter().filter(|sums| sums.count > 0.0).count() as f64;
    let within_arms = by_arm.iter().map(Sums::within).sum::<f64>() / (all.count - seen).max(1.0);
    let groups: Vec<Group> = by_arm.iter().map(group).collect();
    let toward_all = strength(std::slice::from_ref(&groups), within_arms);
    let arms: Vec<f64> = groups.iter().map(|&group| drawn(group, toward_all, everything)).collect();

    let toward_arm = strength(&families, within_cells / (all.count - filled).max(1.0));
    let of =
        |(&(_, arm), sums): (&(_, ArmId), &Sums)| unit * drawn(group(sums), toward_arm, arms[arm.index()]);
    let rewards = cells.pairs().iter().zip(sums).map(of).collect();
    (rewards, arms.iter().map(|mean| unit * mean).collect())
}

fn group(sums: &Sums) -> Group {
    Group { count: sums.count, mean: sums.mean() }
}
