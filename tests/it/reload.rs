//! A configuration that is wrong: refused at the start, refused while running; one that is right is taken over.

use std::process::Command;

use serde_json::Value;
use shiftwatch::sim::{Fault, FaultAnswer, Switches, request_log, switches::RetryAfter};

use crate::harness::{House, Plan, SHIFT, value};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_file_is_refused_and_the_old_one_stays() {
    let mut house = House::open(Plan::default()).await;
    let good = std::fs::read_to_string(house.config_file()).expect("the configuration");
    std::fs::write(house.config_file(), good.replace("group_wait:", "group_wiat:")).expect("written");
    let (status, answer) = house.post("/-/reload", &Value::Null).await;
    assert_ne!(status, 200, "{answer}");
    assert!(answer.contains("shiftwatch.yml:") && answer.contains("group_wiat"), "{answer}");
    house.logged("the last good one stays in use").await;
    house.shows("shiftwatch_config_last_reload_successful", 0.0).await;
    house.sim.world(|world| world.unassign(SHIFT)).expect("a shift");
    house.told_of(&["CCA: NO CAREGIVER"]).await;

    std::fs::write(house.config_file(), good.replace("title: CCA", "title: North")).expect("written");
    let (status, answer) = house.post("/-/reload", &Value::Null).await;
    assert_eq!(status, 200, "{answer}");
    house.shows("shiftwatch_config_last_reload_successful", 1.0).await;
    house.settled().await;
    house.long_enough().await;
    house.nobody_else_was_told();
    house.sim.world(|world| world.assign(SHIFT, "8000202")).expect("a shift");
    house.told_of(&["North CLOSED", "covered"]).await;
    house.close().await;
}

/// Takes over the configuration with something else in the place of `before`.
async fn reload_with(house: &House, before: &str, after: &str) {
    let old = std::fs::read_to_string(house.config_file()).expect("the configuration");
    assert!(old.contains(before), "{before} is not in the configuration");
    std::fs::write(house.config_file(), old.replace(before, after)).expect("written");
    let (status, answer) = house.post("/-/reload", &Value::Null).await;
    assert_eq!(status, 200, "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_goes_to_the_number_that_was_told() {
    let mut house = House::open(Plan::default()).await;
    house.sim.world(|world| world.unassign(SHIFT)).expect("a shift");
    house.told_of(&["CCA: NO CAREGIVER"]).await;
    reload_with(&house, "+12025550111", "+12025550122").await;
    house.settled().await;
    house.sim.world(|world| world.assign(SHIFT, "8000202")).expect("a shift");
    house.told_of(&["CCA CLOSED", "covered"]).await;
    let to: Vec<String> = house.sim.texts().into_iter().map(|text| text.to).collect();
    assert_eq!(to, ["+12025550111", "+12025550111"], "whoever has that place now was told nothing");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agency_that_is_taken_out_closes_what_fires() {
    let mut house = House::open(Plan::default()).await;
    house.sim.world(|world| world.unassign(SHIFT)).expect("a shift");
    house.told_of(&["CCA: NO CAREGIVER"]).await;
    reload_with(&house, "name: main", "name: second").await;
    house.told_of(&["CLOSED", "Shift 90010001"]).await;
    house.logged("this agency is not watched any more").await;
    house.told_of(&["CCA: NO CAREGIVER"]).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_key_is_refused_at_the_start() {
    let house = House::unwatched(Plan::default()).await;
    let good = std::fs::read_to_string(house.config_file()).expect("the configuration");
    std::fs::write(house.config_file(), good.replace("group_wait:", "group_wiat:")).expect("written");
    let line = good.lines().position(|line| line.contains("group_wait:")).expect("a line") + 1;
    for command in ["run", "check"] {
        let ended = Command::new(env!("CARGO_BIN_EXE_shiftwatch"))
            .arg("--config")
            .arg(house.config_file())
            .arg(command)
            .output()
            .expect("the binary runs");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned() + &String::from_utf8_lossy(&ended.stdout);
        assert_eq!(ended.status.code(), Some(1), "{command}: {said}");
        for part in [&format!("shiftwatch.yml:{line}:"), "group_wiat", "group_wait"] {
            assert!(said.contains(part), "{command} does not say {part}: {said}");
        }
        assert!(!said.contains("panicked"), "{said}");
    }
    assert!(house.sim.log().is_empty(), "nothing was asked of the vendor");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_in_an_outage_is_not_its_end() {
    let mut house = House::open(Plan::default()).await;
    house.sim.switches(|switches| switches.faults = vec![Fault::new("/v1/", FaultAnswer::Status(500))]);
    house.told_of(&["CCA: CAN'T SEE WellSky since"]).await;
    let up = value(&house.metrics().await, "shiftwatch_api_up");
    for _ in 0..3 {
        let (status, answer) = house.post("/-/reload", &Value::Null).await;
        assert_eq!(status, 200, "{answer}");
    }
    house.long_enough().await;
    house.nobody_else_was_told();
    house.shows("shiftwatch_blind", 1.0).await;
    assert_eq!(value(&house.metrics().await, "shiftwatch_api_up"), up, "what is known of the endpoints stays");
    house.sim.switches(|switches| *switches = Switches::default());
    house.told_of(&["CCA CLOSED: CAN'T SEE", "it answers again"]).await;
    assert_eq!(house.sim.read_log(|log| request_log::token_requests(log).len()), 1, "one token until it expires");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_does_not_end_a_pause() {
    let house = House::open(Plan::default()).await;
    let wait = FaultAnswer::Throttled(RetryAfter::Seconds(60));
    house.sim.switches(|switches| switches.faults = vec![Fault::new("/v1/", wait)]);
    house.logged("the vendor throttles").await;
    // Of the vendor; gateways are asked for replies meanwhile.
    let n_asked = || house.sim.read_log(|log| log.iter().filter(|entry| entry.path.starts_with("/v1/")).count());
    let asked = n_asked();
    for _ in 0..3 {
        assert_eq!(house.post("/-/reload", &Value::Null).await.0, 200);
    }
    house.long_enough().await;
    let later = n_asked();
    // What was under way when the answer came may still have arrived.
    assert!(later <= asked + 3, "{} requests in the pause", later - asked);
}
