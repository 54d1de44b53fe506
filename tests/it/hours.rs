//! Hours against the simulated vendor: a past that the agent never watched is read, adds up to the vendor's own books, is closed,
//! and a late edit shows beside what was frozen.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use chrono::{NaiveDate, TimeDelta, Timelike as _};
use chrono_tz::America::Denver;
use serde_json::{Value, json};
use shiftwatch::{
    model::Instant,
    sim::{Appointment, Conduct, Endpoint, ShiftPick, World, switches::EncounterScope},
};

use crate::harness::{AVERY, BLAKE, CASEY, House, Plan, at};

/// Two visits weeks ago, one of them over midnight; and a shift to which nobody came.
fn weeks_ago(world: &mut World, now: Instant) {
    let start = now - TimeDelta::days(20);
    world.add_shift(Appointment::hours("90020001", AVERY, start, 4).with(CASEY).who(Conduct::punctual()));
    let night = now - TimeDelta::days(19) + TimeDelta::hours(12);
    world.add_shift(Appointment::hours("90020002", BLAKE, night, 8).with("8000202").who(Conduct::punctual()));
    let missed = now - TimeDelta::days(18);
    world.add_shift(Appointment::hours("90020003", BLAKE, missed, 2).with(CASEY).who(Conduct::default()));
}

pub async fn asked(house: &House, path: &str) -> Value {
    let (status, body) = house.get(path).await;
    assert_eq!(status, 200, "{path}: {body}\n{}", house.log());
    serde_json::from_str(&body).unwrap()
}

/// Has everything of a span read that is missing; gives how that ended.
pub async fn read_all(house: &House, span: &str) -> Value {
    let (status, body) = house.post(&format!("/api/v1/hours/reads?{span}"), &json!({})).await;
    assert_eq!(status, 200, "{body}");
    let mut read: Value = serde_json::from_str(&body).unwrap();
    for _ in 0..900 {
        if read["over"] == true {
            return read;
        }
        house.pass(TimeDelta::seconds(1)).await;
        read = asked(house, &format!("/api/v1/hours/reads/{}", read["id"].as_str().unwrap())).await;
    }
    panic!("it does not end: {read}\n{}", house.log());
}

/// Minutes of one visit by the vendor's own books.
fn minutes(house: &House, client: &str, id: &str) -> i64 {
    house.sim.world(|world| {
        let of_it = |visit: &&shiftwatch::sim::Encounter| visit.shift.as_deref() == Some(id);
        let visit = world.visits_of(client).find(of_it).expect("a visit");
        let whole = |at: Instant| at.with_second(0).unwrap().with_nanosecond(0).unwrap();
        (whole(visit.end.expect("it is over")) - whole(visit.start)).num_minutes()
    })
}

