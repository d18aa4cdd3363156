//! What closed cohorts have left of features: sums by segment and arm, plain and mergeable.

use std::collections::BTreeMap;

use crate::arm::ArmId;
use crate::segment::SegmentId;

use super::Products;

/// Sums of products of features by segment, then by arm, ascending; none at all where requests have no features.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Featured(BTreeMap<SegmentId, BTreeMap<ArmId, Products>>);

impl Featured {
    /// Adds sums, of as many dimensions as all others.
    pub(crate) fn add(&mut self, segment: SegmentId, arm: ArmId, sums: &Products) {
        let arms = self.0.entry(segment).or_default();
        arms.entry(arm).and_modify(|mine| mine.merge(sums)).or_insert_with(|| sums.clone());
    }

    /// Adds all that others have left.
    pub(crate) fn merge(&mut self, others: &Self) {
        others.each().for_each(|(segment, arm, sums)| self.add(segment, arm, sums));
    }

    /// The sums of a segment, by arm.
    pub(crate) fn of(&self, segment: SegmentId) -> impl Iterator<Item = (ArmId, &Products)> {
        self.0.get(&segment).into_iter().flatten().map(|(&arm, sums)| (arm, sums))
    }

    /// All sums, by segment and arm.
    pub(crate) fn each(&self) -> impl Iterator<Item = (SegmentId, ArmId, &Products)> {
        self.0.iter().flat_map(|(&segment, arms)| arms.iter().map(move |(&arm, sums)| (segment, arm, sums)))
    }
}
