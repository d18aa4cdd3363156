//! A thread's own handle for selecting: its generator, the plans it has used, and decision numbers in stock.

use std::ops::Range;

use rand::Rng;

use crate::arm::{ArmId, Eligibility};
use crate::decision::Decision;
use crate::features::Quantised;
use crate::plan::{Drawn, Plan, SegmentPlans};
use crate::segment::SegmentId;
use crate::statistics::{CohortId, Entry, Refused};
use crate::sync::Arc;

use super::{Bandit, Place, SelectError};

/// Plans that a handle keeps at hand: shelves by segment and set, a power of two, and places on each.
const SHELVES: usize = 16;
const WAYS: usize = 4;

/// Selects for one thread, faster than [`Bandit::select`] and with the same decisions for the same seed.
///
/// Make one per thread and keep it: a handle that is dropped takes up to 511 unused decision numbers with it.
///
/// It keeps the plans it used last and sees by one load whether they are current; it takes decision numbers in blocks
/// of 512. It takes no lock, and it allocates nothing for a segment and set that it knows but for a page of counters at
/// a time.
///
/// ```
/// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
/// use tactful::{ArmSpace, Bandit, SegmentId, Segments};
///
/// let arms = ArmSpace::builder().dimension("template", ["friendly", "firm"]).build()?;
/// let bandit = Bandit::builder(arms, Segments::single()).build()?;
/// let all = bandit.arms().all();
/// let mut selector = bandit.selector(Xoshiro256PlusPlus::seed_from_u64(1));
///
/// let decision = selector.select(SegmentId::new(0), &all)?;
/// let mut campaign = Vec::new();
/// selector.select_many((0..1000).map(|_| (SegmentId::new(0), &all)), &mut campaign)?;
/// assert_eq!(campaign.len(), 1000);
/// assert_eq!(selector.cache_use().misses, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
// Each selection writes generator, numbers and counts: handles that lie side by side, as in a `Vec`, share no cache line
// (nor its neighbour, which processors fetch along).
#[repr(align(128))]
pub struct Selector<'a, R> {
    bandit: &'a Bandit,
    rng: R,
    /// Where there is a window: the cohort that the numbers belong to.
    cohort: Option<Arc<Entry>>,
    numbers: Range<u64>,
    shelves: Box<[[Option<Held<'a>>; WAYS]; SHELVES]>,
    cache_use: CacheUse,
}

/// A plan at hand, current until it is retired.
#[derive(Debug)]
struct Held<'a> {
    segment: SegmentId,
    digest: u64,
    plans: &'a SegmentPlans,
    plan: Arc<Plan>,
}

/// How often a [`Selector`] had the plan at hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheUse {
    /// Selections from a plan at hand.
    pub hits: u64,
    /// Selections that had to ask the bandit for the plan: the first of a segment and set, one after a refresh, or
    /// one pushed out by another.
    pub misses: u64,
}

impl Bandit {
    /// A handle for one thread, with a generator of its own.
    pub fn selector<R: Rng>(&self, rng: R) -> Selector<'_, R> {
        let shelves = Box::new([const { [const { None }; WAYS] }; SHELVES]);
        Selector { bandit: self, rng, cohort: None, numbers: 0..0, shelves, cache_use: CacheUse::default() }
    }
}

