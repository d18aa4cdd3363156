//! What a journal tells, entry by entry.

use crate::arm::{ArmId, Eligibility};
use crate::decision::DecisionId;
use crate::features::{Features, ONE, Quantised};
use crate::reward::{Outcome, Reward, Stage};
use crate::segment::SegmentId;
use crate::time::Timestamp;

/// One entry of a journal.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Entry {
    /// A decision was made.
    Decision(LoggedDecision),
    /// The outcome of a decision arrived.
    Outcome(LoggedOutcome),
    /// A piece of the outcome of a decision arrived.
    Stage(LoggedStage),
    /// A decision was withdrawn.
    Cancel(LoggedCancel),
}

/// A decision as the journal tells of it.
#[derive(Clone, Debug, PartialEq)]
pub struct LoggedDecision {
    /// Its identity.
    pub id: DecisionId,
    /// When it was made, by the host's time.
    pub at: Timestamp,
    /// The segment it was made for.
    pub segment: SegmentId,
    /// The arm that was drawn.
    pub arm: ArmId,
    /// The probability it was drawn with, in (0, 1].
    pub propensity: f64,
    /// The set it was drawn from.
    pub eligible: Eligibility,
    /// The features of the request, if it had any.
    pub features: Option<LoggedFeatures>,
}

/// An outcome as the journal tells of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LoggedOutcome {
    /// The decision it belongs to.
    pub id: DecisionId,
    /// When it arrived, by the host's time.
    pub at: Timestamp,
    /// What the decision had chosen, where the journal says it here too (version 1 does not).
    pub chosen: Option<Chosen>,
    /// The reward.
    pub reward: Reward,
    /// The features of the decision's request, if it had any.
    pub features: Option<LoggedFeatures>,
}

/// A piece of an outcome as the journal tells of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LoggedStage {
    /// The decision it belongs to.
    pub id: DecisionId,
    /// When it arrived, by the host's time.
    pub at: Timestamp,
    /// What the decision had chosen.
    pub chosen: Chosen,
    /// Number of the stage.
    pub stage: u16,
    /// What came with it: an amount, or −1 for none.
    pub value: f64,
}

impl LoggedStage {
    /// The outcome; `None` for a stage of a later release.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        let stage = Stage::from_number(u8::try_from(self.stage).ok()?)?;
        Some(match stage {
            Stage::Paid if self.value >= 0.0 => Outcome::paid(self.value),
            _ => Outcome::new(stage),
        })
    }
}

/// A withdrawal as the journal tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoggedCancel {
    /// The decision that was withdrawn.
    pub id: DecisionId,
    /// When, by the host's time.
    pub at: Timestamp,
    /// What the decision had chosen.
    pub chosen: Chosen,
    /// The features of the decision's request, if it had any.
    pub features: Option<LoggedFeatures>,
}

/// The features of a request, as they were quantised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoggedFeatures(pub(crate) Quantised);

impl LoggedFeatures {
    /// The values in the units of the declaration, to 2⁻¹⁶ of its ranges: of that which
    /// [the journal names](super::Names::features). `None` if it is another.
    #[must_use]
    pub fn values(&self, declared: &Features) -> Option<Vec<f64>> {
        let values = |range: std::ops::RangeInclusive<f64>, scaled: f64| {
            let (least, greatest) = range.into_inner();
            least + scaled * (greatest - least)
        };
        let scaled = declared.ranges().zip(self.scaled());
        declared.made(&self.0).then(|| scaled.map(|(range, scaled)| values(range, scaled)).collect())
    }

    /// The place of each in its declared range, from 0 to 1.
    pub fn scaled(&self) -> impl Iterator<Item = f64> {
        self.0.values().iter().map(|&value| f64::from(value) / f64::from(ONE))
    }
}

/// What a decision had chosen, said again where something is told of it later: the decision itself may stand in a file
/// that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// The segment, by the names that `space` stands for.
    pub segment: SegmentId,
    /// The arm, likewise.
    pub arm: ArmId,
    /// Fingerprint of the arms and segments: [`JournalReader::fingerprint`](super::JournalReader::fingerprint), unless the decision was made by another
    /// build.
    pub space: u64,
}
