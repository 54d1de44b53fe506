use std::time::Duration;

use super::*;
use crate::model::local_time::from_micros;

/// At the beginning of an hour.
fn at(seconds: i64) -> Instant {
    from_micros((1_796_119_200 + seconds) * 1_000_000)
}

fn request(endpoint: Endpoint, seconds: i64, code: &str) -> RequestRecord {
    let ok = code == "200";
    let took = Duration::from_millis(40);
    RequestRecord { endpoint, code: code.to_owned(), at: at(seconds), took, ok, waited: Duration::ZERO }
}

fn shifts(requests: &[(i64, &str)]) -> Vec<RequestRecord> {
    requests.iter().map(|(seconds, code)| request(Endpoint::Appointment, *seconds, code)).collect()
}

/// Observed and up, whole seconds, over everything.
fn sums(unkept: &Unkept) -> (u64, u64) {
    let hours = unkept.rows().into_iter().filter(|row| row.length == Length::Hour);
    hours.fold((0, 0), |(observed, up), row| (observed + row.slice.observed.as_secs(), up + row.slice.up.as_secs()))
}

#[test]
fn only_time_in_which_somebody_looked_is_observed() {
    for (requests, until, observed, up, why) in [
        (vec![], 1000, 0, 0, "nobody asked"),
        (vec![(0, "200")], 0, 0, 0, "no time has passed"),
        (vec![(0, "200")], 100, 100, 100, "a good answer holds"),
        (vec![(0, "200")], 300, 300, 300, "for five minutes"),
        (vec![(0, "200")], 301, 300, 300, "and no longer: nobody has looked since"),
        (vec![(0, "200"), (600, "200")], 660, 360, 360, "the gap between is unknown"),
        (vec![(0, "503")], 100, 100, 0, "a failure holds"),
        (vec![(0, "503")], 4000, 3600, 0, "for an hour"),
        (vec![(0, "503"), (700, "200")], 800, 800, 100, "until the next request"),
        (vec![(0, "200"), (60, "503"), (61, "200")], 120, 120, 119, "one failure costs until the next good answer"),
        (vec![(60, "200"), (30, "503")], 90, 30, 30, "one that left before does not say how it stands"),
    ] {
        let mut log = ApiLog::default();
        log.record(&shifts(&requests));
        log.pass_time(at(until));
        assert_eq!(sums(&log.take()), (observed, up), "{why}");
    }
}

#[test]
fn time_passes_into_the_slices_it_lies_in_whatever_the_steps() {
    let mut in_one = ApiLog::default();
    in_one.record(&shifts(&[(3400, "200")]));
    let mut in_many = in_one.clone();
    in_one.pass_time(at(3700));
    let mut added: BTreeMap<(Length, Instant), ApiSlice> = BTreeMap::new();
    for seconds in (3400..=3700).step_by(7).chain([3700]) {
        in_many.pass_time(at(seconds));
        for row in in_many.take().rows() {
            added.entry((row.length, row.from)).or_default().add(&row.slice);
        }
    }
    let in_one: BTreeMap<_, _> =
        in_one.take().rows().into_iter().map(|row| ((row.length, row.from), row.slice)).collect();
    assert_eq!(in_one, added);
    let seconds: Vec<(i64, u64)> =
        in_one.iter().map(|((length, _), slice)| (length.minutes(), slice.observed.as_secs())).collect();
    assert_eq!(seconds, [(5, 200), (5, 100), (60, 200), (60, 100)], "cut at the hour");
}

#[test]
fn requests_are_counted_where_they_left() {
    let mut log = ApiLog::default();
    log.record(&shifts(&[(1, "200"), (2, "timeout"), (3, "503"), (4, "500"), (3601, "200")]));
    let rows = log.take().rows();
    let first = rows.iter().find(|row| row.length == Length::Hour && row.from == at(0)).unwrap();
    assert_eq!((first.slice.n_requests, first.slice.n_errors()), (4, 3));
    assert_eq!(first.slice.errors, BTreeMap::from([("5xx".to_owned(), 2), ("timeout".to_owned(), 1)]));
    assert_eq!(first.slice.took.percentile(50), Some(0.05));
}

#[test]
fn an_outage_is_two_failures_in_a_row_and_ends_with_the_next_good_answer() {
    let began = |since, code: &str| OutageNews::Began {
        endpoint: Endpoint::Appointment,
        since: at(since),
        code: code.to_owned(),
    };
    let ended = |until| OutageNews::Ended { endpoint: Endpoint::Appointment, until: at(until) };
    for (requests, news, why) in [
        (vec![(0, "200")], vec![ended(0)], "one of before the start may be open"),
        (vec![(0, "200"), (1, "200")], vec![ended(0)], "said once"),
        (vec![(0, "503")], vec![], "one failure is none"),
        (vec![(0, "503"), (1, "200")], vec![], "nor is it when it passes"),
        (vec![(0, "503"), (1, "timeout")], vec![began(0, "503")], "the first failure says since when and why"),
        (vec![(0, "503"), (1, "500"), (2, "500")], vec![began(0, "503")], "it begins once"),
        (vec![(0, "503"), (1, "500"), (9, "200")], vec![began(0, "503"), ended(9)], "and ends"),
        (
            vec![(0, "200"), (1, "500"), (2, "500"), (3, "200"), (4, "500"), (5, "500")],
            vec![ended(0), began(1, "500"), ended(3), began(4, "500")],
            "there may be another",
        ),
    ] {
        let mut log = ApiLog::default();
        log.record(&shifts(&requests));
        assert_eq!(log.take().outages, news, "{why}");
    }
    let mut log = ApiLog::default();
    log.record(&[request(Endpoint::Appointment, 0, "500"), request(Endpoint::Encounter, 1, "500")]);
    assert!(log.take().outages.is_empty(), "endpoints have nothing to do with one another");
}

#[test]
fn what_could_not_be_stored_is_not_lost() {
    let mut log = ApiLog::default();
    log.record(&shifts(&[(0, "500"), (1, "500")]));
    log.pass_time(at(10));
    let taken = log.take();
    assert!(log.unkept().is_empty());
    log.record(&shifts(&[(20, "200")]));
    log.put_back(taken);
    log.pass_time(at(30));
    let unkept = log.take();
    assert_eq!((sums(&unkept), unkept.outages.len()), ((30, 10), 2));
}

#[test]
fn a_store_that_refuses_for_long_costs_the_oldest() {
    let mut log = ApiLog::default();
    let n = i64::try_from(WAITING_MAX).unwrap() + 10;
    for slice in 0..n {
        log.record(&shifts(&[(slice * 300, "200")]));
    }
    let rows = log.take().rows();
    assert_eq!(rows.iter().filter(|row| row.length == Length::FiveMinutes).count(), WAITING_MAX);
    assert!(rows.iter().any(|row| row.from == at((n - 1) * 300)), "the newest is there");
}

#[test]
fn a_clock_that_steps_back_observes_nothing_twice() {
    let mut log = ApiLog::default();
    log.record(&shifts(&[(1000, "200")]));
    log.pass_time(at(1100));
    log.pass_time(at(500));
    log.pass_time(at(600));
    assert_eq!(sums(&log.take()), (100, 100), "what was ahead says nothing of now");
    log.record(&shifts(&[(610, "200")]));
    log.pass_time(at(620));
    assert_eq!(sums(&log.take()), (10, 10));
}
