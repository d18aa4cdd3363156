//! Sweeps: draws of all effects together, block by block, each given the others.

use rand::Rng;

use super::blocks::Errors;
use super::collapsed::{Collapsed, Effects};
use super::dense::add_scaled;
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
    errors: Errors,
    /// Deviation of each entry of the tables that are not joint, given all else.
    deviations: Vec<Vec<f64>>,
}

impl<'a> Sweeps<'a> {
    pub(super) fn from(mode: &'a Collapsed) -> Self {
        let deviation = |known: &Vec<f64>| known.iter().map(|known| 1.0 / known.sqrt()).collect();
        Self {
            deviations: mode.weights.known.iter().map(deviation).collect(),
            effects: mode.effects.clone(),
            errors: mode.errors.clone(),
            mode,
        }
    }

    /// Makes so many draws that are not used, where draws are not independent.
    pub(super) fn burn<R: Rng + ?Sized>(&mut self, draws: usize, rng: &mut R) {
        if !self.deviations.is_empty() {
            (0..draws).for_each(|_| self.sweep(rng));
        }
    }

    /// Goes on to the next draw.
    pub(super) fn sweep<R: Rng + ?Sized>(&mut self, rng: &mut R) {
        let Self { mode, effects, errors, deviations } = self;
        let mut variates: Vec<f64> = effects.joint.iter().map(|_| standard(rng)).collect();
        if deviations.is_empty() {
            // All effects are one block: nothing of the draw before is needed.
            mode.factor.backward(&mut variates);
            effects.joint.copy_from_slice(&mode.effects.joint);
            add_scaled(&mut effects.joint, 1.0, &variates);
            return;
        }
        let joint = |step: &mut [f64]| {
            mode.factor.forward(step);
            add_scaled(step, 1.0, &variates);
            mode.factor.backward(step);
        };
        let single = |table: usize, entry: usize, step: f64| step + deviations[table][entry] * standard(rng);
        mode.round(effects, errors, joint, single);
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
        let excess = collapsed.excess();
        let belief = Fit::with_scales(cells, collapsed.scales.clone(), excess).belief(places);
        let (means, variances) = (&belief.means, belief.variances());

        let mut sweeps = Sweeps::from(&collapsed);
        (0..100).for_each(|_| sweeps.sweep(&mut rng));
        let (draws, mut sums, mut squares) = (4_000, vec![0.0; means.len()], vec![0.0; means.len()]);
        for _ in 0..draws {
            sweeps.sweep(&mut rng);
            let shared = collapsed.shared(&sweeps.effects);
            for cell in 0..means.len() {
                let slot = collapsed.strips.slots[cell] as usize;
                let own = collapsed.own[slot] * sweeps.errors.slots[slot];
                let logit = shared[slot] + own + collapsed.spread[slot].sqrt() * standard(&mut rng);
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
