//! Forgetting: how much an outcome counts by the age of its decision.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// How much a decision counts by its age in the host's time.
///
/// A weight on counters when beliefs are formed: the counters themselves forget nothing, so that the rule may be changed
/// at any time. Ages are told apart by buckets, weighted by their middle, and once they are 32 buckets old by wider ones,
/// up to a sixteenth of their age. So the weight by half-life is within 1.2 % of that of a fresh outcome, and half a bucket
/// of age, of the exact one; the edge of a sliding window is right to half a bucket, and beyond 32 buckets to 1/32 of its
/// length.
///
/// Forgetting costs what it forgets: what is remembered must suffice to tell the arms apart. In the simulated portfolio of
/// `examples/delays` (48 worlds, 4 segments, 32 arms, all tastes drawn anew on day 45, 4,000 messages a day) a half-life of 28
/// days lost 2.7 ± 0.2 points more of the payments to be had up to that day, and 8.6 ± 0.8 less from then to day 90. With 1,000
/// messages a day and half that half-life it lost 7.6 points more before, and won nothing after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Forgetting {
    /// All alike, however old.
    #[default]
    Never,
    /// Half as much after this time, a quarter after twice that: exponential discounting.
    HalfLife(Duration),
    /// Fully up to this age, not at all beyond: a sliding window. The bucket that is going on always counts. With
    /// [`Pending::ClosedOnly`](super::Pending::ClosedOnly) it must be longer than the attribution window, or nothing that
    /// is remembered is ever closed.
    Window(Duration),
}

/// A time of forgetting that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForgettingError {
    /// The rule given.
    pub forgetting: Forgetting,
}

impl fmt::Display for ForgettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: nothing would be remembered", self.forgetting)
    }
}

impl Error for ForgettingError {}

impl Forgetting {
    /// The rule, if something is remembered under it.
    pub(crate) fn checked(self) -> Result<Self, ForgettingError> {
        match self {
            Self::HalfLife(Duration::ZERO) | Self::Window(Duration::ZERO) => {
                Err(ForgettingError { forgetting: self })
            }
            _ => Ok(self),
        }
    }

    /// The weight, in [0, 1], of decisions of this age; `in_buckets` converts a time.
    pub(crate) fn weight(self, age: f64, in_buckets: impl Fn(Duration) -> f64) -> f64 {
        match self {
            Self::Never => 1.0,
            // Below 2⁻¹⁰⁷⁴ it is zero, and nothing else happens.
            Self::HalfLife(half) => libm::exp2(-age.max(0.0) / in_buckets(half)),
            // The middle of the bucket that is going on is up to half a bucket old: it counts, however short the window.
            Self::Window(length) if age <= in_buckets(length).max(0.5) => 1.0,
            Self::Window(_) => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_halve_or_end() {
        let days = |time: Duration| time.as_secs_f64() / 86_400.0;
        let week = Duration::from_secs(7 * 86_400);
        for (rule, age, weight) in [
            (Forgetting::Never, 1e9, 1.0),
            (Forgetting::HalfLife(week), 0.0, 1.0),
            (Forgetting::HalfLife(week), 7.0, 0.5),
            (Forgetting::HalfLife(week), 21.0, 0.125),
            (Forgetting::HalfLife(week), 1e9, 0.0),
            (Forgetting::Window(week), 7.0, 1.0),
            (Forgetting::Window(week), 7.01, 0.0),
            (Forgetting::Window(week / 7 / 24), 0.5, 1.0),
            (Forgetting::Window(week / 7 / 24), 0.51, 0.0),
        ] {
            assert!((rule.weight(age, days) - weight).abs() < 1e-15, "{rule:?} at {age}");
        }
        assert!(Forgetting::HalfLife(Duration::ZERO).checked().is_err());
    }
}
