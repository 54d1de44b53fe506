//! The on-call log as JSON.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::{Web, answer};
use crate::report::on_call_log::DAYS_MAX;

/// So many days, when nobody says.
pub(super) const DAYS: u32 = 3;

/// Every page of the last `?days=3`.
#[utoipa::path(
    get,
    path = "/api/v1/on-call/log",
    tag = "on call",
    params(("days" = Option<u32>, Query, description = "How many days back; 3 without")),
    responses(
        (status = 200, description = "As asked", body = crate::report::on_call_log::OnCallLog),
        answer::Refused
    )
)]
pub(super) async fn log(
    State(web): State<Arc<Web>>,
    asked: Result<Query<BTreeMap<String, String>>, QueryRejection>,
) -> Response {
    let days = asked.ok().and_then(|asked| asked.get("days").map_or(Some(DAYS), |text| text.trim().parse().ok()));
    let Some(days) = days.filter(|days| (1..=DAYS_MAX).contains(days)) else {
        let why = format!("`days` must be a number from 1 to {DAYS_MAX}: /api/v1/on-call/log?days=3");
        return answer::problem(StatusCode::BAD_REQUEST, why).into_response();
    };
    match web.records.on_call_log(days).await {
        Ok(log) => answer::json(log),
        Err(fault) => answer::problem(StatusCode::SERVICE_UNAVAILABLE, fault.to_string()).into_response(),
    }
}
