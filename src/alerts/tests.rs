//! Alertmanager's words in the running step: grouping by everything, time intervals together, inhibition with `equal`.

use chrono::TimeDelta;
use chrono_tz::Tz;

use super::{
    inhibit::InhibitRule,
    policy::Policy,
    route::GroupBy,
    stage::{Stage, broken, matchers, noon, policy, post, shift},
    time_interval::{CalendarPart, TimeInterval, mute_verdict},
};
use crate::model::Instant;

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

/// An interval with a part for each stretch of minutes of the day.
fn interval(name: &str, minutes: &[(u16, u16)], location: Option<Tz>) -> (String, TimeInterval) {
    let part = |times: &(u16, u16)| CalendarPart { times: vec![*times], location, ..CalendarPart::default() };
    (name.to_owned(), TimeInterval { name: name.to_owned(), parts: minutes.iter().map(part).collect() })
}

/// The pages of [`policy`] held by these, in which they speak alone.
fn timed(mute: &[&str], active: &[&str], intervals: Vec<(String, TimeInterval)>) -> Policy {
    let mut policy = policy();
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    policy.route.routes[1].mute_time_intervals = owned(mute);
    policy.route.routes[1].active_time_intervals = owned(active);
    policy.time_intervals = intervals.into_iter().collect();
    policy
}

#[test]
fn grouped_by_everything_each_alert_speaks_alone() {
    let mut policy = policy();
    policy.route.routes[1].group_by = GroupBy::All;
    let mut stage = Stage::new(policy);
    stage.pass(vec![broken("Page", shift(1)), broken("Page", shift(2)), broken("Critical", shift(3))]);
    stage.until(10);
    let texts: Vec<String> = stage.said().into_iter().filter(|line| line.contains("sms")).collect();
    assert_eq!(texts.len(), 3, "{texts:?}");
    let alone = |line: &String| line.split_once(": ").is_some_and(|(_, alerts)| !alerts.contains(' '));
    assert!(texts.iter().all(alone), "{texts:?}");
}

/// A route speaks inside one of its active intervals and outside all of its mute ones.
#[test]
fn mute_and_active_intervals_hold_together() {
    // Minutes of the day: noon is 720, and the page wants to speak ten seconds after it.
    type Row<'a> = (&'a [&'a str], &'a [&'a str], Option<i64>, &'a str);
    let rows: [Row<'_>; 7] = [
        (&[], &[], Some(10), "no interval"),
        (&["noon"], &[], Some(600), "muted until its end"),
        (&[], &["later"], Some(300), "not active before its beginning"),
        (&["noon"], &["later"], Some(600), "active already, and muted still"),
        (&["noon", "after"], &["later"], Some(900), "the one mute follows upon the other"),
        (&["after"], &["noon"], Some(10), "active, and not muted yet"),
        (&["noon"], &["noon"], None, "muted whenever it is active"),
    ];
    for (mute, active, speaks_at, why) in rows {
        let intervals = vec![
            interval("noon", &[(720, 730)], None),
            interval("later", &[(725, 740)], None),
            interval("after", &[(728, 735)], None),
        ];
        let mut stage = Stage::new(timed(mute, active, intervals));
        stage.pass(vec![broken("Page", shift(1))]);
        stage.until(3_600);
        let said: Vec<String> = stage.said().into_iter().filter(|line| line.contains("sms")).collect();
        let wanted: Vec<String> =
            speaks_at.map(|secs| format!("+{secs} sms/0/0 on-call first_firing: Page/0001")).into_iter().collect();
        assert_eq!(said, wanted, "{why}");
    }
}

/// An interval is on the wall clock of its place: an hour short on one night of the year, an hour long on another.
#[test]
fn intervals_follow_the_wall_clock_over_both_nights() {
    let denver = Some(chrono_tz::America::Denver);
    let rows: [(&str, Option<Tz>, bool, &str); 14] = [
        ("2026-03-08T07:59:59Z", denver, true, "00:59:59, before one"),
        ("2026-03-08T08:00:00Z", denver, false, "01:00"),
        ("2026-03-08T08:59:59Z", denver, false, "01:59:59; two o'clock does not come"),
        ("2026-03-08T09:00:00Z", denver, true, "03:00"),
        ("2026-11-01T06:59:59Z", denver, true, "00:59:59"),
        ("2026-11-01T07:00:00Z", denver, false, "01:00, for the first time"),
        ("2026-11-01T08:30:00Z", denver, false, "01:30, for the second time"),
        ("2026-11-01T09:59:59Z", denver, false, "02:59:59"),
        ("2026-11-01T10:00:00Z", denver, true, "03:00"),
        ("2026-07-01T07:00:00Z", denver, false, "01:00 in summer"),
        ("2026-12-01T07:00:00Z", denver, true, "00:00 in winter"),
        ("2026-12-01T01:00:00Z", None, false, "without a place: UTC"),
        ("2026-12-01T00:59:59Z", None, true, "its border"),
        ("2026-12-01T03:00:00Z", None, true, "its end is outside"),
    ];
    for (when, zone, muted, why) in rows {
        let policy = timed(&[], &["small hours"], vec![interval("small hours", &[(60, 180)], zone)]);
        let (held, next) = mute_verdict(&policy.route.routes[1], &policy, at(when));
        assert_eq!(held, muted, "{when}: {why}");
        assert!(next.is_some_and(|next| next > at(when) && next - at(when) <= TimeDelta::days(1)), "{when}: {next:?}");
    }
}

/// Severity and zone.
type Label<'a> = (&'a str, Option<&'a str>);

#[test]
fn a_missing_label_equals_a_missing_label() {
    let mut policy = policy();
    policy.inhibit_rules = vec![InhibitRule {
        source_matchers: matchers("severity=critical"),
        target_matchers: matchers("severity=~\"page|critical\""),
        equal: vec!["agency".to_owned(), "zone".to_owned()],
    }];
    // What else fires, the alert in question, whether it is muted.
    let rows: [(&[Label<'_>], Label<'_>, bool, &str); 8] = [
        (&[("critical", None)], ("page", None), true, "both lack the label"),
        (&[("critical", Some(""))], ("page", None), true, "an empty label is a missing one"),
        (&[("critical", Some("a"))], ("page", Some("a")), true, "both have it alike"),
        (&[("critical", Some("a"))], ("page", Some("b")), false, "they differ"),
        (&[("critical", Some("a"))], ("page", None), false, "only one has it"),
        (&[], ("critical", None), false, "whoever is both source and target does not mute itself"),
        (&[("critical", None)], ("critical", None), false, "nor does another that is both"),
        (&[("info", None)], ("page", None), false, "no source"),
    ];
    for (others, asked, muted, why) in rows {
        let mut stage = Stage::new(policy.clone());
        let fires = |name: &str, (severity, zone): Label<'_>| {
            let mut labels = vec![("alertname", name), ("agency", "main"), ("severity", severity)];
            labels.extend(zone.map(|zone| ("zone", zone)));
            post(&labels, noon(), Some(noon() + TimeDelta::hours(1)))
        };
        for (n, other) in others.iter().enumerate() {
            stage.order(fires(&format!("Other{n}"), *other));
        }
        stage.order(fires("Asked", asked));
        let alert = stage.book.alerts().find(|alert| alert.labels["alertname"] == "Asked").unwrap();
        assert_eq!(stage.book.is_inhibited(alert), muted, "{why}");
        stage.until(60);
        let told = stage.said().iter().any(|line| line.contains("Asked"));
        assert_eq!(told, !muted, "{why}");
    }
}
