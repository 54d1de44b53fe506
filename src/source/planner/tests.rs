use chrono::TimeDelta;
use chrono_tz::America::Denver;

use super::*;
use crate::{
    model::{AgencyName, local_time::from_micros},
    source::fetched::{Batch, Extent, RejectedRow, Rows, Span},
    source::request::hot_span,
};

const DAY_SECONDS: i64 = 24 * 3600;

/// 2026-07-06T06:00Z plus so many seconds: midnight in Denver.
fn at(seconds: f64) -> Instant {
    let ahead = time(seconds.abs());
    from_micros(1_783_317_600_000_000) + if seconds < 0.0 { -ahead } else { ahead }
}

fn settings(detect_within: u64, rate: f64) -> PlanSettings {
    PlanSettings::new(Duration::from_secs(detect_within), rate, Denver, 7)
}

fn fetched(read: Read, started_at: Instant, outcome: Result<bool, ReadFault>) -> Fetched {
    let batch = Batch::Shifts(Vec::new());
    Fetched {
        agency: AgencyName::from("main"),
        read,
        started_at,
        finished_at: started_at,
        outcome: outcome.map(|complete| Rows { batch, complete, rejected: Vec::new() }),
        shift_tasks: Vec::new(),
        requests: Vec::new(),
    }
}

fn shift(from: i64, until: i64) -> Span {
    Span { from: at(0.0) + TimeDelta::seconds(from), until: at(0.0) + TimeDelta::seconds(until) }
}

fn with_shifts(shifts: Vec<Span>) -> ClientPlan {
    ClientPlan { shifts_within_30_days: !shifts.is_empty(), shifts, ..ClientPlan::default() }
}

/// Runs the planner with reads that answer at once and completely; gives every read with its instant.
fn run(planner: &mut Planner, from: Instant, until: Instant) -> Vec<(Instant, Read)> {
    let mut now = from;
    let mut reads = Vec::new();
    while now < until {
        match planner.next(now) {
            Next::Read(read) => {
                planner.done(&fetched(read.clone(), now, Ok(true)));
                reads.push((now, read));
            }
            Next::Wait(later) => {
                assert!(later > now, "a wait must lie ahead");
                now = later;
            }
        }
    }
    reads
}

fn hot_reads_of<'a>(reads: &'a [(Instant, Read)], id: &str) -> Vec<&'a Instant> {
    reads
        .iter()
        // A far read covers the hot span as well.
        .filter(|(_, read)| matches!(read, Read::Shifts { client, .. } if client.as_str() == id))
        .map(|(at, _)| at)
        .collect()
}

#[test]
fn rosters_come_first_and_keep_their_intervals() {
    let mut planner = Planner::new(settings(300, 2.0), at(0.0));
    let reads = run(&mut planner, at(0.0), at(26.0 * 3600.0));
    assert_eq!(reads[0].1, Read::Clients(Extent::Full));
    assert_eq!(reads[1].1, Read::Caregivers(Extent::Full));
    let n = |wanted: fn(&Read) -> bool| reads.iter().filter(|(_, read)| wanted(read)).count();
    assert_eq!(n(|read| matches!(read, Read::Clients(Extent::Full))), 2, "once a day");
    assert!(
        (104..=116).contains(&n(|read| matches!(read, Read::Clients(Extent::UpdatedSince(_))))),
        "every 15 minutes"
    );
    assert!((26..=30).contains(&n(|read| matches!(read, Read::Caregivers(_)))), "hourly");
    assert_eq!(n(|read| matches!(read, Read::Locations)), 2);
}

#[test]
fn a_second_look_waits_until_it_can_show_something() {
    let mut planner = Planner::new(settings(300, 2.0), at(0.0));
    run(&mut planner, at(0.0), at(5.0));
    let read = Read::Shifts { client: "c1".into(), span: shift(0, 3600), confirming: false };
    planner.want_for(read.clone(), at(6.0), at(5.0));
    let reads = run(&mut planner, at(5.0), at(8.0));
    let asked: Vec<Instant> = reads.iter().filter(|(_, other)| *other == read).map(|(at, _)| *at).collect();
    assert_eq!(asked.len(), 1, "{reads:?}");
    assert!(asked[0] >= at(6.0) && asked[0] < at(6.6), "at once then, and not before: {}", asked[0]);
}

