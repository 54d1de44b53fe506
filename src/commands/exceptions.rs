//! `shiftwatch exceptions`: what was not as planned, and what will not be; and `shiftwatch kpis`: the key figures.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use super::{
    Exit,
    agent::Agent,
    output::{Output, Table, json, stamp},
};
use crate::{
    model::Instant,
    report::{
        exceptions::{ExceptionRow, Exceptions},
        kpi::{Figures, Kpis},
    },
    view::words,
};

/// Prints the list of a running agent.
pub async fn run(
    agent: &Agent,
    days: u32,
    open: bool,
    output: Output,
    width: usize,
    out: &mut impl Write,
) -> io::Result<Exit> {
    match agent.get::<Exceptions>(&format!("/api/v1/exceptions?days={days}&open={open}")).await {
        Ok(list) => {
            out.write_all(text(&list, days, open, output, width).as_bytes())?;
            Ok(Exit::Done)
        }
        Err(error) => {
            writeln!(io::stderr(), "exceptions: {error}")?;
            Ok(Exit::Failed)
        }
    }
}

/// Prints the key figures of a running agent.
pub async fn kpis(agent: &Agent, days: u32, output: Output, width: usize, out: &mut impl Write) -> io::Result<Exit> {
    match agent.get::<Kpis>(&format!("/api/v1/kpis?days={days}")).await {
        Ok(kpis) => {
            out.write_all(kpis_text(&kpis, output, width).as_bytes())?;
            Ok(Exit::Done)
        }
        Err(error) => {
            writeln!(io::stderr(), "kpis: {error}")?;
            Ok(Exit::Failed)
        }
    }
}

