//! *People*: who fits a search, and what is known of one client or caregiver.
//!
//! Given: answers, with names where whoever asks may see them. Gives: pages. Does not: look anybody up.

use std::fmt::Write as _;

use chrono::{Days, TimeDelta};
use chrono_tz::Tz;
use serde::Serialize;

use super::{Ago, Drawn, Part, alert::headline, cut};
use crate::{
    model::{CaregiverId, Instant, local_time::local_date},
    pulse::Pulses,
    report::lookup::{
        Kind,
        answer::{CandidateAnswer, FoundAnswer, PersonAnswer, ShownCover},
        index::By,
        profile::BACK,
        shifts::ShiftAnswer,
    },
    view::{View, words},
};

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the page's names")]
struct People<'a> {
    asked: bool,
    fault: Option<&'a str>,
    names: &'static str,
    says: String,
    people: Vec<Candidate<'a>>,
    as_of: Option<Ago>,
    complete: bool,
    several: bool,
}

#[derive(Serialize)]
struct Candidate<'a> {
    kind: &'static str,
    id: &'a str,
    name: Option<&'a str>,
    link: String,
    location: &'a str,
    agency: &'a str,
    current: bool,
    by: &'static str,
    exact: bool,
}

#[derive(Serialize)]
struct Person {
    kind: &'static str,
    other: &'static str,
    id: String,
    agency: String,
    several: bool,
    names: &'static str,
    name: Option<String>,
    phones: Vec<Phone>,
    address: Option<String>,
    location: String,
    tags: Vec<String>,
    standing: String,
    roster: Option<Ago>,
    alerts: Vec<Alert>,
    ahead: Vec<Row>,
    past: Vec<Row>,
    shifts_as_of: Option<Ago>,
    shifts_complete: bool,
    visits_as_of: Option<Ago>,
    unlinked: Vec<String>,
    /// From when on the past is shown, where that is longer ago than usual.
    since: Option<String>,
    /// Further back: in words, and where.
    further: Vec<(&'static str, String)>,
}

#[derive(Serialize)]
struct Phone {
    text: String,
    dial: String,
}

#[derive(Serialize)]
struct Alert {
    fingerprint: String,
    alertname: String,
    state: String,
    summary: String,
}

#[derive(Serialize)]
struct Row {
    when: String,
    reference: String,
    who: String,
    link: Option<String>,
    state: &'static str,
    came: Option<String>,
}

/// Where a person's page is. No name stands in it.
#[must_use]
pub fn link(agency: &str, kind: Kind, id: &str) -> String {
    format!("/{}s/{}?agency={}", kind.as_str(), words::url_part(id), words::url_part(agency))
}

/// Draws who fits; without `found` the page that says what can be asked.
#[must_use]
pub fn draw_found(
    view: &View,
    pulses: &Pulses,
    found: Option<&FoundAnswer>,
    fault: Option<&str>,
    now: Instant,
    real_now: Instant,
) -> Drawn {
    let candidates = found.map(|found| found.candidates.as_slice()).unwrap_or_default();
    let n = found.map_or(0, |found| found.n);
    let shown = People {
        asked: found.is_some() || fault.is_some(),
        fault,
        names: found.map_or("", |found| found.names.words()),
        says: if n > candidates.len() {
            format!("The best {} of {n} who fit", candidates.len())
        } else {
            format!("{} fit", words::count(n as u64, "person", "people"))
        },
        people: candidates.iter().map(candidate).collect(),
        as_of: found.and_then(|found| found.roster.as_of).map(|at| Ago::of(at, now)),
        complete: found.is_none_or(|found| found.roster.complete),
        several: view.agencies.len() > 1,
    };
    let parts = vec![Part::of("people", "people.html", &shown), headline(view, pulses, now, real_now)];
    Drawn { title: "People".to_owned(), place: "people", parts, fixed: None, at: now }
}

fn candidate(one: &CandidateAnswer) -> Candidate<'_> {
    Candidate {
        kind: one.kind.as_str(),
        id: &one.id,
        name: one.name.as_deref(),
        link: link(&one.agency, one.kind, &one.id),
        location: &one.location,
        agency: &one.agency,
        current: one.current,
        by: match one.by {
            By::Id => "id",
            By::Phone => "phone",
            By::Name => "name",
        },
        exact: one.exact,
    }
}

