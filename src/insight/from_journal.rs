//! Counts from a journal: every decision with its outcome, and when both came.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::error::Error;
use std::fmt;
use std::io::BufRead;

use crate::arm::ArmId;
use crate::belief::delay::DelayCounts;
use crate::decision::DecisionId;
use crate::journal::{Entry, JournalError, JournalReader};
use crate::segment::SegmentId;
use crate::time::Window;

use super::counts::{Counted, Counts};
use super::{Insight, Report, judging};

/// Why a journal makes no report.
#[derive(Debug)]
#[non_exhaustive]
pub enum InsightError {
    /// It cannot be read.
    Journal(JournalError),
    /// A decision is in it twice.
    RepeatedDecision {
        /// The decision.
        id: DecisionId,
        /// The line on which it stands the second time, from 1.
        line: u64,
    },
}

impl fmt::Display for InsightError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Journal(error) => error.fmt(f),
            Self::RepeatedDecision { id, line } => {
                write!(f, "line {line}: decision {id} is in the journal already")
            }
        }
    }
}

impl Error for InsightError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Journal(error) => Some(error),
            Self::RepeatedDecision { .. } => None,
        }
    }
}

impl Insight {
    /// What a journal tells, to its end. With a window, decisions without an outcome have failed once it is over, and
    /// outcomes after it do not count; without, whatever has no outcome is pending, and rates are too high where failures
    /// are not reported. Beliefs are those of a uniform prior.
    ///
    /// # Errors
    ///
    /// [`InsightError`]: damage, or a decision that stands in it twice.
    pub fn of_journal<R: BufRead>(
        &self,
        reader: JournalReader<R>,
        window: Option<Window>,
    ) -> Result<Report, InsightError> {
        Ok(judging::judge(self, Counts::of_journal(reader, window)?, judging::plain))
    }
}

/// A day in milliseconds: how time is told apart where nobody says.
const DAY: u64 = 86_400_000;

/// A decision of the journal.
#[derive(Clone, Copy, Debug)]
struct Made {
    segment: SegmentId,
    arm: ArmId,
    bucket: u32,
    state: Came,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Came {
    Nothing,
    Cancelled,
    /// The scaled reward and the bucket in which it came.
    Reward(f64, u32),
}

impl Counts {
    fn of_journal<R: BufRead>(
        mut reader: JournalReader<R>,
        window: Option<Window>,
    ) -> Result<Self, InsightError> {
        let mut counts = Self::new(reader.arms().clone(), reader.segments().clone(), reader.reward_kind());
        let length = window.map_or(DAY, |window| window.bucket().as_millis() as u64);
        let bucket_of = |millis: u64| u32::try_from(millis / length).unwrap_or(u32::MAX - 1);
        let (minimum, maximum) = reader.reward_kind().range();
        let scaled = |reward: f64| ((reward - minimum) / (maximum - minimum)).clamp(0.0, 1.0);
        let mut made: HashMap<DecisionId, Made> = HashMap::new();
        let (mut now, mut stray, mut staged) = (0, 0_u64, 0_u64);
        while let Some(entry) = reader.next() {
            let at = match entry.map_err(InsightError::Journal)? {
                Entry::Decision(decision) => {
                    let bucket = bucket_of(decision.at.as_millis());
                    let (segment, arm) = (decision.segment, decision.arm);
                    match made.entry(decision.id) {
                        Slot::Occupied(_) => {
                            let line = reader.line();
                            return Err(InsightError::RepeatedDecision { id: decision.id, line });
                        }
                        Slot::Vacant(slot) => {
                            slot.insert(Made { segment, arm, bucket, state: Came::Nothing })
                        }
                    };
                    bucket
                }
                Entry::Outcome(outcome) => {
                    let bucket = bucket_of(outcome.at.as_millis());
                    match made.get_mut(&outcome.id) {
                        Some(made) if made.state == Came::Nothing => {
                            made.state = Came::Reward(scaled(outcome.reward.value()), bucket);
                        }
                        Some(_) => {}
                        None => stray += 1,
                    }
                    bucket
                }
                Entry::Cancel(cancel) => {
                    match made.get_mut(&cancel.id) {
                        Some(made) if made.state == Came::Nothing => made.state = Came::Cancelled,
                        Some(_) => {}
                        None => stray += 1,
                    }
                    bucket_of(cancel.at.as_millis())
                }
                Entry::Stage(stage) => {
                    staged += 1;
                    bucket_of(stage.at.as_millis())
                }
            };
            now = now.max(at);
        }
        counts.bucket = Some(length);
        let mut delays: Vec<(u32, u32)> = Vec::new();
        for decision in made.values() {
            let (counted, delay) = decision.counted(now, window, scaled(0.0));
            counts.add(decision.segment, decision.arm, decision.bucket, counted);
            delays.extend(delay.map(|delay| (decision.bucket, delay)));
        }
        counts.learn_delays(&delays, now, window);
        let mut remark = |count: u64, what: &str| {
            if count > 0 {
                counts.remarks.push(format!("left out: {count} {what}"));
            }
        };
        remark(stray, "records of decisions that are not in the journal");
        remark(staged, "outcomes in stages, of which only the bandit knows the worth (take its snapshot)");
        remark(u64::from(reader.torn().is_some()), "line that was torn off");
        if window.is_none() {
            let said = "no window was given, so that decisions without an outcome count for nothing: where failures \
                        are not reported, rates are too high";
            counts.remarks.push(said.to_owned());
        }
        Ok(counts)
    }

    /// The law of delays, from the buckets of payments and how late they came.
    fn learn_delays(&mut self, delays: &[(u32, u32)], now: u32, window: Option<Window>) {
        let longest = delays.iter().map(|&(_, delay)| delay).max();
        let Some(width) = longest.map(|longest| window.map_or(longest + 1, |window| window.delays() as u32))
        else {
            return;
        };
        // What takes longer than the table is wide is not what a curve is for.
        let Ok(mut counts) = DelayCounts::new(width.min(DelayCounts::MAX_WINDOW)) else { return };
        for &(bucket, delay) in delays {
            let _ = counts.add(bucket, delay, 1);
        }
        self.delays = vec![(String::new(), counts.estimate(now))];
    }
}

impl Made {
    /// What it counts for, and how late it paid, if it did.
    fn counted(&self, now: u32, window: Option<Window>, default: f64) -> (Counted, Option<u32>) {
        let sent = Counted { sent: 1, ..Counted::default() };
        let settled = |sum: f64| Counted { returned: 1, sum, settled: 1.0, settled_sum: sum, ..sent };
        let over = |window: Window| u64::from(now) >= u64::from(self.bucket) + window.delays() as u64;
        let is_over = window.is_none_or(over);
        match self.state {
            Came::Cancelled => (Counted::default(), None),
            Came::Reward(reward, at) => {
                let delay = at.saturating_sub(self.bucket);
                let late = window.is_some_and(|window| delay as usize >= window.delays());
                let paid = (reward > default && !late).then_some(delay);
                match (late, is_over) {
                    (true, _) => (settled(default), None),
                    (false, true) => (settled(reward), paid),
                    (false, false) => (Counted { returned: 1, sum: reward, ..sent }, paid),
                }
            }
            Came::Nothing if window.is_some() && is_over => (settled(default), None),
            Came::Nothing => (Counted { pending: 1, ..sent }, None),
        }
    }
}
