//! Policies: what is believed of the eligible arms, turned into probabilities.
//!
//! A [`Policy`] is a pure function. It has no generator, no clock and no scratch of its own; chance enters when a
//! decision is drawn from the plan that these probabilities become. Exploration share, floors and caps belong to
//! the plan, so that every policy has them.
//!
//! # Which policy
//!
//! Take [`Thompson`], the default, or [`SharpenedThompson`] where payments are rare and sends are tens of thousands. What
//! `tactful simulate` measured (2026-11-22; twelve arms whose rates are drawn from Beta(4, 76) in each run, so that most lie
//! between 1 and 12 %; plans at a growth of 1 %, no exploration share), as payments lost to not knowing the best arm, mean ±
//! standard error over 2,000, 300 and 16 runs:
//!
//! | policy | 500 sends | 10,000 | 1,000,000 |
//! | --- | --- | --- | --- |
//! | [`SharpenedThompson`] | 18.1 ± 0.1 | 86 ± 2 | 198 ± 11 |
//! | [`OptimisticThompson`] | 19.2 ± 0.2 | 109 ± 2 | 292 ± 23 |
//! | [`Thompson`] | 19.5 ± 0.2 | 115 ± 2 | 303 ± 22 |
//! | [`KlUcbPlusPlus`], which is told the horizon | 17.0 ± 0.1 | 108 ± 2 | 452 ± 31 |
//! | [`BayesUcb`] | 19.7 ± 0.2 | 161 ± 2 | 1,251 ± 74 |
//! | [`KlUcb`] | 19.6 ± 0.2 | 179 ± 2 | 1,292 ± 74 |
//! | [`Ucb1Tuned`] | 20.3 ± 0.2 | 238 ± 3 | 1,467 ± 69 |
//! | [`Moss::anytime`] | 20.7 ± 0.2 | 204 ± 2 | 2,311 ± 112 |
//! | [`TsallisInf`], [`plain`](TsallisInf::plain) | 18.2 ± 0.2, 21.9 ± 0.2 | 168 ± 5, 322 ± 7 | 672 ± 51, 3,486 ± 205 |
//! | [`Exp3Ix`], [`plain`](Exp3Ix::plain) | 16.3 ± 0.2, 22.4 ± 0.2 | 119 ± 2, 382 ± 8 | 934 ± 34, 9,934 ± 178 |
//! | [`Softmax`] | 14.0 ± 0.1 | 71 ± 6 | 5,353 ± 2,473 |
//! | [`EpsilonGreedy`], ε = 0.1 | 15.7 ± 0.2 | 117 ± 5 | 4,347 ± 343 |
//! | [`Ucb1`] | 22.2 ± 0.2 | 380 ± 7 | 7,581 ± 218 |
//! | [`Uniform`] | 23.2 ± 0.2 | 460 ± 10 | 41,040 ± 3,647 |
//!
//! - *A few hundred sends.* Nobody learns much; what exploits early wins: softmax, ε-greedy. Both go on losing for ever after,
//!   the one in the runs in which it settled on a wrong arm, the other by ε.
//! - *Outcomes come late, customers tire and opt out* (`--collections 5000`, 100,000 sends, 16 runs): Thompson 1,015 ± 88,
//!   optimistic 995 ± 94, sharpened 1,123 ± 106, ε-greedy 1,213 ± 126; the index policies, which stay on one arm until outcomes
//!   come, 1,638 to 2,083 of uniform's 2,322.
//! - *Rewards are common.* Sharpening now and then settles on the wrong arm: with rates of 0.9 and 0.8, 5,000 sends, it lost
//!   11.5 ± 5.1 where Thompson lost 8.8 ± 1.0 (100 runs).
//! - *Rewards may turn against whoever relies on them*: [`TsallisInf`] or [`Exp3Ix`]. Never the plain forms where rewards are
//!   rare: they collapse without a baseline that knows the base rate, and UCB1 is no better there.
//! - *More segments than each can learn for itself*, or one with many arms: [`PooledSegments`] around Thompson, or around
//!   sharpened Thompson.
//! - *Requests have features* ([`Bandit::select_with`](crate::Bandit::select_with)): [`Thompson`], or [`LinUcb`] where a request
//!   must be answered in a microsecond.
//! - *An experiment that is to end*: [`TopTwoThompson`], which says when it is [decided](TopTwoThompson::decided). It goes on
//!   testing after that, so regret is not its measure (11,523 after a million).
//! - *A template in use must not be risked*: [`Conservative`]; *every arm is to be seen first*: [`BurnIn`].
//! - *The worst case counts*: [`Maximin`] and [`ConditionalValueAtRisk`] select by what an arm earns if it is as bad as it may
//!   be. They do not explore: give them an exploration share.
//!
//! [`named`] makes any of them from a text.

