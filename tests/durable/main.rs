//! The durable journal: what it acknowledges is there after any failure, and nothing else than what was recorded.
#![cfg(feature = "journal")]

mod crash;
mod damage;
mod disk;
mod script;
mod threads;
