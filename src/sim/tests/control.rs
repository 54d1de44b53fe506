//! Steering from outside, and the command.

use clap::Parser;
use serde_json::{Value, json};

use super::{Bench, Got, PATIENCE, at, take};
use crate::sim::{Incident, Script, command};

impl Bench {
    async fn control(&self, method: &str, path: &str, body: Option<Value>) -> Got {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = self.http.request(method, format!("{}/_sim/{path}", self.sim.control_url()));
        if let Some(body) = body {
            request = request.json(&body);
        }
        take(request).await.expect("an answer")
    }
}

#[tokio::test]
async fn switches_are_read_patched_and_replaced() {
    let bench = Bench::small().await;
    let got =
        bench.control("PATCH", "switches", Some(json!({ "500_html": ["appointment"], "page_base": "one" }))).await;
    assert_eq!((got.status, &got.json()["500_html"]), (200, &json!(["appointment"])));
    assert_eq!(bench.shifts().await.status, 500);
    assert_eq!(bench.control("GET", "switches", None).await.json()["page_base"]["default"], "one");
    assert_eq!(bench.control("PUT", "switches", Some(json!({ "all_empty": true }))).await.status, 200);
    let now = bench.control("GET", "switches", None).await.json();
    assert_eq!(
        (&now["page_base"]["default"], &now["500_html"]),
        (&json!("zero"), &json!([])),
        "the rest is the default"
    );
    assert!(bench.shifts().await.rows().is_empty());
    let refused = bench.control("PATCH", "switches", Some(json!({ "al_empty": false }))).await;
    assert_eq!((refused.status, refused.text.contains("al_empty")), (400, true), "{}", refused.text);
    assert_eq!(bench.control("PATCH", "switches", Some(json!([1]))).await.status, 400);
    assert_eq!(bench.control("GET", "nonsense", None).await.status, 404);
    assert_eq!(
        take(bench.request("GET", "/_sim/switches")).await.expect("an answer").status,
        403,
        "not on the vendor's port"
    );
    assert!(
        bench.sim.log().iter().all(|it| !it.path.contains("_sim") || it.status == 403),
        "control calls are not logged"
    );
}

#[tokio::test]
async fn incidents_and_scripts_happen() {
    let bench = Bench::small().await;
    let unassign = json!({ "do": "unassign", "shift": { "id": "90010001" } });
    assert_eq!(bench.control("POST", "incident", Some(unassign)).await.status, 200);
    assert_eq!(bench.shifts().await.rows()[0]["caregiver"], json!({}));
    let missing = bench.control("POST", "incident", Some(json!({ "do": "cancel", "shift": { "id": "1" } }))).await;
    assert_eq!((missing.status, missing.text.contains("no shift 1")), (400, true), "{}", missing.text);
    let later = json!({ "do": "reassign", "shift": { "id": "90010001" }, "caregiver": "8000201", "at": 60 });
    assert_eq!(bench.control("POST", "incident", Some(later)).await.status, 200);
    bench.pass(chrono::TimeDelta::seconds(59));
    assert_eq!(bench.shifts().await.rows()[0]["caregiver"], json!({}));
    bench.pass(chrono::TimeDelta::seconds(1));
    assert_eq!(bench.shifts().await.rows()[0]["caregiver"], json!({ "id": "8000201" }));

    let script = json!({ "steps": [
        { "at": 0, "do": "switches", "set": { "all_empty": true }, "beat": "dark" },
        { "at": 30, "do": "switches", "set": { "all_empty": false } },
    ] });
    assert_eq!(bench.control("POST", "script", Some(script)).await.status, 200);
    assert!(bench.shifts().await.rows().is_empty());
    bench.pass(chrono::TimeDelta::seconds(30));
    assert_eq!(bench.shifts().await.rows().len(), 2);
    assert_eq!(bench.sim.beats()[0].name, "dark");
    let wrong = json!({ "steps": [{ "at": 0, "do": "switches", "set": { "no_such": 1 } }] });
    assert_eq!(bench.control("POST", "script", Some(wrong)).await.status, 400);
}

