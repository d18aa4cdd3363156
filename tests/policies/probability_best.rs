//! The probability of being best against three references that share no code with it: exact finite sums, the incomplete
//! beta function of a library, and a fine quadrature of densities normalised by their own integral.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use statrs::function::beta::beta_reg;
use tactful::belief::Beta;
use tactful::belief::best::{Workspace, probability_best};

/// The promise for any number of arms: total variation.
const ANY: f64 = 1e-6;

/// The promise for up to eight different posteriors with shapes up to 2³⁶: absolute error of each probability.
const FEW: f64 = 1e-9;

/// The same for the greatest shapes, where rounding shows.
const FEW_HUGE: f64 = 1e-8;

fn beta(a: f64, b: f64) -> Beta {
    Beta::new(a, b).expect("admissible shapes")
}

fn computed(posteriors: &[Beta]) -> Vec<f64> {
    let mut probabilities = Vec::new();
    probability_best(posteriors, &mut probabilities);
    assert_eq!(probabilities.len(), posteriors.len());
    let sum: f64 = probabilities.iter().sum();
    assert!((sum - 1.0).abs() < 1e-12, "the sum is {sum}");
    assert!(probabilities.iter().all(|p| (0.0..=1.0).contains(p)));
    probabilities
}

fn total_variation(found: &[f64], expected: &[f64]) -> f64 {
    0.5 * found.iter().zip(expected).map(|(p, q)| (p - q).abs()).sum::<f64>()
}

fn greatest_error(found: &[f64], expected: &[f64]) -> f64 {
    found.iter().zip(expected).fold(0.0, |greatest, (p, q)| greatest.max((p - q).abs()))
}

/// P(B > A) for whole shapes, by the finite sum over α_B (Miller 2014, "Formulas for Bayesian A/B testing"), its terms
/// from one another.
fn exact_second_beats_first(first: (u32, u32), second: (u32, u32)) -> f64 {
    let (a, b) = (f64::from(first.0), f64::from(first.1));
    let d = f64::from(second.1);
    let mut log_term: f64 =
        (0..second.1).map(|j| libm::log((b + f64::from(j)) / (a + b + f64::from(j)))).sum();
    let mut sum = 0.0;
    for i in (0..second.0).map(f64::from) {
        sum += libm::exp(log_term);
        log_term += libm::log((a + i) / (a + i + b + d) * ((d + i) / (i + 1.0)));
    }
    sum
}

/// One different posterior of the reference: its density relative to its mode, as a function of the logit.
struct Arm {
    a: f64,
    b: f64,
    size: f64,
    mode: f64,
    /// Where the density matters: outside it is below e⁻⁴⁵ of its peak.
    support: (f64, f64),
}

impl Arm {
    fn new(a: f64, b: f64, size: f64) -> Arm {
        let mut arm = Arm { a, b, size, mode: libm::log(a / b), support: (0.0, 0.0) };
        let reach = |sign: f64| {
            let (mut low, mut high) = (0.0, 1400.0);
            for _ in 0..60 {
                let middle = 0.5 * (low + high);
                if arm.log_density(arm.mode + sign * middle) > -45.0 { low = middle } else { high = middle }
            }
            high
        };
        arm.support = (arm.mode - reach(-1.0), arm.mode + reach(1.0));
        arm
    }

    /// ln of the density over its peak. From the distance to the mode, so that no large numbers cancel.
    fn log_density(&self, y: f64) -> f64 {
        let (n, t) = (self.a + self.b, y - self.mode);
        let (m, complement) = (self.a / n, self.b / n);
        let (u, v) = if self.a < self.b {
            // Far out, where expm1 would overflow, only its logarithm counts.
            let u = if t < 300.0 { t - libm::log1p(m * libm::expm1(t)) } else { -libm::log(m) };
            (u, if t < 300.0 { -libm::log1p(m * libm::expm1(t)) } else { u - t })
        } else {
            let v = if t > -300.0 {
                -t - libm::log1p(complement * libm::expm1(-t))
            } else {
                -libm::log(complement)
            };
            (if t > -300.0 { -libm::log1p(complement * libm::expm1(-t)) } else { v + t }, v)
        };
        self.a * u + self.b * v
    }

