//! Blocks: effects that are moved together, one block after the other, each given the others.

use super::collapsed::{Collapsed, Effects};
use super::dense::{Matrix, add_scaled};
use super::strips::Layout;

/// What is known of the logits of slots, and of all that slots are summed over.
#[derive(Clone, Debug, Default)]
pub(super) struct Weights {
    /// w' = w / (1 + w s_r²) of each slot: the weight of its logit once its residual is integrated out.
    pub(super) slots: Vec<f64>,
    /// Of each strip.
    strips: Vec<f64>,
    /// Of each entry of the tables that are not joint, its own precision included.
    pub(super) known: Vec<Vec<f64>>,
}

/// What is left of the results at some effects.
#[derive(Clone, Debug, Default)]
pub(super) struct Errors {
    /// w' (z − x'b) of each slot: the weighted errors of the working logits z.
    pub(super) slots: Vec<f64>,
    /// Their sums over strips.
    strips: Vec<f64>,
    /// Their sums by level of the last dimension.
    last: Vec<f64>,
}

impl Errors {
    /// Of these errors of slots.
    pub(super) fn of(mode: &Collapsed, slots: Vec<f64>) -> Self {
        let mut last = vec![0.0; mode.strips.width];
        mode.strips.gather(&slots, &mut last, &mode.strips.common);
        Self { strips: mode.strips.sums(&slots), last, slots }
    }
}

impl Weights {
    /// Of these weights of slots.
    pub(super) fn of(mode: &Collapsed, slots: Vec<f64>) -> Self {
        let strips = mode.strips.sums(&slots);
        let known = mode.tables.others.iter().zip(&mode.layouts).map(|(table, layout)| {
            let mut known = vec![1.0 / table.kind.variance(&mode.scales); table.size];
            match layout {
                Layout::Same(entries) => {
                    entries.iter().zip(&strips).for_each(|(&entry, weight)| known[entry as usize] += weight);
                }
                Layout::Along(from) => mode.strips.gather(&slots, &mut known, from),
                Layout::Each(entries) => {
                    entries.iter().zip(&slots).for_each(|(&entry, weight)| known[entry as usize] += weight);
                }
            }
            known
        });
        Self { known: known.collect(), strips, slots }
    }
}

impl Collapsed {
    /// The precision of the joint effects, given the others, in its upper triangle: Xᵀ W' X + D⁻¹.
    pub(super) fn precision(&self) -> Matrix {
        let mut precision = Matrix::zeros(self.tables.joint, self.tables.joint);
        let mut all = 0.0;
        for (strip, &weight) in self.weights.strips.iter().enumerate() {
            all += weight;
            let entries = self.joint_of(strip);
            for (index, &entry) in entries.iter().enumerate() {
                precision.row_mut(0)[entry as usize] += weight;
                let row = precision.row_mut(entry as usize);
                // Offsets ascend, so that these are not left of the diagonal.
                entries[index..].iter().for_each(|&other| row[other as usize] += weight);
            }
        }
        precision.row_mut(0)[0] = all;
        if let Some(last) = self.joint_last {
            let width = self.strips.width;
            let slots = &self.weights.slots;
            // Each factor with the last dimension; a segment comes after it, so that its weights are gathered apart.
            let mut after = Matrix::zeros(self.tables.joint - last - width, width);
            for strip in 0..self.strips.strips.len() {
                self.strips.gather_strip(strip, slots, &mut precision.row_mut(0)[last..]);
                for &entry in self.joint_of(strip) {
                    let row = match (entry as usize).checked_sub(last + width) {
                        Some(entry) => after.row_mut(entry),
                        None => &mut precision.row_mut(entry as usize)[last..],
                    };
                    self.strips.gather_strip(strip, slots, row);
                }
            }
            for level in 0..width {
                let weight = precision.at(0, last + level);
                let own = precision.row_mut(last + level);
                own[last + level] = weight;
                for (index, weight) in own[last + width..].iter_mut().enumerate() {
                    *weight = after.at(index, level);
                }
            }
        }
        for (index, variance) in self.joint_variances().into_iter().enumerate() {
            precision.row_mut(index)[index] += 1.0 / variance;
        }
        precision
    }

