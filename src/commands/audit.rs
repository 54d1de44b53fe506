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
        let about = if output == Output::Table { in_short(about) } else { about.clone() };
        table.row([at, who.clone(), what.clone(), about, agency.clone(), from]);
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

/// So many characters of whom a row is about stand in a table.
const ABOUT_MAX: usize = 48;

/// Whom a row is about; of many, how many of each they are. Rows as CSV and JSON name each.
fn in_short(about: &str) -> String {
    if about.chars().count() <= ABOUT_MAX {
        return about.to_owned();
    }
    let mut counts: Vec<(&str, u64)> = Vec::new();
    for part in about.split(", ") {
        let (kind, n) = match part.split_once(' ') {
            Some(("and", more)) => ("more", more.trim_end_matches(" more").parse().unwrap_or(1)),
            Some((kind, _)) => (kind, 1),
            None => ("more", 1),
        };
        match counts.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += n,
            None => counts.push((kind, n)),
        }
    }
    let each = counts.into_iter().map(|(kind, n)| match (kind, n) {
        ("more", n) => format!("{n} more"),
        (kind, 1) => format!("1 {kind}"),
        (kind, n) => format!("{n} {kind}s"),
    });
    each.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn a_table_counts_many_people_and_names_few() {
        let many = |n: u32| (0..n).map(|id| format!("client {id}")).collect::<Vec<_>>().join(", ");
        for (about, says) in [
            (String::new(), ""),
            ("client 7000101, caregiver 8000201".to_owned(), "client 7000101, caregiver 8000201"),
            (format!("{}, caregiver 1", many(57)), "57 clients, 1 caregiver"),
            (format!("{}, and 12 more", many(500)), "500 clients, 12 more"),
        ] {
            assert_eq!(in_short(&about), says);
        }
        let row = AuditRow {
            at: DateTime::UNIX_EPOCH,
            agency: "main".to_owned(),
            who: "uid 0".to_owned(),
            what: "shifts".to_owned(),
            about: many(200),
            from_where: None,
        };
        let log = AuditLog { from: row.at, until: row.at, rows: vec![row], complete: true };
        assert!(text(&log, Output::Table, usize::MAX).lines().all(|line| line.len() < 120));
        assert!(text(&log, Output::Csv, usize::MAX).contains("client 199"));
    }
}
