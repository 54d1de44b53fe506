//! The vendor fails: nobody is paged for nothing, nothing is called well that was not seen, and the blindness is told.

use chrono::TimeDelta;
use shiftwatch::sim::{
    Appointment, Fault, FaultAnswer, Latency, Switches, request_log,
    switches::{Malformed, RetryAfter},
};

use crate::harness::{AVERY, BLAKE, CASEY, House, PATIENCE, Plan, SHIFT, value};

/// The usual house, with a shift of Avery's whose band begins in a minute and a half: a moment at which somebody must look.
fn opening() -> Plan {
    Plan {
        world: |world, now| {
            let start = now + TimeDelta::hours(4) + TimeDelta::seconds(90);
            world.add_shift(Appointment::hours("90010005", AVERY, start, 2).with(CASEY));
        },
        ..Plan::default()
    }
}

/// An uncovered shift that was told; then the vendor fails like this, and is well again.
async fn dark(fail: impl FnOnce(&mut Switches), half_is_seen: bool) {
    let mut house = House::open(opening()).await;
    house.shows("shiftwatch_uncovered_shifts", 0.0).await;
    house.sim.world(|world| world.unassign(SHIFT)).expect("a shift");
    house.told_of(&["NO CAREGIVER", "Shift 90010001."]).await;
    house.sim.switches(fail);
    house.told_of(&["CCA: CAN'T SEE WellSky since", "unwatched: check them in WellSky."]).await;
    house.shows("shiftwatch_blind", 1.0).await;
    if half_is_seen {
        house.counts("shiftwatch_unjudged_subjects").await;
    } else {
        house.hides("shiftwatch_uncovered_shifts").await;
    }
    house.long_enough().await;
    house.nobody_else_was_told();
    house.sim.switches(|switches| *switches = Switches::default());
    house.told_of(&["CCA CLOSED: CAN'T SEE WellSky: it answers again,"]).await;
    house.long_enough().await;
    house.nobody_else_was_told();
    house.shows("shiftwatch_uncovered_shifts", 1.0).await;
    house.sim.world(|world| world.assign(SHIFT, "8000202")).expect("a shift");
    house.told_of(&["CLOSED", "covered", "Shift 90010001."]).await;
    let tokens = house.sim.read_log(|log| request_log::token_requests(log).len());
    assert_eq!(tokens, 1, "a token is asked for once, whatever else fails");
    house.close().await;
}

