//! The office's day beside the watch: the real program on a simulated agency with a year of shifts and visits behind it, asked over
//! HTTP by somebody who signed in. Run with `cargo bench --bench office`; it takes about ten minutes.
//!
//! Prints p50 and p99 of look-ups on one kept connection, how long a month's hours, a briefing, a cover list, a profile and
//! the five numbers take, and what the watch did meanwhile: requests a second, the oldest reading of a schedule against what
//! was promised, missed ticks. The people and the year are invented, on a seed.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and one that cannot run says why and stops"
)]

use std::{
    path::Path,
    time::{Duration, Instant as Stopwatch},
};

use chrono::TimeDelta;
use chrono_tz::America::Denver;
use program::Program;
use serde_json::{Value, json};
use shiftwatch::{
    clock::Clock,
    config::StoreUrl,
    mirror::row::{ArchiveDelta, MirrorRow},
    model::{
        AgencyName, Instant,
        local_time::{local_date, start_of_day},
    },
    sim::{Sim, SimConfig},
    store::{PastDay, Store},
};

mod archive;
mod program;

/// Clients and caregivers.
const SIZES: [(usize, usize); 2] = [(500, 225), (2_000, 900)];
const DAYS: i64 = 365;
/// Memory holds the last days; the archive ends where it begins.
const IN_MEMORY: i64 = 7;
const LOOK_UPS: usize = 2_000;
const ROUNDS: usize = 5;
const PASSWORD: &str = "example-password";
const HASH: &str = "$2b$04$abcdefghijklmnopqrstuuINEu0.fL6TmOr.GOngyVnjNLH3aX75y";
const RATE: u32 = 10;
const DETECT_WITHIN_S: u32 = 240;
/// So long the office goes on asking, that the watch has work meanwhile.
const BUSY: Duration = Duration::from_mins(3);

/// Two shifts of four hours a client on one day, each with its visit.
fn day(first: Instant, n: i64, clients: &[String], caregivers: &[String]) -> Vec<MirrorRow> {
    let mut rows = Vec::new();
    for (k, client) in clients.iter().enumerate() {
        for turn in 0..2_usize {
            let start = first
                + TimeDelta::hours(7 + 8 * i64::try_from(turn).unwrap_or(0))
                + TimeDelta::minutes(i64::try_from(k % 60).unwrap_or(0));
            let (ends, id) = (start + TimeDelta::hours(4), 91_000_000 + k * 2 + turn);
            let caregiver = &caregivers[(k * 7 + turn) % caregivers.len()];
            let visit = usize::try_from(n).unwrap_or(0) * clients.len() * 2 + k * 2 + turn + 555_000_000;
            let (id, visit) = (id.to_string(), visit.to_string());
            let (came, left) =
                (start + TimeDelta::minutes(3), ends + TimeDelta::minutes(i64::try_from(k % 9).unwrap_or(0)));
            rows.push(archive::shift(&id, client, caregiver, (start, ends)));
            rows.push(archive::visit(&visit, &id, client, caregiver, (came, left)));
        }
    }
    rows
}

/// A store with a year behind it.
async fn year(file: &Path, now: Instant, clients: &[String], caregivers: &[String]) {
    let store = Store::open(&StoreUrl::Sqlite(file.to_owned()), now).await.expect("a store");
    let agency = AgencyName::new("main");
    for ago in (IN_MEMORY..=DAYS).rev() {
        let date = local_date(Denver, now) - TimeDelta::days(ago);
        let rows = day(start_of_day(Denver, date), DAYS - ago, clients, caregivers);
        let read = |section: &str| PastDay { section: section.to_owned(), day: date, at: now, missing: Vec::new() };
        let delta = ArchiveDelta { rows, ..ArchiveDelta::default() };
        store.save_past(&agency, delta, vec![read("shifts"), read("visits")], now).await.expect("it is stored");
    }
}

