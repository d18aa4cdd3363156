//! Logs as CSV or CSV.gz: which column is what, and every fault with its line and column.

mod error;
mod input;
mod levels;

pub use error::{CsvError, CsvFault};

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::arm::{ArmId, ArmSpace};
use crate::reward::{Reward, RewardKind};
use crate::segment::{SegmentId, Segments};

use super::log::{Log, Round};
use error::Fault;
use input::Rows;
use levels::{Crossings, Levels};

/// Which column is what; the others are passed over.
///
/// ```
/// use tactful::evaluation::csv::Columns;
///
/// let text = "mail,channel,age,visit\nspring,email,18-34,1\nspring,sms,35+,0\nsummer,email,,0\n";
/// let columns = Columns::new("mail", "visit").segment("age");
/// let log = columns.read(text.as_bytes(), "mails.csv")?;
/// assert_eq!(log.arms().len(), 2);
/// assert_eq!(log.segments().segment(log.rounds()[2].segment).to_string(), "age=(empty)");
///
/// let error = Columns::new("mail", "channel").read(text.as_bytes(), "mails.csv").unwrap_err();
/// assert_eq!(error.to_string(), r#"mails.csv: line 2, column "channel": "email" is not a number"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    arm: String,
    segments: Vec<String>,
    reward: String,
    propensity: Option<String>,
}

impl Columns {
    /// The most bytes a row may have: 2²⁰.
    pub const MAX_ROW: u64 = 1 << 20;

    /// Arms from one column, rewards from another; one segment, and a log that is uniform over all arms in it.
    #[must_use]
    pub fn new(arm: impl Into<String>, reward: impl Into<String>) -> Self {
        Self { arm: arm.into(), segments: Vec::new(), reward: reward.into(), propensity: None }
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
        self.propensity = Some(column.into());
        self
    }

    /// Reads a file, gzip or not.
    ///
    /// # Errors
    ///
    /// [`CsvError`], as for [`Columns::read`].
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Log, CsvError> {
        let name = path.as_ref().display().to_string();
        match File::open(&path) {
            Ok(file) => self.read(file, &name),
            Err(error) => {
                Err(CsvError { file: name, line: None, column: None, fault: Box::new(CsvFault::Read(error)) })
            }
        }
    }

    /// Reads CSV, or gzip of CSV (also of several members), of this name, in one pass.
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
        let named = |Fault { line, column, fault }| CsvError {
            file: name.to_owned(),
            line,
            column,
            fault: Box::new(fault),
        };
        self.parse(input).map_err(named)
    }

    fn parse(&self, input: impl Read) -> Result<Log, Fault> {
        let mut rows = Rows::open(input)?;
        let place = Places::find(self, &mut rows)?;
        let mut arms = Levels::new(ArmSpace::MAX_ARMS);
        let mut attributes: Vec<Levels> =
            self.segments.iter().map(|_| Levels::new(Segments::MAX_SEGMENTS)).collect();
        let mut crossings = Crossings::default();
        let mut compact: Vec<Compact> = Vec::new();
        let mut levels = vec![0; attributes.len()];
        while rows.advance()? {
            let at = |column: &str, fault| Fault::field(rows.line(), column, fault);
            let arm = arms.number(rows.field(place.arm)).map_err(|fault| at(&self.arm, fault))?;
            for (position, column) in self.segments.iter().enumerate() {
                let number = attributes[position].number(rows.field(place.segments[position]));
                levels[position] = number.map_err(|fault| at(column, fault))?;
            }
            let segment = crossings.number(&levels).map_err(|fault| Fault::row(rows.line(), fault))?;
            let reward = number(rows.field(place.reward)).map_err(|fault| at(&self.reward, fault))?;
            let propensity = match place.propensity.zip(self.propensity.as_deref()) {
                Some((field, column)) => propensity(rows.field(field)).map_err(|fault| at(column, fault))?,
                None => f64::NAN,
            };
            compact.push(Compact { arm, segment, propensity, reward });
        }
        if compact.is_empty() {
            return Err(Fault::nowhere(CsvFault::NoRows));
        }
        self.build(arms, attributes, &crossings, compact).map_err(Fault::nowhere)
    }

    /// Names and numbers everything, once all values are known.
    fn build(
        &self,
        arms: Levels,
        attributes: Vec<Levels>,
        crossings: &Crossings,
        compact: Vec<Compact>,
    ) -> Result<Log, CsvFault> {
        let (names, arm_of) = arms.sorted();
        let arms = ArmSpace::builder().dimension(&self.arm, names).build().map_err(CsvFault::Arms)?;
        let mut builder = Segments::builder();
        let mut orders: Vec<Vec<u32>> = Vec::with_capacity(attributes.len());
        for (column, levels) in self.segments.iter().zip(attributes) {
            let (names, order) = levels.sorted();
            builder = builder.attribute(column, names);
            orders.push(order);
        }
        let segments = builder.build().map_err(CsvFault::Segments)?;
        // Mixed radix, last attribute fastest: the numbering of `Segments` without a look-up by names.
        let segment_of = crossings.map(|levels| {
            let digits =
                levels.iter().zip(&orders).map(|(&level, order)| (order[level as usize], order.len()));
            SegmentId::new(digits.fold(0, |code, (digit, radix)| code * radix as u32 + digit))
        });

        let kind = reward_kind(&compact);
        let even = 1.0 / arms.len() as f64;
        let rounds = compact.into_iter().map(|row| Round {
            segment: segment_of[row.segment as usize],
            arm: ArmId::new(arm_of[row.arm as usize]),
            propensity: if self.propensity.is_some() { row.propensity } else { even },
            reward: Reward::new(row.reward),
            eligible: None,
        });
        let log = Log::new(arms, segments, kind, rounds).map_err(CsvFault::Log)?;
        if self.propensity.is_some() { Ok(log) } else { log.declare_uniform().map_err(CsvFault::Log) }
    }
}

