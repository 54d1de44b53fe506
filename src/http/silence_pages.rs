//! The board's pages about silences, and the answers of their forms. They work without a script.

use std::sync::Arc;

use axum::{
    Form,
    extract::{Path, Query, State, rejection::FormRejection},
    http::StatusCode,
    response::{Html, IntoResponse, Redirect, Response},
};
use serde::Deserialize;

use super::{
    Web,
    pages::{Who, frame, problem},
    silencing::SilenceFault,
    v1_silences::{self, SilenceBody, previewed},
    v2::filter::matcher,
};
use crate::{
    alerts::silence::{SilenceMatcher, WishFault},
    board::{alert, silences},
    clock,
};

/// The list.
pub(super) async fn list(State(web): State<Arc<Web>>, who: Who) -> Response {
    let drawn = silences::draw(&web.view(), &web.pulses, web.clock.now(), clock::real_now());
    Html(drawn.page(&frame(&web, &who, ""))).into_response()
}

/// `?fingerprint=…`: an alert that the silence is made for.
#[derive(Debug, Deserialize)]
pub(super) struct For {
    fingerprint: Option<String>,
}

/// The form; for an alert, with its labels and what else they match.
pub(super) async fn new(State(web): State<Arc<Web>>, who: Who, Query(wanted): Query<For>) -> Response {
    let mut form = silences::Form { span: "4h".to_owned(), ..silences::Form::default() };
    form.by = who.as_ref().map(|who| who.0.user.clone()).unwrap_or_default();
    let view = web.view();
    let found = wanted.fingerprint.and_then(|fingerprint| alert::find(&view, &fingerprint.to_ascii_lowercase()));
    match found {
        Some(one) => {
            form.matchers = silences::matchers_of(&one.alert.labels);
            looked_at(&web, &who, &form, None)
        }
        None => shown(&web, &who, StatusCode::OK, &form, &silences::Look::default()),
    }
}

/// What the form holds.
#[derive(Debug, Deserialize)]
pub(super) struct Filled {
    #[serde(default)]
    matchers: String,
    #[serde(default)]
    span: String,
    #[serde(default)]
    by: String,
    #[serde(default)]
    comment: String,
    #[serde(default)]
    everything: String,
    #[serde(default)]
    step: String,
}

/// The form's answer: what it would mute, or the list once it is stored, or what is wrong.
pub(super) async fn post(
    State(web): State<Arc<Web>>,
    who: Who,
    filled: Result<Form<Filled>, FormRejection>,
) -> Response {
    let Ok(Form(filled)) = filled else {
        let says = "The form did not arrive whole. Go back and send it again.";
        return problem(&web, &who, StatusCode::BAD_REQUEST, "Not silenced", says);
    };
    let form = silences::Form {
        // A browser sends a text field's line ends as two characters.
        matchers: filled.matchers.replace("\r\n", "\n"),
        span: filled.span,
        by: filled.by,
        comment: filled.comment.replace("\r\n", "\n"),
        everything: filled.everything == "yes",
    };
    if filled.step != "make" {
        return looked_at(&web, &who, &form, None);
    }
    let body = SilenceBody {
        matchers: lines(&form.matchers).map(str::to_owned).collect(),
        duration: Some(form.span.clone()).filter(|span| !span.is_empty()),
        until_resolved: form.span.is_empty().then_some(true),
        created_by: form.by.clone(),
        comment: form.comment.clone(),
        cover_everything: form.everything,
        ..SilenceBody::default()
    };
    match v1_silences::make(&web, &body).await {
        Ok(_) => Redirect::to("/silences").into_response(),
        Err((_, why)) => looked_at(&web, &who, &form, Some(why)),
    }
}

/// Ends one; then the list.
pub(super) async fn expire(State(web): State<Arc<Web>>, who: Who, Path(id): Path<String>) -> Response {
    match web.silencing.expire(id).await {
        Ok(()) => Redirect::to("/silences").into_response(),
        Err(SilenceFault::Wish(WishFault::NotFound)) => {
            let says = "There is no such silence. It may have been over for long.";
            problem(&web, &who, StatusCode::NOT_FOUND, "Not ended", says)
        }
        Err(fault) => {
            let (status, says) = v1_silences::status_of(&fault);
            problem(&web, &who, status, "Not ended", &says)
        }
    }
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

/// The form with what it would mute, or with what is wrong with it.
fn looked_at(web: &Web, who: &Who, form: &silences::Form, fault: Option<String>) -> Response {
    let read: Result<Vec<SilenceMatcher>, String> = lines(&form.matchers).map(matcher).collect();
    let preview = read.and_then(|matchers| previewed(&web.view(), &matchers, web.clock.now()));
    let look = match preview {
        Ok(preview) => silences::Look { fault, alerts: Some(preview.alerts), covers: preview.covers_agency },
        Err(why) => silences::Look { fault: Some(fault.unwrap_or(why)), ..silences::Look::default() },
    };
    let status = if look.fault.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    shown(web, who, status, form, &look)
}

fn shown(web: &Web, who: &Who, status: StatusCode, form: &silences::Form, look: &silences::Look) -> Response {
    let drawn = silences::draw_form(&web.view(), &web.pulses, form, look, web.clock.now(), clock::real_now());
    (status, Html(drawn.page(&frame(web, who, "")))).into_response()
}
