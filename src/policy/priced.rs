//! Priced: several goals as one, by weights, or by the prices at which bounds are kept.

use crate::belief::{Beta, Importance};

use super::{Observes, ParameterError, Policy, Probabilities, View};

/// What a further goal is to the first.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Goal {
    /// Adds so many times its own reward; negative for what is not wanted.
    Weight(f64),
    /// Has to stay at this mean or below: a complaint rate, a cost as a share of the greatest.
    AtMost(f64),
}

/// Another policy, on the reward of the first goal plus weights times those of [further goals](View::goals), w_1 … w_J, where the
/// weight −λ of a bounded goal is the price at which the bound is kept.
///
/// An arm's worth, r + Σ w_j g_j scaled to [0, 1], is believed Beta with the mean and variance of that sum, the goals taken for
/// independent; the other policy is shown that, and counters as they are. So it should go by beliefs, as Thompson sampling does,
/// not by counters, as UCB does. Nor by other segments: while a goal weighs anything they are not shown. To pool, have
/// [`PooledSegments`](super::PooledSegments) around this policy, not within.
///
/// The price is the least λ ≥ 0 at which the policy's own mix p keeps Σ_k p_k ḡ_k ≤ b, ḡ_k being posterior means, found anew at each
/// refresh from what is believed then, by halving on the scale of logarithms. It is where the iteration λ ← [λ + η (g − b)]₊
/// (K. J. Arrow, L. Hurwicz, H. Uzawa (1958), *Studies in Linear and Non-Linear Programming*) would come to rest if beliefs stood
/// still, without a state and without a step size η. Where the mix jumps at that price, as that of a greedy policy does, those on
/// both sides are mixed so that the bound is met: the solution of the linear programme max Σ p_k m_k. If no price keeps it, as
/// little of that goal is spent as can be. Several bounds are priced in turn until nothing moves, without mixing.
///
/// The exploration share comes on top and is not priced. Bounds hold in each segment, for means as they are believed: early on the
/// prior of the goal decides, so give it one that says what is usual.
///
/// **When**: complaints, opt-outs or costs have to stay within bounds, and what that costs in the first goal is to be as little as
/// possible. **When not**: the exchange rate is known; then a [`RewardRule`](crate::RewardRule) makes one reward of all, at once.
///
/// A bandit counts the goals that are [declared](crate::BanditBuilder::goal), in that order, and tells the prices at which it
/// [sells](crate::Bandit::goal_weights).
#[derive(Debug)]
pub struct Priced {
    inner: Box<dyn Policy>,
    goals: Vec<Goal>,
}

/// Prices are looked for between 2⁻²⁰ and 2²⁰: the first goal's worth is in [0, 1], so that less is nothing and more is all.
const RANGE: f64 = 20.0;

/// Halvings of that range: to one part in 30,000 of the price.
const HALVINGS: usize = 20;

/// Turns through several bounded goals.
const TURNS: usize = 8;

impl Priced {
    /// This policy, with these further goals, in the order in which the view has them.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] for a weight or a bound that is not a finite number.
    pub fn new(
        inner: impl Policy + 'static,
        goals: impl IntoIterator<Item = Goal>,
    ) -> Result<Self, ParameterError> {
        Self::boxed(Box::new(inner), goals)
    }

    /// The same for a policy in a box.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] for a weight or a bound that is not a finite number.
    pub fn boxed(
        inner: Box<dyn Policy>,
        goals: impl IntoIterator<Item = Goal>,
    ) -> Result<Self, ParameterError> {
        let goals: Vec<Goal> = goals.into_iter().collect();
        for goal in &goals {
            let (name, value) = match *goal {
                Goal::Weight(weight) => ("weight", weight),
                Goal::AtMost(bound) => ("bound", bound),
            };
            if !value.is_finite() {
                return Err(ParameterError { name, value, wanted: "a finite number" });
            }
        }
        Ok(Self { inner, goals })
    }

    /// The weight of each goal at present: what was given, or the price with a minus. Goals that the view does not have weigh
    /// nothing.
    #[must_use]
    pub fn weights(&self, view: &View<'_>) -> Vec<f64> {
        self.solve(view).0
    }

