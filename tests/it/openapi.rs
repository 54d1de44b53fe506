//! The OpenAPI document is what the API does: each path and method is in it, and each answer is as it says.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use shiftwatch::{
    http::{reports::ReportListed, routes::ROUTES},
    report::scheduled::{Format, Range, What},
    sim::{Appointment, Conduct},
};

use crate::harness::{AVERY, House, Plan};

/// The schema of an answer, with the document's components beside it, so that references lead somewhere.
fn schema(document: &Value, path: &str, method: &str) -> Value {
    let answer = &document["paths"][path][method]["responses"]["200"]["content"]["application/json"]["schema"];
    assert!(answer.is_object(), "{method} {path} says nothing of its answer");
    let mut schema = answer.clone();
    schema["components"] = document["components"].clone();
    schema
}

fn fits(document: &Value, path: &str, method: &str, answer: &Value) {
    let validator = jsonschema::validator_for(&schema(document, path, method)).expect("a schema");
    let faults: Vec<String> =
        validator.iter_errors(answer).map(|fault| format!("{} at {}", fault, fault.instance_path())).collect();
    assert!(faults.is_empty(), "{method} {path}: {faults:#?}\n{answer:#}");
}

#[test]
fn every_path_of_the_json_api_is_described_and_no_other() {
    let document = serde_json::to_value(shiftwatch::http::openapi::api()).expect("JSON");
    assert!(document["openapi"].as_str().expect("a version").starts_with("3.1"), "{}", document["openapi"]);
    let served: BTreeSet<(String, String)> = ROUTES
        .iter()
        .filter(|route| route.path.starts_with("/api/v1/"))
        .flat_map(|route| route.methods.iter().map(|method| (route.path.to_owned(), method.to_lowercase())))
        .collect();
    let paths = document["paths"].as_object().expect("paths");
    let described: BTreeSet<(String, String)> = paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().expect("methods");
            methods.keys().map(move |method| (path.clone(), method.clone()))
        })
        .collect();
    assert_eq!(served, described);
    // Whatever is referred to is there.
    let text = document.to_string();
    let mut referred = text.split("\"$ref\":\"#/components/schemas/").skip(1);
    assert!(referred.all(|rest| {
        let name = rest.split('"').next().unwrap_or_default();
        document["components"]["schemas"].get(name).is_some()
    }));
    // What a program is told of a path is what a person would need, too.
    for (path, item) in paths {
        for (method, operation) in item.as_object().expect("methods") {
            assert!(operation["summary"].as_str().is_some_and(|text| text.len() > 8), "{method} {path} has no summary");
        }
    }
}

#[test]
fn a_choice_is_written_as_the_api_writes_it() {
    let document = serde_json::to_value(shiftwatch::http::openapi::api()).expect("JSON");
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    let is_word = |word: &Value| word.as_str().is_some_and(|word| !word.contains(char::is_uppercase));
    for (name, schema) in schemas {
        let words = schema["enum"].as_array().into_iter().flatten();
        let foreign: Vec<&Value> = words.filter(|word| !is_word(word)).collect();
        assert!(foreign.is_empty(), "{name}: {foreign:?} are names of the source");
    }
    // No agency of these tests has reports: one of each kind, as it would be listed.
    for (report, range) in What::WORDS.iter().flat_map(|what| Range::WORDS.iter().map(move |range| (what, range))) {
        for format in Format::WORDS {
            let listed = json!([{
                "name": "one", "report": report, "range": range, "format": format, "timezone": "America/Denver",
                "cron": "0 7 * * *", "to": "email",
            }]);
            let read: Vec<ReportListed> = serde_json::from_value(listed.clone()).expect("the API's own words");
            assert_eq!(serde_json::to_value(&read).expect("JSON"), listed);
            fits(&document, "/api/v1/reports", "get", &listed);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_as_the_document_says() {
    let plan = Plan {
        wellsky: "      sections: { activities: {} }\n",
        world: |world, now| {
            // Nobody goes to this one: there is an alert, with a history, that somebody owns.
            let start = now + chrono::TimeDelta::hours(1);
            world.add_shift(Appointment::hours("90010088", AVERY, start, 4).who(Conduct::punctual()));
        },
        ..Plan::default()
    };
    let mut house = House::open(plan).await;
    house.told_of(&["NO CAREGIVER"]).await;
    let (status, text) = house.get("/api/v1/openapi.json").await;
    assert_eq!(status, 200);
    let document: Value = serde_json::from_str(&text).expect("JSON");

    let alerts: Value = serde_json::from_str(&house.get("/api/v1/alerts").await.1).expect("JSON");
    let fingerprint = alerts[0]["fingerprint"].as_str().expect("an alert").to_owned();
    for (path, method, body) in [
        ("/api/v1/alerts/{fingerprint}/ack", "post", json!({ "by": "night-1", "for": "20m" })),
        ("/api/v1/silences/preview", "post", json!({ "matchers": ["alertname=\"ShiftUncovered\""] })),
        (
            "/api/v1/silences",
            "post",
            json!({ "matchers": ["alertname=\"Nothing\""], "duration": "1h", "created_by": "night-1", "comment": "a trial" }),
        ),
    ] {
        let (status, answer) = house.post(&path.replace("{fingerprint}", &fingerprint), &body).await;
        assert_eq!(status, 200, "{path}: {answer}");
        fits(&document, path, method, &serde_json::from_str(&answer).expect("JSON"));
        let mut asks = document["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"].clone();
        asks["components"] = document["components"].clone();
        assert!(jsonschema::is_valid(&asks, &body), "{path} takes {body}");
    }
    let mut n_held = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        if item.get("get").is_none() || path.ends_with("openapi.json") {
            continue;
        }
        let is_json = item["get"]["responses"]["200"]["content"].get("application/json").is_some();
        let asked = path.replace("{fingerprint}", &fingerprint);
        let asked =
            if path == "/api/v1/tasks" { format!("{asked}?shift=90010001@2026-11-24T20:00:00Z") } else { asked };
        if asked.contains('{') || !is_json {
            continue;
        }
        let (status, text) = house.get(&asked).await;
        let answer: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{asked}: {text}"));
        if status == 200 {
            n_held += 1;
            fits(&document, path, "get", &answer);
        } else {
            // Only what wants a person who signed in, or more than a path, may refuse.
            assert!(matches!(status, 400 | 403 | 404), "{asked}: {status} {text}");
            assert!(answer["error"].is_string(), "{asked}: {text}");
        }
    }
    assert!(n_held >= 10, "only {n_held} answers were held against the document");
    house.close().await;
}
