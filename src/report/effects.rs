//! The page of level effects: what each template, channel, tone and time adds.

use crate::belief::effects::{Added, FactorEffects, LevelEffects};

use super::canvas::Figure;
use super::grouped;
use super::intervals::{Bounded, intervals_about};
use super::page::{Page, Section};
use super::table::Table;

/// Level effects as a page: by factor what each level adds to the rate of an average arm, and the pairs that do more than that.
#[must_use]
pub fn page(found: &LevelEffects) -> Page {
    let digits = Digits(found.decimals());
    let mut page = Page::new("Effects", "What does each level of each dimension add?")
        .answer(sentence(found, digits))
        .fact("sent", grouped(found.trials as u64))
        .fact("earned", grouped(found.earned.round() as u64));
    if found.trials > 0.0 {
        page = page.fact("earned a send", digits.percent(found.earned / found.trials));
    }
    let page = page.fact("arm of average levels", digits.percent(found.rate));
    let page = found.factors.iter().fold(page, |page, factor| page.section(of_factor(factor, digits)));
    let page = of_pairs(found, digits).into_iter().fold(page, Page::section);
    page.note(
        "Each effect is counted from the mean of all levels of its dimension, in percentage points of the rate of an arm of \
         average levels. Intervals are of 95 %. Grey: may well add nothing.",
    )
}

/// The level that adds most of those that can be chosen, if it is sure that it adds anything.
fn sentence(found: &LevelEffects, digits: Digits) -> String {
    let chosen = found.factors.iter().filter(|factor| !factor.is_segment);
    let levels = chosen.flat_map(|factor| factor.levels.iter().map(move |level| (factor, level)));
    let sure = levels.filter(|(_, level)| level.logit.low > 0.0);
    let best = sure.max_by(|a, b| a.1.logit.value.total_cmp(&b.1.logit.value));
    let Some((factor, level)) = best else {
        return "No level is sure to add anything.".to_owned();
    };
    let added = &level.points;
    format!(
        "{} {} adds most: {} percentage points ({}) to {}.",
        factor.name,
        level.level,
        digits.points(added.value),
        digits.interval(added),
        digits.percent(found.rate),
    )
}

fn of_factor(factor: &FactorEffects, digits: Digits) -> Section {
    let mut levels: Vec<_> = factor.levels.iter().collect();
    levels.sort_by(|a, b| b.logit.value.total_cmp(&a.logit.value));
    let mut table = Table::new(["level", "adds", "95 % interval", "sent"]);
    let mut values = Vec::new();
    for level in levels {
        let cells = [
            level.level.clone(),
            digits.points(level.points.value),
            digits.interval(&level.points),
            grouped(level.trials as u64),
        ];
        table = if is_sure(&level.logit) { table.strong_row(cells) } else { table.row(cells) };
        values.push(bounded(level.level.clone(), &level.logit, &level.points));
    }
    Section::new(format!("By {}", factor.name))
        .text(format!("Levels vary by {:.2} on the logit.", factor.deviation))
        .figure(figure(&format!("What each level of {} adds, with its interval", factor.name), &values))
        .table(table)
}

/// None where pairs and single arms have nothing left to do.
fn of_pairs(found: &LevelEffects, digits: Digits) -> Option<Section> {
    let variation = found.variation()?;
    let mut table = Table::new(["pair", "adds beyond its levels", "95 % interval"]);
    let mut values = Vec::new();
    for pair in &found.pairs {
        let name = format!("{} × {}", pair.first.1, pair.second.1);
        let cells = [name.clone(), digits.points(pair.points.value), digits.interval(&pair.points)];
        table = if is_sure(&pair.logit) { table.strong_row(cells) } else { table.row(cells) };
        values.push(bounded(name, &pair.logit, &pair.points));
    }
    let text = variation[..1].to_uppercase() + &variation[1..] + ".";
    let section = Section::new("Pairs that do more, or less, than their levels").text(text);
    Some(match values.is_empty() {
        true => section,
        false => section.figure(figure("What pairs add beyond their levels", &values)).table(table),
    })
}

fn figure(title: &str, values: &[Bounded]) -> Figure {
    intervals_about(title, "percentage points", (0.0, "adds nothing"), values)
}

/// Whether it is sure on which side of nothing an effect lies.
fn is_sure(added: &Added) -> bool {
    added.low > 0.0 || added.high < 0.0
}

fn bounded(name: String, logit: &Added, rate: &Added) -> Bounded {
    let bounded = Bounded::new(name, 100.0 * rate.value, (100.0 * rate.low, 100.0 * rate.high));
    if is_sure(logit) { bounded } else { bounded.faint() }
}

/// So many decimals of a percentage.
#[derive(Clone, Copy, Debug)]
struct Digits(usize);

impl Digits {
    fn points(self, share: f64) -> String {
        format!("{:+.*}", self.0, 100.0 * share)
    }

    fn interval(self, added: &Added) -> String {
        format!("{} to {}", self.points(added.low), self.points(added.high))
    }

    fn percent(self, share: f64) -> String {
        format!("{:.*} %", self.0, 100.0 * share)
    }
}
