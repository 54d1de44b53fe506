//! What the outbox costs: orders stored, messages decided, messages at their gateways, all durable.
//!
//! `cargo bench --bench outbox`. The gateways run in a process of their own, so that the CPU time is the agent's.
//! Every id is counted at the gateway. The path, its measured sync time and the seed are printed.

#![allow(clippy::unwrap_used, clippy::cast_precision_loss, missing_docs, reason = "a benchmark")]

#[path = "../tests/outbox/gateway.rs"]
mod gateway;

use std::{
    collections::HashSet,
    fs::File,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use shiftwatch::{
    alerts::{
        alert::Labels,
        orders::Ask,
        step::{Delta, Why},
    },
    clock::{Clock, real_now},
    config::StoreUrl,
    mirror::row::{MirrorDelta, MirrorRow},
    model::{AgencyName, Phi, Section},
    notify::{
        channel::{ChannelSettings, Channels},
        deliver::{Deliverer, DelivererParts},
        message::{Channel, Content, Message, MessageId, SmtpTarget},
        receiver::{SmsGateway, SmsGatewayKind, TwilioAccount},
        telling::Telling,
    },
    pulse::Pulses,
    store::{Commit, Store},
};
use tokio::sync::{Notify, watch};

use gateway::{Gateway, MailServer};

const N: usize = 10_000;
/// A step's bound on transitions, so also on what one commit decides.
const STEP: usize = 5_000;
const SEED: u64 = 1;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    if std::env::args().any(|argument| argument == "--gateways") {
        runtime.block_on(gateways());
        return;
    }
    runtime.block_on(async {
        let folder = place();
        println!("folder {}, seed {SEED}", folder.path().display());
        println!("sync of one 4 KiB page: median {:.3} ms, p99 {:.3} ms", sync(folder.path()).0, sync(folder.path()).1);
        orders(folder.path()).await;
        cold_start(folder.path()).await;
        for channel in [Channel::Sms, Channel::Webhook, Channel::Email] {
            burst(folder.path(), channel).await;
            steady(folder.path(), channel).await;
        }
    });
}

/// A folder on the disk that holds the build, not one in memory.
fn place() -> tempfile::TempDir {
    let target = std::env::current_exe().unwrap().parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf);
    tempfile::tempdir_in(target).unwrap()
}

fn sync(folder: &Path) -> (f64, f64) {
    let mut file = File::create(folder.join("sync")).unwrap();
    let times = (0..300).map(|_| {
        let begun = Instant::now();
        file.write_all(&[7; 4096]).unwrap();
        file.sync_data().unwrap();
        begun.elapsed().as_secs_f64() * 1e3
    });
    let times = sorted(times.collect());
    (at(&times, 0.5), at(&times, 0.99))
}

fn sorted(mut times: Vec<f64>) -> Vec<f64> {
    times.sort_by(f64::total_cmp);
    times
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
fn at(sorted: &[f64], share: f64) -> f64 {
    sorted
        .get(((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1)))
        .copied()
        .unwrap_or(f64::NAN)
}

/// This process's CPU seconds.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks: f64 = stat
        .rsplit(')')
        .next()
        .unwrap_or("")
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|n| n.parse().unwrap_or(0.0))
        .sum();
    ticks / 100.0
}

