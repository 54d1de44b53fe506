//! What a tick costs: nothing due, one client's changes, everything. Run with `cargo bench --bench agenda`.
//!
//! Prints the machine, medians, growth from size to size, and resident bytes per mirrored shift.
//! The world is seeded: the same numbers of shifts lie in the same places each time.

use std::{
    env, fs,
    hint::black_box,
    process::Command,
    time::{Duration, Instant as Stopwatch},
};

use chrono::TimeDelta;
use shiftwatch::{
    alerts::{
        alert::{AlertKey, AlertState},
        orders::{Ask, Inputs, Order},
        step::CatchUp,
    },
    config::Config,
    mirror::{Mirror, settings::Settings},
    model::{
        CaregiverId, ClientId, Instant, Shift, ShiftId, ShiftKey, ShiftRef, ShiftStatus, Visit, VisitTime,
        local_time::from_micros,
    },
    notify::voice::{Telling, Voice},
    pipeline,
    rules::{Scope, judge_all, ruleset::Ruleset},
    source::fetched::{Batch, Fetched, Read, Rows, Span},
    store::Store,
    watch::Watch,
};
use tokio::runtime::{Builder, Runtime};

/// Resident memory of this process, bytes. Each size runs in a process of its own, so that what one size freed does
/// not hide what the next one takes. The crate forbids the unsafe code that a counting allocator needs; this counts
/// the allocator's own waste too.
fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: usize = statm.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * 4096
}

const SHIFTS_PER_CLIENT: usize = 25;

fn now() -> Instant {
    from_micros(1_783_342_800 * 1_000_000)
}

/// Twelve rules; what is not a page waits in its group, so that the quiet tick meets alerts of every kind.
const CONFIG: &str = "
agencies:
  - name: main
    title: CCA
    timezone: America/Denver
    wellsky: { base_url: 'http://127.0.0.1:9', agency_id: '1', client_id: bench, client_secret: bench }
rule_files: [rules.yml]
global: { smtp_smarthost: '127.0.0.1:9', smtp_from: watch@example.com, smtp_require_tls: false }
route:
  receiver: office
  group_by: [agency, shift]
  group_wait: 0s
  routes: [ { matchers: ['severity=\"info\"'], receiver: office, group_by: [agency], group_wait: 24h } ]
receivers: [ { name: office, email_configs: [ { to: office@example.com } ] } ]
";
const RULES: &str = "
groups:
  - name: bench
    rules:
      - { alert: Uncovered7d, uncovered_shift: { within: 168h }, labels: { severity: info } }
      - { alert: Uncovered72h, uncovered_shift: { within: 72h }, labels: { severity: warning } }
      - { alert: Uncovered4h, uncovered_shift: { within: 4h }, labels: { severity: page } }
      - { alert: UncoveredNow, uncovered_shift: { within: 0s }, labels: { severity: critical } }
      - { alert: MissedCheckIn10, missed_check_in: { after: 10m }, labels: { severity: warning } }
      - { alert: MissedCheckIn15, missed_check_in: { after: 15m }, labels: { severity: page } }
      - { alert: NoShow, no_show: { after: 30m }, labels: { severity: critical } }
      - { alert: MissedCheckOut, missed_check_out: { after: 30m }, labels: { severity: warning } }
      - { alert: Runaway, runaway_visit: { after: 4h, longest: 16h }, labels: { severity: warning } }
      - { alert: ApiErrors, api_errors: { ratio: 0.1, over: 10m }, labels: { severity: warning } }
      - { alert: Blind, blind: { after: 10m, idle: 1h }, labels: { severity: page } }
      - { alert: SourceAnomaly, source_anomaly: {}, labels: { severity: warning } }
";

