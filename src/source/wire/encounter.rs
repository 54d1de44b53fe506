//! Visits: the vendor's Encounter.

use std::collections::HashMap;

use chrono::TimeDelta;
use chrono_tz::Tz;
use serde_json::Value;

use super::{
    reject, time,
    value::{list, reference, text, usable_id},
};
use crate::{
    model::{CaregiverId, ClientId, Endpoint, ShiftId, Visit, VisitId, VisitTime, local_time::instant_of},
    source::fetched::{RejectedRow, Span},
};

/// A visit that began so long before what is asked for may still be going on.
const DAYS_BEFORE: TimeDelta = TimeDelta::days(3);

/// The rows of one visit search that may have checked in inside `span`, and the refused ones.
///
/// A naive check-in is kept when either reading of it (UTC, or `zone`'s wall clock) lies in the span; a visit
/// without a check-in is kept. Of the whole agency so are rows of the days before: whole days are asked for, and a late
/// check-out is news, while what is missing is judged by the span alone. With `asked`, rows that name another client are left out. Over pages the later
/// row with an id stays.
#[must_use]
pub fn visits(pages: &[Vec<Value>], asked: Option<&ClientId>, span: Span, zone: Tz) -> (Vec<Visit>, Vec<RejectedRow>) {
    let foreign = |row: &Value| asked.is_some_and(|asked| named_client(row).is_some_and(|named| named != *asked));
    let fallback = asked.filter(|_| !pages.iter().flatten().any(foreign));
    let kept = Span { from: span.from - if asked.is_none() { DAYS_BEFORE } else { TimeDelta::zero() }, ..span };
    let mut rejected = Vec::new();
    let mut visits: Vec<Visit> = Vec::new();
    let mut place: HashMap<VisitId, usize> = HashMap::new();
    for row in pages.iter().flatten() {
        match visit(row, fallback) {
            Err(refused) => {
                if asked.is_none() || refused.client.is_none() || refused.client.as_ref() == asked {
                    rejected.push(refused);
                }
            }
            Ok(visit) if asked.is_some() && visit.client.is_some() && visit.client.as_ref() != asked => {}
            Ok(visit) if !visit.check_in.is_none_or(|at| may_lie_in(at, kept, zone)) => {}
            Ok(visit) => {
                if let Some(&at) = place.get(&visit.id) {
                    visits[at] = visit;
                } else {
                    place.insert(visit.id.clone(), visits.len());
                    visits.push(visit);
                }
            }
        }
    }
    (visits, rejected)
}

/// Whether `time` lies in the span under at least one of its readings.
#[must_use]
pub fn may_lie_in(time: VisitTime, span: Span, zone: Tz) -> bool {
    match time {
        VisitTime::Instant(at) => span.contains(at),
        VisitTime::Naive(local) => span.contains(local.and_utc()) || span.contains(instant_of(zone, local)),
    }
}

/// The key that tells a raw row from others while pages are compared.
#[must_use]
pub fn page_key(row: &Value) -> Option<String> {
    visit(row, None).ok().map(|visit| visit.id.to_string())
}

/// The check-in as written, for seeing whether pages came newest first.
#[must_use]
pub fn check_in(row: &Value) -> Option<VisitTime> {
    row.get("period").and_then(|period| period.get("start")).and_then(Value::as_str).and_then(time::parse)
}

fn named_client(row: &Value) -> Option<ClientId> {
    reference(row.get("subject"), "Patient").or_else(|| reference(row.get("client"), "Patient"))
}

/// One row, by search or by id.
///
/// A row without an id gets one made of client, shift and check-in: a check-in that was seen must not be lost
/// over a missing number. It is the same in every read as long as these stay the same.
pub fn visit(row: &Value, fallback: Option<&ClientId>) -> Result<Visit, RejectedRow> {
    let client = named_client(row).or_else(|| fallback.cloned());
    let refuse = |reason| Err(reject(Endpoint::Encounter, row, client.clone(), reason));
    if !row.is_object() {
        return refuse("the row is no object");
    }
    let period = row.get("period").unwrap_or(&Value::Null);
    let Ok(check_in) = moment(period.get("start")) else { return refuse("the visit's check-in is unreadable") };
    let Ok(check_out) = moment(period.get("end")) else { return refuse("the visit's check-out is unreadable") };
    let shift: Option<ShiftId> = reference(row.get("appointment"), "Appointment");
    if client.is_none() && shift.is_none() {
        return refuse("the visit names neither a client nor a shift");
    }
    let unnumbered = || {
        let client = client.as_ref().map_or("", ClientId::as_str);
        let shift = shift.as_ref().map_or("", ShiftId::as_str);
        VisitId::new(format!("unnumbered-{client}-{shift}-{}", text(period.get("start")).unwrap_or_default()))
    };
    let id = usable_id(row.get("id")).map_or_else(unnumbered, |id| VisitId::new(id.as_str()));
    Ok(Visit { id, client, caregiver: caregiver(row), shift, check_in, check_out, status: text(row.get("status")) })
}

/// Absent, null and blank are `Ok(None)`; anything else must be a time.
fn moment(value: Option<&Value>) -> Result<Option<VisitTime>, ()> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Value::String(text)) => time::parse(text).map(Some).ok_or(()),
        Some(_) => Err(()),
    }
}

/// The first participant that is a caregiver: an object with `Individual` (or `individual`), or FHIR's list.
fn caregiver(row: &Value) -> Option<CaregiverId> {
    list(row.get("participant")).find_map(|participant| {
        ["Individual", "individual"]
            .into_iter()
            .find_map(|name| reference(participant.get(name), "Practitioner"))
            .or_else(|| reference(Some(participant), "Practitioner"))
    })
}
