//! Taking a snapshot: what was learnt, by names, with what must be remembered to count each reward once.

use std::collections::{BTreeMap, BTreeSet};

use crate::arm::{ArmId, ArmSpace};
use crate::decision::Issuer;
use crate::delta::ExchangeRecord;
use crate::reward::Quantity;
use crate::segment::{SegmentId, Segments};
use crate::snapshot::{Cells, Generation, GroupedDelays, Life, Place, PlaceRecord, Snapshot, WaitingRecord};
use crate::statistics::{ArmStatistics, Cohort, CohortId, Defaults, Entry};

use super::Bandit;
use super::ancestor::{Ancestor, Kept};
use super::contextual::Contextual;
use super::exchange::Exchange;
use super::waiting::Waiting;

/// What is told of a place.
#[derive(Debug, Default)]
struct Told {
    cells: Cells,
    /// By the further goals.
    goals: Vec<Cells>,
}

impl Bandit {
    /// Everything learnt so far, as plain data.
    ///
    /// May be called while others select and reward. A reward that is in the counters is also marked as claimed, so
    /// that it can never count twice after a restore. But a reward that arrives during the call may be marked and not
    /// yet counted, and of an amount that is being added at that instant the count may be in and the amount not yet,
    /// so that it stays the least reward. Take the last snapshot of a life after its last reward.
    ///
    /// As JSON it has at most 130 bytes for each segment and arm with decisions, in each place where they are kept apart. With a
    /// window these are the layers of what is closed and the cohorts that may be rewarded, and only those are remembered by
    /// life. Without one no reward is ever too late, so that each life which has made decisions is remembered for good, by up
    /// to 110 bytes and a quarter of a byte for each decision up to the last that was rewarded. A life without decisions
    /// leaves nothing.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { exchange: self.exchange_record().map(Box::new), ..self.own_snapshot() }
    }

    pub(super) fn exchange_record(&self) -> Option<ExchangeRecord> {
        self.exchange.as_ref().map(Exchange::record)
    }

    /// What this process has counted itself.
    pub(super) fn own_snapshot(&self) -> Snapshot {
        // Cells first, claims after: what is counted is then claimed as well, since a claim precedes its count.
        let mut context = None;
        let mut cells: BTreeMap<Place, Told> = BTreeMap::new();
        let goals = self.declared().len();
        let mut waiting = None;
        let mut lives = Vec::new();
        match &self.waiting {
            None => {
                context = self.contextual.as_deref().map(Contextual::record);
                let counted = &mut cells.entry(Place::Endless).or_default().cells;
                self.cells.each_touched(|segment, arm, statistics| push(counted, segment, arm, statistics));
                lives.push(life(self.issuer, CohortId::OPEN_ENDED, &self.cohort));
                lives
                    .extend(self.past.iter().map(|(&issuer, past)| life(issuer, CohortId::OPEN_ENDED, past)));
            }
            Some(mine) => mine.ledger.with(|state| {
                context = self.contextual.as_deref().map(|contextual| contextual.record_of(state));
                let mut delays = Vec::new();
                for layer in state.history.layers() {
                    let (first, last) = layer.buckets;
                    let told = cells.entry(Place::Layer { first, last }).or_default();
                    layer
                        .each()
                        .for_each(|(segment, one)| push(&mut told.cells, segment, one.arm, one.statistics));
                    told.goals.resize_with(goals, Cells::new);
                    for (goal, counted) in told.goals.iter_mut().enumerate() {
                        layer
                            .each_of_goal(goal)
                            .for_each(|(segment, one)| push(counted, segment, one.arm, one.statistics));
                    }
                    delays.push((first, last, mine.grouped(&layer.delays)));
                }
                // The latest first: it tells of the life that the snapshot is taken in.
                for entry in state.open.iter().rev() {
                    let Issuer { replica, incarnation } = entry.issuer;
                    let place = Place::Cohort { replica, incarnation, cohort: entry.id.get() };
                    let told = cells.entry(place).or_default();
                    entry.cells.each_touched(|segment, arm, statistics| {
                        push(&mut told.cells, segment, arm, statistics);
                    });
                    told.goals = (0..goals).map(|goal| told_of_goal(entry, goal, &told.cells)).collect();
                    let delays = mine.grouped(&entry.delays.read());
                    lives.push(Life { delays, ..life(entry.issuer, entry.id, &entry.cohort) });
                }
                let (default, baselines) = match mine.defaults() {
                    Defaults::Alike(default) => (default.get() as u32, None),
                    Defaults::ByArm(arms) => (0, Some(arms.iter().map(|arm| arm.units()).collect())),
                };
                let window = mine.window();
                waiting = Some(WaitingRecord { window, default, baselines, now: state.now, delays });
            }),
        }
        let today = generation(&self.arms, &self.segments, cells);
        let open = open_places(&lives);
        let earlier = self.ancestors.iter().filter_map(|then| {
            // By the further goals nothing is kept of what has no name.
            let untold = |(place, cells)| (place, Told { cells, goals: Vec::new() });
            let left: BTreeMap<Place, Told> = self.left(&then.cells, &open).into_iter().map(untold).collect();
            let last = self.waiting.is_some().then_some(then.last);
            let told_of = !left.is_empty() || self.may_be_meant(then);
            told_of.then(|| Generation { last, ..generation(&then.arms, &then.segments, left) })
        });
        Snapshot {
            version: Snapshot::VERSION,
            reward: self.reward,
            waiting,
            goals: self
                .declared()
                .iter()
                .zip(self.totals())
                .map(|(goal, totals)| goal.record(totals))
                .collect(),
            context: context.map(Box::new),
            exchange: None,
            generations: std::iter::once(today).chain(earlier).collect(),
            lives,
        }
    }

    /// Whether something may still come of decisions that were made by these names.
    fn may_be_meant(&self, then: &Ancestor) -> bool {
        self.waiting.as_ref().is_none_or(|waiting| {
            // Held for others, and in the journal's next file: as long again, and a bucket.
            let end = u64::from(then.last) + 2 * waiting.ledger.as_long_again() + 1;
            u64::from(waiting.ledger.with(|state| state.now)) <= end
        })
    }

    /// What arms and segments without a name today have left: of cohorts that have been closed since, with the default
    /// reward where nothing came, as for all others.
    fn left(&self, kept: &BTreeMap<Place, Kept>, open: &BTreeSet<Place>) -> BTreeMap<Place, Cells> {
        let mut left: BTreeMap<Place, Kept> = BTreeMap::new();
        for (&place, kept) in kept {
            let (place, closed) = match place {
                Place::Cohort { cohort, .. } if !open.contains(&place) => {
                    let bucket = CohortId::new(cohort).bucket();
                    (Place::Layer { first: bucket, last: bucket }, true)
                }
                _ => (place, false),
            };
            let counted = left.entry(place).or_default();
            for (&at, &statistics) in kept {
                let statistics = if closed { self.settled_unnamed(statistics) } else { statistics };
                let sum = counted.entry(at).or_default();
                // More than can be counted: what is there stays.
                *sum = sum.merge(statistics).unwrap_or(*sum);
            }
        }
        let left = left.into_iter().map(|(place, kept)| {
            let mut cells = Cells::new();
            kept.into_iter()
                .for_each(|((segment, arm), statistics)| push(&mut cells, segment, arm, statistics));
            (place, cells)
        });
        left.filter(|(_, cells)| !cells.is_empty()).collect()
    }

    /// The counters of an arm that has no name today, after its cohort has closed.
    fn settled_unnamed(&self, statistics: ArmStatistics) -> ArmStatistics {
        match self.waiting.as_ref().map(Waiting::defaults) {
            Some(Defaults::Alike(default)) => statistics.settled(*default),
            // What an arm starts from that is not there any more, nobody knows: what has come of it is all there is.
            _ => statistics.only_returned(),
        }
    }
}

