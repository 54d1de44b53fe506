//! Charges against the simulated vendor: read for the hours that are asked for, laid beside them, and said not to be read where
//! they were not.

use std::{collections::BTreeSet, process::Command};

use chrono::TimeDelta;
use serde_json::{Value, json};
use shiftwatch::{
    model::Instant,
    sim::{
        Appointment, Bill, Conduct, Endpoint, World,
        switches::{Malformed, TotalField},
    },
};

use crate::{
    harness::{AVERY, BLAKE, CASEY, House, Plan},
    hours::{asked, read_all},
};

const SPAN: &str = "from=2026-11-01&to=2026-11-14";
const SECTIONS: &str = "      encounter_naive_tz: utc\n      sections: { chargeitems: { again: 1h } }\n";

/// Avery had two visits, Blake a night and a shift to which nobody came.
fn weeks_ago(world: &mut World, now: Instant) {
    let add = |world: &mut World, id: &str, client: &str, start: Instant, hours: i64, conduct: Conduct| {
        world.add_shift(Appointment::hours(id, client, start, hours).with(CASEY).who(conduct));
    };
    add(world, "90020001", AVERY, now - TimeDelta::days(20), 4, Conduct::punctual());
    add(world, "90020002", BLAKE, now - TimeDelta::days(19) + TimeDelta::hours(12), 8, Conduct::punctual());
    add(world, "90020003", BLAKE, now - TimeDelta::days(18), 2, Conduct::default());
    add(world, "90020004", AVERY, now - TimeDelta::days(18), 3, Conduct::punctual());
}

/// Bills Avery's first visit, Blake's night half an hour short and in two, and Blake's shift to which nobody came.
fn bill(house: &House) {
    let start = house.sim.world(|world| {
        let visit = |shift: &str, client: &str| {
            world.visits_of(client).find(|visit| visit.shift.as_deref() == Some(shift)).cloned().expect("a visit")
        };
        let (first, night) = (visit("90020001", AVERY), visit("90020002", BLAKE));
        let missed = world.shift("90020003").expect("a shift").start;
        world.bill_visit(&first.id).expect("it is over");
        let middle = night.start + TimeDelta::hours(4);
        let worked = minutes(night.start, night.end.expect("it is over"));
        let rest = f64::from(i32::try_from(worked - 240 - 30).expect("minutes")) / 60.0;
        let part = |id: &str, start: Instant, end: Instant, hours: f64| Bill {
            id: id.to_owned(),
            client: BLAKE.to_owned(),
            caregiver: Some(CASEY.to_owned()),
            start,
            end,
            hours,
        };
        world.bill(part("66000001", night.start, middle, 4.0));
        world.bill(part("66000002", middle, night.end.expect("it is over"), rest));
        world.bill(part("66000003", missed, missed + TimeDelta::hours(2), 2.0));
        missed
    });
    assert!(start < house.now());
}

fn minutes(from: Instant, until: Instant) -> i64 {
    until.timestamp().div_euclid(60) - from.timestamp().div_euclid(60)
}

