//! What was billed: found by client or caregiver and by days, and how a row is written.

use serde_json::{Value, json};

use super::{
    search::{Filters, date, days_span},
    shapes::Pen,
};
use crate::sim::{
    edge::Call,
    switches::{Endpoint, Switches},
    world::{Bill, World},
};

/// The charges that begin in the days asked for. Days and ids are numbers here, and one of both ids is needed.
pub(super) fn found<'a>(
    switches: &Switches,
    world: &'a World,
    call: &Call,
    filters: &Filters,
) -> Result<Vec<&'a Bill>, &'static str> {
    let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
    let numbers = ["startDate", "endDate", "clientId", "caregiverId"];
    if numbers.iter().any(|name| body.get(*name).is_some_and(|value| !value.is_u64())) {
        return Err("Validation failed: startDate, endDate, clientId and caregiverId must be integers");
    }
    let (client, caregiver) = (filters.get("clientId"), filters.get("caregiverId"));
    if client.is_none() && caregiver.is_none() {
        return Err("Validation failed: clientId or caregiverId is required");
    }
    let day = |name: &str| match filters.get(name) {
        None => Ok(None),
        Some(text) => date(text).map(Some).ok_or("Validation failed: startDate and endDate must be YYYYMMDD"),
    };
    let from = day("startDate")?.map(|first| days_span(switches, world, first, 1).0);
    let to = day("endDate")?.map(|last| days_span(switches, world, last, 1).1);
    let inside = |bill: &&Bill| {
        from.is_none_or(|from| bill.start >= from)
            && to.is_none_or(|to| bill.start < to)
            && client.is_none_or(|id| bill.client == *id)
            && caregiver.is_none_or(|id| bill.caregiver.as_ref() == Some(id))
    };
    let mut rows: Vec<&Bill> = world.bills().filter(inside).collect();
    rows.sort_by(|a, b| (a.start, &a.id).cmp(&(b.start, &b.id)));
    Ok(rows)
}

pub(super) fn written(pen: &Pen<'_>, row: &Bill, nth: usize) -> Value {
    let performer: Vec<Value> =
        row.caregiver.iter().map(|id| json!({ "reference": format!("Practitioner/{id}") })).collect();
    json!({
        "resourceType": "ChargeItem",
        "id": pen.id(Endpoint::ChargeItem, &row.id, nth),
        "subject": { "reference": format!("Patient/{}", row.client) },
        "performer": performer,
        "occurrencePeriod": { "start": pen.charge_time(row.start), "end": pen.charge_time(row.end) },
        "quantity": { "value": row.hours },
    })
}
