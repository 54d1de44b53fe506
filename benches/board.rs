//! What looking costs: the picture's counts, the *Now* page, `/metrics`, and open boards. Run with
//! `cargo bench --bench board`.
//!
//! Prints the machine, medians, bytes and growth from size to size; then a real server on loopback with 0 and 200 open
//! boards, while an agency's tick runs beside it. The world is seeded.

use std::{
    collections::HashMap,
    fs,
    hint::black_box,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant as Stopwatch},
};

use chrono::TimeDelta;
use chrono_tz::America::Denver;
use futures::future::BoxFuture;
use nobody::Nobody;
use shiftwatch::{
    board::{
        Frame,
        now::{self, Asked},
        people::{Names, Person, Who},
    },
    clock::Clock,
    http::{
        self, Audit, Lookup, People, Web,
        briefing::NoBriefings,
        lookup::{FoundPeople, ShiftsWish},
        orders::StoreFault,
        records::RecordsFault,
    },
    metrics::Metrics,
    mirror::{
        Mirror,
        settings::{LocationName, Settings},
        today::Today,
    },
    model::{
        AgencyName, CaregiverId, Client, ClientId, Endpoint, Instant, LocationId, Section, Shift, ShiftId, ShiftKey,
        ShiftRef, ShiftStatus, local_time::from_micros,
    },
    notify::voice::{Telling, Voice},
    pulse::Pulses,
    report::{
        audit::{AuditLog, AuditRow},
        lookup::{Freshness, Kind, profile::FoundProfile, shifts::FoundShifts},
    },
    source::fetched::{Batch, Extent, Fetched, Read, Rows, Span},
    view::{
        AgencyView, Band, ConfigView, EndpointView, LocationCoverage, OutboxView, RoutingView, RuleView, SectionView,
        ShiftCounts, View, publish,
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};

mod nobody;

const SHIFTS_PER_CLIENT: usize = 3;
const LOCATIONS: usize = 12;
const BOARDS: usize = 200;
const BANDS: [(&str, u64); 4] = [("72h", 72), ("24h", 24), ("4h", 4), ("0s", 0)];

/// Mon 2026-07-06 13:00 UTC, 07:00 in Denver.
fn noon() -> Instant {
    from_micros(1_783_342_800 * 1_000_000)
}

fn client_id(i: usize) -> ClientId {
    ClientId::new(format!("7{i:06}"))
}

/// All of a client's shifts lie today: the worst day for a page.
fn schedule(client: usize) -> Vec<Shift> {
    (0..SHIFTS_PER_CLIENT)
        .map(|i| {
            let n = client * SHIFTS_PER_CLIENT + i;
            let quarter = i64::try_from((n * 2_654_435_761) % 64).unwrap_or(0) - 24;
            let start = noon() + TimeDelta::minutes(15 * quarter);
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

fn mirror(n_clients: usize) -> Mirror {
    let mut settings = Settings::new("main".into(), Denver);
    settings.locations = (0..LOCATIONS)
        .map(|n| LocationName { id: LocationId::new(n.to_string()), name: format!("branch-{n}"), timezone: None })
        .collect();
    let mut mirror = Mirror::new(settings, noon() - TimeDelta::hours(1));
    let roster = (0..n_clients).map(|n| Client {
        id: client_id(n),
        active: Some(true),
        is_client: Some(true),
        status: None,
        location: Some(LocationId::new((n % LOCATIONS).to_string())),
        tags: Vec::new(),
        vendor_agency: None,
        person: shiftwatch::model::Person::default(),
    });
    drop(mirror.apply(&fetched(Read::Clients(Extent::Full), Batch::Clients(roster.collect())), noon()));
    let span = Span { from: noon() - TimeDelta::days(8), until: noon() + TimeDelta::days(8) };
    for client in 0..n_clients {
        let read = Read::Shifts { client: client_id(client), span, confirming: false };
        drop(mirror.apply(&fetched(read, Batch::Shifts(schedule(client))), noon()));
    }
    drop(
        mirror
            .apply(&fetched(Read::Visits { client: None, span, confirming: false }, Batch::Visits(Vec::new())), noon()),
    );
    mirror
}

fn agency(name: &str, today: Arc<Today>, n_clients: usize) -> AgencyView {
    let coverage = (0..LOCATIONS).map(|n| LocationCoverage {
        location: format!("branch-{n}"),
        shifts: ShiftCounts { covered: 900, uncovered: 45, ..ShiftCounts::default() },
        uncovered: BANDS.iter().map(|(within, n)| Band { within: (*within).to_owned(), n: *n }).collect(),
        missed_check_ins: Some(3),
        open_visits: Some(100),
        scheduled: Duration::from_hours(3_600),
        worked: Some(Duration::from_hours(1_200)),
        unbillable: Some(Duration::ZERO),
    });
    AgencyView {
        name: AgencyName::from(name),
        title: "CCA".to_owned(),
        timezone: Denver,
        clock_12h: false,
        n_clients: Some(n_clients as u64),
        n_shifts_left_today: Some(today.shifts.len() as u64),
        last_read_at: Some(noon()),
        reminders: None,
        details: Vec::new(),
        sections: Section::ALL
            .into_iter()
            .map(|section| SectionView { section, as_of: Some(noon()), complete: true })
            .collect(),
        n_unjudged: 0,
        blind_since: None,
        n_blind_shifts: 0,
        catching_up_since: None,
        coverage: Some(coverage.collect()),
        today,
        detect_within: Duration::from_mins(5),
        requests_per_second: 2.0,
        promise: Some(Duration::from_mins(5)),
        sweep: Some(Duration::from_secs(61)),
        endpoints: Endpoint::ALL
            .into_iter()
            .map(|endpoint| EndpointView {
                endpoint,
                up: true,
                last_success_at: Some(noon()),
                failing_since: None,
                paused_until: None,
            })
            .collect(),
    }
}

fn view(agencies: Vec<AgencyView>) -> View {
    let installation =
        Voice { title: "CCA".to_owned(), zone: Denver, location_zones: HashMap::new(), clock_12h: false };
    View {
        at: noon(),
        started_at: noon(),
        agencies,
        alerts: Vec::new(),
        rules: ["ShiftUncovered", "MissedCheckIn", "NoShow", "Blind"]
            .map(|alert| RuleView { alert: alert.to_owned(), severity: "page".to_owned() })
            .into(),
        told: vec!["on-call".to_owned()],
        routing: RoutingView::default(),
        shadow_until: None,
        telling: Arc::new(Telling { voices: HashMap::new(), installation, external_url: None, shadow: None }),
        outbox: Some(OutboxView::default()),
        config: ConfigView { file: None, original: Arc::from(""), loaded_at: noon(), refused_at: None },
        on_call: Arc::default(),
        ready: Ok(()),
    }
}

impl People for Nobody {
    fn look_up(&self, wanted: Vec<Who>) -> BoxFuture<'_, Names> {
        Box::pin(async { names(wanted) })
    }
}

impl Audit for Nobody {
    fn write(&self, _: Vec<AuditRow>) -> BoxFuture<'_, Result<(), StoreFault>> {
        Box::pin(async { Ok(()) })
    }

    fn log(&self, from: Instant, until: Instant) -> BoxFuture<'_, Result<AuditLog, RecordsFault>> {
        Box::pin(async move { Ok(AuditLog { from, until, rows: Vec::new(), complete: true }) })
    }

    fn now(&self) -> Instant {
        noon()
    }
}

impl Lookup for Nobody {
    fn find<'a>(&'a self, _: Option<&'a str>, _: &'a str, _: bool) -> BoxFuture<'a, FoundPeople> {
        Box::pin(async { FoundPeople::default() })
    }

    fn profile<'a>(&'a self, _: Option<&'a str>, _: Kind, _: &'a str) -> BoxFuture<'a, Option<FoundProfile>> {
        Box::pin(async { None })
    }

    fn shifts(&self, _: ShiftsWish) -> BoxFuture<'_, FoundShifts> {
        let freshness = Freshness { as_of: None, complete: false };
        Box::pin(async move { FoundShifts { shifts: Vec::new(), n: 0, freshness } })
    }
}

