//! Times as the vendor writes them: with an offset, with `Z`, or naive.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime};

use crate::model::{
    Instant, VisitTime,
    local_time::{from_micros, to_micros},
};

const NAIVE_FORMS: [&str; 4] = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];
const OFFSET_FORMS: [&str; 4] =
    ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z", "%Y-%m-%d %H:%M%#z"];

/// A time with or without an offset; `None` when it is no time. Seconds may be missing, `T` may be a blank. A year
/// past 9999 is no time either: nothing could be reckoned from it.
#[must_use]
pub fn parse(text: &str) -> Option<VisitTime> {
    read(text.trim()).filter(|time| {
        let year = match time {
            VisitTime::Instant(at) => at.year(),
            VisitTime::Naive(local) => local.year(),
        };
        (1..=9999).contains(&year)
    })
}

fn read(text: &str) -> Option<VisitTime> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(VisitTime::Instant(whole_micros(at.to_utc())));
    }
    if let Some(local) = NAIVE_FORMS.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok()) {
        return Some(VisitTime::Naive(local));
    }
    let spelled =
        text.strip_suffix(['Z', 'z']).map_or_else(|| text.to_owned(), |rest| format!("{}+0000", rest.trim_end()));
    OFFSET_FORMS
        .iter()
        .find_map(|form| DateTime::parse_from_str(&spelled, form).ok())
        .map(|at| VisitTime::Instant(whole_micros(at.to_utc())))
}

/// A time whose naive form means UTC, as the vendor documents it for appointments.
#[must_use]
pub fn parse_utc(text: &str) -> Option<Instant> {
    parse(text).map(|time| match time {
        VisitTime::Instant(at) => at,
        VisitTime::Naive(local) => whole_micros(local.and_utc()),
    })
}

/// A date, or the date a time begins with.
#[must_use]
pub fn parse_date(text: &str) -> Option<NaiveDate> {
    let day = text.trim().get(..10)?;
    NaiveDate::parse_from_str(day, "%Y-%m-%d").ok()
}

/// Instants are kept in whole microseconds everywhere, so that a stored one equals the one that was read.
fn whole_micros(at: Instant) -> Instant {
    from_micros(to_micros(at))
}
