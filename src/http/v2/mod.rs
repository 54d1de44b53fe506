//! Alertmanager's API v2, as far as alerts go: `status`, `alerts`. Prometheus' `alerting:` block and `amtool alert`
//! work against it unchanged.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{RawQuery, State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use chrono::SecondsFormat;
use serde_json::json;

use self::{filter::Filter, gettable::GettableAlert, postable::Posting};
use super::{Web, answer};
use crate::{metrics::ALERTMANAGER_VERSION, model::Instant};

mod filter;
mod gettable;
mod postable;

/// RFC 3339 with milliseconds and `Z`, as Alertmanager writes instants.
fn stamp(at: Instant) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// What runs here.
pub(super) async fn status(State(web): State<Arc<Web>>) -> Response {
    let view = web.view();
    answer::json(json!({
        "cluster": { "status": "disabled", "peers": [] },
        "versionInfo": {
            "version": ALERTMANAGER_VERSION,
            "revision": concat!("shiftwatch ", env!("CARGO_PKG_VERSION")),
            "branch": "",
            "buildUser": "",
            "buildDate": "",
            "goVersion": "",
        },
        "config": { "original": &*view.config.original },
        "uptime": stamp(view.started_at),
    }))
}

/// The alerts that fire, in the order of their fingerprints.
pub(super) async fn alerts(State(web): State<Arc<Web>>, RawQuery(query): RawQuery) -> Response {
    let filter = match Filter::parse(query.as_deref().unwrap_or_default()) {
        Ok(filter) => filter,
        Err(error) => return answer::problem_v2(StatusCode::BAD_REQUEST, error),
    };
    let (view, now) = (web.view(), web.clock.now());
    let mut found: Vec<_> = view.alerts.iter().filter(|one| filter.picks(one)).collect();
    found.sort_by(|a, b| a.fingerprint.cmp(&b.fingerprint));
    answer::json(found.into_iter().map(|one| GettableAlert::of(one, now)).collect::<Vec<_>>())
}

/// Takes alerts from outside; 200 means stored. As Alertmanager does, the good ones of a batch are taken and the bad
/// ones named in a 400.
pub(super) async fn post_alerts(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let posting: Vec<Posting> = match answer::read_json(&headers, body) {
        Ok(posting) => posting,
        Err((status, error)) => return answer::problem_v2(status, error),
    };
    let (alerts, faults) = postable::check(posting, web.clock.now());
    if !alerts.is_empty()
        && let Err(fault) = web.orders.post_alerts(alerts).await
    {
        return answer::problem_v2(StatusCode::INTERNAL_SERVER_ERROR, fault.to_string());
    }
    if faults.is_empty() {
        StatusCode::OK.into_response()
    } else {
        answer::problem_v2(StatusCode::BAD_REQUEST, faults.join("; "))
    }
}

#[cfg(test)]
pub(super) fn read_filter(query: &str) -> Result<(), String> {
    Filter::parse(query).map(drop)
}

#[cfg(test)]
pub(super) fn read_posting(headers: &HeaderMap, body: Bytes) -> Result<Vec<String>, (StatusCode, String)> {
    let posting: Vec<Posting> = answer::read_json(headers, Ok(body))?;
    Ok(postable::check(posting, crate::view::tests::noon()).1)
}
