//! One alert in words: headline, what it concerns, what to do, and why it closed. Shared by SMS and mail. No PHI.

use chrono::TimeDelta;

use crate::{
    alerts::alert::{Alert, AlertState},
    model::{Instant, ShiftKey, ShiftRef, Subject},
    notify::voice::{Telling, Voice, length, place},
    rules::finding::{Closing, Tells},
};

/// The parts every text is put together from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// `NO CAREGIVER`, `NO CHECK-IN`, `CAN'T SEE WellSky`, or the alert's own name.
    pub headline: String,
    /// `Tue 07:00-11:00, North`, or nothing.
    pub concerns: String,
    /// `starts in 3h55`, `15 min late`, or nothing.
    pub urgency: String,
    /// `Find cover.`
    pub action: String,
    /// `Shift 90010001`, or nothing.
    pub reference: String,
    /// True when the second look could not be had.
    pub unconfirmed: bool,
}

/// The words for an alert that fires, as of `now`.
#[must_use]
pub fn firing(alert: &Alert, telling: &Telling, now: Instant) -> Words {
    let voice = telling.voice(&alert.key.agency);
    let facts = &alert.facts;
    let zone = voice.zone_of(&facts.location);
    let concerns = concerns(alert, voice);
    let late = || facts.starts_at.map_or_else(String::new, |start| format!("{} late", length(now - start)));
    let name = name(alert);
    let (headline, urgency, action) = match &facts.tells {
        Tells::Uncovered => {
            let (urgency, action) = match facts.starts_at {
                Some(start) if start > now => (format!("starts in {}", length(start - now)), "Find cover."),
                // A client waits by now: whether they are safe comes first.
                Some(start) if now - start < TimeDelta::minutes(1) => {
                    ("starts now".to_owned(), "Call client. Find cover.")
                }
                Some(start) => (format!("started {} ago", length(now - start)), "Call client. Find cover."),
                None => (String::new(), "Find cover."),
            };
            (name, urgency, action.to_owned())
        }
        Tells::NoCheckIn => (name, late(), "Call caregiver, then client.".to_owned()),
        Tells::NoShow => (name, late(), "Call client now, then caregiver.".to_owned()),
        Tells::NoCheckOut => {
            let urgency = facts.ends_at.map_or_else(String::new, |end| format!("ended {} ago", length(now - end)));
            (name, urgency, "Ask the caregiver to check out.".to_owned())
        }
        Tells::Runaway => (name, String::new(), "Check with the caregiver; close it in WellSky.".to_owned()),
        Tells::Blind { since, n_shifts, until } => {
            let headline = format!("{name} since {}", voice.time(*since, zone));
            let action = if *n_shifts == 0 {
                "Nothing is watched meanwhile: check WellSky.".to_owned()
            } else {
                let start = match *n_shifts {
                    1 if *until <= now => "shift started",
                    _ if *until <= now => "shifts started",
                    1 => "shift starts",
                    _ => "shifts start",
                };
                format!("{n_shifts} {start} by {} unwatched: check them in WellSky.", voice.time(*until, zone))
            };
            (headline, String::new(), action)
        }
        Tells::Exception(what) => (name, String::new(), what.action().to_owned()),
        Tells::Summary => {
            let summary = alert.annotations.get("summary").or_else(|| alert.annotations.get("description"));
            (name, String::new(), summary.cloned().unwrap_or_else(|| label_list(alert)))
        }
    };
    Words {
        headline,
        concerns,
        urgency,
        action,
        reference: reference(alert),
        unconfirmed: alert.annotations.contains_key("unconfirmed") || alert.unjudged_since.is_some(),
    }
}

/// What it is, in capitals and without the particulars: `NO CAREGIVER`; for an alert in its own words, its name.
#[must_use]
pub fn name(alert: &Alert) -> String {
    match &alert.facts.tells {
        Tells::Uncovered => "NO CAREGIVER".to_owned(),
        Tells::NoCheckIn => "NO CHECK-IN".to_owned(),
        Tells::NoShow => "NO-SHOW".to_owned(),
        Tells::NoCheckOut => "NO CHECK-OUT".to_owned(),
        Tells::Runaway => "VISIT STILL OPEN".to_owned(),
        Tells::Blind { .. } => "CAN'T SEE WellSky".to_owned(),
        Tells::Exception(what) => what.headline().to_owned(),
        Tells::Summary => alert.labels.get("alertname").cloned().unwrap_or_default(),
    }
}

/// What closed and why, as one clause: `Tue 07:00-11:00, North: covered`, `Tue 07:00-11:00, North is over, …`.
#[must_use]
pub fn closed(what: &str, alert: &Alert, telling: &Telling) -> String {
    let why = closing(alert, telling);
    // "is over" makes a sentence of what stands before it.
    if why.starts_with("is ") { format!("{what} {why}") } else { format!("{what}: {why}") }
}

