//! The board's pages about people. What was searched for comes in a form's body: a name stands in no address.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Extension, Form,
    extract::{Path, Query, State, rejection::FormRejection},
    http::StatusCode,
    response::{Html, IntoResponse, Redirect, Response},
};
use serde::Deserialize;

use super::{
    Web,
    lookup::{Asked, LookupBody, find, profile},
    pages::{Who, frame, problem},
    viewer::Viewer,
    waiting::Peer,
};
use crate::{
    board::{Drawn, Frame, lookup},
    clock,
    report::{audit::NamesShown, lookup::Kind},
};

fn shown(web: &Web, who: &Who, drawn: &Drawn, names: NamesShown) -> Response {
    let frame = frame(web, who, "");
    let frame = Frame { names: frame.names && names == NamesShown::Shown, ..frame };
    Html(drawn.page(&frame)).into_response()
}

/// What can be asked.
pub(super) async fn search(State(web): State<Arc<Web>>, who: Who) -> Response {
    let drawn = lookup::draw_found(&web.view(), &web.pulses, None, None, web.clock.now(), clock::real_now());
    shown(&web, &who, &drawn, NamesShown::Shown)
}

/// The search field.
#[derive(Debug, Deserialize)]
pub(super) struct Searched {
    #[serde(default)]
    q: String,
    agency: Option<String>,
}

/// Who fits; straight to whoever was meant beyond doubt.
pub(super) async fn found(
    State(web): State<Arc<Web>>,
    who: Who,
    viewer: Viewer,
    peer: Option<Extension<Peer>>,
    searched: Result<Form<Searched>, FormRejection>,
) -> Response {
    let Ok(Form(Searched { q, agency })) = searched else {
        let says = "The form did not arrive whole. Go back and send it again.";
        return problem(&web, &who, StatusCode::BAD_REQUEST, "Nobody was looked for", says);
    };
    let view = web.view();
    let (now, real_now) = (web.clock.now(), clock::real_now());
    let body = LookupBody { q, agency: agency.filter(|name| !name.is_empty()), since: None };
    match find(&*web.lookup, web.asker(&viewer, peer, &view), "/people", &body).await {
        Ok(found) => {
            if let Some(one) = &found.profile {
                let there = lookup::link(&one.profile.agency, one.profile.kind, &one.profile.id);
                Redirect::to(&format!("{}{there}", view.telling.base_path())).into_response()
            } else {
                let drawn = lookup::draw_found(&view, &web.pulses, Some(&found), None, now, real_now);
                shown(&web, &who, &drawn, found.names)
            }
        }
        Err((status, why)) => {
            let drawn = lookup::draw_found(&view, &web.pulses, None, Some(&why), now, real_now);
            (status, shown(&web, &who, &drawn, NamesShown::Shown)).into_response()
        }
    }
}

/// A client's page.
pub(super) async fn client(
    web: State<Arc<Web>>,
    who: Who,
    viewer: Viewer,
    peer: Option<Extension<Peer>>,
    Path(id): Path<String>,
    asked: Asked,
) -> Response {
    person(&web, who, &viewer, peer, asked, (Kind::Client, &id)).await
}

/// A caregiver's page.
pub(super) async fn caregiver(
    web: State<Arc<Web>>,
    who: Who,
    viewer: Viewer,
    peer: Option<Extension<Peer>>,
    Path(id): Path<String>,
    asked: Asked,
) -> Response {
    person(&web, who, &viewer, peer, asked, (Kind::Caregiver, &id)).await
}

/// Who could take a shift.
pub(super) async fn cover(
    State(web): State<Arc<Web>>,
    who: Who,
    viewer: Viewer,
    peer: Option<Extension<Peer>>,
    Path(shift): Path<String>,
    asked: Asked,
) -> Response {
    let agency = asked.ok().and_then(|Query(asked)| asked.get("agency").cloned());
    let view = web.view();
    let what = format!("/shifts/{shift}/cover");
    let found = super::lookup::cover(&*web.lookup, web.asker(&viewer, peer, &view), &what, agency.as_deref(), &shift);
    let Some(found) = found.await else {
        let says = "No such shift is known: it may have left the schedule.";
        return problem(&web, &who, StatusCode::NOT_FOUND, "No such shift", says);
    };
    let drawn = lookup::draw_cover(&view, &web.pulses, &found, web.clock.now(), clock::real_now());
    shown(&web, &who, &drawn, found.names)
}

async fn person(
    web: &Web,
    who: Who,
    viewer: &Viewer,
    peer: Option<Extension<Peer>>,
    asked: Asked,
    (kind, id): (Kind, &str),
) -> Response {
    let asked: BTreeMap<String, String> = asked.map(|Query(asked)| asked).unwrap_or_default();
    let what = format!("/{}s/{id}", kind.as_str());
    let view = web.view();
    let asker = web.asker(viewer, peer, &view);
    let agency = asked.get("agency").map(String::as_str);
    // A date that cannot be read shows what is shown without one.
    let since = asked.get("since").and_then(|text| text.parse().ok());
    let Some(person) = profile(&*web.lookup, asker, &what, agency, (kind, id), since).await else {
        let says = "Nobody with this id is known. Search by name, phone or id above.";
        return problem(web, &who, StatusCode::NOT_FOUND, "Nobody of this id", says);
    };
    let drawn = lookup::draw_person(&view, &web.pulses, &person, web.clock.now(), clock::real_now());
    shown(web, &who, &drawn, person.names)
}
