//! Inheriting counters: what a snapshot has counted by the names of its build, translated to today's.

use std::collections::BTreeSet;

use crate::arm::ArmId;
use crate::decision::Issuer;
use crate::reward::RewardKind;
use crate::segment::SegmentId;
use crate::snapshot::{Cells, Generation, Place, RestoreError};
use crate::statistics::{ArmStatistics, CohortId, Defaults, Entry, StatisticsError};

use super::Bandit;
use super::ancestor::Ancestor;
use super::restoring::{Counted, GoalsCounted, Lives};
use super::rewarding::SpaceError;

impl Bandit {
    /// Adds a generation's counters to those of today's names; what has no name today stays with the ancestor.
    pub(super) fn inherit(
        &self,
        generation: &Generation,
        now: u32,
        lives: &Lives<'_>,
        counted: &mut Counted,
    ) -> Result<Ancestor, RestoreError> {
        let last = generation.last.unwrap_or(now);
        let mut ancestor = Ancestor::new(&generation.arms, &generation.segments, last, self);
        let mut places = BTreeSet::new();
        let endless = (Place::Endless, &generation.cells);
        let others = generation.places.iter().map(|record| (record.place, &record.cells));
        for (place, cells) in std::iter::once(endless).chain(others).filter(|(_, cells)| !cells.is_empty()) {
            self.check_place(place, lives)?;
            if !places.insert(place) {
                return Err(RestoreError::Place { place: format!("{place:?}") });
            }
            self.inherit_cells(&mut ancestor, place, cells, counted)?;
        }
        Ok(ancestor)
    }

    fn inherit_cells(
        &self,
        ancestor: &mut Ancestor,
        place: Place,
        cells: &Cells,
        counted: &mut Counted,
    ) -> Result<(), RestoreError> {
        let mut seen = BTreeSet::new();
        for &(segment, arm, statistics) in cells {
            let fault = |error| RestoreError::Statistics { segment, arm, error };
            if self.reward == RewardKind::Binary && !statistics.is_binary() {
                return Err(fault(StatisticsError::Inconsistent { statistics }));
            }
            let statistics = self.checked(place, statistics).map_err(fault)?;
            let at = (SegmentId::new(segment), ArmId::new(arm));
            match ancestor.translate(at.0, at.1) {
                _ if !seen.insert((segment, arm)) => return Err(RestoreError::Cell { segment, arm }),
                Ok((now_segment, now_arm)) => {
                    let sum = counted.entry((place, now_segment, now_arm)).or_default();
                    let merged = sum.merge(statistics).map_err(fault)?;
                    *sum = self.checked(place, merged).map_err(fault)?;
                }
                Err(SpaceError::Vanished { .. }) => {
                    ancestor.cells.entry(place).or_default().insert(at, statistics);
                }
                Err(SpaceError::Unknown { .. }) => return Err(RestoreError::Cell { segment, arm }),
            }
        }
        Ok(())
    }

    /// Counters, if the cells at that place can hold them.
    pub(super) fn checked(
        &self,
        place: Place,
        statistics: ArmStatistics,
    ) -> Result<ArmStatistics, StatisticsError> {
        let statistics = statistics.checked()?;
        let impossible = match (place, &self.waiting) {
            (Place::Layer { .. }, _) => statistics.issued() != statistics.returned(),
            (Place::Cohort { .. }, Some(waiting)) => {
                if statistics.issued() > Entry::MAX_COUNT {
                    return Err(StatisticsError::TooMany { count: statistics.issued() });
                }
                // Of yes-or-no outcomes only those count that are not the default.
                let failures = matches!(waiting.defaults(), Defaults::Alike(default) if default.get() == 0);
                let other = if failures { statistics.returned() } else { 0 };
                self.reward == RewardKind::Binary && statistics != statistics.with_sum(other)
            }
            _ => false,
        };
        if impossible { Err(StatisticsError::Inconsistent { statistics }) } else { Ok(statistics) }
    }

    /// Whether there can be counters at a place.
    fn check_place(&self, place: Place, lives: &Lives<'_>) -> Result<(), RestoreError> {
        let possible = match place {
            Place::Endless => self.waiting.is_none(),
            Place::Layer { first, last } => self.waiting.is_some() && first <= last,
            Place::Cohort { replica, incarnation, cohort } => {
                let issuer = Issuer { replica, incarnation };
                self.waiting.is_some() && lives.contains_key(&(issuer, CohortId::new(cohort)))
            }
        };
        if possible { Ok(()) } else { Err(RestoreError::Place { place: format!("{place:?}") }) }
    }
}

/// The counters of all generations by a goal, of this number there, by today's names.
pub(super) fn inherit_goal(
    ancestors: &[Ancestor],
    generations: &[Generation],
    told: Option<usize>,
) -> Result<Counted, RestoreError> {
    let mut counted = Counted::new();
    let Some(told) = told else { return Ok(counted) };
    let places = ancestors.iter().zip(generations);
    let places = places.flat_map(|(ancestor, then)| then.places.iter().map(move |place| (ancestor, place)));
    for (ancestor, record) in places {
        let mut seen = BTreeSet::new();
        for &(segment, arm, statistics) in record.goals.get(told).into_iter().flatten() {
            let fault = |error| RestoreError::Statistics { segment, arm, error };
            let statistics = statistics.checked().map_err(fault)?;
            match ancestor.translate(SegmentId::new(segment), ArmId::new(arm)) {
                _ if !seen.insert((segment, arm)) => return Err(RestoreError::Cell { segment, arm }),
                Ok((now_segment, now_arm)) => {
                    let sum = counted.entry((record.place, now_segment, now_arm)).or_default();
                    *sum = sum.merge(statistics).map_err(fault)?;
                }
                Err(SpaceError::Vanished { .. }) => {}
                Err(SpaceError::Unknown { .. }) => return Err(RestoreError::Cell { segment, arm }),
            }
        }
    }
    Ok(counted)
}

/// Whether by no goal more was counted than by the first, and nothing of an open window in what is closed.
pub(super) fn check_goals(counted: &Counted, goals: &GoalsCounted) -> Result<(), RestoreError> {
    for (at, &statistics) in goals.iter().flatten() {
        let first = counted.get(at).copied().unwrap_or_default();
        let closed = matches!(at.0, Place::Layer { .. });
        let possible = statistics.issued() <= first.issued()
            && statistics.returned() <= first.returned()
            && !(closed && statistics.issued() != statistics.returned());
        if !possible {
            let (segment, arm) = (at.1.get(), at.2.get());
            let error = StatisticsError::Inconsistent { statistics };
            return Err(RestoreError::Statistics { segment, arm, error });
        }
    }
    Ok(())
}
