//! The command as tests call it, folders for its files, and the third-party data.
#![cfg(feature = "cli")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

/// A folder of its own for each test, removed at the end.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(test: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        // Relaxed: only that no two get the same number matters.
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tactful-{}-{number}-{test}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Writes a file and tells its path.
    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        fs::write(self.0.join(name), bytes).unwrap();
        self.path(name)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tactful")).args(arguments).output().unwrap()
}

/// Standard output of a run that succeeds.
pub(crate) fn printed(arguments: &[&str]) -> String {
    let output = run(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// The one line of a run that is asked for JSON.
pub(crate) fn json(arguments: &[&str]) -> Value {
    let text = printed(&[arguments, &["--format", "json"]].concat());
    assert_eq!(text.matches('\n').count(), 1, "one line: {text}");
    serde_json::from_str(&text).unwrap()
}

/// The one line of a run that is refused with status 2 and prints nothing else.
pub(crate) fn refused(arguments: &[&str]) -> String {
    let output = run(arguments);
    let line = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {line}");
    assert!(output.stdout.is_empty(), "{arguments:?}: {line}");
    assert!(line.ends_with('\n') && line.matches('\n').count() == 1, "{arguments:?}: {line:?}");
    line.trim_end().to_owned()
}

/// A command, its file and its flags in one text.
pub(crate) fn split<'a>(command: &'a str, file: &'a str, flags: &'a str) -> Vec<&'a str> {
    [command, file].into_iter().chain(flags.split_whitespace()).collect()
}

/// A file of the third-party data, if it is there: in the folder that TACTFUL_DATA names, else beside the crate.
pub(crate) fn data(file: &str) -> Option<String> {
    let folder = std::env::var_os("TACTFUL_DATA").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"));
    let path = folder.join(file);
    if !path.is_file() {
        println!("skipped: {} is not there; TACTFUL_DATA names the folder", path.display());
        return None;
    }
    Some(path.display().to_string())
}
