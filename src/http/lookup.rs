//! Look-up as JSON: people by what somebody remembers of them, their profiles, shifts.
//!
//! What was searched for stands in a body, never in an address: it is a name. Answers hold ids, and names beside them for
//! whoever signed in, after a row in the audit. Without sign-in only ids can be asked for: who may not see a name may not
//! try which names there are either.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Extension,
    body::Bytes,
    extract::{
        Path, Query, State as Given,
        rejection::{BytesRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use chrono::{Datelike as _, NaiveDate};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::{Audit, Web, answer, audit::Sight, viewer::Viewer, waiting::Peer};
use crate::{
    model::{AgencyName, CaregiverId, ClientId},
    report::cover::FoundCover,
    report::lookup::{
        Freshness, Kind,
        answer::{AlertBrief, CandidateAnswer, FoundAnswer, PersonAnswer, ShiftsAnswer, ShownCover},
        index::Hit,
        profile::{FoundProfile, ProfileAnswer},
        shifts::{FoundShifts, State, about, named},
    },
    view::{View, report::AlertReport},
};

/// So many candidates in one answer.
pub const CANDIDATES_MAX: usize = 20;
/// So many days of one client's or caregiver's shifts at once.
const SPAN_OF_ONE_MAX: i64 = 400;
/// And of everybody's.
const SPAN_OF_ALL_MAX: i64 = 31;
/// A query is a name or a number, no letter.
const ASKED_MAX: usize = 200;

/// Looks people and shifts up. Never waits for a read of the vendor.
pub trait Lookup: Send + Sync + 'static {
    /// Who fits, the best first; by ids alone when `ids_only`. `agency`: in this one, else in all.
    fn find<'a>(&'a self, agency: Option<&'a str>, asked: &'a str, ids_only: bool) -> BoxFuture<'a, FoundPeople>;

    /// What is known of somebody; `None` when nobody has this id.
    fn profile<'a>(&'a self, agency: Option<&'a str>, kind: Kind, id: &'a str) -> BoxFuture<'a, Option<FoundProfile>>;

    /// The same with shifts and visits since a day before memory begins.
    fn past<'a>(
        &'a self,
        _agency: &'a str,
        _kind: Kind,
        _id: &'a str,
        _since: NaiveDate,
    ) -> BoxFuture<'a, Option<FoundProfile>> {
        Box::pin(std::future::ready(None))
    }

    /// Shifts, by start.
    fn shifts(&self, wish: ShiftsWish) -> BoxFuture<'_, FoundShifts>;

    /// Who could take a shift, by its label or the vendor's id; `None` when there is no such shift.
    fn cover<'a>(&'a self, _agency: Option<&'a str>, _shift: &'a str) -> BoxFuture<'a, Option<FoundCover>> {
        Box::pin(std::future::ready(None))
    }
}

/// Who fits.
#[derive(Debug, Clone, Default)]
pub struct FoundPeople {
    /// The best first, with agency and location label.
    pub people: Vec<(AgencyName, String, Hit)>,
    /// How many fit in all.
    pub n: usize,
    /// How fresh the lists of people are; `None` = there is no agency of this name.
    pub roster: Option<Freshness>,
}

/// Which shifts.
#[derive(Debug, Clone, Default)]
pub struct ShiftsWish {
    /// In this agency, else in all.
    pub agency: Option<String>,
    /// This client's.
    pub client: Option<ClientId>,
    /// This caregiver's.
    pub caregiver: Option<CaregiverId>,
    /// On this day by the agency's clock.
    pub day: Option<Day>,
    /// From this day on, in place of `day`.
    pub from: Option<NaiveDate>,
    /// To this day, it included.
    pub to: Option<NaiveDate>,
    /// In one of these states.
    pub states: Vec<State>,
}

/// A day by an agency's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Day {
    /// So many days after today.
    After(i64),
    /// This one.
    On(NaiveDate),
}

impl Day {
    /// `today`, `tomorrow`, `yesterday`, or a date like `2026-12-01`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim() {
            "today" => Some(Self::After(0)),
            "tomorrow" => Some(Self::After(1)),
            "yesterday" => Some(Self::After(-1)),
            date => NaiveDate::parse_from_str(date, "%Y-%m-%d").ok().filter(|day| is_of_a_calendar(*day)).map(Self::On),
        }
    }
}

