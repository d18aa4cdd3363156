//! The command `tactful`: what would another policy have earned, what would it regret, what would it do?

#![warn(clippy::unwrap_used)]

mod answer;
mod arguments;
mod bounds;
mod compare;
mod comparison;
mod counted;
mod directory;
mod effects;
mod evaluate;
mod evaluate_page;
mod insight;
mod learning;
mod log_flags;
mod logged;
mod probabilities;
mod progress;
mod replay_page;
mod report;
mod segments;
mod simulate;
mod simulate_page;
mod source;
mod streamed;
mod table;
mod target;

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind as Usage;
use tactful::report::Page;

use arguments::{Arguments, Command, Format};

/// What went wrong, in one line.
#[derive(Debug)]
struct Failure(String);

impl Failure {
    /// Control characters, of file names or files, neither break the line nor reach the terminal.
    fn new(message: impl fmt::Display) -> Self {
        let mut line = String::new();
        for character in message.to_string().chars() {
            match character {
                control if control.is_control() => line.extend(control.escape_default()),
                other => line.push(other),
            }
        }
        Self(line)
    }
}

/// The exit status of whatever is the user's to put right: flags, columns, files.
const REFUSED: u8 = 2;

fn main() -> ExitCode {
    let result = match Arguments::try_parse() {
        Ok(Arguments { command }) => match command {
            Command::Replay(replay) => run(&replay),
            Command::Evaluate(evaluate) => evaluate::run(&evaluate),
            Command::Effects(effects) => effects::run(&effects),
            Command::Segments(segments) => segments::run(&segments),
            Command::Simulate(simulate) => simulate::run(&simulate),
            Command::Report(report) => insight::run(&report),
            Command::Compare(compare) => compare::run(&compare),
            Command::Probabilities(probabilities) => probabilities::run(&probabilities),
        },
        Err(error) if matches!(error.kind(), Usage::DisplayHelp | Usage::DisplayVersion) => {
            write(&error.render().to_string())
        }
        Err(error) if error.kind() == Usage::DisplayHelpOnMissingArgumentOrSubcommand => {
            Err(Failure::new("a command is needed: tactful replay FILE (tactful --help tells more)"))
        }
        Err(error) => Err(usage(&error)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(line)) => {
            // Nothing is left to be done where even standard error is gone.
            let _ = writeln!(io::stderr(), "{line}");
            ExitCode::from(REFUSED)
        }
    }
}

fn run(replay: &arguments::Replay) -> Result<(), Failure> {
    let read = source::read(replay)?;
    let comparison = comparison::compare(&read.log, replay)?;
    if let Some(path) = &replay.report {
        save(path, &replay_page::page(replay, &read, &comparison))?;
    }
    match replay.format {
        Format::Table => write(&report::table(replay, &read, &comparison)),
        Format::Json => write(&report::json(&read, &comparison)),
    }
}

/// Writes a page to a file.
fn save(path: &Path, page: &Page) -> Result<(), Failure> {
    fs::write(path, page.to_string())
        .map_err(|error| Failure::new(format_args!("{}: {error}", path.display())))
}

/// Writes to standard output. Whoever stops listening has seen enough.
fn write(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(format_args!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// The message of the flag parser without its hints and usage, which take more than a line.
fn usage(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    let lines = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
    let told =
        lines.filter(|line| !line.is_empty() && !line.starts_with("tip:") && !line.starts_with("For more"));
    let line = told.collect::<Vec<_>>().join(" ");
    Failure::new(line.strip_prefix("error: ").unwrap_or(&line))
}