/// Posted alerts, each its own order, answered only when on the disk.
async fn orders(folder: &Path) {
    let store = open(folder, "orders").await;
    let agency = AgencyName::new("main");
    for (shows, n_at_once) in [("64 at once", 64), ("1 000 at once", 1_000), ("all at once", N)] {
        let (begun, cpu_begun) = (Instant::now(), cpu());
        let each = N / n_at_once;
        let tasks: Vec<_> = (0..n_at_once)
            .map(|task| {
                let (store, agency) = (store.clone(), agency.clone());
                tokio::spawn(async move {
                    let mut times = Vec::with_capacity(each);
                    for n in 0..each {
                        let begun = Instant::now();
                        store.put_orders(&agency, real_now(), vec![post(task * each + n)]).await.unwrap();
                        times.push(begun.elapsed().as_secs_f64() * 1e3);
                    }
                    times
                })
            })
            .collect();
        let mut times = Vec::with_capacity(N);
        for task in tasks {
            times.extend(task.await.unwrap());
        }
        let seconds = begun.elapsed().as_secs_f64();
        let (n, times) = (times.len(), sorted(times));
        println!(
            "orders, {shows}: {:.0}/s stored, p50 {:.1} ms, p99 {:.1} ms, CPU {:.0} us each",
            n as f64 / seconds,
            at(&times, 0.5),
            at(&times, 0.99),
            (cpu() - cpu_begun) / n as f64 * 1e6
        );
    }
    let inputs = store.pending_inputs(&agency).await.unwrap();
    assert_eq!(inputs.orders.len(), 5_000, "a step takes no more at once");
    store.close().await;
}

fn post(n: usize) -> Ask {
    let label = |name: &str, value: String| (name.to_owned(), value);
    Ask::Post {
        labels: Labels::from([
            label("alertname", "InstanceDown".into()),
            label("instance", format!("host-{n}.example.com:9100")),
            label("severity", "page".into()),
        ]),
        annotations: Labels::from([label("summary", format!("host {n} is down"))]),
        starts_at: real_now(),
        ends_at: None,
        generator_url: "http://prometheus.example.com/graph".into(),
    }
}

async fn open(folder: &Path, name: &str) -> Store {
    Store::open(&StoreUrl::Sqlite(folder.join(format!("{name}.db"))), real_now()).await.unwrap()
}

/// A hundred thousand shifts stored, then read back as a start does.
async fn cold_start(folder: &Path) {
    let n_shifts = 100_000;
    let store = open(folder, "cold").await;
    let agency = AgencyName::new("main");
    let begun = Instant::now();
    for part in 0..10 {
        let row = |n: usize| MirrorRow {
            section: Some(Section::Shifts),
            key: format!("2026-11-30T07:00:00Z/{}/{n}", n / 20),
            body: format!(
                r#"{{"key":{{"start":"2026-11-30T07:00:00Z","client":"{}","id":{{"Vendor":"{n}"}}}},"end":"2026-11-30T11:00:00Z","caregiver":"9001","status":{{"Active":"BOOKED"}}}}"#,
                n / 20
            ),
            phi: None,
        };
        let upserts = (part * n_shifts / 10..(part + 1) * n_shifts / 10).map(row).collect();
        let delta = MirrorDelta { upserts, ..MirrorDelta::default() };
        store.save_mirror(&agency, delta, real_now()).await.unwrap();
    }
    let stored = begun.elapsed();
    store.close().await;
    let begun = Instant::now();
    let store = open(folder, "cold").await;
    let loaded = store.load(&agency).await.unwrap();
    assert_eq!(loaded.mirror.len(), n_shifts);
    println!("mirror: {n_shifts} rows stored in {stored:.2?}, opened and read back in {:.2?}", begun.elapsed());
    store.close().await;
}

/// Ten thousand messages decided at one instant: how fast they are stored, and how fast they are out.
async fn burst(folder: &Path, channel: Channel) {
    let mut gateways = Gateways::start();
    let mut line = Line::open(folder, &format!("burst-{channel}"), &gateways).await;
    let (begun, cpu_begun) = (Instant::now(), cpu());
    for step in 0..N / STEP {
        line.commit((step * STEP..(step + 1) * STEP).map(|n| message(channel, n, &gateways)).collect()).await;
    }
    let stored = begun.elapsed().as_secs_f64();
    line.drain().await;
    let seconds = begun.elapsed().as_secs_f64();
    let used = cpu() - cpu_begun;
    let seen = gateways.report();
    assert_eq!(seen.iter().map(|(id, _)| id.as_str()).collect::<HashSet<_>>().len(), N, "lost");
    assert_eq!(seen.len(), N, "doubled");
    println!(
        "{channel}, burst of {N}: stored {:.0}/s, sent and recorded {:.0}/s ({seconds:.2} s in all), CPU {:.0} us each; \
         all ids at the gateway once",
        N as f64 / stored,
        N as f64 / seconds,
        used / N as f64 * 1e6
    );
    line.close().await;
}

