//! From what each round adds to a value and its interval: written once, for all estimators.
//!
//! An [estimator](Estimator) is a rule for one round. Everything else is here: v = mean(a_i) + Σ b_i / Σ c_i, where an
//! estimator has the one part, the other or both; its linearisation
//! φ_i = a_i − ā + (b_i − (b̄/c̄) c_i) / c̄, whose spread is that of v (the delta method); and the intervals.

mod bootstrap;
mod company;
mod difference;
mod estimator;
pub(super) mod facts;
mod interval;
pub(super) mod lots;
mod moments;
mod one_pass;
mod running;
mod shrinkage;
mod sums;
mod units;

pub use difference::Difference;
pub use estimator::{Estimator, UnknownEstimator};
pub use interval::Interval;

use super::estimate::{Estimate, EstimateError};
use company::Company;
use facts::{Source, Survey};
pub(super) use running::{Limits, Running};
use shrinkage::Trials;
use sums::{Spread, Tally, Totals};

/// Which estimators are asked, and how their intervals are made.
///
/// ```
/// use tactful::evaluation::{Estimator, Evaluator, WeightedRounds};
///
/// // Two rounds: what was sent is twice and half as likely under the target, and paid 1 and 0.
/// let rounds = WeightedRounds::new(vec![2.0, 0.5], vec![1.0, 0.0])?;
/// let evaluation = Evaluator::default().estimators([Estimator::Ips, Estimator::Snips]).evaluate(&rounds)?;
/// assert_eq!(evaluation.estimate(Estimator::Ips).unwrap()?.value, 1.0);
/// assert_eq!(evaluation.estimate(Estimator::Snips).unwrap()?.value, 0.8);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluator {
    estimators: Option<Vec<Estimator>>,
    lambda: Option<f64>,
    interval: Interval,
    confidence: f64,
    seed: u64,
}

impl Default for Evaluator {
    /// Every estimator that the rounds allow, λ chosen from the data, normal 95 % intervals.
    fn default() -> Self {
        Self { estimators: None, lambda: None, interval: Interval::Normal, confidence: 0.95, seed: 1 }
    }
}

/// What each estimator says, and what all of them rest on.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Evaluation {
    /// Rounds looked at.
    pub rounds: usize,
    /// Rounds with a weight above 0.
    pub used: usize,
    /// (Σ w)² / Σ w²; as many equally weighted rounds would say as much (L. Kish, 1965, *Survey Sampling*).
    pub effective_sample_size: f64,
    /// The largest weight of a round.
    pub largest_weight: f64,
    /// Rounds in which the target may send an arm that the log never shows in that segment.
    pub outside_support: usize,
    /// What each estimator says, or why it says nothing.
    pub estimates: Vec<Answer>,
}

/// What one estimator says.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Answer {
    /// The estimator.
    pub estimator: Estimator,
    /// Its λ, given or chosen, if it has one.
    pub lambda: Option<f64>,
    /// The estimate, or why there is none.
    pub estimate: Result<Estimate, EstimateError>,
}

impl Evaluation {
    /// What this estimator says, if it was asked.
    #[must_use]
    pub fn estimate(&self, estimator: Estimator) -> Option<Result<Estimate, EstimateError>> {
        self.estimates.iter().find(|answer| answer.estimator == estimator).map(|answer| answer.estimate)
    }
}

/// One estimator at its level: λ, or the largest weight for a replay.
#[derive(Clone, Copy, Debug)]
struct Asked {
    estimator: Estimator,
    level: f64,
    seed: u64,
}

impl Asked {
    /// Whether both say the same of every round.
    #[expect(clippy::float_cmp, reason = "the same level, not one near it")]
    fn is(&self, other: &Self) -> bool {
        let leveled = self.estimator.has_lambda() || self.estimator == Estimator::Replay;
        self.estimator == other.estimator
            && (!leveled || self.level == other.level)
            && self.seed == other.seed
    }

    /// The estimator whose round-wise values spread as this one's value does.
    ///
    /// The direct method's own values, the m of each round, hardly differ from each other: what moves it from log to log
    /// is the fit. A mean that was fitted to rounds of an arm moves by w (r − q̂) with each, to first order, which makes
    /// the spread that of the doubly robust estimator, for whatever takes the model's word without correction. A model
    /// from elsewhere does not move.
    fn with_the_fit(self, is_fitted: bool) -> Self {
        let rests = matches!(self.estimator, Estimator::Dm | Estimator::SwitchDr | Estimator::Dros);
        if rests && is_fitted { Self { estimator: Estimator::Dr, ..self } } else { self }
    }
}

impl Evaluator {
    /// These estimators instead of all that the rounds allow.
    #[must_use]
    pub fn estimators(mut self, estimators: impl IntoIterator<Item = Estimator>) -> Self {
        self.estimators = Some(estimators.into_iter().collect());
        self
    }

    /// This λ, above 0, for every estimator that has one, instead of the one of least estimated mean squared error (Y. Su,
    /// M. Dimakopoulou, A. Krishnamurthy, M. Dudík, 2020, *Doubly Robust Off-policy Evaluation with Shrinkage*).
    #[must_use]
    pub fn lambda(mut self, lambda: f64) -> Self {
        self.lambda = Some(lambda);
        self
    }

