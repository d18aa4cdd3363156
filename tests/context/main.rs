//! Requests with features: the linear models against independent solutions, the guarantees, and what is regretted.

mod guarantees;
mod kept;
mod models;
mod replicas;
mod windows;
mod world;