    fn density(&self, y: f64) -> f64 {
        libm::exp(self.log_density(y))
    }

    /// The greatest width of a cell that starts at y.
    fn cell(&self, y: f64) -> f64 {
        if y >= self.support.1 {
            return f64::INFINITY;
        }
        if y < self.support.0 {
            return self.support.0 - y;
        }
        // The curvature anywhere in the cell (at most half a logit wide) is at most e^½ times that at its start.
        let x = 1.0 / (1.0 + libm::exp(-y));
        0.4 / ((self.a + self.b) * x * (1.0 - x)).max(1e-300).sqrt()
    }
}

/// Nodes and weights of the five-point Gauss-Legendre rule on [0, 1], from the closed form.
fn five_points() -> [(f64, f64); 5] {
    let root = (10.0_f64 / 7.0).sqrt();
    let (inner, outer) = ((5.0 - 2.0 * root).sqrt() / 3.0, (5.0 + 2.0 * root).sqrt() / 3.0);
    let seventy = 13.0 * 70.0_f64.sqrt();
    let (heavy, light) = ((322.0 + seventy) / 1800.0, (322.0 - seventy) / 1800.0);
    [(-outer, light), (-inner, heavy), (0.0, 64.0 / 225.0), (inner, heavy), (outer, light)]
        .map(|(place, weight)| (0.5 + 0.5 * place, weight))
}

/// ∫ over [from, to] by the three-point Gauss-Legendre rule.
fn three_point_integral(from: f64, to: f64, density: impl Fn(f64) -> f64) -> f64 {
    let (middle, half) = (0.5 * (from + to), 0.5 * (to - from));
    let z = half * 0.6_f64.sqrt();
    half * (5.0 * (density(middle - z) + density(middle + z)) + 8.0 * density(middle)) / 9.0
}

/// The different posteriors, and which of them each arm has.
fn arms_of(posteriors: &[Beta]) -> (Vec<Arm>, Vec<usize>) {
    let mut of_shapes = std::collections::HashMap::new();
    let mut shapes: Vec<(f64, f64, f64)> = Vec::new();
    let of = posteriors
        .iter()
        .map(|p| {
            let class = *of_shapes.entry((p.alpha().to_bits(), p.beta().to_bits())).or_insert_with(|| {
                shapes.push((p.alpha(), p.beta(), 0.0));
                shapes.len() - 1
            });
            shapes[class].2 += 1.0;
            class
        })
        .collect();
    (shapes.into_iter().map(|(a, b, size)| Arm::new(a, b, size)).collect(), of)
}

/// Cells from left to right, each narrow against every posterior that matters in it. They start where the arm with the
/// greatest lower end begins: left of it the product of distribution functions is nothing.
fn cells(arms: &[Arm]) -> Vec<(f64, f64)> {
    // The greatest of many is distributed more narrowly than each of them.
    let many = arms.iter().map(|arm| arm.size).sum::<f64>();
    let fraction = 1.0 / (1.0 + 0.2 * libm::log(many));
    let start = arms.iter().fold(f64::NEG_INFINITY, |start, arm| start.max(arm.support.0));
    let end = arms.iter().fold(f64::NEG_INFINITY, |end, arm| end.max(arm.support.1));
    let mut cells = Vec::new();
    let mut y = start;
    while y < end {
        let width = arms.iter().fold(0.5 * fraction, |width, arm| width.min(fraction * arm.cell(y)));
        let next = y + width;
        assert!(next > y, "the cells stand still at {y}");
        cells.push((y, next));
        y = next;
    }
    cells
}