/// One client's shifts over a week; 5 % are uncovered, those that run have been checked in to.
fn schedule(client: usize) -> Vec<Shift> {
    (0..SHIFTS_PER_CLIENT)
        .map(|i| {
            let n = client * SHIFTS_PER_CLIENT + i;
            // Spread over the week around `now`, on quarter hours.
            let quarter = i64::try_from((n * 2_654_435_761) % (7 * 96)).unwrap_or(0) - 96;
            let start = now() + TimeDelta::minutes(15 * quarter);
            Shift {
                key: ShiftKey {
                    start,
                    client: client_id(client),
                    id: ShiftRef::Vendor(ShiftId::new(format!("9{n:07}"))),
                },
                end: start + TimeDelta::hours(4),
                caregiver: (!n.is_multiple_of(20)).then(|| CaregiverId::new(format!("8{:06}", n % 4_001))),
                status: ShiftStatus::Active(Some("SCHEDULED".into())),
            }
        })
        .collect()
}

fn client_id(i: usize) -> ClientId {
    ClientId::new(format!("7{i:06}"))
}

fn fetched(read: Read, batch: Batch, at: Instant) -> Fetched {
    Fetched {
        agency: "main".into(),
        read,
        started_at: at,
        finished_at: at,
        outcome: Ok(Rows { batch, complete: true, rejected: Vec::new() }),
        shift_tasks: Vec::new(),
        requests: Vec::new(),
    }
}

fn span() -> Span {
    Span { from: now() - TimeDelta::days(8), until: now() + TimeDelta::days(8) }
}

fn world(n_shifts: usize) -> Mirror {
    let mut mirror = Mirror::new(Settings::new("main".into(), chrono_tz::America::Denver), now() - TimeDelta::hours(1));
    let mut visits = Vec::new();
    for client in 0..n_shifts / SHIFTS_PER_CLIENT {
        let shifts = schedule(client);
        for shift in &shifts {
            if shift.start() <= now() && shift.caregiver.is_some() {
                let id = format!("5{}", shift.key.id);
                visits.push(Visit {
                    id: id.as_str().into(),
                    client: Some(shift.key.client.clone()),
                    caregiver: shift.caregiver.clone(),
                    shift: match &shift.key.id {
                        ShiftRef::Vendor(id) => Some(id.clone()),
                        ShiftRef::Ordinal { .. } => None,
                    },
                    check_in: Some(VisitTime::Instant(shift.start())),
                    check_out: (shift.end <= now()).then_some(VisitTime::Instant(shift.end)),
                    status: None,
                });
            }
        }
        let read = Read::Shifts { client: client_id(client), span: span(), confirming: false };
        drop(mirror.apply(&fetched(read, Batch::Shifts(shifts), now()), now()));
    }
    let read = Read::Visits { client: None, span: span(), confirming: false };
    drop(mirror.apply(&fetched(read, Batch::Visits(visits), now()), now()));
    mirror
}

/// One agency under watch, with everything a tick of the program has: rules, book, agenda, store.
struct Bench {
    runtime: Runtime,
    store: Store,
    telling: Telling,
    watch: Watch,
}

