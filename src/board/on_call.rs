//! *On call*: who it is now and next by each schedule, the fortnight ahead, what a page does, and what could go wrong.

use chrono_tz::Tz;
use serde::Serialize;

use super::{Ago, Drawn, Part, alert, alert::Stamp, on_call_log::Log};
use crate::{
    model::Instant,
    on_call::report::{FindingReport, OnCallReport, PolicyReport, ScheduleReport},
    pulse::Pulses,
    report::on_call_log::OnCallLog,
    view::{View, words},
};

/// So many stretches of a schedule stand on the page.
const ROWS_SHOWN: usize = 60;

#[derive(Serialize)]
struct Now {
    schedules: Vec<Schedule>,
    findings: Vec<FindingReport>,
    n_people: usize,
}

#[derive(Serialize)]
struct Schedule {
    name: String,
    zone: String,
    who: String,
    nobody: bool,
    unknown: bool,
    may_be_empty: bool,
    since: Option<Stamp>,
    until: Option<Stamp>,
    next: Option<String>,
    needed_by: Vec<String>,
    has_calendar: bool,
    calendar: Option<Ago>,
    stale: bool,
    rows: Vec<Row>,
    n_left_out: usize,
}

#[derive(Serialize)]
struct Row {
    from: String,
    until: String,
    who: String,
    gap: bool,
    nobody: bool,
}

#[derive(Serialize)]
struct Policies {
    policies: Vec<PolicyReport>,
}

/// Draws the page.
#[must_use]
pub fn draw(view: &View, pulses: &Pulses, log: Result<&OnCallLog, String>, now: Instant, real_now: Instant) -> Drawn {
    let report = view.on_call.report(now);
    let clock_12h = view.telling.installation.clock_12h;
    let OnCallReport { schedules, policies, findings, .. } = report;
    let shown = Now {
        schedules: schedules.into_iter().map(|one| schedule(one, view, clock_12h, now)).collect(),
        findings,
        n_people: view.on_call.roster.people().count(),
    };
    let parts = vec![
        Part::of("on-call", "on_call.html", &shown),
        Part::of("log", "on_call_log.html", Log::of(view, log, now)),
        Part::of("policies", "policies.html", Policies { policies }),
        alert::headline(view, pulses, now, real_now),
    ];
    Drawn { title: "On call".to_owned(), place: "on-call", parts, fixed: None, at: now }
}

fn schedule(one: ScheduleReport, view: &View, clock_12h: bool, now: Instant) -> Schedule {
    let zone: Tz = one.timezone.parse().unwrap_or(Tz::UTC);
    let unknown = one.calendar.as_ref().is_some_and(|calendar| calendar.fetched_at.is_none());
    let stamp = |at: Instant| Stamp::of(at, now, zone, clock_12h);
    let local = |at: Instant| words::weekday_clock(at, now, zone, clock_12h);
    let names = |people: &[String]| if people.is_empty() { "nobody".to_owned() } else { people.join(" and ") };
    let may_be_empty = view.on_call.roster.schedule(&one.name).is_some_and(|schedule| schedule.may_be_empty);
    let next = one.shifts.get(1).map(|next| names(&next.people));
    let rows = if unknown { Vec::new() } else { one.shifts.clone() };
    Schedule {
        who: names(&one.on_call),
        nobody: one.on_call.is_empty() && !unknown,
        unknown,
        may_be_empty,
        since: one.since.map(stamp),
        until: one.until.map(stamp),
        next,
        has_calendar: one.calendar.is_some(),
        calendar: one.calendar.as_ref().and_then(|calendar| Some(Ago::of(calendar.fetched_at?, now))),
        stale: one.calendar.as_ref().is_some_and(|calendar| calendar.stale),
        n_left_out: rows.len().saturating_sub(ROWS_SHOWN),
        rows: rows
            .into_iter()
            .take(ROWS_SHOWN)
            .map(|span| Row {
                from: local(span.from),
                until: local(span.until),
                who: names(&span.people),
                gap: span.is_gap,
                nobody: span.people.is_empty(),
            })
            .collect(),
        needed_by: one.needed_by,
        name: one.name,
        zone: one.timezone,
    }
}
