//! Two thousand alerts in a minute, posted to the real binary: phones get few texts, the worst is in everyone's first or
//! second, and nobody waits for the first.

use chrono::TimeDelta;
use serde_json::{Value, json};
use shiftwatch::{model::Instant, sim::Text};

use crate::harness::{House, Plan, seconds};

const PHONES: [&str; 3] = ["+12025550111", "+12025550112", "+12025550113"];
const N: usize = 2_000;
/// The one that is critical comes in the middle.
const WORST: usize = 1_000;
/// As many in one request.
const BATCH: usize = 50;
/// So many of the agent's seconds pass in one real second.
const SPEED: u32 = 10;

/// night-1 at once; night-2 and the lead a minute later. Warnings go nowhere.
const TELLING: &str = r#"people:
  - { name: night-1, phone: "+12025550111" }
  - { name: night-2, phone: "+12025550112" }
  - { name: lead, phone: "+12025550113" }
escalation_policies:
  - name: coverage
    repeat: 1h
    unconfirmed_after: 50m
    steps:
      - { notify: [ { person: night-1 } ], via: [sms], after: 0m }
      - { notify: [ { person: night-2 }, { person: lead } ], via: [sms], after: 1m }
route:
  receiver: nobody
  group_by: [agency, instance]
  group_wait: 2s
  group_interval: 5m
  repeat_interval: 4h
  routes: [ { matchers: ['severity=~"page|critical"'], receiver: on-call } ]
receivers: [ { name: nobody }, { name: on-call, page_configs: [ { policy: coverage } ] } ]
"#;

fn posted(n: usize, ends_at: Instant) -> Value {
    let (name, severity) = match n {
        WORST => ("GasLeak", "critical"),
        n if n % 10 < 3 => ("DiskFull", "warning"),
        _ => ("HostDown", "page"),
    };
    json!({
        "labels": { "alertname": name, "severity": severity, "agency": "main", "instance": format!("host-{n}") },
        "annotations": { "summary": "somebody should look" },
        "endsAt": ends_at.to_rfc3339(),
    })
}

fn when(value: &Value) -> Instant {
    value.as_str().expect("an instant").parse().expect("an instant")
}

/// How many of these came within any span of that length.
fn most_within(texts: &[Text], span: TimeDelta) -> usize {
    let within = |first: &Text| texts.iter().filter(|text| text.at >= first.at && text.at - first.at < span).count();
    texts.iter().map(within).max().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_alerts_in_a_minute_are_few_texts() {
    let mut house = House::open(Plan { telling: TELLING, speed: SPEED, ..Plan::default() }).await;
    let (began_at, ends_at) = (house.now(), house.now() + TimeDelta::hours(6));
    for first in (0..N).step_by(BATCH) {
        let due = began_at + seconds(60) * i32::try_from(first).expect("few") / i32::try_from(N).expect("few");
        if due > house.now() {
            house.pass(due - house.now()).await;
        }
        let batch: Vec<Value> = (first..first + BATCH).map(|n| posted(n, ends_at)).collect();
        assert_eq!(house.post("/api/v2/alerts", &json!(batch)).await.0, 200);
    }
    // On a busy machine the posts themselves take longer than their minute.
    house.pass(TimeDelta::minutes(3)).await;
    let lasted = house.now() - began_at;
    // One at once, one that is critical, and one in two minutes.
    let most = usize::try_from(3 + lasted.num_minutes() / 2).expect("few");

    let texts: Vec<Vec<Text>> = PHONES.iter().map(|phone| house.sim.phone(phone)).collect();
    let bodies: Vec<Vec<&String>> = texts.iter().map(|texts| texts.iter().map(|text| &text.body).collect()).collect();
    for texts in &texts {
        assert!((1..=most).contains(&texts.len()), "{lasted}: {bodies:#?}\n{}", house.log());
        // What is critical is exempt from the two minutes, and one of them is.
        assert!(most_within(texts, seconds(120)) <= 2, "{bodies:#?}");
        let first = texts.iter().position(|text| text.body.contains("GasLeak"));
        assert!(first.is_some_and(|n| n < 2), "the worst is not among the first two: {bodies:#?}");
        assert!(texts.iter().all(|text| text.body.len() <= 160), "{bodies:#?}");
    }

    // By the agent's own stamps: the first page left within seconds, and every page was told or counted.
    let (_, pages) = house.get("/api/v1/pages").await;
    let pages: Vec<Value> = serde_json::from_str(&pages).expect("pages");
    assert_eq!(pages.len(), N - N * 3 / 10 + usize::from(WORST % 10 < 3), "one for each that pages");
    let told = pages.iter().flat_map(|page| page["told"].as_array().expect("who was told"));
    let first_told = told.filter(|told| told["arrived"] != "held").map(|told| when(&told["at"])).min();
    let (_, alerts) = house.get("/api/v2/alerts").await;
    let alerts: Vec<Value> = serde_json::from_str(&alerts).expect("alerts");
    let first_known = alerts.iter().filter(|alert| alert["labels"]["severity"] != "warning");
    let first_known = first_known.map(|alert| when(&alert["startsAt"])).min().expect("alerts");
    let waited = first_told.expect("somebody was told") - first_known;
    assert!(waited <= seconds(30), "the first page was decided after {waited}");
    let untold = pages.iter().filter(|page| page["told"].as_array().is_some_and(Vec::is_empty)).count();
    assert_eq!(untold, 0, "a page that nobody is told of");
    assert_eq!(house.stop().await, Some(0), "{}", house.log());
}
