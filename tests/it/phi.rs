//! No name, phone, address or birth date leaves by any way but a mail that was granted them, and the board of whoever signed in.
//!
//! The real program at its most talkative, against an agency whose every text about a person carries a marker, and
//! whose API misbehaves in many ways. First the marker must have reached the granted mail: a search that could find
//! nothing proves nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what is wrong by failing")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use serde_json::json;
use shiftwatch::{
    clock::{Clock, real_now},
    sim::{Habits, Incident, Sim, SimConfig},
};
use sqlx::{Column as _, Connection as _, Row as _, TypeInfo as _, ValueRef as _};

use crate::agent::{Agent, configure, pause};

const MARKER: &str = "ZQXPHI";
/// Two simulated minutes a second: shifts begin and end while it runs.
const SPEED: u32 = 60;
const START_MAX: Duration = Duration::from_secs(30);
/// `example-password`, by libxcrypt at the lowest cost there is, and what a browser makes of both.
const USERS: &str = "basic_auth_users: { night-1: $2b$04$abcdefghijklmnopqrstuuINEu0.fL6TmOr.GOngyVnjNLH3aX75y }\n";
const SIGNED_IN: &str = "bmlnaHQtMTpleGFtcGxlLXBhc3N3b3Jk";
/// A stream beats every five seconds.
const STREAM_MAX: Duration = Duration::from_secs(6);
/// So many alerts' stories are looked at each time.
const STORIES: usize = 5;

const REST: &str = r#"route:
  receiver: granted
  group_by: [agency, shift]
  group_wait: 1s
  group_interval: 1s
  repeat_interval: 4h
receivers:
  - name: granted
    sms_configs: [ { to: ["+13035550111"] } ]
    webhook_configs: [ { url: "{sink}/hook" } ]
    email_configs:
      - to: granted@example.net
        phi: true
        text: "{% for alert in alerts %}{{ alert.client.name }} {{ alert.client.phones }} {{ alert.client.address }} {{ alert.client.birth_date }} {{ alert.caregiver.name }}\n{% endfor %}"
      - to: builtin@example.net
        phi: true
      - to: plain@example.net
      - to: template@example.net
        text: "{% for alert in alerts %}{{ alert.labels }} {{ alert.annotations }} {{ alert.shift }} {{ alert.client }} {{ alert.caregiver }}\n{% endfor %}"
heartbeat: { url: "{sink}/beat", every: 5m }
"#;

/// What must not be found, and where it is looked for.
struct Search {
    words: Vec<String>,
    places: BTreeMap<&'static str, usize>,
    found: BTreeSet<String>,
}

