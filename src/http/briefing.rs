//! The briefing as JSON, text and a page; and sending one now.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Extension,
    extract::{Path, Query, State},
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use chrono::DateTime;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::{
    Viewer, Web, answer,
    audit::NamesShown,
    pages::{Page, Who, problem},
    reports::{Document, ReportFault, ReportListed},
    waiting::Peer,
};
use crate::{
    board::people,
    model::{AgencyName, CaregiverId, ClientId, Instant, PhiGrant},
    report::briefing::{Briefing, Kind, Naming, html, text},
};

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Asked {
    /// Which.
    pub kind: Kind,
    /// Of which agency; `None` = all.
    pub agency: Option<String>,
    /// Of which location only.
    pub location: Option<String>,
    /// For which instant; `None` = now.
    pub at: Option<Instant>,
}

/// One was sent because somebody said so.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = briefing::SentBriefing)]
pub struct SentBriefing {
    /// Which of `briefings`.
    pub name: String,
    /// How many mails were stored; they leave through the outbox.
    pub n_messages: usize,
    /// When, agent clock.
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
}

/// Why it was not.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BriefingFault {
    /// There is none of this name.
    #[error("no briefing is called {name:?}; there is {}", if known.is_empty() { "none: write briefings into the configuration".to_owned() } else { known.join(", ") })]
    Unknown {
        /// As asked.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// It could not be made or stored.
    #[error("it was not sent: {0}")]
    Not(String),
}

/// An open page shows a briefing that is at most so old.
pub const KEPT_S: i64 = 15;

/// Makes briefings and reports.
pub trait Briefings: Send + Sync + 'static {
    /// One an agency, in file order, by ids alone.
    fn briefing(&self, asked: Asked) -> BoxFuture<'_, Vec<Briefing>> {
        let _ = asked;
        Box::pin(async { Vec::new() })
    }

    /// The same for pages that are open: at most [`KEPT_S`] seconds old, made once for all who look.
    fn kept(&self, asked: Asked) -> BoxFuture<'_, Vec<Briefing>> {
        self.briefing(asked)
    }

    /// The locations of this agency (`None` = of all) as its texts write them: those configured, and those a client has.
    fn locations<'a>(&'a self, agency: Option<&'a str>) -> BoxFuture<'a, Vec<String>> {
        let _ = agency;
        Box::pin(async { Vec::new() })
    }

    /// Writes names beside the ids.
    fn name<'a>(&'a self, all: &'a mut [Briefing], grant: PhiGrant) -> BoxFuture<'a, ()> {
        let _ = (all, grant);
        Box::pin(async {})
    }

    /// Sends one of the configuration's briefings now.
    fn send<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<SentBriefing, BriefingFault>> {
        Box::pin(async move { Err(BriefingFault::Unknown { name: name.to_owned(), known: Vec::new() }) })
    }

    /// The configuration's reports.
    fn reports(&self) -> Vec<ReportListed> {
        Vec::new()
    }

    /// One of them, as of now.
    fn report<'a>(&'a self, name: &'a str, grant: Option<PhiGrant>) -> BoxFuture<'a, Result<Document, ReportFault>> {
        let _ = grant;
        Box::pin(async move { Err(ReportFault::Unknown { name: name.to_owned(), known: Vec::new() }) })
    }
}

/// There are none: for a web side without an agent behind it.
#[derive(Debug, Clone, Copy)]
pub struct NoBriefings;

impl Briefings for NoBriefings {}

/// The answer of `GET /api/v1/briefing`.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = briefing::BriefingAnswer)]
pub struct BriefingAnswer {
    /// One an agency.
    pub briefings: Vec<Briefing>,
    /// Whether names stand in them, and why not.
    pub names: NamesShown,
}

