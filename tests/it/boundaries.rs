//! The edges of being reached, on the real binary: two open pages and a bare digit, a page that is over, a number that
//! refuses, a policy whose people are all out of reach, strangers.

use chrono::TimeDelta;
use serde_json::{Value, json};
use shiftwatch::sim::{Text, twilio_signature};

use crate::harness::{House, PATIENCE, Plan};

const NIGHT: &str = "+12025550111";
const GONE: &str = "+12025550112";
const STRANGER: &str = "+12025550199";
const ADDRESS: &str = "https://watch.example.com";

/// night-1 is reached. gone-1 has opted out of texts and has a mail address; gone-2 has nothing else.
const TELLING: &str = r#"people:
  - { name: night-1, phone: "+12025550111" }
  - { name: gone-1, contacts: [ { sms: "+12025550112" }, { email: gone-1@example.com } ] }
  - { name: gone-2, contacts: [ { sms: "+12025550113" } ] }
escalation_policies:
  - { name: night, unconfirmed_after: 9m, steps: [ { notify: [ { person: night-1 } ], via: [sms] } ] }
  - { name: gone, unconfirmed_after: 9m, steps: [ { notify: [ { person: gone-1 } ], via: [sms, email] } ] }
  - { name: nowhere, unconfirmed_after: 9m, steps: [ { notify: [ { person: gone-2 } ], via: [sms] } ] }
route:
  receiver: night
  group_by: [p]
  group_wait: 1s
  group_interval: 5m
  repeat_interval: 4h
  routes:
    - { matchers: ['to="gone"'], receiver: gone }
    - { matchers: ['to="nowhere"'], receiver: nowhere }
    - { matchers: ['severity="warning"'], receiver: tech }
receivers:
  - { name: night, page_configs: [ { policy: night } ] }
  - { name: gone, page_configs: [ { policy: gone } ] }
  - { name: nowhere, page_configs: [ { policy: nowhere } ] }
  - { name: tech, email_configs: [ { to: tech@example.com } ] }
"#;

async fn text(house: &House, phone: &str, n: usize) -> Text {
    let came = house.sim.until(PATIENCE, |sim| sim.phone(phone).len() > n).await;
    let said: Vec<String> = house.sim.phone(phone).into_iter().map(|text| text.body).collect();
    assert!(came, "{phone} got {said:?} and no more\n{}", house.log());
    house.sim.phone(phone)[n].clone()
}

async fn post(house: &House, p: &str, to: &str, ends: Option<TimeDelta>) {
    let mut alert = json!({
        "labels": { "alertname": "Posted", "agency": "main", "severity": "critical", "p": p, "to": to },
        "annotations": { "summary": format!("Posted {p}.") },
    });
    alert["endsAt"] = json!(house.now() + ends.unwrap_or_else(|| TimeDelta::hours(4)));
    assert_eq!(house.post("/api/v2/alerts", &json!([alert])).await.0, 200);
}

async fn reply(house: &House, from: &str, n: u32, body: &str) {
    let token = house.sim.twilio(|gateway| gateway.auth_token.clone());
    let params: Vec<(String, String)> =
        [("Body", body), ("From", from), ("MessageSid", &format!("SM{n:032}")), ("To", "+12025550100")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec();
    let signature = twilio_signature(&token, &format!("{ADDRESS}/hooks/twilio"), &params);
    let (status, _) = house.post_form("/hooks/twilio", &params, &[("x-twilio-signature", &signature)]).await;
    assert_eq!(status, 200);
}

fn code(text: &Text) -> String {
    text.body.split("Reply 1 ").nth(1).and_then(|rest| rest.split([' ', '.']).next()).expect("a code").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replies_at_the_edges_are_answered_and_numbers_that_refuse_give_place() {
    let mut house = House::open(Plan { telling: TELLING, external_url: ADDRESS, ..Plan::default() }).await;
    house.sim.twilio(|gateway| {
        for phone in [GONE, "+12025550113"] {
            gateway.refused.insert(phone.to_owned(), 21610);
        }
    });

    // Two pages and a bare digit: which one?
    post(&house, "one", "night", None).await;
    let first = text(&house, NIGHT, 0).await;
    post(&house, "two", "night", None).await;
    let second = text(&house, NIGHT, 1).await;
    let (one, two) = (code(&first), code(&second));
    assert!(one != two && first.body.contains("Posted one") && second.body.contains("Posted two"), "{second:?}");
    reply(&house, NIGHT, 1, "1").await;
    let which = text(&house, NIGHT, 2).await.body;
    assert!(which.contains(&one) && which.contains(&two), "{which}");

    // A stranger, though the code is right: no answer, nothing kept, nothing logged.
    reply(&house, STRANGER, 2, &format!("1 {one}")).await;
    reply(&house, NIGHT, 3, &format!("1 {one}")).await;
    let mine = text(&house, NIGHT, 3).await.body;
    assert!(mine.contains(&one) && !mine.contains(&two), "{mine}");

    // Over, then taken: it is said that it is over.
    post(&house, "two", "night", Some(TimeDelta::seconds(-1))).await;
    let closing = text(&house, NIGHT, 4).await.body;
    assert!(closing.contains(&format!("CLOSED {two}")), "{closing}");
    reply(&house, NIGHT, 4, &format!("1 {two}")).await;
    let over = text(&house, NIGHT, 5).await.body;
    assert!(over.contains(&two) && over.contains("over"), "{over}");
    let (_, alerts) = house.get("/api/v1/alerts").await;
    let alerts: Value = serde_json::from_str(&alerts).expect("JSON");
    let owners: Vec<&Value> = alerts.as_array().expect("a list").iter().map(|alert| &alert["owner"]["by"]).collect();
    assert_eq!(owners, ["night-1"], "{alerts}");

    // Opted out: the next way at once.
    post(&house, "three", "gone", None).await;
    let mailed =
        house.sim.until(PATIENCE, |sim| sim.mails().iter().any(|mail| mail.to.iter().any(|to| to.contains("gone-1"))));
    assert!(mailed.await, "no mail to gone-1\n{}", house.log());

    // Nobody of the policy takes anything any more: whoever is left is told, and somebody is told of that.
    post(&house, "four", "nowhere", None).await;
    house.logged("\"turn\":\"stepped\",\"step\":1,\"people\":\"gone-2\"").await;
    house.logged("refused").await;
    post(&house, "five", "nowhere", None).await;
    let left = text(&house, NIGHT, 6).await.body;
    assert!(left.contains("Posted five"), "{left}");
    house.logged("\"turn\":\"everybody\"").await;

    house.long_enough().await;
    assert!(house.sim.phone(STRANGER).is_empty(), "a stranger is not answered");
    let log = house.log();
    assert!(!log.contains("2025550"), "a number in the log: {log}");
    assert_eq!(house.stop().await, Some(0), "{log}");
}
