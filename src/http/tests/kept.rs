//! What was kept: stories, history, the record of the API.

use super::*;

#[tokio::test]
async fn what_was_kept_is_answered() {
    let site = Site::open(Vec::new()).await;
    let json = async |path: &str| {
        let (status, body) = site.get(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str::<Value>(&body).unwrap()
    };
    let story = json("/api/v1/alerts/0000000000000001").await;
    let life = &story["lives"][0];
    assert_eq!((life["state"].as_str(), life["reason_words"].as_str()), (Some("resolved"), Some("somebody arrived")));
    assert_eq!(life["acknowledged_at"], Value::Null, "nobody took it");
    for (path, span) in
        [("/api/v1/history", "7d"), ("/api/v1/history?span=24h", "24h"), ("/api/v1/history?span=90d", "90d")]
    {
        let history = json(path).await;
        assert_eq!(
            (&history["span"], &history["latest"][0]["fingerprint"]),
            (&json!(span), &json!("0000000000000001"))
        );
    }
    for path in ["/api/v1/api", "/api/v1/api?agency=main"] {
        assert_eq!(json(path).await["agency"], "main", "the first without a name");
    }
}

#[tokio::test]
async fn what_was_not_kept_says_what_there_is() {
    let site = Site::open(Vec::new()).await;
    let cases = [
        ("/api/v1/alerts/000000000000dead", 404, "nothing is kept of an alert"),
        ("/api/v1/alerts/3f2a9c", 400, "16 hex digits"),
        ("/api/v1/history?span=1y", 400, "one of 24h, 7d, 30d, 90d"),
        ("/api/v1/history?span=", 400, "one of 24h"),
        ("/api/v1/api?agency=other", 404, "there are: main"),
    ];
    for (path, status, says) in cases {
        let (got, body) = site.get(path).await;
        assert_eq!((got, body.contains(says)), (status, true), "{path}: {body}");
    }
    *lock(&site.records.fail) = true;
    for path in ["/api/v1/alerts/0000000000000001", "/api/v1/history", "/api/v1/api"] {
        let (got, body) = site.get(path).await;
        assert_eq!(
            (got, body.contains("could not be read: the disk is gone; try again")),
            (503, true),
            "{path}: {body}"
        );
    }
}
