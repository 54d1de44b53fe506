use std::{sync::Arc, time::Duration};

use super::*;
use crate::{
    model::Phi,
    on_call::{Calendar, Contact, Only, Person, Rotation, ics, picture::OnCallPicture, report},
};

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

const NOW: &str = "2026-12-01T12:00:00-07:00";

fn schedule(name: &str, only: Vec<Only>) -> Schedule {
    let rotation = Rotation {
        people: vec!["night-1".into(), "night-2".into()],
        every: TimeDelta::weeks(1),
        start: "2026-01-05T17:00:00".parse().unwrap(),
        only,
    };
    Schedule {
        name: name.to_owned(),
        timezone: chrono_tz::America::Denver,
        rota: Rota::Rotations(vec![rotation]),
        overrides: Vec::new(),
        may_be_empty: false,
        watch_on: None,
    }
}

fn without_saturday_night() -> Vec<Only> {
    vec![
        Only { days: [true, true, true, true, true, false, true], from: 0, to: 1440 },
        Only { days: [false, false, false, false, false, true, false], from: 0, to: 17 * 60 },
    ]
}

fn step(notify: Vec<Target>) -> EscalationStep {
    EscalationStep { notify, via: vec![Via::Sms], via_all: false, after: Duration::ZERO }
}

fn policies(steps: Vec<EscalationStep>) -> BTreeMap<String, EscalationPolicy> {
    let minutes = Duration::from_mins;
    let policy = EscalationPolicy {
        name: "coverage".to_owned(),
        repeat: minutes(15),
        unconfirmed_after: minutes(2),
        ack_expires: minutes(20),
        ack_expires_uncovered: minutes(60),
        steps,
    };
    BTreeMap::from([("coverage".to_owned(), policy)])
}

fn on(name: &str) -> Target {
    Target::Schedule(name.to_owned())
}

fn roster(schedules: Vec<Schedule>) -> Roster {
    let person = |name: &str, phone: &str| Person {
        name: name.into(),
        contacts: vec![
            Contact::new(Via::Sms, Phi::new(phone.to_owned())),
            Contact::new(Via::Call, Phi::new(phone.to_owned())),
        ],
        quiet_hours: None,
        also_known_as: Vec::new(),
    };
    let people = [person("night-1", "+12025550111"), person("night-2", "+12025550112"), person("idle", "+12025550113")];
    Roster::new(people).with_schedules(schedules)
}

fn said(roster: &Roster, policies: &BTreeMap<String, EscalationPolicy>, marks: Option<&Marks>) -> Vec<String> {
    let found = findings(roster, policies, marks, at(NOW));
    found
        .iter()
        .map(|finding| {
            let says = report::says(finding, roster);
            format!("{}: {}", finding.what.as_str(), says.split(';').next().unwrap_or_default())
        })
        .collect()
}

#[test]
fn a_hole_counts_where_a_step_has_nobody_else() {
    let holed = roster(vec![schedule("nights", without_saturday_night()), schedule("whole", Vec::new())]);
    let gap = "gap: nobody is on call by nights from Sat 2026-12-05 17:00 to Sun 2026-12-06 00:00 (7 h), and once more in the next 14 days";
    let silent = "silent: no step of coverage finds anybody from Sat 2026-12-05 17:00 to Sun 2026-12-06 00:00: everybody it ever names would be told";
    let last =
        "last_step_empty: the last step of coverage finds nobody from Sat 2026-12-05 17:00 to Sun 2026-12-06 00:00";
    let person = || Target::Person("idle".into());
    for (steps, expected, why) in [
        (vec![step(vec![on("whole")])], &[][..], "another schedule's hole is nobody's trouble"),
        (vec![step(vec![on("nights")])], &[silent, gap], "alone"),
        (vec![step(vec![on("nights"), person()])], &[], "a person in the same step"),
        (vec![step(vec![on("nights"), on("whole")])], &[], "another schedule in the same step"),
        (vec![step(vec![on("nights")]), step(vec![person()])], &[gap], "a later step with a person"),
        (vec![step(vec![person()]), step(vec![on("nights")])], &[last, gap], "the last step"),
    ] {
        assert_eq!(said(&holed, &policies(steps), None), expected, "{why}");
    }
    let meant = Schedule { may_be_empty: true, ..schedule("nights", without_saturday_night()) };
    let steps = vec![step(vec![on("nights")]), step(vec![person()])];
    assert!(said(&roster(vec![meant]), &policies(steps), None).is_empty(), "it may be empty");
}

#[test]
fn a_calendar_says_what_it_lacks() {
    let calendar = |copy| Schedule { rota: Rota::Calendar(copy), ..schedule("shared", Vec::new()) };
    let steps = || policies(vec![step(vec![on("shared"), Target::Person("idle".into())])]);
    assert_eq!(
        said(&roster(vec![calendar(None)]), &steps(), None),
        ["never_read: the calendar of shared was never read, so who is on call is unknown"]
    );
    let copy = Calendar {
        fetched_at: at(NOW) - TimeDelta::hours(2),
        stale_after: TimeDelta::hours(1),
        events: Vec::new(),
        nameless: vec![
            at("2026-11-01T00:00:00Z"),
            at("2026-12-02T07:00:00Z"),
            at("2026-12-03T07:00:00Z"),
            at("2027-02-01T00:00:00Z"),
        ],
        n_unread: 2,
    };
    assert_eq!(
        said(&roster(vec![calendar(Some(Arc::new(copy.clone())))]), &steps(), None),
        [
            "stale: the calendar of shared could not be read for long, and is not to be trusted since Tue 2026-12-01 11:00",
            "nameless: the event that begins Wed 2026-12-02 00:00 in the calendar of shared names nobody in people, and 1 more",
            "unread: 2 events in the calendar of shared could not be read",
        ]
    );
    let fresh = Calendar { fetched_at: at(NOW) - TimeDelta::minutes(59), nameless: Vec::new(), n_unread: 0, ..copy };
    assert!(said(&roster(vec![calendar(Some(Arc::new(fresh)))]), &steps(), None).is_empty());
}

