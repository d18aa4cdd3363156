//! Damage to any file of a directory is told with its place; nothing altered passes for a record or a snapshot.

use std::collections::BTreeMap;

use tactful::journal::{
    Directory, JournalError, JournalSettings, Recovery, StoredSnapshot, StoredSnapshotError, SyncWhen,
};

use crate::disk::Disk;
use crate::script::{Script, Step, acknowledged, counted, record, time};

/// A run that ended well: a directory with snapshots, closed files and a last one.
fn directory(script: &Script) -> BTreeMap<String, Vec<u8>> {
    let disk = Disk::default();
    let (_, recovery) = script.recover(disk.clone(), &[]).unwrap();
    let journal = script.start(recovery, JournalSettings::new().file_bytes(1_100)).unwrap();
    for (number, step) in script.steps.iter().enumerate() {
        record(&journal, step).unwrap();
        journal.flush(time(step)).unwrap();
        if [12, 20].contains(&number) {
            script.compact(&journal, &script.steps).unwrap();
        }
    }
    disk.contents()
}

/// The number of good steps in a directory, or what is wrong with it.
fn read(script: &Script, files: &BTreeMap<String, Vec<u8>>) -> Result<usize, JournalError> {
    script.recover(Disk::with(files), &script.steps).map(|(found, _)| found)
}

fn script() -> Script {
    Script::new(22, 3)
}

#[test]
fn the_directory_is_what_it_says() {
    let script = script();
    let files = directory(&script);
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    assert!(names.iter().filter(|name| name.starts_with("snapshot-")).count() == 2, "{names:?}");
    assert!(names.iter().filter(|name| name.starts_with("journal-")).count() >= 3, "{names:?}");
    // What even the older snapshot covers is gone; the rest is there.
    assert!(!names.contains(&"journal-0000000001.jsonl"), "{names:?}");
    assert_eq!(read(&script, &files).unwrap(), script.steps.len());
    // Every line of a journal file is an object that any reader opens.
    for (name, bytes) in files.iter().filter(|(name, _)| name.starts_with("journal-")) {
        for line in String::from_utf8(bytes.clone()).unwrap().lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(line["type"].is_string() && line["crc"].is_string(), "{name}: {line}");
        }
    }
    // Without the newest snapshot the one before does, with the files since.
    let mut without = files.clone();
    let newest = names.iter().rev().find(|name| name.starts_with("snapshot-")).unwrap().to_string();
    without.remove(&newest);
    assert_eq!(read(&script, &without).unwrap(), script.steps.len());
    // Without a file in the middle, or without both snapshots, the journal is not whole.
    for gone in names.iter().filter(|name| name.starts_with("journal-")).rev().skip(1) {
        let mut without = files.clone();
        without.remove(*gone);
        match read(&script, &without) {
            Err(JournalError::Missing { name }) => assert_eq!(&name, gone),
            // Only the older snapshot needs it.
            found => assert_eq!(found.unwrap(), script.steps.len()),
        }
    }
    let journals = files.clone().into_iter().filter(|(name, _)| name.starts_with("journal-")).collect();
    assert!(matches!(read(&script, &journals), Err(JournalError::Missing { .. })));
}

#[test]
fn no_panic_and_no_altered_record_for_any_byte_flipped() {
    let script = script();
    let files = directory(&script);
    let newest = files.keys().rfind(|name| name.starts_with("snapshot-")).unwrap();
    let needed = newest.replace("snapshot-", "journal-").replace(".json", ".jsonl");
    for (name, bytes) in &files {
        let mut flipped = files.clone();
        // One bit of every byte, each bit in its turn.
        for byte in 0..bytes.len() {
            flipped.get_mut(name).unwrap()[byte] ^= 1 << (byte % 8);
            match read(&script, &flipped) {
                Err(JournalError::File { name: told, error }) => {
                    assert_eq!(&told, name);
                    let offset = bytes[..byte].iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
                    match *error {
                        JournalError::Damaged { offset: told, .. } => assert_eq!(told, offset as u64),
                        JournalError::NoHeader | JournalError::Version { .. } => assert_eq!(offset, 0),
                        error => panic!("{name}, byte {byte}: {error}"),
                    }
                }
                // A snapshot falls back on the one before; what the newest covers is not read.
                Ok(found) => {
                    assert!(name.starts_with("snapshot-") || *name < needed, "{name}, byte {byte}");
                    assert_eq!(found, script.steps.len());
                }
                Err(error) => panic!("{name}, byte {byte}: {error}"),
            }
            flipped.get_mut(name).unwrap()[byte] ^= 1 << (byte % 8);
        }
    }
}

