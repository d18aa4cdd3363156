//! Small dense matrices: their rows in lanes that become vector code, Cholesky factors, and what is solved by them.

/// Entries that are computed side by side: rows are filled up with zeros to a multiple of these.
const LANES: usize = 4;

/// A matrix, row by row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Matrix {
    rows: usize,
    columns: usize,
    /// Entries of each row, with those that fill it up.
    wide: usize,
    entries: Vec<f64>,
}

impl Matrix {
    /// Zeros.
    pub(super) fn zeros(rows: usize, columns: usize) -> Self {
        let wide = columns.next_multiple_of(LANES);
        Self { rows, columns, wide, entries: vec![0.0; rows * wide] }
    }

    /// The matrix with these entries at (row, column).
    pub(super) fn of(rows: usize, columns: usize, entry: impl Fn(usize, usize) -> f64) -> Self {
        let mut matrix = Self::zeros(rows, columns);
        for i in 0..rows {
            matrix.row_mut(i).iter_mut().enumerate().for_each(|(j, value)| *value = entry(i, j));
        }
        matrix
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn row(&self, i: usize) -> &[f64] {
        &self.entries[i * self.wide..][..self.columns]
    }

    pub(super) fn row_mut(&mut self, i: usize) -> &mut [f64] {
        &mut self.entries[i * self.wide..][..self.columns]
    }

    pub(super) fn at(&self, i: usize, j: usize) -> f64 {
        self.entries[i * self.wide + j]
    }

    /// The same rows with these columns.
    pub(super) fn columns(&self, columns: &[usize]) -> Self {
        Self::of(self.rows, columns.len(), |i, j| self.at(i, columns[j]))
    }

    /// Takes Kᵀ K from the upper triangle.
    pub(super) fn take_squares(&mut self, known: &Self) {
        let wide = self.wide;
        for i in 0..self.rows {
            let skip = i - i % LANES;
            let own = &mut self.entries[i * wide + skip..(i + 1) * wide];
            if known.rows > 0 {
                add_rows(own, &known.entries[skip..], wide, known.rows, |k| -known.entries[k * wide + i]);
            }
        }
    }

    /// Σᵢ weightᵢ × rowᵢ: of a symmetric matrix, its product with the weights.
    pub(super) fn combined(&self, weights: &[f64]) -> Vec<f64> {
        let mut sum = vec![0.0; self.wide];
        add_rows(&mut sum, &self.entries, self.wide, weights.len(), |i| weights[i]);
        sum.truncate(self.columns);
        sum
    }
}

/// own += Σᵢ factorᵢ × rowᵢ, for `count` rows that are `wide` apart.
#[inline(always)]
fn add_rows(own: &mut [f64], rows: &[f64], wide: usize, count: usize, factor: impl Fn(usize) -> f64) {
    let fours = count - count % 4;
    for i in (0..fours).step_by(4) {
        let factors = [factor(i), factor(i + 1), factor(i + 2), factor(i + 3)];
        add_four(own, &rows[i * wide..], wide, factors);
    }
    for i in fours..count {
        add_scaled(own, factor(i), &rows[i * wide..]);
    }
}

/// own += Σ factorᵢ × rowᵢ for four rows, so that sums are loaded and stored a quarter as often.
#[inline(never)]
fn add_four(own: &mut [f64], rows: &[f64], wide: usize, f: [f64; 4]) {
    let length = own.len();
    let (a, b) = (&rows[..length], &rows[wide..][..length]);
    let (c, d) = (&rows[2 * wide..][..length], &rows[3 * wide..][..length]);
    for j in 0..length {
        own[j] += (f[0] * a[j] + f[1] * b[j]) + (f[2] * c[j] + f[3] * d[j]);
    }
}

/// The upper triangular U with Uᵀ U = A, for A symmetric and positive definite.
///
/// A pivot that rounding has brought down to nothing is taken for infinite: nothing is known to vary in that direction, and
/// nothing does. So positive semidefinite matrices are admitted.
#[derive(Clone, Debug)]
pub(super) struct Cholesky {
    upper: Matrix,
    /// 1 / Uᵢᵢ, or 0.
    inverse_pivots: Vec<f64>,
}

/// A pivot is nothing if it is this part of its diagonal entry.
const NOTHING: f64 = 1e-12;

impl Cholesky {
    /// Of the upper triangle of a square matrix.
    pub(super) fn of(mut matrix: Matrix) -> Self {
        let (size, wide) = (matrix.rows, matrix.wide);
        let mut inverse_pivots = Vec::with_capacity(size);
        for i in 0..size {
            let skip = i - i % LANES;
            let (above, from) = matrix.entries.split_at_mut(i * wide);
            let own = &mut from[skip..wide];
            let before = own[i - skip];
            if i > 0 {
                add_rows(own, &above[skip..], wide, i, |k| -above[k * wide + i]);
            }
            let pivot = own[i - skip];
            let inverse = if pivot > NOTHING * before { 1.0 / pivot.sqrt() } else { 0.0 };
            own.iter_mut().for_each(|value| *value *= inverse);
            // Rounding of what lies left of the diagonal would be taken for entries.
            own[..i - skip].fill(0.0);
            inverse_pivots.push(inverse);
        }
        Self { upper: matrix, inverse_pivots }
    }

