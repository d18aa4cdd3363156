//! The plain model: what came of each decision, in maps; nothing packed, nothing shared, nothing folded.

use std::collections::{BTreeMap, BTreeSet};

use tactful::reward::Stage;

/// Days that a decision waits for its reward, where there is a window.
pub(crate) const WINDOW: u64 = 2;
/// Least and greatest reward, where it is not yes or no. Its width is a power of two, so that sums are exact in `f64`.
pub(crate) const RANGE: (f64, f64) = (-1.0, 3.0);
/// Of rewards in stages: what a payment counts at most, and what of it is worth 1.
pub(crate) const PAYMENT: (f64, f64) = (100.0, 50.0);
/// What other stages are worth.
pub(crate) const WORTH: [(Stage, f64); 4] =
    [(Stage::Promised, 0.5), (Stage::Clicked, 1.0), (Stage::Complained, -1.0), (Stage::OptedOut, -1.0)];

/// The same of the further goals where rewards come in stages: name, range, what a decision starts from, what stages are
/// worth, what channels cost. Their widths are powers of two as well.
pub(crate) struct Goal {
    pub(crate) name: &'static str,
    pub(crate) range: (f64, f64),
    pub(crate) baseline: f64,
    pub(crate) worth: &'static [(Stage, f64)],
    pub(crate) costs: &'static [(&'static str, f64)],
}

pub(crate) const GOALS: [Goal; 2] = [
    Goal {
        name: "annoyed",
        range: (0.0, 1.0),
        baseline: 0.0,
        worth: &[(Stage::Complained, 1.0), (Stage::OptedOut, 1.0)],
        costs: &[],
    },
    Goal {
        name: "effort",
        range: (-2.0, 2.0),
        baseline: 1.0,
        worth: &[(Stage::Delivered, 0.5), (Stage::Paid, 1.0), (Stage::Disputed, -2.0)],
        costs: &[("email", 0.25), ("sms", 0.5)],
    },
];

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Binary,
    Real,
    Stages,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) kind: Kind,
    /// Days of grace after the window, where there is one.
    pub(crate) window: Option<u64>,
}

/// A decision as the host remembers it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made {
    at: usize,
    day: u64,
    segment: usize,
    arm: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Said {
    Reward(f64),
    /// With the amount, where it is a payment.
    Outcome(Stage, f64),
    Withdrawal,
}

/// What must be answered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Answer {
    Counted,
    /// For the process that made the decision.
    Kept,
    Again,
    Late,
    /// Of a process that this one knows nothing of, or a life whose end was lost in a crash.
    Unknown,
    /// The arm is retired.
    Vanished,
}

#[derive(Clone, Debug, Default)]
enum Came {
    #[default]
    Nothing,
    Reward(f64),
    Outcomes(BTreeMap<Stage, f64>),
    Withdrawal,
}

/// What a process must not forget.
#[derive(Clone, Debug, Default)]
struct Ledger {
    own: BTreeMap<usize, Came>,
    /// What came here of the others' decisions, and on what day.
    outbox: Vec<(usize, Said, u64)>,
}

/// What a process has told.
#[derive(Clone, Debug)]
struct Word {
    from: usize,
    day: u64,
    ledger: Ledger,
}

#[derive(Clone, Debug, Default)]
struct Process {
    today: u64,
    ledger: Ledger,
    /// What of it a crash leaves.
    durable: Ledger,
    /// The last words of the others.
    known: BTreeMap<usize, usize>,
    /// Those of them that a start from the journal finds.
    stored: BTreeMap<usize, usize>,
}

/// Issued, returned, and sums of scaled rewards and of their squares.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Counts {
    pub(crate) issued: u64,
    pub(crate) returned: u64,
    pub(crate) sum: f64,
    pub(crate) squares: f64,
}

pub(crate) struct Model {
    rules: Rules,
    pub(crate) arms: BTreeSet<&'static str>,
    made: Vec<Made>,
    processes: Vec<Process>,
    words: Vec<Word>,
}

impl Rules {
    /// Whether what has not come of a decision by then is the default reward.
    fn is_closed(self, made: Made, today: u64) -> bool {
        self.window.is_some() && today > made.day + WINDOW
    }

