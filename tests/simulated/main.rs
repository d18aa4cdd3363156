//! Policies in worlds whose truth is known.

mod batched_regret;
mod drift;
mod regret;
mod simulated_goals;
mod simulation;
