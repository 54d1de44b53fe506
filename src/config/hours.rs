//! `agencies[].week` and `agencies[].hours`: where the week begins, what counts as overtime, and how hours are reported.

use std::time::Duration;

use chrono::{NaiveTime, Weekday};

use super::{
    Hours,
    reading::{Fields, Reading},
    time_intervals::minute_of_day,
    tree::Node,
};

const HOUR: Duration = Duration::from_hours(1);
const WEEKDAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
/// Longer than this nothing is read again: the budget is for the watch.
const REREAD_DAYS_MAX: u32 = 62;

impl Default for Hours {
    fn default() -> Self {
        Self {
            week_starts: Weekday::Sun,
            overtime_after: HOUR * 40,
            daily_overtime_after: None,
            rounding_minutes: 0,
            variance: Duration::from_mins(15),
            reread_days: 21,
            reread_at: NaiveTime::from_hms_opt(2, 30, 0).unwrap_or_default(),
        }
    }
}

/// Reads both keys of an agency.
pub fn read(week: Option<&Node>, hours: Option<&Node>, path: &str, cx: &mut Reading<'_>) -> Hours {
    let mut read = Hours::default();
    let at = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    if let Some(mut fields) = week.and_then(|node| Fields::of(node, at("week"), cx)) {
        if let Some(node) = fields.get("starts")
            && let Some(day) = cx.one_of(node, &fields.path("starts"), &WEEKDAYS)
        {
            read.week_starts = day.parse().unwrap_or(Weekday::Sun);
        }
        if let Some(node) = fields.get("overtime_after")
            && let Some(after) = cx.duration(node, &fields.path("overtime_after"), HOUR, HOUR * 168)
        {
            read.overtime_after = after;
        }
        if let Some(node) = fields.get("daily_overtime_after") {
            read.daily_overtime_after = cx.duration(node, &fields.path("daily_overtime_after"), HOUR, HOUR * 24);
        }
        fields.finish(&[], cx);
    }
    if let Some(mut fields) = hours.and_then(|node| Fields::of(node, at("hours"), cx)) {
        if let Some(node) = fields.get("rounding") {
            read.rounding_minutes = match cx.one_of(node, &fields.path("rounding"), &["none", "6m", "15m"]) {
                Some("6m") => 6,
                Some("15m") => 15,
                _ => 0,
            };
        }
        if let Some(node) = fields.get("variance")
            && let Some(variance) = cx.duration(node, &fields.path("variance"), Duration::ZERO, HOUR * 4)
        {
            read.variance = variance;
        }
        if let Some(node) = fields.get("reread_days") {
            let range = "a whole number of days from 0 (never) to 62";
            read.reread_days = cx
                .number(node, &fields.path("reread_days"), range, |days: &u32| *days <= REREAD_DAYS_MAX)
                .unwrap_or(read.reread_days);
        }
        if let Some(node) = fields.get("reread_at")
            && let Some(text) = cx.word(node, &fields.path("reread_at"))
        {
            let seconds = minute_of_day(&text).map(|minute| u32::from(minute) * 60);
            match seconds.and_then(|seconds| NaiveTime::from_num_seconds_from_midnight_opt(seconds, 0)) {
                Some(time) => read.reread_at = time,
                None => cx.error(
                    node.at,
                    format!("{} \"{text}\" is not a time of day", fields.path("reread_at")),
                    "write it as \"02:30\", in quotation marks",
                ),
            }
        }
        fields.finish(&[], cx);
    }
    read
}
