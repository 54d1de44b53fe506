//! What became of an alert, as somebody says it: by the JSON API and by the board's form.

use std::sync::Arc;

use axum::{
    Form,
    body::Bytes,
    extract::{
        Path, State,
        rejection::{BytesRejection, FormRejection},
    },
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use serde::{Deserialize, Serialize};

use super::{
    Web, answer,
    orders::{Dispose, DisposeError},
    pages::{Who, problem},
    v1::{is_fingerprint, name, note},
};
use crate::{alerts::disposition::Disposition, model::Instant};

/// What saying it takes.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DispositionBody {
    /// Who says so.
    pub by: String,
    /// `covered`, `arrived`, `refused`, `unstaffed`, `data-error`, `rescheduled`, `linked`, `edited` or `approved`.
    pub disposition: String,
    /// Who approved of it; `unstaffed` must have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approver: Option<String>,
    /// By whom the shift was covered; with `covered` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub covered_by: Option<String>,
    /// What else there is to say. Not for names of clients.
    #[serde(default)]
    pub note: String,
    /// Which of the alert's lives, by when it began; without it the latest that fired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub active_at: Option<Instant>,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DispositionAnswer {
    /// Which alert.
    pub fingerprint: String,
    /// Which of its lives.
    #[schema(value_type = String, format = DateTime)]
    pub active_at: Instant,
    /// Who says so.
    pub by: String,
    /// What.
    pub disposition: Disposition,
}

/// Somebody says what became of an alert: stored, then answered.
#[utoipa::path(
    post,
    path = "/api/v1/alerts/{fingerprint}/disposition",
    tag = "alerts",
    params(("fingerprint" = String, Path, description = "16 hex digits; GET /api/v1/alerts lists them")),
    request_body = DispositionBody,
    responses(
        (status = 200, description = "As asked", body = DispositionAnswer),
        answer::Refused
    )
)]
pub(super) async fn post(
    State(web): State<Arc<Web>>,
    Path(fingerprint): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let order = answer::read_json::<DispositionBody>(&headers, body)
        .and_then(|body| order(&fingerprint, &body).map_err(|error| (StatusCode::BAD_REQUEST, error)));
    let order = match order {
        Ok(order) => order,
        Err((status, error)) => return answer::problem(status, error).into_response(),
    };
    let (fingerprint, by, disposition) = (order.fingerprint.clone(), order.by.clone(), order.disposition);
    match web.orders.dispose(order).await {
        Ok(disposed) => answer::json(DispositionAnswer { fingerprint, active_at: disposed.active_at, by, disposition }),
        Err(error) => answer::problem(status_of(&error), error.to_string()).into_response(),
    }
}

/// The board's form: the alert's page once it is stored, else what went wrong.
pub(super) async fn post_form(
    State(web): State<Arc<Web>>,
    who: Who,
    Path(fingerprint): Path<String>,
    form: Result<Form<DispositionBody>, FormRejection>,
) -> Response {
    let there = format!("/alerts/{}", fingerprint.to_ascii_lowercase());
    take_form(&web, &who, &fingerprint, form, &there).await
}

/// The same for a form on another page, to which it leads back.
pub(super) async fn take_form(
    web: &Arc<Web>,
    who: &Who,
    fingerprint: &str,
    form: Result<Form<DispositionBody>, FormRejection>,
    there: &str,
) -> Response {
    const TITLE: &str = "Not taken";
    let Ok(Form(mut body)) = form else {
        let says = "The form did not arrive whole. Go back and send it again.";
        return problem(web, who, StatusCode::BAD_REQUEST, TITLE, says);
    };
    // A form sends what was left empty.
    let filled = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    (body.approver, body.covered_by) = (filled(body.approver), filled(body.covered_by));
    body.note = body.note.replace("\r\n", "\n");
    if body.disposition != Disposition::Covered.as_str() {
        body.covered_by = None;
    }
    let order = match order(fingerprint, &body) {
        Ok(order) => order,
        Err(says) => return problem(web, who, StatusCode::BAD_REQUEST, TITLE, &says),
    };
    match web.orders.dispose(order).await {
        Ok(_) => Redirect::to(there).into_response(),
        Err(error) => problem(web, who, status_of(&error), TITLE, &error.to_string()),
    }
}

const fn status_of(error: &DisposeError) -> StatusCode {
    match error {
        DisposeError::Unknown | DisposeError::NoSuchLife => StatusCode::NOT_FOUND,
        DisposeError::NotWatched => StatusCode::CONFLICT,
        DisposeError::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn order(fingerprint: &str, body: &DispositionBody) -> Result<Dispose, String> {
    if !is_fingerprint(fingerprint) {
        return Err("a fingerprint is 16 hex digits; `shiftwatch on-call log` lists them".to_owned());
    }
    let by = name(&body.by, "`by` must name who says what became of it")?;
    let Some(disposition) = Disposition::parse(&body.disposition) else {
        let words = Disposition::ALL.map(Disposition::as_str).join(", ");
        return Err(format!("`disposition` must be one of {words}"));
    };
    let other = |text: &Option<String>, is: &str| -> Result<Option<String>, String> {
        text.as_deref().map(|text| name(text, is).map(str::to_owned)).transpose()
    };
    let approver = other(&body.approver, "`approver` must name who approved of it")?;
    if disposition.needs_approver() && approver.is_none() {
        return Err("a shift that went unstaffed needs an `approver`: who approved of it?".to_owned());
    }
    let covered_by = other(&body.covered_by, "`covered_by` must name who covered the shift")?;
    if covered_by.is_some() && disposition != Disposition::Covered {
        return Err("`covered_by` goes with `covered` alone".to_owned());
    }
    Ok(Dispose {
        fingerprint: fingerprint.to_ascii_lowercase(),
        active_at: body.active_at,
        by: by.to_owned(),
        disposition,
        approver,
        covered_by,
        note: note(&body.note)?.to_owned(),
    })
}
