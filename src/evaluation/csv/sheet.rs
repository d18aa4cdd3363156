//! From rows to a log and what else they say: a target, a reward model, dimensions of arms, clusters.

use std::collections::HashMap;
use std::io::Read;

use crate::arm::{ArmId, ArmSpace};
use crate::reward::{Reward, RewardKind};
use crate::segment::{SegmentId, Segments};

use super::super::arm_groups::ArmGroups;
use super::super::log::{Log, Round};
use super::super::round_table::{RoundProbabilities, RoundRewards, TOLERANCE};
use super::error::Fault;
use super::input::Rows;
use super::levels::{Crossings, Levels};
use super::places::{Family, Places};
use super::{Columns, CsvFault, Propensities};

/// All that [`Columns::read_sheet`] makes of a file.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Sheet {
    /// The rounds.
    pub log: Log,
    /// The target of the columns with the target's prefix.
    pub target: Option<RoundProbabilities>,
    /// The reward model of the columns with the model's prefix.
    pub model: Option<RoundRewards>,
    /// The level of each arm in each of the dimension columns, as numbers: `[dimension][arm]`. An arm without rows has
    /// levels of its own.
    pub levels: Vec<Vec<u32>>,
    /// The cluster of each round, from 0 in order of first appearance.
    pub clusters: Option<Vec<u32>>,
}

impl Sheet {
    /// The arms grouped by their levels in all dimension columns; none without such columns.
    #[must_use]
    pub fn groups(&self) -> Option<ArmGroups> {
        let arms = self.log.arms().len();
        let of = |arm: usize| self.levels.iter().map(|levels| levels[arm]).collect::<Vec<_>>();
        (!self.levels.is_empty()).then(|| ArmGroups::by((0..arms).map(of)))
    }
}

/// What was read so far, by numbers in order of first appearance.
struct Gathered {
    arms: Levels,
    attributes: Vec<Levels>,
    crossings: Crossings,
    dimensions: Vec<Levels>,
    /// `[dimension][arm]`.
    of_arms: Vec<Vec<u32>>,
    clusters: Option<(Levels, Vec<u32>)>,
    rows: Vec<Compact>,
    target: Vec<f64>,
    model: Vec<f64>,
}

/// A row while the levels are still numbered by their first appearance.
struct Compact {
    arm: u32,
    segment: u32,
    /// NaN where there is no column for it, until the end.
    propensity: f64,
    reward: f64,
}

pub(super) fn parse(columns: &Columns, input: impl Read) -> Result<Sheet, Fault> {
    let mut rows = Rows::open(input)?;
    let place = Places::find(columns, &mut rows)?;
    let mut gathered = Gathered {
        arms: Levels::new(ArmSpace::MAX_ARMS),
        attributes: columns.segments.iter().map(|_| Levels::new(Segments::MAX_SEGMENTS)).collect(),
        crossings: Crossings::default(),
        dimensions: columns.dimensions.iter().map(|_| Levels::new(ArmSpace::MAX_ARMS)).collect(),
        of_arms: vec![Vec::new(); columns.dimensions.len()],
        clusters: columns.cluster.as_ref().map(|_| (Levels::new(u64::from(u32::MAX)), Vec::new())),
        rows: Vec::new(),
        target: Vec::new(),
        model: Vec::new(),
    };
    let mut levels = vec![0; columns.segments.len()];
    while rows.advance()? {
        gathered.row(columns, &place, &rows, &mut levels)?;
    }
    if gathered.rows.is_empty() {
        return Err(Fault::nowhere(CsvFault::NoRows));
    }
    gathered.build(columns, &place)
}

