//! What recording costs, and how fast a journal is written and read, beside what people would write themselves.
//!
//! `cargo bench --bench journal`; compare within one run. Recording is timed without the flush that empties the queue
//! between batches, on both sides; flushing goes to a storage that forgets what it is given, without a sync.

use std::collections::VecDeque;
use std::hint::black_box;
use std::io::{self, Read};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
use serde::{Deserialize, Serialize};
use tactful::journal::{
    DurableJournal, Growing, JournalError, JournalReader, JournalSettings, JournalWriter, Recovery, Storage,
    SyncWhen,
};
use tactful::{ArmSpace, Bandit, Decision, Eligibility, Reward, SegmentId, Segments, Timestamp};

/// Records between two flushes.
const BATCH: u64 = 1 << 14;
const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// A disk of infinite speed and no memory.
#[derive(Debug)]
struct Nowhere;

impl Storage for Nowhere {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }
    fn read(&self, _: &str) -> io::Result<Box<dyn Read>> {
        Err(io::ErrorKind::NotFound.into())
    }
    fn create(&self, _: &str) -> io::Result<Box<dyn Growing>> {
        Ok(Box::new(Self))
    }
    fn rename(&self, _: &str, _: &str) -> io::Result<()> {
        Ok(())
    }
    fn remove(&self, _: &str) -> io::Result<()> {
        Ok(())
    }
    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }
}

impl Growing for Nowhere {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        black_box(bytes);
        Ok(())
    }
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Case {
    bandit: Bandit,
    decisions: Vec<(Decision, Eligibility)>,
}

impl Case {
    fn new() -> Self {
        let arms = ArmSpace::builder().dimension("arm", (0..128).map(|arm| arm.to_string())).build().unwrap();
        let segments = Segments::builder().attribute("stage", ["early", "late"]).build().unwrap();
        let bandit = Bandit::builder(arms, segments).incarnation(0x5F3A_91C2).build().unwrap();
        let sets: Vec<Eligibility> =
            (1..=8).map(|set| bandit.arms().eligible(|arm| arm.id().index() % 8 < set)).collect();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut decide = |number: u64| {
            let set = &sets[number as usize % sets.len()];
            (bandit.select(SegmentId::new((number % 2) as u32), set, &mut rng).unwrap(), set.clone())
        };
        let decisions = (0..BATCH / 2).map(&mut decide).collect();
        Self { bandit, decisions }
    }

    fn journal(&self) -> DurableJournal {
        let settings = JournalSettings::new().sync(SyncWhen::Never).queue(BATCH as usize);
        let (arms, segments) = (self.bandit.arms().clone(), self.bandit.segments().clone());
        let recovery = Recovery::begin(Nowhere).unwrap();
        recovery.start(arms, segments, self.bandit.reward_kind(), settings).unwrap()
    }

    /// A batch: each decision, then its outcome.
    fn record(&self, journal: &DurableJournal) {
        for (decision, eligible) in &self.decisions {
            black_box(journal.reserve().unwrap().decision(NOW, decision, eligible).unwrap());
            black_box(journal.reserve().unwrap().outcome(NOW, decision, Reward::SUCCESS).unwrap());
        }
    }
}

/// Time for so many records in batches; `between` is not timed.
fn batches(records: u64, mut batch: impl FnMut(), mut between: impl FnMut()) -> Duration {
    let mut time = Duration::ZERO;
    for _ in 0..records.div_ceil(BATCH) {
        let start = Instant::now();
        batch();
        time += start.elapsed();
        between();
    }
    time.mul_f64(records as f64 / (records.div_ceil(BATCH) * BATCH) as f64)
}

/// A record as one would keep it in a queue of one's own, and write with serde.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Plain {
    Decision { id: String, at: u64, segment: u32, arm: u32, propensity: f64, eligible: String },
    Outcome { id: String, at: u64, segment: u32, arm: u32, reward: f64 },
}

/// The same without texts, for the queue.
#[derive(Clone, Copy)]
#[allow(dead_code, reason = "a record that is only carried")]
struct Small(u64, Decision, u64, f64);

