//! The real thing: one bandit, or three that exchange, each with a journal on a disk in memory or restarted from
//! snapshots.

use std::time::Duration;

use proptest::prelude::*;
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use tactful::bandit::{ParseError, RewardError, SpaceError};
use tactful::belief::Beta;
use tactful::delta::Merged;
use tactful::journal::JournalSettings;
use tactful::policy::Uniform;
use tactful::reward::RewardRule;
use tactful::time::Window;
use tactful::{
    ArmSpace, Bandit, BanditBuilder, Delta, Outcome, Reward, RewardKind, SegmentId, Segments, Snapshot,
    Stage, Timestamp,
};

use crate::disk::{Disk, Loss};
use crate::model::{Answer, Counts, GOALS, Goal, Kind, PAYMENT, RANGE, Rules, Said, WINDOW, WORTH};

const DAY: u64 = 86_400_000;
pub(crate) const SEGMENTS: [&str; 2] = ["early", "late"];
/// Small files, so that they are closed and folded.
const SETTINGS: JournalSettings = JournalSettings::new().file_bytes(3_000).queue(1 << 11);

#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) rules: Rules,
    pub(crate) processes: usize,
    pub(crate) journals: bool,
}

impl Setup {
    /// Whether builds with other arms are deployed, and whether they may retire some.
    ///
    /// Not all combinations: what an arm starts from is not known once it is retired, so that stages of it are dropped; and
    /// a journal knows earlier builds by their records only, so that tokens of a build without any are unknown to it.
    pub(crate) fn deploys(self) -> (bool, bool) {
        let deploys = self.processes == 1 || !self.journals;
        (deploys, deploys && self.rules.kind != Kind::Stages)
    }
}

pub(crate) struct Fleet {
    setup: Setup,
    arms: Vec<&'static str>,
    life: u64,
    processes: Vec<Process>,
    tokens: Vec<String>,
    deltas: Vec<Delta>,
}

struct Process {
    bandit: Bandit,
    disk: Disk,
}

impl Fleet {
    pub(crate) fn new(setup: Setup, arms: &[&'static str]) -> Self {
        let (arms, none) = (arms.to_vec(), Vec::new());
        let mut fleet =
            Self { setup, arms, life: 0, processes: none, tokens: Vec::new(), deltas: Vec::new() };
        for replica in 0..setup.processes {
            let disk = Disk::default();
            let bandit = match setup.journals {
                true => fleet.builder(replica).open(disk.clone(), SETTINGS).unwrap().0,
                false => fleet.builder(replica).build().unwrap(),
            };
            fleet.processes.push(Process { bandit, disk });
        }
        fleet
    }

    fn builder(&mut self, replica: usize) -> BanditBuilder {
        let arms = ArmSpace::builder().dimension("channel", self.arms.iter().copied()).build().unwrap();
        let segments = Segments::builder().attribute("stage", SEGMENTS).build().unwrap();
        self.life += 1;
        let builder = Bandit::builder(arms, segments).policy(Uniform).incarnation(self.life);
        let mut builder = builder.replica(replica as u16);
        if self.setup.processes > 1 {
            builder = builder.replicated();
        }
        let Rules { kind, window } = self.setup.rules;
        if let Some(grace) = window {
            let days = |days: u64| Duration::from_millis(days * DAY);
            builder =
                builder.window(Window::new(days(WINDOW), days(1)).unwrap().grace_for(days(grace)).unwrap());
        }
        match kind {
            Kind::Stages => GOALS.iter().fold(builder.stages(rule()), |builder, goal| {
                builder.goal(goal.name, rule_of(goal, &self.arms), Beta::UNIFORM)
            }),
            Kind::Binary => builder.default_reward(Reward::FAILURE),
            Kind::Real => {
                let kind = RewardKind::Real { minimum: RANGE.0, maximum: RANGE.1 };
                builder.reward(kind).default_reward(Reward::FAILURE)
            }
        }
    }

    /// Sends one message to somebody of a segment, by one of these of the arms; says which.
    pub(crate) fn send(&mut self, at: usize, segment: usize, set: u8) -> &'static str {
        let bandit = &self.processes[at].bandit;
        let some = bandit.arms().eligible(|arm| set >> arm.id().index() & 1 == 1);
        let set = if some.is_empty() { bandit.arms().all() } else { some };
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(self.tokens.len() as u64);
        let decision = bandit.select(SegmentId::new(segment as u32), &set, &mut rng).unwrap();
        self.tokens.push(decision.token().to_string());
        self.arms[decision.arm().index()]
    }

