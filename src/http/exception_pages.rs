//! The board's list of exceptions, and what its forms answer. It works without a script.

use std::{collections::HashSet, sync::Arc};

use axum::{
    Extension, Form,
    extract::{Path, Query, State, rejection::FormRejection},
    response::{Html, IntoResponse, Response},
};
use serde::Deserialize;

use super::{
    Viewer, Web,
    pages::{Who, frame},
    v1_dispositions::{DispositionBody, take_form},
    v1_office::DAYS,
    waiting::Peer,
};
use crate::{
    board::{
        Frame, exceptions, kpis,
        people::{Names, Who as Person},
    },
    clock,
    model::AgencyName,
    report::kpi,
};

/// `?kind=late_check_in&location=north&state=all`
#[derive(Debug, Default, Deserialize)]
pub(super) struct Filter {
    kind: Option<String>,
    location: Option<String>,
    state: Option<String>,
}

/// The list: what waits for somebody, or all of it.
pub(super) async fn list(
    State(web): State<Arc<Web>>,
    who: Who,
    viewer: Viewer,
    peer: Option<Extension<Peer>>,
    Query(filter): Query<Filter>,
) -> Response {
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    let filter = exceptions::Filter {
        kind: filled(filter.kind),
        location: filled(filter.location),
        all: filter.state.as_deref() == Some("all"),
        user: who.as_ref().map(|who| who.0.user.clone()),
    };
    let list = web.records.exceptions(DAYS).await.map_err(|fault| fault.to_string());
    let view = web.view();
    let mut met = HashSet::new();
    let mut wanted: Vec<Person> =
        list.as_ref().map(|list| exceptions::wanted(&view, list, &filter)).unwrap_or_default();
    wanted.retain(|one| met.insert(one.clone()));
    // The row in the audit first: without it there are ids alone.
    let named = if wanted.is_empty() {
        viewer.grant().is_some()
    } else {
        let about: Vec<String> = wanted.iter().map(Person::as_id).collect();
        let peer = peer.map(|Extension(peer)| peer);
        let sight = web.audit.view(&viewer, peer, &AgencyName::installation(), "/exceptions", &about.join(", ")).await;
        sight.grant.is_some()
    };
    let names = if named { web.people.look_up(wanted).await } else { Names::default() };
    let drawn = exceptions::draw(&view, &web.pulses, list, &filter, &names, web.clock.now(), clock::real_now());
    let frame = frame(&web, &who, "");
    Html(drawn.page(&Frame { names: frame.names && named, ..frame })).into_response()
}

/// `?days=30`
#[derive(Debug, Default, Deserialize)]
pub(super) struct Span {
    days: Option<String>,
}

/// The key figures.
pub(super) async fn kpis(State(web): State<Arc<Web>>, who: Who, Query(span): Query<Span>) -> Response {
    let days = span.days.and_then(|text| text.trim().parse().ok()).unwrap_or(kpi::DAYS).clamp(1, kpi::DAYS_MAX);
    let kpis = web.records.kpis(days).await.map_err(|fault| fault.to_string());
    let drawn = kpis::draw(kpis, days, web.clock.now());
    Html(drawn.page(&frame(&web, &who, ""))).into_response()
}

/// Somebody says what became of one; then the list again.
pub(super) async fn post(
    State(web): State<Arc<Web>>,
    who: Who,
    Path(fingerprint): Path<String>,
    form: Result<Form<DispositionBody>, FormRejection>,
) -> Response {
    take_form(&web, &who, &fingerprint, form, "/exceptions").await
}
