//! Reading a journal, line by line.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::io::{BufRead, Read};

use crate::arm::{ArmId, ArmSpace, Eligibility};
use crate::decision::fingerprint;
use crate::features::{Features, Quantised};
use crate::reward::{Reward, RewardKind};
use crate::segment::{SegmentId, Segments};

use super::entry::{Chosen, Entry, LoggedCancel, LoggedDecision, LoggedFeatures, LoggedOutcome, LoggedStage};
use super::frame::{self, FrameError};
use super::record::{Digest, Record, VERSION, from_ranges};
use super::{JournalError, text};

/// The longest line accepted, in bytes: a set of every other of 2²⁰ arms takes 4 MB.
const LONGEST_LINE: u64 = 1 << 25;

/// Reads the entries of a journal in their order, as an iterator. Memory does not grow with the journal, but for
/// the sets of eligible arms it names.
///
/// ```
/// use tactful::journal::{Entry, JournalReader};
///
/// let text = r#"{"type":"header","version":1,"arms":{"dimensions":[["channel",["email","sms"]]]},"segments":{"attributes":[]},"reward":{"kind":"binary"}}
/// {"type":"decision","id":"0.1f.0.0","at":0,"segment":0,"arm":1,"propensity":0.5}
/// {"type":"outcome","id":"0.1f.0.0","at":86400000,"rew"#;
/// let mut reader = JournalReader::new(text.as_bytes())?;
/// assert!(matches!(reader.next(), Some(Ok(Entry::Decision(decision))) if decision.propensity == 0.5));
/// assert!(reader.next().is_none());
/// assert_eq!(reader.torn().map(|torn| torn.line), Some(3));
/// # Ok::<(), tactful::journal::JournalError>(())
/// ```
#[derive(Debug)]
pub struct JournalReader<R> {
    source: R,
    arms: ArmSpace,
    segments: Segments,
    reward: RewardKind,
    features: Option<Features>,
    /// Fingerprint of arms and segments.
    space: u64,
    /// Whether lines have length and checksum: from version 2 on.
    framed: bool,
    all: Eligibility,
    sets: HashMap<u64, Eligibility>,
    /// Lines read so far.
    line: u64,
    /// Bytes of the lines before the present one.
    offset: u64,
    buffer: Vec<u8>,
    torn: Option<Torn>,
    unterminated: bool,
    /// Whether the line was seen that ends a closed file.
    closed: bool,
    ended: bool,
}

/// A last line that was not written to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Torn {
    /// Number of the line, from 1.
    pub line: u64,
    /// Where it begins, in bytes from the start.
    pub offset: u64,
    /// Its length in bytes.
    pub bytes: u64,
}

