//! Integration tests, one binary.

mod metrics_lint;