/// A row while the levels are still numbered by their first appearance.
struct Compact {
    arm: u32,
    segment: u32,
    /// NaN in a uniform log, where it is known only at the end.
    propensity: f64,
    reward: f64,
}

/// Where in a row the columns are.
struct Places {
    arm: usize,
    segments: Vec<usize>,
    reward: usize,
    propensity: Option<usize>,
}

impl Places {
    /// Finds the columns in the header.
    fn find(columns: &Columns, rows: &mut Rows<'_>) -> Result<Self, Fault> {
        if !rows.advance()? {
            return Err(Fault::nowhere(CsvFault::NoHeader));
        }
        let line = rows.line();
        let header = rows.fields().map(str::from_utf8).collect::<Result<Vec<_>, _>>();
        let header = header.map_err(|_| Fault::row(line, CsvFault::NotUtf8))?;
        let mut taken = Vec::new();
        let mut place = |name: &str| {
            // As it is written; if there is none, but for spaces around it, as numbers may have them.
            let exact = header.contains(&name);
            let is = |field: &str| if exact { field == name } else { field.trim() == name.trim() };
            let mut found = header.iter().enumerate().filter(|&(_, &field)| is(field));
            let known = || header.iter().take(50).map(|&field| field.to_owned()).collect();
            let (position, _) = found.next().ok_or_else(|| CsvFault::NoColumn { known: known() })?;
            if found.next().is_some() {
                return Err(CsvFault::AmbiguousColumn);
            }
            if taken.contains(&position) {
                return Err(CsvFault::ColumnTwice);
            }
            taken.push(position);
            Ok(position)
        };
        let mut find = |name: &String| place(name).map_err(|fault| Fault::field(line, name, fault));
        Ok(Self {
            arm: find(&columns.arm)?,
            segments: columns.segments.iter().map(&mut find).collect::<Result<_, _>>()?,
            reward: find(&columns.reward)?,
            propensity: columns.propensity.as_ref().map(&mut find).transpose()?,
        })
    }
}

/// A finite number, perhaps between spaces.
fn number(field: &[u8]) -> Result<f64, CsvFault> {
    let text = str::from_utf8(field).map_err(|_| CsvFault::NotUtf8)?;
    let number = text.trim().parse().ok().filter(|number: &f64| number.is_finite());
    number.ok_or_else(|| CsvFault::NotANumber { text: text.chars().take(100).collect() })
}

fn propensity(field: &[u8]) -> Result<f64, CsvFault> {
    let propensity = number(field)?;
    if propensity > 0.0 && propensity <= 1.0 {
        Ok(propensity)
    } else {
        Err(CsvFault::Propensity { propensity })
    }
}

/// Binary where every reward is 0 or 1, else the range seen; where that is a point, the range from there to 0.
#[expect(clippy::float_cmp, reason = "a reward is 0 or 1 to the last bit or it is not binary")]
fn reward_kind(rows: &[Compact]) -> RewardKind {
    let rewards = || rows.iter().map(|row| row.reward);
    if rewards().all(|reward| reward == 0.0 || reward == 1.0) {
        return RewardKind::Binary;
    }
    let minimum = rewards().fold(f64::INFINITY, f64::min);
    let maximum = rewards().fold(f64::NEG_INFINITY, f64::max);
    if minimum == maximum {
        return RewardKind::Real { minimum: minimum.min(0.0), maximum: maximum.max(0.0) };
    }
    RewardKind::Real { minimum, maximum }
}
