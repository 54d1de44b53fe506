use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::{
    model::Phi,
    on_call::{Contact, Person, Via},
};

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn roster() -> Roster {
    let mail = |address: &str| Contact::new(Via::Email, Phi::new(address.to_owned()));
    let person =
        |name: &str, contacts| Person { name: name.into(), contacts, quiet_hours: None, also_known_as: Vec::new() };
    Roster::new([
        person("night-1", vec![mail("n1@example.com")]),
        person("night-2", vec![mail("n2@example.com")]),
        person("backup", Vec::new()),
    ])
}

fn read_at(text: &str, now: &str) -> Result<Calendar, CalendarFault> {
    let roster = roster();
    let given =
        Given { roster: &roster, zone: chrono_tz::America::Denver, now: at(now), stale_after: TimeDelta::hours(1) };
    read(text, &given)
}

/// Events of a file as `people local start-local end`, in Denver, from `now` on and at most `n`.
fn said(text: &str, now: &str, n: usize) -> Vec<String> {
    let calendar = read_at(text, now).unwrap();
    let local = |at: Instant| at.with_timezone(&chrono_tz::America::Denver);
    let shown = calendar.events.iter().filter(|event| event.until > at(now)).take(n).map(|event| {
        let people: Vec<&str> = event.people.iter().map(PersonName::as_str).collect();
        let (from, until) = (local(event.from), local(event.until));
        format!("{} {}-{}", people.join("+"), from.format("%a %m-%d %H:%M"), until.format("%a %H:%M"))
    });
    let mut shown: Vec<String> = shown.collect();
    if calendar.n_unread > 0 {
        shown.push(format!("{} unread", calendar.n_unread));
    }
    shown
}

fn calendar(events: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Example//EN\r\n{}END:VCALENDAR\r\n",
        events.replace('\n', "\r\n")
    )
}

fn event(lines: &str) -> String {
    calendar(&format!("BEGIN:VEVENT\nUID:1\n{lines}\nEND:VEVENT\n"))
}

/// As Google Calendar exports it: a zone by its name, folded lines, an occurrence moved and one cancelled, an all-day
/// event, an attendee who declined.
const GOOGLE: &str = "BEGIN:VCALENDAR
PRODID:-//Google Inc//Google Calendar 70.9054//EN
VERSION:2.0
CALSCALE:GREGORIAN
METHOD:PUBLISH
X-WR-CALNAME:On call
X-WR-TIMEZONE:America/Denver
BEGIN:VTIMEZONE
TZID:America/Denver
X-LIC-LOCATION:America/Denver
BEGIN:DAYLIGHT
TZOFFSETFROM:-0700
TZOFFSETTO:-0600
TZNAME:MDT
DTSTART:19700308T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=2SU
END:DAYLIGHT
BEGIN:STANDARD
TZOFFSETFROM:-0600
TZOFFSETTO:-0700
TZNAME:MST
DTSTART:19701101T020000
RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=1SU
END:STANDARD
END:VTIMEZONE
BEGIN:VEVENT
DTSTART;TZID=America/Denver:20261026T170000
DTEND;TZID=America/Denver:20261027T080000
RRULE:FREQ=DAILY;UNTIL=20261104T065959Z
EXDATE;TZID=America/Denver:20261029T170000
DTSTAMP:20261020T101010Z
UID:abc123@google.com
SEQUENCE:2
STATUS:CONFIRMED
SUMMARY:Night: nig
 ht-1
TRANSP:OPAQUE
END:VEVENT
BEGIN:VEVENT
DTSTART;TZID=America/Denver:20261030T190000
DTEND;TZID=America/Denver:20261031T080000
DTSTAMP:20261020T101010Z
UID:abc123@google.com
RECURRENCE-ID;TZID=America/Denver:20261030T170000
SEQUENCE:3
STATUS:CONFIRMED
SUMMARY:Night-2 (swapped)
END:VEVENT
BEGIN:VEVENT
DTSTART;TZID=America/Denver:20261102T170000
DTEND;TZID=America/Denver:20261103T080000
UID:abc123@google.com
RECURRENCE-ID;TZID=America/Denver:20261102T170000
STATUS:CANCELLED
END:VEVENT
BEGIN:VEVENT
DTSTART;VALUE=DATE:20261102
DTEND;VALUE=DATE:20261103
UID:allday@google.com
SUMMARY:On call
ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT=DECLINED;CN=n1@exa
 mple.com;X-NUM-GUESTS=0:mailto:n1@example.com
ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT=ACCEPTED;CN=\"Backup, the\";X-NUM-GUESTS=0:mailto:someone@example.com
END:VEVENT
BEGIN:VEVENT
DTSTART:20261104T000000Z
DTEND:20261104T150000Z
UID:utc@google.com
SUMMARY:the dentist
END:VEVENT
END:VCALENDAR
";