/// What it is about, in ids: `shift 90010001`.
fn about(row: &ExceptionRow) -> String {
    let one = |what: &str, id: &Option<String>| id.as_ref().map(|id| format!("{what} {id}"));
    let all = [
        one("shift", &row.shift),
        one("and", &row.other_shift),
        one("visit", &row.visit),
        one("client", &row.client),
        one("caregiver", &row.caregiver),
        one("week", &row.week),
    ];
    all.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn became(row: &ExceptionRow) -> String {
    match (&row.disposition, &row.reason_words) {
        (Some(said), _) => format!("{} ({})", said.words, said.by),
        (None, _) if row.waits => "?".to_owned(),
        (None, Some(reason)) => reason.clone(),
        (None, None) => String::new(),
    }
}

/// One line an exception; what is not known is empty.
#[must_use]
pub fn rows(exceptions: &[ExceptionRow]) -> Table {
    let mut table = Table::new(&[
        "fingerprint",
        "agency",
        "kind",
        "alertname",
        "severity",
        "location",
        "shift",
        "starts_at",
        "other_shift",
        "visit",
        "client",
        "caregiver",
        "week",
        "fired_at",
        "resolved_at",
        "reason",
        "disposition",
        "disposition_by",
        "note",
        "waits",
    ]);
    let maybe = |text: &Option<String>| text.clone().unwrap_or_default();
    let at = |at: Option<Instant>| at.map(stamp).unwrap_or_default();
    for row in exceptions {
        let said = row.disposition.as_ref();
        table.row([
            row.fingerprint.clone(),
            row.agency.clone(),
            row.kind.clone(),
            row.alertname.clone(),
            row.severity.clone(),
            row.location.clone(),
            maybe(&row.shift),
            at(row.starts_at),
            maybe(&row.other_shift),
            maybe(&row.visit),
            maybe(&row.client),
            maybe(&row.caregiver),
            maybe(&row.week),
            at(row.fired_at),
            at(row.resolved_at),
            maybe(&row.reason),
            said.map(|said| said.disposition.as_str().to_owned()).unwrap_or_default(),
            said.map(|said| said.by.clone()).unwrap_or_default(),
            said.map(|said| said.note.clone()).unwrap_or_default(),
            row.waits.to_string(),
        ]);
    }
    table
}

/// The list as text; instants in UTC.
#[must_use]
pub fn text(list: &Exceptions, days: u32, open: bool, output: Output, width: usize) -> String {
    let since = |row: &ExceptionRow| row.fired_at.unwrap_or(row.active_at);
    match output {
        Output::Json => return json(list),
        Output::Csv => return rows(&list.exceptions).csv(),
        Output::Table => {}
    }
    if list.exceptions.is_empty() {
        let days = words::count(u64::from(days), "day", "days");
        return if open {
            format!("Nothing waits for anybody: the last {days}.\n")
        } else {
            format!("Everything was as planned in the last {days}, as far as is known.\n")
        };
    }
    let mut table = Table::new(&["SINCE (UTC)", "WHAT", "ABOUT", "LOCATION", "ID", "STILL", "BECAME"]);
    for row in &list.exceptions {
        table.row([
            since(row).format("%Y-%m-%d %H:%M").to_string(),
            row.kind.replace('_', " "),
            about(row),
            row.location.clone(),
            row.fingerprint.clone(),
            if row.resolved_at.is_none() { "yes" } else { "" }.to_owned(),
            became(row),
        ]);
    }
    let mut text = table.text(width);
    if list.n_waiting > 0 {
        let waiting = words::count(list.n_waiting as u64, "waits for a word", "wait for a word");
        let _ = writeln!(text, "{waiting}: shiftwatch disposition ID linked|edited|approved|data-error|… --by NAME");
    }
    if list.n_left_out > 0 {
        let _ = writeln!(text, "{} older not listed; ask for fewer days", list.n_left_out);
    }
    text
}

/// The key figures as text: a row a figure, a column a location.
#[must_use]
pub fn kpis_text(kpis: &Kpis, output: Output, width: usize) -> String {
    if output == Output::Json {
        return json(kpis);
    }
    let share =
        |value: Option<f64>| value.map_or_else(|| "unknown".to_owned(), |value| format!("{:.1} %", value * 100.0));
    let hours = |value: Option<f64>| value.map_or_else(|| "unknown".to_owned(), |value| format!("{value:.1} h"));
    let mut table = Table::new(&[
        "AGENCY",
        "LOCATION",
        "SHIFTS",
        "KNOWN",
        "FILLED",
        "MISSED",
        "ON TIME 7M",
        "ON TIME 15M",
        "OPEN 24H",
        "AT RISK 72H",
        "WORKED",
        "VARIANCE",
        "CAREGIVERS/CLIENT",
    ]);
    for agency in &kpis.agencies {
        let mut row = |location: &str, one: &Figures| {
            table.row([
                agency.agency.clone(),
                location.to_owned(),
                one.n_shifts.to_string(),
                one.n_shifts.saturating_sub(one.n_unknown).to_string(),
                share(one.told(one.fill_ratio)),
                share(one.told(one.missed_ratio)),
                share(one.told(one.on_time_7m_ratio)),
                share(one.told(one.on_time_15m_ratio)),
                share(one.open_24h_ratio),
                hours(one.at_risk_72h_hours),
                hours(one.worked_hours),
                hours(one.variance_hours),
                one.caregivers_per_client.map_or_else(|| "unknown".to_owned(), |n| format!("{n:.1}")),
            ]);
        };
        row("all", &agency.all);
        for (location, figures) in &agency.locations {
            row(location, figures);
        }
    }
    if output == Output::Csv {
        return table.csv();
    }
    let mut text = table.text(width);
    for agency in &kpis.agencies {
        let _ = writeln!(
            text,
            "{}: overtime this week {}, half of the call-outs filled within {}, nine in ten within {}, filled late {}{}",
            agency.agency,
            hours(agency.overtime_hours),
            minutes(agency.time_to_fill.p50_seconds),
            minutes(agency.time_to_fill.p90_seconds),
            share(agency.filled_late_ratio),
            if agency.complete { "" } else { "; part of the schedule was not read" }
        );
        let day = |at: Instant| at.format("%F").to_string();
        let edits = agency.manual_edits.map_or_else(String::new, |edits| {
            format!(" of {} visits read again since {}", edits.n_visits, day(edits.since))
        });
        let known = agency
            .known_from
            .map_or_else(|| "no visits are known yet".to_owned(), |at| format!("visits are known from {}", day(at)));
        let _ = writeln!(text, "{}: edited {}{edits}; {known}", agency.agency, share(agency.manual_edit_ratio));
        if let Some(reminded) = &agency.reminders {
            let of = reminded.n_cleared + reminded.n_not_cleared;
            let came = share(reminded.cleared_ratio);
            let _ = writeln!(
                text,
                "{}: reminders sent {}, missed check-ins that came within 10 min {came} of {of}",
                agency.agency, reminded.n_sent
            );
        }
    }
    if !kpis.rules.is_empty() {
        text.push('\n');
        text.push_str(&rules_table(kpis).text(width));
    }
    if !kpis.people.is_empty() {
        text.push('\n');
        text.push_str(&people_table(kpis).text(width));
    }
    text
}

fn minutes(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "unknown".to_owned(), |seconds| format!("{:.1} min", seconds / 60.0))
}