impl Gathered {
    fn row(
        &mut self,
        columns: &Columns,
        place: &Places,
        rows: &Rows<'_>,
        levels: &mut [u32],
    ) -> Result<(), Fault> {
        let at = |column: &str, fault| Fault::field(rows.line(), column, fault);
        let arm = self.arms.number(rows.field(place.arm)).map_err(|fault| at(&columns.arm, fault))?;
        for (position, column) in columns.segments.iter().enumerate() {
            let number = self.attributes[position].number(rows.field(place.segments[position]));
            levels[position] = number.map_err(|fault| at(column, fault))?;
        }
        let segment = self.crossings.number(levels).map_err(|fault| Fault::row(rows.line(), fault))?;
        let read = if columns.words { word_or_number } else { number };
        let reward = read(rows.field(place.reward)).map_err(|fault| at(&columns.reward, fault))?;
        let propensity = match (&columns.propensities, place.propensity) {
            (Propensities::Column(column), Some(field)) => {
                propensity(rows.field(field)).map_err(|fault| at(column, fault))?
            }
            _ => f64::NAN,
        };
        for (position, column) in columns.dimensions.iter().enumerate() {
            let field = rows.field(place.dimensions[position]);
            let level = self.dimensions[position].number(field).map_err(|fault| at(column, fault))?;
            let of_arms = &mut self.of_arms[position];
            match of_arms.get(arm as usize) {
                None => of_arms.push(level),
                Some(&first) if first == level => {}
                Some(_) => return Err(at(column, CsvFault::NotOfTheArm)),
            }
        }
        if let (Some((clusters, of_rows)), Some(field)) = (&mut self.clusters, place.cluster) {
            let column = columns.cluster.as_deref().unwrap_or_default();
            of_rows.push(clusters.number(rows.field(field)).map_err(|fault| at(column, fault))?);
        }
        let start = self.target.len();
        for (&field, column) in place.target.positions.iter().zip(&place.target.columns) {
            let probability = number(rows.field(field)).map_err(|fault| at(column, fault))?;
            if !(0.0..=1.0).contains(&probability) {
                return Err(at(column, CsvFault::Probability { probability }));
            }
            self.target.push(probability);
        }
        let sum: f64 = self.target[start..].iter().sum();
        if start < self.target.len() && !((sum - 1.0).abs() <= TOLERANCE) {
            let last = place.target.columns.last().map_or("", |column| column);
            return Err(at(last, CsvFault::Sum { sum }));
        }
        for (&field, column) in place.model.positions.iter().zip(&place.model.columns) {
            self.model.push(number(rows.field(field)).map_err(|fault| at(column, fault))?);
        }
        self.rows.push(Compact { arm, segment, propensity, reward });
        Ok(())
    }

    /// Names and numbers everything, once all values are known.
    fn build(mut self, columns: &Columns, place: &Places) -> Result<Sheet, Fault> {
        let sent = self.arms.len();
        // A target may want an arm that the log never shows.
        let wanted = if columns.target.is_some() { &place.target } else { &place.model };
        for (arm, column) in wanted.arms.iter().zip(&wanted.columns) {
            self.arms.number(arm.as_bytes()).map_err(|fault| Fault::field(1, column, fault))?;
        }
        let (names, arm_of) = self.arms.sorted();
        let target = arranged(&self.target, &place.target, columns.target.as_deref(), &names)?;
        let model = arranged(&self.model, &place.model, columns.model.as_deref(), &names)?;
        let count = names.len();
        let nowhere = Fault::nowhere;
        let builder = ArmSpace::builder().dimension(&columns.arm, names);
        let arms = builder.build().map_err(|error| nowhere(CsvFault::Arms(error)))?;
        let mut builder = Segments::builder();
        let mut orders: Vec<Vec<u32>> = Vec::with_capacity(self.attributes.len());
        for (column, levels) in columns.segments.iter().zip(self.attributes) {
            let (names, order) = levels.sorted();
            builder = builder.attribute(column, names);
            orders.push(order);
        }
        let segments = builder.build().map_err(|error| nowhere(CsvFault::Segments(error)))?;
        // Mixed radix, last attribute fastest: the numbering of `Segments` without a look-up by names.
        let segment_of = self.crossings.map(|levels| {
            let digits =
                levels.iter().zip(&orders).map(|(&level, order)| (order[level as usize], order.len()));
            SegmentId::new(digits.fold(0, |code, (digit, radix)| code * radix as u32 + digit))
        });

        if columns.propensities == Propensities::Unknown {
            fill_shares(&mut self.rows);
        }
        let kind = reward_kind(&self.rows);
        let even = 1.0 / sent as f64;
        let uniform = columns.propensities == Propensities::Uniform;
        let rounds = self.rows.into_iter().map(|row| Round {
            segment: segment_of[row.segment as usize],
            arm: ArmId::new(arm_of[row.arm as usize]),
            propensity: if uniform { even } else { row.propensity },
            reward: Reward::new(row.reward),
            eligible: None,
        });
        let log = Log::new(arms, segments, kind, rounds);
        let log = match columns.propensities {
            // Uniform over what was sent; an arm that only the target has was not among it.
            Propensities::Uniform if sent == count => log.and_then(Log::declare_uniform),
            Propensities::Unknown => log.map(Log::declare_no_propensities),
            _ => log,
        };
        let log = log.map_err(|error| nowhere(CsvFault::Log(error)))?;
        let levels = self.of_arms.into_iter().map(|of| placed(of, &arm_of)).collect();
        Ok(Sheet {
            log,
            target: target.map(|numbers| RoundProbabilities::read(numbers, count)),
            model: model.map(|numbers| RoundRewards::read(numbers, count)),
            levels,
            clusters: self.clusters.map(|(_, of_rows)| of_rows),
        })
    }
}