impl<R: BufRead> JournalReader<R> {
    /// Reads the header.
    ///
    /// # Errors
    ///
    /// [`JournalError`]: no header in the first line, an unknown version, a failing source.
    pub fn new(mut source: R) -> Result<Self, JournalError> {
        let mut buffer = Vec::new();
        let bytes = source.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut buffer)? as u64;
        let unterminated = !buffer.ends_with(b"\n");
        // The version before the rest, which may look different in another release.
        #[derive(serde::Deserialize)]
        struct Version {
            r#type: String,
            version: u32,
        }
        let framed = match serde_json::from_slice::<Version>(&buffer) {
            Ok(header) if header.r#type != "header" => return Err(JournalError::NoHeader),
            Ok(header) if !(1..=VERSION).contains(&header.version) => {
                return Err(JournalError::Version { version: header.version });
            }
            Ok(header) => header.version > 1,
            Err(_) => return Err(JournalError::NoHeader),
        };
        let damaged = |reason| JournalError::Damaged { line: 1, offset: 0, reason };
        let object = match framed {
            true => {
                let end = unframe(&mut buffer).map_err(|fault| damaged(Fault::Frame(fault).to_string()))?;
                &buffer[frame::PREFIX - 1..end]
            }
            false => &buffer[..],
        };
        let record = parsed::<Record<'_>>(object).map_err(damaged)?;
        let Record::Header { arms, segments, reward, features, .. } = record else {
            return Err(JournalError::NoHeader);
        };
        reward.validate().map_err(|error| damaged(error.to_string()))?;
        let (arms, segments) = (arms.into_owned(), segments.into_owned());
        Ok(Self {
            all: arms.all(),
            space: fingerprint(&arms, &segments),
            framed,
            arms,
            segments,
            reward,
            features: features.map(Cow::into_owned),
            source,
            sets: HashMap::new(),
            line: 1,
            offset: bytes,
            buffer,
            torn: None,
            unterminated,
            closed: false,
            ended: false,
        })
    }

    /// The arms that the journal's numbers stand for.
    #[must_use]
    pub fn arms(&self) -> &ArmSpace {
        &self.arms
    }

    /// The segments that the journal's numbers stand for.
    #[must_use]
    pub fn segments(&self) -> &Segments {
        &self.segments
    }

    /// The kind of rewards in the journal.
    #[must_use]
    pub fn reward_kind(&self) -> RewardKind {
        self.reward
    }

    /// The features of requests, if they have any.
    #[must_use]
    pub fn features(&self) -> Option<&Features> {
        self.features.as_ref()
    }

    /// Fingerprint of arms and segments together, by which [`Chosen`] says what its numbers mean.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.space
    }

    /// The torn last line, once the iterator has ended.
    #[must_use]
    pub fn torn(&self) -> Option<Torn> {
        self.torn
    }

    /// The number of the line of the last entry, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// Whether the last good line has no line end, once the iterator has ended.
    pub(super) fn is_unterminated(&self) -> bool {
        self.unterminated
    }

    /// Whether lines have length and checksum.
    pub(super) fn is_framed(&self) -> bool {
        self.framed
    }

    /// Whether the file was closed: its last line says so, and that none is missing.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Bytes up to the end of the last good line, once the iterator has ended.
    pub(super) fn good(&self) -> u64 {
        self.offset
    }

    /// The next entry; `None` at the end.
    fn read(&mut self) -> Result<Option<Entry>, JournalError> {
        loop {
            self.buffer.clear();
            let bytes = self.source.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut self.buffer)? as u64;
            if bytes == 0 {
                return Ok(None);
            }
            self.line += 1;
            let terminated = self.buffer.ends_with(b"\n");
            let fault = match self.decode() {
                Ok(entry) => {
                    self.offset += bytes;
                    self.unterminated = !terminated;
                    if entry.is_some() {
                        return Ok(entry);
                    }
                    continue;
                }
                Err(fault) => fault,
            };
            let long = !terminated && bytes == LONGEST_LINE;
            let torn = match &fault {
                // Without a length nobody knows; with one, only a line that is shorter than it says.
                _ if !self.framed => !terminated && !long,
                Fault::Frame(FrameError::Short) if !terminated && !long => true,
                _ => false,
            };
            if torn {
                self.torn = Some(Torn { line: self.line, offset: self.offset, bytes });
                return Ok(None);
            }
            // No line has a zero byte. Where blocks of a file that grew before a crash never reached the disk, zeros
            // stand in their place.
            let zeros = self.framed && self.buffer.contains(&0);
            if zeros && let Some(more) = self.nothing_good()? {
                self.torn = Some(Torn { line: self.line, offset: self.offset, bytes: bytes + more });
                return Ok(None);
            }
            let reason = match long {
                true => format!("longer than {LONGEST_LINE} bytes"),
                false => fault.to_string(),
            };
            return Err(JournalError::Damaged { line: self.line, offset: self.offset, reason });
        }
    }

    /// The number of bytes that follow, if there is no good line among them.
    fn nothing_good(&mut self) -> Result<Option<u64>, JournalError> {
        let mut more = 0;
        loop {
            self.buffer.clear();
            match self.source.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut self.buffer)? as u64 {
                0 => return Ok(Some(more)),
                _ if unframe(&mut self.buffer).is_ok() => return Ok(None),
                bytes => more += bytes,
            }
        }
    }

    /// The entry in the buffer, or `None` for a line that only names a set.
    fn decode(&mut self) -> Result<Option<Entry>, Fault> {
        let record = match self.framed {
            true => {
                let end = unframe(&mut self.buffer).map_err(Fault::Frame)?;
                let object = &self.buffer[frame::PREFIX - 1..end];
                text::read(&object[1..]).map_or_else(|| parsed(object), Ok)
            }
            false => parsed(&self.buffer),
        };
        let record = record.map_err(Fault::Content)?;
        if self.closed {
            return Err(Fault::Content("a line after the end".to_owned()));
        }
        match record {
            Record::End { lines } if lines == self.line - 1 => {
                self.closed = true;
                Ok(None)
            }
            Record::End { lines } => {
                Err(Fault::Content(format!("{} lines, of {lines} before the end", self.line - 1)))
            }
            Record::Eligible { digest, arms } => {
                let set = from_ranges(&self.arms, &arms)
                    .ok_or_else(|| Fault::Content("no ascending ranges of arms".to_owned()))?;
                if set.digest() != digest.0 {
                    return Err(Fault::Content(format!("the digest of these arms is {:016x}", set.digest())));
                }
                self.sets.insert(digest.0, set);
                Ok(None)
            }
            record => self.entry(record).map(Some).map_err(Fault::Content),
        }
    }

    /// What a line says, once it is found possible.
    fn entry(&self, record: Record<'_>) -> Result<Entry, String> {
        let parse =
            |id: &str| id.parse().map_err(|error: crate::decision::DecisionIdError| error.to_string());
        match record {
            Record::Header { .. } | Record::Eligible { .. } | Record::End { .. } => {
                Err("a second header".to_owned())
            }
            Record::Decision { id, at, segment, arm, propensity, eligible, features } => {
                let features = logged(features)?;
                let id = parse(&id)?;
                let (segment, arm) = (SegmentId::new(segment), ArmId::new(arm));
                let eligible = match eligible {
                    None => &self.all,
                    Some(digest) => {
                        self.sets.get(&digest.0).ok_or_else(|| format!("unknown set {:016x}", digest.0))?
                    }
                };
                if segment.index() >= self.segments.len() {
                    return Err(format!("no segment {segment}; there are {}", self.segments.len()));
                }
                if !eligible.contains(arm) {
                    return Err(format!("arm {arm} is not eligible"));
                }
                if !(propensity > 0.0 && propensity <= 1.0) {
                    return Err(format!("propensity {propensity} is not in (0, 1]"));
                }
                let eligible = eligible.clone();
                Ok(Entry::Decision(LoggedDecision { id, at, segment, arm, propensity, eligible, features }))
            }
            Record::Outcome { id, at, segment, arm, space, reward, features } => {
                let features = logged(features)?;
                let id = parse(&id)?;
                let chosen = match (segment, arm, space) {
                    (Some(segment), Some(arm), space) => Some(self.chosen(segment, arm, space)?),
                    (None, None, None) => None,
                    _ => return Err("an outcome names segment and arm, or neither".to_owned()),
                };
                let reward = Reward::new(reward);
                self.reward.quantity(reward).map_err(|error| error.to_string())?;
                Ok(Entry::Outcome(LoggedOutcome { id, at, chosen, reward, features }))
            }
            Record::Stage { id, at, segment, arm, space, stage, value } => {
                if !value.is_finite() {
                    return Err(format!("value {value} is not finite"));
                }
                let (id, chosen) = (parse(&id)?, self.chosen(segment, arm, space)?);
                Ok(Entry::Stage(LoggedStage { id, at, chosen, stage, value }))
            }
            Record::Cancel { id, at, segment, arm, space, features } => {
                let features = logged(features)?;
                let (id, chosen) = (parse(&id)?, self.chosen(segment, arm, space)?);
                Ok(Entry::Cancel(LoggedCancel { id, at, chosen, features }))
            }
        }
    }

    fn chosen(&self, segment: u32, arm: u32, space: Option<Digest>) -> Result<Chosen, String> {
        let (segment, arm) = (SegmentId::new(segment), ArmId::new(arm));
        let space = space.map_or(self.space, |digest| digest.0);
        if space == self.space && (segment.index() >= self.segments.len() || arm.index() >= self.arms.len()) {
            return Err(format!("no arm {arm} or no segment {segment}"));
        }
        Ok(Chosen { segment, arm, space })
    }
}

