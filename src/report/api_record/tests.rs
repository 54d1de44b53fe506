use std::time::Duration;

use super::*;
use crate::{model::local_time::from_micros, report::api_log::ApiLog, source::fetched::RequestRecord};

/// Half past an hour.
fn now() -> Instant {
    from_micros((1_796_119_200 + 1800) * 1_000_000)
}

fn slice(length: Length, ago: TimeDelta, observed: u64, up: u64) -> SliceRow {
    let slice = ApiSlice {
        observed: Duration::from_secs(observed),
        up: Duration::from_secs(up),
        n_requests: 4,
        errors: BTreeMap::from([("5xx".to_owned(), 1)]),
        ..ApiSlice::default()
    };
    SliceRow { endpoint: Endpoint::Appointment, length, from: length.floor(now() - ago), slice }
}

fn outage(ago: i64, until: Option<i64>) -> OutageRow {
    let at = |minutes: i64| now() - TimeDelta::minutes(minutes);
    OutageRow { endpoint: Endpoint::Appointment, since: at(ago), until: until.map(at), code: "503".to_owned() }
}

fn record(rows: &ApiRows) -> EndpointRecord {
    ApiRecord::of(&"main".into(), rows, now()).endpoints.remove(0)
}

#[test]
fn each_span_sums_up_what_was_observed_in_it() {
    let rows = ApiRows {
        slices: vec![
            slice(Length::FiveMinutes, TimeDelta::minutes(1), 100, 50),
            slice(Length::FiveMinutes, TimeDelta::minutes(58), 100, 100),
            slice(Length::FiveMinutes, TimeDelta::minutes(66), 300, 0),
            slice(Length::Hour, TimeDelta::zero(), 100, 50),
            slice(Length::Hour, TimeDelta::hours(24), 100, 100),
            slice(Length::Hour, TimeDelta::hours(26), 200, 200),
            slice(Length::Hour, TimeDelta::days(31), 300, 0),
        ],
        outages: Vec::new(),
    };
    let record = record(&rows);
    let told: Vec<(&str, f64, Option<f64>, u64)> =
        record.spans.iter().map(|one| (one.span.as_str(), one.observed_seconds, one.uptime, one.requests)).collect();
    assert_eq!(told, [("1h", 200.0, Some(0.75), 8), ("24h", 200.0, Some(0.75), 8), ("30d", 400.0, Some(0.875), 12),]);
    let hour = record.span("1h").unwrap();
    assert_eq!((hour.error_ratio, hour.errors["5xx"]), (Some(0.25), 2));
}

#[test]
fn what_was_not_observed_is_null_and_never_100_percent() {
    let rows = ApiRows { outages: vec![outage(1000, Some(990))], ..ApiRows::default() };
    let record = record(&rows);
    for span in &record.spans {
        assert_eq!((span.uptime, span.error_ratio, span.p50_seconds, span.requests), (None, None, None, 0));
    }
    assert_eq!(record.hours.len(), 48);
    assert!(record.hours.iter().all(|hour| hour.uptime.is_none() && hour.p99_seconds.is_none()));
    assert!(ApiRecord::of(&"main".into(), &ApiRows::default(), now()).endpoints.is_empty(), "never asked is not there");
}

#[test]
fn the_chart_is_every_hour_oldest_first() {
    let rows = ApiRows {
        slices: vec![
            slice(Length::Hour, TimeDelta::zero(), 1800, 900),
            slice(Length::Hour, TimeDelta::hours(2), 3600, 3600),
            slice(Length::Hour, TimeDelta::hours(47), 36, 36),
            slice(Length::Hour, TimeDelta::hours(48), 3600, 0),
        ],
        outages: Vec::new(),
    };
    let hours = record(&rows).hours;
    let uptimes: Vec<Option<f64>> = hours.iter().map(|hour| hour.uptime).collect();
    assert_eq!((uptimes[47], uptimes[46], uptimes[45], uptimes[0]), (Some(0.5), None, Some(1.0), Some(1.0)));
    assert!(hours.windows(2).all(|pair| pair[1].from - pair[0].from == TimeDelta::hours(1)));
}

#[test]
fn outages_come_newest_first_and_those_left_out_are_counted() {
    let many = (0..120).map(|n| outage(1000 + 10 * n, Some(999 + 10 * n))).collect();
    let listed = record(&ApiRows { outages: many, ..ApiRows::default() });
    assert_eq!((listed.outages.len(), listed.n_outages_left_out), (100, 20));
    assert!(listed.outages.windows(2).all(|pair| pair[0].since > pair[1].since));
    assert_eq!((listed.outages[0].cause.as_str(), listed.outages[0].cause_words.as_str()), ("503", "answered 503"));
}

#[test]
fn what_is_not_stored_yet_is_taken_in_as_the_store_would() {
    let request = |seconds: i64, ok: bool| RequestRecord {
        endpoint: Endpoint::Appointment,
        code: if ok { "200" } else { "timeout" }.to_owned(),
        at: now() - TimeDelta::seconds(seconds),
        took: Duration::from_millis(20),
        ok,
        waited: Duration::ZERO,
    };
    let with = |stored: Vec<OutageRow>, requests: &[RequestRecord]| {
        let mut log = ApiLog::default();
        log.record(requests);
        record(&ApiRows { outages: stored, ..ApiRows::default() }.with(log.unkept())).outages
    };
    let failing = [request(30, false), request(20, false)];
    let fresh = with(Vec::new(), &failing);
    assert_eq!((fresh.len(), fresh[0].until, fresh[0].cause_words.as_str()), (1, None, "no answer in time"));
    let went_on = with(vec![outage(60, None)], &failing);
    assert_eq!((went_on.len(), went_on[0].since), (1, now() - TimeDelta::hours(1)), "a restart does not begin another");
    let over = with(vec![outage(60, None)], &[request(10, true)]);
    assert_eq!((over.len(), over[0].until), (1, Some(now() - TimeDelta::seconds(10))), "it ends when it is seen to");
    let older = with(vec![outage(60, Some(50))], &[request(10, true)]);
    assert_eq!(older[0].until, Some(now() - TimeDelta::minutes(50)), "what is over stays over");
}
