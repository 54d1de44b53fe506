//! `kill -9` of the real program at seeded moments, started again on the same store each time.
//!
//! The agency, the gateways and the inbox live in this process and keep count of every id. What must hold: whatever
//! the store decided arrives, whatever was answered 200 is told, and nothing arrives twice unless its outcome was
//! unknown at a kill. And of pages: whatever was accepted is told to the person on call, a reply that was answered 200
//! owns its page, and nobody is told of a page by a step that was decided after that answer.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what is wrong by failing")]

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
    sim::{Appointment, Sim, SimConfig, SmtpFault, SmtpFaultAnswer, SmtpStage, twilio_signature},
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

/// How much later than a kill the simulator may come to read what the program had written, on a loaded machine.
const READ_WITHIN: TimeDelta = TimeDelta::seconds(1);

const REST: &str = r#"rule_files: [ rules.yml ]
route:
  receiver: all
  group_by: [agency, shift]
  group_wait: 1s
  group_interval: 1s
  repeat_interval: 24h
  routes:
    - { matchers: ['n!=""'], receiver: all, group_by: [n], group_wait: 1ms, group_interval: 1s }
{routes}{people}receivers:
{pagers}  - name: all
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

/// So many people are paged in turn: a phone that gets many pages gets them in one text.
const PAGERS: usize = 20;
/// Where gateways would find us.
const ADDRESS: &str = "https://watch.example.com";

/// One row of the outbox.
struct Kept {
    id: String,
    decided_at: shiftwatch::model::Instant,
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
    let config = configure(&sim, folder.path(), &with_pagers(REST));
    let listens = "web: { listen: \"127.0.0.1:0\"";
    let text =
        std::fs::read_to_string(&config).unwrap().replace(listens, &format!("{listens}, external_url: {ADDRESS}"));
    assert!(text.contains(ADDRESS));
    std::fs::write(&config, text).unwrap();
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build().unwrap();

    let mut rng = StdRng::seed_from_u64(SEED);
    let began = Instant::now();
    let (mut kills, mut answered, mut starts, mut said) = (Vec::new(), BTreeSet::new(), Vec::new(), Vec::new());
    let mut pages = Pages::default();
    // The first start reads everything and sums it up; it is left alone until it has.
    let agent = Agent::run(&config, "info");
    agent.address(START_MAX).await.expect("it listens");
    assert!(sim.until(START_MAX, |sim| sim.log().len() > 2 * CLIENTS).await, "it reads: {:?}", agent.lines());
    said.extend(agent.kill());
    kills.push(real_now());
    while kills.len() < KILLS && began.elapsed() < AT_MOST {
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
                let n = format!("{}-{}", kills.len(), rng.random_range(0..1_000_000));
                if post(&http, &address, &n).await {
                    answered.insert(n);
                }
            }
            if rng.random_bool(0.25) {
                pages.open(&http, &address, format!("P{}-{}", kills.len(), rng.random_range(0..1_000_000))).await;
            }
            if rng.random_bool(0.3) {
                pages.reply(&sim, &http, &address).await;
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
        kills.push(real_now());
        said.extend(agent.kill());
    }
    let (killed_for, n_kills) = (began.elapsed(), kills.len());

    let agent = Agent::run(&config, "info");
    let address = agent.address(START_MAX).await.expect("it listens");
    let store = folder.path().join("shiftwatch.db");
    let settled = settle(&store, &sim, &answered).await;
    let owners = owners(&http, &address).await;
    let (status, last_said) = agent.stop();
    said.extend(last_said);
    assert!(status.success(), "{status}");