    /// The weights, and the mix of the arms under them.
    fn solve(&self, view: &View<'_>) -> (Vec<f64>, Vec<f64>) {
        let goals = &self.goals[..self.goals.len().min(view.goals().len())];
        let weight = |goal: &Goal| match *goal {
            Goal::Weight(weight) => weight,
            Goal::AtMost(_) => 0.0,
        };
        let mut weights: Vec<f64> = goals.iter().map(weight).collect();
        let bound = |(number, goal): (usize, &Goal)| match *goal {
            Goal::Weight(_) => None,
            Goal::AtMost(bound) => Some((number, bound)),
        };
        let bounded: Vec<(usize, f64)> = goals.iter().enumerate().filter_map(bound).collect();
        let mut mix = self.mix(view, &weights);
        for _ in 0..TURNS {
            let before = weights.clone();
            for &(goal, bound) in &bounded {
                mix = self.price(view, &mut weights, goal, bound, bounded.len() == 1);
            }
            if bounded.len() < 2 || weights == before {
                break;
            }
        }
        (weights, mix)
    }

    /// Sets the weight of a goal to what keeps its bound, the others being held, and tells the mix.
    fn price(&self, view: &View<'_>, weights: &mut [f64], goal: usize, bound: f64, mixed: bool) -> Vec<f64> {
        let means: Vec<f64> = view.goals()[goal].iter().map(Beta::mean).collect();
        let spent = |mix: &[f64]| -> f64 { mix.iter().zip(&means).map(|(share, mean)| share * mean).sum() };
        weights[goal] = 0.0;
        let free = self.mix(view, weights);
        if spent(&free) <= bound {
            return free;
        }
        let (mut low, mut high) = (-RANGE, RANGE);
        weights[goal] = -libm::exp2(high);
        let mut kept = self.mix(view, weights);
        if !(spent(&kept) <= bound) {
            return kept;
        }
        let mut broken = free;
        for _ in 0..HALVINGS {
            let middle = (low + high) / 2.0;
            weights[goal] = -libm::exp2(middle);
            let mix = self.mix(view, weights);
            match spent(&mix) <= bound {
                true => (high, kept) = (middle, mix),
                false => (low, broken) = (middle, mix),
            }
        }
        weights[goal] = -libm::exp2(high);
        let (less, more) = (spent(&kept), spent(&broken));
        if mixed && more > less {
            let share = ((bound - less) / (more - less)).clamp(0.0, 1.0);
            kept.iter_mut().zip(&broken).for_each(|(kept, broken)| *kept += share * (broken - *kept));
        }
        kept
    }

    /// What the other policy does if goals weigh so much.
    fn mix(&self, view: &View<'_>, weights: &[f64]) -> Vec<f64> {
        if weights.iter().all(|&weight| weight == 0.0) {
            return self.inner.probabilities(view).to_dense(view.len());
        }
        let worth: Vec<Beta> = (0..view.len()).map(|arm| worth(view, weights, arm)).collect();
        // Other segments are known by the first goal only: who went by them would not see the price.
        let worth = View { portfolio: None, ..view.believing(&worth) };
        self.inner.probabilities(&worth).to_dense(view.len())
    }
}

/// What is believed of an arm's worth: r + Σ w g, moved and scaled to [0, 1].
fn worth(view: &View<'_>, weights: &[f64], arm: usize) -> Beta {
    let first = &view.posteriors()[arm];
    let (mut mean, mut variance, mut scale) = (first.mean(), first.variance(), 1.0);
    for (&weight, goal) in weights.iter().zip(view.goals()) {
        let goal = &goal[arm];
        // What is not wanted counts by its absence, which is as certain.
        mean += weight.abs() * if weight < 0.0 { 1.0 - goal.mean() } else { goal.mean() };
        variance += weight * weight * goal.variance();
        scale += weight.abs();
    }
    let (mean, variance) = (mean / scale, variance / (scale * scale));
    let strength = mean * (1.0 - mean) / variance - 1.0;
    let shape = |part: f64| (part * strength).clamp(Beta::MIN_SHAPE, Beta::MAX_SHAPE);
    // Two numbers in range; means and variances of such are neither 0 nor infinite.
    Beta::new(shape(mean), shape(1.0 - mean)).unwrap_or(*first)
}

impl Policy for Priced {
    fn name(&self) -> String {
        let goal = |goal: &Goal| match goal {
            Goal::Weight(weight) => format!(",weight={weight}"),
            Goal::AtMost(bound) => format!(",at-most={bound}"),
        };
        let goals: String = self.goals.iter().map(goal).collect();
        format!("priced({}{goals})", self.inner.name())
    }

    fn observes(&self) -> Observes {
        match self.inner.observes() {
            Observes::Nothing => Observes::Outcomes,
            observed => observed,
        }
    }

    fn importance(&self, arms: usize) -> Option<Importance> {
        self.inner.importance(arms)
    }

    fn goals(&self) -> usize {
        self.goals.len()
    }

    fn goal_weights(&self, view: &View<'_>) -> Vec<f64> {
        self.weights(view)
    }

    fn probabilities(&self, view: &View<'_>) -> Probabilities {
        Probabilities::dense(&self.solve(view).1)
    }
}
