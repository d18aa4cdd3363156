//! Beliefs of rewards that are not 0/1: their laws against an independent implementation and against quadrature, and the
//! probability of being best among them against brute force and against the march of Beta posteriors.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use statrs::distribution::{ContinuousCDF, StudentsT};
use tactful::belief::best::{probability_best, probability_best_of};
use tactful::belief::{Beta, Gamma, Marginal, NormalInverseGamma, ZeroInflated};

fn rng(seed: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(seed)
}

/// 10 to a power drawn evenly.
fn power(rng: &mut Xoshiro256PlusPlus, least: f64, most: f64) -> f64 {
    10_f64.powf(rng.random_range(least..most))
}

/// Cells of the brute force, twenty times as many as the quadrature has nodes.
const CELLS: usize = 6_000;

/// The probability of being best by the middle rule, every distribution function by itself, in the mean or its logarithm.
fn brute_force<M: Marginal>(marginals: &[M]) -> Vec<f64> {
    let end = |p: f64| marginals.iter().map(move |marginal| marginal.quantile(p));
    let (low, high) = (end(1e-9).fold(f64::NEG_INFINITY, f64::max), end(1.0 - 1e-9).fold(0.0, f64::max));
    // Cells of equal size on an axis that ends in the long tails: the middle is where most of the probability is.
    let middle = end(0.5).fold(f64::NEG_INFINITY, f64::max);
    let narrowest =
        marginals.iter().map(|m| m.quantile(0.84) - m.quantile(0.16)).fold(f64::INFINITY, f64::min);
    let (from, to) = (((low - middle) / narrowest).asinh(), ((high - middle) / narrowest).asinh());
    let step = (to - from) / CELLS as f64;
    let mut shares = vec![0.0; marginals.len()];
    for cell in 0..CELLS {
        let place = from + step * (cell as f64 + 0.5);
        let x = middle + narrowest * place.sinh();
        let cdfs: Vec<f64> = marginals.iter().map(|marginal| marginal.cdf(x)).collect();
        for (k, marginal) in marginals.iter().enumerate() {
            let rivals: f64 = (0..cdfs.len()).filter(|&j| j != k).map(|j| cdfs[j]).product();
            shares[k] += marginal.density(x) * rivals * step * narrowest * place.cosh();
        }
    }
    shares
}

fn total_variation(found: &[f64], expected: &[f64]) -> f64 {
    found.iter().zip(expected).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0
}

/// Asserts that the quadrature agrees with brute force.
fn agrees<M: Marginal + std::fmt::Debug>(marginals: &[M]) -> f64 {
    let found = probability_best_of(marginals);
    let sum: f64 = found.iter().sum();
    assert!((sum - 1.0).abs() < 1e-12, "the sum is {sum}");
    let off = total_variation(&found, &brute_force(marginals));
    assert!(off < 1e-6, "off by {off}: {found:?} for {marginals:?}");
    off
}

#[test]
fn the_gamma_law_is_that_of_statrs() {
    let mut rng = rng(1);
    for _ in 0..2_000 {
        let (shape, rate) = (power(&mut rng, -1.3, 3.4), power(&mut rng, -6.0, 6.0));
        let gamma = Gamma::new(shape, rate).unwrap();
        let reference = statrs::distribution::Gamma::new(shape, rate).unwrap();
        let x = gamma.mean() * (rng.random_range(-3.0..3.0) / shape.sqrt()).exp();
        let (cdf, expected) = (gamma.cdf(x), reference.cdf(x));
        assert!((cdf - expected).abs() < 1e-9, "{gamma:?} at {x}: {cdf}, not {expected}");
        assert!((cdf + gamma.survival(x) - 1.0).abs() < 1e-12);
        if cdf > 1e-6 && cdf < 1.0 - 1e-6 {
            let back = gamma.quantile(cdf);
            assert!((gamma.cdf(back) - cdf).abs() < 1e-11, "{gamma:?}: {x} and {back}");
        }
    }
}

