//! An evaluation as a table for people and as JSON for programs.

use std::fmt::Write;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use tactful::evaluation::{Answer, Calibration, Estimate, Estimator};

use crate::arguments::{Evaluate, Intervals};
use crate::evaluate::Evaluated;
use crate::report::{Digits, counted, plain};
use crate::source::Request;
use crate::table::align;

#[derive(Serialize)]
struct Document<'a> {
    rounds: usize,
    /// Null where propensities are unknown, as is the next.
    ess: Option<f64>,
    max_weight: Option<f64>,
    outside_support: usize,
    warnings: Vec<String>,
    calibration: Vec<Calibrated>,
    estimators: Entries<'a>,
}

/// A range of propensities, with what was to be sent by them and what was.
#[derive(Serialize)]
struct Calibrated {
    range: (f64, f64),
    sent: usize,
    logged: f64,
    realised: f64,
    /// Null where it is beyond all bounds.
    z: Option<f64>,
}

impl Calibrated {
    fn of(Calibration { range, sent, logged, realised, z, .. }: Calibration) -> Self {
        Self { range, sent, logged, realised, z: Some(z).filter(|z| z.is_finite()) }
    }
}

/// By name, in the order of the report.
struct Entries<'a>(&'a Evaluated);

impl Serialize for Entries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let answers = &self.0.evaluation.estimates;
        let mut map = serializer.serialize_map(Some(answers.len()))?;
        for answer in answers {
            let anytime = anytime(self.0, answer.estimator);
            map.serialize_entry(answer.estimator.name(), &Entry { anytime, ..Entry::of(answer) })?;
        }
        map.end()
    }
}

/// Null is what nothing can be said of: there is no value without its interval.
#[derive(Default, Serialize)]
struct Entry {
    value: Option<f64>,
    se: Option<f64>,
    interval: Option<(f64, f64)>,
    /// Valid however often one looks, and on the log of a policy that learnt; there is none for every estimator.
    #[serde(skip_serializing_if = "Option::is_none")]
    anytime: Option<(f64, f64)>,
}

impl Entry {
    fn of(answer: &Answer) -> Self {
        match bounded(answer) {
            Ok(Estimate { value, standard_error, interval, .. }) => {
                Self { value: Some(value), se: Some(standard_error), interval: Some(interval), anytime: None }
            }
            Err(_) => Self::default(),
        }
    }
}

/// The interval of an estimator that holds at all times at once.
pub(crate) fn anytime(evaluated: &Evaluated, estimator: Estimator) -> Option<(f64, f64)> {
    evaluated.anytime.iter().find(|(of, _)| *of == estimator).map(|&(_, interval)| interval)
}

/// The estimate if its interval has ends, or why there is none.
pub(crate) fn bounded(answer: &Answer) -> Result<Estimate, String> {
    let estimate = answer.estimate.map_err(|error| error.to_string())?;
    let (lower, upper) = estimate.interval;
    if lower.is_finite() && upper.is_finite() {
        return Ok(estimate);
    }
    Err(match estimate.used {
        0 | 1 => "fewer than two rounds count".to_owned(),
        _ => "the rounds bound it to neither side".to_owned(),
    })
}

/// What takes from the trust in the values, each without its end.
pub(crate) fn warnings(evaluate: &Evaluate, evaluated: &Evaluated) -> Vec<String> {
    let mut warnings: Vec<String> = evaluated.warnings.iter().map(ToString::to_string).collect();
    let mut reasons: Vec<(String, Vec<&str>)> = Vec::new();
    for answer in &evaluated.evaluation.estimates {
        let Err(reason) = bounded(answer) else { continue };
        match reasons.iter_mut().find(|(other, _)| *other == reason) {
            Some((_, names)) => names.push(answer.estimator.name()),
            None => reasons.push((reason, vec![answer.estimator.name()])),
        }
    }
    let alike = |answer: &&Answer| bounded(answer).is_ok_and(|estimate| estimate.standard_error <= 0.0);
    let certain: Vec<&str> =
        evaluated.evaluation.estimates.iter().filter(alike).map(|answer| answer.estimator.name()).collect();
    if !certain.is_empty() {
        let names = certain.join(", ");
        warnings.push(format!("all rounds that count say the same by {names}, which is no certainty"));
    }
    let told =
        reasons.iter().map(|(reason, names)| format!("no value by {}, since {reason}", names.join(", ")));
    warnings.extend(told);
    warnings.extend(seen_bounds(evaluate, evaluated));
    warnings.extend(evaluated.left_out.remarks());
    warnings
}

/// Intervals that rest on bounds which nobody declared.
fn seen_bounds(evaluate: &Evaluate, evaluated: &Evaluated) -> Option<String> {
    let bounded = match (evaluate.interval, evaluated.anytime.is_empty()) {
        (Intervals::Bernstein, true) => "Bernstein intervals rest",
        (Intervals::Bernstein, false) => "Bernstein intervals and those at any time rest",
        (_, false) => "intervals at any time rest",
        (_, true) => return None,
    };
    let (minimum, maximum) = evaluated.outline.reward_kind().range();
    evaluated.outline.are_bounds_seen().then(|| {
        format!("{bounded} on rewards between {minimum} and {maximum}, which are those seen; declare by --bounds what is possible")
    })
}

