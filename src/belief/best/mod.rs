//! The probability of being best, among independent Beta posteriors: what Thompson sampling draws from.
//!
//! Arm k is the best with probability pₖ = ∫ fₖ(x) Πⱼ≠ₖ Fⱼ(x) dx. One quadrature serves all arms: at each of its nodes
//! every density fₖ is computed once, every distribution function Fₖ is cumulated from its own density, the product
//! P = Π Fⱼ is taken once, and the integrand of arm k is P fₖ / Fₖ. The cost is linear in the arms, at some thirty nodes.
//!
//! ```
//! use tactful::belief::{Beta, best::probability_best};
//!
//! let posteriors = [Beta::UNIFORM.updated(40.0, 960.0), Beta::UNIFORM.updated(50.0, 950.0)];
//! let mut probabilities = Vec::new();
//! probability_best(&posteriors, &mut probabilities);
//! assert!((probabilities[1] - 0.858_381_482).abs() < 1e-8);
//! assert!((probabilities[0] + probabilities[1] - 1.0).abs() < 1e-15);
//! ```
//!
//! # The march
//!
//! The variable is the logit y = ln(x / (1 − x)), because there every Beta density g(y) = xᵃ (1 − x)ᵇ / B(a, b) is
//! log-concave, for all a, b > 0, without singularities: with n = a + b its logarithm has slope a − n x and curvature
//! −n x (1 − x), so that one number, n, says how narrow it is. Panels of ten Gauss-Legendre nodes march from right to
//! left, each as wide as the narrowest arm that has joined bears; arms join when they begin to matter; and when P has
//! fallen to almost nothing no arm can have its best chance further left, and the march ends. So a posterior of 2⁴⁰ pulls
//! beside one of none does not fall between the nodes, and its narrowness costs nothing elsewhere.
//!
//! # Pruning, and its bound
//!
//! Right of the mode, let h = n x − a > 0 be the rate at which ln g falls. It grows with x, so g(z) ≤ g(y) e^(−h(y)(z − y))
//! for z ≥ y, and the upper tail is at most
//!
//! S(y) = ∫_y^∞ g ≤ g(y) / h(y).
//!
//! An arm waits as long as, at the left edge y of the panel, h is at least ½ min(1, b) and this bound is below τ / K, for
//! K arms. So all arms that wait together have a tail S ≤ τ right of y, and no more than that can be misplaced. Treating
//! their distribution functions as 1 there changes the probabilities of the others by at most τ in all. Their own part is
//! not dropped: when an arm joins, the tail it has grown is booked at once as S · P, which differs from what it would have
//! gathered by at most S. An arm that never joins gets zero instead of at most its S. Together the total variation is at
//! most 2τ, with τ = 2·10⁻⁷ (10⁻¹¹ for few arms); what is measured is below 10⁻⁹, for h makes most bounds far too cautious.
//!
//! # Where the error comes from
//!
//! | source | standard | up to 8 different posteriors |
//! | --- | --- | --- |
//! | P at the left end, where the march stops; spread in proportion | 10⁻⁷ | 10⁻¹⁰ |
//! | rule of a panel: what the arms gain must be what P loses, and likewise for P² | 2·10⁻⁷ in the sum | 2·10⁻¹⁰ |
//! | arms that wait | 4·10⁻⁷ at most | 2·10⁻¹¹ at most |
//! | start: the tails right of the first edge, from g / (h + n x (1 − x) / h) | 6·10⁻⁸ | 10⁻¹¹ |
//! | the exponential | 6·10⁻¹¹ relative | same |
//! | rounding, for shapes above 2³⁶ | 10⁻⁸ | 10⁻⁸ |
//!
//! The largest total variation found among ten thousand random instances, shapes from 0.05 to 10¹² and thousands of copies
//! of three posteriors among them, was 4·10⁻⁷ (standard), and the largest error of one probability 3·10⁻¹⁰ (few). The
//! promises are 10⁻⁶ and 10⁻⁹. The check of a panel is no proof, for it sees sums only.
//!
//! # Cost
//!
//! Three panels for realistic posteriors, whatever the number of arms; five to seven where pulls are few or very unequal,
//! more if a shape is far below one. Equal posteriors are computed once, so counts in the hundreds merge thousands of arms.
//!
//! # Gaussians
//!
//! What a linear model believes of a request's arms are Gaussians, and the request waits for their probabilities. The same march
//! serves them, on the mean itself, with the same tolerances and promises; the largest total variation found among five hundred
//! random instances of 2 to 128 arms, deviations from 10⁻⁹ to 2, was 9·10⁻⁸ (standard) and 9·10⁻¹¹ (few).
//!
//! # Same bits everywhere
//!
//! Nothing but additions, multiplications, divisions and square roots of IEEE 754, in an order that the source fixes, and
//! no function of the platform's mathematics library. Equal posteriors get equal bits.

