//! Pooled Thompson sampling: arms learn from all that have levels in common with them.

use crate::arm::ArmId;
use crate::belief::effects::{self, Cells, Factors, ScalePrior};
use crate::belief::{Beta, Tried, best, typical_rate};

use super::parameter::share;
use super::sharpened_thompson::{SharpenedThompson, sharpen};
use super::{Observes, ParameterError, Policy, PooledSegments, Portfolio, Probabilities, View};

/// Selects each arm about as often as it is the best, by a belief that arms share [effects](crate::belief::effects) of their
/// levels: of templates, channels, tones, send times, their pairs, and of segments where there are several.
///
/// The probability P_k of being the best is the frequency in N draws of all arms together (256; see
/// [`draws`](Self::draws)). It becomes a plan in three steps:
///
/// 1. *Sharpened*: Q = 0.9 P² / ΣP² + 0.1 P, as [`SharpenedThompson`](super::SharpenedThompson) does it.
/// 2. *Insured*: 5 % of the plan that Thompson sampling would make for arms that have nothing in common but what is usual, sharpened
///    too; where there are several segments, by [`PooledSegments`], so that what each arm has shown in others counts. It finds an arm
///    that is much better than its levels say, and stops by itself.
/// 3. Drawn from as it is: the propensity is that of the plan, whatever the chance that was in the draws. The seed of the
///    draws comes from the counters, so the same counters make the same plan, in whatever order the outcomes arrived.
///
/// A. Gelman, J. Hill (2007), *Data Analysis Using Regression and Multilevel/Hierarchical Models* (the belief); S. L. Scott (2010),
/// *A modern Bayesian look at the multi-armed bandit* (the draws); D. N. Hill, H. Nassif, Y. Liu, A. Iyer, S. V. N. Vishwanathan
/// (2017), *An Efficient Bandit Algorithm for Realtime Multivariate Optimization* (levels and pairs, and Thompson sampling
/// on them). No regret bound is known.
///
/// Payments lost to not knowing the best arm (rates about 2 to 11 %, plans at a growth of 1 %, no exploration share, fresh seeds;
/// mean ± standard error, and the run in twenty that lost more):
///
/// | 48 arms = 4 × 3 × 4 | sends | pooled | trusting | [`Thompson`](super::Thompson) |
/// | --- | --- | --- | --- | --- |
/// | logits are sums of effects of levels, 100 runs | 10,000 | 154 ± 5 (238) | 112 ± 5 (212) | 381 ± 3 (429) |
/// | a fifth of their variance is of pairs, a twentieth of arms, 200 runs | 30,000 | 256 ± 8 (448) | – | 595 ± 10 (780) |
/// | sums, and one arm 0.5 above the best of the others, 100 runs | 100,000 | 508 ± 76 (1,692) | – | 675 ± 10 (798) |
/// | no arm has anything in common with another, 40 runs | 100,000 | 447 ± 87 (1,814) | – | 783 ± 30 (1,153) |
///
/// 96 arms = 4 × 6 × 4 in 12 segments (what levels add differs between segments, by 0.3 for all three together; rates about 5 %, growth
/// 2 %, 12 worlds) lost 788 ± 55 (1,135) in 50,000 sends by 64 draws, where [`PooledSegments`], which knows nothing of levels, lost
/// 1,189 ± 86 (1,513); Thompson sampling for each segment alone lost 3,318 ± 383 in six others.
///
/// 30,000 arms = 25 × 6 × 5 × 40 (80, 18 and 2 % of the variance of logits are of levels, pairs and arms; rates about 3 %, growth 5 %,
/// exploration share 1 %; 40 fresh worlds) earned 0.540 ± 0.018, 0.813 ± 0.013 and 0.951 ± 0.003 of the best arm's rate in
/// the first 10⁴, 10⁵ and 10⁶ sends, 0.91 after 10⁶ in the worst of them; arms drawn at random earn 0.23. Where
/// levels say nothing at all, 12 such worlds earned 0.583 ± 0.033 in the first 10⁶. So many arms take 64 draws, and
/// [tempering](crate::belief::effects::best) takes the place of sharpening. A plan takes 0.4 ms at 48 arms, and 6, 10 and
/// 15 ms at 30,000 after about 10⁴, 10⁵ and 3 × 10⁵ sends; 1.8, 2.6 and 3.7 ms [without pairs](Self::without_pairs).
///
/// **When**: arms made of dimensions, tens of them or more, and rare rewards.
///
/// **When not**: the best arm has nothing to do with its levels. That is where pooling hurts: of the 100 runs above with such an
/// arm half lost less than 250, but one found it so late that it lost 6,787, eight times what Thompson sampling lost in any; and
/// who trusts the structure often did not find it in 100,000 sends, and lost 1,887 ± 388 (6,795; 40 runs at
/// slightly higher rates). With a single dimension there is nothing to pool but the rate that arms have in common.
///
/// Rewards are taken for 0 or 1, those in a range with the caution of [`Thompson`](super::Thompson). The bandit's prior
/// has no say: what is expected of the effects takes its place. A [warm start](crate::belief::WarmStart) has: its discounted
/// trials count as if they had been made here.
///
/// A plan is due by the events of its own segment: what others have learnt meanwhile shows in it from then on, so that a segment of
/// few customers goes for some time by what all knew when its plan was made.
///
/// ```
/// use tactful::policy::{Policy, PooledThompson};
///
/// let policy = PooledThompson::trust_structure().seed(7);
/// assert_eq!(policy.name(), "pooled-thompson(trust-structure,seed=7)");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PooledThompson {
    trusting: bool,
    pairs: bool,
    insurance: f64,
    draws: Option<u32>,
    seed: u64,
}

