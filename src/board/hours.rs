//! *Hours*: what was scheduled and worked in a week or month, per client and per caregiver, and what is not as planned.

use chrono_tz::Tz;
use serde::Serialize;

use super::{Ago, Drawn, Part};
use crate::{
    model::Instant,
    report::hours::{
        answer::{Hours, Sums},
        charges::Charges,
    },
};

/// So many rows of each list stand on the page; the command line has all of them.
const ROWS_SHOWN: usize = 300;
/// So many days that were not wholly read.
const MISSING_SHOWN: usize = 10;

/// The stretches a page can show: what the address says, what a person reads.
pub const STRETCHES: [(&str, &str); 4] = [
    ("week=this", "this week"),
    ("week=last", "last week"),
    ("month=this", "this month"),
    ("month=last", "last month"),
];

#[derive(Serialize)]
struct Context {
    stretches: Vec<Stretch>,
    fault: Option<String>,
    hours: Option<Shown>,
}

#[derive(Serialize)]
struct Stretch {
    query: &'static str,
    says: &'static str,
    current: bool,
}

#[derive(Serialize)]
struct Shown {
    agency: String,
    from: String,
    to: String,
    zone: String,
    as_of: Ago,
    scheduled: String,
    worked: String,
    unbillable: String,
    rounded: bool,
    rounding: String,
    overtime_after: String,
    clients: Vec<Row>,
    caregivers: Vec<Row>,
    exceptions: Vec<Off>,
    n_exceptions: usize,
    n_left_out: usize,
    missing: Vec<String>,
    n_missing: usize,
    closed: Vec<String>,
    charges: Option<ShownCharges>,
    adjusted: Option<String>,
}

#[derive(Serialize)]
struct ShownCharges {
    /// `None`: nothing was read.
    as_of: Option<Ago>,
    charged: String,
    without_charge: String,
    without_hours: String,
    n_unread: usize,
    n_rejected: usize,
    n_differences: usize,
    differences: Vec<Off>,
}

#[derive(Serialize)]
struct Row {
    who: String,
    scheduled: String,
    worked: String,
    third: String,
    fourth: String,
    notes: String,
}

#[derive(Serialize)]
struct Off {
    when: String,
    what: &'static str,
    by: String,
    who: String,
}

/// Draws the page of a report, or of why there is none. `current`: which of [`STRETCHES`] it is.
#[must_use]
pub fn draw(hours: Result<&Hours, String>, current: &str, now: Instant) -> Drawn {
    let stretches = STRETCHES.iter().map(|(query, says)| Stretch { query, says, current: *query == current }).collect();
    let (fault, shown) = match hours {
        Ok(hours) => (None, Some(show(hours, now))),
        Err(fault) => (Some(fault), None),
    };
    let part = Part::of("hours", "hours.html", Context { stretches, fault, hours: shown });
    Drawn { title: "Hours".to_owned(), place: "hours", parts: vec![part], fixed: None, at: now }
}

fn show(hours: &Hours, now: Instant) -> Shown {
    let zone: Tz = hours.zone.parse().unwrap_or(chrono_tz::UTC);
    let rounded = hours.rounding != "none";
    let clients = hours.clients.iter().take(ROWS_SHOWN).map(|one| Row {
        who: who(one.client.as_ref(), one.name.as_ref()),
        scheduled: clock(one.sums.scheduled_minutes),
        worked: clock(one.sums.worked_minutes),
        third: if rounded { clock(one.sums.rounded_minutes) } else { clock(one.sums.variance_minutes) },
        fourth: clock(one.sums.unbillable_minutes),
        notes: notes(&one.sums),
    });
    let caregivers = hours.caregivers.iter().take(ROWS_SHOWN).map(|one| Row {
        who: who(one.caregiver.as_ref(), one.name.as_ref()),
        scheduled: clock(one.sums.scheduled_minutes),
        worked: clock(one.sums.worked_minutes),
        third: clock(one.payable_minutes),
        fourth: clock(one.overtime_minutes),
        notes: notes(&one.sums),
    });
    let exceptions = hours.exceptions.iter().take(ROWS_SHOWN).map(|one| Off {
        when: one.at.map(|at| at.with_timezone(&zone).format("%a %d %b %H:%M").to_string()).unwrap_or_default(),
        what: one.kind.words(),
        by: one.minutes.map(clock).unwrap_or_default(),
        who: [
            one.client.as_ref().map(|id| format!("client {id}")),
            one.caregiver.as_ref().map(|id| format!("caregiver {id}")),
            one.visit.as_ref().map(|id| format!("visit {id}")),
        ]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", "),
    });
    let missing = hours.missing.iter().take(MISSING_SHOWN).map(|one| match &one.clients {
        None => format!("{} {}: everybody", one.day, one.section),
        Some(clients) => format!("{} {}: {} clients", one.day, one.section, clients.len()),
    });
    let over = |n: usize| n.saturating_sub(ROWS_SHOWN);
    let n_charges = hours.charges.as_ref().map_or(0, |charges| charges.differences.len());
    let adjusted: i64 = hours.adjustments.iter().map(|one| one.difference_minutes).sum();
    Shown {
        agency: hours.agency.clone(),
        from: hours.from.to_string(),
        to: hours.to.to_string(),
        zone: hours.zone.clone(),
        as_of: Ago::of(hours.as_of, now),
        scheduled: clock(hours.total.scheduled_minutes),
        worked: clock(hours.total.worked_minutes),
        unbillable: clock(hours.total.unbillable_minutes),
        rounded,
        rounding: hours.rounding.clone(),
        overtime_after: clock(hours.overtime_after_minutes),
        clients: clients.collect(),
        caregivers: caregivers.collect(),
        exceptions: exceptions.collect(),
        n_exceptions: hours.exceptions.len(),
        n_left_out: over(hours.clients.len())
            + over(hours.caregivers.len())
            + over(hours.exceptions.len())
            + over(n_charges),
        missing: missing.collect(),
        n_missing: hours.missing.len(),
        closed: hours.closed.iter().map(|one| format!("{} to {}, by {}", one.from, one.to, one.by)).collect(),
        charges: hours.charges.as_ref().map(|charges| show_charges(charges, zone, now)),
        adjusted: (!hours.adjustments.is_empty()).then(|| {
            let (n, are) = (hours.adjustments.len(), hours.where_adjustments_are());
            format!("{n} visits changed since, {}, {are}", clock(adjusted))
        }),
    }
}

