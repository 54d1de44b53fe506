//! What an answer means: (status, headers, body) to one class. The class decides what is done about it.
//!
//! The gateway and the application answer in different voices: `message` from the gateway, `error` from the
//! application. A 403 whose `message` speaks of signatures or a missing token means "no such route" and says
//! nothing about the token; refreshing it would be a loop.

use std::time::Duration;

use chrono::DateTime;
use serde_json::Value;

use crate::model::Instant;

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// 2xx; whether the body is what was asked for is seen when it is read.
    Ok,
    /// 401: the token is not, or no longer, good.
    Token,
    /// No such route at the gateway: the alternate way is tried once, then the endpoint is left alone.
    Route,
    /// The account may not read this.
    Permission,
    /// A 403 of neither kind: perhaps an expired token; one refresh at most every ten minutes.
    Forbidden,
    /// An id that is not known any more.
    Gone,
    /// We asked wrongly (400, 415, 422).
    Request,
    /// Too many requests: the whole credential pauses.
    Throttle {
        /// `Retry-After`, where it was given and readable; not yet clamped.
        retry_after: Option<Duration>,
    },
    /// Worth another try.
    Transient {
        /// `Retry-After`, as above.
        retry_after: Option<Duration>,
    },
}

/// What was asked for: a list (or search), or one row by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A list: 404 means there is no such route.
    List,
    /// One id: 404 means it is gone.
    One,
}

/// Reads one answer. `now` is the real time, for a `Retry-After` that is a date.
#[must_use]
pub fn classify(status: u16, retry_after: Option<&str>, body: &[u8], asked: Asked, now: Instant) -> Class {
    let retry_after = retry_after.and_then(|text| read_retry_after(text, now));
    let body: Option<Value> = serde_json::from_slice(body).ok();
    let said = |key: &str| body.as_ref().and_then(|body| body.get(key)).and_then(Value::as_str).unwrap_or_default();
    if status >= 400 && names_a_limit(said("message"), body.as_ref()) {
        return Class::Throttle { retry_after };
    }
    match status {
        200..=299 => Class::Ok,
        401 => Class::Token,
        403 if is_route_text(said("message")) => Class::Route,
        403 if is_permission_text(said("error")) => Class::Permission,
        403 => Class::Forbidden,
        404 | 410 if asked == Asked::One && !is_route_text(said("message")) => Class::Gone,
        // A redirect is never followed: it would carry the token to wherever it points.
        300..=399 | 404 | 405 | 410 | 501 => Class::Route,
        429 => Class::Throttle { retry_after },
        408 | 425 | 500..=599 => Class::Transient { retry_after },
        _ => Class::Request,
    }
}

/// The two bodies the gateway answers when no route matches.
fn is_route_text(message: &str) -> bool {
    message.starts_with("Invalid key=value pair") || message.starts_with("Missing Authentication Token")
}

fn is_permission_text(error: &str) -> bool {
    let error = error.to_ascii_lowercase();
    ["access", "agency", "permission", "not allowed"].iter().any(|word| error.contains(word))
}

/// A limit under another status: gateways say so in words (`Limit Exceeded`, `SpikeArrestViolation`).
fn names_a_limit(message: &str, body: Option<&Value>) -> bool {
    let code =
        body.and_then(|body| body.pointer("/fault/detail/errorcode")).and_then(Value::as_str).unwrap_or_default();
    matches!(message, "Too Many Requests" | "Limit Exceeded")
        || code.contains("SpikeArrestViolation")
        || code.contains("QuotaViolation")
}