    let (outbox, unknown, n_fired) = read(&store).await;
    let mistakes: Vec<&String> = said.iter().filter(|line| line.contains("a mistake in the program")).collect();
    assert!(mistakes.is_empty(), "{mistakes:?}");
    let posted = posted(&sim);
    let untold: Vec<&String> = answered.difference(&posted).collect();
    let count = count(&sim, &outbox, &unknown, &kills);
    let known: Vec<&String> = count.doubled.iter().filter(|id| !unknown.contains_key(*id)).collect();
    starts.sort();
    println!(
        "{n_kills} kills in {} s, seed {SEED}: {} messages decided ({n_fired} alerts fired, {} posts answered), {} lost, \
         {} doubled {:?} ({} of them with a known outcome), {} uncertain; a doubled message's copy came {} ms (median), {} ms (p90), {} ms \
         (most) before its kill; ready after {} ms (median), {} ms (most); by state {:?}",
        killed_for.as_secs(),
        outbox.len(),
        answered.len(),
        count.lost.len() + untold.len(),
        count.doubled.len(),
        count.doubled_by,
        known.len() + count.unexcused.len(),
        unknown.len(),
        count.lags.get(count.lags.len() / 2).map_or(0, TimeDelta::num_milliseconds),
        count.lags.get(count.lags.len() * 9 / 10).map_or(0, TimeDelta::num_milliseconds),
        count.lags.last().map_or(0, TimeDelta::num_milliseconds),
        starts[starts.len() / 2].as_millis(),
        starts[starts.len() - 1].as_millis(),
        count.states,
    );
    for one in known.iter().map(|id| id.as_str()).chain(count.unexcused.iter().map(String::as_str)) {
        println!("known outcome: {one}");
        history(&store, one.rsplit_once(':').map_or(one, |_| one.split([' ', ':']).nth(1).unwrap_or(one))).await;
    }
    assert!(settled, "something is still open: {:?}", count.states);
    assert!(n_kills >= KILLS / 2, "the machine is too slow for a meaningful run: {n_kills} kills");
    assert!(outbox.len() > 3 * n_kills && !unknown.is_empty(), "the kills met work");
    assert_eq!((count.lost, untold), (Vec::new(), Vec::<&String>::new()), "lost");
    assert_eq!(known, Vec::<&String>::new(), "doubled, though the outcome was known");
    assert_eq!(count.unexcused, Vec::<String>::new(), "doubled more often than unknown outcomes excuse");
    assert_eq!(wrong_last_words(&sim, &shifts), Vec::<String>::new(), "the last word about these is wrong");
    assert_eq!(count.strangers, Vec::<String>::new(), "sent, though nobody decided it");
    pages.held_against(&sim, &outbox, &owners);
}

/// Somebody on call for every twentieth page, and one person behind all of them.
fn with_pagers(rest: &str) -> String {
    let each = |one: &dyn Fn(usize) -> String| (0..PAGERS).map(one).collect::<String>();
    let people = each(&|i| format!("  - {{ name: pager-{i}, phone: \"{}\" }}\n", pager(i)));
    let policies = each(&|i| {
        format!(
            "  - {{ name: p{i}, repeat: 1h, unconfirmed_after: 10m, ack_expires: 1h, steps: [ {{ notify: [ {{ person: pager-{i} }} ], \
             via: [sms] }}, {{ notify: [ {{ person: backup }} ], via: [sms], after: 2s }} ] }}\n"
        )
    });
    let route = |i| format!("    - {{ matchers: ['to=\"{i}\"'], receiver: p{i}, group_by: [p], group_wait: 1ms }}\n");
    let receiver = |i| format!("  - {{ name: p{i}, page_configs: [ {{ policy: p{i} }} ] }}\n");
    let people =
        format!("people:\n  - {{ name: backup, phone: \"+12025550150\" }}\n{people}escalation_policies:\n{policies}");
    rest.replace("{people}", &people).replace("{routes}", &each(&route)).replace("{pagers}", &each(&receiver))
}

fn pager(i: usize) -> String {
    format!("+12025550{}", 120 + i)
}

/// Pages that were accepted, and replies that were answered.
#[derive(Default)]
struct Pages {
    accepted: BTreeMap<String, usize>,
    /// By page, when its reply was answered.
    owned: BTreeMap<String, shiftwatch::model::Instant>,
}

