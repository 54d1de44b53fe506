//! Calls and texts with clients, as one note a client and day for the vendor's record. Pure.
//!
//! Given: what a telephone provider lists, whose numbers are known, a day that is over.
//! Gives: what is kept of each call or text, without its number; a day's messages, one a client.
//! Does not: copy what was said or written, or guess: a number that several clients have goes on nobody's record.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{
    message::{Message, MessageId},
    record_note::{RecordNote, RecordPlace, as_message, mark},
    voice::Telling,
};
use crate::model::{AgencyName, ClientId, Instant, Phi, local_time::local_date};

/// So many calls and texts are listed in one note; the rest is counted.
const LISTED_MAX: usize = 60;

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Calls of the whole account; else of the extension alone.
    pub account: bool,
    /// The extension's texts as well.
    pub texts: bool,
    /// From here.
    pub from: Instant,
    /// Up to here.
    pub until: Instant,
}

/// A call or a text, as the provider lists it.
#[derive(Debug, Clone)]
pub struct PhoneRecord {
    /// `call/…` or `text/…` and the provider's id.
    pub id: String,
    /// When it began.
    pub at: Instant,
    /// It is a call; else a text.
    pub is_call: bool,
    /// From the other side to us.
    pub inbound: bool,
    /// How long the call was, in seconds; `None` where it is not said.
    pub seconds: Option<u64>,
    /// What became of the call, in the provider's word.
    pub result: Option<String>,
    /// Which of our extensions it was; its number or id.
    pub by: Option<String>,
    /// The other side's number.
    pub other: Phi<String>,
}

/// What is kept of one: no number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptCall {
    /// As [`PhoneRecord::id`].
    pub id: String,
    /// When it began.
    pub at: Instant,
    /// On which day, by the agency's clock.
    pub day: NaiveDate,
    /// Whom it was with; several = nobody knows whom of them.
    pub clients: BTreeSet<ClientId>,
    /// It is a call; else a text.
    pub is_call: bool,
    /// From the other side to us.
    pub inbound: bool,
    /// How long the call was.
    pub seconds: Option<u64>,
    /// What became of the call.
    pub result: Option<String>,
    /// Which of our extensions it was.
    pub by: Option<String>,
}

impl KeptCall {
    /// What is kept of one that was with these clients.
    #[must_use]
    pub fn of(record: PhoneRecord, clients: BTreeSet<ClientId>, zone: Tz) -> Self {
        let PhoneRecord { id, at, is_call, inbound, seconds, result, by, .. } = record;
        Self { id, at, day: local_date(zone, at), clients, is_call, inbound, seconds, result, by }
    }
}

/// What a day's notes are made from besides the calls.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    /// Whose.
    pub agency: &'a AgencyName,
    /// Zones.
    pub telling: &'a Telling,
    /// The vendor's ids of those a task is assigned to.
    pub owners: &'a [u64],
    /// Nothing is written.
    pub dry_run: bool,
    /// The instant of the decision.
    pub now: Instant,
}

/// The notes about one day's calls and texts. `late`: they came to be known after the day's notes were made; a client gets one
/// such note a day at most, because it has the same id each time.
#[must_use]
pub fn digests(day: NaiveDate, late: bool, kept: &[KeptCall], given: Given<'_>) -> Vec<Message> {
    let mut of_clients: BTreeMap<&BTreeSet<ClientId>, Vec<&KeptCall>> = BTreeMap::new();
    for one in kept.iter().filter(|one| one.day == day && !one.clients.is_empty()) {
        of_clients.entry(&one.clients).or_default().push(one);
    }
    of_clients.into_iter().map(|(clients, calls)| digest(day, late, clients, calls, given)).collect()
}

