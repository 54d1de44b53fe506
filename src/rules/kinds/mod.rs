//! The kinds of rule, a file each: a subject's state becomes a [`super::look::Look`].

pub mod api_down;
pub mod api_errors;
pub mod api_latency;
pub mod blind;
pub mod delivery_failing;
pub mod missed_check_in;
pub mod missed_check_out;
pub mod no_show;
pub mod on_call;
pub mod runaway_visit;
pub mod shift;
pub mod source_anomaly;
pub mod uncovered_shift;
pub mod watchdog;

use std::time::Duration;

use chrono::TimeDelta;

/// A configured duration as the difference of two instants; longer than a century means a century.
pub(super) fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::days(36_500)).min(TimeDelta::days(36_500))
}
