//! Strips: tried cells that differ in their last dimension only, side by side, so that passes over them are vector code.

use super::cells::Cells;
use super::tables::{Kind, Tables};

/// The cells in strips, in slots that are numbered strip by strip. Of a strip at least a third of whose cells were tried, the others
/// have slots too, in which nothing was tried: to go along it without looking levels up is quicker.
#[derive(Clone, Debug)]
pub(super) struct Strips {
    /// Levels in the last dimension.
    pub(super) width: usize,
    pub(super) strips: Vec<Strip>,
    /// The slot of each cell.
    pub(super) slots: Vec<u32>,
    /// Level of each slot in the last dimension.
    last: Vec<u32>,
    /// 0 for each strip: where the entries of a table begin that all strips have in common.
    pub(super) common: Vec<u32>,
}

/// The slots of a strip.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strip {
    pub(super) from: usize,
    pub(super) to: usize,
    /// One of its cells; the others differ from it in the last dimension only.
    pub(super) cell: usize,
    /// Whether each level of the last dimension has a slot.
    whole: bool,
}

/// A strip is filled up if so many times its cells are all that it could have.
const FILLED: usize = 3;

/// The entries of slots in a table.
#[derive(Clone, Debug)]
pub(super) enum Layout {
    /// One for each strip.
    Same(Vec<u32>),
    /// One after the other in the order of the last dimension, for each strip from here on.
    Along(Vec<u32>),
    /// One for each slot.
    Each(Vec<u32>),
}

impl Strips {
    pub(super) fn of(cells: &Cells) -> Self {
        let dimension = cells.factors().dimensions() - 1;
        let width = cells.factors().sizes()[dimension];
        let follows = |cell: usize| {
            let (before, own) = (cells.levels(cell - 1), cells.levels(cell));
            let differs = |factor: usize| before[factor] != own[factor];
            !(0..own.len()).any(|factor| factor != dimension && differs(factor))
                && before[dimension] < own[dimension]
        };
        let (mut strips, mut last): (Vec<Strip>, Vec<u32>) = (Vec::new(), Vec::new());
        let mut slots = Vec::with_capacity(cells.len());
        let mut cell = 0;
        while cell < cells.len() {
            let mut end = cell + 1;
            while end < cells.len() && follows(end) {
                end += 1;
            }
            let from = last.len();
            let levels = (cell..end).map(|cell| cells.levels(cell)[dimension]);
            let whole = (end - cell) * FILLED >= width;
            if whole {
                slots.extend(levels.map(|level| from as u32 + level));
                last.extend(0..width as u32);
            } else {
                slots.extend(from as u32..(from + end - cell) as u32);
                last.extend(levels);
            }
            strips.push(Strip { from, to: last.len(), cell, whole });
            cell = end;
        }
        let common = vec![0; strips.len()];
        Self { width, strips, slots, last, common }
    }

    /// How many slots there are.
    pub(super) fn len(&self) -> usize {
        self.last.len()
    }

    /// Entries of the slots in each of the tables that are not joint.
    pub(super) fn layouts(&self, cells: &Cells, tables: &Tables) -> Vec<Layout> {
        let dimension = cells.factors().dimensions() - 1;
        let layout = |table: &super::tables::Table| {
            let of_strip = |strip: &Strip| table.entry[strip.cell];
            match table.kind {
                Kind::Main(factor) if factor == dimension => Layout::Along(self.common.clone()),
                // The last dimension runs fastest.
                Kind::Pair(_, second) if second == dimension => Layout::Along(
                    self.strips
                        .iter()
                        .map(|strip| table.entry[strip.cell] - cells.levels(strip.cell)[dimension])
                        .collect(),
                ),
                Kind::Main(_) => Layout::Same(self.strips.iter().map(of_strip).collect()),
                Kind::Pair(first, _) if first != dimension => {
                    Layout::Same(self.strips.iter().map(of_strip).collect())
                }
                Kind::Pair(..) | Kind::Arm => {
                    let mut entries = vec![0; self.len()];
                    self.slots
                        .iter()
                        .zip(&table.entry)
                        .for_each(|(&slot, &entry)| entries[slot as usize] = entry);
                    Layout::Each(entries)
                }
            }
        };
        tables.others.iter().map(layout).collect()
    }

