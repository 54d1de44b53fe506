//! What `shiftwatch replay` says of the simulator's seeded agency, against what that agency's own books say.

use std::{collections::BTreeMap, path::Path};

use chrono::{TimeDelta, Timelike as _};
use chrono_tz::America::Denver;
use serde_json::Value;
use shiftwatch::{
    cli,
    clock::Clock,
    commands::{Exit, output::Output, replay},
    config::{Config, StoreUrl},
    mirror::{Mirror, settings::Settings},
    model::{
        Caregiver, Client, Instant, Person, Shift, ShiftId, ShiftKey, ShiftRef, ShiftStatus, Visit, VisitTime,
        local_time::{local_date, start_of_day},
    },
    sim::{Appointment, Habits, Seeding, Sim, SimConfig, World},
    source::fetched::{Batch, Extent, Fetched, Read, Rows, Span},
    store::Store,
};

use crate::harness::at;

/// The delays of the last table, in minutes.
const DELAYS: [i64; 7] = [5, 10, 15, 20, 30, 45, 60];

/// Half of all that can go wrong does, so that few people are enough.
fn habits() -> Habits {
    Habits { late: 250, forgets_in: 200, open: 60, call_out: 80, cancelled: 40, substitute: 40, ..Habits::default() }
}

/// When the first of those who came to a shift was there, by the agency's own books.
fn came_at(world: &World, shift: &Appointment) -> Option<Instant> {
    let of_it = |visit: &&shiftwatch::sim::Encounter| {
        visit.shift.as_deref() == Some(shift.id.as_str()) && visit.shift_start == Some(shift.start)
    };
    world.visits_of(&shift.client).filter(of_it).map(|visit| visit.start).min()
}

fn configuration(dir: &Path, base_url: &str) -> Config {
    let text = format!(
        r#"agencies:
  - name: main
    timezone: America/Denver
    wellsky: {{ base_url: "{base_url}", client_id: example-client, client_secret: example-secret, requests_per_second: 10, encounter_naive_tz: utc }}
store: sqlite:past.db
sms_gateways:
  - {{ name: twilio, twilio: {{ base_url: "http://127.0.0.1:9", account_sid: AC00000000000000000000000000000000, auth_token: unused, from: "+12025550100" }} }}
route: {{ receiver: on-call, group_by: [agency, shift], group_wait: 10s, group_interval: 30s, repeat_interval: 30m }}
receivers:
  - {{ name: on-call, sms_configs: [ {{ to: "+12025550110" }} ] }}
"#
    );
    let path = dir.join("shiftwatch.yml");
    std::fs::write(&path, text).unwrap();
    Config::load(Some(&path), &|_| None).unwrap_or_else(|faults| panic!("{faults:?}")).0
}

async fn replayed(config: &Config, days: u32, from_vendor: bool, now: Instant) -> Value {
    let args = cli::Replay { days, rules: Vec::new(), agency: None, from_vendor, verbose: false, output: Output::Json };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = replay::run(&args, config, 120, &Clock::manual(now), &mut out, &mut err).await.unwrap();
    assert_eq!(exit, Exit::Done, "{}", String::from_utf8_lossy(&err));
    let all: Value = serde_json::from_slice(&out).unwrap();
    all[0].clone()
}

/// How often an alert fired in all.
fn fired(replayed: &Value, alert: &str) -> u64 {
    replayed["fired"].as_object().unwrap().values().filter_map(|day| day[alert].as_u64()).sum()
}

/// Later and never, by delay, of shifts that `expects` somebody at a moment.
fn late_by(
    world: &World,
    (from, until): (Instant, Instant),
    expects: impl Fn(&Appointment, Instant) -> bool,
) -> BTreeMap<i64, (u64, u64)> {
    let mut counts = BTreeMap::new();
    for minutes in DELAYS {
        let (mut later, mut never) = (0, 0);
        for shift in world.shifts() {
            let due = shift.start + TimeDelta::minutes(minutes);
            if due < from || due >= until || due >= shift.end || !expects(shift, due) {
                continue;
            }
            match came_at(world, shift) {
                Some(came) if came <= due => {}
                Some(_) => later += 1,
                None => never += 1,
            }
        }
        counts.insert(minutes, (later, never));
    }
    counts
}

