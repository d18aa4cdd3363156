//! Requests with features: the sums that a linear model learns from, its fits, and the plan of each request.

use rand::Rng;

use crate::arm::{ArmId, Eligibility};
use crate::belief::linear::{Fit, Lead};
use crate::belief::{Beta, Linear, LinearBelief};
use crate::decision::Decision;
use crate::features::{FeatureError, Features, Quantised};
use crate::plan::{Drawn, Plan, SegmentPlans, Sole};
use crate::policy::{Observes, Policy, View};
use crate::reward::Quantity;
use crate::segment::SegmentId;
use crate::statistics::{CohortId, ProductCells, Products};
use crate::sync::{Arc, AtomicBool, AtomicU64, Ordering, Published, SetOnce};

use super::knowing::Everyone;
use super::{Bandit, Place, Refresh, SelectError};

/// What a bandit with features has beside the others.
#[derive(Debug)]
pub(super) struct Contextual {
    pub(super) features: Features,
    pub(super) linear: Linear,
    pub(super) cells: ProductCells,
    /// Whether decisions count as tried when they are made.
    selections: bool,
    /// The α of a policy that is an upper bound, and the plan where one of all arms leads.
    bound: Option<(f64, Option<Sole>)>,
    fits: Box<[SetOnce<Tended>]>,
}

/// The fit of a segment, and who replaces it when.
#[derive(Debug)]
struct Tended {
    fit: Published<Fit>,
    /// Events of the segment at which another is due.
    due_at: AtomicU64,
    /// Whether somebody is at it.
    refreshing: AtomicBool,
}

/// The turn of the one who makes a fit; it ends also when that panics.
struct Turn<'a>(&'a Tended);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // Release: who has the next turn sees the fit.
        self.0.refreshing.store(false, Ordering::Release);
    }
}

impl Contextual {
    pub(super) fn new(
        features: Features,
        linear: Linear,
        policy: &dyn Policy,
        (segments, arms): (usize, usize),
        exploration: f64,
    ) -> Self {
        Self {
            cells: ProductCells::new(segments, arms, features.len() + 1),
            features,
            linear,
            selections: policy.observes() == Observes::Selections,
            bound: policy.as_upper_bound().map(|alpha| (alpha, Sole::new(arms as u32, exploration))),
            fits: (0..segments).map(|_| SetOnce::new()).collect(),
        }
    }

    fn tended(&self, segment: SegmentId) -> &Tended {
        let blank = || Tended {
            fit: Published::empty(),
            due_at: AtomicU64::new(u64::MAX),
            refreshing: AtomicBool::new(false),
        };
        self.fits[segment.index()].get_or_set(blank)
    }

    /// Forgets all fits: the sums have changed by more than events.
    pub(super) fn forget_fits(&mut self) {
        self.fits = self.fits.iter().map(|_| SetOnce::new()).collect();
    }

    /// Adds the reward of a decision whose features are known; of another nothing was added when it was made, or by another declaration.
    #[inline]
    pub(super) fn reward(&self, segment: SegmentId, arm: ArmId, features: &Quantised, quantity: Quantity) {
        if self.features.made(features) {
            self.cells.reward(segment, arm, features, quantity);
        }
    }

    /// Adds the features of a decision.
    #[inline]
    #[cfg(feature = "journal")]
    pub(super) fn issue(&self, segment: SegmentId, arm: ArmId, features: &Quantised) {
        if self.features.made(features) {
            self.cells.issue(segment, arm, features);
        }
    }

    /// Takes the features of a decision back.
    pub(super) fn withdraw(&self, segment: SegmentId, arm: ArmId, features: &Quantised) {
        if self.features.made(features) {
            self.cells.withdraw(segment, arm, features);
        }
    }
}

impl Bandit {
    /// Selects one of the eligible arms for a customer of this segment with these features, one value for each that was
    /// [declared](crate::BanditBuilder::features).
    ///
    /// As [`Bandit::select`], but the plan is made for this request: from what the [linear model](crate::belief::linear) believes of each
    /// arm given the features, by the same policy, with the same exploration share, floors and caps. The propensity is exact
    /// likewise. With [`LinUcb`](crate::policy::LinUcb) and without bounds nothing is laid out or allocated but where arms
    /// are equal; other policies are asked anew for each request. Thompson sampling then is a quadrature, some tens of
    /// microseconds for 16 arms; policies that look at counters alone select as they would without features.
    ///
    /// # Errors
    ///
    /// [`SelectError`]: values that are no features of this bandit, an empty set, one of which no shares are within the bounds,
    /// a segment or set that is not this bandit's, a full counter.
    pub fn select_with<R: Rng + ?Sized>(
        &self,
        segment: SegmentId,
        eligible: &Eligibility,
        features: &[f64],
        rng: &mut R,
    ) -> Result<Decision, SelectError> {
        let sequence = || self.cohort.number().ok_or(SelectError::SequenceExhausted);
        self.decide_with(segment, eligible, features, || rng.next_u64(), sequence)
    }

