//! Replaying a journal: the same exactly-once path that the events have taken, in any order, however often.
//!
//! Decisions are counted as they come, each once; outcomes and withdrawals as well, those that come before their decision
//! when all decisions are there. Whether an outcome was in time is judged by the time that its record carries.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;

use crate::arm::ArmId;
use crate::decision::{Decision, DecisionId};
use crate::delta::Sender;
use crate::features::Quantised;
use crate::journal::{
    Chosen, Entry, JournalError, JournalSettings, LoggedFeatures, Names, Recovery, Storage,
    StoredSnapshotError, Torn,
};
use crate::reward::{Outcome, Reward, RewardKind};
use crate::segment::SegmentId;
use crate::snapshot::{RestoreError, Restored};
use crate::statistics::{Cohort, CohortId, Entry as Open, Issuer};
use crate::sync::Arc;
use crate::time::Timestamp;

use super::ancestor::Ancestor;
use super::journaling::Journaling;
use super::nameless::Nameless;
use super::rewarding::SpaceError;
use super::{Bandit, BanditBuilder, BuildError};

/// Records beyond which a start puts up a snapshot of what it has replayed.
const LONG_TAIL: u64 = 1 << 16;

/// What was found when a bandit was opened.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Recovered {
    /// How the names of the snapshot fit today's, if there was one.
    pub snapshot: Option<Restored>,
    /// Newer snapshots that are not valid and were passed over, and why.
    pub invalid_snapshots: Vec<(String, StoredSnapshotError)>,
    /// Decisions of the journal that the snapshot does not cover.
    pub decisions: u64,
    /// Outcomes and withdrawals likewise.
    pub outcomes: u64,
    /// Events of arms or segments that do not exist any more. They are counted by the names they had, and taken up again if
    /// the name comes back.
    pub vanished: u64,
    /// Events that could not be counted: a second time, or too late for a window that is shorter now.
    pub refused: u64,
    /// The end of the last file, if it was torn: it was cut off.
    pub torn: Option<(String, Torn)>,
}

/// Why a bandit is not opened, or its journal not folded.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReplayError {
    /// The journal is damaged, or the storage failed.
    Journal(JournalError),
    /// The snapshot does not fit.
    Restore(RestoreError),
    /// The settings cannot be.
    Build(BuildError),
    /// The journal holds rewards of another kind or range.
    RewardKind {
        /// The kind in the journal.
        journal: RewardKind,
        /// The kind of the bandit.
        bandit: RewardKind,
    },
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Journal(error) => error.fmt(f),
            Self::Restore(error) => error.fmt(f),
            Self::Build(error) => error.fmt(f),
            Self::RewardKind { journal, bandit } => {
                write!(f, "the journal holds rewards {journal:?}, the bandit takes {bandit:?}")
            }
        }
    }
}

impl Error for ReplayError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Journal(error) => Some(error),
            Self::Restore(error) => Some(error),
            Self::Build(error) => Some(error),
            Self::RewardKind { .. } => None,
        }
    }
}

impl From<JournalError> for ReplayError {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

/// What came of a decision.
#[derive(Clone, Copy, Debug)]
pub(super) enum Came {
    Reward(Reward),
    Outcome(Outcome),
    Withdrawal,
}

/// What something came of: the decision, when it came, what the decision had chosen and what was known of its request.
type To = (DecisionId, Timestamp, Chosen, Option<LoggedFeatures>);

/// What a decision had chosen, as it is known today.
enum Chose {
    Known(SegmentId, ArmId),
    Nameless(Nameless),
    Unknown,
}

/// A replay under way.
pub(super) struct Replay<'a> {
    bandit: &'a mut Bandit,
    recovered: Recovered,
    /// The decisions seen, a bit each.
    seen: Seen,
    /// What came of decisions that were not seen yet.
    outcomes: Vec<(To, Came)>,
    /// The first life of our replica that the journal tells of.
    first: Option<Issuer>,
    latest: Timestamp,
}

impl<'a> Replay<'a> {
    pub(super) fn new(bandit: &'a mut Bandit) -> Self {
        let latest = bandit.now();
        Self {
            bandit,
            recovered: Recovered::default(),
            seen: Seen::default(),
            outcomes: Vec::new(),
            first: None,
            latest,
        }
    }

