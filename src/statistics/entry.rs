//! The decisions of one life in one bucket of time: numbers, claims, counters, sums of features, delays.

use crate::arm::ArmId;
use crate::features::Quantised;
use crate::reward::{Quantity, RewardKind};
use crate::segment::SegmentId;
use crate::sync::{AtomicBool, Ordering};
use crate::time::Window;

use super::delays::Delays;
use super::goals::Goals;
use super::history::Layer;
use super::pending::{PendingCells, Refused};
use super::products::Sums;
use super::{ArmStatistics, Cohort, CohortId, Defaults, Issuer, ProductCells};

/// What the cohorts of a bandit have in common.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) kind: RewardKind,
    /// What becomes of decisions without a reward.
    pub(crate) defaults: Defaults,
    /// Where outcomes come in stages: what else they come to.
    pub(crate) goals: Goals,
    pub(crate) segments: usize,
    pub(crate) arms: usize,
    /// Groups whose delays are told apart, at least one; as many again for each further goal.
    pub(crate) groups: usize,
    pub(crate) window: Window,
    /// Where requests have features: the constant and these.
    pub(crate) dimensions: Option<usize>,
}

/// The decisions of one life in one bucket of time.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) issuer: Issuer,
    pub(crate) id: CohortId,
    pub(crate) cohort: Cohort,
    pub(crate) cells: PendingCells,
    /// Where requests have features: their sums, rewards by the difference from the default one.
    pub(crate) products: Option<ProductCells>,
    pub(crate) delays: Delays,
    /// Whether decisions go to a later one by now.
    past: AtomicBool,
}

impl Entry {
    /// The most decisions for an arm in a segment: 2³¹ − 1.
    pub(crate) const MAX_COUNT: u64 = super::pending::MOST;

    /// One to which decisions go.
    pub(super) fn new(shape: &Shape, issuer: Issuer, id: CohortId) -> Self {
        let cells = PendingCells::new(shape.kind, shape.defaults.clone(), shape.segments, shape.arms);
        let cells = cells.with_goals(Goals::clone(&shape.goals), shape.segments, shape.arms);
        Self { cells, ..Self::earlier(shape, issuer, id, Cohort::new()) }
    }

    /// One of an earlier life, which takes memory as it is filled: a snapshot may tell of thousands.
    pub(crate) fn earlier(shape: &Shape, issuer: Issuer, id: CohortId, cohort: Cohort) -> Self {
        let cells = PendingCells::later(shape.kind, shape.defaults.clone(), shape.segments, shape.arms);
        let products = |dimensions| ProductCells::later(shape.segments, shape.arms, dimensions);
        Self {
            issuer,
            id,
            cohort,
            cells: cells.with_goals(Goals::clone(&shape.goals), shape.segments, shape.arms),
            products: shape.dimensions.map(products),
            delays: Delays::new(shape.groups, shape.window.delays()),
            past: AtomicBool::new(false),
        }
    }

    /// Counts a decision, with the features of its request.
    #[inline]
    pub(crate) fn issue(
        &self,
        (segment, arm): (SegmentId, ArmId),
        features: Option<&Quantised>,
    ) -> Result<(), Refused> {
        let count = || self.cells.issue(segment, arm);
        self.with_features((segment, arm), features, count, |sums, features| sums.issue(features))
    }

    /// Counts the reward of a decision, where rewards come whole.
    #[inline]
    pub(crate) fn reward(
        &self,
        (segment, arm): (SegmentId, ArmId),
        features: Option<&Quantised>,
        quantity: Quantity,
        default: Quantity,
    ) -> Result<(), Refused> {
        let count = || self.cells.reward(segment, arm, quantity);
        // A reward that is the default says nothing that the end of the window would not.
        let difference = quantity.get() as i64 - default.get() as i64;
        let features = features.filter(|_| difference != 0);
        self.with_features((segment, arm), features, count, |sums, features| {
            sums.reward(features, difference)
        })
    }

    /// Takes a decision back that has had no reward, where rewards come whole.
    pub(crate) fn withdraw(
        &self,
        (segment, arm): (SegmentId, ArmId),
        features: Option<&Quantised>,
    ) -> Result<(), Refused> {
        let count = || self.cells.withdraw(segment, arm);
        self.with_features((segment, arm), features, count, |sums, features| sums.withdraw(features))
    }

    /// Counts something, and adds to the sums of features where there are some.
    #[inline]
    fn with_features(
        &self,
        place: (SegmentId, ArmId),
        features: Option<&Quantised>,
        count: impl FnOnce() -> Result<(), Refused>,
        add: impl FnOnce(Sums<'_>, &Quantised),
    ) -> Result<(), Refused> {
        match (&self.products, features) {
            (Some(products), Some(features)) => products.with(place, count, |sums| add(sums, features)),
            _ => count(),
        }
    }

    /// Whether decisions go to a later cohort by now.
    #[inline]
    pub(crate) fn is_past(&self) -> bool {
        // Acquire: who sees it finds the later one.
        self.past.load(Ordering::Acquire)
    }

    /// Lets decisions go to a later cohort, which is there to be found.
    pub(super) fn pass(&self) {
        // Release: who sees it finds the new state.
        self.past.store(true, Ordering::Release);
    }

    /// Forbids every further change, and says whether all that was accepted is there to be read: if not, somebody is
    /// between two steps of his own, and the answer will be another one later.
    pub(super) fn seal(&self) -> bool {
        // Sealed first: who is not busy after that has added what he has counted, or counts nothing.
        self.cells.seal() && self.products.as_ref().is_none_or(ProductCells::is_idle)
    }

    /// What it leaves when its time is over.
    pub(super) fn fold(&self, Shape { defaults, goals, .. }: &Shape) -> Layer {
        let bucket = self.id.bucket();
        let mut layer = Layer::new((bucket, bucket), self.delays.read());
        self.cells.each_touched(|segment, arm, statistics| {
            if statistics != ArmStatistics::default() {
                let added = layer.add(segment, arm, statistics.settled(defaults.of(arm)));
                debug_assert!(added, "each cell once");
                for (goal, totals) in goals.iter().enumerate() {
                    let statistics = self.cells.read_goal(goal, segment, arm);
                    if statistics != ArmStatistics::default() {
                        layer.add_goal(goal, segment, arm, statistics.settled(totals.start(arm)));
                    }
                }
            }
        });
        if let Some(products) = &self.products {
            products.each_touched(|segment, arm, sums| {
                if !sums.is_empty() {
                    layer.featured.add(segment, arm, &sums);
                }
            });
        }
        layer
    }
}