fn configuration(sim: &Sim, folder: &Path) -> String {
    std::fs::write(folder.join("web.yml"), format!("basic_auth_users: {{ office: {HASH} }}\n")).expect("a file");
    format!(
        r#"agencies:
  - name: main
    timezone: America/Denver
    hours: {{ reread_days: 0 }}
    wellsky:
      base_url: {}
      agency_id: "9999"
      client_id: example-client
      client_secret: example-secret
      detect_within: {DETECT_WITHIN_S}s
      requests_per_second: {RATE}
store: sqlite:shiftwatch.db
web: {{ listen: "127.0.0.1:0", config_file: web.yml }}
global: {{ smtp_smarthost: "{}", smtp_from: watch@example.com, smtp_require_tls: false }}
route: {{ receiver: office }}
receivers:
  - {{ name: office, email_configs: [ {{ to: office@example.com }} ] }}
"#,
        sim.base_url(),
        sim.smtp_addr()
    )
}

/// The running program, asked by somebody who signed in.
struct Agent(Program);

impl Agent {
    async fn get(&self, path: &str) -> (String, Duration) {
        let watch = Stopwatch::now();
        let request = self.0.http.get(format!("{}{path}", self.0.url)).basic_auth("office", Some(PASSWORD));
        let answer = request.send().await.expect("an answer");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        let body = answer.text().await.expect("a body");
        (body, watch.elapsed())
    }

    async fn look_up(&self, words: &str) -> (Value, Duration) {
        let watch = Stopwatch::now();
        let request = self.0.http.post(format!("{}/api/v1/lookup", self.0.url)).basic_auth("office", Some(PASSWORD));
        let answer = request.json(&json!({ "q": words })).send().await.expect("an answer");
        assert!(answer.status().is_success(), "a look-up: {}", answer.status());
        let body = answer.json().await.expect("JSON");
        (body, watch.elapsed())
    }

    async fn metric(&self, family: &str) -> f64 {
        sum(&self.get("/metrics").await.0, family)
    }

    /// Waits until everything was read and judged once.
    async fn settled(&self, sim: &Sim) {
        for _ in 0..1_200 {
            let (metrics, _) = self.get("/metrics").await;
            let known = metrics.lines().any(|line| line.starts_with("shiftwatch_uncovered_shifts{"));
            if known && sum(&metrics, "shiftwatch_catching_up{") < 0.5 {
                return;
            }
            sim.until(Duration::from_millis(500), |_| false).await;
        }
        println!("not everything was read within ten minutes");
    }
}

fn sum(metrics: &str, family: &str) -> f64 {
    let values = metrics.lines().filter(|line| line.starts_with(family)).filter_map(|line| line.rsplit(' ').next());
    values.filter_map(|value| value.parse::<f64>().ok()).sum()
}

fn at_share(took: &mut [Duration], share: usize) -> Duration {
    took.sort_unstable();
    took[(took.len() * share / 100).min(took.len() - 1)]
}