mod bayes_ucb;
mod burn_in;
mod conditional_value_at_risk;
mod conservative;
mod counted;
mod divergence;
mod epsilon_greedy;
mod exp3_ix;
mod fixed;
mod game;
mod held_out;
mod index;
mod inverse_gap;
mod kl_ucb;
mod kl_ucb_plus_plus;
mod lin_ucb;
mod maximin;
mod moss;
mod named;
mod optimistic_thompson;
mod parameter;
mod pooled_segments;
mod pooled_thompson;
mod portfolio;
mod priced;
mod reward_law;
mod sharpened_thompson;
mod softmax;
mod thompson;
mod top_two_thompson;
mod tsallis_inf;
mod ucb1;
mod ucb1_tuned;
mod ucb_v;
mod uniform;
mod worst_off;

pub use bayes_ucb::BayesUcb;
pub use burn_in::BurnIn;
pub use conditional_value_at_risk::ConditionalValueAtRisk;
pub use conservative::Conservative;
pub use divergence::Family;
pub use epsilon_greedy::EpsilonGreedy;
pub use exp3_ix::Exp3Ix;
pub use fixed::Fixed;
pub use held_out::HeldOut;
pub use index::Index;
pub use inverse_gap::InverseGap;
pub use kl_ucb::KlUcb;
pub use kl_ucb_plus_plus::KlUcbPlusPlus;
pub use lin_ucb::LinUcb;
pub use maximin::Maximin;
pub use moss::Moss;
pub use named::{NamedError, named, names};
pub use optimistic_thompson::OptimisticThompson;
pub use parameter::ParameterError;
pub use pooled_segments::PooledSegments;
pub use pooled_thompson::PooledThompson;
pub use portfolio::Portfolio;
pub use priced::{Goal, Priced};
pub use reward_law::RewardLaw;
pub use sharpened_thompson::SharpenedThompson;
pub use softmax::Softmax;
pub use thompson::Thompson;
pub use top_two_thompson::TopTwoThompson;
pub use tsallis_inf::TsallisInf;
pub use ucb_v::UcbV;
pub use ucb1::Ucb1;
pub use ucb1_tuned::Ucb1Tuned;
pub use uniform::Uniform;
pub use worst_off::{Robustness, WorstOff};

pub(crate) use counted::Unread;
pub(crate) use index::shared;

use std::fmt;

use crate::arm::ArmId;
use crate::belief::{Beta, Importance, LinearBelief, Losses};
use crate::segment::SegmentId;
use crate::statistics::ArmStatistics;

use counted::Counted;

/// A rule that says how often each eligible arm should be selected, given what is known.
pub trait Policy: fmt::Debug + Send + Sync {
    /// The name by which reports and the command line know the policy, such as `thompson`.
    fn name(&self) -> String;

    /// Which events change what the policy would do; others never make its plan due.
    fn observes(&self) -> Observes;

