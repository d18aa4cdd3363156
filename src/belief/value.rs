//! What it would still be worth to know better: the loss to expect from stopping now.

use super::Beta;

/// The expected maximum of independent rates with these posteriors, E max θ = ∫₀¹ (1 − Π F_j(x)) dx; 0 of none.
///
/// The loss to expect from an arm is this less its mean: E (max θ − θ_k).
///
/// Accurate to 10⁻⁹; the cost grows with the number of arms.
#[must_use]
pub fn expected_maximum(posteriors: &[Beta]) -> f64 {
    // Below the largest lower end some arm certainly is; above the largest upper end none.
    let end = |tail: f64| posteriors.iter().map(|posterior| posterior.quantile(tail)).fold(0.0, f64::max);
    let (low, high) = (end(NOTHING), end(1.0 - NOTHING));
    let alive: Vec<Beta> =
        posteriors.iter().copied().filter(|posterior| posterior.quantile(1.0 - NOTHING) >= low).collect();
    let above = |x: f64| 1.0 - alive.iter().map(|posterior| posterior.cdf(x)).product::<f64>();
    low + integral(&above, low, high, 1e-11, 40)
}

/// The *value remaining*: what the best arm is better than `champion` by, (max θ − θ_c) / θ_c, is below this with
/// probability `level`, in (0, 1).
///
/// Experiments are commonly stopped when it is below 1 % at a level of 95 %: S. L. Scott (2015), *Multi-armed bandit
/// experiments in the online service economy*. Accurate to 10⁻⁴ of itself.
///
/// # Panics
///
/// If there is no arm `champion`.
#[must_use]
pub fn value_remaining(posteriors: &[Beta], champion: usize, level: f64) -> f64 {
    let own = posteriors[champion];
    let rivals = posteriors.iter().enumerate().filter(|&(arm, _)| arm != champion).map(|(_, rival)| *rival);
    let floor = own.quantile(NOTHING);
    let rivals: Vec<Beta> = rivals.filter(|rival| rival.quantile(1.0 - NOTHING) > floor).collect();
    // The champion's rate at the middles of so many equally likely stretches.
    const STRETCHES: u32 = 1024;
    let middle = |stretch: u32| own.quantile((f64::from(stretch) + 0.5) / f64::from(STRETCHES));
    let rates: Vec<f64> = (0..STRETCHES).map(middle).collect();
    let exceeded = |value: f64| {
        let beaten = |rate: &f64| {
            let target = rate * (1.0 + value);
            1.0 - rivals.iter().map(|rival| rival.cdf(target.min(1.0))).product::<f64>()
        };
        rates.iter().map(beaten).sum::<f64>() / f64::from(STRETCHES)
    };
    let wanted = 1.0 - level;
    if exceeded(0.0) <= wanted {
        return 0.0;
    }
    let mut high = 1.0;
    // A rate cannot be more than one: beyond that multiple of the least one, nothing is left.
    while exceeded(high) > wanted && high < 1e12 {
        high *= 2.0;
    }
    let mut low = 0.0;
    while high - low > 1e-5 * high {
        let between = (low + high) / 2.0;
        match exceeded(between) > wanted {
            true => low = between,
            false => high = between,
        }
    }
    high
}

/// A tail that is nothing.
const NOTHING: f64 = 1e-13;

/// The integral over [low, high] by Simpson's rule, halved where it is not good enough (W. M. McKeeman 1962, algorithm
/// 145), at most `depth` times.
fn integral(f: &impl Fn(f64) -> f64, low: f64, high: f64, tolerance: f64, depth: u32) -> f64 {
    // Started from pieces, so that a step between three points is not overlooked.
    const PIECES: u32 = 32;
    let width = (high - low) / f64::from(PIECES);
    let piece = |piece: u32| {
        let left = low + f64::from(piece) * width;
        let ends = [f(left), f(left + width / 2.0), f(left + width)];
        simpson(f, left, width, ends, tolerance / f64::from(PIECES), depth)
    };
    (0..PIECES).map(piece).sum()
}

fn simpson(
    f: &impl Fn(f64) -> f64,
    left: f64,
    width: f64,
    [first, middle, last]: [f64; 3],
    tolerance: f64,
    depth: u32,
) -> f64 {
    let whole = width / 6.0 * (first + 4.0 * middle + last);
    let (quarter, three) = (f(left + width / 4.0), f(left + 0.75 * width));
    let halves = width / 12.0 * (first + 4.0 * quarter + 2.0 * middle + 4.0 * three + last);
    let error = (halves - whole) / 15.0;
    if depth == 0 || error.abs() <= tolerance {
        return halves + error;
    }
    let (half, tolerance) = (width / 2.0, tolerance / 2.0);
    simpson(f, left, half, [first, quarter, middle], tolerance, depth - 1)
        + simpson(f, left + half, half, [middle, three, last], tolerance, depth - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_maximum_of_uniform_rates_is_k_of_k_plus_one() {
        for arms in [1, 2, 5, 40] {
            let expected = arms as f64 / (arms as f64 + 1.0);
            let found = expected_maximum(&vec![Beta::UNIFORM; arms]);
            assert!((found - expected).abs() < 1e-9, "{arms} arms: {found}, not {expected}");
        }
        assert!(expected_maximum(&[]).abs() < 1e-12);
    }

    #[test]
    fn nothing_remains_beside_a_certain_champion() {
        let good = Beta::UNIFORM.updated(50_000.0, 50_000.0);
        let bad = Beta::UNIFORM.updated(10.0, 990.0);
        assert!(value_remaining(&[good, bad], 0, 0.95).abs() < 1e-12);
        assert!(value_remaining(&[good], 0, 0.95).abs() < 1e-12);
        // Of two uniform rates, the other is more than (1 + v) times the first with probability 1 / (2 (1 + v)): 5 % at v = 9.
        let even = value_remaining(&[Beta::UNIFORM; 2], 0, 0.95);
        assert!((even - 9.0).abs() < 0.01, "{even}");
    }
}
