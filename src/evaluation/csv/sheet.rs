//! From rows to a log and what else they say: a target, a reward model, dimensions of arms, clusters.

use std::collections::HashMap;

use crate::arm::ArmSpace;
use crate::reward::RewardKind;
use crate::segment::Segments;

use super::super::arm_groups::ArmGroups;
use super::super::columns::Numbers;
use super::super::log::{Columns as Rounds, Log};
use super::super::round_table::{RoundProbabilities, RoundRewards, RoundTable, TOLERANCE};
use super::error::Fault;
use super::field::{number, propensity, word_or_number};
use super::levels::{Crossings, Levels};
use super::offers::Offers;
use super::places::{Family, Places};
use super::recent::Recent;
use super::rows::Rows;
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
    offers: Offers,
    dimensions: Vec<Levels>,
    /// `[dimension][arm]`.
    of_arms: Vec<Vec<u32>>,
    clusters: Option<(Levels, Vec<u32>)>,
    /// Without propensities where there is no column for them, until the end.
    rounds: Rounds,
    target: RoundTable,
    model: RoundTable,
    numbers: Recent<f64>,
    rewards: Recent<f64>,
    /// The row's own, used again for each.
    levels: Vec<u32>,
    row: Vec<f64>,
}

pub(super) fn parse(columns: &Columns, mut rows: Rows<'_>) -> Result<Sheet, Fault> {
    let place = Places::find(columns, &mut rows)?;
    let mut gathered = Gathered {
        arms: Levels::new(ArmSpace::MAX_ARMS),
        attributes: columns.segments.iter().map(|_| Levels::new(Segments::MAX_SEGMENTS)).collect(),
        crossings: Crossings::default(),
        offers: Offers::default(),
        dimensions: columns.dimensions.iter().map(|_| Levels::new(ArmSpace::MAX_ARMS)).collect(),
        of_arms: vec![Vec::new(); columns.dimensions.len()],
        clusters: columns.cluster.as_ref().map(|_| (Levels::new(u64::from(u32::MAX)), Vec::new())),
        rounds: Rounds::default(),
        target: RoundTable::default(),
        model: RoundTable::default(),
        numbers: Recent::new(),
        rewards: Recent::new(),
        levels: vec![0; columns.segments.len()],
        row: Vec::new(),
    };
    while rows.advance()? {
        gathered.row(columns, &place, &rows)?;
    }
    if gathered.rounds.arms.len() == 0 {
        return Err(Fault::nowhere(CsvFault::NoRows));
    }
    gathered.build(columns, &place)
}

impl Gathered {
    fn row(&mut self, columns: &Columns, place: &Places, rows: &Rows<'_>) -> Result<(), Fault> {
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
        let reward = self.rewards.get(field, || read(field)).map_err(|fault| at(&columns.reward, fault))?;
        if let (Propensities::Column(column), Some(field)) = (&columns.propensities, place.propensity) {
            let field = rows.field(field);
            let read = self.numbers.get(field, || number(field)).and_then(propensity);
            self.rounds.propensities.push(read.map_err(|fault| at(column, fault))?);
        }
        if let (Some(column), Some(field)) = (&columns.eligible, place.eligible) {
            let set = self.offers.number(rows.field(field), arm, &mut self.arms);
            self.rounds.sets.push(set.map_err(|fault| at(column, fault))?);
        } else {
            self.rounds.sets.push(0);
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
        if let (Some((clusters, of_rows)), Some(field)) = (&mut self.clusters, place.cluster) {
            let column = columns.cluster.as_deref().unwrap_or_default();
            of_rows.push(clusters.number(rows.field(field)).map_err(|fault| at(column, fault))?);
        }
        if columns.target.is_some() {
            self.read(&place.target, rows)?;
            let outside = self.row.iter().position(|probability| !(0.0..=1.0).contains(probability));
            if let Some(position) = outside {
                let probability = self.row[position];
                return Err(at(&place.target.columns[position], CsvFault::Probability { probability }));
            }
            let sum: f64 = self.row.iter().sum();
            if !((sum - 1.0).abs() <= TOLERANCE) {
                let last = place.target.columns.last().map_or("", |column| column);
                return Err(at(last, CsvFault::Sum { sum }));
            }
            self.target.push(&self.row);
        }
        if columns.model.is_some() {
            self.read(&place.model, rows)?;
            self.model.push(&self.row);
        }
        self.rounds.arms.push(arm);
        self.rounds.segments.push(segment);
        self.rounds.rewards.push(reward);
        Ok(())
    }

    /// The numbers of a family of columns.
    fn read(&mut self, family: &Family, rows: &Rows<'_>) -> Result<(), Fault> {
        self.row.clear();
        for (&position, column) in family.positions.iter().zip(&family.columns) {
            let field = rows.field(position);
            let read = self.numbers.get(field, || number(field));
            self.row.push(read.map_err(|fault| Fault::field(rows.line(), column, fault))?);
        }
        Ok(())
    }

    /// Names and numbers everything, once all values are known.
    fn build(mut self, columns: &Columns, place: &Places) -> Result<Sheet, Fault> {
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
            digits.fold(0, |code, (digit, radix)| code * radix as u32 + digit)
        });

