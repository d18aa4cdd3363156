//! Maximum likelihood for right-truncated delays: Fisher scoring that only ever climbs.
//!
//! A conversion with delay j in a cohort that covers the delays below m has the likelihood p(j) / F(m − 1). By cohorts
//! added up, with d(j) conversions of delay j and N(m) in cohorts that cover m delays,
//!
//! ```text
//! ℓ = Σ d(j) ln p(j) − Σ N(m) ln F(m − 1),
//! ```
//!
//! where the window drops out: it is a truncation like any other. The parameters are ln λ and ln a, kept in a box. From
//! the best point of a coarse grid each step is that of Fisher scoring, damped (Levenberg, Marquardt) until ℓ rises; so
//! it ends at a maximum whatever the table, and at the edge of the box where the likelihood has none.

use super::WeibullDelay;
use super::counts::Seen;
use super::weibull::MOMENTS;

/// The exponential law of greatest likelihood.
pub(super) fn exponential(seen: &Seen) -> Option<WeibullDelay> {
    told(seen, 2).then(|| climb(seen, &[1.0], 1))
}

/// The Weibull law of greatest likelihood.
pub(super) fn weibull(seen: &Seen) -> Option<WeibullDelay> {
    told(seen, 3).then(|| climb(seen, &[0.25, 0.5, 1.0, 2.0, 4.0], 2))
}

/// Whether any conversion is in a cohort that covers so many delays: in others all laws are alike.
pub(super) fn told(seen: &Seen, delays: usize) -> bool {
    seen.covering.iter().skip(delays - 1).any(|&conversions| conversions > 0.0)
}

/// The parameters ln λ and ln a.
type Point = [f64; 2];

/// Likelihood per conversion, with what scoring needs.
struct Climb {
    likelihood: f64,
    gradient: [f64; 2],
    /// Expected information: (λ, λ), (λ, a), (a, a).
    information: [f64; 3],
}

/// Climbs from the best of a grid: `free` = 1 keeps the shape, 2 fits it too.
fn climb(seen: &Seen, shapes: &[f64], free: usize) -> WeibullDelay {
    let window = seen.events.len() as f64;
    let logarithms: Vec<[f64; 5]> =
        (0..seen.events.len()).map(|k| MOMENTS.map(|(place, _)| libm::log(k as f64 + place))).collect();
    let at = |point| evaluate(seen, &logarithms, point);

    let least = [libm::log(WeibullDelay::MIN_SCALE), libm::log(WeibullDelay::MIN_SHAPE)];
    // At 64 windows the density within the window falls by a sixty-fourth: all but uniform.
    let greatest = [libm::log(64.0 * window), libm::log(WeibullDelay::MAX_SHAPE)];
    let mut point = [0.0, 0.0];
    let mut here = Climb { likelihood: f64::NEG_INFINITY, gradient: [0.0; 2], information: [0.0; 3] };
    for shape in shapes {
        // From 1/4 bucket on in steps of four, so that none is further than a factor of two.
        let scales =
            (0..).map(|step| 0.25 * (1_u64 << (2 * step)) as f64).take_while(|&scale| scale < 64.0 * window);
        for scale in scales {
            let start = [libm::log(scale), libm::log(*shape)];
            let there = at(start);
            if there.likelihood > here.likelihood {
                (point, here) = (start, there);
            }
        }
    }

    let mut damping = 1e-3;
    for _ in 0..STEPS {
        let step = scoring_step(&here, damping, free);
        let next: Point = std::array::from_fn(|i| (point[i] + step[i]).clamp(least[i], greatest[i]));
        let there = at(next);
        if there.likelihood > here.likelihood {
            (point, here) = (next, there);
            damping = (damping * 0.1).max(1e-12);
        } else if damping < 1e9 {
            damping *= 10.0;
        } else {
            // Not even a step of a billionth along the gradient goes up.
            break;
        }
    }
    // A round trip through the logarithm may leave the range by a rounding.
    WeibullDelay::clamped(libm::exp(point[0]), if free == 1 { 1.0 } else { libm::exp(point[1]) })
}

