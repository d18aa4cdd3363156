//! What was learnt of features, in a snapshot and back: by the names of arms, segments and features.

use std::collections::BTreeSet;

use crate::arm::ArmId;
use crate::features::Features;
use crate::segment::SegmentId;
use crate::snapshot::{ContextRecord, RestoreError, Snapshot};
use crate::statistics::{Products, triangle};

use super::Bandit;
use super::ancestor::Ancestor;
use super::contextual::Contextual;
use super::rewarding::SpaceError;

/// Sums by today's names.
pub(super) type Told = Vec<(SegmentId, ArmId, Products)>;

impl Bandit {
    pub(super) fn context_record(&self) -> Option<Box<ContextRecord>> {
        let contextual = self.contextual.as_deref()?;
        let mut cells = Vec::new();
        contextual.cells.each_touched(|segment, arm, sums| cells.push((segment.get(), arm.get(), sums)));
        Some(Box::new(ContextRecord { features: contextual.features.clone(), cells }))
    }

    /// The sums of a snapshot in today's names, those of its latest generation being known. What has no name today is left out, as is
    /// all where there are no features today.
    pub(super) fn read_context(&self, snapshot: &Snapshot, latest: &Ancestor) -> Result<Told, RestoreError> {
        let (Some(contextual), Some(record)) = (self.contextual.as_deref(), &snapshot.context) else {
            return Ok(Told::new());
        };
        let places = contextual.places(&record.features)?;
        let (mut seen, mut told) = (BTreeSet::new(), Told::new());
        for &(segment, arm, ref sums) in &record.cells {
            if !sums.is_possible(record.features.len() + 1) {
                return Err(RestoreError::Sums { segment, arm });
            }
            match latest.translate(SegmentId::new(segment), ArmId::new(arm)) {
                _ if !seen.insert((segment, arm)) => return Err(RestoreError::Cell { segment, arm }),
                Ok((segment, arm)) => {
                    told.push((segment, arm, moved(sums, &places, contextual.cells.dimensions())));
                }
                Err(SpaceError::Vanished { .. }) => {}
                Err(SpaceError::Unknown { .. }) => return Err(RestoreError::Cell { segment, arm }),
            }
        }
        Ok(told)
    }

    /// Adds sums to our own; the caller has made sure that they fit.
    pub(super) fn take_context_over(&mut self, told: Told) {
        let Some(contextual) = self.contextual.as_deref_mut() else { return };
        told.iter().for_each(|(segment, arm, sums)| contextual.cells.add(*segment, *arm, sums));
        contextual.forget_fits();
    }
}

impl Contextual {
    /// Where the constant and each feature of another declaration stand in ours, if anywhere.
    fn places(&self, theirs: &Features) -> Result<Vec<Option<usize>>, RestoreError> {
        let place = |feature| Ok(self.features.place_of(theirs, feature)?.map(|place| place + 1));
        let places = (0..theirs.len()).map(place);
        std::iter::once(Ok(Some(0))).chain(places).collect::<Result<_, _>>().map_err(RestoreError::Features)
    }
}

/// The sums with rows and columns in other places: a feature that went is left out; one that came counts as if it had been at its least.
fn moved(sums: &Products, places: &[Option<usize>], dimensions: usize) -> Products {
    let mut moved = Products { returned: sums.returned, squares: sums.squares, ..Products::new(dimensions) };
    for (row, place) in places.iter().enumerate() {
        let Some(to) = *place else { continue };
        moved.rewards[to] = sums.rewards[row];
        for (column, place) in places[..=row].iter().enumerate() {
            let Some(other) = *place else { continue };
            moved.products[triangle(to.max(other)) + to.min(other)] = sums.products[triangle(row) + column];
        }
    }
    moved
}