    /// Takes an entry in.
    pub(super) fn take(&mut self, names: &Names, entry: Entry) -> Result<(), ReplayError> {
        let (journal, bandit) = (names.reward_kind(), self.bandit.reward_kind());
        if journal != bandit {
            return Err(ReplayError::RewardKind { journal, bandit });
        }
        let space = names.fingerprint();
        if space != self.bandit.fingerprint {
            let made = match &entry {
                Entry::Decision(decision) => decision.id.cohort.bucket(),
                _ => 0,
            };
            if !self.bandit.has_met(space, made) {
                // From here on tokens of that build are understood, too.
                let ancestor = Ancestor::new(names.arms(), names.segments(), made, self.bandit);
                self.bandit.meet(ancestor);
            }
        }
        match entry {
            Entry::Decision(decision) => {
                self.latest = self.latest.max(decision.at);
                let chosen = Chosen { segment: decision.segment, arm: decision.arm, space };
                self.decision(decision.id, decision.at, chosen, decision.features);
            }
            Entry::Outcome(outcome) => {
                self.latest = self.latest.max(outcome.at);
                match outcome.chosen {
                    Some(chosen) => {
                        let came = Came::Reward(outcome.reward);
                        self.came((outcome.id, outcome.at, chosen, outcome.features), came);
                    }
                    // Of the first format, whose outcomes do not say what had been chosen.
                    None => self.recovered.refused += 1,
                }
            }
            Entry::Cancel(cancel) => {
                self.latest = self.latest.max(cancel.at);
                self.came((cancel.id, cancel.at, cancel.chosen, cancel.features), Came::Withdrawal);
            }
            Entry::Stage(stage) => {
                self.latest = self.latest.max(stage.at);
                match stage.outcome() {
                    Some(outcome) => {
                        self.came((stage.id, stage.at, stage.chosen, None), Came::Outcome(outcome));
                    }
                    // A stage of a later release.
                    None => self.recovered.refused += 1,
                }
            }
        }
        Ok(())
    }

    /// Counts a decision, once.
    fn decision(&mut self, id: DecisionId, at: Timestamp, chosen: Chosen, features: Option<LoggedFeatures>) {
        if !self.seen.first(id) {
            return;
        }
        self.recovered.decisions += 1;
        if id.issuer.replica == self.bandit.issuer.replica {
            self.first.get_or_insert(id.issuer);
        }
        let counted = !self.bandit.is_ahead(id, at)
            && self.bandit.note(id)
            && match self.locate(chosen) {
                Chose::Known(segment, arm) => {
                    let features = features.map_or(Quantised::NONE, |features| features.0);
                    self.bandit.issue_noted(id, (segment, arm), &features)
                }
                Chose::Nameless(nameless) => {
                    self.recovered.vanished += 1;
                    self.bandit.issue_nameless(id, nameless)
                }
                Chose::Unknown => false,
            };
        self.recovered.refused += u64::from(!counted);
    }

    /// What a decision had chosen, as it is known today.
    fn locate(&self, Chosen { segment, arm, space }: Chosen) -> Chose {
        match self.bandit.locate(space, segment, arm) {
            Ok((segment, arm)) => Chose::Known(segment, arm),
            Err(SpaceError::Unknown { .. }) => Chose::Unknown,
            Err(SpaceError::Vanished { .. }) => {
                let of = self.bandit.ancestors.iter().position(|known| known.fingerprint == space);
                of.map_or(Chose::Unknown, |of| Chose::Nameless((of, (segment, arm))))
            }
        }
    }

    /// Counts what came of a decision, once that is there.
    fn came(&mut self, to: To, came: Came) {
        if self.seen.has(to.0) {
            self.settle(to, came);
        } else {
            self.outcomes.push((to, came));
        }
    }

