//! Worlds whose truth is known, and what policies regret in them.
//!
//! A [`World`] sends customers and answers to messages; an [`Experiment`] lets a policy learn in many lives of it, through
//! the pipeline of production: counters, beliefs, [`Policy`](crate::policy::Policy), [`Plan`](crate::Plan), draw.

mod bernoulli;
mod experiment;
mod learner;
mod scene;
mod world;

pub use bernoulli::{BernoulliArms, MeansError, RandomBernoulli};
pub use experiment::{Average, Curve, Experiment};
pub use world::{Generator, Life, Request, Response, World};