    /// Whether nothing of it is accepted any more.
    fn is_over(self, made: Made, today: u64) -> bool {
        self.window.is_some_and(|grace| today > made.day + WINDOW + grace)
    }

    /// Whether nobody waits any longer for what others have accepted in time: as long again.
    fn is_folded(self, made: Made, today: u64) -> bool {
        self.window.is_some_and(|grace| today >= made.day + 2 * (WINDOW + grace + 1))
    }

    /// Counts a decision by a further goal.
    fn add_goal(self, goal: &Goal, made: Made, counts: &mut Counts, came: &Came, closed: bool) {
        let cost = goal.costs.iter().find(|(arm, _)| *arm == made.arm).map_or(0.0, |(_, cost)| *cost);
        let none = BTreeMap::new();
        let outcomes = match came {
            Came::Outcomes(outcomes) => Some(outcomes),
            Came::Nothing => closed.then_some(&none),
            _ => return,
        };
        counts.issued += 1;
        if let Some(outcomes) = outcomes {
            let worth = |stage: &Stage| {
                goal.worth.iter().find(|(of, _)| of == stage).map_or(0.0, |(_, worth)| *worth)
            };
            let total = goal.baseline - cost + outcomes.keys().map(worth).sum::<f64>();
            let (least, most) = goal.range;
            counts.returned(((total - least) / (most - least)).clamp(0.0, 1.0));
        }
    }

    fn add(self, counts: &mut Counts, came: &Came, closed: bool) {
        let reward = match came {
            Came::Withdrawal => return,
            Came::Nothing => closed.then_some(0.0),
            // Of yes and no with a window only yes is news before its end.
            Came::Reward(reward) => {
                let news = closed || self.window.is_none() || self.kind != Kind::Binary || *reward > 0.0;
                news.then_some(*reward)
            }
            Came::Outcomes(outcomes) => {
                let total: f64 = outcomes.iter().map(|(&stage, &amount)| worth(stage, amount)).sum();
                Some(total.clamp(RANGE.0, RANGE.1))
            }
        };
        counts.issued += 1;
        if let Some(reward) = reward {
            let scaled = match self.kind {
                Kind::Binary => reward,
                _ => (reward - RANGE.0) / (RANGE.1 - RANGE.0),
            };
            counts.returned(scaled);
        }
    }
}

impl Counts {
    fn returned(&mut self, scaled: f64) {
        self.returned += 1;
        self.sum += scaled;
        self.squares += scaled * scaled;
    }
}

fn worth(stage: Stage, amount: f64) -> f64 {
    let weight = WORTH.iter().find(|(known, _)| *known == stage).map_or(0.0, |(_, worth)| *worth);
    if stage == Stage::Paid { amount.min(PAYMENT.0) / PAYMENT.1 } else { weight }
}

