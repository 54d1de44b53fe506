//! `shiftwatch status`: one line on how things stand, then what needs a person.

use std::{
    fmt::Write as _,
    future::Future,
    io::{self, Write},
};

use serde::Serialize;

use super::{
    Exit,
    agent::{Agent, AgentError},
    alerts,
    output::{Output, Table, json, stamp},
};
use crate::{
    model::Instant,
    view::{
        View,
        report::{AlertReport, StatusReport},
        words,
    },
};

/// How many alerts the table shows before it points to `shiftwatch alerts`.
const SHOWN_MAX: usize = 10;

/// What `--output json` prints.
#[derive(Serialize)]
struct Answer<'report> {
    #[serde(flatten)]
    status: &'report StatusReport,
    /// Alerts that wait for a person, the most severe first, then by deadline.
    needs_you: Vec<&'report AlertReport>,
    /// `agent`, or `store` when no agent runs.
    source: &'static str,
}

/// Prints the status of a running agent; when none runs, of the stored picture with its age.
///
/// `stored` is only awaited when no agent answers; `None` = there is no store to open, or it cannot be read.
pub async fn run(
    agent: &Agent,
    stored: impl Future<Output = Option<View>>,
    now: Instant,
    output: Output,
    width: usize,
    out: &mut impl Write,
) -> io::Result<Exit> {
    let asked = async {
        let status = agent.get::<StatusReport>("/api/v1/status").await?;
        Ok::<_, AgentError>((status, agent.get::<Vec<AlertReport>>("/api/v1/alerts").await?))
    };
    match asked.await {
        Ok((status, alerts)) => {
            out.write_all(answer(&status, &alerts, "agent", output, width).as_bytes())?;
            Ok(Exit::Done)
        }
        Err(error @ AgentError::NotRunning(_)) => {
            let Some(view) = stored.await else {
                writeln!(io::stderr(), "status: {error}")?;
                return Ok(Exit::Failed);
            };
            let age = words::span(now - view.at);
            writeln!(
                io::stderr(),
                "status: NOBODY IS WATCHING: no agent answers at {}; this is what the store held {age} ago",
                agent.base()
            )?;
            let status = StatusReport::with(&view, Err("no agent is running".to_owned()), now);
            out.write_all(answer(&status, &AlertReport::all(&view, now), "store", output, width).as_bytes())?;
            Ok(Exit::Done)
        }
        Err(error) => {
            writeln!(io::stderr(), "status: {error}")?;
            Ok(Exit::Failed)
        }
    }
}

/// The answer as text.
#[must_use]
pub fn answer(
    status: &StatusReport,
    alerts: &[AlertReport],
    source: &'static str,
    output: Output,
    width: usize,
) -> String {
    match output {
        Output::Json => {
            let needs_you = alerts.iter().filter(|alert| alert.needs_you).collect();
            json(&Answer { status, needs_you, source })
        }
        Output::Csv => csv(status),
        Output::Table => text(status, alerts, width),
    }
}

fn text(status: &StatusReport, alerts: &[AlertReport], width: usize) -> String {
    let mut text = format!("{}\n", words::printable(&status.sentence));
    for remark in &status.remarks {
        text.push_str(&words::printable(remark));
        text.push('\n');
    }
    for agency in &status.agencies {
        if let Some(words) = agency.reminders.words() {
            let whose = if status.agencies.len() > 1 { format!("{}: ", agency.name) } else { String::new() };
            let _ = writeln!(text, "{whose}{words}");
        }
    }
    let needs: Vec<&AlertReport> = alerts.iter().filter(|alert| alert.needs_you).collect();
    if !needs.is_empty() {
        let shown = &needs[..needs.len().min(SHOWN_MAX)];
        text.push('\n');
        text.push_str(&alerts::table(shown, alerts).text(width));
        if needs.len() > SHOWN_MAX {
            let _ = writeln!(text, "… and {} more: shiftwatch alerts", needs.len() - SHOWN_MAX);
        }
        let _ = writeln!(text, "\nOwn one: shiftwatch ack {} --by YOUR-NAME", alerts::id(shown[0], alerts));
    }
    text
}

fn csv(status: &StatusReport) -> String {
    let mut table = Table::new(&[
        "agency",
        "clients",
        "shifts_left_today",
        "last_read_at",
        "unjudged",
        "blind_since",
        "ready",
        "need_you",
        "owned",
        "warnings",
    ]);
    let maybe = |at: Option<Instant>| at.map(stamp).unwrap_or_default();
    let number = |n: Option<u64>| n.map(|n| n.to_string()).unwrap_or_default();
    for one in &status.agencies {
        table.row([
            one.name.clone(),
            number(one.clients),
            number(one.shifts_left_today),
            maybe(one.last_read_at),
            one.unjudged.to_string(),
            maybe(one.blind_since),
            status.ready.to_string(),
            status.alerts.need_you.to_string(),
            status.alerts.owned.to_string(),
            status.alerts.warnings.to_string(),
        ]);
    }
    table.csv()
}
