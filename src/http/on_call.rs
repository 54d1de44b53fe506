//! Who is on call: as JSON, and as calendars that people's own calendars can follow. Names are ids; no number, no address.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::DateTime;

use super::{Web, answer};
use crate::{
    model::{Instant, PersonName},
    on_call::ics,
};

/// What a calendar's address ends with.
const ICS: &str = ".ics";

/// Now, or at `?at=<RFC 3339>`.
#[utoipa::path(
    get,
    path = "/api/v1/on-call",
    tag = "on call",
    params(("at" = Option<String>, Query, description = "An instant as RFC 3339 writes it; now without")),
    responses(
        (status = 200, description = "As asked", body = crate::on_call::report::OnCallReport),
        answer::Refused
    )
)]
pub(super) async fn report(
    State(web): State<Arc<Web>>,
    asked: Result<Query<BTreeMap<String, String>>, QueryRejection>,
) -> Response {
    let at = asked.ok().and_then(|asked| asked.get("at").map_or_else(|| Some(web.clock.now()), |text| instant(text)));
    if let Some(at) = at {
        return answer::json(web.view().on_call.report(at));
    }
    let why = "`at` must be an instant as RFC 3339 writes it: /api/v1/on-call?at=2026-12-24T17:00:00-07:00, its + written %2B";
    answer::problem(StatusCode::BAD_REQUEST, why).into_response()
}

/// An instant that is within a lifetime: schedules are not asked about others.
fn instant(text: &str) -> Option<Instant> {
    let at = DateTime::parse_from_rfc3339(text.trim()).ok()?.to_utc();
    (0..=4_102_444_800).contains(&at.timestamp()).then_some(at)
}

/// A schedule's sixty days ahead: `<schedule>.ics`.
#[utoipa::path(
    get,
    path = "/api/v1/on-call/{schedule}",
    tag = "on call",
    params(("schedule" = String, Path, description = "The name of a schedule and .ics")),
    responses(
        (status = 200, description = "As asked", body = String, content_type = "text/calendar"),
        answer::Refused
    )
)]
pub(super) async fn schedule(State(web): State<Arc<Web>>, Path(file): Path<String>) -> Response {
    let roster = Arc::clone(&web.view().on_call.roster);
    let text = file.strip_suffix(ICS).and_then(|name| ics::of_schedule(&roster, name, web.clock.now()));
    calendar(text, || {
        let names: Vec<&str> = roster.schedules().map(|schedule| schedule.name.as_str()).collect();
        format!("there is no such schedule; ask for {}", list(&names))
    })
}

/// A person's: `<person>.ics`.
#[utoipa::path(
    get,
    path = "/api/v1/on-call/people/{person}",
    tag = "on call",
    params(("person" = String, Path, description = "One of people and .ics")),
    responses(
        (status = 200, description = "As asked", body = String, content_type = "text/calendar"),
        answer::Refused
    )
)]
pub(super) async fn person(State(web): State<Arc<Web>>, Path(file): Path<String>) -> Response {
    let roster = Arc::clone(&web.view().on_call.roster);
    let name = file.strip_suffix(ICS).map(PersonName::from);
    let text = name.and_then(|name| ics::of_person(&roster, &name, web.clock.now()));
    calendar(text, || {
        let names: Vec<&str> = roster.people().map(|person| person.name.as_str()).collect();
        format!("there is no such person; ask for {}", list(&names))
    })
}

fn list(names: &[&str]) -> String {
    match names {
        [] => "one once the configuration has some".to_owned(),
        names => names.iter().map(|name| format!("{name}.ics")).collect::<Vec<_>>().join(", "),
    }
}

fn calendar(text: Option<String>, missing: impl FnOnce() -> String) -> Response {
    let Some(text) = text else {
        return answer::problem(StatusCode::NOT_FOUND, missing()).into_response();
    };
    ([(header::CONTENT_TYPE, "text/calendar; charset=utf-8")], text).into_response()
}
