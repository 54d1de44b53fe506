//! Reminders to caregivers, end to end: those who asked get them, once, also over a restart.

use chrono::TimeDelta;
use shiftwatch::sim::{Appointment, Conduct, Practitioner, World};

use crate::harness::{AVERY, BLAKE, House, PATIENCE, Plan, at};

const ASKED: &str = "8000203";
const DID_NOT: &str = "8000204";

const RULES: &str = r"groups:
  - name: e2e
    rules:
      - { alert: ShiftUncovered, uncovered_shift: { within: 0s }, labels: { severity: page } }
      - { alert: MissedCheckIn, missed_check_in: { after: 15m }, labels: { severity: page } }
";

fn two_late(world: &mut World, now: shiftwatch::model::Instant) {
    for (id, number) in [(ASKED, "2025550163"), (DID_NOT, "2025550164")] {
        let mut who = Practitioner::new(id);
        number.clone_into(&mut who.phones[0].number);
        world.add_caregiver(who);
    }
    let start = now + TimeDelta::minutes(6);
    let late = || Conduct { arrive_s: Some(180), ..Conduct::punctual() };
    world.add_shift(Appointment::hours("90010021", AVERY, start, 4).with(ASKED).who(late()));
    world.add_shift(Appointment::hours("90010022", BLAKE, start, 4).with(DID_NOT).who(late()));
}

#[tokio::test]
async fn whoever_asked_is_reminded_once_and_it_is_measured() {
    let plan = Plan {
        begins_at: at("2026-11-24T17:00:00Z"),
        rules: RULES,
        // Beside `wellsky:`, two spaces further out.
        wellsky: "    reminders: { before: 10m, check_in: 1m, check_out: off, people: [\"8000203\"] }\n",
        world: two_late,
        ..Plan::default()
    };
    let mut house = House::open(plan).await;
    let to = |house: &House| -> Vec<(String, String)> {
        house.sim.texts().into_iter().map(|text| (text.to, text.body)).collect()
    };
    assert!(house.sim.until(PATIENCE, |sim| !sim.texts().is_empty()).await, "{}", house.log());
    house.kill();
    house.start().await;
    assert!(house.sim.until(PATIENCE, |sim| sim.texts().len() >= 2).await, "{:?} {}", to(&house), house.log());
    let told = to(&house);
    assert!(told.iter().all(|(number, _)| number == "+12025550163"), "{told:?}");
    assert!(told[0].1.starts_with("CCA: shift Tue 10:06-14:06") && told[0].1.contains("is yours"), "{told:?}");
    assert!(told[1].1.contains("no check-in seen yet"), "{told:?}");
    house.shows("shiftwatch_reminder_cleared_ratio", 1.0).await;
    let (_, status) = house.get("/api/v1/status").await;
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    let reminders = &status["agencies"][0]["reminders"];
    assert_eq!(
        (&reminders["on"], &reminders["people"], &reminders["sent"], &reminders["cleared_ratio"]),
        (&true.into(), &1.into(), &2.into(), &1.0.into()),
        "over the restart, too: {reminders}"
    );
    let (_, kpis) = house.get("/api/v1/kpis").await;
    let kpis: serde_json::Value = serde_json::from_str(&kpis).unwrap();
    let reminded = &kpis["agencies"][0]["reminders"];
    assert_eq!((&reminded["n_sent"], &reminded["cleared_ratio"]), (&2.into(), &1.0.into()), "{reminded}");
    house.long_enough().await;
    assert_eq!(to(&house).len(), 2, "once each: {:?}", to(&house));
    assert!(!house.log().contains("2025550163"), "no phone in a log");
    assert_eq!(house.stop().await, Some(0), "{}", house.log());
}
