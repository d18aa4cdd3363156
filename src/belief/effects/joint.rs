//! Joint beliefs: the logits of cells together, as Gaussians.

use super::cells::Cells;
use super::dense::Matrix;
use super::kernel::Agreement;

/// Means and covariances: those expected before any result, less Kᵀ K for what is known.
#[derive(Clone, Debug)]
pub(super) struct Joint {
    pub(super) places: Cells,
    pub(super) means: Vec<f64>,
    /// The covariance of two cells for each set of factors they agree in, before any result.
    pub(super) kernel: Vec<f64>,
    /// By how much the residual of each cell varies more than that, before any result.
    pub(super) excess: Vec<f64>,
    /// K, with a column for each cell.
    pub(super) known: Matrix,
}

/// A cell is left out if it lies so many standard deviations of their difference below the one with the largest mean: one time
/// in 10⁹.
const HOPELESS: f64 = 6.0;

impl Joint {
    /// The variance of each cell.
    pub(super) fn variances(&self) -> Vec<f64> {
        // A cell agrees with itself in everything.
        let usual = self.kernel[self.kernel.len() - 1];
        let mut variances: Vec<f64> = self.excess.iter().map(|excess| usual + excess).collect();
        for row in 0..self.known.rows() {
            let known = self.known.row(row);
            variances.iter_mut().zip(known).for_each(|(variance, known)| *variance -= known * known);
        }
        variances
    }

    /// Of these cells with each other; only the upper triangle is filled.
    pub(super) fn covariance(&self, cells: &[usize]) -> Matrix {
        let part = self.places.part(cells);
        let mut covariance = Agreement::between(&part, &part).covariances(&self.kernel);
        covariance.add_diagonal(&cells.iter().map(|&cell| self.excess[cell]).collect::<Vec<_>>());
        covariance.take_squares(&self.known.columns(cells));
        covariance
    }

    /// The cells that may be the best of all.
    pub(super) fn hopeful(&self) -> Vec<usize> {
        let means = &self.means;
        let leader = (1..means.len()).fold(0, |leader, i| if means[i] > means[leader] { i } else { leader });
        let variances = self.variances();
        let with_leader = {
            let prior =
                Agreement::between(&self.places.part(&[leader]), &self.places).covariances(&self.kernel);
            let mut covariances = prior.row(0).to_vec();
            for row in 0..self.known.rows() {
                let known = self.known.row(row);
                super::dense::add_scaled(&mut covariances, -known[leader], known);
            }
            covariances
        };
        let near = |&i: &usize| {
            let behind = means[leader] - means[i];
            let variance = variances[i] + variances[leader] - 2.0 * with_leader[i];
            i == leader || behind * behind < HOPELESS * HOPELESS * variance
        };
        (0..means.len()).filter(near).collect()
    }
}
