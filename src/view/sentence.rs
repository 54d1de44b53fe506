//! The one line that says how things stand, and the remarks below it.
//!
//! The line never says "nothing needs you" about a schedule that cannot be seen.

use super::{AgencyView, View, report::AlertCounts, words};
use crate::model::Instant;

/// "Watching 118 clients, 34 shifts left today, read 40 s ago, nothing needs you."
///
/// With an agency that is blind, was never read, or is being caught up with, the line says that first.
#[must_use]
pub fn line(view: &View, counts: &AlertCounts, now: Instant) -> String {
    let needs = needs_you(counts);
    let many = view.agencies.len() > 1;
    if let Some(blind) = view.agencies.iter().find(|one| one.blind_since.is_some()) {
        let since = blind.blind_since.unwrap_or(now);
        let whose = if many { format!(" for {}", blind.name) } else { String::new() };
        return format!(
            "CAN'T SEE WellSky{whose} since {}: {} unwatched, check the schedule there; {needs}.",
            words::weekday_clock(since, now, blind.timezone, blind.clock_12h),
            words::count(blind.n_unjudged, "shift or visit is", "shifts or visits are"),
        );
    }
    if let Some(unread) = view.agencies.iter().find(|one| one.last_read_at.is_none() || one.n_clients.is_none()) {
        let whose = if many { format!(" of {}", unread.name) } else { String::new() };
        return format!("Starting: the schedule{whose} has not been read yet, so nothing is known; {needs}.");
    }
    let watched = [
        words::count(view.agencies.iter().filter_map(|one| one.n_clients).sum(), "client", "clients"),
        left_today(&view.agencies),
        read_ago(&view.agencies, now),
    ];
    let unsure: u64 = view.agencies.iter().map(|one| one.n_unjudged).sum();
    let unsure = if unsure == 0 { String::new() } else { format!("{unsure} not judged for lack of fresh data, ") };
    let catching_up = if view.agencies.iter().any(|one| one.catching_up_since.is_some()) {
        "first looking at everything before telling anybody, "
    } else {
        ""
    };
    format!("Watching {}, {unsure}{catching_up}{needs}.", watched.join(", "))
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
            let seconds = |duration: std::time::Duration| {
                words::span(chrono::TimeDelta::from_std(duration).unwrap_or(chrono::TimeDelta::MAX))
            };
            remarks.push(format!(
                "{}: a call-out is seen within {}, not the {} asked for; raise requests_per_second or detect_within.",
                one.name,
                seconds(promise),
                seconds(one.detect_within)
            ));
        }
        for endpoint in one.endpoints.iter().filter(|endpoint| !endpoint.up) {
            remarks.push(match endpoint.last_success_at {
                Some(at) => format!(
                    "{}: the vendor's {} has not answered well since {}.",
                    one.name,
                    endpoint.endpoint,
                    words::weekday_clock(at, now, one.timezone, one.clock_12h)
                ),
                None => format!("{}: the vendor's {} has not answered well yet.", one.name, endpoint.endpoint),
            });
        }
    }
    if let Some(oldest) = view.outbox.as_ref().and_then(|outbox| outbox.oldest_at)
        && now - oldest > chrono::TimeDelta::seconds(60)
    {
        remarks.push(format!("A message has been waiting to leave for {}.", words::span(now - oldest)));
    }
    if view.config.refused_at.is_some() {
        remarks.push(
            "The configuration on disk was refused; the last good one is in use. Run `shiftwatch check`.".to_owned(),
        );
    }
    remarks
}

fn needs_you(counts: &AlertCounts) -> String {
    let mut parts = vec![match counts.need_you {
        0 => "nothing needs you".to_owned(),
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

/// The agency read least recently speaks for all.
fn read_ago(agencies: &[AgencyView], now: Instant) -> String {
    match agencies.iter().filter_map(|one| one.last_read_at).min() {
        Some(at) => format!("read {} ago", words::span(now - at)),
        None => "not read yet".to_owned(),
    }
}
