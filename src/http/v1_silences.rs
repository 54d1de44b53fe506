//! Silences in the JSON API: what Alertmanager's has no words for. Previews, lengths, and those that end by themselves.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{Path, State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::{
    Web, answer,
    silencing::{self, SilenceFault, covered},
    v2::filter::matcher,
};
use crate::{
    alerts::silence::{Silence, SilenceMatcher, SilenceState, Silences, UNTIL_RESOLVED_MAX, Wish, WishFault, ready},
    config::duration,
    model::Instant,
    view::{
        View,
        report::{AlertReport, silence::SilenceReport},
    },
};

/// As long as a silence lasts when nobody says, as `amtool` has it.
const USUAL: TimeDelta = TimeDelta::hours(1);

/// What making or editing a silence takes.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SilenceBody {
    /// Which one is edited; what is left out stays as it is. Without it a new one is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// As Alertmanager's matchers are written: `alertname="NoShow"`, `location=~"north|south"`. All must match.
    #[serde(default)]
    pub matchers: Vec<String>,
    /// From when; now without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub starts_at: Option<Instant>,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ends_at: Option<Instant>,
    /// For how long, in place of `ends_at`, as Prometheus writes durations. Without either an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<String>,
    /// Who.
    #[serde(default)]
    pub created_by: String,
    /// Why. Not for names of clients.
    #[serde(default)]
    pub comment: String,
    /// It ends by itself once nothing that it mutes fires any more; after seven days in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_resolved: Option<bool>,
    /// Whoever sends it means it, also when it leaves nobody to be paged.
    #[serde(default)]
    pub cover_everything: bool,
}

/// What a silence would mute, or mutes, now.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SilencePreview {
    /// The alerts, the most pressing first.
    pub alerts: Vec<AlertReport>,
    /// The agency that nobody could be paged for; then it has to be said that this is meant.
    pub covers_agency: Option<String>,
}

/// Every silence, those that mute first.
#[utoipa::path(
    get,
    path = "/api/v1/silences",
    tag = "silences",
    responses(
        (status = 200, description = "As asked", body = Vec<SilenceReport>),
        answer::NotNow
    )
)]
pub(super) async fn list(State(web): State<Arc<Web>>) -> Response {
    let (view, silences, now) = (web.view(), web.silencing.silences(), web.clock.now());
    answer::json(SilenceReport::all(&view, &silences, now))
}

/// What these matchers would mute now.
#[utoipa::path(
    post,
    path = "/api/v1/silences/preview",
    tag = "silences",
    request_body = SilenceBody,
    responses(
        (status = 200, description = "As asked", body = SilencePreview),
        answer::Refused
    )
)]
pub(super) async fn preview(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let read = answer::read_json::<SilenceBody>(&headers, body);
    match read.and_then(|body| matchers_of(&body.matchers).map_err(bad)) {
        Ok(matchers) => match previewed(&web.view(), &matchers, web.clock.now()) {
            Ok(preview) => answer::json(preview),
            Err(why) => answer::problem(StatusCode::BAD_REQUEST, why).into_response(),
        },
        Err((status, error)) => answer::problem(status, error).into_response(),
    }
}

/// The alerts that fire and that these matchers match.
pub(super) fn previewed(view: &View, matchers: &[SilenceMatcher], now: Instant) -> Result<SilencePreview, String> {
    let ready = ready(matchers)?;
    let matched = AlertReport::all(view, now).into_iter().filter(|alert| {
        matches!(alert.state.as_str(), "firing" | "acknowledged") && ready.iter().all(|one| one.matches(&alert.labels))
    });
    Ok(SilencePreview { alerts: matched.collect(), covers_agency: covered(view, matchers).map(str::to_owned) })
}

/// Makes one, or edits one.
#[utoipa::path(
    post,
    path = "/api/v1/silences",
    tag = "silences",
    request_body = SilenceBody,
    responses(
        (status = 200, description = "As asked", body = SilenceReport),
        answer::Refused
    )
)]
pub(super) async fn post(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    match answer::read_json::<SilenceBody>(&headers, body) {
        Ok(body) => match make(&web, &body).await {
            Ok(id) => shown(&web, &id),
            Err((status, error)) => answer::problem(status, error).into_response(),
        },
        Err((status, error)) => answer::problem(status, error).into_response(),
    }
}

