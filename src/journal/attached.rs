//! What an event carries beside its words: a set of arms that the file may not name yet, the features of a request.

use crate::arm::Eligibility;
use crate::features::Quantised;

/// Attached to an event in the queue, at the price of an allocation.
#[derive(Debug)]
pub(super) struct Attached {
    pub(super) set: Option<Eligibility>,
    pub(super) features: Quantised,
}

impl Attached {
    /// What is to be attached; nothing where there is nothing.
    #[inline]
    pub(super) fn of(set: Option<&Eligibility>, features: Quantised) -> Option<Self> {
        (set.is_some() || !features.is_none()).then(|| Self { set: set.cloned(), features })
    }
}
