//! The comparison as a table for people and as JSON for programs.

use std::fmt::Write;

use serde::Serialize;
use tactful::RewardKind;
use tactful::evaluation::{Estimate, Log, Round};

use crate::arguments::Replay;
use crate::comparison::{Comparison, Valued};
use crate::source::{LeftOut, Source};
use crate::table::align;

/// Fixed arms in the table; JSON has them all.
const ARMS_SHOWN: usize = 20;
/// Characters of a name in the table.
const NAME_WIDTH: usize = 48;
/// Below so many equally weighted rounds a normal interval is not to be trusted.
const FEW_ROUNDS: f64 = 100.0;

#[derive(Serialize)]
struct Document<'a> {
    rounds: usize,
    left_out: &'a LeftOut,
    policies: Vec<Entry<'a>>,
    warnings: Vec<String>,
}

/// A policy; null is what is unknown or infinite.
#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    value: Option<f64>,
    se: Option<f64>,
    interval: Option<(f64, f64)>,
    rounds_used: usize,
    effective_sample_size: Option<f64>,
    outside_support: Option<usize>,
    /// Only where there is no value: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

impl<'a> Entry<'a> {
    fn new(valued: &'a Valued) -> Self {
        let finite = |number: f64| Some(number).filter(|number| number.is_finite());
        let estimate = valued.estimate.as_ref().ok();
        let bounded = valued.bounded();
        Self {
            name: &valued.name,
            value: bounded.map(|estimate| estimate.value),
            se: bounded.and_then(|estimate| finite(estimate.standard_error)),
            interval: bounded.map(|estimate| estimate.interval),
            rounds_used: estimate.map_or(0, |estimate| estimate.used),
            effective_sample_size: estimate.map(|estimate| estimate.effective_sample_size),
            outside_support: estimate.map(|estimate| estimate.outside_support),
            error: valued.estimate.as_ref().err().map(String::as_str),
        }
    }
}

/// One JSON object and a line end.
pub(crate) fn json(source: &Source, comparison: &Comparison) -> String {
    let all: Vec<&Valued> = comparison.policies.iter().chain(&comparison.arms).collect();
    let document = Document {
        rounds: source.log.rounds().len(),
        left_out: &source.left_out,
        policies: all.iter().copied().map(Entry::new).collect(),
        warnings: warnings(&source.log, &all, |valued| &valued.name),
    };
    match serde_json::to_string(&document) {
        Ok(text) => text + "\n",
        Err(error) => unreachable!("plain strings and numbers: {error}"),
    }
}

/// The table: what was read, the policies, the arms by value, and what to make of it.
pub(crate) fn table(replay: &Replay, source: &Source, comparison: &Comparison) -> String {
    let log = &source.log;
    let mut text = plain(&format!(
        "{}: {}, {}, {}",
        replay.log.file().display(),
        counted(log.rounds().len(), "round"),
        counted(log.arms().len(), "arm"),
        counted(log.segments().len(), "segment"),
    ));
    let digits = Digits::of(log.reward_kind());
    if let Some(mean) = log.mean_reward() {
        let _ = write!(text, ", mean reward {}", digits.print(mean));
    }
    text.push('\n');
    for remark in source.left_out.remarks() {
        text += &remark;
        text.push('\n');
    }
    text.push('\n');

    let mut arms: Vec<&Valued> = comparison.arms.iter().collect();
    let value = |valued: &Valued| valued.bounded().map_or(f64::NEG_INFINITY, |estimate| estimate.value);
    arms.sort_by(|a, b| value(b).total_cmp(&value(a)));
    let shown: Vec<&Valued> = comparison.policies.iter().chain(arms.into_iter().take(ARMS_SHOWN)).collect();
    let header = ["policy", "value", "95 % interval", "s.e.", "rounds used"].map(str::to_owned).to_vec();
    let rows = shown.iter().map(|valued| row(valued, digits).to_vec());
    align(&mut text, &std::iter::once(header).chain(rows).collect::<Vec<_>>());

    text.push('\n');
    if let Some(left) = comparison.arms.len().checked_sub(ARMS_SHOWN).filter(|&left| left > 0) {
        let (are, them) = if left == 1 { ("arm is", "it") } else { ("arms are", "them all") };
        let _ = writeln!(text, "{left} more {are} not shown; --format json has {them}.");
    }
    notes(&mut text, log, comparison, replay);
    for warning in warnings(log, &shown, |valued| &valued.label) {
        let _ = writeln!(text, "Warning: {}.", plain(&warning));
    }
    text
}

