//! The same searches over HTTP: the real router on loopback, one connection kept alive, somebody who signed in, each look
//! written to a store on the disk before it is answered.

use std::{
    collections::HashMap,
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant as Stopwatch},
};

use chrono::TimeDelta;
use chrono_tz::America::Denver;
use futures::future::BoxFuture;
use shiftwatch::{
    board::people::{Names, Who},
    clock::{Clock, real_now},
    config::StoreUrl,
    http::{
        self, Audit, Lookup, People, Web,
        briefing::NoBriefings,
        local_key::LocalKey,
        lookup::{CANDIDATES_MAX, FoundPeople, ShiftsWish},
        orders::StoreFault,
        records::RecordsFault,
    },
    metrics::Metrics,
    mirror::{Mirror, settings::Settings},
    model::{
        AgencyName, Caregiver, Client, Instant, Shift, ShiftId, ShiftKey, ShiftRef, ShiftStatus,
        local_time::from_micros,
    },
    notify::voice::{Telling, Voice},
    pulse::Pulses,
    report::{
        audit::{AuditLog, AuditRow},
        cover::{Past, Terms, cover},
        lookup::{Freshness, Kind, index::Index, profile::FoundProfile, shifts::FoundShifts},
    },
    source::fetched::{Batch, Extent, Fetched, Read, Rows, Span},
    store::Store,
    view::{ConfigView, OutboxView, RoutingView, View, publish},
};
use tokio::{net::TcpListener, sync::watch};

use crate::nobody::Nobody;

const KEY: [u8; 32] = [7; 32];
/// Enough for a hundredth of them to be a number of requests.
const REQUESTS_MAX: usize = 3_000;
/// A week behind and a fortnight ahead are in a profile: a shift a day.
const DAYS: std::ops::Range<i64> = -7..14;

/// Mon 2026-07-06 13:00 UTC, 07:00 in Denver.
fn noon() -> Instant {
    from_micros(1_783_342_800 * 1_000_000)
}

/// What the requests took, sorted.
pub fn measure(clients: &[Client], caregivers: &[Caregiver], asked: &[String]) -> Vec<Duration> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(ask(clients, caregivers, asked))
}

/// What it takes to say who could take a shift, the median of nine.
pub fn cover_once(clients: &[Client], caregivers: &[Caregiver]) -> Duration {
    let mirror = mirror(clients, caregivers);
    let entry = mirror.shifts().iter().find(|entry| entry.shift.start() > noon()).expect("a shift");
    let mut took: Vec<Duration> = (0..9)
        .map(|_| {
            let stopwatch = Stopwatch::now();
            black_box(cover(&mirror, &Terms::default(), &Past::default(), entry, noon()));
            stopwatch.elapsed()
        })
        .collect();
    took.sort_unstable();
    took[4]
}

