//! The office's day: somebody comes late, which is listed, said to be in order, and kept. The real binary.

use chrono::TimeDelta;
use serde_json::{Value, json};
use shiftwatch::{
    commands::{Exit, agent::Agent, exceptions, output::Output},
    config::HttpClient,
    sim::Appointment,
};

use crate::harness::{AVERY, CASEY, House, Plan, at};

const RULES: &str = r"groups:
  - name: e2e
    rules:
      - { alert: ShiftUncovered, uncovered_shift: { within: 4h }, labels: { severity: info } }
      - { alert: LateCheckIn, late_check_in: { by: 10m }, labels: { severity: info } }
      - { alert: CaregiverDoubleBooked, double_booked: {}, labels: { severity: warning } }
";

async fn list(house: &House, query: &str) -> Value {
    let (status, body) = house.get(&format!("/api/v1/exceptions{query}")).await;
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).expect("JSON")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_as_planned_is_listed_until_somebody_says_what_became_of_it() {
    let plan = Plan {
        begins_at: at("2026-11-24T16:00:00Z"),
        rules: RULES,
        wellsky: "      encounter_naive_tz: utc",
        speed: 20,
        world: |world, now| {
            let start = now - TimeDelta::minutes(40);
            world.add_shift(Appointment::hours("90010003", AVERY, start, 3).with(CASEY));
            world.check_in("90010003", now - TimeDelta::minutes(25)).expect("a shift");
            let tomorrow = now + TimeDelta::hours(20);
            world.add_shift(Appointment::hours("90010004", AVERY, tomorrow, 4).with(CASEY));
            world.add_shift(Appointment::hours("90010005", AVERY, tomorrow + TimeDelta::hours(1), 4).with(CASEY));
        },
        ..Plan::default()
    };
    let mut house = House::open(plan).await;
    let mut listed = Value::Null;
    for _ in 0..60 {
        listed = list(&house, "").await;
        if listed["exceptions"].as_array().is_some_and(|all| all.len() == 2) {
            break;
        }
        house.pass(TimeDelta::seconds(30)).await;
    }
    let of = |kind: &str| {
        let all = listed["exceptions"].as_array().expect("a list");
        all.iter().find(|row| row["kind"] == kind).unwrap_or_else(|| panic!("{kind}: {listed}")).clone()
    };
    let late = of("late_check_in");
    assert_eq!(
        (&late["shift"], &late["waits"], &late["resolved_at"]),
        (&json!("90010003"), &json!(true), &Value::Null)
    );
    let twice = of("double_booked");
    assert_eq!((&twice["shift"], &twice["other_shift"]), (&json!("90010005"), &json!("90010004")));
    assert_eq!(listed["n_waiting"], 2);
    assert_eq!(list(&house, "?kind=double_booked").await["exceptions"].as_array().map(Vec::len), Some(1));
    let (status, body) = house.get("/api/v1/exceptions?days=0").await;
    assert!(status == 400 && body.contains("`days` must be a number from 1 to 400"), "{status} {body}");

    // On the board, in place; ids only.
    let (status, page) = house.get("/exceptions").await;
    assert!(status == 200 && page.contains("late check in") && page.contains("shift 90010003"), "{page}");
    assert!(!page.contains(AVERY) && !page.contains("2025550"), "{page}");
    let fingerprint = late["fingerprint"].as_str().expect("a fingerprint").to_owned();
    let form: Vec<(String, String)> = [
        ("by", "office"),
        ("disposition", "approved"),
        ("note", ""),
        ("active_at", late["active_at"].as_str().unwrap()),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    let (status, body) = house.post_form(&format!("/exceptions/{fingerprint}"), &form, &[]).await;
    assert!(matches!(status, 200 | 303), "{status} {body}");
    let open = list(&house, "?open=true").await;
    let kinds: Vec<&str> =
        open["exceptions"].as_array().unwrap().iter().filter_map(|row| row["kind"].as_str()).collect();
    assert_eq!(kinds, ["double_booked"], "{open}");

    // By the command line, and after a restart.
    assert_eq!(house.stop().await, Some(0), "{}", house.log());
    house.start().await;
    house.settled().await;
    let agent = Agent::find_with(Some(&house.url), None, HttpClient::default()).expect("an agent");
    let mut out = Vec::new();
    let exit = exceptions::run(&agent, 7, false, Output::Table, usize::MAX, &mut out).await.expect("an answer");
    let out = String::from_utf8(out).expect("text");
    assert!(exit == Exit::Done && out.contains("approved as it is (office)") && out.contains("double booked"), "{out}");

    // The key figures say what they know, and nothing of what they do not.
    let (status, body) = house.get("/api/v1/kpis").await;
    assert_eq!(status, 200, "{body}");
    let kpis: Value = serde_json::from_str(&body).expect("JSON");
    let all = &kpis["agencies"][0]["all"];
    assert_eq!((&all["open_24h_ratio"], &all["fill_ratio"]), (&json!(0.0), &Value::Null), "{body}");
    assert_eq!(kpis["agencies"][0]["exceptions_waiting"], json!({ "double_booked": 1, "late_check_in": 0 }), "{body}");
    assert_eq!(house.stop().await, Some(0), "{}", house.log());
}