impl Model {
    pub(crate) fn new(rules: Rules, processes: usize, arms: &[&'static str]) -> Self {
        let processes = vec![Process::default(); processes];
        Self { rules, arms: arms.iter().copied().collect(), made: Vec::new(), processes, words: Vec::new() }
    }

    pub(crate) fn decisions(&self) -> usize {
        self.made.len()
    }

    pub(crate) fn sent(&mut self, at: usize, segment: usize, arm: &'static str) {
        let process = &mut self.processes[at];
        process.ledger.own.insert(self.made.len(), Came::Nothing);
        self.made.push(Made { at, day: process.today, segment, arm });
    }

    pub(crate) fn told(&mut self, at: usize, which: usize, said: Said) -> Answer {
        let (made, process) = (self.made[which], &mut self.processes[at]);
        if made.at == at && !process.ledger.own.contains_key(&which) {
            return Answer::Unknown;
        }
        if !self.arms.contains(made.arm) {
            return Answer::Vanished;
        }
        if made.at != at {
            if said == Said::Withdrawal {
                return Answer::Unknown;
            }
            if self.rules.is_over(made, process.today) {
                return Answer::Late;
            }
            process.ledger.outbox.push((which, said, process.today));
            return Answer::Kept;
        }
        let today = process.today;
        self.told_on(at, which, said, today)
    }

    /// The same for what came on this day to somebody.
    fn told_on(&mut self, at: usize, which: usize, said: Said, day: u64) -> Answer {
        let (made, process) = (self.made[which], &mut self.processes[at]);
        let over =
            self.rules.is_over(made, day.min(process.today)) || self.rules.is_folded(made, process.today);
        let Some(came) = process.ledger.own.get_mut(&which) else { return Answer::Unknown };
        if !self.arms.contains(made.arm) {
            return Answer::Vanished;
        }
        if over {
            return Answer::Late;
        }
        match (&mut *came, said) {
            (Came::Nothing, Said::Reward(reward)) => *came = Came::Reward(reward),
            (Came::Nothing, Said::Withdrawal) => *came = Came::Withdrawal,
            (Came::Nothing, Said::Outcome(stage, amount)) => {
                *came = Came::Outcomes(BTreeMap::from([(stage, amount)]));
            }
            (Came::Outcomes(outcomes), Said::Outcome(stage, amount)) if !outcomes.contains_key(&stage) => {
                outcomes.insert(stage, amount);
            }
            _ => return Answer::Again,
        }
        Answer::Counted
    }

    pub(crate) fn advanced(&mut self, at: usize, days: u64) -> u64 {
        self.processes[at].today += days;
        self.processes[at].today
    }

    /// The journal was folded: what the others have told is in the snapshot.
    pub(crate) fn stored(&mut self, at: usize) {
        self.processes[at].stored = self.processes[at].known.clone();
    }

    pub(crate) fn today(&self, at: usize) -> u64 {
        self.processes[at].today
    }

    pub(crate) fn flushed(&mut self, at: usize) {
        let process = &mut self.processes[at];
        process.durable = process.ledger.clone();
    }

    /// A start from the journal: what others have told since its last fold is not in it, and they will tell it again.
    pub(crate) fn recovered(&mut self, at: usize) {
        let process = &mut self.processes[at];
        process.ledger = process.durable.clone();
        process.known = process.stored.clone();
    }

    /// The number of a process's latest word.
    pub(crate) fn word(&mut self, from: usize) -> usize {
        let process = &self.processes[from];
        self.words.push(Word { from, day: process.today, ledger: process.ledger.clone() });
        self.words.len() - 1
    }

    /// Whether a word tells of no decision.
    pub(crate) fn is_empty(&self, word: usize) -> bool {
        self.words[word].ledger.own.is_empty()
    }

    /// Whether a word is newer than what is known, and how many forwarded rewards count.
    pub(crate) fn merged(&mut self, to: usize, word: usize) -> (bool, usize) {
        let from = self.words[word].from;
        if from == to {
            return (false, 0);
        }
        let known = &mut self.processes[to].known;
        let newer = known.get(&from).is_none_or(|&known| known < word);
        if newer {
            known.insert(from, word);
        }
        let ours = self.words[word].ledger.outbox.clone();
        let ours = ours.into_iter().filter(|&(which, ..)| self.made[which].at == to).collect::<Vec<_>>();
        let counted = ours
            .into_iter()
            .filter(|&(which, said, day)| self.told_on(to, which, said, day) == Answer::Counted);
        let counted = counted.count();
        (newer, counted)
    }

    /// What a process knows of an arm, by the reward or by a further goal.
    pub(crate) fn counts(&self, at: usize, segment: usize, arm: &str, goal: Option<&Goal>) -> Counts {
        let process = &self.processes[at];
        let mut counts = Counts::default();
        let mut add = |own: &BTreeMap<usize, Came>, told: Option<u64>| {
            for (&which, came) in own {
                let made = self.made[which];
                if (made.segment, made.arm) == (segment, arm) {
                    // What the other had closed for good when it spoke is so for everybody.
                    let closed = self.rules.is_closed(made, process.today)
                        || told.is_some_and(|day| self.rules.is_folded(made, day));
                    match goal {
                        None => self.rules.add(&mut counts, came, closed),
                        Some(goal) => self.rules.add_goal(goal, made, &mut counts, came, closed),
                    }
                }
            }
        };
        add(&process.ledger.own, None);
        for &word in process.known.values() {
            add(&self.words[word].ledger.own, Some(self.words[word].day));
        }
        counts
    }
}
