//! A set of arms that is a list while it is small, and bits that a plan can share once it is large.

use crate::arm::Eligibility;
use crate::sync::Arc;

/// Members up to which a list is kept where the bits of all arms would take less.
const LIST: usize = 64;

#[derive(Debug)]
pub(super) enum Members {
    /// Arms, ascending.
    List(Vec<u32>),
    /// A bit for each arm, and how many are set.
    Bits(Arc<[u64]>, u32),
}

impl Members {
    pub(super) fn none() -> Self {
        Self::List(Vec::new())
    }

    pub(super) fn all(eligible: &Eligibility) -> Self {
        Self::Bits(eligible.shared_words(), eligible.len() as u32)
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::List(arms) => arms.len(),
            Self::Bits(_, len) => *len as usize,
        }
    }

    /// Adds an arm that is not among them, out of a space with so many words of bits.
    pub(super) fn insert(&mut self, arm: u32, words: usize) {
        match self {
            Self::List(arms) => {
                let place = arms.partition_point(|&member| member < arm);
                arms.insert(place, arm);
                // From here on the bits take less than the list.
                if arms.len() > LIST.max(2 * words) {
                    let mut bits = vec![0; words];
                    arms.iter().for_each(|&arm| bits[arm as usize / 64] |= 1 << (arm % 64));
                    *self = Self::Bits(bits.into(), arms.len() as u32);
                }
            }
            Self::Bits(bits, len) => {
                // Copied if a plan has them still.
                Arc::make_mut(bits)[arm as usize / 64] |= 1 << (arm % 64);
                *len += 1;
            }
        }
    }

    /// Removes an arm that is among them.
    pub(super) fn remove(&mut self, arm: u32) {
        match self {
            Self::List(arms) => {
                if let Ok(place) = arms.binary_search(&arm) {
                    arms.remove(place);
                }
            }
            Self::Bits(bits, len) => {
                Arc::make_mut(bits)[arm as usize / 64] &= !(1 << (arm % 64));
                *len -= 1;
                // Half of where a list becomes bits, so that an arm to and fro does not turn it over each time.
                if *len as usize <= LIST.max(2 * bits.len()) / 2 {
                    let mut arms = Vec::with_capacity(*len as usize);
                    each_bit(bits, |arm| arms.push(arm));
                    *self = Self::List(arms);
                }
            }
        }
    }

    pub(super) fn each(&self, mut visit: impl FnMut(u32)) {
        match self {
            Self::List(arms) => arms.iter().for_each(|&arm| visit(arm)),
            Self::Bits(bits, _) => each_bit(bits, visit),
        }
    }

    /// Adds the members to these bits.
    pub(super) fn add_to(&self, words: &mut [u64]) {
        match self {
            Self::List(arms) => arms.iter().for_each(|&arm| words[arm as usize / 64] |= 1 << (arm % 64)),
            Self::Bits(bits, _) => words.iter_mut().zip(&**bits).for_each(|(word, bits)| *word |= bits),
        }
    }
}

fn each_bit(bits: &[u64], mut visit: impl FnMut(u32)) {
    for (word, &bits) in (0..).zip(bits) {
        let mut left = bits;
        while left != 0 {
            visit(word * 64 + left.trailing_zeros());
            left &= left - 1;
        }
    }
}
