//! The kernel: how the logits of two cells vary together, which depends on the factors they agree in and nothing else.

use super::cells::Cells;
use super::dense::Matrix;
use super::{Factors, Scales};

/// For each pair of a cell here and a cell there, the set of factors in which they have the same level, a bit each.
#[derive(Clone, Debug)]
pub(super) struct Agreement {
    rows: usize,
    columns: usize,
    sets: Vec<u16>,
}

/// The most factors whose sets of agreement are tabulated.
pub(super) const MOST_FACTORS: usize = 10;

/// Sums that are gathered side by side: neighbours mostly agree in the same factors, and one sum would wait for the other.
const BANKS: usize = 4;

impl Agreement {
    /// Of these cells with those; at most [`MOST_FACTORS`] factors.
    pub(super) fn between(here: &Cells, there: &Cells) -> Self {
        let (rows, columns) = (here.len(), there.len());
        let factors = there.factors().sizes().len();
        let of_factor = |factor| (0..columns).map(move |cell| there.levels(cell)[factor]);
        let levels: Vec<u32> = (0..factors).flat_map(of_factor).collect();
        let mut sets = vec![0; rows * columns];
        for (row, sets) in sets.chunks_exact_mut(columns.max(1)).enumerate() {
            for (factor, (&own, levels)) in here.levels(row).iter().zip(levels.chunks(columns)).enumerate() {
                sets.iter_mut()
                    .zip(levels)
                    .for_each(|(set, &level)| *set |= u16::from(level == own) << factor);
            }
        }
        Self { rows, columns, sets }
    }

    fn row(&self, row: usize) -> &[u16] {
        &self.sets[row * self.columns..][..self.columns]
    }

    /// The covariances, a row for each cell here.
    pub(super) fn covariances(&self, kernel: &[f64]) -> Matrix {
        let mut covariances = Matrix::zeros(self.rows, self.columns);
        for row in 0..self.rows {
            let sets = self.row(row);
            covariances
                .row_mut(row)
                .iter_mut()
                .zip(sets)
                .for_each(|(own, &set)| *own = kernel[usize::from(set)]);
        }
        covariances
    }

    /// For each set of factors, over the pairs of cells that agree in just these: the sum of αᵢ αⱼ, and that of rootᵢ rootⱼ × (i, j) of
    /// a symmetric matrix whose lower triangle is given.
    pub(super) fn sums(
        &self,
        factors: usize,
        alpha: &[f64],
        (roots, matrix): (&[f64], &Matrix),
    ) -> Vec<[f64; 2]> {
        let sets = 1 << factors;
        let mut banks = vec![[0.0; 2]; BANKS * sets];
        let add = |bank: &mut [f64; 2], own: [f64; 2]| *bank = [bank[0] + own[0], bank[1] + own[1]];
        for row in 0..self.rows {
            let sets_of_row = self.row(row);
            let entries = matrix.row(row)[..row].iter().zip(&sets_of_row[..row]).zip(roots.iter().zip(alpha));
            let twice = [2.0 * alpha[row], 2.0 * roots[row]];
            for (column, ((&entry, &set), (root, alpha))) in entries.enumerate() {
                let own = [twice[0] * alpha, twice[1] * (root * entry)];
                add(&mut banks[column % BANKS * sets + usize::from(set)], own);
            }
            let own = [alpha[row] * alpha[row], roots[row] * roots[row] * matrix.at(row, row)];
            add(&mut banks[usize::from(sets_of_row[row])], own);
        }
        let of_set = |set: usize| {
            let mut sum = [0.0; 2];
            banks[set..].iter().step_by(sets).for_each(|own| add(&mut sum, *own));
            sum
        };
        (0..sets).map(of_set).collect()
    }
}

/// Which effects two cells have in common that agree in this set of factors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Common {
    set: usize,
    /// Pairs of factors.
    pub(super) pairs: f64,
    /// Whether it is the same arm.
    pub(super) arm: bool,
    /// Whether it is the same cell.
    pub(super) cell: bool,
}

impl Common {
    /// Of each set of the factors.
    pub(super) fn of_each(factors: &Factors) -> impl Iterator<Item = Self> {
        let (all, arms) = ((1_usize << factors.sizes().len()) - 1, (1_usize << factors.dimensions()) - 1);
        (0..=all).map(move |set| {
            let agreed = f64::from(set.count_ones());
            Self { set, pairs: agreed * (agreed - 1.0) / 2.0, arm: set & arms == arms, cell: set == all }
        })
    }

    /// Whether it has this factor.
    pub(super) fn has(self, factor: usize) -> bool {
        self.set >> factor & 1 == 1
    }
}

/// The covariance of two cells for each set of factors they agree in:
/// s₀² + Σ_f s_f² [same level of f] + s_p² Σ_{f<g} [same pair] + s_a² [same arm] + s_r² [same cell].
pub(super) fn kernel(factors: &Factors, scales: &Scales) -> Vec<f64> {
    let covariance = |common: Common| {
        let mains = scales.main.iter().enumerate().filter(|&(factor, _)| common.has(factor));
        scales.intercept
            + mains.map(|(_, variance)| variance).sum::<f64>()
            + scales.pair * common.pairs
            + if common.arm { scales.arm } else { 0.0 }
            + if common.cell { scales.residual } else { 0.0 }
    };
    Common::of_each(factors).map(covariance).collect()
}
