//! Evaluation of rounds as they go by: one pass, and memory that does not grow with the log.

mod error;
mod outside;

pub use error::{Cannot, StreamError};

use super::anytime::{Anytime, Run};
use super::arm_groups::ArmGroups;
use super::calibration::{Calibration, calibrated};
use super::estimate::EstimateError;
use super::honesty::{Warning, warned};
use super::log::{CHUNK, Chunk, Plain};
use super::log_sums::LogSums;
use super::marginal::Marginal;
use super::model::RewardModel;
use super::outline::Outline;
use super::round::{LogError, Round};
use super::roundwise::facts::Survey;
use super::roundwise::{Estimator, Evaluation, Evaluator, Limits, Running};
use super::shared::{Computed, Shared, View};
use super::shown::Seen;
use super::target::{Occasion, TargetPolicy};
use outside::Outside;

/// A question put to rounds that nobody keeps.
///
/// Says the same as a [`Question`](super::Question) put to a [`Log`](super::Log) of these rounds, and all that warns of it,
/// from one pass and in memory that follows the arms, the segments and the different sets of eligible arms; and where the
/// target's probabilities are the rounds' own, the different sets of arms that it would send and no round of the segment shows.
/// With weights of 10¹⁶⁰ and more, whose squares are beyond all numbers, ratios have no value here: a log is gone through
/// again. What takes more than one pass is refused before the first round:
///
/// | asked | one pass | for |
/// | --- | --- | --- |
/// | IPS, SNIPS | yes | sums are enough |
/// | DM, DR, SNDR | yes | sums are enough; the model is there before, or [was fitted](RewardModel::is_fitted) in an earlier pass |
/// | clipped IPS, SWITCH-DR, DRos | λ given, or the [largest weight](StreamBuilder::largest_weight) | the levels among which λ is chosen start from it |
/// | replay | the largest weight | a round is kept by its weight over it |
/// | MIPS | of a uniform log | of others the probability of a group is read off the whole log |
/// | normal and Bernstein intervals, intervals at any time | yes | moments are enough; the range of the rewards is known beforehand |
/// | bootstrap | no | it draws from a number of rounds that is not known yet |
/// | clusters | no | a sum is kept for each |
/// | targets | all that know their probabilities | [`BestPerSegment`](super::BestPerSegment) and [`Frozen`](super::Frozen) learn from the log first |
///
/// ```
/// use tactful::evaluation::{Estimator, Evaluator, Outline, Round, Stream};
/// use tactful::{ArmId, ArmSpace, Reward, RewardKind, SegmentId, Segments, policy};
///
/// let arms = ArmSpace::builder().dimension("template", ["friendly", "firm"]).build()?;
/// let outline = Outline::new(arms, Segments::single(), RewardKind::Binary)?;
/// let firm = policy::Fixed::new(ArmId::new(1));
/// let evaluator = Evaluator::default().estimators([Estimator::Ips, Estimator::Snips]);
/// let mut stream = Stream::builder(outline, &firm).evaluator(evaluator).build()?;
/// for number in 0..1000 {
///     let (segment, arm, reward) = (SegmentId::new(0), ArmId::new(number % 2), Reward::from(number % 10 == 1));
///     stream.take(&Round { segment, arm, propensity: 0.5, reward, eligible: None })?;
/// }
/// let streamed = stream.finish()?;
/// let estimate = streamed.evaluation.estimate(Estimator::Snips).unwrap()?;
/// assert!((estimate.value - 0.2).abs() < 1e-12 && streamed.warnings.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Stream<'a> {
    asked: StreamBuilder<'a>,
    groups: Option<(&'a ArmGroups, Marginal)>,
    running: Running,
    anytime: Option<[Run; 2]>,
    shared: Shared,
    computed: Computed,
    /// Rounds taken and not yet looked at, and the number of the first.
    chunk: Chunk,
    first: usize,
    sums: LogSums,
    seen: Seen,
    outside: Outside,
    least_propensity: f64,
}

/// What is asked of a [`Stream`].
#[derive(Clone, Debug)]
pub struct StreamBuilder<'a> {
    outline: Outline,
    target: &'a dyn TargetPolicy,
    evaluator: Evaluator,
    model: Option<&'a dyn RewardModel>,
    groups: Option<&'a ArmGroups>,
    anytime: Option<Anytime>,
    largest: Option<f64>,
}

