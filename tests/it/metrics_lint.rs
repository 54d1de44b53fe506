//! `promtool check metrics` has nothing to say about `/metrics`.

use std::{
    collections::HashMap,
    io::Write,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use chrono::TimeDelta;
use serde_json::json;
use shiftwatch::{
    alerts::{
        page::Turn,
        step::{Quiet, Why},
    },
    metrics::{MessageOutcome, Metrics},
    mirror::today::Today,
    model::{AgencyName, Endpoint, Instant, Section, local_time},
    notify::{
        message::Channel,
        voice::{Telling, Voice},
    },
    pulse::{Loop, Pulses},
    report::kpi::Kpis,
    source::fetched::RequestRecord,
    view::{
        AgencyView, Band, ConfigView, EndpointView, LocationCoverage, OutboxCount, OutboxView, RoutingView, RuleView,
        SectionView, View,
    },
};

/// A page with every family on it.
fn page() -> String {
    let now = local_time::from_micros(1_796_119_200_000_000);
    let main = AgencyName::from("main");
    let metrics = Metrics::new();
    metrics.request(
        &main,
        &RequestRecord {
            endpoint: Endpoint::Appointment,
            code: "200".to_owned(),
            at: now,
            took: Duration::from_millis(612),
            ok: true,
            waited: Duration::from_millis(3),
        },
    );
    metrics.rejected_rows(&main, Endpoint::Appointment, 1);
    metrics.message(Channel::Sms, MessageOutcome::Sent);
    metrics.sent_on("sent", 1);
    metrics.inbound_texts("twilio", "reply", 1);
    metrics.reminder(shiftwatch::remind::Moment::CheckIn, shiftwatch::remind::Outcome::Cleared);
    metrics.gateway_penalty("ringcentral", Duration::from_secs(7));
    metrics.told(Why::FirstFiring);
    metrics.page_turned(Turn::Opened);
    metrics.kept_quiet(Quiet::Grouping);
    metrics.detected_after(Duration::from_secs(4));
    metrics.delivered_after(Channel::Sms, Duration::from_millis(80));
    metrics.acknowledged_after(Duration::from_secs(90));
    metrics.pass(Loop::Tick, Duration::from_micros(40));
    let pulses = Pulses::new(now);
    pulses.beat(Loop::Tick, now);
    let view = View {
        at: now,
        started_at: now,
        agencies: vec![AgencyView {
            name: main,
            title: "CCA".to_owned(),
            timezone: chrono_tz::America::Denver,
            clock_12h: false,
            n_clients: Some(118),
            n_shifts_left_today: Some(34),
            last_read_at: Some(now),
            reminders: None,
            details: Vec::new(),
            sections: Section::ALL
                .into_iter()
                .map(|section| SectionView { section, as_of: Some(now - TimeDelta::seconds(9)), complete: true })
                .collect(),
            n_unjudged: 0,
            blind_since: None,
            n_blind_shifts: 0,
            catching_up_since: None,
            coverage: Some(vec![LocationCoverage {
                location: "north \"old\" \\ office".to_owned(),
                uncovered: vec![Band { within: "4h".to_owned(), n: 0 }],
                missed_check_ins: Some(0),
                open_visits: Some(3),
                scheduled: Duration::from_mins(7215),
                worked: Some(Duration::from_hours(16)),
                unbillable: Some(Duration::from_hours(2)),
                ..LocationCoverage::default()
            }]),
            today: Arc::new(Today::new(chrono_tz::America::Denver, now, now + TimeDelta::hours(24))),
            detect_within: Duration::from_mins(5),
            requests_per_second: 2.0,
            promise: Some(Duration::from_mins(5)),
            sweep: Some(Duration::from_secs(61)),
            endpoints: vec![EndpointView {
                endpoint: Endpoint::Appointment,
                up: true,
                last_success_at: Some(now),
                failing_since: None,
                paused_until: None,
            }],
        }],
        alerts: Vec::new(),
        rules: vec![RuleView { alert: "ShiftUncovered".to_owned(), severity: "page".to_owned() }],
        routing: RoutingView::default(),
        told: Vec::new(),
        shadow_until: None,
        telling: Arc::new(Telling {
            voices: HashMap::new(),
            installation: Voice {
                title: "shiftwatch".to_owned(),
                zone: chrono_tz::America::Denver,
                location_zones: HashMap::new(),
                clock_12h: false,
            },
            external_url: None,
            shadow: None,
        }),
        outbox: Some(OutboxView {
            waiting: vec![OutboxCount { channel: Channel::Email, state: "queued", n: 1 }],
            oldest_at: Some(now),
        }),
        config: ConfigView { file: None, original: Arc::from(""), loaded_at: now, refused_at: None },
        on_call: Arc::new(crate::browser::hand_made::on_call()),
        ready: Ok(()),
    };
    metrics.figures(Some(figures(now)));
    metrics.encode(&view, &pulses, now)
}

/// Key figures of which everything is known.
fn figures(now: Instant) -> Kpis {
    let place = json!({
        "n_shifts": 4, "n_unknown": 0, "fill_ratio": 0.75, "missed_ratio": 0.25, "on_time_7m_ratio": 0.5,
        "on_time_15m_ratio": 1.0, "scheduled_hours": 8.0, "worked_hours": 7.5, "variance_hours": -0.5,
        "utilisation_ratio": 0.9375, "caregivers_per_client": 2.0, "open_24h_ratio": 0.0, "open_72h_ratio": 0.5,
        "at_risk_24h_hours": 0.0, "at_risk_72h_hours": 2.0,
    });
    let times = json!({ "n": 1, "p50_seconds": 60.0, "p90_seconds": 90.0, "max_seconds": 90.0 });
    let kpis = json!({
        "as_of": now, "days": 7,
        "rules": [{
            "alertname": "ShiftUncovered", "n_alerts": 2, "detect": times, "acknowledge": times, "resolve": times,
            "precision_ratio": 0.5, "retro_resolved_ratio": null,
        }],
        "people": [{ "person": "night-1", "n_taken": 1, "acknowledge": times, "resolve": times }],
        "agencies": [{
            "agency": "main", "complete": true, "all": place, "locations": { "north": place }, "overtime_hours": 1.5,
            "time_to_fill": times,
            "filled_late_ratio": 0.0, "manual_edit_ratio": 0.02, "exceptions_waiting": { "late_check_in": 3 },
        }],
    });
    let mut kpis: Kpis = serde_json::from_value(kpis).unwrap();
    kpis.agencies.iter_mut().for_each(|agency| agency.is_current = true);
    kpis
}

#[test]
fn promtool_finds_nothing_to_say() {
    let text = page();
    let families = text.lines().filter(|line| line.starts_with("# TYPE ")).count();
    assert_eq!(families, shiftwatch::metrics::family::ALL.len(), "every family is on the page that is checked");
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("promtool is needed for this test and could not be started ({error}): apt-get install prometheus")
        });
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let said = promtool.wait_with_output().unwrap();
    let words = String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success() && words.trim().is_empty(), "promtool check metrics: {words}\n{text}");
}
