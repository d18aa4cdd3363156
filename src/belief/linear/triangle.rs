//! Small symmetric matrices by their lower triangles, row by row: factors, inverses, products.
//!
//! Additions, products, quotients and roots only, in a fixed order: the same bits on every platform.

use crate::statistics::triangle;

/// Where row i, column j ≤ i stands.
pub(super) const fn at(row: usize, column: usize) -> usize {
    triangle(row) + column
}

/// The entry of a symmetric matrix.
pub(super) fn entry(matrix: &[f64], row: usize, column: usize) -> f64 {
    if row >= column { matrix[at(row, column)] } else { matrix[at(column, row)] }
}

/// The factor L of A = L Lᵀ (Cholesky); `None` if A is not positive definite, or has an entry that is no number.
pub(super) fn factor(matrix: &[f64], dimensions: usize) -> Option<Vec<f64>> {
    let mut factor = vec![0.0; matrix.len()];
    for row in 0..dimensions {
        for column in 0..=row {
            let mut left = matrix[at(row, column)];
            for before in 0..column {
                left -= factor[at(row, before)] * factor[at(column, before)];
            }
            factor[at(row, column)] = if column < row {
                left / factor[at(column, column)]
            } else if left > 1e-12 * matrix[at(row, row)] && left < f64::INFINITY {
                left.sqrt()
            } else {
                return None;
            };
        }
    }
    factor.iter().all(|entry| entry.is_finite()).then_some(factor)
}

/// The inverse of a lower triangle.
pub(super) fn inverse(factor: &[f64], dimensions: usize) -> Vec<f64> {
    let mut inverse = vec![0.0; factor.len()];
    for column in 0..dimensions {
        inverse[at(column, column)] = 1.0 / factor[at(column, column)];
        for row in column + 1..dimensions {
            let sum: f64 =
                (column..row).map(|between| factor[at(row, between)] * inverse[at(between, column)]).sum();
            inverse[at(row, column)] = -sum / factor[at(row, row)];
        }
    }
    inverse
}

/// MᵀM of a lower triangle M: with M = L⁻¹ the inverse of L Lᵀ.
pub(super) fn gram(lower: &[f64], dimensions: usize) -> Vec<f64> {
    let mut gram = vec![0.0; lower.len()];
    for row in 0..dimensions {
        for column in 0..=row {
            gram[at(row, column)] =
                (row..dimensions).map(|below| lower[at(below, row)] * lower[at(below, column)]).sum();
        }
    }
    gram
}

/// The lower triangle M with MᵀM = V: the factor from the last row up; `None` if V is not positive definite.
pub(super) fn factor_upwards(matrix: &[f64], dimensions: usize) -> Option<Vec<f64>> {
    // Rows and columns in reverse order, factored, and back: lower times upper becomes upper times lower.
    let turned = |row: usize| dimensions - 1 - row;
    let mut reversed = vec![0.0; matrix.len()];
    for row in 0..dimensions {
        for column in 0..=row {
            reversed[at(row, column)] = matrix[at(turned(column), turned(row))];
        }
    }
    let reversed = factor(&reversed, dimensions)?;
    let mut lower = vec![0.0; matrix.len()];
    for row in 0..dimensions {
        for column in 0..=row {
            lower[at(turned(column), turned(row))] = reversed[at(row, column)];
        }
    }
    Some(lower)
}

/// The product of a symmetric matrix with a vector.
pub(super) fn times(matrix: &[f64], vector: &[f64]) -> Vec<f64> {
    let row = |row: usize| (0..vector.len()).map(|column| entry(matrix, row, column) * vector[column]).sum();
    (0..vector.len()).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A = [[4, 2, 1], [2, 5, 3], [1, 3, 6]]: determinant 67, inverse by cofactors.
    const A: [f64; 6] = [4.0, 2.0, 5.0, 1.0, 3.0, 6.0];

    #[test]
    fn inverses_by_hand() {
        let lower = inverse(&factor(&A, 3).expect("positive definite"), 3);
        let by_hand = [21.0, -9.0, 23.0, 1.0, -10.0, 16.0].map(|cofactor| cofactor / 67.0);
        for (found, wanted) in gram(&lower, 3).into_iter().zip(by_hand) {
            assert!((found - wanted).abs() < 1e-15, "{found} {wanted}");
        }
        let upwards = factor_upwards(&A, 3).expect("positive definite");
        for (found, wanted) in gram(&upwards, 3).into_iter().zip(A) {
            assert!((found - wanted).abs() < 1e-14, "{found} {wanted}");
        }
        assert_eq!(times(&A, &[1.0, 0.0, -1.0]), [3.0, -1.0, -5.0]);
    }

    #[test]
    fn what_is_not_positive_definite_has_no_factor() {
        for matrix in
            [[1.0, 1.0, 1.0], [1.0, 2.0, 1.0], [0.0, 0.0, 1.0], [f64::NAN, 0.0, 1.0], [1.0, f64::NAN, 1.0]]
        {
            assert_eq!(factor(&matrix, 2), None, "{matrix:?}");
        }
    }
}
