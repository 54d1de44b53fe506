//! Times as a scheduler writes them: `Tue 07:00`, `Tue 07:00-11:00`, `2026-03-10 07:00`, on the agency's wall clock.
//!
//! A weekday alone is the one from the day before a test's first day to five days after it, so each names one day.

use chrono::{Datelike, Days, NaiveDate, NaiveTime, TimeDelta, Weekday};
use chrono_tz::Tz;

use crate::model::{
    Instant,
    local_time::{instant_of, local_date},
};

/// What is wrong with a time, and what to write instead.
pub type Wrong = (String, String);

/// The first day of a test, which says what a weekday means.
#[derive(Debug, Clone, Copy)]
pub struct Calendar {
    /// Where the wall clock hangs.
    pub zone: Tz,
    /// The first day.
    pub first: NaiveDate,
}

/// A point in time and how exactly it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// When.
    pub at: Instant,
    /// A minute, or a second where seconds were written.
    pub lasts: TimeDelta,
}

const INSTEAD: &str = "write it as Tue 07:00, Tue 07:00:30 or 2026-03-10 07:00";

impl Calendar {
    /// The same calendar on another wall.
    #[must_use]
    pub const fn on(self, zone: Tz) -> Self {
        Self { zone, ..self }
    }

    /// A moment with its day.
    pub fn moment(self, text: &str) -> Result<Moment, Wrong> {
        let (day, words) = self.day(text)?;
        let Some(day) = day else {
            return Err((format!("\"{text}\" says no day"), "write the weekday before the time: Tue 07:00".into()));
        };
        self.of_day(day, &words, text)
    }

    /// Two moments; the second may leave out its day: it is then the next such time.
    pub fn span(self, text: &str) -> Result<(Moment, Moment), Wrong> {
        let Some((first, second)) = halves(text) else {
            return Err((format!("\"{text}\" is not a stretch of time"), "write it as Tue 07:00-11:00".into()));
        };
        let from = self.moment(first)?;
        let (day, words) = self.day(second)?;
        let until = if let Some(day) = day {
            self.of_day(day, &words, second)?
        } else {
            let day = local_date(self.zone, from.at);
            let until = self.of_day(day, &words, second)?;
            if until.at > from.at { until } else { self.of_day(day + Days::new(1), &words, second)? }
        };
        if until.at <= from.at {
            return Err((format!("\"{text}\" ends before it begins"), "write the earlier time first".into()));
        }
        Ok((from, until))
    }

    /// The day that a text names, if it does, and its other words.
    fn day(self, text: &str) -> Result<(Option<NaiveDate>, Vec<&str>), Wrong> {
        let mut words: Vec<&str> = text.split_whitespace().collect();
        let weekday = words.first().and_then(|word| weekday(word));
        if weekday.is_some() {
            words.remove(0);
        }
        let date = words.first().and_then(|word| NaiveDate::parse_from_str(word, "%Y-%m-%d").ok());
        if date.is_some() {
            words.remove(0);
        }
        match (weekday, date) {
            (Some(weekday), Some(date)) if date.weekday() != weekday => {
                Err((format!("{date} is a {}, not a {weekday}", date.weekday()), "correct one of the two".into()))
            }
            (_, Some(date)) => Ok((Some(date), words)),
            (Some(weekday), None) => {
                let before = self.first - Days::new(1);
                let ahead = weekday.days_since(before.weekday());
                Ok((Some(before + Days::new(u64::from(ahead))), words))
            }
            (None, None) => Ok((None, words)),
        }
    }

    fn of_day(self, day: NaiveDate, words: &[&str], text: &str) -> Result<Moment, Wrong> {
        let wrong = || (format!("\"{text}\" is not a time"), INSTEAD.to_owned());
        let (again, words) = match words {
            [rest @ .., "again"] => (true, rest),
            rest => (false, rest),
        };
        let [clock] = words else { return Err(wrong()) };
        let (time, lasts) = match NaiveTime::parse_from_str(clock, "%H:%M") {
            Ok(time) => (time, TimeDelta::minutes(1)),
            Err(_) => (NaiveTime::parse_from_str(clock, "%H:%M:%S").map_err(|_| wrong())?, TimeDelta::seconds(1)),
        };
        let local = day.and_time(time);
        let at = if again {
            let mut both = [None, None];
            if let chrono::LocalResult::Ambiguous(first, second) =
                chrono::TimeZone::from_local_datetime(&self.zone, &local)
            {
                both = [Some(first.to_utc()), Some(second.to_utc())];
            }
            let instead = "leave out again: this hour comes once";
            both[1].ok_or_else(|| (format!("\"{text}\" does not come twice"), instead.to_owned()))?
        } else {
            instant_of(self.zone, local)
        };
        Ok(Moment { at, lasts })
    }
}

