//! `overtime_ahead {weekly_hours}`: what a caregiver has worked in a week and is still to work comes to more than so many
//! hours.
//!
//! A visit that is over counts as it was; everything else as it is planned: a visit that runs, a shift that is to come, and
//! one that passed without a check-in, of which nobody knows. What somebody worked without a shift is not counted.

use chrono::{NaiveDate, TimeDelta};

use crate::{
    mirror::{Mirror, shifts::ShiftEntry},
    model::{CaregiverId, Instant, Subject, week::bounds},
    rules::{
        exception::Exception,
        finding::{Closing, Tells, Window},
        look::{Look, Particulars},
    },
};

/// Nobody looks back for a shift that lasted longer.
const LONGEST: TimeDelta = TimeDelta::hours(25);

/// What a week comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Projection {
    /// Worked and planned together.
    pub total: TimeDelta,
    /// The start of the shift that goes over the limit, and when all that counts up to it was known.
    pub crosses: Option<(Instant, Instant)>,
}

/// Sums a week up.
#[must_use]
pub fn project(limit: TimeDelta, caregiver: &CaregiverId, week: NaiveDate, mirror: &Mirror) -> Projection {
    let (from, until) = bounds(mirror.settings().timezone, week);
    let mut projection = Projection { total: TimeDelta::zero(), crosses: None };
    let mut known_at = Instant::MIN_UTC;
    for entry in mirror.shifts().of_caregiver_starting(caregiver, from - LONGEST, until) {
        if entry.shift.is_cancelled() || mirror.is_inactive(&entry.shift.key.client) {
            continue;
        }
        projection.total += time_in(entry, caregiver, from, until, mirror);
        known_at = known_at.max(entry.known_at());
        if projection.total > limit && projection.crosses.is_none() {
            projection.crosses = Some((entry.shift.start().max(from), known_at));
        }
    }
    projection
}

fn time_in(entry: &ShiftEntry, caregiver: &CaregiverId, from: Instant, until: Instant, mirror: &Mirror) -> TimeDelta {
    let inside = |a: Instant, b: Instant| (b.min(until) - a.max(from)).max(TimeDelta::zero());
    let planned = inside(entry.shift.start(), entry.shift.end);
    let mut worked = TimeDelta::zero();
    let mut any = false;
    for visit in mirror.visits_of(entry) {
        any = true;
        if visit.visit.caregiver.as_ref().is_some_and(|other| other != caregiver) {
            continue;
        }
        let at = |time| mirror.visit_instant(visit, time);
        match visit.visit.check_in.and_then(at).zip(visit.visit.check_out.and_then(at)) {
            Some((came, left)) => worked += inside(came, left),
            None => return planned,
        }
    }
    if any { worked } else { planned }
}

fn hours(weekly_hours: f64) -> TimeDelta {
    #[expect(clippy::cast_possible_truncation, reason = "at most the hours of a week")]
    TimeDelta::seconds((weekly_hours * 3_600.0).round() as i64)
}

/// The window of a caregiver's week: from when it is known until the week is over.
#[must_use]
pub fn look(weekly_hours: f64, caregiver: &CaregiverId, week: NaiveDate, mirror: &Mirror) -> Look {
    let Some((_, known_at)) = project(hours(weekly_hours), caregiver, week, mirror).crosses else {
        return Look::never(Closing::Recovered);
    };
    let (_, until) = bounds(mirror.settings().timezone, week);
    Look::certain(Window { opens_at: known_at, closes_at: Some(until) }, known_at)
}

/// What its alert tells: how many hours, and from which shift on they are too many.
#[must_use]
pub fn particulars(weekly_hours: f64, caregiver: &CaregiverId, week: NaiveDate, mirror: &Mirror) -> Particulars {
    let projection = project(hours(weekly_hours), caregiver, week, mirror);
    let subject = Subject::CaregiverWeek(caregiver.clone(), week);
    let row = mirror.caregiver(caregiver);
    let minutes = projection.total.num_minutes();
    Particulars {
        deadline: projection.crosses.map(|(at, _)| at),
        location: mirror.settings().location_label(row.and_then(|row| row.location.as_ref())),
        caregiver: Some(caregiver.clone()),
        annotations: vec![("projected".to_owned(), format!("{}h{:02}", minutes / 60, minutes % 60))],
        ..Particulars::of(&subject, Tells::Exception(Exception::OvertimeAhead))
    }
}
