//! One binary for every integration test: compiled and linked once.

mod api;
mod closing;
mod faults;
mod harness;
mod layering;
mod metrics_lint;
mod reload;
mod shapes;
mod story;
