//! Worlds whose truth is known, and what policies regret in them.
//!
//! A [`World`] sends customers and answers to messages; an [`Experiment`] lets a policy learn in many lives of it, through
//! the pipeline of production: counters, beliefs, [`Policy`](crate::policy::Policy), [`Plan`](crate::Plan), draw.

mod amounts;
mod bernoulli;
mod changing;
mod collections;
mod counted;
mod delayed;
mod experiment;
mod factors;
mod featured;
mod learner;
mod scene;
mod with_goals;
mod world;

pub use amounts::{EarningArms, Earnings, EarningsError};
pub use bernoulli::{BernoulliArms, MeansError, RandomBernoulli};
pub use changing::{ChangingArms, DriftingArms};
pub use collections::Collections;
pub use counted::CountedTests;
pub use delayed::Delayed;
pub use experiment::{Average, Curve, Experiment};
pub use factors::{Effects, FactorWorld};
pub use featured::{FeaturedArms, FeaturedError, FeaturedRunError};
pub use with_goals::WithGoals;
pub use world::{Generator, Life, Request, Response, World};
