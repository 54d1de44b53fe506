//! Alertmanager's API v2, as of 0.25: `status`, `receivers`, `alerts`, `alerts/groups`, `silences`, `silence`. Prometheus'
//! `alerting:` block, `amtool`, karma and Grafana's data source work against it unchanged.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{RawQuery, State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use chrono::SecondsFormat;
use serde_json::json;

use self::{
    filter::Filter,
    gettable::{GettableAlert, Receiver},
    postable::Posting,
    swagger::Object,
};
use super::{Web, answer};
use crate::{metrics::ALERTMANAGER_VERSION, model::Instant, view::AlertView};

pub(super) mod filter;
mod gettable;
pub(super) mod groups;
mod postable;
pub(super) mod silences;
pub(super) mod swagger;

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

/// Every receiver, in file order.
pub(super) async fn receivers(State(web): State<Arc<Web>>) -> Response {
    let view = web.view();
    answer::json(view.routing.receivers.iter().map(|name| Receiver { name }).collect::<Vec<_>>())
}

/// The alerts that fire, in the order of their fingerprints.
pub(super) async fn alerts(State(web): State<Arc<Web>>, RawQuery(query): RawQuery) -> Response {
    let filter = match Filter::parse(query.as_deref().unwrap_or_default()) {
        Ok(filter) => filter,
        Err(error) => return answer::problem_v2(StatusCode::BAD_REQUEST, error),
    };
    let (view, silences, now) = (web.view(), web.silencing.silences(), web.clock.now());
    let body = tokio::task::spawn_blocking(move || {
        let active = silences.active(now);
        let is_meant =
            |one: &AlertView| filter.receiver.is_none() || one.receivers.iter().any(|name| filter.picks_receiver(name));
        let picked = view.alerts.iter().filter(|one| is_meant(one));
        let mut found: Vec<_> = picked.filter_map(|one| Some((one, filter.picks(one, &active)?))).collect();
        found.sort_by(|(a, _), (b, _)| a.fingerprint.cmp(&b.fingerprint));
        let shown = found.iter().map(|(one, silenced_by)| GettableAlert::of(one, silenced_by, now));
        serde_json::to_vec(&shown.collect::<Vec<_>>())
    });
    answer::json_bytes(body.await.ok().and_then(Result::ok))
}

/// Takes alerts from outside; 200 means stored. As Alertmanager does, the good ones of a batch are taken and the bad
/// ones named in a 400.
pub(super) async fn post_alerts(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let posting: Option<Vec<Object<Posting>>> = match swagger::body("alerts", &headers, body) {
        Ok(posting) => posting,
        Err(refused) => return *refused,
    };
    let (alerts, faults) = match postable::check(posting.unwrap_or_default(), web.clock.now()) {
        Ok(checked) => checked,
        Err(refused) => return *refused,
    };
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
    filter::Conditions::of_query(query)?;
    Filter::parse(query).map(drop)
}

#[cfg(test)]
pub(super) fn read_posting(headers: &HeaderMap, body: Bytes) {
    silences::read(headers, body.clone());
    if let Ok(posting) = swagger::body::<Vec<Object<Posting>>>("alerts", headers, Ok(body)) {
        let _ = postable::check(posting, crate::view::tests::noon());
    }
}
