//! `POST /hooks/wellsky`: the vendor tells that something changed. Open to all, each hook proves itself by its secret.
//!
//! Answered at once, whatever becomes of it: nobody knows whether the vendor tries again, and what a hook names is read
//! in its own time anyhow.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::State,
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
}

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
    /// `task_log`, `admin_task`, or `dry_run`.
    pub way: String,
    /// The visit of a task log.
    pub visit: Option<String>,
    /// The client of an admin task.
    pub client: Option<String>,
    /// `queued`, `sent`, `refused`, `uncertain` … as of any message.
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
