//! The text of a decision: 48 bytes, sealed, as 64 characters of URL-safe base 64.
//!
//! | bytes | what |
//! | --- | --- |
//! | 0 | format, 1 |
//! | 1 | number of the key |
//! | 2–3 | replica |
//! | 4–9 | incarnation |
//! | 10–13 | cohort |
//! | 14–18 | sequence |
//! | 19–21 | segment |
//! | 22–24 | arm |
//! | 25–31 | propensity in units of 2⁻⁵³ |
//! | 32–39 | fingerprint of arms and segments |
//! | 40–47 | seal: SipHash-2-4 of bytes 0–39 under the key |
//!
//! Numbers are little-endian. A decision for a request with features has a tail behind that, in groups of three bytes with
//! zeros at the end: number of features (1 byte), fingerprint of their declaration (3), two bytes each. Its format is 2, and
//! the seal is that of bytes 0–39 and the tail.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use crate::arm::ArmId;
use crate::segment::SegmentId;
use crate::statistics::CohortId;

use super::extension::{self, MOST_CHARACTERS};
use super::{Decision, DecisionId, Issuer, Keyring, TokenKey};
use crate::features::Quantised;

const FORMAT: u8 = 1;
/// With features.
const EXTENDED: u8 = 2;
const WORDS: usize = 6;
const CHARACTERS: usize = 64;

/// The text of a [`Decision`], 64 characters (`A–Z a–z 0–9 - _`), to be stored with the message. For a request with features
/// it is longer: 72 for one feature, 92 for eight, 112 for sixteen.
///
/// Parsing a token takes the bandit, which has the keys: [`Bandit::parse`](crate::Bandit::parse).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token {
    /// Zeros beyond the length.
    characters: [u8; CHARACTERS + MOST_CHARACTERS],
    length: u8,
}

/// Why a text is not accepted as a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenError {
    /// Neither 64 characters long nor as long as with features.
    Length {
        /// Bytes of the text.
        length: usize,
    },
    /// A character that is not of the URL-safe base 64 alphabet.
    Character {
        /// Where it stands, from 0.
        position: usize,
    },
    /// The seal is right but the format is of another release.
    Format {
        /// The format the token names.
        format: u8,
    },
    /// Sealed under a key that this bandit does not accept.
    UnknownKey {
        /// The number of the key.
        key: u8,
    },
    /// The seal does not fit: the token was damaged, or made without the key.
    Seal,
    /// The seal fits but the content could not have been issued.
    Content,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { length } => {
                write!(
                    f,
                    "a token has {CHARACTERS} characters, with features up to {}, this text has {length} bytes",
                    CHARACTERS + MOST_CHARACTERS
                )
            }
            Self::Character { position } => write!(f, "the character at {position} is none of a token's"),
            Self::Format { format } => {
                write!(f, "token format {format} is unknown, up to {EXTENDED} are known")
            }
            Self::UnknownKey { key } => {
                write!(f, "the token is sealed under key {key}, which is not accepted")
            }
            Self::Seal => f.write_str("the token's seal does not fit: damaged or forged"),
            Self::Content => f.write_str("the token's content is impossible"),
        }
    }
}

impl Error for TokenError {}

/// What a token with a fitting seal says, before the bandit has looked up the names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claims {
    pub(crate) id: DecisionId,
    pub(crate) segment: SegmentId,
    pub(crate) arm: ArmId,
    pub(crate) units: u64,
    pub(crate) fingerprint: u64,
    pub(crate) key: TokenKey,
    pub(crate) features: Quantised,
}

