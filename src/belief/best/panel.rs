//! One panel: densities, distribution functions and their product at eight nodes, for all arms that have joined.
//!
//! Arms lie in blocks of [`LANES`], structure of arrays within the block, so that every step of the kernel is a plain
//! loop over lanes that the compiler turns into vector code. The number of lanes is a constant of the crate, not of the
//! machine: it fixes the order of the products and sums, and with it the bits of the result.

use std::f64::consts::LOG2_E;

use super::elementary::{exp2, ln};
use super::point::{Point, Shift};

/// Arms in a block.
pub(super) const LANES: usize = 4;

/// Nodes in a panel.
pub(super) const NODES: usize = 8;

/// Half of the nodes: the rest are their mirror images.
const HALF: usize = NODES / 2;

/// One number for each arm of a block.
pub(super) type Lanes = [f64; LANES];

/// Where the nodes lie, as fractions of the panel from its right edge: (1 − z)/2 for the zeros z of the Legendre
/// polynomial of degree 8.
pub(super) const PLACES: [f64; NODES] = [
    0.019_855_071_751_231_884,
    0.101_666_761_293_186_64,
    0.237_233_795_041_835_5,
    0.408_282_678_752_175_1,
    0.591_717_321_247_825,
    0.762_766_204_958_164_5,
    0.898_333_238_706_813_4,
    0.980_144_928_248_768_1,
];

/// The Gauss-Legendre weights on [−1, 1] of the first four nodes and of their mirror images.
const WEIGHTS: [f64; HALF] =
    [0.101_228_536_290_376_26, 0.222_381_034_453_374_48, 0.313_706_645_877_887_27, 0.362_683_783_378_362];

/// Row i: minus the integral from the middle to node i of the even polynomial that is ½ at node j and at its mirror
/// image and 0 at the other nodes.
const EVEN: [[f64; HALF]; HALF] = [
    [
        -0.025_584_642_399_710_984,
        -0.119_323_702_868_598_04,
        -0.152_490_167_046_550_13,
        -0.182_746_415_933_908_97,
    ],
    [
        0.004_587_855_926_708_429,
        -0.057_160_193_524_292_56,
        -0.167_353_366_189_261_64,
        -0.178_407_534_919_967_58,
    ],
    [
        -0.002_645_537_841_525_764,
        0.011_894_722_545_770_831,
        -0.083_070_127_331_576_3,
        -0.188_945_262_330_833_26,
    ],
    [
        0.002_110_489_409_657_958,
        -0.008_194_841_388_699_598,
        0.021_059_017_896_832_247,
        -0.106_691_987_165_615_51,
    ],
];

/// Row i: the integral from node i to the right edge of the odd polynomial that is ½ at node j, −½ at its mirror image
/// and 0 at the other nodes.
const ODD: [[f64; HALF]; HALF] = [
    [
        0.025_584_642_399_710_984,
        -0.010_078_700_970_029_34,
        0.008_198_506_401_667_426,
        -0.007_561_506_981_381_531_6,
    ],
    [
        0.054_316_519_463_212_08,
        0.057_160_193_524_292_56,
        -0.016_779_549_221_245_34,
        0.013_365_060_947_507_704,
    ],
    [
        0.049_206_341_694_163_394,
        0.118_633_810_221_888_27,
        0.083_070_127_331_576_3,
        -0.024_346_836_082_104_594,
    ],
    [0.051_006_284_386_316_38, 0.109_391_304_458_709_18, 0.163_429_927_713_331_34, 0.106_691_987_165_615_51],
];

/// A number for every lane.
const fn all_lanes(value: f64) -> Lanes {
    [value; LANES]
}

/// A rule with each number repeated for every lane.
const fn lanes_of_row(row: [f64; HALF]) -> [Lanes; HALF] {
    [all_lanes(row[0]), all_lanes(row[1]), all_lanes(row[2]), all_lanes(row[3])]
}

