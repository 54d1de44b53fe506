//! The vendor, in the order of the contract's first-session checklist.

use std::{
    collections::HashSet,
    io::{self, Write},
};

use chrono::{NaiveDate, Offset, TimeDelta};
use serde_json::{Value, json};

use super::{
    Line, Notes,
    probe::{Probe, Reply, Search},
    settle,
    shapes::{self, Bundle, ShiftRow},
};
use crate::{
    clock::real_now,
    config::Agency,
    model::{Instant, local_time},
};

/// Pages of a list read at most: 5 000 records.
const PAGES_MAX: usize = 50;
/// Clients whose second week is read, to see recurring ids.
const SECOND_WEEKS: usize = 3;
/// Clients whose visits are read.
const VISITS_OF: usize = 10;

/// Examines one agency's API.
pub(super) async fn examine<W: Write>(agency: &Agency, n_clients: usize, notes: &mut Notes<'_, W>) -> io::Result<()> {
    let Some(mut probe) = Probe::new(&agency.wellsky) else {
        let says = "this machine's certificates cannot be loaded; install ca-certificates";
        return notes.line(&Line::fail("TLS", says));
    };
    if !token(&mut probe, notes).await? {
        return Ok(());
    }
    let Some(clients) = clients(&mut probe, notes).await? else { return Ok(()) };
    caregivers(&mut probe, notes).await?;
    locations(&mut probe, agency, notes).await?;
    let now = real_now();
    let looked_at: Vec<&String> = clients.iter().take(n_clients).collect();
    notes.begun(&format!("reading the shifts of {} clients, one call each", looked_at.len()))?;
    let Some(mut rows) = first_week(&mut probe, agency, &looked_at, now, notes).await? else { return Ok(()) };
    pages_of_shifts(&mut probe, agency, &rows, now, notes).await?;
    second_week(&mut probe, agency, &mut rows, now, notes).await?;
    day_rule(&mut probe, agency, &rows, notes).await?;
    visits(&mut probe, agency, &rows, now, notes).await?;
    visits_of_all(&mut probe, agency, &rows, now, notes).await?;
    wrong_token(&mut probe, notes).await
}

async fn token<W: Write>(probe: &mut Probe<'_>, notes: &mut Notes<'_, W>) -> io::Result<bool> {
    let mut form = false;
    let mut reply = probe.ask_token(form).await;
    if matches!(reply.status, Some(400 | 415)) {
        form = true;
        reply = probe.ask_token(form).await;
    }
    if let Some(theirs) = reply.date {
        notes.line(&settle::skew(theirs, reply.between.0, reply.between.1))?;
    } else if reply.status.is_some() {
        notes.line(&Line::warn("clock", "the vendor's answer carries no Date, so clocks are not compared"))?;
    }
    if !reply.is_ok() || !probe.has_token() {
        let why = if reply.status == Some(400) {
            "400: not let in; check client_id and client_secret".to_owned()
        } else {
            reply.meaning()
        };
        notes.line(&Line::fail("token", format!("{why}; nothing can be read without a token")))?;
        return Ok(false);
    }
    let life = reply.body.as_ref().and_then(|body| body.get("expires_in"));
    let life = match life {
        Some(Value::String(text)) if text.bytes().all(|byte| byte.is_ascii_digit()) => format!("{text} s, as text"),
        Some(Value::Number(n)) => format!("{n} s, as a number"),
        _ => "not said, an hour is assumed".to_owned(),
    };
    let body = if form { "a form (JSON was refused)" } else { "a JSON body" };
    notes.line(&Line::ok("token", format!("given for {body}; its life: {life}")))?;
    Ok(true)
}

/// A bundle, or a FAIL line.
fn opened(what: &'static str, reply: &Reply) -> Result<Bundle, Line> {
    let bundle = reply.body.as_ref().filter(|_| reply.is_ok()).and_then(shapes::bundle);
    bundle.ok_or_else(|| Line::fail(what, reply.meaning()))
}

fn shape(bundle: &Bundle) -> String {
    let total = bundle.total.map_or_else(|| "no total".to_owned(), |(name, n)| format!("{name} {n}"));
    format!("entries {}, {total}", bundle.wrapping)
}

fn keys(bundle: &Bundle) -> Vec<String> {
    bundle.rows.iter().map(shapes::key).collect()
}

