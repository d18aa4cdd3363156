//! The tails of a posterior, and the rate at which a tail has a given size.
//!
//! The variable is the logit y = ln(x / q), q = 1 − x, where the density of Beta(a, b) is g(y) = xᵃ qᵇ / B(a, b), and the
//! logarithm of either tail is concave, so that Newton's method on it finds quantiles from anywhere.
//!
//! | shapes | a tail is |
//! | --- | --- |
//! | the smaller up to 3,000 | g / b times a continued fraction (W. H. Press et al., *Numerical Recipes*, 6.4), which converges in some √min(a, b) terms |
//! | both larger | one Gauss-Legendre rule over what is not negligible of g, nearly a Gaussian there |

use std::f64::consts::TAU;

use super::logarithm::log_shortfall;
use super::{Beta, Marginal};

/// A rate and its complement, both to full relative precision.
#[derive(Clone, Copy, Debug)]
struct Point {
    x: f64,
    q: f64,
}

impl Point {
    fn from_logit(y: f64) -> Point {
        let e = libm::exp(-y.abs());
        let (less, more) = (e / (1.0 + e), 1.0 / (1.0 + e));
        if y < 0.0 { Point { x: less, q: more } } else { Point { x: more, q: less } }
    }

    /// The point a step further right on the logit axis.
    fn moved(self, step: f64) -> Point {
        let growth = libm::expm1(step);
        let scale = 1.0 + self.x * growth;
        Point { x: self.x * (1.0 + growth) / scale, q: self.q / scale }
    }

    fn mirrored(self) -> Point {
        Point { x: self.q, q: self.x }
    }
}

/// Both tails of a distribution at a point: P(X > x), P(X < x). The smaller one is to full relative precision.
#[derive(Clone, Copy, Debug)]
struct Tails {
    upper: f64,
    lower: f64,
}

impl Tails {
    fn of_upper(upper: f64) -> Tails {
        Tails { upper, lower: 1.0 - upper }
    }

    fn mirrored(self) -> Tails {
        Tails { upper: self.lower, lower: self.upper }
    }
}

/// Beta(a, b) with what does not depend on the point.
#[derive(Clone, Copy, Debug)]
struct Density {
    a: f64,
    b: f64,
    /// ln g at its mode, the mean.
    log_peak: f64,
}

/// The largest smaller shape for which the continued fraction is used: beyond it the rule is quicker.
pub(super) const MOST_FOR_FRACTION: f64 = 3_000.0;

/// Terms after which the fraction is taken as it is; 230 are the most seen.
const MOST_TERMS: u32 = 10_000;

impl Density {
    fn new(a: f64, b: f64) -> Density {
        let n = a + b;
        // By Stirling's formula: the large terms of ln Γ cancel on paper.
        let log_peak = 0.5 * libm::log(a * (b / n) / TAU) + (remainder(n) - remainder(a) - remainder(b));
        Density { a, b, log_peak }
    }

    fn mirrored(self) -> Density {
        Density { a: self.b, b: self.a, ..self }
    }

    /// g. With u = x/m − 1 and v = q/(1 − m) − 1 at the mean m, a u + b v is zero and left out.
    fn at(self, point: Point) -> f64 {
        let n = self.a + self.b;
        let difference = if point.q < 0.5 { self.b / n - point.q } else { point.x - self.a / n };
        let part = |shape: f64, x: f64, difference: f64| {
            let u = difference * n / shape;
            // Next to 0 the digits are in x.
            let shortfall = if u < -0.2 { u - libm::log(x * n / shape) } else { log_shortfall(u) };
            shape * shortfall
        };
        libm::exp(self.log_peak - part(self.a, point.x, difference) - part(self.b, point.q, -difference))
    }

    /// The rate n x − a at which ln g falls, from the smaller of x and q.
    fn fall(self, point: Point) -> f64 {
        let n = self.a + self.b;
        if point.q < 0.5 { self.b - n * point.q } else { n * point.x - self.a }
    }