/// Rules with each number repeated for every lane.
const fn lanes_of_rows(rows: [[f64; HALF]; HALF]) -> [[Lanes; HALF]; HALF] {
    [lanes_of_row(rows[0]), lanes_of_row(rows[1]), lanes_of_row(rows[2]), lanes_of_row(rows[3])]
}

/// The integration rules of a panel of width 2, ready to be multiplied by blocks.
#[repr(align(32))]
struct Rules {
    weights: [Lanes; HALF],
    even: [[Lanes; HALF]; HALF],
    odd: [[Lanes; HALF]; HALF],
}

static RULES: Rules =
    Rules { weights: lanes_of_row(WEIGHTS), even: lanes_of_rows(EVEN), odd: lanes_of_rows(ODD) };

/// The least value a distribution function takes: below it, rounding decides. A node where one is so small weighs
/// nothing, and the quotient by it is multiplied by it again in the product.
const LEAST_FACTOR: f64 = 1e-20;

/// The least value of a product: multiplied by another of its kind it still keeps clear of the denormal numbers, which
/// are slow.
const LEAST_PRODUCT: f64 = 1e-150;

/// Four arms that have joined the march.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
pub(super) struct Block {
    /// First shapes.
    pub(super) alpha: Lanes,
    /// Second shapes.
    pub(super) beta: Lanes,
    /// Binary logarithms of the densities at the right edge of the panel.
    pub(super) log_density: Lanes,
    /// Upper tails at the right edge.
    pub(super) survival: Lanes,
    /// Upper tails at the left edge, once measured.
    survival_left: Lanes,
    /// Probabilities of being best gathered so far, for one arm of each class.
    pub(super) probability: Lanes,
    /// Arms in each class, a whole number.
    pub(super) size: Lanes,
    /// Density (times half the width) over distribution function at the nodes.
    pub(super) quotient: [Lanes; NODES],
    /// The greatest size.
    pub(super) greatest_size: u32,
}

impl Block {
    /// A block of lanes that nobody has taken: densities of nothing.
    pub(super) const EMPTY: Block = Block {
        alpha: [0.0; LANES],
        beta: [0.0; LANES],
        log_density: [-1000.0; LANES],
        survival: [0.0; LANES],
        survival_left: [0.0; LANES],
        probability: [0.0; LANES],
        size: [0.0; LANES],
        quotient: [[0.0; LANES]; NODES],
        greatest_size: 1,
    };
}

/// The nodes of one panel, each number repeated for every lane.
#[derive(Debug)]
#[repr(align(32))]
pub(super) struct Panel {
    /// The binary logarithms of x and q, less their values at the right edge.
    u: [Lanes; NODES],
    v: [Lanes; NODES],
    half_width: f64,
}

/// What a panel shows of all the arms together.
#[derive(Debug)]
pub(super) struct Measured {
    /// Product of the distribution functions at the nodes.
    pub(super) product: [f64; NODES],
    /// Sum of density over distribution function at the nodes: the growth rate of the product.
    pub(super) hazard: [f64; NODES],
    /// Product of the distribution functions at the left edge.
    pub(super) product_left: f64,
}

impl Panel {
    /// The panel of this width to the left of a point.
    pub(super) fn new(right: Point, width: f64) -> Panel {
        let Shift { u, v } = right.shift(&PLACES.map(|place| -width * place));
        Panel {
            u: u.map(|u| all_lanes(u * LOG2_E)),
            v: v.map(|v| all_lanes(v * LOG2_E)),
            half_width: 0.5 * width,
        }
    }

