//! What a briefing costs: how long the watch's lock is held to take what it needs, and the rest. Run with
//! `cargo bench --bench briefing`.
//!
//! Agencies of 250 to 2 000 clients with two shifts a day over the mirror's span of days, those that are over visited. The
//! same each time. Prints the machine, medians and growth from size to size; and of the largest what it costs with a year in the store,
//! of which a briefing reads the last four weeks.

use std::{
    collections::HashMap,
    hint::black_box,
    process::Command,
    time::{Duration, Instant as Stopwatch},
};

use chrono::TimeDelta;
use shiftwatch::{
    config::StoreUrl,
    mirror::{
        Mirror,
        row::{ArchiveDelta, MirrorRow},
        settings::Settings,
    },
    model::{
        AgencyName, Instant, Shift, ShiftKey, ShiftRef, ShiftStatus, Visit, VisitId, VisitTime,
        local_time::{from_micros, local_date, start_of_day},
    },
    report::{
        briefing::{
            Kind, chart,
            given::{Care, Given, Machinery},
            html, make, text,
        },
        hours::rows::{PlannedRow, VisitRow},
        past_shifts::{Seen, find},
    },
    source::fetched::{Batch, Fetched, Read, Rows, Span},
    store::Store,
    watch::care::care,
};

mod archive;

const SIZES: [usize; 4] = [250, 500, 1_000, 2_000];
const ROUNDS: usize = 9;

fn now() -> Instant {
    from_micros(1_783_342_800 * 1_000_000)
}

fn fetched(read: Read, batch: Batch) -> Fetched {
    Fetched {
        agency: "main".into(),
        read,
        started_at: now(),
        finished_at: now(),
        outcome: Ok(Rows { batch, complete: true, rejected: Vec::new() }),
        requests: Vec::new(),
        shift_tasks: Vec::new(),
    }
}

fn small(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(0)
}

fn world(n_clients: usize) -> (Mirror, usize) {
    let mut mirror = Mirror::new(Settings::new("main".into(), chrono_tz::America::Denver), now() - TimeDelta::hours(1));
    let span = Span { from: now() - TimeDelta::days(8), until: now() + TimeDelta::days(9) };
    let (mut visits, mut n) = (Vec::new(), 0);
    for client in 0..n_clients {
        let mut shifts = Vec::new();
        for day in -8_i64..9 {
            for hour in [2, 9] {
                n += 1;
                let start = now() + TimeDelta::days(day) + TimeDelta::minutes(60 * hour + 15 * small(client % 24));
                let id = format!("9{n:07}");
                let caregiver = (n % 20 != 0).then(|| format!("8{:06}", client % 601).as_str().into());
                let shift = Shift {
                    key: ShiftKey {
                        start,
                        client: format!("7{client:06}").as_str().into(),
                        id: ShiftRef::Vendor(id.as_str().into()),
                    },
                    end: start + TimeDelta::hours(4),
                    caregiver,
                    status: ShiftStatus::Active(None),
                };
                if shift.end < now() && shift.caregiver.is_some() {
                    visits.push(Visit {
                        id: format!("5{n:07}").as_str().into(),
                        client: Some(shift.key.client.clone()),
                        caregiver: shift.caregiver.clone(),
                        shift: Some(id.as_str().into()),
                        check_in: Some(VisitTime::Instant(start + TimeDelta::minutes(small(n % 20)))),
                        check_out: Some(VisitTime::Instant(shift.end)),
                        status: None,
                    });
                }
                shifts.push(shift);
            }
        }
        let client = shifts[0].key.client.clone();
        let read = Read::Shifts { client, span, confirming: false };
        let _ = mirror.apply(&fetched(read, Batch::Shifts(shifts)), now());
    }
    let read = Read::Visits { client: None, span, confirming: false };
    let _ = mirror.apply(&fetched(read, Batch::Visits(visits)), now());
    (mirror, n)
}

/// A day of the past as the archive keeps it.
fn archived(day: i64, n_clients: usize) -> Vec<MirrorRow> {
    let mut rows = Vec::new();
    for client in 0..n_clients {
        for hour in [2, 9] {
            let start = now() - TimeDelta::days(day) + TimeDelta::minutes(60 * hour + 15 * small(client % 24));
            let ends = start + TimeDelta::hours(4);
            let n = (small(client) * 2 + hour / 9) * 1_000 + day;
            let (caregiver, came) = (8_000_000 + client % 601, start + TimeDelta::minutes(small(client % 20)));
            let (id, visit, client, caregiver) =
                (format!("9{n:09}"), format!("5{n:09}"), format!("7{client:06}"), caregiver.to_string());
            rows.push(archive::shift(&id, &client, &caregiver, (start, ends)));
            rows.push(archive::visit(&visit, &id, &client, &caregiver, (came, ends)));
        }
    }
    rows
}

