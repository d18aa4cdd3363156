//! Commands and flags.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tactful::belief::Beta;
use tactful::evaluation::Estimator;
use tactful::{ArmSpace, Cadence};

use crate::bounds::Bounds;
use crate::log_flags::{LogFlags, OutcomeFlags};

/// The levels that one dimension of a simulated world may have: no space has more arms.
const MOST_LEVELS: u32 = ArmSpace::MAX_ARMS as u32;

/// Learns which message to send, and tells from a log what another policy would have earned.
#[derive(Debug, Parser)]
#[command(name = "tactful", version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Compare learning policies, uniform and every fixed arm on a log.
    Replay(Replay),
    /// Tell what a policy that does not learn would have earned, by many estimators.
    Evaluate(Evaluate),
    /// Tell what each level of each dimension adds, with intervals, and which pairs do more than that.
    Effects(Effects),
    /// Tell which attributes of customers matter for what to send them, by a tree that is grown on half of a log and priced on
    /// the other.
    Segments(Segments),
    /// Let policies learn in a simulated world and compare what they regret.
    Simulate(Simulate),
    /// Tell what works, what fails and who paid when, by a journal or a snapshot.
    Report(Report),
    /// Put two answers of this command beside each other.
    Compare(Compare),
    /// Tell what a policy would do, given these results, and how sure it is.
    Probabilities(Probabilities),
}

/// The flags of `tactful replay`.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    #[command(flatten)]
    pub(crate) log: LogFlags,
    /// What to print: a table for people, or JSON for programs.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// Write a report to look at too: one HTML file.
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,
    /// The seed of the replay; the same seed gives the same output.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// The policies that learn, such as thompson,ucb1,epsilon-greedy(0.05).
    #[arg(long, value_name = "NAME,…", default_value = "thompson,ucb1,epsilon-greedy")]
    pub(crate) policies: String,
    /// The share of decisions that learning policies spread evenly over all arms.
    #[arg(long, value_name = "X", default_value_t = 0.01, value_parser = share)]
    pub(crate) exploration: f64,
    /// What learning policies believe of every arm beforehand: a Beta distribution, by its two shapes.
    #[arg(long, value_name = "A,B", default_value = "1,1", value_parser = prior)]
    pub(crate) prior: Beta,
    #[command(flatten)]
    pub(crate) bounds: Bounds,
}

