//! The morning after: whoever was told in the night is asked once what became of it, says so, and the on-call log has it
//! all. The real binary, a phone on a fake gateway.

use chrono::TimeDelta;
use serde_json::{Value, json};
use shiftwatch::{
    commands::{Exit, agent::Agent, disposition, on_call_log, output::Output},
    config::HttpClient,
    http::DispositionBody,
    sim::{Appointment, Text, twilio_signature},
};

use crate::{
    harness::{AVERY, CASEY, House, PATIENCE, Plan, at},
    pages::RULES,
};

const NIGHT: &str = "+12025550111";
const ADDRESS: &str = "https://watch.example.com";

const TELLING: &str = r#"people: [ { name: night-1, phone: "+12025550111" } ]
escalation_policies:
  - { name: coverage, unconfirmed_after: 9m, steps: [ { notify: [ { person: night-1 } ], via: [sms] } ] }
route: { receiver: on-call, group_by: [agency, shift], group_wait: 2s, group_interval: 5m, repeat_interval: 4h }
receivers: [ { name: on-call, page_configs: [ { policy: coverage } ] } ]
"#;

async fn text(house: &House, n: usize) -> Text {
    let came = house.sim.until(PATIENCE, |sim| sim.phone(NIGHT).len() > n).await;
    let said: Vec<String> = house.sim.phone(NIGHT).into_iter().map(|text| text.body).collect();
    assert!(came, "got {said:?} and no more\n{}", house.log());
    house.sim.phone(NIGHT)[n].clone()
}

