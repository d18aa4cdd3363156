//! Keys under which tokens are sealed.

use std::fmt;
use std::hash::Hasher;

use siphasher::sip::SipHasher24;

/// A 128-bit key under which tokens are sealed, with a number by which a token names it.
///
/// The default key is public: it detects damage, not forgery. A host whose tokens pass through other hands sets
/// its own, and keeps the old one accepted while tokens sealed with it are about (see
/// [`BanditBuilder::accept_key`](crate::BanditBuilder::accept_key)). The seal is SipHash-2-4 (Aumasson,
/// Bernstein 2012), 64 bits: a fit for rate-limited online checks, not a general-purpose signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenKey {
    id: u8,
    key: [u8; 16],
}

impl TokenKey {
    /// A key of the host, under a number of its choice.
    #[must_use]
    pub const fn new(id: u8, key: [u8; 16]) -> Self {
        Self { id, key }
    }

    /// The number by which tokens name the key.
    #[must_use]
    pub const fn id(&self) -> u8 {
        self.id
    }

    /// The seal of a message: five words, the lowest byte of each first.
    #[inline]
    pub(super) fn seal(&self, message: [u64; 5]) -> u64 {
        let mut bytes = [0; 40];
        for (place, word) in bytes.chunks_exact_mut(8).zip(message) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        SipHasher24::new_with_key(&self.key).hash(&bytes)
    }
}

impl TokenKey {
    /// The seal of a longer message: five words and the bytes behind them.
    pub(super) fn seal_with(&self, message: [u64; 5], tail: &[u8]) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.key);
        message.iter().for_each(|word| hasher.write(&word.to_le_bytes()));
        hasher.write(tail);
        hasher.finish()
    }
}

impl Default for TokenKey {
    /// The public key, number 0.
    fn default() -> Self {
        Self { id: 0, key: *b"tactful-open-key" }
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key itself stays out of logs.
        write!(f, "TokenKey({})", self.id)
    }
}

/// The key for new tokens and those still accepted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keyring {
    pub(crate) current: TokenKey,
    pub(crate) accepted: Vec<TokenKey>,
}

impl Keyring {
    /// The key of a number.
    pub(crate) fn find(&self, id: u8) -> Option<&TokenKey> {
        std::iter::once(&self.current).chain(&self.accepted).find(|key| key.id == id)
    }
}
