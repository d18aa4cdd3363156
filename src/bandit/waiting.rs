//! Waiting for rewards: the clock that the host advances, the cohorts that close by it, and what comes too late.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;

use crate::arm::ArmId;
use crate::belief::delay::{DelayCounts, DelayEstimate, DelayLaw};
use crate::belief::{Forgetting, Pending};
use crate::decision::{Decision, DecisionId, Issuer};
use crate::features::Quantised;
use crate::reward::Quantity;
use crate::segment::SegmentId;
use crate::statistics::{ClaimError, CohortId, Defaults, Entry, Ledger, State};
use crate::sync::{Arc, AtomicU64, Ordering, Published};
use crate::time::{Timestamp, Window};

use super::Bandit;
use super::delays_by::{DelaysBy, Groups};
use super::goals::Declared;
use super::observing::Stages;
use super::rewarding::RewardError;

/// What a bandit with an attribution window keeps.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) ledger: Ledger,
    pub(super) pending: Pending,
    pub(super) forgetting: Forgetting,
    pub(super) groups: Groups,
    pub(super) delays_by: DelaysBy,
    /// The names of the groups.
    pub(super) levels: Vec<String>,
    /// Earlier lives that a snapshot told of.
    pub(super) past: BTreeSet<Issuer>,
    /// Where outcomes come in stages.
    pub(super) stages: Option<Stages>,
    /// and what else is made of them.
    pub(super) goals: Vec<Declared>,
    /// The laws of delay of the groups, and again by each further goal, as estimated when the bucket began.
    laws: Published<Vec<DelayLaw>>,
    refused: AtomicU64,
    corrected: AtomicU64,
}

/// Rewards that came after the window of their decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Late {
    /// Refused, since the time of grace was over too.
    pub refused: u64,
    /// Counted all the same, in place of the default reward.
    pub corrected: u64,
}

/// A time that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeError {
    /// The time given.
    pub now: Timestamp,
    /// The window, whose buckets have no number there.
    pub window: Window,
}

impl fmt::Display for TimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is beyond the last bucket of {:?}", self.now, self.window.bucket())
    }
}

impl Error for TimeError {}

impl Waiting {
    pub(super) fn new(
        ledger: Ledger,
        pending: Pending,
        forgetting: Forgetting,
        groups: Groups,
        levels: Vec<String>,
        stages: Option<Stages>,
    ) -> Self {
        let past = BTreeSet::new();
        let zero = || AtomicU64::new(0);
        let laws = Published::empty();
        let (refused, corrected, delays_by) = (zero(), zero(), DelaysBy::default());
        let waiting = Self {
            ledger,
            pending,
            forgetting,
            groups,
            delays_by,
            levels,
            past,
            stages,
            goals: Vec::new(),
            laws,
            refused,
            corrected,
        };
        waiting.learn_delays();
        waiting
    }

    /// Puts up the laws of delay by what is counted now.
    pub(super) fn learn_delays(&self) {
        let laws = self.delays().iter().map(|estimate| estimate.law().clone()).collect();
        drop(self.laws.replace(Some(Arc::new(laws))));
    }

    /// The laws of delay of the groups, and again by each further goal.
    pub(super) fn laws(&self) -> Arc<Vec<DelayLaw>> {
        self.laws.load().as_ref().map_or_else(Arc::default, Arc::clone)
    }

    /// What is known of the delays of each group, and again by each further goal.
    fn delays(&self) -> Vec<DelayEstimate> {
        self.ledger.with(|state| {
            let width = self.window().delays();
            let layers = state.history.layers().iter().map(|layer| (layer.buckets.0, layer.delays.clone()));
            let open = state.open.iter().map(|entry| (entry.id.bucket(), entry.delays.read()));
            let Ok(none) = DelayCounts::new(width as u32) else { unreachable!("a window is short enough") };
            let mut counts = vec![none; self.levels.len() * (1 + self.goals.len())];
            for (bucket, delays) in layers.chain(open) {
                for (counts, delays) in counts.iter_mut().zip(delays.chunks(width)) {
                    for (delay, &conversions) in (0..).zip(delays) {
                        let added = counts.add(bucket, delay, conversions);
                        debug_assert!(added.is_ok(), "as many delays as the window has");
                    }
                }
            }
            counts.iter().map(|counts| counts.estimate(state.now)).collect()
        })
    }

    /// The bucket of a time that somebody else has told.
    pub(super) fn bucket_of(&self, at: Timestamp) -> u32 {
        self.window().bucket_of(at).unwrap_or(u32::MAX)
    }

    pub(super) fn window(&self) -> Window {
        self.ledger.shape().window
    }

    pub(super) fn defaults(&self) -> &Defaults {
        &self.ledger.shape().defaults
    }

