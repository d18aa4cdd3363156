//! Columns that take as few bytes a round as their numbers need: a log of ten millions is a hundred megabytes, not a
//! thousand.

use std::collections::HashMap;
use std::ops::Range;

/// Whole numbers, in no byte each while all are 0, else in one, two or four.
#[derive(Clone, Debug)]
pub(super) enum Codes {
    Zeros(usize),
    Bytes(Vec<u8>),
    Shorts(Vec<u16>),
    Words(Vec<u32>),
}

impl Default for Codes {
    fn default() -> Self {
        Self::Zeros(0)
    }
}

impl Codes {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Zeros(len) => *len,
            Self::Bytes(codes) => codes.len(),
            Self::Shorts(codes) => codes.len(),
            Self::Words(codes) => codes.len(),
        }
    }

    pub(super) fn push(&mut self, code: u32) {
        match self {
            Self::Zeros(len) if code == 0 => *len += 1,
            Self::Bytes(codes) if code <= u32::from(u8::MAX) => codes.push(code as u8),
            Self::Shorts(codes) if code <= u32::from(u16::MAX) => codes.push(code as u16),
            Self::Words(codes) => codes.push(code),
            _ => {
                self.widen(code);
                self.push(code);
            }
        }
    }

    /// Makes room for numbers up to this one.
    fn widen(&mut self, code: u32) {
        let numbers = 0..self.len();
        *self = if code <= u32::from(u8::MAX) {
            Self::Bytes(numbers.map(|number| self.get(number) as u8).collect())
        } else if code <= u32::from(u16::MAX) {
            Self::Shorts(numbers.map(|number| self.get(number) as u16).collect())
        } else {
            Self::Words(numbers.map(|number| self.get(number)).collect())
        };
    }

    /// The number of a round; the round is below [`Codes::len`].
    pub(super) fn get(&self, round: usize) -> u32 {
        match self {
            Self::Zeros(_) => 0,
            Self::Bytes(codes) => u32::from(codes[round]),
            Self::Shorts(codes) => u32::from(codes[round]),
            Self::Words(codes) => codes[round],
        }
    }

    /// Appends something of the numbers of consecutive rounds: the width is asked once for all of them, so that the loop is
    /// one that vector units can take.
    pub(super) fn append<T: Clone>(&self, rounds: Range<usize>, to: &mut Vec<T>, of: impl Fn(u32) -> T) {
        match self {
            Self::Zeros(_) => to.resize(to.len() + rounds.len(), of(0)),
            Self::Bytes(codes) => to.extend(codes[rounds].iter().map(|&code| of(u32::from(code)))),
            Self::Shorts(codes) => to.extend(codes[rounds].iter().map(|&code| of(u32::from(code)))),
            Self::Words(codes) => to.extend(codes[rounds].iter().map(|&code| of(code))),
        }
    }

    /// Whether the numbers of consecutive rounds are all 0.
    pub(super) fn are_zeros(&self, rounds: Range<usize>) -> bool {
        match self {
            Self::Zeros(_) => true,
            Self::Bytes(codes) => codes[rounds].iter().all(|&code| code == 0),
            Self::Shorts(codes) => codes[rounds].iter().all(|&code| code == 0),
            Self::Words(codes) => codes[rounds].iter().all(|&code| code == 0),
        }
    }

    /// Visits the numbers of consecutive rounds: the width is asked once for all of them.
    pub(super) fn each(&self, rounds: Range<usize>, mut visit: impl FnMut(u32)) {
        match self {
            Self::Zeros(_) => rounds.for_each(|_| visit(0)),
            Self::Bytes(codes) => codes[rounds].iter().for_each(|&code| visit(u32::from(code))),
            Self::Shorts(codes) => codes[rounds].iter().for_each(|&code| visit(u32::from(code))),
            Self::Words(codes) => codes[rounds].iter().for_each(|&code| visit(code)),
        }
    }

    /// Puts `of[code]` in the place of each number.
    #[cfg(any(feature = "csv", test))]
    pub(super) fn renumber(&mut self, of: &[u32]) {
        if of.iter().enumerate().all(|(code, &new)| code as u32 == new) {
            return;
        }
        // Wide enough for all that is to come, so that it can be done where the numbers are.
        let largest = of.iter().copied().max().unwrap_or(0);
        let narrow = match self {
            Self::Zeros(_) => largest > 0,
            Self::Bytes(_) => largest > 0xff,
            Self::Shorts(_) => largest > 0xffff,
            Self::Words(_) => false,
        };
        if narrow {
            self.widen(largest);
        }
        match self {
            Self::Zeros(_) => {}
            Self::Bytes(codes) => codes.iter_mut().for_each(|code| *code = of[usize::from(*code)] as u8),
            Self::Shorts(codes) => codes.iter_mut().for_each(|code| *code = of[usize::from(*code)] as u16),
            Self::Words(codes) => codes.iter_mut().for_each(|code| *code = of[*code as usize]),
        }
    }
}

/// Numbers of which most columns have few different ones: rewards of 0 and 1, the propensities of a policy that does not
/// learn. They are told by their place among the different ones, and themselves where those are too many.
#[derive(Clone, Debug)]
pub(super) enum Numbers {
    Few(Few),
    Many(Vec<f64>),
}

