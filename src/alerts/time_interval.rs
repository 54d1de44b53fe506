//! Named stretches of the calendar, with Alertmanager's meaning.

use std::ops::RangeInclusive;

use chrono_tz::Tz;

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
