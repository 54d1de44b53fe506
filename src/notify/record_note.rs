//! What became of an alert, as a note for the client's record at the vendor. Pure.
//!
//! Given: the alerts that closed in a step, what somebody said became of them, what the configuration lets be written, and
//! where their visits are.
//! Gives: at most one message a shift and reason (a task log on its visit), or a client and day (an admin task); and one more
//! for each different word that somebody says after the note was made.
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
        disposition::Said,
        fingerprint::fingerprint,
        step::Why,
    },
    config::Write,
    model::{AgencyName, CaregiverId, ClientId, Instant, Phi, Subject, VisitId, local_time::local_date},
    rules::finding::{Closing, Tells},
};

/// The receiver's name under which notes are stored; no receiver of a configuration has a slash and a space.
pub const RECORD: &str = "the record/";
/// A way of writing: a task log on a visit.
pub const TASK_LOG: &str = "task_log";
/// A way of writing: an admin task.
pub const ADMIN_TASK: &str = "admin_task";
/// A way of writing nothing: it is not known whose record it belongs to.
pub const AMBIGUOUS: &str = "ambiguous";
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
    /// Where else, should the vendor refuse the first; [`RecordPlace::Task`].
    #[serde(default)]
    pub or: Option<RecordPlace>,
}

impl RecordNote {
    /// Where it stands when it is written by this way.
    #[must_use]
    pub fn by(&self, way: &str) -> &RecordPlace {
        self.or.as_ref().filter(|_| way == ADMIN_TASK).unwrap_or(&self.on)
    }
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
    /// On nobody's record: it could be about any of these.
    Nowhere {
        /// Whom it may be about.
        clients: Vec<ClientId>,
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
    /// What somebody said became of an alert, so far.
    pub said: &'a dyn Fn(&Alert) -> Option<Said>,
    /// The instant of the decision.
    pub now: Instant,
}

/// The notes about alerts that closed now, each as it was closed.
#[must_use]
pub fn render(closed: &[Alert], given: Given<'_>) -> Rendered {
    let mut rendered = Rendered::default();
    let mut once = BTreeSet::new();
    let mut closed: Vec<&Alert> = closed.iter().filter(|alert| is_wanted(alert, given)).collect();
    // The worst speaks for the shift.
    closed.sort_by_key(|alert| (urgency(alert), alert.key.clone()));
    for alert in closed {
        let Some(message) = message(alert, given) else { continue };
        rendered.mentions.push(Mention {
            message: message.id.clone(),
            fingerprint: fingerprint(&alert.labels),
            active_at: alert.active_at,
            fires: false,
        });
        if once.insert(message.id.clone()) {
            rendered.messages.push(message);
        }
    }
    rendered
}

/// Whether what became of it is worth a note: it fired, it is about a client's care, and it ended by something that
/// happened.
fn is_wanted(alert: &Alert, given: Given<'_>) -> bool {
    let write = given.write;
    let AlertState::Resolved { fired_at: Some(_), closing, .. } = &alert.state else { return false };
    let name = alert.labels.get("alertname").map_or("", String::as_str);
    let named = if write.rules.is_empty() { urgency(alert) <= 1 } else { write.rules.iter().any(|rule| rule == name) };
    let about_care = matches!(alert.key.subject, Subject::Shift(_) | Subject::Visit(_) | Subject::Client(_));
    let happened = !matches!(closing, Closing::RuleRemoved | Closing::Recovered | Closing::Moved { .. });
    named && about_care && alert.posted.is_none() && (happened || (given.said)(alert).is_some())
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
    let task = write.admin_task.as_ref().zip(alert.facts.client.clone()).map(|(task, client)| {
        let caregiver = alert.facts.caregiver.clone();
        RecordPlace::Task { client, caregiver, day, owners: task.owners.clone() }
    });
    let (on, or, key) = match (visit.filter(|_| write.task_log), task) {
        (Some(visit), task) => {
            let key = format!("visit/{visit}/{}", closing.as_str());
            (RecordPlace::Visit { visit }, task, key)
        }
        (None, Some(task)) => {
            let key = format!("client/{}/{day}", alert.facts.client.as_ref()?);
            (task, None, key)
        }
        (None, None) => return None,
    };
    let id = MessageId::of_note(&alert.key.agency, &key);
    let mark = mark(&id);
    let title = title(alert);
    let when = alert.facts.starts_at.map(|start| voice.span(start, alert.facts.ends_at, zone));
    let concerns = [when, Some(day.to_string()), Some(place(&alert.facts.location))];
    let concerns: Vec<String> = concerns.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    let seen = fired_at.map_or_else(String::new, |at| format!(" Seen {}.", voice.day_time(at, zone)));
    let says = words::closed(&format!("{title}, {}", concerns.join(", ")), alert, given.telling);
    let said = (given.said)(alert).map_or_else(String::new, |said| format!(" {}", says_who(&said)));
    let text = format!("{says}.{seen}{said}");
    let note = RecordNote { on, title, text, mark, at: given.now, or };
    Some(as_message(&alert.key.agency, id, key, note, write.dry_run, given.now))
}

/// What somebody says became of an alert of which `noted` tells already, as a note in the same place. One for each different
/// word. `None` where what it would take is not switched on any more.
#[must_use]
pub fn addendum(agency: &AgencyName, said: &Said, noted: &RecordNote, given: Given<'_>) -> Option<Message> {
    let write = given.write;
    let is_on = |place: &RecordPlace| match place {
        RecordPlace::Visit { .. } => write.task_log,
        RecordPlace::Task { .. } => write.admin_task.is_some(),
        RecordPlace::Nowhere { .. } => false,
    };
    let mut places = [Some(noted.on.clone()), noted.or.clone()].into_iter().flatten().filter(is_on);
    let (on, or) = (places.next()?, places.next());
    let Said { fingerprint, active_at, by, disposition, approver, covered_by, note, .. } = said;
    let word = format!("{by}/{}/{approver:?}/{covered_by:?}/{note}", disposition.as_str());
    let id = MessageId::of_note(agency, &format!("said/{fingerprint}/{}/{word}", active_at.timestamp_micros()));
    let zone = given.telling.voice(agency).zone;
    let when = given.telling.voice(agency).day_time(said.at, zone);
    let text = format!("{}, {when}. {}", noted.title, says_who(said));
    let title = format!("{}: what became of it", noted.title);
    let note = RecordNote { on, title, text, mark: mark(&id), at: said.at, or };
    // What is stored in the clear names the alert, and nothing that somebody wrote.
    Some(as_message(agency, id, format!("said/{fingerprint}"), note, write.dry_run, given.now))
}

/// `Said by office: covered by 8000202. Swapped with the morning.`
fn says_who(said: &Said) -> String {
    let covered = said.covered_by.as_ref().map_or_else(String::new, |who| format!(" by {who}"));
    let approved = said.approver.as_ref().map_or_else(String::new, |who| format!(", approved by {who}"));
    let note = said.note.trim().trim_end_matches('.');
    let note = if note.is_empty() { String::new() } else { format!(" {note}.") };
    format!("Said by {}: {}{covered}{approved}.{note}", said.by, said.disposition.words())
}

/// A note as the outbox takes it; its text ends with its mark, whatever has to be cut.
pub(super) fn as_message(
    agency: &AgencyName,
    id: MessageId,
    recipient: String,
    note: RecordNote,
    dry_run: bool,
    now: Instant,
) -> Message {
    let way = |place: &RecordPlace| match place {
        RecordPlace::Visit { .. } => TASK_LOG,
        RecordPlace::Task { .. } => ADMIN_TASK,
        RecordPlace::Nowhere { .. } => AMBIGUOUS,
    };
    let mut gateways: Vec<String> =
        [Some(&note.on), note.or.as_ref()].into_iter().flatten().map(|place| way(place).to_owned()).collect();
    if dry_run && gateways.iter().all(|way| way != AMBIGUOUS) {
        gateways = vec![DRY_RUN.to_owned()];
    }
    let room = TEXT_CHARS_MAX - note.mark.chars().count() - 1;
    let body: String = clean(&note.text).chars().take(room).collect();
    let text = format!("{body} {}", note.mark);
    Message {
        id,
        agency: agency.clone(),
        receiver: RECORD.to_owned(),
        recipient,
        channel: Channel::Record,
        gateways,
        address: Phi::new(String::new()),
        content: Phi::new(Content::Record(RecordNote { title: clean(&note.title), text, ..note })),
        why: Why::Resolved,
        urgency: 3,
        created_at: now,
        useful_until: now + USEFUL,
        fired_at: now,
        follows: Vec::new(),
    }
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
