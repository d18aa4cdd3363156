//! The march over Gaussians: that over Betas on the mean itself, where every log-density is a parabola.
//!
//! Panels, their rule, their check and the tolerances are those of the [Beta march](super), and so are its promises. What differs
//! is how arms wait: all tails are alike, so that one number of deviations says where an arm begins to matter, and the arms are
//! sorted by that place. A request with features asks for such probabilities when it comes, of arms that no other request will have.

use std::f64::consts::{LOG2_E, TAU};

use super::classes::Classes;
use super::elementary::{exp2, ln, rough_ln};
use super::march::{Growth, MOST_PANELS, NARROWING, TRIALS, WIDENING};
use super::panel::{Block, LANES, Lanes, Panel};
use super::point::Shift;
use super::tolerance::Tolerance;

/// Four laws, in the lanes of their block.
#[derive(Clone, Copy, Debug)]
struct Laws {
    mean: Lanes,
    /// One over the deviation.
    inverse: Lanes,
    /// The binary logarithm of the density at the mean.
    peak: Lanes,
}

/// The memory of a march over Gaussians.
#[derive(Clone, Debug, Default)]
pub(super) struct Gaussians {
    /// The classes by where they begin to matter, from the right; these are the lanes of the blocks.
    order: Vec<u32>,
    /// Where that is, by class.
    ends: Vec<f64>,
    laws: Vec<Laws>,
    blocks: Vec<Block>,
}

impl Gaussians {
    /// Fills the probabilities of one arm of each class of being the best of `arms` arms; the first number of a class is the
    /// mean, the second the deviation.
    pub(super) fn run(&mut self, classes: &Classes, arms: usize, probabilities: &mut Vec<f64>) {
        let tolerance = Tolerance::for_classes(classes.len());
        let (least, most) = tolerance.start;
        let right = self.lay_out(classes, deviations_of(tolerance.join / arms as f64));
        let start = deviations_of((least * most).sqrt() / arms as f64);
        let ends = classes.alpha.iter().zip(&classes.beta).map(|(mean, deviation)| mean + start * deviation);
        let start = ends.fold(f64::NEG_INFINITY, f64::max);
        // Further right there is nothing, and no number is no place to start from.
        let joined = match start.is_finite() && right.is_finite() {
            true => self.march(classes, start, &tolerance),
            false => 0,
        };
        probabilities.clear();
        probabilities.resize(classes.len(), 0.0);
        let mut sum = 0.0;
        for (lane, &class) in self.order[..joined].iter().enumerate() {
            let block = &self.blocks[lane / LANES];
            probabilities[class as usize] = block.probability[lane % LANES];
            sum += block.size[lane % LANES] * block.probability[lane % LANES];
        }
        match sum > 0.0 {
            true => probabilities.iter_mut().for_each(|probability| *probability /= sum),
            false => probabilities.fill(1.0 / arms as f64),
        }
    }

    /// Puts all classes into blocks, by where they end to the right: so many deviations above the mean. Gives the rightmost end.
    fn lay_out(&mut self, classes: &Classes, reach: f64) -> f64 {
        let Self { order, ends, laws, blocks } = self;
        ends.clear();
        ends.extend(
            classes.alpha.iter().zip(&classes.beta).map(|(mean, deviation)| mean + reach * deviation),
        );
        order.clear();
        order.extend(0..classes.len() as u32);
        order.sort_unstable_by(|&one, &other| {
            ends[other as usize].total_cmp(&ends[one as usize]).then(one.cmp(&other))
        });
        laws.clear();
        blocks.clear();
        for four in order.chunks(LANES) {
            // A lane that nobody has taken lies where another is.
            let class = |lane: usize| four[lane.min(four.len() - 1)] as usize;
            let inverse: Lanes = std::array::from_fn(|lane| 1.0 / classes.beta[class(lane)]);
            // Nobody's density is as good as none, so that all factors of its distribution function are 1.
            let peak = |lane: usize| match lane < four.len() {
                true => (ln(inverse[lane]) - 0.5 * ln(TAU)) * LOG2_E,
                false => Block::EMPTY.log_density[lane],
            };
            let mean = std::array::from_fn(|lane| classes.alpha[class(lane)]);
            laws.push(Laws { mean, inverse, peak: std::array::from_fn(peak) });
            let size: Lanes =
                std::array::from_fn(|lane| four.get(lane).map_or(0.0, |&class| classes.size[class as usize]));
            let mut block = Block::EMPTY;
            block.beta = inverse.map(|inverse| inverse * inverse);
            block.size = size;
            block.greatest_size = size.into_iter().fold(1.0, f64::max) as u32;
            blocks.push(block);
        }
        ends[order[0] as usize]
    }

