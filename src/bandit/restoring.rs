//! Restoring a snapshot: what was learnt, carried over by names into today's build.

use std::collections::{BTreeMap, BTreeSet};

use crate::arm::ArmId;
use crate::decision::Issuer;
use crate::reward::Quantity;
use crate::segment::SegmentId;
use crate::snapshot::{Generation, GroupedDelays, Life, Place, RestoreError, Restored, Snapshot};
use crate::statistics::{ArmStatistics, Cohort, CohortId, Defaults, Entry, Layer};
use crate::sync::{Arc, Ordering};

use super::Bandit;
use super::ancestor::{Ancestor, matching};
use super::delays_by::Groups;
use super::exchange::Exchange;
use super::goals::is_of_goal;
use super::inheriting::{check_goals, inherit_goal};
use super::waiting::Waiting;

/// Counters by today's names and by where they were counted.
pub(super) type Counted = BTreeMap<(Place, SegmentId, ArmId), ArmStatistics>;

/// The same by today's further goals.
pub(super) type GoalsCounted = Vec<Counted>;

/// The records of cohorts of earlier lives.
pub(super) type Lives<'a> = BTreeMap<(Issuer, CohortId), &'a Life>;

/// What somebody has left, by today's names.
#[derive(Debug, Default)]
pub(super) struct Estate {
    pub(super) ancestors: Vec<Ancestor>,
    /// The lives it tells of.
    pub(super) issuers: BTreeSet<Issuer>,
    /// Where there is no window: counters, sums of features and cohorts.
    pub(super) endless: Layer,
    past: BTreeMap<Issuer, Cohort>,
    /// Where there is one: the bucket that it was, what is closed and what is open.
    pub(super) now: u32,
    pub(super) layers: Vec<Layer>,
    pub(super) entries: Vec<Arc<Entry>>,
}

impl Bandit {
    /// Takes over what a snapshot has learnt, by the names of arms and segments, and reports how they matched.
    ///
    /// Tokens of the lives it tells of can then be rewarded here, once. For a bandit that has made no decision yet and has
    /// accepted no reward for another process. With a journal, the snapshot is put up there first.
    ///
    /// # Errors
    ///
    /// [`RestoreError`] says what does not fit; the bandit is then as it was.
    pub fn restore(&mut self, snapshot: &Snapshot) -> Result<Restored, RestoreError> {
        let decisions = self.decisions();
        if decisions > 0 {
            return Err(RestoreError::InUse { decisions });
        }
        if self.importance.is_some() {
            return Err(RestoreError::Weighted { policy: self.policy.name() });
        }
        let estate = self.read_estate(snapshot)?;
        let exchange = self.resumed(snapshot.exchange.as_deref())?;
        #[cfg(feature = "journal")]
        if self.journaling.is_some() {
            let mut restored = self.blank();
            restored.restore(snapshot)?;
            self.store(&restored).map_err(|error| RestoreError::Journal { reason: error.to_string() })?;
        }

        // From here on nothing can fail.
        let (latest, ancestor) = (&snapshot.generations[0], &estate.ancestors[0]);
        let arms = latest.arms.iter();
        let arms = arms.map(|arm| (ancestor.arm[arm.id().index()].is_some(), arm.to_string()));
        let segments = latest.segments.iter();
        let segments = segments.map(|s| (ancestor.segment[s.id().index()].is_some(), s.to_string()));
        let today = self.arms.iter().map(|arm| (latest.arms.find(arm.levels()).is_ok(), arm.to_string()));
        let now = self.segments.iter().map(|s| (latest.segments.find(s.levels()).is_ok(), s.to_string()));
        let told = self.goals_told(&snapshot.goals, ancestor);
        let then = (0..).zip(&snapshot.goals).map(|(at, goal)| (told.contains(&Some(at)), goal.name.clone()));
        let declared = self.declared().iter().zip(&told);
        let goals = matching(then, declared.map(|(goal, told)| (told.is_some(), goal.name.clone())));
        let restored = Restored { arms: matching(arms, today), segments: matching(segments, now), goals };
        self.take_over(estate);
        self.exchange = exchange;
        #[cfg(feature = "journal")]
        self.number_lives_by_files();
        self.fold();
        // Plans made before know nothing of this.
        self.book = self.empty_book();
        Ok(restored)
    }