/// The reference: each distribution function is cumulated from left to right between the nodes of the outer rule.
fn reference(posteriors: &[Beta]) -> Vec<f64> {
    let (arms, of) = arms_of(posteriors);
    let cells = cells(&arms);
    let rule = five_points();
    let nodes: Vec<(f64, f64)> = cells
        .iter()
        .flat_map(|&(from, to)| {
            rule.map(|(place, weight)| (from + (to - from) * place, weight * (to - from)))
        })
        .collect();
    let cumulated = |arm: &Arm| -> (Vec<f64>, f64) {
        // What lies left of the first cell, integrated on its own, in steps of a fiftieth of the way.
        let start = cells[0].0;
        let mut sum = 0.0;
        if arm.support.0 < start {
            let mut y = arm.support.0;
            while y < start {
                let next = (y + 0.25 * arm.cell(y).min(0.5)).min(start);
                sum += three_point_integral(y, next, |y| arm.density(y));
                y = next;
            }
        }
        let mut at_nodes = Vec::with_capacity(nodes.len());
        for (cell, five) in cells.iter().zip(nodes.chunks(rule.len())) {
            let mut from = cell.0;
            for &(y, _) in five {
                sum += three_point_integral(from, y, |y| arm.density(y));
                at_nodes.push(sum);
                from = y;
            }
            sum += three_point_integral(from, cell.1, |y| arm.density(y));
        }
        (at_nodes, sum)
    };
    let mut log_product = vec![0.0; nodes.len()];
    let all: Vec<(Vec<f64>, f64)> = arms.iter().map(cumulated).collect();
    for (arm, (at_nodes, total)) in arms.iter().zip(&all) {
        for (log_product, cdf) in log_product.iter_mut().zip(at_nodes) {
            *log_product += arm.size * libm::log((cdf / total).max(1e-300));
        }
    }
    let of_class: Vec<f64> = arms
        .iter()
        .zip(&all)
        .map(|(arm, (at_nodes, total))| {
            let at = nodes.iter().zip(at_nodes).zip(&log_product);
            at.map(|((&(y, weight), cdf), log_product)| {
                let others = log_product - libm::log((cdf / total).max(1e-300));
                if others > -80.0 { weight * arm.density(y) / total * libm::exp(others) } else { 0.0 }
            })
            .sum()
        })
        .collect();
    of.into_iter().map(|class| of_class[class]).collect()
}

/// Another reference, for moderate shapes: distribution functions and densities from a library's functions.
fn reference_from_library(posteriors: &[Beta]) -> Vec<f64> {
    let (arms, of) = arms_of(posteriors);
    let rule = five_points();
    let mut of_class = vec![0.0; arms.len()];
    for (from, to) in cells(&arms) {
        for (place, weight) in rule {
            let y = from + (to - from) * place;
            let x = 1.0 / (1.0 + libm::exp(-y));
            let cdf = |arm: &Arm| {
                if x <= 0.0 {
                    0.0
                } else if x >= 1.0 {
                    1.0
                } else {
                    beta_reg(arm.a, arm.b, x).clamp(0.0, 1.0)
                }
            };
            let cdfs: Vec<f64> = arms.iter().map(cdf).collect();
            let product: f64 = arms.iter().zip(&cdfs).map(|(arm, cdf)| libm::pow(*cdf, arm.size)).product();
            for ((arm, cdf), probability) in arms.iter().zip(&cdfs).zip(&mut of_class) {
                let log_beta = libm::lgamma(arm.a) + libm::lgamma(arm.b) - libm::lgamma(arm.a + arm.b);
                let density = libm::exp(
                    -arm.a * libm::log1p(libm::exp(-y)) - arm.b * libm::log1p(libm::exp(y)) - log_beta,
                );
                *probability += weight * (to - from) * density * product / cdf.max(1e-300);
            }
        }
    }
    of.into_iter().map(|class| of_class[class]).collect()
}

