//! Tasks of shifts, task logs of visits, and the list of care activities.
//!
//! No source shows the shape of the activities, so every list is looked for, and whatever in it has a name counts.

use serde_json::Value;

use super::value::{id, list, text};
use crate::details::rows::{Activity, ShiftTasksBody, Task, TaskLog};

/// What a shift's row says is to be done; empty lists where it says nothing.
#[must_use]
pub fn shift_tasks(row: &Value) -> ShiftTasksBody {
    ShiftTasksBody { items: tasks(row.get("scheduledItems")), tasks: tasks(row.get("tasks")) }
}

fn tasks(value: Option<&Value>) -> Vec<Task> {
    list(value)
        .filter(|task| task.is_object())
        .map(|task| Task {
            id: id(task.get("id")),
            what: first_text(task, &["name", "description", "title"]).unwrap_or_default(),
            status: text(task.get("status")),
        })
        .filter(|task| task.id.is_some() || !task.what.is_empty())
        .collect()
}

/// The entries of a task log. An entry that is no object, or says nothing at all, is left out.
#[must_use]
pub fn task_logs(rows: &[Value]) -> Vec<TaskLog> {
    rows.iter()
        .filter(|row| row.is_object())
        .map(|row| TaskLog {
            id: id(row.get("id")),
            title: text(row.get("title")).unwrap_or_default(),
            description: text(row.get("description")).unwrap_or_default(),
            status: text(row.get("status")),
            comment: text(row.get("comment")).unwrap_or_default(),
            recorded: text(row.get("recorded")),
        })
        .filter(|log| log.id.is_some() || !log.title.is_empty() || !log.comment.is_empty())
        .collect()
}

/// The activities in an answer, wherever they stand in it; `None` when it is no JSON, or holds no list at all.
#[must_use]
pub fn activities(body: &[u8]) -> Option<Vec<Activity>> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let mut found = Vec::new();
    collect(&answer, 0, &mut found).then_some(found)
}

/// Deeper than any list of theirs; an answer made to nest for ever ends here.
const DEPTH_MAX: usize = 8;

/// Takes what has a name out of every list. Gives whether there was a list.
fn collect(value: &Value, depth: usize, found: &mut Vec<Activity>) -> bool {
    if depth > DEPTH_MAX {
        return false;
    }
    match value {
        Value::Array(items) => {
            for item in items {
                let inner = item.get("resource").unwrap_or(item);
                let named = first_text(inner, &["name", "display", "title", "description"])
                    .or_else(|| inner.as_str().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()));
                if let Some(name) = named {
                    found.push(Activity { id: id(inner.get("id").or_else(|| inner.get("code"))), name });
                } else {
                    collect(inner, depth + 1, found);
                }
            }
            true
        }
        // Every list is to be looked into, so no short cut.
        Value::Object(map) => map.values().fold(false, |any, inner| collect(inner, depth + 1, found) | any),
        _ => false,
    }
}

fn first_text(row: &Value, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| text(row.get(*name)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tasks_come_in_any_shape() {
        let row = json!({
            "scheduledItems": [{ "id": "31", "name": "Meal Preparation" }, null, 7, { "id": 32 }],
            "tasks": { "id": 61, "description": "Prepare lunch", "status": "NOT_COMPLETE" },
        });
        let body = shift_tasks(&row);
        let items: Vec<_> = body.items.iter().map(|task| (task.id.as_deref(), task.what.as_str())).collect();
        assert_eq!(items, [(Some("31"), "Meal Preparation"), (Some("32"), "")]);
        assert_eq!(body.tasks.len(), 1, "one that is no list is a list of one");
        assert_eq!(body.tasks[0].status.as_deref(), Some("NOT_COMPLETE"));
        assert!(shift_tasks(&json!({ "tasks": null })).tasks.is_empty());
    }

    #[test]
    fn a_log_entry_that_says_nothing_is_left_out() {
        let rows = [
            json!({ "id": 4101, "title": "Meal Preparation", "status": "COMPLETE", "comment": "ok", "recorded": "2026-07-06T15:30:00" }),
            json!({}),
            json!("row could not be rendered"),
            json!({ "comment": "refused lunch" }),
        ];
        let logs = task_logs(&rows);
        assert_eq!(logs.len(), 2);
        assert_eq!(logs[0].id.as_deref(), Some("4101"));
        assert_eq!(logs[0].recorded.as_deref(), Some("2026-07-06T15:30:00"));
        assert_eq!(logs[1].comment, "refused lunch");
    }

    #[test]
    fn activities_are_found_in_every_list() {
        for answer in [
            json!({ "resourceType": "Bundle", "entry": [{ "resource": { "id": "1", "name": "Bathing" } }] }),
            json!([{ "code": "1", "display": "Bathing" }]),
            json!({ "ADL": ["Bathing"] }),
            json!({ "categories": [{ "activities": [{ "id": 1, "title": "Bathing" }] }] }),
        ] {
            let found = activities(answer.to_string().as_bytes()).unwrap();
            assert_eq!(found.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["Bathing"], "{answer}");
        }
        assert_eq!(activities(br#"{"entry": []}"#).map(|all| all.len()), Some(0), "an empty list is an answer");
        assert!(activities(br#"{"message": "Forbidden"}"#).is_none(), "no list is none");
        assert!(activities(b"<html>").is_none());
        let deep = "[".repeat(100) + &"]".repeat(100);
        assert_eq!(activities(deep.as_bytes()).map(|all| all.len()), Some(0));
    }
}
