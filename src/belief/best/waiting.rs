//! The arms that do not matter yet, and the test by which they join.

use std::f64::consts::LOG2_E;

use super::classes::Classes;
use super::elementary::{exp, floor_of_ln};
use super::height::{descent, peak, peak_correction};
use super::panel::{Block, LANES, Lanes, at_least};
use super::point::{Point, Shift};

/// Arms handled by one pass of a vector loop; the arrays are padded to a multiple of it with copies of an arm, whose
/// size is zero.
const TILE: usize = 16;

/// Where n times the way from the reference point is greater than this, the rounding of a ln x/x₀ + b ln q/q₀ would show
/// in the tenth digit, and the log-density is computed afresh when the arm joins.
const LONG_WAY: f64 = (1_u32 << 18) as f64;

/// An edge of a panel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    /// Where it is.
    pub(super) point: Point,
    /// ln x and ln q, less their values at the reference point.
    u: f64,
    v: f64,
    /// The way from the reference point, all steps added up.
    way: f64,
}

/// An edge reached by a step from another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moved {
    /// The edge.
    pub(super) edge: Edge,
    /// What the step did to ln x and ln q.
    pub(super) shift: Shift<1>,
}

/// The upper tail of all waiting arms together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tail {
    /// Sum of the tails.
    pub(super) survival: f64,
    /// Sum of the densities.
    pub(super) hazard: f64,
}

/// The arms that have not joined, as classes.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting {
    len: usize,
    alpha: Vec<f64>,
    beta: Vec<f64>,
    size: Vec<f64>,
    /// Log-densities at the reference point.
    log_density: Vec<f64>,
    class: Vec<u32>,
    /// Indices of the arms that the last test found to join, ascending.
    joining: Vec<u32>,
    /// Log-densities at the mode, by class.
    peak: Vec<f64>,
}

impl Edge {
    /// The reference point.
    fn reference(point: Point) -> Edge {
        Edge { point, u: 0.0, v: 0.0, way: 0.0 }
    }

    /// The edge one step away.
    pub(super) fn moved(&self, step: f64) -> Moved {
        let (point, shift) = self.point.moved(step);
        let edge = Edge { point, u: self.u + shift.u[0], v: self.v + shift.v[0], way: self.way + step.abs() };
        Moved { edge, shift }
    }
}

impl Waiting {
    /// Lets all classes wait, and returns the reference point: right of every mode.
    pub(super) fn fill(&mut self, classes: &Classes) -> Edge {
        self.len = classes.len();
        let padded = self.len.next_multiple_of(TILE);
        for (own, theirs, padding) in [
            (&mut self.alpha, &classes.alpha, classes.alpha[0]),
            (&mut self.beta, &classes.beta, classes.beta[0]),
            (&mut self.size, &classes.size, 0.0),
        ] {
            own.clear();
            own.extend_from_slice(theirs);
            own.resize(padded, padding);
        }
        self.class.clear();
        self.class.extend(0..self.len as u32);
        self.joining.clear();
        self.joining.resize(padded, 0);
        self.log_density.resize(padded, 0.0);
        self.peak.resize(padded, 0.0);

        let reference = Point::from_odds(self.greatest_odds());
        let shapes = || self.alpha.as_chunks::<TILE>().0.iter().zip(self.beta.as_chunks::<TILE>().0);
        for (heights, (alpha, beta)) in self.peak.as_chunks_mut::<TILE>().0.iter_mut().zip(shapes()) {
            for l in 0..TILE {
                heights[l] = peak(alpha[l], beta[l]);
            }
        }
        for (height, (&alpha, &beta)) in self.peak.iter_mut().zip(self.alpha.iter().zip(&self.beta)) {
            if alpha < 1.0 || beta < 1.0 {
                *height += peak_correction(alpha, beta);
            }
        }
        let logs = self.log_density.as_chunks_mut::<TILE>().0.iter_mut().zip(self.peak.as_chunks::<TILE>().0);
        for ((log_densities, heights), (alpha, beta)) in logs.zip(shapes()) {
            for l in 0..TILE {
                log_densities[l] = heights[l] + descent(alpha[l], beta[l], reference);
            }
        }
        Edge::reference(reference)
    }

