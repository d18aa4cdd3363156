//! Policies, and the beliefs they go by: one file for each question.

mod beta_tails;
mod cautious_policies;
mod goals;
mod holdout;
mod index_policies;
mod index_values;
mod policy_probabilities;
mod pooled_extremes;
mod pooled_segments;
mod pooled_start;
mod pooling;
mod probability_best;
mod recovering;
mod reward_beliefs;
mod reward_laws;
mod shares;
mod thompson_family;
mod warm_start;
mod worst_off;