#[test]
fn google() {
    for text in [GOOGLE.to_owned(), GOOGLE.replace('\n', "\r\n"), format!("\u{feff}{GOOGLE}\n\n")] {
        assert_eq!(
            said(&text, "2026-10-26T12:00:00-06:00", 20),
            [
                "night-1 Mon 10-26 17:00-Tue 08:00",
                "night-1 Tue 10-27 17:00-Wed 08:00",
                "night-1 Wed 10-28 17:00-Thu 08:00",
                "night-2 Fri 10-30 19:00-Sat 08:00",
                "night-1 Sat 10-31 17:00-Sun 08:00",
                "night-1 Sun 11-01 17:00-Mon 08:00",
                "backup Mon 11-02 00:00-Tue 00:00",
                "night-1 Tue 11-03 17:00-Wed 08:00",
            ],
            "the night of the clock change also ends at eight"
        );
        let calendar = read_at(&text, "2026-10-26T12:00:00-06:00").unwrap();
        assert_eq!(calendar.nameless, [at("2026-11-04T00:00:00Z")], "the dentist, by the start alone");
    }
}

/// As Outlook exports it: Windows' name of a zone and its definition, a weekly rule.
const OUTLOOK: &str = "BEGIN:VCALENDAR
METHOD:PUBLISH
PRODID:Microsoft Exchange Server 2010
VERSION:2.0
BEGIN:VTIMEZONE
TZID:Mountain Standard Time
BEGIN:STANDARD
DTSTART:16010101T020000
TZOFFSETFROM:-0600
TZOFFSETTO:-0700
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=1SU;BYMONTH=11
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:-0700
TZOFFSETTO:-0600
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=2SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE
BEGIN:VEVENT
RRULE:FREQ=WEEKLY;UNTIL=20261214T000000Z;INTERVAL=2;BYDAY=MO;WKST=SU
UID:040000008200E00074C5B7101A82E008
SUMMARY;LANGUAGE=en-us:night-1 on call
DTSTART;TZID=Mountain Standard Time:20261026T170000
DTEND;TZID=Mountain Standard Time:20261102T170000
CLASS:PUBLIC
TRANSP:TRANSPARENT
STATUS:CONFIRMED
SEQUENCE:0
X-MICROSOFT-CDO-BUSYSTATUS:FREE
BEGIN:VALARM
DESCRIPTION:REMINDER
TRIGGER;RELATED=START:-PT15M
ACTION:DISPLAY
END:VALARM
END:VEVENT
END:VCALENDAR
";

#[test]
fn outlook() {
    let expected = [
        "night-1 Mon 10-26 17:00-Mon 17:00",
        "night-1 Mon 11-09 17:00-Mon 17:00",
        "night-1 Mon 11-23 17:00-Mon 17:00",
        "night-1 Mon 12-07 17:00-Mon 17:00",
    ];
    assert_eq!(said(OUTLOOK, "2026-10-26T12:00:00-06:00", 20), expected);
    // A zone that only the file defines is taken from the file.
    let own = OUTLOOK.replace("Mountain Standard Time", "Customized Time Zone");
    assert_eq!(said(&own, "2026-10-26T12:00:00-06:00", 20), expected);
    // One that nothing defines is the schedule's.
    let none = OUTLOOK.replace("TZID=Mountain Standard Time", "TZID=Nowhere");
    assert_eq!(said(&none, "2026-10-26T12:00:00-06:00", 20), expected);
    let prefixed =
        OUTLOOK.replace("TZID=Mountain Standard Time", "TZID=/freeassociation.sourceforge.net/America/Denver");
    assert_eq!(said(&prefixed, "2026-10-26T12:00:00-06:00", 20), expected);
}

