//! From what happens at the agency to what people read: told once, closed with its reason, to the same people.

use chrono::TimeDelta;
use shiftwatch::sim::{Appointment, Conduct};

use crate::harness::{AVERY, BLAKE, CASEY, House, Plan, SHIFT, at, seconds};

/// The zone of naive visit times is known.
const NAIVE_IS_UTC: &str = "      encounter_naive_tz: utc";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_uncovered_shift_is_told_once_and_closed_when_covered() {
    let mut house = House::open(Plan::default()).await;
    house.nobody_else_was_told();
    let happened_at = house.now();
    house.sim.world(|world| world.unassign(SHIFT)).expect("a shift");
    house.told_of(&["CCA: NO CAREGIVER", "Tue 13:00-17:00", "Find cover.", "Shift 90010001."]).await;
    // The reading interval, the confirming read, group_wait, two ticks; and a second of a busy machine.
    let promised = seconds(house.detect_within_s + 5 + 2 + 2 + i64::from(crate::harness::SPEED));
    assert!(house.sim.texts()[0].at - happened_at <= promised, "{}", house.sim.texts()[0].at - happened_at);
    house.long_enough().await;
    house.nobody_else_was_told();
    house.sim.world(|world| world.assign(SHIFT, "8000202")).expect("a shift");
    house.told_of(&["CCA CLOSED: Tue 13:00-17:00", "covered", "Shift 90010001."]).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missed_check_in_is_told_once_and_closed_when_somebody_arrives() {
    let mut house = House::open(Plan { wellsky: NAIVE_IS_UTC, ..Plan::default() }).await;
    let start = house.now() + seconds(20);
    house.sim.world(|world| world.add_shift(Appointment::hours("90010003", AVERY, start, 2).with(CASEY)));
    house.told_of(&["CCA: NO CHECK-IN", "Call caregiver, then client.", "Shift 90010003."]).await;
    let now = house.now();
    house.sim.world(|world| world.check_in("90010003", now)).expect("a shift");
    house.told_of(&["CCA CLOSED", "arrived late", "Shift 90010003."]).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_zone_of_visits_is_not_known_an_arrival_has_no_time() {
    let mut house = House::open(Plan::default()).await;
    let start = house.now() + seconds(20);
    house.sim.world(|world| world.add_shift(Appointment::hours("90010003", AVERY, start, 2).with(CASEY)));
    house.told_of(&["CCA: NO CHECK-IN"]).await;
    let now = house.now();
    house.sim.world(|world| world.check_in("90010003", now)).expect("a shift");
    house.told_of(&["CCA CLOSED", "arrived. Nothing more to do."]).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_arrives_and_leaves_in_time_is_not_spoken_of() {
    let house = House::open(Plan::default()).await;
    let start = house.now() + seconds(15);
    let shift = Appointment::new("90010003", AVERY, start, start + seconds(30)).with(CASEY).who(Conduct::punctual());
    house.sim.world(|world| world.add_shift(shift));
    house.pass(seconds(70)).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missed_check_out_is_told_once_and_closed_when_they_check_out() {
    let mut house = House::open(Plan::default()).await;
    let start = house.now() + seconds(10);
    let conduct = Conduct { arrive_s: Some(0), ..Conduct::default() };
    let shift = Appointment::new("90010003", AVERY, start, start + seconds(30)).with(CASEY).who(conduct);
    house.sim.world(|world| world.add_shift(shift));
    house.told_of(&["CCA: NO CHECK-OUT", "Ask the caregiver to check out.", "Shift 90010003."]).await;
    let now = house.now();
    house.sim.world(|world| world.check_out("90010003", now)).expect("a visit");
    house.told_of(&["CCA CLOSED", "checked out", "Shift 90010003."]).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn occurrences_that_share_an_id_do_not_shadow_one_another() {
    let plan = Plan {
        world: |world, now| {
            let start = now + TimeDelta::minutes(90);
            world.add_shift(Appointment::hours("90010003", AVERY, start, 1).with(CASEY));
            world.add_shift(Appointment::hours("90010003", AVERY, start + TimeDelta::minutes(90), 1).with(CASEY));
        },
        ..Plan::default()
    };
    let begins_at = plan.begins_at;
    let mut house = House::open(plan).await;
    let (first, second) = (begins_at + TimeDelta::minutes(90), begins_at + TimeDelta::minutes(180));
    house.sim.world(|world| world.unassign(("90010003", first))).expect("the first");
    house.told_of(&["NO CAREGIVER Tue 11:30-12:30"]).await;
    house.sim.world(|world| world.unassign(("90010003", second))).expect("the second");
    house.told_of(&["NO CAREGIVER Tue 13:00-14:00"]).await;
    house.sim.world(|world| world.assign(("90010003", first), CASEY)).expect("the first");
    house.told_of(&["CLOSED: Tue 11:30-12:30", "covered"]).await;
    house.long_enough().await;
    house.nobody_else_was_told();
    house.sim.world(|world| world.delete(("90010003", second))).expect("the second");
    house.told_of(&["CLOSED: Tue 13:00-14:00", "removed from the schedule"]).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shift_across_midnight_is_one_shift() {
    // 23:59 on the agency's wall.
    let mut house =
        House::open(Plan { begins_at: at("2026-11-25T06:58:50Z"), wellsky: NAIVE_IS_UTC, ..Plan::default() }).await;
    let start = at("2026-11-25T06:59:50Z");
    house.sim.world(|world| world.add_shift(Appointment::hours("90010003", AVERY, start, 8).with(CASEY)));
    house.told_of(&["NO CHECK-IN Tue 23:59-07:59", "Shift 90010003."]).await;
    let now = house.now();
    assert!(now > at("2026-11-25T07:00:00Z"), "it is the next day");
    house.sim.world(|world| world.check_in("90010003", now)).expect("a shift");
    house.told_of(&["CLOSED: Tue 23:59-07:59", "arrived late"]).await;
    house.close().await;
}

/// A night on which the clocks change: an open shift across the change, then a check-in that is missed inside the odd hour.
async fn night(begins_at: &str, missed: &str, missed_reads: &str, open: &str, open_reads: &str) {
    let mut house = House::open(Plan { begins_at: at(begins_at), wellsky: NAIVE_IS_UTC, ..Plan::default() }).await;
    house.sim.world(|world| world.add_shift(Appointment::hours("90010004", BLAKE, at(open), 4)));
    house.told_of(&["NO CAREGIVER", open_reads, "Shift 90010004."]).await;
    house.sim.world(|world| world.assign("90010004", CASEY)).expect("a shift");
    house.told_of(&["CLOSED", open_reads, "covered"]).await;
    let shift = Appointment::new("90010003", AVERY, at(missed), at(missed) + TimeDelta::minutes(90)).with(CASEY);
    house.sim.world(|world| world.add_shift(shift));
    house.told_of(&["NO CHECK-IN", missed_reads, "Shift 90010003."]).await;
    let now = house.now();
    house.sim.world(|world| world.check_in("90010003", now)).expect("a shift");
    house.told_of(&["CLOSED", missed_reads, "arrived late"]).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_night_the_clocks_go_back() {
    // 01:30 comes twice; both shifts lie in the second.
    night("2026-11-01T08:28:30Z", "2026-11-01T08:30:00Z", "Sun 01:30-03:00", "2026-11-01T10:00:00Z", "Sun 03:00-07:00")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_night_the_clocks_go_forward() {
    // 02:00 to 03:00 does not come.
    night("2027-03-14T08:28:30Z", "2027-03-14T08:30:00Z", "Sun 01:30-04:00", "2027-03-14T09:30:00Z", "Sun 03:30-07:30")
        .await;
}
