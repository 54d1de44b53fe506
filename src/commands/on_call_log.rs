//! `shiftwatch on-call log`: every page of the last days, who took it, how it ended, what became of it.

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
    report::on_call_log::{LoggedAlert, LoggedPage, OnCallLog},
    view::words,
};

/// Prints the log of a running agent.
pub async fn run(agent: &Agent, days: u32, output: Output, width: usize, out: &mut impl Write) -> io::Result<Exit> {
    match agent.get::<OnCallLog>(&format!("/api/v1/on-call/log?days={days}")).await {
        Ok(log) => {
            out.write_all(text(&log, days, output, width).as_bytes())?;
            Ok(Exit::Done)
        }
        Err(error) => {
            writeln!(io::stderr(), "on-call log: {error}")?;
            Ok(Exit::Failed)
        }
    }
}

/// The log as text; instants in UTC.
#[must_use]
pub fn text(log: &OnCallLog, days: u32, output: Output, width: usize) -> String {
    match output {
        Output::Json => json(log),
        Output::Csv => rows(log).csv(),
        Output::Table => table(log, days, width),
    }
}

/// `night-1 sms 14:10 delivered, night-2 sms 14:20 sent`.
fn told(page: &LoggedPage) -> String {
    let one = page
        .told
        .iter()
        .map(|told| format!("{} {} {} {}", told.person, told.via, told.at.format("%H:%M"), told.arrived));
    one.collect::<Vec<_>>().join(", ")
}

fn became(alert: &LoggedAlert) -> String {
    match (&alert.disposition, alert.suggested) {
        (Some(said), _) => format!("{} ({})", said.words, said.by),
        (None, Some(read)) => format!("{}, by WellSky", read.words()),
        (None, None) if alert.needs_a_word() => "?".to_owned(),
        (None, None) => String::new(),
    }
}

fn table(log: &OnCallLog, days: u32, width: usize) -> String {
    if log.pages.is_empty() {
        return format!("Nobody was paged in the last {}.\n", words::count(u64::from(days), "day", "days"));
    }
    let mut table =
        Table::new(&["OPENED (UTC)", "ALERT", "ID", "SHIFT", "TOLD", "TAKEN BY", "AFTER", "ENDED", "BECAME"]);
    for page in &log.pages {
        let after = page.acknowledged_after_minutes.map_or_else(String::new, |minutes| format!("{minutes} min"));
        let owner = page.acknowledged_by.clone().unwrap_or_else(|| "nobody".to_owned());
        let opened = page.opened_at.format("%Y-%m-%d %H:%M").to_string();
        let what = |alert: Option<&LoggedAlert>| match alert {
            _ if page.drill => "a trial".to_owned(),
            Some(alert) => alert.alertname.clone(),
            None => "unknown".to_owned(),
        };
        let alerts: Vec<Option<&LoggedAlert>> =
            if page.alerts.is_empty() { vec![None] } else { page.alerts.iter().map(Some).collect() };
        for (i, alert) in alerts.into_iter().enumerate() {
            let first = |text: &str| if i == 0 { text.to_owned() } else { String::new() };
            let of = |text: fn(&LoggedAlert) -> String| alert.map(text).unwrap_or_default();
            table.row([
                first(&opened),
                what(alert),
                of(|alert| alert.fingerprint.chars().take(8).collect()),
                of(|alert| alert.shift.clone().unwrap_or_default()),
                first(&told(page)),
                first(&owner),
                first(&after),
                of(|alert| alert.reason_words.clone().unwrap_or_else(|| "open".to_owned())),
                of(became),
            ]);
        }
    }
    let mut text = table.text(width);
    let n = log.pages.iter().filter(|page| page.alerts.iter().any(LoggedAlert::needs_a_word)).count();
    if n > 0 {
        let pages = words::count(n as u64, "page needs a word", "pages need a word");
        let _ = writeln!(
            text,
            "{pages}: shiftwatch disposition ID covered|arrived|refused|unstaffed|data-error|rescheduled --by NAME"
        );
    }
    if log.n_left_out > 0 {
        let _ = writeln!(text, "{} older not listed; ask for fewer days", log.n_left_out);
    }
    text
}

