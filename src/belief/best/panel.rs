//! One panel: densities, distribution functions and their product at ten nodes, for all arms that have joined.
//!
//! Arms lie in blocks of [`LANES`], structure of arrays within the block, so that every step of the kernel is a plain
//! loop over lanes that the compiler turns into vector code. The number of lanes is a constant of the crate, not of the
//! machine: it fixes the order of the products and sums, and with it the bits of the result.

use std::f64::consts::LOG2_E;

use super::elementary::{exp2, ln};
use super::point::{Point, Shift};
use super::rule::{HALF, LEAST_FACTOR, NODES, PLACES, integrate, weight};

/// Arms in a block.
pub(super) const LANES: usize = 4;

/// One number for each arm of a block.
pub(super) type Lanes = [f64; LANES];

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
            u: u.map(|u| [u * LOG2_E; LANES]),
            v: v.map(|v| [v * LOG2_E; LANES]),
            half_width: 0.5 * width,
        }
    }

    /// A panel of this width where log-densities are parabolas: `alpha` is their slope at its right edge, `beta` minus their curvature.
    pub(super) fn of_parabolas(width: f64) -> Panel {
        let steps = PLACES.map(|place| -width * place);
        Panel {
            u: steps.map(|step| [step * LOG2_E; LANES]),
            v: steps.map(|step| [-0.5 * (step * step) * LOG2_E; LANES]),
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
        // Written anew for each block; out here, because the compiler would clear them each time.
        let mut factors = Factors { at_nodes: [[0.0; LANES]; NODES], left: [0.0; LANES] };
        for block in blocks {
            #[expect(clippy::needless_range_loop, reason = "all arrays go by lane, whosever they are")]
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
                    factors.at_nodes[i][l] = at_nodes[i];
                    factors.at_nodes[mirror][l] = at_nodes[mirror];
                }
                block.survival_left[l] = left;
                factors.left[l] = at_least(1.0 - left, LEAST_FACTOR);
            }
            if block.greatest_size > 1 {
                factors.raise(&block.size, block.greatest_size);
            }
            let at_nodes = factors.at_nodes.as_flattened();
            for (product, factor) in product.as_flattened_mut().iter_mut().zip(at_nodes) {
                *product = at_least(*product * factor, LEAST_PRODUCT);
            }
            for (product, factor) in product_left.iter_mut().zip(&factors.left) {
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

/// The greater of the two; unlike `f64::max` it is one instruction, as NaN is of no concern here.
#[inline(always)]
pub(super) fn at_least(value: f64, least: f64) -> f64 {
    if value > least { value } else { least }
}

/// What a block contributes to the products.
#[derive(Debug)]
#[repr(align(32))]
struct Factors {
    at_nodes: [Lanes; NODES],
    left: Lanes,
}

impl Factors {
    /// Raises each factor to the power of its class's size.
    #[inline(never)]
    fn raise(&mut self, sizes: &Lanes, greatest: u32) {
        let sizes = sizes.map(|size| size as u64);
        match u32::BITS - greatest.leading_zeros() {
            ..=2 => self.raise_by_digits::<2>(sizes),
            3 => self.raise_by_digits::<3>(sizes),
            4..=8 => self.raise_by_digits::<8>(sizes),
            _ => self.raise_by_digits::<32>(sizes),
        }
    }

    /// By repeated squaring, for sizes of at most so many binary digits.
    #[inline(always)]
    fn raise_by_digits<const DIGITS: usize>(&mut self, sizes: [u64; LANES]) {
        // The lanes whose size has the digit: all bits of their mask are set.
        let masks: [_; DIGITS] =
            std::array::from_fn(|digit| sizes.map(|size| 0_u64.wrapping_sub(size >> digit & 1)));
        for factor in self.at_nodes.iter_mut().chain([&mut self.left]) {
            let mut square = *factor;
            let mut power = one_unless(&masks[0], &square);
            for mask in &masks[1..] {
                square = square.map(|square| at_least(square * square, LEAST_PRODUCT));
                let by = one_unless(mask, &square);
                power = std::array::from_fn(|l| at_least(power[l] * by[l], LEAST_PRODUCT));
            }
            *factor = power;
        }
    }
}

/// These numbers where the mask is set, else one; without a branch.
#[inline(always)]
fn one_unless(mask: &[u64; LANES], lanes: &Lanes) -> Lanes {
    std::array::from_fn(|l| f64::from_bits((lanes[l].to_bits() & mask[l]) | (1.0_f64.to_bits() & !mask[l])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_raised_to_the_size_of_their_class() {
        let mut factors = Factors { at_nodes: [[0.5; LANES]; NODES], left: [0.25; LANES] };
        factors.raise(&[1.0, 2.0, 5.0, 0.0], 5);
        let expected = ([[0.5, 0.25, 0.031_25, 1.0]; NODES], [0.25, 0.0625, 0.000_976_562_5, 1.0]);
        assert_eq!((factors.at_nodes, factors.left), expected);
    }
}
