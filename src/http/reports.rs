//! The configuration's reports: what there is, and each as of now.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use super::{Viewer, Web, answer};
use crate::report::scheduled::{Format, Range, What};

/// One of the configuration's `reports`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = reports::ReportListed)]
pub struct ReportListed {
    /// Its name.
    pub name: String,
    /// Which.
    pub report: What,
    /// Over which days; `null` where it says how things stand.
    pub range: Option<Range>,
    /// In which form.
    pub format: Format,
    /// The zone of its days, IANA.
    pub timezone: String,
    /// When it is sent; `null` = only when it is asked for.
    pub cron: Option<String>,
    /// By which way: `email`, `webhook` or `folder`; `null` = by none.
    pub to: Option<String>,
}

/// A report, made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its file name.
    pub name: String,
    /// What it is.
    pub media_type: String,
    /// Its bytes.
    pub body: Vec<u8>,
}

/// Why there is none.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReportFault {
    /// There is none of this name.
    #[error("no report is called {name:?}; there is {}", if known.is_empty() { "none: write reports into the configuration".to_owned() } else { known.join(", ") })]
    Unknown {
        /// As asked.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// It could not be made.
    #[error("it could not be made: {0}; try again in a moment, and see the agent's log if this lasts")]
    Not(String),
}

/// What there is.
#[utoipa::path(
    get,
    path = "/api/v1/reports",
    tag = "reports",
    responses(
        (status = 200, description = "As asked", body = Vec<ReportListed>),
        answer::NotNow
    )
)]
pub(super) async fn list(State(web): State<Arc<Web>>) -> Response {
    answer::json(web.briefings.reports())
}

/// One of them, as of now, as a file.
#[utoipa::path(
    get,
    path = "/api/v1/reports/{name}",
    tag = "reports",
    params(("name" = String, Path, description = "One of reports in the configuration")),
    responses(
        (status = 200, description = "As asked", body = String, content_type = "text/csv"),
        answer::Refused
    )
)]
pub(super) async fn get(State(web): State<Arc<Web>>, viewer: Viewer, Path(name): Path<String>) -> Response {
    match web.briefings.report(&name, viewer.grant()).await {
        Ok(document) => {
            let name = format!("attachment; filename=\"{}\"", document.name);
            let mut response = document.body.into_response();
            let headers = response.headers_mut();
            for (key, value) in [(header::CONTENT_TYPE, document.media_type), (header::CONTENT_DISPOSITION, name)] {
                if let Ok(value) = HeaderValue::from_str(&value) {
                    headers.insert(key, value);
                }
            }
            response
        }
        Err(fault @ ReportFault::Unknown { .. }) => {
            answer::problem(StatusCode::NOT_FOUND, fault.to_string()).into_response()
        }
        Err(fault) => answer::problem(StatusCode::SERVICE_UNAVAILABLE, fault.to_string()).into_response(),
    }
}
