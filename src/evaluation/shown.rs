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
    /// Of pairs in any order, each once.
    pub(super) fn of_pairs(mut pairs: Vec<(SegmentId, ArmId)>) -> Self {
        pairs.sort_unstable();
        let mut shown = Self::default();
        for (position, &(segment, arm)) in pairs.iter().enumerate() {
            let range = shown.ranges.entry(segment).or_insert(position..position);
            range.end = position + 1;
            shown.arms.push(arm);
        }
        shown
    }

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
    /// How many arms each segment showed.
    of_segment: Vec<u32>,
}

impl Seen {
    /// Entries of the largest table.
    const LARGEST: usize = 1 << 22;

    pub(super) fn new(segments: usize, arms: usize) -> Self {
        let entries = segments.saturating_mul(arms);
        let table = if entries <= Self::LARGEST { vec![false; entries] } else { Vec::new() };
        Self { arms, table, pairs: HashSet::new(), of_segment: vec![0; segments] }
    }

    /// Takes note of a round; both numbers are of the log.
    pub(super) fn add(&mut self, segment: u32, arm: u32) {
        let new = match self.table.get_mut(segment as usize * self.arms + arm as usize) {
            Some(seen) => !std::mem::replace(seen, true),
            None => self.pairs.insert((segment, arm)),
        };
        self.of_segment[segment as usize] += u32::from(new);
    }

    /// Whether a segment showed this arm.
    pub(super) fn has(&self, segment: SegmentId, arm: ArmId) -> bool {
        match self.table.get(segment.index() * self.arms + arm.index()) {
            Some(&seen) => seen,
            None => self.pairs.contains(&(segment.index() as u32, arm.index() as u32)),
        }
    }

    /// Whether a segment showed every arm.
    pub(super) fn has_all(&self, segment: SegmentId) -> bool {
        self.of_segment[segment.index()] as usize == self.arms
    }

    pub(super) fn shown(&self) -> Shown {
        let mut pairs: Vec<(u32, u32)> = self.pairs.iter().copied().collect();
        let places = self.table.iter().enumerate().filter(|&(_, &seen)| seen);
        pairs.extend(places.map(|(place, _)| ((place / self.arms) as u32, (place % self.arms) as u32)));
        Shown::of_pairs(
            pairs.into_iter().map(|(segment, arm)| (SegmentId::new(segment), ArmId::new(arm))).collect(),
        )
    }
}
