//! Which arms each segment of a log shows: pairs, not always a table, since both numbers may be in the millions.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::arm::ArmId;
use crate::segment::SegmentId;

/// The arms each segment shows, ascending within their range.
#[derive(Clone, Debug, Default)]
pub(super) struct Shown {
    arms: Vec<ArmId>,
    ranges: HashMap<SegmentId, Range<usize>>,
}

impl Shown {
    pub(super) fn of(&self, segment: SegmentId) -> &[ArmId] {
        self.ranges.get(&segment).map_or(&[], |range| &self.arms[range.clone()])
    }

    /// Each segment with each arm that it shows.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (SegmentId, ArmId)> + '_ {
        let of = |(&segment, range): (&SegmentId, &Range<usize>)| (segment, range.clone());
        let ranges = self.ranges.iter().map(of);
        ranges.flat_map(|(segment, range)| self.arms[range].iter().map(move |&arm| (segment, arm)))
    }
}

/// What was seen so far.
#[derive(Debug)]
pub(super) struct Seen {
    arms: usize,
    /// By segment and arm, where that is a table of reasonable size.
    table: Vec<bool>,
    pairs: HashSet<(u32, u32)>,
}

impl Seen {
    /// Entries of the largest table.
    const LARGEST: usize = 1 << 22;

    pub(super) fn new(segments: usize, arms: usize) -> Self {
        let entries = segments.saturating_mul(arms);
        let table = if entries <= Self::LARGEST { vec![false; entries] } else { Vec::new() };
        Self { arms, table, pairs: HashSet::new() }
    }

    /// Takes note of a round; both numbers are of the log.
    pub(super) fn add(&mut self, segment: u32, arm: u32) {
        if self.table.is_empty() {
            self.pairs.insert((segment, arm));
        } else {
            self.table[segment as usize * self.arms + arm as usize] = true;
        }
    }

    pub(super) fn shown(self) -> Shown {
        let mut pairs: Vec<(u32, u32)> = self.pairs.into_iter().collect();
        let places = self.table.iter().enumerate().filter(|&(_, &seen)| seen);
        pairs.extend(places.map(|(place, _)| ((place / self.arms) as u32, (place % self.arms) as u32)));
        pairs.sort_unstable();
        let mut shown = Shown::default();
        for (position, &(segment, arm)) in pairs.iter().enumerate() {
            let range = shown.ranges.entry(SegmentId::new(segment)).or_insert(position..position);
            range.end = position + 1;
            shown.arms.push(ArmId::new(arm));
        }
        shown
    }
}
