//! Counters of a cohort that will close: what is still open when it does becomes the default reward.
//!
//! A cell begins with one word {sealed: 1 bit, issued: 31, returned: 32}, and every change of it is a compare-and-swap
//! that the seal forbids. So a sealed word never changes again: whoever reads it, whenever, reads the same, a reward is
//! either in it or refused as late, and folding it into totals is a pure function that anybody may compute.
//!
//! Pages come into being while others close. Their number stands in one word with the bit that forbids further ones; a
//! cohort is complete once it is closed and as many pages have been sealed as were ever announced. Until then it is read
//! where it is, and nobody waits.

use crate::arm::ArmId;
use crate::reward::{Baseline, Contribution, Joined, Quantity, RewardKind, Stage, StagedReward};
use crate::segment::SegmentId;
use crate::sync::{AtomicU64, Ordering, SetOnce};

use super::goals::{GoalCells, Goals};
use super::staged::{PendingStaged, Unobserved};
use super::table::{Blank, Page, Table};
use super::{ArmStatistics, Cohort, Defaults};

/// Why a cell of a cohort does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The cohort is closed.
    Sealed,
    /// The cell has counted as many decisions as it can.
    Full,
}

/// {sealed: 1 bit, issued: 31, returned: 32}.
#[derive(Debug)]
pub(super) struct Word(AtomicU64);

pub(super) const SEALED: u64 = 1 << 63;
const ISSUED: u64 = 1 << 32;
const RETURNED: u64 = 1;
/// The most decisions a word can count.
pub(super) const MOST: u64 = (1 << 31) - 1;

const fn issued(word: u64) -> u64 {
    (word & !SEALED) / ISSUED
}

const fn returned(word: u64) -> u64 {
    word % ISSUED
}

impl Word {
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Changes the word unless it is sealed.
    #[inline]
    fn change(&self, change: impl Fn(u64) -> Result<u64, Refused>) -> Result<(), Refused> {
        self.change_begun(|word| if word & SEALED != 0 { Err(Refused::Sealed) } else { change(word) })
    }

    /// Changes the word though it may be sealed.
    #[inline]
    fn change_begun(&self, change: impl Fn(u64) -> Result<u64, Refused>) -> Result<(), Refused> {
        // Acquire here and below: the word shows how many have come before; Release: who sees the change sees the
        // decision or amount that it stands for.
        let mut word = self.0.load(Ordering::Acquire);
        loop {
            match self.0.compare_exchange_weak(word, change(word)?, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Ok(()),
                Err(found) => word = found,
            }
        }
    }

    fn issue(&self) -> Result<(), Refused> {
        self.change(|word| if issued(word) < MOST { Ok(word + ISSUED) } else { Err(Refused::Full) })
    }

    fn withdraw(&self) -> Result<(), Refused> {
        self.change(withdrawn)
    }

    /// Takes back what was begun before the seal.
    pub(super) fn withdraw_begun(&self) {
        let changed = self.change_begun(withdrawn);
        debug_assert!(changed.is_ok(), "there is always less to be had");
    }

    fn settle(&self) -> Result<(), Refused> {
        self.change(settled)
    }

    /// Counts what was begun before the seal.
    pub(super) fn settle_begun(&self) -> Result<(), Refused> {
        self.change_begun(settled)
    }

    fn check(&self) -> Result<(), Refused> {
        if self.0.load(Ordering::Acquire) & SEALED == 0 { Ok(()) } else { Err(Refused::Sealed) }
    }

    pub(super) fn read(&self) -> (u64, u64) {
        let word = self.0.load(Ordering::Acquire);
        (issued(word), returned(word))
    }

    pub(super) fn seal(&self) {
        self.0.fetch_or(SEALED, Ordering::AcqRel);
    }

    pub(super) fn add(&self, statistics: ArmStatistics) {
        let word = statistics.issued * ISSUED + statistics.returned * RETURNED;
        self.0.fetch_add(word, Ordering::AcqRel);
    }
}

/// The word with one decision less.
fn withdrawn(word: u64) -> Result<u64, Refused> {
    // A decision that was made after its cell was copied into a snapshot is not in the word that came of it.
    Ok(if issued(word) > returned(word) { word - ISSUED } else { word })
}

