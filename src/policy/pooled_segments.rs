//! Pooled segments: another policy, by what segments believe if they learn from each other.

use crate::belief::{Beta, Borrowed, Importance, borrow};
use crate::segment::SegmentId;

use super::{Observes, Policy, Probabilities, View};

/// Another policy, by beliefs that each segment [borrows](Borrowed) from those it has attributes in common with, as far as they
/// are alike.
///
/// Declare first the attribute that matters most: segments that share the first ones are next of kin. The prior of the
/// bandit has no say, but a [warm start](crate::belief::WarmStart) does, by its discounted trials; a segment of which nothing is known
/// believes what its parent does. The other policy should go by beliefs,
/// as Thompson sampling does, not by counters, as UCB does.
///
/// A plan is due by the events of its own segment (what others have learnt meanwhile shows in it from then on), and the work follows
/// segments × arms: some 100 ns for each of them that has results.
///
/// Payments lost in 50,000 sends to not knowing the best arm, 96 arms × 12 segments that differ by 0.3 on the logit (`FactorWorld`,
/// rates about 5 %; mean ± standard error, and the run in twenty that lost more): [`Thompson`](super::Thompson) 4,363 ± 118 (5,264;
/// 12 worlds), [`SharpenedThompson`](super::SharpenedThompson) pooled 1,371 ± 55 (1,958; 40 worlds). Where arms and
/// differences are made of levels, it lost 1,189 ± 86 (1,513; 12 worlds), where
/// [`PooledThompson`](super::PooledThompson), which knows of levels, lost 788 ± 55 (by 64 draws). With one segment the arms still learn
/// from each other what rates are usual: 48 arms from 2.7 to 11.4 %, 10,000 sends, 50 runs: Thompson 387 ± 5, pooled 331 ± 9;
/// sharpened 316 ± 6, pooled 260 ± 11.
///
/// On real logs: the best e-mail of Hillstrom's experiment (64,000 customers, 42 segments, frozen policies valued on other rows than
/// they learnt from) earns 0.1778 visits where each segment learns alone, 0.1821 pooled and 0.1828 for all alike; conversions
/// 0.0101, 0.0119 and 0.0125. Of Upworthy's tests (4,873, two to fourteen headlines, 10,000 views, 1,000 runs), where nothing but the
/// headlines' own rates can be learnt, pooling loses more clicks than Thompson sampling with Beta(1, 1): 15.7 ± 0.5 against 13.7 ± 0.4;
/// priors at the mean rate as strong as 40, 100, 500 and 3,000 views lose 12.3, 13.0, 13.9 and 15.1. A weak prior does.
///
/// **When**: more segments than each can learn for itself. **When not**: single segments have all the traffic they need; or the
/// arms share levels that say more than the arms themselves.
///
/// Without a [portfolio](View::portfolio) the other policy goes by the view's own beliefs.
#[derive(Debug)]
pub struct PooledSegments {
    inner: Box<dyn Policy>,
}

impl PooledSegments {
    /// This policy, by pooled beliefs.
    #[must_use]
    pub fn new(inner: impl Policy + 'static) -> Self {
        Self::boxed(Box::new(inner))
    }

    /// The same for a policy in a box.
    #[must_use]
    pub fn boxed(inner: Box<dyn Policy>) -> Self {
        Self { inner }
    }

    /// What a segment borrows for each arm of the space, eligible or not; nothing if the view shows no other segments.
    #[must_use]
    pub fn borrowed(view: &View<'_>, segment: SegmentId) -> Option<Borrowed> {
        let portfolio = view.portfolio()?;
        let segments = portfolio.segments().into_iter();
        let results: Vec<_> = segments.map(|segment| (segment, portfolio.tried(segment))).collect();
        Some(borrow(portfolio.segmentation(), portfolio.space().len(), &results, segment))
    }

    /// What is believed of the eligible arms.
    fn pooled(view: &View<'_>) -> Option<Vec<Beta>> {
        let borrowed = Self::borrowed(view, view.segment())?;
        Some(view.arms().iter().map(|arm| borrowed.posteriors[arm.index()]).collect())
    }
}

impl Policy for PooledSegments {
    fn name(&self) -> String {
        format!("pooled-segments({})", self.inner.name())
    }

    fn observes(&self) -> Observes {
        match self.inner.observes() {
            Observes::Nothing => Observes::Outcomes,
            observed => observed,
        }
    }

    fn importance(&self, arms: usize) -> Option<Importance> {
        self.inner.importance(arms)
    }

    fn goals(&self) -> usize {
        self.inner.goals()
    }

    fn goal_weights(&self, view: &View<'_>) -> Vec<f64> {
        match Self::pooled(view) {
            Some(posteriors) => self.inner.goal_weights(&view.believing(&posteriors)),
            None => self.inner.goal_weights(view),
        }
    }

    fn probabilities(&self, view: &View<'_>) -> Probabilities {
        match Self::pooled(view) {
            Some(posteriors) => self.inner.probabilities(&view.believing(&posteriors)),
            None => self.inner.probabilities(view),
        }
    }
}
