//! *API*: does the vendor answer, how fast, since when not, and how old that makes what we know.

use serde::Serialize;

use super::{
    Ago, Drawn, Part, alert,
    now::{Asked, SectionAge, section_ages},
};
use crate::{
    model::{Endpoint, Instant},
    pulse::Pulses,
    report::api_record::{ApiRecord, EndpointRecord, HourRecord, SpanRecord},
    view::{AgencyView, EndpointView, View, words},
};

/// So many outages of an endpoint stand on the page; the JSON answer has more.
const OUTAGES_SHOWN: usize = 10;

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
    /// Why what was kept cannot be told at present.
    fault: Option<String>,
    /// Whether what was kept stands on this page.
    with_record: bool,
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
    spans: Vec<SpanRow>,
    outages: Vec<OutageRow>,
    hours: Vec<HourBar>,
}

/// How an endpoint was over a span.
#[derive(Serialize)]
struct SpanRow {
    span: String,
    uptime: Option<String>,
    requests: u64,
    errors: String,
    p50: Option<String>,
    p95: Option<String>,
    p99: Option<String>,
}

#[derive(Serialize)]
struct OutageRow {
    since: String,
    until: Option<String>,
    took: String,
    cause: String,
}

/// One hour of the chart.
#[derive(Serialize)]
struct HourBar {
    x: String,
    width: String,
    state: &'static str,
    says: String,
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
        Endpoint::TaskLog => "task logs",
        Endpoint::CarePlan => "care activities",
        Endpoint::ChargeItem => "charges",
    }
}

fn one(endpoint: &EndpointView, agency: &AgencyView, record: Option<&EndpointRecord>, now: Instant) -> One {
    // A failure that nobody has seen answered since: the last success is where it began to be unknown.
    let since = if endpoint.up { None } else { endpoint.failing_since.or(endpoint.last_success_at) };
    let local = |at: Instant| words::weekday_clock(at, now, agency.timezone, agency.clock_12h);
    One {
        name: endpoint.endpoint.as_str(),
        what: what(endpoint.endpoint),
        up: endpoint.up,
        last_success: endpoint.last_success_at.map(|at| Ago::of(at, now)),
        failing: since.map(|at| Ago::of(at, now)),
        failing_local: since.map(local),
        paused: endpoint.paused_until.filter(|at| *at > now).map(|at| Ago::of(at, now)),
        spans: record.map_or(&[][..], |record| &record.spans).iter().map(span_row).collect(),
        outages: record
            .map_or(&[][..], |record| &record.outages)
            .iter()
            .take(OUTAGES_SHOWN)
            .map(|outage| OutageRow {
                since: local(outage.since),
                until: outage.until.map(local),
                took: words::span(outage.until.unwrap_or(now) - outage.since),
                cause: outage.cause_words.clone(),
            })
            .collect(),
        hours: record.map_or_else(Vec::new, |record| hours(&record.hours, agency)),
    }
}

fn percent(share: f64) -> String {
    // What is not all is never shown as all.
    let shown = (share * 100_000.0).floor() / 1000.0;
    if share >= 1.0 { "100 %".to_owned() } else { format!("{shown:.3} %") }
}

fn seconds(took: f64) -> String {
    format!("{took:.2} s")
}

fn span_row(record: &SpanRecord) -> SpanRow {
    let errors: Vec<String> = record.errors.iter().map(|(code, n)| format!("{n} \u{d7} {code}")).collect();
    SpanRow {
        span: record.span.clone(),
        uptime: record.uptime.map(percent),
        requests: record.requests,
        errors: if errors.is_empty() { "none".to_owned() } else { errors.join(", ") },
        p50: record.p50_seconds.map(seconds),
        p95: record.p95_seconds.map(seconds),
        p99: record.p99_seconds.map(seconds),
    }
}

/// The hours as bars from the left: up, partly down, down, and those in which nobody asked.
fn hours(record: &[HourRecord], agency: &AgencyView) -> Vec<HourBar> {
    let n = record.len().max(1);
    let place = |i: usize| {
        let hundredths = i * 10_000 / n;
        format!("{}.{:02}", hundredths / 100, hundredths % 100)
    };
    record
        .iter()
        .enumerate()
        .map(|(i, hour)| {
            let (state, how) = match hour.uptime {
                None => ("unknown", "nobody asked".to_owned()),
                Some(share) if share >= 1.0 => ("up", "answered all the time".to_owned()),
                Some(share) if share <= 0.0 => ("down", "down".to_owned()),
                Some(share) => ("partly", format!("answered {} of the time", percent(share))),
            };
            let at = hour.from.with_timezone(&agency.timezone).format("%a %H:%M");
            let slow = hour.p99_seconds.map_or_else(String::new, |p99| format!(", p99 {}", seconds(p99)));
            HourBar {
                x: place(i),
                width: place(1),
                state,
                says: format!("{at}: {how}, {} requests, {} errors{slow}", hour.requests, hour.errors),
            }
        })
        .collect()
}

fn span(of: std::time::Duration) -> String {
    words::span(chrono::TimeDelta::from_std(of).unwrap_or(chrono::TimeDelta::MAX))
}

/// The agency whose record stands on the page: the one asked for, or the only one.
#[must_use]
pub fn wanted<'a>(view: &'a View, asked: &Asked) -> Option<&'a AgencyView> {
    match &asked.agency {
        Some(name) => view.agencies.iter().find(|one| one.name.as_str() == name),
        None => view.agencies.first().filter(|_| view.agencies.len() == 1),
    }
}

/// Draws the page. `record` is that of the [`wanted`] agency.
#[must_use]
pub fn draw(
    view: &View,
    pulses: &Pulses,
    asked: &Asked,
    record: Result<Option<&ApiRecord>, String>,
    now: Instant,
    real_now: Instant,
) -> Drawn {
    let mut n_down = 0;
    let shown = wanted(view, asked);
    let (record, fault) = match record {
        Ok(record) => (record, None),
        Err(fault) => (None, Some(fault)),
    };
    let agencies: Vec<Agency<'_>> = view
        .agencies
        .iter()
        .filter(|agency| asked.agency.is_none() || shown.is_some_and(|one| one.name == agency.name))
        .map(|agency| {
            let with_record = shown.is_some_and(|one| one.name == agency.name);
            let of = |endpoint: Endpoint| {
                let record = record.filter(|_| with_record)?;
                record.endpoints.iter().find(|one| one.endpoint == endpoint)
            };
            let endpoints: Vec<One> =
                agency.endpoints.iter().map(|found| one(found, agency, of(found.endpoint), now)).collect();
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
                fault: fault.clone().filter(|_| with_record),
                with_record,
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
    let page = Page { several: view.agencies.len() > 1, agencies };
    let parts = vec![Part::of("api", "api.html", &page), alert::headline(view, pulses, now, real_now)];
    Drawn { title: title.to_owned(), place: "api", parts, fixed: None, at: now }
}
