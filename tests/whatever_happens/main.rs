//! Whatever happens, in whatever order: decisions, rewards once, twice and too late, stages, withdrawals, days, crashes,
//! restarts, foldings, exchanges, builds with other arms. After each step every process knows what a plain model says.
//!
//! `PROPTEST_CASES=200000 cargo test --release --test whatever_happens` is a longer run.
#![cfg(feature = "journal")]

#[allow(dead_code, reason = "the crash matrix needs more of it")]
#[path = "../durable/disk.rs"]
mod disk;
mod fleet;
mod model;

use proptest::prelude::*;
use tactful::reward::Stage;

use disk::Loss;
use fleet::{Fleet, SEGMENTS, Setup};
use model::{Answer, GOALS, Goal, Kind, Model, Rules, Said};

/// Arms of all builds; the first is always there.
const ARMS: [&str; 4] = ["email", "sms", "letter", "call"];

#[derive(Clone, Debug)]
enum Step {
    Send { at: usize, segment: usize, set: u8, count: u8 },
    Tell { at: usize, which: u16, what: u8, times: u8 },
    Cancel { at: usize, which: u16 },
    Advance { at: usize, days: u64, everywhere: bool },
    Flush { at: usize },
    Compact { at: usize },
    Restart { at: usize, crash: Option<usize> },
    Deploy { arms: u8 },
    Exchange { from: usize, to: usize },
    Repeat { word: u16, to: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let at = 0..3_usize;
    prop_oneof![
        6 => (at.clone(), 0..2_usize, any::<u8>(), 1..5_u8)
            .prop_map(|(at, segment, set, count)| Step::Send { at, segment, set, count }),
        9 => (at.clone(), any::<u16>(), any::<u8>(), 1..3_u8)
            .prop_map(|(at, which, what, times)| Step::Tell { at, which, what, times }),
        2 => (at.clone(), any::<u16>()).prop_map(|(at, which)| Step::Cancel { at, which }),
        4 => (at.clone(), 0..4_u64, any::<bool>())
            .prop_map(|(at, days, everywhere)| Step::Advance { at, days, everywhere }),
        1 => at.clone().prop_map(|at| Step::Flush { at }),
        1 => at.clone().prop_map(|at| Step::Compact { at }),
        2 => (at.clone(), prop::option::of(0..4_usize))
            .prop_map(|(at, crash)| Step::Restart { at, crash }),
        1 => any::<u8>().prop_map(|arms| Step::Deploy { arms }),
        3 => (at.clone(), at.clone()).prop_map(|(from, to)| Step::Exchange { from, to }),
        1 => (any::<u16>(), at).prop_map(|(word, to)| Step::Repeat { word, to }),
    ]
}

fn setup() -> impl Strategy<Value = Setup> {
    let kind = prop_oneof![Just(Kind::Binary), Just(Kind::Real), Just(Kind::Stages)];
    (kind, prop::option::weighted(0.7, 0..3_u64), any::<bool>(), any::<bool>()).prop_map(
        |(kind, window, alone, journals)| {
            // Stages need a window.
            let window = window.or((kind == Kind::Stages).then_some(0));
            Setup { rules: Rules { kind, window }, processes: if alone { 1 } else { 3 }, journals }
        },
    )
}

/// What can be said of a decision, by a number.
fn said(kind: Kind, what: u8) -> Said {
    let what = usize::from(what);
    match kind {
        Kind::Binary => Said::Reward((what % 2) as f64),
        Kind::Real => Said::Reward([-1.0, 0.0, 1.0, 3.0][what % 4]),
        Kind::Stages => {
            let stage = Stage::ALL[what % 8];
            Said::Outcome(stage, if stage == Stage::Paid { [50.0, 100.0, 200.0][what % 3] } else { 0.0 })
        }
    }
}

/// Fleet and model, side by side.
struct Both {
    setup: Setup,
    fleet: Fleet,
    model: Model,
    words: usize,
}

impl Both {
    fn new(setup: Setup) -> Self {
        let arms = &ARMS[..3];
        let model = Model::new(setup.rules, setup.processes, arms);
        Self { setup, fleet: Fleet::new(setup, arms), model, words: 0 }
    }

    fn take(&mut self, step: Step) -> Result<(), TestCaseError> {
        let (processes, decisions) = (self.setup.processes, self.model.decisions());
        match step {
            Step::Send { at, segment, set, count } => {
                let at = at % processes;
                for _ in 0..count {
                    let arm = self.fleet.send(at, segment, set);
                    self.model.sent(at, segment, arm);
                }
            }
            Step::Tell { at, which, what, times } if decisions > 0 => {
                for _ in 0..times {
                    let said = said(self.setup.rules.kind, what);
                    self.tell(at % processes, usize::from(which) % decisions, said)?;
                }
            }
            Step::Cancel { at, which } if decisions > 0 => {
                self.tell(at % processes, usize::from(which) % decisions, Said::Withdrawal)?;
            }
            Step::Advance { at, days, everywhere } => {
                for process in (0..processes).filter(|&process| everywhere || process == at % processes) {
                    self.fleet.advance(process, self.model.advanced(process, days));
                }
            }
            Step::Flush { at } if self.setup.journals => self.flush(at % processes)?,
            Step::Compact { at } if self.setup.journals => {
                let at = at % processes;
                if self.fleet.compact(at) {
                    self.model.stored(at);
                }
                self.model.flushed(at);
            }
            Step::Restart { at, crash } => self.restart(at % processes, crash)?,
            Step::Deploy { arms } => {
                let (deploys, retires) = self.setup.deploys();
                let there = |arm: usize| {
                    arm == 0 || arms >> arm & 1 == 1 || !retires && self.model.arms.contains(ARMS[arm])
                };
                let arms: Vec<&str> = (0..4).filter(|&arm| there(arm)).map(|arm| ARMS[arm]).rev().collect();
                if deploys {
                    self.fleet.deploy(&arms);
                    self.model.arms = arms.into_iter().collect();
                    (0..processes).try_for_each(|at| self.restart(at, None))?;
                }
            }
            Step::Exchange { from, to } if processes > 1 => {
                self.speak(from);
                self.listen(to, self.words - 1)?;
            }
            Step::Repeat { word, to } if self.words > 0 => self.listen(to, usize::from(word) % self.words)?,
            _ => {}
        }
        self.compare()
    }

