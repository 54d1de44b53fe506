//! A calendar says who is on call: it is followed, its faults cost nothing, and where it leaves a hole somebody is told.

use std::{
    process::Command,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use chrono::TimeDelta;
use serde_json::Value;
use shiftwatch::model::Instant;

use crate::harness::{House, Plan, value};

/// What a calendar's server does.
#[derive(Default)]
struct Calendar {
    /// What it answers; `None` = a page for signing in.
    text: Option<String>,
    /// With another status than 200.
    status: Option<u16>,
    n_whole: u32,
    n_same: u32,
}

type Shared = Arc<Mutex<Calendar>>;

async fn answer(State(calendar): State<Shared>, headers: HeaderMap) -> Response {
    let mut calendar = calendar.lock().unwrap();
    if let Some(status) = calendar.status {
        return (StatusCode::from_u16(status).unwrap(), "BEGIN:VCALENDAR").into_response();
    }
    let Some(text) = calendar.text.clone() else {
        return ([(header::CONTENT_TYPE, "text/html")], "<!DOCTYPE html><title>Sign in</title>").into_response();
    };
    let etag = format!("\"{}-{}\"", text.len(), text.bytes().map(u64::from).sum::<u64>());
    if headers.get(header::IF_NONE_MATCH).is_some_and(|given| given.as_bytes() == etag.as_bytes()) {
        calendar.n_same += 1;
        return StatusCode::NOT_MODIFIED.into_response();
    }
    calendar.n_whole += 1;
    ([(header::ETAG, etag)], text).into_response()
}

async fn serve() -> (Shared, String) {
    let calendar = Shared::default();
    let moved = get(|| async { (StatusCode::FOUND, [(header::LOCATION, "/calendar/private-key/basic.ics")]) });
    let router = Router::new()
        .route("/calendar/private-key/basic.ics", get(answer))
        .route("/old/private-key.ics", moved)
        .with_state(Arc::clone(&calendar));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/old/private-key.ics", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (calendar, url)
}

/// One turn of a person, an hour either side of `now`; and one of somebody nobody knows, tomorrow.
fn turn(person: &str, now: Instant) -> String {
    let stamp = |hours: i64| (now + TimeDelta::hours(hours)).format("%Y%m%dT%H%M%SZ");
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:{}\r\nDTEND:{}\r\nSUMMARY:Night: {person}\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:2\r\nDTSTART:{}\r\nDTEND:{}\r\nSUMMARY:Jane Stranger on call\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
        stamp(-10),
        stamp(100),
        stamp(100),
        stamp(124)
    )
}

const RULES: &str = r#"groups:
  - name: e2e
    rules:
      - { alert: ShiftUncovered, uncovered_shift: { within: 4h }, labels: { severity: page } }
      - { alert: NobodyOnCall, nobody_on_call: {}, labels: { severity: page }, annotations: { summary: "Nobody is on call by {{ labels.schedule }}" } }
      - { alert: OnCallGap, nobody_on_call: { within: 14d }, labels: { severity: info } }
      - { alert: OnCallFault, on_call_fault: {}, labels: { severity: info } }
"#;

