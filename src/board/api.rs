//! *API*: does the vendor answer, how fast, since when not, and how old that makes what we know.

use serde::Serialize;

use super::{Ago, Drawn, Part, alert, now::section_ages};
use crate::{
    board::now::SectionAge,
    model::{Endpoint, Instant},
    pulse::Pulses,
    view::{AgencyView, EndpointView, View, words},
};

#[derive(Serialize)]
struct Page<'a> {
    agencies: Vec<Agency<'a>>,
    several: bool,
}

#[derive(Serialize)]
struct Agency<'a> {
    title: &'a str,
    name: &'a str,
    /// `down`, `up` or `unknown`.
    verdict: &'static str,
    says: String,
    endpoints: Vec<One>,
    sections: Vec<SectionAge>,
    n_unjudged: u64,
    blind: Option<Ago>,
    rate: f64,
    detect_within: String,
    promise: Option<String>,
    kept: bool,
    sweep: Option<String>,
}

#[derive(Serialize)]
struct One {
    name: &'static str,
    what: &'static str,
    up: bool,
    last_success: Option<Ago>,
    failing: Option<Ago>,
    failing_local: Option<String>,
    paused: Option<Ago>,
}

/// What an endpoint has, for a person.
const fn what(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::Token => "sign-in",
        Endpoint::Patients => "clients",
        Endpoint::Practitioners => "caregivers",
        Endpoint::Appointment => "shifts",
        Endpoint::Encounter => "check-ins",
        Endpoint::Locations => "locations",
    }
}

fn one(endpoint: &EndpointView, agency: &AgencyView, now: Instant) -> One {
    // A failure that nobody has seen answered since: the last success is where it began to be unknown.
    let since = if endpoint.up { None } else { endpoint.failing_since.or(endpoint.last_success_at) };
    One {
        name: endpoint.endpoint.as_str(),
        what: what(endpoint.endpoint),
        up: endpoint.up,
        last_success: endpoint.last_success_at.map(|at| Ago::of(at, now)),
        failing: since.map(|at| Ago::of(at, now)),
        failing_local: since.map(|at| words::weekday_clock(at, now, agency.timezone, agency.clock_12h)),
        paused: endpoint.paused_until.filter(|at| *at > now).map(|at| Ago::of(at, now)),
    }
}

fn span(of: std::time::Duration) -> String {
    words::span(chrono::TimeDelta::from_std(of).unwrap_or(chrono::TimeDelta::MAX))
}

/// Draws the page.
#[must_use]
pub fn draw(view: &View, pulses: &Pulses, now: Instant, real_now: Instant) -> Drawn {
    let mut n_down = 0;
    let agencies: Vec<Agency<'_>> = view
        .agencies
        .iter()
        .map(|agency| {
            let endpoints: Vec<One> = agency.endpoints.iter().map(|endpoint| one(endpoint, agency, now)).collect();
            let down: Vec<&One> = endpoints.iter().filter(|one| !one.up).collect();
            n_down += down.len();
            let since = down.iter().find_map(|one| one.failing_local.clone());
            let (verdict, says) = if endpoints.is_empty() {
                ("unknown", "Nothing was asked yet.".to_owned())
            } else if down.is_empty() {
                ("up", "Everything that was asked answers.".to_owned())
            } else {
                let names: Vec<&str> = down.iter().map(|one| one.what).collect();
                let since = since.map_or_else(String::new, |since| format!(" since {since}"));
                ("down", format!("No answer for {}{since}.", names.join(", ")))
            };
            Agency {
                title: &agency.title,
                name: agency.name.as_str(),
                verdict,
                says,
                endpoints,
                sections: section_ages(agency, now),
                n_unjudged: agency.n_unjudged,
                blind: agency.blind_since.map(|at| Ago::of(at, now)),
                rate: agency.requests_per_second,
                detect_within: span(agency.detect_within),
                promise: agency.promise.map(span),
                kept: agency.promise.is_none_or(|promise| promise <= agency.detect_within),
                sweep: agency.sweep.map(span),
            }
        })
        .collect();
    let title = if n_down > 0 { "API down" } else { "API" };
    let page = Page { several: agencies.len() > 1, agencies };
    let parts = vec![Part::of("api", "api.html", &page), alert::headline(view, pulses, now, real_now)];
    Drawn { title: title.to_owned(), place: "api", parts, fixed: None, at: now }
}
