//! What was kept, made by hand: the story of an alert, the history by rule, the record of the API.
//!
//! Written as the JSON API answers it, with long words where words may be long.

use serde_json::{Value, json};
use shiftwatch::report::{
    alert_story::AlertStory,
    api_record::ApiRecord,
    history::{History, Span},
    on_call_log::OnCallLog,
};

/// An alert that nothing lives of any more.
pub const PAST: &str = "000000000000b000";

fn turn(at: &str, to: &str, words: &str, note: Option<&str>) -> Value {
    json!({ "at": at, "from": null, "to": to, "reason": "", "note": note, "words": words })
}

fn message(channel: &str, state: &str, words: &str, steps: &[(&str, &str)]) -> Value {
    let steps: Vec<Value> = steps
        .iter()
        .enumerate()
        .map(|(n, (at, words))| {
            json!({ "at": at, "attempt": n + 1, "gateway": "twilio", "outcome": "sent", "why": "", "doubles": false, "words": words })
        })
        .collect();
    json!({
        "id": "00", "decided_at": "2026-12-01T16:50:10Z", "told": "firing", "why": "first_firing", "receiver": "on-call",
        "recipient": "sms/0/0", "channel": channel, "state": state, "ended_at": null, "due_at": null,
        "useful_until": "2026-12-01T18:00:00Z", "steps": steps, "words": words,
    })
}

/// What happened to an alert; nothing to those that nobody knows.
pub fn story(fingerprint: &str) -> Option<AlertStory> {
    if fingerprint.len() != 16 {
        return None;
    }
    let over = fingerprint == PAST;
    let life = json!({
        "agency": "main", "alertname": "ShiftUncovered", "severity": "page", "location": "north",
        "shift": "90010001@2026-12-01T18:00:00Z", "labels": { "alertname": "ShiftUncovered" },
        "state": if over { "resolved" } else { "firing" }, "edge_at": null, "seen_at": null,
        "active_at": "2026-12-01T16:50:00Z", "fired_at": "2026-12-01T16:50:00Z", "acknowledged_at": null,
        "acknowledged_by": null, "resolved_at": over.then_some("2026-12-01T16:58:00Z"), "reason": over.then_some("covered"),
        "reason_words": over.then_some("covered"),
        "turns": [
            turn("2026-12-01T16:50:00Z", "firing", "fires", None),
            turn("2026-12-01T16:52:00Z", "acknowledged", "acknowledged by night-1", Some("on my way <b>now</b>, a-word-that-goes-on-and-on-and-on-and-on-and-on")),
        ],
        "messages": [
            message("sms", "delivered", "delivered", &[("2026-12-01T16:50:11Z", "sent by twilio"), ("2026-12-01T16:50:16Z", "delivered")]),
            message("email", "refused", "refused for good (550 no such user)", &[("2026-12-01T16:50:11Z", "refused")]),
            message("webhook", "uncertain", "may have left; the other program is asked before it is sent again", &[]),
        ],
    });
    let lives = if over { json!([life, life]) } else { json!([life]) };
    let story = json!({
        "fingerprint": fingerprint, "lives": lives, "n_lives_left_out": 4, "n_messages_left_out": 12, "n_turns_left_out": 0,
    });
    Some(serde_json::from_value(story).expect("a story"))
}

fn times(n: u64, seconds: f64) -> Value {
    let known = |factor: f64| (n > 0).then_some(seconds * factor);
    json!({ "n": n, "p50_seconds": known(1.0), "p90_seconds": known(4.0), "max_seconds": known(300.0) })
}

/// How alerts went.
pub fn history(span: Span) -> History {
    let rule = |name: &str, n: u64| {
        json!({
            "alertname": name, "n_alerts": n, "n_told": n, "n_acknowledged": n / 2, "n_open": 1,
            "closed": { "covered": n / 2, "expired": 1 }, "detect": times(n, 0.4), "send": times(n, 1.2),
            "deliver": times(0, 0.0), "acknowledge": times(n, 95.0), "resolve": times(n, 1810.0),
        })
    };
    let latest = |n: u64| {
        json!({
            "fingerprint": format!("{n:016x}"), "alertname": "ShiftUncovered", "severity": "page", "agency": "main",
            "location": "north", "shift": "90010001@2026-12-01T18:00:00Z", "active_at": "2026-12-01T16:50:00Z",
            "fired_at": "2026-12-01T16:50:00Z", "acknowledged_at": "2026-12-01T16:52:00Z", "acknowledged_by": "night-1",
            "resolved_at": (n > 0).then_some("2026-12-01T16:58:00Z"), "reason": "covered", "reason_words": "covered",
        })
    };
    let history = json!({
        "span": span.as_str(), "from": "2026-11-24T17:02:03Z", "until": "2026-12-01T17:02:03Z",
        "rules": [rule("ShiftUncovered", 31), rule("A_Rule_With_A_Name_That_Does_Not_End_For_Quite_A_While", 2)],
        "latest": (0..8).map(latest).collect::<Vec<_>>(), "n_latest_left_out": 25, "n_not_summed": 3,
    });
    serde_json::from_value(history).expect("a history")
}