#[tokio::test]
async fn a_script_given_at_the_start_is_followed() {
    let bench = Bench::with(|config| {
        let start = at("2026-11-24T13:00:00Z");
        config.following(
            Script::new()
                .at_s(0, Incident::AddClient { client: "7000101".into() })
                .at_s(1, Incident::AddShift { shift: crate::sim::Appointment::hours("1", "7000101", start, 4) }),
        )
    })
    .await;
    assert_eq!(bench.shifts().await.rows().len(), 0);
    bench.pass(chrono::TimeDelta::seconds(1));
    assert_eq!(bench.shifts().await.rows().len(), 1);
}

#[tokio::test]
async fn log_inbox_world_and_doors_are_there() {
    let bench = Bench::small().await;
    bench.shifts().await;
    let log = bench.control("GET", "log", None).await.json();
    assert_eq!(log.as_array().map(Vec::len), Some(2));
    assert_eq!(log[1]["endpoint"], "appointment");
    assert_eq!(bench.control("GET", "log?after=1", None).await.json().as_array().map(Vec::len), Some(1));
    bench.control("DELETE", "log", None).await;
    assert!(bench.sim.log().is_empty());

    bench.http.post(format!("{}/beat", bench.sim.sink_url())).body("x").send().await.expect("an answer");
    let text = json!({ "from": "+12025550111", "to": "+12025550100", "body": "1 K7" });
    assert_eq!(bench.control("POST", "text", Some(text)).await.status, 200);
    let inbox = bench.control("GET", "inbox", None).await.json();
    assert_eq!((&inbox["posts"][0]["path"], &inbox["texts"][0]["status"]), (&json!("/beat"), &json!("received")));
    assert_eq!(inbox["mails"], json!([]));

    let world = bench.control("GET", "world", None).await;
    assert_eq!(world.json()["open_in_24h"], json!([]));
    assert_eq!((&world.json()["patients"], &world.json()["starting_in_4h"]), (&json!(1), &json!(1)));
    assert!(!world.text.contains("Avery"), "nobody's name");

    bench.control("PATCH", "twilio", Some(json!({ "refused": { "+12025550111": 21610 } }))).await;
    assert_eq!(bench.sim.twilio(|it| it.refused.len()), 1);
    assert_eq!(bench.control("PATCH", "twilio", Some(json!({ "nonsense": 1 }))).await.status, 400);
    assert_eq!(
        bench.control("PUT", "smtp", Some(json!([{ "at": "rcpt", "answer": { "code": 550 } }]))).await.status,
        200
    );
    assert_eq!(bench.control("PUT", "sink", Some(json!([{ "status": 500 }, "hang"]))).await.status, 200);
    assert_eq!(bench.control("POST", "tokens/revoke", None).await.status, 200);
    assert_eq!(bench.shifts().await.status, 401);
    assert_eq!(bench.control("POST", "door", Some(json!({ "server": "moon", "open": false }))).await.status, 400);
    assert_eq!(bench.control("POST", "door", Some(json!({ "server": "sink", "open": false }))).await.status, 200);
    let index = bench.control("GET", "", None).await.json();
    assert_eq!(index["wellsky"], bench.sim.base_url());
}

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    sim: command::SimArgs,
}

#[tokio::test]
async fn the_command_prints_where_everything_is_and_stops() {
    let args =
        Line::parse_from(["sim", "--port", "0", "--clients", "5", "--caregivers", "3", "--fast", "--seed", "9"]).sim;
    let mut out = Vec::new();
    let clock = crate::clock::Clock::manual(at(super::NOW));
    command::run(&args, clock, &mut out, async {}).await.expect("runs and stops");
    let text = String::from_utf8(out).expect("text");
    for piece in
        ["WELLSKY_BASE_URL=http://127.0.0.1:", "WELLSKY_AGENCY_ID=9999", "/_sim/", "seed 9", "Stopped after 0 requests"]
    {
        assert!(text.contains(piece), "{piece} is not in:\n{text}");
    }
}

#[tokio::test]
async fn the_command_says_which_file_is_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("switches.json");
    std::fs::write(&file, r#"{"al_empty": true}"#).expect("written");
    let args = Line::parse_from(["sim", "--port", "0", "--quiet", "--switches", file.to_str().expect("text")]).sim;
    let mut out = Vec::new();
    let run = command::run(&args, crate::clock::Clock::manual(at(super::NOW)), &mut out, async {});
    let error = tokio::time::timeout(PATIENCE, run).await.expect("in time").expect_err("refused");
    assert!(error.to_string().contains("switches.json"), "{error}");
}