fn rules_table(kpis: &Kpis) -> Table {
    let mut table = Table::new(&[
        "RULE",
        "ALERTS",
        "DETECTED P50",
        "P90",
        "TAKEN P50",
        "P90",
        "OVER P50",
        "P90",
        "ACTED ON",
        "BY ITSELF",
    ]);
    let share =
        |value: Option<f64>| value.map_or_else(|| "unknown".to_owned(), |value| format!("{:.0} %", value * 100.0));
    for rule in &kpis.rules {
        table.row([
            rule.alertname.clone(),
            rule.n_alerts.to_string(),
            minutes(rule.detect.p50_seconds),
            minutes(rule.detect.p90_seconds),
            minutes(rule.acknowledge.p50_seconds),
            minutes(rule.acknowledge.p90_seconds),
            minutes(rule.resolve.p50_seconds),
            minutes(rule.resolve.p90_seconds),
            share(rule.precision_ratio),
            share(rule.retro_resolved_ratio),
        ]);
    }
    table
}

fn people_table(kpis: &Kpis) -> Table {
    let mut table = Table::new(&["PERSON", "TOOK", "TAKEN P50", "P90", "OVER P50", "P90"]);
    for one in &kpis.people {
        table.row([
            one.person.clone(),
            one.n_taken.to_string(),
            minutes(one.acknowledge.p50_seconds),
            minutes(one.acknowledge.p90_seconds),
            minutes(one.resolve.p50_seconds),
            minutes(one.resolve.p90_seconds),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_says_what_waits_and_how_to_say_what_became_of_it() {
        let list = serde_json::json!({
            "from": "2026-11-22T00:00:00Z", "as_of": "2026-11-25T00:00:00Z", "complete": true, "n_left_out": 0, "n_waiting": 1,
            "exceptions": [{
                "fingerprint": "0123456789abcdef", "active_at": "2026-11-24T15:10:00Z", "agency": "main",
                "kind": "double_booked", "alertname": "CaregiverDoubleBooked", "severity": "warning", "location": "north",
                "shift": "90010003", "starts_at": "2026-11-24T14:55:00Z", "other_shift": "90010002", "visit": null,
                "client": null, "caregiver": null, "week": null, "fired_at": "2026-11-24T15:10:00Z",
                "acknowledged_by": null, "resolved_at": null, "reason": null, "reason_words": null, "disposition": null,
                "waits": true,
            }],
        });
        let list: Exceptions = serde_json::from_value(list).unwrap();
        let table = text(&list, 7, false, Output::Table, usize::MAX);
        for says in [
            "double booked",
            "shift 90010003 and 90010002",
            "0123456789abcdef",
            "yes    ?",
            "shiftwatch disposition ID linked",
        ] {
            assert!(table.contains(says), "{says}: {table}");
        }
        let csv = text(&list, 7, false, Output::Csv, usize::MAX);
        assert!(csv.lines().nth(1).unwrap().ends_with(",true"), "{csv}");
        let empty = Exceptions { exceptions: Vec::new(), n_waiting: 0, ..list };
        assert_eq!(text(&empty, 7, true, Output::Table, 80), "Nothing waits for anybody: the last 7 days.\n");
    }
}