fn names(wanted: Vec<Who>) -> Names {
    let mut names = Names::default();
    for who in wanted {
        names.put(who, Person { name: "Avery Placeholder-Sample".to_owned(), ..Person::default() });
    }
    names
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn timed<T>(rounds: usize, mut what: impl FnMut() -> T) -> Duration {
    let once = |_| {
        let stopwatch = Stopwatch::now();
        black_box(what());
        stopwatch.elapsed()
    };
    median((0..rounds).map(once).collect())
}

fn machine() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    format!("{}, {cores} cores", model.map_or("unknown", |m| m.trim_start_matches([' ', '\t', ':'])))
}

fn main() {
    println!("machine: {}\n", machine());
    println!(
        "| clients | shifts today | counting them for the picture | Now, without names | Now, with names | bytes |"
    );
    println!("|---|---|---|---|---|---|");
    let bands: Vec<Duration> = BANDS.iter().map(|(_, hours)| Duration::from_hours(*hours)).collect();
    let pulses = Pulses::new(noon());
    let mut largest = None;
    for n_clients in [100, 1_000, 10_000, 30_000] {
        let mirror = mirror(n_clients);
        let counting = timed(9, || mirror.coverage(&bands, noon()));
        let today = Arc::new(mirror.coverage(&bands, noon()).today);
        let n_shifts = today.shifts.len();
        let view = view(vec![agency("main", today, n_clients)]);
        let asked = Asked::default();
        let page = |known: &Names| {
            let frame = Frame { live: "/live?page=now", user: Some("lead"), names: true, speed: 1 };
            now::draw(&view, &pulses, &asked, known, true, noon(), noon()).page(&frame)
        };
        let bare = timed(9, || page(&Names::default()));
        let known = names(now::wanted(&view, &asked, noon()));
        let named = timed(9, || page(&names(now::wanted(&view, &asked, noon()))));
        println!("| {n_clients} | {n_shifts} | {counting:.2?} | {bare:.2?} | {named:.2?} | {} |", page(&known).len());
        if n_clients == 10_000 {
            largest = Some(view);
        }
    }
    println!("goals at 10 000 clients and 30 000 shifts: Now under 100 ms and under 300 KB\n");

    println!("| agencies | series | /metrics |");
    println!("|---|---|---|");
    for n in [1, 10, 100] {
        let empty = Arc::new(Today::new(Denver, noon(), noon() + TimeDelta::hours(24)));
        let many = (0..n).map(|i| agency(&format!("office-{i}"), Arc::clone(&empty), 100)).collect();
        let (view, metrics) = (view(many), Metrics::new());
        let took = timed(21, || metrics.encode(&view, &pulses, noon()));
        let text = metrics.encode(&view, &pulses, noon());
        println!("| {n} | {} | {took:.2?} |", text.lines().filter(|line| !line.starts_with('#')).count());
    }
    if let Some(view) = &largest {
        let metrics = Metrics::new();
        let took = timed(21, || metrics.encode(view, &pulses, noon()));
        println!("10 000 clients, 30 000 shifts: {took:.2?} (goal: under 5 ms)\n");
    }
    if let Some(view) = largest {
        boards(&view);
    }
}

