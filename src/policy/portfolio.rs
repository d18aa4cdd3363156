//! Other segments' beliefs, for policies that look beyond their own.

use std::fmt;

use crate::arm::ArmId;
use crate::belief::Beta;
use crate::segment::SegmentId;

/// What is believed in each segment of a bandit, asked for only by policies that need it.
///
/// A plan is made anew at the events of its own segment only: what happens in others shows in it from then on.
pub trait Portfolio: fmt::Debug {
    /// The segments that may be learnt from, ascending.
    fn segments(&self) -> Vec<SegmentId>;

    /// What is believed of the mean reward of these arms, which ascend, in one of the segments.
    fn posteriors(&self, segment: SegmentId, arms: &[ArmId]) -> Vec<Beta>;
}