impl Token {
    pub(super) fn new(decision: &Decision) -> Self {
        let DecisionId { issuer, cohort, sequence } = decision.id;
        let [segment, arm] = [decision.segment.get(), decision.arm.get()].map(u64::from);
        let [key, replica] = [u64::from(decision.key.id()), u64::from(issuer.replica)];
        let format = if decision.features.is_none() { FORMAT } else { EXTENDED };
        // The fields of the table above, where they fall in eight-byte words.
        let body = [
            u64::from(format) | key << 8 | replica << 16 | issuer.incarnation << 32,
            issuer.incarnation >> 32 | u64::from(cohort.get()) << 16 | sequence << 48,
            sequence >> 16 | segment << 24 | arm << 48,
            arm >> 16 | decision.units << 8,
            decision.fingerprint,
        ];
        let [a, b, c, d, e] = body;
        let mut characters = [0; CHARACTERS + MOST_CHARACTERS];
        let (front, tail) = characters.split_at_mut(CHARACTERS);
        if decision.features.is_none() {
            front.copy_from_slice(&encode(&[a, b, c, d, e, decision.key.seal(body)]));
            return Self { characters, length: CHARACTERS as u8 };
        }
        let length = extension::characters_of(decision.features.values().len());
        let bytes = extension::to_bytes(&decision.features);
        let seal = decision.key.seal_with(body, &bytes[..length / 4 * 3]);
        front.copy_from_slice(&encode(&[a, b, c, d, e, seal]));
        for (four, three) in tail[..length].chunks_exact_mut(4).zip(bytes.chunks_exact(3)) {
            let group = three.iter().fold(0_u32, |group, &byte| group << 8 | u32::from(byte));
            let character = |shift: u32| ALPHABET[(group >> shift & 63) as usize];
            four.copy_from_slice(&[character(18), character(12), character(6), character(0)]);
        }
        Self { characters, length: (CHARACTERS + length) as u8 }
    }

    /// Checks a text's seal and reads its content.
    #[inline]
    pub(crate) fn open(text: &str, keys: &Keyring) -> Result<Claims, TokenError> {
        let (front, tail) = characters(text)?;
        let [a, b, c, d, fingerprint, seal] = decode(front)?;
        let [format, key] = [a as u8, (a >> 8) as u8];
        let body = [a, b, c, d, fingerprint];
        let (key, features) = match tail {
            [] => {
                let key = keys.find(key).ok_or(TokenError::UnknownKey { key })?;
                (key, (key.seal(body) == seal).then_some(Some(Quantised::NONE)))
            }
            tail => {
                let bytes = decode_tail(tail)?;
                let key = keys.find(key).ok_or(TokenError::UnknownKey { key })?;
                let sealed = key.seal_with(body, &bytes[..tail.len() / 4 * 3]) == seal;
                (key, sealed.then(|| extension::from_bytes(&bytes, tail.len())))
            }
        };
        let features = features.ok_or(TokenError::Seal)?;
        if format != FORMAT && format != EXTENDED {
            return Err(TokenError::Format { format });
        }
        let features = features.filter(|features| features.is_none() == (format == FORMAT));
        let features = features.ok_or(TokenError::Content)?;
        let issuer = Issuer { replica: (a >> 16) as u16, incarnation: a >> 32 | (b & 0xFFFF) << 32 };
        let cohort = CohortId::new((b >> 16) as u32);
        let id = DecisionId { issuer, cohort, sequence: b >> 48 | (c & 0xFF_FFFF) << 16 };
        let segment = SegmentId::new((c >> 24) as u32 & 0xFF_FFFF);
        let arm = ArmId::new((c >> 48 | (d & 0xFF) << 16) as u32);
        let units = d >> 8;
        if units == 0 || units > 1 << crate::plan::UNIT_BITS {
            return Err(TokenError::Content);
        }
        Ok(Claims { id, segment, arm, units, fingerprint, key: *key, features })
    }

    /// The characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match std::str::from_utf8(&self.characters[..usize::from(self.length)]) {
            Ok(text) => text,
            Err(_) => unreachable!("the alphabet is ASCII"),
        }
    }
}

impl FromStr for Token {
    type Err = TokenError;

    /// Checks length and alphabet; the seal is checked by the bandit.
    fn from_str(text: &str) -> Result<Self, TokenError> {
        let (front, tail) = characters(text)?;
        decode(front)?;
        decode_tail(tail)?;
        let mut characters = [0; CHARACTERS + MOST_CHARACTERS];
        characters[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self { characters, length: text.len() as u8 })
    }
}

impl AsRef<str> for Token {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({self})")
    }
}

/// The first 64 characters, and the tail: none, or of a length that some number of features has.
fn characters(text: &str) -> Result<(&[u8; CHARACTERS], &[u8]), TokenError> {
    let length = text.len();
    let (front, tail) = text.as_bytes().split_first_chunk().ok_or(TokenError::Length { length })?;
    let known = tail.is_empty()
        || (extension::characters_of(1)..=MOST_CHARACTERS).contains(&tail.len()) && tail.len() % 4 == 0;
    if known { Ok((front, tail)) } else { Err(TokenError::Length { length }) }
}