#[test]
fn a_roster_known_of_old_is_asked_for_once_and_keeps_nobody_waiting() {
    let mut planner = Planner::new(settings(300, 1.0), at(0.0));
    planner.clients_read_at(at(-1200.0));
    planner.update_client(&"running".into(), with_shifts(vec![shift(-3600, DAY_SECONDS)]), at(0.0));
    let mut reads = run(&mut planner, at(0.0), at(5.0));
    // Said again by every caller who knows of it, as after each read: it is the same old news.
    for minute in 0..60_u32 {
        planner.clients_read_at(at(-1200.0));
        let from = 5.0 + f64::from(minute) * 60.0;
        reads.extend(run(&mut planner, at(from), at(from + 60.0)));
    }
    let lists = reads.iter().filter(|(_, read)| matches!(read, Read::Clients(Extent::UpdatedSince(_)))).count();
    assert!((4..=6).contains(&lists), "every 15 minutes, not {lists} in an hour");
    assert!(hot_reads_of(&reads, "running").len() >= 12, "and the schedule is read all along");
}

#[test]
fn a_roster_with_rows_that_make_no_sense_is_read_three_times_running() {
    let mut planner = Planner::new(settings(300, 2.0), at(0.0));
    let (mut now, mut full) = (at(0.0), Vec::new());
    while now < at(3600.0) {
        match planner.next(now) {
            Next::Read(read) => {
                let mut fetched = fetched(read.clone(), now, Ok(true));
                if read == Read::Clients(Extent::Full) {
                    full.push(seconds(now - at(0.0)));
                    let bad = RejectedRow {
                        endpoint: Endpoint::Patients,
                        id: None,
                        client: None,
                        caregiver: None,
                        reason: "no id",
                    };
                    if let Ok(rows) = &mut fetched.outcome {
                        rows.rejected.push(bad);
                    }
                }
                planner.done(&fetched);
            }
            Next::Wait(later) => now = later,
        }
    }
    assert_eq!(full.len(), 3, "{full:?}");
    assert!(full[2] < 65.0, "{full:?}");
}

#[test]
fn a_roster_filter_that_is_refused_is_asked_for_once() {
    let mut planner = Planner::new(settings(300, 2.0), at(0.0));
    let (mut now, mut updated, mut full) = (at(0.0), 0, 0);
    while now < at(6.0 * 3600.0) {
        match planner.next(now) {
            Next::Read(read) => {
                let outcome = match read {
                    Read::Clients(Extent::UpdatedSince(_)) => {
                        updated += 1;
                        Err(ReadFault::Request { endpoint: Endpoint::Patients, code: "400".to_owned() })
                    }
                    _ => Ok(true),
                };
                full += u32::from(read == Read::Clients(Extent::Full));
                planner.done(&fetched(read, now, outcome));
            }
            Next::Wait(later) => now = later,
        }
    }
    assert_eq!(updated, 1);
    assert!((6..=9).contains(&full), "hourly instead, not {full} in six hours");
}

#[test]
fn a_list_that_is_due_again_at_once_takes_every_other_slot_at_most() {
    let mut planner = Planner::new(settings(20, 1.0), at(0.0));
    for n in 0..100 {
        planner.update_client(&format!("c{n}").as_str().into(), with_shifts(vec![shift(-3600, DAY_SECONDS)]), at(0.0));
    }
    let (mut now, mut lists, mut clients) = (at(0.0), 0, 0);
    while now < at(600.0) {
        planner.hurry_roster(now);
        match planner.next(now) {
            Next::Read(read) => {
                planner.done(&fetched(read.clone(), now, Ok(true)));
                if matches!(read, Read::Shifts { .. }) { clients += 1 } else { lists += 1 }
            }
            Next::Wait(later) => now = later,
        }
    }
    assert!(clients + 2 >= lists && clients > 250, "{clients} clients, {lists} lists");
}