/// Whether anything can lie on a day. Days beyond would only break arithmetic.
fn is_of_a_calendar(day: NaiveDate) -> bool {
    (1990..=2200).contains(&day.year())
}

/// What a search takes.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = lookup::LookupBody)]
pub struct LookupBody {
    /// A name, an id or a telephone number, or what somebody remembers of it.
    pub q: String,
    /// In this agency; without it in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agency: Option<String>,
    /// With shifts and visits since this day; without it those of the last week.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub since: Option<NaiveDate>,
}

/// Who asks, and where what they see is written down.
#[derive(Clone, Copy)]
pub struct Asker<'a> {
    /// Writes it down.
    pub audit: &'a dyn Audit,
    /// Who.
    pub viewer: &'a Viewer,
    /// From where.
    pub peer: Option<Peer>,
    /// The picture with the live alerts; `None` where no agent runs.
    pub view: Option<&'a View>,
}

impl Asker<'_> {
    /// Asks to see these people.
    pub async fn see(
        &self,
        agency: Option<&str>,
        what: &str,
        people: impl IntoIterator<Item = (Kind, String)>,
    ) -> Sight {
        let agency = agency.map_or_else(AgencyName::installation, AgencyName::new);
        self.audit.view(self.viewer, self.peer, &agency, what, &about(people)).await
    }
}

/// Finds people, and the profile of whoever was meant beyond doubt.
///
/// # Errors
/// For a person: there is no such agency, or the query is none.
pub async fn find(
    lookup: &dyn Lookup,
    asker: Asker<'_>,
    what: &str,
    body: &LookupBody,
) -> Result<FoundAnswer, (StatusCode, String)> {
    let asked = body.q.trim();
    if asked.is_empty() || asked.len() > ASKED_MAX {
        let why = format!("`q` must be a name, an id or a telephone number, of at most {ASKED_MAX} bytes");
        return Err((StatusCode::BAD_REQUEST, why));
    }
    let agency = body.agency.as_deref();
    let may_try = asker.viewer.grant().is_some();
    let mut found = lookup.find(agency, asked, !may_try).await;
    let mut profile = sole(lookup, &found, body.since).await;
    let people = found.people.iter().map(|(_, _, hit)| (hit.kind, hit.id.clone()));
    let named_too = profile.iter().flat_map(FoundProfile::ids);
    let sight = asker.see(agency, what, people.chain(named_too).collect::<Vec<_>>()).await;
    if may_try && sight.grant.is_none() {
        // What a name leads to is no more than the name itself.
        found = lookup.find(agency, asked, true).await;
        profile = sole(lookup, &found, body.since).await;
    }
    let Some(roster) = found.roster else { return Err((StatusCode::NOT_FOUND, no_agency(agency))) };
    let candidates = found.people.into_iter().map(|(agency, location, hit)| CandidateAnswer {
        kind: hit.kind,
        name: named(&hit.name, sight.grant),
        id: hit.id,
        agency: agency.to_string(),
        location,
        current: hit.current,
        score: f64::from((hit.score * 100.0).round()) / 100.0,
        by: hit.by,
        exact: hit.exact,
    });
    let profile = profile.map(|profile| person(profile, sight, asker.view));
    Ok(FoundAnswer { names: sight.names, candidates: candidates.collect(), n: found.n, roster, profile })
}

/// The profile of whoever was meant beyond doubt: the only exact one, or the only one.
async fn sole(lookup: &dyn Lookup, found: &FoundPeople, since: Option<NaiveDate>) -> Option<FoundProfile> {
    let mut exact = found.people.iter().filter(|(_, _, hit)| hit.exact);
    let one = match (exact.next(), exact.next(), found.n) {
        (Some(one), None, _) => one,
        (None, _, 1) => found.people.first()?,
        _ => return None,
    };
    with_past(lookup, Some(one.0.as_str()), (one.2.kind, &one.2.id), since).await
}

