//! `POST /hooks/wellsky`: the vendor tells that something changed. Open to all, each hook proves itself by its secret.
//!
//! Answered at once, whatever becomes of it: nobody knows whether the vendor tries again, and what a hook names is read
//! in its own time anyhow.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    body::Bytes,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::{Web, answer, records::RecordsFault};
use crate::model::Instant;

/// Where the vendor's subscriptions point to, under the external address.
pub const VENDOR_HOOK: &str = "/hooks/wellsky";
/// A hook is a type and an id.
const BODY_MAX_BYTES: usize = 16 * 1024;

/// What became of a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hooked {
    /// It proved itself; what it named is read, or was just read, or has to wait its turn.
    Taken,
    /// It did not prove itself.
    Forged,
    /// No agency has a `hook_secret`.
    NotHere,
}

/// What the vendor's side asks of the agent.
pub trait VendorSide: Send + Sync + 'static {
    /// A hook came with this `Authorization` header. Never waits.
    fn hooked(&self, authorization: &str, body: &[u8]) -> Hooked;

    /// The latest notes on the vendor's records, as they are kept here, the newest first.
    fn notes(&self) -> BoxFuture<'_, Result<Vec<NoteReport>, RecordsFault>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// The notes that the last days' alerts would have made by the present configuration, whatever is switched on, the newest
    /// first; those apart that are kept.
    fn would_note(&self, _days: u32) -> BoxFuture<'_, Result<Vec<NoteReport>, RecordsFault>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// So many days of the past, when nobody says; and at most.
const WOULD_DAYS: u32 = 7;
const WOULD_DAYS_MAX: u32 = 90;

/// A note on a record. It names nobody; ids are the vendor's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = vendor::NoteReport)]
pub struct NoteReport {
    /// 32 hex digits.
    pub id: String,
    /// Whose.
    pub agency: String,
    /// When it was decided.
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    /// `task_log`, `admin_task`, `dry_run`, or `ambiguous`: several clients have the number of these calls, so it is written to none.
    pub way: String,
    /// The visit of a task log.
    pub visit: Option<String>,
    /// The client of an admin task.
    pub client: Option<String>,
    /// `queued`, `sent`, `refused`, `uncertain` … as of any message; `would` of one that was only worked out.
    pub state: String,
    /// Why it is not written, where it is not.
    pub why: Option<String>,
    /// Its id at the vendor, with its kind: `task_log/4102`.
    pub vendor_id: Option<String>,
    /// What it says.
    pub text: String,
}

/// The local copies of what was written to the vendor's record, or would be.
#[utoipa::path(
    get,
    path = "/api/v1/notes",
    tag = "notes",
    responses(
        (status = 200, description = "As asked", body = Vec<NoteReport>),
        answer::NotNow
    )
)]
pub(super) async fn notes(State(web): State<Arc<Web>>) -> Response {
    match web.vendor.notes().await {
        Ok(notes) => answer::json(notes),
        Err(fault) => answer::problem(StatusCode::SERVICE_UNAVAILABLE, &fault.to_string()).into_response(),
    }
}

/// The notes that the alerts of the last `?days=7` would have made by the present configuration, whatever is switched on.
/// Nothing is stored or written by it.
#[utoipa::path(
    get,
    path = "/api/v1/notes/would",
    tag = "notes",
    params(("days" = Option<u32>, Query, description = "How many days back, 90 at most; 7 without")),
    responses(
        (status = 200, description = "As asked", body = Vec<NoteReport>),
        answer::Refused
    )
)]
pub(super) async fn would_note(
    State(web): State<Arc<Web>>,
    asked: Result<Query<BTreeMap<String, String>>, QueryRejection>,
) -> Response {
    let asked = asked.map(|Query(asked)| asked).unwrap_or_default();
    let days = asked.get("days").map_or(Some(WOULD_DAYS), |text| text.trim().parse().ok());
    let Some(days) = days.filter(|days| (1..=WOULD_DAYS_MAX).contains(days)) else {
        let why = format!("`days` must be a number from 1 to {WOULD_DAYS_MAX}: /api/v1/notes/would?days=7");
        return answer::problem(StatusCode::BAD_REQUEST, why).into_response();
    };
    match web.vendor.would_note(days).await {
        Ok(notes) => answer::json(notes),
        Err(fault) => answer::problem(StatusCode::SERVICE_UNAVAILABLE, fault.to_string()).into_response(),
    }
}

/// Nobody's vendor: no hook is taken.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoVendor;

impl VendorSide for NoVendor {
    fn hooked(&self, _: &str, _: &[u8]) -> Hooked {
        Hooked::NotHere
    }
}

pub(super) async fn hook(State(web): State<Arc<Web>>, headers: HeaderMap, body: Bytes) -> Response {
    if body.len() > BODY_MAX_BYTES {
        return answer::problem(StatusCode::PAYLOAD_TOO_LARGE, "too large").into_response();
    }
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match web.vendor.hooked(authorization, &body) {
        Hooked::Taken => StatusCode::OK.into_response(),
        Hooked::Forged => answer::problem(StatusCode::FORBIDDEN, "the secret is not right").into_response(),
        Hooked::NotHere => {
            let why = "no agency of this configuration has a wellsky.hook_secret";
            answer::problem(StatusCode::FORBIDDEN, why).into_response()
        }
    }
}
