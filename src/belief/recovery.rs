//! Recovery: a message that was seen a short while ago is worth less, and how much less wears off.

use std::error::Error;
use std::fmt;

use super::Beta;

/// What a message loses by having been seen Δ ago: γ · 2^{−Δ/h}, in the [0, 1] of scaled rewards.
///
/// K. P. Yancey, B. Settles (2020), *A Sleeping, Recovering Bandit Algorithm for Optimizing Recurring Notifications*, with γ and h
/// fitted to a log (theirs: 0.017 and 15 days). There the penalty is taken from a score; here it shapes what is believed before
/// the first outcome, and outcomes have the last word. Recency is an attribute of the segments that the host fills, with a level
/// for each stretch of time, and of which message if some recover while others do not;
/// [`prior_by`](crate::BanditBuilder::prior_by) gives each its prior.
///
/// **When**: customers get one message after the other, and levels of recency would otherwise each have to learn from nothing.
/// **When not**: there are outcomes enough in each segment, or fatigue makes all messages worth less alike, which changes no choice.
///
/// ```
/// use tactful::belief::{Beta, Recovery};
/// use tactful::{ArmSpace, Bandit, Segments};
///
/// // Which template the customer has seen last, and how long ago; the middle of each stretch, in days.
/// let arms = ArmSpace::builder().dimension("template", ["friendly", "firm"]).build()?;
/// let segments = Segments::builder()
///     .attribute("seen", ["friendly", "firm"])
///     .attribute("ago", ["this week", "this month", "longer"])
///     .build()?;
/// let (recovery, rested) = (Recovery::new(0.02, 15.0)?, Beta::new(2.0, 48.0)?);
/// let bandit = Bandit::builder(arms, segments)
///     .prior_by(move |segment, arm| {
///         let levels: Vec<_> = segment.levels().map(|(_, level)| level).collect();
///         let days = match levels[1] {
///             "this week" => 3.5,
///             "this month" => 18.0,
///             _ => f64::INFINITY,
///         };
///         if levels[0] == arm.level("template") { recovery.prior(rested, days) } else { rested }
///     })
///     .build()?;
///
/// let segment = bandit.segment([("seen", "firm"), ("ago", "this week")])?;
/// let plan = bandit.plan(segment, &bandit.arms().all())?;
/// let firm = bandit.arms().find([("template", "firm")])?;
/// assert!(plan.propensity(firm) < 0.4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recovery {
    penalty: f64,
    half_life: f64,
}

/// A penalty that is not in [0, 1], or a half-life that is not a positive number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecoveryError {
    /// The penalty given.
    pub penalty: f64,
    /// The half-life given.
    pub half_life: f64,
}

impl fmt::Display for RecoveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { penalty, half_life } = self;
        write!(
            f,
            "a penalty of {penalty} in [0, 1] with a positive half-life of {half_life} is not to be had"
        )
    }
}

impl Error for RecoveryError {}

impl Recovery {
    /// A penalty right after the message, in [0, 1] of scaled rewards, and the time after which half of it is gone, in any unit.
    ///
    /// # Errors
    ///
    /// [`RecoveryError`] for numbers out of range.
    pub fn new(penalty: f64, half_life: f64) -> Result<Self, RecoveryError> {
        match (0.0..=1.0).contains(&penalty) && half_life > 0.0 && half_life.is_finite() {
            true => Ok(Self { penalty, half_life }),
            false => Err(RecoveryError { penalty, half_life }),
        }
    }

    /// What is left of the penalty after so much time, in the unit of the half-life; negative times count as 0.
    #[must_use]
    pub fn penalty(&self, elapsed: f64) -> f64 {
        self.penalty * libm::exp2(-elapsed.max(0.0) / self.half_life)
    }

    /// The prior of a message that was seen so long ago, given that of one that was not: of the same strength α + β, its mean
    /// less by the penalty, as far as [`Beta::MIN_SHAPE`] lets it.
    #[must_use]
    pub fn prior(&self, rested: Beta, elapsed: f64) -> Beta {
        let strength = rested.alpha + rested.beta;
        let alpha = (rested.alpha - strength * self.penalty(elapsed)).max(Beta::MIN_SHAPE);
        Beta { alpha, beta: (strength - alpha).min(Beta::MAX_SHAPE) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_is_gone_after_the_half_life() -> Result<(), Box<dyn Error>> {
        let recovery = Recovery::new(0.02, 15.0)?;
        for (days, left) in [(-1.0, 0.02), (0.0, 0.02), (15.0, 0.01), (30.0, 0.005), (f64::INFINITY, 0.0)] {
            assert!((recovery.penalty(days) - left).abs() < 1e-17, "after {days} days");
        }
        let rested = Beta::new(5.0, 95.0)?;
        assert_eq!(recovery.prior(rested, f64::INFINITY), rested);
        let tired = recovery.prior(rested, 0.0);
        assert!((tired.mean() - 0.03).abs() < 1e-15 && (tired.alpha() + tired.beta() - 100.0).abs() < 1e-12);
        let dead = Recovery::new(1.0, 1.0)?.prior(rested, 0.0);
        assert_eq!(Beta::new(dead.alpha(), dead.beta()), Ok(dead));
        for (penalty, half_life) in
            [(-0.1, 1.0), (f64::NAN, 1.0), (1.1, 1.0), (0.1, 0.0), (0.1, f64::NAN), (0.1, f64::INFINITY)]
        {
            assert!(Recovery::new(penalty, half_life).is_err());
        }
        Ok(())
    }
}