fn read(asked: &BTreeMap<String, String>) -> Result<Asked, String> {
    let kinds: Vec<&str> = Kind::ALL.into_iter().map(Kind::as_str).collect();
    let kind = match asked.get("kind") {
        None => Kind::default(),
        Some(word) => Kind::parse(word.trim()).ok_or_else(|| format!("`kind` must be one of {}", kinds.join(", ")))?,
    };
    let at = match asked.get("at") {
        None => None,
        Some(text) => {
            let at = DateTime::parse_from_rfc3339(text.trim());
            Some(at.map_err(|_| "`at` must be an instant such as 2026-12-01T07:00:00-07:00")?.to_utc())
        }
    };
    let word = |name: &str| asked.get(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    Ok(Asked { kind, at, agency: word("agency"), location: word("location") })
}

/// The one of these locations that is meant, as it is written; whether letters are small or capital does not count where one
/// alone fits.
#[must_use]
pub fn place_of<'a>(asked: &str, known: &'a [String]) -> Option<&'a String> {
    let folded = asked.to_lowercase();
    let mut fits = known.iter().filter(|name| name.to_lowercase() == folded);
    known.iter().find(|name| *name == asked).or_else(|| fits.next().filter(|_| fits.next().is_none()))
}

/// Whether two texts name one place.
pub(super) fn same_place(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

/// Whether one of these is meant.
pub(super) fn has_place(known: &[String], asked: &str) -> bool {
    known.iter().any(|name| same_place(name, asked))
}

/// So many locations are named to whoever asks for one that is none.
const PLACES_SAID: usize = 20;

/// What a person reads who asked for a location that nobody has: of it nothing is known, least of all that it is covered.
pub(super) fn no_place(asked: &str, known: &[String]) -> String {
    let there = match known {
        [] => "none is known yet".to_owned(),
        known if known.len() > PLACES_SAID => {
            format!("there are {} and {} more", known[..PLACES_SAID].join(", "), known.len() - PLACES_SAID)
        }
        [one] => format!("there is {one}"),
        known => format!("there are {}", known.join(", ")),
    };
    format!("no location is called {asked:?}; {there}")
}

/// Refuses a location that no agency asked for has.
async fn placed(web: &Web, asked: &Asked) -> Result<(), String> {
    let Some(location) = &asked.location else { return Ok(()) };
    let known = web.briefings.locations(asked.agency.as_deref()).await;
    if has_place(&known, location) {
        return Ok(());
    }
    Err(no_place(location, &known))
}

/// Briefings, with names once it is written down who sees whom.
async fn seen(web: &Web, viewer: &Viewer, peer: Option<Peer>, asked: Asked, what: &str) -> (Vec<Briefing>, NamesShown) {
    let mut all = web.briefings.briefing(asked).await;
    let mut names = NamesShown::Shown;
    for briefing in &mut all {
        let (clients, caregivers) = briefing.people();
        let about: Vec<String> = clients
            .iter()
            .map(|id| format!("client {id}"))
            .chain(caregivers.iter().map(|id| format!("caregiver {id}")))
            .collect();
        let agency = AgencyName::new(briefing.agency.as_str());
        if about.is_empty() && viewer.grant().is_some() {
            continue;
        }
        let sight = web.audit.view(viewer, peer, &agency, what, &about.join(", ")).await;
        match sight.grant {
            Some(grant) => web.briefings.name(std::slice::from_mut(briefing), grant).await,
            None => names = sight.names,
        }
    }
    if viewer.grant().is_none() {
        names = NamesShown::SignIn;
    }
    (all, names)
}

/// `?kind=morning&agency=&location=&at=`, as JSON; as text or HTML with `&as=text|html`.
#[utoipa::path(
    get,
    path = "/api/v1/briefing",
    tag = "briefing",
    params(("kind" = Option<String>, Query, description = "morning, handoff, tomorrow or weekend"), ("at" = Option<String>, Query, description = "An instant as RFC 3339 writes it; now without"), ("agency" = Option<String>, Query, description = "Whose; every agency, or the first, without"), ("location" = Option<String>, Query, description = "Of one location"), ("as" = Option<String>, Query, description = "json, text or html")),
    responses(
        (status = 200, description = "As asked", body = BriefingAnswer),
        answer::Refused
    )
)]
pub(super) async fn get(
    State(web): State<Arc<Web>>,
    viewer: Viewer,
    peer: Option<Extension<Peer>>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let asked = match read(&query) {
        Ok(asked) => asked,
        Err(why) => return answer::problem(StatusCode::BAD_REQUEST, why).into_response(),
    };
    if let Some(agency) = &asked.agency
        && !web.view().agencies.iter().any(|one| one.name.as_str() == agency)
    {
        return answer::problem(StatusCode::NOT_FOUND, format!("no agency is called {agency:?}")).into_response();
    }
    if let Err(why) = placed(&web, &asked).await {
        return answer::problem(StatusCode::NOT_FOUND, why).into_response();
    }
    let peer = peer.map(|Extension(peer)| peer);
    let (briefings, names) = seen(&web, &viewer, peer, asked, "/api/v1/briefing").await;
    match query.get("as").map(String::as_str) {
        None | Some("json") => answer::json(BriefingAnswer { briefings, names }),
        Some("text") => {
            let text: Vec<String> = briefings.iter().map(|one| text::lines(one).join("\n") + "\n").collect();
            ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text.join("\n")).into_response()
        }
        Some("html") => Html(html::page(&briefings, None, false, "shiftwatch")).into_response(),
        Some(_) => answer::problem(StatusCode::BAD_REQUEST, "`as` must be json, text or html").into_response(),
    }
}

