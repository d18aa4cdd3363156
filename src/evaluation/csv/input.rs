//! From bytes to rows: gzip and JSON by their first bytes, the separator by the header, rows of bounded length.

use std::cell::Cell;
use std::io::{self, BufReader, Cursor, Read};
use std::rc::Rc;

use ::csv::{ByteRecord, Reader, ReaderBuilder};
use flate2::bufread::MultiGzDecoder;

use super::error::Fault;
use super::json::JsonRows;
use super::rows::Rows;
use super::{Columns, CsvFault};

/// Unpacks, and tells JSON Lines from CSV: no header of a CSV file begins with a brace.
pub(super) fn open<'a>(input: impl Read + 'a) -> Result<Rows<'a>, Fault> {
    let unreadable = |error| Fault::nowhere(CsvFault::Read(error));
    let mut source = unpacked(input).map_err(unreadable)?;
    let mut first = Vec::new();
    source.by_ref().take(MARK.len() as u64).read_to_end(&mut first).map_err(unreadable)?;
    if first == MARK {
        first.clear();
    }
    // White space may go before the first row.
    while first.trim_ascii().is_empty() && (first.len() as u64) < Columns::MAX_ROW {
        if source.by_ref().take(1).read_to_end(&mut first).map_err(unreadable)? == 0 {
            break;
        }
    }
    if first.starts_with(b"PAR") {
        source.by_ref().take(1).read_to_end(&mut first).map_err(unreadable)?;
    }
    if first.starts_with(PARQUET) {
        return Err(Fault::nowhere(CsvFault::Packed));
    }
    let json = first.trim_ascii().starts_with(b"{");
    let source = Cursor::new(first).chain(source);
    if json { JsonRows::open(source).map(Rows::Json) } else { CsvRows::open(source).map(Rows::Csv) }
}

/// How a Parquet file begins.
pub(super) const PARQUET: &[u8] = b"PAR1";

/// The byte-order mark that some editors put before UTF-8.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// The rows of a CSV file, one at a time.
pub(super) struct CsvRows<'a> {
    reader: Reader<Rationed<'a>>,
    ration: Rc<Ration>,
    record: ByteRecord,
    line: u64,
    /// Fields of the header, once it was read.
    header: Option<usize>,
}

impl<'a> CsvRows<'a> {
    /// Finds the separator.
    fn open(mut source: impl Read + 'a) -> Result<Self, Fault> {
        let unreadable = |error| Fault::nowhere(CsvFault::Read(error));
        let head = head(&mut source).map_err(unreadable)?;
        let ration = Rc::new(Ration::default());
        let source: Box<dyn Read + 'a> = Box::new(Cursor::new(head.bytes).chain(source));
        let source = Rationed { source, ration: Rc::clone(&ration), last: None };
        // The lengths of rows are compared here, where line and file are known.
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(head.delimiter)
            .from_reader(source);
        Ok(Self { reader, ration, record: ByteRecord::new(), line: 1, header: None })
    }

    /// The first row, and its line.
    pub(super) fn header(&mut self) -> Result<(Vec<String>, u64), Fault> {
        if !self.advance()? {
            return Err(Fault::nowhere(CsvFault::NoHeader));
        }
        let names = self.record.iter().map(|field| str::from_utf8(field).map(str::to_owned));
        let names = names.collect::<Result<_, _>>();
        names.map(|names| (names, self.line)).map_err(|_| Fault::row(self.line, CsvFault::NotUtf8))
    }

    /// Goes to the next row; false behind the last.
    pub(super) fn advance(&mut self) -> Result<bool, Fault> {
        self.ration.left.set(Columns::MAX_ROW);
        let more = self.reader.read_byte_record(&mut self.record).map_err(|error| {
            let line = self.reader.position().line();
            match error.into_kind() {
                _ if self.ration.left.get() == 0 => Fault::row(line, CsvFault::LongRow),
                ::csv::ErrorKind::Io(error) => Fault::row(line, CsvFault::Read(error)),
                other => Fault::row(line, CsvFault::Read(io::Error::other(format!("{other:?}")))),
            }
        })?;
        if !more {
            return Ok(false);
        }
        // The reader counts from the end of the row before, blank lines included; this counts back from the end of
        // the row itself: an LF, unless the source ended while the row went on.
        let within = self.record.as_slice().iter().filter(|&&byte| byte == b'\n').count() as u64;
        let own = u64::from(!self.ration.ended.get());
        self.line = self.reader.position().line().saturating_sub(own + within);
        // A row that has its line end ends there, unless the line end is quoted.
        let terminated = matches!(self.reader.get_ref().last, Some(b'\n' | b'\r'));
        if self.ration.ended.get() && terminated {
            return Err(Fault::row(self.line, CsvFault::OpenQuote));
        }
        let (fields, header) = (self.record.len(), *self.header.get_or_insert(self.record.len()));
        if fields != header {
            return Err(Fault::row(self.line, CsvFault::Fields { fields, header, breaks: within > 0 }));
        }
        Ok(true)
    }

