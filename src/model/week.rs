//! The week that hours are counted by: seven days of an agency's wall clock, from the midnight of the day it begins with.

use chrono::{Datelike, Days, NaiveDate, Weekday};
use chrono_tz::Tz;

use super::{
    Instant,
    local_time::{local_date, start_of_day},
};

/// The first day of the week that `at` lies in, of weeks that begin with `starts`.
#[must_use]
pub fn week_of(zone: Tz, starts: Weekday, at: Instant) -> NaiveDate {
    first_day(local_date(zone, at), starts)
}

/// The first day of the week that holds `day`, of weeks that begin with `starts`.
#[must_use]
pub fn first_day(day: NaiveDate, starts: Weekday) -> NaiveDate {
    let passed = Days::new(u64::from(day.weekday().days_since(starts)));
    day.checked_sub_days(passed).unwrap_or(day)
}

/// When a week begins and when the next one does. In a week that changes the clocks they lie an hour less, or more, apart.
#[must_use]
pub fn bounds(zone: Tz, week: NaiveDate) -> (Instant, Instant) {
    let next = week.checked_add_days(Days::new(7)).unwrap_or(week);
    (start_of_day(zone, week), start_of_day(zone, next))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn a_week_is_of_the_wall_clock_and_its_length_follows_it() {
        let zone = chrono_tz::America::Denver;
        let day = |m, d| NaiveDate::from_ymd_opt(2026, m, d).unwrap();
        for (week, hours) in [(day(3, 1), 168), (day(3, 8), 167), (day(11, 1), 169)] {
            let (from, until) = bounds(zone, week);
            assert_eq!(until - from, TimeDelta::hours(hours), "{week}");
            let of = |at| week_of(zone, Weekday::Sun, at);
            assert_eq!(of(from), week, "its first instant");
            assert_eq!(of(until - TimeDelta::microseconds(1)), week, "its last one");
            assert_ne!(of(until), week, "the next one's first");
            assert_eq!(week_of(zone, Weekday::Mon, from), week - Days::new(6), "a Sunday ends a week from Monday");
            assert_eq!(week_of(zone, Weekday::Sat, from), week - Days::new(1));
        }
    }
}
