//! What can be wrong with a file of rows, and where.

use std::error::Error;
use std::fmt;

use crate::arm::ArmSpaceError;
use crate::segment::SegmentsError;

use super::super::round::LogError;
use super::super::stream::StreamError;
use super::Columns;

/// Why a file is no log. Displays as one line that names the file and, as far as there are any, line and column.
#[derive(Debug)]
pub struct CsvError {
    pub(super) file: String,
    pub(super) line: Option<u64>,
    pub(super) column: Option<String>,
    /// On the heap, since a log is usually read without one.
    pub(super) fault: Box<CsvFault>,
}

/// What is wrong with the file.
#[derive(Debug)]
#[non_exhaustive]
pub enum CsvFault {
    /// It cannot be opened or read, or is not the gzip it says it is.
    Read(std::io::Error),
    /// It has no header row.
    NoHeader,
    /// It has a header row and no other.
    NoRows,
    /// The header has no such column.
    NoColumn {
        /// The columns there are (the first fifty).
        known: Vec<String>,
    },
    /// The header has the column more than once.
    AmbiguousColumn,
    /// Two roles are given to one column.
    ColumnTwice,
    /// A row has more or fewer fields than the header.
    Fields {
        /// Fields in the row.
        fields: usize,
        /// Fields in the header.
        header: usize,
        /// Whether a field holds a line break, as it does where a quote is not closed before the next one.
        breaks: bool,
    },
    /// The file ends within a quoted field.
    OpenQuote,
    /// A row is longer than [`Columns::MAX_ROW`].
    LongRow,
    /// A line is no JSON object, or one of its values is none that a column can have.
    Json(serde_json::Error),
    /// It is no Parquet file, or a damaged one.
    #[cfg(feature = "parquet")]
    Parquet(parquet::errors::ParquetError),
    /// A Parquet file, which has to be opened by its path, and with the feature `parquet`.
    Packed,
    /// A column holds groups or maps.
    Nested,
    /// The arm of the row is not among those of its list of eligible arms.
    NotEligible,
    /// A field is not UTF-8.
    NotUtf8,
    /// A field is not a finite number.
    NotANumber {
        /// The field (its first hundred characters).
        text: String,
    },
    /// A propensity is not in (0, 1].
    Propensity {
        /// The propensity.
        propensity: f64,
    },
    /// A reward is not within the bounds that were declared.
    OutOfBounds {
        /// The reward.
        reward: f64,
        /// The least there can be.
        minimum: f64,
        /// The greatest.
        maximum: f64,
    },
    /// A probability of the target is not in [0, 1].
    Probability {
        /// The probability.
        probability: f64,
    },
    /// The target's probabilities of a row do not sum to one.
    Sum {
        /// Their sum.
        sum: f64,
    },
    /// A dimension of an arm has another level here than in an earlier row of the arm.
    NotOfTheArm,
    /// A column has more different values than there can be levels.
    Levels {
        /// The most there can be.
        limit: u64,
    },
    /// A value is too long to be the name of a level.
    LongLevel {
        /// Its length in bytes.
        bytes: usize,
        /// The longest there can be.
        limit: usize,
    },
    /// The segment columns have more different combinations of values than there can be segments.
    Crossings {
        /// The most there can be.
        limit: u64,
    },
    /// The values of the arm column make no arms.
    Arms(ArmSpaceError),
    /// The values of the segment columns make no segments.
    Segments(SegmentsError),
    /// The rows make no log.
    Log(LogError),
    /// Read again, the file is another than it was.
    Changed,
    /// The rows make no evaluation.
    Stream(StreamError),
}

impl CsvError {
    /// The file, as it was named.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The line, from 1, on which the row with the fault begins.
    #[must_use]
    pub fn line(&self) -> Option<u64> {
        self.line
    }

    /// The name of the column.
    #[must_use]
    pub fn column(&self) -> Option<&str> {
        self.column.as_deref()
    }

    /// What is wrong.
    #[must_use]
    pub fn fault(&self) -> &CsvFault {
        &self.fault
    }
}

