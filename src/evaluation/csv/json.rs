//! JSON Lines: an object a row, whose keys are the columns.

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::error::Fault;
use super::rows::{Fields, SEPARATOR};
use super::{Columns, CsvFault};

/// The rows of a file, one at a time.
pub(super) struct JsonRows<'a> {
    source: Box<dyn BufRead + 'a>,
    text: Vec<u8>,
    line: u64,
    columns: Vec<String>,
    fields: Fields,
    /// Whether a column had a value in this row.
    there: Vec<bool>,
    /// Whether the row read is still to be given out.
    first: bool,
}

impl<'a> JsonRows<'a> {
    /// Reads the first row, whose keys are the columns.
    pub(super) fn open(source: impl Read + 'a) -> Result<Self, Fault> {
        let mut rows = Self {
            source: Box::new(BufReader::with_capacity(1 << 16, source)),
            text: Vec::new(),
            line: 0,
            columns: Vec::new(),
            fields: Fields::default(),
            there: Vec::new(),
            first: true,
        };
        if !rows.next_line()? {
            return Err(Fault::nowhere(CsvFault::NoRows));
        }
        let mut columns = Vec::new();
        rows.parse(Row::Keys(&mut columns))?;
        rows.columns = columns;
        rows.take()?;
        Ok(rows)
    }

    pub(super) fn header(&self) -> (Vec<String>, u64) {
        (self.columns.clone(), self.line)
    }

    pub(super) fn advance(&mut self) -> Result<bool, Fault> {
        if std::mem::take(&mut self.first) {
            return Ok(true);
        }
        if !self.next_line()? {
            return Ok(false);
        }
        self.take()?;
        Ok(true)
    }

    pub(super) fn line(&self) -> u64 {
        self.line
    }

    pub(super) fn field(&self, position: usize) -> &[u8] {
        self.fields.get(position)
    }

    /// Goes to the next line that is not blank; false behind the last.
    fn next_line(&mut self) -> Result<bool, Fault> {
        loop {
            self.text.clear();
            self.line += 1;
            let limit = Columns::MAX_ROW + 1;
            let read = self.source.by_ref().take(limit).read_until(b'\n', &mut self.text);
            let read = read.map_err(|error| Fault::row(self.line, CsvFault::Read(error)))?;
            if read as u64 == limit {
                return Err(Fault::row(self.line, CsvFault::LongRow));
            }
            if read == 0 {
                return Ok(false);
            }
            if !self.text.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
    }

    /// The fields of the line.
    fn take(&mut self) -> Result<(), Fault> {
        let columns = std::mem::take(&mut self.columns);
        let (mut fields, mut there) = (std::mem::take(&mut self.fields), std::mem::take(&mut self.there));
        fields.clear(columns.len());
        there.clear();
        there.resize(columns.len(), false);
        let result = self.parse(Row::Fields { columns: &columns, fields: &mut fields, there: &mut there });
        (self.columns, self.fields, self.there) = (columns, fields, there);
        result
    }

    fn parse(&self, row: Row<'_>) -> Result<(), Fault> {
        // Without its end, which the parser would count as a line.
        let mut deserializer = serde_json::Deserializer::from_slice(self.text.trim_ascii_end());
        let read = row.deserialize(&mut deserializer).and_then(|()| deserializer.end());
        read.map_err(|error| Fault::row(self.line, CsvFault::Json(error)))
    }
}

/// What is taken of a row.
enum Row<'a> {
    Keys(&'a mut Vec<String>),
    Fields { columns: &'a [String], fields: &'a mut Fields, there: &'a mut [bool] },
}

impl<'de> DeserializeSeed<'de> for Row<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Row<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a value for each column")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        match self {
            Self::Keys(columns) => {
                while let Some(key) = map.next_key()? {
                    columns.push(key);
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Self::Fields { columns, fields, there } => {
                let mut next = 0;
                while let Some(position) = map.next_key_seed(Key { columns, next })? {
                    let Some(position) = position else {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    };
                    next = position + 1;
                    if std::mem::replace(&mut there[position], true) {
                        let message = format_args!("column {:?} is there more than once", columns[position]);
                        return Err(serde::de::Error::custom(message));
                    }
                    let begin = fields.begin();
                    map.next_value_seed(Field(fields.bytes())).map_err(|error| {
                        serde::de::Error::custom(format_args!("column {:?}: {error}", columns[position]))
                    })?;
                    fields.end(position, begin);
                }
            }
        }
        Ok(())
    }
}

/// The position of a key, mostly the one behind the last; none if it is no column.
struct Key<'a> {
    columns: &'a [String],
    next: usize,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a column")
    }

    fn visit_str<E>(self, key: &str) -> Result<Option<usize>, E> {
        let expected = self.columns.get(self.next).filter(|column| *column == key).map(|_| self.next);
        Ok(expected.or_else(|| self.columns.iter().position(|column| column == key)))
    }
}

/// A value as the text that a CSV file would have; a list with its members one behind another.
struct Field<'a>(&'a mut Vec<u8>);

impl Field<'_> {
    fn write<E: serde::de::Error>(self, value: impl fmt::Display) -> Result<(), E> {
        write!(self.0, "{value}").map_err(E::custom)
    }
}

impl<'de> DeserializeSeed<'de> for Field<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Field<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, a text, true, false, null or a list of these")
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.write(value)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.write(value)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        match value {
            0..=9 => self.0.push(b'0' + value as u8),
            _ => return self.write(value),
        }
        Ok(())
    }

    /// The shortest digits that give the same number back.
    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        self.write(value)
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.0.extend_from_slice(value.as_bytes());
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        // One before each, so that a list of one or none differs from a text and from nothing.
        loop {
            write!(self.0, "{SEPARATOR}").map_err(serde::de::Error::custom)?;
            if members.next_element_seed(Field(self.0))?.is_none() {
                return Ok(());
            }
        }
    }
}