/// The bytes of a tail whose length is known to be right.
fn decode_tail(tail: &[u8]) -> Result<[u8; MOST_CHARACTERS / 4 * 3], TokenError> {
    let mut bytes = [0; MOST_CHARACTERS / 4 * 3];
    for (group, (three, four)) in bytes.chunks_exact_mut(3).zip(tail.chunks_exact(4)).enumerate() {
        let values = VALUES.iter().zip(four).map(|(values, &character)| values[usize::from(character)]);
        let word = values.fold(0, |bits, value| bits | value);
        if word & FAULT != 0 {
            let fault = |&character: &u8| VALUES[0][usize::from(character)] == FAULT;
            let position = CHARACTERS + 4 * group + four.iter().position(fault).unwrap_or(0);
            return Err(TokenError::Character { position });
        }
        three.copy_from_slice(&word.to_be_bytes()[1..]);
    }
    Ok(bytes)
}

/// The URL-safe alphabet of RFC 4648, section 5.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Set in the entries of [`VALUES`] for what is no character of the alphabet.
const FAULT: u32 = 1 << 31;

/// The value of each character where it stands among four, moved to its place in their 24 bits: what is left to do is
/// four loads. 4 KiB, a small part of the first cache.
const VALUES: [[u32; 256]; 4] = {
    let mut values = [[FAULT; 256]; 4];
    let mut value = 0;
    while value < 64 {
        let mut place = 0;
        while place < 4 {
            values[place][ALPHABET[value] as usize] = (value as u32) << (18 - 6 * place);
            place += 1;
        }
        value += 1;
    }
    values
};

/// 48 bytes are 64 characters without padding: three words at a time are eight groups of 24 bits, four characters each.
///
/// Words go from register to register: bytes written in sixes and read in eights would have to wait for each other.
fn encode(words: &[u64; WORDS]) -> [u8; CHARACTERS] {
    let mut characters = [0; CHARACTERS];
    for (half, three) in characters.chunks_exact_mut(CHARACTERS / 2).zip(words.chunks_exact(3)) {
        // The first byte is the highest of the first group.
        let [a, b, c] = [three[0], three[1], three[2]].map(u64::swap_bytes);
        let groups = [a >> 40, a >> 16, a << 8 | b >> 56, b >> 32, b >> 8, b << 16 | c >> 48, c >> 24, c];
        for (four, group) in half.chunks_exact_mut(4).zip(groups) {
            let character = |shift: u32| ALPHABET[(group >> shift & 63) as usize];
            four.copy_from_slice(&[character(18), character(12), character(6), character(0)]);
        }
    }
    characters
}

/// The other way round; what is wrong is looked for only when something is.
fn decode(characters: &[u8; CHARACTERS]) -> Result<[u64; WORDS], TokenError> {
    let mut words = [0; WORDS];
    let mut faults = 0;
    for (three, half) in words.chunks_exact_mut(3).zip(characters.chunks_exact(CHARACTERS / 2)) {
        let group = |number: usize| {
            let four = VALUES.iter().zip(&half[4 * number..4 * number + 4]);
            u64::from(four.fold(0, |bits, (values, &character)| bits | values[usize::from(character)]))
        };
        let groups: [u64; 8] = std::array::from_fn(group);
        faults |= groups.iter().fold(0, |bits, group| bits | group);
        let [a, b, c, d, e, f, g, h] = groups;
        let joined =
            [a << 40 | b << 16 | c >> 8, c << 56 | d << 32 | e << 8 | f >> 16, f << 48 | g << 24 | h];
        three.copy_from_slice(&joined.map(u64::swap_bytes));
    }
    if faults & u64::from(FAULT) != 0 {
        let none = |&character: &u8| VALUES[0][usize::from(character)] == FAULT;
        return Err(TokenError::Character { position: characters.iter().position(none).unwrap_or(0) });
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alphabet_is_that_of_the_rfc() {
        // RFC 4648, section 10, "foobar" in groups of three bytes, and the two characters of section 5.
        let mut bytes = [0; 48];
        bytes[..9].copy_from_slice(b"foobar\xfb\xff\xbf");
        let words = std::array::from_fn(|word| {
            u64::from_le_bytes(std::array::from_fn(|byte| bytes[8 * word + byte]))
        });
        let characters = encode(&words);
        assert_eq!(&characters[..12], b"Zm9vYmFy-_-_");
        assert_eq!(decode(&characters), Ok(words));
    }
}
