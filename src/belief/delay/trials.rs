//! The corrected statistic: a decision of age a, converted or not, counts F(a) of a trial.

/// Successes S and trials ΣF, where each decision counts the share of conversions that has arrived by its age.
///
/// The rate S / ΣF is the estimator of maximum likelihood to first order in the rate, and unbiased if F is the truth
/// (Chapelle 2014, "Modeling delayed feedback in display advertising"; Vernade, Cappé, Perchet 2017, "Stochastic bandit
/// models for delayed conversions"). Decisions whose window is over count 1, so with nothing open it is the plain rate.
///
/// Sums are of `f64`: for equal bits, add cohorts in one order.
///
/// ```
/// use tactful::belief::delay::{CorrectedTrials, WeibullDelay};
///
/// let delay = WeibullDelay::exponential(5.0)?;
/// let mut trials = CorrectedTrials::default();
/// for (age, conversions) in [(0.5, 0.0), (2.0, 1.0), (10.0, 1.0), (30.0, 0.0)] {
///     trials.add(1.0, conversions, delay.cdf(age));
/// }
/// assert!((trials.trials() - 2.287028501).abs() < 1e-9);
/// assert!((trials.rate().unwrap_or(0.0) - 0.874497191).abs() < 1e-9);
/// # Ok::<(), tactful::belief::delay::DelayError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CorrectedTrials {
    successes: f64,
    trials: f64,
}

impl CorrectedTrials {
    /// Adds decisions of one age: how many, how much they have earned so far, and the share of conversions that has
    /// arrived by that age.
    ///
    /// # Panics
    ///
    /// In builds with debug assertions, unless all three are finite and not negative and the share at most 1.
    #[inline]
    pub fn add(&mut self, decisions: f64, earned: f64, share: f64) {
        debug_assert!(decisions >= 0.0 && decisions.is_finite(), "{decisions} decisions");
        debug_assert!(earned >= 0.0 && earned.is_finite(), "{earned} earned");
        debug_assert!((0.0..=1.0).contains(&share), "a share of {share}");
        self.successes += earned;
        self.trials += decisions * share;
    }

    /// S: conversions so far (or the sum of scaled rewards).
    #[must_use]
    pub fn successes(&self) -> f64 {
        self.successes
    }

    /// ΣF: how many trials the decisions are worth so far.
    #[must_use]
    pub fn trials(&self) -> f64 {
        self.trials
    }

    /// max(0, ΣF − S): what a posterior of the rate takes as failures.
    #[must_use]
    pub fn failures(&self) -> f64 {
        (self.trials - self.successes).max(0.0)
    }

    /// S / ΣF, or `None` where nothing counts yet. By chance it can be above 1 while decisions are young.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        let rate = self.successes / self.trials;
        rate.is_finite().then_some(rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_never_negative() {
        let mut trials = CorrectedTrials::default();
        assert_eq!(trials.rate(), None);
        trials.add(3.0, 1.0, 0.25);
        assert_eq!((trials.successes(), trials.trials(), trials.failures()), (1.0, 0.75, 0.0));
        trials.add(2.0, 0.0, 1.0);
        assert_eq!((trials.failures(), trials.rate()), (1.75, Some(1.0 / 2.75)));
    }
}
