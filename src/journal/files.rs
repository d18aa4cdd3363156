//! The files of a journal: how they are named, how one comes into being whole, how one is read through.

use std::borrow::Cow;
use std::io::{self, BufReader};

use crate::arm::ArmSpace;
use crate::decision::fingerprint;
use crate::features::Features;
use crate::reward::RewardKind;
use crate::segment::Segments;

use super::record::{self, Record, VERSION};
use super::storage::{Growing, Storage};
use super::{Entry, JournalError, JournalReader, Torn, frame};

/// What the numbers of a journal file stand for.
#[derive(Clone, Debug)]
pub struct Names {
    arms: ArmSpace,
    segments: Segments,
    reward: RewardKind,
    features: Option<Features>,
    fingerprint: u64,
}

impl Names {
    pub(super) fn new(arms: ArmSpace, segments: Segments, reward: RewardKind) -> Self {
        let fingerprint = fingerprint(&arms, &segments);
        Self { arms, segments, reward, features: None, fingerprint }
    }

    /// The same with the features of requests.
    pub(super) fn with_features(self, features: Option<Features>) -> Self {
        Self { features, ..self }
    }

    /// The arms.
    #[must_use]
    pub fn arms(&self) -> &ArmSpace {
        &self.arms
    }

    /// The segments.
    #[must_use]
    pub fn segments(&self) -> &Segments {
        &self.segments
    }

    /// The kind of rewards.
    #[must_use]
    pub fn reward_kind(&self) -> RewardKind {
        self.reward
    }

    /// The features of requests, if they have any.
    #[must_use]
    pub fn features(&self) -> Option<&Features> {
        self.features.as_ref()
    }

    /// Fingerprint of arms and segments together, by which [`Chosen`](super::Chosen) says what its numbers mean.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }
}

const JOURNAL: (&str, &str) = ("journal-", ".jsonl");
const SNAPSHOT: (&str, &str) = ("snapshot-", ".json");
const PART: &str = ".part";

/// The name of a journal file.
pub(super) fn journal(number: u64) -> String {
    named(JOURNAL, number)
}

/// The name of the snapshot that covers all journal files below this number.
pub(super) fn snapshot(covers: u64) -> String {
    named(SNAPSHOT, covers)
}

fn named((before, after): (&str, &str), number: u64) -> String {
    // Ten digits, so that names sort as numbers do.
    format!("{before}{number:010}{after}")
}

/// What a directory holds; the numbers ascending.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) journals: Vec<u64>,
    pub(super) snapshots: Vec<u64>,
    /// Names of files that were never finished.
    pub(super) parts: Vec<String>,
}

pub(super) fn list(storage: &dyn Storage) -> io::Result<Listing> {
    let mut listing = Listing::default();
    for name in storage.list()? {
        let number = |form: (&str, &str)| {
            let digits = name.strip_prefix(form.0)?.strip_suffix(form.1)?;
            // Only the very name that we would give; anything else is somebody else's.
            digits.parse().ok().filter(|&number| named(form, number) == name)
        };
        if let Some(number) = number(JOURNAL) {
            listing.journals.push(number);
        } else if let Some(number) = number(SNAPSHOT) {
            listing.snapshots.push(number);
        } else if name.ends_with(PART) && (name.starts_with(JOURNAL.0) || name.starts_with(SNAPSHOT.0)) {
            listing.parts.push(name);
        }
    }
    listing.journals.sort_unstable();
    listing.snapshots.sort_unstable();
    Ok(listing)
}

/// Makes a file whose name, once it is there, stands for all that `write` wrote: a crash leaves the file whole or what
/// was there before.
pub(super) fn install(
    storage: &dyn Storage,
    name: &str,
    write: impl FnOnce(&mut dyn Growing) -> io::Result<()>,
) -> io::Result<Box<dyn Growing>> {
    let part = format!("{name}{PART}");
    let mut file = storage.create(&part)?;
    write(&mut *file)?;
    file.sync()?;
    storage.rename(&part, name)?;
    storage.sync_directory()?;
    Ok(file)
}

/// Makes a journal file with its header; returns its size.
pub(super) fn begin(
    storage: &dyn Storage,
    names: &Names,
    number: u64,
) -> Result<(Box<dyn Growing>, u64), JournalError> {
    let header = Record::Header {
        version: VERSION,
        arms: Cow::Borrowed(names.arms()),
        segments: Cow::Borrowed(names.segments()),
        reward: names.reward_kind(),
        features: names.features().map(Cow::Borrowed),
    };
    let mut line = Vec::new();
    frame::write(&mut line, |line| record::write(line, &header)).map_err(io::Error::from)?;
    let file = install(storage, &journal(number), |file| file.append(&line))?;
    Ok((file, line.len() as u64))
}

/// What reading a file through has found.
#[derive(Debug)]
pub(super) struct Through {
    pub(super) entries: u64,
    /// Bytes up to the end of the last good line.
    pub(super) good: u64,
    /// Lines in them.
    pub(super) lines: u64,
    pub(super) torn: Option<Torn>,
    pub(super) closed: bool,
}

/// Reads a journal file and shows its entries to a visitor.
pub(super) fn read<E: From<JournalError>>(
    storage: &dyn Storage,
    number: u64,
    mut visit: impl FnMut(&Names, Entry) -> Result<(), E>,
) -> Result<Through, E> {
    let name = journal(number);
    let in_file = |error| JournalError::File { name: name.clone(), error: Box::new(error) };
    let source = storage.read(&name).map_err(|error| in_file(error.into()))?;
    let mut reader = JournalReader::new(BufReader::with_capacity(1 << 16, source)).map_err(in_file)?;
    let names = Names::new(reader.arms().clone(), reader.segments().clone(), reader.reward_kind());
    let names = names.with_features(reader.features().cloned());
    let mut entries = 0;
    for entry in reader.by_ref() {
        visit(&names, entry.map_err(in_file)?)?;
        entries += 1;
    }
    let (torn, closed) = (reader.torn(), reader.is_closed());
    let lines = reader.line() - u64::from(torn.is_some());
    Ok(Through { entries, good: reader.good(), lines, torn, closed })
}

/// Reads a journal file that others follow, so that it must have been closed.
pub(super) fn read_closed<E: From<JournalError>>(
    storage: &dyn Storage,
    number: u64,
    visit: impl FnMut(&Names, Entry) -> Result<(), E>,
) -> Result<u64, E> {
    let through = read(storage, number, visit)?;
    if !through.closed {
        let reason = "cut off before the end, and files follow".to_owned();
        let error = JournalError::Damaged { line: through.lines + 1, offset: through.good, reason };
        return Err(JournalError::File { name: journal(number), error: Box::new(error) }.into());
    }
    Ok(through.entries)
}
