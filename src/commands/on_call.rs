//! `shiftwatch on-call`: who is on call now and next, the days ahead, and what could leave a page without anybody.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use chrono_tz::Tz;

use super::{
    Exit,
    agent::{Agent, AgentError},
    output::{Table, json},
};
use crate::{
    cli::OnCallOutput,
    model::Instant,
    on_call::report::{OnCallReport, ScheduleReport},
    view::words,
};

/// What is asked.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Of one schedule alone.
    pub schedule: Option<String>,
    /// At another instant than now, RFC 3339.
    pub at: Option<String>,
    /// How to answer.
    pub output: OnCallOutput,
}

/// Prints who is on call by a running agent.
pub async fn run(agent: &Agent, wish: &Wish, width: usize, out: &mut impl Write) -> io::Result<Exit> {
    match ask(agent, wish, width).await {
        Ok(text) => {
            out.write_all(text.as_bytes())?;
            Ok(Exit::Done)
        }
        Err(why) => {
            writeln!(io::stderr(), "on-call: {why}")?;
            Ok(Exit::Failed)
        }
    }
}

async fn ask(agent: &Agent, wish: &Wish, width: usize) -> Result<String, String> {
    let says = |error: AgentError| error.to_string();
    let query = wish
        .at
        .as_deref()
        .map(|at| format!("?at={}", url::form_urlencoded::byte_serialize(at.as_bytes()).collect::<String>()));
    let path = format!("/api/v1/on-call{}", query.unwrap_or_default());
    let mut report = agent.get::<OnCallReport>(&path).await.map_err(says)?;
    if let Some(name) = &wish.schedule {
        let names: Vec<String> = report.schedules.iter().map(|one| one.name.clone()).collect();
        report.schedules.retain(|one| one.name == *name);
        if report.schedules.is_empty() {
            return Err(format!("there is no schedule {name}; there are: {}", names.join(", ")));
        }
    }
    match wish.output {
        OnCallOutput::Table => Ok(text(&report, width)),
        OnCallOutput::Json => Ok(json(&report)),
        OnCallOutput::Ics => {
            let [one] = &report.schedules[..] else {
                let names: Vec<&str> = report.schedules.iter().map(|one| one.name.as_str()).collect();
                return Err(format!("a calendar is of one schedule; name it: {}", names.join(", ")));
            };
            let name: String = url::form_urlencoded::byte_serialize(one.name.as_bytes()).collect();
            let (status, text) =
                agent.text(&format!("/api/v1/on-call/{}.ics", name.replace('+', "%20"))).await.map_err(says)?;
            if status == 200 { Ok(text) } else { Err(format!("the agent answered {status}")) }
        }
    }
}

/// The answer for a person.
#[must_use]
pub fn text(report: &OnCallReport, width: usize) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    for one in &report.schedules {
        let _ = writeln!(text, "{}", words::printable(&line(one, report.at)));
    }
    if report.schedules.is_empty() {
        text.push_str("There is no schedule.\n");
    }
    for one in report.schedules.iter().filter(|one| !is_unknown(one)) {
        let mut table = Table::new(&["FROM", "UNTIL", "WHO"]);
        for span in &one.shifts {
            let who = match (&span.people[..], span.is_gap) {
                ([], true) => "NOBODY".to_owned(),
                ([], false) => "nobody".to_owned(),
                (people, _) => people.join(" and "),
            };
            table.row([local(span.from, one), local(span.until, one), who]);
        }
        let _ = write!(text, "\n{} ({})\n{}", words::printable(&one.name), one.timezone, table.text(width));
    }
    if !report.findings.is_empty() {
        text.push_str("\nWhat could leave a page without anybody:\n");
        for finding in &report.findings {
            let _ = writeln!(text, "- {}", words::printable(&finding.says));
        }
    }
    text
}

fn is_unknown(one: &ScheduleReport) -> bool {
    one.calendar.as_ref().is_some_and(|calendar| calendar.fetched_at.is_none())
}

fn line(one: &ScheduleReport, at: Instant) -> String {
    if is_unknown(one) {
        return format!("{}: unknown, its calendar was never read", one.name);
    }
    let who = match &one.on_call[..] {
        [] => "NOBODY".to_owned(),
        people => people.join(" and "),
    };
    let until = match one.until {
        Some(until) => format!("until {} ({})", local(until, one), words::relative(until, at)),
        None => "no change in sight".to_owned(),
    };
    let next = one.shifts.get(1).map(|next| match &next.people[..] {
        [] => ", then NOBODY".to_owned(),
        people => format!(", then {}", people.join(" and ")),
    });
    format!("{}: {who}, {until}{}", one.name, next.unwrap_or_default())
}

fn local(at: Instant, one: &ScheduleReport) -> String {
    let zone: Tz = one.timezone.parse().unwrap_or(Tz::UTC);
    at.with_timezone(&zone).format("%a %Y-%m-%d %H:%M").to_string()
}