/// Every client record's id, today's clients first; `None` when they cannot be read.
async fn clients<W: Write>(probe: &mut Probe<'_>, notes: &mut Notes<'_, W>) -> io::Result<Option<Vec<String>>> {
    let first = match opened("clients", &probe.search(Search::Clients, &json!({}), &[("_count", "100")]).await) {
        Ok(first) => first,
        Err(line) => {
            notes.line(&line)?;
            return Ok(None);
        }
    };
    notes.line(&Line::ok("client list", shape(&first)))?;
    let mut seen: HashSet<String> = keys(&first).into_iter().collect();
    let total = first.total.map(|(_, n)| n);
    let more = first.rows.len() >= 100
        || total.is_some_and(|total| total > first.rows.len() as u64)
        || (total.is_none() && matches!(first.rows.len(), 20 | 30));
    let mut rows = first.rows;
    let mut whole = true;
    if more {
        notes.begun("reading all pages of the client list")?;
        let mut base_said = false;
        for page in 1..=PAGES_MAX {
            let number = page.to_string();
            let query = [("_count", "100"), ("_page", number.as_str())];
            let Ok(next) = opened("clients", &probe.search(Search::Clients, &json!({}), &query).await) else {
                whole = false;
                break;
            };
            let new: Vec<Value> = next.rows.iter().filter(|row| !seen.contains(&shapes::key(row))).cloned().collect();
            if !base_said {
                let base = if new.is_empty() { "pages count from 1" } else { "pages count from 0" };
                notes.line(&Line::ok("client pages", base))?;
                base_said = true;
                if new.is_empty() {
                    continue;
                }
            }
            if new.is_empty() {
                break;
            }
            seen.extend(new.iter().map(shapes::key));
            rows.extend(new);
            if total.is_some_and(|total| rows.len() as u64 >= total) {
                break;
            }
        }
    }
    if !whole || total.is_some_and(|total| total > rows.len() as u64) {
        let says = format!(
            "{} of {} records could be read; the agent treats such a read as incomplete",
            rows.len(),
            total.map_or_else(|| "an unknown number of".to_owned(), |n| n.to_string())
        );
        notes.line(&Line::warn("clients", says))?;
    }
    let active = rows.iter().filter(|row| row.get("active").and_then(Value::as_bool) == Some(true)).count();
    let tagged = rows.iter().filter(|row| shapes::tag(row, "isClient") == Some("true")).count();
    let (current, others): (Vec<&Value>, Vec<&Value>) = rows.iter().partition(|row| shapes::is_current(row));
    let says = format!(
        "{} records, {active} active, {tagged} tagged isClient; {} are watched closely, the others slowly",
        rows.len(),
        current.len()
    );
    notes.line(&if current.is_empty() {
        Line::fail("clients", format!("{says}; is this the right account?"))
    } else {
        Line::ok("clients", says)
    })?;
    Ok(Some(current.into_iter().chain(others).filter_map(|row| shapes::id(row.get("id"))).collect()))
}

async fn caregivers<W: Write>(probe: &mut Probe<'_>, notes: &mut Notes<'_, W>) -> io::Result<()> {
    let filters = json!({"active": "true", "is_hired": "true"});
    let reply = probe.search(Search::Caregivers, &filters, &[("_count", "100")]).await;
    notes.line(&match opened("caregivers", &reply) {
        Ok(page) if page.rows.is_empty() => {
            Line::warn("caregivers", "none are active and hired; the filter may not work for this account")
        }
        Ok(page) => Line::ok("caregivers", format!("{} on the first page, {}", page.rows.len(), shape(&page))),
        Err(line) => line,
    })
}

async fn locations<W: Write>(probe: &mut Probe<'_>, agency: &Agency, notes: &mut Notes<'_, W>) -> io::Result<()> {
    let mut reply = probe.search(Search::Locations, &json!({}), &[]).await;
    if !reply.is_ok() {
        reply = probe.search(Search::LocationsWithSlash, &json!({}), &[]).await;
    }
    let Ok(found) = opened("locations", &reply) else {
        let says = "cannot be listed here, which is common; name them under agencies[].locations by the vendor's id";
        return notes.line(&Line::ok("locations", says));
    };
    let ids: Vec<String> = found.rows.iter().filter_map(|row| shapes::id(row.get("id"))).collect();
    let unnamed: Vec<&str> = ids
        .iter()
        .map(String::as_str)
        .filter(|id| agency.locations.iter().all(|location| location.id != *id))
        .take(10)
        .collect();
    notes.line(&if unnamed.is_empty() {
        Line::ok("locations", format!("{}, all named in the configuration", ids.len()))
    } else {
        let says = format!(
            "{}; not named under agencies[].locations: {} (texts show the number instead)",
            ids.len(),
            unnamed.join(", ")
        );
        Line::warn("locations", says)
    })
}

