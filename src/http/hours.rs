//! Hours over HTTP: the report of a period, what is closed, closing, and reads of a past that is not here.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use axum::{
    Extension, Json,
    extract::{Path, Query, State, rejection::JsonRejection, rejection::QueryRejection},
    http::StatusCode,
    response::{Html, IntoResponse, Response},
};
use chrono::NaiveDate;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::{
    Web, answer,
    audit::NamesShown,
    pages::{Who, frame},
    viewer::Viewer,
    waiting::Peer,
};
use crate::{
    board::{
        Frame,
        hours::{STRETCHES, draw},
        people,
    },
    model::{
        AgencyName, CaregiverId, ClientId,
        local_time::{is_plausible, written_day},
    },
    report::{
        audit::AuditRow,
        hours::{
            Given,
            answer::Hours,
            closing::ClosedPeriod,
            sum_up,
            terms::{Period, Terms},
        },
    },
};

/// Which days are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Days {
    /// The agency's week that holds today.
    #[default]
    ThisWeek,
    /// The week before.
    LastWeek,
    /// The agency's week that holds this day.
    WeekOf(NaiveDate),
    /// The calendar month that holds today.
    ThisMonth,
    /// The month before.
    LastMonth,
    /// A calendar month, as `2026-11`.
    Month(String),
    /// From one day to another, both included.
    Between(NaiveDate, NaiveDate),
}

/// Why there is no report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HoursFault {
    /// No agency of that name is read.
    #[error("no agency of that name is read; there are: {0}")]
    NoAgency(String),
    /// What was asked makes no sense.
    #[error("{0}")]
    Wrong(String),
    /// What is asked for cannot be had together with what is there.
    #[error("{0}")]
    Conflict(String),
    /// The store could not be asked.
    #[error("what was kept could not be read: {0}; try again in a moment, and see the agent's log if this lasts")]
    Unreadable(String),
}

/// A read of the past, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = hours::PastRead)]
pub struct PastRead {
    /// Its number; it is gone with the agent's next start, and is asked for again then.
    pub id: String,
    /// Whose.
    pub agency: String,
    /// The first day.
    #[schema(value_type = String, format = Date)]
    pub from: NaiveDate,
    /// The last, included.
    #[schema(value_type = String, format = Date)]
    pub to: NaiveDate,
    /// How many reads it takes.
    pub n_reads: usize,
    /// How many of them are done, well or not.
    pub n_done: usize,
    /// How many failed; what they were about is missing.
    pub n_failed: usize,
    /// Whether all are done.
    pub over: bool,
    /// Why the latest failed one did.
    pub fault: Option<String>,
}

/// Knows hours. Never holds up a pass for longer than it takes to copy what is in memory.
pub trait HoursBook: Send + Sync + 'static {
    /// The report of a period. `agency`: the first of the configuration without.
    fn report(&self, agency: Option<String>, days: Days) -> BoxFuture<'_, Result<Hours, HoursFault>>;

    /// Freezes a period, for good.
    fn close(
        &self,
        agency: Option<String>,
        from: NaiveDate,
        to: NaiveDate,
        by: String,
    ) -> BoxFuture<'_, Result<ClosedPeriod, HoursFault>>;

    /// What is closed, oldest first.
    fn closed(&self, agency: Option<String>) -> BoxFuture<'_, Result<Vec<ClosedPeriod>, HoursFault>>;

    /// Begins to read what is missing of a period; `None` when nothing is.
    fn read(&self, agency: Option<String>, days: Days) -> BoxFuture<'_, Result<Option<PastRead>, HoursFault>>;

    /// How far a read of the past is; `None` of one that is not known (any more).
    fn read_state<'a>(&'a self, agency: &'a str, id: &'a str) -> BoxFuture<'a, Option<PastRead>>;
}

/// A book without agencies, for pages that are shown without an agent.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHours;