    /// Checks all of a snapshot and translates it to today's names.
    pub(super) fn read_estate(&self, snapshot: &Snapshot) -> Result<Estate, RestoreError> {
        if snapshot.version != Snapshot::VERSION {
            return Err(RestoreError::Version { version: snapshot.version });
        }
        if snapshot.reward != self.reward {
            return Err(RestoreError::RewardKind { snapshot: snapshot.reward, bandit: self.reward });
        }
        self.same_window(snapshot)?;
        // Where there is no window every counter is of some life; one without could be restored twice unnoticed.
        let of_nobody = snapshot.waiting.is_none() && snapshot.lives.is_empty();
        if snapshot.generations.is_empty()
            || (of_nobody && snapshot.generations.iter().any(Generation::has_cells))
        {
            return Err(RestoreError::Empty);
        }
        let lives = self.lives(snapshot)?;
        let mut counted = Counted::new();
        let mut ancestors: Vec<Ancestor> = Vec::new();
        let now = snapshot.waiting.as_ref().map_or(0, |waiting| waiting.now);
        for generation in &snapshot.generations {
            ancestors.push(self.inherit(generation, now, &lives, &mut counted)?);
        }
        let goals = self.goals_told(&snapshot.goals, &ancestors[0]).into_iter();
        let goals = goals.map(|told| inherit_goal(&ancestors, &snapshot.generations, told));
        let goals: GoalsCounted = goals.collect::<Result<_, _>>()?;
        check_goals(&counted, &goals)?;
        self.same_baselines(snapshot, &ancestors[0])?;
        let issuers = snapshot.lives.iter();
        let issuers =
            issuers.map(|&Life { replica, incarnation, .. }| Issuer { replica, incarnation }).collect();
        let mut estate = Estate { now, ancestors, issuers, ..Estate::default() };
        match &self.waiting {
            None => {
                estate.past = lives.into_iter().map(|((issuer, _), life)| (issuer, numbers(life))).collect();
                for ((_, segment, arm), statistics) in counted {
                    estate.endless.add(segment, arm, statistics);
                }
            }
            Some(waiting) => {
                let delays = snapshot.waiting.as_ref().map_or(&[][..], |record| &record.delays);
                estate.layers = waiting.layers(delays, &counted, &goals)?;
                estate.entries = waiting.entries(lives, &counted, &goals);
            }
        }
        self.read_context(snapshot, &mut estate)?;
        Ok(estate)
    }

    /// Adds what somebody has left to our own; the caller has made sure that it fits.
    pub(super) fn take_over(&mut self, estate: Estate) {
        for (segment, one) in estate.endless.each() {
            self.cells.add(segment, one.arm, one.statistics);
        }
        self.take_features_over(&estate.endless.featured);
        // In one piece, since the map is packed.
        let mut past = estate.past;
        self.past.append(&mut past);
        if let Some(waiting) = &mut self.waiting {
            waiting.past.extend(estate.issuers);
            waiting.ledger.absorb(estate.now, estate.entries, estate.layers);
            waiting.learn_delays();
            // Else a reward before the host tells the time would be recorded as of a time before its decision.
            let begun = waiting.window().start_of(estate.now).as_millis();
            self.clock.fetch_max(begun, Ordering::Relaxed);
        }
        for mut ancestor in estate.ancestors {
            let cells = std::mem::take(&mut ancestor.cells);
            // Today's own names lack nothing.
            let Some(of) = self.meet(ancestor) else { continue };
            for (place, kept) in cells {
                for (at, statistics) in kept {
                    // More than can be counted: what is there stays.
                    self.keep(of, place, at, |before| before.plus(statistics));
                }
            }
        }
    }

    /// Decisions made or taken over so far.
    fn decisions(&self) -> u64 {
        // Those of others whose rewards wait here are not to be forgotten either.
        let others = self.exchange.as_ref().map_or(0, Exchange::waiting);
        let Some(waiting) = &self.waiting else {
            let past = self.past.values().map(|past| past.issued().max(1));
            return others + self.cohort.issued() + past.sum::<u64>();
        };
        others
            + waiting.ledger.with(|state| {
                let open = state.open.iter().map(|entry| entry.cohort.issued());
                open.sum::<u64>() + state.history.layers().len() as u64 + waiting.past.len() as u64
            })
    }

