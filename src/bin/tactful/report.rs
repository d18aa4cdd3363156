//! The comparison as a table for people and as JSON for programs.

use std::fmt::Write;
use std::path::Path;

use serde::Serialize;
use tactful::evaluation::{Estimate, Log};

use crate::comparison::{Comparison, Valued};
use crate::source::Source;

/// Fixed arms in the table; JSON has them all.
const ARMS_SHOWN: usize = 20;
/// Characters of a name in the table.
const NAME_WIDTH: usize = 48;
/// Below so many equally weighted rounds a normal interval is not to be trusted.
const FEW_ROUNDS: f64 = 100.0;

#[derive(Serialize)]
struct Document<'a> {
    rounds: usize,
    policies: Vec<Entry<'a>>,
}

/// A policy; null is what is unknown or infinite.
#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    value: Option<f64>,
    se: Option<f64>,
    interval: Option<(f64, f64)>,
    rounds_used: usize,
}

/// One JSON object and a line end.
pub(crate) fn json(log: &Log, comparison: &Comparison) -> String {
    let finite = |number: f64| Some(number).filter(|number| number.is_finite());
    let entry = |valued: &'_ Valued| {
        let estimate = valued.estimate.as_ref().ok();
        let interval = estimate.map(|estimate| estimate.interval);
        (
            estimate.map(|estimate| estimate.value),
            estimate.and_then(|estimate| finite(estimate.standard_error)),
            interval.filter(|(lower, upper)| lower.is_finite() && upper.is_finite()),
            estimate.map_or(0, |estimate| estimate.used),
        )
    };
    let all = comparison.policies.iter().chain(&comparison.arms);
    let policies = all.map(|valued| {
        let (value, se, interval, rounds_used) = entry(valued);
        Entry { name: &valued.name, value, se, interval, rounds_used }
    });
    let document = Document { rounds: log.rounds().len(), policies: policies.collect() };
    match serde_json::to_string(&document) {
        Ok(text) => text + "\n",
        Err(error) => unreachable!("plain strings and numbers: {error}"),
    }
}

/// The table: what was read, the policies, the arms by value, and what to make of it.
pub(crate) fn table(file: &Path, source: &Source, comparison: &Comparison, exploration: f64) -> String {
    let log = &source.log;
    let mut text = plain(&format!(
        "{}: {}, {}, {}",
        file.display(),
        counted(log.rounds().len(), "round"),
        counted(log.arms().len(), "arm"),
        counted(log.segments().len(), "segment"),
    ));
    let decimals = decimals(log);
    if let Some(mean) = log.mean_reward() {
        let _ = write!(text, ", mean reward {mean:.decimals$}");
    }
    text.push('\n');
    for remark in &source.remarks {
        text += remark;
        text.push('\n');
    }
    text.push('\n');

    let mut arms: Vec<&Valued> = comparison.arms.iter().collect();
    let value =
        |valued: &Valued| valued.estimate.as_ref().map_or(f64::NEG_INFINITY, |estimate| estimate.value);
    arms.sort_by(|a, b| value(b).total_cmp(&value(a)));
    let shown: Vec<&Valued> = comparison.policies.iter().chain(arms.into_iter().take(ARMS_SHOWN)).collect();
    let rows: Vec<[String; 5]> = shown.iter().map(|valued| row(valued, decimals)).collect();
    align(&mut text, &rows);

    text.push('\n');
    if let Some(left) = comparison.arms.len().checked_sub(ARMS_SHOWN).filter(|&left| left > 0) {
        let _ = writeln!(text, "{left} more arms are not shown; --format json has them all.");
    }
    notes(&mut text, log, comparison, &shown, exploration);
    text
}