    /// The probabilities of the eligible arms.
    ///
    /// The same view always gives the same probabilities. Entries that are negative or not finite count as zero;
    /// the rest is scaled to sum to one; if nothing is left, all eligible arms share evenly.
    fn probabilities(&self, view: &View<'_>) -> Probabilities;

    /// Whether taking arms away never lowers the probability of an arm that stays (*regularity*: H. D. Block,
    /// J. Marschak (1960), *Random orderings and stochastic theories of responses*).
    ///
    /// True of every policy that selects the best arm under a joint law of values in which an arm's value has nothing to
    /// do with who else is eligible. The plan of a set may then be taken from the plan of a larger one, if the arms that
    /// are not eligible had next to no probability there: total variation to the set's own plan of at most 10⁻⁷.
    fn is_regular(&self) -> bool {
        false
    }

    /// How the rewards of so many arms are to be weighted, and against what baseline, if the policy needs to be shown
    /// [estimated losses](View::losses).
    fn importance(&self, arms: usize) -> Option<Importance> {
        let _ = arms;
        None
    }

    /// How many [further goals](View::goals) the policy needs to be shown.
    fn goals(&self) -> usize {
        0
    }

    /// How much each [further goal](View::goals) weighs beside the first, for reports; empty if the policy weighs none.
    fn goal_weights(&self, view: &View<'_>) -> Vec<f64> {
        let _ = view;
        Vec::new()
    }

    /// The policy as an index, if it is one; its [`probabilities`](Policy::probabilities) are then a loop over the
    /// indices, and the bandit finds the same arms without that loop.
    fn as_index(&self) -> Option<&dyn Index> {
        None
    }

    /// The α, finite and not negative, of a policy that selects the arm with the largest mean + α × width where a view has
    /// [linear beliefs](View::linear); the bandit then finds that arm without a view.
    fn as_upper_bound(&self) -> Option<f64> {
        None
    }
}

/// Which events make a policy's plan old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observes {
    /// None: the policy does not learn.
    Nothing,
    /// Outcomes.
    Outcomes,
    /// Outcomes, and selections too: the policy counts arms as tried when they are selected, so that outcomes
    /// which come late do not make it pour everything into one arm.
    Selections,
}

/// What a policy may see of the eligible arms, in ascending order of their ids. Positions run from 0 to
/// [`View::len`] − 1 and are *not* arm ids unless every arm is eligible.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    arms: &'a [ArmId],
    posteriors: &'a [Beta],
    statistics: Counted<'a>,
    segment: SegmentId,
    losses: Option<&'a Losses>,
    portfolio: Option<&'a dyn Portfolio>,
    goals: &'a [Vec<Beta>],
    linear: Option<&'a [LinearBelief]>,
}

impl<'a> View<'a> {
    /// A view of these arms; the three slices have one entry per eligible arm.
    ///
    /// # Panics
    ///
    /// If the lengths differ.
    #[must_use]
    pub fn new(arms: &'a [ArmId], posteriors: &'a [Beta], statistics: &'a [ArmStatistics]) -> Self {
        assert!(arms.len() == posteriors.len() && arms.len() == statistics.len(), "one entry per arm");
        Self {
            arms,
            posteriors,
            statistics: Counted::AtHand(statistics),
            segment: SegmentId::new(0),
            losses: None,
            portfolio: None,
            goals: &[],
            linear: None,
        }
    }

    /// The same view, of this segment; without it, of the first.
    #[must_use]
    pub fn of_segment(self, segment: SegmentId) -> Self {
        Self { segment, ..self }
    }

    /// The same view with an estimated loss for each arm, for policies that [ask](Policy::importance) for it.
    ///
    /// # Panics
    ///
    /// If the lengths differ.
    #[must_use]
    pub fn with_losses(self, losses: &'a Losses) -> Self {
        assert!(losses.each.len() == self.arms.len(), "one entry per arm");
        Self { losses: Some(losses), ..self }
    }

    /// The same view with a look at other segments.
    #[must_use]
    pub fn with_portfolio(self, portfolio: &'a dyn Portfolio) -> Self {
        Self { portfolio: Some(portfolio), ..self }
    }

    /// The same view with further goals: of each, what is believed of its mean with each arm.
    ///
    /// # Panics
    ///
    /// If the lengths differ.
    #[must_use]
    pub fn with_goals(self, goals: &'a [Vec<Beta>]) -> Self {
        assert!(goals.iter().all(|goal| goal.len() == self.arms.len()), "one entry per arm");
        Self { goals, ..self }
    }

    /// A view of these arms as a linear model sees them, whose counters are read if a policy asks.
    pub(crate) fn of_request(
        arms: &'a [ArmId],
        (posteriors, linear): (&'a [Beta], &'a [LinearBelief]),
        counters: &'a Unread<'a>,
    ) -> Self {
        let view = Self { statistics: Counted::Unread(counters), ..Self::new(&[], &[], &[]) };
        Self { arms, posteriors, linear: Some(linear), ..view }
    }

    /// The same view of a request with features: what a linear model believes of each arm then. The
    /// [posteriors](View::posteriors) are to be its [`beta`](LinearBelief::beta)s.
    ///
    /// # Panics
    ///
    /// If the lengths differ.
    #[must_use]
    pub fn with_linear(self, linear: &'a [LinearBelief]) -> Self {
        assert!(linear.len() == self.arms.len(), "one entry per arm");
        Self { linear: Some(linear), ..self }
    }