async fn ask(clients: &[Client], caregivers: &[Caregiver], asked: &[String]) -> Vec<Duration> {
    let folder = tempfile::tempdir().expect("a folder");
    let url = StoreUrl::Sqlite(folder.path().join("bench.db"));
    let store = Store::open(&url, real_now()).await.expect("a store");
    let office = Arc::new(Office { index: Index::of(clients, caregivers), mirror: mirror(clients, caregivers), store });
    let (_writer, reader) = publish(view());
    let (_stop, closing) = watch::channel(false);
    let access = Arc::new(http::Access::new(None).with_local_key(LocalKey::new(&KEY)));
    let web = Web {
        view: reader,
        pulses: Arc::new(Pulses::new(noon())),
        metrics: Arc::new(Metrics::new()),
        orders: Arc::new(Nobody),
        silencing: Arc::new(Nobody),
        people: Arc::new(Nobody),
        details: Arc::new(Nobody),
        gallery: Arc::default(),
        open: Arc::default(),
        closing,
        records: Arc::new(Nobody),
        hours: Arc::new(http::hours::NoHours),
        briefings: Arc::new(NoBriefings),
        clock: Clock::manual(noon()),
        access: Arc::clone(&access),
        audit: Arc::clone(&office) as Arc<dyn Audit>,
        lookup: Arc::clone(&office) as Arc<dyn Lookup>,
        hooks: None,
        vendor: Arc::new(http::vendor::NoVendor),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/api/v1/lookup", listener.local_addr().expect("an address"));
    tokio::spawn(http::serve(listener, http::router(web), access, std::future::pending()));
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let key = LocalKey::new(&KEY);
    let mut took = Vec::new();
    for (n, asked) in asked.iter().take(REQUESTS_MAX).enumerate() {
        let request = client.post(&url).header("authorization", key.prove("bench", real_now()));
        let request = request.json(&serde_json::json!({ "q": asked }));
        let stopwatch = Stopwatch::now();
        let answer = request.send().await.expect("an answer");
        let (status, body) = (answer.status(), answer.text().await.expect("all of it"));
        let elapsed = stopwatch.elapsed();
        assert!(status.is_success() && body.contains("\"candidates\""), "{status}: {body}");
        assert!(!body.contains("sign_in"), "names are shown: {body}");
        // The first ones open the connection and fill caches.
        if n >= 20 {
            took.push(elapsed);
        }
    }
    took.sort_unstable();
    took
}

fn fetched(read: Read, batch: Batch) -> Fetched {
    let outcome = Ok(Rows { batch, complete: true, rejected: Vec::new() });
    Fetched {
        agency: "main".into(),
        read,
        started_at: noon(),
        finished_at: noon(),
        outcome,
        shift_tasks: Vec::new(),
        requests: Vec::new(),
    }
}

fn mirror(clients: &[Client], caregivers: &[Caregiver]) -> Mirror {
    let mut mirror = Mirror::new(Settings::new("main".into(), Denver), noon() - TimeDelta::hours(1));
    drop(mirror.apply(&fetched(Read::Clients(Extent::Full), Batch::Clients(clients.to_vec())), noon()));
    drop(mirror.apply(&fetched(Read::Caregivers(Extent::Full), Batch::Caregivers(caregivers.to_vec())), noon()));
    let span = Span { from: noon() - TimeDelta::days(8), until: noon() + TimeDelta::days(31) };
    for (n, client) in clients.iter().enumerate() {
        let shifts = DAYS.map(|day| {
            let start = noon() + TimeDelta::days(day);
            Shift {
                key: ShiftKey {
                    start,
                    client: client.id.clone(),
                    id: ShiftRef::Vendor(ShiftId::new(format!("9{n:06}{:02}", day + 7))),
                },
                end: start + TimeDelta::hours(4),
                caregiver: Some(caregivers[n % caregivers.len()].id.clone()),
                status: ShiftStatus::Active(Some("SCHEDULED".into())),
            }
        });
        let read = Read::Shifts { client: client.id.clone(), span, confirming: false };
        drop(mirror.apply(&fetched(read, Batch::Shifts(shifts.collect())), noon()));
    }
    mirror
}

fn view() -> View {
    let installation =
        Voice { title: "CCA".to_owned(), zone: Denver, location_zones: HashMap::new(), clock_12h: false };
    View {
        at: noon(),
        started_at: noon(),
        agencies: Vec::new(),
        alerts: Vec::new(),
        rules: Vec::new(),
        told: Vec::new(),
        routing: RoutingView::default(),
        shadow_until: None,
        telling: Arc::new(Telling { voices: HashMap::new(), installation, external_url: None, shadow: None }),
        outbox: Some(OutboxView::default()),
        config: ConfigView { file: None, original: Arc::from(""), loaded_at: noon(), refused_at: None },
        on_call: Arc::default(),
        ready: Ok(()),
    }
}

/// The people, their shifts, and where each look is written down.
struct Office {
    index: Index,
    mirror: Mirror,
    store: Store,
}

impl Lookup for Office {
    fn find<'a>(&'a self, _: Option<&'a str>, asked: &'a str, ids_only: bool) -> BoxFuture<'a, FoundPeople> {
        let (hits, n) = if ids_only { (self.index.by_id(asked), 0) } else { self.index.find(asked, CANDIDATES_MAX) };
        let roster = Some(Freshness { as_of: Some(noon()), complete: true });
        let people = hits.into_iter().map(|hit| (AgencyName::from("main"), String::new(), hit)).collect();
        Box::pin(std::future::ready(FoundPeople { people, n, roster }))
    }

    fn profile<'a>(&'a self, _: Option<&'a str>, kind: Kind, id: &'a str) -> BoxFuture<'a, Option<FoundProfile>> {
        Box::pin(std::future::ready(FoundProfile::of(&self.mirror, kind, id, noon())))
    }

    fn shifts(&self, _: ShiftsWish) -> BoxFuture<'_, FoundShifts> {
        let freshness = Freshness { as_of: None, complete: false };
        Box::pin(std::future::ready(FoundShifts { shifts: Vec::new(), n: 0, freshness }))
    }
}

impl Audit for Office {
    fn write(&self, rows: Vec<AuditRow>) -> BoxFuture<'_, Result<(), StoreFault>> {
        Box::pin(async move { self.store.audit(rows).await.map_err(|fault| StoreFault { why: fault.to_string() }) })
    }

    fn log(&self, from: Instant, until: Instant) -> BoxFuture<'_, Result<AuditLog, RecordsFault>> {
        Box::pin(async move { Ok(AuditLog { from, until, rows: Vec::new(), complete: true }) })
    }

    fn now(&self) -> Instant {
        noon()
    }
}

impl People for Nobody {
    fn look_up(&self, _: Vec<Who>) -> BoxFuture<'_, Names> {
        Box::pin(async { Names::default() })
    }
}