/// Whom briefings name.
pub(super) fn people(briefings: &[Briefing]) -> Vec<people::Who> {
    let of = |briefing: &Briefing| {
        let agency = || AgencyName::new(briefing.agency.as_str());
        let (clients, caregivers) = briefing.people();
        let clients = clients.into_iter().map(|id| people::Who::Client(agency(), id));
        clients.chain(caregivers.into_iter().map(|id| people::Who::Caregiver(agency(), id))).collect::<Vec<_>>()
    };
    briefings.iter().flat_map(of).collect()
}

/// Writes names into briefings that were looked up for a page.
pub(super) fn write_in(briefings: &mut [Briefing], names: &people::Names) {
    struct Of<'a>(AgencyName, &'a people::Names);
    impl Naming for Of<'_> {
        fn client(&self, id: &ClientId) -> Option<String> {
            self.1.name(&people::Who::Client(self.0.clone(), id.clone()))
        }
        fn caregiver(&self, id: &CaregiverId) -> Option<String> {
            self.1.name(&people::Who::Caregiver(self.0.clone(), id.clone()))
        }
    }
    for briefing in briefings {
        let of = Of(AgencyName::new(briefing.agency.as_str()), names);
        briefing.name_with(&of);
    }
}

/// The page; it is kept up to date while it is open.
pub(super) async fn page(
    State(web): State<Arc<Web>>,
    who: Who,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let asked = match read(&query) {
        Ok(asked) => asked,
        Err(why) => return problem(&web, &who, StatusCode::BAD_REQUEST, "No briefing", &why),
    };
    if let Err(why) = placed(&web, &asked).await {
        return problem(&web, &who, StatusCode::NOT_FOUND, "No briefing", &why);
    }
    super::pages::answer(&web, who, &Page::Briefing(asked)).await
}

/// Sends one now.
#[utoipa::path(
    post,
    path = "/api/v1/briefing/{name}/send",
    tag = "briefing",
    params(("name" = String, Path, description = "One of briefings in the configuration")),
    responses(
        (status = 200, description = "As asked", body = SentBriefing),
        answer::Refused
    )
)]
pub(super) async fn send(State(web): State<Arc<Web>>, Path(name): Path<String>) -> Response {
    match web.briefings.send(&name).await {
        Ok(sent) => answer::json(sent),
        Err(fault @ BriefingFault::Unknown { .. }) => {
            answer::problem(StatusCode::NOT_FOUND, fault.to_string()).into_response()
        }
        Err(fault) => answer::problem(StatusCode::SERVICE_UNAVAILABLE, fault.to_string()).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_meant_in_any_case_and_a_wrong_one_is_told_which_there_are() {
        let known: Vec<String> = ["north", "South", "SOUTH", "Öst"].map(str::to_owned).to_vec();
        for (asked, is) in [
            ("north", Some("north")),
            ("North", Some("north")),
            ("öst", Some("Öst")),
            ("SOUTH", Some("SOUTH")),
            // Either may be meant.
            ("south", None),
            ("nowhere", None),
            ("nort", None),
            ("", None),
        ] {
            assert_eq!(place_of(asked, &known).map(String::as_str), is, "{asked}");
        }
        assert_eq!(no_place("nowhere", &known[..2]), "no location is called \"nowhere\"; there are north, South");
        assert_eq!(no_place("x", &[]), "no location is called \"x\"; none is known yet");
        let many: Vec<String> = (0..25).map(|n| format!("l{n}")).collect();
        assert!(no_place("x", &many).ends_with("l19 and 5 more"));
    }
}
