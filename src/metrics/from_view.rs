//! The present, from the view: one straight line, family by family.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::{ALERTMANAGER_VERSION, family as f, page::Page};
use crate::{
    alerts::{alert::AlertState, silence::SilenceState},
    model::{Instant, local_time},
    notify::message::Channel,
    on_call::{lint::KINDS, report::ScheduleReport},
    pulse::{Loop, Pulses},
    view::{AgencyView, AlertView, LocationCoverage, View},
};

/// The severities a label may show; anything else is `other`.
const SEVERITIES: [&str; 4] = ["info", "warning", "page", "critical"];
/// Messages that are decided and not finished; [`crate::view::OutboxCount::state`].
const OUTBOX_STATES: [&str; 4] = ["queued", "claimed", "uncertain", "held"];
const STATES: [&str; 3] = ["pending", "firing", "acknowledged"];

/// Writes every family that shows the present.
pub(super) fn write(page: &mut Page, view: &View, now: Instant) {
    page.family(&f::BUILD).flag(&[env!("CARGO_PKG_VERSION")], true);
    page.family(&f::ALERTMANAGER_BUILD).flag(&["", "", "", "", "", ALERTMANAGER_VERSION], true);
    page.family(&f::READY).flag(&[], view.ready.is_ok());
    write_coverage(page, view);
    write_on_call(page, view, now);
    write_sureness(page, view, now);
    write_api(page, view);
    write_alerts(page, view);
    write_silences(page, view, now);
    write_outbox(page, view, now);
}

/// Writes when each loop last passed.
pub(super) fn write_pulses(page: &mut Page, pulses: &Pulses) {
    let mut last = page.family(&f::LAST_SUCCESS);
    for which in Loop::ALL {
        last.maybe(&[which.as_str()], pulses.last(which).map(unix));
    }
}

fn write_coverage(page: &mut Page, view: &View) {
    let known = || {
        view.agencies
            .iter()
            .flat_map(|agency| agency.coverage.iter().flatten().map(move |one| (agency.name.as_str(), one)))
    };
    let mut shifts = page.family(&f::SHIFTS);
    for (agency, LocationCoverage { location, shifts: counts, .. }) in known() {
        for (state, n) in [
            ("covered", counts.covered),
            ("uncovered", counts.uncovered),
            ("running", counts.running),
            ("done", counts.done),
            ("missed", counts.missed),
            ("cancelled", counts.cancelled),
        ] {
            shifts.count(&[agency, location, state], n);
        }
    }
    let mut uncovered = page.family(&f::UNCOVERED);
    for (agency, one) in known() {
        for band in &one.uncovered {
            uncovered.count(&[agency, &one.location, &band.within], band.n);
        }
    }
    let mut missed = page.family(&f::MISSED_CHECK_INS);
    for (agency, one) in known() {
        if let Some(n) = one.missed_check_ins {
            missed.count(&[agency, &one.location], n);
        }
    }
    let mut open = page.family(&f::OPEN_VISITS);
    for (agency, one) in known() {
        if let Some(n) = one.open_visits {
            open.count(&[agency, &one.location], n);
        }
    }
    let mut scheduled = page.family(&f::SCHEDULED);
    for (agency, one) in known() {
        scheduled.measure(&[agency, &one.location], one.scheduled.as_secs_f64());
    }
    let mut worked = page.family(&f::WORKED);
    for (agency, one) in known() {
        worked.maybe(&[agency, &one.location], one.worked.map(|worked| worked.as_secs_f64()));
    }
}

fn write_on_call(page: &mut Page, view: &View, now: Instant) {
    if view.on_call.roster.schedules().next().is_none() {
        return;
    }
    let report = view.on_call.report(now);
    let unread = |one: &ScheduleReport| one.calendar.as_ref().is_some_and(|calendar| calendar.fetched_at.is_none());
    let mut on_call = page.family(&f::ON_CALL);
    for one in report.schedules.iter().filter(|one| !unread(one)) {
        on_call.count(&[&one.name], one.on_call.len() as u64);
    }
    let mut gap = page.family(&f::ON_CALL_GAP);
    for one in report.schedules.iter().filter(|one| !unread(one)) {
        let gaps = one.shifts.iter().filter(|span| span.is_gap).map(|span| span.until - span.from);
        gap.measure(&[&one.name], seconds(gaps.sum()));
    }
    let mut age = page.family(&f::ON_CALL_CALENDAR_AGE);
    for one in &report.schedules {
        let fetched_at = one.calendar.as_ref().and_then(|calendar| calendar.fetched_at);
        age.maybe(&[&one.name], fetched_at.map(|at| seconds(now - at).max(0.0)));
    }
    let mut findings = page.family(&f::ON_CALL_FINDINGS);
    for kind in KINDS {
        findings.count(&[kind], report.findings.iter().filter(|one| one.kind == kind).count() as u64);
    }
}