impl HoursBook for NoHours {
    fn report(&self, agency: Option<String>, _: Days) -> BoxFuture<'_, Result<Hours, HoursFault>> {
        let day = NaiveDate::default();
        let given = Given {
            agency: agency.unwrap_or_default(),
            terms: Terms::new(chrono_tz::UTC),
            period: Period { from: day, to: day },
            now: crate::model::Instant::default(),
            shifts: Vec::new(),
            visits: Vec::new(),
            wanted: HashMap::new(),
            missing: Vec::new(),
        };
        Box::pin(async move { Ok(sum_up(given)) })
    }

    fn close(
        &self,
        _: Option<String>,
        _: NaiveDate,
        _: NaiveDate,
        _: String,
    ) -> BoxFuture<'_, Result<ClosedPeriod, HoursFault>> {
        Box::pin(async { Err(HoursFault::NoAgency(String::new())) })
    }

    fn closed(&self, _: Option<String>) -> BoxFuture<'_, Result<Vec<ClosedPeriod>, HoursFault>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn read(&self, _: Option<String>, _: Days) -> BoxFuture<'_, Result<Option<PastRead>, HoursFault>> {
        Box::pin(async { Ok(None) })
    }

    fn read_state<'a>(&'a self, agency: &'a str, id: &'a str) -> BoxFuture<'a, Option<PastRead>> {
        let (agency, id, from) = (agency.to_owned(), id.to_owned(), NaiveDate::default());
        let read = PastRead { id, agency, from, to: from, n_reads: 0, n_done: 0, n_failed: 0, over: true, fault: None };
        Box::pin(async move { Some(read) })
    }
}

/// The query as it came.
pub(super) type Asked = Result<Query<BTreeMap<String, String>>, QueryRejection>;

/// `from=…&to=…`, `month=2026-11|this|last`, `week=2026-11-22|this|last`; this week without.
pub(super) fn days_of(query: &BTreeMap<String, String>) -> Result<Days, String> {
    let day = |key: &str, text: &str| {
        written_day(text).ok_or_else(|| format!("`{key}` \"{text}\" is not a day; write it as 2026-11-22"))
    };
    let (from, to, month, week) = (query.get("from"), query.get("to"), query.get("month"), query.get("week"));
    match (from, to, month, week) {
        (None, None, None, None) => Ok(Days::ThisWeek),
        (Some(from), Some(to), None, None) => Ok(Days::Between(day("from", from)?, day("to", to)?)),
        (None, None, Some(month), None) => Ok(match month.as_str() {
            "this" => Days::ThisMonth,
            "last" => Days::LastMonth,
            month => Days::Month(month.to_owned()),
        }),
        (None, None, None, Some(week)) => Ok(match week.as_str() {
            "this" => Days::ThisWeek,
            "last" => Days::LastWeek,
            week => Days::WeekOf(day("week", week)?),
        }),
        _ => Err("ask for `from` and `to` together, or for one `month`, or for one `week`".to_owned()),
    }
}

pub(super) fn problem(fault: &HoursFault) -> Response {
    let status = match fault {
        HoursFault::NoAgency(_) => StatusCode::NOT_FOUND,
        HoursFault::Wrong(_) => StatusCode::BAD_REQUEST,
        HoursFault::Conflict(_) => StatusCode::CONFLICT,
        HoursFault::Unreadable(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    answer::problem(status, fault.to_string()).into_response()
}

fn wrong(says: impl Into<String>) -> Response {
    answer::problem(StatusCode::BAD_REQUEST, says.into()).into_response()
}

/// What was scheduled and worked: `by=client|caregiver` leaves the other list out, `exceptions=only` both.
#[utoipa::path(
    get,
    path = "/api/v1/hours",
    tag = "hours",
    params(("from" = Option<String>, Query, description = "The first day, as 2026-11-01"), ("to" = Option<String>, Query, description = "The last day, included"), ("month" = Option<String>, Query, description = "A calendar month, as 2026-11; this or last"), ("week" = Option<String>, Query, description = "A day of the week, or this or last"), ("agency" = Option<String>, Query, description = "Whose; every agency, or the first, without"), ("by" = Option<String>, Query, description = "client or caregiver; both without")),
    responses(
        (status = 200, description = "As asked", body = Hours),
        answer::Refused
    )
)]
pub(super) async fn report(
    State(web): State<Arc<Web>>,
    viewer: Viewer,
    peer: Option<Extension<Peer>>,
    asked: Asked,
) -> Response {
    let Ok(Query(query)) = asked else { return wrong("the query cannot be read") };
    let days = match days_of(&query) {
        Ok(days) => days,
        Err(says) => return wrong(says),
    };
    match web.hours.report(query.get("agency").cloned(), days).await {
        Ok(mut hours) => {
            match query.get("by").map(String::as_str) {
                None => {}
                Some("client") => hours.caregivers.clear(),
                Some("caregiver") => hours.clients.clear(),
                Some(_) => return wrong("`by` must be client or caregiver"),
            }
            let peer = peer.map(|Extension(peer)| peer);
            let names = name(&web, &viewer, peer, "/api/v1/hours", &mut hours).await;
            names.words().clone_into(&mut hours.names);
            answer::json(hours)
        }
        Err(fault) => problem(&fault),
    }
}

