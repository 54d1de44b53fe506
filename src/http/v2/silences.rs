//! Silences as API v2 has them: list, look, make, edit, end.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{Path, RawQuery, State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    filter::Conditions,
    postable::{self, BadTime},
    stamp,
    swagger::{self, BAD_TYPE, Object, REQUIRED, TOO_FEW},
};
use crate::{
    alerts::silence::{Silence, SilenceMatcher, SilenceState, Wish, WishFault},
    http::{
        Web, answer,
        silencing::{self, SilenceFault},
    },
    model::Instant,
};

/// `gettableSilence`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GettableSilence<'a> {
    id: &'a str,
    status: Status,
    updated_at: String,
    comment: &'a str,
    created_by: &'a str,
    ends_at: String,
    matchers: Vec<GettableMatcher<'a>>,
    starts_at: String,
}

#[derive(Serialize)]
struct Status {
    state: SilenceState,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GettableMatcher<'a> {
    name: &'a str,
    value: &'a str,
    is_regex: bool,
    is_equal: bool,
}

impl<'a> GettableSilence<'a> {
    fn of(silence: &'a Silence, now: Instant) -> Self {
        let matcher = |one: &'a SilenceMatcher| {
            let SilenceMatcher { name, value, is_regex, is_equal } = one;
            GettableMatcher { name, value, is_regex: *is_regex, is_equal: *is_equal }
        };
        Self {
            id: &silence.id,
            status: Status { state: silence.state(now) },
            updated_at: stamp(silence.updated_at),
            comment: &silence.comment,
            created_by: &silence.created_by,
            ends_at: stamp(silence.ends_at),
            matchers: silence.matchers.iter().map(matcher).collect(),
            starts_at: stamp(silence.starts_at),
        }
    }
}

/// The silences, those that mute first.
pub(in super::super) async fn list(State(web): State<Arc<Web>>, RawQuery(query): RawQuery) -> Response {
    let conditions = match Conditions::of_query(query.as_deref().unwrap_or_default()) {
        Ok(conditions) => conditions,
        Err(error) => return answer::problem_v2(StatusCode::BAD_REQUEST, error),
    };
    let (silences, now) = (web.silencing.silences(), web.clock.now());
    let found = silences.listed(now).into_iter().filter(|one| conditions.are_among(one));
    answer::json(found.map(|one| GettableSilence::of(one, now)).collect::<Vec<_>>())
}

/// One silence.
pub(in super::super) async fn get(State(web): State<Arc<Web>>, Path(id): Path<String>) -> Response {
    if let Some(refused) = no_uuid(&id) {
        return refused;
    }
    let (silences, now) = (web.silencing.silences(), web.clock.now());
    match silences.get(&id.to_ascii_lowercase()) {
        Some(silence) => answer::json(GettableSilence::of(silence, now)),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Ends one.
pub(in super::super) async fn expire(State(web): State<Arc<Web>>, Path(id): Path<String>) -> Response {
    if let Some(refused) = no_uuid(&id) {
        return refused;
    }
    match web.silencing.expire(id.to_ascii_lowercase()).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(SilenceFault::Wish(_)) => StatusCode::NOT_FOUND.into_response(),
        Err(SilenceFault::Store(fault)) => answer::problem_v2(StatusCode::INTERNAL_SERVER_ERROR, fault.to_string()),
    }
}

fn no_uuid(id: &str) -> Option<Response> {
    let is_hex = |part: &str, length: usize| part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let parts: Vec<&str> = id.split('-').collect();
    let is_uuid = parts.len() == 5 && parts.iter().zip([8, 4, 4, 4, 12]).all(|(part, length)| is_hex(part, length));
    (!is_uuid).then(|| swagger::unprocessable(BAD_TYPE, format!("silenceID in path must be of type uuid: {id:?}")))
}

/// `postableSilence`, and what Alertmanager does not know.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Posting {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    matchers: Option<Vec<Option<Object<PostedMatcher>>>>,
    #[serde(default)]
    starts_at: Option<String>,
    #[serde(default)]
    ends_at: Option<String>,
    #[serde(default)]
    created_by: Option<String>,
    #[serde(default)]
    comment: Option<String>,
    /// It ends by itself once what it mutes is over.
    #[serde(default, alias = "until_resolved")]
    until_resolved: Option<bool>,
    /// Whoever sends it means it, also when it leaves nobody to be paged.
    #[serde(default, alias = "cover_everything")]
    cover_everything: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostedMatcher {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    value: Option<String>,
    #[serde(default)]
    is_regex: Option<bool>,
    #[serde(default)]
    is_equal: Option<bool>,
}

/// Makes one, or edits the one whose id is given.
pub(in super::super) async fn post(
    State(web): State<Arc<Web>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let posting: Option<Object<Posting>> = match swagger::body("silence", &headers, body) {
        Ok(posting) => posting,
        Err(refused) => return *refused,
    };
    let Object(mut posting) = posting.unwrap_or_default();
    for (name, value) in url::form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes()) {
        match &*name {
            "cover_everything" => posting.cover_everything = Some(matches!(&*value, "" | "true" | "1")),
            "until_resolved" => posting.until_resolved = Some(matches!(&*value, "" | "true" | "1")),
            _ => {}
        }
    }
    let cover = posting.cover_everything.unwrap_or(false);
    let wish = match wish(posting, web.clock.now()) {
        Ok(wish) => wish,
        Err(refused) => return *refused,
    };
    // Alertmanager's own refusals come first; the book finds them.
    let extra = silencing::refused(&web.view(), &wish, cover).err();
    let granted = match extra {
        Some(why) => match web.silencing.silences().grant(wish, String::new(), web.clock.now()) {
            Ok(_) => Err(WishFault::Invalid(why).into()),
            Err(fault) => Err(fault.into()),
        },
        None => web.silencing.set(wish).await,
    };
    match granted {
        Ok(id) => answer::json(json!({ "silenceID": id })),
        Err(SilenceFault::Wish(WishFault::Invalid(why))) => answer::problem_v2(StatusCode::BAD_REQUEST, why),
        Err(SilenceFault::Wish(fault @ WishFault::NotFound)) => {
            answer::problem_v2(StatusCode::NOT_FOUND, fault.to_string())
        }
        Err(SilenceFault::Store(fault)) => answer::problem_v2(StatusCode::INTERNAL_SERVER_ERROR, fault.to_string()),
    }
}

