//! Names of earlier builds, and where they lead today.

use std::collections::BTreeMap;

use crate::arm::{ArmId, ArmSpace};
use crate::decision::fingerprint;
use crate::segment::{SegmentId, Segments};
use crate::snapshot::{Cells, Matching, Place};

use super::Bandit;
use super::rewarding::SpaceError;

/// The names of an earlier build, and where they lead today.
#[derive(Debug)]
pub(super) struct Ancestor {
    pub(super) fingerprint: u64,
    pub(super) arms: ArmSpace,
    pub(super) segments: Segments,
    /// Today's arm for each of then.
    pub(super) arm: Vec<Option<ArmId>>,
    /// Today's segment for each of then.
    pub(super) segment: Vec<Option<SegmentId>>,
    /// Counters without an arm or segment today.
    pub(super) cells: BTreeMap<Place, Cells>,
}

impl Ancestor {
    pub(super) fn new(arms: &ArmSpace, segments: &Segments, bandit: &Bandit) -> Self {
        Self {
            fingerprint: fingerprint(arms, segments),
            arm: arms.iter().map(|arm| bandit.arms.find(arm.levels()).ok()).collect(),
            segment: segments.iter().map(|segment| bandit.segments.find(segment.levels()).ok()).collect(),
            arms: arms.clone(),
            segments: segments.clone(),
            cells: BTreeMap::new(),
        }
    }

    /// Today's numbers of a segment and an arm of then.
    pub(super) fn translate(&self, segment: SegmentId, arm: ArmId) -> Result<(SegmentId, ArmId), SpaceError> {
        let unknown = SpaceError::Unknown { fingerprint: self.fingerprint };
        let (Some(&now_segment), Some(&now_arm)) =
            (self.segment.get(segment.index()), self.arm.get(arm.index()))
        else {
            return Err(unknown);
        };
        let now_segment = now_segment
            .ok_or_else(|| SpaceError::Vanished { name: self.segments.segment(segment).to_string() })?;
        let now_arm = now_arm.ok_or_else(|| SpaceError::Vanished { name: self.arms.arm(arm).to_string() })?;
        Ok((now_segment, now_arm))
    }
}

/// Compares names: of the snapshot with whether they exist today, and of today with whether the snapshot had them.
pub(super) fn matching(
    then: impl Iterator<Item = (bool, String)>,
    now: impl Iterator<Item = (bool, String)>,
) -> Matching {
    let missing = |(exists, name): (bool, String)| (!exists).then_some(name);
    let mut matched = 0;
    let vanished = then.inspect(|&(exists, _)| matched += usize::from(exists)).filter_map(missing).collect();
    Matching { vanished, matched, appeared: now.filter_map(missing).collect() }
}
