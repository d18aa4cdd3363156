//! A directory of journal files read as one journal: the header of the newest, and the lines of all that have the same.
//!
//! Nothing is locked and nothing changed, so that a log can be looked at while a service goes on writing it.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read};
use std::path::{Path, PathBuf};

use tactful::Snapshot;
use tactful::journal::{Growing, JournalError, Recovery, Storage};

use crate::Failure;

/// Bytes before the rest of a line: its length and checksum.
const FRAME: usize = 35;
/// How the rest begins of the line that ends a file.
const END: &[u8] = br#""type":"end""#;

/// The files of a directory as one journal.
pub(crate) struct Joined {
    pub(crate) lines: Box<dyn Read>,
    pub(crate) bytes: u64,
    /// Files of builds with other arms, segments or rewards, which are left out.
    pub(crate) other_builds: usize,
    /// Whether there is a snapshot, into which older files were folded.
    pub(crate) folded: bool,
    /// That snapshot.
    pub(crate) snapshot: Option<Snapshot>,
    /// The number of the last line of the last file, if it was torn off.
    pub(crate) torn_line: Option<u64>,
}

/// A directory that is only looked at.
#[derive(Debug)]
struct Seen(PathBuf);

/// What nobody asks of whoever only looks.
fn refused<T>() -> io::Result<T> {
    Err(ErrorKind::Unsupported.into())
}

impl Storage for Seen {
    fn list(&self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.0)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
        names.filter_map(Result::transpose).collect()
    }

    fn read(&self, name: &str) -> io::Result<Box<dyn Read>> {
        Ok(Box::new(File::open(self.0.join(name))?))
    }

    fn create(&self, _: &str) -> io::Result<Box<dyn Growing>> {
        refused()
    }

    fn rename(&self, _: &str, _: &str) -> io::Result<()> {
        refused()
    }

    fn remove(&self, _: &str) -> io::Result<()> {
        refused()
    }

    fn sync_directory(&self) -> io::Result<()> {
        refused()
    }
}

/// Looks through a directory for damage and puts its journal files together.
pub(crate) fn join(path: &Path) -> Result<Joined, Failure> {
    let shown = path.display();
    let failed = |error: &dyn std::error::Error| Failure::new(format_args!("{shown}: {error}"));
    let mut recovery = Recovery::begin(Seen(path.to_owned())).map_err(|error| failed(&error))?;
    // Whole files first: what is read below has no gap and no damaged line, and line numbers are those of the files.
    recovery.replay(|_, _| Ok::<(), JournalError>(())).map_err(|error| failed(&error))?;
    let torn_line = recovery.torn().map(|(_, torn)| torn.line);
    let snapshot = recovery.snapshot().cloned();
    let folded = snapshot.is_some();
    let mut files = Vec::new();
    for name in recovery.files() {
        let path = path.join(&name);
        let read = || -> io::Result<_> {
            let file = File::open(&path)?;
            let bytes = file.metadata()?.len();
            let (mut header, mut file) = (Vec::new(), BufReader::new(file));
            file.read_until(b'\n', &mut header)?;
            Ok((header, file, bytes))
        };
        files.push(read().map_err(|error| Failure::new(format_args!("{}: {error}", path.display())))?);
    }
    let Some((header, ..)) = files.last() else {
        return Err(Failure::new(format_args!("{shown}: there is no journal in this directory")));
    };
    let header = header.clone();
    let all = files.len();
    files.retain(|(other, ..)| *other == header);
    let (other_builds, bytes) = (all - files.len(), files.iter().map(|(.., bytes)| bytes).sum());
    let files: Vec<_> = files.into_iter().map(|(_, file, _)| file).collect();
    let lines = Box::new(Cursor::new(header).chain(Lines {
        files: files.into_iter(),
        file: None,
        line: Cursor::default(),
    }));
    Ok(Joined { lines, bytes, other_builds, folded, snapshot, torn_line })
}

/// The lines of files one after another, without those that end them.
struct Lines<F> {
    files: F,
    file: Option<BufReader<File>>,
    line: Cursor<Vec<u8>>,
}

impl<F: Iterator<Item = BufReader<File>>> Read for Lines<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let bytes = self.line.read(buffer)?;
            if bytes > 0 || buffer.is_empty() {
                return Ok(bytes);
            }
            let Some(file) = &mut self.file else {
                match self.files.next() {
                    Some(file) => self.file = Some(file),
                    None => return Ok(0),
                }
                continue;
            };
            let mut line = std::mem::take(&mut self.line).into_inner();
            line.clear();
            if file.read_until(b'\n', &mut line)? == 0 {
                self.file = None;
            }
            let rest = line.get(FRAME..).unwrap_or_default();
            if rest.starts_with(END) {
                line.clear();
            }
            self.line = Cursor::new(line);
        }
    }
}
