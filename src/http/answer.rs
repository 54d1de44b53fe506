//! The shapes of answers: JSON, plain text, and problems that say what to do.

use axum::{
    Json,
    extract::rejection::BytesRejection,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

/// A problem as the JSON API and the plain paths answer it.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Problem {
    /// What went wrong, and what to do.
    pub error: String,
}

/// What is answered in place of what was asked for, for the API's description: a wrong question, or not now.
#[derive(utoipa::IntoResponses)]
pub enum Refused {
    /// What was wrong, and what to do
    #[response(status = "4XX")]
    Wrong(Problem),
    /// It could not be done now
    #[response(status = "5XX")]
    NotNow(Problem),
}

/// The same where no question is wrong.
#[derive(utoipa::IntoResponses)]
pub enum NotNow {
    /// It could not be done now
    #[response(status = "5XX")]
    NotNow(Problem),
}

/// See [`Problem`].
pub fn problem(status: StatusCode, error: impl Into<String>) -> impl IntoResponse {
    (status, Json(Problem { error: error.into() }))
}

/// A problem as Alertmanager's API v2 answers it: a JSON string.
pub fn problem_v2(status: StatusCode, error: impl Into<String>) -> Response {
    (status, Json(error.into())).into_response()
}

/// A value as JSON.
pub fn json<T: Serialize>(value: T) -> Response {
    Json(value).into_response()
}

/// JSON that was written already; `None` when that failed, which is a mistake in the program.
pub fn json_bytes(body: Option<Vec<u8>>) -> Response {
    match body {
        Some(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
        None => problem_v2(StatusCode::INTERNAL_SERVER_ERROR, "the answer could not be written"),
    }
}

/// The answer for a path that is not there.
pub async fn no_such_path(uri: Uri) -> Response {
    if uri.path().starts_with("/api/v2/") {
        return super::v2::swagger::no_such_path(&uri);
    }
    problem(StatusCode::NOT_FOUND, "there is nothing at this path; see / for what there is").into_response()
}

/// The answer for a path that takes other methods.
pub async fn wrong_method(method: Method, uri: Uri) -> Response {
    let path = if uri.path().starts_with("/api/v2/") { uri.path().trim_end_matches('/') } else { uri.path() };
    let takes = super::routes::ROUTES.iter().find(|route| matches_path(route.path, path));
    let methods = takes.map(|route| route.methods).unwrap_or_default();
    let takes = methods.join(" or ");
    let error = format!("{method} is not for this path; use {takes}");
    let mut response = if uri.path().starts_with("/api/v2/") {
        super::v2::swagger::wrong_method(&method, methods)
    } else {
        problem(StatusCode::METHOD_NOT_ALLOWED, error).into_response()
    };
    if let Ok(allow) = takes.replace(" or ", ", ").parse() {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

fn matches_path(pattern: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(want), Some(have)) if want == have || want.starts_with('{') => {}
            _ => return false,
        }
    }
}

/// The JSON body, or what is wrong with it and the status to say so with.
pub fn read_json<T: serde::de::DeserializeOwned>(
    headers: &HeaderMap,
    body: Result<axum::body::Bytes, BytesRejection>,
) -> Result<T, (StatusCode, String)> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        let error = "the body must be JSON; send it with the header Content-Type: application/json";
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, error.to_owned()));
    }
    let body = body.map_err(|rejected| {
        let status = rejected.status();
        let error = match status {
            StatusCode::PAYLOAD_TOO_LARGE => {
                format!("the body is larger than {} MiB; send less at a time", super::BODY_MAX_BYTES >> 20)
            }
            _ => "the body did not arrive whole; send it again".to_owned(),
        };
        (status, error)
    })?;
    serde_json::from_slice(&body)
        .map_err(|error| (StatusCode::BAD_REQUEST, format!("the body is not as expected: {error}")))
}
