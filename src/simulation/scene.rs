//! What a world and all its lives have in common: arms, segments, and the sets that are eligible together.

use crate::arm::{ArmSpace, ArmSpaceError, Eligibility};
use crate::segment::Segments;

/// Arms, segments and eligible sets of a world.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scene {
    pub(super) arms: ArmSpace,
    pub(super) segments: Segments,
    pub(super) sets: Vec<Eligibility>,
}

impl Scene {
    /// All arms, always, for everyone.
    pub(super) fn single(arms: ArmSpace) -> Self {
        Self::segmented(arms, Segments::single())
    }

    /// All arms, always, for customers of these segments.
    pub(super) fn segmented(arms: ArmSpace, segments: Segments) -> Self {
        Self { sets: vec![arms.all()], arms, segments }
    }

    /// So many arms, named by their number from 0 in the dimension `arm`.
    pub(super) fn numbered(arms: usize) -> Result<Self, ArmSpaceError> {
        let limit = ArmSpace::MAX_ARMS;
        // Before there is a name for each of them.
        if arms as u64 > limit {
            return Err(ArmSpaceError::TooManyArms { arms: arms as u64, limit });
        }
        let names = (0..arms).map(|arm| arm.to_string());
        Ok(Self::single(ArmSpace::builder().dimension("arm", names).build()?))
    }
}

/// The questions of a [`World`](super::World) that its scene answers.
macro_rules! scenery {
    ($scene:ident) => {
        fn arms(&self) -> &$crate::arm::ArmSpace {
            &self.$scene.arms
        }

        fn segments(&self) -> &$crate::segment::Segments {
            &self.$scene.segments
        }

        fn sets(&self) -> &[$crate::arm::Eligibility] {
            &self.$scene.sets
        }
    };
}

pub(super) use scenery;
