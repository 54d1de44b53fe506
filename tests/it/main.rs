//! One binary for every integration test: compiled and linked once.

mod closing;
mod harness;
mod layering;
mod metrics_lint;
mod story;
