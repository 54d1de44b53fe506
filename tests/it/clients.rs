//! Alertmanager's other clients: what karma and Grafana's data source ask for, in their order and read as they read it; and
//! all of it behind TLS and a password, where Debian's amtool asks too.

use serde_json::{Value, json};

use crate::{
    amtool::{Amtool, Ours},
    prometheus::asking,
    web_config::{Authority, HASH, PASSWORD},
};

/// A client that may know a password, and an authority.
struct Client {
    http: reqwest::Client,
    url: String,
    password: Option<&'static str>,
}

impl Client {
    async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, String) {
        let mut request = self.http.request(method.parse().unwrap(), format!("{}{path}", self.url));
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(password) = self.password {
            request = request.basic_auth("night-1", Some(password));
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn json(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path, None).await;
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}: {body}"))
    }
}

/// karma 0.1xx: learns the version from the metrics, then reads status, silences and groups, once a minute.
async fn asks_as_karma(client: &Client) {
    let (status, metrics) = client.ask("GET", "/metrics", None).await;
    assert_eq!(status, 200);
    let info = metrics.lines().find(|line| line.starts_with("alertmanager_build_info{")).unwrap_or(&metrics);
    let version = info.split("version=\"").last().and_then(|rest| rest.split('"').next()).unwrap();
    // Its reader knows every version from 0.22 on.
    let minor: u32 = version.split('.').nth(1).unwrap().parse().unwrap();
    assert!(version.starts_with("0.") && minor >= 22, "{info}");
    assert!(metrics.contains("# TYPE alertmanager_build_info gauge"), "its parser wants a type");

    let stands = client.json("/api/v2/status").await;
    assert_eq!(stands["versionInfo"]["version"], version);
    assert_eq!((&stands["cluster"]["status"], &stands["cluster"]["peers"]), (&json!("disabled"), &json!([])));
    for name in ["branch", "buildDate", "buildUser", "goVersion", "revision"] {
        assert!(stands["versionInfo"][name].is_string(), "{stands}");
    }

    let silences = client.json("/api/v2/silences").await;
    let silence = silences.as_array().unwrap().iter().find(|one| one["status"]["state"] == "active").unwrap();
    assert!(silence["matchers"][0]["isEqual"].is_boolean() && silence["id"].is_string(), "{silence}");
    let groups = client.json("/api/v2/alerts/groups?active=true&inhibited=true&silenced=true").await;
    let groups = groups.as_array().unwrap();
    assert!(!groups.is_empty());
    for group in groups {
        assert!(group["receiver"]["name"].is_string() && group["labels"].is_object(), "{group}");
        for alert in group["alerts"].as_array().unwrap() {
            for name in ["fingerprint", "startsAt", "endsAt", "updatedAt"] {
                assert!(alert[name].is_string(), "{alert}");
            }
            assert!(alert["receivers"][0]["name"].is_string() && alert["annotations"].is_object(), "{alert}");
            assert!(alert["status"]["inhibitedBy"].is_array() && alert["status"]["silencedBy"].is_array(), "{alert}");
        }
    }
    let by: Vec<&Value> = groups.iter().flat_map(|group| group["alerts"].as_array().unwrap()).collect();
    assert!(by.iter().any(|alert| alert["status"]["silencedBy"] == json!([silence["id"]])), "{by:?}");
}

/// Grafana's Alertmanager data source, implementation "Prometheus": its test, then alerts, groups and silences.
async fn asks_as_grafana(client: &Client) {
    // Mimir and Cortex are told apart by what must not be there.
    for path in ["/api/v1/status/buildinfo", "/alertmanager/api/v2/status"] {
        assert_eq!(client.ask("GET", path, None).await.0, 404, "{path}");
    }
    let stands = client.json("/api/v2/status").await;
    let original = stands["config"]["original"].as_str().unwrap();
    // It reads contact points and policies from there.
    for word in ["route:", "receivers:", "receiver: office", "name: tech"] {
        assert!(original.contains(word), "{original} lacks {word}");
    }
    assert!(!original.contains("example-secret"), "{original}");

    let filter = "filter=alertname%3D%22Link%22&filter=node%3D~%22two%22";
    let alerts = client.json(&format!("/api/v2/alerts?silenced&active&inhibited&{filter}")).await;
    assert_eq!(alerts.as_array().unwrap().len(), 1, "{alerts}");
    assert!(!client.json("/api/v2/alerts/groups").await.as_array().unwrap().is_empty());
    let names: Vec<Value> = client.json("/api/v2/receivers").await.as_array().unwrap().clone();
    assert_eq!(names, [json!({ "name": "office" }), json!({ "name": "tech" })]);

    // Makes a silence, makes it longer under its id, ends it.
    let now = shiftwatch::clock::real_now();
    let at = |hours| (now + chrono::TimeDelta::hours(hours)).to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let mut wish = json!({
        "matchers": [ { "name": "node", "value": "one", "isRegex": false, "isEqual": true } ],
        "startsAt": at(0), "endsAt": at(2), "comment": "created by hand", "createdBy": "night-1",
    });
    let (status, made) = client.ask("POST", "/api/v2/silences", Some(&wish)).await;
    assert_eq!(status, 200, "{made}");
    let id = serde_json::from_str::<Value>(&made).unwrap()["silenceID"].as_str().unwrap().to_owned();
    let shown = client.json(&format!("/api/v2/silence/{id}")).await;
    wish["id"] = json!(id);
    wish["startsAt"] = shown["startsAt"].clone();
    wish["endsAt"] = json!(at(4));
    let (status, again) = client.ask("POST", "/api/v2/silences", Some(&wish)).await;
    assert!(status == 200 && again.contains(&id), "{again}");
    let listed = client.json("/api/v2/silences").await;
    let one = listed.as_array().unwrap().iter().find(|one| one["id"] == json!(id)).unwrap();
    assert_eq!((&one["endsAt"], &one["comment"]), (&wish["endsAt"], &wish["comment"]));
    assert_eq!(client.ask("DELETE", &format!("/api/v2/silence/{id}"), None).await.0, 200);
    let over = client.json(&format!("/api/v2/silence/{id}")).await;
    assert_eq!(over["status"]["state"], "expired");
}

