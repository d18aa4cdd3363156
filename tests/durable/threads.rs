//! Many threads record while one flushes: everything comes back once, in the order of each thread; nobody waits.

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};

use tactful::journal::{
    DurableJournal, Entry, Growing, JournalError, JournalSettings, Recovery, ReserveError, Storage,
};
use tactful::{Decision, DecisionId, Eligibility, SegmentId, Timestamp};

use crate::disk::Disk;
use crate::script::{Script, record, time};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn start(script: &Script, storage: impl Storage + 'static, settings: JournalSettings) -> DurableJournal {
    script.start(Recovery::begin(storage).unwrap(), settings).unwrap()
}

#[test]
fn exactly_once_from_four_threads_through_a_small_queue_and_small_files() {
    const EACH: usize = 5_000;
    let script = Script::new(0, 4);
    let disk = Disk::default();
    // Small: the queue is full often, and every set is handed over anew in hundreds of files.
    let journal = start(&script, disk.clone(), JournalSettings::new().queue(64).file_bytes(10_000));
    let sets: Vec<Eligibility> =
        (1..=40).map(|set| script.bandit.arms().eligible(|arm| arm.id().index() % 41 < set)).collect();
    let running = AtomicBool::new(true);
    let full = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|thread| {
                let (journal, sets, bandit) = (&journal, &sets, &script.bandit);
                scope.spawn(move || {
                    let mut selector = bandit.selector(rng(thread));
                    let mut full = 0_u64;
                    for number in 0..EACH {
                        let place = loop {
                            match journal.reserve() {
                                Ok(place) => break place,
                                Err(error) => assert!(matches!(error, ReserveError::Full { records: 64 })),
                            }
                            full += 1;
                            std::thread::yield_now();
                        };
                        let set = &sets[(number * 7 + thread as usize) % sets.len()];
                        let decision = selector.select(SegmentId::new(thread as u32 % 2), set).unwrap();
                        let at = Timestamp::from_millis(thread * EACH as u64 + number as u64);
                        place.decision(at, &decision, set).unwrap();
                    }
                    full
                })
            })
            .collect();
        let flusher = scope.spawn(|| {
            while running.load(Ordering::Relaxed) {
                journal.flush(NOW).unwrap();
            }
        });
        let full = workers.into_iter().map(|worker| worker.join().unwrap()).sum::<u64>();
        running.store(false, Ordering::Relaxed);
        flusher.join().unwrap();
        full
    });
    assert!(full > 0, "the queue was never full, so nothing was contended");
    journal.flush(NOW).unwrap();
    drop(journal);
    let mut seen = vec![0_usize; 4];
    let mut ids: Vec<DecisionId> = Vec::new();
    let mut recovery = Recovery::begin(disk).unwrap();
    recovery
        .replay(|_, entry| -> Result<(), JournalError> {
            let Entry::Decision(decision) = entry else { panic!("{entry:?}") };
            let (thread, number) =
                (decision.at.as_millis() as usize / EACH, decision.at.as_millis() as usize % EACH);
            assert_eq!(number, seen[thread], "out of order");
            assert_eq!(decision.eligible, sets[(number * 7 + thread) % sets.len()]);
            seen[thread] += 1;
            ids.push(decision.id);
            Ok(())
        })
        .unwrap();
    assert_eq!(seen, [EACH; 4]);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 4 * EACH);
}

fn rng(seed: u64) -> rand::rngs::Xoshiro256PlusPlus {
    rand::SeedableRng::seed_from_u64(seed)
}

fn decision(script: &Script) -> (Decision, Eligibility) {
    let all = script.bandit.arms().all();
    (script.bandit.select(SegmentId::new(0), &all, &mut rng(1)).unwrap(), all)
}

#[test]
fn a_place_held_back_holds_back_the_mark_and_nobody_else() {
    let script = Script::new(10, 5);
    let disk = Disk::default();
    let journal = start(&script, disk.clone(), JournalSettings::new().queue(8));
    let first = record(&journal, &script.steps[0]).unwrap();
    let held = journal.reserve().unwrap();
    let others: Vec<_> = script.steps[1..7].iter().map(|step| record(&journal, step).unwrap()).collect();
    let durable = journal.flush(NOW).unwrap();
    assert!(durable.covers(first) && !durable.covers(others[0]));
    // One slot was freed; then the ring has come round to the one that is held.
    let last = record(&journal, &script.steps[7]).unwrap();
    assert_eq!(journal.reserve().unwrap_err(), ReserveError::Full { records: 8 });
    assert_eq!(journal.pending(), 8);
    drop(held);
    assert!(journal.flush(NOW).unwrap().covers(last));
    assert!(record(&journal, &script.steps[8]).is_some());
    journal.flush(NOW).unwrap();
    drop(journal);
    // Nothing is written of the place that was given back.
    assert_eq!(script.recover(disk, &script.steps).unwrap().0, 9);
}

