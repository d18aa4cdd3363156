//! Logs from the crate's own journal: each decision joined with its outcome.

use std::collections::hash_map::Entry as Place;
use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::fmt;
use std::io::BufRead;

use crate::arm::NameError;
use crate::decision::DecisionId;
use crate::journal::{Entry, JournalError, JournalReader, LoggedStage, Torn};
use crate::reward::{Baseline, Reward, RewardKind, RewardRule, StagedReward};
use crate::time::Timestamp;

use super::log::Log;
use super::round::{LogError, Round};

/// A log made of a journal, and what of the journal is not in it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FromJournal {
    /// The decisions that have an outcome, in the order of the decisions.
    pub log: Log,
    /// Decisions without an outcome: still open, and left out. Where outcomes come late these are the newest, and
    /// where failures are never reported they are the failures: the values are then too high.
    pub pending: usize,
    /// Outcomes of decisions that are not in the journal.
    pub stray: usize,
    /// Outcomes of decisions that had one already; the first is the one that counts.
    pub repeated: usize,
    /// Decisions that were withdrawn: nothing was sent, and they are left out.
    pub cancelled: usize,
    /// Outcomes that came in stages and are left out: no rule was given that makes rewards of them, or not of these.
    pub staged: usize,
    /// The last line, if it was torn off.
    pub torn: Option<Torn>,
}

/// Why a journal does not make a [`Log`].
#[derive(Debug)]
#[non_exhaustive]
pub enum FromJournalError {
    /// The journal cannot be read.
    Journal(JournalError),
    /// A decision is in the journal twice.
    RepeatedDecision {
        /// The decision.
        id: DecisionId,
        /// The line on which it stands the second time, from 1.
        line: u64,
    },
    /// The decisions make no log.
    Log(LogError),
    /// The rule makes rewards of another kind or range than the journal's.
    RewardKind {
        /// The kind in the journal.
        journal: RewardKind,
        /// The kind of the rule.
        rule: RewardKind,
    },
    /// The rule has a cost for a level that the journal's arms do not have.
    Cost(NameError),
}

impl fmt::Display for FromJournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Journal(error) => error.fmt(f),
            Self::RepeatedDecision { id, line } => {
                write!(f, "line {line}: decision {id} is in the journal already")
            }
            Self::Log(error) => error.fmt(f),
            Self::RewardKind { journal, rule } => {
                write!(f, "the journal holds rewards {journal:?}, the rule makes {rule:?}")
            }
            Self::Cost(error) => write!(f, "cost: {error}"),
        }
    }
}

impl Error for FromJournalError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Journal(error) => Some(error),
            Self::Log(error) => Some(error),
            Self::Cost(error) => Some(error),
            Self::RepeatedDecision { .. } | Self::RewardKind { .. } => None,
        }
    }
}

impl Log {
    /// Reads a journal to its end. Outcomes in stages are left out and counted; a rule makes rewards of them by
    /// [`from_staged_journal`](Log::from_staged_journal).
    ///
    /// ```
    /// use tactful::evaluation::Log;
    /// use tactful::journal::JournalReader;
    ///
    /// let text = r#"{"type":"header","version":1,"arms":{"dimensions":[["channel",["email","sms"]]]},"segments":{"attributes":[]},"reward":{"kind":"binary"}}
    /// {"type":"decision","id":"0.1f.0.0","at":0,"segment":0,"arm":1,"propensity":0.5}
    /// {"type":"decision","id":"0.1f.0.1","at":5,"segment":0,"arm":0,"propensity":0.5}
    /// {"type":"outcome","id":"0.1f.0.1","at":86400000,"reward":1.0}
    /// "#;
    /// let read = Log::from_journal(JournalReader::new(text.as_bytes())?)?;
    /// assert_eq!((read.log.rounds().len(), read.pending), (1, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`FromJournalError`]: damage in the journal, or a decision that stands in it twice.
    pub fn from_journal<R: BufRead>(reader: JournalReader<R>) -> Result<FromJournal, FromJournalError> {
        Self::read(reader, None)
    }

    /// Reads a journal to its end, and makes rewards of outcomes in stages by this rule: of all that came of a decision,
    /// each stage once, costs and baseline included.
    ///
    /// Where the rule discounts by time, it counts to the millisecond from the decision, of whose time the bandit itself
    /// knows only the bucket.
    ///
    /// # Errors
    ///
    /// [`FromJournalError`]: as for `from_journal`, and a rule that does not fit the journal's rewards or arms.
    pub fn from_staged_journal<R: BufRead>(
        reader: JournalReader<R>,
        rule: &RewardRule,
    ) -> Result<FromJournal, FromJournalError> {
        let (journal, made) = (reader.reward_kind(), rule.kind());
        if journal != made {
            return Err(FromJournalError::RewardKind { journal, rule: made });
        }
        let baselines = rule.baselines(reader.arms()).map_err(FromJournalError::Cost)?;
        Self::read(reader, Some(Stages { rule, baselines }))
    }

