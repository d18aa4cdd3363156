//! From arms and sets to a decision.

mod arms;
mod auto_traits;
mod eligible_sets;
mod exact_propensity;
mod refresh;
mod reproducible;
mod selector;
