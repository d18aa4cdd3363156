//! A scripted run: decisions and outcomes are recorded, flushed, compacted, and read back.

use rand::{Rng, RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use tactful::journal::{
    Chosen, Durable, DurableJournal, Entry, JournalError, JournalReader, JournalSettings, JournalWriter,
    LoggedCancel, LoggedDecision, LoggedOutcome, LoggedStage, Names, Recorded, Recovery, Storage,
};
use tactful::{ArmSpace, Bandit, Decision, Eligibility, Reward, SegmentId, Segments, Snapshot, Timestamp};

/// What is recorded, in order.
pub(crate) struct Script {
    pub(crate) bandit: Bandit,
    pub(crate) steps: Vec<Step>,
    space: u64,
    empty: serde_json::Value,
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Decision(Timestamp, Decision, Eligibility),
    Outcome(Timestamp, Decision, Reward),
    Stage(Timestamp, Decision, u16, f64),
    Cancel(Timestamp, Decision),
}

impl Script {
    pub(crate) fn new(decisions: u64, seed: u64) -> Self {
        let arms = ArmSpace::builder().dimension("arm", (0..20).map(|arm| format!("{arm}"))).build().unwrap();
        let segments = Segments::builder().attribute("stage", ["early", "late"]).build().unwrap();
        let bandit = Bandit::builder(arms, segments).incarnation(0xABCD).build().unwrap();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let sets: Vec<Eligibility> = (0..6)
            .map(|set| bandit.arms().eligible(|arm| set == 0 || (arm.id().index() + set) % (set + 1) < 2))
            .collect();
        let mut steps = Vec::new();
        let mut made: Vec<Decision> = Vec::new();
        for round in 0..decisions {
            let now = Timestamp::from_millis(1_700_000_000_000 + 20 * round);
            let set = &sets[rng.random_range(0..sets.len())];
            let decision = bandit.select(SegmentId::new((round % 2) as u32), set, &mut rng).unwrap();
            steps.push(Step::Decision(now, decision, set.clone()));
            made.push(decision);
            let other = made[rng.random_range(0..made.len())];
            steps.push(match rng.next_u64() % 8 {
                0 => Step::Cancel(now, other),
                1 => Step::Stage(now, other, 3, 12.5),
                2 => continue,
                reward => Step::Outcome(now, other, Reward::from(reward == 3)),
            });
        }
        let header =
            JournalWriter::new(Vec::new(), bandit.arms(), bandit.segments(), bandit.reward_kind()).unwrap();
        let space = JournalReader::new(&header.into_inner()[..]).unwrap().fingerprint();
        let empty = serde_json::to_value(bandit.snapshot()).unwrap();
        Self { bandit, steps, space, empty }
    }

    /// What a step reads back as.
    pub(crate) fn entry(&self, step: &Step) -> Entry {
        let chosen = |decision: &Decision| Chosen {
            segment: decision.segment(),
            arm: decision.arm(),
            space: self.space,
        };
        match step {
            Step::Decision(at, decision, eligible) => Entry::Decision(LoggedDecision {
                id: decision.id(),
                at: *at,
                segment: decision.segment(),
                arm: decision.arm(),
                propensity: decision.propensity(),
                eligible: eligible.clone(),
                features: None,
            }),
            Step::Outcome(at, decision, reward) => Entry::Outcome(LoggedOutcome {
                id: decision.id(),
                at: *at,
                chosen: Some(chosen(decision)),
                reward: *reward,
                features: None,
            }),
            Step::Stage(at, decision, stage, value) => Entry::Stage(LoggedStage {
                id: decision.id(),
                at: *at,
                chosen: chosen(decision),
                stage: *stage,
                value: *value,
            }),
            Step::Cancel(at, decision) => Entry::Cancel(LoggedCancel {
                id: decision.id(),
                at: *at,
                chosen: chosen(decision),
                features: None,
            }),
        }
    }

    pub(crate) fn start(
        &self,
        recovery: Recovery,
        settings: JournalSettings,
    ) -> Result<DurableJournal, JournalError> {
        let (arms, segments) = (self.bandit.arms().clone(), self.bandit.segments().clone());
        recovery.start(arms, segments, self.bandit.reward_kind(), settings)
    }

    /// Reads everything back as steps from the beginning of the journal: those behind a snapshot count, the others are
    /// compared. Returns how many, and the recovery.
    pub(crate) fn recover(
        &self,
        storage: impl Storage + 'static,
        history: &[Step],
    ) -> Result<(usize, Recovery), JournalError> {
        let mut recovery = Recovery::begin(storage)?;
        let mut count = recovery.snapshot().map_or(0, counted);
        recovery.replay(|names, entry| self.compare(names, history, &mut count, &entry))?;
        Ok((count, recovery))
    }

    pub(crate) fn compare(
        &self,
        names: &Names,
        history: &[Step],
        count: &mut usize,
        entry: &Entry,
    ) -> Result<(), JournalError> {
        assert_eq!((names.arms(), names.segments()), (self.bandit.arms(), self.bandit.segments()));
        assert_eq!(names.fingerprint(), self.space);
        assert_eq!(Some(entry), history.get(*count).map(|step| self.entry(step)).as_ref());
        *count += 1;
        Ok(())
    }

    /// A compaction whose fold counts entries, and compares them on the way.
    pub(crate) fn compact(&self, journal: &DurableJournal, history: &[Step]) -> Result<(), JournalError> {
        let done = journal.compact(|before, files| {
            let mut count = before.as_ref().map_or(0, counted);
            files.replay(|names, entry| self.compare(names, history, &mut count, &entry))?;
            Ok::<Snapshot, JournalError>(self.counting(count))
        });
        done.map(drop)
    }

    /// A snapshot that says: so many entries.
    pub(crate) fn counting(&self, entries: usize) -> Snapshot {
        let mut value = self.empty.clone();
        value["lives"][0]["issued"] = entries.into();
        serde_json::from_value(value).unwrap()
    }
}

pub(crate) fn counted(snapshot: &Snapshot) -> usize {
    serde_json::to_value(snapshot).unwrap()["lives"][0]["issued"].as_u64().unwrap() as usize
}

pub(crate) fn time(step: &Step) -> Timestamp {
    match step {
        Step::Decision(at, ..) | Step::Outcome(at, ..) | Step::Stage(at, ..) | Step::Cancel(at, ..) => *at,
    }
}

/// Records a step; `None` if the journal has no place for it.
pub(crate) fn record(journal: &DurableJournal, step: &Step) -> Option<Recorded> {
    let place = journal.reserve().ok()?;
    Some(match step {
        Step::Decision(at, decision, eligible) => place.decision(*at, decision, eligible).unwrap(),
        Step::Outcome(at, decision, reward) => place.outcome(*at, decision, *reward).unwrap(),
        Step::Stage(at, decision, stage, value) => place.stage(*at, decision, *stage, *value).unwrap(),
        Step::Cancel(at, decision) => place.cancel(*at, decision),
    })
}

/// How many of these records are acknowledged; they are so in their order.
pub(crate) fn acknowledged(durable: Durable, records: &[Recorded]) -> usize {
    let acknowledged = records.iter().take_while(|&&record| durable.covers(record)).count();
    assert!(!records[acknowledged..].iter().any(|&record| durable.covers(record)));
    acknowledged
}