/// The flags of `tactful evaluate`.
#[derive(Debug, Args)]
pub(crate) struct Evaluate {
    #[command(flatten)]
    pub(crate) log: LogFlags,
    /// Read the file again instead of keeping it, so that memory does not grow with it: twice, and three times where lambda is
    /// chosen or for replay. Refuses, in a line, what takes rows that are kept, and by itself leaves such estimators out: dm, dr,
    /// sndr, switch_dr and dros need --reward-model-columns, mips a uniform log.
    #[arg(long)]
    pub(crate) stream: bool,
    /// Arms were not sent at random; propensities, if there are any, are an estimate.
    #[arg(long)]
    pub(crate) observational: bool,
    /// The log is that of a policy that learnt meanwhile. Told of every log whose propensities drift.
    #[arg(long)]
    pub(crate) adaptive: bool,
    /// The policy asked about: uniform, best-per-segment (chosen by other rows than those it is judged by), arm:NAME,
    /// policy:NAME (such as policy:thompson, which has learnt from other rows than those it is judged by and learns no
    /// more), the snapshot of a bandit in a JSON file, or a table by segment in one: {"rows": [{"segment": {COL: VALUE},
    /// "arms": {NAME: PROBABILITY}}]}, of which the first row that suits counts, and one without "segment" suits all.
    #[arg(long, value_name = "TARGET", default_value = "uniform", conflicts_with = "target_columns")]
    pub(crate) target: String,
    /// The policy of the bandit whose snapshot is the target.
    #[arg(long, value_name = "NAME", default_value = "thompson")]
    pub(crate) policy: String,
    /// The share of decisions that policy:NAME or the bandit of a snapshot spreads evenly over all arms.
    #[arg(long, value_name = "X", default_value_t = 0.01, value_parser = share)]
    pub(crate) exploration: f64,
    /// What either believes of every arm beforehand: a Beta distribution, by its two shapes.
    #[arg(long, value_name = "A,B", default_value = "1,1", value_parser = prior)]
    pub(crate) prior: Beta,
    /// The policy asked about, row by row: with pe_, column pe_A is its probability of arm A.
    #[arg(long, value_name = "PREFIX")]
    pub(crate) target_columns: Option<String>,
    /// A reward model, row by row: with q_, column q_A is the reward it predicts of arm A. Without, one is fitted.
    #[arg(long, value_name = "PREFIX")]
    pub(crate) reward_model_columns: Option<String>,
    /// The reward model to fit: by segment and arm, pooled, or additive over segment and dimensions.
    #[arg(long, value_enum, default_value_t = Model::Pooled, conflicts_with = "reward_model_columns")]
    pub(crate) reward_model: Model,
    /// The estimators; by default all that the log allows: ips, clipped_ips, snips, dm, dr, sndr, switch_dr, dros, mips,
    /// replay.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub(crate) estimators: Vec<Estimator>,
    /// Where clipped_ips cuts weights off, where switch_dr turns to the model, how little dros shrinks. By default
    /// chosen from the log for each.
    #[arg(long, value_name = "X", value_parser = positive)]
    pub(crate) lambda: Option<f64>,
    /// The dimensions of the arms that matter, for mips: columns, or dimensions of a journal's arms.
    #[arg(long, value_name = "COL,…", value_delimiter = ',')]
    pub(crate) dimensions: Vec<String>,
    /// The column that tells which rows belong together, such as a household.
    #[arg(long, value_name = "COL")]
    pub(crate) cluster: Option<String>,
    /// How intervals are made.
    #[arg(long, value_enum, default_value_t = Intervals::Normal)]
    pub(crate) interval: Intervals,
    /// How often the bootstrap draws.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    pub(crate) resamples: u32,
    /// The share of intervals that are to cover.
    #[arg(long, value_name = "X", default_value_t = 0.95, value_parser = confidence)]
    pub(crate) confidence: f64,
    /// No arm had a smaller probability, as was known before the log: narrows the intervals for all times. Of a uniform log
    /// it is known.
    #[arg(long, value_name = "X", value_parser = propensity)]
    pub(crate) least_propensity: Option<f64>,
    /// The seed of the replay's lots and of the bootstrap; the same seed gives the same output.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// What to print: a table for people, or JSON for programs.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// Write a report to look at too: one HTML file.
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,
}

/// A reward model that is fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Model {
    Pooled,
    Additive,
}

/// Kinds of intervals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Intervals {
    Normal,
    Bootstrap,
    Bernstein,
}

/// The flags of `tactful effects`.
#[derive(Debug, Args)]
pub(crate) struct Effects {
    #[command(flatten)]
    pub(crate) outcomes: OutcomeFlags,
    /// The columns that make up what was sent, or dimensions of a journal's arms; without, all of a journal's.
    #[arg(long, value_name = "COL", value_delimiter = ',')]
    pub(crate) dimensions: Vec<String>,
    /// What to print: a table for people, or JSON for programs.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// Write a report to look at too: one HTML file.
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,
}