    /// Whether buckets and default rewards mean the same there and here.
    fn same_window(&self, snapshot: &Snapshot) -> Result<(), RestoreError> {
        let theirs = snapshot.waiting.as_ref();
        let ours = self.waiting.as_ref().map(Waiting::window);
        let refused = RestoreError::Window { snapshot: theirs.map(|theirs| theirs.window), bandit: ours };
        let (Some(theirs), Some(waiting)) = (theirs, &self.waiting) else {
            return if theirs.is_none() && ours.is_none() { Ok(()) } else { Err(refused) };
        };
        if !theirs.window.checked().is_some_and(|window| window.fits(waiting.window()))
            || theirs.now >= u32::MAX - 1
        {
            return Err(refused);
        }
        let Defaults::Alike(default) = waiting.defaults() else {
            return if theirs.baselines.is_some() {
                Ok(())
            } else {
                Err(RestoreError::Stages { snapshot: false })
            };
        };
        if theirs.baselines.is_some() {
            return Err(RestoreError::Stages { snapshot: true });
        }
        let default = default.get();
        if u64::from(theirs.default) != default {
            let scaled = |units: u64| units as f64 / Quantity::ONE as f64;
            let (snapshot, bandit) = (scaled(u64::from(theirs.default)), scaled(default));
            return Err(RestoreError::DefaultReward { snapshot, bandit });
        }
        Ok(())
    }

    /// Whether the arms that are on both sides start from the same totals, where rewards come in stages.
    fn same_baselines(&self, snapshot: &Snapshot, latest: &Ancestor) -> Result<(), RestoreError> {
        let ours = self.waiting.as_ref().and_then(|waiting| waiting.defaults().baselines());
        let theirs = snapshot.waiting.as_ref().and_then(|waiting| waiting.baselines.as_ref());
        let (Some(ours), Some(theirs)) = (ours, theirs) else { return Ok(()) };
        if theirs.len() != latest.arm.len() {
            return Err(RestoreError::Baselines { baselines: theirs.len(), arms: latest.arm.len() });
        }
        for (&theirs, arm) in theirs.iter().zip(&latest.arm) {
            let Some(arm) = *arm else { continue };
            let ours = ours[arm.index()].units();
            if theirs != ours {
                let scaled = |units: i64| units as f64 / Quantity::ONE as f64;
                let (snapshot, bandit) = (scaled(theirs), scaled(ours));
                let arm = self.arms.arm(arm).to_string();
                return Err(RestoreError::Baseline { arm, snapshot, bandit });
            }
        }
        Ok(())
    }

    /// The cohorts of earlier lives that have made decisions: of the others nothing can come.
    fn lives<'a>(&self, snapshot: &'a Snapshot) -> Result<Lives<'a>, RestoreError> {
        let mut past = Lives::new();
        let now = snapshot.waiting.as_ref().map_or(0, |waiting| waiting.now);
        for life in &snapshot.lives {
            let &Life { replica, incarnation, cohort, issued, ref claimed, ref outcomes, .. } = life;
            let issuer = Issuer { replica, incarnation };
            if issuer == self.issuer {
                return Err(RestoreError::IncarnationTaken { replica, incarnation });
            }
            // No bit may stand at or beyond the number of decisions.
            let beyond = claimed.iter().enumerate().any(|(word, &bits)| {
                let first = word as u64 * 64;
                bits != 0 && first + u64::from(64 - bits.leading_zeros()) > issued
            });
            // Words of outcomes stand where there is a rule, and bits where there is none.
            let staged = self.waiting.as_ref().is_some_and(|waiting| waiting.stages.is_some());
            let idle = if staged { claimed.is_empty() } else { outcomes.is_empty() };
            let known = |&(sequence, bits): &(u64, u64)| sequence < issued && Cohort::is_outcome(bits);
            let cohort = CohortId::new(cohort);
            let possible = (cohort == CohortId::OPEN_ENDED) == self.waiting.is_none()
                && cohort.bucket() <= now
                && issued <= Cohort::CAPACITY
                && incarnation >> Issuer::INCARNATION_BITS == 0
                && idle
                && outcomes.iter().all(known)
                && !beyond;
            let impossible = RestoreError::Life { replica, incarnation };
            if !possible {
                return Err(impossible);
            }
            if issued > 0 && past.insert((issuer, cohort), life).is_some() {
                return Err(impossible);
            }
        }
        Ok(past)
    }
}