    /// These intervals instead of normal ones.
    #[must_use]
    pub fn interval(mut self, interval: Interval) -> Self {
        self.interval = interval;
        self
    }

    /// This confidence, between 0 and 1, instead of 0.95.
    #[must_use]
    pub fn confidence(mut self, confidence: f64) -> Self {
        self.confidence = confidence;
        self
    }

    /// The seed of a replay's lots and of the bootstrap; the same seed gives the same answers.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Asks all estimators about a target: a [`Question`](super::Question) put to a log, or
    /// [`WeightedRounds`](super::WeightedRounds) in memory.
    ///
    /// # Errors
    ///
    /// [`EstimateError`] for no rounds, settings or probabilities that are none, and for estimators whose inputs are
    /// not there. What a single estimator cannot say stands in its [`Answer`].
    pub fn evaluate(&self, rounds: &impl Evaluable) -> Result<Evaluation, EstimateError> {
        let source = rounds.source();
        let (survey, early, asked) = self.ask(source)?;
        let asked_of: Vec<Asked> = asked.iter().filter_map(|asked| asked.as_ref().ok().copied()).collect();
        let said = self.say(source, &survey, &early, &asked_of)?;
        Ok(evaluation(&survey, &asked, said))
    }

    /// By how much one target is better than another, from the same rounds: the difference of two values with the
    /// interval of the *difference*, which is narrower than two intervals side by side make believe, since chance in
    /// the rounds moves both.
    ///
    /// # Errors
    ///
    /// [`EstimateError`], as for [`Evaluator::evaluate`], and [`EstimateError::OtherRounds`] for unequal numbers.
    pub fn difference(
        &self,
        estimator: Estimator,
        of: &impl Evaluable,
        to: &impl Evaluable,
    ) -> Result<Difference, EstimateError> {
        let alone = Self { estimators: Some(vec![estimator]), ..self.clone() };
        let linearised = |source: &dyn Source| {
            let (survey, early, asked) = alone.ask(source)?;
            let asked = asked.into_iter().next().unwrap_or(Err((estimator, EstimateError::NoRounds)));
            let asked = asked.map_err(|(_, error)| error)?;
            let moved = asked.with_the_fit(source.has_fitted_model());
            let totals = Tally::complete(source, &[asked, moved], &early)?;
            let [value, by] = totals[..] else { return Err(EstimateError::NoRounds) };
            sums::check(&asked, &value, &survey)?;
            Ok((value, sums::linearised(source, moved, &by)?))
        };
        difference::paired(of.source(), to.source(), linearised, alone.confidence)
    }

    /// Each estimator with its level, or why it has none. The survey comes with the totals of those without a level.
    #[expect(clippy::type_complexity, reason = "one use, one line above the other")]
    fn ask(
        &self,
        source: &dyn Source,
    ) -> Result<(Survey, Tally, Vec<Result<Asked, (Estimator, EstimateError)>>), EstimateError> {
        self.check()?;
        let estimators = self.wanted(&|estimator| source.allows(estimator));
        let allowed = estimators.iter().copied().filter(|&estimator| source.allows(estimator));
        let mut known = Tally::of(self.early(source.has_fitted_model(), allowed));
        let survey = source.survey(known.wanted(), &mut |facts| known.add(facts))?;
        if survey.rounds == 0 {
            return Err(EstimateError::NoRounds);
        }
        if let Some(&estimator) = estimators.iter().find(|&&estimator| !source.allows(estimator)) {
            return Err(EstimateError::Missing { estimator });
        }
        // What waited for the largest weight: one more pass for all of it.
        let mut trials = self.trials(&estimators, survey.largest);
        let mut late = Tally::of(self.late(&estimators, survey.largest));
        if !(trials.is_empty() && late.is_empty()) {
            source.each(trials.wanted().and(late.wanted()), &mut |facts| {
                trials.add(facts);
                late.add(facts);
            })?;
        }
        let asked = self.asked(&estimators, &survey, &trials, survey.largest);
        known.learn(late);
        known.learn(trials.totals(self.seed, &survey));
        Ok((survey, known, asked))
    }

    /// Whether the settings are possible.
    fn check(&self) -> Result<(), EstimateError> {
        if let Some(lambda) = self.lambda.filter(|lambda| !(*lambda > 0.0)) {
            return Err(EstimateError::Lambda { lambda });
        }
        match self.confidence > 0.0 && self.confidence < 1.0 {
            true => Ok(()),
            false => Err(EstimateError::Confidence { confidence: self.confidence }),
        }
    }

    /// The estimators that were named, or all that are allowed.
    fn wanted(&self, allows: &dyn Fn(Estimator) -> bool) -> Vec<Estimator> {
        let all = || Estimator::ALL.into_iter().filter(|&estimator| allows(estimator)).collect();
        self.estimators.clone().unwrap_or_else(all)
    }