    fn read<R: BufRead>(
        mut reader: JournalReader<R>,
        stages: Option<Stages<'_>>,
    ) -> Result<FromJournal, FromJournalError> {
        let mut decisions: HashMap<DecisionId, usize> = HashMap::new();
        let mut rounds: Vec<Round> = Vec::new();
        let mut came: Vec<Came> = Vec::new();
        let (mut stray, mut repeated, mut staged) = (0, 0, 0);
        let mut cancelled: HashSet<usize> = HashSet::new();
        while let Some(entry) = reader.next() {
            match entry.map_err(FromJournalError::Journal)? {
                Entry::Decision(decision) => {
                    match decisions.entry(decision.id) {
                        Place::Occupied(_) => {
                            let line = reader.line();
                            return Err(FromJournalError::RepeatedDecision { id: decision.id, line });
                        }
                        Place::Vacant(place) => place.insert(rounds.len()),
                    };
                    let everything = decision.eligible.is_all();
                    rounds.push(Round {
                        segment: decision.segment,
                        arm: decision.arm,
                        propensity: decision.propensity,
                        reward: Reward::FAILURE,
                        eligible: (!everything).then_some(decision.eligible),
                    });
                    came.push(Came { made: decision.at, ..Came::default() });
                }
                Entry::Outcome(outcome) => match decisions.get(&outcome.id) {
                    None => stray += 1,
                    Some(&round) if came[round].any => repeated += 1,
                    Some(&round) => {
                        came[round].any = true;
                        rounds[round].reward = outcome.reward;
                    }
                },
                Entry::Stage(stage) => match (&stages, decisions.get(&stage.id)) {
                    (None, _) => staged += 1,
                    (Some(_), None) => stray += 1,
                    (Some(stages), Some(&round)) => {
                        match stages.join(&mut came[round], &mut rounds[round], &stage) {
                            Joined::Counted => {}
                            Joined::Before => repeated += 1,
                            Joined::Inadmissible => staged += 1,
                        }
                    }
                },
                Entry::Cancel(cancel) => match decisions.get(&cancel.id) {
                    None => stray += 1,
                    Some(&round) if came[round].any => repeated += 1,
                    Some(&round) => _ = cancelled.insert(round),
                },
            }
        }
        // Withdrawn without an outcome: one that came nevertheless says that something was sent.
        let cancelled = cancelled.into_iter().filter(|&round| !came[round].any).count();
        let pending = came.iter().filter(|came| !came.any).count() - cancelled;
        let complete = rounds.into_iter().zip(came).filter_map(|(round, came)| came.any.then_some(round));
        let (arms, segments) = (reader.arms().clone(), reader.segments().clone());
        let log = Self::new(arms, segments, reader.reward_kind(), complete).map_err(FromJournalError::Log)?;
        Ok(FromJournal { log, pending, stray, repeated, cancelled, staged, torn: reader.torn() })
    }
}

/// What has come of a decision so far.
#[derive(Clone, Copy, Debug, Default)]
struct Came {
    made: Timestamp,
    any: bool,
    stages: StagedReward,
}

/// How outcomes in stages become rewards.
struct Stages<'a> {
    rule: &'a RewardRule,
    /// By arm.
    baselines: Vec<Baseline>,
}

/// What has become of a stage.
enum Joined {
    Counted,
    Before,
    /// By this rule, or it is of a later release.
    Inadmissible,
}

impl Stages<'_> {
    fn join(&self, came: &mut Came, round: &mut Round, stage: &LoggedStage) -> Joined {
        let elapsed = stage.at.as_millis().saturating_sub(came.made.as_millis());
        let contribution = stage.outcome().and_then(|outcome| self.rule.contribution(&outcome, elapsed).ok());
        let Some(contribution) = contribution else { return Joined::Inadmissible };
        let Ok(joined) = came.stages.join(self.baselines[round.arm.index()], contribution) else {
            return Joined::Before;
        };
        (came.any, came.stages) = (true, joined.state);
        let kind = self.rule.kind();
        let (minimum, maximum) = kind.range();
        // The bounds themselves may come out a little beyond.
        round.reward = Reward::new(kind.unscale(joined.after.scaled()).clamp(minimum, maximum));
        Joined::Counted
    }
}
