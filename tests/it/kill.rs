//! `kill -9` of the real program at seeded moments, started again on the same store each time.
//!
//! The agency, the gateways and the inbox live in this process and keep count of every id. What must hold: whatever
//! the store decided arrives, whatever was answered 200 is told, and nothing arrives twice unless its outcome was
//! unknown at a kill.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::json;
use shiftwatch::{
    clock::{Clock, real_now},
    sim::{Appointment, Sim, SimConfig, SmtpFault, SmtpFaultAnswer, SmtpStage},
};
use sqlx::{Connection as _, Row as _, SqliteConnection};

use crate::agent::{Agent, configure, pause};

/// How many there are to be.
const KILLS: usize = 200;
/// However slow the machine: after this long no further kill is begun.
const AT_MOST: Duration = Duration::from_secs(170);
const SEED: u64 = 20_261_123;
const CLIENTS: usize = 8;
const SHIFTS: usize = 3;
/// From the start of the program to its port, built without optimisation on a loaded machine.
const START_MAX: Duration = Duration::from_secs(30);

const REST: &str = r#"rule_files: [ rules.yml ]
route:
  receiver: all
  group_by: [agency, shift]
  group_wait: 1s
  group_interval: 1s
  repeat_interval: 24h
  routes: [ { matchers: ['n!=""'], receiver: all, group_by: [n], group_wait: 1ms, group_interval: 1s } ]
receivers:
  - name: all
    sms_configs: [ { to: ["+12025550111"] } ]
    email_configs: [ { to: night@example.com } ]
    webhook_configs: [ { url: "{sink}/hook" } ]
"#;

const RULES: &str = r#"groups:
  - name: coverage
    rules:
      - alert: ShiftUncovered
        uncovered_shift: { within: 72h }
        labels: { severity: page, band: 72h }
        annotations: { summary: "Shift {{ shift.ref }} has no caregiver" }
"#;