/// What a [`Stream`] has told.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Streamed {
    /// What each estimator says.
    pub evaluation: Evaluation,
    /// All that takes from the trust in it.
    pub warnings: Vec<Warning>,
    /// Whether arms were sent as often as their propensities say.
    pub calibration: Vec<Calibration>,
    /// The mean reward of the policy that wrote the log.
    pub mean_reward: Option<f64>,
    /// What the log was about, with what it has shown.
    pub outline: Outline,
    /// Intervals for all times, without a baseline and with one.
    anytime: Option<[(f64, f64); 2]>,
}

impl Streamed {
    /// The interval for all times to show beside an estimate, as [`Anytime::interval`] has it; none if none was asked for.
    #[must_use]
    pub fn anytime(&self, estimator: Estimator) -> Option<(f64, f64)> {
        let [plain, baseline] = self.anytime.filter(|_| Anytime::bounds_value_of(estimator))?;
        Some(if estimator == Estimator::Ips { plain } else { baseline })
    }
}

impl<'a> StreamBuilder<'a> {
    /// These estimators, intervals and λ.
    #[must_use]
    pub fn evaluator(mut self, evaluator: Evaluator) -> Self {
        self.evaluator = evaluator;
        self
    }

    /// A reward model, for the direct method and everything doubly robust.
    #[must_use]
    pub fn model(mut self, model: &'a dyn RewardModel) -> Self {
        self.model = Some(model);
        self
    }

    /// The dimensions of the arms that matter, for [`Estimator::Mips`], of a uniform log.
    #[must_use]
    pub fn dimensions(mut self, groups: &'a ArmGroups) -> Self {
        self.groups = Some(groups);
        self
    }

    /// Intervals that hold at all times at once as well.
    #[must_use]
    pub fn anytime(mut self, anytime: Anytime) -> Self {
        self.anytime = Some(anytime);
        self
    }

    /// The largest weight that there will be, as an earlier pass has told: a replay and the choice of λ go by it, and are
    /// those of a log where it is exactly that. A larger one is an error in the end.
    #[must_use]
    pub fn largest_weight(mut self, weight: f64) -> Self {
        self.largest = Some(weight);
        self
    }

    /// Whether the rounds are about the same arms, segments and rewards.
    #[cfg(feature = "csv")]
    pub(super) fn is_about(&self, outline: &Outline) -> bool {
        let names = |of: &Outline| (of.arms().fingerprint(), of.segments().fingerprint());
        names(&self.outline) == names(outline)
            && self.outline.reward_kind() == outline.reward_kind()
            && self.outline.sets() == outline.sets()
    }

    /// Whether the largest weight is asked for and not given.
    #[cfg(feature = "csv")]
    pub(super) fn wants_largest_weight(&self) -> bool {
        self.largest.is_none() && self.outline.has_propensities() && {
            let asked = Self { largest: Some(1.0), ..self.clone() };
            self.clone().build().is_err() && asked.build().is_ok()
        }
    }

    /// The same question, of the weights and nothing else.
    #[cfg(feature = "csv")]
    pub(super) fn weights_alone(self) -> Self {
        let evaluator = Evaluator::default().estimators([]);
        Self { evaluator, model: None, groups: None, anytime: None, ..self }
    }

    /// Begins.
    ///
    /// # Errors
    ///
    /// [`StreamError`] for what one pass cannot tell, settings that are none, and estimators whose inputs are not there.
    pub fn build(self) -> Result<Stream<'a>, StreamError> {
        let outline = &self.outline;
        let allows = |estimator: Estimator| {
            (!estimator.needs_model() || self.model.is_some())
                && (!estimator.needs_dimensions() || self.groups.is_some())
                && (!estimator.needs_propensities() || outline.has_propensities())
        };
        let is_fitted = self.model.is_some_and(RewardModel::is_fitted);
        let running = Running::new(&self.evaluator, &allows, is_fitted, self.largest)?;
        if running.wanted().marginal && !outline.is_uniform() {
            return Err(Cannot::Marginalise.into());
        }
        let groups = self.groups.map(|groups| (groups, Marginal::Counted));
        let (range, unit) = (outline.reward_kind().range(), outline.unit());
        let begun = |anytime: &Anytime| {
            let run = |limit| Run::new(anytime.level(), limit, range, unit);
            Ok::<_, EstimateError>([run(None)?, run(anytime.limit())?])
        };
        let anytime = self.anytime.as_ref().filter(|_| outline.has_propensities()).map(begun).transpose()?;
        let view = View {
            outline,
            target: self.target,
            model: self.model.filter(|_| running.wanted().model),
            groups: groups.as_ref(),
            alike: None,
        };
        Ok(Stream {
            shared: Shared::new(view, usize::MAX),
            sums: LogSums::new(outline),
            seen: Seen::new(outline.segments().len(), outline.arms().len()),
            groups,
            running,
            anytime,
            computed: Computed::default(),
            chunk: Chunk::default(),
            first: 0,
            outside: Outside::default(),
            least_propensity: 1.0,
            asked: self,
        })
    }
}

