//! Instants, and the zone they are shown and judged in.

use chrono::{DateTime, Datelike as _, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// A point in time, UTC. Stored as whole microseconds.
pub type Instant = DateTime<Utc>;

/// Microseconds since 1970-01-01T00:00:00Z, as every table stores an instant.
#[must_use]
pub fn to_micros(instant: Instant) -> i64 {
    instant.timestamp_micros()
}

/// The instant of a stored microsecond count; a count outside chrono's range becomes the nearest bound.
#[must_use]
pub fn from_micros(micros: i64) -> Instant {
    DateTime::from_timestamp_micros(micros).unwrap_or(if micros < 0 { Instant::MIN_UTC } else { Instant::MAX_UTC })
}

/// The instant a wall clock in `zone` shows `local`.
///
/// In the hour a clock shows twice (autumn) the earlier instant is taken. In the hour it never shows (spring)
/// the instant is the one the clock would have reached without the jump: 02:30 becomes 03:30.
#[must_use]
pub fn instant_of(zone: Tz, local: NaiveDateTime) -> Instant {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) => at.to_utc(),
        LocalResult::Ambiguous(earlier, _) => earlier.to_utc(),
        LocalResult::None => {
            let before = local - TimeDelta::hours(3);
            match zone.from_local_datetime(&before) {
                LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.to_utc() + TimeDelta::hours(3),
                LocalResult::None => local.and_utc(),
            }
        }
    }
}

/// The day a wall clock in `zone` shows at `instant`.
#[must_use]
pub fn local_date(zone: Tz, instant: Instant) -> NaiveDate {
    instant.with_timezone(&zone).date_naive()
}

/// A day that somebody wrote, like `2026-12-01`; `None` where it is none, or lies outside of 1990 to 2200: no schedule
/// reaches so far, and reckoning there would leave the calendar.
#[must_use]
pub fn written_day(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text.trim(), "%Y-%m-%d").ok().filter(|day| is_plausible(*day))
}

/// Whether a day lies from 1990 to 2200.
#[must_use]
pub fn is_plausible(day: NaiveDate) -> bool {
    (1990..=2200).contains(&day.year())
}

/// The first instant of `date` in `zone`.
#[must_use]
pub fn start_of_day(zone: Tz, date: NaiveDate) -> Instant {
    instant_of(zone, date.and_time(NaiveTime::MIN))
}
