//! A trial of the way to people, by the real binary: a text marked as such goes through the outbox and the fake gateway, and
//! the command says who had it, after how long, or what was tried.

use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::{
    harness::{House, PATIENCE, Plan, value},
    pages::reply,
};

const NIGHT: &str = "+12025550111";
const BACKUP: &str = "+12025550112";

const PEOPLE: &str = r#"people: [ { name: night-1, phone: "+12025550111" }, { name: backup, phone: "+12025550112" } ]
escalation_policies:
  - name: coverage
    unconfirmed_after: 10m
    steps:
      - { notify: [ { person: night-1 } ], via: [sms] }
      - { notify: [ { person: backup } ], via: [sms], after: 20s }
route: { receiver: none }
receivers: [ { name: none } ]
"#;

/// `shiftwatch drill`, under way.
fn drill(house: &House, args: &[&str]) -> std::thread::JoinHandle<Output> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shiftwatch"));
    command.arg("drill").args(args).args(["--url", &house.url]).stdin(Stdio::null());
    std::thread::spawn(move || command.output().expect("the binary starts"))
}

fn ended(drill: std::thread::JoinHandle<Output>, exit: i32) -> String {
    let said = drill.join().expect("it ended");
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert_eq!(said.status.code(), Some(exit), "{text}{}", String::from_utf8_lossy(&said.stderr));
    text
}

/// Waits for the `n`th trial on a phone; gives its code.
async fn code(house: &House, phone: &str, n: usize) -> String {
    let asks =
        |text: &shiftwatch::sim::Text| text.body.starts_with("CCA: TEST page ") && text.body.contains("Reply 1 ");
    let came = house.sim.until(PATIENCE, |sim| sim.phone(phone).iter().filter(|text| asks(text)).count() > n).await;
    assert!(came, "{phone} got {:?}\n{}", house.sim.phone(phone), house.log());
    let body = house.sim.phone(phone).into_iter().filter(asks).nth(n).expect("a trial").body;
    assert!(body.contains("Nothing is wrong."), "{body:?}");
    body.split("Reply 1 ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a code").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trial_says_who_had_it_after_how_long_or_what_was_tried_and_counts_as_no_page() {
    let plan = Plan { telling: PEOPLE, external_url: "https://watch.example.com", ..Plan::default() };
    let mut house = House::open(plan).await;

    // One person, who answers.
    let run = drill(&house, &["night-1", "--timeout", "60s"]);
    let first = code(&house, NIGHT, 0).await;
    let sid = "SM00000000000000000000000000000011";
    assert_eq!(reply(&house, NIGHT, sid, &format!("1 {first}")).await, 200);
    let said = ended(run, 0);
    assert!(said.starts_with("told night-1 by sms\nnight-1 has it, after "), "{said}");

    // A policy whose first step does not answer: the second is asked, and does.
    let run = drill(&house, &["coverage", "--timeout", "60s", "--output", "json"]);
    code(&house, NIGHT, 1).await;
    let second = code(&house, BACKUP, 0).await;
    let sid = "SM00000000000000000000000000000012";
    assert_eq!(reply(&house, BACKUP, sid, &format!("1 {second}")).await, 200);
    let said: Value = serde_json::from_str(&ended(run, 0)).expect("JSON");
    assert_eq!((&said["state"], &said["owner"]), (&json!("acknowledged"), &json!("backup")), "{said}");
    let told: Vec<&str> =
        said["told"].as_array().expect("a list").iter().filter_map(|one| one["person"].as_str()).collect();
    assert_eq!(told, ["night-1", "backup"], "{said}");

    // Nobody answers: exit 1, and what was tried.
    let run = drill(&house, &["backup", "--timeout", "4s"]);
    let said = ended(run, 1);
    assert!(said.contains("nobody has answered; tried:\n  backup by sms: "), "{said}");
    let said = ended(drill(&house, &["nobody"]), 1);
    assert_eq!(said, "", "the reason stands on the error side");

    // A question that makes no sense is refused with a word on what does.
    let (status, body) = house.post("/api/v1/drill", &json!({ "who": "nobody" })).await;
    assert!(status == 404 && body.contains("known: backup, night-1, coverage"), "{body}");
    assert_eq!(house.post("/api/v1/drill", &json!({ "whom": "night-1" })).await.0, 400);
    assert_eq!(house.get("/api/v1/drill/none").await.0, 404);

    let texts = house.sim.texts();
    let odd: Vec<_> = texts.iter().filter(|text| !text.body.starts_with("CCA: TEST page ")).collect();
    assert!(odd.is_empty(), "every text is marked: {odd:?}");
    let reached = format!("CCA: TEST page {first} reached you. Thank you, that is all.");
    assert!(texts.iter().any(|text| text.to == NIGHT && text.body == reached), "{texts:?}");

    // No alert came of it, and no page is counted: only texts were sent.
    assert_eq!(house.get("/api/v2/alerts").await.1.trim(), "[]");
    assert_eq!(house.get("/api/v2/alerts/groups").await.1.trim(), "[]");
    let metrics = house.metrics().await;
    assert_eq!(value(&metrics, "shiftwatch_page_turns_total"), Some(0.0), "{metrics}");
    assert_eq!(value(&metrics, "shiftwatch_acknowledge_seconds_count"), Some(0.0));
    assert!(!house.log().contains("2025550"), "a number in the log");
    assert_eq!(house.stop().await, Some(0), "{}", house.log());
}