/// The log as rows, one an alert of a page.
#[must_use]
pub fn rows(log: &OnCallLog) -> Table {
    let mut table = Table::new(&[
        "page",
        "agency",
        "policy",
        "trial",
        "opened_at",
        "closed_at",
        "acknowledged_by",
        "acknowledged_after_minutes",
        "told",
        "fingerprint",
        "alertname",
        "severity",
        "location",
        "shift",
        "starts_at",
        "reason",
        "disposition",
        "disposition_by",
        "covered_by",
        "approver",
        "note",
    ]);
    let maybe = |at: Option<Instant>| at.map(stamp).unwrap_or_default();
    for page in &log.pages {
        let rows: Vec<Option<&LoggedAlert>> =
            if page.alerts.is_empty() { vec![None] } else { page.alerts.iter().map(Some).collect() };
        for alert in rows {
            let of = |text: &dyn Fn(&LoggedAlert) -> String| alert.map(text).unwrap_or_default();
            let said = alert.and_then(|alert| alert.disposition.as_ref());
            table.row([
                page.id.clone(),
                page.agency.clone(),
                page.policy.clone(),
                page.drill.to_string(),
                stamp(page.opened_at),
                maybe(page.closed_at),
                page.acknowledged_by.clone().unwrap_or_default(),
                page.acknowledged_after_minutes.map(|minutes| minutes.to_string()).unwrap_or_default(),
                told(page),
                of(&|alert| alert.fingerprint.clone()),
                of(&|alert| alert.alertname.clone()),
                of(&|alert| alert.severity.clone()),
                of(&|alert| alert.location.clone()),
                of(&|alert| alert.shift.clone().unwrap_or_default()),
                of(&|alert| maybe(alert.starts_at)),
                of(&|alert| alert.reason.clone().unwrap_or_default()),
                said.map(|said| said.disposition.as_str().to_owned()).unwrap_or_default(),
                said.map(|said| said.by.clone()).unwrap_or_default(),
                said.and_then(|said| said.covered_by.clone()).unwrap_or_default(),
                said.and_then(|said| said.approver.clone()).unwrap_or_default(),
                said.map(|said| said.note.clone()).unwrap_or_default(),
            ]);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> OnCallLog {
        let log = serde_json::json!({
            "from": "2026-11-22T00:00:00Z", "until": "2026-11-25T00:00:00Z", "n_left_out": 0,
            "pages": [{
                "id": "00000000000000aa", "agency": "main", "policy": "coverage", "drill": false,
                "opened_at": "2026-11-24T15:10:00Z", "closed_at": "2026-11-24T15:24:00Z", "acknowledged_by": "night-2",
                "acknowledged_at": "2026-11-24T15:21:30Z", "acknowledged_after_minutes": 11, "n_alerts": 1,
                "told": [
                    { "person": "night-1", "via": "sms", "at": "2026-11-24T15:10:00Z", "step": 1, "round": 1, "arrived": "sent" },
                    { "person": "night-2", "via": "sms", "at": "2026-11-24T15:20:00Z", "step": 2, "round": 1, "arrived": "delivered" },
                ],
                "alerts": [{
                    "fingerprint": "0123456789abcdef", "active_at": "2026-11-24T15:10:00Z", "alertname": "MissedCheckIn",
                    "severity": "page", "location": "north", "shift": "90010003", "starts_at": "2026-11-24T14:55:00Z",
                    "resolved_at": "2026-11-24T15:24:00Z", "reason": "cancelled", "reason_words": "cancelled",
                    "disposition": null, "suggested": null,
                }],
            }],
        });
        serde_json::from_value(log).unwrap()
    }

    #[test]
    fn the_log_says_who_took_what_after_how_long_and_what_waits_for_a_word() {
        let log = log();
        let text = text(&log, 3, Output::Table, usize::MAX);
        for says in [
            "MissedCheckIn",
            "01234567",
            "night-1 sms 15:10 sent, night-2 sms 15:20 delivered",
            "11 min",
            "cancelled  ?",
        ] {
            assert!(text.contains(says), "{says}: {text}");
        }
        assert!(text.contains("1 page needs a word: shiftwatch disposition ID covered|"), "{text}");
        let csv = super::text(&log, 3, Output::Csv, usize::MAX);
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(lines.len(), 2, "{csv}");
        assert!(lines[1].contains(",night-2,11,") && lines[1].contains(",2026-11-24T14:55:00Z,cancelled,"), "{csv}");
        let empty = OnCallLog { pages: Vec::new(), ..log };
        assert_eq!(super::text(&empty, 3, Output::Table, 80), "Nobody was paged in the last 3 days.\n");
    }
}
