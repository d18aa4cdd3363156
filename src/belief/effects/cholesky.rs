//! Cholesky factors: what is solved and drawn by them.

use super::dense::{Block, LANES, Matrix, Quad, block, products, put, subtract};

/// The upper triangular U with Uᵀ U = A, for A symmetric and positive definite.
///
/// A pivot that rounding has brought down to nothing is taken for infinite: nothing is known to vary in that direction, and
/// nothing does. So positive semidefinite matrices are admitted.
#[derive(Clone, Debug)]
pub(super) struct Cholesky {
    upper: Matrix,
    /// 1 / Uᵢᵢ, or 0; as many as fill up the last block.
    inverse_pivots: Vec<f64>,
}

/// A pivot is nothing if it is this part of its diagonal entry.
const NOTHING: f64 = 1e-12;

impl Cholesky {
    /// Of the upper triangle of a square matrix.
    pub(super) fn of(mut matrix: Matrix) -> Self {
        let (entries, wide) = matrix.quads_mut();
        let mut inverse_pivots = Vec::with_capacity(LANES * wide);
        for row in 0..wide {
            let (above, own) = entries.split_at_mut(row * LANES * wide);
            let mut pivots = block(own, wide, row);
            let before: Quad = std::array::from_fn(|lane| pivots[lane][lane]);
            subtract(&mut pivots, &products((above, wide, row), (above, wide, row)));
            let inverses: Quad = std::array::from_fn(|lane| {
                for other in 0..lane {
                    let known = pivots[other];
                    take_scaled(&mut pivots[lane], known[lane], known);
                }
                let pivot = pivots[lane][lane];
                let inverse = if pivot > NOTHING * before[lane] { 1.0 / pivot.sqrt() } else { 0.0 };
                pivots[lane] = pivots[lane].map(|value| value * inverse);
                // Rounding of what lies left of the diagonal would be taken for entries.
                pivots[lane][..lane].fill(0.0);
                inverse
            });
            put(own, wide, row, &pivots);
            for column in row + 1..wide {
                let mut rest = block(own, wide, column);
                subtract(&mut rest, &products((above, wide, row), (above, wide, column)));
                solve_block(&pivots, &inverses, &mut rest);
                put(own, wide, column, &rest);
            }
            inverse_pivots.extend(inverses);
        }
        Self { upper: matrix, inverse_pivots }
    }

    /// Uᵀ, whose rows are what independent variates are multiplied by.
    pub(super) fn lower(&self) -> Matrix {
        let size = self.upper.rows();
        let mut lower = Matrix::zeros(size, size);
        for i in 0..size {
            let row = self.upper.row(i);
            (i..size).for_each(|j| lower.row_mut(j)[i] = row[j]);
        }
        lower
    }

    /// Solves Uᵀ x = b in place.
    pub(super) fn forward(&self, b: &mut [f64]) {
        let mut wide = self.filled_up(b);
        self.forward_filled(&mut wide);
        b.copy_from_slice(&wide.as_flattened()[..b.len()]);
    }

    /// Solves U x = b in place.
    pub(super) fn backward(&self, b: &mut [f64]) {
        let mut wide = self.filled_up(b);
        self.backward_filled(&mut wide);
        b.copy_from_slice(&wide.as_flattened()[..b.len()]);
    }

    /// Solves A x = b in place.
    pub(super) fn solve(&self, b: &mut [f64]) {
        let mut wide = self.filled_up(b);
        self.forward_filled(&mut wide);
        self.backward_filled(&mut wide);
        b.copy_from_slice(&wide.as_flattened()[..b.len()]);
    }

    fn filled_up(&self, b: &[f64]) -> Vec<Quad> {
        let mut wide = vec![[0.0; LANES]; self.upper.rows().div_ceil(LANES)];
        wide.as_flattened_mut()[..b.len()].copy_from_slice(b);
        wide
    }