fn write_sureness(page: &mut Page, view: &View, now: Instant) {
    let mut age = page.family(&f::DATA_AGE);
    for agency in &view.agencies {
        for one in &agency.sections {
            age.maybe(&[agency.name.as_str(), one.section.as_str()], one.as_of.map(|at| seconds(now - at).max(0.0)));
        }
        for one in &agency.details {
            age.maybe(&[agency.name.as_str(), one.section.as_str()], one.as_of.map(|at| seconds(now - at).max(0.0)));
        }
    }
    // Before the first read there is nothing that could be judged or seen, and 0 would read as an all-clear.
    let begun = |agency: &&AgencyView| agency.last_read_at.is_some() || agency.blind_since.is_some();
    let mut unjudged = page.family(&f::UNJUDGED);
    for agency in view.agencies.iter().filter(begun) {
        unjudged.count(&[agency.name.as_str()], agency.n_unjudged);
    }
    let mut blind = page.family(&f::BLIND);
    for agency in view.agencies.iter().filter(begun) {
        blind.flag(&[agency.name.as_str()], agency.blind_since.is_some());
    }
    let mut coverage = page.family(&f::COVERAGE_KNOWN);
    for agency in &view.agencies {
        coverage.flag(&[agency.name.as_str()], agency.coverage.is_some());
    }
    let mut catching_up = page.family(&f::CATCHING_UP);
    for agency in &view.agencies {
        catching_up.flag(&[agency.name.as_str()], agency.catching_up_since.is_some());
    }
    let mut promise = page.family(&f::PROMISE);
    for agency in &view.agencies {
        promise.maybe(&[agency.name.as_str()], agency.promise.map(|promise| promise.as_secs_f64()));
    }
    let mut wanted = page.family(&f::DETECT_WITHIN);
    for agency in &view.agencies {
        wanted.measure(&[agency.name.as_str()], agency.detect_within.as_secs_f64());
    }
    let mut sweep = page.family(&f::SWEEP);
    for agency in &view.agencies {
        sweep.maybe(&[agency.name.as_str()], agency.sweep.map(|sweep| sweep.as_secs_f64()));
    }
}

fn write_api(page: &mut Page, view: &View) {
    let mut up = page.family(&f::API_UP);
    for agency in &view.agencies {
        for one in &agency.endpoints {
            up.flag(&[agency.name.as_str(), one.endpoint.as_str()], one.up);
        }
    }
}

fn write_silences(page: &mut Page, view: &View, now: Instant) {
    let mut silences = page.family(&f::SILENCES);
    for (state, n) in SilenceState::ALL.into_iter().zip(view.routing.silences.counts(now)) {
        silences.count(&[state.as_str()], n);
    }
}

fn write_alerts(page: &mut Page, view: &View) {
    let mut counts: BTreeMap<(&str, &str, &str), [u64; STATES.len()]> = BTreeMap::new();
    for agency in &view.agencies {
        for rule in &view.rules {
            counts.insert((agency.name.as_str(), &rule.alert, severity(&rule.severity)), [0; STATES.len()]);
        }
    }
    for one in &view.alerts {
        let state = match one.alert.state {
            AlertState::Pending { .. } => 0,
            AlertState::Firing { .. } => 1,
            AlertState::Acknowledged { .. } => 2,
            AlertState::Resolved { .. } => continue,
        };
        counts.entry((one.alert.key.agency.as_str(), rule(one), severity(one.label("severity")))).or_default()
            [state] += 1;
    }
    let mut alerts = page.family(&f::ALERTS);
    for ((agency, rule, severity), by_state) in counts {
        for (state, n) in STATES.iter().zip(by_state) {
            alerts.count(&[agency, rule, severity, state], n);
        }
    }
}

/// A posted alert's name comes from outside, so it is no label value.
fn rule(view: &AlertView) -> &str {
    if view.alert.posted.is_some() { "posted" } else { view.label("alertname") }
}

fn severity(text: &str) -> &'static str {
    match text {
        "" => "",
        text => SEVERITIES.into_iter().find(|known| *known == text).unwrap_or("other"),
    }
}

fn write_outbox(page: &mut Page, view: &View, now: Instant) {
    let Some(outbox) = &view.outbox else { return };
    let mut waiting = page.family(&f::OUTBOX);
    for channel in Channel::ALL {
        for state in OUTBOX_STATES {
            let here = outbox.waiting.iter().filter(|one| one.channel == channel && one.state == state);
            waiting.count(&[channel.as_str(), state], here.map(|one| one.n).sum());
        }
    }
    let oldest = outbox.oldest_at.map_or(0.0, |at| seconds(now - at).max(0.0));
    page.family(&f::OUTBOX_OLDEST).measure(&[], oldest);
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of an age fit a double's 53 bits for 285 years")]
fn seconds(span: TimeDelta) -> f64 {
    span.num_microseconds().unwrap_or(i64::MAX) as f64 / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "microseconds since 1970 fit a double's 53 bits until 2255")]
pub(super) fn unix(at: Instant) -> f64 {
    local_time::to_micros(at) as f64 / 1e6
}
