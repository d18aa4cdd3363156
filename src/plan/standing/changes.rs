//! Which arms of a segment have changed: a bit each, and above every word of bits a bit that says "look below".
//!
//! Whoever changes an arm's counters sets its bit and then those above, from the bottom to the top; whoever collects
//! takes whole words away from the top to the bottom. A bit stays until somebody has taken it, however often it was set
//! meanwhile: there is no room to run out of, and nothing to wait for. A bit whose writer has not come to the top yet is
//! found once it has, and its event is counted only after that.

use crate::arm::ArmId;
use crate::sync::{AtomicU64, Ordering};

/// Bits used of a word.
const FAN: usize = if cfg!(loom) { 2 } else { 64 };

#[derive(Debug)]
pub(super) struct Changes {
    /// The arms' words first, a single word last.
    levels: Box<[Box<[AtomicU64]>]>,
}

impl Changes {
    pub(super) fn new(arms: usize) -> Self {
        let mut levels: Vec<Box<[AtomicU64]>> = Vec::new();
        let mut below = arms;
        while levels.last().is_none_or(|level| level.len() > 1) {
            below = below.div_ceil(FAN).max(1);
            levels.push((0..below).map(|_| AtomicU64::new(0)).collect());
        }
        Self { levels: levels.into() }
    }

    /// Notes a change, after the counters and before the event.
    pub(super) fn mark(&self, arm: ArmId) {
        let mut index = arm.index();
        for level in &self.levels {
            // Always written, also where the bit is set already: only a read-modify-write comes certainly before or
            // after the one that takes the word away. Release: who takes the bit sees the counters, and the bits below.
            level[index / FAN].fetch_or(1 << (index % FAN), Ordering::Release);
            index /= FAN;
        }
    }

    /// Takes all changes noted. Their counters are read after that, so that a later change is noted anew.
    pub(super) fn take(&self, visit: &mut impl FnMut(ArmId)) {
        self.take_below(self.levels.len() - 1, 0, visit);
    }

    fn take_below(&self, level: usize, word: usize, visit: &mut impl FnMut(ArmId)) {
        // Acquire: the counters, and the bits below, of all who set one of these.
        let mut left = self.levels[level][word].swap(0, Ordering::Acquire);
        while left != 0 {
            let index = word * FAN + left.trailing_zeros() as usize;
            left &= left - 1;
            match level.checked_sub(1) {
                Some(below) => self.take_below(below, index, visit),
                None => visit(ArmId::new(index as u32)),
            }
        }
    }
}
