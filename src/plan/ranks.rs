//! From a place in a set to the arm that holds it, and back: counted ranks beside the set's bits.

use crate::arm::ArmId;

/// Words between two counted ranks: 512 arms.
const GROUP: usize = 8;

/// How many arms of a set lie before each group of words. Asked together with the words they were counted from.
#[derive(Debug)]
pub(super) struct Ranks(Box<[u32]>);

impl Ranks {
    pub(super) fn of(words: &[u64]) -> Self {
        let mut rank = 0;
        let before = words.chunks(GROUP).map(|group| {
            let before = rank;
            rank += group.iter().map(|word| word.count_ones()).sum::<u32>();
            before
        });
        Self(before.collect())
    }

    /// The arm at a position, which is below the number of arms in the set.
    pub(super) fn arm(&self, words: &[u64], position: u32) -> ArmId {
        let group = self.0.partition_point(|&rank| rank <= position) - 1;
        let mut left = position - self.0[group];
        for (word, &bits) in words.iter().enumerate().skip(group * GROUP) {
            let ones = bits.count_ones();
            if left < ones {
                let bits = (0..left).fold(bits, |bits, _| bits & (bits - 1));
                return ArmId::new(word as u32 * 64 + bits.trailing_zeros());
            }
            left -= ones;
        }
        unreachable!("a position is below the number of arms in the set")
    }

    /// The position of an arm of the set.
    pub(super) fn position(&self, words: &[u64], arm: ArmId) -> u32 {
        let (word, bit) = (arm.index() / 64, arm.index() % 64);
        let group = word / GROUP;
        let before: u32 = words[group * GROUP..word].iter().map(|bits| bits.count_ones()).sum();
        self.0[group] + before + (words[word] & ((1 << bit) - 1)).count_ones()
    }
}