    /// The greatest odds among the upper ends of the arms: five standard deviations above the mean, or, where that
    /// leaves (0, 1) or nearly so, where the complement is a fiftieth of its mean.
    fn greatest_odds(&self) -> f64 {
        let mut greatest = [0.0; TILE];
        for (alpha, beta) in self.alpha.as_chunks::<TILE>().0.iter().zip(self.beta.as_chunks::<TILE>().0) {
            for l in 0..TILE {
                let n = alpha[l] + beta[l];
                let (mean, complement) = (alpha[l] / n, beta[l] / n);
                let reach = 5.0 * (mean * complement / (n + 1.0)).sqrt();
                let least = 0.02 * complement;
                let capped = complement - reach < least;
                let x = if capped { 1.0 - least } else { mean + reach };
                let q = if capped { least } else { complement - reach };
                let odds = x / q;
                greatest[l] = if odds > greatest[l] { odds } else { greatest[l] };
            }
        }
        greatest.into_iter().fold(0.0, |a, b| if b > a { b } else { a })
    }

    /// The tails of all waiting arms at an edge. An arm whose mode is not clearly left of it counts as one.
    ///
    /// The density falls at the rate h = n x − a, so the tail is at most g / h; with the rate at which h itself grows,
    /// n x q, it is close to g / (h + n x q / h), as for the normal distribution (error 2/z⁴ of it at z deviations).
    pub(super) fn tail(&self, edge: &Edge) -> Tail {
        let (mut survivals, mut hazards) = ([0.0; TILE], [0.0; TILE]);
        let arms = self.alpha.as_chunks::<TILE>().0.iter().zip(self.beta.as_chunks::<TILE>().0);
        let rest = self.log_density.as_chunks::<TILE>().0.iter().zip(self.size.as_chunks::<TILE>().0);
        for ((alpha, beta), (log_density, size)) in arms.zip(rest) {
            for l in 0..TILE {
                let density = size[l] * exp(alpha[l] * edge.u + beta[l] * edge.v + log_density[l]);
                let bounded = rate(alpha[l], beta[l], edge.point) >= least_rate(beta[l]);
                hazards[l] += density;
                survivals[l] +=
                    if bounded { density * tail_length(alpha[l], beta[l], edge.point) } else { size[l] };
            }
        }
        Tail { survival: survivals.iter().sum(), hazard: hazards.iter().sum() }
    }

    /// Finds the arms that must join before the march passes `left`, and returns the greatest n among them (zero if
    /// there are none).
    pub(super) fn find_joining(&mut self, left: &Edge, log_threshold: f64) -> f64 {
        // In blocks, not in tiles: a few arms are tested in a few steps.
        let padded = self.len.next_multiple_of(LANES);
        self.joining.resize(padded, 0);
        let (mut found, mut greatest) = (0, [0.0; LANES]);
        let arms = self.alpha[..padded].as_chunks::<LANES>().0.iter().zip(self.beta.as_chunks::<LANES>().0);
        for (four, ((alpha, beta), log_density)) in
            arms.zip(self.log_density.as_chunks::<LANES>().0).enumerate()
        {
            let mut joins = [0.0; LANES];
            for l in 0..LANES {
                let n = alpha[l] + beta[l];
                let log = alpha[l] * left.u + beta[l] * left.v + log_density[l];
                let (rate, least) = (rate(alpha[l], beta[l], left.point), least_rate(beta[l]));
                let tail_bound = log - floor_of_ln(at_least(rate, least));
                joins[l] = if (tail_bound > log_threshold) | (rate < least) { n } else { 0.0 };
                greatest[l] = if joins[l] > greatest[l] { joins[l] } else { greatest[l] };
            }
            // Most arms wait on, and come in fours that do.
            if !joins.iter().fold(false, |any, &n| any | (n > 0.0)) {
                continue;
            }
            for (l, joins) in joins.iter().enumerate() {
                self.joining[found] = (four * LANES + l) as u32;
                found += usize::from(*joins > 0.0);
            }
        }
        while found > 0 && self.joining[found - 1] as usize >= self.len {
            found -= 1;
        }
        self.joining.truncate(found);
        greatest.into_iter().fold(0.0, |a, b| if b > a { b } else { a })
    }

