//! `shiftwatch hours`: the hours of a period as a table, as CSV, as JSON; closing, and reading what is missing first.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal as _, Write},
    time::Duration,
};

use super::{
    Exit,
    agent::{Agent, AgentError},
    output::{Output, Table, json, stamp},
};
use crate::{
    cli::{By, Hours as Wish, HoursCommand},
    http::hours::{CloseBody, PastRead},
    report::hours::{
        answer::{Exception, Hours, Missing, Sums},
        charges::Charges,
        closing::{Adjustment, ClosedPeriod, KeptVisit},
    },
};

/// How often the agent is asked how far a read of the past is.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// So many columns a bar has.
const BAR: usize = 30;
/// So many days that were not wholly read are named below a table.
const MISSING_SHOWN: usize = 8;

/// Does what was asked.
pub async fn run(agent: &Agent, wish: &Wish, width: usize, out: &mut impl Write) -> io::Result<Exit> {
    match answer(agent, wish, width, out).await? {
        Ok(text) => {
            out.write_all(text.as_bytes())?;
            Ok(Exit::Done)
        }
        Err(error) => {
            writeln!(io::stderr(), "hours: {error}")?;
            Ok(Exit::Failed)
        }
    }
}

async fn answer(
    agent: &Agent,
    wish: &Wish,
    width: usize,
    out: &mut impl Write,
) -> io::Result<Result<String, AgentError>> {
    let of_agency = wish.agency.as_ref().map(|name| format!("&agency={}", escaped(name))).unwrap_or_default();
    let output = wish.asking.output;
    match &wish.command {
        Some(HoursCommand::Close { days: (from, to), by }) => {
            let body = CloseBody { agency: wish.agency.clone(), from: *from, to: *to, by: by.clone() };
            let closed = agent.post::<ClosedPeriod>("/api/v1/hours/close", &body).await;
            return Ok(closed.map(|closed| closed_text(&[closed], output, width)));
        }
        Some(HoursCommand::Closed) => {
            let path = format!("/api/v1/hours/closed?{}", of_agency.trim_start_matches('&'));
            let closed = agent.get::<Vec<ClosedPeriod>>(&path).await;
            return Ok(closed.map(|closed| closed_text(&closed, output, width)));
        }
        None => {}
    }
    let query = format!("{}{of_agency}", wish.days.query());
    if wish.read
        && let Err(fault) = read_first(agent, &query, out).await?
    {
        return Ok(Err(fault));
    }
    let by = match wish.by {
        Some(By::Client) => "&by=client",
        Some(By::Caregiver) => "&by=caregiver",
        None => "",
    };
    let hours = agent.get::<Hours>(&format!("/api/v1/hours?{query}{by}")).await;
    let list = match (wish.exceptions, wish.charges) {
        (true, _) => List::Exceptions,
        (false, true) => List::Charges,
        (false, false) => List::None,
    };
    if wish.charges
        && output == Output::Csv
        && let Ok(Hours { charges: None, .. }) = &hours
    {
        writeln!(io::stderr(), "charges are not read: switch on agencies[].wellsky.sections.chargeitems")?;
    }
    Ok(hours.map(|hours| text(&hours, wish.by, list, output, width)))
}

/// A second, real time.
#[expect(clippy::disallowed_methods, reason = "a command asks a running agent again, on the machine's own time")]
async fn a_while() {
    tokio::time::sleep(ASK_EVERY).await;
}

