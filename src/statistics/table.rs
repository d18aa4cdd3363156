//! Cells by segment and arm, in small pages that are made on first touch.
//!
//! A bandit of 1,000 segments × 30,000 arms costs a pointer a segment until it is used, and memory follows use after
//! that: pages of [`PAGE`] cells, blocks of [`BLOCK`] pages, groups of [`GROUP`] blocks, and per segment as many groups
//! as the arms need; up to one block of arms, the block is all there is. Of binary cells that are touched next to each
//! other each takes about 20 bytes, of one in a hundred scattered at random about 185. Each level is published by a set-once
//! pointer: build, then compare and swap, and nobody waits.

use crate::arm::ArmId;
use crate::reward::{Quantity, RewardKind};
use crate::segment::SegmentId;
use crate::sync::SetOnce;

use super::ArmStatistics;
use super::cell::{BinaryCell, Cell, CounterFull, RealCell};

/// Cells in a page: two cache lines of binary cells. (All sizes are small where loom must track each.)
const PAGE: usize = if cfg!(loom) { 2 } else { 8 };
/// Pages in a block: a cache line of pointers.
const BLOCK: usize = if cfg!(loom) { 1 } else { 8 };
/// Blocks in a group.
const GROUP: usize = if cfg!(loom) { 1 } else { 32 };

/// Segments in a stretch.
const STRETCH: usize = if cfg!(loom) { 1 } else { 16 };

/// Aligned, so that it shares cache lines with no other page.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Page<C>([C; PAGE]);

#[derive(Debug)]
struct Block<C>([SetOnce<Page<C>>; BLOCK]);

#[derive(Debug)]
struct Group<C>([SetOnce<Block<C>>; GROUP]);

/// The cells of a segment.
#[derive(Debug)]
enum Root<C> {
    /// Of up to [`PAGE`] × [`BLOCK`] arms.
    Small(Block<C>),
    /// Of more.
    Large(Box<[SetOnce<Group<C>>]>),
}

/// The roots of a stretch of segments.
#[derive(Debug)]
struct Stretch<C>([SetOnce<Root<C>>; STRETCH]);

/// The roots of all segments.
#[derive(Debug)]
enum Segments<C> {
    /// Made at once: one step less on the way to a cell.
    Ready(Box<[SetOnce<Root<C>>]>),
    /// Made on first touch, in stretches: for cells of which there may be thousands of tables.
    Later(SetOnce<Box<[SetOnce<Stretch<C>>]>>),
}

#[derive(Debug)]
pub(super) struct Table<C> {
    arms: usize,
    segments: usize,
    roots: Segments<C>,
}

/// Something that can be made before it has counted anything.
pub(super) trait Blank {
    /// One that has seen nothing.
    fn blank() -> Self;
}

impl<C: Blank> Page<C> {
    pub(super) fn new() -> Self {
        Self(std::array::from_fn(|_| C::blank()))
    }

    /// Its cells with the arms they are for, of which `first` is the first's.
    pub(super) fn cells(&self, first: usize) -> impl Iterator<Item = (ArmId, &C)> {
        (first as u32..).map(ArmId::new).zip(&self.0)
    }
}

impl<C> Block<C> {
    fn new() -> Self {
        Self(std::array::from_fn(|_| SetOnce::new()))
    }
}

impl<C> Group<C> {
    fn new() -> Self {
        Self(std::array::from_fn(|_| SetOnce::new()))
    }
}

impl<C> Root<C> {
    fn new(arms: usize) -> Self {
        match arms.div_ceil(PAGE * BLOCK) {
            0 | 1 => Self::Small(Block::new()),
            blocks => Self::Large((0..blocks.div_ceil(GROUP)).map(|_| SetOnce::new()).collect()),
        }
    }
}

impl<C: Blank> Table<C> {
    pub(super) fn new(segments: usize, arms: usize) -> Self {
        let roots = Segments::Ready((0..segments).map(|_| SetOnce::new()).collect());
        Self { arms, segments, roots }
    }

    /// One that takes next to no memory until it is touched.
    pub(super) fn later(segments: usize, arms: usize) -> Self {
        Self { arms, segments, roots: Segments::Later(SetOnce::new()) }
    }