mod classes;
pub(super) mod elementary;
mod gaussians;
mod height;
mod march;
mod marginals;
mod panel;
mod point;
mod rule;
mod tolerance;
mod waiting;

pub use marginals::probability_best_of;

use std::cell::Cell;

use super::{Beta, Gaussian};
use classes::Classes;
use gaussians::Gaussians;
use march::March;
use point::Point;

/// Fills `probabilities` with the probability, for each posterior, that its rate is the greatest of all.
///
/// The probabilities sum to one, to rounding. Total variation to the exact law is below 10⁻⁶ for any number of arms; where
/// there are at most eight different posteriors, each probability is exact to
/// 10⁻⁹ (10⁻⁸ if a shape is above 2³⁶). An arm that cannot win by more than
/// that may get zero. No posteriors, no probabilities; equal posteriors, exactly equal probabilities.
///
/// Up to a thousand arms a thread keeps the memory it needed for its next call; a [`Workspace`] keeps it in any case.
///
/// ```
/// use tactful::belief::{Beta, best::probability_best};
///
/// let mut probabilities = Vec::new();
/// probability_best(&[Beta::UNIFORM; 4], &mut probabilities);
/// assert_eq!(probabilities, [0.25; 4]);
/// ```
pub fn probability_best(posteriors: &[Beta], probabilities: &mut Vec<f64>) {
    with_spare(posteriors.len(), |workspace| workspace.probability_best(posteriors, probabilities));
}

/// The posteriors whose probability of being best is positive, ascending by position, with that probability.
pub(crate) fn contenders(posteriors: &[Beta]) -> Vec<(u32, f64)> {
    with_spare(posteriors.len(), |workspace| {
        workspace.run(posteriors);
        workspace.contenders()
    })
}

/// The same where no rate counts for less than its mean: each arm k has max(X_k, m_k) instead of X_k.
///
/// Above the largest mean m* nothing is different. Below, all arms stand at their means, so that the probability Π F_j(m*) of
/// finding them there belongs to those with the largest.
pub(crate) fn contenders_above_means(posteriors: &[Beta]) -> Vec<(u32, f64)> {
    with_spare(posteriors.len(), |workspace| {
        workspace.run_above_means(posteriors);
        workspace.contenders()
    })
}

/// The same of Gaussian posteriors, with the same promises.
pub(crate) fn contenders_of_gaussians(posteriors: &[Gaussian]) -> Vec<(u32, f64)> {
    with_spare(posteriors.len(), |workspace| {
        workspace.run_gaussians(posteriors);
        workspace.contenders()
    })
}

/// Works in the memory that this thread has kept, or in new one.
fn with_spare<T>(arms: usize, work: impl FnOnce(&mut Workspace) -> T) -> T {
    // Taken out, not borrowed: whatever happens meanwhile, nobody meets it half used. A thread that is about to end has
    // none any more.
    let mut workspace = SPARE.try_with(Cell::take).ok().flatten().unwrap_or_default();
    let result = work(&mut workspace);
    if arms <= KEPT_ARMS {
        let _ = SPARE.try_with(|spare| spare.set(Some(workspace)));
    }
    result
}

/// The most arms whose memory a thread keeps: 1,024 take some 250 KiB, and beyond them allocation costs next to nothing
/// beside the work.
const KEPT_ARMS: usize = 1_024;

