//! A bandit without the feature `journal`: nothing is recorded.

use std::marker::PhantomData;

use crate::arm::Eligibility;
use crate::decision::Decision;
use crate::reward::{Outcome, Reward};
use crate::time::Timestamp;

use super::Bandit;

/// No place in no journal.
#[derive(Debug)]
pub(super) struct Place<'a>(PhantomData<&'a ()>);

/// What cannot happen.
pub(super) enum Never {}

impl Place<'_> {
    #[inline]
    pub(super) fn taken(self) -> Option<Never> {
        None
    }
}

impl Never {
    pub(super) fn decision(self, _: &Bandit, _: &Decision, _: &Eligibility) {
        match self {}
    }

    pub(super) fn outcome(self, _: Timestamp, _: &Decision, _: Reward) {
        match self {}
    }

    pub(super) fn stage(self, _: Timestamp, _: &Decision, _: &Outcome) {
        match self {}
    }

    pub(super) fn cancel(self, _: Timestamp, _: &Decision) {
        match self {}
    }
}

impl Bandit {
    pub(super) fn is_durable_so_far(&self) -> bool {
        true
    }

    #[inline]
    pub(super) fn reserve(&self) -> Result<Place<'_>, Never> {
        Ok(Place(PhantomData))
    }
}
