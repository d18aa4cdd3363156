//! `tactful compare`: two answers of this command beside each other.

use std::fs;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;
use tactful::report::{Bounded, Page, Section, Table, intervals};

use crate::arguments::{Compare, Shape};
use crate::report::plain;
use crate::table::align;
use crate::{Failure, save, write};

/// The 97.5 % point of the standard normal law.
const QUANTILE: f64 = 1.959_963_984_540_054;

/// An estimator or a policy in both answers.
#[derive(Debug, Serialize)]
struct Both {
    name: String,
    one: Option<f64>,
    other: Option<f64>,
    /// The other less the one.
    difference: Option<f64>,
    se: Option<f64>,
    interval: Option<(f64, f64)>,
}

#[derive(Debug, Serialize)]
struct Document {
    /// What the numbers are.
    of: &'static str,
    /// Answers hold sums, not rounds, by which two could be paired.
    paired: bool,
    rows: Vec<Both>,
    warnings: Vec<String>,
}

/// A name with its value and standard error.
type Rows = Vec<(String, Option<f64>, Option<f64>)>;

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
    let number = |value: &Value| value.as_f64().filter(|number| number.is_finite());
    if let Some(estimators) = answer["estimators"].as_object() {
        let row =
            |(name, entry): (&String, &Value)| (name.clone(), number(&entry["value"]), number(&entry["se"]));
        return Ok(("reward per round", estimators.iter().map(row).collect()));
    }
    let Some(policies) = answer["policies"].as_array() else {
        return Err("not the JSON of evaluate, replay or simulate".to_owned());
    };
    let name = |policy: &Value| policy["name"].as_str().unwrap_or_default().to_owned();
    if policies.iter().all(|policy| policy["regret_mean"].is_array()) && !policies.is_empty() {
        let last = |of: &Value| of.as_array().and_then(|all| all.last()).and_then(number);
        let row = |policy: &Value| (name(policy), last(&policy["regret_mean"]), last(&policy["regret_se"]));
        return Ok(("regret at the end", policies.iter().map(row).collect()));
    }
    let row = |policy: &Value| (name(policy), number(&policy["value"]), number(&policy["se"]));
    Ok(("reward per round", policies.iter().map(row).collect()))
}

fn compared(one: &Value, other: &Value) -> Result<Document, String> {
    let ((of, ones), (of_other, others)) = (rows(one)?, rows(other)?);
    let kind = |answer: &Value| answer["estimators"].is_object();
    if of != of_other || kind(one) != kind(other) {
        return Err("these are answers of different commands".to_owned());
    }
    let mut both = Vec::new();
    for (name, value, error) in &ones {
        let Some((_, second, second_error)) = others.iter().find(|(other, ..)| other == name) else {
            continue;
        };
        let difference = value.zip(*second).map(|(one, other)| other - one);
        let se = error.zip(*second_error).map(|(one, other)| (one * one + other * other).sqrt());
        let interval = difference.zip(se).map(|(by, se)| (by - QUANTILE * se, by + QUANTILE * se));
        both.push(Both { name: name.clone(), one: *value, other: *second, difference, se, interval });
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
    Ok(Document { of, paired: false, rows: both, warnings })
}

const UNPAIRED: &str = "Not paired: the answers hold no rounds. The interval of the difference is that of independent \
                        logs or runs; if both come from the same one, chance moves both alike, and it is too wide.";

fn cells(row: &Both) -> [String; 5] {
    let number = |number: Option<f64>| number.map_or_else(|| "-".to_owned(), shown);
    let interval =
        row.interval.map_or_else(|| "-".to_owned(), |(a, b)| format!("{} to {}", shown(a), shown(b)));
    [plain(&row.name), number(row.one), number(row.other), number(row.difference), interval]
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
    let apart = |row: &&Both| row.interval.is_some_and(|(low, high)| low > 0.0 || high < 0.0);
    let count = document.rows.iter().filter(apart).count();
    let answer = match count {
        0 => "No: every interval of a difference has zero in it.".to_owned(),
        _ => format!(
            "Yes, by {count} of {}: those intervals of the difference leave out zero.",
            document.rows.len()
        ),
    };
    let title = "The second less the first, with the interval of the difference";
    let page = Page::new("Comparison", "Do the two answers differ?")
        .answer(answer)
        .fact("one", compare.one.display().to_string())
        .fact("other", compare.other.display().to_string());
    let page = document.warnings.iter().fold(page, |page, warning| page.warning(warning.clone()));
    page.section(
        Section::new(format!("Difference in {}", document.of))
            .text(UNPAIRED)
            .figure(intervals(title, "the other less the one", &differences))
            .table(table),
    )
}
