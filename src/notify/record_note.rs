//! What became of an alert, as a note for the client's record at the vendor. Pure.
//!
//! Given: the alerts that closed in a step, what the configuration lets be written, and where their visits are.
//! Gives: at most one message a shift and reason (a task log on its visit), or a client and day (an admin task).
//! Does not: name anybody; the note stands in the client's own record, and says what, when and how it ended.
//!
//! The same closing gives the same id, so a note that is stored already is not stored again.

use std::collections::BTreeSet;

use chrono::{NaiveDate, TimeDelta};
use serde::{Deserialize, Serialize};

use super::{
    message::{Channel, Content, Mention, Message, MessageId},
    render::{Rendered, urgency},
    voice::{Telling, place},
    words,
};
use crate::{
    alerts::{
        alert::{Alert, AlertState},
        fingerprint::fingerprint,
        step::Why,
    },
    config::Write,
    model::{CaregiverId, ClientId, Instant, Phi, Subject, VisitId, local_time::local_date},
    rules::finding::{Closing, Tells},
};

/// The receiver's name under which notes are stored; no receiver of a configuration has a slash and a space.
pub const RECORD: &str = "the record/";
/// A way of writing: a task log on a visit.
pub const TASK_LOG: &str = "task_log";
/// A way of writing: an admin task.
pub const ADMIN_TASK: &str = "admin_task";
/// A way of writing nothing: the note is kept here, and that is all.
pub const DRY_RUN: &str = "dry_run";
/// A vendor that is down for longer gets no note any more; the local copy stays.
const USEFUL: TimeDelta = TimeDelta::days(3);
/// Contract §4.8.
const TEXT_CHARS_MAX: usize = 5_000;

/// One note, as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordNote {
    /// Where.
    pub on: RecordPlace,
    /// A few words.
    pub title: String,
    /// The whole; ends with [`RecordNote::mark`].
    pub text: String,
    /// What the note is known again by, at the end of its text.
    pub mark: String,
    /// When what it tells of ended.
    pub at: Instant,
}

/// Where a note stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecordPlace {
    /// On a visit, as a task log.
    Visit {
        /// The visit.
        visit: VisitId,
    },
    /// On the office's board, as an admin task about a client.
    Task {
        /// Whom it is about.
        client: ClientId,
        /// Who was to come, where that is known.
        caregiver: Option<CaregiverId>,
        /// The day it is about, on the client's wall.
        day: NaiveDate,
        /// The vendor's ids of those it is assigned to; nobody, when empty.
        owners: Vec<u64>,
    },
}

/// What notes are made from besides the alerts.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    /// What may be written.
    pub write: &'a Write,
    /// Zones.
    pub telling: &'a Telling,
    /// The visit of a shift, where one was matched.
    pub visit: &'a dyn Fn(&Subject) -> Option<VisitId>,
    /// The instant of the decision.
    pub now: Instant,
}

/// The notes about alerts that closed now, each as it was closed.
#[must_use]
pub fn render(closed: &[Alert], given: Given<'_>) -> Rendered {
    let mut rendered = Rendered::default();
    let mut once = BTreeSet::new();
    let mut closed: Vec<&Alert> = closed.iter().filter(|alert| is_wanted(alert, given.write)).collect();
    // The worst speaks for the shift.
    closed.sort_by_key(|alert| (urgency(alert), alert.key.clone()));
    for alert in closed {
        let Some(message) = message(alert, given) else { continue };
        if !once.insert(message.id.clone()) {
            continue;
        }
        rendered.mentions.push(Mention {
            message: message.id.clone(),
            fingerprint: fingerprint(&alert.labels),
            active_at: alert.active_at,
            fires: false,
        });
        rendered.messages.push(message);
    }
    rendered
}

/// Whether what became of it is worth a note: it fired, it is about a client's care, and it ended by something that
/// happened.
fn is_wanted(alert: &Alert, write: &Write) -> bool {
    let AlertState::Resolved { fired_at: Some(_), closing, .. } = &alert.state else { return false };
    let name = alert.labels.get("alertname").map_or("", String::as_str);
    let named = if write.rules.is_empty() { urgency(alert) <= 1 } else { write.rules.iter().any(|rule| rule == name) };
    let about_care = matches!(alert.key.subject, Subject::Shift(_) | Subject::Visit(_) | Subject::Client(_));
    let happened = !matches!(closing, Closing::RuleRemoved | Closing::Recovered | Closing::Moved { .. });
    named && about_care && happened && alert.posted.is_none()
}

