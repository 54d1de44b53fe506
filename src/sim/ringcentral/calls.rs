//! The second text gateway's log of calls.

use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::edge::{Call, Reply};
use crate::model::Instant;

/// A call in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedCall {
    /// The vendor's id; two entries may have the same.
    pub id: String,
    /// When it began.
    pub at: Instant,
    /// Seconds.
    pub duration: u64,
    /// Into the account.
    pub inbound: bool,
    /// `Accepted`, `Missed`, `Voicemail` …
    pub result: String,
    /// The other side's number.
    pub other: String,
    /// The extension's number.
    pub extension: String,
}

/// One page of the log, the newest first, `page_max` rows at most.
pub(super) fn list(calls: &[LoggedCall], ours: &str, call: &Call, page_max: usize) -> Reply {
    let query = call.query();
    let field = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let edge = |name: &str| field(name).and_then(|it| DateTime::parse_from_rfc3339(it).ok()).map(|at| at.to_utc());
    let number = |name: &str, usual: usize| field(name).and_then(|it| it.parse().ok()).unwrap_or(usual).max(1);
    let (from, until) = (edge("dateFrom"), edge("dateTo"));
    let (size, page) = (number("perPage", 100).min(page_max), number("page", 1));
    let mut rows: Vec<&LoggedCall> = calls
        .iter()
        .filter(|it| from.is_none_or(|from| it.at >= from) && until.is_none_or(|until| it.at < until))
        .collect();
    rows.sort_by_key(|it| std::cmp::Reverse(it.at));
    let shown: Vec<Value> = rows.iter().skip((page - 1) * size).take(size).map(|it| show(it, ours)).collect();
    let mut navigation = json!({ "firstPage": { "uri": call.path } });
    if rows.len() > page * size {
        navigation["nextPage"] =
            json!({ "uri": format!("https://platform.ringcentral.com{}?page={}", call.path, page + 1) });
    }
    Reply::json(
        200,
        &json!({ "uri": call.path, "records": shown, "paging": { "page": page, "perPage": size }, "navigation": navigation }),
    )
}

fn show(it: &LoggedCall, ours: &str) -> Value {
    let (theirs, own) = (
        json!({ "phoneNumber": it.other, "name": "WIRELESS CALLER" }),
        json!({ "phoneNumber": ours, "extensionNumber": it.extension }),
    );
    let (from, to) = if it.inbound { (theirs, own) } else { (own, theirs) };
    json!({
        "id": it.id, "sessionId": "1", "telephonySessionId": "s-1", "type": "Voice", "action": "Phone Call",
        "startTime": it.at.to_rfc3339_opts(SecondsFormat::Millis, true), "duration": it.duration,
        "direction": if it.inbound { "Inbound" } else { "Outbound" }, "result": it.result, "from": from, "to": to,
        "extension": { "id": 1000 },
    })
}
