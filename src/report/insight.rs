//! The page of a live bandit.

use std::collections::BTreeMap;

use crate::insight::{ArmReport, Report, SegmentReport};

use super::curves::{Curve, curves};
use super::grouped;
use super::intervals::{Bounded, intervals_with};
use super::page::{Page, Section};
use super::shares::shares;
use super::table::Table;

/// Segments that get a section of their own; the overview has all.
const SEGMENTS: usize = 12;
/// Arms that get a colour; the others together get one.
const ARMS: usize = 5;
/// Rows of a table.
const ROWS: usize = 40;

/// A report of a bandit as a page: where it stands, segment by segment, and how late payments come.
#[must_use]
pub fn page(report: &Report) -> Page {
    let active: Vec<&SegmentReport> = report.segments.iter().filter(|segment| segment.sent > 0).collect();
    let sum = |of: fn(&SegmentReport) -> u64| active.iter().map(|segment| of(segment)).sum::<u64>();
    let paid: f64 = active.iter().map(|segment| segment.paid).sum();
    let mut page = Page::new("Live report", "What works, what fails, and who paid when?")
        .answer(report.headline())
        .fact("sent", grouped(sum(|segment| segment.sent)))
        .fact("waiting", grouped(sum(|segment| segment.pending)))
        .fact(if report.has_rates() { "paid" } else { "earned" }, money(report, paid));
    if let Some(bar) = report.threshold {
        page = page.fact("has to pay", format!("at least {}", report.mean(bar)));
    }
    for segment in &active {
        if segment.nothing_works {
            page = page.warning(format!("nothing that was tried works for {}", segment.name));
        }
        for (arm, alarm) in segment.arms.iter().filter_map(|arm| Some((arm, arm.alarm?))) {
            page = page.warning(format!(
                "the rate of {} for {} has changed from {} to {}{}",
                arm.name,
                segment.name,
                report.mean(alarm.before),
                report.mean(alarm.after),
                since(report, alarm.at),
            ));
        }
    }
    page = report.remarks.iter().fold(page, |page, remark| page.warning(remark.clone()));
    if active.len() > 1 {
        page = page.section(overview(report, &active));
    }
    for segment in active.iter().take(SEGMENTS) {
        page = page.section(standing(report, segment));
        if let Some(section) = traffic(report, segment) {
            page = page.section(section);
        }
    }
    if active.len() > SEGMENTS {
        page = page.note(format!("{} more segments are in the overview only.", active.len() - SEGMENTS));
    }
    if let Some(section) = delays(report) {
        page = page.section(section);
    }
    page.note(format!(
        "Intervals hold at {} %, each for all times at once: look as often as you like. An arm is shown to be worse when even \
         the upper end for it lies below the lower end for the leader. A false alarm about a changed rate is raised, ever, \
         anywhere, with a probability of at most {}.",
        100.0 * report.confidence,
        report.false_alarms,
    ))
}

/// The best arm of each segment.
fn overview(report: &Report, active: &[&SegmentReport]) -> Section {
    let mut values = Vec::new();
    let mut table = Table::new(["segment", "verdict", "best arm", "mean", "sent", "waiting", "paid"]);
    for segment in active {
        let leader = segment.arms.first().filter(|_| segment.leader.is_some());
        if let Some(arm) = leader {
            let bounded = Bounded::new(format!("{}: {}", segment.name, arm.name), arm.mean, arm.interval);
            values.push(if segment.decided { bounded } else { bounded.faint() });
        }
        let cells = [
            segment.name.clone(),
            segment.verdict().to_owned(),
            leader.map_or_else(|| "–".to_owned(), |arm| arm.name.clone()),
            leader.and_then(|arm| arm.mean).map_or_else(|| "–".to_owned(), |mean| report.mean(mean)),
            grouped(segment.sent),
            grouped(segment.pending),
            money(report, segment.paid),
        ];
        table = if segment.decided { table.strong_row(cells) } else { table.row(cells) };
    }
    Section::new("Where each segment stands")
        .text("The best arm of each segment, with where its true mean lies. Dark: beyond doubt the best. Grey: still open.")
        .figure(means(report, "The best arm of each segment with its interval", &values))
        .table(table)
}

/// All arms of a segment.
fn standing(report: &Report, segment: &SegmentReport) -> Section {
    let bounded = |arm: &ArmReport| {
        let bounded = Bounded::new(arm.name.clone(), arm.mean, arm.interval);
        if arm.futile { bounded.faint() } else { bounded }
    };
    let mut table = Table::new(["arm", "sent", "waiting", "paid", "mean", "interval", "P(best)", "verdict"]);
    for (number, arm) in segment.arms.iter().take(ROWS).enumerate() {
        let verdict = match (number == 0 && segment.leader.is_some(), arm.futile, arm.alarm) {
            (_, true, _) => "worse",
            (true, ..) if segment.decided => "best",
            (true, ..) => "leads",
            (_, _, Some(_)) => "changed",
            _ => "open",
        };
        let cells = [
            arm.name.clone(),
            grouped(arm.sent),
            grouped(arm.pending),
            money(report, arm.paid),
            arm.mean.map_or_else(|| "–".to_owned(), |mean| report.mean(mean)),
            format!("{} to {}", report.mean(arm.interval.0), report.mean(arm.interval.1)),
            format!("{:.1} %", 100.0 * arm.probability_best),
            verdict.to_owned(),
        ];
        table = match (number, arm.futile) {
            (0, _) => table.strong_row(cells),
            (_, true) => table.faint_row(cells),
            _ => table.row(cells),
        };
    }
    let mut text = match segment.value_remaining {
        Some(value) => format!(
            "{}; the best arm is better than the leader by at most {:.1} %, with 95 % probability.",
            capital(segment.verdict()),
            100.0 * value
        ),
        None => format!("{}.", capital(segment.verdict())),
    };
    if segment.arms.len() > ROWS {
        text += &format!(" {} more arms are not shown.", segment.arms.len() - ROWS);
    }
    if segment.never_sent > 0 {
        text += &format!(" {} were never sent here.", segment.never_sent);
    }
    let values: Vec<Bounded> = segment.arms.iter().map(bounded).collect();
    let title = format!("Arms for {} with their intervals", segment.name);
    Section::new(segment.name.clone()).text(text).figure(means(report, &title, &values)).table(table)
}