fn message(alert: &Alert, given: Given<'_>) -> Option<Message> {
    let AlertState::Resolved { fired_at, closing, .. } = &alert.state else { return None };
    let voice = given.telling.voice(&alert.key.agency);
    let zone = voice.zone_of(&alert.facts.location);
    let day = local_date(zone, alert.facts.starts_at.unwrap_or(given.now));
    let visit = match &alert.key.subject {
        Subject::Visit(visit) => Some(visit.clone()),
        subject => (given.visit)(subject),
    };
    let write = given.write;
    let (on, way, key) = match (visit.filter(|_| write.task_log), &alert.facts.client, &write.admin_task) {
        (Some(visit), ..) => {
            let key = format!("visit/{visit}/{}", closing.as_str());
            (RecordPlace::Visit { visit }, TASK_LOG, key)
        }
        (None, Some(client), Some(task)) => {
            let key = format!("client/{client}/{day}");
            let (client, caregiver) = (client.clone(), alert.facts.caregiver.clone());
            (RecordPlace::Task { client, caregiver, day, owners: task.owners.clone() }, ADMIN_TASK, key)
        }
        _ => return None,
    };
    let id = MessageId::of_note(&alert.key.agency, &key);
    let mark = mark(&id);
    let title = title(alert);
    let when = alert.facts.starts_at.map(|start| voice.span(start, alert.facts.ends_at, zone));
    let concerns = [when, Some(day.to_string()), Some(place(&alert.facts.location))];
    let concerns: Vec<String> = concerns.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    let seen = fired_at.map_or_else(String::new, |at| format!(" Seen {}.", voice.day_time(at, zone)));
    let says = words::closed(&format!("{title}, {}", concerns.join(", ")), alert, given.telling);
    let text = format!("{says}.{seen} {mark}");
    let way = if write.dry_run { DRY_RUN } else { way };
    Some(Message {
        id,
        agency: alert.key.agency.clone(),
        receiver: RECORD.to_owned(),
        recipient: key,
        channel: Channel::Record,
        gateways: vec![way.to_owned()],
        address: Phi::new(String::new()),
        content: Phi::new(Content::Record(RecordNote {
            on,
            title: clean(&title),
            text: clean(&text),
            mark,
            at: given.now,
        })),
        why: Why::Resolved,
        urgency: 3,
        created_at: given.now,
        useful_until: given.now + USEFUL,
        fired_at: given.now,
        follows: Vec::new(),
    })
}

/// What a note is found again by at the vendor.
#[must_use]
pub fn mark(id: &MessageId) -> String {
    format!("[shiftwatch {}]", id.as_str().get(..12).unwrap_or(id.as_str()))
}

fn title(alert: &Alert) -> String {
    match &alert.facts.tells {
        Tells::Uncovered => "No caregiver".to_owned(),
        Tells::NoCheckIn => "No check-in".to_owned(),
        Tells::NoShow => "No-show".to_owned(),
        Tells::NoCheckOut => "No check-out".to_owned(),
        Tells::Runaway => "Visit left open".to_owned(),
        Tells::Blind { .. } | Tells::Exception(_) | Tells::Summary => {
            alert.labels.get("alertname").cloned().unwrap_or_default()
        }
    }
}

/// The text as the vendor takes it: no control characters but line ends and tabs, nothing that needs a surrogate pair,
/// no pictures, at most 5 000 characters (contract §4.8, §6).
#[must_use]
pub fn clean(text: &str) -> String {
    let plain = |c: &char| {
        let control = c.is_control() && !matches!(c, '\n' | '\r' | '\t');
        let picture = matches!(u32::from(*c), 0x2600..=0x27BF | 0x2B00..=0x2BFF | 0xFE00..=0xFE0F | 0x200D | 0x20E3);
        !control && !picture && u32::from(*c) <= 0xFFFF
    };
    text.chars().filter(plain).take(TEXT_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests;
