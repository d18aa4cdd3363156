//! Commands and flags.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tactful::belief::Beta;

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
}

/// The flags of `tactful replay`.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The log: CSV, CSV.gz, or a journal of this crate (JSON Lines).
    pub(crate) file: PathBuf,
    /// The column with what was sent.
    #[arg(long, value_name = "COL")]
    pub(crate) arm: Option<String>,
    /// The columns that tell segments apart; without any, there is one segment.
    #[arg(long, value_name = "COL", value_delimiter = ',')]
    pub(crate) segment: Vec<String>,
    /// The column with what came of it, a number.
    #[arg(long, value_name = "COL")]
    pub(crate) reward: Option<String>,
    /// The column with the probability with which that arm was sent.
    #[arg(long, value_name = "COL", conflicts_with = "uniform")]
    pub(crate) propensity: Option<String>,
    /// Every arm was equally likely in every row.
    #[arg(long)]
    pub(crate) uniform: bool,
    /// What to print: a table for people, or JSON for programs.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// The seed of the replay; the same seed gives the same output.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// The share of decisions that learning policies spread evenly over all arms.
    #[arg(long, value_name = "X", default_value_t = 0.01, value_parser = share)]
    pub(crate) exploration: f64,
    /// What learning policies believe of every arm beforehand: a Beta distribution, by its two shapes.
    #[arg(long, value_name = "A,B", default_value = "1,1", value_parser = prior)]
    pub(crate) prior: Beta,
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

fn prior(text: &str) -> Result<Beta, String> {
    let shapes = text.split_once(',').ok_or_else(|| "not two numbers with a comma between".to_owned())?;
    let number = |text: &str| text.trim().parse().map_err(|_| format!("{text:?} is not a number"));
    Beta::new(number(shapes.0)?, number(shapes.1)?).map_err(|error| error.to_string())
}
