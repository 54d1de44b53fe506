//! Texts, webhooks, heartbeats.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{Bench, Got, PATIENCE, take};
use crate::sim::{
    SinkAnswer, TextCall, TextFault, TextFaultAnswer, TextStatus, switches::WebhookManner, twilio_signature,
};

const ACCOUNT: &str = "AC00000000000000000000000000000001";
const TO: &str = "+12025550111";
const FROM: &str = "+12025550100";

impl Bench {
    fn messages(&self) -> String {
        format!("{}/2010-04-01/Accounts/{ACCOUNT}/Messages.json", self.sim.twilio_url())
    }

    fn text_request(&self, to: &str, body: &str) -> reqwest::RequestBuilder {
        let form = [("To", to), ("From", FROM), ("Body", body)];
        self.http.post(self.messages()).basic_auth(ACCOUNT, Some("sim-twilio-token")).form(&form)
    }

    async fn text(&self, to: &str, body: &str) -> Result<Got, reqwest::Error> {
        take(self.text_request(to, body)).await
    }

    async fn list(&self, query: &str) -> Got {
        let url = format!("{}?{query}", self.messages());
        take(self.http.get(url).basic_auth(ACCOUNT, Some("sim-twilio-token"))).await.expect("an answer")
    }

    async fn read(&self, sid: &str) -> Got {
        let url = self.messages().replace(".json", &format!("/{sid}.json"));
        take(self.http.get(url).basic_auth(ACCOUNT, Some("sim-twilio-token"))).await.expect("an answer")
    }
}

#[tokio::test]
async fn a_text_is_taken_and_delivered_as_the_clock_passes() {
    let bench = Bench::new().await;
    let got = bench.text(TO, "CCA: NO CAREGIVER Tue 07:00-11:00").await.expect("an answer");
    assert_eq!(got.status, 201);
    let made = got.json();
    let sid = made["sid"].as_str().expect("a sid").to_owned();
    assert!(sid.starts_with("SM") && sid.len() == 34, "{sid}");
    assert_eq!(
        (&made["status"], &made["num_segments"], &made["error_code"], &made["date_sent"], &made["to"]),
        (&json!("queued"), &json!("1"), &Value::Null, &Value::Null, &json!(TO))
    );
    assert_eq!(made["date_created"], "Tue, 24 Nov 2026 12:00:00 +0000");
    assert_eq!(made["uri"], format!("/2010-04-01/Accounts/{ACCOUNT}/Messages/{sid}.json"));
    for (ms, status) in [(499, "queued"), (1, "sent"), (1499, "sent"), (1, "delivered")] {
        bench.pass(TimeDelta::milliseconds(ms));
        assert_eq!(bench.read(&sid).await.json()["status"], status, "{ms} ms on");
    }
    assert_eq!(bench.sim.text_status(&sid), Some(TextStatus::Delivered));
    assert_eq!(bench.read("SMnone").await.json()["code"], 20404);
}

type Fields<'a> = Vec<(&'a str, &'a str)>;