/// Draws what is known of somebody. Their name stands on the page, and not in its title: a browser keeps titles.
#[must_use]
pub fn draw_person(view: &View, pulses: &Pulses, person: &PersonAnswer, now: Instant, real_now: Instant) -> Drawn {
    let of = &person.profile;
    let clock_12h = view.agencies.iter().find(|one| one.name.as_str() == of.agency).is_some_and(|one| one.clock_12h);
    let row = |shift: &ShiftAnswer| row(shift, of.kind, now, clock_12h);
    let (past, ahead): (Vec<_>, Vec<_>) = of.shifts.iter().partition(|shift| shift.end <= now);
    let zone: Tz = of.timezone.parse().unwrap_or(chrono_tz::UTC);
    let unlinked = of.visits.iter().filter(|visit| visit.shift.is_none()).map(|visit| {
        let at = |at: Option<Instant>| {
            at.map_or_else(|| "?".to_owned(), |at| words::weekday_clock(at, now, zone, clock_12h))
        };
        let until = if visit.open { "open".to_owned() } else { at(visit.check_out) };
        format!("{}: {} to {until}", visit.id, at(visit.check_in))
    });
    let alerts = person.alerts.iter().flatten().map(|one| Alert {
        fingerprint: one.fingerprint.clone(),
        alertname: cut(&one.alertname, 120),
        state: one.state.clone(),
        summary: cut(&one.summary, 200),
    });
    let today = local_date(zone, now);
    let further = [("30 days", 30), ("90 days", 90), ("a year", 365)].into_iter().map(|(says, n_days)| {
        let since = today - Days::new(n_days);
        (says, format!("{}&since={since}", link(&of.agency, of.kind, &of.id)))
    });
    let shown = Person {
        kind: of.kind.as_str(),
        other: if of.kind == Kind::Client { "Caregiver" } else { "Client" },
        id: of.id.clone(),
        agency: of.agency.clone(),
        several: view.agencies.len() > 1,
        names: person.names.words(),
        name: of.name.clone(),
        phones: of.phones.iter().flatten().map(|text| phone(text)).collect(),
        address: of.address.clone(),
        location: of.location.clone(),
        tags: of.tags.clone(),
        standing: standing(person),
        roster: of.roster.as_of.map(|at| Ago::of(at, now)),
        alerts: alerts.collect(),
        ahead: ahead.into_iter().map(row).collect(),
        past: past.into_iter().rev().map(row).collect(),
        shifts_as_of: of.shifts_freshness.as_of.map(|at| Ago::of(at, now)),
        shifts_complete: of.shifts_freshness.complete,
        visits_as_of: of.visits_freshness.as_of.map(|at| Ago::of(at, now)),
        unlinked: unlinked.collect(),
        since: (now - of.since > BACK + TimeDelta::hours(1))
            .then(|| local_date(zone, of.since).format("%-d %b %Y").to_string()),
        further: further.collect(),
    };
    let title = format!("{} {}", if of.kind == Kind::Client { "Client" } else { "Caregiver" }, of.id);
    let parts = vec![Part::of("person", "person.html", &shown), headline(view, pulses, now, real_now)];
    Drawn { title, place: "people", parts, fixed: None, at: now }
}

#[derive(Serialize)]
struct Cover<'a> {
    reference: &'a str,
    when: String,
    client: String,
    client_link: String,
    location: &'a str,
    state: &'static str,
    names: &'static str,
    ranked: Vec<Ranked>,
    n_more: usize,
    forbidden: Vec<Forbidden>,
    n_forbidden: usize,
    roster: Option<Ago>,
    shifts: Option<Ago>,
}

#[derive(Serialize)]
struct Ranked {
    link: String,
    name: String,
    id: String,
    score: u32,
    reasons: Vec<String>,
}

#[derive(Serialize)]
struct Forbidden {
    link: String,
    name: String,
    why: String,
}

/// So many who could take a shift stand on its page.
const RANKED_SHOWN: usize = 25;

