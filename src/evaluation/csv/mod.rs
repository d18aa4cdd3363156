//! Logs as CSV or JSON Lines, packed or not: which column is what, and every fault with its line and column.

mod error;
mod extent;
mod field;
mod input;
mod json;
mod levels;
mod names;
mod offers;
#[cfg(feature = "parquet")]
mod parquet;
mod places;
mod recent;
mod rereading;
mod rows;
mod sheet;

pub use error::{CsvError, CsvFault};
pub use rereading::Rereading;
pub use sheet::Sheet;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::log::Log;
use error::Fault;

/// Which column is what; the others are passed over.
///
/// ```
/// use tactful::evaluation::csv::Columns;
///
/// let text = "mail,channel,age,visit\nspring,email,18-34,1\nspring,sms,35+,0\nsummer,email,,0\n";
/// let columns = Columns::new("mail", "visit").segment("age");
/// let log = columns.read(text.as_bytes(), "mails.csv")?;
/// assert_eq!(log.arms().len(), 2);
/// assert_eq!(log.segments().segment(log.rounds().get(2).unwrap().segment).to_string(), "age=(empty)");
///
/// let error = Columns::new("mail", "channel").read(text.as_bytes(), "mails.csv").unwrap_err();
/// assert_eq!(error.to_string(), r#"mails.csv: line 2, column "channel": "email" is not a number"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Columns {
    arm: String,
    segments: Vec<String>,
    reward: String,
    propensities: Propensities,
    target: Option<String>,
    model: Option<String>,
    dimensions: Vec<String>,
    cluster: Option<String>,
    eligible: Option<String>,
    words: bool,
    bounds: Option<(f64, f64)>,
}

/// What is known of the probabilities with which arms were sent.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Propensities {
    Uniform,
    Column(String),
    Unknown,
}

impl Columns {
    /// The most bytes a row may have: 2²⁰.
    pub const MAX_ROW: u64 = 1 << 20;

    /// Arms from one column, rewards from another; one segment, and a log that is uniform over all arms in it.
    #[must_use]
    pub fn new(arm: impl Into<String>, reward: impl Into<String>) -> Self {
        Self {
            arm: arm.into(),
            segments: Vec::new(),
            reward: reward.into(),
            propensities: Propensities::Uniform,
            target: None,
            model: None,
            dimensions: Vec::new(),
            cluster: None,
            eligible: None,
            words: false,
            bounds: None,
        }
    }

    /// One more column whose values tell segments apart.
    #[must_use]
    pub fn segment(mut self, column: impl Into<String>) -> Self {
        self.segments.push(column.into());
        self
    }

    /// The column with the probability of the arm that was sent. Without one the log is declared uniform.
    #[must_use]
    pub fn propensity(mut self, column: impl Into<String>) -> Self {
        self.propensities = Propensities::Column(column.into());
        self
    }

    /// Nobody knows the probabilities with which arms were sent: see [`Log::declare_no_propensities`].
    #[must_use]
    pub fn no_propensities(mut self) -> Self {
        self.propensities = Propensities::Unknown;
        self
    }

    /// Rewards may be words: `yes` and `true` are 1, `no` and `false` are 0, in capitals or not.
    #[must_use]
    pub fn words(mut self) -> Self {
        self.words = true;
        self
    }

    /// The least and the greatest reward that there can be, as is known without the file. Without them the bounds of amounts
    /// are those seen, which is less than intervals by bounds ask for; a reward beyond them is an error.
    #[must_use]
    pub fn bounds(mut self, minimum: f64, maximum: f64) -> Self {
        self.bounds = Some((minimum, maximum));
        self
    }

    /// A target by row: with the prefix `pe_`, column `pe_A` is its probability of arm `A` in that row. Arms that have
    /// such a column and no row are arms of the log all the same. For [`Columns::read_sheet`].
    #[must_use]
    pub fn target(mut self, prefix: impl Into<String>) -> Self {
        self.target = Some(prefix.into());
        self
    }

    /// A reward model by row: with the prefix `q_`, column `q_A` is the reward it predicts of arm `A` in that row. For
    /// [`Columns::read_sheet`].
    #[must_use]
    pub fn reward_model(mut self, prefix: impl Into<String>) -> Self {
        self.model = Some(prefix.into());
        self
    }

    /// One more column with a dimension of the arm, the same in all rows of an arm. For [`Columns::read_sheet`].
    #[must_use]
    pub fn dimension(mut self, column: impl Into<String>) -> Self {
        self.dimensions.push(column.into());
        self
    }

    /// The column that tells which rows belong together: a household, a customer. For [`Columns::read_sheet`].
    #[must_use]
    pub fn cluster(mut self, column: impl Into<String>) -> Self {
        self.cluster = Some(column.into());
        self
    }

