//! What is believed before the first outcome: of all arms alike, or by segment and arm.

use std::fmt;

use crate::arm::{Arm, ArmId};
use crate::belief::{Beta, WarmStart};
use crate::segment::{Segment, SegmentId};

use super::Bandit;

/// Gives each arm of each segment its prior.
type By = dyn Fn(Segment<'_>, Arm<'_>) -> Beta + Send + Sync;

/// The prior of each arm in each segment.
pub(super) enum Priors {
    Alike(Beta),
    By(Box<By>),
    /// What was learnt elsewhere.
    Warm(Box<WarmStart>),
}

impl fmt::Debug for Priors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alike(prior) => prior.fmt(f),
            Self::By(_) => f.write_str("by segment and arm"),
            Self::Warm(start) => write!(f, "a warm start: {}", start.matched()),
        }
    }
}

impl Bandit {
    /// What is believed of an arm in a segment before its first outcome.
    #[inline]
    pub(super) fn prior(&self, segment: SegmentId, arm: ArmId) -> Beta {
        match &self.priors {
            Priors::Alike(prior) => *prior,
            Priors::By(by) => by(self.segments.segment(segment), self.arms.arm(arm)),
            Priors::Warm(start) => start.of(segment, arm),
        }
    }
}
