//! What may be written on the record: task logs on visits, admin tasks.

use serde::Serialize;
use serde_json::{Value, json};

use super::gate;
use crate::{
    model::Instant,
    sim::{
        edge::{Call, Reply},
        switches::Switches,
        world::World,
    },
};

/// Something that was written on the record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Written {
    /// Its id.
    pub id: u64,
    /// The visit of a task log; `None` for an admin task.
    pub visit: Option<String>,
    /// The body as it came.
    pub body: Value,
    /// When, on the world's clock.
    pub at: Instant,
}

/// The vendor's longest description of an admin task.
const DESCRIPTION_MAX: usize = 5_000;
const FIRST_ID: u64 = 4_201;

/// The task logs of a visit, with those that were written.
pub(super) fn with_written(mut listed: Reply, rows: &[Written], switches: &Switches, visit: &str) -> Reply {
    if switches.task_log_rejects.iter().any(|id| id == visit) {
        return Reply::json(404, &json!({ "error": "Resource not found" }));
    }
    let mut bundle: Value = serde_json::from_slice(&listed.body).unwrap_or_default();
    if let Some(entries) = bundle.get_mut("entry").and_then(Value::as_array_mut) {
        for it in rows.iter().filter(|it| it.visit.as_deref() == Some(visit)) {
            let mut row = it.body.clone();
            row["id"] = json!(it.id.to_string());
            entries.push(row);
        }
        let total = entries.len();
        bundle["total"] = json!(total);
        listed.body = bundle.to_string().into();
    }
    listed
}

/// Makes a task log of a visit.
pub(super) fn put_task_log(
    rows: &mut Vec<Written>,
    switches: &Switches,
    world: &World,
    call: &Call,
    visit: &str,
) -> Reply {
    if world.visit(visit).is_none() || switches.task_log_rejects.iter().any(|id| id == visit) {
        return Reply::json(404, &json!({ "error": "Resource not found" }));
    }
    let body = match body(call) {
        Ok(body) => body,
        Err(refused) => return *refused,
    };
    let lacks = |name: &str| body.get(name).and_then(Value::as_str).is_none_or(str::is_empty);
    if ["title", "description", "status", "recorded"].iter().any(|name| lacks(name)) {
        return gate::invalid("Validation failed: a field is required");
    }
    let id = put(rows, Some(visit.to_owned()), body, world.now());
    Reply::json(200, &json!({ "success": true, "taskLogId": id.to_string() }))
}

/// Makes an admin task.
pub(super) fn admin_task(rows: &mut Vec<Written>, world: &World, call: &Call) -> Reply {
    let body = match body(call) {
        Ok(body) => body,
        Err(refused) => return *refused,
    };
    let tags = body.pointer("/meta/tag").and_then(Value::as_array).cloned().unwrap_or_default();
    if !tags.iter().any(|tag| tag.get("code") == Some(&json!("agencyId"))) {
        return gate::invalid("'agencyId' is required.");
    }
    let requesters = body.get("requester").and_then(Value::as_array).cloned().unwrap_or_default();
    if requesters.is_empty() || requesters.iter().any(|it| it.get("id").is_none_or(|id| !id.is_u64())) {
        return gate::invalid("Validation failed: requester");
    }
    let description = body.get("description").and_then(Value::as_str).unwrap_or_default();
    let known = ["status", "description", "executionDate", "dueDate", "requester", "owner", "meta"];
    let strange = body.as_object().is_some_and(|fields| fields.keys().any(|name| !known.contains(&name.as_str())));
    if description.is_empty() || description.chars().count() > DESCRIPTION_MAX || strange {
        return gate::invalid("Validation failed: description");
    }
    let id = put(rows, None, body, world.now());
    Reply::json(200, &json!({ "resourceType": "AdminTask", "id": id }))
}

fn put(rows: &mut Vec<Written>, visit: Option<String>, body: Value, at: Instant) -> u64 {
    let id = FIRST_ID + rows.len() as u64;
    rows.push(Written { id, visit, body, at });
    id
}

/// Refuses what the vendor refuses in any text: control characters, and what needs a surrogate pair.
fn body(call: &Call) -> Result<Value, Box<Reply>> {
    let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
    let refused = |c: char| u32::from(c) > 0xFFFF || (c.is_control() && !matches!(c, '\t' | '\r' | '\n'));
    let fields = body.as_object().ok_or_else(|| Box::new(gate::invalid("Validation failed: body")))?;
    if fields.values().filter_map(Value::as_str).any(|text| text.chars().any(refused)) {
        return Err(Box::new(gate::invalid("Validation failed: text")));
    }
    Ok(body)
}