/// Next to where one method gives way to another, and by the Gaussian that a Gamma of huge shape is.
#[test]
fn the_gamma_law_of_large_shapes() {
    for x in [0.9, 0.97, 1.0, 1.01, 1.05] {
        let [below, above] =
            [2_999.999_999_5, 3_000.000_000_5].map(|shape| Gamma::new(shape, 3_000.0).unwrap().cdf(x));
        assert!((below - above).abs() < 3e-8, "{x}: {below} {above}");
    }
    let huge = Gamma::new(1e12, 1e12).unwrap();
    for (z, expected) in [(-2.0, 0.022_750_131_948), (0.0, 0.5), (1.0, 0.841_344_746_069)] {
        let found = huge.cdf(1.0 + z * 1e-6);
        assert!((found - expected).abs() < 1e-6, "{z}: {found}");
    }
}

#[test]
fn the_mean_of_a_gaussian_is_the_t_of_statrs() {
    let mut rng = rng(2);
    for _ in 0..2_000 {
        let shape = power(&mut rng, -0.5, 5.0);
        let belief =
            NormalInverseGamma::new(0.2, power(&mut rng, -2.0, 4.0), shape, power(&mut rng, -8.0, 2.0))
                .unwrap();
        let student = belief.marginal();
        let reference = StudentsT::new(student.location(), student.scale(), 2.0 * shape).unwrap();
        let x = student.location() + student.scale() * rng.random_range(-6.0..6.0);
        let (cdf, expected) = (student.cdf(x), reference.cdf(x));
        assert!((cdf - expected).abs() < 1e-9, "{student:?} at {x}: {cdf}, not {expected}");
        let density = {
            let h = 1e-4 * student.scale();
            (student.cdf(x + h) - student.cdf(x - h)) / (2.0 * h)
        };
        let relative = student.density(x) / density - 1.0;
        assert!(relative.abs() < 1e-5 || density * student.scale() < 1e-4, "{student:?} at {x}: {relative}");
        // As far as the digits of a location of 0.2 say where beside it a point is.
        let off = (student.cdf(student.quantile(0.01)) - 0.01).abs();
        assert!(off < 1e-12 + 1e-16 / student.scale(), "{student:?}: {off}");
    }
}

/// By the middle rule over p, and by draws of what the conjugate update says.
#[test]
fn the_zero_inflated_law_by_brute_force() {
    let mut rng = rng(3);
    for _ in 0..60 {
        let messages = power(&mut rng, 0.0, 4.0).ceil();
        let paid = (messages * power(&mut rng, -2.5, 0.0)).floor();
        let variation = power(&mut rng, -1.0, 0.5);
        let prior = ZeroInflated::new(Beta::UNIFORM, 0.1, variation).unwrap();
        let belief = prior.updated(messages, paid, 0.12 * paid);
        let law = belief.marginal();
        let form = 1.0 / (variation * variation);
        let inverse = Gamma::new(form * (paid + 1.0) + 1.0, form * (0.12 * paid + 0.1)).unwrap();
        let x = belief.mean() * rng.random_range(0.3..2.0);
        let strips = 40_000;
        // Of equal probability in p, but for what lies outside.
        let (low, high) = (belief.pays().quantile(1e-12), belief.pays().upper_quantile(1e-12));
        let step = (high.ln() - low.ln()) / f64::from(strips);
        let expected: f64 = (0..strips)
            .map(|strip| {
                let p = (low.ln() + step * (f64::from(strip) + 0.5)).exp();
                Marginal::density(&belief.pays(), p) * p * step * inverse.cdf(p / x)
            })
            .sum();
        let found = law.survival(x);
        assert!((found - expected).abs() < 1e-7, "{belief:?} at {x}: {found}, not {expected}");
        assert!((found + law.cdf(x) - 1.0).abs() < 1e-12);
        let h = 1e-4 * x;
        let density = (law.cdf(x + h) - law.cdf(x - h)) / (2.0 * h);
        assert!((law.density(x) - density).abs() < 1e-4 * density.max(1e-3 / x), "{belief:?} at {x}");
    }
}

#[test]
fn best_among_betas_is_what_the_march_says() {
    let mut rng = rng(4);
    let mut worst = 0.0_f64;
    for round in 0..300 {
        let arms = [2, 3, 10, 60][round % 4];
        let size = power(&mut rng, 0.0, 6.0);
        let rate = power(&mut rng, -2.0, -0.2);
        let posterior = |_| {
            let n = (size * power(&mut rng, -1.0, 0.5)).floor();
            let paid = (n * (rate * rng.random_range(0.7..1.2)).min(1.0)).floor();
            Beta::UNIFORM.updated(paid, n - paid)
        };
        let posteriors: Vec<Beta> = (0..arms).map(posterior).collect();
        let mut expected = Vec::new();
        probability_best(&posteriors, &mut expected);
        let off = total_variation(&probability_best_of(&posteriors), &expected);
        assert!(off < 1e-6, "off by {off} for {posteriors:?}");
        worst = worst.max(off);
    }
    println!("total variation to the march: {worst:e} at most");
}

