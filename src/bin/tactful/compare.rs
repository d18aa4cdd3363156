//! `tactful compare`: two answers of this command beside each other.

use std::fs;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;
use tactful::report::{Bounded, Page, Section, Table, intervals_about};

use crate::arguments::{Compare, Shape};
use crate::report::plain;
use crate::table::align;
use crate::{Failure, evaluate_page, save, write};

/// The 97.5 % point of the standard normal law.
const QUANTILE: f64 = 1.959_963_984_540_054;

/// An estimator or a policy in both answers.
#[derive(Debug, Serialize)]
struct Both {
    name: String,
    one: Option<f64>,
    one_interval: Option<(f64, f64)>,
    other: Option<f64>,
    other_interval: Option<(f64, f64)>,
    /// The other less the one; none where all that counts says the same in either answer, which is no certainty.
    difference: Option<f64>,
    se: Option<f64>,
    interval: Option<(f64, f64)>,
}

impl Both {
    /// Whether the interval of the difference leaves out zero.
    fn is_apart(&self) -> bool {
        self.interval.is_some_and(|(low, high)| low > 0.0 || high < 0.0)
    }
}

#[derive(Debug, Serialize)]
struct Document {
    /// What the numbers are.
    of: &'static str,
    /// Whether the rows are estimators of one value.
    #[serde(skip)]
    estimators: bool,
    /// Answers hold sums, not rounds, by which two could be paired.
    paired: bool,
    rows: Vec<Both>,
    warnings: Vec<String>,
}

/// A name with what is told of it.
type Rows = Vec<(String, Option<Told>)>;

/// A value with its standard error and its interval.
#[derive(Clone, Copy, Debug)]
struct Told {
    value: f64,
    se: f64,
    interval: (f64, f64),
}

impl Told {
    /// None without an interval, or what one is made of.
    fn new(value: Option<f64>, se: Option<f64>, interval: Option<(f64, f64)>) -> Option<Self> {
        let (value, se) = value.zip(se)?;
        let interval = interval.unwrap_or((value - QUANTILE * se, value + QUANTILE * se));
        Some(Self { value, se, interval })
    }

    fn of(entry: &Value) -> Option<Self> {
        let ends = number(&entry["interval"][0]).zip(number(&entry["interval"][1]));
        Self::new(number(&entry["value"]), number(&entry["se"]), ends)
    }
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().filter(|number| number.is_finite())
}

pub(crate) fn run(compare: &Compare) -> Result<(), Failure> {
    let (one, other) = (read(&compare.one)?, read(&compare.other)?);
    let document = compared(&one, &other).map_err(|error| {
        Failure::new(format_args!("{} and {}: {error}", compare.one.display(), compare.other.display()))
    })?;
    if let Some(path) = &compare.report {
        save(path, &page(compare, &document))?;
    }
    match compare.format {
        Shape::Table => write(&table(&document)),
        Shape::Html => write(&page(compare, &document).to_string()),
        Shape::Json => match serde_json::to_string(&document) {
            Ok(text) => write(&(text + "\n")),
            Err(error) => unreachable!("plain strings and numbers: {error}"),
        },
    }
}

