//! Which law rewards are believed to follow, and how often each arm is then the best.

use std::fmt;

use crate::belief::best::{self, probability_best_of};
use crate::belief::{Beta, Gamma, Gaussian, Marginal, NormalInverseGamma, ZeroInflated, payments};
use crate::statistics::ArmStatistics;

use super::parameter::positive;
use super::{ParameterError, View};

/// The law that rewards are believed to follow: what a policy of the Thompson family makes of the counters.
///
/// | law | for | posterior of the mean | from |
/// | --- | --- | --- | --- |
/// | `Binary` | 0 or 1; anything in a range, with caution | Beta of the scaled sums, by the bandit's prior | count, sum |
/// | `Gaussian` | amounts that most messages earn | Student's t, of [`NormalInverseGamma`] | count, sum, squares |
/// | `Poisson` | counts, such as payments per message | [`Gamma`], by a prior Gamma(1, 1) | count, sum |
/// | `ZeroInflated` | amounts that few messages earn | [`ZeroInflated`], part that pays × amount | count, sum, squares |
///
/// A Gaussian is no law for rewards most of which are nothing: an arm that has earned nothing a few times is taken for one that
/// surely earns nothing. In a run of 400 messages with few payments the best arm was sent 8 times.
///
/// The prior of a Gaussian is worth one reward, drawn from all that the eligible arms have earned: their mean and variance,
/// with two degrees of freedom (*unit information*: R. E. Kass, L. Wasserman (1995), *A Reference Bayesian Test for Nested
/// Hypotheses*). That of a zero-inflated amount is Beta(1, 1) for the part that pays, and one payment of the mean size
/// of theirs. So it does not matter how wide the declared range is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum RewardLaw {
    /// The Beta posteriors that the bandit forms.
    #[default]
    Binary,
    /// Gaussian, of unknown mean and variance.
    Gaussian,
    /// Counts, of which `most` is the upper end of the declared range, which starts at 0.
    Poisson {
        /// The count scaled to 1, positive.
        most: f64,
    },
    /// Mostly 0, the lower end of the declared range, and else an amount.
    ZeroInflated {
        /// The coefficient of variation (standard deviation by mean) of the amounts other than 0, in [0.1, 10]. It
        /// matters little: see [`ZeroInflated`].
        variation: f64,
    },
}

impl RewardLaw {
    /// The law with its parameters checked.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] for a parameter that is out of its range.
    pub fn checked(self) -> Result<Self, ParameterError> {
        match self {
            Self::Binary | Self::Gaussian => {}
            Self::Poisson { most } => _ = positive("most", most)?,
            Self::ZeroInflated { variation } if (0.1..=10.0).contains(&variation) => {}
            Self::ZeroInflated { variation } => {
                return Err(ParameterError { name: "variation", value: variation, wanted: "from 0.1 to 10" });
            }
        }
        Ok(self)
    }

    /// The arms whose probability of being best is positive, ascending by position, with that probability; none if
    /// nothing tells the arms apart.
    pub(super) fn contenders(self, view: &View<'_>) -> Option<Vec<(u32, f64)>> {
        if let Some(linear) = view.linear() {
            let posteriors: Vec<Gaussian> = linear.iter().map(|belief| belief.gaussian()).collect();
            let alike = posteriors.iter().all(|posterior| *posterior == posteriors[0]);
            return (!alike).then(|| best::contenders_of_gaussians(&posteriors));
        }
        let arms = view.statistics();
        match self {
            Self::Binary => {
                let posteriors = view.posteriors();
                // Before the first outcome, and after equal ones, nothing need be computed or stored per arm.
                let alike = posteriors.iter().all(|posterior| *posterior == posteriors[0]);
                (!alike).then(|| best::contenders(posteriors))
            }
            Self::Gaussian => {
                let prior = unit_information(arms)?;
                best_of(arms.iter().map(|arm| prior.after(*arm).marginal()))
            }
            Self::Poisson { most } => {
                let prior = Gamma::new(1.0, 1.0).ok()?;
                best_of(arms.iter().map(|arm| prior.after(*arm, most)))
            }
            Self::ZeroInflated { variation } => {
                let paid: f64 = arms.iter().map(|arm| payments(*arm, variation)).sum();
                let sum: f64 = arms.iter().map(|arm| arm.sum()).sum();
                // Before the first payment any size will do.
                let amount = if paid > 0.0 { sum / paid } else { 1.0 };
                let prior = ZeroInflated::new(Beta::UNIFORM, amount, variation).ok()?;
                // Equal statistics have equal posteriors, which are not quick to make.
                if arms.iter().all(|arm| known(arm) == known(&arms[0])) {
                    return None;
                }
                best_of(arms.iter().map(|arm| prior.after(*arm).marginal()))
            }
        }
    }

    /// Whether an arm's probability has to do with its own counters and its rivals' strength only: see
    /// [`Policy::is_regular`](super::Policy::is_regular).
    pub(super) fn is_regular(self) -> bool {
        // The priors of the others come from whoever is eligible.
        matches!(self, Self::Binary | Self::Poisson { .. })
    }
}

/// What beliefs are formed from: all but the decisions whose outcome is not known.
fn known(arm: &ArmStatistics) -> [u64; 3] {
    let [_, returned, sum, squares] = arm.key();
    [returned, sum, squares]
}

/// The prior of one reward drawn from all; none as long as all were alike.
fn unit_information(arms: &[ArmStatistics]) -> Option<NormalInverseGamma> {
    let total = |of: fn(&ArmStatistics) -> f64| arms.iter().map(of).sum::<f64>();
    let rewards = total(|arm| arm.returned() as f64);
    if !(rewards > 0.0) {
        return None;
    }
    let mean = total(|arm| arm.sum()) / rewards;
    let variance = total(|arm| arm.sum_of_squares()) / rewards - mean * mean;
    // Below the spacing of the scaled rewards there is nothing to tell.
    if !(variance > 1e-14) {
        return None;
    }
    NormalInverseGamma::new(mean, 1.0, 1.0, variance).ok()
}

fn best_of<M: Marginal>(posteriors: impl Iterator<Item = M>) -> Option<Vec<(u32, f64)>> {
    let posteriors: Vec<M> = posteriors.collect();
    if posteriors.iter().all(|posterior| *posterior == posteriors[0]) {
        return None;
    }
    let shares = probability_best_of(&posteriors);
    Some((0..).zip(shares).filter(|&(_, share)| share > 0.0).collect())
}

impl fmt::Display for RewardLaw {
    /// As the options of a policy's name say it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Binary => f.write_str("binary"),
            Self::Gaussian => f.write_str("gaussian"),
            Self::Poisson { most } => write!(f, "poisson={most}"),
            Self::ZeroInflated { variation } => write!(f, "zero-inflated={variation}"),
        }
    }
}
