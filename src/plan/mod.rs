//! Plans: probabilities made into a table to draw from, immutable and published whole.
//!
//! A [`Plan`] adds the exploration share to what a policy asks for, keeps the sum to floors and caps if there are
//! [any](Shares), and rounds the result to whole units of 2⁻⁵³.
//! From then on there is one set of numbers: the table draws an arm with exactly the probability that the
//! decision carries. [`Cadence`] says when a plan is due, the book keeps the plans of each segment by eligible
//! set.
//!
//! # Many eligible sets
//!
//! A segment keeps the plans of up to 64 different sets in use, found by digest and compared whole. 24 sets in use all
//! find room with a probability of 0.99, 32 with 0.89. Sets for which there is no room push each other out, and each
//! selection for one of them then makes its plan anew: slower, never wrong. [`Bandit::plan_misses`] counts these (and the
//! first selection of each set); [`Selector::cache_use`] is the same for the plans that a handle keeps for itself.
//!
//! A plan that is not there is made with what is at hand. If the policy is [regular](crate::policy::Policy::is_regular),
//! like Thompson sampling, and a larger set of the segment has a plan that is not due, in which the arms that are not
//! eligible now would have been selected with a probability of 10⁻⁷ at most, exploration apart, then that plan, cut to the
//! set, is the set's own up to a total variation of 10⁻⁷; making it follows its contenders. If the policy is an
//! [index](crate::policy::Index), the arms' standing is kept for each set, and brought up to date in a few steps. Else,
//! and for a set without the leaders, the plan is computed. Where shares are bounded, every plan is: what is nearest to the
//! policy's for one set says nothing of another.
//!
//! [`Bandit::plan_misses`]: crate::Bandit::plan_misses
//! [`Selector::cache_use`]: crate::Selector::cache_use

mod book;
mod cadence;
mod group;
#[cfg(all(test, loom))]
mod models;
mod projection;
mod ranks;
mod restriction;
mod shares;
mod sole;
mod standing;
mod table;

pub use cadence::{Cadence, CadenceError};
pub use shares::{InfeasibleShares, Shares, SharesError};
pub use table::{Column, Outcome};

pub(crate) use table::UNIT_BITS;

pub(crate) use book::{Book, SegmentPlans};
pub(crate) use shares::Bounds;
pub(crate) use sole::Sole;
pub(crate) use standing::Desk;

use rand::Rng;

use crate::arm::{ArmId, Eligibility};
use crate::policy::{Probabilities, shared};
use crate::sync::{Arc, AtomicBool, Ordering};

use group::{Group, Stretch};
use ranks::Ranks;
use standing::{Leaders, Top};
use table::Table;

/// The probabilities of one segment for one set of eligible arms, ready to draw from.
///
/// All probabilities are whole multiples of [`Plan::UNIT`] = 2⁻⁵³, so each is an exact `f64` and adding up the
/// [columns](Plan::columns) of an arm gives its [propensity](Plan::propensity) to the last bit.
#[derive(Debug)]
pub struct Plan {
    eligible: Eligibility,
    /// Counted ranks of the eligible arms; none where every arm is eligible.
    ranks: Option<Arc<Ranks>>,
    law: Law,
    /// Whether plans of smaller sets may be taken from it.
    restrictable: bool,
    /// Events of its segment that it knows of.
    known: u64,
    /// Events of its segment at which the next plan is due.
    due_at: u64,
    /// Whether anything was drawn from it.
    used: AtomicBool,
    /// Whether another plan has taken its place.
    retired: AtomicBool,
    /// Epoch of its segment in which its computation began.
    epoch: u64,
}