async fn on_call(house: &House) -> Value {
    let (status, body) = house.get("/api/v1/on-call").await;
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// Waits until the schedule has these people on call.
async fn has(house: &House, people: &[&str]) {
    for _ in 0..600 {
        if on_call(house).await["schedules"][0]["on_call"] == serde_json::json!(people) {
            return;
        }
        house.pass(TimeDelta::seconds(1)).await;
    }
    panic!("{people:?} never came on call: {}\n{}", on_call(house).await, house.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_calendar_is_followed_and_its_faults_cost_nothing() {
    let (calendar, url) = serve().await;
    let mut house = House::unwatched(Plan { rules: RULES, ..Plan::default() }).await;
    calendar.lock().unwrap().text = Some(turn("night-1", house.now()));
    let config = std::fs::read_to_string(house.config_file()).unwrap();
    let config =
        config.replace("  routes:\n", "  routes:\n    - { matchers: ['severity=\"info\"'], receiver: none }\n");
    let config = config.replace("receivers:\n", "receivers:\n  - { name: none }\n");
    let more = format!(
        "people: [ {{ name: night-1, phone: '+12025550111' }}, {{ name: night-2, phone: '+12025550112' }} ]
schedules: [ {{ name: shared, timezone: America/Denver, ical: {{ url: '{url}', refresh: 30s }} }} ]
escalation_policies: [ {{ name: coverage, steps: [ {{ notify: [ {{ schedule: shared }} ], via: [sms] }} ] }} ]
"
    );
    std::fs::write(house.config_file(), config + &more).unwrap();
    house.start().await;
    house.settled().await;

    // Read, behind an address that leads on; then only asked for news.
    has(&house, &["night-1"]).await;
    house.sim.until(crate::harness::PATIENCE, |_| calendar.lock().unwrap().n_same >= 2).await;
    assert_eq!(calendar.lock().unwrap().n_whole, 1, "{}", house.log());
    assert!(
        value(&house.metrics().await, "shiftwatch_on_call_calendar_age_seconds").is_some_and(|age| age < 110.0),
        "good as of now"
    );
    let report = on_call(&house).await;
    assert_eq!(report["schedules"][0]["calendar"]["stale"], false);
    let kinds: Vec<&str> =
        report["findings"].as_array().unwrap().iter().map(|one| one["kind"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"gap") && kinds.contains(&"nameless") && kinds.contains(&"unverified"), "{report}");
    assert!(!report.to_string().contains("Stranger"), "the title of an event is nobody's business: {report}");
    let metrics = house.metrics().await;
    assert_eq!(value(&metrics, "shiftwatch_on_call"), Some(1.0));
    assert!(value(&metrics, "shiftwatch_on_call_gap_seconds").is_some_and(|gap| gap > 86_400.0), "{metrics}");
    assert!(!metrics.contains("night-1"), "no person is a label");

    // As a calendar again, on the command line, and in the one line about everything.
    let (status, ics) = house.get("/api/v1/on-call/shared.ics").await;
    assert!(status == 200 && ics.contains("SUMMARY:night-1 on call (shared)") && !ics.contains("+1202"), "{ics}");
    assert_eq!(house.get("/api/v1/on-call/people/night-2.ics").await.0, 200);
    assert_eq!(house.get("/api/v1/on-call/nights.ics").await.0, 404);
    assert_eq!(house.get("/api/v1/on-call?at=yesterday").await.0, 400);
    let said = Command::new(env!("CARGO_BIN_EXE_shiftwatch")).args(["on-call", "--url", &house.url]).output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.starts_with("shared: night-1, until ") && said.contains("then NOBODY"), "{said}");
    let (_, status) = house.get("/api/v1/status").await;
    assert!(status.contains("night-1 on call"), "{status}");
    let (_, page) = house.get("/on-call").await;
    assert!(page.contains("<bdi>night-1</bdi>") && page.contains("whoever is on call by shared"), "{page}");

    // What is no calendar, a server that fails, a start meanwhile: the last good copy stays.
    calendar.lock().unwrap().text = None;
    house.logged("a calendar could not be read again").await;
    has(&house, &["night-1"]).await;
    house.shows("shiftwatch_on_call", 1.0).await;
    calendar.lock().unwrap().status = Some(503);
    assert_eq!(house.stop().await, Some(0));
    house.start().await;
    house.settled().await;
    has(&house, &["night-1"]).await;
    house.logged("its server answered 503").await;
    let n_findings = u32::try_from(on_call(&house).await["findings"].as_array().unwrap().len()).unwrap();
    house.shows("shiftwatch_on_call_findings", f64::from(n_findings)).await;

    // It comes back with somebody else, then with nobody: that is told, and so is its end.
    let night_2 = turn("night-2", house.now());
    *calendar.lock().unwrap() = Calendar { text: Some(night_2.clone()), ..Calendar::default() };
    has(&house, &["night-2"]).await;
    let empty = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n";
    calendar.lock().unwrap().text = Some(empty.to_owned());
    has(&house, &[]).await;
    house.told_of(&["Nobody is on call by shared"]).await;
    calendar.lock().unwrap().text = Some(night_2);
    house.told_of(&["CLOSED"]).await;
    assert!(!house.log().contains("private-key") && !house.log().contains("Stranger"), "{}", house.log());
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_fails_where_nobody_is_on_call() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.yml");
    let config = |only: &str| {
        format!(
            "agencies:
  - {{ name: main, timezone: America/Denver, wellsky: {{ client_id: a, client_secret: b }} }}
sms_gateways: [ {{ name: twilio, twilio: {{ account_sid: AC00, auth_token: b, from: '+12025550100' }} }} ]
people: [ {{ name: night-1, phone: '+12025550111' }} ]
schedules:
  - {{ name: on-call, rotations: [ {{ people: [night-1], every: weekly, start: 2026-01-05T17:00{only} }} ] }}
  - {{ name: filed, may_be_empty: true, ical: {{ file: on-call.ics }} }}
escalation_policies:
  - {{ name: coverage, steps: [ {{ notify: [ {{ schedule: on-call }} ], via: [sms] }}, {{ notify: [ {{ schedule: filed }}, {{ person: night-1 }} ], after: 5m }} ] }}
"
        )
    };
    let check = || {
        let done =
            Command::new(env!("CARGO_BIN_EXE_shiftwatch")).arg("check").arg("--config").arg(&file).output().unwrap();
        (done.status.code(), String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap())
    };
    std::fs::write(&file, config("")).unwrap();
    let (code, _, err) = check();
    assert!(code == Some(1) && err.contains("c.yml: warning: on-call: the calendar of filed is not read"), "{err}");
    std::fs::write(folder.path().join("on-call.ics"), turn("night-1", shiftwatch::clock::real_now())).unwrap();
    let (code, _, err) = check();
    assert!(code == Some(1) && err.contains("names nobody in people") && !err.contains("Stranger"), "{err}");
    std::fs::write(folder.path().join("on-call.ics"), "BEGIN:VCALENDAR\nEND:VCALENDAR\n").unwrap();
    let (code, out, err) = check();
    assert_eq!(code, Some(0), "{err}");
    assert!(
        out.contains("people   night-1\n")
            && out.contains("pages    coverage: at once: whoever is on call by on-call, by text"),
        "{out}"
    );
    std::fs::write(&file, config(", only: [ { days: [mon-thu], from: '17:00', to: '08:00' } ]")).unwrap();
    let (code, out, err) = check();
    assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
    assert!(err.contains("on-call: nobody is on call by on-call from ") && err.contains("may_be_empty: true"), "{err}");
    assert!(!err.contains("+1202"), "{err}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_asks_for_calendars_when_told_to_and_knows_people_by_other_names() {
    let (calendar, url) = serve().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.yml");
    let config = |known: &str| {
        format!(
            "agencies:
  - {{ name: main, timezone: America/Denver, wellsky: {{ client_id: a, client_secret: b }} }}
sms_gateways: [ {{ name: twilio, twilio: {{ account_sid: AC00, auth_token: b, from: '+12025550100' }} }} ]
people: [ {{ name: night-1, phone: '+12025550111' }}, {{ name: night-2, phone: '+12025550112'{known} }} ]
schedules: [ {{ name: shared, ical: {{ url: '{url}' }} }} ]
escalation_policies: [ {{ name: coverage, steps: [ {{ notify: [ {{ schedule: shared }} ], via: [sms] }} ] }} ]
"
        )
    };
    let check = async |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shiftwatch"));
        command.arg("check").arg("--config").arg(&file).args(more);
        let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let (out, err) = (String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap());
        assert!(!err.contains("private-key") && !out.contains("private-key"), "{err}{out}");
        assert!(!err.contains("Stranger"), "{err}");
        (done.status.code(), out, err)
    };
    let now = shiftwatch::clock::real_now();
    // Without being told to it asks nobody, and says so.
    std::fs::write(&file, config("")).unwrap();
    let (code, out, err) = check(&[]).await;
    assert!(code == Some(0) && out.contains("calendar shared: not asked for; check --fetch asks"), "{out}{err}");
    assert_eq!(calendar.lock().unwrap().n_whole, 0);

    // What cannot be read, a stranger and a hole each fail it.
    let (code, _, err) = check(&["--fetch"]).await;
    assert!(code == Some(1) && err.contains("the calendar of shared is not read: what came is no calendar"), "{err}");
    let stranger = turn("night-1", now);
    calendar.lock().unwrap().text = Some(stranger.clone());
    let (code, _, err) = check(&["--fetch"]).await;
    assert!(code == Some(1) && err.contains("names nobody in people"), "{err}");
    assert!(err.contains("on-call: nobody is on call by shared from "), "{err}");

    // The stranger is somebody whom calendars call otherwise, and turns that go on leave no hole.
    let for_good = stranger.replacen("SUMMARY:Night: night-1", "RRULE:FREQ=DAILY\r\nSUMMARY:night-1", 1);
    calendar.lock().unwrap().text = Some(for_good);
    std::fs::write(&file, config(", also_known_as: [ 'jane  stranger' ]")).unwrap();
    let (code, out, err) = check(&["--fetch"]).await;
    assert!(code == Some(0) && out.contains("calendar shared: asked for, and read"), "{out}{err}");
}
