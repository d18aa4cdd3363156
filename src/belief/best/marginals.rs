//! The probability of being best, among independent posteriors of any continuous family.
//!
//! The scheme is that of the [Beta march](super): one quadrature for all arms, every distribution function cumulated from its
//! own density, panels of ten Gauss-Legendre nodes from right to left until P = Π F_j has fallen to almost nothing. The
//! general case knows no bound for a tail, so that no arm waits; and panels are as wide as proves good:
//!
//! | what | how it is made sure |
//! | --- | --- |
//! | a narrow arm does not fall between nodes | within the bulk of an arm no panel is wider than half of it; right of it the tail gathered is the law's own, to 10⁻⁸ |
//! | every density is resolved | its last two Legendre coefficients in the panel, times P, are below 10⁻⁸ |
//! | so is the product | what the arms gain in the panel is what P loses, to 10⁻⁸ |
//!
//! A panel that fails is halved. Total variation to the exact law is below 10⁻⁶ (measured in tests: 6·10⁻⁹ to brute force, 2·10⁻⁷ to the march). The cost is
//! ten densities per arm and panel, some twenty panels; equal posteriors are computed once.

use crate::belief::marginal::{Marginal, density_of_variable, value, variables};

use super::rule::{HALF, NODES, PLACES, WEIGHTS};

/// The probability, for each posterior, that its mean is the greatest of all. They sum to one.
///
/// ```
/// use tactful::belief::{Gamma, best::probability_best_of};
///
/// // Of two exponential laws the one of mean 3 is the greater with probability 3 / (3 + 1).
/// let probabilities = probability_best_of(&[Gamma::new(1.0, 1.0)?, Gamma::new(1.0, 1.0 / 3.0)?]);
/// assert!((probabilities[1] - 0.75).abs() < 1e-7);
/// # Ok::<(), tactful::belief::GammaError>(())
/// ```
#[must_use]
pub fn probability_best_of<M: Marginal>(marginals: &[M]) -> Vec<f64> {
    // Position in `classes` of each arm; arms are few where families other than the Beta are asked for.
    let (mut classes, mut of): (Vec<Class<'_, M>>, Vec<usize>) = (Vec::new(), Vec::new());
    for marginal in marginals {
        let known = classes.iter().position(|class| class.marginal == marginal);
        of.push(known.unwrap_or(classes.len()));
        match known {
            Some(class) => classes[class].size += 1.0,
            None => classes.push(Class::new(marginal)),
        }
    }
    if classes.len() > 1 {
        march(&mut classes);
    } else {
        classes.iter_mut().for_each(|class| class.gained = 1.0);
    }
    let total: f64 = classes.iter().map(|class| class.size * class.gained).sum();
    of.into_iter().map(|class| classes[class].gained / total).collect()
}

/// Equal posteriors.
struct Class<'a, M> {
    marginal: &'a M,
    size: f64,
    bulk: (f64, f64),
    /// The tail right of the march so far.
    survival: f64,
    /// What one arm has of being the best there.
    gained: f64,
    /// Of the panel: densities at the nodes, the tails there and at its left edge.
    densities: [f64; NODES],
    survivals: [f64; NODES],
    left: f64,
}

impl<'a, M: Marginal> Class<'a, M> {
    fn new(marginal: &'a M) -> Self {
        let bulk = variables(marginal);
        let nothing = [0.0; NODES];
        Self {
            marginal,
            size: 1.0,
            bulk,
            survival: 0.0,
            gained: 0.0,
            densities: nothing,
            survivals: nothing,
            left: 0.0,
        }
    }

    /// The widest panel left of y that cannot step over the bulk.
    fn widest(&self, y: f64) -> f64 {
        let (low, high) = self.bulk;
        if y > low { (y - high).max(0.5 * (high - low)) } else { f64::INFINITY }
    }

    /// Evaluates a panel; returns by how much its density there may be misjudged, as a probability.
    fn evaluate(&mut self, rule: &Rule, right: f64, width: f64) -> f64 {
        for (density, place) in self.densities.iter_mut().zip(PLACES) {
            *density = density_of_variable(self.marginal, right - width * place);
        }
        for (survival, row) in self.survivals.iter_mut().zip(&rule.integrals) {
            *survival = self.survival + width * dot(row, &self.densities);
        }
        self.left = self.survival + width * dot(&rule.whole, &self.densities);
        let mut missed = 0.0;
        if right > self.bulk.1 {
            let exact = self.marginal.survival(value::<M>(right - width));
            missed = (exact - self.left).abs();
            self.left = exact;
        }
        let last = rule.last.iter().map(|row| dot(row, &self.densities).abs());
        missed.max(width * last.sum::<f64>())
    }
}

/// No more than this of all tails may be right of the start; booked there as if no rival were.
const START: f64 = 1e-9;

/// The march ends where P has fallen to this; what is left is spread in proportion.
const END: f64 = 1e-8;

/// What a panel may misplace.
const TOLERANCE: f64 = 1e-8;

/// Panels after which the result is taken as it is: some twenty is usual.
const MOST_PANELS: u32 = 10_000;