fn week(client: &str, from: NaiveDate) -> Value {
    json!({"clientId": client, "startDate": from.format("%Y%m%d").to_string(), "additionalDays": "6"})
}

fn yesterday(agency: &Agency, now: Instant) -> NaiveDate {
    local_time::local_date(agency.timezone, now) - TimeDelta::days(1)
}

/// The shifts from yesterday to five days ahead; `None` when they cannot be read at all.
async fn first_week<W: Write>(
    probe: &mut Probe<'_>,
    agency: &Agency,
    clients: &[&String],
    now: Instant,
    notes: &mut Notes<'_, W>,
) -> io::Result<Option<Vec<ShiftRow>>> {
    let (mut rows, mut n_bad, mut n_failed, mut took) = (Vec::new(), 0, 0, Vec::new());
    let mut said = false;
    for client in clients {
        let reply = probe.search(Search::Shifts, &week(client, yesterday(agency, now)), &[("_count", "100")]).await;
        took.push((reply.between.1 - reply.between.0).num_milliseconds());
        match opened("shifts", &reply) {
            Ok(bundle) => {
                if !said && !bundle.rows.is_empty() {
                    said = true;
                    notes.line(&Line::ok("shift search", shape(&bundle)))?;
                }
                let read: Vec<ShiftRow> = bundle.rows.iter().filter_map(|row| shapes::shift(row, client)).collect();
                n_bad += bundle.rows.len() - read.len();
                rows.extend(read);
            }
            Err(line) if rows.is_empty() => {
                notes.line(&line)?;
                return Ok(None);
            }
            Err(_) => n_failed += 1,
        }
    }
    if probe.uses_lists() {
        notes.line(&Line::warn(
            "shift search",
            "POST _search is closed here; GET with the same filters works and is used",
        ))?;
    }
    if n_failed > 0 {
        let says =
            format!("{n_failed} of {} clients could not be read; those are unwatched while it lasts", clients.len());
        notes.line(&Line::warn("shifts", says))?;
    }
    took.sort_unstable();
    if let Some(median) = took.get(took.len() / 2) {
        notes.line(&Line::ok("answer time", format!("median {median} ms, longest {} ms", took[took.len() - 1])))?;
    }
    notes.lines(settle::shifts(&rows, n_bad, clients.len(), now))?;
    Ok(Some(rows))
}

async fn pages_of_shifts<W: Write>(
    probe: &mut Probe<'_>,
    agency: &Agency,
    rows: &[ShiftRow],
    now: Instant,
    notes: &mut Notes<'_, W>,
) -> io::Result<()> {
    let Some(client) = busiest(rows) else { return Ok(()) };
    let filters = week(client, yesterday(agency, now));
    let mut page = async |number: Option<&str>| {
        let mut query = vec![("_count", "100")];
        query.extend(number.map(|number| ("_page", number)));
        let reply = probe.search(Search::Shifts, &filters, &query).await;
        opened("shifts", &reply).ok().map(|bundle| keys(&bundle))
    };
    let (omitted, zero, one) = (page(None).await, page(Some("0")).await, page(Some("1")).await);
    let pinned = agency.wellsky.page_base;
    notes.line(&settle::page_base(&omitted.unwrap_or_default(), zero.as_deref(), one.as_deref(), pinned))
}

/// The client with most rows.
fn busiest(rows: &[ShiftRow]) -> Option<&str> {
    let count = |client: &str| rows.iter().filter(|row| row.client == client).count();
    rows.iter().map(|row| row.client.as_str()).max_by_key(|client| count(client))
}

async fn second_week<W: Write>(
    probe: &mut Probe<'_>,
    agency: &Agency,
    rows: &mut Vec<ShiftRow>,
    now: Instant,
    notes: &mut Notes<'_, W>,
) -> io::Result<()> {
    let mut clients: Vec<String> = rows.iter().map(|row| row.client.clone()).collect();
    clients.sort_unstable();
    clients.dedup();
    clients.truncate(SECOND_WEEKS);
    if clients.is_empty() {
        return Ok(());
    }
    let from = yesterday(agency, now) + TimeDelta::days(7);
    for client in &clients {
        let reply = probe.search(Search::Shifts, &week(client, from), &[("_count", "100")]).await;
        if let Ok(bundle) = opened("shifts", &reply) {
            rows.extend(bundle.rows.iter().filter_map(|row| shapes::shift(row, client)));
        }
    }
    notes.line(&settle::recurring(rows))
}

