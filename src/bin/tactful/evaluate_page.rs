//! The page of `tactful evaluate`.

use tactful::evaluation::{Answer, Estimate, Estimator};
use tactful::report::{Bounded, Curve, Page, Section, Table, bars, curves, grouped, intervals};

use crate::answer::{self, bounded};
use crate::arguments::Evaluate;
use crate::evaluate::{Evaluated, Glance, WEIGHTS};
use crate::logged;
use crate::report::Digits;
use crate::source::Request;

/// The estimators by how much they are to be preferred for the answer in a sentence.
pub(crate) const PREFERRED: [Estimator; 6] =
    [Estimator::Dr, Estimator::Sndr, Estimator::Snips, Estimator::Ips, Estimator::Replay, Estimator::Dm];

pub(crate) fn page(evaluate: &Evaluate, evaluated: &Evaluated) -> Page {
    let log = &evaluated.outline;
    let evaluation = &evaluated.evaluation;
    let digits = Digits::of(log.reward_kind());
    let mut page = Page::new("Offline evaluation", format!("What would “{}” have earned?", evaluated.target))
        .answer(sentence(evaluate, evaluated, digits))
        .fact("rounds", grouped(log.rounds() as u64))
        .fact("arms", grouped(log.arms().len() as u64))
        .fact("segments", grouped(log.segments().len() as u64));
    if log.has_propensities() {
        page = page
            .fact("worth even rounds", format!("{:.0}", evaluation.effective_sample_size))
            .fact("largest weight", format!("{:.2}", evaluation.largest_weight));
    }
    page = answer::warnings(evaluate, evaluated).into_iter().fold(page, Page::warning);
    page = page.section(values(evaluate, evaluated, digits));
    if let Some(glance) = &evaluated.glance {
        page = known(glance, digits).into_iter().fold(page, Page::section);
        page = page.section(weights(glance));
    }
    if let Some(log) = &evaluated.log {
        page = logged::traffic(log).into_iter().chain(logged::best(log)).fold(page, Page::section);
    }
    page = answer::notes(evaluate, evaluated).lines().fold(page, Page::note);
    page.note(format!("Read from {}.", evaluate.file().display()))
}

fn estimate(evaluated: &Evaluated, estimator: Estimator) -> Option<Estimate> {
    let answers = &evaluated.evaluation.estimates;
    answers.iter().find(|answer| answer.estimator == estimator).and_then(|answer| bounded(answer).ok())
}

/// The answer in one sentence.
fn sentence(evaluate: &Evaluate, evaluated: &Evaluated, digits: Digits) -> String {
    let found = PREFERRED.into_iter().find_map(|by| Some((by, estimate(evaluated, by)?)));
    let Some((by, estimate)) = found else {
        return "This log cannot say.".to_owned();
    };
    let (lower, upper) = estimate.interval;
    let value = format!(
        "About {} per round ({} to {} at {} %, by {})",
        digits.print(estimate.value),
        digits.print(lower),
        digits.print(upper),
        100.0 * evaluate.confidence,
        by.name().to_uppercase(),
    );
    match evaluated.mean_reward {
        Some(mean) if lower > mean => {
            format!("{value}: more than the {} that the log itself earned.", digits.print(mean))
        }
        Some(mean) if upper < mean => {
            format!("{value}: less than the {} that the log itself earned.", digits.print(mean))
        }
        Some(mean) => {
            format!(
                "{value}: not to be told apart from the {} that the log itself earned.",
                digits.print(mean)
            )
        }
        None => value + ".",
    }
}

