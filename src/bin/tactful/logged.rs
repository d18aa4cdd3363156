//! What a log shows by itself, in pictures: who was sent what over time, and which arm did best where.

use tactful::ArmId;
use tactful::belief::ConfidenceSequence;
use tactful::evaluation::Log;
use tactful::report::{Bounded, Section, Table, intervals, shares};

use crate::report::Digits;

/// Arms with a colour of their own.
const ARMS: usize = 5;
/// Slices of the log.
const SLICES: usize = 40;
/// Segments in the plot of best arms.
const SEGMENTS: usize = 24;

/// The share of each arm, slice by slice of the log.
pub(crate) fn traffic(log: &Log) -> Option<Section> {
    let rounds = log.rounds();
    let every = rounds.len().div_ceil(SLICES).max(1);
    if rounds.len() < 2 * every || log.arms().len() < 2 {
        return None;
    }
    let mut sent = vec![0_usize; log.arms().len()];
    rounds.iter().for_each(|round| sent[round.arm.index()] += 1);
    let mut order: Vec<usize> = (0..sent.len()).collect();
    order.sort_by_key(|&arm| std::cmp::Reverse(sent[arm]));
    let place: Vec<usize> = (0..sent.len())
        .map(|arm| order.iter().take(ARMS).position(|&shown| shown == arm).unwrap_or(ARMS))
        .collect();
    let parts = sent.len().min(ARMS + 1);
    let mut counted = vec![Vec::new(); parts];
    let mut times = Vec::new();
    let mut left = rounds.iter();
    for number in 0..rounds.len().div_ceil(every) {
        let mut counts = vec![0_usize; ARMS + 1];
        left.by_ref().take(every).for_each(|round| counts[place[round.arm.index()]] += 1);
        let length: usize = counts.iter().sum();
        times.push((number * every + length / 2) as f64);
        counted.iter_mut().zip(counts).for_each(|(all, count)| all.push(count as f64 / length as f64));
    }
    let name = |part: usize| match order.get(part).filter(|_| part < ARMS) {
        Some(&arm) => label(log, arm),
        None => "all others".to_owned(),
    };
    let named: Vec<(String, Vec<f64>)> =
        counted.into_iter().enumerate().map(|(part, all)| (name(part), all)).collect();
    let mut table = Table::new(["arm", "all rounds", "first", "last"]);
    for (part, (name, all)) in named.iter().enumerate() {
        let whole: usize = match part < ARMS {
            true => sent[order[part]],
            false => order[ARMS..].iter().map(|&arm| sent[arm]).sum(),
        };
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        let share = whole as f64 / rounds.len() as f64;
        let ends = (all.first().copied().unwrap_or(0.0), all.last().copied().unwrap_or(0.0));
        table = table.row([name.clone(), percent(share), percent(ends.0), percent(ends.1)]);
    }
    Some(
        Section::new("What the log sent")
            .text("The share of each arm, from the first round to the last.")
            .figure(shares("Share of traffic per arm over the log", "round", &times, &named))
            .table(table),
    )
}

/// The arm with the largest mean in each segment, with an interval that holds on adaptive logs too.
pub(crate) fn best(log: &Log) -> Option<Section> {
    let sequence = ConfidenceSequence::new(0.05, ConfidenceSequence::TIGHT_AT).ok()?;
    let (minimum, maximum) = log.reward_kind().range();
    let span = maximum - minimum;
    let arms = log.arms().len();
    let cells = log.segments().len().checked_mul(arms).filter(|&cells| cells <= 1 << 22)?;
    let mut counted = vec![(0.0_f64, 0.0_f64); cells];
    let mut traffic = vec![0_usize; log.segments().len()];
    for round in log.rounds() {
        let (sum, count) = &mut counted[round.segment.index() * arms + round.arm.index()];
        *sum += ((round.reward.value() - minimum) / span).clamp(0.0, 1.0);
        *count += 1.0;
        traffic[round.segment.index()] += 1;
    }
    let mut order: Vec<usize> = (0..traffic.len()).filter(|&segment| traffic[segment] > 0).collect();
    order.sort_by_key(|&segment| std::cmp::Reverse(traffic[segment]));
    let digits = Digits::of(log.reward_kind());
    let mut values = Vec::new();
    let mut table = Table::new(["segment", "best arm", "mean", "interval", "rounds"]);
    for &segment in order.iter().take(SEGMENTS) {
        let of_segment = &counted[segment * arms..][..arms];
        let mean = |arm: usize| of_segment[arm].0 / of_segment[arm].1;
        let shown = (0..arms).filter(|&arm| of_segment[arm].1 > 0.0);
        let Some(best) = shown.max_by(|&a, &b| mean(a).total_cmp(&mean(b))) else { continue };
        let (sum, count) = of_segment[best];
        let (lower, upper) = sequence.interval(sum, count);
        let unscaled = |scaled: f64| minimum + span * scaled;
        let (value, interval) = (unscaled(mean(best)), (unscaled(lower), unscaled(upper)));
        let levels: Vec<&str> = log
            .segments()
            .iter()
            .nth(segment)
            .map(|segment| segment.levels().map(|(_, level)| level).collect())
            .unwrap_or_default();
        let name = if levels.is_empty() { "everyone".to_owned() } else { levels.join(" · ") };
        let arm = label(log, best);
        values.push(Bounded::new(format!("{name}: {arm}"), value, interval));
        table = table.row([
            name,
            arm,
            digits.print(value),
            format!("{} to {}", digits.print(interval.0), digits.print(interval.1)),
            format!("{count:.0}"),
        ]);
    }
    let more = order.len().saturating_sub(SEGMENTS);
    let more = if more > 0 { format!(" {more} smaller segments are not shown.") } else { String::new() };
    Some(
        Section::new("Which arm did best where")
            .text(format!(
                "The arm with the largest mean reward in each segment. The best of several flatters itself: mind the \
                 intervals, which hold at 95 % each, at all times.{more}"
            ))
            .figure(intervals("The best arm of each segment with its interval", "mean reward", &values))
            .table(table),
    )
}

fn label(log: &Log, arm: usize) -> String {
    let arm = log.arms().arm(ArmId::new(arm as u32));
    arm.levels().map(|(_, level)| level).collect::<Vec<_>>().join(" · ")
}