/// The features that a line tells.
fn logged(text: Option<std::borrow::Cow<'_, str>>) -> Result<Option<LoggedFeatures>, String> {
    let Some(text) = text else { return Ok(None) };
    let features = Quantised::from_text(&text).ok_or_else(|| format!("{text:?} are no features"))?;
    Ok(Some(LoggedFeatures(features)))
}

/// Why a line is not accepted.
#[derive(Debug)]
enum Fault {
    Frame(FrameError),
    Content(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(FrameError::Short) => f.write_str("shorter than it says"),
            Self::Frame(FrameError::Damaged(reason)) => f.write_str(reason),
            Self::Content(reason) => f.write_str(reason),
        }
    }
}

/// Checks a line and puts the brace back that opens the object behind the frame; returns where the object ends.
fn unframe(line: &mut [u8]) -> Result<usize, FrameError> {
    let end = line.len() - usize::from(line.ends_with(b"\n"));
    frame::check(&line[..end])?;
    line[frame::PREFIX - 1] = b'{';
    Ok(end)
}

/// What a line says, or what is wrong with it and in which column: the number of the line is the journal's to tell,
/// serde_json believes that it has seen one line only.
fn parsed<'a, T: serde::Deserialize<'a>>(line: &'a [u8]) -> Result<T, String> {
    // With its end, a line that breaks off would seem to do so on the next.
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    serde_json::from_slice(line).map_err(|error| {
        let (told, column) = (error.to_string(), error.column());
        match told.strip_suffix(&format!(" at line {} column {column}", error.line())) {
            Some(reason) => format!("column {column}: {reason}"),
            None => told,
        }
    })
}

impl<R: BufRead> Iterator for JournalReader<R> {
    type Item = Result<Entry, JournalError>;

    /// The next decision or outcome. After an error the iterator has ended.
    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let entry = self.read().transpose();
        self.ended = !matches!(entry, Some(Ok(_)));
        entry
    }
}