/// The two halves of `Tue 07:00-11:00`, `Tue 07:00 to 11:00`; a date's own hyphens come before its first colon.
#[must_use]
pub fn halves(text: &str) -> Option<(&str, &str)> {
    if let Some((first, second)) = text.split_once(" to ") {
        return Some((first.trim(), second.trim()));
    }
    let colon = text.find(':')?;
    let hyphen = colon + text[colon..].find(['-', '–'])?;
    let after = hyphen + text[hyphen..].chars().next().map_or(1, char::len_utf8);
    Some((text[..hyphen].trim(), text[after..].trim()))
}

/// `Tue` or `Tuesday`.
fn weekday(word: &str) -> Option<Weekday> {
    word.parse().ok()
}

/// `Tue 07:15:10`, on the wall in `zone`; seconds only where there are any, `again` in the second coming of an hour.
#[must_use]
pub fn written(at: Instant, zone: Tz) -> String {
    let local = at.with_timezone(&zone);
    let seconds = at.timestamp() % 60 != 0;
    let again = matches!(
        chrono::TimeZone::from_local_datetime(&zone, &local.naive_local()),
        chrono::LocalResult::Ambiguous(_, second) if second == local
    );
    let text = local.format(if seconds { "%a %H:%M:%S" } else { "%a %H:%M" });
    if again { format!("{text} again") } else { text.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar() -> Calendar {
        // A Tuesday.
        let first = NaiveDate::from_ymd_opt(2026, 3, 10).unwrap();
        Calendar { zone: chrono_tz::America::Denver, first }
    }

    #[test]
    fn times_are_read_on_the_wall_of_the_agency() {
        for (text, want) in [
            ("Tue 07:00", "2026-03-10T13:00:00Z"),
            ("Tuesday 07:00:30", "2026-03-10T13:00:30Z"),
            ("Mon 22:00", "2026-03-10T04:00:00Z"),
            ("Sun 22:00", "2026-03-16T04:00:00Z"),
            ("2026-03-08 01:30", "2026-03-08T08:30:00Z"),
            ("Tue 2026-03-10 07:00", "2026-03-10T13:00:00Z"),
            ("2026-03-08 02:30", "2026-03-08T09:30:00Z"),
            ("2026-11-01 01:30", "2026-11-01T07:30:00Z"),
            ("2026-11-01 01:30 again", "2026-11-01T08:30:00Z"),
        ] {
            let moment = calendar().moment(text).expect(text);
            assert_eq!(moment.at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true), want, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_said_so() {
        for (text, says) in [
            ("07:00", "no day"),
            ("Tue", "not a time"),
            ("Tue 7", "not a time"),
            ("Tue 25:00", "not a time"),
            ("Wed 2026-03-10 07:00", "is a Tue"),
            ("Tue 07:00 again", "does not come twice"),
            ("", "no day"),
        ] {
            assert!(calendar().moment(text).unwrap_err().0.contains(says), "{text}");
        }
        assert!(calendar().span("Tue 07:00").is_err());
        assert!(calendar().span("Tue 07:00-Mon 08:00").unwrap_err().0.contains("ends before"));
    }

    #[test]
    fn a_stretch_may_end_the_next_day() {
        let length = |text: &str| {
            let (from, until) = calendar().span(text).expect(text);
            (until.at - from.at).num_minutes()
        };
        assert_eq!(length("Tue 07:00-11:00"), 240);
        assert_eq!(length("Tue 22:00 to 06:00"), 480);
        assert_eq!(length("2026-03-10 22:00-Wed 22:00"), 1440);
        // The night the clocks go forward.
        assert_eq!(length("2026-03-07 22:00-06:00"), 420);
    }
}
