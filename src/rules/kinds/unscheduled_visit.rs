//! `unscheduled_visit`: somebody checked in, and no shift is theirs.
//!
//! Known only from a schedule that was read since, or shortly before: the shift may have been entered meanwhile. A
//! client that the whole list does not name has none.

use chrono::TimeDelta;

use super::{LISTED, visit};
use crate::{
    mirror::{Mirror, visits::VisitEntry},
    model::{Instant, Section, VisitId},
    rules::{
        exception::Exception,
        finding::{Closing, Tells, Window},
        look::{Evidence, Look, Particulars, State, Wants},
    },
};

/// How far a shift may lie from a check-in and be named as the one that was perhaps meant.
const NEAR: TimeDelta = TimeDelta::hours(12);

/// The window of a visit.
#[must_use]
pub fn look(id: &VisitId, mirror: &Mirror) -> Look {
    let Some(entry) = mirror.visit(id) else { return Look::never(Closing::Removed) };
    if entry.shift.is_some() {
        return Look::never(Closing::Recovered);
    }
    let Some(check_in) = entry.visit.check_in else { return Look::never(Closing::Recovered) };
    let Some(at) = mirror.visit_instant(entry, check_in) else { return Look::unsettled(Section::Visits) };
    let window = Window { opens_at: at, closes_at: Some(at + LISTED) };
    let Some(client) = &entry.visit.client else { return Look::certain(window, at) };
    if mirror.client(client).is_none() && mirror.shifts().n_of_client(client) == 0 {
        let is_whole = mirror.section(Section::Clients).full_at.is_some();
        return if is_whole { Look::certain(window, at) } else { Look::unsettled(Section::Clients) };
    }
    let read_at = mirror.shifts_read_at(client, at);
    Look {
        window: Some(window),
        state: State::Bad,
        evidence: [Some(Evidence { at: read_at, section: Section::Shifts, wants: Wants::Row }), None],
        evidence_at: read_at,
        edge: None,
    }
}

/// What its alert tells: with the shift that was perhaps meant, and who is on it.
#[must_use]
pub fn particulars(entry: &VisitEntry, mirror: &Mirror) -> Particulars {
    let mut particulars = visit::particulars(entry, mirror, Tells::Exception(Exception::UnscheduledVisit));
    let at: Option<Instant> = entry.visit.check_in.and_then(|time| mirror.visit_instant(entry, time));
    if let Some((client, at)) = entry.visit.client.as_ref().zip(at) {
        let near = mirror
            .shifts()
            .of_client(client)
            .filter(|shift| !shift.shift.is_cancelled() && (shift.shift.start() - at).abs() <= NEAR)
            .min_by_key(|shift| ((shift.shift.start() - at).abs(), shift.shift.key.clone()));
        if let Some(near) = near {
            particulars.annotations.push(("perhaps".to_owned(), near.shift.key.label(false)));
            if let Some(caregiver) = &near.shift.caregiver {
                particulars.annotations.push(("planned_caregiver".to_owned(), caregiver.to_string()));
            }
        }
    }
    particulars
}
