//! People and shifts are looked up by the real program: names for whoever can read the store, each look written down, with
//! the agent and without.

use std::process::Command;

use serde_json::{Value, json};
use shiftwatch::sim::Patient;

use crate::harness::{AVERY, BLAKE, House, Plan, SHIFT};

fn plan() -> Plan {
    Plan {
        world: |world, _| {
            let edit = |patient: &mut Patient| {
                patient.given = "Blake".into();
                patient.family = "Muster".into();
                patient.phones[0].number = "2025550144x12".into();
            };
            world.edit_client(BLAKE, edit).expect("a client");
        },
        ..Plan::default()
    }
}

/// Runs a command about this house; gives whether it went well, and what it said.
fn said(house: &House, with_agent: bool, words: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shiftwatch"));
    command.args(words).arg("--config").arg(house.config_file());
    if with_agent {
        command.args(["--url", &house.url]);
    }
    let output = command.output().expect("the program runs");
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("text")).concat();
    (output.status.success(), text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_shifts_and_cover_are_looked_up_and_each_look_is_written_down() {
    let mut house = House::open(plan()).await;
    for words in [&["lookup", "muster", "blaek"][..], &["lookup", "(202) 555-0144 ext 12"], &["lookup", BLAKE]] {
        let (well, text) = said(&house, true, words);
        assert!(
            well && text.contains("client 7000102  Blake Muster") && text.contains("90010002"),
            "{words:?}: {text}"
        );
    }
    let (well, text) = said(&house, true, &["lookup", "nobody", "atall"]);
    assert!(!well && text.contains("Nobody fits."), "{text}");
    let (well, text) = said(&house, true, &["shifts", "--client", "blake muster", "--output", "json"]);
    let found: Value = serde_json::from_str(text.split("asking").next().expect("JSON first")).expect("JSON");
    assert!(well && found["shifts"][0]["client_name"] == "Blake Muster" && found["as_of"].is_string(), "{text}");
    let (well, text) = said(&house, true, &["cover", SHIFT, "--forbidden"]);
    assert!(well && text.contains("is on it already") && text.contains("Nobody was assigned"), "{text}");

    // Nobody who did not sign in is told a name, or whether there is one.
    let (status, body) = house.post("/api/v1/lookup", &json!({ "q": "Blake Muster" })).await;
    assert!(status == 200 && !body.contains(BLAKE) && body.contains("sign_in"), "{body}");
    let (_, body) = house.get(&format!("/api/v1/clients/{BLAKE}")).await;
    assert!(body.contains("90010002") && !body.contains("Muster"), "{body}");
    assert_eq!(house.get("/api/v1/audit").await.0, 403);

    let (well, text) = said(&house, true, &["audit", "--days", "4000"]);
    for part in ["local:", "/api/v1/lookup", "client 7000102", "/cover", "127.0.0.1"] {
        assert!(well && text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("Muster"), "{text}");
    assert!(!house.log().contains("Muster") && !house.log().contains("2025550144"), "{}", house.log());

    assert_eq!(house.stop().await, Some(0));
    let (well, text) = said(&house, false, &["lookup", "blake", "muster"]);
    assert!(well && text.contains("Blake Muster") && text.contains("no agent runs"), "{text}");
    house.start().await;
    house.settled().await;
    let (_, text) = said(&house, true, &["audit", "--days", "4000", "--output", "csv"]);
    assert!(text.contains("command line") && text.contains(AVERY), "{text}");
    house.close().await;
}
