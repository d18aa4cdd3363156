//! The target that is asked about: by name, by columns, or by a JSON file, a snapshot or a table.
//!
//! A table says how likely each arm is, segment by segment:
//!
//! ```json
//! {"rows": [
//!   {"segment": {"stage": "late", "age": "35+"}, "arms": {"firm": 0.8, "friendly": 0.2}},
//!   {"segment": {"stage": "late"}, "arms": {"firm": 1}},
//!   {"arms": {"friendly": 1}}
//! ]}
//! ```
//!
//! A segment gets the first row all of whose levels it has; a row without `segment` suits all. Arms that a row does not
//! name are never sent. A row's probabilities sum to one.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use tactful::evaluation::{BestPerSegment, Frozen, Log, Outline, TargetPolicy, TargetTable};
use tactful::policy::{Fixed, Uniform, named};
use tactful::{Arm, ArmId, Bandit, Snapshot};

use crate::Failure;
use crate::arguments::Evaluate;
use crate::source::Extras;

/// The target that is chosen by the log itself.
pub(crate) const BEST_PER_SEGMENT: &str = "best-per-segment";

/// A target with its name in words.
pub(crate) struct Wanted {
    pub(crate) policy: Box<dyn TargetPolicy>,
    pub(crate) name: String,
}

/// The target of the flags.
pub(crate) fn wanted(evaluate: &Evaluate, log: &Log, extras: &Extras) -> Result<Wanted, Failure> {
    if let Some((target, prefix)) = extras.target.as_ref().zip(evaluate.target_columns.as_ref()) {
        return Ok(Wanted { policy: Box::new(target.clone()), name: format!("columns {prefix}…") });
    }
    let asked = evaluate.target.as_str();
    if let Some(name) = asked.strip_prefix(POLICY) {
        let failed = |error: &dyn std::fmt::Display| Failure::new(format_args!("--target {asked}: {error}"));
        let policy = named(name, log.rounds().len() as u64).map_err(|error| failed(&error))?;
        let frozen = Frozen::trained(log, &*policy, evaluate.prior, evaluate.exploration);
        let policy = Box::new(frozen.map_err(|error| failed(&error))?);
        return Ok(Wanted { policy, name: format!("{name}, frozen, cross-fitted") });
    }
    if asked == BEST_PER_SEGMENT {
        let name = "best-per-segment, cross-fitted".to_owned();
        return Ok(Wanted { policy: Box::new(BestPerSegment::fit(log)), name });
    }
    of_flag(evaluate, log.outline(), Some(log))
}

/// What the name of a policy that has learnt begins with.
const POLICY: &str = "policy:";

/// Whether a target learns from the log first.
pub(crate) fn learns(asked: &str) -> bool {
    asked == BEST_PER_SEGMENT || asked.starts_with(POLICY)
}

/// A target that needs no round of the log.
pub(crate) fn known(evaluate: &Evaluate, outline: &Outline) -> Result<Wanted, Failure> {
    of_flag(evaluate, outline, None)
}

/// A target that does not learn from the log, which may not be kept.
fn of_flag(evaluate: &Evaluate, outline: &Outline, log: Option<&Log>) -> Result<Wanted, Failure> {
    let asked = evaluate.target.as_str();
    let policy: Box<dyn TargetPolicy> = match (asked.strip_prefix("arm:"), asked) {
        (Some(name), _) => Box::new(Fixed::new(find(outline, name).map_err(Failure::new)?)),
        (None, "uniform") => Box::new(Uniform),
        (None, file) => from_file(evaluate, outline, log, Path::new(file))?,
    };
    Ok(Wanted { policy, name: asked.to_owned() })
}

/// The one level of an arm of one dimension.
fn only_level<'a>(arm: &Arm<'a>) -> Option<&'a str> {
    let mut levels = arm.levels();
    levels.next().filter(|_| levels.next().is_none()).map(|(_, level)| level)
}

