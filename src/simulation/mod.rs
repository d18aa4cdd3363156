//! Worlds whose truth is known, and what a policy regrets in them.

mod bernoulli;
mod regret;

pub use bernoulli::{BernoulliArms, MeansError};
pub use regret::{Regret, Trial};