#[test]
fn each_tier_is_read_within_its_period_and_not_much_more_often() {
    let mut planner = Planner::new(settings(300, 2.0), at(0.0));
    let day = DAY_SECONDS;
    let far = |n: i64| with_shifts(vec![shift(n * day, n * day + 3600)]);
    planner.update_client(&"running".into(), with_shifts(vec![shift(-3600, 10 * day)]), at(0.0));
    planner.update_client(&"soon".into(), far(1), at(0.0));
    planner.update_client(&"later".into(), far(9), at(0.0));
    planner.update_client(&"idle".into(), ClientPlan::default(), at(0.0));
    let reads = run(&mut planner, at(0.0), at(18.0 * 3600.0));
    for (id, period) in [("running", 300.0), ("soon", 900.0), ("later", 3600.0), ("idle", 21_600.0)] {
        let times = hot_reads_of(&reads, id);
        let gaps: Vec<f64> = times.windows(2).map(|two| seconds(*two[1] - *two[0])).collect();
        assert!(gaps.len() >= 2, "{id} is read");
        let widest = gaps.iter().copied().fold(0.0, f64::max);
        assert!(widest <= period, "{id}: never older than its period, but {widest}");
        let mean = gaps.iter().sum::<f64>() / float(gaps.len());
        assert!(mean >= 0.6 * period, "{id}: no more reads than needed, but every {mean} s");
    }
}

#[test]
fn the_rate_is_the_lowest_that_keeps_the_promise_and_never_above_the_cap() {
    let mut planner = Planner::new(settings(300, 2.0), at(0.0));
    for n in 0..200 {
        // Forty run now, the others start through the day.
        let start = if n < 40 { -60 } else { 5 * 3600 + i64::from(n) * 240 };
        planner.update_client(
            &format!("c{n}").as_str().into(),
            with_shifts(vec![shift(start, start + 4 * 3600)]),
            at(0.0),
        );
    }
    let reads = run(&mut planner, at(0.0), at(3.0 * 3600.0));
    let settled: Vec<Instant> = reads.iter().map(|(at, _)| *at).filter(|now| *now > at(7200.0)).collect();
    let rate = float(settled.len()) / 3600.0;
    let needed = planner.promise().needed_per_second;
    assert!(planner.promise().kept);
    assert!(rate < 1.2 * needed, "{rate} per second, {needed} needed");
    // Evenly: no second of the day sees a burst, and no ten seconds more than the cap.
    for window in settled.windows(25) {
        assert!(window[24] - window[0] >= TimeDelta::seconds(10), "25 reads within {}", window[24] - window[0]);
    }
    let promised = TimeDelta::seconds(300);
    for n in 0..40 {
        let times = hot_reads_of(&reads, &format!("c{n}"));
        assert!(times.windows(2).all(|two| *two[1] - *two[0] <= promised), "c{n}");
    }
}

#[test]
fn confirming_reads_go_at_once_and_once() {
    let mut planner = Planner::new(settings(300, 1.0), at(0.0));
    for n in 0..50 {
        planner.update_client(&format!("c{n}").as_str().into(), with_shifts(vec![shift(600, 4000)]), at(0.0));
    }
    let confirm = Read::Shifts { client: "c7".into(), span: shift(0, 5000), confirming: true };
    assert!(matches!(planner.next(at(0.0)), Next::Read(Read::Clients(_))));
    assert!(matches!(planner.next(at(0.0)), Next::Wait(_)), "the budget is used");
    planner.want(confirm.clone(), at(0.0));
    planner.want(confirm.clone(), at(0.0));
    assert_eq!(planner.next(at(0.0)), Next::Read(confirm.clone()), "not held by the budget's pace");
    assert!(matches!(planner.next(at(0.0)), Next::Wait(_)), "once");
    planner.done(&fetched(confirm.clone(), at(0.0), Ok(true)));
    planner.want(confirm.clone(), at(0.5));
    assert_eq!(planner.next(at(0.5)), Next::Read(confirm), "a new verdict may ask again at once");
}

