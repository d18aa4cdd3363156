//! The squares of φ from sums about a first guess, so that one pass over the rounds tells both a value and its spread.
//!
//! φ needs the means that only all rounds tell. With a guess a₀ of ā and ρ₀ of Σ b / Σ c, e = a − a₀ and d = b − ρ₀ c,
//! φ = (e − ē) + (d − δ c) n / Σ c with δ = Σ d / Σ c, whose squares are sums of products of e, d and c. What such sums lose
//! by cancellation is little where the guess is good: T. F. Chan, G. H. Golub, R. J. LeVeque (1983), *Algorithms for
//! Computing the Sample Variance*. The guess is the mean of the first chunk. As its own rounds are among those that spread,
//! n (a₀ − ā)² is at most n / 512 times the sum of squares that is looked for: of ten million rounds it costs five digits of
//! sixteen at the very worst.

use super::estimator::Terms;
use super::moments::Moments;

/// Sums side by side; few, since there are several sums of each round, and all should stay in registers.
const LANES: usize = 4;

/// Sums about the guess.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Guessed {
    /// a₀ and ρ₀, from the first chunk that has any.
    mean: Option<f64>,
    ratio: Option<f64>,
    /// Σ e, Σ e².
    of_mean: [f64; 2],
    /// Σ d, Σ c, Σ d², Σ d c, Σ c².
    of_ratio: [f64; 5],
    /// Σ e d, Σ e c.
    of_both: [f64; 2],
}

impl Guessed {
    /// About the mean itself, of terms that are nothing but added.
    pub(super) fn of_moments(moments: &Moments) -> Self {
        Self { mean: Some(moments.mean), of_mean: [0.0, moments.squares], ..Self::default() }
    }

    /// Adds the terms of a chunk, with the sums of a, b and c over it.
    pub(super) fn add(&mut self, terms: &Terms, [added, numerator, denominator]: [f64; 3]) {
        let Terms { added: a, numerator: b, denominator: c } = terms;
        let mean = *self.mean.get_or_insert(added / a.len() as f64);
        if denominator > 0.0 {
            self.ratio.get_or_insert(numerator / denominator);
        }
        // Where c is 0 so is b, and any guess will do.
        let ratio = self.ratio.unwrap_or(0.0);
        if !a.is_empty() {
            raise(&mut self.of_mean, folded([a], |[a]| [a - mean, (a - mean) * (a - mean)]));
        }
        if !c.is_empty() {
            let of = |[b, c]: [f64; 2]| {
                let d = b - ratio * c;
                [d, c, d * d, d * c, c * c]
            };
            raise(&mut self.of_ratio, folded([b, c], of));
        }
        if !a.is_empty() && !c.is_empty() {
            let of = |[a, b, c]: [f64; 3]| [(a - mean) * (b - ratio * c), (a - mean) * c];
            raise(&mut self.of_both, folded([a, b, c], of));
        }
    }

    /// Σ φ² over so many rounds, infinite where squares of what is added leave the numbers there are; none where those of the
    /// ratio's parts may have. Where all φ are as good as 0, rounding may put it below.
    pub(super) fn squares(&self, rounds: usize, has_ratio: bool) -> Option<f64> {
        /// Far from the least and the largest square.
        const SAFE: std::ops::RangeInclusive<f64> = 1e-200..=1e200;
        let n = rounds as f64;
        let [e, ee] = self.of_mean;
        let alone = ee - e * e / n;
        // Rounding must not make it negative, nor squares beyond all numbers make it 0.
        let alone = if alone.is_finite() { alone.max(0.0) } else { f64::INFINITY };
        if !has_ratio {
            return Some(alone);
        }
        let [d, c, dd, dc, cc] = self.of_ratio;
        if !SAFE.contains(&cc) {
            return None;
        }
        let (delta, scale) = (d / c, n / c);
        let ratio = dd - 2.0 * delta * dc + delta * delta * cc;
        if !ratio.is_finite() {
            return None;
        }
        let [ed, ec] = self.of_both;
        let squares = alone + scale * (2.0 * (ed - delta * ec) + scale * ratio.max(0.0));
        (squares > f64::NEG_INFINITY).then_some(squares)
    }
}

fn raise<const N: usize>(sums: &mut [f64; N], by: [f64; N]) {
    sums.iter_mut().zip(by).for_each(|(sum, by)| *sum += by);
}

/// Sums of several things of each round, each in several lanes.
fn folded<const M: usize, const N: usize>(
    columns: [&[f64]; M],
    of: impl Fn([f64; M]) -> [f64; N],
) -> [f64; N] {
    let mut lanes = [[0.0; LANES]; N];
    let parted = columns.map(<[f64]>::as_chunks::<LANES>);
    let chunks = parted.iter().map(|(chunks, _)| chunks.len()).min().unwrap_or(0);
    let whole = parted.map(|(whole, _)| &whole[..chunks]);
    for chunk in 0..chunks {
        for lane in 0..LANES {
            let numbers = of(whole.map(|column| column[chunk][lane]));
            lanes.iter_mut().zip(numbers).for_each(|(lanes, number)| lanes[lane] += number);
        }
    }
    let mut sums = lanes.map(|lanes| lanes.iter().sum::<f64>());
    let rest = parted.map(|(_, rest)| rest);
    let left = rest.iter().map(|rest| rest.len()).min().unwrap_or(0);
    (0..left).for_each(|round| raise(&mut sums, of(rest.map(|column| column[round]))));
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    /// a = 1, 2, 6, b = 1, 0, 2, c = 1, 1, 2: ā = 3, ρ = 3 / 4, n / Σ c = 3 / 4, φ = −2 + 3/16, −1 − 9/16, 3 + 6/16.
    #[test]
    fn squares_by_hand_whatever_the_first_guess() {
        let columns = [[1.0, 2.0, 6.0], [1.0, 0.0, 2.0], [1.0, 1.0, 2.0]];
        for first in 1..=3 {
            let mut guessed = Guessed::default();
            for range in [0..first, first..3] {
                let [added, numerator, denominator] = columns.map(|column| column[range.clone()].to_vec());
                let sums = [&added, &numerator, &denominator].map(|column| column.iter().sum());
                if !added.is_empty() {
                    guessed.add(&Terms { added, numerator, denominator }, sums);
                }
            }
            let expected = [-29.0_f64, -25.0, 54.0].map(|phi| (phi / 16.0).powi(2)).iter().sum::<f64>();
            assert!((guessed.squares(3, true).unwrap() - expected).abs() < 1e-14);
            assert!((guessed.squares(3, false).unwrap() - 14.0).abs() < 1e-14);
        }
    }

    #[test]
    fn what_cannot_be_squared_is_left_to_a_second_pass() {
        for weight in [1e-160, 1e160] {
            let mut guessed = Guessed::default();
            let terms = Terms { added: Vec::new(), numerator: vec![weight], denominator: vec![weight] };
            guessed.add(&terms, [0.0, weight, weight]);
            assert_eq!(guessed.squares(1, true), None);
        }
    }

    #[test]
    fn squares_beyond_all_numbers_are_no_certainty() {
        let mut guessed = Guessed::default();
        let terms = Terms { added: vec![1e200, 0.0], numerator: Vec::new(), denominator: Vec::new() };
        guessed.add(&terms, [1e200, 0.0, 0.0]);
        assert_eq!(guessed.squares(2, false), Some(f64::INFINITY));
    }
}
