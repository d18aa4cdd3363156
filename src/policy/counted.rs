//! What was counted of a view's arms: at hand, or read when a policy asks, since few ask where requests have features.

use std::cell::OnceCell;
use std::fmt;

use crate::statistics::ArmStatistics;

/// Counters, one for each arm of a view.
#[derive(Clone, Copy, Debug)]
pub(super) enum Counted<'a> {
    AtHand(&'a [ArmStatistics]),
    Unread(&'a Unread<'a>),
}

/// Counters that nobody has asked for yet.
pub(crate) struct Unread<'a> {
    read: &'a dyn Fn() -> Vec<ArmStatistics>,
    once: OnceCell<Vec<ArmStatistics>>,
}

impl<'a> Unread<'a> {
    /// Counters that are read like this, once at most.
    pub(crate) fn new(read: &'a dyn Fn() -> Vec<ArmStatistics>) -> Self {
        Self { read, once: OnceCell::new() }
    }
}

impl fmt::Debug for Unread<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Unread").field(&self.once.get()).finish()
    }
}

impl<'a> Counted<'a> {
    pub(super) fn each(self) -> &'a [ArmStatistics] {
        match self {
            Self::AtHand(statistics) => statistics,
            Self::Unread(unread) => unread.once.get_or_init(unread.read),
        }
    }
}