impl<R: Rng> Selector<'_, R> {
    /// Selects one of the eligible arms, as [`Bandit::select`] does.
    ///
    /// # Errors
    ///
    /// [`SelectError`]: an empty set, one of which no shares are within the bounds, a segment or set that is not the
    /// bandit's, a full counter.
    pub fn select(&mut self, segment: SegmentId, eligible: &Eligibility) -> Result<Decision, SelectError> {
        let shelf = shelf(segment, eligible);
        let current = |held: &&Held<'_>| {
            held.segment == segment
                && held.digest == eligible.digest()
                && held.plan.eligible() == eligible
                && !held.plan.is_retired()
        };
        // The place before the word, as in `Bandit::select`: what is refused has drawn nothing.
        let place = self.bandit.reserve()?;
        let mut asked = false;
        loop {
            if let Some(held) = self.shelves[shelf].iter().flatten().find(current) {
                self.cache_use.hits += u64::from(!asked);
                held.plan.touch();
                let (plans, drawn) = (held.plans, held.plan.at(self.rng.next_u64()));
                return self.decide(place, plans, segment, eligible, drawn);
            }
            self.ask(shelf, segment, eligible)?;
            asked = true;
        }
    }

    /// Counts what was drawn, and makes a decision of it.
    #[inline]
    fn decide(
        &mut self,
        place: Place<'_>,
        plans: &SegmentPlans,
        segment: SegmentId,
        eligible: &Eligibility,
        drawn: Drawn,
    ) -> Result<Decision, SelectError> {
        let bandit = self.bandit;
        let (sequence, cohort) = self.numbered(segment, drawn.arm, None)?;
        if let Some(place) = place.taken() {
            place.decision(bandit, &bandit.decision(segment, drawn, cohort, sequence), eligible);
        }
        bandit.issued(plans, segment, drawn.arm);
        Ok(bandit.decision(segment, drawn, cohort, sequence))
    }

    /// Numbers a decision for an arm, and counts it with the features of its request.
    #[inline]
    fn numbered(
        &mut self,
        segment: SegmentId,
        arm: ArmId,
        features: Option<&Quantised>,
    ) -> Result<(u64, CohortId), SelectError> {
        loop {
            let sequence = self.number()?;
            match self.bandit.count(self.cohort.as_deref(), (segment, arm), features) {
                Ok(cohort) => return Ok((sequence, cohort)),
                Err(Refused::Full) => return Err(SelectError::CounterFull { segment, arm }),
                // This thread was stopped for longer than the window, and decisions go elsewhere by now.
                Err(Refused::Sealed) => self.numbers = 0..0,
            }
        }
    }

    /// A number for a decision, of the cohort that decisions go to now.
    #[inline]
    fn number(&mut self) -> Result<u64, SelectError> {
        if self.cohort.as_ref().is_some_and(|cohort| cohort.is_past()) {
            self.numbers = 0..0;
        }
        match self.numbers.next() {
            Some(sequence) => Ok(sequence),
            None => self.reserve(),
        }
    }

    #[cold]
    fn reserve(&mut self) -> Result<u64, SelectError> {
        if let Some(waiting) = &self.bandit.waiting {
            self.cohort = Some(Arc::clone(waiting.ledger.state().current()));
        }
        let cohort = self.cohort.as_ref().map_or(&self.bandit.cohort, |entry| &entry.cohort);
        self.numbers = cohort.reserve().ok_or(SelectError::SequenceExhausted)?;
        self.numbers.next().ok_or(SelectError::SequenceExhausted)
    }

    /// Selects one of the eligible arms for a request with features, as [`Bandit::select_with`] does.
    ///
    /// # Errors
    ///
    /// [`SelectError`], as there.
    pub fn select_with(
        &mut self,
        segment: SegmentId,
        eligible: &Eligibility,
        features: &[f64],
    ) -> Result<Decision, SelectError> {
        let (bandit, rng) = (self.bandit, &mut self.rng);
        let request = bandit.draw_with(segment, eligible, features, || rng.next_u64())?;
        let numbered = self.numbered(segment, request.arm(), Some(request.features()))?;
        Ok(bandit.decided_with(request, segment, eligible, numbered))
    }

    /// Selects for many customers, one after the other, and appends the decisions.
    ///
    /// # Errors
    ///
    /// [`SelectError`] at the first request that fails; the decisions before it have been made and are in
    /// `decisions`.
    pub fn select_many<'e>(
        &mut self,
        requests: impl IntoIterator<Item = (SegmentId, &'e Eligibility)>,
        decisions: &mut Vec<Decision>,
    ) -> Result<(), SelectError> {
        for (segment, eligible) in requests {
            decisions.push(self.select(segment, eligible)?);
        }
        Ok(())
    }

    /// How often the plan was at hand so far.
    #[must_use]
    pub fn cache_use(&self) -> CacheUse {
        self.cache_use
    }

    /// Takes the current plan onto a shelf: to an empty place or one whose plan is retired, else to any.
    #[cold]
    fn ask(&mut self, shelf: usize, segment: SegmentId, eligible: &Eligibility) -> Result<(), SelectError> {
        let plans = self.bandit.plans(segment, eligible)?;
        let plan = plans.with(eligible, || self.bandit.first(plans, segment, eligible), Arc::clone)?;
        self.cache_use.misses += 1;
        let spare = |held: &Option<Held<'_>>| held.as_ref().is_none_or(|held| held.plan.is_retired());
        let any = self.cache_use.misses as usize % WAYS;
        let way = self.shelves[shelf].iter().position(spare).unwrap_or(any);
        self.shelves[shelf][way] = Some(Held { segment, digest: eligible.digest(), plans, plan });
        Ok(())
    }
}

/// The shelf for the plan of a segment and set.
fn shelf(segment: SegmentId, eligible: &Eligibility) -> usize {
    // The digest is mixed already; the multiplier (2⁶⁴ / golden ratio) spreads segments that are asked with one set.
    let hash = eligible.digest() ^ u64::from(segment.get()).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (hash >> (64 - SHELVES.trailing_zeros())) as usize
}
