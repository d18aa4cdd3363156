//! The lines of a journal as data.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::arm::{ArmId, ArmSpace, Eligibility};
use crate::features::Features;
use crate::reward::RewardKind;
use crate::segment::Segments;
use crate::time::Timestamp;

/// The version this release writes. Version 1, which it reads too, had no frame around its lines.
pub(super) const VERSION: u32 = 2;

/// One line, but for its frame.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Record<'a> {
    /// The names that the numbers below stand for.
    Header {
        version: u32,
        arms: Cow<'a, ArmSpace>,
        segments: Cow<'a, Segments>,
        reward: RewardKind,
        /// Of requests, if they have any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        features: Option<Cow<'a, Features>>,
    },
    /// A set of eligible arms, from here on named by its digest.
    Eligible {
        digest: Digest,
        #[serde(borrow)]
        arms: Cow<'a, str>,
    },
    Decision {
        #[serde(borrow)]
        id: Cow<'a, str>,
        at: Timestamp,
        segment: u32,
        arm: u32,
        propensity: f64,
        /// Absent where all arms are eligible.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        eligible: Option<Digest>,
        /// Of the request, if it had any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        features: Option<Cow<'a, str>>,
    },
    Outcome {
        #[serde(borrow)]
        id: Cow<'a, str>,
        at: Timestamp,
        /// What the decision had chosen; both or neither.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        segment: Option<u32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        arm: Option<u32>,
        /// Fingerprint of the names that these are numbers of, where it is not the header's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        space: Option<Digest>,
        reward: f64,
        /// Of the request, if it had any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        features: Option<Cow<'a, str>>,
    },
    Stage {
        #[serde(borrow)]
        id: Cow<'a, str>,
        at: Timestamp,
        segment: u32,
        arm: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        space: Option<Digest>,
        stage: u16,
        value: f64,
    },
    Cancel {
        #[serde(borrow)]
        id: Cow<'a, str>,
        at: Timestamp,
        segment: u32,
        arm: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        space: Option<Digest>,
        /// Of the request, if it had any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        features: Option<Cow<'a, str>>,
    },
    /// The last line of a file that was closed: how many lines stand before it.
    End { lines: u64 },
}

/// Writes a record as the rest of its line: without the brace that opens it, in whose place the frame stands.
pub(super) fn write(line: &mut Vec<u8>, record: &Record<'_>) -> serde_json::Result<()> {
    let start = line.len();
    serde_json::to_writer(&mut *line, record)?;
    line.remove(start);
    Ok(())
}

/// A 64-bit digest as 16 hexadecimal digits, since JSON readers elsewhere round large numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Digest(pub(super) u64);

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:016x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let digits = text.len() == 16 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        let number = u64::from_str_radix(&text, 16).ok().filter(|_| digits);
        number.map(Self).ok_or_else(|| serde::de::Error::custom("a digest has 16 hexadecimal digits"))
    }
}

/// A set as ascending ranges of arms: `0-11,24,30-35`.
pub(super) fn ranges(set: &Eligibility) -> String {
    let mut text = String::new();
    let mut arms = set.iter().map(ArmId::get).peekable();
    while let Some(first) = arms.next() {
        let mut last = first;
        while let Some(next) = arms.next_if(|&next| next == last + 1) {
            last = next;
        }
        if !text.is_empty() {
            text.push(',');
        }
        text += &first.to_string();
        if last > first {
            text.push('-');
            text += &last.to_string();
        }
    }
    text
}

/// The set that [`ranges`] wrote; `None` for any other text.
pub(super) fn from_ranges(arms: &ArmSpace, text: &str) -> Option<Eligibility> {
    let number = |text: &str| {
        let plain = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
        text.parse::<u32>().ok().filter(|&arm| plain && (arm as usize) < arms.len())
    };
    let mut chosen = Vec::new();
    let mut next = 0;
    for range in text.split(',').filter(|_| !text.is_empty()) {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (number(first)?, number(last)?);
        if first < next || last < first {
            return None;
        }
        chosen.extend((first..=last).map(ArmId::new));
        next = last + 1;
    }
    arms.subset(chosen).ok()
}
