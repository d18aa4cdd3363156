//! When a plan is due for replacement.

use std::error::Error;
use std::fmt;

/// How much must happen in a segment before its plans are computed again.
///
/// Events are outcomes; for policies that count selections, selections too. Batched Thompson sampling loses almost
/// nothing by a plan that is a little old, so the default lets the wait grow with what is known: a run of n
/// events makes O(log n) plans.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cadence(Rule);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Rule {
    Default,
    Growth(f64),
    Every(u64),
}

/// A growth that is not a number from 0 up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CadenceError {
    /// The growth given.
    pub growth: f64,
}

impl fmt::Display for CadenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a refresh at growth {} is not possible, it must be a finite number from 0", self.growth)
    }
}

impl Error for CadenceError {}

impl Default for Cadence {
    /// Growth of 1 %, and of 5 % where more than 1,024 arms are eligible.
    fn default() -> Self {
        Self(Rule::Default)
    }
}

impl Cadence {
    /// A plan at every event: the textbook's sequential policies.
    pub const EVERY_EVENT: Self = Self(Rule::Every(1));

    /// A plan every so many events; 0 counts as 1.
    #[must_use]
    pub const fn every(events: u64) -> Self {
        Self(Rule::Every(events))
    }

    /// A plan whenever the events since the last one reach this fraction of those before, and at least one for
    /// each 256 eligible arms.
    ///
    /// # Errors
    ///
    /// [`CadenceError`] for NaN, infinities and negative numbers.
    pub fn growth(growth: f64) -> Result<Self, CadenceError> {
        if growth >= 0.0 && growth.is_finite() {
            Ok(Self(Rule::Growth(growth)))
        } else {
            Err(CadenceError { growth })
        }
    }

    /// The number of events of its segment at which a plan made after so many of them is due, given how many its arms
    /// are known by; `None` is a policy that observes nothing.
    ///
    /// What is known is counted as the segment's where that is more: else a set of arms that are seldom tried would be due
    /// at every event of the others.
    pub(crate) fn due_at(self, events: u64, known: Option<u64>, arms: usize) -> u64 {
        match known {
            Some(known) => events.saturating_add(self.wait(known.max(events), arms)),
            None => u64::MAX,
        }
    }

    /// How many events to wait, given how many are known and how many arms are eligible. At least one.
    fn wait(self, known: u64, arms: usize) -> u64 {
        let growth = match self.0 {
            Rule::Every(events) => return events.max(1),
            Rule::Growth(growth) => growth,
            Rule::Default if arms > 1024 => 0.05,
            Rule::Default => 0.01,
        };
        // The cast saturates: a wait beyond 2⁶⁴ is for ever.
        ((growth * known as f64) as u64).max(arms as u64 / 256).max(1)
    }
}
