//! Mean and spread of numbers that come in parts.

use super::sums::{LANES, folded, sum};

/// Mean and squared distances from it; two merge by T. F. Chan, G. H. Golub, R. J. LeVeque (1979), *Updating Formulae
/// and a Pairwise Algorithm for Computing Sample Variances*.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moments {
    pub(super) count: f64,
    pub(super) mean: f64,
    /// Σ (x − mean)².
    pub(super) squares: f64,
}

impl Moments {
    pub(super) fn of(values: &[f64]) -> Self {
        if values.is_empty() {
            return Self::default();
        }
        let count = values.len() as f64;
        let mean = sum(values) / count;
        Self { count, mean, squares: folded(values, |value| (value - mean) * (value - mean)) }
    }

    /// Of something of each round, in one go, about a number that should be near the mean.
    pub(super) fn about(near: f64, columns: [&[f64]; 3], of: impl Fn(f64, f64, f64) -> f64) -> Self {
        let (mut sums, mut squares) = ([0.0; LANES], [0.0; LANES]);
        let [(x, rest_x), (y, rest_y), (z, rest_z)] = columns.map(<[f64]>::as_chunks::<LANES>);
        for ((x, y), z) in x.iter().zip(y).zip(z) {
            for lane in 0..LANES {
                let distance = of(x[lane], y[lane], z[lane]) - near;
                sums[lane] += distance;
                squares[lane] += distance * distance;
            }
        }
        for ((&x, &y), &z) in rest_x.iter().zip(rest_y).zip(rest_z) {
            let distance = of(x, y, z) - near;
            sums[0] += distance;
            squares[0] += distance * distance;
        }
        let count = columns[0].len() as f64;
        if !(count > 0.0) {
            return Self::default();
        }
        let (sum, square) = (sums.iter().sum::<f64>(), squares.iter().sum::<f64>());
        let squares = square - sum * sum / count;
        // Rounding must not make it negative, nor a square beyond all numbers make it small.
        let squares = if squares.is_nan() { f64::INFINITY } else { squares.max(0.0) };
        Self { count, mean: near + sum / count, squares }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        let count = self.count + other.count;
        if !(count > 0.0) {
            return;
        }
        let distance = other.mean - self.mean;
        self.mean += distance * (other.count / count);
        self.squares += other.squares + distance * distance * (self.count * other.count / count);
        self.count = count;
    }

    /// Of one number.
    pub(super) fn variance(&self) -> f64 {
        self.squares / (self.count - 1.0)
    }

    /// Of their mean.
    pub(super) fn variance_of_mean(&self) -> f64 {
        self.variance() / self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1, 2, 3, 10: mean 4, distances 9 + 4 + 1 + 36 = 50.
    #[test]
    fn by_hand_however_the_numbers_are_parted() {
        let numbers = [1.0, 2.0, 3.0, 10.0];
        for split in 0..=4 {
            let mut moments = Moments::of(&numbers[..split]);
            let rest = &numbers[split..];
            moments.merge(&Moments::about(5.0, [rest, rest, rest], |x, _, _| x));
            assert!((moments.mean - 4.0).abs() < 1e-15);
            assert!((moments.variance() - 50.0 / 3.0).abs() < 1e-14);
            assert!((moments.variance_of_mean() - 50.0 / 12.0).abs() < 1e-14);
        }
    }
}
