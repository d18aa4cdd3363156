//! The page of `tactful replay`.

use tactful::report::{Bounded, Page, Section, Table, grouped, intervals};

use crate::arguments::Replay;
use crate::comparison::{Comparison, Valued};
use crate::report::{Digits, warnings};
use crate::source::Source;
use crate::{learning, logged};

/// Fixed arms in the plot.
const ARMS: usize = 12;

pub(crate) fn page(replay: &Replay, source: &Source, comparison: &Comparison) -> Page {
    let log = &source.log;
    let digits = Digits::of(log.reward_kind());
    let value = |valued: &Valued| valued.bounded().map_or(f64::NEG_INFINITY, |estimate| estimate.value);
    let mut arms: Vec<&Valued> = comparison.arms.iter().collect();
    arms.sort_by(|a, b| value(b).total_cmp(&value(a)));
    let shown: Vec<&Valued> = comparison.policies.iter().chain(arms.into_iter().take(ARMS)).collect();
    let mut bounded = Vec::new();
    let mut table = Table::new(["policy", "value", "95 % interval", "s.e.", "rounds used"]);
    for (number, valued) in shown.iter().enumerate() {
        let Some(estimate) = valued.bounded() else {
            table = table.faint_row([valued.label.as_str(), "–", "–", "–", "–"]);
            continue;
        };
        let row = Bounded::new(valued.label.clone(), estimate.value, estimate.interval);
        bounded.push(if number < comparison.learning { row } else { row.faint() });
        let (lower, upper) = estimate.interval;
        let cells = [
            valued.label.clone(),
            digits.print(estimate.value),
            format!("{} to {}", digits.print(lower), digits.print(upper)),
            digits.print(estimate.standard_error),
            estimate.used.to_string(),
        ];
        table = if number < comparison.learning { table.strong_row(cells) } else { table.row(cells) };
    }
    let mut page = Page::new("Replay", "What would policies that learn have earned on this log?")
        .answer(sentence(comparison, log.mean_reward(), digits))
        .fact("rounds", grouped(log.rounds().len() as u64))
        .fact("arms", grouped(log.arms().len() as u64))
        .fact("segments", grouped(log.segments().len() as u64));
    page = warnings(log, &shown, |valued| &valued.label).into_iter().fold(page, Page::warning);
    page = source.left_out.remarks().into_iter().fold(page, Page::warning);
    page = page.section(
        Section::new("Reward per round")
            .text("Dark: policies that learn while the log is replayed. Grey: uniform, and the best arms held fixed.")
            .figure(intervals("The value of each policy with its interval", "reward per round", &bounded))
            .table(table),
    );
    page = learning::earned(comparison, digits).into_iter().fold(page, Page::section);
    page = learning::traffic(comparison, log).into_iter().fold(page, Page::section);
    page = logged::traffic(log).into_iter().chain(logged::best(log)).fold(page, Page::section);
    page.note(
        "Learning policies are replayed by rejection: rounds that they would not have drawn are skipped, and they learn \
         from the others. Their intervals do not tell how differently they would have learnt from other rounds.",
    )
    .note(format!("Read from {}.", replay.log.file().display()))
}

fn sentence(comparison: &Comparison, mean: Option<f64>, digits: Digits) -> String {
    let learners = comparison.policies[..comparison.learning].iter();
    let known = learners.filter_map(|valued| Some((valued, valued.bounded()?)));
    let best = known.max_by(|a, b| a.1.value.total_cmp(&b.1.value));
    let Some((valued, estimate)) = best else { return "This log cannot say.".to_owned() };
    let (lower, upper) = estimate.interval;
    let said = format!(
        "Of those that learn, {} earned most: {} per round ({} to {})",
        valued.label,
        digits.print(estimate.value),
        digits.print(lower),
        digits.print(upper),
    );
    match mean {
        Some(mean) => format!("{said}; the log itself earned {}.", digits.print(mean)),
        None => said + ".",
    }
}
