//! Trials: one page marked as such, and who answered it.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{Path, State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use super::{
    Web, answer,
    orders::{DrillError, StoreFault},
};
use crate::model::Instant;

/// Whom a trial pages.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DrillBody {
    /// A person's name, or an escalation policy's.
    pub who: String,
}

/// A trial, as far as it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DrillAnswer {
    /// Names it: `GET /api/v1/drill/{id}`.
    pub id: String,
    /// `waiting`, `acknowledged`, or `unanswered` once its hour is over.
    pub state: DrillState,
    /// When it was asked for; `null` until the next tick has taken it up.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub opened_at: Option<Instant>,
    /// Who was told, in order.
    pub told: Vec<DrillTold>,
    /// Who has it.
    pub owner: Option<String>,
    /// Since when.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub acknowledged_at: Option<Instant>,
}

/// How a trial stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DrillState {
    /// Nobody has answered yet.
    Waiting,
    /// Somebody has it.
    Acknowledged,
    /// It ended without an answer.
    Unanswered,
}

/// Somebody was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DrillTold {
    /// Who.
    pub person: String,
    /// By `sms`, `call` or `email`.
    pub by: String,
    /// When that was decided.
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    /// `waiting`, `sent`, `delivered`, `failed`, `withdrawn`.
    pub arrived: String,
}

/// Begins a trial: stored, then answered.
#[utoipa::path(
    post,
    path = "/api/v1/drill",
    tag = "on call",
    request_body = DrillBody,
    responses(
        (status = 200, description = "As asked", body = DrillAnswer),
        answer::Refused
    )
)]
pub(super) async fn begin(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match answer::read_json::<DrillBody>(&headers, body) {
        Ok(body) => body,
        Err((status, error)) => return answer::problem(status, error).into_response(),
    };
    match web.orders.drill(body.who.trim().to_owned()).await {
        Ok(begun) => answer::json(begun),
        Err(error) => {
            let status = match &error {
                DrillError::Unknown { .. } => StatusCode::NOT_FOUND,
                DrillError::Store(StoreFault { .. }) => StatusCode::SERVICE_UNAVAILABLE,
            };
            answer::problem(status, error.to_string()).into_response()
        }
    }
}

/// How a trial stands.
#[utoipa::path(
    get,
    path = "/api/v1/drill/{id}",
    tag = "on call",
    params(("id" = String, Path, description = "As POST /api/v1/drill gave it")),
    responses(
        (status = 200, description = "As asked", body = DrillAnswer),
        answer::Refused
    )
)]
pub(super) async fn look(State(web): State<Arc<Web>>, Path(id): Path<String>) -> Response {
    if let Some(stands) = web.orders.drill_stands(id).await {
        answer::json(stands)
    } else {
        let error = "no trial has this id; it is forgotten a day after it ended";
        answer::problem(StatusCode::NOT_FOUND, error).into_response()
    }
}
