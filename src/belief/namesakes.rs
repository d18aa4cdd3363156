//! Namesakes: which segments of another portfolio tell of which here, by the attributes that both have.

use std::collections::BTreeMap;

use crate::segment::{Segment, SegmentId, Segments};

/// The segments of two portfolios, in groups of those that have the same levels of all attributes that both portfolios have.
#[derive(Debug)]
pub(super) struct Namesakes<'a> {
    /// Attributes that both have.
    common: Vec<&'a str>,
    /// Levels of these, and the number of the group.
    groups: BTreeMap<Vec<&'a str>, usize>,
    /// The group of each segment here.
    of: Vec<usize>,
    /// How many segments here are in each group; they differ in attributes that are new.
    sizes: Vec<usize>,
}

impl<'a> Namesakes<'a> {
    pub(super) fn of(there: &'a Segments, here: &'a Segments) -> Self {
        let is_there = |name: &str| there.attributes().any(|(other, _)| other == name);
        let common = here.attributes().map(|(name, _)| name).filter(|name| is_there(name)).collect();
        let mut namesakes = Self { common, groups: BTreeMap::new(), of: Vec::new(), sizes: Vec::new() };
        for segment in here.iter() {
            let levels = namesakes.levels(segment);
            let next = namesakes.sizes.len();
            let group = *namesakes.groups.entry(levels).or_insert(next);
            namesakes.sizes.resize(next.max(group + 1), 0);
            namesakes.sizes[group] += 1;
            namesakes.of.push(group);
        }
        namesakes
    }

    /// The number of groups.
    pub(super) fn len(&self) -> usize {
        self.sizes.len()
    }

    /// The group that a segment there tells of; none if one of its levels is not here.
    pub(super) fn told_by(&self, there: Segment<'a>) -> Option<usize> {
        self.groups.get(&self.levels(there)).copied()
    }

    /// The group of a segment here, and how many share it.
    pub(super) fn group(&self, here: SegmentId) -> (usize, usize) {
        let group = self.of[here.index()];
        (group, self.sizes[group])
    }

    /// A segment's levels of the common attributes.
    fn levels(&self, segment: Segment<'a>) -> Vec<&'a str> {
        let level = |name: &&str| segment.levels().find(|(own, _)| own == name).map(|(_, level)| level);
        self.common.iter().filter_map(level).collect()
    }
}
