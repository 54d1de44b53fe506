//! `shiftwatch alerts`: the list, the most pressing first.

use std::io::{self, Write};

use super::{
    Exit,
    agent::Agent,
    output::{Output, Table, json},
};
use crate::{cli::StateFilter, view::report::AlertReport};

/// Which alerts to list. Empty lists pick everything but what is over.
#[derive(Debug, Clone, Default)]
pub struct Pick {
    /// Any of these states.
    pub states: Vec<StateFilter>,
    /// Any of these severities.
    pub severities: Vec<String>,
    /// All of these labels; an empty value means the label is missing.
    pub labels: Vec<(String, String)>,
}

impl Pick {
    fn takes(&self, alert: &AlertReport) -> bool {
        let state = match self.states.as_slice() {
            [] => alert.state != "resolved",
            states => states.iter().any(|state| state.as_str() == alert.state),
        };
        state
            && (self.severities.is_empty() || self.severities.contains(&alert.severity))
            && self.labels.iter().all(|(name, value)| alert.labels.get(name).map_or("", String::as_str) == value)
    }
}

/// Prints the alerts of a running agent.
pub async fn run(agent: &Agent, pick: &Pick, output: Output, width: usize, out: &mut impl Write) -> io::Result<Exit> {
    match agent.get::<Vec<AlertReport>>("/api/v1/alerts").await {
        Ok(all) => {
            out.write_all(list(&all, pick, output, width).as_bytes())?;
            Ok(Exit::Done)
        }
        Err(error) => {
            writeln!(io::stderr(), "alerts: {error}")?;
            Ok(Exit::Failed)
        }
    }
}

/// The list as text. Numbers count the whole list, so that `ack N` means the same with any filter.
#[must_use]
pub fn list(all: &[AlertReport], pick: &Pick, output: Output, width: usize) -> String {
    let picked: Vec<(usize, &AlertReport)> = (1..).zip(all).filter(|(_, alert)| pick.takes(alert)).collect();
    match output {
        Output::Json => json(&picked.iter().map(|(_, alert)| *alert).collect::<Vec<_>>()),
        Output::Csv => csv(&picked),
        Output::Table if picked.is_empty() => "No alerts.\n".to_owned(),
        Output::Table => table(&picked).text(width),
    }
}

/// The table for people; also the lower half of `status`.
#[must_use]
pub fn table(picked: &[(usize, &AlertReport)]) -> Table {
    let several = picked.iter().any(|(_, alert)| alert.agency != picked[0].1.agency);
    let mut table = Table::new(&["#", "due", "severity", "alert", "agency", "location", "when", "state", "what", "id"]);
    for (n, alert) in picked {
        table.row([
            n.to_string(),
            alert.deadline_in.clone().unwrap_or_default(),
            alert.severity.clone(),
            alert.alertname.clone(),
            if several { alert.agency.clone() } else { String::new() },
            alert.location.clone(),
            alert.when.clone().unwrap_or_default(),
            state(alert),
            if alert.summary == alert.alertname { String::new() } else { alert.summary.clone() },
            alert.fingerprint.get(..8).unwrap_or(&alert.fingerprint).to_owned(),
        ]);
    }
    table
}

/// `firing`, `night-1 until Tue 03:22`, `covered`, with what a reader must know about it.
fn state(alert: &AlertReport) -> String {
    let mut state = match (&alert.owner, &alert.reason) {
        (Some(owner), _) => format!("{} until {}", owner.by, owner.until_local),
        (None, Some(reason)) => reason.replace('_', " "),
        (None, None) => alert.state.clone(),
    };
    if alert.unjudged_since.is_some() {
        state.push_str(", held: no fresh data");
    } else if !alert.inhibited_by.is_empty() {
        state.push_str(", a worse one speaks");
    } else if alert.unconfirmed {
        state.push_str(", unconfirmed");
    }
    state
}

fn csv(picked: &[(usize, &AlertReport)]) -> String {
    let mut table = Table::new(&[
        "n",
        "fingerprint",
        "state",
        "needs_you",
        "severity",
        "alertname",
        "agency",
        "location",
        "when",
        "deadline",
        "active_at",
        "fired_at",
        "owner",
        "owner_until",
        "reason",
        "summary",
    ]);
    let stamp = |at: crate::model::Instant| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    for (n, alert) in picked {
        table.row([
            n.to_string(),
            alert.fingerprint.clone(),
            alert.state.clone(),
            alert.needs_you.to_string(),
            alert.severity.clone(),
            alert.alertname.clone(),
            alert.agency.clone(),
            alert.location.clone(),
            alert.when.clone().unwrap_or_default(),
            alert.deadline.map(stamp).unwrap_or_default(),
            stamp(alert.active_at),
            alert.fired_at.map(stamp).unwrap_or_default(),
            alert.owner.as_ref().map(|owner| owner.by.clone()).unwrap_or_default(),
            alert.owner.as_ref().map(|owner| stamp(owner.until)).unwrap_or_default(),
            alert.reason.clone().unwrap_or_default(),
            alert.summary.clone(),
        ]);
    }
    table.csv()
}