/// A profile, with what lies before memory begins where that was asked for.
async fn with_past(
    lookup: &dyn Lookup,
    agency: Option<&str>,
    (kind, id): (Kind, &str),
    since: Option<NaiveDate>,
) -> Option<FoundProfile> {
    let found = lookup.profile(agency, kind, id).await?;
    // Nothing lies before a calendar, or behind it.
    let first = since.map(|since| if is_of_a_calendar(since) { since } else { NaiveDate::default() });
    let Some(since) = first else { return Some(found) };
    let agency = found.agency().to_owned();
    Some(lookup.past(&agency, kind, id, since).await.unwrap_or(found))
}

fn person(profile: FoundProfile, sight: Sight, view: Option<&View>) -> PersonAnswer {
    let profile = profile.shown(sight.grant);
    let alerts = view.map(|view| alerts_of(view, &profile));
    PersonAnswer { names: sight.names, profile, alerts }
}

fn alerts_of(view: &View, of: &ProfileAnswer) -> Vec<AlertBrief> {
    let is_theirs = |report: &AlertReport| {
        let Some(found) = view.alerts.iter().find(|one| one.fingerprint == report.fingerprint) else { return false };
        let facts = &found.alert.facts;
        report.agency == of.agency
            && match of.kind {
                Kind::Client => {
                    facts.client.as_ref().is_some_and(|id| id.as_str() == of.id)
                        || report.labels.get("client").is_some_and(|id| *id == of.id)
                }
                Kind::Caregiver => {
                    facts.caregiver.as_ref().is_some_and(|id| id.as_str() == of.id)
                        || report.labels.get("caregiver").is_some_and(|id| *id == of.id)
                }
            }
    };
    let brief = |report: AlertReport| AlertBrief {
        shift: report.labels.get("shift").cloned(),
        fingerprint: report.fingerprint,
        alertname: report.alertname,
        severity: report.severity,
        state: report.state,
        summary: report.summary,
        active_at: report.active_at,
    };
    AlertReport::all(view, view.at).into_iter().filter(is_theirs).map(brief).collect()
}

/// What is known of somebody.
pub async fn profile(
    lookup: &dyn Lookup,
    asker: Asker<'_>,
    what: &str,
    agency: Option<&str>,
    (kind, id): (Kind, &str),
    since: Option<NaiveDate>,
) -> Option<PersonAnswer> {
    let found = with_past(lookup, agency, (kind, id), since).await?;
    let sight = asker.see(agency, what, found.ids().collect::<Vec<_>>()).await;
    Some(person(found, sight, asker.view))
}

/// Shifts.
pub async fn shifts(lookup: &dyn Lookup, asker: Asker<'_>, what: &str, wish: ShiftsWish) -> ShiftsAnswer {
    let agency = wish.agency.clone();
    let found = lookup.shifts(wish).await;
    let people: Vec<_> = found.shifts.iter().flat_map(|shift| shift.ids().collect::<Vec<_>>()).collect();
    let sight = asker.see(agency.as_deref(), what, people).await;
    let shifts = found.shifts.into_iter().map(|shift| shift.shown(sight.grant)).collect();
    ShiftsAnswer { names: sight.names, shifts, n: found.n, freshness: found.freshness }
}

/// Who could take a shift.
pub async fn cover(
    lookup: &dyn Lookup,
    asker: Asker<'_>,
    what: &str,
    agency: Option<&str>,
    shift: &str,
) -> Option<ShownCover> {
    let found = lookup.cover(agency, shift).await?;
    let sight = asker.see(agency, what, found.ids()).await;
    Some(ShownCover { names: sight.names, cover: found.shown(sight.grant) })
}

/// Who could take a shift, ranked with reasons, and what forbids the others.
#[utoipa::path(
    get,
    path = "/api/v1/shifts/{shift}/cover",
    tag = "people",
    params(("shift" = String, Path, description = "As its alerts name it, or its id"), ("agency" = Option<String>, Query, description = "Whose; every agency, or the first, without")),
    responses(
        (status = 200, description = "As asked", body = ShownCover),
        answer::Refused
    )
)]
pub(super) async fn get_cover(
    Given(web): Given<Arc<Web>>,
    viewer: Viewer,
    peer: Option<Extension<Peer>>,
    Path(shift): Path<String>,
    asked: Asked,
) -> Response {
    let agency = asked.ok().and_then(|Query(asked)| asked.get("agency").cloned());
    let view = web.view();
    let what = format!("/api/v1/shifts/{shift}/cover");
    let found = cover(&*web.lookup, web.asker(&viewer, peer, &view), &what, agency.as_deref(), &shift).await;
    if let Some(cover) = found {
        return answer::json(cover);
    }
    let why = "no such shift is known; `GET /api/v1/shifts` lists them, each with the `shift` to ask by";
    answer::problem(StatusCode::NOT_FOUND, why).into_response()
}