#[test]
fn addresses_are_spoken_of_without_being_shown() {
    let roster = roster(vec![schedule("nights", Vec::new())]);
    let mark = |name: &str| roster.person(&name.into()).unwrap().contacts[0].mark.clone();
    let steps = policies(vec![step(vec![on("nights")])]);
    assert_eq!(
        said(&roster, &steps, Some(&Marks::default())),
        [
            "unverified: no answer ever came from the number of night-1",
            "unverified: no answer ever came from the number of night-2"
        ],
        "whom no policy asks is not spoken of"
    );
    let marks = Marks {
        verified: BTreeSet::from([mark("night-1")]),
        opted_out: BTreeMap::from([(mark("night-2"), at("2026-11-30T00:00:00Z"))]),
    };
    assert_eq!(
        said(&roster, &steps, Some(&marks)),
        ["opted_out: the number of night-2 refuses what we send since Sun 2026-11-29 17:00"]
    );
}

#[test]
fn a_report_says_who_is_on_call_and_what_follows() {
    let roster = roster(vec![schedule("nights", without_saturday_night())]);
    let mut last = step(vec![Target::Person("idle".into())]);
    (last.via, last.via_all, last.after) = (vec![Via::Sms, Via::Call], true, Duration::from_mins(10));
    let policies = policies(vec![step(vec![on("nights")]), last]);
    let report = report::OnCallReport::of(&roster, &policies, None, at(NOW));
    let picture =
        OnCallPicture { roster: Arc::new(roster.clone()), escalation: Arc::new(policies.clone()), marks: None };
    assert_eq!(picture.sentence(at(NOW)).as_deref(), Some("night-2 on call"));
    let nights = &report.schedules[0];
    assert_eq!(
        (nights.since, nights.until),
        (Some(at("2026-11-30T17:00:00-07:00")), Some(at("2026-12-05T17:00:00-07:00")))
    );
    assert!(nights.shifts[1].is_gap && nights.shifts[1].people.is_empty());
    assert_eq!(nights.needed_by, ["coverage"]);
    assert_eq!(
        report.policies[0].steps,
        ["At once: whoever is on call by nights, by text", "After 10 min: idle, by text and call"]
    );
    assert_eq!(
        report.policies[0].then,
        "Again from the first step every 15 min, until somebody owns it or it is over."
    );
    assert_eq!(picture.sentence(at("2026-12-05T18:00:00-07:00")).as_deref(), Some("NOBODY on call"));
    assert_eq!(OnCallPicture { escalation: Arc::default(), ..picture.clone() }.sentence(at(NOW)), None);
    let gap = (at("2026-12-05T17:00:00-07:00"), at("2026-12-06T00:00:00-07:00"));
    for (now, until) in [
        (at(NOW), at(NOW) + TimeDelta::minutes(1)),
        (gap.0 - TimeDelta::seconds(20), gap.0),
        (gap.1 - TimeDelta::seconds(1), gap.1),
    ] {
        let (health, good_until) = picture.health(now);
        assert_eq!(health.len(), 1, "{health:?}");
        assert_eq!(
            (health[0].gap, good_until),
            (Some(gap), until),
            "the hole stays where it is, and its edges are not missed"
        );
    }
    assert_ne!(picture.health(gap.1).0[0].gap, Some(gap), "over");
}

/// What we write is read back by the reader of calendars, as the same stretches.
#[test]
fn an_export_reads_back_as_the_schedule() {
    let roster = roster(vec![schedule("nights", without_saturday_night())]);
    let text = ics::of_schedule(&roster, "nights", at(NOW)).unwrap();
    assert!(text.lines().all(|line| line.len() <= 75) && text.ends_with("END:VCALENDAR\r\n"), "{text}");
    assert!(!text.contains("+1202"));
    let given = crate::on_call::ical::Given {
        roster: &roster,
        zone: chrono_tz::America::Denver,
        now: at(NOW),
        stale_after: TimeDelta::hours(1),
    };
    let read = crate::on_call::ical::read(&text, &given).unwrap();
    let ours = roster.shifts("nights", at(NOW), at(NOW) + ics::AHEAD);
    let ours: Vec<(Instant, Vec<PersonName>)> =
        ours.into_iter().filter(|span| !span.people.is_empty()).map(|span| (span.until, span.people)).collect();
    let theirs: Vec<(Instant, Vec<PersonName>)> =
        read.events.iter().map(|event| (event.until, event.people.clone())).collect();
    assert_eq!(theirs, ours);
    assert_eq!(read.events[0].from, at("2026-11-30T17:00:00-07:00"), "what runs already begins where it began");
    let mine = ics::of_person(&roster, &"night-2".into(), at(NOW)).unwrap();
    let mine = crate::on_call::ical::read(&mine, &given).unwrap();
    assert!(mine.events.is_empty() && !mine.nameless.is_empty(), "a person's own entries name nobody");
    assert!(mine.nameless.len() < theirs.len());
    assert_eq!(ics::of_schedule(&roster, "days", at(NOW)), None);
    assert_eq!(ics::of_person(&roster, &"nobody".into(), at(NOW)), None);
}
