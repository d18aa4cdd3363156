//! What late rewards cost: rewarding with a window and a claim, starting from a journal, taking a snapshot; beside a
//! `Mutex<HashMap>` of the decisions that wait, as people write it themselves.
//!
//! `cargo bench --bench late`; compare within one run. Journals lie in memory: no disk is measured.

use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use serde::{Deserialize, Serialize};
use tactful::journal::{Growing, JournalSettings, Storage, SyncWhen};
use tactful::policy::Uniform;
use tactful::time::Window;
use tactful::{ArmSpace, Bandit, BanditBuilder, Decision, Refresh, Reward, SegmentId, Segments, Timestamp};

const DAY: Duration = Duration::from_secs(86_400);
const DAYS: u64 = 14;
const ARMS: u32 = 16;
const SEGMENTS: u32 = 4;
/// Decisions that wait at once, over all days.
const WAITING: u64 = 1 << 17;
/// Decisions of a journal, each with one outcome.
const JOURNAL: u64 = 1 << 16;
/// Cells of a snapshot: so many arms in as many segments.
const SIDE: u32 = 1_000;

/// Files in memory; a clone has the same contents and a life of its own.
#[derive(Debug, Default)]
struct Memory(Arc<Mutex<BTreeMap<String, Arc<Vec<u8>>>>>);

impl Memory {
    fn files(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Vec<u8>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn share(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    fn copy(&self) -> Self {
        Self(Arc::new(Mutex::new(self.files().clone())))
    }
}

/// A file that grows, which goes by the name it was made with or by the one it was given after.
#[derive(Debug)]
struct File(Memory, String);

impl Growing for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut files = self.0.files();
        let name = self.1.trim_end_matches(".part");
        let name = if files.contains_key(&self.1) { &self.1 } else { name };
        let file = files.get_mut(name).ok_or(io::ErrorKind::NotFound)?;
        Arc::make_mut(file).extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Storage for Memory {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.files().keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Box<dyn Read>> {
        #[derive(Debug)]
        struct Shared(Arc<Vec<u8>>);
        impl AsRef<[u8]> for Shared {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }
        let file = Arc::clone(self.files().get(name).ok_or(io::ErrorKind::NotFound)?);
        Ok(Box::new(io::Cursor::new(Shared(file))))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn Growing>> {
        self.files().insert(name.to_owned(), Arc::default());
        Ok(Box::new(File(self.share(), name.to_owned())))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut files = self.files();
        let file = files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.files().remove(name);
        Ok(())
    }

    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }
}

fn builder(arms: u32, segments: u32) -> BanditBuilder {
    let arms = ArmSpace::builder().dimension("arm", (0..arms).map(|arm| arm.to_string())).build().unwrap();
    let segments = Segments::builder().attribute("segment", (0..segments).map(|s| s.to_string()));
    Bandit::builder(arms, segments.build().unwrap()).policy(Uniform).refresh(Refresh::Manual)
}

fn with_window() -> BanditBuilder {
    builder(ARMS, SEGMENTS).window(Window::new(DAYS as u32 * DAY, DAY).unwrap())
}

fn midnight(day: u64) -> Timestamp {
    Timestamp::from_millis(day * DAY.as_millis() as u64)
}

/// Decisions of all days of the window, in no order.
fn send(bandit: &Bandit, count: u64) -> Vec<Decision> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let all = bandit.arms().all();
    let mut sent = Vec::new();
    for number in 0..count {
        bandit.advance_to(midnight(1 + number * DAYS / count)).unwrap();
        let segment = SegmentId::new(rng.random_range(0..bandit.segments().len() as u32));
        sent.push(bandit.select(segment, &all, &mut rng).unwrap());
    }
    for place in (1..sent.len()).rev() {
        sent.swap(place, rng.random_range(0..=place));
    }
    sent
}

/// What waits, and what is known of an arm in a segment: sent and paid.
#[derive(Default)]
struct Naive {
    waiting: HashMap<u64, (u32, u32)>,
    known: HashMap<(u32, u32), (u64, u64)>,
}

impl Naive {
    fn send(&mut self, id: u64, place: (u32, u32)) {
        self.waiting.insert(id, place);
        self.known.entry(place).or_default().0 += 1;
    }

