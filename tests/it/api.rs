//! Restarts, acknowledgements, and alerts from outside.

use serde_json::{Value, json};

use crate::harness::{House, Plan, SHIFT, seconds};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_tells_nothing_twice_and_still_closes() {
    let mut house = House::open(Plan::default()).await;
    house.sim.world(|world| world.unassign(SHIFT)).expect("a shift");
    house.told_of(&["NO CAREGIVER"]).await;
    assert_eq!(house.stop().await, Some(0), "{}", house.log());
    house.start().await;
    house.settled().await;
    house.long_enough().await;
    house.nobody_else_was_told();
    house.sim.world(|world| world.assign(SHIFT, "8000202")).expect("a shift");
    house.told_of(&["CLOSED", "covered"]).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_covered_while_nobody_watched_is_closed_after_the_restart() {
    let mut house = House::open(Plan::default()).await;
    house.sim.world(|world| world.unassign(SHIFT)).expect("a shift");
    house.told_of(&["NO CAREGIVER"]).await;
    assert_eq!(house.stop().await, Some(0), "{}", house.log());
    house.sim.world(|world| world.assign(SHIFT, "8000202")).expect("a shift");
    house.start().await;
    house.told_of(&["CLOSED", "covered"]).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_owns_an_alert_stops_its_repeats_until_the_ownership_ends() {
    let mut house = House::open(Plan { repeat: "20s", ..Plan::default() }).await;
    house.sim.world(|world| world.unassign(SHIFT)).expect("a shift");
    house.told_of(&["NO CAREGIVER"]).await;
    house.told_of(&["NO CAREGIVER"]).await;
    let (status, alerts) = house.get("/api/v1/alerts").await;
    assert_eq!(status, 200, "{alerts}");
    let alerts: Value = serde_json::from_str(&alerts).expect("json");
    let fingerprint = alerts[0]["fingerprint"].as_str().unwrap_or_else(|| panic!("no fingerprint in {alerts}"));
    let body = json!({ "by": "Night lead", "note": "calling around", "for": "90s" });
    let (status, answer) = house.post(&format!("/api/v1/alerts/{fingerprint}/ack"), &body).await;
    assert_eq!(status, 200, "{answer}");
    house.pass(seconds(70)).await;
    house.nobody_else_was_told();
    house.told_of(&["NO CAREGIVER"]).await;
    let body = json!({ "by": "Night lead" });
    let (status, answer) = house.post(&format!("/api/v1/alerts/{fingerprint}/ack"), &body).await;
    assert_eq!(status, 200, "{answer}");
    house.sim.world(|world| world.assign(SHIFT, "8000202")).expect("a shift");
    house.told_of(&["CLOSED", "covered", "Night lead had it."]).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_owns_an_alert_owns_what_was_posted_with_its_labels() {
    let mut house = House::open(Plan::default()).await;
    house.sim.world(|world| world.unassign(SHIFT)).expect("a shift");
    house.told_of(&["NO CAREGIVER"]).await;
    let (_, alerts) = house.get("/api/v1/alerts").await;
    let alerts: Value = serde_json::from_str(&alerts).expect("json");
    let twin = json!([{ "labels": alerts[0]["labels"], "annotations": { "summary": "Posted" } }]);
    let (status, answer) = house.post("/api/v2/alerts", &twin).await;
    assert_eq!(status, 200, "{answer}");
    let fingerprint = alerts[0]["fingerprint"].as_str().unwrap_or_else(|| panic!("no fingerprint in {alerts}"));
    let body = json!({ "by": "Night lead" });
    let (status, answer) = house.post(&format!("/api/v1/alerts/{fingerprint}/ack"), &body).await;
    assert_eq!(status, 200, "{answer}");
    let (_, shown) = house.get("/api/v2/alerts").await;
    let shown: Value = serde_json::from_str(&shown).expect("json");
    let both = shown.as_array().into_iter().flatten().filter(|one| one["fingerprint"] == fingerprint);
    let owners: Vec<_> = both.map(|one| one["annotations"]["acknowledged_by"].clone()).collect();
    assert_eq!(owners, ["Night lead", "Night lead"], "{shown}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_from_outside_is_told_and_closed() {
    let mut house = House::open(Plan::default()).await;
    let labels = json!({ "alertname": "PhoneLineDown", "severity": "page", "agency": "main" });
    let alert = json!([{ "labels": labels, "annotations": { "summary": "The night line does not ring" } }]);
    let (status, answer) = house.post("/api/v2/alerts", &alert).await;
    assert_eq!(status, 200, "{answer}");
    let (_, shown) = house.get("/api/v2/alerts").await;
    assert!(shown.contains("PhoneLineDown"), "shown as soon as it was taken: {shown}");
    house.told_of(&["CCA: PhoneLineDown", "The night line does not ring"]).await;
    let over = json!([{ "labels": labels, "endsAt": house.now().to_rfc3339() }]);
    let (status, answer) = house.post("/api/v2/alerts", &over).await;
    assert_eq!(status, 200, "{answer}");
    house.told_of(&["CCA CLOSED: PhoneLineDown"]).await;
    let (status, answer) = house.post("/api/v2/alerts", &json!([{ "labels": {} }])).await;
    assert_eq!(status, 400, "{answer}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_from_outside_that_is_not_sent_again_ends_by_itself() {
    let mut house = House::open(Plan::default()).await;
    let alert =
        json!([{ "labels": { "alertname": "PhoneLineDown" }, "annotations": { "summary": "It does not ring" } }]);
    assert_eq!(house.post("/api/v2/alerts", &alert).await.0, 200);
    house.told_of(&["shiftwatch: PhoneLineDown"]).await;
    house.told_of(&["shiftwatch CLOSED: PhoneLineDown", "no longer reported"]).await;
    house.close().await;
}
