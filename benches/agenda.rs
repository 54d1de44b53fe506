//! What a tick costs: nothing due, one client's changes, everything. Run with `cargo bench --bench agenda`.
//!
//! Prints the machine, medians, growth from size to size, and resident bytes per mirrored shift.
//! The world is seeded: the same numbers of shifts lie in the same places each time.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    hint::black_box,
    process::Command,
    time::{Duration, Instant as Stopwatch},
};

use chrono::TimeDelta;
use shiftwatch::{
    agenda::Agenda,
    mirror::{Mirror, changes::Changes, settings::Settings},
    model::{
        CaregiverId, ClientId, Instant, Shift, ShiftId, ShiftKey, ShiftRef, ShiftStatus, Subject, Visit, VisitTime,
        local_time::from_micros,
    },
    rules::{
        Judged, Ledger, Ruleset, Scope,
        finding::{RuleId, Verdict},
        judge, judge_all,
        rule::{Kind, Rule},
    },
    source::fetched::{Batch, Fetched, Read, Rows, Span},
};

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

fn rules() -> Vec<Rule> {
    let m = Duration::from_mins;
    let within =
        |hours: u64| Kind::UncoveredShift { within: Duration::from_hours(hours), written: format!("{hours}h") };
    let kinds = [
        within(72),
        within(24),
        within(4),
        within(0),
        Kind::MissedCheckIn { after: m(10) },
        Kind::MissedCheckIn { after: m(15) },
        Kind::NoShow { after: m(30) },
        Kind::MissedCheckOut { after: m(30) },
        Kind::RunawayVisit { after: m(240), longest: m(960) },
        Kind::ApiErrors { ratio: 0.1, over: m(10) },
        Kind::Blind { after: m(10), idle: m(60) },
        Kind::SourceAnomaly,
    ];
    let rules = kinds.into_iter().enumerate().map(|(i, kind)| Rule {
        id: RuleId::new(format!("bench/rule-{i}")),
        group: "bench".to_owned(),
        alert: format!("rule-{i}"),
        kind,
        for_: Duration::ZERO,
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        where_: None,
        max_data_age: None,
    });
    rules.collect()
}

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

struct Watch {
    mirror: Mirror,
    ruleset: Ruleset,
    ledger: Ledger,
    agenda: Agenda,
    open: BTreeSet<(RuleId, Subject)>,
}

impl Watch {
    fn scope<'a>(&'a self, open: &'a dyn Fn(&RuleId, &Subject) -> bool, now: Instant) -> Scope<'a> {
        Scope { ruleset: &self.ruleset, mirror: &self.mirror, ledger: &self.ledger, gateways: &[], open, now }
    }

    fn absorb(&mut self, judged: Judged) {
        for finding in judged.findings {
            if matches!(finding.verdict, Verdict::Broken(_)) {
                self.open.insert((finding.rule, finding.subject));
            }
        }
        for wake in judged.wakes {
            self.agenda.set(wake);
        }
        self.ledger.absorb(judged.ledger);
    }

    fn is_open(&self, rule: &RuleId, subject: &Subject) -> bool {
        self.open.contains(&(rule.clone(), subject.clone()))
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
    println!("rules: {}; {SHIFTS_PER_CLIENT} shifts a client, 5 % uncovered; seeded world\n", rules().len());
    println!(
        "| shifts | bytes a shift (mirror) | with agenda and ledger | cold judge | open alerts | tick, nothing due | \
         one client's read | tick after it |"
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
    let mut watch = Watch {
        mirror,
        ruleset: Ruleset::new(rules()),
        ledger: Ledger::default(),
        agenda: Agenda::new(),
        open: BTreeSet::new(),
    };
    let judged = judge_all(&watch.scope(&|_, _| false, now()), []);
    let before_agenda = resident();
    for wake in &judged.wakes {
        watch.agenda.set(wake.clone());
    }
    let with_agenda = mirrored + resident().saturating_sub(before_agenda);
    watch.absorb(judged);

    let rounds = if n >= 1_000_000 { 3 } else { 5 };
    let cold = median(
        (0..rounds)
            .map(|_| {
                let open = |_: &RuleId, _: &Subject| false;
                let watchdog = Stopwatch::now();
                black_box(judge_all(&watch.scope(&open, now()), []));
                watchdog.elapsed()
            })
            .collect(),
    );

    // Nothing due and nothing changed, with the alerts open.
    let quiet_at = now() + TimeDelta::milliseconds(1);
    let none = Changes::default();
    let tick = |watch: &Watch, changes: &Changes| {
        let open = |rule: &RuleId, subject: &Subject| watch.is_open(rule, subject);
        let watchdog = Stopwatch::now();
        let due: Vec<&Subject> = watch.agenda.due_subjects(quiet_at).collect();
        let judged = black_box(judge(&watch.scope(&open, quiet_at), changes, due));
        (watchdog.elapsed(), judged.n_judged)
    };
    let times: Vec<_> = (0..10_001).map(|_| tick(&watch, &none).0).collect();
    let (_, n_judged) = tick(&watch, &none);
    assert_eq!(n_judged, 0, "nothing is due");
    let quiet = median(times);

    // One client is read again, one of its shifts lost its caregiver.
    let mut reads = Vec::new();
    let mut after = Vec::new();
    for round in 0..201_usize {
        let client = (round * 7_919) % (n / SHIFTS_PER_CLIENT);
        let mut rows = schedule(client);
        rows[round % SHIFTS_PER_CLIENT].caregiver = None;
        let at = now() + TimeDelta::milliseconds(1);
        let read = Read::Shifts { client: client_id(client), span: span(), confirming: false };
        let fetched = fetched(read, Batch::Shifts(rows), at);
        let watchdog = Stopwatch::now();
        let applied = watch.mirror.apply(&fetched, at);
        reads.push(watchdog.elapsed());
        after.push(tick(&watch, &applied.changes).0);
    }
    format!(
        "| {n} | {} | {} | {cold:.1?} ({:.0} ns a shift) | {} | {quiet:.1?} | {:.1?} | {:.1?} |\t{}",
        mirrored / n,
        with_agenda / n,
        cold.as_secs_f64() * 1e9 / n as f64,
        watch.open.len(),
        median(reads),
        median(after),
        quiet.as_nanos()
    )
}