#[test]
fn what_is_unjudged_is_read_before_the_sweep_but_not_over_and_over() {
    let mut planner = Planner::new(settings(300, 1.0), at(0.0));
    for n in 0..500 {
        planner.update_client(&format!("c{n}").as_str().into(), with_shifts(vec![shift(600, 90_000)]), at(0.0));
    }
    run(&mut planner, at(0.0), at(10.0));
    let want = Read::Shifts { client: "c400".into(), span: shift(0, 5000), confirming: false };
    planner.want(want.clone(), at(10.0));
    let reads = run(&mut planner, at(10.0), at(14.0));
    assert!(reads.iter().any(|(_, read)| *read == want), "{reads:?}");
    planner.want(want.clone(), at(14.0));
    let reads = run(&mut planner, at(14.0), at(24.0));
    assert!(reads.iter().all(|(_, read)| *read != want), "the answer is on its way");
    planner.want(want.clone(), at(60.0));
    assert!(run(&mut planner, at(60.0), at(70.0)).iter().any(|(_, read)| *read == want));
}

#[test]
fn deadlines_are_read_before_they_come_and_spread() {
    let mut planner = Planner::new(settings(300, 2.0), at(0.0));
    for n in 0..60 {
        let plan = ClientPlan { deadlines: vec![at(4500.0)], ..with_shifts(vec![shift(3600, 7200)]) };
        planner.update_client(&format!("c{n}").as_str().into(), plan, at(0.0));
    }
    let reads = run(&mut planner, at(0.0), at(6000.0));
    let visits: Vec<Instant> =
        reads.iter().filter(|(_, read)| matches!(read, Read::Visits { .. })).map(|(at, _)| *at).collect();
    assert_eq!(visits.len(), 60, "each once");
    assert!(
        visits.iter().all(|now| (at(4500.0 - 360.0)..at(4500.0)).contains(now)),
        "before, and not too early to count"
    );
    let first_half = visits.iter().filter(|now| **now < at(4320.0)).count();
    assert!((15..=45).contains(&first_half), "spread: {first_half} of 60 in the first half");
}

#[test]
fn a_client_seen_checked_in_needs_no_read() {
    let mut planner = Planner::new(settings(300, 2.0), at(0.0));
    let plan = ClientPlan { deadlines: vec![at(4500.0)], ..with_shifts(vec![shift(3600, 7200)]) };
    planner.update_client(&"a".into(), plan.clone(), at(0.0));
    planner.update_client(&"a".into(), ClientPlan { deadlines: vec![], ..plan }, at(3700.0));
    let reads = run(&mut planner, at(3700.0), at(6000.0));
    assert!(!reads.iter().any(|(_, read)| matches!(read, Read::Visits { .. })));
}

#[test]
fn while_both_wait_known_deadlines_take_three_slots_of_four() {
    let mut planner = Planner::new(settings(10, 1.0), at(0.0));
    planner.clients_read_at(at(0.0));
    for n in 0..400 {
        let plan = ClientPlan {
            deadlines: vec![at(0.0)],
            shifts_read_at: Some(at(-1000.0)),
            far_read_at: Some(at(0.0)),
            ..with_shifts(vec![shift(-900, 7200)])
        };
        planner.update_client(&format!("c{n}").as_str().into(), plan, at(0.0));
    }
    let reads = run(&mut planner, at(0.0), at(200.0));
    let visits = reads.iter().filter(|(_, read)| matches!(read, Read::Visits { .. })).count();
    assert!((140..=155).contains(&visits), "{visits} of {}", reads.len());
}

