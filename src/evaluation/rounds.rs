//! A look at the rounds of a log, one by one.

use std::ops::Range;

use super::log::Log;
use super::round::Round;

/// The rounds of a log, in the order in which they happened. They are put together as they are asked for.
#[derive(Clone, Copy, Debug)]
pub struct Rounds<'a> {
    log: &'a Log,
}

/// An iterator over [`Rounds`].
#[derive(Clone, Debug)]
pub struct RoundsIter<'a> {
    log: &'a Log,
    left: Range<usize>,
}

impl<'a> Rounds<'a> {
    pub(super) fn new(log: &'a Log) -> Self {
        Self { log }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.log.columns().arms.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A round by its number, from 0.
    #[must_use]
    pub fn get(&self, number: usize) -> Option<Round> {
        (number < self.len()).then(|| self.log.at(number))
    }

    /// All rounds, in order.
    #[must_use]
    pub fn iter(&self) -> RoundsIter<'a> {
        RoundsIter { log: self.log, left: 0..self.len() }
    }
}

impl<'a> IntoIterator for Rounds<'a> {
    type Item = Round;
    type IntoIter = RoundsIter<'a>;

    fn into_iter(self) -> RoundsIter<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for &Rounds<'a> {
    type Item = Round;
    type IntoIter = RoundsIter<'a>;

    fn into_iter(self) -> RoundsIter<'a> {
        self.iter()
    }
}

impl Iterator for RoundsIter<'_> {
    type Item = Round;

    fn next(&mut self) -> Option<Round> {
        self.left.next().map(|number| self.log.at(number))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.left.size_hint()
    }
}

impl DoubleEndedIterator for RoundsIter<'_> {
    fn next_back(&mut self) -> Option<Round> {
        self.left.next_back().map(|number| self.log.at(number))
    }
}

impl ExactSizeIterator for RoundsIter<'_> {}
