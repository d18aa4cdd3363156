//! What a policy knows that has seen part of a log, in all segments.

use crate::arm::{ArmId, ArmSpace};
use crate::belief::{Beta, Tried, WarmStart};
use crate::policy::Portfolio;
use crate::segment::{SegmentId, Segments};
use crate::statistics::ArmStatistics;

use super::cells::Cells;
use super::log::Log;

/// What is believed before the log.
#[derive(Clone, Copy, Debug)]
pub(super) enum Before<'a> {
    /// Of all arms alike.
    Alike(Beta),
    /// What was learnt elsewhere.
    Warm(&'a WarmStart),
}

/// Counts of a log's cells, and what is believed before them.
#[derive(Debug)]
pub(super) struct Learnt<'a> {
    pub(super) log: &'a Log,
    pub(super) cells: &'a Cells,
    /// By cell.
    pub(super) counts: &'a [ArmStatistics],
    pub(super) before: Before<'a>,
}

impl Learnt<'_> {
    pub(super) fn statistics(&self, segment: SegmentId, arms: &[ArmId]) -> Vec<ArmStatistics> {
        let cell = |&arm: &ArmId| self.cells.find(segment, arm);
        let told =
            arms.iter().map(|arm| cell(arm).map_or_else(ArmStatistics::default, |cell| self.counts[cell]));
        told.collect()
    }
}

impl Portfolio for Learnt<'_> {
    fn segments(&self) -> Vec<SegmentId> {
        let mut segments: Vec<SegmentId> = self.cells.pairs().iter().map(|&(segment, _)| segment).collect();
        segments.dedup();
        match self.before {
            Before::Alike(_) => segments,
            Before::Warm(_) => self.log.segments().iter().map(|segment| segment.id()).collect(),
        }
    }

    fn posteriors(&self, segment: SegmentId, arms: &[ArmId]) -> Vec<Beta> {
        let told = self.statistics(segment, arms).into_iter().zip(arms);
        let posterior = |(told, &arm)| match self.before {
            Before::Alike(prior) => prior.after(told),
            Before::Warm(start) => start.of(segment, arm).after(told),
        };
        told.map(posterior).collect()
    }

    fn space(&self) -> &ArmSpace {
        self.log.arms()
    }

    fn segmentation(&self) -> &Segments {
        self.log.segments()
    }

    fn tried(&self, segment: SegmentId) -> Vec<Tried> {
        // Pairs ascend by segment, then by arm.
        let pairs = self.cells.pairs();
        let first = pairs.partition_point(|&(other, _)| other < segment);
        let own =
            pairs[first..].iter().zip(&self.counts[first..]).take_while(|((other, _), _)| *other == segment);
        let counted = Tried::counted(own.map(|(&(_, arm), told)| (arm, told)));
        match self.before {
            Before::Alike(_) => counted,
            Before::Warm(start) => Tried::together(counted, start.tried(segment)),
        }
    }
}
