//! Logs from the crate's own journal: each decision joined with its outcome.

use std::collections::hash_map::Entry as Place;
use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::fmt;
use std::io::BufRead;

use crate::decision::DecisionId;
use crate::journal::{Entry, JournalError, JournalReader, Torn};
use crate::reward::Reward;

use super::log::{Log, LogError, Round};

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
    /// Outcomes that came in stages, which are not numbers yet; left out.
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
}

impl fmt::Display for FromJournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Journal(error) => error.fmt(f),
            Self::RepeatedDecision { id, line } => {
                write!(f, "line {line}: decision {id} is in the journal already")
            }
            Self::Log(error) => error.fmt(f),
        }
    }
}

impl Error for FromJournalError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Journal(error) => Some(error),
            Self::Log(error) => Some(error),
            Self::RepeatedDecision { .. } => None,
        }
    }
}

impl Log {
    /// Reads a journal to its end.
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
    pub fn from_journal<R: BufRead>(mut reader: JournalReader<R>) -> Result<FromJournal, FromJournalError> {
        let mut decisions: HashMap<DecisionId, usize> = HashMap::new();
        let mut rounds: Vec<Round> = Vec::new();
        let mut has_outcome: Vec<bool> = Vec::new();
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
                    has_outcome.push(false);
                }
                Entry::Outcome(outcome) => match decisions.get(&outcome.id) {
                    None => stray += 1,
                    Some(&round) if has_outcome[round] => repeated += 1,
                    Some(&round) => {
                        has_outcome[round] = true;
                        rounds[round].reward = outcome.reward;
                    }
                },
                Entry::Stage(_) => staged += 1,
                Entry::Cancel(cancel) => match decisions.get(&cancel.id) {
                    None => stray += 1,
                    Some(&round) if has_outcome[round] => repeated += 1,
                    Some(&round) => _ = cancelled.insert(round),
                },
            }
        }
        // Withdrawn without an outcome: one that came nevertheless says that something was sent.
        let cancelled = cancelled.into_iter().filter(|&round| !has_outcome[round]).count();
        let pending = has_outcome.iter().filter(|&&has| !has).count() - cancelled;
        let complete = rounds.into_iter().zip(has_outcome).filter_map(|(round, has)| has.then_some(round));
        let (arms, segments) = (reader.arms().clone(), reader.segments().clone());
        let log = Self::new(arms, segments, reader.reward_kind(), complete).map_err(FromJournalError::Log)?;
        Ok(FromJournal { log, pending, stray, repeated, cancelled, staged, torn: reader.torn() })
    }
}
