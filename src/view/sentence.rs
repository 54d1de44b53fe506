//! The one line that says how things stand, and the remarks below it.
//!
//! The line never says "nothing needs you" about a schedule that cannot be seen.

use chrono::TimeDelta;

use super::{
    AgencyView, View,
    report::{AlertCounts, silence::SilenceReport},
    words,
};
use crate::model::{Endpoint, Instant, Section};

/// An endpoint that failed only this long ago may answer at the next try.
const OUTAGE: TimeDelta = TimeDelta::minutes(1);

/// "Watching 118 clients, 34 shifts left today, read 40 s ago, nothing needs you."
///
/// With an agency that is blind, was never read, whose schedule does not answer, or that is being caught up with, the
/// line says that first.
#[must_use]
pub fn line(view: &View, counts: &AlertCounts, now: Instant) -> String {
    let many = view.agencies.len() > 1;
    let whose = |one: &AgencyView, word: &str| if many { format!(" {word} {}", one.name) } else { String::new() };
    if let Some((blind, since)) = view.agencies.iter().find_map(|one| Some((one, one.blind_since?))) {
        let unwatched = match blind.n_blind_shifts {
            0 => String::new(),
            n => format!("{} unwatched, ", words::count(n, "shift is", "shifts are")),
        };
        return format!(
            "CAN'T SEE WellSky{} since {}: {unwatched}check the schedule there; {}.",
            whose(blind, "for"),
            words::weekday_clock(since, now, blind.timezone, blind.clock_12h),
            needs_you(counts, "no new alert can be seen"),
        );
    }
    if let Some(unread) = view.agencies.iter().find(|one| one.last_read_at.is_none() || one.n_clients.is_none()) {
        let whose = whose(unread, "of");
        return format!(
            "Starting: the schedule{whose} has not been read yet; {}.",
            needs_you(counts, "nothing known yet")
        );
    }
    let clients = words::count(view.agencies.iter().filter_map(|one| one.n_clients).sum(), "client", "clients");
    if let Some((one, outage)) = view.agencies.iter().find_map(|one| Some((one, outage(one, now)?))) {
        let since = words::weekday_clock(outage.since, now, one.timezone, one.clock_12h);
        return format!(
            "{}{} not answered since {since}; {clients} as of then; {}.",
            outage.who,
            whose(one, "for"),
            needs_you(counts, outage.unseen)
        );
    }
    let mut watched = vec![clients, left_today(&view.agencies), read_ago(&view.agencies, now)];
    watched.extend(view.on_call.sentence(now));
    let unsure: u64 = view.agencies.iter().map(|one| one.n_unjudged).sum();
    let unsure = if unsure == 0 { String::new() } else { format!("{unsure} not judged for lack of fresh data, ") };
    let (catching_up, nothing) = if view.agencies.iter().any(|one| one.catching_up_since.is_some()) {
        ("first looking at everything before telling anybody, ", "nothing known yet")
    } else {
        ("", "nothing needs you")
    };
    format!("Watching {}, {unsure}{catching_up}{}.", watched.join(", "), needs_you(counts, nothing))
}

/// Shifts or check-ins that cannot be read at present.
struct Outage {
    /// "WellSky has"
    who: &'static str,
    since: Instant,
    /// What cannot be seen meanwhile.
    unseen: &'static str,
}

fn outage(agency: &AgencyView, now: Instant) -> Option<Outage> {
    let down = |endpoint| {
        let one = agency.endpoints.iter().find(|one| one.endpoint == endpoint && !one.up)?;
        one.last_success_at.filter(|at| now - *at > OUTAGE)
    };
    let outage = |who, since, unseen| Some(Outage { who, since, unseen });
    match (down(Endpoint::Appointment), down(Endpoint::Encounter)) {
        (Some(shifts), Some(visits)) => outage("WellSky has", shifts.max(visits), "no new alert can be seen"),
        (Some(shifts), None) => outage("WellSky's shifts (appointment) have", shifts, "no new open shift can be seen"),
        (None, Some(visits)) => outage("WellSky's check-ins (encounter) have", visits, "no missed one can be seen"),
        (None, None) => None,
    }
}

