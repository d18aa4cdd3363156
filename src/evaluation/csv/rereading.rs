//! A file that is read again instead of being kept.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::super::arm_groups::ArmGroups;
use super::super::log::Plain;
use super::super::model::RewardModel;
use super::super::outline::Outline;
use super::super::passing::{PassingProbabilities, PassingRewards};
use super::super::shown::Shown;
use super::super::stream::{Stream, StreamBuilder, StreamError, Streamed};
use super::super::target::TargetPolicy;
use super::error::Fault;
use super::extent::Extent;
use super::names::{Names, Ordered};
use super::places::Places;
use super::rows::Rows;
use super::{Columns, CsvError, CsvFault, Propensities, input, named, rows_of, sheet};
use crate::arm::ArmId;
use crate::segment::SegmentId;

/// A file of which the first reading has told the names, the bounds and the sets, and none of whose rows is kept.
///
/// This is asked for and not done by itself: to read a file twice takes twice as long, and the log of a file that is kept is
/// far smaller than the file, 4 to 12 bytes a row. It is for files whose log would not fit, and for small machines.
///
/// Each further reading evaluates all rows as they go by, in their order, as a [`Stream`](super::super::Stream) does. Where λ is
/// to be chosen, or a replay is asked for, it takes two: the first of them finds the largest weight.
///
/// ```
/// use tactful::evaluation::csv::Columns;
/// use tactful::evaluation::{Estimator, Stream};
/// use tactful::policy::Uniform;
///
/// let text = "mail,p,paid\na,0.8,1\nb,0.2,0\na,0.8,0\nb,0.2,1\n";
/// let columns = Columns::new("mail", "paid").propensity("p");
/// let file = columns.survey_of(|| Ok(text.as_bytes()), "mails.csv")?;
/// let streamed = file.evaluate(Stream::builder(file.outline().clone(), &Uniform))?;
/// let kept = columns.read(text.as_bytes(), "mails.csv")?;
/// assert_eq!(streamed.outline.rounds(), kept.rounds().len());
/// assert!((streamed.evaluation.estimate(Estimator::Snips).unwrap()?.value - 0.5).abs() < 1e-12);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Rereading {
    columns: Columns,
    origin: Origin,
    outline: Outline,
    target: Option<PassingProbabilities>,
    model: Option<PassingRewards>,
    levels: Vec<Vec<u32>>,
    /// By first appearance.
    arm_of: Vec<u32>,
    segment_of: Vec<u32>,
    /// By set, where no column has propensities.
    even: Vec<f64>,
    /// Read with in each reading.
    names: RefCell<Names>,
}

/// Opens something once more.
type Opener = Box<dyn Fn() -> io::Result<Box<dyn Read>>>;

/// Where the rows come from.
enum Origin {
    File(PathBuf),
    Opened(Opener, String),
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl Origin {
    fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Opened(_, name) => name.clone(),
        }
    }

    fn rows(&self) -> Result<Rows<'static>, Fault> {
        match self {
            Self::File(path) => rows_of(path),
            Self::Opened(open, _) => {
                let source = open().map_err(|error| Fault::nowhere(CsvFault::Read(error)))?;
                input::open(source)
            }
        }
    }
}

impl Rereading {
    pub(super) fn of_file(columns: &Columns, path: &Path) -> Result<Self, CsvError> {
        Self::of(columns, Origin::File(path.to_owned()))
    }

    pub(super) fn of_opened(columns: &Columns, open: Opener, name: &str) -> Result<Self, CsvError> {
        Self::of(columns, Origin::Opened(open, name.to_owned()))
    }

    fn of(columns: &Columns, origin: Origin) -> Result<Self, CsvError> {
        let name = origin.name();
        Self::survey(columns, origin).map_err(|fault| named(&name, fault))
    }

    /// The first reading.
    fn survey(columns: &Columns, origin: Origin) -> Result<Self, Fault> {
        let mut rows = origin.rows()?;
        let place = Places::find(columns, &mut rows)?;
        let mut names = Names::new(columns);
        let (mut extent, mut least, mut count) = (Extent::default(), 1.0_f64, 0);
        let mut pairs = Pairs::default();
        while rows.advance()? {
            let row = names.row(columns, &place, &rows)?;
            extent.add(row.reward);
            least = row.propensity.map_or(least, |propensity| least.min(propensity));
            pairs.add(row.segment, row.arm);
            count += 1;
        }
        if count == 0 {
            return Err(Fault::nowhere(CsvFault::NoRows));
        }
        let ordered = names.ordered(columns, &place)?;
        let even = match columns.propensities {
            Propensities::Uniform => ordered.even(),
            // Nobody goes by them.
            _ => vec![1.0; ordered.sets.len()],
        };
        if columns.propensities == Propensities::Uniform {
            least = even.iter().copied().fold(1.0, f64::min);
        }
        let mut outline = sheet::outline(columns, &ordered, &extent)?;
        let shown = pairs.all.iter().map(|&(segment, arm)| {
            let arm = ArmId::new(ordered.arm_of[arm as usize]);
            (SegmentId::new(ordered.segment_of[segment as usize]), arm)
        });
        outline.told(count, Shown::of_pairs(shown.collect()), least);
        let outline = match columns.propensities {
            Propensities::Uniform if ordered.offers_all() => outline.declare_uniform(),
            Propensities::Unknown => outline.declare_no_propensities(),
            _ => outline,
        };
        let Ordered { target, model, levels, arm_of, segment_of, .. } = ordered;
        Ok(Self {
            columns: columns.clone(),
            origin,
            outline,
            target: target.map(PassingProbabilities::new),
            model: model.map(PassingRewards::new),
            levels,
            arm_of,
            segment_of,
            even,
            names: RefCell::new(names),
        })
    }

