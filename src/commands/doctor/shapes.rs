//! Reading the vendor's answers as they come, and naming the shapes they have. Nothing here keeps a name.

use chrono::{DateTime, NaiveDateTime};
use serde_json::Value;

use crate::model::Instant;

/// A search's answer.
#[derive(Debug, Clone)]
pub(super) struct Bundle {
    /// The resources, unwrapped.
    pub rows: Vec<Value>,
    /// `wrapped`, `bare`, `mixed`, or `none` without rows.
    pub wrapping: &'static str,
    /// The field that held the total, and the total.
    pub total: Option<(&'static str, u64)>,
}

/// The bundle in a body; `None` when it is none.
pub(super) fn bundle(body: &Value) -> Option<Bundle> {
    if body.get("resourceType").and_then(Value::as_str) != Some("Bundle") {
        return None;
    }
    let entries = match body.get("entry") {
        None | Some(Value::Null) => &[][..],
        Some(Value::Array(entries)) => entries,
        Some(_) => return None,
    };
    let n_wrapped = entries.iter().filter(|entry| entry.get("resource").is_some_and(Value::is_object)).count();
    let wrapping = match n_wrapped {
        _ if entries.is_empty() => "none",
        0 => "bare",
        n if n == entries.len() => "wrapped",
        _ => "mixed",
    };
    let rows = entries.iter().map(|entry| entry.get("resource").unwrap_or(entry).clone()).collect();
    let total = ["totalRecords", "total"].into_iter().find_map(|name| Some((name, number(body.get(name)?)?)));
    Some(Bundle { rows, wrapping, total })
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// A usable id: text or number, not blank, not zero.
pub(super) fn id(value: Option<&Value>) -> Option<String> {
    let text = match value? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(n) => n.to_string(),
        _ => return None,
    };
    (!text.is_empty() && text != "0").then_some(text)
}

/// The display text of a `meta.tag`.
pub(super) fn tag<'row>(row: &'row Value, code: &str) -> Option<&'row str> {
    let tags = row.get("meta")?.get("tag")?.as_array()?;
    tags.iter().find(|tag| tag.get("code").and_then(Value::as_str) == Some(code))?.get("display")?.as_str()
}

/// What tells rows apart for paging: id and start, else the whole row.
pub(super) fn key(row: &Value) -> String {
    let start = row.get("start").and_then(Value::as_str).unwrap_or_default();
    id(row.get("id")).map_or_else(|| row.to_string(), |id| format!("{id}@{start}"))
}

/// Whether a client row is one of today's clients: `isClient`, or without that tag `active`.
pub(super) fn is_current(row: &Value) -> bool {
    let active = row.get("active").and_then(Value::as_bool).unwrap_or(false);
    match tag(row, "isClient") {
        Some(text) => text.eq_ignore_ascii_case("true"),
        None => active,
    }
}

/// A shift, as far as the doctor cares.
#[derive(Debug, Clone)]
pub(super) struct ShiftRow {
    pub id: Option<String>,
    pub client: String,
    pub start: Instant,
    pub end: Instant,
    pub status: String,
    /// How "nobody" is written; `None` for a covered shift.
    pub open: Option<&'static str>,
}

/// The shift in a row; `None` when it makes no sense.
pub(super) fn shift(row: &Value, asked_client: &str) -> Option<ShiftRow> {
    let instant = |name: &str| Some(time(row.get(name)?.as_str()?)?.as_utc());
    Some(ShiftRow {
        id: id(row.get("id")),
        client: id(row.get("client").and_then(|client| client.get("id"))).unwrap_or_else(|| asked_client.to_owned()),
        start: instant("start")?,
        end: instant("end")?,
        status: status(row),
        open: open_shape(row),
    })
}

/// How a row says that nobody is on the shift.
pub(super) fn open_shape(row: &Value) -> Option<&'static str> {
    match row.get("caregiver") {
        None => Some("no caregiver field"),
        Some(Value::Null) => Some("caregiver: null"),
        Some(Value::Object(object)) if object.is_empty() => Some("caregiver: {}"),
        Some(Value::Object(object)) => match object.get("id") {
            None => Some("caregiver without id"),
            Some(Value::Null) => Some("caregiver id: null"),
            given if id(given).is_some() => None,
            Some(Value::String(text)) if text.trim().is_empty() => Some("caregiver id: \"\""),
            Some(_) => Some("caregiver id: 0"),
        },
        given => {
            if id(given).is_some() {
                None
            } else {
                Some("caregiver of another type")
            }
        }
    }
}

