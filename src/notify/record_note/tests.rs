use std::collections::HashMap;

use super::*;
use crate::{
    alerts::alert::{AlertKey, Confirm, Facts, Labels},
    config::AdminTask,
    model::{AgencyName, ShiftKey, ShiftRef, local_time::from_micros},
    notify::voice::Voice,
    rules::finding::{RuleId, Window},
};

/// 2027-01-15T08:00:00Z, a Friday.
fn now() -> Instant {
    from_micros(1_800_000_000_000_000)
}

fn telling() -> Telling {
    let voice = Voice {
        title: "CCA".into(),
        zone: chrono_tz::America::Denver,
        location_zones: HashMap::new(),
        clock_12h: false,
    };
    Telling { voices: HashMap::new(), installation: voice, external_url: None, shadow: None }
}

fn closed(name: &str, severity: &str, tells: Tells, closing: Closing) -> Alert {
    let start = now() - TimeDelta::minutes(30);
    let key = ShiftKey { start, client: "7000101".into(), id: ShiftRef::Vendor("90010001".into()) };
    Alert {
        key: AlertKey {
            agency: AgencyName::new("main"),
            rule: RuleId::new(format!("visits/{name}")),
            subject: Subject::Shift(key),
        },
        labels: Labels::from([("alertname".into(), name.into()), ("severity".into(), severity.into())]),
        annotations: Labels::new(),
        state: AlertState::Resolved {
            fired_at: Some(now() - TimeDelta::minutes(15)),
            resolved_at: now(),
            closing,
            owner: Some("jordan".into()),
        },
        active_at: now() - TimeDelta::minutes(15),
        updated_at: now(),
        facts: Facts {
            window: Window { opens_at: start, closes_at: None },
            starts_at: Some(start),
            ends_at: Some(start + TimeDelta::hours(4)),
            deadline: None,
            location: "north".into(),
            client: Some("7000101".into()),
            caregiver: Some("8000201".into()),
            tells,
        },
        confirm: Confirm::NotNeeded,
        unjudged_since: None,
        told: Vec::new(),
        posted: None,
    }
}

fn late() -> Alert {
    closed("MissedCheckIn", "page", Tells::NoCheckIn, Closing::Arrived { at: Some(now()), late: true })
}

fn both() -> Write {
    Write { task_log: true, admin_task: Some(AdminTask { owners: vec![31] }), ..Write::default() }
}

fn notes(closed: &[Alert], write: &Write, visit: Option<&str>) -> Vec<(String, String, RecordNote)> {
    let telling = telling();
    let visit = |_: &Subject| visit.map(VisitId::from);
    let rendered = render(closed, Given { write, telling: &telling, visit: &visit, said: &|_| None, now: now() });
    assert!(rendered.messages.len() <= rendered.mentions.len(), "each is in its alert's story");
    let one = |message: Message| {
        let Content::Record(note) = message.content.reveal(crate::model::PhiGrant::SEND).clone() else {
            panic!("a note")
        };
        (message.id.to_string(), message.gateways.join(","), note)
    };
    rendered.messages.into_iter().map(one).collect()
}

#[test]
fn a_note_says_what_when_and_how_it_ended_and_names_nobody() {
    let [(id, way, note)] = &notes(&[late()], &both(), Some("55000001"))[..] else { panic!("one note") };
    assert_eq!(way, "task_log,admin_task", "and where the vendor refuses the first");
    assert_eq!(note.on, RecordPlace::Visit { visit: "55000001".into() });
    assert_eq!(
        note.text,
        format!("No check-in, Fri 00:30-04:30, 2027-01-15, North: arrived late, 01:00. Seen Fri 00:45. {}", note.mark)
    );
    assert!(id.starts_with(&note.mark["[shiftwatch ".len()..note.mark.len() - 1]), "{} {id}", note.mark);
    for secret in ["jordan", "7000101", "8000201"] {
        assert!(!note.text.contains(secret), "{}", note.text);
    }
}

