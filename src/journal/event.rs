//! What happened to a decision, at a fixed size: as the queue carries it and as a line says it.

use crate::arm::ArmId;
use crate::decision::{DecisionId, Issuer};
use crate::segment::SegmentId;
use crate::statistics::CohortId;
use crate::time::Timestamp;

/// Words of a packed event; with the word that tells whose turn a slot is they fill a cache line.
pub(super) const WORDS: usize = 7;

/// One event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Event {
    pub(super) id: DecisionId,
    pub(super) at: Timestamp,
    pub(super) segment: SegmentId,
    pub(super) arm: ArmId,
    pub(super) what: What,
}

/// What it is, with what only this kind of event has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum What {
    /// The decision itself: its propensity in units of 2⁻⁵³, and the digest of the set it was drawn from (none
    /// where all arms were eligible). Its arms and segments are the journal's own.
    Decision { units: u64, eligible: Option<u64> },
    /// Its reward, and the fingerprint of the arms and segments that its numbers belong to.
    Outcome { reward: f64, space: u64 },
    /// A piece of its outcome.
    Stage { stage: u16, value: f64, space: u64 },
    /// It was withdrawn: nothing was sent.
    Cancel { space: u64 },
}

// Word 0: sequence (40 bits), stage (16), kind (3), whether a set is named (1). The top bits are the queue's own.
const STAGE: u32 = 40;
const KIND: u32 = 56;
const NAMES_A_SET: u64 = 1 << 59;

const DECISION: u64 = 1;
const OUTCOME: u64 = 2;
const STAGED: u64 = 3;
const CANCEL: u64 = 4;

impl Event {
    /// Packs the event. No event is all zeros in its first word.
    #[inline]
    pub(super) fn pack(&self) -> [u64; WORDS] {
        let Issuer { replica, incarnation } = self.id.issuer;
        let (tag, number, digest) = match self.what {
            What::Decision { units, eligible: None } => (DECISION << KIND, units, 0),
            What::Decision { units, eligible: Some(digest) } => {
                (DECISION << KIND | NAMES_A_SET, units, digest)
            }
            What::Outcome { reward, space } => (OUTCOME << KIND, reward.to_bits(), space),
            What::Stage { stage, value, space } => {
                (STAGED << KIND | u64::from(stage) << STAGE, value.to_bits(), space)
            }
            What::Cancel { space } => (CANCEL << KIND, 0, space),
        };
        [
            tag | self.id.sequence,
            self.at.as_millis(),
            u64::from(replica) << Issuer::INCARNATION_BITS | incarnation,
            u64::from(self.id.cohort.get()) << 32 | u64::from(self.segment.get()),
            u64::from(self.arm.get()),
            number,
            digest,
        ]
    }

    /// The event in these words, or `None` where there is none.
    #[inline]
    pub(super) fn unpack(words: [u64; WORDS]) -> Option<Self> {
        let [tag, at, issuer, place, arm, number, digest] = words;
        let value = f64::from_bits(number);
        let what = match tag >> KIND & 7 {
            DECISION => {
                What::Decision { units: number, eligible: (tag & NAMES_A_SET != 0).then_some(digest) }
            }
            OUTCOME => What::Outcome { reward: value, space: digest },
            STAGED => What::Stage { stage: (tag >> STAGE) as u16, value, space: digest },
            CANCEL => What::Cancel { space: digest },
            _ => return None,
        };
        let issuer = Issuer {
            replica: (issuer >> Issuer::INCARNATION_BITS) as u16,
            incarnation: issuer & ((1 << Issuer::INCARNATION_BITS) - 1),
        };
        let cohort = CohortId::new((place >> 32) as u32);
        Some(Self {
            id: DecisionId { issuer, cohort, sequence: tag & ((1 << STAGE) - 1) },
            at: Timestamp::from_millis(at),
            segment: SegmentId::new(place as u32),
            arm: ArmId::new(arm as u32),
            what,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_at_its_limits_comes_back() {
        let kinds = [
            What::Decision { units: 1 << 53, eligible: None },
            What::Decision { units: 1, eligible: Some(u64::MAX) },
            What::Decision { units: 1, eligible: Some(0) },
            What::Outcome { reward: -0.0, space: u64::MAX },
            What::Stage { stage: u16::MAX, value: f64::MIN_POSITIVE, space: 1 },
            What::Cancel { space: u64::MAX },
        ];
        for what in kinds {
            for full in [0, u64::MAX] {
                let event = Event {
                    id: DecisionId {
                        issuer: Issuer { replica: full as u16, incarnation: full >> 16 },
                        cohort: CohortId::new(full as u32),
                        sequence: full >> 24,
                    },
                    at: Timestamp::from_millis(full),
                    segment: SegmentId::new(full as u32),
                    arm: ArmId::new(full as u32),
                    what,
                };
                assert_eq!(Event::unpack(event.pack()), Some(event));
                assert_eq!(event.pack()[0] >> 60, 0, "the queue's own bits are left alone");
            }
        }
        assert_eq!(Event::unpack([0; WORDS]), None);
    }
}
