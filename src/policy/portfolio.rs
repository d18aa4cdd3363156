//! Other segments' and other arms' results, for policies that look beyond what is eligible in their own.

use std::fmt;

use crate::arm::{ArmId, ArmSpace};
use crate::belief::{Beta, Tried};
use crate::segment::{SegmentId, Segments};

/// What is known in each segment of a bandit, asked for only by policies that need it.
///
/// A plan is made anew at the events of its own segment only: what happens in others shows in it from then on.
pub trait Portfolio: fmt::Debug {
    /// The segments that may be learnt from, ascending.
    fn segments(&self) -> Vec<SegmentId>;

    /// What is believed of the mean reward of these arms, which ascend, in one of the segments.
    fn posteriors(&self, segment: SegmentId, arms: &[ArmId]) -> Vec<Beta>;

    /// All arms, eligible or not: their dimensions and levels.
    fn space(&self) -> &ArmSpace;

    /// The attributes and levels of all segments, those too that may not be learnt from.
    fn segmentation(&self) -> &Segments;

    /// What the arms have earned in one of the segments, of all arms that have been tried there, eligible or not, in ascending
    /// order: the same counts that beliefs are formed from, without any prior, and what a [warm
    /// start](crate::belief::WarmStart::tried) adds to them.
    fn tried(&self, segment: SegmentId) -> Vec<Tried>;
}
