//! Cells by segment and arm, in small pages that are made on first touch.
//!
//! A segment's directory has one entry per block of [`FAN`] pages of [`PAGE`] cells each, so that a bandit of
//! 1,000 segments × 30,000 arms costs a pointer a segment until it is used, and memory follows use after that.
//! Each level is published by a set-once pointer: build, then compare and swap, and nobody waits.

use crate::arm::ArmId;
use crate::reward::{Quantity, RewardKind};
use crate::segment::SegmentId;
use crate::sync::SetOnce;

use super::ArmStatistics;
use super::cell::{BinaryCell, Cell, CounterFull, RealCell};

/// Cells in a page: two cache lines of binary cells. (Few where loom must track each.)
const PAGE: usize = if cfg!(loom) { 2 } else { 8 };
/// Pages in a block.
const FAN: usize = if cfg!(loom) { 1 } else { 8 };

#[derive(Debug)]
struct Page<C>([C; PAGE]);

#[derive(Debug)]
struct Block<C>([SetOnce<Page<C>>; FAN]);

/// The blocks of a segment.
type Directory<C> = Box<[SetOnce<Block<C>>]>;

#[derive(Debug)]
struct Table<C> {
    arms: usize,
    segments: Box<[SetOnce<Directory<C>>]>,
}

impl<C: Cell> Table<C> {
    fn new(segments: usize, arms: usize) -> Self {
        Self { arms, segments: (0..segments).map(|_| SetOnce::new()).collect() }
    }

    /// The cell of an arm in a segment, made if it is not there.
    fn touch(&self, segment: SegmentId, arm: ArmId) -> &C {
        let (block, page, cell) = place(arm);
        let blocks = self.segments[segment.index()]
            .get_or_set(|| (0..self.arms.div_ceil(PAGE * FAN)).map(|_| SetOnce::new()).collect());
        let pages = blocks[block].get_or_set(|| Block(std::array::from_fn(|_| SetOnce::new())));
        &pages.0[page].get_or_set(|| Page(std::array::from_fn(|_| C::empty()))).0[cell]
    }

    /// The cell of an arm in a segment, if it is there.
    fn get(&self, segment: SegmentId, arm: ArmId) -> Option<&C> {
        let (block, page, cell) = place(arm);
        Some(&self.segments[segment.index()].get()?[block].get()?.0[page].get()?.0[cell])
    }
}

/// Where an arm's cell lies: block, page in the block, cell in the page.
fn place(arm: ArmId) -> (usize, usize, usize) {
    let index = arm.index();
    (index / (PAGE * FAN), index / PAGE % FAN, index % PAGE)
}

/// The cells of all arms in all segments, for one kind of rewards. Ids are the caller's to check.
#[derive(Debug)]
pub(crate) struct Cells(Kind);

#[derive(Debug)]
enum Kind {
    Binary(Table<BinaryCell>),
    Real(Table<RealCell>),
}

macro_rules! each_kind {
    ($cells:expr, $table:ident => $body:expr) => {
        match &$cells.0 {
            Kind::Binary($table) => $body,
            Kind::Real($table) => $body,
        }
    };
}

impl Cells {
    pub(crate) fn new(kind: RewardKind, segments: usize, arms: usize) -> Self {
        Self(match kind {
            RewardKind::Binary => Kind::Binary(Table::new(segments, arms)),
            RewardKind::Real { .. } => Kind::Real(Table::new(segments, arms)),
        })
    }

    /// Counts a decision.
    pub(crate) fn issue(&self, segment: SegmentId, arm: ArmId) -> Result<(), CounterFull> {
        each_kind!(self, table => table.touch(segment, arm).issue())
    }

    /// Counts the outcome of a decision that was counted before.
    pub(crate) fn reward(&self, segment: SegmentId, arm: ArmId, quantity: Quantity) {
        each_kind!(self, table => table.touch(segment, arm).reward(quantity));
    }

    /// What is known of an arm in a segment; touches nothing.
    pub(crate) fn read(&self, segment: SegmentId, arm: ArmId) -> ArmStatistics {
        each_kind!(self, table => table.get(segment, arm).map_or_else(ArmStatistics::default, Cell::read))
    }

    /// Adds what was counted elsewhere; the caller has made sure that it fits.
    pub(crate) fn add(&self, segment: SegmentId, arm: ArmId, statistics: ArmStatistics) {
        each_kind!(self, table => table.touch(segment, arm).add(statistics));
    }
}