fn show_charges(charges: &Charges, zone: Tz, now: Instant) -> ShownCharges {
    let minutes = |minutes: Option<i64>| minutes.map_or_else(|| "nothing known".to_owned(), clock);
    let differences = charges.differences.iter().take(ROWS_SHOWN).map(|one| Off {
        when: one.at.with_timezone(&zone).format("%a %d %b %H:%M").to_string(),
        what: one.kind.words(),
        by: match (one.worked_minutes, one.charged_minutes) {
            (Some(worked), Some(charged)) => format!("worked {}, charged {}", clock(worked), clock(charged)),
            (one, other) => minutes(one.or(other)),
        },
        who: std::iter::once(format!("client {}", one.client))
            .chain(one.caregiver.as_ref().map(|id| format!("caregiver {id}")))
            .chain(one.charged_caregiver.as_ref().map(|id| format!("charged for caregiver {id}")))
            .chain(one.visits.iter().map(|id| format!("visit {id}")))
            .chain(one.charges.iter().map(|id| format!("charge {id}")))
            .collect::<Vec<_>>()
            .join(", "),
    });
    ShownCharges {
        as_of: charges.as_of.map(|at| Ago::of(at, now)),
        charged: minutes(charges.charged_minutes),
        without_charge: clock(charges.without_charge_minutes),
        without_hours: clock(charges.without_hours_minutes),
        n_unread: charges.unread.len(),
        n_rejected: charges.rejected.len(),
        n_differences: charges.differences.len(),
        differences: differences.collect(),
    }
}

fn who(id: Option<&String>, name: Option<&String>) -> String {
    match (id, name) {
        (Some(id), Some(name)) => format!("{name} ({id})"),
        (Some(id), None) => id.clone(),
        (None, _) => "nobody named".to_owned(),
    }
}

fn notes(sums: &Sums) -> String {
    let counted =
        [(sums.n_running, "running"), (sums.n_open, "open"), (sums.n_edited, "edited"), (sums.n_unknown, "unknown")];
    let said = counted.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}"));
    said.collect::<Vec<_>>().join(", ")
}

fn clock(minutes: i64) -> String {
    let sign = if minutes < 0 { "\u{2212}" } else { "" };
    format!("{sign}{}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::report::hours::{
        Given,
        rows::VisitRow,
        sum_up,
        terms::{Period, Terms},
    };

    #[test]
    fn the_page_says_what_was_worked_and_what_may_be_missing() {
        let now: Instant = "2026-11-12T18:00:00Z".parse().unwrap();
        let day = "2026-11-10".parse().unwrap();
        let mut hours = sum_up(Given {
            agency: "main".into(),
            terms: Terms::new(chrono_tz::America::Denver),
            period: Period::new(day, day).unwrap(),
            now,
            shifts: Vec::new(),
            visits: vec![VisitRow {
                id: "55000001".into(),
                client: Some("7000101".into()),
                caregiver: Some("8000201".into()),
                shift: None,
                check_in: Some("2026-11-10T16:00:00Z".parse().unwrap()),
                check_out: Some("2026-11-10T18:05:00Z".parse().unwrap()),
                unsettled: None,
                edited: None,
            }],
            wanted: HashMap::new(),
            missing: Vec::new(),
        });
        hours.missing.push(crate::report::hours::answer::Missing { day, section: "visits".into(), clients: None });
        hours.clients[0].name = Some("Avery <Sample>".into());
        let drawn = draw(Ok(&hours), "week=last", now);
        let html = &drawn.parts[0].html;
        for says in
            ["2:05", "Avery &lt;Sample&gt; (7000101)", "not scheduled", "2026-11-10 visits: everybody", "last week"]
        {
            assert!(html.contains(says), "{says}: {html}");
        }
        let without = draw(Err("it cannot be read".to_owned()), "week=this", now);
        assert!(without.parts[0].html.contains("it cannot be read"));
    }
}
