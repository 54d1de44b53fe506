//! Requests that gateways make: read here, judged by [`Hooks`]. They come without sign-in, each proves itself.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};

use sha2::{Digest as _, Sha256};

use super::{Web, answer};
use crate::notify::inbound::hooks::{Hooked, Hooks, Posted};

/// No gateway posts more.
const BODY_MAX_BYTES: usize = 64 * 1024;
/// An empty answer in Twilio's markup: nothing is texted back from here.
const NOTHING: &str = "<Response/>";

fn posted(uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Option<Posted> {
    if body.len() > BODY_MAX_BYTES {
        return None;
    }
    let path_and_query = uri.path_and_query().map_or("/", |it| it.as_str()).to_owned();
    let signature = headers.get("x-twilio-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_json = kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
    let (params, body_sha256) = if is_json {
        let hash = Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
        (fields(body), Some(hash))
    } else {
        (url::form_urlencoded::parse(body).into_owned().collect(), None)
    };
    Some(Posted { path_and_query, params, signature: signature.to_owned(), body_sha256 })
}

/// The fields of a JSON body that are text, numbers or truths, as a form would have them.
fn fields(body: &[u8]) -> Vec<(String, String)> {
    let Ok(serde_json::Value::Object(fields)) = serde_json::from_slice(body) else { return Vec::new() };
    let plain = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => Some(text),
        value @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_)) => Some(value.to_string()),
        _ => None,
    };
    fields.into_iter().filter_map(|(name, value)| Some((name, plain(value)?))).collect()
}

async fn twilio(
    web: &Web,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
    tell: impl AsyncFnOnce(&Hooks, &Posted) -> Hooked,
) -> Response {
    let hooked = match (&web.hooks, posted(uri, headers, body)) {
        (Some(hooks), Some(posted)) => tell(hooks, &posted).await,
        (_, None) => return answer::problem(StatusCode::PAYLOAD_TOO_LARGE, "too large").into_response(),
        (None, _) => Hooked::NotHere,
    };
    answered(hooked)
}

pub(super) async fn twilio_text(State(web): State<Arc<Web>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    twilio(&web, &uri, &headers, &body, async |hooks: &Hooks, posted: &Posted| hooks.twilio_text(posted).await).await
}

pub(super) async fn twilio_status(State(web): State<Arc<Web>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    twilio(&web, &uri, &headers, &body, async |hooks: &Hooks, posted: &Posted| hooks.twilio_status(posted).await).await
}

pub(super) async fn twilio_voice(State(web): State<Arc<Web>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    twilio(&web, &uri, &headers, &body, async |hooks: &Hooks, posted: &Posted| hooks.twilio_voice(posted).await).await
}

pub(super) async fn ringcentral(State(web): State<Arc<Web>>, headers: HeaderMap, body: Bytes) -> Response {
    if body.len() > BODY_MAX_BYTES {
        return answer::problem(StatusCode::PAYLOAD_TOO_LARGE, "too large").into_response();
    }
    let token = headers.get(VALIDATION_TOKEN).and_then(|value| value.to_str().ok());
    answered(match &web.hooks {
        Some(hooks) => hooks.ringcentral(token, &body).await,
        None => Hooked::NotHere,
    })
}

const VALIDATION_TOKEN: HeaderName = HeaderName::from_static("validation-token");

fn answered(hooked: Hooked) -> Response {
    let markup = |text: String| ([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], text).into_response();
    match hooked {
        Hooked::Taken => markup(NOTHING.to_owned()),
        Hooked::Say(text) => markup(text),
        Hooked::Echo(token) => {
            let mut response = ([(header::CONTENT_TYPE, "application/json")], "{}").into_response();
            if let Ok(token) = HeaderValue::from_str(&token) {
                response.headers_mut().insert(VALIDATION_TOKEN, token);
            }
            response
        }
        Hooked::Forged => answer::problem(StatusCode::FORBIDDEN, "the signature is not right").into_response(),
        Hooked::NotHere => {
            let why = "no gateway of this configuration posts here; it needs web.external_url";
            answer::problem(StatusCode::FORBIDDEN, why).into_response()
        }
        Hooked::Again => {
            answer::problem(StatusCode::SERVICE_UNAVAILABLE, "it could not be stored; send it again").into_response()
        }
    }
}