/// As PagerDuty and Opsgenie do: one event a turn, in UTC or with a zone, people by title or attendee.
#[test]
fn pagers() {
    let pagerduty = "BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//PagerDuty//Example//EN
X-WR-CALNAME:On Call Schedule for night-1
BEGIN:VEVENT
DTSTART;VALUE=DATE-TIME:20261201T000000Z
DTEND;VALUE=DATE-TIME:20261202T000000Z
DTSTAMP;VALUE=DATE-TIME:20261125T000000Z
UID:Q1
URL;VALUE=URI:https://example.pagerduty.com/schedules
SUMMARY:On Call - night-1 - Nights
ATTENDEE:mailto:n2@example.com
END:VEVENT
BEGIN:VEVENT
DTSTART;VALUE=DATE-TIME:20261202T000000Z
DTEND;VALUE=DATE-TIME:20261203T000000Z
UID:Q2
SUMMARY:On Call - Somebody Else
ATTENDEE;CN=N2:mailto:N2@example.com
END:VEVENT
END:VCALENDAR
";
    assert_eq!(
        said(pagerduty, "2026-11-30T00:00:00Z", 9),
        ["night-1 Mon 11-30 17:00-Tue 17:00", "night-2 Tue 12-01 17:00-Wed 17:00"],
        "a title goes before the attendees"
    );
    let opsgenie = "BEGIN:VCALENDAR
PRODID:-//OpsGenie//EN
VERSION:2.0
BEGIN:VTIMEZONE
TZID:America/Chicago
END:VTIMEZONE
BEGIN:VEVENT
DTSTAMP:20261125T000000Z
DTSTART;TZID=America/Chicago:20261201T180000
DTEND;TZID=America/Chicago:20261202T090000
SUMMARY:night-1\\, backup
UID:a
END:VEVENT
BEGIN:VEVENT
DTSTART;TZID=America/Chicago:20261202T000000
DURATION:PT3H
SUMMARY:n2@example.com
UID:b
END:VEVENT
END:VCALENDAR
";
    assert_eq!(
        said(opsgenie, "2026-11-30T00:00:00Z", 9),
        ["backup+night-1 Tue 12-01 17:00-Wed 08:00", "night-2 Tue 12-01 23:00-Wed 02:00"]
    );
}

#[test]
fn rules_and_exceptions() {
    for (lines, expected, why) in [
        (
            "SUMMARY:night-1\nDTSTART:20261201T170000\nDTEND:20261202T080000",
            &["night-1 Tue 12-01 17:00-Wed 08:00"][..],
            "no zone: the schedule's",
        ),
        (
            "SUMMARY:night-1\nDTSTART;VALUE=DATE:20261201\nRRULE:FREQ=WEEKLY;COUNT=2",
            &["night-1 Tue 12-01 00:00-Wed 00:00", "night-1 Tue 12-08 00:00-Wed 00:00"],
            "whole days without an end",
        ),
        (
            "SUMMARY:night-1\nDTSTART;VALUE=DATE:20261201\nDTEND;VALUE=DATE:20261201",
            &["night-1 Tue 12-01 00:00-Wed 00:00"],
            "a whole day that ends on itself",
        ),
        (
            "SUMMARY:night-1\nDTSTART:20261201T170000\nDURATION:PT15H\nRRULE:FREQ=DAILY;UNTIL=20261203\nEXDATE;VALUE=DATE:20261202",
            &["night-1 Tue 12-01 17:00-Wed 08:00", "night-1 Thu 12-03 17:00-Fri 08:00"],
            "the last day is meant whole, and a day can be left out whole",
        ),
        (
            "SUMMARY:night-1\nDTSTART:20261201T170000\nDURATION:PT1H\nRDATE:20261205T170000,20261206T170000\nRDATE;VALUE=PERIOD:20261207T170000/PT2H",
            &[
                "night-1 Tue 12-01 17:00-Tue 18:00",
                "night-1 Sat 12-05 17:00-Sat 18:00",
                "night-1 Sun 12-06 17:00-Sun 18:00",
                "night-1 Mon 12-07 17:00-Mon 19:00",
            ],
            "dates one by one",
        ),
        (
            "SUMMARY:night-1\nDTSTART;TZID=America/Denver:20260101T170000\nDURATION:PT1H\nRRULE:FREQ=MONTHLY;BYDAY=-1FR;COUNT=12",
            &["night-1 Fri 12-25 17:00-Fri 18:00"],
            "counted from its beginning",
        ),
        (
            "SUMMARY:night-1\nDTSTART;TZID=America/New_York:20261201T190000\nDTEND;TZID=America/Denver:20261202T080000",
            &["night-1 Tue 12-01 17:00-Wed 08:00"],
            "an end in another zone",
        ),
        ("SUMMARY:night-1\nDTSTART:20261201T170000", &["1 unread"], "no end"),
        ("SUMMARY:night-1\nDTSTART:20261201T170000\nDTEND:20261201T160000", &["1 unread"], "an end before its start"),
        ("SUMMARY:night-1\nDTEND:20261201T160000", &["1 unread"], "no start"),
        ("SUMMARY:night-1\nDTSTART:20261331T170000\nDURATION:PT1H", &["1 unread"], "no such day"),
        (
            "SUMMARY:night-1\nDTSTART:20261201T170000\nDURATION:PT1H\nRRULE:FREQ=DAILY;BYMONTHDAY=45",
            &["1 unread"],
            "a rule that makes no sense",
        ),
        (
            "SUMMARY:night-1\nDTSTART:19700101T000000\nDURATION:PT1M\nRRULE:FREQ=MINUTELY",
            &["1 unread"],
            "a rule that repeats without end",
        ),
        (
            "SUMMARY:night-1\nSTATUS:CANCELLED\nDTSTART:20261201T170000\nDURATION:PT1H\nRRULE:FREQ=DAILY",
            &[],
            "cancelled",
        ),
    ] {
        assert_eq!(said(&event(lines), "2026-12-01T00:00:00Z", 9), expected, "{why}");
    }
}