#[test]
fn best_among_counts() {
    let mut rng = rng(5);
    let mut worst = 0.0_f64;
    for round in 0..40 {
        let trials = power(&mut rng, 0.0, 5.0);
        let mean = power(&mut rng, -2.0, 1.0);
        let posterior = |_| {
            let n = (trials * power(&mut rng, -1.0, 0.3)).floor();
            Gamma::new(1.0, 1.0).unwrap().updated((n * mean * rng.random_range(0.8..1.2)).floor(), n)
        };
        worst = worst.max(agrees(&(0..[2, 5, 12][round % 3]).map(posterior).collect::<Vec<_>>()));
    }
    println!("total variation to brute force: {worst:e} at most");
}

#[test]
fn best_among_gaussians() {
    let mut rng = rng(6);
    let mut worst = 0.0_f64;
    for round in 0..40 {
        let rewards = power(&mut rng, 0.0, 5.0);
        let prior = NormalInverseGamma::new(0.1, 1.0, 1.0, 0.01).unwrap();
        let posterior = |_| {
            let n = (rewards * power(&mut rng, -1.0, 0.3)).floor();
            let mean = 0.1 + 0.3 / rewards.sqrt() * rng.random_range(-1.0..1.0);
            prior.updated(n, n * mean, n * (mean * mean + 0.01 * rng.random_range(0.5..2.0))).marginal()
        };
        worst = worst.max(agrees(&(0..[2, 5, 12][round % 3]).map(posterior).collect::<Vec<_>>()));
    }
    println!("total variation to brute force: {worst:e} at most");
}

#[test]
fn best_among_amounts() {
    let mut rng = rng(7);
    let mut worst = 0.0_f64;
    for round in 0..12 {
        let messages = power(&mut rng, 0.5, 4.0);
        let prior = ZeroInflated::new(Beta::UNIFORM, 0.1, [0.3, 1.0, 2.0][round % 3]).unwrap();
        let posterior = |_| {
            let n = (messages * power(&mut rng, -0.5, 0.3)).floor();
            let paid = (n * rng.random_range(0.02..0.08)).floor();
            prior.updated(n, paid, paid * rng.random_range(0.05..0.15)).marginal()
        };
        worst = worst.max(agrees(&(0..[2, 4][round % 2]).map(posterior).collect::<Vec<_>>()));
    }
    println!("total variation to brute force: {worst:e} at most");
}

/// A posterior of ten million counts beside one of three, a thousand alike, and an arm that cannot win.
#[test]
fn best_among_unlike_ones() {
    let prior = Gamma::new(1.0, 1.0).unwrap();
    let [narrow, wide, hopeless] =
        [(1e7, 1e7), (2.0, 2.0), (10.0, 1e6)].map(|(sum, n)| prior.updated(sum, n));
    // The narrow one is next to a point: who is better is whether the wide one is above it.
    let above = wide.survival(narrow.mean());
    let found = probability_best_of(&[narrow, wide, hopeless]);
    assert!((found[1] - above).abs() < 1e-6 && found[2] < 1e-9, "{found:?}, {above}");
    let mut many = vec![wide; 1_000];
    many.push(prior);
    let found = probability_best_of(&many);
    assert!((found[..1_000].iter().sum::<f64>() + found[1_000] - 1.0).abs() < 1e-12);
    assert!(found[..1_000].iter().all(|share| share.to_bits() == found[0].to_bits()));
    // By hand for two Student laws that differ by location only: the one further right is the better more often than not.
    let gauss = |mean: f64| NormalInverseGamma::new(mean, 1.0, 1.0, 1.0).unwrap().marginal();
    let found = probability_best_of(&[gauss(0.0), gauss(0.0)]);
    assert_eq!(found, [0.5; 2]);
    assert!(probability_best_of::<Gamma>(&[]).is_empty());
    agrees(&[gauss(0.0), gauss(1e3), NormalInverseGamma::new(0.0, 1e6, 1e5, 1.0).unwrap().marginal()]);
}