    /// Densities, tails and products at the nodes and the left edge; nothing is gathered yet, so that a panel found too
    /// wide can be tried again.
    #[inline(never)]
    pub(super) fn measure(&self, blocks: &mut [Block]) -> Measured {
        let mut product = [[1.0; LANES]; NODES];
        let mut hazard = [[0.0; LANES]; NODES];
        let mut product_left = [1.0; LANES];
        // Densities times half the width, so that the rules need not be scaled.
        let log_half_width = ln(self.half_width) * LOG2_E;
        for block in blocks {
            let (mut factor, mut factor_left) = ([[0.0; LANES]; NODES], [0.0; LANES]);
            for l in 0..LANES {
                let log_density = block.log_density[l] + log_half_width;
                let density: [f64; NODES] = std::array::from_fn(|i| {
                    exp2(block.alpha[l] * self.u[i][l] + block.beta[l] * self.v[i][l] + log_density)
                });
                let (at_nodes, left) = integrate(&density, block.survival[l], l);
                for i in 0..HALF {
                    // One division for two quotients.
                    let mirror = NODES - 1 - i;
                    let inverse = 1.0 / (at_nodes[i] * at_nodes[mirror]);
                    let (here, there) = (
                        density[i] * (at_nodes[mirror] * inverse),
                        density[mirror] * (at_nodes[i] * inverse),
                    );
                    block.quotient[i][l] = here;
                    block.quotient[mirror][l] = there;
                    hazard[i][l] += block.size[l] * here;
                    hazard[mirror][l] += block.size[l] * there;
                    factor[i][l] = at_nodes[i];
                    factor[mirror][l] = at_nodes[mirror];
                }
                block.survival_left[l] = left;
                factor_left[l] = at_least(1.0 - left, LEAST_FACTOR);
            }
            if block.greatest_size > 1 {
                raise(&mut factor, &mut factor_left, block);
            }
            for (product, factor) in product.as_flattened_mut().iter_mut().zip(factor.as_flattened()) {
                *product = at_least(*product * factor, LEAST_PRODUCT);
            }
            for (product, factor) in product_left.iter_mut().zip(&factor_left) {
                *product = at_least(*product * factor, LEAST_PRODUCT);
            }
        }
        let whole = |lanes: Lanes| {
            at_least(
                at_least(lanes[0] * lanes[1], LEAST_PRODUCT) * at_least(lanes[2] * lanes[3], LEAST_PRODUCT),
                LEAST_PRODUCT,
            )
        };
        Measured {
            product: product.map(whole),
            hazard: hazard.map(|lanes| ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) / self.half_width),
            product_left: whole(product_left),
        }
    }

    /// The integral over the panel of a function given at the nodes.
    pub(super) fn integral(&self, values: &[f64; NODES]) -> f64 {
        values.iter().enumerate().map(|(i, value)| self.half_width * weight(i) * value).sum()
    }

    /// Gathers the probabilities of a panel that was measured, and moves the blocks to its left edge.
    #[inline(never)]
    pub(super) fn gather(blocks: &mut [Block], product: &[f64; NODES], left: &Shift<1>) {
        let scale: [f64; NODES] = std::array::from_fn(|i| weight(i) * product[i]);
        let (u, v) = (left.u[0] * LOG2_E, left.v[0] * LOG2_E);
        for block in blocks {
            for (quotient, scale) in block.quotient.iter().zip(scale) {
                for (probability, quotient) in block.probability.iter_mut().zip(quotient) {
                    *probability += scale * quotient;
                }
            }
            for l in 0..LANES {
                block.survival[l] = block.survival_left[l];
                block.log_density[l] += block.alpha[l] * u + block.beta[l] * v;
            }
        }
    }
}

/// The weight of a node.
fn weight(node: usize) -> f64 {
    WEIGHTS[if node < HALF { node } else { NODES - 1 - node }]
}

