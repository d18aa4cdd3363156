//! The log behind a name: CSV, JSON Lines or a journal, packed or not, or a directory of journal files.

use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use serde::Serialize;
use tactful::evaluation::csv::{Columns, Sheet};
use tactful::evaluation::{ArmGroups, FromJournal, Log, RoundProbabilities, RoundRewards};
use tactful::journal::JournalReader;

use crate::Failure;
use crate::arguments::Replay;
use crate::directory::{self, Joined};
use crate::progress::{Progress, Watched};

/// A log, with what of the file is not in it.
pub(crate) struct Source {
    pub(crate) log: Log,
    pub(crate) left_out: LeftOut,
    pub(crate) extras: Extras,
}

/// What the columns of a file say beside the log; of a journal, nothing.
#[derive(Default)]
pub(crate) struct Extras {
    pub(crate) target: Option<RoundProbabilities>,
    pub(crate) model: Option<RoundRewards>,
    /// `[dimension][arm]`.
    pub(crate) levels: Vec<Vec<u32>>,
    pub(crate) groups: Option<ArmGroups>,
    pub(crate) clusters: Option<Vec<u32>>,
}

impl Extras {
    /// The log of a sheet, and what else is in it.
    fn of(sheet: Sheet) -> (Log, Self) {
        let groups = sheet.groups();
        let Sheet { log, target, model, levels, clusters, .. } = sheet;
        (log, Self { target, model, levels, groups, clusters })
    }
}

/// What a command wants read.
pub(crate) trait Request {
    /// The file or directory.
    fn file(&self) -> &Path;

    /// The flags that only a CSV file needs, and whether they were given.
    fn csv_flags(&self) -> Vec<(&'static str, bool)>;

    /// The columns of a CSV file, or what is missing to know them.
    fn columns(&self) -> Result<Columns, String>;
}

impl Request for Replay {
    fn file(&self) -> &Path {
        self.log.file()
    }

    fn csv_flags(&self) -> Vec<(&'static str, bool)> {
        self.log.given()
    }

    fn columns(&self) -> Result<Columns, String> {
        self.log.columns_with_propensities()
    }
}

/// What of a journal is not in its log; of a CSV file nothing is left out.
#[derive(Debug, Default, Serialize)]
pub(crate) struct LeftOut {
    /// Decisions without an outcome.
    pending: usize,
    /// Outcomes without a decision.
    stray: usize,
    /// Outcomes after the first of a decision.
    repeated: usize,
    /// The number of the last line, if it was torn off.
    torn_line: Option<u64>,
    /// Files of a directory that were written by builds with other arms, segments or rewards.
    #[serde(skip_serializing_if = "is_none")]
    other_builds: usize,
    /// Whether older files of a directory were folded into a snapshot, which has counts and no decisions.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    folded: bool,
}

fn is_none(files: &usize) -> bool {
    *files == 0
}

impl LeftOut {
    /// For people, one remark for each kind.
    pub(crate) fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let mut remark = |count: usize, one: &str, many: &str| match count {
            0 => {}
            1 => remarks.push(format!("left out: 1 {one}")),
            _ => remarks.push(format!("left out: {count} {many}")),
        };
        remark(self.pending, "decision that has no outcome yet", "decisions that have no outcome yet");
        let stray = "of decisions that are not in the journal";
        remark(self.stray, "outcome of a decision that is not in the journal", &format!("outcomes {stray}"));
        remark(self.repeated, "second outcome of a decision", "further outcomes of decisions that have one");
        remark(self.other_builds, "file of a build with other names", "files of builds with other names");
        if self.folded {
            remarks.push("left out: what was folded into a snapshot".to_owned());
        }
        remarks.extend(self.torn_line.map(|line| format!("left out: line {line}, which was torn off")));
        remarks
    }
}

/// Bytes to look at, of which the first line of a journal needs fewer to say what it is.
const LOOK: u64 = 256;
/// What that line says.
const HEADER: &[u8] = br#""type":"header""#;

/// The byte-order mark that some editors put before UTF-8.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// Reads the file of a command.
pub(crate) fn read(request: &impl Request) -> Result<Source, Failure> {
    let path = request.file();
    let name = path.display().to_string();
    if path.is_dir() {
        let Joined { lines, bytes, other_builds, folded, torn_line, .. } = directory::join(path)?;
        let lines = BufReader::new(Watched::new(lines, Progress::new("reading", bytes)));
        let before = LeftOut { other_builds, folded, torn_line, ..LeftOut::default() };
        return read_journal(request, &name, lines, before);
    }
    let (first, unpacked) = begun(path)?;
    #[cfg(feature = "parquet")]
    if first.starts_with(PARQUET) {
        let columns = request.columns().map_err(|missing| Failure::new(format_args!("{name}: {missing}")))?;
        let (log, extras) = Extras::of(quietly(|| columns.open_sheet(path)).map_err(Failure::new)?);
        return Ok(Source { log, left_out: LeftOut::default(), extras });
    }
    let journal = begins_a_journal(&first, request);
    let whole = Cursor::new(first).chain(unpacked);
    if journal {
        read_journal(request, &name, BufReader::new(whole), LeftOut::default())
    } else {
        read_csv(request, &name, whole)
    }
}

