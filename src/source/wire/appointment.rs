//! Shifts: the vendor's Appointment.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use chrono::TimeDelta;
use serde_json::Value;

use super::{
    detail, reject, time,
    value::{reference, text, usable_id},
};
use crate::{
    details::rows::ShiftTasksBody,
    model::{CaregiverId, ClientId, Endpoint, Instant, Shift, ShiftId, ShiftKey, ShiftRef, ShiftStatus},
    source::fetched::{RejectedRow, Span},
};

/// No shift is longer. One that says so has a mistyped end: it is kept, because its start is as good as any other's, and
/// taken to last so long, so that nothing waits for, or is asked up to, the year 9999.
const SHIFT_MAX: TimeDelta = TimeDelta::days(31);

/// The rows of one client's shift search that start inside `span`, and the refused ones.
///
/// The vendor is believed to ignore filters it does not know, so both filters are applied again here. A row
/// without a client belongs to the one that was asked for, unless the answer holds rows of others: then the
/// filter was plainly ignored and the row could be anybody's.
/// Of rows with one key inside a page, the one that calls for attention stays: active before cancelled, uncovered
/// before covered. Over pages the later one stays; it was read later.
#[must_use]
pub fn shifts(pages: &[Vec<Value>], asked: &ClientId, span: Span) -> (Vec<Shift>, Vec<RejectedRow>) {
    let filtered = !pages.iter().flatten().any(|row| named_client(row).is_some_and(|named| named != *asked));
    let fallback = filtered.then_some(asked);
    let mut rejected = Vec::new();
    let mut shifts: Vec<(usize, Shift)> = Vec::new();
    let mut place: HashMap<ShiftKey, usize> = HashMap::new();
    let mut seen_unnumbered = HashSet::new();
    let mut ordinals: HashMap<(Instant, Instant), u32> = HashMap::new();
    for (page, rows) in pages.iter().enumerate() {
        let mut in_page: HashMap<(Instant, Instant, Option<CaregiverId>), u32> = HashMap::new();
        for row in rows {
            let mut shift = match shift(row, fallback) {
                Ok(shift) => shift,
                Err(refused) => {
                    if refused.client.as_ref().is_none_or(|named| named == asked) {
                        rejected.push(refused);
                    }
                    continue;
                }
            };
            if shift.key.client != *asked || !span.contains(shift.key.start) {
                continue;
            }
            if let ShiftRef::Ordinal { n, .. } = &mut shift.key.id {
                // Equal rows of one page are different shifts; equal rows of two pages are one, seen twice.
                let nth = in_page.entry((shift.key.start, shift.end, shift.caregiver.clone())).or_default();
                let new = seen_unnumbered.insert((shift.key.start, shift.end, shift.caregiver.clone(), *nth));
                *nth += 1;
                if !new {
                    continue;
                }
                let next = ordinals.entry((shift.key.start, shift.end)).or_default();
                *n = *next;
                *next += 1;
            }
            if let Some(&at) = place.get(&shift.key) {
                let (page_before, before) = &shifts[at];
                if *page_before < page || urgency(&shift) >= urgency(before) {
                    shifts[at] = (page, shift);
                }
            } else {
                place.insert(shift.key.clone(), shifts.len());
                shifts.push((page, shift));
            }
        }
    }
    (shifts.into_iter().map(|(_, shift)| shift).collect(), rejected)
}

fn urgency(shift: &Shift) -> u8 {
    match (shift.is_cancelled(), shift.is_uncovered()) {
        (true, _) => 0,
        (false, false) => 1,
        (false, true) => 2,
    }
}

/// The key that tells a raw row from others while pages are compared; never shown.
#[must_use]
pub fn page_key(row: &Value) -> Option<String> {
    let id = usable_id(row.get("id")).unwrap_or_else(|| {
        let whose = caregiver(row).ok().flatten().map_or_else(String::new, |caregiver| caregiver.to_string());
        format!("-{}-{whose}", text(row.get("end")).unwrap_or_default())
    });
    let client = named_client(row).map_or_else(String::new, |client| client.to_string());
    Some(format!("{id}|{}|{client}", text(row.get("start"))?))
}

