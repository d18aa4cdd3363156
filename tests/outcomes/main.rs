//! What comes of decisions: late, in stages, of several kinds, in any order, once.

mod delay;
mod delayed_rewards;
mod exactly_once;
mod goals_counted;
mod order_free;
mod staged_rewards;
mod windows;