/// The numbers and claims that a record tells of.
fn numbers(life: &Life) -> Cohort {
    Cohort::restored(life.issued, &life.claimed, &life.outcomes)
}

impl Waiting {
    /// The layers of closed cohorts.
    fn layers(
        &self,
        delays: &[(u32, u32, GroupedDelays)],
        counted: &Counted,
        goals: &GoalsCounted,
    ) -> Result<Vec<Layer>, RestoreError> {
        let mut layers: BTreeMap<(u32, u32), Layer> = BTreeMap::new();
        for &(first, last, ref delays) in delays {
            let layer = Layer::new((first, last), self.ungrouped(delays));
            if first > last || layers.insert((first, last), layer).is_some() {
                return Err(RestoreError::Place { place: format!("delays of buckets {first} to {last}") });
            }
        }
        for (&(place, segment, arm), &statistics) in counted {
            if let Place::Layer { first, last } = place {
                let layer = layers.entry((first, last));
                layer.or_insert_with(|| Layer::new((first, last), Vec::new())).add(segment, arm, statistics);
            }
        }
        for (goal, counted) in goals.iter().enumerate() {
            for (&(place, segment, arm), &statistics) in counted {
                if let Place::Layer { first, last } = place
                    && let Some(layer) = layers.get_mut(&(first, last))
                {
                    layer.add_goal(goal, segment, arm, statistics);
                }
            }
        }
        Ok(layers.into_values().collect())
    }

    /// The cohorts that are open.
    fn entries(&self, lives: Lives<'_>, counted: &Counted, goals: &GoalsCounted) -> Vec<Arc<Entry>> {
        let mut keepers: BTreeMap<CohortId, Arc<Entry>> = BTreeMap::new();
        let restored = |((issuer, id), life): ((Issuer, CohortId), &Life)| {
            let entry = Arc::new(Entry::earlier(self.ledger.shape(), issuer, id, numbers(life)));
            // Delays are asked for by bucket only: one cohort keeps those of all.
            if !life.delays.is_empty() {
                let keeper = keepers.entry(id).or_insert_with(|| Arc::clone(&entry));
                keeper.delays.restore(&self.ungrouped(&life.delays));
            }
            ((issuer, id), entry)
        };
        let entries: BTreeMap<_, _> = lives.into_iter().map(restored).collect();
        for (&(place, segment, arm), &statistics) in counted {
            if let Place::Cohort { replica, incarnation, cohort } = place {
                let id = (Issuer { replica, incarnation }, CohortId::new(cohort));
                if let Some(entry) = entries.get(&id) {
                    entry.cells.add(segment, arm, statistics);
                    // Of decisions of which nothing has come everything is known.
                    for (goal, told) in goals.iter().enumerate().filter(|_| statistics.returned() > 0) {
                        let told = told.get(&(place, segment, arm)).copied();
                        let told = told.filter(|told| told.returned() == statistics.returned());
                        entry.cells.add_goal(goal, (segment, arm), told);
                    }
                }
            }
        }
        entries.into_values().collect()
    }

    /// Conversions by the numbers of today's groups: all of them where none is told apart, else those of the same name.
    fn ungrouped(&self, delays: &GroupedDelays) -> Vec<u64> {
        let width = self.window().delays();
        if let Groups::One = self.groups {
            return self.goals.iter().fold(self.pooled(delays, |key| !is_of_goal(key)), |mut laws, goal| {
                let prefix = goal.delay_key("");
                laws.extend(self.pooled(delays, |key| key.starts_with(&prefix)));
                laws
            });
        }
        let of = |key: String| {
            let counts = delays.get(&key).into_iter().flatten().copied();
            counts.chain(std::iter::repeat(0)).take(width).collect::<Vec<_>>()
        };
        self.delay_keys().flat_map(of).collect()
    }

    /// The sum of the conversions under some keys.
    fn pooled(&self, delays: &GroupedDelays, of: impl Fn(&str) -> bool) -> Vec<u64> {
        let mut all = vec![0_u64; self.window().delays()];
        for (_, counts) in delays.iter().filter(|(key, _)| of(key)) {
            all.iter_mut().zip(counts).for_each(|(sum, &count)| *sum = sum.saturating_add(count));
        }
        all
    }
}