/// What was read of weeks ago counts in key figures and in a briefing's trend, where memory does not reach.
async fn figures_and_trend_know_of_it(house: &House) {
    let week = asked(house, "/api/v1/kpis?days=7").await;
    let month = asked(house, "/api/v1/kpis?days=30").await;
    let all = |kpis: &Value| kpis["agencies"][0]["all"].clone();
    let n = |kpis: &Value| all(kpis)["n_shifts"].as_u64().unwrap();
    assert_eq!(n(&month) - n(&week), 3, "{month} {week}");
    let known_from = month["agencies"][0]["known_from"].as_str().unwrap();
    assert!(known_from.starts_with("2026-11-04"), "{month}");
    assert!(all(&month)["missed_ratio"].as_f64().unwrap() > 0.0, "nobody came to one: {month}");
    assert_eq!(
        month["agencies"][0]["manual_edit_ratio"],
        Value::Null,
        "nobody watched then: what was edited is not known"
    );
    let briefing = asked(house, "/api/v1/briefing").await;
    let day = |day: &str| {
        let days = briefing["briefings"][0]["trend"].as_array().unwrap();
        days.iter().find(|one| one["day"] == day).unwrap_or_else(|| panic!("{day}: {briefing}")).clone()
    };
    let made = day("2026-11-04");
    assert_eq!((&made["n_shifts"], &made["made"], &made["on_time"]), (&json!(1), &json!(1.0), &json!(1.0)), "{made}");
    let missed = day("2026-11-06");
    assert_eq!((&missed["made"], &missed["n_missed"]), (&json!(0.0), &json!(1)), "{missed}");
    assert_eq!(day("2026-11-10")["n_shifts"], Value::Null, "a day without a shift that is known is not known");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_past_that_was_never_watched_is_read_and_closed_and_edited() {
    let mut house =
        House::open(Plan { world: weeks_ago, wellsky: "      encounter_naive_tz: utc", ..Plan::default() }).await;
    let span = "from=2026-11-01&to=2026-11-14";
    let before = asked(&house, &format!("/api/v1/hours?{span}")).await;
    assert_eq!(before["complete"], false);
    assert_eq!(before["total"]["worked_minutes"], 0, "nothing of it is here, and it says so: {}", before["missing"]);
    assert_eq!(
        before["missing"].as_array().unwrap().len(),
        30,
        "fourteen days of shifts and of visits, and the evening before"
    );
    assert_eq!(before["missing"][0]["clients"], Value::Null, "everybody's");
    let thursday = asked(&house, "/api/v1/hours?from=2026-11-05&to=2026-11-05").await;
    assert_eq!(
        thursday["missing"].as_array().unwrap().len(),
        8,
        "two days of shifts; and visits since the Saturday before its week, which count towards the overtime"
    );
    let (status, body) =
        house.post("/api/v1/hours/close", &json!({ "from": "2026-11-01", "to": "2026-11-14", "by": "office" })).await;
    assert_eq!(status, 409, "what was not read cannot be closed: {body}");

    // With what the watch leaves over.
    let read = read_all(&house, span).await;
    assert_eq!(read["n_failed"], 0, "{read}\n{}", house.log());

    let expected = minutes(&house, AVERY, "90020001") + minutes(&house, BLAKE, "90020002");
    let hours = asked(&house, &format!("/api/v1/hours?{span}")).await;
    assert_eq!((&hours["complete"], &hours["total"]["worked_minutes"]), (&json!(true), &json!(expected)), "{hours}");
    assert_eq!(
        (&hours["total"]["scheduled_minutes"], &hours["total"]["unbillable_minutes"]),
        (&json!(840), &json!(120))
    );
    let missed: Vec<&Value> =
        hours["exceptions"].as_array().unwrap().iter().filter(|one| one["kind"] == "missing_visit").collect();
    assert_eq!((missed.len(), missed[0]["shift"].as_str()), (1, Some("90020003")), "{hours}");
    assert_eq!(hours["clients"][0]["name"], Value::Null, "nobody signed in");
    let (_, page) = house.get(&format!("/hours?{span}")).await;
    assert!(page.contains("<h1>Hours</h1>") && page.contains("nobody checked in"), "{page}");

    figures_and_trend_know_of_it(&house).await;

    // By the machine's own command line, with names.
    let command = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shiftwatch"));
        command.arg("--config").arg(house.config_file()).args(["hours", "--url", &house.url]).args(more);
        let output = command.output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let days = ["--from", "2026-11-01", "--to", "2026-11-14"];
    let (ok, csv, err) = command(&[&days[..], &["--by", "client", "--output", "csv"]].concat());
    assert!(ok && csv.starts_with("agency,from,to,") && csv.contains(&format!(",client,{AVERY},")), "{csv}{err}");
    let (ok, table, err) = command(&[&days[..], &["--read", "--exceptions"]].concat());
    assert!(ok && table.contains("nobody checked in") && !table.contains("NOT COMPLETE"), "{table}{err}");

    let (ok, closed, err) = command(&["close", "2026-11-01..2026-11-14", "--by", "office"]);
    assert!(ok && closed.contains("office"), "{closed}{err}");
    let (ok, _, err) = command(&["close", "2026-11-14..2026-11-15", "--by", "office"]);
    assert!(!ok && err.contains("has a day in common"), "{err}");
    let (_, closed, _) = command(&["closed", "--output", "json"]);
    assert!(closed.contains("\"worked_minutes\""), "{closed}");

    // An edit of weeks ago; the night reads it again, and it stands beside what was frozen.
    let out = house.sim.world(|world| {
        let visit = world.visits_of(AVERY).find(|visit| visit.shift.as_deref() == Some("90020001")).expect("a visit");
        let (id, out) = (visit.id.clone(), visit.end.expect("it is over") + TimeDelta::minutes(10));
        world.check_out_visit(&id, out).map(|()| id)
    });
    let id = out.expect("the visit is edited");
    let config = std::fs::read_to_string(house.config_file()).unwrap();
    let config = config.replace("hours: { reread_days: 0 }", "hours: { reread_days: 25, reread_at: \"10:00\" }");
    std::fs::write(house.config_file(), config).unwrap();
    let mut hours = Value::Null;
    for _ in 0..900 {
        hours = asked(&house, &format!("/api/v1/hours?{span}")).await;
        if hours["adjustments"].as_array().is_some_and(|list| !list.is_empty()) {
            break;
        }
        house.pass(TimeDelta::seconds(1)).await;
    }
    let adjusted = &hours["adjustments"][0];
    assert_eq!(
        (adjusted["visit"].as_str(), &adjusted["difference_minutes"]),
        (Some(id.as_str()), &json!(10)),
        "{hours}"
    );
    assert_eq!(hours["total"]["worked_minutes"], expected, "what was frozen never changes");
    let day = asked(&house, "/api/v1/hours?from=2026-11-04&to=2026-11-04&by=client").await;
    assert_eq!(day["total"]["n_edited"], 1, "{day}");
    assert_eq!(day["adjustments"][0]["visit"], id.as_str(), "a day of a closed period shows what changed in it: {day}");
    let after = asked(&house, "/api/v1/hours?from=2026-11-13&to=2026-11-16").await;
    assert_eq!((&after["adjustments"], after["closed"][0]["to"].as_str()), (&json!([]), Some("2026-11-14")), "{after}");
    assert!(hours["edits_known_since"].is_string(), "{hours}");
    house
        .sim
        .read_log(|log| assert!(!log.iter().any(|one| one.endpoint == Endpoint::ChargeItem), "nobody wants charges"));
    assert_eq!(house.stop().await, Some(0));
    house.start().await;
    let hours = asked(&house, &format!("/api/v1/hours?{span}")).await;
    assert_eq!(hours["adjustments"].as_array().unwrap().len(), 1, "a restart forgets nothing");
    house.close().await;
}

/// Nobody who is a client any more, and was one in spring.
const FORMER: &str = "7000103";

/// Nights on which the clocks change, split and overlapping visits, one that was not planned, and one that still runs nowhere.
fn nights(world: &mut World, _: Instant) {
    world.add_client(FORMER);
    world.deactivate_client(FORMER).expect("a client");
    let came = |world: &mut World, pick: &ShiftPick, who: &str, from: &str, until: &str| {
        let visit = world.check_in_by(pick.clone(), who, at(from)).expect("a shift");
        world.check_out_visit(&visit, at(until)).expect("a visit");
    };
    let planned = |world: &mut World, id: &str, client: &str, who: &str, from: &str, until: &str| {
        world.add_shift(Appointment::new(id, client, at(from), at(until)).with(who).who(Conduct::default()))
    };
    // 23:00 to 07:00 on the wall: seven hours in March, nine in November.
    let spring = planned(world, "90030001", AVERY, CASEY, "2026-03-08T06:00:00Z", "2026-03-08T13:00:00Z");
    came(world, &spring, CASEY, "2026-03-08T06:02:40Z", "2026-03-08T13:01:10Z");
    let autumn = planned(world, "90030002", AVERY, CASEY, "2026-11-01T05:00:00Z", "2026-11-01T14:00:00Z");
    came(world, &autumn, CASEY, "2026-11-01T04:58:00Z", "2026-11-01T14:03:00Z");
    // In two pieces, and while the same caregiver is booked at the other client.
    let split = planned(world, "90030003", BLAKE, CASEY, "2026-11-01T12:00:00Z", "2026-11-01T20:00:00Z");
    came(world, &split, CASEY, "2026-11-01T12:00:30Z", "2026-11-01T15:10:00Z");
    came(world, &split, CASEY, "2026-11-01T16:00:00Z", "2026-11-01T20:00:59Z");
    // Over the local midnight at which the period ends, and over the one at which it begins.
    let over = planned(world, "90030004", BLAKE, "8000202", "2026-11-03T04:00:00Z", "2026-11-03T10:00:00Z");
    came(world, &over, "8000202", "2026-11-03T04:00:00Z", "2026-11-03T10:05:00Z");
    let before = planned(world, "90030005", BLAKE, "8000202", "2026-10-31T03:00:00Z", "2026-10-31T09:00:00Z");
    came(world, &before, "8000202", "2026-10-31T03:07:00Z", "2026-10-31T09:00:00Z");
    let other = world.unscheduled_visit(AVERY, "8000202", at("2026-11-02T18:00:00Z"));
    world.check_out_visit(&other, at("2026-11-02T18:45:00Z")).expect("a visit");
    // By this the agent finds out that visits can be read for everybody at once.
    let today = world.unscheduled_visit(AVERY, CASEY, at("2026-11-24T12:00:00Z"));
    world.check_out_visit(&today, at("2026-11-24T13:00:00Z")).expect("a visit");
    let former = planned(world, "90030006", FORMER, "8000202", "2026-10-31T16:00:00Z", "2026-10-31T19:00:00Z");
    came(world, &former, "8000202", "2026-10-31T16:00:00Z", "2026-10-31T18:30:00Z");
}

/// The minutes of the vendor's own visits and shifts whose wall clock in Denver shows a day of the period, one by one.
#[derive(Default)]
struct ByHand {
    clients: BTreeMap<String, i64>,
    caregivers: BTreeMap<String, i64>,
    payable: BTreeMap<String, BTreeSet<i64>>,
    planned: i64,
}

fn by_hand(house: &House, from: NaiveDate, to: NaiveDate, whom: &[&str]) -> ByHand {
    let inside = |minute: i64| {
        let at = chrono::DateTime::from_timestamp(minute * 60, 0).expect("an instant");
        (from..=to).contains(&at.with_timezone(&Denver).date_naive())
    };
    let each = |start: Instant, end: Instant| {
        (start.timestamp().div_euclid(60)..end.timestamp().div_euclid(60)).filter(|minute| inside(*minute))
    };
    let mut sums = ByHand::default();
    house.sim.world(|world| {
        for visit in world.visits().filter(|visit| whom.contains(&visit.client.as_str())) {
            let (Some(end), Some(caregiver)) = (visit.end, visit.caregiver.clone()) else { continue };
            for minute in each(visit.start, end) {
                *sums.clients.entry(visit.client.clone()).or_default() += 1;
                *sums.caregivers.entry(caregiver.clone()).or_default() += 1;
                sums.payable.entry(caregiver.clone()).or_default().insert(minute);
            }
        }
        for shift in world.shifts().filter(|shift| whom.contains(&shift.client.as_str())) {
            sums.planned += i64::try_from(each(shift.start, shift.end).count()).expect("minutes");
        }
    });
    sums
}

fn agrees(hours: &Value, by_hand: &ByHand) {
    let of = |list: &str, id: &str, what: &str| -> BTreeMap<String, i64> {
        let rows = hours[list].as_array().expect("a list").iter();
        let rows = rows.map(|one| (one[id].as_str().expect("an id").to_owned(), one[what].as_i64().expect("minutes")));
        rows.filter(|(_, minutes)| *minutes != 0).collect()
    };
    assert_eq!(hours["complete"], true, "{}", hours["missing"]);
    let (clients, caregivers) =
        (of("clients", "client", "worked_minutes"), of("caregivers", "caregiver", "worked_minutes"));
    assert_eq!((&clients, &caregivers), (&by_hand.clients, &by_hand.caregivers), "{hours}");
    let payable = by_hand.payable.iter().map(|(id, minutes)| (id.clone(), i64::try_from(minutes.len()).expect("few")));
    assert_eq!(of("caregivers", "caregiver", "payable_minutes"), payable.collect(), "each minute is paid once");
    let (by_client, by_caregiver): (i64, i64) = (clients.values().sum(), caregivers.values().sum());
    assert_eq!((by_client, by_client), (by_caregiver, hours["total"]["worked_minutes"].as_i64().expect("minutes")));
    assert_eq!(hours["total"]["scheduled_minutes"], by_hand.planned, "{hours}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hours_are_what_a_recount_of_the_vendors_books_gives() {
    let mut plan = Plan { world: nights, wellsky: "      encounter_naive_tz: utc", ..Plan::default() };
    plan.switches.encounter_scope = EncounterScope::AgencyWide;
    let house = House::open(plan).await;
    for (from, to, shows) in [
        ("2026-03-07", "2026-03-09", "the short night"),
        ("2026-10-31", "2026-11-02", "the long night, cut at both ends"),
        ("2026-11-01", "2026-11-01", "a day of 25 hours"),
    ] {
        let span = format!("from={from}&to={to}");
        let (status, body) = house.post(&format!("/api/v1/hours/reads?{span}"), &json!({})).await;
        assert_eq!(status, 200, "{body}");
        if body != "null" {
            let read = read_all(&house, &span).await;
            assert_eq!(read["n_failed"], 0, "{shows}: {read}");
        }
        let hours = asked(&house, &format!("/api/v1/hours?{span}")).await;
        let sums = by_hand(&house, from.parse().expect("a day"), to.parse().expect("a day"), &[AVERY, BLAKE, FORMER]);
        assert!(!sums.clients.is_empty(), "{shows}");
        agrees(&hours, &sums);
    }
    // Whoever is no client any more is known by the visits, and their shifts were read with the others'.
    let hours = asked(&house, "/api/v1/hours?from=2026-10-31&to=2026-11-02&by=client").await;
    let former =
        hours["clients"].as_array().unwrap().iter().find(|one| one["client"] == FORMER).expect("the former client");
    assert_eq!((&former["scheduled_minutes"], &former["worked_minutes"]), (&json!(180), &json!(150)), "{former}");
    assert_eq!(hours["not_asked"], json!([]));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_no_client_any_more_is_named_where_nobody_can_be_asked_about_all() {
    let house = House::open(Plan { world: nights, wellsky: "      encounter_naive_tz: utc", ..Plan::default() }).await;
    let span = "from=2026-10-31&to=2026-11-02";
    read_all(&house, span).await;
    let hours = asked(&house, &format!("/api/v1/hours?{span}")).await;
    agrees(&hours, &by_hand(&house, "2026-10-31".parse().unwrap(), "2026-11-02".parse().unwrap(), &[AVERY, BLAKE]));
    assert_eq!(hours["not_asked"], json!([FORMER]));
    house.close().await;
}
