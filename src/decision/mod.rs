//! Decisions: what was drawn, with the probability it was drawn with, in a form that can be trusted and kept.

mod extension;
mod key;
mod token;

pub use key::TokenKey;
pub use token::{Token, TokenError};

pub(crate) use crate::statistics::Issuer;
pub(crate) use key::Keyring;

use std::fmt;

use crate::arm::{ArmId, ArmSpace, Fingerprint};
use crate::features::Quantised;
use crate::plan::Plan;
use crate::segment::{SegmentId, Segments};
use crate::statistics::CohortId;

/// One decision of a bandit: an arm for a segment, and the exact propensity it was drawn with.
///
/// Fields are private: a decision comes from [`Bandit::select`](crate::Bandit::select) or, through its
/// [token](Decision::token), from [`Bandit::parse`](crate::Bandit::parse), and is valid by construction.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    pub(crate) id: DecisionId,
    pub(crate) segment: SegmentId,
    pub(crate) arm: ArmId,
    /// Propensity in units of 2⁻⁵³, at least 1.
    pub(crate) units: u64,
    /// Fingerprint of arms and segments.
    pub(crate) fingerprint: u64,
    pub(crate) key: TokenKey,
    /// What was known of the request, if anything.
    pub(crate) features: Quantised,
}

impl Decision {
    /// What identifies the decision among all of all processes.
    #[must_use]
    pub fn id(&self) -> DecisionId {
        self.id
    }

    /// The segment it was made for.
    #[must_use]
    pub fn segment(&self) -> SegmentId {
        self.segment
    }

    /// The arm to send.
    #[must_use]
    pub fn arm(&self) -> ArmId {
        self.arm
    }

    /// The probability with which this arm was drawn, in (0, 1]: exactly the number the draw used.
    #[must_use]
    pub fn propensity(&self) -> f64 {
        self.units as f64 * Plan::UNIT
    }

    /// Whether it was made for a request with [features](crate::Features).
    #[must_use]
    pub fn has_features(&self) -> bool {
        !self.features.is_none()
    }

    /// The decision as 64 characters to store with the message; with features up to 112.
    #[must_use]
    pub fn token(&self) -> Token {
        Token::new(self)
    }
}

impl fmt::Debug for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decision")
            .field("id", &format_args!("{}", self.id))
            .field("segment", &self.segment.index())
            .field("arm", &self.arm.index())
            .field("propensity", &self.propensity())
            .finish_non_exhaustive()
    }
}

/// The identity of a decision: replica, incarnation, cohort and sequence number.
///
/// Displays and parses as four hexadecimal numbers with points between them, such as `0.5f3a.0.1c`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DecisionId {
    pub(crate) issuer: Issuer,
    pub(crate) cohort: CohortId,
    /// Below 2⁴⁰.
    pub(crate) sequence: u64,
}

impl DecisionId {
    /// The replica that made the decision.
    #[must_use]
    pub fn replica(self) -> u16 {
        self.issuer.replica
    }

    /// The life of that replica in which it did.
    #[must_use]
    pub fn incarnation(self) -> u64 {
        self.issuer.incarnation
    }

    /// The cohort the decision belongs to.
    #[must_use]
    pub fn cohort(self) -> CohortId {
        self.cohort
    }

    /// Its number within the cohort.
    #[must_use]
    pub fn sequence(self) -> u64 {
        self.sequence
    }
}

impl fmt::Display for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Issuer { replica, incarnation } = self.issuer;
        write!(f, "{replica:x}.{incarnation:x}.{:x}.{:x}", self.cohort.get(), self.sequence)
    }
}

/// A text that is no [`DecisionId`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionIdError {
    /// The text (its first hundred characters).
    pub text: String,
}

impl fmt::Display for DecisionIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no decision id", self.text)
    }
}

impl std::error::Error for DecisionIdError {}

impl std::str::FromStr for DecisionId {
    type Err = DecisionIdError;

    fn from_str(text: &str) -> Result<Self, DecisionIdError> {
        let parse = || {
            let (replica, rest) = hexadecimal(text.as_bytes(), 16)?;
            let (incarnation, rest) = hexadecimal(rest.strip_prefix(b".")?, Issuer::INCARNATION_BITS)?;
            let (cohort, rest) = hexadecimal(rest.strip_prefix(b".")?, 32)?;
            let (sequence, rest) = hexadecimal(rest.strip_prefix(b".")?, 40)?;
            rest.is_empty().then_some(Self {
                issuer: Issuer { replica: replica as u16, incarnation },
                cohort: CohortId::new(cohort as u32),
                sequence,
            })
        };
        parse().ok_or_else(|| DecisionIdError { text: text.chars().take(100).collect() })
    }
}

/// The number of at most so many bits (up to 60) that a text begins with, and the rest. By hand, since a journal has one in
/// each line.
fn hexadecimal(text: &[u8], bits: u32) -> Option<(u64, &[u8])> {
    let (mut number, mut digits) = (0_u64, 0);
    for &byte in text {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ => break,
        };
        number = number << 4 | u64::from(digit);
        if number >> bits != 0 {
            return None;
        }
        digits += 1;
    }
    (digits > 0).then_some((number, &text[digits..]))
}

/// The fingerprint of arms and segments together, by which a decision names what its numbers mean.
pub(crate) fn fingerprint(arms: &ArmSpace, segments: &Segments) -> u64 {
    let mut fingerprint = Fingerprint::of("bandit");
    fingerprint.number(arms.fingerprint());
    fingerprint.number(segments.fingerprint());
    fingerprint.finish()
}
