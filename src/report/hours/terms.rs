//! What an agency agreed on: where its week begins, what counts as overtime, how a bill is rounded; and stretches of days.

use chrono::{Datelike as _, Days, NaiveDate, TimeDelta, Weekday};
use chrono_tz::Tz;

use crate::model::{Instant, local_time::start_of_day, week::first_day};

/// Minutes since 1970-01-01T00:00Z.
pub type Minute = i64;

/// The minute an instant lies in.
#[must_use]
pub fn minute_of(at: Instant) -> Minute {
    at.timestamp().div_euclid(60)
}

/// The minute a local day begins in.
#[must_use]
pub fn day_starts(zone: Tz, day: NaiveDate) -> Minute {
    minute_of(start_of_day(zone, day))
}

/// One agency's terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Where its days begin and end.
    pub zone: Tz,
    /// The day its week begins with.
    pub week_starts: Weekday,
    /// Payable minutes of a week beyond this are overtime.
    pub overtime_after: Minute,
    /// Payable minutes of a day beyond this are overtime, where days count.
    pub daily_overtime_after: Option<Minute>,
    /// How a visit is rounded beside its exact minutes.
    pub rounding: Rounding,
    /// A visit shorter or longer than planned by no more than this is as planned.
    pub variance: Minute,
}

impl Terms {
    /// Weeks from Sunday, overtime after 40 hours, no rounding, a quarter of an hour either way as planned.
    #[must_use]
    pub const fn new(zone: Tz) -> Self {
        Self {
            zone,
            week_starts: Weekday::Sun,
            overtime_after: 40 * 60,
            daily_overtime_after: None,
            rounding: Rounding::None,
            variance: 15,
        }
    }

    /// The first day of the week that holds `day`.
    #[must_use]
    pub fn week_of(&self, day: NaiveDate) -> NaiveDate {
        first_day(day, self.week_starts)
    }
}

/// How the minutes of a visit in the period are rounded: to the nearest step, half a step up. Each visit is rounded by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rounding {
    /// As they are.
    #[default]
    None,
    /// To six minutes, a tenth of an hour.
    Six,
    /// To a quarter of an hour.
    Fifteen,
}

impl Rounding {
    /// As the configuration writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Six => "6m",
            Self::Fifteen => "15m",
        }
    }

    /// Minutes as they are billed.
    #[must_use]
    pub const fn round(self, minutes: Minute) -> Minute {
        let step = match self {
            Self::None => return minutes,
            Self::Six => 6,
            Self::Fifteen => 15,
        };
        // Half a step up: 7 of 15 go down, 8 go up; 3 of 6 go up.
        (minutes * 2 + step) / (step * 2) * step
    }
}

/// Local days, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Period {
    /// The first.
    pub from: NaiveDate,
    /// The last.
    pub to: NaiveDate,
}

/// So many days a report covers at most: a leap year.
pub const DAYS_MAX: i64 = 366;

impl Period {
    /// From one day to another; `None` where the last lies before the first, or more than [`DAYS_MAX`] days are meant.
    #[must_use]
    pub fn new(from: NaiveDate, to: NaiveDate) -> Option<Self> {
        let period = Self { from, to };
        (1..=DAYS_MAX).contains(&period.n_days()).then_some(period)
    }

    /// A calendar month, `2026-11`.
    #[must_use]
    pub fn month(text: &str) -> Option<Self> {
        let from = NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d").ok()?;
        let next = (from + TimeDelta::days(31)).with_day(1)?;
        Self::new(from, next.pred_opt()?)
    }

    /// The week that holds `day`.
    #[must_use]
    pub fn week(terms: &Terms, day: NaiveDate) -> Self {
        let from = terms.week_of(day);
        Self { from, to: from + Days::new(6) }
    }

    /// How many days.
    #[must_use]
    pub fn n_days(&self) -> i64 {
        (self.to - self.from).num_days() + 1
    }

    /// Its first minute, and the first one after it.
    #[must_use]
    pub fn minutes(&self, zone: Tz) -> (Minute, Minute) {
        (day_starts(zone, self.from), day_starts(zone, self.to + Days::new(1)))
    }

    /// Whole weeks that hold it.
    #[must_use]
    pub fn whole_weeks(&self, terms: &Terms) -> Self {
        Self { from: terms.week_of(self.from), to: terms.week_of(self.to) + Days::new(6) }
    }

    /// Every day of it.
    pub fn days(self) -> impl Iterator<Item = NaiveDate> {
        self.from.iter_days().take_while(move |day| *day <= self.to)
    }

    /// Whether both have a day in common.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        self.from <= other.to && other.from <= self.to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_visit_is_rounded_to_the_nearest_step_and_half_a_step_up() {
        for (minutes, six, fifteen) in [
            (0, 0, 0),
            (2, 0, 0),
            (3, 6, 0),
            (7, 6, 0),
            (8, 6, 15),
            (9, 12, 15),
            (22, 24, 15),
            (23, 24, 30),
            (60, 60, 60),
        ] {
            assert_eq!(Rounding::Six.round(minutes), six, "{minutes} by six");
            assert_eq!(Rounding::Fifteen.round(minutes), fifteen, "{minutes} by fifteen");
            assert_eq!(Rounding::None.round(minutes), minutes);
        }
    }

    #[test]
    fn weeks_begin_where_the_agency_says() {
        let mut terms = Terms::new(chrono_tz::America::Denver);
        assert_eq!(terms.week_of(day("2026-11-25")), day("2026-11-22"), "a Wednesday, weeks from Sunday");
        assert_eq!(terms.week_of(day("2026-11-22")), day("2026-11-22"));
        terms.week_starts = Weekday::Mon;
        assert_eq!(terms.week_of(day("2026-11-22")), day("2026-11-16"));
        terms.week_starts = Weekday::Sat;
        assert_eq!(terms.week_of(day("2026-11-27")), day("2026-11-21"));
        assert_eq!(Period::month("2026-02"), Period::new(day("2026-02-01"), day("2026-02-28")));
        assert_eq!(Period::month("2026-12").map(|period| period.to), Some(day("2026-12-31")));
        assert_eq!(Period::month("2026-13"), None);
        assert_eq!(Period::new(day("2026-11-02"), day("2026-11-01")), None);
    }

    #[test]
    fn days_are_as_long_as_the_clock_makes_them() {
        let zone = chrono_tz::America::Denver;
        for (text, hours) in [("2026-03-08", 23), ("2026-11-01", 25), ("2026-11-02", 24)] {
            let (from, until) = Period::new(day(text), day(text)).unwrap().minutes(zone);
            assert_eq!(until - from, hours * 60, "{text}");
        }
    }
}