    /// The line, from 1, on which the row begins.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// A field of the row; the position is below the number of the header's fields.
    pub(super) fn field(&self, position: usize) -> &[u8] {
        &self.record[position]
    }
}

/// What the rows and their source tell each other.
#[derive(Default)]
struct Ration {
    /// Bytes that the source may still give out for the row.
    left: Cell<u64>,
    /// Whether the source was asked for more than it had.
    ended: Cell<bool>,
}

/// A source with every line end as LF, so that a row's first line can be told from its last; and one that gives out
/// no more bytes than its ration, since a quote that is never closed must not fill the memory with the rest of the
/// file.
struct Rationed<'a> {
    source: Box<dyn Read + 'a>,
    ration: Rc<Ration>,
    /// The last byte of the source.
    last: Option<u8>,
}

impl Read for Rationed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.ration.left.get();
        if left == 0 {
            return Err(io::Error::other("the row is too long"));
        }
        let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        loop {
            let read = self.source.read(&mut buffer[..most])?;
            if read == 0 {
                self.ration.ended.set(true);
                return Ok(0);
            }
            let given = self.line_ends(&mut buffer[..read]);
            // A lone LF after the CR of the last call gives nothing, which would read as the end.
            if given > 0 {
                self.ration.left.set(left - given as u64);
                return Ok(given);
            }
        }
    }
}

impl Rationed<'_> {
    /// Makes CRLF and CR into LF, in place, and returns how many bytes are left.
    fn line_ends(&mut self, bytes: &mut [u8]) -> usize {
        let before = std::mem::replace(&mut self.last, bytes.last().copied());
        if before != Some(b'\r') && !bytes.contains(&b'\r') {
            return bytes.len();
        }
        let (mut before, mut given) = (before, 0);
        for position in 0..bytes.len() {
            let byte = bytes[position];
            if !(byte == b'\n' && before == Some(b'\r')) {
                bytes[given] = if byte == b'\r' { b'\n' } else { byte };
                given += 1;
            }
            before = Some(byte);
        }
        given
    }
}

/// The bytes themselves, or what they unpack to if they begin like gzip.
fn unpacked<'a>(mut input: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    /// The first two bytes of every gzip member (RFC 1952).
    const GZIP: [u8; 2] = [0x1f, 0x8b];
    let mut first = Vec::new();
    (&mut input).take(2).read_to_end(&mut first)?;
    let packed = first == GZIP;
    let whole = Cursor::new(first).chain(input);
    Ok(if packed { Box::new(MultiGzDecoder::new(BufReader::new(whole))) } else { Box::new(whole) })
}

/// The beginning of a file, read to see what separates its fields.
struct Head {
    bytes: Vec<u8>,
    delimiter: u8,
}

fn head(source: &mut impl Read) -> io::Result<Head> {
    let mut bytes = Vec::new();
    let mut scanned = 0;
    let mut quoted = false;
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    'header: while source.take(4096).read_to_end(&mut bytes)? > 0 && (scanned as u64) < Columns::MAX_ROW {
        for &byte in &bytes[scanned..] {
            match byte {
                b'"' => quoted = !quoted,
                b'\n' | b'\r' if !quoted && counts.iter().any(|&(_, count)| count > 0) => break 'header,
                _ if quoted => (),
                _ => counts
                    .iter_mut()
                    .filter(|(separator, _)| *separator == byte)
                    .for_each(|(_, count)| *count += 1),
            }
        }
        scanned = bytes.len();
    }
    // The first of equals: a comma unless something else is more frequent.
    let delimiter =
        counts.iter().rev().max_by_key(|&&(_, count)| count).map_or(b',', |&(separator, _)| separator);
    Ok(Head { bytes, delimiter })
}
