//! What a month's hours cost of an agency of 2 000 clients with two visits a day, out of a year that is kept. Run with
//! `cargo bench --bench hours`.
//!
//! The year is written into a store on the disk; then a week, a month and a quarter are read and summed up, as the agent does it.
//! Prints the time of the reading and of the adding up, and the growth. The year is the same each time.

use std::{collections::HashMap, time::Instant as Stopwatch};

use chrono::{NaiveDate, TimeDelta};
use chrono_tz::America::Denver;
use shiftwatch::{
    config::StoreUrl,
    mirror::row::{ArchiveDelta, MirrorRow},
    model::{AgencyName, Instant, VisitId, VisitTime, local_time::start_of_day},
    report::hours::{
        Given,
        rows::{PlannedRow, VisitRow},
        sum_up,
        terms::{Period, Terms},
    },
    store::Store,
};

mod archive;

const CLIENTS: u32 = 2_000;
const DAYS: u32 = 365;
const ROUNDS: usize = 5;

/// The shifts and visits of one day.
fn day(first: Instant, n: u32) -> Vec<MirrorRow> {
    let mut rows = Vec::new();
    for client in 0..CLIENTS {
        for turn in 0..2_u32 {
            let start = first + TimeDelta::hours(i64::from(7 + 8 * turn)) + TimeDelta::minutes(i64::from(client % 60));
            let (ends, id) = (start + TimeDelta::hours(4), 90_000_000 + client * 2 + turn);
            let (client, caregiver) = (7_000_000 + client, 8_000_000 + (client + turn * 7) % CLIENTS);
            let (came, left) = (start + TimeDelta::minutes(3), ends + TimeDelta::minutes(i64::from(client % 9)));
            let visit = u64::from(n) * u64::from(CLIENTS) * 2 + u64::from(client * 2 + turn) + 55_000_000;
            let (client, caregiver) = (client.to_string(), caregiver.to_string());
            let (id, visit) = (id.to_string(), visit.to_string());
            rows.push(archive::shift(&id, &client, &caregiver, (start, ends)));
            rows.push(archive::visit(&visit, &id, &client, &caregiver, (came, left)));
        }
    }
    rows
}

#[tokio::main]
#[expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and one that cannot run says why and stops"
)]
async fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = NaiveDate::from_ymd_opt(2026, 1, 1).expect("a day");
    let began = start_of_day(Denver, first);
    let store = Store::open(&StoreUrl::Sqlite(folder.path().join("bench.db")), began).await.expect("a store");
    let agency = AgencyName::new("main");
    let written = Stopwatch::now();
    for n in 0..DAYS {
        let rows = day(began + TimeDelta::days(i64::from(n)), n);
        let delta = ArchiveDelta { rows, ..ArchiveDelta::default() };
        store.save_past(&agency, delta, Vec::new(), began).await.expect("it is stored");
    }
    let mib = std::fs::metadata(folder.path().join("bench.db")).map_or(0, |file| file.len() / 1_048_576);
    println!("{CLIENTS} clients, {DAYS} days written in {:.1} s, {mib} MiB", written.elapsed().as_secs_f64());

    let mut before = None;
    for (name, from, to) in [
        ("a week", "2026-06-07", "2026-06-13"),
        ("a month", "2026-06-01", "2026-06-30"),
        ("a quarter", "2026-04-01", "2026-06-30"),
    ] {
        let terms = Terms::new(Denver);
        let period = Period::new(from.parse().expect("a day"), to.parse().expect("a day")).expect("a period");
        let weeks = period.whole_weeks(&terms);
        let mut took = Vec::new();
        for _ in 0..ROUNDS {
            let watch = Stopwatch::now();
            let early = start_of_day(Denver, weeks.from) - TimeDelta::days(4);
            let late = start_of_day(Denver, weeks.to) + TimeDelta::days(3);
            let lines = store.past_lines(&agency, early, late).await.expect("it is read");
            let read = watch.elapsed();
            let n_rows = lines.len();
            let (mut shifts, mut visits) = (Vec::new(), Vec::new());
            for line in lines {
                let instant = |time: Option<VisitTime>| match time {
                    Some(VisitTime::Instant(at)) => Some(at),
                    _ => None,
                };
                let (check_in, check_out) = line.times();
                let (check_in, check_out) = (instant(check_in), instant(check_out));
                if line.is_shift() {
                    let (Some(client), Some(start), Some(end)) = (line.client, check_in, check_out) else { continue };
                    shifts.push(PlannedRow {
                        client,
                        id: line.shift,
                        start,
                        end,
                        caregiver: line.caregiver,
                        cancelled: false,
                    });
                } else {
                    let id = VisitId::new(line.key);
                    let (client, caregiver, shift) = (line.client, line.caregiver, line.shift);
                    visits.push(VisitRow {
                        id,
                        client,
                        caregiver,
                        shift,
                        check_in,
                        check_out,
                        unsettled: None,
                        edited: None,
                    });
                }
            }
            let now = start_of_day(Denver, first) + TimeDelta::days(400);
            let given = Given {
                agency: "main".into(),
                terms,
                period,
                now,
                shifts,
                visits,
                wanted: HashMap::new(),
                missing: Vec::new(),
            };
            let hours = sum_up(given);
            took.push((watch.elapsed(), read, n_rows, hours.total.worked_minutes));
        }
        took.sort();
        let (all, read, n_rows, worked) = took[ROUNDS / 2];
        let growth = before.replace(all).map_or_else(String::new, |before: std::time::Duration| {
            format!(", {:.1} times the one before", all.as_secs_f64() / before.as_secs_f64())
        });
        println!(
            "{name}: {:.0} ms ({:.0} ms of it reading {n_rows} rows), {worked} minutes worked{growth}",
            all.as_secs_f64() * 1e3,
            read.as_secs_f64() * 1e3
        );
    }
    store.close().await;
}
