//! Reading a journal, line by line.

use std::collections::HashMap;
use std::io::{BufRead, Read};

use crate::arm::{ArmId, ArmSpace, Eligibility};
use crate::decision::DecisionId;
use crate::reward::{Reward, RewardKind};
use crate::segment::{SegmentId, Segments};
use crate::time::Timestamp;

use super::JournalError;
use super::record::{Record, VERSION, from_ranges};

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
    all: Eligibility,
    sets: HashMap<u64, Eligibility>,
    /// Lines read so far.
    line: u64,
    /// Bytes of the lines before the present one.
    offset: u64,
    buffer: Vec<u8>,
    torn: Option<Torn>,
    unterminated: bool,
    ended: bool,
}

/// One entry of a journal.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Entry {
    /// A decision was made.
    Decision(LoggedDecision),
    /// The outcome of a decision arrived.
    Outcome(LoggedOutcome),
}

/// A decision as the journal tells of it.
#[derive(Clone, Debug, PartialEq)]
pub struct LoggedDecision {
    /// Its identity.
    pub id: DecisionId,
    /// When it was made, by the host's time.
    pub at: Timestamp,
    /// The segment it was made for.
    pub segment: SegmentId,
    /// The arm that was drawn.
    pub arm: ArmId,
    /// The probability it was drawn with, in (0, 1].
    pub propensity: f64,
    /// The set it was drawn from.
    pub eligible: Eligibility,
}

/// An outcome as the journal tells of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LoggedOutcome {
    /// The decision it belongs to.
    pub id: DecisionId,
    /// When it arrived, by the host's time.
    pub at: Timestamp,
    /// The reward.
    pub reward: Reward,
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
        // The version before the rest, which may look different in another release.
        #[derive(serde::Deserialize)]
        struct Version {
            r#type: String,
            version: u32,
        }
        match serde_json::from_slice::<Version>(&buffer) {
            Ok(header) if header.r#type != "header" => return Err(JournalError::NoHeader),
            Ok(header) if header.version != VERSION => {
                return Err(JournalError::Version { version: header.version });
            }
            Ok(_) => {}
            Err(_) => return Err(JournalError::NoHeader),
        }
        let record =
            parsed::<Record<'_>>(&buffer).map_err(|reason| JournalError::Damaged { line: 1, reason })?;
        let Record::Header { arms, segments, reward, .. } = record else {
            return Err(JournalError::NoHeader);
        };
        reward.validate().map_err(|error| JournalError::Damaged { line: 1, reason: error.to_string() })?;
        let (arms, segments) = (arms.into_owned(), segments.into_owned());
        let unterminated = !buffer.ends_with(b"\n");
        Ok(Self {
            all: arms.all(),
            arms,
            segments,
            reward,
            source,
            sets: HashMap::new(),
            line: 1,
            offset: bytes,
            buffer,
            torn: None,
            unterminated,
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
            if !terminated && bytes == LONGEST_LINE {
                return Err(self.damaged(format!("longer than {LONGEST_LINE} bytes")));
            }
            match self.decode() {
                Err(_) if !terminated => {
                    self.torn = Some(Torn { line: self.line, offset: self.offset, bytes });
                    return Ok(None);
                }
                Err(reason) => return Err(self.damaged(reason)),
                Ok(entry) => {
                    self.offset += bytes;
                    self.unterminated = !terminated;
                    if entry.is_some() {
                        return Ok(entry);
                    }
                }
            }
        }
    }

    fn damaged(&self, reason: String) -> JournalError {
        JournalError::Damaged { line: self.line, reason }
    }

    /// The entry in the buffer, or `None` for a line that only names a set.
    fn decode(&mut self) -> Result<Option<Entry>, String> {
        match parsed(&self.buffer)? {
            Record::Header { .. } => Err("a second header".to_owned()),
            Record::Eligible { digest, arms } => {
                let set = from_ranges(&self.arms, &arms).ok_or("no ascending ranges of arms")?;
                if set.digest() != digest.0 {
                    return Err(format!("the digest of these arms is {:016x}", set.digest()));
                }
                self.sets.insert(digest.0, set);
                Ok(None)
            }
            Record::Decision { id, at, segment, arm, propensity, eligible } => {
                let id = id.parse().map_err(|error: crate::decision::DecisionIdError| error.to_string())?;
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
                Ok(Some(Entry::Decision(LoggedDecision { id, at, segment, arm, propensity, eligible })))
            }
            Record::Outcome { id, at, reward } => {
                let id = id.parse().map_err(|error: crate::decision::DecisionIdError| error.to_string())?;
                let reward = Reward::new(reward);
                self.reward.quantity(reward).map_err(|error| error.to_string())?;
                Ok(Some(Entry::Outcome(LoggedOutcome { id, at, reward })))
            }
        }
    }
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
