//! An alert that was told is closed to the same people, with the reason for which it closed.

use chrono::TimeDelta;
use shiftwatch::sim::{Appointment, World, switches::CancelShape};

use crate::harness::{AVERY, House, Plan, SHIFT, seconds};

/// An uncovered shift that was told, then this; closed with these words.
async fn closes(shape: CancelShape, change: fn(&mut World), words: &[&str]) {
    let mut plan = Plan::default();
    plan.switches.cancel_shape = shape;
    let mut house = House::open(plan).await;
    house.sim.world(|world| world.unassign(SHIFT)).expect("a shift");
    house.told_of(&["NO CAREGIVER"]).await;
    house.sim.world(change);
    house.told_of(words).await;
    let (texts, mails) = (house.sim.texts(), house.sim.mails());
    assert_eq!(texts[0].to, texts[1].to, "the same phone");
    assert_eq!(mails[0].to, mails[1].to, "the same address");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelled_with_a_status() {
    closes(CancelShape::Cancelled, |world| world.cancel(SHIFT).expect("a shift"), &["CLOSED", "cancelled"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelled_spelled_the_other_way() {
    closes(CancelShape::Canceled, |world| world.cancel(SHIFT).expect("a shift"), &["CLOSED", "cancelled"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelled_and_the_row_is_gone() {
    closes(
        CancelShape::Removed,
        |world| world.cancel(SHIFT).expect("a shift"),
        &["CLOSED", "removed from the schedule"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleted() {
    closes(
        CancelShape::Cancelled,
        |world| world.delete(SHIFT).expect("a shift"),
        &["CLOSED", "removed from the schedule"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn moved_out_of_the_band() {
    let change = |world: &mut World| {
        let shift = world.shift(SHIFT).expect("a shift").clone();
        let day = TimeDelta::hours(24);
        world.move_to(SHIFT, shift.start + day, shift.end + day).expect("a shift");
    };
    closes(CancelShape::Cancelled, change, &["CLOSED: Tue 13:00-17:00", "moved to Wed 13:00"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn moved_within_the_band_closes_before_it_is_told_again() {
    // Nothing but the shifts: between its two misses nobody can say how the old one is.
    const UNCOVERED: &str = "groups:\n  - { name: e2e, rules: [ { alert: ShiftUncovered, uncovered_shift: { within: 4h }, labels: { severity: page } } ] }\n";
    let mut house = House::open(Plan { rules: UNCOVERED, ..Plan::default() }).await;
    house.sim.world(|world| world.unassign(SHIFT)).expect("a shift");
    house.told_of(&["NO CAREGIVER Tue 13:00-17:00"]).await;
    house.sim.world(|world| {
        let shift = world.shift(SHIFT).expect("a shift").clone();
        let later = TimeDelta::minutes(50);
        world.move_to(SHIFT, shift.start + later, shift.end + later).expect("a shift");
    });
    house.told_of(&["CLOSED: Tue 13:00-17:00", "moved to Tue 13:50"]).await;
    house.told_of(&["NO CAREGIVER Tue 13:50-17:50"]).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_without_anybody_assigned() {
    let mut house = House::open(Plan::default()).await;
    let start = house.now() + seconds(40);
    house.sim.world(|world| world.add_shift(Appointment::new("90010003", AVERY, start, start + seconds(40))));
    house.told_of(&["NO CAREGIVER", "Shift 90010003."]).await;
    house.told_of(&["CLOSED", "is over, nobody was assigned", "Find out what happened to the client."]).await;
    house.close().await;
}
