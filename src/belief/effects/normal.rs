//! Standard normal variates: the area under the density cut into layers, the same bits everywhere.

use rand::Rng;

/// Layers of equal area under f(x) = e^(−x²/2), x ≥ 0; eight bits of a word choose one.
const LAYERS: usize = 256;

/// Where the lowest layer ends and the tail begins, f there, and the area of a layer, which is that of the lowest with the tail:
/// R f(R) + ∫_R^∞ f. R is such that the highest layer ends at f(0).
const TAIL: f64 = 3.654_152_885_361_009;
const AT_TAIL: f64 = 1.260_285_930_498_598e-3;
const AREA: f64 = 4.928_673_233_974_657e-3;

/// Where each layer ends, and f there; the lowest as if it were as high as wide enough for its area, and one more that is empty.
static ENDS: [(f64, f64); LAYERS + 1] = ends();

/// A standard normal variate, from one word of a generator in 99 of 100 times.
///
/// G. Marsaglia, W. W. Tsang (2000), *The Ziggurat Method for Generating Random Variables*; layer and place are from different bits,
/// as J. A. Doornik (2005), *An Improved Ziggurat Method to Generate Normal Random Samples*, advises.
#[inline]
pub(super) fn standard<R: Rng + ?Sized>(rng: &mut R) -> f64 {
    let (layer, x) = proposed(rng);
    if x.abs() < ENDS[layer + 1].0 { x } else { at_the_edge(layer, x, rng) }
}

/// A layer, and a place in it.
#[inline]
fn proposed<R: Rng + ?Sized>(rng: &mut R) -> (usize, f64) {
    let word = rng.next_u64();
    let layer = (word % LAYERS as u64) as usize;
    // The middle of one of 2⁵³ cells of (−1, 1).
    let place = ((word as i64 >> 11) as f64 + 0.5) * (1.0 / 4_503_599_627_370_496.0);
    (layer, place * ENDS[layer].0)
}

/// A variate where the first proposal is not below the next layer.
#[cold]
fn at_the_edge<R: Rng + ?Sized>(mut layer: usize, mut x: f64, rng: &mut R) -> f64 {
    loop {
        let (inner, high) = ENDS[layer + 1];
        if x.abs() < inner {
            return x;
        }
        if layer == 0 {
            return if x < 0.0 { -tail(rng) } else { tail(rng) };
        }
        let low = ENDS[layer].1;
        if low + (high - low) * uniform(rng) < libm::exp(-0.5 * x * x) {
            return x;
        }
        (layer, x) = proposed(rng);
    }
}

/// A variate beyond [`TAIL`].
///
/// G. Marsaglia (1964), *Generating a Variable from the Tail of the Normal Distribution*.
fn tail<R: Rng + ?Sized>(rng: &mut R) -> f64 {
    loop {
        let beyond = -libm::log(uniform(rng)) / TAIL;
        if -2.0 * libm::log(uniform(rng)) > beyond * beyond {
            return TAIL + beyond;
        }
    }
}

/// In (0, 1).
fn uniform<R: Rng + ?Sized>(rng: &mut R) -> f64 {
    ((rng.next_u64() >> 11) as f64 + 0.5) * (1.0 / 9_007_199_254_740_992.0)
}

/// From the tail up: each layer is higher by its area over its width.
const fn ends() -> [(f64, f64); LAYERS + 1] {
    let mut ends = [(0.0, 1.0); LAYERS + 1];
    ends[0] = (AREA / AT_TAIL, 0.0);
    ends[1] = (TAIL, AT_TAIL);
    let mut layer = 2;
    while layer < LAYERS {
        let (width, height) = ends[layer - 1];
        let height = height + AREA / width;
        ends[layer] = (root(-2.0 * ln(height)), height);
        layer += 1;
    }
    ends
}

/// √x for x in (0, 100), when the crate is compiled: Newton's method.
const fn root(x: f64) -> f64 {
    let (mut root, mut step) = (10.0, 0);
    while step < 12 {
        root = 0.5 * (root + x / root);
        step += 1;
    }
    root
}

/// ln x for x in (0, 1], when the crate is compiled: by ln x = 2 artanh((x − 1) / (x + 1)) for mantissas in (¾, 1½].
const fn ln(x: f64) -> f64 {
    let (mut x, mut doubled) = (x, 0.0);
    while x <= 0.75 {
        x *= 2.0;
        doubled += 1.0;
    }
    let s = (x - 1.0) / (x + 1.0);
    let (mut sum, mut power) = (0.0, 41);
    while power > 0 {
        sum = sum * s * s + 1.0 / power as f64;
        power -= 2;
    }
    2.0 * s * sum - doubled * std::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::Xoshiro256PlusPlus;
    use statrs::distribution::{ChiSquared, ContinuousCDF, Normal};

    use super::*;

    /// All layers have the same area, and the highest ends where the density does.
    #[test]
    fn layers_are_equal() {
        for pair in ENDS[1..].windows(2) {
            let [(width, low), (_, high)] = [pair[0], pair[1]];
            assert!((width * (high - low) / AREA - 1.0).abs() < 1e-9, "{pair:?}");
        }
        for &(end, height) in &ENDS[1..] {
            assert!((libm::exp(-0.5 * end * end) - height).abs() < 1e-15, "{end}: {height}");
        }
    }

    /// Pearson's χ² of 10⁶ variates in cells of an eighth from −4 to 4, beyond which are 63 in expectation, and of tails, at level
    /// 10⁻⁶.
    #[test]
    fn variates_are_normal() {
        let normal = Normal::new(0.0, 1.0).unwrap();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(9);
        const DRAWS: u32 = 1_000_000;
        let mut cells = [0_u32; 66];
        for _ in 0..DRAWS {
            let place = ((standard(&mut rng) + 4.0) * 8.0).floor();
            cells[(place + 1.0).clamp(0.0, 65.0) as usize] += 1;
        }
        let below = |cell: usize| if cell == 66 { 1.0 } else { normal.cdf((cell as f64 - 1.0) / 8.0 - 4.0) };
        let mut statistic = 0.0;
        for (cell, &seen) in cells.iter().enumerate() {
            let before = if cell == 0 { 0.0 } else { below(cell) };
            let expected = f64::from(DRAWS) * (below(cell + 1) - before);
            statistic += (f64::from(seen) - expected).powi(2) / expected;
        }
        let p = ChiSquared::new(65.0).unwrap().sf(statistic);
        assert!(p > 1e-6, "χ² = {statistic} has p = {p}");
    }

    /// The tail alone: the share beyond 4 of what is beyond its beginning, which a layer of 400 draws from, to 5 standard errors.
    #[test]
    fn tails_are_normal() {
        let normal = Normal::new(0.0, 1.0).unwrap();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(10);
        const DRAWS: u32 = 200_000;
        for limit in [3.8, 4.0, 4.5] {
            let share = normal.sf(limit) / normal.sf(TAIL);
            let seen = (0..DRAWS).filter(|_| tail(&mut rng) > limit).count() as f64 / f64::from(DRAWS);
            let error = (share * (1.0 - share) / f64::from(DRAWS)).sqrt();
            assert!((seen - share).abs() < 5.0 * error, "beyond {limit}: {seen} against {share}");
        }
    }
}
