//! Named stretches of the calendar, with Alertmanager's meaning.

use std::ops::RangeInclusive;

use chrono::{Datelike, NaiveDate, NaiveTime, Offset, TimeDelta, TimeZone, Timelike};
use chrono_tz::Tz;

use super::{policy::Policy, route::Route};
use crate::model::{
    Instant,
    local_time::{from_micros, instant_of, local_date, start_of_day},
};

/// One entry of `time_intervals`: true when any of its parts is.
#[derive(Debug, Clone)]
pub struct TimeInterval {
    /// Its name.
    pub name: String,
    /// Its parts.
    pub parts: Vec<CalendarPart>,
}

/// All of the given conditions hold; an empty list is no condition.
#[derive(Debug, Clone, Default)]
pub struct CalendarPart {
    /// Minutes of the day, start included, end excluded (24:00 = 1440).
    pub times: Vec<(u16, u16)>,
    /// 0 = Sunday.
    pub weekdays: Vec<RangeInclusive<u8>>,
    /// 1..=31, negative from the month's end.
    pub days_of_month: Vec<RangeInclusive<i8>>,
    /// 1..=12.
    pub months: Vec<RangeInclusive<u8>>,
    /// Years.
    pub years: Vec<RangeInclusive<i32>>,
    /// The zone; `None` = UTC.
    pub location: Option<Tz>,
}

impl TimeInterval {
    /// Whether `at` lies in any of the parts.
    #[must_use]
    pub fn contains(&self, at: Instant) -> bool {
        self.parts.iter().any(|part| part.contains(at))
    }

    /// The first instant after `at` at which [`Self::contains`] may answer otherwise: the next border of any part,
    /// on its own wall clock. Never later than the change itself; at most a day ahead.
    #[must_use]
    pub fn next_border(&self, at: Instant) -> Instant {
        let latest = at + TimeDelta::days(1);
        self.parts.iter().map(|part| part.next_border(at)).min().unwrap_or(latest).min(latest)
    }
}

impl CalendarPart {
    fn contains(&self, at: Instant) -> bool {
        let local = at.with_timezone(&self.location.unwrap_or(Tz::UTC));
        let minute = u16::try_from(local.hour() * 60 + local.minute()).unwrap_or(0);
        let weekday = u8::try_from(local.weekday().num_days_from_sunday()).unwrap_or(0);
        (self.times.is_empty() || self.times.iter().any(|(from, until)| (*from..*until).contains(&minute)))
            && (self.weekdays.is_empty() || self.weekdays.iter().any(|days| days.contains(&weekday)))
            && (self.days_of_month.is_empty()
                || self.days_of_month.iter().any(|days| has_day(days, local.date_naive())))
            && (self.months.is_empty()
                || self.months.iter().any(|months| months.contains(&u8::try_from(local.month()).unwrap_or(0))))
            && (self.years.is_empty() || self.years.iter().any(|years| years.contains(&local.year())))
    }

    /// The next minute of the local day at which a `times` entry begins or ends, or local midnight. Around a clock
    /// change every quarter of an hour counts as a border: what the wall shows may jump there, and zones jump on
    /// quarters.
    fn next_border(&self, at: Instant) -> Instant {
        let zone = self.location.unwrap_or(Tz::UTC);
        let today = local_date(zone, at);
        let midnight = start_of_day(zone, today.succ_opt().unwrap_or(today));
        let edges = self.times.iter().flat_map(|(from, until)| [*from, *until]).filter_map(|minute| {
            let time = NaiveTime::from_num_seconds_from_midnight_opt(u32::from(minute) * 60, 0)?;
            Some(instant_of(zone, today.and_time(time)))
        });
        let mut next = edges.chain([midnight]).filter(|edge| *edge > at).min().unwrap_or(at + TimeDelta::minutes(15));
        let offset = |at: Instant| zone.offset_from_utc_datetime(&at.naive_utc()).fix();
        if offset(at) != offset(next) || offset(start_of_day(zone, today)) != offset(midnight) {
            let quarter = TimeDelta::minutes(15);
            let into = at.timestamp().rem_euclid(quarter.num_seconds());
            let whole = from_micros((at.timestamp() - into) * 1_000_000);
            next = next.min(whole + quarter);
        }
        next
    }
}