/// The four weeks before what memory holds, read and found as the agent does it.
async fn past(store: &Store, agency: &AgencyName) -> Vec<Care> {
    let zone = chrono_tz::America::Denver;
    let day = |n: u64| start_of_day(zone, local_date(zone, now()) - chrono::Days::new(n));
    let (from, seam) = (day(29), day(6));
    let lines = store.past_lines(agency, from - TimeDelta::days(2), seam + TimeDelta::days(2)).await;
    let found = tokio::task::spawn_blocking(move || {
        let (mut shifts, mut visits) = (Vec::new(), Vec::new());
        for line in lines.unwrap_or_default() {
            let (check_in, check_out) = (line.start, line.ends);
            match (line.is_shift(), line.client, check_in, check_out) {
                (true, Some(client), Some(start), Some(end)) => shifts.push(PlannedRow {
                    client,
                    id: line.shift,
                    start,
                    end,
                    caregiver: line.caregiver,
                    cancelled: false,
                }),
                (false, client, ..) => visits.push(VisitRow {
                    id: VisitId::new(line.key),
                    client,
                    caregiver: line.caregiver,
                    shift: line.shift,
                    check_in,
                    check_out,
                    unsettled: None,
                    edited: None,
                }),
                _ => {}
            }
        }
        let mut seen = Seen::new(zone);
        for n in 1..30 {
            seen.day(local_date(zone, now()) - chrono::Days::new(n), []);
        }
        let found = find(shifts, &visits, &seen, (from, seam)).into_iter();
        let places: HashMap<u8, std::sync::Arc<str>> = [(0, "north".into())].into();
        found.map(|shift| shift.care(std::sync::Arc::clone(&places[&0]))).collect::<Vec<Care>>()
    });
    found.await.unwrap_or_default()
}

fn median(mut run: impl FnMut()) -> Duration {
    let mut took: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let began = Stopwatch::now();
            run();
            began.elapsed()
        })
        .collect();
    took.sort();
    took[ROUNDS / 2]
}

#[tokio::main]
#[expect(clippy::expect_used, reason = "a benchmark that cannot run says why and stops")]
async fn main() {
    let machine =
        Command::new("uname").arg("-mr").output().map(|out| String::from_utf8_lossy(&out.stdout).into_owned());
    println!("{}", machine.unwrap_or_default().trim());
    println!(
        "{:>8} {:>8} {:>12} {:>12} {:>12} {:>8}",
        "clients", "shifts", "under lock", "reckoned", "written", "growth"
    );
    let mut before: Option<Duration> = None;
    for n_clients in SIZES {
        let (mirror, n_shifts) = world(n_clients);
        let (from, until) = (now() - TimeDelta::days(15), now() + TimeDelta::days(8));
        let take = || care(&mirror, None, (from, until), None, now());
        let taken = median(|| drop(black_box(take())));
        let given = Given {
            kind: Kind::Morning,
            agency: "main".into(),
            title: "CCA".to_owned(),
            zone: chrono_tz::America::Denver,
            zones: [].into(),
            clock_12h: false,
            week_starts: chrono::Weekday::Sun,
            hourly_rate: Some(32.5),
            now: now(),
            blind_since: None,
            is_known: true,
            as_of: Some(now()),
            complete: true,
            care: take(),
            reaches_from: Some(from),
            edits: None,
            pages: Ok(Vec::new()),
            pages_from: None,
            watchers: Vec::new(),
            machinery: Machinery::default(),
        };
        let reckoned = median(|| drop(black_box(make(&given))));
        let briefing = [make(&given)];
        let written = median(|| {
            drop(black_box((
                text::lines(&briefing[0]),
                html::page(&briefing, None, true, ""),
                chart::png(&briefing[0].trend),
            )));
        });
        let all = taken + reckoned + written;
        let growth =
            before.map_or_else(String::new, |before| format!("{:.1}x", all.as_secs_f64() / before.as_secs_f64()));
        println!("{n_clients:>8} {n_shifts:>8} {taken:>12.1?} {reckoned:>12.1?} {written:>12.1?} {growth:>8}");
        before = Some(all);
        if n_clients == 2_000 {
            let folder = tempfile::tempdir().expect("a folder");
            let store = Store::open(&StoreUrl::Sqlite(folder.path().join("bench.db")), now()).await.expect("a store");
            let agency = AgencyName::new("main");
            for day in 6..365 {
                let delta = ArchiveDelta { rows: archived(day, n_clients), ..ArchiveDelta::default() };
                store.save_past(&agency, delta, Vec::new(), now()).await.expect("it is stored");
            }
            let mut took = Vec::new();
            for _ in 0..ROUNDS {
                let began = Stopwatch::now();
                let mut all = past(&store, &agency).await;
                let read = began.elapsed();
                let n_past = all.len();
                all.extend(given.care.iter().cloned());
                let whole = Given { care: all, ..given.clone() };
                let briefing = make(&whole);
                drop(black_box((text::lines(&briefing), chart::png(&briefing.trend))));
                took.push((began.elapsed(), read, n_past));
            }
            took.sort();
            let (whole, read, n_past) = took[ROUNDS / 2];
            println!(
                "with a year in the store: {n_past} past shifts read and found in {read:.1?}, the whole briefing in {whole:.1?}"
            );
        }
    }
}
