//! Pictures made by hand, for states that a running agent is seldom in.
//!
//! Given: nothing. Gives: a day of a small agency, and what differs from it in each state.
//! Does not: hold anything about a person but ids and names that were invented to break a page.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use chrono_tz::America::Denver;
use shiftwatch::{
    alerts::{
        alert::{Acknowledgement, Alert, AlertKey, AlertState, Confirm, Facts, Labels, Told},
        group::GroupKey,
        page::{Page, PageKey, PageLink},
        silence::{Silence, SilenceMatcher, Silences},
        step::Quiet,
    },
    board::{
        link::Linked,
        people::{Names, Person, Who},
    },
    mirror::today::{Standing, Today, TodayLocation, TodayShift},
    model::{
        AgencyName, CaregiverId, ClientId, Endpoint, Instant, PersonName, Phi, Section, ShiftId, ShiftKey, ShiftRef,
        Subject,
    },
    notify::{
        message::{AddressMark, Channel, MessageId},
        voice::{Telling, Voice},
    },
    on_call::{
        Calendar, EscalationPolicy, EscalationStep, Only, Roster, Rota, Rotation, Schedule, Target, Via,
        calendar::CalendarEvent, picture::OnCallPicture,
    },
    rules::finding::{Closing, RuleId, Tells, Window},
    view::{
        AgencyView, AlertView, ConfigView, EndpointView, LocationCoverage, OutboxView, RoutingView, SectionView, View,
    },
};

use crate::harness::at;

/// Names that have broken pages elsewhere. Invented, all of them.
pub const NAMES: [&str; 6] = [
    "<script>document.title = 'broken'</script><img src=x onerror=\"document.title = 'broken'\">",
    "ทดสอบ ตัวอย่าง",
    "اسم تجريبي",
    "例示 太郎",
    "A-Name-That-Has-No-Place-To-Break-And-Goes-On-And-On-And-On-And-On-And-On-And-On-And-On-And-On-And-On",
    "Ann-Zoë O’Sample",
];

/// 10:02 on the agency's wall.
pub fn now() -> Instant {
    at("2026-12-01T17:02:03Z")
}

fn client(n: usize) -> ClientId {
    ClientId::new(format!("70{n:05}"))
}

fn caregiver(n: usize) -> CaregiverId {
    CaregiverId::new(format!("80{n:05}"))
}

/// Nights by two, nobody on Saturday nights, a calendar that was never read and one that is stale.
pub fn on_call() -> OnCallPicture {
    let rotation = Rotation {
        people: vec!["night-1".into(), "night-2".into()],
        every: TimeDelta::weeks(1),
        start: "2026-01-05T17:00:00".parse().expect("a time"),
        only: vec![
            Only { days: [true, true, true, true, true, false, true], from: 0, to: 1440 },
            Only { days: [false, false, false, false, false, true, false], from: 0, to: 17 * 60 },
        ],
    };
    let nights = Schedule {
        name: "nights".to_owned(),
        timezone: Denver,
        rota: Rota::Rotations(vec![rotation]),
        overrides: Vec::new(),
        may_be_empty: false,
        watch_on: None,
    };
    let shared = Schedule { name: "shared".to_owned(), rota: Rota::Calendar(None), ..nights.clone() };
    let event = CalendarEvent {
        from: at("2026-11-28T07:00:00Z"),
        until: at("2026-12-10T07:00:00Z"),
        people: vec!["lead".into()],
    };
    let copy = Calendar {
        fetched_at: now() - TimeDelta::hours(2),
        stale_after: TimeDelta::hours(1),
        events: vec![event],
        nameless: vec![at("2026-12-11T07:00:00Z")],
        n_unread: 1,
    };
    let rota = Rota::Calendar(Some(Arc::new(copy)));
    let weekends = Schedule { name: "weekends".to_owned(), rota, ..nights.clone() };
    let step = |schedule: &str, minutes| EscalationStep {
        notify: vec![Target::Schedule(schedule.to_owned())],
        via: vec![Via::Sms, Via::Call],
        via_all: false,
        after: Duration::from_mins(minutes),
    };
    let policy = EscalationPolicy {
        name: "coverage".to_owned(),
        repeat: Duration::from_mins(15),
        unconfirmed_after: Duration::from_mins(2),
        ack_expires: Duration::from_mins(20),
        ack_expires_uncovered: Duration::from_hours(1),
        steps: vec![step("nights", 0), step("shared", 10), step("weekends", 20)],
    };
    OnCallPicture {
        roster: Arc::new(Roster::default().with_schedules([nights, shared, weekends])),
        escalation: Arc::new([(policy.name.clone(), policy)].into()),
        marks: None,
    }
}