/// A status as it may be printed: the vendor's words are capitals and underscores; anything else is not shown.
pub(super) fn status(row: &Value) -> String {
    match row.get("status").and_then(Value::as_str) {
        None => "(none)".to_owned(),
        Some(text)
            if !text.is_empty()
                && text.len() <= 24
                && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') =>
        {
            text.to_owned()
        }
        Some(_) => "(other text)".to_owned(),
    }
}

/// A time as the vendor wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// With an offset or `Z`.
    Offset(Instant),
    /// Without.
    Naive(NaiveDateTime),
}

impl Written {
    /// The instant, a naive time read as UTC.
    pub(super) fn as_utc(self) -> Instant {
        match self {
            Self::Offset(at) => at,
            Self::Naive(local) => local.and_utc(),
        }
    }
}

/// Reads a time.
pub(super) fn time(text: &str) -> Option<Written> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(Written::Offset(at.to_utc()));
    }
    NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok().map(Written::Naive)
}

/// A visit, as far as the doctor cares.
#[derive(Debug, Clone)]
pub(super) struct VisitRow {
    pub shift: Option<String>,
    pub check_in: Option<Written>,
    pub is_open: bool,
    pub status: String,
    pub participant: &'static str,
}

/// The visit in a row.
pub(super) fn visit(row: &Value) -> VisitRow {
    let period = row.get("period");
    let at = |name: &str| time(period?.get(name)?.as_str()?);
    let appointment = match row.get("appointment") {
        Some(Value::Array(list)) => list.first(),
        other => other,
    };
    let reference = appointment.and_then(|one| one.get("reference")).and_then(Value::as_str);
    VisitRow {
        shift: reference.map(|text| text.rsplit('/').next().unwrap_or(text).to_owned()),
        check_in: at("start"),
        is_open: at("end").is_none(),
        status: status(row),
        participant: match row.get("participant") {
            None | Some(Value::Null) => "none",
            Some(Value::Array(_)) => "array",
            Some(object) if object.get("Individual").is_some() => "object with Individual",
            Some(object) if object.get("individual").is_some() => "object with individual",
            Some(_) => "another shape",
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_way_to_say_nobody_has_a_name() {
        for (row, want) in [
            (json!({"caregiver": {"id": "8000201"}}), None),
            (json!({"caregiver": {"id": 8_000_201}}), None),
            (json!({}), Some("no caregiver field")),
            (json!({"caregiver": null}), Some("caregiver: null")),
            (json!({"caregiver": {}}), Some("caregiver: {}")),
            (json!({"caregiver": {"name": "x"}}), Some("caregiver without id")),
            (json!({"caregiver": {"id": null}}), Some("caregiver id: null")),
            (json!({"caregiver": {"id": " "}}), Some("caregiver id: \"\"")),
            (json!({"caregiver": {"id": "0"}}), Some("caregiver id: 0")),
            (json!({"caregiver": {"id": 0}}), Some("caregiver id: 0")),
            (json!({"caregiver": []}), Some("caregiver of another type")),
        ] {
            assert_eq!(open_shape(&row), want, "{row}");
        }
    }

    #[test]
    fn bundles_come_wrapped_bare_and_mixed() {
        for (body, want) in [
            (json!({"resourceType": "Bundle", "entry": [{"resource": {"id": 1}}], "totalRecords": 7}), "wrapped 1 7"),
            (json!({"resourceType": "Bundle", "entry": [{"id": 1}], "total": "9"}), "bare 1 9"),
            (json!({"resourceType": "Bundle", "entry": [{"id": 1}, {"resource": {"id": 2}}]}), "mixed 2 -"),
            (json!({"resourceType": "Bundle", "entry": null}), "none 0 -"),
            (json!({"resourceType": "Bundle"}), "none 0 -"),
            (json!({"resourceType": "Bundle", "entry": 5}), "no bundle"),
            (json!({"entry": []}), "no bundle"),
            (json!(null), "no bundle"),
        ] {
            let got = bundle(&body).map_or("no bundle".to_owned(), |bundle| {
                let total = bundle.total.map_or("-".to_owned(), |(_, n)| n.to_string());
                format!("{} {} {total}", bundle.wrapping, bundle.rows.len())
            });
            assert_eq!(got, want, "{body}");
        }
    }

    #[test]
    fn a_status_is_shown_only_when_it_looks_like_one() {
        assert_eq!(status(&json!({"status": "IN_PROGRESS"})), "IN_PROGRESS");
        for odd in ["Avery Sample", "", "A_VERY_LONG_STATUS_THAT_GOES_ON", "complete"] {
            assert_eq!(status(&json!({"status": odd})), "(other text)");
        }
        assert_eq!(status(&json!({})), "(none)");
    }
}
