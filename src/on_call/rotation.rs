//! A rotation: people who take turns, each for as long as the others, at the same time of day all year.
//!
//! Turns are counted on the wall clock of the schedule's zone: a weekly rotation that begins on a Monday at 17:00 hands
//! over at 17:00 on every Monday, on both sides of a clock change, and a turn over such a night is an hour longer or
//! shorter. A wall-clock time that a spring night skips is moved forward by the jump (02:30 becomes 03:30); of the two
//! that an autumn night shows, the first is meant (see [`instant_of`]).

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use chrono_tz::Tz;

use crate::model::{Instant, PersonName, local_time::instant_of};

/// One entry of `rotations`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// Who takes turns, in this order; the first has the turn that begins at `start`. At least one.
    pub people: Vec<PersonName>,
    /// How long a turn is on the wall clock: a week, a day, twelve hours. At least an hour.
    pub every: TimeDelta,
    /// When the first turn begins, in the schedule's zone. Before it nobody is on call by this rotation.
    pub start: NaiveDateTime,
    /// When it holds at all; empty = always.
    pub only: Vec<Only>,
}

/// Hours of some days of the week, in the schedule's zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Only {
    /// The days on which it begins, Monday first.
    pub days: [bool; 7],
    /// From this minute of the day, included.
    pub from: u16,
    /// To this minute, excluded; at or before `from` = on the next day. 1440 = midnight.
    pub to: u16,
}

impl Rotation {
    /// Whose turn it is at an instant; `None` before the start and outside its hours.
    #[must_use]
    pub fn person_at(&self, zone: Tz, at: Instant) -> Option<&PersonName> {
        if !self.only.is_empty() && !self.only.iter().any(|only| only.contains(zone, at)) {
            return None;
        }
        let turn = usize::try_from(self.turn(zone, at)?).ok()?;
        self.people.get(turn.checked_rem(self.people.len())?)
    }

    /// Which turn an instant lies in, from 0; `None` before the first.
    fn turn(&self, zone: Tz, at: Instant) -> Option<i64> {
        let length = self.every.num_seconds().max(1);
        let local = at.with_timezone(&zone).naive_local();
        let mut turn = (local - self.start).num_seconds().div_euclid(length);
        // The wall clock may be an hour off what the instants say.
        while self.turn_begins(zone, turn)? > at {
            turn -= 1;
        }
        while self.turn_begins(zone, turn + 1).is_some_and(|next| next <= at) {
            turn += 1;
        }
        (turn >= 0).then_some(turn)
    }

    fn turn_begins(&self, zone: Tz, turn: i64) -> Option<Instant> {
        let since_start = TimeDelta::try_seconds(self.every.num_seconds().max(1).checked_mul(turn)?)?;
        Some(instant_of(zone, self.start.checked_add_signed(since_start)?))
    }

    /// Adds every instant in `[from, until)` at which it may change who is on call.
    pub(super) fn borders(&self, zone: Tz, from: Instant, until: Instant, into: &mut Vec<Instant>) {
        let mut add = |at: Instant| {
            if from <= at && at < until {
                into.push(at);
            }
        };
        add(instant_of(zone, self.start));
        if self.people.len() > 1 {
            let mut turn = self.turn(zone, from).unwrap_or(0);
            while let Some(at) = self.turn_begins(zone, turn).filter(|at| *at < until) {
                add(at);
                turn += 1;
            }
        }
        for only in &self.only {
            let mut day = day_before(from.with_timezone(&zone).date_naive());
            let last = until.with_timezone(&zone).date_naive();
            while day <= last {
                if let Some((opens, closes)) = only.on(zone, day) {
                    add(opens);
                    add(closes);
                }
                let Some(next) = day.succ_opt() else { break };
                day = next;
            }
        }
    }
}

impl Only {
    /// Whether an instant lies in it.
    #[must_use]
    pub fn contains(&self, zone: Tz, at: Instant) -> bool {
        let today = at.with_timezone(&zone).date_naive();
        // One that began yesterday may still run; around a change of clocks at midnight, also the day before that.
        let days = [Some(today), today.pred_opt(), Some(day_before(today)), today.succ_opt()];
        let on = |day: NaiveDate| self.on(zone, day).is_some_and(|(opens, closes)| opens <= at && at < closes);
        days.into_iter().flatten().any(on)
    }

    /// When it begins and ends on the day it begins; `None` on other days.
    fn on(&self, zone: Tz, day: NaiveDate) -> Option<(Instant, Instant)> {
        let weekday = usize::try_from(day.weekday().num_days_from_monday()).unwrap_or(0);
        if !self.days.get(weekday).copied().unwrap_or(false) {
            return None;
        }
        let midnight = day.and_time(NaiveTime::MIN);
        let over_midnight = if self.to <= self.from { TimeDelta::days(1) } else { TimeDelta::zero() };
        let minute = |minute: u16| TimeDelta::minutes(i64::from(minute));
        let opens = midnight.checked_add_signed(minute(self.from))?;
        let closes = midnight.checked_add_signed(minute(self.to) + over_midnight)?;
        Some((instant_of(zone, opens), instant_of(zone, closes)))
    }
}

