//! Alerts as API v2 takes them, checked as Alertmanager checks them.

use std::collections::BTreeMap;

use axum::{http::StatusCode, response::Response};
use chrono::{DateTime, Datelike, NaiveDateTime};
use serde::Deserialize;

use super::swagger::{self, BAD_TYPE, Object, REQUIRED};
use crate::{alerts::alert::Labels, http::orders::PostableAlert, model::Instant};

/// `postableAlert`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Posting {
    #[serde(default)]
    labels: Option<BTreeMap<String, Option<String>>>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, Option<String>>>,
    #[serde(default)]
    starts_at: Option<String>,
    #[serde(default)]
    ends_at: Option<String>,
    #[serde(default, rename = "generatorURL")]
    generator_url: Option<String>,
}

/// A text that is no time, in the words of Alertmanager's reader.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadTime(pub(super) String);

/// The good ones, and what is wrong with each bad one. `Err` is the answer for a batch that the specification forbids:
/// nothing of it is taken.
pub(super) fn check(
    posting: Vec<Object<Posting>>,
    now: Instant,
) -> Result<(Vec<PostableAlert>, Vec<String>), Box<Response>> {
    let (mut good, mut faults) = (Vec::with_capacity(posting.len()), Vec::new());
    for (n, Object(one)) in posting.into_iter().enumerate() {
        match check_one(n, one, now)? {
            Ok(alert) => good.push(alert),
            Err(why) => faults.push(why),
        }
    }
    Ok((good, faults))
}

fn check_one(n: usize, posting: Posting, now: Instant) -> Result<Result<PostableAlert, String>, Box<Response>> {
    let time = |text| {
        instant(text).map_err(|BadTime(why)| {
            let error = format!("parsing alerts body from \"\" failed, because {why}");
            Box::new(swagger::forbidden(StatusCode::BAD_REQUEST, 400, error))
        })
    };
    let (starts_at, ends_at) = (time(posting.starts_at)?, time(posting.ends_at)?);
    let generator_url = posting.generator_url.unwrap_or_default();
    if !generator_url.is_empty() && !is_request_uri(&generator_url) {
        let why = format!("{n}.generatorURL in body must be of type uri: {generator_url:?}");
        return Err(Box::new(swagger::unprocessable(BAD_TYPE, why)));
    }
    let Some(labels) = posting.labels else {
        return Err(Box::new(swagger::unprocessable(REQUIRED, format!("{n}.labels in body is required"))));
    };
    // An empty value is no label, as everywhere in this ecosystem.
    let filled = |found: BTreeMap<String, Option<String>>| -> Labels {
        found.into_iter().filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?))).collect()
    };
    let (labels, annotations) = (filled(labels), filled(posting.annotations.unwrap_or_default()));
    let starts_at = starts_at.unwrap_or_else(|| ends_at.map_or(now, |end| end.min(now)));
    Ok(if ends_at.is_some_and(|end| end < starts_at) {
        Err("start time must be before end time".to_owned())
    } else if labels.contains_key("") {
        Err("invalid label set: invalid name \"\"".to_owned())
    } else if labels.is_empty() {
        Err("at least one label pair required".to_owned())
    } else if annotations.contains_key("") {
        Err("invalid annotations: invalid name \"\"".to_owned())
    } else {
        Ok(PostableAlert { labels, annotations, starts_at, ends_at, generator_url })
    })
}

/// Whether Alertmanager takes this for a link, as Go's `url.ParseRequestURI` reads it. Far less is asked than of an address
/// that a browser opens: a sender whose host is called `123456789012` must not lose its alerts for it.
fn is_request_uri(text: &str) -> bool {
    if text.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
        return false;
    }
    if text == "*" {
        return true;
    }
    let is_scheme = |scheme: &&str| {
        scheme.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && scheme.chars().all(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter))
    };
    let (scheme, rest) = match text.split_once(':').filter(|(scheme, _)| is_scheme(scheme)) {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, text),
    };
    if !rest.starts_with('/') {
        // `mailto:x` is one, `page` is none.
        return scheme.is_some();
    }
    let rest = rest.split_once('?').map_or(rest, |(rest, _)| rest);
    let (authority, path) = match (scheme, rest.strip_prefix("//")) {
        (Some(_), Some(rest)) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        _ => ("", rest),
    };
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let port = match host.rsplit_once(']') {
        Some((_, port)) => port,
        None => host.rfind(':').map_or("", |at| &host[at..]),
    };
    let port_reads =
        port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()));
    let host_reads =
        !host.contains([' ', '\\', '^', '`', '{', '|', '}']) && host.starts_with('[') == host.contains(']');
    port_reads && host_reads && escapes_read(path) && escapes_read(host)
}

/// Whether two hexadecimal digits follow every `%`.
fn escapes_read(text: &str) -> bool {
    let follows = |rest: &str| rest.as_bytes().get(..2).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
    text.split('%').skip(1).all(follows)
}

/// An RFC 3339 instant, whole microseconds; without a zone it is UTC. Absent, empty and Go's zero time mean "not given".
pub(super) fn instant(text: Option<String>) -> Result<Option<Instant>, BadTime> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let zoned = DateTime::parse_from_rfc3339(&text).map(|at| at.to_utc());
    let at = zoned
        .or_else(|_| NaiveDateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S%.f").map(|at| at.and_utc()))
        .or_else(|_| NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S%.f").map(|at| at.and_utc()))
        .map_err(|_| {
            BadTime(format!("parsing time {text:?} as \"2006-01-02 15:04:05\": cannot parse {text:?} as \"2006\""))
        })?;
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
        check_one(0, serde_json::from_value(one).unwrap(), noon()).unwrap_or_else(|_| Err("forbidden".to_owned()))
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

    /// Each as a real Alertmanager 0.25 answered it.
    #[test]
    fn links_are_read_as_alertmanager_reads_them() {
        let taken = [
            "",
            "/graph",
            "*",
            "http://prom:9090/graph?g0.expr=up%3D%3D0",
            "http://123456789012:9090/graph",
            "http://host.1:9090/",
            "http://1.2.3.4.5/",
            "http://256.256.256.256/",
            "http://prom:99999/",
            "http://[fe80::1%25eth0]:9090/",
            "http://xn--a/x",
            "http://a<b>/x",
            "http://",
            "mailto:x",
            "http://user:p@host/",
        ];
        for link in taken {
            assert!(checked(json!({"labels": {"a": "b"}, "generatorURL": link})).is_ok(), "{link:?}");
        }
        for link in [
            "graph",
            " http://x",
            "http://x/%zz",
            "http://x\\y",
            "http://x:y/",
            "://x",
            "http://a b/",
            "http://x/\u{1}",
        ] {
            assert!(checked(json!({"labels": {"a": "b"}, "generatorURL": link})).is_err(), "{link:?}");
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