#[test]
fn no_panic_and_no_altered_record_for_any_file_cut_short() {
    let script = script();
    let files = directory(&script);
    let newest = files.keys().rfind(|name| name.starts_with("snapshot-")).unwrap();
    let needed = newest.replace("snapshot-", "journal-").replace(".json", ".jsonl");
    let last = files.keys().rfind(|name| name.starts_with("journal-")).unwrap();
    for (name, bytes) in &files {
        let mut cut = files.clone();
        for length in 0..bytes.len() {
            cut.insert(name.clone(), bytes[..length].to_vec());
            match read(&script, &cut) {
                // The end of the last file is the one that may be missing.
                Ok(found) if name == last => assert!(found <= script.steps.len()),
                // A line end is no loss.
                Ok(found) if length + 1 == bytes.len() => assert_eq!(found, script.steps.len()),
                Ok(found) => {
                    assert!(name.starts_with("snapshot-") || *name < needed, "{name}, {length} bytes");
                    assert_eq!(found, script.steps.len());
                }
                Err(JournalError::File { name: told, .. }) => assert_eq!(&told, name),
                Err(error) => panic!("{name}, {length} bytes: {error}"),
            }
        }
    }
}

#[test]
fn no_panic_for_a_snapshot_file_cut_flipped_or_prolonged() {
    let stored = StoredSnapshot { covers: 7, snapshot: script().counting(5) };
    let bytes = stored.to_bytes().unwrap();
    assert_eq!(StoredSnapshot::from_bytes(&bytes).as_ref(), Ok(&stored));
    assert_eq!(counted(&stored.snapshot), 5);
    for cut in 0..bytes.len() {
        assert!(StoredSnapshot::from_bytes(&bytes[..cut]).is_err());
    }
    let mut flipped = bytes.clone();
    for bit in 0..bytes.len() * 8 {
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(StoredSnapshot::from_bytes(&flipped).is_err(), "bit {bit}");
        flipped[bit / 8] ^= 1 << (bit % 8);
    }
    flipped.push(b'\n');
    assert_eq!(StoredSnapshot::from_bytes(&flipped), Err(StoredSnapshotError::Damaged));
    let later = String::from_utf8(bytes).unwrap().replacen("snapshot 1", "snapshot 2", 1);
    let version = StoredSnapshotError::Version { version: 2 };
    assert_eq!(StoredSnapshot::from_bytes(later.as_bytes()), Err(version));
}

#[test]
fn a_real_directory_is_held_by_one_and_read_back() {
    let script = script();
    let path = std::env::temp_dir().join(format!("tactful-durable-{}", std::process::id()));
    let open = |history: &[Step]| script.recover(Directory::open(&path).unwrap(), history);
    let settings = JournalSettings::new().file_bytes(1_000).sync(SyncWhen::Records(3));
    let half = script.steps.len() / 2;
    for (found, until) in [(0, half), (half, script.steps.len())] {
        let (count, recovery) = open(&script.steps).unwrap();
        assert_eq!((count, recovery.torn()), (found, None));
        let journal = script.start(recovery, settings).unwrap();
        assert_eq!(Directory::open(&path).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
        let steps = &script.steps[found..until];
        let records: Vec<_> = steps.iter().map(|step| record(&journal, step).unwrap()).collect();
        let durable = journal.sync(time(&steps[0])).unwrap();
        assert_eq!(acknowledged(durable, &records), records.len());
        script.compact(&journal, &script.steps).unwrap();
    }
    // A torn end is cut off and told.
    let last = std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path());
    let last = last.filter(|path| path.extension().is_some_and(|end| end == "jsonl")).max().unwrap();
    let bytes = std::fs::read(&last).unwrap();
    std::fs::write(&last, &bytes[..bytes.len() - 5]).unwrap();
    let (count, recovery) = open(&script.steps).unwrap();
    let (name, torn) = recovery.torn().unwrap();
    assert!(last.ends_with(name) && torn.offset + torn.bytes == bytes.len() as u64 - 5);
    script.start(recovery, settings).unwrap();
    let again = Recovery::begin(Directory::open(&path).unwrap()).unwrap();
    drop(again);
    let (recount, recovery) = open(&script.steps).unwrap();
    assert_eq!((recount, recovery.torn()), (count, None));
    std::fs::remove_dir_all(&path).unwrap();
}