    /// The same view with other beliefs; there are as many.
    fn believing<'b>(self, posteriors: &'b [Beta]) -> View<'b>
    where
        'a: 'b,
    {
        View { posteriors, ..self }
    }

    /// The number of eligible arms, at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "nothing is asked of an empty set")]
    pub fn len(&self) -> usize {
        self.arms.len()
    }

    /// The eligible arms.
    #[must_use]
    pub fn arms(&self) -> &'a [ArmId] {
        self.arms
    }

    /// What is believed of each arm's mean reward, scaled to [0, 1].
    #[must_use]
    pub fn posteriors(&self) -> &'a [Beta] {
        self.posteriors
    }

    /// What was counted of each arm.
    #[must_use]
    pub fn statistics(&self) -> &'a [ArmStatistics] {
        self.statistics.each()
    }

    /// The segment.
    #[must_use]
    pub fn segment(&self) -> SegmentId {
        self.segment
    }

    /// Importance-weighted estimates of what each arm would have lost had it always been selected; none if the policy did
    /// not [ask](Policy::importance) for it.
    #[must_use]
    pub fn losses(&self) -> Option<&'a Losses> {
        self.losses
    }

    /// What is believed in all segments, this one included; none where there is nothing to look at but this one.
    #[must_use]
    pub fn portfolio(&self) -> Option<&'a dyn Portfolio> {
        self.portfolio
    }

    /// Further goals beside the rewards: of each, what is believed of its mean with each arm, scaled to [0, 1]. None if the
    /// policy did not [ask](Policy::goals) for them.
    #[must_use]
    pub fn goals(&self) -> &'a [Vec<Beta>] {
        self.goals
    }

    /// What a linear model believes of each arm, where the request has features.
    #[must_use]
    pub fn linear(&self) -> Option<&'a [LinearBelief]> {
        self.linear
    }

    /// Decisions for the eligible arms so far.
    #[must_use]
    pub fn selections(&self) -> u64 {
        self.statistics().iter().map(|arm| arm.issued()).sum()
    }
}

/// A probability for each eligible arm, kept sparse: a share spread evenly over all of them, and contenders with
/// a share of their own on top.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Probabilities {
    /// Share spread evenly over all eligible arms, in [0, 1].
    pub uniform: f64,
    /// (position in the view, share): ascending positions, each at most once, shares in [0, 1].
    pub contenders: Vec<(u32, f64)>,
}

impl Probabilities {
    /// All eligible arms alike.
    #[must_use]
    pub fn uniform() -> Self {
        Self { uniform: 1.0, contenders: Vec::new() }
    }

    /// A share each for the arms at these ascending positions, evenly, and the rest spread over all.
    #[must_use]
    pub fn shared(positions: &[u32], share: f64) -> Self {
        if positions.is_empty() {
            return Self::uniform();
        }
        let each = share / positions.len() as f64;
        Self {
            uniform: 1.0 - share,
            contenders: positions.iter().map(|&position| (position, each)).collect(),
        }
    }

    /// The share of each of so many positions, the even part included, scaled to sum to one; entries that are negative or not
    /// finite count as zero, as do those of positions beyond, and if nothing is left, all share evenly.
    #[must_use]
    pub fn to_dense(&self, arms: usize) -> Vec<f64> {
        let sane = |share: f64| if share > 0.0 && share < f64::INFINITY { share } else { 0.0 };
        let mut shares = vec![sane(self.uniform) / arms as f64; arms];
        for &(position, share) in &self.contenders {
            if let Some(own) = shares.get_mut(position as usize) {
                *own += sane(share);
            }
        }
        let total: f64 = shares.iter().sum();
        if !(total > 0.0 && total < f64::INFINITY) {
            return vec![1.0 / arms as f64; arms];
        }
        shares.iter_mut().for_each(|share| *share /= total);
        shares
    }

    /// One share per position.
    #[must_use]
    pub fn dense(shares: &[f64]) -> Self {
        // Room for all: most shares of a policy that gives one to each arm are positive.
        let mut contenders = Vec::with_capacity(shares.len());
        let positive = (0..).zip(shares.iter().copied()).filter(|&(_, share)| share > 0.0);
        contenders.extend(positive);
        Self { uniform: 0.0, contenders }
    }
}