async fn day_rule<W: Write>(
    probe: &mut Probe<'_>,
    agency: &Agency,
    rows: &[ShiftRow],
    notes: &mut Notes<'_, W>,
) -> io::Result<()> {
    let late = rows.iter().find(|row| local_time::local_date(agency.timezone, row.start) != row.start.date_naive());
    let Some(late) = late else {
        let says = "not settled: no shift starts on different days here and in UTC; run again when there is one";
        return notes.line(&Line::ok("day rule", says));
    };
    let mut found = Vec::new();
    for day in [local_time::local_date(agency.timezone, late.start), late.start.date_naive()] {
        let filters = json!({"clientId": late.client, "startDate": day.format("%Y%m%d").to_string()});
        let reply = probe.search(Search::Shifts, &filters, &[("_count", "100")]).await;
        let Ok(bundle) = opened("day rule", &reply) else {
            return notes.line(&Line::ok("day rule", "not settled: a single day could not be read"));
        };
        let starts = bundle.rows.iter().filter_map(|row| shapes::shift(row, &late.client));
        found.push(starts.into_iter().any(|row| row.id == late.id && row.start == late.start));
    }
    notes.line(&settle::day_rule(found[0], found[1]))
}

async fn visits<W: Write>(
    probe: &mut Probe<'_>,
    agency: &Agency,
    rows: &[ShiftRow],
    now: Instant,
    notes: &mut Notes<'_, W>,
) -> io::Result<()> {
    let mut clients: Vec<&str> =
        rows.iter().filter(|row| row.start <= now && row.open.is_none()).map(|row| row.client.as_str()).collect();
    clients.sort_unstable();
    clients.dedup();
    clients.truncate(VISITS_OF);
    if clients.is_empty() {
        return notes.line(&Line::warn("visits", "no shift has started since yesterday, so check-ins are not tried"));
    }
    let day = |date: NaiveDate| date.format("%Y%m%d").to_string();
    let from = yesterday(agency, now);
    let mut found = Vec::new();
    for client in &clients {
        let filters = json!({"clientId": client, "startDate": day(from), "endDate": day(from + TimeDelta::days(2))});
        let reply = probe.search(Search::Visits, &filters, &[("_count", "100")]).await;
        match opened("visits", &reply) {
            Ok(bundle) => found.extend(bundle.rows.iter().map(shapes::visit)),
            Err(line) => return notes.line(&line),
        }
    }
    let offset = now.with_timezone(&agency.timezone).offset().fix().local_minus_utc() / 60;
    notes.lines(settle::visits(&found, rows, i64::from(offset), agency.wellsky.encounter_naive_tz, now))
}

async fn visits_of_all<W: Write>(
    probe: &mut Probe<'_>,
    agency: &Agency,
    rows: &[ShiftRow],
    now: Instant,
    notes: &mut Notes<'_, W>,
) -> io::Result<()> {
    let day = |date: NaiveDate| date.format("%Y%m%d").to_string();
    let from = yesterday(agency, now);
    let filters = json!({"startDate": day(from), "endDate": day(from + TimeDelta::days(1))});
    let reply = probe.search(Search::Visits, &filters, &[("_count", "1")]).await;
    let begun = rows.iter().any(|row| row.start <= now);
    let says = match (reply.status, opened("visits", &reply)) {
        (_, Ok(bundle)) if !bundle.rows.is_empty() => {
            "works: check-ins of the whole agency are read a page at a time, and seen within seconds"
        }
        (_, Ok(_)) if begun => "answers empty while shifts ran: not used, check-ins are read client by client",
        (_, Ok(_)) => "answers empty; nothing has run, so this is tried again at the agent's start",
        (Some(400..=499), Err(_)) => "is refused: check-ins are read client by client, around each deadline",
        (_, Err(line)) => {
            return notes.line(&Line::warn("visits of all", format!("could not be tried: {}", line.says)));
        }
    };
    notes.line(&Line::ok("visits of all", format!("a search without a client {says}")))
}

async fn wrong_token<W: Write>(probe: &mut Probe<'_>, notes: &mut Notes<'_, W>) -> io::Result<()> {
    let reply = probe.with_wrong_token().await;
    notes.line(&match reply.status {
        Some(401) => Line::ok("wrong token", "is answered 401: an expired token is renewed at once"),
        Some(403) => Line::ok("wrong token", "is answered 403: a 403 without a known body renews the token once"),
        Some(200) => Line::fail("wrong token", "is let in: this is not the vendor; check base_url"),
        Some(status) => Line::warn("wrong token", format!("is answered {status}; an expired one may go unnoticed")),
        None => Line::warn("wrong token", reply.meaning()),
    })
}
