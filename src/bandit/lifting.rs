//! Lift: what learning customers earn more than those held out.

use std::collections::BTreeMap;

use crate::arm::ArmId;
use crate::holdout::{Holdout, Lift};
use crate::statistics::ArmStatistics;

use super::Bandit;

impl Bandit {
    /// What customers that are learnt from have earned more than those [held out](Holdout), over the other attributes and all
    /// arms; none without outcomes of both, or without the attribute [`Holdout::ATTRIBUTE`].
    ///
    /// With a window only decisions count whose window is over: of the others the good news come first.
    #[must_use]
    pub fn lift(&self) -> Option<Lift> {
        // The two groups of each stratum, which is what the other levels say.
        let mut strata: BTreeMap<Vec<&str>, [ArmStatistics; 2]> = BTreeMap::new();
        for segment in self.segments.iter() {
            let of_holdout = |(attribute, _): &(&str, &str)| *attribute == Holdout::ATTRIBUTE;
            let (_, level) = segment.levels().find(of_holdout)?;
            let Some(group) = Holdout::LEVELS.iter().position(|name| *name == level) else { continue };
            let others = segment.levels().filter(|pair| !of_holdout(pair)).map(|(_, level)| level).collect();
            let groups = strata.entry(others).or_default();
            for arm in (0..self.arms.len() as u32).map(ArmId::new) {
                groups[group] = groups[group].plus(self.settled(segment.id(), arm));
            }
        }
        Lift::of(self.reward, strata.into_values().map(|[learning, held_out]| (learning, held_out)))
    }
}