/// One JSON object and a line end.
pub(crate) fn json(evaluate: &Evaluate, evaluated: &Evaluated) -> String {
    let evaluation = &evaluated.evaluation;
    let known = evaluated.outline.has_propensities();
    let finite = |number: f64| Some(number).filter(|number| known && number.is_finite());
    let document = Document {
        rounds: evaluation.rounds,
        ess: finite(evaluation.effective_sample_size),
        max_weight: finite(evaluation.largest_weight),
        outside_support: evaluation.outside_support,
        warnings: warnings(evaluate, evaluated),
        calibration: evaluated.calibration.iter().copied().map(Calibrated::of).collect(),
        estimators: Entries(evaluated),
    };
    match serde_json::to_string(&document) {
        Ok(text) => text + "\n",
        Err(error) => unreachable!("plain strings and numbers: {error}"),
    }
}

/// The table: what was asked, a line for each estimator, what they rest on, and what to make of it.
pub(crate) fn table(evaluate: &Evaluate, evaluated: &Evaluated) -> String {
    let log = &evaluated.outline;
    let evaluation = &evaluated.evaluation;
    let digits = Digits::of(log.reward_kind());
    let mut text = plain(&format!(
        "{}: {}, {}, {}",
        evaluate.file().display(),
        counted(log.rounds(), "round"),
        counted(log.arms().len(), "arm"),
        counted(log.segments().len(), "segment"),
    ));
    if let Some(mean) = evaluated.mean_reward {
        let _ = write!(text, ", mean reward {}", digits.print(mean));
    }
    let _ = write!(text, "\ntarget: {}\n\n", plain(&evaluated.target));
    let interval = format!("{} % interval", 100.0 * evaluate.confidence);
    let header =
        ["estimator", "value", &interval, "at any time", "s.e.", "lambda"].map(str::to_owned).to_vec();
    let rows = evaluation.estimates.iter().map(|answer| {
        let anytime = anytime(evaluated, answer.estimator);
        row(answer, anytime, digits)
    });
    align(&mut text, &std::iter::once(header).chain(rows).collect::<Vec<_>>());

    text.push('\n');
    if log.has_propensities() {
        let _ = writeln!(
            text,
            "The rounds weigh as much as {:.1} of equal weight; the largest weight is {:.4}.",
            evaluation.effective_sample_size, evaluation.largest_weight,
        );
    }
    text.push_str(&notes(evaluate, evaluated));
    for warning in warnings(evaluate, evaluated) {
        let _ = writeln!(text, "Warning: {}.", plain(&warning));
    }
    text
}

/// How the values and their intervals came about.
pub(crate) fn notes(evaluate: &Evaluate, evaluated: &Evaluated) -> String {
    let mut notes = String::new();
    let unit = if evaluate.cluster.is_some() { "clusters" } else { "rounds" };
    let _ = match evaluate.interval {
        Intervals::Normal => writeln!(notes, "Intervals: normal, of independent {unit}."),
        Intervals::Bootstrap => {
            writeln!(notes, "Intervals: percentiles of {} resamples of {unit}.", evaluate.resamples)
        }
        Intervals::Bernstein => writeln!(notes, "Intervals: empirical Bernstein, of independent {unit}."),
    };
    if !evaluated.anytime.is_empty() {
        notes.push_str("At any time: intervals that hold however often one looks, and on the log of a policy that learnt.\n");
    }
    let asked = |which: fn(Estimator) -> bool| {
        let all = evaluated.evaluation.estimates.iter().map(|answer| answer.estimator);
        let names: Vec<&str> = all.filter(|&estimator| which(estimator)).map(Estimator::name).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    let biased = |estimator| {
        estimator == Estimator::Dm
            || Estimator::has_lambda(estimator)
            || Estimator::needs_dimensions(estimator)
    };
    if let Some(names) = asked(biased) {
        let _ = writeln!(notes, "Biased by design, which their intervals do not show: {names}.");
    }
    if evaluate.lambda.is_none() && asked(Estimator::has_lambda).is_some() {
        notes.push_str("Each lambda is the one of least estimated mean squared error.\n");
    }
    notes
}

/// Name, value, interval, interval for all times, standard error, λ.
fn row(answer: &Answer, anytime: Option<(f64, f64)>, digits: Digits) -> Vec<String> {
    let lambda = answer.lambda.map_or_else(String::new, |lambda| format!("{lambda:.4}"));
    let name = answer.estimator.name().to_owned();
    let none = || "-".to_owned();
    let between = |(lower, upper)| format!("{} to {}", digits.print(lower), digits.print(upper));
    match bounded(answer) {
        Ok(Estimate { value, standard_error, interval, .. }) => vec![
            name,
            digits.print(value),
            between(interval),
            anytime.map_or_else(String::new, between),
            digits.print(standard_error),
            lambda,
        ],
        Err(_) => vec![name, none(), none(), none(), none(), lambda],
    }
}