#[test]
fn it_stands_on_the_visit_where_there_is_one_and_else_on_the_board() {
    let only_log = Write { admin_task: None, ..both() };
    let only_task = Write { task_log: false, ..both() };
    let rows: &[(&Write, Option<&str>, Option<&str>, &str)] = &[
        (&both(), Some("5"), Some("task_log,admin_task"), "both on, a visit"),
        (&both(), None, Some(ADMIN_TASK), "both on, nobody came"),
        (&only_log, Some("5"), Some(TASK_LOG), "task logs alone"),
        (&only_log, None, None, "task logs alone, and no visit to write on"),
        (&only_task, Some("5"), Some(ADMIN_TASK), "admin tasks alone"),
        (&Write { dry_run: true, ..both() }, Some("5"), Some(DRY_RUN), "for trial"),
        (&Write::default(), Some("5"), None, "nothing is on"),
    ];
    for (write, visit, way, shows) in rows {
        let made = notes(&[late()], write, *visit);
        assert_eq!(made.first().map(|(_, way, _)| way.as_str()), *way, "{shows}");
        assert!(made.len() <= 1, "{shows}");
    }
}

#[test]
fn one_note_a_shift_and_end_and_one_a_client_and_day() {
    let no_show = closed("NoShow", "critical", Tells::NoShow, Closing::Arrived { at: Some(now()), late: true });
    let made = notes(&[late(), no_show.clone()], &both(), Some("5"));
    assert_eq!(made.len(), 1, "{made:?}");
    assert_eq!(made[0].2.title, "No-show", "the worst speaks");
    assert_eq!(notes(&[late()], &both(), Some("5"))[0].0, made[0].0, "the same end again is the same note");
    let other_end = closed("MissedCheckOut", "page", Tells::NoCheckOut, Closing::CheckedOut { at: None });
    assert_ne!(notes(std::slice::from_ref(&other_end), &both(), Some("5"))[0].0, made[0].0, "another end is another");
    let tasks = notes(&[late(), no_show, other_end], &both(), None);
    assert_eq!(tasks.len(), 1, "one task a client and day, whatever ended: {tasks:?}");
}

#[test]
fn what_nobody_was_told_of_or_nothing_happened_to_is_not_noted() {
    let mut never_fired = late();
    never_fired.state =
        AlertState::Resolved { fired_at: None, resolved_at: now(), closing: Closing::Covered, owner: None };
    let mut of_the_api = late();
    of_the_api.key.subject = Subject::Agency;
    let milder = closed("Late", "warning", Tells::NoCheckIn, Closing::Covered);
    for (alert, shows) in [
        (never_fired, "it never fired"),
        (of_the_api, "it is about no client"),
        (milder.clone(), "it pages nobody"),
        (closed("A", "page", Tells::NoCheckIn, Closing::RuleRemoved), "its rule went"),
        (closed("A", "page", Tells::NoCheckIn, Closing::Moved { to: now() }), "it moved"),
    ] {
        assert_eq!(notes(&[alert], &both(), Some("5")), [], "{shows}");
    }
    let named = Write { rules: vec!["Late".into()], ..both() };
    assert_eq!(notes(&[milder, late()], &named, Some("5")).len(), 1, "rules by name, whatever their severity");
    let over = closed("NoShow", "critical", Tells::NoShow, Closing::Expired);
    let text = &notes(&[over], &both(), None)[0].2.text;
    assert!(text.contains("North is over, nobody checked in."), "never an all-clear: {text}");
}

#[test]
fn a_text_is_what_the_vendor_takes() {
    for (text, expected, shows) in [
        ("plain, ä, ł, –", "plain, ä, ł, –", "letters of any script"),
        ("a\u{1F600}b\u{2764}\u{FE0F}c", "abc", "pictures"),
        ("a\u{0}b\u{7f}c\u{85}\td\ne", "abc\td\ne", "control characters, but tabs and line ends"),
        ("\u{10348}", "", "what needs a surrogate pair"),
    ] {
        assert_eq!(clean(text), expected, "{shows}");
    }
    assert_eq!(clean(&"ä".repeat(6_000)).chars().count(), 5_000);
}
