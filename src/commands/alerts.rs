//! `shiftwatch alerts`: the list, the most pressing first.

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
    cli::StateFilter,
    view::{report::AlertReport, words},
};

/// So much of a fingerprint is shown as an id, unless two share it.
const ID_DIGITS: usize = 6;

/// Which alerts to list. Empty lists pick everything but what is over.
#[derive(Debug, Clone, Default)]
pub struct Pick {
    /// Any of these states.
    pub states: Vec<StateFilter>,
    /// Any of these severities.
    pub severities: Vec<String>,
    /// All of these labels; an empty value means the label is missing.
    pub labels: Vec<(String, String)>,
    /// In a table for people, also those for which a worse one speaks.
    pub all: bool,
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

/// The list as text.
#[must_use]
pub fn list(all: &[AlertReport], pick: &Pick, output: Output, width: usize) -> String {
    let picked: Vec<&AlertReport> = all.iter().filter(|alert| pick.takes(alert)).collect();
    match output {
        Output::Json => json(&picked),
        Output::Csv => csv(&picked),
        Output::Table => {
            let shown: Vec<&AlertReport> =
                picked.iter().copied().filter(|alert| pick.all || alert.inhibited_by.is_empty()).collect();
            let mut text = if shown.is_empty() { "No alerts.\n".to_owned() } else { table(&shown, all).text(width) };
            if shown.len() < picked.len() {
                let more = words::count((picked.len() - shown.len()) as u64, "milder one", "milder ones");
                let _ = writeln!(text, "{more} not shown, because a worse one speaks for the same shift: --all");
            }
            text
        }
    }
}

/// How an alert is called, among all of them: the beginning of its fingerprint, long enough to mean only it.
#[must_use]
pub fn id<'alert>(alert: &'alert AlertReport, all: &[AlertReport]) -> &'alert str {
    let fingerprint = alert.fingerprint.as_str();
    let is_own =
        |id: &str| all.iter().all(|other| other.fingerprint == fingerprint || !other.fingerprint.starts_with(id));
    (ID_DIGITS..fingerprint.len()).filter_map(|n| fingerprint.get(..n)).find(|id| is_own(id)).unwrap_or(fingerprint)
}

/// What it is about: a shift's number, else what its label says.
fn about(alert: &AlertReport) -> String {
    let label = |name: &str| alert.labels.get(name).filter(|value| !value.is_empty());
    if let Some(shift) = label("shift") {
        return shift.split('@').next().unwrap_or(shift).to_owned();
    }
    if let Some((name, id)) = ["visit", "client", "caregiver"].iter().find_map(|name| Some((name, label(name)?))) {
        return format!("{name} {id}");
    }
    ["endpoint", "section", "gateway"].iter().find_map(|name| label(name)).cloned().unwrap_or_default()
}

/// The table for people; also the lower half of `status`. `all` is what ids are told apart in.
#[must_use]
pub fn table(picked: &[&AlertReport], all: &[AlertReport]) -> Table {
    let several = picked.iter().any(|alert| alert.agency != picked[0].agency);
    let mut table = Table::new(&["id", "due", "severity", "alert", "agency", "where, when", "shift", "state"]);
    for alert in picked {
        table.row([
            id(alert, all).to_owned(),
            alert.deadline_in.clone().unwrap_or_default(),
            alert.severity.clone(),
            alert.alertname.clone(),
            if several { alert.agency.clone() } else { String::new() },
            [alert.location.as_str(), alert.when.as_deref().unwrap_or_default()]
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join(", "),
            about(alert),
            state(alert),
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

fn csv(picked: &[&AlertReport]) -> String {
    let mut table = Table::new(&[
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
    for alert in picked {
        table.row([
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