/// Has the agent read what is missing, and shows how far it is. Interrupting this ends the watching, not the read.
async fn read_first(agent: &Agent, query: &str, out: &mut impl Write) -> io::Result<Result<(), AgentError>> {
    let path = format!("/api/v1/hours/reads?{query}");
    let mut read = match agent.post::<Option<PastRead>>(&path, &serde_json::json!({})).await {
        Ok(Some(read)) => read,
        Ok(None) => return Ok(Ok(())),
        Err(fault) => return Ok(Err(fault)),
    };
    let mut err = io::stderr();
    let live = err.is_terminal();
    let mut said = usize::MAX;
    loop {
        let share = read.n_done * 20 / read.n_reads.max(1);
        if live {
            write!(err, "\r{}", bar(&read))?;
        } else if share != said {
            writeln!(err, "{}", bar(&read))?;
            said = share;
        }
        if read.over {
            break;
        }
        out.flush()?;
        a_while().await;
        let path = format!("/api/v1/hours/reads/{}?agency={}", read.id, escaped(&read.agency));
        read = match agent.get::<PastRead>(&path).await {
            Ok(read) => read,
            Err(fault) => return Ok(Err(fault)),
        };
    }
    if live {
        writeln!(err)?;
    }
    if let (1.., Some(fault)) = (read.n_failed, &read.fault) {
        writeln!(err, "{} of {} reads failed; the last: {fault}", read.n_failed, read.n_reads)?;
    }
    Ok(Ok(()))
}

fn bar(read: &PastRead) -> String {
    let full = (read.n_done * BAR / read.n_reads.max(1)).min(BAR);
    let (done, left) = ("#".repeat(full), "-".repeat(BAR - full));
    format!("reading {} to {} [{done}{left}] {} of {}", read.from, read.to, read.n_done, read.n_reads)
}

fn escaped(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// What is listed besides the sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum List {
    /// Nothing.
    #[default]
    None,
    /// What is not as planned.
    Exceptions,
    /// What was billed and what was worked, where they do not meet.
    Charges,
}

/// A report as text.
#[must_use]
pub fn text(hours: &Hours, by: Option<By>, list: List, output: Output, width: usize) -> String {
    match (output, list) {
        (Output::Json, _) => json(hours),
        (Output::Csv, List::Exceptions) => exceptions_table(&hours.exceptions).csv(),
        (Output::Csv, List::Charges) => charges_table(hours.charges.as_ref()).csv(),
        (Output::Csv, List::None) => rows(std::slice::from_ref(hours), by).csv(),
        (Output::Table, list) => table(hours, by, list, width),
    }
}

