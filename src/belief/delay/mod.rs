//! How late outcomes are: the law of the delay of a conversion, learnt while most of them are still to come.
//!
//! Time goes in buckets. A decision belongs to the *cohort* of the bucket it was issued in; a conversion that arrives
//! δ buckets later (bucket of arrival less bucket of issue) has the *delay* δ = 0, 1, …, W − 1, where W buckets are the
//! attribution window. Everything here is about conversions that come within the window; whatever would come later is a
//! failure by definition.
//!
//! In the midst of bucket n the cohort c has been watched for the delays δ < n − c from end to end: it *covers* n − c
//! delays (at most W). Delay n − c is going on, and what was seen of it is not used. So a conversion is seen only if its
//! delay is less than its cohort covers; late ones are under-represented, and the plain histogram would say that
//! everybody answers fast. This is right truncation:
//!
//! - [`DelayCounts`] holds conversions by cohort and delay: integers, added and merged in any order.
//! - [`DelayEstimate`] is the product-limit estimator for them, leaning on a reference law where they say little.
//! - [`WeibullDelay`] is the parametric law, the exponential included, fitted by maximum likelihood.
//! - [`DelayLaw`] is what comes of either: the share of conversions that has arrived by an age.
//! - [`CorrectedTrials`] uses it: a decision of age a counts F(a) of a trial.
//!
//! ```
//! use tactful::belief::delay::{CorrectedTrials, DelayCounts};
//!
//! let mut counts = DelayCounts::new(4)?; // a window of four days, say
//! for (cohort, delay, conversions) in [(0, 0, 40), (0, 1, 30), (0, 2, 20), (0, 3, 10), (3, 0, 40), (3, 1, 30)] {
//!     counts.add(cohort, delay, conversions)?;
//! }
//! let estimate = counts.estimate(5); // in the midst of bucket 5: cohort 0 covers all, cohort 3 the delays 0 and 1
//! assert!((estimate.law().cdf(2.0) - 0.7).abs() < 0.02);
//!
//! let mut trials = CorrectedTrials::default();
//! trials.add(1000.0, 100.0, estimate.law().cdf(4.0)); // cohort 0: the window is over
//! trials.add(1000.0, 70.0, estimate.law().cdf(2.0)); // cohort 3: seven in ten have come
//! assert!((trials.rate().unwrap_or(0.0) - 0.1).abs() < 0.001);
//! # Ok::<(), tactful::belief::delay::DelayError>(())
//! ```

mod counts;
mod estimate;
mod fit;
mod law;
mod trials;
mod weibull;

pub use counts::DelayCounts;
pub use estimate::DelayEstimate;
pub use law::DelayLaw;
pub use trials::CorrectedTrials;
pub use weibull::WeibullDelay;

use std::error::Error;
use std::fmt;

/// What is wrong with a number that describes delays.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum DelayError {
    /// A window of no buckets, or of more than [`DelayCounts::MAX_WINDOW`].
    Window {
        /// Its length in buckets.
        window: u32,
    },
    /// A delay outside the window.
    BeyondWindow {
        /// The delay in buckets, from 0.
        delay: u32,
        /// The length of the window in buckets.
        window: u32,
    },
    /// Two things with different windows.
    DifferentWindows {
        /// The window of the one, in buckets.
        window: u32,
        /// The window of the other.
        other: u32,
    },
    /// The weight of a reference law is negative, infinite or not a number.
    Strength {
        /// The weight given.
        strength: f64,
    },
    /// The scale of a law is not a number in [[`WeibullDelay::MIN_SCALE`], [`WeibullDelay::MAX_SCALE`]].
    Scale {
        /// The scale given, in buckets.
        scale: f64,
    },
    /// The shape of a law is not a number in [[`WeibullDelay::MIN_SHAPE`], [`WeibullDelay::MAX_SHAPE`]].
    Shape {
        /// The shape given.
        shape: f64,
    },
}

impl fmt::Display for DelayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Window { window } => {
                write!(f, "a window of {window} buckets; there must be 1 to {}", DelayCounts::MAX_WINDOW)
            }
            Self::BeyondWindow { delay, window } => {
                write!(f, "a delay of {delay} buckets is not within a window of {window}")
            }
            Self::DifferentWindows { window, other } => {
                write!(f, "a window of {window} buckets and one of {other}")
            }
            Self::Strength { strength } => {
                write!(f, "a reference law worth {strength:e} conversions; it must be finite and >= 0")
            }
            Self::Scale { scale } => {
                let (least, greatest) = (WeibullDelay::MIN_SCALE, WeibullDelay::MAX_SCALE);
                write!(f, "scale is {scale:e}, not a number from {least} to {greatest}")
            }
            Self::Shape { shape } => {
                let (least, greatest) = (WeibullDelay::MIN_SHAPE, WeibullDelay::MAX_SHAPE);
                write!(f, "shape is {shape:e}, not a number from {least} to {greatest}")
            }
        }
    }
}

impl Error for DelayError {}
