//! From rows to numbers: names by first appearance while they are read, and in order once all are known.

use crate::arm::{ArmSpace, Eligibility};
use crate::segment::Segments;

use super::super::round_table::TOLERANCE;
use super::error::Fault;
use super::field::{number, propensity, word_or_number};
use super::levels::{Crossings, Levels};
use super::offers::Offers;
use super::places::{Family, Places};
use super::recent::Recent;
use super::rows::Rows;
use super::{Columns, CsvFault, Propensities};

/// The names read so far, numbered in order of first appearance.
#[derive(Debug)]
pub(super) struct Names {
    arms: Levels,
    attributes: Vec<Levels>,
    crossings: Crossings,
    offers: Offers,
    dimensions: Vec<Levels>,
    /// `[dimension][arm]`.
    of_arms: Vec<Vec<u32>>,
    clusters: Levels,
    numbers: Recent<f64>,
    rewards: Recent<f64>,
    /// The row's own, used again for each.
    levels: Vec<u32>,
    target: Vec<f64>,
    model: Vec<f64>,
}

/// A row by the numbers of its names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) arm: u32,
    pub(super) segment: u32,
    pub(super) set: u32,
    /// Where there is a column for it.
    pub(super) propensity: Option<f64>,
    pub(super) reward: f64,
    pub(super) cluster: u32,
}

/// All names in order.
pub(super) struct Ordered {
    pub(super) arms: ArmSpace,
    pub(super) segments: Segments,
    /// By first appearance.
    pub(super) arm_of: Vec<u32>,
    pub(super) segment_of: Vec<u32>,
    /// All arms, then the lists of those that could have been sent.
    pub(super) sets: Vec<Eligibility>,
    /// Arms that were sent or could have been.
    pub(super) offered: usize,
    /// For each arm the place of its column in the family of the target, and in that of the model.
    pub(super) target: Option<Vec<usize>>,
    pub(super) model: Option<Vec<usize>>,
    /// `[dimension][arm]`.
    pub(super) levels: Vec<Vec<u32>>,
}

impl Names {
    pub(super) fn new(columns: &Columns) -> Self {
        Self {
            arms: Levels::new(ArmSpace::MAX_ARMS),
            attributes: columns.segments.iter().map(|_| Levels::new(Segments::MAX_SEGMENTS)).collect(),
            crossings: Crossings::default(),
            offers: Offers::default(),
            dimensions: columns.dimensions.iter().map(|_| Levels::new(ArmSpace::MAX_ARMS)).collect(),
            of_arms: vec![Vec::new(); columns.dimensions.len()],
            clusters: Levels::new(u64::from(u32::MAX)),
            numbers: Recent::new(),
            rewards: Recent::new(),
            levels: vec![0; columns.segments.len()],
            target: Vec::new(),
            model: Vec::new(),
        }
    }

    /// The target's probabilities in the last row, by their columns; empty without such columns.
    pub(super) fn target(&self) -> &[f64] {
        &self.target
    }

    /// The model's predictions, likewise.
    pub(super) fn model(&self) -> &[f64] {
        &self.model
    }

    /// Reads a row.
    pub(super) fn row(&mut self, columns: &Columns, place: &Places, rows: &Rows<'_>) -> Result<Row, Fault> {
        let at = |column: &str, fault| Fault::field(rows.line(), column, fault);
        let arm = self.arms.number(rows.field(place.arm)).map_err(|fault| at(&columns.arm, fault))?;
        for (position, column) in columns.segments.iter().enumerate() {
            let number = self.attributes[position].number(rows.field(place.segments[position]));
            self.levels[position] = number.map_err(|fault| at(column, fault))?;
        }
        let segment = self.crossings.number(&self.levels);
        let segment = segment.map_err(|fault| Fault::row(rows.line(), fault))?;
        let read = if columns.words { word_or_number } else { number };
        let field = rows.field(place.reward);
        let reward = self.rewards.get(field, || within(read(field)?, columns.bounds));
        let reward = reward.map_err(|fault| at(&columns.reward, fault))?;
        let mut row = Row { arm, segment, set: 0, propensity: None, reward, cluster: 0 };
        if let (Propensities::Column(column), Some(field)) = (&columns.propensities, place.propensity) {
            let field = rows.field(field);
            let read = self.numbers.get(field, || number(field)).and_then(propensity);
            row.propensity = Some(read.map_err(|fault| at(column, fault))?);
        }
        if let (Some(column), Some(field)) = (&columns.eligible, place.eligible) {
            let set = self.offers.number(rows.field(field), arm, &mut self.arms);
            row.set = set.map_err(|fault| at(column, fault))?;
        }
        for (position, column) in columns.dimensions.iter().enumerate() {
            let field = rows.field(place.dimensions[position]);
            let level = self.dimensions[position].number(field).map_err(|fault| at(column, fault))?;
            // Arms that so far were only eligible have none yet.
            let of_arms = &mut self.of_arms[position];
            of_arms.resize(of_arms.len().max(arm as usize + 1), u32::MAX);
            match of_arms[arm as usize] {
                u32::MAX => of_arms[arm as usize] = level,
                first if first == level => {}
                _ => return Err(at(column, CsvFault::NotOfTheArm)),
            }
        }
        if let (Some(column), Some(field)) = (&columns.cluster, place.cluster) {
            row.cluster = self.clusters.number(rows.field(field)).map_err(|fault| at(column, fault))?;
        }
        let Self { numbers, target, model, .. } = self;
        if columns.target.is_some() {
            read_family(numbers, target, &place.target, rows)?;
            let outside = target.iter().position(|probability| !(0.0..=1.0).contains(probability));
            if let Some(position) = outside {
                let probability = target[position];
                return Err(at(&place.target.columns[position], CsvFault::Probability { probability }));
            }
            let sum: f64 = target.iter().sum();
            if !((sum - 1.0).abs() <= TOLERANCE) {
                let last = place.target.columns.last().map_or("", |column| column);
                return Err(at(last, CsvFault::Sum { sum }));
            }
        }
        if columns.model.is_some() {
            read_family(numbers, model, &place.model, rows)?;
        }
        Ok(row)
    }