async fn answering(answer: FaultAnswer) {
    dark(|switches| switches.faults = vec![Fault::new("/v1/", answer)], false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status_500() {
    answering(FaultAnswer::Status(500)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer() {
    answering(FaultAnswer::Wire(Latency::Hang)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_in_the_middle() {
    answering(FaultAnswer::Wire(Latency::CutMidway)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_such_route() {
    // A missing route is not asked for again for a quarter of an hour; a restart asks at once.
    let mut house = House::open(opening()).await;
    house.sim.world(|world| world.unassign(SHIFT)).expect("a shift");
    house.told_of(&["NO CAREGIVER"]).await;
    house.sim.switches(|switches| switches.faults = vec![Fault::new("/v1/", FaultAnswer::Route403)]);
    house.told_of(&["CCA: CAN'T SEE WellSky since"]).await;
    house.hides("shiftwatch_uncovered_shifts").await;
    house.long_enough().await;
    house.nobody_else_was_told();
    assert_eq!(house.sim.read_log(|log| request_log::token_requests(log).len()), 1, "a missing route is no bad token");
    assert_eq!(house.stop().await, Some(0));
    house.sim.switches(|switches| *switches = Switches::default());
    house.start().await;
    house.told_of(&["CCA CLOSED: CAN'T SEE WellSky: it answers again,"]).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn throttled() {
    answering(FaultAnswer::Throttled(RetryAfter::Seconds(1))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn truncated_json() {
    answering(FaultAnswer::Wire(Latency::Truncated)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_html() {
    answering(FaultAnswer::Html(200)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_that_is_no_bundle() {
    answering(FaultAnswer::NotABundle).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_client_of_many_cannot_be_read() {
    dark(|switches| switches.faults = vec![Fault::new("/v1/", FaultAnswer::Status(500)).about(AVERY)], true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_empty() {
    let mut house = House::open(Plan::default()).await;
    house.sim.world(|world| world.unassign(SHIFT)).expect("a shift");
    house.told_of(&["NO CAREGIVER"]).await;
    house.sim.switches(|switches| switches.all_empty = true);
    let told = |mails: Vec<shiftwatch::sim::Mail>| mails.iter().any(|mail| mail.subject().contains("SourceAnomaly"));
    assert!(house.sim.until(PATIENCE, |sim| told(sim.mails())).await, "nobody was told: {}", house.log());
    assert!(told(house.tech_mails()), "it is for the technical contact");
    house.long_enough().await;
    assert_eq!(value(&house.metrics().await, "shiftwatch_uncovered_shifts"), None, "unknown is not 0");
    let said: Vec<String> = house.sim.texts().into_iter().map(|text| text.body).collect();
    assert!(said.iter().all(|body| !(body.contains("90010001") && body.contains("CLOSED"))), "{said:?}");
    assert!(said[1..].iter().all(|body| body.contains("CAN'T SEE")), "{said:?}");
    house.vendor_was_asked_rightly();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_out_in_the_dark_is_told_when_it_is_light_again() {
    let mut house = House::open(Plan::default()).await;
    house.sim.switches(|switches| switches.faults = vec![Fault::new("/v1/", FaultAnswer::Status(503))]);
    house.told_of(&["CAN'T SEE WellSky"]).await;
    house.sim.world(|world| world.unassign(SHIFT)).expect("a shift");
    house.sim.switches(|switches| *switches = Switches::default());
    let first = house.told().await;
    let second = house.told().await;
    let said = format!("{first}\n{second}");
    assert!(said.contains("CLOSED: CAN'T SEE WellSky") && said.contains("NO CAREGIVER Tue 13:00-17:00"), "{said}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_first_look_finds_is_one_summary() {
    let mut house = House::unwatched(Plan {
        world: |world, now| {
            for n in 0..15 {
                let start = now + TimeDelta::minutes(60 + 5 * n);
                world.add_shift(Appointment::hours(format!("9001010{n}"), BLAKE, start, 1));
            }
        },
        ..Plan::default()
    })
    .await;
    house.start().await;
    house.told_of(&["CCA: 15 alerts now", "First: NO CAREGIVER Tue 11:00-12:00"]).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_cannot_be_read_is_counted_and_closes_nothing() {
    let mut house = House::open(Plan::default()).await;
    house.sim.world(|world| world.unassign(SHIFT)).expect("a shift");
    house.told_of(&["NO CAREGIVER"]).await;
    house.sim.switches(|switches| {
        switches.malformed.set(shiftwatch::sim::Endpoint::Appointment, Malformed::Garbage);
        switches.malformed_about = AVERY.into();
    });
    house.long_enough().await;
    let rejected = value(&house.metrics().await, "shiftwatch_rejected_rows_total");
    assert!(rejected.is_some_and(|n| n > 0.0), "{rejected:?}");
    let closed: Vec<String> = house.sim.texts().into_iter().map(|text| text.body).collect();
    assert!(closed.iter().all(|body| !body.contains("CLOSED")), "{closed:?}");
    house.vendor_was_asked_rightly();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_new_token_for_each_that_expired() {
    let house = House::open(Plan::default()).await;
    let tokens = |house: &House| house.sim.read_log(|log| request_log::token_requests(log).len());
    assert_eq!(tokens(&house), 1);
    for n in 2..=3 {
        house.sim.revoke_tokens();
        house.long_enough().await;
        assert_eq!(tokens(&house), n, "{}", house.log());
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_hour_of_quiet_reads_schedules_all_along_and_the_roster_four_times() {
    let mut house = House::open(Plan { speed: 200, ..Plan::default() }).await;
    house.pass(TimeDelta::minutes(62)).await;
    let count = |roster: bool| {
        house.sim.read_log(|log| {
            let is_roster = |entry: &&request_log::Entry| entry.filter("updated").is_some();
            let is_shifts = |entry: &&request_log::Entry| entry.filter("clientId").is_some();
            log.iter().filter(|entry| if roster { is_roster(entry) } else { is_shifts(entry) }).count()
        })
    };
    assert!((2..=6).contains(&count(true)), "the roster every 15 minutes, not {} times in an hour", count(true));
    let shifts = count(false);
    house.pass(TimeDelta::minutes(5)).await;
    assert!(count(false) > shifts + 10, "schedules are read all along: {} in five minutes", count(false) - shifts);
    house.sim.world(|world| world.unassign(SHIFT)).expect("a shift");
    house.told_of(&["CCA: NO CAREGIVER", "Shift 90010001."]).await;
    house.close().await;
}
