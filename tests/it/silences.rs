//! Silences on the running agent: what is quiet, what is told when they end, and what a restart forgets of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what is wrong by failing")]

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{House, Plan, SHIFT, seconds};

/// `shiftwatch silence …` against a house; gives what it printed.
fn silence(house: &House, args: &[&str]) -> (bool, String) {
    let said = Command::new(env!("CARGO_BIN_EXE_shiftwatch"))
        .arg("silence")
        .args(args)
        .args(["--url", &house.url])
        .env_clear()
        .output()
        .expect("the binary starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (said.status.success(), text(&said.stdout) + &text(&said.stderr))
}

fn done(house: &House, args: &[&str]) -> String {
    let (done, said) = silence(house, args);
    assert!(done, "silence {args:?}: {said}");
    said
}

async fn only_silence(house: &House) -> Value {
    let (status, listed) = house.get("/api/v1/silences").await;
    assert_eq!(status, 200, "{listed}");
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
    listed[0].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_silenced_is_told_after_it_whatever_happened_between() {
    let mut house = House::open(Plan::default()).await;
    let add = ["add", "ShiftUncovered", "--duration", "2h", "--author", "night-1", "--comment", "family covers"];
    let said = done(&house, &[&add[..], &["--dry-run"]].concat());
    assert!(said.contains("would mute 0 firing alerts"), "{said}");
    done(&house, &add);
    house.sim.world(|world| world.unassign(SHIFT)).expect("a shift");
    house.counts("shiftwatch_alerts").await;
    house.long_enough().await;
    house.nobody_else_was_told();
    let one = only_silence(&house).await;
    assert_eq!((&one["state"], &one["n_muted"]), (&json!("active"), &json!(1)), "{one}");
    let (_, alerts) = house.get("/api/v1/alerts").await;
    assert!(alerts.contains("\"quiet\":\"silenced\""), "{alerts}");
    house.shows("shiftwatch_silences{state=\"active\"}", 1.0).await;

    assert_eq!(house.stop().await, Some(0), "{}", house.log());
    house.start().await;
    house.settled().await;
    house.long_enough().await;
    house.nobody_else_was_told();
    let id = only_silence(&house).await["id"].as_str().unwrap().to_owned();

    let said = done(&house, &["update", &id[..8], "--duration", "3h"]);
    assert!(said.contains("in 2 h 59") || said.contains("in 3 h"), "{said}");
    done(&house, &["expire", &id[..8]]);
    house.told_of(&["NO CAREGIVER"]).await;

    // One that is made now mutes nothing of the end.
    done(&house, &["add", "ShiftUncovered", "--author", "night-1", "--comment", "again"]);
    house.sim.world(|world| world.assign(SHIFT, "8000202")).expect("a shift");
    house.told_of(&["CLOSED", "covered"]).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silence_may_last_until_what_it_mutes_is_over() {
    let mut house = House::open(Plan::default()).await;
    let add = ["add", "ShiftUncovered", "--until-resolved", "--author", "night-1", "--comment", "the office knows"];
    done(&house, &add);
    house.pass(seconds(30)).await;
    assert_eq!(only_silence(&house).await["state"], "active", "nothing has fired yet");
    house.sim.world(|world| world.unassign(SHIFT)).expect("a shift");
    house.counts("shiftwatch_alerts").await;
    assert_eq!(only_silence(&house).await["state"], "active");
    house.sim.world(|world| world.assign(SHIFT, "8000202")).expect("a shift");
    house.shows("shiftwatch_silences{state=\"expired\"}", 1.0).await;
    house.nobody_else_was_told();
    house.sim.world(|world| world.unassign(SHIFT)).expect("a shift");
    house.told_of(&["NO CAREGIVER"]).await;
    house.sim.world(|world| world.assign(SHIFT, "8000202")).expect("a shift");
    house.told_of(&["CLOSED"]).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silence_that_covers_everything_has_to_be_meant() {
    let house = House::open(Plan::default()).await;
    let add = ["add", "alertname=~.+", "--author", "night-1", "--comment", "peace"];
    let (done_, said) = silence(&house, &add);
    assert!(!done_ && said.contains("--everything"), "{said}");
    let said = done(&house, &[&add[..], &["--dry-run"]].concat());
    assert!(said.contains("nobody who could be paged for agency main"), "{said}");
    let body = json!({
        "matchers": [{ "name": "severity", "value": "page|critical", "isRegex": true, "isEqual": true }],
        "startsAt": house.now().to_rfc3339(), "endsAt": (house.now() + seconds(600)).to_rfc3339(),
        "createdBy": "night-1", "comment": "peace",
    });
    let (status, why) = house.post("/api/v2/silences", &body).await;
    assert_eq!(status, 400, "{why}");
    let (status, id) = house.post("/api/v2/silences?cover_everything=true", &body).await;
    assert_eq!(status, 200, "{id}");
    done(&house, &[&add[..], &["--everything"]].concat());
    house.close().await;
}