    /// How many classes have joined when nobody can be best any more: the first of the order.
    fn march(&mut self, classes: &Classes, start: f64, tolerance: &Tolerance) -> usize {
        let (mut right, mut product, mut width) = (start, 1.0, f64::INFINITY);
        let mut growth: Option<Growth> = None;
        // Arms that have joined, blocks with one that has, and the least deviation of one.
        let (mut joined, mut open, mut narrowest) = (0, 0, f64::INFINITY);
        for _ in 0..MOST_PANELS {
            let fallen = -rough_ln(product);
            let deviations = tolerance.deviations * (1.0 + tolerance.relief * fallen);
            let ahead = rough_ln(product / tolerance.left);
            let foreseen = growth.map_or(f64::INFINITY, |growth| growth.width(fallen, ahead, tolerance));
            width = foreseen.min(WIDENING * width).min(deviations * narrowest);
            while let Some(&class) = self.order.get(joined) {
                let way = right - self.ends[class as usize];
                if way >= width {
                    break;
                }
                let bearable = deviations * classes.beta[class as usize];
                if bearable < width && way > bearable {
                    // A narrow arm begins some way off: as far as there the panel may be wide.
                    width = way;
                    break;
                }
                joined += 1;
                narrowest = narrowest.min(classes.beta[class as usize]);
                width = width.min(bearable);
            }
            self.move_to(right, joined.div_ceil(LANES));
            let (product_with_them, hazard) = self.open(open..joined.div_ceil(LANES), right, product);
            open = joined.div_ceil(LANES);
            if growth.is_none() {
                // By the tails that are left out at the start, all arms seen.
                let beyond = (1.0 - product_with_them).max(f64::MIN_POSITIVE);
                let first = Growth { hazard, acceleration: hazard / beyond };
                width = width.min(first.width(0.0, ahead, tolerance));
                growth = Some(first);
            }
            product = product_with_them;
            for trial in 1.. {
                // As rounded, so that the next panel begins where this one ends.
                let left = right - width.max(4.0 * f64::EPSILON * right.abs());
                width = right - left;
                let panel = Panel::of_parabolas(width);
                let measured = panel.measure(&mut self.blocks[..open]);
                if measured.resolved(&panel, product, tolerance.check) || trial == TRIALS {
                    Panel::gather(&mut self.blocks[..open], &measured.product, &Shift { u: [0.0], v: [0.0] });
                    growth = Some(Growth::at_left(&measured, width));
                    (right, product) = (left, measured.product_left);
                    break;
                }
                width *= NARROWING;
            }
            if !(product > tolerance.left) {
                break;
            }
        }
        joined
    }

    /// Densities and slopes of the first blocks at the right edge of a panel: afresh, so that far away arms lose no digits.
    fn move_to(&mut self, right: f64, blocks: usize) {
        for (block, laws) in self.blocks[..blocks].iter_mut().zip(&self.laws) {
            for l in 0..LANES {
                let z = (right - laws.mean[l]) * laws.inverse[l];
                block.alpha[l] = -z * laws.inverse[l];
                block.log_density[l] = laws.peak[l] - (0.5 * LOG2_E) * (z * z);
            }
        }
    }

    /// Books the tails of blocks that join at the right edge of a panel, and gives the product with their distribution functions in it
    /// and the sum of their densities.
    fn open(&mut self, blocks: std::ops::Range<usize>, right: f64, product: f64) -> (f64, f64) {
        let (mut product_with_them, mut hazard) = (product, 0.0);
        for (block, laws) in self.blocks[blocks.clone()].iter_mut().zip(&self.laws[blocks]) {
            for l in 0..LANES {
                let density = exp2(block.log_density[l]);
                block.survival[l] =
                    density * tail_length((right - laws.mean[l]) * laws.inverse[l], laws.inverse[l]);
                // Not times the product as it stands: that would make the probability depend on the order.
                block.probability[l] = block.survival[l] * product;
                product_with_them *= 1.0 - block.size[l] * block.survival[l];
                hazard += block.size[l] * density;
            }
        }
        (product_with_them, hazard)
    }
}

/// The tail of a Gaussian divided by its density, z > 3 deviations above the mean: Laplace's continued fraction, z + 1/(z + 2/(z + 3/z)).
fn tail_length(z: f64, inverse: f64) -> f64 {
    1.0 / (inverse * (z + 1.0 / (z + 2.0 / (z + 3.0 / z))))
}

/// At least so many deviations above the mean a tail is this small, below 10⁻³: z with φ(z)/z = tail, to a hundredth.
fn deviations_of(tail: f64) -> f64 {
    let wanted = -2.0 * ln(tail) - ln(TAU);
    let mut z = wanted.sqrt();
    for _ in 0..3 {
        z = (wanted - 2.0 * ln(z)).sqrt();
    }
    z
}

#[cfg(test)]
mod tests {
    use std::f64::consts::{PI, SQRT_2};