fn named_client(row: &Value) -> Option<ClientId> {
    reference(row.get("client"), "Patient")
}

/// What the rows say is to be done in each of `shifts`. Rows without an id are left out: nothing tells them apart for long.
#[must_use]
pub fn tasks(pages: &[Vec<Value>], asked: &ClientId, shifts: &[Shift]) -> Vec<(ShiftKey, ShiftTasksBody)> {
    let wanted: HashSet<&ShiftKey> = shifts.iter().map(|shift| &shift.key).collect();
    pages
        .iter()
        .flatten()
        .filter_map(|row| Some((shift(row, Some(asked)).ok()?.key, detail::shift_tasks(row))))
        .filter(|(key, _)| matches!(key.id, ShiftRef::Vendor(_)) && wanted.contains(key))
        .collect()
}

/// One row. `fallback` is the client of a row that names none.
fn shift(row: &Value, fallback: Option<&ClientId>) -> Result<Shift, RejectedRow> {
    let client = named_client(row).or_else(|| fallback.cloned().filter(|_| unnamed(row)));
    let refuse = |reason| Err(reject(Endpoint::Appointment, row, client.clone(), reason));
    if !row.is_object() {
        return refuse("the row is no object");
    }
    let Some(client) = &client else { return refuse("the shift names no client") };
    let Some(start) = instant(row, "start") else { return refuse("the shift has no readable start") };
    let Some(end) = instant(row, "end") else { return refuse("the shift has no readable end") };
    if end < start {
        return refuse("the shift ends before it starts");
    }
    let end = end.min(start + SHIFT_MAX);
    let Ok(caregiver) = caregiver(row) else { return refuse("the shift's caregiver is unreadable") };
    let id = usable_id(row.get("id"))
        .map_or(ShiftRef::Ordinal { end, n: 0 }, |id| ShiftRef::Vendor(ShiftId::new(id.as_str())));
    Ok(Shift { key: ShiftKey { start, client: client.clone(), id }, end, caregiver, status: status(row) })
}

/// True when the row says nothing about a client, as opposed to something unreadable.
fn unnamed(row: &Value) -> bool {
    match row.get("client") {
        None | Some(Value::Null) => true,
        Some(Value::Object(map)) => map.get("id").is_none_or(Value::is_null) && !map.contains_key("reference"),
        Some(_) => false,
    }
}

fn instant(row: &Value, field: &str) -> Option<Instant> {
    row.get(field).and_then(Value::as_str).and_then(time::parse_utc)
}

/// The usable caregiver. `Ok(None)` for every known shape of nobody: absent, null, `{}`, or an id that is null,
/// blank or zero. A shape nobody has described is an error, not an open shift: it would page somebody.
fn caregiver(row: &Value) -> Result<Option<CaregiverId>, ()> {
    let said = match row.get("caregiver") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(items)) if items.is_empty() => return Ok(None),
        Some(said) => said,
    };
    if let Some(id) = reference(Some(said), "Practitioner") {
        return Ok(Some(id));
    }
    let inner = match said {
        Value::Object(map) if map.contains_key("reference") => map.get("reference"),
        Value::Object(map) => map.get("id"),
        other => Some(other),
    };
    match inner {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.contains('/') => Ok(None),
        Some(Value::Number(number)) if number.as_u64() == Some(0) => Ok(None),
        Some(_) => Err(()),
    }
}

fn status(row: &Value) -> ShiftStatus {
    match text(row.get("status")) {
        Some(said) if said.eq_ignore_ascii_case("cancelled") || said.eq_ignore_ascii_case("canceled") => {
            ShiftStatus::Cancelled
        }
        said => ShiftStatus::Active(said.map(Arc::from)),
    }
}
