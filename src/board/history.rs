//! *History*: how alerts went, by rule: how soon they were seen, told, owned and over; and the latest of them.

use std::cmp::Reverse;

use serde::Serialize;

use super::{Drawn, Part, alert, alert::Stamp, cut};
use crate::{
    model::{AgencyName, Instant},
    pulse::Pulses,
    report::{
        history::{History, LatestAlert, RuleHistory, Span},
        times::Times,
    },
    view::{View, words},
};

/// So many of the latest alerts stand on the page.
const LATEST_SHOWN: usize = 100;
/// So many rules; whoever posts alerts may invent a name for each.
const RULES_SHOWN: usize = 60;
/// So many characters of a name from outside.
const NAME_MAX: usize = 120;

#[derive(Serialize)]
struct Page {
    spans: Vec<SpanLink>,
    fault: Option<String>,
    from: Option<String>,
    rules: Vec<Rule>,
    n_rules_left_out: usize,
    latest: Vec<Latest>,
    n_left_out: u64,
    n_not_summed: u64,
    several: bool,
}

#[derive(Serialize)]
struct SpanLink {
    value: &'static str,
    says: &'static str,
    current: bool,
}

#[derive(Serialize)]
struct Rule {
    alertname: String,
    n_alerts: u64,
    n_told: u64,
    n_acknowledged: u64,
    n_open: u64,
    closed: Vec<(String, u64)>,
    times: Vec<Row>,
}

/// One step from a fact to its end.
#[derive(Serialize)]
struct Row {
    step: &'static str,
    p50: Option<String>,
    p90: Option<String>,
    max: Option<String>,
    n: u64,
}

#[derive(Serialize)]
struct Latest {
    fingerprint: String,
    alertname: String,
    severity: String,
    agency: String,
    location: String,
    shift: Option<String>,
    fired: Option<Stamp>,
    owner: Option<String>,
    took: Option<String>,
    ended: String,
}

const fn says(span: Span) -> &'static str {
    match span {
        Span::Day => "24 hours",
        Span::Week => "7 days",
        Span::Month => "30 days",
        Span::Quarter => "90 days",
    }
}

/// Seconds as a person says them: `0.4 s`, `12 s`, `4 min`.
fn length(seconds: f64) -> String {
    if seconds < 10.0 {
        return format!("{seconds:.1} s");
    }
    #[expect(clippy::cast_possible_truncation, reason = "years of seconds fit, and a float saturates")]
    words::span(chrono::TimeDelta::try_seconds(seconds.round() as i64).unwrap_or(chrono::TimeDelta::MAX))
}

fn row(step: &'static str, times: &Times) -> Row {
    Row {
        step,
        p50: times.p50_seconds.map(length),
        p90: times.p90_seconds.map(length),
        max: times.max_seconds.map(length),
        n: times.n,
    }
}

fn latest(view: &View, one: &LatestAlert, now: Instant) -> Latest {
    let voice = view.telling.voice(&AgencyName::from(one.agency.as_str()));
    let zone = voice.zone_of(&one.location);
    Latest {
        fingerprint: one.fingerprint.clone(),
        alertname: cut(&one.alertname, NAME_MAX),
        severity: cut(&one.severity, NAME_MAX),
        agency: one.agency.clone(),
        location: cut(&one.location, NAME_MAX),
        shift: one.shift.as_deref().map(|label| label.split('@').next().unwrap_or(label).to_owned()),
        fired: one.fired_at.map(|at| Stamp::of(at, now, zone, voice.clock_12h)),
        owner: one.acknowledged_by.clone(),
        took: one.fired_at.zip(one.resolved_at).map(|(from, until)| words::span(until - from)),
        ended: match (&one.resolved_at, &one.reason_words) {
            (None, _) => "open".to_owned(),
            (Some(_), Some(reason)) => reason.clone(),
            (Some(_), None) => "over".to_owned(),
        },
    }
}

/// The rules that stand on the page, by name: our own before those that only others know, then the busiest.
fn shown<'a>(view: &View, all: &'a [RuleHistory]) -> Vec<&'a RuleHistory> {
    let is_foreign = |rule: &RuleHistory| !view.rules.iter().any(|own| own.alert == rule.alertname);
    let mut shown: Vec<&RuleHistory> = all.iter().collect();
    shown.sort_by_cached_key(|rule| (is_foreign(rule), Reverse(rule.n_alerts)));
    shown.truncate(RULES_SHOWN);
    shown.sort_by(|a, b| a.alertname.cmp(&b.alertname));
    shown
}

/// Draws the page.
#[must_use]
pub fn draw(
    view: &View,
    pulses: &Pulses,
    span: Span,
    told: Result<&History, String>,
    now: Instant,
    real_now: Instant,
) -> Drawn {
    let (history, fault) = match told {
        Ok(history) => (Some(history), None),
        Err(fault) => (None, Some(fault)),
    };
    let all = history.map_or(&[][..], |history| &history.rules);
    let rules = shown(view, all).into_iter().map(|rule| Rule {
        alertname: cut(&rule.alertname, NAME_MAX),
        n_alerts: rule.n_alerts,
        n_told: rule.n_told,
        n_acknowledged: rule.n_acknowledged,
        n_open: rule.n_open,
        closed: rule.closed.iter().map(|(reason, n)| (crate::report::words::reason(reason), *n)).collect(),
        times: vec![
            row("seen", &rule.detect),
            row("sent", &rule.send),
            row("delivered", &rule.deliver),
            row("owned", &rule.acknowledge),
            row("over", &rule.resolve),
        ],
    });
    let listed = history.map_or(&[][..], |history| &history.latest);
    let page = Page {
        spans: Span::ALL
            .into_iter()
            .map(|one| SpanLink { value: one.as_str(), says: says(one), current: one == span })
            .collect(),
        from: history.map(|history| {
            let voice = &view.telling.installation;
            history.from.with_timezone(&voice.zone).format("%a %b %-d %H:%M").to_string()
        }),
        rules: rules.collect(),
        n_rules_left_out: all.len().saturating_sub(RULES_SHOWN),
        latest: listed.iter().take(LATEST_SHOWN).map(|one| latest(view, one, now)).collect(),
        n_left_out: history.map_or(0, |history| history.n_latest_left_out)
            + listed.len().saturating_sub(LATEST_SHOWN) as u64,
        n_not_summed: history.map_or(0, |history| history.n_not_summed),
        several: view.agencies.len() > 1,
        fault,
    };
    let parts = vec![Part::of("history", "history.html", &page), alert::headline(view, pulses, now, real_now)];
    Drawn { title: "History".to_owned(), place: "history", parts, fixed: None, at: now }
}