/// The flags of `tactful segments`.
#[derive(Debug, Args)]
pub(crate) struct Segments {
    #[command(flatten)]
    pub(crate) log: LogFlags,
    /// The seed that deals rows into halves; the same seed gives the same output.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// What to print: a table for people, or JSON for programs.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

/// The flags of `tactful simulate`.
#[derive(Debug, Args)]
pub(crate) struct Simulate {
    /// The arms' true success rates.
    #[arg(long, value_name = "P,P,…", value_delimiter = ',', value_parser = share, group = "world", required = true)]
    pub(crate) means: Vec<f64>,
    /// The arms are combinations of so many levels; means in mixed-radix order, the last dimension running fastest.
    #[arg(long, value_name = "N,N,…", value_delimiter = ',', requires = "means", conflicts_with_all = ["arms", "collections", "tests"], value_parser = clap::value_parser!(u32).range(..=i64::from(MOST_LEVELS)))]
    pub(crate) dimensions: Vec<u32>,
    /// The rates drift: the logit of each by so many standard deviations per 1,000 decisions.
    #[arg(long, value_name = "X", value_parser = deviation, requires = "means", conflicts_with_all = ["arms", "collections", "tests", "dimensions"])]
    pub(crate) drift: Option<f64>,
    /// So many arms instead, whose rates are drawn anew in each run.
    #[arg(long, value_name = "K", group = "world", required = true)]
    pub(crate) arms: Option<usize>,
    /// The law of those rates: a Beta distribution, by its two shapes.
    #[arg(long, value_name = "A,B", default_value = "1,1", value_parser = prior, requires = "arms", conflicts_with_all = ["means", "collections", "tests"])]
    pub(crate) rates: Beta,
    /// A collections portfolio of so many customers instead: consent, fatigue, opting out, late payments.
    #[arg(long, value_name = "N", group = "world", required = true, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub(crate) collections: Option<u64>,
    /// Tests that somebody once ran instead: a CSV or CSV.gz with a row for each arm of each test. Each run is one of them,
    /// drawn at random, its rates drawn towards their mean by how much of the differences is chance.
    #[arg(long, value_name = "FILE", group = "world", required = true, requires_all = ["test", "successes", "trials"])]
    pub(crate) tests: Option<PathBuf>,
    /// The column that tells tests apart.
    #[arg(long, value_name = "COL", requires = "tests", conflicts_with_all = ["means", "arms", "collections"])]
    pub(crate) test: Option<String>,
    /// The column with the successes.
    #[arg(long, value_name = "COL", requires = "tests", conflicts_with_all = ["means", "arms", "collections"])]
    pub(crate) successes: Option<String>,
    /// The column with the trials.
    #[arg(long, value_name = "COL", requires = "tests", conflicts_with_all = ["means", "arms", "collections"])]
    pub(crate) trials: Option<String>,
    /// Decisions in a run.
    #[arg(long, value_name = "T", value_parser = clap::value_parser!(u64).range(1..=1 << 40))]
    pub(crate) horizon: u64,
    /// Independent runs of each policy.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1 << 32))]
    pub(crate) runs: u64,
    /// The policies, such as thompson,ucb1,epsilon-greedy(0.05).
    #[arg(long, value_name = "NAME,…", default_value = "thompson,kl-ucb,ucb1,epsilon-greedy,uniform")]
    pub(crate) policies: String,
    /// The seed of the first run; the i-th has the seed N + i − 1. The same seed gives the same output.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Tell outcomes after every so many decisions only.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) batch: u64,
    /// Tell each outcome so many decisions late.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) delay: u64,
    /// Make a plan whenever so many outcomes have come. Without this and the next, at each.
    #[arg(long, value_name = "N", conflicts_with = "refresh_growth")]
    pub(crate) refresh_every: Option<u64>,
    /// Make a plan whenever what is known has grown by this fraction.
    #[arg(long, value_name = "G", value_parser = cadence)]
    pub(crate) refresh_growth: Option<Cadence>,
    /// The share of decisions spread evenly over all arms.
    #[arg(long, value_name = "X", default_value_t = 0.0, value_parser = share)]
    pub(crate) exploration: f64,
    /// What is believed of every arm beforehand: a Beta distribution, by its two shapes.
    #[arg(long, value_name = "A,B", default_value = "1,1", value_parser = prior)]
    pub(crate) prior: Beta,
    #[command(flatten)]
    pub(crate) bounds: Bounds,
    /// After how many decisions to look; by default 1, 2, 5, 10, 20 … and the horizon, which always is there.
    #[arg(long, value_name = "T,T,…", value_delimiter = ',')]
    pub(crate) checkpoints: Vec<u64>,
    /// Threads; by default as many as there are cores. The output does not depend on it.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, value_parser = clap::value_parser!(u16).range(..=1_024))]
    pub(crate) threads: u16,
    /// What to print: a table for people, or JSON for programs.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// Write a report to look at too: one HTML file.
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,
}

/// The flags of `tactful probabilities`.
#[derive(Debug, Args)]
pub(crate) struct Probabilities {
    /// The policy.
    #[arg(long, value_name = "NAME", default_value = "thompson")]
    pub(crate) policy: String,
    /// What was seen of each arm: successes out of trials.
    #[arg(long, value_name = "S/N,…", value_delimiter = ',', required = true, value_parser = counts)]
    pub(crate) counts: Vec<(u64, u64)>,
    /// What is believed of every arm beforehand: a Beta distribution, by its two shapes.
    #[arg(long, value_name = "A,B", default_value = "1,1", value_parser = prior)]
    pub(crate) prior: Beta,
    /// Decisions planned in all, for policies that need to know; by default as many as there were.
    #[arg(long, value_name = "T")]
    pub(crate) horizon: Option<u64>,
    /// What to print: a table for people, or JSON for programs.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

/// The flags of `tactful report`.
#[derive(Debug, Args)]
pub(crate) struct Report {
    /// A journal of this crate: a file (JSON Lines) or a directory of them; or a snapshot as JSON.
    pub(crate) file: PathBuf,
    /// Only segments whose name contains this.
    #[arg(long, value_name = "TEXT")]
    pub(crate) segment: Option<String>,
    /// The mean reward below which an arm does not work.
    #[arg(long, value_name = "X")]
    pub(crate) threshold: Option<f64>,
    /// Of a journal: decisions without an outcome have failed after so many days.
    #[arg(long, value_name = "DAYS", value_parser = positive)]
    pub(crate) window: Option<f64>,
    /// The share of intervals that are to cover, each at all times.
    #[arg(long, value_name = "X", default_value_t = 0.95, value_parser = confidence)]
    pub(crate) confidence: f64,
    /// What to print: a table for people, JSON for programs, or HTML.
    #[arg(long, value_enum, default_value_t = Shape::Table)]
    pub(crate) format: Shape,
    /// Write a report to look at too: one HTML file.
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,
}

/// The flags of `tactful compare`.
#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// The JSON of `evaluate`, `replay` or `simulate`.
    pub(crate) one: PathBuf,
    /// Another of the same command.
    pub(crate) other: PathBuf,
    /// What to print: a table for people, JSON for programs, or HTML.
    #[arg(long, value_enum, default_value_t = Shape::Table)]
    pub(crate) format: Shape,
    /// Write a report to look at too: one HTML file.
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,
}

/// As [`Format`], with a page to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shape {
    Table,
    Json,
    Html,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Json,
}

