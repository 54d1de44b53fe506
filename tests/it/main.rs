//! One binary for every integration test: compiled and linked once.

mod agent;
mod house;
mod kill;
mod layering;
mod metrics_lint;
mod phi;