/// Rows of numbers in the order of the arms; none without a prefix.
fn arranged(
    numbers: &[f64],
    family: &Family,
    prefix: Option<&str>,
    names: &[String],
) -> Result<Option<Vec<f64>>, Fault> {
    let Some(prefix) = prefix else { return Ok(None) };
    let mut order = Vec::with_capacity(names.len());
    for name in names {
        let position = family.arms.iter().position(|arm| Levels::name(arm) == name);
        let missing = || {
            let known = family.columns.iter().take(50).cloned().collect();
            Fault::field(1, &format!("{prefix}{name}"), CsvFault::NoColumn { known })
        };
        order.push(position.ok_or_else(missing)?);
    }
    let rows = numbers.chunks_exact(family.arms.len());
    Ok(Some(rows.flat_map(|row| order.iter().map(|&position| row[position])).collect()))
}

/// The levels of arms by first appearance, in the order of the arms; new ones for arms without rows.
fn placed(of: Vec<u32>, arm_of: &[u32]) -> Vec<u32> {
    let next = of.iter().max().map_or(0, |&last| last + 1);
    let mut levels = vec![0; arm_of.len()];
    for (first, &arm) in arm_of.iter().enumerate() {
        levels[arm as usize] = of.get(first).copied().unwrap_or(next + first as u32);
    }
    levels
}

/// Fills in, where nobody knows propensities, the share of the arm among the rows of its segment: no probability of
/// anything, but what the spread of a fitted model goes by.
fn fill_shares(rows: &mut [Compact]) {
    let (mut pairs, mut segments): (HashMap<(u32, u32), f64>, HashMap<u32, f64>) = Default::default();
    for row in rows.iter() {
        *pairs.entry((row.segment, row.arm)).or_default() += 1.0;
        *segments.entry(row.segment).or_default() += 1.0;
    }
    for row in rows {
        row.propensity = pairs[&(row.segment, row.arm)] / segments[&row.segment];
    }
}

/// A finite number, perhaps between spaces.
fn number(field: &[u8]) -> Result<f64, CsvFault> {
    let text = str::from_utf8(field).map_err(|_| CsvFault::NotUtf8)?;
    let number = text.trim().parse().ok().filter(|number: &f64| number.is_finite());
    number.ok_or_else(|| CsvFault::NotANumber { text: text.chars().take(100).collect() })
}

/// A number, or a word for one.
fn word_or_number(field: &[u8]) -> Result<f64, CsvFault> {
    match field.trim_ascii() {
        word if word.eq_ignore_ascii_case(b"yes") || word.eq_ignore_ascii_case(b"true") => Ok(1.0),
        word if word.eq_ignore_ascii_case(b"no") || word.eq_ignore_ascii_case(b"false") => Ok(0.0),
        _ => number(field),
    }
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