/// `Retry-After` as seconds or as an HTTP date; a date that is past is zero. `None` when it is neither.
#[must_use]
pub fn read_retry_after(text: &str, now: Instant) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    if let Some(seconds) = text.parse::<f64>().ok().filter(|seconds| seconds.is_finite() && *seconds >= 0.0) {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let at = DateTime::parse_from_rfc2822(text).ok()?.to_utc();
    Some((at - now).to_std().unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::local_time::from_micros;

    const ROUTE: &str = r#"{"message":"Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with Base64): 'x+y='."}"#;

    #[test]
    fn each_answer_has_one_class() {
        let plain = Class::Throttle { retry_after: None };
        let transient = Class::Transient { retry_after: None };
        let rows: &[(u16, &str, Asked, Class, &str)] = &[
            (200, "{}", Asked::List, Class::Ok, "fine"),
            (204, "", Asked::List, Class::Ok, "an empty body is found out when it is read"),
            (401, r#"{"fault":{"faultstring":"Access Token expired"}}"#, Asked::List, Class::Token, "expired"),
            (401, "", Asked::One, Class::Token, "a bare 401"),
            (403, ROUTE, Asked::List, Class::Route, "the gateway's signature text"),
            (403, r#"{"message":"Missing Authentication Token"}"#, Asked::List, Class::Route, "the other route text"),
            (403, r#"{"message":"Missing Authentication Token"}"#, Asked::One, Class::Route, "also by id"),
            (403, r#"{"error":"Access denied. Invalid agencyId."}"#, Asked::List, Class::Permission, "wrong agency"),
            (403, r#"{"message":"Forbidden"}"#, Asked::List, Class::Forbidden, "neither text"),
            (403, "<html>403 Forbidden</html>", Asked::List, Class::Forbidden, "no JSON"),
            (403, r#"{"error":"expired"}"#, Asked::List, Class::Forbidden, "an error that names no right"),
            (403, r#"{"message":"Limit Exceeded"}"#, Asked::List, plain, "a limit in words"),
            (404, r#"{"error":"Resource not found"}"#, Asked::List, Class::Route, "a list that is not there"),
            (404, r#"{"error":"Resource not found"}"#, Asked::One, Class::Gone, "an id that is not there"),
            (410, "", Asked::One, Class::Gone, "gone for good"),
            (405, "", Asked::List, Class::Route, "method not offered"),
            (405, "", Asked::One, Class::Route, "also by id"),
            (302, "", Asked::List, Class::Route, "never followed"),
            (400, r#"{"error":"x"}"#, Asked::List, Class::Request, "malformed"),
            (415, "", Asked::List, Class::Request, "content type"),
            (422, "", Asked::One, Class::Request, "validation"),
            (429, "", Asked::List, plain, "throttled"),
            (408, "", Asked::List, transient, "a time-out in words"),
            (500, "<html>oops</html>", Asked::List, transient, "HTML"),
            (
                500,
                r#"{"fault":{"detail":{"errorcode":"policies.ratelimit.SpikeArrestViolation"}}}"#,
                Asked::List,
                plain,
                "a limit as 500",
            ),
            (503, "", Asked::List, transient, "down"),
            (599, "", Asked::List, transient, "the last of them"),
        ];
        for (status, body, asked, expected, shows) in rows {
            let class = classify(*status, None, body.as_bytes(), *asked, from_micros(0));
            assert_eq!(class, *expected, "{status}: {shows}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = DateTime::parse_from_rfc2822("Mon, 06 Jul 2026 13:00:00 GMT").unwrap().to_utc();
        let rows: &[(&str, Option<u64>, &str)] = &[
            ("7", Some(7), "seconds"),
            (" 0 ", Some(0), "zero, with blanks"),
            ("2.0", Some(2), "a decimal"),
            ("Mon, 06 Jul 2026 13:00:30 GMT", Some(30), "a date ahead"),
            ("Mon, 06 Jul 2026 12:59:00 GMT", Some(0), "a date that is past"),
            ("soon", None, "unreadable"),
            ("-5", None, "negative"),
            ("", None, "empty"),
        ];
        for (text, expected, shows) in rows {
            assert_eq!(read_retry_after(text, now), expected.map(Duration::from_secs), "{shows}");
        }
        let class = classify(429, Some("9"), b"", Asked::List, now);
        assert_eq!(class, Class::Throttle { retry_after: Some(Duration::from_secs(9)) });
    }
}
