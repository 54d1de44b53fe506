//! When something that is sent by the clock is due: cron in a time zone, with what was missed while nobody ran.
//!
//! Given: a pattern, a zone, and the time it was last decided for. Gives: the one time it is due for, and whether that is
//! late. Does not: look at a clock, or remember anything.
//!
//! Times are those of the wall clock. On the night an hour is skipped, what was due inside it is due when the hour would have
//! ended, once; on the night an hour comes twice, what is due inside it is due the first time, once.

use chrono::TimeDelta;
use chrono_tz::Tz;
use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};

use crate::model::Instant;

/// What was missed by more than this is not sent any more: the next one says better how things stand.
pub const LATE_MAX: TimeDelta = TimeDelta::hours(6);
/// So long after its time something is called late.
const LATE: TimeDelta = TimeDelta::minutes(10);

/// A cron pattern on the wall clock of a zone.
#[derive(Debug, Clone)]
pub struct Timetable {
    written: String,
    cron: Cron,
    zone: Tz,
}

/// Something is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The time it is due for.
    pub fire_at: Instant,
    /// Whether that is so long ago that it is said.
    pub is_late: bool,
}

impl Timetable {
    /// Reads a pattern of five fields (minute, hour, day, month, weekday) or an alias such as `@daily`. Days of the week are
    /// `sun`–`sat` or 0–7.
    ///
    /// # Errors
    /// It is no such pattern, or never comes about; in words for whoever wrote it.
    pub fn parse(text: &str, zone: Tz) -> Result<Self, String> {
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(text.trim()).map_err(|fault| fault.to_string())?;
        let table = Self { written: text.trim().to_owned(), cron, zone };
        // Four years and a little: the 29th of February.
        let begin = crate::model::local_time::from_micros(1_767_225_600_000_000);
        match table.next_after(begin) {
            Some(next) if next - begin < TimeDelta::days(366 * 9) => Ok(table),
            _ => Err("there is no such day".to_owned()),
        }
    }

    /// As it was written, with the zone: two that differ in either are not the same.
    #[must_use]
    pub fn written(&self) -> String {
        format!("{} {}", self.written, self.zone.name())
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn cron(&self) -> String {
        self.written.clone()
    }

    /// Its zone.
    #[must_use]
    pub const fn zone(&self) -> Tz {
        self.zone
    }

    /// The first time after `at`; `None` when there is none.
    #[must_use]
    pub fn next_after(&self, at: Instant) -> Option<Instant> {
        let local = at.with_timezone(&self.zone);
        self.cron.find_next_occurrence(&local, false).ok().map(|next| next.to_utc())
    }

    /// What is due at `now`, when everything up to `last` is decided. Of several that were missed only the latest, and
    /// nothing that was missed by more than [`LATE_MAX`].
    #[must_use]
    pub fn due(&self, last: Instant, now: Instant) -> Option<Due> {
        let mut at = last.max(now - LATE_MAX - TimeDelta::microseconds(1));
        let mut found = None;
        // A pattern comes at most once a minute.
        for _ in 0..=LATE_MAX.num_minutes() + 1 {
            match self.next_after(at) {
                Some(next) if next <= now && next > at => {
                    found = Some(next);
                    at = next;
                }
                _ => break,
            }
        }
        found.map(|fire_at| Due { fire_at, is_late: now - fire_at > LATE })
    }
}

#[cfg(test)]
mod tests {
    use chrono::{TimeZone, Utc};
    use chrono_tz::America::Denver;

    use super::*;

    fn utc(text: &str) -> Instant {
        text.parse().unwrap()
    }

    fn table(cron: &str) -> Timetable {
        Timetable::parse(cron, Denver).unwrap()
    }

    #[test]
    fn both_nights_of_the_clock_have_each_briefing_once() {
        // Sun 2026-03-08 in Denver: 02:00 is followed by 03:00. Sun 2026-11-01: 01:59 MDT is followed by 01:00 MST.
        for (cron, after, comes, shows) in [
            ("0 7 * * *", "2026-03-07T14:00:00Z", "2026-03-08T13:00:00Z", "07:00 on the short night: 23 hours later"),
            ("0 7 * * *", "2026-10-31T13:00:00Z", "2026-11-01T14:00:00Z", "07:00 on the long night: 25 hours later"),
            ("30 2 * * *", "2026-03-08T00:00:00Z", "2026-03-08T09:00:00Z", "02:30 is skipped: when the hour ends"),
            ("30 2 * * *", "2026-03-08T09:00:00Z", "2026-03-09T08:30:00Z", "and the day after as ever"),
            ("30 1 * * *", "2026-11-01T00:00:00Z", "2026-11-01T07:30:00Z", "01:30 comes twice: the first time"),
            ("30 1 * * *", "2026-11-01T07:30:00Z", "2026-11-02T08:30:00Z", "and not the second"),
            ("0 15 * * thu", "2026-11-24T00:00:00Z", "2026-11-26T22:00:00Z", "Thursday"),
            ("0 7 * * mon-sun", "2026-11-28T14:00:00Z", "2026-11-29T14:00:00Z", "every day, written as a range"),
        ] {
            assert_eq!(table(cron).next_after(utc(after)), Some(utc(comes)), "{cron}: {shows}");
        }
    }

    #[test]
    fn what_was_missed_comes_late_once_and_not_when_it_helps_nobody() {
        let daily = table("0 7 * * *");
        let seven = Utc.with_ymd_and_hms(2026, 11, 24, 14, 0, 0).unwrap();
        let day_before = seven - TimeDelta::days(1);
        let due = |is_late| Some(Due { fire_at: seven, is_late });
        for (last, now, is, shows) in [
            (day_before, seven - TimeDelta::seconds(1), None, "a second before"),
            (day_before, seven, due(false), "on time"),
            (day_before, seven + TimeDelta::minutes(10), due(false), "ten minutes are nothing"),
            (day_before, seven + TimeDelta::minutes(11), due(true), "eleven are said"),
            (day_before, seven + TimeDelta::hours(6), due(true), "six hours late"),
            (day_before, seven + TimeDelta::hours(6) + TimeDelta::seconds(1), None, "more is too late"),
            (seven, seven + TimeDelta::minutes(5), None, "decided already"),
            (seven - TimeDelta::days(40), seven + TimeDelta::minutes(1), due(false), "a long stop gives one"),
        ] {
            assert_eq!(daily.due(last, now), is, "{shows}");
        }
        let often = table("*/15 * * * *");
        let due = often.due(day_before, seven + TimeDelta::minutes(50)).unwrap();
        assert_eq!(due, Due { fire_at: seven + TimeDelta::minutes(45), is_late: false }, "of many the latest");
    }

    #[test]
    fn a_pattern_that_is_none_is_refused() {
        for cron in ["", "7", "0 25 * * *", "0 7 * * mon-foo", "0 0 7 * * *", "0 7 31 2 *", "61 * * * *"] {
            assert!(Timetable::parse(cron, Denver).is_err(), "{cron:?}");
        }
        assert!(Timetable::parse("@daily", Denver).is_ok());
    }
}
