//! Names of earlier builds, and where they lead today.

use std::collections::BTreeMap;

use crate::arm::{ArmId, ArmSpace};
use crate::decision::fingerprint;
use crate::segment::{SegmentId, Segments};
use crate::snapshot::{Matching, Place};
use crate::statistics::ArmStatistics;

use super::Bandit;
use super::rewarding::SpaceError;

/// Counters by segment and arm.
pub(super) type Kept = BTreeMap<(SegmentId, ArmId), ArmStatistics>;

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
    /// The last bucket of time in which decisions were made by these names, where there is a window.
    pub(super) last: u32,
    /// Counters without an arm or segment today. Of several ancestors with the same names, the first keeps them.
    pub(super) cells: BTreeMap<Place, Kept>,
}

impl Ancestor {
    pub(super) fn new(arms: &ArmSpace, segments: &Segments, last: u32, bandit: &Bandit) -> Self {
        Self {
            fingerprint: fingerprint(arms, segments),
            arm: arms.iter().map(|arm| bandit.arms.find(arm.levels()).ok()).collect(),
            segment: segments.iter().map(|segment| bandit.segments.find(segment.levels()).ok()).collect(),
            arms: arms.clone(),
            segments: segments.clone(),
            last,
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

impl Bandit {
    /// Learns the names of another build, if they are new; where it stands among the ancestors, unless it is today's.
    pub(super) fn meet(&mut self, ancestor: Ancestor) -> Option<usize> {
        if ancestor.fingerprint == self.fingerprint {
            return None;
        }
        let known = self.ancestors.iter().position(|known| known.fingerprint == ancestor.fingerprint);
        match known {
            Some(known) => self.ancestors[known].last = self.ancestors[known].last.max(ancestor.last),
            None => self.ancestors.push(ancestor),
        }
        known.or(Some(self.ancestors.len() - 1))
    }

    /// Notes that decisions were made by these names at a bucket of time; false if they are not known.
    #[cfg(feature = "journal")]
    pub(super) fn has_met(&mut self, fingerprint: u64, bucket: u32) -> bool {
        let known = self.ancestors.iter_mut().find(|known| known.fingerprint == fingerprint);
        let is_known = known.is_some();
        if let Some(known) = known {
            known.last = known.last.max(bucket);
        }
        is_known
    }

    /// Changes what is kept at a place of a segment and an arm, by the numbers of an ancestor, that have no name today.
    /// False, and nothing has changed, where that leads to counters that cannot be.
    pub(super) fn keep(
        &mut self,
        of: usize,
        place: Place,
        (segment, arm): (SegmentId, ArmId),
        change: impl FnOnce(ArmStatistics) -> ArmStatistics,
    ) -> bool {
        let then = &self.ancestors[of];
        let (segment_name, arm_name) = (then.segments.segment(segment), then.arms.arm(arm));
        // An event may be told by the numbers of another build than the decision that it belongs to.
        let keeper = self.ancestors.iter().enumerate().find_map(|(keeper, known)| {
            let segment = known.segments.find(segment_name.levels()).ok()?;
            Some((keeper, (segment, known.arms.find(arm_name.levels()).ok()?)))
        });
        let (keeper, at) = keeper.unwrap_or((of, (segment, arm)));
        let before = self.ancestors[keeper].cells.get(&place).and_then(|kept| kept.get(&at)).copied();
        match self.checked(place, change(before.unwrap_or_default())) {
            Ok(after) => {
                self.ancestors[keeper].cells.entry(place).or_default().insert(at, after);
                true
            }
            Err(_) => false,
        }
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
