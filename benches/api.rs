//! What Alertmanager's API costs with many alerts, of a real agent over loopback. Run with `cargo bench --bench api`.
//!
//! Alerts are posted in batches of 64 over eight connections; an answer means stored on the disk. Then what clients ask is
//! asked with all of them firing, a third inhibited and a hundred silences active. Prints the machine, rates, medians, and growth
//! from size to size. The alerts are the same each time.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant as Stopwatch},
};

use program::Program;
use serde_json::{Value, json};

mod program;

/// As many as Prometheus posts at once.
const BATCH: usize = 64;
const CONNECTIONS: usize = 8;
const SILENCES: usize = 100;
const ROUNDS: usize = 9;
const SIZES: [usize; 3] = [1_000, 10_000, 100_000];

/// Nobody is told within the hour: what is measured is asking.
const CONFIG: &str = r#"
agencies:
  - { name: main, timezone: UTC, wellsky: { base_url: "http://127.0.0.1:9", client_id: bench, client_secret: bench } }
store: sqlite:bench.db
web: { listen: "127.0.0.1:0" }
global: { smtp_smarthost: "127.0.0.1:9", smtp_from: watch@example.com, smtp_require_tls: false, resolve_timeout: 12h }
route:
  receiver: office
  group_by: [alertname, node]
  group_wait: 1h
  routes: [ { matchers: ['team="tech"'], receiver: tech } ]
receivers: [ { name: office }, { name: tech } ]
inhibit_rules:
  - { source_matchers: ['severity="critical"'], target_matchers: ['severity="warning"'], equal: [alertname] }
"#;

/// A running agent. It ends before its folder goes.
struct Agent {
    program: Program,
    _folder: tempfile::TempDir,
}

impl Agent {
    #[expect(clippy::expect_used, reason = "a benchmark that cannot run says why and stops")]
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("shiftwatch.yml");
        fs::write(&config, CONFIG).expect("a configuration");
        Self { program: Program::start(&config), _folder: folder }
    }

    /// The answer's body; anything but a 200 ends the run.
    #[expect(clippy::expect_used, reason = "a benchmark that cannot run says why and stops")]
    async fn ask(&self, path: &str, body: Option<&Value>) -> String {
        let url = format!("{}{path}", self.program.url);
        let request = match body {
            Some(body) => self.program.http.post(url).json(body),
            None => self.program.http.get(url),
        };
        let answer = request.send().await.expect("an answer");
        let status = answer.status();
        let body = answer.text().await.expect("a body");
        assert!(status.is_success(), "{path}: {status} {body}");
        body
    }

    /// The median of several askings, and the bytes of the answer.
    async fn timed(&self, path: &str, body: Option<&Value>) -> (Duration, usize) {
        let (mut times, mut bytes) = (Vec::new(), 0);
        for _ in 0..ROUNDS {
            let stopwatch = Stopwatch::now();
            bytes = self.ask(path, body).await.len();
            times.push(stopwatch.elapsed());
        }
        times.sort_unstable();
        (times[times.len() / 2], bytes)
    }
}

fn alert(n: usize) -> Value {
    let severity = ["warning", "critical", "info"][n % 3];
    let team = if n.is_multiple_of(5) { "tech" } else { "office" };
    json!({
        "labels": {
            "alertname": format!("Sample{}", n % 50), "node": format!("node-{}", n % 997), "instance": n.to_string(),
            "severity": severity, "team": team,
        },
        "annotations": { "summary": format!("sample {n}") },
    })
}

/// Posts them all; gives how long it took until the last answer.
#[expect(clippy::expect_used, reason = "a benchmark that cannot run says why and stops")]
async fn post(agent: &Arc<Agent>, from: usize, until: usize) -> Duration {
    let numbers: Vec<usize> = (from..until).collect();
    let batches: Vec<Value> =
        numbers.chunks(BATCH).map(|chunk| chunk.iter().map(|n| alert(*n)).collect::<Vec<_>>().into()).collect();
    let (batches, next) = (Arc::new(batches), Arc::new(AtomicUsize::new(0)));
    let stopwatch = Stopwatch::now();
    let posting = (0..CONNECTIONS).map(|_| {
        let (agent, batches, next) = (Arc::clone(agent), Arc::clone(&batches), Arc::clone(&next));
        tokio::spawn(async move {
            while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
                agent.ask("/api/v2/alerts", Some(batch)).await;
            }
        })
    });
    for one in posting.collect::<Vec<_>>() {
        one.await.expect("a poster");
    }
    stopwatch.elapsed()
}

/// Waits until so many fire; gives how long that took.
#[expect(clippy::expect_used, reason = "a benchmark that cannot run says why and stops")]
async fn shown(agent: &Agent, n: usize) -> Duration {
    let stopwatch = Stopwatch::now();
    loop {
        let alerts: Vec<Value> =
            serde_json::from_str(&agent.ask("/api/v2/alerts", None).await).expect("a list of alerts");
        if alerts.len() >= n {
            return stopwatch.elapsed();
        }
        tokio::task::yield_now().await;
    }
}

fn machine() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    format!("{}, {cores} cores", model.map_or("unknown", |m| m.trim_start_matches([' ', '\t', ':'])))
}

async fn silence(agent: &Agent) {
    let now = shiftwatch::clock::real_now();
    for n in 0..SILENCES {
        let wish = json!({
            "matchers": [ { "name": "node", "value": format!("node-{n}"), "isRegex": false, "isEqual": true } ],
            "startsAt": now.to_rfc3339(), "endsAt": (now + chrono::TimeDelta::hours(12)).to_rfc3339(),
            "createdBy": "bench", "comment": "sample",
        });
        agent.ask("/api/v2/silences", Some(&wish)).await;
    }
}

#[tokio::main]
async fn main() {
    println!("machine: {}", machine());
    println!("{CONNECTIONS} connections, batches of {BATCH}, {SILENCES} silences, medians of {ROUNDS}\n");
    let preview = json!({ "matchers": ["team=\"tech\"", "node=~\"node-1.*\""] });
    let asked: [(&str, &str, Option<&Value>); 6] = [
        ("alerts", "/api/v2/alerts", None),
        ("alerts, by filters", "/api/v2/alerts?filter=alertname%3D~%22Sample1.*%22&filter=team%3D%22tech%22", None),
        ("alerts, unsilenced and uninhibited", "/api/v2/alerts?silenced=false&inhibited=false", None),
        ("groups", "/api/v2/alerts/groups", None),
        ("preview of a silence", "/api/v1/silences/preview", Some(&preview)),
        ("/metrics", "/metrics", None),
    ];
    let agent = Arc::new(Agent::start());
    silence(&agent).await;
    let (mut there, mut before) = (0, [Duration::ZERO; 6]);
    for n in SIZES {
        let took = post(&agent, there, n).await;
        let seen = shown(&agent, n).await;
        let rate = f64::from(u32::try_from(n - there).unwrap_or(u32::MAX)) / took.as_secs_f64();
        there = n;
        println!(
            "{n} alerts: posted at {rate:.0} a second, each stored when answered; all shown {seen:.2?} after the last answer"
        );
        println!("| asked | median | bytes | growth |\n|---|---|---|---|");
        for (slot, (what, path, body)) in asked.iter().enumerate() {
            let (median, bytes) = agent.timed(path, *body).await;
            let growth = median.as_secs_f64() / before[slot].as_secs_f64();
            let growth = if before[slot].is_zero() { "-".to_owned() } else { format!("×{growth:.1}") };
            before[slot] = median;
            println!("| {what} | {median:.2?} | {bytes} | {growth} |");
        }
        println!();
    }
}
