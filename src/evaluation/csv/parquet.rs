//! Parquet: columns by name, read row by row.

use std::fs::File;
use std::io::Write;
use std::panic::{self, AssertUnwindSafe};

use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};
use parquet::schema::types::{Type, TypePtr};

use super::CsvFault;
use super::error::Fault;
use super::rows::{Fields, SEPARATOR};

/// The rows of a file, one at a time.
pub(super) struct ParquetRows {
    rows: Option<RowIter<'static>>,
    schema: TypePtr,
    columns: Vec<String>,
    /// The columns that are read, ascending.
    read: Vec<usize>,
    fields: Fields,
    number: u64,
}

impl ParquetRows {
    pub(super) fn open(file: File) -> Result<Self, Fault> {
        let unreadable = |error| Fault::nowhere(CsvFault::Parquet(error));
        let reader = guarded(|| SerializedFileReader::new(file)).map_err(unreadable)?;
        let schema = reader.metadata().file_metadata().schema_descr().root_schema_ptr();
        let columns: Vec<String> = schema.get_fields().iter().map(|field| field.name().to_owned()).collect();
        let read = (0..columns.len()).collect();
        Ok(Self {
            rows: Some(reader.into_iter()),
            schema,
            columns,
            read,
            fields: Fields::default(),
            number: 0,
        })
    }

    /// Reads these columns and no others: what the others hold is not even unpacked.
    pub(super) fn only(&mut self, mut positions: Vec<usize>) -> Result<(), Fault> {
        positions.sort_unstable();
        positions.dedup();
        let fields = positions.iter().map(|&position| TypePtr::clone(&self.schema.get_fields()[position]));
        let wanted = Type::group_type_builder(self.schema.name()).with_fields(fields.collect()).build();
        let rows = self.rows.take();
        let projected = guarded(|| {
            let wanted = wanted?;
            rows.map(|rows| rows.project(Some(wanted))).transpose()
        });
        self.rows = projected.map_err(|error| Fault::nowhere(CsvFault::Parquet(error)))?;
        self.read = positions;
        Ok(())
    }

    pub(super) fn header(&self) -> (Vec<String>, u64) {
        (self.columns.clone(), 1)
    }

    pub(super) fn advance(&mut self) -> Result<bool, Fault> {
        self.number += 1;
        let row = guarded(|| self.rows.as_mut().and_then(Iterator::next).transpose());
        let row = row.map_err(|error| Fault::row(self.number, CsvFault::Parquet(error)))?;
        let Some(row) = row else { return Ok(false) };
        self.take(&row)?;
        Ok(true)
    }

    pub(super) fn line(&self) -> u64 {
        self.number
    }

    pub(super) fn field(&self, position: usize) -> &[u8] {
        self.fields.get(position)
    }

    fn take(&mut self, row: &Row) -> Result<(), Fault> {
        self.fields.clear(self.columns.len());
        for (&position, (column, field)) in self.read.iter().zip(row.get_column_iter()) {
            let begin = self.fields.begin();
            write(self.fields.bytes(), field).map_err(|fault| Fault::field(self.number, column, fault))?;
            self.fields.end(position, begin);
        }
        Ok(())
    }
}

/// What the reader says. Of damage it does not expect it panics, which is no reason for whoever reads a file to end:
/// nothing is asked of it again after that.
fn guarded<T>(read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ParquetError> {
    let damaged = |_| Err(ParquetError::General("the file is damaged".to_owned()));
    panic::catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(damaged)
}

/// A value as the text that a CSV file would have; a list with a separator before each member and behind the last, as in
/// JSON Lines.
fn write(bytes: &mut Vec<u8>, field: &Field) -> Result<(), CsvFault> {
    match field {
        Field::Null => {}
        Field::Str(text) => bytes.extend_from_slice(text.as_bytes()),
        Field::Bytes(text) => bytes.extend_from_slice(text.data()),
        Field::Bool(value) => bytes.extend_from_slice(if *value { b"true" } else { b"false" }),
        Field::Double(value) => text(bytes, value)?,
        // Shortest digits: 0.1 in a narrow column is 0.1.
        Field::Float(value) => text(bytes, value)?,
        Field::Group(_) | Field::MapInternal(_) => return Err(CsvFault::Nested),
        Field::ListInternal(list) => {
            for member in list.elements() {
                text(bytes, SEPARATOR)?;
                write(bytes, member)?;
            }
            text(bytes, SEPARATOR)?;
        }
        other => text(bytes, other)?,
    }
    Ok(())
}

fn text(bytes: &mut Vec<u8>, value: impl std::fmt::Display) -> Result<(), CsvFault> {
    write!(bytes, "{value}").map_err(|error| CsvFault::Parquet(ParquetError::External(Box::new(error))))
}
