//! Rows of named fields, whatever the file they come from.

use super::error::Fault;
use super::input::CsvRows;
use super::json::JsonRows;
#[cfg(feature = "parquet")]
use super::parquet::ParquetRows;

/// The rows of a file, one at a time.
pub(super) enum Rows<'a> {
    Csv(CsvRows<'a>),
    Json(JsonRows<'a>),
    #[cfg(feature = "parquet")]
    Parquet(ParquetRows),
}

impl Rows<'_> {
    /// The names of the columns, and the line on which they stand; asked for once, before the first row.
    pub(super) fn header(&mut self) -> Result<(Vec<String>, u64), Fault> {
        match self {
            Self::Csv(rows) => rows.header(),
            Self::Json(rows) => Ok(rows.header()),
            #[cfg(feature = "parquet")]
            Self::Parquet(rows) => Ok(rows.header()),
        }
    }

    /// Nobody will ask for fields at other positions than these.
    pub(super) fn only(&mut self, positions: Vec<usize>) -> Result<(), Fault> {
        match self {
            // The others are passed over byte by byte all the same.
            Self::Csv(_) | Self::Json(_) => drop(positions),
            #[cfg(feature = "parquet")]
            Self::Parquet(rows) => rows.only(positions)?,
        }
        Ok(())
    }

    /// Goes to the next row; false behind the last.
    pub(super) fn advance(&mut self) -> Result<bool, Fault> {
        match self {
            Self::Csv(rows) => rows.advance(),
            Self::Json(rows) => rows.advance(),
            #[cfg(feature = "parquet")]
            Self::Parquet(rows) => rows.advance(),
        }
    }

    /// The line, from 1, on which the row begins; in Parquet its number.
    pub(super) fn line(&self) -> u64 {
        match self {
            Self::Csv(rows) => rows.line(),
            Self::Json(rows) => rows.line(),
            #[cfg(feature = "parquet")]
            Self::Parquet(rows) => rows.line(),
        }
    }

    /// A field of the row; the position is below the number of columns.
    pub(super) fn field(&self, position: usize) -> &[u8] {
        match self {
            Self::Csv(rows) => rows.field(position),
            Self::Json(rows) => rows.field(position),
            #[cfg(feature = "parquet")]
            Self::Parquet(rows) => rows.field(position),
        }
    }
}

/// Fields as bytes one behind another.
#[derive(Debug, Default)]
pub(super) struct Fields {
    bytes: Vec<u8>,
    /// Where each begins and ends.
    places: Vec<(usize, usize)>,
}

/// What separates the members of a list: no text that anybody types has it.
pub(super) const SEPARATOR: char = '\u{1f}';

impl Fields {
    /// Empty fields, so many.
    pub(super) fn clear(&mut self, fields: usize) {
        self.bytes.clear();
        self.places.clear();
        self.places.resize(fields, (0, 0));
    }

    /// Where the next field begins.
    pub(super) fn begin(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes, to write a field to.
    pub(super) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// What was written since is the field of this position.
    pub(super) fn end(&mut self, position: usize, begin: usize) {
        self.places[position] = (begin, self.bytes.len());
    }

    pub(super) fn get(&self, position: usize) -> &[u8] {
        let (begin, end) = self.places[position];
        &self.bytes[begin..end]
    }
}