/// Draws who could take a shift.
#[must_use]
pub fn draw_cover(view: &View, pulses: &Pulses, found: &ShownCover, now: Instant, real_now: Instant) -> Drawn {
    let (cover, shift) = (&found.cover, &found.cover.shift);
    let zone: Tz = shift.timezone.parse().unwrap_or(chrono_tz::UTC);
    let clock_12h = view.agencies.iter().find(|one| one.name.as_str() == shift.agency).is_some_and(|one| one.clock_12h);
    let to = |id: &CaregiverId| link(&shift.agency, Kind::Caregiver, id.as_str());
    let name = |name: &Option<String>, id: &CaregiverId| name.clone().unwrap_or_else(|| id.to_string());
    let ranked = cover.ranked.iter().take(RANKED_SHOWN).map(|one| Ranked {
        link: to(&one.caregiver),
        name: name(&one.name, &one.caregiver),
        id: one.caregiver.to_string(),
        score: one.score,
        reasons: one.reasons.iter().map(|reason| reason.says.clone()).collect(),
    });
    let forbidden = cover.forbidden.iter().map(|one| Forbidden {
        link: to(&one.caregiver),
        name: name(&one.name, &one.caregiver),
        why: one.why.join("; "),
    });
    let shown = Cover {
        reference: &shift.reference,
        when: words::stretch(shift.start, Some(shift.end), now, zone, clock_12h),
        client: shift.client_name.clone().unwrap_or_else(|| shift.client.to_string()),
        client_link: link(&shift.agency, Kind::Client, shift.client.as_str()),
        location: &shift.location,
        state: shift.state.as_str(),
        names: found.names.words(),
        ranked: ranked.collect(),
        n_more: cover.ranked.len().saturating_sub(RANKED_SHOWN),
        forbidden: forbidden.collect(),
        n_forbidden: cover.n_forbidden,
        roster: cover.roster.as_of.map(|at| Ago::of(at, now)),
        shifts: cover.shifts.as_of.map(|at| Ago::of(at, now)),
    };
    let parts = vec![Part::of("cover", "cover.html", &shown), headline(view, pulses, now, real_now)];
    Drawn { title: format!("Cover for shift {}", shift.reference), place: "people", parts, fixed: None, at: now }
}

/// What the vendor says of somebody's standing, in words.
#[must_use]
pub fn standing(person: &PersonAnswer) -> String {
    let of = &person.profile;
    let mut says = vec![match of.active {
        Some(true) => "active",
        Some(false) => "not active",
        None => "active or not is not known",
    }];
    match (of.kind, of.is_client, of.hired) {
        (Kind::Client, Some(false), _) => says.push("not a client now"),
        (Kind::Caregiver, _, Some(true)) => says.push("hired"),
        (Kind::Caregiver, _, Some(false)) => says.push("not hired"),
        (Kind::Caregiver, _, None) => says.push("hired or not is not known"),
        (Kind::Client, _, _) => {}
    }
    let mut says = says.join(", ");
    if let Some(status) = &of.status {
        let _ = write!(says, " (status {})", cut(status, 40));
    }
    says
}

fn phone(text: &str) -> Phone {
    let number: String = text.chars().take_while(|c| !c.is_alphabetic()).collect();
    let dial = number.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
    Phone { text: text.to_owned(), dial }
}

fn row(shift: &ShiftAnswer, of: Kind, now: Instant, clock_12h: bool) -> Row {
    let zone: Tz = shift.timezone.parse().unwrap_or(chrono_tz::UTC);
    let (id, name, kind) = match of {
        Kind::Client => (shift.caregiver.as_ref().map(ToString::to_string), &shift.caregiver_name, Kind::Caregiver),
        Kind::Caregiver => (Some(shift.client.to_string()), &shift.client_name, Kind::Client),
    };
    Row {
        when: words::stretch(shift.start, Some(shift.end), now, zone, clock_12h),
        reference: shift.reference.clone(),
        link: id.as_ref().map(|id| link(&shift.agency, kind, id)),
        who: name.clone().or(id).unwrap_or_else(|| "nobody".to_owned()),
        state: shift.state.as_str(),
        came: shift.came_at.map(|at| format!("came {}", words::clock(at, zone, clock_12h))),
    }
}
