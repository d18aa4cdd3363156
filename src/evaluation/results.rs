//! Results: what each arm earned in each segment of a log, as beliefs read it.

use std::collections::BTreeMap;

use crate::belief::Tried;
use crate::segment::SegmentId;

use super::log::Log;

/// What each arm of a log earned in each segment that it shows, rewards scaled to [0, 1]: for a
/// [warm start](crate::belief::WarmStart), for [effects](crate::belief::effects). Segments and arms ascend.
///
/// Rounds count alike whatever their propensity: what is believed of an arm goes by what came of it, however it was selected.
#[must_use]
pub fn tried(log: &Log) -> Vec<(SegmentId, Vec<Tried>)> {
    let (least, most) = log.reward_kind().range();
    let mut cells: BTreeMap<_, (f64, f64)> = BTreeMap::new();
    for round in log.rounds().iter() {
        let cell = cells.entry((round.segment, round.arm)).or_default();
        cell.0 += 1.0;
        cell.1 += ((round.reward.value() - least) / (most - least)).clamp(0.0, 1.0);
    }
    let mut results: Vec<(SegmentId, Vec<Tried>)> = Vec::new();
    for ((segment, arm), (trials, earned)) in cells {
        let told = Tried { arm, trials, earned: earned.min(trials) };
        match results.last_mut() {
            Some((last, tried)) if *last == segment => tried.push(told),
            _ => results.push((segment, vec![told])),
        }
    }
    results
}
