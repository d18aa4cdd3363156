//! From rows to a log and what else they say: a target, a reward model, dimensions of arms, clusters.

use std::collections::HashMap;

use super::super::arm_groups::ArmGroups;
use super::super::columns::Numbers;
use super::super::log::{Columns as Rounds, Log};
use super::super::outline::Outline;
use super::super::round::LogError;
use super::super::round_table::{RoundProbabilities, RoundRewards, RoundTable};
use super::error::Fault;
use super::extent::Extent;
use super::names::{Names, Ordered, Row};
use super::places::Places;
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

/// What was read so far.
struct Gathered {
    names: Names,
    /// Without propensities where there is no column for them, until the end.
    rounds: Rounds,
    target: RoundTable,
    model: RoundTable,
    clusters: Vec<u32>,
}

pub(super) fn parse(columns: &Columns, mut rows: Rows<'_>) -> Result<Sheet, Fault> {
    let place = Places::find(columns, &mut rows)?;
    let mut gathered = Gathered {
        names: Names::new(columns),
        rounds: Rounds::default(),
        target: RoundTable::default(),
        model: RoundTable::default(),
        clusters: Vec::new(),
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
        let Row { arm, segment, set, propensity, reward, cluster } = self.names.row(columns, place, rows)?;
        self.rounds.arms.push(arm);
        self.rounds.segments.push(segment);
        self.rounds.sets.push(set);
        propensity.into_iter().for_each(|propensity| self.rounds.propensities.push(propensity));
        self.rounds.rewards.push(reward);
        if columns.target.is_some() {
            self.target.push(self.names.target());
        }
        if columns.model.is_some() {
            self.model.push(self.names.model());
        }
        if columns.cluster.is_some() {
            self.clusters.push(cluster);
        }
        Ok(())
    }

    /// Names and numbers everything, once all values are known.
    fn build(mut self, columns: &Columns, place: &Places) -> Result<Sheet, Fault> {
        let ordered = self.names.ordered(columns, place)?;
        let mut rounds = self.rounds;
        match columns.propensities {
            Propensities::Column(_) => {}
            Propensities::Unknown => fill_shares(&mut rounds),
            Propensities::Uniform => {
                let (even, propensities) = (ordered.even(), &mut rounds.propensities);
                rounds.sets.each(0..rounds.sets.len(), |set| propensities.push(even[set as usize]));
            }
        }
        rounds.segments.renumber(&ordered.segment_of);
        rounds.arms.renumber(&ordered.arm_of);
        let mut extent = Extent::default();
        rounds.rewards.values().iter().for_each(|&reward| extent.add(reward));
        let nowhere = |error| Fault::nowhere(CsvFault::Log(error));
        let outline = outline(columns, &ordered, &extent)?;
        let log = Log::from_columns(outline, rounds);
        let log = match columns.propensities {
            Propensities::Uniform if ordered.offers_all() => log.declare_uniform().map_err(nowhere)?,
            Propensities::Unknown => log.declare_no_propensities(),
            _ => log,
        };
        let Ordered { target, model, levels, .. } = ordered;
        Ok(Sheet {
            log,
            target: target.map(|order| RoundProbabilities::read(self.target, &order)),
            model: model.map(|order| RoundRewards::read(self.model, &order)),
            levels,
            clusters: columns.cluster.as_ref().map(|_| self.clusters),
        })
    }
}

/// What the rows are about, nothing declared of their propensities.
pub(super) fn outline(columns: &Columns, ordered: &Ordered, extent: &Extent) -> Result<Outline, Fault> {
    let (kind, are_known) = extent.kind(columns);
    let outline = Outline::new(ordered.arms.clone(), ordered.segments.clone(), kind);
    let outline = outline.map_err(|error| Fault::nowhere(CsvFault::Log(LogError::RewardKind(error))))?;
    let outline = outline.with_sets(ordered.sets.clone());
    Ok(if are_known { outline } else { outline.declare_bounds_seen() })
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