    pub(super) fn default_reward(&self, arm: ArmId) -> Quantity {
        self.defaults().of(arm)
    }

    /// Counts the reward of a decision in its cohort, as of a bucket of time, and says which: the present one, or an earlier
    /// one that a record tells of.
    pub(super) fn reward(
        &self,
        own: Issuer,
        id: DecisionId,
        (segment, arm): (SegmentId, ArmId),
        (quantity, features): (Quantity, Option<&Quantised>),
        at: Option<u32>,
    ) -> Result<u32, RewardError> {
        if self.stages.is_some() {
            return Err(RewardError::InStages { id });
        }
        self.ledger.with(|state| {
            let now = at.unwrap_or(state.now);
            let entry = self.claim(state, own, id, now)?;
            let default = self.default_reward(arm);
            let counted = entry.reward((segment, arm), features, quantity, default);
            counted.map_err(|refused| self.refusal(id, refused))?;
            self.arrived(now, entry, (segment, arm), quantity != default, std::iter::empty());
            Ok(now)
        })
    }

    /// Notes that something has come of a decision at this bucket, and if it is its conversion, or by further goals the like, with what delay.
    pub(super) fn arrived(
        &self,
        now: u32,
        entry: &Entry,
        (segment, arm): (SegmentId, ArmId),
        conversion: bool,
        goals: impl Iterator<Item = usize>,
    ) {
        if entry.id.is_closed(now, self.window()) {
            // Relaxed: a figure for people.
            self.corrected.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let delay = now.saturating_sub(entry.id.bucket()) as usize;
        let group = self.groups.of(segment, arm);
        if conversion {
            entry.delays.add(group, delay, 1);
        }
        goals.for_each(|goal| entry.delays.add((1 + goal) * self.levels.len() + group, delay, 1));
    }

    /// Takes a decision back, as of a bucket of time, and says which.
    pub(super) fn withdraw(
        &self,
        own: Issuer,
        id: DecisionId,
        (segment, arm): (SegmentId, ArmId),
        features: Option<&Quantised>,
        at: Option<u32>,
    ) -> Result<u32, RewardError> {
        self.ledger.with(|state| {
            let now = at.unwrap_or(state.now);
            if self.stages.is_some() {
                return self.withdraw_staged(state, own, id, (segment, arm), now).map(|()| now);
            }
            let entry = self.claim(state, own, id, now)?;
            let withdrawn = entry.withdraw((segment, arm), features);
            withdrawn.map_err(|refused| self.refusal(id, refused))?;
            Ok(now)
        })
    }

    /// Claims a decision in its cohort.
    fn claim<'a>(
        &self,
        state: &'a State,
        own: Issuer,
        id: DecisionId,
        now: u32,
    ) -> Result<&'a Arc<Entry>, RewardError> {
        let entry = self.find(state, own, id, now)?;
        entry.cohort.claim(id.sequence).map_err(|error| match error {
            ClaimError::NeverIssued => RewardError::NeverIssued { id },
            ClaimError::AlreadyClaimed => RewardError::AlreadyRewarded { id },
        })?;
        Ok(entry)
    }

    /// The cohort that has issued a decision, unless its time was over at a bucket of time.
    pub(super) fn find<'a>(
        &self,
        state: &'a State,
        own: Issuer,
        id: DecisionId,
        now: u32,
    ) -> Result<&'a Arc<Entry>, RewardError> {
        if id.issuer != own && !self.past.contains(&id.issuer) {
            return Err(RewardError::UnknownIssuer { id });
        }
        if id.cohort == CohortId::OPEN_ENDED {
            return Err(RewardError::UnknownCohort { id });
        }
        // Asked by time, since a cohort may be held for those who have accepted something in time.
        if self.ledger.is_over(id.cohort, now) {
            return Err(self.late(id));
        }
        match state.find(id.issuer, id.cohort) {
            Some(entry) if id.sequence < entry.cohort.issued() => Ok(entry),
            None if state.is_closed(id.cohort, self.window()) => Err(self.late(id)),
            _ => Err(RewardError::NeverIssued { id }),
        }
    }

    /// Notes that something has come too late.
    pub(super) fn late(&self, id: DecisionId) -> RewardError {
        self.refused.fetch_add(1, Ordering::Relaxed);
        RewardError::Late { id }
    }
}