/// Where a plan keeps its probabilities.
#[derive(Debug)]
enum Law {
    /// Contenders with shares of their own.
    Table(Table),
    /// Many leaders, all alike.
    Group(Group),
}

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
        let ranks = (!eligible.is_all()).then(|| Arc::new(Ranks::of(eligible.words())));
        let table = Table::new(eligible.len() as u32, probabilities, exploration);
        Self::of(eligible, ranks, Law::Table(table))
    }

    /// The same within bounds, or why there is none.
    pub(crate) fn bounded(
        eligible: Eligibility,
        probabilities: &Probabilities,
        exploration: f64,
        bounds: Option<&Bounds>,
    ) -> Result<Self, InfeasibleShares> {
        let Some(bounds) = bounds else { return Ok(Self::new(eligible, probabilities, exploration)) };
        let shares = bounds.bound(&eligible, probabilities, exploration)?;
        Ok(Self::new(eligible, &shares, 0.0))
    }

    /// A plan that gives the leaders of an index their share evenly, and all eligible arms alike the rest and the
    /// exploration share. Nothing here depends on the number of arms but where very many lead.
    pub(crate) fn leading(eligible: Eligibility, top: Top, exploration: f64) -> Self {
        let arms = eligible.len() as u32;
        let table = |probabilities: &Probabilities| Law::Table(Table::new(arms, probabilities, exploration));
        let law = match top.leaders {
            Leaders::Few(positions) => table(&shared(&positions, top.share, eligible.len())),
            Leaders::Many(words, leaders) if top.share > 0.0 => {
                let even = (1.0 - exploration) * (1.0 - top.share) + exploration;
                Law::Group(Group::new(words, leaders, arms, even))
            }
            Leaders::All | Leaders::Many(..) => table(&Probabilities::uniform()),
        };
        Self::of(eligible, top.ranks, law)
    }

    fn of(eligible: Eligibility, ranks: Option<Arc<Ranks>>, law: Law) -> Self {
        Self {
            eligible,
            ranks,
            law,
            restrictable: false,
            known: 0,
            due_at: u64::MAX,
            used: AtomicBool::new(false),
            retired: AtomicBool::new(false),
            epoch: 0,
        }
    }

    /// The same plan, due when its segment has counted so many events.
    pub(crate) fn scheduled(self, due_at: u64) -> Self {
        Self { due_at, ..self }
    }

    /// The same plan, which knows of so many events of its segment.
    pub(crate) fn knowing(self, known: u64) -> Self {
        Self { known, ..self }
    }

    /// The same plan, made of a regular policy's probabilities without an even part: plans of smaller sets may be
    /// taken from it.
    pub(crate) fn restrictable(self) -> Self {
        Self { restrictable: true, ..self }
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
        match &self.law {
            Law::Table(table) => {
                let (position, units) = table.draw(word);
                Drawn { arm: self.arm(position), units }
            }
            Law::Group(group) => self.draw_from(group, word),
        }
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
        match &self.law {
            _ if !self.eligible.contains(arm) => 0,
            Law::Table(table) => table.units(self.position(arm)),
            Law::Group(group) => group.units(arm),
        }
    }

    /// The arms that have more than the even share, with their whole probability, by ascending id.
    pub fn contenders(&self) -> impl Iterator<Item = (ArmId, f64)> + '_ {
        let (table, group) = self.law.parts();
        let contenders = table.into_iter().flat_map(Table::contenders);
        let leaders = group.into_iter().flat_map(|group| group.leaders().map(|arm| (arm, group.units(arm))));
        let contenders = contenders.map(|(position, units)| (self.arm(position), units));
        contenders.chain(leaders).map(|(arm, units)| (arm, units as f64 * Self::UNIT))
    }

    /// The probability that every eligible arm has at least: the even share.
    #[must_use]
    pub fn even_share(&self) -> f64 {
        let units = match &self.law {
            Law::Table(table) => table.even_units(),
            Law::Group(group) => group.even_units(),
        };
        units as f64 * Self::UNIT
    }

    /// The table itself, for whoever wants to add it up. Probabilities of all columns sum to one; positions count
    /// the eligible arms by ascending id.
    pub fn columns(&self) -> impl Iterator<Item = Column> + '_ {
        let (table, group) = self.law.parts();
        let nothing = (Outcome::Even, 0.0);
        let group = group.into_iter().flat_map(move |group| {
            let even = self.even_share() * self.eligible.len() as f64;
            let own = move |arm| (group.units(arm) - group.even_units()) as f64 * Self::UNIT;
            let leader = move |arm| (Outcome::Arm(self.position(arm)), own(arm));
            let leaders = group.leaders().map(move |arm| Column { parts: [nothing, leader(arm), nothing] });
            std::iter::once(Column { parts: [(Outcome::Even, even), nothing, nothing] }).chain(leaders)
        });
        table.into_iter().flat_map(Table::columns).chain(group)
    }

    /// The same plan, begun in this epoch of its segment.
    pub(crate) fn of_epoch(self, epoch: u64) -> Self {
        Self { epoch, ..self }
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(crate) fn due_at(&self) -> u64 {
        self.due_at
    }

    pub(crate) fn known(&self) -> u64 {
        self.known
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

    #[inline]
    pub(crate) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Acquire)
    }

    /// The eligible arm at a position.
    #[inline]
    fn arm(&self, position: u32) -> ArmId {
        match &self.ranks {
            None => ArmId::new(position),
            Some(ranks) => ranks.arm(self.eligible.words(), position),
        }
    }

    /// The position of an eligible arm among the eligible ones.
    fn position(&self, arm: ArmId) -> u32 {
        match &self.ranks {
            None => arm.get(),
            Some(ranks) => ranks.position(self.eligible.words(), arm),
        }
    }

    /// Out of line: the draw from a table stays small.
    #[cold]
    fn draw_from(&self, group: &Group, word: u64) -> Drawn {
        let arm = match group.draw(word) {
            Stretch::Leader(arm) => arm,
            Stretch::Even(position) => self.arm(position),
        };
        Drawn { arm, units: group.units(arm) }
    }
}

impl Law {
    /// One of the two.
    fn parts(&self) -> (Option<&Table>, Option<&Group>) {
        match self {
            Self::Table(table) => (Some(table), None),
            Self::Group(group) => (None, Some(group)),
        }
    }
}