/// How the values came about and what they cannot say.
fn notes(text: &mut String, log: &Log, comparison: &Comparison, shown: &[&Valued], exploration: f64) {
    let names: Vec<&str> =
        comparison.policies[..comparison.learning].iter().map(|v| v.label.as_str()).collect();
    let kept = if log.is_uniform() {
        "exactly as often as they would have sent it"
    } else {
        "about 5 % of what they would have sent cut off"
    };
    let _ = writeln!(
        text,
        "{}: learning while the log is replayed by rejection ({kept}),\n{} % exploration share; their intervals \
         do not tell how differently they would have learnt from other rounds, other seeds do.",
        names.join(", "),
        exploration * 100.0
    );
    text.push_str("The others: self-normalised inverse propensity estimates over all rounds.\n");
    let estimates = || shown.iter().filter_map(|valued| Some((valued, valued.estimate.as_ref().ok()?)));
    let mut warn = |which: Vec<&str>, what: &str| {
        if let [first, rest @ ..] = &which[..] {
            let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
            let _ = writeln!(text, "Warning: {what}: {}{more}.", plain(first));
        }
    };
    let named = |test: &dyn Fn(&Estimate) -> bool| {
        estimates().filter(|(_, estimate)| test(estimate)).map(|(valued, _)| valued.label.as_str()).collect()
    };
    warn(
        shown.iter().filter(|valued| valued.estimate.is_err()).map(|valued| valued.label.as_str()).collect(),
        "no round can be used",
    );
    warn(
        named(&|estimate| estimate.effective_sample_size < FEW_ROUNDS),
        "fewer than 100 effective rounds, the interval is too narrow if anything",
    );
    warn(
        named(&|estimate| estimate.standard_error <= 0.0),
        "all rewards used are alike, which is no certainty",
    );
    warn(
        named(&|estimate| estimate.outside_support > 0),
        "arms that the log never shows in a segment are left out of the value",
    );
}

/// Name, value, interval, standard error, rounds used.
fn row(valued: &Valued, decimals: usize) -> [String; 5] {
    let name = shortened(&plain(&valued.label));
    let Ok(Estimate { value, standard_error, interval: (lower, upper), used, .. }) = valued.estimate else {
        return [name, "-".to_owned(), "-".to_owned(), "-".to_owned(), "0".to_owned()];
    };
    let number =
        |number: f64| if number.is_finite() { format!("{number:.decimals$}") } else { "-".to_owned() };
    let interval = match lower.is_finite() && upper.is_finite() {
        true => format!("{} to {}", number(lower), number(upper)),
        false => "-".to_owned(),
    };
    [name, number(value), interval, number(standard_error), used.to_string()]
}

/// Writes a header and rows: the first column to the left, numbers to the right.
fn align(text: &mut String, rows: &[[String; 5]]) {
    let header = ["policy", "value", "95 % interval", "s.e.", "rounds used"].map(str::to_owned);
    let width = |column: usize| {
        let cells = std::iter::once(&header).chain(rows).map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths: [usize; 5] = std::array::from_fn(width);
    for row in std::iter::once(&header).chain(rows) {
        let _ = write!(text, "{:<1$}", row[0], widths[0]);
        for (cell, width) in row.iter().zip(widths).skip(1) {
            let _ = write!(text, "  {cell:>width$}");
        }
        text.push('\n');
    }
}

/// Decimals that leave five digits of the largest reward, at least as many as for a rate.
fn decimals(log: &Log) -> usize {
    let (minimum, maximum) = log.reward_kind().range();
    let whole_digits = minimum.abs().max(maximum.abs()).log10().max(0.0).floor();
    5_usize.saturating_sub(whole_digits as usize)
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// The text with control characters escaped, so that no name in a file can move the cursor.
fn plain(text: &str) -> String {
    let escaped = |character: char| match character.is_control() {
        true => character.escape_default().to_string(),
        false => character.to_string(),
    };
    text.chars().map(escaped).collect()
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= NAME_WIDTH {
        return name.to_owned();
    }
    name.chars().take(NAME_WIDTH - 1).chain(['…']).collect()
}
