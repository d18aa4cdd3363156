//! The march: panels from right to left, until no arm can be best any more.

use super::classes::Classes;
use super::elementary::{floor_of_ln, rough_ln, rough_ln_1p};
use super::panel::{Block, LANES, Measured, Panel};
use super::point::Point;
use super::rule::{NODES, PLACES};
use super::tolerance::Tolerance;
use super::waiting::{Edge, Moved, Tail, Waiting};

/// A fall of the logarithm of the product that counts as nearly none.
const QUIET: f64 = 0.3;

/// How much wider than the one before a panel may be.
pub(super) const WIDENING: f64 = 3.0;

/// How much narrower a panel is when tried again.
pub(super) const NARROWING: f64 = 0.6;

/// How often a panel is tried before it is taken as it is: 0.6¹² is 1/500, and rounding then is what the check sees.
pub(super) const TRIALS: usize = 12;

/// The longest step from the reference point: e⁶⁹⁰ is still a normal number.
const FARTHEST: f64 = 690.0;

/// A bound on the panels, far above what any admissible posteriors need.
pub(super) const MOST_PANELS: usize = 10_000;

/// The arms on their way from waiting to probabilities.
#[derive(Clone, Debug, Default)]
pub(super) struct March {
    waiting: Waiting,
    blocks: Vec<Block>,
    /// The class in each lane of the blocks.
    order: Vec<u32>,
}

/// The growth of the product of distribution functions towards the right, at an edge.
#[derive(Clone, Copy, Debug)]
pub(super) struct Growth {
    /// The derivative of its logarithm.
    pub(super) hazard: f64,
    /// How fast the hazard grows towards the left.
    pub(super) acceleration: f64,
}

impl March {
    /// Fills the probabilities of one arm of each class of being the best of `arms` arms, at a rate above the floor, if there
    /// is one; gives the probability that all rates are below it.
    pub(super) fn run(
        &mut self,
        classes: &Classes,
        arms: usize,
        floor: Option<Point>,
        probabilities: &mut Vec<f64>,
    ) -> f64 {
        let tolerance = Tolerance::for_classes(classes.len());
        // Rounded down: the bound stays a bound.
        let log_threshold = floor_of_ln(tolerance.join / arms as f64);
        self.blocks.clear();
        self.order.clear();
        // Room for all, so that many blocks need not be moved as they become more; nobody touches what is not used.
        self.blocks.reserve_exact(classes.len().div_ceil(LANES));
        self.order.reserve_exact(classes.len());
        let reference = self.waiting.fill(classes);
        let (mut edge, tail) = right_edge(&self.waiting, reference, &tolerance);
        let mut growth = Growth { hazard: tail.hazard, acceleration: tail.hazard / tail.survival };
        let mut greatest_n = self.waiting.find_joining(&edge, log_threshold);
        let (mut product, mut width) = (1.0, f64::INFINITY);
        // Whether the march has come to the floor.
        let mut arrived = false;
        for _ in 0..MOST_PANELS {
            let way = floor.map_or(f64::INFINITY, |floor| edge.point.way_down_to(floor));
            if !(way > 0.0) {
                arrived = true;
                break;
            }
            let fallen = -rough_ln(product);
            let deviations = tolerance.deviations * (1.0 + tolerance.relief * fallen);
            let logit = rough_ln(edge.point.x / edge.point.q).abs();
            let wish = (deviations / (greatest_n * edge.point.variance()).sqrt())
                .min(tolerance.widest.max(tolerance.widest_in_tails * logit))
                .min(WIDENING * width)
                .min(growth.width(fallen, rough_ln(product / tolerance.left), &tolerance))
                .min(way);
            let mut left;
            (width, left) = self.fit(&edge, wish, &mut greatest_n, deviations, log_threshold);
            product = self.waiting.join(&edge, product, &mut self.blocks, &mut self.order);
            for trial in 1.. {
                let panel = Panel::new(edge.point, width);
                let measured = panel.measure(&mut self.blocks);
                if measured.resolved(&panel, product, tolerance.check) || trial == TRIALS {
                    Panel::gather(&mut self.blocks, &measured.product, &left.shift);
                    growth = Growth::at_left(&measured, width);
                    product = measured.product_left;
                    edge = left.edge;
                    break;
                }
                width *= NARROWING;
                left = edge.moved(-width);
            }
            arrived = width >= way;
            if arrived || product <= tolerance.left {
                break;
            }
        }
        let below = if arrived { product } else { 0.0 };
        self.finish(classes, below, probabilities)
    }

    /// The width, at most the one wished for, that suits the arms that must join for it; they are found, and the
    /// greatest n is theirs too.
    fn fit(
        &mut self,
        edge: &Edge,
        wish: f64,
        greatest_n: &mut f64,
        deviations: f64,
        log_threshold: f64,
    ) -> (f64, Moved) {
        let mut width = wish;
        loop {
            let left = edge.moved(-width);
            let joining_n = self.waiting.find_joining(&left.edge, log_threshold);
            let n = if joining_n > *greatest_n { joining_n } else { *greatest_n };
            // The larger curvature: from one edge alone, the panel would hide the drop of a density near 1.
            let need = deviations / (n * left.edge.point.greatest_variance(edge.point)).sqrt();
            if width <= 1.25 * need {
                *greatest_n = n;
                return (width, left);
            }
            width = (NARROWING * width).max(need);
        }
    }