async fn reply(house: &House, body: &str) {
    let token = house.sim.twilio(|gateway| gateway.auth_token.clone());
    let params: Vec<(String, String)> =
        [("Body", body), ("From", NIGHT), ("MessageSid", "SM00000000000000000000000000000001"), ("To", "+12025550100")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec();
    let signature = twilio_signature(&token, &format!("{ADDRESS}/hooks/twilio"), &params);
    let (status, _) = house.post_form("/hooks/twilio", &params, &[("x-twilio-signature", &signature)]).await;
    assert_eq!(status, 200);
}

async fn get(house: &House, path: &str) -> Value {
    let (status, body) = house.get(path).await;
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).expect("JSON")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_became_of_the_night_is_asked_once_in_the_morning_and_kept() {
    let plan = Plan {
        // 07:02 in Denver; a shift of 06:50 whose caregiver does not come.
        begins_at: at("2026-11-24T14:02:00Z"),
        rules: RULES,
        wellsky: "      encounter_naive_tz: utc",
        telling: TELLING,
        external_url: ADDRESS,
        speed: 60,
        world: |world, now| {
            let start = now - TimeDelta::minutes(12);
            world.add_shift(Appointment::hours("90010003", AVERY, start, 4).with(CASEY));
        },
        ..Plan::default()
    };
    let mut house = House::open(plan).await;
    let page = text(&house, 0).await;
    assert!(page.body.contains("NO CHECK-IN Tue 06:50-10:50"), "{:?}", page.body);
    reply(&house, "1").await;
    let answer = text(&house, 1).await;
    house.sim.world(|world| world.cancel("90010003")).expect("a shift");
    let closing = text(&house, 2).await;
    assert!(closing.body.contains("CCA CLOSED"), "{:?} {:?}", answer.body, closing.body);

    // Nothing said what became of it but that it was cancelled: at 07:30 that is asked, once.
    let morning = text(&house, 3).await;
    assert_eq!(
        morning.body,
        "CCA: 1 page in the night needs a word: MissedCheckIn Tue 06:50, 501. What became of it? Say it: https://watch.example.com/on-call"
    );
    assert!((morning.at - at("2026-11-24T14:30:00Z")).num_seconds() < 75, "{}", morning.at);

    let log = get(&house, "/api/v1/on-call/log?days=1").await;
    let logged = &log["pages"][0];
    assert_eq!(
        (&logged["acknowledged_by"], &logged["told"][0]["person"]),
        (&json!("night-1"), &json!("night-1")),
        "{log}"
    );
    assert!(logged["acknowledged_after_minutes"].as_i64().is_some_and(|minutes| minutes < 5), "{log}");
    let alert = &logged["alerts"][0];
    assert_eq!((&alert["reason"], &alert["disposition"]), (&json!("cancelled"), &Value::Null), "{log}");
    let fingerprint = alert["fingerprint"].as_str().expect("a fingerprint").to_owned();

    say_what_became_of_it(&house, &fingerprint).await;

    // The log is kept by the store, and a restart asks nobody again.
    assert_eq!(house.stop().await, Some(0), "{}", house.log());
    house.start().await;
    house.settled().await;
    house.pass(TimeDelta::minutes(2)).await;
    assert_eq!(house.sim.phone(NIGHT).len(), 4, "{:?}", house.sim.phone(NIGHT));
    let log = get(&house, "/api/v1/on-call/log").await;
    assert_eq!(log["pages"][0]["alerts"][0]["disposition"]["words"], "the client refused", "{log}");
    let log = house.log();
    assert!(!log.contains("2025550") && !log.contains("by phone"), "a number or a note in the log: {log}");
    assert_eq!(house.stop().await, Some(0), "{log}");
}

async fn say_what_became_of_it(house: &House, fingerprint: &str) {
    let path = format!("/api/v1/alerts/{fingerprint}/disposition");
    let unstaffed = json!({ "by": "office", "disposition": "unstaffed" });
    let (status, body) = house.post(&path, &unstaffed).await;
    assert!(status == 400 && body.contains("needs an `approver`"), "{status} {body}");
    let approved = json!({ "by": "office", "disposition": "unstaffed", "approver": "director", "note": "by phone" });
    assert_eq!(house.post(&path, &approved).await.0, 200);
    let (_, board) = house.get("/on-call").await;
    assert!(board.contains("went unstaffed, approved by director"), "{board}");
    assert!(!board.contains("2025550") && !board.contains("7000101"), "{board}");

    // It may be changed: the latest word counts, all are kept. By the command line, as somebody at a desk does it.
    let agent = Agent::find_with(Some(&house.url), None, HttpClient::default()).expect("an agent");
    let body = DispositionBody { by: "office".into(), disposition: "refused".into(), ..DispositionBody::default() };
    let wish = disposition::Wish { alert: fingerprint[..6].to_owned(), body };
    let mut out = Vec::new();
    let exit = disposition::run(&agent, &wish, Output::Table, &mut out).await.expect("an answer");
    let out = String::from_utf8(out).expect("text");
    assert!(exit == Exit::Done && out.contains("the client refused, said by office"), "{out}");
    let story = get(house, &format!("/api/v1/alerts/{fingerprint}")).await;
    let said: Vec<&str> = story["lives"][0]["dispositions"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["disposition"].as_str())
        .collect();
    assert_eq!(said, ["refused", "unstaffed"], "{story}");
    assert_eq!(story["lives"][0]["pages"][0]["told"][0]["person"], "night-1", "{story}");
    let (_, page) = house.get(&format!("/alerts/{fingerprint}")).await;
    for words in ["the client refused, said by office", "paged by coverage: night-1; night-1 took it", "So far:"] {
        assert!(page.contains(words), "{page} lacks {words}");
    }
    let mut csv = Vec::new();
    on_call_log::run(&agent, 1, Output::Csv, 200, &mut csv).await.expect("an answer");
    let csv = String::from_utf8(csv).expect("text");
    assert!(csv.contains(",cancelled,refused,office,"), "{csv}");
    assert_eq!(house.get("/api/v1/on-call/log?days=0").await.0, 400);
    let nobody = "/api/v1/alerts/00000000000000ff/disposition";
    assert_eq!(house.post(nobody, &json!({ "by": "office", "disposition": "covered" })).await.0, 404);
}
