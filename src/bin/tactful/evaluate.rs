//! `tactful evaluate`: what would a policy that does not learn have earned, by every estimator the log allows?

use std::path::Path;

use tactful::evaluation::csv::Columns;
use tactful::evaluation::{
    AdditiveModel, Anytime, ArmGroups, Calibration, EstimateError, Estimator, Evaluation, Evaluator,
    Interval, Known, Log, Outline, PooledModel, Question, RewardModel, Warning, calibration, warnings,
    weight_counts,
};

use crate::arguments::{Evaluate, Format, Intervals, Model};
use crate::source::{self, LeftOut, Request, Source};
use crate::{Failure, answer, evaluate_page, save, streamed, target, write};

/// An evaluation with what takes from the trust in it.
pub(crate) struct Evaluated {
    /// What the log is about.
    pub(crate) outline: Outline,
    /// The log, unless it was streamed.
    pub(crate) log: Option<Log>,
    pub(crate) left_out: LeftOut,
    pub(crate) mean_reward: Option<f64>,
    /// The target, in words.
    pub(crate) target: String,
    pub(crate) evaluation: Evaluation,
    /// Intervals that hold however often one looks, for the estimators that have them.
    pub(crate) anytime: Vec<Bounds>,
    pub(crate) warnings: Vec<Warning>,
    pub(crate) calibration: Vec<Calibration>,
    /// Where a page is wanted, and rounds are kept.
    pub(crate) glance: Option<Glance>,
}

/// An interval for the value that an estimator estimates.
type Bounds = (Estimator, (f64, f64));

/// What only a picture shows.
pub(crate) struct Glance {
    /// How the value became known; empty where there is no interval for all times.
    pub(crate) path: Vec<Known>,
    /// Rounds by weight, up to each of [`WEIGHTS`] and beyond.
    pub(crate) weights: Vec<usize>,
}

/// Limits between which the page counts rounds by their weight.
pub(crate) const WEIGHTS: [f64; 7] = [0.0, 0.5, 1.0, 2.0, 5.0, 20.0, 100.0];

impl Request for Evaluate {
    fn file(&self) -> &Path {
        self.log.file()
    }

    fn csv_flags(&self) -> Vec<(&'static str, bool)> {
        let mut flags = self.log.given();
        flags.push(("--target-columns", self.target_columns.is_some()));
        flags.push(("--reward-model-columns", self.reward_model_columns.is_some()));
        flags.push(("--cluster", self.cluster.is_some()));
        flags
    }

    fn columns(&self) -> Result<Columns, String> {
        let columns = self.log.columns()?;
        let columns = self.dimensions.iter().fold(columns, |columns, column| columns.dimension(column));
        let columns = self.target_columns.iter().fold(columns, |columns, prefix| columns.target(prefix));
        let models = self.reward_model_columns.iter();
        let columns = models.fold(columns, |columns, prefix| columns.reward_model(prefix));
        Ok(self.cluster.iter().fold(columns, |columns, column| columns.cluster(column)))
    }
}

pub(crate) fn run(evaluate: &Evaluate) -> Result<(), Failure> {
    let evaluated = if evaluate.stream { streamed::asked(evaluate)? } else { asked(evaluate)? };
    if let Some(path) = &evaluate.report {
        save(path, &evaluate_page::page(evaluate, &evaluated))?;
    }
    match evaluate.format {
        Format::Table => write(&answer::table(evaluate, &evaluated)),
        Format::Json => write(&answer::json(evaluate, &evaluated)),
    }
}

fn asked(evaluate: &Evaluate) -> Result<Evaluated, Failure> {
    let name = evaluate.file().display().to_string();
    let failed = |error: &dyn std::fmt::Display| Failure::new(format_args!("{name}: {error}"));
    let mut source = source::read(evaluate)?;
    if evaluate.observational {
        source.log = source.log.declare_observational();
    }
    if evaluate.adaptive {
        source.log = source.log.declare_adaptive();
    }
    let Source { log, extras, .. } = &source;
    let wanted = target::wanted(evaluate, log, extras)?;
    let groups = groups(evaluate, &source).map_err(|error| failed(&error))?;
    let model = model(evaluate, &source);

    let mut question = Question::new(log, &*wanted.policy);
    if let Some(model) = &model {
        question = question.model(&**model);
    }
    if let Some(groups) = &groups {
        question = question.dimensions(groups);
    }
    if let Some(clusters) = &extras.clusters {
        question = question.clusters(clusters).map_err(|error| failed(&error))?;
    }
    let evaluation = evaluator(evaluate).evaluate(&question).map_err(|error| failed(&error))?;
    let warnings = warnings(log, &evaluation);
    let settings = settings(evaluate, log.outline());
    let anytime = match &settings {
        Some(settings) => anytime(settings, &evaluation, &question).map_err(|error| failed(&error))?,
        None => Vec::new(),
    };
    let glance = match &evaluate.report {
        Some(_) if log.has_propensities() => {
            let path = settings.map(|settings| settings.path(&question, 60)).transpose();
            let weights = weight_counts(&question, &WEIGHTS);
            let (path, weights) =
                path.and_then(|path| Ok((path, weights?))).map_err(|error| failed(&error))?;
            Some(Glance { path: path.unwrap_or_default(), weights })
        }
        _ => None,
    };
    let (target, calibration, mean_reward) = (wanted.name, calibration(log), log.mean_reward());
    let outline = log.outline().clone();
    let Source { log, left_out, .. } = source;
    Ok(Evaluated {
        outline,
        log: Some(log),
        left_out,
        mean_reward,
        target,
        evaluation,
        anytime,
        warnings,
        calibration,
        glance,
    })
}

