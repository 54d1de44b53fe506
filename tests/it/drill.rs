//! A trial of the way to people: asked of the running agent, taken up by its next step, waited for by the command.

use std::time::Duration;

use serde_json::json;
use shiftwatch::{
    commands::{Exit, agent::Agent, drill, output::Output},
    config::HttpClient,
};

use crate::harness::{House, Plan};

const PEOPLE: &str = r#"
people: [ { name: night-1, phone: "+12025550111" }, { name: backup, phone: "+12025550112" } ]
escalation_policies:
  - { name: coverage, steps: [ { notify: [ { person: night-1 } ], via: [sms] } ] }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trial_is_taken_up_and_says_who_was_told_and_that_nobody_answered() {
    let mut house = House::unwatched(Plan::default()).await;
    let text = std::fs::read_to_string(house.config_file()).unwrap();
    std::fs::write(house.config_file(), text + PEOPLE).unwrap();
    house.start().await;
    house.settled().await;

    let (status, body) = house.post("/api/v1/drill", &json!({ "who": "nobody" })).await;
    assert_eq!(status, 404, "{body}");
    assert!(body.contains("known: backup, night-1, coverage"), "{body}");
    assert_eq!(house.post("/api/v1/drill", &json!({ "whom": "night-1" })).await.0, 400);
    assert_eq!(house.get("/api/v1/drill/none").await.0, 404);

    for (who, told) in [("backup", "told backup by sms"), ("coverage", "told night-1 by sms")] {
        let agent = Agent::find_with(Some(&house.url), None, HttpClient::default()).unwrap();
        let mut out = Vec::new();
        let exit = drill::run(&agent, who, Duration::from_secs(3), Output::Table, &mut out).await.unwrap();
        let out = String::from_utf8(out).unwrap();
        assert_eq!(exit, Exit::Failed, "{out}");
        assert!(out.contains(told) && out.contains("nobody has answered"), "{out}");
    }
    assert_eq!(house.stop().await, Some(0), "{}", house.log());
}