fn values(evaluate: &Evaluate, evaluated: &Evaluated, digits: Digits) -> Section {
    let confidence = format!("{} % interval", 100.0 * evaluate.confidence);
    let mut table = Table::new(["estimator", "value", &confidence, "at any time", "s.e."]);
    let mut shown = Vec::new();
    let between = |(lower, upper)| format!("{} to {}", digits.print(lower), digits.print(upper));
    for answer in &evaluated.evaluation.estimates {
        let Answer { estimator, .. } = *answer;
        let anytime = answer::anytime(evaluated, estimator);
        let Ok(estimate) = bounded(answer) else {
            table = table.faint_row([estimator.name(), "–", "–", "–", "–"]);
            continue;
        };
        let bounded = Bounded::new(estimator.name(), estimate.value, estimate.interval);
        let bounded = match anytime {
            Some(anytime) => bounded.wide(anytime),
            None => bounded,
        };
        let biased = estimator == Estimator::Dm || estimator.has_lambda() || estimator.needs_dimensions();
        shown.push(if biased { bounded.faint() } else { bounded });
        table = table.row([
            estimator.name().to_owned(),
            digits.print(estimate.value),
            between(estimate.interval),
            anytime.map_or_else(|| "–".to_owned(), between),
            digits.print(estimate.standard_error),
        ]);
    }
    let mut text =
        "The same question put to several estimators; where they disagree, trust none of them alone. Grey: \
                    biased by design."
            .to_owned();
    if !evaluated.anytime.is_empty() {
        text += " Thin lines, which may go on beyond the plot: intervals that hold however often one looks, and on the log of a policy that learnt.";
    }
    let title = "The value of the target by each estimator, with its interval";
    Section::new("Reward per round")
        .text(text)
        .figure(intervals(title, "reward per round", &shown))
        .table(table)
}

/// How the value became known as the log grew.
fn known(glance: &Glance, digits: Digits) -> Option<Section> {
    if glance.path.len() < 2 {
        return None;
    }
    let mut curve = Curve::new("value");
    let mut table = Table::new(["rounds", "value", "at any time"]);
    let tenth = glance.path.len().div_ceil(8);
    // The first intervals are as wide as the range, and would flatten all that follows.
    let skipped = glance.path.len() / 10;
    for (number, known) in glance.path.iter().enumerate() {
        if number >= skipped {
            curve = curve.bounded(known.rounds as f64, known.value, known.interval);
        }
        if (number + 1) % tenth == 0 || number + 1 == glance.path.len() {
            let (lower, upper) = known.interval;
            let between = format!("{} to {}", digits.print(lower), digits.print(upper));
            table = table.row([grouped(known.rounds as u64), digits.print(known.value), between]);
        }
    }
    let range = glance
        .path
        .iter()
        .skip(skipped)
        .map(|known| known.interval.1 - known.interval.0)
        .fold(0.0_f64, f64::max);
    let decimals = (1.0 - range.log10().floor()).clamp(0.0, 6.0) as usize;
    let tick = |value: f64| format!("{value:.decimals$}");
    let title = "The value as it became known, round by round";
    Some(
        Section::new("How the answer settled")
            .text("The value by the rounds so far, within the interval that holds at all these times at once. Had one stopped early, this is what one would have known.")
            .figure(curves(title, "rounds of the log", "reward per round", &tick, &[curve]))
            .table(table),
    )
}

fn weights(glance: &Glance) -> Section {
    let all: usize = glance.weights.iter().sum();
    let mut rows = Vec::new();
    let mut table = Table::new(["weight", "rounds", "share"]);
    for (number, &count) in glance.weights.iter().enumerate() {
        if count == 0 {
            continue;
        }
        let name = match number {
            0 => "0".to_owned(),
            last if last == WEIGHTS.len() => format!("> {}", WEIGHTS[last - 1]),
            other => format!("{} to {}", WEIGHTS[other - 1], WEIGHTS[other]),
        };
        let share = count as f64 / all.max(1) as f64;
        let percent = format!("{:.1} %", 100.0 * share);
        rows.push((name.clone(), share, percent.clone()));
        table = table.row([name, grouped(count as u64), percent]);
    }
    Section::new("What the rounds weigh")
        .text("How many times likelier the target would have sent what was sent. Weight 0 says nothing of the target; a few huge weights would carry the whole answer.")
        .figure(bars("The share of rounds by their weight", &rows))
        .table(table)
}