impl Bench {
    #[expect(clippy::expect_used, reason = "a benchmark that cannot run says why and stops")]
    fn new(mirror: Mirror) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the configuration");
        let file = folder.path().join("shiftwatch.yml");
        fs::write(&file, CONFIG).expect("writable");
        fs::write(folder.path().join("rules.yml"), RULES).expect("writable");
        let (config, _) = Config::load(Some(&file), &|_| None).unwrap_or_else(|faults| {
            let said: Vec<String> = faults.iter().map(ToString::to_string).collect();
            unreachable!("the bench's own configuration is sound: {}", said.join("; "))
        });
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let store = runtime.block_on(Store::in_memory()).expect("a store in memory");
        let agency = &config.agencies[0];
        let mut loaded = runtime.block_on(store.load(&agency.name)).expect("an empty store");
        loaded.catch_up = Some(CatchUp::Done);
        let ruleset = std::sync::Arc::new(Ruleset::of_agency(&config.rules, false));
        let mut watch = Watch::restore(agency, loaded, ruleset, config.policy.clone(), now());
        // Its ticks are hours apart and are no standstill.
        watch.standstill = TimeDelta::days(366);
        watch.mirror = mirror;
        let voice = Voice {
            title: agency.title.clone(),
            zone: agency.timezone,
            location_zones: std::collections::HashMap::new(),
            clock_12h: false,
        };
        let telling = Telling {
            voices: [(agency.name.clone(), voice.clone())].into(),
            installation: voice,
            external_url: None,
            shadow: None,
        };
        Self { runtime, store, telling, watch }
    }

    /// One tick of the program, all of it. True when it decided nothing.
    #[expect(clippy::expect_used, reason = "a benchmark that cannot run says why and stops")]
    fn tick(&mut self, inputs: &Inputs, at: Instant) -> bool {
        let tick = pipeline::tick(&mut self.watch, &self.store, &self.telling, inputs, &[], at);
        self.runtime.block_on(tick).expect("a store in memory takes everything").is_idle()
    }

    /// Ticks until there is nothing left to decide at `at`.
    fn settle(&mut self, at: Instant) {
        for _ in 0..10_000 {
            if self.tick(&Inputs::default(), at) {
                return;
            }
        }
        unreachable!("ten thousand steps settle a million shifts");
    }

    /// Every seventh page gets an owner.
    fn acknowledge_some(&mut self, at: Instant) {
        let pages = self.watch.book.alerts().filter(|alert| {
            matches!(alert.state, AlertState::Firing { .. })
                && alert.labels.get("severity").is_some_and(|severity| severity == "page")
        });
        let keys: Vec<_> = pages.step_by(7).map(|alert| alert.key.clone()).collect();
        for (round, keys) in keys.chunks(4_000).enumerate() {
            let order = |(n, key): (usize, &AlertKey)| Order {
                n: i64::try_from(round * 4_000 + n + 1).unwrap_or(i64::MAX),
                at,
                ask: Ask::Acknowledge {
                    key: key.clone(),
                    by: "night-1".to_owned(),
                    note: String::new(),
                    until: at + TimeDelta::hours(1),
                },
            };
            let orders = keys.iter().enumerate().map(order).collect();
            self.tick(&Inputs { orders, receipts: Vec::new() }, at);
        }
        self.settle(at);
    }

    /// Firing and told, acknowledged, waiting in a group.
    fn alerts(&self) -> (usize, usize, usize) {
        let mut counts = (0, 0, 0);
        for alert in self.watch.book.alerts() {
            match alert.state {
                AlertState::Acknowledged { .. } => counts.1 += 1,
                AlertState::Firing { .. } if alert.told.is_empty() => counts.2 += 1,
                AlertState::Firing { .. } => counts.0 += 1,
                AlertState::Pending { .. } | AlertState::Resolved { .. } => {}
            }
        }
        counts
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn machine() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown", |m| m.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    format!("{model}, {cores} cores")
}