    /// Moves the arms last found into blocks, at the right edge of the panel, and returns the product of distribution
    /// functions with theirs in it. The probability of the tail that an arm leaves behind is booked at once.
    pub(super) fn join(
        &mut self,
        edge: &Edge,
        product: f64,
        blocks: &mut Vec<Block>,
        order: &mut Vec<u32>,
    ) -> f64 {
        // First all into their lanes, then the arithmetic by blocks: what was just written in parts is slow to read whole.
        let first = order.len();
        for &index in &self.joining {
            let i = index as usize;
            let (alpha, beta, class) = (self.alpha[i], self.beta[i], self.class[i]);
            let log_density = if (alpha + beta) * edge.way > LONG_WAY {
                self.peak[class as usize] + descent(alpha, beta, edge.point)
            } else {
                self.log_density[i] + (alpha * edge.u + beta * edge.v)
            };
            let lane = order.len() % LANES;
            if lane == 0 {
                blocks.push(Block::EMPTY);
            }
            if let Some(block) = blocks.last_mut() {
                block.alpha[lane] = alpha;
                block.beta[lane] = beta;
                block.log_density[lane] = log_density;
                block.size[lane] = self.size[i];
                block.greatest_size = block.greatest_size.max(self.size[i] as u32);
            }
            order.push(class);
        }
        let mut product_with_them = product;
        for (number, block) in blocks.iter_mut().enumerate().skip(first / LANES) {
            let survival: Lanes = std::array::from_fn(|l| {
                exp(block.log_density[l]) * tail_length(block.alpha[l], block.beta[l], edge.point)
            });
            // In the first block others may have joined before, in the last a lane may be free.
            let joined = first.saturating_sub(number * LANES)..(order.len() - number * LANES).min(LANES);
            for l in joined {
                block.log_density[l] *= LOG2_E;
                block.survival[l] = survival[l];
                // Not times the product as it stands: that would make the probability depend on the order.
                block.probability[l] = survival[l] * product;
                product_with_them *= 1.0 - block.size[l] * survival[l];
            }
        }
        self.remove_joined();
        product_with_them
    }

    /// Closes the gaps that those who joined have left.
    fn remove_joined(&mut self) {
        let Some(&first) = self.joining.first() else { return };
        let mut kept = first as usize;
        for (position, &gone) in self.joining.iter().enumerate() {
            let start = gone as usize + 1;
            let end = self.joining.get(position + 1).map_or(self.len, |&next| next as usize);
            for from in start..end {
                self.alpha[kept] = self.alpha[from];
                self.beta[kept] = self.beta[from];
                self.size[kept] = self.size[from];
                self.log_density[kept] = self.log_density[from];
                self.class[kept] = self.class[from];
                kept += 1;
            }
        }
        self.len = kept;
        self.joining.clear();
        // What is left behind the last pads the tile: it may be found, but never joins.
        let padded = kept.next_multiple_of(TILE);
        self.alpha.truncate(padded);
        self.beta.truncate(padded);
        self.size.truncate(padded);
        self.log_density.truncate(padded);
        self.size[kept..].fill(0.0);
    }
}

/// The least rate of fall that counts as being right of the mode: where x nears 1 the rate is b itself.
#[inline(always)]
fn least_rate(beta: f64) -> f64 {
    0.5 * if beta < 1.0 { beta } else { 1.0 }
}

/// The rate n x − a = b − n q at which the log-density of Beta(alpha, beta) falls, from the smaller of x and q: near one
/// the other has lost the digits.
#[inline(always)]
fn rate(alpha: f64, beta: f64, point: Point) -> f64 {
    let n = alpha + beta;
    if point.q < 0.5 { beta - n * point.q } else { n * point.x - alpha }
}

/// The tail of Beta(alpha, beta) right of this point, divided by its density there.
#[inline(always)]
fn tail_length(alpha: f64, beta: f64, point: Point) -> f64 {
    let rate = at_least(rate(alpha, beta, point), least_rate(beta));
    1.0 / (rate + (alpha + beta) * point.variance() / rate)
}