/// A binomial count.
fn successes(rng: &mut Xoshiro256PlusPlus, trials: f64, rate: f64) -> f64 {
    if trials <= 50_000.0 {
        return (0..trials as u32).filter(|_| rng.random::<f64>() < rate).count() as f64;
    }
    // Six uniforms make a normal number that is good enough here.
    let normal = 2.0_f64.sqrt() * ((0..6).map(|_| rng.random::<f64>()).sum::<f64>() - 3.0);
    (trials * rate + normal * (trials * rate * (1.0 - rate)).sqrt()).round().clamp(0.0, trials)
}

const FAMILIES: [&str; 14] = [
    "equal pulls",
    "varied pulls",
    "one with 100 times the pulls",
    "the best with 100 times the pulls",
    "wide beside narrow",
    "near cold",
    "prior 1/2",
    "prior 0.05",
    "high rates",
    "4 billion pulls",
    "4 billion beside 200",
    "fractional",
    "rare",
    "anything",
];

/// The arms of an instance of a family.
fn instance(family: &str, arms: usize, rng: &mut Xoshiro256PlusPlus) -> Vec<Beta> {
    let posterior = |prior: f64, trials: f64, rate: f64, rng: &mut Xoshiro256PlusPlus| {
        let won = successes(rng, trials, rate);
        beta(prior, prior).updated(won, trials - won)
    };
    (0..arms)
        .map(|arm| {
            let low = rng.random_range(0.02..0.10);
            let any = rng.random::<f64>();
            match family {
                "equal pulls" => posterior(1.0, 200.0, low, rng),
                "varied pulls" => posterior(1.0, f64::from(rng.random_range(100..=300_u32)), low, rng),
                "one with 100 times the pulls" => {
                    posterior(1.0, if arm == 0 { 20_000.0 } else { 200.0 }, low, rng)
                }
                "the best with 100 times the pulls" if arm == 0 => posterior(1.0, 20_000.0, 0.1, rng),
                "the best with 100 times the pulls" => posterior(1.0, 200.0, low, rng),
                "wide beside narrow" => {
                    posterior(1.0, libm::pow(10.0, rng.random_range(1.0..5.0)).round(), low, rng)
                }
                "near cold" => posterior(1.0, f64::from(rng.random_range(0..=4_u32)), any, rng),
                "prior 1/2" => posterior(0.5, f64::from(rng.random_range(0..=7_u32)), any, rng),
                "prior 0.05" => posterior(0.05, f64::from(rng.random_range(0..=3_u32)), any, rng),
                "high rates" => posterior(
                    1.0,
                    f64::from(rng.random_range(100..=300_u32)),
                    rng.random_range(0.9..0.999),
                    rng,
                ),
                "4 billion pulls" => posterior(1.0, 4_294_967_296.0, 0.05 + 1e-5 * any, rng),
                "4 billion beside 200" => {
                    posterior(1.0, if arm % 2 == 0 { 4_294_967_296.0 } else { 200.0 }, low, rng)
                }
                "fractional" => posterior(1.0, 200.0, low, rng)
                    .updated(3.0 * rng.random::<f64>(), 40.0 * rng.random::<f64>()),
                "rare" => {
                    posterior(1.0, libm::pow(10.0, rng.random_range(1.0..4.6)).round(), 0.002 * any, rng)
                }
                "anything" => {
                    let prior = [0.05, 0.3, 0.5, 1.0, 2.5][rng.random_range(0..5)];
                    posterior(prior, libm::pow(10.0, rng.random_range(0.0..6.0)).round(), any, rng)
                }
                other => panic!("no family {other}"),
            }
        })
        .collect()
}