/// `7:05`.
fn clock(minutes: i64) -> String {
    let sign = if minutes < 0 { "-" } else { "" };
    format!("{sign}{}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

fn who(id: Option<&String>, name: Option<&String>) -> String {
    match (id, name) {
        (Some(id), Some(name)) => format!("{name} ({id})"),
        (Some(id), None) => id.clone(),
        (None, _) => "nobody named".to_owned(),
    }
}

fn flags(sums: &Sums) -> String {
    let counted =
        [(sums.n_running, "running"), (sums.n_open, "open"), (sums.n_edited, "edited"), (sums.n_unknown, "unknown")];
    let said = counted.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}"));
    said.collect::<Vec<_>>().join(", ")
}

fn table(hours: &Hours, by: Option<By>, list: List, width: usize) -> String {
    let mut text = format!("{} {} to {} ({})\n", hours.agency, hours.from, hours.to, hours.zone);
    if !hours.complete {
        text += "NOT COMPLETE: days were not wholly read, see the end; there may be more than this.\n";
    }
    let total = &hours.total;
    let _ = writeln!(
        text,
        "scheduled {}, worked {}, unbillable {}; {} shifts, {} visits{}",
        clock(total.scheduled_minutes),
        clock(total.worked_minutes),
        clock(total.unbillable_minutes),
        total.n_shifts,
        total.n_visits,
        Some(flags(total)).filter(|said| !said.is_empty()).map(|said| format!(" ({said})")).unwrap_or_default()
    );
    let rounded = hours.rounding != "none";
    let round = |sums: &Sums| if rounded { clock(sums.rounded_minutes) } else { String::new() };
    if by != Some(By::Caregiver) {
        let mut table = Table::new(&["CLIENT", "SCHEDULED", "WORKED", "ROUNDED", "OFF BY", "UNBILLABLE", "VISITS", ""]);
        for one in &hours.clients {
            table.row([
                who(one.client.as_ref(), one.name.as_ref()),
                clock(one.sums.scheduled_minutes),
                clock(one.sums.worked_minutes),
                round(&one.sums),
                clock(one.sums.variance_minutes),
                clock(one.sums.unbillable_minutes),
                one.sums.n_visits.to_string(),
                flags(&one.sums),
            ]);
        }
        text.push('\n');
        text.push_str(&table.text(width));
    }
    if by != Some(By::Client) {
        let titles = ["CAREGIVER", "SCHEDULED", "WORKED", "PAYABLE", "OVERTIME", "OVERLAP", "USED", ""];
        let mut table = Table::new(&titles);
        for one in &hours.caregivers {
            table.row([
                who(one.caregiver.as_ref(), one.name.as_ref()),
                clock(one.sums.scheduled_minutes),
                clock(one.sums.worked_minutes),
                clock(one.payable_minutes),
                clock(one.overtime_minutes),
                clock(one.overlap_minutes),
                one.utilisation
                    .map(|share| format!("{:.0}% of {}", share * 100.0, one.utilisation_of))
                    .unwrap_or_default(),
                flags(&one.sums),
            ]);
        }
        text.push('\n');
        text.push_str(&table.text(width));
    }
    if list == List::Exceptions && !hours.exceptions.is_empty() {
        text.push('\n');
        text.push_str(&exceptions_for_people(hours).text(width));
    } else if !hours.exceptions.is_empty() {
        let _ = writeln!(text, "\n{} not as planned: add --exceptions to see them", hours.exceptions.len());
    }
    if !hours.names.is_empty() {
        let _ = writeln!(text, "\n{}", hours.names);
    }
    adjustments(hours, &mut text, width);
    charges(hours, list == List::Charges, &mut text, width);
    known(hours, &mut text);
    missing(&hours.missing, &mut text);
    text
}

fn exceptions_for_people(hours: &Hours) -> Table {
    let zone: chrono_tz::Tz = hours.zone.parse().unwrap_or(chrono_tz::UTC);
    let mut table = Table::new(&["WHEN", "WHAT", "BY", "CLIENT", "CAREGIVER", "SHIFT", "VISIT"]);
    for one in &hours.exceptions {
        table.row([
            one.at.map(|at| at.with_timezone(&zone).format("%a %Y-%m-%d %H:%M").to_string()).unwrap_or_default(),
            one.kind.words().to_owned(),
            one.minutes.map(clock).unwrap_or_default(),
            one.client.clone().unwrap_or_default(),
            one.caregiver.clone().unwrap_or_default(),
            one.shift.clone().unwrap_or_default(),
            one.visit.clone().unwrap_or_default(),
        ]);
    }
    table
}

fn adjustments(hours: &Hours, text: &mut String, width: usize) {
    for closed in &hours.closed {
        let _ = writeln!(
            text,
            "\nclosed: {} to {}, by {} at {}, worked {}",
            closed.from,
            closed.to,
            closed.by,
            stamp(closed.at),
            clock(closed.total.worked_minutes)
        );
    }
    if hours.adjustments.is_empty() {
        return;
    }
    let mut table = Table::new(&["CHANGED SINCE: VISIT", "CLIENT", "CAREGIVER", "WAS", "IS", "DIFFERENCE"]);
    let minutes = |visit: &Option<KeptVisit>| match visit {
        None => "not there".to_owned(),
        Some(visit) => visit.minutes.map_or_else(|| "open".to_owned(), clock),
    };
    for one in &hours.adjustments {
        let of = |pick: fn(&KeptVisit) -> &Option<String>| {
            let kept = one.is.as_ref().or(one.was.as_ref());
            kept.and_then(|kept| pick(kept).clone()).unwrap_or_default()
        };
        table.row([
            one.visit.clone(),
            of(|kept| &kept.client),
            of(|kept| &kept.caregiver),
            minutes(&one.was),
            minutes(&one.is),
            clock(one.difference_minutes),
        ]);
    }
    text.push_str(&table.text(width));
    let sum: i64 = hours.adjustments.iter().map(|one: &Adjustment| one.difference_minutes).sum();
    let _ = writeln!(text, "adjustments come to {}, {}", clock(sum), hours.where_adjustments_are());
}

/// What was billed beside what was worked: one line, and with `list` what does not meet.
fn charges(hours: &Hours, list: bool, text: &mut String, width: usize) {
    let Some(charges) = &hours.charges else {
        if list {
            text.push_str("\ncharges are not read: switch on agencies[].wellsky.sections.chargeitems\n");
        }
        return;
    };
    let (Some(as_of), Some(charged)) = (charges.as_of, charges.charged_minutes) else {
        text.push_str("\ncharges not read: nothing of these days was; add --read\n");
        return;
    };
    let _ = writeln!(
        text,
        "\ncharged {}; worked without a charge {}, charged without hours {} (charges as of {} and later)",
        clock(charged),
        clock(charges.without_charge_minutes),
        clock(charges.without_hours_minutes),
        stamp(as_of)
    );
    if charges.n_quantity_unknown > 0 {
        let _ = writeln!(text, "{} charges have no quantity that could be read", charges.n_quantity_unknown);
    }
    if list {
        text.push_str(&charges_for_people(hours, charges).text(width));
    } else if !charges.differences.is_empty() {
        let _ = writeln!(text, "{} do not meet: add --charges to see them", charges.differences.len());
    }
    for one in charges.rejected.iter().take(MISSING_SHOWN) {
        let id = one.charge.as_deref().unwrap_or("without id");
        let _ = writeln!(text, "charge {id} of client {} was left out: {}", one.client, one.reason);
    }
    if charges.rejected.len() > MISSING_SHOWN {
        let _ = writeln!(text, "and {} more; --output json lists them", charges.rejected.len() - MISSING_SHOWN);
    }
    if !charges.unread.is_empty() {
        text.push_str("CHARGES NOT COMPLETE: none is said to lack of\n");
        for one in charges.unread.iter().take(MISSING_SHOWN) {
            let _ = writeln!(text, "  client {}, week of {}: {}", one.client, one.first, one.why);
        }
        if charges.unread.len() > MISSING_SHOWN {
            let _ = writeln!(text, "  and {} more; --output json lists them", charges.unread.len() - MISSING_SHOWN);
        }
        text.push_str("add --read to read them from WellSky first\n");
    }
}

fn charges_for_people(hours: &Hours, charges: &Charges) -> Table {
    let zone: chrono_tz::Tz = hours.zone.parse().unwrap_or(chrono_tz::UTC);
    let mut table = Table::new(&["WHEN", "WHAT", "WORKED", "CHARGED", "CLIENT", "CAREGIVER", "VISIT", "CHARGE"]);
    for one in &charges.differences {
        table.row([
            one.at.with_timezone(&zone).format("%a %Y-%m-%d %H:%M").to_string(),
            one.kind.words().to_owned(),
            one.worked_minutes.map(clock).unwrap_or_default(),
            one.charged_minutes.map(clock).unwrap_or_default(),
            one.client.clone(),
            one.caregiver.clone().unwrap_or_default(),
            one.visits.join(", "),
            one.charges.join(", "),
        ]);
    }
    table
}

/// One line for whatever does not meet; what is not known is empty.
fn charges_table(charges: Option<&Charges>) -> Table {
    let mut table = Table::new(&[
        "kind",
        "at",
        "client",
        "caregiver",
        "charged_caregiver",
        "visits",
        "charges",
        "worked_minutes",
        "rounded_minutes",
        "charged_minutes",
        "difference_minutes",
    ]);
    let number = |minutes: Option<i64>| minutes.map(|minutes| minutes.to_string()).unwrap_or_default();
    for one in charges.iter().flat_map(|charges| &charges.differences) {
        table.row([
            one.kind.as_str().to_owned(),
            stamp(one.at),
            one.client.clone(),
            one.caregiver.clone().unwrap_or_default(),
            one.charged_caregiver.clone().unwrap_or_default(),
            one.visits.join(" "),
            one.charges.join(" "),
            number(one.worked_minutes),
            number(one.rounded_minutes),
            number(one.charged_minutes),
            number(one.difference_minutes),
        ]);
    }
    table
}

/// What nobody can know of a time before the agent watched.
fn known(hours: &Hours, text: &mut String) {
    let zone: chrono_tz::Tz = hours.zone.parse().unwrap_or(chrono_tz::UTC);
    match hours.edits_known_since {
        Some(since) if crate::model::local_time::start_of_day(zone, hours.from) < since => {
            let _ = writeln!(
                text,
                "\nedits known since {}: what was changed before is taken as it was first read",
                stamp(since)
            );
        }
        _ => {}
    }
    if !hours.not_asked.is_empty() {
        let n = hours.not_asked.len();
        let few =
            if n <= 5 { format!(" ({})", hours.not_asked.join(", ")) } else { "; --output json lists them".to_owned() };
        let _ = writeln!(text, "not read: {n} people on WellSky's list who are no clients now{few}");
    }
}

fn missing(missing: &[Missing], text: &mut String) {
    if missing.is_empty() {
        return;
    }
    text.push_str("\nNOT COMPLETE: minutes may be missing of\n");
    for one in missing.iter().take(MISSING_SHOWN) {
        let whose = match &one.clients {
            None => "everybody".to_owned(),
            Some(clients) if clients.len() <= 5 => format!("client {}", clients.join(", ")),
            Some(clients) => format!("{} clients", clients.len()),
        };
        let _ = writeln!(text, "  {} {}: {whose}", one.day, one.section);
    }
    if missing.len() > MISSING_SHOWN {
        let _ = writeln!(text, "  and {} more; --output json lists them", missing.len() - MISSING_SHOWN);
    }
    text.push_str("add --read to read them from WellSky first\n");
}

/// One line a client and one a caregiver; minutes are whole numbers, what is not known is empty.
#[must_use]
pub fn rows(all: &[Hours], by: Option<By>) -> Table {
    let mut table = Table::new(&[
        "agency",
        "from",
        "to",
        "as_of",
        "complete",
        "kind",
        "id",
        "name",
        "scheduled_minutes",
        "due_minutes",
        "worked_minutes",
        "rounded_minutes",
        "variance_minutes",
        "unbillable_minutes",
        "payable_minutes",
        "regular_minutes",
        "overtime_minutes",
        "overlap_minutes",
        "wanted_minutes",
        "utilisation",
        "visits",
        "running",
        "open",
        "edited",
        "unknown",
    ]);
    for hours in all {
        add_rows(&mut table, hours, by);
    }
    table
}

fn add_rows(table: &mut Table, hours: &Hours, by: Option<By>) {
    let head = |kind: &str, id: &Option<String>, name: &Option<String>| {
        vec![
            hours.agency.clone(),
            hours.from.to_string(),
            hours.to.to_string(),
            stamp(hours.as_of),
            hours.complete.to_string(),
            kind.to_owned(),
            id.clone().unwrap_or_default(),
            name.clone().unwrap_or_default(),
        ]
    };
    let sums = |sums: &Sums| {
        [
            sums.scheduled_minutes,
            sums.due_minutes,
            sums.worked_minutes,
            sums.rounded_minutes,
            sums.variance_minutes,
            sums.unbillable_minutes,
        ]
        .map(|minutes| minutes.to_string())
    };
    let counts = |sums: &Sums| {
        [sums.n_visits, sums.n_running, sums.n_open, sums.n_edited, sums.n_unknown].map(|n| n.to_string())
    };
    let empty = || std::iter::repeat_n(String::new(), 6);
    if by != Some(By::Caregiver) {
        for one in &hours.clients {
            let head = head("client", &one.client, &one.name);
            table.row(head.into_iter().chain(sums(&one.sums)).chain(empty()).chain(counts(&one.sums)));
        }
    }
    if by != Some(By::Client) {
        for one in &hours.caregivers {
            let pay = [one.payable_minutes, one.regular_minutes, one.overtime_minutes, one.overlap_minutes];
            let pay = pay.map(|minutes| minutes.to_string()).into_iter();
            let pay = pay.chain([
                one.wanted_minutes.map(|minutes| minutes.to_string()).unwrap_or_default(),
                one.utilisation.map(|share| share.to_string()).unwrap_or_default(),
            ]);
            let head = head("caregiver", &one.caregiver, &one.name);
            table.row(head.into_iter().chain(sums(&one.sums)).chain(pay).chain(counts(&one.sums)));
        }
    }
}

fn exceptions_table(exceptions: &[Exception]) -> Table {
    let mut table = Table::new(&[
        "kind",
        "at",
        "client",
        "caregiver",
        "shift",
        "visit",
        "scheduled_minutes",
        "worked_minutes",
        "minutes",
    ]);
    let number = |minutes: Option<i64>| minutes.map(|minutes| minutes.to_string()).unwrap_or_default();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    for one in exceptions {
        table.row([
            one.kind.as_str().to_owned(),
            one.at.map(stamp).unwrap_or_default(),
            text(&one.client),
            text(&one.caregiver),
            text(&one.shift),
            text(&one.visit),
            number(one.scheduled_minutes),
            number(one.worked_minutes),
            number(one.minutes),
        ]);
    }
    table
}

fn closed_text(closed: &[ClosedPeriod], output: Output, width: usize) -> String {
    if output == Output::Json {
        return json(&closed);
    }
    if closed.is_empty() && output == Output::Table {
        return "No period is closed.\n".to_owned();
    }
    let mut table =
        Table::new(&["from", "to", "closed_at", "closed_by", "scheduled_minutes", "worked_minutes", "digest"]);
    for one in closed {
        table.row([
            one.from.to_string(),
            one.to.to_string(),
            stamp(one.at),
            one.by.clone(),
            one.total.scheduled_minutes.to_string(),
            one.total.worked_minutes.to_string(),
            one.digest.clone(),
        ]);
    }
    if output == Output::Csv { table.csv() } else { table.text(width) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours() -> Hours {
        serde_json::from_value(serde_json::json!({
            "agency": "main", "zone": "America/Denver", "from": "2026-11-01", "to": "2026-11-14",
            "as_of": "2026-11-16T16:00:00Z", "complete": false,
            "missing": [{ "day": "2026-11-03", "section": "visits", "clients": ["7000102"] }],
            "week_starts": "sunday", "overtime_after_minutes": 2400, "daily_overtime_after_minutes": null, "rounding": "none",
            "total": sums(), "exceptions": [{
                "kind": "short", "at": "2026-11-10T16:00:00Z", "client": "7000101", "caregiver": "8000201", "shift": "90010001",
                "visit": "55000001", "scheduled_minutes": 240, "worked_minutes": 220, "minutes": -20,
            }],
            "clients": [with(serde_json::json!({ "client": "7000101", "name": "=HYPERLINK(1)", "weeks": [] }))],
            "caregivers": [with(serde_json::json!({
                "caregiver": "8000201", "name": null, "payable_minutes": 220, "overlap_minutes": 0, "regular_minutes": 220,
                "overtime_minutes": 0, "wanted_minutes": null, "utilisation": 0.917, "utilisation_of": "scheduled", "weeks": [],
            }))],
        }))
        .unwrap()
    }

    fn sums() -> serde_json::Value {
        serde_json::to_value(Sums {
            scheduled_minutes: 240,
            due_minutes: 240,
            worked_minutes: 220,
            rounded_minutes: 220,
            variance_minutes: -20,
            n_shifts: 1,
            n_visits: 1,
            ..Sums::default()
        })
        .unwrap()
    }

    fn with(mut value: serde_json::Value) -> serde_json::Value {
        let (Some(into), serde_json::Value::Object(sums)) = (value.as_object_mut(), sums()) else { panic!() };
        into.extend(sums);
        value
    }

    #[test]
    fn a_table_says_what_was_worked_and_what_is_missing() {
        let text = text(&hours(), None, List::Exceptions, Output::Table, usize::MAX);
        for says in [
            "main 2026-11-01 to 2026-11-14 (America/Denver)",
            "scheduled 4:00, worked 3:40",
            "92% of scheduled",
            "Tue 2026-11-10 09:00",
            "shorter than planned",
            "-0:20",
            "NOT COMPLETE",
            "2026-11-03 visits: client 7000102",
        ] {
            assert!(text.contains(says), "{says}: {text}");
        }
    }

    #[test]
    fn csv_has_a_line_each_and_no_cell_that_a_spreadsheet_would_run() {
        let text = text(&hours(), None, List::None, Output::Csv, 80);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        let n = lines[0].split(',').count();
        assert!(lines.iter().all(|line| line.split(',').count() == n), "{text}");
        assert!(lines[1].contains(",client,7000101,'=HYPERLINK(1),240,240,220,220,-20,"), "{text}");
        let only = super::text(&hours(), Some(By::Caregiver), List::None, Output::Csv, 80);
        assert_eq!(only.lines().count(), 2, "{only}");
        let exceptions = super::text(&hours(), None, List::Exceptions, Output::Csv, 80);
        assert!(
            exceptions.contains("short,2026-11-10T16:00:00Z,7000101,8000201,90010001,55000001,240,220,-20"),
            "{exceptions}"
        );
    }

    #[test]
    fn charges_are_listed_or_said_not_to_be_read() {
        let table = |hours: &Hours, list| text(hours, None, list, Output::Table, usize::MAX);
        let off = table(&hours(), List::Charges);
        assert!(off.contains("sections.chargeitems"), "{off}");
        assert!(!table(&hours(), List::None).contains("charge"), "nobody asked");
        let with =
            |charges: serde_json::Value| Hours { charges: Some(serde_json::from_value(charges).unwrap()), ..hours() };
        let unread = serde_json::json!({
            "as_of": null, "complete": false, "unread": [{ "client": "7000101", "first": "2026-11-05", "why": "not read" }],
            "rejected": [], "naive_times": null, "worked_minutes": null, "charged_minutes": null, "n_quantity_unknown": 0,
            "without_charge_minutes": 0, "without_hours_minutes": 0, "n_not_compared": 1, "differences": [],
        });
        let text = table(&with(unread.clone()), List::None);
        assert!(text.contains("charges not read") && !text.contains("charged 0:00"), "{text}");
        let mut read = unread;
        read["as_of"] = "2026-11-16T02:00:00Z".into();
        read["charged_minutes"] = 225.into();
        read["without_charge_minutes"] = 220.into();
        read["rejected"] =
            serde_json::json!([{ "client": "7000101", "charge": "66000009", "reason": "it has no start" }]);
        read["differences"] = serde_json::json!([{
            "kind": "without_charge", "at": "2026-11-10T16:00:00Z", "client": "7000101", "caregiver": "=A1",
            "charged_caregiver": null, "visits": ["55000001"], "charges": [], "worked_minutes": 220, "rounded_minutes": 220,
            "charged_minutes": null, "difference_minutes": -220,
        }]);
        let hours = with(read);
        let text = table(&hours, List::Charges);
        for says in [
            "charged 3:45; worked without a charge 3:40",
            "worked, no charge",
            "charge 66000009 of client 7000101 was left out",
            "CHARGES NOT COMPLETE",
            "client 7000101, week of 2026-11-05: not read",
        ] {
            assert!(text.contains(says), "{says}: {text}");
        }
        let csv = super::text(&hours, None, List::Charges, Output::Csv, 80);
        assert!(csv.contains("without_charge,2026-11-10T16:00:00Z,7000101,'=A1,,55000001,,220,220,,-220"), "{csv}");
    }
}