/// One row of the outbox.
struct Kept {
    id: String,
    channel: String,
    state: String,
    provider_id: Option<String>,
    /// For texts: what it says.
    text: String,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_and_nothing_known_is_doubled() {
    let sim = Sim::start(SimConfig::quiet(chrono_tz::America::Denver, Clock::System)).await.unwrap();
    sim.twilio(|gateway| gateway.latency_ms = 3);
    sim.smtp_faults([SmtpFault::new(SmtpStage::Content, SmtpFaultAnswer::SlowMs(3))]);
    let shifts = people(&sim);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rules.yml"), RULES).unwrap();
    let config = configure(&sim, folder.path(), REST);
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build().unwrap();

    let mut rng = StdRng::seed_from_u64(SEED);
    let began = Instant::now();
    let (mut n_kills, mut answered, mut starts, mut said) = (0, BTreeSet::new(), Vec::new(), Vec::new());
    // The first start reads everything and sums it up; it is left alone until it has.
    let agent = Agent::run(&config, "info");
    agent.address(START_MAX).await.expect("it listens");
    assert!(sim.until(START_MAX, |sim| sim.log().len() > 2 * CLIENTS).await, "it reads: {:?}", agent.lines());
    said.extend(agent.kill());
    while n_kills < KILLS && began.elapsed() < AT_MOST {
        for _ in 0..rng.random_range(1..=3) {
            toggle(&sim, &shifts[rng.random_range(0..shifts.len())]);
        }
        let agent = Agent::run(&config, "info");
        let how = rng.random_range(0..10);
        if how == 0 {
            // While it starts.
            pause(Duration::from_micros(rng.random_range(0..150_000))).await;
        } else {
            let Some(address) = agent.address(START_MAX).await else { panic!("no start: {:?}", agent.lines()) };
            starts.push(agent.age());
            let n_told = told(&sim);
            for _ in 0..rng.random_range(1..=3) {
                let n = format!("{n_kills}-{}", rng.random_range(0..1_000_000));
                if post(&http, &address, &n).await {
                    answered.insert(n);
                }
            }
            match how {
                // Between the answer and the commit, the commit and the claim.
                1..=3 => pause(Duration::from_micros(rng.random_range(0..60_000))).await,
                // Between a request and its answer, an answer and its outcome.
                4..=7 => {
                    let so_many = n_told + rng.random_range(1..=4);
                    sim.until(Duration::from_secs(1), |sim| told(sim) >= so_many).await;
                    pause(Duration::from_micros(rng.random_range(0..8_000))).await;
                }
                _ => pause(Duration::from_micros(rng.random_range(0..900_000))).await,
            }
        }
        said.extend(agent.kill());
        n_kills += 1;
    }
    let killed_for = began.elapsed();

    let agent = Agent::run(&config, "info");
    agent.address(START_MAX).await.expect("it listens");
    let store = folder.path().join("shiftwatch.db");
    let settled = settle(&store, &sim, &answered).await;
    let (status, last_said) = agent.stop();
    said.extend(last_said);
    assert!(status.success(), "{status}");

    let (outbox, unknown, n_fired) = read(&store).await;
    let mistakes: Vec<&String> = said.iter().filter(|line| line.contains("a mistake in the program")).collect();
    assert!(mistakes.is_empty(), "{mistakes:?}");
    let posted = posted(&sim);
    let untold: Vec<&String> = answered.difference(&posted).collect();
    let count = count(&sim, &outbox);
    let known: Vec<&String> = count.doubled.iter().filter(|id| !unknown.contains(*id)).collect();
    starts.sort();
    println!(
        "{n_kills} kills in {} s, seed {SEED}: {} messages decided ({n_fired} alerts fired, {} posts answered), {} lost, \
         {} doubled ({} of them with a known outcome), {} uncertain; ready after {} ms (median), {} ms (most); by state {:?}",
        killed_for.as_secs(),
        outbox.len(),
        answered.len(),
        count.lost.len() + untold.len(),
        count.doubled.len(),
        known.len(),
        unknown.len(),
        starts[starts.len() / 2].as_millis(),
        starts[starts.len() - 1].as_millis(),
        count.states,
    );
    assert!(settled, "something is still open: {:?}", count.states);
    assert!(n_kills >= KILLS / 2, "the machine is too slow for a meaningful run: {n_kills} kills");
    assert!(outbox.len() > 3 * n_kills && !unknown.is_empty(), "the kills met work");
    assert_eq!((count.lost, untold), (Vec::new(), Vec::<&String>::new()), "lost");
    assert_eq!(known, Vec::<&String>::new(), "doubled, though the outcome was known");
    assert_eq!(count.strangers, Vec::<String>::new(), "sent, though nobody decided it");
}

/// Clients with shifts in the next hours, all covered.
fn people(sim: &Sim) -> Vec<String> {
    let now = real_now();
    sim.world(|world| {
        world.add_caregiver("8000201");
        let mut shifts = Vec::new();
        for client in 0..CLIENTS {
            let id = format!("{}", 7_000_101 + client);
            world.add_client(id.as_str());
            for shift in 0..SHIFTS {
                let name = format!("{}", 90_010_001 + client * SHIFTS + shift);
                let start = now + TimeDelta::minutes(30 + 60 * i64::try_from(client + 5 * shift).unwrap());
                world.add_shift(Appointment::hours(&name, &id, start, 1).with("8000201"));
                shifts.push(name);
            }
        }
        shifts
    })
}

fn toggle(sim: &Sim, shift: &str) {
    sim.world(|world| {
        let is_open = world.shift(shift).unwrap().caregiver.is_none();
        if is_open { world.assign(shift, "8000201").unwrap() } else { world.unassign(shift).unwrap() }
    });
}

fn told(sim: &Sim) -> usize {
    sim.texts().len() + sim.mails().len() + sim.posts().len()
}

/// True when the order was answered 200, and so is stored.
async fn post(http: &reqwest::Client, address: &str, n: &str) -> bool {
    let alert = json!([{
        "labels": { "alertname": "Posted", "agency": "main", "severity": "page", "n": n },
        "annotations": { "summary": format!("Posted {n}") },
    }]);
    let answer = http.post(format!("http://{address}/api/v2/alerts")).json(&alert).send().await;
    answer.is_ok_and(|answer| answer.status() == 200)
}

/// The posted alerts whose firing reached the sink.
fn posted(sim: &Sim) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for post in sim.posts() {
        for alert in post.json()["alerts"].as_array().into_iter().flatten() {
            found.extend(alert["labels"]["n"].as_str().map(ToOwned::to_owned));
        }
    }
    found
}

