//! Held out: a baseline policy for those segments that learning is compared with.

use crate::arm::{ArmId, ArmSpace, NameError};
use crate::belief::{Beta, Importance, Tried};
use crate::holdout::Holdout;
use crate::segment::{SegmentId, Segments};

use super::{Observes, Policy, Portfolio, Probabilities, View};

/// Gives the segments that are [held out](Holdout) a baseline's probabilities, the others a policy's; what is counted in the
/// former is kept from the latter.
///
/// The exploration share and bounds of shares hold in all segments: for a baseline without exploration set the
/// share to 0.
///
/// **When**: somebody will ask what learning has earned. A tenth of the customers is usual. **When not**: the baseline is so
/// much worse that nobody should get it; then compare by logged propensities instead.
#[derive(Debug)]
pub struct HeldOut {
    inner: Box<dyn Policy>,
    baseline: Box<dyn Policy>,
    /// Whether each segment is held out.
    held_out: Vec<bool>,
}

impl HeldOut {
    /// This policy, and this baseline for the held-out ones of these segments.
    ///
    /// # Errors
    ///
    /// [`NameError`] if the segments have no attribute [`Holdout::ATTRIBUTE`] or it lacks one of the [`Holdout::LEVELS`].
    pub fn new(
        inner: impl Policy + 'static,
        baseline: impl Policy + 'static,
        segments: &Segments,
    ) -> Result<Self, NameError> {
        Self::boxed(Box::new(inner), Box::new(baseline), segments)
    }

    /// The same for policies in boxes.
    ///
    /// # Errors
    ///
    /// [`NameError`] as [`HeldOut::new`].
    pub fn boxed(
        inner: Box<dyn Policy>,
        baseline: Box<dyn Policy>,
        segments: &Segments,
    ) -> Result<Self, NameError> {
        let Some((_, levels)) = segments.attributes().find(|(name, _)| *name == Holdout::ATTRIBUTE) else {
            let known = segments.attributes().map(|(name, _)| name.to_owned()).collect();
            return Err(NameError::UnknownAxis { name: Holdout::ATTRIBUTE.to_owned(), known });
        };
        if let Some(missing) = Holdout::LEVELS.iter().find(|level| !levels.iter().any(|name| name == *level))
        {
            let (name, level) = (Holdout::ATTRIBUTE.to_owned(), (*missing).to_owned());
            return Err(NameError::UnknownLevel { name, level, known: levels.to_vec() });
        }
        let is = |pair| pair == (Holdout::ATTRIBUTE, Holdout::LEVELS[1]);
        let held_out = segments.iter().map(|segment| segment.levels().any(is)).collect();
        Ok(Self { inner, baseline, held_out })
    }

    fn is_held_out(&self, segment: SegmentId) -> bool {
        self.held_out.get(segment.index()).copied().unwrap_or(false)
    }
}

impl Policy for HeldOut {
    fn name(&self) -> String {
        format!("held-out({},{})", self.inner.name(), self.baseline.name())
    }

    fn observes(&self) -> Observes {
        match (self.inner.observes(), self.baseline.observes()) {
            (Observes::Selections, _) | (_, Observes::Selections) => Observes::Selections,
            (Observes::Outcomes, _) | (_, Observes::Outcomes) => Observes::Outcomes,
            (Observes::Nothing, Observes::Nothing) => Observes::Nothing,
        }
    }

    fn importance(&self, arms: usize) -> Option<Importance> {
        self.inner.importance(arms)
    }

    fn goals(&self) -> usize {
        self.inner.goals().max(self.baseline.goals())
    }

    fn goal_weights(&self, view: &View<'_>) -> Vec<f64> {
        let held_out = self.is_held_out(view.segment());
        if held_out { &self.baseline } else { &self.inner }.goal_weights(view)
    }

    fn probabilities(&self, view: &View<'_>) -> Probabilities {
        if self.is_held_out(view.segment()) {
            return self.baseline.probabilities(view);
        }
        let Some(portfolio) = view.portfolio() else { return self.inner.probabilities(view) };
        let learning = Learning { portfolio, policy: self };
        self.inner.probabilities(&view.with_portfolio(&learning))
    }
}

/// The segments that are learnt from.
#[derive(Debug)]
struct Learning<'a> {
    portfolio: &'a dyn Portfolio,
    policy: &'a HeldOut,
}

impl Portfolio for Learning<'_> {
    fn segments(&self) -> Vec<SegmentId> {
        let mut segments = self.portfolio.segments();
        segments.retain(|&segment| !self.policy.is_held_out(segment));
        segments
    }

    fn posteriors(&self, segment: SegmentId, arms: &[ArmId]) -> Vec<Beta> {
        self.portfolio.posteriors(segment, arms)
    }

    fn space(&self) -> &ArmSpace {
        self.portfolio.space()
    }

    fn segmentation(&self) -> &Segments {
        self.portfolio.segmentation()
    }

    fn tried(&self, segment: SegmentId) -> Vec<Tried> {
        self.portfolio.tried(segment)
    }
}