#[test]
fn agency_wide_reads_replace_those_by_client_and_come_just_before_a_deadline() {
    let mut planner = Planner::new(settings(300, 2.0), at(0.0));
    planner.set_encounter_scope(EncounterScope::AgencyWide, at(0.0));
    for n in 0..60 {
        let plan = ClientPlan { deadlines: vec![at(4500.0)], ..with_shifts(vec![shift(3600, 7200)]) };
        planner.update_client(&format!("c{n}").as_str().into(), plan, at(0.0));
    }
    let reads = run(&mut planner, at(0.0), at(6000.0));
    assert!(!reads.iter().any(|(_, read)| matches!(read, Read::Visits { client: Some(_), .. })));
    let wide: Vec<Instant> =
        reads.iter().filter(|(_, read)| matches!(read, Read::Visits { client: None, .. })).map(|(at, _)| *at).collect();
    assert!((45..=70).contains(&wide.len()), "every two minutes: {}", wide.len());
    assert!(wide.iter().any(|now| (at(4490.0)..at(4500.0)).contains(now)), "and just before the deadline");
}

#[test]
fn faults_hold_back_what_they_concern() {
    let client = || ClientId::from("a");
    let hot_read = || Read::Shifts { client: client(), span: hot_span(at(300.0), Denver), confirming: false };
    let plan = || with_shifts(vec![shift(-60, 90_000)]);
    // The first hot read between two instants; everything else is answered.
    let hot = |planner: &mut Planner, from: f64, until: f64| {
        let mut now = at(from);
        while now < at(until) {
            match planner.next(now) {
                Next::Read(read @ Read::Shifts { confirming: false, .. }) if read == hot_read() => return Some(now),
                Next::Read(read) => planner.done(&fetched(read, now, Ok(true))),
                Next::Wait(later) => now = later,
            }
        }
        None
    };
    // A passing failure: this client waits a little, longer each time.
    let mut planner = Planner::new(settings(300, 10.0), at(0.0));
    planner.update_client(&client(), plan(), at(0.0));
    run(&mut planner, at(0.0), at(1.0));
    let read = hot_read();
    let code = || "500".to_owned();
    let transient = || ReadFault::Transient { endpoint: Endpoint::Appointment, code: code() };
    let first = hot(&mut planner, 1.0, 300.0).expect("due");
    planner.done(&fetched(read.clone(), first, Err(transient())));
    let from = seconds(first - at(0.0));
    assert_eq!(hot(&mut planner, from, from + 4.9), None);
    let second = hot(&mut planner, from + 4.9, from + 12.0).expect("after five seconds and the pace");
    planner.done(&fetched(read.clone(), second, Err(transient())));
    let from = seconds(second - at(0.0));
    assert_eq!(hot(&mut planner, from, from + 9.9), None, "twice as long");
    assert!(hot(&mut planner, from + 9.9, from + 17.0).is_some());
    // A 429 stops everything until then, wishes included, which are kept.
    planner.done(&fetched(read.clone(), at(316.0), Err(ReadFault::Throttled { until: at(400.0) })));
    let confirm = Read::Shifts { client: client(), span: shift(0, 5000), confirming: true };
    planner.want(confirm.clone(), at(317.0));
    assert_eq!(planner.next(at(317.0)), Next::Wait(at(317.0) + WAIT_MAX));
    assert_eq!(planner.next(at(400.0)), Next::Read(confirm.clone()));
    planner.done(&fetched(
        confirm.clone(),
        at(400.0),
        Err(ReadFault::BreakerOpen { endpoint: Endpoint::Appointment, until: at(500.0) }),
    ));
    assert_ne!(planner.next(at(499.0)), Next::Read(confirm.clone()), "the endpoint is paused");
    let reads = run(&mut planner, at(500.0), at(502.0));
    assert_eq!(reads[0].1, confirm, "the wish still stands");
    assert!(reads.iter().any(|(_, other)| *other == read), "and so does the sweep");
}

