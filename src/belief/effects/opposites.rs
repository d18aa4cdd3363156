//! Opposites: where a factor has two levels, a pair with one of them adds what the pair with the other takes.

/// Of a pair, and those that are what it is or its opposite, the one that is told: the first that adds something. Effects are counted
/// from the means of rows and columns, so that where there are two rows, the second is what the first is not.
pub(super) fn told_for(entry: usize, (rows, columns): (usize, usize), adds: impl Fn(usize) -> bool) -> usize {
    let (row, column) = (entry / columns, entry % columns);
    let of_row = if rows == 2 { 0..2 } else { row..row + 1 };
    let of_column = if columns == 2 { 0..2 } else { column..column + 1 };
    let alike = of_row.flat_map(|row| of_column.clone().map(move |column| row * columns + column));
    let first = alike.clone().next();
    alike.clone().find(|&other| adds(other)).or(first).unwrap_or(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (a, x) and (b, x) of two rows are opposites, and of two rows and columns all four are one.
    #[test]
    fn of_opposites_one_is_told() {
        let told = |effects: &[f64], shape: (usize, usize)| -> Vec<usize> {
            let entries = 0..effects.len();
            entries.filter(|&entry| told_for(entry, shape, |entry| effects[entry] > 0.0) == entry).collect()
        };
        assert_eq!(told(&[-0.3, 0.1, 0.2, 0.3, -0.1, -0.2], (2, 3)), [1, 2, 3]);
        assert_eq!(told(&[-0.3, 0.3, 0.1, -0.1, 0.2, -0.2], (3, 2)), [1, 2, 4]);
        assert_eq!(told(&[-0.3, 0.3, 0.3, -0.3], (2, 2)), [1]);
        assert_eq!(told(&[0.0; 4], (2, 2)), [0]);
        assert_eq!(
            told(&[0.1, 0.2, -0.3, -0.2, 0.1, 0.1, 0.1, -0.3, 0.2], (3, 3)),
            [0, 1, 2, 3, 4, 5, 6, 7, 8]
        );
        assert_eq!(told(&[0.0; 3], (1, 3)), [0, 1, 2]);
    }
}