/// How the values came about and what they cannot say.
fn notes(text: &mut String, log: &Log, comparison: &Comparison, replay: &Replay) {
    let names: Vec<&str> =
        comparison.policies[..comparison.learning].iter().map(|v| v.label.as_str()).collect();
    // As `Rejection::default` has it.
    let kept = if log.is_uniform() {
        "exactly as often as they would have sent it"
    } else {
        "at most about 5 % of what they would have sent cut off"
    };
    let _ = writeln!(
        text,
        "{}: learning while the log is replayed by rejection ({kept});\neach value is the mean over a fresh \
         life of \"rounds used\" rounds, learning included; {} % exploration share,\nprior Beta({}, {}). Their \
         intervals do not tell how differently they would have learnt from other rounds; other seeds do.",
        names.join(", "),
        replay.exploration * 100.0,
        replay.prior.alpha(),
        replay.prior.beta(),
    );
    text.push_str("The others: self-normalised inverse propensity estimates over all rounds.\n");
}

/// What takes from the trust in these values, each in a line without its end.
pub(crate) fn warnings(log: &Log, valued: &[&Valued], name: impl Fn(&Valued) -> &str) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut warn = |what: &str, which: &dyn Fn(&Valued) -> bool| {
        let mut which = valued.iter().copied().filter(|&valued| which(valued));
        if let Some(first) = which.next() {
            let more = which.count();
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            warnings.push(format!("{what}: {}{more}", name(first)));
        }
    };
    let mut errors: Vec<&String> = Vec::new();
    for error in valued.iter().filter_map(|valued| valued.estimate.as_ref().err()) {
        if !errors.contains(&error) {
            errors.push(error);
        }
    }
    for error in errors {
        warn(&format!("no value, since {error}"), &|valued| valued.estimate.as_ref().err() == Some(error));
    }
    let mut among = |what: &str, test: &dyn Fn(&Estimate) -> bool| {
        warn(what, &|valued| valued.estimate.as_ref().is_ok_and(test));
    };
    among("no value, since fewer than two rounds count", &|estimate| !estimate.interval.0.is_finite());
    among("fewer than 100 effective rounds, the interval is too narrow if anything", &|estimate| {
        estimate.effective_sample_size < FEW_ROUNDS
    });
    among("all rewards used are alike, which is no certainty", &|estimate| estimate.standard_error <= 0.0);
    among("arms that the log never shows in a segment are left out of the value", &|estimate| {
        estimate.outside_support > 0
    });
    let restricts = |round: &Round| round.eligible.as_ref().is_some_and(|set| !set.is_all());
    let restricted = log.rounds().iter().filter(restricts).count();
    if restricted > 0 {
        warnings.push(format!(
            "{} allowed only some arms; where a fixed arm was not allowed, its value has an even draw over those \
             that were",
            counted(restricted, "round")
        ));
    }
    warnings
}

/// Name, value, interval, standard error, rounds used.
fn row(valued: &Valued, digits: Digits) -> [String; 5] {
    let name = shortened(&plain(&valued.label));
    let used = valued.estimate.as_ref().map_or(0, |estimate| estimate.used).to_string();
    let Some(&Estimate { value, standard_error, interval: (lower, upper), .. }) = valued.bounded() else {
        return [name, "-".to_owned(), "-".to_owned(), "-".to_owned(), used];
    };
    let interval = format!("{} to {}", digits.print(lower), digits.print(upper));
    [name, digits.print(value), interval, digits.print(standard_error), used]
}

/// How numbers of a log's unit are printed.
#[derive(Clone, Copy)]
pub(crate) enum Digits {
    /// With so many decimals.
    Decimals(usize),
    /// With an exponent, where decimals would take more room than a table has.
    Exponent,
}

impl Digits {
    /// Six digits of the range of rewards: five decimals for a rate.
    pub(crate) fn of(kind: RewardKind) -> Self {
        let (minimum, maximum) = kind.range();
        match (maximum - minimum).log10().floor() {
            magnitude @ -9.0..15.0 => Self::Decimals((5.0 - magnitude).max(0.0) as usize),
            _ => Self::Exponent,
        }
    }

    /// On an axis, where fewer digits do.
    pub(crate) fn tick(self, number: f64) -> String {
        match self {
            Self::Decimals(decimals) => format!("{number:.0$}", decimals.saturating_sub(2)),
            Self::Exponent => format!("{number:.1e}"),
        }
    }

    pub(crate) fn print(self, number: f64) -> String {
        match self {
            Self::Decimals(decimals) => format!("{number:.decimals$}"),
            Self::Exponent => format!("{number:.5e}"),
        }
    }
}

pub(crate) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// The text with control characters escaped, so that no name in a file can move the cursor.
pub(crate) fn plain(text: &str) -> String {
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
