//! A disk that can fail at any call, break off at any byte, and lose at a crash whatever was not synced.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard};

use tactful::journal::{Growing, Storage};

/// A disk; a clone is the same disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk(Arc<Mutex<State>>);

#[derive(Clone, Debug, Default)]
struct State {
    files: Vec<Contents>,
    /// What a running process sees.
    names: BTreeMap<String, usize>,
    /// What the directory on the platter says, and what has been asked for since it was synced.
    durable_names: BTreeMap<String, usize>,
    changes: Vec<Change>,
    calls: u64,
    written: u64,
    fails_at: Option<u64>,
    breaks_at: Option<u64>,
    off: bool,
}

#[derive(Clone, Debug, Default)]
struct Contents {
    bytes: Vec<u8>,
    synced: usize,
    /// A sync has failed: the pages count as clean, and no later sync writes them.
    forgotten: bool,
}

#[derive(Clone, Debug)]
enum Change {
    Name(String, usize),
    Rename(String, String),
    Remove(String),
}

/// What becomes of bytes and names that were not synced.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Loss {
    All,
    Half,
    None,
    /// The file has its length, but zeros in the second half of what was not synced.
    Zeros,
}

impl Loss {
    pub(crate) const EACH: [Self; 4] = [Self::All, Self::Half, Self::None, Self::Zeros];
}

fn apply(names: &mut BTreeMap<String, usize>, change: &Change) {
    match change {
        Change::Name(name, file) => _ = names.insert(name.clone(), *file),
        Change::Remove(name) => _ = names.remove(name),
        Change::Rename(from, to) => {
            if let Some(file) = names.remove(from) {
                names.insert(to.clone(), file);
            }
        }
    }
}

impl Disk {
    /// Has the n-th call fail (from 0); those after it work again.
    pub(crate) fn fail_at(&self, call: u64) {
        self.state().fails_at = Some(call);
    }

    /// Has the power go off in the write of this byte (from 0).
    pub(crate) fn break_at(&self, byte: u64) {
        self.state().breaks_at = Some(byte);
    }

    pub(crate) fn calls(&self) -> u64 {
        self.state().calls
    }

    pub(crate) fn written(&self) -> u64 {
        self.state().written
    }

    /// The disk as it is after a crash of the machine.
    pub(crate) fn after_crash(&self, loss: Loss) -> Self {
        let state = self.state().clone();
        let mut names = state.durable_names;
        let kept = match loss {
            Loss::All => 0,
            Loss::Half => state.changes.len() / 2,
            Loss::None | Loss::Zeros => state.changes.len(),
        };
        state.changes[..kept].iter().for_each(|change| apply(&mut names, change));
        let files = state.files.into_iter().map(|mut file| {
            let unsynced = file.bytes.len() - file.synced;
            match loss {
                Loss::All => file.bytes.truncate(file.synced),
                Loss::Half => file.bytes.truncate(file.synced + unsynced / 2),
                Loss::None => {}
                Loss::Zeros => file.bytes[file.synced + unsynced / 2..].fill(0),
            }
            Contents { synced: file.bytes.len(), bytes: file.bytes, forgotten: false }
        });
        let files = files.collect();
        let state = State { files, names: names.clone(), durable_names: names, ..State::default() };
        Self(Arc::new(Mutex::new(state)))
    }

    pub(crate) fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.state();
        state.names.iter().map(|(name, &file)| (name.clone(), state.files[file].bytes.clone())).collect()
    }

    /// A disk with these files, all synced.
    pub(crate) fn with(contents: &BTreeMap<String, Vec<u8>>) -> Self {
        let files = contents.values();
        let files =
            files.map(|bytes| Contents { bytes: bytes.clone(), synced: bytes.len(), forgotten: false });
        let files = files.collect();
        let names: BTreeMap<String, usize> = contents.keys().cloned().zip(0..).collect();
        Self(Arc::new(Mutex::new(State {
            files,
            names: names.clone(),
            durable_names: names,
            ..State::default()
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Counts a call, which may be the one that fails.
    fn call(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        let number = state.calls;
        state.calls += 1;
        if state.off || state.fails_at == Some(number) {
            return Err(io::Error::other("the disk failed"));
        }
        Ok(state)
    }

    fn change(&self, change: Change) -> io::Result<()> {
        let mut state = self.call()?;
        apply(&mut state.names, &change);
        state.changes.push(change);
        Ok(())
    }
}

fn missing() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl Storage for Disk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.call()?.names.keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Box<dyn Read>> {
        let state = self.call()?;
        let file = *state.names.get(name).ok_or_else(missing)?;
        Ok(Box::new(io::Cursor::new(state.files[file].bytes.clone())))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn Growing>> {
        let file = {
            let mut state = self.call()?;
            state.files.push(Contents::default());
            let change = Change::Name(name.to_owned(), state.files.len() - 1);
            apply(&mut state.names, &change);
            state.changes.push(change);
            state.files.len() - 1
        };
        Ok(Box::new(Handle { disk: self.clone(), file }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.change(Change::Rename(from.to_owned(), to.to_owned()))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.change(Change::Remove(name.to_owned()))
    }

    fn sync_directory(&self) -> io::Result<()> {
        let mut state = self.call()?;
        state.durable_names = state.names.clone();
        state.changes.clear();
        Ok(())
    }
}

#[derive(Debug)]
struct Handle {
    disk: Disk,
    file: usize,
}

impl Growing for Handle {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let called = self.disk.call().map(|mut state| {
            let room = state.breaks_at.map_or(usize::MAX, |end| (end - state.written) as usize);
            let taken = bytes.len().min(room);
            state.written += taken as u64;
            state.files[self.file].bytes.extend_from_slice(&bytes[..taken]);
            state.off = taken < bytes.len();
            taken
        });
        match called {
            Ok(taken) if taken == bytes.len() => Ok(()),
            Ok(_) => Err(io::Error::other("the power went off")),
            Err(error) => {
                // A call that fails may have done half of its work.
                let mut state = self.disk.state();
                if !state.off {
                    state.files[self.file].bytes.extend_from_slice(&bytes[..bytes.len() / 2]);
                }
                Err(error)
            }
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        match self.disk.call() {
            Ok(mut state) => {
                let file = &mut state.files[self.file];
                if !file.forgotten {
                    file.synced = file.bytes.len();
                }
                Ok(())
            }
            Err(error) => {
                self.disk.state().files[self.file].forgotten = true;
                Err(error)
            }
        }
    }
}
