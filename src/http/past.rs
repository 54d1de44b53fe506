//! The JSON API's answers about the past: an alert's story, the history, the record of the vendor's API.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::{Path, Query, State, rejection::QueryRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::{Web, answer, records::RecordsFault, v1::is_fingerprint};
use crate::report::history::Span;

type Asked = Result<Query<BTreeMap<String, String>>, QueryRejection>;

/// What happened to one alert, live or over.
#[utoipa::path(
    get,
    path = "/api/v1/alerts/{fingerprint}",
    tag = "alerts",
    params(("fingerprint" = String, Path, description = "16 hex digits; GET /api/v1/alerts lists them")),
    responses(
        (status = 200, description = "As asked", body = crate::report::alert_story::AlertStory),
        answer::Refused
    )
)]
pub(super) async fn alert(State(web): State<Arc<Web>>, Path(fingerprint): Path<String>) -> Response {
    let fingerprint = fingerprint.to_ascii_lowercase();
    if !is_fingerprint(&fingerprint) {
        let why = "a fingerprint is 16 hex digits; `GET /api/v1/alerts` and `GET /api/v1/history` list them";
        return answer::problem(StatusCode::BAD_REQUEST, why).into_response();
    }
    match web.records.alert_story(&fingerprint).await {
        Ok(Some(story)) => answer::json(story),
        Ok(None) => {
            let why = "nothing is kept of an alert with this fingerprint: it never was, or is over for more than 400 days; \
                       `GET /api/v1/alerts` lists the live ones, `GET /api/v1/history?span=90d` the latest";
            answer::problem(StatusCode::NOT_FOUND, why).into_response()
        }
        Err(fault) => unreadable(&fault),
    }
}

/// How alerts went over a span: `?span=24h|7d|30d|90d`, 7d without.
#[utoipa::path(
    get,
    path = "/api/v1/history",
    tag = "alerts",
    params(("span" = Option<String>, Query, description = "24h, 7d, 30d or 90d; 7d without")),
    responses(
        (status = 200, description = "As asked", body = crate::report::history::History),
        answer::Refused
    )
)]
pub(super) async fn history(State(web): State<Arc<Web>>, asked: Asked) -> Response {
    let span = asked.as_ref().map(|asked| asked.get("span").map_or(Some(Span::default()), |text| Span::parse(text)));
    let Ok(Some(span)) = span else {
        let spans = Span::ALL.map(Span::as_str).join(", ");
        return answer::problem(StatusCode::BAD_REQUEST, format!("`span` must be one of {spans}")).into_response();
    };
    match web.records.history(span).await {
        Ok(history) => answer::json(history),
        Err(fault) => unreadable(&fault),
    }
}

/// How the API of one agency was: `?agency=<name>`, the first of the configuration without.
#[utoipa::path(
    get,
    path = "/api/v1/api",
    tag = "status",
    params(("agency" = Option<String>, Query, description = "Whose API; the first agency without")),
    responses(
        (status = 200, description = "As asked", body = crate::report::api_record::ApiRecord),
        answer::Refused
    )
)]
pub(super) async fn api(State(web): State<Arc<Web>>, asked: Asked) -> Response {
    let Ok(asked) = asked else {
        let why = "ask for one agency by its name: /api/v1/api?agency=main";
        return answer::problem(StatusCode::BAD_REQUEST, why).into_response();
    };
    let names: Vec<String> = web.view().agencies.iter().map(|agency| agency.name.to_string()).collect();
    let agency = asked.get("agency").or(names.first());
    let record = match agency {
        Some(agency) => web.records.api_record(agency).await,
        None => Ok(None),
    };
    match record {
        Ok(Some(record)) => answer::json(record),
        Ok(None) => {
            let why = format!("no agency of that name is read; there are: {}", names.join(", "));
            answer::problem(StatusCode::NOT_FOUND, why).into_response()
        }
        Err(fault) => unreadable(&fault),
    }
}

fn unreadable(fault: &RecordsFault) -> Response {
    answer::problem(StatusCode::SERVICE_UNAVAILABLE, fault.to_string()).into_response()
}
