//! Rounds outside the support of a log, while nobody knows yet what the log will show.

use std::collections::HashMap;

use crate::arm::ArmId;
use crate::segment::SegmentId;

use super::super::outline::Outline;
use super::super::shown::Seen;
use super::super::target::{Occasion, TargetPolicy};

/// Rounds in which the target may send an arm that their segment has not shown so far, counted by what would have to be
/// shown. There are fewer of these than rounds: soon a segment has shown most of its arms.
#[derive(Debug, Default)]
pub(super) struct Outside {
    /// By segment and variant of the target, of rounds that allow all arms and have no probabilities of their own.
    alike: HashMap<(SegmentId, usize), usize>,
    /// By segment and the arms that are missing, of other rounds.
    others: HashMap<(SegmentId, Box<[ArmId]>), usize>,
}

impl Outside {
    /// Takes note of a round.
    pub(super) fn note(&mut self, occasion: &Occasion<'_>, target: &dyn TargetPolicy, seen: &Seen) {
        let segment = occasion.segment;
        if seen.has_all(segment) {
            return;
        }
        let variant = target.varies().variant(occasion.round);
        if let Some(variant) = variant.filter(|_| occasion.eligible.is_all()) {
            *self.alike.entry((segment, variant)).or_default() += 1;
            return;
        }
        let hidden = occasion.eligible.iter().filter(|&arm| !seen.has(segment, arm));
        let missing: Box<[ArmId]> = hidden.filter(|&arm| target.probability(occasion, arm) > 0.0).collect();
        if !missing.is_empty() {
            *self.others.entry((segment, missing)).or_default() += 1;
        }
    }

    /// How many of the rounds were outside, by all that the log has shown.
    pub(super) fn count(&self, outline: &Outline, target: &dyn TargetPolicy) -> usize {
        let shown = |segment| outline.shown(segment);
        let alike = self.alike.iter().filter(|&(&(segment, variant), _)| {
            // Any round of the variant stands for all of them; rounds are dealt into few.
            let is = |round: &usize| target.varies().variant(*round) == Some(variant);
            let round = (0..).find(is).unwrap_or(0);
            let is_shown = shown(segment).len() == outline.arms().len();
            let occasion = Occasion { is_shown, ..Occasion::at(outline, round, segment, 0) };
            !target.is_supported(&occasion, shown(segment))
        });
        let others = self.others.iter().filter(|((segment, missing), _)| {
            missing.iter().any(|arm| shown(*segment).binary_search(arm).is_err())
        });
        alike.map(|(_, rounds)| rounds).sum::<usize>() + others.map(|(_, rounds)| rounds).sum::<usize>()
    }
}