#[expect(clippy::expect_used, reason = "a benchmark that cannot run says why and stops")]
fn main() {
    let arguments: Vec<String> = env::args().collect();
    if let Some(n) = arguments.iter().position(|a| a == "--shifts").and_then(|i| arguments.get(i + 1)?.parse().ok()) {
        println!("{}", one_size(n));
        return;
    }
    println!("machine: {}", machine());
    println!(
        "rules: 12; {SHIFTS_PER_CLIENT} shifts a client, 5 % uncovered; seeded world; a tick is pipeline::tick, all of it\n"
    );
    println!(
        "| shifts | bytes a shift (mirror) | all in (rules, alerts, agenda, book) | cold judge | alerts told / owned / in group_wait | \
         tick, nothing due (median, p99) | one client's read | tick after it, with its commit (in memory) |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let mut ticks: Vec<(usize, f64)> = Vec::new();
    for n in [1_000, 10_000, 100_000, 1_000_000] {
        let exe = env::current_exe().expect("this program has a path");
        let out = Command::new(exe).args(["--shifts", &n.to_string()]).output().expect("this program can be run");
        let text = String::from_utf8_lossy(&out.stdout);
        let (row, tick) = text.trim().split_once('\t').expect("the child prints its row and its tick");
        println!("{row}");
        ticks.push((n, tick.parse().expect("nanoseconds")));
    }
    println!();
    for pair in ticks.windows(2) {
        let [(from, before), (to, after)] = pair else { continue };
        println!("growth of a tick with nothing due, {from} -> {to} shifts: x{:.2}", after / before);
    }
    println!("goal: at most x1.2 from 10 000 to 100 000; at most 1024 bytes a shift");
}

/// A row of the table, a tab, and the quiet tick in nanoseconds.
#[expect(clippy::cast_precision_loss, reason = "printed figures")]
fn one_size(n: usize) -> String {
    let before = resident();
    let mirror = world(n);
    let mirrored = resident().saturating_sub(before);
    let mut bench = Bench::new(mirror);

    let rounds = if n >= 1_000_000 { 3 } else { 5 };
    let cold = median(
        (0..rounds)
            .map(|_| {
                let watch = &bench.watch;
                let open = |_: &_, _: &_| false;
                let scope = Scope {
                    ruleset: &watch.ruleset,
                    mirror: &watch.mirror,
                    ledger: &watch.ledger,
                    gateways: &[],
                    on_call: &[],
                    open: &open,
                    now: now(),
                };
                let stopwatch = Stopwatch::now();
                black_box(judge_all(&scope, []));
                stopwatch.elapsed()
            })
            .collect(),
    );

    // Everything is judged, what pages is looked at a second time (nobody answers: it is told as unconfirmed), told.
    bench.settle(now());
    let told_at = now() + TimeDelta::seconds(90);
    bench.settle(told_at);
    bench.acknowledge_some(told_at);
    let held = resident().saturating_sub(before);
    let (told, owned, waiting) = bench.alerts();

    // Nothing due and nothing changed, with all of these open. What is due once a minute is not what is measured.
    let quiet_at = told_at + TimeDelta::milliseconds(1);
    bench.settle(quiet_at);
    let mut times: Vec<_> = (0..10_001)
        .map(|_| {
            let stopwatch = Stopwatch::now();
            let idle = black_box(bench.tick(&Inputs::default(), quiet_at));
            let took = stopwatch.elapsed();
            assert!(idle, "nothing is due");
            took
        })
        .collect();
    times.sort_unstable();
    let p99 = times[times.len() * 99 / 100];
    let quiet = median(times);

    // One client is read again, one of its shifts lost its caregiver.
    let mut reads = Vec::new();
    let mut after = Vec::new();
    for round in 0..201_usize {
        let client = (round * 7_919) % (n / SHIFTS_PER_CLIENT);
        let mut rows = schedule(client);
        rows[round % SHIFTS_PER_CLIENT].caregiver = None;
        let read = Read::Shifts { client: client_id(client), span: span(), confirming: false };
        let fetched = fetched(read, Batch::Shifts(rows), quiet_at);
        let stopwatch = Stopwatch::now();
        let applied = bench.watch.mirror.apply(&fetched, quiet_at);
        bench.watch.changes.absorb(applied.changes);
        reads.push(stopwatch.elapsed());
        let stopwatch = Stopwatch::now();
        bench.tick(&Inputs::default(), quiet_at);
        after.push(stopwatch.elapsed());
    }
    format!(
        "| {n} | {} | {} | {cold:.1?} ({:.0} ns a shift) | {told} / {owned} / {waiting} | {quiet:.1?}, {p99:.1?} | {:.1?} | {:.1?} |\t{}",
        mirrored / n,
        held / n,
        cold.as_secs_f64() * 1e9 / n as f64,
        median(reads),
        median(after),
        quiet.as_nanos()
    )
}
