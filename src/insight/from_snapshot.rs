//! Counts from a snapshot: its own, and what the other processes of the portfolio have told it.

use std::collections::BTreeMap;

use crate::arm::ArmId;
use crate::belief::delay::DelayCounts;
use crate::reward::Quantity;
use crate::segment::SegmentId;
use crate::snapshot::{Generation, GroupedDelays, Place, RestoreError, Snapshot, WaitingRecord};
use crate::statistics::{ArmStatistics, CohortId};

use super::counts::{Counted, Counts};

impl Counts {
    pub(super) fn of_snapshot(snapshot: &Snapshot) -> Result<Self, RestoreError> {
        if snapshot.version != Snapshot::VERSION {
            return Err(RestoreError::Version { version: snapshot.version });
        }
        let Some(Generation { arms, segments, .. }) = snapshot.generations.first() else {
            return Err(RestoreError::Empty);
        };
        let (arms, segments) = (arms.clone(), segments.clone());
        let mut counts = Self::new(arms, segments, snapshot.reward);
        let mut delays: BTreeMap<String, DelayCounts> = BTreeMap::new();
        counts.take(snapshot, &mut delays);
        for peer in snapshot.exchange.iter().flat_map(|exchange| &exchange.peers) {
            counts.take(&peer.counted, &mut delays);
        }
        if let Some(waiting) = &snapshot.waiting {
            counts.bucket = Some(waiting.window.bucket().as_millis() as u64);
            counts.delays = delays.into_iter().map(|(name, of)| (name, of.estimate(waiting.now))).collect();
        }
        Ok(counts)
    }

    /// Adds what a snapshot of the same or other names has counted, by the names here.
    fn take(&mut self, snapshot: &Snapshot, delays: &mut BTreeMap<String, DelayCounts>) {
        let Some(generation) = snapshot.generations.first() else { return };
        let arm: Vec<Option<ArmId>> =
            generation.arms.iter().map(|arm| self.arms.find(arm.levels()).ok()).collect();
        let segment: Vec<Option<SegmentId>> =
            generation.segments.iter().map(|segment| self.segments.find(segment.levels()).ok()).collect();
        let endless = std::iter::once((Place::Endless, &generation.cells));
        let places = generation.places.iter().map(|record| (record.place, &record.cells));
        for (place, cells) in endless.chain(places) {
            for &(of_segment, of_arm, statistics) in cells {
                let named = segment.get(of_segment as usize).zip(arm.get(of_arm as usize));
                let Some((&Some(segment), &Some(arm))) = named else { continue };
                let (bucket, counted) = counted(place, statistics, snapshot.waiting.as_ref(), of_arm);
                self.add(segment, arm, bucket, counted);
            }
        }
        let Some(waiting) = &snapshot.waiting else { return };
        let layers = waiting.delays.iter().map(|(first, _, grouped)| (*first, grouped));
        let lives = snapshot.lives.iter().map(|life| (CohortId::new(life.cohort).bucket(), &life.delays));
        for (bucket, grouped) in layers.chain(lives) {
            join(delays, waiting, bucket, grouped);
        }
    }
}

/// Adds conversions; those with delays beyond the window are of no window and left out.
fn join(
    delays: &mut BTreeMap<String, DelayCounts>,
    waiting: &WaitingRecord,
    bucket: u32,
    grouped: &GroupedDelays,
) {
    for (name, conversions) in grouped {
        let Ok(none) = DelayCounts::new(waiting.window.delays() as u32) else { continue };
        let counts = delays.entry(name.clone()).or_insert(none);
        for (delay, &conversions) in (0..).zip(conversions) {
            let _ = counts.add(bucket, delay, conversions);
        }
    }
}

/// The first bucket of a place and what its counters say.
fn counted(
    place: Place,
    statistics: ArmStatistics,
    waiting: Option<&WaitingRecord>,
    arm: u32,
) -> (u32, Counted) {
    let (issued, returned, sum) = (statistics.issued(), statistics.returned(), statistics.sum());
    let come = Counted { sent: issued, returned, sum, ..Counted::default() };
    let settled = |settled: u64, settled_sum: f64| Counted { settled: settled as f64, settled_sum, ..come };
    match (place, waiting) {
        (Place::Cohort { cohort, .. }, Some(waiting)) => {
            let id = CohortId::new(cohort);
            let missing = issued.saturating_sub(returned);
            let counted = if id.is_closed(waiting.now, waiting.window) {
                let default = match &waiting.baselines {
                    Some(arms) => arms.get(arm as usize).copied().unwrap_or(0) as f64,
                    None => f64::from(waiting.default),
                };
                let default = (default / Quantity::ONE as f64).clamp(0.0, 1.0);
                let all = sum + missing as f64 * default;
                Counted { returned: issued, sum: all, ..settled(issued, all) }
            } else {
                Counted { pending: missing, ..come }
            };
            (id.bucket(), counted)
        }
        (Place::Layer { first, .. }, _) => (first, settled(returned, sum)),
        _ => (0, Counted { pending: issued.saturating_sub(returned), ..settled(returned, sum) }),
    }
}