    /// The plan from which [`select_with`](Bandit::select_with) would draw now.
    ///
    /// # Errors
    ///
    /// [`SelectError`], as there.
    pub fn plan_with(
        &self,
        segment: SegmentId,
        eligible: &Eligibility,
        features: &[f64],
    ) -> Result<Plan, SelectError> {
        let (contextual, features, plans) = self.admitted(segment, eligible, features)?;
        self.with_fit(contextual, plans, segment, |fit| {
            self.planned(fit, segment, eligible, &features.point())
        })
    }

    /// What the linear model believes of each arm of a set, ascending, given the features of a request.
    ///
    /// # Errors
    ///
    /// [`SelectError`]: values that are no features of this bandit, an empty set, a segment or set that is not this bandit's.
    pub fn linear_beliefs(
        &self,
        segment: SegmentId,
        eligible: &Eligibility,
        features: &[f64],
    ) -> Result<Vec<LinearBelief>, SelectError> {
        let (contextual, features, plans) = self.admitted(segment, eligible, features)?;
        let arms = eligible.to_vec();
        Ok(self.with_fit(contextual, plans, segment, |fit| fit.beliefs(&features.point(), &arms)))
    }

    /// The features that were declared.
    #[must_use]
    pub fn features(&self) -> Option<&Features> {
        Some(&self.contextual.as_ref()?.features)
    }

    /// Checks a request; nothing has changed if it is refused.
    #[inline]
    fn admitted(
        &self,
        segment: SegmentId,
        eligible: &Eligibility,
        features: &[f64],
    ) -> Result<(&Contextual, Quantised, &SegmentPlans), SelectError> {
        let plans = self.plans(segment, eligible)?;
        let contextual =
            self.contextual.as_deref().ok_or(SelectError::Features(FeatureError::NotDeclared))?;
        let features = contextual.features.quantise(features).map_err(SelectError::Features)?;
        Ok((contextual, features, plans))
    }

    /// Makes a decision with a word and a number from elsewhere.
    #[inline]
    pub(super) fn decide_with(
        &self,
        segment: SegmentId,
        eligible: &Eligibility,
        features: &[f64],
        word: impl FnOnce() -> u64,
        number: impl FnOnce() -> Result<u64, SelectError>,
    ) -> Result<Decision, SelectError> {
        let (contextual, features, plans) = self.admitted(segment, eligible, features)?;
        // The place before the word: what is refused has drawn nothing.
        let place: Place<'_> = self.reserve()?;
        let drawn = self.with_fit(contextual, plans, segment, |fit| {
            self.drawn(contextual, fit, segment, eligible, &features.point(), word)
        })?;
        let sequence = number()?;
        // Counted first, since that can be refused: the sums below then have room.
        let cohort = self.count(None, segment, drawn.arm);
        let cohort: CohortId = cohort.map_err(|_| SelectError::CounterFull { segment, arm: drawn.arm })?;
        contextual.cells.issue(segment, drawn.arm, &features);
        let decision = Decision { features, ..self.decision(segment, drawn, cohort, sequence) };
        if let Some(place) = place.taken() {
            place.decision(self, &decision, eligible);
        }
        self.issued(plans, segment, drawn.arm);
        if contextual.selections {
            self.told(contextual, plans, segment);
        }
        Ok(decision)
    }

    /// An arm for a request.
    #[inline]
    fn drawn(
        &self,
        contextual: &Contextual,
        fit: &Fit,
        segment: SegmentId,
        eligible: &Eligibility,
        point: &[f64],
        word: impl FnOnce() -> u64,
    ) -> Result<Drawn, SelectError> {
        if let Some((alpha, all)) = contextual.bound.filter(|_| self.shares.is_none())
            && let Lead::One(leader) = fit.lead(point, alpha, eligible)
        {
            let arms = eligible.len();
            let sole =
                all.filter(|sole| sole.is_of(arms)).or_else(|| Sole::new(arms as u32, self.exploration));
            if let Some(sole) = sole {
                return Ok(sole.at(word(), leader, eligible));
            }
        }
        Ok(self.planned(fit, segment, eligible, point)?.at(word()))
    }

