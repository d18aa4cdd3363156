//! Writing a journal.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::arm::{ArmSpace, Eligibility};
use crate::decision::{Decision, DecisionId, fingerprint};
use crate::reward::{Reward, RewardKind};
use crate::segment::Segments;
use crate::time::Timestamp;

use super::event::{Event, What};
use super::record::{self, Digest, Record, VERSION, ranges};
use super::{JournalError, JournalReader, Torn, frame, text};

/// Writes decisions and outcomes, a line each, to any sink. Wrap files in a `BufWriter`.
///
/// Nothing is flushed or synced unless asked for by [`flush`](JournalWriter::flush). After a failed write every further
/// one is refused, since the line may be torn: open the file again with [`append`](JournalWriter::append), which cuts
/// the torn line off.
#[derive(Debug)]
pub struct JournalWriter<W: Write> {
    sink: W,
    /// Fingerprints of the arms, and of arms and segments together.
    arms: u64,
    fingerprint: u64,
    reward: RewardKind,
    /// Sets that the file names already.
    sets: HashMap<u64, Eligibility>,
    /// Whether lines have length and checksum: not where a journal of version 1 is continued.
    framed: bool,
    /// The line in the making: one write per line.
    line: Vec<u8>,
    /// Whether a write has failed: the line may be torn, and nothing must be glued to it.
    broken: bool,
}

impl<W: Write> JournalWriter<W> {
    /// Starts a journal: writes the header.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`] if the sink fails.
    pub fn new(
        sink: W,
        arms: &ArmSpace,
        segments: &Segments,
        reward: RewardKind,
    ) -> Result<Self, JournalError> {
        let mut writer = Self::continued(sink, arms, segments, reward);
        writer.write(&Record::Header {
            version: VERSION,
            arms: Cow::Borrowed(arms),
            segments: Cow::Borrowed(segments),
            reward,
            features: None,
        })?;
        Ok(writer)
    }

    fn continued(sink: W, arms: &ArmSpace, segments: &Segments, reward: RewardKind) -> Self {
        let (arms, fingerprint) = (arms.fingerprint(), fingerprint(arms, segments));
        Self {
            sink,
            arms,
            fingerprint,
            reward,
            sets: HashMap::new(),
            framed: true,
            line: Vec::new(),
            broken: false,
        }
    }

    /// Writes a decision, and before it the set it was drawn from if that is new.
    ///
    /// # Errors
    ///
    /// [`JournalError::OtherNames`] if decision or set belong to other arms or segments, [`JournalError::Io`] if
    /// the sink fails, [`JournalError::Broken`] after that.
    pub fn decision(
        &mut self,
        at: Timestamp,
        decision: &Decision,
        eligible: &Eligibility,
    ) -> Result<(), JournalError> {
        let (segment, arm) = (decision.segment(), decision.arm());
        let known = decision.fingerprint == self.fingerprint
            && eligible.space() == self.arms
            && eligible.contains(arm);
        if !known {
            return Err(JournalError::OtherNames);
        }
        let digest = eligible.digest();
        // The set itself is compared: should two share a digest, the file says anew which one it means.
        if !eligible.is_all() && self.sets.get(&digest) != Some(eligible) {
            self.write(&Record::Eligible { digest: Digest(digest), arms: Cow::Owned(ranges(eligible)) })?;
            self.sets.insert(digest, eligible.clone());
        }
        let what = What::Decision { units: decision.units, eligible: (!eligible.is_all()).then_some(digest) };
        let event = Event { id: decision.id(), at, segment, arm, what };
        let own = self.fingerprint;
        let features = decision.features;
        self.line(|line| {
            text::write_event(line, &event, own)?;
            text::add_features(line, features);
            Ok(())
        })
    }

    /// Writes the outcome of a decision.
    ///
    /// # Errors
    ///
    /// [`JournalError::Reward`] for a value that the declared rewards do not admit, [`JournalError::Io`] if the
    /// sink fails.
    pub fn outcome(&mut self, at: Timestamp, id: DecisionId, reward: Reward) -> Result<(), JournalError> {
        let value = reward.value();
        self.reward.quantity(reward).map_err(|_| JournalError::Reward { value })?;
        self.line(|line| text::write_outcome(line, id, at, None, value))
    }

    /// Flushes the sink.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`] if the sink fails.
    pub fn flush(&mut self) -> Result<(), JournalError> {
        Ok(self.sink.flush()?)
    }

    /// The sink, for closing or syncing it.
    pub fn into_inner(self) -> W {
        self.sink
    }

    fn write(&mut self, record: &Record<'_>) -> Result<(), JournalError> {
        self.line(|line| record::write(line, record))
    }

    /// Writes a line, given by what stands behind its frame.
    fn line(
        &mut self,
        rest: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>,
    ) -> Result<(), JournalError> {
        if self.broken {
            return Err(JournalError::Broken);
        }
        self.line.clear();
        let written = if self.framed {
            frame::write(&mut self.line, rest)
        } else {
            self.line.push(b'{');
            rest(&mut self.line).map(|()| self.line.push(b'\n'))
        };
        written.map_err(std::io::Error::from)?;
        self.broken = true;
        self.sink.write_all(&self.line)?;
        self.broken = false;
        Ok(())
    }
}

impl JournalWriter<BufWriter<File>> {
    /// Continues the journal at this path, or starts it. A torn last line is cut off and reported.
    ///
    /// # Errors
    ///
    /// [`JournalError`]: a file that is no journal or is damaged (it is left as it is), one of other arms,
    /// segments or rewards, or a failing file system.
    pub fn append(
        path: impl AsRef<Path>,
        arms: &ArmSpace,
        segments: &Segments,
        reward: RewardKind,
    ) -> Result<(Self, Option<Torn>), JournalError> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        if let Some(torn) = torn_header(&mut file, arms, segments, reward)? {
            file.set_len(0)?;
            let torn = (torn.bytes > 0).then_some(torn);
            return Ok((Self::new(BufWriter::new(file), arms, segments, reward)?, torn));
        }
        let mut reader = JournalReader::new(BufReader::new(&file))?;
        if reader.arms() != arms || reader.segments() != segments || reader.reward_kind() != reward {
            return Err(JournalError::OtherNames);
        }
        reader.by_ref().try_for_each(|entry| entry.map(drop))?;
        let (torn, unterminated, framed) = (reader.torn(), reader.is_unterminated(), reader.is_framed());
        if reader.is_closed() {
            return Err(JournalError::Closed);
        }
        if let Some(torn) = torn {
            file.set_len(torn.offset)?;
        }
        file.seek(SeekFrom::End(0))?;
        let mut writer = Self::continued(BufWriter::new(file), arms, segments, reward);
        writer.framed = framed;
        if unterminated {
            writer.sink.write_all(b"\n")?;
        }
        Ok((writer, torn))
    }
}

/// What there is of a file that ends before its header does: nothing, or the beginning of the very header that
/// would be written now (any other text might be somebody's file).
fn torn_header(
    file: &mut File,
    arms: &ArmSpace,
    segments: &Segments,
    reward: RewardKind,
) -> Result<Option<Torn>, JournalError> {
    let header = JournalWriter::new(Vec::new(), arms, segments, reward)?.into_inner();
    let mut found = Vec::new();
    (&*file).take(header.len() as u64).read_to_end(&mut found)?;
    file.rewind()?;
    let torn = found.len() + 1 < header.len() && header.starts_with(&found);
    Ok(torn.then_some(Torn { line: 1, offset: 0, bytes: found.len() as u64 }))
}
