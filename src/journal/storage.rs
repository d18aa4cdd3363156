//! The few things a journal asks of a file system, so that a test can have them fail one by one.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// A flat directory of files that only grow. Names are plain file names.
///
/// What each call promises is what the journal relies on: bytes are there after a crash once the file was synced, a
/// name once the directory was, and [`rename`](Storage::rename) is all or nothing.
pub trait Storage: fmt::Debug + Send + Sync {
    /// The names of all files.
    ///
    /// # Errors
    ///
    /// The file system's.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Opens a file for reading from its start.
    ///
    /// # Errors
    ///
    /// The file system's.
    fn read(&self, name: &str) -> io::Result<Box<dyn Read>>;

    /// Creates a file, empty, in place of any of this name. The handle stays good when the file is renamed.
    ///
    /// # Errors
    ///
    /// The file system's.
    fn create(&self, name: &str) -> io::Result<Box<dyn Growing>>;

    /// Gives a file another name, taking the place of any file that has it.
    ///
    /// # Errors
    ///
    /// The file system's.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    ///
    /// The file system's.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Waits until creations, renames and removals so far outlast a crash.
    ///
    /// # Errors
    ///
    /// The file system's.
    fn sync_directory(&self) -> io::Result<()>;
}

/// A file that is written at its end.
pub trait Growing: fmt::Debug + Send {
    /// Adds all the bytes; after an error nobody knows how many.
    ///
    /// # Errors
    ///
    /// The file system's.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Waits until all bytes so far outlast a crash.
    ///
    /// # Errors
    ///
    /// The file system's. What was written since the last success may then be lost even if a later call succeeds.
    fn sync(&mut self) -> io::Result<()>;
}

/// A directory of the file system, held by one process at a time.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    /// Locked for as long as it is open, so that no two processes write one journal.
    lock: File,
}

impl Directory {
    /// The file whose lock says that the directory is in use.
    const LOCK: &str = "lock";

    /// Opens a directory, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// The file system's; [`io::ErrorKind::WouldBlock`] where another process, or another journal of this one, has the
    /// directory open.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref().to_path_buf();
        fs::create_dir_all(&path)?;
        // Its contents do not matter, so nothing is truncated that another process may hold.
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path.join(Self::LOCK))?;
        lock.try_lock().map_err(io::Error::from)?;
        Ok(Self { path, lock })
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // By name: closing would leave it to whatever process was being started meanwhile, which has all open files until
        // it runs its own program. If it fails, closing unlocks.
        let _ = self.lock.unlock();
    }
}

impl Storage for Directory {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            // A name that is no text is none of ours.
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn read(&self, name: &str) -> io::Result<Box<dyn Read>> {
        Ok(Box::new(File::open(self.path.join(name))?))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn Growing>> {
        let file = OpenOptions::new().create(true).truncate(true).write(true).open(self.path.join(name))?;
        Ok(Box::new(Appended(file)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync_directory(&self) -> io::Result<()> {
        // Elsewhere directories cannot be opened as files, and their changes are the file system's own journal's.
        if cfg!(unix) { File::open(&self.path)?.sync_all() } else { Ok(()) }
    }
}

#[derive(Debug)]
struct Appended(File);

impl Growing for Appended {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        // The length is synced with the data; times of access are not needed.
        self.0.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_was_closed_can_be_opened_while_a_process_is_being_started() {
        let path = std::env::temp_dir().join(format!("tactful-lock-{}", std::process::id()));
        let directory = Directory::open(&path).expect("a directory");
        assert!(Directory::open(&path).is_err(), "in use");
        // What a fork leaves in the child.
        let child = directory.lock.try_clone().expect("an open file");
        drop(directory);
        drop(Directory::open(&path).expect("not in use"));
        drop(child);
        fs::remove_dir_all(&path).expect("a directory");
    }
}