#[test]
fn a_client_refused_alone_waits_and_the_others_do_not() {
    type Make = fn() -> ReadFault;
    let refused = |fault: Make| {
        let mut planner = Planner::new(settings(300, 10.0), at(0.0));
        planner.clients_read_at(at(0.0));
        for id in ["refused", "fine"] {
            let plan = ClientPlan { far_read_at: Some(at(0.0)), ..with_shifts(vec![shift(-60, 90_000)]) };
            planner.update_client(&id.into(), plan, at(0.0));
        }
        let (mut now, mut asked, mut others) = (at(0.0), Vec::new(), 0);
        let wanted = Read::Shifts { client: "refused".into(), span: shift(0, 3600), confirming: false };
        while now < at(4.0 * 3600.0) {
            // The rules ask for it all the time.
            planner.want(wanted.clone(), now);
            match planner.next(now) {
                Next::Read(read) => {
                    let of_refused = matches!(&read, Read::Shifts { client, .. } if client.as_str() == "refused");
                    others += u32::from(matches!(&read, Read::Shifts { client, .. } if client.as_str() == "fine"));
                    planner.done(&fetched(read, now, if of_refused { Err(fault()) } else { Ok(true) }));
                    if of_refused {
                        asked.push(now);
                    }
                }
                Next::Wait(later) => now = later,
            }
        }
        (asked, others)
    };
    let rows: &[(Make, &str)] = &[
        (|| ReadFault::Permission { endpoint: Endpoint::Appointment, code: "403".to_owned() }, "no leave"),
        (|| ReadFault::Route { endpoint: Endpoint::Appointment, code: "404".to_owned() }, "no route"),
        (|| ReadFault::Request { endpoint: Endpoint::Appointment, code: "422".to_owned() }, "a wrong request"),
    ];
    for (fault, shows) in rows {
        let (asked, others) = refused(*fault);
        let gaps: Vec<f64> = asked.windows(2).map(|two| seconds(two[1] - two[0])).collect();
        let expected = [300.0, 900.0, 2700.0, 3600.0, 3600.0];
        assert_eq!(gaps.len(), expected.len(), "{shows}: {gaps:?}");
        for (gap, least) in gaps.iter().zip(expected) {
            assert!(*gap >= least && *gap < least + 60.0, "{shows}: {gaps:?}");
        }
        assert!(others >= 48, "{shows}: the other client is read {others} times");
    }
}

#[test]
fn whoever_was_turned_away_with_everybody_is_asked_again_once_the_road_is_open() {
    let mut planner = Planner::new(settings(300, 10.0), at(0.0));
    planner.clients_read_at(at(0.0));
    let plan = || ClientPlan {
        shifts_read_at: Some(at(-290.0)),
        visits_read_at: Some(at(0.0)),
        far_read_at: Some(at(0.0)),
        ..with_shifts(vec![shift(-60, 90_000)])
    };
    for id in ["a", "b", "c"] {
        planner.update_client(&id.into(), plan(), at(0.0));
    }
    let (mut now, mut asked) = (at(0.0), Vec::new());
    while now < at(1000.0) {
        match planner.next(now) {
            Next::Read(read) => {
                let is_shut = now < at(902.0);
                let endpoint = Endpoint::Appointment;
                let outcome = match &read {
                    Read::Shifts { .. } if asked.len() < 2 => {
                        Err(ReadFault::Permission { endpoint, code: "403".to_owned() })
                    }
                    Read::Shifts { .. } if is_shut => Err(ReadFault::BreakerOpen { endpoint, until: at(902.0) }),
                    _ => Ok(true),
                };
                if let Read::Shifts { client, .. } = &read {
                    asked.push((client.to_string(), seconds(now - at(0.0))));
                }
                planner.done(&fetched(read, now, outcome));
            }
            Next::Wait(later) => now = later,
        }
    }
    let since: BTreeSet<&str> =
        asked.iter().filter(|(_, at)| (902.0..930.0).contains(at)).map(|(client, _)| client.as_str()).collect();
    assert_eq!(since.len(), 3, "{asked:?}");
}

