//! An event as the rest of its line, written and read by hand: a general JSON library takes several times as long.
//!
//! What is read here is exactly what is written here. A line that says the same in another way (other spaces, fields in
//! another order) is left to serde.

use std::borrow::Cow;

use crate::arm::ArmId;
use crate::decision::{DecisionId, Issuer};
use crate::features::Quantised;
use crate::plan::Plan;
use crate::segment::SegmentId;
use crate::time::Timestamp;

use super::event::{Event, What};
use super::record::{Digest, Record};

/// What the decision of an outcome had chosen, as far as the line is to say it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) segment: SegmentId,
    pub(super) arm: ArmId,
    /// Where the numbers are not those of the header's names: the fingerprint of those they belong to.
    pub(super) space: Option<u64>,
}

/// Writes an event of a journal whose names have this fingerprint.
pub(super) fn write_event(line: &mut Vec<u8>, event: &Event, own: u64) -> serde_json::Result<()> {
    let Event { id, at, segment, arm, .. } = *event;
    let place = |space| Some(Place { segment, arm, space: (space != own).then_some(space) });
    match event.what {
        What::Decision { units, eligible } => {
            begin(line, "decision", id, at);
            write_place(line, place(own));
            line.extend_from_slice(b",\"propensity\":");
            write_float(line, units as f64 * Plan::UNIT)?;
            if let Some(digest) = eligible {
                line.extend_from_slice(b",\"eligible\":");
                write_digest(line, digest);
            }
            line.push(b'}');
            Ok(())
        }
        What::Outcome { reward, space } => write_outcome(line, id, at, place(space), reward),
        What::Stage { stage, value, space } => {
            begin(line, "stage", id, at);
            write_place(line, place(space));
            line.extend_from_slice(b",\"stage\":");
            write_number(line, stage.into());
            line.extend_from_slice(b",\"value\":");
            write_float(line, value)?;
            line.push(b'}');
            Ok(())
        }
        What::Cancel { space } => {
            begin(line, "cancel", id, at);
            write_place(line, place(space));
            line.push(b'}');
            Ok(())
        }
    }
}

/// Writes an outcome, which may not know what its decision had chosen.
pub(super) fn write_outcome(
    line: &mut Vec<u8>,
    id: DecisionId,
    at: Timestamp,
    place: Option<Place>,
    reward: f64,
) -> serde_json::Result<()> {
    begin(line, "outcome", id, at);
    write_place(line, place);
    line.extend_from_slice(b",\"reward\":");
    write_float(line, reward)?;
    line.push(b'}');
    Ok(())
}

/// Adds the features of a request, if it had any, to a line that is whole.
pub(super) fn add_features(line: &mut Vec<u8>, features: Quantised) {
    if !features.is_none() {
        line.pop();
        line.extend_from_slice(b",\"features\":\"");
        line.extend_from_slice(features.to_text().as_bytes());
        line.extend_from_slice(b"\"}");
    }
}

/// The fields that every event begins with.
fn begin(line: &mut Vec<u8>, kind: &str, id: DecisionId, at: Timestamp) {
    line.extend_from_slice(b"\"type\":\"");
    line.extend_from_slice(kind.as_bytes());
    line.extend_from_slice(b"\",\"id\":\"");
    let Issuer { replica, incarnation } = id.issuer;
    let parts = [u64::from(replica), incarnation, u64::from(id.cohort.get()), id.sequence];
    for (place, part) in parts.into_iter().enumerate() {
        if place > 0 {
            line.push(b'.');
        }
        write_hexadecimal(line, part, 1);
    }
    line.extend_from_slice(b"\",\"at\":");
    write_number(line, at.as_millis());
}

fn write_place(line: &mut Vec<u8>, place: Option<Place>) {
    let Some(Place { segment, arm, space }) = place else { return };
    line.extend_from_slice(b",\"segment\":");
    write_number(line, segment.get().into());
    line.extend_from_slice(b",\"arm\":");
    write_number(line, arm.get().into());
    if let Some(space) = space {
        line.extend_from_slice(b",\"space\":");
        write_digest(line, space);
    }
}

fn write_digest(line: &mut Vec<u8>, digest: u64) {
    line.push(b'"');
    write_hexadecimal(line, digest, 16);
    line.push(b'"');
}

/// The shortest digits that give the same bits again.
fn write_float(line: &mut Vec<u8>, value: f64) -> serde_json::Result<()> {
    serde_json::to_writer(line, &value)
}

fn write_number(line: &mut Vec<u8>, mut number: u64) {
    // 2⁶⁴ has twenty digits.
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break line.extend_from_slice(&digits[start..]);
        }
    }
}

/// In small digits, at least so many.
fn write_hexadecimal(line: &mut Vec<u8>, number: u64, least: u32) {
    let digits = (u64::BITS - number.leading_zeros()).div_ceil(4).max(least);
    line.extend((0..digits).rev().map(|place| b"0123456789abcdef"[(number >> (4 * place) & 15) as usize]));
}

