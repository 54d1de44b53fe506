//! Notes on the record, end to end: only what is switched on by name is written, once, whatever breaks.

use std::process::Command;

use chrono::TimeDelta;
use serde_json::{Value, json};
use shiftwatch::sim::{
    Appointment, Conduct, Fault, FaultAnswer, Latency, LoggedCall, Patient, RcCall, RcFault, RcFaultAnswer, World,
    Written,
};

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

/// Nothing is switched on, and what would be written can be seen beforehand.
#[tokio::test]
async fn what_would_be_written_is_worked_out_while_everything_is_off() {
    let house = House::open(plan("")).await;
    let mut would = Vec::new();
    for _ in 0..600 {
        would = listed(&house, &["--dry-run", "--days", "1"]).await;
        if would.len() >= 2 {
            break;
        }
        house.pass(TimeDelta::seconds(5)).await;
    }
    let of = |way: &str| would.iter().find(|note| note["way"] == way).unwrap_or_else(|| panic!("{way}: {would:?}"));
    let (log, task) = (of("task_log"), of("admin_task"));
    assert!(
        log["text"].as_str().unwrap().starts_with("No check-in, Tue 10:02-14:02") && log["visit"].is_string(),
        "{log}"
    );
    assert!(task["text"].as_str().unwrap().contains("is over, nobody was assigned"), "{task}");
    assert_eq!((&task["client"], &task["state"]), (&json!(BLAKE), &json!("would")));
    assert!(listed(&house, &[]).await.is_empty() && house.sim.written().is_empty(), "nothing is kept or written");
    house.vendor_was_asked_rightly();
    let (status, body) = house.get("/api/v1/notes/would?days=91").await;
    assert!(status == 400 && body.contains("from 1 to 90"), "{body}");
}

/// What somebody says before the end stands in the note; what is said later is added where the note stands, once.
#[tokio::test]
async fn what_became_of_it_is_noted_with_the_end_or_added_later() {
    let mut house = House::open(plan("      write: { task_log: {}, admin_task: {} }\n")).await;
    let mut seen = std::collections::BTreeMap::new();
    for _ in 0..600 {
        let (_, body) = house.get("/api/v2/alerts").await;
        let alerts: Vec<Value> = serde_json::from_str(&body).unwrap();
        for alert in alerts {
            let name = alert["labels"]["alertname"].as_str().unwrap_or_default().to_owned();
            seen.insert(name, alert["fingerprint"].as_str().unwrap_or_default().to_owned());
        }
        if seen.contains_key("ShiftUncovered") && seen.contains_key("MissedCheckIn") {
            break;
        }
        house.pass(TimeDelta::seconds(1)).await;
    }
    let say = async |alert: &str, body: Value| {
        let path = format!("/api/v1/alerts/{}/disposition", seen[alert]);
        let (status, said) = house.post(&path, &body).await;
        assert_eq!(status, 200, "{said}");
    };
    let approved =
        json!({ "by": "office", "disposition": "unstaffed", "approver": "director", "note": "family is there" });
    say("ShiftUncovered", approved).await;
    let all = texts(&written(&house, 2).await);
    let (_, task) = all.iter().find(|(is_log, _)| !*is_log).expect("an admin task");
    assert!(
        task.contains("Said by office: went unstaffed, approved by director. family is there. [shiftwatch "),
        "{task}"
    );

    let arrived = json!({ "by": "office", "disposition": "arrived", "note": "forgot to check in" });
    say("MissedCheckIn", arrived.clone()).await;
    let all = texts(&written(&house, 3).await);
    let (is_log, added) = all.last().unwrap();
    assert!(
        *is_log
            && added.starts_with("No check-in, Tue ")
            && added.contains("Said by office: the caregiver arrived. forgot"),
        "{added}"
    );
    // The same word again, and after a restart, is no other note; another one is.
    say("MissedCheckIn", arrived.clone()).await;
    house.kill();
    house.start().await;
    house.settled().await;
    let path = format!("/api/v1/alerts/{}/disposition", seen["MissedCheckIn"]);
    assert_eq!(house.post(&path, &arrived).await.0, 200);
    house.long_enough().await;
    assert_eq!(house.sim.written().len(), 3, "{:?}", house.sim.written());
    assert_eq!(house.post(&path, &json!({ "by": "office", "disposition": "data-error" })).await.0, 200);
    written(&house, 4).await;
    assert!(!house.log().contains("family is there"), "what somebody wrote stays out of the log");
}

/// Some visits take no task log, for reasons that only the vendor knows: the note becomes an admin task, once.
#[tokio::test]
async fn a_task_log_that_is_refused_becomes_an_admin_task() {
    let mut house = House::unwatched(plan("      write: { task_log: {}, admin_task: {} }\n")).await;
    house.sim.switches(|it| it.faults.push(Fault::new("POST /v1/encounter/*/tasklog/", FaultAnswer::Status(400))));
    house.start().await;
    house.settled().await;
    let all = written(&house, 2).await;
    assert!(all.iter().all(|it| it.visit.is_none()), "{all:?}");
    let of =
        |client: &str| all.iter().filter(|it| it.body["requester"][0]["id"] == client.parse::<u64>().unwrap()).count();
    assert_eq!((of(AVERY), of(BLAKE)), (1, 1));
    house.shows("shiftwatch_messages_total{channel=\"record\",outcome=\"sent\"}", 2.0).await;
    house.kill();
    house.start().await;
    house.settled().await;
    house.long_enough().await;
    assert_eq!(house.sim.written().len(), 2, "{:?}", house.sim.written());
    let kept = listed(&house, &[]).await;
    let ids: Vec<&str> = kept.iter().filter_map(|note| note["vendor_id"].as_str()).collect();
    assert!(
        kept.iter().all(|note| note["state"] == "sent") && ids.iter().all(|id| id.starts_with("admin_task/")),
        "{kept:?}"
    );
}