#[test]
fn occurrences_changed_from_one_on_and_versions() {
    let text = calendar(
        "BEGIN:VEVENT
UID:1
SEQUENCE:0
DTSTART:20261201T080000
DURATION:PT1H
RRULE:FREQ=DAILY
SUMMARY:backup
END:VEVENT
BEGIN:VEVENT
UID:1
SEQUENCE:4
DTSTART:20261201T170000
DURATION:PT1H
RRULE:FREQ=DAILY;COUNT=4
SUMMARY:night-1
END:VEVENT
BEGIN:VEVENT
UID:1
RECURRENCE-ID;RANGE=THISANDFUTURE:20261203T170000
DTSTART:20261203T180000
DURATION:PT2H
SUMMARY:night-2
END:VEVENT
",
    );
    assert_eq!(
        said(&text, "2026-12-01T00:00:00Z", 9),
        [
            "night-1 Tue 12-01 17:00-Tue 18:00",
            "night-1 Wed 12-02 17:00-Wed 18:00",
            "night-2 Thu 12-03 18:00-Thu 20:00",
            "night-2 Fri 12-04 18:00-Fri 20:00",
        ]
    );
    // An occurrence without the event it belongs to stands for itself.
    let alone = event("RECURRENCE-ID:20261203T170000Z\nDTSTART:20261203T180000\nDURATION:PT1H\nSUMMARY:night-2");
    assert_eq!(said(&alone, "2026-12-01T00:00:00Z", 9), ["night-2 Thu 12-03 18:00-Thu 19:00"]);
}

#[test]
fn a_recurring_night_keeps_its_hours_over_both_clock_changes() {
    let nights = event(
        "SUMMARY:night-1\nDTSTART;TZID=America/Denver:20260101T170000\nDTEND;TZID=America/Denver:20260102T080000\nRRULE:FREQ=DAILY",
    );
    let days = event(
        "SUMMARY:backup\nDTSTART;TZID=America/Denver:20260101T080000\nDTEND;TZID=America/Denver:20260101T170000\nRRULE:FREQ=DAILY",
    );
    for (now, what) in [("2026-11-01T00:00:00-06:00", "autumn"), ("2026-03-08T00:00:00-07:00", "spring")] {
        let events = |text: &str| read_at(text, now).unwrap().events;
        let mut all: Vec<CalendarEvent> = events(&nights).into_iter().chain(events(&days)).collect();
        all.sort();
        for pair in all.windows(2) {
            assert_eq!(pair[0].until, pair[1].from, "{what}: neither a gap nor an overlap");
        }
    }
    // In the hour that comes twice and in the one that never comes.
    let early = |start: &str| {
        event(&format!("SUMMARY:night-1\nDTSTART;TZID=America/Denver:{start}\nDURATION:PT4H\nRRULE:FREQ=DAILY;COUNT=3"))
    };
    let starts =
        |text: &str, now: &str| read_at(text, now).unwrap().events.iter().map(|event| event.from).collect::<Vec<_>>();
    let expected = ["2026-10-31T01:30:00-06:00", "2026-11-01T01:30:00-06:00", "2026-11-02T01:30:00-07:00"];
    assert_eq!(starts(&early("20261031T013000"), "2026-11-01T00:00:00Z"), expected.map(at), "the first of the two");
    let expected = ["2026-03-07T02:30:00-07:00", "2026-03-08T03:30:00-06:00", "2026-03-09T02:30:00-06:00"];
    assert_eq!(starts(&early("20260307T023000"), "2026-03-08T00:00:00Z"), expected.map(at), "moved forward");
}