/// Alertmanager's days of the month: negative ones count from the month's end, and a range is clamped to the month.
fn has_day(days: &RangeInclusive<i8>, date: NaiveDate) -> bool {
    let length = i32::from(date.num_days_in_month());
    let day_of = |day: i8| if day < 0 { length + i32::from(day) + 1 } else { i32::from(day) };
    let (from, until) = (day_of(*days.start()), day_of(*days.end()));
    if from > length {
        return false;
    }
    let day = i32::try_from(date.day()).unwrap_or(0);
    (from.max(1)..=until.min(length)).contains(&day)
}

/// Whether a route's time intervals hold back firing notices at `at`, and when that may change.
///
/// A name without an interval (removed by a reload that a check would refuse) holds nothing.
#[must_use]
pub fn mute_verdict(route: &Route, policy: &Policy, at: Instant) -> (bool, Option<Instant>) {
    let intervals = &policy.time_intervals;
    let named =
        |names: &'_ [String]| -> Vec<&TimeInterval> { names.iter().filter_map(|name| intervals.get(name)).collect() };
    let (mutes, actives) = (named(&route.mute_time_intervals), named(&route.active_time_intervals));
    let muted = mutes.iter().any(|interval| interval.contains(at))
        || (!actives.is_empty() && !actives.iter().any(|interval| interval.contains(at)));
    let next = mutes.iter().chain(&actives).map(|interval| interval.next_border(at)).min();
    (muted, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    fn nights() -> TimeInterval {
        let part =
            |times| CalendarPart { times, location: Some(chrono_tz::America::Denver), ..CalendarPart::default() };
        TimeInterval { name: "nights".to_owned(), parts: vec![part(vec![(22 * 60, 1440)]), part(vec![(0, 6 * 60)])] }
    }

    #[test]
    fn a_night_has_two_borders() {
        let rows = [
            ("2026-11-25T04:59:59Z", false, "21:59:59"),
            ("2026-11-25T05:00:00Z", true, "22:00 is in"),
            ("2026-11-25T07:00:00Z", true, "midnight"),
            ("2026-11-25T12:59:59Z", true, "05:59:59"),
            ("2026-11-25T13:00:00Z", false, "06:00 is out"),
        ];
        for (when, want, why) in rows {
            assert_eq!(nights().contains(at(when)), want, "{why}");
        }
    }

    #[test]
    fn calendar_conditions_all_hold_together() {
        let first_monday = CalendarPart {
            weekdays: vec![1..=1],
            days_of_month: vec![1..=7],
            months: vec![11..=12],
            years: vec![2026..=2026],
            ..CalendarPart::default()
        };
        assert!(first_monday.contains(at("2026-11-02T00:00:00Z")));
        assert!(!first_monday.contains(at("2026-11-09T00:00:00Z")), "the second Monday");
        assert!(!first_monday.contains(at("2026-10-05T00:00:00Z")), "another month");
        assert!(!first_monday.contains(at("2027-12-06T00:00:00Z")), "another year");
        let days = |days, date: &str| has_day(&days, date.parse().unwrap());
        assert!(days(-1..=-1, "2026-02-28"), "the last day of February");
        assert!(!days(-1..=-1, "2028-02-28"), "not in a leap year");
        assert!(days(-3..=-1, "2028-02-27"));
        let all = RangeInclusive::new(1, -1);
        assert!(days(all, "2026-02-14"), "first to last is all");
        assert!(days(29..=31, "2026-04-30"), "a range is clamped to the month");
        assert!(!days(31..=31, "2026-04-30"), "a day the month does not have");
    }

    /// Walking from border to border sees every change that walking minute by minute sees, clock changes included.
    #[test]
    fn no_change_lies_between_two_borders() {
        for (from, what) in [
            ("2026-10-31T12:00:00Z", "the autumn night"),
            ("2026-03-07T12:00:00Z", "the spring night"),
            ("2026-11-24T12:00:00Z", "an ordinary one"),
        ] {
            for minutes in [(90, 150), (120, 180), (0, 1440), (60, 120)] {
                let part = CalendarPart {
                    times: vec![minutes],
                    weekdays: vec![0..=0],
                    location: Some(chrono_tz::America::Denver),
                    ..CalendarPart::default()
                };
                let interval = TimeInterval { name: String::new(), parts: vec![part] };
                let end = at(from) + TimeDelta::days(2);
                let (mut now, mut border) = (at(from), interval.next_border(at(from)));
                while now < end {
                    let next = now + TimeDelta::minutes(1);
                    if interval.contains(now) != interval.contains(next) {
                        assert!(border <= next, "{what} {minutes:?}: changed at {next}, border {border}");
                    }
                    now = next;
                    while border <= now {
                        border = interval.next_border(now);
                    }
                }
            }
        }
    }
}