fn record(c: &mut Criterion) {
    let case = Case::new();
    let mut group = c.benchmark_group("record");
    group.throughput(Throughput::Elements(1));
    let journal = case.journal();
    case.record(&journal);
    journal.flush(NOW).unwrap();
    group.bench_function("queue", |b| {
        b.iter_custom(|n| batches(n, || case.record(&journal), || _ = journal.flush(NOW).unwrap()));
    });
    let naive = Mutex::new(VecDeque::with_capacity(BATCH as usize));
    group.bench_function("Mutex<VecDeque>", |b| {
        let push = || {
            for (decision, eligible) in &case.decisions {
                let record = Small(NOW.as_millis(), *decision, eligible.digest(), decision.propensity());
                naive.lock().unwrap().push_back(black_box(record));
                naive.lock().unwrap().push_back(black_box(Small(NOW.as_millis(), *decision, 0, 1.0)));
            }
        };
        b.iter_custom(|n| batches(n, push, || naive.lock().unwrap().clear()));
    });
    group.finish();
}

fn flush(c: &mut Criterion) {
    let case = Case::new();
    let mut group = c.benchmark_group("flush");
    group.throughput(Throughput::Elements(1));
    let journal = case.journal();
    case.record(&journal);
    group.bench_function("journal", |b| {
        b.iter_custom(|n| batches(n, || _ = journal.flush(NOW).unwrap(), || case.record(&journal)));
    });
    let records = plain(&case);
    group.bench_function("serde_json, no checksum", |b| {
        let mut text = Vec::new();
        let mut write = || {
            text.clear();
            for record in &records {
                serde_json::to_writer(&mut text, record).unwrap();
                text.push(b'\n');
            }
            black_box(&text);
        };
        b.iter_custom(|n| batches(n, &mut write, || ()));
    });
    group.finish();
}

fn plain(case: &Case) -> Vec<Plain> {
    let both = |(decision, eligible): &(Decision, Eligibility)| {
        let (id, at) = (decision.id().to_string(), NOW.as_millis());
        let (segment, arm) = (decision.segment().index() as u32, decision.arm().index() as u32);
        let (propensity, eligible) = (decision.propensity(), format!("{:016x}", eligible.digest()));
        [
            Plain::Decision { id: id.clone(), at, segment, arm, propensity, eligible },
            Plain::Outcome { id, at, segment, arm, reward: 1.0 },
        ]
    };
    case.decisions.iter().flat_map(both).collect()
}

fn read(c: &mut Criterion) {
    let case = Case::new();
    let mut group = c.benchmark_group("read");
    group.throughput(Throughput::Elements(1));
    let (arms, segments) = (case.bandit.arms(), case.bandit.segments());
    let mut writer = JournalWriter::new(Vec::new(), arms, segments, case.bandit.reward_kind()).unwrap();
    for (decision, eligible) in &case.decisions {
        writer.decision(NOW, decision, eligible).unwrap();
        writer.outcome(NOW, decision.id(), Reward::SUCCESS).unwrap();
    }
    let text = writer.into_inner();
    group.bench_function("journal", |b| {
        let read = || {
            let entries: Result<Vec<()>, JournalError> = JournalReader::new(&text[..])
                .unwrap()
                .map(|entry| entry.map(|entry| _ = black_box(entry)))
                .collect();
            assert_eq!(entries.unwrap().len() as u64, BATCH);
        };
        b.iter_custom(|n| batches(n, read, || ()));
    });
    let lines: Vec<u8> = plain(&case)
        .iter()
        .flat_map(|record| serde_json::to_vec(record).unwrap().into_iter().chain([b'\n']))
        .collect();
    group.bench_function("serde_json, no checks", |b| {
        let read = || {
            for line in lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
                black_box(serde_json::from_slice::<Plain>(line).unwrap());
            }
        };
        b.iter_custom(|n| batches(n, read, || ()));
    });
    group.finish();
}

criterion_group!(benches, record, flush, read);
criterion_main!(benches);
