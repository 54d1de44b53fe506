//! The board's list of exceptions, and what its forms answer. It works without a script.

use std::sync::Arc;

use axum::{
    Form,
    extract::{Path, Query, State, rejection::FormRejection},
    response::{Html, IntoResponse, Response},
};
use serde::Deserialize;

use super::{
    Web,
    pages::{Who, frame},
    v1_dispositions::{DispositionBody, take_form},
    v1_office::DAYS,
};
use crate::{board::exceptions, clock};

/// `?kind=late_check_in&location=north&state=all`
#[derive(Debug, Default, Deserialize)]
pub(super) struct Filter {
    kind: Option<String>,
    location: Option<String>,
    state: Option<String>,
}

/// The list: what waits for somebody, or all of it.
pub(super) async fn list(State(web): State<Arc<Web>>, who: Who, Query(filter): Query<Filter>) -> Response {
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    let filter = exceptions::Filter {
        kind: filled(filter.kind),
        location: filled(filter.location),
        all: filter.state.as_deref() == Some("all"),
        user: who.as_ref().map(|who| who.0.user.clone()),
    };
    let list = web.records.exceptions(DAYS).await.map_err(|fault| fault.to_string());
    let drawn = exceptions::draw(&web.view(), &web.pulses, list, &filter, web.clock.now(), clock::real_now());
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