impl<'a> Stream<'a> {
    /// What would this target have earned, by the rounds that will come? All estimators that the inputs allow, unless told
    /// otherwise.
    #[must_use]
    pub fn builder(outline: Outline, target: &'a dyn TargetPolicy) -> StreamBuilder<'a> {
        StreamBuilder {
            outline,
            target,
            evaluator: Evaluator::default(),
            model: None,
            groups: None,
            anytime: None,
            largest: None,
        }
    }

    /// Takes the next round.
    ///
    /// # Errors
    ///
    /// [`StreamError`] for a round that cannot be, and for a target whose probability is none.
    pub fn take(&mut self, round: &Round) -> Result<(), StreamError> {
        let outline = &mut self.asked.outline;
        let number = self.first + self.chunk.arms.len();
        let impossible = |error| StreamError::Round(LogError::Round { round: number, error });
        outline.check(round).map_err(impossible)?;
        let set = round.eligible.as_ref().map_or(0, |set| outline.number(set.clone()));
        if outline.is_uniform() {
            outline.check_uniform(round.propensity, set).map_err(impossible)?;
        }
        let Round { segment, arm, propensity, reward, .. } = *round;
        self.push(Plain { segment, arm, set, propensity, reward: reward.value() })
    }

    /// Takes the next round, which was checked.
    pub(super) fn push(&mut self, round: Plain) -> Result<(), StreamError> {
        let chunk = &mut self.chunk;
        chunk.segments.push(round.segment);
        chunk.arms.push(round.arm);
        chunk.sets.push(round.set);
        chunk.propensities.push(round.propensity);
        chunk.rewards.push(round.reward);
        if chunk.arms.len() >= CHUNK { self.look().map_err(StreamError::Estimate) } else { Ok(()) }
    }

    /// Looks at the rounds taken, and forgets them.
    fn look(&mut self) -> Result<(), EstimateError> {
        let Self { asked, groups, running, anytime, shared, computed, chunk, first, sums, seen, .. } = self;
        let (outline, target) = (&asked.outline, asked.target);
        chunk.allows_all = chunk.sets.iter().all(|&set| set == 0);
        for round in chunk.plain() {
            sums.add(&round);
            seen.add(round.segment.index() as u32, round.arm.index() as u32);
            self.least_propensity = self.least_propensity.min(round.propensity);
        }
        if !outline.is_uniform() {
            for (number, round) in (*first..).zip(chunk.plain()) {
                self.outside.note(&Occasion::of(outline, number, &round), target, seen);
            }
        }
        chunk.scale(outline.unit());
        let view = View { outline, target, model: asked.model, groups: groups.as_ref(), alike: None };
        shared.compute(view, *first, chunk, running.wanted(), computed)?;
        let facts = computed.facts(*first, chunk);
        running.add(facts);
        anytime.iter_mut().flatten().for_each(|run| run.add(facts));
        *first += chunk.arms.len();
        chunk.clear();
        Ok(())
    }

    /// What all the rounds together say.
    ///
    /// # Errors
    ///
    /// [`StreamError`] for no rounds, a target whose probability is none, and a weight above what was given as the largest,
    /// or as the [limit](Anytime::weight_limit) of an interval.
    pub fn finish(mut self) -> Result<Streamed, StreamError> {
        self.look()?;
        let mut outline = self.asked.outline;
        outline.holds(self.first, &self.seen, self.least_propensity);
        let outside_support = self.outside.count(&outline, self.asked.target);
        let survey = match outline.has_propensities() {
            true => self.running.survey(outside_support),
            false => Survey { rounds: self.first, outside_support, ..Survey::default() },
        };
        let limits = Limits {
            unit: outline.unit(),
            range: outline.reward_kind().range(),
            weight: 1.0 / outline.least_propensity(),
        };
        let evaluation = self.running.finish(&survey, &limits)?;
        let anytime = self.asked.anytime.zip(self.anytime).map(|(anytime, [plain, baseline])| {
            anytime.allows(survey.largest)?;
            // What the log never shows, no baseline can speak for.
            let baseline = if outside_support == 0 { &baseline } else { &plain };
            Ok::<_, EstimateError>([plain.interval(), baseline.interval()])
        });
        Ok(Streamed {
            warnings: warned(&outline, &self.sums, &evaluation),
            calibration: calibrated(&outline, &self.sums),
            mean_reward: self.sums.mean_reward(),
            anytime: anytime.transpose()?,
            evaluation,
            outline,
        })
    }
}