#[test]
fn what_does_not_belong_gives_its_place_back() {
    let (script, other) =
        (Script::new(0, 6), tactful::ArmSpace::builder().dimension("arm", ["a"]).build().unwrap());
    let disk = Disk::default();
    let journal = start(&script, disk.clone(), JournalSettings::new().queue(4));
    let (decision, all) = decision(&script);
    for _ in 0..9 {
        let foreign = journal.reserve().unwrap().decision(NOW, &decision, &other.all());
        assert!(matches!(foreign, Err(JournalError::OtherNames)));
        let half = journal.reserve().unwrap().outcome(NOW, &decision, tactful::Reward::new(0.5));
        assert!(matches!(half, Err(JournalError::Reward { .. })));
        assert!(journal.reserve().unwrap().stage(NOW, &decision, 1, f64::NAN).is_err());
        journal.flush(NOW).unwrap();
    }
    assert!(journal.reserve().unwrap().decision(NOW, &decision, &all).is_ok());
    journal.flush(NOW).unwrap();
    drop(journal);
    let mut recovery = Recovery::begin(disk).unwrap();
    let mut entries = 0;
    recovery
        .replay(|_, _| {
            entries += 1;
            Ok::<(), JournalError>(())
        })
        .unwrap();
    assert_eq!(entries, 1);
}

/// A storage whose appends, once it is armed, tell that they have come and wait to be let go.
#[derive(Clone, Debug)]
struct Slow {
    disk: Disk,
    armed: Arc<AtomicBool>,
    gate: Arc<Mutex<(Sender<()>, Receiver<()>)>>,
}

#[derive(Debug)]
struct SlowFile(Box<dyn Growing>, Slow);

impl Storage for Slow {
    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }
    fn read(&self, name: &str) -> io::Result<Box<dyn Read>> {
        self.disk.read(name)
    }
    fn create(&self, name: &str) -> io::Result<Box<dyn Growing>> {
        Ok(Box::new(SlowFile(self.disk.create(name)?, self.clone())))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }
    fn sync_directory(&self) -> io::Result<()> {
        self.disk.sync_directory()
    }
}

impl Growing for SlowFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.1.armed.swap(false, Ordering::SeqCst) {
            let gate = self.1.gate.lock().unwrap();
            gate.0.send(()).unwrap();
            gate.1.recv().unwrap();
        }
        self.0.append(bytes)
    }
    fn sync(&mut self) -> io::Result<()> {
        self.0.sync()
    }
}

#[test]
fn nobody_waits_for_a_slow_disk() {
    let script = Script::new(8, 7);
    let (arrived, has_arrived) = mpsc::channel();
    let (let_go, go) = mpsc::channel();
    let slow = Slow {
        disk: Disk::default(),
        armed: Arc::new(AtomicBool::new(false)),
        gate: Arc::new(Mutex::new((arrived, go))),
    };
    let journal = start(&script, slow.clone(), JournalSettings::new());
    let first = record(&journal, &script.steps[0]).unwrap();
    slow.armed.store(true, Ordering::SeqCst);
    std::thread::scope(|scope| {
        let flusher = scope.spawn(|| journal.flush(NOW).unwrap());
        has_arrived.recv().unwrap();
        // With the other thread inside the disk, recording goes on and a flush returns what is durable: nothing.
        let second = record(&journal, &script.steps[1]).unwrap();
        for durable in [journal.flush(NOW).unwrap(), journal.sync(NOW).unwrap(), journal.rotate(NOW).unwrap()]
        {
            assert!(!durable.covers(first) && !durable.covers(second));
        }
        let_go.send(()).unwrap();
        let durable = flusher.join().unwrap();
        assert!(durable.covers(first) && !durable.covers(second));
        assert!(journal.flush(time(&script.steps[1])).unwrap().covers(second));
    });
}
