//! Small wordings that status, listings and the doctor share: ages, local times, counts.

use std::fmt::Write;

use chrono::TimeDelta;
use chrono_tz::Tz;

use crate::model::Instant;

/// A span as a person says it: `40 s`, `12 min`, `3 h 55`, `2 d 4 h`. Negative spans count as zero.
#[must_use]
pub fn span(span: TimeDelta) -> String {
    let seconds = span.num_seconds().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..120 => format!("{seconds} s"),
        120..3600 => format!("{minutes} min"),
        3600..86_400 => format!("{hours} h {:02}", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

/// `in 3 h 55`, `4 min ago`, `now`.
#[must_use]
pub fn relative(at: Instant, now: Instant) -> String {
    let ahead = at - now;
    match ahead.num_seconds() {
        0 => "now".to_owned(),
        1.. => format!("in {}", span(ahead)),
        _ => format!("{} ago", span(-ahead)),
    }
}

/// The wall clock of `zone`: `07:00`, or `7:00am` on a twelve-hour clock.
#[must_use]
pub fn clock(at: Instant, zone: Tz, clock_12h: bool) -> String {
    at.with_timezone(&zone).format(if clock_12h { "%-I:%M%P" } else { "%H:%M" }).to_string()
}

/// Weekday and wall clock: `Tue 07:00`. A day a week or more away carries its date: `Tue Dec 8 07:00`.
#[must_use]
pub fn weekday_clock(at: Instant, now: Instant, zone: Tz, clock_12h: bool) -> String {
    let far = (at - now).num_days().abs() >= 6;
    let day = at.with_timezone(&zone).format(if far { "%a %b %-d" } else { "%a" });
    format!("{day} {}", clock(at, zone, clock_12h))
}

/// `Tue 07:00-11:00`.
#[must_use]
pub fn stretch(from: Instant, until: Option<Instant>, now: Instant, zone: Tz, clock_12h: bool) -> String {
    let mut text = weekday_clock(from, now, zone, clock_12h);
    if let Some(until) = until {
        let _ = write!(text, "-{}", clock(until, zone, clock_12h));
    }
    text
}

/// `1 client`, `118 clients`.
#[must_use]
pub fn count(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// Text as one part of an address: a path's or a query's.
#[must_use]
pub fn url_part(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Text for a terminal or a log line: control characters (escape sequences, line ends) become spaces.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    #[test]
    fn spans_are_said_in_the_unit_that_helps() {
        for (seconds, said, why) in [
            (-5, "0 s", "clocks that step back"),
            (0, "0 s", "nothing"),
            (119, "119 s", "seconds up to two minutes"),
            (120, "2 min", "then minutes"),
            (3599, "59 min", "up to the hour"),
            (3600, "1 h 00", "hours carry minutes"),
            (14_100, "3 h 55", "as the texts say"),
            (86_399, "23 h 59", "up to the day"),
            (187_200, "2 d 4 h", "days carry hours"),
        ] {
            assert_eq!(span(TimeDelta::seconds(seconds)), said, "{why}");
        }
    }

    #[test]
    fn times_are_those_of_the_wall() {
        let zone = chrono_tz::America::Denver;
        let at = chrono::Utc.with_ymd_and_hms(2026, 12, 1, 14, 0, 0).single().unwrap();
        let now = at - TimeDelta::hours(4);
        assert_eq!(stretch(at, Some(at + TimeDelta::hours(4)), now, zone, false), "Tue 07:00-11:00");
        assert_eq!(stretch(at, Some(at + TimeDelta::hours(6)), now, zone, true), "Tue 7:00am-1:00pm");
        assert_eq!(
            weekday_clock(at + TimeDelta::days(8), now, zone, false),
            "Wed Dec 9 07:00",
            "far days carry a date"
        );
        // The night the clocks go back: the same wall time twice, an hour apart.
        let first = chrono::Utc.with_ymd_and_hms(2026, 11, 1, 7, 30, 0).single().unwrap();
        assert_eq!(clock(first, zone, false), "01:30");
        assert_eq!(clock(first + TimeDelta::hours(1), zone, false), "01:30");
    }

    #[test]
    fn nothing_steers_a_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\nc\u{9b}d"), "a [31mb c d");
    }
}