/// The event that [`write_event`] or [`write_outcome`] wrote as this rest of a line; `None` for anything else.
pub(super) fn read(rest: &[u8]) -> Option<Record<'_>> {
    let mut cursor = Cursor(rest);
    cursor.literal(b"\"type\":\"")?;
    let kind = cursor.until_quote()?;
    cursor.literal(b",\"id\":\"")?;
    let id = Cow::Borrowed(std::str::from_utf8(cursor.until_quote()?).ok()?);
    cursor.literal(b",\"at\":")?;
    let at = Timestamp::from_millis(cursor.number()?);
    let (mut segment, mut arm, mut space) = (None, None, None);
    if cursor.literal(b",\"segment\":").is_some() {
        segment = Some(cursor.short()?);
        cursor.literal(b",\"arm\":")?;
        arm = Some(cursor.short()?);
        if cursor.literal(b",\"space\":").is_some() {
            space = Some(cursor.digest()?);
        }
    }
    let record = match kind {
        b"decision" if space.is_none() => {
            cursor.literal(b",\"propensity\":")?;
            let propensity = cursor.float()?;
            let eligible = match cursor.literal(b",\"eligible\":") {
                Some(()) => Some(cursor.digest()?),
                None => None,
            };
            let (segment, arm, features) = (segment?, arm?, cursor.features()?);
            Record::Decision { id, at, segment, arm, propensity, eligible, features }
        }
        b"outcome" => {
            cursor.literal(b",\"reward\":")?;
            let reward = cursor.float()?;
            Record::Outcome { id, at, segment, arm, space, reward, features: cursor.features()? }
        }
        b"stage" => {
            cursor.literal(b",\"stage\":")?;
            let stage = u16::try_from(cursor.number()?).ok()?;
            cursor.literal(b",\"value\":")?;
            Record::Stage { id, at, segment: segment?, arm: arm?, space, stage, value: cursor.float()? }
        }
        b"cancel" => {
            Record::Cancel { id, at, segment: segment?, arm: arm?, space, features: cursor.features()? }
        }
        _ => return None,
    };
    (cursor.0 == b"}").then_some(record)
}

/// What is left to read.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn literal(&mut self, literal: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(literal)?;
        Some(())
    }

    /// Up to the next quotation mark, which is taken too. Names and ids have no escapes.
    fn until_quote(&mut self) -> Option<&'a [u8]> {
        let end = self.0.iter().position(|&byte| matches!(byte, b'"' | b'\\'))?;
        let text = &self.0[..end];
        self.0 = self.0[end..].strip_prefix(b"\"")?;
        Some(text)
    }

    /// A number as JSON writes it: no leading zeros, nothing above 2⁶⁴.
    fn number(&mut self) -> Option<u64> {
        let end = self.0.iter().position(|byte| !byte.is_ascii_digit())?;
        let (digits, rest) = self.0.split_at(end);
        if digits.is_empty() || (digits.len() > 1 && digits[0] == b'0') {
            return None;
        }
        self.0 = rest;
        digits
            .iter()
            .try_fold(0_u64, |number, digit| number.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
    }

    fn short(&mut self) -> Option<u32> {
        self.number()?.try_into().ok()
    }

    /// A number with a point or an exponent, to the nearest double. std's parser takes a few spellings that JSON does
    /// not have (`1.`, `.5`); behind a checksum they are not damage.
    fn float(&mut self) -> Option<f64> {
        let end = self.0.iter().position(|&byte| byte == b',' || byte == b'}')?;
        let (text, rest) = self.0.split_at(end);
        self.0 = rest;
        // Not a word such as `inf`.
        let plain = text.last().is_some_and(u8::is_ascii_digit);
        std::str::from_utf8(text).ok()?.parse().ok().filter(|value: &f64| plain && value.is_finite())
    }

    /// The last field of some lines.
    fn features(&mut self) -> Option<Option<Cow<'a, str>>> {
        if self.literal(b",\"features\":\"").is_none() {
            return Some(None);
        }
        Some(Some(Cow::Borrowed(std::str::from_utf8(self.until_quote()?).ok()?)))
    }

    fn digest(&mut self) -> Option<Digest> {
        self.literal(b"\"")?;
        let text = self.until_quote()?;
        let small = text.len() == 16 && text.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        let digits = std::str::from_utf8(text).ok().filter(|_| small)?;
        u64::from_str_radix(digits, 16).ok().map(Digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_std_writes_them() {
        for number in [0, 1, 9, 10, 255, 256, 1_700_000_000_000, u64::MAX] {
            let mut line = Vec::new();
            write_number(&mut line, number);
            assert_eq!(line, number.to_string().as_bytes());
            line.clear();
            write_hexadecimal(&mut line, number, 1);
            assert_eq!(line, format!("{number:x}").as_bytes());
            line.clear();
            write_hexadecimal(&mut line, number, 16);
            assert_eq!(line, format!("{number:016x}").as_bytes());
        }
    }

    #[test]
    fn what_is_written_by_hand_serde_reads_alike() {
        let id = "3.5f3a.1.1c".parse().expect("an id");
        let (at, segment, arm) =
            (Timestamp::from_millis(1_700_000_000_000), SegmentId::new(4), ArmId::new(17));
        let own = 0xC2B1_C3D7_A9EF_0011;
        let kinds = [
            What::Decision { units: 1, eligible: None },
            What::Decision { units: (1 << 53) - 1, eligible: Some(7) },
            What::Outcome { reward: -1.5e-300, space: own },
            What::Outcome { reward: 1.0, space: 9 },
            What::Stage { stage: 3, value: 0.1, space: own },
            What::Cancel { space: 9 },
        ];
        for what in kinds {
            let mut line = b"{".to_vec();
            write_event(&mut line, &Event { id, at, segment, arm, what }, own).expect("a line");
            let by_serde: Record<'_> = serde_json::from_slice(&line).expect("an object");
            assert_eq!(read(&line[1..]).as_ref(), Some(&by_serde), "{what:?}");
            for cut in 1..line.len() {
                assert_eq!(read(&line[1..cut]), None);
            }
        }
    }
}
