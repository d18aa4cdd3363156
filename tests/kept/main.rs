//! What outlasts a process: journals, snapshots, replicas, other builds.

mod golden;
mod journal;
mod no_panic_forged;
mod nothing_lost;
mod other_builds;
mod replicas;
mod restarts;
mod retired_names;
mod snapshot;
mod staged_journal;