/// How intervals that hold at all times at once are made. There are none for a target that was chosen by the log's later
/// rounds too, nor where one round foretells another.
pub(crate) fn settings(evaluate: &Evaluate, log: &Outline) -> Option<Anytime> {
    let fitted = evaluate.target_columns.is_none() && evaluate.target == target::BEST_PER_SEGMENT;
    if fitted || evaluate.cluster.is_some() || !log.has_propensities() {
        return None;
    }
    let anytime = Anytime::default().confidence(evaluate.confidence);
    Some(match evaluate.least_propensity {
        Some(least) => anytime.weight_limit(1.0 / least),
        // No round allows more arms than there are.
        None if log.is_uniform() => anytime.weight_limit(log.arms().len() as f64),
        None => anytime,
    })
}

/// Those intervals, of the estimators that have them.
fn anytime(
    anytime: &Anytime,
    evaluation: &Evaluation,
    question: &Question<'_>,
) -> Result<Vec<Bounds>, EstimateError> {
    let valued = evaluation.estimates.iter().filter(|answer| answer.estimate.is_ok());
    let mut baseline = None;
    let mut intervals = Vec::new();
    for answer in valued.filter(|answer| Anytime::bounds_value_of(answer.estimator)) {
        let interval = match baseline {
            _ if answer.estimator == Estimator::Ips => anytime.plain(question)?,
            Some(interval) => interval,
            None => *baseline.insert(anytime.with_baseline(question)?),
        };
        intervals.push((answer.estimator, interval));
    }
    Ok(intervals)
}

/// The arms by the dimensions given: columns of a CSV file, dimensions of a journal's arms.
fn groups(evaluate: &Evaluate, source: &Source) -> Result<Option<ArmGroups>, impl std::fmt::Display + use<>> {
    let named = || ArmGroups::by_dimensions(source.log.arms(), &evaluate.dimensions).map(Some);
    match &source.extras.groups {
        _ if evaluate.dimensions.is_empty() => Ok(None),
        Some(groups) => Ok(Some(groups.clone())),
        None => named(),
    }
}

/// The columns' model, or one fitted to the log; none if no estimator asks for it.
fn model(evaluate: &Evaluate, source: &Source) -> Option<Box<dyn RewardModel>> {
    let Source { log, extras, .. } = source;
    if !evaluate.estimators.is_empty() && !evaluate.estimators.iter().any(|estimator| estimator.needs_model())
    {
        return None;
    }
    if let Some(model) = &extras.model {
        return Some(Box::new(model.clone()));
    }
    Some(match evaluate.reward_model {
        Model::Pooled => Box::new(PooledModel::fit(log)),
        Model::Additive if extras.levels.is_empty() => Box::new(AdditiveModel::fit(log)),
        Model::Additive => Box::new(AdditiveModel::fit_levels(log, extras.levels.clone())),
    })
}

pub(crate) fn evaluator(evaluate: &Evaluate) -> Evaluator {
    let mut evaluator = Evaluator::default().confidence(evaluate.confidence).seed(evaluate.seed).interval(
        match evaluate.interval {
            Intervals::Normal => Interval::Normal,
            Intervals::Bootstrap => Interval::Bootstrap { resamples: evaluate.resamples },
            Intervals::Bernstein => Interval::EmpiricalBernstein,
        },
    );
    if let Some(lambda) = evaluate.lambda {
        evaluator = evaluator.lambda(lambda);
    }
    if !evaluate.estimators.is_empty() {
        // Each once, in the order of the reports.
        let asked = Estimator::ALL.into_iter().filter(|estimator| evaluate.estimators.contains(estimator));
        evaluator = evaluator.estimators(asked);
    }
    evaluator
}
