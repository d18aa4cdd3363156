//! The kernel: how the logits of two cells vary together, which depends on the factors they agree in and nothing else.

use super::cells::Cells;
use super::dense::Square;
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

impl Agreement {
    /// Of these cells with those; at most [`MOST_FACTORS`] factors.
    pub(super) fn between(here: &Cells, there: &Cells) -> Self {
        let (rows, columns) = (here.len(), there.len());
        let set = |a: &[u32], b: &[u32]| {
            a.iter().zip(b).enumerate().fold(0, |set, (factor, (a, b))| set | u16::from(a == b) << factor)
        };
        let pairs = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
        let sets = pairs.map(|(row, column)| set(here.levels(row), there.levels(column))).collect();
        Self { rows, columns, sets }
    }

    fn row(&self, row: usize) -> &[u16] {
        &self.sets[row * self.columns..][..self.columns]
    }

    /// The covariances, row by row.
    pub(super) fn covariances(&self, kernel: &[f64]) -> Vec<f64> {
        self.sets.iter().map(|&set| kernel[usize::from(set)]).collect()
    }

    /// The covariances of cells with themselves.
    pub(super) fn covariance(&self, kernel: &[f64]) -> Square {
        Square::symmetric(self.rows, |row, column| kernel[usize::from(self.row(row)[column])])
    }

    /// For each set of factors, the sum over the pairs of cells that agree in just these, of (row, column), which is symmetric.
    pub(super) fn sums(&self, factors: usize, entry: impl Fn(usize, usize) -> f64) -> Vec<f64> {
        let mut sums = vec![0.0; 1 << factors];
        for row in 0..self.rows {
            let sets = self.row(row);
            for (column, &set) in sets[..row].iter().enumerate() {
                sums[usize::from(set)] += 2.0 * entry(row, column);
            }
            sums[usize::from(sets[row])] += entry(row, row);
        }
        sums
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