    fn forward_filled(&self, b: &mut [Quad]) {
        let (entries, wide) = self.upper.quads();
        for (row, (own, inverses)) in self.rows_of_blocks(entries, wide).enumerate() {
            let (head, tail) = b[row..].split_at_mut(1);
            let (head, pivots) = (&mut head[0], block(own, wide, row));
            for lane in 0..LANES {
                let solved =
                    (0..lane).fold(head[lane], |left, other| left - pivots[other][lane] * head[other]);
                head[lane] = solved * inverses[lane];
            }
            let [a, b, c, d] = rows_of(own, wide, row + 1);
            for ((((b_own, a), b), c), d) in tail.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                for lane in 0..LANES {
                    b_own[lane] -=
                        (head[0] * a[lane] + head[1] * b[lane]) + (head[2] * c[lane] + head[3] * d[lane]);
                }
            }
        }
    }

    fn backward_filled(&self, b: &mut [Quad]) {
        let (entries, wide) = self.upper.quads();
        for (row, (own, inverses)) in self.rows_of_blocks(entries, wide).enumerate().rev() {
            let (head, tail) = b[row..].split_at_mut(1);
            let (head, pivots) = (&mut head[0], block(own, wide, row));
            let mut sums: Block = [[0.0; LANES]; LANES];
            let [a, b, c, d] = rows_of(own, wide, row + 1);
            for ((((known, a), b), c), d) in tail.iter().zip(a).zip(b).zip(c).zip(d) {
                for lane in 0..LANES {
                    sums[0][lane] += a[lane] * known[lane];
                    sums[1][lane] += b[lane] * known[lane];
                    sums[2][lane] += c[lane] * known[lane];
                    sums[3][lane] += d[lane] * known[lane];
                }
            }
            for lane in (0..LANES).rev() {
                let [a, b, c, d] = sums[lane];
                let left = head[lane] - ((a + b) + (c + d));
                let solved =
                    (lane + 1..LANES).fold(left, |left, other| left - pivots[lane][other] * head[other]);
                head[lane] = solved * inverses[lane];
            }
        }
    }

    /// Rows of blocks with the inverse pivots.
    fn rows_of_blocks<'a>(
        &'a self,
        entries: &'a [Quad],
        wide: usize,
    ) -> impl DoubleEndedIterator<Item = (&'a [Quad], &'a Quad)> + ExactSizeIterator {
        entries.chunks_exact((LANES * wide).max(1)).zip(self.inverse_pivots.as_chunks().0)
    }

    /// Solves Uᵀ X = B in place.
    pub(super) fn forward_each(&self, b: &mut Matrix) {
        let (upper, high) = self.upper.quads();
        let (entries, wide) = b.quads_mut();
        for (row, (own_upper, inverses)) in self.rows_of_blocks(upper, high).enumerate() {
            let pivots = block(own_upper, high, row);
            let (above, own) = entries.split_at_mut(row * LANES * wide);
            for column in 0..wide {
                let mut rest = block(own, wide, column);
                subtract(
                    &mut rest,
                    &products((&upper[..row * LANES * high], high, row), (above, wide, column)),
                );
                solve_block(&pivots, inverses, &mut rest);
                put(own, wide, column, &rest);
            }
        }
    }

    /// (Uᵀ)⁻¹, which is lower triangular.
    fn inverse_lower(&self) -> Matrix {
        let size = self.upper.rows();
        let mut lower = Matrix::zeros(size, size);
        let (upper, wide) = self.upper.quads();
        let (entries, _) = lower.quads_mut();
        for (row, (own_upper, inverses)) in self.rows_of_blocks(upper, wide).enumerate() {
            let pivots = block(own_upper, wide, row);
            let (above, own) = entries.split_at_mut(row * LANES * wide);
            // Each row above reaches its own column only.
            for column in 0..=row {
                let mut rest = [[0.0; LANES]; LANES];
                if column == row {
                    (0..LANES).for_each(|lane| rest[lane][lane] = 1.0);
                } else {
                    let reach = column * LANES * wide..row * LANES * wide;
                    let reached = products((&upper[reach.clone()], wide, row), (&above[reach], wide, column));
                    subtract(&mut rest, &reached);
                }
                solve_block(&pivots, inverses, &mut rest);
                put(own, wide, column, &rest);
            }
        }
        lower
    }

    /// The diagonal of A⁻¹.
    pub(super) fn variances(&self) -> Vec<f64> {
        let lower = self.inverse_lower();
        let mut variances = vec![0.0; lower.rows()];
        for i in 0..lower.rows() {
            variances.iter_mut().zip(lower.row(i)).for_each(|(sum, entry)| *sum += entry * entry);
        }
        variances
    }

    /// A⁻¹, of which only the lower triangle is filled.
    pub(super) fn inverse(&self) -> Matrix {
        let lower = self.inverse_lower();
        let mut inverse = Matrix::zeros(lower.rows(), lower.rows());
        let ((lower, wide), (entries, _)) = (lower.quads(), inverse.quads_mut());
        for (row, own) in entries.chunks_exact_mut((LANES * wide).max(1)).enumerate() {
            let below = &lower[row * LANES * wide..];
            for column in 0..=row {
                put(own, wide, column, &products((below, wide, row), (below, wide, column)));
            }
        }
        inverse
    }
}

