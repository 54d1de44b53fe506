//! `/a/{token}`: the link in a text. GET shows, POST acts, each action once. No sign-in: the token is the secret, bound to
//! one person and one page; a link preview only ever looks.
//!
//! A link that is forged, used up or too old is answered alike, so that nobody learns which tokens there were. Whoever
//! guesses is slowed down.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use axum::{
    Extension, Form,
    extract::{Path, State, rejection::FormRejection},
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::TimeDelta;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{Web, waiting::Peer};
use crate::{alerts::page::LINK_TOKEN_LENGTH, board::link, model::Instant};

/// So many links that lead nowhere may one neighbour try within [`MISSES_WITHIN`].
const MISSES_MAX: u32 = 30;
const MISSES_WITHIN: TimeDelta = TimeDelta::minutes(10);
/// So many neighbours are remembered.
const NEIGHBOURS_MAX: usize = 10_000;

const NOTHING: &str = "It may be too old. The latest text has a link that works; or reply to it by text, or look at the schedule in WellSky.";
const SLOWER: &str = "Too many of your links led nowhere. Wait ten minutes, or reply to the text instead.";

/// Who tried links that lead nowhere: since when, and how many.
#[derive(Debug, Default)]
pub(super) struct Misses(Mutex<HashMap<IpAddr, (Instant, u32)>>);

impl Misses {
    fn is_too_many(&self, peer: Option<Peer>, now: Instant) -> bool {
        let Some(neighbour) = peer.and_then(Peer::neighbour) else { return false };
        let misses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        misses.get(&neighbour).is_some_and(|(since, n)| now - *since < MISSES_WITHIN && *n >= MISSES_MAX)
    }

    fn count(&self, peer: Option<Peer>, now: Instant) {
        let Some(neighbour) = peer.and_then(Peer::neighbour) else { return };
        let mut misses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if misses.len() >= NEIGHBOURS_MAX {
            misses.retain(|_, (since, _)| now - *since < MISSES_WITHIN);
        }
        let entry = misses.entry(neighbour).or_insert((now, 0));
        if now - entry.0 >= MISSES_WITHIN {
            *entry = (now, 0);
        }
        entry.1 += 1;
    }
}

/// The page's own style and nothing else; its hash stands in the policy, since the style sheet of the board is behind the
/// sign-in.
static POLICY: LazyLock<Option<HeaderValue>> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(include_str!("../board/templates/link.css").trim_end_matches('\n')));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).ok()
});

fn page(status: StatusCode, html: String) -> Response {
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    if let Some(policy) = &*POLICY {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
    }
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex, nofollow"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Looks at the page behind a link.
async fn find(web: &Web, token: &str, peer: Option<Peer>) -> Result<link::Linked, Response> {
    let now = web.clock.now();
    if web.access.misses().is_too_many(peer, now) {
        return Err(page(StatusCode::TOO_MANY_REQUESTS, link::draw_nothing(SLOWER)));
    }
    let shaped = token.len() == LINK_TOKEN_LENGTH && token.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let found = if shaped { web.orders.linked(token.to_owned()).await } else { None };
    found.ok_or_else(|| {
        web.access.misses().count(peer, now);
        page(StatusCode::NOT_FOUND, link::draw_nothing(NOTHING))
    })
}

pub(super) async fn show(
    State(web): State<Arc<Web>>,
    peer: Option<Extension<Peer>>,
    Path(token): Path<String>,
) -> Response {
    match find(&web, &token, peer.map(|Extension(peer)| peer)).await {
        Ok(linked) => page(StatusCode::OK, link::draw(&linked, &token, &web.view().telling, web.clock.now())),
        Err(nothing) => nothing,
    }
}

/// What a button sends.
#[derive(Debug, Deserialize)]
pub(super) struct Pressed {
    #[serde(rename = "do")]
    action: String,
}

pub(super) async fn act(
    State(web): State<Arc<Web>>,
    peer: Option<Extension<Peer>>,
    Path(token): Path<String>,
    form: Result<Form<Pressed>, FormRejection>,
) -> Response {
    let linked = match find(&web, &token, peer.map(|Extension(peer)| peer)).await {
        Ok(linked) => linked,
        Err(nothing) => return nothing,
    };
    let action = form.ok().and_then(|Form(pressed)| link::action(&pressed.action));
    let Some(action) = action else {
        let html = link::draw(&linked, &token, &web.view().telling, web.clock.now());
        return page(StatusCode::BAD_REQUEST, html);
    };
    match web.orders.press(linked, action).await {
        // The page says what came of it; loading it again does nothing.
        Ok(()) => Redirect::to(&format!("{}/a/{token}", web.view().telling.base_path())).into_response(),
        Err(fault) => page(StatusCode::SERVICE_UNAVAILABLE, link::draw_nothing(&fault.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_guesses_is_slowed_down_and_nobody_else_is() {
        let misses = Misses::default();
        let peer = |text: &str| Some(Peer(text.parse().unwrap()));
        let (guesser, other) = (peer("203.0.113.7"), peer("198.51.100.1"));
        let now = crate::view::tests::noon();
        for n in 0..MISSES_MAX {
            assert!(!misses.is_too_many(guesser, now), "{n}");
            misses.count(guesser, now + TimeDelta::seconds(i64::from(n)));
        }
        assert!(misses.is_too_many(guesser, now + TimeDelta::minutes(1)));
        assert!(!misses.is_too_many(other, now), "another neighbour");
        assert!(!misses.is_too_many(guesser, now + MISSES_WITHIN), "ten minutes later");
        misses.count(guesser, now + MISSES_WITHIN);
        assert!(!misses.is_too_many(guesser, now + MISSES_WITHIN + TimeDelta::seconds(1)), "counted anew");
    }

    #[test]
    fn a_flood_of_neighbours_takes_bounded_room() {
        let misses = Misses::default();
        let now = crate::view::tests::noon();
        for n in 0..u32::try_from(2 * NEIGHBOURS_MAX).unwrap() {
            let address = IpAddr::from(std::net::Ipv4Addr::from(0xc000_0000 + n));
            misses.count(Some(Peer(address)), now + TimeDelta::seconds(i64::from(n)));
        }
        assert!(misses.0.lock().unwrap().len() <= NEIGHBOURS_MAX);
    }
}