/// The arm of this name: its one level, or all its dimensions with their levels.
fn find(log: &Outline, name: &str) -> Result<ArmId, String> {
    let is = |arm: &Arm<'_>| only_level(arm) == Some(name) || arm.to_string() == name;
    if let Some(arm) = log.arms().iter().find(is) {
        return Ok(arm.id());
    }
    let label = |arm: Arm<'_>| only_level(&arm).map_or_else(|| arm.to_string(), str::to_owned);
    let known: Vec<String> = log.arms().iter().take(20).map(label).collect();
    let more = log.arms().len() - known.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Err(format!("no arm {name:?} in the log; there are {known:?}{more}"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    rows: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    #[serde(default)]
    segment: BTreeMap<String, String>,
    arms: BTreeMap<String, f64>,
}

/// A table, or what a snapshot knows, which begins with other words.
fn from_file(
    evaluate: &Evaluate,
    outline: &Outline,
    log: Option<&Log>,
    path: &Path,
) -> Result<Box<dyn TargetPolicy>, Failure> {
    let failed =
        |error: &dyn std::fmt::Display| Failure::new(format_args!("--target {}: {error}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| {
        failed(&format_args!(
            "{error} (a target is uniform, best-per-segment, arm:NAME, policy:NAME, or a JSON file)"
        ))
    })?;
    match (text.contains(SNAPSHOT), log) {
        (true, Some(log)) => {
            saved(evaluate, log, &text).map(|target| Box::new(target) as _).map_err(|error| failed(&error))
        }
        (true, None) => {
            Err(failed(&"the bandit of a snapshot is asked about rows that are kept; leave --stream out"))
        }
        (false, _) => table(outline, &text, &failed).map(|target| Box::new(target) as _),
    }
}

/// A word that snapshots have and tables do not.
const SNAPSHOT: &str = "\"generations\"";

/// What the bandit of a snapshot would send, in today's arms and segments, which are the log's.
fn saved(evaluate: &Evaluate, log: &Log, text: &str) -> Result<Frozen, String> {
    let snapshot: Snapshot = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let policy = named(&evaluate.policy, log.rounds().len() as u64).map_err(|error| error.to_string())?;
    let mut bandit = Bandit::builder(log.arms().clone(), log.segments().clone())
        .reward(log.reward_kind())
        .boxed_policy(policy)
        .exploration(evaluate.exploration)
        .prior(evaluate.prior)
        .incarnation(0)
        .build()
        .map_err(|error| error.to_string())?;
    let restored = bandit.restore(&snapshot).map_err(|error| error.to_string())?;
    if restored.arms.matched == 0 || restored.segments.matched == 0 {
        return Err("no arm, or no segment, of the snapshot has the name of one of the log".to_owned());
    }
    Frozen::of(&bandit, log).map_err(|error| error.to_string())
}

fn table(
    log: &Outline,
    text: &str,
    failed: &dyn Fn(&dyn Display) -> Failure,
) -> Result<TargetTable, Failure> {
    let table: Table = serde_json::from_str(text).map_err(|error| failed(&error))?;
    let mut rows = Vec::with_capacity(table.rows.len());
    for (number, row) in table.rows.iter().enumerate() {
        let failed = |error: String| failed(&format_args!("row {}: {error}", number + 1));
        let attributes: Vec<&str> = log.segments().attributes().map(|(name, _)| name).collect();
        if let Some(name) = row.segment.keys().find(|name| !attributes.contains(&name.as_str())) {
            return Err(failed(format!("no segment column {name:?}; there are {attributes:?}")));
        }
        rows.push(probabilities(log, row).map_err(failed)?);
    }
    let even = vec![1.0 / log.arms().len() as f64; log.arms().len()];
    let mut of_segments = Vec::with_capacity(log.segments().len());
    for segment in log.segments().iter() {
        let suits = |row: &Row| {
            segment.levels().all(|(name, level)| row.segment.get(name).is_none_or(|l| l == level))
        };
        match table.rows.iter().position(suits) {
            Some(row) => of_segments.push(rows[row].as_slice()),
            // Nobody asks.
            None if log.shown(segment.id()).is_empty() => of_segments.push(&even),
            None => return Err(failed(&format_args!("no row for the segment {segment}"))),
        }
    }
    TargetTable::new(of_segments).map_err(|error| failed(&error))
}

fn probabilities(log: &Outline, row: &Row) -> Result<Vec<f64>, String> {
    let mut probabilities = vec![0.0; log.arms().len()];
    for (name, &probability) in &row.arms {
        if !(0.0..=1.0).contains(&probability) {
            return Err(format!("probability {probability} of arm {name:?} is not in [0, 1]"));
        }
        probabilities[find(log, name)?.index()] += probability;
    }
    let sum: f64 = probabilities.iter().sum();
    if (sum - 1.0).abs() > 1e-6 {
        return Err(format!("the probabilities sum to {sum}, not to 1"));
    }
    Ok(probabilities)
}