/// Runs an instance and asserts the promise that holds for it; returns the total variation.
fn check(posteriors: &[Beta], what: &str) -> f64 {
    let (found, expected) = (computed(posteriors), reference(posteriors));
    let sum: f64 = expected.iter().sum();
    assert!((sum - 1.0).abs() < 1e-9, "{what}: the reference sums to {sum}");
    let error = total_variation(&found, &expected);
    assert!(error <= ANY, "{what}: total variation {error:e}");
    if arms_of(posteriors).0.len() <= 8 {
        let error = greatest_error(&found, &expected);
        let huge = posteriors.iter().any(|p| p.alpha().max(p.beta()) > 2.0_f64.powi(36));
        let promise = if huge { FEW_HUGE } else { FEW };
        assert!(error <= promise, "{what}: error {error:e} of {found:?}, {expected:?}");
    }
    error
}

#[test]
fn two_arms_have_the_published_values() {
    for (first, second, expected) in [
        ((41, 961), (51, 951), 0.858_381_482),
        ((2, 3), (3, 2), 0.757_142_857),
        ((5, 97), (9, 93), 0.874_571_976),
        ((121, 2881), (153, 2849), 0.976_369_686),
    ] {
        let exact = exact_second_beats_first(first, second);
        assert!((exact - expected).abs() < 1e-9, "the sum says {exact}");
        let shapes = |(a, b): (u32, u32)| beta(f64::from(a), f64::from(b));
        let found = computed(&[shapes(first), shapes(second)]);
        assert!((found[1] - exact).abs() < FEW, "{} is not {exact}", found[1]);
        assert!((found[0] - (1.0 - exact)).abs() < FEW);
    }
}

#[test]
fn two_arms_agree_with_the_exact_sum() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    for round in 0..2_000 {
        let greatest = [4, 20, 300, 5_000][round % 4];
        let mut shapes = || (rng.random_range(1..=greatest), rng.random_range(1..=greatest));
        let (first, second) = (shapes(), shapes());
        let exact = exact_second_beats_first(first, second);
        let found = computed(&[first, second].map(|(a, b)| beta(f64::from(a), f64::from(b))));
        assert!((found[1] - exact).abs() < FEW, "{first:?} {second:?}: {} is not {exact}", found[1]);
    }
}

#[test]
fn the_references_agree_with_one_another() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(2);
    for family in
        ["equal pulls", "varied pulls", "wide beside narrow", "near cold", "prior 1/2", "high rates", "rare"]
    {
        let posteriors = instance(family, 5, &mut rng);
        let error = greatest_error(&reference(&posteriors), &reference_from_library(&posteriors));
        assert!(error < 2e-10, "{family}: {error:e}");
    }
    for (first, second) in [((41, 961), (51, 951)), ((1, 2), (7, 1)), ((3_000, 40), (100, 2))] {
        let exact = exact_second_beats_first(first, second);
        let found = reference(&[first, second].map(|(a, b)| beta(f64::from(a), f64::from(b))))[1];
        assert!((found - exact).abs() < 1e-11, "{first:?} {second:?}: {found} is not {exact}");
    }
}

#[test]
fn every_family_is_accurate() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
    for family in FAMILIES {
        for arms in [2, 3, 8, 9, 16, 128, 512] {
            let error = check(&instance(family, arms, &mut rng), &format!("{family}, {arms} arms"));
            println!("{family:34} {arms:6} {error:.1e}");
        }
    }
}

#[test]
fn random_instances_are_accurate() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(4);
    let mut worst = [(0.0_f64, String::new()), (0.0_f64, String::new())];
    for round in 0..280 {
        let family = FAMILIES[round % FAMILIES.len()];
        let arms = [2, 3, 4, 5, 8, 10, 12, 20, 33, 50][rng.random_range(0..10)];
        let what = format!("{family}, {arms} arms, round {round}");
        let error = check(&instance(family, arms, &mut rng), &what);
        let worst = &mut worst[usize::from(arms > 8)];
        if error > worst.0 {
            *worst = (error, what);
        }
    }
    println!("worst total variation {worst:?}");
}

#[test]
fn thirty_thousand_arms_are_accurate() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
    for family in ["equal pulls", "varied pulls", "one with 100 times the pulls", "near cold"] {
        let error = check(&instance(family, 30_000, &mut rng), family);
        println!("{family:34}  30000 {error:.1e}");
    }
}

