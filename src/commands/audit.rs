//! `shiftwatch audit`: who saw whose name, when and from where. Ids, never names.

use std::io::{self, Write};

use chrono::{SecondsFormat, TimeDelta};

use super::{
    Exit,
    agent::Agent,
    output::{Output, Table, json, stamp},
};
use crate::{
    cli::Audit as Args,
    model::Instant,
    report::audit::{AuditLog, AuditRow},
};

/// Prints the audit of a running agent.
pub async fn run(
    agent: &Agent,
    args: &Args,
    real_now: Instant,
    width: usize,
    out: &mut impl Write,
) -> io::Result<Exit> {
    // The agent's clock may be ahead of ours.
    let from = stamp(real_now - TimeDelta::days(i64::from(args.days)));
    match agent.get::<AuditLog>(&format!("/api/v1/audit?from={from}")).await {
        Ok(log) => {
            out.write_all(text(&log, args.asking.output, width).as_bytes())?;
            Ok(Exit::Done)
        }
        Err(error) => {
            writeln!(io::stderr(), "audit: {error}")?;
            Ok(Exit::Failed)
        }
    }
}

/// The audit as text; instants in UTC.
#[must_use]
pub fn text(log: &AuditLog, output: Output, width: usize) -> String {
    let mut table = match output {
        Output::Json => return json(log),
        Output::Csv => Table::new(&["at", "who", "what", "about", "agency", "from"]),
        Output::Table => Table::new(&["AT (UTC)", "WHO", "WHAT", "ABOUT", "AGENCY", "FROM"]),
    };
    for AuditRow { at, agency, who, what, about, from_where } in &log.rows {
        let at = match output {
            Output::Table => at.format("%Y-%m-%d %H:%M:%S").to_string(),
            _ => at.to_rfc3339_opts(SecondsFormat::Micros, true),
        };
        let from = from_where.clone().unwrap_or_default();
        table.row([at, who.clone(), what.clone(), about.clone(), agency.clone(), from]);
    }
    if output == Output::Csv {
        return table.csv();
    }
    if table.is_empty() {
        return "Nobody saw a name in this time.\n".to_owned();
    }
    let more = if log.complete { "" } else { "There is more: ask for fewer days.\n" };
    table.text(width) + more
}