impl Bandit {
    /// Tells the bandit what time it is, as often as the host likes and from any thread; an earlier time than one told
    /// before changes nothing. Nothing else reads time.
    ///
    /// Tell it several times a bucket: the [correction for delay](crate::belief::Pending::Corrected) holds what has come by
    /// now against what should have come by the time last told. In the portfolio of `examples/delays`, with buckets of a
    /// day and the time told at midnight only, rates read at 22:00 were 10.8 % too high on day 10, 7.5 % on day 20 and
    /// 3.3 % on day 40, against less than 1 % with the time told every two hours. It lifts all arms alike, and cost no payments.
    ///
    /// With a [window](crate::BanditBuilder::window), the call that enters a new bucket of time closes the cohorts whose
    /// time is over, folds them into the totals and, with [`Refresh::Inline`](crate::Refresh::Inline), computes the plans of
    /// all segments in use anew: let a thread of the host's do it that may take its time. Nobody else waits.
    ///
    /// # Errors
    ///
    /// [`TimeError`] for a time beyond the last bucket that has a number; nothing has changed.
    pub fn advance_to(&self, now: Timestamp) -> Result<(), TimeError> {
        let Some(waiting) = &self.waiting else {
            self.clock.fetch_max(now.as_millis(), Ordering::Relaxed);
            return Ok(());
        };
        let window = waiting.window();
        let bucket = window.bucket_of(now).ok_or(TimeError { now, window })?;
        // Relaxed: the number publishes nothing, the state of the ledger does.
        self.clock.fetch_max(now.as_millis(), Ordering::Relaxed);
        if waiting.ledger.advance(bucket) {
            waiting.learn_delays();
            self.expire_plans();
        }
        Ok(())
    }

    /// The latest time that the host has told.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.load(Ordering::Relaxed))
    }

    /// What is known of the delay of rewards that come within the window, by the levels that [`DelaysBy`] tells apart:
    /// the report of who answers slowly. One entry without a name where nothing is told apart, none without a window.
    ///
    /// Delays are in buckets of time, between that of the decision and that of the reward.
    #[must_use]
    pub fn delays(&self) -> Vec<(String, DelayEstimate)> {
        let Some(waiting) = &self.waiting else { return Vec::new() };
        waiting.levels.iter().cloned().zip(waiting.delays()).collect()
    }

    /// How many rewards came after the window of their decision, in this life.
    #[must_use]
    pub fn late(&self) -> Late {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        self.waiting.as_ref().map_or_else(Late::default, |waiting| Late {
            refused: read(&waiting.refused),
            corrected: read(&waiting.corrected),
        })
    }

    /// Takes back a decision whose message was never sent: it counts neither as tried nor for anything else, and no
    /// reward is accepted for it any more.
    ///
    /// # Errors
    ///
    /// [`RewardError`], as for a reward: nothing has changed.
    pub fn cancel(&self, decision: &Decision) -> Result<(), RewardError> {
        let place = self.reserve()?;
        let (at, (segment, arm)) = self.withdraw(decision, None)?;
        if let Some(place) = place.taken() {
            place.cancel(at, decision);
        }
        self.happened(segment, arm);
        Ok(())
    }

    /// Takes a decision back, unrecorded: now, or at the time of a record. Says when, and where it was counted.
    pub(super) fn withdraw(
        &self,
        decision: &Decision,
        at: Option<Timestamp>,
    ) -> Result<(Timestamp, (SegmentId, ArmId)), RewardError> {
        let (segment, arm) =
            self.locate(decision.fingerprint, decision.segment, decision.arm).map_err(RewardError::Space)?;
        let now = at.unwrap_or_else(|| self.now());
        let Some(waiting) = &self.waiting else {
            self.claim(decision.id)?;
            self.cells.withdraw(segment, arm);
            if let (Some(contextual), Some(features)) = (&self.contextual, self.features_of(decision)) {
                contextual.cells.withdraw(segment, arm, features);
            }
            return Ok((now, (segment, arm)));
        };
        let bucket = at.map(|at| waiting.bucket_of(at));
        let features = self.features_of(decision);
        let bucket = waiting.withdraw(self.issuer, decision.id, (segment, arm), features, bucket)?;
        Ok((waiting.window().not_after(now, bucket), (segment, arm)))
    }

    /// Changes what is forgotten, from the next plans on: the counters have forgotten nothing.
    ///
    /// # Errors
    ///
    /// [`ForgettingError`](crate::belief::ForgettingError) for a rule under which nothing would be remembered, or any
    /// but [`Forgetting::Never`] where there is no window, whose buckets tell ages apart.
    pub fn set_forgetting(&mut self, forgetting: Forgetting) -> Result<(), crate::belief::ForgettingError> {
        let forgetting = forgetting.checked()?;
        match &mut self.waiting {
            Some(waiting) => waiting.forgetting = forgetting,
            None if forgetting == Forgetting::Never => {}
            None => return Err(crate::belief::ForgettingError { forgetting }),
        }
        self.book.touched().for_each(|(_, plans)| plans.expire());
        if let Some(contextual) = self.contextual.as_deref_mut() {
            contextual.forget_fits();
        }
        Ok(())
    }
}
