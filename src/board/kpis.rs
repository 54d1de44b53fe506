//! *Key figures*: how much took place, on time, was open and filled; how soon alerts were seen, taken and over.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Drawn, Part, cut};
use crate::{
    model::Instant,
    report::{
        kpi::{AgencyKpis, Figures, Kpis},
        times::Times,
    },
};

/// Spans that the page offers, days.
const SPANS: [u32; 3] = [7, 30, 90];
/// So many locations, rules or people stand in a table.
const ROWS_MAX: usize = 50;
const NAME_MAX: usize = 120;

#[derive(Serialize)]
struct Page {
    fault: Option<String>,
    days: u32,
    spans: Vec<(u32, bool)>,
    agencies: Vec<Agency>,
    rules: Vec<Vec<String>>,
    people: Vec<Vec<String>>,
    n_left_out: usize,
}

#[derive(Serialize)]
struct Agency {
    name: String,
    incomplete: bool,
    known_from: Option<String>,
    lines: Vec<(&'static str, String)>,
    locations: Vec<Vec<String>>,
    waiting: BTreeMap<String, u64>,
}

fn share(value: Option<f64>) -> String {
    value.map_or_else(unknown, |value| format!("{:.1} %", value * 100.0))
}

fn hours(value: Option<f64>) -> String {
    value.map_or_else(unknown, |value| format!("{value:.1} h"))
}

fn minutes(seconds: Option<f64>) -> String {
    seconds.map_or_else(unknown, |seconds| {
        if seconds < 90.0 { format!("{seconds:.0} s") } else { format!("{:.0} min", seconds / 60.0) }
    })
}

fn unknown() -> String {
    "unknown".to_owned()
}

/// Draws the page; `kpis` holds why where they cannot be told.
#[must_use]
pub fn draw(kpis: Result<Kpis, String>, days: u32, now: Instant) -> Drawn {
    let (kpis, fault) = match kpis {
        Ok(kpis) => (Some(kpis), None),
        Err(fault) => (None, Some(fault)),
    };
    let (rules, people) = kpis.as_ref().map_or((&[][..], &[][..]), |kpis| (&kpis.rules[..], &kpis.people[..]));
    let page = Page {
        fault,
        days,
        spans: SPANS.map(|span| (span, span == days)).to_vec(),
        agencies: kpis.iter().flat_map(|kpis| &kpis.agencies).map(agency).collect(),
        n_left_out: rules.len().saturating_sub(ROWS_MAX) + people.len().saturating_sub(ROWS_MAX),
        rules: rules
            .iter()
            .take(ROWS_MAX)
            .map(|rule| {
                let mut row = vec![cut(&rule.alertname, NAME_MAX), rule.n_alerts.to_string()];
                row.extend([&rule.detect, &rule.acknowledge, &rule.resolve].map(both));
                row.extend([share(rule.precision_ratio), share(rule.retro_resolved_ratio)]);
                row
            })
            .collect(),
        people: people
            .iter()
            .take(ROWS_MAX)
            .map(|one| {
                let mut row = vec![cut(&one.person, NAME_MAX), one.n_taken.to_string()];
                row.extend([&one.acknowledge, &one.resolve].map(both));
                row
            })
            .collect(),
    };
    let parts = vec![Part::of("kpis", "kpis.html", page)];
    Drawn { title: "Key figures".to_owned(), place: "kpis", parts, fixed: None, at: now }
}

/// `4 min, 12 min`: half and nine in ten took no longer.
fn both(times: &Times) -> String {
    match times.p50_seconds {
        None => unknown(),
        Some(_) => format!("{}, {}", minutes(times.p50_seconds), minutes(times.p90_seconds)),
    }
}

fn agency(one: &AgencyKpis) -> Agency {
    let day = |at: Instant| at.format("%F").to_string();
    let all = &one.all;
    let edits = match (&one.manual_edits, one.manual_edit_ratio) {
        (Some(edits), ratio) => {
            format!("{} of {} visits read again since {}", share(ratio), edits.n_visits, day(edits.since))
        }
        (None, _) => "unknown: no visit was read again yet".to_owned(),
    };
    let mut lines = vec![
        (
            "Shifts",
            match all.n_unknown {
                0 => all.n_shifts.to_string(),
                n => format!("{}; of {n} nobody knows yet who came", all.n_shifts),
            },
        ),
        ("Somebody came", share(all.told(all.fill_ratio))),
        ("Nobody came", share(all.told(all.missed_ratio))),
        (
            "On time",
            format!(
                "{} within 7 min, {} within 15 min",
                share(all.told(all.on_time_7m_ratio)),
                share(all.told(all.on_time_15m_ratio))
            ),
        ),
        (
            "Worked of planned",
            all.worked_hours.map_or_else(unknown, |_| {
                format!(
                    "{} of {}, {} apart",
                    hours(all.worked_hours),
                    hours(all.scheduled_hours),
                    hours(all.variance_hours)
                )
            }),
        ),
        (
            "Open ahead",
            format!(
                "{} in 24 h, {} in 72 h ({})",
                share(all.open_24h_ratio),
                share(all.open_72h_ratio),
                hours(all.at_risk_72h_hours)
            ),
        ),
        ("Caregivers a client", all.caregivers_per_client.map_or_else(unknown, |n| format!("{n:.1} in 30 days"))),
        ("Overtime this week", hours(one.overtime_hours)),
        (
            "Call-outs filled",
            format!(
                "{} (half, nine in ten); less than 4 h before the start: {}",
                both(&one.time_to_fill),
                share(one.filled_late_ratio)
            ),
        ),
        ("Edited visits", edits),
    ];
    if let Some(reminded) = &one.reminders {
        let of = reminded.n_cleared + reminded.n_not_cleared;
        let says = format!(
            "{} sent; {} of {of} missed check-ins came within 10 min",
            reminded.n_sent,
            share(reminded.cleared_ratio)
        );
        lines.push(("Reminders", says));
    }
    let row = |(location, of): (&String, &Figures)| {
        vec![
            if location.is_empty() { "(none)".to_owned() } else { cut(location, NAME_MAX) },
            of.n_shifts.to_string(),
            share(of.told(of.fill_ratio)),
            share(of.told(of.missed_ratio)),
            share(of.told(of.on_time_15m_ratio)),
            hours(of.variance_hours),
            share(of.open_72h_ratio),
            of.caregivers_per_client.map_or_else(unknown, |n| format!("{n:.1}")),
        ]
    };
    Agency {
        name: cut(&one.agency, NAME_MAX),
        incomplete: !one.complete,
        known_from: one.known_from.map(day),
        lines,
        locations: one.locations.iter().take(ROWS_MAX).map(row).collect(),
        waiting: one
            .exceptions_waiting
            .iter()
            .filter(|(_, n)| **n > 0)
            .map(|(kind, n)| (kind.replace('_', " "), *n))
            .collect(),
    }
}