/// The word with one decision returned.
fn settled(word: u64) -> Result<u64, Refused> {
    // As above, and for tokens forged under the public key: a return without its decision brings that along.
    match issued(word) > returned(word) {
        true => Ok(word + RETURNED),
        false if issued(word) < MOST => Ok(word + ISSUED + RETURNED),
        false => Err(Refused::Full),
    }
}

/// What every kind of pending cell can do.
pub(super) trait Pending: Blank {
    fn word(&self) -> &Word;

    /// Decisions, and what has returned of them.
    fn read(&self, default: Quantity) -> ArmStatistics;

    /// Forbids every further change; whether every reward that was accepted is there with its amount.
    fn seal(&self) -> bool;

    /// Adds what an earlier life has counted.
    fn add(&self, statistics: ArmStatistics);
}

/// Yes-or-no outcomes: 8 bytes. Only rewards other than the default count as returned.
#[derive(Debug)]
struct PendingBinary(Word);

impl Blank for PendingBinary {
    fn blank() -> Self {
        Self(Word::new())
    }
}

impl PendingBinary {
    #[inline]
    fn reward(&self, quantity: Quantity, default: Quantity) -> Result<(), Refused> {
        if quantity == default { self.0.check() } else { self.0.settle() }
    }
}

impl Pending for PendingBinary {
    #[inline]
    fn word(&self) -> &Word {
        &self.0
    }

    fn read(&self, default: Quantity) -> ArmStatistics {
        let (issued, returned) = self.0.read();
        let sum = if default.get() == 0 { returned << Quantity::DIGITS } else { 0 };
        ArmStatistics::from_parts(issued, returned, sum, sum)
    }

    fn seal(&self) -> bool {
        self.0.seal();
        true
    }

    fn add(&self, statistics: ArmStatistics) {
        self.0.add(statistics);
    }
}

/// Rewards in a range: 32 bytes.
///
/// The word, then the sum of squares, then the sum are written in this order and read in the reverse, so that no read
/// shows a negative variance (see the cells that never close); the last word says how many amounts are in.
#[derive(Debug)]
struct PendingReal {
    word: Word,
    squares: AtomicU64,
    sum: AtomicU64,
    finished: AtomicU64,
}

impl Blank for PendingReal {
    fn blank() -> Self {
        let zero = || AtomicU64::new(0);
        Self { word: Word::new(), squares: zero(), sum: zero(), finished: zero() }
    }
}

impl PendingReal {
    #[inline]
    fn reward(&self, quantity: Quantity) -> Result<(), Refused> {
        self.word.settle()?;
        // Release: who sees an amount sees the return before it, and who sees the last word both amounts.
        self.squares.fetch_add(quantity.square(), Ordering::Release);
        self.sum.fetch_add(quantity.get(), Ordering::Release);
        self.finished.fetch_add(1, Ordering::Release);
        Ok(())
    }
}

impl Pending for PendingReal {
    #[inline]
    fn word(&self) -> &Word {
        &self.word
    }

    fn read(&self, _default: Quantity) -> ArmStatistics {
        let sum = self.sum.load(Ordering::Acquire);
        let squares = self.squares.load(Ordering::Acquire);
        let (issued, returned) = self.word.read();
        ArmStatistics::from_parts(issued, returned, sum, squares)
    }

    fn seal(&self) -> bool {
        self.word.seal();
        // Acquire: the amounts of all that have finished are then in.
        self.finished.load(Ordering::Acquire) == self.word.read().1
    }

    fn add(&self, statistics: ArmStatistics) {
        self.word.add(statistics);
        self.squares.fetch_add(statistics.squares, Ordering::Release);
        self.sum.fetch_add(statistics.sum, Ordering::Release);
        self.finished.fetch_add(statistics.returned, Ordering::Release);
    }
}

/// The cells of one cohort, for one kind of rewards. Ids are the caller's to check.
#[derive(Debug)]
pub(crate) struct PendingCells {
    kind: Kind,
    /// {closed: 1 bit, pages announced: 63}.
    pages: AtomicU64,
    /// What becomes of decisions without a reward.
    defaults: Defaults,
    /// Of stages: what they come to by further rules.
    goals: GoalCells,
}