    /// Uᵀ, whose rows are what independent variates are multiplied by.
    pub(super) fn lower(&self) -> Matrix {
        let size = self.upper.rows;
        let mut lower = Matrix::zeros(size, size);
        for i in 0..size {
            let row = self.upper.row(i);
            (i..size).for_each(|j| lower.entries[j * lower.wide + i] = row[j]);
        }
        lower
    }

    /// Solves Uᵀ x = b in place.
    pub(super) fn forward(&self, b: &mut [f64]) {
        for (i, inverse) in self.inverse_pivots.iter().enumerate() {
            let solved = b[i] * inverse;
            b[i] = solved;
            add_scaled(&mut b[i + 1..], -solved, &self.upper.row(i)[i + 1..]);
        }
    }

    /// Solves U x = b in place.
    pub(super) fn backward(&self, b: &mut [f64]) {
        for (i, inverse) in self.inverse_pivots.iter().enumerate().rev() {
            b[i] = (b[i] - dot(&self.upper.row(i)[i + 1..], &b[i + 1..])) * inverse;
        }
    }

    /// Solves A x = b in place.
    pub(super) fn solve(&self, b: &mut [f64]) {
        self.forward(b);
        self.backward(b);
    }

    /// Solves Uᵀ X = B in place.
    pub(super) fn forward_each(&self, b: &mut Matrix) {
        let wide = b.wide;
        for (i, inverse) in self.inverse_pivots.iter().enumerate() {
            let (above, from) = b.entries.split_at_mut(i * wide);
            let own = &mut from[..wide];
            add_rows(own, above, wide, i, |k| -self.upper.at(k, i));
            own.iter_mut().for_each(|value| *value *= inverse);
        }
    }

    /// (Uᵀ)⁻¹, which is lower triangular.
    fn inverse_lower(&self) -> Matrix {
        let size = self.upper.rows;
        let mut lower = Matrix::zeros(size, size);
        let wide = lower.wide;
        for (i, &inverse) in self.inverse_pivots.iter().enumerate() {
            let (above, from) = lower.entries.split_at_mut(i * wide);
            // Each row above reaches its own column only.
            for first in (0..i).step_by(LANES) {
                let (own, rows) = (&mut from[..first + LANES], &above[first * wide..]);
                add_rows(own, rows, wide, LANES.min(i - first), |k| -self.upper.at(first + k, i));
            }
            from[..i].iter_mut().for_each(|value| *value *= inverse);
            from[i] = inverse;
        }
        lower
    }

    /// The diagonal of A⁻¹.
    pub(super) fn variances(&self) -> Vec<f64> {
        let lower = self.inverse_lower();
        let mut variances = vec![0.0; lower.columns];
        for i in 0..lower.rows {
            variances.iter_mut().zip(lower.row(i)).for_each(|(sum, entry)| *sum += entry * entry);
        }
        variances
    }

    /// A⁻¹, of which only the lower triangle is filled.
    pub(super) fn inverse(&self) -> Matrix {
        let lower = self.inverse_lower();
        let (size, wide) = (lower.rows, lower.wide);
        let mut inverse = Matrix::zeros(size, size);
        for i in 0..size {
            let own = &mut inverse.entries[i * wide..][..(i + 1).next_multiple_of(LANES)];
            let rows = &lower.entries[i * wide..];
            add_rows(own, rows, wide, size - i, |k| rows[k * wide + i]);
        }
        inverse
    }
}

/// Σ aᵢ bᵢ, in four sums that the compiler keeps side by side; the same on every platform.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (mut a, mut b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let mut sums = [0.0; LANES];
    for (a, b) in a.by_ref().zip(b.by_ref()) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f64 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

/// a += factor × b.
pub(super) fn add_scaled(a: &mut [f64], factor: f64, b: &[f64]) {
    a.iter_mut().zip(b).for_each(|(a, b)| *a += factor * b);
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