fn digest(
    day: NaiveDate,
    late: bool,
    clients: &BTreeSet<ClientId>,
    mut calls: Vec<&KeptCall>,
    given: Given<'_>,
) -> Message {
    calls.sort_by_key(|one| (one.at, one.id.clone()));
    let names: Vec<&str> = clients.iter().map(ClientId::as_str).collect();
    let key = format!("calls/{}/{day}{}", names.join("+"), if late { "/late" } else { "" });
    let id = MessageId::of_note(given.agency, &key);
    let voice = given.telling.voice(given.agency);
    let mut lines =
        vec![format!("Calls and texts, {day}{}: {}.", if late { ", known later" } else { "" }, counts(&calls))];
    for one in calls.iter().take(LISTED_MAX) {
        lines.push(line(one, &voice.time(one.at, voice.zone)));
    }
    if calls.len() > LISTED_MAX {
        lines.push(format!("And {} more.", calls.len() - LISTED_MAX));
    }
    lines.push("What was said or written is not copied.".to_owned());
    let on = match clients.first() {
        Some(client) if clients.len() == 1 => {
            RecordPlace::Task { client: client.clone(), caregiver: None, day, owners: given.owners.to_vec() }
        }
        _ => RecordPlace::Nowhere { clients: clients.iter().cloned().collect() },
    };
    let note = RecordNote {
        on,
        title: "Calls and texts".to_owned(),
        text: lines.join("\n"),
        mark: mark(&id),
        at: given.now,
        or: None,
    };
    as_message(given.agency, id, key, note, given.dry_run, given.now)
}

