//! Requests with features: the linear models against independent solutions, the guarantees, and what is regretted.

mod guarantees;
mod kept;
mod kept_windows;
mod models;
mod place;
mod replicas;
mod windows;
mod world;
