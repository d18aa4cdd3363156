//! Tried: what an arm has earned, as beliefs that are shared among arms and segments read it.

use crate::arm::ArmId;
use crate::statistics::ArmStatistics;

/// An arm that has been tried, and what it has earned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tried {
    /// The arm.
    pub arm: ArmId,
    /// Decisions whose outcome counts, weighted for their age and for what is still to come of them; above 0.
    pub trials: f64,
    /// What they earned, in the [0, 1] of scaled rewards each: from 0 to the number of trials.
    pub earned: f64,
}

impl Tried {
    /// Those of the arms that have been tried, given as (trials, earned).
    pub(crate) fn those(arms: impl IntoIterator<Item = (ArmId, (f64, f64))>) -> Vec<Self> {
        let tried = arms.into_iter().filter(|(_, (trials, _))| *trials > 0.0);
        tried.map(|(arm, (trials, earned))| Self { arm, trials, earned }).collect()
    }

    /// The same of what was counted.
    pub(crate) fn counted<'a>(arms: impl IntoIterator<Item = (ArmId, &'a ArmStatistics)>) -> Vec<Self> {
        Self::those(arms.into_iter().map(|(arm, told)| (arm, (told.returned() as f64, told.sum()))))
    }

    /// Both together, of arms that ascend in each.
    pub(crate) fn together(one: Vec<Self>, other: &[Self]) -> Vec<Self> {
        if other.is_empty() {
            return one;
        }
        let mut both = Vec::with_capacity(one.len() + other.len());
        let mut left = other.iter().copied().peekable();
        for told in one {
            both.extend(std::iter::from_fn(|| left.next_if(|more| more.arm < told.arm)));
            let more = left.next_if(|more| more.arm == told.arm);
            // Rounded sums keep the order of what is added: no more is earned than tried.
            let (trials, earned) = more.map_or((0.0, 0.0), |more| (more.trials, more.earned));
            both.push(Self { trials: told.trials + trials, earned: told.earned + earned, ..told });
        }
        both.extend(left);
        both
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_twice_is_added_by_arm() {
        let told = |arm, trials, earned| Tried { arm: ArmId::new(arm), trials, earned };
        let one = vec![told(1, 10.0, 1.0), told(4, 20.0, 2.0)];
        let other = [told(0, 1.0, 0.5), told(2, 2.0, 0.5), told(4, 4.0, 1.0), told(9, 8.0, 0.0)];
        let both = [other[0], told(1, 10.0, 1.0), other[1], told(4, 24.0, 3.0), other[3]];
        assert_eq!(Tried::together(one.clone(), &other), both);
        assert_eq!(Tried::together(Vec::new(), &other), other);
        assert_eq!(Tried::together(one.clone(), &[]), one);
    }
}
