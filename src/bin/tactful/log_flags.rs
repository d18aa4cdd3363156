//! The log of a command and what its columns are: the flags that `replay`, `evaluate`, `segments` and `effects` share.

use std::path::{Path, PathBuf};

use clap::Args;
use tactful::evaluation::csv::Columns;

/// The log, and the columns with whom something was sent and what came of it.
#[derive(Debug, Args)]
pub(crate) struct OutcomeFlags {
    /// The log: CSV or JSON Lines, packed by gzip or not, or a journal of this crate: a file or a directory of them.
    file: PathBuf,
    /// The columns that tell segments apart; without any, there is one segment.
    #[arg(long, value_name = "COL", value_delimiter = ',')]
    segment: Vec<String>,
    /// The column with what came of it: a number, or yes and no.
    #[arg(long, value_name = "COL")]
    reward: Option<String>,
    /// The least and the greatest reward that there can be, such as 0,500, as is known without the log. Intervals by bounds,
    /// Bernstein's and those at any time, otherwise rest on those that the log happens to have.
    #[arg(long, value_name = "LO,HI", value_parser = bounds, allow_hyphen_values = true)]
    bounds: Option<(f64, f64)>,
}

/// The log and its columns.
#[derive(Debug, Args)]
pub(crate) struct LogFlags {
    #[command(flatten)]
    outcomes: OutcomeFlags,
    /// The column with what was sent.
    #[arg(long, value_name = "COL")]
    arm: Option<String>,
    /// The column with the probability with which that arm was sent. Without this and --uniform, evaluate asks a reward
    /// model alone, and replay nothing.
    #[arg(long, value_name = "COL", conflicts_with = "uniform")]
    propensity: Option<String>,
    /// Every arm, or every eligible one, was equally likely in every row.
    #[arg(long)]
    uniform: bool,
    /// The column with the arms that could have been sent, their names with | or ; between them; empty for all.
    #[arg(long, value_name = "COL")]
    eligible: Option<String>,
}

impl OutcomeFlags {
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// The flags that a journal has no use for, and whether they were given.
    pub(crate) fn given(&self) -> Vec<(&'static str, bool)> {
        vec![
            ("--segment", !self.segment.is_empty()),
            ("--reward", self.reward.is_some()),
            ("--bounds", self.bounds.is_some()),
        ]
    }

    /// Whether a column with what came of it is named, as a journal needs none.
    pub(crate) fn has_reward(&self) -> bool {
        self.reward.is_some()
    }

    /// The columns where this one has what was sent, and these tell rows apart before the segments do; or what is missing to know
    /// them.
    pub(crate) fn columns(&self, arm: &str, others: &[String]) -> Result<Columns, String> {
        let reward = self.reward.as_ref().ok_or_else(|| needed("--reward COL"))?;
        let columns = Columns::new(arm, reward).words();
        let apart = others.iter().chain(&self.segment);
        let columns = apart.fold(columns, |columns, column| columns.segment(column));
        Ok(self.bounds.iter().fold(columns, |columns, &(low, high)| columns.bounds(low, high)))
    }
}

/// That a flag is missing.
pub(crate) fn needed(flag: &str) -> String {
    format!("{flag} is needed to read CSV or JSON Lines")
}

impl LogFlags {
    pub(crate) fn file(&self) -> &Path {
        self.outcomes.file()
    }

    /// Whether it is known with what probabilities arms were sent.
    pub(crate) fn has_propensities(&self) -> bool {
        self.uniform || self.propensity.is_some()
    }

    /// The flags that a journal has no use for, and whether they were given.
    pub(crate) fn given(&self) -> Vec<(&'static str, bool)> {
        let mut flags = vec![("--arm", self.arm.is_some())];
        flags.extend(self.outcomes.given());
        flags.push(("--propensity", self.propensity.is_some()));
        flags.push(("--uniform", self.uniform));
        flags.push(("--eligible", self.eligible.is_some()));
        flags
    }

    /// The columns, or what is missing to know them.
    pub(crate) fn columns(&self) -> Result<Columns, String> {
        let arm = self.arm.as_ref().ok_or_else(|| needed("--arm COL"))?;
        let columns = self.outcomes.columns(arm, &[])?;
        let columns = self.eligible.iter().fold(columns, |columns, column| columns.eligible(column));
        Ok(match &self.propensity {
            Some(column) => columns.propensity(column),
            None if self.uniform => columns,
            None => columns.no_propensities(),
        })
    }

    /// The same where propensities are needed.
    pub(crate) fn columns_with_propensities(&self) -> Result<Columns, String> {
        let columns = self.columns()?;
        match self.has_propensities() {
            true => Ok(columns),
            false => Err(needed("--propensity COL or --uniform")),
        }
    }
}

fn bounds(text: &str) -> Result<(f64, f64), String> {
    let (low, high) = text.split_once(',').ok_or("not two numbers with a comma between")?;
    let number = |text: &str| text.trim().parse::<f64>().map_err(|_| format!("{text:?} is not a number"));
    let (low, high) = (number(low)?, number(high)?);
    match low < high && (high - low).is_finite() {
        true => Ok((low, high)),
        false => Err("the first is not below the second, or they are not finite".to_owned()),
    }
}