    /// Makes the probabilities and that of what is below the floor sum to one, and gives the latter.
    fn finish(&mut self, classes: &Classes, below: f64, probabilities: &mut Vec<f64>) -> f64 {
        probabilities.clear();
        probabilities.resize(classes.len(), 0.0);
        let mut sum = below;
        for (lane, &class) in self.order.iter().enumerate() {
            let block = &self.blocks[lane / LANES];
            let probability = block.probability[lane % LANES];
            probabilities[class as usize] = probability;
            sum += block.size[lane % LANES] * probability;
        }
        for probability in probabilities.iter_mut() {
            *probability /= sum;
        }
        below / sum
    }
}

impl Measured {
    /// Whether the panel was narrow enough, by the fundamental theorem: what the arms gain is what the product loses.
    ///
    /// Errors of opposite sign in two arms cancel in that sum. So the square of the product, which is steeper and
    /// shows coarse nodes sooner, must obey the theorem too; a tenth of the precision is enough there.
    pub(super) fn resolved(&self, panel: &Panel, product_right: f64, check: f64) -> bool {
        let gain: [f64; NODES] = std::array::from_fn(|i| self.product[i] * self.hazard[i]);
        let gain_of_square = std::array::from_fn(|i| 2.0 * self.product[i] * gain[i]);
        let loss = product_right - self.product_left;
        let loss_of_square = loss * (product_right + self.product_left);
        (panel.integral(&gain) - loss).abs() <= check
            && (panel.integral(&gain_of_square) - loss_of_square).abs() <= 10.0 * check
    }
}

impl Growth {
    /// Extrapolated to the left edge of a panel from the two nodes nearest to it.
    pub(super) fn at_left(measured: &Measured, width: f64) -> Growth {
        let (near, far) = (measured.hazard[NODES - 1], measured.hazard[NODES - 3]);
        let slope = rough_ln(near / far) / (width * (PLACES[NODES - 1] - PLACES[NODES - 3]));
        // A hazard that hardly grows would divide zero by zero.
        let acceleration = slope.max(1e-3);
        let grown = acceleration * width * (1.0 - PLACES[NODES - 1]);
        Growth { hazard: near * (1.0 + grown), acceleration }
    }

    /// The width of a panel that the product, falling ever faster towards the left, lets be integrated well, when its
    /// logarithm has fallen by `fallen` and has `ahead` still to fall.
    pub(super) fn width(&self, fallen: f64, ahead: f64, tolerance: &Tolerance) -> f64 {
        // The less is left of the product, the less precisely its fall needs to be known.
        let bearable = tolerance.fall * (1.0 + 0.15 * fallen);
        // The last panel may fall further: where the product is nearly nothing, so is what is missed.
        let last = tolerance.overshoot * ahead.max(1.0);
        let width = self.width_of_fall(if last < 2.0 * bearable { last } else { bearable });
        // A panel may stay where the product is nearly constant; else the hazard must not grow too much within it.
        let grown = tolerance.growth / self.acceleration;
        if width <= grown { width } else { grown.max(self.width_of_fall(QUIET)).min(width) }
    }

    /// The width within which the logarithm of the product falls by about `fall`.
    fn width_of_fall(&self, fall: f64) -> f64 {
        rough_ln_1p(fall * self.acceleration / self.hazard) / self.acceleration
    }
}

/// The edge where the march starts: the tails that lie beyond it sum to a probability within the range wanted.
///
/// Newton's method on the logarithm of the sum, held between an edge too far left and one too far right: from the right
/// of a narrow arm whose tail is dwarfed by that of a wide one, a step could leap over the whole narrow arm.
fn right_edge(waiting: &Waiting, reference: Edge, tolerance: &Tolerance) -> (Edge, Tail) {
    let (least, most) = tolerance.start;
    let target = (least * most).sqrt();
    let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
    let (mut edge, mut step) = (reference, 0.0_f64);
    let mut tail = waiting.tail(&edge);
    for _ in 0..60 {
        if tail.survival > most {
            low = step;
        } else if tail.survival < least {
            high = step;
        } else {
            break;
        }
        let newton = step + rough_ln(tail.survival / target) * tail.survival / tail.hazard;
        step = if newton > low && newton < high {
            newton
        } else if low > f64::NEG_INFINITY && high < f64::INFINITY {
            0.5 * (low + high)
        } else {
            step + 1.0
        };
        step = step.clamp(-FARTHEST, FARTHEST);
        edge = reference.moved(step).edge;
        tail = waiting.tail(&edge);
    }
    (edge, tail)
}