fn read(path: &Path) -> Result<Value, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::new(format_args!("{}: {error}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| failed(&error))?;
    serde_json::from_str(&text).map_err(|error| failed(&error))
}

/// The rows of an answer, and what they are.
fn rows(answer: &Value) -> Result<(&'static str, Rows), String> {
    if let Some(estimators) = answer["estimators"].as_object() {
        let row = |(name, entry): (&String, &Value)| (name.clone(), Told::of(entry));
        return Ok(("reward per round", estimators.iter().map(row).collect()));
    }
    let Some(policies) = answer["policies"].as_array() else {
        return Err("not the JSON of evaluate, replay or simulate".to_owned());
    };
    let name = |policy: &Value| policy["name"].as_str().unwrap_or_default().to_owned();
    if policies.iter().all(|policy| policy["regret_mean"].is_array()) && !policies.is_empty() {
        let last = |of: &Value| of.as_array().and_then(|all| all.last()).and_then(number);
        let told = |policy: &Value| Told::new(last(&policy["regret_mean"]), last(&policy["regret_se"]), None);
        let row = |policy: &Value| (name(policy), told(policy));
        return Ok(("regret at the end", policies.iter().map(row).collect()));
    }
    let row = |policy: &Value| (name(policy), Told::of(policy));
    Ok(("reward per round", policies.iter().map(row).collect()))
}

fn compared(one: &Value, other: &Value) -> Result<Document, String> {
    let ((of, ones), (of_other, others)) = (rows(one)?, rows(other)?);
    let kind = |answer: &Value| answer["estimators"].is_object();
    if of != of_other || kind(one) != kind(other) {
        return Err("these are answers of different commands".to_owned());
    }
    let mut both = Vec::new();
    for (name, one) in &ones {
        let Some((_, other)) = others.iter().find(|(other, _)| other == name) else { continue };
        let uncertain = one.zip(*other).filter(|(one, other)| one.se > 0.0 && other.se > 0.0);
        let difference = uncertain.map(|(one, other)| other.value - one.value);
        let se = uncertain.map(|(one, other)| one.se.hypot(other.se));
        both.push(Both {
            name: name.clone(),
            one: one.map(|told| told.value),
            one_interval: one.map(|told| told.interval),
            other: other.map(|told| told.value),
            other_interval: other.map(|told| told.interval),
            difference,
            se,
            interval: difference.zip(se).map(|(by, se)| (by - QUANTILE * se, by + QUANTILE * se)),
        });
    }
    if both.is_empty() {
        return Err("they have no estimator or policy in common".to_owned());
    }
    let mut warnings = Vec::new();
    let alone = ones.len() + others.len() - 2 * both.len();
    if alone > 0 {
        warnings.push(format!("left out: {alone} that only one of the answers has"));
    }
    for (which, answer) in [("first", one), ("second", other)] {
        let said = answer["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str);
        warnings.extend(said.map(|warning| format!("{which}: {warning}")));
    }
    Ok(Document { of, estimators: kind(one), paired: false, rows: both, warnings })
}

const UNPAIRED: &str = "Not paired: the answers hold no rounds. The interval of the difference is that of independent \
                        logs or runs; if both come from the same one, chance moves both alike, and it is too wide.";

fn cells(row: &Both) -> [String; 5] {
    let none = || "-".to_owned();
    let between = |(low, high)| format!("{} to {}", shown(low), shown(high));
    let told = |value: Option<f64>, interval: Option<(f64, f64)>| {
        let both = value.zip(interval);
        both.map_or_else(none, |(value, interval)| format!("{} ({})", shown(value), between(interval)))
    };
    [
        plain(&row.name),
        told(row.one, row.one_interval),
        told(row.other, row.other_interval),
        row.difference.map_or_else(none, shown),
        row.interval.map_or_else(none, between),
    ]
}

/// To five decimals, or one where numbers are large.
fn shown(number: f64) -> String {
    if number.abs() >= 100.0 { format!("{number:.1}") } else { format!("{number:.5}") }
}

fn table(document: &Document) -> String {
    let header = [document.of, "one", "other", "difference", "95 % interval"].map(str::to_owned).to_vec();
    let rows = document.rows.iter().map(|row| cells(row).to_vec());
    let mut text = String::new();
    align(&mut text, &std::iter::once(header).chain(rows).collect::<Vec<_>>());
    text += &format!("\n{UNPAIRED}\n");
    for warning in &document.warnings {
        text += &format!("Warning: {}.\n", plain(warning));
    }
    text
}

fn page(compare: &Compare, document: &Document) -> Page {
    let header = [document.of, "one", "other", "difference", "95 % interval"];
    let mut table = Table::new(header);
    let mut differences = Vec::new();
    for row in &document.rows {
        table = table.row(cells(row));
        if let (Some(by), Some(interval)) = (row.difference, row.interval) {
            differences.push(Bounded::new(row.name.clone(), by, interval));
        }
    }
    let title = "The second less the first, with the interval of the difference";
    let page = Page::new("Comparison", "Do the two answers differ?")
        .answer(sentence(document))
        .fact("one", compare.one.display().to_string())
        .fact("other", compare.other.display().to_string());
    let page = document.warnings.iter().fold(page, |page, warning| page.warning(warning.clone()));
    page.section(
        Section::new(format!("Difference in {}", document.of))
            .text(UNPAIRED)
            .figure(intervals_about(title, "the other less the one", (0.0, "no difference"), &differences))
            .table(table),
    )
}

/// Of estimators, by the one that an evaluation itself answers by, for they all tell of one thing and some are biased; of
/// policies, by each.
fn sentence(document: &Document) -> String {
    let known: Vec<&Both> = document.rows.iter().filter(|row| row.interval.is_some()).collect();
    let preferred =
        evaluate_page::PREFERRED.iter().find_map(|by| known.iter().find(|row| row.name == by.name()));
    if let (Some(row), true) = (preferred, document.estimators) {
        let [name, _, _, by, interval] = cells(row);
        let name = name.to_uppercase();
        return match row.is_apart() {
            true => format!("Yes, by {by} ({interval} at 95 %, by {name})."),
            false => format!("Not to be told: the difference is {by} ({interval} at 95 %, by {name})."),
        };
    }
    let apart: Vec<&str> = known.iter().filter(|row| row.is_apart()).map(|row| row.name.as_str()).collect();
    match (known.len(), apart.len()) {
        (0, _) => "These answers cannot say.".to_owned(),
        (_, 0) => "Not to be told: every interval of a difference has zero in it.".to_owned(),
        (all, 1) => {
            format!("Yes, {} does; its interval of the difference, of {all}, leaves out zero.", apart[0])
        }
        (all, some) => format!("Yes, {some} of {all} do: their intervals of the difference leave out zero."),
    }
}