#[derive(Debug)]
enum Kind {
    Binary(Table<PendingBinary>),
    Real(Table<PendingReal>),
    Staged(Table<PendingStaged>),
}

macro_rules! each_kind {
    ($cells:expr, $table:ident => $body:expr) => {
        match &$cells.kind {
            Kind::Binary($table) => $body,
            Kind::Real($table) => $body,
            Kind::Staged($table) => $body,
        }
    };
}

impl PendingCells {
    pub(crate) fn new(kind: RewardKind, defaults: Defaults, segments: usize, arms: usize) -> Self {
        let kind = match (kind, &defaults) {
            (_, Defaults::ByArm(_)) => Kind::Staged(Table::new(segments, arms)),
            (RewardKind::Binary, _) => Kind::Binary(Table::new(segments, arms)),
            (RewardKind::Real { .. }, _) => Kind::Real(Table::new(segments, arms)),
        };
        Self { kind, pages: AtomicU64::new(0), defaults, goals: GoalCells::none() }
    }

    /// Cells that take next to no memory until one is touched, for an earlier life.
    pub(crate) fn later(kind: RewardKind, defaults: Defaults, segments: usize, arms: usize) -> Self {
        let kind = match (kind, &defaults) {
            (_, Defaults::ByArm(_)) => Kind::Staged(Table::later(segments, arms)),
            (RewardKind::Binary, _) => Kind::Binary(Table::later(segments, arms)),
            (RewardKind::Real { .. }, _) => Kind::Real(Table::later(segments, arms)),
        };
        Self { kind, pages: AtomicU64::new(0), defaults, goals: GoalCells::none() }
    }

    /// The same with further goals.
    pub(crate) fn with_goals(self, goals: Goals, segments: usize, arms: usize) -> Self {
        Self { goals: GoalCells::new(goals, segments, arms), ..self }
    }

    /// Counts a decision.
    #[inline]
    pub(crate) fn issue(&self, segment: SegmentId, arm: ArmId) -> Result<(), Refused> {
        each_kind!(self, table => self.touch(table, segment, arm)?.word().issue())
    }

    /// Counts the reward of a decision, where rewards come whole.
    #[inline]
    pub(crate) fn reward(&self, segment: SegmentId, arm: ArmId, quantity: Quantity) -> Result<(), Refused> {
        match &self.kind {
            Kind::Binary(table) => self.touch(table, segment, arm)?.reward(quantity, self.default()),
            Kind::Real(table) => self.touch(table, segment, arm)?.reward(quantity),
            Kind::Staged(_) => unreachable!("rewards in stages are observed"),
        }
    }

    /// Takes a decision back that has had no reward, where rewards come whole.
    pub(crate) fn withdraw(&self, segment: SegmentId, arm: ArmId) -> Result<(), Refused> {
        each_kind!(self, table => self.touch(table, segment, arm)?.word().withdraw())
    }

    /// Counts the difference that an outcome makes to its decision, of this number in the cohort; whether it is the first
    /// of the decision.
    pub(crate) fn observe(
        &self,
        (segment, arm): (SegmentId, ArmId),
        cohort: &Cohort,
        sequence: u64,
        contribution: Contribution,
    ) -> Result<(bool, Joined), Unobserved> {
        let (table, baselines) = self.staged();
        let cell = self.touch(table, segment, arm).map_err(Unobserved::Refused)?;
        let stage = contribution.stage();
        cell.observe(
            || cohort.join(sequence, baselines[arm.index()], contribution),
            |first, joined| self.goals.change((segment, arm), first, stage, joined.state),
        )
    }

    /// The goals by which a stage has made a decision something else than one of which nothing comes.
    pub(crate) fn turned(
        &self,
        arm: ArmId,
        stage: Stage,
        joined: StagedReward,
    ) -> impl Iterator<Item = usize> {
        self.goals.turned(arm, stage, joined)
    }

    /// Takes a decision back, unless it has had an outcome; whether this call did.
    pub(crate) fn withdraw_staged(
        &self,
        (segment, arm): (SegmentId, ArmId),
        cohort: &Cohort,
        sequence: u64,
    ) -> Result<bool, Refused> {
        self.touch(self.staged().0, segment, arm)?.withdraw(|| cohort.withdraw(sequence))
    }

