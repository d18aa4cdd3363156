//! In which segments a log shows all arms of a set: asked once each, not once a round.

use std::collections::HashMap;

use crate::arm::{ArmId, Eligibility};
use crate::segment::SegmentId;

use super::log::Log;

/// What was asked before, by segment and set.
#[derive(Debug)]
pub(super) struct Support<'a> {
    log: &'a Log,
    /// Where that is a table of reasonable size: not asked yet, or the answer.
    table: Vec<Option<bool>>,
    others: HashMap<(SegmentId, u32), bool>,
}

impl<'a> Support<'a> {
    /// Entries of the largest table.
    const LARGEST: usize = 1 << 20;

    pub(super) fn new(log: &'a Log) -> Self {
        let entries = log.segments().len().saturating_mul(log.sets());
        let table = if entries <= Self::LARGEST { vec![None; entries] } else { Vec::new() };
        Self { log, table, others: HashMap::new() }
    }

    /// Whether every segment that the log shows at all shows all arms.
    pub(super) fn shows_all(&self) -> bool {
        let segments = (0..self.log.segments().len() as u32).map(SegmentId::new);
        let mut shown = segments.map(|segment| self.log.shown(segment).len());
        shown.all(|shown| shown == 0 || shown == self.log.arms().len())
    }

    /// Whether the log shows all arms of the set in this segment.
    pub(super) fn is_shown(&mut self, segment: SegmentId, set: u32) -> bool {
        let log = self.log;
        let ask = || {
            let eligible = log.set(set);
            match eligible.is_all() {
                true => log.shown(segment).len() == log.arms().len(),
                false => shown_of(log, segment, eligible).count() == eligible.len(),
            }
        };
        let place = segment.index() * log.sets() + set as usize;
        match self.table.get_mut(place) {
            Some(answer) => *answer.get_or_insert_with(ask),
            None => *self.others.entry((segment, set)).or_insert_with(ask),
        }
    }
}

/// The arms of a set that a segment shows, ascending.
pub(super) fn shown_of<'a>(
    log: &'a Log,
    segment: SegmentId,
    set: &'a Eligibility,
) -> impl Iterator<Item = ArmId> + 'a {
    log.shown(segment).iter().copied().filter(|&arm| set.contains(arm))
}
