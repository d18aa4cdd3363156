//! Plans: probabilities made into a table to draw from, immutable and published whole.
//!
//! A [`Plan`] adds the exploration share to what a policy asks for and rounds the result to whole units of 2⁻⁵³.
//! From then on there is one set of numbers: the table draws an arm with exactly the probability that the
//! decision carries. [`Cadence`] says when a plan is due, the book keeps the plans of each segment by eligible
//! set.

mod book;
mod cadence;
#[cfg(all(test, loom))]
mod models;
mod table;

pub use cadence::{Cadence, CadenceError};
pub use table::{Column, Outcome};

pub(crate) use table::UNIT_BITS;

pub(crate) use book::{Book, SegmentPlans};

use rand::Rng;

use crate::arm::{ArmId, Eligibility};
use crate::policy::Probabilities;
use crate::sync::{AtomicBool, Ordering};

use table::Table;

/// The probabilities of one segment for one set of eligible arms, ready to draw from.
///
/// All probabilities are whole multiples of [`Plan::UNIT`] = 2⁻⁵³, so each is an exact `f64` and adding up the
/// [columns](Plan::columns) of an arm gives its [propensity](Plan::propensity) to the last bit.
#[derive(Debug)]
pub struct Plan {
    eligible: Eligibility,
    /// Eligible arms in the words before each group of [`GROUP`] words; empty where every arm is eligible.
    ranks: Box<[u32]>,
    table: Table,
    /// Events of its segment at which the next plan is due.
    due_at: u64,
    /// Whether anything was drawn from it.
    used: AtomicBool,
    /// Whether another plan has taken its place.
    retired: AtomicBool,
    /// Whether it is due whatever the events.
    expired: AtomicBool,
}

/// Words between two counted ranks: 512 arms.
const GROUP: usize = 8;

/// An arm drawn from a plan, with its probability in units of 2⁻⁵³.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Drawn {
    pub(crate) arm: ArmId,
    pub(crate) units: u64,
}

impl Plan {
    /// The quantum of probability, 2⁻⁵³.
    pub const UNIT: f64 = 1.0 / (1_u64 << table::UNIT_BITS) as f64;

    /// A plan that gives each arm (1 − exploration) × its probability + exploration / number of eligible arms,
    /// rounded to units. `eligible` is not empty.
    pub(crate) fn new(eligible: Eligibility, probabilities: &Probabilities, exploration: f64) -> Self {
        let mut ranks = Vec::new();
        if !eligible.is_all() {
            let mut rank = 0;
            for group in eligible.words().chunks(GROUP) {
                ranks.push(rank);
                rank += group.iter().map(|word| word.count_ones()).sum::<u32>();
            }
        }
        let table = Table::new(eligible.len() as u32, probabilities, exploration);
        Self {
            eligible,
            ranks: ranks.into(),
            table,
            due_at: u64::MAX,
            used: AtomicBool::new(false),
            retired: AtomicBool::new(false),
            expired: AtomicBool::new(false),
        }
    }

    /// The same plan, due when its segment has counted so many events.
    pub(crate) fn scheduled(self, due_at: u64) -> Self {
        Self { due_at, ..self }
    }

