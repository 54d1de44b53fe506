//! People and shifts are looked up by the real program: names for whoever can read the store, each look written down, with
//! the agent and without.

use std::process::Command;

use chrono::TimeDelta;
use serde_json::{Value, json};
use shiftwatch::{
    model::Instant,
    sim::{Appointment, Conduct, Patient, Practitioner, Sim, World},
};

use crate::harness::{AVERY, BLAKE, CASEY, House, LEAD, PATIENCE, Plan, SHIFT};

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mail_about_an_uncovered_shift_says_who_could_take_it() {
    let telling = r#"route: { receiver: on-call, group_by: [agency, shift], group_wait: 2s, group_interval: 5s }
receivers:
  - name: on-call
    sms_configs: [ { to: "+12025550111" } ]
    email_configs: [ { to: lead@example.com, phi: true }, { to: plain@example.net } ]
"#;
    let world = |world: &mut World, now: Instant| {
        let edit = |practitioner: &mut Practitioner| {
            practitioner.given = "Casey".into();
            practitioner.family = "Beispiel".into();
        };
        world.edit_caregiver(CASEY, edit).expect("a caregiver");
        // Somebody who comes to this client tomorrow as well.
        world.add_caregiver("8000203");
        let start = now + TimeDelta::hours(27);
        world.add_shift(Appointment::hours("90010003", AVERY, start, 2).with("8000203").who(Conduct::punctual()));
    };
    let mut house =
        House::open(Plan { telling, world, external_url: "https://watch.example.com", ..Plan::default() }).await;
    house.sim.world(|world| world.unassign(SHIFT)).expect("a shift");
    let text = house.told_of(&["NO CAREGIVER"]).await;
    assert!(!text.contains("800020") && !text.contains("Beispiel"), "{text}");
    let plain = |sim: &Sim| sim.mails().into_iter().find(|mail| mail.to.iter().any(|to| to == "plain@example.net"));
    assert!(house.sim.until(PATIENCE, |sim| plain(sim).is_some()).await, "{}", house.log());
    let (mails, plain) = (house.sim.mails(), plain(&house.sim).expect("it came"));
    let lead = mails.iter().find(|mail| mail.to.iter().any(|to| to == LEAD)).expect("it came");
    for (mail, name) in [(lead, "Casey Beispiel, "), (&plain, "caregiver 8000201: ")] {
        let (text, html) = (mail.text(), mail.html());
        for part in [
            "Cover: ",
            "2 caregivers could take it",
            " 1st: ",
            "(8000203)",
            "1 more visit is planned with this client",
            "2nd: ",
            name,
        ] {
            let part =
                if mail.to == plain.to { part.replace("(8000203)", "caregiver 8000203") } else { part.to_owned() };
            assert!(text.contains(&part), "{part}: {text}");
        }
        for part in ["Not: 1 other may not: 1 overlap.", "/shifts/90010001%40"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(text.find("8000203") < text.find("8000201"), "who knows the client comes first: {text}");
        assert!(html.contains("could take it") && html.contains("1 more visit is planned with this client"), "{html}");
    }
    assert!(!plain.raw.contains("Beispiel") && !plain.text().contains("Beispiel"), "{}", plain.raw);

    // The same on the alert's page: ids for whoever did not sign in.
    let (_, body) = house.get("/api/v1/alerts").await;
    let alerts: Value = serde_json::from_str(&body).expect("JSON");
    let fingerprint = alerts[0]["fingerprint"].as_str().expect("an alert");
    let (status, page) = house.get(&format!("/alerts/{fingerprint}")).await;
    assert_eq!(status, 200, "{page}");
    for part in [
        "Who could take it",
        "caregiver 8000203",
        "1 more visit is planned with this client",
        "1 other may not: 1 overlap",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("Beispiel"), "{page}");
    house.close().await;
}
