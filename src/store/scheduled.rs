//! What is sent by the clock: up to when each is decided. Its messages are stored in the same transaction.
//!
//! Does not: know when anything is due.

use std::collections::BTreeMap;

use sqlx::SqliteConnection;

use super::{
    error::StoreError,
    outbox,
    sql::{execute, fetch, get, instant},
    writer::Memory,
};
use crate::{model::Instant, notify::message::Message};

const TABLE: &str = "scheduled";

/// How far one thing that is sent by the clock is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheduled {
    /// `briefing/morning`, `report/weekly`.
    pub name: String,
    /// The timetable it was decided by: one that is written anew begins anew.
    pub timetable: String,
    /// Everything up to this instant is decided.
    pub until: Instant,
    /// When that was.
    pub at: Instant,
    /// `noted` at the first sight, `sent`, `late`, or `failed`.
    pub outcome: String,
}

/// How one thing came out for the way it went by, where that is no outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WayWent {
    /// `folder/weekly`.
    pub name: String,
    /// Whether it failed.
    pub fails: bool,
}

/// Stores a decision and its messages. False, and nothing is stored, when as much was decided before.
pub(super) async fn put(
    connection: &mut SqliteConnection,
    memory: &mut Memory,
    decided: Scheduled,
    messages: Vec<Message>,
    way: Option<WayWent>,
) -> Result<bool, StoreError> {
    let text = "INSERT INTO scheduled (name, timetable, until, at, outcome) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (name) DO UPDATE SET timetable = excluded.timetable, until = excluded.until, at = excluded.at,
            outcome = excluded.outcome
        WHERE excluded.until > until OR excluded.timetable <> timetable";
    let Scheduled { name, timetable, until, at, outcome } = decided;
    let row = vec![name.into(), timetable.into(), until.into(), at.into(), outcome.into()];
    if execute(connection, "storing what is sent by the clock", text, row).await? == 0 {
        return Ok(false);
    }
    mark(connection, memory, way, at).await?;
    outbox::insert(connection, memory, messages, at).await?;
    Ok(true)
}

/// Notes how a way went.
pub(super) async fn mark(
    connection: &mut SqliteConnection,
    memory: &mut Memory,
    way: Option<WayWent>,
    at: Instant,
) -> Result<(), StoreError> {
    match way {
        // What is known of ways that are not marked is for those that lead to people; a folder is looked at each time.
        Some(WayWent { name, fails: false }) => {
            let text = "UPDATE gateways SET failing_since = NULL, tried_at = ?
                WHERE gateway = ? AND failing_since IS NOT NULL";
            execute(connection, "noting a folder", text, vec![at.into(), name.into()]).await.map(drop)
        }
        Some(WayWent { name, fails: true }) => outbox::mark(connection, memory, &name, true, at).await,
        None => Ok(()),
    }
}

/// How far everything is decided, by name.
pub(super) async fn all(connection: &mut SqliteConnection) -> Result<BTreeMap<String, Scheduled>, StoreError> {
    let text = "SELECT name, timetable, until, at, outcome FROM scheduled";
    let rows = fetch(connection, "reading what is sent by the clock", text, Vec::new()).await?;
    rows.iter()
        .map(|row| {
            let one = Scheduled {
                name: get(row, TABLE, 0)?,
                timetable: get(row, TABLE, 1)?,
                until: instant(row, TABLE, 2)?,
                at: instant(row, TABLE, 3)?,
                outcome: get(row, TABLE, 4)?,
            };
            Ok((one.name.clone(), one))
        })
        .collect()
}