/// The names of the first clients and caregivers.
pub fn names() -> Names {
    let mut names = Names::default();
    let main = AgencyName::from("main");
    for (n, name) in NAMES.iter().enumerate() {
        let person = |name: &str| Person {
            name: name.to_owned(),
            phones: vec!["+1 202 555 0142".to_owned()],
            address: "12 Sample Street, Denver".to_owned(),
        };
        names.put(Who::Client(main.clone(), client(n)), person(name));
        names.put(Who::Caregiver(main.clone(), caregiver(n)), person(NAMES[NAMES.len() - 1 - n]));
    }
    names
}

fn key(n: usize, start: Instant) -> ShiftKey {
    ShiftKey { start, client: client(n), id: ShiftRef::Vendor(ShiftId::new(format!("9{n:07}"))) }
}

/// A shift that nobody is on, in so many minutes.
pub fn uncovered(n: usize, minutes: i64) -> AlertView {
    let start = now() + TimeDelta::minutes(minutes);
    let key = key(n, start);
    let shift = key.label(false);
    let labels: Labels = [
        ("alertname", "ShiftUncovered"),
        ("agency", "main"),
        ("location", "north"),
        ("severity", "page"),
        ("band", "4h"),
        ("shift", &shift),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let since = now() - TimeDelta::minutes(2);
    let end = start + TimeDelta::hours(4);
    let alert = Alert {
        key: AlertKey {
            agency: AgencyName::from("main"),
            rule: RuleId::new("coverage/ShiftUncovered{band=\"4h\"}"),
            subject: Subject::Shift(key.clone()),
        },
        labels,
        annotations: [("summary", "Shift has no caregiver"), ("runbook_url", "https://runbooks.example.com/coverage")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        state: AlertState::Firing { fired_at: since },
        active_at: since,
        updated_at: since,
        facts: Facts {
            window: Window { opens_at: start - TimeDelta::hours(4), closes_at: Some(end) },
            starts_at: Some(start),
            ends_at: Some(end),
            deadline: Some(start),
            location: "north".to_owned(),
            client: Some(key.client),
            caregiver: None,
            tells: Tells::Uncovered,
        },
        confirm: Confirm::Confirmed { at: since },
        unjudged_since: None,
        told: [Channel::Sms, Channel::Email].map(told).into(),
        posted: None,
    };
    AlertView {
        fingerprint: format!("{:016x}", 0xa000 + n),
        alert: Arc::new(alert),
        receivers: vec!["on-call".to_owned()],
        paged: Vec::new(),
        next_step_at: None,
        inhibited_by: Vec::new(),
        quiet: Some(Quiet::TooSoon),
        timezone: Denver,
        clock_12h: false,
    }
}

fn told(channel: Channel) -> Told {
    Told {
        receiver: "on-call".to_owned(),
        integration: 0,
        channel,
        recipient: 0,
        to: AddressMark::of(&Phi::new("+12025550100".to_owned())),
        wants_closing: true,
        message: MessageId::from_stored("00".to_owned()),
        at: now() - TimeDelta::minutes(1),
        group: None,
    }
}

fn changed(view: AlertView, change: impl FnOnce(&mut Alert)) -> AlertView {
    let mut alert = (*view.alert).clone();
    change(&mut alert);
    AlertView { alert: Arc::new(alert), ..view }
}

/// The same, owned.
pub fn owned(view: AlertView) -> AlertView {
    let ack = Acknowledgement {
        by: "night-1".to_owned(),
        note: "calling around\nback at nine".to_owned(),
        at: now() - TimeDelta::minutes(1),
        until: now() + TimeDelta::minutes(20),
    };
    changed(view, |alert| {
        alert.state = AlertState::Acknowledged { fired_at: now() - TimeDelta::minutes(2), ack };
    })
}

/// The same, over.
pub fn closed(view: AlertView) -> AlertView {
    let over = changed(view, |alert| {
        alert.state = AlertState::Resolved {
            fired_at: Some(now() - TimeDelta::minutes(2)),
            resolved_at: now() - TimeDelta::seconds(30),
            closing: Closing::Covered,
            owner: Some("night-1".to_owned()),
        };
    });
    AlertView { quiet: None, ..over }
}

/// The same, held for lack of data.
pub fn held(view: AlertView) -> AlertView {
    changed(view, |alert| {
        alert.unjudged_since = Some(now() - TimeDelta::minutes(9));
        alert.confirm = Confirm::TimedOut;
    })
}

/// A quiet day: every state of a shift but the bad ones.
pub fn healthy() -> View {
    let standings = [Standing::Done, Standing::Running, Standing::Covered, Standing::Covered, Standing::Cancelled];
    picture(day(40, |n| standings[n % standings.len()]))
}

/// A day with every state there is, and alerts of every kind.
pub fn trouble() -> View {
    let standings = [
        Standing::Uncovered,
        Standing::Late,
        Standing::Missed,
        Standing::Unseen,
        Standing::Running,
        Standing::Covered,
        Standing::Done,
        Standing::Cancelled,
    ];
    let mut view = picture(day(48, |n| standings[n % standings.len()]));
    let alerts = [
        uncovered(0, 90),
        held(uncovered(1, 200)),
        owned(uncovered(2, 150)),
        closed(uncovered(3, 240)),
        uncovered(4, 20),
    ];
    view.alerts = alerts.map(Arc::new).into();
    view.routing.silences = Arc::new(silences());
    view
}

/// One of each state.
fn silences() -> Silences {
    let made = |id: &str, from: i64, until: i64, until_resolved| Silence {
        id: id.to_owned(),
        matchers: ["alertname", "location"]
            .map(|name| SilenceMatcher {
                name: name.to_owned(),
                value: NAMES[0].to_owned() + "|ShiftUncovered|" + NAMES[4],
                is_regex: true,
                is_equal: name == "alertname",
            })
            .into(),
        starts_at: now() + TimeDelta::minutes(from),
        ends_at: now() + TimeDelta::minutes(until),
        updated_at: now(),
        created_by: NAMES[5].to_owned(),
        comment: NAMES[4].to_owned(),
        until_resolved,
        has_matched: true,
        reminded: false,
    };
    let all =
        [made("1", -600, 5, false), made("2", -5, 600, true), made("3", 60, 120, false), made("4", -60, -5, false)];
    Silences::restore(all.into()).0
}

/// Nothing was read yet.
pub fn nothing_yet() -> View {
    let mut view = no_shifts();
    let agency = &mut view.agencies[0];
    (agency.n_clients, agency.n_shifts_left_today, agency.last_read_at, agency.coverage) = (None, None, None, None);
    (agency.promise, agency.sweep) = (None, None);
    agency.catching_up_since = Some(now());
    agency.endpoints.clear();
    for section in &mut agency.sections {
        section.as_of = None;
    }
    view
}

/// Nobody is cared for today.
pub fn no_shifts() -> View {
    let mut view = picture(day(0, |_| Standing::Covered));
    view.agencies[0].n_shifts_left_today = Some(0);
    view
}

/// The vendor has not answered for a quarter of an hour.
pub fn blind() -> View {
    let mut view = trouble();
    let since = now() - TimeDelta::minutes(15);
    let agency = &mut view.agencies[0];
    agency.blind_since = Some(since);
    agency.n_blind_shifts = 6;
    agency.n_unjudged = 6;
    agency.coverage = None;
    agency.last_read_at = Some(since);
    for endpoint in &mut agency.endpoints {
        endpoint.up = false;
        endpoint.failing_since = Some(since);
        endpoint.last_success_at = Some(since);
        endpoint.paused_until = Some(now() + TimeDelta::seconds(30));
    }
    for section in &mut agency.sections {
        section.as_of = Some(since);
        section.complete = false;
    }
    let mut today = Today::clone(&agency.today);
    for shift in &mut today.shifts {
        shift.stale = true;
    }
    agency.today = Arc::new(today);
    view
}

/// A day of so many shifts.
fn day(n_shifts: usize, standing: impl Fn(usize) -> Standing) -> Today {
    let from = at("2026-12-01T07:00:00Z");
    let mut today = Today::new(Denver, from, from + TimeDelta::hours(24));
    today.locations = ["north", "south"].map(|label| TodayLocation { label: label.to_owned(), zone: Denver }).into();
    today.shifts = (0..n_shifts)
        .map(|n| {
            let standing = standing(n);
            let minutes = i64::try_from(n).expect("small") * 7;
            let start = match standing {
                Standing::Done | Standing::Missed | Standing::Cancelled => from + TimeDelta::minutes(minutes),
                Standing::Running | Standing::Late | Standing::Unseen => now() - TimeDelta::minutes(minutes.min(180)),
                Standing::Covered | Standing::Uncovered => now() + TimeDelta::minutes(minutes + 20),
            };
            let came = matches!(standing, Standing::Done | Standing::Running);
            TodayShift {
                key: key(n, start),
                end: start + TimeDelta::hours(4),
                caregiver: (standing != Standing::Uncovered).then(|| caregiver(n)),
                location: n % 3 / 2,
                standing,
                came_at: came.then_some(start),
                left_at: (standing == Standing::Done).then(|| start + TimeDelta::hours(4)),
                stale: false,
                read_at: Some(now() - TimeDelta::minutes(3)),
            }
        })
        .collect();
    today.shifts.sort_by(|a, b| a.key.cmp(&b.key));
    today
}

fn picture(today: Today) -> View {
    let read = now() - TimeDelta::seconds(40);
    let voice = || Voice {
        title: "CCA".to_owned(),
        zone: Denver,
        location_zones: std::collections::HashMap::new(),
        clock_12h: false,
    };
    View {
        at: now(),
        started_at: now() - TimeDelta::hours(1),
        agencies: vec![AgencyView {
            name: AgencyName::from("main"),
            title: "CCA".to_owned(),
            timezone: Denver,
            clock_12h: false,
            n_clients: Some(118),
            n_shifts_left_today: Some(34),
            last_read_at: Some(read),
            reminders: None,
            details: Vec::new(),
            sections: Section::ALL
                .into_iter()
                .map(|section| SectionView { section, as_of: Some(read), complete: true })
                .collect(),
            n_unjudged: 0,
            blind_since: None,
            n_blind_shifts: 0,
            catching_up_since: None,
            coverage: Some(
                ["north", "south"]
                    .map(|location| LocationCoverage {
                        location: location.to_owned(),
                        missed_check_ins: Some(0),
                        open_visits: Some(4),
                        scheduled: Duration::from_hours(40),
                        worked: Some(Duration::from_hours(16)),
                        ..LocationCoverage::default()
                    })
                    .into(),
            ),
            today: Arc::new(today),
            detect_within: Duration::from_mins(5),
            requests_per_second: 2.0,
            promise: Some(Duration::from_mins(5)),
            sweep: Some(Duration::from_secs(61)),
            endpoints: [Endpoint::Token, Endpoint::Patients, Endpoint::Appointment, Endpoint::Encounter]
                .map(|endpoint| EndpointView {
                    endpoint,
                    up: true,
                    last_success_at: Some(read),
                    failing_since: None,
                    paused_until: None,
                })
                .into(),
        }],
        alerts: Vec::new(),
        rules: Vec::new(),
        told: vec!["office".to_owned(), "on-call".to_owned()],
        routing: RoutingView::default(),
        shadow_until: None,
        telling: Arc::new(Telling {
            voices: [(AgencyName::from("main"), voice())].into(),
            installation: voice(),
            external_url: None,
            shadow: None,
        }),
        outbox: Some(OutboxView::default()),
        config: ConfigView {
            file: Some("shiftwatch.yml".to_owned()),
            original: "store: sqlite:shiftwatch.db\n".into(),
            loaded_at: now() - TimeDelta::hours(1),
            refused_at: None,
        },
        on_call: Arc::new(on_call()),
        ready: Ok(()),
    }
}

/// The token of a link that leads somewhere.
pub const TOKEN: &str = "Ab3dE9xQr2Lm5TzW";

/// The page behind it: told to night-1, owned by nobody.
pub fn linked() -> Linked {
    let alert = (*uncovered(0, 90).alert).clone();
    let group = GroupKey {
        agency: alert.key.agency.clone(),
        route: String::new(),
        receiver: "on-call".to_owned(),
        labels: Labels::new(),
    };
    let key = PageKey { group, generation: 1, policy: "coverage".to_owned() };
    let at = alert.active_at;
    let mut page = Page::new(key, [alert.key.clone()].into(), at);
    let link = PageLink { person: PersonName::new("night-1"), epoch: 0, hash: String::new(), at, used: Vec::new() };
    page.links.push(link.clone());
    Linked { page, link, alerts: vec![alert] }
}