    /// The place for the root of a segment.
    #[inline]
    fn root(&self, segment: SegmentId) -> &SetOnce<Root<C>> {
        let index = segment.index();
        match &self.roots {
            Segments::Ready(roots) => &roots[index],
            Segments::Later(stretches) => {
                let all = || (0..self.segments.div_ceil(STRETCH)).map(|_| SetOnce::new()).collect();
                let stretch = &stretches.get_or_set(all)[index / STRETCH];
                let blank = || Stretch(std::array::from_fn(|_| SetOnce::new()));
                &stretch.get_or_set(blank).0[index % STRETCH]
            }
        }
    }

    /// The root of a segment, if it is there.
    #[inline]
    fn root_of(&self, segment: SegmentId) -> Option<&Root<C>> {
        let index = segment.index();
        match &self.roots {
            Segments::Ready(roots) => roots[index].get(),
            Segments::Later(stretches) => stretches.get()?[index / STRETCH].get()?.0[index % STRETCH].get(),
        }
    }

    /// The cell of an arm in a segment, made if it is not there.
    #[inline]
    pub(super) fn touch(&self, segment: SegmentId, arm: ArmId) -> &C {
        &self.page(segment, arm).get_or_set(Page::new).0[arm.index() % PAGE]
    }

    /// The cell of an arm in a segment; `make` fills the place of its page if there is none.
    #[inline]
    pub(super) fn touch_or<E>(
        &self,
        segment: SegmentId,
        arm: ArmId,
        make: impl FnOnce(&SetOnce<Page<C>>) -> Result<(), E>,
    ) -> Result<&C, E> {
        let place = self.page(segment, arm);
        if place.get().is_none() {
            make(place)?;
        }
        let Some(page) = place.get() else { unreachable!("it is there, or was made just now") };
        Ok(&page.0[arm.index() % PAGE])
    }

    /// The place for the page of an arm in a segment.
    #[inline]
    fn page(&self, segment: SegmentId, arm: ArmId) -> &SetOnce<Page<C>> {
        let index = arm.index();
        let block = match self.root(segment).get_or_set(|| Root::new(self.arms)) {
            Root::Small(block) => block,
            Root::Large(groups) => {
                let group = groups[index / (PAGE * BLOCK * GROUP)].get_or_set(Group::new);
                group.0[index / (PAGE * BLOCK) % GROUP].get_or_set(Block::new)
            }
        };
        &block.0[index / PAGE % BLOCK]
    }

    /// All pages that are there, with the segment and the first arm of each.
    pub(super) fn pages(&self) -> impl Iterator<Item = (SegmentId, usize, &Page<C>)> {
        let segments = (0..self.segments as u32).map(SegmentId::new);
        segments.flat_map(|segment| self.pages_of(segment).map(move |(first, page)| (segment, first, page)))
    }

    /// The pages of a segment that are there, with the first arm of each.
    pub(super) fn pages_of(&self, segment: SegmentId) -> impl Iterator<Item = (usize, &Page<C>)> {
        let (small, groups) = match self.root_of(segment) {
            None => (None, &[][..]),
            Some(Root::Small(block)) => (Some(block), &[][..]),
            Some(Root::Large(groups)) => (None, &groups[..]),
        };
        let groups = groups.iter().enumerate().filter_map(|(group, slot)| Some((group, slot.get()?)));
        let blocks = groups.flat_map(|(group, blocks)| {
            let blocks = blocks.0.iter().enumerate();
            blocks.filter_map(move |(block, slot)| Some((group * GROUP + block, slot.get()?)))
        });
        let blocks = small.into_iter().map(|block| (0, block)).chain(blocks);
        blocks.flat_map(move |(block, pages)| {
            let pages = pages.0.iter().enumerate();
            let first = move |page| (block * BLOCK + page) * PAGE;
            pages.filter_map(move |(page, slot)| Some((first(page), slot.get()?)))
        })
    }

    /// The cell of an arm in a segment, if it is there.
    pub(super) fn get(&self, segment: SegmentId, arm: ArmId) -> Option<&C> {
        let index = arm.index();
        Some(&self.block(segment, arm)?.0[index / PAGE % BLOCK].get()?.0[index % PAGE])
    }

    /// The block of an arm in a segment, if it is there.
    fn block(&self, segment: SegmentId, arm: ArmId) -> Option<&Block<C>> {
        let index = arm.index();
        match self.root_of(segment)? {
            Root::Small(block) => Some(block),
            Root::Large(groups) => {
                let group = groups[index / (PAGE * BLOCK * GROUP)].get()?;
                group.0[index / (PAGE * BLOCK) % GROUP].get()
            }
        }
    }

