//! Delays told apart by groups: the levels of a dimension of the arms, or of an attribute of the segments.

use crate::arm::{ArmId, ArmSpace};
use crate::segment::{Segment, SegmentId, Segments};

/// By what the delays of rewards are told apart.
///
/// Where some answer in a day and others in a week, tell them apart: one law for both takes the slow for bad (in the figures
/// at [`Pending`](crate::belief::Pending), by a third on day 20).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DelaysBy {
    /// One law of delays for all.
    #[default]
    Nothing,
    /// One for each level of this dimension of the arms, such as the channel.
    Dimension(String),
    /// One for each level of this attribute of the segments.
    Attribute(String),
}

/// The groups whose delays are told apart, by number.
#[derive(Debug)]
pub(super) enum Groups {
    One,
    ByArm(Box<[u32]>),
    BySegment(Box<[u32]>),
}

impl Groups {
    /// The groups and the names of their levels.
    ///
    /// # Panics
    ///
    /// If there is no such dimension or attribute.
    #[track_caller]
    pub(super) fn new(by: &DelaysBy, arms: &ArmSpace, segments: &Segments) -> (Self, Vec<String>) {
        let number = |levels: &[String], level: &str| {
            levels.iter().position(|name| name == level).map_or(0, |number| number as u32)
        };
        match by {
            DelaysBy::Nothing => (Self::One, vec![String::new()]),
            DelaysBy::Dimension(name) => {
                let known: Vec<&str> = arms.dimensions().map(|(name, _)| name).collect();
                let Some((_, levels)) = arms.dimensions().find(|(known, _)| known == name) else {
                    panic!("no dimension {name:?}; there are {known:?}")
                };
                let by_arm = arms.iter().map(|arm| number(levels, arm.level(name))).collect();
                (Self::ByArm(by_arm), levels.to_vec())
            }
            DelaysBy::Attribute(name) => {
                let known: Vec<&str> = segments.attributes().map(|(name, _)| name).collect();
                let Some((_, levels)) = segments.attributes().find(|(known, _)| known == name) else {
                    panic!("no attribute {name:?}; there are {known:?}")
                };
                let level = |segment: Segment<'_>| {
                    segment
                        .levels()
                        .find(|(attribute, _)| attribute == name)
                        .map_or(0, |(_, level)| number(levels, level))
                };
                (Self::BySegment(segments.iter().map(level).collect()), levels.to_vec())
            }
        }
    }

    #[inline]
    pub(super) fn of(&self, segment: SegmentId, arm: ArmId) -> usize {
        match self {
            Self::One => 0,
            Self::ByArm(groups) => groups[arm.index()] as usize,
            Self::BySegment(groups) => groups[segment.index()] as usize,
        }
    }
}
