//! What a scheduled report is: which, over which days, in which form.
//!
//! Given: words of the configuration, an instant. Gives: spans of days, names of files. Does not: make the report.

use std::fmt;

use chrono::{Datelike, Days, Months, NaiveDate, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::model::{
    Instant,
    local_time::{local_date, start_of_day},
    week::first_day,
};

// A word is a `tt`: of a `literal`, the document's derive would not take the name.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$one:meta])* $variant:ident = $word:tt,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        pub enum $name { $($(#[$one])* #[serde(rename = $word)] $variant,)* }

        impl $name {
            /// Every word, as it is written.
            pub const WORDS: &'static [&'static str] = &[$($word),*];

            /// As it is written.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// By its text; `None` when it is none of these.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($word => Some(Self::$variant),)* _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// Which report.
    What {
        /// Every page of the days, who took it, what became of it.
        OnCallLog = "on-call-log",
        /// How alerts went, by rule.
        History = "history",
        /// How the vendor's API was, by endpoint.
        Api = "api",
        /// How things stand.
        Briefing = "briefing",
        /// The five numbers of a briefing, day by day.
        Kpis = "kpis",
        /// What was scheduled and worked, per client and per caregiver.
        Hours = "hours",
        /// What was not as planned, with what became of it.
        Exceptions = "exceptions",
    }
}

words! {
    /// Over which days, on the wall clock of the report's zone.
    Range {
        /// The day before.
        Yesterday = "yesterday",
        /// The seven days before today.
        Last7Days = "last_7_days",
        /// The week before: Monday to Sunday, of `hours` the agency's own week.
        LastWeek = "last_week",
        /// The thirty days before today.
        Last30Days = "last_30_days",
        /// The month before.
        LastMonth = "last_month",
    }
}

words! {
    /// In which form.
    Format {
        /// Rows under a line of titles (RFC 4180).
        Csv = "csv",
        /// As the JSON API gives it.
        Json = "json",
        /// For a person.
        Html = "html",
    }
}

impl Range {
    /// The first day, and the last, both included, of a report made at `at`.
    #[must_use]
    pub fn days(self, zone: Tz, at: Instant) -> (NaiveDate, NaiveDate) {
        self.days_of(zone, at, Weekday::Mon)
    }

    /// The same where weeks begin with `starts`: overtime is of an agency's own week, and no report may lie across two.
    #[must_use]
    pub fn days_of(self, zone: Tz, at: Instant, starts: Weekday) -> (NaiveDate, NaiveDate) {
        let today = local_date(zone, at);
        let back = |n: u64| today - Days::new(n);
        match self {
            Self::Yesterday => (back(1), back(1)),
            Self::Last7Days => (back(7), back(1)),
            Self::Last30Days => (back(30), back(1)),
            Self::LastWeek => {
                let this = first_day(today, starts);
                (this - Days::new(7), this - Days::new(1))
            }
            Self::LastMonth => {
                let first = today.with_day(1).unwrap_or(today);
                (first - Months::new(1), first - Days::new(1))
            }
        }
    }

    /// From when (included) until when (excluded).
    #[must_use]
    pub fn span(self, zone: Tz, at: Instant) -> (Instant, Instant) {
        let (first, last) = self.days(zone, at);
        (start_of_day(zone, first), start_of_day(zone, last + Days::new(1)))
    }
}

impl What {
    /// The forms it can have.
    #[must_use]
    pub const fn formats(self) -> &'static [Format] {
        match self {
            Self::Briefing => &[Format::Html, Format::Json],
            Self::OnCallLog | Self::History | Self::Api | Self::Kpis | Self::Hours | Self::Exceptions => {
                &[Format::Csv, Format::Json, Format::Html]
            }
        }
    }

    /// Whether it is about a span of days; the others say how things stand.
    #[must_use]
    pub const fn has_range(self) -> bool {
        matches!(self, Self::OnCallLog | Self::History | Self::Hours | Self::Exceptions)
    }
}

impl Format {
    /// What it is called on the wire.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Json => "application/json",
            Self::Html => "text/html; charset=utf-8",
        }
    }
}

