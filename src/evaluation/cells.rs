//! The pairs of segment and arm that a log shows, numbered.

use std::collections::HashMap;

use crate::arm::ArmId;
use crate::segment::SegmentId;

use super::log::Log;

/// A number from 0 for each pair that some round shows.
#[derive(Clone, Debug)]
pub(super) struct Cells {
    arms: usize,
    /// By segment and arm, where that is a table of reasonable size.
    dense: Vec<u32>,
    sparse: HashMap<(SegmentId, ArmId), u32>,
    pairs: Vec<(SegmentId, ArmId)>,
}

impl Cells {
    const ABSENT: u32 = u32::MAX;

    /// Entries of the largest table; beyond, pairs are looked up by their hash.
    const LARGEST: usize = 1 << 22;

    pub(super) fn of(log: &Log) -> Self {
        let arms = log.arms().len();
        let mut pairs: Vec<_> = log.pairs().collect();
        pairs.sort_unstable();
        let entries = arms.saturating_mul(log.segments().len());
        let numbered = || pairs.iter().zip(0..);
        let (mut dense, mut sparse) = (Vec::new(), HashMap::new());
        if entries <= Self::LARGEST {
            dense.resize(entries, Self::ABSENT);
            numbered().for_each(|(&(segment, arm), cell)| dense[segment.index() * arms + arm.index()] = cell);
        } else {
            sparse = numbered().map(|(&pair, cell)| (pair, cell)).collect();
        }
        Self { arms, dense, sparse, pairs }
    }

    /// None yet, of so many segments and arms.
    pub(super) fn none(segments: usize, arms: usize) -> Self {
        let entries = arms.saturating_mul(segments);
        let dense = if entries <= Self::LARGEST { vec![Self::ABSENT; entries] } else { Vec::new() };
        Self { arms, dense, sparse: HashMap::new(), pairs: Vec::new() }
    }

    /// The number of a pair, which is the next one if it had none.
    pub(super) fn place(&mut self, segment: SegmentId, arm: ArmId) -> usize {
        let next = self.pairs.len() as u32;
        let place = match self.dense.get_mut(segment.index() * self.arms + arm.index()) {
            Some(place) => place,
            None => self.sparse.entry((segment, arm)).or_insert(Self::ABSENT),
        };
        if *place == Self::ABSENT {
            *place = next;
            self.pairs.push((segment, arm));
        }
        *place as usize
    }

    pub(super) fn len(&self) -> usize {
        self.pairs.len()
    }

    /// The pairs in the order of their numbers: of a whole log by segment, then by arm.
    pub(super) fn pairs(&self) -> &[(SegmentId, ArmId)] {
        &self.pairs
    }

    pub(super) fn find(&self, segment: SegmentId, arm: ArmId) -> Option<usize> {
        let cell = if self.dense.is_empty() {
            self.sparse.get(&(segment, arm)).copied()?
        } else {
            *self.dense.get(segment.index() * self.arms + arm.index())?
        };
        (cell != Self::ABSENT).then_some(cell as usize)
    }
}
