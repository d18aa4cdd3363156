//! The fits of linear models: what each is made of, who makes it when, and what it is worth after time has passed.

use std::collections::BTreeMap;

use crate::arm::ArmId;
use crate::belief::Pending;
use crate::belief::linear::{Fit, Gathered, Told};
use crate::plan::SegmentPlans;
use crate::policy::Observes;
use crate::segment::SegmentId;
use crate::statistics::{Products, State};
use crate::sync::{Arc, AtomicBool, AtomicU64, Ordering, Published, SetOnce};

use super::contextual::Contextual;
use super::knowing::open;
use super::waiting::Waiting;
use super::{Bandit, Refresh};

/// The fit of a segment, and who replaces it when.
#[derive(Debug)]
pub(super) struct Tended {
    fit: Published<Fit>,
    /// Events of the segment at which another is due.
    due_at: AtomicU64,
    /// How often time has made it due.
    epoch: AtomicU64,
    /// Whether somebody is at it.
    refreshing: AtomicBool,
}

impl Tended {
    fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Makes the fit due, one that is being made included: time has passed, which no event tells.
    fn expire(&self) {
        // AcqRel: who sees the epoch sees the time that began it; the mark comes after it.
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.due_at.fetch_min(0, Ordering::AcqRel);
    }

    /// Makes the fit due that was begun in this epoch, if it is over.
    fn due_if_after(&self, epoch: u64) {
        if self.epoch() != epoch {
            self.due_at.fetch_min(0, Ordering::AcqRel);
        }
    }
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
    fn tended(&self, segment: SegmentId) -> &Tended {
        let blank = || Tended {
            fit: Published::empty(),
            due_at: AtomicU64::new(u64::MAX),
            epoch: AtomicU64::new(0),
            refreshing: AtomicBool::new(false),
        };
        self.fits[segment.index()].get_or_set(blank)
    }

    /// Forgets all fits: the sums have changed by more than events.
    pub(super) fn forget_fits(&mut self) {
        self.fits = self.fits.iter().map(|_| SetOnce::new()).collect();
    }

    /// Makes the fit of a segment due, if there is one.
    fn expire(&self, segment: SegmentId) {
        if let Some(tended) = self.fits[segment.index()].get() {
            tended.expire();
        }
    }
}

impl Bandit {
    /// Makes the fit of a segment due, and makes it unless the host does: time has passed.
    pub(super) fn expire_fit(&self, plans: &SegmentPlans, segment: SegmentId) {
        let Some(contextual) = self.contextual.as_deref() else { return };
        contextual.expire(segment);
        if self.refresh == Refresh::Inline {
            self.refresh_fit(contextual, plans, segment);
        }
    }

    /// Uses the fit of a segment, made first if there is none.
    #[inline]
    pub(super) fn with_fit<T>(
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
        let epoch = tended.epoch();
        let (fit, due_at) = self.fit(contextual, plans, segment, None);
        let fit = Arc::new(fit);
        tended.fit.replace(Some(Arc::clone(&fit)));
        // Release: who sees the mark sees the fit, or a later one. Acquire: time that has passed before it is seen below.
        tended.due_at.fetch_min(due_at, Ordering::AcqRel);
        tended.due_if_after(epoch);
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
        let (before, epoch) = (tended.fit.load(), tended.epoch());
        let (fit, due_at) = self.fit(contextual, plans, segment, before.as_deref());
        tended.fit.replace(Some(Arc::new(fit)));
        // Release: who sees the mark sees the fit. Acquire, for which it must be an exchange: time that has passed and whose mark
        // this replaces is seen below.
        tended.due_at.swap(due_at, Ordering::AcqRel);
        tended.due_if_after(epoch);
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
        let told = self.told_of_features(contextual, segment);
        let (arms, dimensions) = (self.arms.len(), contextual.cells.dimensions());
        let known = match self.observes {
            Observes::Nothing => None,
            Observes::Outcomes | Observes::Selections => {
                Some(told.iter().map(|(_, told)| told.outcomes()).sum())
            }
        };
        let due_at = self.cadence.due_at(events, known, arms);
        (Fit::new(contextual.linear, (arms, dimensions), told, before), due_at)
    }

    /// What is known of the arms that were selected in a segment for requests with features, ascending.
    fn told_of_features(&self, contextual: &Contextual, segment: SegmentId) -> Vec<(ArmId, Told)> {
        let Some(waiting) = &self.waiting else {
            let mut sums: BTreeMap<ArmId, Products> = contextual.cells.of(segment).into_iter().collect();
            for (_, estate) in self.peers().estates() {
                for (arm, theirs) in estate.endless.featured.of(segment) {
                    sums.entry(arm).and_modify(|mine| mine.merge(theirs)).or_insert_with(|| theirs.clone());
                }
            }
            let told = |(arm, sums)| (arm, Told::new(&sums, contextual.selections));
            return sums.into_iter().map(told).collect();
        };
        let gathered = waiting.ledger.with(|state| self.gathered(contextual, waiting, state, segment));
        let told = |(arm, gathered): (ArmId, Gathered)| {
            let default = waiting.default_reward(arm).scaled();
            (arm, gathered.told(default, contextual.selections))
        };
        gathered.into_iter().map(told).collect()
    }

    /// The weighted sums, layer by layer and cohort by cohort in the order of their time and owners: the same sums and the same
    /// time give the same, bit for bit.
    fn gathered(
        &self,
        contextual: &Contextual,
        waiting: &Waiting,
        state: &State,
        segment: SegmentId,
    ) -> BTreeMap<ArmId, Gathered> {
        let (dimensions, now) = (contextual.cells.dimensions(), self.now_in_buckets(waiting, state));
        let mut gathered: BTreeMap<ArmId, Gathered> = BTreeMap::new();
        let blank = || Gathered::new(dimensions);
        let peers = self.peers();
        for layer in self.closed(state, &peers) {
            let weight = waiting.weight(now, layer.buckets);
            for (arm, sums) in layer.featured.of(segment) {
                gathered.entry(arm).or_insert_with(blank).add(sums, weight, 1.0);
            }
        }
        let laws = waiting.laws();
        for (entry, told, until) in open(state, &peers, now) {
            let Some(products) = &entry.products else { continue };
            let bucket = entry.id.bucket();
            let weight = waiting.weight(now, (bucket, bucket));
            let closed = entry.id.is_closed(told, waiting.window());
            for (arm, sums) in products.of(segment) {
                let gathered = gathered.entry(arm).or_insert_with(blank);
                match waiting.pending {
                    Pending::ClosedOnly if !closed => gathered.add_issued(&sums, weight),
                    Pending::Corrected if !closed => {
                        let law = laws.get(waiting.groups.of(segment, arm));
                        let share = law.map_or(1.0, |law| law.cdf(until - f64::from(bucket)));
                        gathered.add(&sums, weight, share);
                    }
                    _ => gathered.add(&sums, weight, 1.0),
                }
            }
        }
        gathered
    }
}
