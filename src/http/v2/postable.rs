//! Alerts as API v2 takes them, checked as Alertmanager checks them.

use chrono::{DateTime, Datelike};
use serde::Deserialize;

use crate::{alerts::alert::Labels, http::orders::PostableAlert, model::Instant};

/// `postableAlert`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Posting {
    #[serde(default)]
    labels: Labels,
    #[serde(default)]
    annotations: Option<Labels>,
    #[serde(default)]
    starts_at: Option<String>,
    #[serde(default)]
    ends_at: Option<String>,
    #[serde(default, rename = "generatorURL")]
    generator_url: Option<String>,
}

/// The good ones, and a sentence for each bad one.
pub(super) fn check(posting: Vec<Posting>, now: Instant) -> (Vec<PostableAlert>, Vec<String>) {
    let (mut good, mut faults) = (Vec::with_capacity(posting.len()), Vec::new());
    for (n, one) in posting.into_iter().enumerate() {
        match check_one(one, now) {
            Ok(alert) => good.push(alert),
            Err(why) => faults.push(format!("alert {n}: {why}")),
        }
    }
    (good, faults)
}

fn check_one(posting: Posting, now: Instant) -> Result<PostableAlert, String> {
    let mut labels = posting.labels;
    let mut annotations = posting.annotations.unwrap_or_default();
    if labels.contains_key("") || annotations.contains_key("") {
        return Err("a label or annotation has no name".to_owned());
    }
    labels.retain(|_, value| !value.is_empty());
    annotations.retain(|_, value| !value.is_empty());
    if labels.is_empty() {
        return Err("at least one label pair required".to_owned());
    }
    let ends_at = instant("endsAt", posting.ends_at)?;
    let starts_at = instant("startsAt", posting.starts_at)?.unwrap_or_else(|| ends_at.map_or(now, |end| end.min(now)));
    if ends_at.is_some_and(|end| end < starts_at) {
        return Err("start time must be before end time".to_owned());
    }
    Ok(PostableAlert {
        labels,
        annotations,
        starts_at,
        ends_at,
        generator_url: posting.generator_url.unwrap_or_default(),
    })
}

/// An RFC 3339 instant, whole microseconds. Absent, empty and Go's zero time mean "not given".
fn instant(name: &str, text: Option<String>) -> Result<Option<Instant>, String> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let at = DateTime::parse_from_rfc3339(&text)
        .map_err(|_| format!("{name} must be a time like 2026-12-01T07:00:00Z"))?
        .to_utc();
    let stored = crate::model::local_time::from_micros(crate::model::local_time::to_micros(at));
    Ok((at.year() > 1).then_some(stored))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use serde_json::json;

    use super::*;
    use crate::view::tests::noon;

    fn checked(one: serde_json::Value) -> Result<PostableAlert, String> {
        check_one(serde_json::from_value(one).unwrap(), noon())
    }

    #[test]
    fn times_follow_alertmanager() {
        let past = noon() - TimeDelta::minutes(1);
        let text = |at: Instant| at.to_rfc3339();
        for (starts, ends, want, why) in [
            (None, None, Ok((noon(), None)), "nothing given: now, until the time-out"),
            (Some(text(past)), None, Ok((past, None)), "only a start"),
            (None, Some(text(past)), Ok((past, Some(past))), "only an end, past: began then"),
            (Some("0001-01-01T00:00:00Z".to_owned()), Some(String::new()), Ok((noon(), None)), "Go's zero time"),
            (Some(text(noon())), Some(text(past)), Err(()), "ends before it starts"),
            (Some("yesterday".to_owned()), None, Err(()), "no time"),
        ] {
            let got = checked(json!({"labels": {"alertname": "A"}, "startsAt": starts, "endsAt": ends}));
            assert_eq!(got.map(|alert| (alert.starts_at, alert.ends_at)).map_err(drop), want, "{why}");
        }
    }

    #[test]
    fn empty_values_are_no_labels_and_no_label_is_no_alert() {
        let alert = checked(json!({"labels": {"alertname": "A", "b": ""}, "annotations": {"c": ""}})).unwrap();
        assert_eq!(alert.labels.len(), 1);
        assert!(alert.annotations.is_empty());
        assert!(checked(json!({"labels": {"b": ""}})).is_err());
        assert!(checked(json!({})).is_err());
        assert!(checked(json!({"labels": {"": "x", "a": "y"}})).is_err());
    }
}
