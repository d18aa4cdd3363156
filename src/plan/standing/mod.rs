//! The standing of an index policy: which arms of a set lead, kept from one refresh to the next.
//!
//! Arms with equal counters have equal indices, so they form a class, and the classes play a [tournament]. The arms
//! nobody has touched are one class, whatever their number: a standing takes memory for touched arms, and a bit for each
//! other. When an arm's counters change it moves to another class, and only matches of classes that appeared or vanished
//! are played again, and those whose time has come.
//!
//! [`Desk`] hands the standings of a segment from one thread to the next.

mod changes;
mod desk;
mod members;
#[cfg(all(test, loom))]
mod models;
mod tournament;

pub(crate) use desk::Desk;

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::arm::{ArmId, Eligibility};
use crate::policy::Index;
use crate::statistics::{ArmStatistics, SegmentCells};
use crate::sync::Arc;

use super::ranks::Ranks;

use members::Members;
use tournament::{Match, Tournament};

/// Leaders up to which each has its own columns in a plan's table; more are kept as bits.
const FEW: usize = 64;

/// The number of the class of untouched arms, which always exists.
const UNTOUCHED: u32 = 0;

/// Who leads, and what a plan needs to know besides.
#[derive(Debug)]
pub(crate) struct Top {
    pub(super) leaders: Leaders,
    /// Share of the decisions that the leaders get.
    pub(super) share: f64,
    /// Counted ranks of the set, unless it has every arm.
    pub(super) ranks: Option<Arc<Ranks>>,
    pub(crate) selections: u64,
    pub(crate) outcomes: u64,
}

#[derive(Debug)]
pub(super) enum Leaders {
    /// Their positions, ascending.
    Few(Vec<u32>),
    /// All eligible arms, and these are many.
    All,
    /// A bit for each arm, and how many are set.
    Many(Arc<[u64]>, u32),
}

#[derive(Debug)]
struct Standing {
    eligible: Eligibility,
    ranks: Option<Arc<Ranks>>,
    classes: Vec<Class>,
    /// Numbers of classes without members, for reuse.
    vacant: Vec<u32>,
    class_of_counters: BTreeMap<[u64; 4], u32>,
    /// The class of each arm that was touched.
    class_of_arm: BTreeMap<u32, u32>,
    tournament: Tournament,
    selections: u64,
    outcomes: u64,
}

/// Arms with equal counters.
#[derive(Debug)]
struct Class {
    counters: ArmStatistics,
    members: Members,
}

/// The classes' matches under an index.
struct Played<'a> {
    index: &'a dyn Index,
    classes: &'a [Class],
}

impl Played<'_> {
    fn counters(&self, class: u32) -> ArmStatistics {
        self.classes[class as usize].counters
    }
}

impl Match for Played<'_> {
    fn compare(&self, first: u32, second: u32, clock: f64) -> Ordering {
        let [first, second] = [first, second].map(|class| self.index.value(self.counters(class), clock));
        first.partial_cmp(&second).unwrap_or_else(|| second.is_nan().cmp(&first.is_nan()))
    }

    fn holds_until(&self, ahead: u32, behind: u32, clock: f64) -> f64 {
        self.index.holds_until(self.counters(ahead), self.counters(behind), clock)
    }
}

impl Standing {
    /// The standing of a set by the counters as they are: it looks at every arm that was ever touched.
    fn new(eligible: &Eligibility, cells: SegmentCells<'_>) -> Self {
        let counters = ArmStatistics::default();
        let mut standing = Self {
            ranks: (!eligible.is_all()).then(|| Arc::new(Ranks::of(eligible.words()))),
            classes: vec![Class { counters, members: Members::all(eligible) }],
            vacant: Vec::new(),
            class_of_counters: BTreeMap::from([(counters.key(), UNTOUCHED)]),
            class_of_arm: BTreeMap::new(),
            tournament: Tournament::new(),
            selections: 0,
            outcomes: 0,
            eligible: eligible.clone(),
        };
        standing.tournament.set(UNTOUCHED, true);
        cells.each_touched(|arm, counters| standing.update(arm, counters));
        standing
    }

    /// Takes note of an arm's counters.
    fn update(&mut self, arm: ArmId, counters: ArmStatistics) {
        if !self.eligible.contains(arm) {
            return;
        }
        let left = self.class_of_arm.get(&arm.get()).copied().unwrap_or(UNTOUCHED);
        let before = self.classes[left as usize].counters;
        if before == counters {
            return;
        }
        self.selections = self.selections - before.issued() + counters.issued();
        self.outcomes = self.outcomes - before.returned() + counters.returned();
        self.leave(left, arm);
        let joined = self.join(counters, arm);
        match joined {
            UNTOUCHED => self.class_of_arm.remove(&arm.get()),
            _ => self.class_of_arm.insert(arm.get(), joined),
        };
    }

    fn leave(&mut self, number: u32, arm: ArmId) {
        let class = &mut self.classes[number as usize];
        class.members.remove(arm.get());
        if class.members.len() == 0 {
            self.tournament.set(number, false);
            if number != UNTOUCHED {
                self.class_of_counters.remove(&class.counters.key());
                self.vacant.push(number);
            }
        }
    }

    fn join(&mut self, counters: ArmStatistics, arm: ArmId) -> u32 {
        let number = *self.class_of_counters.entry(counters.key()).or_insert_with(|| {
            let class = Class { counters, members: Members::none() };
            match self.vacant.pop() {
                Some(number) => {
                    self.classes[number as usize] = class;
                    number
                }
                None => {
                    self.classes.push(class);
                    self.classes.len() as u32 - 1
                }
            }
        });
        let members = &mut self.classes[number as usize].members;
        members.insert(arm.get(), self.eligible.words().len());
        if members.len() == 1 {
            self.tournament.set(number, true);
        }
        number
    }

    /// Who leads under an index.
    fn top(&mut self, index: &dyn Index) -> Top {
        let played = Played { index, classes: &self.classes };
        self.tournament.settle(&played, index.clock(self.selections, self.eligible.len()));
        let (mut leading, mut count) = (Vec::new(), 0);
        self.tournament.leaders(|class| {
            count += self.classes[class as usize].members.len();
            leading.push(class);
        });
        Top {
            leaders: self.members(&leading, count),
            share: index.share(self.selections, self.eligible.len()),
            ranks: self.ranks.clone(),
            selections: self.selections,
            outcomes: self.outcomes,
        }
    }

    /// The members of these classes, `count` in all.
    fn members(&self, classes: &[u32], count: usize) -> Leaders {
        let members = || classes.iter().map(|&class| &self.classes[class as usize].members);
        if count <= FEW {
            let mut positions = Vec::with_capacity(count);
            members().for_each(|members| members.each(|arm| positions.push(self.position(arm))));
            positions.sort_unstable();
            return Leaders::Few(positions);
        }
        if count == self.eligible.len() {
            return Leaders::All;
        }
        if let [class] = classes
            && let Members::Bits(words, len) = &self.classes[*class as usize].members
        {
            return Leaders::Many(Arc::clone(words), *len);
        }
        let mut words = vec![0; self.eligible.words().len()];
        members().for_each(|members| members.add_to(&mut words));
        Leaders::Many(words.into(), count as u32)
    }

    fn position(&self, arm: u32) -> u32 {
        match &self.ranks {
            Some(ranks) => ranks.position(self.eligible.words(), ArmId::new(arm)),
            None => arm,
        }
    }
}