    /// The default reward as yes-or-no cells need it, to which all arms are alike.
    #[inline]
    fn default(&self) -> Quantity {
        self.defaults.of(ArmId::new(0))
    }

    fn staged(&self) -> (&Table<PendingStaged>, &[Baseline]) {
        match (&self.kind, self.defaults.baselines()) {
            (Kind::Staged(table), Some(baselines)) => (table, baselines),
            _ => unreachable!("outcomes are observed where there is a rule"),
        }
    }

    /// What is known of an arm in a segment; touches nothing.
    pub(crate) fn read(&self, segment: SegmentId, arm: ArmId) -> ArmStatistics {
        let (none, default) = (ArmStatistics::default, self.default());
        each_kind!(self, table => table.get(segment, arm).map_or_else(none, |cell| cell.read(default)))
    }

    /// The same by a further goal.
    pub(crate) fn read_goal(&self, goal: usize, segment: SegmentId, arm: ArmId) -> ArmStatistics {
        let Some(cell) = self.staged().0.get(segment, arm) else { return ArmStatistics::default() };
        self.goals.read(goal, (segment, arm), || cell.word().read())
    }

    /// What is known of these arms, which ascend; touches nothing.
    pub(crate) fn read_each(&self, segment: SegmentId, arms: &[ArmId]) -> Vec<ArmStatistics> {
        let default = self.default();
        each_kind!(self, table => table.read_each(segment, arms, |cell| cell.read(default)))
    }

    /// Reads all cells of the pages that are there, by segment and arm.
    pub(crate) fn each_touched(&self, mut visit: impl FnMut(SegmentId, ArmId, ArmStatistics)) {
        let default = self.default();
        each_kind!(self, table => {
            for (segment, first, page) in table.pages() {
                page.cells(first).for_each(|(arm, cell)| visit(segment, arm, cell.read(default)));
            }
        });
    }

    /// Adds what an earlier life has counted by a further goal of decisions that it has told of, or that this is not known.
    pub(crate) fn add_goal(&self, goal: usize, place: (SegmentId, ArmId), statistics: Option<ArmStatistics>) {
        self.goals.restore(goal, place, statistics);
    }

    /// Adds what an earlier life has counted; the caller has made sure that it fits, and that nobody else has the cells.
    pub(crate) fn add(&self, segment: SegmentId, arm: ArmId, statistics: ArmStatistics) {
        let cell_is_there = each_kind!(self, table => {
            self.touch(table, segment, arm).map(|cell| cell.add(statistics))
        });
        debug_assert!(cell_is_there.is_ok(), "a cohort that is being restored is open");
    }

    /// Forbids every further change, and says whether all that was accepted is there to be read: if not, somebody is
    /// between two steps of his own, and the answer will be another one later.
    pub(crate) fn seal(&self) -> bool {
        // AcqRel: after this no page is announced, and those announced are counted below.
        self.pages.fetch_or(CLOSED, Ordering::AcqRel);
        let (mut sealed, mut complete) = (0, true);
        each_kind!(self, table => {
            for (_, first, page) in table.pages() {
                sealed += 1;
                for (_, cell) in page.cells(first) {
                    complete &= cell.seal();
                }
            }
        });
        complete && sealed == self.pages.load(Ordering::Acquire) & !CLOSED
    }

    #[inline]
    fn touch<'a, C: Blank>(
        &self,
        table: &'a Table<C>,
        segment: SegmentId,
        arm: ArmId,
    ) -> Result<&'a C, Refused> {
        table.touch_or(segment, arm, |place| self.make(place))
    }

    /// Announces a page, makes it, and takes the announcement back if another was there first.
    #[cold]
    fn make<C: Blank>(&self, place: &SetOnce<Page<C>>) -> Result<(), Refused> {
        // AcqRel: ordered with closing by this one word; whoever closes later waits for this page to appear.
        let closed = self.pages.fetch_add(PAGE, Ordering::AcqRel) & CLOSED != 0;
        if closed || !place.fill(Page::new()) {
            self.pages.fetch_sub(PAGE, Ordering::AcqRel);
        }
        if closed && place.get().is_none() { Err(Refused::Sealed) } else { Ok(()) }
    }
}

const CLOSED: u64 = 1 << 63;
const PAGE: u64 = 1;