/// What the clients are to find.
fn fill(amtool: &Amtool) {
    amtool.says(&["alert", "add", "Disk", "severity=critical", "node=one", "--annotation=summary=full"]);
    amtool.says(&["alert", "add", "Link", "team=tech", "node=two"]);
    let length = ["--duration=2h", "--author=night-1", "--comment=the line is mended"];
    let id = amtool.says(&[&["silence", "add", "Link", "node=two"], &length[..]].concat());
    let silenced = amtool.json(&["alert", "query", "--silenced"]);
    assert_eq!(silenced[0]["status"]["silencedBy"], json!([id.trim()]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn karma_and_grafana_find_what_they_ask_for() {
    let ours = Ours::start_behind(&[]).await;
    fill(&Amtool::new(&ours.url, ours.folder.path()));
    let client = Client { http: asking(), url: ours.url.clone(), password: None };
    asks_as_karma(&client).await;
    asks_as_grafana(&client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_clients_come_in_through_tls_with_a_password_and_no_other_way() {
    let authority = Authority::new();
    let (certificate, key) = authority.server();
    let web = format!(
        "tls_server_config: {{ cert_file: server.pem, key_file: server.key }}\nbasic_auth_users: {{ night-1: {HASH} }}\n"
    );
    let asks =
        format!("basic_auth: {{ username: night-1, password: {PASSWORD} }}\ntls_config: {{ ca_file: ca.pem }}\n");
    let wrong = asks.replace(PASSWORD, "wrong");
    let pem = authority.pem();
    let ours = Ours::start_behind(&[
        ("web.yml", &web),
        ("server.pem", &certificate),
        ("server.key", &key),
        ("ca.pem", &pem),
        ("http.yml", &asks),
        ("wrong.yml", &wrong),
        ("unasked.yml", "tls_config: { ca_file: ca.pem }\n"),
    ])
    .await;

    let amtool = || Amtool::new(&ours.url, ours.folder.path());
    let signed_in = amtool().with(&["--http.config.file=http.yml"]);
    fill(&signed_in);
    let silences = signed_in.says(&["silence", "query", "-q"]);
    let update = ["silence", "update", "--duration=5h", "--comment=it takes longer", silences.trim()];
    signed_in.says(&update);
    assert!(signed_in.says(&["config", "show"]).contains("receiver: office"));
    assert_eq!(signed_in.says(&["config", "routes", "test", "team=tech"]).trim(), "tech");
    for (file, why) in [("wrong.yml", "a wrong password"), ("unasked.yml", "none")] {
        let turned_away = amtool().with(&[&format!("--http.config.file={file}")]);
        for args in [&["alert", "query"][..], &["alert", "add", "Sneaked"], &["silence", "expire", silences.trim()]] {
            let (done, out, err) = turned_away.run(args);
            assert!(!done && err.contains("401"), "{why}, {args:?}: {out}{err}");
        }
    }
    let (done, _, err) = amtool().run(&["alert", "query"]);
    assert!(!done && err.contains("x509"), "an authority that it does not know: {err}");
    assert_eq!(signed_in.says(&["silence", "query", "-q"]).trim(), silences.trim(), "nothing was ended");

    let http = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([reqwest::Certificate::from_pem(pem.as_bytes()).unwrap()])
        .build()
        .unwrap();
    let client = Client { http: http.clone(), url: ours.url.clone(), password: Some(PASSWORD) };
    asks_as_karma(&client).await;
    asks_as_grafana(&client).await;
    let stranger = Client { http, url: ours.url.clone(), password: None };
    for path in ["/api/v2/status", "/api/v2/alerts", "/api/v2/alerts/groups", "/api/v2/silences", "/metrics"] {
        assert_eq!(stranger.ask("GET", path, None).await.0, 401, "{path}");
    }
    let posted = json!([{ "labels": { "alertname": "Sneaked" } }]);
    assert_eq!(stranger.ask("POST", "/api/v2/alerts", Some(&posted)).await.0, 401);
    let found = client.json("/api/v2/alerts?filter=alertname%3DSneaked").await;
    assert_eq!(found, json!([]), "nothing came in");
}