/// The periods that are closed.
#[utoipa::path(
    get,
    path = "/api/v1/hours/closed",
    tag = "hours",
    params(("agency" = Option<String>, Query, description = "Whose; every agency, or the first, without")),
    responses(
        (status = 200, description = "As asked", body = Vec<ClosedPeriod>),
        answer::Refused
    )
)]
pub(super) async fn closed(State(web): State<Arc<Web>>, asked: Asked) -> Response {
    let Ok(Query(query)) = asked else { return wrong("the query cannot be read") };
    match web.hours.closed(query.get("agency").cloned()).await {
        Ok(closed) => answer::json(closed),
        Err(fault) => problem(&fault),
    }
}

/// `POST /api/v1/hours/close`.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = hours::CloseBody)]
pub struct CloseBody {
    /// Whose; the first agency of the configuration without.
    #[serde(default)]
    pub agency: Option<String>,
    /// The first day.
    #[schema(value_type = String, format = Date)]
    pub from: NaiveDate,
    /// The last, included.
    #[schema(value_type = String, format = Date)]
    pub to: NaiveDate,
    /// Who closes it: a name, without a telephone number or a mail address.
    pub by: String,
}

/// Closes a period: its sums are frozen, and what is edited later stands beside them.
#[utoipa::path(
    post,
    path = "/api/v1/hours/close",
    tag = "hours",
    request_body = CloseBody,
    responses(
        (status = 200, description = "As asked", body = ClosedPeriod),
        answer::Refused
    )
)]
pub(super) async fn close(
    State(web): State<Arc<Web>>,
    viewer: Viewer,
    peer: Option<Extension<Peer>>,
    body: Result<Json<CloseBody>, JsonRejection>,
) -> Response {
    let body = match body {
        Ok(Json(body)) => body,
        Err(fault) => return wrong(format!("the body is not {{agency, from, to, by}}: {}", fault.body_text())),
    };
    if ![body.from, body.to].into_iter().all(is_plausible) {
        return wrong("`from` and `to` must be days like 2026-11-22".to_owned());
    }
    let first = || web.view().agencies.first().map(|agency| agency.name.to_string()).unwrap_or_default();
    let (agency, by) = (body.agency.clone().unwrap_or_else(first), body.by.clone());
    match web.hours.close(body.agency, body.from, body.to, body.by).await {
        Ok(closed) => {
            let row = AuditRow {
                at: web.audit.now(),
                agency,
                who: viewer.who().unwrap_or(by),
                what: "/api/v1/hours/close".to_owned(),
                about: format!("hours {}..{}, digest {}", closed.from, closed.to, closed.digest),
                from_where: peer.map(|Extension(Peer(ip))| ip.to_canonical().to_string()),
            };
            if let Err(fault) = web.audit.write(vec![row]).await {
                tracing::error!(error = %fault, "audit: that a period was closed could not be stored; the period itself is, with who closed it");
            }
            answer::json(closed)
        }
        Err(fault) => problem(&fault),
    }
}

/// Reads days from the vendor that are not here, with what the watch leaves over; the days as for the report.
#[utoipa::path(
    post,
    path = "/api/v1/hours/reads",
    tag = "hours",
    params(("from" = Option<String>, Query, description = "The first day, as 2026-11-01"), ("to" = Option<String>, Query, description = "The last day, included"), ("month" = Option<String>, Query, description = "A calendar month, as 2026-11; this or last"), ("week" = Option<String>, Query, description = "A day of the week, or this or last"), ("agency" = Option<String>, Query, description = "Whose; every agency, or the first, without")),
    responses(
        (status = 200, description = "As asked", body = Option<PastRead>),
        answer::Refused
    )
)]
pub(super) async fn begin_read(State(web): State<Arc<Web>>, asked: Asked) -> Response {
    let Ok(Query(query)) = asked else { return wrong("the query cannot be read") };
    let days = match days_of(&query) {
        Ok(days) => days,
        Err(says) => return wrong(says),
    };
    match web.hours.read(query.get("agency").cloned(), days).await {
        Ok(read) => answer::json(read),
        Err(fault) => problem(&fault),
    }
}