    /// Moves all effects once, block by block: those that are joint by what is made of their slope, each entry of the other
    /// tables, given by table and number, by what is made of the way to its most probable value.
    pub(super) fn round(
        &self,
        effects: &mut Effects,
        errors: &mut Errors,
        joint: impl FnOnce(&mut [f64]),
        mut single: impl FnMut(usize, usize, f64) -> f64,
    ) {
        let (strips, weights) = (&self.strips, &self.weights);
        let nothing = vec![0.0; strips.width];
        let mut unread = vec![0.0; strips.width];

        let mut step = self.joint_slope(effects, errors);
        joint(&mut step);
        add_scaled(&mut effects.joint, 1.0, &step);
        let tail = self.joint_last.map_or(&nothing[..], |last| &step[last..]);
        let mut heads: Vec<f64> =
            (0..strips.strips.len()).map(|strip| self.joint_sum(&step, strip)).collect();
        self.tell(errors, &mut heads, (tail, &strips.common), (&mut unread, &strips.common));

        // Tables that have one entry for each strip need the sums of strips only; slots are told at the end.
        for (index, (layout, table)) in self.layouts.iter().zip(&self.tables.others).enumerate() {
            if let Layout::Same(entries) = layout {
                let mut sums = vec![0.0; table.size];
                entries.iter().zip(&errors.strips).for_each(|(&entry, error)| sums[entry as usize] += error);
                self.move_table(index, &mut effects.others[index], &mut sums, &mut single);
                let moved = heads.iter_mut().zip(&mut errors.strips).zip(&weights.strips);
                for (((head, error), weight), &entry) in moved.zip(entries) {
                    *head += sums[entry as usize];
                    *error -= weight * sums[entry as usize];
                }
            }
        }
        // What is still to be told to the slots beside the numbers for strips: a table along them.
        let mut untold = (nothing.clone(), &strips.common);
        for (index, (layout, table)) in self.layouts.iter().zip(&self.tables.others).enumerate() {
            let mut sums = vec![0.0; table.size];
            match layout {
                Layout::Same(_) => {}
                Layout::Along(from) => {
                    self.tell(errors, &mut heads, (&untold.0, untold.1), (&mut sums, from));
                    self.move_table(index, &mut effects.others[index], &mut sums, &mut single);
                    untold = (sums, from);
                }
                Layout::Each(entries) => {
                    self.tell(errors, &mut heads, (&untold.0, untold.1), (&mut unread, &strips.common));
                    untold = (nothing.clone(), &strips.common);
                    entries
                        .iter()
                        .zip(&errors.slots)
                        .for_each(|(&entry, error)| sums[entry as usize] += error);
                    self.move_table(index, &mut effects.others[index], &mut sums, &mut single);
                    let moved = errors.slots.iter_mut().zip(&weights.slots).zip(entries);
                    moved.for_each(|((error, weight), &entry)| *error -= weight * sums[entry as usize]);
                }
            }
        }
        let mut last = vec![0.0; strips.width];
        self.tell(errors, &mut heads, (&untold.0, untold.1), (&mut last, &strips.common));
        errors.last = last;
    }

    /// Tells slots what has moved since they were told, and adds what is left of their errors to a table.
    fn tell(
        &self,
        Errors { slots, strips, .. }: &mut Errors,
        heads: &mut [f64],
        along: (&[f64], &[u32]),
        into: (&mut [f64], &[u32]),
    ) {
        self.strips.shift((slots, strips), &self.weights.slots, heads, along, into);
        heads.fill(0.0);
    }

    /// Moves the entries of a table, of which the sums of errors are given, and puts how far in their place.
    fn move_table(
        &self,
        index: usize,
        effects: &mut [f64],
        sums: &mut [f64],
        single: &mut impl FnMut(usize, usize, f64) -> f64,
    ) {
        let precision = 1.0 / self.tables.others[index].kind.variance(&self.scales);
        let known = &self.weights.known[index];
        for (entry, ((sum, effect), known)) in sums.iter_mut().zip(effects).zip(known).enumerate() {
            *sum = single(index, entry, (*sum - *effect * precision) / known);
            *effect += *sum;
        }
    }

    /// The slope at the joint effects.
    fn joint_slope(&self, effects: &Effects, errors: &Errors) -> Vec<f64> {
        let mut slope: Vec<f64> =
            effects.joint.iter().zip(self.joint_variances()).map(|(u, s)| -u / s).collect();
        for (strip, error) in errors.strips.iter().enumerate() {
            slope[0] += error;
            self.joint_of(strip).iter().for_each(|&entry| slope[entry as usize] += error);
        }
        if let Some(last) = self.joint_last {
            add_scaled(&mut slope[last..], 1.0, &errors.last);
        }
        slope
    }

