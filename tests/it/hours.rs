//! Hours against the simulated vendor: a past that the agent never watched is read, adds up to the vendor's own books, is closed,
//! and a late edit shows beside what was frozen.

use std::process::Command;

use chrono::{TimeDelta, Timelike as _};
use serde_json::{Value, json};
use shiftwatch::{
    model::Instant,
    sim::{Appointment, Conduct, World},
};

use crate::harness::{AVERY, BLAKE, CASEY, House, Plan};

/// Two visits weeks ago, one of them over midnight; and a shift to which nobody came.
fn weeks_ago(world: &mut World, now: Instant) {
    let start = now - TimeDelta::days(20);
    world.add_shift(Appointment::hours("90020001", AVERY, start, 4).with(CASEY).who(Conduct::punctual()));
    let night = now - TimeDelta::days(19) + TimeDelta::hours(12);
    world.add_shift(Appointment::hours("90020002", BLAKE, night, 8).with("8000202").who(Conduct::punctual()));
    let missed = now - TimeDelta::days(18);
    world.add_shift(Appointment::hours("90020003", BLAKE, missed, 2).with(CASEY).who(Conduct::default()));
}

async fn asked(house: &House, path: &str) -> Value {
    let (status, body) = house.get(path).await;
    assert_eq!(status, 200, "{path}: {body}\n{}", house.log());
    serde_json::from_str(&body).unwrap()
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_past_that_was_never_watched_is_read_and_closed_and_edited() {
    let mut house =
        House::open(Plan { world: weeks_ago, wellsky: "      encounter_naive_tz: utc", ..Plan::default() }).await;
    let span = "from=2026-11-01&to=2026-11-14";
    let before = asked(&house, &format!("/api/v1/hours?{span}")).await;
    assert_eq!(before["complete"], false);
    assert_eq!(before["total"]["worked_minutes"], 0, "nothing of it is here, and it says so: {}", before["missing"]);
    assert_eq!(before["missing"].as_array().unwrap().len(), 28, "fourteen days of shifts and of visits");
    assert_eq!(before["missing"][0]["clients"], Value::Null, "everybody's");
    let (status, body) =
        house.post("/api/v1/hours/close", &json!({ "from": "2026-11-01", "to": "2026-11-14", "by": "office" })).await;
    assert_eq!(status, 409, "what was not read cannot be closed: {body}");

    // With what the watch leaves over.
    let (status, body) = house.post(&format!("/api/v1/hours/reads?{span}"), &json!({})).await;
    assert_eq!(status, 200, "{body}");
    let mut read: Value = serde_json::from_str(&body).unwrap();
    for _ in 0..600 {
        if read["over"] == true {
            break;
        }
        house.pass(TimeDelta::seconds(1)).await;
        read = asked(&house, &format!("/api/v1/hours/reads/{}", read["id"].as_str().unwrap())).await;
    }
    assert_eq!((&read["over"], &read["n_failed"]), (&json!(true), &json!(0)), "{read}\n{}", house.log());

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
    assert_eq!(house.stop().await, Some(0));
    house.start().await;
    let hours = asked(&house, &format!("/api/v1/hours?{span}")).await;
    assert_eq!(hours["adjustments"].as_array().unwrap().len(), 1, "a restart forgets nothing");
    house.close().await;
}
