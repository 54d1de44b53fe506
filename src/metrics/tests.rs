//! Absent and 0, the list, and what a scrape costs.

use std::{collections::BTreeSet, sync::Arc};

use chrono::TimeDelta;

use super::*;
use crate::view::{
    Band, LocationCoverage, OutboxCount,
    report::tests::{changed, owned, uncovered},
    tests::{noon, view},
};

fn scrape(view: &View) -> String {
    Metrics::new().encode(view, &Pulses::new(noon()), noon())
}

fn has(text: &str, series: &str) -> bool {
    text.lines().any(|line| line.starts_with(series))
}

/// The names that the text says something of.
fn names(text: &str) -> BTreeSet<&str> {
    text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect()
}

#[test]
fn a_known_zero_is_0_and_an_unknown_is_absent() {
    let mut view = view();
    let text = scrape(&view);
    assert!(has(&text, r#"shiftwatch_uncovered_shifts{agency="main",location="north",within="4h"} 0"#), "{text}");
    assert!(has(&text, r#"shiftwatch_uncovered_shifts{agency="main",location="north",within="72h"} 2"#));
    assert!(has(&text, r#"shiftwatch_missed_check_ins{agency="main",location="north"} 0"#));
    assert!(has(&text, r#"shiftwatch_data_age_seconds{agency="main",section="shifts"} 200"#));
    assert!(has(&text, r#"shiftwatch_blind{agency="main"} 0"#));
    assert!(has(&text, r#"shiftwatch_coverage_known{agency="main"} 1"#));
    assert!(has(&text, "shiftwatch_outbox_oldest_seconds 0"));
    assert!(has(&text, "shiftwatch_outbox_messages{channel=\"sms\",state=\"uncertain\"} 0"), "a known zero is 0");
    assert!(!has(&text, "shiftwatch_last_success_timestamp_seconds"), "no loop has passed yet");

    view.agencies[0].coverage = None;
    view.agencies[0].n_unjudged = 9;
    let text = scrape(&view);
    for gone in ["shifts", "uncovered_shifts", "missed_check_ins", "open_visits", "scheduled_seconds", "worked_seconds"]
    {
        assert!(!text.contains(&format!("shiftwatch_{gone}")), "{gone} is not known, so not even its help is there");
    }
    assert!(has(&text, r#"shiftwatch_unjudged_subjects{agency="main"} 9"#), "it says why instead");
    assert!(has(&text, r#"shiftwatch_coverage_known{agency="main"} 0"#), "and that it does not know");

    view.agencies[0].last_read_at = None;
    view.agencies[0].sections[2].as_of = None;
    view.agencies[0].promise = None;
    view.outbox = None;
    let text = scrape(&view);
    for gone in ["shiftwatch_blind", "shiftwatch_unjudged", "shiftwatch_detection_promise", "shiftwatch_outbox_"] {
        assert!(!text.contains(gone), "{gone}");
    }
    assert!(!has(&text, r#"shiftwatch_data_age_seconds{agency="main",section="shifts"}"#));
    view.agencies[0].blind_since = Some(noon());
    assert!(has(&scrape(&view), r#"shiftwatch_blind{agency="main"} 1"#), "blind from the start is known");
}

#[test]
fn visits_may_be_unknown_while_shifts_are_known() {
    let mut view = view();
    let location = &mut view.agencies[0].coverage.as_mut().unwrap()[0];
    location.missed_check_ins = None;
    location.open_visits = None;
    location.worked = None;
    location.unbillable = None;
    let text = scrape(&view);
    assert!(has(&text, "shiftwatch_shifts{"));
    for gone in ["missed_check_ins", "open_visits", "worked_seconds", "unbillable_seconds"] {
        assert!(!text.contains(&format!("shiftwatch_{gone}")), "{gone}");
    }
}

#[test]
fn alerts_count_by_rule_and_state_with_zeros_for_loaded_rules() {
    let mut view = view();
    let pending = changed(uncovered("3"), |alert| {
        alert.state = crate::alerts::alert::AlertState::Pending { fires_at: noon() };
    });
    let posted = changed(uncovered("4"), |alert| {
        alert.labels.insert("alertname".to_owned(), "Anything At All".to_owned());
        alert.labels.insert("severity".to_owned(), "whatever".to_owned());
        alert.posted =
            Some(crate::alerts::alert::Posted { generator_url: String::new(), starts_at: noon(), ends_at: noon() });
    });
    view.alerts = [uncovered("1"), owned(uncovered("2")), pending, posted].into_iter().map(Arc::new).collect();
    let text = scrape(&view);
    for state in ["pending", "firing", "acknowledged"] {
        let series =
            format!(r#"shiftwatch_alerts{{agency="main",rule="ShiftUncovered",severity="page",state="{state}"}} 1"#);
        assert!(has(&text, &series), "{text}");
    }
    assert!(has(&text, r#"shiftwatch_alerts{agency="main",rule="NoShow",severity="critical",state="firing"} 0"#));
    assert!(has(&text, r#"shiftwatch_alerts{agency="main",rule="posted",severity="other",state="firing"} 1"#));
    assert!(!text.contains("Anything"), "a name from outside is no label");
}

#[test]
fn what_is_counted_stays() {
    let metrics = Metrics::new();
    let main = AgencyName::from("main");
    let request = |code: &str| RequestRecord {
        endpoint: Endpoint::Appointment,
        code: code.to_owned(),
        at: noon(),
        took: Duration::from_millis(600),
        ok: true,
        waited: Duration::ZERO,
    };
    for code in ["200", "200", "timeout", "a name, perhaps"] {
        metrics.request(&main, &request(code));
    }
    metrics.rejected_rows(&main, Endpoint::Encounter, 3);
    metrics.message(Channel::Sms, MessageOutcome::Uncertain);
    metrics.told(Why::FirstFiring);
    metrics.kept_quiet(Quiet::TooSoon);
    let pulses = Pulses::new(noon());
    pulses.beat(Loop::Tick, noon() + TimeDelta::seconds(1));
    let text = metrics.encode(&view(), &pulses, noon());
    for series in [
        r#"shiftwatch_api_requests_total{agency="main",code="200",endpoint="appointment"} 2"#,
        r#"shiftwatch_api_requests_total{agency="main",code="timeout",endpoint="appointment"} 1"#,
        r#"shiftwatch_api_requests_total{agency="main",code="protocol",endpoint="appointment"} 1"#,
        r#"shiftwatch_api_request_duration_seconds_bucket{agency="main",endpoint="appointment",le="0.75"} 4"#,
        r#"shiftwatch_rejected_rows_total{agency="main",endpoint="encounter"} 3"#,
        r#"shiftwatch_messages_total{channel="sms",outcome="uncertain"} 1"#,
        r#"shiftwatch_messages_total{channel="email",outcome="sent"} 0"#,
        r#"shiftwatch_decisions_total{why="first_firing"} 1"#,
        r#"shiftwatch_decisions_total{why="too_soon"} 1"#,
        r#"shiftwatch_last_success_timestamp_seconds{loop="tick"} 1796119324.456789"#,
    ] {
        assert!(has(&text, series), "{series} in\n{text}");
    }
    assert!(!text.contains("perhaps"));
}

#[test]
fn what_can_be_counted_stands_at_zero_before_it_happens() {
    let metrics = Metrics::new();
    metrics.watch(&AgencyName::from("main"));
    let text = metrics.encode(&view(), &Pulses::new(noon()), noon());
    for series in [
        r#"shiftwatch_api_request_errors_total{agency="main",endpoint="appointment"} 0"#,
        r#"shiftwatch_api_request_duration_seconds_count{agency="main",endpoint="token"} 0"#,
        r#"shiftwatch_budget_wait_seconds_count{agency="main"} 0"#,
        r#"shiftwatch_decisions_total{why="caught_up"} 0"#,
        r#"shiftwatch_decisions_total{why="no_receiver"} 0"#,
        r#"shiftwatch_deliver_seconds_count{channel="webhook"} 0"#,
    ] {
        assert!(has(&text, series), "{series} in\n{text}");
    }
    assert!(!text.contains("shiftwatch_api_requests_total"), "no code has been seen");
    let failed = RequestRecord {
        endpoint: Endpoint::Appointment,
        code: "503".to_owned(),
        at: noon(),
        took: Duration::ZERO,
        ok: false,
        waited: Duration::ZERO,
    };
    metrics.request(&AgencyName::from("main"), &failed);
    metrics.request(&AgencyName::from("main"), &RequestRecord { code: "404".to_owned(), ok: true, ..failed });
    let text = metrics.encode(&view(), &Pulses::new(noon()), noon());
    let series = r#"shiftwatch_api_request_errors_total{agency="main",endpoint="appointment"} 1"#;
    assert!(has(&text, series), "a refusal that is no fault of the API is none: {text}");
}

#[test]
fn the_list_and_the_page_agree() {
    let metrics = Metrics::new();
    let request = RequestRecord {
        endpoint: Endpoint::Token,
        code: "200".to_owned(),
        at: noon(),
        took: Duration::ZERO,
        ok: true,
        waited: Duration::ZERO,
    };
    metrics.request(&AgencyName::from("main"), &request);
    metrics.rejected_rows(&AgencyName::from("main"), Endpoint::Token, 1);
    metrics.told(Why::Resolved);
    metrics.inbound_texts("twilio", "reply", 1);
    metrics.reminder(Moment::CheckIn, Outcome::Cleared);
    metrics.gateway_penalty("ringcentral", Duration::ZERO);
    metrics.delivered_after(Channel::Email, Duration::ZERO);
    metrics.pass(Loop::Poll, Duration::ZERO);
    let pulses = Pulses::new(noon());
    pulses.watch(["main".into()], noon());
    pulses.read(&"main".into(), noon());
    let mut view = view();
    view.on_call = Arc::new(crate::on_call::fixture::picture());
    view.alerts = vec![Arc::new(uncovered("1"))];
    view.outbox.as_mut().unwrap().waiting = vec![OutboxCount { channel: Channel::Sms, state: "queued", n: 1 }];
    metrics.figures(Some(figures()));
    let text = metrics.encode(&view, &pulses, noon());
    let listed: BTreeSet<&str> = family::ALL.iter().map(|family| family.name).collect();
    assert_eq!(listed.len(), family::ALL.len(), "a name is listed once");
    assert_eq!(names(&text), listed, "every listed family can be on the page, and nothing else is");
}

/// Key figures of which everything is known.
fn figures() -> Kpis {
    let some = |value: f64| serde_json::json!(value);
    let place = serde_json::json!({
        "n_shifts": 4, "n_unknown": 0, "fill_ratio": some(0.75), "missed_ratio": some(0.25), "on_time_7m_ratio": some(0.5),
        "on_time_15m_ratio": some(1.0), "scheduled_hours": some(8.0), "worked_hours": some(7.5),
        "variance_hours": some(-0.5), "utilisation_ratio": some(0.9375), "caregivers_per_client": some(2.0),
        "open_24h_ratio": some(0.0), "open_72h_ratio": some(0.5), "at_risk_24h_hours": some(0.0),
        "at_risk_72h_hours": some(2.0),
    });
    let times = serde_json::json!({ "n": 1, "p50_seconds": 60.0, "p90_seconds": 90.0, "max_seconds": 90.0 });
    let kpis = serde_json::json!({
        "as_of": noon(), "days": 7,
        "rules": [{
            "alertname": "ShiftUncovered", "n_alerts": 2, "detect": times, "acknowledge": times, "resolve": times,
            "precision_ratio": 0.5, "retro_resolved_ratio": null,
        }],
        "people": [{ "person": "night-1", "n_taken": 1, "acknowledge": times, "resolve": times }], "agencies": [{
            "agency": "main", "complete": true, "all": place, "locations": { "north": place }, "overtime_hours": 1.5,
            "time_to_fill": times, "filled_late_ratio": 0.0, "manual_edit_ratio": 0.02,
            "exceptions_waiting": { "late_check_in": 3 },
        }],
    });
    let mut kpis: Kpis = serde_json::from_value(kpis).unwrap();
    kpis.agencies.iter_mut().for_each(|agency| agency.is_current = true);
    kpis
}

#[test]
fn key_figures_stand_in_seconds_and_shares_and_are_absent_while_unknown() {
    let metrics = Metrics::new();
    let (view, pulses) = (view(), Pulses::new(noon()));
    metrics.figures(Some(figures()));
    let text = metrics.encode(&view, &pulses, noon());
    for line in [
        r#"shiftwatch_fill_ratio{agency="main",location="north"} 0.75"#,
        r#"shiftwatch_at_risk_seconds{agency="main",location="north",within="72h"} 7200"#,
        r#"shiftwatch_open_shift_ratio{agency="main",location="north",within="24h"} 0"#,
        r#"shiftwatch_overtime_seconds{agency="main"} 5400"#,
        r#"shiftwatch_exceptions_waiting{agency="main",kind="late_check_in"} 3"#,
        r#"shiftwatch_manual_edit_ratio{agency="main"} 0.02"#,
        r#"shiftwatch_alert_precision_ratio{alertname="ShiftUncovered"} 0.5"#,
        r#"shiftwatch_rule_duration_seconds{alertname="ShiftUncovered",what="acknowledge",percentile="90"} 90"#,
        r#"shiftwatch_person_duration_seconds{person="night-1",what="resolve",percentile="50"} 60"#,
    ] {
        assert!(has(&text, line), "{line}: {text}");
    }
    let mut unknown = figures();
    unknown.agencies[0].locations.get_mut("north").unwrap().fill_ratio = None;
    unknown.agencies[0].overtime_hours = None;
    metrics.figures(Some(unknown));
    let text = metrics.encode(&view, &pulses, noon());
    assert!(!text.contains("shiftwatch_fill_ratio{") && !text.contains("shiftwatch_overtime_seconds{"), "{text}");
    metrics.figures(None);
    assert!(!metrics.encode(&view, &pulses, noon()).contains("shiftwatch_missed_visit_ratio"));
}

/// The public names: a change here is a change for every dashboard and needs a line in the changelog.
#[test]
fn the_names_are_those_that_others_depend_on() {
    for (name, labels) in [
        ("shiftwatch_shifts", "agency location state"),
        ("shiftwatch_uncovered_shifts", "agency location within"),
        ("shiftwatch_api_requests_total", "agency endpoint code"),
        ("shiftwatch_api_request_duration_seconds", "agency endpoint"),
        ("shiftwatch_api_request_errors_total", "agency endpoint"),
        ("shiftwatch_detect_within_seconds", "agency"),
        ("shiftwatch_coverage_known", "agency"),
        ("shiftwatch_api_up", "agency endpoint"),
        ("shiftwatch_data_age_seconds", "agency section"),
        ("shiftwatch_unjudged_subjects", "agency"),
        ("shiftwatch_blind", "agency"),
        ("shiftwatch_alerts", "agency rule severity state"),
        ("shiftwatch_messages_total", "channel outcome"),
        ("shiftwatch_outbox_messages", "channel state"),
        ("shiftwatch_outbox_oldest_seconds", ""),
        ("shiftwatch_duplicate_messages_total", "channel"),
        ("shiftwatch_inbound_texts_total", "gateway outcome"),
        ("shiftwatch_config_last_reload_successful", ""),
        ("shiftwatch_config_last_reload_success_timestamp_seconds", ""),
        ("shiftwatch_budget_wait_seconds", "agency"),
        ("shiftwatch_detection_promise_seconds", "agency"),
        ("shiftwatch_sweep_seconds", "agency"),
        ("shiftwatch_missed_ticks_total", "loop"),
        ("shiftwatch_last_success_timestamp_seconds", "loop"),
        ("shiftwatch_rejected_rows_total", "agency endpoint"),
        ("shiftwatch_decisions_total", "why"),
        ("shiftwatch_page_turns_total", "turn"),
        ("shiftwatch_detect_seconds", ""),
        ("shiftwatch_deliver_seconds", "channel"),
        ("shiftwatch_acknowledge_seconds", ""),
        ("shiftwatch_build_info", "version"),
    ] {
        let family = family::ALL.iter().find(|family| family.name == name);
        assert_eq!(family.map(|family| family.labels.join(" ")), Some(labels.to_owned()), "{name}");
    }
}

#[test]
fn ten_thousand_series_are_ten_thousand_lines() {
    let mut view = view();
    view.agencies[0].coverage = Some(
        (0..1000)
            .map(|n| LocationCoverage {
                location: format!("office-{n}"),
                uncovered: vec![Band { within: "4h".to_owned(), n: 1 }, Band { within: "72h".to_owned(), n: 2 }],
                open_visits: Some(1),
                scheduled: Duration::from_millis(1250),
                ..LocationCoverage::default()
            })
            .collect(),
    );
    let metrics = Metrics::new();
    let pulses = Pulses::new(noon());
    let began = std::time::Instant::now();
    let text = metrics.encode(&view, &pulses, noon());
    let took = began.elapsed();
    let series = text.lines().filter(|line| line.starts_with("shiftwatch_") && line.contains("office-")).count();
    assert_eq!(series, 10_000);
    println!("{series} series, {} bytes, {took:?} in this build", text.len());
}