/// An answer with a good status that says no, or says nothing that can be read, is not taken for a note that was written.
#[tokio::test]
async fn a_good_status_alone_is_no_proof() {
    let mut house = House::unwatched(plan("      write: { task_log: {}, admin_task: {} }\n")).await;
    house.sim.switches(|it| {
        for on in ["POST /v1/encounter/*/tasklog/", "POST /v1/adminTasks/"] {
            it.faults.push(Fault::new(on, FaultAnswer::Html(200)).times(1));
        }
    });
    house.start().await;
    house.settled().await;
    // It is looked for twice, ten seconds apart, before it is written once more.
    let all = written(&house, 1).await;
    assert!(all[0].visit.is_some(), "{all:?}");
    house.shows("shiftwatch_messages_total{channel=\"record\",outcome=\"sent\"}", 1.0).await;
    assert_eq!(house.sim.written().len(), 1);
    let kept = listed(&house, &[]).await;
    let of = |way: &str| kept.iter().find(|note| note["way"] == way).unwrap_or_else(|| panic!("{kept:?}"));
    assert_eq!((&of("task_log")["state"], &of("admin_task")["state"]), (&json!("sent"), &json!("uncertain")));
    assert!(of("task_log")["vendor_id"].is_string(), "{kept:?}");
}

const NOTED: &str = "      write: { ringcentral_digest: { gateway: rc, grace: 1m, owner: [31] } }\n";

/// Avery's number is hers; Blake's is another client's as well.
fn numbers(world: &mut World, _: shiftwatch::model::Instant) {
    let mut avery = Patient::from(AVERY);
    avery.phones[0].number = "2025550171".into();
    world.add_client(avery);
    world.add_client("7000103");
}

/// A day's calls and texts become one task a client, written once, whatever the list does and whenever the agent is killed.
#[tokio::test]
async fn a_days_calls_with_a_client_are_one_task() {
    // Five minutes before midnight in Denver.
    let begins_at = at("2026-11-25T06:55:00Z");
    let mut house = House::unwatched(Plan { begins_at, wellsky: NOTED, world: numbers, ..Plan::default() }).await;
    let gateway = house.sim.ringcentral(|it| {
        it.heavy_per_minute = 1_000;
        it.log_page_max = 2;
        let error = RcFaultAnswer::Error(503, "CMN-301".into());
        it.faults = vec![RcFault::new(error).times(1).on(RcCall::CallLog)];
        format!(
            "client_id: {}, client_secret: {}, jwt: {}, from: \"{}\"",
            it.client_id, it.client_secret, it.jwt, it.from
        )
    });
    let file = house.config_file();
    let text = std::fs::read_to_string(&file).unwrap();
    let gateway = format!(
        "sms_gateways:\n  - {{ name: rc, ringcentral: {{ base_url: \"{}\", {gateway} }} }}",
        house.sim.ringcentral_url()
    );
    std::fs::write(&file, text.replace("sms_gateways:", &gateway)).unwrap();
    let call = |house: &House, id: &str, other: &str, inbound: bool, duration: u64| {
        let (result, extension) = ("Accepted".into(), "101".into());
        let (id, other, at) = (id.into(), other.into(), house.now());
        house.sim.log_call(LoggedCall { id, at, duration, inbound, result, other, extension });
    };
    call(&house, "before", "+12025550171", true, 10);
    house.start().await;
    house.settled().await;
    house.pass(TimeDelta::seconds(30)).await;
    call(&house, "in", "+12025550171", true, 65);
    call(&house, "in", "+12025550171", true, 65);
    call(&house, "out", "+12025550171", false, 20);
    call(&house, "both", "+12025550143", true, 30);
    call(&house, "stranger", "+12025550199", true, 30);
    house.sim.receive_text("+12025550171", "+12025550101", "please call me back");
    house.pass(TimeDelta::seconds(60)).await;
    house.kill();
    house.start().await;
    house.settled().await;
    let all = written(&house, 1).await;
    let body = &all[0].body;
    assert_eq!((&body["requester"][0]["id"], &body["owner"][0]), (&json!(7_000_101), &json!(31)));
    assert_eq!(body["executionDate"], "2026-11-24");
    let said = body["description"].as_str().unwrap();
    assert!(
        said.starts_with("Calls and texts, 2026-11-24: 2 calls (1 in, 1 out, 1 min), 1 text (1 in).\n23:5"),
        "{said}"
    );
    assert!(said.contains(" call in, 1 min, Accepted, extension 101\n") && !said.contains("2025550"), "{said}");
    assert!(said.contains(" text in\n") && !said.contains("call me back"), "what was written is not copied: {said}");
    house.shows("shiftwatch_messages_total{channel=\"record\",outcome=\"sent\"}", 1.0).await;
    let log = house.log();
    assert!(!log.contains("2025550171") && log.contains("\"n_ambiguous\":1"), "{log}");
    house.kill();
    house.start().await;
    house.settled().await;
    house.long_enough().await;
    assert_eq!(house.sim.written().len(), 1, "once: {:?}", house.sim.written());
    let kept = listed(&house, &[]).await;
    let nobodys = kept.iter().find(|note| note["way"] == "ambiguous").expect("a local copy");
    assert_eq!((&nobodys["state"], &nobodys["client"]), (&json!("refused"), &json!("7000102 or 7000103")), "{kept:?}");
}