/// The share of the plan for arms that have nothing in common.
const INSURANCE: f64 = 0.05;

/// Draws, and those for more arms than are insured.
const DRAWS: u32 = 256;
const DRAWS_OF_MANY: u32 = 64;

/// The most arms whose plan is sharpened and insured. Among more, all draws differ, so that there is nothing to square; and a
/// plan for arms with nothing in common is uniform anyway, so that the exploration share takes its place.
const INSURED_ARMS: usize = 1_024;

/// The strength of the rate of a typical arm, as the prior of arms that have nothing else in common: so many sends. (10 did better than 40
/// where it was tried, by 35 ± 14 of 275, but worse by 24 ± 14 in fresh worlds.)
const STRENGTH: f64 = 40.0;

/// The power of sharpening.
const GAMMA: f64 = 2.0;

impl PooledThompson {
    /// No insurance, and next to nothing of an arm's own is expected: what levels say is all that is said.
    ///
    /// It learns faster where that is so, and where it is not, an arm that is much better than its levels say is missed for good.
    #[must_use]
    pub fn trust_structure() -> Self {
        Self { trusting: true, pairs: true, insurance: 0.0, draws: None, seed: 0 }
    }

    /// With another share of insurance than 0.05, in [0, 1].
    ///
    /// # Errors
    ///
    /// [`ParameterError`] for any other number.
    pub fn insurance(self, insurance: f64) -> Result<Self, ParameterError> {
        Ok(Self { insurance: share("insurance", insurance)?, ..self })
    }

    /// Without effects of pairs: what two levels do together is left to what an arm has of its own. Quicker among very many arms.
    #[must_use]
    pub fn without_pairs(self) -> Self {
        Self { pairs: false, ..self }
    }

    /// With another number of draws; at least 2, and even.
    #[must_use]
    pub fn draws(self, draws: u32) -> Self {
        Self { draws: Some(draws.clamp(2, 1 << 16).next_multiple_of(2)), ..self }
    }

    /// With another seed than 0.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    fn prior(&self) -> ScalePrior {
        let prior = if self.trusting { ScalePrior::structured() } else { ScalePrior::default() };
        if self.pairs { prior } else { prior.without_pairs() }
    }

    /// How often each eligible arm is the best, by what is known of all that have levels in common; none if nothing is known.
    fn pooled(&self, portfolio: &dyn Portfolio, view: &View<'_>) -> Option<Vec<(u32, f64)>> {
        let space = portfolio.space();
        let mut cells = Cells::new(Factors::of(space, portfolio.segmentation()));
        for segment in portfolio.segments() {
            cells.add(space, segment, &portfolio.tried(segment));
        }
        let eligible = (view.segment(), view.arms());
        let usual = if view.len() > INSURED_ARMS { DRAWS_OF_MANY } else { DRAWS };
        let draws = self.draws.unwrap_or(usual) as usize;
        let prior = self.prior();
        (!cells.is_empty()).then(|| effects::best(cells, &prior, space, eligible, draws, self.seed))
    }
}