/// The distribution functions at the nodes, and the upper tail at the left edge, from the densities (times half the width) at
/// the nodes.
///
/// The integral from a node to the right edge is a sum over all eight nodes; split into the even and the odd part of
/// the density, the sums for a node and for its mirror image share their terms, which halves the work.
#[inline(always)]
fn integrate(density: &[f64; NODES], survival: f64, l: usize) -> ([f64; NODES], f64) {
    let sum: [f64; HALF] = std::array::from_fn(|j| density[j] + density[NODES - 1 - j]);
    let difference: [f64; HALF] = std::array::from_fn(|j| density[j] - density[NODES - 1 - j]);
    let apply = |rule: &[Lanes; HALF], to: &[f64; HALF]| {
        (rule[0][l] * to[0] + rule[1][l] * to[1]) + (rule[2][l] * to[2] + rule[3][l] * to[3])
    };
    let total = apply(&RULES.weights, &sum);
    let middle = 1.0 - (survival + 0.5 * total);
    let mut factor = [0.0; NODES];
    for i in 0..HALF {
        let even = apply(&RULES.even[i], &sum);
        let centre = middle - apply(&RULES.odd[i], &difference);
        factor[i] = at_least(centre - even, LEAST_FACTOR);
        factor[NODES - 1 - i] = at_least(centre + even, LEAST_FACTOR);
    }
    (factor, survival + total)
}

/// The greater of the two; unlike `f64::max` it is one instruction, as NaN is of no concern here.
#[inline(always)]
pub(super) fn at_least(value: f64, least: f64) -> f64 {
    if value > least { value } else { least }
}

/// Raises each factor to the power of its class's size, by repeated squaring of all of them together.
#[inline(never)]
fn raise(factor: &mut [Lanes; NODES], factor_left: &mut Lanes, block: &Block) {
    const ALL: usize = (NODES + 1) * LANES;
    let (mut square, mut power, mut taken) = ([0.0; ALL], [1.0; ALL], [0.0; ALL]);
    square[..NODES * LANES].copy_from_slice(factor.as_flattened());
    square[NODES * LANES..].copy_from_slice(factor_left);
    let mut bit = 1;
    loop {
        let set: Lanes = std::array::from_fn(|l| if block.size[l] as u32 & bit == 0 { 0.0 } else { 1.0 });
        for taken in taken.as_chunks_mut::<LANES>().0 {
            *taken = set;
        }
        for k in 0..ALL {
            // The square or one, without a branch.
            let by = taken[k] * square[k] + (1.0 - taken[k]);
            power[k] = at_least(power[k] * by, LEAST_PRODUCT);
        }
        bit <<= 1;
        if bit > block.greatest_size {
            break;
        }
        for square in &mut square {
            *square = at_least(*square * *square, LEAST_PRODUCT);
        }
    }
    factor.as_flattened_mut().copy_from_slice(&power[..NODES * LANES]);
    factor_left.copy_from_slice(&power[NODES * LANES..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Distribution functions of powers of z on [−1, 1], which the rule integrates exactly up to the seventh.
    #[test]
    fn the_rule_is_exact_for_polynomials() {
        for power in 0..NODES as i32 {
            let places = PLACES.map(|place| 1.0 - 2.0 * place);
            let density = places.map(|z| 0.1 * z.powi(power));
            let tail = |z: f64| 0.1 * (1.0 - z.powi(power + 1)) / f64::from(power + 1);
            for lane in 0..LANES {
                let (factor, left) = integrate(&density, 0.25, lane);
                assert!((left - 0.25 - tail(-1.0)).abs() < 1e-16, "z^{power} over the panel");
                for (factor, z) in factor.into_iter().zip(places) {
                    assert!((factor - (0.75 - tail(z))).abs() < 3e-16, "z^{power} from {z}");
                }
            }
        }
    }

    #[test]
    fn factors_are_raised_to_the_size_of_their_class() {
        let mut block = Block::EMPTY;
        block.size = [1.0, 2.0, 5.0, 0.0];
        block.greatest_size = 5;
        let (mut factor, mut left) = ([[0.5; LANES]; NODES], [0.5; LANES]);
        raise(&mut factor, &mut left, &block);
        assert_eq!((factor[3], left), ([0.5, 0.25, 0.031_25, 1.0], [0.5, 0.25, 0.031_25, 1.0]));
    }
}