    fn settle(&mut self, (id, at, chosen, features): To, came: Came) {
        self.recovered.outcomes += 1;
        let features = features.map_or(Quantised::NONE, |features| features.0);
        let counted = match self.locate(chosen) {
            Chose::Unknown => false,
            Chose::Nameless(nameless) => {
                self.recovered.vanished += 1;
                self.bandit.settle_nameless(id, at, (nameless, features), came).is_ok()
            }
            Chose::Known(segment, arm) => {
                let bandit = &*self.bandit;
                let decision = Decision {
                    id,
                    segment,
                    arm,
                    // Of no use for a reward; the journal has it with the decision.
                    units: 1,
                    fingerprint: bandit.fingerprint,
                    key: bandit.keys.current,
                    features,
                };
                match came {
                    Came::Reward(reward) => bandit.reward_at(&decision, reward, at).is_ok(),
                    Came::Outcome(outcome) => bandit.observe_at(&decision, &outcome, at).is_ok(),
                    Came::Withdrawal => bandit.withdraw(&decision, Some(at)).is_ok(),
                }
            }
        };
        self.recovered.refused += u64::from(!counted);
    }

    /// Counts what is left, and moves on to the time of the last record.
    pub(super) fn finish(mut self) -> Recovered {
        for (to, came) in std::mem::take(&mut self.outcomes) {
            self.settle(to, came);
        }
        // The others know what the earlier lives have counted by the first of them. A snapshot says which that was.
        if let (Some(exchange), Some(first)) = (&mut self.bandit.exchange, self.first)
            && exchange.life == 0
        {
            exchange.sender = Sender { replica: first.replica, incarnation: first.incarnation };
        }
        // A record that carries an impossible time was none of ours.
        let _ = self.bandit.advance_to(self.latest);
        self.recovered
    }
}

impl BanditBuilder {
    /// Builds the bandit with a journal in this storage: takes up what an earlier life has left there, the newest valid
    /// snapshot and the journal since, and records from now on every decision, reward and withdrawal.
    ///
    /// A torn end of the last file is cut off and reported. Decisions of the lives before can be rewarded. What was replayed
    /// is put up as a snapshot if it was more than 65,536 records of which none was refused, so that a process which never
    /// lives long enough to [compact](Bandit::compact) starts no slower each time.
    ///
    /// # Errors
    ///
    /// [`ReplayError`]: settings that cannot be, a damaged journal (it says where), a snapshot that does not fit, a failing
    /// storage.
    ///
    /// ```
    /// # use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
    /// use tactful::journal::{Directory, JournalSettings};
    /// use tactful::{ArmSpace, Bandit, Reward, SegmentId, Segments};
    ///
    /// # let path = std::env::temp_dir().join(format!("tactful-open-{}", std::process::id()));
    /// let open = || {
    ///     let arms = ArmSpace::builder().dimension("template", ["friendly", "firm"]).build().expect("two names");
    ///     let bandit = Bandit::builder(arms, Segments::single());
    ///     bandit.open(Directory::open(&path).expect("a directory"), JournalSettings::default())
    /// };
    /// let (bandit, _) = open()?;
    /// # let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    /// let decision = bandit.select(SegmentId::new(0), &bandit.arms().all(), &mut rng)?;
    /// bandit.reward(&decision, Reward::SUCCESS)?;
    /// let position = bandit.recorded().expect("two records");
    /// assert!(bandit.flush()?.covers(position)); // acknowledged
    /// drop(bandit);
    ///
    /// let (bandit, recovered) = open()?; // after a crash
    /// assert_eq!((recovered.decisions, recovered.outcomes), (1, 1));
    /// assert_eq!(bandit.statistics(SegmentId::new(0), decision.arm()).sum(), 1.0);
    /// # std::fs::remove_dir_all(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open(
        self,
        storage: impl Storage + 'static,
        settings: JournalSettings,
    ) -> Result<(Bandit, Recovered), ReplayError> {
        let back_pressure = settings.has_back_pressure();
        let mut bandit = self.build().map_err(ReplayError::Build)?;
        if bandit.importance.is_some() {
            return Err(ReplayError::Build(BuildError::Weighted { policy: bandit.policy.name() }));
        }
        // A bucket longer than while it runs: records of a cohort that was about to close may come after the snapshot.
        bandit.hold(1);
        let mut recovery = Recovery::begin(storage)?;
        let snapshot = recovery.snapshot().map(|snapshot| bandit.restore(snapshot)).transpose();
        let snapshot = snapshot.map_err(ReplayError::Restore)?;
        let mut replay = Replay::new(&mut bandit);
        recovery.replay(|names, entry| replay.take(names, entry))?;
        let recovered = replay.finish();
        let recovered = Recovered {
            snapshot,
            invalid_snapshots: recovery.invalid_snapshots().to_vec(),
            torn: recovery.torn(),
            ..recovered
        };
        // Plans made meanwhile know nothing of what came after them.
        bandit.book = bandit.empty_book();
        let (arms, segments) = (bandit.arms.clone(), bandit.segments.clone());
        let features = bandit.features().cloned();
        let recovery = recovery.starting_files(bandit.exchange.is_some()).naming(features);
        let journal = recovery.start(arms, segments, bandit.reward, settings)?;
        bandit.journaling = Some(Journaling { journal, back_pressure });
        bandit.number_lives_by_files();
        // So that no start replays what the one before has: a process may be killed time and again before it compacts.
        if recovered.decisions + recovered.outcomes > LONG_TAIL && recovered.refused == 0 {
            bandit.store(&bandit)?;
        }
        bandit.hold(0);
        bandit.fold();
        Ok((bandit, recovered))
    }
}

