//! What the asking commands print, word for word.

use chrono::TimeDelta;

use super::{
    ack::{self, Wish},
    agent::Agent,
    alerts::{self, Pick},
    output::Output,
    status,
};
use crate::{
    cli::StateFilter,
    commands::Exit,
    http::tests::Site,
    view::{
        AlertView, View,
        report::{
            AlertReport, StatusReport,
            tests::{changed, owned, uncovered},
        },
        tests::{noon, view},
    },
};

fn sample() -> View {
    let mut view = view();
    let no_show = changed(uncovered("48000000000000002"), |alert| {
        alert.labels.insert("alertname".to_owned(), "NoShow".to_owned());
        alert.labels.insert("severity".to_owned(), "critical".to_owned());
        alert.annotations.clear();
        alert.facts.deadline = Some(noon() + TimeDelta::minutes(12));
    });
    let held = changed(uncovered("4000"), |alert| {
        alert.labels.insert("severity".to_owned(), "warning".to_owned());
        alert.unjudged_since = Some(noon());
    });
    view.alerts =
        [owned(uncovered("3000")), held, no_show, uncovered("90010001")].into_iter().map(std::sync::Arc::new).collect();
    view
}

fn reports() -> Vec<AlertReport> {
    AlertReport::all(&sample(), noon())
}

fn status_text(output: Output) -> String {
    status::answer(&StatusReport::with(&sample(), Ok(()), noon()), &reports(), "agent", output, 120)
}

#[test]
fn status_is_one_line_then_what_needs_a_person_most_pressing_first() {
    assert_eq!(
        status_text(Output::Table),
        "\
Watching 118 clients, 34 shifts left today, read 3 min ago, 2 alerts need you, 1 owned, 1 warning.
Telling office, on-call.

id          due        severity  alert           where, when             shift              state
00aa87      in 12 min  critical  NoShow          north, Tue 04:32-08:32  48000000000000002  firing
0000000005  in 1 h 30  page      ShiftUncovered  north, Tue 04:32-08:32  90010001           firing

Own one: shiftwatch ack 00aa87 --by YOUR-NAME
"
    );
}

#[test]
fn a_quiet_status_is_two_lines() {
    let text = status::answer(&StatusReport::with(&view(), Ok(()), noon()), &[], "agent", Output::Table, 80);
    assert_eq!(
        text,
        "Watching 118 clients, 34 shifts left today, read 3 min ago, nothing needs you.\nTelling office, on-call.\n"
    );
}

#[test]
fn status_for_machines() {
    let value: serde_json::Value = serde_json::from_str(&status_text(Output::Json)).unwrap();
    assert_eq!(value["source"], "agent");
    assert_eq!(value["needs_you"][0]["alertname"], "NoShow");
    assert_eq!(value["alerts"]["need_you"], 2);
    assert_eq!(
        status_text(Output::Csv),
        "agency,clients,shifts_left_today,last_read_at,unjudged,blind_since,ready,need_you,owned,warnings\r\n\
         main,118,34,2026-12-01T10:01:23Z,0,,true,2,1,1\r\n"
    );
}

#[test]
fn a_long_list_points_to_the_whole() {
    let mut view = view();
    view.alerts = (1..=12).map(|n| std::sync::Arc::new(uncovered(&n.to_string()))).collect();
    let all = AlertReport::all(&view, noon());
    let text = status::answer(&StatusReport::with(&view, Ok(()), noon()), &all, "agent", Output::Table, 120);
    assert!(text.contains("… and 2 more: shiftwatch alerts"), "{text}");
}

#[test]
fn alerts_as_a_table() {
    assert_eq!(
        alerts::list(&reports(), &Pick::default(), Output::Table, 140),
        "\
id              due        severity  alert           where, when             shift              state
00aa87          in 12 min  critical  NoShow          north, Tue 04:32-08:32  48000000000000002  firing
0000000005      in 1 h 30  page      ShiftUncovered  north, Tue 04:32-08:32  90010001           firing
0000000000000f  in 1 h 30  warning   ShiftUncovered  north, Tue 04:32-08:32  4000               firing, held: no fresh data
0000000000000b  in 1 h 30  page      ShiftUncovered  north, Tue 04:32-08:32  3000               night-1 until Tue 03:22
"
    );
    assert_eq!(alerts::list(&[], &Pick::default(), Output::Table, 80), "No alerts.\n");
}

#[test]
fn filters_keep_the_ids_of_the_whole_list() {
    let owned = Pick { states: vec![StateFilter::Acknowledged], ..Pick::default() };
    let text = alerts::list(&reports(), &owned, Output::Table, 140);
    assert!(text.lines().nth(1).unwrap().starts_with("0000000000000b  "), "{text}");
    for (pick, n) in [
        (Pick { severities: vec!["page".to_owned(), "critical".to_owned()], ..Pick::default() }, 3),
        (Pick { labels: vec![("location".to_owned(), "south".to_owned())], ..Pick::default() }, 0),
        (Pick { labels: vec![("nothing".to_owned(), String::new())], ..Pick::default() }, 4),
        (Pick { states: vec![StateFilter::Resolved], ..Pick::default() }, 0),
    ] {
        let listed: Vec<AlertReport> =
            serde_json::from_str(&alerts::list(&reports(), &pick, Output::Json, 80)).unwrap();
        assert_eq!(listed.len(), n, "{pick:?}");
    }
}