/// The most steps. Ten will do on common tables; on a ridge at the edge of the box it may take a hundred.
const STEPS: usize = 300;

/// Solves (I + damping · diag I) step = gradient, in the first `free` parameters.
fn scoring_step(climb: &Climb, damping: f64, free: usize) -> [f64; 2] {
    let [g, h] = climb.gradient;
    // A floor under the diagonal: where the likelihood is flat the information vanishes.
    let diagonal = |information: f64| information * (1.0 + damping) + 1e-12 + 1e-3 * damping;
    let a = diagonal(climb.information[0]);
    if free == 1 {
        return [g / a, 0.0];
    }
    let (b, c) = (climb.information[1], diagonal(climb.information[2]));
    // Above zero, since the information is not negative definite and the floor is added.
    let determinant = (a * c - b * b).max(1e-24);
    [(c * g - b * h) / determinant, (a * h - b * g) / determinant]
}

fn evaluate(seen: &Seen, logarithms: &[[f64; 5]], point: Point) -> Climb {
    let shape = libm::exp(point[1]);
    let total: f64 = seen.events.iter().sum();
    let (mut likelihood, mut gradient, mut information) = (0.0, [0.0; 2], [0.0; 3]);
    // P(δ < k), P(δ ≥ k) and the gradient of the former; then Σ g gᵀ / p over the delays so far.
    let (mut before, mut after, mut slope) = (0.0, 1.0, [0.0; 2]);
    let mut squares = [0.0; 3];
    for (k, logarithms) in logarithms.iter().enumerate() {
        let (arrived, waiting, rise) = arrived(logarithms, point[0], shape);
        // Whichever of the two is small has the digits.
        let probability = if arrived < 0.5 { arrived - before } else { after - waiting };
        let growth: [f64; 2] = std::array::from_fn(|i| rise[i] - slope[i]);
        let events = seen.events[k];
        likelihood += events * libm::log(probability.max(LEAST));
        if probability > LEAST {
            let per = growth.map(|growth| growth / probability);
            for i in 0..2 {
                gradient[i] += events * per[i];
            }
            squares[0] += growth[0] * per[0];
            squares[1] += growth[0] * per[1];
            squares[2] += growth[1] * per[1];
        }
        let covering = seen.covering[k];
        if covering > 0.0 {
            let share = arrived.max(LEAST);
            likelihood -= covering * libm::log(share);
            let per = rise.map(|rise| rise / share);
            for i in 0..2 {
                gradient[i] -= covering * per[i];
            }
            let means = [per[0] * per[0], per[0] * per[1], per[1] * per[1]];
            for i in 0..3 {
                information[i] += covering * (squares[i] / share - means[i]);
            }
        }
        (before, after, slope) = (arrived, waiting, rise);
    }
    // Per conversion, so that thresholds mean the same in every table.
    Climb {
        likelihood: likelihood / total,
        gradient: gradient.map(|g| g / total),
        // Rounding may leave the diagonal a little below zero.
        information: [
            information[0].max(0.0) / total,
            information[1] / total,
            information[2].max(0.0) / total,
        ],
    }
}

/// The least probability told from zero: its logarithm is finite, and so are quotients by it.
const LEAST: f64 = 1e-150;

/// P(δ ≤ k), P(δ > k) and the gradient of the former in (ln λ, ln a), from ln(k + u) at the five moments.
fn arrived(logarithms: &[f64; 5], log_scale: f64, shape: f64) -> (f64, f64, [f64; 2]) {
    let (mut arrived, mut waiting, mut rise) = (0.0, 0.0, [0.0; 2]);
    for (&logarithm, &(_, weight)) in logarithms.iter().zip(&MOMENTS) {
        let ratio = logarithm - log_scale;
        // At most (2¹² / ⅛)⁸ = 2¹²⁰ within the box: no infinity, whose product with e⁻ᶻ = 0 were no number.
        let z = libm::exp(shape * ratio);
        let left = libm::exp(-z);
        waiting += weight * left;
        arrived -= weight * libm::expm1(-z);
        let density = weight * shape * z * left;
        rise[0] -= density;
        rise[1] += density * ratio;
    }
    (arrived, waiting, rise)
}