/// The first bytes of a file, unpacked and without a byte-order mark, and what follows them.
fn begun(path: &Path) -> Result<(Vec<u8>, Box<dyn Read>), Failure> {
    let failed = |error: std::io::Error| Failure::new(format_args!("{}: {error}", path.display()));
    let file = File::open(path).map_err(failed)?;
    let bytes = file.metadata().map_or(0, |metadata| metadata.len());
    let mut unpacked = unpacked(Watched::new(file, Progress::new("reading", bytes))).map_err(failed)?;
    let mut first = Vec::new();
    unpacked.by_ref().take(LOOK).read_to_end(&mut first).map_err(failed)?;
    if first.starts_with(MARK) {
        first.drain(..MARK.len());
    }
    Ok((first, unpacked))
}

/// A journal is JSON Lines that begin with a header; where that is damaged, it is one unless columns are named, which it
/// needs not. No CSV header begins with a brace.
fn begins_a_journal(first: &[u8], request: &impl Request) -> bool {
    let is_header = first.windows(HEADER.len()).any(|window| window == HEADER);
    first.starts_with(b"{") && (is_header || request.columns().is_err())
}

/// Whether the file of a command is a journal, or a directory of them.
pub(crate) fn is_journal(request: &impl Request) -> Result<bool, Failure> {
    let path = request.file();
    Ok(path.is_dir() || begins_a_journal(&begun(path)?.0, request))
}

/// Whether a file is Parquet, which this build reads.
pub(crate) fn is_parquet(path: &Path) -> Result<bool, Failure> {
    Ok(cfg!(feature = "parquet") && begun(path)?.0.starts_with(PARQUET))
}

/// How a Parquet file begins.
const PARQUET: &[u8] = b"PAR1";

/// `before` is what is left out already.
fn read_journal(
    request: &impl Request,
    name: &str,
    source: impl std::io::BufRead,
    before: LeftOut,
) -> Result<Source, Failure> {
    let flags = request.csv_flags();
    if let Some((flag, _)) = flags.iter().find(|(_, given)| *given) {
        return Err(Failure::new(format_args!(
            "{name}: a journal names its own columns, {flag} is for CSV and JSON Lines"
        )));
    }
    let failed = |error: &dyn std::error::Error| Failure::new(format_args!("{name}: {error}"));
    let reader = JournalReader::new(source).map_err(|error| failed(&error))?;
    let read = Log::from_journal(reader).map_err(|error| failed(&error))?;
    let FromJournal { log, pending, stray, repeated, torn, .. } = read;
    let torn_line = before.torn_line.or(torn.map(|torn| torn.line));
    let left_out = LeftOut { pending, stray, repeated, torn_line, ..before };
    if log.rounds().is_empty() {
        let remarks = left_out.remarks();
        let remarks = if remarks.is_empty() { String::new() } else { format!(" ({})", remarks.join("; ")) };
        return Err(Failure::new(format_args!(
            "{name}: no decision has an outcome, so there is nothing to replay{remarks}"
        )));
    }
    Ok(Source { log, left_out, extras: Extras::default() })
}

/// Reads without a word of panics, which the library catches: of a damaged file the reader of Parquet panics, and one line is
/// to be told of it.
pub(crate) fn quietly<T>(read: impl FnOnce() -> T) -> T {
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let read = read();
    std::panic::set_hook(told);
    read
}

fn read_csv(request: &impl Request, name: &str, source: impl Read) -> Result<Source, Failure> {
    let columns = request.columns().map_err(|missing| Failure::new(format_args!("{name}: {missing}")))?;
    let sheet = columns.read_sheet(source, name).map_err(Failure::new)?;
    let (log, extras) = Extras::of(sheet);
    Ok(Source { log, left_out: LeftOut::default(), extras })
}

/// The bytes themselves, or what they unpack to if they begin like gzip (RFC 1952).
pub(crate) fn unpacked(mut source: impl Read + 'static) -> std::io::Result<Box<dyn Read>> {
    let mut first = Vec::new();
    source.by_ref().take(2).read_to_end(&mut first)?;
    let packed = first == [0x1f, 0x8b];
    let whole = Cursor::new(first).chain(source);
    Ok(if packed {
        Box::new(MultiGzDecoder::new(BufReader::new(whole)))
    } else {
        Box::new(BufReader::new(whole))
    })
}