impl fmt::Display for CsvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One line, whatever the file is called.
        write!(f, "{}", self.file.escape_debug())?;
        if let Some(line) = self.line {
            write!(f, ": line {line}")?;
        }
        if let Some(column) = &self.column {
            write!(f, "{} column {column:?}", if self.line.is_some() { "," } else { ":" })?;
        }
        write!(f, ": {}", self.fault)
    }
}

impl fmt::Display for CsvFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "{}", error.to_string().escape_debug()),
            Self::NoHeader => f.write_str("there is no header row"),
            Self::NoRows => f.write_str("there are no rows below the header"),
            Self::NoColumn { known } => write!(f, "there is no such column; there are {known:?}"),
            Self::AmbiguousColumn => f.write_str("the header has this column more than once"),
            Self::ColumnTwice => f.write_str("the column is given two roles"),
            Self::Fields { fields, header, breaks } => {
                let plural = if *fields == 1 { "" } else { "s" };
                let hint = if *breaks { "; is a quote not closed?" } else { "" };
                write!(f, "{fields} field{plural} where the header has {header}{hint}")
            }
            Self::OpenQuote => f.write_str("a quote is not closed before the end of the file"),
            Self::LongRow => {
                write!(f, "the row is longer than {} bytes; is a quote not closed?", Columns::MAX_ROW)
            }
            // The line is told before; the parser counts it as its first. What it quotes it has escaped.
            Self::Json(error) => f.write_str(&error.to_string().replace(" at line 1 column ", " at byte ")),
            #[cfg(feature = "parquet")]
            Self::Parquet(error) => write!(f, "{}", error.to_string().escape_debug()),
            Self::Packed => f.write_str("Parquet is read from a file, by a build with the feature `parquet`"),
            Self::Nested => f.write_str("the column holds groups or maps, not texts or numbers"),
            Self::NotEligible => f.write_str("the arm of the row is not in its list of eligible arms"),
            Self::NotUtf8 => f.write_str("the text is not UTF-8"),
            Self::NotANumber { text } => write!(f, "{text:?} is not a number"),
            Self::Propensity { propensity } => {
                write!(f, "propensity {propensity} is not above 0 and at most 1")
            }
            Self::OutOfBounds { reward, minimum, maximum } => {
                write!(f, "reward {reward} is not within the bounds {minimum} and {maximum}")
            }
            Self::Probability { probability } => write!(f, "probability {probability} is not in [0, 1]"),
            Self::Sum { sum } => {
                write!(f, "the target's probabilities in this row, up to this column, sum to {sum}, not to 1")
            }
            Self::NotOfTheArm => f.write_str(
                "the arm has another level here than in an earlier row; a dimension belongs to the arm",
            ),
            Self::Levels { limit } => write!(f, "more than {limit} different values"),
            Self::LongLevel { bytes, limit } => {
                write!(f, "a value of {bytes} bytes is no name, at most {limit} are possible")
            }
            Self::Crossings { limit } => write!(f, "more than {limit} combinations of segment columns"),
            Self::Arms(error) => error.fmt(f),
            Self::Segments(error) => error.fmt(f),
            Self::Log(error) => error.fmt(f),
            Self::Changed => f.write_str("the file was changed while it was read"),
            Self::Stream(error) => error.fmt(f),
        }
    }
}

impl Error for CsvError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &*self.fault {
            CsvFault::Read(error) => Some(error),
            CsvFault::Json(error) => Some(error),
            #[cfg(feature = "parquet")]
            CsvFault::Parquet(error) => Some(error),
            CsvFault::Arms(error) => Some(error),
            CsvFault::Segments(error) => Some(error),
            CsvFault::Log(error) => Some(error),
            CsvFault::Stream(error) => Some(error),
            _ => None,
        }
    }
}

/// A fault before it is known which file it is in.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) line: Option<u64>,
    pub(super) column: Option<String>,
    pub(super) fault: CsvFault,
}

impl Fault {
    pub(super) fn nowhere(fault: CsvFault) -> Self {
        Self { line: None, column: None, fault }
    }

    pub(super) fn row(line: u64, fault: CsvFault) -> Self {
        Self { line: Some(line), column: None, fault }
    }

    pub(super) fn field(line: u64, column: &str, fault: CsvFault) -> Self {
        Self { line: Some(line), column: Some(column.to_owned()), fault }
    }
}
