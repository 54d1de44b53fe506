//! The JSON API: status, alerts, acknowledging.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    extract::{Path, State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use super::{
    Web, answer,
    orders::{AckError, Acknowledge},
};
use crate::{
    clock,
    config::duration,
    model::Instant,
    view::{
        report::{AlertReport, StatusReport},
        words,
    },
};

/// The longest name of an owner; a person's name in the configuration, not a story.
const BY_MAX: usize = 64;
/// The longest note.
const NOTE_MAX: usize = 500;
/// The longest ownership: an alert that nobody looks at for a day is not owned.
const FOR_MAX: Duration = Duration::from_hours(24);

/// How things stand.
#[utoipa::path(
    get,
    path = "/api/v1/status",
    tag = "status",
    responses(
        (status = 200, description = "As asked", body = StatusReport),
        answer::NotNow
    )
)]
pub(super) async fn status(State(web): State<Arc<Web>>) -> Response {
    answer::json(StatusReport::of(&web.view(), &web.pulses, web.clock.now(), clock::real_now()))
}

/// Every live alert, the most pressing first.
#[utoipa::path(
    get,
    path = "/api/v1/alerts",
    tag = "alerts",
    responses(
        (status = 200, description = "As asked", body = Vec<AlertReport>),
        answer::NotNow
    )
)]
pub(super) async fn alerts(State(web): State<Arc<Web>>) -> Response {
    answer::json(AlertReport::all(&web.view(), web.clock.now()))
}

/// Every page that is open or was within a day: who was told, and who has it.
#[utoipa::path(
    get,
    path = "/api/v1/pages",
    tag = "alerts",
    responses(
        (status = 200, description = "As asked", body = Vec<crate::report::page_report::PageReport>),
        answer::NotNow
    )
)]
pub(super) async fn pages(State(web): State<Arc<Web>>) -> Response {
    answer::json(web.orders.pages().await)
}

/// What acknowledging takes.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AckBody {
    /// Who owns it now.
    pub by: String,
    /// Why, or what they do about it. Not for names of clients.
    #[serde(default)]
    pub note: String,
    /// For how long, as Prometheus writes durations (`20m`, `1h30m`); without it as configured.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub for_: Option<String>,
}

/// What it answers.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AckAnswer {
    /// Which alert.
    pub fingerprint: String,
    /// Who owns it.
    pub by: String,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    pub until: Instant,
    /// That, on the wall clock of the alert's place; `null` when the picture does not hold the alert any more.
    pub until_local: Option<String>,
}

/// Somebody owns an alert: stored, then answered.
#[utoipa::path(
    post,
    path = "/api/v1/alerts/{fingerprint}/ack",
    tag = "alerts",
    params(("fingerprint" = String, Path, description = "16 hex digits; GET /api/v1/alerts lists them")),
    request_body = AckBody,
    responses(
        (status = 200, description = "As asked", body = AckAnswer),
        answer::Refused
    )
)]
pub(super) async fn acknowledge(
    State(web): State<Arc<Web>>,
    Path(fingerprint): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let order = answer::read_json::<AckBody>(&headers, body)
        .and_then(|body| order(&fingerprint, &body).map_err(|error| (StatusCode::BAD_REQUEST, error)));
    let order = match order {
        Ok(order) => order,
        Err((status, error)) => return answer::problem(status, error).into_response(),
    };
    let (fingerprint, by) = (order.fingerprint.clone(), order.by.clone());
    match web.orders.acknowledge(order).await {
        Ok(acked) => {
            let (view, now, until) = (web.view(), web.clock.now(), acked.until);
            let place = view.alerts.iter().find(|one| one.fingerprint == fingerprint);
            let until_local = place.map(|one| words::weekday_clock(until, now, one.timezone, one.clock_12h));
            answer::json(AckAnswer { fingerprint, by, until, until_local })
        }
        Err(error) => answer::problem(status_of(&error), error.to_string()).into_response(),
    }
}

/// What a refused acknowledgement is answered with, as JSON and as a page.
pub(super) const fn status_of(error: &AckError) -> StatusCode {
    match error {
        AckError::Unknown => StatusCode::NOT_FOUND,
        AckError::Over | AckError::Pending => StatusCode::CONFLICT,
        AckError::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// Characters that nobody sees and that turn the text around them, or break its line: what stands in a log or on a phone
/// would read as something else. Marks that scripts need (joiners, direction marks) are none of them.
const fn bends_text(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

/// 16 hex digits.
pub(super) fn is_fingerprint(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A name in one line.
pub(super) fn name<'a>(text: &'a str, is: &str) -> Result<&'a str, String> {
    let text = text.trim();
    let can_be_seen = text.chars().any(char::is_alphanumeric);
    if !can_be_seen || text.chars().count() > BY_MAX || text.chars().any(|c| c.is_control() || bends_text(c)) {
        return Err(format!("{is}, in one line of 1 to {BY_MAX} characters"));
    }
    Ok(text)
}

/// A note of some lines; may be empty.
pub(super) fn note(text: &str) -> Result<&str, String> {
    let text = text.trim();
    if text.chars().count() > NOTE_MAX || text.chars().any(|c| (c.is_control() && c != '\n') || bends_text(c)) {
        return Err(format!("`note` may hold {NOTE_MAX} characters of plain text"));
    }
    Ok(text)
}

pub(super) fn order(fingerprint: &str, body: &AckBody) -> Result<Acknowledge, String> {
    if !is_fingerprint(fingerprint) {
        return Err("a fingerprint is 16 hex digits; `shiftwatch alerts` lists them".to_owned());
    }
    let by = name(&body.by, "`by` must name who owns the alert")?;
    let note = note(&body.note)?;
    let for_ = match &body.for_ {
        None => None,
        Some(text) => match duration::parse(text) {
            Ok(length) if !length.is_zero() && length <= FOR_MAX => Some(length),
            _ => return Err("`for` must be a duration like 20m or 1h30m, more than 0 and at most 24h".to_owned()),
        },
    };
    Ok(Acknowledge { fingerprint: fingerprint.to_ascii_lowercase(), by: by.to_owned(), note: note.to_owned(), for_ })
}
