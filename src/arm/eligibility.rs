//! A set of arms: whom a customer's consent, the hour and the rules of contact leave to choose from.

use std::fmt;
use std::ops::{BitAnd, BitAndAssign, BitOr, BitOrAssign, Sub, SubAssign};
use std::sync::Arc;

use super::{ArmId, ArmSpace};

/// A set of arms of one [`ArmSpace`]: a bit per arm, with its size and digest at hand.
///
/// Sets are made by the space ([`ArmSpace::all`], [`ArmSpace::eligible`], [`ArmSpace::with_levels`],
/// [`ArmSpace::subset`]) and combined with `&`, `|` and `-`. A clone shares its bits; a set of one's own is a buffer,
/// which `clone_from`, `&=`, `|=` and `-=` write over without allocating.
///
/// # Panics
///
/// The operators panic when the sets belong to spaces with different fingerprints.
///
/// ```
/// # use tactful::ArmSpace;
/// # let arms = ArmSpace::builder()
/// #     .dimension("channel", ["email", "sms", "letter"])
/// #     .dimension("send_time", ["09:00", "20:00"])
/// #     .build()?;
/// let consented = arms.with_levels("channel", ["email", "letter"])?;
/// let evening = arms.eligible(|arm| arm.level("send_time") == "20:00");
/// let now = &consented - &evening;
/// assert_eq!(now.len(), 2);
/// assert_eq!(&now | &evening, arms.all() - (arms.eligible(|arm| arm.level("channel") == "sms") - evening));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Eligibility {
    words: Arc<[u64]>,
    space: u64,
    arms: u32,
    len: u32,
    digest: u64,
}

impl Eligibility {
    pub(super) fn from_predicate(space: &ArmSpace, mut predicate: impl FnMut(u32) -> bool) -> Self {
        let arms = space.len() as u32;
        let words: Arc<[u64]> = (0..arms.div_ceil(64))
            .map(|word| {
                let first = word * 64;
                let last = arms.min(first + 64);
                (first..last).fold(0, |bits, index| bits | u64::from(predicate(index)) << (index - first))
            })
            .collect();
        let mut set = Self { words, space: space.fingerprint(), arms, len: 0, digest: 0 };
        set.measure();
        set
    }