fn delays_of(replayed: &Value) -> BTreeMap<i64, (u64, u64)> {
    let rows = replayed["delays"].as_array().unwrap();
    let n = |row: &Value, key: &str| row[key].as_u64().unwrap();
    rows.iter().map(|row| (row["minutes"].as_i64().unwrap(), (n(row, "later"), n(row, "never")))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn past_visits_from_the_vendor_give_the_numbers_of_its_own_books() {
    let now = at("2026-11-24T17:30:00Z");
    let config = SimConfig::seeded(Denver, Clock::manual(now), 7).sized(14, 9).with_habits(habits());
    let sim = Sim::start(config).await.expect("a simulator");
    let dir = tempfile::tempdir().unwrap();
    let config = configuration(dir.path(), &sim.base_url());
    let days = 5;
    let told = replayed(&config, days, true, now).await;
    let from = start_of_day(Denver, local_date(Denver, now) - chrono::Days::new(u64::from(days)));
    sim.world(|world| {
        let expects = |shift: &Appointment, _: Instant| shift.caregiver.is_some() && !shift.cancelled;
        let counted = late_by(world, (from, now), expects);
        assert!(counted[&5].0 > 5 && counted[&5].1 > 0, "a past without trouble shows nothing: {counted:?}");
        assert_eq!(delays_of(&told), counted);
        // The same by the rules, which were played and not counted.
        let (later, never) = counted[&15];
        assert_eq!(fired(&told, "MissedCheckIn (band 15m)"), later + never);
        let (later, never) = counted[&30];
        assert_eq!(fired(&told, "NoShow"), later + never);
        let open = world
            .shifts()
            .filter(|shift| shift.caregiver.is_none() && !shift.cancelled && from <= shift.start && shift.start < now);
        assert_eq!(fired(&told, "ShiftUncovered (band started)"), open.count() as u64);
    });
    let unknown = told["unknown"].to_string();
    assert!(unknown.contains("call-outs that were covered") && unknown.contains("are left out"), "{unknown}");
    assert_eq!(fired(&told, "LateChange") + fired(&told, "ClientWithoutShifts"), 0, "{:#}", told["fired"]);
    sim.read_log(|log| {
        let outside = shiftwatch::sim::request_log::outside_read_set(log);
        assert!(outside.is_empty(), "{outside:?}");
        let most = shiftwatch::sim::request_log::most_within(log, std::time::Duration::from_secs(1));
        assert!(most <= 10, "{most} requests within a second");
    });
}

fn shift_of(shift: &Appointment) -> Shift {
    Shift {
        key: ShiftKey {
            start: shift.start,
            client: shift.client.as_str().into(),
            id: ShiftRef::Vendor(ShiftId::new(shift.id.as_str())),
        },
        end: shift.end,
        caregiver: shift.caregiver.as_deref().map(Into::into),
        status: if shift.cancelled { ShiftStatus::Cancelled } else { ShiftStatus::Active(None) },
    }
}

fn visit_of(visit: &shiftwatch::sim::Encounter) -> Visit {
    Visit {
        id: visit.id.as_str().into(),
        client: Some(visit.client.as_str().into()),
        caregiver: visit.caregiver.as_deref().map(Into::into),
        shift: visit.shift.as_deref().map(Into::into),
        check_in: Some(VisitTime::Instant(visit.start)),
        check_out: visit.end.map(VisitTime::Instant),
        status: None,
    }
}

/// An agent's memory of a world, kept minute by minute in a store: what was read whenever a client's rows changed.
struct Memory {
    mirror: Mirror,
    store: Store,
    read: BTreeMap<String, (Vec<Shift>, Vec<Visit>)>,
}

impl Memory {
    async fn take(&mut self, read: Read, batch: Batch, now: Instant) {
        let rows = Rows { batch, complete: true, rejected: Vec::new() };
        let fetched = Fetched {
            agency: "main".into(),
            read,
            started_at: now,
            finished_at: now,
            outcome: Ok(rows),
            shift_tasks: Vec::new(),
            requests: Vec::new(),
        };
        let applied = self.mirror.apply(&fetched, now);
        self.store.save_mirror(&"main".into(), applied.delta, now).await.unwrap();
    }

    /// Reads everybody whose rows are not what they were.
    async fn look(&mut self, world: &World, now: Instant) {
        let day = local_date(Denver, now);
        let span = Span {
            from: start_of_day(Denver, day - chrono::Days::new(2)),
            until: start_of_day(Denver, day + chrono::Days::new(5)),
        };
        let clients: Vec<String> = world.patients().map(|patient| patient.id.clone()).collect();
        for client in clients {
            let mut shifts: Vec<Shift> =
                world.shifts_of(&client).map(shift_of).filter(|shift| span.contains(shift.start())).collect();
            shifts.sort_by(|a, b| a.key.cmp(&b.key));
            let recent = |visit: &&shiftwatch::sim::Encounter| span.contains(visit.start);
            let visits: Vec<Visit> = world.visits_of(&client).filter(recent).map(visit_of).collect();
            let rows = (shifts, visits);
            if rows == (Vec::new(), Vec::new()) || self.read.get(&client) == Some(&rows) {
                continue;
            }
            self.read.insert(client.clone(), rows.clone());
            let id = || shiftwatch::model::ClientId::new(client.as_str());
            // Twice, for what left the schedule.
            for now in [now, now + TimeDelta::seconds(1)] {
                let read = Read::Shifts { client: id(), span, confirming: false };
                self.take(read, Batch::Shifts(rows.0.clone()), now).await;
            }
            self.take(Read::Visits { client: Some(id()), span, confirming: false }, Batch::Visits(rows.1), now).await;
        }
    }
}

fn roster(world: &World) -> (Vec<Client>, Vec<Caregiver>) {
    let clients = world.patients().map(|patient| Client {
        id: patient.id.as_str().into(),
        active: Some(true),
        is_client: Some(true),
        status: None,
        location: None,
        tags: Vec::new(),
        vendor_agency: None,
        person: Person::default(),
    });
    let caregivers = world.practitioners().map(|one| Caregiver {
        id: one.id.as_str().into(),
        active: Some(true),
        hired: Some(true),
        status: None,
        location: None,
        tags: Vec::new(),
        person: Person::default(),
    });
    (clients.collect(), caregivers.collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_store_remembers_gives_the_numbers_of_the_agency_also_past_the_mirrors_memory() {
    let begins = at("2026-11-10T07:00:00Z");
    let days = 11;
    let now = begins + TimeDelta::days(days);
    let seeding = Seeding { seed: 11, clients: 6, caregivers: 5, habits: habits(), days_back: 1, ..Seeding::default() };
    let mut world = World::seeded(Denver, begins, &seeding);
    let dir = tempfile::tempdir().unwrap();
    let config = configuration(dir.path(), "http://127.0.0.1:9");
    assert!(matches!(&config.store, StoreUrl::Sqlite(_)));
    let store = Store::open(&config.store, begins).await.unwrap();
    let mirror = Mirror::new(Settings::new("main".into(), Denver), begins);
    let mut memory = Memory { mirror, store, read: BTreeMap::new() };
    // Who was on each shift, as of each minute.
    let mut on_it: BTreeMap<(String, Instant), Vec<(Instant, bool)>> = BTreeMap::new();
    let mut minute = begins;
    while minute <= now {
        world.advance(minute);
        if minute == begins || minute.hour() == 7 && minute.minute() == 0 {
            let (clients, caregivers) = roster(&world);
            memory.take(Read::Clients(Extent::Full), Batch::Clients(clients), minute).await;
            memory.take(Read::Caregivers(Extent::Full), Batch::Caregivers(caregivers), minute).await;
        }
        for shift in world.shifts() {
            let covered = shift.caregiver.is_some() && !shift.cancelled;
            let turns = on_it.entry((shift.id.clone(), shift.start)).or_default();
            if turns.last().is_none_or(|(_, was)| *was != covered) {
                turns.push((minute, covered));
            }
        }
        memory.look(&world, minute).await;
        minute += TimeDelta::minutes(1);
    }
    assert!(memory.mirror.shifts().iter().all(|entry| entry.shift.start() > begins + TimeDelta::days(1)));
    memory.store.close().await;

    let told = replayed(&config, 11, false, now).await;
    let until: Instant = told["until"].as_str().unwrap().parse().unwrap();
    let from: Instant = told["from"].as_str().unwrap().parse().unwrap();
    assert!(from <= begins + TimeDelta::minutes(1) && now - until < TimeDelta::hours(8), "{from} {until}");
    let covered_at = |shift: &Appointment, at: Instant| {
        let turns = &on_it[&(shift.id.clone(), shift.start)];
        turns.iter().rev().find(|(since, _)| *since <= at).is_some_and(|(_, covered)| *covered)
    };
    let counted = late_by(&world, (from, until), covered_at);
    assert!(counted[&5].0 > 5 && counted[&5].1 > 0, "a past without trouble shows nothing: {counted:?}");
    assert_eq!(delays_of(&told), counted);
    let (later, never) = counted[&15];
    assert_eq!(fired(&told, "MissedCheckIn (band 15m)"), later + never);
    // A call-out that was covered again left its trace.
    let called_out = world.shifts().filter(|shift| {
        let turns = &on_it[&(shift.id.clone(), shift.start)];
        let window = shift.start - TimeDelta::hours(4);
        let within = |at: Instant| window <= at && at < shift.end && from < at && at < until;
        !shift.cancelled
            && (turns.iter().any(|(since, covered)| !covered && within(*since))
                || (within(window) && !covered_at(shift, window) && turns[0].0 <= window))
    });
    assert_eq!(fired(&told, "ShiftUncovered (band 4h)"), called_out.count() as u64);
}

/// What a client's shifts and visits are at an instant: five days with one of everything that is not as it was planned.
fn five_days(client: &str, now: Instant) -> (Vec<Shift>, Vec<Visit>) {
    let shift = |id: &str, from: &str, hours: i64, caregiver: &str| Shift {
        key: ShiftKey { start: at(from), client: client.into(), id: ShiftRef::Vendor(ShiftId::new(id)) },
        end: at(from) + TimeDelta::hours(hours),
        caregiver: Some(caregiver.into()),
        status: ShiftStatus::Active(None),
    };
    let visit = |id: &str, shift: Option<&str>, who: &str, from: &str, until: &str| Visit {
        id: id.into(),
        client: Some(client.into()),
        caregiver: Some(who.into()),
        shift: shift.map(Into::into),
        check_in: Some(VisitTime::Instant(at(from))),
        check_out: Some(at(until)).filter(|out| *out <= now).map(VisitTime::Instant),
        status: None,
    };
    let (shifts, visits) = match client {
        "c1" => (
            [
                vec![
                    shift("91", "2026-11-12T15:00:00Z", 4, "g1"),
                    shift("92", "2026-11-12T20:00:00Z", 1, "g1"),
                    // Two hours before it begins, somebody else is to go.
                    shift("93", "2026-11-13T15:00:00Z", 1, if now < at("2026-11-13T13:00:00Z") { "g1" } else { "g5" }),
                ],
                (16..21).map(|day| shift(&format!("6{day}"), &format!("2026-11-{day}T15:00:00Z"), 9, "g1")).collect(),
            ]
            .concat(),
            vec![
                visit("51", Some("91"), "g1", "2026-11-12T15:20:00Z", "2026-11-12T17:00:00Z"),
                visit("52", Some("92"), "g2", "2026-11-12T20:00:00Z", "2026-11-12T21:50:00Z"),
                visit("53", Some("93"), "g5", "2026-11-13T15:00:00Z", "2026-11-13T16:00:00Z"),
            ],
        ),
        "c2" => (
            vec![shift("94", "2026-11-13T15:00:00Z", 2, "g2"), shift("95", "2026-11-14T15:00:00Z", 2, "g3")],
            vec![visit("54", None, "g3", "2026-11-12T16:00:00Z", "2026-11-12T17:00:00Z")],
        ),
        "c3" => (
            vec![
                shift("96", "2026-11-13T16:00:00Z", 2, "g2"),
                shift("97", "2026-11-14T17:00:00Z", 2, "g3"),
                shift("98", "2026-11-11T15:00:00Z", 1, "g4"),
                // Whoever is on it was here for the last time three days before.
                shift("99", "2026-11-14T21:00:00Z", 1, "g4"),
            ],
            vec![visit("58", Some("98"), "g4", "2026-11-11T15:00:00Z", "2026-11-11T16:00:00Z")],
        ),
        _ => Default::default(),
    };
    let came = |visit: &Visit| matches!(visit.check_in, Some(VisitTime::Instant(at)) if at <= now);
    (shifts, visits.into_iter().filter(came).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_as_planned_is_replayed_too() {
    let (begins, now) = (at("2026-11-10T07:00:00Z"), at("2026-11-15T12:00:00Z"));
    let dir = tempfile::tempdir().unwrap();
    let config = configuration(dir.path(), "http://127.0.0.1:9");
    let store = Store::open(&config.store, begins).await.unwrap();
    let mirror = Mirror::new(Settings::new("main".into(), Denver), begins);
    let mut memory = Memory { mirror, store, read: BTreeMap::new() };
    let ids = ["c1", "c2", "c3", "c4"];
    let person = |id: &str, active: bool| Caregiver {
        id: id.into(),
        active: Some(active),
        hired: Some(true),
        status: None,
        location: None,
        tags: Vec::new(),
        person: Person::default(),
    };
    let mut minute = begins;
    while minute <= now {
        if minute == begins || minute == now {
            let clients = ids.map(|id| Client {
                id: id.into(),
                active: Some(true),
                is_client: Some(true),
                status: None,
                location: None,
                tags: Vec::new(),
                vendor_agency: None,
                person: Person::default(),
            });
            memory.take(Read::Clients(Extent::Full), Batch::Clients(clients.to_vec()), minute).await;
            let caregivers = ["g1", "g2", "g3", "g5"].map(|id| person(id, true)).into_iter();
            let caregivers = caregivers.chain([person("g4", minute == begins)]).collect();
            memory.take(Read::Caregivers(Extent::Full), Batch::Caregivers(caregivers), minute).await;
        }
        let span = Span { from: begins - TimeDelta::days(2), until: begins + TimeDelta::days(30) };
        for id in ids {
            let rows = five_days(id, minute);
            if memory.read.get(id) == Some(&rows) && minute != now {
                continue;
            }
            memory.read.insert(id.to_owned(), rows.clone());
            let shifts = Read::Shifts { client: id.into(), span, confirming: false };
            memory.take(shifts, Batch::Shifts(rows.0), minute).await;
            memory
                .take(Read::Visits { client: Some(id.into()), span, confirming: false }, Batch::Visits(rows.1), minute)
                .await;
        }
        minute += TimeDelta::minutes(10);
    }
    memory.store.close().await;

    let told = replayed(&config, 5, false, now).await;
    for (alert, n) in [
        ("LateCheckIn", 1),
        ("ShortVisit", 1),
        ("Overrun", 1),
        ("UnscheduledVisit", 1),
        ("OtherCaregiver", 1),
        ("CaregiverDoubleBooked", 1),
        ("TightTurnaround", 1),
        ("OvertimeAhead", 1),
        ("LateChange", 1),
        ("InactiveCaregiverAssigned", 1),
    ] {
        assert_eq!(fired(&told, alert), n, "{alert}: {:#}", told["fired"]);
    }
    // c2 and c3 have none once their last is over; c4 had none long before, which is not counted.
    assert_eq!(fired(&told, "ClientWithoutShifts"), 2, "{:#}", told["fired"]);
    let unknown = told["unknown"].to_string();
    assert!(unknown.contains("until their last visit"), "{unknown}");
}