#[test]
fn when_one_endpoint_answers_again_the_others_are_tried_at_once() {
    let mut planner = Planner::new(settings(300, 10.0), at(0.0));
    planner.clients_read_at(at(0.0));
    planner.update_client(&"a".into(), with_shifts(vec![shift(-60, 90_000)]), at(0.0));
    run(&mut planner, at(0.0), at(5.0));
    let shifts = Read::Shifts { client: "a".into(), span: shift(0, 3600), confirming: false };
    let visits = Read::Visits { client: Some("a".into()), span: shift(0, 3600), confirming: false };
    let closed = |endpoint, until| Err(ReadFault::BreakerOpen { endpoint, until });
    planner.want(shifts.clone(), at(6.0));
    planner.want(visits.clone(), at(6.0));
    planner.done(&fetched(shifts.clone(), at(6.0), closed(Endpoint::Appointment, at(900.0))));
    planner.done(&fetched(visits.clone(), at(6.0), closed(Endpoint::Encounter, at(200.0))));
    assert!(!run(&mut planner, at(6.0), at(199.0)).iter().any(|(_, read)| *read == shifts || *read == visits));
    let reads = run(&mut planner, at(200.0), at(205.0));
    assert!(reads.iter().any(|(_, read)| *read == visits), "{reads:?}");
    assert!(reads.iter().any(|(_, read)| *read == shifts), "{reads:?}");
    // One that failed without being paused is such a sign too, from its second failure on.
    for (n_failures, is_sign) in [(1, false), (2, true)] {
        let now = at(1000.0 * f64::from(n_failures));
        planner.want(shifts.clone(), now);
        planner.done(&fetched(shifts.clone(), now, closed(Endpoint::Appointment, now + TimeDelta::seconds(500))));
        for _ in 0..n_failures {
            let fault = ReadFault::Transient { endpoint: Endpoint::Encounter, code: "500".to_owned() };
            planner.done(&fetched(visits.clone(), now, Err(fault)));
        }
        planner.done(&fetched(visits.clone(), now, Ok(true)));
        let reads = run(&mut planner, now, now + TimeDelta::seconds(5));
        assert_eq!(reads.iter().any(|(_, read)| *read == shifts), is_sign, "{n_failures}: {reads:?}");
    }
}

#[test]
fn an_incomplete_read_is_repeated_soon_but_not_for_ever() {
    let mut planner = Planner::new(settings(300, 10.0), at(0.0));
    planner.clients_read_at(at(0.0));
    planner.update_client(&"a".into(), with_shifts(vec![shift(9 * DAY_SECONDS, 9 * DAY_SECONDS + 60)]), at(0.0));
    let mut now = at(0.0);
    let mut n = 0;
    while now < at(1800.0) {
        match planner.next(now) {
            Next::Read(read) => {
                let hot = matches!(&read, Read::Shifts { span, .. } if span.until - span.from < TimeDelta::days(8));
                n += usize::from(hot);
                planner.done(&fetched(read, now, Ok(!hot)));
            }
            Next::Wait(later) => now = later,
        }
    }
    assert_eq!(n, 1 + 3, "the read, and three repetitions in half an hour");
}

#[test]
fn a_restart_begins_with_what_was_known() {
    let mut planner = Planner::new(settings(300, 2.0), at(0.0));
    planner.clients_read_at(at(-600.0));
    let fresh = ClientPlan {
        shifts_read_at: Some(at(-10.0)),
        far_read_at: Some(at(-10.0)),
        ..with_shifts(vec![shift(-60, 90_000)])
    };
    let stale = ClientPlan {
        shifts_read_at: Some(at(-1000.0)),
        far_read_at: Some(at(-10.0)),
        ..with_shifts(vec![shift(-60, 90_000)])
    };
    planner.update_client(&"fresh".into(), fresh, at(0.0));
    planner.update_client(&"stale".into(), stale, at(0.0));
    let reads = run(&mut planner, at(0.0), at(100.0));
    assert!(!reads.iter().any(|(_, read)| matches!(read, Read::Clients(_))), "the roster is young enough");
    assert_eq!(hot_reads_of(&reads, "stale").len(), 1, "{reads:?}");
    assert_eq!(hot_reads_of(&reads, "fresh").len(), 0);
}