/// Why it closed, in words: `covered`, `arrived late, 07:31`, `is over, nobody checked in`.
#[must_use]
pub fn closing(alert: &Alert, telling: &Telling) -> String {
    let voice = telling.voice(&alert.key.agency);
    let zone = voice.zone_of(&alert.facts.location);
    let AlertState::Resolved { closing, resolved_at, .. } = &alert.state else { return String::new() };
    match closing {
        Closing::Covered => "covered".into(),
        Closing::Arrived { at: Some(at), late: true } => format!("arrived late, {}", voice.time(*at, zone)),
        Closing::Arrived { at: Some(at), late: false } => format!("arrived, {}", voice.time(*at, zone)),
        Closing::Arrived { at: None, .. } => "arrived".into(),
        Closing::CheckedOut { at: Some(at) } => format!("checked out, {}", voice.time(*at, zone)),
        Closing::CheckedOut { at: None } => "checked out".into(),
        Closing::Cancelled => "cancelled".into(),
        Closing::Moved { to } => format!("moved to {}", voice.day_time(*to, zone)),
        Closing::Removed => "removed from the schedule".into(),
        Closing::ClientInactive => "the client is no longer active".into(),
        Closing::Recovered if matches!(alert.facts.tells, Tells::Blind { .. }) => {
            format!("it answers again, {}", voice.time(*resolved_at, zone))
        }
        Closing::Recovered if matches!(alert.facts.tells, Tells::Exception(_)) => "put right".into(),
        Closing::Recovered => "recovered".into(),
        Closing::RuleRemoved => "its rule is no longer loaded".into(),
        Closing::Expired => match &alert.facts.tells {
            Tells::Uncovered => "is over, nobody was assigned".into(),
            Tells::NoCheckIn | Tells::NoShow => "is over, nobody checked in".into(),
            Tells::NoCheckOut | Tells::Runaway => "is over, nobody checked out".into(),
            Tells::Blind { .. } | Tells::Summary if alert.posted.is_some() => "no longer reported".into(),
            Tells::Blind { .. } | Tells::Exception(_) | Tells::Summary => "is over".into(),
        },
    }
}

/// What is left to do after it closed. An expiry is never an all-clear; nor is a shift that moved, which may be as open
/// at its new time, nor sight that came back before anything was looked at.
#[must_use]
pub fn afterwards(alert: &Alert) -> &'static str {
    let AlertState::Resolved { closing, .. } = &alert.state else { return "" };
    match (closing, &alert.facts.tells) {
        (Closing::Expired, Tells::Uncovered | Tells::NoCheckIn | Tells::NoShow) => {
            "Find out what happened to the client."
        }
        (Closing::Expired, Tells::NoCheckOut | Tells::Runaway) => "Correct the visit in WellSky.",
        (Closing::Expired, Tells::Blind { .. } | Tells::Summary) if alert.posted.is_some() => {
            "Check where it came from."
        }
        (Closing::Expired, Tells::Exception(what)) if what.is_ahead() => "Its time is past, and nothing was changed.",
        (Closing::Expired, Tells::Exception(_)) => "Nothing was changed; it stays in the list of exceptions.",
        (Closing::Expired, Tells::Blind { .. } | Tells::Summary) => "See whether it is still so.",
        (Closing::RuleRemoved, _) => "It is not watched any more.",
        (Closing::Moved { .. }, _) => "It is watched at its new time.",
        (_, Tells::Blind { .. }) => "What is still wrong follows.",
        _ => "Nothing more to do.",
    }
}

/// `Tue 07:00-11:00, North`; for what has no time, the location or what it is about.
#[must_use]
pub fn concerns(alert: &Alert, voice: &Voice) -> String {
    let facts = &alert.facts;
    let place = place(&facts.location);
    let what = facts.starts_at.map(|start| voice.span(start, facts.ends_at, voice.zone_of(&facts.location)));
    match (what, place.is_empty()) {
        (Some(what), true) => what,
        (Some(what), false) => format!("{what}, {place}"),
        (None, _) => place,
    }
}

/// Where to find it in WellSky: `Shift 90010001`. Empty where the vendor gave no number to find it by.
#[must_use]
pub fn reference(alert: &Alert) -> String {
    match &alert.key.subject {
        Subject::Shift(ShiftKey { id: ShiftRef::Vendor(id), .. }) => format!("Shift {id}"),
        Subject::Visit(id) => format!("Visit {id}"),
        Subject::Client(id) => format!("Client {id}"),
        Subject::Caregiver(id) | Subject::CaregiverWeek(id, _) => format!("Caregiver {id}"),
        Subject::ShiftPair(pair) => format!("Shift {}", pair.1.id),
        _ => String::new(),
    }
}

fn label_list(alert: &Alert) -> String {
    let told = ["alertname", "agency", "severity"];
    alert
        .labels
        .iter()
        .filter(|(name, _)| !told.contains(&name.as_str()))
        .map(|(name, value)| format!("{name}={value}"))
        .collect::<Vec<_>>()
        .join(", ")
}