    /// The number of arms in the set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether the set has no arm, so that nothing can be selected from it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether the set has every arm of its space.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.len == self.arms
    }

    /// Whether an arm is in the set.
    #[must_use]
    pub fn contains(&self, arm: ArmId) -> bool {
        let (word, bit) = (arm.index() / 64, arm.index() % 64);
        self.words.get(word).is_some_and(|bits| bits >> bit & 1 == 1)
    }

    /// The arms of the set, ascending.
    pub fn iter(&self) -> impl Iterator<Item = ArmId> + '_ {
        self.words.iter().enumerate().flat_map(|(word, &bits)| {
            let mut left = bits;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros())?;
                left &= left - 1;
                Some(ArmId(word as u32 * 64 + bit))
            })
        })
    }

    /// The arms of the set, ascending, all at once: a full word is a range.
    pub(crate) fn to_vec(&self) -> Vec<ArmId> {
        let mut arms = Vec::with_capacity(self.len());
        for (word, &bits) in (0..).zip(&*self.words) {
            let first = 64 * word;
            if bits == u64::MAX {
                arms.extend((first..first + 64).map(ArmId));
                continue;
            }
            let mut left = bits;
            while left != 0 {
                arms.push(ArmId(first + left.trailing_zeros()));
                left &= left - 1;
            }
        }
        arms
    }

    /// A 64-bit digest of the set: equal sets have equal digests, and different ones almost always different
    /// digests. The same on every platform and in every release. Not proof against an adversary, so whoever
    /// finds a set by its digest compares the sets.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// Fingerprint of the arm space the set belongs to.
    #[must_use]
    pub fn space(&self) -> u64 {
        self.space
    }

    /// The bits, arm 0 in the lowest bit of the first word.
    pub(crate) fn words(&self) -> &[u64] {
        &self.words
    }

    /// Whether another set of the same space has every arm of this one.
    pub(crate) fn is_subset(&self, other: &Self) -> bool {
        self.space == other.space && self.words.iter().zip(&*other.words).all(|(&a, &b)| a & !b == 0)
    }

    /// The bits, shared: nothing is copied.
    pub(crate) fn shared_words(&self) -> Arc<[u64]> {
        Arc::clone(&self.words)
    }

    #[track_caller]
    fn combine(&mut self, other: &Self, operation: impl Fn(u64, u64) -> u64) {
        assert!(
            self.space == other.space,
            "sets of different arm spaces: {:016x} and {:016x}",
            self.space,
            other.space
        );
        match Arc::get_mut(&mut self.words) {
            Some(words) => words.iter_mut().zip(&*other.words).for_each(|(a, &b)| *a = operation(*a, b)),
            None => {
                self.words = self.words.iter().zip(&*other.words).map(|(&a, &b)| operation(a, b)).collect()
            }
        }
        self.measure();
    }

    /// Counts and digests the words: four independent chains of multiply and fold (so that the multiplier's
    /// latency is hidden), joined and finished with the mixer of SplitMix64 (Steele, Lea, Flood 2014).
    fn measure(&mut self) {
        /// 2⁶⁴ / golden ratio, odd: the increment of SplitMix64.
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let fold = |hash: u64, word: u64| {
            let product = (hash ^ word).wrapping_mul(STEP);
            product ^ product >> 32
        };
        let mut lanes = [1, 2, 3, 4].map(|lane| STEP.wrapping_mul(lane) ^ self.space);
        let mut len = 0;
        let chunks = self.words.chunks_exact(4);
        for (lane, &word) in lanes.iter_mut().zip(chunks.remainder()) {
            *lane = fold(*lane, word);
            len += word.count_ones();
        }
        for chunk in chunks {
            for (lane, &word) in lanes.iter_mut().zip(chunk) {
                *lane = fold(*lane, word);
                len += word.count_ones();
            }
        }
        let mut hash = lanes.iter().fold(STEP, |hash, &lane| fold(hash.rotate_left(23), lane));
        hash = (hash ^ hash >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        hash = (hash ^ hash >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        self.digest = hash ^ hash >> 31;
        self.len = len;
    }
}

impl Clone for Eligibility {
    fn clone(&self) -> Self {
        Self { words: Arc::clone(&self.words), ..*self }
    }

    fn clone_from(&mut self, other: &Self) {
        match Arc::get_mut(&mut self.words) {
            Some(words) if words.len() == other.words.len() => {
                words.copy_from_slice(&other.words);
                let Self { words: _, space, arms, len, digest } = *other;
                (self.space, self.arms, self.len, self.digest) = (space, arms, len, digest);
            }
            _ => *self = other.clone(),
        }
    }
}

impl PartialEq for Eligibility {
    /// Whether the sets have the same arms of the same space: by address first, then by every bit.
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
            && self.space == other.space
            && (Arc::ptr_eq(&self.words, &other.words) || self.words == other.words)
    }
}

impl Eq for Eligibility {}

impl fmt::Debug for Eligibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Eligibility({} of {} arms, {:016x})", self.len, self.arms, self.digest)
    }
}

macro_rules! operators {
    ($($operator:ident $method:ident, $assign:ident $assign_method:ident: $operation:expr;)*) => {$(
        impl $assign<&Eligibility> for Eligibility {
            #[track_caller]
            fn $assign_method(&mut self, other: &Eligibility) {
                self.combine(other, $operation);
            }
        }

        impl $operator<&Eligibility> for Eligibility {
            type Output = Eligibility;
            #[track_caller]
            fn $method(mut self, other: &Eligibility) -> Eligibility {
                self.combine(other, $operation);
                self
            }
        }

        impl $operator for Eligibility {
            type Output = Eligibility;
            #[track_caller]
            fn $method(self, other: Eligibility) -> Eligibility {
                self.$method(&other)
            }
        }

        impl $operator<&Eligibility> for &Eligibility {
            type Output = Eligibility;
            #[track_caller]
            fn $method(self, other: &Eligibility) -> Eligibility {
                self.clone().$method(other)
            }
        }

        impl $operator<Eligibility> for &Eligibility {
            type Output = Eligibility;
            #[track_caller]
            fn $method(self, other: Eligibility) -> Eligibility {
                self.clone().$method(&other)
            }
        }
    )*};
}

operators! {
    BitAnd bitand, BitAndAssign bitand_assign: |a, b| a & b;
    BitOr bitor, BitOrAssign bitor_assign: |a, b| a | b;
    Sub sub, SubAssign sub_assign: |a, b| a & !b;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_at_once_as_one_by_one() {
        let arms = ArmSpace::builder().dimension("arm", (0..200).map(|arm| arm.to_string())).build();
        let arms = arms.unwrap_or_else(|error| panic!("{error}"));
        for set in [arms.all(), arms.eligible(|arm| arm.id().index() != 70), arms.eligible(|_| false)] {
            assert_eq!(set.to_vec(), set.iter().collect::<Vec<_>>());
        }
    }
}
