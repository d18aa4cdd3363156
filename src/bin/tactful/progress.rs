//! A progress bar on standard error, for work that takes long enough to wonder.

use std::io::{self, IsTerminal, Read};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Work that is over within this time shows no bar.
const PATIENCE: Duration = Duration::from_millis(400);

/// One piece of work.
pub(crate) struct Progress {
    label: String,
    total: u64,
    started: Instant,
    bar: Option<ProgressBar>,
    shown: bool,
}

impl Progress {
    pub(crate) fn new(label: &str, total: u64) -> Self {
        let shown = io::stderr().is_terminal();
        Self { label: label.to_owned(), total, started: Instant::now(), bar: None, shown }
    }

    /// So much is done.
    pub(crate) fn at(&mut self, done: u64) {
        if !self.shown {
            return;
        }
        if self.bar.is_none() && self.started.elapsed() > PATIENCE {
            let bar = ProgressBar::new(self.total).with_message(self.label.clone());
            if let Ok(style) = ProgressStyle::with_template("{msg:16} {bar:40} {percent:>3} %") {
                bar.set_style(style);
            }
            self.bar = Some(bar);
        }
        if let Some(bar) = &self.bar {
            bar.set_position(done);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A source that reports how much of it was read.
pub(crate) struct Watched<R> {
    source: R,
    read: u64,
    progress: Progress,
}

impl<R> Watched<R> {
    pub(crate) fn new(source: R, progress: Progress) -> Self {
        Self { source, read: 0, progress }
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.read += read as u64;
        self.progress.at(self.read);
        Ok(read)
    }
}
