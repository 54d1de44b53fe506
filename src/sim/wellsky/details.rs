//! What hangs under a visit, and the list of care activities.

use serde_json::{Value, json};

use super::gate;
use crate::sim::{
    edge::{Call, Reply},
    world::{World, later},
};

/// The log of a visit: nothing while it runs, two entries once it is over. `total`, not `totalRecords`.
pub(super) fn task_log(world: &World, visit: &str) -> Reply {
    let Some(row) = world.visit(visit) else {
        return Reply::json(404, &json!({ "error": "Resource not found" }));
    };
    let marker = world.marker();
    let entries: Vec<Value> = row.end.filter(|end| later(*end, 0) <= world.now()).map_or_else(Vec::new, |end| {
        let recorded = end.naive_utc().format("%Y-%m-%dT%H:%M:%S").to_string();
        vec![
            json!({ "id": "4101", "title": "Meal Preparation", "description": format!("{marker}Lunch"),
                    "status": "COMPLETE", "comment": format!("{marker}ate well"), "recorded": recorded }),
            json!({ "id": 4102, "title": "Bathing", "description": "", "status": "NOT_COMPLETE",
                    "comment": format!("{marker}refused"), "recorded": recorded }),
        ]
    });
    Reply::json(
        200,
        &json!({ "resourceType": "Bundle", "type": "searchset", "total": entries.len(), "entry": entries }),
    )
}

/// The activities of one kind. Its shape is a guess: no source shows one.
pub(super) fn activities(call: &Call) -> Reply {
    let kind = call.query().into_iter().find(|(name, _)| name == "activity_type").map(|(_, value)| value);
    let names: [&str; 3] = match kind.as_deref() {
        Some("ADL") => ["Bathing", "Dressing", "Mobility"],
        Some("IADL") => ["Meal Preparation", "Laundry", "Shopping"],
        _ => return gate::invalid("activity_type must be ADL or IADL"),
    };
    let rows: Vec<Value> =
        names.iter().enumerate().map(|(n, name)| json!({ "id": n + 1, "name": name, "type": kind })).collect();
    Reply::json(200, &Value::Array(rows))
}
