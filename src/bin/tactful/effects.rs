//! `tactful effects`: what each template, channel, tone and time adds, and how sure that is.

use std::path::Path;

use tactful::belief::Tried;
use tactful::belief::effects::{Cells, Factors, LevelEffects, ScalePrior};
use tactful::evaluation::Log;
use tactful::evaluation::csv::Columns;
use tactful::report::{Page, effects_page};
use tactful::{ArmId, ArmSpace, RewardKind, SegmentId, Segments};

use crate::arguments::{Effects, Format};
use crate::log_flags::needed;
use crate::source::{self, Request, Source};
use crate::{Failure, save, write};

impl Request for Effects {
    fn file(&self) -> &Path {
        self.outcomes.file()
    }

    fn csv_flags(&self) -> Vec<(&'static str, bool)> {
        self.outcomes.given()
    }

    /// The first dimension is read as the arm; the others and the attributes are read alike, as columns that tell rows apart.
    fn columns(&self) -> Result<Columns, String> {
        let (first, others) = self.dimensions.split_first().ok_or_else(|| needed("--dimensions COL,COL"))?;
        Ok(self.outcomes.columns(first, others)?.no_propensities())
    }
}

pub(crate) fn run(effects: &Effects) -> Result<(), Failure> {
    let source = source::read(effects)?;
    // A journal takes no --reward, and nothing else can do without.
    let (arms, segments, cells) = if effects.outcomes.has_reward() {
        crossed(&source.log, effects.dimensions.len())?
    } else {
        projected(&source.log, &effects.dimensions)?
    };
    let found = LevelEffects::of(cells, &arms, &segments, &ScalePrior::default());
    if let Some(path) = &effects.report {
        let page = effects_page(&found).note(format!("Read from {}.", effects.file().display()));
        let page = unit(&source.log).into_iter().fold(page, Page::note);
        save(path, &source.left_out.remarks().into_iter().fold(page, Page::warning))?;
    }
    match effects.format {
        Format::Table => write(&table(&found, &source)),
        Format::Json => write(&json(&found)?),
    }
}

type Found = (ArmSpace, Segments, Cells);

/// Results of a file whose arms are the levels of the first of so many dimensions, and whose segments are all else that tells rows
/// apart: first the other dimensions, then the attributes.
fn crossed(log: &Log, dimensions: usize) -> Result<Found, Failure> {
    let named = |(name, levels): (&str, &[String])| (name.to_owned(), levels.to_vec());
    let all: Vec<(String, Vec<String>)> = log.segments().attributes().map(named).collect();
    let (others, attributes) = all.split_at(dimensions - 1);
    let dimensions: Vec<_> = log.arms().dimensions().map(named).chain(others.iter().cloned()).collect();
    let arms = space(&dimensions)?;
    let segments = attributes
        .iter()
        .fold(Segments::builder(), |builder, (name, levels)| builder.attribute(name, levels.clone()))
        .build()
        .map_err(Failure::new)?;
    let (count, rest) = (segments.len(), log.segments().len() / segments.len());
    // Numbers are in mixed radix, the attributes running fastest.
    let place = |segment: SegmentId, arm: ArmId| {
        (segment.index() % count, arm.index() * rest + segment.index() / count)
    };
    let cells = cells(log, &arms, &segments, place);
    Ok((arms, segments, cells))
}

/// Results of a log by these dimensions of its arms, all if none are named, and by its segments.
fn projected(log: &Log, names: &[String]) -> Result<Found, Failure> {
    let known: Vec<(&str, &[String])> = log.arms().dimensions().collect();
    let mut kept = Vec::new();
    for name in names {
        let position = known.iter().position(|(known, _)| known == name).ok_or_else(|| {
            let known: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            Failure::new(format_args!("no dimension {name:?}; there are {}", known.join(", ")))
        })?;
        kept.push(position);
    }
    if names.is_empty() {
        kept.extend(0..known.len());
    }
    let dimensions: Vec<(String, Vec<String>)> =
        kept.iter().map(|&position| (known[position].0.to_owned(), known[position].1.to_vec())).collect();
    let arms = space(&dimensions)?;
    let places: Vec<usize> = log
        .arms()
        .iter()
        .map(|arm| {
            let levels: Vec<usize> = arm.level_indices().collect();
            kept.iter().fold(0, |code, &position| code * known[position].1.len() + levels[position])
        })
        .collect();
    let place = |segment: SegmentId, arm: ArmId| (segment.index(), places[arm.index()]);
    let cells = cells(log, &arms, log.segments(), place);
    Ok((arms, log.segments().clone(), cells))
}

fn space(dimensions: &[(String, Vec<String>)]) -> Result<ArmSpace, Failure> {
    let builder = dimensions
        .iter()
        .fold(ArmSpace::builder(), |builder, (name, levels)| builder.dimension(name, levels.clone()));
    builder.build().map_err(Failure::new)
}

/// Adds up rewards, scaled to [0, 1], by the (segment, arm) at which rounds are placed.
fn cells(
    log: &Log,
    arms: &ArmSpace,
    segments: &Segments,
    place: impl Fn(SegmentId, ArmId) -> (usize, usize),
) -> Cells {
    let (least, most) = log.reward_kind().range();
    let mut sums = vec![std::collections::BTreeMap::<usize, (f64, f64)>::new(); segments.len()];
    for round in log.rounds().iter() {
        let (segment, arm) = place(round.segment, round.arm);
        let sum = sums[segment].entry(arm).or_default();
        *sum = (sum.0 + 1.0, sum.1 + (round.reward.value() - least) / (most - least));
    }
    let mut cells = Cells::new(Factors::of(arms, segments));
    for (segment, sums) in (0..).map(SegmentId::new).zip(sums) {
        // Rounding may carry a sum of rewards beyond their number.
        let told = |(arm, (trials, earned)): (usize, (f64, f64))| Tried {
            arm: ArmId::new(arm as u32),
            trials,
            earned: earned.clamp(0.0, trials),
        };
        cells.add(arms, segment, &sums.into_iter().map(told).collect::<Vec<_>>());
    }
    cells
}

/// What rates are of, where rewards are amounts.
fn unit(log: &Log) -> Option<String> {
    let (least, most) = log.reward_kind().range();
    let whole = log.reward_kind() == RewardKind::Binary;
    let point = (most - least) / 100.0;
    (!whole).then(|| {
        format!(
            "Rewards are amounts from {least} to {most}: 0 % is {least}, 100 % is {most}, a point is {point}."
        )
    })
}

fn table(found: &LevelEffects, source: &Source) -> String {
    let mut text = found.to_string();
    for remark in unit(&source.log).into_iter().chain(source.left_out.remarks()) {
        text += &format!("\n{remark}\n");
    }
    text
}

/// One JSON object and a line end.
fn json(found: &LevelEffects) -> Result<String, Failure> {
    serde_json::to_string(found).map(|text| text + "\n").map_err(Failure::new)
}
