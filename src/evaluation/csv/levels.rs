//! Levels and their combinations, numbered as they appear and put in order at the end.

use std::collections::HashMap;

use crate::segment::Segments;

use super::CsvFault;
use super::recent::Recent;

/// The level that stands for an empty value.
const EMPTY: &str = "(empty)";

/// The most bytes of a level's name: longer ones are no names but texts, and would only fill the memory.
const MAX_NAME: usize = 1000;

/// The different values of a column.
#[derive(Debug)]
pub(super) struct Levels {
    numbers: HashMap<String, u32>,
    recent: Recent<u32>,
    limit: u64,
}

impl Levels {
    pub(super) fn new(limit: u64) -> Self {
        Self { numbers: HashMap::new(), recent: Recent::new(), limit }
    }

    /// The level of a value.
    pub(super) fn name(text: &str) -> &str {
        if text.is_empty() { EMPTY } else { text }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// The number of a value, in order of first appearance.
    pub(super) fn number(&mut self, field: &[u8]) -> Result<u32, CsvFault> {
        let Self { numbers, recent, limit } = self;
        recent.get(field, || {
            let text = str::from_utf8(field).map_err(|_| CsvFault::NotUtf8)?;
            let name = Self::name(text);
            if let Some(&number) = numbers.get(name) {
                return Ok(number);
            }
            if name.len() > MAX_NAME {
                return Err(CsvFault::LongLevel { bytes: name.len(), limit: MAX_NAME });
            }
            let number = numbers.len() as u32;
            if u64::from(number) >= *limit {
                return Err(CsvFault::Levels { limit: *limit });
            }
            numbers.insert(name.to_owned(), number);
            Ok(number)
        })
    }

    /// The values in ascending order of their bytes, and for each number the place of its value among them.
    pub(super) fn sorted(&self) -> (Vec<String>, Vec<u32>) {
        let mut levels: Vec<(&String, u32)> =
            self.numbers.iter().map(|(name, &number)| (name, number)).collect();
        levels.sort_unstable();
        let mut order = vec![0; levels.len()];
        for (place, &(_, number)) in levels.iter().enumerate() {
            order[number as usize] = place as u32;
        }
        (levels.into_iter().map(|(name, _)| name.clone()).collect(), order)
    }
}

/// The different combinations of levels of the segment columns.
#[derive(Debug, Default)]
pub(super) struct Crossings {
    numbers: HashMap<Box<[u32]>, u32>,
    /// Without a look-up, by mixed radix, while all levels are below [`NEAR`].
    near: Vec<Option<u32>>,
}

/// Levels of each column that combine without a look-up, and the columns that may do so.
const NEAR: u32 = 16;
const NEAR_COLUMNS: usize = 4;

impl Crossings {
    /// The number of a combination, in order of first appearance.
    pub(super) fn number(&mut self, levels: &[u32]) -> Result<u32, CsvFault> {
        if levels.len() > NEAR_COLUMNS || levels.iter().any(|&level| level >= NEAR) {
            return self.look_up(levels);
        }
        let place = levels.iter().fold(0, |place, &level| place * NEAR + level) as usize;
        if self.near.is_empty() {
            self.near = vec![None; (NEAR as usize).pow(levels.len() as u32)];
        }
        if let Some(number) = self.near[place] {
            return Ok(number);
        }
        let number = self.look_up(levels)?;
        self.near[place] = Some(number);
        Ok(number)
    }

    fn look_up(&mut self, levels: &[u32]) -> Result<u32, CsvFault> {
        if let Some(&number) = self.numbers.get(levels) {
            return Ok(number);
        }
        let number = self.numbers.len() as u32;
        if u64::from(number) >= Segments::MAX_SEGMENTS {
            return Err(CsvFault::Crossings { limit: Segments::MAX_SEGMENTS });
        }
        self.numbers.insert(levels.into(), number);
        Ok(number)
    }

    /// Something of every combination, by its number.
    pub(super) fn map<T>(&self, mut of: impl FnMut(&[u32]) -> T) -> Vec<T> {
        let mut all: Vec<(&[u32], u32)> =
            self.numbers.iter().map(|(levels, &number)| (&**levels, number)).collect();
        all.sort_unstable_by_key(|&(_, number)| number);
        all.into_iter().map(|(levels, _)| of(levels)).collect()
    }
}
