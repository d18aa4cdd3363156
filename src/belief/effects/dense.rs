//! Small dense matrices: symmetric ones, their Cholesky factors, and what is solved by them.

/// A square matrix, row by row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Square {
    size: usize,
    entries: Vec<f64>,
}

impl Square {
    /// Zeros.
    pub(super) fn zeros(size: usize) -> Self {
        Self { size, entries: vec![0.0; size * size] }
    }

    /// The symmetric matrix whose lower triangle is given by (row, column).
    pub(super) fn symmetric(size: usize, entry: impl Fn(usize, usize) -> f64) -> Self {
        let mut matrix = Self::zeros(size);
        for i in 0..size {
            for j in 0..=i {
                let value = entry(i, j);
                matrix.entries[i * size + j] = value;
                matrix.entries[j * size + i] = value;
            }
        }
        matrix
    }

    pub(super) fn row(&self, i: usize) -> &[f64] {
        &self.entries[i * self.size..][..self.size]
    }

    pub(super) fn row_mut(&mut self, i: usize) -> &mut [f64] {
        &mut self.entries[i * self.size..][..self.size]
    }

    pub(super) fn at(&self, i: usize, j: usize) -> f64 {
        self.entries[i * self.size + j]
    }

    /// The product with a vector.
    pub(super) fn times(&self, vector: &[f64]) -> Vec<f64> {
        (0..self.size).map(|i| dot(self.row(i), vector)).collect()
    }

    /// The rows and columns of these indices.
    pub(super) fn part(&self, indices: &[usize]) -> Self {
        Self::symmetric(indices.len(), |i, j| self.at(indices[i], indices[j]))
    }
}

/// The lower triangular L with L Lᵀ = A, for A symmetric and positive definite.
///
/// A pivot that rounding has brought down to nothing is taken for infinite: nothing is known to vary in that direction, and
/// nothing does. So positive semidefinite matrices are admitted.
#[derive(Clone, Debug)]
pub(super) struct Cholesky {
    lower: Square,
}

/// A pivot is nothing if it is this part of its diagonal entry.
const NOTHING: f64 = 1e-12;

impl Cholesky {
    /// Of the lower triangle of a matrix.
    pub(super) fn of(mut matrix: Square) -> Self {
        let size = matrix.size;
        for i in 0..size {
            let (above, from) = matrix.entries.split_at_mut(i * size);
            let own = &mut from[..size];
            for j in 0..i {
                let other = &above[j * size..][..=j];
                let pivot = other[j];
                let rest = own[j] - dot(&own[..j], &other[..j]);
                own[j] = if pivot > 0.0 { rest / pivot } else { 0.0 };
            }
            let square = own[i] - dot(&own[..i], &own[..i]);
            own[i] = if square > NOTHING * own[i] { square.sqrt() } else { 0.0 };
            own[i + 1..].fill(0.0);
        }
        Self { lower: matrix }
    }

    /// L x.
    pub(super) fn spread(&self, x: &[f64], into: &mut [f64]) {
        for (i, value) in into.iter_mut().enumerate() {
            *value = dot(&self.lower.row(i)[..=i], &x[..=i]);
        }
    }

    /// Solves L x = b in place.
    pub(super) fn forward(&self, b: &mut [f64]) {
        for i in 0..b.len() {
            let row = self.lower.row(i);
            let rest = b[i] - dot(&row[..i], &b[..i]);
            b[i] = if row[i] > 0.0 { rest / row[i] } else { 0.0 };
        }
    }

    /// Solves Lᵀ x = b in place.
    pub(super) fn backward(&self, b: &mut [f64]) {
        for i in (0..b.len()).rev() {
            let row = self.lower.row(i);
            b[i] = if row[i] > 0.0 { b[i] / row[i] } else { 0.0 };
            let solved = b[i];
            add_scaled(&mut b[..i], -solved, &row[..i]);
        }
    }

