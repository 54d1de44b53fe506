//! The door of each path: a request of a path that is not open goes on only with a name and a password that fit.

use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{
    access::{Access, NotIn},
    answer,
    local_key::is_local,
    routes::{ROUTES, Role},
    waiting::Peer,
};

/// The words for whoever does not come in yet.
const UNASKED: &str = "who are you? Send a user and a password of basic_auth_users; for `shiftwatch` commands, in the file \
                       that --http-config names";
const WRONG: &str = "this user and password do not fit any of basic_auth_users in the web file";
const WRONG_KEY: &str = "this is not the key of this agent's store, or it does not come from the agent's machine; name the agent's \
                         own configuration with --config";
const BUSY: &str = "too many passwords are being looked at; try again in a few seconds";
const TOO_MANY: &str = "more requests than rate_limit in the web file allows; slow down";

/// Lets in whoever signed in, and everybody where the path is open or there is no sign-in.
pub(super) async fn only_known(State(access): State<Arc<Access>>, mut request: Request, next: Next) -> Response {
    if is_open(&request) {
        return next.run(request).await;
    }
    let peer = request.extensions().get::<Peer>().copied();
    let said = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let by_key = said.is_some_and(is_local);
    match access.who(request.headers(), peer).await {
        Ok(who) => {
            if let Some(who) = who {
                request.extensions_mut().insert(who);
            }
            next.run(request).await
        }
        Err(NotIn::Busy) => busy(request.uri().path(), StatusCode::SERVICE_UNAVAILABLE, BUSY),
        Err(not_in) => {
            let why = match not_in {
                NotIn::Wrong if by_key => WRONG_KEY,
                NotIn::Wrong => WRONG,
                _ => UNASKED,
            };
            let mut response = refusal(request.uri().path(), StatusCode::UNAUTHORIZED, why);
            let ask = HeaderValue::from_static("Basic realm=\"shiftwatch\", charset=\"UTF-8\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, ask);
            response
        }
    }
}

/// `rate_limit`: for every path but the open ones. A reply from a phone or a look at our health is never one too many.
pub(super) async fn not_too_many(State(access): State<Arc<Access>>, request: Request, next: Next) -> Response {
    if is_open(&request) || access.takes_another() {
        return next.run(request).await;
    }
    busy(request.uri().path(), StatusCode::TOO_MANY_REQUESTS, TOO_MANY)
}

/// By the table of routes; what is not in it is not open.
fn is_open(request: &Request) -> bool {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    ROUTES.iter().any(|route| Some(route.path) == path && route.role == Role::Open)
}

fn refusal(path: &str, status: StatusCode, why: &str) -> Response {
    if path.starts_with("/api/v2/") {
        answer::problem_v2(status, why)
    } else {
        answer::problem(status, why).into_response()
    }
}

fn busy(path: &str, status: StatusCode, why: &str) -> Response {
    let mut response = refusal(path, status, why);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("3"));
    response
}

#[cfg(test)]
mod tests;