fn share(text: &str) -> Result<f64, String> {
    let number = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.0..=1.0).contains(&number) { Ok(number) } else { Err("not in [0, 1]".to_owned()) }
}

fn deviation(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if number >= 0.0 && number.is_finite() { Ok(number) } else { Err("not a number from 0".to_owned()) }
}

fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse().map_err(|_| "not a number".to_owned())?;
    if number > 0.0 { Ok(number) } else { Err("not above 0".to_owned()) }
}

fn propensity(text: &str) -> Result<f64, String> {
    let number = text.parse().map_err(|_| "not a number".to_owned())?;
    if number > 0.0 && number <= 1.0 { Ok(number) } else { Err("not in (0, 1]".to_owned()) }
}

fn confidence(text: &str) -> Result<f64, String> {
    let number = text.parse().map_err(|_| "not a number".to_owned())?;
    if number > 0.0 && number < 1.0 { Ok(number) } else { Err("not between 0 and 1".to_owned()) }
}

fn cadence(text: &str) -> Result<Cadence, String> {
    let growth = text.parse().map_err(|_| "not a number".to_owned())?;
    Cadence::growth(growth).map_err(|error| error.to_string())
}

fn counts(text: &str) -> Result<(u64, u64), String> {
    let (successes, trials) = text.split_once('/').ok_or("not successes/trials, such as 20/1000")?;
    let number = |text: &str| text.trim().parse().map_err(|_| format!("{text:?} is not a whole number"));
    let (successes, trials): (u64, u64) = (number(successes)?, number(trials)?);
    match successes <= trials {
        true => Ok((successes, trials)),
        false => Err(format!("{successes} successes out of {trials} trials")),
    }
}

fn prior(text: &str) -> Result<Beta, String> {
    let shapes = text.split_once(',').ok_or_else(|| "not two numbers with a comma between".to_owned())?;
    let number = |text: &str| text.trim().parse().map_err(|_| format!("{text:?} is not a number"));
    Beta::new(number(shapes.0)?, number(shapes.1)?).map_err(|error| error.to_string())
}

/// The names in a list, whose brackets may hold commas.
pub(crate) fn split(names: &str) -> Vec<String> {
    let mut depth = 0_i32;
    let parts = names.split(|character| {
        depth += match character {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        character == ',' && depth <= 0
    });
    parts.map(|name| name.trim().to_owned()).collect()
}