    fn tails(self, point: Point) -> Tails {
        let Density { a, b, .. } = self;
        // The fraction converges quickly on this side of about the mean.
        if point.x * (a + b + 2.0) < a + 1.0 {
            return self.mirrored().upper_tails(point.mirrored()).mirrored();
        }
        self.upper_tails(point)
    }

    /// The tails at a point right of about the mean.
    fn upper_tails(self, point: Point) -> Tails {
        let g = self.at(point);
        let upper = if self.a.min(self.b) <= MOST_FOR_FRACTION {
            g * fraction(self.b, self.a, point.mirrored(), self.fall(point))
        } else {
            self.by_rule(point, g)
        };
        Tails::of_upper(upper.min(1.0))
    }

    /// The upper tail by quadrature: g falls like exp(−h s − n x q s²/2) for a step s to the right.
    fn by_rule(self, point: Point, g: f64) -> f64 {
        let curvature = (self.a + self.b) * point.x * point.q;
        let fall = self.fall(point);
        // Where it has fallen by e⁻⁴⁰.
        let length = 80.0 / (fall + (fall * fall + 80.0 * curvature).sqrt());
        let half = 0.5 * length;
        let value = |place: f64| self.at(point.moved(half * (1.0 + place)));
        if g > 0.0 {
            half * RULE.iter().map(|&(place, weight)| weight * (value(place) + value(-place))).sum::<f64>()
        } else {
            0.0
        }
    }

    /// The logit right of which there is `tail`, in (0, ½].
    fn upper_logit(self, tail: f64) -> f64 {
        let Density { a, b, .. } = self;
        let log_tail = libm::log(tail);
        let mut y = self.start(log_tail);
        for _ in 0..100 {
            let point = Point::from_logit(y);
            let (upper, g) = (self.tails(point).upper, self.at(point));
            if !(upper > 0.0) {
                // Beyond the range of numbers: back towards the mode, where there is something.
                y = 0.5 * (y + libm::log(a / b));
                continue;
            }
            let hazard = g / upper;
            if !(hazard > 0.0) {
                break;
            }
            let excess = libm::log(upper) - log_tail;
            // Halley's method; Newton's lands right of the root and comes down, and no correction may undo that.
            let correction = 1.0 + 0.5 * excess * (1.0 - self.fall(point) / hazard);
            let step = excess / hazard / correction.clamp(0.5, 2.0);
            y += step;
            // Cubic convergence: what this step leaves is its cube, in units of the hazard.
            if !((step * hazard).abs() > 1e-5) {
                break;
            }
        }
        y
    }

    /// Where to look first for a tail: M. Abramowitz, I. A. Stegun (1964), 26.5.22, with the normal deviate of 26.2.23; for
    /// shapes below one, for which that is not meant, the mode.
    fn start(self, log_tail: f64) -> f64 {
        let mode = libm::log(self.a / self.b);
        if !(self.a > 1.0 && self.b > 1.0) {
            return mode;
        }
        let t = (-2.0 * log_tail).sqrt();
        let z = t - (2.307_53 + 0.270_61 * t) / (1.0 + t * (0.992_29 + 0.044_81 * t));
        let [a, b] = [self.a, self.b].map(|shape| 1.0 / (2.0 * shape - 1.0));
        let h = 2.0 / (a + b);
        let lambda = (z * z - 3.0) / 6.0;
        let w = z * (h + lambda).max(0.0).sqrt() / h + (b - a) * (lambda + 5.0 / 6.0 - 2.0 / (3.0 * h));
        // Not left of the mode, where the hazard may be next to nothing and the first step too long.
        (mode + 2.0 * w).max(mode)
    }
}

impl Beta {
    /// The probability that the rate is at most x, to a relative error of some 10⁻¹² where the shapes are below 10⁶ (beyond,
    /// as far as the digits of x say where between the mean and the tail it is).
    ///
    /// ```
    /// use tactful::belief::Beta;
    ///
    /// let posterior = Beta::new(2.0, 2.0)?;
    /// assert!((posterior.cdf(0.25) - 0.156_25).abs() < 1e-15); // 3x² − 2x³
    /// # Ok::<(), tactful::belief::BetaError>(())
    /// ```
    #[must_use]
    pub fn cdf(&self, x: f64) -> f64 {
        self.tails_at(x).lower
    }