/// Waits until nothing is open and nothing more comes; false when that takes too long.
async fn settle(store: &Path, sim: &Sim, answered: &BTreeSet<String>) -> bool {
    let began = Instant::now();
    let mut quiet_since = Instant::now();
    let mut n_before = told(sim);
    while began.elapsed() < Duration::from_secs(60) {
        pause(Duration::from_millis(200)).await;
        let n_now = told(sim);
        let n_open: i64 = {
            let mut connection = open(store).await;
            let text = "SELECT count(*) FROM outbox WHERE state IN ('queued', 'held', 'claimed', 'uncertain')";
            sqlx::query(text).fetch_one(&mut connection).await.unwrap().get(0)
        };
        if n_open > 0 || n_now != n_before || !answered.is_subset(&posted(sim)) {
            quiet_since = Instant::now();
            n_before = n_now;
        }
        // The closing of the last post comes ten seconds after it; the reading of a shift within two.
        if quiet_since.elapsed() > Duration::from_secs(11) {
            return true;
        }
    }
    false
}

async fn open(store: &Path) -> SqliteConnection {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(store).read_only(true);
    SqliteConnection::connect_with(&options).await.unwrap()
}

/// The outbox, the messages that had an attempt of unknown outcome, and how many alerts fired.
async fn read(store: &Path) -> (Vec<Kept>, BTreeSet<String>, i64) {
    let mut connection = open(store).await;
    let text = "SELECT o.id, o.channel, o.state, o.provider_id, b.body FROM outbox o
                JOIN blobs b ON b.agency = o.agency AND b.n = o.blob";
    let outbox = sqlx::query(text).fetch_all(&mut connection).await.unwrap();
    let outbox = outbox
        .iter()
        .map(|row| {
            let body: serde_json::Value = serde_json::from_str(row.get(4)).unwrap();
            let text = find_text(&body["content"]);
            Kept { id: row.get(0), channel: row.get(1), state: row.get(2), provider_id: row.get(3), text }
        })
        .collect();
    let unknown = sqlx::query("SELECT DISTINCT message FROM attempts WHERE outcome = 'uncertain'");
    let unknown = unknown.fetch_all(&mut connection).await.unwrap().iter().map(|row| row.get(0)).collect();
    let fired = sqlx::query("SELECT count(*) FROM transitions WHERE to_state = 'firing'");
    let n_fired = fired.fetch_one(&mut connection).await.unwrap().get(0);
    (outbox, unknown, n_fired)
}

fn find_text(content: &serde_json::Value) -> String {
    match content {
        serde_json::Value::Object(fields) => fields
            .iter()
            .find_map(
                |(name, value)| {
                    if name == "text" { value.as_str().map(ToOwned::to_owned) } else { Some(find_text(value)) }
                },
            )
            .unwrap_or_default(),
        _ => String::new(),
    }
}

/// What arrived, held against what was decided.
#[derive(Default)]
struct Count {
    lost: Vec<String>,
    doubled: Vec<String>,
    strangers: Vec<String>,
    states: BTreeMap<String, usize>,
}

fn count(sim: &Sim, outbox: &[Kept]) -> Count {
    let mut count = Count::default();
    let mut arrived: BTreeMap<String, usize> = BTreeMap::new();
    for mail in sim.mails() {
        let id = mail.message_id();
        let id = id.trim_matches(['<', '>']).split('@').next().unwrap_or_default().to_owned();
        *arrived.entry(id).or_default() += 1;
    }
    for post in sim.posts() {
        *arrived.entry(post.header("idempotency-key").unwrap_or_default().to_owned()).or_default() += 1;
    }
    // Texts carry no id. One that the outbox knows by its sid is that message's; the others are matched by their words.
    let by_sid: BTreeMap<&str, &Kept> =
        outbox.iter().filter_map(|kept| Some((kept.provider_id.as_deref()?, kept))).collect();
    let mut by_words: BTreeMap<String, usize> = BTreeMap::new();
    for text in sim.texts() {
        match by_sid.get(text.sid.as_str()) {
            Some(kept) => *arrived.entry(kept.id.clone()).or_default() += 1,
            None => *by_words.entry(text.body).or_default() += 1,
        }
    }
    for kept in outbox {
        *count.states.entry(format!("{}/{}", kept.channel, kept.state)).or_default() += 1;
        let mut n = arrived.remove(&kept.id).unwrap_or(0);
        if kept.channel == "sms" {
            n += by_words.remove(&kept.text).unwrap_or(0);
        }
        // A closing that was called off, because what it answers never left or came back, is no loss.
        if n == 0 && kept.state != "cancelled" {
            count.lost.push(format!("{} {} {}", kept.channel, kept.state, kept.id));
        } else if n > 1 {
            count.doubled.push(kept.id.clone());
        }
    }
    count.strangers = arrived.into_keys().chain(by_words.into_keys()).collect();
    count
}
