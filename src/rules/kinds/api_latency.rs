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

/// Whether enough was heard since `began_at` to say that it does not hold, and when time alone settles it. A restart
/// forgets the answers: until as many were counted again as a verdict needs, or as long as it looks back and one of
/// them was good, an open alert stays.
#[must_use]
pub fn settled(over: Duration, began_at: Instant, stats: &EndpointStats, now: Instant) -> (bool, Option<Instant>) {
    if stats.last_ok_at().is_none() {
        return (false, None);
    }
    let answers = stats.answers(over, now);
    let counted_at = began_at + super::delta(over);
    (answers.n_ok + answers.n_failed >= REQUESTS_MIN || counted_at <= now, Some(counted_at).filter(|at| *at > now))
}
