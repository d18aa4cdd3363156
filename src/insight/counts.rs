//! What was counted, by segment, arm and stretch of time, wherever it was counted.

use std::collections::BTreeMap;

use crate::arm::{ArmId, ArmSpace};
use crate::belief::delay::DelayEstimate;
use crate::reward::RewardKind;
use crate::segment::{SegmentId, Segments};

/// What came of the decisions of some buckets of time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Counted {
    /// Decisions.
    pub(super) sent: u64,
    /// Decisions of which nothing has come and something may.
    pub(super) pending: u64,
    /// Outcomes that have come, with those that stand for none.
    pub(super) returned: u64,
    /// The sum of these, scaled to [0, 1].
    pub(super) sum: f64,
    /// Outcomes of decisions that have had their time: no others are a fair sample, for good news come early.
    pub(super) settled: f64,
    /// The sum of these, scaled.
    pub(super) settled_sum: f64,
}

impl Counted {
    pub(super) fn add(&mut self, other: Self) {
        // Saturating, because a snapshot may come from anywhere.
        self.sent = self.sent.saturating_add(other.sent);
        self.pending = self.pending.saturating_add(other.pending);
        self.returned = self.returned.saturating_add(other.returned);
        self.sum += other.sum;
        self.settled += other.settled;
        self.settled_sum += other.settled_sum;
    }
}

/// Everything that a report rests on.
#[derive(Debug)]
pub(super) struct Counts {
    pub(super) arms: ArmSpace,
    pub(super) segments: Segments,
    pub(super) reward: RewardKind,
    /// Milliseconds in a bucket of time, where time is told apart.
    pub(super) bucket: Option<u64>,
    /// By segment and arm, then by first bucket.
    pub(super) cells: BTreeMap<(SegmentId, ArmId), BTreeMap<u32, Counted>>,
    /// The delays of payments, by the names of their groups.
    pub(super) delays: Vec<(String, DelayEstimate)>,
    /// What is not in it, each without its end.
    pub(super) remarks: Vec<String>,
}

impl Counts {
    pub(super) fn new(arms: ArmSpace, segments: Segments, reward: RewardKind) -> Self {
        let (cells, delays, remarks) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { arms, segments, reward, bucket: None, cells, delays, remarks }
    }

    pub(super) fn add(&mut self, segment: SegmentId, arm: ArmId, bucket: u32, counted: Counted) {
        self.cells.entry((segment, arm)).or_default().entry(bucket).or_default().add(counted);
    }
}
