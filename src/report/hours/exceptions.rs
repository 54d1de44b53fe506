//! The list of what is not as planned, from shifts and visits that found each other.

use std::collections::HashMap;

use super::{
    answer::{Exception, ExceptionKind},
    rows::{PlannedRow, VisitRow},
    sum::{Counted, Laid, Unseen},
    terms::{Minute, Terms, minute_of},
};
use crate::model::CaregiverId;

/// Nobody stays longer.
const LONGEST: Minute = 24 * 60;

/// What `shifts` and `laid` have that is not as planned, of whatever begins in `within`.
pub(super) fn list(
    shifts: &[PlannedRow],
    laid: &[Laid<'_>],
    unseen: &Unseen<'_>,
    terms: &Terms,
    within: (Minute, Minute),
    now: Minute,
) -> Vec<Exception> {
    let begins = |minute: Minute| within.0 <= minute && minute < within.1;
    let mut of_shift: HashMap<usize, Vec<&Laid<'_>>> = HashMap::new();
    for one in laid {
        if let Some(place) = one.shift {
            of_shift.entry(place).or_default().push(one);
        }
    }
    let mut list = Vec::new();
    let none = Vec::new();
    for (place, shift) in shifts.iter().enumerate() {
        let (start, end) = (minute_of(shift.start), minute_of(shift.end));
        if shift.cancelled || !begins(start) || end > now {
            continue;
        }
        let visits = of_shift.get(&place).unwrap_or(&none);
        // Where nobody looked, nobody can say that nobody came.
        if visits.is_empty() && shift.caregiver.is_some() && unseen.hides(shift) {
            continue;
        }
        list.extend(of_one_shift(shift, visits, terms, laid, start, end));
    }
    for one in laid.iter().filter(|one| one.begins().is_none_or(begins)) {
        of_one_visit(one, shifts, &mut list);
    }
    overlaps(laid, begins, &mut list);
    list.sort_by(|a, b| (a.at, a.kind, &a.client, &a.visit).cmp(&(b.at, b.kind, &b.client, &b.visit)));
    list
}

fn of_one_shift(
    shift: &PlannedRow,
    visits: &[&Laid<'_>],
    terms: &Terms,
    laid: &[Laid<'_>],
    start: Minute,
    end: Minute,
) -> Option<Exception> {
    let planned = end - start;
    let exception = |kind, worked: Option<Minute>| Exception {
        kind,
        at: Some(shift.start),
        client: Some(shift.client.to_string()),
        caregiver: shift.caregiver.as_ref().map(ToString::to_string),
        shift: shift.id.as_ref().map(ToString::to_string),
        visit: visits.first().map(|one| one.row.id.to_string()),
        scheduled_minutes: Some(planned),
        worked_minutes: worked,
        minutes: worked.map(|worked| worked - planned),
    };
    if visits.is_empty() {
        return match &shift.caregiver {
            None => Some(exception(ExceptionKind::Uncovered, Some(0))),
            Some(_) if carried(shift, laid, start, end) => None,
            Some(_) => Some(exception(ExceptionKind::MissingVisit, Some(0))),
        };
    }
    // How long a shift was worked is known only when all of its visits are over.
    let worked: Option<Minute> =
        visits.iter().map(|one| if one.counted == Counted::Complete { one.minutes() } else { None }).sum();
    let worked = worked?;
    let stayed_on = visits.iter().any(|one| one.until.is_some_and(|until| until > end + terms.variance));
    match worked - planned {
        off if off < -terms.variance && !stayed_on => Some(exception(ExceptionKind::Short, Some(worked))),
        off if off > terms.variance => Some(exception(ExceptionKind::Over, Some(worked))),
        _ => None,
    }
}

/// Whether somebody who had come before stayed through most of a shift without checking in anew.
pub(super) fn carried(shift: &PlannedRow, laid: &[Laid<'_>], start: Minute, end: Minute) -> bool {
    // Sorted by client, then check-in.
    let first = laid.partition_point(|one| one.row.client.as_ref() < Some(&shift.client));
    laid[first..].iter().take_while(|one| one.row.client.as_ref() == Some(&shift.client)).any(|one| {
        one.counted == Counted::Complete
            && one.row.caregiver == shift.caregiver
            && one.overlap(start, end) * 2 > end - start
    })
}

fn of_one_visit(one: &Laid<'_>, shifts: &[PlannedRow], list: &mut Vec<Exception>) {
    let row: &VisitRow = one.row;
    let shift = one.shift.map(|place| &shifts[place]);
    let exception = |kind, minutes| Exception {
        kind,
        at: row.check_in,
        client: row.client.as_ref().map(ToString::to_string),
        caregiver: row.caregiver.as_ref().map(ToString::to_string),
        shift: shift.and_then(|shift| shift.id.as_ref()).or(row.shift.as_ref()).map(ToString::to_string),
        visit: Some(row.id.to_string()),
        scheduled_minutes: shift.map(|shift| minute_of(shift.end) - minute_of(shift.start)),
        worked_minutes: one.minutes(),
        minutes,
    };
    match one.counted {
        Counted::Unknown => return list.push(exception(ExceptionKind::TimeUnknown, None)),
        Counted::Backwards => return list.push(exception(ExceptionKind::Backwards, None)),
        Counted::Open => list.push(exception(ExceptionKind::Open, None)),
        Counted::Complete | Counted::Running => {}
    }
    match (shift, &row.shift) {
        (Some(shift), _) => {
            if shift.caregiver.is_some() && row.caregiver.is_some() && shift.caregiver != row.caregiver {
                list.push(exception(ExceptionKind::OtherCaregiver, None));
            }
        }
        (None, Some(_)) => list.push(exception(ExceptionKind::NoMatch, one.minutes())),
        (None, None) => list.push(exception(ExceptionKind::Unscheduled, one.minutes())),
    }
    if let Some(minutes) = one.minutes().filter(|minutes| *minutes > LONGEST) {
        list.push(exception(ExceptionKind::Long, Some(minutes - LONGEST)));
    }
    if let Some(edited) = row.edited {
        let by = edited.was_minutes.zip(one.minutes()).map(|(was, is)| is - was);
        list.push(exception(ExceptionKind::Edited, by));
    }
}

/// Each visit that begins while another of the same caregiver is on: how many minutes both claim.
fn overlaps(laid: &[Laid<'_>], begins: impl Fn(Minute) -> bool, list: &mut Vec<Exception>) {
    let mut of_caregiver: HashMap<&CaregiverId, Vec<(Minute, Minute, &Laid<'_>)>> = HashMap::new();
    for one in laid {
        if let (Some(caregiver), Some((from, until))) = (&one.row.caregiver, one.stretch()) {
            of_caregiver.entry(caregiver).or_default().push((from, until, one));
        }
    }
    for visits in of_caregiver.values_mut() {
        visits.sort_by(|a, b| (a.0, a.1, &a.2.row.id).cmp(&(b.0, b.1, &b.2.row.id)));
        let mut busy_until = Minute::MIN;
        for (from, until, one) in visits.iter() {
            let both = busy_until.min(*until).max(*from) - from;
            if both > 0 && begins(*from) {
                list.push(Exception {
                    kind: ExceptionKind::Overlap,
                    at: one.row.check_in,
                    client: one.row.client.as_ref().map(ToString::to_string),
                    caregiver: one.row.caregiver.as_ref().map(ToString::to_string),
                    shift: one.row.shift.as_ref().map(ToString::to_string),
                    visit: Some(one.row.id.to_string()),
                    scheduled_minutes: None,
                    worked_minutes: Some(until - from),
                    minutes: Some(both),
                });
            }
            busy_until = busy_until.max(*until);
        }
    }
}
