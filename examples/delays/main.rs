//! What to make of payments that have not come yet: three modes, and forgetting, on simulated portfolios.
//!
//! Four segments, 32 ways to contact each, rates from 1 to 12 %. An SMS is answered within a day or two, a letter after a
//! week or more; what comes after 14 days no longer counts. Every way to treat open decisions meets the same
//! customers with the same luck. In a second run tastes change at half-time.
//!
//! `cargo run --release --example delays [WORLDS [THREADS]]`: by default 8 worlds on 2 threads.

mod world;

use std::error::Error;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use tactful::belief::{Forgetting, Pending};

use world::{CHANGE, DAY, DAYS, LOOKS, Mode, Run, live};

const BY_CHANNEL: Mode =
    Mode { name: "", pending: Some(Pending::Corrected), by_channel: true, forgetting: Forgetting::Never };

const MODES: [Mode; 5] = [
    Mode { name: "known at once (no host has it)", pending: None, by_channel: false, ..BY_CHANNEL },
    Mode { name: "closed only", pending: Some(Pending::ClosedOnly), ..BY_CHANNEL },
    Mode { name: "open as failures", pending: Some(Pending::AsDefault), ..BY_CHANNEL },
    Mode { name: "corrected, one law for all", by_channel: false, ..BY_CHANNEL },
    Mode { name: "corrected, by channel", ..BY_CHANNEL },
];
const CLOSED: usize = 1;
const FAILURES: usize = 2;
const ONE_LAW: usize = 3;
const CORRECTED: usize = 4;

const HALF_LIFE: Forgetting = Forgetting::HalfLife(DAY.saturating_mul(28));
const WINDOW: Forgetting = Forgetting::Window(DAY.saturating_mul(42));
const MEMORIES: [Mode; 3] = [
    Mode { name: "nothing forgotten", ..BY_CHANNEL },
    Mode { name: "half-life of 28 days", forgetting: HALF_LIFE, ..BY_CHANNEL },
    Mode { name: "window of 42 days", forgetting: WINDOW, ..BY_CHANNEL },
];

const SENT_A_DAY: usize = 1_000;
/// Forgetting takes traffic: what is remembered must suffice to tell the arms apart.
const SENT_A_DAY_TO_THE_FICKLE: usize = 4_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = std::env::args().skip(1).map(|argument| argument.parse::<u64>());
    let worlds = numbers.next().transpose()?.unwrap_or(8).max(2);
    let threads = numbers.next().transpose()?.unwrap_or(2).max(1);
    println!("{worlds} worlds, {DAYS} days, {SENT_A_DAY} messages a day; means ± standard errors");

    let runs = all_runs(&MODES, worlds, threads, SENT_A_DAY, false)?;
    print_bias(&runs);
    print_regret(&MODES, &runs, [0..30, 30..DAYS, 0..DAYS]);
    print_delays(&runs[CORRECTED][0]);
    println!("\ntastes change on day {CHANGE}, {SENT_A_DAY_TO_THE_FICKLE} messages a day");
    let changed = all_runs(&MEMORIES, worlds, threads, SENT_A_DAY_TO_THE_FICKLE, true)?;
    print_regret(&MEMORIES, &changed, [0..CHANGE, CHANGE..CHANGE + 15, CHANGE + 15..DAYS]);
    println!();
    conclude(&runs, &changed);
    Ok(())
}

/// All runs of these modes: by mode, by world.
fn all_runs(
    modes: &[Mode],
    worlds: u64,
    threads: u64,
    sent_a_day: usize,
    change: bool,
) -> Result<Vec<Vec<Run>>, String> {
    let next = AtomicU64::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            // Relaxed: each number is taken once, whatever the order.
            let world = next.fetch_add(1, Ordering::Relaxed);
            if world >= worlds {
                return Ok::<_, String>(done);
            }
            let runs: Result<Vec<Run>, _> =
                modes.iter().map(|mode| live(mode, world, sent_a_day, change)).collect();
            done.push((world, runs.map_err(|error| error.to_string())?));
        }
    };
    let done: Result<Vec<_>, String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().map_err(|_| "a worker died".to_owned())?).collect()
    });
    let mut done = done?.concat();
    done.sort_by_key(|(world, _)| *world);
    Ok((0..modes.len()).map(|mode| done.iter().map(|(_, runs)| runs[mode].clone()).collect()).collect())
}

/// A mean and its standard error.
#[derive(Clone, Copy)]
struct Mean(f64, f64);

impl Mean {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Self(mean, (squares / (n * (n - 1.0))).sqrt())
    }

    /// How many payments the first of two loses, if that is more than luck: two standard errors.
    fn verdict(self) -> &'static str {
        match self {
            Self(mean, error) if mean < -2.0 * error => "fewer",
            Self(mean, error) if mean > 2.0 * error => "more",
            _ => "neither more nor fewer (as far as can be told)",
        }
    }
}

impl std::fmt::Display for Mean {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{:.1} ± {:.1}", self.0, self.1))
    }
}

/// Percent of the payments of knowing the best arm that were lost in these days.
fn regret(run: &Run, days: Range<usize>) -> f64 {
    100.0 * run.lost[days.clone()].iter().sum::<f64>() / run.best[days].iter().sum::<f64>()
}