    use super::super::{contenders_of_gaussians, probability_best_of};
    use crate::belief::Gaussian;

    fn gaussians(laws: &[(f64, f64)]) -> Vec<Gaussian> {
        laws.iter().map(|&(mean, deviation)| Gaussian::of(mean, deviation)).collect()
    }

    fn shares(laws: &[(f64, f64)]) -> Vec<f64> {
        let mut shares = vec![0.0; laws.len()];
        for (arm, share) in contenders_of_gaussians(&gaussians(laws)) {
            shares[arm as usize] = share;
        }
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{laws:?}");
        shares
    }

    /// Of two the difference is Gaussian: P(X > Y) = Φ((μ − ν) / √(σ² + τ²)).
    #[test]
    fn two_by_the_closed_form() {
        for (mean, deviation, other) in
            [(0.1, 0.2, 0.3), (0.0, 1e-6, 1.0), (-3.0, 1.0, 1.0), (0.02, 0.01, 1e-9), (6.0, 1.0, 2.0)]
        {
            let variance: f64 = deviation * deviation + other * other;
            let z = mean / variance.sqrt();
            let found = shares(&[(mean + 0.5, deviation), (0.5, other)])[0];
            let wanted = 0.5 * libm::erfc(-z / SQRT_2);
            assert!((found - wanted).abs() < 1e-9, "{mean} {deviation} {other}: {found} for {wanted}");
        }
    }

    /// Of three with one mean, two of them alike, the first is best with probability ¼ + arcsin(ρ) / 2π, where ρ = σ² / (σ² + τ²)
    /// is the correlation of its two leads (Sheppard 1899).
    #[test]
    fn three_by_the_closed_form() {
        for (deviation, other) in [(1.0, 1.0), (1.0, 1e-4), (1e-4, 1.0), (3.0, 2.0), (0.02, 0.5)] {
            let found = shares(&[(0.05, other), (0.05, deviation), (0.05, other)]);
            let square = deviation * deviation;
            let wanted = 0.25 + libm::asin(square / (square + other * other)) / (2.0 * PI);
            assert!((found[1] - wanted).abs() < 1e-9, "{deviation} {other}: {found:?} for {wanted}");
            assert_eq!(found[0].to_bits(), found[2].to_bits());
        }
    }

    /// A number in [0, 1) for each of these, and never the same pattern.
    fn scattered(number: usize) -> f64 {
        (number as f64 * 0.618_033_988_749_895 + (number * number) as f64 * 0.414_213_562_373_095) % 1.0
    }

    /// Mean and deviation of an arm, by two numbers in [0, 1).
    type Law = fn(f64, f64) -> (f64, f64);

    #[test]
    fn all_sorts_of_arms_as_the_general_march_has_them() {
        let families: [Law; 6] = [
            |u, _| (u, 0.1),
            |u, v| (0.1 * u, 0.02 * (1.0 + v)),
            |u, v| (u, libm::pow(10.0, -3.0 * v)),
            |u, v| (5.0 * u * u * u, 0.1 + v),
            // Arms that know nothing yet beside those that do.
            |u, v| if v < 0.5 { (0.0, 0.3) } else { (u, 0.02) },
            |u, v| if v < 0.1 { (2.0, 1e-3) } else { (u, 1.0 + v) },
        ];
        for (family, law) in families.iter().enumerate() {
            for arms in [2, 5, 9, 16, 33] {
                let laws: Vec<_> = (0..arms)
                    .map(|arm| law(scattered(arms + 2 * arm), scattered(99 * family + 7 * arm)))
                    .collect();
                let wanted = probability_best_of(&gaussians(&laws));
                let found = shares(&laws);
                let apart = found.iter().zip(&wanted).map(|(one, other)| (one - other).abs()).sum::<f64>();
                assert!(apart < 1e-6, "family {family}, {arms} arms: {apart:e}");
            }
        }
    }

    #[test]
    fn extremes_end() {
        assert_eq!(contenders_of_gaussians(&[]), []);
        assert_eq!(shares(&[(0.3, 0.1)]), [1.0]);
        assert_eq!(shares(&[(1e3, 1.0), (0.0, 1e-12), (0.0, 1.0)]), [1.0, 0.0, 0.0]);
        // Nothing can be told of what is no number: all alike.
        assert_eq!(shares(&[(f64::INFINITY, 1.0), (0.0, 1.0)]), [0.5, 0.5]);
        assert_eq!(shares(&[(f64::NAN, 1.0), (0.0, 1.0)]), [0.5, 0.5]);
        let many: Vec<_> = (0..3_000).map(|arm| (scattered(arm), 0.05)).collect();
        let found = shares(&many);
        assert!(found.iter().all(|share| (0.0..=1.0).contains(share)));
    }
}