/// How far such a read is.
#[utoipa::path(
    get,
    path = "/api/v1/hours/reads/{id}",
    tag = "hours",
    params(("id" = String, Path, description = "As POST /api/v1/hours/reads gave it"), ("agency" = Option<String>, Query, description = "Whose; every agency, or the first, without")),
    responses(
        (status = 200, description = "As asked", body = PastRead),
        answer::Refused
    )
)]
pub(super) async fn read_state(State(web): State<Arc<Web>>, Path(id): Path<String>, asked: Asked) -> Response {
    let agency = asked.ok().and_then(|Query(query)| query.get("agency").cloned()).unwrap_or_default();
    if let Some(read) = web.hours.read_state(&agency, &id).await {
        answer::json(read)
    } else {
        let why = "no such read is known; a read ends with the agent that made it: ask for it again with POST /api/v1/hours/reads";
        answer::problem(StatusCode::NOT_FOUND, why).into_response()
    }
}

/// Names for whoever may see them, once it is written down who sees whom.
pub(super) async fn name(web: &Web, viewer: &Viewer, peer: Option<Peer>, what: &str, hours: &mut Hours) -> NamesShown {
    let agency = AgencyName::new(hours.agency.as_str());
    if *viewer == Viewer::Nobody {
        return NamesShown::SignIn;
    }
    let anybody = hours.clients.iter().any(|one| one.client.is_some())
        || hours.caregivers.iter().any(|one| one.caregiver.is_some());
    if !anybody {
        // There is nobody to be seen, and so nothing to write down.
        return NamesShown::Shown;
    }
    let about = format!(
        "hours {}..{}: {} clients, {} caregivers",
        hours.from,
        hours.to,
        hours.clients.len(),
        hours.caregivers.len()
    );
    let sight = web.audit.view(viewer, peer, &agency, what, &about).await;
    if sight.grant.is_none() {
        return sight.names;
    }
    let client = |id: &String| people::Who::Client(agency.clone(), ClientId::new(id.as_str()));
    let caregiver = |id: &String| people::Who::Caregiver(agency.clone(), CaregiverId::new(id.as_str()));
    let clients = hours.clients.iter().filter_map(|one| one.client.as_ref()).map(client);
    let caregivers = hours.caregivers.iter().filter_map(|one| one.caregiver.as_ref()).map(caregiver);
    let names = web.people.look_up(clients.chain(caregivers).collect()).await;
    for one in &mut hours.clients {
        one.name = one.client.as_ref().and_then(|id| names.name(&client(id)));
    }
    for one in &mut hours.caregivers {
        one.name = one.caregiver.as_ref().and_then(|id| names.name(&caregiver(id)));
    }
    sight.names
}

/// `GET /hours`: the page; names for whoever signed in.
pub(super) async fn page(
    State(web): State<Arc<Web>>,
    viewer: Viewer,
    who: Who,
    peer: Option<Extension<Peer>>,
    asked: Asked,
) -> Response {
    let query = asked.map(|Query(query)| query).unwrap_or_default();
    let current = STRETCHES.iter().find(|(stretch, _)| {
        stretch.split_once('=').is_some_and(|(key, value)| query.get(key).is_some_and(|asked| asked == value))
    });
    let current = current.map_or(if query.is_empty() { STRETCHES[0].0 } else { "" }, |(stretch, _)| stretch);
    let hours = match days_of(&query) {
        Ok(days) => web.hours.report(query.get("agency").cloned(), days).await.map_err(|fault| fault.to_string()),
        Err(says) => Err(says),
    };
    let (hours, with_names) = match hours {
        Ok(mut hours) => {
            let peer = peer.map(|Extension(peer)| peer);
            let names = name(&web, &viewer, peer, "/hours", &mut hours).await;
            (Ok(hours), names == NamesShown::Shown)
        }
        Err(fault) => (Err(fault), false),
    };
    let drawn = draw(hours.as_ref().map_err(Clone::clone), current, web.clock.now());
    let frame = frame(&web, &who, "");
    Html(drawn.page(&Frame { names: frame.names && with_names, ..frame })).into_response()
}