impl Search {
    fn look(&mut self, place: &'static str, text: &str) {
        *self.places.entry(place).or_default() += 1;
        for word in self.words.iter().filter(|word| text.contains(word.as_str())) {
            let at = text.find(word.as_str()).unwrap_or_default();
            let from = text.floor_char_boundary(at.saturating_sub(80));
            let to = text.ceil_char_boundary(at + 40);
            self.found.insert(format!("{place}: …{}…", &text[from..to]));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn markers_reach_the_granted_mail_and_nothing_else() {
    let clock = Clock::drill(real_now(), SPEED);
    let habits =
        Habits { open: 250, call_out: 100, forgets_in: 250, forgets_out: 200, substitute: 50, ..Habits::default() };
    let sim = SimConfig::seeded(chrono_tz::America::Denver, clock.clone(), 7);
    let sim = Sim::start(sim.sized(40, 20).with_habits(habits).marked(MARKER)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = configure(&sim, folder.path(), REST);
    let now = || clock.now().to_rfc3339();

    let agent = Agent::drill(&config, "debug", &format!("{},speed={SPEED}", now()));
    let address = agent.address(START_MAX).await.expect("it listens");
    let granted = |sim: &Sim| sim.mails().iter().filter(|mail| is_to(mail, "granted")).count();
    assert!(sim.until(Duration::from_mins(1), |sim| granted(sim) > 0).await, "{:?}", agent.lines().last());

    let mut search = Search { words: words(&sim), places: BTreeMap::new(), found: BTreeSet::new() };
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap();
    for patch in misbehaviour() {
        sim.world(|world| world.incident(&Incident::Switches { set: patch.clone() }, real_now()).unwrap());
        pause(Duration::from_millis(1_500)).await;
        ask(&http, &address, &mut search, Signed::Out).await;
    }
    listen(&http, &address, &mut search, Signed::Out).await;
    let (_, said) = Agent::start(&["alerts", "--url", &address, "--output", "json"], folder.path()).end();
    search.look("alerts", &said.join("\n"));
    let (_, said) = Agent::start(&["status", "--url", &address], folder.path()).end();
    search.look("status", &said.join("\n"));
    let (_, said) =
        Agent::start(&["doctor", "--config", &config.display().to_string(), "--clients", "5"], folder.path()).end();
    search.look("doctor", &said.join("\n"));
    // Once killed and started again, so that what comes out of the store is looked at too.
    for line in agent.kill() {
        search.look("log", &line);
    }
    // And with sign-in: from now on whoever signed in sees names, on the board's own pages alone.
    std::fs::write(folder.path().join("web.yml"), USERS).unwrap();
    let text = std::fs::read_to_string(&config).unwrap();
    let signed = text.replace("listen: \"127.0.0.1:0\"", "listen: \"127.0.0.1:0\", config_file: web.yml");
    assert_ne!(signed, text);
    std::fs::write(&config, signed).unwrap();
    let agent = Agent::drill(&config, "trace", &format!("{},speed={SPEED}", now()));
    let address = agent.address(START_MAX).await.expect("it listens again");
    pause(Duration::from_secs(4)).await;
    let mut headers = reqwest::header::HeaderMap::new();
    headers.insert("authorization", format!("Basic {SIGNED_IN}").parse().unwrap());
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).default_headers(headers);
    let http = http.build().unwrap();
    ask(&http, &address, &mut search, Signed::In).await;
    listen(&http, &address, &mut search, Signed::In).await;
    let (status, lines) = agent.stop();
    assert!(status.success(), "{status}");
    for line in lines {
        search.look("log", &line);
    }

    outbound(&sim, &mut search);
    let in_blobs = stored(&folder.path().join("shiftwatch.db"), &mut search).await;
    let reached = |to: &str, word: &str| sim.mails().iter().any(|mail| is_to(mail, to) && mail.text().contains(word));
    println!("looked at {:?} for {} words", search.places, search.words.len());
    assert!(reached("granted", MARKER), "the marker reached the mail that was granted it");
    assert!(search.words.iter().any(|word| word.starts_with("202555") && reached("granted", word)), "and a phone");
    assert!(search.words.iter().any(|word| word.starts_with("19") && reached("granted", word)), "and a birth date");
    assert!(in_blobs, "the store holds the marker in its blobs");
    for (place, at_least) in [
        ("log", 100),
        ("metrics", 5),
        ("url", 100),
        ("text", 3),
        ("mail", 6),
        ("post", 3),
        ("story", 5),
        ("row", 500),
        ("board", 20),
        ("stream", 4),
    ] {
        assert!(search.places.get(place).is_some_and(|n| *n >= at_least), "{place}: {:?}", search.places);
    }
    assert!(
        search.found.is_empty(),
        "{} leaks: {:#?}",
        search.found.len(),
        search.found.iter().take(10).collect::<Vec<_>>()
    );
}

fn is_to(mail: &shiftwatch::sim::Mail, name: &str) -> bool {
    mail.to.iter().any(|to| to.starts_with(name))
}

/// The marker, and what has a fixed form and cannot carry it: every phone and birth date of the agency's people.
fn words(sim: &Sim) -> Vec<String> {
    let mut words = BTreeSet::from([MARKER.to_owned()]);
    sim.world(|world| {
        for patient in world.patients() {
            words.extend(patient.phones.iter().map(|phone| phone.number.clone()));
            words.extend(patient.born.map(|born| born.to_string()));
        }
        for practitioner in world.practitioners() {
            words.extend(practitioner.phones.iter().map(|phone| phone.number.clone()));
        }
    });
    // The agency's own number, which texts come from.
    words.remove("2025550100");
    words.retain(|word| word.len() >= 6);
    words.into_iter().collect()
}

/// Ways in which answers full of names go wrong, and back to none.
fn misbehaviour() -> Vec<serde_json::Value> {
    let fault = |answer: serde_json::Value| json!({ "faults": [{ "on": "*", "answer": answer }] });
    vec![
        json!({}),
        json!({ "latency": "truncated" }),
        json!({ "latency": "cut_midway" }),
        json!({ "latency": "none", "malformed": "garbage" }),
        fault(json!({ "status": 500 })),
        fault(json!({ "html": 200 })),
        fault(json!("not_a_bundle")),
        json!({ "faults": [], "extra_fields": true }),
    ]
}

/// Whether whoever asks said who they are.
#[derive(Clone, Copy, PartialEq)]
enum Signed {
    In,
    Out,
}

/// The board's pages, on which names stand for whoever signed in; without sign-in no page may hold one.
async fn look_at_the_board(http: &reqwest::Client, address: &str, search: &mut Search, signed: Signed) {
    let url = |path: &str| format!("http://{address}{path}");
    let listed = http.get(url("/api/v1/alerts")).send().await.unwrap();
    let listed: serde_json::Value = listed.json().await.unwrap();
    let fingerprints = listed.as_array().unwrap().iter().take(STORIES).map(|one| one["fingerprint"].as_str().unwrap());
    let mut paths = vec!["/".to_owned(), "/?agency=main".to_owned(), "/alerts".to_owned()];
    for one in fingerprints {
        paths.push(format!("/alerts/{one}"));
    }
    let mut named = false;
    for path in paths {
        let answer = http.get(url(&path)).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}");
        search.look("page", &format!("{:?}", answer.headers()));
        let text = answer.text().await.unwrap();
        match signed {
            Signed::In => named |= text.contains(MARKER),
            Signed::Out => search.look("board", &text),
        }
    }
    assert!(named == (signed == Signed::In), "names are for whoever signed in");
}

/// What an open page is sent.
async fn listen(http: &reqwest::Client, address: &str, search: &mut Search, signed: Signed) {
    for path in ["/live?page=now", "/live?page=alerts", "/live?page=api"] {
        let mut stream = http.get(format!("http://{address}{path}")).send().await.unwrap();
        let mut text = Vec::new();
        while !String::from_utf8_lossy(&text).contains("event: part") {
            let Ok(Ok(Some(chunk))) = tokio::time::timeout(STREAM_MAX, stream.chunk()).await else { break };
            text.extend(chunk);
        }
        assert!(!text.is_empty(), "{path}");
        if signed == Signed::Out || path == "/live?page=api" {
            search.look("stream", &String::from_utf8_lossy(&text));
        }
    }
}

async fn ask(http: &reqwest::Client, address: &str, search: &mut Search, signed: Signed) {
    look_at_the_board(http, address, search, signed).await;
    for (place, path) in [
        ("metrics", "/metrics"),
        ("page", "/api-health"),
        ("page", "/history?span=90d"),
        ("page", "/-/ready"),
        ("api", "/api/v1/status"),
        ("api", "/api/v1/alerts"),
        ("api", "/api/v2/status"),
        ("api", "/api/v2/alerts"),
        ("api", "/api/v2/alerts?filter=x%21%3D"),
        ("api", "/api/v1/history?span=90d"),
        ("api", "/api/v1/history?span=none"),
        ("api", "/api/v1/api?agency=main"),
        ("api", "/api/v1/api?agency=none"),
        ("page", "/no-such-page"),
    ] {
        let answer = http.get(format!("http://{address}{path}")).send().await.unwrap();
        search.look(place, &format!("{:?} {}", answer.headers(), ""));
        search.look(place, &answer.text().await.unwrap());
    }
    let latest = http.get(format!("http://{address}/api/v1/history?span=24h")).send().await.unwrap();
    let latest: serde_json::Value = latest.json().await.unwrap();
    for one in latest["latest"].as_array().unwrap().iter().take(STORIES) {
        let fingerprint = one["fingerprint"].as_str().unwrap();
        let story = http.get(format!("http://{address}/api/v1/alerts/{fingerprint}")).send().await.unwrap();
        assert!(story.status().is_success(), "{fingerprint}");
        search.look("story", &story.text().await.unwrap());
    }
}

/// Every request, text, webhook, and mail without a grant.
fn outbound(sim: &Sim, search: &mut Search) {
    for entry in sim.log() {
        search.look("url", &format!("{}?{}", entry.path, entry.query));
        search.look("request", &format!("{} {:?}", entry.body, entry.headers));
    }
    for text in sim.texts() {
        search.look("text", &text.body);
    }
    for post in sim.posts() {
        search.look("post", &format!("{} {} {:?} {}", post.path, post.query, post.headers, post.body));
    }
    for mail in sim.mails() {
        // A grant is for the body; a subject shows on a locked screen.
        search.look("mail", &mail.subject());
        if is_to(&mail, "plain") || is_to(&mail, "template") {
            for part in [&mail.raw, &mail.text(), &mail.html()] {
                search.look("mail", part);
            }
        }
    }
}

/// Every field of every table but `blobs`. True when `blobs` holds the marker.
async fn stored(path: &Path, search: &mut Search) -> bool {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).read_only(true);
    let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    let tables = sqlx::query("SELECT name FROM sqlite_master WHERE type = 'table'");
    let tables = tables.fetch_all(&mut connection).await.unwrap();
    let mut in_blobs = false;
    for table in tables {
        let table: String = table.get(0);
        let text = format!("SELECT * FROM \"{table}\"");
        for row in sqlx::query(sqlx::AssertSqlSafe(text)).fetch_all(&mut connection).await.unwrap() {
            let mut line = format!("{table}:");
            for column in row.columns() {
                let value = row.try_get_raw(column.ordinal()).unwrap();
                if !value.is_null() && value.type_info().name() == "TEXT" {
                    line += " ";
                    line += row.get::<&str, _>(column.ordinal());
                }
            }
            if table == "blobs" {
                in_blobs |= line.contains(MARKER);
            } else {
                search.look("row", &line);
            }
        }
    }
    in_blobs
}
