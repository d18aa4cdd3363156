//! A directory for the journal of a test, of its own and removed at the end.
#![cfg(feature = "journal")]

use std::path::PathBuf;

use tactful::bandit::Recovered;
use tactful::journal::{Directory, JournalSettings};
use tactful::{Bandit, BanditBuilder};

pub(crate) struct Place(pub(crate) PathBuf);

impl Place {
    pub(crate) fn new(test: &str) -> Self {
        Self(std::env::temp_dir().join(format!("tactful-context-{test}-{}", std::process::id())))
    }

    /// Opens a bandit with the journal that is there, if one is.
    pub(crate) fn open(&self, builder: BanditBuilder) -> (Bandit, Recovered) {
        builder.open(Directory::open(&self.0).unwrap(), JournalSettings::default()).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
