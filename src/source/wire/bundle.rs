//! The envelope of a search: one page of raw rows.

use serde_json::Value;

/// One page.
#[derive(Debug, Default, PartialEq)]
pub struct Bundle {
    /// The resources, unwrapped, in the order they came. An entry that is no object is still here, to be refused
    /// by whoever reads the rows.
    pub rows: Vec<Value>,
    /// `totalRecords`, else `total`; `None` when neither is a whole number.
    pub total: Option<u64>,
}

/// An answer that is not what was asked for. Handled as a passing failure first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolFault {
    /// Not JSON (HTML, truncated, empty).
    #[error("the answer is not JSON")]
    NotJson,
    /// JSON, but no `Bundle`. Never taken for "no rows".
    #[error("the answer is no Bundle")]
    NotABundle,
    /// `entry` is neither a list nor absent.
    #[error("the Bundle's entry is no list")]
    EntryNoList,
    /// One resource was asked for by id and something else came.
    #[error("the answer is not the resource that was asked for")]
    OtherResource,
}

/// Reads a search's answer.
pub fn read(body: &[u8]) -> Result<Bundle, ProtocolFault> {
    let mut answer: Value = serde_json::from_slice(body).map_err(|_| ProtocolFault::NotJson)?;
    if answer.get("resourceType").and_then(Value::as_str) != Some("Bundle") {
        return Err(ProtocolFault::NotABundle);
    }
    let total = ["totalRecords", "total"].iter().find_map(|name| count(answer.get(*name)));
    let rows = match answer.get_mut("entry").map(Value::take) {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(entries)) => entries.into_iter().map(unwrap_entry).collect(),
        Some(_) => return Err(ProtocolFault::EntryNoList),
    };
    Ok(Bundle { rows, total })
}

/// Reads the answer to a read by id: the resource, bare or wrapped, or a Bundle of exactly one.
pub fn read_one(body: &[u8], kind: &str, id: &str) -> Result<Value, ProtocolFault> {
    let answer: Value = serde_json::from_slice(body).map_err(|_| ProtocolFault::NotJson)?;
    let found = if answer.get("resourceType").and_then(Value::as_str) == Some("Bundle") {
        let mut rows = read(body)?.rows;
        if rows.len() == 1 { rows.swap_remove(0) } else { return Err(ProtocolFault::OtherResource) }
    } else {
        unwrap_entry(answer)
    };
    let same_kind =
        found.get("resourceType").and_then(Value::as_str).is_none_or(|found| found.eq_ignore_ascii_case(kind));
    let same_id = super::value::id(found.get("id")).is_none_or(|found| found == id);
    if found.is_object() && same_kind && same_id { Ok(found) } else { Err(ProtocolFault::OtherResource) }
}

/// `{"resource": {…}}` or the resource itself; decided for each entry, because pages mix them.
fn unwrap_entry(mut entry: Value) -> Value {
    match entry.get_mut("resource") {
        Some(resource) => resource.take(),
        None => entry,
    }
}

fn count(value: Option<&Value>) -> Option<u64> {
    match value? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}