    /// The plan for a request, by way of the policy.
    fn planned(
        &self,
        fit: &Fit,
        segment: SegmentId,
        eligible: &Eligibility,
        point: &[f64],
    ) -> Result<Plan, SelectError> {
        let arms = eligible.to_vec();
        let statistics = self.cells.read_each(segment, &arms);
        let linear = fit.beliefs(point, &arms);
        let posteriors: Vec<Beta> = linear.iter().map(LinearBelief::beta).collect();
        let everyone = Everyone(self);
        let view = View::new(&arms, &posteriors, &statistics).of_segment(segment).with_portfolio(&everyone);
        let probabilities = self.policy.probabilities(&view.with_linear(&linear));
        Ok(Plan::bounded(eligible.clone(), &probabilities, self.exploration, self.shares.as_ref())?)
    }

    /// Uses the fit of a segment, made first if there is none.
    #[inline]
    fn with_fit<T>(
        &self,
        contextual: &Contextual,
        plans: &SegmentPlans,
        segment: SegmentId,
        using: impl FnOnce(&Fit) -> T,
    ) -> T {
        let tended = contextual.tended(segment);
        match &*tended.fit.load() {
            Some(fit) => using(fit),
            None => using(&self.first_fit(contextual, tended, plans, segment)),
        }
    }

    #[cold]
    fn first_fit(
        &self,
        contextual: &Contextual,
        tended: &Tended,
        plans: &SegmentPlans,
        segment: SegmentId,
    ) -> Arc<Fit> {
        let (fit, due_at) = self.fit(contextual, plans, segment, None);
        let fit = Arc::new(fit);
        tended.fit.replace(Some(Arc::clone(&fit)));
        // Release: who sees the mark sees the fit, or a later one.
        tended.due_at.fetch_min(due_at, Ordering::Release);
        fit
    }

    /// Notes that an event of a segment was counted, where the policy observes it.
    #[inline]
    pub(super) fn told(&self, contextual: &Contextual, plans: &SegmentPlans, segment: SegmentId) {
        if self.refresh == Refresh::Inline {
            self.refresh_fit(contextual, plans, segment);
        }
    }

    /// Makes the fit of a segment anew if that is due and nobody else is at it; whether it did.
    ///
    /// An event that comes while another thread is at it may find the old mark and be turned away; the next event, or the next call
    /// of [`Bandit::refresh`], makes up for that.
    #[inline]
    fn refresh_fit(&self, contextual: &Contextual, plans: &SegmentPlans, segment: SegmentId) -> bool {
        let tended = contextual.tended(segment);
        // Relaxed: looked at again by the one who makes it.
        if plans.events() < tended.due_at.load(Ordering::Relaxed) {
            return false;
        }
        self.make_fit(contextual, tended, plans, segment)
    }

    #[cold]
    fn make_fit(
        &self,
        contextual: &Contextual,
        tended: &Tended,
        plans: &SegmentPlans,
        segment: SegmentId,
    ) -> bool {
        // Acquire: pairs with the end of the turn before.
        if tended.refreshing.swap(true, Ordering::Acquire) {
            return false;
        }
        let _turn = Turn(tended);
        if plans.events() < tended.due_at.load(Ordering::Relaxed) {
            return false;
        }
        let before = tended.fit.load();
        let (fit, due_at) = self.fit(contextual, plans, segment, before.as_deref());
        tended.fit.replace(Some(Arc::new(fit)));
        // Release: who sees the mark sees the fit.
        tended.due_at.store(due_at, Ordering::Release);
        true
    }

    /// Makes all fits that are due; how many they were.
    pub(super) fn refresh_fits(&self) -> usize {
        let Some(contextual) = self.contextual.as_deref() else { return 0 };
        let due =
            |&(segment, plans): &(SegmentId, &SegmentPlans)| self.refresh_fit(contextual, plans, segment);
        self.book.touched().filter(due).count()
    }

    /// The fit to what is known now, and at how many events of the segment the next is due.
    fn fit(
        &self,
        contextual: &Contextual,
        plans: &SegmentPlans,
        segment: SegmentId,
        before: Option<&Fit>,
    ) -> (Fit, u64) {
        // Events before sums: the sums then hold at least these events.
        let events = plans.events();
        let sums: Vec<(ArmId, Products)> = contextual.cells.of(segment);
        let (arms, dimensions) = (self.arms.len(), contextual.cells.dimensions());
        let known = match self.observes {
            Observes::Nothing => None,
            Observes::Outcomes | Observes::Selections => {
                Some(sums.iter().map(|(_, sums)| sums.returned).sum())
            }
        };
        let due_at = self.cadence.due_at(events, known, arms);
        (Fit::new(contextual.linear, (arms, dimensions), &sums, contextual.selections, before), due_at)
    }
}