/// Two thousand a second in steps of twenty: from the decision to the gateway.
async fn steady(folder: &Path, channel: Channel) {
    let n_steps = 200;
    let mut gateways = Gateways::start();
    let mut line = Line::open(folder, &format!("steady-{channel}"), &gateways).await;
    let mut decided = Vec::new();
    let mut beat = tokio::time::interval(Duration::from_millis(10));
    for step in 0..n_steps {
        beat.tick().await;
        let messages: Vec<Message> = (step * 20..(step + 1) * 20).map(|n| message(channel, n, &gateways)).collect();
        decided.extend(messages.iter().map(|message| message.created_at.timestamp_micros()));
        line.commit(messages).await;
    }
    line.drain().await;
    let seen = gateways.report();
    assert_eq!(seen.len(), decided.len(), "every id once");
    let times = seen
        .iter()
        .map(|(id, at)| {
            let n: usize = id.trim_start_matches('m').parse().unwrap();
            (at - decided[n]) as f64 / 1e3
        })
        .collect();
    let times = sorted(times);
    println!(
        "{channel}, 2 000/s steady: decision to gateway p50 {:.1} ms, p99 {:.1} ms, worst {:.1} ms",
        at(&times, 0.5),
        at(&times, 0.99),
        at(&times, 1.0)
    );
    line.close().await;
}

/// A store with a running send loop.
struct Line {
    store: Store,
    nudge: Arc<Notify>,
    stop: watch::Sender<bool>,
    running: tokio::task::JoinHandle<()>,
    n: i64,
    _channels: watch::Sender<Arc<Channels>>,
}

impl Line {
    async fn open(folder: &Path, name: &str, gateways: &Gateways) -> Self {
        let store = open(folder, name).await;
        let settings = ChannelSettings {
            sms_gateways: vec![SmsGateway {
                name: "a".into(),
                kind: SmsGatewayKind::Twilio(TwilioAccount {
                    base_url: format!("http://{}", gateways.http),
                    account_sid: "AC1".into(),
                    auth_token: "secret".into(),
                    previous_auth_tokens: Vec::new(),
                    from: Some("+12025550100".into()),
                    messaging_service_sid: None,
                }),
            }],
            ..ChannelSettings::default()
        };
        let (sender, channels) = watch::channel(Arc::new(Channels::new(settings).unwrap()));
        let nudge = Arc::new(Notify::new());
        let parts = DelivererParts {
            store: store.clone(),
            channels,
            clock: Clock::System,
            telling: Arc::new(Telling::default()),
            nudge: Arc::clone(&nudge),
            texts_sent: Arc::new(Notify::new()),
            pulses: Arc::new(Pulses::new(Clock::System.now())),
            seed: SEED,
        };
        let (stop, stopped) = watch::channel(false);
        let running = tokio::spawn(Deliverer::new(parts).run(stopped));
        Self { store, nudge, stop, running, n: 0, _channels: sender }
    }

    async fn commit(&mut self, messages: Vec<Message>) {
        self.n += 1;
        let agency = AgencyName::new("main");
        let at = real_now();
        let commit = Commit {
            agency,
            fence: 0,
            n: self.n,
            at,
            delta: Delta::default(),
            messages,
            cancels: Vec::new(),
            mentions: Vec::new(),
            reminders: Vec::new(),
            edges_from: None,
        };
        self.store.commit(commit).await.unwrap();
        self.nudge.notify_one();
    }

    async fn drain(&self) {
        let mut beat = tokio::time::interval(Duration::from_millis(20));
        while !self.store.outbox_stats().await.unwrap().open.is_empty() {
            beat.tick().await;
        }
    }