#[test]
fn the_widest_beside_the_narrowest_is_accurate() {
    let (least, most) = (Beta::MIN_SHAPE, Beta::MAX_SHAPE);
    let shapes = [least, 0.5, 1.0, 40.0, 4_294_967_296.0, most];
    for a in shapes {
        for b in shapes {
            for other in
                [(1.0, 1.0), (least, least), (3.0, 40.0), (most, most), (most / 2.0, most), (least, most)]
            {
                if beta(a, b) != beta(other.0, other.1) {
                    let what = format!("Beta({a}, {b}) beside {other:?}");
                    check(&[beta(a, b), beta(other.0, other.1)], &what);
                }
            }
        }
    }
}

#[test]
fn the_whole_admissible_range_is_accurate() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(8);
    let (least, most) = (libm::log(Beta::MIN_SHAPE), libm::log(Beta::MAX_SHAPE));
    for round in 0..150 {
        let arms = [2, 3, 6, 9, 16][round % 5];
        let mut shape = || libm::exp(rng.random_range(least..most)).clamp(Beta::MIN_SHAPE, Beta::MAX_SHAPE);
        let posteriors: Vec<Beta> = (0..arms).map(|_| beta(shape(), shape())).collect();
        check(&posteriors, &format!("{arms} arms, round {round}: {posteriors:?}"));
    }
}

/// Where thousands share the best posteriors, the greatest is distributed far more narrowly than any panel that suits one
/// arm: here the march must try some panels again.
#[test]
fn thousands_of_copies_are_accurate() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(9);
    for round in 0..140 {
        let different = [2, 3, 9, 16, 30][round % 5];
        let greatest: f64 = [20.0, 400.0, 1e6, 1e11][round % 4];
        let mut shape = || libm::exp(rng.random_range(0.0..libm::log(greatest)));
        let mut posteriors: Vec<Beta> = (0..different).map(|_| beta(shape(), shape())).collect();
        for _ in 0..rng.random_range(2..3_000) {
            posteriors.push(posteriors[rng.random_range(0..different.min(3))]);
        }
        check(&posteriors, &format!("{different} posteriors, round {round}"));
    }
}

#[test]
fn extremes_of_input() {
    let mut probabilities = vec![0.25; 3];
    probability_best(&[], &mut probabilities);
    assert!(probabilities.is_empty());
    assert_eq!(computed(&[beta(3.0, 4.0)]), [1.0]);
    for arms in [2, 3, 7, 30_000] {
        let equal = vec![beta(0.5, 12.0); arms];
        assert!(computed(&equal).iter().all(|p| p.to_bits() == (1.0 / arms as f64).to_bits()));
    }
}

#[test]
fn equal_posteriors_get_equal_bits() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(6);
    for family in ["varied pulls", "near cold", "fractional"] {
        let mut posteriors = instance(family, 700, &mut rng);
        posteriors.extend(posteriors.clone());
        posteriors.extend(posteriors[..100].to_vec());
        let found = computed(&posteriors);
        let mut seen = std::collections::HashMap::new();
        for (posterior, probability) in posteriors.iter().zip(&found) {
            let shapes = (posterior.alpha().to_bits(), posterior.beta().to_bits());
            assert_eq!(seen.entry(shapes).or_insert(probability.to_bits()), &probability.to_bits());
        }
    }
}

#[test]
fn a_workspace_forgets_what_it_did_before() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
    let mut workspace = Workspace::default();
    let mut probabilities = Vec::new();
    for round in 0..60 {
        let arms = [1, 2, 5, 40, 300][round % 5];
        let posteriors = instance(FAMILIES[round % FAMILIES.len()], arms, &mut rng);
        workspace.probability_best(&posteriors, &mut probabilities);
        let bits = |probabilities: &[f64]| probabilities.iter().map(|p| p.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&probabilities), bits(&computed(&posteriors)));
    }
}