async fn measure(n_clients: usize, n_caregivers: usize) {
    let sim = Sim::start(SimConfig::seeded(Denver, Clock::System, 7).sized(n_clients, n_caregivers)).await;
    let sim = sim.expect("a simulator");
    let (people, clients, caregivers) = sim.world(|world| {
        let clients: Vec<(String, String)> =
            world.patients().map(|one| (one.id.clone(), one.full_name())).take(n_clients).collect();
        let caregivers: Vec<String> = world.practitioners().map(|one| one.id.clone()).collect();
        let ids = clients.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>();
        (clients, ids, caregivers)
    });
    let folder = tempfile::tempdir().expect("a folder");
    let now = sim.clock().now();
    let watch = Stopwatch::now();
    year(&folder.path().join("shiftwatch.db"), now, &clients, &caregivers).await;
    println!(
        "\n{n_clients} clients, {n_caregivers} caregivers, {} shifts and as many visits behind them (written in {:.0} s)",
        clients.len() * 2 * usize::try_from(DAYS - IN_MEMORY + 1).unwrap_or(0),
        watch.elapsed().as_secs_f64()
    );
    let config = folder.path().join("shiftwatch.yml");
    std::fs::write(&config, configuration(&sim, folder.path())).expect("a file");
    let agent = Agent(Program::start(&config));
    let watch = Stopwatch::now();
    agent.settled(&sim).await;
    println!("everything read and judged once after {:.0} s", watch.elapsed().as_secs_f64());

    let (requests, ticks, began) = (
        agent.metric("shiftwatch_api_requests_total").await,
        agent.metric("shiftwatch_missed_ticks_total").await,
        Stopwatch::now(),
    );
    let (mut took, mut found) = (Vec::new(), 0);
    for n in 0..LOOK_UPS {
        let (id, name) = &people[n * 7 % people.len()];
        let (given, family) = name.split_once(' ').unwrap_or((name, ""));
        let words = match n % 3 {
            0 => name.clone(),
            1 => format!("{family} {given}"),
            _ => id.clone(),
        };
        let (body, time) = agent.look_up(&words).await;
        found += usize::from(body.to_string().contains(id.as_str()));
        took.push(time);
    }
    println!(
        "look-up over HTTP, names shown and the look written down: p50 {:.1?}, p99 {:.1?}, worst {:.1?}; {found} of {LOOK_UPS} found",
        at_share(&mut took, 50),
        at_share(&mut took, 99),
        at_share(&mut took, 100)
    );

    let (client, caregiver) = (&clients[0], &caregivers[0]);
    let (shifts, _) = agent.get(&format!("/api/v1/shifts?client={client}")).await;
    let shifts: Value = serde_json::from_str(&shifts).expect("JSON");
    let shift = shifts["shifts"].as_array().and_then(|all| all.last()).and_then(|one| one["shift"].as_str());
    let mut paths = vec![
        ("a month's hours", "/api/v1/hours?month=last".to_owned()),
        ("a briefing", "/api/v1/briefing".to_owned()),
        ("the five numbers", "/api/v1/kpis".to_owned()),
        ("exceptions", "/api/v1/exceptions".to_owned()),
        ("a client's profile", format!("/api/v1/clients/{client}")),
        ("a caregiver's profile", format!("/api/v1/caregivers/{caregiver}")),
    ];
    if let Some(shift) = shift {
        paths.push(("who could take a shift", format!("/api/v1/shifts/{shift}/cover")));
    }
    for (what, path) in &paths {
        let (mut took, mut size) = (Vec::new(), 0);
        for _ in 0..ROUNDS {
            let (body, time) = agent.get(path).await;
            size = body.len();
            took.push(time);
        }
        println!(
            "{what}: median {:.0?}, worst {:.0?} ({} KiB)",
            at_share(&mut took, 50),
            at_share(&mut took, 100),
            size / 1024
        );
    }

    let mut n_asked = 0_u32;
    while began.elapsed() < BUSY {
        for (_, path) in &paths {
            agent.get(path).await;
        }
        for (_, name) in people.iter().take(50) {
            agent.look_up(name).await;
        }
        n_asked += 1;
    }
    let seconds = began.elapsed().as_secs_f64();
    let (metrics, _) = agent.get("/metrics").await;
    let age = sum(&metrics, r#"shiftwatch_data_age_seconds{agency="main",section="shifts"}"#);
    println!(
        "the watch meanwhile ({seconds:.0} s, all of that and 50 look-ups {n_asked} times more): {:.1} requests a second of {RATE}, schedules read {age:.0} s ago at the oldest (promised: {DETECT_WITHIN_S} s), {} ticks missed, {:.0} MiB in memory",
        (sum(&metrics, "shiftwatch_api_requests_total") - requests) / seconds,
        sum(&metrics, "shiftwatch_missed_ticks_total") - ticks,
        sum(&metrics, "process_resident_memory_bytes") / 1_048_576.0
    );
    drop(agent);
    sim.shutdown();
}

#[tokio::main]
async fn main() {
    for (clients, caregivers) in SIZES {
        measure(clients, caregivers).await;
    }
}
