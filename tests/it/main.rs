//! One binary for every integration test: compiled and linked once.

mod layering;
mod metrics_lint;