    pub(crate) fn tell(&self, at: usize, which: usize, said: Said) -> Result<Answer, TestCaseError> {
        let bandit = &self.processes[at].bandit;
        let foreign = self.setup.processes > 1;
        let told = match bandit.parse(&self.tokens[which]) {
            Err(ParseError::Space(SpaceError::Vanished { .. })) => return Ok(Answer::Vanished),
            Err(ParseError::Space(SpaceError::Unknown { .. })) => return Ok(Answer::Unknown),
            Err(other) => return Err(TestCaseError::fail(other.to_string())),
            Ok(decision) => {
                let ours = !foreign || usize::from(decision.id().replica()) == at;
                match said {
                    Said::Withdrawal => bandit.cancel(&decision),
                    Said::Reward(reward) => bandit.reward(&decision, Reward::new(reward)),
                    Said::Outcome(stage, amount) => bandit.observe(&decision, outcome(stage, amount)),
                }
                .map(|()| if ours { Answer::Counted } else { Answer::Kept })
            }
        };
        match told {
            Ok(answer) => Ok(answer),
            Err(RewardError::AlreadyRewarded { .. } | RewardError::DuplicateStage { .. }) => {
                Ok(Answer::Again)
            }
            Err(RewardError::Late { .. }) => Ok(Answer::Late),
            Err(RewardError::UnknownIssuer { .. } | RewardError::NeverIssued { .. }) => Ok(Answer::Unknown),
            Err(other) => Err(TestCaseError::fail(other.to_string())),
        }
    }

    pub(crate) fn advance(&self, at: usize, today: u64) {
        self.processes[at].bandit.advance_to(Timestamp::from_millis(today * DAY)).unwrap();
    }

    pub(crate) fn flush(&self, at: usize) -> Result<(), TestCaseError> {
        let bandit = &self.processes[at].bandit;
        let last = bandit.recorded();
        let durable = bandit.flush().unwrap();
        prop_assert!(last.is_none_or(|last| durable.covers(last)));
        Ok(())
    }

    /// Folds the journal; whether there was something to fold.
    pub(crate) fn compact(&self, at: usize) -> bool {
        self.processes[at].bandit.compact().unwrap().is_some()
    }

    /// A new process in the place of one, with what that has left.
    pub(crate) fn restart(&mut self, at: usize, loss: Loss, vanished: bool) -> Result<(), TestCaseError> {
        let builder = self.builder(at);
        let process = &mut self.processes[at];
        if self.setup.journals {
            process.disk = process.disk.after_crash(loss);
            let (bandit, recovered) = builder.open(process.disk.clone(), SETTINGS).unwrap();
            prop_assert_eq!((recovered.refused, recovered.torn), (0, None));
            prop_assert!(vanished || recovered.vanished == 0);
            process.bandit = bandit;
        } else {
            let text = serde_json::to_string(&process.bandit.snapshot()).unwrap();
            let snapshot: Snapshot = serde_json::from_str(&text).unwrap();
            process.bandit = builder.build().unwrap();
            process.bandit.restore(&snapshot).unwrap();
        }
        Ok(())
    }

    /// From now on processes are started with these arms.
    pub(crate) fn deploy(&mut self, arms: &[&'static str]) {
        self.arms = arms.to_vec();
    }

    /// Takes a process's word, through text; they are numbered from 0.
    pub(crate) fn word(&mut self, from: usize) {
        let delta = self.processes[from].bandit.delta().unwrap();
        self.deltas.push(serde_json::from_str(&serde_json::to_string(&delta).unwrap()).unwrap());
    }

    pub(crate) fn merge(&self, to: usize, word: usize) -> (bool, usize) {
        let Merged { newer, counted, .. } = self.processes[to].bandit.merge(&self.deltas[word]).unwrap();
        (newer, counted)
    }

    /// By the reward, or by a further goal.
    pub(crate) fn counts(
        &self,
        at: usize,
        segment: usize,
        arm: usize,
        goal: Option<&Goal>,
    ) -> (&'static str, Counts) {
        let bandit = &self.processes[at].bandit;
        let (segment, number) = (SegmentId::new(segment as u32), tactful::ArmId::new(arm as u32));
        let known = match goal {
            None => bandit.statistics(segment, number),
            Some(goal) => bandit.goal_statistics(segment, number, goal.name),
        };
        let counts = Counts {
            issued: known.issued(),
            returned: known.returned(),
            sum: known.sum(),
            squares: known.sum_of_squares(),
        };
        (self.arms[arm], counts)
    }
}

fn rule() -> RewardRule {
    let rule = RewardRule::builder(RANGE.0, RANGE.1).baseline(0.0).payment(PAYMENT.0, PAYMENT.1);
    let with = |rule: tactful::reward::RewardRuleBuilder, (stage, worth): (Stage, f64)| match worth < 0.0 {
        true => rule.penalty(stage, -worth),
        false => rule.weight(stage, worth),
    };
    WORTH.into_iter().fold(rule, with).build().unwrap()
}

/// Levels that a build does not have cost nothing there.
fn rule_of(goal: &Goal, arms: &[&str]) -> RewardRule {
    let rule = RewardRule::builder(goal.range.0, goal.range.1).baseline(goal.baseline);
    let rule = goal.worth.iter().fold(rule, |rule, &(stage, worth)| rule.weight(stage, worth));
    let costs = goal.costs.iter().filter(|(arm, _)| arms.contains(arm));
    costs.fold(rule, |rule, &(arm, cost)| rule.cost("channel", arm, cost)).build().unwrap()
}

fn outcome(stage: Stage, amount: f64) -> Outcome {
    if stage == Stage::Paid { Outcome::paid(amount) } else { Outcome::new(stage) }
}