/// `3 calls (2 in, 1 out, 14 min), 1 text (1 in)`.
fn counts(calls: &[&KeptCall]) -> String {
    let part = |is_call: bool, word: &str| {
        let these: Vec<&&KeptCall> = calls.iter().filter(|one| one.is_call == is_call).collect();
        if these.is_empty() {
            return None;
        }
        let n_in = these.iter().filter(|one| one.inbound).count();
        let ways = [(n_in, "in"), (these.len() - n_in, "out")];
        let mut ways: Vec<String> = ways.iter().filter(|(n, _)| *n > 0).map(|(n, way)| format!("{n} {way}")).collect();
        // A sum of which a part is not known is not known.
        if let Some(seconds) = these.iter().map(|one| one.seconds).sum::<Option<u64>>().filter(|_| is_call) {
            ways.push(length(seconds));
        }
        Some(format!("{} {word}{} ({})", these.len(), if these.len() == 1 { "" } else { "s" }, ways.join(", ")))
    };
    [part(true, "call"), part(false, "text")].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// `09:14 call in, 4 min, Accepted, extension 101`.
fn line(one: &KeptCall, time: &str) -> String {
    let what = if one.is_call { "call" } else { "text" };
    let way = if one.inbound { "in" } else { "out" };
    let mut parts = vec![format!("{time} {what} {way}")];
    parts.extend(one.seconds.filter(|_| one.is_call).map(length));
    parts.extend(one.result.clone().filter(|_| one.is_call));
    parts.extend(one.by.as_ref().map(|by| format!("extension {by}")));
    parts.join(", ")
}

fn length(seconds: u64) -> String {
    if seconds < 60 { format!("{seconds} s") } else { format!("{} min", (seconds + 30) / 60) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::{
        model::{PhiGrant, local_time::from_micros},
        notify::{message::Content, voice::Voice},
    };

    fn kept(id: &str, minute: i64, clients: &[&str], call: bool, inbound: bool, seconds: Option<u64>) -> KeptCall {
        // 2027-01-15, 01:00 in Denver.
        let at = from_micros((1_800_000_000 + minute * 60) * 1_000_000);
        let zone = chrono_tz::America::Denver;
        let clients = clients.iter().map(|id| ClientId::from(*id)).collect();
        let result = call.then(|| "Accepted".to_owned());
        let record = PhoneRecord {
            id: id.into(),
            at,
            is_call: call,
            inbound,
            seconds,
            result,
            by: Some("101".into()),
            other: Phi::new("+12025550101".into()),
        };
        KeptCall::of(record, clients, zone)
    }

    fn made(late: bool, kept: &[KeptCall]) -> Vec<(String, String, RecordNote)> {
        let voice = Voice {
            title: "CCA".into(),
            zone: chrono_tz::America::Denver,
            location_zones: HashMap::new(),
            clock_12h: false,
        };
        let telling = Telling { voices: HashMap::new(), installation: voice, external_url: None, shadow: None };
        let agency = AgencyName::new("main");
        let now = from_micros(1_800_090_000_000_000);
        let given = Given { agency: &agency, telling: &telling, owners: &[31], dry_run: false, now };
        let of_note = |message: Message| {
            let Content::Record(note) = message.content.reveal(PhiGrant::SEND).clone() else { panic!("a note") };
            (message.id.to_string(), message.gateways.join(","), note)
        };
        digests("2027-01-15".parse().unwrap(), late, kept, given).into_iter().map(of_note).collect()
    }

    #[test]
    fn a_client_and_day_is_one_note_and_a_number_of_two_is_nobodys() {
        let all = [
            kept("call/2", 14, &["7000101"], true, true, Some(245)),
            kept("call/1", 4, &["7000101"], true, false, Some(20)),
            kept("text/1", 30, &["7000101"], false, true, None),
            kept("call/3", 31, &["7000101", "7000102"], true, true, Some(5)),
            kept("call/4", 24 * 60, &["7000101"], true, true, Some(5)),
        ];
        let notes = made(false, &all);
        assert_eq!(notes.len(), 2);
        let (_, way, note) = &notes[0];
        assert_eq!(way, "admin_task");
        assert!(
            matches!(&note.on, RecordPlace::Task { client, owners, .. } if client.as_str() == "7000101" && owners == &[31])
        );
        let (body, tail) = note.text.rsplit_once(' ').unwrap();
        assert_eq!(format!("{} {tail}", body.rsplit_once(' ').unwrap().1), note.mark);
        let lines: Vec<&str> = note.text.lines().collect();
        assert_eq!(lines[0], "Calls and texts, 2027-01-15: 2 calls (1 in, 1 out, 4 min), 1 text (1 in).");
        assert_eq!(lines[1], "01:04 call out, 20 s, Accepted, extension 101");
        assert_eq!(lines[2], "01:14 call in, 4 min, Accepted, extension 101");
        assert_eq!(lines[3], "01:30 text in, extension 101");
        assert!(lines[4].starts_with("What was said or written is not copied."));
        assert_eq!(notes[1].1, "ambiguous");
        assert!(notes.iter().all(|(_, _, note)| !note.text.contains("2025550101")), "no number");
    }

    #[test]
    fn what_comes_late_has_an_id_of_its_own_whatever_it_is() {
        let first = made(false, &[kept("call/1", 4, &["7000101"], true, false, Some(20))]);
        let late = made(true, &[kept("call/2", 9, &["7000101"], true, true, None)]);
        let later = made(true, &[kept("call/3", 10, &["7000101"], true, true, None)]);
        assert_ne!(first[0].0, late[0].0);
        assert_eq!(late[0].0, later[0].0, "one addendum");
        assert!(
            late[0].2.text.starts_with("Calls and texts, 2027-01-15, known later: 1 call (1 in)."),
            "{}",
            late[0].2.text
        );
    }

    #[test]
    fn of_many_the_first_are_listed_and_all_are_counted() {
        let many: Vec<KeptCall> =
            (0..200).map(|n| kept(&format!("call/{n}"), n, &["7000101"], true, true, Some(60))).collect();
        let [(_, _, note)] = &made(false, &many)[..] else { panic!("one note") };
        assert!(
            note.text.contains("200 calls (200 in, 200 min)") && note.text.contains("And 140 more."),
            "{}",
            note.text
        );
        assert!(note.text.ends_with(&note.mark) && note.text.chars().count() <= 5_000);
    }
}
