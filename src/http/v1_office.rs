//! The office's figures as JSON: the list of exceptions, and the key figures.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::{
    Web, answer,
    briefing::{has_place, no_place, same_place},
};
use crate::report::{exceptions, kpi};

/// So many days of exceptions, when nobody says.
pub(super) const DAYS: u32 = 7;

type Asked = Result<Query<BTreeMap<String, String>>, QueryRejection>;

/// The list of exceptions of the last `?days=7`; with `?open=true` only those that wait for somebody, with `?kind=` only
/// those of one kind, with `?location=` only those of one place.
#[utoipa::path(
    get,
    path = "/api/v1/exceptions",
    tag = "visits",
    params(("days" = Option<u32>, Query, description = "How many days back; 7 without"), ("open" = Option<String>, Query, description = "true: only those that wait for a word"), ("kind" = Option<String>, Query, description = "Only of this kind"), ("location" = Option<String>, Query, description = "Only of this location"), ("agency" = Option<String>, Query, description = "Only of this agency")),
    responses(
        (status = 200, description = "As asked", body = exceptions::Exceptions),
        answer::Refused
    )
)]
pub(super) async fn exceptions(State(web): State<Arc<Web>>, asked: Asked) -> Response {
    let Some(days) = days_of(&asked, DAYS, exceptions::DAYS_MAX) else {
        return bad_days("/api/v1/exceptions", exceptions::DAYS_MAX);
    };
    let asked = asked.map(|Query(asked)| asked).unwrap_or_default();
    let open = match asked.get("open").map(String::as_str) {
        None | Some("false" | "") => false,
        Some("true") => true,
        Some(_) => {
            let why = "`open` must be true or false: /api/v1/exceptions?open=true";
            return answer::problem(StatusCode::BAD_REQUEST, why).into_response();
        }
    };
    let agencies = web.view().agencies.iter().map(|one| one.name.to_string()).collect::<Vec<_>>();
    if let Some(agency) = asked.get("agency").filter(|agency| !agencies.contains(agency)) {
        let why = format!("no agency is called {agency:?}; there is {}", agencies.join(", "));
        return answer::problem(StatusCode::NOT_FOUND, why).into_response();
    }
    match web.records.exceptions(days).await {
        Ok(mut list) => {
            // A list of nothing, because nobody has this place, would read as if nothing were wrong there.
            if let Some(location) = asked.get("location").filter(|name| !name.is_empty()) {
                let mut known = web.briefings.locations(asked.get("agency").map(String::as_str)).await;
                known.extend(list.exceptions.iter().map(|row| row.location.clone()));
                if !has_place(&known, location) {
                    known.sort();
                    known.dedup();
                    known.retain(|name| !name.is_empty());
                    return answer::problem(StatusCode::NOT_FOUND, no_place(location, &known)).into_response();
                }
            }
            let is = |name: &str, value: &str| asked.get(name).is_none_or(|wanted| wanted == value);
            let lies_there = |place: &str| asked.get("location").is_none_or(|wanted| same_place(wanted, place));
            list.exceptions.retain(|row| {
                (row.waits || !open) && is("kind", &row.kind) && is("agency", &row.agency) && lies_there(&row.location)
            });
            answer::json(list)
        }
        Err(fault) => answer::problem(StatusCode::SERVICE_UNAVAILABLE, fault.to_string()).into_response(),
    }
}

/// The key figures of the last `?days=7`.
#[utoipa::path(
    get,
    path = "/api/v1/kpis",
    tag = "visits",
    params(("days" = Option<u32>, Query, description = "How many days back; 7 without")),
    responses(
        (status = 200, description = "As asked", body = kpi::Kpis),
        answer::Refused
    )
)]
pub(super) async fn kpis(State(web): State<Arc<Web>>, asked: Asked) -> Response {
    let Some(days) = days_of(&asked, kpi::DAYS, kpi::DAYS_MAX) else { return bad_days("/api/v1/kpis", kpi::DAYS_MAX) };
    match web.records.kpis(days).await {
        Ok(kpis) => answer::json(kpis),
        Err(fault) => answer::problem(StatusCode::SERVICE_UNAVAILABLE, fault.to_string()).into_response(),
    }
}

fn days_of(asked: &Asked, default: u32, most: u32) -> Option<u32> {
    let Query(asked) = asked.as_ref().ok()?;
    let days = asked.get("days").map_or(Some(default), |text| text.trim().parse().ok())?;
    (1..=most).contains(&days).then_some(days)
}

fn bad_days(path: &str, most: u32) -> Response {
    let why = format!("`days` must be a number from 1 to {most}: {path}?days={most}");
    answer::problem(StatusCode::BAD_REQUEST, why).into_response()
}