impl Default for PooledThompson {
    /// With insurance.
    fn default() -> Self {
        Self { trusting: false, pairs: true, insurance: INSURANCE, draws: None, seed: 0 }
    }
}

impl Policy for PooledThompson {
    fn name(&self) -> String {
        let base = if self.trusting { Self::trust_structure() } else { Self::default() };
        let mut options = Vec::new();
        if self.trusting {
            options.push("trust-structure".to_owned());
        }
        if !self.pairs {
            options.push("without-pairs".to_owned());
        }
        if self.insurance.to_bits() != base.insurance.to_bits() {
            options.push(format!("insurance={}", self.insurance));
        }
        options.extend(self.draws.map(|draws| format!("draws={draws}")));
        if self.seed != 0 {
            options.push(format!("seed={}", self.seed));
        }
        match options.is_empty() {
            true => "pooled-thompson".to_owned(),
            false => format!("pooled-thompson({})", options.join(",")),
        }
    }

    fn observes(&self) -> Observes {
        Observes::Outcomes
    }

    fn probabilities(&self, view: &View<'_>) -> Probabilities {
        let pooled = view.portfolio().and_then(|portfolio| Some((self.pooled(portfolio, view)?, portfolio)));
        let Some((mut pooled, portfolio)) = pooled else {
            // Nothing is known of levels: arms have their mean in common.
            let told = view.arms().iter().copied().zip(view.statistics());
            return unrelated(&Tried::counted(told), view.arms());
        };
        if view.len() > INSURED_ARMS {
            return Probabilities { uniform: 0.0, contenders: pooled };
        }
        sharpen(&mut pooled, GAMMA);
        if self.insurance > 0.0 {
            let apart = match portfolio.segmentation().len() {
                0 | 1 => unrelated(&portfolio.tried(view.segment()), view.arms()),
                // By itself a segment would learn for long what others know already.
                _ => PooledSegments::new(SharpenedThompson::default()).probabilities(view),
            };
            return mixed(pooled, apart, self.insurance);
        }
        Probabilities { uniform: 0.0, contenders: pooled }
    }
}

/// The sharpened plan of Thompson sampling for arms that have nothing in common but their mean.
fn unrelated(tried: &[Tried], arms: &[ArmId]) -> Probabilities {
    let rate = typical_rate(tried.iter().map(|told| (told.trials, told.earned)), STRENGTH);
    let Ok(prior) = Beta::new(STRENGTH * rate, STRENGTH * (1.0 - rate)) else {
        return Probabilities::uniform();
    };
    let mut left = tried.iter().peekable();
    let after = |arm: &ArmId| {
        while left.next_if(|told| told.arm < *arm).is_some() {}
        left.next_if(|told| told.arm == *arm)
            .map_or(prior, |told| prior.updated(told.earned, told.trials - told.earned))
    };
    let posteriors: Vec<Beta> = arms.iter().map(after).collect();
    if posteriors.iter().all(|posterior| *posterior == posteriors[0]) {
        return Probabilities::uniform();
    }
    let mut contenders = best::contenders(&posteriors);
    sharpen(&mut contenders, GAMMA);
    Probabilities { uniform: 0.0, contenders }
}

/// Of contenders and of a plan, which has this share.
fn mixed(contenders: Vec<(u32, f64)>, plan: Probabilities, share: f64) -> Probabilities {
    let mut theirs = plan.contenders.into_iter().map(|(position, own)| (position, share * own)).peekable();
    let mut both = Vec::new();
    for (position, own) in contenders {
        while let Some(other) = theirs.next_if(|&(other, _)| other < position) {
            both.push(other);
        }
        let added = theirs.next_if(|&(other, _)| other == position).map_or(0.0, |(_, added)| added);
        both.push((position, (1.0 - share) * own + added));
    }
    both.extend(theirs);
    Probabilities { uniform: share * plan.uniform, contenders: both }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_are_mixed_by_position() {
        let plan = Probabilities { uniform: 0.5, contenders: vec![(0, 0.25), (3, 0.25)] };
        let mixed = mixed(vec![(1, 0.5), (3, 0.5)], plan, 0.5);
        assert_eq!(mixed.uniform.to_bits(), 0.25_f64.to_bits());
        assert_eq!(mixed.contenders, [(0, 0.125), (1, 0.25), (3, 0.375)]);
    }
}
