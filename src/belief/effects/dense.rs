//! Small dense matrices: in blocks of four by four that become vector code.

/// Entries that are computed side by side: rows and columns are filled up with zeros to a multiple of these.
pub(super) const LANES: usize = 4;

/// Four entries of a row.
pub(super) type Quad = [f64; LANES];

/// Four quads below each other: as many numbers as fit into half of the registers of baseline x86-64.
pub(super) type Block = [Quad; LANES];

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
        Self { rows, columns, wide, entries: vec![0.0; rows.next_multiple_of(LANES) * wide] }
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

    /// Adds these to the diagonal.
    pub(super) fn add_diagonal(&mut self, own: &[f64]) {
        own.iter().enumerate().for_each(|(i, own)| self.row_mut(i)[i] += own);
    }

    /// Takes Kᵀ K from the upper triangle.
    pub(super) fn take_squares(&mut self, known: &Self) {
        let (of_known, across) = known.quads();
        let (own, wide) = self.quads_mut();
        for (row, own) in own.chunks_exact_mut((LANES * wide).max(1)).enumerate() {
            for column in row..wide {
                let mut rest = block(own, wide, column);
                subtract(&mut rest, &products((of_known, across, row), (of_known, across, column)));
                put(own, wide, column, &rest);
            }
        }
    }

    /// The entries by fours, and how many of these a row has.
    pub(super) fn quads(&self) -> (&[Quad], usize) {
        (self.entries.as_chunks().0, self.wide / LANES)
    }

    pub(super) fn quads_mut(&mut self) -> (&mut [Quad], usize) {
        (self.entries.as_chunks_mut().0, self.wide / LANES)
    }

    /// Σᵢ weightᵢ × rowᵢ: of a symmetric matrix, its product with the weights.
    pub(super) fn combined(&self, weights: &[f64]) -> Vec<f64> {
        let mut sum = vec![0.0; self.wide];
        let (fours, rest) = weights.as_chunks();
        for (block, factors) in fours.iter().enumerate() {
            add_four(&mut sum, &self.entries[LANES * block * self.wide..], self.wide, *factors);
        }
        for (i, &weight) in rest.iter().enumerate() {
            add_scaled(&mut sum, weight, &self.entries[(LANES * fours.len() + i) * self.wide..]);
        }
        sum.truncate(self.columns);
        sum
    }
}

/// own += Σ factorᵢ × rowᵢ for four rows, so that sums are loaded and stored a quarter as often.
#[inline(never)]
fn add_four(own: &mut [f64], rows: &[f64], wide: usize, f: Quad) {
    let length = own.len();
    let (a, b) = (&rows[..length], &rows[wide..][..length]);
    let (c, d) = (&rows[2 * wide..][..length], &rows[3 * wide..][..length]);
    for j in 0..length {
        own[j] += (f[0] * a[j] + f[1] * b[j]) + (f[2] * c[j] + f[3] * d[j]);
    }
}

/// The block at this column of quads in rows that are so many quads wide.
#[inline(always)]
pub(super) fn block(rows: &[Quad], wide: usize, column: usize) -> Block {
    std::array::from_fn(|lane| rows[lane * wide + column])
}

#[inline(always)]
pub(super) fn put(rows: &mut [Quad], wide: usize, column: usize, block: &Block) {
    (0..LANES).for_each(|lane| rows[lane * wide + column] = block[lane]);
}

#[inline(always)]
pub(super) fn subtract(from: &mut Block, taken: &Block) {
    from.as_flattened_mut().iter_mut().zip(taken.as_flattened()).for_each(|(own, taken)| *own -= taken);
}

/// Aᵀ B, for two columns of blocks with as many rows, given by rows, how many quads these are wide, and the column: sums stay in
/// registers.
#[inline(never)]
pub(super) fn products(
    (a, wide_a, column_a): (&[Quad], usize, usize),
    (b, wide_b, column_b): (&[Quad], usize, usize),
) -> Block {
    let mut sums = [[0.0; LANES]; LANES];
    for (a, b) in a.chunks_exact(wide_a).zip(b.chunks_exact(wide_b)) {
        let (a, b) = (a[column_a], b[column_b]);
        for row in 0..LANES {
            for lane in 0..LANES {
                sums[row][lane] += a[row] * b[lane];
            }
        }
    }
    sums
}

/// a += factor × b.
pub(super) fn add_scaled(a: &mut [f64], factor: f64, b: &[f64]) {
    a.iter_mut().zip(b).for_each(|(a, b)| *a += factor * b);
}