/// 200 open boards, and what an agency's counting beside them takes.
#[expect(clippy::expect_used, reason = "a benchmark that cannot run says why and stops")]
fn boards(first: &View) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    println!(
        "| open boards | a pass beside them (median, worst) | picture published to last board told | bytes a board a picture |"
    );
    println!("|---|---|---|---|");
    for n in [0, BOARDS] {
        println!("{}", runtime.block_on(with_boards(first, n)));
    }
    println!("a pass: counting 30 000 shifts, once after each of 20 pictures, in each of which a few shifts changed");
}

#[expect(clippy::expect_used, reason = "a benchmark that cannot run says why and stops")]
async fn with_boards(first: &View, n: usize) -> String {
    let (writer, reader) = publish(first.clone());
    let (_stop, closing) = watch::channel(false);
    let access = Arc::new(http::Access::default());
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
        audit: Arc::new(Nobody),
        lookup: Arc::new(Nobody),
        hooks: None,
        vendor: Arc::new(http::vendor::NoVendor),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(http::serve(listener, http::router(web), access, std::future::pending()));
    let (beats, bytes) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    for _ in 0..n {
        tokio::spawn(board(address, Arc::clone(&beats), Arc::clone(&bytes)));
    }
    let heard = |least: u64| {
        let beats = Arc::clone(&beats);
        async move {
            while beats.load(Ordering::Relaxed) < least {
                tokio::task::yield_now().await;
            }
        }
    };
    heard(n as u64).await;
    let before = bytes.load(Ordering::Relaxed);
    let mirror = Arc::new(mirror(10_000));
    let bands: Vec<Duration> = BANDS.iter().map(|(_, hours)| Duration::from_hours(*hours)).collect();
    let (mut passes, mut told) = (Vec::new(), Vec::new());
    for round in 1..=20_u64 {
        let mut next = first.clone();
        let mut today = Today::clone(&next.agencies[0].today);
        for shift in today.shifts.iter_mut().skip(usize::try_from(round).unwrap_or(0) * 40).step_by(1_000).take(5) {
            shift.standing = shiftwatch::mirror::today::Standing::Uncovered;
        }
        next.agencies[0].today = Arc::new(today);
        let stopwatch = Stopwatch::now();
        writer.send_replace(Arc::new(next));
        let (mirror, bands) = (Arc::clone(&mirror), bands.clone());
        let pass = tokio::task::spawn_blocking(move || {
            let stopwatch = Stopwatch::now();
            black_box(mirror.coverage(&bands, noon()));
            stopwatch.elapsed()
        });
        passes.push(pass.await.expect("a pass"));
        heard(n as u64 * (round + 1)).await;
        told.push(stopwatch.elapsed());
    }
    let worst = passes.iter().max().copied().unwrap_or_default();
    let each = (bytes.load(Ordering::Relaxed) - before).checked_div(20 * n as u64).unwrap_or(0);
    let told = if n == 0 { "-".to_owned() } else { format!("{:.2?}", median(told)) };
    format!("| {n} | {:.2?}, {worst:.2?} | {told} | {each} |", median(passes))
}

/// One open board: counts its beats.
async fn board(address: SocketAddr, beats: Arc<AtomicU64>, bytes: Arc<AtomicU64>) {
    let Ok(mut stream) = TcpStream::connect(address).await else { return };
    if stream.write_all(b"GET /live?page=now HTTP/1.1\r\nhost: board\r\n\r\n").await.is_err() {
        return;
    }
    let mut buffer = vec![0; 1 << 16];
    let mut tail = Vec::new();
    while let Ok(n @ 1..) = stream.read(&mut buffer).await {
        bytes.fetch_add(n as u64, Ordering::Relaxed);
        tail.extend_from_slice(&buffer[..n]);
        let found = tail.windows(11).filter(|window| window == b"event: beat").count();
        beats.fetch_add(found as u64, Ordering::Relaxed);
        let keep = tail.len().saturating_sub(10);
        tail.drain(..keep);
    }
}