/// The places of cohorts that are told of.
fn open_places(lives: &[Life]) -> BTreeSet<Place> {
    let place =
        |&Life { replica, incarnation, cohort, .. }: &Life| Place::Cohort { replica, incarnation, cohort };
    lives.iter().map(place).collect()
}

impl Waiting {
    /// Conversions by the names of their groups; those without any left out.
    fn grouped(&self, delays: &[u64]) -> GroupedDelays {
        let width = self.window().delays();
        let grouped = self.delay_keys().zip(delays.chunks(width));
        let some = grouped.filter(|(_, delays)| delays.iter().any(|&count| count > 0));
        some.map(|(key, delays)| (key, delays.to_vec())).collect()
    }
}

/// What an open cohort tells by a further goal, beside these cells by the first: where something has returned, if all of that
/// is known.
fn told_of_goal(entry: &Entry, goal: usize, cells: &Cells) -> Cells {
    let told = |&(segment, arm, first): &(u32, u32, ArmStatistics)| {
        let place = (SegmentId::new(segment), ArmId::new(arm));
        let statistics = entry.cells.read_goal(goal, place.0, place.1);
        let known = first.returned() > 0 && statistics.returned() > 0;
        known.then(|| (segment, arm, statistics.as_of(first)))
    };
    cells.iter().filter_map(told).collect()
}

fn push(cells: &mut Cells, segment: SegmentId, arm: ArmId, statistics: ArmStatistics) {
    if statistics != ArmStatistics::default() {
        cells.push((segment.get(), arm.get(), statistics));
    }
}

fn generation(arms: &ArmSpace, segments: &Segments, mut cells: BTreeMap<Place, Told>) -> Generation {
    let endless = cells.remove(&Place::Endless).unwrap_or_default().cells;
    let places = cells.into_iter().map(|(place, Told { cells, goals })| PlaceRecord { place, cells, goals });
    Generation {
        arms: arms.clone(),
        segments: segments.clone(),
        cells: endless,
        places: places.collect(),
        last: None,
    }
}

fn life(issuer: Issuer, cohort: CohortId, numbers: &Cohort) -> Life {
    // Numbers after bits: every bit then belongs to a number that was taken.
    let (claimed, outcomes) = (numbers.claimed(), numbers.outcomes());
    Life {
        replica: issuer.replica,
        incarnation: issuer.incarnation,
        cohort: cohort.get(),
        issued: numbers.issued(),
        claimed,
        outcomes,
        delays: GroupedDelays::new(),
    }
}

const _: () = assert!(Quantity::DIGITS == 24, "snapshots hold sums in units of 2⁻²⁴");
