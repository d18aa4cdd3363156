//! Exactly once, where outcomes come in stages: one word for each decision that has any, joined by compare-and-swap.
//!
//! The word is the claim as well, so that the two cannot disagree: 0 while nothing has come, and one that no stages lead
//! to for a decision that was taken back. Words lie in sheets of 128 bytes, made on first touch: where nearly every
//! decision has an outcome (a receipt of delivery, say), each takes 8.5 bytes.

use crate::reward::{Baseline, Contribution, DuplicateStage, Joined, Stage, StagedReward};
use crate::sync::{AtomicU64, Ordering, SetOnce};

use super::radix::{Directory, PAGE_BITS, Radix};
use super::table::Blank;

/// Words in a sheet: two cache lines, since stored words must not cost much more memory than the text they come from.
const SHEET: usize = if cfg!(loom) { 4 } else { 16 };
/// Sheets in a quire.
const QUIRE: usize = if cfg!(loom) { 4 } else { 64 };
/// Quires in a page.
const PAGE: usize = (1 << PAGE_BITS) / (SHEET * QUIRE);

/// A decision that was taken back: a sum without any stage, which no joining leads to.
const WITHDRAWN: u64 = 1 << 16;
/// The part of a word that tells the stages.
const STAGES: u64 = (1 << 16) - 1;

#[derive(Debug)]
#[repr(align(64))]
struct Sheet([AtomicU64; SHEET]);

impl Blank for Sheet {
    fn blank() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

type Page = Directory<Directory<Sheet, QUIRE>, PAGE>;

/// What has come of each decision.
#[derive(Debug)]
pub(super) struct Outcomes {
    /// The first sheets of an earlier life, up to its last word: thousands of lives take no page each.
    earlier: Box<[SetOnce<Sheet>]>,
    /// All sheets after those.
    pages: Radix<Page>,
}

/// Why a stage does not join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unjoined {
    /// It has arrived before.
    Duplicate(Stage),
    /// The decision was taken back.
    Withdrawn,
}

impl Outcomes {
    pub(super) fn new() -> Self {
        Self::restored(&[])
    }

    /// The words of an earlier life, by ascending number.
    pub(super) fn restored(words: &[(u64, u64)]) -> Self {
        let sheets = words.last().map_or(0, |&(sequence, _)| sequence as usize / SHEET + 1);
        let earlier = (0..sheets).map(|_| SetOnce::new()).collect();
        let outcomes = Self { earlier, pages: Radix::new() };
        for &(sequence, bits) in words {
            outcomes.word(sequence).store(bits, Ordering::Release);
        }
        outcomes
    }

    /// Joins a stage, once among all threads; whether it is the decision's first, and the totals without and with it.
    pub(super) fn join(
        &self,
        sequence: u64,
        baseline: Baseline,
        contribution: Contribution,
    ) -> Result<(bool, Joined), Unjoined> {
        let word = self.word(sequence);
        // Acquire and AcqRel: joining comes before the additions it allows, as with claims.
        let mut before = word.load(Ordering::Acquire);
        loop {
            if before == WITHDRAWN {
                return Err(Unjoined::Withdrawn);
            }
            let joined = StagedReward::from_bits(before)
                .join(baseline, contribution)
                .map_err(|DuplicateStage { stage }| Unjoined::Duplicate(stage))?;
            let after = joined.state.bits();
            match word.compare_exchange_weak(before, after, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Ok((before == 0, joined)),
                Err(found) => before = found,
            }
        }
    }

    /// Takes a decision back, unless something has come of it; whether this call did.
    pub(super) fn withdraw(&self, sequence: u64) -> bool {
        let word = self.word(sequence);
        // As above. A loop, because the weak exchange may fail for no reason.
        while word.load(Ordering::Acquire) == 0 {
            let taken = word.compare_exchange_weak(0, WITHDRAWN, Ordering::AcqRel, Ordering::Acquire);
            if taken.is_ok() {
                return true;
            }
        }
        false
    }

    /// The words other than 0, by ascending number.
    pub(super) fn read(&self) -> Vec<(u64, u64)> {
        let earlier = self.earlier.iter().enumerate();
        let earlier = earlier.filter_map(|(sheet, words)| Some((sheet as u64, words.get()?)));
        let sheets = self.pages.pages().flat_map(|(page, quires)| {
            let quires = quires.each().map(move |(quire, sheets)| (page * PAGE as u64 + quire, sheets));
            quires.flat_map(|(quire, sheets)| {
                sheets.each().map(move |(sheet, words)| (quire * QUIRE as u64 + sheet, words))
            })
        });
        let words = earlier.chain(sheets).flat_map(|(sheet, words)| {
            // Acquire: pairs with `join`.
            let words = words.0.iter().map(|word| word.load(Ordering::Acquire));
            (sheet * SHEET as u64..).zip(words)
        });
        words.filter(|&(_, bits)| bits != 0).collect()
    }

    /// Whether these bits, from wherever they come, can be a decision's word.
    pub(super) fn is_word(bits: u64) -> bool {
        bits == WITHDRAWN || bits & STAGES != 0
    }

    fn word(&self, sequence: u64) -> &AtomicU64 {
        let place = (sequence & ((1 << PAGE_BITS) - 1)) as usize;
        let earlier = usize::try_from(sequence / SHEET as u64).ok().and_then(|sheet| self.earlier.get(sheet));
        let sheet = match earlier {
            Some(sheet) => sheet.get_or_set(Sheet::blank),
            None => {
                let quires = self.pages.touch(sequence >> PAGE_BITS);
                quires.touch(place / (SHEET * QUIRE)).touch(place / SHEET % QUIRE)
            }
        };
        &sheet.0[place % SHEET]
    }
}
