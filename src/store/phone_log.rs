//! Calls and texts with clients, until a day's note on the record tells of them; and up to when they were read.
//!
//! A call is stored once, with how far the list was read, in one transaction; so are a day's decision, its notes and what they
//! tell of. Does not: hold a number.

use chrono::{Days, NaiveDate};
use sqlx::SqliteConnection;

use super::{
    Scheduled,
    error::StoreError,
    heard, scheduled,
    sql::{Many, execute, fetch, get, json, unjson},
    writer::Memory,
};
use crate::{
    model::{AgencyName, Instant},
    notify::{calls::KeptCall, message::Message},
};

const TABLE: &str = "phone_log";
/// What was noted is kept for so long.
const KEPT_DAYS: u64 = 60;

/// Stores what was read, each once, and how far that was.
pub(super) async fn put(
    connection: &mut SqliteConnection,
    agency: &AgencyName,
    calls: Vec<KeptCall>,
    read: (String, Instant),
) -> Result<(), StoreError> {
    const PUT: Many = Many { head: "INSERT OR IGNORE INTO phone_log (agency, id, day, body) VALUES ", tail: "" };
    let mut rows = Vec::with_capacity(calls.len());
    for call in &calls {
        rows.push(vec![
            agency.as_str().into(),
            call.id.as_str().into(),
            call.day.to_string().into(),
            json(TABLE, call)?.into(),
        ]);
    }
    PUT.execute(connection, "storing calls", rows).await?;
    heard::listening(connection, &read.0, read.1).await
}

/// Stores that a day is decided, with its notes. False, and nothing is stored, when it was decided before.
pub(super) async fn decide(
    connection: &mut SqliteConnection,
    memory: &mut Memory,
    agency: &AgencyName,
    decided: Scheduled,
    day: NaiveDate,
    messages: Vec<Message>,
) -> Result<bool, StoreError> {
    if !scheduled::put(connection, memory, decided, messages, None).await? {
        return Ok(false);
    }
    let what = "noting which calls are told of";
    let text = "UPDATE phone_log SET noted = 1 WHERE agency = ? AND day <= ? AND noted = 0";
    execute(connection, what, text, vec![agency.as_str().into(), day.to_string().into()]).await?;
    let old = day - Days::new(KEPT_DAYS);
    let text = "DELETE FROM phone_log WHERE agency = ? AND day < ?";
    execute(connection, what, text, vec![agency.as_str().into(), old.to_string().into()]).await?;
    Ok(true)
}

/// The calls of these days, both included, that no note was decided with.
pub(super) async fn open(
    connection: &mut SqliteConnection,
    agency: &AgencyName,
    (from, to): (NaiveDate, NaiveDate),
) -> Result<Vec<KeptCall>, StoreError> {
    let text = "SELECT body FROM phone_log WHERE agency = ? AND day BETWEEN ? AND ? AND noted = 0 ORDER BY day, id";
    let values = vec![agency.as_str().into(), from.to_string().into(), to.to_string().into()];
    let rows = fetch(connection, "reading calls", text, values).await?;
    rows.iter().map(|row| unjson(TABLE, get::<&str>(row, TABLE, 0)?)).collect()
}