impl Pages {
    /// Posts something that pages; accepted once it is answered 200. It fires for longer than the test runs.
    async fn open(&mut self, http: &reqwest::Client, address: &str, p: String) {
        let to = self.accepted.len() % PAGERS;
        let alert = json!([{
            "labels": { "alertname": "Paged", "agency": "main", "severity": "critical", "p": p, "to": to.to_string() },
            "annotations": { "summary": format!("Paged {p}.") },
            "endsAt": real_now() + TimeDelta::minutes(30),
        }]);
        let answer = http.post(format!("http://{address}/api/v2/alerts")).json(&alert).send().await;
        if answer.is_ok_and(|answer| answer.status() == 200) {
            self.accepted.insert(p, to);
        }
    }

    /// The person on call takes a page that they were told of and have not taken; by one text, which the gateway delivers
    /// again under the same id until somebody answers it.
    async fn reply(&mut self, sim: &Sim, http: &reqwest::Client, address: &str) {
        let token = sim.twilio(|gateway| gateway.auth_token.clone());
        let mut told = sim.texts().into_iter().filter_map(|text| {
            let (p, code) = (page_of(&text.body)?, code_of(&text.body)?);
            let is_theirs = self.accepted.get(&p).is_some_and(|to| pager(*to) == text.to);
            (is_theirs && !self.owned.contains_key(&p)).then_some((p, code, text.to))
        });
        let Some((p, code, from)) = told.next() else { return };
        let sid: String = p.bytes().filter(u8::is_ascii_digit).map(char::from).collect();
        let body = format!("1 {code}");
        let params: Vec<(String, String)> = [
            ("Body", body.as_str()),
            ("From", &from),
            ("MessageSid", &format!("SM{sid:0>32}")),
            ("To", "+12025550100"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        let signature = twilio_signature(&token, &format!("{ADDRESS}/hooks/twilio"), &params);
        let request = http.post(format!("http://{address}/hooks/twilio")).header("x-twilio-signature", signature);
        if request.form(&params).send().await.is_ok_and(|answer| answer.status() == 200) {
            self.owned.insert(p, real_now());
        }
    }

    fn held_against(&self, sim: &Sim, outbox: &[Kept], owners: &BTreeMap<String, String>) {
        let told: BTreeSet<(String, String)> =
            sim.texts().into_iter().filter_map(|text| Some((page_of(&text.body)?, text.to))).collect();
        let is_untold = |(p, to): &(&String, &usize)| !told.contains(&((*p).clone(), pager(**to)));
        let untold: Vec<&String> = self.accepted.iter().filter(is_untold).map(|(p, _)| p).collect();
        let is_lost = |p: &&String| {
            let wanted = self.accepted.get(*p).map(|to| format!("pager-{to}"));
            owners.get(*p) != wanted.as_ref()
        };
        let lost: Vec<&String> = self.owned.keys().filter(is_lost).collect();
        let after: Vec<&str> = outbox
            .iter()
            .filter(|kept| kept.channel == "sms" && code_of(&kept.text).is_some())
            .filter(|kept| page_of(&kept.text).and_then(|p| self.owned.get(&p)).is_some_and(|at| kept.decided_at > *at))
            .map(|kept| kept.text.as_str())
            .collect();
        println!(
            "pages: {} accepted, {} untold; {} replies answered, {} lost; {} told of after that",
            self.accepted.len(),
            untold.len(),
            self.owned.len(),
            lost.len(),
            after.len()
        );
        assert!(self.accepted.len() > KILLS / 8 && self.owned.len() > KILLS / 16, "the kills met pages");
        assert_eq!(untold, Vec::<&String>::new(), "accepted, and nobody was paged");
        assert_eq!(lost, Vec::<&String>::new(), "answered, and not theirs");
        assert_eq!(after, Vec::<&str>::new(), "decided after the page was somebody's");
    }
}

/// The page that a text tells of.
fn page_of(text: &str) -> Option<String> {
    let p = text.split("Paged ").nth(1)?.split(['.', ' ', ',']).next()?;
    p.starts_with('P').then(|| p.to_owned())
}

/// The code that a text asks for.
fn code_of(text: &str) -> Option<String> {
    let code = text.split("Reply 1 ").nth(1)?.split([' ', '.', ',']).next()?;
    Some(code.to_owned())
}

/// Who owns each page's alert.
async fn owners(http: &reqwest::Client, address: &str) -> BTreeMap<String, String> {
    let answer = http.get(format!("http://{address}/api/v1/alerts")).send().await.unwrap();
    let alerts: serde_json::Value = answer.json().await.unwrap();
    let owned = |alert: &serde_json::Value| {
        Some((alert["labels"]["p"].as_str()?.to_owned(), alert["owner"]["by"].as_str()?.to_owned()))
    };
    alerts.as_array().unwrap().iter().filter_map(owned).collect()
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
                // All of them so near that their clients are read within seconds.
                let start = now + TimeDelta::minutes(20 + 9 * i64::try_from(client * SHIFTS + shift).unwrap());
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
    while began.elapsed() < Duration::from_mins(3) {
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

/// The outbox, how many attempts of each message had an unknown outcome, and how many alerts fired.
async fn read(store: &Path) -> (Vec<Kept>, BTreeMap<String, usize>, i64) {
    let mut connection = open(store).await;
    let text = "SELECT o.id, o.channel, o.state, o.provider_id, b.body, o.created_at FROM outbox o
                JOIN blobs b ON b.agency = o.agency AND b.n = o.blob";
    let outbox = sqlx::query(text).fetch_all(&mut connection).await.unwrap();
    let outbox = outbox
        .iter()
        .map(|row| {
            let body: serde_json::Value = serde_json::from_str(row.get(4)).unwrap();
            let text = find_text(&body["content"]);
            let decided_at = shiftwatch::model::local_time::from_micros(row.get(5));
            Kept { id: row.get(0), decided_at, channel: row.get(1), state: row.get(2), provider_id: row.get(3), text }
        })
        .collect();
    let text = "SELECT message, count(*) FROM attempts WHERE outcome = 'uncertain' GROUP BY message";
    let unknown = sqlx::query(text).fetch_all(&mut connection).await.unwrap();
    let n = |row: &sqlx::sqlite::SqliteRow| usize::try_from(row.get::<i64, _>(1)).unwrap();
    let unknown = unknown.iter().map(|row| (row.get(0), n(row))).collect();
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
    /// More copies than attempts of unknown outcome excuse, or no kill near the first of two.
    unexcused: Vec<String>,
    /// From the arrival of a copy to the kill that made its outcome unknown.
    lags: Vec<TimeDelta>,
    strangers: Vec<String>,
    states: BTreeMap<String, usize>,
    doubled_by: BTreeMap<String, usize>,
}

type Arrivals = BTreeMap<String, Vec<shiftwatch::model::Instant>>;

fn count(sim: &Sim, outbox: &[Kept], unknown: &BTreeMap<String, usize>, kills: &[shiftwatch::model::Instant]) -> Count {
    let mut count = Count::default();
    let mut arrived = Arrivals::new();
    for mail in sim.mails() {
        let id = mail.message_id();
        let id = id.trim_matches(['<', '>']).split('@').next().unwrap_or_default().to_owned();
        arrived.entry(id).or_default().push(mail.at);
    }
    for post in sim.posts() {
        let id = post.header("idempotency-key").unwrap_or_default().to_owned();
        arrived.entry(id).or_default().push(post.at);
    }
    // Texts carry no id. One that the outbox knows by its sid is that message's; the others are matched by their words.
    let by_sid: BTreeMap<&str, &Kept> =
        outbox.iter().filter_map(|kept| Some((kept.provider_id.as_deref()?, kept))).collect();
    let mut by_words = Arrivals::new();
    for text in sim.texts() {
        match by_sid.get(text.sid.as_str()) {
            Some(kept) => arrived.entry(kept.id.clone()).or_default().push(text.at),
            None => by_words.entry(text.body).or_default().push(text.at),
        }
    }
    let n_unknown = |kept: &Kept| unknown.get(&kept.id).copied().unwrap_or(0);
    // An attempt of unknown outcome may have left a text without a known sid; first come those that know no sid at all.
    let mut unsure: Vec<&Kept> = outbox.iter().filter(|kept| kept.channel == "sms" && n_unknown(kept) > 0).collect();
    unsure.sort_by_key(|kept| kept.provider_id.is_some());
    for kept in unsure {
        let texts = by_words.entry(kept.text.clone()).or_default();
        let taken = texts.split_off(texts.len().saturating_sub(n_unknown(kept)));
        arrived.entry(kept.id.clone()).or_default().extend(taken);
    }
    by_words.retain(|_, texts| !texts.is_empty());
    for kept in outbox {
        *count.states.entry(format!("{}/{}", kept.channel, kept.state)).or_default() += 1;
        let mut copies = arrived.remove(&kept.id).unwrap_or_default();
        copies.sort();
        // One that was called off before it left is no loss.
        if copies.is_empty() && kept.state != "cancelled" {
            count.lost.push(format!("{} {} {}", kept.channel, kept.state, kept.id));
        }
        if copies.len() < 2 {
            continue;
        }
        count.doubled.push(kept.id.clone());
        *count.doubled_by.entry(kept.channel.clone()).or_default() += 1;
        if copies.len() > 1 + n_unknown(kept) {
            count.unexcused.push(format!("{} {}: {} copies", kept.channel, kept.id, copies.len()));
        }
        for (first, second) in copies.iter().zip(&copies[1..]) {
            match kills.iter().find(|kill| *kill >= first && *kill <= second) {
                Some(kill) => count.lags.push(*kill - *first),
                // What was in the socket at a kill is read a little after it, by a busy machine much later.
                None if kills.iter().any(|kill| *kill >= *first - READ_WITHIN && kill <= first) => {}
                None => count.unexcused.push(format!("{} {}: {first} and {second}", kept.channel, kept.id)),
            }
        }
    }
    count.lags.sort();
    count.strangers = arrived.into_keys().chain(by_words.into_keys()).collect();
    count
}

/// The shifts about which the last word, as the sink read it, is not what is true.
fn wrong_last_words(sim: &Sim, shifts: &[String]) -> Vec<String> {
    let mut last: BTreeMap<String, String> = BTreeMap::new();
    for post in sim.posts() {
        for alert in post.json()["alerts"].as_array().into_iter().flatten() {
            if let Some(shift) = alert["labels"]["shift"].as_str() {
                let id = shift.split('@').next().unwrap_or_default().to_owned();
                last.insert(id, alert["status"].as_str().unwrap_or_default().to_owned());
            }
        }
    }
    let is_open = |shift: &str| sim.world(|world| world.shift(shift).unwrap().caregiver.is_none());
    let is_wrong = |shift: &&String| (last.get(*shift).is_some_and(|word| word == "firing")) != is_open(shift);
    shifts.iter().filter(is_wrong).map(|shift| format!("{shift}: {:?}", last.get(shift))).collect()
}

/// Prints what the store knows of a message, for whoever looks into a failure.
async fn history(store: &Path, id: &str) {
    let mut connection = open(store).await;
    let text = "SELECT attempt, gateway, at, outcome, why, doubles FROM attempts WHERE message = ? ORDER BY at";
    for row in sqlx::query(text).bind(id).fetch_all(&mut connection).await.unwrap() {
        let at = shiftwatch::model::local_time::from_micros(row.get(2));
        let (attempt, doubles): (i64, i64) = (row.get(0), row.get(5));
        let (gateway, outcome, why): (String, String, String) = (row.get(1), row.get(3), row.get(4));
        println!("  attempt {attempt} {gateway} {at} {outcome} {why} doubles {doubles}");
    }
}
