//! `tactful report`: what works, what fails and who paid when, by a journal or a snapshot.

use std::fs::File;
use std::io::{BufReader, Read};
use std::time::Duration;

use tactful::Snapshot;
use tactful::insight::Insight;
use tactful::journal::JournalReader;
use tactful::report::insight_page;
use tactful::time::Window;

use crate::arguments::{Report as Asked, Shape};
use crate::directory::{self, Joined};
use crate::progress::{Progress, Watched};
use crate::{Failure, save, source, write};

pub(crate) fn run(asked: &Asked) -> Result<(), Failure> {
    let name = asked.file.display().to_string();
    let mut report = read(asked).map_err(|error| match error {
        // A file's own failure has its name.
        Unread::Directory(failure) => failure,
        Unread::Other(error) => Failure::new(format_args!("{name}: {error}")),
    })?;
    if let Some(text) = &asked.segment {
        report = report.only(text);
        if report.segments.is_empty() {
            return Err(Failure::new(format_args!("{name}: no segment has {text:?} in its name")));
        }
    }
    if let Some(path) = &asked.report {
        save(path, &insight_page(&report))?;
    }
    match asked.format {
        Shape::Table => write(&report.to_string()),
        Shape::Html => write(&insight_page(&report).to_string()),
        Shape::Json => match serde_json::to_string(&report) {
            Ok(text) => write(&(text + "\n")),
            Err(error) => unreachable!("plain strings and numbers: {error}"),
        },
    }
}

enum Unread {
    Directory(Failure),
    Other(String),
}

fn other(error: impl std::fmt::Display) -> Unread {
    Unread::Other(error.to_string())
}

fn read(asked: &Asked) -> Result<tactful::insight::Report, Unread> {
    let mut insight = Insight::default().confidence(asked.confidence);
    if let Some(threshold) = asked.threshold {
        insight = insight.threshold(threshold);
    }
    let window = asked.window.map(window).transpose().map_err(other)?;
    if asked.file.is_dir() {
        let joined = directory::join(&asked.file).map_err(Unread::Directory)?;
        let Joined { lines, bytes, other_builds, snapshot, .. } = joined;
        let mut report = match snapshot {
            // Older files were folded into it; what has come since needs the bandit's own rules.
            Some(snapshot) => {
                let mut report = insight.of_snapshot(&snapshot).map_err(other)?;
                report.remarks.push(
                    "left out: what the journal has recorded since its last snapshot; the bandit itself reports all"
                        .to_owned(),
                );
                report
            }
            None => {
                let lines = BufReader::new(Watched::new(lines, Progress::new("reading", bytes)));
                insight.of_journal(JournalReader::new(lines).map_err(other)?, window).map_err(other)?
            }
        };
        if other_builds > 0 {
            report.remarks.push(format!("left out: {other_builds} files of builds with other names"));
        }
        return Ok(report);
    }
    let mut text = Vec::new();
    let file = File::open(&asked.file).map_err(other)?;
    source::unpacked(file).and_then(|mut file| file.read_to_end(&mut text)).map_err(other)?;
    // A snapshot has generations of names, a journal a line for each event.
    match serde_json::from_slice::<Snapshot>(&text) {
        Ok(snapshot) => insight.of_snapshot(&snapshot).map_err(other),
        Err(error) if text.windows(13).take(1 << 12).any(|part| part == b"\"generations\"") => {
            Err(other(error))
        }
        Err(_) => insight.of_journal(JournalReader::new(&text[..]).map_err(other)?, window).map_err(other),
    }
}

/// A window of so many days, in buckets of a day where it is a week or more, and of a fourteenth else.
fn window(days: f64) -> Result<Window, String> {
    let length = Duration::try_from_secs_f64(86_400.0 * days).map_err(|error| error.to_string())?;
    let bucket = if days >= 7.0 { Duration::from_secs(86_400) } else { length / 14 };
    Window::new(length, bucket).map_err(|error| error.to_string())
}
