//! A mix of arms against an opponent who picks the segment: the matrix game, solved by the simplex method.
//!
//! Rows are arms, columns segments, A > 0 what an arm earns in a segment. The mix p with the greatest min_s Σ_k p_k A_ks is, up
//! to scale, the dual solution of max Σ y subject to A y ≤ 1, y ≥ 0 (G. B. Dantzig (1951), *A Proof of the Equivalence of the
//! Programming Problem and the Game Problem*), which starts from y = 0. Sums, products and quotients in a fixed order: the same
//! bits on every platform.

/// What is smaller than this is taken for nothing: entries are near 1.
const NOTHING: f64 = 1e-12;

/// The mix over arms that earns most in the segment where it earns least, given what each arm earns in each segment (a row of
/// numbers in [0, 1] for each segment, all as long as there are arms).
pub(super) fn worst_off_mix(segments: &[Vec<f64>]) -> Vec<f64> {
    let arms = segments.first().map_or(0, Vec::len);
    let mut table = Table::new(segments, arms);
    // Steepest first; where that goes round in circles, by Bland's rule, which cannot.
    let patience = 10 * (arms + segments.len());
    for pivot in 0..10 * patience + 1_000 {
        let Some((row, column)) = table.pivot(pivot > patience) else { break };
        table.exchange(row, column);
    }
    let mut mix = table.duals();
    let total: f64 = mix.iter().sum();
    match total > 0.0 {
        true => mix.iter_mut().for_each(|share| *share /= total),
        false => mix.fill(1.0 / arms as f64),
    }
    mix
}

/// The tableau without its unit columns: the last row is the objective's, the last column the right-hand side.
struct Table {
    rows: Vec<Vec<f64>>,
    /// The variable of each row and column: arms are 0 to K − 1 (how much is left of an arm's constraint), segments follow.
    row_of: Vec<usize>,
    column_of: Vec<usize>,
    arms: usize,
}

impl Table {
    fn new(segments: &[Vec<f64>], arms: usize) -> Self {
        // One more everywhere changes no mix, and makes all entries positive.
        let row = |arm: usize| segments.iter().map(|earned| earned[arm] + 1.0).chain([1.0]).collect();
        let mut rows: Vec<Vec<f64>> = (0..arms).map(row).collect();
        rows.push(segments.iter().map(|_| -1.0).chain([0.0]).collect());
        Self { rows, row_of: (0..arms).collect(), column_of: (arms..arms + segments.len()).collect(), arms }
    }

    /// Who enters and who leaves: none if nothing can be gained.
    fn pivot(&self, by_number: bool) -> Option<(usize, usize)> {
        let objective = &self.rows[self.arms];
        let gains = (0..self.column_of.len()).filter(|&column| objective[column] < -NOTHING);
        let column = match by_number {
            true => gains.min_by_key(|&column| self.column_of[column])?,
            false => gains.min_by(|&one, &other| objective[one].total_cmp(&objective[other]))?,
        };
        let right = self.column_of.len();
        let ratio = |row: &usize| self.rows[*row][right] / self.rows[*row][column];
        let bounds = (0..self.arms).filter(|&row| self.rows[row][column] > NOTHING);
        let row = bounds.min_by(|one, other| {
            ratio(one).total_cmp(&ratio(other)).then(self.row_of[*one].cmp(&self.row_of[*other]))
        })?;
        Some((row, column))
    }

    /// One enters for another.
    fn exchange(&mut self, row: usize, column: usize) {
        let pivot = self.rows[row][column];
        let mut pivotal = std::mem::take(&mut self.rows[row]);
        pivotal.iter_mut().for_each(|entry| *entry /= pivot);
        for other in self.rows.iter_mut().filter(|other| !other.is_empty()) {
            let factor = other[column];
            other.iter_mut().zip(&pivotal).for_each(|(entry, pivotal)| *entry -= factor * pivotal);
            other[column] = -factor / pivot;
        }
        pivotal[column] = 1.0 / pivot;
        self.rows[row] = pivotal;
        std::mem::swap(&mut self.row_of[row], &mut self.column_of[column]);
    }

    /// The price of each arm's constraint.
    fn duals(&self) -> Vec<f64> {
        let mut duals = vec![0.0; self.arms];
        for (&variable, &price) in self.column_of.iter().zip(&self.rows[self.arms]) {
            if variable < self.arms {
                duals[variable] = price.max(0.0);
            }
        }
        duals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: &[f64], expected: &[f64]) {
        let apart =
            found.iter().zip(expected).map(|(found, expected)| (found - expected).abs()).fold(0.0, f64::max);
        assert!(found.len() == expected.len() && apart < 1e-12, "{found:?} for {expected:?}");
    }

    #[test]
    fn games_by_hand() {
        // 3p + 1(1−p) = 2(1−p) + 0p, tenths: p = 1/4, each segment gets 0.15.
        close(&worst_off_mix(&[vec![0.3, 0.1], vec![0.0, 0.2]]), &[0.25, 0.75]);
        // One arm is best wherever it is worst; one segment only.
        close(&worst_off_mix(&[vec![0.3, 0.2], vec![0.1, 0.05]]), &[1.0, 0.0]);
        close(&worst_off_mix(&[vec![0.1, 0.3, 0.2]]), &[0.0, 1.0, 0.0]);
        // Rock, paper, scissors.
        close(
            &worst_off_mix(&[vec![0.5, 1.0, 0.0], vec![0.0, 0.5, 1.0], vec![1.0, 0.0, 0.5]]),
            &[1.0 / 3.0; 3],
        );
        close(&worst_off_mix(&[]), &[]);
    }
}