/// Two days before, so that whatever reaches into a day was looked at.
fn day_before(day: NaiveDate) -> NaiveDate {
    day.checked_sub_signed(TimeDelta::days(2)).unwrap_or(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    fn local(text: &str) -> NaiveDateTime {
        text.parse().unwrap()
    }

    fn rotation(start: &str, every: TimeDelta) -> Rotation {
        let people = ["a", "b", "c"].map(PersonName::from).to_vec();
        Rotation { people, every, start: local(start), only: Vec::new() }
    }

    /// The hand-over that lies in each of the two nights, a minute before and at it.
    #[test]
    fn hand_overs_keep_their_time_of_day_over_both_clock_changes() {
        use chrono_tz::{
            America::{Chicago, Denver, Phoenix},
            Australia::Lord_Howe,
        };
        let rows = [
            // Zone, start of the rotation, an instant of hand-over, who comes; what it shows.
            (Denver, "2026-10-26T17:00:00", "2026-11-02T17:00:00-07:00", "b", "the Monday after the autumn night"),
            (Denver, "2026-03-02T17:00:00", "2026-03-09T17:00:00-06:00", "b", "the Monday after the spring night"),
            (Chicago, "2026-10-31T08:00:00", "2026-11-07T08:00:00-06:00", "b", "Saturdays, the autumn night between"),
            (Chicago, "2026-03-07T08:00:00", "2026-03-14T08:00:00-05:00", "b", "Saturdays, the spring night between"),
            (Phoenix, "2026-10-26T17:00:00", "2026-11-02T17:00:00-07:00", "b", "no clock changes in Arizona"),
            (Phoenix, "2026-03-02T17:00:00", "2026-03-09T17:00:00-07:00", "b", "nor in spring"),
            (Lord_Howe, "2026-03-30T17:00:00", "2026-04-06T17:00:00+10:30", "b", "half an hour back, in April"),
            (Lord_Howe, "2026-09-28T17:00:00", "2026-10-05T17:00:00+11:00", "b", "half an hour on, in October"),
            // In the nights themselves.
            (Denver, "2026-10-25T01:30:00", "2026-11-01T01:30:00-06:00", "b", "01:30 comes twice, the first is meant"),
            (Denver, "2026-03-01T02:30:00", "2026-03-08T03:30:00-06:00", "b", "02:30 never comes, it is 03:30"),
            (Chicago, "2026-10-25T01:00:00", "2026-11-01T01:00:00-05:00", "b", "01:00 comes twice"),
            (Chicago, "2026-03-01T02:00:00", "2026-03-08T03:00:00-05:00", "b", "02:00 never comes"),
            (
                Lord_Howe,
                "2026-03-29T01:45:00",
                "2026-04-05T01:45:00+11:00",
                "b",
                "01:45 comes twice, half an hour apart",
            ),
            (Lord_Howe, "2026-09-27T02:15:00", "2026-10-04T02:45:00+11:00", "b", "02:15 never comes, it is 02:45"),
        ];
        for (zone, start, when, who, why) in rows {
            let rotation = rotation(start, TimeDelta::weeks(1));
            let when = at(when);
            let said = |at| rotation.person_at(zone, at).map(PersonName::as_str);
            assert_eq!(said(when - TimeDelta::minutes(1)), Some("a"), "{why}: a minute before");
            assert_eq!(said(when), Some(who), "{why}");
            assert_eq!(said(when + TimeDelta::hours(3)), Some(who), "{why}: not handed back");
        }
    }

    #[test]
    fn half_days_stay_at_seven_and_seven() {
        let rotation = rotation("2026-10-31T07:00:00", TimeDelta::hours(12));
        let zone = chrono_tz::America::Denver;
        for (when, who) in [
            ("2026-10-31T18:59:59-06:00", "a"),
            ("2026-10-31T19:00:00-06:00", "b"),
            ("2026-11-01T06:59:59-07:00", "b"),
            ("2026-11-01T07:00:00-07:00", "c"),
            ("2026-11-01T19:00:00-07:00", "a"),
        ] {
            assert_eq!(rotation.person_at(zone, at(when)).map(PersonName::as_str), Some(who), "{when}");
        }
        assert_eq!(rotation.person_at(zone, at("2026-10-31T06:59:59-06:00")), None, "before its start");
    }

    #[test]
    fn hours_over_midnight_belong_to_the_day_they_begin_on() {
        let nights = Only { days: [true, true, true, true, true, false, false], from: 17 * 60, to: 8 * 60 };
        let zone = chrono_tz::America::Denver;
        for (when, is, why) in [
            ("2026-11-30T16:59:59-07:00", false, "Monday before five"),
            ("2026-11-30T17:00:00-07:00", true, "Monday at five"),
            ("2026-12-01T07:59:59-07:00", true, "until Tuesday morning"),
            ("2026-12-01T08:00:00-07:00", false, "eight is out"),
            ("2026-12-05T07:59:59-07:00", true, "Friday's night ends on Saturday"),
            ("2026-12-05T17:00:00-07:00", false, "Saturday's is not named"),
            ("2026-11-30T03:00:00-07:00", false, "Sunday's neither"),
        ] {
            assert_eq!(nights.contains(zone, at(when)), is, "{why}");
        }
        let whole = Only { days: [false, false, false, false, false, true, true], from: 0, to: 1440 };
        assert!(
            whole.contains(zone, at("2026-12-06T23:59:59-07:00"))
                && !whole.contains(zone, at("2026-12-07T00:00:00-07:00"))
        );
        let same = Only { days: [true; 7], from: 480, to: 480 };
        assert!(same.contains(zone, at("2026-12-06T08:00:00-07:00")), "from eight to eight is all day");
    }
}