/// The wish in a body; `Err` is the answer for one that the specification forbids.
fn wish(posting: Posting, now: Instant) -> Result<Wish, Box<Response>> {
    let required = |name: &str| Box::new(swagger::unprocessable(REQUIRED, format!("{name} in body is required")));
    let time = |text: Option<String>| match text {
        None => Ok(None),
        Some(text) => postable::instant(Some(text)).map(Some).map_err(|BadTime(why)| {
            let error = format!("parsing silence body from \"\" failed, because {why}");
            Box::new(swagger::forbidden(StatusCode::BAD_REQUEST, 400, error))
        }),
    };
    let (starts_at, ends_at) = (time(posting.starts_at)?, time(posting.ends_at)?);
    let comment = posting.comment.ok_or_else(|| required("comment"))?;
    let created_by = posting.created_by.ok_or_else(|| required("createdBy"))?;
    let ends_at = ends_at.ok_or_else(|| required("endsAt"))?;
    let posted = posting.matchers.ok_or_else(|| required("matchers"))?;
    if posted.is_empty() {
        let why = "matchers in body should have at least 1 items";
        return Err(Box::new(swagger::unprocessable(TOO_FEW, why)));
    }
    let mut matchers = Vec::with_capacity(posted.len());
    for (n, one) in posted.into_iter().enumerate() {
        let Object(one) = one.unwrap_or_default();
        let field = |name: &str| required(&format!("matchers.{n}.{name}"));
        matchers.push(SilenceMatcher {
            is_regex: one.is_regex.ok_or_else(|| field("isRegex"))?,
            name: one.name.ok_or_else(|| field("name"))?,
            value: one.value.ok_or_else(|| field("value"))?,
            is_equal: one.is_equal.unwrap_or(true),
        });
    }
    let starts_at = starts_at.ok_or_else(|| required("startsAt"))?.unwrap_or(now);
    // Go's zero time is before everything.
    let ends_at = ends_at.unwrap_or(Instant::MIN_UTC);
    let id = posting.id.filter(|id| !id.is_empty());
    Ok(Wish { id, matchers, starts_at, ends_at, created_by, comment, until_resolved: posting.until_resolved })
}

#[cfg(test)]
pub(super) fn read(headers: &HeaderMap, body: Bytes) {
    if let Ok(posting) = swagger::body::<Option<Object<Posting>>>("silence", headers, Ok(body)) {
        let _ = wish(posting.unwrap_or_default().0, crate::view::tests::noon());
    }
}
