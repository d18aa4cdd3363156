//! How policies learnt while they were replayed: what they earned so far, and what they sent, as the log went by.

use tactful::evaluation::Log;
use tactful::report::{Curve, Section, Table, curves, grouped, shares};
use tactful::{ArmId, Bandit, SegmentId};

use crate::comparison::Comparison;
use crate::report::Digits;

/// How often one looks.
const LOOKS: usize = 40;
/// More counters than this are not looked at so often.
const CELLS: usize = 1 << 17;
/// Arms with a colour of their own.
const ARMS: usize = 5;
/// Policies whose traffic is drawn.
const POLICIES: usize = 4;
/// The 97.5 % point of the standard normal law.
const QUANTILE: f64 = 1.959_963_984_540_054;

/// A life of a policy over a log, look by look.
pub(crate) struct Life {
    every: usize,
    looks: Vec<Look>,
}

/// What was counted up to a round.
struct Look {
    /// Rounds of the log.
    round: usize,
    /// Rounds that the policy kept.
    kept: f64,
    /// The mean of their rewards with its interval, from the second on.
    earned: Option<(f64, (f64, f64))>,
    /// How often each arm was kept.
    sent: Vec<u64>,
}

impl Life {
    /// None for logs of so many arms and segments that looking would take longer than replaying.
    pub(crate) fn new(log: &Log) -> Option<Self> {
        let cells = log.arms().len().checked_mul(log.segments().len())?;
        let every = log.rounds().len().div_ceil(LOOKS).max(1);
        (cells <= CELLS).then_some(Self { every, looks: Vec::new() })
    }

    /// Looks, if it is time to.
    pub(crate) fn watch(&mut self, bandit: &Bandit, log: &Log, round: usize) {
        if !round.is_multiple_of(self.every) && round != log.rounds().len() {
            return;
        }
        let (mut kept, mut sum, mut squares) = (0.0, 0.0, 0.0);
        let mut sent = vec![0; log.arms().len()];
        for segment in (0..log.segments().len() as u32).map(SegmentId::new) {
            for (number, sent) in sent.iter_mut().enumerate() {
                let statistics = bandit.statistics(segment, ArmId::new(number as u32));
                *sent += statistics.returned();
                kept += statistics.returned() as f64;
                sum += statistics.sum();
                squares += statistics.sum_of_squares();
            }
        }
        let earned = (kept >= 2.0).then(|| {
            let mean = sum / kept;
            let error = ((squares / kept - mean * mean).max(0.0) / (kept - 1.0)).sqrt();
            let unscaled = |scaled| log.reward_kind().unscale(scaled);
            let ends = (mean - QUANTILE * error, mean + QUANTILE * error);
            (unscaled(mean), (unscaled(ends.0), unscaled(ends.1)))
        });
        self.looks.push(Look { round, kept, earned, sent });
    }
}

/// The value of each policy as it learnt.
pub(crate) fn earned(comparison: &Comparison, digits: Digits) -> Option<Section> {
    let mut drawn = Vec::new();
    let mut table = Table::new(["policy", "after a quarter", "half", "the whole log", "rounds kept"]);
    for (name, life) in lives(comparison) {
        // The first means are those of a handful of rounds, and would flatten all that follows.
        let skipped = life.looks.len() / 8;
        let known = life.looks.iter().skip(skipped).filter_map(|look| Some((look.round, look.earned?)));
        let curve = known
            .fold(Curve::new(name), |curve, (round, (value, ends))| curve.bounded(round as f64, value, ends));
        drawn.push(curve);
        let at = |part: usize| {
            let look = &life.looks[(life.looks.len() * part).div_ceil(4).max(1) - 1];
            look.earned.map_or_else(
                || "–".to_owned(),
                |(value, (low, high))| {
                    format!("{} ({} to {})", digits.print(value), digits.print(low), digits.print(high))
                },
            )
        };
        let kept = life.looks.last().map_or(0.0, |look| look.kept);
        table = table.row([name.to_owned(), at(1), at(2), at(4), grouped(kept as u64)]);
    }
    if drawn.is_empty() {
        return None;
    }
    let tick = |value: f64| digits.tick(value);
    let title = "Mean reward so far of each policy that learns, with its interval";
    Some(
        Section::new("How they learnt")
            .text(
                "The mean reward of the rounds kept so far, learning included, by the rounds of the log that have gone by; \
                 bands are 95 % intervals of each look, not of all at once.",
            )
            .figure(curves(title, "rounds of the log", "mean reward", &tick, &drawn))
            .table(table),
    )
}

/// What each policy sent while it learnt, a section each.
pub(crate) fn traffic(comparison: &Comparison, log: &Log) -> Vec<Section> {
    lives(comparison).take(POLICIES).filter_map(|(name, life)| sent(name, life, log)).collect()
}

fn lives(comparison: &Comparison) -> impl Iterator<Item = (&str, &Life)> {
    let named = comparison.policies.iter().zip(&comparison.lives);
    named.map(|(policy, life)| (policy.label.as_str(), life)).filter(|(_, life)| !life.looks.is_empty())
}

fn sent(name: &str, life: &Life, log: &Log) -> Option<Section> {
    let last = life.looks.last().filter(|look| look.kept > 0.0)?;
    let mut order: Vec<usize> = (0..last.sent.len()).collect();
    order.sort_by_key(|&arm| std::cmp::Reverse(last.sent[arm]));
    let shown = &order[..order.len().min(ARMS)];
    let mut times = Vec::new();
    let mut parts = vec![Vec::new(); shown.len()];
    let mut before = vec![0; last.sent.len()];
    for look in &life.looks {
        let all: u64 = look.sent.iter().zip(&before).map(|(now, before)| now - before).sum();
        // Where nothing was kept, nothing is known.
        if all > 0 {
            times.push(look.round as f64);
            for (part, &arm) in parts.iter_mut().zip(shown) {
                part.push((look.sent[arm] - before[arm]) as f64 / all as f64);
            }
        }
        before.clone_from(&look.sent);
    }
    let label = |arm: usize| {
        let arm = log.arms().arm(ArmId::new(arm as u32));
        arm.levels().map(|(_, level)| level).collect::<Vec<_>>().join(" · ")
    };
    let mut named: Vec<(String, Vec<f64>)> = shown.iter().map(|&arm| label(arm)).zip(parts).collect();
    if order.len() > ARMS {
        let rest = |look: usize| 1.0 - named.iter().map(|(_, shares)| shares[look]).sum::<f64>();
        let rest = (0..times.len()).map(rest).collect();
        named.push(("all others".to_owned(), rest));
    }
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let mut table = Table::new(["arm", "first", "last"]);
    for (arm, shares) in &named {
        let ends = (shares.first().copied().unwrap_or(0.0), shares.last().copied().unwrap_or(0.0));
        table = table.row([arm.clone(), percent(ends.0), percent(ends.1)]);
    }
    let title = format!("Share of traffic per arm while {name} learnt");
    Some(
        Section::new(format!("What {name} sent"))
            .text("The share of each arm among the rounds kept since the look before.")
            .figure(shares(&title, "rounds of the log", &times, &named))
            .table(table),
    )
}