    /// What is known of these arms, which ascend: each block and page is looked up once.
    pub(super) fn read_each(
        &self,
        segment: SegmentId,
        arms: &[ArmId],
        read: impl Fn(&C) -> ArmStatistics,
    ) -> Vec<ArmStatistics> {
        let mut known = Vec::with_capacity(arms.len());
        let mut left = arms;
        while !left.is_empty() {
            let mut in_block;
            (in_block, left) = left.split_at(same(PAGE * BLOCK, left));
            let Some(pages) = self.block(segment, in_block[0]) else {
                known.resize(known.len() + in_block.len(), ArmStatistics::default());
                continue;
            };
            while !in_block.is_empty() {
                let in_page;
                (in_page, in_block) = in_block.split_at(same(PAGE, in_block));
                match pages.0[in_page[0].index() / PAGE % BLOCK].get() {
                    Some(cells) => known.extend(in_page.iter().map(|arm| read(&cells.0[arm.index() % PAGE]))),
                    None => known.resize(known.len() + in_page.len(), ArmStatistics::default()),
                }
            }
        }
        known
    }
}

/// How many of these arms, which ascend and are not none, lie in the same stretch of so many ids as the first.
fn same(stretch: usize, arms: &[ArmId]) -> usize {
    let first = arms[0].index();
    let most = (stretch - first % stretch).min(arms.len());
    // Where none is missing, as in most sets, the last tells for all.
    match arms[most - 1].index() / stretch == first / stretch {
        true => most,
        false => arms[..most].partition_point(|arm| arm.index() / stretch == first / stretch),
    }
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
    #[inline]
    pub(crate) fn issue(&self, segment: SegmentId, arm: ArmId) -> Result<(), CounterFull> {
        each_kind!(self, table => table.touch(segment, arm).issue())
    }

    /// Counts the outcome of a decision that was counted before.
    #[inline]
    pub(crate) fn reward(&self, segment: SegmentId, arm: ArmId, quantity: Quantity) {
        each_kind!(self, table => table.touch(segment, arm).reward(quantity));
    }

    /// Takes a decision back that was counted before.
    pub(crate) fn withdraw(&self, segment: SegmentId, arm: ArmId) {
        each_kind!(self, table => table.touch(segment, arm).withdraw());
    }

    /// The cells of one segment, for reading.
    pub(crate) fn of(&self, segment: SegmentId) -> SegmentCells<'_> {
        SegmentCells { cells: self, segment }
    }

    /// What is known of an arm in a segment; touches nothing.
    pub(crate) fn read(&self, segment: SegmentId, arm: ArmId) -> ArmStatistics {
        each_kind!(self, table => table.get(segment, arm).map_or_else(ArmStatistics::default, Cell::read))
    }

    /// Reads all cells of the pages that are there, by segment and arm.
    pub(crate) fn each_touched(&self, mut visit: impl FnMut(SegmentId, ArmId, ArmStatistics)) {
        each_kind!(self, table => {
            for (segment, first, page) in table.pages() {
                page.cells(first).for_each(|(arm, cell)| visit(segment, arm, cell.read()));
            }
        });
    }

    /// What is known of these arms, which ascend, in a segment; touches nothing.
    pub(crate) fn read_each(&self, segment: SegmentId, arms: &[ArmId]) -> Vec<ArmStatistics> {
        each_kind!(self, table => table.read_each(segment, arms, Cell::read))
    }

    /// Adds what was counted elsewhere; the caller has made sure that it fits.
    pub(crate) fn add(&self, segment: SegmentId, arm: ArmId, statistics: ArmStatistics) {
        each_kind!(self, table => table.touch(segment, arm).add(statistics));
    }
}

/// The cells of one segment, for reading.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SegmentCells<'a> {
    cells: &'a Cells,
    segment: SegmentId,
}

impl SegmentCells<'_> {
    /// What is known of an arm.
    pub(crate) fn read(self, arm: ArmId) -> ArmStatistics {
        self.cells.read(self.segment, arm)
    }

    /// Reads all cells of the pages that are there, by arm.
    pub(crate) fn each_touched(self, mut visit: impl FnMut(ArmId, ArmStatistics)) {
        each_kind!(self.cells, table => {
            for (first, page) in table.pages_of(self.segment) {
                let cells = (first as u32..).zip(&page.0);
                cells.for_each(|(arm, cell)| visit(ArmId::new(arm), cell.read()));
            }
        });
    }
}
