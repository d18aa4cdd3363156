//! A question put to a log: what would this target have earned?

use super::arm_groups::ArmGroups;
use super::estimate::EstimateError;
use super::log::{Log, Round};
use super::marginal::Marginal;
use super::model::{FOLDS, RewardModel};
use super::roundwise::Estimator;
use super::roundwise::facts::{CHUNK, Facts, Source, Survey, Wanted, WeightSums};
use super::roundwise::sealed;
use super::support::Support;
use super::target::{Occasion, TargetPolicy};

/// A log, a target, and what helps to judge it: a reward model, dimensions that matter, clusters of rounds.
///
/// Its rounds are computed as they are asked for, some hundreds at a time, so that memory does not grow by what the
/// estimators need.
///
/// ```
/// # use tactful::evaluation::{Log, Round};
/// # use tactful::{ArmId, ArmSpace, Reward, RewardKind, SegmentId, Segments};
/// use tactful::evaluation::{BestPerSegment, Estimator, Evaluator, PooledModel, Question};
///
/// # let arms = ArmSpace::builder().dimension("template", ["friendly", "firm"]).build()?;
/// # let rounds = (0..1000).map(|number| Round {
/// #     segment: SegmentId::new(0),
/// #     arm: ArmId::new(number % 2),
/// #     propensity: 0.5,
/// #     reward: Reward::from(number % 10 == 1),
/// #     eligible: None,
/// # });
/// # let log = Log::new(arms, Segments::single(), RewardKind::Binary, rounds)?.declare_uniform()?;
/// let target = BestPerSegment::fit(&log);
/// let model = PooledModel::fit(&log);
/// let evaluation = Evaluator::default().evaluate(&Question::new(&log, &target).model(&model))?;
/// let robust = evaluation.estimate(Estimator::Dr).unwrap()?;
/// assert!((robust.value - 0.2).abs() < 0.01);
/// assert!(robust.interval.0 < 0.2 && 0.2 < robust.interval.1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Question<'a> {
    log: &'a Log,
    target: &'a dyn TargetPolicy,
    model: Option<&'a dyn RewardModel>,
    groups: Option<(&'a ArmGroups, Marginal)>,
    clusters: Option<(&'a [u32], usize)>,
}

impl<'a> Question<'a> {
    /// What would this target have earned, by this log?
    #[must_use]
    pub fn new(log: &'a Log, target: &'a dyn TargetPolicy) -> Self {
        Self { log, target, model: None, groups: None, clusters: None }
    }

    /// Adds a reward model, for the direct method and everything doubly robust.
    #[must_use]
    pub fn model(mut self, model: &'a dyn RewardModel) -> Self {
        self.model = Some(model);
        self
    }

    /// Adds the dimensions of the arms that matter, for [`Estimator::Mips`].
    #[must_use]
    pub fn dimensions(mut self, groups: &'a ArmGroups) -> Self {
        self.groups = Some((groups, Marginal::new(self.log, self.target, groups)));
        self
    }

    /// Adds the cluster of each round, as numbers from 0 without gaps: households, or customers, whose rounds are not
    /// independent of each other.
    ///
    /// # Errors
    ///
    /// [`EstimateError::OtherRounds`] for an unequal number of rounds.
    pub fn clusters(mut self, clusters: &'a [u32]) -> Result<Self, EstimateError> {
        let rounds = self.log.rounds().len();
        if clusters.len() != rounds {
            return Err(EstimateError::OtherRounds { rounds, others: clusters.len() });
        }
        self.clusters = Some((clusters, clusters.iter().max().map_or(0, |&last| last as usize + 1)));
        Ok(self)
    }

    /// Whether the log shows every arm that the round allows in its segment; known by segment where that is all arms.
    fn shows_all(&self, known: &mut [Option<bool>], round: &'a Round, support: &mut Support<'a>) -> bool {
        if round.eligible.is_some() {
            return support.offer(round).is_shown;
        }
        let shown = || self.log.shown(round.segment).len() == self.log.arms().len();
        *known[round.segment.index()].get_or_insert_with(shown)
    }

    /// The target's probability of what was sent.
    fn probability(&self, number: usize, round: &Round) -> Result<f64, EstimateError> {
        let probability = self.target.probability(&Occasion::of(self.log, number, round), round.arm);
        match (0.0..=1.0).contains(&probability) {
            true => Ok(probability),
            false => Err(EstimateError::Probability { round: number, probability }),
        }
    }
}

impl sealed::Evaluable for Question<'_> {
    #[expect(private_interfaces, reason = "sealed")]
    fn source(&self) -> &dyn Source {
        self
    }
}

