//! Burn-in: equal shares until every arm has been tried so many times.

use crate::belief::Importance;

use super::{Observes, Policy, Probabilities, View};

/// Selects uniformly among the eligible arms with fewer than n₀ selections, until there are none; then another policy decides.
///
/// Selections count, so that late outcomes do not prolong it. It comes back whenever an arm is new.
///
/// **When**: rules of the house ask for a minimum on each arm before anything is concluded. **When not**: to learn faster: an
/// arm that fails at once gets its n₀ selections all the same, K n₀ in all, where a good policy stops sooner.
#[derive(Debug)]
pub struct BurnIn {
    inner: Box<dyn Policy>,
    selections: u64,
}

impl BurnIn {
    /// So many selections for each arm before this policy decides.
    #[must_use]
    pub fn new(inner: impl Policy + 'static, selections: u64) -> Self {
        Self::boxed(Box::new(inner), selections)
    }

    /// The same for a policy in a box.
    #[must_use]
    pub fn boxed(inner: Box<dyn Policy>, selections: u64) -> Self {
        Self { inner, selections }
    }
}

impl Policy for BurnIn {
    fn name(&self) -> String {
        format!("burn-in({},{})", self.inner.name(), self.selections)
    }

    fn observes(&self) -> Observes {
        Observes::Selections
    }

    fn importance(&self, arms: usize) -> Option<Importance> {
        self.inner.importance(arms)
    }

    fn goals(&self) -> usize {
        self.inner.goals()
    }

    fn goal_weights(&self, view: &View<'_>) -> Vec<f64> {
        self.inner.goal_weights(view)
    }

    fn probabilities(&self, view: &View<'_>) -> Probabilities {
        let arms = (0..).zip(view.statistics());
        let wanting: Vec<u32> =
            arms.filter(|(_, arm)| arm.issued() < self.selections).map(|(position, _)| position).collect();
        match wanting.len() {
            0 => self.inner.probabilities(view),
            all if all == view.len() => Probabilities::uniform(),
            _ => Probabilities::shared(&wanting, 1.0),
        }
    }
}
