//! Overtime: payable minutes beyond the limits of a day and of a week, in the order in which they were worked.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::terms::{Minute, Terms};

/// What one caregiver's week comes to, as far as the period holds it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct WeekPay {
    pub(super) payable: Minute,
    pub(super) overtime: Minute,
}

/// Days as stretches of minutes, by their start; the last bound closes them.
#[derive(Debug)]
pub(super) struct Calendar {
    starts: Vec<(Minute, NaiveDate)>,
    until: Minute,
}

impl Calendar {
    /// Of consecutive days.
    pub(super) fn new(starts: Vec<(Minute, NaiveDate)>, until: Minute) -> Self {
        Self { starts, until }
    }

    /// A stretch cut at midnights, with the day of each piece; what lies outside of the calendar is left out.
    pub(super) fn cut(&self, from: Minute, until: Minute) -> impl Iterator<Item = (NaiveDate, Minute, Minute)> {
        let first = self.starts.partition_point(|(start, _)| *start <= from).saturating_sub(1);
        self.starts[first..]
            .iter()
            .enumerate()
            .map(move |(place, (start, day))| {
                let end = self.starts.get(first + place + 1).map_or(self.until, |(next, _)| *next);
                (*day, from.max(*start), until.min(end))
            })
            .take_while(move |(_, piece, _)| *piece < until)
            .filter(|(_, from, until)| from < until)
    }
}

/// The union of stretches, in order.
pub(super) fn union(mut stretches: Vec<(Minute, Minute)>) -> Vec<(Minute, Minute)> {
    stretches.sort_unstable();
    let mut whole: Vec<(Minute, Minute)> = Vec::with_capacity(stretches.len());
    for (from, until) in stretches {
        match whole.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(until),
            _ => whole.push((from, until)),
        }
    }
    whole
}

/// The weeks of one caregiver. `worked` is a union; only minutes of `within` are given out, all count towards the limits.
pub(super) fn weeks(
    worked: &[(Minute, Minute)],
    within: (Minute, Minute),
    calendar: &Calendar,
    terms: &Terms,
) -> BTreeMap<NaiveDate, WeekPay> {
    let mut weeks: BTreeMap<NaiveDate, WeekPay> = BTreeMap::new();
    let (mut day_now, mut of_day) = (None, 0);
    let (mut week_now, mut of_week) = (None, 0);
    for (from, until) in worked {
        for (day, from, until) in calendar.cut(*from, *until) {
            let week = terms.week_of(day);
            if day_now.replace(day) != Some(day) {
                of_day = 0;
            }
            if week_now.replace(week) != Some(week) {
                of_week = 0;
            }
            let length = until - from;
            // The first minutes of a piece are within the day's limit, the rest are overtime by the day.
            let by_day = terms.daily_overtime_after.map_or(length, |limit| (limit - of_day).clamp(0, length));
            // Of those within it, the first are within the week's.
            let regular = (terms.overtime_after - of_week).clamp(0, by_day);
            of_day += length;
            of_week += by_day;
            let inside = |from: Minute, until: Minute| (until.min(within.1) - from.max(within.0)).max(0);
            let payable = inside(from, until);
            if payable > 0 {
                let pay = weeks.entry(week).or_default();
                pay.payable += payable;
                pay.overtime += inside(from + regular, until);
            }
        }
    }
    weeks
}