    fn tell(&mut self, at: usize, which: usize, said: Said) -> Result<(), TestCaseError> {
        let expected = self.model.told(at, which, said);
        let answer = self.fleet.tell(at, which, said)?;
        let alike = match expected {
            // Of a life of which everything is over nothing is known any more.
            Answer::Late => matches!(answer, Answer::Late | Answer::Unknown),
            // Of what a crash has lost its token tells that it is over, or of an arm that is retired.
            Answer::Unknown => matches!(answer, Answer::Late | Answer::Unknown | Answer::Vanished),
            // The names are forgotten once nothing comes of them any more.
            Answer::Vanished => matches!(answer, Answer::Vanished | Answer::Unknown),
            _ => answer == expected,
        };
        prop_assert!(alike, "{answer:?} for {expected:?}: {said:?} of {which}");
        Ok(())
    }

    fn flush(&mut self, at: usize) -> Result<(), TestCaseError> {
        self.fleet.flush(at)?;
        self.model.flushed(at);
        Ok(())
    }

    /// Without a crash everything is flushed before.
    fn restart(&mut self, at: usize, crash: Option<usize>) -> Result<(), TestCaseError> {
        if self.setup.journals {
            if crash.is_none() {
                self.flush(at)?;
            }
            self.model.recovered(at);
        }
        let vanished = self.model.arms.len() < ARMS.len();
        self.fleet.restart(at, Loss::EACH[crash.unwrap_or(2)], vanished)?;
        self.fleet.advance(at, self.model.today(at));
        Ok(())
    }

    fn speak(&mut self, from: usize) {
        self.fleet.word(from);
        self.words = self.model.word(from) + 1;
        // It tells nothing that is not durable.
        self.model.flushed(from);
    }

    fn listen(&mut self, to: usize, word: usize) -> Result<(), TestCaseError> {
        let ((newer, counted), expected) = (self.fleet.merge(to, word), self.model.merged(to, word));
        prop_assert_eq!(counted, expected.1);
        // By a journal without a decision a process does not know under what name it has spoken, which was of nothing.
        prop_assert!(newer == expected.0 || self.model.is_empty(word));
        Ok(())
    }

    /// The reward, and the further goals where there are any.
    fn measures(&self) -> impl Iterator<Item = Option<&'static Goal>> + use<> {
        let goals = if self.setup.rules.kind == Kind::Stages { &GOALS[..] } else { &[] };
        std::iter::once(None).chain(goals.iter().map(Some))
    }

    fn compare(&self) -> Result<(), TestCaseError> {
        for at in 0..self.setup.processes {
            for (segment, stage) in SEGMENTS.iter().enumerate() {
                for arm in 0..self.model.arms.len() {
                    for goal in self.measures() {
                        let (name, counts) = self.fleet.counts(at, segment, arm, goal);
                        let expected = self.model.counts(at, segment, name, goal);
                        let goal = goal.map_or("reward", |goal| goal.name);
                        prop_assert_eq!(counts, expected, "{} of {} in {} at {}", goal, name, stage, at);
                    }
                }
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn nothing_lost_and_each_exactly_once_whatever_happens(
        setup in setup(),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut both = Both::new(setup);
        for step in steps {
            both.take(step)?;
        }
        // Everybody tells everybody: in the end all know the same, once it is as late for all.
        for _ in 0..if setup.processes > 1 { 2 } else { 0 } {
            for from in 0..setup.processes {
                both.speak(from);
                (0..setup.processes).try_for_each(|to| both.listen(to, both.words - 1))?;
            }
        }
        let end = (0..setup.processes).map(|at| both.model.today(at)).max().unwrap_or(0);
        for at in 0..setup.processes {
            let days = end - both.model.today(at);
            both.fleet.advance(at, both.model.advanced(at, days));
        }
        both.compare()?;
        for segment in 0..SEGMENTS.len() {
            for arm in 0..both.model.arms.len() {
                for goal in both.measures() {
                    let known = (0..setup.processes).map(|at| both.fleet.counts(at, segment, arm, goal).1);
                    let known: Vec<_> = known.collect();
                    prop_assert!(known.iter().all(|counts| *counts == known[0]), "{known:?}");
                }
            }
        }
    }
}
