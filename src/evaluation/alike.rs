//! What rounds of a segment that allow all arms have alike: asked once for each arm, then looked up.

use crate::arm::ArmId;
use crate::segment::SegmentId;

use super::arm_groups::ArmGroups;
use super::log::{Chunk, Log};
use super::marginal::Marginal;
use super::model::{FOLDS, RewardModel, fold};
use super::target::{Occasion, TargetPolicy};

/// How numbers vary among the rounds of one segment that allow all arms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Varies {
    /// They are the same in all of them.
    Not,
    /// They are the same in all of one [fold](super::fold()).
    ByFold,
    /// Each round has its own; what takes a sum over all arms then takes it in every round.
    ByRound,
}

impl Varies {
    /// A number below [`FOLDS`] that rounds with the same numbers share; none where each has its own.
    pub(super) fn variant(self, round: usize) -> Option<usize> {
        match self {
            Self::Not => Some(0),
            Self::ByFold => Some(fold(round)),
            Self::ByRound => None,
        }
    }
}

/// Tables by segment, variant and arm. A segment that the log never shows has NaN.
#[derive(Debug)]
pub(super) struct Alike {
    arms: u32,
    /// 1, or [`FOLDS`] where the target or the model varies by fold.
    variants: u32,
    /// `[segment][variant][arm]`: the target's probabilities.
    probabilities: Vec<f64>,
    /// `[segment][variant][arm]`, in the unit: the model's prediction, and what it expects of the target. Empty without a
    /// model.
    predicted: Vec<f64>,
    expected: Vec<f64>,
    /// `[segment][variant][arm]`: the weight of the arm's group. Empty without groups.
    marginal: Vec<f64>,
}

/// The most entries of a table: 16 MB.
const LARGEST: usize = 1 << 21;

impl Alike {
    /// None where rounds have numbers of their own, or tables would cost more than asking in every round.
    pub(super) fn new(
        log: &Log,
        target: &dyn TargetPolicy,
        model: Option<&dyn RewardModel>,
        groups: Option<&(&ArmGroups, Marginal)>,
    ) -> Option<Self> {
        let of_model = model.map_or(Varies::Not, RewardModel::varies);
        let variants = match [target.varies(), of_model] {
            varies if varies.contains(&Varies::ByRound) => return None,
            varies if varies.contains(&Varies::ByFold) => FOLDS,
            _ => 1,
        };
        let arms = log.arms().len();
        let entries = log.segments().len().saturating_mul(variants).saturating_mul(arms);
        if entries > log.rounds().len().min(LARGEST) {
            return None;
        }
        let room = |there: bool| vec![f64::NAN; if there { entries } else { 0 }];
        let mut tables = Self {
            arms: arms as u32,
            variants: variants as u32,
            probabilities: room(true),
            predicted: room(model.is_some()),
            expected: room(model.is_some()),
            marginal: room(groups.is_some()),
        };
        let smaller = 1.0 / log.unit();
        let all = || (0..arms).map(|arm| (arm, ArmId::new(arm as u32)));
        for segment in (0..log.segments().len() as u32).map(SegmentId::new) {
            if log.shown(segment).is_empty() {
                continue;
            }
            for variant in 0..variants {
                // Any round of this variant stands for all of them.
                let alike = |round: &usize| variants == 1 || fold(*round) == variant;
                let Some(round) = (0..log.rounds().len()).find(alike) else { continue };
                let occasion = Occasion::at(log.outline(), round, segment, 0);
                let first = (segment.index() * variants + variant) * arms;
                let probabilities = &mut tables.probabilities[first..][..arms];
                all().for_each(|(place, arm)| probabilities[place] = target.probability(&occasion, arm));
                let probabilities = &*probabilities;
                if let Some(model) = model {
                    let predicted = &mut tables.predicted[first..][..arms];
                    all().for_each(|(place, arm)| predicted[place] = model.reward(&occasion, arm));
                    let each = probabilities.iter().zip(&*predicted);
                    // An arm that is never sent may have a prediction that is no number.
                    let sent = each.filter(|&(probability, _)| *probability > 0.0);
                    let expected: f64 = sent.map(|(probability, reward)| probability * reward).sum();
                    predicted.iter_mut().for_each(|reward| *reward *= smaller);
                    tables.expected[first..][..arms].fill(expected * smaller);
                }
                if let Some((groups, of)) = groups {
                    let marginal = &mut tables.marginal[first..][..arms];
                    let sum = |group| {
                        groups.members(group).iter().map(|arm| probabilities[arm.index()]).sum::<f64>()
                    };
                    all().for_each(|(place, arm)| {
                        marginal[place] = of.weight(log.outline(), segment, arm, 0, groups, sum);
                    });
                }
            }
        }
        Some(tables)
    }

    /// The places in the tables of consecutive rounds, all of which allow all arms.
    pub(super) fn places(&self, first: usize, chunk: &Chunk, places: &mut Vec<u32>) {
        places.clear();
        let (arms, row) = (self.arms, self.arms * self.variants);
        let rounds = chunk.segments.iter().zip(&chunk.arms);
        places.extend(rounds.map(|(segment, arm)| segment.index() as u32 * row + arm.index() as u32));
        if self.variants > 1 {
            (first..).zip(places).for_each(|(round, place)| *place += fold(round) as u32 * arms);
        }
    }

    /// The target's probabilities of what was sent.
    pub(super) fn probabilities(&self, places: &[u32], probabilities: &mut Vec<f64>) {
        look_up(&self.probabilities, places, probabilities);
    }

    /// The model's predictions for what was sent and what it expects of the target, in the unit; nothing without a model.
    pub(super) fn predictions(&self, places: &[u32], predicted: &mut Vec<f64>, expected: &mut Vec<f64>) {
        look_up(&self.predicted, places, predicted);
        look_up(&self.expected, places, expected);
    }

    /// The weights of the groups of what was sent; nothing without groups.
    pub(super) fn marginal(&self, places: &[u32], marginal: &mut Vec<f64>) {
        look_up(&self.marginal, places, marginal);
    }
}

fn look_up(table: &[f64], places: &[u32], numbers: &mut Vec<f64>) {
    if !table.is_empty() {
        numbers.extend(places.iter().map(|&place| table[place as usize]));
    }
}
