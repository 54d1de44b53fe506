//! Notes on the record, end to end: only what is switched on by name is written, once, whatever breaks.

use std::process::Command;

use chrono::TimeDelta;
use serde_json::Value;
use shiftwatch::sim::{Appointment, Conduct, Fault, FaultAnswer, Latency, World, Written};

use crate::harness::{AVERY, BLAKE, CASEY, House, PATIENCE, Plan, at, value};

const VISITED: &str = "90010011";
const OPEN: &str = "90010012";

/// One shift whose caregiver checks in late, and one that nobody takes and that ends.
fn two_shifts(world: &mut World, now: shiftwatch::model::Instant) {
    let start = now + TimeDelta::minutes(2);
    world.add_shift(
        Appointment::hours(VISITED, AVERY, start, 4)
            .with(CASEY)
            .who(Conduct { arrive_s: Some(60), ..Conduct::punctual() }),
    );
    let mut open = Appointment::hours(OPEN, BLAKE, start, 1);
    open.end = start + TimeDelta::minutes(3);
    world.add_shift(open);
}

const RULES: &str = r"groups:
  - name: e2e
    rules:
      - { alert: ShiftUncovered, uncovered_shift: { within: 0s }, labels: { severity: page } }
      - { alert: MissedCheckIn, missed_check_in: { after: 20s }, labels: { severity: page } }
";

fn plan(write: &'static str) -> Plan {
    Plan { begins_at: at("2026-11-24T17:00:00Z"), rules: RULES, wellsky: write, world: two_shifts, ..Plan::default() }
}

async fn written(house: &House, n: usize) -> Vec<Written> {
    let came = house.sim.until(PATIENCE, |sim| sim.written().len() >= n).await;
    assert!(came, "only {:?} was written: {}", house.sim.written(), house.log());
    house.sim.written()
}

fn texts(written: &[Written]) -> Vec<(bool, String)> {
    let text = |it: &Written| it.body["description"].as_str().unwrap_or_default().to_owned();
    written.iter().map(|it| (it.visit.is_some(), text(it))).collect()
}

async fn listed(house: &House, args: &[&str]) -> Vec<Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shiftwatch"));
    command.args(["notes", "--url", &house.url, "--output", "json"]).args(args);
    let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    serde_json::from_slice(&done.stdout).unwrap_or_else(|fault| panic!("{fault}: {:?}", done.stderr))
}

#[tokio::test]
async fn outcomes_are_written_once_where_they_belong() {
    let house = House::open(plan("      write: { task_log: {}, admin_task: { owner: [31] } }\n")).await;
    let all = written(&house, 2).await;
    let said = texts(&all);
    let log = said.iter().find(|(is_log, _)| *is_log).expect("a task log");
    assert!(log.1.starts_with("No check-in, Tue 10:02-14:02") && log.1.contains("arrived"), "{log:?}");
    let task = said.iter().find(|(is_log, _)| !*is_log).expect("an admin task");
    assert!(task.1.contains("is over, nobody was assigned"), "{task:?}");
    let task = all.iter().find(|it| it.visit.is_none()).unwrap();
    assert_eq!(task.body["requester"][0]["id"], BLAKE.parse::<u64>().unwrap());
    assert_eq!(task.body["owner"][0], 31);
    house.shows("shiftwatch_messages_total{channel=\"record\",outcome=\"sent\"}", 2.0).await;
    let kept = listed(&house, &[]).await;
    assert!(kept.len() == 2 && kept.iter().all(|note| note["state"] == "sent"), "{kept:?}");
    house.long_enough().await;
    assert_eq!(house.sim.written().len(), 2, "once");
}

#[tokio::test]
async fn a_dry_run_writes_nothing_and_shows_what_it_would() {
    let mut house = House::open(plan("      write: { dry_run: true, task_log: {}, admin_task: {} }\n")).await;
    house.shows("shiftwatch_messages_total{channel=\"record\",outcome=\"refused\"}", 2.0).await;
    let kept = listed(&house, &["--dry-run"]).await;
    assert!(kept.len() == 2 && kept.iter().all(|note| note["way"] == "dry_run"), "{kept:?}");
    assert!(house.sim.written().is_empty());
    assert_eq!(value(&house.metrics().await, "shiftwatch_alerts").map(|n| n > 100.0), Some(false));
    house.vendor_was_asked_rightly();
    assert_eq!(house.stop().await, Some(0));
}

/// The vendor takes both and says nothing; then the agent is killed, and asks before it writes again.
#[tokio::test]
async fn an_answer_that_is_lost_and_a_kill_write_nothing_twice() {
    let mut house = House::unwatched(plan("      write: { task_log: {}, admin_task: {} }\n")).await;
    house.sim.switches(|it| {
        for on in ["POST /v1/encounter/*/tasklog/", "POST /v1/adminTasks/"] {
            it.faults.push(Fault::new(on, FaultAnswer::Wire(Latency::Hang)));
        }
    });
    house.start().await;
    house.settled().await;
    written(&house, 2).await;
    house.kill();
    house.sim.switches(|it| it.faults.clear());
    house.start().await;
    let sent = "shiftwatch_messages_total{channel=\"record\",outcome=\"sent\"}";
    house.shows(sent, 1.0).await;
    house.long_enough().await;
    let said = texts(&house.sim.written());
    assert_eq!(said.len(), 2, "{said:?}");
    let kept = listed(&house, &[]).await;
    let state = |way: &str| kept.iter().find(|note| note["way"] == way).map(|note| note["state"].clone()).unwrap();
    assert_eq!(state("task_log"), "sent", "it was looked for, and found");
    assert_eq!(state("admin_task"), "uncertain", "nobody can look for it, and it is not written again");
}
