//! Problems as Alertmanager's API answers them. What its specification forbids is `{"code": …, "message": …}`, in the
//! words of the library that reads requests for it; what makes no sense to Alertmanager itself is a JSON string.

use std::marker::PhantomData;

use axum::{
    Json,
    extract::rejection::BytesRejection,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::json;

use crate::http::BODY_MAX_BYTES;

/// A field has another type or form than it must.
pub(super) const BAD_TYPE: u16 = 601;
/// A field is not there.
pub(super) const REQUIRED: u16 = 602;
/// A list is too short.
pub(super) const TOO_FEW: u16 = 612;

/// A request that the specification forbids.
pub(super) fn forbidden(status: StatusCode, code: u16, message: impl Into<String>) -> Response {
    (status, Json(json!({ "code": code, "message": message.into() }))).into_response()
}

/// A field of a body or path that is not as it must be.
pub(super) fn unprocessable(code: u16, message: impl Into<String>) -> Response {
    forbidden(StatusCode::UNPROCESSABLE_ENTITY, code, message)
}

/// The JSON body called `what`; `Err` is the answer for whoever sent none, or something else.
pub(super) fn body<T: DeserializeOwned>(
    what: &str,
    headers: &HeaderMap,
    body: Result<axum::body::Bytes, BytesRejection>,
) -> Result<T, Box<Response>> {
    let body = body.map_err(|rejected| {
        let status = rejected.status();
        let error = match status {
            StatusCode::PAYLOAD_TOO_LARGE => {
                format!("the body is larger than {} MiB; send less at a time", BODY_MAX_BYTES >> 20)
            }
            _ => "the body did not arrive whole; send it again".to_owned(),
        };
        Box::new(forbidden(status, status.as_u16(), error))
    })?;
    if body.is_empty() {
        return Err(Box::new(unprocessable(REQUIRED, format!("{what} in body is required"))));
    }
    let kind =
        headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("application/octet-stream");
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        let error = format!("unsupported media type {kind:?}, only [application/json] are allowed");
        return Err(Box::new(forbidden(StatusCode::UNSUPPORTED_MEDIA_TYPE, 415, error)));
    }
    // As Go reads it: letters that are none are replaced, and what follows the value is left alone.
    let text = String::from_utf8_lossy(&body);
    T::deserialize(&mut serde_json::Deserializer::from_str(&text)).map_err(|why| {
        let error = format!("parsing {what} body from \"\" failed, because {why}");
        Box::new(forbidden(StatusCode::BAD_REQUEST, 400, error))
    })
}

/// An object: a list of its fields' values, which serde would take for one, is none.
#[derive(Debug, Default)]
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OnlyMaps<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for OnlyMaps<T> {
            type Value = T;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }
        deserializer.deserialize_map(OnlyMaps(PhantomData)).map(Self)
    }
}

/// There is nothing at this path.
pub(crate) fn no_such_path(uri: &Uri) -> Response {
    forbidden(StatusCode::NOT_FOUND, 404, format!("path {} was not found", uri.path()))
}

/// The path takes other methods.
pub(crate) fn wrong_method(method: &Method, takes: &[&str]) -> Response {
    let error = format!("method {method} is not allowed, but [{}] are", takes.join(","));
    forbidden(StatusCode::METHOD_NOT_ALLOWED, 405, error)
}
