//! The report as plain data.

use serde::{Deserialize, Serialize};

use crate::reward::RewardKind;

/// What works, what fails, and who paid when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// The kind of rewards; all means are in their unit.
    pub reward: RewardKind,
    /// The confidence of the intervals, each for all times at once.
    pub confidence: f64,
    /// The probability that any arm of any segment ever raises a false alarm.
    pub false_alarms: f64,
    /// The mean below which an arm does not work, if one was given.
    pub threshold: Option<f64>,
    /// Milliseconds in a bucket of time, where time is told apart; periods are numbered by it.
    pub bucket: Option<u64>,
    /// The segments, in their order.
    pub segments: Vec<SegmentReport>,
    /// How late payments come, by what delays are told apart by.
    pub delays: Vec<DelayCurve>,
    /// What is not in it, each without its end.
    pub remarks: Vec<String>,
}

/// What is known of a segment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SegmentReport {
    /// Its levels; "everyone" where there is one segment.
    pub name: String,
    /// Decisions.
    pub sent: u64,
    /// Decisions of which something may still come.
    pub pending: u64,
    /// What has come in: the number of payments, or the sum of amounts.
    pub paid: f64,
    /// The arm with the largest mean of belief, if anything is settled.
    pub leader: Option<String>,
    /// What the best arm may be better than the leader by, as a share of its rate, is below this with probability 0.95.
    pub value_remaining: Option<f64>,
    /// Whether every arm that was sent is below the threshold, by simultaneous intervals.
    pub nothing_works: bool,
    /// Whether all others are shown to be worse than the leader.
    pub decided: bool,
    /// Arms that were sent, the leader first, then by their chance of being the best.
    pub arms: Vec<ArmReport>,
    /// Arms that were never sent here.
    pub never_sent: usize,
}

/// What is known of an arm in a segment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ArmReport {
    /// Its levels.
    pub name: String,
    /// Decisions.
    pub sent: u64,
    /// Decisions of which something may still come.
    pub pending: u64,
    /// Decisions that have had their time, and make up the mean.
    pub settled: u64,
    /// What has come in: the number of payments, or the sum of amounts.
    pub paid: f64,
    /// The mean reward of what is settled.
    pub mean: Option<f64>,
    /// Where the true mean lies; ever outside with a probability of at most one less the confidence.
    pub interval: (f64, f64),
    /// The probability that it is the best of those that were sent.
    pub probability_best: f64,
    /// What is lost per decision by staying with it, expected.
    pub expected_loss: f64,
    /// Shown to be worse than the leader: of all such verdicts in a segment, ever, the chance that one is wrong is one less
    /// the confidence.
    pub futile: bool,
    /// Whether its rate has changed.
    pub alarm: Option<Alarm>,
    /// What was sent and settled over time, where time is told apart.
    pub periods: Vec<Period>,
}

/// A rate that has changed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Alarm {
    /// The bucket of time from which on it is another, most likely.
    pub at: u32,
    /// The mean before.
    pub before: f64,
    /// The mean since.
    pub after: f64,
}

/// A stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Period {
    /// Its first bucket. It lasts until the next period of the arm, or of others.
    pub start: u32,
    /// Decisions.
    pub sent: u64,
    /// Decisions that have had their time.
    pub settled: f64,
    /// The mean reward of these.
    pub mean: Option<f64>,
}

/// How late payments come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DelayCurve {
    /// What is told apart, such as a channel; empty where nothing is.
    pub name: String,
    /// The payments it rests on.
    pub payments: f64,
    /// The share of payments that have come after so many buckets: `[buckets − 1]`.
    pub shares: Vec<f64>,
    /// The standard deviation of each share.
    pub deviations: Vec<f64>,
    /// The age, in buckets, at which half of the payments have come: least, likely, greatest.
    pub median: Option<(f64, f64, f64)>,
    /// The same for nine in ten.
    pub ninetieth: Option<(f64, f64, f64)>,
}

impl Report {
    /// Only the segments whose name contains this text.
    #[must_use]
    pub fn only(mut self, segment: &str) -> Self {
        self.segments.retain(|report| report.name.contains(segment));
        self
    }

    /// Decisions in all.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.segments.iter().map(|segment| segment.sent).sum()
    }

    /// Whether rewards are yes or no, so that means are rates.
    #[must_use]
    pub fn has_rates(&self) -> bool {
        matches!(self.reward, RewardKind::Binary)
    }

    /// The answer in a sentence: how many segments have a winner, where nothing works, what has changed.
    #[must_use]
    pub fn headline(&self) -> String {
        let tried: Vec<&SegmentReport> = self.segments.iter().filter(|segment| segment.sent > 0).collect();
        if tried.is_empty() {
            return "Nothing has been sent yet.".to_owned();
        }
        let segments = tried.len();
        let mut parts = Vec::new();
        let decided = tried.iter().filter(|segment| segment.decided).count();
        let learning = segments - decided;
        match (segments, decided) {
            (1, 1) => parts.push(format!("{} is shown to be the best", tried[0].leader_name())),
            (1, _) => parts.push(format!("{} leads, not yet beyond doubt", tried[0].leader_name())),
            (_, 0) => parts.push(format!("no winner beyond doubt yet in any of {segments} segments")),
            _ if learning == 0 => parts.push(format!("every one of {segments} segments has its winner")),
            _ => parts.push(format!("{decided} of {segments} segments have a winner beyond doubt")),
        }
        let nothing = tried.iter().filter(|segment| segment.nothing_works).count();
        if nothing > 0 {
            let which = if segments == 1 {
                "nothing works here".to_owned()
            } else {
                format!("in {nothing} nothing works")
            };
            parts.push(which);
        }
        let futile: usize =
            tried.iter().map(|segment| segment.arms.iter().filter(|arm| arm.futile).count()).sum();
        if futile > 0 {
            parts.push(format!(
                "{futile} {} shown to be worse",
                if futile == 1 { "arm is" } else { "arms are" }
            ));
        }
        let alarms: usize =
            tried.iter().map(|segment| segment.arms.iter().filter(|arm| arm.alarm.is_some()).count()).sum();
        if alarms > 0 {
            parts.push(format!("{alarms} {} changed", if alarms == 1 { "rate has" } else { "rates have" }));
        }
        let text = parts.join("; ") + ".";
        let mut letters = text.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    }
}

impl SegmentReport {
    fn leader_name(&self) -> &str {
        self.leader.as_deref().unwrap_or("no arm")
    }

    /// What to make of it, in a few words.
    #[must_use]
    pub fn verdict(&self) -> &'static str {
        match self {
            Self { sent: 0, .. } => "nothing sent",
            Self { nothing_works: true, .. } => "nothing works here",
            Self { leader: None, .. } => "no outcome yet",
            Self { decided: true, .. } => "decided",
            Self { value_remaining: Some(value), .. } if *value < 0.01 => "little left to learn",
            _ => "learning",
        }
    }
}