        let mut rounds = self.rounds;
        let sets = self.offers.sets(&arms, &arm_of);
        match columns.propensities {
            Propensities::Column(_) => {}
            Propensities::Unknown => fill_shares(&mut rounds),
            Propensities::Uniform => {
                let even: Vec<f64> = std::iter::once(1.0 / offered as f64)
                    .chain(sets.iter().skip(1).map(|set| 1.0 / set.len() as f64))
                    .collect();
                let propensities = &mut rounds.propensities;
                rounds.sets.each(0..rounds.sets.len(), |set| propensities.push(even[set as usize]));
            }
        }
        rounds.segments.renumber(&segment_of);
        rounds.arms.renumber(&arm_of);
        let kind = reward_kind(&rounds.rewards);
        let log = Log::from_columns(arms, segments, kind, rounds, sets);
        let log = match columns.propensities {
            // Uniform over what could be sent; an arm that only the target has was not among it.
            Propensities::Uniform if offered == count => log.and_then(Log::declare_uniform),
            Propensities::Unknown => log.map(Log::declare_no_propensities),
            _ => log,
        };
        let log = log.map_err(|error| nowhere(CsvFault::Log(error)))?;
        let levels = self.of_arms.into_iter().map(|of| placed(&of, &arm_of)).collect();
        Ok(Sheet {
            log,
            target: target.map(|order| RoundProbabilities::read(self.target, &order)),
            model: model.map(|order| RoundRewards::read(self.model, &order)),
            levels,
            clusters: self.clusters.map(|(_, of_rows)| of_rows),
        })
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

/// Fills in, where nobody knows propensities, the share of the arm among the rows of its segment: no probability of
/// anything, but what the spread of a fitted model goes by.
fn fill_shares(rounds: &mut Rounds) {
    let all = || (0..rounds.arms.len()).map(|row| (rounds.segments.get(row), rounds.arms.get(row)));
    let (mut pairs, mut segments): (HashMap<(u32, u32), f64>, HashMap<u32, f64>) = Default::default();
    for (segment, arm) in all() {
        *pairs.entry((segment, arm)).or_default() += 1.0;
        *segments.entry(segment).or_default() += 1.0;
    }
    let mut shares = Numbers::default();
    all().for_each(|(segment, arm)| shares.push(pairs[&(segment, arm)] / segments[&segment]));
    rounds.propensities = shares;
}

/// Binary where every reward is 0 or 1, else the range seen; where that is a point, the range from there to 0.
#[expect(clippy::float_cmp, reason = "a reward is 0 or 1 to the last bit or it is not binary")]
fn reward_kind(rewards: &Numbers) -> RewardKind {
    let rewards = || rewards.values().iter().copied();
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