fn no_agency(agency: Option<&str>) -> String {
    match agency {
        Some(name) => format!("no agency is called {name}; `GET /api/v1/status` lists them"),
        None => "no agency is watched".to_owned(),
    }
}

pub(super) type Asked = Result<Query<BTreeMap<String, String>>, QueryRejection>;

/// Finds clients and caregivers by name, telephone number or id.
#[utoipa::path(
    post,
    path = "/api/v1/lookup",
    tag = "people",
    request_body = LookupBody,
    responses(
        (status = 200, description = "As asked", body = FoundAnswer),
        answer::Refused
    )
)]
pub(super) async fn post_find(
    Given(web): Given<Arc<Web>>,
    viewer: Viewer,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match answer::read_json::<LookupBody>(&headers, body) {
        Ok(body) => body,
        Err((status, error)) => return answer::problem(status, error).into_response(),
    };
    let view = web.view();
    match find(&*web.lookup, web.asker(&viewer, peer, &view), "/api/v1/lookup", &body).await {
        Ok(found) => answer::json(found),
        Err((status, why)) => answer::problem(status, why).into_response(),
    }
}

impl Web {
    /// Who asks.
    pub(super) fn asker<'a>(&'a self, viewer: &'a Viewer, peer: Option<Extension<Peer>>, view: &'a View) -> Asker<'a> {
        Asker { audit: &*self.audit, viewer, peer: peer.map(|Extension(peer)| peer), view: Some(view) }
    }
}

/// One client, with shifts, visits and alerts.
#[utoipa::path(
    get,
    path = "/api/v1/clients/{id}",
    tag = "people",
    params(("id" = String, Path, description = "The vendor's id"), ("since" = Option<String>, Query, description = "With shifts and visits since this day, a date; the last week without"), ("agency" = Option<String>, Query, description = "Whose; every agency, or the first, without")),
    responses(
        (status = 200, description = "As asked", body = PersonAnswer),
        answer::Refused
    )
)]
pub(super) async fn get_client(
    web: Given<Arc<Web>>,
    viewer: Viewer,
    peer: Option<Extension<Peer>>,
    Path(id): Path<String>,
    asked: Asked,
) -> Response {
    get_person(&web, &viewer, peer, asked, (Kind::Client, &id)).await
}

/// One caregiver, with shifts, visits and alerts.
#[utoipa::path(
    get,
    path = "/api/v1/caregivers/{id}",
    tag = "people",
    params(("id" = String, Path, description = "The vendor's id"), ("since" = Option<String>, Query, description = "With shifts and visits since this day, a date; the last week without"), ("agency" = Option<String>, Query, description = "Whose; every agency, or the first, without")),
    responses(
        (status = 200, description = "As asked", body = PersonAnswer),
        answer::Refused
    )
)]
pub(super) async fn get_caregiver(
    web: Given<Arc<Web>>,
    viewer: Viewer,
    peer: Option<Extension<Peer>>,
    Path(id): Path<String>,
    asked: Asked,
) -> Response {
    get_person(&web, &viewer, peer, asked, (Kind::Caregiver, &id)).await
}

async fn get_person(
    web: &Web,
    viewer: &Viewer,
    peer: Option<Extension<Peer>>,
    asked: Asked,
    (kind, id): (Kind, &str),
) -> Response {
    let asked = asked.map(|Query(asked)| asked).unwrap_or_default();
    let agency = asked.get("agency").cloned();
    let Ok(since) = asked.get("since").map(|text| text.parse()).transpose() else {
        let why = "`since` must be a date like 2026-03-01";
        return answer::problem(StatusCode::BAD_REQUEST, why).into_response();
    };
    let what = format!("/api/v1/{}s/{id}", kind.as_str());
    let view = web.view();
    let asker = web.asker(viewer, peer, &view);
    if let Some(person) = profile(&*web.lookup, asker, &what, agency.as_deref(), (kind, id), since).await {
        return answer::json(person);
    }
    let why = format!(
        "no {} with this id is known; `POST /api/v1/lookup {{\"q\": …}}` finds people by name, id or phone",
        kind.as_str()
    );
    answer::problem(StatusCode::NOT_FOUND, why).into_response()
}

