//! A question put to a log: what would this target have earned?

use std::sync::OnceLock;

use super::alike::Alike;
use super::arm_groups::ArmGroups;
use super::estimate::EstimateError;
use super::log::{Chunk, Log, ranges};
use super::marginal::Marginal;
use super::model::RewardModel;
use super::roundwise::Estimator;
use super::roundwise::facts::{Facts, Source, Survey, Wanted, WeightSums};
use super::roundwise::sealed;
use super::shared::{Computed, Shared, View};
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
    /// Made when it is first asked for.
    alike: OnceLock<Option<Alike>>,
}

impl<'a> Question<'a> {
    /// What would this target have earned, by this log?
    #[must_use]
    pub fn new(log: &'a Log, target: &'a dyn TargetPolicy) -> Self {
        Self { log, target, model: None, groups: None, clusters: None, alike: OnceLock::new() }
    }

    /// Adds a reward model, for the direct method and everything doubly robust.
    #[must_use]
    pub fn model(mut self, model: &'a dyn RewardModel) -> Self {
        self.model = Some(model);
        self.alike = OnceLock::new();
        self
    }

    /// Adds the dimensions of the arms that matter, for [`Estimator::Mips`].
    #[must_use]
    pub fn dimensions(mut self, groups: &'a ArmGroups) -> Self {
        self.groups = Some((groups, Marginal::new(self.log, self.target, groups)));
        self.alike = OnceLock::new();
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
}

impl Question<'_> {
    fn view<'b>(&'b self) -> View<'b> {
        let make = || Alike::new(self.log, self.target, self.model, self.groups.as_ref());
        View {
            outline: self.log.outline(),
            target: self.target,
            model: self.model,
            groups: self.groups.as_ref(),
            alike: self.alike.get_or_init(make).as_ref(),
        }
    }

    /// Visits all rounds in order, a chunk at a time.
    fn walk(
        &self,
        wanted: Wanted,
        mut visit: impl FnMut(&mut Shared, &Chunk, Facts<'_>),
    ) -> Result<(), EstimateError> {
        let (log, view) = (self.log, self.view());
        let mut shared = Shared::new(view, log.rounds().len());
        let (mut chunk, mut computed) = (Chunk::default(), Computed::default());
        for rounds in ranges(log.rounds().len()) {
            let first = rounds.start;
            log.unpack(rounds, &mut chunk);
            chunk.scale(log.unit());
            shared.compute(view, first, &chunk, wanted, &mut computed)?;
            visit(&mut shared, &chunk, computed.facts(first, &chunk));
        }
        Ok(())
    }
}

impl sealed::Evaluable for Question<'_> {
    #[expect(private_interfaces, reason = "sealed")]
    fn source(&self) -> &dyn Source {
        self
    }
}

impl Source for Question<'_> {
    fn survey(&self, wanted: Wanted, visit: &mut dyn FnMut(Facts<'_>)) -> Result<Survey, EstimateError> {
        let log = self.log;
        let mut support = Support::new(log);
        let (mut sums, mut outside_support) = (WeightSums::default(), 0);
        // A uniform log could have shown every eligible arm, whatever it happened to show.
        let all_shown = support.shows_all();
        self.walk(wanted, |shared, chunk, facts| {
            sums.add(facts.weight);
            if !(log.is_uniform() || all_shown && chunk.allows_all) {
                for (round, (&segment, &set)) in (facts.first..).zip(chunk.segments.iter().zip(&chunk.sets)) {
                    if !support.is_shown(segment, set) {
                        let occasion = Occasion::at(log.outline(), round, segment, set);
                        let occasion = Occasion { is_shown: false, ..occasion };
                        outside_support += usize::from(!shared.is_supported(self.view(), &occasion));
                    }
                }
            }
            visit(facts);
        })?;
        if log.has_propensities() {
            Ok(sums.survey(outside_support))
        } else {
            Ok(Survey { rounds: log.rounds().len(), outside_support, ..Survey::default() })
        }
    }

    fn each(&self, wanted: Wanted, visit: &mut dyn FnMut(Facts<'_>)) -> Result<(), EstimateError> {
        self.walk(wanted, |_, _, facts| visit(facts))
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
