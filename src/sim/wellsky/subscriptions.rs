//! Webhook subscriptions made over the API.

use serde_json::{Value, json};

use super::gate;
use crate::sim::edge::{Call, Reply};

/// The vendor's first subscription here.
const FIRST_ID: u64 = 321;
/// Rows of a list without `_count`, and the most with one.
const ROWS_DEFAULT: usize = 20;
const ROWS_MAX: usize = 100;

/// One of them.
#[derive(Debug, Clone)]
struct Subscription {
    id: u64,
    /// The body that made it, as it was changed since.
    body: Value,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    rows: Vec<Subscription>,
    n_made: u64,
}

impl Subscriptions {
    /// Where those that are on are to be told of this: address and header.
    pub(crate) fn to<'it>(&'it self, criteria: &'it str) -> impl Iterator<Item = (&'it str, &'it str)> {
        let text = |it: &'it Subscription, at: &str| it.body.pointer(at).and_then(Value::as_str).unwrap_or_default();
        self.rows
            .iter()
            .filter(move |it| text(it, "/criteria") == criteria && text(it, "/status") == "active")
            .map(move |it| (text(it, "/channel/endpoint"), text(it, "/channel/header/0")))
    }

    /// Answers a request for all of them, or for one.
    pub(super) fn answer(&mut self, call: &Call, id: Option<u64>, terse: bool) -> Reply {
        let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        match (call.method.as_str(), id) {
            ("POST", None) => self.make(body),
            ("GET", None) => self.list(call, terse),
            (method, Some(id)) => {
                let Some(n) = self.rows.iter().position(|it| it.id == id) else {
                    return Reply::json(404, &json!({ "error": "Resource not found" }));
                };
                match method {
                    "DELETE" => {
                        self.rows.remove(n);
                        Reply::json(200, &json!({ "success": true }))
                    }
                    "PUT" => {
                        // Only what is sent changes.
                        if let (Some(Value::Object(held)), Value::Object(sent)) =
                            (self.rows.get_mut(n).map(|it| &mut it.body), body)
                        {
                            held.extend(sent);
                        }
                        Reply::json(200, &json!({ "resourceType": "Subscription", "id": id }))
                    }
                    _ => Reply::json(200, &self.rows.get(n).map(|it| shown(it, terse)).unwrap_or_default()),
                }
            }
            _ => gate::no_route(call),
        }
    }

    fn make(&mut self, body: Value) -> Reply {
        let tags = body.pointer("/meta/tag").and_then(Value::as_array).cloned().unwrap_or_default();
        if !tags.iter().any(|tag| tag.get("code") == Some(&json!("agencyId"))) {
            return gate::invalid("'agencyId' is required.");
        }
        if body.get("criteria").and_then(Value::as_str).is_none_or(str::is_empty) {
            return gate::invalid("'criteria' is required.");
        }
        let id = FIRST_ID + self.n_made;
        self.n_made += 1;
        self.rows.push(Subscription { id, body });
        Reply::json(200, &json!({ "resourceType": "Subscription", "id": id }))
    }

    fn list(&self, call: &Call, terse: bool) -> Reply {
        let query = call.query();
        let number = |name: &str| query.iter().find(|(key, _)| key == name).and_then(|(_, value)| value.parse().ok());
        let count = number("_count").unwrap_or(ROWS_DEFAULT).clamp(1, ROWS_MAX);
        let page: usize = number("_page").unwrap_or(0);
        let rows = self.rows.iter().skip(page.saturating_mul(count)).take(count);
        let entries: Vec<Value> = rows.map(|it| json!({ "resource": shown(it, terse) })).collect();
        let total = self.rows.len();
        Reply::json(
            200,
            &json!({ "resourceType": "Bundle", "type": "searchset", "totalRecords": total, "entry": entries }),
        )
    }
}

fn shown(it: &Subscription, terse: bool) -> Value {
    let mut row = it.body.clone();
    if let Value::Object(fields) = &mut row {
        fields.insert("id".to_owned(), json!(it.id));
        if terse {
            fields.remove("channel");
            fields.remove("reason");
        }
    }
    row
}
