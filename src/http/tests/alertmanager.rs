//! Alertmanager's API v2.

use super::*;

#[tokio::test]
async fn v2_alerts_are_picked_as_alertmanager_picks_them() {
    let muted = AlertView { inhibited_by: vec!["00000000000000ff".to_owned()], ..uncovered("2") };
    let mail = AlertView { receivers: vec!["office".to_owned()], ..uncovered("4") };
    let pending = changed(uncovered("5"), |alert| {
        alert.state = crate::alerts::alert::AlertState::Pending { fires_at: noon() };
    });
    let site = Site::open(vec![mail, owned(uncovered("3")), muted, uncovered("1"), pending]).await;
    for (query, want, why) in [
        ("", "1 2 3 4", "everything that fires, owned or not, by fingerprint"),
        ("active=false", "2", "only what is suppressed"),
        ("inhibited=false", "1 3 4", "not what is inhibited"),
        ("silenced=false&unprocessed=false", "1 2 3 4", "nothing is silenced or unprocessed"),
        ("receiver=off.*", "4", "anchored regex on the receiver"),
        ("receiver=off", "", "anchored"),
        ("filter=alertname%3D%22ShiftUncovered%22&filter=location%3Dnorth", "1 2 3 4", "matchers add up"),
        ("filter=severity!%3Dpage", "", "not equal"),
        ("filter=nothing%3D%22%22", "1 2 3 4", "a missing label equals empty"),
        ("receiver_matchers=owner%3Dx", "", "receivers have no labels"),
        ("limit=1", "1 2 3 4", "what is not known is left alone"),
    ] {
        let (status, body) = site.get(&format!("/api/v2/alerts?{query}")).await;
        assert_eq!(status, 200, "{query}: {body}");
        assert_eq!(fingerprints(&body).join(" "), want, "{why}");
    }
    for query in ["filter=", "filter=x", "filter=a%3D~%28", "receiver=%28", "filter=%22"] {
        let (status, body) = site.get(&format!("/api/v2/alerts?{query}")).await;
        assert_eq!(status, 400, "{query}");
        assert!(serde_json::from_str::<String>(&body).is_ok(), "a JSON string: {body}");
    }
}

#[tokio::test]
async fn v2_shapes_are_alertmanagers() {
    let site = Site::open(vec![owned(uncovered("1"))]).await;
    let (_, body) = site.get("/api/v2/alerts").await;
    let found: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        found[0],
        json!({
            "labels": {
                "agency": "main", "alertname": "ShiftUncovered", "band": "4h", "location": "north",
                "severity": "page", "shift": "1@2026-12-01T11:32:03Z",
            },
            "annotations": { "summary": "Shift 1 has no caregiver" },
            "receivers": [{ "name": "on-call" }],
            "fingerprint": "0000000000000001",
            "startsAt": "2026-12-01T10:02:03.456Z",
            "updatedAt": "2026-12-01T10:00:03.456Z",
            "endsAt": "2026-12-01T10:07:03.456Z",
            "status": { "state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": [] },
        })
    );
    let (_, body) = site.get("/api/v2/status").await;
    let status: Value = serde_json::from_str(&body).unwrap();
    for needed in ["cluster", "versionInfo", "config", "uptime"] {
        assert!(!status[needed].is_null(), "{needed}");
    }
    assert_eq!(status["config"]["original"], "store: sqlite:shiftwatch.db\n");
    assert_eq!(status["uptime"], "2026-12-01T09:02:03.456Z");
}

#[tokio::test]
async fn posted_alerts_are_stored_before_the_answer() {
    let site = Site::open(Vec::new()).await;
    let good = json!({
        "labels": { "alertname": "DiskFull", "severity": "critical", "empty": "" },
        "annotations": { "summary": "disk" }, "startsAt": "2026-12-01T10:00:00.123Z",
        "endsAt": "2026-12-01T10:04:00Z", "generatorURL": "http://prometheus.example.com/graph",
    });
    assert_eq!(site.post("/api/v2/alerts", &json!([good])).await, (200, String::new()));
    assert_eq!(site.post("/api/v2/alerts", &json!([])).await.0, 200, "an empty batch is fine");
    assert_eq!(lock(&site.orders.posts).len(), 1);
    assert_eq!(lock(&site.orders.posts)[0].labels.len(), 2);

    let (status, body) = site.post("/api/v2/alerts", &json!([{"labels": {}}, good])).await;
    assert_eq!(status, 400);
    assert_eq!(serde_json::from_str::<String>(&body).unwrap(), "at least one label pair required");
    assert_eq!(lock(&site.orders.posts).len(), 2, "the good one of the batch was taken");

    *lock(&site.orders.fail) = true;
    let (status, body) = site.post("/api/v2/alerts", &json!([good])).await;
    assert_eq!(status, 500, "not stored is not 200");
    assert_eq!(serde_json::from_str::<String>(&body).unwrap(), "nothing was stored: the disk is full; send it again");
}

#[tokio::test]
async fn garbage_is_answered_with_words() {
    let site = Site::open(Vec::new()).await;
    let posted = |kind: &'static str, body: Vec<u8>| {
        answer(site.ask(Method::POST, "/api/v2/alerts").header("content-type", kind).body(body))
    };
    for (body, want, why) in [
        (&b""[..], 422, "nothing"),
        (b"{", 400, "broken"),
        (b"{}", 400, "an object"),
        (b"[1]", 400, "numbers"),
        (b"[{}]", 422, "no labels"),
        (b"[[{\"a\":\"b\"}]]", 400, "a list for an alert"),
        (b"[{\"labels\":{\"a\":1}}]", 400, "a number as a value"),
        (b"[{\"labels\":[]}]", 400, "a list of labels"),
        (b"[{\"labels\":{\"a\":\"b\"},\"startsAt\":7}]", 400, "a number as a time"),
        (b"\xff\xfe\x00", 400, "no text"),
        (&vec![b'['; 100_000], 400, "very deep"),
    ] {
        let (status, text) = posted("application/json", body.to_vec()).await;
        assert_eq!(status, want, "{why}");
        let said: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{why}: {text}"));
        assert!(said["code"].is_u64() && said["message"].is_string(), "{why}: {text}");
    }
    let (status, text) = posted("application/x-www-form-urlencoded", b"[]".to_vec()).await;
    assert_eq!(status, 415);
    assert!(text.contains("only [application/json] are allowed"), "{text}");
    let (status, _) = posted("application/json; charset=utf-8", b"[]".to_vec()).await;
    assert_eq!(status, 200);
    let (status, text) = posted("application/json", vec![b' '; BODY_MAX_BYTES + 1]).await;
    assert_eq!(status, 413, "{text}");
    assert!(lock(&site.orders.posts).is_empty());
}