    /// What these joint effects add to all cells of a strip.
    pub(super) fn joint_sum(&self, joint: &[f64], strip: usize) -> f64 {
        joint[0] + self.joint_of(strip).iter().map(|&entry| joint[entry as usize]).sum::<f64>()
    }

    /// Entries of a strip in the joint vector, beside the first and that of the last dimension.
    fn joint_of(&self, strip: usize) -> &[u32] {
        &self.joint_entries[strip * self.joint_each..][..self.joint_each]
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt, SeedableRng};

    use super::super::{Cells, Factors, ScalePrior};
    use super::*;
    use crate::arm::ArmSpace;
    use crate::belief::Tried;
    use crate::segment::Segments;

    /// Modes where strips are whole and where they are not, with a factor that is not joint, in one segment and in several.
    fn modes() -> impl Iterator<Item = Collapsed> {
        [(4, 1, 0.2), (4, 1, 0.9), (4, 3, 0.5), (320, 2, 0.3)].into_iter().map(|(first, segments, share)| {
            let names = |count: usize| (0..count).map(|number| number.to_string());
            let space = ArmSpace::builder()
                .dimension("a", names(first))
                .dimension("b", names(3))
                .dimension("c", names(8));
            let space = space.forbid([("a", "1"), ("c", "2")]).build().unwrap();
            let segments = Segments::builder().attribute("s", names(segments)).build().unwrap();
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(6);
            let mut cells = Cells::new(Factors::of(&space, &segments));
            for segment in segments.iter() {
                let tried = space.iter().filter(|_| rng.random_bool(share)).map(|arm| arm.id());
                let told =
                    tried.map(|arm| Tried { arm, trials: 30.0, earned: f64::from(arm.index() as u32 % 3) });
                cells.add(&space, segment.id(), &told.collect::<Vec<_>>());
            }
            Collapsed::new(cells, &ScalePrior::default())
        })
    }

    /// The precision is Xᵀ W' X + D⁻¹, for X written out.
    #[test]
    fn the_precision_is_that_of_the_effects_of_each_cell() {
        for mode in modes() {
            let size = mode.tables.joint;
            let mut expected = vec![vec![0.0; size]; size];
            mode.joint_variances()
                .iter()
                .enumerate()
                .for_each(|(i, variance)| expected[i][i] = 1.0 / variance);
            for (cell, &slot) in mode.strips.slots.iter().enumerate() {
                let offsets = mode.tables.offsets.iter().zip(mode.cells.levels(cell));
                let levels = offsets.filter_map(|(offset, &level)| Some((*offset)? + level as usize));
                let effects: Vec<usize> = std::iter::once(0).chain(levels).collect();
                for &i in &effects {
                    effects.iter().for_each(|&j| expected[i][j] += mode.weights.slots[slot as usize]);
                }
            }
            let found = mode.precision();
            for (i, expected) in expected.iter().enumerate() {
                for (j, expected) in expected.iter().enumerate().skip(i) {
                    let found = found.at(i, j);
                    assert!(
                        (found - expected).abs() < 1e-9 * expected.max(1.0),
                        "{i}, {j}: {found}, {expected}"
                    );
                }
            }
        }
    }

    /// Whatever way effects have gone, block by block, errors are those of where they are: of slots, of strips and by the last
    /// dimension.
    #[test]
    fn errors_follow_effects() {
        for (number, mode) in modes().enumerate() {
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(6);
            let (mut effects, mut errors) = (mode.effects.clone(), mode.errors.clone());
            let mut steps = Xoshiro256PlusPlus::seed_from_u64(7);
            for _ in 0..5 {
                let joint = |step: &mut [f64]| step.fill_with(|| rng.random_range(-1.0..1.0));
                mode.round(&mut effects, &mut errors, joint, |_, _, _| steps.random_range(-1.0..1.0));
            }
            let moved = mode.shared(&effects).into_iter().zip(mode.shared(&mode.effects));
            let slots = moved.zip(&mode.weights.slots).zip(&mode.errors.slots);
            let slots = slots.map(|(((to, from), weight), error)| error - weight * (to - from)).collect();
            let expected = Errors::of(&mode, slots);
            for (found, expected) in [
                (&errors.slots, &expected.slots),
                (&errors.strips, &expected.strips),
                (&errors.last, &expected.last),
            ] {
                assert_eq!(found.len(), expected.len());
                let mut pairs = found.iter().zip(expected);
                assert!(
                    pairs.all(|(found, expected)| (found - expected).abs() < 1e-9),
                    "{number}: {found:?}"
                );
            }
        }
    }
}