/// Ends one.
#[utoipa::path(
    post,
    path = "/api/v1/silences/{id}/expire",
    tag = "silences",
    params(("id" = String, Path, description = "As GET /api/v1/silences lists it")),
    responses(
        (status = 200, description = "As asked", body = SilenceReport),
        answer::Refused
    )
)]
pub(super) async fn expire(State(web): State<Arc<Web>>, Path(id): Path<String>) -> Response {
    match web.silencing.expire(id.clone()).await {
        Ok(()) => shown(&web, &id),
        Err(fault) => {
            let (status, error) = status_of(&fault);
            answer::problem(status, error).into_response()
        }
    }
}

/// Grants what a body asks; gives the silence's id, or the status and words of the refusal.
pub(super) async fn make(web: &Web, body: &SilenceBody) -> Result<String, (StatusCode, String)> {
    let wish = wish(body, &web.silencing.silences(), web.clock.now())?;
    silencing::refused(&web.view(), &wish, body.cover_everything).map_err(bad)?;
    web.silencing.set(wish).await.map_err(|fault| status_of(&fault))
}

fn shown(web: &Web, id: &str) -> Response {
    let (view, silences, now) = (web.view(), web.silencing.silences(), web.clock.now());
    match silences.get(id) {
        Some(silence) => answer::json(SilenceReport::of(silence, &view, &silences, now)),
        None => answer::problem(StatusCode::NOT_FOUND, WishFault::NotFound.to_string()).into_response(),
    }
}

fn bad(error: String) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, error)
}

/// What a refused order is answered with.
pub(super) fn status_of(fault: &SilenceFault) -> (StatusCode, String) {
    let status = match fault {
        SilenceFault::Wish(WishFault::Invalid(_)) => StatusCode::BAD_REQUEST,
        SilenceFault::Wish(WishFault::NotFound) => StatusCode::NOT_FOUND,
        SilenceFault::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, fault.to_string())
}

fn matchers_of(written: &[String]) -> Result<Vec<SilenceMatcher>, String> {
    written.iter().map(|text| matcher(text)).collect()
}

fn wish(body: &SilenceBody, silences: &Silences, now: Instant) -> Result<Wish, (StatusCode, String)> {
    let before: Option<&Silence> = match &body.id {
        Some(id) => Some(silences.get(id).ok_or_else(|| (StatusCode::NOT_FOUND, WishFault::NotFound.to_string()))?),
        None => None,
    };
    let until_resolved = body.until_resolved.unwrap_or_else(|| before.is_some_and(|before| before.until_resolved));
    let running = before.filter(|before| before.state(now) != SilenceState::Expired);
    let starts_at = body.starts_at.or(running.map(|running| running.starts_at)).unwrap_or(now);
    let length = match &body.duration {
        None => None,
        Some(text) => {
            let length = duration::parse(text).ok().filter(|length| !length.is_zero());
            let length = length.and_then(|length| TimeDelta::from_std(length).ok());
            let wrong = || bad("`duration` must be a duration like 90m or 2d, more than 0".to_owned());
            Some(length.ok_or_else(wrong)?)
        }
    };
    let ends_at = match (body.ends_at, length, running) {
        (Some(_), Some(_), _) => {
            return Err(bad("give `ends_at` or `duration`, not both".to_owned()));
        }
        (Some(at), None, _) => at,
        // A silence that is made longer lasts so long from now on.
        (None, Some(length), _) => starts_at.max(now) + length,
        (None, None, Some(running)) => running.ends_at,
        (None, None, None) => starts_at.max(now) + if until_resolved { UNTIL_RESOLVED_MAX } else { USUAL },
    };
    let matchers = match before {
        Some(before) if body.matchers.is_empty() => before.matchers.clone(),
        _ => matchers_of(&body.matchers).map_err(bad)?,
    };
    let or_before = |text: &str, before: Option<&String>| match before {
        Some(before) if text.trim().is_empty() => before.clone(),
        _ => text.trim().to_owned(),
    };
    Ok(Wish {
        id: body.id.clone(),
        matchers,
        starts_at,
        ends_at,
        created_by: or_before(&body.created_by, before.map(|before| &before.created_by)),
        comment: or_before(&body.comment, before.map(|before| &before.comment)),
        until_resolved: Some(until_resolved),
    })
}