    /// What the file is about.
    #[must_use]
    pub fn outline(&self) -> &Outline {
        &self.outline
    }

    /// The target of the columns with the target's prefix: for [`Rereading::evaluate`], to which alone it says anything.
    #[must_use]
    pub fn target(&self) -> Option<&dyn TargetPolicy> {
        self.target.as_ref().map(|target| target as _)
    }

    /// The reward model of the columns with the model's prefix, likewise.
    #[must_use]
    pub fn model(&self) -> Option<&dyn RewardModel> {
        self.model.as_ref().map(|model| model as _)
    }

    /// The arms grouped by their levels in all dimension columns; none without such columns.
    #[must_use]
    pub fn groups(&self) -> Option<ArmGroups> {
        let of = |arm: usize| self.levels.iter().map(|levels| levels[arm]).collect::<Vec<_>>();
        (!self.levels.is_empty()).then(|| ArmGroups::by((0..self.outline.arms().len()).map(of)))
    }

    /// Reads the file again and answers a question of which the outline is that of the file. The largest weight, where it is
    /// needed and not given, is found by one more reading.
    ///
    /// # Errors
    ///
    /// [`CsvError`] for whatever is wrong with a row, for a file that is no longer what it was, and with a
    /// [`StreamError`] for what cannot be streamed.
    pub fn evaluate(&self, asked: StreamBuilder<'_>) -> Result<Streamed, CsvError> {
        let wrong = |error| Fault::nowhere(CsvFault::Stream(error));
        let answered = || {
            if !asked.is_about(&self.outline) {
                return Err(wrong(StreamError::OtherOutline));
            }
            let asked = match asked.wants_largest_weight() {
                true => {
                    let weights = self.pass(asked.clone().weights_alone().build().map_err(wrong)?)?;
                    asked.clone().largest_weight(weights.evaluation.largest_weight)
                }
                false => asked.clone(),
            };
            self.pass(asked.build().map_err(wrong)?)
        };
        answered().map_err(|fault| named(&self.origin.name(), fault))
    }

    /// One reading.
    fn pass(&self, mut stream: Stream<'_>) -> Result<Streamed, Fault> {
        let mut rows = self.origin.rows()?;
        let place = Places::find(&self.columns, &mut rows)?;
        let mut names = self.names.borrow_mut();
        let mut number = 0;
        while rows.advance()? {
            let row = names.row(&self.columns, &place, &rows)?;
            let changed = || Fault::row(rows.line(), CsvFault::Changed);
            let arm = *self.arm_of.get(row.arm as usize).ok_or_else(changed)?;
            let segment = *self.segment_of.get(row.segment as usize).ok_or_else(changed)?;
            let even = *self.even.get(row.set as usize).ok_or_else(changed)?;
            self.target.iter().for_each(|target| target.note(number, names.target()));
            self.model.iter().for_each(|model| model.note(number, names.model()));
            let round = Plain {
                segment: SegmentId::new(segment),
                arm: ArmId::new(arm),
                set: row.set,
                propensity: row.propensity.unwrap_or(even),
                reward: row.reward,
            };
            stream.push(round).map_err(|error| Fault::nowhere(CsvFault::Stream(error)))?;
            number += 1;
        }
        if number != self.outline.rounds() {
            return Err(Fault::nowhere(CsvFault::Changed));
        }
        stream.finish().map_err(|error: StreamError| Fault::nowhere(CsvFault::Stream(error)))
    }
}

/// Pairs of segment and arm, by first appearance.
#[derive(Default)]
struct Pairs {
    all: HashSet<(u32, u32)>,
    /// By the lower digits of both: most rows show what was shown before.
    lately: Vec<Option<(u32, u32)>>,
}

impl Pairs {
    fn add(&mut self, segment: u32, arm: u32) {
        /// Powers of two.
        const SEGMENTS: u32 = 64;
        const ARMS: u32 = 64;
        self.lately.resize((SEGMENTS * ARMS) as usize, None);
        let lately = &mut self.lately[(segment % SEGMENTS * ARMS + arm % ARMS) as usize];
        if *lately != Some((segment, arm)) {
            *lately = Some((segment, arm));
            self.all.insert((segment, arm));
        }
    }
}