/// Four rows, each from this column on.
#[inline(always)]
fn rows_of(rows: &[Quad], wide: usize, column: usize) -> [&[Quad]; LANES] {
    std::array::from_fn(|lane| &rows[lane * wide + column..(lane + 1) * wide])
}

/// Solves Uᵀ X = B in place, for blocks.
#[inline(always)]
fn solve_block(upper: &Block, inverses: &Quad, b: &mut Block) {
    for row in 0..LANES {
        for other in 0..row {
            let known = b[other];
            take_scaled(&mut b[row], upper[other][row], known);
        }
        b[row] = b[row].map(|value| value * inverses[row]);
    }
}

#[inline(always)]
fn take_scaled(own: &mut Quad, factor: f64, known: Quad) {
    own.iter_mut().zip(known).for_each(|(own, known)| *own -= factor * known);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_of_three_is_factored_solved_and_inverted() {
        // Uᵀ = ((2, 0, 0), (1, 3, 0), (−1, 2, 1)).
        let rows = [[4.0, 2.0, -2.0], [2.0, 10.0, 5.0], [-2.0, 5.0, 6.0]];
        let matrix = Matrix::of(3, 3, |i, j| rows[i][j]);
        let factor = Cholesky::of(matrix.clone());
        let lower = factor.lower();
        assert_eq!([0, 1, 2].map(|i| lower.row(i)), [[2.0, 0.0, 0.0], [1.0, 3.0, 0.0], [-1.0, 2.0, 1.0]]);
        let mut solution = vec![4.0, 17.0, 9.0];
        factor.solve(&mut solution);
        let product = matrix.combined(&solution);
        assert!(product.iter().zip([4.0, 17.0, 9.0]).all(|(a, b)| (a - b).abs() < 1e-14), "{product:?}");
        let mut columns = Matrix::of(3, 2, |i, j| [[4.0, 2.0], [17.0, 1.0], [9.0, -1.0]][i][j]);
        factor.forward_each(&mut columns);
        assert!((columns.at(0, 0) - 2.0).abs() < 1e-15 && (columns.at(0, 1) - 1.0).abs() < 1e-15);
    }

    /// Of sizes that fill lanes and that do not: what is solved for, multiplied out again.
    #[test]
    fn factors_and_inverses_multiply_out() {
        for size in [1, 4, 7, 10, 21] {
            let entry = |i: usize, j: usize| {
                1.0 / (1.0 + i.abs_diff(j) as f64) + if i == j { 0.1 * i as f64 } else { 0.0 }
            };
            let matrix = Matrix::of(size, size, entry);
            let factor = Cholesky::of(matrix.clone());
            let (lower, inverse) = (factor.lower(), factor.inverse());
            for i in 0..size {
                let product = lower.row(i);
                for j in 0..=i {
                    let found: f64 = product.iter().zip(lower.row(j)).map(|(a, b)| a * b).sum();
                    assert!((found - entry(i, j)).abs() < 1e-13, "{size}: {i}, {j}");
                }
                let mut unit = vec![0.0; size];
                unit[i] = 1.0;
                factor.solve(&mut unit);
                for (j, unit) in unit.iter().enumerate().skip(i) {
                    assert!((inverse.at(j, i) - unit).abs() < 1e-12, "{size}: {j}, {i}");
                }
            }
        }
    }

    #[test]
    fn what_does_not_vary_is_not_drawn() {
        let lower = Cholesky::of(Matrix::of(2, 2, |_, _| 1.0)).lower();
        assert_eq!([lower.row(0), lower.row(1)], [[1.0, 0.0], [1.0, 0.0]]);
    }
}
