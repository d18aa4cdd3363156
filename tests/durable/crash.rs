//! For every call that can fail and every byte at which the power can go off: what was acknowledged is there again.

use tactful::journal::{Durable, JournalError, JournalSettings, SyncWhen};

use crate::disk::{Disk, Loss};
use crate::script::{Script, Step, acknowledged, record, time};

const SETTINGS: JournalSettings = JournalSettings::new().file_bytes(800).queue(8);

/// What a journal is known to hold at the end of a run.
#[derive(Default)]
struct Known {
    /// Everything recorded, in order; what a recovery did not find is struck off.
    history: Vec<Step>,
    /// How many of these a crash of the machine must leave, and how many a crash of the process.
    on_disk: usize,
    written: usize,
}

/// Opens the journal, records a part of the script, and stops without closing anything: at the end of the part, or when
/// the journal is broken.
fn life(script: &Script, disk: &Disk, when: SyncWhen, part: &[Step], known: &mut Known) {
    let Ok((found, recovery)) = script.recover(disk.clone(), &known.history) else { return };
    assert!(found >= known.written, "{found} of {} found by the next process", known.written);
    known.history.truncate(found);
    let Ok(journal) = script.start(recovery, SETTINGS.sync(when)) else { return };
    // A journal that could be opened has on the disk what it has shown, even if that was read from a cache.
    (known.on_disk, known.written) = (found, found);
    let mut records = Vec::new();
    let mut acknowledge = |durable: Durable, records: &[_]| {
        let now = found + acknowledged(durable, records);
        known.written = known.written.max(now);
        if when != SyncWhen::Never {
            known.on_disk = known.on_disk.max(now);
        }
    };
    for (number, step) in part.iter().enumerate() {
        let Some(recorded) = record(&journal, step) else { break };
        records.push(recorded);
        known.history.push(step.clone());
        if number % 3 == 2 {
            match journal.flush(time(step)) {
                Ok(durable) => acknowledge(durable, &records),
                Err(error) => {
                    assert!(matches!(error, JournalError::Io { .. }), "{error}");
                    // No second try: nobody knows what became of the first.
                    assert!(matches!(journal.flush(time(step)), Err(JournalError::Broken)));
                    assert!(matches!(journal.rotate(time(step)), Err(JournalError::Broken)));
                    assert!(journal.reserve().is_err() && journal.is_broken());
                    break;
                }
            }
        }
        if number % 11 == 10 {
            // A compaction that fails harms nothing.
            _ = script.compact(&journal, &known.history);
        }
        if number == 17 && journal.rotate(time(step)).is_err() {
            break;
        }
    }
    acknowledge(journal.durable(), &records);
}

/// Two lives and then a crash; returns (calls, bytes written).
fn run(script: &Script, when: SyncWhen, losses: &[Loss], prepare: impl Fn(&Disk)) -> (u64, u64) {
    let disk = Disk::default();
    prepare(&disk);
    let mut known = Known::default();
    let (first, second) = script.steps.split_at(script.steps.len() * 3 / 5);
    life(script, &disk, when, first, &mut known);
    life(script, &disk, when, second, &mut known);
    for &loss in losses {
        let disk = disk.after_crash(loss);
        let (found, recovery) = script.recover(disk.clone(), &known.history).unwrap();
        assert!(found >= known.on_disk, "{when:?} {loss:?}: {found} of {} acknowledged", known.on_disk);
        // And it goes on from there.
        let journal = script.start(recovery, SETTINGS).unwrap();
        let mut history = known.history[..found].to_vec();
        history.push(script.steps[0].clone());
        let recorded = record(&journal, &script.steps[0]).unwrap();
        assert!(journal.flush(time(&script.steps[0])).unwrap().covers(recorded));
        drop(journal);
        assert_eq!(script.recover(disk.after_crash(Loss::All), &history).unwrap().0, found + 1);
    }
    (disk.calls(), disk.written())
}

const EACH: [SyncWhen; 4] =
    [SyncWhen::EveryFlush, SyncWhen::Records(4), SyncWhen::Millis(50), SyncWhen::Never];

#[test]
fn nothing_lost_whichever_call_fails() {
    let script = Script::new(20, 1);
    for when in EACH {
        let (calls, _) = run(&script, when, &Loss::EACH, |_| ());
        assert!(calls > 100, "only {calls} calls: no matrix");
        for call in 0..calls {
            run(&script, when, &Loss::EACH, |disk| disk.fail_at(call));
        }
    }
}

#[test]
fn nothing_lost_wherever_a_write_breaks_off() {
    let script = Script::new(9, 2);
    for when in EACH {
        let (_, bytes) = run(&script, when, &Loss::EACH, |_| ());
        assert!(bytes > 3_000, "only {bytes} bytes: no matrix");
        // Every byte under the default, every 61st (a prime, so that all places in a line have their turn) under the
        // others.
        let step = if when == SyncWhen::default() { 1 } else { 61 };
        for byte in (0..bytes).step_by(step) {
            // All that can be lost is lost, and at neighbouring bytes something else is.
            let losses = [Loss::All, Loss::EACH[1 + byte as usize % 3]];
            run(&script, when, &losses, |disk| disk.break_at(byte));
        }
    }
}
