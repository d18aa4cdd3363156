//! Distribution functions and quantiles of posteriors, against another implementation and forty digits.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use statrs::function::beta::beta_reg;
use tactful::belief::Beta;

const LARGEST: f64 = (1_u64 << 40) as f64;

#[test]
fn upper_tails_of_forty_digits() {
    for (alpha, beta, x, expected) in [
        (0.05, 0.05, 0.3, 0.519_781_671_994_189_8),
        (0.05, 0.05, 0.999, 0.355_348_606_541_156),
        (0.05, LARGEST, 1.0e-13, 0.084_822_993_129_568_66),
        (0.5, 0.5, 0.9, 0.204_832_764_699_133_42),
        (2.5, 1_000_000.0, 6.0e-06, 0.034_787_163_905_248_955),
        (41.0, 961.0, 0.06, 0.003_100_408_904_574_609),
        (1.0, 1_000.0, 0.01, 4.317_124_741_065_824e-05),
        (3_001.0, 5_000.0, 0.4, 2.449_753_589_535_638e-06),
        (3_001.0, 5_000.0, 0.39, 0.003_026_455_191_986_899_4),
        (2_999.0, 1_000_000_000.0, 3.1e-06, 0.033_607_117_976_535_11),
        (1_000_000.0, 1_000_000.0, 0.501, 0.002_338_849_406_931_504_6),
        (LARGEST, LARGEST, 0.500_001_5, 4.318_951_776_547_82e-06),
        (100_000.0, 1_000_000_000.0, 0.000_101, 0.000_724_425_688_124_146_3),
        (200.0, 0.3, 0.999_9, 0.342_825_244_151_272_1),
        (2_999.0, 3_500.0, 0.48, 0.001_373_525_946_250_399_4),
    ] {
        let posterior = Beta::new(alpha, beta).unwrap();
        let found = posterior.survival(x);
        // x itself is a rounded number: a tail moves by as many of its deviations as it does.
        let deviations = 1e-16 * x / posterior.variance().sqrt();
        let error = (found / expected - 1.0).abs();
        println!("Beta({alpha}, {beta}) above {x}: {found:e}, relative error {error:e}");
        assert!(
            error < 3e-13 + 20.0 * deviations,
            "Beta({alpha}, {beta}) above {x}: {found}, not {expected}"
        );
        assert!((posterior.cdf(x) + found - 1.0).abs() < 1e-15);
    }
}

/// Shapes from 0.05 to the limit, evenly in their logarithms.
fn shape(rng: &mut Xoshiro256PlusPlus, most: f64) -> f64 {
    (0.05 * (most / 0.05).powf(rng.random::<f64>())).min(most)
}

#[test]
fn quantiles_are_inverse_to_tails_whatever_the_shapes() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut worst: f64 = 0.0;
    for _ in 0..40_000 {
        let posterior = Beta::new(shape(&mut rng, LARGEST), shape(&mut rng, LARGEST)).unwrap();
        let tail = 0.5 * 1e-13_f64.powf(rng.random::<f64>());
        for (x, found) in [
            (posterior.quantile(tail), posterior.cdf(posterior.quantile(tail))),
            (posterior.upper_quantile(tail), posterior.survival(posterior.upper_quantile(tail))),
        ] {
            assert!((0.0..=1.0).contains(&x), "{posterior:?}, tail {tail}: {x}");
            // What four spacings of numbers around x makes of the tail: there are some roundings on the way; where that is much, nothing is to be seen.
            let spacing = 8e-16 * x;
            let (before, after) = (posterior.survival(x - spacing), posterior.survival(x + spacing));
            let (low, high) = (posterior.cdf(x - spacing), posterior.cdf(x + spacing));
            let blur = if found == posterior.survival(x) { before - after } else { high - low };
            let error = ((found - tail).abs() - blur).max(0.0) / tail;
            if x > 1e-290 && 1.0 - x > 1e-300 && blur < 0.01 * tail {
                worst = worst.max(error);
                assert!(error < 1e-11, "{posterior:?}, tail {tail}: at {x} it is {found}");
            }
        }
    }
    println!("largest relative error {worst:e}");
}

#[test]
fn the_distribution_function_is_that_of_another_implementation() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(2);
    let mut worst: f64 = 0.0;
    for _ in 0..20_000 {
        let posterior = Beta::new(shape(&mut rng, 1e5), shape(&mut rng, 1e5)).unwrap();
        let x = posterior.quantile(rng.random::<f64>());
        // It has no complement of x, and loses digits next to one.
        if x > 0.0 && x < 0.999 {
            let error = (posterior.cdf(x) - beta_reg(posterior.alpha(), posterior.beta(), x)).abs();
            worst = worst.max(error);
            // Its logarithms of Γ cancel: 10⁻¹⁶ of some millions.
            assert!(error < 1e-8, "{posterior:?} below {x}: {error}");
        }
    }
    println!("largest difference {worst:e}");
}

#[test]
fn quantiles_by_hand_and_at_the_ends() {
    assert!((Beta::UNIFORM.quantile(0.3) - 0.3).abs() < 1e-15);
    // 1 − (1 − x)⁵ and x⁵.
    let (least, most) = (Beta::new(1.0, 5.0).unwrap(), Beta::new(5.0, 1.0).unwrap());
    assert!((least.upper_quantile(1e-20) - (1.0 - 1e-4)).abs() < 1e-15);
    assert!((most.quantile(1e-20) / 1e-4 - 1.0).abs() < 1e-13);
    // arcsine law: sin²(πp/2).
    let jeffreys = Beta::JEFFREYS.quantile(0.1);
    assert!((jeffreys - (std::f64::consts::PI * 0.05).sin().powi(2)).abs() < 1e-14);
    for (p, quantile) in [(0.0, 0.0), (-1.0, 0.0), (1.0, 1.0), (2.0, 1.0)] {
        assert_eq!((least.quantile(p), most.upper_quantile(1.0 - p)), (quantile, quantile));
    }
    assert_eq!((least.cdf(-1.0), least.cdf(0.0), least.cdf(1.0), least.survival(2.0)), (0.0, 0.0, 1.0, 0.0));
}

#[test]
fn the_mean_of_the_worst_part() {
    // Uniform: half the quantile. Beta(2, 1), F = x²: ⅔ of it.
    assert!((Beta::UNIFORM.lower_mean(0.1) - 0.05).abs() < 1e-14);
    let triangle = Beta::new(2.0, 1.0).unwrap();
    assert!((triangle.lower_mean(0.04) - 0.2 * 2.0 / 3.0).abs() < 1e-14);
    let posterior = Beta::UNIFORM.updated(20.0, 980.0);
    assert_eq!(posterior.lower_mean(1.0), posterior.mean());
    let means: Vec<f64> = [1e-9, 0.01, 0.2, 0.7, 1.0].map(|part| posterior.lower_mean(part)).to_vec();
    assert!(means.is_sorted() && means[0] > 0.0, "{means:?}");
}