#[test]
fn alerts_as_csv() {
    let text = alerts::list(&reports(), &Pick::default(), Output::Csv, 80);
    assert_eq!(
        text.lines().nth(4),
        Some(
            "0000000000000bb8,acknowledged,false,page,ShiftUncovered,main,north,Tue 04:32-08:32,\
             2026-12-01T11:32:03Z,2026-12-01T10:00:03Z,2026-12-01T10:02:03Z,night-1,2026-12-01T10:22:03Z,,\
             Shift 3000 has no caregiver"
        )
    );
}

#[test]
fn an_alert_is_meant_by_the_beginning_of_its_id_and_never_by_its_place() {
    let all = reports();
    for alert in &all {
        assert_eq!(ack::find(&all, alerts::id(alert, &all)).unwrap().fingerprint, alert.fingerprint);
    }
    assert_eq!(ack::find(&all, "00AA").unwrap().alertname, "NoShow");
    for (wanted, says) in [
        ("1", "at least 4 digits"),
        ("123", "at least 4 digits"),
        ("", "at least 4 digits"),
        ("00a", "at least 4 digits"),
        ("0000", "several alerts begin with 0000"),
        ("ffff", "no live alert begins with ffff"),
        ("1234", "no live alert"),
    ] {
        let error = ack::find(&all, wanted).unwrap_err();
        assert!(error.contains(says), "{wanted}: {error}");
    }
}

fn at(site: &Site) -> Agent {
    Agent::find(Some(&format!("http://{}", site.address)), None).unwrap()
}

async fn status_of(agent: &Agent, stored: Option<View>) -> (Exit, String) {
    let mut out = Vec::new();
    let stored = std::future::ready(stored);
    let exit = status::run(agent, stored, noon() + TimeDelta::minutes(12), Output::Table, 120, &mut out).await.unwrap();
    (exit, String::from_utf8(out).unwrap())
}

#[tokio::test]
async fn commands_ask_the_running_agent() {
    let site = Site::open(vec![uncovered("1"), AlertView { ..uncovered("2") }]).await;
    let agent = at(&site);
    let (exit, text) = status_of(&agent, None).await;
    assert_eq!(exit, Exit::Done);
    assert!(
        text.starts_with("Watching 118 clients, 34 shifts left today, read 3 min ago, night-2 on call (nights), night-1 on call (shared), 2 alerts need you.\n"),
        "{text}"
    );

    let wish = Wish {
        alert: "0000000000000002".to_owned(),
        by: "night-1".to_owned(),
        note: String::new(),
        for_: Some(std::time::Duration::from_mins(20)),
    };
    let mut out = Vec::new();
    assert_eq!(ack::run(&agent, &wish, Output::Table, 80, &mut out).await.unwrap(), Exit::Done);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "night-1 owns ShiftUncovered (north, Tue 04:32-08:32) until Tue 03:22.\n\
         It closes when the schedule shows it is solved; if not, everybody is told again then.\n"
    );
    assert_eq!(site.orders.acks.lock().unwrap()[0].fingerprint, "0000000000000002");
    assert_eq!(site.orders.acks.lock().unwrap()[0].for_, wish.for_);

    let mut out = Vec::new();
    let exit = alerts::run(&agent, &Pick::default(), Output::Csv, 80, &mut out).await.unwrap();
    assert_eq!((exit, String::from_utf8(out).unwrap().lines().count()), (Exit::Done, 3));
}

#[tokio::test]
async fn an_order_that_is_refused_is_exit_1() {
    let site = Site::open(vec![uncovered("57005")]).await; // 0xdead
    let wish = Wish { alert: "dead".to_owned(), by: "night-1".to_owned(), note: String::new(), for_: None };
    let mut out = Vec::new();
    assert_eq!(ack::run(&at(&site), &wish, Output::Table, 80, &mut out).await.unwrap(), Exit::Failed);
    assert!(out.is_empty());
}

#[tokio::test]
async fn without_an_agent_the_store_speaks_and_says_that_nobody_watches() {
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    let agent = Agent::find(None, Some(address)).unwrap();
    assert_eq!(status_of(&agent, None).await, (Exit::Failed, String::new()));
    let (exit, text) = status_of(&agent, Some(view())).await;
    assert_eq!(exit, Exit::Done);
    assert!(text.contains("read 15 min ago") && text.contains("NOT READY: no agent is running."), "{text}");
    let mut out = Vec::new();
    assert_eq!(alerts::run(&agent, &Pick::default(), Output::Table, 80, &mut out).await.unwrap(), Exit::Failed);
}

#[test]
fn milder_bands_are_shown_when_asked_for() {
    let mut milder = uncovered("4001");
    milder.inhibited_by = vec!["00aa87bee538c002".to_owned()];
    let mut view = sample();
    view.alerts.push(std::sync::Arc::new(milder));
    let all = AlertReport::all(&view, noon());
    let said = alerts::list(&all, &Pick::default(), Output::Table, 140);
    assert!(said.ends_with("1 milder one not shown, because a worse one speaks for the same shift: --all\n"), "{said}");
    assert!(!said.contains("4001"), "{said}");
    let said = alerts::list(&all, &Pick { all: true, ..Pick::default() }, Output::Table, 140);
    assert!(said.contains("4001") && said.contains("firing, a worse one speaks"), "{said}");
    let said = alerts::list(&all, &Pick::default(), Output::Csv, 140);
    assert!(said.contains("4001"), "machines get everything: {said}");
}

#[test]
fn a_list_fits_a_small_terminal_and_loses_nothing() {
    let text = alerts::list(&reports()[1..2], &Pick::default(), Output::Table, 80);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    for part in ["ShiftUncovered", "90010001", "04:32-08:32", "in 1 h 30", "firing"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
