//! What happened can be asked for afterwards: an alert's story, the history and the record of the API, also after the
//! agent was started again.

use serde_json::Value;
use shiftwatch::sim::{Fault, FaultAnswer, Switches};

use crate::harness::{House, Plan, SHIFT, seconds};

/// An answer of the JSON API.
async fn json(house: &House, path: &str) -> Value {
    let (status, body) = house.get(path).await;
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).expect("JSON")
}

/// Asks until the answer is as it should be; what is told is told a moment before it is written down.
async fn json_once(house: &House, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    for _ in 0..600 {
        last = json(house, path).await;
        if is_so(&last) {
            return last;
        }
        house.pass(seconds(1)).await;
    }
    panic!("{path} stays {last:#}\n{}", house.log());
}

fn texts(story: &Value) -> Vec<&Value> {
    let messages = story["lives"][0]["messages"].as_array().expect("messages");
    messages.iter().filter(|one| one["channel"] == "sms").collect()
}

fn is_told_whole(story: &Value) -> bool {
    let texts = texts(story);
    texts.len() == 2 && texts.iter().all(|one| one["state"] == "delivered")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_that_is_over_is_told_whole_also_after_a_restart() {
    let mut house = House::open(Plan::default()).await;
    house.sim.world(|world| world.unassign(SHIFT)).expect("a shift");
    house.told_of(&["NO CAREGIVER"]).await;
    let alerts = json(&house, "/api/v1/alerts").await;
    let fingerprint = alerts[0]["fingerprint"].as_str().expect("an alert").to_owned();
    let path = format!("/api/v1/alerts/{fingerprint}");
    let ack = serde_json::json!({ "by": "night-1", "note": "calling around", "for": "40m" });
    let (status, body) = house.post(&format!("{path}/ack"), &ack).await;
    assert_eq!(status, 200, "{body}");
    house.sim.world(|world| world.assign(SHIFT, "8000202")).expect("a shift");
    house.told_of(&["CLOSED", "covered"]).await;

    let story = json_once(&house, &path, is_told_whole).await;
    let life = &story["lives"][0];
    assert_eq!((&life["alertname"], &life["state"]), (&"ShiftUncovered".into(), &"resolved".into()), "{story:#}");
    assert_eq!((&life["acknowledged_by"], &life["reason"]), (&"night-1".into(), &"covered".into()));
    assert!(life["shift"].as_str().is_some_and(|shift| shift.starts_with("90010001@")), "{story:#}");
    assert!(life["seen_at"].is_string() && life["resolved_at"].is_string(), "{story:#}");
    let turns = life["turns"].as_array().expect("turns");
    let words: Vec<&str> = turns.iter().filter_map(|turn| turn["words"].as_str()).collect();
    assert_eq!(words, ["fires", "acknowledged by night-1", "over: covered"]);
    assert_eq!(turns[1]["note"], "calling around");
    let told: Vec<(&str, &str)> = texts(&story)
        .into_iter()
        .map(|text| (text["told"].as_str().expect("told"), text["words"].as_str().expect("words")))
        .collect();
    assert_eq!(told, [("firing", "delivered"), ("closing", "delivered")]);
    let steps = texts(&story)[0]["steps"].as_array().expect("steps");
    let outcomes: Vec<&str> = steps.iter().filter_map(|step| step["outcome"].as_str()).collect();
    assert_eq!((outcomes, &steps[0]["gateway"]), (vec!["sent", "delivered"], &"twilio".into()));
    assert_eq!(life["messages"].as_array().map(Vec::len), Some(4), "the mails beside them");

    let history = json(&house, "/api/v1/history?span=24h").await;
    let rule = &history["rules"][0];
    assert_eq!((&rule["alertname"], &rule["closed"]["covered"]), (&"ShiftUncovered".into(), &1.into()), "{history:#}");
    for part in ["send", "deliver", "acknowledge", "resolve"] {
        assert_eq!(rule[part]["n"], 1, "{part}: {history:#}");
        assert!(rule[part]["p50_seconds"].as_f64().is_some_and(|seconds| seconds >= 0.0), "{part}: {history:#}");
    }
    assert_eq!(rule["detect"]["n"], 0, "the caregiver called out somewhere between two reads");
    assert_eq!(rule["detect"]["p50_seconds"], Value::Null);
    assert_eq!(history["latest"][0]["fingerprint"], fingerprint.as_str());

    assert_eq!(house.stop().await, Some(0));
    house.start().await;
    house.settled().await;
    assert_eq!(json(&house, &path).await, story, "a restart changes nothing of what was");
    let after = json(&house, "/api/v1/history?span=24h").await;
    assert_eq!((&after["rules"], &after["latest"]), (&history["rules"], &history["latest"]));
    house.close().await;
}

fn shifts_endpoint(record: &Value) -> Value {
    let endpoints = record["endpoints"].as_array().expect("endpoints");
    endpoints.iter().find(|one| one["endpoint"] == "appointment").cloned().unwrap_or(Value::Null)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_is_on_record_also_after_a_restart_in_the_middle_of_it() {
    let mut house = House::open(Plan::default()).await;
    let path = "/api/v1/api?agency=main";
    let well = shifts_endpoint(&json(&house, path).await);
    let hour = &well["spans"][0];
    assert_eq!(
        (hour["span"].as_str(), &hour["uptime"], &well["outages"]),
        (Some("1h"), &1.0.into(), &Value::Array(vec![]))
    );
    assert!(hour["requests"].as_u64().is_some_and(|n| n > 0) && hour["p50_seconds"].is_number(), "{well:#}");

    house.sim.switches(|switches| switches.faults = vec![Fault::new("/v1/", FaultAnswer::Status(503))]);
    house.told_of(&["CAN'T SEE WellSky"]).await;
    let down = json_once(&house, path, |record| shifts_endpoint(record)["outages"][0]["since"].is_string()).await;
    let down = shifts_endpoint(&down);
    let since = down["outages"][0]["since"].clone();
    assert!(since.is_string() && down["outages"][0]["until"].is_null(), "{down:#}");
    assert_eq!(down["outages"][0]["cause_words"], "answered 503");
    assert!(down["spans"][0]["uptime"].as_f64().is_some_and(|share| share < 1.0), "{down:#}");
    assert!(down["spans"][0]["errors"]["5xx"].as_u64().is_some_and(|n| n > 1), "{down:#}");

    assert_eq!(house.stop().await, Some(0));
    house.start().await;
    let again = json_once(&house, path, |record| {
        let n = |record: &Value| shifts_endpoint(record)["spans"][0]["requests"].as_u64();
        n(record) > down["spans"][0]["requests"].as_u64()
    });
    let again = shifts_endpoint(&again.await);
    assert_eq!(again["outages"].as_array().map(Vec::len), Some(1), "{again:#}");
    assert_eq!(again["outages"][0]["since"], since, "a restart in an outage begins no other");

    house.sim.switches(|switches| *switches = Switches::default());
    house.told_of(&["CLOSED: CAN'T SEE WellSky"]).await;
    let over = json_once(&house, path, |record| shifts_endpoint(record)["outages"][0]["until"].is_string()).await;
    assert_eq!(shifts_endpoint(&over)["outages"][0]["since"], since);
    assert_eq!(house.stop().await, Some(0));
    house.start().await;
    house.settled().await;
    let kept = shifts_endpoint(&json(&house, path).await);
    assert_eq!(kept["outages"], shifts_endpoint(&over)["outages"]);
    assert!(kept["spans"][2]["requests"].as_u64() >= again["spans"][2]["requests"].as_u64(), "{kept:#}");
    house.close().await;
}