    /// The probability that the rate is more than x; as precise as [`Beta::cdf`], and so in far tails, where 1 − cdf is not.
    #[must_use]
    pub fn survival(&self, x: f64) -> f64 {
        self.tails_at(x).upper
    }

    /// The rate below which the posterior has probability p: 0 for p ≤ 0, 1 for p ≥ 1.
    ///
    /// ```
    /// use tactful::belief::Beta;
    ///
    /// let posterior = Beta::UNIFORM.updated(20.0, 980.0);
    /// let interval = [posterior.quantile(0.025), posterior.upper_quantile(0.025)];
    /// assert!((interval[0] - 0.013).abs() < 5e-4 && (interval[1] - 0.031).abs() < 5e-4);
    /// ```
    #[must_use]
    pub fn quantile(&self, p: f64) -> f64 {
        self.point_at(p).map_or(if p > 0.5 { 1.0 } else { 0.0 }, |point| point.x)
    }

    /// The rate above which the posterior has probability `tail`; unlike `quantile(1 - tail)` precise for small tails.
    #[must_use]
    pub fn upper_quantile(&self, tail: f64) -> f64 {
        let mirrored = Beta { alpha: self.beta, beta: self.alpha };
        mirrored.point_at(tail).map_or(if tail > 0.5 { 0.0 } else { 1.0 }, |point| point.q)
    }

    /// The mean of the rate over the worst part of the posterior, that of probability `part` in (0, 1]: E[X | X ≤ quantile].
    ///
    /// By ∫ x f(x) dx = m F₊₁, where m is the mean and F₊₁ the distribution function of Beta(α + 1, β).
    #[must_use]
    pub fn lower_mean(&self, part: f64) -> f64 {
        if !(part < 1.0) {
            return self.mean();
        }
        let Some(point) = self.point_at(part) else {
            return 0.0;
        };
        let shifted = Density::new(self.alpha + 1.0, self.beta).tails(point).lower;
        // Not above the quantile, whatever the rounding.
        (self.mean() * shifted / part).min(point.x)
    }

    /// The density of the logit ln(x / (1 − x)) at y.
    pub(super) fn density_of_logit(&self, y: f64) -> f64 {
        Density::new(self.alpha, self.beta).at(Point::from_logit(y))
    }

    fn tails_at(&self, x: f64) -> Tails {
        if !(x > 0.0) {
            return Tails { upper: 1.0, lower: 0.0 };
        }
        if x >= 1.0 {
            return Tails { upper: 0.0, lower: 1.0 };
        }
        Density::new(self.alpha, self.beta).tails(Point { x, q: 1.0 - x })
    }

    /// Where the lower tail is p, in (0, 1).
    fn point_at(&self, p: f64) -> Option<Point> {
        if !(p > 0.0 && p < 1.0) {
            return None;
        }
        let density = Density::new(self.alpha, self.beta);
        let y = if p > 0.5 { density.upper_logit(1.0 - p) } else { -density.mirrored().upper_logit(p) };
        Some(Point::from_logit(y))
    }
}

/// For comparisons with other families; the [march](super::best) of Beta posteriors is quicker, and takes shapes below one too.
impl Marginal for Beta {
    const POSITIVE: bool = true;

    fn density(&self, x: f64) -> f64 {
        if !(x > 0.0 && x < 1.0) {
            return 0.0;
        }
        Density::new(self.alpha, self.beta).at(Point { x, q: 1.0 - x }) / (x * (1.0 - x))
    }

    fn cdf(&self, x: f64) -> f64 {
        Beta::cdf(self, x)
    }

    fn survival(&self, x: f64) -> f64 {
        Beta::survival(self, x)
    }

    fn bulk(&self) -> (f64, f64) {
        let deviation = (1.0 / self.alpha + 1.0 / self.beta).sqrt();
        let mode = libm::log(self.alpha / self.beta);
        (Point::from_logit(mode - 3.0 * deviation).x, Point::from_logit(mode + 3.0 * deviation).x)
    }

