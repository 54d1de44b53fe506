//! What is read beside the watch: it comes at its own pace, is as old as it says, and costs the watch nothing.

use std::process::Command;

use chrono::TimeDelta;
use serde_json::{Value, json};
use shiftwatch::sim::{Appointment, Conduct, Fault, FaultAnswer, request_log};

use crate::harness::{AVERY, CASEY, House, Plan, value};

const SECTIONS: &str = "      sections: { shift_tasks: {}, task_logs: { again: 1h }, activities: { every: 24h } }\n";

/// One shift that began two hours ago and ended half an hour ago, with a visit.
fn plan() -> Plan {
    Plan {
        wellsky: SECTIONS,
        world: |world, now| {
            let start = now - TimeDelta::hours(3);
            world.add_shift(Appointment::hours("90010077", AVERY, start, 2).with(CASEY).who(Conduct::punctual()));
        },
        ..Plan::default()
    }
}

fn asked(house: &House, end: &str) -> usize {
    house.sim.read_log(|log| log.iter().filter(|entry| entry.path.ends_with(end)).count())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sections_that_are_wanted_are_read_and_say_how_old_they_are() {
    let house = House::open(plan()).await;
    for section in ["activities", "shift_tasks", "task_logs"] {
        let series = format!("shiftwatch_data_age_seconds{{agency=\"main\",section=\"{section}\"}}");
        for _ in 0..600 {
            if house.metrics().await.contains(&series) {
                break;
            }
            house.pass(TimeDelta::seconds(1)).await;
        }
        assert!(house.metrics().await.contains(&series), "{section}: {}", house.log());
    }
    assert_eq!(asked(&house, "/tasklog/"), 1, "a visit's log is read once");
    assert_eq!(asked(&house, "/activity-metadata/"), 2, "both kinds");

    let visit = house.sim.world(|world| {
        let visit = world.visits_of(AVERY).find(|visit| visit.shift.as_deref() == Some("90010077"));
        visit.map(|visit| visit.id.clone()).expect("a visit")
    });
    let (status, body) = house.get(&format!("/api/v1/tasks?visit={visit}")).await;
    let answer: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((status, &answer["names"]), (200, &json!("sign_in")), "{body}");
    assert_eq!((&answer["done"]["n"], &answer["done"]["n_complete"]), (&json!(2), &json!(1)), "{body}");
    assert_eq!((&answer["planned"]["n"], &answer["planned"]["what"]), (&json!(2), &Value::Null), "{body}");
    // Whoever can read the store on this machine is shown what was written, and is written down.
    let command = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shiftwatch"));
        command.arg("--config").arg(house.config_file()).args(words).args(["--url", &house.url]);
        let output = command.output().expect("the binary runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    let shown = command(&["tasks", &visit]);
    assert!(shown.contains("2 planned") && shown.contains("1 of 2 logged as complete"), "{shown}");
    assert!(shown.contains("Prepare lunch") && shown.contains("NOT_COMPLETE"), "{shown}");
    let audit = command(&["audit"]);
    assert!(audit.contains("/api/v1/tasks") && audit.contains(&format!("visit {visit}")), "{audit}");
    let sections = command(&["sections"]);
    assert!(sections.contains("task_logs") && sections.contains("ago"), "{sections}");
    let (status, body) = house.get("/api/v1/activities").await;
    assert!(status == 200 && body.contains("Laundry") && body.contains("Dressing"), "{body}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sections_that_fail_cost_the_watch_nothing() {
    let mut plan = plan();
    plan.switches.faults.push(Fault::new("GET /v1/encounter/", FaultAnswer::Status(500)));
    plan.switches.faults.push(Fault::new("GET /v1/careplan/", FaultAnswer::Status(500)));
    let house = House::open(plan).await;
    house.logged("details could not be read").await;
    house.pass(TimeDelta::minutes(3)).await;
    let metrics = house.metrics().await;
    assert_eq!(value(&metrics, "shiftwatch_blind"), Some(0.0));
    assert!(!metrics.contains("section=\"task_logs\""), "never read is not new");
    assert!(
        !metrics.contains("shiftwatch_alerts{rule=\"ApiDown\""),
        "nobody is called for what the watch does without"
    );
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_it_is_asked_for_unless_it_is_wanted() {
    let house = House::open(Plan { wellsky: "", ..plan() }).await;
    house.pass(TimeDelta::minutes(3)).await;
    house.sim.read_log(|log: &[request_log::Entry]| {
        assert!(!log.iter().any(|entry| entry.path.contains("tasklog") || entry.path.contains("careplan")));
    });
    house.close().await;
}
