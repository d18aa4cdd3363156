//! Sweeps: draws of all effects together, block by block, each given the others.

use rand::Rng;

use super::collapsed::{Collapsed, Effects};
use super::normal::standard;

/// A chain of draws (*block Gibbs*) that begins at the mode.
///
/// The joint effects are drawn at once, each entry of another table alone, and what cells have of their own is integrated out, so
/// that effects need not wait for it. A. E. Gelfand, A. F. M. Smith (1990), *Sampling-Based Approaches to Calculating
/// Marginal Densities*.
#[derive(Clone, Debug)]
pub(super) struct Sweeps<'a> {
    mode: &'a Collapsed,
    pub(super) effects: Effects,
    /// w' (z − x'b) at these effects.
    pub(super) errors: Vec<f64>,
    /// Precision of each entry of the other tables, given all else.
    known: Vec<Vec<f64>>,
}

impl<'a> Sweeps<'a> {
    pub(super) fn from(mode: &'a Collapsed) -> Self {
        let known = mode.tables.others.iter().map(|table| {
            let mut known = vec![1.0 / table.kind.variance(&mode.scales); table.size];
            table
                .entry
                .iter()
                .zip(&mode.weights)
                .for_each(|(&entry, weight)| known[entry as usize] += weight);
            known
        });
        Self { known: known.collect(), effects: mode.effects.clone(), errors: mode.errors.clone(), mode }
    }

    /// Goes on to the next draw.
    pub(super) fn sweep<R: Rng + ?Sized>(&mut self, rng: &mut R) {
        let mode = self.mode;
        let mut step = mode.joint_slope(&self.effects, &self.errors);
        mode.factor.forward(&mut step);
        step.iter_mut().for_each(|value| *value += standard(rng));
        mode.factor.backward(&mut step);
        super::dense::add_scaled(&mut self.effects.joint, 1.0, &step);
        for (cell, error) in self.errors.iter_mut().enumerate() {
            *error -= mode.weights[cell] * mode.joint_sum(&step, cell);
        }
        for ((table, effects), known) in
            mode.tables.others.iter().zip(&mut self.effects.others).zip(&self.known)
        {
            let precision = 1.0 / table.kind.variance(&mode.scales);
            let mut step = vec![0.0; table.size];
            for (&entry, error) in table.entry.iter().zip(&self.errors) {
                step[entry as usize] += error;
            }
            for ((step, effect), known) in step.iter_mut().zip(effects.iter_mut()).zip(known) {
                *step = (*step - *effect * precision) / known + standard(rng) / known.sqrt();
                *effect += *step;
            }
            for ((&entry, error), weight) in table.entry.iter().zip(&mut self.errors).zip(&mode.weights) {
                *error -= weight * step[entry as usize];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt, SeedableRng};

    use super::super::fit::Fit;
    use super::super::{Cells, Factors, ScalePrior};
    use super::*;
    use crate::arm::{ArmId, ArmSpace};
    use crate::belief::Tried;
    use crate::segment::{SegmentId, Segments};

    /// Mode and draws of the form for many cells are those of the kernel form, for the same scales.
    ///
    /// Residuals are integrated out at the mode of all effects in both. 4,000 draws with the memory that the chain has: means
    /// within a seventh of a deviation, deviations within a tenth.
    #[test]
    fn the_two_forms_agree() {
        let names = |count: usize| (0..count).map(|number| number.to_string());
        let space =
            ArmSpace::builder().dimension("a", names(6)).dimension("b", names(5)).dimension("c", names(4));
        let space = space.build().unwrap();
        let factors = Factors::of(&space, &Segments::single());
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(8);
        let told = space.iter().map(|arm| {
            let trials = [5.0, 40.0, 300.0][rng.random_range(0..3)];
            Tried { arm: arm.id(), trials, earned: (trials * rng.random_range(0.0..0.2_f64)).round() }
        });
        let told: Vec<Tried> = told.collect();
        let mut cells = Cells::new(factors.clone());
        cells.add(&space, SegmentId::new(0), &told);
        let collapsed = Collapsed::new(cells.clone(), &ScalePrior::default());
        let arms: Vec<ArmId> = told.iter().map(|told| told.arm).collect();
        let places = Cells::places(&factors, &space, SegmentId::new(0), &arms);
        let belief = Fit::with_scales(cells, collapsed.scales.clone()).belief(places);
        let (means, variances) = (&belief.means, belief.variances());

        let mut sweeps = Sweeps::from(&collapsed);
        (0..100).for_each(|_| sweeps.sweep(&mut rng));
        let (draws, mut sums, mut squares) = (4_000, vec![0.0; means.len()], vec![0.0; means.len()]);
        for _ in 0..draws {
            sweeps.sweep(&mut rng);
            for cell in 0..means.len() {
                let others = collapsed.tables.others.iter().zip(&sweeps.effects.others);
                let shared = collapsed.base
                    + collapsed.joint_sum(&sweeps.effects.joint, cell)
                    + others.map(|(table, own)| own[table.entry[cell] as usize]).sum::<f64>();
                let own = collapsed.scales.residual * sweeps.errors[cell];
                let logit = shared + own + collapsed.spread[cell].sqrt() * standard(&mut rng);
                sums[cell] += logit;
                squares[cell] += (logit - means[cell]) * (logit - means[cell]);
            }
        }
        for cell in 0..means.len() {
            let deviation = variances[cell].sqrt();
            let mean = sums[cell] / f64::from(draws);
            assert!((mean - means[cell]).abs() < deviation / 7.0, "{cell}: {mean} against {}", means[cell]);
            let spread = (squares[cell] / f64::from(draws)).sqrt();
            assert!((spread / deviation - 1.0).abs() < 0.1, "{cell}: {spread} against {deviation}");
        }
    }
}
