//! Estimates and replays against hand-computed values, and against worlds whose truth is known.
#![allow(clippy::unwrap_used, reason = "a failed test is a panic")]

mod alike;
mod anytime;
mod estimates;
mod false_alarms;
mod insight;
mod random_log;
mod refusals;
mod replays;
mod roundwise;
mod segment_tree;
mod streaming;
mod world;