    /// Adds entries of a table to slots: those of each strip from here on.
    pub(super) fn add(&self, table: &[f64], from: &[u32], slots: &mut [f64]) {
        for (strip, &from) in self.strips.iter().zip(from) {
            let (table, slots) = (self.along(table, from), &mut slots[strip.from..strip.to]);
            if strip.whole {
                slots.iter_mut().zip(table).for_each(|(slot, entry)| *slot += entry);
            } else {
                let levels = &self.last[strip.from..strip.to];
                slots.iter_mut().zip(levels).for_each(|(slot, &level)| *slot += table[level as usize]);
            }
        }
    }

    /// Adds slots to entries of a table: those of each strip from here on.
    pub(super) fn gather(&self, slots: &[f64], table: &mut [f64], from: &[u32]) {
        for (strip, &from) in from.iter().enumerate() {
            self.gather_strip(strip, slots, &mut table[from as usize..]);
        }
    }

    /// Adds the slots of a strip to entries of a table.
    #[inline]
    pub(super) fn gather_strip(&self, strip: usize, slots: &[f64], table: &mut [f64]) {
        let strip = &self.strips[strip];
        let (table, slots) = (&mut table[..self.width], &slots[strip.from..strip.to]);
        if strip.whole {
            table.iter_mut().zip(slots).for_each(|(entry, slot)| *entry += slot);
        } else {
            let levels = &self.last[strip.from..strip.to];
            slots.iter().zip(levels).for_each(|(slot, &level)| table[level as usize] += slot);
        }
    }

    /// Moves the logits of slots, which takes their weights times as much from their errors: by a number for each strip, and from
    /// there along a table. What is left is added to entries of another table in the same pass, and up for each strip.
    pub(super) fn shift(
        &self,
        (errors, totals): (&mut [f64], &mut [f64]),
        weights: &[f64],
        heads: &[f64],
        (table, from): (&[f64], &[u32]),
        (sums, into): (&mut [f64], &[u32]),
    ) {
        let strips = self.strips.iter().zip(totals).zip(heads).zip(from.iter().zip(into));
        for (((strip, total), &head), (&from, &into)) in strips {
            let (tail, sums) = (self.along(table, from), &mut sums[into as usize..][..self.width]);
            let (errors, weights) = (&mut errors[strip.from..strip.to], &weights[strip.from..strip.to]);
            if strip.whole {
                shift_whole(errors, weights, head, tail, sums);
                *total = sum(errors);
            } else {
                *total = 0.0;
                let own = errors.iter_mut().zip(weights).zip(&self.last[strip.from..strip.to]);
                for ((error, weight), &level) in own {
                    let left = *error - weight * (head + tail[level as usize]);
                    *error = left;
                    sums[level as usize] += left;
                    *total += left;
                }
            }
        }
    }

    fn along<'t>(&self, table: &'t [f64], from: u32) -> &'t [f64] {
        &table[from as usize..][..self.width]
    }

    /// The sum of each strip.
    pub(super) fn sums(&self, slots: &[f64]) -> Vec<f64> {
        self.strips.iter().map(|strip| sum(&slots[strip.from..strip.to])).collect()
    }
}

/// One strip of [`Strips::shift`]; a function of its own, so that the compiler knows that nothing overlaps.
#[inline(never)]
fn shift_whole(errors: &mut [f64], weights: &[f64], head: f64, tail: &[f64], sums: &mut [f64]) {
    let width = errors.len();
    let (weights, tail, sums) = (&weights[..width], &tail[..width], &mut sums[..width]);
    for level in 0..width {
        errors[level] -= weights[level] * (head + tail[level]);
        sums[level] += errors[level];
    }
}

/// The sum, in four that are kept side by side.
fn sum(values: &[f64]) -> f64 {
    let (fours, rest) = values.as_chunks::<4>();
    let mut sums = [0.0; 4];
    for four in fours {
        for lane in 0..4 {
            sums[lane] += four[lane];
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest.iter().sum::<f64>()
}