/// How the API was.
pub fn api_record(agency: &str) -> ApiRecord {
    let span = |span: &str, uptime: Option<f64>| {
        json!({
            "span": span, "from": "2026-12-01T16:00:00Z", "observed_seconds": 3600.0, "uptime": uptime, "requests": 12_345,
            "errors": { "5xx": 24, "timeout": 3 }, "error_ratio": 0.002, "p50_seconds": 0.62, "p95_seconds": 1.4,
            "p99_seconds": uptime.map(|_| 12.5),
        })
    };
    let hours: Vec<Value> = (0..48)
        .map(|n| {
            let uptime = match n % 12 {
                0 => None,
                1 => Some(0.0),
                2 => Some(0.4),
                _ => Some(1.0),
            };
            let from = format!(
                "2026-{:02}-{:02}T{:02}:00:00Z",
                if n < 24 { 11 } else { 12 },
                if n < 24 { 30 } else { 1 },
                n % 24
            );
            json!({ "from": from, "observed_seconds": 3600.0, "uptime": uptime, "requests": 700, "errors": 3,
                    "p50_seconds": 0.6, "p99_seconds": null })
        })
        .collect();
    let outage = |until: Option<&str>| json!({ "since": "2026-12-01T14:05:00Z", "until": until, "cause": "5xx", "cause_words": "it answered with errors (5xx)" });
    let endpoint = |name: &str| {
        json!({
            "endpoint": name, "spans": [span("1h", Some(0.994_21)), span("24h", Some(1.0)), span("30d", None)],
            "outages": [outage(None), outage(Some("2026-12-01T14:40:00Z"))], "n_outages_left_out": 2, "hours": hours,
        })
    };
    let endpoints: Vec<Value> =
        ["token", "patients", "practitioners", "appointment", "encounter"].into_iter().map(endpoint).collect();
    let record = json!({ "agency": agency, "as_of": "2026-12-01T17:02:03Z", "endpoints": endpoints });
    serde_json::from_value(record).expect("a record")
}

/// Pages in every state, one of them waiting for a word.
pub fn on_call_log(_: u32) -> OnCallLog {
    let told = |person: &str, via: &str, minute: u32, step: u32, arrived: &str| {
        json!({
            "person": person, "via": via, "at": format!("2026-12-01T05:{minute:02}:00Z"), "step": step, "round": 1,
            "arrived": arrived,
        })
    };
    let alert = |reason: Option<&str>, disposition: Value| {
        json!({
            "fingerprint": PAST, "active_at": "2026-12-01T05:10:00Z", "alertname": "MissedCheckIn", "severity": "page",
            "location": "north", "shift": "90010001", "starts_at": "2026-12-01T04:55:00Z",
            "resolved_at": reason.map(|_| "2026-12-01T05:40:00Z"), "reason": reason, "reason_words": reason,
            "disposition": disposition, "suggested": null,
        })
    };
    let page = |n: u32, owner: Option<&str>, alerts: Vec<Value>| {
        let over = alerts.iter().all(|alert| !alert["resolved_at"].is_null());
        json!({
            "id": format!("{n:016x}"), "agency": "main", "policy": "coverage", "drill": alerts.is_empty(),
            "opened_at": "2026-12-01T05:10:00Z", "closed_at": over.then_some("2026-12-01T05:40:00Z"),
            "acknowledged_by": owner, "acknowledged_at": owner.map(|_| "2026-12-01T05:21:00Z"),
            "acknowledged_after_minutes": owner.map(|_| 11), "n_alerts": alerts.len(), "alerts": alerts,
            "told": [
                told("night-1", "sms", 10, 1, "failed"), told("night-1", "call", 12, 1, "sent"),
                told("a-person-with-a-long-name-that-goes-on", "sms", 20, 2, "delivered"),
            ],
        })
    };
    let said = json!({
        "disposition": "unstaffed", "words": "went unstaffed, approved by director", "by": "office",
        "at": "2026-12-01T14:40:00Z", "approver": "director", "covered_by": null, "note": "family stayed <b>there</b>",
    });
    let pages = json!([
        page(1, None, vec![alert(None, json!(null))]),
        page(2, Some("night-1"), vec![alert(Some("cancelled"), json!(null))]),
        page(3, Some("night-2"), vec![alert(Some("expired"), said), alert(Some("covered"), json!(null))]),
        page(4, Some("night-2"), Vec::new()),
    ]);
    let log = json!({
        "from": "2026-11-28T17:00:00Z", "until": "2026-12-01T17:00:00Z", "n_left_out": 2, "pages": pages,
    });
    serde_json::from_value(log).expect("a log")
}