    /// Names and numbers everything, once all values are known.
    pub(super) fn ordered(&mut self, columns: &Columns, place: &Places) -> Result<Ordered, Fault> {
        // Sent, or on a list of what could be.
        let offered = self.arms.len();
        // A target may want an arm that the log never shows.
        let wanted = if columns.target.is_some() { &place.target } else { &place.model };
        for (arm, column) in wanted.arms.iter().zip(&wanted.columns) {
            self.arms.number(arm.as_bytes()).map_err(|fault| Fault::field(1, column, fault))?;
        }
        let (names, arm_of) = self.arms.sorted();
        let target = order(&place.target, columns.target.as_deref(), &names)?;
        let model = order(&place.model, columns.model.as_deref(), &names)?;
        let nowhere = Fault::nowhere;
        let builder = ArmSpace::builder().dimension(&columns.arm, names);
        let arms = builder.build().map_err(|error| nowhere(CsvFault::Arms(error)))?;
        let mut builder = Segments::builder();
        let mut orders: Vec<Vec<u32>> = Vec::with_capacity(self.attributes.len());
        for (column, levels) in columns.segments.iter().zip(&self.attributes) {
            let (names, order) = levels.sorted();
            builder = builder.attribute(column, names);
            orders.push(order);
        }
        let segments = builder.build().map_err(|error| nowhere(CsvFault::Segments(error)))?;
        // Mixed radix, last attribute fastest: the numbering of `Segments` without a look-up by names.
        let segment_of = self.crossings.map(|levels| {
            let digits =
                levels.iter().zip(&orders).map(|(&level, order)| (order[level as usize], order.len()));
            digits.fold(0, |code, (digit, radix)| code * radix as u32 + digit)
        });
        let sets = self.offers.sets(&arms, &arm_of);
        let levels = self.of_arms.iter().map(|of| placed(of, &arm_of)).collect();
        Ok(Ordered { arms, segments, arm_of, segment_of, sets, offered, target, model, levels })
    }
}

impl Ordered {
    /// The propensity of a row by its set, where all that could be sent were alike.
    pub(super) fn even(&self) -> Vec<f64> {
        let sets = self.sets.iter().skip(1).map(|set| 1.0 / set.len() as f64);
        std::iter::once(1.0 / self.offered as f64).chain(sets).collect()
    }

    /// Whether such a log is uniform over all arms: an arm that only the target has was not among what could be sent.
    pub(super) fn offers_all(&self) -> bool {
        self.offered == self.arms.len()
    }
}

/// The numbers of a family of columns.
fn read_family(
    numbers: &mut Recent<f64>,
    row: &mut Vec<f64>,
    family: &Family,
    rows: &Rows<'_>,
) -> Result<(), Fault> {
    row.clear();
    for (&position, column) in family.positions.iter().zip(&family.columns) {
        let field = rows.field(position);
        let read = numbers.get(field, || number(field));
        row.push(read.map_err(|fault| Fault::field(rows.line(), column, fault))?);
    }
    Ok(())
}

/// A reward within the bounds that were declared.
fn within(reward: f64, bounds: Option<(f64, f64)>) -> Result<f64, CsvFault> {
    match bounds {
        Some((minimum, maximum)) if !(minimum..=maximum).contains(&reward) => {
            Err(CsvFault::OutOfBounds { reward, minimum, maximum })
        }
        _ => Ok(reward),
    }
}

/// For each arm the place of its column in the family; none without a prefix.
fn order(family: &Family, prefix: Option<&str>, names: &[String]) -> Result<Option<Vec<usize>>, Fault> {
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
    Ok(Some(order))
}

/// The levels of arms by first appearance, in the order of the arms; new ones for arms without rows.
fn placed(of: &[u32], arm_of: &[u32]) -> Vec<u32> {
    let known = || of.iter().copied().filter(|&level| level != u32::MAX);
    let next = known().max().map_or(0, |last| last + 1);
    let mut levels = vec![0; arm_of.len()];
    for (first, &arm) in arm_of.iter().enumerate() {
        let level = of.get(first).copied().filter(|&level| level != u32::MAX);
        levels[arm as usize] = level.unwrap_or(next + first as u32);
    }
    levels
}
