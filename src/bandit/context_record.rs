//! What was learnt of features, in a snapshot and back: by the names of arms, segments and features.

use std::collections::BTreeSet;

use crate::arm::ArmId;
use crate::decision::Issuer;
use crate::features::Features;
use crate::segment::SegmentId;
use crate::snapshot::{ContextRecord, FeaturedCells, FeaturedPlace, Place, RestoreError, Snapshot};
use crate::statistics::{CohortId, Entry, Featured, Products, State, triangle};

use super::Bandit;
use super::ancestor::Ancestor;
use super::contextual::Contextual;
use super::restoring::Estate;
use super::rewarding::SpaceError;

/// Sums by today's names.
type Told = Vec<(SegmentId, ArmId, Products)>;

impl Contextual {
    /// What a snapshot tells where there is no window.
    pub(super) fn record(&self) -> ContextRecord {
        let mut cells = FeaturedCells::new();
        self.cells.each_touched(|segment, arm, sums| cells.push((segment.get(), arm.get(), sums)));
        ContextRecord { features: self.features.clone(), cells, places: Vec::new() }
    }

    /// What it tells where there is one: of the same state as all that is counted.
    pub(super) fn record_of(&self, state: &State) -> ContextRecord {
        let mut places = Vec::new();
        let mut tell = |place, cells: FeaturedCells| {
            if !cells.is_empty() {
                places.push(FeaturedPlace { place, cells });
            }
        };
        for layer in state.history.layers() {
            let (first, last) = layer.buckets;
            let cells = layer.featured.each();
            let cells = cells.map(|(segment, arm, sums)| (segment.get(), arm.get(), sums.clone()));
            tell(Place::Layer { first, last }, cells.collect());
        }
        for entry in &state.open {
            let mut cells = FeaturedCells::new();
            if let Some(products) = &entry.products {
                products.each_touched(|segment, arm, sums| {
                    if !sums.is_empty() {
                        cells.push((segment.get(), arm.get(), sums));
                    }
                });
            }
            tell(place_of(entry), cells);
        }
        ContextRecord { features: self.features.clone(), cells: FeaturedCells::new(), places }
    }

    /// Where the constant and each feature of another declaration stand in ours, if anywhere.
    fn places(&self, theirs: &Features) -> Result<Vec<Option<usize>>, RestoreError> {
        let place = |feature| Ok(self.features.place_of(theirs, feature)?.map(|place| place + 1));
        let places = (0..theirs.len()).map(place);
        std::iter::once(Ok(Some(0))).chain(places).collect::<Result<_, _>>().map_err(RestoreError::Features)
    }
}

impl Bandit {
    /// Adds the sums of a snapshot, in today's names, to what else it has left, the names of its latest generation being known. What
    /// has no name today is left out, as is all where there are no features today.
    pub(super) fn read_context(&self, snapshot: &Snapshot, estate: &mut Estate) -> Result<(), RestoreError> {
        let (Some(contextual), Some(record)) = (self.contextual.as_deref(), &snapshot.context) else {
            return Ok(());
        };
        let places = contextual.places(&record.features)?;
        if self.waiting.is_some() && !record.cells.is_empty() {
            return Err(RestoreError::Place { place: format!("{:?}", Place::Endless) });
        }
        for (segment, arm, sums) in told(contextual, &places, &record.cells, &estate.ancestors[0], false)? {
            estate.endless.featured.add(segment, arm, &sums);
        }
        let mut seen = BTreeSet::new();
        for FeaturedPlace { place, cells } in &record.places {
            let impossible = || RestoreError::Place { place: format!("{place:?}") };
            if !seen.insert(*place) {
                return Err(impossible());
            }
            let sums = told(contextual, &places, cells, &estate.ancestors[0], true)?;
            if !sums.is_empty() && !estate.furnish(*place, &sums) {
                return Err(impossible());
            }
        }
        Ok(())
    }

    /// Adds sums to our own; the caller has made sure that they fit.
    pub(super) fn take_features_over(&mut self, featured: &Featured) {
        let Some(contextual) = self.contextual.as_deref_mut() else { return };
        featured.each().for_each(|(segment, arm, sums)| contextual.cells.add(segment, arm, sums));
        contextual.forget_fits();
    }
}

impl Estate {
    /// Adds sums to what was counted at a place; whether anything was.
    fn furnish(&mut self, place: Place, told: &Told) -> bool {
        if let Place::Layer { first, last } = place {
            let Some(layer) = self.layers.iter_mut().find(|layer| layer.buckets == (first, last)) else {
                return false;
            };
            told.iter().for_each(|(segment, arm, sums)| layer.featured.add(*segment, *arm, sums));
            return true;
        }
        let entry = self.entries.iter().find(|entry| place_of(entry) == place);
        let Some(products) = entry.and_then(|entry| entry.products.as_ref()) else { return false };
        told.iter().for_each(|(segment, arm, sums)| products.add(*segment, *arm, sums));
        true
    }
}

/// Where the sums of a cohort that is open are counted.
fn place_of(entry: &Entry) -> Place {
    let (Issuer { replica, incarnation }, cohort) = (entry.issuer, entry.id);
    Place::Cohort { replica, incarnation, cohort: CohortId::get(cohort) }
}

/// Sums by the names of then, checked, in today's. Only differences from a default reward may be negative.
fn told(
    contextual: &Contextual,
    places: &[Option<usize>],
    cells: &FeaturedCells,
    latest: &Ancestor,
    differences: bool,
) -> Result<Told, RestoreError> {
    let (mut seen, mut told) = (BTreeSet::new(), Told::new());
    for &(segment, arm, ref sums) in cells {
        if !sums.is_possible(places.len(), differences) {
            return Err(RestoreError::Sums { segment, arm });
        }
        match latest.translate(SegmentId::new(segment), ArmId::new(arm)) {
            _ if !seen.insert((segment, arm)) => return Err(RestoreError::Cell { segment, arm }),
            Ok((segment, arm)) => {
                told.push((segment, arm, moved(sums, places, contextual.cells.dimensions())));
            }
            Err(SpaceError::Vanished { .. }) => {}
            Err(SpaceError::Unknown { .. }) => return Err(RestoreError::Cell { segment, arm }),
        }
    }
    Ok(told)
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