/// The regret of one mode less that of another, world by world.
fn difference(runs: &[Run], others: &[Run], days: Range<usize>) -> Mean {
    Mean::of(
        runs.iter().zip(others).map(|(run, other)| regret(run, days.clone()) - regret(other, days.clone())),
    )
}

/// The bias in percent, at a look, of some channels together; `None` if nothing counts yet.
fn bias(runs: &[Run], look: usize, channels: Range<usize>) -> Option<Mean> {
    let ratio = |run: &Run| {
        let sums = run.beliefs[look][channels.clone()].iter();
        let (successes, expected) = sums.fold((0.0, 0.0), |sums, one| (sums.0 + one.0, sums.1 + one.1));
        (expected > 0.0).then(|| 100.0 * (successes / expected - 1.0))
    };
    let ratios: Option<Vec<f64>> = runs.iter().map(ratio).collect();
    ratios.map(|ratios| Mean::of(ratios.into_iter()))
}

fn print_bias(runs: &[Vec<Run>]) {
    println!("\nbelieved rates less the true ones, in % of these, at the beginning of day");
    println!("  {:<31} {:<7}{}", "open decisions", "", LOOKS.map(|day| format!("{day:>14}")).concat());
    for (mode, runs) in MODES.iter().zip(runs) {
        for (channel, channels) in [("all", 0..4), ("sms", 0..1), ("letter", 3..4)] {
            let cell = |look| match bias(runs, look, channels.clone()) {
                Some(mean) => format!("{mean:>14}"),
                None => format!("{:>14}", "–"),
            };
            let name = if channel == "all" { mode.name } else { "" };
            println!("  {name:<31} {channel:<7}{}", (0..LOOKS.len()).map(cell).collect::<String>());
        }
    }
}

fn print_regret(modes: &[Mode], runs: &[Vec<Run>], spans: [Range<usize>; 3]) {
    let heads = spans.clone().map(|days| format!("{:>14}", format!("{}–{}", days.start, days.end - 1)));
    println!("\n  {:<31} {}", "payments lost in %, days", heads.concat());
    for (mode, runs) in modes.iter().zip(runs) {
        let cell = |days: Range<usize>| {
            format!("{:>14}", Mean::of(runs.iter().map(|run| regret(run, days.clone()))))
        };
        println!("  {:<31} {}", mode.name, spans.clone().map(cell).concat());
    }
}

fn print_delays(run: &Run) {
    println!(
        "\nwho answers slowly: days until so many payments in time have come (± two standard deviations)"
    );
    println!("  {:<10} {:>18} {:>18} {:>10}", "channel", "half", "nine in ten", "payments");
    for (channel, delay) in &run.delays {
        let cell = |share| match delay.quantile(share, 2.0) {
            Some((least, likely, most)) => format!("{likely:4.1} ({least:.1}–{most:.1})"),
            None => String::new(),
        };
        println!("  {channel:<10} {:>18} {:>18} {:>10.0}", cell(0.5), cell(0.9), delay.conversions());
    }
    println!("  and {} payments came too late to count", run.late);
}

/// What it shows, in words that depend on the figures.
fn conclude(runs: &[Vec<Run>], changed: &[Vec<Run>]) {
    let blind = (0..LOOKS.len()).rfind(|&look| bias(&runs[CLOSED], look, 0..4).is_none());
    let at = 2;
    if let (Some(failures), Some(letters), Some(corrected), Some(corrected_letters)) = (
        bias(&runs[FAILURES], at, 0..4),
        bias(&runs[FAILURES], at, 3..4),
        bias(&runs[CORRECTED], at, 0..4),
        bias(&runs[CORRECTED], at, 3..4),
    ) {
        let blind = blind.map_or(0, |look| LOOKS[look]);
        println!(
            "On day {}, open decisions taken for failures leave rates {:+.0} % off, those of letters {:+.0} %; corrected \
             by channel it is {:+.1} and {:+.1} %; closed decisions alone say nothing on day {blind}.",
            LOOKS[at], failures.0, letters.0, corrected.0, corrected_letters.0,
        );
    }
    let against = |other: usize, days: Range<usize>| difference(&runs[CORRECTED], &runs[other], days);
    let [closed, failures, one_law] = [CLOSED, FAILURES, ONE_LAW].map(|other| against(other, 0..DAYS));
    println!(
        "Payments lost by correcting by channel: {} than with closed decisions alone ({closed} points of those that could \
         be had), {} than with open ones as failures ({failures}), {} than with one law for all ({one_law}; {} in the \
         first 30 days, {} after).",
        closed.verdict(),
        failures.verdict(),
        one_law.verdict(),
        against(ONE_LAW, 0..30),
        against(ONE_LAW, 30..DAYS),
    );
    let change = |memory: usize, days: Range<usize>| difference(&changed[memory], &changed[0], days);
    let (before, after) = (change(1, 0..CHANGE), change(1, CHANGE..DAYS));
    println!(
        "Payments lost by forgetting, against remembering all: {} while tastes stay ({before}), {} once they have changed \
         ({after}).",
        before.verdict(),
        after.verdict(),
    );
}