#[test]
fn what_is_no_calendar_is_refused() {
    let cut = GOOGLE.split_at(GOOGLE.len() / 2).0;
    for (text, fault) in [
        ("", CalendarFault::NotOne),
        ("<!DOCTYPE html><html><body>Sign in</body></html>", CalendarFault::NotOne),
        ("{\"error\": \"not found\"}", CalendarFault::NotOne),
        ("BEGIN:VCARD\nFN:night-1\nEND:VCARD\n", CalendarFault::NotOne),
        (cut, CalendarFault::CutShort),
        ("BEGIN:VCALENDAR\nVERSION:2.0\n", CalendarFault::CutShort),
    ] {
        assert_eq!(read_at(text, "2026-12-01T00:00:00Z").map(|_| ()), Err(fault), "{text:.40}");
    }
    assert!(read_at(&calendar(""), "2026-12-01T00:00:00Z").unwrap().events.is_empty(), "an empty one is one");
    // One line that cannot be read costs that line.
    let odd = OUTLOOK.replace("CLASS:PUBLIC", "CLASS PUBLIC\n;;;\nX-ODD;A=\"b:c");
    assert_eq!(said(&odd, "2026-10-26T12:00:00-06:00", 1), ["night-1 Mon 10-26 17:00-Mon 17:00"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Lines of real files lost, doubled, cut and moved: never a panic.
    #[test]
    fn a_damaged_calendar_is_read_without_a_panic(
        outlook in any::<bool>(),
        damage in proptest::collection::vec((0..100_usize, 0..60_usize, 0..5_u8, any::<u32>()), 1..6),
    ) {
        let mut lines: Vec<String> = if outlook { OUTLOOK } else { GOOGLE }.lines().map(ToOwned::to_owned).collect();
        for (line, column, kind, number) in damage {
            let line = line % lines.len();
            let text = &mut lines[line];
            let column = text.char_indices().map(|(at, _)| at).nth(column).unwrap_or(text.len());
            match kind {
                0 => text.truncate(column),
                1 => text.insert_str(column, &number.to_string()),
                2 => text.insert(column, ';'),
                3 => { let copy = text.clone(); lines.insert(line, copy); }
                _ => { let moved = lines.remove(line); lines.push(moved); }
            }
        }
        let mut text = String::new();
        for line in &lines {
            writeln!(text, "{line}").unwrap();
        }
        for text in [text.clone(), format!("{text}END:VCALENDAR\n")] {
            let _ = read_at(&text, "2026-10-26T12:00:00-06:00");
        }
    }
}

/// What careless producers write, as it is meant.
#[test]
fn series_that_end_are_cut_or_began_long_ago() {
    let nights = |first: &str, rest: &str| {
        format!("SUMMARY:night-1\nDTSTART;TZID=America/Denver:{first}T170000\nDURATION:PT14H\n{rest}")
    };
    let days = |rest: &str| format!("SUMMARY:night-1\nDTSTART;VALUE=DATE:20261103\nDTEND;VALUE=DATE:20261104\n{rest}");
    let cut = format!(
        "BEGIN:VEVENT\nUID:1\n{}\nEND:VEVENT\nBEGIN:VEVENT\nUID:1\nSTATUS:CANCELLED\nRECURRENCE-ID;RANGE=THISANDFUTURE;TZID=America/Denver:20261104T170000\n{}\nEND:VEVENT\n",
        nights("20261102", "RRULE:FREQ=DAILY"),
        nights("20261104", "SEQUENCE:1"),
    );
    let first = ["night-1 Mon 11-02 17:00-Tue 07:00", "night-1 Tue 11-03 17:00-Wed 07:00"];
    let rows: [(String, &[&str], &str); 6] = [
        (calendar(&cut), &first, "called off from one night on"),
        (event(&nights("19700105", "RRULE:FREQ=WEEKLY;BYDAY=MO,TU;UNTIL=20261104T000000Z")), &first, "began in 1970"),
        (
            event(&days("RRULE:FREQ=DAILY;UNTIL=20261104T000000Z")),
            &["night-1 Tue 11-03 00:00-Wed 00:00", "night-1 Wed 11-04 00:00-Thu 00:00"],
            "days that end on a day, said as an instant",
        ),
        (
            event(&days("RRULE:FREQ=DAILY;COUNT=3\nEXDATE:20261104T000000Z")),
            &["night-1 Tue 11-03 00:00-Wed 00:00", "night-1 Thu 11-05 00:00-Fri 00:00"],
            "a day that is left out, said as an instant",
        ),
        (
            event(&nights("20261103", "RRULE:FREQ=DAILY;UNTIL=20261001T000000Z")),
            &first[1..],
            "an end before the beginning leaves the first",
        ),
        (event(&nights("20261103", "RRULE:FREQ=SECONDLY")), &["1 unread"], "nobody is on call by the second"),
    ];
    for (text, want, why) in rows {
        assert_eq!(said(&text, "2026-11-02T12:00:00Z", 9), want, "{why}");
    }
}

/// Thousands of exceptions cost no more than looking each up.
#[test]
fn very_many_exceptions_are_looked_up() {
    let mut except = String::new();
    for n in 0..50_000 {
        let _ =
            writeln!(except, "EXDATE:{:04}0101T{:02}{:02}{:02}Z", 1990 + n % 30, n / 3600 % 24, n / 60 % 60, n % 60);
    }
    let text = event(&format!(
        "SUMMARY:night-1\nDTSTART:20261102T000000Z\nDURATION:PT1H\nRRULE:FREQ=HOURLY;COUNT=15000\n{except}"
    ));
    assert!(read_at(&text, "2026-11-02T12:00:00Z").unwrap().n_unread <= 15_000);
}

/// What was said years ago of all that follows still holds, and what ended years ago is no fault.
#[test]
fn what_was_said_of_a_series_years_ago_holds() {
    let series = "BEGIN:VEVENT\nUID:1\nSUMMARY:night-1\nDTSTART;TZID=America/Denver:20220103T170000\nDURATION:PT14H\nRRULE:FREQ=DAILY\nEND:VEVENT\n";
    let anew = |rest: &str, on: &str| {
        format!(
            "BEGIN:VEVENT\nUID:1\n{rest}\nSEQUENCE:1\nRECURRENCE-ID;RANGE=THISANDFUTURE;TZID=America/Denver:{on}T170000\nDTSTART;TZID=America/Denver:{on}T180000\nDURATION:PT13H\nEND:VEVENT\n"
        )
    };
    let ended = "BEGIN:VEVENT\nUID:1\nSUMMARY:night-1\nDTSTART;TZID=America/Denver:20220103T170000\nDURATION:PT14H\nRRULE:FREQ=DAILY;UNTIL=20230601T000000Z\nEND:VEVENT\n";
    let rows: [(String, &[&str], &str); 4] = [
        (
            format!("{series}{}", anew("SUMMARY:night-2", "20240103")),
            &["night-2 Mon 11-02 18:00-Tue 07:00"],
            "somebody else took over in 2024",
        ),
        (
            format!("{series}{}{}", anew("SUMMARY:night-2", "20230103"), anew("SUMMARY:night-1", "20240103")),
            &["night-1 Mon 11-02 18:00-Tue 07:00"],
            "and gave it back a year later",
        ),
        (format!("{series}{}", anew("SUMMARY:night-1\nSTATUS:CANCELLED", "20240103")), &[], "called off in 2024"),
        (ended.to_owned(), &[], "ended in 2023"),
    ];
    for (text, want, why) in rows {
        assert_eq!(said(&calendar(&text), "2026-11-02T16:00:00Z", 1), want, "{why}");
    }
}

/// However many rules a file holds, and whether they bring anything forth, it is read in seconds, and says what it lacks.
#[test]
fn a_calendar_of_endless_rules_is_given_up() {
    for rule in ["FREQ=HOURLY", "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30"] {
        let mut text = String::new();
        for n in 0..3000 {
            let _ = write!(
                text,
                "BEGIN:VEVENT\nUID:{n}\nSUMMARY:night-1\nDTSTART:20250101T000000Z\nDURATION:PT1S\nRRULE:{rule}\nEND:VEVENT\n"
            );
        }
        assert!(read_at(&calendar(&text), "2026-11-02T12:00:00Z").unwrap().n_unread > 2900, "{rule}");
    }
}
