//! Live insight: what works, what fails, and who paid when.
//!
//! A [`Report`] tells by segment and arm what was sent, what is still waiting, what was paid, the mean with an interval
//! that holds however often one looks, how likely the arm is the best, what it costs to be wrong about it, and whether its
//! rate has changed. It is plain data: [`Display`](std::fmt::Display) makes a table of it, serde a document.
//!
//! ```
//! use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
//! use tactful::{ArmSpace, Bandit, Reward, Segments, insight::Insight};
//!
//! let arms = ArmSpace::builder().dimension("template", ["friendly", "firm"]).build()?;
//! let bandit = Bandit::builder(arms, Segments::single()).build()?;
//! let everyone = bandit.segment([("", ""); 0])?;
//! let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
//! for number in 0..2000 {
//!     let decision = bandit.select(everyone, &bandit.arms().all(), &mut rng)?;
//!     let firm = decision.arm().index() == 1;
//!     bandit.reward(&decision, Reward::from(number % (if firm { 5 } else { 20 }) == 0))?;
//! }
//! let report = bandit.report();
//! let segment = &report.segments[0];
//! assert_eq!(segment.leader.as_deref(), Some("firm"));
//! assert!(segment.arms.iter().all(|arm| arm.interval.0 <= arm.mean.unwrap()));
//! println!("{report}");
//!
//! // Nothing works if even the best pays less often than this.
//! let report = Insight::default().threshold(0.8).of_bandit(&bandit);
//! assert!(report.segments[0].nothing_works);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod counts;
mod display;
#[cfg(feature = "journal")]
mod from_journal;
mod from_snapshot;
mod judging;
mod report;

#[cfg(feature = "journal")]
pub use from_journal::InsightError;
pub use report::{Alarm, ArmReport, DelayCurve, Period, Report, SegmentReport};

use crate::bandit::Bandit;
use crate::snapshot::{RestoreError, Snapshot};

/// How a report is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Insight {
    confidence: f64,
    threshold: Option<f64>,
    false_alarms: f64,
}

impl Default for Insight {
    /// 95 % confidence; false alarms in at most 5 % of all portfolios, ever; no threshold.
    fn default() -> Self {
        Self { confidence: 0.95, threshold: None, false_alarms: 0.05 }
    }
}

impl Insight {
    /// The mean reward, in the unit of the rewards, below which an arm does not work.
    #[must_use]
    pub fn threshold(mut self, mean: f64) -> Self {
        self.threshold = Some(mean);
        self
    }

    /// This confidence, between 0 and 1, instead of 0.95. Of anything else intervals say nothing.
    #[must_use]
    pub fn confidence(mut self, confidence: f64) -> Self {
        self.confidence = confidence;
        self
    }

    /// The probability that any arm of any segment ever raises a false alarm, however often one looks.
    #[must_use]
    pub fn false_alarms(mut self, probability: f64) -> Self {
        self.false_alarms = probability;
        self
    }

    /// What a running bandit has learnt, with its own beliefs (prior, forgetting, correction for delay).
    #[must_use]
    pub fn of_bandit(&self, bandit: &Bandit) -> Report {
        let Ok(counts) = counts::Counts::of_snapshot(&bandit.snapshot()) else {
            unreachable!("of this release, with the names of the bandit")
        };
        judging::judge(self, counts, |segment, arm, _| bandit.posterior(segment, arm))
    }

    /// What a snapshot tells. Beliefs are those of a uniform prior after what is settled.
    ///
    /// # Errors
    ///
    /// [`RestoreError`] for a snapshot of another release, or without names.
    pub fn of_snapshot(&self, snapshot: &Snapshot) -> Result<Report, RestoreError> {
        Ok(judging::judge(self, counts::Counts::of_snapshot(snapshot)?, judging::plain))
    }
}

impl Bandit {
    /// What works, what fails and who paid when; [`Insight`] has settings. Takes as long as a snapshot, and nobody waits.
    #[must_use]
    pub fn report(&self) -> Report {
        Insight::default().of_bandit(self)
    }
}