thread_local! {
    /// Memory without state, so that which thread computes makes no difference.
    static SPARE: Cell<Option<Box<Workspace>>> = const { Cell::new(None) };
}

/// The memory of [`probability_best`], kept from call to call: calls of no more arms than before allocate nothing.
///
/// It holds no state: the result is the same, bit for bit, as that of the function.
///
/// ```
/// use tactful::belief::{Beta, best::Workspace};
///
/// let (mut workspace, mut probabilities) = (Workspace::default(), Vec::new());
/// for failures in 0..3 {
///     let second = Beta::UNIFORM.updated(0.0, f64::from(failures));
///     workspace.probability_best(&[Beta::UNIFORM, second], &mut probabilities);
///     assert!((probabilities[1] - 1.0 / f64::from(failures + 2)).abs() < 1e-9);
/// }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Workspace {
    classes: Classes,
    march: March,
    gaussians: Gaussians,
    /// The probability of one arm of each class.
    of_class: Vec<f64>,
}

impl Workspace {
    /// Fills `probabilities` as [`probability_best`] does.
    pub fn probability_best(&mut self, posteriors: &[Beta], probabilities: &mut Vec<f64>) {
        probabilities.clear();
        self.run(posteriors);
        probabilities.extend(self.classes.of.iter().map(|&class| self.of_class[class as usize]));
    }

    /// Finds the class of each posterior and the probability of each class.
    fn run(&mut self, posteriors: &[Beta]) {
        self.classes.fill(posteriors.iter().map(|posterior| (posterior.alpha(), posterior.beta())));
        if self.classes.len() <= 1 {
            self.of_class.clear();
            self.of_class.push(1.0 / posteriors.len() as f64);
        } else {
            self.march.run(&self.classes, posteriors.len(), None, &mut self.of_class);
        }
    }

    /// The same of Gaussians.
    fn run_gaussians(&mut self, posteriors: &[Gaussian]) {
        self.classes.fill(posteriors.iter().map(|posterior| (posterior.mean(), posterior.deviation())));
        if self.classes.len() <= 1 {
            self.of_class.clear();
            self.of_class.push(1.0 / posteriors.len() as f64);
        } else {
            self.gaussians.run(&self.classes, posteriors.len(), &mut self.of_class);
        }
    }

    /// The same where no rate counts for less than its mean.
    fn run_above_means(&mut self, posteriors: &[Beta]) {
        self.classes.fill(posteriors.iter().map(|posterior| (posterior.alpha(), posterior.beta())));
        if self.classes.len() <= 1 {
            self.of_class.clear();
            self.of_class.push(1.0 / posteriors.len() as f64);
            return;
        }
        let means =
            || self.classes.alpha.iter().zip(&self.classes.beta).map(|(alpha, beta)| alpha / (alpha + beta));
        let (mut most, mut leader) = (f64::NEG_INFINITY, 0);
        for (class, mean) in means().enumerate() {
            if mean > most {
                (most, leader) = (mean, class);
            }
        }
        let (alpha, beta) = (self.classes.alpha[leader], self.classes.beta[leader]);
        let floor = Point::from_rate(alpha / (alpha + beta), beta / (alpha + beta));
        let below = self.march.run(&self.classes, posteriors.len(), Some(floor), &mut self.of_class);
        let leads: Vec<bool> = means().map(|mean| mean >= most).collect();
        let leaders: f64 =
            leads.iter().zip(&self.classes.size).filter(|(leads, _)| **leads).map(|(_, size)| size).sum();
        for (probability, leads) in self.of_class.iter_mut().zip(leads) {
            if leads {
                *probability += below / leaders;
            }
        }
    }

    /// The arms whose probability is positive, ascending by position.
    fn contenders(&self) -> Vec<(u32, f64)> {
        let mut contenders = vec![(0, 0.0); self.classes.of.len()];
        let mut found = 0;
        // Without a branch: where many are pruned, who is would be badly guessed.
        for (position, &class) in (0..).zip(&self.classes.of) {
            let probability = self.of_class[class as usize];
            contenders[found] = (position, probability);
            found += usize::from(probability > 0.0);
        }
        contenders.truncate(found);
        contenders
    }
}