    fn reward(&mut self, id: u64, success: bool) {
        if let Some(place) = self.waiting.remove(&id) {
            self.known.entry(place).or_default().1 += u64::from(success);
        }
    }
}

fn place(decision: &Decision) -> (u32, u32) {
    (decision.segment().index() as u32, decision.arm().index() as u32)
}

fn reward(c: &mut Criterion) {
    let mut group = c.benchmark_group("waiting reward");
    let successes = |n: u64| {
        let bandit = with_window().build().unwrap();
        (send(&bandit, n.max(1)), bandit)
    };
    group.bench_function("tactful", |b| {
        b.iter_custom(|n| {
            let mut time = Duration::ZERO;
            for start in (0..n).step_by(WAITING as usize) {
                let (sent, bandit) = successes(WAITING);
                let some = &sent[..(n - start).min(WAITING) as usize];
                let begun = Instant::now();
                some.iter().for_each(|decision| bandit.reward(decision, Reward::SUCCESS).unwrap());
                time += begun.elapsed();
            }
            time
        });
    });
    let (sent, _) = successes(WAITING);
    group.bench_function("Mutex<HashMap>", |b| {
        b.iter_custom(|n| {
            let mut time = Duration::ZERO;
            for start in (0..n).step_by(WAITING as usize) {
                let naive = Mutex::new(Naive::default());
                // By a number, where ours has four parts.
                sent.iter().zip(0..).for_each(|(one, id)| naive.lock().unwrap().send(id, place(one)));
                let begun = Instant::now();
                for id in 0..(n - start).min(WAITING) {
                    // In no order either.
                    naive.lock().unwrap().reward(id.wrapping_mul(0x9E37_79B1) % WAITING, true);
                }
                time += begun.elapsed();
            }
            time
        });
    });
    group.finish();
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Plain {
    Decision { id: u64, at: u64, segment: u32, arm: u32, propensity: f64 },
    Outcome { id: u64, at: u64, reward: f64 },
}

/// Starting again with what a journal says, per record.
fn recovery(c: &mut Criterion) {
    let mut group = c.benchmark_group("recovery");
    group.throughput(Throughput::Elements(1)).sampling_mode(SamplingMode::Flat);
    let settings = JournalSettings::new().sync(SyncWhen::Never).back_pressure();
    let memory = Memory::default();
    let (bandit, _) = with_window().open(memory.share(), settings).unwrap();
    let sent = send(&bandit, JOURNAL);
    sent.iter().for_each(|decision| bandit.reward(decision, Reward::SUCCESS).unwrap());
    bandit.flush().unwrap();
    let records = 2 * JOURNAL;
    let per_record = |n: u64, whole: &mut dyn FnMut() -> Duration| {
        let times = n.div_ceil(records);
        (0..times).map(|_| whole()).sum::<Duration>().mul_f64(n as f64 / (times * records) as f64)
    };
    group.bench_function("tactful", |b| {
        let mut open = || {
            let memory = memory.copy();
            let begun = Instant::now();
            let (bandit, recovered) = with_window().open(memory, settings).unwrap();
            let time = begun.elapsed();
            assert_eq!(recovered.decisions + recovered.outcomes, records);
            drop(bandit);
            time
        };
        b.iter_custom(|n| per_record(n, &mut open));
    });
    let numbered = || sent.iter().zip(0_u64..);
    let decisions = numbered().map(|(one, id)| {
        let (segment, arm) = place(one);
        Plain::Decision { id, at: 0, segment, arm, propensity: one.propensity() }
    });
    let outcomes = numbered().map(|(_, id)| Plain::Outcome { id, at: 0, reward: 1.0 });
    let lines: String =
        decisions.chain(outcomes).map(|one| serde_json::to_string(&one).unwrap() + "\n").collect();
    group.bench_function("serde_json into HashMap", |b| {
        let mut read = || {
            let begun = Instant::now();
            let mut naive = Naive::default();
            for line in lines.lines() {
                match serde_json::from_str(line).unwrap() {
                    Plain::Decision { id, segment, arm, .. } => naive.send(id, (segment, arm)),
                    Plain::Outcome { id, reward, .. } => naive.reward(id, reward > 0.0),
                }
            }
            black_box(&naive);
            begun.elapsed()
        };
        b.iter_custom(|n| per_record(n, &mut read));
    });
    group.finish();
}

/// A million cells: read, and written as text.
fn snapshot(c: &mut Criterion) {
    let mut group = c.benchmark_group("snapshot of a million cells");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    let build = || builder(SIDE, SIDE).build().unwrap();
    let cell = serde_json::json!({"issued": 1_000, "returned": 900, "sum": 30 << 24, "squares": 30 << 24});
    let cells = (0..SIDE).flat_map(|segment| (0..SIDE).map(move |arm| (segment, arm)));
    let mut filled = serde_json::to_value(build().snapshot()).unwrap();
    filled["generations"][0]["cells"] =
        cells.map(|(segment, arm)| serde_json::json!([segment, arm, cell])).collect();
    let mut bandit = build();
    bandit.restore(&serde_json::from_value(filled).unwrap()).unwrap();
    group.bench_function("taken", |b| b.iter_batched(|| (), |()| bandit.snapshot(), BatchSize::PerIteration));
    let written = || serde_json::to_vec(&bandit.snapshot()).unwrap();
    group.bench_function("taken and written", |b| {
        b.iter_batched(|| (), |()| written(), BatchSize::PerIteration)
    });
    let naive: HashMap<(u32, u32), [u64; 4]> =
        (0..SIDE * SIDE).map(|cell| ((cell / SIDE, cell % SIDE), [1_000, 900, 30 << 24, 30 << 24])).collect();
    let naive = Mutex::new(naive);
    let copied = || naive.lock().unwrap().clone();
    group.bench_function("naive, taken", |b| b.iter_batched(|| (), |()| copied(), BatchSize::PerIteration));
    let written = || serde_json::to_vec(&copied().into_iter().collect::<Vec<_>>()).unwrap();
    group.bench_function("naive, taken and written", |b| {
        b.iter_batched(|| (), |()| written(), BatchSize::PerIteration);
    });
    group.finish();
}

criterion_group!(benches, reward, recovery, snapshot);
criterion_main!(benches);
