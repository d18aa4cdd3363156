//! What a log says of itself, one sum after another: how often what was sent, and with what propensities.

use crate::arm::ArmId;
use crate::segment::SegmentId;

use super::adaptivity::Trend;
use super::cells::Cells;
use super::log::{Chunk, Log, Plain, ranges};
use super::outline::Outline;

/// Sums over the rounds of each arm in each segment, which is all that honesty asks for.
#[derive(Debug)]
pub(super) struct LogSums {
    cells: Cells,
    sums: Vec<CellSums>,
    rounds: usize,
    rewards: f64,
    of_segment: Vec<f64>,
    /// Rounds by their set of eligible arms.
    of_set: Vec<f64>,
}

/// Of an arm in a segment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CellSums {
    /// Rounds, Σ 1/b, Σ 1/b².
    pub(super) sent: f64,
    pub(super) weights: f64,
    pub(super) squares: f64,
    pub(super) trend: Trend,
}

impl LogSums {
    pub(super) fn new(outline: &Outline) -> Self {
        Self {
            cells: Cells::none(outline.segments().len(), outline.arms().len()),
            sums: Vec::new(),
            rounds: 0,
            rewards: 0.0,
            of_segment: vec![0.0; outline.segments().len()],
            of_set: vec![0.0; outline.sets()],
        }
    }

    pub(super) fn of(log: &Log) -> Self {
        let mut sums = Self::new(log.outline());
        let mut chunk = Chunk::default();
        for rounds in ranges(log.rounds().len()) {
            log.unpack(rounds, &mut chunk);
            chunk.plain().for_each(|round| sums.add(&round));
        }
        sums
    }

    /// The next round.
    pub(super) fn add(&mut self, round: &Plain) {
        let cell = self.cells.place(round.segment, round.arm);
        if cell == self.sums.len() {
            self.sums.push(CellSums::default());
        }
        let sums = &mut self.sums[cell];
        let weight = 1.0 / round.propensity;
        sums.sent += 1.0;
        sums.weights += weight;
        sums.squares += weight * weight;
        sums.trend.add(self.rounds as f64, round.propensity);
        self.of_segment[round.segment.index()] += 1.0;
        let set = round.set as usize;
        if set >= self.of_set.len() {
            self.of_set.resize(set + 1, 0.0);
        }
        self.of_set[set] += 1.0;
        self.rewards += round.reward;
        self.rounds += 1;
    }

    pub(super) fn mean_reward(&self) -> Option<f64> {
        (self.rounds > 0).then(|| self.rewards / self.rounds as f64)
    }

    /// Each arm in each segment that shows it, by segment, then by arm.
    pub(super) fn cells(&self) -> Vec<(SegmentId, ArmId, &CellSums)> {
        let named = self.cells.pairs().iter().zip(&self.sums);
        let mut cells: Vec<_> = named.map(|(&(segment, arm), sums)| (segment, arm, sums)).collect();
        cells.sort_unstable_by_key(|&(segment, arm, _)| (segment, arm));
        cells
    }

    /// Rounds of a segment.
    pub(super) fn of_segment(&self, segment: SegmentId) -> f64 {
        self.of_segment[segment.index()]
    }

    /// Rounds by the number of their set.
    pub(super) fn of_sets(&self) -> &[f64] {
        &self.of_set
    }
}
