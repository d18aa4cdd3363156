//! Snapshot and restore: what was learnt, carried over by names into today's build.

use std::collections::BTreeMap;

use crate::arm::{ArmId, ArmSpace};
use crate::decision::{Issuer, fingerprint};
use crate::reward::{Quantity, RewardKind};
use crate::segment::{SegmentId, Segments};
use crate::snapshot::{Generation, Life, Matching, RestoreError, Restored, Snapshot};
use crate::statistics::{ArmStatistics, Cohort, CohortId, StatisticsError};

use super::Bandit;
use super::rewarding::SpaceError;

/// The names of an earlier build, and where they lead today.
#[derive(Debug)]
pub(super) struct Ancestor {
    pub(super) fingerprint: u64,
    arms: ArmSpace,
    segments: Segments,
    /// Today's arm for each of then.
    arm: Vec<Option<ArmId>>,
    /// Today's segment for each of then.
    segment: Vec<Option<SegmentId>>,
    /// Counters without an arm or segment today.
    cells: Vec<(u32, u32, ArmStatistics)>,
}

impl Ancestor {
    fn new(arms: &ArmSpace, segments: &Segments, bandit: &Bandit) -> Self {
        Self {
            fingerprint: fingerprint(arms, segments),
            arm: arms.iter().map(|arm| bandit.arms.find(arm.levels()).ok()).collect(),
            segment: segments.iter().map(|segment| bandit.segments.find(segment.levels()).ok()).collect(),
            arms: arms.clone(),
            segments: segments.clone(),
            cells: Vec::new(),
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
    /// Everything learnt so far, as plain data.
    ///
    /// May be called while others select and reward. A reward that is in the counters is also marked as claimed, so
    /// that it can never count twice after a restore. But a reward that arrives during the call may be marked and not
    /// yet counted, and of an amount that is being added at that instant the count may be in and the amount not yet,
    /// so that it stays the least reward. Take the last snapshot of a life after its last reward.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        // Cells first, claims after: what is counted is then claimed as well, since a claim precedes its count.
        let mut cells = Vec::new();
        self.cells.each_touched(|segment, arm, statistics| {
            if statistics != ArmStatistics::default() {
                cells.push((segment.get(), arm.get(), statistics));
            }
        });
        let today = Generation { arms: self.arms.clone(), segments: self.segments.clone(), cells };
        let earlier = self.ancestors.iter().map(|ancestor| Generation {
            arms: ancestor.arms.clone(),
            segments: ancestor.segments.clone(),
            cells: ancestor.cells.clone(),
        });
        let life = |issuer: Issuer, cohort: &Cohort| {
            // Numbers after bits: every bit then belongs to a number that was taken.
            let claimed = cohort.claimed();
            Life {
                replica: issuer.replica,
                incarnation: issuer.incarnation,
                cohort: CohortId::OPEN_ENDED.get(),
                issued: cohort.issued(),
                claimed,
            }
        };
        let past = self.past.iter().map(|(&issuer, cohort)| life(issuer, cohort));
        Snapshot {
            version: Snapshot::VERSION,
            reward: self.reward,
            generations: std::iter::once(today).chain(earlier).collect(),
            lives: std::iter::once(life(self.issuer, &self.cohort)).chain(past).collect(),
        }
    }

    /// Takes over what a snapshot has learnt, by the names of arms and segments, and reports how they matched.
    ///
    /// Tokens of the lives it tells of can then be rewarded here, once. For a bandit that has made no decision yet.
    ///
    /// # Errors
    ///
    /// [`RestoreError`] says what does not fit; the bandit is then as it was.
    pub fn restore(&mut self, snapshot: &Snapshot) -> Result<Restored, RestoreError> {
        if snapshot.version != Snapshot::VERSION {
            return Err(RestoreError::Version { version: snapshot.version });
        }
        if self.cohort.issued() > 0 || !self.past.is_empty() {
            let past = self.past.values().map(Cohort::issued).sum::<u64>();
            return Err(RestoreError::InUse { decisions: self.cohort.issued() + past });
        }
        if snapshot.reward != self.reward {
            return Err(RestoreError::RewardKind { snapshot: snapshot.reward, bandit: self.reward });
        }
        let latest = snapshot.generations.first().ok_or(RestoreError::Empty)?;
        // Every snapshot tells of the life it was taken in; one without could be restored twice unnoticed.
        if snapshot.lives.is_empty() {
            return Err(RestoreError::Empty);
        }
        let past = self.lives(&snapshot.lives)?;
        let mut cells: BTreeMap<(SegmentId, ArmId), ArmStatistics> = BTreeMap::new();
        let mut ancestors: Vec<Ancestor> = Vec::new();
        for generation in &snapshot.generations {
            ancestors.push(self.inherit(generation, &mut cells)?);
        }

        // From here on nothing can fail.
        let restored = Restored {
            arms: matching(
                latest.arms.iter().map(|arm| (ancestors[0].arm[arm.id().index()].is_some(), arm.to_string())),
                self.arms.iter().map(|arm| (latest.arms.find(arm.levels()).is_ok(), arm.to_string())),
            ),
            segments: matching(
                latest
                    .segments
                    .iter()
                    .map(|s| (ancestors[0].segment[s.id().index()].is_some(), s.to_string())),
                self.segments.iter().map(|s| (latest.segments.find(s.levels()).is_ok(), s.to_string())),
            ),
        };
        for (&(segment, arm), &statistics) in &cells {
            self.cells.add(segment, arm, statistics);
        }
        ancestors.retain(|ancestor| ancestor.fingerprint != self.fingerprint);
        self.ancestors = ancestors;
        self.past = past;
        // Plans made before know nothing of this.
        self.book = crate::plan::Book::new(self.segments.len());
        Ok(restored)
    }

    /// The cohorts of earlier lives.
    fn lives(&self, lives: &[Life]) -> Result<BTreeMap<Issuer, Cohort>, RestoreError> {
        let mut past = BTreeMap::new();
        for life in lives {
            let &Life { replica, incarnation, cohort, issued, ref claimed } = life;
            let issuer = Issuer { replica, incarnation };
            if issuer == self.issuer {
                return Err(RestoreError::IncarnationTaken { replica, incarnation });
            }
            // No bit may stand at or beyond the number of decisions.
            let beyond = claimed.iter().enumerate().any(|(word, &bits)| {
                let first = word as u64 * 64;
                bits != 0 && first + u64::from(64 - bits.leading_zeros()) > issued
            });
            let possible = cohort == CohortId::OPEN_ENDED.get()
                && issued <= Cohort::CAPACITY
                && incarnation >> Issuer::INCARNATION_BITS == 0
                && !beyond;
            if !possible || past.insert(issuer, Cohort::restored(issued, claimed)).is_some() {
                return Err(RestoreError::Life { replica, incarnation });
            }
        }
        Ok(past)
    }

    /// Adds a generation's counters to those of today's names; what has no name today stays with the ancestor.
    fn inherit(
        &self,
        generation: &Generation,
        cells: &mut BTreeMap<(SegmentId, ArmId), ArmStatistics>,
    ) -> Result<Ancestor, RestoreError> {
        let mut ancestor = Ancestor::new(&generation.arms, &generation.segments, self);
        let mut seen = std::collections::BTreeSet::new();
        for &(segment, arm, statistics) in &generation.cells {
            let fault = |error| RestoreError::Statistics { segment, arm, error };
            if self.reward == RewardKind::Binary && !statistics.is_binary() {
                return Err(fault(StatisticsError::Inconsistent { statistics }));
            }
            let statistics = statistics.checked().map_err(fault)?;
            match ancestor.translate(SegmentId::new(segment), ArmId::new(arm)) {
                _ if !seen.insert((segment, arm)) => return Err(RestoreError::Cell { segment, arm }),
                Ok(key) => {
                    let sum = cells.entry(key).or_default();
                    *sum = sum.merge(statistics).map_err(fault)?;
                }
                Err(SpaceError::Vanished { .. }) => ancestor.cells.push((segment, arm, statistics)),
                Err(SpaceError::Unknown { .. }) => return Err(RestoreError::Cell { segment, arm }),
            }
        }
        Ok(ancestor)
    }
}

/// Compares names: of the snapshot with whether they exist today, and of today with whether the snapshot had them.
fn matching(
    then: impl Iterator<Item = (bool, String)>,
    now: impl Iterator<Item = (bool, String)>,
) -> Matching {
    let missing = |(exists, name): (bool, String)| (!exists).then_some(name);
    let mut matched = 0;
    let vanished = then.inspect(|&(exists, _)| matched += usize::from(exists)).filter_map(missing).collect();
    Matching { vanished, matched, appeared: now.filter_map(missing).collect() }
}

const _: () = assert!(Quantity::DIGITS == 24, "snapshots hold sums in units of 2⁻²⁴");
