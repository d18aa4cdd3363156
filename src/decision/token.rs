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
//! Numbers are little-endian.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use crate::arm::ArmId;
use crate::segment::SegmentId;
use crate::statistics::CohortId;

use super::{Decision, DecisionId, Issuer, Keyring, TokenKey};

const FORMAT: u8 = 1;
const BODY: usize = 40;
const BYTES: usize = 48;
const CHARACTERS: usize = 64;

/// The text of a [`Decision`], 64 characters (`A–Z a–z 0–9 - _`), to be stored with the message.
///
/// Parsing a token takes the bandit, which has the keys: [`Bandit::parse`](crate::Bandit::parse).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token([u8; CHARACTERS]);

/// Why a text is not accepted as a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenError {
    /// Not 64 characters long.
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
                write!(f, "a token has {CHARACTERS} characters, this text has {length} bytes")
            }
            Self::Character { position } => write!(f, "the character at {position} is none of a token's"),
            Self::Format { format } => write!(f, "token format {format} is unknown, {FORMAT} is known"),
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
}

impl Token {
    pub(super) fn new(decision: &Decision) -> Self {
        let DecisionId { issuer, cohort, sequence } = decision.id;
        let [segment, arm] = [decision.segment.get(), decision.arm.get()].map(u64::from);
        let [key, replica] = [u64::from(decision.key.id()), u64::from(issuer.replica)];
        // The fields of the table above, where they fall in eight-byte words.
        let body = [
            u64::from(FORMAT) | key << 8 | replica << 16 | issuer.incarnation << 32,
            issuer.incarnation >> 32 | u64::from(cohort.get()) << 16 | sequence << 48,
            sequence >> 16 | segment << 24 | arm << 48,
            arm >> 16 | decision.units << 8,
            decision.fingerprint,
        ];
        let mut bytes = [0; BYTES];
        for (place, word) in bytes.chunks_exact_mut(8).zip(body) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        let seal = decision.key.seal(&bytes[..BODY]);
        bytes[BODY..].copy_from_slice(&seal.to_le_bytes());
        Self(encode(&bytes))
    }

    /// Checks a text's seal and reads its content.
    pub(crate) fn open(text: &str, keys: &Keyring) -> Result<Claims, TokenError> {
        let bytes = decode(characters(text)?)?;
        let key = keys.find(bytes[1]).ok_or(TokenError::UnknownKey { key: bytes[1] })?;
        let (body, seal) = bytes.split_at(BODY);
        if key.seal(body).to_le_bytes() != seal {
            return Err(TokenError::Seal);
        }
        if bytes[0] != FORMAT {
            return Err(TokenError::Format { format: bytes[0] });
        }
        let word = |number: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&body[8 * number..8 * number + 8]);
            u64::from_le_bytes(word)
        };
        let issuer =
            Issuer { replica: (word(0) >> 16) as u16, incarnation: word(0) >> 32 | (word(1) & 0xFFFF) << 32 };
        let cohort = CohortId::new((word(1) >> 16) as u32);
        let id = DecisionId { issuer, cohort, sequence: word(1) >> 48 | (word(2) & 0xFF_FFFF) << 16 };
        let segment = SegmentId::new((word(2) >> 24) as u32 & 0xFF_FFFF);
        let arm = ArmId::new((word(2) >> 48 | (word(3) & 0xFF) << 16) as u32);
        let units = word(3) >> 8;
        if units == 0 || units > 1 << crate::plan::UNIT_BITS {
            return Err(TokenError::Content);
        }
        Ok(Claims { id, segment, arm, units, fingerprint: word(4), key: *key })
    }

    /// The characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match std::str::from_utf8(&self.0) {
            Ok(text) => text,
            Err(_) => unreachable!("the alphabet is ASCII"),
        }
    }
}

impl FromStr for Token {
    type Err = TokenError;

    /// Checks length and alphabet; the seal is checked by the bandit.
    fn from_str(text: &str) -> Result<Self, TokenError> {
        let characters = characters(text)?;
        decode(characters)?;
        Ok(Self(*characters))
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

fn characters(text: &str) -> Result<&[u8; CHARACTERS], TokenError> {
    text.as_bytes().try_into().map_err(|_| TokenError::Length { length: text.len() })
}

/// The URL-safe alphabet of RFC 4648, section 5.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The value of each character; 64 and above for what is none.
const VALUES: [u8; 256] = {
    let mut values = [64; 256];
    let mut value = 0;
    while value < 64 {
        values[ALPHABET[value] as usize] = value as u8;
        value += 1;
    }
    values
};

/// 48 bytes are 64 characters without padding: six bytes at a time are eight characters.
fn encode(bytes: &[u8; BYTES]) -> [u8; CHARACTERS] {
    let mut characters = [0; CHARACTERS];
    for (eight, six) in characters.chunks_exact_mut(8).zip(bytes.chunks_exact(6)) {
        let bits = u64::from_be_bytes([0, 0, six[0], six[1], six[2], six[3], six[4], six[5]]);
        for (place, character) in eight.iter_mut().enumerate() {
            *character = ALPHABET[(bits >> (42 - 6 * place) & 63) as usize];
        }
    }
    characters
}

fn decode(characters: &[u8; CHARACTERS]) -> Result<[u8; BYTES], TokenError> {
    let mut bytes = [0; BYTES];
    let mut faults = 0;
    for (six, eight) in bytes.chunks_exact_mut(6).zip(characters.chunks_exact(8)) {
        let mut bits = 0;
        for &character in eight {
            let value = VALUES[character as usize];
            faults |= value;
            bits = bits << 6 | u64::from(value);
        }
        six.copy_from_slice(&bits.to_be_bytes()[2..]);
    }
    if faults >= 64 {
        let position = characters.iter().position(|&c| VALUES[c as usize] >= 64).unwrap_or(0);
        return Err(TokenError::Character { position });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alphabet_is_that_of_the_rfc() {
        // RFC 4648, section 10, "foobar" in groups of three bytes, and the two characters of section 5.
        let mut bytes = [0; BYTES];
        bytes[..9].copy_from_slice(b"foobar\xfb\xff\xbf");
        let characters = encode(&bytes);
        assert_eq!(&characters[..12], b"Zm9vYmFy-_-_");
        assert_eq!(decode(&characters), Ok(bytes));
    }
}
