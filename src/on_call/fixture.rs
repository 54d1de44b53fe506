//! A small office for tests: nights by two, the office by day, a hole on Saturday nights, and a calendar.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::TimeDelta;

use super::{
    Calendar, Contact, EscalationPolicy, EscalationStep, Marks, Only, Person, Roster, Rota, Rotation, Schedule, Target,
    Via, calendar::CalendarEvent, picture::OnCallPicture,
};
use crate::model::Phi;

/// Who is on call there.
pub(crate) fn picture() -> OnCallPicture {
    let person = |name: &str, phone: &str| Person {
        name: name.into(),
        contacts: vec![Contact::new(Via::Sms, Phi::new(phone.to_owned()))],
        quiet_hours: None,
        also_known_as: Vec::new(),
    };
    let people =
        [person("night-1", "+12025550111"), person("night-2", "+12025550112"), person("office-lead", "+12025550110")];
    let rotation = |people: &[&str], start: &str, only| Rotation {
        people: people.iter().map(|name| (*name).into()).collect(),
        every: TimeDelta::weeks(1),
        start: start.parse().unwrap(),
        only,
    };
    let day = |from: u16, to: u16, days| Only { days, from: from * 60, to: to * 60 };
    let nights = vec![
        day(17, 8, [true, true, true, true, true, false, true]),
        day(8, 17, [false, false, false, false, false, true, true]),
    ];
    let nights = Schedule {
        name: "nights".to_owned(),
        timezone: chrono_tz::America::Denver,
        rota: Rota::Rotations(vec![
            rotation(&["night-1", "night-2"], "2026-01-05T17:00:00", nights),
            rotation(
                &["office-lead"],
                "2026-01-05T08:00:00",
                vec![day(8, 17, [true, true, true, true, true, false, false])],
            ),
        ]),
        overrides: Vec::new(),
        may_be_empty: false,
        watch_on: None,
    };
    let at = |text: &str| text.parse::<crate::model::Instant>().unwrap();
    let calendar = Calendar {
        fetched_at: at("2026-12-01T10:00:00Z"),
        stale_after: TimeDelta::hours(1),
        events: vec![CalendarEvent {
            from: at("2026-11-30T00:00:00Z"),
            until: at("2026-12-05T00:00:00Z"),
            people: vec!["night-1".into()],
        }],
        nameless: Vec::new(),
        n_unread: 0,
    };
    let rota = Rota::Calendar(Some(Arc::new(calendar)));
    let shared = Schedule { name: "shared".to_owned(), rota, ..nights.clone() };
    let step = |target, after| EscalationStep {
        notify: vec![target],
        via: vec![Via::Sms, Via::Email],
        via_all: false,
        after: Duration::from_mins(after),
    };
    let policy = EscalationPolicy {
        name: "coverage".to_owned(),
        repeat: Duration::from_mins(15),
        unconfirmed_after: Duration::from_mins(2),
        ack_expires: Duration::from_mins(20),
        ack_expires_uncovered: Duration::from_hours(1),
        steps: vec![
            step(Target::Schedule("nights".to_owned()), 0),
            step(Target::Schedule("shared".to_owned()), 5),
            step(Target::Person("office-lead".into()), 10),
        ],
    };
    OnCallPicture {
        roster: Arc::new(Roster::new(people).with_schedules([nights, shared])),
        escalation: Arc::new(BTreeMap::from([(policy.name.clone(), policy)])),
        marks: Some(Arc::new(Marks::default())),
    }
}
