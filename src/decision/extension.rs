//! The tail of a token that knows its request's features: bytes beyond the first 48, in groups of three.

use crate::features::{Features, Quantised};

/// Characters of the longest tail.
pub(super) const MOST_CHARACTERS: usize = characters_of(Features::MOST);

/// Bytes of the longest tail: whole groups of three.
const MOST_BYTES: usize = MOST_CHARACTERS / 4 * 3;

/// Characters of the tail of so many features: four for three bytes.
pub(super) const fn characters_of(features: usize) -> usize {
    Quantised::bytes_of(features).div_ceil(3) * 4
}

/// The features as bytes, padded with zeros; only the first are of this many features' tail.
pub(super) fn to_bytes(features: &Quantised) -> [u8; MOST_BYTES] {
    let mut bytes = [0; MOST_BYTES];
    let own = features.to_bytes();
    bytes[..own.len()].copy_from_slice(&own);
    bytes
}

/// The features in the bytes of a tail of so many characters; `None` for what no declaration makes.
pub(super) fn from_bytes(bytes: &[u8; MOST_BYTES], characters: usize) -> Option<Quantised> {
    let mut own = [0; Quantised::bytes_of(Features::MOST)];
    let (front, padding) = bytes.split_at(own.len());
    own.copy_from_slice(front);
    let features = Quantised::from_bytes(&own)?;
    let whole = padding.iter().all(|&byte| byte == 0);
    (whole && characters_of(features.values().len()) == characters).then_some(features)
}