impl Bandit {
    /// Whether a record tells of a decision in a cohort that time had not come to: none of ours does. Counted, it would be
    /// of a cohort after that to which decisions go.
    fn is_ahead(&self, id: DecisionId, at: Timestamp) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| id.cohort.bucket() > waiting.bucket_of(at))
    }

    /// Takes note of the number of a decision; whether it can be.
    fn note(&mut self, id: DecisionId) -> bool {
        match &mut self.waiting {
            None if id.cohort == CohortId::OPEN_ENDED => {
                self.past.entry(id.issuer).or_insert_with(Cohort::new).note(id.sequence);
                true
            }
            Some(waiting) if id.cohort != CohortId::OPEN_ENDED => {
                waiting.past.insert(id.issuer);
                if waiting.ledger.with(|state| state.find(id.issuer, id.cohort).is_none()) {
                    let entry = Open::earlier(waiting.ledger.shape(), id.issuer, id.cohort, Cohort::new());
                    let now = waiting.ledger.with(|state| state.now);
                    waiting.ledger.absorb(now, vec![Arc::new(entry)], Vec::new());
                }
                waiting.ledger.with(|state| {
                    state.find(id.issuer, id.cohort).is_some_and(|entry| {
                        entry.cohort.note(id.sequence);
                        true
                    })
                })
            }
            _ => false,
        }
    }

    /// Counts a decision that was noted; whether it could be.
    fn issue_noted(&self, id: DecisionId, place: (SegmentId, ArmId), features: &Quantised) -> bool {
        let features = self.readable(features);
        let Some(waiting) = &self.waiting else { return self.count(None, place, features).is_ok() };
        waiting.ledger.with(|state| {
            let entry = state.find(id.issuer, id.cohort);
            entry.is_some_and(|entry| self.count(Some(entry), place, features).is_ok())
        })
    }
}

/// Decisions, a bit each. Sparse: a hostile journal that tells of one decision in each of thousands of lives takes an entry
/// for each, not a page.
#[derive(Debug, Default)]
struct Seen(HashMap<(Issuer, CohortId, u64), u64>);

impl Seen {
    fn place(id: DecisionId) -> ((Issuer, CohortId, u64), u64) {
        ((id.issuer, id.cohort, id.sequence / 64), 1 << (id.sequence % 64))
    }

    /// Notes a decision; whether it was not noted before.
    fn first(&mut self, id: DecisionId) -> bool {
        let (place, bit) = Self::place(id);
        let word = self.0.entry(place).or_default();
        let first = *word & bit == 0;
        *word |= bit;
        first
    }

    fn has(&self, id: DecisionId) -> bool {
        let (place, bit) = Self::place(id);
        self.0.get(&place).is_some_and(|word| word & bit != 0)
    }
}