    /// Solves A x = b in place.
    pub(super) fn solve(&self, b: &mut [f64]) {
        self.forward(b);
        self.backward(b);
    }

    /// Solves L X = B in place; B has the size of L in rows, each of so many columns.
    pub(super) fn forward_each(&self, b: &mut [f64], columns: usize) {
        for i in 0..self.lower.size {
            let row = self.lower.row(i);
            let (above, from) = b.split_at_mut(i * columns);
            let own = &mut from[..columns];
            for (j, &factor) in row[..i].iter().enumerate() {
                add_scaled(own, -factor, &above[j * columns..][..columns]);
            }
            let scale = if row[i] > 0.0 { 1.0 / row[i] } else { 0.0 };
            own.iter_mut().for_each(|value| *value *= scale);
        }
    }

    /// A⁻¹, of which only the lower triangle is filled.
    pub(super) fn inverse(&self) -> Square {
        let size = self.lower.size;
        // L⁻¹ is lower triangular too: each row needs the columns up to its own only.
        let mut inverse_lower = Square::zeros(size);
        for i in 0..size {
            let row = self.lower.row(i);
            let (above, from) = inverse_lower.entries.split_at_mut(i * size);
            let own = &mut from[..=i];
            for (j, &factor) in row[..i].iter().enumerate() {
                add_scaled(&mut own[..=j], -factor, &above[j * size..][..=j]);
            }
            let scale = if row[i] > 0.0 { 1.0 / row[i] } else { 0.0 };
            own.iter_mut().for_each(|value| *value *= scale);
            own[i] = scale;
        }
        let mut inverse = Square::zeros(size);
        for k in 0..size {
            let row = &inverse_lower.row(k)[..=k];
            for (i, &factor) in row.iter().enumerate() {
                add_scaled(&mut inverse.entries[i * size..][..=i], factor, &row[..=i]);
            }
        }
        inverse
    }
}

/// Σ aᵢ bᵢ, in four sums that the compiler keeps side by side; the same on every platform.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (mut a, mut b) = (a.chunks_exact(4), b.chunks_exact(4));
    let mut sums = [0.0; 4];
    for (a, b) in a.by_ref().zip(b.by_ref()) {
        for lane in 0..4 {
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
        // L = ((2, 0, 0), (1, 3, 0), (−1, 2, 1)).
        let rows = [[4.0, 2.0, -2.0], [2.0, 10.0, 5.0], [-2.0, 5.0, 6.0]];
        let matrix = Square::symmetric(3, |i, j| rows[i][j]);
        let factor = Cholesky::of(matrix.clone());
        let mut ones = vec![0.0; 3];
        factor.spread(&[1.0; 3], &mut ones);
        assert_eq!(ones, [2.0, 4.0, 2.0]);
        let mut solution = vec![4.0, 17.0, 9.0];
        factor.solve(&mut solution);
        assert_eq!(matrix.times(&solution), [4.0, 17.0, 9.0]);
        let inverse = factor.inverse();
        let mut unit = vec![0.0, 1.0, 0.0];
        factor.solve(&mut unit);
        assert!((inverse.at(1, 1) - unit[1]).abs() < 1e-15 && (inverse.at(2, 1) - unit[2]).abs() < 1e-15);
        let mut columns = vec![4.0, 2.0, 17.0, 1.0, 9.0, -1.0];
        factor.forward_each(&mut columns, 2);
        assert!((columns[0] - 2.0).abs() < 1e-15 && (columns[1] - 1.0).abs() < 1e-15);
    }

    #[test]
    fn what_does_not_vary_is_not_drawn() {
        let factor = Cholesky::of(Square::symmetric(2, |_, _| 1.0));
        let mut drawn = vec![0.0; 2];
        factor.spread(&[0.5, 7.0], &mut drawn);
        assert_eq!(drawn, [0.5, 0.5]);
    }
}
