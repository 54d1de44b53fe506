//! Sentences and reports over hand-made views.

use std::sync::Arc;

use chrono::TimeDelta;

use super::*;
use crate::{
    alerts::{
        alert::{Acknowledgement, Alert, AlertKey, Facts, Told},
        step::Quiet,
    },
    model::{AgencyName, ClientId, Endpoint, Phi, ShiftId, ShiftKey, ShiftRef, Subject},
    notify::message::{AddressMark, Channel, MessageId},
    rules::finding::{Closing, RuleId, Tells, Window},
    view::tests::{noon, view},
};

/// An uncovered shift of client 7000101, 90 minutes ahead, firing for two minutes.
pub(crate) fn uncovered(id: &str) -> AlertView {
    let now = noon();
    let start = now + TimeDelta::minutes(90);
    let key = ShiftKey { start, client: ClientId::from("7000101"), id: ShiftRef::Vendor(ShiftId::from(id)) };
    let labels = [
        ("alertname", "ShiftUncovered"),
        ("agency", "main"),
        ("location", "north"),
        ("severity", "page"),
        ("band", "4h"),
        ("shift", &key.label(false)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    let alert = Alert {
        key: AlertKey {
            agency: AgencyName::from("main"),
            rule: RuleId::new("coverage/ShiftUncovered{band=\"4h\"}"),
            subject: Subject::Shift(key),
        },
        labels,
        annotations: [("summary".to_owned(), format!("Shift {id} has no caregiver"))].into_iter().collect(),
        state: AlertState::Firing { fired_at: now - TimeDelta::minutes(2) },
        active_at: now - TimeDelta::minutes(2),
        updated_at: now - TimeDelta::minutes(2),
        facts: Facts {
            window: Window { opens_at: start - TimeDelta::hours(4), closes_at: Some(start + TimeDelta::hours(4)) },
            starts_at: Some(start),
            ends_at: Some(start + TimeDelta::hours(4)),
            deadline: Some(start),
            location: "north".to_owned(),
            client: Some(ClientId::from("7000101")),
            caregiver: None,
            tells: Tells::Uncovered,
        },
        confirm: Confirm::Confirmed { at: now },
        unjudged_since: None,
        told: vec![Told {
            receiver: "on-call".to_owned(),
            integration: 0,
            channel: Channel::Sms,
            recipient: 0,
            to: AddressMark::of(&Phi::new("+12025550100".to_owned())),
            wants_closing: true,
            message: MessageId::from_stored("00".to_owned()),
            at: now - TimeDelta::minutes(1),
            group: None,
        }],
        posted: None,
    };
    AlertView {
        fingerprint: format!("{:016x}", id.parse::<u64>().unwrap_or(1)),
        alert: Arc::new(alert),
        receivers: vec!["on-call".to_owned()],
        paged: Vec::new(),
        next_step_at: None,
        inhibited_by: Vec::new(),
        quiet: Some(Quiet::TooSoon),
        timezone: chrono_tz::America::Denver,
        clock_12h: false,
    }
}

/// The same alert changed.
pub(crate) fn changed(view: AlertView, change: impl FnOnce(&mut Alert)) -> AlertView {
    let mut alert = (*view.alert).clone();
    change(&mut alert);
    AlertView { alert: Arc::new(alert), ..view }
}

/// The same alert, owned by night-1 for 20 minutes.
pub(crate) fn owned(view: AlertView) -> AlertView {
    changed(view, |alert| {
        alert.state = AlertState::Acknowledged {
            fired_at: noon(),
            ack: Acknowledgement {
                by: "night-1".to_owned(),
                note: "calling around".to_owned(),
                at: noon(),
                until: noon() + TimeDelta::minutes(20),
            },
        };
    })
}

fn sentence_of(change: impl FnOnce(&mut View)) -> String {
    let mut view = view();
    change(&mut view);
    sentence::line(&view, &AlertCounts::of(&view), noon())
}

#[test]
fn the_line_says_how_things_stand() {
    assert_eq!(
        sentence_of(|_| ()),
        "Watching 118 clients, 34 shifts left today, read 3 min ago, nothing needs you.",
        "a quiet night"
    );
    assert_eq!(
        sentence_of(|view| view.alerts = vec![Arc::new(uncovered("1")), Arc::new(owned(uncovered("2")))]),
        "Watching 118 clients, 34 shifts left today, read 3 min ago, 1 alert needs you, 1 owned.",
        "one waits, one is owned"
    );
    assert_eq!(
        sentence_of(|view| {
            let muted = AlertView { inhibited_by: vec!["x".to_owned()], ..uncovered("1") };
            let warning = changed(uncovered("2"), |alert| {
                alert.labels.insert("severity".to_owned(), "warning".to_owned());
            });
            let info = changed(uncovered("3"), |alert| {
                alert.labels.insert("severity".to_owned(), "info".to_owned());
            });
            view.alerts = vec![Arc::new(muted), Arc::new(warning), Arc::new(info)];
        }),
        "Watching 118 clients, 34 shifts left today, read 3 min ago, nothing needs you, 1 warning.",
        "an inhibited page is spoken for; info asks nothing"
    );
    assert_eq!(
        sentence_of(|view| {
            view.agencies[0].blind_since = Some(noon() - TimeDelta::minutes(22));
            view.agencies[0].n_blind_shifts = 6;
        }),
        "CAN'T SEE WellSky since Tue 02:40: 6 shifts are unwatched, check the schedule there; no new alert can be seen.",
        "blind comes first"
    );
    assert_eq!(
        sentence_of(|view| {
            view.agencies[0].blind_since = Some(noon() - TimeDelta::minutes(22));
            view.agencies[0].n_unjudged = 6;
            view.alerts = vec![Arc::new(uncovered("1"))];
        }),
        "CAN'T SEE WellSky since Tue 02:40: check the schedule there; 1 alert needs you.",
        "a number of 0 would be an all-clear"
    );
    let silent = |endpoints: &[Endpoint], minutes: i64| {
        let endpoints = endpoints.iter().map(|endpoint| crate::view::EndpointView {
            endpoint: *endpoint,
            up: false,
            last_success_at: Some(noon() - TimeDelta::minutes(minutes)),
            failing_since: None,
            paused_until: None,
        });
        let endpoints = endpoints.collect();
        sentence_of(|view| view.agencies[0].endpoints = endpoints)
    };
    assert_eq!(
        silent(&[Endpoint::Appointment, Endpoint::Encounter, Endpoint::Patients], 9),
        "WellSky has not answered since Tue 02:53; 118 clients as of then; no new alert can be seen.",
        "nobody judges what nobody reads"
    );
    assert_eq!(
        silent(&[Endpoint::Encounter], 9),
        "WellSky's check-ins (encounter) have not answered since Tue 02:53; 118 clients as of then; no missed one can \
         be seen.",
        "half of it"
    );
    for (endpoints, minutes) in [(Endpoint::Appointment, 0), (Endpoint::Locations, 9)] {
        assert!(silent(&[endpoints], minutes).starts_with("Watching 118 clients"), "a hiccup, or of no matter");
    }
    assert_eq!(
        sentence_of(|view| view.agencies[0].last_read_at = None),
        "Starting: the schedule has not been read yet; nothing known yet.",
        "never read is not all clear"
    );
    assert_eq!(
        sentence_of(|view| view.agencies[0].n_shifts_left_today = None),
        "Watching 118 clients, shifts left today not known, read 3 min ago, nothing needs you.",
        "unknown is said, not counted as 0"
    );
    assert_eq!(
        sentence_of(|view| {
            let mut south = crate::view::tests::agency("south");
            for section in &mut south.sections {
                section.as_of = Some(noon() - TimeDelta::minutes(4));
            }
            south.n_clients = Some(1);
            south.n_unjudged = 2;
            south.catching_up_since = Some(noon());
            view.agencies.push(south);
        }),
        "Watching 119 clients, 68 shifts left today, read 4 min ago, 2 not judged for lack of fresh data, first \
         looking at everything before telling anybody, nothing known yet.",
        "several agencies: sums, and the oldest read"
    );
}

#[test]
fn remarks_name_what_a_person_should_fix() {
    let mut view = view();
    assert_eq!(sentence::remarks(&view, &Ok(()), noon()), ["Telling office, on-call."]);
    view.told.clear();
    view.agencies[0].promise = Some(std::time::Duration::from_mins(9));
    view.agencies[0].endpoints[0].up = false;
    view.config.refused_at = Some(noon());
    view.outbox =
        Some(crate::view::OutboxView { waiting: Vec::new(), oldest_at: Some(noon() - TimeDelta::minutes(3)) });
    assert_eq!(
        sentence::remarks(&view, &Err("the store is full".to_owned()), noon()),
        [
            "NOT READY: the store is full.",
            "NOBODY IS TOLD: no receiver in the configuration has an address.",
            "main: a call-out is seen within 9 min, not the 5 min asked for; raise requests_per_second or \
             detect_within.",
            "WellSky's shifts (appointment) have not answered since Tue 03:02.",
            "A message has been waiting to leave for 3 min.",
            "The configuration on disk was refused; the last good one is in use. Run `shiftwatch check`.",
        ]
    );
}

#[test]
fn alerts_come_most_pressing_first() {
    let mut view = view();
    let later = changed(uncovered("1"), |alert| alert.facts.deadline = Some(noon() + TimeDelta::hours(3)));
    let never = changed(uncovered("2"), |alert| alert.facts.deadline = None);
    let closed = changed(uncovered("3"), |alert| {
        alert.state =
            AlertState::Resolved { fired_at: None, resolved_at: noon(), closing: Closing::Covered, owner: None };
    });
    let critical = changed(uncovered("6"), |alert| {
        alert.facts.deadline = Some(noon() + TimeDelta::hours(9));
        alert.labels.insert("severity".to_owned(), "critical".to_owned());
    });
    let all = [closed, never, owned(uncovered("4")), later, uncovered("5"), critical];
    view.alerts = all.into_iter().map(Arc::new).collect();
    let order: Vec<_> =
        AlertReport::all(&view, noon()).iter().map(|one| one.fingerprint.trim_start_matches('0').to_owned()).collect();
    assert_eq!(order, ["6", "2", "5", "1", "4", "3"], "what has no deadline is due since it is true");
}

#[test]
fn a_report_reads_back_as_it_was_written_and_holds_no_client() {
    let report = AlertReport::of(&owned(uncovered("90010001")), noon());
    assert_eq!(report.when.as_deref(), Some("Tue 04:32-08:32"));
    assert_eq!(report.deadline_in.as_deref(), Some("in 1 h 30"));
    assert_eq!(report.owner.as_ref().map(|owner| owner.until_local.as_str()), Some("Tue 03:22"));
    let text = serde_json::to_string(&report).unwrap();
    assert!(!text.contains("7000101"), "the client's id is for granted templates: {text}");
    let back: AlertReport = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&back).unwrap(), text);

    let view = view();
    let status = StatusReport::with(&view, Ok(()), noon());
    let text = serde_json::to_string(&status).unwrap();
    let back: StatusReport = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&back).unwrap(), text);
}
