//! Which sets of arms a log offers, and in which segments all of a set is shown: asked once each, not once a round.

use std::collections::HashMap;

use crate::arm::{ArmId, Eligibility};
use crate::segment::SegmentId;

use super::log::{Log, Round};

/// The sets of a log, numbered as they appear.
pub(super) struct Support<'a> {
    log: &'a Log,
    sets: Vec<&'a Eligibility>,
    /// Sets by digest; more than one only where digests collide.
    numbers: HashMap<u64, Vec<usize>>,
    shown: HashMap<(SegmentId, usize), bool>,
}

/// What was offered in a round.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offer {
    /// The number of the set.
    pub(super) set: usize,
    /// Whether the log shows all arms of the set in this segment.
    pub(super) is_shown: bool,
}

impl<'a> Support<'a> {
    pub(super) fn new(log: &'a Log) -> Self {
        Self { log, sets: Vec::new(), numbers: HashMap::new(), shown: HashMap::new() }
    }

    /// The offer of a round of the log.
    pub(super) fn offer(&mut self, round: &'a Round) -> Offer {
        let eligible = self.log.eligible(round);
        let alike = self.numbers.entry(eligible.digest()).or_default();
        let set = alike.iter().copied().find(|&set| self.sets[set] == eligible).unwrap_or_else(|| {
            alike.push(self.sets.len());
            self.sets.push(eligible);
            self.sets.len() - 1
        });
        let log = self.log;
        let shown = self.shown.entry((round.segment, set));
        let is_shown =
            *shown.or_insert_with(|| shown_of(log, round.segment, eligible).count() == eligible.len());
        Offer { set, is_shown }
    }

    /// A set, by its number.
    pub(super) fn set(&self, number: usize) -> &'a Eligibility {
        self.sets[number]
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