    async fn close(self) {
        self.stop.send(true).unwrap();
        self.running.await.unwrap();
        self.store.close().await;
    }
}

fn message(channel: Channel, n: usize, gateways: &Gateways) -> Message {
    let name = format!("m{n}");
    let (address, content) = match channel {
        Channel::Sms => ("+12025550111".to_owned(), Content::Sms { text: name.clone() }),
        Channel::Call => ("+12025550111".to_owned(), Content::Call { text: name.clone(), code: None }),
        // A note has no address; it is written as a webhook's body is.
        Channel::Record | Channel::Webhook => {
            (format!("http://{}/hook", gateways.http), Content::Webhook { body: name.clone() })
        }
        Channel::Email => {
            let (host, port) = gateways.mail.rsplit_once(':').unwrap();
            let smarthost =
                SmtpTarget { host: host.into(), port: port.parse().unwrap(), require_tls: false, hello: None };
            let content = Content::Email {
                subject: "[FIRING] ShiftUncovered".into(),
                text: format!("Shift {n} has no caregiver.\n").repeat(10),
                html: format!("<p>Shift {n} has no caregiver.</p>\n").repeat(10),
                in_reply_to: None,
                message_id: format!("<{name}@example.com>"),
                from: "watch@example.com".into(),
                smarthost,
                enclosed: Vec::new(),
            };
            ("night@example.com".to_owned(), content)
        }
    };
    let now = real_now();
    Message {
        id: MessageId::from_stored(name),
        agency: AgencyName::new("main"),
        receiver: "on-call".into(),
        recipient: format!("{channel}/0/0"),
        channel,
        gateways: if channel == Channel::Sms { vec!["a".into()] } else { Vec::new() },
        address: Phi::new(address),
        content: Phi::new(content),
        why: Why::FirstFiring,
        urgency: 1,
        created_at: now,
        useful_until: now + TimeDelta::minutes(15),
        fired_at: now,
        follows: Vec::new(),
    }
}

/// The gateways' process.
struct Gateways {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    http: String,
    mail: String,
}

impl Gateways {
    fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("--gateways")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let (http, mail) = line.trim().split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        Self { child, stdin, stdout, http, mail }
    }

    /// What arrived: ids, and when, microseconds since 1970.
    fn report(&mut self) -> Vec<(String, i64)> {
        writeln!(self.stdin, "report").unwrap();
        let mut seen = Vec::new();
        loop {
            let mut line = String::new();
            self.stdout.read_line(&mut line).unwrap();
            match line.trim().split_once(' ') {
                Some((id, at)) => seen.push((id.to_owned(), at.parse().unwrap())),
                None => return seen,
            }
        }
    }
}

impl Drop for Gateways {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn gateways() {
    let (http, mail) = (Gateway::start().await, MailServer::start().await);
    println!("{} {}", http.address, mail.address);
    let mut line = String::new();
    tokio::task::spawn_blocking(move || std::io::stdin().read_line(&mut line)).await.unwrap().unwrap();
    let (began, began_at) = (Instant::now(), real_now());
    let mut out = std::io::BufWriter::new(std::io::stdout());
    let mut say = |id: &str, at: Instant| {
        let micros = began_at.timestamp_micros() - i64::try_from((began - at).as_micros()).unwrap();
        writeln!(out, "{id} {micros}").unwrap();
    };
    for taken in http.taken() {
        say(&taken.body, taken.at);
    }
    let (mails, times) = {
        let state = mail.state.lock().unwrap();
        (state.taken.clone(), state.taken_at.clone())
    };
    for (mail, at) in mails.iter().zip(&times) {
        let id = mail.split("Message-ID: <").nth(1).and_then(|rest| rest.split('@').next()).unwrap();
        say(id, *at);
    }
    writeln!(out, "end").unwrap();
    out.flush().unwrap();
    std::future::pending::<()>().await;
}
