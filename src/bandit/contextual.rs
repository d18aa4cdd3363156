//! Requests with features: what they are admitted with, and the plan of each.

use rand::Rng;

use crate::arm::{ArmId, Eligibility};
use crate::belief::linear::{Fit, Lead};
use crate::belief::{Beta, Linear, LinearBelief};
use crate::decision::Decision;
use crate::features::{FeatureError, Features, Quantised};
use crate::plan::{Drawn, Plan, SegmentPlans, Sole};
use crate::policy::{Observes, Policy, Unread, View};
use crate::segment::SegmentId;
use crate::statistics::{CohortId, ProductCells};
use crate::sync::SetOnce;

use super::fitting::Tended;
use super::knowing::Everyone;
use super::{Bandit, Place, SelectError};

/// What a bandit with features has beside the others.
#[derive(Debug)]
pub(super) struct Contextual {
    pub(super) features: Features,
    pub(super) linear: Linear,
    /// What is counted where there is no window; where there is one, each cohort has its own.
    pub(super) cells: ProductCells,
    /// Whether decisions count as tried when they are made.
    pub(super) selections: bool,
    /// The α of a policy that is an upper bound, and the plan where one of all arms leads.
    bound: Option<(f64, Option<Sole>)>,
    pub(super) fits: Box<[SetOnce<Tended>]>,
}

/// What was drawn for a request, not counted yet.
#[derive(Debug)]
pub(super) struct Request<'a> {
    contextual: &'a Contextual,
    plans: &'a SegmentPlans,
    place: Place<'a>,
    features: Quantised,
    drawn: Drawn,
}

impl Request<'_> {
    #[inline]
    pub(super) fn arm(&self) -> ArmId {
        self.drawn.arm
    }

    #[inline]
    pub(super) fn features(&self) -> &Quantised {
        &self.features
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
}

impl Bandit {
    /// Selects one of the eligible arms for a customer of this segment with these features, one value for each that was
    /// [declared](crate::BanditBuilder::features).
    ///
    /// As [`Bandit::select`], but the plan is made for this request: from what the [linear model](crate::belief::linear) believes of each
    /// arm given the features, by the same policy, with the same exploration share, floors and caps. The propensity is exact
    /// likewise. With [`LinUcb`](crate::policy::LinUcb) and without bounds nothing is laid out or allocated but where arms
    /// are equal; other policies are asked anew for each request. Thompson sampling then is a quadrature, some
    /// microseconds for 16 arms; policies that look at counters alone select as they would without features.
    ///
    /// With a [window](crate::BanditBuilder::window) all holds as without features: the reward counts once, however late it
    /// comes within the window, corrects the default within the time of grace and is refused after it; a decision that is
    /// [cancelled](Bandit::cancel) was never made; and until the window is over decisions count
    /// [as chosen](crate::belief::Pending), by default corrected for delay.
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
        let request = self.draw_with(segment, eligible, features, || rng.next_u64())?;
        let numbered = self.numbered(segment, request.drawn.arm, Some(&request.features))?;
        Ok(self.decided_with(request, segment, eligible, numbered))
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

    /// Draws an arm for a request, with a word from elsewhere. It is the caller's to count it.
    #[inline]
    pub(super) fn draw_with(
        &self,
        segment: SegmentId,
        eligible: &Eligibility,
        features: &[f64],
        word: impl FnOnce() -> u64,
    ) -> Result<Request<'_>, SelectError> {
        let (contextual, features, plans) = self.admitted(segment, eligible, features)?;
        // The place before the word: what is refused has drawn nothing.
        let place: Place<'_> = self.reserve()?;
        let drawn = self.with_fit(contextual, plans, segment, |fit| {
            self.drawn(contextual, fit, segment, eligible, &features.point(), word)
        })?;
        Ok(Request { contextual, plans, place, features, drawn })
    }

    /// The decision for what was drawn, counted and numbered.
    #[inline]
    pub(super) fn decided_with(
        &self,
        request: Request<'_>,
        segment: SegmentId,
        eligible: &Eligibility,
        (sequence, cohort): (u64, CohortId),
    ) -> Decision {
        let Request { contextual, plans, place, features, drawn } = request;
        let decision = Decision { features, ..self.decision(segment, drawn, cohort, sequence) };
        if let Some(place) = place.taken() {
            place.decision(self, &decision, eligible);
        }
        self.issued(plans, segment, drawn.arm);
        if contextual.selections {
            self.told(contextual, plans, segment);
        }
        decision
    }

    /// The features of a decision, if it has some that the sums know.
    #[inline]
    pub(super) fn features_of<'a>(&self, decision: &'a Decision) -> Option<&'a Quantised> {
        self.readable(&decision.features)
    }

    /// Features, if they are of today's declaration: of others nothing was added when their decision was made, or something else.
    #[inline]
    pub(super) fn readable<'a>(&self, features: &'a Quantised) -> Option<&'a Quantised> {
        let contextual = self.contextual.as_deref()?;
        contextual.features.made(features).then_some(features)
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
        let read = || match (&self.waiting, &self.exchange) {
            (None, None) => self.cells.read_each(segment, &arms),
            _ => self.known(segment, &arms).statistics,
        };
        // With a window that is a walk through its cohorts.
        let counters = Unread::new(&read);
        let linear = fit.beliefs(point, &arms);
        let posteriors: Vec<Beta> = linear.iter().map(LinearBelief::beta).collect();
        let everyone = Everyone(self);
        let view = View::of_request(&arms, (&posteriors, &linear), &counters);
        let probabilities = self.policy.probabilities(&view.of_segment(segment).with_portfolio(&everyone));
        Ok(Plan::bounded(eligible.clone(), &probabilities, self.exploration, self.shares.as_ref())?)
    }
}