fn means(report: &Report, title: &str, values: &[Bounded]) -> super::Figure {
    let across = if report.has_rates() { "share that paid" } else { "mean reward" };
    let tick = |number: f64, step: f64| match report.has_rates() {
        true => super::canvas::tick(100.0 * number, 100.0 * step) + " %",
        false => super::canvas::tick(number, step),
    };
    intervals_with(title, across, report.threshold.map(|at| (at, "has to pay")), &tick, values)
}

/// Who got how much of the traffic, over time.
fn traffic(report: &Report, segment: &SegmentReport) -> Option<Section> {
    let mut slots: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for (number, arm) in segment.arms.iter().enumerate() {
        for period in &arm.periods {
            let slot = slots.entry(period.start).or_insert_with(|| vec![0.0; ARMS + 1]);
            slot[number.min(ARMS)] += period.sent as f64;
        }
    }
    if slots.len() < 2 {
        return None;
    }
    let first = *slots.keys().next()?;
    let times: Vec<f64> = slots.keys().map(|&start| report.time(f64::from(start - first))).collect();
    let share = |number: usize| {
        slots.values().map(|slot| slot[number] / slot.iter().sum::<f64>().max(1.0)).collect::<Vec<f64>>()
    };
    let mut parts: Vec<(String, Vec<f64>)> = segment
        .arms
        .iter()
        .take(ARMS)
        .enumerate()
        .map(|(number, arm)| (arm.name.clone(), share(number)))
        .collect();
    if segment.arms.len() > ARMS {
        parts.push(("all others".to_owned(), share(ARMS)));
    }
    let mut table = Table::new(["arm", "first", "middle", "last"]);
    for (name, shares) in &parts {
        let at = |slot: usize| format!("{:.0} %", 100.0 * shares[slot]);
        table = table.row([name.clone(), at(0), at(shares.len() / 2), at(shares.len() - 1)]);
    }
    let across = format!("{} since the first decision", report.unit_of_time());
    let title = format!("Share of traffic over time for {}", segment.name);
    Some(
        Section::new(format!("{}: who was sent", segment.name))
            .text("The share of the traffic that each arm had, period by period.")
            .figure(shares(&title, &across, &times, &parts))
            .table(table),
    )
}

/// How late payments come.
fn delays(report: &Report) -> Option<Section> {
    let known: Vec<_> = report.delays.iter().filter(|curve| curve.payments > 0.0).collect();
    if known.is_empty() {
        return None;
    }
    let unit = report.unit_of_time();
    let mut drawn = Vec::new();
    let mut table = Table::new(["of", "payments", "half within", "nine in ten within"]);
    for curve in &known {
        let name = if curve.name.is_empty() { "all payments" } else { &curve.name };
        let mut line = Curve::new(name).bounded(0.0, 0.0, (0.0, 0.0));
        for (number, (&share, &deviation)) in curve.shares.iter().zip(&curve.deviations).enumerate() {
            let band = ((share - 2.0 * deviation).max(0.0), (share + 2.0 * deviation).min(1.0));
            line = line.bounded(report.time((number + 1) as f64), share, band);
        }
        drawn.push(line);
        let within = |quantile: Option<(f64, f64, f64)>| match quantile {
            Some((_, likely, _)) => format!("{:.1} {unit}", report.time(likely)),
            None => "–".to_owned(),
        };
        table = table.row([
            name.to_owned(),
            format!("{:.0}", curve.payments),
            within(curve.median),
            within(curve.ninetieth),
        ]);
    }
    let tick = |share: f64| format!("{:.0} %", 100.0 * share);
    let across = format!("{unit} since the decision");
    Some(
        Section::new("Who paid when")
            .text("The share of payments that have come by then, corrected for those that are still to come; bands are two standard deviations.")
            .figure(curves("Share of payments by their delay", &across, "share of payments", &tick, &drawn))
            .table(table),
    )
}

fn since(report: &Report, bucket: u32) -> String {
    let starts = report.segments.iter().flat_map(|segment| &segment.arms).flat_map(|arm| arm.periods.first());
    let Some(first) = starts.map(|period| period.start).min() else { return String::new() };
    let after = report.time(f64::from(bucket.saturating_sub(first)));
    format!(", {after:.0} {} after the first decision", report.unit_of_time())
}

fn money(report: &Report, amount: f64) -> String {
    if report.has_rates() { grouped(amount as u64) } else { format!("{amount:.2}") }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