fn march<M: Marginal>(classes: &mut [Class<'_, M>]) {
    let rule = Rule::new();
    let mut right = start(classes);
    for class in classes.iter_mut() {
        class.survival = class.marginal.survival(value::<M>(right));
        class.gained = class.survival;
    }
    let mut product = 1.0;
    let mut width = f64::INFINITY;
    for _ in 0..MOST_PANELS {
        let widest = |class: &Class<'_, M>| class.widest(right);
        width = classes.iter().map(widest).fold(width, f64::min);
        if !width.is_finite() {
            break;
        }
        let misjudged =
            classes.iter_mut().map(|class| class.evaluate(&rule, right, width)).fold(0.0, f64::max);
        let power = |base: f64, size: f64| if size > 1.0 { libm::pow(base, size) } else { base };
        let all = |tail: &dyn Fn(&Class<'_, M>) -> f64| -> f64 {
            classes.iter().map(|class| power((1.0 - tail(class)).max(0.0), class.size)).product()
        };
        let products: [f64; NODES] = std::array::from_fn(|node| all(&|class| class.survivals[node]));
        let left = all(&|class| class.left);
        let gain = |class: &Class<'_, M>| {
            let at = |node: usize| {
                let cdf = 1.0 - class.survivals[node];
                let share = class.densities[node] * rule.whole[node];
                if cdf > 0.0 { share * products[node] / cdf } else { 0.0 }
            };
            width * (0..NODES).map(at).sum::<f64>()
        };
        let gained: f64 = classes.iter().map(|class| class.size * gain(class)).sum();
        let error = (product * misjudged).max((gained - (product - left)).abs());
        // A panel as narrow as the numbers allow is as good as it gets.
        if error > TOLERANCE && width > 1e-13 * right.abs() {
            width *= 0.5;
            continue;
        }
        for class in classes.iter_mut() {
            class.gained += gain(class);
            class.survival = class.left;
        }
        right -= width;
        product = left;
        if !(product > END) {
            break;
        }
        // Twice the width costs the last coefficients some 2¹⁰.
        if error < 1e-3 * TOLERANCE {
            width *= 2.0;
        }
    }
}

/// A point with next to nothing right of it.
fn start<M: Marginal>(classes: &[Class<'_, M>]) -> f64 {
    let (mut y, mut step) = (f64::NEG_INFINITY, 0.0_f64);
    for class in classes {
        y = y.max(class.bulk.1);
        step = step.max(0.25 * (class.bulk.1 - class.bulk.0));
    }
    let beyond = |y: f64| -> f64 {
        classes.iter().map(|class| class.size * class.marginal.survival(value::<M>(y))).sum()
    };
    while beyond(y) > START && step < f64::MAX {
        y += step;
        step *= 2.0;
    }
    y
}

fn dot(row: &[f64; NODES], values: &[f64; NODES]) -> f64 {
    row.iter().zip(values).map(|(weight, value)| weight * value).sum()
}

/// The rule of a panel of width 1.
struct Rule {
    /// Weights of the integral over the panel.
    whole: [f64; NODES],
    /// Row i: those of the integral from node i to the right edge.
    integrals: [[f64; NODES]; NODES],
    /// Those of the Legendre coefficients of degrees 8 and 9.
    last: [[f64; NODES]; 2],
}

impl Rule {
    /// By Legendre polynomials: the coefficient of P_n is (n + ½) Σ w_j P_n(z_j) f_j, and the integral of P_n from z to 1 is
    /// (P_{n−1}(z) − P_{n+1}(z)) / (2n + 1).
    fn new() -> Self {
        let polynomials = PLACES.map(|place| legendre(1.0 - 2.0 * place));
        let weight = |node: usize| WEIGHTS[if node < HALF { node } else { NODES - 1 - node }];
        let coefficient =
            |degree: usize, node: usize| (degree as f64 + 0.5) * weight(node) * polynomials[node][degree];
        let integral = |degree: usize, node: usize| match degree {
            0 => 1.0 - polynomials[node][1],
            _ => (polynomials[node][degree - 1] - polynomials[node][degree + 1]) / (2 * degree + 1) as f64,
        };
        let entry = |to: usize, node: usize| -> f64 {
            0.5 * (0..NODES).map(|degree| coefficient(degree, node) * integral(degree, to)).sum::<f64>()
        };
        Self {
            whole: std::array::from_fn(|node| 0.5 * weight(node)),
            integrals: std::array::from_fn(|to| std::array::from_fn(|node| entry(to, node))),
            last: [8, 9].map(|degree| std::array::from_fn(|node| coefficient(degree, node))),
        }
    }
}

/// The Legendre polynomials of degrees 0 to 10 at z.
fn legendre(z: f64) -> [f64; NODES + 1] {
    let mut values = [1.0; NODES + 1];
    values[1] = z;
    for degree in 1..NODES {
        let n = degree as f64;
        values[degree + 1] = ((2.0 * n + 1.0) * z * values[degree] - n * values[degree - 1]) / (n + 1.0);
    }
    values
}