    /// Draws an arm, and says with what probability: one word from the generator, and nothing is counted.
    ///
    /// For simulations and audits, and for hosts that keep their own books; what is to be rewarded comes from
    /// [`Bandit::select`](crate::Bandit::select).
    ///
    /// ```
    /// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
    /// use tactful::{ArmSpace, Bandit, SegmentId, Segments};
    ///
    /// let arms = ArmSpace::builder().dimension("template", ["friendly", "firm"]).build()?;
    /// let bandit = Bandit::builder(arms, Segments::single()).build()?;
    /// let plan = bandit.plan(SegmentId::new(0), &bandit.arms().all())?;
    ///
    /// let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    /// let (arm, propensity) = plan.draw(&mut rng);
    /// assert_eq!(propensity, plan.propensity(arm));
    /// assert_eq!(bandit.statistics(SegmentId::new(0), arm).issued(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn draw<R: Rng + ?Sized>(&self, rng: &mut R) -> (ArmId, f64) {
        let Drawn { arm, units } = self.at(rng.next_u64());
        (arm, units as f64 * Self::UNIT)
    }

    /// The arm at a point of the table: the upper 53 bits of a random word decide.
    #[inline]
    pub(crate) fn at(&self, word: u64) -> Drawn {
        let (position, units) = self.table.draw(word);
        Drawn { arm: self.arm(position), units }
    }

    /// The set of arms this plan chooses from.
    #[must_use]
    pub fn eligible(&self) -> &Eligibility {
        &self.eligible
    }

    /// The exact probability of an arm, 0 where it is not eligible.
    #[must_use]
    pub fn propensity(&self, arm: ArmId) -> f64 {
        self.units(arm) as f64 * Self::UNIT
    }

    /// The probability of an arm in units of 2⁻⁵³.
    pub(crate) fn units(&self, arm: ArmId) -> u64 {
        self.position(arm).map_or(0, |position| self.table.units(position))
    }

    /// The arms that have more than the even share, with their whole probability, by ascending id.
    pub fn contenders(&self) -> impl Iterator<Item = (ArmId, f64)> + '_ {
        self.table.contenders().map(|(position, units)| (self.arm(position), units as f64 * Self::UNIT))
    }

    /// The probability that every eligible arm has at least: the even share.
    #[must_use]
    pub fn even_share(&self) -> f64 {
        self.table.even_units() as f64 * Self::UNIT
    }

    /// The table itself, for whoever wants to add it up. Probabilities of all columns sum to one; positions count
    /// the eligible arms by ascending id.
    pub fn columns(&self) -> impl Iterator<Item = Column> + '_ {
        self.table.columns()
    }

    pub(crate) fn due_at(&self) -> u64 {
        self.due_at
    }

    /// Notes that the plan is in use, so that it is worth replacing when it is due.
    #[inline]
    pub(crate) fn touch(&self) {
        // A load first, because a plan is drawn from far more often than made: the line stays shared. Relaxed: a
        // lost note costs one computation, nothing else.
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
    }

    pub(crate) fn in_use(&self) -> bool {
        self.used.load(Ordering::Relaxed)
    }

    /// Notes that another plan has taken its place, for those who have it at hand.
    pub(crate) fn retire(&self) {
        // Release: who sees it finds the other plan.
        self.retired.store(true, Ordering::Release);
    }

    /// Makes it due, whatever the events.
    pub(crate) fn expire(&self) {
        // Release: who sees it sees the time that has made it so.
        self.expired.store(true, Ordering::Release);
    }

    pub(crate) fn is_expired(&self) -> bool {
        self.expired.load(Ordering::Acquire)
    }

    #[inline]
    pub(crate) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Acquire)
    }

    /// The eligible arm at a position.
    #[inline]
    fn arm(&self, position: u32) -> ArmId {
        if self.ranks.is_empty() { ArmId::new(position) } else { self.ranked(position) }
    }

    /// The arm at a position where not every arm is eligible.
    fn ranked(&self, position: u32) -> ArmId {
        let group = self.ranks.partition_point(|&rank| rank <= position) - 1;
        let mut left = position - self.ranks[group];
        for (word, &bits) in self.eligible.words().iter().enumerate().skip(group * GROUP) {
            let ones = bits.count_ones();
            if left < ones {
                let bits = (0..left).fold(bits, |bits, _| bits & (bits - 1));
                return ArmId::new(word as u32 * 64 + bits.trailing_zeros());
            }
            left -= ones;
        }
        unreachable!("a position is below the number of eligible arms")
    }

    /// The position of an arm among the eligible ones.
    fn position(&self, arm: ArmId) -> Option<u32> {
        if !self.eligible.contains(arm) {
            return None;
        }
        if self.ranks.is_empty() {
            return Some(arm.get());
        }
        let (word, bit) = (arm.index() / 64, arm.index() % 64);
        let group = word / GROUP;
        let words = self.eligible.words();
        let before: u32 = words[group * GROUP..word].iter().map(|bits| bits.count_ones()).sum();
        Some(self.ranks[group] + before + (words[word] & ((1 << bit) - 1)).count_ones())
    }
}