/// Different numbers, and for each round which of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Few {
    values: Vec<f64>,
    codes: Codes,
    /// By the bits of the number.
    known: HashMap<u64, u32>,
    /// What was asked for lately, as bits and place: most rounds need not be hashed.
    lately: Vec<(u64, u32)>,
}

/// Different numbers beyond which their places would save little: as many as two bytes tell apart.
const FEW: usize = 1 << 16;

/// Entries of what was asked for lately; a power of two.
const LATELY: usize = 256;

impl Default for Numbers {
    fn default() -> Self {
        Self::Few(Few::default())
    }
}

impl Few {
    /// The place of a number; none where there would be one too many.
    fn place(&mut self, number: f64) -> Option<u32> {
        let bits = number.to_bits();
        if self.lately.is_empty() {
            // No finite number has these bits.
            self.lately.resize(LATELY, (u64::MAX, 0));
        }
        // Multiplied so that the upper bits tell of all (D. E. Knuth, 1973, The Art of Computer Programming 3, 6.4).
        let slot = (bits.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as usize % LATELY;
        if self.lately[slot].0 == bits {
            return Some(self.lately[slot].1);
        }
        let next = self.values.len();
        let place = match self.known.get(&bits) {
            Some(&place) => place,
            None if next == FEW => return None,
            None => {
                self.known.insert(bits, next as u32);
                self.values.push(number);
                next as u32
            }
        };
        self.lately[slot] = (bits, place);
        Some(place)
    }
}

impl Numbers {
    pub(super) fn push(&mut self, number: f64) {
        match self {
            Self::Many(numbers) => numbers.push(number),
            Self::Few(few) => match few.place(number) {
                Some(place) => few.codes.push(place),
                None => {
                    let mut numbers: Vec<f64> = Vec::with_capacity(2 * few.codes.len());
                    few.codes.each(0..few.codes.len(), |code| numbers.push(few.values[code as usize]));
                    numbers.push(number);
                    *self = Self::Many(numbers);
                }
            },
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Few(few) => few.codes.len(),
            Self::Many(numbers) => numbers.len(),
        }
    }

    /// The number of a round; the round is below [`Numbers::len`].
    pub(super) fn get(&self, round: usize) -> f64 {
        match self {
            Self::Few(few) => few.values[few.codes.get(round) as usize],
            Self::Many(numbers) => numbers[round],
        }
    }

    /// Visits the numbers of consecutive rounds.
    pub(super) fn each(&self, rounds: Range<usize>, mut visit: impl FnMut(f64)) {
        match self {
            Self::Few(few) => few.codes.each(rounds, |code| visit(few.values[code as usize])),
            Self::Many(numbers) => numbers[rounds].iter().for_each(|&number| visit(number)),
        }
    }

    /// Appends the numbers of consecutive rounds.
    pub(super) fn append(&self, rounds: Range<usize>, to: &mut Vec<f64>) {
        match self {
            Self::Few(few) => match few.values[..] {
                [number] => to.resize(to.len() + rounds.len(), number),
                _ => few.codes.append(rounds, to, |code| few.values[code as usize]),
            },
            Self::Many(numbers) => to.extend_from_slice(&numbers[rounds]),
        }
    }

    /// Every number that is there, at least once.
    pub(super) fn values(&self) -> &[f64] {
        match self {
            Self::Few(few) => &few.values,
            Self::Many(numbers) => numbers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_widen_as_they_must_and_keep_what_was_there() {
        let mut codes = Codes::default();
        let mut expected = Vec::new();
        for (number, code) in [(5, 0), (300, 7), (300, 255), (300, 256), (9, 65_536), (3, 0)] {
            for _ in 0..number {
                codes.push(code);
                expected.push(code);
            }
            let mut all = Vec::new();
            codes.each(0..codes.len(), |code| all.push(code));
            assert_eq!(all, expected);
            assert!((0..codes.len()).all(|round| codes.get(round) == expected[round]));
        }
        assert!(matches!(codes, Codes::Words(_)));
    }

    #[test]
    fn renumbered_in_place_and_wider() {
        let mut codes = Codes::default();
        [0, 1, 1, 2].into_iter().for_each(|code| codes.push(code));
        codes.renumber(&[2, 0, 1]);
        assert_eq!([0, 1, 2, 3].map(|round| codes.get(round)), [2, 0, 0, 1]);
        codes.renumber(&[700, 5, 70_000]);
        assert_eq!([0, 1, 2, 3].map(|round| codes.get(round)), [70_000, 700, 700, 5]);
        let mut zeros = Codes::Zeros(2);
        zeros.renumber(&[3]);
        assert_eq!((zeros.get(0), zeros.get(1)), (3, 3));
    }

    #[test]
    fn numbers_are_told_by_their_place_until_they_are_too_many() {
        let mut numbers = Numbers::default();
        let of = |round: usize| if round.is_multiple_of(3) { -0.0 } else { 1.0 / (1 + round / 7) as f64 };
        let rounds = 7 * FEW + 100;
        for round in 0..rounds {
            assert!(round > 6 * FEW || matches!(numbers, Numbers::Few(_)));
            numbers.push(of(round));
        }
        assert!(matches!(numbers, Numbers::Many(_)) && numbers.len() == rounds);
        assert!((0..rounds).all(|round| numbers.get(round).to_bits() == of(round).to_bits()));
    }
}
