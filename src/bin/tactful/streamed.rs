//! `tactful evaluate --stream`: the file is read again instead of being kept.

use std::fs::{self, File};
use std::io::Read;

use tactful::evaluation::csv::Rereading;
use tactful::evaluation::{Anytime, Estimator, Stream, TargetPolicy};

use crate::Failure;
use crate::arguments::{Evaluate, Intervals};
use crate::evaluate::{self, Evaluated};
use crate::progress::{Progress, Watched};
use crate::source::{self, LeftOut, Request};
use crate::target::{self, Wanted};

/// What cannot be streamed whatever the file holds, and what would make it so.
fn refusal(evaluate: &Evaluate) -> Option<String> {
    let learns = evaluate.target_columns.is_none() && target::learns(&evaluate.target);
    let model = evaluate.reward_model_columns.is_some();
    let fitted = evaluate.estimators.iter().find(|estimator| estimator.needs_model()).filter(|_| !model);
    match () {
        () if evaluate.cluster.is_some() => Some("a sum is kept for each cluster; leave --cluster out".to_owned()),
        () if evaluate.interval == Intervals::Bootstrap => {
            Some("a bootstrap draws from rows that are kept; take --interval normal or bernstein".to_owned())
        }
        () if learns => Some(format!(
            "{} learns from rows that are kept; take an arm, uniform, a table or --target-columns",
            evaluate.target
        )),
        () => fitted.map(|estimator| {
            format!("the reward model of {estimator} is fitted to rows that are kept; give one by --reward-model-columns")
        }),
    }
}

/// Evaluates, or says in a line why that takes the whole log.
pub(crate) fn asked(evaluate: &Evaluate) -> Result<Evaluated, Failure> {
    let name = evaluate.file().display().to_string();
    let refused = |why: &str| Failure::new(format_args!("{name}: --stream: {why}"));
    if let Some(why) = refusal(evaluate) {
        return Err(refused(&why));
    }
    // A pipe would give its first bytes to whoever looks what it is, and no second time.
    if fs::metadata(evaluate.file()).is_ok_and(|file| !file.is_file() && !file.is_dir()) {
        return Err(refused("only a file can be read again; name one, or leave it out"));
    }
    if source::is_journal(evaluate)? {
        return Err(refused("outcomes of a journal are kept until their decisions are found; leave it out"));
    }
    if !evaluate.log.has_propensities() && evaluate.reward_model_columns.is_none() {
        return Err(refused(
            "without propensities only a model is asked; give one by --reward-model-columns",
        ));
    }
    let file = survey(evaluate)?;
    let mut outline = file.outline().clone();
    if evaluate.observational {
        outline = outline.declare_observational();
    }
    if evaluate.adaptive {
        outline = outline.declare_adaptive();
    }
    let columns = file.target().zip(evaluate.target_columns.as_ref());
    let named: Option<Wanted> = match columns {
        Some(_) => None,
        None => Some(target::known(evaluate, &outline)?),
    };
    let (policy, target): (&dyn TargetPolicy, String) = match (&named, columns) {
        (None, Some((target, prefix))) => (target, format!("columns {prefix}…")),
        (Some(wanted), _) => (&*wanted.policy, wanted.name.clone()),
        (None, None) => return Err(refused("there is no target")),
    };
    let mut builder = Stream::builder(outline.clone(), policy).evaluator(evaluate::evaluator(evaluate));
    if let Some(model) = file.model() {
        builder = builder.model(model);
    }
    let groups = file.groups();
    // Of a log that is not uniform it cannot be told; whoever names it is told so.
    let marginal = outline.is_uniform() || evaluate.estimators.contains(&Estimator::Mips);
    if let Some(groups) = groups.as_ref().filter(|_| marginal) {
        builder = builder.dimensions(groups);
    }
    let estimators = &evaluate.estimators;
    let bounded = estimators.is_empty() || estimators.iter().any(|&of| Anytime::bounds_value_of(of));
    if let Some(anytime) = evaluate::settings(evaluate, &outline).filter(|_| bounded) {
        builder = builder.anytime(anytime);
    }
    let streamed = source::quietly(|| file.evaluate(builder)).map_err(Failure::new)?;
    let bounds = |estimator: &Estimator| streamed.anytime(*estimator).map(|interval| (*estimator, interval));
    let valued = streamed.evaluation.estimates.iter().filter(|answer| answer.estimate.is_ok());
    let valued: Vec<Estimator> = valued.map(|answer| answer.estimator).collect();
    let anytime = valued.iter().filter(|&&of| Anytime::bounds_value_of(of)).filter_map(bounds).collect();
    Ok(Evaluated {
        target,
        anytime,
        outline: streamed.outline,
        log: None,
        left_out: LeftOut::default(),
        mean_reward: streamed.mean_reward,
        evaluation: streamed.evaluation,
        warnings: streamed.warnings,
        calibration: streamed.calibration,
        glance: None,
    })
}

/// The first reading.
fn survey(evaluate: &Evaluate) -> Result<Rereading, Failure> {
    let path = evaluate.file().to_owned();
    let name = path.display().to_string();
    let columns = evaluate.columns().map_err(|missing| Failure::new(format_args!("{name}: {missing}")))?;
    if source::is_parquet(&path)? {
        return source::quietly(|| columns.survey(&path)).map_err(Failure::new);
    }
    let open = move || {
        let file = File::open(&path)?;
        let bytes = file.metadata().map_or(0, |metadata| metadata.len());
        let watched: Box<dyn Read> = Box::new(Watched::new(file, Progress::new("reading", bytes)));
        Ok(watched)
    };
    columns.survey_of(open, &name).map_err(Failure::new)
}
