//! A place on the logit axis, and steps along it that lose no digits.

use super::elementary::{exp_and_expm1, ln, ln_1p};

/// A rate x, as x and as q = 1 − x, both to full relative precision.
///
/// The logit y = ln(x / q) itself is never needed: all distances are steps from a known point, which is what keeps
/// posteriors of 2⁴⁰ pulls, narrower than 10⁻⁶, as accurate as the others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    /// The rate.
    pub(super) x: f64,
    /// Its complement.
    pub(super) q: f64,
}

/// How far ln x and ln q move by a step in the logit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shift<const N: usize> {
    /// ln(x / x₀) for each step.
    pub(super) u: [f64; N],
    /// ln(q / q₀) for each step.
    pub(super) v: [f64; N],
}

impl Point {
    /// The point with these odds x / q.
    pub(super) fn from_odds(odds: f64) -> Point {
        Point { x: odds / (1.0 + odds), q: 1.0 / (1.0 + odds) }
    }

    /// The point of this rate and complement, which sum to one.
    pub(super) fn from_rate(x: f64, q: f64) -> Point {
        Point { x, q }
    }

    /// How far to the left of this point another lies in the logit; not positive if it does not.
    pub(super) fn way_down_to(self, other: Point) -> f64 {
        // The odds of the one over those of the other, less one: points close together have their digits in the difference.
        let (own, theirs) = (self.x * other.q, other.x * self.q);
        let excess = (own - theirs) / theirs;
        if excess > 1.0 { ln(own) - ln(theirs) } else { ln_1p(excess.max(0.0)) }
    }

    /// x q, by which the curvature of every log-density goes.
    pub(super) fn variance(self) -> f64 {
        self.x * self.q
    }

    /// The greatest x q between this point and another.
    pub(super) fn greatest_variance(self, other: Point) -> f64 {
        if (self.x < 0.5) != (other.x < 0.5) {
            return 0.25;
        }
        let (here, there) = (self.variance(), other.variance());
        if here > there { here } else { there }
    }

    /// What N steps (of at most 700 either way) do to ln x and ln q.
    ///
    /// From q/q₀ = 1 / (1 + x₀ (eˢ − 1)) or from its mirror image, whichever side is the smaller one, and from
    /// ln(x/x₀) = ln(q/q₀) + s.
    #[inline(always)]
    pub(super) fn shift<const N: usize>(self, steps: &[f64; N]) -> Shift<N> {
        let mut shift = Shift { u: [0.0; N], v: [0.0; N] };
        if self.x < 0.5 {
            for (i, &step) in steps.iter().enumerate() {
                let v = -ln_1p(self.x * exp_and_expm1(step).1);
                shift.v[i] = v;
                shift.u[i] = v + step;
            }
        } else {
            for (i, &step) in steps.iter().enumerate() {
                let u = -ln_1p(self.q * exp_and_expm1(-step).1);
                shift.u[i] = u;
                shift.v[i] = u - step;
            }
        }
        shift
    }

    /// The point one step away, and what the step does to ln x and ln q.
    pub(super) fn moved(self, step: f64) -> (Point, Shift<1>) {
        if self.x < 0.5 {
            let (factor, growth) = exp_and_expm1(step);
            let scale = 1.0 + self.x * growth;
            let v = -ln_1p(self.x * growth);
            let point = Point { x: self.x * factor / scale, q: self.q / scale };
            (point, Shift { u: [v + step], v: [v] })
        } else {
            let (factor, growth) = exp_and_expm1(-step);
            let scale = 1.0 + self.q * growth;
            let u = -ln_1p(self.q * growth);
            let point = Point { x: self.x / scale, q: self.q * factor / scale };
            (point, Shift { u: [u], v: [u - step] })
        }
    }
}