    /// The trials in which λ is chosen, if it is.
    fn trials(&self, estimators: &[Estimator], largest: f64) -> Trials {
        let chooses = self.lambda.is_none() && largest.is_finite();
        if chooses { Trials::new(estimators, largest) } else { Trials::default() }
    }

    /// What of the estimators, and of those by which they move, needs nothing that only a survey tells.
    fn early(&self, is_fitted: bool, estimators: impl Iterator<Item = Estimator>) -> Vec<Asked> {
        let mut early: Vec<Asked> = Vec::new();
        for estimator in estimators {
            let asked = Asked { estimator, level: self.lambda.unwrap_or(f64::NAN), seed: self.seed };
            for asked in [asked.with_the_fit(is_fitted), asked] {
                let known = match asked.estimator {
                    Estimator::Replay => false,
                    estimator => !estimator.has_lambda() || self.lambda.is_some(),
                };
                if known && !early.iter().any(|other| other.is(&asked)) {
                    early.push(asked);
                }
            }
        }
        early
    }

    /// The replay among the estimators, whose level is the largest weight.
    fn late(&self, estimators: &[Estimator], largest: f64) -> Option<Asked> {
        let replays = estimators.contains(&Estimator::Replay) && largest.is_finite();
        replays.then_some(Asked { estimator: Estimator::Replay, level: largest, seed: self.seed })
    }

    /// Each estimator at its level, or why it says nothing; the level of a replay is `largest`.
    fn asked(
        &self,
        estimators: &[Estimator],
        survey: &Survey,
        trials: &Trials,
        largest: f64,
    ) -> Vec<Result<Asked, (Estimator, EstimateError)>> {
        let asked = estimators.iter().map(|&estimator| {
            if estimator.needs_propensities() && !survey.largest.is_finite() {
                return Err((estimator, EstimateError::Overflow));
            }
            let lambda = || self.lambda.or(trials.best(estimator, survey).map(|(level, _)| level));
            let level = if estimator.has_lambda() { lambda() } else { None };
            Ok(Asked { estimator, level: level.unwrap_or(largest), seed: self.seed })
        });
        asked.collect()
    }

    /// The estimates, in the order asked.
    fn say(
        &self,
        source: &dyn Source,
        survey: &Survey,
        known: &Tally,
        asked: &[Asked],
    ) -> Result<Vec<Result<Estimate, EstimateError>>, EstimateError> {
        let company = Company::of(asked, source.has_fitted_model());
        let totals = Tally::complete(source, &company.all, known)?;
        let movers = company.movers();
        let spreads = sums::spreads(source, movers, &totals[..movers.len()])?;
        let around = self.intervals(source, survey, movers, &totals, &spreads)?;
        Ok(company.say(source.unit(), survey, &totals, &spreads, &around))
    }

    /// The interval of each, in the source's unit.
    fn intervals(
        &self,
        source: &dyn Source,
        survey: &Survey,
        asked: &[Asked],
        totals: &[Totals],
        spreads: &[Spread],
    ) -> Result<Vec<(f64, f64)>, EstimateError> {
        let settings = Settings { confidence: self.confidence, seed: self.seed };
        match self.interval {
            Interval::Normal => Ok(interval::normal(totals, spreads, self.confidence)),
            Interval::Bootstrap { resamples } => {
                bootstrap::percentiles(source, asked, survey.rounds, resamples, settings)
            }
            Interval::EmpiricalBernstein => interval::bernstein(source, asked, self.confidence),
        }
    }
}

/// Puts an evaluation together: what was said of those that could be asked, in order.
fn evaluation(
    survey: &Survey,
    asked: &[Result<Asked, (Estimator, EstimateError)>],
    said: Vec<Result<Estimate, EstimateError>>,
) -> Evaluation {
    let mut said = said.into_iter();
    let estimates = asked.iter().map(|asked| match asked {
        Ok(asked) => Answer {
            estimator: asked.estimator,
            lambda: asked.estimator.has_lambda().then_some(asked.level),
            estimate: said.next().unwrap_or(Err(EstimateError::NoRounds)),
        },
        Err((estimator, error)) => Answer { estimator: *estimator, lambda: None, estimate: Err(*error) },
    });
    Evaluation {
        rounds: survey.rounds,
        used: survey.used,
        effective_sample_size: survey.effective_sample_size,
        largest_weight: survey.largest,
        outside_support: survey.outside_support,
        estimates: estimates.collect(),
    }
}

/// What all intervals of an evaluation share.
#[derive(Clone, Copy, Debug)]
struct Settings {
    confidence: f64,
    seed: u64,
}

/// What an [`Evaluator`] can be asked about. Implemented by [`Question`](super::Question) and
/// [`WeightedRounds`](super::WeightedRounds), and by nothing else.
pub trait Evaluable: sealed::Evaluable {}

impl<T: sealed::Evaluable> Evaluable for T {}

pub(super) mod sealed {
    /// Gives the rounds.
    pub trait Evaluable {
        #[doc(hidden)]
        #[expect(private_interfaces, reason = "sealed: nobody else can call or implement it")]
        fn source(&self) -> &dyn super::facts::Source;
    }
}
