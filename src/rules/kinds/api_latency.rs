//! `api_latency {quantile, above, over}`: requests of an endpoint take too long.

use std::time::Duration;

use crate::{mirror::api_stats::EndpointStats, model::Instant};

/// How many requests a span must hold before its share or quantile says anything.
pub(super) const REQUESTS_MIN: u64 = 10;

/// Whether it holds now, and when time alone can change that.
#[must_use]
pub fn holds(
    quantile: f64,
    above: Duration,
    over: Duration,
    stats: &EndpointStats,
    now: Instant,
) -> (bool, Option<Instant>) {
    let answers = stats.answers(over, now);
    let enough = answers.n_ok + answers.n_failed >= REQUESTS_MIN;
    let slow = enough && stats.quantile(quantile, over, now).is_some_and(|took| took > above);
    (slow, stats.next_change(over, now))
}
