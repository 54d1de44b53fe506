//! Single values: ids, references, tags, truths.
//!
//! Ids arrive as text or as whole numbers and leave as text. A number that is not whole is never an id: a float
//! has already lost digits, and a wrong id is worse than none.

use serde_json::Value;

/// An id as text: a string that is not blank, or a whole number. `None` for anything else.
#[must_use]
pub fn id(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => {
            let text = text.trim();
            (!text.is_empty()).then(|| text.to_owned())
        }
        Value::Number(number) if number.is_u64() || number.is_i64() => Some(number.to_string()),
        _ => None,
    }
}

/// An id that can name somebody: as [`id`], but neither zero nor a spelled-out nothing (`None`, `null`).
#[must_use]
pub fn usable_id(value: Option<&Value>) -> Option<String> {
    id(value).filter(|id| !is_nobody(id))
}

/// Whether an id's text stands for nobody.
fn is_nobody(id: &str) -> bool {
    id.bytes().all(|byte| byte == b'0') || id.eq_ignore_ascii_case("none") || id.eq_ignore_ascii_case("null")
}

/// The id a reference points to, when it points to a `kind` (`Patient`, `Practitioner`, `Appointment`).
///
/// Read as: `{"reference": "Patient/7"}`, `{"reference": "7"}`, `{"id": 7}`, `"Patient/7"`, `7`, a full address
/// ending in `/Patient/7`, or a list of these (the first that fits). `None` when there is nothing usable or it
/// points to another kind.
#[must_use]
pub fn reference<T: for<'a> From<&'a str>>(value: Option<&Value>, kind: &str) -> Option<T> {
    reference_text(value?, kind).map(|id| T::from(id.as_str()))
}

fn reference_text(value: &Value, kind: &str) -> Option<String> {
    match value {
        Value::Array(items) => items.iter().find_map(|item| reference_text(item, kind)),
        Value::Object(map) => {
            let said = map.get("reference").and_then(|inner| reference_text(inner, kind));
            said.or_else(|| usable_id(map.get("id")).and_then(|id| pointed_at(&id, kind)))
        }
        other => usable_id(Some(other)).and_then(|id| pointed_at(&id, kind)),
    }
}

/// The id in `Type/id` (or a bare id), when the type is `kind`.
fn pointed_at(text: &str, kind: &str) -> Option<String> {
    if !text.contains('/') {
        return Some(text.to_owned());
    }
    let mut parts = text.split('/').filter(|part| !part.is_empty());
    parts.find(|part| part.eq_ignore_ascii_case(kind))?;
    parts.next().filter(|id| !is_nobody(id)).map(str::to_owned)
}

/// A truth: `true`, `"true"`, `"True"`, `1`, `"1"` and their opposites. `None` for anything else.
#[must_use]
pub fn truth(value: Option<&Value>) -> Option<bool> {
    match value? {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" => Some(true),
            "false" | "0" | "no" => Some(false),
            _ => None,
        },
        Value::Number(number) => match number.as_u64() {
            Some(1) => Some(true),
            Some(0) => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// Text that is not blank, trimmed; numbers and truths as they are written.
#[must_use]
pub fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => {
            let text = text.trim();
            (!text.is_empty()).then(|| text.to_owned())
        }
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// The `display` of the `meta.tag` with this `code`; the first one where there are several.
#[must_use]
pub fn tag<'a>(row: &'a Value, code: &str) -> Option<&'a Value> {
    list(row.get("meta").and_then(|meta| meta.get("tag")))
        .find(|tag| tag.get("code").and_then(Value::as_str).is_some_and(|found| found.eq_ignore_ascii_case(code)))
        .and_then(|tag| tag.get("display"))
}

/// The items of a list; a value that is no list counts as a list of itself, null and absence as an empty one.
pub fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    let (many, one) = match value {
        Some(Value::Array(items)) => (items.as_slice(), None),
        None | Some(Value::Null) => (&[][..], None),
        Some(other) => (&[][..], Some(other)),
    };
    many.iter().chain(one)
}
