//! The kinds of rule, a file each: a subject's state becomes a [`super::look::Look`].

pub mod api_down;
pub mod api_errors;
pub mod api_latency;
pub mod blind;
pub mod caregiver_mismatch;
pub mod client_without_shifts;
pub mod delivery_failing;
pub mod double_booked;
pub mod inactive_caregiver_assigned;
pub mod late_change;
pub mod late_check_in;
pub mod missed_check_in;
pub mod missed_check_out;
pub mod no_show;
pub mod on_call;
pub mod overrun;
pub mod overtime_ahead;
pub mod pair;
pub mod runaway_visit;
pub mod shift;
pub mod short_visit;
pub mod source_anomaly;
pub mod tight_turnaround;
pub mod uncovered_shift;
pub mod unscheduled_visit;
pub mod visit;
pub mod watchdog;

use std::time::Duration;

use chrono::TimeDelta;

/// How long after its shift an exception of the past is still listed as one that somebody should look at.
pub(super) const LISTED: TimeDelta = TimeDelta::hours(24);

/// A configured duration as the difference of two instants; longer than a century means a century.
pub(super) fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::days(36_500)).min(TimeDelta::days(36_500))
}