#[test]
fn a_clock_that_steps_back_makes_everything_due() {
    let mut planner = Planner::new(settings(300, 2.0), at(1800.0));
    planner.clients_read_at(at(1800.0));
    planner.update_client(&"c".into(), with_shifts(vec![shift(-60, 90_000)]), at(1800.0));
    run(&mut planner, at(1800.0), at(1830.0));
    planner.done(&fetched(Read::Locations, at(1830.0), Err(ReadFault::Throttled { until: at(2000.0) })));
    // A mirror that has not noticed yet still speaks of the future.
    let plan = ClientPlan { shifts_read_at: Some(at(1830.0)), ..with_shifts(vec![shift(-60, 90_000)]) };
    planner.next(at(0.0));
    planner.update_client(&"c".into(), plan, at(0.0));
    let reads = run(&mut planner, at(0.0), at(10.0));
    assert!(!hot_reads_of(&reads, "c").is_empty(), "{reads:?}");
    let lists = [Read::Clients(Extent::Full), Read::Caregivers(Extent::Full)];
    assert!(lists.iter().all(|list| reads.iter().any(|(_, read)| read == list)), "{reads:?}");
    let reads = run(&mut planner, at(10.0), at(1800.0));
    assert!((5..10).contains(&hot_reads_of(&reads, "c").len()), "{reads:?}");
}

#[test]
fn a_removed_client_is_read_no_more_also_when_a_read_was_under_way() {
    let mut planner = Planner::new(settings(300, 2.0), at(0.0));
    planner.clients_read_at(at(0.0));
    planner.update_client(&"a".into(), with_shifts(vec![shift(-60, 90_000)]), at(0.0));
    let mut now = at(0.0);
    let read = loop {
        match planner.next(now) {
            Next::Read(read @ Read::Shifts { .. }) => break read,
            Next::Read(read) => planner.done(&fetched(read, now, Ok(true))),
            Next::Wait(later) => now = later,
        }
    };
    planner.remove_client(&"a".into());
    planner.done(&fetched(read, now, Ok(true)));
    let reads = run(&mut planner, now, now + TimeDelta::hours(8));
    assert!(!reads.iter().any(|(_, read)| matches!(read, Read::Shifts { .. })));
    assert_eq!(planner.tiers().iter().map(|(_, n)| n).sum::<usize>(), 0);
}

#[test]
fn the_same_seed_gives_the_same_plan() {
    let reads = |seed| {
        let mut planner = Planner::new(PlanSettings { seed, ..settings(300, 2.0) }, at(0.0));
        for n in 0..20 {
            planner.update_client(&format!("c{n}").as_str().into(), with_shifts(vec![shift(600, 4000)]), at(0.0));
        }
        run(&mut planner, at(0.0), at(3600.0))
    };
    assert_eq!(reads(1), reads(1));
    assert_ne!(reads(1), reads(2));
}

#[test]
fn what_a_reload_cut_short_is_handed_out_again() {
    let mut planner = Planner::new(settings(300, 2.0), at(0.0));
    let id = ClientId::from("7000101");
    planner.update_client(&id, with_shifts(vec![shift(3600, 7200)]), at(0.0));
    let wish = Read::Client(ClientId::from("7000102"));
    planner.want(wish.clone(), at(0.0));
    let take = |planner: &mut Planner, from: f64| {
        let mut reads = Vec::new();
        let (mut now, until) = (at(from), at(from + 30.0));
        while now < until {
            match planner.next(now) {
                Next::Read(read) => reads.push(read),
                Next::Wait(later) => now = later,
            }
        }
        reads
    };
    let before = take(&mut planner, 0.0);
    assert!(before.iter().any(|read| matches!(read, Read::Shifts { client, .. } if *client == id)), "{before:?}");
    assert!(before.contains(&wish) && before.contains(&Read::Caregivers(Extent::Full)), "{before:?}");
    assert!(take(&mut planner, 30.0).is_empty(), "all of it is under way");
    planner.cut_short(at(60.0));
    let again = take(&mut planner, 60.0);
    assert!(again.iter().any(|read| matches!(read, Read::Shifts { client, .. } if *client == id)), "{again:?}");
    assert!(again.contains(&wish) && again.contains(&Read::Caregivers(Extent::Full)), "{again:?}");
}