/// Shifts by client, caregiver, day and state.
#[utoipa::path(
    get,
    path = "/api/v1/shifts",
    tag = "people",
    params(("client" = Option<String>, Query, description = "An id"), ("caregiver" = Option<String>, Query, description = "An id"), ("day" = Option<String>, Query, description = "today, tomorrow, yesterday or a date"), ("from" = Option<String>, Query, description = "In place of a day: from this date on"), ("to" = Option<String>, Query, description = "And to this date, it included"), ("state" = Option<String>, Query, description = "covered, uncovered, running, done, missed, cancelled or unseen, between commas"), ("agency" = Option<String>, Query, description = "Whose; every agency, or the first, without")),
    responses(
        (status = 200, description = "As asked", body = ShiftsAnswer),
        answer::Refused
    )
)]
pub(super) async fn get_shifts(
    Given(web): Given<Arc<Web>>,
    viewer: Viewer,
    peer: Option<Extension<Peer>>,
    asked: Asked,
) -> Response {
    let asked = asked.map(|Query(asked)| asked).unwrap_or_default();
    let wish = match wish(&asked) {
        Ok(wish) => wish,
        Err(why) => return answer::problem(StatusCode::BAD_REQUEST, why).into_response(),
    };
    let view = web.view();
    answer::json(shifts(&*web.lookup, web.asker(&viewer, peer, &view), "/api/v1/shifts", wish).await)
}

/// What a query asks for.
///
/// # Errors
/// What is wrong with it.
pub fn wish(asked: &BTreeMap<String, String>) -> Result<ShiftsWish, String> {
    let mut wish = ShiftsWish::default();
    for (key, text) in asked {
        match key.as_str() {
            "agency" => wish.agency = Some(text.clone()),
            "client" => wish.client = Some(ClientId::new(text.as_str())),
            "caregiver" => wish.caregiver = Some(CaregiverId::new(text.as_str())),
            "day" => {
                let day = Day::parse(text);
                wish.day = Some(day.ok_or("`day` must be today, tomorrow, yesterday, or a date like 2026-12-01")?);
            }
            "state" => {
                let states: Option<Vec<State>> = text.split(',').map(State::parse).collect();
                let all = State::ALL.map(State::as_str).join(", ");
                wish.states = states.ok_or_else(|| format!("`state` must be one or more of {all}, between commas"))?;
            }
            "from" | "to" => {
                let date: Option<NaiveDate> = text.trim().parse().ok().filter(|day| is_of_a_calendar(*day));
                let date = Some(date.ok_or_else(|| format!("`{key}` must be a date like 2026-12-01"))?);
                *(if key == "from" { &mut wish.from } else { &mut wish.to }) = date;
            }
            other => {
                return Err(format!(
                    "`{other}` is not asked for; there are client, caregiver, day, from, to, state and agency"
                ));
            }
        }
    }
    if wish.day.is_some() && (wish.from.is_some() || wish.to.is_some()) {
        return Err("`day` is one day; ask for it, or for `from` and `to`".to_owned());
    }
    if let (Some(from), Some(to)) = (wish.from, wish.to) {
        let most = if wish.client.is_some() || wish.caregiver.is_some() { SPAN_OF_ONE_MAX } else { SPAN_OF_ALL_MAX };
        let n_days = (to - from).num_days();
        if n_days < 0 || n_days > most {
            return Err(format!("`to` must lie no more than {most} days after `from`, and not before it"));
        }
    } else if wish.client.is_none() && wish.caregiver.is_none() && (wish.from.is_some() || wish.to.is_some()) {
        return Err("without a client or caregiver, `from` and `to` are asked for together".to_owned());
    }
    Ok(wish)
}
