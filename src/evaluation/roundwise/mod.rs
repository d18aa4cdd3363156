//! From what each round adds to a value and its interval: written once, for all estimators.
//!
//! An [estimator](Estimator) is a rule for one round. Everything else is here: v = mean(a_i) + Σ b_i / Σ c_i, where an
//! estimator has the one part, the other or both; its linearisation
//! φ_i = a_i − ā + (b_i − (b̄/c̄) c_i) / c̄, whose spread is that of v (the delta method); and the intervals.

mod bootstrap;
mod difference;
mod estimator;
pub(super) mod facts;
mod interval;
pub(super) mod lots;
mod moments;
mod one_pass;
mod shrinkage;
mod sums;
mod units;

pub use difference::Difference;
pub use estimator::{Estimator, UnknownEstimator};
pub use interval::Interval;

use super::estimate::{Estimate, EstimateError};
use facts::{Source, Survey};
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
    fn with_the_fit(self, source: &dyn Source) -> Self {
        let rests = matches!(self.estimator, Estimator::Dm | Estimator::SwitchDr | Estimator::Dros);
        if rests && source.has_fitted_model() { Self { estimator: Estimator::Dr, ..self } } else { self }
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
        let mut said = self.say(source, &survey, &early, &asked_of)?.into_iter();
        let estimates = asked.iter().map(|asked| match asked {
            Ok(asked) => Answer {
                estimator: asked.estimator,
                lambda: asked.estimator.has_lambda().then_some(asked.level),
                estimate: said.next().unwrap_or(Err(EstimateError::NoRounds)),
            },
            Err((estimator, error)) => Answer { estimator: *estimator, lambda: None, estimate: Err(*error) },
        });
        Ok(Evaluation {
            rounds: survey.rounds,
            used: survey.used,
            effective_sample_size: survey.effective_sample_size,
            largest_weight: survey.largest,
            outside_support: survey.outside_support,
            estimates: estimates.collect(),
        })
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
            let moved = asked.with_the_fit(source);
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
        if let Some(lambda) = self.lambda.filter(|lambda| !(*lambda > 0.0)) {
            return Err(EstimateError::Lambda { lambda });
        }
        if !(self.confidence > 0.0 && self.confidence < 1.0) {
            return Err(EstimateError::Confidence { confidence: self.confidence });
        }
        let all = || Estimator::ALL.into_iter().filter(|&estimator| source.allows(estimator)).collect();
        let estimators: Vec<Estimator> = self.estimators.clone().unwrap_or_else(all);
        let mut early = Tally::of(self.without_survey(source, &estimators));
        let survey = source.survey(early.wanted(), &mut |facts| early.add(facts))?;
        if survey.rounds == 0 {
            return Err(EstimateError::NoRounds);
        }
        if let Some(&estimator) = estimators.iter().find(|&&estimator| !source.allows(estimator)) {
            return Err(EstimateError::Missing { estimator });
        }
        let chosen = match self.lambda {
            None if survey.used > 1 && survey.largest.is_finite() => {
                shrinkage::chosen(source, &estimators, survey.largest)?
            }
            lambda => vec![lambda.unwrap_or(survey.largest); estimators.len()],
        };
        let asked = estimators.iter().zip(chosen).map(|(&estimator, lambda)| {
            if estimator.needs_propensities() && !survey.largest.is_finite() {
                return Err((estimator, EstimateError::Overflow));
            }
            let level = if estimator.has_lambda() { lambda } else { survey.largest };
            Ok(Asked { estimator, level, seed: self.seed })
        });
        let asked = asked.collect();
        Ok((survey, early, asked))
    }

    /// What of the estimators, and of those by which they move, needs nothing that only a survey tells.
    fn without_survey(&self, source: &dyn Source, estimators: &[Estimator]) -> Vec<Asked> {
        let mut early: Vec<Asked> = Vec::new();
        for &estimator in estimators.iter().filter(|&&estimator| source.allows(estimator)) {
            let asked = Asked { estimator, level: self.lambda.unwrap_or(f64::NAN), seed: self.seed };
            for asked in [asked.with_the_fit(source), asked] {
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

    /// The estimates, in the order asked.
    fn say(
        &self,
        source: &dyn Source,
        survey: &Survey,
        early: &Tally,
        asked: &[Asked],
    ) -> Result<Vec<Result<Estimate, EstimateError>>, EstimateError> {
        // Whose chance moves the value: of a fitted model, that of the rounds it was fitted to.
        let moved: Vec<Asked> = asked.iter().map(|asked| asked.with_the_fit(source)).collect();
        let mut all: Vec<Asked> = Vec::new();
        let mut place_of = |wanted: &Asked| {
            all.iter().position(|asked| asked.is(wanted)).unwrap_or_else(|| {
                all.push(*wanted);
                all.len() - 1
            })
        };
        let moved: Vec<usize> = moved.iter().map(&mut place_of).collect();
        let asked: Vec<usize> = asked.iter().map(&mut place_of).collect();
        // Those that move come first, and only they are asked how far.
        let movers = moved.iter().max().map_or(0, |&last| last + 1);
        let totals = Tally::complete(source, &all, early)?;
        let spreads = sums::spreads(source, &all[..movers], &totals[..movers])?;
        let around = self.intervals(source, survey, &all[..movers], &totals, &spreads)?;
        let unit = source.unit();
        let one = |(&asked, &moved): (&usize, &usize)| {
            let (estimator, totals, by) = (all[asked].estimator, &totals[asked], &totals[moved]);
            sums::check(&all[asked], totals, survey)?;
            let value = unit * totals.value();
            let error = unit * spreads[moved].standard_error();
            // Nothing is known of the spread of what counts once.
            let once = estimator.needs_propensities() && totals.used < 2;
            let standard_error = if once { f64::INFINITY } else { error };
            if !value.is_finite() || (!once && error.is_nan()) {
                return Err(EstimateError::Overflow);
            }
            let (lower, upper) = match standard_error < f64::INFINITY {
                true => around[moved],
                false => (f64::NEG_INFINITY, f64::INFINITY),
            };
            let off = value - unit * by.value();
            Ok(Estimate {
                value,
                standard_error,
                interval: (unit * lower + off, unit * upper + off),
                rounds: survey.rounds,
                used: totals.used,
                effective_sample_size: totals.effective_sample_size(survey),
                largest_weight: survey.largest,
                outside_support: survey.outside_support,
            })
        };
        Ok(asked.iter().zip(&moved).map(one).collect())
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
            Interval::Normal => {
                let quantile = interval::normal_quantile(self.confidence);
                let around = |(totals, spread): (&Totals, &Spread)| {
                    let (value, reach) = (totals.value(), quantile * spread.standard_error());
                    (value - reach, value + reach)
                };
                Ok(totals.iter().zip(spreads).map(around).collect())
            }
            Interval::Bootstrap { resamples } => {
                bootstrap::percentiles(source, asked, survey.rounds, resamples, settings)
            }
            Interval::EmpiricalBernstein => interval::bernstein(source, asked, self.confidence),
        }
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