    /// The column with the arms that could have been sent in the row: their names with `|` or `;` between them, in JSON
    /// Lines a list of them; nothing where it could have been any arm. Arms that are only named here are arms of the log
    /// as well.
    #[must_use]
    pub fn eligible(mut self, column: impl Into<String>) -> Self {
        self.eligible = Some(column.into());
        self
    }

    /// Reads a file: CSV, JSON Lines, gzip of either, and with the feature `parquet` Parquet.
    ///
    /// # Errors
    ///
    /// [`CsvError`], as for [`Columns::read`].
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Log, CsvError> {
        self.open_sheet(path).map(|sheet| sheet.log)
    }

    /// Reads a file, as [`Columns::open`] does, and what else the columns say.
    ///
    /// # Errors
    ///
    /// [`CsvError`], as for [`Columns::read_sheet`].
    pub fn open_sheet(&self, path: impl AsRef<Path>) -> Result<Sheet, CsvError> {
        let path = path.as_ref();
        let name = path.display().to_string();
        rows_of(path).and_then(|rows| sheet::parse(self, rows)).map_err(|fault| named(&name, fault))
    }

    /// Reads a file for what it is about and keeps none of its rows, so that it can be [read again](Rereading) and evaluated
    /// as the rows go by: memory then follows the names in the file, not its length.
    ///
    /// # Errors
    ///
    /// [`CsvError`], as for [`Columns::open_sheet`].
    pub fn survey(&self, path: impl AsRef<Path>) -> Result<Rereading, CsvError> {
        Rereading::of_file(self, path.as_ref())
    }

    /// The same of whatever can be opened again, CSV or JSON Lines, packed or not, under this name.
    ///
    /// # Errors
    ///
    /// [`CsvError`], as for [`Columns::read_sheet`].
    pub fn survey_of<R: Read + 'static>(
        &self,
        open: impl Fn() -> io::Result<R> + 'static,
        name: &str,
    ) -> Result<Rereading, CsvError> {
        Rereading::of_opened(self, Box::new(move || Ok(Box::new(open()?))), name)
    }

    /// Reads CSV or JSON Lines, or gzip of either (also of several members), of this name, in one pass.
    ///
    /// JSON Lines are objects whose keys are the columns, those of the first line; a value that is null or not there is
    /// an empty field. The rest is of CSV:
    ///
    /// The first row is the header. Fields are separated by what separates the header: comma, semicolon or tab,
    /// whichever it has most of outside quotes. A byte-order mark is passed over, lines may end in LF or CRLF,
    /// quotes are doubled inside quotes. Spaces around the name of a column need not be given. The levels of arms and segments are the values of their columns in
    /// ascending order of their bytes, so that the same rows in another order give the same arms; an empty value
    /// is the level `(empty)`. Rewards are binary if all are 0 or 1, else real with the least and greatest of the
    /// file as their range.
    ///
    /// # Errors
    ///
    /// [`CsvError`] with the line and the column of the first fault.
    pub fn read(&self, input: impl Read, name: &str) -> Result<Log, CsvError> {
        self.read_sheet(input, name).map(|sheet| sheet.log)
    }

    /// Reads a log, as [`Columns::read`] does, and what else the columns say of a target, its rewards, dimensions of
    /// arms and clusters of rows.
    ///
    /// # Errors
    ///
    /// [`CsvError`] with the line and the column of the first fault.
    pub fn read_sheet(&self, input: impl Read, name: &str) -> Result<Sheet, CsvError> {
        input::open(input).and_then(|rows| sheet::parse(self, rows)).map_err(|fault| named(name, fault))
    }
}

/// The rows of a file.
fn rows_of(path: &Path) -> Result<rows::Rows<'static>, Fault> {
    let unreadable = |error| Fault::nowhere(CsvFault::Read(error));
    let file = File::open(path).map_err(unreadable)?;
    #[cfg(feature = "parquet")]
    {
        let mut file = &file;
        let mut first = Vec::new();
        file.take(input::PARQUET.len() as u64).read_to_end(&mut first).map_err(unreadable)?;
        if first == input::PARQUET {
            let file = file.try_clone().map_err(unreadable)?;
            return parquet::ParquetRows::open(file).map(rows::Rows::Parquet);
        }
        io::Seek::rewind(&mut file).map_err(unreadable)?;
    }
    input::open(file)
}

/// A fault of a file of this name.
fn named(file: &str, Fault { line, column, fault }: Fault) -> CsvError {
    CsvError { file: file.to_owned(), line, column, fault: Box::new(fault) }
}