    fn quantile(&self, p: f64) -> f64 {
        Beta::quantile(self, p)
    }
}

/// The tails (upper, lower) of Beta(a, b) at x, q = 1 − x, for shapes that need not be those of a [`Beta`].
pub(super) fn beta_tails(a: f64, b: f64, [x, q]: [f64; 2]) -> (f64, f64) {
    let Tails { upper, lower } = Density::new(a, b).tails(Point { x, q });
    (upper, lower)
}

/// The continued fraction of I_x(a, b) / g for x below about the mean, y = 1 − x, and `lambda` = a − (a + b) x, in which the
/// digits are where x is near one.
fn fraction(a: f64, b: f64, Point { x, q: y }: Point, lambda: f64) -> f64 {
    let inverse = 1.0 / a;
    let (c, c1) = (1.0 + lambda, 1.0 + inverse);
    let (mut p, mut s) = (1.0, a + 1.0);
    let (mut before, mut now) = ([0.0, 1.0], [1.0, c / c1]);
    let mut value = c1 / c;
    for term in 1..MOST_TERMS {
        let n = f64::from(term);
        let t = n * inverse;
        let w = n * (b - n) * x;
        let e = a / s;
        let alpha = p * (p + b * inverse) * e * e * (w * x);
        let e = (1.0 + t) / (c1 + t + t);
        let beta = n + w / s + e * (c + n * (1.0 + y));
        p = 1.0 + t;
        s += 2.0;
        let next: [f64; 2] = std::array::from_fn(|i| alpha * before[i] + beta * now[i]);
        let last = value;
        value = next[0] / next[1];
        if !((value - last).abs() > 1e-16 * value) {
            break;
        }
        // Kept at the size of one.
        let scale = 1.0 / next[1];
        before = now.map(|part| part * scale);
        now = [value, 1.0];
    }
    value
}

/// ln Γ(z) = (z − ½) ln z − z + ½ ln 2π + J(z): J(z), by Stirling's series where it has the digits.
pub(super) fn remainder(z: f64) -> f64 {
    if z < 10.0 {
        return libm::lgamma(z) - (z - 0.5) * libm::log(z) + z - 0.5 * libm::log(TAU);
    }
    let w = 1.0 / (z * z);
    let series =
        [1.0 / 156.0, -691.0 / 360_360.0, 1.0 / 1_188.0, -1.0 / 1_680.0, 1.0 / 1_260.0, -1.0 / 360.0];
    (series.iter().fold(0.0, |sum, part| (sum + part) * w) + 1.0 / 12.0) / z
}

/// Places and weights of the Gauss-Legendre rule of 32 nodes on [−1, 1], the positive half.
pub(super) const RULE: [(f64, f64); 16] = [
    (0.997_263_861_849_481_6, 0.007_018_610_009_470_096),
    (0.985_611_511_545_268_4, 0.016_274_394_730_905_67),
    (0.964_762_255_587_506_4, 0.025_392_065_309_262_06),
    (0.934_906_075_937_739_7, 0.034_273_862_913_021_43),
    (0.896_321_155_766_052_1, 0.042_835_898_022_226_68),
    (0.849_367_613_732_57, 0.050_998_059_262_376_175),
    (0.794_483_795_967_942_4, 0.058_684_093_478_535_544),
    (0.732_182_118_740_289_7, 0.065_822_222_776_361_85),
    (0.663_044_266_930_215_2, 0.072_345_794_108_848_5),
    (0.587_715_757_240_762_3, 0.078_193_895_787_070_31),
    (0.506_899_908_932_229_4, 0.083_311_924_226_946_75),
    (0.421_351_276_130_635_33, 0.087_652_093_004_403_81),
    (0.331_868_602_282_127_67, 0.091_173_878_695_763_89),
    (0.239_287_362_252_137_06, 0.093_844_399_080_804_57),
    (0.144_471_961_582_796_5, 0.095_638_720_079_274_86),
    (0.048_307_665_687_738_32, 0.096_540_088_514_727_8),
];