impl Source for Question<'_> {
    fn survey(&self) -> Result<Survey, EstimateError> {
        let mut support = Support::new(self.log);
        let mut shows_all = vec![None; self.log.segments().len()];
        let (mut weights, mut outside_support) = (WeightSums::default(), 0);
        for (number, round) in self.log.rounds().iter().enumerate() {
            weights.add(self.probability(number, round)? / round.propensity);
            // A uniform log could have shown every eligible arm, whatever it happened to show.
            if self.log.is_uniform() || self.shows_all(&mut shows_all, round, &mut support) {
                continue;
            }
            let occasion = Occasion { is_shown: false, ..Occasion::of(self.log, number, round) };
            outside_support +=
                usize::from(!self.target.is_supported(&occasion, self.log.shown(round.segment)));
        }
        if self.log.has_propensities() {
            Ok(weights.survey(outside_support))
        } else {
            Ok(Survey { rounds: self.log.rounds().len(), outside_support, ..Survey::default() })
        }
    }

    fn each(&self, wanted: Wanted, visit: &mut dyn FnMut(Facts<'_>)) -> Result<(), EstimateError> {
        let mut columns: [Vec<f64>; 5] = Default::default();
        let mut seen = Seen::new(self);
        let unit = self.log.unit();
        let rounds = self.log.rounds();
        for (chunk, some) in rounds.chunks(CHUNK).enumerate() {
            let first = chunk * CHUNK;
            columns.iter_mut().for_each(Vec::clear);
            let [weights, rewards, predicted, expected, marginal] = &mut columns;
            for (number, round) in (first..).zip(some) {
                let occasion = Occasion::of(self.log, number, round);
                weights.push(self.target.probability(&occasion, round.arm) / round.propensity);
                rewards.push(round.reward.value() / unit);
                if let Some(model) = self.model.filter(|_| wanted.model) {
                    predicted.push(model.reward(&occasion, round.arm) / unit);
                    expected.push(seen.expected(&occasion, model) / unit);
                }
                if let Some((groups, of)) = self.groups.as_ref().filter(|_| wanted.marginal) {
                    let probability = |group| seen.of_group(&occasion, groups, group);
                    marginal.push(of.weight(self.log, round, groups, probability));
                }
            }
            visit(Facts { first, weight: weights, reward: rewards, predicted, expected, marginal });
        }
        Ok(())
    }

    fn allows(&self, estimator: Estimator) -> bool {
        (!estimator.needs_model() || self.model.is_some())
            && (!estimator.needs_dimensions() || self.groups.is_some())
            && (!estimator.needs_propensities() || self.log.has_propensities())
    }

    fn has_fitted_model(&self) -> bool {
        self.model.is_some_and(RewardModel::is_fitted)
    }

    fn unit(&self) -> f64 {
        self.log.unit()
    }

    fn range(&self) -> (f64, f64) {
        self.log.reward_kind().range()
    }

    fn weight_limit(&self) -> f64 {
        1.0 / self.log.least_propensity()
    }

    fn clusters(&self) -> Option<(&[u32], usize)> {
        self.clusters
    }
}

/// Sums over arms that were made before, where the next round needs the same.
struct Seen<'a> {
    question: &'a Question<'a>,
    /// `[segment][variant of the target][variant of the model]`, NaN where not made yet; empty where that is too many.
    expected: Vec<f64>,
    /// `[segment][variant of the target][group]`, likewise.
    of_groups: Vec<f64>,
}

impl<'a> Seen<'a> {
    /// The most sums that are kept.
    const LARGEST: usize = 1 << 21;

    fn new(question: &'a Question<'a>) -> Self {
        let segments = question.log.segments().len() * FOLDS;
        let groups = question.groups.as_ref().map_or(0, |(groups, _)| groups.len());
        let room =
            |entries: usize| if entries <= Self::LARGEST { vec![f64::NAN; entries] } else { Vec::new() };
        Self { question, expected: room(segments * FOLDS), of_groups: room(segments.saturating_mul(groups)) }
    }

    /// Σ π(a) q̂(a) over the eligible arms.
    fn expected(&mut self, occasion: &Occasion<'_>, model: &dyn RewardModel) -> f64 {
        let target = self.question.target;
        let sum = || {
            let arms = occasion.eligible.iter().map(|arm| (arm, target.probability(occasion, arm)));
            // An arm that is never sent may have a prediction that is no number.
            let sent = arms.filter(|&(_, probability)| probability > 0.0);
            sent.map(|(arm, probability)| probability * model.reward(occasion, arm)).sum()
        };
        let place = self.place(occasion).zip(model.variant(occasion.round).filter(|&of| of < FOLDS));
        kept(&mut self.expected, place.map(|(row, variant)| row * FOLDS + variant), sum)
    }

    /// Σ π(a) over the eligible arms of a group.
    fn of_group(&mut self, occasion: &Occasion<'_>, groups: &ArmGroups, group: usize) -> f64 {
        let target = self.question.target;
        let sum = || {
            let members = groups.members(group).iter().filter(|&&arm| occasion.eligible.contains(arm));
            members.map(|&arm| target.probability(occasion, arm)).sum()
        };
        let place = self.place(occasion).map(|row| row * groups.len() + group);
        kept(&mut self.of_groups, place, sum)
    }

    /// The row of a segment and a variant of the target; none where the round has sums of its own.
    fn place(&self, occasion: &Occasion<'_>) -> Option<usize> {
        let variant = self.question.target.variant(occasion.round).filter(|&variant| variant < FOLDS)?;
        occasion.eligible.is_all().then_some(occasion.segment.index() * FOLDS + variant)
    }
}

/// The sum kept at this place, made if it is not there.
fn kept(sums: &mut [f64], place: Option<usize>, make: impl FnOnce() -> f64) -> f64 {
    match place.and_then(|place| sums.get_mut(place)) {
        Some(sum) => {
            if sum.is_nan() {
                *sum = make();
            }
            *sum
        }
        None => make(),
    }
}