/// The name of a report's file: its own and when it was due, `weekly-2026-11-24T0700.csv`, on the wall clock of the zone.
/// The hour that comes twice a year is told apart by the offset.
#[must_use]
pub fn file_name(name: &str, fire_at: Instant, zone: Tz, format: Format) -> String {
    let local = fire_at.with_timezone(&zone);
    let twice = matches!(zone_of(zone, local.naive_local()), chrono::LocalResult::Ambiguous(..));
    let offset = if twice { local.format("%z").to_string() } else { String::new() };
    format!("{name}-{}{offset}.{format}", local.format("%Y-%m-%dT%H%M"))
}

fn zone_of(zone: Tz, local: chrono::NaiveDateTime) -> chrono::LocalResult<chrono::DateTime<Tz>> {
    use chrono::TimeZone as _;
    zone.from_local_datetime(&local)
}

#[cfg(test)]
mod tests {
    use chrono_tz::America::Denver;

    use super::*;

    fn utc(text: &str) -> Instant {
        text.parse().unwrap()
    }

    #[test]
    fn a_range_is_whole_days_of_the_wall_clock_also_where_one_has_23_or_25_hours() {
        for (range, at, from, until) in [
            // Tue 2026-11-24 07:00 in Denver.
            (Range::Yesterday, "2026-11-24T14:00:00Z", "2026-11-23T07:00:00Z", "2026-11-24T07:00:00Z"),
            (Range::LastWeek, "2026-11-24T14:00:00Z", "2026-11-16T07:00:00Z", "2026-11-23T07:00:00Z"),
            (Range::LastWeek, "2026-11-23T14:00:00Z", "2026-11-16T07:00:00Z", "2026-11-23T07:00:00Z"),
            (Range::LastWeek, "2026-11-22T14:00:00Z", "2026-11-09T07:00:00Z", "2026-11-16T07:00:00Z"),
            (Range::LastMonth, "2026-11-24T14:00:00Z", "2026-10-01T06:00:00Z", "2026-11-01T06:00:00Z"),
            (Range::LastMonth, "2026-01-01T14:00:00Z", "2025-12-01T07:00:00Z", "2026-01-01T07:00:00Z"),
            // The long day and the short one.
            (Range::Yesterday, "2026-11-02T14:00:00Z", "2026-11-01T06:00:00Z", "2026-11-02T07:00:00Z"),
            (Range::Yesterday, "2026-03-09T14:00:00Z", "2026-03-08T07:00:00Z", "2026-03-09T06:00:00Z"),
            (Range::Last7Days, "2026-11-24T14:00:00Z", "2026-11-17T07:00:00Z", "2026-11-24T07:00:00Z"),
        ] {
            assert_eq!(range.span(Denver, utc(at)), (utc(from), utc(until)), "{range} at {at}");
        }
    }

    #[test]
    fn the_week_before_is_the_agencys_own_where_hours_are_summed_up() {
        // Sat 2026-11-28, Sun 29 and Mon 30, 07:00 in Denver.
        for (at, starts, first, last) in [
            ("2026-11-28T14:00:00Z", Weekday::Sun, "2026-11-15", "2026-11-21"),
            ("2026-11-28T14:00:00Z", Weekday::Mon, "2026-11-16", "2026-11-22"),
            ("2026-11-29T14:00:00Z", Weekday::Sun, "2026-11-22", "2026-11-28"),
            ("2026-11-30T14:00:00Z", Weekday::Sun, "2026-11-22", "2026-11-28"),
            ("2026-11-28T14:00:00Z", Weekday::Sat, "2026-11-21", "2026-11-27"),
        ] {
            let (from, to) = Range::LastWeek.days_of(Denver, utc(at), starts);
            assert_eq!((from.to_string().as_str(), to.to_string().as_str()), (first, last), "{at} {starts}");
        }
    }

    #[test]
    fn a_file_has_a_name_of_its_own_each_time() {
        let name = |at: &str| file_name("weekly", utc(at), Denver, Format::Csv);
        assert_eq!(name("2026-11-24T14:00:00Z"), "weekly-2026-11-24T0700.csv");
        assert_eq!(name("2026-11-01T07:30:00Z"), "weekly-2026-11-01T0130-0600.csv");
        assert_eq!(name("2026-11-01T08:30:00Z"), "weekly-2026-11-01T0130-0700.csv");
    }

    #[test]
    fn words_are_read_as_they_are_written() {
        for word in What::WORDS {
            assert_eq!(What::parse(word).map(What::as_str), Some(*word));
        }
        assert_eq!(Range::parse("last_week"), Some(Range::LastWeek));
        assert_eq!(Format::parse("pdf"), None);
    }
}
