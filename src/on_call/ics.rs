//! Who is on call as an iCalendar file, for people's own calendars. Names are ids; there is no number and no address.

use std::fmt::Write as _;

use chrono::TimeDelta;

use super::{Roster, Span};
use crate::model::{Instant, PersonName};

/// How far ahead it goes.
pub const AHEAD: TimeDelta = TimeDelta::days(60);
/// A line holds so many bytes.
const LINE_BYTES: usize = 73;

/// A schedule's stretches from now on. `None` when there is no such schedule.
#[must_use]
pub fn of_schedule(roster: &Roster, schedule: &str, now: Instant) -> Option<String> {
    let held = roster.schedule(schedule)?;
    let spans = held.spans(now, now + AHEAD);
    let events = spans.into_iter().filter(|span| !span.people.is_empty()).map(|span| {
        let people: Vec<&str> = span.people.iter().map(PersonName::as_str).collect();
        let title = format!("{} on call ({schedule})", people.join(", "));
        (schedule.to_owned(), title, begun(roster, schedule, span, now))
    });
    Some(file(&format!("On call: {schedule}"), events, now))
}

/// A person's stretches of every schedule from now on. `None` when there is no such person.
#[must_use]
pub fn of_person(roster: &Roster, person: &PersonName, now: Instant) -> Option<String> {
    roster.person(person)?;
    let mut events = Vec::new();
    for schedule in roster.schedules() {
        // Stretches in which only the others change are one of theirs.
        let mut mine: Vec<Span> = Vec::new();
        for span in schedule.spans(now, now + AHEAD) {
            if !span.people.contains(person) {
                continue;
            }
            match mine.last_mut() {
                Some(last) if last.until == span.from => last.until = span.until,
                _ => mine.push(Span { people: vec![person.clone()], ..span }),
            }
        }
        let title = format!("On call ({})", schedule.name);
        events.extend(
            mine.into_iter()
                .map(|span| (schedule.name.clone(), title.clone(), begun(roster, &schedule.name, span, now))),
        );
    }
    events.sort_by_key(|(_, _, span)| span.from);
    Some(file(&format!("On call: {person}"), events, now))
}

/// A stretch that runs already is given from its beginning, so that it stays one entry however often it is asked for.
fn begun(roster: &Roster, schedule: &str, span: Span, now: Instant) -> Span {
    let since = roster.schedule(schedule).and_then(|schedule| schedule.since(now));
    match since {
        Some(since) if span.from == now => Span { from: since, ..span },
        _ => span,
    }
}

fn file(name: &str, events: impl IntoIterator<Item = (String, String, Span)>, now: Instant) -> String {
    let stamp = |at: Instant| at.format("%Y%m%dT%H%M%SZ").to_string();
    let mut text = String::new();
    let mut line = |key: &str, value: &str| {
        let mut rest = format!("{key}:{value}");
        // Long lines go on in the next, after a blank; never inside a character.
        while rest.len() > LINE_BYTES {
            let cut = (1..=LINE_BYTES).rev().find(|at| rest.is_char_boundary(*at)).unwrap_or(rest.len());
            let tail = rest.split_off(cut);
            let _ = write!(text, "{rest}\r\n");
            rest = format!(" {tail}");
        }
        let _ = write!(text, "{rest}\r\n");
    };
    line("BEGIN", "VCALENDAR");
    line("VERSION", "2.0");
    line("PRODID", "-//shiftwatch//on call//EN");
    line("CALSCALE", "GREGORIAN");
    line("METHOD", "PUBLISH");
    line("X-WR-CALNAME", &escaped(name));
    line("REFRESH-INTERVAL;VALUE=DURATION", "PT1H");
    line("X-PUBLISHED-TTL", "PT1H");
    for (schedule, title, span) in events {
        line("BEGIN", "VEVENT");
        let people: Vec<&str> = span.people.iter().map(PersonName::as_str).collect();
        line("UID", &format!("{}-{}-{}@shiftwatch", escaped(&schedule), people.join("-"), stamp(span.from)));
        line("DTSTAMP", &stamp(now));
        line("DTSTART", &stamp(span.from));
        line("DTEND", &stamp(span.until));
        line("SUMMARY", &escaped(&title));
        line("TRANSP", "TRANSPARENT");
        line("END", "VEVENT");
    }
    line("END", "VCALENDAR");
    text
}

/// Text as a property holds it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace(';', "\\;").replace(',', "\\,").replace(['\r', '\n'], " ")
}