/// `kind client difference` of each.
fn differences(hours: &Value) -> Vec<String> {
    let list = hours["charges"]["differences"].as_array().expect("a list");
    let short = |one: &Value| {
        format!("{} {} {}", one["kind"].as_str().unwrap(), one["client"].as_str().unwrap(), one["difference_minutes"])
    };
    list.iter().map(short).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hours_without_a_charge_and_charges_without_hours_are_found() {
    let house = House::open(Plan { world: weeks_ago, wellsky: SECTIONS, ..Plan::default() }).await;
    bill(&house);
    let before = asked(&house, &format!("/api/v1/hours?{SPAN}")).await;
    assert_eq!(
        (&before["charges"]["as_of"], &before["charges"]["charged_minutes"], &before["charges"]["complete"]),
        (&Value::Null, &Value::Null, &json!(true)),
        "nothing is read and nobody known to need it: {}",
        before["charges"]
    );
    let asked_for = || house.sim.read_log(|log| log.iter().filter(|one| one.endpoint == Endpoint::ChargeItem).count());
    assert_eq!(asked_for(), 0, "a report reads nothing from the vendor");

    let read = read_all(&house, SPAN).await;
    assert_eq!(read["n_failed"], 0, "{read}");
    // A client and week each: Avery's 4 and 6 November, Blake's 6th (and the night before), with the days around.
    house.sim.read_log(|log| {
        let charges: Vec<_> = log.iter().filter(|one| one.endpoint == Endpoint::ChargeItem).collect();
        let weeks: BTreeSet<(u64, u64, u64)> = charges
            .iter()
            .map(|one| {
                let body: Value = serde_json::from_str(&one.body).expect("JSON");
                let number = |name: &str| body[name].as_u64().expect("a number, not a text");
                (number("clientId"), number("startDate"), number("endDate"))
            })
            .collect();
        let clients: BTreeSet<u64> = weeks.iter().map(|week| week.0).collect();
        assert_eq!(clients, BTreeSet::from([7_000_101, 7_000_102]));
        // A week, within November or over the end of October.
        assert!(weeks.iter().all(|(_, first, last)| [6, 75].contains(&(last - first))), "{weeks:?}");
        assert_eq!((charges.len(), weeks.len()), (weeks.len(), 4), "each once: {weeks:?}");
        assert!(charges.iter().all(|one| one.status == 200 && one.path == "/v1/chargeitem/_search/"));
    });

    let hours = asked(&house, &format!("/api/v1/hours?{SPAN}")).await;
    let unbilled = house.sim.world(|world| {
        let visit = world.visits_of(AVERY).find(|visit| visit.shift.as_deref() == Some("90020004")).expect("a visit");
        minutes(visit.start, visit.end.expect("it is over"))
    });
    let expected = [
        format!("quantity {BLAKE} -30"),
        format!("without_charge {AVERY} -{unbilled}"),
        format!("without_hours {BLAKE} 120"),
    ];
    let mut found = differences(&hours);
    found.sort();
    assert_eq!(found, expected, "{}", hours["charges"]);
    let charges = &hours["charges"];
    assert_eq!((&charges["complete"], &charges["naive_times"]), (&json!(true), &json!("utc")), "{charges}");
    assert_eq!(charges["worked_minutes"], hours["total"]["worked_minutes"], "every minute was compared");
    let worked = hours["total"]["worked_minutes"].as_i64().expect("minutes");
    assert_eq!(charges["charged_minutes"], worked - unbilled - 30 + 120, "{charges}");
    assert_eq!(charges["without_charge_minutes"], unbilled);

    // By the command line and on the page.
    let command = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shiftwatch"));
        command.arg("--config").arg(house.config_file()).args(["hours", "--url", &house.url]).args(more);
        let output = command.args(["--from", "2026-11-01", "--to", "2026-11-14"]).output().expect("the binary runs");
        (String::from_utf8(output.stdout).expect("text"), String::from_utf8(output.stderr).expect("text"))
    };
    let (table, err) = command(&["--charges"]);
    assert!(table.contains("worked, no charge") && table.contains("66000001, 66000002"), "{table}{err}");
    let (csv, _) = command(&["--charges", "--output", "csv"]);
    assert!(csv.starts_with("kind,at,client,") && csv.contains(",66000003,,,120,120"), "{csv}");
    let (table, err) = command(&["--read"]);
    assert!(table.contains("3 do not meet") && !table.contains("NOT COMPLETE"), "{table}{err}");
    assert_eq!(asked_for(), 4, "what was just read is not read again");
    let (_, page) = house.get(&format!("/hours?{SPAN}")).await;
    assert!(page.contains("charged, no visit") && page.contains("charged otherwise than worked"), "{page}");
    let (_, sections) = house.get("/api/v1/sections").await;
    assert!(sections.contains("\"chargeitems\""), "{sections}");
    assert!(house.metrics().await.contains("endpoint=\"chargeitem\""), "its requests count by themselves");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_could_not_be_read_of_charges_is_said_and_nothing_is_missing_for_it() {
    let house = House::open(Plan { world: weeks_ago, wellsky: SECTIONS, ..Plan::default() }).await;
    bill(&house);
    // The vendor claims more rows than it gives, and one of them makes no sense.
    house.sim.switches(|switches| {
        switches.total_field.set(Endpoint::ChargeItem, TotalField::Wrong);
        switches.malformed.set(Endpoint::ChargeItem, Malformed::Missing);
        switches.malformed_about = "66000001".to_owned();
    });
    let read = read_all(&house, SPAN).await;
    assert!(read["n_failed"].as_u64() > Some(0) && read["fault"].is_string(), "{read}");
    let hours = asked(&house, &format!("/api/v1/hours?{SPAN}")).await;
    let charges = &hours["charges"];
    assert_eq!((&charges["complete"], hours["complete"].as_bool()), (&json!(false), Some(true)), "{charges}");
    assert!(charges["unread"].as_array().is_some_and(|list| list.iter().any(|one| one["why"] == "not complete")));
    assert_eq!(charges["rejected"][0]["charge"], "66000001", "it is named: {charges}");
    let found = differences(&hours);
    // Avery's second week was read whole (it is empty, and claims nothing); of Blake's night half is missing, perhaps.
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().any(|one| one.starts_with(&format!("without_charge {AVERY} "))), "{found:?}");
    assert!(found.contains(&format!("without_hours {BLAKE} 120")), "what was read is evidence: {found:?}");
    assert_eq!(charges["n_not_compared"], 1, "{charges}");
    house.close().await;
}