#[tokio::test]
async fn bad_texts_are_refused_with_twilios_codes() {
    let bench = Bench::new().await;
    bench.sim.twilio(|it| {
        it.refused.insert("+12025550119".into(), 21610);
        it.from = FROM.into();
    });
    let ask = async |fields: &[(&str, &str)]| {
        let request = bench.http.post(bench.messages()).basic_auth(ACCOUNT, Some("sim-twilio-token")).form(fields);
        take(request).await.expect("an answer")
    };
    let long = "a".repeat(1601);
    let table: [(&str, Fields<'_>, u64); 8] = [
        ("no To", vec![("From", FROM), ("Body", "x")], 21604),
        ("no From", vec![("To", TO), ("Body", "x")], 21603),
        ("no Body", vec![("To", TO), ("From", FROM)], 21602),
        ("too long", vec![("To", TO), ("From", FROM), ("Body", &long)], 21617),
        ("no country code", vec![("To", "2025550111"), ("From", FROM), ("Body", "x")], 21211),
        ("letters", vec![("To", "+1202555abcd"), ("From", FROM), ("Body", "x")], 21211),
        ("opted out", vec![("To", "+12025550119"), ("From", FROM), ("Body", "x")], 21610),
        ("somebody else's number", vec![("To", TO), ("From", "+12025550199"), ("Body", "x")], 21606),
    ];
    for (what, fields, code) in table {
        let got = ask(&fields).await;
        assert_eq!(
            (got.status, got.json()["code"].as_u64(), &got.json()["status"]),
            (400, Some(code), &json!(400)),
            "{what}"
        );
        assert!(got.json()["more_info"].as_str().is_some_and(|it| it.ends_with(&code.to_string())));
    }
    assert!(bench.sim.texts().is_empty());
    let request = bench.http.post(bench.messages()).basic_auth(ACCOUNT, Some("wrong")).form(&[("To", TO)]);
    let got = take(request).await.expect("an answer");
    assert_eq!((got.status, got.json()["code"].as_u64()), (401, Some(20003)));
}

#[tokio::test]
async fn texts_are_listed_by_number_page_and_day() {
    let bench = Bench::new().await;
    for n in 0..5 {
        bench.text(TO, &format!("text {n}")).await.expect("an answer");
    }
    bench.text("+12025550112", "another").await.expect("an answer");
    let to = format!("To={}", TO.replace('+', "%2B"));
    let bodies = async |query: String| {
        let got = bench.list(&query).await.json();
        let rows = got["messages"].as_array().expect("rows").clone();
        rows.iter().map(|it| it["body"].as_str().expect("text").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(bodies(to.clone()).await, ["text 4", "text 3", "text 2", "text 1", "text 0"], "the newest first");
    assert_eq!(bodies(format!("{to}&PageSize=2&Page=1")).await, ["text 2", "text 1"]);
    let next = bench.list(&format!("{to}&PageSize=2")).await.json()["next_page_uri"].as_str().expect("one").to_owned();
    assert!(next.contains("Page=1") && next.contains("To=%2B12025550111"), "{next}");
    assert!(bench.list(&format!("{to}&PageSize=100")).await.json()["next_page_uri"].is_null());
    assert!(bodies("From=%2B12025550199".into()).await.is_empty());
    assert!(bodies("DateSent%3E=2026-11-24".into()).await.is_empty(), "the stamp is null while they are queued");
    bench.pass(TimeDelta::seconds(5));
    assert_eq!(bodies("DateSent%3E=2026-11-24".into()).await.len(), 6);
    assert!(bodies("DateSent%3E=2026-11-25".into()).await.is_empty());
    bench.sim.twilio(|it| it.list_lag_ms = 60_000);
    assert!(bodies(to).await.is_empty(), "a list may lag behind");
}

#[tokio::test]
async fn texts_fail_as_scripted() {
    let bench = Bench::new().await;
    let one = async |answer: TextFaultAnswer| {
        bench.sim.twilio(|it| it.faults = vec![TextFault::new(answer).times(1)]);
        let before = bench.sim.texts().len();
        let got = tokio::time::timeout(Duration::from_millis(400), take(bench.text_request(TO, "x"))).await;
        (got.ok(), bench.sim.texts().len() - before)
    };
    // Taken, but the sender can't know.
    let (got, taken) = one(TextFaultAnswer::AcceptThenHang).await;
    assert!(got.is_none() && taken == 1, "hangs after taking it");
    let (got, taken) = one(TextFaultAnswer::AcceptThenDrop).await;
    assert!(got.is_some_and(|it| it.is_err()) && taken == 1, "breaks after taking it");
    let (got, taken) = one(TextFaultAnswer::AcceptThen500).await;
    assert_eq!((got.and_then(Result::ok).map(|it| it.status), taken), (Some(500), 1));
    let (got, taken) = one(TextFaultAnswer::Truncated).await;
    let text = got.and_then(Result::ok).expect("an answer").text;
    assert!(serde_json::from_str::<Value>(&text).is_err() && taken == 1);
    // Not taken.
    let (got, taken) = one(TextFaultAnswer::Hang).await;
    assert!(got.is_none() && taken == 0);
    let (got, taken) = one(TextFaultAnswer::Reset).await;
    assert!(got.is_some_and(|it| it.is_err()) && taken == 0);
    for (answer, status, code) in [
        (TextFaultAnswer::TooMany(Some(3)), 429, Some(20429)),
        (TextFaultAnswer::Error(503, 20503), 503, Some(20503)),
        (TextFaultAnswer::Error(400, 21614), 400, Some(21614)),
    ] {
        let (got, taken) = one(answer.clone()).await;
        let got = got.and_then(Result::ok).expect("an answer");
        assert_eq!((got.status, got.json()["code"].as_u64(), taken), (status, code, 0), "{answer:?}");
    }
    let (got, taken) = one(TextFaultAnswer::SlowMs(1)).await;
    assert_eq!((got.and_then(Result::ok).map(|it| it.status), taken), (Some(201), 1));

    bench.sim.twilio(|it| it.faults = vec![TextFault::new(TextFaultAnswer::TooMany(Some(3)))]);
    let response = bench.text_request(TO, "x").send().await.expect("an answer");
    assert_eq!(response.headers().get("retry-after").and_then(|it| it.to_str().ok()), Some("3"));
    bench.sim.twilio(|it| it.faults = vec![TextFault::new(TextFaultAnswer::Error(500, 20500)).to("+12025550112")]);
    assert_eq!(bench.text(TO, "x").await.expect("an answer").status, 201, "only that number");
    assert_eq!(bench.text("+12025550112", "x").await.expect("an answer").status, 500);
    bench.sim.twilio(|it| {
        it.faults = vec![TextFault::new(TextFaultAnswer::Error(503, 20503)).on(TextCall::List).times(1)];
    });
    assert_eq!(bench.text(TO, "x").await.expect("an answer").status, 201);
    assert_eq!(bench.list("PageSize=1").await.status, 503);
    assert_eq!(bench.list("PageSize=1").await.status, 200);
}

#[tokio::test]
async fn a_text_can_end_undelivered() {
    let bench = Bench::new().await;
    bench.sim.twilio(|it| it.ends = [(TO.to_owned(), (TextStatus::Undelivered, 30003))].into());
    let sid = bench.text(TO, "x").await.expect("an answer").json()["sid"].as_str().expect("a sid").to_owned();
    assert_eq!(bench.read(&sid).await.json()["error_code"], Value::Null);
    bench.pass(TimeDelta::seconds(2));
    let got = bench.read(&sid).await.json();
    assert_eq!((&got["status"], &got["error_code"]), (&json!("undelivered"), &json!(30003)));
}

#[tokio::test]
async fn a_text_whose_time_is_up_in_the_queue_fails() {
    let bench = Bench::new().await;
    let send = async |validity: &str| {
        let form = [("To", TO), ("From", FROM), ("Body", "x"), ("ValidityPeriod", validity)];
        let request = bench.http.post(bench.messages()).basic_auth(ACCOUNT, Some("sim-twilio-token")).form(&form);
        take(request).await.expect("an answer").json()["sid"].as_str().expect("a sid").to_owned()
    };
    bench.sim.twilio(|it| {
        it.sent_after_ms = 900_000;
        it.ends_after_ms = 901_000;
    });
    let (short, enough) = (send("899").await, send("900").await);
    bench.pass(TimeDelta::seconds(902));
    let got = bench.read(&short).await.json();
    assert_eq!((&got["status"], &got["error_code"]), (&json!("failed"), &json!(30036)));
    assert_eq!(bench.read(&enough).await.json()["status"], "delivered");
}

#[tokio::test]
async fn texts_are_erased_and_called_back() {
    let bench = Bench::new().await;
    let sids = [bench.text(TO, "a").await, bench.text(TO, "b").await]
        .map(|it| it.expect("an answer").json()["sid"].as_str().expect("a sid").to_owned());
    let url = bench.messages().replace(".json", &format!("/{}.json", sids[0]));
    let request = |method| bench.http.request(method, &url).basic_auth(ACCOUNT, Some("sim-twilio-token"));
    let canceled = take(request(reqwest::Method::POST).form(&[("Status", "canceled")])).await.expect("an answer");
    assert_eq!(canceled.json()["status"], "canceled");
    assert_eq!(take(request(reqwest::Method::DELETE)).await.expect("an answer").status, 204);
    assert_eq!(bench.read(&sids[0]).await.status, 404);
    assert_eq!(bench.list("").await.json()["messages"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_gateway_that_is_down_refuses() {
    let bench = Bench::new().await;
    bench.sim.twilio_down();
    let mut refused = false;
    for _ in 0..200 {
        if bench.text(TO, "x").await.is_err_and(|it| it.is_connect()) {
            refused = true;
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(refused && bench.sim.texts().is_empty());
}

#[tokio::test]
async fn status_callbacks_are_signed_and_in_the_order_told() {
    let bench = Bench::new().await;
    let url = format!("{}/hooks/twilio/status", bench.sim.sink_url());
    let send = async || {
        let form = [("To", TO), ("From", FROM), ("Body", "x"), ("StatusCallback", url.as_str())];
        let request = bench.http.post(bench.messages()).basic_auth(ACCOUNT, Some("sim-twilio-token")).form(&form);
        take(request).await.expect("an answer")
    };
    let statuses = |from: usize| -> Vec<String> {
        let posts = bench.sim.posts();
        let of = |body: &str| {
            url::form_urlencoded::parse(body.as_bytes())
                .find(|(key, _)| key == "MessageStatus")
                .map(|(_, it)| it.into_owned())
        };
        posts.iter().skip(from).filter_map(|it| of(&it.body)).collect()
    };
    send().await;
    assert!(bench.sim.posts().is_empty(), "none for the first status");
    bench.pass(TimeDelta::milliseconds(600));
    assert!(bench.sim.until(PATIENCE, |sim| sim.posts().len() == 1).await);
    bench.pass(TimeDelta::seconds(2));
    assert!(bench.sim.until(PATIENCE, |sim| sim.posts().len() == 2).await);
    assert_eq!(statuses(0), ["sent", "delivered"]);
    let post = bench.sim.posts()[1].clone();
    let params: Vec<(String, String)> = url::form_urlencoded::parse(post.body.as_bytes()).into_owned().collect();
    assert_eq!(post.header("x-twilio-signature"), Some(twilio_signature("sim-twilio-token", &url, &params).as_str()));

    bench.sim.twilio(|it| {
        it.callbacks = 2;
        it.callbacks_reordered = true;
    });
    send().await;
    bench.pass(TimeDelta::seconds(5));
    assert!(bench.sim.until(PATIENCE, |sim| sim.posts().len() == 6).await);
    assert_eq!(statuses(2), ["delivered", "delivered", "sent", "sent"], "twice, and the wrong way round");
}

#[tokio::test]
async fn a_person_can_text_back() {
    let bench = Bench::new().await;
    let url = format!("{}/hooks/twilio", bench.sim.sink_url());
    bench.sim.receive_text(TO, FROM, "1 K7");
    bench.sim.twilio(|it| it.inbound_url.clone_from(&url));
    bench.sim.receive_text(TO, FROM, "3 K7");
    assert!(bench.sim.until(PATIENCE, |sim| sim.posts().len() == 1).await);
    assert!(bench.sim.posts()[0].body.contains("Body=3+K7"));
    let got = bench.list("To=%2B12025550100").await.json();
    assert_eq!((&got["messages"][0]["direction"], &got["messages"][1]["body"]), (&json!("inbound"), &json!("1 K7")));
    assert!(bench.sim.texts().is_empty(), "what came in is not what was sent");
}

#[tokio::test]
async fn the_sink_answers_as_told_and_keeps_everything() {
    let bench = Bench::new().await;
    bench.sim.sink_answers([
        SinkAnswer::Status(500),
        SinkAnswer::RetryAfter(503, 9),
        SinkAnswer::Reset,
        SinkAnswer::SlowMs(1),
        SinkAnswer::Hang,
    ]);
    let post = async || {
        let request = bench.http.post(format!("{}/alerts?x=1", bench.sim.sink_url())).json(&json!({ "n": 1 }));
        tokio::time::timeout(Duration::from_millis(400), request.send()).await
    };
    assert_eq!(post().await.expect("in time").expect("an answer").status().as_u16(), 500);
    let retry = post().await.expect("in time").expect("an answer");
    assert_eq!((retry.status().as_u16(), retry.headers()["retry-after"].to_str().ok()), (503, Some("9")));
    assert!(post().await.expect("in time").is_err(), "broken");
    assert_eq!(post().await.expect("in time").expect("an answer").status().as_u16(), 200);
    assert!(post().await.is_err(), "hangs");
    assert_eq!(post().await.expect("in time").expect("an answer").status().as_u16(), 200, "then all is well");
    bench.sim.sink_always(Some(SinkAnswer::Status(404)));
    assert_eq!(post().await.expect("in time").expect("an answer").status().as_u16(), 404);
    let posts = bench.sim.posts();
    assert_eq!(posts.len(), 7, "every one was kept");
    assert_eq!((posts[0].path.as_str(), posts[0].query.as_str(), &posts[0].json()["n"]), ("/alerts", "x=1", &json!(1)));
}

#[tokio::test]
async fn webhooks_go_out_as_told() {
    let bench = Bench::small().await;
    let url = format!("{}/hooks/wellsky", bench.sim.sink_url());
    bench.set(|it| {
        it.webhook.url.clone_from(&url);
        it.webhook.header = "Authorization: Bearer example-shared-secret".into();
    });
    let bodies =
        |from: usize| -> Vec<String> { bench.sim.posts().iter().skip(from).map(|it| it.body.clone()).collect() };
    let happen = |id: &str| bench.sim.world(|world| world.add_client(id));
    happen("71");
    assert!(bench.sim.until(PATIENCE, |sim| sim.posts().len() == 1).await);
    assert_eq!(bodies(0), [r#"{"id":71,"resourceType":"Patient"}"#]);
    assert_eq!(bench.sim.posts()[0].header("authorization"), Some("Bearer example-shared-secret"));

    bench.set(|it| it.webhook.manner = WebhookManner::WrongSecret);
    bench.sim.world(|world| world.deactivate_caregiver("8000201")).expect("there");
    assert!(bench.sim.until(PATIENCE, |sim| sim.posts().len() == 2).await);
    assert_eq!(bench.sim.posts()[1].header("authorization"), Some("Bearer wrong"));

    bench.set(|it| it.webhook.manner = WebhookManner::Duplicate);
    happen("72");
    assert!(bench.sim.until(PATIENCE, |sim| sim.posts().len() == 4).await);
    assert_eq!(bodies(2)[0], bodies(2)[1]);

    bench.set(|it| it.webhook.manner = WebhookManner::Reorder);
    happen("73");
    happen("74");
    assert!(bench.sim.until(PATIENCE, |sim| sim.posts().len() == 6).await);
    assert!(bodies(4)[0].contains("74") && bodies(4)[1].contains("73"), "{:?}", bodies(4));

    bench.set(|it| it.webhook.manner = WebhookManner::Drop);
    happen("75");
    bench.set(|it| {
        it.webhook.manner = WebhookManner::Send;
        it.webhook.criteria = vec!["encounter.clockout.changed".into()];
    });
    happen("76");
    bench
        .sim
        .world(|world| {
            let start = world.now();
            world.check_in("90010001", start)?;
            world.check_out("90010001", start)
        })
        .expect("out");
    assert!(bench.sim.until(PATIENCE, |sim| sim.posts().len() == 7).await);
    assert!(bodies(6)[0].contains("Encounter"), "75 was dropped, 76 is not among the criteria");
}

#[tokio::test]
async fn a_subscription_sends_to_its_own_endpoint() {
    let bench = Bench::new().await;
    let subscription = json!({
        "resourceType": "Subscription", "status": "active", "criteria": "patient.created",
        "channel": { "type": "rest-hook", "endpoint": format!("{}/mine", bench.sim.sink_url()), "header": ["X-Key: k"] },
        "meta": { "tag": [{ "code": "agencyId", "display": "9999" }] },
    });
    assert_eq!(bench.post("/v1/subscriptions/", &json!({})).await.status, 422, "agencyId is required");
    let id = bench.post("/v1/subscriptions/", &subscription).await.json()["id"].as_u64().expect("a number");
    assert_eq!(bench.get("/v1/subscriptions/").await.rows().len(), 1);
    bench.sim.world(|world| world.add_client("71"));
    assert!(bench.sim.until(PATIENCE, |sim| sim.posts().len() == 1).await);
    assert_eq!((bench.sim.posts()[0].path.as_str(), bench.sim.posts()[0].header("x-key")), ("/mine", Some("k")));
    let gone = take(bench.request("DELETE", &format!("/v1/subscriptions/{id}/"))).await.expect("an answer");
    assert_eq!(gone.status, 200);
    assert_eq!(bench.get(&format!("/v1/subscriptions/{id}/")).await.status, 404);
}