/// Who is told, and what else a person should know about the agent.
#[must_use]
pub fn remarks(view: &View, ready: &Result<(), String>, now: Instant) -> Vec<String> {
    let mut remarks = Vec::new();
    if let Err(why) = ready {
        remarks.push(format!("NOT READY: {why}."));
    }
    remarks.push(if view.told.is_empty() {
        "NOBODY IS TOLD: no receiver in the configuration has an address.".to_owned()
    } else {
        format!("Telling {}.", view.told.join(", "))
    });
    if let Some(until) = view.shadow_until {
        remarks.push(format!("SHADOW: until {until} every text and mail goes to one address instead."));
    }
    for one in &view.agencies {
        if let Some(promise) = one.promise.filter(|promise| *promise > one.detect_within) {
            let seconds =
                |duration: std::time::Duration| words::span(TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX));
            remarks.push(format!(
                "{}: a call-out is seen within {}, not the {} asked for; raise requests_per_second or detect_within.",
                one.name,
                seconds(promise),
                seconds(one.detect_within)
            ));
        }
        for endpoint in one.endpoints.iter().filter(|endpoint| !endpoint.up) {
            let Some(what) = what_it_has(endpoint.endpoint) else { continue };
            let whose = if view.agencies.len() > 1 { format!("{}: ", one.name) } else { String::new() };
            let since = match endpoint.last_success_at {
                Some(at) => format!("since {}", words::weekday_clock(at, now, one.timezone, one.clock_12h)),
                None => "yet".to_owned(),
            };
            remarks.push(format!("{whose}WellSky's {what} not answered {since}."));
        }
    }
    if let Some(oldest) = view.outbox.as_ref().and_then(|outbox| outbox.oldest_at)
        && now - oldest > TimeDelta::seconds(60)
    {
        remarks.push(format!("A message has been waiting to leave for {}.", words::span(now - oldest)));
    }
    let active = view.routing.silences.counts(now)[0];
    if active > 0 {
        let silences = words::count(active, "silence is", "silences are");
        let soon = SilenceReport::all(view, &view.routing.silences, now).iter().filter(|one| one.ends_soon).count();
        let soon = match soon {
            0 => String::new(),
            1 => "; one ends soon and still mutes alerts".to_owned(),
            n => format!("; {n} end soon and still mute alerts"),
        };
        remarks.push(format!("{silences} active{soon}."));
    }
    if view.config.refused_at.is_some() {
        remarks.push(
            "The configuration on disk was refused; the last good one is in use. Run `shiftwatch check`.".to_owned(),
        );
    }
    remarks
}

/// What an endpoint has, in a person's words and with the verb; `None` where its silence costs nothing: locations are
/// named by the configuration.
const fn what_it_has(endpoint: Endpoint) -> Option<&'static str> {
    match endpoint {
        Endpoint::Token => Some("sign-in (token) has"),
        Endpoint::Patients => Some("clients (patients) have"),
        Endpoint::Practitioners => Some("caregivers (practitioners) have"),
        Endpoint::Appointment => Some("shifts (appointment) have"),
        Endpoint::Encounter => Some("check-ins (encounter) have"),
        Endpoint::Locations | Endpoint::TaskLog | Endpoint::CarePlan | Endpoint::ChargeItem => None,
    }
}

/// What waits for a person; `nothing` says what it means that nothing does.
fn needs_you(counts: &AlertCounts, nothing: &str) -> String {
    let mut parts = vec![match counts.need_you {
        0 => nothing.to_owned(),
        1 => "1 alert needs you".to_owned(),
        n => format!("{n} alerts need you"),
    }];
    if counts.owned > 0 {
        parts.push(format!("{} owned", counts.owned));
    }
    if counts.warnings > 0 {
        parts.push(words::count(counts.warnings, "warning", "warnings"));
    }
    parts.join(", ")
}

fn left_today(agencies: &[AgencyView]) -> String {
    let known: Option<u64> = agencies.iter().map(|one| one.n_shifts_left_today).sum();
    known.map_or_else(
        || "shifts left today not known".to_owned(),
        |n| format!("{} left today", words::count(n, "shift", "shifts")),
    )
}

/// How old the shifts are; the agency read least recently speaks for all. That the list of clients was read a moment
/// ago says nothing about them.
fn read_ago(agencies: &[AgencyView], now: Instant) -> String {
    let shifts = |one: &AgencyView| one.sections.iter().find(|it| it.section == Section::Shifts)?.as_of;
    match agencies.iter().map(shifts).min().flatten() {
        Some(at) => format!("read {} ago", words::span(now - at)),
        None => "shifts not read yet".to_owned(),
    }
}
