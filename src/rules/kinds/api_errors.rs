//! `api_errors {ratio, over}`: too large a share of an endpoint's requests fails.

use std::time::Duration;

use super::api_latency::REQUESTS_MIN;
use crate::{mirror::api_stats::EndpointStats, model::Instant};

/// Whether it holds now, and when time alone can change that.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
pub fn holds(ratio: f64, over: Duration, stats: &EndpointStats, now: Instant) -> (bool, Option<Instant>) {
    let answers = stats.answers(over, now);
    let n = answers.n_ok + answers.n_failed;
    let bad = n >= REQUESTS_MIN && answers.n_failed as f64 > ratio * n as f64;
    (bad, stats.next_change(over, now))
}
